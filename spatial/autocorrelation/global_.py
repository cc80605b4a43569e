"""Global statistics of spatial autocorrelation: one number for the whole map, with its permutation test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, UntestableError, some
from spatial.autocorrelation.graphs import canonical, neighbour_matrix, row_standardised, summary
from spatial.autocorrelation.moments import Moments, geary_moments, general_g_moments, moran_moments
from spatial.autocorrelation.permutation import to_fixed_point
from spatial.autocorrelation.significance import upper_p
from spatial.results import GlobalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

Transform = Literal["r", "b", "o"]

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
    transform: Transform = "r",
    graph_name: str = "",
) -> GlobalResult:
    """Compute Moran's I = (n/S₀) Σ_ij w_ij z_i z_j / Σ z².

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
    transform : {"r", "b", "o"}
        Weights standardised by row, binary, or as given.
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
        Ids are repeated or not those of the graph, a value is infinite, or a parameter makes no sense.

    Notes
    -----
    Areas without a value, and areas that neither have nor are a neighbour, are left out before anything is computed.
    """
    (x,), weights = prepare([values], graph, transform)
    return permutation_test(
        Statistic("moran", _moran, moran_moments), x, weights, permutations, rng, transform, graph_name
    )


def geary(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    transform: Transform = "r",
    graph_name: str = "",
) -> GlobalResult:
    """Compute Geary's C = (n − 1) Σ_ij w_ij (x_i − x_j)² / (2 S₀ Σ z²).

    Parameters, errors and treatment of missing areas are those of :func:`moran`. Where like areas lie together C is
    below its mean of 1 and ``z`` negative, so ``p`` is the lower one. Variance after Cliff & Ord (1981).
    """
    (x,), weights = prepare([values], graph, transform)
    statistic = Statistic("geary", _geary, geary_moments, low_is_like=True)
    return permutation_test(statistic, x, weights, permutations, rng, transform, graph_name)


def getis_ord(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    transform: Transform = "b",
    graph_name: str = "",
) -> GlobalResult:
    """Compute the general G = Σ_ij w_ij x_i x_j / Σ_{i≠j} x_i x_j, by default with binary weights (Getis & Ord 1992).

    Parameters, errors and treatment of missing areas are those of :func:`moran`; values must not be negative and not
    all be 0 but one. G is high where *high* values lie together: it says nothing of low ones.
    """
    (x,), weights = prepare([values], graph, transform)
    if (x < 0).any():
        raise SpatialError("expected values that are not negative, which G is defined for", where=_WHERE)
    statistic = Statistic("getis_ord", _general_g, general_g_moments)
    return permutation_test(statistic, x, weights, permutations, rng, transform, graph_name)


def bivariate_moran(
    values: pd.Series,
    others: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    transform: Transform = "r",
    graph_name: str = "",
) -> GlobalResult:
    """Compute the bivariate Moran (n/S₀) Σ_ij w_ij z_x,i z_y,j / √(Σz_x² Σz_y²): one variable here, another around it.

    Parameters
    ----------
    values, others : pandas.Series, shape (n,)
        x of the areas and y of their neighbours, indexed by ``area_id``.
    graph, permutations, rng, transform, graph_name
        As in :func:`moran`.

    Returns
    -------
    GlobalResult
        ``expected`` is −r/(n − 1), r the correlation of x and y inside the areas; ``z`` and ``p`` come from
        permutations of y over the areas, x being held. When either is constant, ``value`` is NaN and ``p`` None.

    Raises
    ------
    UntestableError, AreaKeyError, SpatialError
        As in :func:`moran`.

    Notes
    -----
    Anselin, Syabri & Smirnov (2002). The permutation breaks the link of x and y *inside* areas as well: where both
    are correlated and clustered, a small p does not tell which of the two made it.
    """
    (x, y), weights = prepare([values, others], graph, transform)
    if not to_fixed_point(x).any():
        y = np.zeros_like(y)  # nothing can be said of a constant, on either side
    z = x - x.mean()

    def compute(columns: NDArray[np.float64], matrix: Any) -> NDArray[np.float64]:
        centred = columns - columns.mean(axis=0)
        scale = np.sqrt((z**2).sum() * (centred**2).sum(axis=0))
        result: NDArray[np.float64] = len(z) / matrix.sum() * (z @ (matrix @ centred)) / scale
        return result

    found = permutation_test(
        Statistic("bivariate_moran", compute), y, weights, permutations, rng, transform, graph_name
    )
    if not np.isfinite(found.value):
        return found
    return replace(found, expected=-float(np.corrcoef(x, y)[0, 1]) / (len(x) - 1))


@dataclass(frozen=True, slots=True)
class Statistic:
    """A global statistic.

    Attributes
    ----------
    name : str
        As it stands in results.
    compute : callable
        (x of shape (n, b), weights) → the statistic of each column, shape (b,).
    moments : callable, optional
        (x of shape (n,), weights) → mean and variance under randomisation; without it they are those of the
        permutations.
    low_is_like : bool
        Low values of the statistic show likeness of neighbours.
    """

    name: str
    compute: Callable[[NDArray[np.float64], Any], NDArray[np.float64]]
    moments: Callable[[NDArray[np.float64], Any], Moments] | None = None
    low_is_like: bool = False


def prepare(variables: Sequence[pd.Series], graph: Any, transform: Transform) -> tuple[list[NDArray[np.float64]], Any]:
    """Bring values and weights into canonical order and leave out areas without a value or a connection.

    Parameters
    ----------
    variables : sequence of pandas.Series
        Each indexed by the areas of the graph, NaN where there is no value.
    graph : libpysal.graph.Graph
        Neighbours.
    transform : {"r", "b", "o"}
        Weights standardised by row, binary, or as given.

    Returns
    -------
    values : list of numpy.ndarray
        One of shape (n,) for each variable, without NaN.
    weights : scipy.sparse.csr_array
        Shape (n, n), rows and columns in the same order.

    Raises
    ------
    UntestableError, AreaKeyError, SpatialError
        See :func:`moran`.
    """
    if transform not in ("r", "b", "o"):
        raise SpatialError(f"expected transform r, b or o, found {transform!r}", where=_WHERE)
    index = variables[0].index
    for values in variables:
        if not values.index.is_unique:
            twice = values.index[values.index.duplicated()].unique()
            raise AreaKeyError(f"expected one value for each area, found more for {some(twice)}", where=_WHERE)
        if len(values.index.symmetric_difference(index)):
            raise AreaKeyError(
                f"expected the same areas in both variables, found on one side only "
                f"{some(values.index.symmetric_difference(index))}",
                where=_WHERE,
                hint="reindex one to the other; areas without a value stay in, as NaN",
            )
    order = canonical(index)
    ids = index[order]
    weights = neighbour_matrix(graph, ids)
    columns = np.stack([v.reindex(ids).to_numpy(dtype=np.float64, na_value=np.nan) for v in variables])
    if np.isinf(columns).any():
        raise SpatialError(
            f"expected finite values, found infinity in {some(ids[np.isinf(columns).any(axis=0)])}", where=_WHERE
        )
    keep = np.flatnonzero(~np.isnan(columns).any(axis=0))
    columns, weights = columns[:, keep], weights[keep][:, keep]
    n = len(keep)
    connected = (np.diff(weights.indptr) > 0) | (np.bincount(weights.indices, minlength=n) > 0)
    if connected.sum() < MIN_AREAS:
        raise UntestableError(
            f"expected at least {MIN_AREAS} areas with a value and a neighbour, found {int(connected.sum())}",
            where=_WHERE,
            hint="show the values as they are, or test at a smaller level",
        )
    columns, weights = columns[:, connected], weights[connected][:, connected]
    if transform == "r":
        weights = row_standardised(weights)
    elif transform == "b":
        weights.data[:] = 1.0
    return list(columns), weights


def permutation_test(
    statistic: Statistic,
    x: NDArray[np.float64],
    weights: Any,
    permutations: int,
    rng: np.random.Generator,
    transform: Transform,
    graph_name: str,
) -> GlobalResult:
    """Compute a statistic and where it stands among permutations of the values.

    Parameters
    ----------
    statistic : Statistic
        What to compute.
    x : numpy.ndarray, shape (n,)
        Values in canonical order, without NaN.
    weights : scipy.sparse.csr_array, shape (n, n)
        Transformed already.
    permutations : int
        At least 0.
    rng : numpy.random.Generator
        Of the permutations.
    transform, graph_name : str
        For the result.

    Returns
    -------
    GlobalResult
        NaN and None where all values are equal.

    Raises
    ------
    SpatialError
        The number of permutations is negative.
    """
    if permutations < 0:
        raise SpatialError(f"expected a number of permutations of at least 0, found {permutations}", where=_WHERE)
    n = len(x)
    value, expected, z = float("nan"), float("nan"), float("nan")
    upper = lower = two_sided = None
    if to_fixed_point(x).any():
        value = float(statistic.compute(x[:, None], weights)[0])
        blocks = [statistic.compute(each, weights) for each in _permuted(x, permutations, rng)]
        simulated = np.concatenate([np.empty(0), *blocks])
        variance = float("nan")
        if statistic.moments is not None:
            expected, variance = statistic.moments(x, weights)
        elif len(simulated) > 1:
            expected, variance = float(simulated.mean()), float(simulated.var(ddof=1))
        z = (value - expected) / float(np.sqrt(variance)) if variance > 0 else float("nan")
        if permutations and np.isfinite(value):
            upper, lower = upper_p(value, simulated), upper_p(-value, -simulated)
            two_sided = min(1.0, 2 * min(upper, lower))
    return GlobalResult(
        statistic=statistic.name,
        value=value,
        expected=expected,
        z=z,
        p=lower if statistic.low_is_like else upper,
        permutations=permutations,
        null="random labels",
        n=n,
        n_effective=n,
        graph=graph_name or summary(weights),
        p_upper=upper,
        p_lower=lower,
        p_two_sided=two_sided,
        transform=transform,
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
