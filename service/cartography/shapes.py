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
    places : list of (float, float, float, str)
        Where the names of ``over`` go, the room there in metres, and the name.
    extent : (float, float, float, float)
        West, south, east, north of the areas and what is drawn over them, with a rim of 3 %.
    """

    areas: list[Outline]
    polygons: Any
    context: list[Outline]
    over: list[Outline]
    outer: list[Outline]
    places: list[tuple[float, float, float, str]]
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
    west, south, east, north = (float(v) for v in shapely.total_bounds([*own, *over]))
    rim = 0.03 * max(east - west, north - south)
    return Shapes(
        areas=[outline(g) for g in own],
        polygons=own,
        context=[outline(g) for g in (*near, *extra)],
        over=[outline(g) for g in over],
        outer=[outline(g) for g in clumps(own)] if len(own) >= MANY else [],
        places=_places(over, content),
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


def _places(over: Any, content: MapContent) -> list[tuple[float, float, float, str]]:
    if content.outline_features is None or not len(over):
        return []
    names = [
        str((f.get("properties") or {}).get("name") or "")
        for f in features_of(content.outline_features, "outline_features")
    ]
    points, radii = room(over)
    return [(float(x), float(y), float(r), name) for (x, y), r, name in zip(points, radii, names, strict=True) if name]


def clumps(cells: Any) -> Any:
    """Join cells that touch or nearly do into simple shapes, gaps of up to two cells closed and holes filled.

    Parameters
    ----------
    cells : array of shapely geometries, shape (n,)
        In plane coordinates.

    Returns
    -------
    numpy.ndarray of shapely polygons
        For a line around many cells, or one short code on a cluster of them; not for measuring.
    """
    import numpy as np
    import shapely

    reach = float(np.median(np.sqrt(shapely.area(cells)))) * 1.01
    grown = shapely.union_all(shapely.buffer(cells, reach, join_style="mitre", cap_style="square"))
    closed = shapely.get_parts(shapely.buffer(grown, -reach, join_style="mitre"))
    return shapely.polygons(shapely.get_exterior_ring(closed))


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


def letter_spots(polygons: Any, classes: Sequence[int], lettered: Sequence[int]) -> list[tuple[float, ...]]:
    """Find where the short codes of classes go.

    Parameters
    ----------
    polygons : array of shapely geometries, shape (n,)
        In plane coordinates.
    classes : sequence of int, length n
        Class index of each.
    lettered : sequence of int
        The classes that have a code.

    Returns
    -------
    list of (x, y, radius, class index)
        One per area, or, where there are many, one per clump of cells of the same class.
    """
    import numpy as np

    spots: list[tuple[float, ...]] = []
    of = np.asarray(classes)
    for index in lettered:
        members = polygons[of == index]
        if len(members) and len(polygons) >= MANY:
            members = clumps(members)
        if len(members):
            points, radii = room(members)
            spots += [(float(x), float(y), float(r), index) for (x, y), r in zip(points, radii, strict=True)]
    return spots


def plane(geometries: Sequence[Mapping[str, Any]]) -> tuple[Any, float]:
    """Bring polygons of longitude and latitude to a plane where circles are round.

    Parameters
    ----------
    geometries : sequence of mapping
        GeoJSON polygons in CRS84.

    Returns
    -------
    polygons : numpy.ndarray of shapely geometries
        With longitudes multiplied by the second value.
    squeeze : float
        Cosine of the middle latitude.
    """
    import numpy as np
    import shapely

    shapes = shapely.from_geojson([json.dumps(g) for g in geometries])
    if not len(shapes):
        return shapes, 1.0
    _, south, _, north = shapely.total_bounds(shapes)
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    return shapely.transform(shapes, lambda xy: xy * np.array([squeeze, 1.0])), squeeze
