"""Every format in the forms that other downloads of its kind take; what is counted is written beside each file.

Files are made here, byte by byte, from the descriptions of their publishers: other statistics and years, several dates
a year, English labels, quality columns, CRLF, no BOM, quotes, cp1252, other sheets, other Länder.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
from affine import Affine
from rasterio.shutil import copy as raster_copy
from shapely.geometry import LineString, Point, box

from geodata.county_schema import ColumnSpec, TableSpec
from geodata.errors import AreaKeyError, ColumnError, ConfigError, FormatError, GeodataError, NoDataError
from geodata.models import Source
from geodata.readers.ba import read_ba
from geodata.readers.genesis import read_genesis
from geodata.readers.genesis_classic import read_classic
from geodata.readers.lsn import area_key, read_lsn
from geodata.readers.recognise import FORMATS, PROVISIONAL, recognise
from geodata.readers.regionaltabelle import read_regionaltabelle
from geodata.readers.sniff import describe
from geodata.readers.tables import read_table
from geodata.readers.vg250 import read_vg250
from geodata.readers.zensus_grid import read_classes_2011, read_grid_2011

FLAT = (
    "statistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;2_variable_code;2_variable_label;2_variable_attribute_code;"
    "2_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label"
)


def flat(*rows: str, quality: bool = False, end: str = "\n") -> str:
    """Rows are ``time|region|sex|value|unit[|quality]``."""
    lines = [FLAT + (";value_q" if quality else "")]
    for row in rows:
        time, region, sex, value, unit, *mark = row.split("|")
        lines.append(
            f"12411;Pop;STAG;Date;{time};KREISE;Kreise;{region};R;GES;Sex;{sex};{sex or 'Total'};{value};{unit};BEV;Pop"
            + (f";{mark[0] if mark else ''}" if quality else "")
        )
    return end.join(lines) + end


def counted(path: Path, **want: object) -> object:
    """Describe a file and compare what is named."""
    verdict = describe(path)
    for field, expected in want.items():
        assert getattr(verdict, field) == expected, field
    assert verdict.provisional == (verdict.format in PROVISIONAL)
    assert any(f.startswith("provisional") for f in verdict.findings) == verdict.provisional
    assert sum(verdict.statuses.values()) == verdict.values
    return verdict


# ------------------------------------------------------------------------------------------------------ GENESIS flat


def test_english_labels_points_crlf_and_no_byte_order_mark(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(flat("2024-12-31|03157||10.5|%", "2024-12-31|03158||/|%", end="\r\n").encode())
    counted(path, format="genesis-flat", encoding="utf-8", decimal="decimal point", rows=2, periods=(2024,),
            statuses={"observed": 1, "unreliable": 1})  # fmt: skip
    assert read_genesis(path).table["value"].iloc[0] == 10.5


def test_quotes_quality_and_a_last_line_without_its_end(tmp_path):
    path = tmp_path / "a"
    text = flat("2024-12-31|03157||5|n|p", "2024-12-31|03158||-|n|", "2024-12-31|03159||7|n|()", quality=True)
    quoted = "\n".join(";".join(f'"{c}"' for c in line.split(";")) for line in text.splitlines())
    path.write_text("\ufeff" + quoted, encoding="utf-8")
    counted(path, encoding="utf-8 with BOM", flags={"provisional": 1, "uncertain": 1},
            statuses={"observed": 2, "zero": 1})  # fmt: skip
    # Cut in a line, or between the lines of a region: rows are missing.
    whole = flat(*(f"2024-12-31|0315{k}|{s}|5|n" for k in range(7, 10) for s in ("", "GESM")))
    path.write_text(whole[:-1], encoding="utf-8")
    assert describe(path).rows == 6
    for cut in (whole[:-2], whole[: whole.rindex("\n", 0, -1)], whole[: len(whole) // 2]):
        path.write_text(cut, encoding="utf-8")
        with pytest.raises(FormatError, match="truncated"):
            describe(path)


def test_several_dates_units_and_levels_stay_apart(tmp_path):
    path = tmp_path / "a"
    path.write_text(
        flat("2024-03-31|03157||10|n", "2024-06-30|03157||12|n", "2024-06-30|03157||1,5|%", "2023-06-30|03157||9|n"),
        encoding="utf-8",
    )
    verdict = counted(path, rows=4, periods=(2023, 2024), values=4)
    assert set(verdict.variables) == {"BEV[n]@2024-03-31", "BEV[n]@2024-06-30", "BEV[n]@2023-06-30", "BEV[%]"}
    june = {"june": ColumnSpec(column="BEV", unit="n", select={"STAG": "2024-06-30"})}
    assert read_genesis(path, columns=june).table["value"].tolist() == [12.0]
    with pytest.raises(ColumnError, match="one unit"):
        read_genesis(path, columns={"june": ColumnSpec(column="BEV", select={"STAG": "2024-06-30"})})
    with pytest.raises(ColumnError, match="2024-12-31"):
        read_genesis(path, columns={"x": ColumnSpec(column="BEV", unit="n", select={"STAG": "2024-12-31"})})
    # The same value twice is none of this.
    path.write_text(flat("2024-03-31|03157||10|n", "2024-03-31|03157||10|n"), encoding="utf-8")
    with pytest.raises(AreaKeyError, match="03157"):
        describe(path)


def test_the_region_is_found_wherever_it_stands(tmp_path):
    path = tmp_path / "a"
    text = flat("2023|03157001|GESM|5|n", "2023|03157001||9|n").replace("KREISE;Kreise", "QQQ;Region")
    path.write_text(text, encoding="utf-8")
    assert set(counted(path).variables) == {"BEV.GES=GESM", "BEV"}
    swapped = "\n".join(
        ";".join([*c[:5], *c[9:13], *c[5:9], *c[13:]]) for c in (line.split(";") for line in text.splitlines()[1:])
    )
    path.write_text(f"{FLAT}\n{swapped}\n", encoding="utf-8")
    assert describe(path).areas == 1
    # A total over all regions has no code.
    path.write_text(flat("2023|||14|n", "2023|03157||5|n"), encoding="utf-8")
    assert sorted(read_genesis(path).table["area_id"]) == ["03157", "R"]


def test_shifted_columns_are_refused_with_the_reason(tmp_path):
    path = tmp_path / "a"
    lines = flat("2023|03157||14|n").splitlines()
    path.write_text(f"{lines[0]}\n{lines[1].replace(';2023;', ';Year;2023;').removesuffix(';Pop')}\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"shifted.*language=de"):
        describe(path)
    path.write_text(flat("2023|03157||1,5|n", "2023|03158||1.5|n"), encoding="utf-8")
    with pytest.raises(FormatError, match="one decimal sign"):
        describe(path)


def test_files_from_before_version_5(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(
        (
            "Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;"
            "1_Auspraegung_Code;1_Auspraegung_Label;2_Merkmal_Code;2_Merkmal_Label;2_Auspraegung_Code;2_Auspraegung_Label;"
            "     BEV001__Bevölkerung__Anzahl;BEV001__Bevölkerung__Anzahl__q;ANT__Anteil__%\r\n"
            "12411;F;STAG;S;31.12.2021;KREISE;K;03157;Peine;GES;G;;Insgesamt;1234;e;1,5\r\n"
            "12411;F;STAG;S;31.12.2022;KREISE;K;03157;Peine;GES;G;GESM;männlich;-;p;.\r\n"
        ).encode("latin-1")
    )
    counted(path, format="genesis-flat-old", encoding="cp1252", decimal="decimal comma", rows=2, periods=(2021, 2022),
            statuses={"observed": 2, "zero": 1, "suppressed_or_unknown": 1}, flags={"provisional": 1})  # fmt: skip
    found = read_genesis(path, columns={"n": ColumnSpec(column="BEV001")}, period=2021)
    assert (found.table["value"].iloc[0], found.units["n"]) == (1234.0, "Anzahl")
    path.write_bytes(path.read_bytes().replace(b"ANT__Anteil__%", b"Anteil"))
    with pytest.raises(FormatError, match="CODE__label__unit"):
        describe(path)


# --------------------------------------------------------------------------------------------------- GENESIS answers


def answer(code: object, content: str = "x", service: str = "data", **more: object) -> str:
    status = {"Code": code, "Content": content, "Type": "Information"}
    return json.dumps({"Ident": {"Service": service, "Method": "table"}, "Status": status, **more})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (answer(98), "job=true"),
        (answer("98"), "job=true"),
        (answer(99, "fertig unter dem Namen: 12411-0015_2234567"), "resultfile.*12411-0015_2234567"),
        (answer(104), "regional key"),
        (answer(15, service="metadata"), "mend the request"),
        (answer(0, Object=None), "mend the request"),
        (answer(0, Object={"Content": ""}), "tablefile"),
        (json.dumps({"Code": 1, "Content": "kein Zugriff", "Type": "ERROR"}), "mend the request"),
        (json.dumps({"Status": "Sie wurden abgemeldet", "Username": "x"}), "mend the request"),
    ],
)
def test_answers_without_figures_say_what_to_do(tmp_path, content, words):
    path = tmp_path / "answer"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NoDataError, match=words):
        describe(path)
    with pytest.raises(NoDataError, match=words):
        read_genesis(path)
    path.write_text(content[:-3], encoding="utf-8")
    with pytest.raises(GeodataError, match="truncated"):
        describe(path)


def test_descriptions_and_lists_are_no_errors(tmp_path):
    path = tmp_path / "answer"
    path.write_text(answer(0, service="metadata", Object={"Code": "12411-0001", "Content": "Bev"}), encoding="utf-8")
    assert "description of table 12411-0001" in describe(path).findings[0]
    path.write_text(answer(0, service="catalogue", List=[{"Code": "12411-0001", "Content": "Bev"}]), encoding="utf-8")
    assert "a list of 1 objects" in describe(path).findings[0]
    # A table may stand inside an answer.
    path.write_text(answer(0, Object={"Content": flat("2023|03157||5|n", "2023|03158||6|n")}), encoding="utf-8")
    counted(path, format="genesis-flat", encoding="utf-8, inside a JSON answer", statuses={"observed": 2})


# -------------------------------------------------------------------------------------------------- GENESIS as printed

PRINTED = """GENESIS-Tabelle: 12411-01-01-4
Bevölkerungsstand: Bevölkerung nach Geschlecht;;;;
Bevölkerungsstand (Anzahl);;;;
;;31.12.2015;31.12.2015;31.12.2016
;;Insgesamt;männlich;Insgesamt
DG;Deutschland;82.175.684;40514123;5
03;  Niedersachsen;7926599;-;.
03157;      Peine, Landkreis;0;1;...
03999;      Ohne Meldung;-;-;-
__________
© Statistische Ämter
Stand: 11.08.2023 / 20:48:54
"""


def test_a_printed_table_with_indented_names_and_a_footer(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(PRINTED.encode("latin-1"))
    verdict = counted(
        path, format="genesis-classic", encoding="cp1252", rows=4, values=12, areas=4, periods=(2015, 2016),
        variables=("Insgesamt", "männlich"),
        statuses={"observed": 5, "zero": 1, "not_delivered": 3, "suppressed_or_unknown": 1, "rounded_to_zero": 1,
                  "not_yet_available": 1},
    )  # fmt: skip
    assert any("3 levels" in f for f in verdict.findings)
    found = read_classic(path, columns={"n": ColumnSpec(column="Insgesamt")}, period=2015, key="ags")
    assert found.table.set_index("area_id")["value"].dropna().to_dict() == {
        "DG": 82175684.0, "03": 7926599.0, "03157": 0.0,
    }  # fmt: skip
    assert found.units == {"n": "Anzahl"}
    path.write_bytes(PRINTED[: PRINTED.index("Ohne")].encode("latin-1"))
    with pytest.raises(FormatError, match="truncated"):
        describe(path)
    path.write_bytes(PRINTED[: PRINTED.index("DG;")].encode("latin-1"))
    with pytest.raises(NoDataError, match="rows below"):
        describe(path)


def test_years_parts_and_units_may_stand_in_rows_and_columns(tmp_path):
    path = tmp_path / "a"
    path.write_text(
        "Tabelle: 31121-01-02-4;;;;;\nFertigstellungen;;;;;\n;;;;Gebäude;Gebäude\n;;;;Anzahl;%\n"
        "2022;03157;Peine;Insgesamt;12;1,5\n2022;03157;Peine;neu;2;0,5\n2023;03157;Peine;Insgesamt;13;x\n"
        "2023;03157;Peine;neu;/;0,0\n____\n",
        encoding="utf-8",
    )
    verdict = counted(path, rows=4, values=8, areas=1, periods=(2022, 2023))
    assert verdict.variables == ("Gebäude", "Gebäude · neu", "Gebäude [%]", "Gebäude [%] · neu")
    assert verdict.statuses == {"observed": 5, "rounded_to_zero": 1, "unreliable": 1, "not_applicable": 1}
    # Headings between the rows: a year, and names without keys.
    path.write_text(
        "Table: 1-2\nEmissions (t);;\n;;CO2\n2022\nPeine;a;5\nGifhorn;a;6\n2023\nPeine;a;7\nGifhorn;a;8\n___\n",
        encoding="utf-8",
    )
    verdict = counted(path, periods=(2022, 2023), areas=2, values=4)
    assert any("no column of area keys" in f for f in verdict.findings)
    with pytest.raises(ColumnError, match="joining by name"):
        read_classic(path, columns={"n": ColumnSpec(column="CO2")})


def test_a_printed_table_in_a_workbook_with_merged_cells(tmp_path):
    path = tmp_path / "a"
    book = openpyxl.Workbook()
    for row in (
        ["Tabelle: 12411-0015"], ["Bevölkerung: Kreise, Stichtag"], [], [None, None, "31.12.2022", None, "31.12.2023"],
        [None, None, "männlich", "weiblich", "männlich", "weiblich"], ["03157", "Peine", 1, 2, 3, "-"],
        ["03158", "  Wolfenbüttel", 5, 6, ".", "/"], ["__________"], ["© Destatis"],
    ):  # fmt: skip
        book.active.append(row)
    book.save(path)
    counted(path, format="genesis-classic", rows=2, values=8, periods=(2022, 2023), variables=("männlich", "weiblich"))


# ---------------------------------------------------------------------------------------------------- INKAR


def test_inkar_with_quotes_several_indicators_and_sheets_of_other_names(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(
        '\ufeff"Kennziffer";"Raumeinheit";"Aggregat";"A";"A";"B, je 100"\r\n"";"";"";"2019";"2020";"2020"\r\n'
        '"01001";"Flensburg";"Kreise";"1.234,5";"";"7"\r\n'.encode()
    )
    counted(path, format="inkar", rows=1, values=3, periods=(2019, 2020), variables=("A", "B, je 100"),
            decimal="decimal comma", statuses={"observed": 2, "missing": 1})  # fmt: skip
    book = openpyxl.Workbook()
    book.active.append(["Inhalt"])
    sheet = book.create_sheet("Tabelle1")
    for row in (["Kennziffer", "Raumeinheit", "Aggregat", "A"], [None, None, None, 2020], ["03157", "P", "K", 6.5]):
        sheet.append(row)
    book.save(path)
    counted(path, format="inkar", rows=1, values=1, areas=1)
    path.write_text("kreis22;kreis22name;q_alo20;q_alo21\nGebietskennziffer;Name;Alo 2020;Alo 2021\n03157;P;5,5;\n",
                    encoding="cp1252")  # fmt: skip
    counted(path, format="inkar", variables=("q_alo",), periods=(2020, 2021), statuses={"observed": 1, "missing": 1})


# ---------------------------------------------------------------------------------------------------- Zensus


def test_grids_of_2022_of_any_size_and_theme(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(
        "GITTER_ID_1km;x_mp_1km;y_mp_1km;Insgesamt_Bevoelkerung;Unter10;Durchschnitt;werterlaeuternde_Zeichen\r\n"
        "CRS3035RES1000mN2689000E4337000;4337500;2689500;5;–;3,5;\r\n"
        "CRS3035RES1000mN2689000E4338000;4338500;2689500;7;–;–;KLAMMERN\r\n".encode("cp1252")
    )
    counted(path, format="zensus-grid", encoding="cp1252", rows=2, values=6, flags={"uncertain": 3},
            statuses={"observed": 3, "zero_or_suppressed": 2, "suppressed_or_unknown": 1})  # fmt: skip
    path.write_text(
        '"GITTER_ID_10km";"x_mp_10km";"y_mp_10km";"Einwohner"\n'
        '"CRS3035RES10000mN2680000E4330000";4335000;2685000;5\n', encoding="utf-8"
    )  # fmt: skip
    counted(path, format="zensus-grid", rows=1, statuses={"observed": 1})


def test_grids_of_2011_with_old_ids_and_one_attribute_a_row(tmp_path):
    path = tmp_path / "a"
    path.write_text(
        "Gitter_ID_100m;x_mp_100m;y_mp_100m;Einwohner\n100mN26891E43370;4337050;2689150;-1\n"
        "100mN26891E43371;4337150;2689150;7\n", encoding="utf-8"
    )  # fmt: skip
    counted(path, format="zensus2011-grid", rows=2, statuses={"zero_or_suppressed": 1, "observed": 1})
    path.write_bytes(
        "Gitter_ID_100m,Gitter_ID_100m_neu,Merkmal,Auspraegung_Code,Auspraegung_Text,Anzahl,Anzahl_q\n"
        "100mN26865E43357,CRS3035RES100mN2686500E4335700, INSGESAMT,0,Einheiten,3,0\n"
        "100mN26865E43357,CRS3035RES100mN2686500E4335700,ALTER,4,für,4,1\n".encode("latin-1")
    )
    verdict = counted(path, format="zensus2011-long", rows=2, areas=1, flags={"uncertain": 1})
    assert verdict.variables == ("INSGESAMT_0", "ALTER_4")


def test_classes_are_read_as_codes_and_never_as_persons(tmp_path):
    path = tmp_path / "a"
    path.write_text("x_mp_1km,y_mp_1km,Einwohner\n4337500,2689500,1\n4338500,2689500,6\n4339500,2689500,-1\n",
                    encoding="utf-8")  # fmt: skip
    verdict = counted(path, format="zensus2011-classes", statuses={"observed": 2, "zero_or_suppressed": 1})
    assert any("not numbers of persons" in f for f in verdict.findings)
    assert read_classes_2011(path).units == {"Einwohner": "Klasse (Ordnungszahl)"}
    with pytest.raises(FormatError, match="zensus2011-classes"):
        read_grid_2011(path)
    with pytest.raises(FormatError, match="share_of"):
        read_classes_2011(path, columns={"n": ColumnSpec(column="Einwohner", share_of="m")})
    path.write_text("x_mp_1km,y_mp_1km,Einwohner\n4337500,2689500,3\n4338500,2689500,160\n", encoding="utf-8")
    assert describe(path).format == "zensus2011-grid"
    with pytest.raises(FormatError, match="exact values"):
        read_classes_2011(path)


def regional(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Titel"
    book.active.append(["Zensus 2022"])
    for name, codes in (("CSV-Einwohnerzahl", ["EWZ", "EWZ_M"]), ("CSV-Haushalte", ["HH", "QM"])):
        sheet = book.create_sheet(name)
        sheet.append(["Berichtszeitpunkt", "_RS", "Name", "Regionalebene", *codes])
        sheet.append([20220515, "00", "Deutschland", "Bund", 100, 50.5])
        sheet.append([20220515, 3157, "Peine", "Stadtkreis/kreisfreie Stadt/Landkreis", 10, "/"])
        sheet.append([20220515, "031570009009", "Ilsede", "Gemeinde", 7, "–"])
    book.create_sheet("Erläuterungen").append(["leer"])
    book.save(path)
    return path


def test_a_regionaltabelle_and_its_sheets_for_machines(tmp_path):
    path = regional(tmp_path / "a")
    counted(path, format="regionaltabelle", rows=3, values=12, areas=3, periods=(2022,), legend="zensus",
            statuses={"observed": 8, "unreliable": 2, "zero_or_suppressed": 2})  # fmt: skip
    found = read_regionaltabelle(path, columns={"people": ColumnSpec(column="EWZ")}, key="ars-to-ags")
    assert found.table["area_id"].tolist() == ["00", "03157", "03157009"]
    with pytest.raises(ColumnError, match="EWZ"):
        read_regionaltabelle(path, columns={"people": ColumnSpec(column="EWX")})


# ---------------------------------------------------------------------------------------------------- BA


def gemeindedaten(path: Path, *, shift: int = 0, date: str = "Stichtag 30. Juni 2023") -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Deckblatt"
    sheet = book.create_sheet("Gemeindedaten")
    none = [None] * 9
    for row in (
        ["Gemeindedaten der sozialversicherungspflichtig Beschäftigten nach Wohn- und Arbeitsort"], [date],
        *([[None]] * shift),
        ["AGS", "Gemeinde", "Beschäftigte\nam Wohnort", None, None, None, "Beschäftigte\nam Arbeitsort",
         "Ein-\npendler", "Betriebe"],
        [None, None, "Insgesamt", "davon", None, None, *none[:3]],
        [None, None, None, "Männer", "Frauen", "Aus-\nländer", *none[:3]],
        [str(i) for i in range(1, 10)],
        ["03157", "Peine", 100, 50, 50, "*", 80, 30, 9],
        ["03157001", "Edemissen", 10, 5, 5, 1, 8, 3, "*"],
        [3157009, "Ilsede", 11, 5, 6, 1, 8, 3, 0],
        ["Quelle: Statistik der Bundesagentur für Arbeit"],
    ):  # fmt: skip
        sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("shift", [0, 3])
def test_gemeindedaten_are_found_by_their_headings(tmp_path, shift):
    path = gemeindedaten(tmp_path / "a", shift=shift)
    verdict = counted(path, format="ba", legend="ba", rows=3, values=21, areas=3, periods=(2023,),
                      statuses={"observed": 18, "suppressed": 2, "zero": 1})  # fmt: skip
    assert verdict.variables[:3] == (
        "Beschäftigte am Wohnort | Insgesamt",
        "Beschäftigte am Wohnort | davon | Männer",
        "Beschäftigte am Wohnort | davon | Frauen",
    )
    found = read_ba(path, columns={"w": ColumnSpec(column="Frauen"), "out": ColumnSpec(column="Arbeitsort")}, key="ags")
    assert found.table["area_id"].tolist()[:3] == ["03157", "03157001", "03157009"]
    assert found.table["value"].tolist() == [50, 5, 6, 80, 8, 8]


def test_without_a_date_a_county_has_to_say_the_year(tmp_path):
    path = gemeindedaten(tmp_path / "a", date="")
    verdict = counted(path, periods=(), rows=3)
    assert any("does not say the year" in f for f in verdict.findings)
    columns = {"n": ColumnSpec(column="Betriebe")}
    with pytest.raises(ColumnError, match="expected a year"):
        read_ba(path, columns=columns)
    assert set(read_ba(path, columns=columns, period=2024).table["period"]) == {2024}


# ---------------------------------------------------------------------------------------------------- LSN-Online

SPREADSHEET = """<?xml version="1.0" encoding="ISO-8859-1"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Worksheet ss:Name="K2300112"><Table>
<Row><Cell><Data ss:Type="String">Plätze am 01.03.2024</Data></Cell></Row>
<Row ss:Index="4"><Cell ss:Index="2" ss:MergeAcross="1"><Data ss:Type="String">Einrichtungen</Data></Cell>
<Cell><Data ss:Type="String">Plätze</Data></Cell></Row>
<Row><Cell ss:Index="2"><Data ss:Type="String">insgesamt</Data></Cell>
<Cell><Data ss:Type="String">frei</Data></Cell></Row>
<Row><Cell><Data ss:Type="String">101     Braunschweig,Stadt</Data></Cell><Cell><Data ss:Type="Number">211</Data></Cell>
<Cell ss:Index="4"><Data ss:Type="String">13.112</Data></Cell></Row>
<Row><Cell><Data ss:Type="String">151401  Boldecker Land, SG</Data></Cell><Cell><Data ss:Type="Number">13</Data></Cell>
<Cell><Data ss:Type="String">0</Data></Cell><Cell><Data ss:Type="String">g</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


