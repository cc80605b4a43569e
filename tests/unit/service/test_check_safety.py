"""Hostile files through the command ``check``: refused with the limit or the reason, or defused and said to be."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely
from click.testing import CliRunner, Result

from service.cli import main

ROWS = b"AGS;Jahr;Wert\n03157001;2022;1\n03157002;2022;2\n"
SHEET = "xl/worksheets/sheet1.xml"


def check(path: Path, *options: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["check", *options, str(path)], env=environment)


def book(folder: Path, member: str = "", content: bytes = b"", before: bytes = b"") -> Path:
    """A workbook with a formula, one member more, and something before its sheet."""
    plain, path = folder / "plain.xlsx", folder / "book.xlsx"
    made = openpyxl.Workbook()
    for row in (["AGS", "Jahr", "Wert"], ["03157001", 2022, 1], ["03157002", 2022, "=1+1"]):
        made.active.append(row)
    made.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, before + old.read(name) if name == SHEET else old.read(name))
        if member:
            new.writestr(member, content)
    return path


def text(folder: Path, content: bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content)
    return path


def spreadsheetml(folder: Path) -> Path:
    path = folder / "laughs.xml"
    lines = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))]
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE w [{"".join(lines)}]><Workbook xmlns="{space}">&a9;</Workbook>')
    return path


def endless(folder: Path) -> Path:
    """A GeoPackage whose layer is a view without an end."""
    path = folder / "endless.gpkg"
    areas = gpd.GeoDataFrame({"AGS": ["03157001"]}, geometry=[shapely.box(6e5, 5.79e6, 6e5 + 1, 5.79e6 + 1)], crs=25832)
    areas.to_file(path, layer="a")
    database = sqlite3.connect(path)
    for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
        database.create_function(name, 1, lambda _: 0)
    database.executescript(
        "ALTER TABLE a RENAME TO b; CREATE VIEW a AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
        "SELECT n AS fid, geom FROM c, b"
    )
    database.close()
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "ZIP bomb": (lambda f: book(f, "xl/media/a.png", bytes(64 << 20)), "SOZIALMONITOR_LIMIT_RATIO"),
    "path out of the archive": (lambda f: book(f, "../../etc/cron.d/a", b"x"), "outside itself"),
    "absolute path": (lambda f: book(f, "/etc/passwd", b"x"), "outside itself"),
    "entities in a workbook": (lambda f: book(f, before=b'<!DOCTYPE a [<!ENTITY b "c">]>'), "document type"),
    "entities in XML": (spreadsheetml, "document type"),
    "over-long line": (lambda f: text(f, ROWS + b"x" * 5_000_000 + b";1;1\n"), "SOZIALMONITOR_LIMIT_LINE_BYTES"),
    "over-long cell": (
        lambda f: text(f, ROWS + b'"' + b"x\n" * 700_000 + b'";1;1\n'),
        "SOZIALMONITOR_LIMIT_CELL_BYTES",
    ),
    "two encodings": (
        lambda f: text(f, "AGS;Name\n03157001;Größe\n".encode() + "03157002;Straße\n".encode("latin-1")),
        "line 3",
    ),
    "a view without an end": (endless, "does not come to an end"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_files_are_refused(case: str, tmp_path: Path) -> None:
    make, said = REFUSED[case]
    result = check(make(tmp_path))
    assert result.exit_code == 3, result.output
    assert said in result.output
    assert "Traceback" not in result.output


def test_formulas_are_not_computed_but_said_to_be_there(tmp_path: Path) -> None:
    result = check(book(tmp_path))
    assert result.exit_code == 0, result.output
    assert "cells are formulas" in " ".join(result.output.split())
    assert "no saved value" in " ".join(result.output.split())


def test_a_command_in_a_cell_is_text(tmp_path: Path) -> None:
    result = check(text(tmp_path, ROWS + b"03157003;2022;=cmd|' /C calc'!A0\n"), "--json")
    assert result.exit_code == 0, result.output
    assert "=cmd" in json.dumps(json.loads(result.output))


def test_limits_are_settings(tmp_path: Path) -> None:
    path = text(tmp_path, ROWS)
    assert check(path).exit_code == 0
    low = check(path, SOZIALMONITOR_LIMIT_ROWS="2")
    assert low.exit_code == 3
    assert "SOZIALMONITOR_LIMIT_ROWS (now 2)" in low.output
    long_line = text(tmp_path, ROWS + b"03157003;2022;" + b"x" * 5_000_000 + b"\n")
    assert check(long_line).exit_code == 3
    raised = {"SOZIALMONITOR_LIMIT_LINE_BYTES": "6M", "SOZIALMONITOR_LIMIT_CELL_BYTES": "6M"}
    assert check(long_line, **raised).exit_code == 0
    wrong = check(path, SOZIALMONITOR_LIMIT_ROW="2")
    assert wrong.exit_code != 0
    assert "there is no such limit" in wrong.output
