"""Weights graphs by distance: k nearest neighbours, distance band, kernel; islands brought to their nearest area."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import shapely

from geodata.crs import require_projected
from geodata.errors import AreaKeyError, GeometryError, SpatialError, some
from spatial.autocorrelation.graphs import canonical, neighbour_matrix

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

KernelName = Literal["triangular", "epanechnikov", "gaussian", "bisquare"]
Islands = Literal["leave", "nearest", "drop"]

#: Distances that differ by less than this share are one distance: rounding must not choose between neighbours.
_TIE = 1e-9
#: Pairs of a distance band that are still built: 16 bytes each and as much again while they are sorted.
MAX_PAIRS = 100_000_000


def nearest(areas: gpd.GeoDataFrame, k: int) -> Any:
    """Build the graph of the k nearest neighbours by distance of centroids, with binary weights.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons or points indexed by unique ``area_id``, in a projected CRS.
    k : int
        Neighbours of each area, at least 1 and fewer than there are areas.

    Returns
    -------
    libpysal.graph.Graph
        Not symmetric in general. Among equally near areas those are taken whose ids come first, so that the order of
        rows changes nothing.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError
        The layer is not what is expected.
    SpatialError
        k makes no sense for so many areas.
    """
    from scipy.spatial import cKDTree

    points, rank = _points(areas, "nearest neighbours")
    n = len(points)
    if not 1 <= k < n:
        raise SpatialError(
            f"expected a number of neighbours from 1 to {n - 1}, found {k}",
            where="nearest neighbours",
            hint=f"there are {n} areas",
        )
    tree = cKDTree(points)
    spare = min(n, 2 * k + 9)
    distance, found = tree.query(points, k=spare)
    distance = np.where(found == np.arange(n)[:, None], -1.0, distance)  # itself goes first, whatever coincides with it
    order = np.argsort(distance, axis=1, kind="stable")
    distance, found = np.take_along_axis(distance, order, axis=1), np.take_along_axis(found, order, axis=1)
    limit = distance[:, k] * (1 + _TIE)
    # More areas are equally near than were asked for, or the area itself was not among them: ask for all of them.
    open_ = (distance[:, 0] != -1.0) | ((distance[:, -1] <= limit) & (spare < n))
    chosen = np.empty((n, k), dtype=np.int64)
    # A tie is settled by id: distances as far as the k-th count as the k-th.
    near = distance[:, 1:] < distance[:, k, None] * (1 - _TIE)
    tied = ~near & (distance[:, 1:] <= limit[:, None])
    key = np.where(near, -1, np.where(tied, rank[found[:, 1:]], n))
    chosen[:] = np.take_along_axis(found[:, 1:], np.argsort(key, axis=1, kind="stable")[:, :k], axis=1)
    for i in np.flatnonzero(open_):
        chosen[i] = _nearest_of_many(tree, points, rank, int(i), k)
    focal = np.repeat(np.arange(n), k)
    return _graph(areas.index, focal, chosen.ravel(), np.ones(n * k))


def _nearest_of_many(tree: Any, points: NDArray[np.float64], rank: NDArray[np.int64], i: int, k: int) -> Any:
    """Return the k nearest of one area where very many are equally near, settled by id."""
    reach, size = np.inf, k + 1
    while True:  # the k-th distance to others, however many lie on the very same spot
        size = min(2 * size, len(points))
        distance, found = tree.query(points[i], k=size)
        others = distance[found != i]
        if len(others) >= k:
            reach = float(others[k - 1])
            break
    inside = np.array(tree.query_ball_point(points[i], reach * (1 + _TIE)), dtype=np.int64)
    inside = inside[inside != i]
    away = np.hypot(*(points[inside] - points[i]).T)
    near = away < reach * (1 - _TIE)
    return inside[np.lexsort((rank[inside], ~near))][:k]


def distance_band(areas: gpd.GeoDataFrame, threshold: float) -> Any:
    """Build the graph of all areas whose centroids are at most `threshold` metres apart, with binary weights.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons or points indexed by unique ``area_id``, in a projected CRS.
    threshold : float
        Metres, more than 0.

    Returns
    -------
    libpysal.graph.Graph
        Symmetric; areas without any other so near are its isolates.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError
        The layer is not what is expected.
    SpatialError
        The threshold is not positive, or takes in so many pairs that they would not fit into memory.
    """
    focal, neighbour, _ = _within(areas, threshold, "distance band")
    return _graph(areas.index, focal, neighbour, np.ones(len(focal)))


def distance_classes(areas: gpd.GeoDataFrame, bounds: NDArray[np.float64]) -> Iterator[tuple[float, float, Any]]:
    """Build a graph for each class of distance between centroids, with binary weights.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons or points indexed by unique ``area_id``, in a projected CRS.
    bounds : numpy.ndarray
        Ascending, in metres, shape (c + 1,).

    Yields
    ------
    low, high : float
        Bounds of the class: low < d <= high, from 0 on also d = 0.
    graph : libpysal.graph.Graph
        Symmetric.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        See :func:`distance_band`.
    """
    focal, neighbour, distance = _within(areas, float(bounds[-1]), "distance classes")
    class_ = np.searchsorted(bounds, distance, side="left") - 1
    if bounds[0] == 0:
        class_[distance == 0] = 0
    for i, (low, high) in enumerate(itertools.pairwise(bounds.tolist())):
        mine = class_ == i
        yield low, high, _graph(areas.index, focal[mine], neighbour[mine], np.ones(int(mine.sum())))


def kernel(areas: gpd.GeoDataFrame, bandwidth: float, function: KernelName = "triangular") -> Any:
    """Build a graph whose weights fall with the distance d of centroids: K(d / h).

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Polygons or points indexed by unique ``area_id``, in a projected CRS.
    bandwidth : float
        h in metres, more than 0. Beyond it the weight is 0; the Gaussian, which never ends, is cut at 3 h.
    function : {"triangular", "epanechnikov", "bisquare", "gaussian"}
        1 − u; ¾(1 − u²); (15/16)(1 − u²)²; exp(−u²/2)/√(2π), with u = d/h (Silverman 1986, table 3.1).

    Returns
    -------
    libpysal.graph.Graph
        Symmetric, without self-weights.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        See :func:`distance_band`; an unknown function.
    """
    if function not in _KERNELS:
        raise SpatialError(f"expected one of {', '.join(_KERNELS)}, found {function!r}", where="kernel weights")
    reach = 3.0 * bandwidth if function == "gaussian" else bandwidth
    focal, neighbour, distance = _within(areas, reach, "kernel weights")
    weight = _KERNELS[function](distance / bandwidth)
    kept = weight > 0
    return _graph(areas.index, focal[kept], neighbour[kept], weight[kept])


_KERNELS = {
    "triangular": lambda u: 1.0 - u,
    "epanechnikov": lambda u: 0.75 * (1.0 - u**2),
    "bisquare": lambda u: 15 / 16 * (1.0 - u**2) ** 2,
    "gaussian": lambda u: np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi),
}


def from_edges(edges: pd.DataFrame, ids: pd.Index) -> Any:
    """Build a graph that somebody wrote down: one row for each pair of areas.

    Parameters
    ----------
    edges : pandas.DataFrame
        Columns ``focal``, ``neighbour`` and optionally ``weight`` (default 1; finite, not negative).
    ids : pandas.Index
        All areas; those without a row are isolates.

    Returns
    -------
    libpysal.graph.Graph
        As written, so symmetric only if every pair is given in both directions.

    Raises
    ------
    AreaKeyError
        A pair is repeated, an area is its own neighbour, or an id is unknown.
    SpatialError
        A column is missing, or a weight is negative, infinite or missing.
    """
    where = "user-given weights"
    lacking = {"focal", "neighbour"} - set(edges.columns)
    if lacking:
        raise SpatialError(
            f"expected the columns focal and neighbour, found {some(edges.columns)}", where=where, hint="rename them"
        )
    focal, neighbour = ids.get_indexer(pd.Index(edges["focal"])), ids.get_indexer(pd.Index(edges["neighbour"]))
    for name, codes in (("focal", focal), ("neighbour", neighbour)):
        if (codes < 0).any():
            raise AreaKeyError(
                f"expected ids of the {len(ids)} areas, found others: {some(edges[name][codes < 0].unique())}",
                where=f"{where}, column {name}",
                hint=f"areas are {some(ids)}",
            )
    if (focal == neighbour).any():
        raise AreaKeyError(f"areas are their own neighbours: {some(ids[focal[focal == neighbour]])}", where=where)
    twice = edges.duplicated(["focal", "neighbour"])
    if twice.any():
        raise AreaKeyError(f"pairs are given twice, first {edges[twice].iloc[0, :2].to_list()}", where=where)
    weight = edges["weight"].to_numpy(dtype=np.float64, na_value=np.nan) if "weight" in edges else np.ones(len(edges))
    wrong = ~np.isfinite(weight) | (weight < 0)
    if wrong.any():
        raise SpatialError(
            f"expected finite weights that are not negative, found {some(weight[wrong])}",
            where=f"{where}, column weight",
        )
    return _graph(ids, focal, neighbour, weight)


def settle_islands(graph: Any, areas: gpd.GeoDataFrame, how: Islands = "leave") -> tuple[Any, tuple[str, ...]]:
    """Say which areas have no neighbours, and do with them what was decided.

    Parameters
    ----------
    graph : libpysal.graph.Graph
        Of the areas.
    areas : geopandas.GeoDataFrame
        Indexed by ``area_id``, in a projected CRS for ``nearest``.
    how : {"leave", "nearest", "drop"}
        Leave them isolated (they get the state ``isolated``); join each with the area that is nearest to its border, in
        both directions, ties settled by id; or take them out of the graph.

    Returns
    -------
    graph : libpysal.graph.Graph
        The same one when there are no islands or they are left.
    islands : tuple of str
        Ids of the areas without neighbours, sorted.

    Raises
    ------
    CrsError
        ``nearest`` was asked for without a projected CRS.
    SpatialError
        Unknown way, or nothing would be left.
    """
    if how not in ("leave", "nearest", "drop"):
        raise SpatialError(f"expected islands leave, nearest or drop, found {how!r}", where="islands")
    ids = pd.Index(graph.unique_ids)
    matrix = neighbour_matrix(graph, ids)
    alone = (np.diff(matrix.indptr) == 0) & (np.bincount(matrix.indices, minlength=len(ids)) == 0)
    names = tuple(sorted(str(each) for each in ids[alone]))
    if how == "leave" or not alone.any() or len(ids) < 2:
        return graph, names
    if how == "drop":
        if alone.all():
            raise SpatialError("expected areas with neighbours, found only islands", where="islands")
        kept = np.flatnonzero(~alone)
        part = matrix[kept][:, kept].tocoo()
        return _graph(ids[kept], part.row, part.col, part.data), names
    require_projected(areas, "islands")
    shapes = areas.geometry.reindex(ids).to_numpy()
    rank = np.argsort(canonical(ids))
    edges = matrix.tocoo()
    pairs = {(int(i), _nearest_shape(shapes, rank, int(i))) for i in np.flatnonzero(alone)}
    both = np.array(sorted(pairs | {(j, i) for i, j in pairs}), dtype=np.int64)
    focal, neighbour = np.concatenate([edges.row, both[:, 0]]), np.concatenate([edges.col, both[:, 1]])
    # An island weighs as much as an ordinary edge of the graph does.
    usual = float(np.median(edges.data)) if len(edges.data) else 1.0
    return _graph(ids, focal, neighbour, np.concatenate([edges.data, np.full(len(both), usual)])), names


def _nearest_shape(shapes: NDArray[np.object_], rank: NDArray[np.int64], i: int) -> int:
    away = shapely.distance(shapes, shapes[i])
    away[i] = np.inf
    tied = np.flatnonzero(away <= away.min() * (1 + _TIE))
    return int(tied[np.argmin(rank[tied])])


def _points(areas: gpd.GeoDataFrame, where: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return centroids, shape (n, 2), and the place of every area in canonical order."""
    if not areas.index.is_unique:
        raise AreaKeyError(
            f"expected unique area ids, found repeated {some(areas.index[areas.index.duplicated()].unique())}",
            where=where,
            hint="dissolve the parts of each area first",
        )
    hollow = areas.geometry.isna() | areas.geometry.is_empty
    if hollow.any():
        raise GeometryError(
            f"expected a geometry for every area, found none for {some(areas.index[hollow])}",
            where=where,
            hint="leave areas without geometry out of the layer",
        )
    require_projected(areas, where)
    centres = areas.geometry.centroid
    return np.column_stack([centres.x, centres.y]), np.argsort(canonical(areas.index))


