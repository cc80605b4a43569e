"""Mean and variance of local statistics under conditional permutation, and the quadrants of a Moran scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Variance below this share of what it is made of is rounding.
_NOTHING = 1e-9


def row_sums(weights: Any) -> NDArray[np.float64]:
    """Return W_i = Σ_j w_ij of each row."""
    return _totals(weights.data, weights.indptr)


def square_sums(weights: Any) -> NDArray[np.float64]:
    """Return S1_i = Σ_j w_ij² of each row."""
    return _totals(weights.data**2, weights.indptr)


def _totals(data: NDArray[np.float64], indptr: NDArray[Any]) -> NDArray[np.float64]:
    """Add up what is stored in each row."""
    result = np.zeros(len(indptr) - 1)
    some = np.flatnonzero(indptr[1:] > indptr[:-1])
    if len(some):
        result[some] = np.add.reduceat(data, indptr[some])
    return result


def spread(weights: Any, drawn_from: int) -> NDArray[np.float64]:
    """Return S1_i − W_i² / m: the variance of a weighted sample without replacement from m areas, in units of theirs.

    NaN where everybody is a neighbour, so that every draw is the same.
    """
    return _spread(square_sums(weights), row_sums(weights), drawn_from)


def _spread(squares: NDArray[np.float64], totals: NDArray[np.float64], drawn_from: int) -> NDArray[np.float64]:
    shape = squares - totals**2 / drawn_from
    result: NDArray[np.float64] = np.where(shape > _NOTHING * squares, shape, np.nan)
    return result


def neighbour_sum_z(
    z: NDArray[np.float64], weights: Any, lag: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the z-score of Σ_j w_ij z_j when the neighbours of i are drawn from the n − 1 others.

    Parameters
    ----------
    z : numpy.ndarray, shape (n,)
        Deviations from the mean.
    weights : scipy.sparse.csr_array, shape (n, n)
        Any weights; scaling a row changes nothing.
    lag : numpy.ndarray, shape (n,), optional
        Σ_j w_ij z_j, where it is known already.

    Returns
    -------
    numpy.ndarray, shape (n,)
        With m the mean and S² the variance (n − 2 degrees of freedom) of the others: the mean is W_i m, the variance
        S² (S1_i − W_i²/(n − 1)) (Sokal, Oden & Thomson 1998). It is Gi's z-score (Ord & Getis 1995) and, with the sign
        of z_i, local Moran's. NaN where it has no variance.
    """
    others = len(z) - 1
    squares = float(np.sum(z * z))
    mean = -z / others
    variance = (squares - z**2 - others * mean**2) / max(others - 1, 1)
    variance = np.where(variance > _NOTHING * squares / len(z), variance, np.nan)
    totals = row_sums(weights)
    shape = _spread(square_sums(weights), totals, others)
    result: NDArray[np.float64] = ((weights @ z if lag is None else lag) - totals * mean) / np.sqrt(variance * shape)
    return result


def distance_z(z: NDArray[np.float64], weights: Any, observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the z-score of Σ_j w_ij d_ij, d_ij = Σ_v (z_vi − z_vj)², the neighbours of i being drawn.

    Parameters
    ----------
    z : numpy.ndarray, shape (n, m)
        Standardised variables, each with mean 0.
    weights : scipy.sparse.csr_array, shape (n, n)
        Any weights.
    observed : numpy.ndarray, shape (n,)
        The sums.

    Returns
    -------
    numpy.ndarray, shape (n,)
        NaN where they have no variance. Mean and variance of d_ij over j follow from sums over all areas, because
        d_ij = q_i − 2 z_i·z_j + q_j with q = Σ_v z_v², and d_ii = 0.
    """
    n = len(z)
    others = n - 1
    q = (z * z).sum(axis=1)
    total = q.sum()
    linear = [np.sum(z[:, v] * q) for v in range(z.shape[1])]
    first = n * q + total
    second = n * q**2 + np.sum(q * q) + 2.0 * q * total
    for v in range(z.shape[1]):
        second -= 4.0 * z[:, v] * linear[v]
        for u in range(z.shape[1]):
            second += 4.0 * z[:, v] * z[:, u] * np.sum(z[:, v] * z[:, u])
    mean = first / others
    variance = (second - others * mean**2) / max(others - 1, 1)
    variance = np.where(variance > _NOTHING * mean**2, variance, np.nan)
    result: NDArray[np.float64] = (observed - row_sums(weights) * mean) / np.sqrt(variance * spread(weights, others))
    return result


def quadrants(own: NDArray[np.float64], lag: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the quadrant of a Moran scatter plot: 1 high among high, 2 low-high, 3 low-low, 4 high-low, 0 on an axis.

    Parameters
    ----------
    own, lag : numpy.ndarray, shape (n,)
        Deviation of each area, and that of its neighbours.
    """
    zero, level = 1e-12 * np.abs(own).max(), 1e-12 * np.abs(lag).max()
    high, low = own > zero, own < -zero
    above, below = lag > level, lag < -level
    return (high & above) * 1 + (low & above) * 2 + (low & below) * 3 + (high & below) * 4