def test_spreadsheetml_skips_cells_and_rows_by_index(tmp_path):
    path = tmp_path / "K2300112.xls"
    path.write_bytes(SPREADSHEET.encode("latin-1"))
    counted(path, format="lsn", legend="lsn-new", rows=2, values=6, periods=(2024,),
            variables=("Einrichtungen | insgesamt", "Einrichtungen | frei", "Plätze"),
            statuses={"observed": 3, "missing": 1, "zero_or_suppressed": 1, "suppressed": 1})  # fmt: skip
    places = read_lsn(path, columns={"n": ColumnSpec(column="Plätze")}).table
    assert dict(zip(places["area_id"], places["status"], strict=True)) == {
        "03101": "observed", "031515401": "suppressed",
    }  # fmt: skip
    assert places["value"].iloc[0] == 13112


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.replace("<?mso", '<!DOCTYPE a [<!ENTITY b "c">]><?mso', 1), "document type"),
        (lambda x: x.replace('ss:Index="4"', 'ss:Index="99999999"'), "outside a sheet"),
        (lambda x: x.replace('ss:Index="4"><Data', 'ss:Index="1"><Data'), "goes back"),
        (lambda x: x.replace('ss:Index="4"', 'ss:Index="16000"').replace("<Table>", "<Table>" + "<Row/>"), "at most"),
        (lambda x: x[: len(x) // 2], "truncated"),
        (lambda x: x.replace("<Worksheet", "<Work").replace("</Worksheet", "</Work"), "no sheet"),
    ],
)
def test_spreadsheetml_that_cannot_be_meant_is_refused(tmp_path, change, words):
    path = tmp_path / "a.xml"
    path.write_bytes(change(SPREADSHEET).encode("latin-1"))
    with pytest.raises(GeodataError, match=words):
        describe(path)


