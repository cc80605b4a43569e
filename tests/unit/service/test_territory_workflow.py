"""The read station brings figures to the Gebietsstand of their level, on a county of a few squares."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from geodata.county import load_county
from geodata.crosswalk import Crosswalk
from geodata.errors import AreaKeyError, ConfigError, TerritoryError
from geodata.models import Flag, Status
from service.workflows.moved import Frame, moved_rows
from service.workflows.read import Inputs, read_inputs

COUNTY = """
[county]
id = "probe"
key = "99901"
title = "Probe"

[[sources]]
id = "amt"
title = "Register"
publisher = "Amt"
licence = "dl-de/by-2-0"
attribution = "© Amt"
legal_basis = "§ 1"
purpose = "Monitoring"
legend = "classic"
released = true

[[levels]]
id = "gemeinde"
title = "Gemeinden"
source = "amt"
file = "areas.gpkg"
id_field = "KEY"
boundary_date = {date}

[[tables]]
id = "zahlen"
source = "amt"
levels = ["gemeinde"]
file = "zahlen.csv"
format = "table"
area = "KEY"
period = "JAHR"
{more}
columns.leute = {{ column = "LEUTE", unit = "Anzahl" }}
columns.quote = {{ column = "QUOTE", unit = "Prozent" }}

{ancillary}

