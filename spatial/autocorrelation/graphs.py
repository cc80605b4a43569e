"""Who is a neighbour of whom: weights graphs of areas and of grid cells, and the matrices that the tests read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from geodata.crs import require_projected
from geodata.errors import AreaKeyError, GeometryError, SpatialError, some
from spatial.autocorrelation.borders import meeting

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

Kind = Literal["queen", "rook", "fuzzy"]

#: Steps (rows, columns) to the neighbours of a cell.
_STEPS = {
    "rook": ((-1, 0), (0, -1), (0, 1), (1, 0)),
    "queen": ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)),
}


def contiguity(areas: gpd.GeoDataFrame, kind: Kind = "queen", *, buffer: float = 1.0) -> Any:
    """Build the contiguity graph of a layer of areas, with binary weights.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons indexed by unique ``area_id``.
    kind : {"queen", "rook", "fuzzy"}
        Queen: share at least a point; rook: share an edge; fuzzy: intersect after each was widened by `buffer`, for
        borders that do not fit exactly (simplified geometry, rivers).
    buffer : float, default 1.0
        Metres by which areas are widened, ``fuzzy`` only.

    Returns
    -------
    libpysal.graph.Graph
        Binary, symmetric; areas without neighbours are its isolates.

    Raises
    ------
    AreaKeyError
        Ids are repeated.
    GeometryError
        A geometry is missing or empty.
    CrsError
        ``fuzzy`` was asked for without a projected CRS in metres.
    SpatialError
        Unknown kind.

    Notes
    -----
    Queen and rook are decided by the topology of the geometries (DE-9IM) and not by shared vertices, so that a border
    that carries more vertices on one side than on the other still counts. Borders that overlap, or that miss each other
    by a hair (a centimetre), are one as well, see :func:`spatial.autocorrelation.borders.meeting`: in official layers
    neighbours overlap by fractions of a square metre.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> areas = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], index=["a", "b"])
    >>> describe(contiguity(areas, "rook"))["mean_neighbours"]
    1.0
    """
    from libpysal.graph import Graph

    if kind not in ("queen", "rook", "fuzzy"):
        raise SpatialError(f"expected contiguity queen, rook or fuzzy, found {kind!r}", where="contiguity")
    if not areas.index.is_unique:
        raise AreaKeyError(
            f"expected unique area ids, found repeated {some(areas.index[areas.index.duplicated()].unique())}",
            where="contiguity",
            hint="dissolve the parts of each area first",
        )
    hollow = areas.geometry.isna() | areas.geometry.is_empty
    if hollow.any():
        raise GeometryError(
            f"expected a geometry for every area, found none for {some(areas.index[hollow])}",
            where="contiguity",
            hint="leave areas without geometry out of the layer",
        )
    if len(areas) < 2:
        ids = areas.index.to_numpy()
        return Graph.from_arrays(ids, ids, np.zeros(len(ids)))
    if kind == "fuzzy":
        require_projected(areas, "contiguity")
        return Graph.build_fuzzy_contiguity(areas, buffer=buffer)
    first, second = meeting(areas, rook=kind == "rook")
    n = len(areas)
    matrix = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    return _graph_of(areas.index, sparse.csr_array(matrix + matrix.T))


def grid_contiguity(rows: ArrayLike, cols: ArrayLike, ids: ArrayLike, kind: Literal["queen", "rook"] = "queen") -> Any:
    """Build the contiguity graph of grid cells from their row and column numbers, without geometry.

    Parameters
    ----------
    rows, cols : array-like of int, shape (n,)
        Position of each cell in the grid, in cells.
    ids : array-like, shape (n,)
        Cell ids, unique.
    kind : {"queen", "rook"}
        Eight or four neighbours.

    Returns
    -------
    libpysal.graph.Graph
        Binary, symmetric.

    Raises
    ------
    AreaKeyError
        Ids or cells are repeated, or the lengths differ.
    SpatialError
        Unknown kind.
    """
    names = pd.Index(np.asarray(ids))
    return _graph_of(names, grid_matrix(rows, cols, names, kind))


def _graph_of(names: pd.Index, matrix: Any) -> Any:
    """Name the edges of a binary matrix, isolates as libpysal writes them."""
    from libpysal.graph import Graph

    alone = np.flatnonzero(np.diff(matrix.indptr) == 0)
    focal = np.concatenate([np.repeat(np.arange(len(names)), np.diff(matrix.indptr)), alone])
    neighbour = np.concatenate([matrix.indices, alone])
    weight = np.ones(len(focal))
    weight[len(focal) - len(alone) :] = 0.0  # how libpysal writes an isolate
    order = np.lexsort((neighbour, focal))
    return Graph.from_arrays(names[focal[order]], names[neighbour[order]], weight[order])


def grid_matrix(rows: ArrayLike, cols: ArrayLike, ids: pd.Index, kind: Literal["queen", "rook"] = "queen") -> Any:
    """Find the neighbours of grid cells as a matrix: what :func:`grid_contiguity` says, without naming every edge.

    Parameters
    ----------
    rows, cols, kind
        As in :func:`grid_contiguity`.
    ids : pandas.Index
        Cell ids, unique, shape (n,).

    Returns
    -------
    scipy.sparse.csr_array
        Shape (n, n), ones, symmetric, in the order of `ids`.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`grid_contiguity`.
    """
    if kind not in _STEPS:
        raise SpatialError(f"expected contiguity queen or rook, found {kind!r}", where="grid_contiguity")
    row, col = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
    n = len(ids)
    if not len(row) == len(col) == n:
        raise AreaKeyError(
            f"expected one row and column for each id, found {len(row)}, {len(col)} and {n}", where="grid_contiguity"
        )
    if not ids.is_unique:
        raise AreaKeyError(f"repeated ids {some(ids[ids.duplicated()].unique())}", where="grid_contiguity")
    if not n:
        return sparse.csr_array((0, 0), dtype=np.float64)
    row, col = row - row.min() + 1, col - col.min() + 1
    stride = int(col.max()) + 2  # an empty column on either side keeps neighbours from wrapping round
    code = row * stride + col
    number = _numbered(code, (int(row.max()) + 2) * stride)
    if (number(code) != np.arange(n)).any():
        twice = pd.Index(code).duplicated(keep=False)
        raise AreaKeyError(f"two ids lie in one cell: {some(ids[twice])}", where="grid_contiguity")
    found = np.stack([number(code + down * stride + right) for down, right in _STEPS[kind]], axis=1)
    hit = found >= 0
    indptr = np.concatenate(([0], np.cumsum(hit.sum(axis=1))))
    indices = found[hit]
    matrix = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
    matrix.sort_indices()
    return matrix


def _numbered(code: NDArray[np.int64], size: int) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """Return a function from codes of cells to their positions, -1 for cells that are not there."""
    if size <= 64 * len(code):
        table = np.full(size, -1, dtype=np.int64)
        table[code] = np.arange(len(code))
        return table.__getitem__
    order = np.argsort(code, kind="stable")  # few cells on a wide grid: a table of the grid would cost more
    known = code[order]

    def find(asked: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return np.where(known[at] == asked, order[at], -1)

    return find


def describe(graph: Any) -> dict[str, float]:
    """Count what a graph is made of.

    Parameters
    ----------
    graph : libpysal.graph.Graph
        Any graph.

    Returns
    -------
    dict
        ``n`` areas, ``isolates`` (areas without neighbours), ``components`` (connected parts; an isolate is one) and
        ``mean_neighbours``.
    """
    matrix = neighbour_matrix(graph, pd.Index(graph.unique_ids))
    n = matrix.shape[0]
    degree = np.diff(matrix.indptr)
    return {
        "n": n,
        "isolates": int((degree == 0).sum()),
        "components": components(matrix),
        "mean_neighbours": float(degree.mean()) if n else 0.0,
    }


def components(matrix: Any) -> int:
    """Count the connected components of a neighbour matrix; an isolate is one."""
    if matrix.shape[0] == 0:
        return 0
    return int(sparse.csgraph.connected_components(matrix, directed=False, return_labels=False))


def neighbour_matrix(graph: Any, ids: pd.Index) -> Any:
    """Return the weights of a graph as a matrix in a given order of areas.

    Parameters
    ----------
    graph : libpysal.graph.Graph
        Any graph; self-weights are dropped, weights of 0 are no edges.
    ids : pandas.Index
        All areas of the graph, in the order of rows and columns wanted.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (n, n), float64, no diagonal, column numbers sorted.

    Raises
    ------
    SpatialError
        The ids are not those of the graph, or a weight is negative or not a number.
    """
    known = pd.Index(graph.unique_ids)
    if len(ids) != len(known) or not ids.is_unique or not ids.isin(known).all():
        raise SpatialError(
            f"expected the areas of the weights graph ({len(known)}), found {len(ids)}; not in the graph: "
            f"{some(ids.difference(known)) or 'none'}; only in the graph: {some(known.difference(ids)) or 'none'}",
            where="spatial weights",
            hint="reindex the values to graph.unique_ids; areas without a value stay in, as NaN",
        )
    # graph.sparse sorts its labels while graph.unique_ids does not: the matrix is built from the named edges instead.
    edges = graph.adjacency
    weight = edges.to_numpy(dtype=np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise SpatialError("expected finite weights that are not negative", where="spatial weights")
    focal = ids.get_indexer(edges.index.get_level_values("focal"))
    neighbour = ids.get_indexer(edges.index.get_level_values("neighbor"))
    edge = (focal != neighbour) & (weight > 0)
    matrix = sparse.csr_array((weight[edge], (focal[edge], neighbour[edge])), shape=(len(ids), len(ids)))
    matrix.sort_indices()
    return matrix


def summary(matrix: Any) -> str:
    """Say in a few words what a neighbour matrix is made of, where nobody has given the graph a name."""
    n = matrix.shape[0]
    return f"{n} areas, {len(matrix.data) / max(n, 1):.1f} neighbours on average"


def row_standardised(matrix: Any) -> Any:
    """Divide every row by its sum; rows without neighbours stay empty.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        Weights, not negative.

    Returns
    -------
    scipy.sparse.csr_array
        The same pattern, rows adding up to 1.
    """
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = matrix.astype(np.float64, copy=True)
    scaled.data /= np.repeat(totals, np.diff(matrix.indptr))
    return scaled


def canonical(ids: pd.Index) -> np.ndarray[Any, Any]:
    """Return the order of areas in which random numbers are handed out: by the text of their ids.

    The order of rows in a file and the type of the ids (7 or "7") then change no result.

    Parameters
    ----------
    ids : pandas.Index
        Area ids in the caller's order.

    Returns
    -------
    numpy.ndarray of int
        Positions, so that ``ids[canonical(ids)]`` is sorted.
    """
    return np.argsort(np.asarray([str(area) for area in ids], dtype=object), kind="stable")
