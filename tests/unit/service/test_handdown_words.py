"""Where a handed-down value comes from, and what is said beside it."""

from __future__ import annotations

from types import SimpleNamespace as Some

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from geodata.models import Text
from service.workflows import handdown_texts
from service.workflows.handdown import Allocation, hand_down, main_source
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
        ((2005, 2025), "all", ["Zwischen Hilfsdaten (2015) und Zahlen (2025) liegen 10 Jahre."]),
        ((2005, 2016), "all", ["Zwischen Hilfsdaten (2015) und Zahlen (2005) liegen 10 Jahre."]),
        ((2005, 2016), "latest", []),
        ((), "all", []),
    ],
)
def test_more_than_five_years_apart_are_said_for_every_year_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, years: tuple[int, ...], periods: str, said: list[str]
) -> None:
    weights = two_sources([5, 5, 5, 5, 5, 5, 5, 5, 3])
    allocation = Allocation("gemeinde", "grid", weights, main_source(weights), None, Text("Zensus", "census"))
    level = Some(areas=zones(big=box(0, 0, 8, 1)), title=Text("Gemeinden", "municipalities"))
    inputs = Some(
        levels={"gemeinde": level},
        figures=None,
        county=Some(allocations={("gemeinde", "grid"): Some(periods=periods)}),
    )
    monkeypatch.setattr(handdown_texts, "years_of", lambda *_: years)
    note = handdown_texts.handed_down_note(inputs, Some(numerator="n", denominator=None), allocation)  # type: ignore[arg-type]
    assert [text for text in note["remarks"]["de"] if "Hilfsdaten" in text] == said
    assert len(note["remarks"]["en"]) == len(note["remarks"]["de"])


class Known:
    """Figures of two sources, as an edition knows them."""

    def __init__(self, **values: dict[str, float]) -> None:
        self.frames = {name: pd.Series(series, dtype=float) for name, series in values.items()}

    def values(self, name: str, _period: int, areas: pd.Index) -> pd.Series:
        return self.frames[name].reindex(areas)


def handed(layer: list[float], even: frozenset[str] = frozenset(), **values: dict[str, float]) -> pd.DataFrame:
    weights = two_sources(layer)
    allocation = Allocation("a", "b", weights, main_source(weights), None, Text("x", "x"), even=even)
    indicator = Some(numerator="n", denominator="d" if "d" in values else None, scale=100.0)
    return hand_down(allocation, indicator, Known(**values), 2020, floor=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "d", "kappa"),
    [
        # "right" holds half of big's 100 and all of tiny's 50 people of the denominator
        ({"big": 10, "tiny": 20}, {"big": 100, "tiny": 50}, 1.0),
        ({"big": 10}, {"big": 100, "tiny": 50}, 50 / 100),
        ({"tiny": 20}, {"big": 100, "tiny": 50}, 50 / 100),
        ({"big": 10, "tiny": 20}, {"tiny": 50}, 50 / (50 + 25)),  # big's size is taken to be tiny's, the only one known
    ],
)
def test_value_numerator_and_denominator_of_a_row_fit_together(
    n: dict[str, float], d: dict[str, float], kappa: float
) -> None:
    found = handed([5, 5, 5, 5, 5, 5, 5, 5, 3], n=n, d=d)
    shown = found[found["value"].notna()]
    assert "right" in shown.index
    np.testing.assert_allclose(shown["value"], 100 * shown["numerator"] / shown["denominator"], rtol=1e-14)
    assert found.loc["right", "coverage"] == pytest.approx(kappa, rel=1e-14)
    assert found.loc[found["value"].isna(), ["numerator", "denominator"]].isna().all(axis=None)


def test_a_count_is_missing_as_soon_as_a_part_of_it_is() -> None:
    found = handed([5, 5, 5, 5, 5, 5, 5, 5, 3], n={"big": 8})
    assert found["value"].to_dict() == pytest.approx({"left": 2, "middle": 2, "right": np.nan}, nan_ok=True)
    assert found["coverage"].to_dict() == pytest.approx({"left": 1, "middle": 1, "right": 20 / 23})


def test_what_stood_in_for_the_ancillary_data_is_told_target_by_target() -> None:
    both = {"n": {"big": 10.0, "tiny": 20.0}, "d": {"big": 100.0, "tiny": 50.0}}
    silent = handed([5, 5, 5, 5, 5, 5, 5, 5, 0], **both)  # nobody in tiny, which only "right" holds
    assert silent["provenance"].to_dict() == {"left": "ancillary", "middle": "ancillary", "right": "area"}
    even = handed([5, 5, 5, 5, 5, 5, 5, 5, 0], even=frozenset({"middle", "right"}), **both)
    assert even["provenance"].to_dict() == {"left": "ancillary", "middle": "even", "right": "area"}
