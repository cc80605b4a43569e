"""``sozialmonitor check`` on every real file, without options: what it counts equals what the raw text holds.

The expected numbers are counted here by other means (csv, sqlite, struct of the file) and compared with the answer for
the file, for a copy that is called .txt, and for one without an ending.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from service.cli import main

pytestmark = pytest.mark.real

NUMBER = re.compile(r"-?\d+([.,]\d+)?")


def rows_of(path: Path, delimiter: str, encoding: str = "utf-8-sig") -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as stream:
        return [row for row in csv.reader(stream, delimiter=delimiter) if row]


def number(cell: str) -> float:
    return float(cell.replace(",", "."))


def flat(path: Path) -> dict:
    """GENESIS: one value a row; a dash is no number, whatever is made of it."""
    names, *rows = rows_of(path, ";")
    cells = [row[names.index("value")] for row in rows]
    numbers = [number(cell) for cell in cells if NUMBER.fullmatch(cell)]
    signs = Counter(cell for cell in cells if not NUMBER.fullmatch(cell))
    keys = {row[names.index("1_variable_attribute_code")] for row in rows}
    return {
        "rows": len(rows), "values": len(rows), "areas": len(keys),
        "periods": sorted({int(row[names.index("time")][:4]) for row in rows}),
        "statuses": {
            "observed": sum(n != 0 for n in numbers),
            "rounded_to_zero": sum(n == 0 for n in numbers),
            "unreliable": signs["/"],
            "not_applicable": signs["x"],
            # Which dash is a zero is told by the region as a whole: see test_real_readers.
            "zero + not_delivered + area_does_not_exist": signs["-"],
        },
        "encoding": "utf-8 with BOM",
    }  # fmt: skip


def inkar(path: Path) -> dict:
    _, years, *rows = rows_of(path, ";", "utf-8")
    at = [i for i, year in enumerate(years) if year]
    cells = [row[i] for row in rows for i in at]
    return {
        "rows": len(rows), "values": len(cells), "areas": len({row[0] for row in rows}),
        "periods": [int(years[i]) for i in at], "statuses": plain(cells), "encoding": "utf-8",
    }  # fmt: skip


def iris(path: Path) -> dict:
    _, labels, *rows = rows_of(path, ";", "latin-1")
    at = [i for i, label in enumerate(labels) if re.search(r" \d{4}$", label)]
    cells = [row[i] for row in rows for i in at]
    return {
        "rows": len(rows), "values": len(cells), "areas": len({row[0] for row in rows}),
        "periods": [int(labels[i][-4:]) for i in at], "statuses": plain(cells), "encoding": "cp1252",
    }  # fmt: skip


def inkar_workbook(path: Path) -> dict:
    frame = pd.read_excel(path, sheet_name="Daten", header=None, engine="calamine")
    years = [int(year) for year in frame.iloc[1, 3:]]
    cells = frame.iloc[2:, 3:].to_numpy(dtype=float).ravel()
    return {
        "rows": len(frame) - 2, "values": len(cells), "areas": frame.iloc[2:, 0].nunique(), "periods": years,
        "statuses": {"observed": int((cells > 0).sum()), "zero": int((cells == 0).sum()),
                     "missing": int(pd.isna(cells).sum())},
    }  # fmt: skip


def plain(cells: list[str], sentinel: float | None = None) -> dict[str, int]:
    filled = [number(cell) for cell in cells if cell]
    return {
        "observed": sum(n not in (0, sentinel) for n in filled),
        "zero": sum(n == 0 for n in filled),
        "missing": sum(not cell for cell in cells),
        "not_delivered": sum(n == sentinel for n in filled),
    }


def table(key: str, *leave_out: str, sentinel: float | None = None) -> Callable[[Path], dict]:
    """A table of figures beside a key: every cell of every column of numbers is a value."""

    def counted(path: Path) -> dict:
        names, *rows = rows_of(path, ",")
        at = [i for i, name in enumerate(names) if name not in {key, *leave_out}]
        cells = [row[i] for row in rows for i in at]
        keys = len({row[names.index(key)] for row in rows}) if key else 0
        statuses = plain(cells, sentinel)
        return {"rows": len(rows), "values": len(cells), "areas": keys, "statuses": statuses, "encoding": "utf-8"}

    return counted


def grid(path: Path) -> dict:
    _, *rows = rows_of(path, ",")
    cells = [number(cell) for row in rows for cell in row[2:]]
    return {
        "rows": len(rows), "values": len(cells), "areas": len({tuple(row[:2]) for row in rows}), "periods": [2011],
        "statuses": {"zero_or_suppressed": cells.count(-1), "suppressed": cells.count(-9), "zero": cells.count(0),
                     "observed": sum(cell > 0 for cell in cells)},
    }  # fmt: skip


def wide_parquet(path: Path) -> dict:
    frame = pd.read_parquet(path)
    cells = frame.drop(columns=["x", "y"]).to_numpy().ravel()
    cells = cells[~pd.isna(cells)]
    return {
        "rows": len(frame), "values": len(cells), "areas": len(frame[["x", "y"]].drop_duplicates()), "periods": [2011],
        "statuses": {"zero_or_suppressed": int((cells == -1).sum()), "suppressed": int((cells == -9).sum()),
                     "zero": int((cells == 0).sum()), "observed": int((cells > 0).sum())},
    }  # fmt: skip


def long_parquet(path: Path) -> dict:
    frame = pd.read_parquet(path)
    return {
        "rows": len(frame), "values": len(frame), "areas": len(frame[["x", "y"]].drop_duplicates()),
        "statuses": {"observed": int((frame["value"] > 0).sum()), "zero": int((frame["value"] == 0).sum())},
        "flags": {"uncertain": int((frame["quality"] >= 1).sum())},
    }  # fmt: skip


def attributes(path: Path) -> dict:
    names, *rows = rows_of(path, ",")
    land = [row for row in rows if row[names.index("GF")] == "4"]
    cells = [row[names.index(name)] for row in land for name in ("EWZ", "KFL")]
    return {
        "rows": len(rows), "values": len(cells), "areas": len({row[names.index("AGS")] for row in rows}),
        "statuses": plain(cells),
    }  # fmt: skip


def geopackage(path: Path) -> dict:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
        layers = [name for (name,) in base.execute("select table_name from gpkg_contents order by rowid")]
        rows = sum(base.execute(f'select count(*) from "{name}"').fetchone()[0] for name in layers)
    base.close()
    return {"rows": rows, "areas": rows, "variables": layers, "statuses": {}}


def geojson(path: Path) -> dict:
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    return {"rows": len(features), "areas": len(features), "statuses": {}}


def metadata(path: Path) -> dict:
    assert json.loads(path.read_text(encoding="utf-8"))["Status"]["Code"] == 0
    return {"rows": 0, "values": 0, "statuses": {}}


MSS = ("ZEIT", "PLR_NAME", "BEZ_ID", "KOM")
FILES: dict[str, tuple[str, Callable[[Path], dict]]] = {
    "official/genesis_v5_12211-0001_signs_x_slash_de_flat.csv": ("genesis-flat", flat),
    "official/genesis_v5_12211-Z-11_quality_on_de_flat.csv": ("genesis-flat", flat),
    "official/genesis_v5_12411-01-01-4_bevoelkerung_kreise_de_flat.csv": ("genesis-flat", flat),
    "official/genesis_v5_13111-01-03-4_svb_arbeitsort_niedersachsen_de_flat.csv": ("genesis-flat", flat),
    "official/genesis_v5_AI-N-01-2-5_regionalatlas_gemeinden_niedersachsen_de_flat.csv": ("genesis-flat", flat),
    "official/genesis_v5_12411-01-01-4_metadata.json": ("genesis-metadata", metadata),
    "official/inkar_A_Arbeitslosigkeit_kreise.xls": ("inkar", inkar_workbook),
    "official/inkar_iris_einkommensteuer_gemeindeverbaende_niedersachsen_latin1.csv": ("inkar", iris),
    "peine/inkar_arbeitslose_gemeinden_niedersachsen.csv": ("inkar", inkar),
    "peine/inkar_einkommensteuer_gvb_niedersachsen.csv": ("inkar", inkar),
    "peine/inkar_erwerbsfaehige_gemeinden_niedersachsen.csv": ("inkar", inkar),
    "peine/peine_gemeinden_vg250_2016_wgs84.geojson": ("vector", geojson),
    "peine/peine_gemeinden_vg250_zensusstichtag2022_4pct_wgs84.geojson": ("vector", geojson),
    "peine/peine_nachbarn_vg250_zensus2022_4pct_utm32.gpkg": ("vector", geopackage),
    "peine/vg250-ew_2022-12-31_gem_attribute_niedersachsen.csv": ("vg250", attributes),
    "peine/zensus2011_100m_peine_bbox_long.parquet": ("zensus2011-long", long_parquet),
    "peine/zensus2011_1km_klassiert_peine_bbox.csv": ("zensus2011-classes", grid),
    "peine/zensus2011_1km_spitz_peine_bbox.csv": ("zensus2011-grid", grid),
    "peine/zensus2022_1000A-0000_einwohner_gemeinden_niedersachsen_de_flat.csv": ("genesis-flat", flat),
    "berlin/berlin_lor_plr_2021_simplified10m_epsg25833.gpkg": ("vector", geopackage),
    "berlin/berlin_lor_until_2020.gpkg": ("vector", geopackage),
    "berlin/berlin_lor_population_2015_bezirke.csv": ("table", table("id")),
    "berlin/berlin_lor_population_2015_prognoseraeume.csv": ("table", table("id")),
    "berlin/berlin_lor_population_2015_bezirksregionen.csv": ("table", table("id")),
    "berlin/berlin_lor_population_2015_planungsraeume.csv": ("table", table("id")),
    "berlin/berlin_mss_2021_index_indikatoren.csv": ("table", table("PLR_ID", *MSS, sentinel=-9999)),
    "berlin/berlin_mss_2021_kontext_indikatoren.csv": ("table", table("PLR_ID", *MSS, sentinel=-9999)),
    "berlin/berlin_mss_2021_status.csv": ("table", table("PLR_ID", *MSS, "SI_V", sentinel=-9999)),
    "berlin/zensus2011_100m_berlin_bbox.parquet": ("zensus2011-grid", wide_parquet),
    "areal/ar_stl_asthma.gpkg": ("vector", geopackage),
    "areal/ar_stl_race.gpkg": ("vector", geopackage),
    "areal/ar_stl_wards.gpkg": ("vector", geopackage),
    "areal/ar_stl_wardsClipped.gpkg": ("vector", geopackage),
    "areal/totalCompare1.csv": ("table", table("")),
    "germany_zensus2011_1km_einwohner.parquet": ("zensus2011-grid", wide_parquet),
}
REFUSED = "official/genesis_v5_error_code98_table_too_large.json"


def check(*paths: Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["check", "--json", *map(str, paths)])
    return result.exit_code, result.stdout, result.stderr


def test_every_file_has_its_case(real_data):
    files = {str(p.relative_to(real_data)) for p in real_data.rglob("*") if p.is_file() and p.suffix != ".md"}
    assert files == {*FILES, REFUSED}


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_counted_is_what_the_file_holds(real_data, name):
    path = real_data / name
    kind, counted = FILES[name]
    code, out, err = check(path)
    assert code == 0, err
    (found,) = json.loads(out)
    want = counted(path)
    assert found["format"] == kind
    assert not found["provisional"]  # a real file was seen: it is here
    statuses = Counter(found["statuses"])
    for status, expected in want.pop("statuses").items():
        assert sum(statuses.pop(part, 0) for part in status.split(" + ")) == expected, status
    assert not statuses
    for field, expected in want.items():
        assert found[field] == expected, field
    assert sum(found["statuses"].values()) == found["values"]


#: Left out of the test with copies for their size; both kinds are in it with a smaller file.
LARGE = {"berlin/berlin_lor_until_2020.gpkg", "germany_zensus2011_1km_einwohner.parquet"}


@pytest.mark.parametrize("name", sorted({*FILES, REFUSED} - LARGE))
def test_the_name_of_a_file_plays_no_part(real_data, name, tmp_path):
    path = real_data / name
    answers = []
    for copy in (tmp_path / "copy.txt", tmp_path / "copy"):
        shutil.copyfile(path, copy)
        code, out, _ = check(copy)
        answers.append((code, out.replace("copy.txt", "copy")))
    code, out, _ = check(path)
    assert answers[0] == answers[1]
    assert answers[0][0] == code
    if code == 0:
        (renamed,), (found,) = json.loads(answers[0][1]), json.loads(out)
        for field in ("format", "encoding", "decimal", "rows", "values", "areas", "periods", "statuses", "flags"):
            assert renamed[field] == found[field], field


def test_the_answer_98_says_what_to_do(real_data):
    code, out, err = check(real_data / REFUSED)
    assert code == 3
    (found,) = json.loads(out)
    assert set(found) == {"file", "error", "where", "hint"}
    assert found["file"] == found["where"] == str(real_data / REFUSED)
    for words in ("98", "12531-0043", "job=true", "fewer years"):
        assert words in err
        assert words in found["error"] + found["hint"]


def test_the_metadata_answer_is_described(real_data):
    code, out, _ = check(real_data / "official/genesis_v5_12411-01-01-4_metadata.json")
    (found,) = json.loads(out)
    said = " / ".join(found["findings"])
    for words in ("metadata", "12411-01-01-4", "BEVSTD (Bevölkerungsstand)", "KREISE", "31.12.1995 to 31.12.2024"):
        assert words in said
    assert code == 0


def test_classes_are_said_to_be_codes(real_data):
    """The classes order the exact values of the same cells: they are ordinal, and no numbers of persons."""
    names = ("zensus2011_1km_klassiert_peine_bbox.csv", "zensus2011_1km_spitz_peine_bbox.csv")
    _, out, _ = check(real_data / "peine" / names[0])
    assert "not numbers of persons" in " ".join(json.loads(out)[0]["findings"])
    classed, exact = (pd.read_csv(real_data / "peine" / n).set_index(["x_mp_1km", "y_mp_1km"]) for n in names)
    both = pd.concat([classed["Einwohner"].rename("code"), exact["Einwohner"].rename("n")], axis=1)
    both = both[(both["code"] > 0) & (both["n"] > 0)]
    span = both.groupby("code")["n"].agg(["min", "max"])
    assert len(span) >= 4
    assert (span["min"].iloc[1:].to_numpy() >= span["max"].iloc[:-1].to_numpy()).all()


def test_repeated_keys_of_vg250_are_named(real_data):
    path = real_data / "peine/vg250-ew_2022-12-31_gem_attribute_niedersachsen.csv"
    names, *rows = rows_of(path, ",")
    twice = [key for key, n in Counter(row[names.index("AGS")] for row in rows).items() if n > 1]
    said = " / ".join(json.loads(check(path)[1])[0]["findings"])
    assert f"AGS repeats {len(twice)} keys" in said
    assert all(key in said for key in twice)
    assert "GF: 2 in 24, 4 in 964 features" in said
