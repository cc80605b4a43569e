"""What all commands write with: plain tables, wrapped sentences, complaints."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

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


def number(value: Any, digits: int = 6) -> str | None:
    """Write a number with so many significant digits; None, which :func:`columns` writes as a dash, where it is NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def to_json(document: Any) -> str:
    """Write a document as JSON: NaN, which JSON does not know, as null, and numbers of NumPy as Python's.

    Parameters
    ----------
    document : object
        Dicts, lists, tuples and scalars.

    Returns
    -------
    str
        One line.
    """
    return json.dumps(_plain(document), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
