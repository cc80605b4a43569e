"""Area weights: squares worked out by hand, brute force over pairs, every refusal.

Covered: what a source hands to whom, uncovered and partly covered sources, targets in no source, holes, multipolygons,
slivers of overlap and of nesting, both ways to allocate, and what is refused with which words.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon, box

from geodata.errors import AreaKeyError, CrsError, GeometryError, SpatialError
from spatial.disaggregation import area_weights


def zones(shapes: dict[str, shapely.Geometry], crs: object = 25832) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=pd.Index(shapes, name="area_id"), geometry=list(shapes.values()), crs=crs)


def brute_force(source: gpd.GeoDataFrame, target: gpd.GeoDataFrame, allocate: str) -> np.ndarray:
    """W pair by pair with shapely, dense; nothing but the formula."""
    W = np.array([[t.intersection(s).area for s in source.geometry] for t in target.geometry])
    whole = W.sum(axis=0) if allocate == "covered" else np.array([s.area for s in source.geometry])
    return np.divide(W, whole, out=np.zeros_like(W), where=whole > 0)


LEFT_RIGHT = zones({"L": box(0, 0, 10, 10), "R": box(10, 0, 20, 10)})
#: a: half of L; b: the rest of L and two tenths of R; c: three tenths of R; half of R in nobody; d: far away.
STRIPES = zones({"a": box(0, 0, 5, 10), "b": box(5, 0, 12, 10), "c": box(12, 0, 15, 10), "d": box(90, 0, 95, 10)})


def test_shares_by_hand_covered() -> None:
    weights = area_weights(LEFT_RIGHT, STRIPES)
    expected = [[0.5, 0], [0.5, 0.4], [0, 0.6], [0, 0]]
    np.testing.assert_allclose(weights.matrix.toarray(), expected, atol=1e-15)
    assert weights.outside.tolist() == [0, 0]
    assert weights.provenance.to_dict() == {"L": "area", "R": "area"}
    assert weights.details["covered"].to_list() == [1.0, 0.5]
    assert weights.matrix.dtype == np.float64


def test_shares_by_hand_of_the_whole_area() -> None:
    weights = area_weights(LEFT_RIGHT, STRIPES, allocate="area")
    np.testing.assert_allclose(weights.matrix.toarray(), [[0.5, 0], [0.5, 0.2], [0, 0.3], [0, 0]], atol=1e-15)
    np.testing.assert_allclose(weights.outside, [0, 0.5], atol=1e-15)
    audit = weights.audit(pd.Series({"L": 100.0, "R": 60.0}))
    assert audit.loc["R", ["total_in", "total_out", "outside", "difference"]].to_list() == [60, 30, 30, 0]


def test_target_in_no_source_is_missing_not_zero() -> None:
    result = area_weights(LEFT_RIGHT, STRIPES).apply(pd.Series({"L": 10.0, "R": 0.0}))
    assert result["c"] == 0
    assert np.isnan(result["d"])


def test_source_that_no_target_covers_goes_outside_and_is_named() -> None:
    source = zones({**dict(LEFT_RIGHT.geometry.items()), "far": box(500, 500, 501, 501)})
    weights = area_weights(source, STRIPES)
    assert weights.provenance["far"] == "outside"
    assert weights.outside.tolist() == [0, 0, 1]
    audit = weights.audit(pd.Series({"L": 1.0, "R": 2.0, "far": 7.0}))
    assert audit.loc["far", ["total_out", "outside", "difference"]].to_list() == [0, 7, 0]


@pytest.mark.parametrize("allocate", ["covered", "area"])
def test_brute_force_with_holes_and_multipolygons(allocate: str) -> None:
    ring = Polygon(box(0, 0, 30, 30).exterior.coords, [box(10, 10, 20, 20).exterior.coords])
    source = zones({"ring": ring, "yolk": box(10, 10, 20, 20), "east": box(30, 0, 45, 30)})
    target = zones(
        {
            "two parts": MultiPolygon([box(0, 0, 4, 31), box(26, 0, 33, 30)]),
            "middle": box(8, 12, 17, 25),
            "triangle": Polygon([(17, 0), (26, 0), (22, 30)]),
            "slice": box(40, 5, 60, 8),
        }
    )
    weights = area_weights(source, target, allocate=allocate)
    np.testing.assert_allclose(weights.matrix.toarray(), brute_force(source, target, allocate), atol=1e-14)


def test_nested_target_is_its_own_piece() -> None:
    third = box(0, 0, 10 / 3, 10)
    weights = area_weights(zones({"L": box(0, 0, 10, 10)}), zones({"t": third, "u": box(10 / 3, 0, 10, 10)}))
    assert weights.matrix.toarray()[0, 0] == third.area / (third.area + box(10 / 3, 0, 10, 10).area)


def test_slivers_of_overlap_are_normalised_away() -> None:
    target = zones({"a": box(0, 0, 5.001, 10), "b": box(5, 0, 10, 10), "c": box(10, 0, 20, 10)})
    for allocate in ("covered", "area"):
        weights = area_weights(LEFT_RIGHT, target, allocate=allocate)
        total = np.asarray(weights.matrix.sum(axis=0)).ravel() + weights.outside
        np.testing.assert_allclose(total, 1, rtol=1e-15)
        assert weights.outside.max() == 0


def test_sliver_option_keeps_missing_values_from_spreading() -> None:
    target = zones({"a": box(0, 0, 10.001, 10), "b": box(10.001, 0, 20, 10)})
    values = pd.Series({"L": np.nan, "R": 8.0})
    assert area_weights(LEFT_RIGHT, target).apply(values).isna().to_list() == [True, False]
    strict = area_weights(LEFT_RIGHT, target).apply(pd.Series({"L": 5.0, "R": np.nan}))
    assert strict.isna().all()
    kept = area_weights(LEFT_RIGHT, target, sliver=0.002).apply(pd.Series({"L": 5.0, "R": np.nan}))
    assert kept["a"] == 5
    assert np.isnan(kept["b"])


def test_sliver_option_never_drops_a_small_zone() -> None:
    source = zones({"tiny": box(0, 0, 0.1, 0.1), "big": box(0.1, 0, 100, 100)})
    weights = area_weights(source, zones({"all": box(0, 0, 100, 100)}), sliver=0.01)
    assert weights.matrix.toarray().tolist() == [[1, 1]]


def test_neighbours_that_only_touch_share_nothing() -> None:
    weights = area_weights(LEFT_RIGHT, zones({"L": box(0, 0, 10, 10), "R": box(10, 0, 20, 10)}))
    assert weights.matrix.nnz == 2


def test_intersections_with_lines_beside_polygons_count_the_polygons() -> None:
    # The notch makes the intersection a collection: a square and the line along the shared border.
    source = zones({"s": Polygon([(0, 0), (10, 0), (10, 10), (4, 10), (4, 5), (0, 5)])})
    target = zones({"t": Polygon([(0, 5), (4, 5), (4, 5.5), (8, 5.5), (8, 12), (0, 12)])})
    assert area_weights(source, target, allocate="area").matrix.toarray()[0, 0] == pytest.approx(18 / 80)


def test_a_multipolygon_whose_parts_overlap_by_a_sliver_is_united() -> None:
    parts = MultiPolygon([box(0, 0, 5.001, 10), box(5, 0, 10, 10)])
    assert not parts.is_valid
    weights = area_weights(zones({"s": parts}), zones({"t": box(0, 0, 5, 10)}), allocate="area")
    assert weights.matrix.toarray()[0, 0] == pytest.approx(0.5, rel=1e-12)


def test_a_multipolygon_whose_parts_overlap_by_more_is_refused() -> None:
    parts = MultiPolygon([box(0, 0, 6, 10), box(5, 0, 10, 10)])
    with pytest.raises(GeometryError, match="invalid geometry of s"):
        area_weights(zones({"s": parts}), STRIPES)


BOWTIE = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


@pytest.mark.parametrize(
    ("source", "target", "error", "words"),
    [
        (LEFT_RIGHT, STRIPES.to_crs(3035), CrsError, ["EPSG:25832", "EPSG:3035", "reproject"]),
        (LEFT_RIGHT.to_crs(4326), STRIPES, CrsError, ["source zones", "degrees", "reproject"]),
        (LEFT_RIGHT, STRIPES.to_crs(4326), CrsError, ["target zones", "degrees"]),
        (zones({"x": box(0, 0, 1, 1)}, None), STRIPES, CrsError, ["source zones", "no coordinate reference system"]),
        (zones({"w": BOWTIE}), STRIPES, GeometryError, ["source zones", "w", "Self-intersection", "make_valid"]),
        (LEFT_RIGHT, zones({"p": Point(1, 1)}), GeometryError, ["target zones", "Point", "p"]),
        (LEFT_RIGHT, zones({"e": Polygon()}), GeometryError, ["target zones", "e"]),
        (LEFT_RIGHT, zones({"n": None}), GeometryError, ["target zones", "n"]),
        (LEFT_RIGHT, STRIPES.iloc[:0], SpatialError, ["target zones", "at least one"]),
        (LEFT_RIGHT, STRIPES.iloc[[0, 0]], AreaKeyError, ["target zones", "repeated", "a"]),
        (LEFT_RIGHT, STRIPES.rename({"a": None}), AreaKeyError, ["target zones", "without"]),
        (LEFT_RIGHT, zones({"f": box(99, 99, 100, 100)}), SpatialError, ["overlap, found none", "CRS"]),
    ],
)
def test_refusals_name_layer_place_and_remedy(
    source: gpd.GeoDataFrame, target: gpd.GeoDataFrame, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        area_weights(source, target)
    for word in words:
        assert word in str(caught.value)
    assert "->" in str(caught.value), "a refusal says what to do"


@pytest.mark.parametrize("which", ["source", "target"])
def test_overlapping_zones_are_refused(which: str) -> None:
    double = zones({"a": box(0, 0, 10, 10), "b": box(8, 0, 20, 10), "far": box(50, 0, 60, 10)})
    pair = (double, STRIPES) if which == "source" else (LEFT_RIGHT, double)
    with pytest.raises(SpatialError) as caught:
        area_weights(*pair)
    assert f"{which} zones" in str(caught.value)
    assert "a (20.0%)" in str(caught.value)
    assert "far" not in str(caught.value)


def test_a_parent_among_its_children_is_refused() -> None:
    with pytest.raises(SpatialError, match="do not overlap"):
        area_weights(LEFT_RIGHT, zones({"all": box(0, 0, 20, 10), "child": box(0, 0, 1, 1)}))


def test_names_of_layers_stand_in_messages() -> None:
    with pytest.raises(GeometryError, match="Ortsteile 2024"):
        area_weights(LEFT_RIGHT, zones({"w": BOWTIE}), names=("Gemeinden", "Ortsteile 2024"))


def test_unknown_way_to_allocate() -> None:
    with pytest.raises(SpatialError, match="covered"):
        area_weights(LEFT_RIGHT, STRIPES, allocate="total")  # type: ignore[arg-type]


def test_row_order_changes_nothing() -> None:
    weights = area_weights(LEFT_RIGHT, STRIPES)
    turned = area_weights(LEFT_RIGHT.iloc[::-1], STRIPES.iloc[[2, 0, 3, 1]])
    y = pd.Series({"L": 17.0, "R": 4.0})
    pd.testing.assert_series_equal(turned.apply(y).reindex(STRIPES.index), weights.apply(y), rtol=1e-15)
