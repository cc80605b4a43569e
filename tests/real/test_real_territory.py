"""What the real files say about areas that ended, and what becomes of their figures."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from collections import defaultdict
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import box

from geodata.county import load_county
from geodata.errors import AreaKeyError, GeodataError, TerritoryError
from geodata.models import Flag
from geodata.readers.sniff import describe
from geodata.territory import packaged
from service.cli import main
from service.workflows.read import read_inputs

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
ATLAS = "official/genesis_v5_AI-N-01-2-5_regionalatlas_gemeinden_niedersachsen_de_flat.csv"
LIVING = "peine/vg250-ew_2022-12-31_gem_attribute_niedersachsen.csv"
UNEMPLOYED = "peine/inkar_arbeitslose_gemeinden_niedersachsen.csv"
ILSEDE, OLD_ILSEDE, LAHSTEDT = "03157009", "03157003", "03157004"


def lines(path: Path, delimiter: str = ";") -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


@pytest.fixture(scope="module")
def living(real_data) -> dict[str, str]:
    """Living keys of Lower Saxony at 2022-12-31 → the day on which their present state took effect."""
    head = (real_data / LIVING).read_text(encoding="utf-8-sig").split("\n", 1)[0]
    rows = lines(real_data / LIVING, ";" if ";" in head else ",")
    return {r["AGS"]: f"{r['WSK'][:4]}-{r['WSK'][4:6]}-{r['WSK'][6:]}" for r in rows if r["GF"] == "4"}


@pytest.fixture(scope="module")
def dead(real_data, living) -> dict[str, set[str]]:
    """Keys of the regional table that are dashes throughout and not among the living: Kreis → keys."""
    cells = defaultdict(set)
    for row in lines(real_data / ATLAS):
        cells[row["1_variable_attribute_code"]].add(row["value"])
    gone = [key for key, values in cells.items() if values == {"-"} and key not in living]
    assert len(gone) == 152
    return {kreis: {k for k in gone if k[:5] == kreis} for kreis in sorted({k[:5] for k in gone})}


def test_the_packaged_territory_says_what_the_data_show_and_no_more(living, dead):
    known = packaged()
    assert {k for keys in dead.values() for k in keys} == {k for k in known.ends if len(k) == 8}
    shown = {}
    for kreis, keys in dead.items():
        young = {k: day for k, day in living.items() if k[:5] == kreis and day > "2009-01-01"}
        unchanged = {day for k, day in living.items() if k[:5] == kreis} - set(young.values())
        if len(young) == 1 and unchanged == {"2009-01-01"}:
            ((successor, day),) = young.items()
            shown[successor] = (day, keys)
    events = {e.after[0]: (str(e.date), set(e.before)) for e in known.events if len(e.after[0]) == 8}
    assert events == shown
    assert set(shown) == {"03155013", ILSEDE, "03251049", "03358024", "03456027"}
    # The Kreis: every area of 03159 took effect on one day, on which its predecessors ended.
    assert {day for k, day in living.items() if k.startswith("03159")} == {"2016-11-01"}
    assert [(e.before, e.after) for e in known.events if len(e.after[0]) == 5] == [(("03152", "03156"), ("03159",))]
    for key in dead["03152"] | dead["03156"]:
        end = known.ends[key]
        assert (str(end.date), end.exact, end.successors) == ("2016-11-01", False, ())
    assert all(known.alive(key, dt.date(2022, 12, 31)) for key in living)


def test_the_dead_keys_of_the_regional_table_are_named_as_such(real_data, dead, living):
    verdict = describe(real_data / ATLAS)
    said = [f for f in verdict.findings if "dissolved at" in f or "dissolved by" in f]
    text = "\n".join(said)
    assert f"keys dissolved at 2015-01-01: {OLD_ILSEDE} Ilsede, {LAHSTEDT} Lahstedt, now {ILSEDE} Ilsede" in said
    everybody = {k for keys in dead.values() for k in keys}
    assert {word for word in text.replace(",", " ").split() if word in everybody} == everybody
    ended = "\n".join(line.split(", now ")[0] for line in said)
    assert not {word for word in ended.replace(",", " ").split() if word in living}
    # Two cells for each of them: neither zero nor missing.
    assert verdict.statuses["area_does_not_exist"] == 2 * len(everybody)


def test_kreise_that_ended_are_named_in_tables_of_kreise(real_data):
    for file in ("12411-01-01-4_bevoelkerung_kreise", "13111-01-03-4_svb_arbeitsort_niedersachsen"):
        findings = describe(real_data / f"official/genesis_v5_{file}_de_flat.csv").findings
        wanted = "keys dissolved at 2016-11-01: 03152 Göttingen, 03156 Osterode am Harz, now 03159 Göttingen"
        assert wanted in findings


def test_sums_of_sexes_ages_and_regions_are_compared_with_their_totals(real_data):
    path = real_data / "official/genesis_v5_12211-0001_signs_x_slash_de_flat.csv"
    cells = {}
    for row in lines(path):
        try:
            value = float(row["value"].replace(",", "."))
        except ValueError:
            continue
        cells[row["value_variable_code"], row["2_variable_attribute_code"], row["3_variable_attribute_code"]] = value
    off = [
        abs(cells[v, "GESM", age] + cells[v, "GESW", age] - total)
        for (v, sex, age), total in cells.items()
        if sex == "" and {(v, "GESM", age), (v, "GESW", age)} <= set(cells)
    ]
    found = [f for f in describe(path).findings if f.startswith("GES: parts differ from the total")]
    assert len(found) == 1
    assert f"by {max(off):g} (" in found[0]
    assert f"{sum(o > 0 for o in off)} of {len(off)} totals are not met" in found[0]
    # Men and women add up to everybody in every Kreis, and the four regions to Lower Saxony: nothing to say.
    for file in ("12411-01-01-4_bevoelkerung_kreise", "13111-01-03-4_svb_arbeitsort_niedersachsen"):
        findings = describe(real_data / f"official/genesis_v5_{file}_de_flat.csv").findings
        assert not [f for f in findings if "parts" in f]


def test_worked_back_years_are_told(real_data):
    findings = describe(real_data / UNEMPLOYED).findings
    assert (
        f"period before the Gebietsstand: {ILSEDE} Ilsede since 2015-01-01, figures from 1998 on were worked back"
        in findings
    )


# ------------------------------------------------------------------------------------------ the series of Ilsede


def series(path: Path) -> dict[int, float]:
    """The published unemployed of Ilsede, by year."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        text = stream.read()
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    (row,) = (r for r in rows if r[0] == ILSEDE)
    return {int(y): float(v.replace(",", ".")) for y, v in zip(rows[1][3:], row[3:], strict=True)}


