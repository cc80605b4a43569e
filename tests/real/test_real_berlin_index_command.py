"""``sozialmonitor index`` on the published file of Berlin 2021: official classes, exclusions, z, variants."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from service.cli import main

from .test_real_berlin_dynamics import DYNAMICS, STATUS, transcription

pytestmark = pytest.mark.real

OFFICIAL = {1: "hoch", 2: "mittel", 3: "niedrig", 4: "sehr niedrig"}
ASKED = ["--id", "PLR_ID", "--preset", "mss", "--status", "S1,S3,S4", "--dynamics", "D1,D3,D4"]
EXCLUDED = ["--exclude", "KOM != 'gültig'"]


def call(*arguments: object):
    result = CliRunner().invoke(main, ["index", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def source(real_data: Path) -> Path:
    return real_data / "berlin" / "berlin_mss_2021_index_indikatoren.csv"


@pytest.fixture(scope="module")
def published(source: Path) -> pd.DataFrame:
    return pd.read_csv(source, dtype={"PLR_ID": str}).set_index("PLR_ID")


@pytest.fixture(scope="module")
def written(source: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("index") / "out.csv"
    result = call(source, out, *ASKED, *EXCLUDED, "--population", "EW", "--floor", 300, "--json")
    return pd.read_csv(out, dtype={"PLR_ID": str}).set_index("PLR_ID"), json.loads(result.stdout), result.stderr


def test_all_536_valid_areas_get_the_official_status_class(written, real_data: Path):
    table, said, _ = written
    official = pd.read_csv(real_data / "berlin" / "berlin_mss_2021_status.csv", dtype={"PLR_ID": str})
    official = official.set_index("PLR_ID").query("KOM == 'gültig'")["SI_N"].astype(int).map(OFFICIAL)
    assert len(official) == 536
    pd.testing.assert_series_equal(
        table["status_class"].reindex(official.index), official, check_names=False, check_dtype=False
    )
    assert said["classes"] == {"hoch": 75, "mittel": 366, "niedrig": 46, "sehr niedrig": 49}
    assert said["scored"] == 536


def test_dynamics_are_those_of_the_published_rule_by_the_same_code(written, published):
    table, said, _ = written
    valid = published["KOM"] == "gültig"
    _, score = transcription(published.loc[valid, DYNAMICS])
    expected = ["positiv" if s <= -1 else "negativ" if s > 1 else "stabil" for s in score]
    assert list(table.loc[valid[valid].index, "dynamics_class"]) == expected
    assert said["dynamics_classes"] == {"positiv": 48, "stabil": 436, "negativ": 52}
    assert sum(sum(row.values()) for row in said["groups"].values()) == 536


@pytest.mark.parametrize(("names", "prefix"), [(STATUS, ""), (DYNAMICS, "dynamics_")])
def test_z_deviates_by_less_than_1e_9_and_not_with_the_sample_sd(
    source, published, written, tmp_path: Path, names, prefix
):
    valid = published.index[published["KOM"] == "gültig"]
    z, score = transcription(published.loc[valid, names])

    def deviation(table: pd.DataFrame) -> float:
        ours = table.loc[valid]
        return max(
            np.abs(ours[[f"{prefix}z_{n}" for n in names]].to_numpy() - z).max(),
            np.abs(ours[f"{prefix}score"].to_numpy() - score).max(),
        )

    assert deviation(written[0]) < 1e-9
    out = tmp_path / "sample.csv"
    assert "exploratory" in call(source, out, *ASKED, *EXCLUDED, "--sd", "sample").stderr
    assert deviation(pd.read_csv(out, dtype={"PLR_ID": str}).set_index("PLR_ID")) > 1e-3


def test_excluded_areas_are_named_with_the_reason_and_their_sign_is_told(written, published):
    table, said, told = written
    gone = published.loc[published["KOM"] != "gültig", "KOM"]
    assert said["excluded"] == {area: f"KOM: {why}" for area, why in gone.items()}
    assert table.loc[gone.index, ["score", "rank", "status_class", "dynamics_class"]].isna().all(axis=None)
    assert table.loc[gone.index, STATUS].isna().all(axis=None)
    assert "-9999 is a sign for no value: missing in 6 areas of S1, S3, S4, D1, D3, D4" in " ".join(told.split())


def test_without_the_condition_the_floor_and_the_sign_leave_the_same_areas_out(source, written, tmp_path: Path):
    """Five areas have fewer than 300 inhabitants or no figure; the outlier has only its sign."""
    out = tmp_path / "floor.csv"
    said = json.loads(call(source, out, *ASKED, "--population", "EW", "--json").stdout)
    reasons = pd.Series(said["excluded"])
    assert reasons.value_counts().to_dict() == {
        "fewer than 300 inhabitants": 4,
        "no population figure": 1,
        "no value: S1, S3, S4": 1,
    }
    assert said["classes"] == written[1]["classes"]


def test_contributions_add_up_in_a_layer_that_qgis_opens(real_data: Path, source, published, tmp_path: Path):
    layer = gpd.read_file(real_data / "berlin" / "berlin_lor_plr_2021_simplified10m_epsg25833.gpkg")
    key = next(c for c in layer.columns if layer[c].astype(str).isin(published.index).mean() > 0.9)
    joined = layer[[key, "geometry"]].merge(published, left_on=key, right_index=True)
    joined.rename(columns={key: "PLR_ID"}).to_file(tmp_path / "layer.gpkg")
    out = tmp_path / "index.gpkg"
    call(tmp_path / "layer.gpkg", out, *ASKED, *EXCLUDED)
    table = gpd.read_file(out).set_index("PLR_ID")
    assert table.crs.to_epsg() == 25833
    for prefix in ("", "dynamics_"):
        parts = table[[c for c in table.columns if c.startswith(f"{prefix}contribution_")]].sum(axis=1, min_count=1)
        np.testing.assert_allclose(parts, table[f"{prefix}score"], atol=1e-12)
    assert table["status_class"].value_counts().to_dict() == {
        "hoch": 75,
        "mittel": 366,
        "niedrig": 46,
        "sehr niedrig": 49,
    }
    kept = json.loads(pyogrio.read_info(out)["layer_metadata"]["sozialmonitor"])
    assert kept["status_index"]["areas"] == 536
    assert len(kept["excluded"]) == 6


def test_variants_say_how_sure_the_classes_are(source, tmp_path: Path):
    out, figure = tmp_path / "out.csv", tmp_path / "sure.png"
    asked = [*ASKED, *EXCLUDED, "--variants", 2000, "--figure", figure]
    said = call(source, out, *asked).stdout
    table = pd.read_csv(out, dtype={"PLR_ID": str}).set_index("PLR_ID")
    known = table.dropna(subset=["score"])
    assert (known["rank_low"] <= known["rank_high"]).all()
    shares = known[[f"probability_{label}" for label in OFFICIAL.values()]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    # Far above the cut an area is in the worst class whatever is varied, in the middle of all areas never.
    assert known.loc[known["score"] > 2.5, "worst"].min() > 0.99
    assert known.loc[known["score"].abs() < 0.5, "worst"].max() < 0.01
    assert "% of the areas keep their class" in said
    assert figure.read_bytes().startswith(b"\x89PNG")
    again = tmp_path / "again.csv"
    call(source, again, *asked[:-2])
    assert again.read_bytes() == out.read_bytes()
