"""Rasters: where their cells lie, what they must fulfil, and how much of them lies in a zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geodata.crs import transformable
from geodata.errors import CrsError, SpatialError
from spatial.disaggregation.cell_coverage import cell_coverage
from spatial.disaggregation.checks import require_mass, zone_geometry

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: Edges are cut to this length in metres before they are reprojected, so that they stay where they were.
EDGE = 250.0


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


def on_grid(geometry: NDArray[np.object_], zones_crs: Any, grid: Grid, where: str) -> NDArray[np.object_]:
    """Bring polygons to the CRS of a raster, never the other way round.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        Polygons, shape (K,).
    zones_crs : pyproj.CRS
        Their CRS.
    grid : Grid
        The raster's.
    where : str
        Name of the raster, for the message.

    Returns
    -------
    numpy.ndarray of shapely geometries
        Shape (K,); the same objects where the CRS is the same.

    Raises
    ------
    CrsError
        The polygons cannot be expressed in the raster's CRS.
    """
    import geopandas as gpd

    if grid.crs.equals(zones_crs, ignore_axis_order=True):
        return geometry
    moved = gpd.GeoSeries(shapely.segmentize(geometry, EDGE), crs=zones_crs).to_crs(grid.crs)
    if len(moved) and not np.isfinite(moved.total_bounds).all():
        raise CrsError(
            f"the zones cannot be expressed in the raster's CRS {grid.crs.to_string()}",
            where=where,
            hint="check the CRS of both; one of them is probably wrong",
        )
    return np.array(moved.array, dtype=object)


def checked_grid(shape: tuple[int, ...], transform: Sequence[float], crs: Any, where: str) -> Grid:
    """Check where a raster lies.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    transform : sequence of float
        Affine coefficients (a, b, c, d, e, f).
    crs : str or pyproj.CRS
    where : str
        Name of the raster, for the message.

    Returns
    -------
    Grid

    Raises
    ------
    CrsError
        The CRS is missing or unknown.
    SpatialError
        The raster has no cells, or is rotated.
    """
    if len(shape) != 2 or min(shape) < 1:
        raise SpatialError(f"expected rows and columns, found shape {shape}", where=where, hint="deliver one band")
    if crs is None:
        raise CrsError("the raster has no CRS", where=where, hint="assign the one it was made in, such as EPSG:3035")
    known = transformable(crs, where) if isinstance(crs, str) else crs
    return Grid.of((shape[0], shape[1]), transform, known, where)


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
    columns = array.shape[1]
    grid = checked_grid(array.shape, transform, crs, where)
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
    polygons = on_grid(geometry, zones.crs, grid, names[1])
    zone, cell, fraction, _ = cell_coverage(polygons, masses.shape, grid)
    return pd.Series(np.bincount(zone, masses.ravel()[cell] * fraction, len(zones)), index=zones.index, name="mass")
