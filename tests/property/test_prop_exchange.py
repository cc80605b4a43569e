"""Figures and areas through CSV, Parquet, GeoParquet and GeoPackage and back: nothing that is said of them is lost."""

from __future__ import annotations

import csv
import datetime as dt
import io
import sqlite3
import tempfile
from dataclasses import fields
from itertools import cycle, product
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from geodata import exchange
from geodata.errors import FormatError, GeodataError
from geodata.models import OBSERVATION_COLUMNS, VALUED, AreaLayer, Flag, Observations, Origin, Source, Status, Text
from geodata.readers.sniff import describe

many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Any text without NUL and halves of characters; and what a spreadsheet would compute.
texts = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
    st.sampled_from(
        [
            *("=1+1", "+49", "-", "@SUM(A1)", "'x", "''", "a;b", 'a"b', "a\r\nb", "\t=1", "", " ", "NA", "NaN", "null"),
            # Keys with leading zeros, numbers, dates and truths that a program may take for what they are not.
            *("03157001", "00", "0", "1e5", "1,5", "1.5", "-0", "2022-01-01", "TRUE", "None", "<NA>", "inf"),
            *("Größe äöüßÄÖÜ", "Gro\u0308ße", "İı", "\u200e", "\ufeff", "𝒳", "a\u2028b", "\x85", "\x1a", "\x7f"),
        ]
    ),
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0), st.integers(-(2**53), 2**53).map(float)
)
units = st.one_of(st.sampled_from(["Anzahl", "Prozent", "", "€ je Einwohner"]), texts)
dates = st.one_of(st.none(), st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)))


@st.composite
def sources(draw: st.DrawFn) -> Source:
    return Source(
        *(draw(texts) for _ in range(5)),
        reference_date=draw(dates),
        legal_basis=draw(texts),
        purpose=draw(texts),
        legend=draw(st.sampled_from(["classic", "zensus", "none"])),
        origin=draw(st.sampled_from(Origin)),
        released=draw(st.booleans()),
    )


@st.composite
def figures(draw: st.DrawFn, areas: list[str] | None = None) -> Observations:
    ids = st.sampled_from(areas) if areas else texts
    keys = st.tuples(ids, st.integers(1800, 2200), texts)
    rows = []
    for area, period, variable in draw(st.lists(keys, unique=True, max_size=12)):
        status = draw(st.sampled_from(Status))
        value = draw(numbers) if status in VALUED else np.nan
        flags = draw(st.integers(0, sum(flag.value for flag in Flag)))
        rows.append((area, period, variable, value, status.value, draw(st.sampled_from(Origin)).value, flags))
    table = pd.DataFrame(rows, columns=list(OBSERVATION_COLUMNS)).astype(
        {"period": "int64", "value": "float64", "flags": "int64"}
        | dict.fromkeys(("area_id", "variable", "status", "origin"), "str")
    )
    named = {variable: draw(units) for variable in dict.fromkeys(table["variable"])}
    notes = tuple(draw(st.lists(texts, max_size=3)))
    return Observations(table, named, draw(st.one_of(st.none(), sources())), notes, draw(st.integers(0, 10**6)))


def holed(x: float) -> shapely.Polygon:
    return shapely.box(x, 0.1, x + 5, 5).difference(shapely.box(x + 1, 1, x + 2, 2.5))


#: All that an area may be: one part, several, with a hole, of one part but called several.
SHAPES = {
    "polygon": lambda x: shapely.box(x, 0.1, x + 1, 1),
    "hole": holed,
    "parts": lambda x: shapely.MultiPolygon([shapely.box(x, 5, x + 0.3, 6), holed(x + 1)]),
    "one part": lambda x: shapely.MultiPolygon([shapely.box(x, 9, x + 1, 10)]),
}


@st.composite
def layers(draw: st.DrawFn) -> AreaLayer:
    ids = draw(st.lists(texts, unique=True, min_size=1, max_size=6))
    n = len(ids)
    kinds = draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, unique=True))
    x0 = draw(st.sampled_from([0.1, 600_000.123456789, 1 / 3]))
    areas = gpd.GeoDataFrame(
        {
            "name": pd.array(draw(st.lists(texts, min_size=n, max_size=n)), dtype="str"),
            "context": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        },
        geometry=[SHAPES[draw(st.sampled_from(kinds))](x0 + 7 * i) for i in range(n)],
        crs=draw(st.sampled_from(["EPSG:25832", "EPSG:25833", "EPSG:3035", "EPSG:31467"])),
        index=pd.Index(ids, dtype="str", name="area_id"),
    )
    if draw(st.booleans()):
        areas.insert(2, "parent_id", pd.array(draw(st.lists(texts, min_size=n, max_size=n)), dtype="str"))
    source = draw(st.one_of(st.none(), sources()))
    title = Text(draw(texts), draw(texts))
    return AreaLayer("gemeinde", areas, title, draw(dates), source, draw(st.booleans()))


