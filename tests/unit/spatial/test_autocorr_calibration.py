"""Calibration: how often tests reject where there is nothing, and how much of what they find was not planted.

Levels are those of the project's goals; seeds are fixed, and runs so many that the bands are at least two standard
errors wide on either side.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.global_ import Statistic, _moran, permutation_test, prepare
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.neighbours import prepare as prepare_graph
from spatial.autocorrelation.permutation import conditional_counts
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.significance import adjust, pseudo_p
from spatial.results import Label

pytestmark = pytest.mark.slow

SIDE = 10
IDS = [f"c{i:02d}" for i in range(SIDE * SIDE)]
ROW, COL = np.divmod(np.arange(SIDE * SIDE), SIDE)


@pytest.fixture(scope="module")
def graph():
    return grid_contiguity(ROW, COL, IDS)


@pytest.fixture(scope="module")
def matrix(graph):
    return prepare_graph(graph).matrix


def local_p(values, matrix, rng, permutations=999, *, mid_p=False):
    return pseudo_p(conditional_counts(values, matrix, permutations=permutations, rng=rng), mid_p=mid_p)[2]


def test_the_global_test_rejects_noise_at_its_level(graph):
    rng = np.random.default_rng(2026)
    _, weights = prepare([pd.Series(np.arange(100.0), IDS)], graph, "r")
    statistic = Statistic("moran", _moran)
    runs = 10_000
    rejected = sum(
        permutation_test(statistic, rng.normal(size=100), weights, 199, rng, "r", "x").p_upper <= 0.05
        for _ in range(runs)
    )
    assert 0.045 <= rejected / runs <= 0.055


def test_the_local_test_rejects_noise_at_its_level_in_every_area(matrix):
    rng = np.random.default_rng(1)
    runs = 8_000
    rejected = np.zeros(100)
    for _ in range(runs):
        rejected += local_p(rng.normal(size=100), matrix, rng) <= 0.05
    assert (rejected / runs >= 0.04).all()
    assert (rejected / runs <= 0.06).all()


def test_sparse_counts_are_rejected_at_most_at_their_level(matrix):
    """Poisson .3: most sums are ties, plain p-values are cautious.

    Mid-p keeps the level on the upper side. The two-sided test stays below: eight neighbours have no case in one of ten
    draws, so that the lower side can hardly ever reject.
    """
    rng = np.random.default_rng(2)
    runs = 5_000
    plain, two_sided, upper = np.zeros(100), np.zeros(100), np.zeros(100)
    for _ in range(runs):
        counts = conditional_counts(rng.poisson(0.3, size=100).astype(float), matrix, permutations=999, rng=rng)
        plain += pseudo_p(counts)[2] <= 0.05
        high, _, both = pseudo_p(counts, mid_p=True)
        two_sided += both <= 0.05
        upper += high <= 0.05
    assert (plain / runs <= 0.06).all()
    assert (two_sided / runs <= 0.06).all()
    assert plain.mean() < two_sided.mean()
    assert 0.04 <= upper.mean() / runs <= 0.06


def test_empirical_bayes_rates_keep_the_level_in_every_quarter_of_population(matrix):
    rng = np.random.default_rng(3)
    people = np.rint(rng.lognormal(7, 1, size=100)).clip(60)
    quarter = pd.qcut(people, 4, labels=False)
    x = pd.Series(people, IDS)
    runs = 3_000
    rejected = np.zeros(100)
    raw = np.zeros(100)
    for run in range(runs):
        cases = pd.Series(rng.binomial(people.astype(int), 0.06).astype(float), IDS)
        rejected += local_p(empirical_bayes(cases, x).to_numpy(), matrix, rng) <= 0.05
        if run < 500:
            raw += np.abs((cases / x - (cases / x).mean()).to_numpy()) / (cases / x).std() > 1.96
    share = np.array([rejected[quarter == q].mean() / runs for q in range(4)])
    assert (share >= 0.03).all()
    assert (share <= 0.07).all()
    # Why: raw rates stand out where few people live, and nowhere else.
    assert raw[quarter == 0].mean() > 10 * raw[quarter == 3].mean()


def test_maps_of_noise_carry_a_flag_in_one_of_twenty_at_most(matrix):
    rng = np.random.default_rng(4)
    runs = 1_500
    flagged = sum(
        bool((adjust(local_p(rng.normal(size=100), matrix, rng, permutations=9_999), "fdr") <= 0.05).any())
        for _ in range(runs)
    )
    assert flagged / runs <= 0.05 + 1.645 * np.sqrt(0.05 * 0.95 / runs)


def test_of_what_is_found_beside_planted_clusters_little_is_false():
    side = 14
    ids = [f"c{i:03d}" for i in range(side * side)]
    row, col = np.divmod(np.arange(side * side), side)
    graph = prepare_graph(grid_contiguity(row, col, ids))
    planted = ((row < 4) & (col < 4)) | ((row > 8) & (row < 12) & (col > 8) & (col < 12))
    matrix = graph.matrix
    ring = (matrix @ planted.astype(float) > 0) & ~planted
    rng = np.random.default_rng(5)
    shares, hits = [], []
    for _ in range(1_000):
        values = pd.Series(rng.normal(size=side * side) + 2.5 * planted, ids)
        table = local_tests(values, graph, rng=rng, permutations=9_999).table
        found = ~table["label"].isin([Label.NOT_SIGNIFICANT, Label.NO_LABEL]).to_numpy()
        counted = found & ~ring
        shares.append(np.count_nonzero(counted & ~planted) / max(1, np.count_nonzero(counted)))
        hits.append(found[planted].mean())
    assert np.mean(shares) <= 0.05
    assert np.mean(hits) > 0.3  # there is something to be right or wrong about
