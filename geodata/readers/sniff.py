"""What is this file? The answer behind ``sozialmonitor check FILE``: format by content, not by name, and a full read.

No options are needed. A table that is well formed but of no known format is described; what cannot be read is refused
with the same error that a run would give.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, FormatError, GeodataError, NoDataError, some
from geodata.models import Flag, Observations, Status
from geodata.readers import genesis, inkar, raster, text, vector, zensus_grid
from geodata.readers.findings import table_findings
from geodata.readers.sheet import WORKBOOKS, Sheet, open_sheet
from geodata.readers.unknown import describe_table
from geodata.readers.verdict import Verdict

__all__ = ["Verdict", "describe"]

if TYPE_CHECKING:
    import geopandas as gpd

_RASTERS = ("a TIFF", "a BigTIFF")
_VECTORS = (".gpkg", ".geojson", ".shp", ".fgb", ".gml", ".kml", ".sqlite", ".json")


def describe(path: Path) -> Verdict:
    """Read a file of any known kind and say what it is.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Verdict
        Format, size, years, statuses and findings.

    Raises
    ------
    GeodataError
        The file is missing, empty, truncated, an error answer, of no known kind, or breaks the rules of its format.
    """
    head = text.peek(path)
    kind = text.kind_of(head)
    suffix = path.suffix.lower()
    if kind in _RASTERS:
        return _raster(path)
    if kind == "a Parquet file":
        return _parquet(path)
    if suffix == ".gpkg" or (kind and "SQLite" in kind):
        return _vector(path)
    if suffix in WORKBOOKS or (kind and "Excel" in kind) or (kind and "XLSX" in kind and suffix != ".zip"):
        return _workbook(path)
    if kind is not None:
        raise FormatError(
            f"expected a table, areas or a raster, found {kind}", where=str(path), hint="unpack or export it"
        )
    if suffix in (".tif", ".tiff"):
        return _raster(path)
    if suffix in _VECTORS:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
            text.refuse_answer(text.decode(path))
        return _vector(path)
    return _text(path)


def _text(path: Path) -> Verdict:
    file = text.decode(path)
    text.refuse_answer(file)
    head = file.head
    if head.lstrip('"').startswith(("statistics_code", "Statistik_Code")):
        return _observed("genesis-flat", genesis.read_genesis(path), file.encoding)
    if zensus_grid.is_grid_2022(head):
        return _observed("zensus-grid", zensus_grid.read_grid_2022(path), file.encoding)
    if zensus_grid.is_grid_2011(head):
        return _observed("zensus2011-grid", zensus_grid.read_grid_2011(path), file.encoding)
    if head.lstrip().startswith(("{", "<")):
        return _vector(path)
    sheet = open_sheet(path)
    return _sheet(sheet, path, file.encoding)


def _sheet(sheet: Sheet, path: Path, encoding: str) -> Verdict:
    if len(sheet.cells) >= 2:
        first, second = ([str(cell).strip() for cell in sheet.cells.iloc[row]] for row in (0, 1))
        if inkar.is_inkar(first, second):
            return _observed("inkar", inkar.read_inkar(path), encoding)
    return describe_table(sheet, path, encoding)


def _workbook(path: Path) -> Verdict:
    try:
        sheet = open_sheet(path)
    except ColumnError:
        # Several sheets: INKAR's is called Daten; otherwise the first one that holds a table is described.
        import python_calamine

        names = tuple(python_calamine.CalamineWorkbook.from_path(path).sheet_names)
        if "Daten" in names:
            return _sheet(open_sheet(path, sheet="Daten"), path, "")
        for name in names:
            try:
                sheet = open_sheet(path, sheet=name)
                verdict = _sheet(sheet, path, "")
            except NoDataError:
                continue
            note = f"the workbook has {len(names)} sheets ({some(names)}); {name!r} is described"
            return _with(verdict, note)
        raise
    return _sheet(sheet, path, "")


def _parquet(path: Path) -> Verdict:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(
            f"the Parquet file cannot be read, it may be truncated: {error}", where=str(path), hint="download it again"
        ) from error
    columns = tuple(metadata.schema.to_arrow_schema().names)
    names = set(columns)
    if {"var", "x", "y", "value", "quality"} <= names:
        return _observed("zensus2011-long", zensus_grid.read_long_2011(path), "")
    if {"x", "y"} <= names:
        size = _step(path)
        verdict = _observed("zensus2011-grid", zensus_grid.read_grid_2011(path, cell_size=size), "")
        return _with(verdict, f"cell_size = {size} (the columns do not say it: told from the midpoints)")
    if not metadata.num_rows:
        raise NoDataError("expected rows, found none", where=str(path), hint="export the file again")
    finding = "Parquet of no known form (a grid has x, y and values): export it as CSV to use it as a table"
    return Verdict("table", rows=metadata.num_rows, variables=columns, findings=(finding,))


def _step(path: Path) -> int:
    """Tell the cell size of a grid without one from its midpoints: corner + half a cell."""
    import pyarrow.parquet as pq

    x = pq.read_table(path, columns=["x"]).column(0).to_numpy()
    for size in (10_000, 1000, 100):
        if len(x) and (np.asarray(x) % size == size / 2).all():
            return size
    raise FormatError(
        "expected midpoints of 100 m, 1 km or 10 km cells in column x, found others", where=str(path), hint="check x, y"
    )


def _observed(kind: str, observations: Observations, encoding: str) -> Verdict:
    table = observations.table
    flags = Counter(dict(table["flags"].value_counts()))
    findings = [*observations.notes, *table_findings(observations)]
    for flag in (Flag.PROVISIONAL, Flag.REVISED, Flag.ESTIMATED, Flag.UNCERTAIN, Flag.BREAK):
        number = sum(int(count) for value, count in flags.items() if int(value) & flag.value)
        if number:
            findings.append(f"{number} values are flagged {(flag.name or '').lower()}")
    notes = " ".join(observations.notes)
    return Verdict(
        format=kind,
        encoding=encoding,
        decimal=next((word for word in ("decimal comma", "decimal point") if word in notes), ""),
        rows=len(table),
        areas=int(table["area_id"].nunique()),
        periods=tuple(sorted(int(year) for year in table["period"].unique())),
        variables=observations.variables,
        statuses=Counter({str(status): int(count) for status, count in table["status"].value_counts().items()}),
        findings=tuple(findings),
        provisional=any(int(value) & Flag.PROVISIONAL.value for value in flags),
    )


def _vector(path: Path) -> Verdict:
    layers = vector.list_layers(path)
    findings = []
    rows = 0
    for layer in layers:
        where = f"{path} [{layer}]"
        try:
            frame = vector.read_features(path, layer=layer, where=where)
        except GeodataError as error:
            if len(layers) == 1:
                raise
            findings.append(f"layer {layer}: {error.message}")
            continue
        rows += len(frame)
        findings += _layer(frame, layer, where)
    return Verdict("vector", rows=rows, areas=rows, variables=tuple(layers), findings=tuple(findings))


def _layer(frame: gpd.GeoDataFrame, layer: str, where: str) -> list[str]:
    from geodata.crs import require_crs

    crs = require_crs(frame, where)
    vector.check_geometries(frame.geometry, _names(frame), where)
    vector.require_plausible(frame, where)
    fields = [str(c) for c in frame.columns if c != "geometry"]
    findings = [f"layer {layer}: {len(frame)} areas, {crs.to_string()}, fields {some(fields, 12)}"]
    if not crs.is_projected:
        findings.append(f"layer {layer}: coordinates in degrees; they are reprojected to the county's CRS when read")
    unique = [f for f in fields if frame[f].is_unique and pd.api.types.is_string_dtype(frame[f])]
    if unique:
        findings.append(f"layer {layer}: every value differs in {some(unique)}: these can be the key (id_field)")
    else:
        findings.append(f"layer {layer}: no field is unique: filter with keep, or unite with dissolve")
    for field_name in ("ARS", "RS", "AGS"):
        if field_name in fields and not frame[field_name].is_unique:
            repeated = pd.unique(frame[field_name][frame[field_name].duplicated()])
            findings.append(f"layer {layer}: {field_name} repeats ({some(repeated)}): filter GF = 4, or dissolve")
    return findings


def _names(frame: gpd.GeoDataFrame) -> list[str]:
    """Name features for messages: by the first field with a unique text, else by their number."""
    for column in frame.columns:
        if column != "geometry" and pd.api.types.is_string_dtype(frame[column]) and frame[column].is_unique:
            return [str(value) for value in frame[column]]
    return [f"feature {number}" for number in range(1, len(frame) + 1)]


def _raster(path: Path) -> Verdict:
    import rasterio

    band = raster.read_raster(path)
    values = np.asarray(band.values)
    with rasterio.open(path) as source:
        bands = tuple(name or f"band {i}" for i, name in enumerate(source.descriptions, start=1))
    held = np.isfinite(values)
    a, _, _, _, e, _ = band.transform
    findings = (
        f"{values.shape[0]} × {values.shape[1]} cells of {a:g} × {-e:g}, {band.crs}, {len(bands)} bands",
        f"band 1: {int(held.sum())} cells with a value, {float(values[held].min()):g} to "
        f"{float(values[held].max()):g}, sum {float(values[held].sum()):g}",
    )
    statuses = Counter({Status.OBSERVED.value: int(held.sum()), Status.MISSING.value: int((~held).sum())})
    return Verdict("raster", rows=int(held.sum()), variables=bands, statuses=+statuses, findings=findings)


def _with(verdict: Verdict, finding: str) -> Verdict:
    return replace(verdict, findings=(*verdict.findings, finding))
