"""Plain tables, CSV or workbook, as a Fachdienst delivers them: columns are named in ``county.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, NoDataError
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import decimals, long, signs
from geodata.readers.sheet import Sheet, open_sheet
from geodata.supply import casedata

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Rows above the header that are searched for it: titles, dates, blank lines.
_HEADER_ROWS = 40
_KEY_LENGTH = {"ags": 8, "ars-to-ags": 12, "ars-to-gvb": 12}


def read_plain(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec],
    area: str,
    period: str | int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
    flag: str | None = None,
) -> Observations:
    """Read named columns of a table.

    Parameters
    ----------
    path : pathlib.Path
        CSV, XLSX, XLS or ODS. Title rows above the header and notes below the last value are skipped in a workbook.
    columns : mapping of str to ColumnSpec
        Variable → column, and rows of it (``select``: other column → value) where the table is long.
    area : str
        Column with the area key.
    period : str or int, optional
        Column with the year or date, or the year itself; by default the year of the source's reference date.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`. Keys that a workbook holds as numbers get their leading zero back.
    sheet : str, optional
        Sheet of a workbook.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``none``.
    flag : str, optional
        Column whose words say what its row is worth: see :data:`geodata.readers.signs.WORDS`.

    Returns
    -------
    Observations
        A blank is ``missing``.

    Raises
    ------
    GeodataError
        See :func:`geodata.readers.sheet.open_sheet`; also a missing column, unknown signs, repeated or missing keys.
    """
    opened = open_sheet(path, sheet=sheet)
    where = f"{path} [{sheet}]" if sheet else str(path)
    wanted = [area, *(spec.column for spec in columns.values()), *(c for s in columns.values() for c in s.select)]
    if isinstance(period, str) and long.year_of(period) is None:
        wanted.append(period)
    if flag is not None:
        wanted.append(flag)
    header = _header(opened, wanted)
    names = [" ".join(str(name).split()) for name in opened.cells.iloc[header]]
    # Before any cell is read, for messages of what follows may quote cells.
    casedata.require_figures(opened, names, header, key=area, read=sheet, where=where)
    position = {name: long.pick(name, names, where=where) for name in dict.fromkeys(wanted)}
    used = [position[spec.column] for spec in columns.values()]
    rows = _body(opened, header, position[area], used, where)

    notes = [opened.note]
    ids = _keys(rows[position[area]], opened, key, where, notes)
    years = _years(rows, period, names, position, source, where)
    known = signs.legend(legend or (source.legend if source else "none"))
    decimal, note = decimals.detect((rows[p] for p in dict.fromkeys(used)), opened.delimiter, where)
    notes += [note, f"signs: legend {known.id}"]
    flags = np.zeros(len(rows), dtype=np.int64)
    if flag is not None:
        flags = signs.flags_of_words(rows[position[flag]], where=where, column=flag)

    blocks: dict[str, long.Block] = {}
    for name, spec in columns.items():
        cells = rows[position[spec.column]]
        mask = np.ones(len(rows), dtype=bool)
        for column, value in spec.select.items():
            mask &= (rows[position[column]].str.strip() == value).to_numpy()
        if not mask.any():
            raise ColumnError(
                f"no row of {name!r} fits select = {dict(spec.select)}",
                where=where,
                hint="check the spelling of values",
            )
        parsed = signs.parse(cells[mask], known, decimal=decimal, where=where, column=spec.column, first_row=1)
        parsed = parsed.with_flags(flags[mask])
        picked = mask.all()
        blocks[name] = long.Block(
            name,
            ids if picked else ids[mask],
            years if picked or isinstance(years, int) else years[mask],
            parsed,
            spec.unit,
        )
    of = {name: spec.share_of for name, spec in columns.items() if spec.share_of}
    if of and any(len(block.area_id) != len(rows) for block in blocks.values()):
        raise ColumnError("share_of and select cannot be combined in one table", where=where, hint="use two tables")
    return long.assemble(long.shares(blocks, of, where), source=source, notes=notes, where=where, rows=len(rows))


def _header(opened: Sheet, wanted: list[str]) -> int:
    """Find the row that holds most of the wanted names; the first row where none does."""
    best, most = 0, 0
    for row in range(min(_HEADER_ROWS, len(opened.cells))):
        names = {" ".join(str(name).split()) for name in opened.cells.iloc[row]}
        hits = len(names & set(wanted))
        if hits > most:
            best, most = row, hits
    return best


def _body(opened: Sheet, header: int, area: int, used: list[int], where: str) -> pd.DataFrame:
    """Return the rows below the header, without notes below the last row that holds a value."""
    rows = opened.cells.iloc[header + 1 :]
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="export the table again")
    filled = (rows[used].apply(lambda column: column.str.strip()) != "").any(axis=1).to_numpy()
    if not filled.any():
        raise NoDataError("expected values below the header, found only blanks", where=where, hint="check the columns")
    last = int(np.flatnonzero(filled)[-1])
    keyed = (rows[area].str.strip() != "").to_numpy()
    # Below the last value, a row with a key of the same form as those above is an area without figures; anything else
    # is a note ("Quelle: …").
    shapes = {len(k) for k in rows[area].iloc[: last + 1].str.strip()}
    tail = rows[area].iloc[last + 1 :].str.strip()
    areas = tail.str.len().isin(shapes) & (tail != "") & ~tail.str.contains(r"\s", regex=True)
    keep = np.concatenate([(filled | keyed)[: last + 1], areas.to_numpy(dtype=bool)])
    return rows[keep]


def _keys(column: pd.Series, opened: Sheet, key: str, where: str, notes: list[str]) -> pd.Series:
    keys = column.str.strip()
    width = _KEY_LENGTH.get(key)
    if width and opened.numeric:
        lost = keys.isin(opened.numeric) & (keys.str.len() == width - 1)
        if lost.any():
            notes.append(f"{int(lost.sum())} keys stood as numbers: leading zero put back")
            keys = keys.where(~lost, keys.str.zfill(width))
    return convert_keys(keys, key, where=where)


def _years(
    rows: pd.DataFrame,
    period: str | int | None,
    names: list[str],
    position: dict[str, int],
    source: Source | None,
    where: str,
) -> pd.Series | int:
    if isinstance(period, int):
        return period
    if period is not None:
        if period in position:
            return long.years(rows[position[period]], where=where, name=period)
        if period in names:
            return long.years(rows[long.pick(period, names, where=where)], where=where, name=period)
        year = long.year_of(period)
        if year is not None:
            return year
    if source is not None and source.reference_date is not None:
        return source.reference_date.year
    raise ColumnError(
        "expected a year: neither period nor the source's reference_date says one",
        where=where,
        hint="set period to a column or to the year itself",
    )
