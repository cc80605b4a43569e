"""Tables that fit the terminal: cells are broken into lines where a row would be wider."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

import click

#: Between two columns.
GAP = 2
#: No column is made narrower than this, and none of texts narrower than its longest word up to so many letters.
NARROW, WORD = 8, 18


def terminal_width() -> int:
    """Return the columns of the terminal (COLUMNS, else the terminal itself, else 100)."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    right: frozenset[int] = frozenset(),
    colours: Sequence[str | None] = (),
) -> list[str]:
    """Return a table that is at most so wide, a row on as many lines as its longest cell needs.

    Parameters
    ----------
    headings : sequence of str
        One each column; none are written where all are empty.
    rows : sequence of sequence of str
        Cells.
    width : int
        Columns of the terminal.
    right : frozenset of int
        Columns of numbers, set to the right and broken last.
    colours : sequence of str or None
        Of the first cell of each row.

    Returns
    -------
    list of str
        Lines without blanks at their ends; only where there are too many columns for any width are they longer.

    Examples
    --------
    >>> table(["", ""], [["one", "two words and three"]], width=20)
    ['one  two words and', '     three']
    """
    everything = [list(headings), *map(list, rows)]
    widths = _widths(everything, width - GAP * (len(headings) - 1), right)
    out = []
    for position, row in enumerate(everything):
        if position == 0 and not any(headings):
            continue
        cells = [
            textwrap.wrap(cell, w, break_long_words=True, break_on_hyphens=False) or [""]
            for cell, w in zip(row, widths, strict=True)
        ]
        for line in range(max(map(len, cells))):
            parts = []
            for i, (cell, w) in enumerate(zip(cells, widths, strict=True)):
                text = cell[line] if line < len(cell) else ""
                colour = colours[position - 1] if position and i == 0 and position <= len(colours) else None
                blanks = " " * (w - len(text))
                text = click.style(text, fg=colour) if colour and text else text
                parts.append(blanks + text if i in right else text + blanks)
            joined = (" " * GAP).join(parts).rstrip()
            out.append(click.style(joined, bold=True) if position == 0 else joined)
    return out


def _widths(rows: Sequence[Sequence[str]], room: int, right: frozenset[int]) -> list[int]:
    """Give each column what it needs; where that is too much, take from the widest, from numbers last."""
    widths = [max([1, *(len(row[i]) for row in rows)]) for i in range(len(rows[0]))]
    # A number is not broken, its heading is.
    longest = [
        max(len(word) for row in rows[1:] or rows for word in (row[i].split() or [""])) for i in range(len(widths))
    ]
    least = [word if i in right else max(NARROW, min(word, WORD)) for i, word in enumerate(longest)]
    while sum(widths) > room:
        spare = [(w - least[i] > 0, i not in right and w > 2 * NARROW, w, i) for i, w in enumerate(widths)]
        possible, _, _, widest = max(spare)
        if not possible:
            break
        widths[widest] -= 1
    return widths
