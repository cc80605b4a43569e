"""What lies in no target stays outside: shares against overlays by hand, slivers, and rates without people."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from spatial.disaggregation import area_weights, raster_weights
from spatial.disaggregation.assembly import ENOUGH

CRS = 25832


def zones(shapes: dict[str, tuple[float, float, float, float]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=list(shapes), geometry=[box(*b) for b in shapes.values()], crs=CRS)


SOURCES = zones({"west": (0, 0, 1000, 1000), "east": (1000, 0, 2000, 1000), "far": (2000, 0, 3000, 1000)})
#: All of the west and ten metres of its neighbour.
TARGETS = zones({"low": (0, 0, 1010, 500), "high": (0, 500, 1010, 1000)})
COUNTS = pd.Series({"west": 100.0, "east": 400.0, "far": 7.0})


def by_raster(allocate: str, values: np.ndarray | None = None):
    grid = np.ones((10, 30)) if values is None else values
    return raster_weights(SOURCES, TARGETS, grid, (100, 0, 0, 0, -100, 1000), f"EPSG:{CRS}", allocate=allocate)


@pytest.mark.parametrize("build", [lambda a: area_weights(SOURCES, TARGETS, allocate=a), by_raster])
def test_a_neighbour_that_is_scratched_keeps_its_people(build) -> None:
    weights = build("inside")
    np.testing.assert_allclose(weights.outside, [0, 0.99, 1], atol=1e-12)
    np.testing.assert_allclose(weights.apply(COUNTS), [52, 52])
    assert build("covered").apply(COUNTS).sum() == pytest.approx(500), "the other reading, where it is asked for"
    audit = weights.audit(COUNTS)
    np.testing.assert_allclose(audit["total_out"] + audit["outside"], COUNTS, rtol=1e-12)


@pytest.mark.parametrize(("share", "outside"), [(0.9905, 0.0), (ENOUGH, 0.0), (0.9895, 0.0105), (1.0, 0.0)])
def test_a_sliver_of_boundaries_drawn_twice_is_no_loss(share: float, outside: float) -> None:
    weights = area_weights(SOURCES.loc[["west"]], zones({"t": (0, 0, 1000 * share, 1000)}), allocate="inside")
    assert weights.outside[0] == pytest.approx(outside, abs=1e-12)
    if not outside:
        assert weights.apply(pd.Series({"west": 100.0})).tolist() == [100.0]


def test_mass_decides_and_not_area() -> None:
    """A lake outside is no loss, and a village outside one although it is small."""
    lake, village = np.zeros((10, 30)), np.zeros((10, 30))
    lake[:, :3] = 1.0
    village[:, :10] = 1.0
    village[0, 9] = 50.0
    target = zones({"t": (0, 0, 899, 1000), "u": (899, 0, 900, 1000)})
    place = ((100, 0, 0, 0, -100, 1000), f"EPSG:{CRS}")
    source = SOURCES.loc[["west"]]
    assert raster_weights(source, target, lake, *place, allocate="inside").outside.tolist() == [0.0]
    found = raster_weights(source, target, village, *place, allocate="inside").outside[0]
    assert found == pytest.approx(59 / 149)


def test_noise_that_was_dropped_is_not_outside() -> None:
    """A source 1.5 % of which lies in a target of its neighbour as noise is the targets' all the same."""
    target = zones({"t": (0, 0, 985, 1000), "next": (985, 0, 2985, 1000)})
    for build in (
        area_weights(SOURCES.loc[["west"]], target, allocate="inside", sliver=0.02),
        raster_weights(
            SOURCES.loc[["west"]], target, np.ones((10, 30)), (100, 0, 0, 0, -100, 1000), f"EPSG:{CRS}",
            allocate="inside", sliver=0.02,
        ),
    ):  # fmt: skip
        assert build.matrix.toarray().ravel().tolist() == [1.0, 0.0]
        assert build.outside.tolist() == [0.0]


def test_a_source_without_people_is_not_lent_the_rate_of_a_neighbour() -> None:
    """0 of 0 has no rate: targets scratched by a neighbour show none, those half in it their own with half a κ."""
    target = zones({"mine": (0, 0, 1010, 1000), "both": (1010, 0, 1990, 1000), "third": (1990, 0, 3000, 1000)})
    source = zones({"empty": (0, 0, 1000, 1000), "full": (1000, 0, 3000, 1000)})
    people, cases = pd.Series({"empty": 0.0, "full": 200.0}), pd.Series({"empty": 0.0, "full": 50.0})
    table = area_weights(source, target).rates(cases, people)
    assert table["rate"].isna().tolist() == [True, False, False]
    assert table.loc["mine", "coverage"] == pytest.approx(10 / 1010)
    assert table.loc["both", "coverage"] == 1
    half = area_weights(source, zones({"t": (500, 0, 1500, 1000)})).rates(cases, people)
    assert half.loc["t", "rate"] == 0.25
    assert half.loc["t", "coverage"] == pytest.approx(0.5)


def test_nobody_and_no_mass_takes_nothing_from_a_rate() -> None:
    """Where the ancillary data agree that nobody lives there, κ is that of those who live elsewhere in the target."""
    grid = np.zeros((10, 30))
    grid[:, 10:20] = 1.0
    weights = raster_weights(
        SOURCES.loc[["west", "east"]], zones({"t": (0, 0, 2000, 1000)}), grid, (100, 0, 0, 0, -100, 1000), f"EPSG:{CRS}"
    )
    table = weights.rates(pd.Series({"west": 0.0, "east": 30.0}), pd.Series({"west": 0.0, "east": 60.0}))
    assert table.loc["t", ["rate", "coverage"]].tolist() == [0.5, 1.0]
