"""Previews: the bare map as a small SVG, without words; quick because it needs no plotting library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from service.cartography import legend as legends
from service.cartography import palettes
from service.cartography.content import MapContent, features_of
from service.cartography.swatches import pattern

#: Rim around the areas, in pixels.
RIM = 8


def render_thumbnail(content: MapContent, *, width: int = 320, height: int = 220) -> str:
    """Draw the areas of a map in the colours of their classes.

    Parameters
    ----------
    content : MapContent
        What is shown; context is left out.
    width, height : int
        Pixels; the map is fitted in.

    Returns
    -------
    str
        An SVG document with one path per class; equal content gives equal text. The internal edition has a purple rim.

    Notes
    -----
    Longitudes are shortened by the cosine of the middle latitude (an equirectangular projection): for a picture of a
    few hundred pixels that is the county's shape.

    Examples
    --------
    >>> render_thumbnail(content)  # doctest: +SKIP
    """
    legend = legends.build(content)
    shapes = [
        (index, feature["geometry"])
        for feature, index in zip(features_of(content.features), legend.classes, strict=True)
        if index >= 0
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    points = [point for _, geometry in shapes for ring in _rings(geometry) for point in ring]
    if not points:
        return f"{head}</svg>"
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    squeeze = math.cos(math.radians((south + north) / 2))
    across, along = max((east - west) * squeeze, 1e-9), max(north - south, 1e-9)
    scale = min((width - 2 * RIM) / across, (height - 2 * RIM) / along)
    left, top = (width - across * scale) / 2, (height - along * scale) / 2

    paths: dict[int, list[str]] = {}
    for index, geometry in shapes:
        for ring in _rings(geometry):
            steps: list[str] = []
            for point in ring:
                x = left + (point[0] - west) * squeeze * scale
                y = top + (north - point[1]) * scale
                step = f"{x:.1f} {y:.1f}"
                # Vertices that fall on the same tenth of a pixel say nothing.
                if not steps or steps[-1] != step:
                    steps.append(step)
            paths.setdefault(index, []).append("M" + "L".join(steps) + "Z")
    few = len(shapes) < 1500
    stroke = 'stroke="#fff" stroke-width=".6"' if few else 'stroke="none"'
    hatches = "".join(pattern(entry) for entry in legend.entries if entry.hatch and entry.index in paths and few)
    drawn = "".join(
        f'<path d="{"".join(paths[entry.index])}" fill="{_fill(entry, few)}" {stroke} fill-rule="evenodd"/>'
        for entry in legend.entries
        if entry.index in paths
    )
    frame = ""
    if content.edition == "internal":
        size = f'width="{width - 3}" height="{height - 3}"'
        frame = f'<rect x="1.5" y="1.5" {size} fill="none" stroke="{palettes.INTERNAL}" stroke-width="3"/>'
    return f"{head}<defs>{hatches}</defs>{drawn}{frame}</svg>"


def _fill(entry: legends.Entry, few: bool) -> str:
    return f"url(#sm-hatch-{entry.index})" if entry.hatch and few else entry.colour


def _rings(geometry: Mapping[str, Any]) -> Iterator[list[list[float]]]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for polygon in polygons:
        yield from polygon