def test_lsn_tables_series_and_legends(tmp_path):
    path = tmp_path / "a"

    def save(*rows):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)

    save(["Bevölkerung am 31.12.2023"], ["Gebiet", "insgesamt", "%"], ["0  Niedersachsen", "8.140.242", 49.1],
         ["157006  Peine, Stadt", 50276, 0], ["Quelle"])  # fmt: skip
    verdict = counted(path, format="lsn", rows=2, values=4, legend="lsn-new", periods=(2023,))
    assert verdict.statuses == {"observed": 3, "zero_or_suppressed": 1}
    save(["Zeitreihe"], ["Gebiet", "Jahr", "n"], ["157006 Peine", 2021, 5], [None, 2022, 6],
         ["157001 Edemissen", 2021, "[g]"], [None, 2022, "[n]"])  # fmt: skip
    counted(path, legend="lsn-old", periods=(2021, 2022), areas=2,
            statuses={"observed": 2, "suppressed": 1, "zero": 1})  # fmt: skip
    assert len(read_lsn(path, columns={"x": ColumnSpec(column="n")}, period=2022).table) == 2
    save(["Stand: 31.12.2020"], ["Gebiet", "n", "m"], ["157006 Peine", "-", 5], ["157001 Edemissen", ".", 5])
    counted(path, legend="classic", statuses={"observed": 2, "zero": 1, "suppressed_or_unknown": 1})