@pytest.fixture
def peine(real_data, tmp_path) -> Path:
    """The county's own description, beside copies of the files that the tests change."""
    for name in (real_data / "peine").iterdir():
        (tmp_path / name.name).symlink_to(name)
    shutil.copy(ROOT / "counties" / "peine" / "county.toml", tmp_path / "county.toml")
    return tmp_path


def figures(folder: Path) -> pd.DataFrame:
    inputs = read_inputs(load_county(folder))
    years = inputs.figures.periods("arbeitslose", pd.Index([ILSEDE]))
    rows = [inputs.figures.get("arbeitslose", y, pd.Index([ILSEDE])).iloc[0] for y in years]
    return pd.DataFrame(rows, index=pd.Index(years))


def test_the_unemployed_of_ilsede_form_one_unbroken_series(real_data, peine):
    published = series(real_data / UNEMPLOYED)
    assert list(published) == list(range(1998, 2022))
    found = figures(peine)
    assert found["value"].to_dict() == published
    assert published[2021] == 574
    assert (found["flags"] == 0).all()
    assert (found["status"] == "observed").all()


def test_the_series_stays_unbroken_when_its_parts_were_delivered(real_data, peine):
    """As if each year had its own keys: parts until 2014, the whole since. The publisher's figure is the oracle."""
    published = series(real_data / UNEMPLOYED)
    file = peine / Path(UNEMPLOYED).name
    text = file.read_text(encoding="utf-8-sig")
    file.unlink()
    delimiter = ";" if text.count(";") > text.count(",") else ","
    out = []
    for row in csv.reader(text.splitlines(), delimiter=delimiter):
        if row[0] != ILSEDE:
            out.append(row)
            continue
        values = [float(v) for v in row[3:]]
        early = [y < 2015 for y in published]
        part = [int(v * 0.55) for v in values]
        for key, name, cells in (
            (OLD_ILSEDE, "Ilsede", part),
            (LAHSTEDT, "Lahstedt", [int(v) - p for v, p in zip(values, part, strict=True)]),
        ):
            out.append([key, name, row[2], *(str(c) if e else "" for c, e in zip(cells, early, strict=True))])
        out.append([*row[:3], *("" if e else v for v, e in zip(row[3:], early, strict=True))])
    file.write_text("\n".join(delimiter.join(f'"{c}"' for c in row) for row in out) + "\n", encoding="utf-8")
    found = figures(peine)
    assert found["value"].to_dict() == published
    moved = found.index[found["flags"] == Flag.CONVERTED.value]
    assert list(moved) == list(range(1998, 2015))
    assert (found.loc[2015:, "flags"] == 0).all()
    assert set(found["origin"]) == {"register"}  # sums of counted values are counted
    notes = " ".join(read_inputs(load_county(peine)).tables["arbeitslose"].notes)
    assert f"{ILSEDE} Ilsede: sum of {OLD_ILSEDE} Ilsede, {LAHSTEDT} Lahstedt" in notes
    assert "1998–2014" in notes
    steps = np.diff(np.log(found["value"].to_numpy(dtype=float)))
    assert np.abs(steps).max() < 0.7  # no jump at 2015


