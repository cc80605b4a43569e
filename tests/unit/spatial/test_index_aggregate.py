"""Aggregation and contributions.

Covered: the four means against loops; contributions that add up for each of them, against the definition of the
decomposition at high precision; the limits; weights, topics, missing values and partial indices; order of rows and
columns; refusals.
"""

from __future__ import annotations

import math
import statistics
from decimal import Decimal, getcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import AreaKeyError, ColumnError, SpatialError
from spatial.index.aggregate import aggregate

METHODS = ("arithmetic", "geometric", "harmonic", "minimum")
WEIGHTS = {"a": 1.0, "b": 2.5, "c": 0.5, "d": 1.0}
TOPICS = {"a": "Arbeit", "b": "Bildung", "c": "Arbeit", "d": "Bildung"}


def table(seed: int = 1, n: int = 20, low: float = 1.0, high: float = 100.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.uniform(low, high, size=(n, 4)), [f"o{i:02d}" for i in range(n)], list(WEIGHTS))


def mean_of(row: list[float], w: list[float], method: str) -> float:
    if method == "minimum":
        return min(row)
    if method == "geometric":
        return math.prod(x ** (v / sum(w)) for x, v in zip(row, w, strict=True))
    if method == "harmonic":
        return statistics.harmonic_mean(row, weights=w)
    return sum(x * v for x, v in zip(row, w, strict=True)) / sum(w)


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_the_weighted_means(method):
    values = table()
    result = aggregate(values, method, weights=WEIGHTS)
    expected = [mean_of(list(row), list(WEIGHTS.values()), method) for row in values.to_numpy()]
    np.testing.assert_allclose(result.score, expected, rtol=1e-13)
    # Only proportions of the weights count.
    doubled = aggregate(values, method, weights={k: 2 * v for k, v in WEIGHTS.items()})
    np.testing.assert_allclose(doubled.score, result.score, rtol=1e-14)


def test_the_means_keep_their_order():
    values = table()
    by = {m: aggregate(values, m, weights=WEIGHTS).score for m in METHODS}
    assert (by["arithmetic"] > by["geometric"]).all()
    assert (by["geometric"] > by["harmonic"]).all()
    assert (by["harmonic"] > by["minimum"]).all()


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10**6), hole=st.booleans(), width=st.floats(1e-9, 1.0))
@settings(max_examples=40, deadline=None)
def test_contributions_add_up_for_indicators_and_topics(method, seed, hole, width):
    # A narrow width puts all areas next to the base, where a difference quotient would lose its digits.
    values = 1.0 + table(seed, low=0.0, high=1.0) * width
    values.iloc[0] = values.iloc[1:].mean()
    if hole:
        values.iloc[2, 0] = np.nan
        values.iloc[3, 1:] = np.nan
    result = aggregate(values, method, weights=WEIGHTS, topics=TOPICS, min_share=0.5 if hole else 1.0)
    for parts in (result.contributions, result.topics):
        np.testing.assert_allclose(result.base + parts.sum(axis=1, skipna=False), result.score, atol=1e-12, rtol=0)
    assert list(result.topics.columns) == ["Arbeit", "Bildung"]
    np.testing.assert_allclose(
        result.topics["Arbeit"], result.contributions[["a", "c"]].sum(axis=1, skipna=False), atol=1e-15
    )
    assert result.score.isna().sum() == (1 if hole else 0)


def test_contributions_are_the_published_decomposition_at_fifty_digits():
    getcontext().prec = 50
    values = table(n=5)
    base = {"a": 20.0, "b": 30.0, "c": 50.0, "d": 70.0}
    w = [Decimal(v) / Decimal(sum(WEIGHTS.values())) for v in WEIGHTS.values()]
    b = [Decimal(v) for v in base.values()]
    for method in ("geometric", "harmonic"):
        result = aggregate(values, method, weights=WEIGHTS, base=base)
        g = Decimal.ln if method == "geometric" else (lambda x: 1 / x)
        back = Decimal.exp if method == "geometric" else (lambda x: 1 / x)
        start = back(sum(v * g(y) for v, y in zip(w, b, strict=True)))
        for area, row in values.iterrows():
            x = [Decimal(float(v)) for v in row]
            end = back(sum(v * g(y) for v, y in zip(w, x, strict=True)))
            size = (end - start) / (g(end) - g(start))
            expected = [float(size * v * (g(p) - g(q))) for v, p, q in zip(w, x, b, strict=True)]
            np.testing.assert_allclose(result.contributions.loc[area], expected, rtol=1e-11, atol=1e-12)


