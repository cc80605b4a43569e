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
}
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
        One an area: ``name``, ``label`` and ``state``.
    style : Style
        Names the labels.
    areas : Areas
        What the rows are called.
    statistic : str
        As :attr:`spatial.results.LocalResult.statistic` names it.
    alpha, correction, permutations
        As in :class:`spatial.results.LocalResult`.
    sources : int, optional
        How many source zones were tested, where the labels were painted down from them.
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
    counts = Counter(str(row.get("label")) for row in tested)
    named = [(counts[str(c.value)], c.label[language]) for c in style.classes if c.letters and counts[str(c.value)]]
    marked = sum(n for n, _ in named)
    sure = certainty(alpha, correction, permutations, language)
    count = areas.of(marked, len(rows), language)
    listed = ", ".join(f"{n} × „{label}“" if language == "de" else f"{n} × “{label}”" for n, label in named)
    if language == "de":
        found, nothing = f"Auffällig sind {count}: {listed}", "Kein einzelnes Gebiet fällt auf"
    else:
        found, nothing = f"{count} are conspicuous: {listed}", "No single area is conspicuous"
    first = f"{found if marked else nothing} ({sure})."
    if not marked:
        said.append(
            "Das heißt nicht, dass es keine Unterschiede gibt."
            if language == "de"
            else "That does not mean that there are no differences."
        )
    if sources is not None:
        said.append(
            f"Getestet wurden {sources} Quellgebiete, aus denen die Werte verteilt sind; eine Markierung gilt für das "
            "ganze Quellgebiet und sagt nichts über Unterschiede in seinem Inneren."
            if language == "de"
            else f"Tested were {sources} source zones from which the values were handed down; a mark holds for the "
            "whole source zone and says nothing about differences inside it."
        )
    return (first, *filter(None, said), reminder(language))


def _untested(rows: Sequence[Row], areas: Areas, statistic: str, language: str) -> str:
    why = _WHY | ({"untestable": _WITHOUT} if statistic == "join-count" else {})
    states = Counter(str(row.get("state")) for row in rows if row.get("state") != "tested")
    if not states:
        return ""
    told = ", ".join(f"{n} {why[state][language] if state in why else state}" for state, n in sorted(states.items()))
    count = areas.of(sum(states.values()), len(rows), language)
    return f"Nicht getestet: {count} ({told})." if language == "de" else f"Not tested: {count} ({told})."
