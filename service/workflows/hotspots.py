"""Fourth station: where values cluster, tested at the level at which they are known."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geodata.errors import UntestableError
from geodata.models import Indicator, Status, Text
from geodata.store.model import Collection, Field
from service.workflows import texts
from service.workflows.handdown import Allocation, handed_down_in

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import GlobalResult, IndexResult, LocalResult


class Tester:
    """Graphs of the levels, built once, and the seeds of the draws.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self._graphs: dict[str, Any] = {}

    def graph(self, level: str) -> Any:
        """Return the contiguity graph of a level, areas outside the county included."""
        if level not in self._graphs:
            from geodata.cells import rows_and_columns
            from spatial.autocorrelation import graphs

            layer = self.inputs.levels[level]
            kind = self.inputs.county.tests.graph.get(level, "queen")
            if layer.is_grid:
                size = int(self.inputs.county.levels[level].cell_size or 0)
                rows, columns = rows_and_columns(layer.areas.index, size)
                edge: Literal["queen", "rook"] = "rook" if kind == "rook" else "queen"  # county.toml refuses fuzzy
                self._graphs[level] = graphs.grid_contiguity(rows, columns, layer.areas.index, kind=edge)
            else:
                self._graphs[level] = graphs.contiguity(layer.areas, kind)
        return self._graphs[level]

    def rng(self, name: str, period: int) -> np.random.Generator:
        """Return the generator of one map: its own stream, whatever else is computed before it."""
        return np.random.default_rng([self.inputs.county.tests.seed, zlib.crc32(name.encode()), period])

    def local(self, name: str, level: str, period: int, values: pd.Series, suppressed: pd.Series) -> LocalResult:
        """Test every area of a level with the county's preset.

        Parameters
        ----------
        name : str
            Names the stream of random numbers.
        level : str
            Level whose graph is used.
        period : int
            Year.
        values : pandas.Series
            Indexed by area id; NaN where there is none.
        suppressed : pandas.Series
            Of bool: the NaN is a suppressed value.

        Returns
        -------
        LocalResult
            In the order of `values`.
        """
        from spatial.autocorrelation.local import local_tests

        tests = self.inputs.county.tests
        areas = self.inputs.levels[level].areas
        return local_tests(
            values,
            self.graph(level),
            rng=self.rng(name, period),
            permutations=tests.permutations,
            alpha=tests.alpha,
            correction=tests.correction,
            context=areas["context"].reindex(values.index),
            suppressed=suppressed,
            min_areas=tests.min_areas,
        )


def hotspot_collections(
    inputs: Inputs,
    figures: Figures,
    allocations: Mapping[tuple[str, str], Allocation],
    index: Mapping[int, IndexResult],
    *,
    public: bool,
) -> list[Collection]:
    """Test every indicator that asks for it, at its own level and painted down, and the index.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    allocations : mapping of (str, str) to Allocation
        The matrices.
    index : mapping of int to IndexResult
        Year → index, empty where the county has none.
    public : bool
        Chooses the levels of the edition.

    Returns
    -------
    list of Collection
        ``{level}_hotspots_{indicator}``.
    """
    tester = Tester(inputs)
    edition = "public" if public else "internal"
    shown = {level.id for level in inputs.county.levels.values() if edition in level.editions}
    out = []
    for indicator in inputs.county.indicators.values():
        if not indicator.tested:
            continue
        results, notes = _observed(tester, figures, indicator)
        if indicator.level in shown:
            out.append(_collection(inputs, indicator.id, indicator, indicator.level, results, notes))
        for target in handed_down_in(inputs, indicator, edition):
            if target in shown:
                allocation = allocations[indicator.level, target]
                down = _painted(tester, figures, indicator, allocation, results)
                out.append(_collection(inputs, indicator.id, indicator, target, *down, allocation=allocation))
    section = inputs.county.index
    if index and section is not None and section.level in shown:
        areas = inputs.levels[section.level].areas.index
        results, notes = {}, {}
        for period, result in index.items():
            scores = result.table["score"].reindex(areas)
            results[period] = tester.local("index", section.level, period, scores, _false(areas))
            notes[period] = {"global": _global(tester, "index", section.level, period, scores)}
        out.append(_collection(inputs, "index", None, section.level, results, notes))
    return out