def same(found: Observations, given: Observations, *, ordered: bool = True) -> None:
    tables = [found.table, given.table]
    if not ordered:
        tables = [t.sort_values(["variable", "period", "area_id"], ignore_index=True) for t in tables]
    assert_frame_equal(*tables, check_exact=True)
    assert dict(found.units) == dict(given.units)
    assert (found.source, found.notes, found.rows) == (given.source, given.notes, given.rows)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg"])
@many
@given(data=st.data())
def test_figures_come_back_as_they_were(ending: str, data: st.DataObject) -> None:
    written = data.draw(figures())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        exchange.write_observations(path, written)
        assert [p.name for p in Path(folder).iterdir()] == [path.name]
        assert exchange.is_exchange(path)
        same(exchange.read_observations(path), written)


@pytest.mark.parametrize("ending", [".parquet", ".gpkg"])
@many
@given(data=st.data())
def test_areas_come_back_with_their_figures(ending: str, data: st.DataObject) -> None:
    layer = data.draw(layers())
    written = data.draw(st.one_of(st.none(), figures(list(layer.areas.index))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        exchange.write_layer(path, layer, written)
        assert exchange.is_exchange(path) == (written is not None)
        found, observations = exchange.read_layer(path)
        assert_frame_equal(pd.DataFrame(found.areas), pd.DataFrame(layer.areas), check_exact=True)
        assert found.areas.crs == layer.areas.crs
        assert found.areas.geometry.geom_equals_exact(layer.areas.geometry, 0).all()
        for field in ("level", "title", "boundary_date", "source", "is_grid"):
            assert getattr(found, field) == getattr(layer, field)
        if written is None:
            assert observations is None
        else:
            assert observations is not None
            same(observations, written, ordered=ending == ".gpkg")
            same(exchange.read_observations(path), written, ordered=ending == ".gpkg")


def everything(areas: list[str]) -> Observations:
    """Every status with every origin and every set of flags, over several years and variables."""
    every = product(Status, Origin, range(2 * max(flag.value for flag in Flag)))
    rows = [
        (areas[at % len(areas)], 2000 + at // len(areas) % 20, f"v{at // len(areas) // 20}", status, origin, flags)
        for at, (status, origin, flags) in enumerate(every)
    ]
    table = pd.DataFrame(rows, columns=["area_id", "period", "variable", "status", "origin", "flags"])
    table.insert(3, "value", [at / 7 if s in VALUED else np.nan for at, s in enumerate(table["status"])])
    table = table.astype({"area_id": "str", "variable": "str", "status": "str", "origin": "str"})
    units = dict(zip(table["variable"].unique(), cycle(["Anzahl", "Prozent", "", "€ je Einwohner"])))
    source = Source(
        **{"id": "a", "title": "Größe", "publisher": "Landesamt für Statistik", "licence": "dl-de/by-2-0"},
        **{"attribution": "© ä", "reference_date": dt.date(2022, 5, 15), "legal_basis": "§ 9 NDSG", "purpose": "p"},
        **{"legend": "zensus", "origin": Origin.SAMPLE, "released": True},
    )
    assert not any(getattr(source, f.name) == f.default for f in fields(Source))  # nothing is lost unseen
    return Observations(table[list(OBSERVATION_COLUMNS)], units, source, ("Notiz – eins", ""), 7)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg"])
def test_every_status_origin_and_flag_comes_back(ending: str, tmp_path: Path) -> None:
    written = everything([f"03157{i:03}" for i in range(9)])
    assert set(written.table["status"]) == set(Status)
    assert set(written.table["origin"]) == set(Origin)
    exchange.write_observations(tmp_path / f"a{ending}", written)
    same(exchange.read_observations(tmp_path / f"a{ending}"), written)


@pytest.mark.parametrize("ending", [".parquet", ".gpkg"])
def test_every_status_origin_and_flag_comes_back_beside_areas(ending: str, tmp_path: Path) -> None:
    ids = [f"03157{i:03}" for i in range(9)]
    areas = gpd.GeoDataFrame(
        {"name": pd.array(["Größe"] * 9, dtype="str"), "context": [True] + [False] * 8},
        geometry=[SHAPES["hole"](7 * i) for i in range(9)],
        crs="EPSG:25832",
        index=pd.Index(ids, dtype="str", name="area_id"),
    )
    written = everything(ids)
    layer = AreaLayer("ortsteil", areas, Text("ä", "b"), dt.date(2016, 11, 1), written.source, True)
    exchange.write_layer(tmp_path / f"a{ending}", layer, written)
    found, observations = exchange.read_layer(tmp_path / f"a{ending}")
    assert observations is not None
    same(observations, written, ordered=ending == ".gpkg")
    assert (found.boundary_date, found.source, found.is_grid) == (layer.boundary_date, layer.source, True)
    assert found.areas.index.tolist() == ids


@pytest.mark.parametrize("source", [None, Source("", "", "", "", "")])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg"])
def test_nothing_comes_back_as_nothing(ending: str, source: Source | None, tmp_path: Path) -> None:
    """A table without rows keeps its types, units and notes; no source is not a source without words."""
    table = everything(["a"]).table.head(0)
    written = Observations(table, {"x": "Anzahl"}, source, ("n",), 3)
    exchange.write_observations(tmp_path / f"a{ending}", written)
    same(exchange.read_observations(tmp_path / f"a{ending}"), written)


@many
@given(st.lists(texts, min_size=1))
def test_no_cell_of_a_csv_begins_like_a_formula(cells: list[str]) -> None:
    assert [exchange.restore(exchange.defuse(cell)) for cell in cells] == cells
    assert not any(exchange.defuse(cell)[:1] in tuple("=+-@\t\r") for cell in cells if cell)


def example(status: Status = Status.OBSERVED) -> Observations:
    row = ("=HYPERLINK(1)", 2022, "@x", 1.5, status.value, "register", 9)
    table = pd.DataFrame([row], columns=list(OBSERVATION_COLUMNS)).astype({"area_id": "str", "variable": "str"})
    source = Source("a", 'b;=1+1,"', "c", "dl-de/by-2-0", "d", dt.date(2022, 5, 15))
    return Observations(table, {"@x": "Anzahl"}, source, ("n",), 1)


def test_a_csv_looks_as_it_should_to_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    exchange.write_observations(path, example())
    for delimiter in ";,\t":
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), delimiter=delimiter))
        assert len(rows[0]) == 1
        assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row)
    frame = pd.read_csv(path, sep=";", decimal=",", skiprows=1)
    assert frame.loc[0, ["value", "status", "origin", "flags", "unit"]].tolist() == [
        1.5,
        "observed",
        "register",
        9,
        "Anzahl",
    ]


