"""Tests of space-time: Mann-Kendall against enumeration and SciPy, categories by hand, change between two periods.

Mann-Kendall's exact distribution is compared with all orders of the values (with and without ties) and, without ties,
with scipy.stats.kendalltau(method="exact"). The categories are compared with series whose category is in the text.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from geodata.errors import AreaKeyError, SpatialError
from spatial.autocorrelation.change import change, change_test
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_gi, local_gi_star, local_tests
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.spacetime import Emerging, emerging_hotspots, mann_kendall
from spatial.results import Label, LocalResult, State


def s_of(x) -> int:
    return sum(int(np.sign(x[j] - x[i])) for i in range(len(x)) for j in range(i + 1, len(x)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=7))
def test_the_exact_distribution_is_that_of_all_orders(values):
    got = mann_kendall(np.array(values, dtype=float))
    every = [s_of(order) for order in permutations(values)]
    assert got.s == s_of(values)
    assert got.p_upper == pytest.approx(np.mean([s >= got.s for s in every]), abs=1e-12)
    assert got.p_lower == pytest.approx(np.mean([s <= got.s for s in every]), abs=1e-12)
    assert got.p == pytest.approx(min(1, 2 * min(got.p_upper, got.p_lower)), abs=1e-12)
    assert got.variance == pytest.approx(np.var(every), abs=1e-9)
    if len(set(values)) > 1:
        assert got.smallest == pytest.approx(min(1, 2 * np.mean([s == max(every) for s in every])), abs=1e-12)
    else:
        assert (got.s, got.p, got.smallest) == (0, 1.0, 1.0)


@pytest.mark.parametrize("t", [3, 5, 8, 12, 25, 40])
def test_without_ties_it_is_scipys(t):
    rng = np.random.default_rng(t)
    for _ in range(10):
        x = rng.normal(size=t) + 0.1 * np.arange(t)
        assert mann_kendall(x).p == pytest.approx(kendalltau(np.arange(t), x, method="exact").pvalue, rel=1e-9)


def test_long_series_use_the_normal_distribution():
    rng = np.random.default_rng(1)
    x = rng.normal(size=60).round(1) + 0.02 * np.arange(60)
    got = mann_kendall(x)
    assert not got.exact
    expected = kendalltau(np.arange(60), x, method="asymptotic").pvalue
    assert got.p == pytest.approx(expected, rel=0.05)  # SciPy has no continuity correction
    rising = np.arange(40.0)
    assert mann_kendall(rising).exact
    assert mann_kendall(np.append(rising, 40.0)).p < 1e-15


def test_four_years_can_never_reach_five_per_cent():
    assert mann_kendall([1, 2, 3, 4]).smallest == pytest.approx(2 / 24)
    assert mann_kendall([1, 2, 3, 4, 5]).smallest == pytest.approx(2 / 120)
    assert mann_kendall([1, np.nan, 2, 3, 4]).periods == 4
    assert mann_kendall([3.0]).p == 1.0
    assert mann_kendall([]).p == 1.0
    with pytest.raises(SpatialError, match="finite"):
        mann_kendall([1, np.inf])


@pytest.mark.slow
@pytest.mark.parametrize(("t", "expected"), [(6, 0.12), (10, 0.33)])
def test_years_that_resemble_each_other_are_taken_for_trends(t, expected):
    """Why categories are descriptive: without any trend an AR(1) of .8 is rejected far above .05."""
    rng = np.random.default_rng(t)
    x = rng.normal(size=(4000, t))
    for i in range(1, t):
        x[:, i] = 0.8 * x[:, i - 1] + np.sqrt(1 - 0.64) * x[:, i]
    assert np.mean([mann_kendall(row).p <= 0.05 for row in x]) == pytest.approx(expected, abs=0.04)


def years(rows: dict[str, str], scores: dict[str, list[float]] | None = None) -> dict[int, LocalResult]:
    """Make tests of some years out of letters: h hot, c cold, . not significant, x not tested."""
    words = {"h": Label.HOT, "c": Label.COLD, ".": Label.NOT_SIGNIFICANT, "x": Label.NO_LABEL}
    out = {}
    for t in range(len(next(iter(rows.values())))):
        table = pd.DataFrame(
            {
                "gi_star_label": [str(words[row[t]]) for row in rows.values()],
                "gi_star_z": [(scores or {}).get(name, [0.0] * 20)[t] for name in rows],
                "state": [str(State.UNDEFINED if row[t] == "x" else State.TESTED) for row in rows.values()],
            },
            index=pd.Index(list(rows), name="area_id"),
        )
        out[2015 + t] = LocalResult(table, 99, 0.05, "fdr", len(table), 1, "")
    return out


def test_every_category_by_its_definition():
    rows = {
        ".........h": "new",
        "....c....h": "new",
        ".......hhh": "consecutive",
        "hhhhhhhhhh": "persistent",
        ".hhhhhhhhh": "persistent",
        "..hhhhhhhh": "consecutive",
        "h.h.h.h.hh": "sporadic",
        "hhhhhhhh.h": "persistent",
        "hhhhhhh..h": "sporadic",
        "..h.c...hh": "oscillating",
        "c......hhh": "oscillating",
        "hhhhhhhhh.": "historical",
        "hhhhhh....": "no pattern",
        "..........": "no pattern",
        "h.h.......": "no pattern",
        "hhhhhhhhhx": "unknown",
        "xxxxxxxxxh": "new",
        "xxhhhhhhhh": "persistent",
    }
    rows = dict(zip([f"a{i}" for i in range(len(rows))], rows.items(), strict=True))
    got = emerging_hotspots(years({name: row for name, (row, _) in rows.items()})).table
    for name, (row, category) in rows.items():
        assert got.loc[name, "category"] == category, row
        assert got.loc[name, "side"] == ("hot" if category not in ("no pattern", "unknown") else "")
        assert got.loc[name, "hot"] == row.count("h")
    # Cold spots are the mirror image.
    turned = str.maketrans("hc", "ch")
    mirror = emerging_hotspots(years({name: row.translate(turned) for name, (row, _) in rows.items()})).table
    assert (mirror["category"] == got["category"]).all()
    assert set(mirror["side"]) == {"cold", ""}


def test_trends_of_the_score_tell_intensifying_from_diminishing():
    up, down = [float(i) for i in range(8)], [float(-i) for i in range(8)]
    rows = {"a": "h" * 8, "b": "h" * 8, "c": "h" * 8, "d": "c" * 8, "e": "." * 8}
    got = emerging_hotspots(years(rows, {"a": up, "b": down, "d": down, "e": up}))
    table = got.table
    assert table["category"].tolist() == ["intensifying", "diminishing", "persistent", "intensifying", "no pattern"]
    assert table["trend"].tolist() == ["up", "down", "", "down", "up"]
    assert table.loc["a", "p"] == pytest.approx(2 / 40320)
    assert got.descriptive
    assert any("no finding of a test" in each for each in got.warnings)
    assert {str(each) for each in Emerging} >= set(table["category"])


def test_too_few_periods_are_said():
    four = emerging_hotspots(years({"a": "hhhh"}, {"a": [1.0, 2.0, 3.0, 4.0]}))
    assert four.table.loc["a", "category"] == "persistent"
    assert any("4 periods can give no trend with p below 0.083" in each for each in four.warnings)
    assert len(emerging_hotspots(years({"a": "hhhhh"})).warnings) == 1
    with pytest.raises(SpatialError, match="at least 2 periods"):
        emerging_hotspots(years({"a": "h"}))
    mixed = years({"a": "hh"})
    mixed[2016] = years({"b": "hh"})[2016]
    with pytest.raises(AreaKeyError, match="2016"):
        emerging_hotspots(mixed)


@pytest.fixture(scope="module")
def lattice():
    ids = [f"c{i:02d}" for i in range(100)]
    return ids, grid_contiguity(np.arange(100) // 10, np.arange(100) % 10, ids)


def test_real_tests_of_every_period_go_in_as_they_are(lattice):
    ids, graph = lattice
    block = np.array([i // 10 < 4 and i % 10 < 4 for i in range(100)])
    rng = np.random.default_rng(1)
    series = {2018 + t: pd.Series(rng.normal(size=100) + block * (3.0 if t > 2 else 0.0), ids) for t in range(5)}
    one = emerging_hotspots(
        {t: local_tests(x, graph, rng=np.random.default_rng(t), permutations=9999) for t, x in series.items()}
    )
    two = emerging_hotspots(
        {t: local_gi_star(x, graph, rng=np.random.default_rng(t), permutations=9999) for t, x in series.items()}
    )
    pd.testing.assert_frame_equal(one.table, two.table)
    # All neighbours of these lie in the block; at its edge the test has less to go by.
    assert set(one.table.loc[["c11", "c12", "c21", "c22"], "category"]) == {"consecutive"}
    assert set(one.table.loc[block, "category"]) <= {"consecutive", "new", "no pattern"}
    assert (one.table.loc[~block, "category"] == "no pattern").mean() > 0.8
    with pytest.raises(SpatialError, match="Gi"):
        emerging_hotspots(
            {t: local_gi(x, graph, rng=np.random.default_rng(t), permutations=99) for t, x in series.items()}
        )


def test_change_of_values_is_their_difference(lattice):
    ids, graph = lattice
    rng = np.random.default_rng(2)
    block = np.array([i // 10 < 4 and i % 10 < 4 for i in range(100)])
    high = pd.Series(rng.normal(size=100) + 5.0 * (np.arange(100) // 10 > 6), ids)  # high in both years: no change
    after = high + pd.Series(rng.normal(scale=0.3, size=100) + block, ids)
    pd.testing.assert_series_equal(change(high, after), after - high)
    found = change_test(high, after, graph, rng=rng, permutations=9999).table
    assert (found.loc[block, "label"] == Label.HIGH_HIGH).mean() > 0.6
    assert (
        not (found.loc[~block, "label"] == Label.HIGH_HIGH).any()
        or (found.loc[~block, "label"] == Label.HIGH_HIGH).mean() < 0.08
    )


def test_change_of_rates_has_unit_variance_at_every_size():
    rng = np.random.default_rng(3)
    x1, x2 = rng.integers(60, 4000, size=(2, 4000)).astype(float)
    ids = [f"a{i:04d}" for i in range(4000)]
    e1, e2 = rng.binomial(x1.astype(int), 0.08), rng.binomial(x2.astype(int), 0.11)
    z = change(*(pd.Series(v, ids, dtype=float) for v in (e1, e2)),
               population_before=pd.Series(x1, ids), population_after=pd.Series(x2, ids))  # fmt: skip
    size = pd.qcut(1 / x1 + 1 / x2, 4, labels=False)
    for quarter in range(4):
        assert z[size == quarter].std() == pytest.approx(1, abs=0.1)
    # The difference of two standardised years is not of unit variance.
    apart = empirical_bayes(pd.Series(e2, ids), pd.Series(x2, ids)) - empirical_bayes(
        pd.Series(e1, ids), pd.Series(x1, ids)
    )
    assert apart.std() == pytest.approx(np.sqrt(2), abs=0.1)


def test_change_of_rates_by_hand():
    ids = list("abc")
    e1, x1 = pd.Series([10.0, 20, 30], ids), pd.Series([100.0, 400, 300], ids)
    e2, x2 = pd.Series([30.0, 22, np.nan], ids), pd.Series([120.0, 380, 310], ids)
    z = change(e1, e2[::-1], population_before=x1, population_after=x2)
    b1, b2 = 30 / 500, 52 / 500
    noise = b1 * (1 - b1) / x1[:2] + b2 * (1 - b2) / x2[:2]
    d = (e2 / x2 - e1 / x1)[:2]
    w = 2 / (1 / x1 + 1 / x2)[:2]
    mean = (w * d).sum() / w.sum()
    a = max(0, (w * (d - mean) ** 2).sum() / w.sum() - (w * noise).sum() / w.sum())
    np.testing.assert_allclose(z[:2], (d - mean) / np.sqrt(a + noise), rtol=1e-12)
    assert np.isnan(z["c"])
    with pytest.raises(AreaKeyError):
        change(e1, e2, population_before=x1)
    with pytest.raises(AreaKeyError):
        change(e1, e2[:2])


def test_the_test_of_change_shows_the_change_of_the_rate(lattice):
    ids, graph = lattice
    rng = np.random.default_rng(4)
    block = np.array([i // 10 < 4 and i % 10 < 4 for i in range(100)])
    x = pd.Series(rng.integers(400, 3000, size=100), ids, dtype=float)
    e1 = pd.Series(rng.binomial(x.astype(int), 0.08), ids, dtype=float)
    e2 = pd.Series(rng.binomial(x.astype(int), 0.08 + 0.04 * block), ids, dtype=float)
    got = change_test(e1, e2, graph, rng=rng, population_before=x, population_after=x, permutations=9999)
    np.testing.assert_allclose(got.table["value"], (e2 - e1) / x)
    assert (got.table.loc[block, "label"] == Label.HIGH_HIGH).mean() > 0.6
