"""The yardstick of an index: against the status index and the absolute change, by hand, and for what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import SpatialError, UntestableError
from spatial.index.composite import status_index
from spatial.index.dynamics import absolute_change
from spatial.index.standardise import Standardiser
from spatial.index.yardstick import Recipe, Yardstick


@pytest.fixture
def values() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    return pd.DataFrame(rng.gamma(4, 2, (40, 3)), [f"a{i}" for i in range(40)], ["work", "poor", "child"])


def test_the_default_is_the_status_index(values):
    weights = {"work": 2.0, "poor": 1.0, "child": 1.0}
    people = pd.Series(np.where(np.arange(40) < 3, 100.0, 900.0), values.index)
    values.iloc[5, 1] = np.nan
    oracle = status_index(values, weights=weights, population=people, exclude={"a7": "hostel"})
    valid = oracle.table.index[oracle.table["excluded"] == ""]
    found = Yardstick(Recipe(weights)).fit(values.loc[valid])
    result = found.score(values, population=people, floor=300, exclude={"a7": "hostel"})
    pd.testing.assert_frame_equal(
        result.table[oracle.table.columns], oracle.table, check_exact=False, rtol=0, atol=1e-12
    )
    assert result.sum_sd == pytest.approx(oracle.sum_sd, rel=1e-12)
    assert dict(result.means) == pytest.approx(dict(oracle.means))


def test_two_years_on_one_yardstick_are_the_absolute_change(values):
    later = values * [1.1, 0.9, 1.3] + 0.5
    found = Yardstick(Recipe()).fit(values)
    change = found.parts(later)[0] - found.parts(values)[0]
    oracle = absolute_change(values, later, Standardiser().fit(values), base_period=2019, period=2021).table
    np.testing.assert_allclose(change, oracle["change"], atol=1e-12)


@pytest.mark.parametrize("aggregation", ["arithmetic", "geometric", "harmonic", "minimum"])
@pytest.mark.parametrize("normalisation", ["z", "min-max", "rank", "percentile"])
def test_contributions_add_up_and_the_reference_has_mean_0_and_spread_1(values, aggregation, normalisation):
    values.iloc[3, 0] = np.nan
    recipe = Recipe({"work": 3, "poor": 1, "child": 2}, normalisation, aggregation=aggregation, min_share=0.5)
    table = Yardstick(recipe).fit(values).score(values).table
    assert table["score"].mean() == pytest.approx(0, abs=1e-12)
    assert table["score"].std(ddof=0) == pytest.approx(1, abs=1e-12)
    parts = table.filter(like="contribution_").sum(axis=1)
    np.testing.assert_allclose(parts, table["score"], atol=1e-12)
    assert list(table.index[table["partial"]]) == ["a3"]
    assert table.loc["a3", "contribution_work"] == 0
    assert table.loc["a3", "share"] == pytest.approx(0.5)


def test_a_geometric_mean_by_hand():
    values = pd.DataFrame({"work": np.arange(12.0), "poor": np.arange(12.0)[::-1]}, [f"a{i}" for i in range(12)])
    found = Yardstick(Recipe(normalisation="min-max", aggregation="geometric")).fit(values)
    x = 1 + 99 * np.arange(12) / 11
    mean = np.sqrt(x * x[::-1])
    np.testing.assert_allclose(found.parts(values)[0], (mean - mean.mean()) / mean.std(), atol=1e-12)


def test_a_wide_frame_normalises_each_indicator_on_the_areas_that_have_it(values):
    wide = values.copy()
    wide.loc[wide.index[20:], "poor"] = np.nan
    own = values.iloc[:3]
    found = Yardstick(Recipe(preset="mss")).fit(wide).score(own, reference_name="Land").table
    np.testing.assert_allclose(found["z_work"], (own["work"] - values["work"].mean()) / values["work"].std(ddof=0))
    known = values["poor"].iloc[:20]
    np.testing.assert_allclose(found["z_poor"], (own["poor"] - known.mean()) / known.std(ddof=0))


def test_a_value_that_is_missing_leaves_the_index_missing_unless_a_share_is_enough(values):
    values.iloc[0, 0] = np.nan
    whole = Yardstick(Recipe()).fit(values.dropna()).score(values).table.loc["a0"]
    assert np.isnan(whole["score"])
    assert whole["excluded"] == "no value: work"
    assert np.isnan(whole["contribution_poor"])
    part = Yardstick(Recipe(min_share=0.6)).fit(values).score(values).table.loc["a0"]
    assert np.isfinite(part["score"])
    assert part["excluded"] == ""


def test_what_cannot_be_a_yardstick_is_refused(values):
    with pytest.raises(UntestableError, match="at least 10 areas"):
        Yardstick(Recipe()).fit(values.iloc[:9])
    with pytest.raises(UntestableError, match="found 9 of 40"):
        Yardstick(Recipe()).fit(values.where(np.repeat(np.arange(40)[:, None] < 9, 3, axis=1)))
    with pytest.raises(SpatialError, match="the same everywhere"):
        Yardstick(Recipe()).fit(pd.DataFrame({"a": values["work"], "b": -values["work"]}))
