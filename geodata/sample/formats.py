"""Writers of the official formats (BKG, Destatis, Zensus, Fachdienste); the same input gives the same bytes."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geodata.sample.geography import CRS, Floats, Ints

STAMP = dt.datetime(2025, 1, 31, 12, 0, 0)
GENESIS_LEAD = ("statistics_code", "statistics_label", "time_code", "time_label", "time")
GENESIS_DIMENSION = ("variable_code", "variable_label", "variable_attribute_code", "variable_attribute_label")
GENESIS_TAIL = ("value", "value_unit", "value_variable_code", "value_variable_label")


def write_geopackage(path: Path, layer: str, geometry: Iterable[Any], fields: dict[str, Any]) -> None:
    """Write one layer of polygons; the clock that a GeoPackage stores is set to a fixed time.

    Parameters
    ----------
    path : pathlib.Path
        A file that does not exist.
    layer : str
        Name of the layer.
    geometry : iterable of shapely geometry
        In EPSG:25832.
    fields : dict of str to sequence
        Column → values.
    """
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP.strftime("%Y-%m-%dT%H:%M:%S.000Z")})
    try:
        multi = [shapely.MultiPolygon(shapely.get_parts([g]).tolist()) for g in geometry]
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(np.array(multi, dtype=object)),
            field_data=[np.asarray(values) for values in fields.values()],
            fields=list(fields),
            layer=layer,
            driver="GPKG",
            geometry_type="MultiPolygon",
            crs=CRS,
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def write_genesis(
    path: Path,
    *,
    statistic: tuple[str, str],
    time: tuple[str, str],
    rows: Iterable[tuple[str, Sequence[tuple[str, str, str, str]], str, tuple[str, str, str], str]],
    quality: bool = False,
) -> None:
    """Write a flat file of the GENESIS databases, version 5: UTF-8 with BOM, one value a row.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    statistic, time : tuple of str
        Code and label.
    rows : iterable of (time, dimensions, value, (unit, code, label), quality)
        Dimensions are (variable code, label, attribute code, label); a total has an empty attribute code.
    quality : bool, default False
        Write the column ``value_q``.
    """
    lines: list[str] = []
    for when, dimensions, value, (unit, code, label), mark in rows:
        if not lines:
            names = [f"{i + 1}_{part}" for i in range(len(dimensions)) for part in GENESIS_DIMENSION]
            lines.append(";".join([*GENESIS_LEAD, *names, *GENESIS_TAIL, *(["value_q"] if quality else [])]))
        flat = [part for dimension in dimensions for part in dimension]
        cells = [*statistic, *time, when, *flat, value, unit, code, label, *([mark] if quality else [])]
        lines.append(";".join(cells))
    path.write_bytes(("\ufeff" + "\n".join(lines) + "\n").encode("utf-8"))


def write_zensus_grid(path: Path, corner: Ints, column: str, values: Sequence[str], brackets: Sequence[bool]) -> None:
    """Write a 100 m grid of the Zensus 2022: ``;``, decimal comma, empty cells absent.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    corner : ndarray of int, shape (n, 2)
        South-west corners (x, y), EPSG:3035.
    column : str
        Name of the value column.
    values : sequence of str, length n
        As written.
    brackets : sequence of bool, length n
        Uncertain values; where none is, the column of remarks is left out, as in the population file.
    """
    remarks = any(brackets)
    lines = [f"GITTER_ID_100m;x_mp_100m;y_mp_100m;{column}" + (";werterlaeuternde_Zeichen" if remarks else "")]
    for (x, y), value, bracket in zip(corner.tolist(), values, brackets, strict=True):
        line = f"CRS3035RES100mN{y}E{x};{x + 50};{y + 50};{value}"
        lines.append(line + (";" + ("KLAMMERN" if bracket else "") if remarks else ""))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def write_raster(path: Path, corner: Ints, mass: Floats, *, nodata: float = -9999.0, margin: int = 5) -> None:
    """Write a 100 m raster of inhabitants in EPSG:3035.

    Parameters
    ----------
    path : pathlib.Path
        The GeoTIFF.
    corner : ndarray of int, shape (n, 2)
        South-west corners of the cells that hold somebody.
    mass : ndarray, shape (n,)
        Inhabitants.
    nodata : float
        Where nothing is known: all cells further than ``margin`` cells outside the settled rows.
    margin : int
        Cells around the settled ground that hold a plain 0.
    """
    import rasterio

    west, south = corner.min(axis=0) - 100 * (margin + 2)
    east, north = corner.max(axis=0) + 100 * (margin + 3)
    values = np.full(((north - south) // 100, (east - west) // 100), nodata, dtype=np.float32)
    column, row = (corner[:, 0] - west) // 100, (north - 100 - corner[:, 1]) // 100
    values[2:-2, 2:-2] = 0.0
    values[row, column] = mass
    profile = {
        "driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:3035", "nodata": nodata, "compress": "deflate",
        "height": values.shape[0], "width": values.shape[1], "transform": rasterio.Affine(100, 0, west, 0, -100, north),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values, 1)


def write_workbook(
    path: Path,
    sheet: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    above: Sequence[str] = (),
    below: Sequence[str] = (),
) -> None:
    """Write a workbook with one sheet of figures, and make its bytes independent of the clock.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sheet : str
        Name of the sheet.
    header : sequence of str
        Column names.
    rows : iterable of sequence
        Text stays text (keys), numbers stay numbers, None is a blank cell.
    above, below : sequence of str
        Title rows above the header and notes below the figures, as offices like to write them.
    """
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    book.properties.created = STAMP
    page = book.create_sheet(sheet)
    for line in above:
        page.append([line] if line else [None])
    page.append(list(header))
    for row in rows:
        page.append(list(row))
    for line in below:
        page.append([line] if line else [None])
    buffer = BytesIO()
    book.save(buffer)
    stamp = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in made.namelist():
            content = made.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            fixed.writestr(zipfile.ZipInfo(name, STAMP.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV with ``;`` as German offices export it (UTF-8 without BOM, CRLF)."""
    lines = [";".join(header), *(";".join(row) for row in rows)]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8"))


def comma(value: float, decimals: int = 1) -> str:
    """Write a number with decimal comma.

    Examples
    --------
    >>> comma(47.25)
    '47,2'
    """
    return f"{value:.{decimals}f}".replace(".", ",")
