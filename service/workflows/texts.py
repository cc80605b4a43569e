"""Titles, field descriptions and notes of the collections, in German and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from geodata.models import Indicator, Polarity, Status, Text
from geodata.store.model import Field
from service.workflows.waiting import years_of

if TYPE_CHECKING:
    from service.workflows.handdown import Allocation
    from service.workflows.read import Inputs

TOPICS = {
    "employment": Text("Arbeit", "Employment"),
    "minimum_income": Text("Existenzsicherung", "Minimum income"),
    "education": Text("Kinder und Bildung", "Children and education"),
    "health": Text("Gesundheit und Prävention", "Health and prevention"),
    "gender": Text("Frauen und Männer", "Women and men"),
    "migration": Text("Migration (Kontext)", "Migration (context)"),
    "population": Text("Bevölkerung", "Population"),
    "index": Text("Sozialindex", "Social index"),
}

STATUS = {
    Status.OBSERVED: Text("Wert liegt vor", "value present"),
    Status.ZERO: Text("genau null", "exactly zero"),
    Status.ZERO_OR_SUPPRESSED: Text("null oder geheim", "zero or suppressed"),
    Status.ROUNDED_TO_ZERO: Text("auf null gerundet", "rounded to zero"),
    Status.SUPPRESSED: Text("nicht gezeigt (Datenschutz)", "not shown (data protection)"),
    Status.SUPPRESSED_OR_UNKNOWN: Text("geheim oder unbekannt", "suppressed or unknown"),
    Status.UNRELIABLE: Text("nicht sicher genug", "unreliable"),
    Status.NOT_APPLICABLE: Text("nicht sinnvoll", "not applicable"),
    Status.NOT_DELIVERED: Text("nicht geliefert", "not delivered"),
    Status.NOT_YET_AVAILABLE: Text("folgt später", "not yet available"),
    Status.AREA_DOES_NOT_EXIST: Text("Gebiet besteht nicht", "area does not exist"),
    Status.MISSING: Text("fehlt", "missing"),
}
ORIGIN = {
    "counted": Text("gezählt", "counted"),
    "register": Text("Register", "register"),
    "sample": Text("Stichprobe", "sample"),
    "modelled": Text("modelliert", "modelled"),
}
POLARITY = {
    Polarity.DISADVANTAGE: Text("hoher Wert = stärkere Benachteiligung", "high value = more disadvantage"),
    Polarity.ADVANTAGE: Text("hoher Wert = geringere Benachteiligung", "high value = less disadvantage"),
    Polarity.NEUTRAL: Text("Kontext, keine Wertung", "context, no judgement"),
}
NOTHING = Text("", "")
GAP_UNIT = "Prozentpunkte"

CONTEXT_FIELD = Field(
    "context",
    "boolean",
    Text("Umgebung", "Context area"),
    Text(
        "Gebiet außerhalb des Landkreises, nur zum Vergleich gezeichnet",
        "Outside the county, drawn for comparison only",
    ),
)
CAVEAT = Text(
    "Frühwarnung, kein Urteil: Die Karte zeigt Gebiete, nicht Menschen. Sie ersetzt keine Ortskenntnis und taugt "
    "nicht für Entscheidungen über einzelne Haushalte oder Personen.",
    "An early warning, not a verdict: the map shows areas, not people. It does not replace local knowledge and is "
    "unfit for decisions about single households or persons.",
)

HOTSPOT_FIELDS = (
    Field(
        "label",
        "string",
        Text("Cluster (Local Moran)", "Cluster (local Moran)"),
        Text("Nach Korrektur für mehrfaches Testen", "After correction for multiple testing"),
        values={
            "High-High": Text("hoch, umgeben von hoch", "high among high"),
            "Low-Low": Text("niedrig, umgeben von niedrig", "low among low"),
            "High-Low": Text("hoch, umgeben von niedrig", "high among low"),
            "Low-High": Text("niedrig, umgeben von hoch", "low among high"),
            "not significant": Text("nicht auffällig", "not significant"),
            "no label": Text("ohne Aussage", "no label"),
        },
    ),
    Field(
        "gi_star_label",
        "string",
        Text("Hot Spot (Gi*)", "Hot spot (Gi*)"),
        Text(
            "Gleicher p-Wert wie Local Moran: keine zweite Bestätigung",
            "Same p-value as local Moran: no second confirmation",
        ),
        values={
            "hot": Text("Hot Spot: Umgebung hoch", "hot spot"),
            "cold": Text("Cold Spot: Umgebung niedrig", "cold spot"),
            "not significant": Text("nicht auffällig", "not significant"),
            "no label": Text("ohne Aussage", "no label"),
        },
    ),
    Field(
        "state",
        "string",
        Text("Teststatus", "State of the test"),
        values={
            "tested": Text("getestet", "tested"),
            "isolated": Text("ohne Nachbarn", "isolated"),
            "undefined": Text("kein Wert", "undefined"),
            "untestable": Text("zu wenige Gebiete für einen Test", "too few areas for a test"),
            "suppressed": Text("nicht gezeigt (Datenschutz)", "suppressed"),
        },
    ),
    Field("value", "number", Text("Wert", "Value")),
    Field(
        "p", "number", Text("p, zweiseitig", "p, two-sided"), Text("Pseudo-p aus Permutationen", "Permutation pseudo p")
    ),
    Field("p_adjusted", "number", Text("p, korrigiert", "p, adjusted")),
    Field("local_moran", "number", Text("Local Moran I", "Local Moran I")),
    Field("local_moran_z", "number", Text("z (Local Moran)", "z (local Moran)")),
    Field("gi_star_z", "number", Text("z (Gi*)", "z (Gi*)")),
    Field(
        "quadrant", "integer", Text("Quadrant", "Quadrant"), Text("1 HH, 2 LH, 3 LL, 4 HL", "1 HH, 2 LH, 3 LL, 4 HL")
    ),
    Field("neighbours", "integer", Text("Nachbarn", "Neighbours")),
    Field(
        "support",
        "string",
        Text("Getestet als", "Tested as"),
        Text("Gebiet, dessen Test das ist", "The area whose test this is"),
    ),
)


CORRECTIONS = {
    "fdr": Text("nach Benjamini und Hochberg (FDR)", "by Benjamini and Hochberg (FDR)"),
    "by": Text("nach Benjamini und Yekutieli (FDR)", "by Benjamini and Yekutieli (FDR)"),
    "none": Text("keine", "none"),
}
GRAPHS = {
    "queen": Text("Nachbarn teilen Grenze oder Ecke (Queen)", "neighbours share a border or corner (queen)"),
    "rook": Text("Nachbarn teilen eine Grenze (Rook)", "neighbours share a border (rook)"),
    "fuzzy": Text("Nachbarn berühren sich bis auf 1 m (Fuzzy)", "neighbours touch within 1 m (fuzzy)"),
}


def collection_title(inputs: Inputs, level: str, topic: str) -> Text:
    """Return ``Arbeit – Ortsteile`` and the like."""
    what, where = TOPICS[str(topic)], inputs.levels[level].title
    return Text(f"{what.de} – {where.de}", f"{what.en} – {where.en}")


def indicator_description(indicators: Iterable[Indicator]) -> Text:
    """Return the definitions of a collection's indicators, one after another."""
    said = list(indicators)
    return Text(*(" ".join(f"{i.title[x]}: {i.definition[x]}".strip() for i in said) for x in ("de", "en")))


