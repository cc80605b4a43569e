"""Titles, field descriptions and notes of the collections, in German and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from geodata.models import Indicator, Polarity, Status, Text
from geodata.store.model import Field

if TYPE_CHECKING:
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
    "index_change": Text("Sozialindex, Veränderung", "Social index, change"),
    "index_contributions": Text("Sozialindex, Zusammensetzung", "Social index, what makes it up"),
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
    """Return the definitions of a collection's indicators, one sentence each."""
    said = list(indicators)
    return Text(
        *(_sentences(*(": ".join(filter(None, (i.title[x], i.definition[x]))) for i in said)) for x in ("de", "en"))
    )


def titled(indicator: Indicator, suffix: Text) -> Text:
    """Return an indicator's title with something after it."""
    return Text(f"{indicator.title.de}{suffix.de}", f"{indicator.title.en}{suffix.en}")


def _sentences(*parts: str) -> str:
    """Join texts, each ending with a full stop and beginning with a capital."""
    return " ".join(f"{p[0].upper()}{p[1:].rstrip('.')}." for p in parts if p)


def value_field(indicator: Indicator, note: Text = NOTHING) -> Field:
    """Return the field of an indicator's value."""
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


def status_field(name: str, indicator: Indicator) -> Field:
    """Return the field that says why a value is what it is."""
    return Field(
        name,
        "string",
        titled(indicator, Text(": Status", ": status")),
        Text("Warum da steht, was da steht", "Why the value is what it is"),
        values={status.value: text for status, text in STATUS.items()},
    )


def flags_field(name: str, indicator: Indicator) -> Field:
    """Return the field with what the publisher says about a value."""
    return Field(
        name,
        "string",
        titled(indicator, Text(": Hinweise", ": flags")),
        Text(
            "provisional vorläufig, revised berichtigt, estimated geschätzt, uncertain unsicher, break Bruch, "
            "converted auf den Gebietsstand umgerechnet",
            "what the publisher says about the value",
        ),
    )


def origin_field(indicator: Indicator) -> Field:
    """Return the field that tells counted from modelled."""
    return Field(
        f"{indicator.id}_origin", "string", titled(indicator, Text(": Herkunft", ": origin")), values=dict(ORIGIN)
    )


def observed_fields(indicator: Indicator) -> list[Field]:
    """Return the fields of an indicator that was observed at the level."""
    fields = [value_field(indicator)]
    if indicator.denominator is not None:
        fields += [
            Field(f"{indicator.id}_n", "number", titled(indicator, Text(": Zähler", ": numerator")), unit="Anzahl"),
            Field(f"{indicator.id}_d", "number", titled(indicator, Text(": Nenner", ": denominator")), unit="Anzahl"),
        ]
    return [
        *fields,
        status_field(f"{indicator.id}_status", indicator),
        origin_field(indicator),
        flags_field(f"{indicator.id}_flags", indicator),
    ]


def gender_fields(indicator: Indicator) -> list[Field]:
    """Return the fields of a breakdown by sex."""
    pairs = {
        "female": Text(", Frauen", ", women"),
        "male": Text(", Männer", ", men"),
    }
    gap = titled(indicator, Text(": Abstand Frauen − Männer", ": gap women − men"))
    return [
        *(
            Field(f"{indicator.id}_{sex}", "number", titled(indicator, end), indicator.definition, indicator.unit)
            for sex, end in pairs.items()
        ),
        Field(f"{indicator.id}_gap", "number", gap, Text("Keine Wertung", "No judgement"), gap_unit(indicator)),
        status_field(f"{indicator.id}_gap_status", indicator),
        Field(f"{indicator.id}_gap_origin", "string", titled(indicator, Text(": Herkunft", ": origin")), values=ORIGIN),
        flags_field(f"{indicator.id}_gap_flags", indicator),
    ]


def gap_unit(indicator: Indicator) -> str:
    """Return the unit of a difference: percent differ by percentage points."""
    return GAP_UNIT if indicator.unit == "%" else indicator.unit


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
