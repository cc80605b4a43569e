"""Areas from vector files: GeoPackage, Shapefile, GeoJSON, FlatGeobuf, GeoParquet and whatever else GDAL reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata import crs as _crs
from geodata import keys
from geodata.errors import AreaKeyError, CrsError, GeometryError, NoDataError, some
from geodata.models import AreaLayer, Source, Text
from geodata.readers import long, zipped
from geodata.readers.features import list_layers, read_features

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["check_geometries", "list_layers", "read_areas", "read_features", "require_plausible"]

#: VG250 before 2018 says RS where it says ARS now.
_OLD_NAMES = {"ARS": "RS", "RS": "ARS", "ARS_0": "RS_0", "RS_0": "ARS_0"}
#: How far, in degrees, coordinates may lie outside the area a CRS is made for: national data in one UTM zone do.
_SLACK = 6.0


def read_areas(
    path: Path,
    *,
    layer: str | None = None,
    id_field: str,
    name_field: str | None = None,
    parent_field: str | None = None,
    keep: Mapping[str, Any] | None = None,
    dissolve: bool = False,
    crs: str,
    level: str,
    title: Text,
    where: str | None = None,
    prefix: str | None = None,
    context: bool = False,
    key: str = "text",
    boundary_date: dt.date | None = None,
    source: Source | None = None,
) -> AreaLayer:
    """Read the areas of one level.

    Parameters
    ----------
    path : pathlib.Path
        The file, or a ZIP archive with it alone (of a Shapefile, all its parts).
    layer : str, optional
        Layer of a file that has several.
    id_field, name_field, parent_field : str
        Columns with the area key, its name (the key, if none) and the key of the area it lies in. Where VG250's field
        ``ARS`` does not exist, the older ``RS`` is taken.
    keep : mapping of str to value or list
        Only features with these values, for example ``{"GF": 4}`` (VG250: land with structure).
    dissolve : bool, default False
        Unite features of one key.
    crs : str
        Projected CRS of the result.
    level : str
        Id of the level.
    title : Text
        What the level is called.
    where : str, optional
        Place in the configuration, for messages; the file is always named.
    prefix : str, optional
        Ids that begin so are the county; all others are context.
    context : bool, default False
        Keep areas outside the county, marked, instead of dropping them.
    key : {"text", "ags", "ars-to-ags"}
        See :func:`geodata.keys.convert_keys`.
    boundary_date : datetime.date, optional
        State of the boundaries.
    source : Source, optional
        Where they come from.

    Returns
    -------
    AreaLayer
        Valid, non-empty polygons in ``crs``, indexed by unique ``area_id`` and sorted by it.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, nothing in it, another format, truncated.
    ColumnError
        A field does not exist.
    CrsError
        None declared, or the coordinates lie where it cannot be; or ``crs`` is not projected.
    GeometryError
        Missing, empty, invalid, or no polygons; the first ids are named.
    AreaKeyError
        Keys are missing, malformed or repeated.
    """
    place = f"{path}{f' [{layer}]' if layer else ''}"
    place = f"{where}: {place}" if where else place
    _crs.require_projected_name(crs, where or place)
    target = _crs.transformable(crs, where or place)
    with zipped.unpacked(path) as file:
        frame = read_features(file, layer=layer, where=place)
    declared = _crs.require_crs(frame, place)
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    names = {field: _field(field, columns, place) for field in (id_field, name_field, parent_field) if field}
    for field, value in (keep or {}).items():
        frame = _kept(frame, _field(field, columns, place), value, place)

    ids = keys.convert_keys(_keys(frame[names[id_field]], id_field, key, place), key, where=place)
    areas = frame[[frame.geometry.name]].rename(columns={frame.geometry.name: "geometry"}).set_geometry("geometry")
    areas = areas.reset_index(drop=True)
    ids = ids.reset_index(drop=True)
    areas.insert(0, "area_id", ids)
    areas["name"] = _texts(frame[names[name_field]]) if name_field else ids
    if parent_field:
        parents = _keys(frame[names[parent_field]], parent_field, key, place)
        areas["parent_id"] = keys.convert_keys(parents, key, where=place).to_numpy()
    areas["context"] = False
    if prefix is not None:
        inside = ids.str.startswith(prefix).to_numpy()
        if not inside.any():
            raise AreaKeyError(
                f"expected keys that begin with {prefix!r} (the county), found {some(ids)}",
                where=place,
                hint="check id_field, key and the county's key",
            )
        areas["context"] = ~inside
        areas = areas if context else areas[inside]
    check_geometries(areas["geometry"], areas["area_id"], place)
    require_plausible(frame.set_crs(declared), place)
    twice = areas["area_id"].duplicated(keep=False)
    if twice.any():
        if not dissolve:
            repeated = pd.unique(areas["area_id"][twice])
            parts = " (VG250 repeats keys for water and parts: keep = { GF = 4 })" if "GF" in columns else ""
            raise AreaKeyError(
                f"expected every key once, found {len(repeated)} repeated: {some(repeated)}",
                where=place,
                hint=f"filter the features with keep, or unite them with dissolve = true{parts}",
            )
        areas = areas.dissolve(by="area_id", aggfunc="first", as_index=False)
    if not declared.equals(target, ignore_axis_order=True):
        areas = areas.to_crs(target)
    areas = areas.set_index("area_id").sort_index()
    areas.index = pd.Index(areas.index.astype("str"), name="area_id")
    # Reprojecting or uniting can fold a sliver; say so here rather than in a later overlay.
    check_geometries(areas["geometry"], pd.Series(areas.index), place)
    order = ["name", "context", *(["parent_id"] if parent_field else []), "geometry"]
    return AreaLayer(level, areas[order], title, boundary_date, source)


def _field(name: str, columns: list[str], where: str) -> str:
    old = _OLD_NAMES.get(name)
    if name not in columns and old in columns and old is not None:
        return old
    return columns[long.pick(name, columns, where=where, what="field")]


def _texts(column: pd.Series) -> np.ndarray:
    return column.astype("str").where(column.notna(), "").str.strip().to_numpy()


def _keys(column: pd.Series, field: str, key: str, where: str) -> pd.Series:
    """Return keys as text; numbers get the leading zeros of a fixed length back."""
    if column.isna().any():
        rows = np.flatnonzero(column.isna())
        raise AreaKeyError(
            f"field {field!r}: expected a key in every feature, found {len(rows)} without one (features {some(rows)})",
            where=where,
            hint="fill the field, or filter the features with keep",
        )
    if pd.api.types.is_float_dtype(column) and (column % 1 == 0).all():
        column = column.astype("int64")
    found = column.astype("str").str.strip()
    if pd.api.types.is_integer_dtype(column) and key != "text":
        found = found.str.zfill({"ags": 8, "ars-to-ags": 12}[key])
    blank = found == ""
    if blank.any():
        raise AreaKeyError(
            f"field {field!r}: {int(blank.sum())} features have a blank key", where=where, hint="fill it"
        )
    return found


def _kept(frame: gpd.GeoDataFrame, field: str, value: Any, where: str) -> gpd.GeoDataFrame:
    wanted = [str(v) for v in value] if isinstance(value, list | tuple | set) else [str(value)]
    there = frame[field].astype("str").str.removesuffix(".0")
    kept = frame[there.isin(wanted).to_numpy()]
    if kept.empty:
        raise NoDataError(
            f"no feature fits keep: {field} = {some(wanted)}",
            where=where,
            hint=f"{field} has {some(sorted(pd.unique(there)), 10)}",
        )
    return kept


def check_geometries(geometry: gpd.GeoSeries, ids: Iterable[object], where: str) -> None:
    """Refuse geometries that are missing, empty, invalid or no polygons.

    Parameters
    ----------
    geometry : geopandas.GeoSeries
        Shape (n,).
    ids : iterable of str
        Their keys, for the message.
    where : str
        File and layer.

    Raises
    ------
    GeometryError
        The first ids, the reason and the remedy are named.
    """
    import shapely

    shapes = np.asarray(geometry.values, dtype=object)
    names = np.asarray(list(ids), dtype=object)
    missing = shapely.is_missing(shapes)
    if missing.any():
        raise GeometryError(
            f"{int(missing.sum())} areas have no geometry: {some(names[missing])}",
            where=where,
            hint="draw them, or delete these features (in county.toml, keep leaves them out)",
        )
    empty = shapely.is_empty(shapes)
    if empty.any():
        raise GeometryError(
            f"{int(empty.sum())} areas have an empty geometry: {some(names[empty])}",
            where=where,
            hint="draw them, or delete these features (in county.toml, keep leaves them out)",
        )
    flat = np.isin(shapely.get_type_id(shapes), (3, 6))  # Polygon, MultiPolygon
    if not flat.all():
        kinds = sorted({shape.geom_type for shape in shapes[~flat]})
        raise GeometryError(
            f"expected polygons, found {', '.join(kinds)}: {some(names[~flat])}",
            where=where,
            hint="choose another layer",
        )
    invalid = ~shapely.is_valid(shapes)
    if invalid.any():
        reasons = shapely.is_valid_reason(shapes[invalid])
        listed = [f"{n} ({r})" for n, r in zip(names[invalid][:5], reasons[:5], strict=True)]
        left = int(invalid.sum()) - len(listed)
        raise GeometryError(
            f"{int(invalid.sum())} areas have an invalid geometry: {', '.join(listed)}"
            f"{f' and {left} more' if left else ''}",
            where=where,
            hint="repair them in QGIS with 'Fix geometries' (or shapely.make_valid) and save the layer again",
        )


def require_plausible(areas: gpd.GeoDataFrame, where: str) -> None:
    """Refuse coordinates that lie where the declared CRS cannot be: the wrong CRS was assigned.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        A layer with a CRS.
    where : str
        File and layer.

    Raises
    ------
    CrsError
        Degrees in a metric CRS, metres in a geographic one, or far outside the area of use.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    crs = areas.crs
    west, south, east, north = (float(v) for v in areas.total_bounds)
    shown = f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g}"
    hint = "assign the CRS the layer was made in (do not reproject), and save it again"
    if not np.isfinite([west, south, east, north]).all():
        return  # nothing but empty geometries, which have their own message
    if crs.is_geographic:
        if west < -180 or east > 180 or south < -90 or north > 90:
            raise CrsError(f"coordinates are no degrees, as {crs.to_string()} says: {shown}", where=where, hint=hint)
        return
    if not crs.is_projected:
        raise CrsError(f"expected a projected or geographic CRS, found {crs.name!r}", where=where, hint=hint)
    use = crs.area_of_use
    if use is None:
        return
    try:
        to_degrees = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
        x, y = to_degrees.transform([west, east], [south, north], errcheck=True)
    except ProjError:
        x, y = [np.inf], [np.inf]
    # Some areas of use cross the antimeridian: then only the latitude can be told.
    within = use.west > use.east or (min(x) >= use.west - _SLACK and max(x) <= use.east + _SLACK)
    if not (within and min(y) >= use.south - _SLACK and max(y) <= use.north + _SLACK):
        raise CrsError(
            f"coordinates lie outside the area of {crs.to_string()} ({use.name}): {shown}", where=where, hint=hint
        )
