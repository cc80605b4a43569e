"""Variants, rank intervals, class probabilities and Sobol indices.

Covered: every combination of choices against one index at a time through pandas; ranks, classes and quantiles against
loops; missing values; order of areas and indicators, units, threads and seeds; Sobol indices against full enumeration;
calibration of class probabilities in simulation; refusals.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, ColumnError, SpatialError
from spatial.autocorrelation.robustness import draw_rates
from spatial.index.aggregate import aggregate
from spatial.index.classes import class_cuts, classify
from spatial.index.composite import status_index
from spatial.index.normalise import Normaliser
from spatial.index.presets import MSS
from spatial.index.sensitivity import classes_of, ranks, sensitivity, sobol_indices
from spatial.index.variants import Choices, Variants

NAMES = ("work", "poor", "child", "health")
WEIGHTS = {"work": 2.0, "poor": 1.0, "child": 1.0, "health": 0.5}
ALL = Choices(
    weights=WEIGHTS,
    weight_spread=0.4,
    aggregations=("arithmetic", "geometric", "harmonic", "minimum"),
    min_shares=(1.0, 0.5),
)
SCALES = {"z": (100.0, 10.0), "min-max": (1.0, 99.0), "percentile": (1.0, 99.0)}


def make(d: int = 7, n: int = 23, choices: Choices = ALL, holes: bool = False, seed: int = 3) -> Variants:
    rng = np.random.default_rng(seed)
    draws = rng.gamma(4, size=(n, 4)) * rng.gamma(30, 1 / 30, size=(d, n, 4))
    draws[:, 5] = draws[:, 6]  # twins
    if holes:
        draws[:, 1, 0] = np.nan
        draws[:, 2, 1:] = np.nan
        draws[:, 3] = np.nan
    return Variants(draws, pd.Index([f"o{i:02d}" for i in range(n)]), NAMES, choices)


def one_by_one(v: Variants, unit: np.ndarray) -> np.ndarray:
    """Compute each variant by itself, through the functions that compute an index."""
    c, rows = v.choices, []
    alphabet = sorted(NAMES)
    for u in unit:
        draw = pd.DataFrame(v.draws[int(u[0] * len(v.draws))], v.areas, list(NAMES))
        weights = {n: WEIGHTS[n] * (1 + 0.4 * (2 * u[1 + alphabet.index(n)] - 1)) for n in NAMES}
        scale = c.normalisations[int(u[5] * 3)]
        method = c.aggregations[int(u[6] * 4)]
        normal = Normaliser(scale, scale=SCALES[scale]).fit(draw).transform(draw)
        base = dict.fromkeys(NAMES, 50.0)
        rows.append(aggregate(normal, method, weights=weights, min_share=c.min_shares[int(u[7] * 2)], base=base).score)
    return np.array(rows)


@pytest.mark.parametrize("holes", [False, True])
def test_every_variant_is_the_index_computed_by_itself(holes):
    v = make(holes=holes)
    assert v.factors() == {"values": 1, "weights": 4, "normalisation": 1, "aggregation": 1, "missing": 1}
    unit = np.random.default_rng(1).random((300, 8))
    found, expected = v.scores(unit), one_by_one(v, unit)
    np.testing.assert_allclose(found, expected, atol=2e-9)
    combinations = {(int(u[5] * 3), int(u[6] * 4), int(u[7] * 2)) for u in unit}
    assert len(combinations) == 24
    if holes:
        assert np.isnan(found[:, 3]).all()
        assert 0 < np.isnan(found[:, 1]).mean() < 1
    else:
        np.testing.assert_array_equal(found[:, 5], found[:, 6])


def test_threads_and_the_order_of_areas_and_indicators_change_nothing():
    v = make(n=80)
    plain = sensitivity(v, 400, rng=np.random.default_rng(5), threads=1).table
    pd.testing.assert_frame_equal(sensitivity(v, 400, rng=np.random.default_rng(5), threads=3).table, plain)
    rows, columns = np.random.default_rng(2).permutation(80), [2, 0, 3, 1]
    mixed = Variants(v.draws[:, rows][:, :, columns], v.areas[rows], tuple(NAMES[k] for k in columns), ALL)
    found = sensitivity(mixed, 400, rng=np.random.default_rng(5)).table.loc[v.areas]
    pd.testing.assert_frame_equal(found, plain)
    units = Variants(v.draws * [3.0, 0.01, 1.0, 8.0] + [0.0, 5.0, -1.0, 2.0], v.areas, NAMES, ALL)
    pd.testing.assert_frame_equal(sensitivity(units, 400, rng=np.random.default_rng(5)).table, plain)
    other = sensitivity(v, 400, rng=np.random.default_rng(6)).table
    assert (other["worst"] != plain["worst"]).any()


@pytest.mark.parametrize("rule", ["sd", "quantile"])
def test_intervals_and_probabilities_are_counts_over_the_variants(rule):
    v = make(n=40, holes=True)
    labels = MSS.labels
    result = sensitivity(v, 150, rng=np.random.default_rng(9), rule=rule, level=0.8)
    scores = v.scores(np.random.default_rng(9).random((150, 8)))
    rank = {area: [] for area in v.areas}
    member = {area: [] for area in v.areas}
    for row in scores:
        score = pd.Series(row, v.areas)
        cuts = class_cuts(score, rule, classes=4, at=MSS.cuts if rule == "sd" else ())
        place, klass = score.rank(ascending=False, method="min"), classify(score, cuts, labels)
        for area in v.areas:
            if score.notna()[area]:
                rank[area].append(place[area])
                member[area].append(klass[area])
    assert result.table["rank"].isna().sum() == 3  # the first missing-value rule: all indicators
    for area in v.areas:
        row = result.table.loc[area]
        assert row["scored"] == pytest.approx(len(rank[area]) / 150)
        if not rank[area]:
            assert row[["rank_low", "rank_high", "worst", "class_probability"]].isna().all()
            assert row["likeliest_class"] is None
            continue
        low, middle, high = np.quantile(rank[area], [0.1, 0.5, 0.9], method="inverted_cdf")
        assert (row["rank_low"], row["rank_median"], row["rank_high"]) == (low, middle, high)
        for label in labels:
            assert row[f"probability_{label}"] == pytest.approx(member[area].count(label) / len(member[area]))
        assert row["worst"] == row["probability_sehr niedrig"]
        if row["status_class"] is not None:
            assert row["class_probability"] == row[f"probability_{row['status_class']}"]
    assert result.factors == ("values", "weights", "normalisation", "aggregation", "missing")


def test_without_variation_the_index_is_sure_and_is_the_status_index():
    fixed = Choices(weight_spread=0, normalisations=("z",), aggregations=("arithmetic",))
    v = make(d=1, n=40, choices=fixed)
    table = sensitivity(v, 20, rng=np.random.default_rng(1)).table
    status = status_index(pd.DataFrame(v.draws[0], v.areas, list(NAMES))).table
    assert (table["class_probability"] == 1).all()
    assert (table["rank_low"] == table["rank_high"]).all()
    assert (table["rank"] == status["rank"]).all()
    assert (table["status_class"] == status["status_class"]).all()
    assert set(table["worst"]) == {0.0, 1.0}
    assert v.factors() == {}


def test_equal_scores_share_a_rank_and_missing_ones_have_none():
    scores = np.array([[3.0, 1.0, 3.0, np.nan], [1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_array_equal(ranks(scores), [[1, 3, 1, np.nan], [4, 3, 2, 1]])
    member = classes_of(scores, "quantile", (), 2)
    np.testing.assert_array_equal(member, [[0, 0, 0, -1], [0, 0, 1, 1]])


def exact_indices(y: np.ndarray) -> tuple[list[float], list[float]]:
    """Return first-order and total indices of a full table of equally likely options."""
    axes = range(y.ndim)
    first = [y.mean(axis=tuple(a for a in axes if a != k)).var() / y.var() for k in axes]
    total = [1 - y.mean(axis=k).var() / y.var() for k in axes]
    return first, total


def test_sobol_indices_are_those_of_full_enumeration():
    choices = Choices(weight_spread=0, normalisations=("z", "min-max", "percentile"), aggregations=ALL.aggregations)
    v = make(d=5, n=60, choices=choices)
    grid = [(np.arange(k) + 0.5) / k for k in (5, 3, 4)]
    unit = np.array(list(itertools.product(*grid)))
    rank = ranks(v.scores(unit))
    itself = ranks(v.index_itself()[None, :])
    outputs = {"mean rank shift": np.abs(rank - itself).mean(axis=1), "o07": rank[:, 7]}
    result = sobol_indices(v, 2048, rng=np.random.default_rng(4), areas=["o07"])
    assert result.variants == 2048 * 5
    for output, y in outputs.items():
        first, total = exact_indices(y.reshape(5, 3, 4))
        found = result.table.loc[output]
        assert list(found.index) == ["values", "normalisation", "aggregation"]
        np.testing.assert_allclose(found["first"], first, atol=0.06)
        np.testing.assert_allclose(found["total"], total, atol=0.06)
        assert max(total) > 0.3
    again = sobol_indices(v, 2048, rng=np.random.default_rng(4), areas=["o07"])
    pd.testing.assert_frame_equal(again.table, result.table)


def test_all_weights_are_one_source_and_a_rank_that_never_moves_has_no_index():
    v = make(d=4, n=30)
    v.draws[:, 8] = 1000 + v.draws[:, 8]  # far ahead in everything
    result = sobol_indices(v, 64, rng=np.random.default_rng(4), areas=["o08"])
    assert list(result.table.loc["mean rank shift"].index) == list(v.factors())
    assert result.table.loc["o08"].isna().all(axis=None)
    assert result.variants == 64 * 7


def test_class_probabilities_are_calibrated():
    """Draw rates, then cases; what the posterior gives p per cent must happen in p per cent, within 5 points."""
    rng = np.random.default_rng(20)
    fixed = Choices(weight_spread=0, normalisations=("z",), aggregations=("arithmetic",))
    said, true = [], []
    for _ in range(40):
        n = 250
        people = pd.Series(np.rint(rng.lognormal(6.5, 0.8, size=n)) + 50)
        need = rng.normal(size=n)
        rates, draws = np.empty((n, 3)), np.empty((200, n, 3))
        for k, (mean, size) in enumerate(((0.08, 40), (0.15, 30), (0.25, 20))):
            # Rates of the prior that the posterior assumes; a common need makes the indicators hang together.
            order = np.argsort(np.argsort(need + rng.normal(size=n)))
            rates[:, k] = np.sort(rng.beta(mean * size, (1 - mean) * size, size=n))[order]
            cases = pd.Series(rng.binomial(people.astype(int), rates[:, k]).astype(float))
            draws[:, :, k] = draw_rates(cases, people, 200, rng)[0].T
        areas = pd.Index([str(i) for i in range(n)])
        table = sensitivity(Variants(draws, areas, NAMES[:3], fixed), 200, rng=rng).table
        status = status_index(pd.DataFrame(rates, areas, list(NAMES[:3]))).table["status_class"]
        for label in MSS.labels:
            said.append(table[f"probability_{label}"].to_numpy())
            true.append((status == label).to_numpy())
    p, happened = np.concatenate(said), np.concatenate(true)
    decile = np.minimum((p * 10).astype(int), 9)
    for k in range(10):
        inside = decile == k
        assert inside.sum() > 300
        assert abs(p[inside].mean() - happened[inside].mean()) < 0.05, k


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda: Choices(normalisations=("rank",)), SpatialError, "normalisations among z"),
        (lambda: Choices(aggregations=()), SpatialError, "aggregations among"),
        (lambda: Choices(aggregations=("minimum", "minimum")), SpatialError, "each once"),
        (lambda: Choices(weight_spread=1), SpatialError, "below 1"),
        (lambda: Choices(min_shares=(0,)), SpatialError, "shares above 0"),
        (lambda: Choices(ddof=3), SpatialError, "ddof"),
        (lambda: Variants(np.ones((2, 3)), pd.Index(["a"]), NAMES, ALL), SpatialError, "draws × 1 areas"),
        (lambda: Variants(make().draws, pd.Index(["a"] * 23), NAMES, ALL), AreaKeyError, "each area once"),
        (lambda: Variants(make().draws, make().areas, ("a",) * 4, Choices()), ColumnError, "each once"),
        (lambda: Variants(make().draws, make().areas, tuple("abcd"), ALL), SpatialError, "one weight for each"),
        (lambda: Variants(make().draws * [1, 0, 1, 1], make().areas, NAMES, ALL), SpatialError, "none in poor"),
        (lambda: make().scores(np.zeros((3, 2))), SpatialError, "variants × 8"),
        (lambda: make().scores(np.full((3, 8), 2.0)), SpatialError, "from 0 to 1"),
        (lambda: sensitivity(make(), 0, rng=np.random.default_rng(1)), SpatialError, "expected variants"),
        (lambda: sensitivity(make(), 5, rng=np.random.default_rng(1), at=(1,)), SpatialError, "3 ascending cuts"),
        (lambda: sobol_indices(make(), 100, rng=np.random.default_rng(1)), SpatialError, "power of two"),
        (lambda: sobol_indices(make(holes=True), 8, rng=np.random.default_rng(1), areas=["o01"]), SpatialError, "o01"),
        (lambda: sobol_indices(make(), 8, rng=np.random.default_rng(1), areas=["x"]), AreaKeyError, "do not exist: x"),
        (
            lambda: sobol_indices(
                make(d=1, choices=Choices(weight_spread=0.1, normalisations=("z",), aggregations=("arithmetic",))),
                8,
                rng=np.random.default_rng(1),
            ),
            SpatialError,
            "two sources",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        change()


@pytest.mark.parametrize(("place", "value"), [((1, 4, 2), np.nan), ((0, 4, 2), np.inf), ((3, 4, 2), -np.inf)])
def test_draws_that_are_missing_here_and_there_or_infinite_are_refused(place, value):
    for holes in (False, True):
        v = make(holes=holes)
        draws = v.draws.copy()
        draws[place] = value
        with pytest.raises(SpatialError, match="finite draws, missing in the same places"):
            Variants(draws, v.areas, NAMES, ALL)


def test_variants_in_which_nobody_is_complete_are_refused():
    v = make()
    v.draws[:, :12, 0] = np.nan
    v.draws[:, 12:, 1] = np.nan
    with pytest.raises(SpatialError, match="score of the index itself, found 0"):
        sensitivity(v, 20, rng=np.random.default_rng(1))
    first_partial = Variants(v.draws, v.areas, NAMES, Choices(min_shares=(0.5, 1.0)))
    with pytest.raises(SpatialError, match="score of every variant, found 0"):
        sensitivity(first_partial, 20, rng=np.random.default_rng(1))
    with pytest.raises(SpatialError, match="without one for mean rank shift"):
        sobol_indices(first_partial, 8, rng=np.random.default_rng(1))


def test_a_missing_salib_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib.analyze", None)
    with pytest.raises(SpatialError, match=r"sozialmonitor\[sensitivity\]"):
        sobol_indices(make(), 8, rng=np.random.default_rng(1))
