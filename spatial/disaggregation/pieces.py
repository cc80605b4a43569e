"""Pieces: what source and target zones have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Pieces smaller than this share of their source and of their target are artefacts of floating point.
ARTEFACT = 1e-9


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

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Pieces:
        """Return some of the pieces, or all in another order."""
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
    return Pieces(s[kept], t[kept], polygonal(geometry[kept]), area[kept])


def _keys(pairs: NDArray[np.int64], n_target: int) -> NDArray[np.int64]:
    return pairs[0].astype(np.int64) * n_target + pairs[1]


def polygonal(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Drop the points and lines that an intersection leaves beside polygons where borders touch."""
    for position in np.flatnonzero(shapely.get_type_id(geometry) == 7):
        parts = shapely.get_parts(geometry[position])
        geometry[position] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return geometry
