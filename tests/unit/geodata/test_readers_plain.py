"""Plain tables with several header rows and with rows that are totals: read as meant, or refused, never misread."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geodata.county_schema import ColumnSpec
from geodata.errors import AreaKeyError, ColumnError, FormatError, SignError
from geodata.models import Observations
from geodata.readers.sniff import describe
from geodata.readers.table import read_plain

AREAS = [("03157001", "Edemissen"), ("03157002", "Hohenhameln"), ("03157005", "Lengede"), ("03157006", "Peine")]
Row = Sequence[object]


def book(path: Path, rows: Sequence[Row], merged: Sequence[str] = ()) -> Path:
    """Write a workbook; cells that are merged keep the text of their first."""
    page: Any = openpyxl.Workbook()
    for row in rows:
        page.active.append(list(row))
    for area in merged:
        page.active.merge_cells(area)
    page.save(path)
    return path


def csv(path: Path, rows: Sequence[Row]) -> Path:
    lines = [";".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, area: str, period: str | int | None = None, **columns: str) -> Observations:
    return read_plain(
        path, columns={n: ColumnSpec(column=c) for n, c in columns.items()}, area=area, period=period, key="text"
    )


def sums(found: Observations) -> dict[tuple[str, int], float]:
    grouped = found.table.groupby(["variable", "period"])["value"].sum()
    return {(str(v), int(p)): float(x) for (v, p), x in grouped.items()}


#: Header rows → the names that a check lists. Figures: 100 a column, 1 an area, and 1 000 in the second column.
HEADERS: dict[str, tuple[list[Row], list[str]]] = {
    "years over measures": (
        [["Schlüssel", "Gemeinde", 2023, None, 2024, None], [None, None, "Personen", "Frauen", "Personen", "Frauen"]],
        ["Personen | 2023", "Frauen | 2023", "Personen | 2024", "Frauen | 2024"],
    ),
    "measures over years": (
        [["Schlüssel", "Gemeinde", "Personen", None, "Frauen", None], [None, None, 2023, 2024, 2023, 2024]],
        ["Personen | 2023", "Personen | 2024", "Frauen | 2023", "Frauen | 2024"],
    ),
    "headings of areas below": (
        [[None, None, "Personen", None, "Frauen", None], ["Schlüssel", "Gemeinde", 2023, 2024, 2023, 2024]],
        ["Personen | 2023", "Personen | 2024", "Frauen | 2023", "Frauen | 2024"],
    ),
    "dates": (
        [
            ["Schlüssel", "Gemeinde", "31.12.2023", None, "31.12.2024", None],
            ["", "", *["Personen", "Frauen"] * 2],
        ],
        ["Personen | 31.12.2023", "Frauen | 31.12.2023", "Personen | 31.12.2024", "Frauen | 31.12.2024"],
    ),
    "three rows below a title": (
        [
            ["Leistungsberechtigte"],
            ["Schlüssel", "Gemeinde", "SGB II", None, None, None],
            [None, None, 2023, None, 2024, None],
            [None, None, "Personen", "Frauen", "Personen", "Frauen"],
        ],
        [f"SGB II | {n} | {y}" for y in (2023, 2024) for n in ("Personen", "Frauen")],
    ),
    "units below": (
        [["Schlüssel", "Gemeinde", "Personen", "Frauen", "Männer", "Kinder"], [None, None, *["Anzahl"] * 4]],
        ["Personen", "Frauen", "Männer", "Kinder"],
    ),
    "groups": (
        [
            ["Schlüssel", "Gemeinde", "SGB II", None, "SGB XII", None],
            [None, None, *["Personen", "Frauen"] * 2],
        ],
        ["SGB II | Personen", "SGB II | Frauen", "SGB XII | Personen", "SGB XII | Frauen"],
    ),
}


def body(columns: int = 4) -> list[list[object]]:
    return [[key, name, *(100 * (c + 1) + n for c in range(columns))] for n, (key, name) in enumerate(AREAS)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_several_rows_are_told_and_read(tmp_path: Path, name: str, kind: str) -> None:
    head, names = HEADERS[name]
    rows = [*head, *body()]
    width = max(map(len, rows))
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    path = (csv if kind == "csv" else book)(tmp_path / f"t.{kind}", rows)
    verdict = describe(path)
    assert (list(verdict.variables), verdict.rows, verdict.values, verdict.areas) == (names, 4, 16, 4)
    assert any("the header has" in finding for finding in verdict.findings)
    assert verdict.periods == ((2023, 2024) if any("2024" in each for each in names) else ())
    # Each column by its full name: 4 areas, 100 a column, and 0 + 1 + 2 + 3.
    for at, column in enumerate(names):
        found = read(path, "Schlüssel", 2030, n=column)
        assert found.table["value"].tolist() == [100 * (at + 1) + n for n in range(4)]
        assert set(found.table["period"]) == {2030}  # what county.toml says counts


@pytest.mark.parametrize("name", ["years over measures", "measures over years", "headings of areas below", "dates"])
def test_a_name_without_its_year_means_all_years(tmp_path: Path, name: str) -> None:
    head, names = HEADERS[name]
    path = csv(tmp_path / "t.csv", [*head, *body()])
    expected = {}
    for at, column in enumerate(names):
        label, year = column.split(" | ")
        expected[{"Personen": "n", "Frauen": "w"}[label], int(year[-4:])] = 400.0 * (at + 1) + 6
    assert sums(read(path, "Schlüssel", n="Personen", w="Frauen")) == expected
    one = read(path, "Schlüssel", 2024, n="Personen")
    assert sums(one) == {("n", 2024): expected["n", 2024]}
    with pytest.raises(ColumnError, match="expected 'Personen' of 2022, found 2023, 2024"):
        read(path, "Schlüssel", 2022, n="Personen")


def test_a_name_that_leaves_open_which_group_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path / "t.csv", [*HEADERS["groups"][0], *body()])
    with pytest.raises(ColumnError, match=r"perhaps 'SGB II \| Personen'"):
        read(path, "Schlüssel", 2024, n="Personen")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    years=st.lists(st.integers(2000, 2030), min_size=1, max_size=4, unique=True),
    measures=st.lists(st.sampled_from(["Personen", "Frauen", "BG", "unter 15"]), min_size=2, max_size=4, unique=True),
    above=st.booleans(),
    figures=st.integers(3000, 9000),
)
def test_whatever_stands_above_each_other_figures_keep_their_place(
    tmp_path: Path, years: list[int], measures: list[str], above: bool, figures: int
) -> None:
    outer, inner = (years, measures) if above else (measures, years)
    columns = list(itertools.product(outer, inner))
    upper = [o if i == inner[0] else None for o, i in columns]
    rows: list[Row] = [["Schlüssel", "Gemeinde", *upper], [None, None, *(i for _, i in columns)]]
    value = {column: figures + 7 * at for at, column in enumerate(columns)}
    rows += [[key, name, *(value[c] + n for c in columns)] for n, (key, name) in enumerate(AREAS)]
    path = tmp_path / "t.csv"
    found = read(csv(path, rows), "Schlüssel", **{f"v{n}": m for n, m in enumerate(measures)})
    expected = {
        (f"v{n}", y): 4.0 * value[(y, m) if above else (m, y)] + 6 for n, m in enumerate(measures) for y in years
    }
    assert sums(found) == expected


#: First rows of figures that are no header, whatever they look like.
NO_HEADER: dict[str, Row] = {
    "secrets": ["03157000", "Peine, Land", "geheim", "geheim", "geheim", "geheim"],
    "signs": [None, None, "-", ".", "x", "/"],
    "no name for the key": ["Wendeburg", None, 2011, 1999, 2004, 2020],
    "a total of words": ["Insgesamt", None, "k. A.", "k. A.", "k. A.", "k. A."],
}


@pytest.mark.parametrize("name", NO_HEADER)
def test_a_row_of_data_is_no_header(tmp_path: Path, name: str) -> None:
    path = csv(tmp_path / "t.csv", [["AGS", "Gemeinde", "a", "b", "c", "d"], NO_HEADER[name], *body()])
    verdict = describe(path)
    assert not any("the header has" in finding for finding in verdict.findings)
    assert "Gemeinde" not in verdict.variables
    assert {"a", "b", "c", "d"} <= set(verdict.variables)
    if name in ("no name for the key", "a total of words"):
        assert len(read(path, "AGS", 2024, a="a").table) == (5 if name == "no name for the key" else 4)
    else:
        with pytest.raises((AreaKeyError, SignError)):
            read(path, "AGS", 2024, a="a")


# ------------------------------------------------------------------------------------------------------------- totals


@pytest.mark.parametrize(
    "total",
    [
        ["Summe", ""], ["", "Insgesamt"], ["", "Landkreis Peine insgesamt"], ["Gesamt:", ""], ["00", "Gesamtsumme"],
        ["", "Summe der Gemeinden"], ["Kreissumme", "Landkreis"], ["Gesamtergebnis", ""],
    ],
)  # fmt: skip
@pytest.mark.parametrize(("given", "said"), [(418, "by 12 (3.0 %)"), (406, "")])
def test_a_total_is_no_area_and_held_against_its_parts(tmp_path: Path, total: list[str], given: int, said: str) -> None:
    rows = [["AGS", "Gemeinde", "Jahr", "Personen"], *([k, n, 2024, 100 + at] for at, (k, n) in enumerate(AREAS))]
    path = csv(tmp_path / "t.csv", [*rows, [*total, 2024, given]])
    verdict, found = describe(path), read(path, "AGS", "Jahr", n="Personen")
    assert (verdict.areas, verdict.values, verdict.variables) == (4, 4, ("Personen",))
    assert found.table["area_id"].tolist() == [key for key, _ in AREAS]
    for findings in (verdict.findings, found.notes):
        assert any(finding.startswith("1 row is a total, no area") for finding in findings)
        differ = [finding for finding in findings if "parts differ from the total" in finding]
        expected = said.replace("3.0", f"{1200 / given:.1f}")
        assert [expected in finding and "row 6" in finding for finding in differ] == ([True] if said else [])


def test_totals_of_years_and_groups_are_held_against_their_own_parts(tmp_path: Path) -> None:
    """A table with a total a year, one of them wrong; shares are not added up."""
    rows: list[Row] = [["Gemeinde", "Jahr", "Personen", "Quote in %"]]
    for year in (2023, 2024):
        rows += [[name, year, year - 2000 + at, 5] for at, (_, name) in enumerate(AREAS)]
        rows += [["Insgesamt", year, 4 * (year - 2000) + 6 - (year == 2024), 5]]
    found = read(csv(tmp_path / "t.csv", rows), "Gemeinde", "Jahr", n="Personen", q="Quote in %")
    assert sums(found) == {("n", 2023): 98.0, ("n", 2024): 102.0, ("q", 2023): 20.0, ("q", 2024): 20.0}
    differ = [note for note in found.notes if "differ" in note]
    assert len(differ) == 1
    assert "by 1 (1.0 %) at most, in n, Insgesamt, row 11; 1 of 2 totals" in differ[0]


def test_insgesamt_behind_an_area_is_a_characteristic_of_it(tmp_path: Path) -> None:
    rows: list[Row] = [["AGS", "Geschlecht", "Personen"]]
    rows += [[key, sex, 50 * n] for key, _ in AREAS for n, sex in enumerate(("insgesamt", "weiblich"), start=1)]
    path = csv(tmp_path / "t.csv", rows)
    assert not any("total" in finding for finding in describe(path).findings)
    columns = {"n": ColumnSpec(column="Personen", select={"Geschlecht": "insgesamt"})}
    assert len(read_plain(path, columns=columns, area="AGS", period=2024).table) == 4


def test_a_table_of_totals_alone_is_one_of_areas(tmp_path: Path) -> None:
    path = csv(tmp_path / "t.csv", [["Gebiet", "Personen"], ["Landkreis Peine insgesamt", 5], ["Stadt gesamt", 6]])
    assert len(read(path, "Gebiet", 2024, n="Personen").table) == 2


def test_several_totals_of_the_same_rows_are_not_compared(tmp_path: Path) -> None:
    rows = [["AGS", "Name", "n"], *([k, n, 10] for k, n in AREAS), ["", "Summe Nord", 20], ["", "Summe Süd", 20]]
    findings = describe(csv(tmp_path / "t.csv", rows)).findings
    assert any(finding.startswith("2 rows are totals, no areas: 'Summe Nord', 'Summe Süd'") for finding in findings)
    assert any("they are not compared" in finding for finding in findings)
    assert not any("differ from" in finding for finding in findings)


# ----------------------------------------------------------------------------------------------- years of two digits


def test_years_of_two_digits_are_told_with_row_and_remedy(tmp_path: Path) -> None:
    rows = [["AGS", "Jahr", "n"], *([k, "22" if at == 2 else 2022, 10 + at] for at, (k, _) in enumerate(AREAS))]
    path = csv(tmp_path / "t.csv", rows)
    verdict = describe(path)
    assert (verdict.variables, verdict.periods) == (("n",), (2022,))
    assert any("'Jahr' holds years of two digits, first '22' in row 4" in finding for finding in verdict.findings)
    with pytest.raises(FormatError, match=r"found '22' in row 4 -> write years with four digits"):
        read(path, "AGS", "Jahr", n="n")


def test_a_column_of_small_numbers_is_no_year(tmp_path: Path) -> None:
    path = csv(tmp_path / "t.csv", [["AGS", "Jahre im Bezug", "n"], *([k, 12, 5] for k, _ in AREAS)])
    assert "Jahre im Bezug" in describe(path).variables


def test_blank_tables_with_words_alone_stay_tables(tmp_path: Path) -> None:
    verdict = describe(csv(tmp_path / "t.csv", [["a", "b", "c"], ["x", "y", "z"], ["u", "v", "w"]]))
    assert (verdict.rows, verdict.format) == (2, "table")