def test_the_contribution_to_a_minimum_is_the_limit_of_power_means():
    values, base = table(n=12), {"a": 20.0, "b": 30.0, "c": 50.0, "d": 70.0}
    result = aggregate(values, "minimum", weights=WEIGHTS, base=base)
    p = -3000.0
    w = np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values())
    for area, row in values.iterrows():
        scale = min(row.min(), 20.0)  # keeps the powers between 0 and 1
        gx, gb = (row.to_numpy() / scale) ** p, (np.array(list(base.values())) / scale) ** p
        share = w * (gx - gb) / (w * (gx - gb)).sum()
        expected = share * (row.min() - 20.0)
        np.testing.assert_allclose(result.contributions.loc[area], expected, atol=1e-6)
    assert (result.contributions != 0).sum(axis=1).eq(1).all()


def test_an_area_at_the_base_has_no_contributions_and_ties_share():
    values = pd.DataFrame({"a": [2.0, 1.0], "b": [2.0, 1.0], "c": [3.0, 4.0]}, index=["x", "y"])
    for method in METHODS:
        at = aggregate(values, method, base=dict(values.loc["x"]))
        assert (at.contributions.loc["x"] == 0).all()
    tie = aggregate(values, "minimum", base={"a": 2, "b": 2, "c": 2}, weights={"a": 1, "b": 3, "c": 1})
    np.testing.assert_allclose(tie.contributions.loc["y"], [-0.25, -0.75, 0.0], atol=1e-15)


def test_a_missing_value_makes_the_score_missing_or_partial_and_never_zero():
    values = table()
    values.loc["o03", "b"] = np.nan
    values.loc["o04"] = np.nan
    strict = aggregate(values, weights=WEIGHTS)
    assert set(strict.score.index[strict.score.isna()]) == {"o03", "o04"}
    assert not strict.partial.any()
    partial = aggregate(values, weights=WEIGHTS, min_share=0.5)
    assert set(partial.score.index[partial.score.isna()]) == {"o04"}
    assert set(partial.partial.index[partial.partial]) == {"o03"}
    row = values.loc["o03"]
    assert partial.score["o03"] == pytest.approx((row["a"] + 0.5 * row["c"] + row["d"]) / 2.5, rel=1e-14)
    assert partial.share["o03"] == pytest.approx(0.5)
    assert np.isnan(aggregate(values, weights=WEIGHTS, min_share=0.51).score["o03"])
    for method in METHODS:
        found = aggregate(values, method, weights=WEIGHTS, min_share=0.5)
        assert list(found.score.index[found.score.isna()]) == ["o04"]
        assert found.contributions.loc["o04"].isna().all()
    # The base of a partial score knows the same indicators only.
    geometric = aggregate(values, "geometric", weights=WEIGHTS, min_share=0.5)
    alone = aggregate(
        values[["a", "c", "d"]],
        "geometric",
        weights={k: WEIGHTS[k] for k in "acd"},
        base={k: geometric.base_values[k] for k in "acd"},
    )
    np.testing.assert_allclose(geometric.contributions.loc["o03", list("acd")], alone.contributions.loc["o03"])
    assert geometric.contributions.loc["o03", "b"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_rows_and_columns_changes_nothing(method):
    values = table()
    plain = aggregate(values, method, weights=WEIGHTS, topics=TOPICS)
    mixed = aggregate(values.sample(frac=1, random_state=2)[["d", "b", "a", "c"]], method, weights=WEIGHTS)
    np.testing.assert_allclose(mixed.score[values.index], plain.score, rtol=1e-13)
    np.testing.assert_allclose(
        mixed.contributions.loc[values.index, values.columns], plain.contributions, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda v: aggregate(v, "median"), SpatialError, "expected one of arithmetic"),
        (lambda v: aggregate(v - 50, "geometric"), SpatialError, "above 0"),
        (lambda v: aggregate(v - 50, "harmonic"), SpatialError, "above 0"),
        (lambda v: aggregate(v.assign(a=np.inf)), SpatialError, "finite values"),
        (lambda v: aggregate(v, min_share=0), SpatialError, "share of the weight"),
        (lambda v: aggregate(v, weights={"a": 1}), SpatialError, "one weight for each"),
        (lambda v: aggregate(v, weights={**WEIGHTS, "a": 0}), SpatialError, "larger than 0"),
        (lambda v: aggregate(v, topics={"a": "x"}), ColumnError, "topic of each"),
        (lambda v: aggregate(v, base={"a": 1}), ColumnError, "base of each"),
        (lambda v: aggregate(v, "geometric", base=dict.fromkeys("abcd", 0)), SpatialError, "finite base"),
        (lambda v: aggregate(v.assign(a=np.nan), "minimum", min_share=0.5), SpatialError, "all indicators"),
        (lambda v: aggregate(pd.concat([v, v])), AreaKeyError, "each area once"),
        (lambda v: aggregate(v[["a", "a"]]), ColumnError, "each once"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(table())
