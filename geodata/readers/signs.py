"""What stands in a cell besides a number: one character has several meanings, so every source names its legend.

``-`` is exactly zero for Destatis and the Länder; ``0`` is *less than half the last digit* there, but *exactly zero or
set to zero for secrecy* in the new legend of Lower Saxony, and just zero in a table of a Fachdienst. −9999 is a number
unless the source is a Monitoring Soziale Stadtentwicklung.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from geodata.errors import ConfigError, SignError, some
from geodata.models import Flag, Status

#: Order of the codes in :attr:`Parsed.status`.
STATUSES = tuple(Status)
_CODE = {status: code for code, status in enumerate(STATUSES)}
_ZEROS = (Status.ZERO, Status.ROUNDED_TO_ZERO)
_SUFFIXES = {"p": Flag.PROVISIONAL, "r": Flag.REVISED, "s": Flag.ESTIMATED, "|": Flag.BREAK}

Sign = tuple[Status, Flag]


@dataclass(frozen=True, slots=True)
class Legend:
    """One version of a legend of signs.

    Attributes
    ----------
    signs : mapping of str to (Status, Flag)
        What a sign in place of a number means. A blank is ``MISSING`` in every legend.
    zero : Status
        What a written zero means.
    numbers : mapping of float to Status
        Numbers that are signs.
    marks : bool
        Numbers may carry the suffixes ``p r s |`` or stand in brackets (limited value).
    """

    id: str
    signs: Mapping[str, Sign]
    zero: Status = Status.ZERO
    numbers: Mapping[float, Status] = field(default_factory=lambda: MappingProxyType({}))
    marks: bool = False


def _plain(**signs: Status) -> dict[str, Sign]:
    return {sign: (status, Flag.NONE) for sign, status in signs.items()}


_CLASSIC: dict[str, Sign] = {
    "-": (Status.ZERO, Flag.NONE),
    ".": (Status.SUPPRESSED_OR_UNKNOWN, Flag.NONE),
    "·": (Status.SUPPRESSED_OR_UNKNOWN, Flag.NONE),
    "...": (Status.NOT_YET_AVAILABLE, Flag.NONE),
    "…": (Status.NOT_YET_AVAILABLE, Flag.NONE),
    "/": (Status.UNRELIABLE, Flag.NONE),
    "|": (Status.MISSING, Flag.BREAK),
    **_plain(x=Status.NOT_APPLICABLE, X=Status.NOT_APPLICABLE),
}

#: Legend version → legend (`formats.md`, "Signs").
LEGENDS: Mapping[str, Legend] = MappingProxyType(
    {
        legend.id: legend
        for legend in (
            Legend("none", {}),
            Legend("classic", _CLASSIC, zero=Status.ROUNDED_TO_ZERO, marks=True),
            Legend(
                "lsn-new",
                _plain(
                    k=Status.ROUNDED_TO_ZERO,
                    t=Status.NOT_YET_AVAILABLE,
                    u=Status.UNRELIABLE,
                    g=Status.SUPPRESSED,
                    x=Status.NOT_APPLICABLE,
                ),
                zero=Status.ZERO_OR_SUPPRESSED,
                marks=True,
            ),
            Legend(
                "lsn-old",
                {
                    "[n]": (Status.ZERO, Flag.NONE),
                    "[0]": (Status.ROUNDED_TO_ZERO, Flag.NONE),
                    "[g]": (Status.SUPPRESSED, Flag.NONE),
                    "[x]": (Status.NOT_APPLICABLE, Flag.NONE),
                    "[u]": (Status.UNRELIABLE, Flag.NONE),
                },
                marks=True,
            ),
            # Counts of the Zensus 2022 went through the cell key method: "zero" may have been made.
            Legend(
                "zensus",
                {
                    **_CLASSIC,
                    "-": (Status.ZERO_OR_SUPPRESSED, Flag.NONE),
                    "–": (Status.ZERO_OR_SUPPRESSED, Flag.NONE),
                },
                marks=True,
            ),
            Legend("zensus2011", {}, numbers={-1.0: Status.ZERO_OR_SUPPRESSED, -9.0: Status.SUPPRESSED}),
            Legend("ba", {**_CLASSIC, "*": (Status.SUPPRESSED, Flag.NONE)}, marks=True),
            Legend("mss", {}, numbers={-9999.0: Status.NOT_DELIVERED}),
        )
    }
)

#: Quality column of GENESIS (``value_q``); ``e`` says the value is final.
QUALITY: Mapping[str, Flag] = MappingProxyType(
    {
        "": Flag.NONE,
        "e": Flag.NONE,
        "p": Flag.PROVISIONAL,
        "r": Flag.REVISED,
        "s": Flag.ESTIMATED,
        "()": Flag.UNCERTAIN,
        "( )": Flag.UNCERTAIN,
        "|": Flag.BREAK,
    }
)


#: What a department may say about a whole row, in words.
WORDS: Mapping[str, Flag] = MappingProxyType(
    {
        "vorläufig": Flag.PROVISIONAL,
        "revidiert": Flag.REVISED,
        "geschätzt": Flag.ESTIMATED,
        "unsicher": Flag.UNCERTAIN,
        "Bruch in der Reihe": Flag.BREAK,
    }
)


def flags_of_words(cells: pd.Series, *, where: str, column: str) -> np.ndarray:
    """Read a column of words about quality; a blank says nothing.

    Parameters
    ----------
    cells : pandas.Series
        Text.
    where, column : str
        File and column, for the message.

    Returns
    -------
    numpy.ndarray
        int64, values of :class:`geodata.models.Flag`, in the order of the cells.

    Raises
    ------
    SignError
        A cell holds anything else.
    """
    codes, unique = pd.factorize(cells.str.strip(), use_na_sentinel=False)
    known = {"": Flag.NONE, **WORDS}
    strange = [row for row, text in zip(cells.index, cells.str.strip(), strict=True) if text not in known]
    if strange:
        raise SignError(
            f"column {column!r}: expected {', '.join(WORDS)} or a blank, found something else in row "
            f"{some(int(row) + 1 for row in strange)}",
            where=where,
            hint="choose from the list",
        )
    return np.array([known[str(text)].value for text in unique], dtype=np.int64)[codes]


@dataclass(frozen=True, slots=True)
class Parsed:
    """Cells of one column after the legend has been read.

    Attributes
    ----------
    value : numpy.ndarray
        float64, NaN where there is no number.
    status : numpy.ndarray
        int8, positions in :data:`STATUSES`.
    flags : numpy.ndarray
        int64, values of :class:`geodata.models.Flag`.
    """

    value: np.ndarray
    status: np.ndarray
    flags: np.ndarray

    def take(self, rows: np.ndarray) -> Parsed:
        """Return some rows, by position or mask."""
        return Parsed(self.value[rows], self.status[rows], self.flags[rows])

    def with_status(self, rows: np.ndarray, status: Status) -> Parsed:
        """Return the same cells with another status, and no number, in some rows (mask)."""
        return Parsed(
            np.where(rows, np.nan, self.value),
            np.where(rows, code(status), self.status).astype(np.int8),
            self.flags,
        )

    def with_flags(self, flags: np.ndarray) -> Parsed:
        """Return the same cells with more flags."""
        return Parsed(self.value, self.status, self.flags | flags)


def code(status: Status) -> int:
    """Return the position of a status in :data:`STATUSES`."""
    return _CODE[status]


def legend(version: str) -> Legend:
    """Return a legend by its version.

    Raises
    ------
    ConfigError
        There is no such version.
    """
    try:
        return LEGENDS[version]
    except KeyError:
        raise ConfigError(
            f"expected a legend among {', '.join(LEGENDS)}, found {version!r}",
            where="sources.legend",
            hint="choose the legend that the publisher prints with the table",
        ) from None


_NUMBER = {
    ",": re.compile(r"(?:\d+|[1-9]\d{0,2}(?:(?P<group>[. \u202f'])\d{3})(?:(?P=group)\d{3})*)(?:,\d+)?", re.ASCII),
    ".": re.compile(
        r"(?:\d+|[1-9]\d{0,2}(?:(?P<group>[, \u202f'])\d{3})(?:(?P=group)\d{3})*)(?:\.\d*)?(?:[eE][-+]?\d+)?"
        r"|\.\d+(?:[eE][-+]?\d+)?",
        re.ASCII,
    ),
}
_MARKED = re.compile(r"(?P<body>.*?)\s*(?P<marks>[prs|]+)")


def number(cell: str, decimal: str) -> float | None:
    """Read a number in German (``1.234,5``) or English (``1234.5``) notation; None if it is none.

    Examples
    --------
    >>> number("1.234,5", ","), number("1,234.5", "."), number("1.23", ",")
    (1234.5, 1234.5, None)
    """
    body = cell.replace("−", "-").replace("\u00a0", " ")
    sign = -1.0 if body.startswith("-") else 1.0
    body = body[1:] if body[:1] in ("-", "+") else body
    if not _NUMBER[decimal].fullmatch(body):
        return None
    bare = re.sub(r"[ \u202f']", "", body)
    bare = bare.replace(".", "").replace(",", ".") if decimal == "," else bare.replace(",", "")
    return sign * float(bare)


def read_cell(cell: str, legend: Legend, decimal: str = ",") -> tuple[float, Status, Flag] | None:
    """Read one cell by a legend.

    Parameters
    ----------
    cell : str
        As it stands in the file.
    legend : Legend
        Which signs there are.
    decimal : {",", "."}
        Decimal sign.

    Returns
    -------
    (float, Status, Flag) or None
        NaN where there is no number; None where the cell is neither a number nor a sign.

    Examples
    --------
    >>> read_cell("12,5 p", LEGENDS["classic"])
    (12.5, <Status.OBSERVED: 'observed'>, <Flag.PROVISIONAL: 1>)
    >>> read_cell("0", LEGENDS["lsn-new"])[1]
    <Status.ZERO_OR_SUPPRESSED: 'zero_or_suppressed'>
    """
    cell = cell.strip()
    if not cell:
        return np.nan, Status.MISSING, Flag.NONE
    if cell in legend.signs:
        status, flag = legend.signs[cell]
        return (0.0 if status in _ZEROS else np.nan), status, flag
    flag = Flag.NONE
    if legend.marks:
        marked = _MARKED.fullmatch(cell)
        if marked and marked["body"]:
            for mark in marked["marks"]:
                flag |= _SUFFIXES[mark]
            cell = marked["body"]
            if cell in legend.signs:
                status, more = legend.signs[cell]
                return (0.0 if status in _ZEROS else np.nan), status, flag | more
        if cell.startswith("(") and cell.endswith(")"):
            flag |= Flag.UNCERTAIN
            cell = cell[1:-1].strip()
    value = number(cell, decimal)
    return None if value is None else (*_judge(value, legend), flag)


def _judge(value: float, legend: Legend) -> tuple[float, Status]:
    """Say what a number means: mostly itself."""
    status = legend.numbers.get(value, legend.zero if value == 0 else Status.OBSERVED)
    # Adding 0.0 turns -0.0 ("-0,0", a change that rounds to zero) into 0.0.
    return (value + 0.0 if status is Status.OBSERVED or status in _ZEROS else np.nan), status


def parse(
    cells: pd.Series, legend: Legend, *, decimal: str = ",", where: str, column: str, first_row: int = 2
) -> Parsed:
    """Read a column of text by a legend; each distinct text is read once.

    Parameters
    ----------
    cells : pandas.Series
        Text; the index holds row positions below the first data row.
    legend : Legend
        Which signs there are.
    decimal : {",", "."}
        Decimal sign.
    where, column : str
        File and column, for the message.
    first_row : int, default 2
        Row of the file in which index 0 stands.

    Returns
    -------
    Parsed
        In the order of the cells.

    Raises
    ------
    SignError
        A cell is neither a number nor a sign of the legend.
    """
    codes, unique = pd.factorize(cells, use_na_sentinel=False)
    texts = ["" if pd.isna(text) else str(text) for text in unique]
    read = [read_cell(text, legend, decimal) for text in texts]
    unknown = [position for position, result in enumerate(read) if result is None]
    if unknown:
        _refuse(cells, codes, [(p, texts[p]) for p in unknown], legend, where, column, first_row)
    known = [result for result in read if result is not None]
    value = np.array([result[0] for result in known], dtype=np.float64)
    status = np.array([_CODE[result[1]] for result in known], dtype=np.int8)
    flags = np.array([result[2].value for result in known], dtype=np.int64)
    return Parsed(value[codes], status[codes], flags[codes])


def _refuse(
    cells: pd.Series,
    codes: np.ndarray,
    unknown: list[tuple[int, str]],
    legend: Legend,
    where: str,
    column: str,
    first_row: int,
) -> None:
    index = cells.index.to_numpy()
    rows = np.flatnonzero(np.isin(codes, [position for position, _ in unknown]))
    places = some([int(index[row]) + first_row for row in rows])
    found = some(dict.fromkeys(repr(text) for _, text in unknown))
    elsewhere = [name for name, other in LEGENDS.items() if all(read_cell(t, other) for _, t in unknown)]
    signs = " ".join(legend.signs) or "none"
    raise SignError(
        f"column {column!r}: expected a number or a sign of the legend {legend.id!r} ({signs}), "
        f"found {found} in row {places}",
        where=where,
        hint=f'the legend {" or ".join(elsewhere)} knows it: set `legend = "{elsewhere[0]}"` of the source'
        if elsewhere
        else "mend the cell, or choose the legend of the source",
    )


def from_numbers(values: np.ndarray, legend: Legend, null: Status = Status.MISSING) -> Parsed:
    """Read a numeric column by a legend.

    Parameters
    ----------
    values : numpy.ndarray
        float64, NaN where nothing was delivered.
    legend : Legend
        Which numbers are signs, and what zero means.
    null : Status
        What NaN means.

    Returns
    -------
    Parsed
        In the same order.
    """
    status = np.full(len(values), code(Status.OBSERVED), dtype=np.int8)
    status[values == 0] = code(legend.zero)
    for sign, meaning in legend.numbers.items():
        status[values == sign] = code(meaning)
    status[np.isnan(values)] = code(null)
    valued = np.isin(status, [code(s) for s in (Status.OBSERVED, *_ZEROS)])
    return Parsed(np.where(valued, values + 0.0, np.nan), status, np.zeros(len(values), dtype=np.int64))
