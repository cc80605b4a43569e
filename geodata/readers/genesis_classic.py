"""GENESIS tables as they are printed: title rows, header rows above each other, names indented by level, a footer.

``GENESIS-Tabelle: 12411-01-01-4`` and titles; header rows whose first cells are blank (``;;31.12.2015;31.12.2015``
above ``;;Insgesamt;männlich``); rows with key and indented name (``01;  Schleswig-Holstein;2858714;…``), sometimes with
the year in front; underscores, copyright and ``Stand:`` below. ISO-8859-1, decimal comma. Workbooks have the same form.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.models import Observations, Source
from geodata.readers import decimals, headers, long, signs, text, wide
from geodata.readers.sheet import open_sheet, sheet_names

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

_TITLE = re.compile(r'"?(GENESIS-)?(Tabelle|Table)( code)?:?\s*\d[\w-]*.*', re.IGNORECASE)
_FOOTER = re.compile(r"_{3,}")
#: What keys of regions look like; a lone number of four digits is a year.
_KEY = re.compile(r"DG|\d{2}|\d{3}|\d{5}|\d{8}|\d{9}|\d{12}")
_TOTALS = ("Insgesamt", "insgesamt", "Total")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The rows of a table by what they are."""

    titles: list[str]
    head: list[list[str]]
    body: list[tuple[int, list[str]]]
    labels: int
    footer: bool
    encoding: str
    merged: bool


def is_classic(first: str) -> bool:
    """Tell by the first cell whether a table begins as GENESIS prints it."""
    return _TITLE.fullmatch(first.strip()) is not None


def read_classic(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    period: int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
    undated: bool = False,
) -> Observations:
    """Read a printed table.

    Parameters
    ----------
    path : pathlib.Path
        CSV or workbook.
    columns : mapping of str to ColumnSpec, optional
        Variable → its name as ``sozialmonitor check`` prints it: the labels above the column joined by ``|``, what the
        rows say besides the area behind ``·``. By default all.
    period : int, optional
        The year, where the table names none; only this year, where it does.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    sheet : str, optional
        Sheet of a workbook.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``classic``.
    undated : bool, default False
        Take :data:`geodata.readers.wide.UNDATED` for a year that nobody says, instead of refusing.

    Returns
    -------
    Observations
        As :func:`geodata.readers.genesis.read_genesis`; a region of dashes is ``not_delivered``.

    Raises
    ------
    GeodataError
        No such table, truncated, no rows, unknown signs, names without keys in a county, repeated keys.
    """
    where = str(path)
    parts = _take_apart(path, sheet)
    notes = [f"GENESIS table as printed, {parts.encoding}", *(f"title: {title}" for title in parts.titles[:3] if title)]
    if not parts.footer:
        notes.append("there is no footer below underscores: perhaps rows are missing at the end")
    area, years, part = _labels(parts, columns is not None, where, notes)
    cells = pd.DataFrame(
        [row[parts.labels :] for _, row in parts.body], index=[number for number, _ in parts.body], dtype="str"
    )
    title, unit = _unit(parts.titles)
    decimal, said = decimals.detect((cells[c] for c in cells), ";", where)
    if "thousands" not in said:
        decimal, said = (decimal, said) if decimal == "." else (",", "decimal comma")
    table = wide.Wide(
        area=area,
        period=years,
        part=part,
        cells=cells,
        columns=headers.columns(parts.head, parts.labels, merged=parts.merged),
        title=title,
        unit=unit,
        decimal=decimal,
        notes=(*notes, said),
    )
    return wide.observations(
        table,
        columns=columns,
        period=period,
        key=key,
        source=source,
        legend=legend or (source.legend if source else "classic"),
        where=where,
        undated=undated,
        silent=True,
    )


def _unit(titles: list[str]) -> tuple[str, str]:
    """Return what the figures are called, and their unit: the last title line that names a unit, else the last."""
    for title in reversed(titles[1:]):
        name, unit = headers.unit_of(title)
        if unit:
            return name, unit
    return (titles[-1] if len(titles) > 1 else "Wert"), ""


def _take_apart(path: Path, sheet: str | None) -> _Parts:
    where = str(path)
    if sheet_names(path):
        opened = open_sheet(path, sheet=sheet)
        rows = [[str(cell) for cell in row] for row in opened.cells.to_numpy()]
        numbers = [int(number) + 1 for number in opened.cells.index]
        encoding, whole, merged = opened.note, True, True
    else:
        file = text.decode(path)
        text.refuse_answer(file)
        try:
            read = list(csv.reader(io.StringIO(file.payload.decode("utf-8")), delimiter=";"))
        except csv.Error as error:
            raise FormatError(
                f"expected cells separated by ;: {error}", where=where, hint="download it again"
            ) from None
        kept = [(number, row) for number, row in enumerate(read, start=1) if any(cell.strip() for cell in row)]
        rows, numbers = [row for _, row in kept], [number for number, _ in kept]
        encoding, whole, merged = file.encoding, file.complete, False
    if not rows or not is_classic(rows[0][0]):
        raise FormatError(
            f"expected a table that begins with 'GENESIS-Tabelle: …' or 'Tabelle: …', found {some(rows[:1])}",
            where=where,
            hint="request the table as flat file (format=ffcsv), or use another format",
        )
    end = next((at for at, row in enumerate(rows) if _FOOTER.fullmatch(row[0].strip())), len(rows))
    footer = end < len(rows)
    if not footer and not whole:
        raise FormatError(
            "the file is truncated: no footer below underscores, and its last line does not end",
            where=where,
            hint="download it again",
        )
    # A spreadsheet that saved the file may have made title lines wider than the table.
    width = max(at + 1 for row in rows[:end] for at, cell in enumerate(row) if cell.strip() or not at)
    rows = [row[:width] + [""] * (width - len(row)) for row in rows[:end]]
    return _split(rows, numbers[:end], footer, encoding, merged, where)


