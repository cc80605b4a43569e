"""Borders that do not fit to a hair are still borders; what overlaps by more than a trifle is told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from spatial.autocorrelation.borders import HAIR, hair, overlaps
from spatial.autocorrelation.graphs import contiguity, grid_contiguity

SIDE = 100.0


def edges(graph) -> set[tuple]:
    return {pair for pair, weight in graph.adjacency.items() if weight > 0}


def lattice(slack: float, seed: int, n: int = 5) -> gpd.GeoDataFrame:
    """Squares whose corners were each moved by at most `slack`: gaps and overlaps on every border."""
    rng = np.random.default_rng(seed)
    corners = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)])
    origin = [(600_000 + c * SIDE, 5_700_000 + r * SIDE) for r in range(n) for c in range(n)]
    shapes = [Polygon(np.add(at, corners) + rng.uniform(-slack, slack, size=(4, 2))) for at in origin]
    return gpd.GeoDataFrame(geometry=shapes, index=[f"a{i:02d}" for i in range(n * n)], crs=25832)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["queen", "rook"]), share=st.just(0.0) | st.floats(0.001, 1)
)
def test_tiny_gaps_and_overlaps_cost_no_neighbour(seed, kind, share):
    # Not less than a thousandth: rounding coordinates of seven digits makes edges of a nanometre out of corners.
    slack = share * HAIR / (2 * np.sqrt(2)) * 0.99  # two corners part by at most 2√2 times as much
    areas = lattice(slack, seed)
    row, col = np.divmod(np.arange(25), 5)
    assert edges(contiguity(areas, kind)) == edges(grid_contiguity(row, col, areas.index, kind))
    assert overlaps(areas).empty


def test_wider_gaps_are_gaps_and_corners_are_no_edges():
    far = gpd.GeoDataFrame(
        geometry=[box(0, 0, 100, 100), box(100 + 3 * HAIR, 0, 200, 100)], index=["a", "b"], crs=25832
    )
    assert edges(contiguity(far)) == set()
    corner = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 100), box(99.995, 99.995, 200, 200)], index=["a", "b"])
    assert edges(contiguity(corner, "queen")) == {("a", "b"), ("b", "a")}
    assert edges(contiguity(corner, "rook")) == set()


@pytest.mark.parametrize(("crs", "expected"), [(25832, 0.01), (4326, 1e-7), (2263, 0.01 / 0.3048006), (None, 0.01)])
def test_a_hair_is_a_centimetre_in_the_units_of_the_layer(crs, expected):
    size = 0.01 if crs == 4326 else 1_000
    areas = gpd.GeoDataFrame(geometry=[box(8, 50, 8 + size, 50 + size)], crs=crs)
    assert hair(areas) == pytest.approx(expected, rel=1e-6)
    small = gpd.GeoDataFrame(geometry=[box(0, 0, 1e-4, 1e-4)], crs=crs)
    assert hair(small) == pytest.approx(1e-8)


def test_what_overlaps_by_more_than_a_trifle_is_named():
    areas = gpd.GeoDataFrame(
        geometry=[box(0, 0, 100, 100), box(90, 0, 200, 100), box(0, 0, 100, 100), box(199.5, 0, 300, 100)],
        index=["a", "b", "again", "far"],
        crs=25832,
    )
    found = overlaps(areas)
    assert found[["first", "second", "same"]].values.tolist() == [
        ["a", "again", True],
        ["a", "b", False],
        ["b", "again", False],
    ]
    assert found["share"].tolist() == pytest.approx([1, 0.1, 0.1])
    assert ("b", "far") in edges(contiguity(areas, "rook"))  # a trifle of half a per cent, and a border
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 0], [0, 0]), index=["a", "b"], crs=25832)
    assert overlaps(points).empty
    bow = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    assert overlaps(gpd.GeoDataFrame(geometry=[bow, box(0, 0, 50, 50)], index=["a", "b"], crs=25832)).empty
    pd.testing.assert_index_equal(found.columns, pd.Index(["first", "second", "share", "same"]))