def test_the_gebietsstand_before_2015_is_refused_with_the_reason(real_data, peine):
    """Boundaries with Ilsede and Lahstedt apart; INKAR has no figures of either."""
    areas = gpd.read_file(real_data / "peine/peine_gemeinden_vg250_2016_wgs84.geojson")
    whole = areas[(areas["AGS"] == ILSEDE) & (areas["GF"] == 4)].iloc[[0]]
    west, south, east, north = whole.total_bounds
    middle = (west + east) / 2
    halves = [whole.assign(AGS=key, geometry=whole.geometry.intersection(box(a, south, b, north)))
              for key, a, b in ((OLD_ILSEDE, west, middle), (LAHSTEDT, middle, east))]  # fmt: skip
    old = pd.concat([areas[areas["AGS"] != ILSEDE], *halves])
    file = peine / "peine_gemeinden_vg250_2016_wgs84.geojson"
    file.unlink()
    old.to_file(file, driver="GeoJSON")
    text = (peine / "county.toml").read_text(encoding="utf-8")
    (peine / "county.toml").write_text(text.replace("boundary_date = 2016-01-01", "boundary_date = 2014-12-31"))
    with pytest.raises(TerritoryError) as refused:
        read_inputs(load_county(peine))
    message = str(refused.value)
    assert (
        f"the Gebietsstand of 2014-12-31 cannot be restored: {ILSEDE} Ilsede holds {OLD_ILSEDE} Ilsede, {LAHSTEDT} "
        "Lahstedt since 2015-01-01, and the data have no figures of the parts" in message
    )
    assert "inkar_arbeitslose" in message
    # The same boundaries under the date of 2016 hold keys that were dead by then: refused too.
    (peine / "county.toml").write_text(text)
    with pytest.raises(TerritoryError, match=r"found 03157003 \(until 2014-12-31\)"):
        read_inputs(load_county(peine))


def test_figures_of_ilsede_cannot_be_of_2014(peine):
    """INKAR delivers the present Ilsede from 1998 on: calling that the Gebietsstand of 2014 would lose its figures."""
    text = (peine / "county.toml").read_text(encoding="utf-8")
    file = 'file = "inkar_arbeitslose_gemeinden_niedersachsen.csv"'
    stated = text.replace(file, f"{file}\ngebietsstand = 2014-12-31")
    assert stated != text
    (peine / "county.toml").write_text(stated, encoding="utf-8")
    with pytest.raises(TerritoryError) as refused:
        read_inputs(load_county(peine))
    message = str(refused.value)
    assert f"found figures in 1998 of {ILSEDE} Ilsede (since 2015-01-01)" in message
    assert f"{ILSEDE} Ilsede holds {OLD_ILSEDE} Ilsede, {LAHSTEDT} Lahstedt, and a merger cannot be undone" in message
    assert "set gebietsstand of the table to 2015-01-01 or later" in message


