"""Which cells of a raster a polygon covers, and what share of each: exact, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from spatial.disaggregation.pieces import polygonal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.coverage import Grid
#: Coverage fractions are single precision; what is smaller, of the cell and of the zone, is noise of touching borders.
NOISE = 1e-6
#: Rows and columns of the windows in which a large raster is worked through: four million cells at a time.
WINDOW = 2048


def cell_coverage(
    polygons: NDArray[np.object_], shape: tuple[int, int], grid: Grid, cells: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Find which cells every polygon covers, and how much of each.

    Parameters
    ----------
    polygons : numpy.ndarray of shapely geometries
        In the CRS of the raster, shape (n,).
    shape : tuple of int
        Rows and columns.
    grid : Grid
        Where the raster lies.
    cells : numpy.ndarray of int64, optional
        Flat numbers of the cells asked for, ascending; default all.

    Returns
    -------
    polygon, cell : numpy.ndarray of int64
        Position of the polygon and flat number of the cell in the raster as delivered, shape (K,), sorted by polygon.
    fraction : numpy.ndarray of float64
        Share of the cell, shape (K,).
    inside : numpy.ndarray of float64
        Number of cells, in fractions, that each polygon covers of the whole raster, asked for or not, shape (n,).

    Notes
    -----
    A large raster is worked through window by window, and nothing of its size is ever held.
    """
    rows, columns = shape
    inside = np.zeros(len(polygons))
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    bounds = shapely.bounds(polygons)
    dx, dy = (grid.east - grid.west) / columns, (grid.north - grid.south) / rows
    step = (rows, columns) if rows * columns <= 2 * WINDOW**2 else (WINDOW, WINDOW)
    wanted = None if cells is None else _by_window(cells, shape, step, grid.flipped)
    for top in range(0, rows, step[0]):
        for left in range(0, columns, step[1]):
            size = (min(step[0], rows - top), min(step[1], columns - left))
            west, north = grid.west + left * dx, grid.north - top * dy
            frame = (west, north - size[0] * dy, west + size[1] * dx, north)
            near = (bounds[:, 0] < frame[2]) & (bounds[:, 2] > frame[0])
            these = np.flatnonzero(near & (bounds[:, 1] < frame[3]) & (bounds[:, 3] > frame[1]))
            parts = _clipped(polygons[these], bounds[these], frame)
            real = shapely.area(parts) > 0
            these, parts = these[real], parts[real]
            polygon, row, column, fraction = _window_coverage(parts, frame, size, grid.crs)
            real = fraction * np.maximum(1.0, dx * dy / shapely.area(polygons[these]))[polygon] > NOISE
            polygon, row, column, fraction = these[polygon[real]], row[real], column[real], fraction[real]
            inside += np.bincount(polygon, fraction, len(polygons))
            if wanted is not None:
                mask = np.zeros(size, dtype=bool)
                mask[wanted.get((top, left), np.empty((2, 0), dtype=np.int64))] = True
                asked = mask[row, column]
                polygon, row, column, fraction = polygon[asked], row[asked], column[asked], fraction[asked]
            if grid.flipped:
                row = rows - 1 - top - row
            found.append((polygon, (row if grid.flipped else row + top) * columns + column + left, fraction))
    polygon, cell, fraction = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if len(found) > 1:
        order = np.argsort(polygon, kind="stable")
        polygon, cell, fraction = polygon[order], cell[order], fraction[order]
    return polygon, cell, fraction, inside


def _clipped(
    polygons: NDArray[np.object_], bounds: NDArray[np.float64], frame: tuple[float, float, float, float]
) -> NDArray[np.object_]:
    """Cut off what lies beyond the frame.

    Exactextract 0.3 ends the process (SIGSEGV) at polygons with holes that reach beyond the raster and touch its border
    in certain ways. It never sees such a polygon: what it gets lies within the frame, and its raster is one cell wider.
    """
    west, south, east, north = frame
    crosses = (bounds[:, 0] < west) | (bounds[:, 1] < south) | (bounds[:, 2] > east) | (bounds[:, 3] > north)
    if not crosses.any():
        return polygons
    parts = polygons.copy()
    parts[crosses] = polygonal(shapely.intersection(polygons[crosses], shapely.box(*frame)))
    return parts


def _window_coverage(
    polygons: NDArray[np.object_], frame: tuple[float, float, float, float], size: tuple[int, int], crs: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return polygon, row, column and fraction of every cell of the frame that a polygon covers."""
    import geopandas as gpd
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    if not len(polygons):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, np.zeros(0)
    (rows, columns), (west, south, east, north) = size, frame
    dx, dy = (east - west) / columns, (north - south) / rows
    # Values are not asked for: one byte stands for all of them.
    nothing = np.broadcast_to(np.zeros((), dtype=np.uint8), (rows + 2, columns + 2))
    wider = (west - dx, south - dy, east + dx, north + dy)
    raster = NumPyRasterSource(nothing, *wider, name="cells", srs_wkt=crs.to_wkt())
    table = exact_extract(
        raster, gpd.GeoDataFrame(geometry=polygons, crs=crs), ["cell_id", "coverage"], output="pandas"
    )
    ids = table["cell_id"].to_list()
    polygon = np.repeat(np.arange(len(polygons)), [len(i) for i in ids])
    row, column = np.divmod(np.concatenate(ids).astype(np.int64, copy=False), columns + 2)
    fraction = np.concatenate(table["coverage"].to_list())
    row, column = row - 1, column - 1
    beyond = (row < 0) | (row >= rows) | (column < 0) | (column >= columns)
    if beyond.any():
        within = ~beyond
        polygon, row, column, fraction = polygon[within], row[within], column[within], fraction[within]
    return polygon, row, column, fraction


def _by_window(
    cells: NDArray[np.int64], shape: tuple[int, int], step: tuple[int, int], flipped: bool
) -> dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return for each window, by its first row and column, the places inside it of the cells that are asked for."""
    row, column = np.divmod(cells, shape[1])
    if flipped:
        row = shape[0] - 1 - row
    window = row // step[0] * (shape[1] // step[1] + 1) + column // step[1]
    order = np.argsort(window, kind="stable")
    row, column = row[order], column[order]
    cuts = np.flatnonzero(np.diff(window[order])) + 1
    parts = {}
    for r, c in zip(np.split(row, cuts), np.split(column, cuts), strict=True):
        top, left = int(r[0] // step[0] * step[0]), int(c[0] // step[1] * step[1])
        parts[top, left] = (r - top, c - left)
    return parts
