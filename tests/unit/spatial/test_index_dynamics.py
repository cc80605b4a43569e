"""Change of an index.

Covered: absolute change against a frozen year, its parts, areas of one year only; breaks of each kind, bridged or not;
relative dynamics by the code of the status; the 4 × 3 groups and special attention; chains; refusals.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, ColumnError, SpatialError
from spatial.index.composite import status_index
from spatial.index.dynamics import Break, absolute_change, chain, cross_table, groups, relative_dynamics
from spatial.index.presets import MSS
from spatial.index.standardise import Standardiser

AREAS = [f"o{i:02d}" for i in range(30)]


@pytest.fixture
def years():
    rng = np.random.default_rng(6)
    base = pd.DataFrame(rng.gamma(3, size=(30, 3)), AREAS, ["work", "poor", "child"])
    return base, base + rng.normal(0.3, 0.5, size=base.shape)


def change_of(years, **kwargs):
    return absolute_change(*years, Standardiser().fit(years[0]), base_period=2019, period=2021, **kwargs)


def test_change_is_measured_with_the_yardstick_of_the_base_year(years):
    base, later = years
    found = change_of(years).table
    mean, sd = base.mean(), base.std(ddof=0)
    total, then = ((base - mean) / sd).sum(axis=1), ((later - mean) / sd).sum(axis=1)
    np.testing.assert_allclose(found["change"], (then - total) / total.std(ddof=0), atol=1e-12)
    np.testing.assert_allclose(found["score"] - found["score_base"], found["change"], atol=1e-12)
    parts = found.filter(like="contribution_").sum(axis=1)
    np.testing.assert_allclose(parts, found["change"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(found["change_poor"], later["poor"] - base["poor"])
    # The kept result serves as the yardstick too.
    kept = absolute_change(base, later, status_index(base), base_period=2019, period=2021).table
    np.testing.assert_allclose(kept["change"], found["change"], atol=1e-12)


def test_where_all_get_worse_all_have_a_change_and_the_relative_view_sees_none(years):
    base = years[0]
    worse = change_of((base, base + 1.0)).table
    assert (worse["change"] > 0).all()
    mixed = base + np.random.default_rng(1).uniform(0.1, 1.0, size=base.shape)
    relative = relative_dynamics(mixed - base).table["status_class"]
    assert (change_of((base, mixed)).table.loc[relative == "positiv", "change"] > 0).all()
    assert (relative == "positiv").sum() >= 3


def test_units_signs_and_order_change_no_change(years):
    plain = change_of(years).table["change"]
    scaled = [(year * [2.0, 0.01, 7.0]).sample(frac=1, random_state=4) for year in years]
    np.testing.assert_allclose(change_of(scaled).table.loc[AREAS, "change"], plain, atol=1e-12)


def test_areas_of_one_year_have_no_change(years):
    base, later = years
    found = change_of((base.drop("o01"), later.drop("o02"))).table
    assert set(found.index[found["change"].isna()]) == {"o01", "o02"}
    assert found["score"].notna()["o01"]


def test_breaks_are_named_and_withhold_what_they_touch(years):
    breaks = [
        Break("area", "o05", 2020, "merged"),
        Break("indicator", "poor", 2021, "new law"),
        Break("area", "o07", 2018, "long ago"),
        Break("area", "o08", 2022, "later"),
    ]
    only_area = change_of(years, breaks=[breaks[0], *breaks[2:]])
    assert set(only_area.table.index[only_area.table["change"].isna()]) == {"o05"}
    assert only_area.table.loc["o05", "breaks"] == "area o05, from 2020: merged"
    assert (only_area.table["breaks"] != "").sum() == 1
    assert len(only_area.breaks) == 1
    both = change_of(years, breaks=breaks).table
    assert both["change"].isna().all()
    assert both["change_poor"].isna().all()
    assert both["change_work"].notna().sum() == 29
    assert both["score"].notna().all()
    method = change_of(years, breaks=[Break("method", "weights", 2021)]).table
    assert method.filter(like="change").isna().all(axis=None)
    bridged = change_of(years, breaks=[Break("indicator", "poor", 2021, "chained", bridged=True)]).table
    assert bridged["change"].notna().all()
    assert set(bridged["breaks"]) == {"indicator poor, from 2021: chained (bridged)"}


def test_relative_dynamics_is_the_status_of_the_changes(years):
    change = years[1] - years[0]
    found = relative_dynamics(change, exclude={"o03": "outlier"})
    same = status_index(change, exclude={"o03": "outlier"}, cuts=(-1, 1), labels=MSS.dynamics_labels)
    pd.testing.assert_frame_equal(found.table, same.table)
    rest = change.drop("o03")
    total = ((rest - rest.mean()) / rest.std(ddof=0)).sum(axis=1)
    score = total / total.std(ddof=0)
    expected = np.where(score <= -1, "positiv", np.where(score > 1, "negativ", "stabil"))
    assert list(found.table["status_class"].drop("o03")) == list(expected)


def test_twelve_groups_and_special_attention(years):
    status = status_index(years[0])
    pairs = list(itertools.product(MSS.labels, MSS.dynamics_labels))
    table = status.table.iloc[: len(pairs) + 1].copy()
    dynamics = table.copy()
    table["status_class"] = [*(s for s, _ in pairs), None]
    dynamics["status_class"] = [*(d for _, d in pairs), "stabil"]

    def with_table(changed):
        import dataclasses

        return dataclasses.replace(status, table=changed)

    found = groups(with_table(table), with_table(dynamics.sample(frac=1, random_state=1)))
    assert list(found["group"][:12]) == ["1+", "1±", "1−", "2+", "2±", "2−", "3+", "3±", "3−", "4+", "4±", "4−"]
    assert found["group"].iloc[12] is None
    assert found["attention"].isna().sum() == 1
    asked = found["attention"].fillna(False).astype(bool)
    assert set(found.loc[asked, "group"]) == {"3−", "4+", "4±", "4−"}
    counts = cross_table(found)
    assert counts.shape == (4, 3)
    assert (counts == 1).all(axis=None)
    with pytest.raises(AreaKeyError, match=r"only one of o1"):
        groups(with_table(table), with_table(dynamics.iloc[:10]))


def test_chains_move_as_the_new_indicator_does():
    rng = np.random.default_rng(2)
    old = pd.DataFrame(rng.gamma(5, size=(12, 3)), columns=[2018, 2019, 2020])
    new = pd.DataFrame({2020: old[2020] * 3 + 5, 2021: (old[2020] + 0.5) * 3 + 5, 2022: old[2020] * 3 + 11})
    linked = chain(old, new.sample(frac=1, random_state=1), 2020)
    assert list(linked.columns) == [2018, 2019, 2020, 2021, 2022]
    np.testing.assert_allclose(linked[2021], old[2020] + 0.5)
    np.testing.assert_allclose(linked[2022], old[2020] + 2)
    pd.testing.assert_frame_equal(linked[[2018, 2019, 2020]], old)
    np.testing.assert_allclose(chain(old, new, 2020, how="difference")[2022], old[2020] + 6)
    np.testing.assert_allclose(
        chain(old, old[[2020]].assign(**{}).join((old[2020] * 1.1).rename(2021)), 2020, how="ratio")[2021],
        old[2020] * 1.1,
    )
    hole = new.copy()
    hole.loc[3, 2020] = np.nan
    assert chain(old, hole, 2020).loc[3, [2021, 2022]].isna().all()


def test_a_chain_keeps_the_index_where_the_new_indicator_is_the_old_one_rescaled(years):
    base, later = years
    plain = change_of(years).table["change"]
    old = pd.DataFrame({2019: base["poor"]})
    new = pd.DataFrame({2019: base["poor"] * 4 + 1, 2021: later["poor"] * 4 + 1})
    chained = later.assign(poor=chain(old, new, 2019)[2021])
    mark = Break("indicator", "poor", 2020, "replaced", bridged=True)
    np.testing.assert_allclose(change_of((base, chained), breaks=[mark]).table["change"], plain, atol=1e-12)


def test_what_cannot_be_meant_is_refused(years):
    with pytest.raises(SpatialError, match="base before"):
        absolute_change(*years, Standardiser().fit(years[0]), base_period=2021, period=2021)
    with pytest.raises(AreaKeyError, match="in neither year"):
        change_of(years, breaks=[Break("area", "nowhere", 2020)])
    with pytest.raises(ColumnError, match="not of the index"):
        change_of(years, breaks=[Break("indicator", "rent", 2020)])
    with pytest.raises(AreaKeyError, match="each area once"):
        change_of((pd.concat([years[0]] * 2), years[1]))
    old = pd.DataFrame({2019: [1.0, 2.0]})
    with pytest.raises(ColumnError, match="both indicators in 2020"):
        chain(old, old, 2020)
    with pytest.raises(SpatialError, match="sd, difference or ratio"):
        chain(old, old, 2019, how="mean")
    with pytest.raises(SpatialError, match="no spread"):
        chain(old, old * 0 + 1, 2019)
    with pytest.raises(SpatialError, match="other than 0"):
        chain(old, old * 0, 2019, how="ratio")
    with pytest.raises(AreaKeyError, match="same areas"):
        chain(old, old.iloc[:1], 2019)
