"""INKAR (BBSR): the sheet ``Daten`` as CSV or workbook, and the CSV of the IRIS export.

The sheet has two header rows, indicator and year: ``Kennziffer;Raumeinheit;Aggregat;Arbeitslose;Arbeitslose;…`` above
``;;;1998;1999;…``. IRIS has codes with two-digit years (``q_einkst_bev98``) above labels (``Einkommensteuer 1998``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import FormatError, GeodataError, NoDataError, some
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import decimals, long, signs
from geodata.readers.sheet import Sheet, open_sheet, sheet_names

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec


#: What INKAR calls areas whose numbers are no official keys, and those whose are.
_REGIONS = re.compile(r"ordnungs|arbeitsmarkt|mittelbereich|großstadt|typ", re.IGNORECASE)
_MUNICIPAL = re.compile(r"kreis|gemeinde", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column holds which indicator in which year."""

    key: int
    names: tuple[str, ...]
    years: tuple[int | None, ...]
    variant: str


def is_inkar(first: list[str], second: list[str]) -> bool:
    """Tell by the two header rows whether a sheet is INKAR's."""
    return _layout(first, second) is not None


def _layout(first: list[str], second: list[str]) -> _Layout | None:
    if first[:2] == ["Kennziffer", "Raumeinheit"] and not second[0]:
        start = 3 if len(first) > 2 and first[2] == "Aggregat" else 2
        years = tuple(long.year_of(cell) if i >= start else None for i, cell in enumerate(second))
        return _Layout(0, tuple(first), years, "sheet Daten")
    if len(first) != len(second):
        return None
    if second[:1] == ["Gebietskennziffer"]:
        labels = [re.fullmatch(r"(.*?)\s+(\d{4})", cell) for cell in second]
        names = tuple(re.sub(r"\d{2}$", "", code) if labels[i] else code for i, code in enumerate(first))
        return _Layout(0, names, tuple(int(m[2]) if m else None for m in labels), "IRIS")
    return None


