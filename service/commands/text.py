"""What all commands write with: plain tables, wrapped sentences, complaints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import click

from geodata.errors import SozialmonitorError

#: Sentences are wrapped here.
WIDTH = 100


def say(line: str) -> None:
    """Write a line of progress, on stderr."""
    click.echo(line, err=True)


def complain(error: SozialmonitorError) -> None:
    """Write what was wrong, where, and what to do, on stderr."""
    if error.where:
        say(f"{click.style('where', bold=True)}:  {error.where}")
    say(f"{click.style('error', fg='red', bold=True)}:  {error.message}")
    if error.hint:
        say(f"{click.style('to do', bold=True)}:  {error.hint}")


def wrapped(sentence: str, start: str) -> list[str]:
    """Break a sentence into lines of at most :data:`WIDTH` columns, the later ones as far in as the first.

    Parameters
    ----------
    sentence : str
        Long words and file names are left whole.
    start : str
        Before the first line.

    Returns
    -------
    list of str
        At least one line.
    """
    inside = textwrap.wrap(
        sentence, WIDTH - len(start), break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return [(start if number == 0 else " " * len(start)) + line for number, line in enumerate(inside or [""])]


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
