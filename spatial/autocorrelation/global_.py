"""Global statistics of spatial autocorrelation: one number for the whole map, with its permutation test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, UntestableError, some
from spatial.autocorrelation.graphs import canonical, neighbour_matrix, row_standardised, summary
from spatial.autocorrelation.permutation import to_fixed_point
from spatial.autocorrelation.significance import upper_p
from spatial.results import GlobalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Areas below which the moments are not defined.
MIN_AREAS = 4

#: Numbers permuted at a time.
_BLOCK = 1 << 21

_WHERE = "global test"


def moran(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    graph_name: str = "",
) -> GlobalResult:
    """Compute Moran's I = (n/S₀) Σ_ij w_ij z_i z_j / Σ z² with row-standardised weights.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Indexed by ``area_id``, NaN where there is no value. Values handed down from larger zones need
        :func:`spatial.autocorrelation.support.global_support_test`: for them the test here rejects pure noise always.
    graph : libpysal.graph.Graph
        Neighbours of the same areas.
    permutations : int, default 9999
        Permutations of the values over the areas; 0 for none (``p`` is then None).
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows.
    graph_name : str, optional
        What the graph is called in legends.

    Returns
    -------
    GlobalResult
        ``expected`` −1/(n − 1); ``z`` under randomisation (Cliff & Ord 1981); ``p`` one-sided, upper. When all values
        are equal, ``value`` and ``z`` are NaN and ``p`` is None.

    Raises
    ------
    UntestableError
        Fewer than four areas have a value and a connection.
    AreaKeyError, SpatialError
        Ids are repeated or not those of the graph, or a value is infinite.

    Notes
    -----
    Areas without a value, and areas that neither have nor are a neighbour, are left out before anything is computed.
    """
    x, weights = _prepare(values, graph)
    weights = row_standardised(weights)
    return _test("moran", x, weights, _moran, _moran_moments, permutations, rng, graph_name or summary(weights))


def geary(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    graph_name: str = "",
) -> GlobalResult:
    """Compute Geary's C = (n − 1) Σ_ij w_ij (x_i − x_j)² / (2 S₀ Σ z²) with row-standardised weights.

    Parameters, errors and treatment of missing areas are those of :func:`moran`; ``p`` is the chance of a C at least as
    *high*, so that clustering, which makes C small, shows as a p near 1.
    """
    x, weights = _prepare(values, graph)
    weights = row_standardised(weights)
    return _test("geary", x, weights, _geary, None, permutations, rng, graph_name or summary(weights))


def getis_ord(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    graph_name: str = "",
) -> GlobalResult:
    """Compute the general G = Σ_ij w_ij x_i x_j / Σ_{i≠j} x_i x_j with binary weights (Getis & Ord 1992).

    Parameters, errors and treatment of missing areas are those of :func:`moran`; values must not be negative.
    """
    x, weights = _prepare(values, graph)
    if (x < 0).any():
        raise SpatialError("expected values that are not negative, which G is defined for", where=_WHERE)
    weights.data[:] = 1.0
    return _test("getis_ord", x, weights, _general_g, None, permutations, rng, graph_name or summary(weights))


def _prepare(values: pd.Series, graph: Any) -> tuple[NDArray[np.float64], Any]:
    """Bring values and weights into canonical order and leave out areas without a value or a connection."""
    if not values.index.is_unique:
        twice = values.index[values.index.duplicated()].unique()
        raise AreaKeyError(f"expected one value for each area, found more for {some(twice)}", where=_WHERE)
    order = canonical(values.index)
    ids = values.index[order]
    x = values.to_numpy(dtype=np.float64, na_value=np.nan)[order]
    if np.isinf(x).any():
        raise SpatialError(f"expected finite values, found infinity in {some(ids[np.isinf(x)])}", where=_WHERE)
    weights = neighbour_matrix(graph, ids)
    keep = np.flatnonzero(~np.isnan(x))
    x, weights = x[keep], weights[keep][:, keep]
    connected = (np.diff(weights.indptr) > 0) | (np.bincount(weights.indices, minlength=len(x)) > 0)
    if connected.sum() < MIN_AREAS:
        raise UntestableError(
            f"expected at least {MIN_AREAS} areas with a value and a neighbour, found {int(connected.sum())}",
            where=_WHERE,
            hint="show the values as they are, or test at a smaller level",
        )
    return x[connected], weights[connected][:, connected]


def _test(
    statistic: str,
    x: NDArray[np.float64],
    weights: Any,
    compute: Callable[[NDArray[np.float64], Any], NDArray[np.float64]],
    moments: Callable[[NDArray[np.float64], Any], tuple[float, float]] | None,
    permutations: int,
    rng: np.random.Generator,
    graph_name: str,
) -> GlobalResult:
    """Compute a statistic and where it stands among permutations of the values."""
    n = len(x)
    value, expected, z, p = float("nan"), float("nan"), float("nan"), None
    if to_fixed_point(x).any():
        value = float(compute(x[:, None], weights)[0])
        blocks = [compute(each, weights) for each in _permuted(x, permutations, rng)]
        simulated = np.concatenate([np.empty(0), *blocks])
        if moments is not None:
            expected, variance = moments(x, weights)
        elif len(simulated) > 1:
            expected, variance = float(simulated.mean()), float(simulated.var(ddof=1))
        else:
            variance = float("nan")
        z = (value - expected) / float(np.sqrt(variance)) if variance > 0 else float("nan")
        p = upper_p(value, simulated) if permutations else None
    return GlobalResult(
        statistic=statistic,
        value=value,
        expected=expected,
        z=z,
        p=p,
        permutations=permutations,
        null="random labels",
        n=n,
        n_effective=n,
        graph=graph_name,
    )


def _permuted(x: NDArray[np.float64], permutations: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield blocks (n, b) of the values in random order, one permutation a column."""
    size = max(1, _BLOCK // len(x))
    for start in range(0, permutations, size):
        copies = np.repeat(x[None, :], min(size, permutations - start), axis=0)
        yield rng.permuted(copies, axis=1).T


def _moran(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    """Return Moran's I of each column of x, shape (n, b)."""
    z = x - x.mean(axis=0)
    result: NDArray[np.float64] = len(x) / weights.sum() * (z * (weights @ z)).sum(axis=0) / (z**2).sum(axis=0)
    return result


def _geary(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    """Return Geary's C of each column of x: Σ w_ij (z_i − z_j)² = Σ_i z_i² (w_i. + w_.i) − 2 Σ w_ij z_i z_j."""
    z = x - x.mean(axis=0)
    out, into = np.asarray(weights.sum(axis=1)).ravel(), np.asarray(weights.sum(axis=0)).ravel()
    squares = z**2
    unlike = (out + into) @ squares - 2 * (z * (weights @ z)).sum(axis=0)
    result: NDArray[np.float64] = (len(x) - 1) * unlike / (2 * weights.sum() * squares.sum(axis=0))
    return result


def _general_g(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    """Return the general G of each column of x."""
    pairs = x.sum(axis=0) ** 2 - (x**2).sum(axis=0)
    result: NDArray[np.float64] = (x * (weights @ x)).sum(axis=0) / pairs
    return result


def _moran_moments(x: NDArray[np.float64], weights: Any) -> tuple[float, float]:
    """Return mean and variance of Moran's I under randomisation (Cliff & Ord 1981, eq. 1.44)."""
    n = float(len(x))
    z = x - x.mean()
    s0 = float(weights.sum())
    both = weights + weights.T
    s1 = float(both.multiply(both).sum()) / 2
    ends = np.asarray(weights.sum(axis=1)).ravel() + np.asarray(weights.sum(axis=0)).ravel()
    s2 = float((ends**2).sum())
    kurtosis = n * float((z**4).sum()) / float((z**2).sum()) ** 2
    expected = -1.0 / (n - 1)
    first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    variance = (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    return expected, variance
