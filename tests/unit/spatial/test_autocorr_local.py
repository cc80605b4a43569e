"""Local tests.

Covered: statistics against a literal transcription and against esda where esda is right; invariance to row order and id
type; NaN, isolates, suppressed, constant, too few; context areas; correction; calibration; asymmetric graphs; refusals.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from geodata.errors import AreaKeyError, SpatialError
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_tests
from spatial.results import Label, State


def lattice(side: int, kind: str = "queen"):
    ids = [f"c{i:04d}" for i in range(side * side)]
    return ids, grid_contiguity(np.repeat(np.arange(side), side), np.tile(np.arange(side), side), ids, kind)


def rebuilt(edges: pd.DataFrame, weight=None) -> Graph:
    """A graph from a table of edges; arrays, because libpysal aligns Series by their index."""
    weight = edges["weight"] if weight is None else weight
    return Graph.from_arrays(edges["focal"].to_numpy(), edges["neighbor"].to_numpy(), np.asarray(weight))


def run(values, graph, seed=1, permutations=999, **options):
    return local_tests(values, graph, rng=np.random.default_rng(seed), permutations=permutations, **options)


@pytest.fixture(scope="module")
def clustered():
    ids, graph = lattice(10)
    row, col = np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10)
    noise = np.random.default_rng(7).normal(size=100)
    values = pd.Series(noise + 4.0 * ((row < 4) & (col < 4)) - 4.0 * ((row > 6) & (col > 6)), index=ids)
    return values, graph


def test_statistics_equal_a_literal_transcription(clustered):
    values, graph = clustered
    table = run(values, graph).table
    x = values.to_numpy()
    n, z = len(x), x - x.mean()
    s = np.sqrt((x**2).mean() - x.mean() ** 2)
    for i, area in enumerate(values.index):
        others = [values.index.get_loc(j) for j in graph[area].index]
        k = len(others)
        assert table.loc[area, "neighbours"] == k
        assert table.loc[area, "local_moran"] == pytest.approx((n - 1) * z[i] * z[others].mean() / (z @ z))
        own = [*others, i]
        below = s * np.sqrt((n * len(own) - len(own) ** 2) / (n - 1))
        assert table.loc[area, "gi_star_z"] == pytest.approx((x[own].sum() - len(own) * x.mean()) / below)
        rest = np.delete(x, i)
        mean, variance = k * rest.mean(), k * rest.var(ddof=1) * (1 - k / (n - 1))
        z_sum = (x[others].sum() - mean) / np.sqrt(variance)
        assert table.loc[area, "local_moran_z"] == pytest.approx(np.sign(z[i]) * z_sum)


def test_statistics_equal_esda_where_esda_is_right(clustered):
    import esda

    values, graph = clustered
    table = run(values, graph).table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # esda computes p-values of its own, with warnings of its own
        moran = esda.Moran_Local(values, graph.transform("r"), permutations=0)
        star = esda.G_Local(values, graph, star=True, transform="B", permutations=0, n_jobs=1)
    np.testing.assert_allclose(table["local_moran"], moran.Is)
    # esda scales I by n − 1 and its conditional moments by n: brought to one scale they give our z.
    np.testing.assert_allclose(table["local_moran_z"], (moran.Is * 100 / 99 - moran.EIc) / np.sqrt(moran.VIc))
    np.testing.assert_allclose(table["gi_star_z"], star.Zs)
    np.testing.assert_array_equal(table["quadrant"], moran.q)


def test_p_agrees_with_independent_conditional_permutation(clustered):
    values, graph = clustered
    table = run(values, graph, permutations=20_000).table
    rng = np.random.default_rng(99)
    x = values.to_numpy()
    for i in range(0, 100, 9):
        k = int(table["neighbours"].iloc[i])
        observed = x[[values.index.get_loc(j) for j in graph[values.index[i]].index]].sum()
        rest = np.delete(x, i)
        sums = rng.permuted(np.tile(rest, (20_000, 1)), axis=1)[:, :k].sum(axis=1)
        assert table["p_upper"].iloc[i] == pytest.approx((1 + (sums >= observed).sum()) / 20_001, abs=0.015)
        assert table["p_lower"].iloc[i] == pytest.approx((1 + (sums <= observed).sum()) / 20_001, abs=0.015)


def test_clusters_get_their_names_and_the_middle_none(clustered):
    values, graph = clustered
    table = run(values, graph, permutations=9999).table
    assert table.loc["c0011", "label"] == Label.HIGH_HIGH
    assert table.loc["c0011", "gi_star_label"] == "hot"
    assert table.loc["c0088", "label"] == Label.LOW_LOW
    assert table.loc["c0088", "gi_star_label"] == "cold"
    assert (table.loc[table["p_adjusted"] > 0.05, "label"] == Label.NOT_SIGNIFICANT).all()
    assert (table["p"] == np.minimum(1, 2 * table[["p_upper", "p_lower"]].min(axis=1))).all()
    assert (table["support"] == table.index).all()


def test_an_outlier_is_not_a_hotspot():
    ids, graph = lattice(9)
    values = pd.Series(np.random.default_rng(3).normal(size=81), index=ids)
    values += 6.0 * np.array([i // 9 < 5 and i % 9 < 5 for i in range(81)])
    values["c0020"] = -200.0  # far below, its neighbours high: its own value drags Gi* under zero
    table = run(values, graph, permutations=9999, correction="none").table
    assert table.loc["c0020", "label"] == Label.LOW_HIGH
    assert table.loc["c0020", "p_upper"] < 0.025
    assert table.loc["c0020", "gi_star_z"] < 0
    assert table.loc["c0020", "gi_star_label"] == Label.NOT_SIGNIFICANT


def test_row_order_and_id_type_change_nothing(clustered):
    values, graph = clustered
    base = run(values, graph).table
    mixed = np.random.default_rng(0).permutation(100)
    shuffled = run(values.iloc[mixed], graph).table
    assert list(shuffled.index) == list(values.index[mixed])
    pd.testing.assert_frame_equal(shuffled.loc[base.index], base)

    edges = graph.adjacency.reset_index()
    numbers = {area: int(area[1:]) for area in values.index}  # as text 10 comes before 2

    texts = {area: str(number) for area, number in numbers.items()}
    as_int = run(values.rename(index=numbers), rebuilt(edges.replace({"focal": numbers, "neighbor": numbers}))).table
    as_text = run(values.rename(index=texts), rebuilt(edges.replace({"focal": texts, "neighbor": texts}))).table
    for column in ("p_upper", "p_lower", "p_adjusted", "local_moran", "gi_star_z"):
        np.testing.assert_array_equal(as_int[column].to_numpy(), as_text[column].to_numpy())


def test_the_order_of_edges_in_the_graph_changes_nothing(clustered):
    values, graph = clustered
    edges = graph.adjacency.reset_index().iloc[::-1]
    turned = rebuilt(edges)
    pd.testing.assert_frame_equal(run(values, graph).table, run(values, turned).table)


def test_a_missing_value_is_as_if_the_area_were_not_there(clustered):
    values, graph = clustered
    holes = ["c0000", "c0013", "c0077"]
    holed = values.copy()
    holed[holes] = np.nan
    table = run(holed, graph).table
    kept = values.drop(holes)
    edges = graph.adjacency.reset_index()
    edges = edges[~edges["focal"].isin(holes) & ~edges["neighbor"].isin(holes)]
    smaller = run(kept, rebuilt(edges)).table
    pd.testing.assert_frame_equal(table.drop(holes), smaller)
    assert (table.loc[holes, "state"] == State.UNDEFINED).all()
    assert table.loc[holes, ["p", "p_adjusted", "local_moran", "gi_star_z"]].isna().all(axis=None)
    assert (table.loc[holes, "label"] == Label.NO_LABEL).all()


def with_island(values, graph, name="zz"):
    edges = graph.adjacency.reset_index()
    focal = [*edges["focal"], name]
    neighbour = [*edges["neighbor"], name]
    return Graph.from_arrays(focal, neighbour, [*edges["weight"], 0.0])


def test_an_isolate_has_a_state_and_no_p(clustered):
    values, graph = clustered
    wider = pd.concat([values, pd.Series({"zz": 1000.0})])
    table = run(wider, with_island(values, graph)).table
    assert table.loc["zz", "state"] == State.ISOLATED
    assert np.isnan(table.loc["zz", "p"])
    assert table.loc["zz", "label"] == Label.NO_LABEL
    # Nor does it move the others: neither mean, nor draws, nor correction.
    pd.testing.assert_frame_equal(table.drop("zz"), run(values, graph).table)


def test_an_area_whose_neighbours_are_all_missing_is_isolated(clustered):
    values, graph = clustered
    holed = values.copy()
    holed[list(graph["c0055"].index)] = np.nan
    table = run(holed, graph).table
    assert table.loc["c0055", "state"] == State.ISOLATED
    assert table.loc["c0055", "neighbours"] == 0
    assert np.isnan(table.loc["c0055", "p"])


def test_withheld_values_have_their_state_and_must_be_missing(clustered):
    values, graph = clustered
    withheld = pd.Series(False, index=values.index)
    withheld["c0013"] = True
    with pytest.raises(SpatialError, match=r"c0013.*NaN"):
        run(values, graph, suppressed=withheld)
    holed = values.copy()
    holed[["c0013", "c0014"]] = np.nan
    table = run(holed, graph, suppressed=withheld).table
    assert table.loc["c0013", "state"] == State.SUPPRESSED
    assert table.loc["c0014", "state"] == State.UNDEFINED
    pd.testing.assert_frame_equal(table.drop(columns="state"), run(holed, graph).table.drop(columns="state"))


def test_context_areas_count_and_get_no_label(clustered):
    values, graph = clustered
    outside = pd.Series([i % 10 < 3 for i in range(100)], index=values.index)
    plain, result = run(values, graph, permutations=9999), run(values, graph, permutations=9999, context=outside)
    assert (plain.table.loc[outside, "label"] == Label.HIGH_HIGH).any()
    assert (result.table.loc[outside, ["label", "gi_star_label"]] == Label.NO_LABEL).all(axis=None)
    pd.testing.assert_frame_equal(result.table[~outside], plain.table[~outside])
    assert (result.table.loc[outside, "state"] == State.TESTED).all()
    assert result.n_effective == 100


def test_constant_values_are_undefined():
    ids, graph = lattice(7)
    for value in (0.0, 0.1, -5.0):
        result = run(pd.Series(value, index=ids), graph)
        assert (result.table["state"] == State.UNDEFINED).all()
        assert result.table["p"].isna().all()
        assert (result.table["label"] == Label.NO_LABEL).all()
        assert result.n_effective == 0
        assert "equal" in result.warnings[0]


def test_too_few_areas_are_untestable_and_say_what_to_do():
    ids = [f"0315700{i}" for i in range(7)]
    graph = grid_contiguity([0] * 7, range(7), ids)
    values = pd.Series([2.9, 3.5, 3.0, 6.4, 2.4, 2.4, 4.2], index=ids)
    result = run(values, graph)
    assert (result.table["state"] == State.UNTESTABLE).all()
    assert result.table[["p", "p_adjusted", "local_moran", "gi_star_z"]].isna().all(axis=None)
    assert result.table["value"].tolist() == values.tolist()
    assert "7 areas" in result.warnings[0]
    assert "context" in result.warnings[0]
    assert (run(values, graph, min_areas=5).table["state"] == State.TESTED).all()


def test_nothing_but_missing_values():
    ids, graph = lattice(6)
    result = run(pd.Series(np.nan, index=ids), graph)
    assert (result.table["state"] == State.UNDEFINED).all()


def test_neighbourhoods_of_everybody_have_no_spread():
    ids = [f"a{i:02d}" for i in range(31)]
    focal, neighbour = zip(*[(a, b) for a in ids for b in ids if a != b], strict=True)
    graph = Graph.from_arrays(focal, neighbour, np.ones(len(focal)))
    table = run(pd.Series(np.random.default_rng(0).normal(size=31), index=ids), graph).table
    assert (table["p"] == 1).all()
    assert table["gi_star_z"].isna().all()
    assert table["local_moran_z"].isna().all()


def test_an_asymmetric_graph_keeps_areas_that_are_only_pointed_at():
    ids = [f"a{i:02d}" for i in range(40)]
    focal = [ids[i] for i in range(1, 40) for _ in range(2)]
    neighbour = [ids[j] for i in range(1, 40) for j in (i - 1, (i + 1) % 40)]
    graph = Graph.from_arrays([*focal, ids[0]], [*neighbour, ids[0]], [*([1.0] * len(focal)), 0.0])
    values = pd.Series(np.arange(40.0), index=ids)
    table = run(values, graph).table
    assert table.loc["a00", "state"] == State.ISOLATED
    z = values - values.mean()
    assert table.loc["a05", "local_moran"] == pytest.approx(39 * z["a05"] * (z["a04"] + z["a06"]) / 2 / (z @ z))


def test_unequal_weights_are_tested_too(clustered):
    values, graph = clustered
    edges = graph.adjacency.reset_index()
    weight = np.random.default_rng(5).uniform(0.2, 1.0, size=len(edges))
    table = run(values, rebuilt(edges, weight)).table
    x, n = values.to_numpy(), 100
    z = x - x.mean()
    area = edges["focal"] == "c0044"
    w = weight[area]
    others = [values.index.get_loc(j) for j in edges.loc[area, "neighbor"]]
    i = values.index.get_loc("c0044")
    assert table.loc["c0044", "local_moran"] == pytest.approx((n - 1) * z[i] * (w @ z[others]) / w.sum() / (z @ z))
    own, at = np.append(w, w.max()), [*others, i]
    below = x.std() * np.sqrt((n * (own**2).sum() - own.sum() ** 2) / (n - 1))
    assert table.loc["c0044", "gi_star_z"] == pytest.approx((own @ x[at] - own.sum() * x.mean()) / below)
    rng = np.random.default_rng(1)
    rest = np.delete(x, i)
    sums = rng.permuted(np.tile(rest, (20_000, 1)), axis=1)[:, : len(w)] @ w
    assert table.loc["c0044", "p_upper"] == pytest.approx((sums >= w @ x[others]).mean(), abs=0.05)


def test_noise_is_rejected_as_often_as_the_level_says():
    ids, graph = lattice(12)
    rng = np.random.default_rng(2026)
    hits, any_found = [], 0
    for _ in range(60):
        result = local_tests(pd.Series(rng.normal(size=144), index=ids), graph, rng=rng, permutations=1999)
        hits.append((result.table["p"] <= 0.05).mean())
        any_found += (result.table["p_adjusted"] <= 0.05).any()
    assert 0.04 <= np.mean(hits) <= 0.06
    assert any_found <= 9  # BH at 5 % under the full null: a binomial of 60 and .05 exceeds 9 once in two thousand


def test_mid_p_is_less_conservative_for_ties():
    ids, graph = lattice(8)
    values = pd.Series((np.random.default_rng(1).random(64) < 0.4).astype(float), index=ids)
    plain, mid = run(values, graph).table, run(values, graph, mid_p=True).table
    assert (mid["p_upper"] <= plain["p_upper"]).all()
    assert (mid["p_upper"] + mid["p_lower"]).to_numpy() == pytest.approx(np.ones(64))


def test_too_few_permutations_for_the_correction_are_told():
    ids, graph = lattice(20)
    values = pd.Series(np.random.default_rng(0).normal(size=400), index=ids)
    told = run(values, graph, permutations=999).warnings
    assert len(told) == 1
    assert "at least 16 areas" in told[0]  # 2·400/(m·.05) − 1 <= 999
    assert "15999" in told[0]
    assert not run(values, graph, permutations=15_999).warnings
    assert not run(values, graph, permutations=999, correction="none").warnings


def test_what_cannot_be_meant_is_refused(clustered):
    values, graph = clustered
    with pytest.raises(AreaKeyError, match="c0000"):
        run(pd.concat([values, values[:1]]), graph)
    with pytest.raises(SpatialError, match="reindex"):
        run(values[:-1], graph)
    with pytest.raises(SpatialError, match="c0003"):
        run(values.where(values.index != "c0003", np.inf), graph)
    with pytest.raises(SpatialError, match="correction"):
        run(values, graph, correction="bonferroni")
    with pytest.raises(SpatialError, match="alpha"):
        run(values, graph, alpha=5)
    with pytest.raises(SpatialError, match="permutation"):
        run(values, graph, permutations=0)
    with pytest.raises(AreaKeyError, match="context"):
        run(values, graph, context=pd.Series(True, index=values.index[1:]))
    edges = graph.adjacency.reset_index()
    negative = rebuilt(edges, -edges["weight"])
    with pytest.raises(SpatialError, match="not negative"):
        run(values, negative)


def test_nothing_the_caller_owns_is_changed(clustered):
    values, graph = clustered
    before, state = values.copy(), np.random.get_state()[1].copy()
    run(values, graph)
    pd.testing.assert_series_equal(values, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
