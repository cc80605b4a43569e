"""Tests of values that were handed down from larger zones: no hotspots made by the map itself.

Handed-down values are alike inside a source zone by construction, so the usual tests at the target level reject pure
noise always. The global test here permutes the *sources* and hands each permutation down as the values were; the local
hypotheses are the sources themselves, and their labels are painted down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from geodata.errors import AreaKeyError, SpatialError, UntestableError, some
from spatial.autocorrelation.graphs import canonical, row_standardised, summary
from spatial.autocorrelation.neighbours import prepare
from spatial.autocorrelation.permutation import to_fixed_point
from spatial.autocorrelation.rates import Form, empirical_bayes, rate_moments
from spatial.autocorrelation.significance import upper_p
from spatial.disaggregation.rates import rate_columns, rate_matrix
from spatial.results import GlobalResult, Label, LocalResult, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What the figures of the sources are.
SourceKind = Literal["rate", "mean", "count"]

#: Sources below which there are too few orders to permute (4! = 24).
MIN_SOURCES = 4

#: Numbers handed down at a time.
_BLOCK = 1 << 21

_WHERE = "support-aware test"


class WeightsLike(Protocol):
    """What is needed of an allocation: how much of each source goes to each target."""

    @property
    def matrix(self) -> Any:
        """Sparse matrix, shape (T, S), not negative."""

    @property
    def source_ids(self) -> pd.Index:
        """Ids of the columns."""

    @property
    def target_ids(self) -> pd.Index:
        """Ids of the rows."""


def expected_moran(operator: Any, weights: Any) -> float:
    """Approximate the mean of Moran's I under exchangeable sources: (n/S₀) tr(BᵀM₀𝒲M₀B) / tr(BᵀM₀B).

    Parameters
    ----------
    operator : scipy.sparse.csr_array, shape (n, S)
        B with rows adding up to 1.
    weights : scipy.sparse.csr_array, shape (n, n)
        𝒲.

    Returns
    -------
    float
        Ratio of the two expectations. The traces are expanded, M₀ = I − 11ᵀ/n never becomes a dense matrix.
    """
    n = operator.shape[0]
    s0 = float(weights.sum())
    one = np.ones(n)
    handed = weights @ operator
    columns = operator.T @ one
    cross = (handed.T @ one) @ columns + columns @ (operator.T @ (weights @ one))
    top = float(operator.multiply(handed).sum()) - cross / n + s0 / n**2 * float(columns @ columns)
    bottom = float(operator.multiply(operator).sum()) - float(columns @ columns) / n
    return float(n / s0 * top / bottom)


def global_support_test(
    numerator: pd.Series,
    denominator: pd.Series | None,
    weights: WeightsLike,
    graph: Any,
    *,
    kind: SourceKind = "rate",
    size: pd.Series | None = None,
    permutations: int = 999,
    rng: np.random.Generator,
    min_coverage: float = 0.5,
    form: Form = "proportion",
    refit: Callable[[pd.Series], WeightsLike] | None = None,
    graph_name: str = "",
) -> GlobalResult:
    """Test Moran's I of handed-down rates against sources in random order, handed down in the same way.

    Parameters
    ----------
    numerator, denominator : pandas.Series, shape (S,)
        Cases and people of each source zone, NaN where missing. For plain values the first holds the values, and the
        second is None.
    weights : AllocationWeights
        Needs ``matrix`` (T × S), ``source_ids`` and ``target_ids``; both series go through this one matrix.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the target zones; prepared once (:func:`spatial.autocorrelation.neighbours.prepare`) it serves
        many tests.
    kind : {"rate", "mean", "count"}
        Cases of people; plain values, one a source, without a denominator (means, indices); counts, which are refused.
    size : pandas.Series, shape (S,), optional
        For plain values: how much each source weighs in a target that several sources share; without it, the same.
    permutations : int, default 999
        Orders of the sources.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows.
    min_coverage : float, default 0.5
        A target takes part if at least this share of its people comes from sources that have a rate.
    form : {"proportion", "poisson"}
        See :func:`spatial.autocorrelation.rates.empirical_bayes`.
    refit : callable, optional
        Where W was learned from these figures: given the numerator of one permutation, indexed as `numerator`, the
        weights that would have been learned from it. One fit for each permutation.
    graph_name : str, optional
        What the graph is called in legends.

    Returns
    -------
    GlobalResult
        ``value`` is I of the handed-down standardised rates; ``expected`` and ``z`` come from the permutations;
        ``n`` targets, ``n_effective`` sources. When all rates are equal, ``value`` is NaN and ``p`` None.

    Raises
    ------
    UntestableError
        Counts, fewer than four sources, or fewer than two connected targets.
    AreaKeyError, SpatialError
        Ids do not fit together, a value is infinite, or a parameter makes no sense.

    Notes
    -----
    Source rates are standardised first, z = (r − b)/√v, because rates of unequal denominators are not exchangeable;
    plain values by mean and standard deviation. z is permuted over the sources and handed down by B, built once.
    With M₀ = I − 11ᵀ/n, I = (n/S₀) zᵀ(BᵀM₀𝒲M₀B)z / zᵀ(BᵀM₀B)z: two matrices of the sources, so that a permutation
    costs nothing at the targets.

    A count is no such value: its operator W has rows that do not add up to 1, so that a zone of many people makes a
    high target under any order of the sources, and no order is like any other.
    """
    if kind not in ("rate", "mean", "count"):
        raise SpatialError(f"expected kind rate, mean or count, found {kind!r}", where=_WHERE)
    if kind == "count":
        raise UntestableError(
            "expected rates or means, found counts: sources of unequal size are not exchangeable, so that a pattern of "
            "counts says where many people live",
            where=_WHERE,
            hint="give the people that the cases are counted among as denominator, and test the rate",
        )
    if (kind == "rate") == (denominator is None) or (kind == "rate" and size is not None):
        raise SpatialError(
            "expected a denominator (and no size) for rates, and none for means", where=_WHERE, hint="see `kind`"
        )
    if permutations < 1:
        raise SpatialError(f"expected at least 1 permutation, found {permutations}", where=_WHERE)
    neighbours = prepare(graph, graph_name)
    sources, targets = canonical(pd.Index(weights.source_ids)), neighbours.rows_of(pd.Index(weights.target_ids))
    names = pd.Index(weights.source_ids)[sources]
    events = _of_sources("numerator", numerator, names)
    if denominator is not None:
        people = _of_sources("denominator", denominator, names)
        standardised = empirical_bayes(pd.Series(events, names), pd.Series(people, names), form=form).to_numpy()
        shares = events, people
    else:
        people = np.ones(len(names)) if size is None else _of_sources("size", size, names)
        if not (people > 0).all():
            raise SpatialError("expected a size above 0 for every source", where=_WHERE)
        standardised = _standardised(events)
        shares = events * people, people
    known = ~np.isnan(standardised)
    matrix = sparse.csr_array(weights.matrix)[targets][:, sources]
    covered = ~np.isnan(rate_columns(matrix, *shares, min_coverage)["rate"])

    member = np.flatnonzero(covered)
    adjacency = neighbours.matrix[member][:, member]
    connected = (np.diff(adjacency.indptr) > 0) | (np.bincount(adjacency.indices, minlength=len(member)) > 0)
    member, adjacency = member[connected], adjacency[connected][:, connected]
    columns = np.flatnonzero(known)
    operator = rate_matrix(matrix[member][:, columns], people[columns])
    columns = columns[np.bincount(operator.indices, minlength=operator.shape[1]) > 0]
    n, effective = len(member), len(columns)
    if effective < MIN_SOURCES or n < 2:
        raise UntestableError(
            f"expected at least {MIN_SOURCES} source zones with a value that reach connected targets, "
            f"found {effective} (and {n} targets)",
            where=_WHERE,
            hint="show the values of the source zones as they are; a map of so few zones carries no test",
        )
    z = standardised[columns]
    lag = row_standardised(adjacency)

    def moran_of(allocation: Any) -> _HandedDownMoran:
        return _HandedDownMoran(rate_matrix(allocation[member][:, columns], people[columns]), lag)

    moran = moran_of(matrix)
    value, expected, score = float("nan"), float("nan"), float("nan")
    upper = lower = None
    if to_fixed_point(z).any() and moran.varies(z):
        value = float(moran(z[:, None])[0])
        if refit is None:
            simulated = np.concatenate([moran(each) for each in _orders(z, permutations, rng)])
        else:
            simulated = np.empty(permutations)
            scale = _scale(events[columns], people[columns], form) if denominator is not None else None
            for i in range(permutations):
                order = rng.permutation(effective)
                figures = events.copy()
                figures[columns] = events[columns][order] if scale is None else scale(z[order])
                again = refit(pd.Series(figures, index=names).reindex(numerator.index))
                learned = sparse.csr_array(again.matrix)
                rows = neighbours.rows_of(pd.Index(again.target_ids))
                learned = learned[rows][:, pd.Index(again.source_ids).get_indexer(names)]
                simulated[i] = moran_of(learned)(z[order][:, None])[0]
        expected = float(simulated.mean())
        deviation = float(simulated.std(ddof=1)) if permutations > 1 else 0.0
        score = (value - expected) / deviation if deviation > 0 else float("nan")
        upper, lower = upper_p(value, simulated), upper_p(-value, -simulated)
    return GlobalResult(
        statistic="moran",
        value=value,
        expected=expected,
        z=score,
        p=upper,
        permutations=permutations,
        null="random labels at the sources, handed down",
        n=n,
        n_effective=effective,
        graph=graph_name or (summary(adjacency) if len(member) < len(neighbours.ids) else neighbours.name),
        p_upper=upper,
        p_lower=lower,
        p_two_sided=None if upper is None or lower is None else min(1.0, 2 * min(upper, lower)),
    )


def _of_sources(name: str, series: pd.Series, names: pd.Index) -> NDArray[np.float64]:
    """Return the figures of the sources in their order."""
    if not series.index.is_unique or not names.isin(series.index).all():
        raise AreaKeyError(
            f"expected a {name} for each source zone once, found none for "
            f"{some(names.difference(series.index)) or 'none'}",
            where=_WHERE,
        )
    values: NDArray[np.float64] = series.reindex(names).to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise SpatialError(f"expected a finite {name}, found infinity in {some(names[np.isinf(values)])}", where=_WHERE)
    return values


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (x − mean)/SD of those that are there; 0 where all are equal."""
    there = values[~np.isnan(values)]
    deviation = float(there.std()) if len(there) and to_fixed_point(there).any() else 0.0
    centred = values - (there.mean() if len(there) else 0.0)
    return centred / deviation if deviation > 0 else centred * 0.0


