"""The Sozialindex of the county as a collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import SpatialError
from geodata.models import Text
from geodata.store.model import Collection, Field
from service.workflows import texts
from service.workflows.frames import stack
from service.workflows.index_frame import (
    frame_areas,
    frame_title,
    index_values,
    index_years,
    preset_of,
    section_of,
    turned,
    yardstick_of,
)
from service.workflows.index_texts import EXCLUDED_FIELD, contribution_field, reason_code, status_method, z_field

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.index_uncertainty import Doubt
    from service.workflows.read import Inputs
    from spatial.index.presets import Preset
    from spatial.results import IndexResult


def compute_index(
    inputs: Inputs, figures: Figures, tell: Callable[[str], None] = lambda _line: None
) -> dict[int, IndexResult]:
    """Compute the index for every year in which all its indicators are known.

    Parameters
    ----------
    inputs : Inputs
        What was read; ``county.index`` is not None.
    figures : Figures
        What the edition may know: a suppressed input makes the index of its area missing.
    tell : callable
        Receives one line for each year that has too few complete areas.

    Returns
    -------
    dict of int to IndexResult
        Year → result over the county's own areas.
    """
    section = inputs.county.index
    if section is None:
        return {}
    areas, results = inputs.inside(section.level), {}
    frame = frame_areas(inputs, figures)
    for period in index_years(inputs, figures):
        try:
            values = index_values(inputs, figures, period, frame).loc[areas]
            results[period] = score_of(inputs, figures, values, period)
        except SpatialError as error:  # too few complete areas, or an indicator that is the same everywhere
            tell(f"no index for {period}: {error.message}")
    return results


def score_of(inputs: Inputs, figures: Figures, values: pd.DataFrame, period: int) -> IndexResult:
    """Score one year's indicators, as observed or as drawn.

    Parameters
    ----------
    inputs : Inputs
        ``county.index`` is not None.
    figures : Figures
        Knows the inhabitants.
    values : pandas.DataFrame
        The index's indicators of the county's own areas, in their own direction.
    period : int
        Year.

    Returns
    -------
    IndexResult
        Of these areas.

    Raises
    ------
    SpatialError
        Too few areas are complete, or an indicator is the same everywhere.
    """
    section = section_of(inputs.county)
    own = turned(inputs.county, values)  # high is made to mean disadvantage for every indicator
    return yardstick_of(inputs, figures, period, own).score(
        own,
        population=figures.values(section.population, period, values.index),
        floor=section.floor,
        exclude=section.exclude,
        reference_name=frame_title(inputs.county).de,
    )


def doubt_fields(preset: Preset) -> list[Field]:
    """Return the fields that say how sure rank and class are."""
    latest = Text("Nur für das jüngste Jahr, aus Varianten", "Of the latest year only, from variants")
    return [
        Field("rank_low", "integer", Text("Rang, von", "Rank, from"), latest),
        Field("rank_high", "integer", Text("Rang, bis", "Rank, to"), latest),
        Field(
            "class_probability",
            "number",
            Text("Anteil der Varianten mit dieser Klasse", "Share of the variants with this class"),
            Text(
                "Varianten: Ziehungen der Zahlen, Gewichte, Normierung, Zusammenfassung, Umgang mit Lücken",
                "Variants: draws of the figures, weights, normalisation, aggregation, missing values",
            ),
        ),
        Field(
            "worst_share",
            "number",
            Text("In der schlechtesten Klasse: Anteil der Varianten", "In the worst class: share of the variants"),
            latest,
        ),
        *(
            Field(
                f"probability_{k}",
                "number",
                Text(
                    f"Anteil der Varianten: Status {label}",
                    f"Share of the variants: status {preset.labels_en[label]}",
                ),
                latest,
            )
            for k, label in enumerate(preset.labels, start=1)
        ),
    ]


def index_collection(inputs: Inputs, results: dict[int, IndexResult], doubt: Doubt | None = None) -> Collection:
    """Turn index results into a collection.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    results : dict of int to IndexResult
        At least one year.
    doubt : Doubt, optional
        How sure the latest year is.

    Returns
    -------
    Collection
        ``{level}_index``.
    """
    from service.cartography.index_styles import classes_style

    county = inputs.county
    section, preset, frame = section_of(county), preset_of(county), frame_title(county)
    layer = inputs.levels[section.level]
    indicators = [county.indicators[name] for name in section.indicators]
    fields = [
        texts.CONTEXT_FIELD,
        Field(
            "status_class",
            "string",
            Text("Status", "Status"),
            Text(f"Statusklasse, standardisiert auf: {frame.de}", f"Status class, standardised on: {frame.en}"),
            values={label: Text(label, preset.labels_en[label]) for label in preset.labels},
        ),
        Field(
            "score",
            "number",
            Text("Indexwert", "Index score"),
            Text("hoch = stärkere Benachteiligung", "high = more disadvantage"),
            "SD",
        ),
        Field("rank", "integer", Text("Rang", "Rank"), Text("1 = stärkste Benachteiligung", "1 = most disadvantage")),
        EXCLUDED_FIELD,
        *(
            contribution_field(
                i, Text("Die Beiträge ergeben zusammen den Indexwert", "Contributions add up to the score")
            )
            for i in indicators
        ),
        *(z_field(county, i) for i in indicators),
    ]
    frames = {
        period: result.table.assign(excluded=result.table["excluded"].map(reason_code))
        for period, result in results.items()
    }
    if section.min_share < 1:
        fields.append(
            Field(
                "partial",
                "boolean",
                Text("Teilindex", "Partial index"),
                Text("Beruht nur auf einem Teil der Indikatoren", "Stands on some of the indicators only"),
            )
        )
    if doubt is not None:
        fields += doubt_fields(preset)
        frames[doubt.period] = frames[doubt.period].join(doubt.table)
    last = max(results)
    return Collection(
        id=f"{section.level}_index",
        title=texts.collection_title(inputs, section.level, "index"),
        description=Text(
            "Sozialindex aus " + ", ".join(i.title.de for i in indicators),
            "Social index of " + ", ".join(i.title.en for i in indicators),
        ),
        kind="index",
        level=section.level,
        topic="index",
        fields=tuple(fields),
        table=stack(layer, frames, fields),
        styles=(classes_style(preset.labels, preset.labels_en),),
        metadata=texts.metadata(
            inputs,
            section.level,
            [county.indicators[name] for name in section.used],
            method=status_method(county, int(str(results[last].parameters["reference_areas"]))),
            preset=section.preset,
            reference_frame="county" if section.reference is None else "wider",
            reference_title={"de": frame.de, "en": frame.en},
            floor=section.floor,
            excluded=int((results[last].table["excluded"] != "").sum()),
            **({"variants": doubt.note} if doubt is not None else {}),
        ),
    )