[[indicators]]
id = "leute"
title = "Leute"
topic = "population"
numerator = "leute"
kind = "count"
unit = "Anzahl"
polarity = "neutral"
level = "gemeinde"
"""
#: 01 + 02 became 09 in 2015; 03 was split into 11 and 12 in 2016; 04 is called 14 since 2017; 05 took 06 in in 2018.
TERRITORY = """
[[mergers]]
date = 2015-01-01
from = ["99901001", "99901002"]
to = "99901009"
source = "law"
[[splits]]
date = 2016-01-01
from = "99901003"
to = ["99901011", "99901012"]
source = "law"
[[renames]]
date = 2017-01-01
from = "99901004"
to = "99901014"
source = "law"
[[mergers]]
date = 2018-01-01
from = ["99901005", "99901006"]
to = "99901005"
source = "law"
"""
#: Squares of 1000 m from west to east; 12 is three times as wide as 11.
NEW = {"09": (0, 2), "11": (2, 3), "12": (3, 6), "14": (6, 7), "05": (7, 8)}
OLD = ["01", "02", "03", "04", "05", "06"]


def county(
    folder: Path,
    rows: str,
    *,
    date: str = "2020-01-01",
    more: str = "",
    ancillary: str = "",
    areas: dict[str, tuple[int, int]] = NEW,
    territory: str = TERRITORY,
) -> Inputs:
    """Write a county and read it; rows are `key year people quota`, keys by their last two digits."""
    keys = [f"999010{k}" for k in areas]
    shapes = [box(500_000 + 1000 * a, 5_800_000, 500_000 + 1000 * b, 5_801_000) for a, b in areas.values()]
    gpd.GeoDataFrame({"KEY": keys}, geometry=shapes, crs=25832).to_file(folder / "areas.gpkg")
    lines = [f"999010{';'.join(row.split())}" for row in rows.strip().splitlines()]
    (folder / "zahlen.csv").write_text("\n".join(["KEY;JAHR;LEUTE;QUOTE", *lines, ""]), encoding="utf-8")
    (folder / "county.toml").write_text(COUNTY.format(date=date, more=more, ancillary=ancillary), encoding="utf-8")
    if territory:
        (folder / "territory.toml").write_text(territory, encoding="utf-8")
    return read_inputs(load_county(folder))


def figures(inputs: Inputs, variable: str, year: int) -> pd.DataFrame:
    return inputs.figures.get(variable, year, inputs.levels["gemeinde"].areas.index)


EVERYBODY = "\n".join(f"{key} 2012 {number}0 5" for number, key in enumerate(OLD, start=1))


def test_sums_new_keys_and_shares_each_marked(tmp_path):
    inputs = county(tmp_path, EVERYBODY, more='gebietsstand = "period"')
    found = figures(inputs, "leute", 2012)
    assert found["value"].to_dict() == {
        "99901009": 30.0,  # 10 + 20
        "99901011": 7.5,  # a quarter of 30 by area
        "99901012": 22.5,
        "99901014": 40.0,
        "99901005": 110.0,  # 50 + 60
    }
    modelled = {"99901011", "99901012"}
    assert set(found.index[found["origin"] == "modelled"]) == modelled
    assert set(found.index[(found["flags"] & Flag.ESTIMATED.value) > 0]) == modelled
    assert ((found["flags"] & Flag.CONVERTED.value) > 0).all()
    assert not (found["flags"] & Flag.BREAK.value).any()
    # A quota is the same in every part and under a new key; the quotas of two areas are no quota of both.
    quota = figures(inputs, "quote", 2012)
    assert quota["value"].dropna().to_dict() == {"99901011": 5.0, "99901012": 5.0, "99901014": 5.0}
    assert quota.loc["99901009", "status"] == Status.NOT_APPLICABLE.value
    assert quota.loc["99901011", "origin"] == "modelled"
    # Nothing is lost: what every figure was made of stands in the moves, and their shares keep the total.
    moves = inputs.moves[inputs.moves["variable"] == "leute"]
    assert (moves["value"] * moves["share"]).sum() == 210.0
    assert {k[-2:] for k in moves["source"]} == set(OLD)
    assert not set(inputs.tables["zahlen"].table["area_id"]) & {f"999010{k}" for k in OLD if k != "05"}
    notes = " | ".join(inputs.tables["zahlen"].notes)
    assert "99901009: sum of 99901001, 99901002 (Gebietsstand 2020-01-01): 2012" in notes
    assert "shared by area: 99901011 25.0%, 99901012 75.0%" in notes


def test_years_of_the_present_gebietsstand_stay_untouched(tmp_path):
    rows = EVERYBODY + "\n" + "\n".join(f"{key} 2019 7 5" for key in NEW)
    inputs = county(tmp_path, rows, more='gebietsstand = "period"')
    assert (figures(inputs, "leute", 2019)["flags"] == 0).all()
    assert (figures(inputs, "leute", 2019)["value"] == 7).all()
    assert inputs.figures.periods("leute", pd.Index(["99901009"])) == (2012, 2019)


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        (".", Status.SUPPRESSED_OR_UNKNOWN),
        ("/", Status.UNRELIABLE),
        ("...", Status.NOT_YET_AVAILABLE),
        ("", Status.MISSING),
    ],
)
def test_a_part_without_a_number_leaves_none_and_says_why(tmp_path, cell, status):
    inputs = county(tmp_path, "01 2012 10 5\n05 2019 1 1", territory=TERRITORY)
    assert figures(inputs, "leute", 2012).loc["99901009", "status"] == Status.NOT_DELIVERED.value
    (tmp_path / "zahlen.csv").write_text(
        f"KEY;JAHR;LEUTE;QUOTE\n99901001;2012;10p;5\n99901002;2012;{cell};5\n", encoding="utf-8"
    )
    row = figures(read_inputs(load_county(tmp_path)), "leute", 2012).loc["99901009"]
    assert np.isnan(row["value"])
    assert row["status"] == status.value
    assert row["flags"] == (Flag.PROVISIONAL | Flag.CONVERTED).value


def test_zero_and_rounded_zero_add_up_to_themselves(tmp_path):
    inputs = county(tmp_path, "01 2012 - 5\n02 2012 - 5\n01 2013 - 5\n02 2013 0 5")
    assert figures(inputs, "leute", 2012).loc["99901009", "status"] == Status.ZERO.value
    assert figures(inputs, "leute", 2013).loc["99901009", "status"] == Status.ROUNDED_TO_ZERO.value


def test_worked_back_figures_are_left_as_they_are(tmp_path):
    inputs = county(tmp_path, "09 2012 33 5\n14 2012 4 5")
    found = figures(inputs, "leute", 2012)
    assert found.loc["99901009", "value"] == 33
    assert found.loc["99901009", "flags"] == 0
    assert inputs.moves.empty
    assert "worked back" in " ".join(inputs.tables["zahlen"].notes)


def test_a_key_that_grew_is_a_break_where_nobody_says_whether_it_was_worked_back(tmp_path):
    found = figures(county(tmp_path, "05 2012 50 5"), "leute", 2012).loc["99901005"]
    assert (found["value"], found["flags"]) == (50.0, Flag.BREAK.value)
    # Said to be of one Gebietsstand: nothing to add. Said to be of its own year: the other part lacks.
    told = figures(county(tmp_path, "05 2012 50 5", more="gebietsstand = 2019-12-31"), "leute", 2012).loc["99901005"]
    assert (told["value"], told["flags"]) == (50.0, 0)
    own = figures(county(tmp_path, "05 2012 50 5", more='gebietsstand = "period"'), "leute", 2012).loc["99901005"]
    assert np.isnan(own["value"])
    assert own["status"] == Status.NOT_DELIVERED.value


def test_an_earlier_gebietsstand_is_refused_with_the_reason(tmp_path):
    old = {"01": (0, 1), "02": (1, 2), "04": (6, 7)}
    with pytest.raises(TerritoryError) as refused:
        county(tmp_path, "09 2019 30 5\n14 2019 40 5", date="2014-12-31", areas=old)
    text = str(refused.value)
    assert "99901009 holds 99901001, 99901002 since 2015-01-01, and the data have no figures of the parts" in text
    assert "zahlen.csv" in text
    # A new key alone is no obstacle.
    inputs = county(tmp_path, "14 2019 40 5", date="2014-12-31", areas={"04": (6, 7)})
    assert figures(inputs, "leute", 2019)["value"].to_dict() == {"99901004": 40.0}


def test_two_gebietsstaende_in_one_year_are_refused_unless_one_is_named(tmp_path):
    rows = "01 2016 10 5\n02 2016 20 5\n09 2016 30 5"
    with pytest.raises(
        TerritoryError, match=r"one Gebietsstand in 2016, found 99901001.*\(until 2014-12-31\) beside 9"
    ):
        county(tmp_path, rows)
    inputs = county(tmp_path, rows, more="gebietsstand = 2016-12-31")
    assert figures(inputs, "leute", 2016).loc["99901009", "value"] == 30
    assert "left out: 99901001, 99901002: 2016" in " ".join(inputs.tables["zahlen"].notes)


def test_figures_of_an_area_that_was_yet_to_come_contradict_the_stated_gebietsstand(tmp_path):
    rows = "09 2012 30 5\n14 2012 40 5"
    with pytest.raises(TerritoryError) as refused:
        county(tmp_path, rows, more="gebietsstand = 2014-12-31")
    text = str(refused.value)
    assert "found figures in 2012 of 99901009 (since 2015-01-01), 99901014 (since 2017-01-01)" in text
    assert "99901009 holds 99901001, 99901002, and a merger cannot be undone" in text
    assert "zahlen.csv" in text
    assert "set gebietsstand of the table to 2017-01-01 or later" in text
    # What the hint says helps, and a young key without a figure contradicts nothing.
    inputs = county(tmp_path, rows, more="gebietsstand = 2017-01-01")
    assert figures(inputs, "leute", 2012).loc["99901009", "value"] == 30
    county(tmp_path, "01 2012 10 5\n02 2012 20 5", more="gebietsstand = 2014-12-31")
    table = tmp_path / "zahlen.csv"
    table.write_text(table.read_text(encoding="utf-8") + "99901009;2012;;\n", encoding="utf-8")
    inputs = read_inputs(load_county(tmp_path))
    assert figures(inputs, "leute", 2012).loc["99901009", "value"] == 30


def test_young_keys_of_other_counties_are_a_note_only(tmp_path):
    rows = "01 2012 10 5\n02 2012 20 5"
    law = (
        TERRITORY + '[[mergers]]\ndate = 2019-01-01\nfrom = ["99901005", "99902001"]\nto = "99902007"\nsource = "law"\n'
    )
    county(tmp_path, rows, more="gebietsstand = 2014-12-31", territory=law, areas={"09": (0, 2), "05": (7, 8)},
           date="2018-06-01")  # fmt: skip
    table = tmp_path / "zahlen.csv"
    table.write_text(table.read_text(encoding="utf-8") + "99902007;2012;9;5\n", encoding="utf-8")
    inputs = read_inputs(load_county(tmp_path))
    assert figures(inputs, "leute", 2012).loc["99901009", "value"] == 30
    notes = inputs.tables["zahlen"].notes
    assert "keys that did not exist on 2014-12-31 are left out: 99902007: 2012" in notes


def test_no_sum_is_told_where_a_part_lacks(tmp_path):
    rows = "01 2011 10 5\n02 2011 20 5\n01 2012 10 5\n01 2013 10 5\n02 2013 . 5"
    inputs = county(tmp_path, rows, more="gebietsstand = 2014-12-31")
    notes = inputs.tables["zahlen"].notes
    assert "99901009: sum of 99901001, 99901002 (Gebietsstand 2020-01-01): 2011" in notes
    assert "99901009: no sum: 99901002 not delivered (Gebietsstand 2020-01-01): 2012" in notes
    assert "99901009: no sum: 99901002 suppressed or unknown (Gebietsstand 2020-01-01): 2013" in notes
    # A figure that stays with a break is no sum either.
    notes = county(tmp_path, "05 2012 50 5").tables["zahlen"].notes
    assert not [n for n in notes if "sum" in n]


def test_dead_keys_that_say_nothing_do_not_disturb(tmp_path):
    county(tmp_path, "09 2016 30 5")
    table = tmp_path / "zahlen.csv"
    table.write_text(table.read_text(encoding="utf-8") + "99901001;2016;;\n99901002;2016;;\n", encoding="utf-8")
    inputs = read_inputs(load_county(tmp_path))
    assert figures(inputs, "leute", 2016).loc["99901009", ["value", "flags"]].tolist() == [30, 0]


def test_boundaries_must_be_of_their_date(tmp_path):
    with pytest.raises(TerritoryError, match=r"Gebietsstand 2014-12-31, found 99901009 \(since 2015-01-01\), 9"):
        county(tmp_path, "09 2019 30 5", date="2014-12-31")


def test_names_are_no_keys(tmp_path):
    county(tmp_path, "09 2019 30 5")
    table = tmp_path / "zahlen.csv"
    table.write_text("KEY;JAHR;LEUTE;QUOTE\nIlsede;2019;1;1\nPeine;2019;1;1\n", encoding="utf-8")
    with pytest.raises(AreaKeyError, match="found names: Ilsede, Peine"):
        read_inputs(load_county(tmp_path))


RASTER = """
[[ancillary]]
id = "people"
title = "Einwohner"
source = "amt"
year = 2015
file = "people.tif"

