"""Graphs by distance, written graphs, islands, names of graphs, correlogram.

Covered: k nearest, bands and kernels against brute force over all pairs, with ties and coinciding points; the order of
rows; islands left, attached and dropped; what a graph may be called; what is refused.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from geodata.errors import AreaKeyError, CrsError, SpatialError
from spatial.autocorrelation.correlogram import correlogram
from spatial.autocorrelation.distances import distance_band, from_edges, kernel, nearest, settle_islands
from spatial.autocorrelation.global_ import moran
from spatial.autocorrelation.graphs import contiguity, neighbour_matrix
from spatial.autocorrelation.weights import WeightsSpec, build_graph


def layer(points: np.ndarray, ids=None) -> gpd.GeoDataFrame:
    names = [f"a{i:02d}" for i in range(len(points))] if ids is None else ids
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*np.asarray(points, float).T), index=names, crs=25832)


def edges(graph) -> dict[tuple, float]:
    return {pair: weight for pair, weight in graph.adjacency.items() if weight > 0}


def brute_nearest(points: np.ndarray, k: int) -> set[tuple[str, str]]:
    out = set()
    for i, here in enumerate(points):
        away = sorted((round(float(np.hypot(*(here - p))), 6), j) for j, p in enumerate(points) if j != i)
        out |= {(f"a{i:02d}", f"a{j:02d}") for _, j in away[:k]}
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=40), st.integers(1, 3))
def test_k_nearest_with_ties_and_coinciding_points_equals_brute_force(points, k):
    spots = np.array(points, float)
    areas = layer(spots)
    assert set(edges(nearest(areas, k))) == brute_nearest(spots, k)
    shuffled = areas.sample(frac=1, random_state=1)
    assert edges(nearest(shuffled, k)) == edges(nearest(areas, k))


def test_many_on_one_spot_are_settled_by_id():
    spots = np.array([[0.0, 0.0]] * 40 + [[1.0, 0.0]])
    assert set(edges(nearest(layer(spots), 3))) == brute_nearest(spots, 3)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=25),
    st.floats(0.5, 20),
)
def test_bands_and_kernels_equal_brute_force(points, reach):
    spots = np.array(points, float)
    areas = layer(spots)
    away = np.hypot(*(spots[:, None] - spots[None, :]).transpose(2, 0, 1))
    off = ~np.eye(len(spots), dtype=bool)
    ids = areas.index
    band = neighbour_matrix(distance_band(areas, reach), ids).toarray()
    np.testing.assert_array_equal(band, ((away <= reach) & off).astype(float))
    triangular = neighbour_matrix(kernel(areas, reach), ids).toarray()
    np.testing.assert_allclose(triangular, np.where(off & (away < reach), 1 - away / reach, 0), atol=1e-12)
    gaussian = neighbour_matrix(kernel(areas, reach, "gaussian"), ids).toarray()
    expected = np.where(off & (away <= 3 * reach), np.exp(-((away / reach) ** 2) / 2) / np.sqrt(2 * np.pi), 0)
    np.testing.assert_allclose(gaussian, expected, atol=1e-12)


def test_a_band_too_wide_is_refused_before_memory_is_taken(monkeypatch):
    monkeypatch.setattr("spatial.autocorrelation.distances.MAX_PAIRS", 10)
    with pytest.raises(SpatialError, match="at most 10 pairs"):
        distance_band(layer(np.random.default_rng(0).random((10, 2))), 5.0)


def test_written_graphs_keep_direction_weight_and_isolates():
    ids = pd.Index(["a", "b", "c"])
    table = pd.DataFrame({"focal": ["b", "a"], "neighbour": ["a", "b"], "weight": [2.0, 0.5]})
    graph = from_edges(table, ids)
    assert edges(graph) == {("a", "b"): 0.5, ("b", "a"): 2.0}
    assert list(graph.isolates) == ["c"]
    for wrong, words in (
        (table.assign(focal=["b", "x"]), "found others: x"),
        (table.assign(neighbour=["b", "b"]), "their own neighbours: b"),
        (pd.concat([table, table]), "given twice"),
        (table.assign(weight=[1.0, -1.0]), "not negative"),
        (table.rename(columns={"focal": "from"}), "columns focal and neighbour"),
    ):
        with pytest.raises((AreaKeyError, SpatialError), match=words):
            from_edges(wrong, ids)


def islands() -> gpd.GeoDataFrame:
    boxes = [box(0, 0, 1, 1), box(1, 0, 2, 1), box(5, 0, 6, 1), box(0, 9, 2, 10)]
    return gpd.GeoDataFrame(geometry=boxes, index=["a", "b", "i", "j"], crs=25832)


def test_islands_are_named_and_left_attached_or_dropped():
    areas = islands()
    graph = contiguity(areas)
    same, names = settle_islands(graph, areas)
    assert same is graph
    assert names == ("i", "j")
    attached, _ = settle_islands(graph, areas, "nearest")
    pairs = {("a", "b"), ("b", "i"), ("a", "j")}  # j is as near to a as to b: the id settles it
    assert set(edges(attached)) == pairs | {(j, i) for i, j in pairs}
    backwards = areas.iloc[::-1]
    assert edges(settle_islands(contiguity(backwards), backwards, "nearest")[0]) == edges(attached)
    dropped, names = settle_islands(graph, areas, "drop")
    assert (set(dropped.unique_ids), names) == ({"a", "b"}, ("i", "j"))
    with pytest.raises(SpatialError, match="leave, nearest or drop"):
        settle_islands(graph, areas, "join")
    alone = areas.loc[["i", "j"]]
    with pytest.raises(SpatialError, match="found only islands"):
        settle_islands(contiguity(alone), alone, "drop")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("queen", WeightsSpec("queen")),
        ("Rook", WeightsSpec("rook")),
        ("fuzzy", WeightsSpec("fuzzy", 1.0)),
        ("fuzzy:2.5", WeightsSpec("fuzzy", 2.5)),
        ("knn:6", WeightsSpec("knn", 6.0)),
        ("distance:1500", WeightsSpec("distance", 1500.0)),
        ("kernel:2000", WeightsSpec("kernel", 2000.0)),
    ],
)
def test_a_graph_has_a_name(text, spec):
    assert WeightsSpec.parse(text) == spec
    assert WeightsSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    "text", ["", "king", "queen:2", "knn:0", "knn:2.5", "distance", "distance:-1", "kernel:inf", "knn:x"]
)
def test_what_is_no_name_of_a_graph(text):
    with pytest.raises(SpatialError, match=r"found"):
        WeightsSpec.parse(text)


def test_names_build_what_they_say():
    rng = np.random.default_rng(4)
    areas = layer(rng.random((30, 2)) * 1000)
    assert edges(build_graph(areas, "knn:4")) == edges(nearest(areas, 4))
    assert edges(build_graph(areas, "distance:200")) == edges(distance_band(areas, 200))
    assert edges(build_graph(areas, "kernel:200")) == edges(kernel(areas, 200))
    assert edges(build_graph(islands(), "fuzzy:4")) == edges(contiguity(islands(), "fuzzy", buffer=4))
    with pytest.raises(SpatialError, match="from 1 to 29"):
        build_graph(areas, "knn:30")
    with pytest.raises(CrsError):
        build_graph(areas.to_crs(4326), "knn:4")
    with pytest.raises(AreaKeyError, match="repeated"):
        build_graph(areas.rename({"a01": "a02"}), "distance:5")


def test_the_first_class_of_a_correlogram_is_moran_of_its_band_and_likeness_falls():
    side = np.arange(12) * 100.0
    spots = np.array([(x, y) for x in side for y in side])
    areas = layer(spots, [f"c{i:03d}" for i in range(144)])
    rng = np.random.default_rng(5)
    values = pd.Series(spots.sum(axis=1) / 100 + rng.normal(0, 1, 144), index=areas.index)
    values.iloc[7] = np.nan
    table = correlogram(values, areas, [0, 150, 400, 800, 1600], rng=np.random.default_rng(1), permutations=199)
    known = values.dropna()
    band = moran(known, distance_band(areas.loc[known.index], 150), permutations=0, rng=rng)
    assert table["moran"].iloc[0] == pytest.approx(band.value, rel=1e-12)
    assert table["moran"].is_monotonic_decreasing
    assert table["p_adjusted"].iloc[0] < 0.05
    away = np.hypot(*(spots[:, None] - spots[None, :]).transpose(2, 0, 1))
    keep = values.notna().to_numpy()
    pairs = np.triu(away[keep][:, keep], 1)
    counted = [
        int(((pairs > low) & (pairs <= high)).sum())
        for low, high in zip([0, 150, 400, 800], [150, 400, 800, 1600], strict=True)
    ]
    assert table["pairs"].tolist() == counted
    again = correlogram(
        values.sample(frac=1, random_state=2),
        areas,
        [0, 150, 400, 800, 1600],
        rng=np.random.default_rng(1),
        permutations=199,
    )
    pd.testing.assert_frame_equal(table, again)
    with pytest.raises(SpatialError, match="ascending"):
        correlogram(values, areas, [0, 100, 50], rng=rng)


@pytest.mark.parametrize("kind", ["queen", "rook"])
@pytest.mark.parametrize("spread", [1, 40])
def test_neighbours_of_a_grid_are_those_of_its_graph(kind, spread):
    from spatial.autocorrelation.graphs import grid_contiguity
    from spatial.autocorrelation.neighbours import grid_neighbours, prepare

    rng = np.random.default_rng(6)
    cells = rng.permutation(900)[:400]
    rows, cols = cells // 30 * spread - 7, cells % 30
    ids = [f"c{i}" for i in cells]
    direct, named = grid_neighbours(rows, cols, ids, kind), prepare(grid_contiguity(rows, cols, ids, kind))
    assert direct.ids.equals(named.ids)
    np.testing.assert_array_equal(direct.matrix.toarray(), named.matrix.toarray())
    step = np.abs(rows[:, None] - rows[None, :]), np.abs(cols[:, None] - cols[None, :])
    near = (np.maximum(*step) == 1) if kind == "queen" else (step[0] + step[1] == 1)
    order = direct.rows
    np.testing.assert_array_equal(direct.matrix.toarray() > 0, near[order][:, order])
    with pytest.raises(AreaKeyError, match="two ids lie in one cell"):
        grid_neighbours([0, 0], [1, 1], ["a", "b"])
