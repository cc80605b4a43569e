"""Rates through a transfer matrix: numerator and denominator take the same weights, missing sources are masked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def touched_by(matrix: Any, sources: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which rows have a stored entry, zero or not, in one of the columns.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        Shape (T, S).
    sources : numpy.ndarray of bool
        Columns asked for, shape (S,).

    Returns
    -------
    numpy.ndarray of bool
        Shape (T,).
    """
    hits = np.concatenate(([0], np.cumsum(sources[matrix.indices])))
    return hits[matrix.indptr[1:]] > hits[matrix.indptr[:-1]]


def rate_columns(
    matrix: Any,
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64],
    min_coverage: float,
    *,
    mass: NDArray[np.float64] | None = None,
    rank: NDArray[np.int64] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Compute rates of targets: r = W(d∘r∘ok) / W(d∘ok) with coverage κ = (1 − z) W(d∘ok) / W d, by target.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        The transfer matrix W, shape (T, S).
    numerator, denominator : numpy.ndarray
        Counts of the sources, shape (S,), NaN where missing. Denominators are not negative.
    min_coverage : float
        Below this κ a target is missing.
    mass : numpy.ndarray, optional
        What the sources were divided by, shape (S,), for z: the share of a target's mass that lies in sources whose
        denominator is 0. They have no rate; else a neighbour that scratches such a target would lend it its own.
    rank : numpy.ndarray of int, optional
        By what each source was shared, 0 the best, shape (S,): of masses of unlike units the best count.

    Returns
    -------
    dict of str to numpy.ndarray
        ``numerator``, ``denominator``, ``rate`` and ``coverage`` of the targets, shape (T,). Numerator and denominator
        are those of the covered part.

    Notes
    -----
    Where the denominator itself is missing, κ needs a size for what is missing: the mean of the known denominators
    stands in for it, in κ only. A target inside a single source gets that source's rate bit for bit, so that a map of
    handed-down rates shows as many distinct values as there are sources.
    """
    known = ~np.isnan(denominator)
    ok = known & ~np.isnan(numerator)
    n, d = np.where(ok, numerator, 0.0), np.where(ok, denominator, 0.0)
    size = np.where(known, denominator, math.fsum(denominator[known]) / known.sum() if known.any() else 1.0)
    top, bottom, full = matrix @ n, matrix @ d, matrix @ size
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = np.where(full > 0, bottom / full, np.nan)
        rate = np.where(bottom > 0, top / bottom, np.nan)
        source_rate = np.where(d > 0, n / d, np.nan)

    if mass is not None and (ok & (d == 0)).any():
        coverage = coverage * (1.0 - _share_in(matrix, ok & (d == 0), np.nan_to_num(mass), rank))

    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    gives = (matrix.data > 0) & ((d > 0) | (n != 0))[matrix.indices]
    single = np.bincount(rows[gives], minlength=matrix.shape[0]) == 1
    from_one = gives & single[rows]
    rate[rows[from_one]] = source_rate[matrix.indices[from_one]]

    # A target of size zero has no κ; it is missing as soon as one of its sources is.
    missing = (coverage < min_coverage) | (np.isnan(coverage) & touched_by(matrix, ~ok))
    missing |= np.diff(matrix.indptr) == 0
    return {
        "numerator": np.where(missing, np.nan, top),
        "denominator": np.where(missing, np.nan, bottom),
        "rate": np.where(missing, np.nan, rate),
        "coverage": coverage,
    }


def _share_in(
    matrix: Any, sources: NDArray[np.bool_], mass: NDArray[np.float64], rank: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Return the share of each target's mass that lies in some sources, 0 for a target without mass, shape (T,)."""
    n = matrix.shape[0]
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    part = matrix.data * mass[matrix.indices]
    kind = np.zeros(len(part), dtype=np.int64) if rank is None else rank[matrix.indices]
    best = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(best, rows[part > 0], kind[part > 0])
    part = np.where(kind == best[rows], part, 0.0)
    whole, inside = np.bincount(rows, part, n), np.bincount(rows, part * sources[matrix.indices], n)
    return np.asarray(np.divide(inside, whole, out=np.zeros(n), where=whole > 0), dtype=np.float64)


def rate_matrix(matrix: Any, denominator: NDArray[np.float64]) -> Any:
    """Build the operator B that hands rates of the sources down: B = diag(1 / W d) · W · diag(d), so that B1 = 1.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        The transfer matrix W, shape (T, S).
    denominator : numpy.ndarray
        Shape (S,); NaN counts as 0.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (T, S); rows of targets without denominator are empty.
    """
    from scipy import sparse

    d = np.where(np.isnan(denominator), 0.0, denominator)
    full = matrix @ d
    inverse = np.divide(1.0, full, out=np.zeros_like(full), where=full > 0)
    operator = sparse.csr_array(sparse.diags_array(inverse) @ matrix @ sparse.diags_array(d))
    operator.eliminate_zeros()
    return operator


def mean_columns(
    size: Any, values: NDArray[np.float64], *, min_coverage: float = 0.0
) -> dict[str, NDArray[np.float64]]:
    """Compute means of targets from means of sources: x_t = Σ_s A_ts v_s / Σ_s A_ts over sources with a value.

    Parameters
    ----------
    size : scipy.sparse.csr_array
        A, what a mean is weighted by: the area that target and source have in common where no denominator exists,
        W · diag(d) where one does; at least 0, shape (T, S). For areas: ``matrix`` of :func:`.area_weights` times the
        diagonal of its ``details["mass"]``.
    values : numpy.ndarray
        Means of the sources, such as a rent per m² or a travel time; NaN is missing. Shape (S,).
    min_coverage : float
        Targets of which less than this share of the size has a value are missing.

    Returns
    -------
    dict of str to numpy.ndarray
        ``mean`` and ``coverage`` of the targets, shape (T,). A target that nothing covers is missing, never 0; one in
        a single source gets its value bit for bit.

    Notes
    -----
    Intensive variables, Goodchild & Lam (1980). Means are never handed down by W: its columns add up to 1, its rows
    do not.
    """
    ok = ~np.isnan(values)
    known = np.where(ok, values, 0.0)
    full, bottom, top = size @ np.ones(len(values)), size @ ok.astype(np.float64), size @ known
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = np.where(full > 0, bottom / full, np.nan)
        mean = np.where(bottom > 0, top / bottom, np.nan)
    rows = np.repeat(np.arange(size.shape[0]), np.diff(size.indptr))
    gives = (size.data > 0) & ok[size.indices]
    single = np.bincount(rows[gives], minlength=size.shape[0]) == 1
    from_one = gives & single[rows]
    mean[rows[from_one]] = values[size.indices[from_one]]
    return {"mean": np.where(coverage < min_coverage, np.nan, mean), "coverage": coverage}


def distinct_values(rate: NDArray[np.float64]) -> int:
    """Count the different values that are not missing: what "n distinct values" under a map says.

    Values that differ by rounding only (1e-12 relative) are one.
    """
    known = np.sort(rate[~np.isnan(rate)])
    if not len(known):
        return 0
    steps = np.diff(known) > 1e-12 * np.maximum(np.abs(known[1:]), np.abs(known[:-1]))
    return int(1 + np.count_nonzero(steps))
