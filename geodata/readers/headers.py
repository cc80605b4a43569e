"""Header rows above each other: merged groups are filled, and what stands above a column becomes one name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geodata.readers import long

#: What a column counts, where a header row says nothing else.
_UNIT = re.compile(
    r"(1\.?000|Tsd\.?|Mill?\.?|Mio\.?)?\s*(Anzahl|Number|%|Prozent|EUR|Euro|€|qkm|km²|ha|m²|t|Jahre)|1\.?000"
)
#: A date or year inside a title: "31. Dezember 2023", "31.12.2023", "Juni 2023", "Jahr 2023".
_MONTHS = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
_DATED = re.compile(
    rf"(?:\b\d{{1,2}}\.\s?(?:\d{{1,2}}\.\s?|(?:{_MONTHS}) )|\b(?:{_MONTHS}|Jahr|Berichtsjahr|Stand|Stichtag)\b:?\s*)"
    r"(?P<year>(?:19|20)\d{2})\b"
)


@dataclass(frozen=True, slots=True)
class Column:
    """What the header says about one column.

    Attributes
    ----------
    labels : tuple of str
        From top to bottom, without repetitions, dates and units.
    year : int or None
        Where one of the labels is a date.
    date : str
        As it is written.
    unit : str
        Where the lowest label is one.
    """

    labels: tuple[str, ...]
    year: int | None
    date: str
    unit: str

    @property
    def name(self) -> str:
        """The labels as one text."""
        return " | ".join(self.labels)


def columns(rows: Sequence[Sequence[str]], start: int, *, merged: bool = True) -> list[Column]:
    """Read the header rows of a table.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header rows, all of one width; line breaks inside cells are blanks.
    start : int
        First column that holds figures.
    merged : bool, default True
        A blank cell belongs to the group on its left, as long as the groups above are the same.

    Returns
    -------
    list of Column
        One for each column from ``start`` on.
    """
    texts = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    texts = [row for row in texts if any(row[start:]) and not _numbered([cell for cell in row if cell])]
    width = len(texts[0]) if texts else 0
    if merged:
        for level, row in enumerate(texts):
            for at in range(start + 1, width):
                same = all(texts[upper][at] == texts[upper][at - 1] for upper in range(level))
                # The lowest row is filled only where it groups nothing else: its blanks are real.
                if not row[at] and same and level < len(texts) - 1:
                    row[at] = row[at - 1]
    found = []
    for at in range(start, width):
        labels = list(dict.fromkeys(row[at] for row in texts if row[at]))
        dates = [label for label in labels if long.year_of(label) is not None]
        labels = [label for label in labels if label not in dates]
        unit = labels[-1] if labels and _UNIT.fullmatch(labels[-1]) else ""
        labels = labels[:-1] if unit else labels
        found.append(Column(tuple(labels), long.year_of(dates[0]) if dates else None, dates[0] if dates else "", unit))
    return found


def _numbered(cells: list[str]) -> bool:
    """Tell a row that only numbers the columns from 0, 1 or 2 on."""
    first = cells[0] if cells else ""
    return len(cells) > 1 and first in ("0", "1", "2") and cells == [str(int(first) + i) for i in range(len(cells))]


def unit_of(title: str) -> tuple[str, str]:
    """Split a title line into its words and its unit.

    Examples
    --------
    >>> unit_of("Bevölkerungsstand (Anzahl)")
    ('Bevölkerungsstand', 'Anzahl')
    """
    found = re.fullmatch(r"(.*?)\s*\(([^()]*)\)\s*", title)
    return (found[1], found[2]) if found and _UNIT.fullmatch(found[2]) else (title.strip(), "")


def year_in(texts: Sequence[str]) -> int | None:
    """Return the one year that titles name as date or reporting year; None where there is none, or several.

    Examples
    --------
    >>> year_in(["Beschäftigte am 30. Juni 2023 nach Gemeinden"]), year_in(["Gebietsstand"])
    (2023, None)
    """
    years = {int(found["year"]) for text in texts for found in _DATED.finditer(text)}
    years |= {year for text in texts if (year := long.year_of(text)) is not None}
    return years.pop() if len(years) == 1 else None


def unique_names(names: Sequence[str], otherwise: Callable[[int], str]) -> list[str]:
    """Give every column a name of its own: those that say nothing get one, repeated ones a number."""
    seen: dict[str, int] = {}
    found = []
    for at, name in enumerate(names):
        said = name or otherwise(at)
        seen[said] = seen.get(said, 0) + 1
        found.append(said if seen[said] == 1 else f"{said} ({seen[said]})")
    return found