def test_the_names_of_ilsede_join_nothing(peine):
    """Two areas are called Ilsede; a table whose keys are names is refused, and so is a level."""
    text = (peine / "county.toml").read_text(encoding="utf-8")
    file = 'file = "inkar_arbeitslose_gemeinden_niedersachsen.csv"'
    (peine / "county.toml").write_text(text.replace(file, f'{file}\narea = "Raumeinheit"'), encoding="utf-8")
    with pytest.raises(AreaKeyError, match="several for Asendorf"):  # names repeat within the Land …
        read_inputs(load_county(peine))
    table = peine / "inkar_arbeitslose_gemeinden_niedersachsen.csv"
    rows = table.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    table.unlink()
    table.write_text("".join([*rows[:2], *(r for r in rows if "03157" in r[:8])]), encoding="utf-8")
    with pytest.raises(AreaKeyError, match="never matched by name alone"):  # … and where they do not, they are no keys
        read_inputs(load_county(peine))
    named = text.replace('id_field = "AGS"\nname_field = "GEN"', 'id_field = "GEN"\nprefix = ""')
    (peine / "county.toml").write_text(named, encoding="utf-8")
    with pytest.raises(GeodataError):
        read_inputs(load_county(peine))


# ------------------------------------------------------------------------------ through the door that a user takes


def test_the_command_takes_the_county_as_it_is_described(real_data):
    done = CliRunner().invoke(main, ["check", str(ROOT / "counties" / "peine"), "--data", str(real_data / "peine")])
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.output.split())
    assert f"period before the Gebietsstand: {ILSEDE} Ilsede since 2015-01-01, figures from 1998 on were worked" in said


def test_the_command_refuses_an_earlier_gebietsstand_and_says_why(real_data, peine):
    """The figures are said to be of a day on which two other areas stood in Ilsede's place."""
    text = (peine / "county.toml").read_text(encoding="utf-8")
    file = 'file = "inkar_arbeitslose_gemeinden_niedersachsen.csv"'
    (peine / "county.toml").write_text(text.replace(file, f"{file}\ngebietsstand = 2014-12-31"), encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(peine)])
    assert done.exit_code == 3
    said = " ".join(done.stderr.split())
    assert f"{ILSEDE} Ilsede holds {OLD_ILSEDE} Ilsede, {LAHSTEDT} Lahstedt, and a merger cannot be undone" in said
    assert "to do" in said
    # The level's own date: on that day its Ilsede did not exist.
    earlier = text.replace("boundary_date = 2016-01-01", "boundary_date = 2014-12-31", 1)
    (peine / "county.toml").write_text(earlier, encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(peine)])
    assert done.exit_code == 3
    assert f"found {ILSEDE} Ilsede (since 2015-01-01)" in " ".join(done.stderr.split())
    assert "levels.gemeinde.boundary_date" in done.stderr


def test_the_command_refuses_to_join_by_name(peine):
    text = (peine / "county.toml").read_text(encoding="utf-8")
    named = text.replace('id_field = "AGS"\nname_field = "GEN"', 'id_field = "GEN"\nprefix = ""')
    assert named != text
    (peine / "county.toml").write_text(named, encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(peine)])
    assert done.exit_code == 3
    assert "to do" in done.stderr


def test_the_command_names_the_dead_keys_of_the_regional_table(real_data, dead):
    done = CliRunner().invoke(main, ["check", "--json", str(real_data / ATLAS)])
    assert done.exit_code == 0
    (found,) = json.loads(done.stdout)
    said = " ".join(f for f in found["findings"] if "dissolved" in f)
    assert {k for keys in dead.values() for k in keys} <= set(said.replace(",", " ").split())
