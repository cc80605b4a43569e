"""Where a handed-down value comes from, and what is said beside it."""

from __future__ import annotations

from types import SimpleNamespace as Some

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from geodata.models import Text
from service.workflows import texts
from service.workflows.handdown import Allocation, main_source
from spatial.disaggregation import AllocationWeights, area_weights, raster_weights


def zones(**shapes: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=list(shapes), geometry=list(shapes.values()), crs=25832)


def two_sources(layer: list[float], year: int | None = 2015) -> AllocationWeights:
    """Big (0 ... 8) and tiny (8 ... 9) and three targets; the raster has a value per metre."""
    source = zones(big=box(0, 0, 8, 1), tiny=box(8, 0, 9, 1))
    target = zones(left=box(0, 0, 2, 1), middle=box(2, 0, 4, 1), right=box(4, 0, 9, 1))
    place = (1, 0, 0, 0, -1, 1), "EPSG:25832"
    return raster_weights(source, target, np.array([layer]), *place, ancillary_year=year)


def test_a_target_lies_where_most_of_it_is_not_where_the_share_is_largest() -> None:
    # "right" holds half of "big" (20 people) and all of "tiny" (3 people).
    weights = two_sources([5, 5, 5, 5, 5, 5, 5, 5, 3])
    assert main_source(weights).to_dict() == {"left": "big", "middle": "big", "right": "big"}
    assert (
        main_source(area_weights(zones(b=box(0, 0, 9, 1), t=box(9, 0, 10, 1)), zones(x=box(5, 0, 10, 1))))["x"] == "b"
    )


def test_a_target_without_people_lies_in_its_own_source() -> None:
    source = zones(first=box(0, 0, 4, 1), second=box(4, 0, 8, 1))
    target = zones(full=box(0, 0, 4, 1), empty=box(4, 0, 6, 1), rest=box(6, 0, 8, 1), far=box(20, 0, 21, 1))
    layer = np.array([[1.0, 1, 1, 1, 0, 0, 2, 2]])
    weights = raster_weights(source, target, layer, (1, 0, 0, 0, -1, 1), "EPSG:25832")
    found = main_source(weights)
    assert found.drop("far").to_dict() == {"full": "first", "empty": "second", "rest": "second"}
    assert pd.isna(found["far"])


@pytest.mark.parametrize(
    ("years", "periods", "said"),
    [
        ((2016, 2020), "all", []),
        ((2016, 2021), "all", ["Zwischen Hilfsdaten (2015) und Zahlen (2021) liegen 6 Jahre."]),
        ((2005, 2016), "all", ["Zwischen Hilfsdaten (2015) und Zahlen (2005) liegen 10 Jahre."]),
        ((2005, 2016), "latest", []),
        ((), "all", []),
    ],
)
def test_more_than_five_years_apart_are_said_for_every_year_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, years: tuple[int, ...], periods: str, said: list[str]
) -> None:
    weights = two_sources([5, 5, 5, 5, 5, 5, 5, 5, 3])
    allocation = Allocation("gemeinde", "grid", weights, main_source(weights), None, "Zensus", 2015)
    level = Some(areas=zones(big=box(0, 0, 8, 1)), title=Text("Gemeinden", "municipalities"))
    inputs = Some(
        levels={"gemeinde": level},
        figures=None,
        county=Some(allocations={("gemeinde", "grid"): Some(periods=periods)}),
    )
    monkeypatch.setattr(texts, "years_of", lambda *_: years)
    note = texts.handed_down_note(inputs, Some(numerator="n", denominator=None), allocation)  # type: ignore[arg-type]
    assert [text for text in note["remarks"]["de"] if "Hilfsdaten" in text] == said
    assert len(note["remarks"]["en"]) == len(note["remarks"]["de"])