[territory]
weights = "people"
"""


def test_a_split_area_is_shared_by_the_countys_ancillary_data(tmp_path):
    # All people of the old area 03 live in one cell of the narrow part 11, but for a ninth.
    people = np.zeros((1, 8), dtype=np.float32)
    people[0, 2], people[0, 4] = 80.0, 10.0
    with rasterio.open(
        tmp_path / "people.tif", "w", driver="GTiff", width=8, height=1, count=1, dtype="float32", crs="EPSG:25832",
        transform=Affine(1000, 0, 500_000, 0, -1000, 5_801_000),
    ) as target:  # fmt: skip
        target.write(people, 1)
    inputs = county(tmp_path, "03 2012 90 5", ancillary=RASTER)
    found = figures(inputs, "leute", 2012)["value"]
    assert found["99901011"] == pytest.approx(80)
    assert found["99901012"] == pytest.approx(10)
    assert "shared by Einwohner (2015)" in " ".join(inputs.tables["zahlen"].notes)
    with pytest.raises(ConfigError, match=r"territory\.weights: unknown ancillary 'persons'"):
        county(tmp_path, "03 2012 90 5", ancillary=RASTER.replace('weights = "people"', 'weights = "persons"'))


def test_shares_that_the_law_gives_go_before_the_matrix(tmp_path):
    law = TERRITORY.replace('"99901012"]\n', '"99901012"]\nshares = { "99901011" = 0.5, "99901012" = 0.5 }\n')
    found = figures(county(tmp_path, "03 2012 90 5", territory=law), "leute", 2012)
    assert found["value"].dropna().to_dict() == {"99901011": 45.0, "99901012": 45.0}
    assert (found["origin"].dropna().loc[["99901011", "99901012"]] == "modelled").all()


def test_a_part_that_went_to_a_living_area_needs_the_old_boundary(tmp_path):
    mixed = """
