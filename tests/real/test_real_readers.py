"""The readers on real files; what is expected is counted from the raw text by other means."""

from __future__ import annotations

import csv
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from geodata.county_schema import ColumnSpec
from geodata.errors import AreaKeyError, FormatError, NoDataError
from geodata.keys import parse_grid_ids
from geodata.models import Text
from geodata.readers.genesis import read_genesis
from geodata.readers.grid import cells_layer
from geodata.readers.inkar import read_inkar
from geodata.readers.sniff import describe
from geodata.readers.table import read_plain
from geodata.readers.vector import read_areas
from geodata.readers.zensus_grid import read_grid_2011
from geodata.readers.zensus_long import read_long_2011

pytestmark = pytest.mark.real

TITLE = Text("Gemeinden", "Municipalities")
PEINE = {
    "03157001": (234, 8025), "03157002": (204, 5868), "03157005": (263, 8824), "03157006": (2025, 31780),
    "03157007": (277, 11318), "03157008": (163, 6821), "03157009": (574, 13801),
}  # fmt: skip
PEOPLE_2022 = {
    "03157001": 12464, "03157002": 9308, "03157005": 14118, "03157006": 50276, "03157007": 18141, "03157008": 10175,
    "03157009": 21637,
}  # fmt: skip


def raw(path, delimiter=";", encoding="utf-8-sig"):
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def gemeinden(real_data):
    return read_areas(
        real_data / "peine" / "peine_gemeinden_vg250_2016_wgs84.geojson",
        id_field="AGS", name_field="GEN", crs="EPSG:25832", level="gemeinde", title=TITLE, keep={"GF": 4},
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "official/genesis_v5_12211-0001_signs_x_slash_de_flat.csv",
        "official/genesis_v5_12211-Z-11_quality_on_de_flat.csv",
        "official/genesis_v5_12411-01-01-4_bevoelkerung_kreise_de_flat.csv",
        "official/genesis_v5_13111-01-03-4_svb_arbeitsort_niedersachsen_de_flat.csv",
        "official/genesis_v5_AI-N-01-2-5_regionalatlas_gemeinden_niedersachsen_de_flat.csv",
        "peine/zensus2022_1000A-0000_einwohner_gemeinden_niedersachsen_de_flat.csv",
    ],
)
def test_every_value_of_a_flat_file_keeps_its_sign(real_data, name):
    path = real_data / name
    rows = raw(path)
    table = read_genesis(path).table
    signs = Counter(r["value"] if not re.fullmatch(r"-?\d+(,\d+)?", r["value"]) else "number" for r in rows)
    found = table["status"].value_counts()
    assert len(table) == len(rows)
    assert found.get("unreliable", 0) == signs["/"]
    assert found.get("not_applicable", 0) == signs["x"]
    dashes = found.reindex(["zero", "not_delivered", "area_does_not_exist"]).fillna(0).sum()
    assert dashes == signs["-"]
    numbers = sorted(float(r["value"].replace(",", ".")) for r in rows if re.fullmatch(r"-?\d+(,\d+)?", r["value"]))
    zeros = sum(number == 0 for number in numbers)
    assert found.get("rounded_to_zero", 0) == zeros
    # Every dash that is left carries no number, except the few that stand beside a number of the same region.
    assert table["value"].notna().sum() == len(numbers) + found.get("zero", 0)
    read = sorted(table.loc[table["status"].isin(["observed", "rounded_to_zero"]), "value"])
    assert read == numbers


def test_regions_of_dashes_were_not_delivered(real_data):
    folder = real_data / "official"
    path = folder / "genesis_v5_13111-01-03-4_svb_arbeitsort_niedersachsen_de_flat.csv"
    by_region: dict[str, set[str]] = {}
    for row in raw(path):
        by_region.setdefault(row["1_variable_attribute_code"], set()).add(row["value"])
    silent = {region for region, values in by_region.items() if values == {"-"}}
    assert len(silent) == 48
    assert "03157" in silent
    table = read_genesis(path).table
    # Of the silent ones, some are Kreise that were dissolved: both say that there is no zero.
    none = table[table["status"].isin(["not_delivered", "area_does_not_exist"])]
    assert set(none["area_id"]) == silent
    assert none["value"].isna().all()

    table = read_genesis(folder / "genesis_v5_AI-N-01-2-5_regionalatlas_gemeinden_niedersachsen_de_flat.csv").table
    dead = table[table["status"] == "area_does_not_exist"]
    assert {"03157003", "03157004"} <= set(dead["area_id"])
    assert set(table.loc[table["area_id"] == "03157009", "status"]) == {"observed"}


def test_quality_marks(real_data):
    path = real_data / "official" / "genesis_v5_12211-Z-11_quality_on_de_flat.csv"
    limited = sum(row["value_q"] == "()" for row in raw(path))
    assert limited == 14
    assert (read_genesis(path).table["flags"] == 8).sum() == limited


