"""Sentences about the labels of any local statistic of any layer; every number is counted from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from geodata.models import Text
from geodata.store.model import Style
from service.cartography.describe import Areas, Row, names_of, reminder
from service.cartography.describe_clusters import certainty
from service.cartography.describe_tests import untestable

_WHY = {
    "isolated": Text("ohne Nachbarn", "without neighbours"),
    "undefined": Text("ohne Wert", "without value"),
    "untestable": Text("zu wenige Gebiete", "too few areas"),
    "suppressed": Text("unterdrückt", "suppressed"),
    "constant": Text("mit lauter gleichen Werten", "with all values equal"),
}
#: What is tested where values were handed down.
SOURCES = Areas(Text("Quellgebiete", "source zones"))
_WITHOUT = Text("ohne das Merkmal", "without the attribute")


def labels(
    rows: Sequence[Row],
    style: Style,
    *,
    areas: Areas,
    statistic: str,
    alpha: float,
    correction: str,
    permutations: int,
    sources: int | None = None,
    language: str = "de",
) -> tuple[str, ...]:
    """Say which areas are labelled, how sure that is, and what was not tested.

    Parameters
    ----------
    rows : sequence of mapping
        One an area: ``name``, ``label`` and ``state``, with `sources` also ``support``, the id of its source zone.
    style : Style
        Names the labels.
    areas : Areas
        What the rows are called.
    statistic : str
        As :attr:`spatial.results.LocalResult.statistic` names it.
    alpha, correction, permutations
        As in :class:`spatial.results.LocalResult`.
    sources : int, optional
        How many source zones were tested, where the labels were painted down from them: labels are counted by source
        zone then, because so many were found and no more.
    language : {"de", "en"}
        Of the sentences.

    Returns
    -------
    tuple of str
        The finding first.
    """
    tested = [row for row in rows if row.get("state") == "tested"]
    said = [_untested(rows, areas, statistic, language)]
    alone = [row for row in rows if row.get("state") == "isolated"]
    if alone:
        names = names_of(alone, language)
        said.append(f"Ohne Nachbarn: {names}." if language == "de" else f"Without neighbours: {names}.")
    if not tested:
        few = sum(row.get("state") == "untestable" for row in rows)
        why = untestable(few, areas=areas, language=language) if few and statistic != "join-count" else ()
        return (*why, *filter(None, said), reminder(language))
    found_in = tested if sources is None else of_sources(tested)
    counts = Counter(str(row.get("label")) for row in found_in)
    named = [(counts[str(c.value)], c.label[language]) for c in style.classes if c.letters and counts[str(c.value)]]
    marked = sum(n for n, _ in named)
    sure = certainty(alpha, correction, permutations, language)
    count = areas.of(marked, len(rows), language) if sources is None else SOURCES.of(marked, sources, language)
    listed = ", ".join(f"{n} × „{label}“" if language == "de" else f"{n} × “{label}”" for n, label in named)
    if language == "de":
        found = f"Auffällig sind {count}: {listed}"
        nothing = f"Kein einzelnes {'Gebiet' if sources is None else 'Quellgebiet'} fällt auf"
    else:
        found = f"{count} are conspicuous: {listed}"
        nothing = f"No single {'area' if sources is None else 'source zone'} is conspicuous"
    first = f"{found if marked else nothing} ({sure})."
    if not marked:
        said.append(
            "Das heißt nicht, dass es keine Unterschiede gibt."
            if language == "de"
            else "That does not mean that there are no differences."
        )
    if sources is not None:
        letters = {str(c.value) for c in style.classes if c.letters}
        inside = areas.of(sum(str(row.get("label")) in letters for row in tested), len(rows), language)
        said.append(
            f"Getestet wurden {sources} Quellgebiete, aus denen die Werte verteilt sind; eine Markierung gilt für das "
            f"ganze Quellgebiet (zusammen {inside}) und sagt nichts über Unterschiede in seinem Inneren."
            if language == "de"
            else f"Tested were {sources} source zones from which the values were handed down; a mark holds for the "
            f"whole source zone (together {inside}) and says nothing about differences inside it."
        )
    return (first, *filter(None, said), reminder(language))


def of_sources(rows: Sequence[Row]) -> list[Row]:
    """Return one row a source zone: the areas painted down from it say the same."""
    return list({str(row.get("support")): row for row in rows if row.get("support")}.values())


def _untested(rows: Sequence[Row], areas: Areas, statistic: str, language: str) -> str:
    why = _WHY | ({"untestable": _WITHOUT} if statistic == "join-count" else {})
    states = Counter(str(row.get("state")) for row in rows if row.get("state") != "tested")
    if not states:
        return ""
    told = ", ".join(f"{n} {why[state][language] if state in why else state}" for state, n in sorted(states.items()))
    count = areas.of(sum(states.values()), len(rows), language)
    return f"Nicht getestet: {count} ({told})." if language == "de" else f"Not tested: {count} ({told})."
