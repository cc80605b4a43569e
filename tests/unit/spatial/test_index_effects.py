"""Before and after a measure.

Covered: means and differences by hand; the interval from a table of t; coverage where nothing happened; an effect that
was planted; the comparison with areas of the same level against least squares with a dummy; regression to the mean when
the worst area is picked; cautions; several areas; windows; row order and units; refusals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from geodata.errors import AreaKeyError, SpatialError
from spatial.index.effects import Caution, Finding, Measure, before_after

YEARS = [2017, 2018, 2019, 2020, 2021]


def panel(n: int = 40, seed: int = 1, spread: float = 2.0, noise: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(10, spread, size=(n, 1))
    values = level + np.arange(5) * 0.2 + rng.normal(0, noise, size=(n, 5))
    return pd.DataFrame(values, [f"o{i:02d}" for i in range(n)], YEARS)


def test_means_differences_and_interval_by_hand():
    data = pd.DataFrame(
        {2019: [10.0, 8, 9, 10, 11, 12, 1], 2020: [6.0, 7, 9, 11, 10, 13, 1]},
        index=["x", "a", "b", "c", "d", "e", "far"],
    )
    result = before_after(data, Measure(("x",), 2020, -1, size=4.0), list("abcde"))
    assert list(result.groups.loc["area"]) == [10, 6, -4, 1]
    assert list(result.groups.loc["similar"]) == [10, 10, 0, 5]
    assert list(result.groups["areas"]) == [1, 5, 6]
    # Changes −1, 0, 1, −1, 1: standard deviation 1; t(4) at 97.5 % is 2.776445.
    half = 2.776445 * 1.0 * np.sqrt(1 + 1 / 5)
    row = result.differences.loc["similar"]
    np.testing.assert_allclose([row["low"], row["difference"], row["high"]], [-4 - half, -4, -4 + half], rtol=1e-6)
    assert row["finding"] == Finding.AS_EXPECTED
    assert row["size_within"]
    assert result.differences.loc["county", "difference"] == pytest.approx(-4)
    against = before_after(data, Measure(("x",), 2020, 1), list("abcde"))
    assert against.differences.loc["similar", "finding"] == Finding.AGAINST
    assert against.differences["size_within"].isna().all()


def test_areas_of_the_same_level_are_least_squares_with_a_dummy():
    data = panel()
    treated = ("o03", "o07")
    result = before_after(data, Measure(treated[:1], 2020, -1), ["o01", "o02", "o05"], level=0.9)
    before, change = data[[2017, 2018, 2019]].mean(axis=1), data[[2020, 2021]].mean(axis=1)
    change = change - before
    design = np.column_stack([np.ones(40), before, data.index == "o03"])
    beta, squares, *_ = np.linalg.lstsq(design, change, rcond=None)
    error = np.sqrt(squares[0] / 37 * np.linalg.inv(design.T @ design)[2, 2])
    half = stats.t.ppf(0.95, 37) * error
    row = result.differences.loc["same level"]
    np.testing.assert_allclose([row["low"], row["difference"], row["high"]], [beta[2] - half, beta[2], beta[2] + half])
    others = before.drop("o03")
    assert result.expected_return == pytest.approx(beta[1] * (before["o03"] - others.mean()))
    assert result.before_z == pytest.approx((before["o03"] - others.mean()) / others.std())
    assert (result.before, result.after) == ((2017, 2018, 2019), (2020, 2021))


def test_where_nothing_happened_the_intervals_cover_as_often_as_they_say():
    covered = {"similar": 0, "county": 0, "same level": 0}
    runs = 400
    for seed in range(runs):
        data = panel(n=25, seed=seed)
        similar = [f"o{i:02d}" for i in range(1, 9)]
        found = before_after(data, Measure(("o00",), 2020, -1), similar, level=0.9).differences
        for name in covered:
            covered[name] += found.loc[name, "low"] <= 0 <= found.loc[name, "high"]
    for name, times in covered.items():
        assert 0.86 < times / runs < 0.94, name


def test_an_effect_is_seen_and_its_size_lies_within():
    data = panel(noise=0.3)
    data.loc["o04", [2020, 2021]] -= 3.0
    similar = list((data[2019] - data.loc["o04", 2019]).abs().drop("o04").nsmallest(8).index)
    found = before_after(data, Measure(("o04",), 2020, -1, 3.0), similar).differences
    assert (found["finding"] == Finding.AS_EXPECTED).all()
    assert found["size_within"].all()
    np.testing.assert_allclose(found["difference"], -3, atol=1.0)


def test_regression_to_the_mean_is_warned_of_and_taken_out_where_the_worst_area_is_picked():
    """All areas are alike and noise alone makes one the worst: it falls back without any measure."""
    flagged, county, level, warned, runs = 0, 0.0, 0.0, 0, 120
    for seed in range(runs):
        data = pd.DataFrame(np.random.default_rng(seed).normal(10, 1, size=(40, 2)), columns=[2019, 2020])
        data.index = data.index.map(str)
        worst = data[2019].idxmax()
        others = [area for area in data.index if area != worst]
        result = before_after(data, Measure((worst,), 2020, -1), others)
        flagged += result.differences.loc["similar", "finding"] == Finding.AS_EXPECTED
        county += result.differences.loc["county", "difference"] / runs
        level += result.differences.loc["same level", "difference"] / runs
        warned += Caution.REGRESSION_TO_THE_MEAN in result.cautions
        assert result.expected_return < 0
    assert warned == runs
    assert flagged / runs > 0.2  # so often would the plain comparison praise a measure that does not exist
    assert county < -1.5
    assert abs(level) < 0.35


def test_cautions_are_given_where_they_belong_and_not_elsewhere():
    data = panel(noise=0.2)
    middle = (data[2019] - data[2019].mean()).abs().idxmin()
    near = list((data[2019] - data.loc[middle, 2019]).abs().drop(middle).nsmallest(6).index)
    quiet = before_after(data, Measure((middle,), 2020, -1), near)
    assert quiet.cautions == ()
    assert abs(quiet.trend_before) < 0.5
    assert set(before_after(data[[2019, 2020]], Measure((middle,), 2020, -1), near).cautions) == {Caution.ONE_PERIOD}
    assert Caution.FEW_SIMILAR in before_after(data, Measure((middle,), 2020, -1), near[:2]).cautions
    far = list(data[2019].drop(middle).nlargest(4).index)
    assert Caution.OTHER_LEVEL in before_after(data, Measure((middle,), 2020, -1), far).cautions
    moving = data.copy()
    moving.loc[middle, [2017, 2018, 2019]] += [4.0, 2.0, 0.0]
    falling = before_after(moving, Measure((middle,), 2020, -1), near)
    assert Caution.TREND_BEFORE in falling.cautions
    assert falling.trend_before == pytest.approx(quiet.trend_before - 2.0)
    worst = data[2019].idxmax()
    rest = [a for a in data.index if a != worst]
    assert Caution.REGRESSION_TO_THE_MEAN in before_after(data, Measure((worst,), 2020, -1), rest).cautions
    # Nobody expects the worst area to fall back upward.
    assert Caution.REGRESSION_TO_THE_MEAN not in before_after(data, Measure((worst,), 2020, 1), rest).cautions


def test_units_row_order_and_turned_signs_change_no_finding():
    data = panel()
    measure = Measure(("o03", "o04"), 2020, -1, size=1.0)
    plain = before_after(data, measure, ["o01", "o02", "o05", "o09"])
    mixed = before_after(data.sample(frac=1, random_state=2)[YEARS[::-1]], measure, ["o09", "o05", "o02", "o01"])
    pd.testing.assert_frame_equal(mixed.differences, plain.differences)
    turned = before_after(-100 * data, Measure(("o03", "o04"), 2020, 1, size=100.0), ["o01", "o02", "o05", "o09"])
    np.testing.assert_allclose(turned.differences["difference"], -100 * plain.differences["difference"])
    assert list(turned.differences["finding"]) == list(plain.differences["finding"])
    assert turned.cautions == plain.cautions


def test_several_areas_have_a_narrower_interval_and_holes_of_others_leave_them_out():
    data = panel()
    similar = ["o10", "o11", "o12", "o13", "o14"]
    one = before_after(data, Measure(("o03",), 2020, -1), similar).differences
    two = before_after(data, Measure(("o03", "o04"), 2020, -1), similar).differences
    width = [float(d.loc["similar", "high"] - d.loc["similar", "low"]) for d in (one, two)]
    assert width[1] / width[0] == pytest.approx(np.sqrt((1 / 2 + 1 / 5) / (1 + 1 / 5)))
    data.loc["o10", 2018] = np.nan
    assert list(before_after(data, Measure(("o03",), 2020, -1), similar).groups["areas"]) == [1, 4, 38]
    assert before_after(data, Measure(("o03",), 2020, -1), similar, window=1).groups["areas"]["similar"] == 5


def test_areas_with_a_measure_of_their_own_are_compared_with_nothing():
    data = panel()
    similar = ["o10", "o11", "o12"]
    alone = before_after(data.drop(["o20", "o21"]), Measure(("o03",), 2020, -1), similar)
    found = before_after(data, Measure(("o03",), 2020, -1), similar, exclude=["o20", "o21"])
    pd.testing.assert_frame_equal(found.differences, alone.differences)
    assert found.groups.loc["county", "areas"] == 37
    with pytest.raises(SpatialError, match="found o10"):
        before_after(data, Measure(("o03",), 2020, -1), similar, exclude=["o10"])


def test_without_similar_areas_nothing_is_said_of_them():
    result = before_after(panel(), Measure(("o03",), 2020, -1), [])
    assert result.differences.loc["similar", "finding"] == Finding.UNKNOWN
    assert np.isnan(result.differences.loc["similar", "difference"])
    assert result.differences.loc["county", "finding"] != Finding.UNKNOWN
    few = before_after(panel(n=4), Measure(("o03",), 2020, -1), ["o01"])
    assert few.differences.loc["same level", "finding"] == Finding.UNKNOWN
    assert np.isnan(few.differences.loc["similar", "low"])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda d: before_after(d, Measure(("x",), 2020, -1), []), AreaKeyError, "do not exist: x"),
        (lambda d: before_after(d, Measure((), 2020, -1), []), AreaKeyError, "none given"),
        (
            lambda d: before_after(d, Measure(("o01",), 2020, -1), ["o01"]),
            SpatialError,
            "without the measure and not excluded",
        ),
        (lambda d: before_after(d, Measure(("o01",), 2022, -1), []), SpatialError, "before and from 2022"),
        (lambda d: before_after(d, Measure(("o01",), 2017, -1), []), SpatialError, "before and from 2017"),
        (lambda d: before_after(d, Measure(("o01",), 2020, 0), []), SpatialError, "direction"),
        (lambda d: before_after(d, Measure(("o01",), 2020, 1, -2.0), []), SpatialError, "size above 0"),
        (lambda d: before_after(d, Measure(("o01",), 2020, 1), [], level=1), SpatialError, "level between"),
        (
            lambda d: before_after(d.drop("o01").reindex(d.index), Measure(("o01",), 2020, 1), []),
            SpatialError,
            "all periods",
        ),
        (lambda d: before_after(pd.concat([d, d]), Measure(("o01",), 2020, 1), []), AreaKeyError, "each area once"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(panel())