def test_selected_totals_of_kreise(real_data):
    path = real_data / "official" / "genesis_v5_12411-01-01-4_bevoelkerung_kreise_de_flat.csv"
    columns = {
        "people": ColumnSpec(column="BEVSTD"),
        "women": ColumnSpec(column="BEVSTD", select={"GES": "GESW"}),
        "men": ColumnSpec(column="BEVSTD", select={"GES": "GESM"}),
    }
    table = read_genesis(path, columns=columns, area="KREISE", key="ags").table
    wide = table.pivot_table(index="area_id", columns="variable", values="value", dropna=False)
    known = wide.dropna()
    assert (known["women"] + known["men"] == known["people"]).all()
    total = sum(int(r["value"]) for r in raw(path) if not r["2_variable_attribute_code"] and r["value"] != "-")
    assert known["people"].sum() == total


def test_people_of_2022_by_twelve_digit_keys(real_data):
    path = real_data / "peine" / "zensus2022_1000A-0000_einwohner_gemeinden_niedersachsen_de_flat.csv"
    columns = {"people": ColumnSpec(column="PRS018")}
    table = read_genesis(path, columns=columns, area="GEOGM4", key="ars-to-ags").table.set_index("area_id")
    assert len(table) == 941
    assert {key: table["value"][key] for key in PEOPLE_2022} == PEOPLE_2022
    assert sum(PEOPLE_2022.values()) == 136_119


def test_answers_that_are_no_tables(real_data):
    for name in ("error_code98_table_too_large", "12411-01-01-4_metadata"):
        with pytest.raises(NoDataError):
            read_genesis(real_data / "official" / f"genesis_v5_{name}.json")


def test_inkar_sheets_and_the_known_figures(real_data):
    folder = real_data / "peine"
    unemployed = read_inkar(folder / "inkar_arbeitslose_gemeinden_niedersachsen.csv", key="ags").table
    people = read_inkar(folder / "inkar_erwerbsfaehige_gemeinden_niedersachsen.csv", key="ags").table
    assert (unemployed["period"].min(), unemployed["period"].max(), people["period"].min()) == (1998, 2021, 2001)
    text = (folder / "inkar_arbeitslose_gemeinden_niedersachsen.csv").read_text(encoding="utf-8")
    blanks = sum(cell == "" for line in text.splitlines()[2:] for cell in line.split(";"))
    assert (unemployed["status"] == "missing").sum() == blanks == 44
    last = [t[t["period"] == 2021].set_index("area_id")["value"] for t in (unemployed, people)]
    assert {key: (last[0][key], last[1][key]) for key in PEINE} == PEINE
    assert sum(last[0][key] for key in PEINE) == 3740


def test_income_tax_in_both_notations_is_one(real_data):
    sheet = read_inkar(real_data / "peine" / "inkar_einkommensteuer_gvb_niedersachsen.csv", key="ars-to-gvb").table
    iris = read_inkar(
        real_data / "official" / "inkar_iris_einkommensteuer_gemeindeverbaende_niedersachsen_latin1.csv",
        columns={"tax": ColumnSpec(column="Einkommensteuer")},
        key="ars-to-gvb",
    ).table
    assert (sheet.loc[sheet["period"] == 2019, "value"].notna()).sum() == 405
    both = sheet.merge(iris, on=["area_id", "period"])
    both = both[both["value_x"].notna() & both["value_y"].notna()]
    assert len(both) > 8000
    assert both["period"].min() == 1998
    assert np.isclose(both["value_x"], both["value_y"]).mean() > 0.99


def test_the_original_workbook(real_data):
    table = read_inkar(real_data / "official" / "inkar_A_Arbeitslosigkeit_kreise.xls").table
    assert len(table) == 400 * 27
    gemeinden = read_inkar(real_data / "peine" / "inkar_arbeitslose_gemeinden_niedersachsen.csv", period=2021).table
    kreis = table[(table["area_id"] == "03157") & (table["period"] == 2021)]["value"].item()
    assert kreis == pytest.approx(gemeinden[gemeinden["area_id"].str.startswith("03157")]["value"].sum(), abs=5)


