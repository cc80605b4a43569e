"""Which cells of a raster a polygon covers, and what share of each: exact, for all polygons at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.coverage import Grid

#: Shares below this, of the cell and of the polygon, are rounding where borders touch.
NOISE = 1e-9


class Coverage(NamedTuple):
    """What polygons cover of a raster.

    Attributes
    ----------
    polygon, cell : numpy.ndarray of int64
        Position of the polygon and flat number (row × columns + column) of the cell, shape (K,); sorted by polygon,
        then from north to south and west to east.
    fraction : numpy.ndarray of float64
        Share of the cell that the polygon covers, above 0 and at most 1, shape (K,).
    inside : numpy.ndarray of float64
        Number of cells that each polygon covers, in fractions, whether asked for or not, shape (n,).
    """

    polygon: NDArray[np.int64]
    cell: NDArray[np.int64]
    fraction: NDArray[np.float64]
    inside: NDArray[np.float64]


def cell_coverage(
    polygons: NDArray[np.object_], shape: tuple[int, int], grid: Grid, cells: NDArray[np.int64] | None = None
) -> Coverage:
    """Find which cells every polygon covers, and how much of each.

    Parameters
    ----------
    polygons : numpy.ndarray of shapely geometries
        Valid Polygons and MultiPolygons in the CRS of the raster, shape (n,); they may reach beyond it.
    shape : tuple of int
        Rows and columns.
    grid : Grid
        Where the raster lies.
    cells : numpy.ndarray of int64, optional
        Flat numbers of the cells asked for, ascending; default all.

    Returns
    -------
    Coverage

    Notes
    -----
    The signed-area accumulation of anti-aliasing rasterisers (Catmull 1978, "A hidden-surface algorithm with
    anti-aliasing"; as in FreeType's *smooth* renderer), for all edges at once. Every edge is cut where it crosses a row
    or a column of the grid. A piece from (u, v) to (u', v') in one cell, in units of cells, adds dv = v' - v to the
    *cover* of every cell to its right in the row, and dv · (1 - mean distance from the cell's left side) to its own.
    Summed from left to right this is the covered share, and constant between two cells that such edges pass, so that
    the work grows with the outlines, not with the area of the raster.

    Ordinates are rounded to a power of two small enough that their sums are exact: the result for a polygon does not
    depend on the others, and an edge adds the same to the polygons on both of its sides.
    """
    rows, columns = shape
    polygon, row, column, cover, own = _accumulated(polygons, shape, grid)
    left = np.cumsum(cover) - cover
    share = np.minimum(left + own, 1.0)
    # Up to the next cell that an edge passes all cells are as full as the sum so far; it is exact, so that empty is 0.
    full = np.clip(left + cover, 0.0, 1.0)
    follows = np.diff(polygon * rows + row, append=-1) == 0
    gap = np.where(follows, np.append(column[1:], 0) - column - 1, 0)
    run = np.where(full > NOISE, gap, 0)
    size = np.where(column < columns, share, 0.0) + run * full
    inside = np.bincount(polygon, size, len(polygons)).astype(np.float64)
    real = (column < columns) & (share > NOISE * np.minimum(1.0, inside[polygon]))

    # The cells of each such stretch: the one that an edge passes, unless that is noise, and those after it.
    start = row * columns + column + ~real
    stop = row * columns + np.minimum(column + 1, columns) + run
    wanted = None
    if cells is not None:
        wanted = np.sort(_turned(cells, shape)) if grid.flipped else cells
        start_at, stop_at = np.searchsorted(wanted, start), np.searchsorted(wanted, stop)
    else:
        start_at, stop_at = start, stop
    number = np.maximum(stop_at - start_at, 0)
    at = np.repeat(np.arange(len(start)), number)
    cell = np.arange(len(at)) + np.repeat(start_at - (np.cumsum(number) - number), number)
    if wanted is not None:
        cell = wanted[cell]
    fraction = np.where((cell == start[at]) & real[at], share[at], full[at])
    return Coverage(polygon[at], _turned(cell, shape) if grid.flipped else cell, fraction, inside)


def _accumulated(
    polygons: NDArray[np.object_], shape: tuple[int, int], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Add up cover and own share in every cell that an edge passes; return polygon, row, column, cover, own.

    The cells are sorted; column -1 does not occur, and the column after the last stands for all beyond it.
    """
    rows, columns = shape
    # As many binary digits after the point as leave every sum of ordinates exact in 53 bits.
    digits = 2.0 ** (50 - int(rows).bit_length())
    polygon, sign, u, v = _edges(polygons, shape, grid, digits)
    low = np.clip(v, 0, rows)
    slope = (u[:, 1] - u[:, 0]) / (v[:, 1] - v[:, 0])
    u = np.where(low == v, u, u[:, :1] + (low - v[:, :1]) * slope[:, None])
    kept = low[:, 0] < low[:, 1]
    polygon, sign, u, v = polygon[kept], sign[kept], u[kept], low[kept]

    at, row, v, u = _cut(v, u)
    polygon, sign = polygon[at], sign[at]
    # Left of the raster an edge covers whole rows, right of it nothing: beyond the borders no cuts are needed.
    at, column, u, v = _cut(u, v, limit=columns)
    polygon, sign, row = polygon[at], sign[at], row[at]
    v = np.rint(v * digits) / digits
    cover = sign * (v[:, 1] - v[:, 0])
    own = cover * (1.0 - np.clip(u.mean(axis=1) - column, 0.0, 1.0))

    key = (polygon * rows + row) * (columns + 1) + column
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    if len(first):
        cover, own = np.add.reduceat(cover[order], first), np.add.reduceat(own[order], first)
    cell = order[first]
    return polygon[cell], row[cell], column[cell], cover, own


def _edges(
    polygons: NDArray[np.object_], shape: tuple[int, int], grid: Grid, digits: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return polygon, sign and ends (u, v), from north to south, of all edges that are not horizontal.

    The sign is 1 where the polygon lies east of the edge.
    """
    rows, columns = shape
    parts, polygon = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    u = (xy[:, 0] - grid.west) * (columns / (grid.east - grid.west))
    v = np.rint((grid.north - xy[:, 1]) * (rows / (grid.north - grid.south)) * digits) / digits

    same = np.flatnonzero(ring[1:] == ring[:-1])
    ring = ring[same]
    u, v = np.stack([u[same], u[same + 1]], axis=1), np.stack([v[same], v[same + 1]], axis=1)
    # Which way a ring runs; taken from its first vertex, so that small rings lose no digits.
    middle = u.mean(axis=1) - u[np.searchsorted(ring, ring), 0]
    turn = np.bincount(ring, middle * (v[:, 1] - v[:, 0]), len(rings))
    outer = np.diff(part, prepend=-1) != 0
    sign = np.where((turn < 0) == outer, 1.0, -1.0)[ring]

    falls = v[:, 0] != v[:, 1]
    turned = v[:, 0] > v[:, 1]
    u[turned], v[turned] = u[turned, ::-1], v[turned, ::-1]
    sign[turned] *= -1.0
    return polygon[part[ring[falls]]], sign[falls], u[falls], v[falls]


def _cut(
    a: NDArray[np.float64], b: NDArray[np.float64], limit: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cut segments where their ordinate ``a`` is an integer, at least 0 and at most ``limit`` if that is given.

    Returns
    -------
    at, band : numpy.ndarray of int64
        Segment that each piece is from, and the integer below it: its row or column.
    a, b : numpy.ndarray of float64
        Ordinates of the ends of the pieces, shape (n, 2), in the direction of the segment.
    """
    first, last = np.floor(a.min(axis=1)) + 1, np.ceil(a.max(axis=1)) - 1  # integers strictly between the ends
    if limit is not None:
        first, last = np.maximum(first, 0), np.minimum(last, limit)
    cuts = np.maximum(last - first + 1, 0).astype(np.int64)
    number = cuts + 1
    at = np.repeat(np.arange(len(a)), number)
    nth = np.arange(len(at)) - np.repeat(np.cumsum(number) - number, number)
    line = np.where((a[:, 0] <= a[:, 1])[at], first[at] + nth, last[at] - nth)
    span = a[:, 1] - a[:, 0]
    # Only a segment that is cut needs its slope; the span of another may be too small to divide by.
    slope = np.divide(b[:, 1] - b[:, 0], span, out=np.zeros_like(span), where=cuts > 0)
    more = nth < cuts[at]
    ends, others = np.empty((len(at), 2)), np.empty((len(at), 2))
    ends[:, 1] = np.where(more, line, a[at, 1])
    others[:, 1] = np.where(more, b[at, 0] + (line - a[at, 0]) * slope[at], b[at, 1])
    ends[1:, 0], others[1:, 0] = ends[:-1, 1], others[:-1, 1]
    start = nth == 0
    ends[start, 0], others[start, 0] = a[:, 0], b[:, 0]
    band = np.floor(ends.min(axis=1))
    if limit is not None:
        band = np.clip(band, 0, limit)
    return at, band.astype(np.int64), ends, others


def _turned(cell: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Count rows from the other edge: from south to north becomes from north to south, and back."""
    row, column = np.divmod(cell, shape[1])
    return (shape[0] - 1 - row) * shape[1] + column
