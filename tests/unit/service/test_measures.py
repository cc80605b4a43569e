"""Measures of a county: what is refused, what is compared, what may be said, and that no cause is claimed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import ConfigError
from geodata.models import Status
from service.reports.measures_text import CAUTIONS, measure_sentences
from service.workflows.figures import Figures
from service.workflows.frames import of_indicator
from service.workflows.measures import _FINDINGS, effects_of, load_measures_of
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from spatial.index.effects import Caution, Finding

AREA = "9990100101"
TEXT = """[[measures]]
id = "treff"
title = { de = "Treffpunkt Arbeit", en = "Job centre on site" }
areas = ["9990100101"]
start = 2024
indicator = "arbeitslosenquote"
direction = "fall"
size = 1.0
source = "Beschluss des Kreistags"
"""


@pytest.fixture(scope="module")
def make(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Inputs]:
    def read(text: str) -> Inputs:
        folder = tmp_path_factory.mktemp("measures") / "county"
        shutil.copytree(tiny_county, folder)
        (folder / "measures.toml").write_text(text, encoding="utf-8")
        return read_inputs(load_county(folder))

    return read


@pytest.fixture(scope="module")
def inputs(make: Callable[[str], Inputs]) -> Inputs:
    return make(TEXT)


def test_before_and_after_are_the_published_values(inputs: Inputs) -> None:
    figures = suppressed_for_public(inputs)
    (found,) = effects_of(inputs, figures, "public")
    indicator = inputs.county.indicators["arbeitslosenquote"]
    areas = inputs.inside("ortsteil")
    years = {y: of_indicator(figures, indicator, y, areas).value for y in (*found["before"], *found["after"])}
    own = {y: values[AREA] for y, values in years.items()}
    area = found["groups"]["area"]
    assert area["before"] == pytest.approx(np.mean([own[y] for y in found["before"]]))
    assert area["change"] == pytest.approx(np.mean([own[y] for y in found["after"]]) - area["before"])
    others = pd.DataFrame(years).drop(index=AREA).dropna()
    assert found["groups"]["county"]["areas"] == len(others)
    change = others[found["after"]].mean(axis=1) - others[found["before"]].mean(axis=1)
    assert found["differences"]["county"]["difference"] == pytest.approx(area["change"] - change.mean())
    assert len(found["similar"]) == 5
    assert AREA not in {a["id"] for a in found["similar"]}


@pytest.mark.parametrize(("language", "words"), [("de", "Ursache"), ("en", "the cause")])
def test_no_sentence_claims_a_cause(inputs: Inputs, language: str, words: str) -> None:
    (found,) = effects_of(inputs, suppressed_for_public(inputs), "public")
    said = measure_sentences(found, language)
    assert words in said[-1]
    assert "nur ein Jahr" in " ".join(said) if language == "de" else "Only one year" in " ".join(said)
    assert not re.search(r"wirkt|bewirkt|durch die Maßnahme|because of|effect of", " ".join(said))


def test_every_caution_and_finding_has_its_words() -> None:
    assert set(CAUTIONS) == {str(c) for c in Caution}
    assert set(_FINDINGS) == {str(f) for f in Finding}


def test_an_area_whose_figures_are_hidden_is_not_compared(inputs: Inputs) -> None:
    frames = {}
    for key, frame in inputs.figures.frames.items():
        if key[0] == "arbeitslose":
            frame = frame.copy()
            frame.loc[AREA, "value"] = np.nan
            frame["status"] = frame["status"].astype(object)
            frame.loc[AREA, "status"] = Status.SUPPRESSED.value
        frames[key] = frame
    figures = Figures(frames, inputs.figures.sources, inputs.figures.units)
    (found,) = effects_of(inputs, figures, "public")
    assert found["state"] == "hidden"
    assert "groups" not in found
    assert "nicht gezeigt" in measure_sentences(found, "de")[0]


def test_a_measure_that_has_not_begun_is_not_compared(make: Callable[[str], Inputs]) -> None:
    inputs = make(TEXT.replace("start = 2024", "start = 2030"))
    (found,) = effects_of(inputs, inputs.figures, "internal")
    assert found["state"] == "periods"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"9990100101"', '"12345678"', "areas of the county at level 'ortsteil'"),
        ('"arbeitslosenquote"', '"miete"', "expected one of .*miete"),
        ('"arbeitslosenquote"', '"nichtdeutsche_bevoelkerung"', "neutral"),
        ('"fall"', '"besser"', "direction"),
        ("size = 1.0", "size = -1", "size"),
        ("start = 2024\n", "", "start: expected, but missing"),
        ("size = 1.0", "seize = 1.0", "unknown key .perhaps 'size'"),
        ("[[measures]]", TEXT + "[[measures]]", "found twice: treff"),
        ("[[measures]]", "[[measures", "TOML"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[str], Inputs], old: str, new: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        load_measures_of(make(TEXT.replace(old, new)))