def test_keys_of_lsn_online():
    assert [area_key(k) for k in ("0", "4", "157", "157006", "151401")] == [
        "03", "034", "03157", "03157006", "031515401",
    ]  # fmt: skip
    for wrong in ("", "57", "5", "03157", "03157006", "abc"):
        with pytest.raises(AreaKeyError):
            area_key(wrong)


# ---------------------------------------------------------------------------------------------------- areas


def vg250(**more: object) -> gpd.GeoDataFrame:
    shapes = [box(600_000 + i, 5_790_000, 600_001 + i, 5_790_001) for i in range(3)]
    fields = {
        "ADE": 6, "GF": [4, 4, 2], "ARS": ["031570001001", "031570002002", "031570002002"],
        "AGS": ["03157001", "03157002", "03157002"], "GEN": ["a", "b", "b"], "EWZ": [5, 6, 0], "KFL": [1.5, 2.5, 0.0],
    }  # fmt: skip
    return gpd.GeoDataFrame({**fields, **more}, geometry=shapes, crs="EPSG:25832")


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "shp", "parquet", "geojson"])
@pytest.mark.parametrize("renamed", [False, True])
def test_vg250_in_any_vector_format(tmp_path, kind, renamed):
    path = tmp_path / f"a.{kind}"
    frame = vg250().rename(columns={"ARS": "RS"} if kind == "shp" else {})
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    if renamed and kind != "shp":
        path = Path(shutil.copyfile(path, tmp_path / "copy"))
    elif renamed:
        alone = Path(shutil.copyfile(path, tmp_path / "copy"))
        with pytest.raises(FormatError, match="all its parts"):
            describe(alone)
    verdict = counted(path, format="vector", rows=3, areas=3)
    said = " / ".join(verdict.findings)
    assert f"key {'RS, as before 2018' if kind == 'shp' else 'ARS'}, with population (EWZ)" in said
    assert "AGS repeats 1 keys for water and parts, each once with GF = 4: 03157002" in said
    assert "GF: 2 in 1, 4 in 2 features" in said
    if kind in ("gpkg", "fgb", "parquet", "shp"):
        path.write_bytes(path.read_bytes()[:-60])
        with pytest.raises(GeodataError):
            describe(path)


