"""Tests of values that were handed down from larger zones: no hotspots made by the map itself.

Handed-down values are alike inside a source zone by construction, so the usual tests at the target level reject pure
noise always. The global test here permutes the *sources* and hands each permutation down as the values were; the local
hypotheses are the sources themselves, and their labels are painted down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from geodata.errors import AreaKeyError, SpatialError, UntestableError, some
from spatial.autocorrelation.graphs import canonical, neighbour_matrix, row_standardised, summary
from spatial.autocorrelation.permutation import to_fixed_point
from spatial.autocorrelation.rates import Form, empirical_bayes
from spatial.autocorrelation.significance import upper_p
from spatial.disaggregation.rates import rate_columns, rate_matrix
from spatial.results import GlobalResult, Label, LocalResult, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    denominator: pd.Series,
    weights: WeightsLike,
    graph: Any,
    *,
    permutations: int = 999,
    rng: np.random.Generator,
    min_coverage: float = 0.5,
    form: Form = "proportion",
    graph_name: str = "",
) -> GlobalResult:
    """Test Moran's I of handed-down rates against sources in random order, handed down in the same way.

    Parameters
    ----------
    numerator, denominator : pandas.Series, shape (S,)
        Cases and people of each source zone, NaN where missing.
    weights : AllocationWeights
        Needs ``matrix`` (T × S), ``source_ids`` and ``target_ids``; both series go through this one matrix.
    graph : libpysal.graph.Graph
        Neighbours of the target zones.
    permutations : int, default 999
        Orders of the sources.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows.
    min_coverage : float, default 0.5
        A target takes part if at least this share of its people comes from sources that have a rate.
    form : {"proportion", "poisson"}
        See :func:`spatial.autocorrelation.rates.empirical_bayes`.
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
        Fewer than four sources, or fewer than two connected targets, take part.
    AreaKeyError, SpatialError
        Ids do not fit together.

    Notes
    -----
    The source rates are standardised first, z = (r − b)/√v, because rates of unequal denominators are not exchangeable;
    z is permuted over the sources and handed down by B, built once. Where W was learned from the same values it would
    have to be fitted anew in each permutation, which this function does not do.
    """
    source_ids, target_ids = pd.Index(weights.source_ids), pd.Index(weights.target_ids)
    for name, series in (("numerator", numerator), ("denominator", denominator)):
        if not series.index.is_unique or not source_ids.isin(series.index).all():
            raise AreaKeyError(
                f"expected a {name} for each source zone once, found none for "
                f"{some(source_ids.difference(series.index)) or 'none'}",
                where=_WHERE,
            )
    if permutations < 1:
        raise SpatialError(f"expected at least 1 permutation, found {permutations}", where=_WHERE)
    sources, targets = canonical(source_ids), canonical(target_ids)
    matrix = sparse.csr_array(weights.matrix)[targets][:, sources]
    names = source_ids[sources]
    standardised = empirical_bayes(numerator.reindex(names), denominator.reindex(names), form=form)
    people = denominator.reindex(names).to_numpy(dtype=np.float64, na_value=np.nan)
    known = standardised.notna().to_numpy()
    events = numerator.reindex(names).to_numpy(dtype=np.float64, na_value=np.nan)
    covered = ~np.isnan(rate_columns(matrix, events, people, min_coverage)["rate"])

    adjacency = neighbour_matrix(graph, target_ids[targets])
    member = np.flatnonzero(covered)
    adjacency = adjacency[member][:, member]
    connected = (np.diff(adjacency.indptr) > 0) | (np.bincount(adjacency.indices, minlength=len(member)) > 0)
    member, adjacency = member[connected], adjacency[connected][:, connected]
    operator = rate_matrix(matrix[member][:, np.flatnonzero(known)], people[known])
    used = np.bincount(operator.indices, minlength=operator.shape[1]) > 0
    n, effective = len(member), int(used.sum())
    if effective < MIN_SOURCES or n < 2:
        raise UntestableError(
            f"expected at least {MIN_SOURCES} source zones with a rate that reach connected targets, "
            f"found {effective} (and {n} targets)",
            where=_WHERE,
            hint="show the rates of the source zones as they are; a map of so few zones carries no test",
        )
    z = standardised.to_numpy()[known][used]
    operator = sparse.csr_array(operator[:, np.flatnonzero(used)])
    moran = _HandedDownMoran(operator, row_standardised(adjacency))

    value, expected, score, p = float("nan"), float("nan"), float("nan"), None
    if to_fixed_point(z).any() and to_fixed_point(operator @ z).any():
        value = float(moran(z[:, None])[0])
        size = max(1, _BLOCK // max(n, effective))
        simulated = np.concatenate(
            [
                moran(rng.permuted(np.repeat(z[None, :], min(size, permutations - start), axis=0), axis=1).T)
                for start in range(0, permutations, size)
            ]
        )
        expected = float(simulated.mean())
        deviation = float(simulated.std(ddof=1)) if permutations > 1 else 0.0
        score = (value - expected) / deviation if deviation > 0 else float("nan")
        p = upper_p(value, simulated)
    return GlobalResult(
        statistic="moran",
        value=value,
        expected=expected,
        z=score,
        p=p,
        permutations=permutations,
        null="random labels at the sources, handed down",
        n=n,
        n_effective=effective,
        graph=graph_name or summary(adjacency),
    )


class _HandedDownMoran:
    """Moran's I of B z for many z; M = 𝒲B is built once."""

    def __init__(self, operator: Any, weights: Any) -> None:
        self.operator = operator
        self.lagged = weights @ operator
        self.row_sums = np.asarray(weights.sum(axis=1)).ravel()
        self.factor = operator.shape[0] / float(weights.sum())

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return I of each column of z, shape (S, b)."""
        y = self.operator @ z
        mean = y.mean(axis=0)
        centred = y - mean
        lag = self.lagged @ z - self.row_sums[:, None] * mean
        result: NDArray[np.float64] = self.factor * (centred * lag).sum(axis=0) / (centred**2).sum(axis=0)
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
