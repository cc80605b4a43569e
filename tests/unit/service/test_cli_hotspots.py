"""``sozialmonitor hotspots`` and ``autocorrelation`` on files, through the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

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
    written = gpd.read_file(out, layer="clusters").set_index("POLYID")
    assert written.label.value_counts().to_dict() == said["labels"]
    assert written.crs.to_epsg() == 25832
    assert (written.state == "tested").all()
    np.testing.assert_allclose(written.p, np.minimum(1, 2 * np.minimum(written.p_upper, written.p_lower)))
    kept = json.loads(pyogrio.read_info(out, layer="clusters")["layer_metadata"]["sozialmonitor"])
    assert (kept["seed"], kept["permutations"], kept["exploratory"]) == (1, 9999, [])
    again = tmp_path / "again.gpkg"
    call("hotspots", columbus, again, "--id", "POLYID", "--value", "CRIME", "--permutations", 9999)
    pd.testing.assert_frame_equal(
        pd.DataFrame(gpd.read_file(again, layer="again").drop(columns="geometry")),
        pd.DataFrame(gpd.read_file(out, layer="clusters").drop(columns="geometry")),
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
    assert "36 source zones tested" in result.stdout
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


def squares(path: Path, n: int = 64, **columns: object) -> Path:
    """Write a lattice of eight columns, each square 100 m wide."""
    at = [(600_000 + 100 * (i % 8), 5_700_000 + 100 * (i // 8)) for i in range(n)]
    shapes = [box(x, y, x + 100, y + 100) for x, y in at]
    values = {"k": [f"a{i:02d}" for i in range(n)], "v": np.random.default_rng(4).gamma(3, size=n), **columns}
    gpd.GeoDataFrame(values, geometry=shapes, crs=25832).to_file(path)
    return path


def said(result) -> str:
    return " ".join(result.stderr.split())


@pytest.mark.parametrize("marks", [{"origin": "modelled"}, {"v_origin": "modelled"}, {"v_provenance": "ancillary"},
                                   {"sources": 2, "provenance": "area"}])  # fmt: skip
@pytest.mark.parametrize("command", ["hotspots", "autocorrelation"])
def test_values_that_call_themselves_handed_down_need_their_sources(tmp_path: Path, marks: dict, command: str):
    path, out = squares(tmp_path / "a.gpkg", **marks), tmp_path / "out.csv"
    files = [path, out] if command == "hotspots" else [path]
    asked = ["--id", "k", "--value", "v", "--permutations", 99]
    refused = said(call(command, *files, *asked, code=3))
    assert "handed down to them" in refused
    assert "--support SOURCES" in refused
    assert not out.exists()
    counted = squares(tmp_path / "b.gpkg", origin="counted", sources="register")
    call(command, counted, *files[1:], *asked)
    again = [*files[1:], "--overwrite"] if command == "hotspots" else []
    refused = said(call(command, counted, *again, *asked, "--support", path, code=3))
    assert "name the layer in which they were counted" in refused


def test_what_disaggregate_wrote_is_not_tested_naively(tmp_path: Path):
    zones, cells = grid_with_sources(tmp_path)
    handed = tmp_path / "handed.parquet"
    call("disaggregate", zones, cells, handed, "--id", "id", "--target-id", "id", "--extensive", "n,d")
    refused = call("hotspots", handed, tmp_path / "a.csv", "--id", "id", "--value", "n", "--by", "d", code=3)
    assert "column 'origin' says modelled in 144 of 144 features" in said(refused)
    bare = gpd.read_parquet(handed)[["id", "n", "d", "geometry"]]
    bare.to_parquet(tmp_path / "bare.parquet")
    call("autocorrelation", tmp_path / "bare.parquet", "--id", "id", "--value", "n", "--by", "d")
    call("hotspots", handed, tmp_path / "a.csv", "--id", "id", "--value", "n", "--by", "d", "--support", zones)
    # The metadata say it where the columns were taken out.
    from geodata.zones import write_zones

    write_zones(tmp_path / "kept.gpkg", bare.set_index("id"), metadata={"origin": "modelled"})
    refused = call("autocorrelation", tmp_path / "kept.gpkg", "--id", "id", "--value", "n", "--by", "d", code=3)
    assert "metadata" in said(refused)


@pytest.mark.parametrize("command", ["hotspots", "autocorrelation"])
def test_counts_of_source_zones_need_a_population_and_means_do_not(tmp_path: Path, command: str):
    zones, cells = grid_with_sources(tmp_path)
    files = [cells, tmp_path / "out.csv"] if command == "hotspots" else [cells]
    asked = ["--id", "id", "--permutations", 999, "--support", zones]
    assert "--by POPULATION" in said(call(command, *files, *asked, "--value", "n", code=2))
    for path in (zones, cells):
        layer = gpd.read_file(path)
        layer["mean"] = layer["n"] / layer["d"]
        layer.to_file(path)
    call(command, *files, *asked, "--value", "mean")


def test_the_same_means_are_tested_as_their_sources_are(tmp_path: Path):
    """One area a source: the support test is the ordinary one, but for its draws."""
    path = squares(tmp_path / "a.gpkg")
    asked = ["autocorrelation", path, "--id", "k", "--value", "v", "--json"]
    plain = json.loads(call(*asked).stdout)["results"]["moran"]
    other = json.loads(call(*asked, "--support", path).stdout)["results"]["moran"]
    assert other["value"] == pytest.approx(plain["value"])
    assert (other["n"], other["n_effective"]) == (64, 64)
    assert other["p_two_sided"] == pytest.approx(plain["p_two_sided"], abs=0.03)


def test_signs_for_no_value_are_no_values(tmp_path: Path):
    values = np.random.default_rng(4).normal(size=64)
    for sign, where in ((-9999.0, [7]), (-999.0, [7, 8])):
        odd = values.copy()
        odd[where] = sign
        path = squares(tmp_path / "odd.gpkg", v=odd)
        asked = [
            "hotspots",
            path,
            tmp_path / "o.csv",
            "--id",
            "k",
            "--value",
            "v",
            "--overwrite",
            "--permutations",
            999,
        ]
        refused = said(call(*asked, code=3))
        assert f"{sign:g} in {len(where)} of 64 features" in refused
        assert f"--missing {sign:g}" in refused
        assert f"no value in {len(where)} of 64" in said(call(*asked, "--missing", f"{sign:g}"))
        states = pd.read_csv(tmp_path / "o.csv").set_index("k")["state"]
        assert states[states == "undefined"].index.tolist() == [f"a{i:02d}" for i in where]
        call(*asked, "--missing", "none")
        assert (pd.read_csv(tmp_path / "o.csv")["state"] == "tested").all()
        assert "--missing" in said(call(*asked, "--missing", "nothing", code=2))
    # Far from nothing: euros may well be -999.
    wide = values * 5_000
    wide[3] = -999.0
    result = call("autocorrelation", squares(tmp_path / "euro.gpkg", v=wide), "--value", "v")
    assert "-999" not in said(result)
    few = np.abs(values)
    few[[1, 2]] = -1.0
    result = call("autocorrelation", squares(tmp_path / "one.gpkg", v=few), "--value", "v")
    assert "v: -1 in 2 areas" in said(result)
    assert "-1 in" not in said(
        call("autocorrelation", squares(tmp_path / "mixed.gpkg", v=values.round()), "--value", "v")
    )


def test_one_area_twice_is_refused_and_a_wide_overlap_is_named(tmp_path: Path):
    path = squares(tmp_path / "a.gpkg")
    layer = gpd.read_file(path)
    again = pd.concat([layer, layer.iloc[[5]].assign(k="again")])
    gpd.GeoDataFrame(again, crs=25832).to_file(tmp_path / "twice.gpkg")
    for command, out in (("hotspots", [tmp_path / "o.csv"]), ("autocorrelation", [])):
        refused = said(call(command, tmp_path / "twice.gpkg", *out, "--id", "k", "--value", "v", code=3))
        assert "a05 and again" in refused
    layer.loc[5, "geometry"] = box(*np.add(layer.geometry[5].bounds, [0, 0, 20, 0]))
    layer.to_file(tmp_path / "wide.gpkg")
    result = call("autocorrelation", tmp_path / "wide.gpkg", "--id", "k", "--value", "v")
    assert "1 pairs of areas share more than 1% of the smaller one" in said(result)
    assert "a05 and a06 (20.0%)" in said(result)


def test_what_is_counted_is_told(tmp_path: Path):
    values = np.random.default_rng(4).gamma(3, size=64)
    values[[3, 40]] = np.nan
    path = squares(tmp_path / "a.gpkg", v=values)
    layer = gpd.read_file(path)
    layer.loc[63, "geometry"] = box(700_000, 5_700_000, 700_100, 5_700_100)
    layer.to_file(path)
    asked = ["--id", "k", "--value", "v", "--permutations", 999]
    result = call("hotspots", path, tmp_path / "o.csv", *asked, "--islands", "drop", "--weights", "queen")
    assert "no value in 2 of 64 areas" in said(result)
    assert "not tested: 2 undefined, 1 dropped" in result.stdout
    assert len(pd.read_csv(tmp_path / "o.csv")) == 63
    result = call("hotspots", path, tmp_path / "o.csv", *asked, "--weights", "knn", "--overwrite")
    assert "knn:6: 62 tested" in result.stdout
    layer["w"] = layer["v"].fillna(0) - 3
    layer.to_file(path)
    both = ["hotspots", path, tmp_path / "o.csv", "--id", "k", "--value", "w", "--permutations", 999, "--overwrite"]
    assert "values of both signs" in said(call(*both, "--statistic", "gi-star"))
    assert "values of both signs" not in said(call(*both))
    result = call("autocorrelation", path, "--id", "k", "--value", "v", "--permutations", 0)
    assert "no p: --permutations 0" in result.stdout
    assert "p one-sided:" not in result.stdout
    assert result.stdout.index("p two-sided") < result.stdout.index("p one-sided")
    constant = squares(tmp_path / "c.gpkg", v=[3.3] * 64)
    assert "all values that take part are equal" in said(call("autocorrelation", constant, "--value", "v"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--correlogram", "5000,100"], 2, "ascending"),
        (["--correlogram", "a,b"], 2, "0,500,1000"),
        (["--weights", "queen:3"], 2, "without a number"),
        (["--weights", "knn:99"], 3, "--weights knn:99"),
        (["--statistic", "getis-ord", "--value", "signed"], 3, "moran or geary"),
        (["--value", "endless"], 3, "leave the cell empty"),
        (["--by", "small"], 3, "--rare"),
        (["--statistic", "geary", "--support", "x.gpkg"], 2, "--statistic moran"),
    ],
)
def test_codes_and_remedies(tmp_path: Path, arguments: list, code: int, words: str):
    path = tmp_path / "a.parquet"
    layer = gpd.read_file(squares(tmp_path / "a.gpkg"))
    endless = layer["v"].where(layer.index != 5, np.inf)
    layer.assign(signed=layer["v"] - 3, endless=endless, small=layer["v"] / 2).to_parquet(path)
    chosen = arguments if "--value" in arguments else [*arguments, "--value", "v"]
    refused = said(call("autocorrelation", path, "--id", "k", *chosen, code=code))
    assert words in refused
    assert "form=" not in refused


def test_a_file_of_several_layers_says_how_one_is_named(tmp_path: Path):
    path = squares(tmp_path / "a.gpkg")
    gpd.read_file(path).to_file(path, layer="second")
    assert "a.gpkg|layername=a" in said(call("autocorrelation", path, "--value", "v", code=3))
    call("autocorrelation", f"{path}|layername=second", "--value", "v")


def test_qgis_finds_the_style_of_the_labels_and_the_file_is_still_one_layer(tmp_path: Path):
    path, out = squares(tmp_path / "a.gpkg"), tmp_path / "o.gpkg"
    call("hotspots", path, out, "--id", "k", "--value", "v", "--permutations", 999, "--lang", "en")
    with closing(sqlite3.connect(out)) as db:
        rows = db.execute("SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles").fetchall()
        columns = db.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall()
    assert [row[:3] for row in rows] == [("o", "geom", 1)]
    assert columns == [("o", "geom")]
    rules = ElementTree.fromstring(rows[0][3]).findall(".//rule")
    assert any("High-High" in rule.get("filter", "") for rule in rules)
    assert any("not tested" in rule.get("label", "") for rule in rules)
    call("autocorrelation", out, "--id", "k", "--value", "z", "--permutations", 99)


def drawn(tmp_path: Path, path: Path, *options: object, monkeypatch: pytest.MonkeyPatch):
    """Draw a map and return what it was made of."""
    from service.cartography import static

    seen, render = [], static.render_png
    monkeypatch.setattr(static, "render_png", lambda content, **how: seen.append(content) or render(content, **how))
    asked = ["--id", "k", "--value", "v", "--permutations", 999, "--map", tmp_path / "m.svg", "--overwrite"]
    call("hotspots", path, tmp_path / "o.csv", *asked, *options)
    return seen[0]


def test_a_map_of_equal_values_does_not_say_that_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = drawn(tmp_path, squares(tmp_path / "a.gpkg", v=[3.3] * 64), monkeypatch=monkeypatch)
    assert content.describe[0] == "Nicht getestet: 64 von 64 Gebieten (64 mit lauter gleichen Werten)."
    labels = {c.value: c.label.de for c in content.style.classes}
    assert labels["undefined"] == "alle Werte gleich, nicht getestet"
    some = drawn(tmp_path, squares(tmp_path / "a.gpkg", v=[3.3] * 63 + [np.nan]), monkeypatch=monkeypatch)
    assert "63 mit lauter gleichen Werten, 1 ohne Wert" in some.describe[0]
    other = drawn(tmp_path, squares(tmp_path / "a.gpkg"), monkeypatch=monkeypatch)
    assert {c.value: c.label.de for c in other.style.classes}["undefined"] == "kein Wert, nicht getestet"
    assert other.draft


def test_a_map_of_handed_down_values_counts_source_zones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    zones, cells = grid_with_sources(tmp_path)
    for path in (zones, cells):
        gpd.read_file(path).rename(columns={"id": "k", "n": "v"}).to_file(path)
    content = drawn(tmp_path, cells, "--by", "d", "--support", zones, "--lang", "en", monkeypatch=monkeypatch)
    found = pd.read_csv(tmp_path / "o.csv")
    marked = found[found["label"] != "not significant"]
    sources = marked["support"].nunique()
    assert 0 < sources < len(marked)
    assert content.describe[0].startswith(f"{sources} of 36 source zones are conspicuous: ")
    assert f"(together {len(marked)} of 144 areas)" in " ".join(content.describe)
    assert content.areas == "source zones"
    assert sum(content.counts) == 36
    result = call("hotspots", cells, tmp_path / "o.csv", "--id", "k", "--value", "v", "--by", "d", "--support", zones,
                  "--permutations", 999, "--overwrite", "--json")  # fmt: skip
    told = json.loads(result.stdout)
    assert sum(told["labels"].values()) == 144
    assert sum(told["labels_of_sources"].values()) == 36
    assert sum(n for name, n in told["labels_of_sources"].items() if name != "not significant") == sources


def test_the_scale_bar_lies_on_no_area(tmp_path: Path):
    from matplotlib.figure import Figure

    from service.cartography import legend as legends
    from service.cartography import static_map
    from service.cartography.shapes import shapes_of
    from service.workflows.cluster_map import map_of

    path = squares(tmp_path / "a.gpkg")
    question = Question(str(path), "k", ("v",), permutations=99)
    from service.workflows import clusters

    layer = clusters.read_layer(str(path), "k", question, lambda _: None)
    content = map_of(layer.zones, clusters._local(layer, question), question, "de")
    shapes = shapes_of(content)
    chart = Figure(figsize=(4, 4)).add_axes((0, 0, 1, 1))
    static_map.draw_map(chart, legends.build(content), shapes, 100, 100, "de")
    bar = [patch.get_bbox() for patch in chart.patches if patch.get_zorder() == 7]
    assert len(bar) == 2
    lowest = min(path.get_extents().y0 for path in shapes.areas)
    assert max(box.y1 for box in bar) < lowest
    assert chart.get_ylim()[0] < min(box.y0 for box in bar)


def test_what_the_command_offers_is_what_the_workflow_knows():
    from service.commands import disaggregate, hotspots
    from service.workflows import ground, question

    assert (tuple(hotspots.LOCAL), tuple(hotspots.GLOBAL)) == (question.LOCAL, question.GLOBAL)
    assert tuple(disaggregate.METHODS) == ground.METHODS


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--value", "CRIM"], 3, "perhaps 'CRIME' is meant"),
        (["--value", "CRIME", "--weights", "king"], 2, "expected queen"),
        (["--value", "CRIME", "--id", "NSA"], 3, "every id once"),
        (["--value", "CRIME,INC"], 2, "expected 1 column for local-moran"),
        (["--value", "high", "--statistic", "join-count", "--by", "HOVAL"], 2, "compute the rates into a column"),
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
    assert len(gpd.read_file(out, layer="out")) == 49


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
    kept = json.loads(pyogrio.read_info(tmp_path / "a.gpkg", layer="a")["layer_metadata"]["sozialmonitor"])
    assert bool(kept["exploratory"]) is marked
