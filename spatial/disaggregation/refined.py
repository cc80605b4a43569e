"""A fine mass learned from many coarse totals of the same survey: persons per dwelling or child from 1 km cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spatial.disaggregation.learned import Sums, checked_covariates

if TYPE_CHECKING:
    from numpy.typing import NDArray


def refine_mass(
    covariates: NDArray[Any], coarse: NDArray[np.int64], totals: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learn a fine mass from known totals of many coarse cells, and keep those totals.

    Parameters
    ----------
    covariates : numpy.ndarray
        Masses of fine cells (attributes of a census on 100 m), at least 0, NaN is none, shape (n, p).
    coarse : numpy.ndarray of int64
        Position of the coarse cell of each fine one, shape (n,).
    totals : numpy.ndarray
        Known totals of the coarse cells (inhabitants on 1 km), shape (C,); NaN is unknown.

    Returns
    -------
    mass : numpy.ndarray
        Mass of the fine cells, shape (n,), adding up to every known total. A coarse cell without learned mass is spread
        evenly over its fine cells; one without a known total keeps what was learned.
    coefficients : numpy.ndarray
        Counts per unit of each covariate, at least 0, shape (p,).

    Raises
    ------
    SpatialError
        Values are negative or infinite, or there are fewer than three coarse cells with a total.

    Notes
    -----
    Non-negative least squares with 1/√y scaling over the coarse cells, then rescaling. Both sides come from one and the
    same survey and moment, so nothing is assumed about later years.

    Examples
    --------
    >>> import numpy as np
    >>> dwellings = np.array([1.0, 3, 2, 2, 5, 0])
    >>> mass, per_dwelling = refine_mass(dwellings[:, None], np.array([0, 0, 1, 1, 2, 2]), np.array([8.0, 8, 10]))
    >>> mass.tolist(), per_dwelling.tolist()
    ([2.0, 6.0, 4.0, 4.0, 10.0, 0.0], [2.0])
    """
    from scipy.optimize import nnls

    _, x = checked_covariates(np.ones(len(covariates)), covariates, signed=False)
    sums = Sums.of(np.ones(len(x)), coarse, totals)
    n = len(sums.kept)
    a = np.column_stack([np.bincount(coarse, column, n) for column in x.T])
    known = sums.kept & (np.nan_to_num(totals) > 0)
    w = 1.0 / np.sqrt(np.asarray(totals, dtype=np.float64)[known])
    size = np.sqrt(((a[known] * w[:, None]) ** 2).sum(axis=0))
    size[size == 0] = 1.0
    solution, _ = nnls(a[known] * w[:, None] / size, 1.0 / w)
    coefficients = solution / size
    mass = x @ coefficients
    learned = np.bincount(coarse, mass, n)
    even = sums.kept & (learned == 0)
    mass = np.where(even[coarse], 1.0, mass)
    learned = np.bincount(coarse, mass, n)
    factor = np.divide(totals, learned, out=np.ones(n), where=sums.kept)
    return mass * factor[coarse], np.asarray(coefficients, dtype=np.float64)
