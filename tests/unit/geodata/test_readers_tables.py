"""Readers of figures on small files written by hand: what each format says, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geodata.county_schema import ColumnSpec, TableSpec
from geodata.errors import (
    AreaKeyError,
    ColumnError,
    ConfigError,
    FormatError,
    GeodataError,
    MissingFileError,
    NoDataError,
    SignError,
)
from geodata.models import OBSERVATION_COLUMNS, Flag, Origin, Source
from geodata.readers.genesis import read_genesis
from geodata.readers.inkar import read_inkar
from geodata.readers.table import read_plain
from geodata.readers.tables import read_table
from geodata.readers.zensus_grid import read_grid_2011, read_grid_2022
from geodata.readers.zensus_long import read_long_2011

HEAD = (
    "statistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
    "1_variable_attribute_code;1_variable_attribute_label;2_variable_code;2_variable_label;"
    "2_variable_attribute_code;2_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label"
)


def source(legend="none", origin=Origin.REGISTER):
    return Source("s", "t", "p", "l", "a", legend=legend, origin=origin)


def spec(format_, columns, **more):
    return TableSpec(
        id="t",
        source="s",
        levels=("gemeinde",),
        file="f",
        format=format_,
        columns={k: ColumnSpec(**v) if isinstance(v, dict) else ColumnSpec(column=v) for k, v in columns.items()},
        **more,
    )


def flat(path, rows, *, head=HEAD, quality=False, end="\n"):
    """Write (region, sex, value[, mark], year) as a flat file."""
    lines = [head + (";value_q" if quality else "")]
    for region, sex, value, *rest in rows:
        year = rest[-1] if rest and isinstance(rest[-1], int) else 2023
        mark = f";{rest[0] if rest and isinstance(rest[0], str) else ''}" if quality else ""
        lines.append(
            f"12411;S;STAG;Stichtag;{year}-12-31;GEMEIN;Gemeinden;{region};{region};GES;Geschlecht;{sex};x;"
            f"{value};Anzahl;BEV;Bevölkerung{mark}"
        )
    path.write_bytes(("\ufeff" + "\n".join(lines) + end).encode())
    return path


def cells(observations):
    """Return (area, year, variable) → (value, status, flags)."""
    return {(r.area_id, r.period, r.variable): (r.value, r.status, r.flags) for r in observations.table.itertuples()}


# -------------------------------------------------------------------------------------------------------- GENESIS


def test_flat_file_totals_selection_and_signs(tmp_path):
    path = flat(
        tmp_path / "t.csv",
        [
            ("03157001", "", "12.5".replace(".", ",")), ("03157001", "GESW", "-"), ("03157001", "GESM", "(7)"),
            ("03157002", "", "."), ("03157002", "GESW", "/"), ("03157002", "GESM", "3p"),
        ],
    )  # fmt: skip
    columns = {"people": {"column": "BEV"}, "women": {"column": "BEV", "select": {"GES": "GESW"}}}
    found = read_table(path, spec("genesis-flat", columns, key="ags"), source("classic"))
    assert tuple(found.table.columns) == OBSERVATION_COLUMNS
    assert [str(found.table[c].dtype) for c in ("period", "value", "flags")] == ["int64", "float64", "int64"]
    assert set(found.table["origin"]) == {"register"}
    assert found.units == {"people": "Anzahl", "women": "Anzahl"}
    got = cells(found)
    assert got["03157001", 2023, "people"] == (12.5, "observed", 0)
    assert got["03157001", 2023, "women"] == (0.0, "zero", 0)
    assert got["03157002", 2023, "people"][1] == "suppressed_or_unknown"
    assert got["03157002", 2023, "women"][1] == "unreliable"
    assert any("GES: the total is taken" in note for note in found.notes)
    everything = cells(read_genesis(path))
    assert everything["03157001", 2023, "BEV.GES=GESM"] == (7.0, "observed", Flag.UNCERTAIN.value)
    assert everything["03157002", 2023, "BEV.GES=GESM"] == (3.0, "observed", Flag.PROVISIONAL.value)


def test_a_region_of_dashes_was_not_delivered_and_a_dead_one_does_not_exist(tmp_path):
    path = flat(
        tmp_path / "t.csv",
        [
            ("03157001", "", "-"), ("03157001", "GESW", "-"),  # all dashes: not delivered
            ("03157002", "", "5"), ("03157002", "GESW", "-"),  # one dash: zero
            ("03157003", "", "-", 2014), ("03157003", "GESW", "-", 2014),  # alive in 2014: not delivered
            ("03157003", "", "-", 2015), ("03157003", "GESW", "-", 2015),  # dissolved
            ("03157005", "", "-", 2015), ("03157005", "", "4", 2016),  # one dash in one of two years: zero
            ("03157006", "", "-", 2015),  # the only cell of the region: cannot be told from zero
            ("03157007", "", "-", 2015), ("03157007", "", "-", 2016),  # dashes in every year: not delivered
        ],
    )  # fmt: skip
    found = read_genesis(path)
    statuses = {(a, p, v): s for (a, p, v), (_, s, _) in cells(found).items()}
    assert statuses["03157001", 2023, "BEV"] == statuses["03157001", 2023, "BEV.GES=GESW"] == "not_delivered"
    assert statuses["03157002", 2023, "BEV.GES=GESW"] == "zero"
    assert statuses["03157003", 2014, "BEV"] == "not_delivered"
    assert statuses["03157003", 2015, "BEV"] == "area_does_not_exist"
    assert statuses["03157005", 2015, "BEV"] == "zero"
    assert statuses["03157006", 2015, "BEV"] == "zero"
    assert statuses["03157007", 2015, "BEV"] == statuses["03157007", 2016, "BEV"] == "not_delivered"
    lost = found.table[found.table["status"].isin(["not_delivered", "area_does_not_exist"])]
    assert lost["value"].isna().all()
    assert any("03157003" in note for note in found.notes)


def test_quality_marks_become_flags_and_unknown_ones_are_refused(tmp_path):
    rows = [("1", "", "5", "e"), ("2", "", "5", "()"), ("3", "", "5", "p"), ("4", "", "5", ""), ("5", "", "5", "rs")]
    found = read_genesis(flat(tmp_path / "t.csv", rows, quality=True))
    assert found.table["flags"].tolist() == [0, 8, 1, 0, 2 | 4]
    with pytest.raises(SignError, match="value_q"):
        read_genesis(flat(tmp_path / "u.csv", [("1", "", "5", "?")], quality=True))


def test_a_dimension_without_total_must_be_selected(tmp_path):
    path = flat(tmp_path / "t.csv", [("1", "GESM", "5"), ("1", "GESW", "6")])
    with pytest.raises(ColumnError, match="'GESM', 'GESW'") as caught:
        read_genesis(path, columns={"people": ColumnSpec(column="BEV")})
    assert "select" in caught.value.hint
    with pytest.raises(ColumnError, match="NAT"):
        read_genesis(path, columns={"people": ColumnSpec(column="BEV", select={"NAT": ""})})
    with pytest.raises(ColumnError, match="BEVX"):
        read_genesis(path, columns={"people": ColumnSpec(column="BEVX", select={"GES": "GESM"})})


@pytest.mark.parametrize(("time", "year"), [("2024", 2024), ("2023-10P6M", 2023), ("31.12.2022", 2022)])
def test_time_has_several_notations(tmp_path, time, year):
    path = flat(tmp_path / "t.csv", [("03157001", "", "5")])
    path.write_bytes(path.read_bytes().replace(b"2023-12-31", time.encode()))
    assert read_genesis(path).table["period"].tolist() == [year]


def test_two_dates_of_one_year_are_two_values_of_one_area(tmp_path):
    path = flat(tmp_path / "t.csv", [("03157001", "", "5"), ("03157001", "", "6")])
    with pytest.raises(AreaKeyError, match="03157001 in 2023"):
        read_genesis(path)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda b: b[:40], FormatError, "header|truncated"),
        (lambda b: b[: b.index(b"\n") + 1], NoDataError, "rows below the header"),
        (lambda b: b[:-2], FormatError, "truncated"),
        (lambda b: b[:-30], FormatError, "truncated"),
        (lambda b: b.replace(b";time;", b";when;"), ColumnError, "'time'"),
        (lambda b: b.replace(b"value_variable_code", b"variable"), ColumnError, "value_variable_code"),
        (lambda b: b.replace(b";5;", b";5?;"), SignError, "5?"),
        (lambda b: b.replace(b"2023-12-31", b"gestern"), FormatError, "gestern"),
        (lambda b: b.replace(b"statistics_code", b"Statistik_Code"), FormatError, "CODE__label__unit"),
        (lambda _: json.dumps({"Status": {"Code": 98, "Content": "zu gross"}}).encode(), NoDataError, "98"),
        (lambda _: b"", NoDataError, "empty"),
    ],
)
def test_what_is_no_flat_file_is_refused(tmp_path, change, error, words):
    path = flat(tmp_path / "t.csv", [("03157001", "", "5"), ("03157002", "", "6")])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(error, match=words) as caught:
        read_genesis(path)
    assert "t.csv" in (caught.value.where or "")


# ---------------------------------------------------------------------------------------------------------- INKAR


def test_inkar_sheet_years_and_blanks(tmp_path):
    path = tmp_path / "inkar.csv"
    path.write_text(
        "Kennziffer;Raumeinheit;Aggregat;Arbeitslose;Arbeitslose;Quote\n;;;2019;2020;2020\n"
        "03157001;Edemissen;Gemeinden;234;;2,9\n03157002;Hohenhameln;Gemeinden;0;204;-1,5\n",
        encoding="utf-8",
    )
    got = cells(read_table(path, spec("inkar", {"unemployed": "Arbeitslose"}, key="ags"), source()))
    assert set(got) == {(a, y, "unemployed") for a in ("03157001", "03157002") for y in (2019, 2020)}
    assert got["03157001", 2019, "unemployed"] == (234.0, "observed", 0)
    assert got["03157001", 2020, "unemployed"][1] == "missing"
    assert got["03157002", 2019, "unemployed"] == (0.0, "zero", 0)
    assert cells(read_inkar(path))["03157002", 2020, "Quote"][0] == -1.5
    assert read_inkar(path, period=2019).table["period"].unique().tolist() == [2019]
    with pytest.raises(ColumnError, match="'Arbeitslos'") as caught:
        read_table(path, spec("inkar", {"unemployed": "Arbeitslos"}), source())
    assert "Arbeitslose" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("Kennziffer;Raumeinheit;A\n", NoDataError),
        ("Kennziffer;Raumeinheit;A\n;;2019\n", NoDataError),
        ("Kennziffer;Raumeinheit;Aggregat;A\n;;;Jahr\n1;a;b;5\n", FormatError),
        ("key;name;A\n1;2;3\n", FormatError),
        ("Kennziffer;Raumeinheit;Aggregat;A\n;;;2019\n1;a;b;5\n1;a;b;6\n", AreaKeyError),
        ("Kennziffer;Raumeinheit;Aggregat;A\n;;;2019\n1;a;b;k.A.\n", SignError),
        ("Kennziffer;Raumeinheit;Aggregat;A\n;;;2019\n1;a;b\n", FormatError),
    ],
)
def test_what_is_no_inkar_table_is_refused(tmp_path, content, error):
    path = tmp_path / "inkar.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error):
        read_inkar(path)


# ----------------------------------------------------------------------------------------------------------- grids

GRID = "GITTER_ID_100m;x_mp_100m;y_mp_100m;Einwohner"


def test_a_dash_in_the_grid_of_2022_is_never_zero(tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text(
        f"{GRID};Miete;werterlaeuternde_Zeichen\n"
        "CRS3035RES100mN2689100E4337000;4337050;2689150;4;5,21;\n"
        "CRS3035RES100mN2689100E4337100;4337150;2689150;–;–;\n"
        "CRS3035RES100mN2689100E4337200;4337250;2689150;3;6,50;KLAMMERN\n",
        encoding="utf-8",
    )
    got = cells(read_grid_2022(path, cell_size=100))
    assert got["CRS3035RES100mN2689100E4337000", 2022, "Miete"] == (5.21, "observed", 0)
    value, status, _ = got["CRS3035RES100mN2689100E4337100", 2022, "Einwohner"]
    assert (np.isnan(value), status) == (True, "zero_or_suppressed")
    assert got["CRS3035RES100mN2689100E4337100", 2022, "Miete"][1] == "suppressed_or_unknown"
    assert got["CRS3035RES100mN2689100E4337200", 2022, "Einwohner"] == (3.0, "observed", Flag.UNCERTAIN.value)
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    assert cells(read_grid_2022(path)).keys() == got.keys()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t + "CRS3035RES100mN2689100E4337000;4337050;2689150;4\n", AreaKeyError),  # twice
        (lambda t: t.replace("4337050", "4337000"), AreaKeyError),  # a corner for a midpoint
        (lambda t: t.replace("N2689100E", "E2689100N"), AreaKeyError),
        (lambda t: t.replace(";4\n", ";*\n"), SignError),
        (lambda t: t.rstrip("\n"), FormatError),
        (lambda t: t[: t.index("\n") + 1], NoDataError),
        (lambda t: t.replace("RES100m", "RES1000m"), AreaKeyError),
        (lambda t: t.replace("_100m", "_1km"), FormatError),  # cell_size says 100
        (lambda t: t.replace("GITTER", "Gitter"), FormatError),
    ],
)
def test_what_is_no_grid_of_2022_is_refused(tmp_path, change, error):
    path = tmp_path / "grid.csv"
    path.write_text(change(f"{GRID}\nCRS3035RES100mN2689100E4337000;4337050;2689150;4\n"), encoding="utf-8")
    with pytest.raises(error):
        read_grid_2022(path, cell_size=100)


def test_the_grid_of_2011_has_numbers_that_are_signs_and_shares(tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text(
        "x_mp_1km,y_mp_1km,Einwohner,unter18_A,HHGroesse_D\n"
        "4319500,3228500,1430,24.69,2.5\n4319500,3229500,-1,-1.0,-1.0\n4319500,3230500,12,-9.0,2.1\n",
        encoding="utf-8",
    )
    columns = {"children": {"column": "unter18_A", "share_of": "people"}, "people": {"column": "Einwohner"}}
    got = cells(read_table(path, spec("zensus2011-grid", columns, cell_size=1000), source("zensus2011")))
    first, second, third = (f"CRS3035RES1000mN{n}E4319000" for n in (3228000, 3229000, 3230000))
    assert got[first, 2011, "children"] == (pytest.approx(24.69 / 100 * 1430), "observed", 0)
    assert got[second, 2011, "people"][1] == got[second, 2011, "children"][1] == "zero_or_suppressed"
    assert got[third, 2011, "children"][1] == "suppressed"
    assert np.isnan([got[second, 2011, "people"][0], got[third, 2011, "children"][0]]).all()
    plain = cells(read_grid_2011(path, legend="none"))
    assert plain[second, 2011, "Einwohner"] == (-1.0, "observed", 0)
    path.write_text("x_mp_1km,y_mp_1km,Einwohner,HHGroesse_D\n4319500,3228500,3,2\n4319500,3229500,-1,-9\n")
    with pytest.raises(FormatError, match="classes"):
        read_grid_2011(path)


def test_shares_that_lead_nowhere_are_refused(tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text("x_mp_1km,y_mp_1km,a,b\n4319500,3228500,1.5,2.5\n", encoding="utf-8")
    columns = {"a": {"column": "a", "share_of": "b"}, "b": {"column": "b", "share_of": "a"}}
    with pytest.raises(ColumnError, match="a -> b -> a"):
        read_table(path, spec("zensus2011-grid", columns), source("zensus2011"))


def long_table(path, rows):
    names = ("var", "x", "y", "value", "quality")
    pq.write_table(pa.table({n: [r[i] for r in rows] for i, n in enumerate(names)}), path)
    return path


def test_long_attributes_of_2011(tmp_path):
    path = long_table(
        tmp_path / "long.parquet",
        [("A", 4337050, 2689150, 3, 0), ("A", 4337150, 2689150, 7, 1), ("B", 4337050, 2689150, 5, 0)],
    )
    found = read_table(path, spec("zensus2011-long", {"one": "A"}, cell_size=100), source("zensus2011"))
    assert found.table[["area_id", "value", "flags"]].to_numpy().tolist() == [
        ["CRS3035RES100mN2689100E4337000", 3.0, 0],
        ["CRS3035RES100mN2689100E4337100", 7.0, Flag.UNCERTAIN.value],
    ]
    assert read_long_2011(path).variables == ("A", "B")
    with pytest.raises(ColumnError, match="'C'"):
        read_long_2011(path, variables={"c": "C"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="truncated"):
        read_long_2011(path)
    with pytest.raises(AreaKeyError, match="100"):
        read_long_2011(long_table(path, [("A", 4337050, 2689150, 3, 0), ("A", 4337050, 2689150, 3, 0)]))


# ---------------------------------------------------------------------------------------------------------- tables


def workbook(path, rows, sheet="Tabelle1"):
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_workbook_with_titles_notes_numbers_and_signs(tmp_path):
    path = workbook(
        tmp_path / "amt.xlsx",
        [
            ["Leistungsberechtigte im Landkreis"], [None], ["Schlüssel", "Name", "Jahr", "Personen\n(Anzahl)", "Quote"],
            ["0301", "Süd", 2021, 12, 4.25], ["0302", "Nord", 2021, "*", "4,5"], ["0303", "Ost", 2021, "1.234", None],
            ["0304", "West", 2021, None, None], [None], ["Quelle: Fachdienst Soziales"], ["* unter 3"],
        ],
    )  # fmt: skip
    columns = {"people": {"column": "Personen (Anzahl)", "unit": "Personen"}, "rate": {"column": "Quote"}}
    got = cells(
        read_table(path, spec("table", columns, area="Schlüssel", period="Jahr", sheet="Tabelle1"), source("ba"))
    )
    assert sorted({a for a, _, _ in got}) == ["0301", "0302", "0303", "0304"]
    assert got["0301", 2021, "people"] == (12.0, "observed", 0)
    assert got["0302", 2021, "people"][1] == "suppressed"
    assert got["0303", 2021, "people"][0] == 1234.0
    assert got["0304", 2021, "people"][1] == "missing"
    assert [got["0301", 2021, "rate"][0], got["0302", 2021, "rate"][0]] == [4.25, 4.5]


def test_keys_that_a_workbook_took_for_numbers_get_their_zero_back(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["AGS", "n"], [3157001, 5], [3157002, 6]])
    found = read_plain(path, columns={"n": ColumnSpec(column="n")}, area="AGS", period=2021, key="ags")
    assert found.table["area_id"].tolist() == ["03157001", "03157002"]
    assert any("leading zero" in note for note in found.notes)
    path = tmp_path / "t.csv"
    path.write_text("AGS;n\n3157001;5\n", encoding="utf-8")
    with pytest.raises(AreaKeyError, match="3157001"):
        read_plain(path, columns={"n": ColumnSpec(column="n")}, area="AGS", period=2021, key="ags")


def test_a_german_csv_and_a_long_table_by_selection(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        "Schlüssel;Geschlecht;Stand;Wert\r\n01;w;31.12.2021;1.234,5\r\n01;m;31.12.2021;0,5\r\n02;w;31.12.2021;\r\n".encode(
            "cp1252"
        )
    )
    columns = {"women": {"column": "Wert", "select": {"Geschlecht": "w"}}}
    found = read_table(path, spec("table", columns, area="Schlüssel", period="Stand"), source())
    assert cells(found)["01", 2021, "women"] == (1234.5, "observed", 0)
    assert cells(found)["02", 2021, "women"][1] == "missing"
    with pytest.raises(AreaKeyError, match="01 in 2021"):
        read_table(path, spec("table", {"all": "Wert"}, area="Schlüssel", period="Stand"), source())


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", NoDataError, "empty"),
        ("key;n\n", NoDataError, "rows below the header"),
        ("key;n\n01;\n", NoDataError, "blanks"),
        ("key;m\n01;5\n", ColumnError, "'n'"),
        ("id;n\n01;5\n", ColumnError, "'key'"),
        ("key;n;n\n01;5;6\n", ColumnError, "found 2"),
        ("key;n\n01;5\n01;6\n", AreaKeyError, "01 in 2021"),
        ("key;n\n01;5\n;6\n", AreaKeyError, "without one"),
        ("key;n\n01;-\n", SignError, "'-'"),
        ("key;n\n01;fünf\n", SignError, "fünf"),
        ("key;n\n01;5;6\n", FormatError, "3 cells"),
        ("key;n\n01;5\n02", FormatError, "truncated"),
        ("just text\nno table\n", FormatError, "two columns"),
        ('{"Status": {"Code": 104, "Content": "x"}}', NoDataError, "104"),
        ('{"features": []}', FormatError, "two columns"),
    ],
)
def test_bad_tables_are_refused_with_place_and_remedy(tmp_path, content, error, words):
    path = tmp_path / "t.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=words) as caught:
        read_table(path, spec("table", {"n": "n"}, area="key", period=2021), source())
    assert "t.csv" in (caught.value.where or "")
    assert caught.value.hint


def test_bad_workbooks_and_settings_are_refused(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["key", "n"], ["01", 5]], sheet="A")
    whole = path.read_bytes()
    with pytest.raises(ColumnError, match="'B'"):
        read_table(path, spec("table", {"n": "n"}, area="key", period=2021, sheet="B"), source())
    with pytest.raises(ColumnError, match="year"):
        read_table(path, spec("table", {"n": "n"}, area="key"), source())
    with pytest.raises(ConfigError, match="area"):
        read_table(path, spec("table", {"n": "n"}), source())
    with pytest.raises(ConfigError, match="period"):
        read_table(path, spec("inkar", {"n": "n"}, period="Jahr"), source())
    for size in (0, 10, len(whole) // 2, len(whole) - 50):
        path.write_bytes(whole[:size])
        with pytest.raises((FormatError, NoDataError)):
            read_table(path, spec("table", {"n": "n"}, area="key", period=2021), source())
    with pytest.raises(MissingFileError):
        read_table(tmp_path / "no.xlsx", spec("table", {"n": "n"}, area="key", period=2021), source())
    with pytest.raises(NoDataError):
        read_table(workbook(path, []), spec("table", {"n": "n"}, area="key", period=2021), source())


@pytest.mark.parametrize(
    "kind", ["table", "genesis-flat", "inkar", "zensus-grid", "zensus2011-grid", "zensus2011-long"]
)
def test_whatever_bytes_a_file_holds_only_our_errors_come_out(tmp_path, kind):
    rng = np.random.default_rng(20260101)
    good = flat(tmp_path / "good.csv", [("03157001", "", "5"), ("03157002", "", "6")]).read_bytes()
    path = tmp_path / "t.csv"
    for trial in range(150):
        content = bytearray(good if trial % 2 else rng.bytes(int(rng.integers(1, 400))))
        for _ in range(int(rng.integers(1, 6))):
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
        path.write_bytes(bytes(content[: int(rng.integers(1, len(content) + 1))]))
        try:
            read_table(path, spec(kind, {"n": "BEV"}, area="GEMEIN", period=2021), source("classic"))
        except GeodataError:
            continue


def test_many_cells_are_read_in_seconds(tmp_path):
    n = 200_000
    x = 4_000_000 + 100 * (np.arange(n) % 1000)
    y = 2_700_000 + 100 * (np.arange(n) // 1000)
    value = np.random.default_rng(1).integers(3, 400, n)
    lines = [f"CRS3035RES100mN{b}E{a};{a + 50};{b + 50};{v}" for a, b, v in zip(x, y, value, strict=True)]
    path = tmp_path / "grid.csv"
    path.write_text("\n".join([GRID, *lines]) + "\n", encoding="utf-8")
    start = pd.Timestamp.now()
    found = read_grid_2022(path, cell_size=100)
    assert (pd.Timestamp.now() - start).total_seconds() < 20
    assert found.table["value"].sum() == value.sum()
    assert found.table["area_id"].nunique() == n
