"""Whatever the table: units, row order and turned signs with turned polarity change no score, rank, class or part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.index.aggregate import aggregate
from spatial.index.checks import check_index
from spatial.index.classes import class_cuts, classify
from spatial.index.composite import status_index
from spatial.index.dynamics import absolute_change, relative_dynamics
from spatial.index.gisd import gisd_index
from spatial.index.iod import domain_scores, iod_index
from spatial.index.normalise import Normaliser
from spatial.index.sensitivity import sensitivity
from spatial.index.standardise import Standardiser
from spatial.index.variants import Choices, Variants

NAMES = ["a", "b", "c", "d"]
LABELS = ("1", "2", "3", "4")


@st.composite
def cases(draw):
    """Return a table, the same in other units and another order, and the signs that were turned in it."""
    n = draw(st.integers(15, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table = pd.DataFrame(rng.gamma(3, size=(n, 4)), [f"o{i:02d}" for i in range(n)], NAMES)
    table += rng.gamma(3, size=(n, 1))  # they hang together
    factor = np.array(draw(st.lists(st.sampled_from([0.001, 0.5, 1.0, 3.7, 1000.0]), min_size=4, max_size=4)))
    shift = np.array(draw(st.lists(st.floats(-20, 20), min_size=4, max_size=4)))
    sign = np.array(draw(st.lists(st.sampled_from([1, -1]), min_size=4, max_size=4)))
    # The shift is in the unit of the indicator, or a tiny unit would be lost behind a large shift.
    other = ((table + shift) * factor * sign).iloc[rng.permutation(n)]
    return table, other, dict(zip(NAMES, sign.tolist(), strict=True))


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found.loc[expected.index, expected.columns], expected, rtol=1e-7, atol=1e-8)


def turned(table: pd.DataFrame, sign: dict[str, int]) -> pd.DataFrame:
    return table * pd.Series(sign)


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_status_and_checks(case):
    table, other, sign = case
    expected = status_index(table).table
    found = status_index(turned(other, sign)).table
    same(found.drop(columns="excluded"), expected.drop(columns="excluded"))
    same(check_index(turned(other, sign)).indicators, check_index(table).indicators)


@pytest.mark.parametrize("scale", ["z", "min-max", "percentile"])
@pytest.mark.parametrize("method", ["arithmetic", "geometric", "harmonic", "minimum"])
@given(case=cases())
@settings(max_examples=15, deadline=None)
def test_scales_aggregations_and_classes(case, scale, method):
    table, other, sign = case
    results = []
    for values, polarity in ((table, {}), (other, sign)):
        normal = Normaliser(scale, polarity=polarity, scale=(100, 10) if scale == "z" else (1, 99))
        results.append(
            aggregate(normal.fit(values).transform(values), method, weights={"a": 2, "b": 1, "c": 1, "d": 3})
        )
    expected, found = results
    same(found.contributions, expected.contributions)
    same(found.score.to_frame(), expected.score.to_frame())
    parts = expected.base + expected.contributions.sum(axis=1)
    np.testing.assert_allclose(parts, expected.score, atol=1e-12, rtol=0)
    for rule in ("sd", "quantile", "equal"):
        # Away from cuts: rounding of another order may move a score that lies on one.
        cuts = class_cuts(expected.score, rule, classes=4, at=(-1.0, 1.0, 1.5) if rule == "sd" else ())
        clear = (np.abs(np.subtract.outer(expected.score.to_numpy(), cuts)) > 1e-6).all(axis=1)
        again = class_cuts(found.score, rule, classes=4, at=(-1.0, 1.0, 1.5) if rule == "sd" else ())
        classes = classify(expected.score, cuts, LABELS)
        assert (classify(found.score, again, LABELS)[table.index] == classes)[clear].all()


@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_change(case):
    table, other, sign = case
    later = table + np.random.default_rng(1).normal(size=table.shape)
    # Whatever was done to one year was done to the other: the affine map of each column is found from the first.
    slope = (other.loc["o01"] - other.loc["o00"]) / (table.loc["o01"] - table.loc["o00"])
    other_later = (later - table.loc["o00"]) * slope + other.loc["o00"]
    years = [(table, later), (turned(other, sign), turned(other_later, sign))]
    absolute = [
        absolute_change(base, end, Standardiser().fit(base), base_period=1, period=2).table for base, end in years
    ]
    columns = ["change", *(f"contribution_{name}" for name in NAMES)]
    pd.testing.assert_frame_equal(absolute[1].loc[table.index, columns], absolute[0][columns], rtol=1e-5, atol=1e-6)
    relative = [relative_dynamics(end - base.loc[end.index]).table["score"] for base, end in years]
    np.testing.assert_allclose(relative[1][table.index], relative[0], atol=1e-5)


@given(case=cases())
@settings(max_examples=20, deadline=None)
def test_gisd_and_iod(case):
    table, other, sign = case
    dimensions = {"x": ("a", "b"), "y": ("c", "d")}
    panels = [values.assign(period=2020).set_index("period", append=True) for values in (table, turned(other, sign))]
    # Signs of all but the marker are found by the components themselves.
    panels.append(other.assign(a=other["a"] * sign["a"], period=2020).set_index("period", append=True))
    first, *rest = (gisd_index(panel, dimensions, marker="a") for panel in panels)
    clear = not first.warnings
    for found in rest if clear else rest[:1]:
        np.testing.assert_allclose(found.table.loc[first.table.index, "score"], first.table["score"], atol=1e-7)
    domains = {"income": ("a", "b"), "crime": ("c", "d")}
    expected = iod_index(domain_scores(table, domains)).table
    same(iod_index(domain_scores(other, domains, polarity=sign)).table, expected)


@given(case=cases())
@settings(max_examples=15, deadline=None)
def test_variants(case):
    table, other, sign = case
    tables = []
    for values in (table, turned(other, sign)):
        # The noise of an area is its own, in the unit of the indicator.
        spread = values.std(ddof=0).to_numpy()
        noise = np.random.default_rng(3).normal(size=(6, 40, 4))
        place = [int(area[1:]) for area in values.index]
        draws = values.to_numpy() + 0.2 * spread * noise[:, place]
        v = Variants(draws, values.index, tuple(NAMES), Choices(aggregations=("arithmetic", "geometric", "minimum")))
        tables.append(sensitivity(v, 60, rng=np.random.default_rng(5)).table)
    numbers = ["rank", "rank_low", "rank_median", "rank_high"]
    # Two areas that are equal to nine decimals in one unit may not be in another: a rank or a variant may differ.
    assert (tables[1].loc[table.index, numbers] - tables[0][numbers]).abs().max(axis=None) <= 1
    assert (tables[1].loc[table.index, "worst"] - tables[0]["worst"]).abs().max() <= 1 / 60 + 1e-12
