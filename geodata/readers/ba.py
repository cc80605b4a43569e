"""Gemeindedaten of the Bundesagentur für Arbeit (``gemband``): employees by residence and workplace per Gemeinde.

Read from its description, no real file was at hand: a sheet ``Gemeindedaten``, eight header rows with
line breaks inside cells, key and name in front, county totals of five digits among the rows. Row and column positions
shift from year to year, so columns are found by their headings, never by their number. ``*`` is secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.models import Observations, Source
from geodata.readers import decimals, headers, wide
from geodata.readers.sheet import open_sheet, sheet_names

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: AGS with or without its leading zero, Kreis, Land.
_KEY = re.compile(r"\d{7,8}|\d{4,5}|\d{1,2}")
_WORDS = re.compile(
    r"sozialversicherungspflichtig|Beschäftigte|Einpendler|Auspendler|Wohnort|Arbeitsort", re.IGNORECASE
)
_SHEET = "Gemeindedaten"


def is_gemeindedaten(cells: pd.DataFrame) -> bool:
    """Tell by words above the first key whether a sheet is one of Gemeindedaten.

    Parameters
    ----------
    cells : pandas.DataFrame
        Cells of a sheet of a workbook.

    Returns
    -------
    bool
        Keys stand in the first column, and the rows above speak of employees at residence and workplace.
    """
    if cells.shape[1] < 6:
        return False
    first = _first_row(cells)
    if first is None:
        return False
    said = {word.lower() for row in cells.iloc[:first].to_numpy() for cell in row for word in _WORDS.findall(str(cell))}
    return {"wohnort", "arbeitsort"} <= said and len(said) >= 3


def _first_row(cells: pd.DataFrame) -> int | None:
    """Find the first row whose first cell is an AGS or Kreis key, and whose second is a name."""
    for row in range(2, min(len(cells), 60)):
        key, name = (" ".join(str(cell).split()) for cell in cells.iloc[row, :2])
        if re.fullmatch(r"\d{4,5}|\d{7,8}", key) and name and not re.fullmatch(r"[\d.,]+", name):
            return row
    return None


def read_ba(
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
    """Read Gemeindedaten.

    Parameters
    ----------
    path : pathlib.Path
        The workbook.
    columns : mapping of str to ColumnSpec, optional
        Variable → its heading as ``sozialmonitor check`` prints it, or a part of it that occurs once. By default all.
    period : int, optional
        The year, where the titles name none.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    sheet : str, optional
        Sheet of the workbook; by default ``Gemeindedaten``, or the one that looks like it.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``ba``.
    undated : bool, default False
        Take :data:`geodata.readers.wide.UNDATED` for a year that nobody says, instead of refusing.

    Returns
    -------
    Observations
        Keys get the leading zero back that a number has lost; Kreise and Länder stay in, with 5 and 2 digits.

    Raises
    ------
    GeodataError
        No such sheet, no keys, unknown signs, no year, repeated keys.
    """
    name = sheet or _sheet(path)
    opened = open_sheet(path, sheet=name)
    where = f"{path} [{name}]" if name else str(path)
    first = _first_row(opened.cells)
    if first is None:
        raise FormatError(
            "expected keys of Gemeinden in the first column and names in the second, found none",
            where=where,
            hint='check the sheet, or use format = "table"',
        )
    head = [[str(cell) for cell in row] for row in opened.cells.iloc[:first].to_numpy()]
    titles = [row[0] for row in head if row[0].strip() and not any(cell.strip() for cell in row[1:])]
    head = [row for row in head if any(cell.strip() for cell in row[1:])]
    rows = opened.cells.iloc[first:]
    keys = rows[0].str.strip()
    keyed = keys.map(lambda k: _KEY.fullmatch(k) is not None).to_numpy(dtype=bool)
    filled = (rows.iloc[:, 2:].apply(lambda column: column.str.strip()) != "").any(axis=1).to_numpy()
    notes = [opened.note, "Gemeindedaten of the BA: columns told by their headings"]
    odd = rows[~keyed & filled]
    if len(odd):
        notes.append(f"{len(odd)} rows have figures and no key (sums by name are left out): {some(odd[1])}")
    rows = rows[keyed & filled]
    if rows.empty:
        raise NoDataError("expected figures beside the keys, found none", where=where, hint="download the file again")
    area = _padded(rows[0].str.strip(), notes)
    found = headers.columns(head, 2)
    used = [at for at in range(len(found)) if (rows[at + 2].str.strip() != "").any()]
    names = headers.unique_names([found[at].name for at in used], lambda at: f"column {used[at] + 3}")
    shown = [headers.Column((name,), None, "", found[at].unit) for at, name in zip(used, names, strict=True)]
    cells = rows[[at + 2 for at in used]]
    decimal, said = decimals.detect((cells[c] for c in cells), None, where)
    year = headers.year_in([*titles, *(cell for row in head for cell in row)])
    notes.append(f"date of the titles: {year}" if year else "the titles name no date, or several")
    if columns is not None and not names:
        raise ColumnError("expected headings above the figures, found none", where=where, hint="check the sheet")
    table = wide.Wide(
        area=area,
        period=pd.Series(np.full(len(rows), year or wide.UNDATED, dtype=np.int64)),
        part=pd.Series([""] * len(rows), dtype="str"),
        cells=cells,
        columns=shown,
        title=_SHEET,
        unit="Anzahl",
        decimal=decimal,
        notes=(*notes, said),
    )
    return wide.observations(
        table,
        columns=columns,
        period=period,
        key=key,
        source=source,
        legend=legend or (source.legend if source else "ba"),
        where=where,
        undated=undated,
    )


def _sheet(path: Path) -> str | None:
    names = sheet_names(path)
    if _SHEET in names or len(names) < 2:
        return _SHEET if _SHEET in names else None
    for name in names:
        try:
            cells = open_sheet(path, sheet=name).cells
        except NoDataError:
            continue
        if is_gemeindedaten(cells):
            return name
    return names[0]


def _padded(keys: pd.Series, notes: list[str]) -> pd.Series:
    """Give keys the leading zero back: 7 digits are an AGS of 8, 4 a Kreis of 5, 1 a Land of 2."""
    lost = keys.str.len().isin([1, 4, 7])
    if lost.any():
        notes.append(f"{int(lost.sum())} keys stood without their leading zero: put back")
    counties = int((keys.str.zfill(1).str.len().isin([4, 5])).sum())
    if counties:
        notes.append(f"{counties} rows are totals of Kreise (5 digits)")
    return keys.where(~lost, "0" + keys)
