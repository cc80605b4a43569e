"""Calibration and power on Berlin's real zones and populations: handed-down noise, and a planted cluster of six."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.graphs import contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.neighbours import prepare
from spatial.autocorrelation.permutation import conditional_counts
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.significance import pseudo_p
from spatial.autocorrelation.support import global_support_test
from spatial.disaggregation import cell_weights
from spatial.results import Label

pytestmark = [pytest.mark.real, pytest.mark.slow]

#: Zones → digits of their keys, layer of their polygons.
LEVELS = {12: 2, 60: 4, 138: 6}


@pytest.fixture(scope="module")
def berlin(real_data):
    folder = real_data / "berlin"
    areas = gpd.read_file(folder / "berlin_lor_until_2020.gpkg", layer="planungsraeume").set_index("id")
    table = pd.read_csv(folder / "berlin_lor_population_2015_planungsraeume.csv", dtype={"id": str}).set_index("id")
    people = table["inhabitants"].astype(float)
    areas = areas.loc[areas.index.intersection(people.index)]
    return areas, people.reindex(areas.index), prepare(contiguity(areas, "fuzzy"))


def zones(berlin, digits: int):
    """Sources: which planning area lies in which, people, and their own graph."""
    areas, people, _ = berlin
    source_of = pd.Series(areas.index.str[:digits], index=areas.index)
    shapes = areas[["geometry"]].dissolve(by=source_of.to_numpy())
    shapes["geometry"] = shapes.buffer(0)
    return source_of, people.groupby(source_of).sum(), prepare(contiguity(shapes, "fuzzy"))


@pytest.mark.parametrize("number", [12, 60, 138])
def test_handed_down_noise_is_rejected_at_the_level_globally(berlin, number):
    _, people, graph = berlin
    source_of, d, _ = zones(berlin, LEVELS[number])
    assert len(d) == number
    weights = cell_weights(source_of, people)
    rng = np.random.default_rng(number)
    runs = 5_000
    rejected = 0
    for _ in range(runs):
        e = pd.Series(rng.binomial(d.astype(int), 0.08).astype(float), index=d.index)
        found = global_support_test(e, d, weights, graph, permutations=199, rng=rng)
        rejected += found.p <= 0.05
    assert found.n_effective == number
    assert 0.03 <= rejected / runs <= 0.07


@pytest.mark.parametrize("number", [60, 138])
def test_noise_is_rejected_at_the_level_locally(berlin, number):
    _, d, graph = zones(berlin, LEVELS[number])
    ids = graph.ids
    d = d.reindex(ids)
    assert len(d) == number
    rng = np.random.default_rng(number + 1)
    runs = 2_000
    rejected = np.zeros(number)
    for _ in range(runs):
        e = pd.Series(rng.binomial(d.astype(int), 0.08).astype(float), index=ids)
        counts = conditional_counts(empirical_bayes(e, d).to_numpy(), graph.matrix, permutations=999, rng=rng)
        rejected += pseudo_p(counts)[2] <= 0.05
    assert 0.03 <= rejected.mean() / runs <= 0.07
    quarter = pd.qcut(d.to_numpy(), 4, labels=False)
    for q in range(4):
        assert 0.03 <= rejected[quarter == q].mean() / runs <= 0.07


def test_a_planted_cluster_of_six_of_sixty_sources_is_found(berlin):
    """Anywhere in Berlin: a random source and its five nearest, .08 raised to .13; found is a label inside it."""
    areas, _, _ = berlin
    source_of, d, graph = zones(berlin, 4)
    centre = areas.geometry.centroid
    x, y = centre.x.groupby(source_of).mean().reindex(d.index), centre.y.groupby(source_of).mean().reindex(d.index)
    rng = np.random.default_rng(6)
    found, recall, false = 0, [], []
    runs = 300
    for _ in range(runs):
        start = rng.choice(d.index)
        near = ((x - x[start]) ** 2 + (y - y[start]) ** 2).nsmallest(6).index
        risk = pd.Series(rng.normal(0.08, 0.008, size=len(d)), d.index)
        risk[near] += 0.05
        e = pd.Series(rng.binomial(d.astype(int), risk).astype(float), index=d.index)
        table = local_tests(empirical_bayes(e, d), graph, rng=rng, permutations=9_999).table
        hot = set(table.index[(table["label"] == Label.HIGH_HIGH) | (table["gi_star_label"] == Label.HOT)])
        found += bool(hot & set(near))
        recall.append(len(hot & set(near)) / 6)
        ring = {graph.ids[j] for a in near for j in graph.matrix[[graph.ids.get_loc(a)]].indices}
        false.append(len(hot - set(near) - ring) / max(1, len(hot)))
    assert found / runs >= 0.9
    assert np.mean(false) <= 0.05
