"""Collections of indicators: one level × one topic, one row per area and year."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.models import VALUED, Indicator, Origin, Polarity, Status, Topic
from geodata.store.model import Collection, Field, Style
from service.workflows import texts
from service.workflows.frames import Rated, flag_text, of_indicator, rated, stack
from service.workflows.handdown import Allocation, hand_down, handed_down_in
from service.workflows.handdown_texts import handed_down_note, modelled_fields
from service.workflows.waiting import pairs_by_sex, years_of

if TYPE_CHECKING:
    from geodata.models import AreaLayer
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

#: Year → columns of one indicator, indexed by area id.
Parts = dict[int, pd.DataFrame]


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
            found = _collection(inputs, figures, allocations, level.id, topic, chosen, by_sex, floor)
            if found is not None:
                out.append(found)
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
) -> Collection | None:
    """Build one collection, None where no indicator has any year."""
    layer = inputs.levels[level]
    blocks: dict[int, list[pd.DataFrame]] = {}
    fields: list[Field] = [texts.CONTEXT_FIELD]
    styles: list[Style] = []
    totals: dict[str, Any] = {}
    handed: dict[str, Any] = {}
    for indicator, shown_by_sex in [*((i, False) for i in indicators), *((i, True) for i in by_sex)]:
        modelled = indicator.level != level
        if modelled:
            allocation = allocations[indicator.level, level]
            parts, sums = _modelled(inputs, figures, indicator, allocation, floor)
            own = modelled_fields(indicator, allocation)
            if parts:
                totals[indicator.id] = sums
                handed[indicator.id] = handed_down_note(inputs, indicator, allocation, figures)
        elif shown_by_sex:
            parts, own = _by_sex(inputs, figures, indicator), texts.gender_fields(indicator)
        else:
            parts, own = _observed(inputs, figures, indicator), texts.observed_fields(indicator)
        if not parts:
            continue
        fields += own
        for period, frame in parts.items():
            blocks.setdefault(period, []).append(frame)
        styles += _styles(indicator, own, parts, layer, modelled=modelled)
    if not blocks:
        return None
    shown = [*indicators, *by_sex]
    return Collection(
        id=f"{level}_{topic.value}",
        title=texts.collection_title(inputs, level, topic),
        description=texts.indicator_description(shown),
        kind="indicators",
        level=level,
        topic=topic.value,
        fields=tuple(fields),
        table=stack(layer, {p: pd.concat(blocks[p], axis=1) for p in sorted(blocks)}, fields),
        styles=tuple(styles),
        metadata=texts.metadata(inputs, level, shown, totals=totals, handed_down=handed),
    )


def _origin(found: Rated) -> pd.Series:
    return found.top["origin"].where(found.top["origin"] != "", None)


def _observed(inputs: Inputs, figures: Figures, indicator: Indicator) -> Parts:
    areas, parts = inputs.levels[indicator.level].areas.index, {}
    pair = (indicator.numerator, indicator.denominator)
    for period in years_of(figures, [pair], inputs.inside(indicator.level)):
        found = of_indicator(figures, indicator, period, areas)
        frame = pd.DataFrame({indicator.id: found.value})
        if found.bottom is not None:
            frame[f"{indicator.id}_n"] = found.top["value"]
            frame[f"{indicator.id}_d"] = found.bottom["value"]
        frame[f"{indicator.id}_status"] = found.status
        frame[f"{indicator.id}_origin"] = _origin(found)
        frame[f"{indicator.id}_flags"] = flag_text([found.flags])
        parts[period] = frame
    return parts


def _by_sex(inputs: Inputs, figures: Figures, indicator: Indicator) -> Parts:
    areas, parts = inputs.levels[indicator.level].areas.index, {}
    for period in years_of(figures, pairs_by_sex(indicator), inputs.inside(indicator.level)):
        women, men = (
            rated(figures, indicator.breakdown[sex], indicator.scale, period, areas) for sex in ("female", "male")
        )
        frame = pd.DataFrame({f"{indicator.id}_female": women.value, f"{indicator.id}_male": men.value})
        frame[f"{indicator.id}_gap"] = women.value - men.value
        frame[f"{indicator.id}_gap_status"] = women.status.where(~women.status.isin(VALUED), men.status)
        frame[f"{indicator.id}_gap_origin"] = _origin(women)
        frame[f"{indicator.id}_gap_flags"] = flag_text([women.flags, men.flags])
        # One sex alone is not shown: beside the total it would give the other away.
        alone = frame[f"{indicator.id}_gap"].isna()
        frame.loc[alone, [f"{indicator.id}_female", f"{indicator.id}_male"]] = np.nan
        parts[period] = frame
    return parts


def _modelled(
    inputs: Inputs, figures: Figures, indicator: Indicator, allocation: Allocation, floor: float | None
) -> tuple[Parts, dict[str, Any]]:
    sources = pd.Index(allocation.weights.source_ids)
    periods = years_of(figures, [(indicator.numerator, indicator.denominator)], sources)
    if inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        periods = periods[-1:]
    parts, totals = {}, {}
    for period in periods:
        moved = hand_down(allocation, indicator, figures, period, floor=floor)
        at_source = of_indicator(figures, indicator, period, sources)
        frame = pd.DataFrame({indicator.id: moved["value"], f"{indicator.id}_n": moved["numerator"]})
        if indicator.denominator is not None:
            frame[f"{indicator.id}_d"] = moved["denominator"]
        numbers = list(frame.columns)
        # A part is what its source is; without a number of its own although the source has one, it is missing.
        status = moved["support"].map(at_source.status).fillna(Status.MISSING.value).astype(object)
        thin = status.isin(VALUED) & ~moved["hidden"] & moved["value"].isna()
        status[status.isin(VALUED) & moved["hidden"]] = Status.SUPPRESSED.value
        status[thin] = Status.MISSING.value
        shown = status.isin(VALUED)
        frame[f"{indicator.id}_status"] = status
        frame[f"{indicator.id}_origin"] = Origin.MODELLED.value
        frame[f"{indicator.id}_flags"] = flag_text([moved["support"].map(at_source.flags).fillna(0)])
        frame[f"{indicator.id}_support"] = moved["support"]
        # Where too little is known for a value, κ is the reason; of what is hidden neither is said.
        told = shown | (thin & moved["coverage"].notna())
        frame[f"{indicator.id}_coverage"] = moved["coverage"].where(told)
        frame[f"{indicator.id}_provenance"] = moved["provenance"].where(told & (moved["provenance"] != "none"), None)
        frame.loc[~(shown | thin), numbers] = np.nan  # an empty cell keeps its count of 0, though 0/0 is no rate
        parts[period] = frame
        # fsum: the totals are what people check, so they carry no rounding of their own.
        given = figures.values(indicator.numerator, period, sources)
        everywhere = allocation.weights.apply(given.fillna(0.0))
        seen = frame[f"{indicator.id}_n"]
        outside = fsum((given * pd.Series(allocation.weights.outside, index=sources)).dropna())
        totals[str(period)] = {
            "shown": fsum(seen.dropna()),
            "not_shown": fsum((everywhere - seen.fillna(0.0)).dropna()) + outside,
            "total": fsum(given.dropna()),
        }
    return parts, totals


def _styles(
    indicator: Indicator,
    fields: list[Field],
    parts: Parts,
    layer: AreaLayer,
    *,
    modelled: bool,
) -> list[Style]:
    """Classes over the latest year of the county's own areas, so that neighbours do not shift the legend."""
    from service.cartography.classification import graduated

    name = indicator.id if fields[0].name == indicator.id else f"{indicator.id}_gap"
    with_values = [period for period, frame in parts.items() if frame[name].notna().any()]
    latest = parts[max(with_values or parts)]
    values = latest[name].where(~layer.areas["context"].reindex(latest.index).astype(bool))
    if not np.isfinite(values.to_numpy(dtype=float)).any():
        values = latest[name]
    own = name == indicator.id
    return [
        graduated(
            values,
            field=name,
            n=5,
            unit=indicator.unit if own else texts.gap_unit(indicator),
            decimals=indicator.decimals,
            polarity=indicator.polarity if own else Polarity.NEUTRAL,
            modelled=modelled,
            grid=layer.is_grid,
        )
    ]
