"""Sentences about a map of values or of the index; every number in them is counted from the rows that the map draws.

The wording follows the official reports (Berlin's Monitoring Soziale Stadtentwicklung, Hamburg's RISE): early warning,
not a verdict; places are described, never the people who live there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geodata.errors import ConfigError
from geodata.models import Status, Text
from geodata.store.model import Style
from service.cartography.legend import count_classes

Row = Mapping[str, Any]

#: How many names are written out in a sentence, and from how many areas on they are cells, whose names are numbers.
NAMES = 6
CELLS = 500

#: How the reason starts for which an area has no index because one of its figures is missing.
NO_VALUE = ("value", "no value")


@dataclass(frozen=True, slots=True)
class Areas:
    """What the areas of a level are called, plural: ``Text("Ortsteile", "districts")``."""

    plural: Text

    def of(self, count: int, total: int, language: str) -> str:
        """Write "6 von 82 Ortsteilen"."""
        if language == "en":
            return f"{count} of {total} {self.plural.en}"
        return f"{count} von {total} {dative(self.plural.de)}"

    def of_county(self) -> Areas:
        """Name those in the county, of a level that reaches beyond it: Gemeinden der Region → des Landkreises."""
        german, _ = _head(self.plural.de)
        english = re.split(r" (?:of|in|around)\b| \(", self.plural.en, maxsplit=1)[0]
        return Areas(Text(f"{german} des Landkreises", f"{english} of the county"))


def _head(plural: str) -> tuple[str, str]:
    """Split a German plural into the noun and what follows it ("der Region", "im Kreis", "(2022)")."""
    found = re.search(r" (?:der|des|im|in|von|mit|am|an|um)\b| \(", plural)
    return (plural[: found.start()], plural[found.start() :]) if found else (plural, "")


def dative(plural: str) -> str:
    """Put a German plural into the dative: Ortsteile → Ortsteilen; Gemeinden and Quartiers stay.

    Examples
    --------
    >>> dative("Ortsteile"), dative("Gemeinden"), dative("Orte (2022)"), dative("Orte der Region")
    ('Ortsteilen', 'Gemeinden', 'Orten (2022)', 'Orten der Region')
    """
    head, rest = _head(plural)
    nouns = list(re.finditer(r"\b[A-ZÄÖÜ][a-zäöüß]{2,}\b", head))
    if not nouns or nouns[-1][0][-1] in "ns":
        return plural
    end = nouns[-1].end()
    return f"{head[:end]}n{head[end:]}{rest}"


def reminder(language: str) -> str:
    """Say what such a map is: an early warning that needs local knowledge."""
    if language == "en":
        return (
            "The map is an early warning, not a verdict: it shows where to look, and what lies behind it takes local "
            "knowledge. It describes areas, not the people who live there."
        )
    return (
        "Die Karte ist eine Frühwarnung, kein Urteil: Sie zeigt, wo man hinsehen sollte; was dahintersteht, braucht "
        "Ortskenntnis. Sie beschreibt Gebiete, nicht die Menschen, die dort leben."
    )


def names_of(rows: Sequence[Row], language: str) -> str:
    """List the names of areas, the first ones of many."""
    names = sorted(str(row.get("name") or row.get("area_id")) for row in rows)
    shown = ", ".join(names[:NAMES])
    left = len(names) - NAMES
    if left <= 0:
        return shown
    return f"{shown} und {left} weitere" if language == "de" else f"{shown} and {left} more"


def suppressed(n: int, total: int, *, areas: Areas, clusters: bool = False, language: str = "de") -> tuple[str, ...]:
    """Say that what is suppressed is not missing at random.

    Parameters
    ----------
    n, total : int
        Areas whose value is suppressed, and all.
    areas : Areas
        What they are called.
    clusters : bool, default False
        Also say what that does to a test of clusters.

    Returns
    -------
    tuple of str
        Empty where nothing is suppressed.
    """
    if not n:
        return ()
    if language == "en":
        cut = ", and clusters of low values may be cut" if clusters else ""
        return (
            f"In {areas.of(n, total, 'en')} the value is suppressed, and not at random: mainly areas with few cases "
            f"are missing. Means are therefore rather too high{cut}.",
        )
    cut = ", und Cluster niedriger Werte können angeschnitten sein" if clusters else ""
    return (
        f"In {areas.of(n, total, 'de')} ist der Wert unterdrückt, und das nicht zufällig: Es fehlen vor allem Gebiete "
        f"mit wenigen Fällen. Mittelwerte sind deshalb eher zu hoch{cut}.",
    )


def handed_down(
    rows: Sequence[Row],
    *,
    field: str,
    support: Areas,
    n_effective: int | None = None,
    language: str = "de",
) -> tuple[str, ...]:
    """Say how little handed-down values know.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period.
    field : str
        The column that is drawn; its distinct values are counted (to ten significant digits).
    support : Areas
        The source zones at which the figures were observed.
    n_effective : int, optional
        Number of independent observations, at most the number of source zones; without it the distinct values.

    Returns
    -------
    tuple of str
        For example "7 verschiedene Werte, nur 7 unabhängige Beobachtungen; …".
    """
    values = {
        f"{float(row[field]):.10g}"
        for row in rows
        if not row.get("context") and row.get(field) is not None and row[field] == row[field]
    }
    n = len(values) if n_effective is None else n_effective
    if language == "en":
        return (
            f"{len(values)} distinct values, only {n} independent observations: the figures exist for the "
            f"{support.plural.en}; no statement about differences inside them.",
        )
    return (
        f"{len(values)} verschiedene Werte, nur {n} unabhängige Beobachtungen: Die Zahlen liegen für die "
        f"{support.plural.de} vor; keine Aussage über Unterschiede innerhalb der {support.plural.de}.",
    )


def index_status(
    rows: Sequence[Row],
    *,
    areas: Areas,
    language: str = "de",
    field: str = "status_class",
    labels: Sequence[str] = ("hoch", "mittel", "niedrig", "sehr niedrig"),
    compared: str | None = None,
) -> tuple[str, ...]:
    """Count the status classes of the index.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period, with ``field`` and ``name``; ``excluded`` tells why there is no index.
    areas : Areas
        What the rows are called.
    labels : sequence of str
        From the least to the most disadvantage.
    compared : str, optional
        What the areas are compared with, as a sentence; by default with each other.

    Returns
    -------
    tuple of str
        The class with most disadvantage first, with its names.
    """
    english = {"hoch": "high", "mittel": "medium", "niedrig": "low", "sehr niedrig": "very low"}
    own = [row for row in rows if not row.get("context")]
    classed = Counter(str(row[field]) for row in own if row.get(field) in labels)
    worst = [row for row in own if row.get(field) == labels[-1]]
    names = f" ({names_of(worst, language)})" if 0 < len(worst) <= 3 * NAMES and len(own) < CELLS else ""
    rest = ", ".join(f"{english.get(c, c) if language == 'en' else c} {classed[c]}" for c in reversed(labels[:-1]))
    left = len(own) - sum(classed.values())
    last = english.get(labels[-1], labels[-1]) if language == "en" else labels[-1]
    if language == "en":
        have = "has" if len(worst) == 1 else "have"
        first = f"{areas.of(len(worst), len(own), 'en')} {have} the status {last}{names}."
        others = f"The others: {rest}; not classed {left}."
        relative = "The status compares the areas of this county with each other; it is no absolute yardstick."
    else:
        have = "hat" if len(worst) == 1 else "haben"
        first = f"{areas.of(len(worst), len(own), 'de')} {have} den Status {last}{names}."
        others = f"Die übrigen: {rest}; nicht eingestuft {left}."
        relative = "Der Status vergleicht die Gebiete dieses Kreises miteinander; ein absoluter Maßstab ist er nicht."
    gone = sum(str(row.get("excluded") or "").startswith(NO_VALUE) for row in own)
    left_out = _without_inputs(gone, len(own), areas, language)
    return (first, others, *left_out, relative if compared is None else compared, reminder(language))


def _without_inputs(n: int, total: int, areas: Areas, language: str) -> tuple[str, ...]:
    if not n:
        return ()
    if language == "en":
        return (
            f"In {areas.of(n, total, 'en')} there is no index because input figures are missing or suppressed. Where "
            "they are suppressed it is mainly areas with few cases that are missing: means are rather too high.",
        )
    return (
        f"In {areas.of(n, total, 'de')} gibt es keinen Index, weil Eingangswerte fehlen oder unterdrückt sind. Wo sie "
        "unterdrückt sind, fehlen vor allem Gebiete mit wenigen Fällen: Mittelwerte sind eher zu hoch.",
    )


def values(rows: Sequence[Row], style: Style, *, areas: Areas, language: str = "de") -> tuple[str, ...]:
    """Say how many areas are in the highest class, and how many have no figure.

    Exact minima and maxima are not told: they would give away the value of a single area.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period; ``<field>_status`` tells what is suppressed.
    style : Style
        Graduated classes.
    areas : Areas
        What the rows are called.

    Returns
    -------
    tuple of str
        Empty classes are not told.
    """
    *counts, missing = count_classes(style, rows)
    total = sum(counts) + missing
    sentences = []
    if len(counts) > 1 and counts[-1]:
        label = style.classes[-1].label[language]
        sentences.append(
            f"In {areas.of(counts[-1], total, 'de')} liegt der Wert {label}."
            if language == "de"
            else f"In {areas.of(counts[-1], total, 'en')} the value is {label}."
        )
    if missing:
        of = areas.of(missing, total, language)
        sentences.append(
            f"Für {of} gibt es keine Angabe, oder sie ist unterdrückt."
            if language == "de"
            else f"For {of} there is no figure, or it is suppressed."
        )
    # A modelled value may also be hidden because its place is too small, which says nothing about the cases there.
    status = f"{style.field}_status"
    gone = sum(row.get(status) == Status.SUPPRESSED.value for row in rows if not row.get("context"))
    if not style.modelled:
        sentences += suppressed(gone, total, areas=areas, language=language)
    return (*sentences, reminder(language))


def caveat(kind: str) -> Text:
    """Say what a map must not be used for, by kind of collection.

    Parameters
    ----------
    kind : {"indicators", "index", "hotspots"}
        As in :class:`geodata.store.model.Collection`.

    Returns
    -------
    Text
        One or two sentences.
    """
    people = Text(
        "Keine Aussage über einzelne Menschen, Häuser oder Straßen.",
        "Not a statement about single people, houses or streets.",
    )
    more = {
        "hotspots": Text(
            "Eine Markierung nennt keine Ursache und taugt nicht als Rangfolge oder als alleiniger Grund, Mittel zu "
            "geben oder zu streichen.",
            "A mark names no cause and is no ranking, nor by itself a reason to grant or withdraw funds.",
        ),
        "index": Text(
            "Der Index ersetzt keine Prüfung vor Ort und taugt nicht als alleiniger Grund, Mittel zu geben oder zu "
            "streichen.",
            "The index replaces no assessment on site and is by itself no reason to grant or withdraw funds.",
        ),
        "indicators": Text(
            "Ein Anteil nennt keine Ursache; kleine Unterschiede zwischen Gebieten können Zufall sein.",
            "A share names no cause; small differences between areas may be chance.",
        ),
    }
    if kind not in more:
        raise ConfigError(f"expected one of {', '.join(more)}, found {kind!r}", where="caveat")
    return Text(f"{people.de} {more[kind].de}", f"{people.en} {more[kind].en}")
