"""Colours, hatches and letters; chosen so that a map survives colour blindness and a grey printer.

Sequential palettes rise in darkness step by step, so grey print keeps their order. No diverging or categorical palette
does (the two ends become the same grey), therefore the classes of local tests carry hatches and letters besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from geodata.errors import ConfigError

#: Anchors from light (low) to dark (high). YlOrRd and BuGn: ColorBrewer (C. Brewer); Blues: its hue, calmer. Cividis:
#: Nuñez, Anderton and Renslow 2018, reversed. Lapaz: F. Crameri 2018, reversed. Cividis and lapaz are read off at equal
#: steps between their ends, without the lightest part, which would look like white paper.
_ANCHORS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "YlOrRd": ("#ffffb2", "#fed976", "#feb24c", "#fd8d3c", "#fc4e2a", "#e31a1c", "#b10026"),
        "cividis": ("#fdea45", "#dcc64f", "#b6a472", "#948e77", "#7a7b78", "#575d6d", "#2a3f6d", "#00204d"),
        "BuGn": ("#ccece6", "#99d8c9", "#66c2a4", "#41ae76", "#238b45", "#006d2c", "#00441b"),
        "Blues": ("#d2e3f3", "#b5d0e8", "#93bade", "#6f9fcb", "#4e82b4", "#326394", "#1b4470"),
        "lapaz": ("#f1e0d3", "#d3c7b3", "#a8b2a6", "#7ba0a8", "#4e83a0", "#34668f", "#273d76", "#1a0c64"),
    }
)

SEQUENTIAL = tuple(_ANCHORS)

#: What a high value means → the palette: yellow to red is for burdens only, so that dark red never praises.
BY_POLARITY: MappingProxyType[str, str] = MappingProxyType(
    {"disadvantage": "YlOrRd", "advantage": "BuGn", "neutral": "Blues"}
)


@dataclass(frozen=True, slots=True)
class Look:
    """How one class looks: ``#rrggbb``, a hatch letter of matplotlib, and a short code drawn into the area."""

    colour: str
    hatch: str = ""
    letters: str = ""


#: Classes of local Moran, by :class:`spatial.results.Label`. RdBu of ColorBrewer, whose reds and blues stay apart for
#: all three kinds of colour blindness; in grey the hatches and letters tell them apart.
LISA: MappingProxyType[str, Look] = MappingProxyType(
    {
        "High-High": Look("#b2182b", "/", "HH"),
        "Low-Low": Look("#2166ac", "\\", "LL"),
        "High-Low": Look("#f4a582", "x", "HL"),
        "Low-High": Look("#92c5de", ".", "LH"),
        "not significant": Look("#e9e5db"),
    }
)

#: Classes of Gi*.
GI_STAR: MappingProxyType[str, Look] = MappingProxyType(
    {
        "hot": Look("#b2182b", "/", "H"),
        "cold": Look("#2166ac", "\\", "C"),
        "not significant": Look("#e9e5db"),
    }
)

#: Classes of local Geary and its form for several variables. What is alike on both sides of the mean, or high here and
#: low there, is neither hot nor cold: violet, and the signs tell the classes apart in grey.
GEARY: MappingProxyType[str, Look] = MappingProxyType(
    {
        "High-High": Look("#b2182b", "/", "HH"),
        "Low-Low": Look("#2166ac", "\\", "LL"),
        "other positive": Look("#998ec3", ".", "+"),
        "positive": Look("#998ec3", ".", "+"),
        "negative": Look("#f1a340", "x", "≠"),
        "not significant": Look("#e9e5db"),
    }
)

#: Status classes of the index, from least to most disadvantage. The two that ask for attention carry a hatch.
STATUS: tuple[Look, ...] = (
    Look("#fef0d9"),
    Look("#fdcc8a"),
    Look("#ef6548", "/", "n"),
    Look("#990000", "x", "sn"),
)

#: Why there is no label: greys, told apart by their sign.
STATES: MappingProxyType[str, Look] = MappingProxyType(
    {
        "isolated": Look("#c9c9c9", "", "○"),
        "undefined": Look("#bdbdbd", "", "–"),
        "untestable": Look("#d6d6d6", "", "?"),
        "suppressed": Look("#b0b0b0", "", "×"),
    }
)

#: No label in a map of categories.
MISSING = Look("#bdbdbd")
#: No value in a map of graduated colours: hatched, because in grey print a plain grey would be one of the classes.
NO_VALUE = Look("#e2e2e2", "/")
#: Banner of the internal edition.
INTERNAL = "#4a2b7b"
#: Nobody lives there, or there is nothing to say: nearly the paper, because it asks for no attention.
EMPTY = Look("#f3f3f1")
#: Hatch lines of a missing class: seen, but not before the classes that say something.
QUIET_INK = "#8a8a8a"
#: Banner of what was chosen otherwise than the preset says.
EXPLORATORY = "#7a4a00"
#: Behind the areas.
GROUND = "#fbfcfd"
CONTEXT_LINE = "#9a9a9a"
INK = "#222222"


def sequential(name: str, n: int) -> tuple[str, ...]:
    """Return ``n`` colours from light to dark.

    Parameters
    ----------
    name : {"YlOrRd", "cividis", "BuGn", "Blues", "lapaz"}
        The palette.
    n : int
        How many, 1 to 9.

    Returns
    -------
    tuple of str
        ``#rrggbb``, darker from each to the next.

    Raises
    ------
    ConfigError
        The palette is unknown, or ``n`` is out of range.

    Examples
    --------
    >>> sequential("YlOrRd", 3)
    ('#ffffb2', '#fd8d3c', '#b10026')
    """
    if name not in _ANCHORS:
        raise ConfigError(f"expected one of {', '.join(SEQUENTIAL)}, found {name!r}", where="palette")
    if not 1 <= n <= 9:
        raise ConfigError(f"expected 1 to 9 classes, found {n}", where="palette")
    anchors = _ANCHORS[name]
    if n == 1:
        return (anchors[len(anchors) // 2],)
    last = len(anchors) - 1
    return tuple(_between(anchors, i * last / (n - 1)) for i in range(n))


def _between(anchors: tuple[str, ...], position: float) -> str:
    below = min(int(position), len(anchors) - 2)
    part = position - below
    mixed = (round(a + (b - a) * part) for a, b in zip(rgb(anchors[below]), rgb(anchors[below + 1]), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def rgb(colour: str) -> tuple[int, int, int]:
    """Split ``#rrggbb`` into its channels, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white), after WCAG 2.2."""
    linear = [
        channel / 255 / 12.92 if channel / 255 <= 0.04045 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in rgb(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21, after WCAG 2.2."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: str) -> str:
    """Return the colour, dark or white, in which lines and letters are read best on ``colour``."""
    return INK if contrast(INK, colour) >= contrast("#ffffff", colour) else "#ffffff"
