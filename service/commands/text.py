"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click


def columns(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[int] = frozenset()) -> str:
    """Return a table with one line a row, columns as wide as their longest cell.

    Parameters
    ----------
    headings : sequence of str
        One each column.
    rows : iterable of sequence
        Cells; None is written as a dash.
    right : frozenset of int
        Columns of numbers, set to the right.

    Returns
    -------
    str
        Lines without blanks at their ends.
    """
    cells = [["–" if cell is None or cell == "" else str(cell) for cell in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(headings)]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return "\n".join([click.style(line(list(headings)), bold=True), *map(line, cells)])
