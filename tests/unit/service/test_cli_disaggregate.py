"""``sozialmonitor disaggregate`` on files, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.transform import Affine
from shapely import box

from service.cli import main

WEST, SOUTH = 600_000, 5_700_000


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def raster(path: Path, values: np.ndarray, crs: str = "EPSG:25832", size: float = 100.0) -> Path:
    north = SOUTH + values.shape[0] * size
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype="float64",
        crs=crs,
        transform=Affine(size, 0, WEST, 0, -size, north),
        nodata=-1,
    ) as out:
        out.write(np.where(np.isnan(values), -1, values), 1)
    return path


@pytest.fixture
def country(tmp_path: Path) -> Path:
    """Sixteen sources of 6 × 6 cells, four targets in each; people by cell, cases follow the young."""
    rng = np.random.default_rng(3)
    people = np.round(rng.gamma(0.7, 400, (24, 24)))
    young = np.round(people * rng.beta(2, 6, (24, 24)))
    for name, values in {
        "people": people,
        "young": young,
        "old": np.round(people * rng.beta(2, 8, (24, 24))),
        "homes": np.round(people / 2.1),
        "poor": np.round(people * 0.1),
    }.items():
        raster(tmp_path / f"{name}.tif", values)
    truth = 0.5 * young  # what is known of nobody below the sources

    def zones(step: int, key: str) -> gpd.GeoDataFrame:
        rows = []
        for i in range(24 // step):
            for j in range(24 // step):
                part = np.s_[24 - (i + 1) * step : 24 - i * step, j * step : (j + 1) * step]
                x, y = WEST + j * step * 100, SOUTH + i * step * 100
                rows.append(
                    {
                        key: f"{key}{i:02d}{j:02d}",
                        "people": people[part].sum(),
                        "cases": np.round(truth[part].sum()),
                        "rent": 5.0 + i,
                        "district": f"d{i // 2}{j // 2}",
                        "geometry": box(x, y, x + step * 100, y + step * 100),
                    }
                )
        return gpd.GeoDataFrame(rows, crs=25832)

    zones(6, "s").to_file(tmp_path / "sources.gpkg")
    zones(3, "t").to_file(tmp_path / "targets.gpkg")
    return tmp_path


def ask(country: Path, out: str, *options: object, code: int = 0):
    return call(
        "disaggregate", country / "sources.gpkg", country / "targets.gpkg", country / out,
        "--id", "s", "--target-id", "t", *options, code=code,
    )  # fmt: skip


def read(country: Path, out: str) -> pd.DataFrame:
    return gpd.read_file(country / out, layer=Path(out).stem).set_index("t")


def test_totals_arrive_and_the_audit_shows_it(country: Path):
    result = ask(country, "area.gpkg", "--extensive", "people,cases", "--json")
    said = json.loads(result.stdout)
    truth = gpd.read_file(country / "sources.gpkg").set_index("s")
    for row in said["audits"]["people"]:
        assert row["total_in"] == truth["people"][row["source"]]
        assert abs(row["difference"]) <= 1e-12 * row["total_in"]
    assert "audit of people: in" in result.stderr
    found = read(country, "area.gpkg")
    assert found["people"].sum() == pytest.approx(truth["people"].sum(), rel=1e-12)
    assert set(found["origin"]) == {"modelled"}
    assert set(found["provenance"]) == {"area"}


def test_auto_takes_what_predicts_hidden_sources_best_and_prints_the_table(country: Path):
    result = ask(country, "auto.gpkg", "--extensive", "people", "--weights", country / "people.tif", "--json")
    said = json.loads(result.stdout)
    assert said["methods"] == {"people": "dasymetric"}
    table = said["choices"]["people"]["table"]
    assert set(table) == {"area", "pycnophylactic", "dasymetric"}
    assert table["dasymetric"]["rtae"] < 1e-9
    assert "chosen: dasymetric" in result.stderr
    assert "of the variance of people" in result.stderr
    found = read(country, "auto.gpkg")
    truth = gpd.read_file(country / "targets.gpkg").set_index("t")["people"]
    np.testing.assert_allclose(found["people"], truth.reindex(found.index), rtol=1e-9)


def test_a_numerator_gets_weights_of_its_own_only_where_they_are_better(country: Path):
    covariates = ",".join(str(country / f"{name}.tif") for name in ("young", "old", "homes", "poor"))
    weights = ["--weights", country / "people.tif"]
    said = ask(country, "own.gpkg", "--rate", "cases/people", *weights, "--covariates", covariates, "--json")
    assert json.loads(said.stdout)["methods"]["cases_per_people"].startswith("own weights")
    truth = gpd.read_file(country / "targets.gpkg").set_index("t")
    rate = (truth["cases"] / truth["people"]).reindex(read(country, "own.gpkg").index)
    own = (read(country, "own.gpkg")["cases_per_people"] - rate).abs().mean()
    result = ask(country, "constant.gpkg", "--rate", "cases/people", *weights, "--overwrite")
    constant = read(country, "constant.gpkg")
    assert "16 distinct values from 16 sources" in result.stderr
    assert constant["cases_per_people"].round(12).nunique() == 16
    assert (constant["cases_per_people_kappa"] == 1).all()
    assert own < (constant["cases_per_people"] - rate).abs().mean() / 2


def test_a_numerator_with_weights_of_its_own_leaves_the_method_of_its_count_alone(country: Path):
    covariates = ",".join(str(country / f"{name}.tif") for name in ("young", "old", "homes", "poor"))
    result = ask(
        country, "both.gpkg", "--extensive", "cases", "--rate", "cases/people", "--weights", country / "people.tif",
        "--covariates", covariates, "--json",
    )  # fmt: skip
    said = json.loads(result.stdout)
    assert said["methods"]["cases"] == said["choices"]["cases"]["chosen"]
    assert said["methods"]["cases_per_people"] == "own weights of the numerator (learned)"
    assert {"cases", "people"} == set(said["audits"])


def test_intervals_hold_the_value_and_say_what_they_rest_on(country: Path):
    covariates = ",".join(str(country / f"{name}.tif") for name in ("young", "old", "homes", "poor"))
    asked = ["--extensive", "cases", "--intervals", 90, "--weights", country / "people.tif"]
    result = ask(country, "i.gpkg", *asked, "--method", "dasymetric", "--covariates", covariates)
    found = read(country, "i.gpkg")
    assert (found["cases_lower"] <= found["cases"]).all()
    assert (found["cases"] <= found["cases_upper"]).all()
    words = " ".join(result.stderr.split())
    assert "indicative" in words, "sixteen sources"
    assert "covariates at the targets" in words
    result = ask(country, "j.gpkg", *asked, "--groups", "district", "--maps", country / "maps")
    assert (country / "maps" / "cases-intervall.png").read_bytes().startswith(b"\x89PNG")
    assert "fitted between sources and reused below them" in " ".join(result.stderr.split())


def test_sampling_errors_of_the_sources_widen_their_intervals(country: Path):
    sources = gpd.read_file(country / "sources.gpkg")
    sources["se"] = np.where(sources["s"] == "s0000", 0.0, 0.2 * sources["cases"])
    sources.to_file(country / "sources.gpkg")
    asked = ["--extensive", "cases", "--intervals", 90, "--weights", country / "people.tif", "--method", "dasymetric"]
    ask(country, "plain.gpkg", *asked)
    plain = read(country, "plain.gpkg")
    result = ask(country, "wide.gpkg", *asked, "--error", "cases=se")
    wide = read(country, "wide.gpkg")
    assert "sampling errors of the sources added (se)" in " ".join(result.stderr.split())
    exact = wide["cases"].index.str[1:3].isin(["00", "01"]) & wide["cases"].index.str[3:5].isin(["00", "01"])
    assert exact.sum() == 4
    width, was = (f["cases_upper"] - f["cases_lower"] for f in (wide, plain))
    np.testing.assert_array_equal(width[exact], was[exact])
    counted = (plain["cases"] >= 10) & ~exact
    assert counted.sum() > 20
    assert (width[counted] > was[counted]).all()
    assert wide["cases_indicative"].all(), "sixteen sources"
    sources["se"] = sources["se"].mask(sources["s"] == "s0101")
    sources.to_file(country / "sources.gpkg")
    refused = ask(country, "no.gpkg", *asked, "--error", "cases=se", code=3)
    assert "s0101" in refused.stderr
    assert "full count" in refused.stderr


def test_sums_by_larger_zones_have_intervals_of_their_own(country: Path):
    targets = gpd.read_file(country / "targets.gpkg")
    # half a source each, and a target that belongs to no zone
    targets["zone"] = ["z" + name[1:3] + str(int(name[3:5]) // 4) for name in targets["t"]]
    targets.loc[targets["t"] == "t0707", "zone"] = None
    targets.to_file(country / "targets.gpkg")
    asked = ["--extensive", "cases", "--intervals", 90, "--weights", country / "people.tif", "--method", "dasymetric"]
    asked += covariates(country, "young", "old", "homes", "poor")
    result = ask(country, "small.gpkg", *asked, "--sums", "zone", "--json")
    small, large = read(country, "small.gpkg"), gpd.read_file(country / "small_zone.gpkg").set_index("zone")
    zone = targets.set_index("t")["zone"]
    np.testing.assert_allclose(large["cases"], small["cases"].groupby(zone).sum().reindex(large.index), rtol=1e-12)
    area = targets.set_index("zone").geometry.area.groupby(level=0).sum()
    np.testing.assert_allclose(large.geometry.area, area.reindex(large.index))
    added = (small["cases_upper"] - small["cases_lower"]).groupby(zone).sum().reindex(large.index)
    width = large["cases_upper"] - large["cases_lower"]
    assert (width > 0).all()
    assert (width < added).all(), "errors of targets in one source cancel; added intervals are too wide"
    said = json.loads(result.stdout)
    assert set(said["sums"]) == set(large.index)
    words = " ".join(result.stderr.split())
    assert "cases, sums by zone: alpha" in words
    assert "at these zones" in words
    assert "of the variance between targets" in words
    again = ask(country, "small.gpkg", *asked, "--sums", "zone", code=3)
    assert "small.gpkg" in again.stderr


def test_the_year_of_a_benchmark_counts_too(country: Path):
    with rasterio.open(country / "people.tif") as file:
        coarse = file.read(1).reshape(8, 3, 8, 3).sum(axis=(1, 3))
    raster(country / "coarse.tif", coarse, size=300.0)
    asked = ["--extensive", "people", "--weights", country / "homes.tif", "--benchmark", country / "coarse.tif"]
    asked += [*covariates(country, "young", "old"), "--method", "refined", "--year", 2024, "--weights-year", 2022]
    assert " years" not in ask(country, "a.gpkg", *asked, "--benchmark-year", 2022).stderr
    assert "are of 2011" in " ".join(ask(country, "b.gpkg", *asked, "--benchmark-year", 2011).stderr.split())


def test_means_whole_numbers_and_points(country: Path):
    targets = gpd.read_file(country / "targets.gpkg")
    gpd.GeoDataFrame({"n": [3.0] * len(targets)}, geometry=targets.centroid, crs=25832).to_file(country / "points.gpkg")
    ask(country, "m.csv", "--mean", "rent", "--extensive", "people", "--integers")
    found = pd.read_csv(country / "m.csv").set_index("t")
    assert (found["people"] % 1 == 0).all()
    sources = gpd.read_file(country / "sources.gpkg")
    assert found["people"].sum() == sources["people"].sum()
    assert set(found["rent"]) == set(sources["rent"])
    ask(country, "p.parquet", "--extensive", "people", "--weights", f"{country / 'points.gpkg'}:n")
    by_points = gpd.read_parquet(country / "p.parquet").set_index("t")["people"]
    np.testing.assert_allclose(by_points.sum(), sources["people"].sum())
    assert by_points.round(6).nunique() == 16, "four points of equal weight in each source"
    ask(country, "f.fgb", "--extensive", "people", "--weights", country / "targets.gpkg", "--method", "dasymetric")
    assert read(country, "f.fgb")["people"].sum() == pytest.approx(sources["people"].sum())


def test_years_that_lie_apart_are_named(country: Path):
    asked = ["--extensive", "people", "--weights", country / "people.tif", "--method", "dasymetric", "--year", 2024]
    assert "13 years" in ask(country, "a.gpkg", *asked, "--weights-year", 2011).stderr
    assert " years" not in ask(country, "b.gpkg", *asked, "--weights-year", 2022).stderr


def covariates(country: Path, *names: str) -> list[object]:
    return ["--covariates", ",".join(str(country / f"{name}.tif") for name in names)]


def test_a_benchmark_refines_the_weights_and_is_named(country: Path):
    with rasterio.open(country / "people.tif") as file:
        people = file.read(1)
    coarse = people.reshape(8, 3, 8, 3).sum(axis=(1, 3))
    raster(country / "coarse.tif", coarse, size=300.0)
    raster(country / "empty.tif", np.zeros((24, 24)))
    asked = ["--extensive", "people", "--weights", country / "homes.tif", "--benchmark", country / "coarse.tif"]
    result = ask(country, "r.gpkg", *asked, *covariates(country, "young", "empty"), "--method", "refined")
    words = " ".join(result.stderr.split())
    assert "empty.tif: all zero in the sources, so it was left out" in words
    assert "homes.tif with young, refined to the totals of 64 cells of" in words
    found, truth = read(country, "r.gpkg"), gpd.read_file(country / "targets.gpkg").set_index("t")
    # The targets are the coarse cells here: their totals are known, so nothing is left to guess.
    np.testing.assert_allclose(found["people"], truth["people"].reindex(found.index), rtol=1e-9)
    assert (found["people_kappa"] == 1).all()
    said = json.loads(ask(country, "s.gpkg", *asked, *covariates(country, "young"), "--json").stdout)
    assert set(said["choices"]["people"]["table"]) == {"area", "pycnophylactic", "dasymetric", "refined", "learned"}
    assert said["methods"]["people"] == "refined", "it is right, and simpler than what is learned"


@pytest.mark.parametrize(
    ("values", "size", "words"),
    [
        (np.ones((8, 8)), 310.0, "each of whole cells"),
        (np.ones((24, 24)), 100.0, "each of whole cells"),
        (-np.ones((8, 8)) * 9, 300.0, "at least 0, found -9"),
        (np.zeros((8, 8)), 300.0, "totals above 0"),
    ],
)
def test_a_benchmark_that_does_not_nest_or_makes_no_sense_is_refused(country: Path, values, size: float, words: str):
    raster(country / "coarse.tif", values, size=size)
    asked = ["--extensive", "people", "--weights", country / "homes.tif", "--benchmark", country / "coarse.tif"]
    result = ask(country, "no.gpkg", *asked, code=3)
    said = " ".join(result.stderr.split())
    assert words in said
    assert "coarse.tif" in said
    assert not (country / "no.gpkg").exists()


def test_change_since_the_year_of_the_weights_widens_intervals(country: Path):
    sources = gpd.read_file(country / "sources.gpkg")
    rng = np.random.default_rng(8)
    sources["now"] = np.round(sources["people"] * rng.uniform(0.6, 1.4, len(sources)))
    sources.to_file(country / "sources.gpkg")
    asked = ["--extensive", "cases", "--intervals", 90, "--weights", country / "people.tif", "--method", "dasymetric"]
    asked += covariates(country, "young", "old", "homes", "poor")
    widths = {}
    for name, more in {
        "same": [],
        "untold": ["--year", 2015, "--weights-year", 2011],
        "told": ["--year", 2015, "--weights-year", 2011, "--population", "now"],
    }.items():
        result = ask(country, f"{name}.csv", *asked, *more)
        table = pd.read_csv(country / f"{name}.csv")
        widths[name] = (table["cases_upper"] - table["cases_lower"]).mean()
        assert ("know nothing of changes from 2011 to 2015" in " ".join(result.stderr.split())) == (name == "untold")
    assert widths["same"] == widths["untold"] < widths["told"]


def test_sources_beyond_the_ancillary_data_do_not_judge_it(country: Path):
    """Neighbours without targets and without cells have people too; that the raster has none there says nothing."""
    sources = gpd.read_file(country / "sources.gpkg")
    moved = sources.copy()
    moved["s"] = "n" + moved["s"]
    moved.geometry = moved.geometry.translate(xoff=2400.0)
    pd.concat([sources, moved]).to_file(country / "sources.gpkg")
    result = ask(country, "n.csv", "--extensive", "people", "--weights", country / "people.tif", "--json")
    said = json.loads(result.stdout)
    assert said["methods"] == {"people": "dasymetric"}
    assert said["choices"]["people"]["hidden"] == 16
    assert "16 sources beyond the targets or the ancillary data" in " ".join(result.stderr.split())


def test_scores_of_intervals_stand_in_the_table(country: Path):
    asked = ["--extensive", "cases", "--intervals", 90, "--weights", country / "people.tif"]
    said = json.loads(ask(country, "t.csv", *asked, *covariates(country, "young", "old"), "--json").stdout)
    table = said["choices"]["cases"]["table"]
    assert said["methods"]["cases"] == "learned"
    assert table["learned"]["behind"] == 0
    assert 0.5 <= table["learned"]["coverage"] <= 1
    assert table["learned"]["interval_score"] < table["area"]["interval_score"]


def bad_raster(country: Path, what: str) -> list[object]:
    values = np.ones((24, 24))
    if what == "negative":
        values[3, 4] = -9
    if what == "zero":
        values[:] = 0
    if what in ("below", "result"):
        sources = gpd.read_file(country / "sources.gpkg")
        sources["people_kappa"] = 1.0
        sources.loc[sources["s"] == "s0101", "people"] = -5.0 if what == "below" else 5.0
        sources.to_file(country / "sources.gpkg")
        return ["--extensive", "people,people_kappa" if what == "result" else "people"]
    path = country / f"{what}.tif"
    raster(path, values)
    if what == "bands":
        with rasterio.open(path) as one:
            profile = {**one.profile, "count": 2}
        with rasterio.open(path, "w", **profile) as two:
            two.write(np.stack([values, values * 2]))
    return ["--extensive", "people", "--weights", path]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("negative", 3, ["negative.tif", "row 3 column 4", "-9"]),
        ("zero", 3, ["zero.tif", "all zero"]),
        (["--extensive", "peopl"], 3, ["sources.gpkg", "perhaps 'people' is meant"]),
        ([], 2, ["name --extensive, --rate or --mean"]),
        (["--rate", "cases"], 2, ["--rate", "NUMERATOR/DENOMINATOR"]),
        (["--extensive", "people", "--method", "learned"], 2, ["--covariates", "--method"]),
        (["--extensive", "people", "--weights", "none.tif"], 3, ["none.tif", "no file"]),
        (["--extensive", "people", "--groups", "Bezirk"], 3, ["'Bezirk'", "coarser zone"]),
        (["--extensive", "people", "--groups", "s"], 3, ["coarser zone with several sources", "leave it out"]),
        (["--extensive", "people", "--population", "people"], 2, ["--population", "--weights-year"]),
        (["--extensive", "people", "--benchmark", "none.tif"], 2, ["--benchmark", "--weights RASTER"]),
        (["--extensive", "people", "--method", "refined"], 2, ["--benchmark", "--method"]),
        (["--extensive", "people", "--error", "people=rent"], 2, ["--error", "--intervals 90"]),
        (["--extensive", "people", "--intervals", 90, "--error", "people"], 2, ["--error", "unemployed=unemployed_se"]),
        (["--extensive", "people", "--intervals", 90, "--error", "cases=rent"], 2, ["'cases'", "--extensive"]),
        (["--extensive", "people", "--intervals", 90, "--sums", "Ortsteil"], 3, ["'Ortsteil'", "larger zone"]),
        (["--extensive", "people", "--sums", "t"], 2, ["--sums", "--intervals"]),
        (["--extensive", "people", "--benchmark-year", 2011], 2, ["--benchmark-year", "found none"]),
        (["--extensive", "people", "--mean", "people"], 2, ["people twice", "--mean"]),
        ("result", 3, ["'people_kappa' twice", "rename"]),
        ("below", 3, ["sources.gpkg", "'people'", "s0101: -5", "no value"]),
        ("bands", 3, ["bands.tif", "one band", "found 2"]),
    ],
)
def test_what_is_refused_names_the_layer_the_place_and_the_remedy(country: Path, options, code: int, words):
    asked = bad_raster(country, options) if isinstance(options, str) else options
    result = ask(country, "no.gpkg", *asked, code=code)
    for word in words:
        assert word in " ".join(result.stderr.split())
    assert "to do" in result.stderr
    assert not (country / "no.gpkg").exists()


def test_degrees_and_two_systems_are_refused(country: Path):
    for name, crs in (("degrees", 4326), ("other", 25833)):
        gpd.read_file(country / "targets.gpkg").to_crs(crs).to_file(country / f"{name}.gpkg")
        result = call(
            "disaggregate", country / "sources.gpkg", country / f"{name}.gpkg", country / "no.gpkg",
            "--extensive", "people", code=3,
        )  # fmt: skip
        said = " ".join(result.stderr.split())
        assert "EPSG" in said
        assert f"{name}.gpkg" in said
        assert "reproject" in said
