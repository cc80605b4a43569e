"""Graphs, rates, significance, and global statistics.

Covered: contiguity of geometries that do not share vertices, shuffled ids, islands; grid contiguity against geometry;
empirical Bayes against a literal transcription and esda; corrections against a literal transcription; Moran, Geary
and G against dense matrices and esda; permutation p; missing values, isolates, constants, row order.
"""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Polygon, box

from geodata.errors import AreaKeyError, CrsError, GeometryError, SpatialError, UntestableError
from spatial.autocorrelation.global_ import geary, getis_ord, moran
from spatial.autocorrelation.graphs import contiguity, describe, grid_contiguity, neighbour_matrix
from spatial.autocorrelation.permutation import Counts
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.significance import (
    adjust,
    discoveries,
    fewest_discoveries,
    pseudo_p,
    resolution_warning,
    upper_p,
)


def edges(graph) -> set[tuple]:
    named = graph.adjacency
    return {pair for pair, weight in named.items() if weight > 0}


def tiles() -> gpd.GeoDataFrame:
    """Four squares, b without the vertices that a and c have on its border, d touching c at a point; an island."""
    return gpd.GeoDataFrame(
        geometry=[
            box(0, 0, 1, 1),
            Polygon([(1, 0), (2, 0), (2, 3), (1, 3)]),
            box(0, 1, 1, 2),
            box(-1, 2, 0, 3),
            box(10, 10, 11, 11),
        ],
        index=pd.Index(["a", "b", "c", "d", "e"], name="area_id"),
        crs="EPSG:25832",
    )


def test_contiguity_by_topology_and_not_by_shared_vertices():
    queen = {("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")}
    both = queen | {(j, i) for i, j in queen}
    assert edges(contiguity(tiles(), "queen")) == both
    assert edges(contiguity(tiles(), "rook")) == both - {("c", "d"), ("d", "c")}
    assert edges(contiguity(tiles(), "fuzzy", buffer=0.01)) == both
    assert describe(contiguity(tiles(), "queen")) == {"n": 5, "isolates": 1, "components": 2, "mean_neighbours": 1.6}


def test_contiguity_does_not_depend_on_the_order_of_areas():
    shuffled = tiles().iloc[[3, 0, 4, 2, 1]]
    for kind in ("queen", "rook", "fuzzy"):
        assert edges(contiguity(shuffled, kind)) == edges(contiguity(tiles(), kind))
        matrix = neighbour_matrix(contiguity(shuffled, kind), tiles().index)
        straight = neighbour_matrix(contiguity(tiles(), kind), tiles().index)
        np.testing.assert_array_equal(matrix.toarray(), straight.toarray())


def test_fuzzy_contiguity_bridges_gaps():
    gap = gpd.GeoDataFrame(geometry=[box(0, 0, 10, 10), box(11, 0, 20, 10)], index=["a", "b"], crs="EPSG:25832")
    assert edges(contiguity(gap, "queen")) == set()
    assert edges(contiguity(gap, "fuzzy", buffer=1.0)) == {("a", "b"), ("b", "a")}


def test_contiguity_refuses_what_it_cannot_decide():
    areas = tiles()
    with pytest.raises(AreaKeyError, match="a"):
        contiguity(areas.iloc[[0, 0, 1]])
    with pytest.raises(GeometryError, match="b"):
        contiguity(areas.set_geometry([*areas.geometry[:1], None, *areas.geometry[2:]], crs=areas.crs))
    with pytest.raises(CrsError):
        contiguity(areas.set_crs("EPSG:4326", allow_override=True), "fuzzy")
    with pytest.raises(SpatialError, match="bishop"):
        contiguity(areas, "bishop")
    assert describe(contiguity(areas.iloc[:1]))["isolates"] == 1


@pytest.mark.parametrize("kind", ["queen", "rook"])
def test_grid_contiguity_equals_that_of_the_squares(kind):
    rng = np.random.default_rng(3)
    cells = rng.permutation(120)[:70]
    row, col = cells // 12 - 5, cells % 12 + 1_000_000  # any origin; first and last columns must not meet
    ids = np.array([f"z{c}" for c in cells])
    squares = gpd.GeoDataFrame(geometry=[box(c, r, c + 1, r + 1) for r, c in zip(row, col, strict=True)], index=ids)
    grid = grid_contiguity(row, col, ids, kind)
    assert edges(grid) == edges(contiguity(squares, kind))
    assert list(grid.unique_ids) == list(ids)
    assert describe(grid)["n"] == 70


def test_grid_contiguity_refuses_two_ids_in_one_cell():
    with pytest.raises(AreaKeyError, match="a, b"):
        grid_contiguity([0, 0, 1], [3, 3, 3], ["a", "b", "c"])
    with pytest.raises(AreaKeyError, match="repeated"):
        grid_contiguity([0, 1], [0, 0], ["a", "a"])


