"""Layers of any origin, without a county: an id, some numbers and a geometry in; the same and results out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata import crs as _crs
from geodata.errors import AreaKeyError, ColumnError, FormatError, UsageError, some
from geodata.exchange_files import defuse, replacing
from geodata.readers import long, vector

if TYPE_CHECKING:
    import geopandas as gpd

#: Ending → driver of GDAL; GeoParquet and CSV are written without it.
DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".fgb": "FlatGeobuf"}
ENDINGS = (*DRIVERS, ".parquet", ".csv")
#: Metadata are kept under this key where the format has a place for them.
KEY = "sozialmonitor"


def split_layer(name: str) -> tuple[Path, str | None]:
    """Split ``FILE|layername=LAYER``, as QGIS writes it, into file and layer.

    Examples
    --------
    >>> split_layer("a.gpkg|layername=wards")[1]
    'wards'
    """
    path, bar, layer = name.partition("|layername=")
    return Path(path), layer if bar else None


def read_zones(
    name: str,
    *,
    id_field: str | None = None,
    numbers: Sequence[str] = (),
    marks: Sequence[str] = (),
    polygons: bool = True,
    project: bool = False,
) -> gpd.GeoDataFrame:
    """Read a layer as it is: its ids, some numbers and the geometry.

    Parameters
    ----------
    name : str
        File, or ``FILE|layername=LAYER``.
    id_field : str, optional
        Column with a unique key for each feature; without it features are numbered from 1.
    numbers : sequence of str
        Columns with numbers; blanks and nulls are NaN.
    marks : sequence of str
        Columns that are kept as delivered where the file has them, such as ``origin``; none is required.
    polygons : bool
        Refuse other geometries and invalid ones.
    project : bool
        A layer in degrees is brought to the UTM zone of its middle, on ETRS89 in Europe; else it stays as it is.

    Returns
    -------
    geopandas.GeoDataFrame
        Index: the ids as delivered (text or whole numbers), named like the column; columns `numbers` (float64), those
        of `marks` that are there, and ``geometry``, in the CRS of the file.

    Raises
    ------
    MissingFileError, NoDataError, FormatError, CaseDataError
        See :func:`geodata.readers.features.read_features`.
    ColumnError
        A column is missing or holds something else than numbers.
    AreaKeyError
        Ids are missing or repeated.
    CrsError, GeometryError
        No CRS, implausible coordinates; geometries are missing, empty, invalid or no polygons.
    """
    path, layer = split_layer(name)
    if layer is None:
        _require_one_layer(path, name)
    frame = vector.read_features(path, layer=layer, where=name)
    _crs.require_crs(frame, name)
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    if id_field is None:
        ids = pd.Index(np.arange(1, len(frame) + 1), name="id")
    else:
        ids = _ids(frame[columns[long.pick(id_field, columns, where=name)]], name)
    picked = {number: _numbers(frame[columns[long.pick(number, columns, where=name)]], name) for number in numbers}
    picked |= {mark: frame[mark].to_numpy() for mark in marks if mark in columns and mark not in picked}
    import geopandas as gpd

    zones = gpd.GeoDataFrame(picked, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    zones.index = ids
    if polygons:
        vector.check_geometries(zones.geometry, ids, name)
    vector.require_plausible(zones, name)
    if project and zones.crs.is_geographic:
        zones = zones.to_crs(_utm(zones))
    return zones


def _require_one_layer(path: Path, name: str) -> None:
    """Refuse a file of several layers none of which is named."""
    if path.suffix.lower() == ".parquet" or not path.exists():
        return
    layers = vector.list_layers(path)
    if len(layers) > 1:
        raise ColumnError(
            f"expected the name of a layer, found {len(layers)} layers: {some(layers, 12)}",
            where=name,
            hint=f"name one, for example '{name}|layername={layers[0]}'",
        )


def kept_metadata(name: str) -> dict[str, Any]:
    """Return what :func:`write_zones` kept in a GeoPackage or GeoParquet file about how it was made.

    Parameters
    ----------
    name : str
        File, or ``FILE|layername=LAYER``.

    Returns
    -------
    dict
        Empty where there is none.
    """
    path, layer = split_layer(name)
    said: Any = None
    if path.suffix.lower() == ".gpkg":
        import pyogrio

        named = vector.list_layers(path)[0] if layer is None else layer
        said = (pyogrio.read_info(path, layer=named).get("layer_metadata") or {}).get(KEY)
    elif path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        said = (pq.read_schema(path).metadata or {}).get(KEY.encode())
    try:
        found = json.loads(said) if said else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _utm(zones: gpd.GeoDataFrame) -> Any:
    """Return the UTM zone of the middle of a layer; ETRS89 where that is in use."""
    from pyproj import CRS

    west, south, east, north = zones.to_crs(_crs.CRS84).total_bounds
    zone = int(((west + east) / 2 + 180) // 6) + 1
    if 28 <= zone <= 38 and south > 34:
        return CRS.from_epsg(25800 + zone)
    return CRS.from_epsg((32600 if south + north >= 0 else 32700) + min(zone, 60))


def _ids(column: pd.Series, where: str) -> pd.Index:
    if column.isna().any():
        rows = np.flatnonzero(column.isna()) + 1
        raise AreaKeyError(
            f"column {column.name!r}: expected an id for every feature, found none in features {some(rows)}",
            where=where,
            hint="fill the column, or name another one",
        )
    if pd.api.types.is_float_dtype(column) and (column % 1 == 0).all():
        column = column.astype("int64")
    ids = pd.Index(column if pd.api.types.is_integer_dtype(column) else column.astype("str"), name=str(column.name))
    if not ids.is_unique:
        raise AreaKeyError(
            f"column {column.name!r}: expected every id once, found repeated {some(ids[ids.duplicated()].unique())}",
            where=where,
            hint="unite the features of one id (in QGIS: Dissolve), or name another column",
        )
    return ids


def _numbers(column: pd.Series, where: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna() & (column.astype("str").str.strip() != "")
    if wrong.any():
        raise ColumnError(
            f"column {column.name!r}: expected numbers, found {some(column[wrong].unique())} "
            f"in {int(wrong.sum())} of {len(column)} features",
            where=where,
            hint="save it as a number with a decimal point; a value that is missing stays blank",
        )
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise ColumnError(
            f"column {column.name!r}: expected finite numbers, found infinity in {int(np.isinf(values).sum())} of "
            f"{len(column)} features",
            where=where,
            hint="leave the cell empty where there is no value; a quotient by 0 has none",
        )
    return values


def require_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot be written, before anything is computed.

    Raises
    ------
    UsageError
        The ending is not one of :data:`ENDINGS`.
    FormatError
        The folder does not exist, or the file does and may not be replaced.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"expected an output that ends in {', '.join(ENDINGS)}, found {path.suffix or 'no ending'!r}",
            where=str(path),
            hint="the ending chooses the format, for example result.gpkg",
        )
    if not path.parent.is_dir():
        raise FormatError(
            f"expected the folder {str(path.parent)!r}, found none", where=str(path), hint="make it, or name another"
        )
    if path.exists() and not overwrite:
        raise FormatError("expected a new file, found one of this name", where=str(path), hint="add --overwrite")


def write_zones(
    path: Path, zones: gpd.GeoDataFrame, *, metadata: Mapping[str, Any], style: tuple[str, str] | None = None
) -> None:
    """Write a layer in the format of its ending; the file is replaced when it is whole.

    Parameters
    ----------
    path : pathlib.Path
        One of :data:`ENDINGS`; CSV carries no geometry.
    zones : geopandas.GeoDataFrame
        The index becomes the first column, by its name.
    metadata : mapping
        How it was made; kept in GeoPackage (layer metadata), GeoParquet (schema) and GeoJSON (description).
    style : tuple of str, optional
        Name and QML of the style with which QGIS opens a GeoPackage; other formats have no place for it.

    Raises
    ------
    ColumnError
        A column has the name of the ids.
    FormatError
        The ending is unknown.
    """
    import pyogrio

    if zones.index.name in zones.columns:
        raise ColumnError(
            f"expected a column of results beside the ids, found both named {zones.index.name!r}",
            where=str(path),
            hint="rename one of the two columns in its file",
        )
    frame = zones.reset_index()
    said = json.dumps(metadata, ensure_ascii=False, sort_keys=True, default=str)
    suffix = path.suffix.lower()
    with replacing(path.with_suffix(suffix), ENDINGS) as out:
        if suffix == ".csv":
            table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
            for column in table.select_dtypes(include=["object", "str"]):
                table[column] = table[column].map(lambda cell: defuse(cell) if isinstance(cell, str) else cell)
            table.to_csv(out, index=False, encoding="utf-8")
        elif suffix == ".parquet":
            import pyarrow.parquet as pq

            frame.to_parquet(out, index=False)
            table = pq.read_table(out)
            pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: said}), out)
        else:
            options: dict[str, Any] = {"layer": path.stem, "driver": DRIVERS[suffix]}
            if suffix in (".geojson", ".json"):
                frame = frame.to_crs(_crs.CRS84)  # RFC 7946
                options |= {"DESCRIPTION": said, "RFC7946": "YES"}
            if suffix == ".gpkg":
                options |= {"layer_metadata": {KEY: said}, "promote_to_multi": True}
            pyogrio.write_dataframe(frame, out, **options)
            if suffix == ".gpkg" and style is not None:
                from geodata.store.geopackage import add_style

                add_style(out, path.stem, *style)
    if path.suffix != suffix:
        path.with_suffix(suffix).replace(path)
