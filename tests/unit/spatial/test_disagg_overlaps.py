"""Overlapping targets: refused unless asked for, right for each target by itself, and never used for totals."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from geodata.errors import AreaKeyError, SpatialError
from spatial.disaggregation import AllocationWeights, area_weights, cell_weights, raster_weights
from spatial.disaggregation.concentration import Alpha
from spatial.disaggregation.integers import integer_counts
from spatial.disaggregation.overlaps import fragments
from spatial.disaggregation.uncertainty import draws, intervals, known_parts

TOWNS = gpd.GeoDataFrame(
    index=pd.Index(["west", "east"], name="id"), geometry=[box(0, 0, 10, 10), box(10, 0, 20, 10)], crs=25832
)
#: Two schools share the strip 6 ... 12; "all" holds both; "far" lies in "west" only and touches nothing else.
SCHOOLS = gpd.GeoDataFrame(
    index=pd.Index(["A", "B", "all"], name="school"),
    geometry=[box(0, 0, 12, 10), box(6, 0, 16, 10), box(0, 0, 16, 10)],
    crs=25832,
)
PEOPLE = pd.Series({"west": 100.0, "east": 60.0})
LAYER = np.random.default_rng(4).integers(0, 9, (10, 20)).astype(float)
PLACE = (1.0, 0.0, 0.0, 0.0, -1.0, 10.0), "EPSG:25832"


def weights(**kwargs: object) -> AllocationWeights:
    return area_weights(TOWNS, SCHOOLS, overlapping=True, **kwargs)  # type: ignore[arg-type]


def test_refused_unless_asked_for() -> None:
    with pytest.raises(SpatialError, match=r"do not overlap.*counted twice"):
        area_weights(TOWNS, SCHOOLS)
    with pytest.raises(SpatialError, match=r"source zones.*do not overlap"):
        area_weights(SCHOOLS, TOWNS, overlapping=True)


def test_each_target_by_itself_is_right() -> None:
    # Of "west" all is covered, of "east" 10 ... 16; the total of what is covered is the town's.
    east = 60 / 6
    x = weights().apply(PEOPLE)
    assert x.to_dict() == pytest.approx({"A": 100 + 2 * east, "B": 40 + 6 * east, "all": 160})
    whole = weights(allocate="area")
    assert whole.apply(PEOPLE).to_dict() == pytest.approx({"A": 100 + 2 * 6, "B": 40 + 6 * 6, "all": 100 + 36})
    assert whole.outside.tolist() == pytest.approx([0, 0.4])


def test_every_target_alone_gets_the_same_in_a_raster() -> None:
    together = raster_weights(TOWNS, SCHOOLS, LAYER, *PLACE, allocate="area", overlapping=True).apply(PEOPLE)
    for school in SCHOOLS.index:
        alone = raster_weights(TOWNS, SCHOOLS.loc[[school]], LAYER, *PLACE, allocate="area").apply(PEOPLE)
        assert together[school] == pytest.approx(alone[school], rel=1e-12)


def test_without_overlaps_it_is_the_usual_matrix() -> None:
    usual = area_weights(SCHOOLS.loc[["all"]], TOWNS)
    asked = area_weights(SCHOOLS.loc[["all"]], TOWNS, overlapping=True)
    np.testing.assert_allclose(asked.matrix.toarray(), usual.matrix.toarray(), rtol=1e-14)


def test_the_result_is_marked_and_stays_so() -> None:
    marked = weights()
    assert marked.overlapping
    assert marked.method == "area, overlapping targets"
    again = AllocationWeights.from_bytes(marked.to_bytes())
    assert again.overlapping
    pd.testing.assert_series_equal(again.apply(PEOPLE), marked.apply(PEOPLE))
    assert not AllocationWeights.from_bytes(area_weights(SCHOOLS.loc[["all"]], TOWNS).to_bytes()).overlapping


def test_missing_and_rates_are_as_ever() -> None:
    x = weights().apply(pd.Series({"west": 100.0}))
    assert x.isna().all(), "all three have part in east"
    rates = weights().rates(PEOPLE * 0.1, PEOPLE)["rate"]
    assert rates.to_list() == pytest.approx([0.1] * 3)


@pytest.mark.parametrize(
    "use",
    [
        lambda w: w.audit(PEOPLE),
        lambda w: w.summary(PEOPLE),
        lambda w: w.aggregate(w.apply(PEOPLE), by=PEOPLE),
        lambda w: w.compose(cell_weights(pd.Series({"c": "A", "d": "B", "e": "all"}), pd.Series(1.0, list("cde")))),
        lambda w: integer_counts(w, PEOPLE),
        lambda w: draws(w, PEOPLE, Alpha(3.0), rng=np.random.default_rng(1), n=3),
        lambda w: known_parts(w, pd.DataFrame({"n": 1.0}, index=SCHOOLS.index)),
    ],
)
def test_never_used_for_totals(use: Callable[[AllocationWeights], object]) -> None:
    with pytest.raises(SpatialError, match=r"do not overlap.*twice"):
        use(weights())


def test_intervals_of_single_targets_are_given() -> None:
    table = intervals(weights(), PEOPLE, Alpha(3.0)).table
    assert (table["lower"] <= table["value"]).all()
    assert (table["upper"] >= table["value"]).all()


def test_a_chain_that_ends_in_overlaps_is_marked() -> None:
    towns = cell_weights(pd.Series({"west": "county", "east": "county"}), pd.Series({"west": 5.0, "east": 3.0}))
    both = towns.compose(weights())
    assert both.overlapping
    assert both.apply(pd.Series({"county": 160.0}))["all"] == pytest.approx(160)


def test_fragments_do_not_overlap_and_leave_nothing_out() -> None:
    ring = box(30, 0, 40, 10).difference(box(33, 3, 37, 7))
    zones = gpd.GeoDataFrame(
        index=list("pqrs"), geometry=[box(0, 0, 4, 4), box(2, 2, 6, 6), box(0, 0, 4, 4), ring], crs=25832
    )
    parts = fragments(zones)
    assert parts.zones.area.sum() == pytest.approx(zones.union_all().area)
    assert (parts.member @ parts.zones.area.to_numpy()).tolist() == pytest.approx(zones.area.tolist())
    with pytest.raises(AreaKeyError, match="fragments"):
        parts.gather(area_weights(TOWNS, TOWNS))
