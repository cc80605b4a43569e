"""Any table or layer with one row an area: ids, columns as they stand, and the shapes where there are some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, NoDataError, UsageError, some
from geodata.exchange_files import defuse, replacing
from geodata.models import Status
from geodata.readers import decimals, long, plain, signs, vector
from geodata.readers.recognise import recognise
from geodata.readers.sheet import open_sheet
from geodata.supply import casedata
from geodata.zones import KEY, split_layer, write_zones

if TYPE_CHECKING:
    import geopandas as gpd

#: Numbers that stand for "no value" in files of monitorings; the first one always, others unless negatives are usual.
SENTINELS = (-9999.0, -999.0, -99.0)
#: Formats of a table without shapes.
TABLES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Flat:
    """A table or layer with one row an area.

    Attributes
    ----------
    name : str
        File, for messages.
    ids : pandas.Index, length n
        Unique, named like their column.
    columns : mapping of str to pandas.Series
        Every other column as it stands, indexed by id: numbers (float64) or texts (str, "" where blank).
    geometry : geopandas.GeoSeries or None
    delimiter : str or None
        Of a text file.
    notes : list of str
        What was told while reading; :meth:`numbers` adds to it.
    """

    name: str
    ids: pd.Index
    columns: Mapping[str, pd.Series]
    geometry: gpd.GeoSeries | None = None
    delimiter: str | None = None
    notes: list[str] = field(default_factory=list)

    def column(self, name: str) -> pd.Series:
        """Return a column as it stands.

        Raises
        ------
        ColumnError
            There is none of this name.
        """
        names = list(self.columns)
        return self.columns[names[long.pick(name, names, where=self.name)]]

    def numbers(self, names: list[str], *, missing: tuple[float, ...] | None = None) -> pd.DataFrame:
        """Read columns as numbers; signs become missing, and are told.

        Parameters
        ----------
        names : list of str
            Columns.
        missing : tuple of float, optional
            Numbers that stand for no value; by default those of :data:`SENTINELS`, see there.

        Returns
        -------
        pandas.DataFrame, shape (n, m)
            float64, NaN where there is no value.

        Raises
        ------
        ColumnError
            A column is not there, or holds infinity.
        SignError
            A cell is neither a number nor a sign that any official legend knows.
        FormatError
            Both decimal signs are used.
        """
        raw = {name: self.column(name) for name in dict.fromkeys(names)}
        texts = {name: column for name, column in raw.items() if not pd.api.types.is_numeric_dtype(column)}
        decimal, _ = decimals.detect(texts.values(), self.delimiter, self.name)
        legend = _legend(texts, decimal)
        out = {}
        for name, column in raw.items():
            if name in texts:
                cells = column.reset_index(drop=True)
                parsed = signs.parse(cells, legend, decimal=decimal, where=self.name, column=name, first_row=1)
                values = parsed.value
                self._tell_signs(name, cells, parsed)
            else:
                values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isinf(values).any():
                raise ColumnError(
                    f"column {name!r}: expected finite numbers, found infinity in {some(self.ids[np.isinf(values)])}",
                    where=self.name,
                    hint="leave the cell empty where there is no value; a quotient by 0 has none",
                )
            out[name] = values
        return self._without_sentinels(pd.DataFrame(out, index=self.ids), missing)

    def _tell_signs(self, name: str, cells: pd.Series, parsed: signs.Parsed) -> None:
        """Say which signs stood in place of numbers, and what was made of them."""
        signed = cells[[signs.number(cell.strip(), ",") is None and signs.number(cell.strip(), ".") is None
                        and cell.strip() != "" for cell in cells]]  # fmt: skip
        for sign, rows in signed.groupby(signed.str.strip()).groups.items():
            status = signs.STATUSES[int(parsed.status[rows[0]])]
            if status is not Status.OBSERVED:
                known = not np.isnan(parsed.value[rows[0]])
                self.notes.append(
                    f"{name}: {str(sign)!r} in {len(rows)} {_areas(len(rows))} is read as "
                    f"{'zero' if known else f'missing ({status.value})'}"
                )

    def _without_sentinels(self, table: pd.DataFrame, missing: tuple[float, ...] | None) -> pd.DataFrame:
        """Turn numbers that stand for "no value" into NaN; say so, and say where it is left open."""
        others = ((table < 0) & ~table.isin(SENTINELS)).any()
        for sentinel in SENTINELS if missing is None else missing:
            found = table == sentinel
            for number in found.sum().unique():
                columns = [str(name) for name in table.columns if number and found[name].sum() == number]
                kept = [name for name in columns if missing is None and others[name] and sentinel != SENTINELS[0]]
                signs_ = [name for name in columns if name not in kept]
                if signs_:
                    self.notes.append(
                        f"{sentinel:g} is a sign for no value: missing in {number} {_areas(number)} "
                        f"of {some(signs_, 12)}"
                    )
                if kept:
                    self.notes.append(
                        f"{sentinel:g} in {number} {_areas(number)} of {some(kept, 12)} is read as a number, because "
                        "there are other negative ones; leave the cells empty if it means no value"
                    )
                table = table.mask(found & table.columns.isin(signs_))
        return table


def _areas(count: int) -> str:
    return "area" if count == 1 else "areas"


def _legend(columns: Mapping[str, pd.Series], decimal: str) -> signs.Legend:
    """Return the first legend that knows every cell, plain numbers first; the classic one where none does."""
    cells = {str(cell) for column in columns.values() for cell in column.unique()}
    for legend in signs.LEGENDS.values():
        if not legend.numbers and all(signs.read_cell(cell, legend, decimal) is not None for cell in cells):
            return legend
    return signs.LEGENDS["none"]


def read_flat(name: str, id_field: str) -> Flat:
    """Read a table or layer with one row an area.

    Parameters
    ----------
    name : str
        CSV, workbook, Parquet or any vector file; ``FILE|layername=LAYER`` names a layer or a sheet.
    id_field : str
        Column with a unique key for each row.

    Returns
    -------
    Flat

    Raises
    ------
    MissingFileError, NoDataError, FormatError, CaseDataError
        No file, no rows, not readable, or a table of single persons.
    ColumnError, AreaKeyError
        No such column; ids are missing or repeated.
    CrsError
        A layer has no CRS, or one that its coordinates contradict.
    """
    path, layer = split_layer(name)
    kind = recognise(path, sheet=layer)
    if kind == "vector":
        return _layer(name, path, layer, id_field)
    if kind == "raster":
        raise UsageError(
            "expected a table or a layer of areas, found a raster",
            where=name,
            hint="bring it to areas with `sozialmonitor disaggregate` first",
        )
    return _table(name, path, layer, id_field)


def _layer(name: str, path: Path, layer: str | None, id_field: str) -> Flat:
    from geodata import crs as _crs

    frame = vector.read_features(path, layer=layer, where=name)
    _crs.require_crs(frame, name)
    vector.require_plausible(frame, name)
    names = [str(column) for column in frame.columns if column != frame.geometry.name]
    ids = _ids(frame[names[long.pick(id_field, names, where=name)]], name)
    columns = {}
    for column in names:
        values = frame[column]
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        cells = values.astype("float64") if number else values.astype("str").where(values.notna(), "")
        columns[column] = cells.set_axis(ids)
    del columns[id_field]
    return Flat(name, ids, columns, frame.geometry.set_axis(ids))


def _table(name: str, path: Path, sheet: str | None, id_field: str) -> Flat:
    opened = open_sheet(path, sheet=sheet)
    head = plain.read_head(opened.cells, _header(opened.cells, id_field))
    casedata.require_figures(opened, head.names, head.last, key=id_field, read=sheet, where=name)
    key = long.pick(id_field, head.names, where=name)
    rows = opened.cells.iloc[head.last + 1 :]
    # Notes below the table: its last rows with one cell.
    filled = np.flatnonzero((rows != "").sum(axis=1).to_numpy() > 1)
    rows = rows.iloc[: int(filled[-1]) + 1] if len(filled) else rows.iloc[:0]
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=name, hint="export the table again")
    total = plain.totals(rows, [key, *(at for at in range(head.start or 0) if at != key)])
    notes = []
    if total.any():
        notes.append(f"{int(total.sum())} rows are totals, no areas: {some(rows[key][total])}")
    rows = rows[~total]
    ids = _ids(rows[key].str.strip().replace("", None).rename(id_field), name)
    columns = {
        label: rows[at].str.strip().set_axis(ids)
        for at, label in enumerate(head.names)
        if at != key and label and head.names.count(label) == 1
    }
    if twice := sorted({label for label in head.names if label and head.names.count(label) > 1}):
        notes.append(f"columns that occur more than once are left out: {some(twice)}")
    return Flat(name, ids, columns, None, opened.delimiter, notes)


def _header(cells: pd.DataFrame, id_field: str) -> int:
    """Find the first row that names the id; where none does, the one that looks like a header."""
    for row in range(min(40, len(cells))):
        if id_field in {" ".join(str(cell).split()) for cell in cells.iloc[row]}:
            return row
    return plain.header_row(cells)


def _ids(column: pd.Series, where: str) -> pd.Index:
    absent = column.isna() | (column.astype("str").str.strip() == "")
    if absent.any():
        rows = np.flatnonzero(absent) + 1
        raise AreaKeyError(
            f"column {column.name!r}: expected an id in every row, found none in rows {some(rows)} of the areas",
            where=where,
            hint="fill the column, or name another one",
        )
    if pd.api.types.is_float_dtype(column) and (column % 1 == 0).all():
        column = column.astype("int64")
    ids = pd.Index(column.astype("str"), name=str(column.name))
    if not ids.is_unique:
        raise AreaKeyError(
            f"column {column.name!r}: expected every id once, found repeated {some(ids[ids.duplicated()].unique())}",
            where=where,
            hint="keep one row an area (one year, one characteristic), or name another column",
        )
    return ids


def require_format(out: Path, flat: Flat) -> None:
    """Refuse a format with shapes where there are none.

    Raises
    ------
    UsageError
        The input is a table, and OUT is neither CSV nor Parquet.
    """
    if flat.geometry is None and out.suffix.lower() not in TABLES:
        raise UsageError(
            f"expected an output that ends in {', '.join(TABLES)} for a table without shapes, found {out.suffix!r}",
            where=str(out),
            hint="name a .csv or .parquet file, or give a layer as INPUT",
        )


def require_names(out: Path, names: list[str], where: str) -> None:
    """Refuse columns that the output cannot hold beside each other.

    Parameters
    ----------
    out : pathlib.Path
        The ending chooses the format.
    names : list of str
        The id and all columns.
    where : str
        File of the input, for the message.

    Raises
    ------
    ColumnError
        Two columns have one name – in a GeoPackage also but for upper and lower case – or that of a column of its own.
    """
    package = out.suffix.lower() == ".gpkg"
    told = [name.casefold() if package else name for name in names]
    twice = [name for name, key in zip(names, told, strict=True) if told.count(key) > 1]
    if package:
        twice += [name for name in names if name.casefold() in ("fid", "geom")]
    if twice:
        raise ColumnError(
            f"expected other columns than those of the results, each name once, found {some(sorted(set(twice)))}",
            where=where,
            hint="rename the column in its file" + (", or write another format than .gpkg" if package else ""),
        )


def write_flat(out: Path, table: pd.DataFrame, flat: Flat, *, metadata: Mapping[str, Any]) -> None:
    """Write results beside the ids, and the shapes where there are some.

    Parameters
    ----------
    out : pathlib.Path
        The ending chooses the format, see :func:`geodata.zones.write_zones`; without shapes one of :data:`TABLES`.
    table : pandas.DataFrame
        Indexed by the ids of `flat`.
    flat : Flat
        What was read.
    metadata : mapping
        How it was made; CSV has no place for it.

    Raises
    ------
    ColumnError
        See :func:`require_names`.
    """
    require_names(out, [str(flat.ids.name), *map(str, table.columns)], flat.name)
    if out.suffix.lower() == ".csv":  # a heading is a cell for a spreadsheet, too
        table = table.rename(columns=lambda name: defuse(str(name)))
    if flat.geometry is not None:
        import geopandas as gpd

        shapes = flat.geometry.reindex(table.index)
        zones = gpd.GeoDataFrame(table, geometry=shapes.to_numpy(), crs=flat.geometry.crs)
        zones.index.name = flat.ids.name
        write_zones(out, zones, metadata=metadata)
        return
    frame = table.rename_axis(index=str(flat.ids.name)).reset_index()
    with replacing(out, TABLES) as part:
        if out.suffix.lower() == ".csv":
            for column in frame.select_dtypes(include=["object", "str"]):
                frame[column] = frame[column].map(lambda cell: defuse(cell) if isinstance(cell, str) else cell)
            frame.to_csv(part, index=False, encoding="utf-8")
        else:
            import pyarrow as pa
            import pyarrow.parquet as pq

            arrow = pa.Table.from_pandas(frame, preserve_index=False)
            said = json.dumps(metadata, ensure_ascii=False, sort_keys=True, default=str)
            pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), KEY: said}), part)
