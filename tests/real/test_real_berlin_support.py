"""Handed-down noise on Berlin's real zones: what the usual test makes of it, and what the support-aware one does."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.global_ import moran
from spatial.autocorrelation.graphs import contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.support import global_support_test, paint_down
from spatial.disaggregation import cell_weights
from spatial.results import Label

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def planning_areas(real_data):
    """The planning areas that have a population, with their graph."""
    folder = real_data / "berlin"
    areas = gpd.read_file(folder / "berlin_lor_until_2020.gpkg", layer="planungsraeume").set_index("id")
    table = pd.read_csv(folder / "berlin_lor_population_2015_planungsraeume.csv", dtype={"id": str}).set_index("id")
    people = table["inhabitants"].astype(float)
    areas = areas.loc[areas.index.intersection(people.index)]
    return people.reindex(areas.index), contiguity(areas, "fuzzy")


def handed_down(people: pd.Series, digits: int):
    source_of = pd.Series(people.index.str[:digits], index=people.index)
    return source_of, cell_weights(source_of, people), people.groupby(source_of).sum()


def test_noise_on_twelve_districts_is_no_pattern(planning_areas):
    people, graph = planning_areas
    assert len(people) == 447
    _, weights, d = handed_down(people, 2)
    rng = np.random.default_rng(2026)
    values, usual, honest = [], [], []
    for _ in range(100):
        e = pd.Series(rng.binomial(d.astype(int), 0.08).astype(float), index=d.index)
        found = global_support_test(e, d, weights, graph, permutations=199, rng=rng)
        assert (found.n, found.n_effective) == (447, 12)
        values.append(found.value)
        honest.append(found.p)
    for _ in range(10):
        noise = pd.Series(rng.normal(size=12), index=d.index)
        usual.append(moran(people.index.str[:2].map(noise).to_series(people.index), graph, permutations=199, rng=rng))
    assert np.mean(values) == pytest.approx(0.82, abs=0.04)  # methods 2.4: the map itself makes this
    assert max(each.p for each in usual) == 1 / 200
    assert np.mean(np.array(honest) <= 0.05) <= 0.12  # 100 runs at .05


def test_a_planted_cluster_is_found_at_the_sources_and_painted_down(planning_areas, real_data):
    people, _ = planning_areas
    source_of, _, d = handed_down(people, 4)
    zones = gpd.read_file(real_data / "berlin" / "berlin_lor_until_2020.gpkg", layer="prognoseraeume").set_index("id")
    zones = zones.loc[d.index]
    assert len(zones) == 60
    centre = zones.geometry.centroid
    cluster = centre.distance(centre["0803"]).nsmallest(9).index
    rng = np.random.default_rng(5)
    risk = pd.Series(rng.normal(0.08, 0.01, size=60), index=d.index)
    risk[cluster] += 0.05
    e = pd.Series(rng.binomial(d.astype(int), risk), index=d.index).astype(float)
    source = local_tests(empirical_bayes(e, d), contiguity(zones, "fuzzy"), rng=rng, permutations=9999)
    hot = source.table.index[source.table["label"] == Label.HIGH_HIGH]
    assert set(hot) & set(cluster)
    assert len(set(hot) - set(cluster)) <= 1
    painted = paint_down(source, source_of)
    assert painted.n_effective == 60
    assert set(painted.table.loc[painted.table["label"] == Label.HIGH_HIGH, "support"]) == set(hot)
    assert len(painted.table) == 447
