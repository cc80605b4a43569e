"""The areas of a level as they are published: rounded, oriented, of one type, ready in every CRS."""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geodata.crs import CRS84, require_projected
from geodata.errors import GeometryError, StoreError, some
from geodata.models import AreaLayer
from geodata.store.query import BBox
from geodata.store.rows import check_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Decimals of a degree (about 1 cm) and of a metre.
DEGREES, METRES = 7, 3


@dataclass(frozen=True, slots=True)
class Shapes:
    """The areas of one level, sorted by area id (code points).

    Attributes
    ----------
    ids, names : list of str
    context : list of bool
    polygons : numpy.ndarray of shapely geometries
        In the storage CRS, rounded to a millimetre, all Polygon or all MultiPolygon.
    texts : mapping of str to list of str
        CRS → GeoJSON geometry of each area.
    bounds : mapping of str to numpy.ndarray, shape (areas, 4)
        CRS → minx, miny, maxx, maxy of each area, of the rounded coordinates.
    """

    layer: AreaLayer
    ids: list[str]
    names: list[str]
    context: list[bool]
    polygons: NDArray[np.object_]
    geometry_type: str
    storage_crs: str
    texts: Mapping[str, list[str]]
    bounds: Mapping[str, NDArray[np.float64]]

    @property
    def level(self) -> str:
        """Id of the level."""
        return self.layer.level

    def extent(self, crs: str, areas: NDArray[np.intp] | None = None) -> BBox:
        """Return the box around all areas, or around those at the given places."""
        bounds = self.bounds[crs] if areas is None else self.bounds[crs][areas]
        low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def prepare(layer: AreaLayer, shown: Ids[str]) -> Shapes:
    """Make a level ready for writing.

    Parameters
    ----------
    layer : AreaLayer
        In a projected CRS that has an authority code.
    shown : collection of str
        Ids that some row of the edition refers to. Of a grid only these are kept, because the outline of a cell alone
        says that people live there; boundaries of other levels are public anyway and are all kept.

    Returns
    -------
    Shapes
        The areas, sorted.

    Raises
    ------
    StoreError
        The level's name is unusable, ids are repeated, or a column is missing.
    GeometryError
        A geometry is missing, empty, invalid or no polygon.
    CrsError
        The CRS is missing, geographic or has no authority code.
    """
    import geopandas as gpd
    import shapely

    where = f"level {layer.level}"
    check_name(layer.level, where)
    areas = layer.areas
    storage = storage_crs(layer)
    absent = [name for name in ("name", "context") if name not in areas.columns]
    if absent:
        raise StoreError(f"the areas have no column {some(absent)}", where=where)
    if not areas.index.is_unique:
        raise StoreError(f"repeated area ids: {some(areas.index[areas.index.duplicated()])}", where=where)
    if layer.is_grid:
        areas = areas[areas.index.isin(list(shown))]
    areas = areas.sort_index()
    polygons = areas.geometry.to_numpy()
    types = shapely.get_type_id(polygons)
    bad = ~np.isin(types, (3, 6)) | shapely.is_empty(polygons) | ~shapely.is_valid(polygons)
    if bad.any():
        raise GeometryError(
            f"expected valid, non-empty polygons, found others at {some(areas.index[bad])}",
            where=where,
            hint="repair them before they are published",
        )
    stored = _rounded(polygons, METRES, areas.index, where)
    degrees = gpd.GeoSeries(stored, crs=areas.crs).to_crs(CRS84).to_numpy()
    ready = {storage: stored, CRS84: _rounded(degrees, DEGREES, areas.index, where)}
    multi = any((shapely.get_type_id(rounded) == 6).any() for rounded in ready.values())
    ready = {crs: _oriented(ready[crs], multi) for crs in (CRS84, storage)}
    return Shapes(
        layer=layer,
        ids=[str(area) for area in areas.index],
        names=[str(name) for name in areas["name"]],
        context=[bool(flag) for flag in areas["context"]],
        polygons=ready[storage],
        geometry_type="MultiPolygon" if multi else "Polygon",
        storage_crs=storage,
        texts={crs: [str(text) for text in shapely.to_geojson(shapes)] for crs, shapes in ready.items()},
        bounds={crs: shapely.bounds(shapes) for crs, shapes in ready.items()},
    )


def storage_crs(layer: AreaLayer) -> str:
    """Return the CRS of a level as ``AUTHORITY:CODE``.

    Raises
    ------
    CrsError
        It is missing, geographic, or not in metres.
    StoreError
        No authority knows it, so no client could be told which one it is.
    """
    crs = require_projected(layer.areas, f"level {layer.level}")
    authority = crs.to_authority()
    if authority is None:
        raise StoreError(
            f"expected a CRS with an authority code, found {crs.name!r}",
            where=f"level {layer.level}",
            hint="reproject the areas, for example to EPSG:25832",
        )
    return f"{authority[0]}:{authority[1]}"


def _rounded(polygons: NDArray[np.object_], decimals: int, ids: Iterable[str], where: str) -> NDArray[np.object_]:
    """Round coordinates; where that pinches a ring (an isthmus thinner than the step), build valid polygons of it."""
    import shapely

    def to_step(points: NDArray[np.float64]) -> NDArray[np.float64]:
        # Adding zero turns minus zero into zero.
        return np.round(points, decimals) + 0.0

    rounded = np.asarray(shapely.transform(polygons, to_step))
    pinched = ~shapely.is_valid(rounded)
    if pinched.any():
        snapped = shapely.set_precision(np.asarray(polygons)[pinched], 10.0**-decimals)
        rounded[pinched] = shapely.transform(snapped, to_step)
    bad = ~np.isin(shapely.get_type_id(rounded), (3, 6)) | shapely.is_empty(rounded) | ~shapely.is_valid(rounded)
    if bad.any():
        found = some(area for area, flag in zip(ids, bad, strict=True) if flag)
        raise GeometryError(
            f"areas too thin to be published with {decimals} decimals: {found}",
            where=where,
            hint="repair or merge them before they are published",
        )
    return rounded


def _oriented(polygons: NDArray[np.object_], multi: bool) -> NDArray[np.object_]:
    """Turn outer rings counter-clockwise (RFC 7946), and every polygon into a multipolygon where one is."""
    import shapely

    if multi:
        polygons = np.array([p if p.geom_type == "MultiPolygon" else shapely.MultiPolygon([p]) for p in polygons])
    return np.asarray(shapely.orient_polygons(polygons, exterior_cw=False))
