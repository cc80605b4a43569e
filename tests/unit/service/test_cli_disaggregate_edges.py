"""``sozialmonitor disaggregate`` at the edges: what lies outside, parts of wholes, and values in their intervals."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from .test_cli_disaggregate import ask, call, raster, read
from .test_cli_disaggregate import country as country  # a fixture

METHODS = ["area", "dasymetric", "pycnophylactic", "learned", "auto"]


def beyond(country: Path, keep: float = 1000.0) -> None:
    """Cut the targets: those of the western part stay, the last ones halved, and a scratch of the next column."""
    targets = gpd.read_file(country / "targets.gpkg")
    west = targets.total_bounds[0]
    targets["geometry"] = targets.geometry.clip_by_rect(west, 0, west + keep, 1e7)
    targets[~targets.geometry.is_empty].to_file(country / "targets.gpkg")


def options(country: Path, method: str) -> list[object]:
    known = ["--weights", country / "people.tif"]
    learned = ["--covariates", f"{country / 'young.tif'},{country / 'old.tif'}"]
    return ["--method", method, *(known if method != "area" else []), *(learned if method in METHODS[3:] else [])]


@pytest.mark.parametrize("method", METHODS)
def test_what_no_target_covers_stays_outside_whatever_the_method(country: Path, method: str):
    beyond(country)
    asked = ["--extensive", "people,cases", "--json", *options(country, method)]
    said = json.loads(ask(country, "o.gpkg", *asked).stdout)
    found = read(country, "o.gpkg")
    for name in ("people", "cases"):
        audit = pd.DataFrame(said["audits"][name])
        parts = audit["total_out"] + audit["outside"]
        np.testing.assert_allclose(parts, audit["total_in"], rtol=1e-12)
        assert found[name].sum() == pytest.approx(audit["total_out"].sum(), rel=1e-12)
        column = audit["source"].str[-2:].astype(int)
        assert (audit["outside"][column == 0] == 0).all(), "wholly in the targets"
        half = audit[column == 1]
        assert half["outside"].between(0.05 * half["total_in"], 0.95 * half["total_in"]).all()
        assert (audit["total_out"][column > 1] == 0).all()
        if method == "area":
            np.testing.assert_allclose(half["outside"], half["total_in"] / 3)
    assert any("lie outside the targets (part of 4 sources and all of 8 sources)" in note for note in said["notes"])


def test_the_other_reading_can_be_chosen_and_is_told(country: Path):
    beyond(country)
    asked = ["--extensive", "people", "--json"]
    said = json.loads(ask(country, "h.gpkg", *asked, "--outside", "hand-over").stdout)
    sources = gpd.read_file(country / "sources.gpkg").set_index("s")["people"]
    reached = sources[sources.index.str[-2:].isin(["00", "01"])]
    assert read(country, "h.gpkg")["people"].sum() == pytest.approx(reached.sum(), rel=1e-12)
    assert any("4 sources that lie in the targets in part only were handed over whole" in n for n in said["notes"])
    loud = ask(country, "k.gpkg", "--extensive", "people").stderr
    assert "--outside hand-over" in " ".join(loud.split())
    assert "%)" in loud.partition("audit of people")[2].splitlines()[0]


def test_whole_numbers_and_intervals_know_of_the_outside(country: Path):
    beyond(country)
    asked = ["--extensive", "people", "--integers", "--intervals", 90, *options(country, "dasymetric"), "--json"]
    said = json.loads(ask(country, "i.gpkg", *asked).stdout)
    found, audit = read(country, "i.gpkg"), pd.DataFrame(said["audits"]["people"])
    assert (found[["people", "people_lower", "people_upper"]] % 1 == 0).all(axis=None)
    assert found["people"].between(found["people_lower"], found["people_upper"]).all()
    assert abs(found["people"].sum() - audit["total_out"].sum()) < len(audit)


def test_an_expectation_below_one_lies_in_its_interval(country: Path):
    """Nearly all of the probability is on 0 cases: 0 … 0 would not hold an expectation of a quarter."""
    sources = gpd.read_file(country / "sources.gpkg").assign(people=2.0)
    sources.to_file(country / "sources.gpkg")
    ask(country, "z.gpkg", "--extensive", "people", "--intervals", 90, *options(country, "dasymetric"))
    found = read(country, "z.gpkg")
    assert (found["people"] < 0.5).any()
    assert found["people"].between(found["people_lower"], found["people_upper"]).all()
    assert (found[["people_lower", "people_upper"]] % 1 == 0).all(axis=None), "bounds of counts are counts"
    assert found["people_indicative"].all()


def test_whole_numbers_are_whole_in_the_file(country: Path):
    import pyogrio

    ask(country, "w.gpkg", "--extensive", "people", "--integers", "--intervals", 90, *options(country, "dasymetric"))
    about = pyogrio.read_info(country / "w.gpkg", layer="w")
    kinds = dict(zip(about["fields"], map(str, about["dtypes"]), strict=True))
    assert {kinds[name] for name in ("people", "people_lower", "people_upper")} == {"int64"}
    assert kinds["people_kappa"] == "float64"


def test_a_geopackage_opens_styled_and_is_read_again(country: Path):
    import sqlite3
    from xml.etree import ElementTree

    asked = ["--extensive", "people", "--rate", "cases/people", "--lang", "en"]
    ask(country, "q.gpkg", *asked)
    with sqlite3.connect(country / "q.gpkg") as db:
        ((layer, name, document, default),) = db.execute(
            "SELECT f_table_name, styleName, styleQML, useAsDefault FROM layer_styles"
        ).fetchall()
    assert (layer, name, default) == ("q", "cases_per_people", 1)
    root = ElementTree.fromstring(document.partition("\n")[2])
    titles = {alias.get("field"): alias.get("name") for alias in root.iter("alias")}
    assert titles["cases_per_people"] == "cases per people"
    assert set(titles) >= {"t", "people", "people_kappa", "provenance"}
    rules = [rule.get("filter") or "" for rule in root.iter("rule")]
    assert sum("cases_per_people" in rule for rule in rules) >= 2
    call(
        "disaggregate", country / "q.gpkg", country / "targets.gpkg", country / "again.csv",
        "--id", "t", "--target-id", "t", "--extensive", "people",
    )  # fmt: skip
    again = pd.read_csv(country / "again.csv").set_index("t")["people"]
    np.testing.assert_allclose(again, read(country, "q.gpkg")["people"].reindex(again.index), rtol=1e-9)


def test_boundaries_drawn_twice_lose_nobody(country: Path):
    """Targets that end half a metre short of every border: a sliver, not a loss."""
    targets = gpd.read_file(country / "targets.gpkg")
    targets["geometry"] = targets.buffer(-0.3, join_style="mitre")
    targets.to_file(country / "targets.gpkg")
    said = json.loads(ask(country, "n.gpkg", "--extensive", "people", "--json").stdout)
    assert all(row["outside"] == 0 for row in said["audits"]["people"])
    assert not any("outside" in note for note in said["notes"])


def test_a_part_is_never_more_than_its_whole(country: Path):
    """Weights of the part's own would make more cases than people; nowhere in the sources is that so."""
    sources = gpd.read_file(country / "sources.gpkg")
    # Nearly all are cases where the young are many, and the young live where few people do.
    grid = np.full((24, 24), 1.0)
    grid[::3, ::3] = 60.0
    raster(country / "odd.tif", grid)
    raster(country / "even.tif", np.ones((24, 24)))
    sources["cases"] = (sources["people"] * np.linspace(0.2, 0.95, len(sources))).round()
    sources.to_file(country / "sources.gpkg")
    asked = [
        "--extensive", "people,cases,young", "--rate", "cases/people", "--rate", "young/people",
        "--weights", country / "people.tif", "--covariates", f"{country / 'young.tif'},{country / 'odd.tif'}",
        "--method", "learned", "--json", "--sliver", 0,
    ]  # fmt: skip
    sources["young"] = [  # as counted on the grid, times two and a half: near to all people where they are many
        min(2.5 * value, whole) for value, whole in zip(_sums(country, "young"), sources["people"], strict=True)
    ]
    sources.to_file(country / "sources.gpkg")
    said = json.loads(ask(country, "p.gpkg", *asked).stdout)
    found = read(country, "p.gpkg")
    for name in ("cases", "young"):
        assert (found[name] <= found["people"] * (1 + 1e-9)).all(), name
        assert (found[f"{name}_per_people"].dropna() <= 1 + 1e-9).all(), name
        assert found[name].sum() == pytest.approx(sources[name].sum(), rel=1e-12)
    assert any("would have been more than people in" in note for note in said["notes"])