def test_empirical_bayes_is_the_formula():
    e, x = np.array([3.0, 40.0, 5.0, 0.0, 220.0]), np.array([100.0, 900.0, 60.0, 30.0, 2500.0])
    for form in ("proportion", "poisson"):
        b = e.sum() / x.sum()
        s2 = (x * (e / x - b) ** 2).sum() / x.sum()
        unit = b * (1 - b) if form == "proportion" else b
        a = max(0.0, s2 - unit / x.mean())
        wanted = (e / x - b) / np.sqrt(a + unit / x)
        got = empirical_bayes(pd.Series(e), pd.Series(x), form=form)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_empirical_bayes_equals_esda_where_a_is_positive():
    from esda.moran import assuncao_rate

    rng = np.random.default_rng(1)
    x = rng.integers(500, 5000, size=80).astype(float)
    e = rng.poisson(x * rng.gamma(4, 0.01, size=80)).astype(float)
    b = e.sum() / x.sum()
    assert (x * (e / x - b) ** 2).sum() / x.sum() > b / x.mean()
    np.testing.assert_allclose(
        empirical_bayes(pd.Series(e), pd.Series(x), form="poisson"), assuncao_rate(e, x), rtol=1e-9
    )


def test_empirical_bayes_stays_calm_where_the_published_form_explodes():
    from esda.moran import assuncao_rate

    # Same risk everywhere: a would be negative, and the published variance passes through 0.
    rng = np.random.default_rng(8)
    x = rng.integers(30, 3000, size=400).astype(float)
    e = rng.binomial(x.astype(int), 0.05).astype(float)
    ours = empirical_bayes(pd.Series(e), pd.Series(x))
    assert ours.abs().max() < 5
    assert np.abs(assuncao_rate(e, x)).max() > ours.abs().max()
    assert ours.std() == pytest.approx(1, abs=0.1)


def test_empirical_bayes_of_what_is_missing_or_impossible():
    z = empirical_bayes(
        pd.Series([1.0, np.nan, 4.0, 2.0, 9.0], index=list("abcde")),
        pd.Series([90.0, 50.0, 0.0, np.nan, 10.0], index=list("ebcda")),
    )
    assert z.isna().to_dict() == {"a": False, "b": True, "c": True, "d": True, "e": False}
    assert z["e"] == pytest.approx(empirical_bayes(pd.Series([1.0, 9.0]), pd.Series([10.0, 90.0]))[1])
    two = pd.Series([1.0, 2.0])
    with pytest.raises(AreaKeyError):
        empirical_bayes(two, pd.Series([1.0, 2.0, 3.0]))
    with pytest.raises(SpatialError, match="more"):
        empirical_bayes(pd.Series([5.0, 1.0]), two)
    with pytest.raises(SpatialError, match="not negative"):
        empirical_bayes(-two, two)
    with pytest.raises(SpatialError, match="0 everywhere"):
        empirical_bayes(0 * two, two)
    with pytest.raises(SpatialError, match="normal"):
        empirical_bayes(two, two * 9, form="normal")


def test_benjamini_hochberg_is_the_largest_k():
    rng = np.random.default_rng(5)
    for _ in range(50):
        p = np.concatenate([rng.random(20), rng.random(5) / 200])
        ordered = np.sort(p)
        for method, factor in (("fdr", 1.0), ("by", np.sum(1 / np.arange(1, 26)))):
            passing = [k for k in range(1, 26) if ordered[k - 1] <= k * 0.05 / 25 / factor]
            wanted = p <= ordered[max(passing) - 1] if passing else np.zeros(25, dtype=bool)
            np.testing.assert_array_equal(discoveries(adjust(p, method), 0.05), wanted)
    np.testing.assert_array_equal(adjust(p, "none"), p)
    assert len(adjust(np.empty(0), "fdr")) == 0
    with pytest.raises(SpatialError):
        adjust(p, "bonferroni")


def test_two_sided_p_never_exceeds_one():
    counts = Counts(np.array([0, 99, 60, 30]), np.array([99, 99, 45, 69]), 99)
    upper, lower, p = pseudo_p(counts)
    np.testing.assert_allclose(upper, [0.01, 1, 0.61, 0.31])
    np.testing.assert_allclose(lower, [1, 1, 0.46, 0.70])
    np.testing.assert_allclose(p, [0.02, 1, 0.92, 0.62])
    upper, lower, p = pseudo_p(counts, mid_p=True)
    np.testing.assert_allclose(upper, [0.005, 0.5, 0.575, 0.305])
    np.testing.assert_allclose(upper + lower, 1)


def test_the_resolution_limit_is_that_of_the_correction():
    for tests, permutations in ((100, 999), (10_000, 99_999), (37, 50), (400, 15_999), (400, 15_998)):
        for correction in ("fdr", "by", "none"):
            smallest = np.full(tests, 1.0)
            fewest = fewest_discoveries(tests, permutations, 0.05, correction)
            if fewest <= tests:
                smallest[:fewest] = 2 / (permutations + 1)
                assert discoveries(adjust(smallest, correction), 0.05).sum() == fewest
            if fewest > 1 and correction != "none":
                smallest[fewest - 1 :] = 1.0
                assert not discoveries(adjust(smallest, correction), 0.05).any()
            told = resolution_warning(tests, permutations, 0.05, correction)
            assert (told is not None) == (fewest > 1)
    assert resolution_warning(0, 1, 0.05, "fdr") is None


