"""Sentences about years: how hot and cold spots developed, and where a figure changed otherwise than elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from service.cartography import hotspot_words as words
from service.cartography.describe import CELLS, NAMES, Areas, Row, names_of, reminder
from service.cartography.describe_clusters import certainty


def emerging(rows: Sequence[Row], note: Mapping[str, Any], *, areas: Areas, language: str = "de") -> tuple[str, ...]:
    """Say how hot and cold spots developed; that is a description, no finding of a test.

    Parameters
    ----------
    rows : sequence of mapping
        With ``emerging``; neighbours carry ``context``.
    note : mapping
        ``years``.
    areas : Areas
        What the rows are called.

    Returns
    -------
    tuple of str
        The finding first.
    """
    own = [row for row in rows if not row.get("context")]
    found = Counter(str(row["emerging"]) for row in own if row.get("emerging"))
    years = list(note["years"])
    english = language == "en"
    span = f"{years[0]}–{years[-1]}"
    out: list[str] = []
    for side in ("hot", "cold"):
        for name in words.EMERGING:
            value = f"{side} {name}"
            if not found[value]:
                continue
            members = [row for row in own if row.get("emerging") == value]
            told = len(members) <= 3 * NAMES and len(own) < CELLS
            names = f" ({names_of(members, language)})" if told else ""
            count = areas.of(len(members), len(own), language)
            how = words.emerging(side, name)[language]
            out.append(f"{how[0].upper()}{how[1:]} – {count}{names}.")
    if not out:
        out.append(
            f"No area was a hot or cold spot in a way that makes a pattern over the {len(years)} years {span}."
            if english
            else f"Kein Gebiet war in den {len(years)} Jahren {span} so Hot oder Cold Spot, dass sich ein Muster zeigt."
        )
    else:
        out[0] = (
            f"Hot and cold spots over the {len(years)} years {span}. {out[0]}"
            if english
            else f"Hot und Cold Spots in den {len(years)} Jahren {span}. {out[0]}"
        )
    out.append(
        "The categories describe; they are no finding of a test: years are not independent of each other, and the "
        "trend test takes them to be. Each year is compared with its own mean: a hot spot may stay one while the "
        "figure falls everywhere."
        if english
        else "Die Kategorien beschreiben und sind kein Testergebnis: Jahre hängen voneinander ab, und der Trendtest "
        "nimmt das Gegenteil an. Jedes Jahr ist mit seinem eigenen Mittel verglichen: Ein Hot Spot kann einer bleiben, "
        "während der Wert überall sinkt."
    )
    return (*out, reminder(language))


def change(
    rows: Sequence[Row],
    note: Mapping[str, Any],
    *,
    areas: Areas,
    alpha: float,
    correction: str,
    permutations: int,
    language: str = "de",
) -> tuple[str, ...]:
    """Say where a figure changed otherwise than on average, together with its surroundings.

    Parameters
    ----------
    rows : sequence of mapping
        With ``change_label``.
    note : mapping
        ``from``, ``to``, ``n_effective``.
    areas, alpha, correction, permutations
        As in :func:`service.cartography.describe_clusters.hotspots`.

    Returns
    -------
    tuple of str
        The finding first.
    """
    own = [row for row in rows if not row.get("context")]
    english = language == "en"
    span = f"{note['from']} to {note['to']}" if english else f"{note['from']} bis {note['to']}"
    sure = certainty(alpha, correction, permutations, language)
    out: list[str] = []
    for label, text in words.CHANGE.items():
        members = [row for row in own if row.get("change_label") == label]
        if label == "not significant" or not members:
            continue
        told = len(members) <= 3 * NAMES and len(own) < CELLS
        names = f": {names_of(members, language)}" if told else ""
        value = "the value" if english else "ist der Wert"
        out.append(f"In {areas.of(len(members), len(own), language)} {value} {text[language]}{names}.")
    if out:
        out[0] = (
            f"The change from {span} clusters ({sure}). {out[0]}"
            if english
            else f"Die Veränderung {span} häuft sich räumlich ({sure}). {out[0]}"
        )
    else:
        out.append(
            f"In no area can the change from {span} be shown to differ together with its surroundings ({sure})."
            if english
            else f"In keinem Gebiet weicht die Veränderung {span} nachweisbar gemeinsam mit der Umgebung ab ({sure})."
        )
    out.append(
        f"The change itself is tested, in {note['n_effective']} areas with a value in both years, and compared with "
        "the mean change: an area that rose less may have risen."
        if english
        else f"Getestet ist die Veränderung selbst, in {note['n_effective']} Gebieten mit einem Wert in beiden Jahren, "
        "und verglichen mit der mittleren: Wer weniger gestiegen ist, kann gestiegen sein."
    )
    return (*out, reminder(language))
