"""What contradicts itself in a plain table, and how its numbers are read, is a finding of ``check``."""

from __future__ import annotations

from pathlib import Path

import pytest

from geodata.readers.sniff import describe

HEAD = "AGS;Jahr;Art;n\n"


def said(tmp_path: Path, text: str) -> str:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return " / ".join(describe(path).findings)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("03157001;2022;a;5\n03157001;2022;a;7\n03157002;2022;a;9\n03157005;2022;a;4\n", True),
        ("03157001;2022;a;5\n03157001;2022;a;5\n03157002;2022;a;9\n", False),
        ("03157001;2022;a;5\n03157001;2022;b;7\n03157002;2022;a;9\n", False),
        ("03157001;2022;a;5\n03157001;2023;a;7\n03157002;2022;a;9\n", False),
    ],
)
def test_two_figures_for_one_area_and_year_are_named(tmp_path: Path, rows: str, named: bool) -> None:
    found = said(tmp_path, HEAD + rows)
    assert ("two rows of the same area and year contradict each other: 03157001;" in found) is named


def test_a_thousands_point_beside_a_decimal_comma_is_said(tmp_path: Path) -> None:
    found = said(tmp_path, "AGS;Einwohner;Anteil\n03157001;12.464;7,5\n03157002;9.100;8,25\n")
    assert "decimal comma, thousands point (12.464 is read as 12464)" in found
    assert "thousands point" not in said(tmp_path, "AGS;Anteil\n03157001;7,5\n03157002;8,25\n")
