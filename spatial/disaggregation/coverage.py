"""Pieces: what source and target zones have in common, and how much of a raster lies in a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geodata.crs import transformable
from geodata.errors import CrsError, SpatialError
from spatial.disaggregation.checks import require_mass, zone_geometry

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: Pieces smaller than this share of their source and of their target are artefacts of floating point.
ARTEFACT = 1e-9
#: Edges are cut to this length in metres before they are reprojected, so that they stay where they were.
EDGE = 250.0


@dataclass(frozen=True, slots=True)
class Pieces:
    """The non-empty intersections of source and target zones.

    Attributes
    ----------
    source, target : numpy.ndarray
        Positions of the two zones of each piece, int64, shape (K,); every pair occurs once.
    geometry : numpy.ndarray of shapely geometries
        Polygonal, shape (K,).
    area : numpy.ndarray
        Square metres, shape (K,).
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    geometry: NDArray[np.object_]
    area: NDArray[np.float64]

    def take(self, kept: NDArray[np.bool_]) -> Pieces:
        """Return some of the pieces."""
        return Pieces(self.source[kept], self.target[kept], self.geometry[kept], self.area[kept])


def intersect(source: NDArray[np.object_], target: NDArray[np.object_]) -> Pieces:
    """Intersect every source zone with every target zone.

    Parameters
    ----------
    source, target : numpy.ndarray of shapely geometries
        Valid polygons in one projected CRS, shapes (S,) and (T,).

    Returns
    -------
    Pieces
        Sorted by target, then source. A target that lies within one source is its own piece, bit for bit, and so is a
        source within a target; only zones that cross each other are cut.
    """
    tree = shapely.STRtree(target)
    pairs = tree.query(source, predicate="intersects")
    inside = _keys(tree.query(source, predicate="covers"), len(target))
    around = _keys(tree.query(source, predicate="covered_by"), len(target))
    keys = np.sort(_keys(pairs, len(target)))
    s, t = np.divmod(keys, len(target))
    geometry = np.empty(len(keys), dtype=object)
    whole_target = np.isin(keys, inside)
    whole_source = np.isin(keys, around) & ~whole_target
    cut = ~whole_target & ~whole_source
    geometry[whole_target] = target[t[whole_target]]
    geometry[whole_source] = source[s[whole_source]]
    geometry[cut] = shapely.intersection(source[s[cut]], target[t[cut]])
    area = shapely.area(geometry)
    # In shared borders rounding leaves slivers; a piece is real if either zone would miss it.
    smaller = np.minimum(shapely.area(source)[s], shapely.area(target)[t])
    kept = np.flatnonzero(area > ARTEFACT * smaller)
    kept = kept[np.lexsort((s[kept], t[kept]))]
    return Pieces(s[kept], t[kept], _polygonal(geometry[kept]), area[kept])


def _keys(pairs: NDArray[np.int64], n_target: int) -> NDArray[np.int64]:
    return pairs[0].astype(np.int64) * n_target + pairs[1]


