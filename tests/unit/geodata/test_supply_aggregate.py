"""Counting on the spot: exact, from a closed list of areas, and silent about everything else."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import ColumnError, ConfigError, FormatError, GeodataError, NoDataError
from geodata.readers.sheet import open_sheet
from geodata.supply.addresses import (
    NO_NUMBER,
    NO_RANGE,
    NO_STREET,
    SEVERAL,
    UNKNOWN_STREET,
    code_addresses,
    house_number,
    read_addresses,
    split_street,
    street_key,
)  # fmt: skip
from geodata.supply.aggregate import (
    NO_AREA,
    NO_YEAR,
    OTHER_AREA,
    OTHER_YEAR,
    SECRET,
    SEXES,
    TWICE,
    Columns,
    age_labels,
    aggregate,
    suppress,
)  # fmt: skip
from geodata.supply.casedata import inspect

AREAS = {f"999010010{n}": f"Dorf {n}" for n in range(1, 6)}
BOUNDS = (6, 15, 65)


def write(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("\n".join(";".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def age_at(born: dt.date, day: dt.date) -> int:
    """Count birthdays one by one: the 29th of February is kept on the 1st of March."""
    age = -1
    while True:
        try:
            birthday = dt.date(born.year + age + 1, born.month, born.day)
        except ValueError:
            birthday = dt.date(born.year + age + 1, 3, 1)
        if birthday > day:
            return age
        age += 1


def register(path: Path, seed: int, size: int = 400) -> tuple[Path, Counter[tuple[str, int, str, str]]]:
    """Write invented people and count them one by one."""
    rng = np.random.default_rng(seed)
    rows = [["Name", "Schlüssel", "Stand", "Geschlecht", "Geburtsdatum"]]
    counted: Counter[tuple[str, int, str, str]] = Counter()
    labels = age_labels(BOUNDS)
    for n in range(size):
        area = list(AREAS)[rng.integers(len(AREAS))]
        year = int(rng.integers(2023, 2026))
        sex = int(rng.integers(4))
        born = dt.date(1930, 1, 1) + dt.timedelta(days=int(rng.integers(34_000)))
        known = rng.random() < 0.95
        written = born.strftime("%d.%m.%Y") if rng.random() < 0.5 else born.isoformat()
        rows.append([f"Zwackelmann{n}", area, f"{year}-12-31", "wmd?"[sex], written if known else "unbekannt"])
        age = age_at(born, dt.date(year, 12, 31))
        label = labels[sum(age >= bound for bound in BOUNDS)] if known and age >= 0 else labels[-1]
        counted[area, year, SEXES[sex], label] += 1
    return write(path, rows), counted


def count(path: Path, **more: object) -> pd.DataFrame:
    columns = Columns(area="Schlüssel", year="Stand", sex="Geschlecht", age="Geburtsdatum")
    return aggregate(path, columns, areas=AREAS, ages=BOUNDS, **more).table  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_counting_one_by_one(tmp_path: Path, seed: int) -> None:
    path, counted = register(tmp_path / "r.csv", seed)
    table = count(path)
    assert table[["Schlüssel", "Jahr"]].values.tolist() == [[k, y] for y in (2023, 2024, 2025) for k in sorted(AREAS)]
    for row in table.to_dict("records"):
        mine = {k[2:]: n for k, n in counted.items() if k[:2] == (row["Schlüssel"], row["Jahr"])}
        assert row["Anzahl"] == sum(mine.values())
        for sex in SEXES:
            assert row[sex] == sum(n for (s, _), n in mine.items() if s == sex)
        for label in age_labels(BOUNDS):
            assert row[label] == sum(n for (_, a), n in mine.items() if a == label)
            for sex in SEXES:
                assert row[f"{label}, {sex}"] == mine.get((sex, label), 0)


def test_age_turns_on_the_birthday(tmp_path: Path) -> None:
    rows = [
        ["k", "g"],
        *([next(iter(AREAS)), born] for born in ("31.12.2010", "01.01.2011", "30.12.2010", "2010", "15", "14")),
    ]
    path = write(tmp_path / "r.csv", rows)
    table = aggregate(path, Columns(area="k", year=2025, age="g"), areas=AREAS, ages=(15,)).table
    assert table["15 Jahre und älter"].iloc[0] == 4  # 31.12. and 30.12.2010, the year 2010, the age 15
    table = aggregate(path, Columns(area="k", year=2025, age="g"), areas=AREAS, ages=(15,), day=(6, 30)).table
    assert table["15 Jahre und älter"].iloc[0] == 2


def test_rows_that_cannot_be_placed_are_counted_by_reason(tmp_path: Path) -> None:
    key = next(iter(AREAS))
    rows = [
        ["Schlüssel", "Jahr", "Nr"],
        [key, "2025", "a"],
        [key, "2025", "a"],
        ["", "2025", "b"],
        ["777", "2025", "c"],
        [key, "gestern", "d"],
        [key, "1999", "e"],
        [key, "2025", ""],
        [key, "2025", ""],
    ]
    columns = Columns(area="Schlüssel", year="Jahr", person="Nr")
    result = aggregate(write(tmp_path / "r.csv", rows), columns, areas=AREAS, years=(2025,))
    assert result.report == {NO_AREA: 1, OTHER_AREA: 1, NO_YEAR: 1, OTHER_YEAR: 1, TWICE: 1}
    assert (result.rows, result.counted) == (8, 3)  # two without a number are two people
    assert result.table["Anzahl"].sum() == 3
    assert len(result.table) == len(AREAS)  # zeros included


def test_a_workbook_with_title_rows_counts_as_well(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Auszug vom 3. Januar"])
    book.active.append([])
    book.active.append(["Vorname", "Schlüssel", "Geburtsdatum"])
    for day in range(1, 8):
        book.active.append(["Kunigunde", next(iter(AREAS)), dt.datetime(1990, 5, day)])
    path = tmp_path / "r.xlsx"
    book.save(path)
    result = aggregate(path, Columns(area="Schlüssel", year=2025, age="Geburtsdatum"), areas=AREAS, ages=(18,))
    assert result.table["18 Jahre und älter"].sum() == 7


def test_the_result_is_no_case_data_and_reads_as_a_table(tmp_path: Path) -> None:
    path, _ = register(tmp_path / "r.csv", 1)
    out = tmp_path / "o.csv"
    out.write_bytes(aggregate(path, Columns(area="Schlüssel", year="Stand", sex="Geschlecht"), areas=AREAS).to_csv())
    assert inspect(open_sheet(out)) == ()


@pytest.mark.parametrize(
    ("columns", "ages"),
    [
        (Columns(area="Vorname", year=2025), ()),  # not there
        (Columns(area="Schlüssel", year="Geburtsdatum"), ()),  # would write birth years
        (Columns(area="Schlüssel", year="Stand", age="Geburtsdatum"), (15, 6)),
        (Columns(area="Schlüssel", year="Stand"), (15,)),
        (Columns(year="Stand"), ()),
        (Columns(area="Name", year="Stand"), ()),  # no area is called so: nothing to count
    ],
)
def test_what_cannot_be_meant_is_refused_without_a_value(
    tmp_path: Path, columns: Columns, ages: tuple[int, ...]
) -> None:
    path, _ = register(tmp_path / "r.csv", 2, 20)
    with pytest.raises((ConfigError, ColumnError, NoDataError)) as stop:
        aggregate(path, columns, areas=AREAS, ages=ages)
    assert "Zwackelmann" not in str(stop.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"Name;K\nZwackelmann;1;2;3\nZwackelmann;1\n",
        b'Name;K\n"Zwackelmann;1\n',
        b"Zwackelmann",
        b"\x00\x01Zwackelmann",
        b"PK\x03\x04Zwackelmann",
        b'{"Status": {"Code": 98, "Content": "Zwackelmann"}}',
        "Näme;Zwackelmänn\nZwackelm".encode() + b"\xc3",
    ],
)
def test_unreadable_registers_say_nothing_of_what_they_hold(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(payload)
    for refused in (
        lambda: aggregate(path, Columns(area="K", year=2025), areas=AREAS),
        lambda: read_addresses(path),
    ):
        with pytest.raises(GeodataError) as stop:
            refused()
        chain: BaseException | None = stop.value
        while chain is not None:  # neither the message nor what it came from
            assert "wackelm" not in str(chain)
            chain = chain.__cause__ or chain.__context__


# ── suppression ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(4))
def test_no_small_count_can_be_worked_out_from_its_row(tmp_path: Path, seed: int) -> None:
    path, _ = register(tmp_path / "r.csv", seed, 60)
    columns = Columns(area="Schlüssel", year="Stand", sex="Geschlecht", age="Geburtsdatum")
    exact = aggregate(path, columns, areas=AREAS, ages=BOUNDS)
    shown = suppress(exact, 3, sex=True, ages=BOUNDS).table
    counts = exact.table.columns[3:]
    hidden = shown[counts] == SECRET
    assert hidden.to_numpy().any()
    small = (exact.table[counts] > 0) & (exact.table[counts] < 3)
    assert hidden[small].equals(small[small])
    kept = ~hidden
    assert (shown[counts].where(kept) == exact.table[counts].where(kept)).to_numpy()[kept.to_numpy()].all()
    # A breakdown is shown whole or not at all, so that no part is total minus rest.
    for group in (list(SEXES), list(age_labels(BOUNDS))):
        assert (hidden[group].all(axis=1) | kept[group].all(axis=1)).all()


# ── addresses ──────────────────────────────────────────────────────────────────────────────────────────────────────

TABLE = [
    ["Straße", "von", "bis", "Seite", "Ort", "Schlüssel"],
    ["Hauptstraße", "1", "19", "ungerade", "Peine", "A"],
    ["Hauptstraße", "2", "18", "gerade", "Peine", "B"],
    ["Hauptstraße", "20", "40a", "", "Peine", "C"],
    ["Hauptstraße", "40b", "", "alle", "Peine", "D"],
    ["Hauptstraße", "", "", "", "Ilsede", "E"],
    ["Am Markt", "", "", "", "Peine", "A"],
    ["Ringweg", "1", "10", "", "Peine", "A"],
    ["Ringweg", "11", "20", "", "Peine", "B"],
]


@pytest.mark.parametrize(
    ("street", "number", "place", "area", "why"),
    [
        ("Hauptstr.", "7", "Peine", "A", ""),
        ("HAUPTSTRASSE", "8", "peine", "B", ""),
        ("Haupt-Straße", "18z", "Peine", "B", ""),
        ("Hauptstraße", "20", "Peine", "C", ""),
        ("Hauptstraße", "40", "Peine", "C", ""),
        ("Hauptstraße", "40a", "Peine", "C", ""),
        ("Hauptstraße", "40 B", "Peine", "D", ""),
        ("Hauptstraße", "9998", "Peine", "D", ""),
        ("Hauptstraße", "3", "Ilsede", "E", ""),
        ("Hauptstraße", "3", "", None, SEVERAL),
        ("Hauptstraße", "", "Ilsede", "E", ""),
        ("Hauptstraße", "", "Peine", None, NO_NUMBER),
        ("Am Markt", "", "", "A", ""),
        ("Am Markt", "12-14", "", "A", ""),
        ("Ringweg", "21", "Peine", None, NO_RANGE),
        ("Ringweg", "o. Nr.", "Peine", None, NO_NUMBER),
        ("Ringweg", "2024-12-14", "Peine", None, NO_NUMBER),
        ("", "3", "Peine", None, NO_STREET),
        ("Nirgendwo", "3", "Peine", None, UNKNOWN_STREET),
        ("Hauptstraße", "3", "Celle", None, UNKNOWN_STREET),
    ],
)
def test_addresses_find_their_area(
    tmp_path: Path, street: str, number: str, place: str, area: str | None, why: str
) -> None:
    assert read_addresses(write(tmp_path / "s.csv", TABLE)).code(street, number, place) == (area, why)


def test_another_column_than_sex_or_age_is_refused_and_its_cells_are_not_repeated(tmp_path: Path) -> None:
    rows = [["Gebiet", "Nachname", "Hausnummer", "Tag"], *(["A", "Zwackelmann", str(n), "x"] for n in range(1, 30))]
    path = write(tmp_path / "r.csv", rows)
    for columns, said in (
        (Columns(year=2025, area="Gebiet", sex="Nachname"), "in 29 von 29 Zeilen kein Geschlecht"),
        (Columns(year=2025, area="Gebiet", age="Tag"), "in 29 von 29 Zeilen kein Alter"),
        (Columns(year=2025, area="Gebiet", age="Hausnummer"), "Teil der Anschrift"),
    ):
        with pytest.raises(ConfigError, match=said) as stop:
            aggregate(path, columns, areas={"A": ""})
        assert "Zwackelmann" not in str(stop.value)


def test_a_number_behind_the_street_counts_where_its_own_column_is_blank(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [["Straße", "von", "bis", "Schlüssel"], ["Hauptstraße", "1", "60", "A"],
                                      ["Straße 12", "", "", "B"]])  # fmt: skip
    streets = pd.Series(["Hauptstraße 51a", "Hauptstraße", "Straße 12", "Hauptstraße 51a", "Hauptstr. 99"])
    numbers = pd.Series(["", "", "", "3", ""])
    found, why = code_addresses(read_addresses(path), streets, numbers, None)
    assert found == ["A", None, "B", None, None]
    assert why[1:5:3] == ["Hausnummer fehlt oder unlesbar", "Hausnummer in keinem Bereich"]


def test_one_column_may_hold_street_and_number() -> None:
    assert split_street("Straße des 17. Juni 135") == ("Straße des 17. Juni", "135")
    assert split_street("Hauptstr. 12-14") == ("Hauptstr.", "12-14")
    assert split_street("Lange Str. 3 a") == ("Lange Str.", "3 a")
    assert split_street("Am Markt") == ("Am Markt", "")
    assert house_number("0012") == (12, "")
    assert house_number("0") is None
    assert street_key("Straße") == street_key("STR.") == street_key("Strasse")
    assert street_key("Straßburger Weg") != street_key("Strasse")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["Ringweg", "5", "5", "", "Peine", "B"], "Zeilen 8 und 10"),
        (["Ringweg", "5", "5", "ungerade", "Peine", "B"], "Zeilen 8 und 10"),
        (["Neuweg", "9", "5", "", "Peine", "B"], "Zeilen 10"),
        (["Neuweg", "x", "", "", "Peine", "B"], "Zeilen 10"),
        (["Neuweg", "", "", "links", "Peine", "B"], "Zeilen 10"),
        (["Neuweg", "", "", "", "Peine", ""], "Zeilen 10"),
    ],
)
def test_a_contradictory_table_is_refused_by_row(tmp_path: Path, row: list[str], said: str) -> None:
    with pytest.raises(FormatError) as stop:
        read_addresses(write(tmp_path / "s.csv", [*TABLE, row]))
    assert said in str(stop.value)
    assert "weg" not in str(stop.value)


def test_columns_of_the_address_table_are_recognised_or_asked_for(tmp_path: Path) -> None:
    rows = [["Strassenname", "Hausnr von", "Hausnr bis", "Bezirk", "Wahlkreis"], ["Ring", "1", "9", "B7", "W1"]]
    with pytest.raises(ColumnError, match="Schlüssel"):
        read_addresses(write(tmp_path / "s.csv", rows))
    assert read_addresses(tmp_path / "s.csv", area="Bezirk").code("Ring", "3") == ("B7", "")


@settings(deadline=None, max_examples=60)
@given(
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True),
    houses=st.lists(st.tuples(st.integers(1, 70), st.sampled_from(["", "a", "z"])), min_size=1, max_size=30),
)
def test_ranges_agree_with_walking_the_street(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], houses: list[tuple[int, str]]
) -> None:
    """A street is cut at some numbers and its sides differ: walk to each house and see."""
    edges = sorted(cuts)
    rows = [["Straße", "von", "bis", "Seite", "Schlüssel"]]
    for i, (low, high) in enumerate(zip([1, *[e + 1 for e in edges]], edges, strict=False)):
        rows += [["Ring", str(low), str(high), side, f"{i}{side[0]}"] for side in ("gerade", "ungerade")]
    table = read_addresses(write(tmp_path_factory.mktemp("s") / "s.csv", rows))
    for number, letter in houses:
        stretch = next((i for i, edge in enumerate(edges) if number <= edge), None)
        expected = None if stretch is None else f"{stretch}{'g' if number % 2 == 0 else 'u'}"
        assert table.code("Ring", f"{number}{letter}")[0] == expected


def test_addresses_and_keys_count_alike(tmp_path: Path) -> None:
    table = read_addresses(write(tmp_path / "s.csv", TABLE))
    people = [["Vorname", "Straße", "Hausnummer", "Hausnummernzusatz", "Wohnort"]]
    people += [["K.", "Hauptstr.", "7", "", "Peine"]] * 3 + [["K.", "Hauptstr.", "40", "b", "Peine"]] * 2
    people += [["K.", "Nirgendwo", "1", "", "Peine"]]
    path = write(tmp_path / "r.csv", people)
    result = aggregate(path, Columns(year=2025), areas=dict.fromkeys(table.areas, ""), addresses=table)
    assert result.table.set_index("Schlüssel")["Anzahl"].to_dict() == {"A": 3, "B": 0, "C": 0, "D": 2, "E": 0}
    assert result.report == {UNKNOWN_STREET: 1}
    joined = [["Anschrift", "Ort"], ["Hauptstr. 7", "Peine"], ["Hauptstraße 40b", "Peine"]]
    path = write(tmp_path / "j.csv", joined)
    columns = Columns(year=2025, street="Anschrift")
    result = aggregate(path, columns, areas=dict.fromkeys(table.areas, ""), addresses=table)
    assert result.table["Anzahl"].tolist() == [1, 0, 0, 1, 0]


def test_areas_that_the_address_table_never_names_stay_empty(tmp_path: Path) -> None:
    table = read_addresses(write(tmp_path / "s.csv", TABLE))
    people = [["Straße", "Hausnummer", "Wohnort", "Geschlecht"]] + [["Hauptstr.", "7", "Peine", "w"]] * 3
    areas = dict.fromkeys((*table.areas, "X", "Y"), "")
    columns = Columns(year=2025, sex="Geschlecht")
    result = aggregate(write(tmp_path / "r.csv", people), columns, areas=areas, addresses=table)
    assert result.uncovered == ("X", "Y")
    lines = result.to_csv().decode("utf-8-sig").splitlines()[1:]
    assert lines[0] == "A;;2025;3;3;0;0;0"
    assert lines[1:5] == [f"{key};;2025;0;0;0;0;0" for key in "BCDE"]
    assert lines[5:] == ["X;;2025;;;;;", "Y;;2025;;;;;"]
    hidden = suppress(result, 5, sex=True, ages=None).to_csv().decode("utf-8-sig").splitlines()[1:]
    assert hidden == ["A;;2025;.;.;.;.;.", *lines[1:]]


def test_other_years_and_people_met_twice_are_not_missed(tmp_path: Path) -> None:
    key = next(iter(AREAS))
    rows = [["k", "j", "p"], [key, "2025", "a"], [key, "2025", "a"], [key, "2024", "b"], ["777", "2024", "c"]]
    rows += [["777", "2025", "d"], [key, "gestern", "e"]]
    columns = Columns(area="k", year="j", person="p")
    result = aggregate(write(tmp_path / "r.csv", rows), columns, areas=AREAS, years=(2025,))
    assert (result.counted, result.unassigned) == (1, 2)
    assert result.unassigned_share == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("lost", "flag", "code", "warned"),
    [(1, (), 0, False), (2, (), 0, True), (5, (), 0, True), (6, (), 3, True), (6, ("--accept-unassigned",), 0, True)],
)
def test_many_rows_without_area_are_said_and_too_many_stop(
    tmp_path: Path, lost: int, flag: tuple[str, ...], code: int, warned: bool
) -> None:
    """Of 20 rows: 5 and 25 % are still allowed, more is not."""
    from click.testing import CliRunner

    from service.commands.supply import supply

    people = [["Straße", "Hausnummer", "Wohnort"]]
    people += [["Hauptstr.", "7", "Peine"]] * (20 - lost) + [["Zwackelmannweg", "1", "Peine"]] * lost
    out = tmp_path / "o.csv"
    said = [write(tmp_path / "r.csv", people), "--by", "year=2025", "--addresses", write(tmp_path / "s.csv", TABLE)]
    done = CliRunner().invoke(supply, ["aggregate", *map(str, said), "--out", str(out), *flag])
    assert done.exit_code == code, done.output
    assert out.exists() == (code == 0)
    assert (f"Warnung: {lost} von 20 Zeilen ({lost * 5},0 %)" in done.stderr) == warned
    assert "Zwackelmann" not in done.output
