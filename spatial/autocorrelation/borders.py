"""Which areas meet: borders that fit to a hair, and what overlaps by more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: Metres by which two borders that are one may miss each other: coordinates are often rounded to centimetres.
HAIR = 0.01
#: The same in degrees, about a centimetre.
HAIR_DEGREES = 1e-7
#: Never more than this share of the side of a typical area: a layer may be that of a room.
_SHARE = 1e-4
#: Borders that do not fit are an edge, not a corner, from so many hairs on: two borders that leave a corner at half a
#: degree are as near to each other for so long.
_EDGE = 100.0
#: Areas that share more than this of the smaller one do not overlap by a trifle; and of both, they are one area twice.
TRIFLE, SAME = 0.01, 0.99


def hair(areas: gpd.GeoDataFrame) -> float:
    """Return by how much borders may miss each other, in the units of the layer.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons; without a CRS their units are taken for metres.

    Returns
    -------
    float
        A centimetre, less where areas are smaller than 100 m across.
    """
    shapes = areas.geometry.to_numpy()
    if areas.crs is None:
        widest = HAIR
    elif areas.crs.is_geographic:
        widest = HAIR_DEGREES
    else:
        widest = HAIR / areas.crs.axis_info[0].unit_conversion_factor
    side = float(np.median(np.sqrt(shapely.area(shapes)))) if len(shapes) else 0.0
    return min(widest, _SHARE * side)


def meeting(areas: gpd.GeoDataFrame, *, rook: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the pairs of areas that share a border, or at least a point.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Valid polygons.
    rook : bool
        Only those that share an edge.

    Returns
    -------
    first, second : numpy.ndarray of int, shape (p,)
        Positions, every pair once with ``first < second``, sorted.

    Notes
    -----
    Where the borders of two areas are exactly one, the topology (DE-9IM) decides. Where they overlap, or miss each
    other by at most :func:`hair`, they meet as well; their border is an edge where that of one runs inside the other,
    or as near to it, for at least a hundred times as long.
    """
    shapes = areas.geometry.to_numpy()
    reach = hair(areas)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach)
    once = first < second
    first, second = first[once], second[once]
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    if rook and len(first):
        # Interiors apart and a line in common: an edge beyond doubt.
        edge = shapely.relate_pattern(shapes[first], shapes[second], "F***1****")
        doubt = np.flatnonzero(~edge)
        near = shapely.intersection(
            shapely.boundary(shapes[first[doubt]]), shapely.buffer(shapes[second[doubt]], reach, quad_segs=2)
        )
        edge[doubt] = shapely.length(near) >= _EDGE * reach if reach > 0 else shapely.length(near) > 0
        first, second = first[edge], second[edge]
    return first, second


def overlaps(areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """List the pairs of areas that overlap by more than a trifle.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons indexed by area id; other geometries, and invalid ones, overlap nothing.

    Returns
    -------
    pandas.DataFrame
        Columns ``first``, ``second`` (ids), ``share`` (of the smaller area, more than :data:`TRIFLE`) and ``same``
        (both share more than :data:`SAME`: one area twice), the largest share first.
    """
    shapes: Any = areas.geometry.to_numpy()
    size = np.where(shapely.is_valid(shapes), shapely.area(shapes), 0.0)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    once = (first < second) & (size[first] > 0) & (size[second] > 0)
    first, second = first[once], second[once]
    # Cells of a grid and other neighbours that merely touch need no intersection: their bounding boxes share no area.
    a, b = shapely.bounds(shapes[first]), shapely.bounds(shapes[second])
    inside = (np.minimum(a[:, 2:], b[:, 2:]) > np.maximum(a[:, :2], b[:, :2])).all(axis=1)
    first, second = first[inside], second[inside]
    inside = ~shapely.touches(shapes[first], shapes[second])
    first, second = first[inside], second[inside]
    common = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    smaller, larger = np.minimum(size[first], size[second]), np.maximum(size[first], size[second])
    found = pd.DataFrame(
        {
            "first": areas.index[first],
            "second": areas.index[second],
            "share": common / smaller,
            "same": common > SAME * larger,
        }
    )
    return found[found["share"] > TRIFLE].sort_values("share", ascending=False, kind="stable", ignore_index=True)
