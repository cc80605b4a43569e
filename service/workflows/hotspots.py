"""Fourth station: where values cluster, tested at the level at which they are known."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geodata.errors import UntestableError
from geodata.models import Indicator, Text
from geodata.store.model import Collection, Field
from service.cartography.presets import differences
from service.workflows import texts
from service.workflows.figures import HIDDEN
from service.workflows.frames import of_indicator, stack
from service.workflows.handdown import Allocation, hand_down, handed_down_in
from service.workflows.handdown_texts import handed_down_note
from service.workflows.waiting import years_of

if TYPE_CHECKING:
    from geodata.models import AreaLayer
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import GlobalResult, IndexResult, LocalResult

STATISTICS = ["local_moran", "local_moran_z", "gi_star_z", "p", "p_adjusted"]


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
    floor = inputs.county.publication.population_floor if public else None
    for indicator in inputs.county.indicators.values():
        if not indicator.tested:
            continue
        results, notes = _observed(tester, figures, indicator)
        if not results:
            continue
        if indicator.level in shown:
            out.append(_collection(inputs, indicator.id, indicator, indicator.level, results, notes))
        for target in handed_down_in(inputs, indicator, edition):
            if target in shown:
                allocation = allocations[indicator.level, target]
                down = _painted(tester, figures, indicator, allocation, results, floor)
                out.append(_collection(inputs, indicator.id, indicator, target, *down, allocation=allocation))
    section = inputs.county.index
    if index and section is not None and section.level in shown:
        areas = inputs.levels[section.level].areas.index
        chosen = [inputs.county.indicators[name] for name in section.indicators]
        results, notes = {}, {}
        for period, result in index.items():
            scores = result.table["score"].reindex(areas)
            hidden = pd.Series(False, index=areas)
            for indicator in chosen:
                hidden |= of_indicator(figures, indicator, period, areas).status.isin(HIDDEN)
            results[period] = tester.local("index", section.level, period, scores, hidden & scores.isna())
            whole = _global(tester, "index", section.level, period, scores)
            if whole is not None and (hidden & scores.isna()).any():
                # Suppression takes areas with few cases, not any areas: under it the test rejects too often.
                whole["p"] = None
            notes[period] = {"global": whole}
        out.append(_collection(inputs, "index", None, section.level, results, notes))
    return out


def _is_proportion(cases: pd.Series, people: pd.Series) -> bool:
    """Say whether empirical Bayes for proportions applies: no rate above 1, and not all rates equal."""
    rates = (cases / people)[people > 0]
    return bool((rates.dropna() <= 1).all()) and bool(rates.max() > rates.min())


def _observed(
    tester: Tester, figures: Figures, indicator: Indicator
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Test what was observed: proportions by empirical Bayes, so that small areas do not make the map."""
    from spatial.autocorrelation.rates import empirical_bayes

    areas = tester.inputs.levels[indicator.level].areas.index
    results, notes = {}, {}
    pair = (indicator.numerator, indicator.denominator)
    for period in years_of(figures, [pair], tester.inputs.inside(indicator.level)):
        found = of_indicator(figures, indicator, period, areas)
        gone = found.status.isin(HIDDEN) & found.value.isna()
        tested = found.value
        if found.bottom is not None:
            people = found.bottom["value"].where(found.value.notna())
            cases = found.top["value"].where(found.value.notna())
            if _is_proportion(cases, people):
                tested = empirical_bayes(cases, people)
        name = f"{indicator.level}_{indicator.id}"
        result = tester.local(name, indicator.level, period, tested, gone)
        results[period] = replace(result, table=result.table.assign(value=found.value))
        notes[period] = {
            "global": _global(tester, name, indicator.level, period, tested),
            "adjusted": tested is not found.value,
        }
    return results, notes


