"""Templates go out, come back filled or maltreated, and are read by the normal reader of tables."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.utils.exceptions import IllegalCharacterError

from geodata.county import County, load_county
from geodata.errors import ConfigError, FormatError
from geodata.models import Flag, Source
from geodata.readers import limits
from geodata.readers.sniff import describe
from geodata.readers.table import read_plain
from geodata.readers.tables import read_table
from geodata.supply.check import Result, check_return
from geodata.supply.receipt import receipt_document, receipt_text
from geodata.supply.request import Request, build_request
from geodata.supply.sheets import COVER, DEFINITIONS, GUIDE, MACHINE
from geodata.supply.template import FIRST, HEADER, QUALITY, QUESTIONS, write_template

TODAY = dt.date(2026, 1, 15)
NOW = dt.datetime(2026, 2, 1, 9, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def county(tiny_county: Path) -> County:
    return load_county(tiny_county)


def answer(book: Any) -> None:
    for row, (_, answers) in enumerate(QUESTIONS, start=4):
        book[COVER][f"B{row}"] = answers[0]


def filled(county: County, path: Path, department: str = "jobcenter", periods: tuple[int, ...] = (2025,)) -> Request:
    """Write a template and fill every cell with a number that tells its place."""
    request = build_request(county, department, periods, today=TODAY)
    write_template(request, path)
    book = openpyxl.load_workbook(path)
    answer(book)
    for form in request.forms:
        page = book[form.sheet]
        for row in range(FIRST, FIRST + len(form.areas) * len(periods)):
            for column in range(4, 4 + len(form.columns)):
                page.cell(row, column).value = number_at(row, column, len(form.areas))
    book.save(path)
    return request


def number_at(row: int, column: int, areas: int) -> int:
    """Fall from column to column and hardly from year to year, so that nothing is implausible; 0 in the first area."""
    return 0 if (row - FIRST) % areas == 0 else 10_000 + 10 * row - column


def change(path: Path, how: Callable[[Any], None], sheet: str = "Leistungen") -> Result:
    book = openpyxl.load_workbook(path)
    how(book[sheet] if sheet else book)
    book.save(path)
    return check_return(path)


@pytest.fixture(scope="module")
def whole(county: County, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A return without fault."""
    path = tmp_path_factory.mktemp("whole") / "v.xlsx"
    filled(county, path)
    return path.read_bytes()


def errors(result: Result) -> list[str]:
    return [str(remark) for remark in result.remarks if remark.error]


