"""Downloads as people have them: zipped, saved by Excel, in other encodings, wide; written here by hand."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import box

from geodata.county_schema import ColumnSpec, TableSpec
from geodata.errors import CaseDataError, FormatError, NoDataError
from geodata.models import Source, Text
from geodata.readers import geopackage, limits, signs, text
from geodata.readers.inkar import read_inkar
from geodata.readers.sniff import describe
from geodata.readers.tables import read_table
from geodata.readers.vector import read_areas
from geodata.readers.zipped import unpacked

TABLE = "Schlüssel;Ortsteil;Jahr;Anzahl;Anteil\n0301;Eixe;2022;1.234;12,5\n0302;Größe;2022;56;-\n0303;Öd;2022;7;1,5\n"


def put(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def zipped(path: Path, **members: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def said(verdict) -> str:
    return " / ".join(verdict.findings)


# --------------------------------------------------------------------------------------------------- encodings, numbers


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-8", "utf-8"), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"), ("cp1252", "cp1252"), ("latin-1", "cp1252")],
)
def test_one_table_in_every_encoding_holds_the_same(tmp_path, codec, encoding, bom):
    if bom and not codec.startswith("utf"):
        pytest.skip("no byte order mark there")
    verdict = describe(put(tmp_path / "t", bom + TABLE, codec))
    assert verdict.encoding == (f"{encoding} with BOM" if bom and codec == "utf-8" else encoding)
    assert verdict.variables == ("Anzahl", "Anteil")  # neither key nor year nor names
    assert (verdict.rows, verdict.areas, verdict.periods) == (3, 3, (2022,))
    assert verdict.statuses == {"observed": 5, "zero": 1}


@pytest.mark.parametrize("codec", ["cp1252", "latin-1"])
def test_letters_that_were_broken_before_are_a_finding(tmp_path, codec):
    broken = TABLE.replace("Größe", "Straße").encode().decode(codec)
    verdict = describe(put(tmp_path / "t.csv", broken))
    assert re.search(r"'Schl\S+ssel' should be 'Schlüssel'", verdict.findings[0])
    book = openpyxl.Workbook()
    for row in (["AGS", "Name", "n"], ["03157001", "PlanungsrÃ¤ume", 1], ["03157002", "B", 2]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    assert "should be 'Planungsräume'" in describe(tmp_path / "t.xlsx").findings[0]


def test_whole_letters_are_no_finding(tmp_path):
    for content in (TABLE, TABLE.replace("Größe", "São Tomé, Ãquila, Â, à la carte, 5 €")):
        assert "broken" not in said(describe(put(tmp_path / "t.csv", content)))
    assert text.twice_encoded("StraÃŸe") == ("StraÃŸe", "Straße")


@pytest.mark.parametrize(
    ("cells", "decimal", "total"),
    [
        (('"1,234.5"', "2.5"), "decimal point", 1237.0),
        (('"1,234,567"', "2"), "decimal point", 1234569.0),
        (('"1,234"', "2"), "decimal point, thousands comma", 1236.0),
        (('"12,5"', '"1,25"'), "decimal comma", 13.75),
        (("1.5", "2"), "decimal point", 3.5),
    ],
)
def test_numbers_where_commas_separate_cells(tmp_path, cells, decimal, total):
    path = put(tmp_path / "t.csv", "id,name,n\n" + "".join(f"0315700{i},N,{c}\n" for i, c in enumerate(cells)))
    verdict = describe(path)
    assert (verdict.decimal, verdict.statuses) == (decimal, {"observed": 2})
    spec = TableSpec(id="t", file="t.csv", source="s", levels=("l",), format="table", area="id", period=2022,
                     columns={"n": ColumnSpec(column="n")})  # fmt: skip
    assert read_table(path, spec, source()).table["value"].sum() == pytest.approx(total)


def test_a_comma_between_german_cells_stays_a_decimal(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", "AGS;n\n03157001;1,234\n03157002;5,678\n"))
    assert verdict.decimal == "decimal comma"
    assert signs.number("1,234", ",") == 1.234
    assert signs.number("1,23", ".") is None


def source() -> Source:
    return Source(id="s", title="S", publisher="P", licence="CC0-1.0", attribution="")


# --------------------------------------------------------------------------------------------------------- plain tables


def test_years_in_columns_are_periods(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", "AGS;Name;2019;2020;2021\n03157001;E;1;2;\n03157002;H;1.000;2;3\n"))
    assert (verdict.periods, verdict.values, verdict.variables) == ((2019, 2020, 2021), 6, ("2019", "2020", "2021"))
    assert "years stand in the columns" in said(verdict)
    verdict = describe(put(tmp_path / "t.csv", "AGS;Einwohner 2019;Einwohner 2020;Stand (2020)\n03157001;1;2;3\n"))
    assert verdict.periods == (2019, 2020)
    # One year in one heading is part of a name, and a column of years comes first.
    verdict = describe(put(tmp_path / "t.csv", "AGS;Zensus 2022;n\n03157001;1;2\n"))
    assert verdict.periods == ()
    verdict = describe(put(tmp_path / "t.csv", "AGS;Jahr;a 2010;b 2011\n03157001;2022;1;2\n03157001;2023;1;2\n"))
    assert verdict.periods == (2022, 2023)


def test_a_word_among_few_numbers_hides_no_column(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", "AGS;n\n03157001;1\n03157002;k. A.\n03157005;3\n"))
    assert verdict.statuses == {"observed": 2}
    assert "'n' holds neither numbers nor signs: 'k. A.'" in said(verdict)


def test_figures_with_units_are_said_to_be_words(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", "AGS;Quote;Code\n03157001;12,5 %;A1\n03157002;3,1 %;B2\n"))
    assert verdict.values == 0
    assert "'Quote' is read as words" in said(verdict)
    assert "'Code' is read" not in said(verdict)


# ------------------------------------------------------------------------------------------------- GENESIS, INKAR, LSN

CLASSIC = """GENESIS-Tabelle: 12411-01-01-5;;;;;;;
Bevölkerung nach Geschlecht;;;;;;;
Bevölkerungsstand (Anzahl);;;;;;;
;;31.12.2022;31.12.2022
;;Insgesamt;weiblich
03157;  Peine, Landkreis;137000;69000
03157003;    Ilsede;-;-
03157006;    Peine, Stadt;50000;.
__________
Stand: 01.02.2024
"""


def test_title_lines_that_a_spreadsheet_made_wider_add_no_columns(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", CLASSIC, "latin-1"))
    assert (verdict.values, verdict.periods, verdict.variables) == (6, (2022,), ("Insgesamt", "weiblich"))
    assert verdict.statuses == {"observed": 3, "area_does_not_exist": 2, "suppressed_or_unknown": 1}
    assert [f for f in verdict.findings if "03157003" in f] == [
        "key dissolved at 2015-01-01: 03157003 Ilsede, now 03157009 Ilsede"
    ]


OLD = (
    "Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;1_Auspraegung_Code;"
    "1_Auspraegung_Label;BEV001__Bevölkerung__Anzahl;FLC006__Fläche__qkm\n"
    "12411;F;STAG;Stichtag;31.12.2022;KREISE;Kreise;03157;Peine;135000;535,03\n"
    "12411;F;STAG;Stichtag;31.12.2022;KREISE;Kreise;03158;Wolfenbüttel;.;0\n"
)


def test_rows_are_those_of_the_file_also_where_values_stand_side_by_side(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", OLD, "latin-1"))
    assert (verdict.rows, verdict.values) == (2, 4)
    assert verdict.titles == {"BEV001": "Bevölkerung", "FLC006": "Fläche"}


INKAR = "Kennziffer;Raumeinheit;Aggregat;Quote;Quote\n;;;2019;2020\n03157;Peine;LK;4,8;{}\n03158;WF;LK;1,0;2,0\n"


def test_signs_in_inkar_are_read_by_a_legend_that_knows_them(tmp_path):
    verdict = describe(put(tmp_path / "t.csv", INKAR.format("-")))
    assert (verdict.legend, verdict.statuses) == ("classic", {"observed": 3, "zero": 1})
    assert 'set legend = "classic"' in verdict.findings[0]
    assert describe(put(tmp_path / "t.csv", INKAR.format(""))).legend == "none"


def test_a_short_line_is_said_to_be_short(tmp_path):
    with pytest.raises(FormatError, match="line 3 has 4 cells, the first has 5") as error:
        describe(put(tmp_path / "t.csv", INKAR.replace(";{}", "")))
    assert "cells at the end of this line are missing" in (error.value.hint or "")


@pytest.mark.parametrize("keys", [("3157", "1001"), ("3157001", "1001000"), ("31515401", "10415401")])
def test_keys_of_inkar_get_their_zero_back(tmp_path, keys):
    rows = "".join(f"{key};N;X;1;2\n" for key in keys)
    content = "Kennziffer;Raumeinheit;Aggregat;Quote;Quote\n;;;2019;2020\n" + rows
    whole = content.replace("\n3", "\n03").replace("\n1", "\n01")
    lost, kept = describe(put(tmp_path / "a.csv", content)), describe(put(tmp_path / "b.csv", whole))
    assert "2 keys stood without their leading zero" in lost.findings[0]
    assert "leading zero" not in said(kept)
    ids = [read_inkar(tmp_path / name).table["area_id"].tolist() for name in ("a.csv", "b.csv")]
    assert ids[0] == ids[1]


FLAT = (
    "\ufeffstatistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label;"
    "value_q\n"
)


def flat(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    lines = "".join(
        f"12411;S;STAG;Stichtag;{time};KREISE;Kreise;{3101 + i:05d};K;{value};Anzahl;BEV;Bevölkerung;{mark}\n"
        for i, (time, value, mark) in enumerate(rows)
    )
    return put(path, FLAT + lines)


def test_quality_marks_that_repeat_the_sign_of_the_value(tmp_path):
    marks = [("0", "0"), ("-", "-"), (".", "."), ("...", "..."), ("/", "/"), ("x", "x"), ("5", "e"), ("6", "p()")]
    marks.append(("7 r", "s"))
    verdict = describe(flat(tmp_path / "t.csv", [("2024-12-31", *mark) for mark in marks]))
    assert verdict.statuses == {
        "observed": 3, "zero": 1, "rounded_to_zero": 1, "suppressed_or_unknown": 1, "not_yet_available": 1,
        "unreliable": 1, "not_applicable": 1,
    }  # fmt: skip
    assert verdict.flags == {"provisional": 1, "uncertain": 1, "revised": 1, "estimated": 1}


def test_times_as_databases_write_them(tmp_path):
    times = ["2019", "2020-12-31", "2021-10P6M", "2022-08P1Y", "2023-Q4", "31.12.2024", "2025-01P3M"]
    verdict = describe(flat(tmp_path / "t.csv", [(time, "1", "e") for time in times]))
    assert verdict.periods == tuple(range(2019, 2026))


def test_a_dash_in_an_average_is_no_zero_also_where_no_value_has_decimals(tmp_path):
    rows = "CRS3035RES1000mN2689000E4337000;4337500;2689500;–;–\nCRS3035RES1000mN2690000E4337000;4337500;2690500;7;7\n"
    verdict = describe(
        put(tmp_path / "t.csv", f"GITTER_ID_1km;x_mp_1km;y_mp_1km;durchschnMieteQM;Einwohner\n{rows}", "cp1252")
    )
    assert verdict.statuses == {"observed": 2, "suppressed_or_unknown": 1, "zero_or_suppressed": 1}


# ------------------------------------------------------------------------------------------------------------ archives


def shapefile(folder: Path) -> dict[str, bytes]:
    shapes = [box(600_000 + i, 5_790_000, 600_001 + i, 5_790_001) for i in range(2)]
    frame = gpd.GeoDataFrame({"ARS": ["031570001001", "031570002002"]}, geometry=shapes, crs="EPSG:25832")
    frame.to_file(folder / "x.shp")
    return {f"vg250/ebenen/VG250_GEM{p.suffix}": p.read_bytes() for p in folder.glob("x.*")}


def test_one_data_file_in_an_archive_is_read_like_the_file(tmp_path):
    plain = describe(put(tmp_path / "t.csv", TABLE, "cp1252"))
    path = zipped(tmp_path / "t.zip", **{"Ordner/Ämter 2022.csv": TABLE.encode("cp1252"), "Ordner/Liesmich.txt": "x",
                                         "__MACOSX/._a.csv": "x", "info.pdf": "x", "Ordner/": ""})  # fmt: skip
    packed = describe(path)
    assert (packed.encoding, packed.statuses, packed.areas) == (plain.encoding, plain.statuses, plain.areas)
    assert packed.findings[:-1] == plain.findings
    spec = TableSpec(id="t", file="t.zip", source="s", levels=("l",), area="Schlüssel", period="Jahr",
                     columns={"n": ColumnSpec(column="Anzahl")})  # fmt: skip
    assert read_table(path, spec, source()).table["value"].tolist() == [1234.0, 56.0, 7.0]
    pd.DataFrame({"AGS": ["03157001"], "n": [3]}).to_excel(tmp_path / "b.xlsx", index=False)
    book = zipped(tmp_path / "b.zip", **{"b.xlsx": (tmp_path / "b.xlsx").read_bytes()})
    assert describe(book).statuses == {"observed": 1}


def test_a_zipped_shapefile_is_one_file(tmp_path):
    (tmp_path / "s").mkdir()
    parts = shapefile(tmp_path / "s")
    verdict = describe(
        zipped(tmp_path / "s.zip", **parts, **{"dok/vg250.pdf": b"x", "vg250/ebenen/VG250_GEM.shp.xml": b"<x/>"})
    )
    assert (verdict.format, verdict.rows, verdict.variables) == ("vector", 2, ("VG250_GEM",))
    layer = read_areas(tmp_path / "s.zip", id_field="ARS", crs="EPSG:25832", level="l", title=Text("a", "b"))
    assert list(layer.areas.index) == ["031570001001", "031570002002"]
    del parts["vg250/ebenen/VG250_GEM.dbf"]
    with pytest.raises(FormatError, match="Shapefile with all its parts") as error:
        describe(zipped(tmp_path / "s.zip", **parts))
    assert error.value.where == f"{tmp_path / 's.zip'} [vg250/ebenen/VG250_GEM.shp]"
    assert "/tmp/sozialmonitor-" not in str(error.value)


def test_what_no_single_data_file_is_in_is_refused(tmp_path):
    inner = zipped(tmp_path / "inner.zip", **{"a.csv": TABLE}).read_bytes()
    cases = {
        "several": ({"a.csv": TABLE, "b.csv": TABLE}, FormatError, "2 files: a.csv, b.csv"),
        "nested": ({"inner.zip": inner}, FormatError, "found another archive"),
        "outside": ({"../../a.csv": TABLE}, FormatError, "path outside itself"),
        "documents": ({"a.pdf": "x"}, NoDataError, "expected a data file"),
        "cases": ({"a.csv": "Name;Vorname;Geburtsdatum\nMuster;Eva;01.02.1990\nMuster;Jan;03.04.1991\n"},
                  CaseDataError, "single persons"),
        "empty": ({}, FormatError, "empty ZIP archive"),
    }  # fmt: skip
    for name, (members, error, words) in cases.items():
        with pytest.raises(error, match=words):
            describe(zipped(tmp_path / f"{name}.zip", **members))
    path = zipped(tmp_path / "torn.zip", **{"a.csv": TABLE * 500})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError):
        describe(path)


def test_an_archive_that_unpacks_to_more_than_allowed_is_refused_and_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = zipped(tmp_path / "bomb.zip", **{"a.csv": "x;y\n" + "0;0\n" * 50_000})
    with limits.using(limits.Limits(unpacked_bytes=100_000)), pytest.raises(FormatError, match="at most 100,000"):
        describe(path)
    assert [p.name for p in tmp_path.iterdir()] == ["bomb.zip"]
    with unpacked(path) as inside:
        assert inside.name == "a.csv"
    assert [p.name for p in tmp_path.iterdir()] == ["bomb.zip"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # 1001 is the region Saar; 01001 would be Flensburg.
        ([("101", "Raumordnungsregionen"), ("1001", "Raumordnungsregionen")], ["101", "1001"]),
        ([("1001", "Raumordnungsregionen"), ("1101", "Raumordnungsregionen")], ["1001", "1101"]),
        ([("101", "ROR"), ("1001", "ROR")], ["101", "1001"]),
        ([("101", "Raumordnungsregionen"), ("1001", "Kreise")], ["101", "01001"]),
        ([("1001", ""), ("10041", "")], ["01001", "10041"]),
    ],
)
def test_numbers_of_regions_are_no_keys_of_kreise(tmp_path, rows, expected):
    lines = "".join(f"{key};N;{kind};1\n" for key, kind in rows)
    path = put(tmp_path / "a.csv", "Kennziffer;Raumeinheit;Aggregat;Quote\n;;;2019\n" + lines)
    assert read_inkar(path).table["area_id"].tolist() == expected


def test_a_member_without_a_name_is_no_file(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".", b"x")
        archive.writestr("a.csv", "Schlüssel;Jahr;n\n03157001;2024;5\n03157002;2024;6\n")
    assert describe(path).values == 2
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.shp", b"x")  # of the same name, and no part of it
    with pytest.raises(FormatError, match="with 2 files"):
        describe(path)


def test_many_short_views_are_as_long_as_one_without_an_end(tmp_path, monkeypatch):
    path = tmp_path / "a.gpkg"
    with contextlib.closing(sqlite3.connect(path)) as database:
        for number in range(5):
            database.execute(
                f"CREATE VIEW v{number} AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r "
                "WHERE n < 100) SELECT max(n) FROM r"
            )
    geopackage.vet(path)
    # One of them takes 800 to 1 600 steps.
    monkeypatch.setattr(geopackage, "_TURN", 100)
    monkeypatch.setattr(geopackage, "_STEPS", 3_000)
    monkeypatch.setattr(geopackage, "_ALL_STEPS", 6_000)
    geopackage._vetted.cache_clear()
    with pytest.raises(FormatError, match="does not come to an end"):
        geopackage.vet(path)
    geopackage._vetted.cache_clear()
