"""Presets: what differs is named; and every label of every statistic has a class with a sign of its own."""

from __future__ import annotations

import pytest

from service.cartography.classification import statistic_style
from service.cartography.labels import TESTS
from service.cartography.presets import differences, told, weights_text


def test_what_is_preset_is_not_named_and_everything_else_is() -> None:
    assert (
        differences(weights="queen", alpha=0.05, correction="fdr", min_areas=30, transform="r", islands="leave") == ()
    )
    found = differences(weights="knn:6", alpha=0.1, correction="none", min_areas=20, transform="b", islands="drop")
    assert len(found) == 6
    german, english = told(found, "de"), told(found, "en")
    assert "(knn:6) statt queen" in german
    assert "α = 0,1 statt 0,05" in german
    assert "α = 0.1 instead of 0.05" in english
    assert "no correction" in english
    assert weights_text("mine").de == "mine"


@pytest.mark.parametrize("statistic", TESTS)
def test_marked_classes_differ_in_sign_and_hatch_or_colour(statistic: str) -> None:
    style = statistic_style(statistic, correction="none")
    marked = [c for c in style.classes if c.hatch]
    assert len({c.letters for c in marked}) == len(marked) > 1
    assert len({(c.colour, c.hatch) for c in marked}) == len(marked)
    assert "nicht" not in style.method.en
    assert "ohne Korrektur" in style.method.de


def test_an_area_without_the_attribute_is_not_called_too_few() -> None:
    said = {c.value: c.label.de for c in statistic_style("join-count").classes}
    assert said["untestable"] == "ohne das Merkmal, nicht getestet"
    assert "zu wenige" in {c.value: c.label.de for c in statistic_style("gi").classes}["untestable"]