def test_exact_kilometre_cells(real_data):
    path = real_data / "peine" / "zensus2011_1km_spitz_peine_bbox.csv"
    rows = raw(path, ",")
    table = read_grid_2011(path, cell_size=1000).table
    assert len(table) == 10 * len(rows)
    for column in ("Einwohner", "unter18_A", "Leerstandsquote"):
        numbers = Counter(float(row[column]) for row in rows)
        part = table[table["variable"] == column]
        found = part["status"].value_counts()
        assert found.get("zero_or_suppressed", 0) == numbers[-1.0]
        assert found.get("suppressed", 0) == numbers[-9.0]
        assert part["value"].min() >= 0
        assert part["value"].sum() == pytest.approx(sum(v * n for v, n in numbers.items() if v >= 0))
    layer = cells_layer(
        table["area_id"], cell_size=1000, crs="EPSG:25832", level="grid1km", title=TITLE, parents=gemeinden(real_data)
    )
    people = table[table["variable"] == "Einwohner"].set_index("area_id")["value"]
    inside = people[layer.areas.index].dropna()
    assert (len(layer.areas), len(inside), inside.sum()) == (536, 316, 130_195)
    observed = table[table["area_id"].isin(inside.index) & table["value"].notna()]["variable"].value_counts()
    names = ("Auslaender_A", "unter18_A", "ab65_A", "HHGroesse_D", "Leerstandsquote", "Wohnfl_Bew_D", "Wohnfl_Whg_D")
    assert [observed[n] for n in names] == [305, 302, 302, 304, 285, 205, 106]
    with pytest.raises(FormatError, match="classes"):
        read_grid_2011(real_data / "peine" / "zensus2011_1km_klassiert_peine_bbox.csv")


def test_both_files_of_kilometre_cells_agree(real_data):
    whole = read_grid_2011(real_data / "germany_zensus2011_1km_einwohner.parquet").table.set_index("area_id")
    part = read_grid_2011(real_data / "peine" / "zensus2011_1km_spitz_peine_bbox.csv").table
    part = part[part["variable"] == "Einwohner"].set_index("area_id")
    assert len(whole) == 361_478
    assert whole.loc[part.index, ["value", "status"]].equals(part[["value", "status"]])


def test_long_attributes_of_hectare_cells(real_data):
    path = real_data / "peine" / "zensus2011_100m_peine_bbox_long.parquet"
    frame = pd.read_parquet(path)
    names = sorted(n for n in frame["var"].unique() if n.startswith("dwellings_GEBTYPGROESSE_"))
    found = read_long_2011(path, variables={n: n for n in names})
    want = frame[frame["var"].isin(names)]
    assert len(found.table) == len(want)
    assert found.table["value"].sum() == want["value"].sum()
    assert (found.table["flags"] == 8).sum() == (want["quality"] == 1).sum()
    cells = parse_grid_ids(found.table["area_id"].drop_duplicates())
    assert set(zip(cells["x_mp"], cells["y_mp"], strict=True)) == set(zip(want["x"], want["y"], strict=True))
    layer = cells_layer(
        found, cell_size=100, crs="EPSG:25832", level="grid100m", title=TITLE, parents=gemeinden(real_data)
    )
    assert len(layer.areas) == 4290


def test_boundaries(real_data):
    layer = gemeinden(real_data)
    assert layer.areas.index.tolist() == sorted(PEINE)
    assert layer.areas.area.sum() / 1e6 == pytest.approx(536.00, abs=0.005)
    options = {"crs": "EPSG:25832", "level": "region", "title": TITLE, "key": "ars-to-ags", "prefix": "03157"}
    path = real_data / "peine" / "peine_nachbarn_vg250_zensus2022_4pct_utm32.gpkg"
    region = read_areas(path, id_field="ARS", context=True, **options).areas
    assert len(region) == 157
    assert region.index[~region["context"]].tolist() == sorted(PEINE)
    assert len(read_areas(path, id_field="ARS", **options).areas) == 7
    old = read_areas(
        real_data / "peine" / "peine_gemeinden_vg250_2016_wgs84.geojson", id_field="ARS", name_field="GEN", **options
    )
    assert old.areas.index.tolist() == sorted(PEINE)


def test_repeated_keys_of_vg250(real_data):
    path = real_data / "peine" / "vg250-ew_2022-12-31_gem_attribute_niedersachsen.csv"
    twice = [key for key, number in Counter(row["AGS"] for row in raw(path, ",", "utf-8")).items() if number > 1]
    assert len(twice) == 24
    columns = {"people": ColumnSpec(column="EWZ")}
    with pytest.raises(AreaKeyError, match=twice[0]):
        read_plain(path, columns=columns, area="AGS", period=2022, key="ags")
    land = {"people": ColumnSpec(column="EWZ", select={"GF": "4"})}
    table = read_plain(path, columns=land, area="AGS", period=2022, key="ags").table
    assert len(table) == 988 - 24
    assert any("24 keys" in finding for finding in describe(path).findings)


def test_berlin_minus_9999_is_a_sign_only_where_the_legend_says_so(real_data):
    path = real_data / "berlin" / "berlin_mss_2021_index_indikatoren.csv"
    columns = {"s1": ColumnSpec(column="S1"), "d3": ColumnSpec(column="D3")}
    options = {"columns": columns, "area": "PLR_ID", "period": "ZEIT"}
    table = read_plain(path, legend="mss", **options).table
    assert (table["status"] == "not_delivered").sum() == 12
    assert table["value"].min() > -100
    assert set(table["period"]) == {2020}
    assert (read_plain(path, legend="none", **options).table["value"] == -9999).sum() == 12
