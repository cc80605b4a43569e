"""Geometry of maps: from GeoJSON to metres and outlines, and where letters go. Nothing here draws."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geodata.crs import CRS84
from geodata.errors import ConfigError
from service.cartography.content import MapContent, features_of, is_context

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.path import Path as Outline

#: From how many areas on a map is one of cells: no letters, no line around each, a canvas instead of SVG.
MANY = 1500


@dataclass(frozen=True, slots=True)
class Shapes:
    """Geometry in metres.

    Attributes
    ----------
    areas : list of matplotlib.path.Path
        In the order of the features without context.
    polygons : numpy.ndarray of shapely geometries
        The same.
    context, over : list of matplotlib.path.Path
        What is drawn around and over them.
    outer : list of matplotlib.path.Path
        The rim of all areas together; only where there are many.
    extent : (float, float, float, float)
        West, south, east, north of the areas, with a rim of 3 %.
    """

    areas: list[Outline]
    polygons: Any
    context: list[Outline]
    over: list[Outline]
    outer: list[Outline]
    extent: tuple[float, float, float, float]


def shapes_of(content: MapContent) -> Shapes:
    """Bring the features of a map to metres.

    Parameters
    ----------
    content : MapContent
        The map.

    Returns
    -------
    Shapes
        Outlines ready to be drawn.

    Raises
    ------
    ConfigError
        There is no area, or the projected features are not as many as the others.
    """
    import shapely

    projected = content.features_projected is not None
    plain = features_of(content.features)
    features = plain if content.features_projected is None else features_of(content.features_projected)
    if len(features) != len(plain):
        raise ConfigError(
            f"expected {len(plain)} projected features, found {len(features)}", where="features_projected"
        )
    # Which feature is context is read where the classes are read, so that the two lists stay in step.
    own = _metres([f for f, p in zip(features, plain, strict=True) if not is_context(p)], content, projected)
    near = _metres([f for f, p in zip(features, plain, strict=True) if is_context(p)], content, projected)
    if not len(own):
        raise ConfigError("expected at least one area, found none", where=content.title)
    extra, over = (
        _metres(features_of(text, name), content, False) if text is not None else []
        for text, name in (
            (content.context_features, "context_features"),
            (content.outline_features, "outline_features"),
        )
    )
    west, south, east, north = (float(v) for v in shapely.total_bounds(own))
    rim = 0.03 * max(east - west, north - south)
    return Shapes(
        areas=[outline(g) for g in own],
        polygons=own,
        context=[outline(g) for g in (*near, *extra)],
        over=[outline(g) for g in over],
        outer=[outline(_rim(own))] if len(own) >= MANY else [],
        extent=(west - rim, south - rim, east + rim, north + rim),
    )


def _metres(features: Sequence[Mapping[str, Any]], content: MapContent, projected: bool) -> Any:
    import numpy as np
    import shapely
    from pyproj import Transformer

    found = shapely.from_geojson([json.dumps(f["geometry"]) for f in features])
    if projected or not len(found):
        return found
    transformer = Transformer.from_crs(CRS84, content.projected_crs, always_xy=True)
    return shapely.transform(found, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))


def _rim(polygons: Any) -> Any:
    """Outer border of many cells; half a metre closes the gaps that rounded coordinates leave between them."""
    import shapely

    grown = shapely.union_all(shapely.buffer(polygons, 0.5, join_style="mitre"))
    return shapely.buffer(grown, -0.5, join_style="mitre")


def outline(geometry: Any) -> Outline:
    """Make one path of a polygon or multipolygon; rings are turned so that holes stay open under the non-zero rule."""
    import numpy as np
    import shapely
    from matplotlib.path import Path as Outline

    points: list[npt.NDArray[np.float64]] = []
    codes: list[npt.NDArray[np.uint8]] = []
    for part in shapely.get_parts(shapely.orient_polygons(geometry)):
        for ring in (part.exterior, *part.interiors):
            xy = shapely.get_coordinates(ring)
            code = np.full(len(xy), Outline.LINETO, dtype=np.uint8)
            code[0], code[-1] = Outline.MOVETO, Outline.CLOSEPOLY
            points.append(xy)
            codes.append(code)
    return Outline(np.concatenate(points), np.concatenate(codes))


def room(polygons: Any) -> tuple[Any, Any]:
    """Find where the letters of each area go, and how much room they have.

    Parameters
    ----------
    polygons : array of shapely geometries, shape (n,)
        In plane coordinates.

    Returns
    -------
    points : numpy.ndarray, shape (n, 2)
        Centres of the largest circles inside, to 1 % of the size of the area. Many cells take a point on their surface
        instead, which is as good and a hundred times faster.
    radii : numpy.ndarray, shape (n,)
        Of these circles, in the unit of the coordinates.
    """
    import numpy as np
    import shapely

    size = np.sqrt(shapely.area(polygons))
    if len(polygons) >= MANY:
        return shapely.get_coordinates(shapely.point_on_surface(polygons)), size / 2
    circles = shapely.maximum_inscribed_circle(polygons, tolerance=size * 0.01)
    return shapely.get_coordinates(shapely.get_point(circles, 0)), shapely.length(circles)


def label_points(geometries: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Find where the letters go on a map of longitude and latitude.

    Parameters
    ----------
    geometries : sequence of mapping
        GeoJSON polygons in CRS84.

    Returns
    -------
    list of [float, float, float]
        Latitude, longitude, and the radius of :func:`room` in degrees of longitude.
    """
    import numpy as np
    import shapely

    if not geometries:
        return []
    shapes = shapely.from_geojson([json.dumps(g) for g in geometries])
    _, south, _, north = shapely.total_bounds(shapes)
    squeeze = np.cos(np.radians((south + north) / 2))
    points, radii = room(shapely.transform(shapes, lambda xy: xy * np.array([squeeze, 1.0])))
    found = np.column_stack([points[:, 1], points[:, 0] / squeeze, radii / squeeze])
    return [[round(float(v), 6) for v in row] for row in found]
