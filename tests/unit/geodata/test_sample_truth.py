"""What is planted can be found, and what registers hold is drawn from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geodata.sample import write_county
from geodata.sample.geography import PLANS
from geodata.sample.settlement import largest_remainder
from geodata.sample.truth import populations
from geodata.sample.write import SEED, imagine


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "full"
    write_county(folder)
    return folder


@pytest.fixture(scope="module")
def truth(county: Path) -> dict[str, Any]:
    return json.loads((county / "truth" / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ortsteile(county: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(county / "data" / "grenzen" / "ortsteile.gpkg").set_index("schluessel")


def members(truth: dict[str, Any], name: str, kind: str) -> list[set[str]]:
    return [set(cluster) for cluster in truth["clusters"][name][kind]]


def test_clusters_are_connected_and_apart(truth: dict[str, Any], ortsteile: gpd.GeoDataFrame):
    clusters = members(truth, "sgb2_quote", "hot") + members(truth, "sgb2_quote", "cold")
    shapes = [ortsteile.loc[sorted(c)].union_all() for c in clusters]
    assert all(shape.geom_type == "Polygon" for shape in shapes)
    for i, one in enumerate(shapes):
        assert all(one.disjoint(other) for other in shapes[i + 1 :])


def test_hot_is_high_and_cold_is_low(truth: dict[str, Any]):
    assert truth["clusters"].keys() == truth["registers"].keys()
    for name, registers in truth["registers"].items():
        rate = pd.Series(truth["rates"][registers[0]]["2024"], index=truth["ortsteile"])
        middle = rate.median()
        for cluster in members(truth, name, "hot"):
            assert rate[sorted(cluster)].mean() > 1.7 * middle
        for cluster in members(truth, name, "cold"):
            assert rate[sorted(cluster)].mean() < 0.8 * middle


def test_an_indicator_that_does_not_show_a_cluster_is_plain_there(truth: dict[str, Any]):
    every, shown = members(truth, "sgb2_quote", "hot"), members(truth, "grundsicherung_alter", "hot")
    (hidden,) = [c for c in every if c not in shown]
    assert len(shown) == 1
    rate = pd.Series(truth["rates"]["grundsicherung_65"]["2024"], index=truth["ortsteile"])
    assert rate[sorted(hidden)].mean() < 1.3 * rate.median()


def test_clusters_run_their_course(truth: dict[str, Any]):
    def excess(year: str, cluster: set[str], register: str = "sgb2_kinder") -> float:
        rate = pd.Series(truth["rates"][register][year], index=truth["ortsteile"])
        odds = rate / (1 - rate)
        return float(np.log(odds[sorted(cluster)]).mean() - np.log(odds).median())

    stable, shrinking = members(truth, "kinderarmut", "hot")
    (growing,) = members(truth, "lernmittelbefreiung", "hot")
    assert excess("2024", stable) == pytest.approx(excess("2019", stable), abs=0.15)
    assert excess("2024", growing, "lernmittel") > 1.5 * excess("2019", growing, "lernmittel")
    assert excess("2024", shrinking) < 0.9 * excess("2019", shrinking)


def test_counts_are_draws_from_the_rates():
    plan = PLANS["full"]
    _, people, truth = imagine(plan, SEED)
    group = populations(people)
    for name, base in {"arbeitslose_w": "von_15_bis_64_w", "sgb2_kinder": "unter_15", "pflege": "ab_65"}.items():
        p, n = truth.rates[name], group[base]
        score = (truth.counts[name] - n * p) / np.sqrt(n * p * (1 - p))
        # Sum of squares of 480 standard scores: chi-squared, standard deviation sqrt(2 * 480) = 31.
        assert abs((score**2).sum() - score.size) < 4 * np.sqrt(2 * score.size)
        assert abs(score.mean()) < 4 / np.sqrt(score.size)


def test_people_of_the_cells_are_those_of_their_ortsteil_at_the_census():
    plan = PLANS["full"]
    land, people, _ = imagine(plan, SEED)
    there = np.bincount(people.ortsteil_of, people.cell_people, minlength=len(land.ortsteile))
    assert (there == people.people[:, plan.years.index(2022)].sum(axis=(1, 2))).all()
    assert people.cell_people.min() >= 1


def test_largest_remainder_keeps_the_total():
    assert largest_remainder(np.array([1.4, 1.4, 1.2]), 4).tolist() == [2, 1, 1]
    rng = np.random.default_rng(1)
    for _ in range(50):
        share = rng.dirichlet(np.ones(7)) * 100
        whole = largest_remainder(share, 100)
        assert whole.sum() == 100
        assert (np.abs(whole - share) < 1).all()


def test_names_are_compounds_and_each_stands_once(ortsteile: gpd.GeoDataFrame):
    assert ortsteile["name"].is_unique
    assert all(re.fullmatch(r"[A-ZÄÖÜ][a-zäöüß]{6,}", name) for name in ortsteile["name"])


@pytest.mark.parametrize(
    ("name", "whole", "least"),
    [
        ("sgb2_quote", "unter_65", (4, 3)),
        ("arbeitslosenquote", "von_15_bis_64", (4, 3)),
        ("vorsorgeluecke", "unter_15", (4,)),
    ],
)
def test_a_local_test_with_fdr_finds_every_planted_cluster(
    name: str, whole: str, least: tuple[int, ...], truth: dict[str, Any], ortsteile: gpd.GeoDataFrame
):
    from spatial.autocorrelation.graphs import contiguity
    from spatial.autocorrelation.local import local_tests

    _, people, drawn = imagine(PLANS["full"], SEED)
    index = pd.Index(truth["ortsteile"], name="area_id")
    base = populations(people)[whole][:, -1].astype(float)
    count = sum(drawn.counts[register][:, -1] for register in truth["registers"][name])
    rate = pd.Series(count / base, index=index).where(base >= 100)
    areas = ortsteile.rename_axis("area_id").loc[index]
    result = local_tests(rate, contiguity(areas), rng=np.random.default_rng(1), permutations=9_999).table
    label = result["label"].astype(str)
    hot = set(label[label == "High-High"].index)
    cold = set(label[label == "Low-Low"].index)
    found = [len(hot & cluster) for cluster in members(truth, name, "hot")]
    assert all(f >= at_least for f, at_least in zip(found, least, strict=True)), found
    planted = set().union(*members(truth, name, "hot"))
    around = areas.loc[sorted(planted)].union_all().buffer(1.0)
    assert areas.loc[sorted(hot - planted)].intersects(around).all(), "beyond the clusters only their fringe"
    assert not hot & set().union(*members(truth, name, "cold"))
    assert not cold & planted
