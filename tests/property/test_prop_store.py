"""Boxes against polygons as GEOS sees them, numbers and texts through the files and back, pages in any size."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from geodata.models import AreaLayer, Text
from geodata.store.box import meets
from geodata.store.model import Collection, Field
from geodata.store.query import ItemQuery
from geodata.store.sqlite import SqliteStore
from geodata.store.writer import write_edition

UTM = "EPSG:25832"
NOTHING = Text("", "")

#: Few distinct coordinates, so that corners, edges and boxes touch all the time; and free ones.
grid = st.integers(0, 6).map(float)
tenths = st.integers(0, 60).map(lambda n: n / 10)  # not exactly representable: orientation must be exact
free = st.floats(-10, 10, allow_nan=False).map(lambda x: round(x, 7))


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry:
    coordinate = draw(st.sampled_from([grid, tenths, free]))
    points = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=9, unique=True))
    shape = shapely.MultiPoint(points).convex_hull if draw(st.booleans()) else shapely.Polygon(points).buffer(0)
    if draw(st.booleans()):
        hole = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=5, unique=True))
        shape = shape.difference(shapely.MultiPoint(hole).convex_hull)
    assume(shape.geom_type in ("Polygon", "MultiPolygon") and not shape.is_empty and shape.is_valid)
    return shape


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    coordinate = draw(st.sampled_from([grid, tenths, free]))
    xs, ys = sorted(draw(st.tuples(coordinate, coordinate))), sorted(draw(st.tuples(coordinate, coordinate)))
    assume(xs[0] < xs[1] and ys[0] < ys[1])
    return xs[0], ys[0], xs[1], ys[1]


@settings(max_examples=500, deadline=None)
@given(polygons(), boxes())
def test_a_box_meets_what_geos_says_it_meets(shape: shapely.Geometry, box: tuple[float, float, float, float]) -> None:
    text = shapely.to_geojson(shape)
    assert meets(text, box) == shapely.intersects(shapely.from_geojson(text), shapely.box(*box))


@settings(max_examples=150, deadline=None)
@given(polygons(), st.tuples(grid, grid), st.booleans())
def test_a_box_of_no_size_is_a_point_or_a_line(shape: shapely.Geometry, point: tuple[float, float], wide: bool) -> None:
    (x, y), width = point, 2.0 if wide else 0.0
    text = shapely.to_geojson(shape)
    thing = shapely.LineString([(x, y), (x + width, y)]) if wide else shapely.Point(x, y)
    assert meets(text, (x, y, x + width, y)) == shapely.intersects(shapely.from_geojson(text), thing)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(-2, 2))
def test_a_corner_on_a_slope_is_decided_exactly(run: int, rise: int, nudge: int) -> None:
    """A corner that lies on the hypotenuse, or the smallest step beside it, where floating point cannot tell."""
    scale = 0.1
    triangle = shapely.Polygon([(0, 0), (run * scale, 0), (0, rise * scale)])
    x, y = run * scale / 3, rise * scale * 2 / 3
    for _ in range(abs(nudge)):
        x = math.nextafter(x, math.copysign(math.inf, nudge))
    text = shapely.to_geojson(triangle)
    box = (x, y, x + run, y + rise)
    assert meets(text, box) == shapely.intersects(shapely.from_geojson(text), shapely.box(*box))


finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
rows = st.tuples(st.none() | finite, st.none() | st.integers(-(2**63) + 1, 2**63 - 1), st.none() | texts,
                 st.none() | st.booleans())  # fmt: skip
tables = st.dictionaries(st.tuples(texts.filter(bool), st.integers(1990, 1993)), rows, min_size=1, max_size=12)
NAMES = ("number", "whole", "words", "flag")
FIELDS = tuple(
    Field(name, kind, NOTHING) for name, kind in zip(NAMES, ("number", "integer", "string", "boolean"), strict=True)
)


def write(directory: Path, content: dict, order: list[int]) -> tuple[dict, SqliteStore]:
    keys = list(content)
    areas = sorted({area for area, _ in keys})
    squares = [shapely.box(600_000 + 7 * n, 5_790_000, 600_005 + 7 * n, 5_790_005 + n) for n in range(len(areas))]
    frame = gpd.GeoDataFrame(
        {"name": areas, "context": False}, geometry=squares, index=pd.Index(areas, dtype=object), crs=UTM
    )
    table = pd.DataFrame(
        {
            "area_id": pd.Series([area for area, _ in keys], dtype=object),
            "name": pd.Series([area for area, _ in keys], dtype=object),
            "period": [period for _, period in keys],
            **{n: pd.Series([content[key][i] for key in keys], dtype=object) for i, n in enumerate(NAMES)},
        }
    )
    layer = AreaLayer("l", frame.iloc[np.random.default_rng(len(keys)).permutation(len(areas))], NOTHING)
    given_collection = Collection("c", NOTHING, NOTHING, "indicators", "l", "t", FIELDS, table.iloc[order], ())
    manifest = {"publication": "0001", "edition": "public"}
    return write_edition(directory, [given_collection], [layer], manifest), SqliteStore(directory / "serve.sqlite")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), tables, st.integers(1, 13))
def test_any_rows_come_back_in_any_page_size_with_the_same_hash(data: st.DataObject, content: dict, limit: int) -> None:
    order = data.draw(st.permutations(range(len(content))))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, plain = write(Path(one), content, list(range(len(content))))
        again, store = write(Path(two), content, order)
        assert first == again
        found, after = [], None
        for _ in range(len(content)):
            page = store.items("c", ItemQuery(limit=limit, after=after))
            assert page.matched == len(content)
            found += page.features
            after = page.next
            if after is None:
                break
        assert found == plain.items("c", ItemQuery(limit=100)).features
        features = [json.loads(text) for text in found]
        assert [(f["properties"]["area_id"], f["properties"]["period"]) for f in features] == sorted(content)
        for feature in features:
            area, period = feature["properties"]["area_id"], feature["properties"]["period"]
            assert tuple(feature["properties"][name] for name in NAMES) == content[area, period]
            assert feature["id"] == f"{area}.{period}"
            assert json.loads(store.item("c", feature["id"])) == feature
            for place, name in enumerate(NAMES):
                same = sum(row[place] == content[area, period][place] for row in content.values())
                assert store.count("c", ItemQuery(equals={name: content[area, period][place]})) == same
        last = max(period for _, period in content)
        latest = store.items("c_latest", ItemQuery(limit=100))
        assert [json.loads(t)["id"] for t in latest.features] == sorted(a for a, p in content if p == last)
        plain.close()
        store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(free, free, free, free), st.sampled_from(["OGC:CRS84", UTM]))
def test_the_store_finds_exactly_what_geos_finds(numbers: tuple[float, ...], crs: str) -> None:
    store, shapes = _store()
    ground = shapes[crs]
    west, south, east, north = shapely.total_bounds(list(ground.values()))
    x, y = ((n + 10) / 20 for n in numbers[:2]), ((n + 10) / 20 for n in numbers[2:])
    xs, ys = sorted(west + (east - west) * v for v in x), sorted(south + (north - south) * v for v in y)
    assume(xs[0] < xs[1] and ys[0] < ys[1])
    box = (xs[0], ys[0], xs[1], ys[1])
    found = [json.loads(t)["id"] for t in store.items("c", ItemQuery(limit=500, bbox=box, bbox_crs=crs)).features]
    assert found == sorted(area for area, shape in ground.items() if shapely.intersects(shape, shapely.box(*box)))


_READY: list = []


def _store() -> tuple[SqliteStore, dict[str, dict[str, shapely.Geometry]]]:
    """Voronoi cells, written once; what is compared are the coordinates as served."""
    if not _READY:
        rng = np.random.default_rng(11)
        points = shapely.MultiPoint(rng.uniform((600_000, 5_790_000), (605_000, 5_795_000), (200, 2)))
        shapes = list(shapely.voronoi_polygons(points).geoms)
        frame = gpd.GeoDataFrame({"name": "x", "context": False}, geometry=shapes, crs=UTM,
                                 index=[f"{n:03d}" for n in range(len(shapes))])  # fmt: skip
        table = pd.DataFrame({"area_id": frame.index, "name": "x", "period": 2020})
        collection = Collection("c", NOTHING, NOTHING, "index", "l", "t", (), table, ())
        folder = tempfile.TemporaryDirectory()
        layer = AreaLayer("l", frame, NOTHING)
        write_edition(Path(folder.name), [collection], [layer], {"publication": "0001", "edition": "public"})
        store = SqliteStore(Path(folder.name) / "serve.sqlite")
        served = {
            crs: {
                f["properties"]["area_id"]: shapely.from_geojson(json.dumps(f["geometry"]))
                for f in map(json.loads, store.items("c_latest", ItemQuery(limit=500, crs=crs)).features)
            }
            for crs in store.crs
        }
        _READY.extend(
            [store, {crs: {f"{a}.2020": s for a, s in shapes.items()} for crs, shapes in served.items()}, folder]
        )
    return _READY[0], _READY[1]
