"""Raster weights by exact coverage: every cell as a polygon is the oracle."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import MultiPolygon, Polygon, box

from geodata.errors import CrsError, SpatialError
from spatial.disaggregation import area_weights, raster_weights
from spatial.disaggregation.coverage import zonal_sums

CRS = "EPSG:25832"
#: Four rows, six columns of 10 m; the upper left corner is (1000, 2040).
TRANSFORM = (10.0, 0.0, 1000.0, 0.0, -10.0, 2040.0)
VALUES = np.arange(24, dtype=float).reshape(4, 6)


def zones(shapes: dict[str, shapely.Geometry], crs: object = CRS) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=pd.Index(shapes, name="area_id"), geometry=list(shapes.values()), crs=crs)


def cells(shape: tuple[int, int], transform: tuple[float, ...] = TRANSFORM) -> np.ndarray:
    a, _, c, _, e, f = transform
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    x, y = c + a * columns.ravel(), f + e * rows.ravel()
    return shapely.box(x, np.minimum(y, y + e), x + a, np.maximum(y, y + e))


def masses(geometry: shapely.Geometry, values: np.ndarray, transform: tuple[float, ...] = TRANSFORM) -> float:
    """Sum of value × covered fraction, cell by cell with shapely."""
    boxes = cells(values.shape, transform)
    fraction = shapely.area(shapely.intersection(boxes, geometry)) / shapely.area(boxes)
    return float(np.nansum(fraction * values.ravel()))


def brute_force(source: gpd.GeoDataFrame, target: gpd.GeoDataFrame, values: np.ndarray, allocate: str) -> np.ndarray:
    M = np.array([[masses(t.intersection(s), values) for s in source.geometry] for t in target.geometry])
    whole = M.sum(axis=0) if allocate == "covered" else np.array([masses(s, values) for s in source.geometry])
    return np.divide(M, whole, out=np.zeros_like(M), where=whole > 0)


SOURCE = zones({"west": box(1001, 2002, 1027, 2038), "east": box(1027, 2002, 1058, 2038)})
TARGET = zones(
    {
        "triangle": Polygon([(1003, 2003), (1040, 2003), (1020, 2033)]),
        "two parts": MultiPolygon([box(1041, 2004, 1049, 2037), box(1003, 2034, 1030, 2037)]),
        "ring": Polygon(box(1050, 2005, 1062, 2030).exterior.coords, [box(1052, 2010, 1056, 2020).exterior.coords]),
    }
)


@pytest.mark.parametrize("allocate", ["covered", "area"])
def test_brute_force_over_cells(allocate: str) -> None:
    values = VALUES.copy()
    values[1, 2] = np.nan
    weights = raster_weights(SOURCE, TARGET, values, TRANSFORM, CRS, allocate=allocate, ancillary_year=2022)
    np.testing.assert_allclose(weights.matrix.toarray(), brute_force(SOURCE, TARGET, values, allocate), atol=1e-9)
    total = np.asarray(weights.matrix.sum(axis=0)).ravel() + weights.outside
    np.testing.assert_allclose(total, 1, rtol=1e-14)
    assert (weights.method, weights.ancillary_years) == ("raster", (2022,))
    assert set(weights.provenance) == {"ancillary"}


def test_nested_targets_share_the_whole_source() -> None:
    target = zones({"a": box(1001, 2002, 1010, 2038), "b": box(1010, 2002, 1027, 2038), "c": SOURCE.geometry["east"]})
    weights = raster_weights(SOURCE, target, VALUES, TRANSFORM, CRS, allocate="area")
    assert weights.outside.tolist() == [0, 0]
    assert weights.matrix.toarray()[2].tolist() == [0, 1]


def test_even_raster_equals_area_weights() -> None:
    even = raster_weights(SOURCE, TARGET, np.full((40, 40), 3.0), (5, 0, 950, 0, -5, 2150), CRS)
    np.testing.assert_allclose(even.matrix.toarray(), area_weights(SOURCE, TARGET).matrix.toarray(), atol=1e-6)


def test_single_source_without_mass_falls_back_to_mask_then_area() -> None:
    values = np.where(np.arange(6) < 3, 0.0, VALUES)  # nothing in the west, where the mask has one settled row
    mask = np.zeros(VALUES.shape, dtype=bool)
    mask[3] = True
    target = zones(
        {"low": box(1001, 2002, 1027, 2010), "high": box(1001, 2010, 1027, 2038), "e": box(1027, 2, 1058, 3000)}
    )
    source = zones({"west": SOURCE.geometry["west"], "east": box(1031, 2002, 1058, 2038)})
    by_area = raster_weights(source, target, values, TRANSFORM, CRS)
    assert by_area.provenance.to_dict() == {"west": "area", "east": "ancillary"}
    np.testing.assert_allclose(by_area.matrix.toarray()[:, 0], [8 / 36, 28 / 36, 0])
    by_mask = raster_weights(source, target, values, TRANSFORM, CRS, mask=mask)
    assert by_mask.provenance.to_dict() == {"west": "mask", "east": "ancillary"}
    np.testing.assert_allclose(by_mask.matrix.toarray()[:, 0], [1, 0, 0])


def test_source_beyond_the_raster_falls_back_and_shows_in_the_audit() -> None:
    source = zones({"in": SOURCE.geometry["west"], "half": box(1050, 2005, 1070, 2035), "out": box(5000, 0, 5010, 10)})
    weights = raster_weights(source, source, VALUES, TRANSFORM, CRS)
    audit = weights.audit(pd.Series({"in": 1.0, "half": 1.0, "out": 1.0}))
    assert audit["provenance"].to_list() == ["ancillary", "ancillary", "area"]
    np.testing.assert_allclose(audit["extent"], [1, 0.5, 0], atol=1e-6)


def test_rows_from_south_to_north_give_the_same() -> None:
    upright = raster_weights(SOURCE, TARGET, VALUES, TRANSFORM, CRS)
    turned = raster_weights(SOURCE, TARGET, VALUES[::-1], (10.0, 0.0, 1000.0, 0.0, 10.0, 2000.0), CRS)
    np.testing.assert_array_equal(turned.matrix.toarray(), upright.matrix.toarray())


@pytest.mark.parametrize("size", [100.0, 4000.0])
def test_zones_are_brought_to_the_crs_of_the_raster(size: float) -> None:
    """Cells of a LAEA grid as polygons in UTM are the oracle; straight lines of one are bent in the other."""
    transform = (size, 0.0, 4300000.0, 0.0, -size, 3241000.0)
    rng = np.random.default_rng(3)
    values = rng.poisson(4, (30, 30)).astype(float)
    grid = gpd.GeoSeries(shapely.segmentize(cells(values.shape, transform), 100), crs=3035).to_crs(25832)
    x0, y0, x1, y1 = shapely.box(*grid.total_bounds).buffer(-3 * size).bounds
    cut = x0 + 0.37 * (x1 - x0)
    source = zones({"w": box(x0, y0, cut, y1), "e": box(cut, y0, x1, y1)})
    north, bend = y0 + 0.61 * (y1 - y0), y0 + 0.3 * (y1 - y0)
    south_half = Polygon([(x0, y0), (x1, y0), (x1, bend), (x0, north)])
    target = zones({"s": south_half, "n": Polygon([(x0, north), (x1, bend), (x1, y1), (x0, y1)])})
    weights = raster_weights(source, target, values, transform, "EPSG:3035")
    density = values.ravel() / grid.area.to_numpy()
    M = np.array(
        [
            [(grid.intersection(t.intersection(s)).area * density).sum() for s in source.geometry]
            for t in target.geometry
        ]
    )
    np.testing.assert_allclose(weights.matrix.toarray(), M / M.sum(axis=0), atol=1e-6)


def test_lines_that_an_intersection_leaves_beside_polygons_weigh_nothing() -> None:
    source = zones({"s": Polygon([(1000, 2000), (1010, 2000), (1010, 2010), (1004, 2010), (1004, 2005), (1000, 2005)])})
    target = zones(
        {"t": Polygon([(1000, 2005), (1004, 2005), (1004, 2005.5), (1008, 2005.5), (1008, 2012), (1000, 2012)])}
    )
    assert target.geometry.iloc[0].intersection(source.geometry.iloc[0]).geom_type == "GeometryCollection"
    weights = raster_weights(source, target, VALUES, TRANSFORM, CRS, allocate="area")
    np.testing.assert_allclose(weights.matrix.toarray(), [[18 / 80]], atol=1e-7)


def test_zonal_sums_equal_brute_force() -> None:
    sums = zonal_sums(TARGET, VALUES, TRANSFORM, CRS)
    expected = [masses(g, VALUES) for g in TARGET.geometry]
    np.testing.assert_allclose(sums, expected, rtol=1e-9)
    assert sums.index.equals(TARGET.index)


@pytest.mark.parametrize(
    ("values", "transform", "crs", "error", "words"),
    [
        (VALUES * 0, TRANSFORM, CRS, SpatialError, ["Bevölkerung 2022", "zero"]),
        (VALUES * np.nan, TRANSFORM, CRS, SpatialError, ["Bevölkerung 2022", "missing"]),
        (VALUES - 1, TRANSFORM, CRS, SpatialError, ["negative", "row 0 column 0", "-1", "signs for 'no value'"]),
        (VALUES + np.inf, TRANSFORM, CRS, SpatialError, ["infinite"]),
        (VALUES[0], TRANSFORM, CRS, SpatialError, ["shape (6,)"]),
        (VALUES, (10, 1, 1000, 0, -10, 2040), CRS, SpatialError, ["rotation", "gdalwarp"]),
        (VALUES, (10, 0, 9000, 0, -10, 2040), CRS, SpatialError, ["none", "Gemeinden", "same region"]),
        (VALUES, TRANSFORM, None, CrsError, ["Bevölkerung 2022", "no CRS"]),
        (VALUES, TRANSFORM, "EPSG:99999", CrsError, ["EPSG:99999"]),
    ],
)
def test_rasters_that_cannot_be_meant_are_refused(
    values: np.ndarray, transform: tuple[float, ...], crs: object, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        raster_weights(SOURCE, TARGET, values, transform, crs, names=("Gemeinden", "Ortsteile", "Bevölkerung 2022"))
    for word in words:
        assert word in str(caught.value)
    assert "->" in str(caught.value)


def test_mask_on_another_grid_is_refused() -> None:
    with pytest.raises(SpatialError, match="mask of shape"):
        raster_weights(SOURCE, TARGET, VALUES, TRANSFORM, CRS, mask=np.ones((2, 2)))


def test_caller_keeps_the_raster_unchanged() -> None:
    values = VALUES.copy()
    values[0, 0] = np.nan
    before = values.copy()
    raster_weights(SOURCE, TARGET, values, TRANSFORM, CRS)
    np.testing.assert_array_equal(values, before)
