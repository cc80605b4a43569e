"""From the register to the delivery: the commands of docs/lieferungen.md as they stand there, and what they leave."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import ColumnError, FormatError
from geodata.supply.fill import fill_template, match_columns
from geodata.supply.reading import read_joined
from geodata.supply.workbook import read_request
from tests.unit.service.test_supply_command import SECRETS, STREETS, home, leaks, line_of, people, run, sandboxed

__all__ = ["home"]

DOCS = Path(__file__).resolve().parents[3] / "docs" / "lieferungen.md"


def commands() -> list[list[str]]:
    """Return every command of the document, in its order."""
    text = DOCS.read_text(encoding="utf-8")
    found = re.findall(r"^    sozialmonitor supply (.*(?:\n {8}.*)*)", text, flags=re.MULTILINE)
    return [shlex.split(each.replace("\n", " ")) for each in found]


def answer(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for row, said in ((4, "Controlling"), (5, "ja"), (6, "nein")):
        book["Begleitangaben"][f"B{row}"] = said
    book.save(path)


def test_the_commands_of_the_document_are_one_path(home: Path, tmp_path: Path) -> None:
    work = tmp_path / "arbeit"
    work.mkdir()
    people(work / "auszug.csv", rows=60)
    people(work / "grundsicherung.csv", rows=30)
    (work / "strassen.csv").write_text(STREETS, encoding="utf-8")
    listed = commands()
    # The document tells the way first, then how to count; nobody checks before counting.
    order = ["template", "aggregate", "check", "accept", "calendar", "list", "withdraw"]
    assert {each[0] for each in listed} == set(order)
    listed.sort(key=lambda each: order.index(each[0]))
    for command in listed:
        done = run(*[str(home) if word == "KREIS" else word for word in command], cwd=work)
        assert done.exit_code == 0, (command, done.output)
        assert not [secret for secret in SECRETS if secret in done.output]
        if command[0] == "aggregate" and command[-1].endswith("fertig.xlsx"):
            answer(work / "jobcenter_2025_fertig.xlsx")
        if command[0] == "accept":
            table = read_joined(load_county(home), "mindestsicherung").table
            now = table[table["period"] == 2025].set_index(["variable", "area_id"])["value"]
            # 60 rows: one in ten lives nowhere known; odd house numbers are even n, of which 0, 10, … fall out.
            assert now["sgb2"]["9990100101"] == sum(n % 2 == 0 and n % 10 != 0 for n in range(60))
            assert now["sgb2"]["9990100102"] == sum(n % 2 == 1 for n in range(60))
            assert now["sgb2_kinder"]["9990100102"] == 0
            assert now["grundsicherung_65"].sum() == 27
            assert set(table["period"]) >= {2023, 2024, 2025}
            assert line_of(home, 2025).startswith("unvollständig")  # the streets name two areas
            assert line_of(home, 2025).endswith("unvollständig: 6 von 108 Zellen")
    assert (work / "jobcenter_2025_fertig.xlsx").stat().st_size > 0
    assert set(leaks(tmp_path)) == {"arbeit/auszug.csv", "arbeit/grundsicherung.csv", "arbeit/strassen.csv"}
    assert load_county(home).accepted == ()  # withdrawn at the end


def test_counts_in_a_template_leave_no_other_file(home: Path, tmp_path: Path) -> None:
    run("template", "jobcenter", "--period", 2025, "--out", tmp_path / "v.xlsx", cwd=home)
    (tmp_path / "s.csv").write_text(STREETS, encoding="utf-8")
    register = people(tmp_path / "r.csv")
    box = tmp_path / "box"
    out = box / "work" / "voll.xlsx"
    process = sandboxed(
        box, "aggregate", register, "--by", "year=2025", "--addresses", tmp_path / "s.csv", "--into",
        tmp_path / "v.xlsx", "--fill", "Leistungsberechtigte SGB II=Anzahl", "--out", out,
    )  # fmt: skip
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said
    assert "„Leistungsberechtigte SGB II“ = Anzahl, 2025" in said
    assert "noch leer: „darunter unter 15 Jahre“" in said
    assert [p.name for p in box.rglob("*") if p.is_file()] == ["voll.xlsx"]
    assert leaks(box) == []
    assert out.stat().st_mode & 0o077 == 0
    before, after = (openpyxl.load_workbook(p) for p in (tmp_path / "v.xlsx", out))
    assert before.sheetnames == after.sheetnames
    assert after["_sozialmonitor"].sheet_state == "veryHidden"
    assert after["Leistungen"].protection.sheet
    rules = [sheet["Leistungen"].data_validations.dataValidation for sheet in (before, after)]
    assert [str(r.sqref) for r in rules[0]] == [str(r.sqref) for r in rules[1]]
    # Areas that the table of streets never names stay blank.
    filled = {r[0]: r[3] for r in after["Leistungen"].iter_rows(min_row=6, values_only=True) if r[3] is not None}
    assert filled == {"9990100101": 16, "9990100102": 20}


@pytest.fixture
def blank(home: Path) -> Path:
    done = run("template", "jobcenter", "--periods", "2025-2026", "--out", "v.xlsx", cwd=home)
    assert done.exit_code == 0, done.output
    return home / "v.xlsx"


def counts(keys: list[str], years: tuple[int, ...], value: object) -> pd.DataFrame:
    rows = [(key, "", year, value) for year in years for key in keys]
    return pd.DataFrame(rows, columns=["Ortsteilschlüssel", "Gebiet", "Jahr", "Anzahl"])


def test_what_stands_there_is_not_replaced_and_a_year_without_people_stays_blank(blank: Path) -> None:
    form = read_request(blank).forms[0]
    keys = [key for key, _ in form.areas]
    table = pd.concat([counts(keys, (2025,), 4), counts(keys, (2026,), 0)], ignore_index=True)
    into = {"Leistungsberechtigte SGB II": "Anzahl"}
    filled = fill_template(blank, form, table, into)
    assert (filled.years, filled.cells) == ((2025,), len(keys))
    blank.write_bytes(filled.payload)
    again = fill_template(blank, form, table, into)  # the same again is no contradiction
    assert again.cells == len(keys)
    other = fill_template(blank, form, table, {"darunter unter 15 Jahre": "Anzahl"})
    assert other.empty == ("Grundsicherung im Alter (SGB XII)",)  # not what was filled before
    with pytest.raises(FormatError, match="Zellen enthalten schon andere Werte: D6"):
        fill_template(blank, form, counts(keys, (2025,), 5), into)
    with pytest.raises(FormatError, match="kein Zeichen für zurückgehaltene"):
        fill_template(blank, form, counts(keys, (2025,), "."), into)


def test_columns_find_each_other_or_are_named(blank: Path) -> None:
    form = read_request(blank).forms[0]
    names = ["Anzahl", "weiblich", "unter 15 Jahre", "65 Jahre und älter"]
    assert match_columns(form, names, {}) == {"darunter unter 15 Jahre": "unter 15 Jahre"}
    assert match_columns(form, names, {"Grundsicherung im Alter (SGB XII)": "65 Jahre und älter"}) == {
        "darunter unter 15 Jahre": "unter 15 Jahre",
        "Grundsicherung im Alter (SGB XII)": "65 Jahre und älter",
    }
    for said, message in (
        ({"SGB II": "Anzahl"}, "hat keine Spalte „SGB II“"),
        ({"Leistungsberechtigte SGB II": "Menschen"}, "gezählt wurde „Menschen“ nicht"),
    ):
        with pytest.raises(ColumnError, match=message):
            match_columns(form, names, said)
    with pytest.raises(ColumnError, match="keine Spalte der Vorlage heißt wie"):
        match_columns(form, ["Anzahl"], {})


@pytest.mark.parametrize(
    "extra",
    [
        ("--template", "v.xlsx", "--into", "v.xlsx", "--out", "o.xlsx"),
        ("--template", "v.xlsx", "--fill", "a=b", "--out", "o.csv"),
        ("--into", "v.xlsx", "--fill", "ohne", "--out", "o.xlsx"),
    ],
)
def test_what_does_not_go_together_is_usage(blank: Path, extra: tuple[str, ...]) -> None:
    people(blank.parent / "r.csv")
    assert run("aggregate", "r.csv", "--by", "year=2025", *extra, cwd=blank.parent).exit_code == 2


def test_counts_of_a_row_that_the_template_has_lost_are_not_lost_silently(blank: Path) -> None:
    form = read_request(blank).forms[0]
    table = counts([key for key, _ in form.areas], (2025,), 4)
    book = openpyxl.load_workbook(blank)
    book["Leistungen"].delete_rows(7)
    book.save(blank)
    with pytest.raises(FormatError, match="1 Zeilen der Vorlage fehlen"):
        fill_template(blank, form, table, {"Leistungsberechtigte SGB II": "Anzahl"})
