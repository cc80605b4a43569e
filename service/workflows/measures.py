"""What followed the county's measures: an indicator before and after, in the area, in similar ones, in the county."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from geodata.measures import load_measures, require_sense
from geodata.models import Polarity
from service.workflows.frames import of_indicator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from geodata.measures import MeasureSection
    from geodata.models import Indicator
    from geodata.store.model import Edition
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.index.effects import EffectResult

FILE = "measures.json"
#: Similar areas that are looked for.
SIMILAR = 5
#: Codes of :class:`spatial.index.effects.Finding`.
_FINDINGS = {
    "beyond chance, in the expected direction": "as expected",
    "within chance": "within chance",
    "beyond chance, against the expected direction": "against",
    "cannot be said": "unknown",
}


def effects_of(inputs: Inputs, figures: Figures, edition: Edition) -> list[dict[str, Any]]:
    """Compare before and after every measure.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know: years in which a figure of the area is hidden are left out for all areas.
    edition : {"public", "internal"}

    Returns
    -------
    list of dict
        One each measure whose indicator the edition has, JSON-serialisable: what was written down, ``state``
        (``compared``; or why not: ``hidden``, ``periods``, ``level``), and where compared ``groups``, ``differences``,
        ``finding``, ``cautions``, ``similar``, ``before``, ``after``.

    Raises
    ------
    ConfigError
        ``measures.toml`` is wrong.
    """
    measures = tuple(m for m in load_measures(inputs.county) if m.indicator in inputs.county.indicators)
    return [_effect(inputs, figures, edition, m, measures) for m in measures]


def load_measures_of(inputs: Inputs) -> tuple[MeasureSection, ...]:
    """Read the measures and refuse those that the county cannot have."""
    measures = load_measures(inputs.county)
    areas = {level: set(inputs.inside(level)) for level in inputs.levels}
    require_sense(measures, inputs.county, areas)
    return measures


def _effect(
    inputs: Inputs, figures: Figures, edition: Edition, measure: MeasureSection, measures: Sequence[MeasureSection]
) -> dict[str, Any]:
    from spatial.index.effects import Measure, before_after

    indicator = inputs.county.indicators[measure.indicator]
    layer = inputs.levels[indicator.level]
    said: dict[str, Any] = {
        "id": measure.id,
        "title": {"de": measure.title.de, "en": measure.title.en},
        "areas": [{"id": a, "name": str(layer.areas["name"].get(a, a))} for a in measure.areas],
        "level": indicator.level,
        "start": measure.start,
        "indicator": {"id": indicator.id, "title": {"de": indicator.title.de, "en": indicator.title.en}},
        "unit": indicator.unit,
        "decimals": indicator.decimals,
        "direction": measure.direction,
        "size": measure.size,
        "source": measure.source,
    }
    if edition not in inputs.county.levels[indicator.level].editions:
        return said | {"state": "level"}
    panel = _panel(inputs, figures, indicator)
    whole = panel.loc[list(measure.areas)].notna().all()
    if not len(panel.columns) or not whole.any():
        return said | {"state": "hidden"}
    panel = panel.loc[:, whole]
    years = [int(p) for p in panel.columns]
    if not min(years) < measure.start <= max(years):
        return said | {"state": "periods"}
    # Areas with a measure of their own on the same figure are compared with nothing.
    others = {a for m in measures if m.id != measure.id and m.indicator == measure.indicator for a in m.areas}
    exclude = sorted(others - set(measure.areas))
    similar = _similar(inputs, figures, panel, measure, exclude)
    direction: Literal[-1, 1] = -1 if measure.direction == "fall" else 1
    result = before_after(
        panel,
        Measure(measure.areas, measure.start, direction, measure.size, measure.source),
        similar,
        exclude=exclude,
    )
    named = [{"id": a, "name": str(layer.areas["name"].get(a, a))} for a in similar]
    return said | {"state": "compared", "similar": named, **_told(result)}


def _panel(inputs: Inputs, figures: Figures, indicator: Indicator) -> pd.DataFrame:
    areas = inputs.inside(indicator.level)
    years = figures.periods(indicator.numerator, areas)
    values = {year: of_indicator(figures, indicator, year, areas).value.astype(float) for year in years}
    panel = pd.DataFrame(values, index=areas)
    return panel.loc[:, panel.notna().any()]


def _similar(
    inputs: Inputs, figures: Figures, panel: pd.DataFrame, measure: MeasureSection, exclude: Sequence[str]
) -> list[str]:
    """Find areas that were alike in the last year before the start, in all figures of their level with a polarity."""
    from spatial.index.similar import similar_areas

    level = inputs.county.indicators[measure.indicator].level
    year = max(int(p) for p in panel.columns if int(p) < measure.start)
    areas = panel.index
    values = {}
    for indicator in inputs.county.indicators.values():
        if indicator.level == level and indicator.polarity is not Polarity.NEUTRAL:
            value = of_indicator(figures, indicator, year, areas).value.astype(float)
            known = value.loc[list(measure.areas)].notna().all() and value.notna().sum() > len(areas) / 2
            if known and value.max() > value.min():
                values[indicator.id] = value
    among = panel.index[panel.notna().all(axis=1) & ~areas.isin([*measure.areas, *exclude])]
    if not values or not len(among):
        return []
    found = similar_areas(pd.DataFrame(values), SIMILAR, of=list(measure.areas), among=list(among))
    return list(dict.fromkeys(found["similar_id"]))


def _told(result: EffectResult) -> dict[str, Any]:
    groups = {
        str(name): {k: _plain(row[k]) for k in ("before", "after", "change")} | {"areas": int(row["areas"])}
        for name, row in result.groups.iterrows()
    }
    differences: dict[str, dict[str, Any]] = {
        str(name): {k: _plain(row[k]) for k in ("difference", "low", "high")} | _judged(row)
        for name, row in result.differences.iterrows()
    }
    # Where regression to the mean is at work, only the areas that began where this one did are a fair comparison.
    by = "same level" if differences["same level"]["low"] is not None else "similar"
    return {
        "groups": groups,
        "differences": differences,
        "finding": differences[by]["finding"],
        "expected_return": _plain(result.expected_return),
        "before_z": _plain(result.before_z),
        "trend_before": _plain(result.trend_before),
        "cautions": [str(c) for c in result.cautions],
        "level": result.level,
        "before": list(result.before),
        "after": list(result.after),
    }


def _judged(row: pd.Series) -> dict[str, Any]:
    within = row["size_within"]
    return {"finding": _FINDINGS[str(row["finding"])], "size_within": None if pd.isna(within) else bool(within)}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def write_measures(folder: Path, found: Sequence[Mapping[str, Any]]) -> None:
    """Write the effects of an edition; nothing where the county has no measures."""
    if found:
        (folder / FILE).write_text(json.dumps(list(found), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
