"""One default of weights, α and correction for each kind of level; whatever differs is called exploratory.

Whoever may choose among weights and corrections until a map shows something has tested more than the map tells. So the
default is fixed before anybody looks, it is named on every map, and any other choice is named on it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from geodata.models import Text
from service.cartography.texts import number

#: Kinds of level. Cells and polygons share a default today; they are told apart because their weights mean different
#: things: eight neighbours of a cell, everything that touches a polygon.
Kind = Literal["areas", "grid"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What is used unless something else is asked for.

    Attributes
    ----------
    weights : str
        Who is a neighbour of whom.
    alpha : float
        Level of the tests.
    correction : {"fdr", "by", "none"}
        For multiple testing.
    min_areas : int
        With fewer areas there is no local test.
    transform : {"r", "b", "o"}
        Weights standardised by row, binary or as given; a local join count counts, so it takes binary ones.
    islands : {"leave", "nearest", "drop"}
        What becomes of areas without neighbours.
    """

    weights: str = "queen"
    alpha: float = 0.05
    correction: str = "fdr"
    min_areas: int = 30
    transform: str = "r"
    islands: str = "leave"


PRESETS: dict[Kind, Preset] = {"areas": Preset(), "grid": Preset()}

WEIGHTS = {
    "queen": Text("Nachbarn mit gemeinsamer Grenze oder Ecke (queen)", "neighbours share a border or corner (queen)"),
    "rook": Text("Nachbarn mit gemeinsamer Grenze (rook)", "neighbours share a border (rook)"),
    "fuzzy": Text(
        "Nachbarn berühren sich bis auf eine Toleranz (fuzzy)", "neighbours touch within a tolerance (fuzzy)"
    ),
    "knn": Text("die nächsten Gebiete als Nachbarn (knn)", "the nearest areas as neighbours (knn)"),
    "distance": Text("Nachbarn bis zu einem Abstand (distance)", "neighbours within a distance (distance)"),
    "kernel": Text("Gewichte nach Abstand (kernel)", "weights by distance (kernel)"),
}
CORRECTIONS = {
    "fdr": Text("Korrektur nach Benjamini-Hochberg", "correction by Benjamini-Hochberg"),
    "by": Text("Korrektur nach Benjamini-Yekutieli", "correction by Benjamini-Yekutieli"),
    "none": Text("keine Korrektur für mehrfaches Testen", "no correction for multiple tests"),
}
_TRANSFORMS = {
    "r": Text("zeilenweise standardisierte Gewichte", "row-standardised weights"),
    "b": Text("binäre Gewichte", "binary weights"),
    "o": Text("Gewichte wie gegeben", "weights as given"),
}
_ISLANDS = {
    "leave": Text("Gebiete ohne Nachbarn bleiben ungetestet", "areas without neighbours stay untested"),
    "nearest": Text("Inseln mit dem nächsten Gebiet verbunden", "islands joined with the nearest area"),
    "drop": Text("Inseln weggelassen", "islands dropped"),
}


def weights_text(weights: str) -> Text:
    """Say what a choice of weights means: ``knn:6`` → "… (knn:6)".

    Examples
    --------
    >>> weights_text("knn:6").en
    'the nearest areas as neighbours (knn:6)'
    """
    name = weights.partition(":")[0]
    said = WEIGHTS.get(name)
    if said is None:
        return Text(weights, weights)
    return Text(said.de.replace(f"({name})", f"({weights})"), said.en.replace(f"({name})", f"({weights})"))


def alpha_text(alpha: float) -> Text:
    """Write α the way each language does."""
    return Text(f"α = {number(alpha, 'de')}", f"α = {number(alpha, 'en')}")


def differences(
    *,
    weights: str | None = None,
    alpha: float | None = None,
    correction: str | None = None,
    min_areas: int | None = None,
    transform: str | None = None,
    islands: str | None = None,
    kind: Kind = "areas",
    usual: Preset | None = None,
) -> tuple[Text, ...]:
    """Name what was chosen otherwise than the preset of a kind of level says.

    Parameters
    ----------
    weights, alpha, correction, min_areas, transform, islands
        As in :class:`Preset`; what is None was not chosen.
    kind : {"areas", "grid"}
        Of the level that was tested.
    usual : Preset, optional
        What it is compared with; by default that of the kind.

    Returns
    -------
    tuple of Text
        Empty where all is as preset.

    Examples
    --------
    >>> [found.en for found in differences(weights="queen", alpha=0.1)]
    ['α = 0.1 instead of 0.05']
    """
    usual = usual or PRESETS[kind]
    found: list[Text] = []
    if weights not in (None, usual.weights):
        found.append(_instead(weights_text(str(weights)), Text(usual.weights, usual.weights)))
    if alpha not in (None, usual.alpha):
        found.append(
            _instead(alpha_text(float(alpha or 0)), Text(number(usual.alpha, "de"), number(usual.alpha, "en")))
        )
    if correction not in (None, usual.correction):
        chosen = CORRECTIONS.get(str(correction), Text(str(correction), str(correction)))
        found.append(_instead(chosen, Text("Benjamini-Hochberg", "Benjamini-Hochberg")))
    if transform not in (None, usual.transform):
        found.append(_instead(_TRANSFORMS[str(transform)], Text("zeilenweise standardisierter", "row-standardised")))
    if islands not in (None, usual.islands):
        found.append(_ISLANDS[str(islands)])
    if min_areas not in (None, usual.min_areas):
        said = f"{min_areas}"
        found.append(
            Text(
                f"lokale Tests ab {said} Gebieten statt ab {usual.min_areas}",
                f"local tests from {said} areas on instead of {usual.min_areas}",
            )
        )
    return tuple(found)


def _instead(chosen: Text, usual: Text) -> Text:
    return Text(f"{chosen.de} statt {usual.de}", f"{chosen.en} instead of {usual.en}")


def told(found: Sequence[Text], language: str) -> str:
    """Join differences to one line; empty where there are none."""
    return "; ".join(text[language] for text in found)