def _scale(
    events: NDArray[np.float64], people: NDArray[np.float64], form: Form
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return what turns scores back into cases of the sources where they now stand: e = x (b + z √v), at least 0."""
    b, variance = rate_moments(events, people, form)
    return lambda z: np.clip(people * (b + z * np.sqrt(variance)), 0.0, None)


def _orders(z: NDArray[np.float64], permutations: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield blocks (S, b) of the sources in random order."""
    size = max(1, _BLOCK // len(z))
    for start in range(0, permutations, size):
        yield rng.permuted(np.repeat(z[None, :], min(size, permutations - start), axis=0), axis=1).T


class _HandedDownMoran:
    """Moran's I of B z for many z, as a ratio of two quadratic forms of the sources."""

    def __init__(self, operator: Any, weights: Any) -> None:
        n = operator.shape[0]
        one = np.ones(n)
        handed = weights @ operator
        self.operator, self.n, self.s0 = operator, n, float(weights.sum())
        self.cross, self.square = sparse.csr_array(operator.T @ handed), sparse.csr_array(operator.T @ operator)
        self.columns = operator.T @ one
        self.around = handed.T @ one + operator.T @ (weights @ one)  # 1ᵀ𝒲B + (Bᵀ𝒲1)ᵀ

    def varies(self, z: NDArray[np.float64]) -> bool:
        """Say whether the targets differ at all."""
        return bool(to_fixed_point(self.operator @ z).any())

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return I of each column of z, shape (S, b); centring at the targets costs terms of rank one."""
        total = self.columns @ z
        above = (z * (self.cross @ z)).sum(axis=0) - total * (self.around @ z - self.s0 / self.n * total) / self.n
        below = (z * (self.square @ z)).sum(axis=0) - total**2 / self.n
        result: NDArray[np.float64] = self.n / self.s0 * above / below
        return result


def paint_down(source_result: LocalResult, source_of: pd.Series) -> LocalResult:
    """Give every target the result of the source zone it lies in: "its Gemeinde is a hotspot".

    Parameters
    ----------
    source_result : LocalResult
        Local tests of the source zones on the graph of the source zones.
    source_of : pandas.Series
        Source id of each target, indexed by target ``area_id``; NaN where it lies in none.

    Returns
    -------
    LocalResult
        Every column is that of the source, ``support`` names it; ``n_effective`` stays the number of sources tested. A
        target without a source is ``undefined``.

    Raises
    ------
    AreaKeyError
        Target ids are repeated, or a source has no result.
    """
    if not source_of.index.is_unique:
        twice = source_of.index[source_of.index.duplicated()].unique()
        raise AreaKeyError(f"expected one source for each target, found more for {some(twice)}", where=_WHERE)
    missing = pd.Index(source_of.dropna().unique()).difference(source_result.table.index)
    if len(missing):
        raise AreaKeyError(f"no result for the source zones {some(missing)}", where=_WHERE)
    table = source_result.table.reindex(source_of)
    table.index = source_of.index.rename("area_id")
    nowhere = source_of.isna().to_numpy()
    table.loc[nowhere, ["label", "gi_star_label"]] = str(Label.NO_LABEL)
    table.loc[nowhere, "state"] = str(State.UNDEFINED)
    table.loc[nowhere, "support"] = ""
    counts = ["quadrant", "neighbours"]
    table[counts] = table[counts].fillna(0).astype(np.int64)
    return replace(source_result, table=table)
