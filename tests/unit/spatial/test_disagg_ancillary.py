"""Masses of land classes, buildings, addresses, products and masks."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, Polygon, box

from geodata.errors import CrsError, GeometryError, SpatialError
from spatial.disaggregation.ancillary import (
    Ancillary,
    binary_mask,
    class_densities,
    estimate_class_densities,
    feature_atoms,
    fullest,
)


def zones(**shapes: Polygon) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=list(shapes), geometry=list(shapes.values()), crs=25832)


TOWN = zones(town=box(0, 0, 40, 10), village=box(0, 10, 40, 20))
PARTS = zones(west=box(0, 0, 10, 20), east=box(10, 0, 40, 20))
COUNTS = pd.Series({"town": 100.0, "village": 60.0})


def test_given_densities() -> None:
    got = class_densities(np.array([[1.0, 2.0], [0.0, np.nan], [3.0, 0.5]]), [10.0, 4.0], year=2018)
    assert got.mass.tolist() == [18.0, 0.0, 32.0]
    assert (got.method, got.year) == ("class densities", 2018)


def test_estimated_densities_recover_the_truth_and_are_never_negative() -> None:
    rng = np.random.default_rng(0)
    areas, source = rng.gamma(1.0, 5.0, (400, 3)), np.arange(400) % 25
    truth = np.array([12.0, 3.0, 0.0])
    y = np.bincount(source, areas @ truth, 25)
    np.testing.assert_allclose(estimate_class_densities(areas, source, y), truth, atol=1e-9)
    noisy = rng.poisson(y).astype(float)
    noisy[3], noisy[4] = np.nan, 0.0
    got = estimate_class_densities(areas * [1.0, 1.0, 1e4], source, noisy)
    assert (got >= 0).all()
    order = rng.permutation(400)
    again = estimate_class_densities(areas[order], source[order], noisy)
    np.testing.assert_allclose(again, got * [1.0, 1.0, 1e4], rtol=1e-9, atol=1e-9)


def test_products_and_masks_carry_the_oldest_year() -> None:
    mask = binary_mask(np.array([5.0, 5.0, 5.0]), np.array([True, False, True]), year=2011)
    both = mask * Ancillary(np.array([1.0, 1.0, 3.0]), "dwellings", 2022)
    assert both.mass.tolist() == [5.0, 0.0, 15.0]
    assert (both.method, both.year) == ("binary mask x dwellings", 2011)
    with pytest.raises(SpatialError, match="all zero"):
        mask * Ancillary(np.array([0.0, 1.0, 0.0]), "dwellings")
    with pytest.raises(SpatialError, match="same atoms"):
        mask * Ancillary(np.array([0.0, 1.0]), "dwellings")
    with pytest.raises(SpatialError, match="all zero"):
        binary_mask(np.ones(2), np.array([0.0, np.nan]))


def test_fullest_of_incomplete_counts() -> None:
    assert fullest(np.array([[1.0, 4.0, np.nan], [np.nan, np.nan, np.nan], [3.0, 2.0, 0.0]])).tolist() == [
        4.0,
        0.0,
        3.0,
    ]


def test_buildings_are_cut_by_borders_and_weighted_by_floors() -> None:
    # 4 x 2 across the border of west and east, one quarter in the west, five floors; 2 x 2 in the east, one floor.
    houses = gpd.GeoDataFrame({"floors": [5, 1]}, geometry=[box(9, 2, 13, 4), box(30, 5, 32, 7)], crs=25832)
    atoms, ancillary = feature_atoms(TOWN, PARTS, houses, weight="floors", year=2020)
    assert (ancillary.method, ancillary.year) == ("buildings", 2020)
    weights = atoms.weights(ancillary.mass, method=ancillary.method, ancillary_year=ancillary.year)
    got = weights.apply(COUNTS)
    # Town: 10 : 30 + 4. Village has no building and goes by area, 1 : 3.
    assert got.to_dict() == pytest.approx({"west": 100 * 10 / 44 + 15, "east": 100 * 34 / 44 + 45})
    assert weights.provenance.to_dict() == {"town": "ancillary", "village": "area"}
    assert got.sum() == pytest.approx(160, rel=1e-12)


def test_buildings_by_centroid_are_whole() -> None:
    houses = gpd.GeoDataFrame(geometry=[box(9, 2, 13, 4), box(2, 5, 4, 7)], crs=25832)
    atoms, ancillary = feature_atoms(TOWN, PARTS, houses, centroids=True)
    got = atoms.weights(ancillary.mass, method="buildings").apply(COUNTS)
    assert got.to_dict() == pytest.approx({"west": 100 * 4 / 12 + 15, "east": 100 * 8 / 12 + 45})


def test_addresses_on_borders_count_once_and_other_crs_are_brought_over() -> None:
    spots = gpd.GeoDataFrame(
        {"flats": [2.0, np.nan, 6.0, 9.0]},
        geometry=[Point(10, 10), Point(3, 3), Point(20, 15), Point(99, 99)],
        crs=25832,
    )
    _, ancillary = feature_atoms(TOWN, PARTS, spots, weight="flats")
    assert ancillary.mass.sum() == 8.0
    assert ancillary.method == "points"
    plain, ones = feature_atoms(TOWN, PARTS, spots.iloc[1:3].to_crs(4326))
    assert ones.mass.sum() == 2.0
    got = plain.weights(ones.mass, method="points").apply(COUNTS)
    assert got.to_dict() == pytest.approx({"west": 100.0, "east": 60.0})


def test_features_in_any_order_give_the_same() -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 36, (60, 2)) * [1, 0.5]
    houses = gpd.GeoDataFrame(
        {"floors": rng.integers(1, 9, 60)}, geometry=[box(x, y, x + 2, y + 1) for x, y in corners], crs=25832
    )
    one, mass = feature_atoms(TOWN, PARTS, houses, weight="floors")
    two, other = feature_atoms(TOWN, PARTS.iloc[::-1], houses.sample(frac=1, random_state=2), weight="floors")
    first = one.weights(mass.mass, method="b").apply(COUNTS)
    second = two.weights(other.mass, method="b").apply(COUNTS)
    np.testing.assert_allclose(second.reindex(first.index), first, rtol=1e-12)
    assert first.sum() == pytest.approx(160, rel=1e-12)


def test_bad_input_is_named() -> None:
    with pytest.raises(SpatialError, match="atom 1 class 0"):
        class_densities(np.array([[1.0, 1], [-1, 1]]), [1.0, 1.0])
    with pytest.raises(SpatialError, match="one density for each class"):
        class_densities(np.ones((2, 2)), [1.0])
    with pytest.raises(SpatialError, match="found 2 sources"):
        estimate_class_densities(np.ones((4, 3)), np.array([0, 0, 1, 1]), np.array([1.0, 2.0]))
    with pytest.raises(SpatialError, match=r"nowhere: \[1\]"):
        estimate_class_densities(np.array([[1.0, 0], [1, 0]]), np.array([0, 1]), np.array([1.0, 2.0]))
    house = gpd.GeoDataFrame({"floors": [-1]}, geometry=[box(1, 1, 2, 2)], crs=25832)
    with pytest.raises(SpatialError, match="column floors"):
        feature_atoms(TOWN, PARTS, house, weight="floors")
    with pytest.raises(SpatialError, match="column 'storeys'"):
        feature_atoms(TOWN, PARTS, house, weight="storeys")
    with pytest.raises(SpatialError, match="all zero"):
        feature_atoms(TOWN, PARTS, house.set_geometry([box(900, 900, 901, 901)], crs=25832))
    with pytest.raises(CrsError):
        feature_atoms(TOWN, PARTS, gpd.GeoDataFrame(geometry=[Point(1, 1)]))
    with pytest.raises(GeometryError, match="points or polygons"):
        feature_atoms(TOWN, PARTS, gpd.GeoDataFrame(geometry=[Point(1, 1), box(1, 1, 2, 2)], crs=25832))
    bow = gpd.GeoDataFrame(geometry=[Polygon([(1, 1), (3, 3), (3, 1), (1, 3)])], crs=25832)
    with pytest.raises(GeometryError, match="Self-intersection"):
        feature_atoms(TOWN, PARTS, bow)


def test_densities_need_a_count_where_classes_are() -> None:
    with pytest.raises(SpatialError, match="count above 0"):
        estimate_class_densities(np.array([[1.0], [0.0]]), np.array([0, 1]), np.array([0.0, 5.0]))


def test_features_in_no_target_stay_outside_where_that_is_asked_for() -> None:
    source = gpd.GeoDataFrame(index=["b", "a"], geometry=[box(0, 0, 10, 10), box(10, 0, 20, 10)], crs=25832)
    target = gpd.GeoDataFrame(index=["x", "y"], geometry=[box(0, 0, 12, 10), box(12, 0, 18, 10)], crs=25832)
    people = gpd.GeoDataFrame({"n": [3.0, 2.0, 6.0]}, geometry=gpd.points_from_xy([1, 18, 19], [1, 3, 5]), crs=25832)
    atoms, found = feature_atoms(source, target, people, weight="n")
    y = pd.Series({"a": 8.0, "b": 3.0})
    part = atoms.weights(found.mass, method=found.method, allocate="area")
    assert part.apply(y).to_dict() == {"x": 3.0, "y": 2.0}, "the one on the border of a target is in it"
    assert part.outside.tolist() == [0.0, 0.75]
    assert atoms.weights(found.mass, method=found.method).apply(y).to_dict() == {"x": 3.0, "y": 8.0}
    with pytest.raises(SpatialError, match="target zones"):
        feature_atoms(source, target, people.iloc[2:], weight="n")
