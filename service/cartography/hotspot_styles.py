"""Styles of the hotspot layers beyond the labels of a test: what holds, develops, changes, and agrees."""

from __future__ import annotations

from collections.abc import Mapping

from geodata.models import Text
from geodata.store.model import Style, StyleClass
from service.cartography import hotspot_words as words
from service.cartography import labels, palettes
from service.cartography.classification import hotspot_style
from service.cartography.texts import number

#: Pale versions of the red and blue of local Moran: seen, but no cluster.
_UNSURE = {"unsure high": palettes.Look("#f2d3c9", "", "H?"), "unsure low": palettes.Look("#d3e1ee", "", "L?")}

#: Category → letter, and the shade of each side; the sign before the letter tells the sides apart in grey.
_EMERGING = {
    "new": ("N", "#f4a582", "#92c5de"),
    "consecutive": ("C", "#d6604d", "#4393c3"),
    "intensifying": ("I", "#67001f", "#053061"),
    "persistent": ("P", "#b2182b", "#2166ac"),
    "diminishing": ("D", "#c9766b", "#6f9fc6"),
    "sporadic": ("S", "#fddbc7", "#d1e5f0"),
    "oscillating": ("O", "#e7c6d8", "#cfc9e6"),
    "historical": ("H", "#dccfc4", "#c6d0d6"),
}

_AGREEMENT = {
    "same label": palettes.Look("#5e3c99", "/", "="),
    "only here": palettes.Look("#fdb863", ".", "+"),
    "only there": palettes.Look("#b2abd2", "\\", "−"),
    "other label": palettes.Look("#e66101", "x", "≠"),
    "neither": palettes.Look("#e9e5db"),
}


def robust_style(
    threshold: float, *, modelled: bool = False, decimals: int | None = None, correction: str = "fdr"
) -> Style:
    """Style the labels of local Moran that hold, and weakly those that do not.

    Parameters
    ----------
    threshold : float
        Share of the variants from which on a label holds; said in the legend.
    modelled, decimals, correction
        As in :func:`service.cartography.classification.statistic_style`.

    Returns
    -------
    Style
        Of the field ``label_robust``.
    """
    usual = hotspot_style(field="label_robust", modelled=modelled, decimals=decimals, correction=correction)
    weak = tuple(_class(value, words.UNSURE[value], look) for value, look in _UNSURE.items())
    place = next(i for i, c in enumerate(usual.classes) if c.value == "not significant")
    share = number(100 * threshold, "de", 0)
    return Style(
        field=usual.field,
        kind="categorical",
        classes=(*usual.classes[:place], *weak, *usual.classes[place:]),
        missing=usual.missing,
        method=Text(
            f"{usual.method.de}; unsicher: hält in weniger als {share}\u00a0% der Varianten",
            f"{usual.method.en}; unsure: holds in fewer than {share}\u00a0% of the variants",
        ),
        modelled=modelled,
        decimals=decimals,
    )


def emerging_style(found: set[str], *, modelled: bool = False) -> Style:
    """Style how hot and cold spots developed.

    Parameters
    ----------
    found : set of str
        Categories that occur: of sixteen only these stand in the legend.
    modelled : bool
        The values tested are modelled.

    Returns
    -------
    Style
        Of the field ``emerging``.
    """
    classes = [
        _class(f"{side} {name}", words.emerging(side, name), palettes.Look(shades[side == "cold"], "", sign + letter))
        for side, sign in (("hot", "+"), ("cold", "−"))
        for name, (letter, *shades) in _EMERGING.items()
        if f"{side} {name}" in found
    ]
    method = Text(
        "Gi* je Jahr, exakter Trendtest; beschreibend, weil Jahre voneinander abhängen",
        "Gi* of each year, exact trend test; descriptive, because years depend on each other",
    )
    return _categorical("emerging", [*classes, _class("no pattern", words.NO_PATTERN, _PLAIN)], method, modelled)


def change_style(first: int, last: int, *, modelled: bool = False, correction: str = "fdr") -> Style:
    """Style the clusters of change between two years."""
    classes = [_class(value, words.CHANGE[value], look) for value, look in palettes.LISA.items()]
    sure = labels.CORRECTED[correction]
    method = Text(
        f"Local Moran der Veränderung {first} bis {last}, {sure.de}",
        f"local Moran of the change {first} to {last}, {sure.en}",
    )
    return _categorical("change_label", classes, method, modelled)


def agreement_style(title: Mapping[str, str], *, modelled: bool = False) -> Style:
    """Style where two levels agree.

    Parameters
    ----------
    title : mapping of str to str
        What the larger areas are called, by language.
    modelled : bool
        The values tested are modelled.

    Returns
    -------
    Style
        Of the field ``agreement``.
    """
    classes = [_class(value, words.AGREEMENT[value], look) for value, look in _AGREEMENT.items()]
    method = Text(
        f"Local Moran auf zwei Ebenen: diese und {title['de']}", f"local Moran at two levels: this and {title['en']}"
    )
    return _categorical("agreement", classes, method, modelled)


_PLAIN = palettes.LISA["not significant"]


def _class(value: str, label: Text, look: palettes.Look) -> StyleClass:
    return StyleClass(label, look.colour, value=value, hatch=look.hatch, letters=look.letters)


def _categorical(field: str, classes: list[StyleClass], method: Text, modelled: bool) -> Style:
    states = (
        StyleClass(labels.STATES[state], look.colour, value=state, letters=look.letters)
        for state, look in palettes.STATES.items()
    )
    missing = StyleClass(Text("ohne Aussage", "no statement"), palettes.MISSING.colour)
    return Style(field, "categorical", (*classes, *states), missing, method, modelled)
