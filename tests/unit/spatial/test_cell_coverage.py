"""The coverage kernel: every cell as a polygon is the oracle, exactextract is the second."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import MultiPolygon, Polygon, box

from spatial.disaggregation.cell_coverage import cell_coverage
from spatial.disaggregation.coverage import Grid

UTM = CRS(25832)


def grid(shape: tuple[int, int], size: float = 1.0, corner: tuple[float, float] = (0.0, 0.0), e: int = -1) -> Grid:
    top = corner[1] + (shape[0] * size if e < 0 else 0)
    return Grid.of(shape, (size, 0, corner[0], 0, e * size, top), UTM, "test")


def dense(polygons: list[shapely.Geometry], shape: tuple[int, int], where: Grid) -> np.ndarray:
    found = cell_coverage(np.array(polygons, dtype=object), shape, where)
    table = np.zeros((len(polygons), shape[0] * shape[1]))
    table[found.polygon, found.cell] = found.fraction
    assert len(set(zip(found.polygon.tolist(), found.cell.tolist(), strict=True))) == len(found.cell)
    assert (np.diff(found.polygon) >= 0).all()
    assert (found.fraction > 0).all()
    assert (found.fraction <= 1).all()
    return table


def oracle(polygons: list[shapely.Geometry], shape: tuple[int, int], where: Grid) -> np.ndarray:
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    size = (where.east - where.west) / shape[1]
    x, y = where.west + columns.ravel() * size, where.north - rows.ravel() * size
    if where.flipped:
        y = where.south + (rows.ravel() + 1) * size
    boxes = shapely.box(x, y - size, x + size, y)
    return shapely.area(shapely.intersection(np.array(polygons, dtype=object)[:, None], boxes[None, :])) / size**2


@st.composite
def shapes(draw: st.DrawFn) -> shapely.Geometry:
    """Stars with holes and second parts, on grid lines and off them, that reach beyond a grid of 8 × 8."""
    step = draw(st.sampled_from([1.0, 0.5, 0.37, 1e-3]))
    scale = draw(st.sampled_from([1.0, 1.0, 0.01]))
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        n = draw(st.integers(3, 9))
        angles = np.sort(draw(st.lists(st.floats(0, 6.28), min_size=n, max_size=n, unique=True)))
        radii = np.array(draw(st.lists(st.floats(0.3, 6.0), min_size=n, max_size=n)))
        x, y = (draw(st.floats(-3, 11)) for _ in range(2))
        points = np.stack([x + scale * radii * np.cos(angles), y + scale * radii * np.sin(angles)], axis=1)
        parts.append(shapely.make_valid(Polygon(np.round(points / step) * step)))
    shape = shapely.union_all(parts)
    if draw(st.booleans()):
        a, b = (draw(st.integers(-2, 8)) for _ in range(2))
        shape = shape.difference(box(a, b, a + draw(st.sampled_from([1, 2, 0.5])), b + 1))
    polygons = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type == "Polygon" and p.area > 0]
    return shapely.make_valid(MultiPolygon(polygons)) if polygons else box(0, 0, 1, 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(shapes(), min_size=1, max_size=4), st.sampled_from([-1, 1]))
def test_fractions_equal_the_intersection_with_every_cell(polygons: list[shapely.Geometry], e: int) -> None:
    polygons = [p for p in polygons if p.geom_type in ("Polygon", "MultiPolygon")] or [box(0, 0, 1, 1)]
    shape = (8, 8)
    where = grid(shape, e=e)
    table = dense(polygons, shape, where)
    np.testing.assert_allclose(table, oracle(polygons, shape, where), atol=2e-9)
    alone = [dense([p], shape, where)[0] for p in reversed(polygons)]
    np.testing.assert_array_equal(alone[::-1], table, "a polygon's cells do not depend on the others, bit for bit")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.sampled_from([1.0, 100.0, 997.3]))
def test_zones_that_tile_the_raster_fill_every_cell(seed: int, n: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    corner = tuple(rng.uniform(3e5, 6e6, 2).tolist())
    where = grid((30, 40), size, corner)
    frame = box(where.west, where.south, where.east, where.north)
    points = shapely.MultiPoint(np.array(corner) + rng.random((n, 2)) * [40 * size, 30 * size])
    parts = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    inside = dense(list(shapely.intersection(parts, frame)), (30, 40), where)
    np.testing.assert_allclose(inside.sum(axis=0), 1, atol=1e-8)
    # Borders that reach beyond the raster give the same.
    np.testing.assert_allclose(dense(list(parts), (30, 40), where), inside, atol=1e-8)


def test_cells_asked_for_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    where = grid((30, 40), e=1)
    polygons = np.array([box(-4, 3, 17.5, 28.2), Polygon([(1, 1), (39, 4), (20, 33)]), box(50, 50, 60, 60)])
    every = cell_coverage(polygons, (30, 40), where)
    cells = np.sort(rng.choice(1200, 200, replace=False))
    some = cell_coverage(polygons, (30, 40), where, cells)
    kept = np.isin(every.cell, cells)
    for name in ("polygon", "cell", "fraction"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[kept])
    np.testing.assert_array_equal(some.inside, every.inside)
    np.testing.assert_allclose(every.inside, [17.5 * 25.2, polygons[1].intersection(box(0, 0, 40, 30)).area, 0])


def test_polygons_beyond_the_raster_cover_nothing() -> None:
    around = [box(-9, 2, -1, 5), box(9, 2, 12, 5), box(2, -5, 5, -1), box(2, 9, 5, 12), box(8, 8, 9, 9)]
    assert not dense(around, (8, 8), grid((8, 8))).any()
    everything = dense([box(-100, -100, 100, 100), box(0, 0, 8, 8)], (8, 8), grid((8, 8)))
    assert (everything == 1).all()


def test_parts_that_touch_and_rings_that_run_either_way() -> None:
    outer, hole = [(1, 1), (5, 1), (5, 5), (1, 5)], [(2, 2), (3, 2), (3, 3), (2, 3)]
    shapes = [Polygon(o, [h]) for o in (outer, outer[::-1]) for h in (hole, hole[::-1])]
    tables = dense(shapes, (8, 8), grid((8, 8)))
    assert (tables == tables[0]).all()
    assert tables[0].sum() == 15
    corners = MultiPolygon([box(0, 0, 1, 1), box(1, 1, 2, 2), box(2, 0, 3, 1)])
    assert dense([corners], (8, 8), grid((8, 8))).sum() == 3


@pytest.mark.parametrize("size", [1e-4, 1e-7])
def test_zone_far_smaller_than_a_cell(size: float) -> None:
    where = grid((8, 8), 1000.0, (604000.0, 5790000.0))
    tiny = box(604321.3, 5791234.5, 604321.3 + size * 1000, 5791234.5 + size * 1000)
    table = dense([tiny], (8, 8), where)
    assert np.flatnonzero(table).tolist() == [6 * 8]
    assert table.sum() == pytest.approx(tiny.area / 1e6, rel=1e-3 if size == 1e-4 else 0.05)


def test_exactextract_agrees_within_its_single_precision() -> None:
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    rng = np.random.default_rng(8)
    where = grid((60, 60), 100.0)
    frame = box(*(where.west, where.south, where.east, where.north))
    points = shapely.MultiPoint(rng.random((70, 2)) * 6000)
    polygons = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame)), frame)
    raster = NumPyRasterSource(np.zeros((60, 60)), 0, 0, 6000, 6000, srs_wkt=UTM.to_wkt())
    table = exact_extract(
        raster, gpd.GeoDataFrame(geometry=polygons, crs=UTM), ["cell_id", "coverage"], output="pandas"
    )
    theirs = np.zeros((70, 3600))
    for i, (cell, fraction) in enumerate(zip(table["cell_id"], table["coverage"], strict=True)):
        theirs[i, cell] = fraction
    np.testing.assert_allclose(dense(list(polygons), (60, 60), where), theirs, atol=1e-7)