def _within(areas: gpd.GeoDataFrame, threshold: float, where: str) -> tuple[Any, Any, NDArray[np.float64]]:
    """Return all pairs at most so far apart: focal and neighbour positions, and their distance."""
    from scipy.spatial import cKDTree

    if not (np.isfinite(threshold) and threshold > 0):
        raise SpatialError(f"expected a distance in metres of more than 0, found {threshold}", where=where)
    points, _ = _points(areas, where)
    tree = cKDTree(points)
    pairs = int(tree.count_neighbors(tree, threshold)) - len(points)
    if pairs > MAX_PAIRS:
        raise SpatialError(
            f"expected at most {MAX_PAIRS:,} pairs of neighbours, found {pairs:,} within {threshold:g} m",
            where=where,
            hint="take a shorter distance, or k nearest neighbours",
        )
    half = tree.query_pairs(threshold, output_type="ndarray")
    focal, neighbour = np.concatenate([half, half[:, ::-1]]).T
    return focal, neighbour, np.hypot(*(points[focal] - points[neighbour]).T)


def _graph(ids: pd.Index, focal: Any, neighbour: Any, weight: NDArray[np.float64]) -> Any:
    """Make a graph from positions, edges in the order of the areas, isolates as libpysal writes them."""
    from libpysal.graph import Graph

    alone = np.setdiff1d(np.arange(len(ids)), focal)
    focal, neighbour = np.concatenate([focal, alone]), np.concatenate([neighbour, alone])
    weight = np.concatenate([weight, np.zeros(len(alone))])
    order = np.lexsort((neighbour, focal))
    names = ids.to_numpy()
    return Graph.from_arrays(names[focal[order]], names[neighbour[order]], weight[order])