def _with(indicator: Indicator, suffix: Text) -> Text:
    return Text(f"{indicator.title.de}{suffix.de}", f"{indicator.title.en}{suffix.en}")


def _sentences(*parts: str) -> str:
    """Join texts, each ending with a full stop and beginning with a capital."""
    return " ".join(f"{p[0].upper()}{p[1:].rstrip('.')}." for p in parts if p)


def _value_field(indicator: Indicator, note: Text = NOTHING) -> Field:
    polarity = POLARITY[indicator.polarity]
    return Field(
        indicator.id,
        "number",
        indicator.title,
        Text(
            _sentences(indicator.definition.de, polarity.de, note.de),
            _sentences(indicator.definition.en, polarity.en, note.en),
        ),
        indicator.unit,
    )


def _status_field(name: str, indicator: Indicator) -> Field:
    return Field(
        name,
        "string",
        _with(indicator, Text(": Status", ": status")),
        Text("Warum da steht, was da steht", "Why the value is what it is"),
        values={status.value: text for status, text in STATUS.items()},
    )


def _flags_field(name: str, indicator: Indicator) -> Field:
    return Field(
        name,
        "string",
        _with(indicator, Text(": Hinweise", ": flags")),
        Text(
            "provisional vorläufig, revised berichtigt, estimated geschätzt, uncertain unsicher, break Bruch, "
            "converted auf den Gebietsstand umgerechnet",
            "what the publisher says about the value",
        ),
    )


