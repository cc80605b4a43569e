"""Sentences about what followed a measure: before and after beside other areas, with every reason to doubt it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geodata.models import Text
from service.cartography.texts import number
from service.locale import Language

FINDINGS = {
    "as expected": Text(
        "Die Zahl hat sich in die erwartete Richtung bewegt, und stärker, als Gebiete ohne Maßnahme untereinander "
        "schwanken.",
        "The figure moved further in the expected direction than areas without the measure differ among themselves.",
    ),
    "within chance": Text(
        "Der Unterschied liegt im Rahmen dessen, worin sich Gebiete ohne Maßnahme auch unterscheiden.",
        "The difference is within what areas without the measure also differ by.",
    ),
    "against": Text(
        "Die Zahl hat sich gegen die Erwartung bewegt, und stärker, als Gebiete ohne Maßnahme untereinander schwanken.",
        "The figure moved against what was expected, and further than areas without the measure differ.",
    ),
    "unknown": Text(
        "Ob das mehr ist als Zufall, lässt sich nicht sagen.",
        "Whether this is more than chance cannot be said.",
    ),
}
CAUTIONS = {
    "regression to the mean": Text(
        "Das Gebiet begann ungewöhnlich schlecht: Ein Teil jeder Besserung käme auch ohne Maßnahme (Rückkehr zum "
        "Mittelwert).",
        "The area began unusually badly: part of any improvement would come without the measure (regression to the "
        "mean).",
    ),
    "trend before": Text(
        "Schon vor Beginn bewegte sich die Zahl anders als anderswo.",
        "The figure already moved differently from elsewhere before the start.",
    ),
    "few similar areas": Text(
        "Es gibt weniger als drei ähnliche Gebiete.", "There are fewer than three similar areas."
    ),
    "one period only": Text("Vorher oder nachher ist nur ein Jahr bekannt.", "Only one year is known before or after."),
    "other level before": Text(
        "Die ähnlichen Gebiete begannen auf einem anderen Niveau.", "The similar areas began at another level."
    ),
}
NO_CAUSE = Text(
    "Ob die Maßnahme die Ursache ist, kann keine dieser Zahlen sagen.",
    "None of these figures can tell whether the measure is the cause.",
)
_WITHHELD = {
    "hidden": Text(
        "Zahlen des Gebiets fehlen oder werden nicht gezeigt: kein Vergleich.",
        "Figures of the area are missing or not shown: no comparison.",
    ),
    "periods": Text(
        "Vor oder seit dem Beginn ist noch kein Jahr bekannt: kein Vergleich.",
        "No year before, or none since the start, is known yet: no comparison.",
    ),
    "level": Text("Die Zahl wird hier nicht gezeigt: kein Vergleich.", "The figure is not shown here: no comparison."),
}


def measure_sentences(found: Mapping[str, Any], language: Language) -> list[str]:
    """Say what followed a measure.

    Parameters
    ----------
    found : mapping
        One entry of :func:`service.workflows.measures.effects_of`.
    language : {"de", "en"}

    Returns
    -------
    list of str
        Figures first, then what they may mean, doubts, and that no cause is claimed.
    """
    if found["state"] != "compared":
        return [_WITHHELD[found["state"]][language]]
    german, unit = language == "de", found["unit"]
    decimals = int(found["decimals"])
    points = unit if unit != "%" else "Prozentpunkte" if german else "percentage points"

    def said(value: float | None, *, sign: bool = False) -> str:
        if value is None:
            return "–"
        text = number(value, language, decimals)
        of = points if sign else unit  # percentages differ by percentage points
        return (f"+{text}" if sign and value > 0 else text).replace("-", "−") + (f" {of}" if of else "")

    rows = found["groups"]
    out = []
    names = {
        "area": Text("Im Gebiet der Maßnahme", "In the area of the measure"),
        "similar": Text("In {n} ähnlichen Gebieten", "In {n} similar areas"),
        "county": Text("In den {n} übrigen Gebieten des Kreises", "In the other {n} areas of the county"),
    }
    for name, row in rows.items():
        if row["before"] is None:
            continue
        where = names[name][language].format(n=row["areas"])
        change = said(row["change"], sign=True)
        out.append(
            f"{where}: vorher {said(row['before'])}, nachher {said(row['after'])} ({change})."
            if german
            else f"{where}: before {said(row['before'])}, after {said(row['after'])} ({change})."
        )
    level = round(100 * found["level"])
    for name, words in (
        ("similar", Text("Abstand zu ähnlichen Gebieten", "Difference to similar areas")),
        (
            "same level",
            Text(
                "Abstand zu Gebieten, die auf demselben Niveau begannen", "Difference to areas that began where it did"
            ),
        ),
    ):
        row = found["differences"][name]
        if row["low"] is None:
            continue
        span = f"{said(row['low'], sign=True)} … {said(row['high'], sign=True)}"
        out.append(
            f"{words.de}: {said(row['difference'], sign=True)} ({level}-%-Bereich {span})."
            if german
            else f"{words.en}: {said(row['difference'], sign=True)} ({level} % interval {span})."
        )
    out.append(FINDINGS[found["finding"]][language])
    out += [CAUTIONS[code][language] for code in found["cautions"]]
    return [*out, NO_CAUSE[language]]
