"""Collections of indicators: one level × one topic, one row per area and year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from math import fsum
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.models import VALUED, Flag, Indicator, Origin, Status, Topic
from geodata.store.model import Collection, Field, Style
from service.workflows import texts
from service.workflows.handdown import Allocation, hand_down, handed_down_in

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

FLAG_NAMES = {flag.value: flag.name.lower() for flag in Flag if flag.name}


def indicator_collections(
    inputs: Inputs, figures: Figures, allocations: Mapping[tuple[str, str], Allocation], *, public: bool
) -> list[Collection]:
    """Build the collections of all levels and topics that an edition shows.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    allocations : mapping of (str, str) to Allocation
        The matrices.
    public : bool
        Whether the population floor applies.

    Returns
    -------
    list of Collection
        In the order of levels and topics.
    """
    county = inputs.county
    edition = "public" if public else "internal"
    floor = county.publication.population_floor if public else None
    out = []
    for level in county.levels.values():
        if edition not in level.editions:
            continue
        for topic in Topic:
            chosen = [
                i
                for i in county.indicators.values()
                if i.topic == topic and level.id in (i.level, *handed_down_in(inputs, i, edition))
            ]
            by_sex = [i for i in county.indicators.values() if i.breakdown and i.level == level.id]
            if topic is not Topic.GENDER:
                by_sex = []
            if chosen or by_sex:
                out.append(_collection(inputs, figures, allocations, level.id, topic, chosen, by_sex, floor))
    return out


def _collection(
    inputs: Inputs,
    figures: Figures,
    allocations: Mapping[tuple[str, str], Allocation],
    level: str,
    topic: Topic,
    indicators: list[Indicator],
    by_sex: list[Indicator],
    floor: float | None,
) -> Collection:
    areas = inputs.levels[level].areas
    blocks: dict[int, list[pd.DataFrame]] = {}
    fields: list[Field] = []
    styles: list[Style] = []
    totals: dict[str, Any] = {}
    handed: dict[str, Any] = {}
    for indicator, shown_by_sex in [*((i, False) for i in indicators), *((i, True) for i in by_sex)]:
        if shown_by_sex:
            parts, own = _by_sex(inputs, figures, indicator, level)
        elif indicator.level == level:
            parts, own = _observed(inputs, figures, indicator, level)
        else:
            allocation = allocations[indicator.level, level]
            parts, own, sums = _modelled(inputs, figures, indicator, allocation, floor)
            totals[indicator.id] = sums
            handed[indicator.id] = texts.handed_down_note(inputs, indicator, allocation)
        fields += own
        for period, frame in parts.items():
            blocks.setdefault(period, []).append(frame)
        styles += _styles(indicator, own, parts, areas, modelled=indicator.level != level)

    rows = []
    for period in sorted(blocks):
        frame = pd.concat(blocks[period], axis=1)
        frame.insert(0, "period", period)
        frame.insert(0, "context", areas["context"].reindex(frame.index))
        frame.insert(0, "name", areas["name"].reindex(frame.index))
        rows.append(frame.rename_axis("area_id").reset_index())
    table = pd.concat(rows, ignore_index=True).sort_values(["area_id", "period"], ignore_index=True)
    fields.insert(0, texts.CONTEXT_FIELD)
    table = table[["area_id", "name", "period", *(f.name for f in fields)]]
    return Collection(
        id=f"{level}_{topic.value}",
        title=texts.collection_title(inputs, level, topic),
        description=texts.indicator_description([*indicators, *by_sex]),
        kind="indicators",
        level=level,
        topic=topic.value,
        fields=tuple(fields),
        table=table,
        styles=tuple(styles),
        metadata=texts.metadata(inputs, level, [*indicators, *by_sex], totals=totals, handed_down=handed),
    )


def _rate(top: pd.Series, bottom: pd.Series, scale: float) -> pd.Series:
    """Return scale · numerator / denominator; 0/0 and x/0 are no rate."""
    return scale * top / bottom.where(bottom > 0)


def _status_of(top: pd.DataFrame, bottom: pd.DataFrame | None) -> pd.Series:
    """Return the status of a rate: the first of its parts that has no number says why; else the numerator's."""
    status = top["status"].astype(object)
    if bottom is not None:
        fine = status.isin(VALUED)
        status = status.where(~fine | bottom["status"].isin(VALUED), bottom["status"].astype(object))
        empty = fine & bottom["status"].isin(VALUED) & ~(bottom["value"] > 0)
        status = status.where(~empty, Status.NOT_APPLICABLE.value)
    return status


def _flags(figures: Figures, variables: Iterable[str | None], period: int, areas: pd.Index) -> pd.Series:
    """Unite what publishers say about the parts of a figure."""
    found = [figures.get(v, period, areas)["flags"] for v in variables if v is not None]
    return reduce(or_, found)


def _flag_text(flags: pd.Series) -> pd.Series:
    named = {
        int(code): " ".join(name for bit, name in FLAG_NAMES.items() if int(code) & bit) or None
        for code in flags.unique()
    }
    return flags.map(named).astype(object)


