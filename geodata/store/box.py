"""Whether a polygon meets a box, exactly and without a geometry library.

The serving process has no GEOS. The R-tree of ``serve.sqlite`` finds the candidates; only those whose own box is not
wholly inside the query box (the ones along its border) come here, so a few dozen polygons a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction

from geodata.store.query import BBox

Ring = list[list[float]]

#: Largest relative rounding error of the orientation determinant (Shewchuk 1997, "Adaptive precision floating-point
#: arithmetic and fast robust geometric predicates", ccwerrboundA = (3 + 16ε)ε with ε = 2⁻⁵³).
_ERROR_BOUND = 3.3306690738754716e-16


def meets(geometry: str, box: BBox) -> bool:
    """Tell whether a GeoJSON polygon or multipolygon has a point in common with a closed box.

    Touching counts, as in the predicate *intersects* of Simple Features. The answer is exact for the coordinates as
    written: an edge and a corner too close to call in floating point are decided with rational numbers.

    Parameters
    ----------
    geometry : str
        GeoJSON geometry of type Polygon or MultiPolygon.
    box : tuple of four float
        minx, miny, maxx, maxy, with minimum ≤ maximum.

    Returns
    -------
    bool
        True where they meet.

    Examples
    --------
    >>> square = '{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,2],[0,2],[0,0]]]}'
    >>> meets(square, (2, 2, 3, 3)), meets(square, (2.1, 0, 3, 3))
    (True, False)
    """
    parsed = json.loads(geometry)
    polygons = [parsed["coordinates"]] if parsed["type"] == "Polygon" else parsed["coordinates"]
    rings: list[Ring] = [ring for polygon in polygons for ring in polygon]
    if any(_edge_meets(ring, box) for ring in rings):
        return True
    # No border crosses the box, so it lies wholly inside or outside: one corner tells, holes by even-odd counting.
    return sum(_crossings(ring, box[0], box[1]) for ring in rings) % 2 == 1


def _edges(ring: Ring) -> Iterator[tuple[float, float, float, float]]:
    ax, ay = ring[0][:2]
    for point in ring[1:]:
        bx, by = point[:2]
        yield ax, ay, bx, by
        ax, ay = bx, by


def _edge_meets(ring: Ring, box: BBox) -> bool:
    minx, miny, maxx, maxy = box
    for ax, ay, bx, by in _edges(ring):
        if (ax < minx and bx < minx) or (ax > maxx and bx > maxx):
            continue
        if (ay < miny and by < miny) or (ay > maxy and by > maxy):
            continue
        # The boxes of edge and query overlap; by the separating axis theorem the two then meet unless all four corners
        # lie strictly on one side of the edge's line.
        sides = [_side(ax, ay, bx, by, x, y) for x, y in ((minx, miny), (maxx, miny), (maxx, maxy), (minx, maxy))]
        if min(sides) <= 0 <= max(sides):
            return True
    return False


def _crossings(ring: Ring, x: float, y: float) -> int:
    """Count the edges that a ray from (x, y) to the east crosses; the point lies on none of them."""
    count = 0
    for ax, ay, bx, by in _edges(ring):
        if (ay > y) != (by > y) and (_side(ax, ay, bx, by, x, y) > 0) == (by > ay):
            count += 1
    return count


def _side(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    """Sign of the turn a → b → (x, y): 1 left, −1 right, 0 on the line."""
    left, right = (ax - x) * (by - y), (ay - y) * (bx - x)
    turn = left - right
    if abs(turn) > _ERROR_BOUND * (abs(left) + abs(right)):
        return 1 if turn > 0 else -1
    fx, fy = Fraction(x), Fraction(y)
    exact = (Fraction(ax) - fx) * (Fraction(by) - fy) - (Fraction(ay) - fy) * (Fraction(bx) - fx)
    return (exact > 0) - (exact < 0)