def _origin_field(indicator: Indicator) -> Field:
    return Field(
        f"{indicator.id}_origin", "string", _with(indicator, Text(": Herkunft", ": origin")), values=dict(ORIGIN)
    )


def observed_fields(indicator: Indicator) -> list[Field]:
    """Return the fields of an indicator that was observed at the level."""
    fields = [_value_field(indicator)]
    if indicator.denominator is not None:
        fields += [
            Field(f"{indicator.id}_n", "number", _with(indicator, Text(": Zähler", ": numerator")), unit="Anzahl"),
            Field(f"{indicator.id}_d", "number", _with(indicator, Text(": Nenner", ": denominator")), unit="Anzahl"),
        ]
    return [
        *fields,
        _status_field(f"{indicator.id}_status", indicator),
        _origin_field(indicator),
        _flags_field(f"{indicator.id}_flags", indicator),
    ]


def modelled_fields(indicator: Indicator, allocation: Allocation) -> list[Field]:
    """Return the fields of an indicator that was brought down from a coarser level."""
    note = Text(
        f"Modelliert: von der Ebene {allocation.source} verteilt nach {allocation.ancillary}.",
        f"Modelled: brought down from level {allocation.source} by {allocation.ancillary}.",
    )
    fields = [
        _value_field(indicator, note),
        Field(
            f"{indicator.id}_n",
            "number",
            _with(indicator, Text(": Anzahl, modelliert", ": count, modelled")),
            note,
            "Anzahl",
        ),
    ]
    if indicator.denominator is not None:
        fields.append(
            Field(
                f"{indicator.id}_d",
                "number",
                _with(indicator, Text(": Bezugsgröße, modelliert", ": denominator, modelled")),
                note,
                "Anzahl",
            )
        )
    return [
        *fields,
        _status_field(f"{indicator.id}_status", indicator),
        _origin_field(indicator),
        _flags_field(f"{indicator.id}_flags", indicator),
        Field(
            f"{indicator.id}_support",
            "string",
            _with(indicator, Text(": gemessen in", ": measured in")),
            Text("Schlüssel des Gebiets, in dem gezählt wurde", "Key of the area in which it was counted"),
        ),
    ]


def gender_fields(indicator: Indicator) -> list[Field]:
    """Return the fields of a breakdown by sex."""
    pairs = {
        "female": Text(", Frauen", ", women"),
        "male": Text(", Männer", ", men"),
    }
    gap = _with(indicator, Text(": Abstand Frauen − Männer", ": gap women − men"))
    return [
        *(
            Field(f"{indicator.id}_{sex}", "number", _with(indicator, end), indicator.definition, indicator.unit)
            for sex, end in pairs.items()
        ),
        Field(f"{indicator.id}_gap", "number", gap, Text("Keine Wertung", "No judgement"), gap_unit(indicator)),
        _status_field(f"{indicator.id}_gap_status", indicator),
        Field(f"{indicator.id}_gap_origin", "string", _with(indicator, Text(": Herkunft", ": origin")), values=ORIGIN),
        _flags_field(f"{indicator.id}_gap_flags", indicator),
    ]


def gap_unit(indicator: Indicator) -> str:
    """Return the unit of a difference: percent differ by percentage points."""
    return GAP_UNIT if indicator.unit == "%" else indicator.unit