def test_upper_p_counts_ties():
    assert upper_p(1.0, np.array([0.5, 1.0, 1.0 - 1e-15, 2.0])) == 0.8
    assert upper_p(1.0, np.array([])) == 1.0


@pytest.fixture(scope="module")
def field():
    ids = [f"c{i:03d}" for i in range(100)]
    graph = grid_contiguity(np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10), ids)
    rng = np.random.default_rng(4)
    values = pd.Series(rng.gamma(2, size=100) + np.repeat(np.arange(10), 10) / 5, index=ids)
    return values, graph


def test_global_statistics_equal_esda(field):
    import esda

    values, graph = field
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # esda permutes and warns on its own
        theirs = esda.Moran(values, graph.transform("r"), permutations=0)
        contrast = esda.Geary(values, graph.transform("r"), permutations=0)
        general = esda.G(values, graph.transform("b"), permutations=0)
    rng = np.random.default_rng(0)
    ours = moran(values, graph, permutations=99, rng=rng)
    assert ours.value == pytest.approx(theirs.I, rel=1e-12)
    assert ours.expected == pytest.approx(theirs.EI, rel=1e-12)
    assert ours.z == pytest.approx(theirs.z_rand, rel=1e-10)
    assert geary(values, graph, permutations=0, rng=rng).value == pytest.approx(contrast.C, rel=1e-12)
    assert getis_ord(values, graph, permutations=0, rng=rng).value == pytest.approx(general.G, rel=1e-12)


def test_moran_moments_are_those_of_the_permutations(field):
    values, graph = field
    shuffled = [
        moran(pd.Series(np.random.default_rng(i).permutation(values), values.index), graph, permutations=0, rng=None)
        for i in range(400)
    ]
    z = np.array([each.z for each in shuffled])
    assert abs(z.mean()) < 0.2
    assert z.std() == pytest.approx(1, abs=0.12)
    assert shuffled[0].p is None


def test_moran_p_is_uniform_under_noise_and_small_under_a_trend(field):
    values, graph = field
    assert moran(values, graph, permutations=999, rng=np.random.default_rng(0)).p < 0.01
    rng = np.random.default_rng(17)
    p = [moran(pd.Series(rng.normal(size=100), values.index), graph, permutations=199, rng=rng).p for _ in range(300)]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)


def test_permutation_does_not_depend_on_row_order_or_blocks(field, monkeypatch):
    from spatial.autocorrelation import global_

    values, graph = field
    noise = pd.Series(np.random.default_rng(3).normal(size=100), values.index)
    base = moran(noise, graph, permutations=500, rng=np.random.default_rng(5))
    shuffled = noise.sample(frac=1, random_state=np.random.RandomState(1))
    assert moran(shuffled, graph, permutations=500, rng=np.random.default_rng(5)) == base
    monkeypatch.setattr(global_, "_BLOCK", 700)
    assert moran(noise, graph, permutations=500, rng=np.random.default_rng(5)).p == base.p


def test_missing_and_isolated_areas_leave_the_global_test(field):
    values, graph = field
    holed = values.copy()
    holed[["c000", "c055"]] = np.nan
    got = moran(holed, graph, permutations=0, rng=np.random.default_rng(0))
    matrix = neighbour_matrix(graph, values.index).toarray()
    keep = holed.notna().to_numpy()
    w = matrix[np.ix_(keep, keep)]
    w = w / w.sum(axis=1, keepdims=True)
    z = holed[keep] - holed[keep].mean()
    assert got.n == 98
    assert got.value == pytest.approx(98 / w.sum() * (z @ w @ z) / (z @ z))
    alone = grid_contiguity([0, 0, 0, 0, 0, 9], [0, 1, 2, 3, 4, 9], list("abcdef"))
    assert moran(pd.Series([1.0, 2, 3, 4, 9, 1e6], list("abcdef")), alone, permutations=0, rng=None).n == 5


def test_constants_have_no_global_test_and_too_few_areas_are_refused(field):
    values, graph = field
    flat = moran(0 * values + 0.1, graph, rng=np.random.default_rng(0))
    assert np.isnan(flat.value)
    assert np.isnan(flat.z)
    assert flat.p is None
    few = values.where(np.arange(100) < 3)
    with pytest.raises(UntestableError, match="at least 4"):
        moran(few, graph, rng=np.random.default_rng(0))
    with pytest.raises(AreaKeyError):
        moran(pd.concat([values, values[:1]]), graph, rng=np.random.default_rng(0))
    with pytest.raises(SpatialError, match="negative"):
        getis_ord(-values, graph, rng=np.random.default_rng(0))
    with pytest.raises(SpatialError, match="infinity"):
        moran(values.where(values.index != "c001", np.inf), graph, rng=np.random.default_rng(0))
