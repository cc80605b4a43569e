"""Local statistics beside esda 2.9: the same where it is right, and a record of where it is not.

spdep's figures stand in tests/golden; Poisson rates whose variance would be negative in test_autocorr_global. A test of
a peer's fault that begins to fail says that the peer has mended it.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_gi, local_gi_star, local_moran, local_moran_bivariate
from spatial.autocorrelation.local_geary import local_geary, local_geary_multivariate
from spatial.autocorrelation.local_joincount import local_join_counts
from spatial.results import Label, State


@pytest.fixture(scope="module")
def esda():
    import esda

    return esda


@pytest.fixture(autouse=True)
def _their_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def field():
    ids = [f"c{i:04d}" for i in range(100)]
    row, col = np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10)
    rng = np.random.default_rng(21)
    values = pd.DataFrame(
        {
            "x": rng.normal(size=100) + 4.0 * ((row < 4) & (col < 4)),
            "y": 5 + rng.gamma(2.0, size=100),
            "people": rng.integers(100, 2000, size=100).astype(float),
        },
        index=ids,
    )
    values["cases"] = rng.binomial(values["people"].astype(int), np.where(row < 4, 0.3, 0.1)).astype(float)
    return values, grid_contiguity(row, col, ids)


def ours(statistic, *variables, **options):
    return statistic(*variables, rng=np.random.default_rng(1), **{"permutations": 999, **options}).table


def test_the_same_statistics(esda, field):
    values, graph = field
    standardised = graph.transform("r")
    theirs = esda.Moran_Local(values["x"], standardised, permutations=0)
    np.testing.assert_allclose(ours(local_moran, values["x"], graph)["statistic"], theirs.Is)
    for star, statistic in ((False, local_gi), (True, local_gi_star)):
        theirs = esda.G_Local(values["y"], graph, star=star, transform="B", permutations=0, n_jobs=1)
        table = ours(statistic, values["y"], graph, transform="b")
        np.testing.assert_allclose(table["z"], theirs.Zs)
        np.testing.assert_allclose(table["statistic"], theirs.Gs)
    theirs = esda.Geary_Local(connectivity=standardised, permutations=1).fit(values["x"].to_numpy())
    np.testing.assert_allclose(ours(local_geary, values["x"], graph)["statistic"], theirs.localG)
    both = [values["x"].to_numpy(), values["y"].to_numpy()]
    theirs = esda.Geary_Local_MV(connectivity=standardised, permutations=1).fit(both)
    np.testing.assert_allclose(ours(local_geary_multivariate, values[["x", "y"]], graph)["statistic"], theirs.localG)
    theirs = esda.Moran_Local_BV(values["x"], values["y"], standardised, permutations=0)
    table = ours(local_moran_bivariate, values["x"], values["y"], graph)
    np.testing.assert_allclose(table["statistic"] * 99 / 100, theirs.Is)  # esda takes n - 1
    theirs = esda.Moran_Local_Rate(
        values["cases"].to_numpy(), values["people"].to_numpy(), standardised, permutations=0
    )
    table = ours(local_moran, values["cases"], graph, population=values["people"], form="poisson")
    np.testing.assert_allclose(table["statistic"], theirs.Is)
    states = values["x"] > 1
    theirs = esda.Join_Counts_Local(connectivity=graph.to_W(), permutations=1, n_jobs=1).fit(
        states.astype(int).to_numpy()
    )
    table = ours(local_join_counts, states, graph)
    np.testing.assert_array_equal(table.loc[states, "statistic"], theirs.LJC[states])


def test_the_same_one_sided_p_up_to_the_draws(esda, field):
    values, graph = field
    standardised = graph.transform("r")
    theirs = esda.Moran_Local(values["x"], standardised, permutations=9999, n_jobs=1, seed=3).p_sim
    table = ours(local_moran, values["x"], graph, permutations=99_999)
    np.testing.assert_allclose(table[["p_upper", "p_lower"]].min(axis=1), theirs, atol=0.025)
    theirs = esda.Geary_Local(connectivity=standardised, permutations=9999, n_jobs=1, seed=3).fit(
        values["x"].to_numpy()
    )
    table = ours(local_geary, values["x"], graph, permutations=9999)
    np.testing.assert_allclose(table[["p_upper", "p_lower"]].min(axis=1), theirs.p_sim, atol=0.03)


def test_where_esda_gives_an_isolate_the_smallest_p(esda, field):
    values, graph = field
    edges = graph.adjacency.reset_index()
    wider = Graph.from_arrays([*edges["focal"], "zz"], [*edges["neighbor"], "zz"], [*edges["weight"], 0.0])
    x = pd.concat([values["x"], pd.Series({"zz": 0.5})])
    theirs = esda.Moran_Local(x, wider.transform("r"), permutations=99, n_jobs=1, seed=1)
    assert theirs.p_sim[-1] == pytest.approx(0.01)
    mine = ours(local_moran, x, wider).loc["zz"]
    assert (mine["state"], mine["label"]) == (State.ISOLATED, Label.NO_LABEL)
    assert np.isnan(mine["p"])


def test_where_esda_finds_every_area_significant_because_one_value_is_missing(esda, field):
    values, graph = field
    holed = values["x"].where(values.index != "c0003")
    theirs = esda.Moran_Local(holed, graph.transform("r"), permutations=99, n_jobs=1, seed=1)
    assert theirs.p_sim.max() == pytest.approx(0.01)
    assert np.isnan(theirs.Is).all()
    mine = ours(local_moran, holed, graph)
    assert list(mine.index[mine["state"] != State.TESTED]) == ["c0003"]
    assert mine["p"].max() > 0.9


def test_where_a_doubled_p_of_esda_exceeds_one(esda, field):
    # p_sim is one-sided: the smaller tail, up to (P/2 + 1)/(P + 1). Doubled for a two-sided p it can be above 1.
    values, graph = field
    standardised = graph.transform("r")
    doubled = [
        2 * esda.Moran_Local(values["x"], standardised, permutations=98, n_jobs=1, seed=seed).p_sim.max()
        for seed in range(5)
    ]
    assert max(doubled) == pytest.approx(100 / 99)
    mine = ours(local_moran, values["x"], graph, permutations=98)
    assert mine["p"].max() <= 1
    assert (mine["p"] == np.minimum(1, 2 * mine[["p_upper", "p_lower"]].min(axis=1))).all()


@pytest.mark.parametrize(("star", "statistic"), [(False, local_gi), (True, local_gi_star)])
def test_where_esda_scales_z_of_row_standardised_weights_wrongly(esda, field, star, statistic):
    # The z-score of an area does not depend on a factor of its row.
    values, graph = field
    rows = esda.G_Local(values["y"], graph, star=star, transform="R", permutations=0, n_jobs=1).Zs
    binary = esda.G_Local(values["y"], graph, star=star, transform="B", permutations=0, n_jobs=1).Zs
    assert np.abs(rows - binary).max() > 0.2
    for transform in ("r", "b"):
        np.testing.assert_allclose(ours(statistic, values["y"], graph, transform=transform)["z"], binary)
