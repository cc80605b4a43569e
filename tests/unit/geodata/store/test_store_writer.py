"""What may be written, what is refused, what is hashed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.errors import CrsError, GeodataError, GeometryError, StoreError
from geodata.models import AreaLayer, Text
from geodata.store.model import Collection, Field
from geodata.store.query import ItemQuery
from geodata.store.sqlite import SqliteStore
from geodata.store.writer import write_edition


def publish(path: Path, make: SimpleNamespace, collections: list[Collection], layers: list[AreaLayer]) -> dict:
    path.mkdir(exist_ok=True)
    return write_edition(path, collections, layers, make.manifest())


def one(path: Path, make: SimpleNamespace, *, layer: AreaLayer | None = None, **changes: object) -> dict:
    layer = layer or make.ortsteile()
    return publish(path, make, [replace(make.collection(make.ortsteile(), "ortsteil_x"), **changes)], [layer])


def test_manifest_is_sorted_readable_json_with_the_hashes(edition: SimpleNamespace) -> None:
    text = (edition.path / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest == {
        "publication": "0001", "edition": "public", "titel": "Übersicht", "content": edition.content,
    }  # fmt: skip
    assert "Übersicht" in text
    assert text == json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert set(edition.content["collections"]) == {"ortsteil_employment", "gitter_100_employment"}
    assert set(edition.content["levels"]) == {"ortsteil", "gitter_100"}


def test_hashes_do_not_know_order_clock_publication_or_dtype(make: SimpleNamespace, tmp_path: Path) -> None:
    layers = [make.ortsteile(), make.cells()]
    collections = [make.collection(layers[0], "a_x"), make.collection(layers[1], "b_x")]
    first = publish(tmp_path / "1", make, collections, layers)

    def shuffled(given: Collection) -> Collection:
        table = given.table.sample(frac=1, random_state=7).reset_index(drop=True)
        table["people"] = table["people"].astype(object).where(table["people"].notna(), np.nan).astype(float)
        table["modelled"] = table["modelled"].astype(object).where(table["modelled"].notna(), None)
        return replace(given, table=table[list(reversed(table.columns))].assign(unused=1))

    def turned(layer: AreaLayer) -> AreaLayer:
        """Other order of areas, other direction and first corner of rings."""

        def turn(polygon: shapely.Geometry) -> shapely.Geometry:
            if polygon.geom_type == "MultiPolygon":
                return shapely.MultiPolygon([turn(part) for part in reversed(polygon.geoms)])
            corners = list(polygon.exterior.coords)[:-1]
            return shapely.Polygon([*corners[2:], *corners[:2]][::-1], [hole.reverse() for hole in polygon.interiors])

        areas = layer.areas.sample(frac=1, random_state=3)
        return replace(layer, areas=areas.set_geometry(areas.geometry.apply(turn)))

    (tmp_path / "2").mkdir()
    again = write_edition(
        tmp_path / "2",
        [shuffled(c) for c in reversed(collections)],
        [turned(layer) for layer in reversed(layers)],
        {"publication": "0099", "edition": "internal", "when": "2026-01-01T00:00:00Z"},
    )
    assert again == first


def test_hashes_know_every_value_field_and_corner(make: SimpleNamespace, tmp_path: Path) -> None:
    layer = make.ortsteile()
    given = make.collection(layer, "ortsteil_x")
    table = given.table.reset_index(drop=True)

    def changed(column: str, value: object) -> dict:
        other = table.copy()
        other[column] = other[column].astype(object)
        row = other.index[(other["area_id"] == "03157.001") & (other["period"] == 2020)][0]
        other.loc[row, column] = value
        return {"table": other}

    rate = float(table.loc[(table["area_id"] == "03157.001") & (table["period"] == 2020), "rate"].iloc[0])
    areas = layer.areas.copy()
    areas.loc["03157.010", "geometry"] = shapely.transform(areas.geometry["03157.010"], lambda p: np.add(p, (0.002, 0)))
    variants = [
        {},
        changed("rate", float(np.nextafter(rate, 99)) if rate == rate else 1.0),
        changed("label", "anders"),
        changed("name", "anders"),
        changed("people", 99_999),
        {"table": table[table["period"] != 2021]},
        {"fields": given.fields[:-1]},
        {"fields": (replace(given.fields[0], unit="Promille"), *given.fields[1:])},
        {"layer": replace(layer, areas=areas)},
    ]
    hashes = [
        one(tmp_path / str(n), make, **{"table": table, **variant})["collections"]["ortsteil_x"]
        for n, variant in enumerate(variants)
    ]
    assert len(set(hashes)) == len(variants)
    silent = one(tmp_path / "z", make, table=table, title=Text("Anders", "Other"), metadata={"licence": "x"}, styles=())
    assert silent["collections"]["ortsteil_x"] == hashes[0]


def test_hash_covers_only_areas_that_have_a_row(make: SimpleNamespace, tmp_path: Path) -> None:
    """The outline of an area that is not shown does not touch the hash of the collection."""
    layer = make.ortsteile()
    table = make.collection(layer, "x").table
    shown = table[table["area_id"] != "03157.010"]
    areas = layer.areas.copy()
    areas.loc["03157.010", "geometry"] = make.square(20, 20)
    first = one(tmp_path / "1", make, table=shown)
    other = one(tmp_path / "2", make, table=shown, layer=replace(layer, areas=areas))
    assert first["collections"] == other["collections"]
    assert first["levels"] != other["levels"]


def test_minus_zero_is_zero(make: SimpleNamespace, tmp_path: Path) -> None:
    table = make.collection(make.ortsteile(), "x").table
    plus, minus = table.assign(rate=0.0), table.assign(rate=-0.0)
    assert one(tmp_path / "1", make, table=plus) == one(tmp_path / "2", make, table=minus)
    assert b"-0.0" not in (tmp_path / "2" / "serve.sqlite").read_bytes()


def test_grid_cells_without_a_row_are_not_published(make: SimpleNamespace, tmp_path: Path) -> None:
    """The outline alone would say that people live there."""
    layer = make.cells()
    table = make.collection(layer, "gitter_x").table
    hidden = sorted(layer.areas.index)[7]
    shown = replace(make.collection(layer, "gitter_x"), table=table[table["area_id"] != hidden])
    write_edition(tmp_path, [shown], [layer], make.manifest())
    assert len(gpd.read_file(tmp_path / "layers.gpkg", layer="areas_gitter_100")) == 39
    store = SqliteStore(tmp_path / "serve.sqlite")
    assert store.levels()[0].areas == 39
    store.close()
    for name in ("layers.gpkg", "serve.sqlite", "manifest.json"):
        assert hidden.encode() not in (tmp_path / name).read_bytes()


def test_numbers_keep_every_digit(make: SimpleNamespace, tmp_path: Path) -> None:
    table = make.collection(make.ortsteile(), "x").table.sort_values(["area_id", "period"])
    values = [
        0.1,
        1 / 3,
        5e-324,
        1.7976931348623157e308,
        -1e-7,
        100.0,
        2**53 + 2.0,
        0.0,
        np.nan,
        1e22,
        1e16,
        12.5,
        7,
        8,
        9,
    ]
    big = [2**53 + 1, -(2**62), 0, *range(12)]
    one(tmp_path, make, table=table.assign(rate=values, people=pd.array(big, dtype="Int64")))
    store = SqliteStore(tmp_path / "serve.sqlite")
    rows = [json.loads(t)["properties"] for t in store.items("ortsteil_x", ItemQuery()).features]
    store.close()
    assert [row["rate"] for row in rows] == [None if v != v else v for v in values]
    assert [row["people"] for row in rows] == big


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "one row per area and period"),
        (lambda t: t.drop(columns="rate"), "no column rate"),
        (lambda t: t.drop(columns="period"), "no column period"),
        (lambda t: t.assign(rate=np.inf), "finite"),
        (lambda t: t.assign(rate="5,3"), "expected numbers"),
        (lambda t: t.assign(rate=True), "expected numbers"),
        (lambda t: t.assign(people=1.5), "whole numbers"),
        (lambda t: t.assign(people=2.0**70), "64 bits"),
        (lambda t: t.assign(label=5), "expected str"),
        (lambda t: t.assign(label=pd.Series(["\ud800"] * len(t), t.index, dtype=object)), "UTF-8"),
        (lambda t: t.assign(label="a\0b"), "NUL"),
        (lambda t: t.assign(modelled="ja"), "expected bool"),
        (lambda t: t.assign(name=None), "name must not be missing"),
        (lambda t: t.assign(area_id="x"), "does not have: x"),
        (lambda t: t.assign(period=2020.5).iloc[:1], "whole numbers"),
    ],
)
def test_tables_that_are_not_as_described(make: SimpleNamespace, tmp_path: Path, change: object, message: str) -> None:
    table = change(make.collection(make.ortsteile(), "x").table)
    if message.startswith("does not have"):
        table = table.iloc[:1]
    with pytest.raises(StoreError, match=message):
        one(tmp_path, make, table=table)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Ortsteil"},
        {"id": 'x"; DROP TABLE meta; --'},
        {"id": "../x"},
        {"id": "x_latest"},
        {"id": "gpkg_contents"},
        {"id": "layer_styles"},
        {"id": ""},
        {"fields": (Field("fid", "string", Text("", "")),)},
        {"fields": (Field("rate", "number", Text("", "")), Field("rate", "number", Text("", "")))},
        {"fields": (Field('x" TEXT', "string", Text("", "")),)},
        {"fields": (Field("people", "integer", Text("", "")),)},  # the styles draw "rate"
        {"level": "nirgends"},
        {"metadata": {"when": {1, 2}}},
        {"metadata": {"x": float("nan")}},
    ],
)
def test_collections_that_cannot_be_named_or_described(make: SimpleNamespace, tmp_path: Path, changes: dict) -> None:
    with pytest.raises(StoreError):
        one(tmp_path, make, **changes)


@pytest.mark.parametrize(
    "manifest",
    [{}, {"publication": "0001"}, {"publication": "", "edition": "public"}, {"publication": "0001", "edition": "x"},
     {"publication": "0001", "edition": "public", "content": {}},
     {"publication": "0001", "edition": "public", "x": {1}},
     {"publication": "0001", "edition": "public", "x": float("nan")}],
)  # fmt: skip
def test_manifests_that_cannot_be_written(make: SimpleNamespace, tmp_path: Path, manifest: dict) -> None:
    layer = make.ortsteile()
    with pytest.raises(StoreError):
        write_edition(tmp_path, [make.collection(layer, "x")], [layer], manifest)
    assert list(tmp_path.iterdir()) == []


def test_repeated_ids_and_nothing_to_publish(make: SimpleNamespace, tmp_path: Path) -> None:
    layer = make.ortsteile()
    given = make.collection(layer, "x")
    for collections, levels in (([given, given], [layer]), ([given], [layer, layer]), ([], [layer])):
        with pytest.raises(StoreError):
            write_edition(tmp_path, collections, levels, make.manifest())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda a: a.to_crs(4326), CrsError),
        (lambda a: a.set_crs(None, allow_override=True), CrsError),
        (lambda a: a.set_geometry([shapely.Point(0, 0)] * len(a)).set_crs(25832, allow_override=True), GeometryError),
        (lambda a: a.set_geometry([shapely.Polygon()] * len(a)).set_crs(25832, allow_override=True), GeometryError),
        (lambda a: a.set_geometry([None] * len(a)).set_crs(25832, allow_override=True), GeometryError),
        (
            lambda a: a.set_geometry([shapely.Polygon([(0, 0), (2, 2), (0, 2), (2, 0)])] * len(a)).set_crs(
                25832, allow_override=True
            ),
            GeometryError,
        ),
        (lambda a: a.drop(columns="context"), StoreError),
        (lambda a: pd.concat([a, a.iloc[:1]]), StoreError),
        (lambda a: a.to_crs("+proj=tmerc +lat_0=0 +lon_0=9.3 +k=1 +x_0=7 +ellps=GRS80 +units=m"), StoreError),
    ],
)
def test_areas_that_cannot_be_published(
    make: SimpleNamespace, tmp_path: Path, change: object, error: type[Exception]
) -> None:
    layer = make.ortsteile()
    with pytest.raises(error):
        one(tmp_path, make, layer=replace(layer, areas=change(layer.areas)))
    assert list(tmp_path.iterdir()) == []


def test_an_area_that_vanishes_when_rounded_is_refused(make: SimpleNamespace, tmp_path: Path) -> None:
    layer = make.ortsteile()
    areas = layer.areas.copy()
    areas.loc["03157.010", "geometry"] = shapely.box(600_000, 5_790_000, 600_000.0001, 5_790_000.0001)
    with pytest.raises(GeodataError, match=r"03157\.010"):
        one(tmp_path, make, layer=replace(layer, areas=areas))


def test_an_isthmus_that_rounding_closes_becomes_two_valid_parts(make: SimpleNamespace, tmp_path: Path) -> None:
    e, n = 600_000.0, 5_790_000.0
    top = [(e, n), (e + 10, n + 4.9998), (e + 20, n), (e + 20, n + 10), (e + 10, n + 5.0002), (e, n + 10)]
    layer = make.cells()
    areas = layer.areas.copy()
    areas.iloc[0, areas.columns.get_loc("geometry")] = shapely.Polygon(top)
    publish(tmp_path, make, [make.collection(layer, "x")], [replace(layer, areas=areas)])
    found = gpd.read_file(tmp_path / "layers.gpkg", layer="x_latest").set_index("area_id").geometry
    assert found.is_valid.all()
    assert len(found[areas.index[0]].geoms) == 2
    assert found[areas.index[0]].area == pytest.approx(shapely.Polygon(top).area, rel=1e-3)
    store = SqliteStore(tmp_path / "serve.sqlite")
    assert store.levels()[0].geometry_type == "MultiPolygon"
    for crs in store.crs:
        texts = store.items("x_latest", ItemQuery(limit=40, crs=crs)).features
        shapes = shapely.from_geojson([json.dumps(json.loads(text)["geometry"]) for text in texts])
        assert shapely.is_valid(shapes).all()
        assert {shape.geom_type for shape in shapes} == {"MultiPolygon"}
    store.close()


def test_levels_of_two_crs_are_refused(make: SimpleNamespace, tmp_path: Path) -> None:
    layers = [make.ortsteile(), make.cells()]
    other = replace(layers[1], areas=layers[1].areas.to_crs(3035))
    with pytest.raises(StoreError, match="one CRS"):
        publish(tmp_path, make, [make.collection(layers[0], "a"), make.collection(layers[1], "b")], [layers[0], other])