def test_layers_of_lines_and_points_are_described(tmp_path):
    path = tmp_path / "a.gpkg"
    vg250().to_file(path, layer="vg250_gem")
    line = LineString([(600_000, 5_790_000), (600_009, 5_790_000)])
    gpd.GeoDataFrame({"AGZ": [1]}, geometry=[line], crs=25832).to_file(path, layer="vg250_li")
    point = gpd.GeoDataFrame({"OTL": ["x"]}, geometry=[Point(600_000, 5_790_000)], crs=25832)
    point.to_file(path, layer="vg250_pk")
    verdict = counted(path, rows=5, areas=3, variables=("vg250_gem", "vg250_li", "vg250_pk"))
    assert sum("it cannot be a level" in f for f in verdict.findings) == 2
    point.to_crs(4326).to_file(tmp_path / "p.geojson")
    counted(tmp_path / "p.geojson", rows=1, areas=0)


def test_attributes_of_vg250_without_geometry(tmp_path):
    table = pd.DataFrame(vg250(BEGINN=["20221220"] * 3).drop(columns="geometry"))
    path = tmp_path / "a"
    table.to_csv(path, sep=";", index=False, decimal=",", lineterminator="\r\n")
    counted(path, format="vg250", rows=3, values=4, areas=2, statuses={"observed": 4}, decimal="decimal comma")
    columns = {"people": ColumnSpec(column="EWZ")}
    assert read_vg250(path, columns=columns, period=2022, key="ags").table["value"].tolist() == [5, 6]
    with pytest.raises(ColumnError, match="expected a year"):
        read_vg250(path, columns=columns)
    table.drop(columns=["EWZ", "KFL"]).rename(columns={"ARS": "RS"}).to_excel(tmp_path / "b.xlsx", index=False)
    verdict = counted(tmp_path / "b.xlsx", format="vg250", rows=3, values=0)
    assert any("as before 2018" in f for f in verdict.findings)


