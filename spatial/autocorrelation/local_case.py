"""What all local tests have in common: options, states, and the table that results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.autocorrelation.graphs import components
from spatial.autocorrelation.neighbours import Neighbours, prepare, transformed
from spatial.autocorrelation.permutation import to_fixed_point
from spatial.autocorrelation.rates import Form, empirical_bayes
from spatial.autocorrelation.significance import Correction, adjust, discoveries, pseudo_p, resolution_warning
from spatial.results import Label, LocalResult, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.autocorrelation.permutation import Counts

WHERE = "local tests"

#: Labels and states are handled as numbers, and named when the table is made.
LABELS = tuple(Label)
STATES = tuple(State)
CODE: Mapping[str, int] = {str(label): number for number, label in enumerate(LABELS)}
#: Their texts, from which columns are taken by code.
_LABEL_TEXTS, _STATE_TEXTS = (pd.array([str(each) for each in words], dtype="str") for words in (LABELS, STATES))
_STATE: Mapping[State, int] = {state: number for number, state in enumerate(STATES)}


class Options(TypedDict, total=False):
    """Options that every local test takes.

    Parameters
    ----------
    permutations : int, default 99 999
        Draws, shared by all areas (:mod:`spatial.autocorrelation.permutation`).
    alpha : float, default 0.05
        Level of the test, after correction.
    correction : {"fdr", "by", "none"}, default "fdr"
        Benjamini-Hochberg, Benjamini-Yekutieli or none, over all tested areas.
    context : pandas.Series of bool, optional
        Areas outside the county: they count for n, mean, draws and correction, but get no label.
    suppressed : pandas.Series of bool, optional
        Areas whose value is withheld; it must be NaN already.
    min_areas : int, default 30
        With fewer testable areas nothing is tested; all get the state ``untestable``.
    mid_p : bool, default False
        Count ties by half: less conservative for discrete data.
    transform : {"r", "b", "o"}, default "r"
        Rows standardised, binary, or weights as they were given, after areas without a value have been taken out. It
        changes the scale of the statistic; z and p change only where the weights of one area differ.
    graph_name : str, optional
        What the graph is called in legends.
    """

    permutations: int
    alpha: float
    correction: Correction
    context: pd.Series | None
    suppressed: pd.Series | None
    min_areas: int
    mid_p: bool
    transform: str
    graph_name: str


class RateOptions(Options, total=False):
    """Options of tests that also take rates.

    Parameters
    ----------
    population : pandas.Series, optional
        With it the values are counts, and what is tested are rates standardised by empirical Bayes
        (:func:`spatial.autocorrelation.rates.empirical_bayes`), so that small populations do not make the map.
    form : {"proportion", "poisson"}, default "proportion"
        Counts are part of the population, or rare events that need not be.
    """

    population: pd.Series | None
    form: Form


@dataclass(frozen=True, slots=True)
class Settings:
    """Options with their defaults, checked."""

    permutations: int = 99_999
    alpha: float = 0.05
    correction: Correction = "fdr"
    context: pd.Series | None = None
    suppressed: pd.Series | None = None
    min_areas: int = 30
    mid_p: bool = False
    transform: str = "r"
    graph_name: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise SpatialError(f"expected a level alpha between 0 and 1, found {self.alpha!r}", where=WHERE)
        if self.correction not in ("fdr", "by", "none"):
            raise SpatialError(f"expected correction fdr, by or none, found {self.correction!r}", where=WHERE)
        if self.permutations < 1:
            raise SpatialError(f"expected at least 1 permutation, found {self.permutations}", where=WHERE)


@dataclass(slots=True)
class Case:
    """Areas in canonical order, sorted into those that can be tested and those that cannot.

    Attributes
    ----------
    x : list of numpy.ndarray, shape (n,)
        The variables of the n areas that have a value and a connection.
    raw, weights : scipy.sparse.csr_array, shape (n, n)
        Their weights as given, or binary where that was asked for, and transformed. They differ by a factor for each
        row at most, so that counts of draws are the same.
    testable : numpy.ndarray of bool, shape (n,)
        Which of them have a neighbour.
    sites : numpy.ndarray of int
        Positions, among all areas, of those that are tested.
    """

    settings: Settings
    neighbours: Neighbours
    index: pd.Index
    rows: NDArray[np.intp]
    x: list[NDArray[np.float64]]
    raw: Any
    weights: Any
    testable: NDArray[np.bool_]
    sites: NDArray[np.intp]
    outside: NDArray[np.bool_]
    state: NDArray[np.int8]
    degree: NDArray[np.int64]
    warnings: list[str] = field(default_factory=list)

    def narrow(self, wanted: NDArray[np.bool_]) -> None:
        """Leave the test of all but some of the areas; the others are untestable."""
        if not len(self.sites):
            return
        self.state[self.sites[~wanted[self.testable]]] = _STATE[State.UNTESTABLE]
        self.sites = self.sites[wanted[self.testable]]
        self.testable = self.testable & wanted


def split(values: pd.Series, options: RateOptions) -> tuple[pd.Series, pd.Series, Settings]:
    """Return what is tested and what is shown (standardised and raw rates, or twice the values), and the settings."""
    rest: Any = dict(options)
    population, form = rest.pop("population", None), rest.pop("form", "proportion")
    settings = Settings(**rest)
    if population is None:
        return values, values, settings
    standardised = empirical_bayes(values, population, form=form)
    people = population.reindex(values.index).to_numpy(dtype=np.float64, na_value=np.nan)
    shown = values.to_numpy(dtype=np.float64, na_value=np.nan) / np.where(people > 0, people, np.nan)
    return standardised, pd.Series(shown, index=values.index), settings


def examine(variables: Sequence[pd.Series], graph: Any, settings: Settings) -> Case:
    """Sort areas into states, and bring values and weights of the others into canonical order.

    Parameters
    ----------
    variables : sequence of pandas.Series, shape (n,)
        Indexed by ``area_id``, NaN where there is no value; all have the areas of the first.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    settings : Settings
        Options of the test.

    Returns
    -------
    Case
        ``state`` of an area is, in this order, suppressed, undefined (a value is missing, or all are equal), isolated,
        untestable, tested.

    Raises
    ------
    AreaKeyError
        Ids are repeated, or variables or flags have other areas.
    SpatialError
        The areas are not those of the graph, a value is infinite, or a withheld value is not NaN.
    """
    index = variables[0].index
    if not index.is_unique:
        twice = index[index.duplicated()].unique()
        raise AreaKeyError(f"expected one value for each area, found more for {some(twice)}", where=WHERE)
    neighbours = prepare(graph, settings.graph_name)
    ids = neighbours.ids
    rows = neighbours.rows_of(index)
    columns = []
    for variable in variables:
        if variable.index is not index and not variable.index.equals(index):
            if not variable.index.is_unique or len(variable) != len(index) or not variable.index.isin(index).all():
                raise AreaKeyError("expected every variable for the same areas, once each", where=WHERE)
            variable = variable.reindex(index)
        column = variable.to_numpy(dtype=np.float64, na_value=np.nan)[rows]
        if np.isinf(column).any():
            raise SpatialError(f"expected finite values, found infinity in {some(ids[np.isinf(column)])}", where=WHERE)
        columns.append(column)
    withheld = _flags(settings.suppressed, ids, "suppressed")
    outside = _flags(settings.context, ids, "context")
    have = ~np.isnan(columns[0])
    for column in columns[1:]:
        have &= ~np.isnan(column)
    if (leak := withheld & have).any():
        raise SpatialError(
            f"expected no value where it is suppressed, found one in {some(ids[leak])}",
            where=WHERE,
            hint="set suppressed values to NaN before anything is computed from them",
        )

    weights = neighbours.matrix
    if have.all():
        member, degree = np.arange(len(ids)), np.diff(weights.indptr).astype(np.int64)
    else:
        member = np.flatnonzero(have)
        ones = weights.copy()
        ones.data = np.ones(len(weights.data), dtype=np.int64)
        degree = np.asarray(ones @ have.astype(np.int64))
        weights = weights[member][:, member]
    testable = np.diff(weights.indptr) > 0
    if not testable.all():
        connected = testable | (np.bincount(weights.indices, minlength=len(member)) > 0)
        member, weights = member[connected], weights[connected][:, connected]
        testable = testable[connected]
    sites = member[testable]

    state = np.full(len(ids), _STATE[State.UNDEFINED], dtype=np.int8)
    state[have] = _STATE[State.ISOLATED]
    state[withheld] = _STATE[State.SUPPRESSED]
    x = [column[member] for column in columns]
    warnings = []
    constant = [len(sites) > 0 and not to_fixed_point(column).any() for column in x]
    if any(constant):
        which = "" if len(x) == 1 else f" of {variables[constant.index(True)].name}"
        warnings.append(
            f"all values{which} that have a neighbour are equal: there is nothing to test, and no label is given"
        )
        state[sites] = _STATE[State.UNDEFINED]
        sites = sites[:0]
    elif len(sites) < settings.min_areas:
        warnings.append(
            f"{len(sites)} areas with a value and a neighbour are too few for local tests, at least "
            f"{settings.min_areas} are needed: show the values as they are, test at a smaller level where the figure "
            "is observed, or add the areas around the county as context"
        )
        state[sites] = _STATE[State.UNTESTABLE]
        sites = sites[:0]
    else:
        state[sites] = _STATE[State.TESTED]
    raw = weights
    whole = weights is neighbours.matrix and settings.transform == "r"
    scaled = neighbours.standardised if whole else transformed(weights, settings.transform)
    if settings.transform == "b":
        raw = scaled
    return Case(settings, neighbours, index, rows, x, raw, scaled, testable, sites, outside, state, degree, warnings)


def conclude(
    case: Case,
    name: str,
    shown: pd.Series | None,
    counts: Counts | None,
    columns: Mapping[str, NDArray[Any]],
    label: Callable[[NDArray[np.bool_], NDArray[np.bool_]], Mapping[str, NDArray[np.int8]]],
) -> LocalResult:
    """Turn counts of draws into p-values, labels and the table in the caller's order.

    Parameters
    ----------
    case : Case
        The areas.
    name : str
        What the statistic is called.
    shown : pandas.Series or None
        Column ``value``.
    counts : Counts or None
        Of the n areas; None where nothing is tested.
    columns : mapping of str to numpy.ndarray, shape (n,)
        Statistics, z-scores and ``quadrant``; where nothing is tested only their names are read.
    label : callable
        Given which areas were found and which of those on the upper side, the codes of their labels.

    Returns
    -------
    LocalResult
        Frozen.
    """
    settings, n = case.settings, len(case.index)
    here = case.rows[case.sites]
    tested = counts is not None and len(here) > 0
    numbers: dict[str, NDArray[Any]] = {}
    texts: dict[str, NDArray[np.int8]] = {}
    chances = dict.fromkeys(("p_upper", "p_lower", "p", "p_adjusted"))
    for key in (*(key for key in columns if key != "quadrant"), *chances):
        numbers[key] = np.full(n, np.nan)
    quadrant = np.zeros(n, dtype=np.int64)
    parts = 0
    if counts is not None and tested:
        upper, lower, p = (each[case.testable] for each in pseudo_p(counts, mid_p=settings.mid_p))
        adjusted = adjust(p, settings.correction)
        for key, column in zip(chances, (upper, lower, p, adjusted), strict=True):
            numbers[key][here] = column
        for key, column in columns.items():
            (quadrant if key == "quadrant" else numbers[key])[here] = column[case.testable]
        everybody = case.raw.shape == case.neighbours.matrix.shape
        parts = case.neighbours.parts if everybody else components(case.raw)
        if warning := resolution_warning(len(here), settings.permutations, settings.alpha, settings.correction):
            case.warnings.append(warning)
        found, high = discoveries(adjusted, settings.alpha), upper < lower
    else:
        found = high = np.zeros(0, dtype=np.bool_)
    for key, codes in label(found, high).items():
        texts[key] = np.full(n, CODE[Label.NO_LABEL], dtype=np.int8)
        if tested:
            texts[key][here] = np.where(case.outside[case.sites], CODE[Label.NO_LABEL], codes)
    state, degree = np.empty_like(case.state), np.empty_like(case.degree)
    state[case.rows], degree[case.rows] = case.state, case.degree
    support = case.neighbours.texts
    if case.rows is not case.neighbours.rows:
        position = np.empty(n, dtype=np.intp)
        position[case.rows] = case.neighbours.rows
        support = support.take(position)
    value = np.full(n, np.nan) if shown is None else shown.to_numpy(dtype=np.float64, na_value=np.nan)
    table = pd.DataFrame(
        {
            "value": value.copy(),
            **numbers,
            "quadrant": quadrant,
            **{key: _LABEL_TEXTS.take(codes) for key, codes in texts.items()},
            "state": _STATE_TEXTS.take(state),
            "neighbours": degree,
            "support": support,
        },
        index=case.index.rename("area_id"),
        copy=False,
    )
    return LocalResult(
        table=table,
        permutations=settings.permutations,
        alpha=settings.alpha,
        correction=settings.correction,
        n_effective=len(here),
        components=parts,
        graph=case.neighbours.name,
        warnings=tuple(case.warnings),
        statistic=name,
        transform=settings.transform,
        mid_p=settings.mid_p,
    )


def _flags(flags: pd.Series | None, ids: pd.Index, name: str) -> NDArray[np.bool_]:
    """Align flags with the areas; an area without a flag is an error, not False."""
    if flags is None:
        return np.zeros(len(ids), dtype=np.bool_)
    if not flags.index.is_unique or not ids.isin(flags.index).all() or flags.isna().any():
        raise AreaKeyError(
            f"expected one True or False for each area in {name}; without: "
            f"{some(ids.difference(flags.index)) or 'none'}",
            where=WHERE,
        )
    return flags.reindex(ids).to_numpy(dtype=np.bool_)