# ── out ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_template_is_protected_where_it_must_be_and_open_where_it_may(county: County, tmp_path: Path) -> None:
    request = build_request(county, "jobcenter", (2024, 2025), today=TODAY)
    path = tmp_path / "vorlage.xlsx"
    write_template(request, path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == [GUIDE, "Leistungen", COVER, DEFINITIONS, MACHINE]
    assert book[MACHINE].sheet_state == "veryHidden"
    assert book.security.lockStructure
    page = book["Leistungen"]
    assert [cell.value for cell in page[HEADER]] == list(request.forms[0].headings)
    assert page.freeze_panes == f"D{FIRST}"
    assert page.print_title_rows == f"${HEADER}:${HEADER}"
    assert page.page_setup.orientation == "landscape"
    assert page.sheet_properties.pageSetUpPr.fitToPage
    assert all(sheet.protection.sheet for sheet in book.worksheets)
    last = FIRST + 2 * len(request.forms[0].areas) - 1
    assert page.max_row == last
    open_cells = {c.coordinate for row in page.iter_rows() for c in row if not c.protection.locked}
    assert open_cells == {f"{column}{row}" for column in "DEF" for row in range(FIRST, last + 1)}
    rules = {str(rule.sqref): rule for rule in page.data_validations.dataValidation}
    assert set(rules) == {f"{column}{FIRST}:{column}{last}" for column in "DEF"}
    assert all(rule.type == "whole" and rule.showErrorMessage for rule in rules.values())
    lists = [rule for rule in book[COVER].data_validations.dataValidation if rule.type == "list"]
    assert [rule.formula1 for rule in lists] == [f'"{",".join(answers)}"' for _, answers in QUESTIONS]
    said = " ".join(str(cell.value) for row in book[GUIDE].iter_rows() for cell in row)
    assert "31.03.2025 für 2024" in said
    assert "31.03.2026 für 2025" in said
    assert "§ 75 SGB X" in said
    words = " ".join(str(cell.value) for row in book[DEFINITIONS].iter_rows() for cell in row)
    assert "§ 7 SGB II" in words


def test_signs_of_the_source_are_explained_and_let_in(county: County, tmp_path: Path) -> None:
    source = county.sources["jobcenter"]
    county = _with(county, "mindestsicherung", source=source, legend="ba", flag="Hinweis")
    path = tmp_path / "v.xlsx"
    request = build_request(county, "jobcenter", (2025,), today=TODAY)
    write_template(request, path)
    book = openpyxl.load_workbook(path)
    rules = {str(rule.sqref)[0]: rule for rule in book["Leistungen"].data_validations.dataValidation}
    assert rules["D"].type == "custom"
    assert 'EXACT(D6,"*")' in rules["D"].formula1
    assert len(rules["D"].formula1) <= 255  # Excel takes no more
    assert rules["G"].formula1 == '"' + ",".join(QUALITY) + '"'
    said = " ".join(str(cell.value) for row in book[GUIDE].iter_rows() for cell in row)
    assert "geheim zu halten" in said
    for _, answers in QUESTIONS:
        assert not [a for a in answers if "," in a]
        assert len(",".join(answers)) <= 255


def _with(county: County, table: str, *, source: Source, legend: str, flag: str) -> County:
    from dataclasses import replace

    tables = dict(county.tables) | {table: county.tables[table].model_copy(update={"flag": flag})}
    return replace(county, tables=tables, sources=dict(county.sources) | {source.id: replace(source, legend=legend)})


def test_an_existing_file_is_never_overwritten(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    before = path.read_bytes()
    with pytest.raises(FormatError, match="gibt es schon"):
        write_template(build_request(county, "jobcenter", today=TODAY), path)
    assert path.read_bytes() == before


def test_the_default_period_is_the_youngest_that_can_be_filled(county: County) -> None:
    assert build_request(county, "jobcenter", today=dt.date(2026, 1, 1)).periods == (2025,)
    assert build_request(county, "jobcenter", today=dt.date(2027, 12, 31)).periods == (2026,)
    assert build_request(county, "schule", today=dt.date(2026, 1, 15)).periods == (2025,)
    assert build_request(county, "schule", today=dt.date(2026, 8, 15)).periods == (2026,)
    with pytest.raises(ConfigError, match="2025"):
        build_request(county, "jobcenter", today=dt.date(2025, 6, 1))
    with pytest.raises(ConfigError, match="bekannt sind: ordnung"):
        build_request(county, "bauamt", today=TODAY)


def test_version_follows_what_is_filled_not_who_answers(county: County) -> None:
    from dataclasses import replace

    one = build_request(county, "jobcenter", (2025,), today=TODAY)
    assert one.version == build_request(county, "jobcenter", (2025,), today=dt.date(2026, 9, 9)).version
    assert one.version != build_request(county, "jobcenter", (2024,), today=TODAY).version
    assert one.version == replace(one, contact="Poststelle", due=((2025, "2026-04-30"),)).version
    form = one.forms[0]
    assert one.version != replace(one, forms=(replace(form, areas=form.areas[1:]),)).version
    assert Request.from_json(one.to_json(), where="x") == one


# ── and back ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_round_trip_into_the_normal_reader(county: County, tmp_path: Path) -> None:
    path = tmp_path / "zurück.xlsx"
    request = filled(county, path, periods=(2024, 2025))
    result = check_return(path, expected=lambda asked: build_request(county, "jobcenter", asked.periods, today=TODAY))
    assert result.verdict == "angenommen"
    form = request.forms[0]
    size = 2 * len(form.areas) * 3
    assert result.counts == {"mindestsicherung/observed": size - 6, "mindestsicherung/zero": 6}
    table = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
    assert len(table) == size
    position = {(p, k): FIRST + i for i, (p, k) in enumerate((p, k) for p in (2024, 2025) for k, _ in form.areas)}
    column = {c.variable: n for n, c in enumerate(form.columns, start=4)}
    for row in table.itertuples():
        line = position[row.period, row.area_id]
        assert row.value == number_at(line, column[row.variable], len(form.areas))


def test_words_of_quality_become_flags(county: County, tmp_path: Path) -> None:
    county = _with(county, "mindestsicherung", source=county.sources["jobcenter"], legend="ba", flag="Hinweis")
    path = tmp_path / "v.xlsx"
    request = filled(county, path)

    def edit(page: Any) -> None:
        page[f"G{FIRST}"], page[f"G{FIRST + 1}"], page[f"D{FIRST + 2}"] = "vorläufig", "Bruch in der Reihe", "*"

    result = change(path, edit)
    assert result.accepted
    assert result.counts["mindestsicherung/suppressed"] == 1
    table = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
    first, second = (key for key, _ in request.forms[0].areas[:2])
    flags = table.set_index(["variable", "area_id"])["flags"]
    assert flags["sgb2", first] == Flag.PROVISIONAL.value
    assert flags["sgb2_kinder", second] == Flag.BREAK.value
    assert flags.sum() == 3 * (Flag.PROVISIONAL.value + Flag.BREAK.value)
    (error,) = errors(change(path, lambda page: page.__setitem__("G6", "ungefähr")))
    assert error.startswith("Blatt 'Leistungen', Zelle G6: Der Eintrag steht nicht in der Liste. Einen von vorläufig")


def test_a_template_without_a_sheet_name_is_read_by_naming_the_sheet(county: County, tmp_path: Path) -> None:
    path = tmp_path / "schule.xlsx"
    request = filled(county, path, "schule")
    assert [form.sheet for form in request.forms] == ["Daten"]
    assert check_return(path).accepted
    spec = county.tables["lernmittel"].model_copy(update={"sheet": "Daten"})
    assert len(read_table(path, spec, county.sources["schulamt"]).table) == 2 * len(request.forms[0].areas)


def test_blanks_are_said_and_not_taken_for_zero(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    result = change(path, lambda page: page.__setitem__("E9", None))
    assert result.verdict == "angenommen mit Hinweisen"
    assert result.counts["mindestsicherung/missing"] == 1
    assert any("nicht geliefert, nicht als null" in str(remark) for remark in result.remarks)


BAD_CELLS: list[tuple[object, str]] = [
    ("ca. 12", "Hier steht Text"), ("Zwackelmann", "Hier steht Text"), ("12.5", "Hier steht Text"),
    ("*", "Hier steht Text"), (-3, "negativ"), (2.5, "Nachkommastellen"), (True, "WAHR oder FALSCH"),
    ("=SUM(D6:D8)", "Formel"), ("=1", "Formel"), (dt.datetime(2025, 3, 4), "Datum"), ("#N/A", "Excel-Fehler"),
    (dt.time(3, 4), "Uhrzeit"), (10**13, "unglaubhaft"),
    ("-4", "negativ"), ("3,5", "Nachkommastellen"), ("1e5", "Hier steht Text"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), BAD_CELLS)
def test_a_bad_cell_is_named_with_its_remedy_and_never_repeated(
    county: County, tmp_path: Path, value: object, said: str
) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    result = change(path, lambda page: page.__setitem__("D17", value))
    (error,) = errors(result)
    assert error.startswith("Blatt 'Leistungen', Zelle D17: ")
    assert said in error
    assert len(error.split(". ")) >= 2  # a remedy follows
    assert "Zwackelmann" not in json.dumps(receipt_document(result, now=NOW, version="0"), ensure_ascii=False)


def test_numbers_stored_as_text_are_read_and_said(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    result = change(path, lambda page: page.__setitem__("D17", "1.234"))
    assert result.accepted
    assert "als Text gespeichert" in str(result.remarks[0])
    table = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
    assert (table["value"] == 1234).sum() == 1


def test_more_than_twenty_numbers_stored_as_text_stay_a_hint(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    request = filled(county, path)
    form = request.forms[0]
    size = len(form.areas) * len(form.columns)
    assert size > 20

    def as_text(page: Any) -> None:
        for row in range(FIRST, FIRST + len(form.areas)):
            for column in range(4, 4 + len(form.columns)):
                page.cell(row, column).value = str(page.cell(row, column).value)

    result = change(path, as_text, form.sheet)
    assert (result.verdict, errors(result)) == ("angenommen mit Hinweisen", [])
    told = [remark for remark in result.remarks if "als Text gespeichert" in remark.message]
    assert [remark.place.split(", ")[1] for remark in told] == ["Spalte D", "Spalte E", "Spalte F"]  # one a column
    assert all(remark.message.startswith(f"{len(form.areas)} Zahlen sind als Text") for remark in told)
    assert told[0].remedy


def test_a_year_that_is_not_over_and_an_answer_that_cannot_be_are_named(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    asked = check_return(path).cells["mindestsicherung", 2025]
    assert asked[1] == 2 ** asked[0] - 1
    for day, named in (("2025-12-31", True), ("2026-01-01", False)):
        said = [r.message for r in check_return(path, today=dt.date.fromisoformat(day)).remarks]
        assert ("Das Berichtsjahr 2025 ist noch nicht zu Ende" in said) is named

    def nearly_blank(page: Any) -> None:
        for row in range(FIRST, page.max_row + 1):
            for column in (4, 5, 6):
                if (row, column) != (FIRST + 1, 5):
                    page.cell(row, column).value = None

    result = change(path, nearly_blank)
    assert result.accepted
    assert result.cells["mindestsicherung", 2025] == (asked[0], 1 << 4)
    said = [r.message for r in result.remarks if r.place.startswith("Blatt 'Begleitangaben'")]
    assert said == [
        "„Sind alle Zellen gefüllt, die gefüllt werden können?“ ist mit ja beantwortet, "
        f"aber {asked[0] - 1} von {asked[0]} Zellen sind leer"
    ]


def test_more_than_twenty_errors_stay_errors_with_their_remedy(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    form = filled(county, path).forms[0]

    def negative(page: Any) -> None:
        for row in range(FIRST, FIRST + len(form.areas)):
            for column in range(4, 4 + len(form.columns)):
                page.cell(row, column).value = -1

    result = change(path, negative, form.sheet)
    assert [(r.error, r.place.split(", ")[1], "Erwartet wird" in r.remedy) for r in result.remarks if r.error] == [
        (True, f"Spalte {column}", True) for column in "DEF"
    ]
    number = len(form.areas)
    cells = f"({number} Zellen: D6, D7, D8, D9, D10 und {number - 5} weitere)"
    assert next(r.message for r in result.remarks if r.error) == f"Die Zahl ist negativ {cells}"


def test_texts_in_place_of_numbers_are_told_once_a_column(county: County, tmp_path: Path) -> None:
    """Three are named one by one; of more the first are named and all are counted, whatever the texts are."""
    path = tmp_path / "v.xlsx"
    filled(county, path)

    def words(page: Any) -> None:
        for row in range(FIRST, FIRST + 3):
            page.cell(row, 4).value = f"etwa {row}"
        for row in range(FIRST, FIRST + 25):
            page.cell(row, 5).value = f"Zwackelmann {row}"

    said = errors(change(path, words))
    assert [each.split(": ")[0] for each in said] == [
        *(f"Blatt 'Leistungen', Zelle D{row}" for row in range(FIRST, FIRST + 3)),
        "Blatt 'Leistungen', Spalte E",
    ]
    assert "Hier steht Text (25 Zellen: E6, E7, E8, E9, E10 und 20 weitere). Erwartet wird" in said[-1]
    assert "Zwackelmann" not in "".join(said)


def test_parts_without_their_whole_and_wholes_without_parts_are_named(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)

    def lone(page: Any) -> None:
        page["D9"] = None  # the whole of E9
        page["D6"], page["E6"] = 0, None  # of nothing the part is nothing
        for row in (12, 13, 14):
            page.cell(row, 5).value = None

    result = change(path, lone)
    assert result.accepted
    said = [str(remark) for remark in result.remarks if "eingetragen" in remark.message]
    assert [each.split(". ")[0] for each in said] == [
        "Blatt 'Leistungen', Zelle D9: „darunter unter 15 Jahre“ ist eingetragen, „Leistungsberechtigte SGB II“, wovon "
        "es ein Teil ist, aber nicht",
        "Blatt 'Leistungen', Spalte E: 2025: „Leistungsberechtigte SGB II“ ist eingetragen, der Teil „darunter unter "
        "15 Jahre“ aber nicht (3 Zellen: E12, E13, E14)",
    ]


def test_a_year_of_two_digits_is_named_with_its_cell(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    said = errors(change(path, lambda page: page.__setitem__("C10", 25)))
    assert "Blatt 'Leistungen', Zelle C10: Das Jahr ist zweistellig geschrieben. Erlaubt: 2025" in said


def _swap(page: Any, one: int, other: int, columns: range) -> None:
    for column in columns:
        a, b = page.cell(one, column), page.cell(other, column)
        a.value, b.value = b.value, a.value


HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "keys moved against names": (lambda p: _swap(p, 7, 12, range(1, 2)), "Zelle B7: Zum Schlüssel"),
    "changed heading": (lambda p: p.__setitem__("E5", "SGB II neu"), "Zelle E5: Die Überschrift „darunter"),
    "swapped headings": (lambda p: _headings(p), "Zelle D5: Hier gehört die Überschrift"),
    "deleted column": (lambda p: p.delete_cols(5), "Zelle E5: Die Überschrift „darunter unter 15 Jahre“ fehlt"),
    "inserted column": (lambda p: p.insert_cols(4), "Zelle D5: "),
    "inserted row above": (lambda p: p.insert_rows(2), "Zelle A5: Die Überschrift"),
    "deleted row": (lambda p: p.delete_rows(9), "Die Zeile für"),
    "duplicated area": (lambda p: _copy(p, 8, 9), "Zelle A9: Das Gebiet"),
    "unknown area": (lambda p: p.__setitem__("A10", "9990199999"), "Zelle A10: Der Schlüssel steht nicht"),
    "key that became a number": (lambda p: p.__setitem__("A10", 99901001.5), "Zelle A10: Der Schlüssel steht nicht"),
    "other year": (lambda p: p.__setitem__("C10", 2023), "Zelle C10: Der Zeitraum gehört nicht"),
    "sum below": (lambda p: p.append(["Summe", None, None, 5, 5, 5]), "Der Schlüssel steht nicht in der Vorlage"),
    "merged cells": (lambda p: p.merge_cells("D10:D12"), "Zellen D10:D12: sind verbunden"),
    "hidden row": (lambda p: setattr(p.row_dimensions[11], "hidden", True), "Zeile 11: ist ausgeblendet"),
    "hidden column": (lambda p: setattr(p.column_dimensions["E"], "hidden", True), "Spalte E: ist ausgeblendet"),
    "notes at the side": (lambda p: p.__setitem__("K20", "siehe Mail"), "Zelle K20: liegt rechts der Vorlage"),
    "far away": (lambda p: p.__setitem__("XFD1048576", 1), "Zelle XFD1048576: liegt rechts"),
    "comment": (lambda p: setattr(p["D10"], "comment", Comment("anrufen", "x")), "D10: trägt einen Kommentar"),
    "hidden sheet": (lambda p: setattr(p, "sheet_state", "hidden"), "ist ausgeblendet"),
    "renamed sheet": (lambda p: setattr(p, "title", "Tabelle1"), "Blatt 'Leistungen': fehlt"),
    "all blank": (lambda p: _blank(p), "keine einzige Zelle gefüllt"),
}  # fmt: skip


def _headings(page: Any) -> None:
    page["D5"].value, page["E5"].value = page["E5"].value, page["D5"].value


def _copy(page: Any, source: int, target: int) -> None:
    for column in range(1, 4):
        page.cell(target, column).value = page.cell(source, column).value


def _blank(page: Any) -> None:
    for row in range(FIRST, page.max_row + 1):
        for column in range(4, 7):
            page.cell(row, column).value = None


@pytest.mark.parametrize("name", HOSTILE)
def test_maltreated_returns_are_sent_back_with_place_and_remedy(county: County, tmp_path: Path, name: str) -> None:
    how, said = HOSTILE[name]
    path = tmp_path / "v.xlsx"
    filled(county, path)
    result = change(path, how)
    assert result.verdict == "zurückgewiesen"
    assert any(said in error for error in errors(result)), errors(result)
    assert len(result.remarks) < 60


def test_whole_rows_may_be_sorted(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    request = filled(county, path)
    before = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
    last = FIRST + len(request.forms[0].areas)

    def shuffle(page: Any) -> None:
        rows = [[page.cell(r, c).value for c in range(1, 7)] for r in range(FIRST, last)]
        random.Random(4).shuffle(rows)
        for r, values in enumerate(rows, start=FIRST):
            for c, value in enumerate(values, start=1):
                page.cell(r, c).value = value

    result = change(path, shuffle)
    assert result.accepted
    assert "umgestellt" in str(result.remarks[0])
    after = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
    order = ["variable", "period", "area_id"]
    assert after.sort_values(order)["value"].tolist() == before.sort_values(order)["value"].tolist()


def test_another_version_is_named_by_what_differs(county: County, tmp_path: Path) -> None:
    from dataclasses import replace

    path = tmp_path / "v.xlsx"
    filled(county, path)
    now = build_request(county, "jobcenter", (2025,), today=TODAY)
    form = now.forms[0]
    grown = replace(now, forms=(replace(form, areas=(*form.areas, ("9990109901", "Neubau"))),))
    (error,) = errors(check_return(path, expected=lambda _: grown))
    assert "0 entfallen, 1 neu" in error
    (error,) = errors(check_return(path, expected=lambda _: build_request(county, "schule", today=TODAY)))
    assert "die Tabelle lernmittel ist neu" in error


def test_the_hidden_sheet_is_not_trusted(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)

    def forge(book: Any) -> None:
        book[MACHINE]["B3"].value = book[MACHINE]["B3"].value.replace("2025", "2024")

    assert "wurde verändert" in errors(change(path, forge, sheet=""))[0]
    for junk in ("", "{}", "[1]", '{"request": {"form": 1}}', '{"request": {"form": 99}}', "null"):
        result = change(path, lambda book, junk=junk: book[MACHINE].__setitem__("B3", junk), sheet="")
        assert not result.accepted
    result = change(path, lambda book: book.remove(book[MACHINE]), sheet="")
    assert "das verborgene Blatt fehlt" in errors(result)[0]
    assert result.request is None


@pytest.mark.parametrize("payload", [b"PK\x03\x04 broken", b"Ortsteil;Anzahl\n1;2\n", b"\xd0\xcf\x11\xe0old"])
def test_files_that_are_no_workbook_are_results_not_crashes(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "v.xlsx"
    path.write_bytes(payload)
    assert check_return(path).verdict == "zurückgewiesen"


def test_case_data_in_a_return_are_refused_and_not_repeated(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)

    def paste(book: Any) -> None:
        raw = book.create_sheet("Liste")
        raw.append(["Vorname", "Nachname", "Geburtsdatum", "IBAN"])
        raw.append(["Kunigunde", "Zwackelmann", dt.datetime(1961, 2, 14), "DE89370400440532013000"])

    result = change(path, paste, sheet="")
    assert len(errors(result)) == 4
    assert all("Blatt 'Liste', Spalte" in error for error in errors(result))
    document = receipt_document(result, now=NOW, version="0")
    for text in (json.dumps(document, ensure_ascii=False), receipt_text(document)):
        assert not [s for s in ("Kunigunde", "Zwackelmann", "1961", "DE8937") if s in text]


def test_cover_answers_are_required_and_kept(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    filled(county, path)
    document = receipt_document(check_return(path), now=NOW, version="0")
    assert document["who"]["released_by"] == QUESTIONS[0][1][0]
    result = change(path, lambda page: page.__setitem__("B4", "Frau Zwackelmann"), sheet=COVER)
    assert "Blatt 'Begleitangaben', Zelle B4" in errors(result)[0]
    assert "Zwackelmann" not in str(result)
    document = receipt_document(result, now=NOW, version="0")
    assert document["who"]["released_by"] is None  # and not the answer to the next question
    assert "Freigabe   nicht angegeben" in receipt_text(document).splitlines()


def test_the_template_itself_holds_no_case_data_for_the_reader(county: County, tmp_path: Path) -> None:
    """All sheets are looked at when one is read: the words of the guide must not trip it."""
    for department in county.departments:
        path = tmp_path / f"{department}.xlsx"
        request = filled(county, path, department)
        for form in request.forms:
            spec = county.tables[form.table]
            found = read_plain(path, columns=spec.columns, area=form.area, period=form.period, sheet=form.sheet)
            assert set(found.variables) == set(spec.columns)


def test_check_file_describes_the_figures_of_a_return(county: County, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    request = filled(county, path)
    verdict = describe(path)
    assert (verdict.format, verdict.periods) == ("supply-template", (2025,))
    assert verdict.areas == len(request.forms[0].areas)


NASTY: tuple[object, ...] = (
    None, "", " ", "Zwackelmann", "=1/0", "=X(1)", -1, 1e308, 10**30, 0.1, True, "12", "1.2.3", "٣", "−5", "\x0b",
    "x" * 30_000, dt.datetime(1900, 1, 1), dt.timedelta(days=3), "#REF!", "9990100101", 2025, "2025.0", "\u202e1", "'1",
)  # fmt: skip


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.sampled_from(["Leistungen", COVER, MACHINE, GUIDE]), st.integers(1, 50), st.integers(1, 9),
                  st.sampled_from(NASTY)),
        max_size=8,
    )
)  # fmt: skip
def test_whatever_is_typed_ends_in_a_verdict_that_repeats_nothing(
    county: County, whole: bytes, tmp_path: Path, edits: list[tuple[str, int, int, object]]
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(whole))
    for sheet, row, column, value in edits:
        with contextlib.suppress(IllegalCharacterError):
            book[sheet].cell(row, column).value = value  # type: ignore[assignment]
    path = tmp_path / "v.xlsx"
    book.save(path)
    result = check_return(path)
    said = json.dumps(receipt_document(result, now=NOW, version="0"), ensure_ascii=False)
    assert "Zwackelmann" not in said
    assert "xxxx" not in said
    if result.accepted:  # what is accepted can be read, and holds as many numbers as were counted
        table = read_table(path, county.tables["mindestsicherung"], county.sources["jobcenter"]).table
        assert (table["status"] != "missing").sum() == sum(n for k, n in result.counts.items() if "missing" not in k)
        assert (table["value"].dropna() >= 0).all()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(4, 14_000), flips=st.lists(st.tuples(st.integers(4, 14_000), st.integers(0, 255)), max_size=4))
def test_damaged_files_end_in_a_verdict(whole: bytes, tmp_path: Path, cut: int, flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(whole)
    for at, byte in flips:
        damaged[at % len(damaged)] = byte
    path = tmp_path / "v.xlsx"
    for payload in (bytes(damaged), whole[:cut]):
        path.write_bytes(payload)
        assert check_return(path).verdict in ("angenommen", "angenommen mit Hinweisen", "zurückgewiesen")


# ── limits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("file_bytes", "ist größer als"),
        ("members", "enthält mehr als"),
        ("form_bytes", "ist entpackt größer als"),
    ],
)
def test_limits_are_settings_and_named_in_the_refusal(whole: bytes, tmp_path: Path, limit: str, said: str) -> None:
    path = tmp_path / "v.xlsx"
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        sizes = [len(archive.read(name)) for name in archive.namelist()]
    exact = {"file_bytes": len(whole), "members": len(sizes), "form_bytes": sum(sizes)}[limit]
    with limits.using(limits.Limits(**{limit: exact})):
        assert check_return(path).accepted
    with limits.using(limits.Limits(**{limit: exact - 1})):
        (error,) = errors(check_return(path))
    assert said in error
    assert f"SOZIALMONITOR_LIMIT_{limit.upper()}" in error


def test_what_an_archive_says_of_its_sizes_is_not_believed(whole: bytes, tmp_path: Path) -> None:
    """A member of 80 MB of blanks, whose size the archive states as 1 byte."""
    path = tmp_path / "v.xlsx"
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet99.xml", b" " * 80_000_000)
    raw = bytearray(path.read_bytes())
    size = (80_000_000).to_bytes(4, "little")
    assert raw.count(size) >= 2
    path.write_bytes(raw.replace(size, (1).to_bytes(4, "little")))
    (error,) = errors(check_return(path))
    assert "gepackt" in error or "entpackt größer" in error


def test_entities_are_refused_wherever_they_stand(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "v.xlsx"
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("docProps/late.xml", b"<a>" + b" " * (1 << 20) + b'<!DOCTYPE a [<!ENTITY b "c">]></a>')
    (error,) = errors(check_return(path))
    assert "Dokumenttypdefinition" in error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("department", 5), ("county", ["a"]), ("contact", {}), ("periods", []), ("periods", [10**30]), ("forms", []),
        ("forms.legend", "zzz"), ("forms.sheet", 5), ("forms.areas", []), ("forms.columns", []),
        ("due", [[2025, "bald"]]),
    ],
)  # fmt: skip
def test_a_request_that_somebody_wrote_is_refused_whatever_its_checksum_says(
    county: County, tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "v.xlsx"
    raw = json.loads(filled(county, path).to_json())["request"]
    (raw["forms"][0] if "." in name else raw)[name.removeprefix("forms.")] = value
    canonical = json.dumps(raw, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    document = json.dumps({"template": "x", "sha256": digest, "request": raw})
    book = openpyxl.load_workbook(path)
    page = book[MACHINE]
    for row in range(3, page.max_row + 1):
        page.cell(row, 2).value = document if row == 3 else ""
    book.save(path)
    result = check_return(path)
    assert not result.accepted
    assert "ist unlesbar" in errors(result)[0]
    receipt_text(receipt_document(result, now=NOW, version="1"))


def test_a_request_without_an_end_is_refused() -> None:
    with pytest.raises(FormatError, match="unlesbar"):
        Request.from_json('{"request":' + "[" * 200_000, where="x")
