"""What zones and ancillary data must fulfil before anything is computed from them; every refusal names a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from geodata.crs import require_projected
from geodata.errors import AreaKeyError, GeometryError, SpatialError, some

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: Shapely's type ids of Polygon and MultiPolygon.
POLYGONAL = (3, 6)


def require_ids(ids: pd.Index, where: str) -> None:
    """Refuse an index that does not name every row once.

    Parameters
    ----------
    ids : pandas.Index
        Ids of areas.
    where : str
        Which layer or Series, for the message.

    Raises
    ------
    AreaKeyError
        An id is missing or repeated.
    """
    if ids.hasnans:
        raise AreaKeyError(
            f"expected an id for every row, found {np.count_nonzero(ids.isna())} without",
            where=where,
            hint="set the column with the area ids as index and drop rows without an id",
        )
    if not ids.is_unique:
        raise AreaKeyError(
            f"expected every id once, found repeated: {some(ids[ids.duplicated()].unique())}",
            where=where,
            hint="dissolve the parts of one area, or drop the duplicates",
        )


def zone_geometry(zones: gpd.GeoDataFrame, where: str, *, tolerance: float) -> NDArray[np.object_]:
    """Check a layer of zones and return its geometry.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        Zones, indexed by area id, in a projected CRS in metres.
    where : str
        Name of the layer, for the message.
    tolerance : float
        A zone whose own parts overlap by at most this share of its area (slivers of digitising) is united; one that
        overlaps itself by more is refused.

    Returns
    -------
    numpy.ndarray of shapely geometries
        Valid Polygons and MultiPolygons, shape (n,).

    Raises
    ------
    CrsError
        The CRS is missing, geographic or not in metres.
    AreaKeyError
        An id is missing or repeated.
    GeometryError
        A geometry is missing, empty, not polygonal or invalid.
    SpatialError
        The layer has no zone.
    """
    if len(zones) == 0:
        raise SpatialError("expected at least one zone, found none", where=where, hint="check the filter of the layer")
    require_projected(zones, where)
    require_ids(zones.index, where)
    geometry = np.array(zones.geometry.array, dtype=object)
    absent = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    if absent.any():
        raise GeometryError(
            f"expected a geometry for every zone, found none for {some(zones.index[absent])}",
            where=where,
            hint="drop these zones or deliver their boundaries",
        )
    other = ~np.isin(shapely.get_type_id(geometry), POLYGONAL)
    if other.any():
        raise GeometryError(
            f"expected polygons, found {geometry[other][0].geom_type} for {some(zones.index[other])}",
            where=where,
            hint="use the layer of areas, not of points or lines",
        )
    for position in np.flatnonzero(~shapely.is_valid(geometry)):
        united = _united(geometry[position], tolerance)
        if united is None:
            raise GeometryError(
                f"invalid geometry of {zones.index[position]}: {shapely.is_valid_reason(geometry[position])}",
                where=where,
                hint="repair it where it was made, or with shapely.make_valid, and check the result on a map",
            )
        geometry[position] = united
    return geometry


def _united(geometry: shapely.Geometry, tolerance: float) -> shapely.Geometry | None:
    """Unite parts that are valid one by one and overlap or touch only by slivers; None if that is not the trouble."""
    parts = shapely.get_parts(geometry)
    if len(parts) < 2 or not shapely.is_valid(parts).all():
        return None
    union = shapely.union_all(parts)
    surplus = float(shapely.area(parts).sum() - union.area)
    return union if surplus <= tolerance * union.area else None


def refuse_overlaps(geometry: NDArray[np.object_], ids: pd.Index, where: str, *, tolerance: float) -> None:
    """Refuse zones that overlap each other by more than slivers.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        Valid polygons, shape (n,).
    ids : pandas.Index
        Their ids.
    where : str
        Name of the layer, for the message.
    tolerance : float
        Largest share of a zone's own area that may lie in other zones of the layer.

    Raises
    ------
    SpatialError
        Some zone shares more than that: a total handed to both would be counted twice.
    """
    left, right = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    pairs = left < right
    left, right = left[pairs], right[pairs]
    # Cells of a grid and other neighbours that merely touch need no intersection: their bounding boxes share no area.
    a, b = shapely.bounds(geometry[left]), shapely.bounds(geometry[right])
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    near = (width > 0) & (height > 0)
    left, right = left[near], right[near]
    shared = shapely.area(shapely.intersection(geometry[left], geometry[right]))
    twice = np.bincount(left, shared, len(ids)) + np.bincount(right, shared, len(ids))
    share = twice / shapely.area(geometry)
    if (share > tolerance).any():
        worst = np.argsort(-share, kind="stable")
        worst = worst[share[worst] > tolerance]
        raise SpatialError(
            f"expected zones that do not overlap, found {len(worst)} that share more than {tolerance:.2%} of their area"
            f" with others: {some(f'{ids[i]} ({share[i]:.1%})' for i in worst)}",
            where=where,
            hint="remove duplicates and superseded areas, or mend the boundaries; totals would be counted twice",
        )


def require_mass(values: NDArray[np.float64], place: Callable[[int], object], where: str) -> NDArray[np.float64]:
    """Check ancillary mass and return it with NaN as 0: no mass is known there.

    Parameters
    ----------
    values : numpy.ndarray
        Masses, shape (n,).
    place : callable
        What to call the value at a position in the message.
    where : str
        Name of the ancillary data, for the message.

    Returns
    -------
    numpy.ndarray
        Non-negative finite masses, shape (n,).

    Raises
    ------
    SpatialError
        A mass is negative or infinite, or there is none anywhere.
    """
    if len(values) and values.min() >= 0 and 0 < values.max() < np.inf:  # as it should be; NaN compares as False
        return values.copy()
    bad = (values < 0) | np.isinf(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise SpatialError(
            f"expected values of at least 0, found {int(bad.sum())} that are negative or infinite, the first at "
            f"{place(first)}: {values[first]:g}",
            where=where,
            hint="negative values are often signs for 'no value' (such as -1 or -9999): read them as missing",
        )
    mass = np.where(np.isnan(values), 0.0, values)
    if not mass.any():
        raise SpatialError(
            f"expected ancillary mass, found {len(values)} values that are all zero or missing",
            where=where,
            hint="check that it shows the same region as the zones and that the right column or band was read",
        )
    return mass
