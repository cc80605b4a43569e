"""Case data: what is recognised, what must not be, and that nothing of it reaches a message."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from geodata.county_schema import ColumnSpec
from geodata.errors import CaseDataError
from geodata.readers.sheet import open_sheet
from geodata.readers.sniff import describe
from geodata.readers.table import read_plain
from geodata.supply.casedata import find, inspect, letter
from geodata.supply.patterns import by_content, by_heading

KEYS = [f"99901001{n:02d}" for n in range(12)]
COUNTS = [str(n) for n in range(12)]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        *((h, "name") for h in ("Vorname", "NACHNAME", "Name, Vorname", "Familienname", "Geburtsname", "lastName")),
        *((h, "name") for h in ("Name des Kindes", "Kundenname", "First name", "Surname", "Vor- und Nachname")),
        *((h, "birth") for h in ("Geburtsdatum", "Geb.-Datum", "GebDat", "geb_datum", "Date of birth", "DOB")),
        *((h, "case") for h in ("Aktenzeichen", "BG-Nummer", "BG Nr.", "Bedarfsgemeinschaftsnummer", "Kunden-Nr.")),
        *((h, "case") for h in ("Sozialversicherungsnummer", "SV-Nummer", "SVNR", "Fall-ID", "Steuer-ID", "Case No.")),
        *((h, "case") for h in ("Versicherungsnummer", "Personalausweisnummer", "Social security number")),
        *((h, "phone") for h in ("Telefonnummer", "Handynr.", "Tel.-Nr.", "Mobile number", "Rufnummer")),
        *((h, "account") for h in ("IBAN", "Kontonummer", "Kontoinhaber", "Account holder")),
    ],
)  # fmt: skip
def test_headings_of_persons(heading: str, kind: str) -> None:
    assert by_heading(heading, []) == kind
    assert by_heading(f"  {heading.upper()}* ", ["x"]) == kind


@pytest.mark.parametrize(
    "heading",
    [
        "Ortsteil", "Ortsteilname", "Gemeindename", "Name der Gemeinde", "Gebietsname", "Straße", "Straßenverkehr",
        "Straßenfläche in ha", "Adressen", "Anzahl Adressen", "Geburten", "Lebendgeborene", "Geborene",
        "Lebend geboren", "Geburtenrate", "Telefonanschlüsse", "Bedarfsgemeinschaften", "Bedarfsgemeinschaften (BG)",
        "Fallzahl", "Fälle", "Versicherte", "Sozialversicherungspflichtig Beschäftigte", "Kunden", "Kennziffer",
        "Raumeinheit", "Schlüssel", "Nr.", "ID", "Nummer", "Personen", "Kinder unter 15 Jahren", "Telefon", "E-Mail",
        "Name", "Leistungsberechtigte SGB II", "Haushalte", "value_variable_label", "time_label", "NAMELSAD", "Konten",
        "Antragsteller", "Steuerpflichtige", "Az", "passende Angebote", "Mobilität", "IBZ", "Hausarztdichte",
    ],
)  # fmt: skip
def test_headings_of_figures(heading: str) -> None:
    assert by_heading(heading, COUNTS) is None


def test_weak_headings_need_content_that_agrees() -> None:
    assert by_heading("Adresse", ["Am Markt 1", "Ring 2"]) == "address"
    assert by_heading("E-Mail", ["a@b.de"]) == "email"
    assert by_heading("Telefon", ["05171 401 0", "05171 401 11"]) == "phone"
    assert by_heading("Telefon", ["051714010", "051714011"]) == "phone"
    assert by_heading("Telefon", ["12", "7", "1.204"]) is None
    assert by_heading("Straße / Nr.", ["Am Markt 1"]) == "address"
    assert by_heading("Straße / Nr.", ["12"]) is None


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["DE89370400440532013000", "x", "y"], "account"),
        (["DE89 3704 0044 0532 0130 00"], "account"),
        (["21402BG0012345"], "case"),
        (["65170839J003", "65170839J003 "], "case"),  # the example of the Deutsche Rentenversicherung
        (["86095742719", "47036892816", "65929970489", "57549285017", "25768131411"], "case"),  # valid check digits
        (["50.1-12/2023", "50.1-13/2023", "50.1-14/2023", "50.1-15/2024", "50.2-1/2024"], "case"),
        (["a.b@c.de", "d@e.org", "k. A."], "email"),
        (["05171/401-0", "+49 5171 4010", "0176-12345678"], "phone"),
        (["Hauptstraße 12", "Am Markt", "Lange Str. 3 a", "Kirchweg 7"], "address"),
        (["12.03.1961", "04.11.1987", "23.05.2003", "17.09.1944", "08.02.1999"], "birth"),
        (["1961-03-12", "1987-11-04", "2003-05-23", "1944-09-17"], "birth"),
        (["Anna Schmidt", "Mehmet Yılmaz", "Peter Nowak", "Lena Weiß"], "name"),
        (["Krause, Ute", "Abé, Chloé", "Orłowski, Marta", "Šimić, Ivo", "Zed, Ugo", "Ott, Kuno"], "name"),
        (["Müller", "Schmidt", "Fischer", "Unbekannt"], "name"),
    ],
)
def test_content_of_persons(cells: list[str], kind: str) -> None:
    assert by_content(cells) == kind


@pytest.mark.parametrize(
    "cells",
    [
        KEYS, COUNTS, ["03157001", "03157002", "03157009"], ["031570001001", "031570002002"],
        ["DE91", "DEZ01", "DE911"], ["DEBKGVG2000000V1", "DEBKGVG2000000V2"],
        ["31.12.2019", "31.12.2020", "31.12.2021", "31.12.2022", "31.12.2023"],
        [f"{y}-{m:02d}-{d}" for y in range(2015, 2024) for m, d in ((3, 31), (6, 30), (9, 30), (12, 31))],
        ["2018/19", "2019/20", "2020/21", "2021/22", "2022/2023"], ["2023-10P6M", "2024-04P6M"],
        ["Peine, Stadt", "Ilsede, Gemeinde", "Harz, Landkreis", "Gifhorn, Landkreis", "Celle, Stadt", "Goslar, Stadt"],
        ["Groß Ilsede", "Klein Lafferde", "Ölsburg", "Rosenthal", "Schwicheldt", "Stederdorf"],
        ["Stülerstraße", "Großer Tiergarten", "Franz-Neumann-Platz", "Otto-Suhr-Allee", "Karl-Marx-Straße"],
        ["CRS3035RES100mN2692400E4337400"], ["Insgesamt", "männlich", "weiblich"], ["-", ".", "x", "12,5", "1.204"],
        ["12345678901", "12345678902", "12345678903", "12345678904", "12345678905"],
        ["Kita St. Martin", "Kita Sonnenschein", "Grundschule am Ring"], [],
    ],
)  # fmt: skip
def test_content_of_figures_and_areas(cells: list[str]) -> None:
    assert by_content(cells) is None


def table(**columns: list[str]) -> tuple[list[str], list[pd.Series]]:
    return list(columns), [pd.Series(cells, dtype="str") for cells in columns.values()]


def test_a_name_beside_an_area_key_is_an_area() -> None:
    assert not find(*table(AGS=KEYS, Name=[f"Dorf {n}" for n in range(12)], Jahr=["2024"] * 12), key=0)
    twice = find(*table(AGS=KEYS[:3] * 4, Name=[f"Xy{'abcdefghijkl'[n]}" for n in range(12)]), key=0)
    assert [(f.kind, f.position) for f in twice] == [("name", 1)]


def test_street_and_number_in_two_columns_but_not_an_address_table() -> None:
    streets = ["Hauptstraße", "Am Markt", "Ring"] * 4
    found = find(*table(Straße=streets, Hausnummer=COUNTS, Betrag=COUNTS))
    assert {f.position for f in found} == {0, 1}
    assert not find(*table(Straße=streets, von=COUNTS, bis=COUNTS, Schlüssel=KEYS))
    assert not find(*table(Schlüssel=KEYS, Straße=COUNTS, Weg=COUNTS))  # hectares of land use
    assert find(*table(Street=streets, **{"House number": COUNTS}))
    assert find(*table(Straße=streets, Nr=COUNTS))


def test_letters_are_those_of_a_spreadsheet() -> None:
    assert [letter(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


SECRETS = ("Kunigunde", "Zwackelmann", "14.02.1961", "Hohlweg 17", "21402BG0012345", "DE89370400440532013000")


def cases(path: Path, *, header: bool = True) -> Path:
    rows = [["Ortsteilschlüssel", "Jahr", "Nachname", "Geburtsdatum", "BG-Nummer", "Arbeitslose"]] if header else []
    rows += [[key, "2024", "Zwackelmann", "14.02.1961", "21402BG0012345", "Kunigunde"] for key in KEYS]
    path.write_text("\n".join(";".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_the_reader_stops_before_a_cell_is_read(tmp_path: Path) -> None:
    path = cases(tmp_path / "faelle.csv")
    with pytest.raises(CaseDataError) as stop:
        read_plain(path, columns={"a": ColumnSpec(column="Arbeitslose")}, area="Ortsteilschlüssel", period="Jahr")
    said = str(stop.value)
    assert "'Nachname'" in said
    assert "'Geburtsdatum'" in said
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("header", [True, False])
def test_check_file_stops_too_and_repeats_nothing(tmp_path: Path, header: bool) -> None:
    with pytest.raises(CaseDataError) as stop:
        describe(cases(tmp_path / "faelle.csv", header=header))
    assert not [secret for secret in SECRETS if secret in str(stop.value)]


def test_a_second_sheet_with_the_raw_cases_stops_the_import(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Anzahlen"
    book.active.append(["Schlüssel", "Jahr", "Anzahl"])
    for key in KEYS:
        book.active.append([key, 2024, 5])
    raw = book.create_sheet("Rohdaten")
    raw.append(["Vorname", "Geb.-Datum", "Ortsteil"])
    raw.append(["Kunigunde", "14.02.1961", KEYS[0]])
    path = tmp_path / "anzahlen.xlsx"
    book.save(path)
    spec = {"n": ColumnSpec(column="Anzahl")}
    with pytest.raises(CaseDataError, match="Rohdaten"):
        read_plain(path, columns=spec, area="Schlüssel", period="Jahr", sheet="Anzahlen")
    del book["Rohdaten"]
    book.save(path)
    assert len(read_plain(path, columns=spec, area="Schlüssel", period="Jahr", sheet="Anzahlen").table) == 12


def test_nothing_is_found_in_the_invented_county(tiny_county: Path) -> None:
    files = [p for p in sorted((tiny_county / "data").rglob("*")) if p.suffix in (".csv", ".xlsx")]
    assert len(files) > 8
    for path in files:
        assert inspect(open_sheet(path)) == (), path.name


def test_layers_with_owners_are_refused(tmp_path: Path) -> None:
    import geopandas as gpd
    import shapely

    parcels = gpd.GeoDataFrame(
        {"flurstueck": ["1/2", "3", "4/7"], "Eigentümer": ["Anna Schmidt", "Uwe Nowak", "Petra Wolf"]},
        geometry=[shapely.box(600000 + x, 5800000, 600001 + x, 5800001) for x in range(3)],
        crs="EPSG:25832",
    )
    for path in (tmp_path / "a.gpkg", tmp_path / "a.parquet"):
        parcels.to_parquet(path) if path.suffix == ".parquet" else parcels.to_file(path, layer="flur")
        with pytest.raises(CaseDataError) as stop:
            describe(path)
        assert "column B looks like names of persons" in str(stop.value)
        assert "Nowak" not in str(stop.value)
    parcels[["flurstueck", "geometry"]].to_file(tmp_path / "b.gpkg", layer="flur")
    assert describe(tmp_path / "b.gpkg").rows == 3
