"""``sozialmonitor hotspots`` and ``autocorrelation`` on files, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner
from libpysal import examples
from shapely import box

from service.cli import main
from service.workflows.question import Question


@pytest.fixture(scope="module")
def columbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classic, laid where metres are."""
    areas = gpd.read_file(examples.load_example("columbus").get_path("columbus.shp")).set_crs(
        25832, allow_override=True
    )
    areas.geometry = areas.geometry.scale(1000, 1000, origin=(0, 0)).translate(600_000, 5_700_000)
    areas["high"] = (areas["CRIME"] > 35).astype(int)
    path = tmp_path_factory.mktemp("hotspots") / "columbus.gpkg"
    areas.to_file(path)
    return path


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_global_figures_are_those_published(columbus: Path):
    said = json.loads(call("autocorrelation", columbus, "--id", "POLYID", "--value", "CRIME", "--json").stdout)
    found = said["results"]["moran"]
    assert found["value"] == pytest.approx(0.50018855718, abs=1e-10)
    assert found["z"] == pytest.approx(5.58938267504, abs=1e-9)
    assert (found["p"], found["p_two_sided"]) == (0.0001, 0.0002)
    text = call(
        "autocorrelation", columbus, "--value", "high", "--statistic", "join-count", "--permutations", 99
    ).stdout
    assert [line.split()[:2] for line in text.splitlines()[1:4]] == [["BB", "54"], ["WW", "35"], ["BW", "29"]]
    table = call("autocorrelation", columbus, "--value", "CRIME", "--correlogram", "0,2000,4000", "--permutations", 99)
    assert table.stdout.count("\n") == 7


def test_labels_travel_with_their_geometry_and_what_they_rest_on(columbus: Path, tmp_path: Path):
    out = tmp_path / "clusters.gpkg"
    result = call("hotspots", columbus, out, "--id", "POLYID", "--value", "CRIME", "--json", "--permutations", 9999)
    said = json.loads(result.stdout)
    written = gpd.read_file(out).set_index("POLYID")
    assert written.label.value_counts().to_dict() == said["labels"]
    assert written.crs.to_epsg() == 25832
    assert (written.state == "tested").all()
    np.testing.assert_allclose(written.p, np.minimum(1, 2 * np.minimum(written.p_upper, written.p_lower)))
    kept = json.loads(pyogrio.read_info(out)["layer_metadata"]["sozialmonitor"])
    assert (kept["seed"], kept["permutations"], kept["exploratory"]) == (1, 9999, [])
    again = tmp_path / "again.gpkg"
    call("hotspots", columbus, again, "--id", "POLYID", "--value", "CRIME", "--permutations", 9999)
    pd.testing.assert_frame_equal(
        pd.DataFrame(gpd.read_file(again).drop(columns="geometry")),
        pd.DataFrame(gpd.read_file(out).drop(columns="geometry")),
    )


@pytest.mark.parametrize(
    "options",
    [
        ["--statistic", "gi-star"],
        ["--statistic", "gi", "--weights", "rook"],
        ["--statistic", "local-geary", "--weights", "knn:6"],
        ["--statistic", "local-geary", "--value", "CRIME,INC"],
        ["--statistic", "bivariate-moran", "--value", "CRIME,INC", "--transform", "b"],
        ["--statistic", "join-count", "--value", "high"],
        ["--weights", "distance:3000", "--islands", "nearest"],
        ["--weights", "kernel:3000", "--correction", "by"],
    ],
)
def test_every_choice_is_answered_and_what_is_not_the_preset_is_marked(columbus: Path, tmp_path: Path, options: list):
    out = tmp_path / "out.parquet"
    chosen = options if "--value" in options else [*options, "--value", "CRIME"]
    result = call("hotspots", columbus, out, "--id", "POLYID", "--permutations", 999, *chosen)
    assert len(gpd.read_parquet(out)) == 49
    other = {"--weights", "--correction", "--islands", "--transform"} & set(options)
    assert ("exploratory" in result.stderr) == bool(other)


def test_a_few_areas_are_not_tested_and_islands_are_named(tmp_path: Path):
    path, out = tmp_path / "few.gpkg", tmp_path / "out.csv"
    shapes = [box(x, 5_700_000, x + 1, 5_700_001) for x in (*range(600_000, 600_007), 700_000)]
    gpd.GeoDataFrame({"v": range(8), "k": list("abcdefgz")}, geometry=shapes, crs=25832).to_file(path)
    result = call("hotspots", path, out, "--id", "k", "--value", "v")
    assert "1 areas without neighbours (left isolated): z" in result.stderr
    assert "too few areas for local tests" in result.stderr
    assert set(pd.read_csv(out)["label"]) == {"no label"}


