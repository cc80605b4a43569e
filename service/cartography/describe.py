"""Sentences about a map; every number in them is counted from the rows that the map draws.

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
from geodata.models import Text
from geodata.store.model import Style
from service.cartography.legend import count_classes
from service.cartography.texts import number

Row = Mapping[str, Any]

#: How many names are written out in a sentence, and from how many areas on they are cells, whose names are numbers.
NAMES = 6
CELLS = 500


@dataclass(frozen=True, slots=True)
class Areas:
    """What the areas of a level are called, plural: ``Text("Ortsteile", "districts")``."""

    plural: Text

    def of(self, count: int, total: int, language: str) -> str:
        """Write "6 von 82 Ortsteilen"."""
        if language == "en":
            return f"{count} of {total} {self.plural.en}"
        return f"{count} von {total} {dative(self.plural.de)}"


def dative(plural: str) -> str:
    """Put a German plural into the dative: Ortsteile → Ortsteilen; Gemeinden and Quartiers stay.

    Examples
    --------
    >>> dative("Ortsteile"), dative("Gemeinden"), dative("Orte (2022)")
    ('Ortsteilen', 'Gemeinden', 'Orten (2022)')
    """
    nouns = [m for m in re.finditer(r"\b[A-ZÄÖÜ][a-zäöüß]{2,}\b", plural) if m[0][-1] not in "ns"]
    capitalised = re.findall(r"\b[A-ZÄÖÜ][a-zäöüß]{2,}\b", plural)
    if not nouns or capitalised[-1] != nouns[-1][0]:
        return plural
    end = nouns[-1].end()
    return f"{plural[:end]}n{plural[end:]}"


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


def same_p(language: str) -> str:
    """Say that the two-sided p of local Moran and of Gi* is one number, not two witnesses."""
    if language == "en":
        return (
            "Local Moran and Gi* share one and the same two-sided p under conditional permutation: "
            "that both mark an area is no second confirmation."
        )
    return (
        "Local Moran und Gi* haben bei bedingter Permutation ein und denselben zweiseitigen p-Wert: "
        "Dass beide ein Gebiet markieren, ist keine zweite Bestätigung."
    )


_CORRECTION = {
    "fdr": Text("nach FDR-Korrektur", "after FDR correction"),
    "by": Text("nach Korrektur von Benjamini und Yekutieli", "after Benjamini-Yekutieli correction"),
    "none": Text("ohne Korrektur für mehrfaches Testen", "not corrected for multiple testing"),
}

_LIE = Text("liegt|liegen", "is|are")
_HAVE = Text("hat|haben", "has|have")

#: Label → verb in singular and plural, and what is said of the areas; the bracket is closed by names and certainty.
_LABELS: dict[str, dict[str, tuple[Text, str, str]]] = {
    "local_moran": {
        "High-High": (
            _LIE,
            "in einem High-High-Cluster (hohe Werte, umgeben von hohen",
            "in a High-High cluster (high values among high",
        ),
        "Low-Low": (
            _LIE,
            "in einem Low-Low-Cluster (niedrige Werte, umgeben von niedrigen",
            "in a Low-Low cluster (low values among low",
        ),
        "High-Low": (
            _HAVE,
            "einen hohen Wert zwischen niedrigen (High-Low",
            "a high value among low (High-Low",
        ),
        "Low-High": (
            _HAVE,
            "einen niedrigen Wert zwischen hohen (Low-High",
            "a low value among high (Low-High",
        ),
    },
    "gi_star": {
        "hot": (_LIE, "in einem Hot Spot (auffällig hohe Umgebung", "in a hot spot (notably high surroundings"),
        "cold": (
            _LIE,
            "in einem Cold Spot (auffällig niedrige Umgebung",
            "in a cold spot (notably low surroundings",
        ),
    },
}

_STATES = {
    "suppressed": Text("unterdrückt", "suppressed"),
    "isolated": Text("ohne Nachbarn", "without neighbours"),
    "undefined": Text("ohne Wert", "without value"),
    "untestable": Text("zu wenige Gebiete", "too few areas"),
}


def hotspots(
    rows: Sequence[Row],
    *,
    areas: Areas,
    alpha: float,
    correction: str,
    permutations: int,
    language: str = "de",
    statistic: str = "local_moran",
    support: Areas | None = None,
    n_effective: int | None = None,
) -> tuple[str, ...]:
    """Say where local tests found clusters, how sure that is, and what was not tested.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period: ``name``, ``label`` (or ``gi_star_label``), ``state``; ``support`` (the id of
        the source zone) for handed-down values; neighbours carry ``context``.
    areas : Areas
        What the rows are called.
    alpha, correction, permutations
        As in :class:`spatial.results.LocalResult`.
    statistic : {"local_moran", "gi_star"}
        Whose labels are told.
    support : Areas, optional
        The source zones that were tested, where the labels were painted down from them.
    n_effective : int, optional
        How many hypotheses were tested.

    Returns
    -------
    tuple of str
        The finding first.

    Raises
    ------
    ConfigError
        Statistic or correction is unknown.
    """
    if statistic not in _LABELS or correction not in _CORRECTION:
        raise ConfigError(
            f"expected a statistic of {', '.join(_LABELS)} and a correction of {', '.join(_CORRECTION)}, "
            f"found {statistic!r} and {correction!r}",
            where="description of hotspots",
        )
    own = [row for row in rows if not row.get("context")]
    tested = [row for row in own if row.get("state") in (None, "tested")]
    if not tested:
        return (*_untested(own, areas, language), reminder(language))
    column = "label" if statistic == "local_moran" else "gi_star_label"
    sure = _sure(alpha, correction, permutations, language)
    sentences: list[str] = []
    for label, (verb, *words) in _LABELS[statistic].items():
        members = [row for row in tested if row.get(column) == label]
        if members:
            count = areas.of(len(members), len(own), language)
            does = verb[language].split("|")[len(members) > 1]
            # A list of many names, or of numbers of cells, tells nobody where that is; the map does.
            told = not support and len(members) <= 3 * NAMES and len(own) < CELLS
            names = f": {_names(members, language)}" if told else ""
            certainty = f"; {sure}" if not sentences else ""
            sentences.append(f"{count} {does} {words[language == 'en']}{names}{certainty}).")
    if not sentences:
        sentences.append(
            f"Kein Cluster in {len(tested)} getesteten {dative(areas.plural.de)} ({sure}). Das heißt nicht, dass es "
            "keine Unterschiede gibt: Nur räumlich gehäuft sind sie nicht nachweisbar."
            if language == "de"
            else f"No cluster among {len(tested)} {areas.plural.en} tested ({sure}). That does not mean that there are "
            "no differences: only that they cannot be shown to be spatially concentrated."
        )
    if support is not None:
        sentences.append(_painted(own, support, n_effective, language))
    sentences += _untested(own, areas, language)
    return (*sentences, same_p(language), reminder(language))


def _sure(alpha: float, correction: str, permutations: int, language: str) -> str:
    runs = number(permutations, language, 0)
    tail = "Permutationen" if language == "de" else "permutations"
    return f"p\u00a0≤\u00a0{number(alpha, language)} {_CORRECTION[correction][language]}, {runs} {tail}"


def _names(rows: Sequence[Row], language: str) -> str:
    names = sorted(str(row.get("name") or row.get("area_id")) for row in rows)
    shown = ", ".join(names[:NAMES])
    left = len(names) - NAMES
    if left <= 0:
        return shown
    return f"{shown} und {left} weitere" if language == "de" else f"{shown} and {left} more"


def _untested(own: Sequence[Row], areas: Areas, language: str) -> list[str]:
    reasons = Counter(str(row["state"]) for row in own if row.get("state") not in (None, "tested"))
    if not reasons:
        return []
    why = ", ".join(
        f"{n} {_STATES[state][language] if state in _STATES else state}" for state, n in sorted(reasons.items())
    )
    total = sum(reasons.values())
    if language == "en":
        return [f"{areas.of(total, len(own), 'en')} {'was' if total == 1 else 'were'} not tested: {why}."]
    return [f"{areas.of(total, len(own), 'de')} {'wurde' if total == 1 else 'wurden'} nicht getestet: {why}."]


def _painted(rows: Sequence[Row], support: Areas, n_effective: int | None, language: str) -> str:
    n = n_effective if n_effective is not None else len({row.get("support") for row in rows} - {None})
    if language == "en":
        return (
            f"Tested were {n} {support.plural.en}; a mark says that the whole zone is conspicuous and nothing about "
            "differences inside it."
        )
    return (
        f"Getestet wurden {n} {support.plural.de}; eine Markierung gilt für das ganze Gebiet dieser Ebene und sagt "
        "nichts über Unterschiede in seinem Inneren."
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


def untestable(n: int, *, areas: Areas, min_areas: int = 30, language: str = "de") -> tuple[str, ...]:
    """Say why there is no local test, and what to do instead.

    Parameters
    ----------
    n : int
        Areas, or source zones of handed-down values.
    areas : Areas
        What they are called.
    min_areas : int, default 30
        How many a local test needs.

    Returns
    -------
    tuple of str
        The reason, then the alternatives.
    """
    if language == "en":
        return (
            f"No hotspots are marked: {n} {areas.plural.en} are too few for a local test (at least {min_areas}).",
            "Instead: compare the values themselves and their course over the years, place them in a wider frame "
            "(the neighbouring municipalities or the whole Land), or collect the figure for smaller areas.",
        )
    return (
        f"Es sind keine Hotspots markiert: {n} {areas.plural.de} sind zu wenige für einen lokalen Test "
        f"(mindestens {min_areas}).",
        "Stattdessen: die Werte selbst und ihren Verlauf über die Jahre vergleichen, sie in einen größeren Rahmen "
        "stellen (Nachbargemeinden oder das ganze Land) oder die Zahl kleinräumiger erheben.",
    )


def global_test(
    value: float,
    *,
    p: float | None,
    n_effective: int,
    support: Areas,
    expected: float | None = None,
    language: str = "de",
) -> tuple[str, ...]:
    """Say whether a figure clusters at all.

    Parameters
    ----------
    value : float
        Moran's I.
    p : float or None
        Its one-sided pseudo p-value; None where it must not be published.
    n_effective : int
        Independent observations.
    support : Areas
        What these are.
    expected : float, optional
        Its mean without clustering; far above 0 where values were handed down, so that the value alone misleads.

    Returns
    -------
    tuple of str
        One sentence.
    """
    shown = number(value, language, 2)
    if language == "en":
        without = f" ({number(expected, 'en', 2)} expected without clustering)" if expected is not None else ""
        sure = f", one-sided p = {number(p, 'en', 3)}" if p is not None else ""
        return (f"Over the whole area: Moran's I = {shown}{without}{sure}, from {n_effective} {support.plural.en}.",)
    without = f" (ohne Häufung zu erwarten: {number(expected, 'de', 2)})" if expected is not None else ""
    sure = f", einseitiges p = {number(p, 'de', 3)}" if p is not None else ""
    return (f"Über das ganze Gebiet: Moran-I = {shown}{without}{sure}, aus {n_effective} {dative(support.plural.de)}.",)


def index_status(
    rows: Sequence[Row],
    *,
    areas: Areas,
    language: str = "de",
    field: str = "status_class",
    labels: Sequence[str] = ("hoch", "mittel", "niedrig", "sehr niedrig"),
) -> tuple[str, ...]:
    """Count the status classes of the index.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period, with ``field`` and ``name``.
    areas : Areas
        What the rows are called.
    labels : sequence of str
        From the least to the most disadvantage.

    Returns
    -------
    tuple of str
        The class with most disadvantage first, with its names.
    """
    english = {"hoch": "high", "mittel": "medium", "niedrig": "low", "sehr niedrig": "very low"}
    own = [row for row in rows if not row.get("context")]
    classed = Counter(str(row[field]) for row in own if row.get(field) in labels)
    worst = [row for row in own if row.get(field) == labels[-1]]
    names = f" ({_names(worst, language)})" if 0 < len(worst) <= 3 * NAMES and len(own) < CELLS else ""
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
    return (first, others, relative, reminder(language))


def values(rows: Sequence[Row], style: Style, *, areas: Areas, language: str = "de") -> tuple[str, ...]:
    """Say how many areas are in the highest class, and how many have no figure.

    Exact minima and maxima are not told: they would give away the value of a single area.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period.
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
