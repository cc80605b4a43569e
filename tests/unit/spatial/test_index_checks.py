"""Checks of an index, and similar areas.

Covered: alpha from the mean correlation, loadings from a singular value decomposition, shares of variance; an indicator
that pulls against the rest; leaving one out against the index without it; nearest areas by brute force; ties, missing
values, units, signs and row order; refusals.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, SpatialError
from spatial.index.checks import check_index
from spatial.index.composite import status_index
from spatial.index.normalise import Normaliser
from spatial.index.similar import similar_areas

NAMES = ["work", "poor", "child", "odd"]


@pytest.fixture
def values() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    need = rng.normal(size=60)
    columns = {name: need + rng.normal(0, 0.6, size=60) for name in NAMES[:3]}
    columns["odd"] = -0.6 * need + rng.normal(size=60)
    return pd.DataFrame(columns, [f"o{i:02d}" for i in range(60)])


def test_alpha_is_that_of_the_mean_correlation(values):
    result = check_index(values)
    r = np.corrcoef(values.to_numpy().T)
    mean = (r.sum() - 4) / 12
    assert result.alpha == pytest.approx(4 * mean / (1 + 3 * mean), rel=1e-12)
    inner = r[:3, :3]
    mean = (inner.sum() - 3) / 6
    assert result.indicators.loc["odd", "alpha_without"] == pytest.approx(3 * mean / (1 + 2 * mean), rel=1e-12)
    assert result.indicators.loc["odd", "alpha_without"] > result.alpha
    same = pd.DataFrame(dict.fromkeys("abc", values["work"]))
    assert check_index(same).alpha == pytest.approx(1, abs=1e-12)


def test_an_indicator_that_pulls_against_the_rest_is_named(values):
    table = check_index(values).indicators
    assert list(table.index[table["pulls_against"]]) == ["odd"]
    z = (values - values.mean()) / values.std(ddof=0)
    for name in NAMES:
        rest = z.drop(columns=name).sum(axis=1)
        assert table.loc[name, "with_rest"] == pytest.approx(np.corrcoef(z[name], rest)[0, 1])
    turned = check_index(values.assign(odd=-values["odd"])).indicators
    assert not turned["pulls_against"].any()
    assert turned.loc["odd", "with_rest"] == pytest.approx(-table.loc["odd", "with_rest"])


def test_shares_of_variance_add_up_and_are_not_the_weights(values):
    share = check_index(values, weights={"work": 2, "poor": 1, "child": 1, "odd": 1}).indicators["share"]
    assert share.sum() == pytest.approx(1, abs=1e-12)
    assert share["odd"] < 0.2 < share["work"]


def test_loadings_are_those_of_a_singular_value_decomposition(values):
    result = check_index(values)
    z = ((values - values.mean()) / values.std(ddof=0)).to_numpy()
    _, s, vt = np.linalg.svd(z / np.sqrt(len(z)), full_matrices=False)
    np.testing.assert_allclose(result.explained, s**2 / 4, atol=1e-12)
    np.testing.assert_allclose(np.abs(result.loadings), np.abs(vt.T * s), atol=1e-9)
    assert (result.loadings.sum() >= 0).all()
    # A loading is the correlation with the component.
    component = z @ (result.loadings["PC1"] / np.linalg.norm(result.loadings["PC1"])).to_numpy()
    expected = [np.corrcoef(z[:, k], component)[0, 1] for k in range(4)]
    np.testing.assert_allclose(result.loadings["PC1"], expected, atol=1e-9)


def test_leaving_one_out_is_the_index_without_it(values):
    table = check_index(values).indicators
    full = status_index(values).table
    for name in NAMES:
        without = status_index(values.drop(columns=name)).table
        shift = (full["rank"] - without["rank"]).abs()
        assert table.loc[name, "mean_shift"] == pytest.approx(shift.mean())
        assert table.loc[name, "largest_shift"] == shift.max()
        assert table.loc[name, "classes_changed"] == (full["status_class"] != without["status_class"]).sum()
        assert table.loc[name, "rank_correlation"] == pytest.approx(full["score"].corr(without["score"], "spearman"))
    assert table["mean_shift"].idxmax() == "odd"


def test_checks_do_not_care_for_units_and_row_order_and_leave_holes_out(values):
    plain = check_index(values)
    other = check_index((values * [2, 30, 0.1, 5] + 7).sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(other.indicators, plain.indicators)
    pd.testing.assert_frame_equal(other.rank_correlations, plain.rank_correlations)
    hole = pd.concat([values, pd.DataFrame({"work": [np.nan], "poor": 1, "child": 1, "odd": 1}, index=["hole"])])
    assert check_index(hole).areas == 60
    pd.testing.assert_frame_equal(check_index(hole).correlations, plain.correlations)
    assert np.isnan(check_index(values[["work"]]).alpha)
    with pytest.raises(SpatialError, match="three complete areas"):
        check_index(values.iloc[:2])
    with pytest.raises(SpatialError, match="everywhere in odd"):
        check_index(values.assign(odd=1.0))


def test_similar_areas_are_the_nearest_by_brute_force(values):
    weights = {"work": 2.0, "poor": 1.0, "child": 1.0, "odd": 0.5}
    found = similar_areas(values, 4, weights=weights)
    z = (values - values.mean()) / values.std(ddof=0)
    for area in values.index:
        distance = {
            other: math.sqrt(sum(w * (z.loc[area, n] - z.loc[other, n]) ** 2 for n, w in weights.items()) / 4.5)
            for other in values.index
            if other != area
        }
        nearest = sorted(distance, key=distance.get)[:4]
        assert list(found.loc[area, "similar_id"]) == nearest
        np.testing.assert_allclose(found.loc[area, "distance"], [distance[o] for o in nearest])
    assert list(found.index.get_level_values(1)[:5]) == [1, 2, 3, 4, 1]


def test_similar_areas_do_not_care_for_units_signs_and_row_order(values):
    plain = similar_areas(values, 3)
    other = similar_areas((values * [2, -30, 0.1, 5] + 7).sample(frac=1, random_state=1), 3)
    pd.testing.assert_frame_equal(other.loc[values.index], plain)


def test_ties_are_ordered_by_id_and_holes_resemble_nobody(values):
    twins = pd.concat([values, values.loc[["o05"]].rename({"o05": "zz"}), values.loc[["o05"]].rename({"o05": "aa"})])
    twins.loc["o07", "odd"] = np.nan
    found = similar_areas(twins, 2)
    assert list(found.loc["o05", "similar_id"]) == ["aa", "zz"]
    assert "o07" not in set(found["similar_id"])
    assert "o07" not in found.index.get_level_values(0)


def test_areas_can_be_chosen_and_the_reference_frozen(values):
    some = similar_areas(values, 3, of=["o09", "o01"], among=["o02", "o01", "o03"])
    assert list(some.index.get_level_values(0).unique()) == ["o01", "o09"]
    assert len(some) == 5
    assert set(some["similar_id"]) <= {"o01", "o02", "o03"}
    frozen = Normaliser("z").fit(values * 2)
    wide = similar_areas(values, 1, reference=frozen)["distance"]
    np.testing.assert_allclose(wide, similar_areas(values, 1)["distance"] / 2)
    with pytest.raises(SpatialError, match="at least one"):
        similar_areas(values, 0)
    with pytest.raises(AreaKeyError, match="do not exist: x"):
        similar_areas(values, of=["x"])
    with pytest.raises(AreaKeyError, match="each area once"):
        similar_areas(pd.concat([values, values]))
