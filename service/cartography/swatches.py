"""Small SVG pieces of map pages: hatches, and the swatches of the legend."""

from __future__ import annotations

import html

from service.cartography.legend import Entry


def pattern(entry: Entry) -> str:
    """SVG pattern of a hatched class; ``map.js`` refers to it by id."""
    lines = {
        "/": "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4",
        "\\": "M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4",
        "x": "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4 M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4",
    }
    if entry.hatch == ".":
        marks = f'<circle cx="2" cy="2" r="1.2" fill="{entry.ink}"/><circle cx="6" cy="6" r="1.2" fill="{entry.ink}"/>'
    else:
        marks = (
            f'<path d="{lines[entry.hatch]}" stroke="{entry.ink}" stroke-width="1.1" stroke-opacity=".75" fill="none"/>'
        )
    return (
        f'<pattern id="sm-hatch-{entry.index}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="{entry.colour}"/>{marks}</pattern>'
    )


def swatch(entry: Entry) -> str:
    """Draw the sample of a class in the legend, with hatch and letters."""
    fill = f"url(#sm-hatch-{entry.index})" if entry.hatch else entry.colour
    text = ""
    if entry.letters:
        text = (
            '<text x="17" y="15.5" text-anchor="middle" font-size="11" font-weight="700" fill="#111" stroke="#fff" '
            f'stroke-width="3" paint-order="stroke">{html.escape(entry.letters)}</text>'
        )
    return (
        '<svg class="sm-swatch" width="34" height="22" viewBox="0 0 34 22" aria-hidden="true">'
        f'<rect x=".5" y=".5" width="33" height="21" fill="{fill}" stroke="#6e7781"/>{text}</svg>'
    )


def key(colour: str, *, dashed: bool) -> str:
    """Draw the sample of an outline in the legend."""
    dash = ' stroke-dasharray="5 3"' if dashed else ""
    return (
        '<svg class="sm-swatch" width="34" height="22" viewBox="0 0 34 22" aria-hidden="true">'
        f'<rect x="1" y="1" width="32" height="20" fill="#f7f8f9" stroke="{colour}" stroke-width="1.4"{dash}/></svg>'
    )
