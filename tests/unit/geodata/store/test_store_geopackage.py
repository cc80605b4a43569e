"""The download: every layer readable by OGR as what it is, styled, named in German; valid by the GeoPackage tables."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geodata.errors import StoreError
from geodata.models import Text
from geodata.store.model import Field, Style, StyleClass
from geodata.store.qml import qml
from geodata.store.writer import write_edition

LAYERS = {
    "areas_ortsteil": ("MultiPolygon", 5),
    "areas_gitter_100": ("Polygon", 40),
    "ortsteil_employment": ("MultiPolygon", 15),
    "ortsteil_employment_latest": ("MultiPolygon", 5),
    "gitter_100_employment": ("Polygon", 80),
    "gitter_100_employment_latest": ("Polygon", 40),
}


@pytest.fixture
def db(edition: SimpleNamespace) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(edition.path / "layers.gpkg")) as opened:
        yield opened


def test_ogr_lists_exactly_these_layers(edition: SimpleNamespace) -> None:
    listed = {name: kind for name, kind in pyogrio.list_layers(edition.path / "layers.gpkg") if kind}
    assert listed == {name: kind for name, (kind, _) in LAYERS.items()}


@pytest.mark.parametrize("layer", LAYERS)
def test_ogr_reads_type_count_and_crs(edition: SimpleNamespace, layer: str) -> None:
    info = pyogrio.read_info(edition.path / "layers.gpkg", layer=layer, force_feature_count=True)
    assert (info["geometry_type"], info["features"], info["crs"]) == (*LAYERS[layer], "EPSG:25832")
    assert "fid" not in info["fields"]
    assert "OGC_FID" not in info["fields"]
    assert info["geometry_name"] == "geom"


@pytest.mark.parametrize(("number", "layer"), [(0, "ortsteil_employment"), (1, "gitter_100_employment")])
@pytest.mark.parametrize("latest", [False, True])
def test_ogr_reads_the_rows_as_handed_in(edition: SimpleNamespace, number: int, layer: str, latest: bool) -> None:
    name = f"{layer}_latest" if latest else layer
    found = gpd.read_file(edition.path / "layers.gpkg", layer=name, engine="pyogrio")
    table = edition.collections[number].table.sort_values(["area_id", "period"])
    if latest:
        table = table[table["period"] == table["period"].max()]
    assert list(found.columns) == ["area_id", "name", "period", "rate", "people", "label", "modelled", "geometry"]
    for column in ("area_id", "name", "period", "rate", "people", "label", "modelled"):
        left = [None if pd.isna(v) else v for v in found[column]]
        right = [None if pd.isna(v) else v for v in table[column]]
        assert left == right, column
    areas = edition.layers[number].areas.geometry
    assert all(shapely.equals(g, areas[a]) for g, a in zip(found.geometry, found["area_id"], strict=True))


def test_fids_of_a_view_are_whole_numbers_from_one(edition: SimpleNamespace) -> None:
    found = pyogrio.read_dataframe(edition.path / "layers.gpkg", layer="ortsteil_employment", fid_as_index=True)
    assert list(found.index) == list(range(1, 16))


def test_a_view_answers_filters_and_boxes(edition: SimpleNamespace) -> None:
    path = edition.path / "layers.gpkg"
    box = (601_200.0, 5_791_200.0, 601_800.0, 5_791_800.0)
    found = pyogrio.read_dataframe(path, layer="ortsteil_employment", where="period = 2021", bbox=box)
    latest = pyogrio.read_dataframe(path, layer="ortsteil_employment_latest", bbox=box)
    assert sorted(found["area_id"]) == sorted(latest["area_id"]) == ["03157-003"]


def test_it_is_a_valid_geopackage_1_2(db: sqlite3.Connection) -> None:
    value = {key: db.execute(f"PRAGMA {key}").fetchone()[0] for key in ("application_id", "user_version")}
    assert value == {"application_id": int.from_bytes(b"GPKG", "big"), "user_version": 10200}
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    contents = db.execute("SELECT table_name, data_type, srs_id FROM gpkg_contents").fetchall()
    assert {name for name, _, _ in contents} == {*LAYERS, "layer_styles"} <= tables
    assert ("layer_styles", "attributes", 0) in contents
    geometry = db.execute("SELECT table_name, upper(geometry_type_name), srs_id FROM gpkg_geometry_columns").fetchall()
    assert set(geometry) == {(name, kind.upper(), 25832) for name, (kind, _) in LAYERS.items()}
    extents = db.execute("SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name LIKE 'ortsteil%'")
    assert set(extents) == {(600_000.0, 5_790_000.0, 609_000.0, 5_794_000.0)}


def test_geometry_of_all_periods_is_stored_once(db: sqlite3.Connection) -> None:
    kinds = dict(db.execute("SELECT name, type FROM sqlite_master"))
    assert kinds["ortsteil_employment"] == "view"
    assert "geom" not in [row[1] for row in db.execute("PRAGMA table_info(values_ortsteil_employment)")]


def test_layer_styles_are_as_qgis_looks_for_them(db: sqlite3.Connection) -> None:
    columns = {row[1]: row[2] for row in db.execute("PRAGMA table_info(layer_styles)")}
    assert columns == {
        "id": "INTEGER", "f_table_catalog": "TEXT(256)", "f_table_schema": "TEXT(256)", "f_table_name": "TEXT(256)",
        "f_geometry_column": "TEXT(256)", "styleName": "TEXT(30)", "styleQML": "TEXT", "styleSLD": "TEXT",
        "useAsDefault": "BOOLEAN", "description": "TEXT", "owner": "TEXT(30)", "ui": "TEXT(30)",
        "update_time": "DATETIME",
    }  # fmt: skip
    rows = db.execute(
        "SELECT f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, useAsDefault, description,"
        " update_time FROM layer_styles WHERE f_table_name LIKE 'ortsteil%' ORDER BY id"
    ).fetchall()
    assert [row[:6] for row in rows] == [
        ("", "", layer, "geom", name, default)
        for layer in ("ortsteil_employment", "ortsteil_employment_latest")
        for name, default in (("rate", 1), ("label", 0))
    ]
    assert all("© Musterkreis" in row[6] and row[7] for row in rows)


def test_aliases_and_attribution(db: sqlite3.Connection, edition: SimpleNamespace) -> None:
    query = "SELECT column_name, name FROM gpkg_data_columns WHERE table_name = 'ortsteil_employment'"
    titles = dict(db.execute(query))
    assert titles["rate"] == "Arbeitslosenquote [%]"
    assert titles["area_id"] == "Gebietsschlüssel"
    about = db.execute(
        "SELECT description FROM gpkg_contents WHERE table_name = 'ortsteil_employment_latest'"
    ).fetchone()
    for words in ("Beschreibung", "Quelle: © Musterkreis, dl-de/by-2-0", "Achtung", "Entwurf"):
        assert words in about[0]


def test_columns_with_one_title_do_not_collide(make: SimpleNamespace, tmp_path: object) -> None:
    layer = make.ortsteile()
    given = make.collection(layer, "ortsteil_x")
    fields = tuple(replace(field, title=Text("Gleich", "Same"), unit="") for field in given.fields)
    write_edition(tmp_path, [replace(given, fields=fields)], [layer], make.manifest())
    with closing(sqlite3.connect(tmp_path / "layers.gpkg")) as db:
        found = db.execute("SELECT name FROM gpkg_data_columns WHERE table_name = 'ortsteil_x' ORDER BY rowid")
        assert [name for (name,) in found][3:] == ["Gleich", "Gleich (2)", "Gleich (3)", "Gleich (4)"]


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's command line is not installed")
def test_an_older_gdal_reads_it_without_a_warning(edition: SimpleNamespace) -> None:
    for layer, (_, count) in LAYERS.items():
        command = ["ogrinfo", "-ro", "-so", str(edition.path / "layers.gpkg"), layer]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"Feature Count: {count}" in done.stdout
        assert "Warning" not in done.stdout + done.stderr


def test_graduated_style_holds_its_classes_and_the_missing_one(edition: SimpleNamespace) -> None:
    given = edition.collections[0]
    root = ElementTree.fromstring(qml(given.styles[0], given.fields).partition("\n")[2])
    rules = root.findall("renderer-v2/rules/rule")
    assert root.find("renderer-v2").get("type") == "RuleRenderer"
    assert [(rule.get("filter"), rule.get("label")) for rule in rules] == [
        ('"rate" IS NOT NULL AND "rate" <= 5.0', "bis 5"),
        ('"rate" IS NOT NULL AND "rate" > 5.0', "über 5"),
        ('"rate" IS NULL', "keine Angabe"),
    ]
    symbols = {symbol.get("name"): symbol for symbol in root.findall("renderer-v2/symbols/symbol")}
    assert [rule.get("symbol") for rule in rules] == sorted(symbols)
    outlines = [s.find("layer/Option/Option[@name='outline_style']").get("value") for s in symbols.values()]
    assert outlines == ["dash", "dash", "dash"]
    assert symbols["1"].find("layer/Option/Option[@name='color']").get("value") == "128,0,38,255"
    assert [layer.get("class") for layer in symbols["2"].findall("layer")] == ["SimpleFill", "LinePatternFill"]


def test_categorical_style_holds_hatches_and_letters(edition: SimpleNamespace) -> None:
    given = edition.collections[0]
    root = ElementTree.fromstring(qml(given.styles[1], given.fields).partition("\n")[2])
    renderer = root.find("renderer-v2")
    assert renderer.get("type") == "RuleRenderer"
    assert [(rule.get("filter"), rule.get("label")) for rule in renderer.findall("rules/rule")] == [
        ("\"label\" = 'High-High'", "Hoch-Hoch"),
        ("\"label\" = 'Low-Low'", "Niedrig-Niedrig"),
        ("\"label\" IS NULL OR \"label\" NOT IN ('High-High', 'Low-Low')", "keine Angabe"),
    ]
    layers = [[x.get("class") for x in symbol.findall("layer")] for symbol in renderer.findall("symbols/symbol")]
    assert layers == [
        ["SimpleFill", "LinePatternFill", "LinePatternFill"],
        ["SimpleFill", "PointPatternFill"],
        ["SimpleFill", "LinePatternFill"],
    ]
    assert renderer.find("symbols/symbol/layer/Option/Option[@name='outline_style']").get("value") == "solid"
    assert root.get("labelsEnabled") == "1"
    expression = root.find("labeling/settings/text-style").get("fieldName")
    assert expression == "CASE WHEN \"label\" = 'High-High' THEN 'HH' WHEN \"label\" = 'Low-Low' THEN 'LL' END"
    names = [alias.get("name") for alias in root.findall("aliases/alias")]
    assert names == ["Arbeitslosenquote [%]", "Menschen", "Klasse", "modelliert"]


def hits(style: Style, fields: list[Field], row: dict[str, object]) -> list[str]:
    """Labels of the rules that hold for a row; SQLite evaluates the filters."""
    root = ElementTree.fromstring(qml(style, fields).partition("\n")[2])
    columns = ", ".join(f'? AS "{name}"' for name in row)
    with closing(sqlite3.connect(":memory:")) as db:
        return [
            rule.get("label")
            for rule in root.findall("renderer-v2/rules/rule")
            if db.execute(f"SELECT {rule.get('filter')} FROM (SELECT {columns})", tuple(row.values())).fetchone()[0]
        ]


def text_fields(*names: str) -> list[Field]:
    return [Field(name, "boolean" if name == "context" else "string", Text(name, name)) for name in names]


@pytest.mark.parametrize(
    ("label", "state", "context", "found"),
    [
        ("High-High", "tested", False, "Hoch-Hoch"),
        ("High-High", "tested", None, "Hoch-Hoch"),
        ("no label", "suppressed", False, "unterdrückt"),
        (None, "isolated", False, "ohne Nachbarn"),
        ("no label", "something new", False, "keine Angabe"),
        (None, None, False, "keine Angabe"),
        ("High-High", "tested", True, "Nachbargebiete (nicht bewertet)"),
        (None, None, True, "Nachbargebiete (nicht bewertet)"),
    ],
)
def test_an_area_without_label_is_in_the_class_of_its_reason(
    label: str | None, state: str | None, context: bool | None, found: str
) -> None:
    """The same as :func:`service.cartography.legend.class_index` decides; neighbours are judged by nobody."""
    classes = tuple(
        StyleClass(Text(title, title), "#cccccc", value=value, letters="x")
        for value, title in (
            ("High-High", "Hoch-Hoch"),
            ("suppressed", "unterdrückt"),
            ("isolated", "ohne Nachbarn"),
        )
    )
    style = Style("label", "categorical", classes, StyleClass(Text("keine Angabe", ""), "#ffffff"))
    fields = text_fields("label", "state", "context")
    assert hits(style, fields, {"label": label, "state": state, "context": context}) == [found]


@pytest.mark.parametrize(
    ("value", "status", "found"),
    [
        (1.0, "observed", "alle"),
        (None, "suppressed", "nicht gezeigt"),
        (None, "missing", "unbewohnt"),
        (None, "not_applicable", "unbewohnt"),
        (None, None, "unbewohnt"),
    ],
)
def test_cells_in_which_nobody_lives_are_apart_from_those_not_shown(
    value: float | None, status: str | None, found: str
) -> None:
    style = Style(
        "v",
        "graduated",
        (StyleClass(Text("alle", ""), "#ffffcc"),),
        StyleClass(Text("nicht gezeigt", ""), "#dddddd"),
        empty=StyleClass(Text("unbewohnt", ""), "#f3f3f1"),
    )
    assert hits(style, text_fields("v", "v_status"), {"v": value, "v_status": status}) == [found]
    without = hits(style, text_fields("v"), {"v": value})
    assert without == (["alle"] if value is not None else ["nicht gezeigt"])


def test_cells_have_no_letters_and_outlines_only_from_near(edition: SimpleNamespace) -> None:
    given = edition.collections[0]
    root = ElementTree.fromstring(qml(given.styles[1], given.fields, grid=True).partition("\n")[2])
    assert (root.get("labelsEnabled"), root.find("labeling")) == ("0", None)
    for symbol in root.findall("renderer-v2/symbols/symbol"):
        fill, *patterns = symbol.findall("layer")
        own = fill.find("Option/Option[@name='color']").get("value")
        assert fill.find("Option/Option[@name='outline_color']").get("value") == own
        rule = fill.find(".//Option[@name='outlineColor']/Option[@name='expression']").get("value")
        assert rule == (
            f"CASE WHEN NOT (COALESCE(@map_scale, 25000 + 1) <= 25000) THEN '{own}' ELSE '80,80,80,255' END"
        )
        for pattern in patterns:
            assert pattern.find(".//Option[@name='enabled']/Option[@name='expression']") is not None


def test_the_internal_edition_says_so_in_every_layer(make: SimpleNamespace, tmp_path: object) -> None:
    layer = make.ortsteile()
    given = make.collection(layer, "ortsteil_x")
    for name in ("public", "internal"):
        folder = tmp_path / name
        folder.mkdir()
        write_edition(folder, [given], [layer], {**make.manifest(), "edition": name})
        with closing(sqlite3.connect(folder / "layers.gpkg")) as db:
            layers = db.execute(
                "SELECT identifier, description FROM gpkg_contents WHERE data_type = 'features'"
            ).fetchall()
            styles = [text for (text,) in db.execute("SELECT description FROM layer_styles")]
        assert len(layers) == 3
        for title, about in layers:
            assert title.startswith("INTERN – ") == (name == "internal")
            assert ("darf diesen Rechner nicht verlassen" in about) == (name == "internal")
        assert all(("Interne Ausgabe" in text) == (name == "internal") for text in styles)


def test_the_bounds_of_the_classes_leave_no_gap_and_no_overlap() -> None:
    """The filters are evaluated by SQLite: every value falls into exactly one rule."""
    classes = tuple(StyleClass(Text(str(i), str(i)), "#000000", lower=float(i), upper=i + 1.0) for i in range(3))
    style = Style("v", "graduated", classes, StyleClass(Text("-", "-"), "#ffffff"))
    root = ElementTree.fromstring(qml(style, [Field("v", "number", Text("v", "v"))]).partition("\n")[2])
    filters = [rule.get("filter") for rule in root.findall("renderer-v2/rules/rule")]
    with closing(sqlite3.connect(":memory:")) as db:
        for value, place in (
            (0.0, 0),
            (1.0, 0),
            (1.0000001, 1),
            (2.0, 1),
            (3.0, 2),
            (None, 3),
            (3.1, None),
            (-0.1, None),
        ):
            found = [
                i
                for i, f in enumerate(filters)
                if db.execute(f"SELECT {f} FROM (SELECT ? AS v)", (value,)).fetchone()[0]
            ]
            assert found == ([] if place is None else [place])


@pytest.mark.parametrize("change", [{"colour": "red"}, {"colour": "#12345g"}, {"hatch": "?"}])
def test_styles_that_cannot_be_drawn_are_refused(change: dict) -> None:
    style_class = replace(StyleClass(Text("a", "a"), "#000000", value="a"), **change)
    style = Style("v", "categorical", (style_class,), StyleClass(Text("-", "-"), "#ffffff"))
    with pytest.raises(StoreError):
        qml(style, [Field("v", "string", Text("v", "v"))])


def test_markup_in_labels_stays_text() -> None:
    style_class = StyleClass(Text("<b> & \"c\" 'd'", ""), "#000000", value="<x>'\"&", letters="'")
    style = Style("v", "categorical", (style_class,), StyleClass(Text("]]>", ""), "#ffffff"))
    root = ElementTree.fromstring(qml(style, [Field("v", "string", Text("<v>", "v"))]).partition("\n")[2])
    rule = root.find("renderer-v2/rules/rule")
    assert (rule.get("label"), rule.get("filter")) == ("<b> & \"c\" 'd'", "\"v\" = '<x>''\"&'")
    assert root.find("labeling/settings/text-style").get("fieldName") == "CASE WHEN \"v\" = '<x>''\"&' THEN '''' END"