def _polygonal(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Drop the points and lines that an intersection leaves beside polygons where borders touch."""
    for position in np.flatnonzero(shapely.get_type_id(geometry) == 7):
        parts = shapely.get_parts(geometry[position])
        geometry[position] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return geometry


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells of a raster lie: north-up, columns to the east.

    Attributes
    ----------
    west, south, east, north : float
        Bounds in units of the CRS.
    crs : pyproj.CRS
    flipped : bool
        The rows were delivered from south to north and must be turned.
    """

    west: float
    south: float
    east: float
    north: float
    crs: Any
    flipped: bool

    @classmethod
    def of(cls, shape: tuple[int, int], transform: Sequence[float], crs: Any, where: str) -> Grid:
        """Make it from a shape (rows, columns), affine coefficients (a, b, c, d, e, f) and a CRS.

        Raises
        ------
        SpatialError
            The raster is rotated, sheared, mirrored or has cells without extent.
        """
        a, b, c, d, e, f = (float(x) for x in tuple(transform)[:6])
        if b or d or a <= 0 or e == 0:
            raise SpatialError(
                f"expected a raster without rotation whose columns run east, found the transform {(a, b, c, d, e, f)}",
                where=where,
                hint="warp it to an upright grid first, for example with gdalwarp",
            )
        rows, columns = shape
        return cls(c, min(f, f + e * rows), c + a * columns, max(f, f + e * rows), crs, e > 0)


def raster_sums(
    geometry: NDArray[np.object_], zones_crs: Any, rasters: Sequence[NDArray[np.float64]], grid: Grid, where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum rasters over polygons by exact coverage fractions.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        Polygons, shape (K,).
    zones_crs : pyproj.CRS
        Their CRS; polygons are brought to the raster's CRS, never the other way round.
    rasters : sequence of numpy.ndarray
        Rasters on one grid without NaN, each of shape (rows, columns).
    grid : Grid
        Where they lie.
    where : str
        Name of the raster, for the message.

    Returns
    -------
    sums : numpy.ndarray
        Sum of value × covered fraction, shape (len(rasters), K); 0 where a polygon lies outside the raster.
    extent : numpy.ndarray
        Share of each polygon that lies inside the raster's bounds, shape (K,).

    Raises
    ------
    CrsError
        The polygons cannot be expressed in the raster's CRS.

    Notes
    -----
    Baston, D.: exactextract (https://isciences.github.io/exactextract/) computes the fraction of every cell that a
    polygon covers by walking its edges through the grid.
    """
    import geopandas as gpd
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    if not len(geometry):
        return np.zeros((len(rasters), 0)), np.zeros(0)
    if grid.crs.equals(zones_crs, ignore_axis_order=True):
        polygons = gpd.GeoSeries(geometry, crs=grid.crs)
    else:
        polygons = gpd.GeoSeries(shapely.segmentize(geometry, EDGE), crs=zones_crs).to_crs(grid.crs)
    if not np.isfinite(polygons.total_bounds).all():
        raise CrsError(
            f"the zones cannot be expressed in the raster's CRS {grid.crs.to_string()}",
            where=where,
            hint="check the CRS of both; one of them is probably wrong",
        )
    bounds = (grid.west, grid.south, grid.east, grid.north)
    upright = [np.ascontiguousarray(values[::-1] if grid.flipped else values) for values in rasters]
    wkt = grid.crs.to_wkt()
    sources = [NumPyRasterSource(v, *bounds, name=f"raster{i}", srs_wkt=wkt) for i, v in enumerate(upright)]
    table = exact_extract(sources, gpd.GeoDataFrame(geometry=polygons), ["sum", "count"], output="pandas")
    names = ["sum"] if len(rasters) == 1 else [f"raster{i}_sum" for i in range(len(rasters))]
    count = table["count" if len(rasters) == 1 else "raster0_count"].to_numpy(dtype=np.float64)
    rows, columns = rasters[0].shape
    cell = (grid.east - grid.west) * (grid.north - grid.south) / (rows * columns)
    extent = np.minimum(count * cell / shapely.area(np.array(polygons.array, dtype=object)), 1.0)
    return table[names].to_numpy(dtype=np.float64).T, extent


def checked_raster(
    values: NDArray[Any], transform: Sequence[float], crs: Any, where: str
) -> tuple[NDArray[np.float64], Grid]:
    """Check a raster of masses and say where it lies.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (rows, columns); NaN is no mass.
    transform : sequence of float
        Affine coefficients (a, b, c, d, e, f).
    crs : str or pyproj.CRS
    where : str
        Name of the raster, for the message.

    Returns
    -------
    masses : numpy.ndarray
        float64, NaN as 0.
    grid : Grid

    Raises
    ------
    CrsError
        The CRS is missing or unknown.
    SpatialError
        The raster is not of two dimensions, rotated, negative, infinite, or has no mass.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise SpatialError(
            f"expected a raster of rows and columns, found shape {array.shape}", where=where, hint="deliver one band"
        )
    rows, columns = array.shape
    if crs is None:
        raise CrsError("the raster has no CRS", where=where, hint="assign the one it was made in, such as EPSG:3035")
    grid = Grid.of((rows, columns), transform, transformable(crs, where) if isinstance(crs, str) else crs, where)
    masses = require_mass(array.ravel(), lambda i: f"row {i // columns} column {i % columns}", where)
    return masses.reshape(array.shape), grid


def zonal_sums(
    zones: gpd.GeoDataFrame,
    values: NDArray[Any],
    transform: Sequence[float],
    crs: Any,
    *,
    names: tuple[str, str] = ("zones", "ancillary raster"),
) -> pd.Series:
    """Sum a raster over zones by exact coverage fractions.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        Zones indexed by area id, in a projected CRS; they may overlap.
    values, transform, crs
        The raster, see :func:`checked_raster`.
    names : tuple of str
        What to call zones and raster in messages.

    Returns
    -------
    pandas.Series
        Mass of every zone, indexed by area id.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        Zones or raster are not what is expected.
    """
    masses, grid = checked_raster(values, transform, crs, names[1])
    geometry = zone_geometry(zones, names[0], tolerance=0.0)
    sums, _ = raster_sums(geometry, zones.crs, [masses], grid, names[1])
    return pd.Series(sums[0], index=zones.index, name="mass")
