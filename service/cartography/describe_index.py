"""Sentences about maps of the index beside its status: change, dynamics, and what makes it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from geodata.models import Text
from geodata.store.model import Style
from service.cartography.describe import CELLS, NAMES, Areas, Row, names_of, reminder


def frame(title: Mapping[str, str], *, wider: bool, language: str) -> str:
    """Say what the areas are compared with."""
    if wider and language == "de":
        return (
            f"Eingeordnet sind die Gebiete unter allen Einheiten des Bezugs ({title['de']}), nicht nur untereinander."
        )
    if wider:
        return f"The areas are placed among all units of the frame ({title['en']}), not only among themselves."
    if language == "de":
        return "Der Status vergleicht die Gebiete dieses Kreises miteinander; ein absoluter Maßstab ist er nicht."
    return "The status compares the areas of this county with each other; it is no absolute yardstick."


def change(rows: Sequence[Row], *, base: int, areas: Areas, language: str, caution: str = "") -> tuple[str, ...]:
    """Count where there is more and where less disadvantage than in the base year.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period, with ``change`` (standard deviations of the base year, above 0 = more
        disadvantage) and ``comparable``.
    base : int
        Base year.
    areas : Areas
    language : {"de", "en"}
    caution : str, optional
        What forbids to take the change at its word; told second.

    Returns
    -------
    tuple of str
        The finding first.
    """
    own = [row for row in rows if not row.get("context")]
    known = [row for row in own if row.get("change") is not None]
    worse, better = ([r for r in known if sign * r["change"] > 0.25] for sign in (1, -1))
    named = f" ({names_of(worse, language)})" if 0 < len(worse) <= 3 * NAMES and len(own) < CELLS else ""
    broken = sum(row.get("comparable") == "no" for row in own)
    left = len(own) - len(known)
    if language == "en":
        said = [
            f"Since {base} disadvantage has grown in {areas.of(len(worse), len(known), 'en')}{named}, lessened in "
            f"{len(better)} and hardly changed in {len(known) - len(worse) - len(better)}.",
            f"Both years are measured with the yardstick of {base}: what changed is the area, not the comparison.",
        ]
        why = f", {broken} of them because of a break" if broken else ""
        said += [f"{left} areas cannot be compared{why}."] if left else []
    else:
        said = [
            f"Seit {base} ist die Benachteiligung in {areas.of(len(worse), len(known), 'de')}{named} gewachsen, in "
            f"{len(better)} geringer geworden und in {len(known) - len(worse) - len(better)} kaum verändert.",
            f"Beide Jahre sind mit dem Maßstab von {base} gemessen: Verändert hat sich das Gebiet, nicht der Bezug.",
        ]
        why = f", davon {broken} wegen eines Bruchs" if broken else ""
        said += [f"{left} Gebiete sind nicht vergleichbar{why}."] if left else []
    return (said[0], *([caution] if caution else []), *said[1:], reminder(language))


def classes(rows: Sequence[Row], style: Style, *, areas: Areas, language: str, last: Text) -> tuple[str, ...]:
    """Count the classes of a map of categories.

    Parameters
    ----------
    rows : sequence of mapping
    style : Style
        Categorical.
    areas : Areas
    language : {"de", "en"}
    last : Text
        What must be known to read them.

    Returns
    -------
    tuple of str
    """
    own = [row for row in rows if not row.get("context")]
    found = Counter(str(row[style.field]) for row in own if row.get(style.field) is not None)
    total = sum(found.values())
    parts = [f"{c.label[language]}: {found[c.value]}" for c in style.classes if c.value is not None and found[c.value]]
    if not parts:
        return (reminder(language),)
    of = areas.of(total, len(own), language)
    first = f"{'Bewertet sind' if language == 'de' else 'Classed are'} {of}. {'; '.join(parts)}."
    return (first, last[language], reminder(language))


#: What must be known to read the relative dynamics and the strongest topic.
DYNAMICS = Text(
    "Die Dynamik vergleicht die Gebiete miteinander, nicht mit früher: „positiv“ kann heißen, dass es langsamer "
    "schlechter wurde als anderswo.",
    'The dynamics compare areas with each other, not with the past: "positive" may mean that it got worse more slowly '
    "than elsewhere.",
)
STRONGEST = Text(
    "Gezeigt ist das Thema, das am meisten über das Mittel des Bezugs hinaus beiträgt; wie viele Menschen "
    "dahinterstehen, sagt die Spalte „Betroffene“.",
    "Shown is the topic that contributes most beyond the mean of the frame; how many people stand behind it is said "
    'in the column "People concerned".',
)
