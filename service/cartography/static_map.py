"""The map of a picture: areas, hatches, letters and scale bar on Matplotlib's axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from service.cartography import legend as legends
from service.cartography import palettes
from service.cartography.shapes import MANY, Shapes, letter_spots
from service.cartography.texts import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1f2328"
#: Millimetres that the scale bar needs with its number and the rim.
BAR_STRIP = 9.0
DASHES = (0, (3.5, 2))
#: More lines than Matplotlib's default for one letter.
HATCH = {"/": "////", "\\": "\\\\\\\\", "x": "xxxx", ".": "...."}


def put(
    page: Axes,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    colour: str = INK,
    weight: str = "normal",
    ha: str = "left",
    va: str = "top",
    halo: bool = False,
    zorder: float = 5,
) -> None:
    """Write one line of text; ``halo`` puts a white rim around it."""
    from matplotlib import patheffects

    page.text(
        x,
        y,
        text,
        fontsize=size,
        color=colour,
        fontweight=weight,
        ha=ha,
        va=va,
        zorder=zorder,
        parse_math=False,  # a dollar sign in a name is a dollar sign
        path_effects=[patheffects.withStroke(linewidth=1.8, foreground="white")] if halo else None,
    )


def draw_map(
    chart: Axes,
    legend: legends.Legend,
    shapes: Shapes,
    width: float,
    height: float,
    language: str,
    *,
    border: float = 0.8,
) -> None:
    """Draw the areas by class.

    Parameters
    ----------
    chart : matplotlib.axes.Axes
        Fills the place of the map.
    legend : Legend
        Classes and looks.
    shapes : Shapes
        Geometry in metres.
    width, height : float
        Of the place, in millimetres.
    language : {"de", "en"}
        Of the scale bar.
    border : float, default 0.8
        Width in points of the borders drawn over the areas.
    """
    west, south, east, north = shapes.extent
    x, y = (west + east) / 2, (south + north) / 2
    for strip in (0.0, BAR_STRIP):
        scale = max((east - west) / width, (north - south) / (height - strip))  # metres per millimetre
        left, bottom = x - scale * width / 2, y - scale * (height + strip) / 2
        if not _under_bar(shapes, left, bottom, scale, width):
            break  # a strip for the bar is kept free below the areas only where it would lie on them
    chart.set_xlim(left, left + scale * width)
    chart.set_ylim(bottom, bottom + scale * height)
    chart.set_xticks([])
    chart.set_yticks([])
    chart.set_facecolor(palettes.GROUND)
    for spine in chart.spines.values():
        spine.set(color="#d0d7de", linewidth=0.6)
    _paths(chart, shapes.context, 1, facecolors=palettes.GROUND, edgecolors=palettes.CONTEXT_LINE, linewidths=0.5)
    classes = [index for index in legend.classes if index >= 0]
    for entry in legend.entries:
        chosen = [path for path, index in zip(shapes.areas, classes, strict=True) if index == entry.index]
        _one_class(chart, chosen, entry, many=len(classes) >= MANY, modelled=legend.modelled)
    if legend.modelled:
        _paths(chart, shapes.outer, 4, facecolors="none", edgecolors="#30363d", linewidths=0.8, linestyles=[DASHES])
    _paths(chart, shapes.over, 4, facecolors="none", edgecolors="#24292f", linewidths=border)
    _letters(chart, legend, shapes, classes, scale)
    _scale_bar(chart, scale, width, language)


def _paths(chart: Axes, paths: Sequence[Any], zorder: float, **look: Any) -> None:
    from matplotlib.collections import PathCollection

    if paths:
        chart.add_collection(PathCollection(paths, zorder=zorder, **look), autolim=False)


def _one_class(chart: Axes, paths: Sequence[Any], entry: legends.Entry, *, many: bool, modelled: bool) -> None:
    from matplotlib.path import Path as Outline

    if many:
        # One path for all is drawn and hatched at once; a line in the own colour closes the hairlines between cells.
        paths = [Outline.make_compound_path(*paths)] if paths else []
        _paths(chart, paths, 2, facecolors=entry.colour, edgecolors=entry.colour, linewidths=0.15)
    else:
        _paths(
            chart,
            paths,
            2,
            facecolors=entry.colour,
            edgecolors="#30363d" if modelled else "#6e7781",
            linewidths=0.7 if modelled else 0.45,
            linestyles=[DASHES] if modelled else "solid",
        )
    if entry.hatch:
        _paths(chart, paths, 3, facecolors="none", edgecolors=entry.ink, linewidths=0, hatch=HATCH[entry.hatch])
    if entry.marked and not (many or modelled):
        _paths(chart, paths, 3.5, facecolors="none", edgecolors="white", linewidths=0.8)


def _letters(chart: Axes, legend: legends.Legend, shapes: Shapes, classes: Sequence[int], scale: float) -> None:
    """Write short codes where they have room, then names of places where they cover no code."""
    looks = {entry.index: entry.letters for entry in legend.entries if entry.letters}
    taken: list[tuple[float, float, float]] = []  # x, y, half width in metres
    for x, y, radius, index in letter_spots(shapes.polygons, classes, list(looks)):
        letters = looks[int(index)]
        space = radius / scale  # millimetres
        if space >= letter_room(letters):
            size = min(7.0, 2.2 + 1.6 * space)
            look: dict[str, Any] = {"colour": "#111111", "weight": "bold", "ha": "center", "va": "center"}
            put(chart, x, y, letters, size, halo=True, zorder=6, **look)
            taken.append((x, y, 0.15 * size * len(letters) * scale))
    line = 2.8 * scale
    for x, y, radius, name in shapes.places:
        half = 0.65 * len(name) * scale
        if radius < 0.65 * half:
            continue
        steps = (y + step * line for step in (0, 1, -1, 2, -2, 3, -3) if abs(step) * line < radius)
        free = [at for at in steps if all(abs(x - tx) > half + tw or abs(at - ty) > line for tx, ty, tw in taken)]
        if free:
            put(chart, x, free[0], name, 6, colour="#333333", ha="center", va="center", halo=True, zorder=5)


def letter_room(letters: str) -> float:
    """Return the radius in millimetres that an area needs to hold a code."""
    return 0.6 + 0.5 * len(letters)


def bar_length(longest: float) -> float:
    """Return the greatest 1, 2 or 5 × 10^k that is at most ``longest``.

    Examples
    --------
    >>> bar_length(9700), bar_length(1000), bar_length(0.7)
    (5000.0, 1000.0, 0.5)
    """
    import math

    power = 10.0 ** math.floor(math.log10(longest))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= longest)


def _under_bar(shapes: Shapes, left: float, bottom: float, scale: float, width: float) -> bool:
    """Say whether an area lies where the scale bar and its number would be."""
    from matplotlib.transforms import Bbox

    long = bar_length(scale * width / 4)
    place = Bbox.from_bounds(left + 2 * scale, bottom + 2 * scale, long + 2 * scale, (BAR_STRIP - 3) * scale)
    return any(path.intersects_bbox(place, filled=True) for path in shapes.areas)


def _scale_bar(chart: Axes, scale: float, width: float, language: str) -> None:
    """Draw a bar of at most a quarter of the map."""
    from matplotlib.patches import Rectangle

    length = bar_length(scale * width / 4)
    left, bottom = chart.get_xlim()[0] + 3 * scale, chart.get_ylim()[0] + 3 * scale
    for half, colour in ((0, INK), (1, "white")):
        corner = (left + half * length / 2, bottom)
        chart.add_patch(
            Rectangle(corner, length / 2, 0.9 * scale, facecolor=colour, edgecolor=INK, linewidth=0.5, zorder=7)
        )
    text = f"{number(length / 1000, language)} km" if length >= 1000 else f"{number(length, language)} m"
    put(chart, left, bottom + 1.5 * scale, text, 7, va="bottom", halo=True, zorder=7)
