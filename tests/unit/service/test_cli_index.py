"""``sozialmonitor index`` on files, through the command line: options, notation, signs, conditions, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from geodata.errors import UsageError
from geodata.flat import Flat
from service.cli import main
from service.workflows import exclusion


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, ["index", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    base = rng.normal(size=40)
    return pd.DataFrame(
        {
            "key": [f"{i:04d}" for i in range(40)],
            "name": [f"Ort {i}" for i in range(40)],
            "people": rng.integers(200, 5000, 40),
            "poor": np.round(12 + 3 * base + rng.normal(size=40), 3),
            "idle": np.round(6 + base + rng.normal(size=40), 3),
            "employed": np.round(60 - 4 * base + 2 * rng.normal(size=40), 3),
            "kind": ["town", "village", "wood", "village"] * 10,
        }
    )


@pytest.fixture
def table(frame: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "areas.csv"
    frame.to_csv(path, index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"key": str}).set_index("key")


ASKED = ["--id", "key", "--status", "poor,idle"]


def test_german_notation_workbooks_and_parquet_say_the_same(frame: pd.DataFrame, table: Path, tmp_path: Path):
    frame.to_csv(tmp_path / "de.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    frame.to_excel(tmp_path / "book.xlsx", index=False)
    frame.to_parquet(tmp_path / "areas.parquet")
    found = {}
    for source in (table, tmp_path / "de.csv", tmp_path / "book.xlsx", tmp_path / "areas.parquet"):
        out = tmp_path / f"out_{source.suffix[1:]}_{source.stem}.csv"
        call(source, out, *ASKED, "--population", "people")
        found[source.name] = read(out)
    for other in found.values():
        pd.testing.assert_frame_equal(other, found["areas.csv"])


def test_an_inverted_indicator_is_the_one_with_its_sign_flipped(frame: pd.DataFrame, table: Path, tmp_path: Path):
    flipped = tmp_path / "flipped.csv"
    frame.assign(employed=-frame["employed"]).iloc[::-1].to_csv(flipped, index=False)
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    asked = ["--id", "key", "--status", "poor,idle,employed"]
    call(table, first, *asked, "--invert", "employed")
    call(flipped, second, *asked)
    ours, other = read(first), read(second).reindex(read(first).index)
    columns = ["score", "rank", "status_class", "contribution_employed"]
    pd.testing.assert_frame_equal(ours[columns], other[columns], rtol=1e-12)
    assert ours["contribution_employed"].corr(ours["employed"]) == pytest.approx(-1)


def test_other_scales_means_and_classes_are_what_a_loop_computes(frame: pd.DataFrame, table: Path, tmp_path: Path):
    out = tmp_path / "out.csv"
    result = call(
        table, out, *ASKED, "--normalisation", "min-max", "--aggregation", "geometric", "--weights", "poor=3,idle=1",
        "--class-rule", "quantile", "--classes", 4, "--quantile-type", 9, "--labels", "a,b,c,d",
    )  # fmt: skip
    assert "exploratory, not the preset" in result.stderr
    expected = []
    for poor, idle in frame[["poor", "idle"]].to_numpy().tolist():
        scaled = [
            1 + 99 * (value - frame[name].min()) / (frame[name].max() - frame[name].min())
            for name, value in (("poor", poor), ("idle", idle))
        ]
        expected.append(scaled[0] ** 0.75 * scaled[1] ** 0.25)
    ours = read(out)
    np.testing.assert_allclose(ours["score"], expected, rtol=1e-12)
    cuts = np.quantile(expected, [0.25, 0.5, 0.75], method="normal_unbiased")
    assert list(ours["status_class"]) == ["abcd"[sum(score > cut for cut in cuts)] for score in expected]
    parts = ours["base"] + ours["contribution_poor"] + ours["contribution_idle"]
    np.testing.assert_allclose(parts, ours["score"], atol=1e-12)


def test_a_missing_value_is_missing_or_partial_and_never_a_zero(frame: pd.DataFrame, tmp_path: Path):
    path = tmp_path / "signs.csv"
    cells = frame.astype({"poor": object, "idle": object})
    cells.loc[3, "poor"], cells.loc[4, "idle"], cells.loc[5, "poor"] = ".", "", -9999
    cells.to_csv(path, index=False, sep=";")
    out = tmp_path / "out.csv"
    result = call(path, out, *ASKED)
    ours = read(out)
    assert ours.loc[["0003", "0004", "0005"], "score"].isna().all()
    assert ours.loc["0003", "excluded"] == "no value: poor"
    told = words(result.stderr)
    assert "poor: '.' in 1 area is read as missing (suppressed_or_unknown)" in told
    assert "-9999 is a sign for no value: missing in 1 area of poor" in told
    partial = tmp_path / "partial.csv"
    call(path, partial, *ASKED, "--min-share", 0.5)
    ours = read(partial)
    assert list(ours.index[ours["partial"].astype(bool)]) == ["0003", "0004", "0005"]
    scaled = ours.loc["0003", ["score", "scaled_idle"]]
    assert scaled["score"] == pytest.approx(scaled["scaled_idle"], abs=1e-12)


def test_a_smaller_sentinel_is_a_number_where_negatives_are_usual(frame: pd.DataFrame, tmp_path: Path):
    path, out = tmp_path / "signed.csv", tmp_path / "out.csv"
    cells = frame.assign(change=np.linspace(-500, 700, 40))
    cells.loc[0, "change"], cells.loc[1, "poor"] = -99, -99
    cells.to_csv(path, index=False)
    told = words(call(path, out, "--id", "key", "--status", "poor", "--dynamics", "change").stderr)
    assert "-99 is a sign for no value: missing in 1 area of poor" in told
    assert "-99 in 1 area of change is read as a number" in told
    assert np.isnan(read(out).loc["0001", "score"])
    assert read(out).loc["0000", "change"] == -99


@pytest.mark.parametrize(
    ("condition", "query"),
    [
        ("kind == 'wood'", "kind == 'wood'"),
        ("people < 1000 or kind in ('wood', 'town')", "people < 1000 or kind in ('wood', 'town')"),
        ("not (poor >= 12.5 and idle <> 6) and people > -1", "not (poor >= 12.5 and idle != 6) and people > -1"),
        ("kind != 'village' and kind != 'wood' or key = '0001'", "kind == 'town' or key == '0001'"),
        ('"two words" > 3', "poor > 3"),
    ],
)
def test_conditions_choose_what_a_query_chooses(frame: pd.DataFrame, condition: str, query: str):
    indexed = frame.set_index("key")
    columns = {name: indexed[name].map(str).where(indexed[name].notna(), "") for name in indexed}
    flat = Flat("areas", indexed.index, {**columns, "two words": columns["poor"]}, delimiter=",")
    assert list(exclusion.parse(condition).reasons(flat)) == list(frame.query(query)["key"])


@pytest.mark.parametrize(
    "condition",
    [
        "", "kind", "kind ==", "kind == wood", "'a' == kind", "kind == 'wood", "kind == 'a' 'b'", "kind & 1",
        "@x == 1", "__import__('os')", "kind.str == 'a'", "kind in ()", "kind in ('a'", "(kind == 'a'",
        "(" * 60 + "kind == 'a'" + ")" * 60, "not " * 5000 + "kind == 'a'", "kind == 'a' or", "people < 3e", "a;b",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_and_nothing_is_executed(table: Path, tmp_path: Path, condition: str):
    if condition:
        with pytest.raises(UsageError):
            exclusion.parse(condition)
        result = call(table, tmp_path / "out.csv", *ASKED, "--exclude", condition, code=2)
        assert "expected" in result.stderr
    else:
        with pytest.raises(UsageError):
            exclusion.parse(condition)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--status", "por,idle"], 3, "perhaps 'poor'"),
        (["--status", "poor,poor"], 2, "each column once"),
        (["--status", "poor,name"], 3, "expected a number or a sign"),
        (["--status", "poor", "--floor", "300"], 2, "--population"),
        (["--status", "poor", "--figure", "x.png"], 2, "--variants"),
        (["--status", "poor", "--weights", "idle=1"], 2, "indicators of the index"),
        (["--status", "poor,idle", "--weights", "poor=1"], 2, "a weight of every indicator"),
        (["--status", "poor", "--labels", "a,b"], 2, "expected 4 labels"),
        (["--status", "poor", "--labels", "a,b,c,a"], 2, "each once"),
        (["--status", "poor", "--class-rule", "quantile", "--cuts", "1,2"], 2, "--classes"),
        (["--status", "poor", "--exclude", "kind != 'none'"], 3, "at least 10 areas"),
        (["--status", "poor", "--exclude", "sort == 'a'"], 3, "expected a column 'sort'"),
        (["--preset", "gisd", "--status", "poor"], 2, "dimensions of preset gisd"),
        (["--preset", "gisd", "--dimension", "a=poor,idle"], 2, "marker"),
        (["--preset", "iod", "--dimension", "income=poor", "--dynamics", "idle"], 2, "--dynamics"),
        (["--preset", "iod", "--dimension", "money=poor"], 3, "domains with a weight"),
        ([], 2, "indicators of preset mss"),
    ],
)
def test_what_makes_no_sense_writes_nothing(table: Path, tmp_path: Path, options: list[str], code: int, said: str):
    out = tmp_path / "out.csv"
    assert said in words(call(table, out, "--id", "key", *options, code=code).stderr)
    assert not out.exists()


def test_formats_ids_and_persons_are_refused(frame: pd.DataFrame, table: Path, tmp_path: Path):
    assert "table without shapes" in words(call(table, tmp_path / "out.gpkg", *ASKED, code=2).stderr)
    twice = tmp_path / "twice.csv"
    pd.concat([frame, frame.head(2)]).to_csv(twice, index=False)
    assert "every id once, found repeated 0000, 0001" in words(call(twice, tmp_path / "o.csv", *ASKED, code=3).stderr)
    persons = tmp_path / "persons.csv"
    frame.assign(Vorname="Anna", Nachname="Beispiel", Geburtsdatum="01.02.1990").to_csv(persons, index=False)
    assert "single persons" in words(call(persons, tmp_path / "o.csv", *ASKED, code=3).stderr)
    taken = tmp_path / "taken.csv"
    frame.assign(score=1.0 * frame.index).to_csv(taken, index=False)
    said = words(call(taken, tmp_path / "o.csv", "--id", "key", "--status", "poor,score", code=3).stderr)
    assert "other columns than those of the results, each name once, found score" in said
    assert not (tmp_path / "o.csv").exists()


def test_headings_that_an_output_cannot_hold_are_refused_and_formulas_are_defused(frame: pd.DataFrame, tmp_path: Path):
    import geopandas as gpd

    values = frame["poor"].to_numpy()
    odd = pd.DataFrame({"key": frame["key"], "fid": values, "s1": values, "S1": values[::-1], "=1+1": values})
    path = tmp_path / "odd.parquet"
    gpd.GeoDataFrame(odd, geometry=gpd.points_from_xy([600_000] * 40, [5_700_000] * 40), crs=25832).to_parquet(path)
    for columns in ("fid", "s1,S1"):
        asked = ["--id", "key", "--status", columns]
        assert "another format than .gpkg" in words(call(path, tmp_path / "a.gpkg", *asked, code=3).stderr)
        assert not (tmp_path / "a.gpkg").exists()
        call(path, tmp_path / f"{len(columns)}.geojson", *asked)
    out = tmp_path / "out.csv"
    call(path, out, "--id", "key", "--status", "=1+1")
    assert "'=1+1" in out.read_text(encoding="utf-8").splitlines()[0].split(",")


def test_what_stands_for_no_value_can_be_said(frame: pd.DataFrame, tmp_path: Path):
    path = tmp_path / "coded.csv"
    frame.assign(
        poor=frame["poor"].where(frame.index != 1, 77), idle=frame["idle"].where(frame.index != 2, -9999)
    ).to_csv(path, index=False)
    out = tmp_path / "out.csv"
    told = words(call(path, out, *ASKED, "--missing", "77,-9999").stderr)
    assert "77 is a sign for no value: missing in 1 area of poor" in told
    assert list(read(out).index[read(out)["score"].isna()]) == ["0001", "0002"]
    call(path, out, *ASKED, "--missing", "none", "--overwrite")
    assert read(out)["score"].notna().all()


def test_checks_are_those_of_numpy_and_name_what_pulls_against_the_rest(
    frame: pd.DataFrame, table: Path, tmp_path: Path
):
    out, figure = tmp_path / "check.csv", tmp_path / "check.png"
    asked = ["check", table, "--id", "key", "--status", "poor,idle,employed"]
    said = json.loads(call(*asked, "--out", out, "--figure", figure, "--json").stdout)
    values = frame[["poor", "idle", "employed"]].to_numpy()
    r = np.corrcoef(values.T)
    assert said["correlations"]["poor"]["employed"] == pytest.approx(r[0, 2], abs=1e-12)
    # Standardised alpha: m r̄ / (1 + (m − 1) r̄).
    mean = (r.sum() - 3) / 6
    assert said["alpha"] == pytest.approx(3 * mean / (1 + 2 * mean), abs=1e-10)
    assert said["explained"]["PC1"] == pytest.approx(np.linalg.eigvalsh(r)[-1] / 3)
    assert any(finding.startswith("employed pulls against the rest") for finding in said["findings"])
    assert figure.read_bytes().startswith(b"\x89PNG")
    rows = pd.read_csv(out).set_index("indicator")
    assert list(rows.index) == ["poor", "idle", "employed"]
    assert bool(rows.loc["employed", "pulls_against"]) is True
    turned = call(*asked, "--invert", "employed").stdout
    assert "pulls against" not in turned
    assert "40 areas with all indicators, 0 left out" in turned


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "indicators of preset mss"),
        (["--status", "poor", "--out", "x.gpkg"], 2, "ends in .csv"),
        (["--status", "poor", "--exclude", "kind == 'wood' or kind != 'wood'"], 3, "at least three complete areas"),
        (["--status", "poor", "--figure", "x.bmp"], 2, ".png, .svg, .pdf"),
    ],
)
def test_checks_that_make_no_sense_are_refused(table: Path, options: list[str], code: int, said: str):
    assert said in words(call("check", table, "--id", "key", *options, code=code).stderr)


def test_a_file_called_check_is_named_with_its_folder(frame: pd.DataFrame, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame.to_csv("check", index=False)
    call("./check", "out.csv", *ASKED)
    assert len(read(Path("out.csv"))) == 40


def test_the_other_presets_are_those_of_the_functions(frame: pd.DataFrame, table: Path, tmp_path: Path):
    from spatial.index.gisd import gisd_index
    from spatial.index.iod import domain_scores, iod_index

    values = frame.set_index("key")[["poor", "idle", "employed"]]
    out = tmp_path / "gisd.csv"
    result = call(table, out, "--id", "key", "--preset", "gisd", "--dimension", "a=poor,idle", "--dimension",
                  "b=employed,people", "--marker", "idle")  # fmt: skip
    assert "assumed in preset gisd" in result.stderr
    both = frame.set_index(["key", pd.Index([2020] * 40)])[["poor", "idle", "employed", "people"]]
    expected = gisd_index(both, {"a": ["poor", "idle"], "b": ["employed", "people"]}, marker="idle").table
    np.testing.assert_allclose(read(out)["score"], expected["score"], atol=1e-12)
    out = tmp_path / "iod.csv"
    call(table, out, "--id", "key", "--preset", "iod", "--dimension", "income=poor", "--dimension",
         "employment=idle,employed", "--invert", "employed", "--name", "name")  # fmt: skip
    domains = {"income": ["poor"], "employment": ["idle", "employed"]}
    again = iod_index(domain_scores(values, domains, polarity={"employed": -1})).table
    np.testing.assert_allclose(read(out)["score"], again["score"], atol=1e-12)
    assert list(read(out)["name"]) == list(frame["name"])


def test_what_the_command_offers_is_what_the_functions_know():
    from typing import get_args

    from service.commands import index
    from spatial.index import aggregate, classes, normalise, presets

    assert tuple(index.PRESETS) == tuple(presets.METHODS)
    assert tuple(index.NORMALISATIONS) == get_args(normalise.Method)
    assert tuple(index.AGGREGATIONS) == get_args(aggregate.Aggregation)
    assert tuple(index.RULES) == get_args(classes.Rule)


def test_json_holds_everything_as_plain_values(table: Path, tmp_path: Path):
    out = tmp_path / "out.parquet"
    said = json.loads(call(table, out, *ASKED, "--exclude", "kind == 'wood'", "--json").stdout)
    assert said["excluded"]["0002"] == "kind: wood"
    assert said["areas"] == 40
    assert said["scored"] == 30
    assert "--overwrite" in call(table, out, *ASKED, code=3).stderr
    before = table.read_bytes()
    assert "another file than the input" in words(call(table, table, *ASKED, "--overwrite", code=2).stderr)
    checked = call("check", table, *ASKED, "--out", table, "--overwrite", code=2)
    assert "another file than the input" in words(checked.stderr)
    assert table.read_bytes() == before
    told = words(call(table, tmp_path / "b.csv", *ASKED, "--exclude", "kind == 'wod'").stderr)
    assert "no area fulfils kind == 'wod'" in told
    assert list(pd.read_parquet(out)["key"]) == [f"{i:04d}" for i in range(40)]
