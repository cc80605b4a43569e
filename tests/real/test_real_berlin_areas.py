"""Merged areas of Berlin 2015: every one reaches the floor and hangs together, and most stay when people move."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.graphs import contiguity, neighbour_matrix
from spatial.regions.keep import build_regions
from spatial.regions.maxp import parts

pytestmark = pytest.mark.real

FLOOR = 10_000


@pytest.fixture(scope="module")
def berlin(real_data: Path):
    areas = gpd.read_file(real_data / "berlin" / "berlin_lor_until_2020.gpkg", layer="planungsraeume").set_index("id")
    table = pd.read_csv(real_data / "berlin" / "berlin_lor_population_2015_planungsraeume.csv", dtype={"id": str})
    areas = areas.join(table.set_index("id")["inhabitants"].astype(float), how="inner").sort_index()
    matrix = neighbour_matrix(contiguity(areas, "rook"), areas.index)
    near = [matrix.indices[matrix.indptr[k] : matrix.indptr[k + 1]].tolist() for k in range(len(areas))]
    middle = areas.geometry.centroid
    place = pd.DataFrame({"x": middle.x / 10_000, "y": middle.y / 10_000}, index=areas.index)
    return near, areas["inhabitants"], place


def test_regions_reach_the_floor_and_only_those_that_fall_below_it_change(berlin):
    near, people, place = berlin
    first = build_regions(near, people, place, FLOOR, rng=np.random.default_rng(1))
    # MaxPHeuristic of spopt 0.7 finds 228 regions (docs/benchmarks.md).
    assert len(first.regions) >= 235
    assert first.regions["people"].min() >= FLOOR
    position = {area: k for k, area in enumerate(people.index)}
    for _, members in first.assignment.groupby("region"):
        assert len(parts(near, {position[area] for area in members.index})) == 1
    # Next year: people move by 3 %.
    later = (people * np.random.default_rng(5).normal(1.0, 0.03, len(people))).round()
    earlier = first.assignment["region"]
    kept = build_regions(near, later, place, FLOOR, rng=np.random.default_rng(1), earlier=earlier.to_dict())
    assert kept.regions["people"].min() >= FLOOR
    before = later.groupby(earlier).sum()
    moved = earlier[kept.assignment["region"] != earlier]
    assert set(moved) <= set(before.index[before < FLOOR])
    anew = build_regions(near, later, place, FLOOR, rng=np.random.default_rng(1)).assignment["region"]
    assert len(moved) < 0.25 * (anew != earlier).sum()
