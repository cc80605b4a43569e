"""What is this file? By content, without options, and with the same errors as a run."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Polygon, box

from geodata.errors import (
    AreaKeyError,
    CrsError,
    FormatError,
    GeodataError,
    GeometryError,
    MissingFileError,
    NoDataError,
    SignError,
)
from geodata.readers.sniff import describe

GENESIS = (
    "\ufeffstatistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label\n"
    "{code};S;STAG;Stichtag;2024-12-31;GEMEIN;Gemeinden;03157001;Edemissen;12;Anzahl;BEV;Bevölkerung\n"
    "{code};S;STAG;Stichtag;2024-12-31;GEMEIN;Gemeinden;03157002;Hohenhameln;{sign};Anzahl;BEV;Bevölkerung\n"
)
FILES = {
    "genesis-flat": GENESIS.format(code="12411", sign="7p"),
    "inkar": "Kennziffer;Raumeinheit;Aggregat;A\n;;;2019\n03157001;E;G;5\n",
    "zensus-grid": "GITTER_ID_1km;x_mp_1km;y_mp_1km;E\nCRS3035RES1000mN2689000E4337000;4337500;2689500;–\n",
    "zensus2011-grid": "x_mp_1km,y_mp_1km,Einwohner\n4319500,3228500,-1\n",
    "table": "Schlüssel;Wert\n0301;1,5\n0302;*\n",
}


@pytest.mark.parametrize("kind", sorted(FILES))
@pytest.mark.parametrize("name", ["file.csv", "file.txt", "download"])
def test_the_format_is_told_by_content_not_by_name(tmp_path, kind, name):
    path = tmp_path / name
    path.write_text(FILES[kind], encoding="utf-8")
    verdict = describe(path)
    assert verdict.format == kind
    assert verdict.areas >= 1
    assert json.loads(json.dumps(verdict.as_dict()))["format"] == kind


def test_signs_flags_and_years_are_counted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(FILES["genesis-flat"], encoding="utf-8")
    verdict = describe(path)
    assert verdict.flags == {"provisional": 1}
    assert not verdict.provisional  # that word is for formats
    assert (verdict.encoding, verdict.decimal, verdict.periods) == ("utf-8 with BOM", "decimal comma", (2024,))
    assert verdict.statuses == {"observed": 2}
    # The database of the Zensus numbers its statistics 1000A: there a dash may have been made.
    path.write_text(GENESIS.format(code="1000A", sign="-"), encoding="utf-8")
    assert describe(path).statuses == {"observed": 1, "zero_or_suppressed": 1}
    path.write_text(GENESIS.format(code="12411", sign="-"), encoding="utf-8")
    assert describe(path).statuses == {"observed": 1, "zero": 1}
    path.write_text(GENESIS.format(code="12411", sign="#"), encoding="utf-8")
    with pytest.raises(SignError, match="#"):
        describe(path)


def test_an_unknown_table_is_described_with_what_is_odd_about_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "ZEIT,PLR_ID,Name,S1,S2\n202012,01100101,A,4.5,\n202012,01100102,B,-9999,\n202012,01100102,C,3.5,\n"
        "202012,011001,D,-2.5,\n",
        encoding="utf-8",
    )
    verdict = describe(path)
    assert (verdict.format, verdict.rows, verdict.areas, verdict.periods) == ("table", 4, 3, (2020,))
    assert verdict.statuses == {"observed": 3, "not_delivered": 1}
    said = " / ".join(verdict.findings)
    for words in ("'PLR_ID' looks like the area key", "repeats 1 keys: 01100102", "keys of 6, 8 characters",
                  '-9999 may be a sign, not a number (legend = "mss"): in S1', "'S2' is empty"):  # fmt: skip
        assert words in said


def test_workbooks_with_several_sheets_and_lost_zeros(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "leer"
    sheet = book.create_sheet("Zahlen")
    for row in (["Titel"], ["AGS", "Jahr", "n"], [3157001, 2021, 5], [3157002, 2021, "1.234"], ["Quelle: Amt"]):
        sheet.append(row)
    path = tmp_path / "t.xlsx"
    book.save(path)
    verdict = describe(path)
    assert (verdict.rows, verdict.areas, verdict.periods) == (2, 2, (2021,))
    said = " / ".join(verdict.findings)
    assert "leading zeros are lost" in said
    assert "'Zahlen' is described" in said
    path.rename(tmp_path / "t.dat")  # content, not name
    assert describe(tmp_path / "t.dat").rows == 2


def areas(**columns):
    shapes = [box(600_000 + i, 5_790_000, 600_001 + i, 5_790_001) for i in range(2)]
    return gpd.GeoDataFrame({"ARS": ["031570001001", "031570002002"], "geometry": shapes, **columns}, crs="EPSG:25832")


def test_vector_files_of_one_and_several_layers(tmp_path):
    path = tmp_path / "a.gpkg"
    areas().to_file(path, layer="vg250_gem")
    areas(ARS=["031570001001"] * 2).to_file(path, layer="parts")
    verdict = describe(path)
    assert (verdict.format, verdict.rows, verdict.variables) == ("vector", 4, ("vg250_gem", "parts"))
    said = " / ".join(verdict.findings)
    assert "every value differs in ARS" in said
    assert "ARS repeats (031570001001)" in said
    areas().to_crs("EPSG:4326").to_file(tmp_path / "a.json", driver="GeoJSON")
    assert "degrees" in " ".join(describe(tmp_path / "a.json").findings)


def test_bad_vector_files_are_refused(tmp_path):
    bow = Polygon([(600_000, 5_790_000), (600_010, 5_790_010), (600_010, 5_790_000), (600_000, 5_790_010)])
    areas(geometry=[bow, box(600_000, 5_790_000, 600_001, 5_790_001)]).to_file(tmp_path / "bow.gpkg")
    with pytest.raises(GeometryError, match="031570001001"):
        describe(tmp_path / "bow.gpkg")
    areas().set_crs("EPSG:4326", allow_override=True).to_file(tmp_path / "crs.gpkg")
    with pytest.raises(CrsError, match="degrees"):
        describe(tmp_path / "crs.gpkg")
    (tmp_path / "text.gpkg").write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(FormatError, match="GeoPackage"):
        describe(tmp_path / "text.gpkg")


def test_rasters_and_parquet(tmp_path):
    path = tmp_path / "p.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 1, "width": 3, "dtype": "float32", "nodata": -9999.0}
    with rasterio.open(path, "w", crs="EPSG:3035", transform=Affine(100, 0, 0, 0, -100, 0), **profile) as target:
        target.write(np.array([[[1, 2, -9999]]], dtype="float32"))
    verdict = describe(path)
    assert (verdict.format, verdict.rows) == ("raster", 2)
    assert verdict.statuses == {"observed": 2, "missing": 1}
    assert "sum 3" in " ".join(verdict.findings)

    grid = pd.DataFrame({"x": [4_337_050, 4_337_150], "y": [2_689_150] * 2, "E": [3, -1]})
    grid.to_parquet(tmp_path / "g.parquet")
    verdict = describe(tmp_path / "g.parquet")
    assert (verdict.format, verdict.areas) == ("zensus2011-grid", 2)
    assert "cell_size = 100" in " ".join(verdict.findings)
    grid.assign(x=1).to_parquet(tmp_path / "g.parquet")
    with pytest.raises(FormatError, match="midpoints"):
        describe(tmp_path / "g.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "g.parquet")
    assert describe(tmp_path / "g.parquet").variables == ("a",)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", b"", NoDataError),
        ("a.csv", FILES["table"][:15].encode(), NoDataError),
        ("a.csv", FILES["inkar"].replace("03157001;E;G;5\n", "03157001;E;G;5\n" * 2).encode(), AreaKeyError),
        ("a.json", b'{"Status": {"Code": 99, "Content": "Auftrag"}}', NoDataError),
        ("a.csv", b'{"Status": {"Code": 104, "Content": "kein Objekt"}}', NoDataError),
        ("a.json", b'{"no": "features"}', FormatError),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', GeodataError),
        ("a.txt", b"Sehr geehrte Damen und Herren\n", FormatError),
        ("a.pdf", b"%PDF-1.7", FormatError),
        ("a.xlsx", b"PK\x03\x04broken", FormatError),
        ("a.tif", b"II*\x00broken", FormatError),
        ("a.tif", b"text", FormatError),
        ("a.parquet", b"PAR1broken", FormatError),
        ("a.gpkg", b"SQLite format 3\x00", FormatError),
        ("a.html", b"<html><body>Fehler 503</body></html>", FormatError),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path, name, content, error):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        describe(path)
    assert isinstance(caught.value, GeodataError)
    assert name in str(caught.value)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(MissingFileError):
        describe(tmp_path / "none.csv")
    with pytest.raises(FormatError):
        describe(tmp_path)


def test_random_bytes_under_any_name_are_refused_or_described(tmp_path):
    rng = np.random.default_rng(20260101)
    starts = [b"", b"PK\x03\x04", b"SQLite format 3\x00", b"PAR1", b"II*\x00", b"\xd0\xcf\x11\xe0", b"{", b"GITTER_ID_"]
    refused = 0
    for trial in range(240):
        path = tmp_path / ("a" + [".csv", ".gpkg", ".xlsx", ".tif", ".json", ".parquet", ".shp", ".xls"][trial % 8])
        path.write_bytes(starts[trial // 8 % 8] + rng.bytes(int(rng.integers(0, 300))))
        try:
            describe(path)
        except GeodataError:
            refused += 1
    assert refused > 120  # nearly all; a few short ones are texts
