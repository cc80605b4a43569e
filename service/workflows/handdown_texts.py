"""What is said beside values that were brought down from a coarser level, in German and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.models import Indicator, Text
from geodata.store.model import Field
from service.workflows.evidence import shares_between
from service.workflows.texts import flags_field, origin_field, status_field, titled, value_field
from service.workflows.waiting import years_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.workflows.figures import Figures
    from service.workflows.handdown import Allocation
    from service.workflows.read import Inputs

#: By what a target got its share where ancillary data were to say it; all but the first are fallbacks.
PROVENANCE = {
    "ancillary": Text("nach Hilfsdaten verteilt", "shared by ancillary data"),
    "even": Text(
        "Ersatzweise gleichmäßig in der gröberen Zelle verteilt: Die feinen Hilfsdaten sagen dort nichts",
        "fallback: spread evenly inside the coarser cell, as the fine ancillary data say nothing there",
    ),
    "mask": Text(
        "Ersatzweise gleichmäßig auf die Siedlungsfläche verteilt: Die Hilfsdaten sagen dort nichts",
        "fallback: spread evenly over the settled area, as the ancillary data say nothing there",
    ),
    "area": Text(
        "Ersatzweise gleichmäßig auf die Fläche verteilt: Die Hilfsdaten sagen dort nichts",
        "fallback: spread evenly over the area, as the ancillary data say nothing there",
    ),
}
#: The same where area was chosen, and is no fallback.
BY_AREA = {"area": Text("nach Fläche verteilt, ohne Hilfsdaten", "shared by area, without ancillary data")}


def modelled_fields(indicator: Indicator, allocation: Allocation) -> list[Field]:
    """Return the fields of an indicator that was brought down from a coarser level."""
    by = allocation.ancillary
    note = Text(
        f"Modelliert: von der Ebene {allocation.source} verteilt nach {by.de}.",
        f"Modelled: brought down from level {allocation.source} by {by.en}.",
    )
    known = Text(
        f"{note.de} Gilt für den Teil des Gebiets, dessen Zahlen bekannt sind.",
        f"{note.en} Of the part of the area whose figures are known.",
    )
    name = indicator.id
    fields = [
        value_field(indicator, note),
        Field(
            f"{name}_n", "number", titled(indicator, Text(": Anzahl, modelliert", ": count, modelled")), known, "Anzahl"
        ),
    ]
    if indicator.denominator is not None:
        title = titled(indicator, Text(": Bezugsgröße, modelliert", ": denominator, modelled"))
        fields.append(Field(f"{name}_d", "number", title, known, "Anzahl"))
    return [
        *fields,
        status_field(f"{name}_status", indicator),
        origin_field(indicator),
        flags_field(f"{name}_flags", indicator),
        Field(
            f"{name}_support",
            "string",
            titled(indicator, Text(": gemessen in", ": measured in")),
            Text("Schlüssel des Gebiets, in dem gezählt wurde", "Key of the area in which it was counted"),
        ),
        Field(
            f"{name}_coverage",
            "number",
            titled(indicator, Text(": bekannter Anteil (κ)", ": share known (κ)")),
            Text(
                "Anteil der Bezugsgröße, dessen Zahlen bekannt sind: 1 alles, 0 nichts; unter 0,5 steht kein Wert. "
                "Leer, wo nichts gezeigt wird.",
                "Share of the denominator whose figures are known: 1 all, 0 nothing; below 0.5 there is no value. "
                "Empty where nothing is shown.",
            ),
        ),
        Field(
            f"{name}_provenance",
            "string",
            titled(indicator, Text(": verteilt nach", ": shared by")),
            Text(
                "Wonach die Zahlen der Quellgebiete auf dieses Gebiet kamen; das Schwächste, wo es mehrere sind. "
                "Leer, wo nichts gezeigt wird.",
                "By what the figures of the source areas came to this one; the weakest where there are several. Empty "
                "where nothing is shown.",
            ),
            values=BY_AREA if allocation.weights.method == "area" else PROVENANCE,
        ),
    ]


def handed_down_note(
    inputs: Inputs, indicator: Indicator, allocation: Allocation, figures: Figures | None = None
) -> dict[str, Any]:
    """Return what must be said beside every handed-down value.

    With what the edition may know it also says how much of what is counted at the small level lies between the sources.
    """
    level = inputs.levels[allocation.source]
    n = len(allocation.weights.source_ids)
    pair = (indicator.numerator, indicator.denominator)
    years = years_of(inputs.figures, [pair], level.areas.index)
    if inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        years = years[-1:]
    apart = _furthest(allocation, years)
    nowhere = int((allocation.weights.provenance == "outside").sum())
    said = _remarks(allocation, apart, nowhere)
    shares = [] if figures is None else shares_between(inputs, figures, allocation)
    if shares:
        said.append(_known_by_sources(shares, level.title))
    by = allocation.ancillary
    return {
        "source_level": allocation.source,
        "n_effective": n,
        "ancillary": {"de": by.de, "en": by.en},
        "ancillary_years": list(allocation.weights.ancillary_years),
        "years_apart": None if apart is None else {"ancillary": apart[0], "figures": apart[1], "years": apart[2]},
        "between": {"median": float(np.median(shares)), "indicators": len(shares)} if shares else None,
        "method": allocation.weights.method,
        "fallbacks": list(allocation.fallbacks),
        "remarks": {"de": [text.de for text in said], "en": [text.en for text in said]},
        "text": {
            "de": f"Modelliert aus {n} Gebieten der Ebene {level.title.de}, verteilt nach {by.de}: "
            f"{n} unabhängige Beobachtungen, keine Aussage über Unterschiede innerhalb eines Gebiets.",
            "en": f"Modelled from {n} areas of level {level.title.en} by {by.en}: {n} "
            f"independent observations, nothing is said about differences inside one of them.",
        },
    }


def _known_by_sources(shares: Sequence[float], level: Text) -> Text:
    low, high = f"{100 * min(shares):.0f}", f"{100 * max(shares):.0f}"
    span_de, span_en = (f"{low} %", f"{low} %") if low == high else (f"{low} bis {high} %", f"{low} to {high} %")
    n = len(shares)
    one_de, one_en = "dem einen Indikator", "the one indicator"
    return Text(
        f"Bei {one_de if n == 1 else f'{n} Indikatoren'} mit gezählten Werten auf dieser Ebene liegen {span_de} der "
        f"Streuung zwischen den Gebieten der Ebene {level.de}; was darin verschieden ist, zeigt diese Karte nicht.",
        f"Of {one_en if n == 1 else f'{n} indicators'} counted at this level {span_en} of the variance lies between "
        f"the areas of level {level.en}; what differs inside one of them this map does not show.",
    )


def _furthest(allocation: Allocation, years: Sequence[int]) -> tuple[int, int, int] | None:
    """Return year of the ancillary data, of the figures and the years between: every year that is shown counts.

    Of years equally far the last one is named, for it is the one that is drawn.
    """
    found = {year: gap for year in years if (gap := allocation.weights.years_apart(year)) is not None}
    if not found:
        return None
    year = max(found, key=lambda one: (found[one][1], one))
    return found[year][0], year, found[year][1]


def _remarks(allocation: Allocation, apart: tuple[int, int, int] | None, nowhere: int) -> list[Text]:
    found = []
    if apart is not None:
        ancillary, year, gap = apart
        found.append(
            Text(
                f"Zwischen Hilfsdaten ({ancillary}) und Zahlen ({year}) liegen {gap} Jahre.",
                f"Ancillary data ({ancillary}) and figures ({year}) are {gap} years apart.",
            )
        )
    if nowhere:
        found.append(
            Text(
                f"Die Zahlen von {nowhere} Gebieten kommen nirgends an: Kein Zielgebiet liegt in ihnen.",
                f"The figures of {nowhere} areas arrive nowhere: no target lies in them.",
            )
        )
    spread = len(allocation.fallbacks) - nowhere
    if spread:
        found.append(
            Text(
                f"In {spread} Gebieten sagen die Hilfsdaten nichts; dort ist gleichmäßig verteilt.",
                f"In {spread} areas the ancillary data say nothing; there the figures are spread evenly.",
            )
        )
    if not allocation.nested:
        found.append(
            Text(
                "Zielgebiete, die in mehreren Quellgebieten liegen, tragen einen Mischwert.",
                "Targets that lie in several source areas carry a mixed value.",
            )
        )
    return found