def test_a_geopackage_is_one_to_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    exchange.write_observations(path, example())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT data_type FROM gpkg_contents").fetchall() == [("attributes",)]
        assert "dl-de/by-2-0" in connection.execute("SELECT metadata FROM gpkg_metadata").fetchone()[0]
    connection.close()


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg"])
def test_check_recognises_what_was_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    exchange.write_observations(path, example(Status.UNRELIABLE))
    verdict = describe(path)
    assert (verdict.format, verdict.values, verdict.periods) == ("sozialmonitor", 1, (2022,))
    assert dict(verdict.statuses) == {"unreliable": 1}
    assert dict(verdict.flags) == {"provisional": 1, "uncertain": 1}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (";observed;", ";seen;", "status"),
        (";register;", ";heard;", "origin"),
        (";9;", ";4096;", "flags"),
        (";9;", ";x;", "changed since"),
        (";Anzahl", ";Prozent", "unit"),
        ("1,5", "1.5.2", "changed since"),
        (";2022;", ";;", "changed since"),
        ("\n'=H", "\n;'=H", "cells"),
        ('""version"":1', '""version"":7', "metadata"),
        ("{", "[", "metadata"),
        ("value;status", "status;value", "columns"),
        ('""2022-05-15""', '""15.5.2022""', "changed since"),
    ],
)
def test_a_file_that_was_edited_against_itself_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    exchange.write_observations(path, example())
    whole = path.read_text("utf-8")
    assert old in whole
    path.write_text(whole.replace(old, new), "utf-8")
    with pytest.raises(GeodataError, match=said):
        exchange.read_observations(path)


def test_other_files_endings_and_areas_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("a;b\n1;2\n")
    with pytest.raises(FormatError, match="that Sozialmonitor wrote"):
        exchange.read_observations(plain)
    with pytest.raises(FormatError, match="ends in"):
        exchange.write_observations(tmp_path / "a.xlsx", example())
    areas = gpd.GeoDataFrame(
        {"name": ["a"], "context": [False]},
        geometry=[shapely.box(0, 0, 1, 1)],
        crs="EPSG:25832",
        index=pd.Index(["03157001"], name="area_id"),
    )
    with pytest.raises(FormatError, match="figures of the layer's areas"):
        exchange.write_layer(tmp_path / "a.gpkg", AreaLayer("gemeinde", areas, Text("", "")), example())
    assert [p.name for p in tmp_path.iterdir()] == ["plain.csv"]
