"""Styles of the index beside its status classes: classes of the county's own, change, groups and strongest topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geodata.models import Text
from geodata.store.model import Style, StyleClass
from service.cartography import palettes
from service.cartography.classification import status_style
from service.cartography.texts import number

#: Change in standard deviations of the base year's index: cut points, and the look of each class, better to worse.
#: Blue to orange, apart for all three kinds of colour blindness; signs and hatches tell the ends apart in grey.
CHANGE_CUTS = (-1.0, -0.25, 0.25, 1.0)
_CHANGE = (
    palettes.Look("#2166ac", "\\", "--"),
    palettes.Look("#92c5de", "", "-"),
    palettes.Look("#f2f0ea"),
    palettes.Look("#fdb863", "", "+"),
    palettes.Look("#b35806", "/", "++"),
)
_WORDS = (
    Text("deutlich weniger Benachteiligung", "much less disadvantage"),
    Text("weniger Benachteiligung", "less disadvantage"),
    Text("kaum verändert", "little change"),
    Text("mehr Benachteiligung", "more disadvantage"),
    Text("deutlich mehr Benachteiligung", "much more disadvantage"),
)
#: One colour a topic, of Okabe and Ito's palette, which all kinds of colour vision tell apart; signs for grey print.
_TOPICS = (
    palettes.Look("#0072b2", "", "1"),
    palettes.Look("#e69f00", "/", "2"),
    palettes.Look("#009e73", "\\", "3"),
    palettes.Look("#cc79a7", "x", "4"),
    palettes.Look("#56b4e9", ".", "5"),
    palettes.Look("#d55e00", "", "6"),
    palettes.Look("#f0e442", "", "7"),
)


def _missing(label: Text) -> StyleClass:
    return StyleClass(label=label, colour=palettes.MISSING.colour)


def classes_style(labels: Sequence[str], english: Mapping[str, str], field: str = "status_class") -> Style:
    """Style the classes of an index; four of them as the status classes, others in rising darkness.

    Parameters
    ----------
    labels : sequence of str
        From the least to the most disadvantage.
    english : mapping of str to str
    field : str

    Returns
    -------
    Style
    """
    if tuple(labels) == ("hoch", "mittel", "niedrig", "sehr niedrig"):
        return status_style(field=field)
    colours = palettes.sequential("YlOrRd", len(labels))
    return Style(
        field=field,
        kind="categorical",
        classes=tuple(
            StyleClass(Text(label, english[label]), colour, value=label, letters=str(k))
            for k, (label, colour) in enumerate(zip(labels, colours, strict=True), start=1)
        ),
        missing=_missing(Text("nicht eingestuft (unterdrückt oder zu klein)", "not classed (suppressed or too small)")),
        method=Text(
            "Klassen des Index, dunkel = mehr Benachteiligung", "classes of the index, dark = more disadvantage"
        ),
    )


def change_style(base: int, field: str = "change") -> Style:
    """Style the absolute change of the index against a frozen base year.

    Parameters
    ----------
    base : int
        The base year, named in the legend.
    field : str
        Change in standard deviations of the base year's index, above 0 = worse.

    Returns
    -------
    Style
        Classes fixed at ±0.25 and ±1 standard deviations, the same in every year.
    """
    bounds = (None, *CHANGE_CUTS, None)

    def label(k: int, language: str) -> str:
        low, high = bounds[k], bounds[k + 1]
        said = "bis" if language == "de" else "to"
        ends = ["" if x is None else number(x, language, 2) for x in (low, high)]
        over = "über" if language == "de" else "over"
        span = (
            f"{said} {ends[1]}"
            if low is None
            else f"{over} {ends[0]}"
            if high is None
            else " ".join([*ends[:1], said, *ends[1:]])
        )
        return f"{_WORDS[k][language]} ({span})"

    return Style(
        field=field,
        kind="graduated",
        classes=tuple(
            StyleClass(
                Text(label(k, "de"), label(k, "en")),
                look.colour,
                lower=bounds[k],
                upper=bounds[k + 1],
                hatch=look.hatch,
                letters=look.letters,
            )
            for k, look in enumerate(_CHANGE)
        ),
        missing=_missing(Text("kein Vergleich möglich", "cannot be compared")),
        method=Text(
            f"Veränderung gegen {base} in Standardabweichungen des Index von {base}",
            f"change against {base} in standard deviations of the index of {base}",
        ),
        decimals=2,
        reading=Text(
            "orange = mehr Benachteiligung als im Basisjahr", "orange = more disadvantage than in the base year"
        ),
    )


def dynamics_style(labels: Sequence[str], english: Mapping[str, str], field: str = "dynamics_class") -> Style:
    """Style the relative dynamics, from the better to the worse."""
    looks = (palettes.Look("#92c5de", "", "+"), palettes.Look("#f2f0ea"), palettes.Look("#b35806", "/", "-"))
    named = [Text(f"Dynamik {label}", f"dynamics {english[label]}") for label in labels]
    return Style(
        field=field,
        kind="categorical",
        classes=tuple(
            StyleClass(text, look.colour, value=label, hatch=look.hatch, letters=look.letters)
            for label, text, look in zip(labels, named, looks, strict=True)
        ),
        missing=_missing(Text("kein Vergleich möglich", "cannot be compared")),
        method=Text(
            "im Vergleich der Gebiete untereinander, nicht mit früher: „positiv“ kann heißen, dass es langsamer "
            "schlechter wurde",
            'compared with the other areas, not with the past: "positive" may mean that it got worse more slowly',
        ),
    )


def strongest_style(topics: Mapping[str, Text], field: str = "strongest") -> Style:
    """Style the topic that adds most to the disadvantage of an area.

    Parameters
    ----------
    topics : mapping of str to Text
        Value → what it is called.
    field : str

    Returns
    -------
    Style
    """
    return Style(
        field=field,
        kind="categorical",
        classes=(
            *(
                StyleClass(text, look.colour, value=value, hatch=look.hatch, letters=look.letters)
                for (value, text), look in zip(topics.items(), _TOPICS, strict=False)
            ),
            StyleClass(Text("kein Beitrag über dem Mittel", "no contribution above the mean"), "#f2f0ea", value="none"),
        ),
        missing=_missing(Text("nicht eingestuft (unterdrückt oder zu klein)", "not classed (suppressed or too small)")),
        method=Text("Thema mit dem größten Beitrag über dem Mittel", "topic that contributes most above the mean"),
    )