def handed_down_note(inputs: Inputs, indicator: Indicator, allocation: Allocation) -> dict[str, Any]:
    """Return what must be said beside every handed-down value."""
    level = inputs.levels[allocation.source]
    n = len(allocation.weights.source_ids)
    year = allocation.ancillary_year
    pair = (indicator.numerator, indicator.denominator)
    years = years_of(inputs.figures, [pair], level.areas.index)
    if inputs.county.allocations[allocation.source, allocation.target].periods == "latest":
        years = years[-1:]
    # Of several years the one furthest from the ancillary data counts: every one of them is shown.
    data_year = max(years, key=lambda y: abs(y - (year or y)), default=None)
    apart = allocation.weights.years_apart(data_year)
    remarks_de, remarks_en = [], []
    if apart is not None:
        remarks_de.append(f"Zwischen Hilfsdaten ({apart[0]}) und Zahlen ({data_year}) liegen {apart[1]} Jahre.")
        remarks_en.append(f"Ancillary data ({apart[0]}) and figures ({data_year}) are {apart[1]} years apart.")
    nowhere = int((allocation.weights.provenance == "outside").sum())
    if nowhere:
        remarks_de.append(f"Die Zahlen von {nowhere} Gebieten kommen nirgends an: Kein Zielgebiet liegt in ihnen.")
        remarks_en.append(f"The figures of {nowhere} areas arrive nowhere: no target lies in them.")
    spread = len(allocation.fallbacks) - nowhere
    if spread:
        remarks_de.append(f"In {spread} Gebieten sagen die Hilfsdaten nichts; dort ist gleichmäßig verteilt.")
        remarks_en.append(f"In {spread} areas the ancillary data say nothing; there the figures are spread evenly.")
    if not allocation.nested:
        remarks_de.append("Zielgebiete, die in mehreren Quellgebieten liegen, tragen einen Mischwert.")
        remarks_en.append("Targets that lie in several source areas carry a mixed value.")
    return {
        "source_level": allocation.source,
        "n_effective": n,
        "ancillary": allocation.ancillary,
        "ancillary_year": year,
        "method": allocation.weights.method,
        "fallbacks": list(allocation.fallbacks),
        "remarks": {"de": remarks_de, "en": remarks_en},
        "text": {
            "de": f"Modelliert aus {n} Gebieten der Ebene {level.title.de}, verteilt nach {allocation.ancillary}: "
            f"{n} unabhängige Beobachtungen, keine Aussage über Unterschiede innerhalb eines Gebiets.",
            "en": f"Modelled from {n} areas of level {level.title.en} by {allocation.ancillary}: {n} "
            f"independent observations, nothing is said about differences inside one of them.",
        },
    }


def metadata(inputs: Inputs, level: str, indicators: Iterable[Indicator], **extra: Any) -> Mapping[str, Any]:
    """Return what a map of these indicators must say: sources, licences, dates, method, caveat, draft."""
    layer = inputs.levels[level]
    sources = {}
    for indicator in indicators:
        names = [indicator.numerator, indicator.denominator, *(v for p in indicator.breakdown.values() for v in p)]
        for name in names:
            if name is not None and name in inputs.figures.sources:
                source = inputs.figures.sources[name]
                sources[source.id] = source
    if layer.source is not None:
        sources[layer.source.id] = layer.source
    for note in extra.get("handed_down", {}).values():
        # What says where people live is named wherever its result is shown.
        way = inputs.county.allocations[note["source_level"], level]
        ancillary = inputs.county.ancillary.get(way.weights)
        if ancillary is not None:
            source = inputs.county.sources[ancillary.source]
            sources[source.id] = source
    return {
        "attribution": "; ".join(dict.fromkeys(s.attribution for s in sources.values() if s.attribution)),
        "licence": "; ".join(dict.fromkeys(s.licence for s in sources.values() if s.licence)),
        "sources": [
            {
                "id": s.id,
                "title": s.title,
                "publisher": s.publisher,
                "licence": s.licence,
                "attribution": s.attribution,
                "reference_date": s.reference_date.isoformat() if s.reference_date else None,
                "legal_basis": s.legal_basis,
                "purpose": s.purpose,
            }
            for s in sources.values()
        ],
        "indicators": [
            {"id": i.id, "title": {"de": i.title.de, "en": i.title.en}} for i in {i.id: i for i in indicators}.values()
        ],
        "boundary_date": layer.boundary_date.isoformat() if layer.boundary_date else None,
        "level_title": {"de": layer.title.de, "en": layer.title.en},
        "caveat": {"de": CAVEAT.de, "en": CAVEAT.en},
        "draft": True,
        **extra,
    }
