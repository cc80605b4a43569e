"""The status index.

Covered: a literal transcription with the population standard deviation; contributions; ranks and classes at their cuts;
who leaves before mean and standard deviation; weights; frozen references; refusals; row order; the preset.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, ColumnError, SpatialError, UntestableError
from spatial.index.classes import classify
from spatial.index.composite import status_index
from spatial.index.presets import MSS, PRESETS
from spatial.index.standardise import Standardiser


@pytest.fixture
def values() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ids = pd.Index([f"o{i:02d}" for i in range(25)], name="area_id")
    return pd.DataFrame(rng.gamma(3, size=(25, 3)), index=ids, columns=["unemployed", "minimum", "child_poverty"])


def transcription(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    total = z @ w
    return z, (total - total.mean()) / total.std()


def parts(result) -> pd.DataFrame:
    return result.table.filter(like="contribution_")


def test_scores_are_those_of_a_transcription_with_the_population_sd(values):
    result = status_index(values)
    z, score = transcription(values.to_numpy(), np.ones(3))
    np.testing.assert_allclose(result.table.filter(like="z_"), z, atol=1e-12)
    np.testing.assert_allclose(result.table["score"], score, atol=1e-12)
    np.testing.assert_allclose(parts(result).sum(axis=1), result.table["score"], atol=1e-12, rtol=0)
    assert result.indicators == tuple(values.columns)
    assert result.sds["minimum"] == pytest.approx(values["minimum"].std(ddof=0), rel=1e-14)
    assert result.sds["minimum"] != pytest.approx(values["minimum"].std(ddof=1), rel=1e-3)
    sample = status_index(values, ddof=1)
    np.testing.assert_allclose(sample.table["z_minimum"], z[:, 1] * np.sqrt(24 / 25), atol=1e-12)


def test_weights_count(values):
    weights = {"child_poverty": 2.0, "unemployed": 1.0, "minimum": 0.5}
    result = status_index(values, weights=weights)
    _, score = transcription(values.to_numpy(), np.array([1.0, 0.5, 2.0]))
    np.testing.assert_allclose(result.table["score"], score, atol=1e-12)
    np.testing.assert_allclose(parts(result).sum(axis=1), result.table["score"], atol=1e-12, rtol=0)
    assert dict(result.parameters["weights"]) == weights
    for wrong in ({"unemployed": 1.0}, {**weights, "minimum": -1.0}, {**weights, "minimum": 0.0}):
        with pytest.raises(SpatialError, match="weight"):
            status_index(values, weights=wrong)


def test_rank_one_is_the_most_disadvantaged_and_equal_areas_share_a_rank(values):
    twin = pd.concat([values, values.loc[["o03"]].rename({"o03": "twin"})])
    table = status_index(twin).table
    assert table["rank"].dtype == "Int64"
    assert table.loc[table["score"].idxmax(), "rank"] == 1
    assert table.loc["twin", "rank"] == table.loc["o03", "rank"]
    assert table["rank"].duplicated().sum() == 1
    assert list(table.sort_values("rank")["score"]) == sorted(table["score"], reverse=True)


def test_classes_at_their_cuts():
    score = pd.Series([-9, -1, np.nextafter(-1, 0), 1, np.nextafter(1, 2), 1.5, np.nextafter(1.5, 2), np.nan])
    assert list(classify(score, MSS.cuts, MSS.labels)) == [
        *["hoch", "hoch", "mittel", "mittel", "niedrig", "niedrig", "sehr niedrig"],
        None,
    ]
    with pytest.raises(SpatialError, match="one label more"):
        classify(score, (0,), ("a", "b", "c"))
    with pytest.raises(SpatialError, match="ascending"):
        classify(score, (1, 0), ("a", "b", "c"))


def test_high_values_are_low_status(values):
    table = status_index(values).table
    assert table.loc[table["score"].idxmax(), "status_class"] == "sehr niedrig"
    assert table.loc[table["score"].idxmin(), "status_class"] == "hoch"


def test_who_is_left_out_leaves_before_mean_and_sd(values):
    spoiled = values.copy()
    spoiled.loc["o01", "minimum"] = np.nan
    spoiled.loc["o02"] = 1e6
    spoiled.loc["o04"] = 1e6
    people = pd.Series(1000.0, index=values.index)
    people["o04"], people["o05"], people["o06"] = 299, 300, np.nan
    result = status_index(spoiled, population=people, exclude={"o02": "Ausreißer", "o01": ""})
    gone = {
        "o01": "excluded",
        "o02": "Ausreißer",
        "o04": "fewer than 300 inhabitants",
        "o06": "no population figure",
    }
    assert result.table.loc[result.table["excluded"] != "", "excluded"].to_dict() == gone
    alone = status_index(values.drop(index=list(gone)))
    pd.testing.assert_frame_equal(result.table.drop(index=list(gone)), alone.table)
    assert result.table.loc[list(gone)].drop(columns=["excluded", "status_class"]).isna().all(axis=None)
    assert result.table.loc[list(gone), "status_class"].tolist() == [None] * 4
    assert result.parameters["areas"] == 21


def test_a_missing_value_is_named_and_never_zero(values):
    values.loc["o07", ["unemployed", "child_poverty"]] = np.nan
    table = status_index(values).table
    assert table.loc["o07", "excluded"] == "no value: unemployed, child_poverty"
    assert table.loc["o07"].filter(like="contribution_").isna().all()
    assert table.loc["o07"].filter(like="z_").isna().all()  # a z of the third would give part of the score away


def test_row_order_changes_nothing(values):
    mixed = values.sample(frac=1, random_state=np.random.RandomState(1))
    base, other = status_index(values).table, status_index(mixed).table
    assert list(other.index) == list(mixed.index)
    pd.testing.assert_frame_equal(other.loc[base.index], base, rtol=1e-12, atol=1e-12)


def test_a_frozen_reference_makes_change_real(values):
    base = status_index(values)
    frozen = Standardiser.from_result(base)
    pd.testing.assert_frame_equal(status_index(values, reference=frozen).table, base.table, rtol=1e-12, atol=1e-12)
    worse = status_index(values + 1.0, reference=frozen, reference_name="2020")
    assert worse.reference == "2020"
    shift = sum(1 / base.sds[name] for name in values) / base.sum_sd
    np.testing.assert_allclose(worse.table["score"] - base.table["score"], shift, rtol=1e-9)
    np.testing.assert_allclose(parts(worse).sum(axis=1), worse.table["score"], atol=1e-12, rtol=0)
    assert dict(worse.means) == dict(base.means)
    np.testing.assert_allclose(status_index(values + 1.0).table["score"], base.table["score"], atol=1e-10)


def test_a_frozen_reference_scores_even_few_areas(values):
    frozen = Standardiser(ddof=0).fit(values)
    few = status_index(values.iloc[:7], reference=frozen)
    np.testing.assert_allclose(few.table["score"], status_index(values).table["score"].iloc[:7], atol=1e-12)
    with pytest.raises(ColumnError, match="child_poverty"):
        status_index(values[["unemployed", "minimum"]], reference=frozen)
    with pytest.raises(ColumnError, match="new"):
        status_index(values.assign(new=1.0), reference=frozen)
    with pytest.raises(SpatialError, match="frozen"):
        status_index(values, reference=frozen, weights=dict.fromkeys(values, 2.0))


def test_a_reference_from_kept_numbers(values):
    base = status_index(values, weights={"unemployed": 3, "minimum": 1, "child_poverty": 1})
    kept = Standardiser.from_parameters(
        dict(base.means), dict(base.sds), base.sum_mean, base.sum_sd, weights=base.parameters["weights"]
    )
    again = status_index(values[["child_poverty", "minimum", "unemployed"]], reference=kept)
    np.testing.assert_allclose(again.table["score"], base.table["score"], atol=1e-12)
    # A sum that does not centre at 0 is shared out, so that the parts still add up.
    moved = Standardiser.from_parameters(dict(base.means), dict(base.sds), 0.7, 2.0)
    shifted = status_index(values, reference=moved)
    np.testing.assert_allclose(parts(shifted).sum(axis=1), shifted.table["score"], atol=1e-12, rtol=0)
    with pytest.raises(SpatialError, match="larger than 0"):
        Standardiser.from_parameters({"a": 0.0}, {"a": 0.0}, 0.0, 1.0)
    with pytest.raises(SpatialError, match="same indicators"):
        Standardiser.from_parameters({"a": 0.0}, {"b": 1.0}, 0.0, 1.0)


def test_what_cannot_be_standardised_is_refused(values):
    with pytest.raises(UntestableError, match=r"at least 10 .* found 9 of 25.*reference="):
        status_index(values.iloc[:9].reindex(values.index))
    with pytest.raises(SpatialError, match="minimum"):
        status_index(values.assign(minimum=0.1))
    with pytest.raises(SpatialError, match="cancel out"):
        status_index(pd.DataFrame({"a": values["minimum"], "b": -values["minimum"]}))
    with pytest.raises(SpatialError, match="infinity in o09"):
        status_index(pd.concat([values[:9], values[9:10] * np.inf, values[10:]]))
    with pytest.raises(AreaKeyError, match="o00"):
        status_index(pd.concat([values, values[:1]]))
    with pytest.raises(AreaKeyError, match="nowhere"):
        status_index(values, exclude={"nowhere": "?"})
    with pytest.raises(AreaKeyError, match="o24"):
        status_index(values, population=pd.Series(500.0, index=values.index[:-1]))
    with pytest.raises(ColumnError):
        status_index(values[["minimum", "minimum"]])
    with pytest.raises(SpatialError, match="missing"):
        Standardiser().fit(values.where(values > values.iloc[0, 0]))


def test_ten_areas_are_enough(values):
    assert status_index(values[:10]).table["score"].notna().all()


def test_the_preset_names_everything_in_two_languages():
    assert PRESETS["mss"] is MSS
    assert set(MSS.labels_en) == set(MSS.labels)
    assert set(MSS.dynamics_labels_en) == set(MSS.dynamics_labels)
    assert (MSS.ddof, MSS.floor, MSS.cuts) == (0, 300, (-1.0, 1.0, 1.5))
    assert len(set(MSS.labels_en.values())) == 4


def test_the_caller_keeps_his_table(values):
    before = values.copy()
    status_index(values, exclude={"o03": "x"})
    pd.testing.assert_frame_equal(values, before)