def _painted(
    tester: Tester,
    figures: Figures,
    indicator: Indicator,
    allocation: Allocation,
    results: Mapping[int, LocalResult],
    floor: float | None,
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Paint the labels of the sources down, and test globally against a null that knows the map.

    The naive p-value of a handed-down value is never computed: pure noise on a few sources looks clustered in every
    run once it is painted on many cells. A place that is too small to be shown carries neither value nor label.
    """
    from spatial.autocorrelation.support import paint_down

    periods = sorted(results)
    if tester.inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        periods = periods[-1:]
    painted, notes = {}, {}
    for period in periods:
        result = paint_down(results[period], allocation.source_of)
        hidden = hand_down(allocation, indicator, figures, period, floor=floor)["hidden"]
        painted[period] = replace(result, table=_blanked(result.table, hidden.reindex(result.table.index)))
        notes[period] = {"global": _global_from_sources(tester, figures, indicator, allocation, period)}
    return painted, notes


def _blanked(table: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """Take value, label and every statistic from rows that are not shown."""
    out = table.copy()
    here = hidden.to_numpy(dtype=bool)
    out.loc[here, ["value", *STATISTICS]] = np.nan
    out.loc[here, "quadrant"] = 0
    out.loc[here, ["label", "gi_star_label"]] = "no label"
    out.loc[here, "state"] = "suppressed"
    return out


def _shown(table: pd.DataFrame, layer: AreaLayer) -> pd.DataFrame:
    """Take the statistics from context areas: a label could be rebuilt from them. Their value and neighbours stay."""
    out = table.copy()
    outside = layer.areas["context"].reindex(table.index).to_numpy(dtype=bool)
    out.loc[outside, STATISTICS] = np.nan
    out.loc[outside, "quadrant"] = 0
    return out


def _global_from_sources(
    tester: Tester, figures: Figures, indicator: Indicator, allocation: Allocation, period: int
) -> dict[str, Any] | None:
    """Test handed-down rates against permuted sources; None for other figures and where there are too few sources."""
    from spatial.autocorrelation.support import global_support_test

    if indicator.denominator is None:
        return None
    sources = pd.Index(allocation.weights.source_ids)
    top = figures.values(indicator.numerator, period, sources)
    bottom = figures.values(indicator.denominator, period, sources)
    if not _is_proportion(top, bottom):
        return None
    graph = tester.graph(allocation.target).subgraph(list(allocation.weights.target_ids))
    try:
        found = global_support_test(
            top,
            bottom,
            allocation.weights,
            graph,
            permutations=tester.inputs.county.tests.global_replicates,
            rng=tester.rng(f"{allocation.target}_{indicator.id}", period),
        )
    except UntestableError:
        return None
    return _as_dict(found)


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


def _as_dict(found: GlobalResult) -> dict[str, Any] | None:
    if not np.isfinite(found.value):
        return None  # equal values everywhere have no autocorrelation
    return {
        "statistic": found.statistic,
        "value": found.value,
        "expected": found.expected,
        "z": found.z if np.isfinite(found.z) else None,
        "p": found.p,
        "permutations": found.permutations,
        "null": found.null,
        "n": found.n,
        "n_effective": found.n_effective,
    }


def _isolated(inputs: Inputs, level: str, table: pd.DataFrame) -> list[str]:
    """Name the areas of the county that have no neighbour with a value, so that nothing could be tested there."""
    areas = inputs.levels[level].areas
    ids = pd.unique(table.loc[(table["state"] == "isolated").to_numpy(), "support"])
    own = areas.loc[areas.index.isin(ids) & ~areas["context"].to_numpy(dtype=bool), "name"]
    return [str(name) for name in own]


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
    eb = bool(notes[max(results)].get("adjusted"))
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
    tested_level = allocation.source if allocation is not None else level
    chosen = differences(
        weights=kind,
        alpha=tests.alpha,
        correction=tests.correction,
        min_areas=tests.min_areas,
        kind="grid" if inputs.levels[tested_level].is_grid else "areas",
    )
    exploratory = [{"de": text.de, "en": text.en} for text in chosen]
    extra: dict[str, Any] = {
        "method": method,
        "indicator": name,
        "tested_level": tested_level,
        "alpha": tests.alpha,
        "correction": tests.correction,
        "permutations": tests.permutations,
        "seed": tests.seed,
        "graph": last.graph,
        "min_areas": tests.min_areas,
        "exploratory": exploratory,
        "per_period": {
            str(period): {
                "n_effective": result.n_effective,
                "components": result.components,
                "warnings": list(result.warnings),
                "isolated": _isolated(inputs, tested_level, result.table),
                **notes[period],
            }
            for period, result in results.items()
        },
    }
    if allocation is not None and indicator is not None:
        extra["handed_down"] = {indicator.id: handed_down_note(inputs, indicator, allocation)}
    modelled = allocation is not None
    decimals = indicator.decimals if indicator is not None else 2
    return Collection(
        id=f"{level}_hotspots_{name}",
        title=Text(f"Cluster: {title.de} – {layer.title.de}", f"Clusters: {title.en} – {layer.title.en}"),
        description=Text(method["de"], method["en"]),
        kind="hotspots",
        level=level,
        topic=indicator.topic.value if indicator is not None else "index",
        fields=(texts.CONTEXT_FIELD, *fields),
        table=stack(layer, {p: _shown(r.table, layer) for p, r in results.items()}, (texts.CONTEXT_FIELD, *fields)),
        styles=(
            hotspot_style(modelled=modelled, decimals=decimals, correction=tests.correction),
            gi_star_style(modelled=modelled, decimals=decimals, correction=tests.correction),
        ),
        metadata=texts.metadata(inputs, level, indicators, **extra),
    )