def read_inkar(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    area: str | None = None,
    period: int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read an INKAR table.

    Parameters
    ----------
    path : pathlib.Path
        CSV, XLS or XLSX.
    columns : mapping of str to ColumnSpec, optional
        Variable → indicator (its name in the first header row; for IRIS the code without its year, or the label). By
        default every indicator under its own name.
    area : str, optional
        Column of the key; by default the first.
    period : int, optional
        Only this year; by default all.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    sheet : str, optional
        Sheet of a workbook; by default ``Daten``.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``none``.

    Returns
    -------
    Observations
        All years of all areas; a blank is ``missing``.

    Raises
    ------
    GeodataError
        No INKAR table, a missing indicator or year, unknown signs, repeated or malformed keys.
    """
    opened, layout = open_inkar(path, sheet=sheet)
    where = str(path)
    body = opened.cells.iloc[2:]
    if body.empty:
        raise NoDataError("expected rows below the two header rows, found none", where=where, hint="export it again")
    at = layout.key if area is None else long.pick(area, list(opened.cells.iloc[0]), where=where)
    headings = [str(cell).strip() for cell in opened.cells.iloc[0]]
    kinds = body[headings.index("Aggregat")] if "Aggregat" in headings else pd.Series("", index=body.index)
    bare, lost = _padded(body[at].str.strip(), kinds)
    ids = convert_keys(bare, key, where=where)
    known = signs.legend(legend or (source.legend if source else "none"))
    wanted = _wanted(opened, layout, columns, period, where)
    decimal, note = decimals.detect((body[p] for places in wanted.values() for p in places), opened.delimiter, where)

    blocks: dict[str, long.Block] = {}
    shared: dict[tuple[int, ...], tuple[pd.Series, pd.Series]] = {}
    for name, places in wanted.items():
        stacked = pd.concat([body[p] for p in places])
        parsed = signs.parse(stacked, known, decimal=decimal, where=where, column=name, first_row=1)
        axis = tuple(int(layout.years[p] or 0) for p in places)
        if axis not in shared:
            shared[axis] = (
                pd.concat([ids] * len(places), ignore_index=True),
                pd.Series(np.repeat(np.array(axis, dtype=np.int64), len(body))),
            )
        unit = columns[name].unit if columns else ""
        blocks[name] = long.Block(name, *shared[axis], parsed, unit)
    notes = [lost, f"INKAR {layout.variant}", opened.note, note, f"signs: legend {known.id}"]
    of = {name: spec.share_of for name, spec in (columns or {}).items() if spec.share_of}
    if of and len(shared) > 1:
        raise FormatError("share_of needs the same years in every variable", where=where, hint="use two tables")
    return long.assemble(long.shares(blocks, of, where), source=source, notes=notes, where=where, rows=len(body))


def _padded(keys: pd.Series, kinds: pd.Series) -> tuple[pd.Series, str]:
    """Give keys the leading zero back that a spreadsheet took for part of a number, and say so.

    Kreise have 5 digits, Gemeinden 8, Verbände 9; no Land is above 16, so 8 digits that begin with more are a Verband.
    Regions of the BBSR have numbers of their own: Raumordnungsregion 1001 is Saar, and 01001 would be Flensburg.
    """
    verband = keys.str.fullmatch(r"(?:1[7-9]|[2-9][0-9])[0-9]{6}").any()
    lost = keys.str.fullmatch(r"[1-9][0-9]{3}|[1-9][0-9]{6}" + (r"|[1-9][0-9]{7}" if verband else ""))
    lost &= ~kinds.str.contains(_REGIONS)
    if keys.str.fullmatch("[0-9]{3}").any():  # only regions of the BBSR have three digits
        lost &= kinds.str.contains(_MUNICIPAL)
    if not lost.any():
        return keys, ""
    return keys.where(~lost, "0" + keys), f"{int(lost.sum())} keys stood without their leading zero: put back"


def open_inkar(path: Path, *, sheet: str | None = None) -> tuple[Sheet, _Layout]:
    """Open the table and read its two header rows; see :func:`read_inkar`."""
    if sheet is None:
        names = sheet_names(path)
        sheet = next((name for name in names if name == "Daten" or _holds(path, name)), None)
    opened = open_sheet(path, sheet=sheet)
    if len(opened.cells) < 2:
        raise NoDataError("expected two header rows and data, found one row", where=str(path), hint="export it again")
    first, second = ([str(cell).strip() for cell in opened.cells.iloc[row]] for row in (0, 1))
    layout = _layout(first, second)
    if layout is None:
        raise FormatError(
            f"expected INKAR's header rows (Kennziffer;Raumeinheit;…, years below), found {some(first)}",
            where=str(path),
            hint='export the sheet Daten, or use format = "table"',
        )
    head = [i for i, name in enumerate(first) if name and layout.years[i] is None and i > 2]
    if head or not any(layout.years):
        raise FormatError(
            f"expected a year below every indicator, found {some([repr(second[i]) for i in head]) or 'none'}",
            where=str(path),
            hint="the second header row holds years: 1998, 1999, …",
        )
    return opened, layout


def _holds(path: Path, sheet: str) -> bool:
    """Tell whether a sheet of another name begins with INKAR's header rows."""
    try:
        cells = open_sheet(path, sheet=sheet).cells
    except GeodataError:
        return False
    return len(cells) > 1 and is_inkar(*([str(cell).strip() for cell in cells.iloc[row]] for row in (0, 1)))


def _wanted(
    opened: Sheet, layout: _Layout, columns: Mapping[str, ColumnSpec] | None, period: int | None, where: str
) -> dict[str, list[int]]:
    """Return the columns of each variable, in order of years."""
    labels = [re.sub(r"\s+\d{4}$", "", str(cell)) for cell in opened.cells.iloc[1]]
    places: dict[str, list[int]] = {}
    for position, (name, year) in enumerate(zip(layout.names, layout.years, strict=True)):
        if year is not None and (period is None or year == period):
            places.setdefault(name, []).append(position)
    if not places:
        there = some(sorted({year for year in layout.years if year}), 40)
        raise FormatError(f"expected the year {period}, found {there}", where=where, hint="check period")
    if columns is None:
        return places
    found = {}
    for variable, spec in columns.items():
        asked = spec.column
        if asked not in places and layout.variant == "IRIS" and asked in labels:
            asked = layout.names[labels.index(asked)]
        long.pick(asked, list(places), where=where, what="indicator")
        found[variable] = places[asked]
    return found
