"""The Sozialindex of the county as a collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata.errors import SpatialError
from geodata.models import Polarity, Text
from geodata.store.model import Collection, Field
from service.workflows import texts
from service.workflows.frames import of_indicator, stack

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import IndexResult

#: Why an area has no class: codes, because a free text could say who lives there.
EXCLUDED = {
    "value": Text("ein Wert fehlt oder wird nicht gezeigt", "a value is missing or not shown"),
    "floor": Text("zu wenige Einwohner", "too few inhabitants"),
    "population": Text("Einwohnerzahl fehlt", "no population figure"),
    "listed": Text("vom Landkreis ausgenommen", "left out by the county"),
}


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
    areas = inputs.inside(section.level)
    chosen = [inputs.county.indicators[name] for name in section.indicators]
    years = set.intersection(*(set(figures.periods(i.numerator, areas)) for i in chosen))
    results = {}
    for period in sorted(years):
        columns = {}
        for indicator in chosen:
            columns[indicator.id] = of_indicator(figures, indicator, period, areas).value
        try:
            results[period] = score_of(inputs, figures, pd.DataFrame(columns), period)
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
    from spatial.index.composite import status_index

    section = inputs.county.index
    assert section is not None  # the caller has chosen its indicators
    # High is made to mean disadvantage for every indicator.
    turned = {
        name: -values[name] if inputs.county.indicators[name].polarity is Polarity.ADVANTAGE else values[name]
        for name in section.indicators
    }
    return status_index(
        pd.DataFrame(turned),
        population=figures.values(section.population, period, values.index),
        floor=section.floor,
        exclude=section.exclude,
    )


def _reason(said: str) -> str | None:
    """Turn the reason of one area into a code: a free text of ``exclude`` could say who lives there."""
    if not said:
        return None
    for start, code in (("no value", "value"), ("fewer than", "floor"), ("no population", "population")):
        if said.startswith(start):
            return code
    return "listed"


def index_collection(inputs: Inputs, results: dict[int, IndexResult]) -> Collection:
    """Turn index results into a collection.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    results : dict of int to IndexResult
        At least one year.

    Returns
    -------
    Collection
        ``{level}_index``.
    """
    from service.cartography.classification import status_style
    from spatial.index.presets import PRESETS

    section = inputs.county.index
    assert section is not None  # the caller has results, so there is an index
    preset = PRESETS[section.preset]
    layer = inputs.levels[section.level]
    indicators = [inputs.county.indicators[name] for name in section.indicators]
    fields = [
        texts.CONTEXT_FIELD,
        Field(
            "status_class",
            "string",
            Text("Status", "Status"),
            Text("Statusklasse, standardisiert auf den Landkreis", "Status class, standardised on the county"),
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
        Field(
            "excluded",
            "string",
            Text("Nicht bewertet, weil", "Not classed because"),
            values=EXCLUDED,
        ),
        *(
            Field(
                f"contribution_{i.id}",
                "number",
                Text(f"Beitrag: {i.title.de}", f"Contribution: {i.title.en}"),
                Text("Die Beiträge ergeben zusammen den Indexwert", "Contributions add up to the score"),
                "SD",
            )
            for i in indicators
        ),
        *(Field(f"z_{i.id}", "number", Text(f"z: {i.title.de}", f"z: {i.title.en}"), unit="SD") for i in indicators),
    ]
    frames = {
        period: result.table.assign(excluded=result.table["excluded"].map(_reason))
        for period, result in results.items()
    }
    last = max(results)
    method: dict[str, Any] = {
        "de": f"Voreinstellung {section.preset}: z-Werte (Standardabweichung der Gesamtheit) von {len(indicators)} "
        "Indikatoren, Summe, erneut standardisiert; Klassen bei −1, +1 und +1,5; jedes Jahr auf die Gebiete des "
        "Landkreises standardisiert.",
        "en": f"Preset {section.preset}: z-scores (population SD) of {len(indicators)} indicators, summed and "
        "standardised again; classes at −1, +1 and +1.5; each year standardised on the county's own areas.",
    }
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
        styles=(status_style(),),
        metadata=texts.metadata(
            inputs,
            section.level,
            indicators,
            method=method,
            preset=section.preset,
            reference_frame="county",
            floor=section.floor,
            excluded=int((results[last].table["excluded"] != "").sum()),
        ),
    )
