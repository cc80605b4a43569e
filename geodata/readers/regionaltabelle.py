"""Regionaltabellen of the Zensus 2022: sheets ``CSV-…`` of a workbook, one region a row, one code a column.

Read from descriptions and scripts of others, no real file was at hand: header ``Berichtszeitpunkt``, ``_RS`` (ARS: 00
Germany, 2 digits Land, 5 Kreis, 9 Verband, 12 Gemeinde), ``Name``, ``Regionalebene`` (or ``Reg_Ebene``), then codes
such as ``ERWERBSTAT_KURZ_STP__11_M``. The other sheets hold the same for reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import FormatError, NoDataError, some
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import decimals, long, signs
from geodata.readers.sheet import Sheet, open_sheet, sheet_names

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

_KEY = "_RS"
_DATE = "Berichtszeitpunkt"
_ABOUT = (_KEY, _DATE, "Name", "Regionalebene", "Reg_Ebene")
#: Length of a key that lost its leading zero → its full length.
_LOST = {1: 2, 4: 5, 8: 9, 11: 12}


def is_sheet(name: str) -> bool:
    """Tell by its name whether a sheet is one for machines."""
    return name.startswith("CSV-")


def is_regional(rows: Sequence[Sequence[str]]) -> bool:
    """Tell by its header whether a sheet is one for machines."""
    return any(_KEY in row and "Name" in row for row in rows[:3])


def read_regionaltabelle(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    period: int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read a Regionaltabelle.

    Parameters
    ----------
    path : pathlib.Path
        The workbook.
    columns : mapping of str to ColumnSpec, optional
        Variable → code of the column. By default all columns of all sheets for machines.
    period : int, optional
        The year; by default that of ``Berichtszeitpunkt``, else 2022.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    sheet : str, optional
        Only this sheet.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``zensus``.

    Returns
    -------
    Observations
        Regions of all levels: ``00``, Land, Kreis, Verband, Gemeinde.

    Raises
    ------
    GeodataError
        No such sheet or column, unknown signs, repeated keys.
    """
    where = str(path)
    known = signs.legend(legend or (source.legend if source else "zensus"))
    machine = [name for name in sheet_names(path) if is_sheet(name)]
    names: list[str | None] = [sheet] if sheet else [*machine] or [None]
    notes = [f"Regionaltabelle of the Zensus 2022, {len(names)} sheets for machines"]
    blocks: dict[str, long.Block] = {}
    wanted = {spec.column: (name, spec.unit) for name, spec in (columns or {}).items()}
    several: dict[str, list[str]] = {}
    rows = 0
    for name in names:
        opened = open_sheet(path, sheet=name)
        place = f"{where} [{name}]" if name else where
        codes, body = _table(opened, place)
        area = convert_keys(_padded(body[codes.index(_KEY)], notes), key, where=place)
        years = _years(body, codes, period, place)
        rows = max(rows, len(body))
        values = {at: code for at, code in enumerate(codes) if code and code not in _ABOUT}
        decimal, said = decimals.detect((body[at] for at in values), None, place)
        decimal = decimal if decimal == "." and not opened.numeric else ","
        notes += [said]
        for at, code in values.items():
            if columns is not None and code not in wanted:
                continue
            several.setdefault(code, []).append(str(name))
            parsed = signs.parse(body[at], known, decimal=decimal, where=place, column=code, first_row=1)
            variable, unit = wanted.get(code, (code, ""))
            if variable in blocks:
                variable = f"{variable} ({name})"
            blocks[variable] = long.Block(variable, area, years, parsed, unit)
    missing = [code for code in wanted if code not in several]
    if missing:
        long.pick(missing[0], list(dict.fromkeys(_codes(path, names))), where=where)
    notes.append(f"signs: legend {known.id}")
    of = {name: spec.share_of for name, spec in (columns or {}).items() if spec.share_of}
    return long.assemble(long.shares(blocks, of, where), source=source, notes=notes, where=where, rows=rows)


def _codes(path: Path, names: Sequence[str | None]) -> list[str]:
    return [code for name in names for code in _table(open_sheet(path, sheet=name), str(path))[0]]


def _table(opened: Sheet, where: str) -> tuple[list[str], pd.DataFrame]:
    """Return the codes of the header and the rows below it."""
    for row in range(min(3, len(opened.cells))):
        codes = [str(cell).strip() for cell in opened.cells.iloc[row]]
        if _KEY in codes:
            body = opened.cells.iloc[row + 1 :]
            body = body[(body[codes.index(_KEY)].str.strip() != "").to_numpy()]
            if body.empty:
                raise NoDataError("expected rows below the header, found none", where=where, hint="download it again")
            return codes, body
    raise FormatError(
        f"expected a header with {_KEY}, found {some(opened.cells.iloc[0])}",
        where=where,
        hint="name a sheet that begins with CSV-",
    )


def _padded(keys: pd.Series, notes: list[str]) -> pd.Series:
    bare = keys.str.strip()
    length = bare.str.len()
    lost = length.isin(list(_LOST)) & bare.str.fullmatch(r"\d+")
    if lost.any():
        notes.append(f"{int(lost.sum())} keys stood without their leading zero: put back")
    return bare.where(~lost, "0" + bare)


def _years(body: pd.DataFrame, codes: list[str], period: int | None, where: str) -> pd.Series | int:
    if period is not None:
        return period
    if _DATE not in codes:
        return 2022
    dates = body[codes.index(_DATE)].str.strip()
    if (dates == "").any():
        return 2022
    return long.years(dates, where=where, name=_DATE).astype(np.int64)