def grid_with_sources(tmp_path: Path) -> tuple[Path, Path]:
    """36 source zones of four cells each; cells have the rate of their zone, high in one corner."""
    rng = np.random.default_rng(2)
    zones, cells = [], []
    for i in range(36):
        x, y = 600_000 + 200 * (i % 6), 5_700_000 + 200 * (i // 6)
        people = int(rng.integers(800, 1200)) * 4
        cases = round(people * (0.3 if i % 6 < 2 and i // 6 < 3 else 0.1 + 0.02 * rng.random()))
        zones.append({"id": f"z{i:02d}", "n": cases, "d": people, "geometry": box(x, y, x + 200, y + 200)})
        cells += [
            {
                "id": f"c{i:02d}{a}{b}",
                "n": cases / 4,
                "d": people / 4,
                "geometry": box(x + a, y + b, x + a + 100, y + b + 100),
            }
            for a in (0, 100)
            for b in (0, 100)
        ]
    paths = tmp_path / "zones.gpkg", tmp_path / "cells.gpkg"
    for path, rows in zip(paths, (zones, cells), strict=True):
        gpd.GeoDataFrame(rows, crs=25832).to_file(path)
    return paths


def test_handed_down_values_are_tested_where_they_are_known(tmp_path: Path):
    zones, cells = grid_with_sources(tmp_path)
    asked = ["--id", "id", "--value", "n", "--by", "d", "--permutations", 9999]
    found, sources = tmp_path / "cells.parquet", tmp_path / "zones.parquet"
    result = call("hotspots", cells, found, *asked, "--support", zones)
    call("hotspots", zones, sources, *asked)
    painted = gpd.read_parquet(found).set_index("id")
    tested = gpd.read_parquet(sources).set_index("id")
    assert painted["support"].str[1:].tolist() == painted.index.str[1:3].tolist()
    assert painted["label"].tolist() == tested["label"].reindex(painted["support"]).tolist()
    assert "nothing is said about differences inside" in " ".join(result.stderr.split())
    assert "36 tested" in result.stdout
    said = json.loads(call("autocorrelation", cells, *asked[:6], "--support", zones, "--json").stdout)["results"][
        "moran"
    ]
    assert (said["n"], said["n_effective"]) == (144, 36)
    assert said["p"] < 0.05


def test_an_area_belongs_to_the_source_that_most_of_it_lies_in(tmp_path: Path):
    """Half of a small source in an area says less than a tenth of a large one that fills it."""
    x, y = 600_000, 5_700_000
    large = {"id": "large", "v": 1.0, "geometry": box(x, y, x + 1_000, y + 1_000)}
    small = {"id": "small", "v": 2.0, "geometry": box(x + 1_000, y, x + 1_010, y + 1_000)}
    area = {"id": "area", "v": 1.0, "geometry": box(x + 900, y, x + 1_006, y + 1_000)}
    sources, areas, out = (tmp_path / name for name in ("sources.gpkg", "areas.gpkg", "out.csv"))
    gpd.GeoDataFrame([large, small], crs=25832).to_file(sources)
    gpd.GeoDataFrame([area], crs=25832).to_file(areas)
    call("hotspots", areas, out, "--id", "id", "--value", "v", "--support", sources)
    assert pd.read_csv(out)["support"].tolist() == ["large"]


def test_what_the_command_offers_is_what_the_workflow_knows():
    from service.commands import disaggregate, hotspots
    from service.workflows import ground, question

    assert (tuple(hotspots.LOCAL), tuple(hotspots.GLOBAL)) == (question.LOCAL, question.GLOBAL)
    assert tuple(disaggregate.METHODS) == ground.METHODS


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--value", "CRIM"], 3, "perhaps 'CRIME' is meant"),
        (["--value", "CRIME", "--weights", "king"], 3, "expected queen"),
        (["--value", "CRIME", "--id", "NSA"], 3, "every id once"),
        (["--value", "CRIME,INC"], 3, "expected 1 column for local-moran"),
        (["--value", "high", "--statistic", "join-count", "--by", "HOVAL"], 3, "compute the rates into a column"),
        (["--value", "CRIME", "--statistic", "join-count"], 3, "true or false"),
        (["--value", "CRIME", "--by", "high"], 3, "at most as many cases as people"),
    ],
)
def test_a_question_that_makes_no_sense_writes_nothing(columbus: Path, tmp_path: Path, arguments, code, words):
    out = tmp_path / "out.gpkg"
    result = call("hotspots", columbus, out, *arguments, code=code)
    assert words in " ".join(result.stderr.split())
    assert not out.exists()


def test_what_exists_is_replaced_only_on_request(columbus: Path, tmp_path: Path):
    out = tmp_path / "out.gpkg"
    out.write_text("of last year")
    asked = [columbus, out, "--value", "CRIME", "--permutations", 99]
    assert "--overwrite" in call("hotspots", *asked, code=3).stderr
    assert out.read_text() == "of last year"
    call("hotspots", *asked, "--overwrite")
    assert len(gpd.read_file(out)) == 49


@pytest.mark.parametrize(
    ("options", "marked"),
    [(["--statistic", "join-count", "--value", "high"], False), (["--value", "CRIME", "--correction", "none"], True)],
)
def test_a_map_for_print_is_drawn_and_says_what_is_exploratory(
    columbus: Path, tmp_path: Path, options: list, marked: bool
):
    picture = tmp_path / "map.svg"
    chosen = ["--id", "POLYID", "--permutations", 999, *options]
    call("hotspots", columbus, tmp_path / "a.gpkg", *chosen, "--map", picture)
    plain = picture.read_bytes()
    assert plain.startswith(b"<?xml")
    found = call("hotspots", columbus, tmp_path / "b.gpkg", *chosen, "--map", picture, code=3)
    assert "--overwrite" in found.output
    question = Question(str(columbus), "POLYID", (options[options.index("--value") + 1],), correction="none")
    assert bool(question.differences) is True
    kept = json.loads(pyogrio.read_info(tmp_path / "a.gpkg")["layer_metadata"]["sozialmonitor"])
    assert bool(kept["exploratory"]) is marked