[[splits]]
date = 2016-01-01
from = "99901003"
to = ["99901011", "99901014"]
existing = ["99901014"]
source = "law"
"""
    areas = {"11": (2, 3), "14": (3, 7)}
    with pytest.raises(TerritoryError, match=r"old boundary of 99901003, found none; 99901014 hold other areas too"):
        county(tmp_path, "03 2012 90 5\n14 2012 9 5", territory=mixed, areas=areas)
    old = gpd.GeoDataFrame(
        {"KEY": ["99901003", "99901014"]},
        geometry=[box(502_000, 5_800_000, 506_000, 5_801_000), box(506_000, 5_800_000, 507_000, 5_801_000)],
        crs=25832,
    )
    old.to_file(tmp_path / "old.gpkg")
    level = """
[[levels]]
id = "gemeinde_alt"
title = "Gemeinden 2015"
source = "amt"
file = "old.gpkg"
id_field = "KEY"
boundary_date = 2015-12-31
"""
    inputs = county(tmp_path, "03 2012 90 5\n14 2012 9 5", territory=mixed, areas=areas, ancillary=level)
    assert figures(inputs, "leute", 2012)["value"].to_dict() == pytest.approx({"99901011": 22.5, "99901014": 76.5})


def test_a_run_stores_the_moves_and_the_notes(tmp_path):
    from service.workflows.run import run

    data = tmp_path / "county"
    data.mkdir()
    county(data, EVERYBODY, more='gebietsstand = "period"')
    report = run(data, state=tmp_path / "state", maps=())
    manifest = json.loads((report.folder / "internal" / "manifest.json").read_text())
    assert any("99901009: sum of" in note for note in manifest["notes"]["zahlen"])
    kept = pd.read_parquet(report.folder / "internal" / "inputs" / "moves.parquet")
    assert len(kept[kept["variable"] == "leute"]) == 7
    assert set(kept["to"]) == {dt.date(2020, 1, 1)}
    assert not (report.folder / "public" / "inputs" / "moves.parquet").exists()


def test_a_sum_is_as_certain_as_its_least_certain_part():
    day = dt.date(2015, 1, 1)
    walk = Crosswalk.build(day, day, [("A1", "A3", 1.0), ("A2", "A3", 1.0)], ())
    rows = pd.DataFrame(
        {"value": [1.0, 2.0], "status": "observed", "origin": ["sample", "counted"], "flags": [0, 2]},
        index=["A1", "A2"],
    )
    new, moves, broken = moved_rows(walk, Frame(rows, 2012, extensive=True))
    assert new.loc["A3"].tolist() == [3.0, "observed", "sample", (Flag.REVISED | Flag.CONVERTED).value]
    assert (len(moves), broken) == (2, ())
