"""Texts of "same data, naive map and honest map": one wording for notebook, picture and page, numbers from the tables.

The numbers come from ``notebooks/honest_map.py``, which keeps them in ``service/web/honest_map.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.errors import ConfigError
from geodata.models import Text
from service.cartography.texts import number

#: Written in percent; every other number is a count or a year.
SHARES = ("noise_naive_share",)

CAPTIONS: MappingProxyType[str, Text] = MappingProxyType(
    {
        "title": Text(
            "Dieselben Zahlen, naive Karte und ehrliche Karte",
            "Same data, naive map and honest map",
        ),
        "lead": Text(
            "Anteil der Menschen mit Leistungen nach SGB II im erfundenen Musterkreis, {year}: bekannt für {rates} "
            "Ortsteile, gezeichnet auf {cells} bewohnten Zellen von 100 m.",
            "Share of people on minimum income in the invented Musterkreis, {year}: known for {rates} Ortsteile, "
            "drawn on {cells} inhabited cells of 100 m.",
        ),
        "row": Text("Die Zahlen, wie sie sind", "The figures as they are"),
        "row_noise": Text(
            "Dieselben Zahlen, wie Karten auf die Ortsteile verteilt: Was hier markiert ist, ist falsch",
            "The same figures, dealt out among the Ortsteile like cards: whatever is marked here is false",
        ),
        "naive": Text(
            "{naive_tested} Zellen getestet, als wäre jede gemessen: {naive_high_cells} in High-High-Clustern, in "
            "{naive_high_places} Ortsteilen; in {naive_false_places} davon liegt kein angelegter Cluster. "
            "{naive_torn_places} Ortsteile tragen mehr als ein Label, obwohl jeder nur eine Zahl hat.",
            "{naive_tested} cells tested as if each were measured: {naive_high_cells} in High-High clusters, in "
            "{naive_high_places} Ortsteile; in {naive_false_places} of these no cluster was planted. "
            "{naive_torn_places} Ortsteile carry more than one label, though each has one figure only.",
        ),
        "honest": Text(
            "{honest_tested} Ortsteile getestet, das Label auf ihre Zellen gemalt: {honest_high_places} Ortsteile in "
            "High-High-Clustern; in {honest_false_places} davon liegt kein angelegter Cluster (angelegt: {planted} "
            "Ortsteile). Über Unterschiede innerhalb eines Ortsteils wird nichts gesagt.",
            "{honest_tested} Ortsteile tested, the label painted on their cells: {honest_high_places} Ortsteile in "
            "High-High clusters; in {honest_false_places} of these no cluster was planted (planted: {planted} "
            "Ortsteile). Nothing is said about differences inside an Ortsteil.",
        ),
        "naive_noise": Text(
            "Markiert, und alles falsch: {drawn_naive_cells} Zellen. In {noise_naive_maps} von {rounds} solchen "
            "Verteilungen markiert der naive Test etwas, im Mittel {noise_naive_share} der Zellen.",
            "Marked, and all of it false: {drawn_naive_cells} cells. In {noise_naive_maps} of {rounds} such deals the "
            "naive test marks something, on average {noise_naive_share} of the cells.",
        ),
        "honest_noise": Text(
            "Markierte Ortsteile: {drawn_honest_places}. In {noise_honest_maps} von {rounds} solchen Verteilungen "
            "markiert der ehrliche Test etwas; versprochen sind im langen Mittel höchstens 5 von 100.",
            "Ortsteile marked: {drawn_honest_places}. In {noise_honest_maps} of {rounds} such deals the honest test "
            "marks something; promised are at most 5 in 100 in the long run.",
        ),
        "foot": Text(
            "Beide Male: Local Moran der Empirical-Bayes-Raten, Nachbarn teilen Grenze oder Ecke (Queen), bedingte "
            "Permutation, α = 0,05, Korrektur nach Benjamini und Hochberg. Nur die getesteten Gebiete sind andere. "
            "Der Musterkreis ist erfunden: kein Name und keine Zahl ist echt.",
            "Both times: local Moran of empirical Bayes rates, neighbours share a border or corner (queen), "
            "conditional permutation, α = 0.05, correction by Benjamini and Hochberg. Only the units tested differ. "
            "The Musterkreis is invented: no name and no number is real.",
        ),
        "why": Text(
            "Wird eine Zahl je Ortsteil auf Zellen verteilt, gleichen sich Nachbarzellen, weil sie dieselbe Zahl "
            "tragen. Ein Test, der jede Zelle für eine Beobachtung hält, findet diese Gleichheit und nennt sie "
            "Cluster. Es gibt aber nur {rates} Beobachtungen. Die ehrliche Karte testet diese {rates} und zeigt ihr "
            "Ergebnis auf den Zellen.",
            "When one figure for each Ortsteil is handed down to cells, neighbouring cells are alike because they "
            "carry the same figure. A test that takes every cell for an observation finds this likeness and calls it "
            "a cluster. But there are only {rates} observations. The honest map tests these {rates} and shows their "
            "result on the cells.",
        ),
        "alt": Text(
            "Vier Karten des erfundenen Musterkreises. Links die naiven, quer darüber steht „absichtlich falsch“, "
            "rechts die ehrlichen. Oben die Zahlen, wie sie sind, unten zufällig verteilt: Links ist auch dann viel "
            "markiert.",
            "Four maps of the invented Musterkreis. Left the naive ones with “wrong on purpose” written across, right "
            "the honest ones. Above the figures as they are, below dealt out at random: on the left much is marked "
            "even then.",
        ),
    }
)
_HEADINGS = MappingProxyType(
    {
        "naive": Text("Naiv – absichtlich falsch: Zellen getestet", "Naive – wrong on purpose: cells tested"),
        "honest": Text("Ehrlich: Ortsteile getestet", "Honest: Ortsteile tested"),
    }
)


def heading(kind: str, numbers: Mapping[str, float], language: str) -> str:
    """Return what stands over a map.

    Parameters
    ----------
    kind : {"naive", "honest"}
        Which map.
    numbers : mapping of str to number
        What was counted.
    language : {"de", "en"}
        Of the text.

    Returns
    -------
    str
        With the number of tests.

    Raises
    ------
    ConfigError
        There is no such map.
    """
    if kind not in _HEADINGS:
        raise ConfigError(f"expected one of {', '.join(_HEADINGS)}, found {kind!r}", where="honest map")
    return f"{_HEADINGS[kind][language]} ({number(numbers[f'{kind}_tested'], language)})"


def caption(key: str, numbers: Mapping[str, float], language: str) -> str:
    """Return a text with its numbers.

    Parameters
    ----------
    key : str
        One of :data:`CAPTIONS`.
    numbers : mapping of str to number
        What was counted.
    language : {"de", "en"}
        Of the text.

    Returns
    -------
    str
        Numbers written the way the language does.

    Raises
    ------
    ConfigError
        There is no such text, or a number that it tells is missing.

    Examples
    --------
    >>> caption("row", {}, "en")
    'The figures as they are'
    """
    said = {
        name: f"{number(100 * value, language, 0)}\u00a0%"
        if name in SHARES
        else str(value)
        if name == "year"
        else number(value, language)
        for name, value in numbers.items()
    }
    try:
        return CAPTIONS[key][language].format(**said)
    except KeyError as error:
        raise ConfigError(
            f"expected a known text and all its numbers, {error} is missing", where="honest map"
        ) from error
