"""Titles, descriptions and method sentences of the index's collections; each names the reference frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodata.models import Text
from geodata.store.model import Field
from service.workflows.index_frame import frame_title, preset_of, section_of

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.models import Indicator

#: Why an area has no class: codes, because a free text could say who lives there.
EXCLUDED = {
    "value": Text("ein Wert fehlt oder wird nicht gezeigt", "a value is missing or not shown"),
    "floor": Text("zu wenige Einwohner", "too few inhabitants"),
    "population": Text("Einwohnerzahl fehlt", "no population figure"),
    "listed": Text("vom Landkreis ausgenommen", "left out by the county"),
}
EXCLUDED_FIELD = Field("excluded", "string", Text("Nicht bewertet, weil", "Not classed because"), values=EXCLUDED)

_SCALES = {
    "z": Text("z-Werte (Standardabweichung der Gesamtheit)", "z-scores (population SD)"),
    "z-sample": Text("z-Werte (Standardabweichung der Stichprobe)", "z-scores (sample SD)"),
    "min-max": Text("Werte zwischen kleinstem und größtem", "values between the least and the greatest"),
    "rank": Text("Ränge", "ranks"),
    "percentile": Text("Prozentränge", "percentiles"),
    "goalposts": Text("Werte zwischen festen Enden", "values between fixed ends"),
}
_MEANS = {
    "arithmetic": Text("Summe", "summed"),
    "geometric": Text("geometrisches Mittel", "geometric mean"),
    "harmonic": Text("harmonisches Mittel", "harmonic mean"),
    "minimum": Text("kleinster Wert", "smallest value"),
}


def reason_code(said: str) -> str | None:
    """Turn the reason of one area into a code: a free text of ``exclude`` could say who lives there."""
    if not said:
        return None
    for start, code in (("no value", "value"), ("fewer than", "floor"), ("no population", "population")):
        if said.startswith(start):
            return code
    return "listed"


def scale_of(county: County) -> Text:
    """Say how indicators are brought to one scale and to one number."""
    section = section_of(county)
    scale, mean = _SCALES[section.normalisation], _MEANS[section.aggregation]
    n, weighted = len(section.indicators), bool(section.weights)
    return Text(
        f"Voreinstellung {section.preset}: {scale.de} von {n} Indikatoren{' mit Gewichten' if weighted else ''}, "
        f"{mean.de}, erneut standardisiert",
        f"Preset {section.preset}: {scale.en} of {n} indicators{' with weights' if weighted else ''}, {mean.en} and "
        "standardised again",
    )


def status_method(county: County, areas: int) -> dict[str, str]:
    """Say how the status is made.

    Parameters
    ----------
    county : County
    areas : int
        Areas of the reference frame that have a score in the latest year.
    """
    section, preset, frame, scale = section_of(county), preset_of(county), frame_title(county), scale_of(county)
    rules = {
        "quantile": Text("gleich viele Gebiete", "equal numbers of areas"),
        "equal": Text("gleiche Breite", "equal widths"),
        "jenks": Text("natürliche Klassen", "natural breaks"),
    }
    if section.classes is not None and section.classes.rule in rules:
        rule = rules[section.classes.rule]
        cuts = Text(f"{len(preset.labels)} Klassen ({rule.de})", f"{len(preset.labels)} classes ({rule.en})")
    else:
        listed = [f"{cut:+g}".replace("-", "−") for cut in preset.cuts]
        german = [cut.replace(".", ",") for cut in listed]
        cuts = Text(
            f"Klassen bei {', '.join(german[:-1])} und {german[-1]}" if len(german) > 1 else f"Klassen bei {german[0]}",
            f"classes at {', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else f"classes at {listed[0]}",
        )
    partial = section.min_share < 1
    least = round(100 * section.min_share)
    return {
        "de": f"{scale.de}; {cuts.de}; jedes Jahr standardisiert auf: {frame.de} ({areas} Gebiete)."
        + (f" Teilindex ab {least} % des Gewichts." if partial else ""),
        "en": f"{scale.en}; {cuts.en}; each year standardised on: {frame.en} ({areas} areas)."
        + (f" Partial index from {least} % of the weight on." if partial else ""),
    }


def contribution_field(indicator: Indicator, whole: Text) -> Field:
    """Return the field of what an indicator adds to the score, or to its change."""
    return Field(
        f"contribution_{indicator.id}",
        "number",
        Text(f"Beitrag: {indicator.title.de}", f"Contribution: {indicator.title.en}"),
        whole,
        "SD",
    )


def z_field(county: County, indicator: Indicator) -> Field:
    """Return the field of an indicator's place in the reference frame."""
    frame, z = frame_title(county), section_of(county).normalisation in ("z", "z-sample")
    return Field(
        f"z_{indicator.id}",
        "number",
        Text(
            f"{'z' if z else 'Normiert'}: {indicator.title.de}", f"{'z' if z else 'Normalised'}: {indicator.title.en}"
        ),
        Text(
            f"Lage unter: {frame.de}; hoch = stärkere Benachteiligung",
            f"Place among: {frame.en}; high = more disadvantage",
        ),
        "SD" if z else "",
    )
