"""VG250 and VG250-EW (BKG): what their attributes say, with geometry or as a table of attributes alone.

Fields ``ADE, GF, BSG, ARS, AGS, GEN, …`` and, with population, ``EWZ`` and ``KFL``; before 2018 ``RS`` stands for
``ARS``. A key occurs once for land with structure (GF 4) and again for water and other parts (GF 1 to 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, NoDataError, some
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import decimals, long, signs
from geodata.readers.sheet import Sheet, open_sheet
from geodata.readers.wide import UNDATED

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Figures that stand among the attributes, and their units.
_UNITS = {"EWZ": "Einwohner", "KFL": "km²"}
#: Land with structure: the one feature of a key that carries its figures.
_LAND = "4"


def is_attributes(header: Sequence[str]) -> bool:
    """Tell whether columns are those of VG250, of old or new field names."""
    names = set(header)
    return {"AGS", "GF", "GEN"} <= names and bool({"ARS", "RS"} & names)


def read_vg250(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    area: str | None = None,
    period: int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
    undated: bool = False,
) -> Observations:
    """Read the figures among the attributes.

    Parameters
    ----------
    path : pathlib.Path
        CSV or workbook with the attributes, without geometry.
    columns : mapping of str to ColumnSpec, optional
        Variable → field. By default ``EWZ`` and ``KFL``, as far as they are there.
    area : str, optional
        Field with the key; by default ``AGS``.
    period : int, optional
        The year: the table does not say it.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    sheet : str, optional
        Sheet of a workbook.
    source : Source, optional
        Gives origin, legend and, by its reference date, the year.
    legend : str, optional
        Instead of the source's legend; without either, ``none``.
    undated : bool, default False
        Take :data:`geodata.readers.wide.UNDATED` where nobody says the year, instead of refusing.

    Returns
    -------
    Observations
        Of features with GF 4; parts without figures of their own are left out, and named in the notes.

    Raises
    ------
    GeodataError
        A missing field, no year, keys that repeat among GF 4.
    """
    opened, rows = open_attributes(path, sheet=sheet)
    where = str(path)
    names = list(rows.columns)
    known = signs.legend(legend or (source.legend if source else "none"))
    wanted = (
        {name: (spec.column, spec.unit) for name, spec in columns.items()}
        if columns is not None
        else {name: (name, unit) for name, unit in _UNITS.items() if name in names}
    )
    if not wanted:
        raise ColumnError(
            f"expected figures (EWZ, KFL) among the fields, found {some(names, 30)}",
            where=where,
            hint="VG250-EW holds the inhabitants",
        )
    year = period or (source.reference_date.year if source and source.reference_date else None)
    if year is None:
        if not undated:
            raise ColumnError(
                "expected a year: the table does not say it, neither do period and the source's reference_date",
                where=where,
                hint="set period to the year of the edition",
            )
        year = UNDATED
    land = rows[(rows["GF"].str.strip() == _LAND).to_numpy()]
    if land.empty:
        raise NoDataError("expected features with GF = 4 (land), found none", where=where, hint="check the export")
    field = names[long.pick(area or "AGS", names, where=where, what="field")]
    ids = convert_keys(land[field].str.strip(), key, where=where)
    for column, _ in wanted.values():
        long.pick(column, names, where=where, what="field")
    decimal, said = decimals.detect((land[c] for c, _ in wanted.values()), opened.delimiter, where)
    blocks = [
        long.Block(
            variable, ids, year, signs.parse(land[c], known, decimal=decimal, where=where, column=c, first_row=1), unit
        )
        for variable, (c, unit) in wanted.items()
    ]
    notes = [f"VG250 attributes, {opened.note}", said, *attribute_findings(rows), f"signs: legend {known.id}"]
    return long.assemble(blocks, source=source, notes=notes, where=where, rows=len(rows))


def open_attributes(path: Path, *, sheet: str | None = None) -> tuple[Sheet, pd.DataFrame]:
    """Return the cells and the rows of a table of attributes, under their field names.

    Raises
    ------
    GeodataError
        No table, or no rows.
    """
    opened = open_sheet(path, sheet=sheet)
    names = [str(cell).strip() for cell in opened.cells.iloc[0]]
    for name in ("AGS", "GF"):
        long.pick(name, names, where=str(path), what="field")
    rows = opened.cells.iloc[1:].copy()
    rows.columns = pd.Index(names)
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=str(path), hint="export it again")
    return opened, rows


def attribute_findings(rows: pd.DataFrame) -> list[str]:
    """Say which parts there are, which keys repeat, and how old the state is.

    Parameters
    ----------
    rows : pandas.DataFrame
        Attributes, with or without geometry.

    Returns
    -------
    list of str
        Sentences.
    """
    names = [str(name) for name in rows.columns]
    new = "ARS" in names
    people = ", with population (EWZ)" if "EWZ" in names else ""
    said = [f"VG250, key {'ARS' if new else 'RS, as before 2018'}{people}"]
    parts = Counter(_plain(rows["GF"]))
    said.append(f"GF: {', '.join(f'{kind} in {number}' for kind, number in sorted(parts.items()))} features")
    for field in ("ARS" if new else "RS", "AGS"):
        column = rows[field].astype("str")
        twice = pd.unique(column[column.duplicated(keep=False)])
        if len(twice):
            inside = column[_plain(rows["GF"]) == _LAND]
            rest = "each once with GF = 4" if inside.is_unique else "also among GF = 4: unite them (dissolve)"
            said.append(
                f"{field} repeats {len(twice)} keys for water and parts, {rest}: {some(twice, 30)}; "
                "filter GF = 4, or dissolve"
            )
    if "BEGINN" in names:
        dates = [d for d in pd.unique(rows["BEGINN"].astype("str")) if long.year_of(d[:10]) is not None]
        if dates:
            said.append(f"the newest object is of {max(dates)[:10]}: the state is not older")
    return said


def _plain(column: pd.Series) -> np.ndarray:
    """Return codes as text, without the decimal that a float shows."""
    return column.astype("str").str.strip().str.removesuffix(".0").to_numpy()
