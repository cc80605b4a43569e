"""The kernel of shared draws.

Covered: draws are uniform and without repeats on both ways of drawing and across blocks; counts equal brute force on
the same draws (ties, isolates, hubs with n − 1 neighbours, constants, unequal weights, several blocks); over all
ordered tuples they equal full enumeration of the C(n − 1, k) neighbourhoods; equal sums tie whatever the order of
summation.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chisquare

from geodata.errors import SpatialError
from spatial.autocorrelation import permutation
from spatial.autocorrelation.permutation import conditional_counts, count_extremes, draw_tuples, to_fixed_point


def csr(neighbours: list[list[int]], weights: list[list[float]] | None = None):
    n = len(neighbours)
    matrix = np.zeros((n, n))
    for i, others in enumerate(neighbours):
        for position, j in enumerate(others):
            matrix[i, j] = weights[i][position] if weights else 1.0
    return sparse.csr_array(matrix)


def random_graph(n: int, rng: np.random.Generator, *, hub: bool = True) -> list[list[int]]:
    links = np.triu(rng.random((n, n)) < 3 / n, 1)
    if hub:
        links[0, 1:] = True
    links = links | links.T
    links[:, n - 1] = links[n - 1, :] = False  # an isolate
    if hub:
        links[0, n - 1] = True  # asymmetric on purpose: the hub has n − 1 neighbours, the isolate none
    return [list(map(int, np.flatnonzero(row))) for row in links]


def meant(value: float) -> Fraction:
    """.1 means 1/10 and .14285714285714285 means 1/7."""
    simple = Fraction(float(value)).limit_denominator(1000)
    return simple if float(simple) == float(value) else Fraction(float(value))


def brute_force(values, neighbours, tuples, weights=None):
    """Literal transcription with exact rational sums of the numbers that the doubles stand for."""
    exact = [meant(v) for v in values]
    n, draws = len(values), np.asarray(tuples).T
    at_least, at_most = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    for i, others in enumerate(neighbours):
        k = len(others)
        if k == 0:
            continue
        share = [Fraction(w) for w in weights[i]] if weights else [Fraction(1)] * k
        observed = sum(w * exact[j] for w, j in zip(share, others, strict=True))
        for draw in draws:
            picked = [draw[k] if j == i else j for j in draw[:k]]
            assert i not in picked
            drawn = sum(w * exact[j] for w, j in zip(share, picked, strict=True))
            at_least[i] += drawn >= observed
            at_most[i] += drawn <= observed
    return at_least, at_most


VALUES = {
    "continuous": lambda n, rng: rng.normal(size=n),
    "ties": lambda n, rng: rng.integers(0, 3, size=n).astype(float),
    "decimals that tie only in decimals": lambda n, rng: rng.integers(0, 8, size=n) / 10,
    "on a high base": lambda n, rng: 1e6 + rng.integers(0, 8, size=n) / 10,
    "binary": lambda n, rng: (rng.random(n) < 0.3).astype(float),
    "constant": lambda n, rng: np.full(n, 0.1),
    "tiny": lambda n, rng: rng.integers(0, 5, size=n) * 1e-30,
    "negative": lambda n, rng: -rng.integers(0, 50, size=n) / 7.0,
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("hub", [True, False])
def test_counts_equal_brute_force_on_the_same_draws(kind, hub):
    rng = np.random.default_rng(3)
    n, permutations = 16, 80
    neighbours = random_graph(n, rng, hub=hub)
    values = VALUES[kind](n, rng)
    width = max(map(len, neighbours)) + 1
    tuples = np.concatenate(list(draw_tuples(n, width, permutations, np.random.default_rng(5))), axis=1)
    counts = count_extremes(values, csr(neighbours), [tuples], permutations=permutations)
    at_least, at_most = brute_force(values, neighbours, tuples)
    isolated = np.array([not others for others in neighbours])
    np.testing.assert_array_equal(counts.at_least[~isolated], at_least[~isolated])
    np.testing.assert_array_equal(counts.at_most[~isolated], at_most[~isolated])
    assert isolated.any()
    assert not counts.at_least[isolated].any()
    assert not counts.at_most[isolated].any()


def test_unequal_weights_equal_brute_force_on_the_same_draws():
    rng = np.random.default_rng(4)
    n, permutations = 14, 120
    neighbours = random_graph(n, rng, hub=False)
    weights = [[float(w) for w in rng.integers(1, 5, size=len(others)) / 4] for others in neighbours]
    for values in (rng.normal(size=n), rng.integers(0, 3, size=n).astype(float)):
        width = max(map(len, neighbours)) + 1
        tuples = np.concatenate(list(draw_tuples(n, width, permutations, np.random.default_rng(6))), axis=1)
        counts = count_extremes(values, csr(neighbours, weights), [tuples], permutations=permutations)
        at_least, at_most = brute_force(values, neighbours, tuples, weights)
        np.testing.assert_array_equal(counts.at_least, at_least)
        np.testing.assert_array_equal(counts.at_most, at_most)


def test_equal_weights_of_any_size_share_the_draws_of_binary_ones():
    rng = np.random.default_rng(8)
    neighbours = random_graph(20, rng, hub=False)
    values = rng.normal(size=20)
    binary = conditional_counts(values, csr(neighbours), permutations=500, rng=np.random.default_rng(1))
    standardised = csr(neighbours, [[1 / len(o) for _ in o] for o in neighbours])
    shared = conditional_counts(values, standardised, permutations=500, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(binary.at_least, shared.at_least)
    np.testing.assert_array_equal(binary.at_most, shared.at_most)


@pytest.mark.parametrize("values", [[0.3, 0.1, 0.2, 0.0, 0.4, 0.5], [1.0, 1.0, 0.0, 0.0, 2.0, 0.0]])
def test_all_ordered_tuples_give_full_enumeration(values):
    n = len(values)
    neighbours = [[1], [0, 2], [1, 3, 4], [2, 4], [2, 3, 5, 0, 1], []]
    width = 6
    tuples = np.array(list(itertools.permutations(range(n), width))).T
    counts = count_extremes(np.array(values), csr(neighbours), [tuples], permutations=tuples.shape[1])
    exact = [Fraction(repr(v)) for v in values]
    for i, others in enumerate(neighbours):
        if not others:
            continue
        rest = [j for j in range(n) if j != i]
        sums = [sum(exact[j] for j in subset) for subset in itertools.combinations(rest, len(others))]
        observed = sum(exact[j] for j in others)
        share = Fraction(int(counts.at_least[i]), tuples.shape[1])
        assert share == Fraction(sum(s >= observed for s in sums), len(sums))
        share = Fraction(int(counts.at_most[i]), tuples.shape[1])
        assert share == Fraction(sum(s <= observed for s in sums), len(sums))


def test_blocks_change_nothing_but_the_memory(monkeypatch):
    rng = np.random.default_rng(9)
    neighbours = random_graph(30, rng, hub=False)
    values = rng.integers(0, 9, size=30) / 10
    width = max(map(len, neighbours)) + 1
    tuples = np.concatenate(list(draw_tuples(30, width, 700, np.random.default_rng(2))), axis=1)
    whole = count_extremes(values, csr(neighbours), [tuples], permutations=700)
    parts = count_extremes(values, csr(neighbours), np.array_split(tuples, 13, axis=1), permutations=700)
    np.testing.assert_array_equal(whole.at_least, parts.at_least)
    np.testing.assert_array_equal(whole.at_most, parts.at_most)
    monkeypatch.setattr(permutation, "_BLOCK", 50)
    assert sum(block.shape[1] for block in draw_tuples(30, width, 700, rng)) == 700
    assert max(block.size for block in draw_tuples(30, width, 700, rng)) <= 50


@pytest.mark.parametrize(("n", "width"), [(5, 2), (5, 5), (4, 3)])
@pytest.mark.parametrize("block", [1 << 23, 997])
def test_every_ordered_tuple_is_equally_likely(monkeypatch, n, width, block):
    # (5, 2) is drawn with rejection, (5, 5) and (4, 3)… by shuffling; small blocks reuse the shuffled decks.
    monkeypatch.setattr(permutation, "_BLOCK", block)
    drawn = np.concatenate(list(draw_tuples(n, width, 24_000, np.random.default_rng(11))), axis=1)
    assert drawn.shape == (width, 24_000)
    code = (drawn.T * n ** np.arange(width)).sum(axis=1)
    possible = [sum(j * n**e for e, j in enumerate(t)) for t in itertools.permutations(range(n), width)]
    seen, how_often = np.unique(code, return_counts=True)
    assert sorted(possible) == list(seen)
    assert chisquare(how_often).pvalue > 1e-4


@pytest.mark.parametrize("block", [1 << 23, 400])
def test_successive_shuffles_are_independent(monkeypatch, block):
    monkeypatch.setattr(permutation, "_BLOCK", block)
    drawn = np.concatenate(list(draw_tuples(4, 4, 20_000, np.random.default_rng(12))), axis=1)[0]
    lag = block // 4 if block < 1000 else 1  # the draw made from the same deck one block later
    table = np.zeros((4, 4))
    np.add.at(table, (drawn[:-lag], drawn[lag:]), 1)
    assert chisquare(table.ravel()).pvalue > 1e-4


def test_the_same_seed_gives_the_same_draws():
    for n, width in ((50, 4), (10, 10)):
        first = next(draw_tuples(n, width, 100, np.random.default_rng(1)))
        np.testing.assert_array_equal(first, next(draw_tuples(n, width, 100, np.random.default_rng(1))))
        assert (first != next(draw_tuples(n, width, 100, np.random.default_rng(2)))).any()


def test_impossible_draws_are_refused():
    with pytest.raises(SpatialError, match="cannot draw 4 of 3"):
        next(draw_tuples(3, 4, 10, np.random.default_rng(0)))
    with pytest.raises(SpatialError, match="at least 1 permutation"):
        next(draw_tuples(3, 2, 0, np.random.default_rng(0)))


def test_a_site_whose_neighbours_are_everybody_ties_with_every_draw():
    n = 7
    neighbours = [[j for j in range(n) if j != i] for i in range(n)]
    values = np.random.default_rng(0).normal(size=n)
    counts = conditional_counts(values, csr(neighbours), permutations=333, rng=np.random.default_rng(1))
    assert (counts.at_least == 333).all()
    assert (counts.at_most == 333).all()


def test_sums_tie_whatever_the_order_and_the_decimals():
    parts = np.array([0.1, 0.2, 0.3, 0.0])
    assert parts[0] + parts[1] != parts[2] + parts[3]  # what floating point makes of it
    whole = to_fixed_point(parts)
    assert abs(int(whole[0] + whole[1]) - int(whole[2] + whole[3])) <= permutation.tie_width(2)
    assert abs(int(whole[1]) - int(whole[0])) > 1000 * permutation.tie_width(2)


def test_fixed_point_keeps_order_and_resolution():
    rng = np.random.default_rng(3)
    for values in (rng.normal(size=200), 1e9 + rng.normal(size=200), rng.lognormal(0, 8, size=200)):
        whole = to_fixed_point(values)
        assert whole.min() == 0
        assert (np.diff(whole[np.argsort(values)]) >= 0).all()
        # Exact as far as a double can carry the values, or to 1e-12 of their range.
        back = values.min() + whole * (np.ptp(values) / whole.max())
        np.testing.assert_allclose(back, values, atol=2e-12 * np.ptp(values) + 1e-15 * np.abs(values).max(), rtol=0)
    assert not to_fixed_point(np.full(5, 0.1)).any()
    assert not to_fixed_point(np.zeros(5)).any()
    assert not to_fixed_point(np.array([0.1 + 0.2, 0.3])).any()  # constant but for rounding
