"""Colours: order in grey print, apart for colour-blind eyes, lines and text readable on them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from geodata.errors import ConfigError
from service.cartography import palettes
from service.cartography.interactive import ASSETS

#: Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array(palettes.rgb(colour)) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Björn Ottosson 2020: distances that match what eyes see."""
    lms = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ np.clip(rgb, 0, 1)
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ lms
    )


@pytest.mark.parametrize("name", palettes.SEQUENTIAL)
@pytest.mark.parametrize("n", range(2, 8))
def test_sequential_gets_darker_step_by_step(name: str, n: int) -> None:
    colours = palettes.sequential(name, n)
    assert len(set(colours)) == n
    assert all(re.fullmatch("#[0-9a-f]{6}", c) for c in colours)
    steps = [palettes.contrast(a, b) for a, b in itertools.pairwise(colours)]
    light = [palettes.luminance(c) for c in colours]
    assert light == sorted(light, reverse=True)
    # A printer tells greys apart from about a contrast of 1.15 on.
    assert min(steps) > (1.15 if n <= 5 else 1.08), steps


def test_missing_is_no_step_of_a_palette() -> None:
    """Some grey is always near a step of a palette; the hatch, which no graduated class has, tells it apart."""
    assert palettes.NO_VALUE.hatch
    assert palettes.contrast(palettes.QUIET_INK, palettes.NO_VALUE.colour) > 2


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("looks", [palettes.LISA, palettes.GI_STAR], ids=["lisa", "gi"])
def test_classes_stay_apart_for_colour_blind_eyes(kind: str, looks: dict[str, palettes.Look]) -> None:
    seen = [oklab(np.array(BLIND[kind]) @ linear(look.colour)) for look in looks.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.07


@pytest.mark.parametrize("looks", [palettes.LISA, palettes.GI_STAR, dict(enumerate(palettes.STATUS))])
def test_grey_print_tells_classes_apart(looks: dict[object, palettes.Look]) -> None:
    for a, b in itertools.combinations(looks.values(), 2):
        assert a.hatch != b.hatch or palettes.contrast(a.colour, b.colour) > 1.2
    letters = [look.letters for look in looks.values() if look.letters]
    assert len(set(letters)) == len(letters)


def test_red_and_blue_are_one_grey_which_is_why_there_are_hatches() -> None:
    assert palettes.contrast(palettes.LISA["High-High"].colour, palettes.LISA["Low-Low"].colour) < 1.5
    assert palettes.LISA["High-High"].hatch != palettes.LISA["Low-Low"].hatch


@pytest.mark.parametrize(
    "colour", [look.colour for look in (*palettes.LISA.values(), *palettes.STATUS, *palettes.STATES.values())]
)
def test_hatch_lines_are_seen(colour: str) -> None:
    assert palettes.contrast(palettes.ink_on(colour), colour) >= 4.5


def test_text_of_the_page_is_readable() -> None:
    css = (ASSETS / "map.css").read_text(encoding="utf-8")
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for text in ("ink", "soft", "warn"):
        assert palettes.contrast(named[text], "#ffffff") >= 4.5
    assert palettes.contrast(named["warn"], "#fdf3f1") >= 4.5
    assert palettes.contrast(named["soft"], "#dbe4ec") >= 4.5


def test_bounds_of_contrast() -> None:
    assert palettes.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palettes.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # known from WCAG's own examples


@pytest.mark.parametrize(("name", "n"), [("jet", 5), ("YlOrRd", 0), ("YlOrRd", 10)])
def test_refuses_what_it_has_not(name: str, n: int) -> None:
    with pytest.raises(ConfigError, match="expected"):
        palettes.sequential(name, n)


def test_only_a_burden_is_drawn_from_yellow_to_red() -> None:
    """In every other palette no class is redder than it is blue or green."""
    assert palettes.BY_POLARITY["disadvantage"] == "YlOrRd"
    assert len(set(palettes.BY_POLARITY.values())) == 3
    for polarity in ("advantage", "neutral"):
        for colour in palettes.sequential(palettes.BY_POLARITY[polarity], 7):
            red, green, blue = palettes.rgb(colour)
            assert red < max(green, blue), (polarity, colour)