def test_rasters_say_unit_nodata_and_kind(tmp_path):
    path = tmp_path / "r.tif"
    values = np.full((1, 300, 300), -1, dtype="int32")
    values[0, :10, :10] = 5
    place = Affine(100, 0, 4_337_000, 0, -100, 2_690_000)
    profile = {"driver": "GTiff", "width": 300, "height": 300, "count": 1, "dtype": "int32", "nodata": -1}
    with rasterio.open(path, "w", crs="EPSG:3035", transform=place, **profile) as target:
        target.write(values)
        target.units = ("Einwohner",)
    raster_copy(path, tmp_path / "cog", driver="COG")
    for name, kind in (("r.tif", "GTiff"), ("cog", "cloud optimised")):
        verdict = counted(tmp_path / name, format="raster", rows=100, values=90_000)
        assert verdict.statuses == {"observed": 100, "missing": 89_900}
        said = " / ".join(verdict.findings)
        assert all(words in said for words in ("nodata: -1", "unit: Einwohner", kind, "sum 500"))


# ---------------------------------------------------------------------------------------------------- plain tables


_ODS_TEXT = 'office:value-type="string"'


def ods(path: Path, rows: list[list[object]]) -> Path:
    name = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = [
        "<table:table-row>"
        + "".join(
            f"<table:table-cell {kind}><text:p>{c}</text:p></table:table-cell>"
            for c in row
            for kind in [_ODS_TEXT if isinstance(c, str) else f'office:value-type="float" office:value="{c}"']
        )
        + "</table:table-row>"
        for row in rows
    ]
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", mime)
        archive.writestr(
            "META-INF/manifest.xml",
            f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{name}manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/></manifest:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content xmlns:office="{name}office:1.0" '
            f'xmlns:table="{name}table:1.0" xmlns:text="{name}text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="T">{"".join(cells)}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return path


def test_one_table_in_every_kind_of_file_gives_one_answer(tmp_path):
    rows = [["AGS", "Jahr", "Wert", "n"], ["03157001", 2020, 1.5, 3], ["03157002", 2020, 2.25, 0]]
    ods(tmp_path / "ods", rows)
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    frame.to_parquet(tmp_path / "parquet")
    frame.to_excel(tmp_path / "book.xlsx", index=False)
    frame.to_csv(tmp_path / "comma", index=False)
    frame.to_csv(tmp_path / "tab.xls", index=False, sep="\t", decimal=",", encoding="utf-16")
    for name in ("ods", "parquet", "book.xlsx", "comma", "tab.xls"):
        path = tmp_path / name
        counted(path, format="table", rows=2, values=4, areas=2, periods=(2020,), statuses={"observed": 3, "zero": 1})
        spec = TableSpec(id="t", source="s", levels=("l",), file=name, area="AGS", period="Jahr", key="ags",
                         columns={"w": ColumnSpec(column="Wert")})  # fmt: skip
        assert read_table(path, spec, source()).table["value"].tolist() == [1.5, 2.25]


def source(**more: object) -> Source:
    return Source("s", "t", "p", "dl-de/by-2-0", "a", **more)


def test_titles_above_and_notes_below_are_no_rows(tmp_path):
    path = tmp_path / "a.csv"
    text = (
        "Wohngeld im Landkreis\nStand 2023\n\nGemeinde;AGS;Zahl\nPeine;03157006;5\nIlsede;03157009;*\nQuelle: Amt 50\n"
    )
    path.write_text(text, encoding="utf-8")
    verdict = counted(path, format="table", rows=2, legend="ba", statuses={"observed": 1, "suppressed": 1})
    assert any("3 lines of titles above and 1 of notes below" in f for f in verdict.findings)
    path.write_text(text[: text.index("09;*")], encoding="utf-8")  # cut inside a row
    with pytest.raises(FormatError, match="truncated"):
        describe(path)


def test_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_text("<!DOCTYPE html><html><body>Fehler</body></html>", encoding="utf-8")
    with pytest.raises(FormatError, match="web page"):
        describe(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x;y\n1;2\n")
        archive.writestr("b.csv", "x;y\n1;2\n")
    with pytest.raises(FormatError, match="ZIP archive with 2 files"):
        describe(path)


# ---------------------------------------------------------------------------------------------------- county.toml


def test_the_format_may_be_left_out(tmp_path):
    def read(path, **more):
        spec = TableSpec(id="t", source="s", levels=("l",), file=path.name, **more)
        return read_table(path, spec, source(legend="classic"))

    path = tmp_path / "a"
    path.write_text(flat("2023|03157||5|n", "2023|03158||6|n"), encoding="utf-8")
    assert read(path, columns={"n": ColumnSpec(column="BEV")}).table["value"].tolist() == [5, 6]
    path.write_bytes(PRINTED.encode("latin-1"))
    assert len(read(path, columns={"n": ColumnSpec(column="männlich")}).table) == 4
    assert len(read(regional(path), columns={"n": ColumnSpec(column="HH")}).table) == 3
    assert len(read(gemeindedaten(path), columns={"n": ColumnSpec(column="Frauen")}).table) == 3
    path.write_text(answer(98), encoding="utf-8")
    with pytest.raises(NoDataError, match="job=true"):
        read(path, area="AGS", columns={"n": ColumnSpec(column="n")})
    vg250().to_file(tmp_path / "a.gpkg")
    with pytest.raises(ConfigError, match="levels"):
        read(tmp_path / "a.gpkg", columns={"n": ColumnSpec(column="n")})


def test_damage_in_odd_places_is_refused_or_described(tmp_path):
    """Found by changing bytes at random: each once ended in another error."""
    path = tmp_path / "a"
    path.write_text(flat("2023|03157||5|n").replace("1_variable_attribute_code", "1_attribute"), encoding="utf-8")
    with pytest.raises(ColumnError, match="1_variable_attribute_code"):
        describe(path)
    path.write_text("a;b;c;d\nGebietskennziffer;Name;Alo 2020\n03157;P;5\n", encoding="utf-8")
    with pytest.raises(FormatError, match="cells"):
        describe(path)
    # No date above the columns, and a dead key of dashes: nobody knows which year it is dead in.
    path.write_bytes(PRINTED.replace(";31.12.2015;31.12.2015;31.12.2016", ";a;b;c").replace("03999", "03152").encode())
    assert describe(path).periods == ()
    point = {"type": "Point", "coordinates": [10.0, 52.0]}
    feature = {"type": "Feature", "properties": {"a": {"b": 1}}, "geometry": point}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    assert describe(path).rows == 1


def test_every_format_has_a_word_in_county_toml(tmp_path):
    from typing import get_args

    from geodata.county_schema import Format

    assert set(get_args(Format)) == set(FORMATS)
    assert set(FORMATS) >= PROVISIONAL
    path = tmp_path / "a.gpkg"
    path.write_text("a;b\n1;2\n", encoding="utf-8")
    assert recognise(path) == "vector"  # and refused there: a text under this name is a failed download
