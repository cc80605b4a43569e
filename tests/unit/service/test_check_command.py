"""``sozialmonitor check``: one entry a file, whatever becomes of it, and text that people can read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import openpyxl
import pytest
from click.testing import CliRunner

from service.cli import main
from service.commands.text import WIDTH

GENESIS = (
    "\ufeffstatistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;2_variable_code;2_variable_label;2_variable_attribute_code;"
    "2_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label\n"
    "12411;S;STAG;Stichtag;2024-12-31;GEMEIN;Gemeinden;03157001;Edemissen;GES;Geschlecht;;Insgesamt;12;Anzahl;BEV;"
    "Bevölkerung\n"
    "12411;S;STAG;Stichtag;2024-12-31;GEMEIN;Gemeinden;03157001;Edemissen;GES;Geschlecht;GESW;weiblich;7;Anzahl;BEV;"
    "Bevölkerung\n"
)


def check(*arguments: object):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    good, empty, folder = tmp_path / "good.csv", tmp_path / "empty.csv", tmp_path / "folder"
    good.write_text(GENESIS, encoding="utf-8")
    empty.write_bytes(b"")
    folder.mkdir()
    torn = tmp_path / "torn.gpkg"
    torn.write_bytes(b"SQLite format 3\x00" + b"\x00" * 200)
    return [tmp_path / "missing.csv", good, empty, folder, torn]


def test_every_file_has_its_entry_in_the_order_given(files):
    answer = check("--json", *files)
    assert answer.exit_code == 3
    entries = json.loads(answer.stdout)
    assert [entry["file"] for entry in entries] == list(map(str, files))
    assert ["error" in entry for entry in entries] == [True, False, True, True, True]
    for entry in entries:
        if "error" in entry:
            assert set(entry) == {"file", "error", "where", "hint"}
            assert all(entry.values())
            assert entry["error"] in answer.stderr
    assert "found none" in entries[0]["error"]
    assert "0 bytes" in entries[2]["error"]
    assert "county.toml" in entries[3]["error"]
    only = json.loads(check("--json", files[1]).stdout)
    assert only == [entries[1]]
    assert only[0]["titles"] == {"BEV": "Bevölkerung", "BEV.GES=GESW": "Bevölkerung, weiblich"}


def test_a_file_that_cannot_be_read_stops_no_other(files, monkeypatch):
    from geodata.readers import sniff

    def broken(path: Path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sniff, "describe", broken)
    answer = check("--json", files[1], files[1])
    assert answer.exit_code == 3
    assert ["Input/output error" in entry["error"] for entry in json.loads(answer.stdout)] == [True, True]


def test_a_folder_without_a_county_and_a_broken_county_are_entries_too(tmp_path):
    answer = check("--json", tmp_path)
    assert (answer.exit_code, json.loads(answer.stdout)[0]["file"]) == (3, str(tmp_path))
    (tmp_path / "county.toml").write_text("= nonsense", encoding="utf-8")
    answer = check("--json", tmp_path)
    assert answer.exit_code == 3
    assert set(json.loads(answer.stdout)) == {"file", "error", "where", "hint"}


def test_text_names_titles_and_fits_the_screen(files):
    answer = check(*files)
    assert answer.exit_code == 3
    text = click.unstyle(answer.stdout)
    assert "Bevölkerung, weiblich (BEV.GES=GESW)" in text
    ending = text[text.index("5 files, 1 readable, 4 rejected:") :]
    assert [str(file) in ending for file in files] == [True, False, True, True, True], "which ones, at the end"
    assert all(len(line) <= WIDTH for line in text.splitlines() if str(files[0].parent) not in line)
    # What a person should know comes before how the file was read, and nothing is said twice.
    marks = [line[:4] for line in text.splitlines() if line.startswith(("  ! ", "  · "))]
    assert marks == sorted(marks)
    assert "signs: legend" not in text


def test_long_lists_of_keys_are_cut_in_text_only(tmp_path):
    from collections import Counter

    from geodata.readers.verdict import Verdict
    from service.commands.check import verdict_text

    long = "keys dissolved at 2016-11-01: " + ", ".join(f"{3152000 + i:08d} Name" for i in range(300))
    text = click.unstyle(verdict_text("f", Verdict("genesis-flat", statuses=Counter(zero=1), findings=(long,))))
    assert len(text.splitlines()) < 12
    assert "--json has the rest" in text


@pytest.mark.parametrize("changed", [False, True])
def test_our_own_template_is_recognised(tiny_county, tmp_path, changed):
    path = tmp_path / "jobcenter.xlsx"
    made = CliRunner().invoke(
        main,
        ["supply", "template", "jobcenter", "--period", "2025", "--county", str(tiny_county), "--out", str(path)],
    )
    assert made.exit_code == 0, made.output
    if changed:
        book = openpyxl.load_workbook(path)
        book["_sozialmonitor"]["B3"].value = "x"
        book.save(path)
    answer = check("--json", path)
    assert answer.exit_code == 0, answer.stderr
    (entry,) = json.loads(answer.stdout)
    assert (entry["format"], entry["periods"]) == ("supply-template", [2025])
    assert "sozialmonitor supply check jobcenter.xlsx" in entry["findings"][0]
    assert ("hidden sheet was changed" in entry["findings"][0]) == changed
    assert entry["areas"] == 36


def test_measures_that_do_not_fit_are_told_before_a_run(tiny_county, tmp_path):
    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    path = folder / "measures.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"9990100101"', '"12345678"'), encoding="utf-8")
    done = check(folder)
    assert done.exit_code != 0
    assert "measures.jobpunkt.areas" in done.output
    assert "12345678" in done.output
