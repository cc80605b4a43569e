"""Rules that find cuts.

Covered: the nine quantiles of Hyndman and Fan from their published formulas; SD cuts with both standard deviations;
equal widths; Jenks against every possible partition and beside mapclassify; ties; units; refusals.
"""

from __future__ import annotations

import itertools
import math
import statistics
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import SpatialError
from spatial.index.classes import class_cuts, classify


def hyndman_fan(values: list[float], share: Fraction, kind: int) -> float:
    """Transcribe the definitions of the paper: Q(p) = (1 − γ) X_j + γ X_(j+1)."""
    x, n = sorted(values), len(values)
    half = Fraction(1, 2)
    m = {
        **{1: Fraction(0), 2: Fraction(0), 3: -half, 4: Fraction(0), 5: half, 6: share, 7: 1 - share},
        **{8: (share + 1) / 3, 9: share / 4 + Fraction(3, 8)},
    }[kind]
    j = math.floor(n * share + m)
    g = n * share + m - j
    if kind == 1:
        gamma = Fraction(g > 0)
    elif kind == 2:
        gamma = Fraction(1) if g > 0 else half
    elif kind == 3:
        gamma = Fraction(0) if g == 0 and j % 2 == 0 else Fraction(1)
    else:
        gamma = g
    low, high = (x[min(max(i, 1), n) - 1] for i in (j, j + 1))
    return float((1 - gamma) * Fraction(low) + gamma * Fraction(high))


@pytest.mark.parametrize("n", [11, 20, 23])
@pytest.mark.parametrize("kind", range(1, 10))
def test_quantiles_are_those_of_hyndman_and_fan(kind, n):
    values = list(np.random.default_rng(n).normal(size=n))
    for classes in (2, 4, 5):
        expected = [hyndman_fan(values, Fraction(k, classes), kind) for k in range(1, classes)]
        found = class_cuts(pd.Series(values), "quantile", classes=classes, quantile_type=kind)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_types_differ():
    values = pd.Series(np.random.default_rng(1).normal(size=11))
    cuts = {class_cuts(values, "quantile", classes=4, quantile_type=kind) for kind in range(1, 10)}
    assert len(cuts) >= 7


def test_sd_cuts_know_which_sd():
    values = [1.0, 2.0, 4.0, 9.0, 20.0]
    mean = statistics.mean(values)
    for ddof, sd in ((0, statistics.pstdev(values)), (1, statistics.stdev(values))):
        found = class_cuts(pd.Series([*values, np.nan]), "sd", at=(-1, 1.5), ddof=ddof)
        np.testing.assert_allclose(found, [mean - sd, mean + 1.5 * sd], rtol=1e-14)


def test_equal_and_fixed():
    score = pd.Series([0.0, 1.0, 10.0])
    assert class_cuts(score, "equal", classes=2) == (5.0,)
    assert class_cuts(score, "fixed", at=(1, 2)) == (1.0, 2.0)
    assert list(classify(score, class_cuts(score, "equal", classes=2), ("low", "high"))) == ["low", "low", "high"]


def cost(groups) -> float:
    return sum(sum((v - sum(g) / len(g)) ** 2 for v in g) for g in groups)


def groups_of(values, cuts):
    edges = [-math.inf, *cuts, math.inf]
    return [[v for v in values if a < v <= b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(-30, 30), min_size=6, max_size=10).filter(lambda v: len(set(v)) >= 4), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_jenks_is_the_best_of_all_partitions(values, classes):
    found = class_cuts(pd.Series(values, dtype=float), "jenks", classes=classes)
    ordered = sorted(set(values))
    best = min(
        cost(groups_of(values, [ordered[i - 1] for i in inner]))
        for inner in itertools.combinations(range(1, len(ordered)), classes - 1)
    )
    assert cost(groups_of(values, found)) == pytest.approx(best, abs=1e-9)


def test_jenks_is_never_worse_than_mapclassify_and_better_far_from_zero():
    import mapclassify

    values = np.random.default_rng(3).gamma(2, size=150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer speaks of numba
        near = mapclassify.FisherJenks(values, k=5)
        far = mapclassify.FisherJenks(values + 5000, k=5)
    ours = class_cuts(pd.Series(values), "jenks", classes=5)
    assert cost(groups_of(values, ours)) == pytest.approx(cost(groups_of(values, near.bins[:-1])), rel=1e-5)
    shifted = class_cuts(pd.Series(values + 5000), "jenks", classes=5)
    np.testing.assert_allclose(np.array(shifted) - 5000, ours, atol=1e-9)
    assert cost(groups_of(values + 5000, far.bins[:-1])) > cost(groups_of(values, ours)) * 1.0001


@pytest.mark.parametrize("rule", ["sd", "quantile", "equal", "jenks"])
def test_units_and_row_order_change_no_class(rule):
    score = pd.Series(np.random.default_rng(5).normal(size=60))
    kwargs = {"at": (-1.0, 0.0, 1.0, 1.5)} if rule == "sd" else {}
    names = ("a", "b", "c", "d", "e")
    plain = classify(score, class_cuts(score, rule, **kwargs), names)
    assert set(plain) == set(names)
    mixed = (score * 7.3 + 11).sample(frac=1, random_state=1)
    again = classify(mixed, class_cuts(mixed, rule, **kwargs), names)
    assert (again.sort_index() == plain).all()


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"rule": "natural"}, "expected one of sd"),
        ({"rule": "sd"}, "expected at="),
        ({"rule": "fixed", "at": (2, 1)}, "ascending"),
        ({"rule": "quantile", "quantile_type": 10}, "from 1 to 9"),
        ({"rule": "sd", "at": (0,), "ddof": 2}, "ddof 0 or 1"),
        ({"rule": "quantile", "classes": 1}, "at least two classes"),
        ({"rule": "jenks", "classes": 4}, "found 3"),
        ({"rule": "quantile", "classes": 3, "quantile_type": 1}, "ascending"),
    ],
)
def test_what_cannot_be_meant_is_refused(kwargs, words):
    with pytest.raises(SpatialError, match=words):
        class_cuts(pd.Series([1.0, 1.0, 1.0, 1.0, 2.0, 3.0]), **kwargs)
