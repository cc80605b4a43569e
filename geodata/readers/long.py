"""From parsed columns to :class:`geodata.models.Observations`: years, shares, uniqueness, the long table."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, FormatError, NoDataError, some
from geodata.models import OBSERVATION_COLUMNS, Observations, Origin, Source, Status
from geodata.readers.signs import STATUSES, Parsed, code


@dataclass(frozen=True, slots=True)
class Block:
    """One variable: area, year and cell side by side.

    Attributes
    ----------
    area_id : pandas.Series
        Area ids (str).
    period : pandas.Series or int
        The year (int64), one a row or one for all.
    cells : Parsed
        Values, statuses and flags, in the same order.
    """

    variable: str
    area_id: pd.Series
    period: pd.Series | int
    cells: Parsed
    unit: str = ""


def text_column(texts: Sequence[str], codes: np.ndarray) -> pd.Series:
    """Return a str column from its few distinct texts and the position of each row's text."""
    array = pd.array(list(texts), dtype="str")
    return pd.Series(array.take(codes.astype(np.int64)))


def constant(text: str, length: int) -> pd.Series:
    """Return a str column that says the same in every row."""
    return text_column([text], np.zeros(length, dtype=np.int64))


def assemble(
    blocks: Sequence[Block], *, source: Source | None, notes: Iterable[str], where: str, rows: int = 0
) -> Observations:
    """Put variables under each other.

    Parameters
    ----------
    blocks : sequence of Block
        One per variable.
    source : Source or None
        Gives the origin of the values; counted where there is none.
    notes : iterable of str
        What the reader recognised.
    where : str
        File, for messages.
    rows : int, default 0
        Data rows of the file.

    Returns
    -------
    Observations
        In the order of the blocks and of the file.

    Raises
    ------
    AreaKeyError
        An area has two values of one variable in one year, or a row has no key.
    NoDataError
        There is not one row.
    """
    if not any(len(block.area_id) for block in blocks):
        raise NoDataError("expected rows below the header, found none", where=where, hint="export or download it again")
    origin = (source.origin if source else Origin.COUNTED).value
    frames = []
    checked: set[tuple[int, int]] = set()
    for block in blocks:
        size = len(block.area_id)
        area = block.area_id.reset_index(drop=True).astype("str")
        period = (
            pd.Series(np.full(size, block.period, dtype=np.int64))
            if isinstance(block.period, int)
            else block.period.reset_index(drop=True).astype("int64")
        )
        # Variables read from the same columns share their keys: look once.
        same = (id(block.area_id), id(block.period))
        if same not in checked:
            _require_unique(area, period, block.variable, where)
            checked.add(same)
        frames.append(
            pd.DataFrame(
                {
                    "area_id": area,
                    "period": period,
                    "variable": constant(block.variable, size),
                    "value": block.cells.value,
                    "status": text_column(STATUSES, block.cells.status),
                    "origin": constant(origin, size),
                    "flags": block.cells.flags,
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)[list(OBSERVATION_COLUMNS)]
    units = MappingProxyType({block.variable: block.unit for block in blocks})
    return Observations(table, units, source, tuple(dict.fromkeys(note for note in notes if note)), rows)


def _require_unique(area: pd.Series, period: pd.Series, variable: str, where: str) -> None:
    empty = area.str.strip() == ""
    if empty.any():
        raise AreaKeyError(
            f"expected an area key in every row, found {int(empty.sum())} rows without one",
            where=where,
            hint="fill the key column, or remove sums and notes below the table",
        )
    keys = pd.DataFrame({"area_id": area, "period": period})
    # Most files are of one year, and long ones in order: then areas are compared with the next one alone.
    if len(area) and (period == period.iloc[0]).all() and (_ascends(area) or not area.duplicated().any()):
        return
    twice = keys.duplicated(keep=False)
    if twice.any():
        repeated = keys[twice].drop_duplicates()
        first = [f"{a} in {p}" for a, p in zip(repeated["area_id"].head(5), repeated["period"].head(5), strict=True)]
        left = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        raise AreaKeyError(
            f"expected one value per area and year of {variable!r}, found several for {', '.join(first)}{left}",
            where=where,
            hint="select one characteristic (select = {…}) or one date per year; where each row is a person or a case, "
            "count them first (`sozialmonitor supply aggregate`), deleting rows would lose them",
        )


def _ascends(texts: pd.Series) -> bool:
    """Tell whether every text comes after the one before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.array(texts, type=pa.string())
    return bool(pc.all(pc.less(array[:-1], array[1:])).as_py())


_YEARS = (
    re.compile(r"(?P<year>[0-9]{4})"),
    re.compile(r"(?P<year>[0-9]{4})-[0-9]{2}(?:-[0-9]{2})?(?:[T ].*)?"),  # 2024-12-31
    re.compile(r"(?P<year>[0-9]{4})-[0-9]{2}P[0-9]+[MY]"),  # 2023-10P6M: six months from October
    re.compile(r"(?P<year>[0-9]{4})-?Q[1-4]"),  # 2024-Q1
    re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.(?P<year>[0-9]{4})"),  # 31.12.2022
    re.compile(r"(?P<year>[0-9]{4})(?:0[1-9]|1[0-2])(?:[0-9]{2})?"),  # 202012 or 20201231
    re.compile(r"(?P<year>[0-9]{4})\.0"),  # a spreadsheet's number
    re.compile(r"(?:(?:WS|SS|Schuljahr|Wintersemester|Sommersemester)\s+)?(?P<year>[0-9]{4})/(?:[0-9]{2}|[0-9]{4})"),
)


def year_of(text: str) -> int | None:
    """Return the year of a date or period as official files write it; None if it is none.

    Examples
    --------
    >>> [year_of(t) for t in ("2024-12-31", "2024", "2023-10P6M", "31.12.2022", "202012", "Summe")]
    [2024, 2024, 2023, 2022, 2020, None]
    """
    for pattern in _YEARS:
        found = pattern.fullmatch(text.strip())
        if found and 1800 <= int(found["year"]) <= 2200:
            return int(found["year"])
    return None


def years(column: pd.Series, *, where: str, name: str, first_row: int | None = None) -> pd.Series:
    """Read a column of dates or periods; the year is what counts.

    Parameters
    ----------
    column : pandas.Series
        Text, dates or numbers.
    where, name : str
        File and column, for the message.
    first_row : int, optional
        Row of the file in which index 0 stands; without it the message names no row.

    Returns
    -------
    pandas.Series
        int64 on the same index.

    Raises
    ------
    FormatError
        A cell names no year.
    """
    codes, unique = pd.factorize(column, use_na_sentinel=False)
    found = [cell.year if isinstance(cell, dt.date) else year_of(str(cell)) for cell in unique]
    bad = [repr(str(cell)) for cell, year in zip(unique, found, strict=True) if year is None]
    if bad:
        wrong = np.isin(codes, [at for at, year in enumerate(found) if year is None])
        rows = [] if first_row is None else [int(at) + first_row for at in column.index[wrong]]
        places = f" in row {some(rows)}" if rows else ""
        short = all(re.fullmatch(r"'\d{1,2}(\.0)?'", cell) for cell in bad)
        raise FormatError(
            f"column {name!r}: expected years or dates, found {some(bad)}{places}",
            where=where,
            hint="write years with four digits; which century is meant is not guessed"
            if short
            else "2024, 2024-12-31, 31.12.2024 or 2023-10P6M; set period to the year itself where no column holds it",
        )
    return pd.Series(np.array(found, dtype=np.int64)[codes], index=column.index)


def share(percent: Parsed, base: Parsed) -> Parsed:
    """Turn percentages of another variable into counts: percent / 100 × base.

    Parameters
    ----------
    percent, base : Parsed
        In the same order.

    Returns
    -------
    Parsed
        Not rounded. Where either has no number the result has none, with the status of the one that lacks it (of the
        percentage first).
    """
    value = percent.value / 100.0 * base.value
    lost = np.isnan(base.value) & ~np.isnan(percent.value)
    status = np.where(lost, base.status, percent.status).astype(np.int8)
    status[(value == 0) & (status == code(Status.OBSERVED))] = code(Status.ZERO)
    return Parsed(value, status, percent.flags | base.flags)


def shares(blocks: Mapping[str, Block], of: Mapping[str, str], where: str) -> list[Block]:
    """Replace percentages by counts, in any order of dependence.

    Parameters
    ----------
    blocks : mapping of str to Block
        Every variable as delivered, all over the same rows.
    of : mapping of str to str
        Variable → the variable of which it is a percentage.
    where : str
        File, for the message.

    Returns
    -------
    list of Block
        In the order of ``blocks``.

    Raises
    ------
    ColumnError
        A base is not among the variables, or shares refer to each other in a circle.
    """
    done: dict[str, Parsed] = {}

    def cells(variable: str, chain: tuple[str, ...]) -> Parsed:
        if variable in chain or variable not in blocks:
            raise ColumnError(
                f"share_of leads nowhere: {' -> '.join((*chain, variable))}",
                where=where,
                hint="name a variable of the same table",
            )
        if variable not in done:
            own = blocks[variable].cells
            done[variable] = share(own, cells(of[variable], (*chain, variable))) if variable in of else own
        return done[variable]

    return [Block(b.variable, b.area_id, b.period, cells(name, ()), b.unit) for name, b in blocks.items()]


def pick(name: str, columns: Sequence[str], *, where: str, what: str = "column") -> int:
    """Return the position of a column.

    Raises
    ------
    ColumnError
        It does not exist, or exists twice.
    """
    found = [position for position, column in enumerate(columns) if column == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ColumnError(
            f"expected one {what} {name!r}, found {len(found)}", where=where, hint="rename all but one of them"
        )
    close = difflib.get_close_matches(name, [str(c) for c in columns], n=3, cutoff=0.5)
    raise ColumnError(
        f"expected a {what} {name!r}, found {some([repr(c) for c in columns if c != ''], 12) or 'none'}",
        where=where,
        hint=f"perhaps {' or '.join(map(repr, close))} is meant" if close else f"check the name of the {what}",
    )
