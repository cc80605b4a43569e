"""Sentences about what could have been otherwise: labels that hold in variants, and what another level would show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

from geodata.models import Text
from service.cartography.describe import CELLS, NAMES, Areas, Row, names_of
from service.cartography.texts import number

_MARKS = ("High-High", "Low-Low", "High-Low", "Low-High")
_WEIGHTS = {
    "queen": Text("gemeinsame Grenze oder Ecke", "a shared border or corner"),
    "rook": Text("gemeinsame Grenze", "a shared border"),
    "fuzzy": Text("Berührung bis auf 1 m", "contact within 1 m"),
    "knn": Text("die {} nächsten Gebiete", "the {} nearest areas"),
    "distance": Text("Abstand bis {} m", "distance up to {} m"),
}


def percent(share: float, language: str) -> str:
    """Write a share as whole percent, rounded down: what misses a threshold never looks as if it reached it."""
    shown = floor(100 * share + 1e-9)
    if shown == 0 and share > 0:
        shown = 1
    return f"{number(shown, language, 0)}\u00a0%"


def weights_of(names: Sequence[str], language: str) -> str:
    """List neighbourhoods by what they mean.

    Examples
    --------
    >>> weights_of(["queen", "knn:6"], "en")
    'a shared border or corner; the 6 nearest areas'
    """
    said = []
    for name in names:
        kind, _, amount = name.partition(":")
        text = _WEIGHTS.get(kind, Text(name, name))[language]
        said.append(text.format(number(float(amount), language, 0) if amount else ""))
    return "; ".join(said)


def robust(
    rows: Sequence[Row], note: Mapping[str, Any] | None, *, areas: Areas, language: str = "de"
) -> tuple[str, ...]:
    """Say how many marks hold in the variants, and which do not.

    Parameters
    ----------
    rows : sequence of mapping
        ``label``, ``label_robust``, ``label_probability``, ``name``; neighbours carry ``context``.
    note : mapping or None
        ``variants``, ``draws``, ``weights``, ``threshold``; None where labels were not repeated.
    areas : Areas
        What the rows are called.

    Returns
    -------
    tuple of str
        Empty where nothing is marked.
    """
    marked = [row for row in rows if not row.get("context") and row.get("label") in _MARKS]
    if not marked:
        return ()
    if note is None:
        return (
            "Whether the marks hold under other counts and neighbourhoods has not been checked for this year."
            if language == "en"
            else "Ob die Markierungen auch bei anderen möglichen Zählungen und Nachbarschaften halten, ist für dieses "
            "Jahr nicht geprüft.",
        )
    weak = [row for row in marked if row.get("label_robust") != row["label"]]
    threshold, n = float(note["threshold"]), int(note["variants"])
    if ceil(threshold * n * (1 - 1e-12)) == n:
        enough = f"in allen {n} Varianten" if language == "de" else f"in all {n} variants"
    elif language == "de":
        enough = f"in mindestens {percent(threshold, 'de')} von {n} Varianten"
    else:
        enough = f"in at least {percent(threshold, 'en')} of {n} variants"
    graphs = weights_of(list(note["weights"]), language)
    counted = int(note["draws"]) > 1
    held = len(marked) - len(weak)
    if language == "en":
        drawn = f"{note['draws']} draws of the counts that are possible × " if counted else ""
        alone = "" if counted else "; there are no counts of people to draw from, so only neighbourhoods were varied"
        out = [
            f"{held} of {len(marked)} marks hold {enough} ({drawn}"
            f"{len(note['weights'])} neighbourhoods: {graphs}{alone}); the others are drawn as unsure."
        ]
    else:
        drawn = f"{note['draws']} mögliche Zählungen × " if counted else ""
        alone = "" if counted else "; ohne Zählungen von Menschen sind nur Nachbarschaften verändert"
        verb = "hält" if held == 1 else "halten"
        out = [
            f"{held} von {len(marked)} Markierungen {verb} {enough} ({drawn}"
            f"{len(note['weights'])} Nachbarschaften: {graphs}{alone}); die anderen sind als unsicher gezeichnet."
        ]
    if weak and len(weak) <= 3 * NAMES and len(rows) < CELLS:
        listed = sorted(weak, key=lambda row: (-float(row.get("label_probability") or 0), str(row.get("name"))))
        shown = ", ".join(
            f"{row.get('name') or row.get('area_id')} ({percent(float(row.get('label_probability') or 0), language)})"
            for row in listed[:NAMES]
        )
        more = len(listed) - NAMES
        rest = "" if more <= 0 else (f" und {more} weitere" if language == "de" else f" and {more} more")
        out.append(
            f"Unsicher (das Label hält in so viel Prozent der Varianten): {shown}{rest}."
            if language == "de"
            else f"Unsure (the label holds in that share of the variants): {shown}{rest}."
        )
    return tuple(out)


def holds(share: float, language: str) -> str:
    """Say for one area, in its popup, how often its label holds: ``in 93 % of the variants``."""
    return f"in {percent(share, language)} {'der Varianten' if language == 'de' else 'of the variants'}"


def levels(
    rows: Sequence[Row], note: Mapping[str, Any] | None, *, areas: Areas, language: str = "de"
) -> tuple[str, ...]:
    """Say on how many areas this level and a coarser one agree.

    Parameters
    ----------
    rows : sequence of mapping
        With ``agreement``.
    note : mapping or None
        ``title`` of the larger areas, ``n_effective`` tested.
    areas : Areas
        What the rows are called.

    Returns
    -------
    tuple of str
        Empty where no larger areas were tested.
    """
    said = [row["agreement"] for row in rows if not row.get("context") and row.get("agreement")]
    if note is None or not said:
        return ()
    both, same = len(said), sum(each in ("same label", "neither") for each in said)
    marked = sum(each in ("same label", "only here", "other label") for each in said)
    kept = sum(each == "same label" for each in said)
    larger, n = str(note["title"][language]), int(note["n_effective"])
    if language == "en":
        whole = (
            f"Tested on {n} larger areas ({larger}) as well: both maps say the same of {same} of {both} "
            f"{areas.plural.en}"
        )
        part = f", and of {kept} of the {marked} that are marked here" if marked else ""
        rest = "" if same == both else " The rest is what the choice of level makes."
        return (f"{whole}{part}.{rest}",)
    whole = (
        f"Zusätzlich auf {n} größeren Gebieten geprüft ({larger}): Beide Karten sagen dasselbe über "
        f"{areas.of(same, both, 'de')}"
    )
    part = f", darunter über {kept} der {marked} hier markierten" if marked else ""
    rest = "" if same == both else " Der Rest liegt an der Wahl der Ebene."
    return (f"{whole}{part}.{rest}",)


def agreement(
    rows: Sequence[Row], note: Mapping[str, Any] | None, *, areas: Areas, language: str = "de"
) -> tuple[str, ...]:
    """Describe the map of agreement: the same numbers, and where only one level marks something."""
    first = levels(rows, note, areas=areas, language=language)
    own = [row for row in rows if not row.get("context")]
    here, there = ([row for row in own if row.get("agreement") == value] for value in ("only here", "only there"))
    if not first or len(own) >= CELLS or not (here or there):
        return first
    parts = []
    for members, text in (
        (here, Text("nur hier markiert", "marked here only")),
        (there, Text("nur im größeren Gebiet markiert", "marked in the larger area only")),
    ):
        if members:
            parts.append(f"{text[language]}: {names_of(members, language)}")
    return (*first, f"{'; '.join(parts)}.".capitalize() if language == "en" else f"{'; '.join(parts)}.")
