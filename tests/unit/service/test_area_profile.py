"""Profiles of areas: every number is one of the published layers, and nothing hidden is in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scipy.stats import norm

from geodata.county import load_county
from geodata.store.model import Collection
from service.workflows.handdown import build_allocations
from service.workflows.profiles import ProfileBook, area_profile
from service.workflows.read import Inputs, read_inputs
from service.workflows.run import Built, build_edition
from service.workflows.suppress import suppressed_for_public

AREA = "9990100101"
MEASURE = """[[measures]]
id = "treff"
title = "Treffpunkt"
areas = ["9990100101"]
start = 2024
indicator = "arbeitslosenquote"
direction = "fall"
source = "Beschluss"
"""


@pytest.fixture(scope="module")
def edition(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Built]:
    folder = tmp_path_factory.mktemp("profile") / "county"
    shutil.copytree(tiny_county, folder)
    (folder / "measures.toml").write_text(MEASURE, encoding="utf-8")
    path = folder / "county.toml"
    text = path.read_text(encoding="utf-8").replace("permutations = 99999", "permutations = 99\nrobust_draws = 0")
    path.write_text(text.replace("global_replicates = 999", "global_replicates = 99"), encoding="utf-8")
    inputs = read_inputs(load_county(folder))
    return inputs, build_edition(inputs, "public", suppressed_for_public(inputs), build_allocations(inputs))


def of(built: Built, name: str) -> Collection:
    return next(c for c in built.collections if c.id == name)


def test_a_profile_repeats_the_published_layers(edition: tuple[Inputs, Built]) -> None:
    inputs, built = edition
    profile = area_profile(inputs, built.collections, AREA, built.measures)
    figure = next(f for f in profile.figures if f.id == "arbeitslosenquote")
    table = of(built, "ortsteil_employment").table
    rows = table[table["area_id"] == AREA].set_index("period")
    assert figure.value == rows["arbeitslosenquote"].loc[figure.period]
    assert dict(figure.series) == rows["arbeitslosenquote"].to_dict()
    cases, people = rows.loc[figure.period, ["arbeitslosenquote_n", "arbeitslosenquote_d"]]
    assert (figure.cases, figure.people) == (cases, people)
    # Wilson's formula, written out.
    z, p = norm.ppf(0.975), cases / people
    middle = (p + z**2 / (2 * people)) / (1 + z**2 / people)
    half = z / (1 + z**2 / people) * (p * (1 - p) / people + z**2 / (4 * people**2)) ** 0.5
    assert (figure.low, figure.high) == pytest.approx((100 * (middle - half), 100 * (middle + half)))
    last = table[(table["period"] == figure.period) & table["arbeitslosenquote"].notna()]
    assert figure.county == pytest.approx(100 * last["arbeitslosenquote_n"].sum() / last["arbeitslosenquote_d"].sum())
    assert figure.by_sex is not None
    assert figure.by_sex.gap == pytest.approx(figure.by_sex.female - figure.by_sex.male)
    index = of(built, "ortsteil_index").table
    row = index[(index["area_id"] == AREA) & (index["period"] == index["period"].max())].iloc[0]
    assert profile.index is not None
    assert (profile.index.rank, profile.index.rank_low) == (row["rank"], row["rank_low"])
    assert sum(profile.index.topics.values()) == pytest.approx(profile.index.score)
    assert len(profile.similar) == 5
    assert {h.collection for h in profile.hotspots} >= {"ortsteil_hotspots_index", "ortsteil_hotspots_sgb2_quote"}
    assert [m["id"] for m in profile.measures] == ["treff"]
    assert "Ursache" in profile.measures[0]["said"]["de"][-1]
    assert {"melderegister", "arbeitsagentur"} <= {s["id"] for s in profile.sources}


def test_every_area_has_a_profile_that_is_json_and_knows_nothing_hidden(edition: tuple[Inputs, Built]) -> None:
    inputs, built = edition
    book = ProfileBook(inputs, built.collections, built.measures)
    profiles = book.profiles()
    assert set(profiles) == {*inputs.inside("ortsteil"), *inputs.inside("gemeinde")}
    json.loads(json.dumps([p.as_dict() for p in profiles.values()], allow_nan=False))
    hidden = 0
    for area, profile in profiles.items():
        for f in profile.figures:
            if f.status == "suppressed":
                hidden += 1
                assert (f.value, f.low, f.high, f.cases, f.change, f.z, f.contribution) == (None,) * 7
        if profile.index is not None and profile.index.excluded == "value":
            assert (profile.index.score, profile.index.rank, profile.index.rank_low) == (None,) * 3
            assert not profile.index.topics
            assert area not in {s.id for p in profiles.values() for s in p.similar}
    assert hidden


def test_modelled_figures_have_no_interval_of_counting(edition: tuple[Inputs, Built]) -> None:
    inputs, built = edition
    profile = area_profile(inputs, built.collections, AREA)
    figure = next(f for f in profile.figures if f.id == "beschaeftigungsquote")
    assert (figure.origin, figure.low) == ("modelled", None)
    with pytest.raises(KeyError):
        area_profile(inputs, built.collections, "nowhere")