def _split(rows: list[list[str]], numbers: list[int], footer: bool, encoding: str, merged: bool, where: str) -> _Parts:
    """Tell titles, header rows and body: above the header only first cells are filled, in it the first are blank."""
    start = next((at for at, row in enumerate(rows) if any(cell.strip() for cell in row[1:])), None)
    if start is None:
        raise NoDataError("expected rows below the titles, found none", where=where, hint="download the table again")
    legend = signs.legend("classic")

    def is_value(cell: str) -> bool:
        return any(signs.read_cell(cell, legend, decimal) is not None for decimal in ",.")

    labels = 0
    first = start
    for at in range(start, len(rows)):
        row = rows[at]
        filled = [i for i, cell in enumerate(row) if cell.strip()]
        if not row[0].strip() and filled:
            labels = min(labels or filled[0], filled[0])
            first = at + 1
        elif labels and all(is_value(row[i]) for i in filled if i >= labels) and any(i >= labels for i in filled):
            break
        elif labels and all(i == 0 for i in filled):
            break  # a heading between the rows: the body has begun
        else:
            first = at + 1
            if not labels and at - start >= 8:
                break
    body = list(zip(numbers[first:], rows[first:], strict=True))
    if not labels:
        first, labels = start + 1, _text_columns(rows[start + 1 :], is_value)
        body = list(zip(numbers[first:], rows[first:], strict=True))
    if not body or not labels:
        raise NoDataError("expected rows below the header, found none", where=where, hint="download the table again")
    titles = [row[0].strip() for row in rows[:start]]
    return _Parts(titles, rows[start:first], body, labels, footer, encoding, merged)


def _text_columns(rows: list[list[str]], is_value: Callable[[str], bool]) -> int:
    """Count the columns up to the last that holds words, where the header does not leave them blank."""
    words = [
        at
        for at in range(len(rows[0]) if rows else 0)
        if sum(1 for row in rows if row[at].strip() and not is_value(row[at])) > len(rows) / 2
    ]
    return words[-1] + 1 if words else 0


def _labels(parts: _Parts, keyed: bool, where: str, notes: list[str]) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Read the columns left of the figures: year, key, indented name, and what else the rows say."""
    rows: list[tuple[int, list[str]]] = []
    years: list[int] = []
    headings: list[str] = []
    year, heading = wide.UNDATED, ""
    above = [""] * parts.labels
    for number, row in parts.body:
        mine = [cell.rstrip() for cell in row[: parts.labels]]
        if not any(cell.strip() for cell in row[parts.labels :]):
            said = " ".join(cell.strip() for cell in mine if cell.strip())
            found = long.year_of(said)
            year, heading = (found, heading) if found else (year, said)
            continue
        # A label that is left out is the one above, as long as those to its left are.
        for at in range(parts.labels):
            if mine[at].strip():
                break
            mine[at] = above[at]
        above = mine
        rows.append((number, [*mine, *row[parts.labels :]]))
        years.append(year)
        headings.append(heading)
    if not rows:
        raise NoDataError("expected figures below the header, found none", where=where, hint="download the table again")
    parts.body[:] = rows
    table = pd.DataFrame([row[: parts.labels] for _, row in rows], dtype="str")
    bare = table.apply(lambda column: column.str.strip())
    dated = [
        at for at in bare if bare[at].ne("").all() and all(long.year_of(c) is not None for c in pd.unique(bare[at]))
    ]
    period = pd.Series(years, dtype="int64")
    if dated:
        period = long.years(bare[dated[0]], where=where, name=f"column {dated[0] + 1}")
    rest = [at for at in bare if at not in dated[:1]]
    keys = [at for at in rest if all(_KEY.fullmatch(c) for c in pd.unique(bare[at])) and bare[at].nunique() > 0]
    if keys:
        area = bare[keys[0]]
        name = keys[0] + 1 if keys[0] + 1 in rest else None
        if name is not None:
            levels = sorted({len(c) - len(c.lstrip()) for c in pd.unique(table[name])})
            if len(levels) > 1:
                notes.append(f"names are indented by level: {len(levels)} levels, told by their keys")
        others = [at for at in rest if at not in (keys[0], name)]
    else:
        if keyed:
            raise ColumnError(
                "expected a column of area keys, found names only; joining by name alone is refused",
                where=where,
                hint="request the table with keys (Schlüssel), or as flat file (format=ffcsv)",
            )
        if not rest:
            raise FormatError("expected a column of areas left of the figures", where=where, hint="download it again")
        area, others = bare[rest[0]], rest[1:]
        notes.append("there is no column of area keys: rows are named by their label, which no county may join by")
    words = [[c for c in row if c and c not in _TOTALS] for row in bare[others].to_numpy()]
    part = [" · ".join([h, *w] if h else w) for h, w in zip(headings, words, strict=True)]
    return area, period, pd.Series(part, dtype="str")
