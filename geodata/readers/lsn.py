"""LSN-Online: tables of the Landesamt für Statistik Niedersachsen, as Excel or XML SpreadsheetML 2003.

Read from its description, no real file was at hand: the first column holds key and name (``157006  Peine, Stadt``),
keys drop the leading 03, thousands have a point. Which of the three legends a table follows is told by its signs;
without any, by the newest, in which a ``0`` may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, FormatError, GeodataError, NoDataError, some
from geodata.models import Observations, Source
from geodata.readers import decimals, headers, long, signs, wide
from geodata.readers.sheet import Sheet, open_sheet, sheet_names

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Key and name in one cell: Land 0, Statistische Region 1 to 4, Kreis 3 digits, Gemeinde or Samtgemeinde 6.
_AREA = re.compile(r"(?P<key>\d{6}|\d{3}|\d)\s+(?P<name>[^\W\d].*)")
_LEGENDS = ("lsn-new", "lsn-old", "classic")
#: The legend printed below a table, by words that only it has.
_PRINTED = {"lsn-new": re.compile(r"\bk\s*=|\bg\s*=|\bt\s*="), "lsn-old": re.compile(r"\[(n|g|0)\]\s*=")}


def is_lsn(cells: pd.DataFrame) -> bool:
    """Tell by its first column whether a sheet is one of LSN-Online.

    Parameters
    ----------
    cells : pandas.DataFrame
        Cells of a sheet.

    Returns
    -------
    bool
        Keys without 03 stand before names in one cell, in most rows below the header.
    """
    if cells.shape[1] < 2:
        return False
    first = cells[0].str.strip()
    rows = first[(cells.iloc[:, 1:] != "").any(axis=1) & (first != "")]
    areas = rows.str.fullmatch(_AREA.pattern)
    return bool(areas.sum() >= 1 and areas.sum() >= 0.5 * len(rows) and rows[areas].str.fullmatch(r"\d{3,}\s.*").any())


def area_key(written: str) -> str:
    """Turn a key of LSN-Online into the official one.

    Parameters
    ----------
    written : str
        0 is Niedersachsen, 1 to 4 are its regions, 3 digits a Kreis, 6 a Gemeinde, or a Samtgemeinde where the last
        three are 401 and more.

    Returns
    -------
    str
        ``03``, ``031``, ``03157``, ``03157006``; a Samtgemeinde has the nine digits of its Verband (``031515401``).

    Raises
    ------
    AreaKeyError
        It is of none of these forms.

    Examples
    --------
    >>> [area_key(k) for k in ("0", "157", "157006", "151401")]
    ['03', '03157', '03157006', '031515401']
    """
    if re.fullmatch(r"[0-4]", written):
        return "03" if written == "0" else f"03{written}"
    if re.fullmatch(r"[1-4]\d\d", written):
        return f"03{written}"
    if re.fullmatch(r"[1-4]\d{5}", written):
        return f"03{written[:3]}5{written[3:]}" if int(written[3:]) > 400 else f"03{written}"
    raise AreaKeyError(
        f"expected a key of LSN-Online (157, 157006), found {written!r}", hint="check the first column of the table"
    )


def read_lsn(
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
    """Read a table of LSN-Online.

    Parameters
    ----------
    path : pathlib.Path
        XLSX, XLS or XML SpreadsheetML 2003.
    columns : mapping of str to ColumnSpec, optional
        Variable → its heading as ``sozialmonitor check`` prints it, or a part of it that occurs once. By default all.
    period : int, optional
        The year, where the table names none; only this year, where it does.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`; keys are official ones by then.
    sheet : str, optional
        Sheet of the workbook; by default the one that looks like it.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, told by the signs in the table.
    undated : bool, default False
        Take :data:`geodata.readers.wide.UNDATED` for a year that nobody says, instead of refusing.

    Returns
    -------
    Observations
        ``0`` of the new legend is ``zero_or_suppressed``.

    Raises
    ------
    GeodataError
        No such table, unknown signs, no year, repeated keys.
    """
    opened = _open(path, sheet)
    where = f"{path} [{sheet}]" if sheet else str(path)
    cells = opened.cells
    areas = cells[0].str.strip().str.fullmatch(_AREA.pattern).to_numpy(dtype=bool)
    if not areas.any():
        raise FormatError(
            "expected '<key> <name>' in the first column (157006 Peine, Stadt), found none",
            where=where,
            hint='check the sheet, or use format = "table"',
        )
    first, last = int(np.flatnonzero(areas)[0]), int(np.flatnonzero(areas)[-1])
    # A time series names its area once, and has the years of the next rows in the second column.
    blank = (cells[0].str.strip() == "").to_numpy()
    while last + 1 < len(cells) and blank[last + 1] and (cells.iloc[last + 1, 1:] != "").any():
        last += 1
    above, rows = cells.iloc[:first], cells.iloc[first : last + 1]
    rows = rows[(areas | blank)[first : last + 1]]
    below = [" ".join(cell for cell in row if cell) for row in cells.iloc[last + 1 :].to_numpy()]
    named = rows[0].str.strip().where(lambda c: c != "").ffill().str.extract(_AREA.pattern)
    keys = named["key"].map(area_key)
    dated = _years(rows)
    start = 2 if dated is not None else 1
    values = rows.iloc[:, start:]
    filled = (values.apply(lambda column: column.str.strip()) != "").any(axis=1).to_numpy()
    if not filled.any():
        raise NoDataError("expected figures beside the areas, found none", where=where, hint="download it again")
    rows, values, keys = rows[filled], values[filled], keys[filled]
    head = [[str(cell) for cell in row] for row in above.to_numpy()]
    titles = [row[0] for row in head if row[0].strip() and not any(cell.strip() for cell in row[1:])]
    head = [row for row in head if any(cell.strip() for cell in row[start:])]
    found = headers.columns(head, start)
    used = [at for at in range(len(found)) if (values.iloc[:, at].str.strip() != "").any()]
    values = values.iloc[:, used]
    decimal, said = decimals.detect((values[c] for c in values), None, where)
    decimal = decimal if decimal == "." and not opened.numeric else ","
    version = legend or (source.legend if source else _legend(values, decimal, below))
    year = headers.year_in(titles)
    when = pd.Series(np.full(len(rows), year or wide.UNDATED, dtype=np.int64)) if dated is None else dated[filled]
    notes = [opened.note, f"LSN-Online: keys without 03 completed ({named['key'].iloc[0]} is {keys.iloc[0]})"]
    if version == "lsn-new":
        notes.append("0 may be zero or set to zero for secrecy (new legend)")
    if columns is not None and not used:
        raise ColumnError("expected figures beside the areas, found none", where=where, hint="check the sheet")
    table = wide.Wide(
        area=keys.astype("str"),
        period=when.reset_index(drop=True),
        part=pd.Series([""] * len(rows), dtype="str"),
        cells=values,
        columns=[found[at] for at in used],
        title=titles[-1] if titles else "Wert",
        unit="",
        decimal=decimal,
        notes=(*notes, said),
    )
    return wide.observations(
        table,
        columns=columns,
        period=period,
        key=key,
        source=source,
        legend=version,
        where=where,
        undated=undated,
    )


def _open(path: Path, sheet: str | None) -> Sheet:
    names = sheet_names(path)
    if sheet is not None or len(names) < 2:
        return open_sheet(path, sheet=sheet)
    for name in names:
        try:
            opened = open_sheet(path, sheet=name)
        except GeodataError:
            continue
        if is_lsn(opened.cells):
            return opened
    raise FormatError(
        "expected a sheet with '<key> <name>' in its first column, found none",
        where=str(path),
        hint=f"the workbook has {some(names, 10)}",
    )


def _years(rows: pd.DataFrame) -> pd.Series | None:
    """Return the second column as years, if it holds nothing else."""
    if rows.shape[1] < 3:
        return None
    second = rows[1].str.strip()
    unique = pd.unique(second)
    if "" in unique or any(long.year_of(str(cell)) is None for cell in unique) or len(unique) == len(second) > 1:
        return None
    return second.map(long.year_of).astype("int64")


def _legend(values: pd.DataFrame, decimal: str, below: list[str]) -> str:
    """Choose the legend that is printed below the table, else the first that knows every sign in it."""
    for version, pattern in _PRINTED.items():
        if any(pattern.search(line) for line in below):
            return version
    cells = {str(cell).strip() for column in values for cell in pd.unique(values[column])}
    for version in _LEGENDS:
        if all(signs.read_cell(cell, signs.LEGENDS[version], decimal) is not None for cell in cells):
            return version
    return _LEGENDS[0]