def _observed(
    inputs: Inputs, figures: Figures, indicator: Indicator, level: str
) -> tuple[dict[int, pd.DataFrame], list[Field]]:
    areas = inputs.levels[level].areas.index
    parts = {}
    for period in figures.periods(indicator.numerator, areas):
        top = figures.get(indicator.numerator, period, areas)
        bottom = figures.get(indicator.denominator, period, areas) if indicator.denominator else None
        frame = pd.DataFrame(index=areas)
        if bottom is not None:
            frame[indicator.id] = _rate(top["value"], bottom["value"], indicator.scale)
            frame[f"{indicator.id}_n"] = top["value"]
            frame[f"{indicator.id}_d"] = bottom["value"]
        else:
            frame[indicator.id] = top["value"]
        frame[f"{indicator.id}_status"] = _status_of(top, bottom)
        frame[f"{indicator.id}_origin"] = top["origin"].where(top["origin"] != "", None)
        frame[f"{indicator.id}_flags"] = _flag_text(
            _flags(figures, (indicator.numerator, indicator.denominator), period, areas)
        )
        parts[period] = frame
    return parts, texts.observed_fields(indicator)


def _by_sex(
    inputs: Inputs, figures: Figures, indicator: Indicator, level: str
) -> tuple[dict[int, pd.DataFrame], list[Field]]:
    areas = inputs.levels[level].areas.index
    parts = {}
    for period in figures.periods(indicator.breakdown["female"][0], areas):
        frame = pd.DataFrame(index=areas)
        statuses = []
        for sex, (numerator, denominator) in indicator.breakdown.items():
            top, bottom = (figures.get(v, period, areas) for v in (numerator, denominator))
            frame[f"{indicator.id}_{sex}"] = _rate(top["value"], bottom["value"], indicator.scale)
            statuses.append(_status_of(top, bottom))
        frame[f"{indicator.id}_gap"] = frame[f"{indicator.id}_female"] - frame[f"{indicator.id}_male"]
        first = statuses[0].where(~statuses[0].isin(VALUED), statuses[1])
        frame[f"{indicator.id}_gap_status"] = first
        counted = [v for pair in indicator.breakdown.values() for v in pair]
        origin = figures.get(counted[0], period, areas)["origin"]
        frame[f"{indicator.id}_gap_origin"] = origin.where(origin != "", None)
        frame[f"{indicator.id}_gap_flags"] = _flag_text(_flags(figures, counted, period, areas))
        parts[period] = frame
    return parts, texts.gender_fields(indicator)


def _modelled(
    inputs: Inputs, figures: Figures, indicator: Indicator, allocation: Allocation, floor: float | None
) -> tuple[dict[int, pd.DataFrame], list[Field], dict[str, Any]]:
    sources = pd.Index(allocation.weights.source_ids)
    periods = figures.periods(indicator.numerator, sources)
    if inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        periods = periods[-1:]
    parts, totals = {}, {}
    for period in periods:
        moved = hand_down(allocation, indicator, figures, period, floor=floor)
        frame = pd.DataFrame(index=moved.index)
        frame[indicator.id] = moved["value"]
        frame[f"{indicator.id}_n"] = moved["numerator"]
        if indicator.denominator is not None:
            frame[f"{indicator.id}_d"] = moved["denominator"]
        shown = moved["value"].notna()
        status = pd.Series(Status.MISSING.value, index=moved.index, dtype=object)
        gone = moved["support"].isin(_suppressed_sources(figures, indicator, period, sources))
        status[gone] = Status.SUPPRESSED.value
        status[shown] = Status.OBSERVED.value
        status[moved["hidden"]] = Status.SUPPRESSED.value
        frame[f"{indicator.id}_status"] = status
        frame[f"{indicator.id}_origin"] = Origin.MODELLED.value
        flags = _flags(figures, (indicator.numerator, indicator.denominator), period, sources)
        frame[f"{indicator.id}_flags"] = _flag_text(moved["support"].map(flags).fillna(0).astype(int))
        frame[f"{indicator.id}_support"] = moved["support"]
        parts[period] = frame
        given = figures.values(indicator.numerator, period, sources)
        # fsum: the totals are what people check, so they carry no rounding of their own.
        total = fsum(given.dropna())
        seen = fsum(moved["numerator"].dropna())
        unseen = fsum(moved.loc[moved["hidden"], "numerator_all"].dropna())
        outside = fsum((given * pd.Series(allocation.weights.outside, index=sources)).dropna())
        totals[str(period)] = {"shown": seen, "not_shown": unseen + outside, "total": total}
    return parts, texts.modelled_fields(indicator, allocation), totals


def _suppressed_sources(figures: Figures, indicator: Indicator, period: int, sources: pd.Index) -> list[str]:
    status = figures.get(indicator.numerator, period, sources)["status"]
    hidden = status == Status.SUPPRESSED.value
    if indicator.denominator is not None:
        hidden |= figures.get(indicator.denominator, period, sources)["status"] == Status.SUPPRESSED.value
    return list(status.index[hidden])


def _styles(
    indicator: Indicator,
    fields: list[Field],
    parts: Mapping[int, pd.DataFrame],
    areas: pd.DataFrame,
    *,
    modelled: bool,
) -> list[Style]:
    """Classes over the latest year of the county's own areas, so that neighbours do not shift the legend."""
    from service.cartography.classification import graduated

    name = indicator.id if fields[0].name == indicator.id else f"{indicator.id}_gap"
    with_values = [period for period, frame in parts.items() if frame[name].notna().any()]
    latest = parts[max(with_values or parts)]
    values = latest[name].where(~areas["context"].reindex(latest.index).astype(bool))
    if not np.isfinite(values.to_numpy(dtype=float)).any():
        values = latest[name]
    unit = indicator.unit if name == indicator.id else texts.GAP_UNIT
    return [graduated(values, field=name, n=5, unit=unit, decimals=indicator.decimals, modelled=modelled)]
