"""A table of several files: what agrees is joined, what contradicts is refused, what is newer replaces."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.county import load_county
from geodata.errors import ConfigError, FormatError, MissingFileError
from geodata.models import Observations
from geodata.readers.joined import Part, join
from geodata.supply.reading import read_joined

Cells = dict[tuple[str, int, str], float | None]


def observations(cells: Cells) -> Observations:
    rows = [
        (area, period, variable, float("nan") if value is None else value, "missing" if value is None else "observed")
        for (area, period, variable), value in cells.items()
    ]
    table = pd.DataFrame(rows, columns=["area_id", "period", "variable", "value", "status"])
    return Observations(table.assign(origin="counted", flags=0), {"n": "Anzahl"}, rows=len(cells))


def cells(found: Observations) -> Cells:
    t = found.table
    return {
        (str(r.area_id), int(r.period), str(r.variable)): None if r.status == "missing" else float(r.value)
        for r in t.itertuples()
    }


KEYS = st.tuples(st.sampled_from("abc"), st.integers(2023, 2025), st.sampled_from(["n", "m"]))
TABLES = st.lists(
    st.dictionaries(KEYS, st.one_of(st.none(), st.integers(0, 3).map(float)), min_size=1), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=40)
@given(TABLES)
def test_deliveries_say_what_a_dictionary_would_say(tables: list[Cells]) -> None:
    """The oracle: a later statement replaces an earlier one, a blank replaces nothing."""
    expected: Cells = {}
    for each in tables:
        for key, value in each.items():
            if value is not None or key not in expected:
                expected[key] = value
    parts = [Part(observations(t), f"file {i}", f"delivery {i}", newer=i > 0) for i, t in enumerate(tables)]
    found = join(parts)
    assert cells(found) == expected
    assert len(found.table) == len(expected)
    assert found.rows == sum(map(len, tables))
    replaced, known = 0, dict(tables[0])
    for each in tables[1:]:
        replaced += sum(v is not None and known.get(k) is not None and known[k] != v for k, v in each.items())
        known |= {k: v for k, v in each.items() if v is not None or k not in known}
    assert sum("replaces" in note for note in found.notes) <= replaced
    assert bool(replaced) == any("replaces" in note for note in found.notes)


@settings(deadline=None, max_examples=40)
@given(TABLES)
def test_files_that_contradict_are_refused_and_no_others(tables: list[Cells]) -> None:
    known: Cells = {}
    contradicts = False
    for each in tables:
        contradicts |= any(v is not None and known.get(k) not in (None, v) for k, v in each.items())
        known |= {k: v for k, v in each.items() if v is not None or k not in known}
    parts = [Part(observations(t), f"file {i}") for i, t in enumerate(tables)]
    if contradicts:
        with pytest.raises(FormatError, match="contradict each other"):
            join(parts)
    else:
        assert cells(join(parts)) == known


def test_both_files_and_the_place_are_named_and_the_figures_are_not() -> None:
    one, two = observations({("a", 2024, "n"): 4711.0}), observations({("a", 2024, "n"): 815.0, ("b", 2024, "n"): 1.0})
    with pytest.raises(FormatError) as caught:
        join([Part(one, "one.csv"), Part(two, "two.csv")])
    assert caught.value.where == "one.csv and two.csv"
    assert "n 2024 in a" in str(caught.value)
    (note,) = join([Part(one, "one.csv"), Part(two, "two.csv", "delivery 7", newer=True)]).notes
    assert note == "delivery 7 replaces 1 earlier value: n 2024 in a"


def test_another_unit_is_refused() -> None:
    one = observations({("a", 2024, "n"): 1.0})
    other = Observations(observations({("a", 2025, "n"): 1.0}).table, {"n": "%"})
    with pytest.raises(FormatError, match="expected 'n' in 'Anzahl'"):
        join([Part(one, "one.csv"), Part(other, "two.csv", newer=True)])


# ── in county.toml ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def home(tiny_county: Path, tmp_path: Path) -> Path:
    """A county of its own whose table of school books comes in one file a year."""
    folder = tmp_path / "kreis"
    (folder / "data" / "fachdienste").mkdir(parents=True)
    for each in (tiny_county / "data").iterdir():
        if each.name != "fachdienste":
            (folder / "data" / each.name).symlink_to(each)
    for each in (tiny_county / "data" / "fachdienste").iterdir():
        (folder / "data" / "fachdienste" / each.name).symlink_to(each)
    lines = (folder / "data" / "fachdienste" / "lernmittel.csv").read_text(encoding="utf-8-sig").splitlines()
    title, header = lines[: next(n for n, line in enumerate(lines) if "Ortsteilschlüssel" in line)], None
    header = lines[len(title)]
    year = header.split(";").index("Jahr")
    years = sorted({line.split(";")[year] for line in lines[len(title) + 1 :] if line.count(";") >= year})
    assert len(years) > 1
    for each in years:
        rows = [line for line in lines[len(title) + 1 :] if line.split(";")[year] == each]
        path = folder / "data" / "fachdienste" / f"lernmittel-{each}.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (folder / "county.toml").write_bytes((tiny_county / "county.toml").read_bytes())
    return folder


def name(home: Path, file: str) -> Path:
    toml = (home / "county.toml").read_text(encoding="utf-8")
    old = 'file = "data/fachdienste/lernmittel.csv"'
    assert toml.count(old) == 1
    (home / "county.toml").write_text(toml.replace(old, file), encoding="utf-8")
    return home


ORDER = ["variable", "period", "area_id"]


@pytest.mark.parametrize(
    "file",
    [
        'file = "data/fachdienste/lernmittel-*.csv"',
        'file = "data/fachdienste/lernmittel-20??.csv"',
        'file = ["data/fachdienste/lernmittel-*.csv", "data/fachdienste/lernmittel.csv"]',
    ],
)
def test_years_in_files_of_their_own_are_one_table(home: Path, file: str) -> None:
    whole = read_joined(load_county(home), "lernmittel").table.sort_values(ORDER).reset_index(drop=True)
    (home / "data" / "fachdienste" / "~$lernmittel-2024.csv").write_bytes(b"Excel")
    county = load_county(name(home, file))
    assert len(county.files("lernmittel")) >= 2
    found = read_joined(county, "lernmittel").table.sort_values(ORDER).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, whole)


def test_what_is_named_and_not_there_is_missing(home: Path) -> None:
    with pytest.raises(MissingFileError, match=r"tables\.lernmittel\.file = 'data/nichts-\*\.csv'"):
        load_county(name(home, 'file = ["data/nichts-*.csv", "data/fachdienste/lernmittel.csv"]'))


def test_a_table_without_file_waits_for_its_department(home: Path) -> None:
    name(home, "")
    with pytest.raises(MissingFileError, match="lernmittel: neither a file nor an accepted delivery"):
        load_county(home)
    assert load_county(home, require_files=False).files("lernmittel") == ()
    toml = (
        (home / "county.toml").read_text(encoding="utf-8").replace('delivers = ["lernmittel"]', 'delivers = ["sgb2"]')
    )
    toml = toml.replace('delivers = ["mindestsicherung"]', 'delivers = ["sgb2_kinder"]')
    (home / "county.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tables\.lernmittel\.file: expected, for no department delivers"):
        load_county(home)


def test_files_that_contradict_stop_a_county(home: Path) -> None:
    path = sorted((home / "data" / "fachdienste").glob("lernmittel-*.csv"))[0]
    lines = path.read_text(encoding="utf-8").splitlines()
    column = lines[0].split(";").index("Lernmittelbefreiungen")
    cells = lines[1].split(";")
    cells[column] = str(int(cells[column]) + 1)
    lines[1] = ";".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    county = load_county(name(home, f'file = ["data/fachdienste/lernmittel.csv", "data/fachdienste/{path.name}"]'))
    with pytest.raises(FormatError, match="contradict each other in 1 cells"):
        read_joined(county, "lernmittel")