def _sums(country: Path, name: str) -> list[float]:
    import rasterio

    with rasterio.open(country / f"{name}.tif") as file:
        values = file.read(1)
    return [float(values[24 - (i + 1) * 6 : 24 - i * 6, j * 6 : (j + 1) * 6].sum()) for i in range(4) for j in range(4)]


def test_rates_have_no_intervals_and_say_so(country: Path):
    asked = ["--extensive", "people", "--rate", "cases/people", "--intervals", 90, "--json"]
    said = json.loads(ask(country, "r.gpkg", *asked, *options(country, "dasymetric")).stdout)
    assert any("rates have none" in note for note in said["notes"])


def test_degrees_are_refused_without_a_warning_of_the_library(country: Path, recwarn: pytest.WarningsRecorder):
    gpd.read_file(country / "sources.gpkg").to_crs(4326).to_file(country / "degrees.gpkg")
    call("disaggregate", country / "degrees.gpkg", country / "targets.gpkg", country / "no.gpkg",
         "--extensive", "people", code=3)  # fmt: skip
    assert not [str(w.message) for w in recwarn if "geographic CRS" in str(w.message)]


def test_another_system_of_the_raster_and_signs_in_means_are_told(country: Path):
    sources = gpd.read_file(country / "sources.gpkg")
    sources.loc[sources["s"] == "s0101", "rent"] = -9999.0
    sources.to_crs(25833).to_file(country / "sources.gpkg")
    gpd.read_file(country / "targets.gpkg").to_crs(25833).to_file(country / "targets.gpkg")
    asked = ["--extensive", "people", "--mean", "rent", "--weights", country / "people.tif", "--method", "dasymetric"]
    notes = json.loads(ask(country, "c.gpkg", *asked, "--json").stdout)["notes"]
    assert any("EPSG:25832" in note and "EPSG:25833" in note for note in notes)
    assert any("-9999" in note and "rent" in note for note in notes)
