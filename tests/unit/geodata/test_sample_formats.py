"""The files, taken apart by hand and without the readers: signs, keys, encodings, and sums that must agree."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import shapely

from geodata.sample import write_county


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "full"
    write_county(folder)
    return folder / "data"


def lines(path: Path) -> list[list[str]]:
    return [line.split(";") for line in path.read_bytes().decode("utf-8").rstrip("\n").split("\n")]


def sheet(path: Path) -> list[tuple[object, ...]]:
    return list(next(iter(openpyxl.load_workbook(path))).iter_rows(values_only=True))


def register(path: Path) -> dict[tuple[str, int], dict[str, object]]:
    """Return (Ortsteil, year) → row of a workbook, below whatever titles."""
    rows = sheet(path)
    at = next(i for i, row in enumerate(rows) if row[0] == "Ortsteilschlüssel")
    keyed = [row for row in rows[at + 1 :] if re.fullmatch(r"\d{10}", str(row[0]))]
    found = {(str(r[0]), int(str(r[2]))): dict(zip(map(str, rows[at]), r, strict=True)) for r in keyed}
    assert len(found) == len(keyed)
    return found


def layer(path: Path, name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    import pyogrio

    meta, _fids, geometry, columns = pyogrio.raw.read(path, layer=name)
    assert meta["crs"] == "EPSG:25832"
    return dict(zip(meta["fields"], columns, strict=True)), shapely.from_wkb(geometry)


def genesis(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert not raw.startswith(b"\xef\xbb\xbf" * 2)
    assert b"\r" not in raw
    assert b'"' not in raw
    rows = [line.split(";") for line in raw[3:].decode("utf-8").rstrip("\n").split("\n")]
    assert {len(row) for row in rows} == {len(rows[0])}
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_boundaries_repeat_keys_only_in_water(data: Path):
    fields, geometry = layer(data / "grenzen" / "DE_VG250.gpkg", "vg250_gem")
    assert {"ADE", "GF", "BSG", "ARS", "AGS", "GEN", "BEZ", "NUTS", "EWZ", "KFL"} <= fields.keys()
    land = fields["GF"] == 4
    own = np.array([key.startswith("99901") for key in fields["AGS"]])
    assert (land & own).sum() == 8
    assert (land & ~own).sum() >= 6
    assert set(fields["GF"][~land]) == {2}
    assert set(fields["AGS"][~land]) <= set(fields["AGS"][land & own])
    assert len(set(fields["AGS"][land])) == land.sum()
    for ars, ags in zip(fields["ARS"], fields["AGS"], strict=True):
        assert len(ars) == 12
        assert len(ags) == 8
        assert ars[:5] + ars[9:] == ags
        assert ars[:8] != ags
    assert shapely.coverage_is_valid(geometry), "neighbours must share their border exactly"


def test_ortsteile_fill_their_gemeinden(data: Path):
    fields, parts = layer(data / "grenzen" / "ortsteile.gpkg", "ortsteile")
    whole, outline = layer(data / "grenzen" / "DE_VG250.gpkg", "vg250_gem")
    assert len(parts) == len(set(fields["schluessel"])) == len(set(fields["name"])) == 80
    assert shapely.is_valid(parts).all()
    assert shapely.coverage_is_valid(parts)
    of = Counter(fields["gemeinde_ags"])
    assert max(of.values()) == of["99901001"] == 18
    assert min(of.values()) == 3
    for ags, gf, shape in zip(whole["AGS"], whole["GF"], outline, strict=True):
        if gf == 4 and ags.startswith("99901"):
            inside = shapely.union_all(parts[fields["gemeinde_ags"] == ags])
            assert shape.symmetric_difference(inside).area < 1e-3
            assert all(key.startswith(ags) for key in fields["schluessel"][fields["gemeinde_ags"] == ags])


def test_the_county_lies_in_the_sea(data: Path):
    from pyproj import Transformer

    _, parts = layer(data / "grenzen" / "ortsteile.gpkg", "ortsteile")
    west, south, east, north = Transformer.from_crs(25832, 4326, always_xy=True).transform_bounds(
        *shapely.total_bounds(parts)
    )
    # Between the East Frisian islands (53.8 N) and Sylt, west of Helgoland (7.8 E).
    assert 6.0 < west < east < 7.6
    assert 53.9 < south < north < 55.0


def test_grid_ids_name_the_corner_and_midpoints_the_middle(data: Path):
    cells = {}
    for path in sorted((data / "zensus").iterdir()):
        rows = lines(path)
        assert rows[0][:3] == ["GITTER_ID_100m", "x_mp_100m", "y_mp_100m"]
        for row in rows[1:]:
            assert len(row) == len(rows[0])
            north, east = map(int, re.fullmatch(r"CRS3035RES100mN(\d{7})E(\d{7})", row[0]).groups())  # type: ignore[union-attr]
            assert north % 100 == east % 100 == 0
            assert (int(row[1]), int(row[2])) == (east + 50, north + 50)
            assert re.fullmatch(r"\d+(,\d+)?|–", row[3])
            assert row[4:] in ([], [""], ["KLAMMERN"])
        cells[path.name] = [row[0] for row in rows[1:]]
        assert len(set(cells[path.name])) == len(rows) - 1
    assert len(set(map(tuple, cells.values()))) == 1


def test_grid_signs_and_numbers(data: Path):
    people = lines(data / "zensus" / "Zensus2022_Bevoelkerungszahl_100m-Gitter.csv")
    assert people[0][3:] == ["Einwohner"]
    counts = [int(row[3]) for row in people[1:] if row[3] != "–"]
    assert 5_700 <= len(counts) <= 6_300
    assert min(counts) == 3
    assert sum(row[3] == "–" for row in people[1:]) > 50
    for name in ("Durchschn_Flaeche_je_Bewohner", "Anteil_ueber_65"):
        rows = lines(data / "zensus" / f"Zensus2022_{name}_100m-Gitter.csv")
        assert rows[0][4] == "werterlaeuternde_Zeichen"
        assert sum(row[4] == "KLAMMERN" for row in rows[1:]) > 100
        assert not any(row[4] and row[3] == "–" for row in rows[1:])
        assert any("," in row[3] for row in rows[1:])
        assert not any("." in row[3] for row in rows[1:])


def test_grid_register_and_raster_nearly_agree(data: Path):
    import rasterio

    people = register(data / "fachdienste" / "einwohner.xlsx")
    total = {
        year: sum(int(str(r["Einwohner insgesamt"])) for (_, y), r in people.items() if y == year)
        for year in (2020, 2022)
    }
    grid = lines(data / "zensus" / "Zensus2022_Bevoelkerungszahl_100m-Gitter.csv")
    assert sum(int(r[3]) for r in grid[1:] if r[3] != "–") == pytest.approx(total[2022], rel=0.01)
    with rasterio.open(data / "raster" / "bevoelkerung_2020_100m.tif") as raster:
        assert raster.crs.to_epsg() == 3035
        assert raster.res == (100, 100)
        assert raster.nodata == -9999
        assert raster.bounds.left % 100 == raster.bounds.top % 100 == 0
        values = raster.read(1)
        assert (values == raster.nodata).any()
        assert (values == 0).any()
        assert values[values > 0].sum(dtype=float) == pytest.approx(total[2020], rel=0.03)
        # The pixel under a cell is that cell.
        thick = max(grid[1:], key=lambda r: int(r[3]) if r[3] != "–" else 0)
        row, column = raster.index(int(thick[1]), int(thick[2]))
        assert values[row, column] == pytest.approx(int(thick[3]), rel=1.0)


def test_register_counts_are_parts_of_their_whole(data: Path):
    office = data / "fachdienste"
    people, benefits = register(office / "einwohner.xlsx"), register(office / "mindestsicherung.xlsx")
    jobless, health = register(office / "arbeitslose.xlsx"), register(office / "vorsorge.xlsx")
    assert len(people) == 80 * 6
    assert people.keys() == benefits.keys() == jobless.keys() == health.keys()
    blanks = 0
    for key, row in people.items():
        n = {name: value for name, value in row.items() if isinstance(value, int)}
        assert n["15 bis unter 65 Jahre weiblich"] + n["15 bis unter 65 Jahre männlich"] == n["15 bis unter 65 Jahre"]
        assert n["unter 65 Jahre"] + n["65 Jahre und älter"] == n["Einwohner insgesamt"]
        assert n["unter 15 Jahre"] + n["15 bis unter 65 Jahre"] == n["unter 65 Jahre"]
        assert 0 <= n["nicht deutsche Staatsangehörigkeit"] <= n["Einwohner insgesamt"]
        assert health[key]["Kinder unter 15 Jahren"] == n["unter 15 Jahre"]
        assert 0 <= int(str(health[key]["ohne vollständige Vorsorge"])) <= n["unter 15 Jahre"]
        support = benefits[key]
        if support["Leistungsberechtigte SGB II"] is None:
            blanks += 1
            continue
        children = int(str(support["darunter unter 15 Jahre"]))
        assert children <= n["unter 15 Jahre"]
        assert children <= int(str(support["Leistungsberechtigte SGB II"])) <= n["unter 65 Jahre"]
        assert int(str(support["Grundsicherung im Alter (SGB XII)"])) <= n["65 Jahre und älter"]
    assert blanks == 1


def test_small_counts_of_unemployed_are_starred_with_their_counterpart(data: Path):
    rows = register(data / "fachdienste" / "arbeitslose.xlsx").values()
    assert any(row["weiblich"] == "*" for row in rows)
    for row in rows:
        cells = [row[name] for name in ("Arbeitslose", "weiblich", "männlich")]
        assert all(cell == "*" or (isinstance(cell, int) and cell not in (1, 2)) for cell in cells)
        assert (cells[1] == "*") == (cells[2] == "*"), "one starred sex could be subtracted from the total"
        if cells[1] != "*":
            assert cells[0] == int(str(cells[1])) + int(str(cells[2]))


def test_small_ortsteile_are_there_so_that_rules_act(data: Path):
    people = register(data / "fachdienste" / "einwohner.xlsx")
    size = sorted(int(str(row["Einwohner insgesamt"])) for (_, year), row in people.items() if year == 2024)
    assert sum(s < 100 for s in size) >= 2
    assert sum(s < 300 for s in size) >= 4
    assert sum(s >= 700 for s in size) >= 70
    assert 125_000 < sum(size) < 135_000
    town = sum(int(str(r["Einwohner insgesamt"])) for (o, y), r in people.items() if y == 2019 and o[:8] == "99901001")
    assert town == 45_000


def test_gemeinden_are_the_exact_sums_of_their_ortsteile(data: Path):
    people = register(data / "fachdienste" / "einwohner.xlsx")
    rows = genesis(data / "genesis" / "12411-02-03-5_bevoelkerung_flat.csv")
    names = {
        "": "15 bis unter 65 Jahre",
        "GESW": "15 bis unter 65 Jahre weiblich",
        "GESM": "15 bis unter 65 Jahre männlich",
    }
    checked = 0
    for row in rows:
        if row["3_variable_attribute_code"] != "ALT015B65" or not row["1_variable_attribute_code"].startswith("99901"):
            continue
        area, year = row["1_variable_attribute_code"], int(row["time"][:4])
        column = names[row["2_variable_attribute_code"]]
        assert int(row["value"]) == sum(
            int(str(r[column])) for (o, y), r in people.items() if y == year and o.startswith(area)
        )
        checked += 1
    assert checked == (8 + 1) * 6 * 3


def test_employees_are_the_sums_of_what_was_drawn(data: Path):
    truth = json.loads((data.parent / "truth" / "truth.json").read_text(encoding="utf-8"))
    rows = genesis(data / "genesis" / "13111-02-03-5_beschaeftigte_wohnort_flat.csv")
    drawn = truth["counts"]["teilzeit_w"]["2024"]
    for ags in {o[:8] for o in truth["ortsteile"]}:
        expected = sum(n for n, o in zip(drawn, truth["ortsteile"], strict=True) if o.startswith(ags))
        found = [
            row["value"] for row in rows
            if row["time"] == "2024-06-30" and row["1_variable_attribute_code"] == ags
            and row["2_variable_attribute_code"] == "GESW" and row["3_variable_attribute_code"] == "BESTZ"
        ]  # fmt: skip
        assert found == [str(expected)]


def test_genesis_totals_have_an_empty_code_and_add_up(data: Path):
    rows = genesis(data / "genesis" / "13111-02-03-5_beschaeftigte_wohnort_flat.csv")
    by = {
        (r["time"], r["1_variable_attribute_code"], r["2_variable_attribute_code"], r["3_variable_attribute_code"]): r
        for r in rows
    }
    assert len(by) == len(rows)
    for (time, area, sex, hours), row in by.items():
        if sex == "":
            assert row["2_variable_attribute_label"] == "Insgesamt"
            women, men = by[time, area, "GESW", hours]["value"], by[time, area, "GESM", hours]["value"]
            if row["value"].isdigit():
                assert int(row["value"]) == int(women) + int(men)
            else:
                assert {women, men} == {row["value"]}, "a secret total beside open parts is no secret"


def test_genesis_shows_the_signs(data: Path):
    found: Counter[str] = Counter()
    for path in (data / "genesis").iterdir():
        rows = genesis(path)
        found.update(row["value"] for row in rows if not re.fullmatch(r"\d+(,\d)?", row["value"]))
        if "value_q" in rows[0]:
            assert {row["value_q"] for row in rows} == {"e", "p", ""}
    assert found.keys() == {"-", ".", "...", "/", "x"}


def test_the_csv_has_a_decimal_comma_and_agrees_with_itself(data: Path):
    raw = (data / "fachdienste" / "lernmittel.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 1 + 80 * 6
    rows = [line.split(";") for line in raw.decode("utf-8").splitlines()[1:]]
    for row in rows:
        pupils, free = int(row[3]), int(row[4])
        assert free <= pupils
        assert float(row[5].replace(",", ".")) == pytest.approx(100 * free / pupils, abs=0.0051)
        assert "." not in row[5]
