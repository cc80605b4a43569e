"""Fourth station: where values cluster, tested at the level at which they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from service.workflows import hotspot_global
from service.workflows.figures import HIDDEN
from service.workflows.frames import of_indicator
from service.workflows.handdown import Allocation, hand_down, handed_down_in
from service.workflows.hotspot_layer import blanked, hotspot_collection
from service.workflows.hotspot_levels import with_levels
from service.workflows.hotspot_robust import draws_of_index, draws_of_rates, repeated
from service.workflows.hotspot_years import with_change, with_development
from service.workflows.index_frame import source_of
from service.workflows.tester import Tester
from service.workflows.waiting import years_of

if TYPE_CHECKING:
    from geodata.models import Indicator
    from geodata.store.model import Collection
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import IndexResult, LocalResult


def hotspot_collections(
    inputs: Inputs,
    figures: Figures,
    allocations: Mapping[tuple[str, str], Allocation],
    index: Mapping[int, IndexResult],
    *,
    public: bool,
    labels_only: bool = False,
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
    labels_only : bool, default False
        Leave out what is said beyond the labels: whether they hold, years, levels.

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
        results, notes = _observed(tester, figures, indicator, labels_only=labels_only)
        if not results:
            continue
        if indicator.level in shown:
            out.append(hotspot_collection(inputs, indicator.id, indicator, indicator.level, results, notes))
        for target in handed_down_in(inputs, indicator, edition):
            if target in shown:
                allocation = allocations[indicator.level, target]
                down = _painted(tester, figures, indicator, allocation, results, notes, floor)
                out.append(hotspot_collection(inputs, indicator.id, indicator, target, *down, allocation=allocation))
    section = inputs.county.index
    if index and section is not None and section.level in shown:
        found = _index(tester, figures, index, labels_only=labels_only)
        out.append(hotspot_collection(inputs, "index", None, section.level, *found))
    return out


def _index(
    tester: Tester, figures: Figures, index: Mapping[int, IndexResult], *, labels_only: bool
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Test the scores of the index; its change is not tested, because each year is standardised on itself."""
    inputs = tester.inputs
    section = inputs.county.index
    assert section is not None  # there are results
    areas = inputs.levels[section.level].areas.index
    chosen = [inputs.county.indicators[name] for name in section.indicators]
    results: dict[int, LocalResult] = {}
    notes: dict[int, dict[str, Any]] = {}
    for period, result in index.items():
        scores = result.table["score"].reindex(areas)
        hidden = pd.Series(False, index=areas)
        for indicator in chosen:
            source = source_of(inputs.county, indicator.id, period)
            hidden |= of_indicator(figures, source, period, areas).status.isin(HIDDEN)
        gone = hidden & scores.isna()
        results[period] = tester.local("index", section.level, period, scores, gone)
        whole = hotspot_global.observed(tester, "index", section.level, period, scores)
        if whole is not None and gone.any():
            # Suppression takes areas with few cases, not any areas: under it the test rejects too often.
            whole["p"] = None
        notes[period] = {"global": whole}
        if period == max(index) and not labels_only and inputs.county.tests.robust_draws:
            draws = draws_of_index(tester, figures, chosen, period, areas)
            if draws is not None:
                results[period], robust = repeated(tester, "index", section.level, period, results[period], draws)
                notes[period] |= _noted(robust=robust)
    if not labels_only:
        results, developed = with_development(tester, results)
        notes[max(results)] |= _noted(emerging=developed)
    return results, notes


def _noted(**notes: dict[str, Any] | None) -> dict[str, Any]:
    """Keep what there is to say."""
    return {name: note for name, note in notes.items() if note is not None}


def _observed(
    tester: Tester, figures: Figures, indicator: Indicator, *, labels_only: bool
) -> tuple[dict[int, LocalResult], dict[int, dict[str, Any]]]:
    """Test what was observed: proportions by empirical Bayes, so that small areas do not make the map."""
    from spatial.autocorrelation.rates import empirical_bayes

    areas = tester.inputs.levels[indicator.level].areas.index
    results: dict[int, LocalResult] = {}
    notes: dict[int, dict[str, Any]] = {}
    pair = (indicator.numerator, indicator.denominator)
    years = years_of(figures, [pair], tester.inputs.inside(indicator.level))
    for period in years:
        found = of_indicator(figures, indicator, period, areas)
        gone = found.status.isin(HIDDEN) & found.value.isna()
        tested = found.value
        if found.bottom is not None:
            people = found.bottom["value"].where(found.value.notna())
            cases = found.top["value"].where(found.value.notna())
            if hotspot_global.is_proportion(cases, people):
                tested = empirical_bayes(cases, people)
        name = f"{indicator.level}_{indicator.id}"
        result = tester.local(name, indicator.level, period, tested, gone)
        results[period] = replace(result, table=result.table.assign(value=found.value))
        notes[period] = {
            "global": hotspot_global.observed(tester, name, indicator.level, period, tested),
            "adjusted": tested is not found.value,
        }
        if period != years[-1] or labels_only:
            continue
        # What is said beyond the labels is said of the last year: it costs a hundred tests, and is read there.
        count = tester.inputs.county.tests.robust_draws
        if count:
            draws = draws_of_rates(found, count, tester.rng(f"robust values of {name}", period))
            if draws is None:  # no counts of people to draw from: the weights alone are varied
                draws = tested.to_numpy(dtype=float)[:, None]
            results[period], robust = repeated(tester, name, indicator.level, period, results[period], draws)
            notes[period] |= _noted(robust=robust)
        results[period], levels = with_levels(tester, figures, indicator, period, results[period])
        notes[period] |= _noted(levels=levels)
    if years and not labels_only:
        results, developed = with_development(tester, results)
        results, changed = with_change(tester, figures, indicator, results)
        notes[years[-1]] |= _noted(emerging=developed, change=changed)
    return results, notes


def _painted(
    tester: Tester,
    figures: Figures,
    indicator: Indicator,
    allocation: Allocation,
    results: Mapping[int, LocalResult],
    known: Mapping[int, Mapping[str, Any]],
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
        table = result.table.drop(columns=["coarser_label", "agreement"], errors="ignore")
        painted[period] = replace(result, table=blanked(table, hidden.reindex(table.index)))
        notes[period] = {
            "global": hotspot_global.handed_down(tester, figures, indicator, allocation, period),
            **{name: known[period][name] for name in ("robust", "emerging", "change") if name in known[period]},
        }
    return painted, notes