def _false(areas: pd.Index) -> pd.Series:
    return pd.Series(False, index=areas)


def _observed(
    tester: Tester, figures: Figures, indicator: Indicator
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Test what was observed: rates by empirical Bayes, so that small areas do not make the map."""
    areas = tester.inputs.levels[indicator.level].areas.index
    results, notes = {}, {}
    for period in figures.periods(indicator.numerator, areas):
        top = figures.get(indicator.numerator, period, areas)
        raw, tested = top["value"], top["value"]
        gone = top["status"] == Status.SUPPRESSED.value
        if indicator.denominator is not None:
            from spatial.autocorrelation.rates import empirical_bayes

            bottom = figures.get(indicator.denominator, period, areas)
            gone |= bottom["status"] == Status.SUPPRESSED.value
            people = bottom["value"].where(bottom["value"] > 0)
            raw = indicator.scale * top["value"] / people
            if not raw.notna().any():
                continue  # the numerator is known in this year, the denominator is not: there is no rate to test
            cases = top["value"].where(people.notna())
            # A rate that may exceed 1 (cases per person) is no proportion; equal rates have nothing to be adjusted.
            form: Literal["proportion", "poisson"] = "poisson" if (cases > people).any() else "proportion"
            tested = empirical_bayes(cases, people, form=form) if raw.max() > raw.min() else raw
        name = f"{indicator.level}_{indicator.id}"
        result = tester.local(name, indicator.level, period, tested, gone)
        result.table["value"] = raw
        results[period] = result
        notes[period] = {"global": _global(tester, name, indicator.level, period, tested)}
    return results, notes


def _painted(
    tester: Tester,
    figures: Figures,
    indicator: Indicator,
    allocation: Allocation,
    results: Mapping[int, LocalResult],
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Paint the labels of the sources down, and test globally against a null that knows the map.

    The naive p-value of a handed-down value is never computed: pure noise on a few sources looks clustered in every
    run once it is painted on many cells.
    """
    from spatial.autocorrelation.support import global_support_test, paint_down

    tests = tester.inputs.county.tests
    periods = sorted(results)
    if tester.inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        periods = periods[-1:]
    sources = pd.Index(allocation.weights.source_ids)
    painted, notes = {}, {}
    for period in periods:
        painted[period] = paint_down(results[period], allocation.source_of)
        note: dict[str, Any] = {"global": None}
        top = figures.values(indicator.numerator, period, sources)
        if indicator.denominator is not None:
            bottom = figures.values(indicator.denominator, period, sources)
            if top.notna().all() and (bottom > 0).all():
                with suppress(UntestableError):  # too few sources for any statement: the note stays empty
                    found = global_support_test(
                        top,
                        bottom,
                        allocation.weights,
                        tester.graph(allocation.target),
                        permutations=tests.global_replicates,
                        rng=tester.rng(f"{allocation.target}_{indicator.id}", period),
                    )
                    note["global"] = _as_dict(found)
        notes[period] = note
    return painted, notes


def _global(tester: Tester, name: str, level: str, period: int, values: pd.Series) -> dict[str, Any] | None:
    """Return Moran's I of observed values, None where there are too few to say anything."""
    from spatial.autocorrelation.global_ import moran

    tests = tester.inputs.county.tests
    if values.notna().sum() < tests.min_areas:
        return None
    replicates = tests.global_replicates
    try:
        found = moran(values, tester.graph(level), permutations=replicates, rng=tester.rng(f"global {name}", period))
    except UntestableError:
        return None
    return _as_dict(found)


def _as_dict(found: GlobalResult) -> dict[str, Any]:
    return {
        "statistic": found.statistic,
        "value": found.value,
        "expected": found.expected,
        "z": found.z,
        "p": found.p,
        "permutations": found.permutations,
        "null": found.null,
        "n": found.n,
        "n_effective": found.n_effective,
    }


def _collection(
    inputs: Inputs,
    name: str,
    indicator: Indicator | None,
    level: str,
    results: Mapping[int, LocalResult],
    notes: Mapping[int, Mapping[str, Any]],
    *,
    allocation: Allocation | None = None,
) -> Collection:
    from service.cartography.classification import gi_star_style, hotspot_style

    layer = inputs.levels[level]
    rows = []
    for period, result in results.items():
        frame = result.table[[f.name for f in texts.HOTSPOT_FIELDS]].copy()
        frame.insert(0, "context", layer.areas["context"].reindex(frame.index))
        frame.insert(0, "period", period)
        frame.insert(0, "name", layer.areas["name"].reindex(frame.index))
        rows.append(frame.rename_axis("area_id").reset_index())
    table = pd.concat(rows, ignore_index=True).sort_values(["area_id", "period"], ignore_index=True)
    title = indicator.title if indicator is not None else texts.TOPICS["index"]
    unit = indicator.unit if indicator is not None else "SD"
    fields = tuple(
        Field(f.name, f.type, title, f.description, unit, f.values) if f.name == "value" else f
        for f in texts.HOTSPOT_FIELDS
    )
    tests = inputs.county.tests
    last = results[max(results)]
    kind = tests.graph.get(allocation.source if allocation is not None else level, "queen")
    tested_as = inputs.levels[allocation.source].title if allocation is not None else layer.title
    indicators = (
        [indicator]
        if indicator is not None
        else [inputs.county.indicators[i] for i in (inputs.county.index.indicators if inputs.county.index else ())]
    )
    eb = indicator is not None and indicator.denominator is not None
    method = {
        "de": f"Local Moran und Gi* auf der Ebene {tested_as.de}{', Empirical-Bayes-Raten' if eb else ''}; "
        f"{texts.GRAPHS[kind].de}; {tests.permutations} bedingte Permutationen, Seed {tests.seed}; "
        f"α = {str(tests.alpha).replace('.', ',')}, Korrektur {texts.CORRECTIONS[tests.correction].de}. "
        "Der zweiseitige p-Wert beider Verfahren ist ein und dieselbe Zahl.",
        "en": f"Local Moran and Gi* at level {tested_as.en}{', empirical Bayes rates' if eb else ''}; "
        f"{texts.GRAPHS[kind].en}; {tests.permutations} conditional permutations, seed {tests.seed}; "
        f"α = {tests.alpha}, correction {texts.CORRECTIONS[tests.correction].en}. "
        "The two-sided p of both is one and the same number.",
    }
    extra: dict[str, Any] = {
        "method": method,
        "indicator": name,
        "tested_level": allocation.source if allocation is not None else level,
        "alpha": tests.alpha,
        "correction": tests.correction,
        "permutations": tests.permutations,
        "seed": tests.seed,
        "graph": last.graph,
        "min_areas": tests.min_areas,
        "per_period": {
            str(period): {
                "n_effective": result.n_effective,
                "components": result.components,
                "warnings": list(result.warnings),
                **notes[period],
            }
            for period, result in results.items()
        },
    }
    if allocation is not None and indicator is not None:
        extra["handed_down"] = {indicator.id: texts.handed_down_note(inputs, indicator, allocation)}
    modelled = allocation is not None
    return Collection(
        id=f"{level}_hotspots_{name}",
        title=Text(f"Cluster: {title.de} – {layer.title.de}", f"Clusters: {title.en} – {layer.title.en}"),
        description=Text(method["de"], method["en"]),
        kind="hotspots",
        level=level,
        topic=indicator.topic.value if indicator is not None else "index",
        fields=(texts.CONTEXT_FIELD, *fields),
        table=table[["area_id", "name", "period", "context", *(f.name for f in texts.HOTSPOT_FIELDS)]],
        styles=(hotspot_style(modelled=modelled), gi_star_style(modelled=modelled)),
        metadata=texts.metadata(inputs, level, indicators, **extra),
    )
