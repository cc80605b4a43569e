"""Several small maps in one picture, to be held side by side; one of them may be wrong on purpose, and says so.

The mark runs over the whole map again and again, so that no part of it can be cut out and used as a finding.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geodata.errors import ConfigError
from service.cartography import legend as legends
from service.cartography.content import MapContent
from service.cartography.shapes import Shapes, letter_spots, shapes_of
from service.cartography.static import GAP, LINE, LOCK, MARGIN, SETTINGS, SOFT, WARN, stack, wrapped
from service.cartography.static_map import HATCH, INK, draw_map, letter_room, put
from service.cartography.texts import TEXTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Millimetres between two lines of the mark, and its size in points.
MARK_STEP = 13.0
MARK_SIZE = 8.0
MARK_TURN = 28.0  # degrees


@dataclass(frozen=True, slots=True)
class Panel:
    """One map of the picture.

    Attributes
    ----------
    content : MapContent
        What is drawn; of its texts only the legend is used.
    heading, note : str
        Above and below the map.
    wrong : bool
        Made with the wrong method to show what it does: marked all over.
    """

    content: MapContent
    heading: str
    note: str = ""
    wrong: bool = False


def render_panels(
    rows: Sequence[Sequence[Panel]],
    *,
    title: str,
    lead: str = "",
    row_titles: Sequence[str] = (),
    foot: str = "",
    language: str = "de",
    width_mm: float = 170,
    dpi: int = 160,
) -> bytes:
    """Draw maps in rows and columns, with one legend for all.

    Parameters
    ----------
    rows : sequence of sequences of Panel
        As many panels in each row; all draw the same classes.
    title, lead, foot : str
        Over and under everything.
    row_titles : sequence of str
        One for each row, or none.
    language : {"de", "en"}
        Of mark, legend and scale bar.
    width_mm : float, default 170
        Width of the picture.
    dpi : int, default 160
        Dots per inch.

    Returns
    -------
    bytes
        A PNG; equal content gives equal bytes.

    Raises
    ------
    ConfigError
        Rows differ in length, or there is none.
    """
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1 or len(row_titles) not in (0, len(rows)):
        raise ConfigError(
            f"expected rows of equally many maps, found {[len(row) for row in rows]}, {len(row_titles)} row titles",
            where="panels",
        )
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with LOCK, rc_context(SETTINGS):
        figure = _draw(rows, title, lead, row_titles or [""] * len(rows), foot, language, width_mm)
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, facecolor="white")
    return buffer.getvalue()


def _draw(
    rows: Sequence[Sequence[Panel]],
    title: str,
    lead: str,
    row_titles: Sequence[str],
    foot: str,
    language: str,
    width: float,
) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    inner = width - 2 * MARGIN
    each = (inner - GAP * (len(rows[0]) - 1)) / len(rows[0])
    built = [[(legends.build(panel.content), shapes_of(panel.content)) for panel in row] for row in rows]
    first = built[0][0][1]
    tall = each * _slope(first)
    head = [*wrapped(title, 12, inner, weight="bold"), *wrapped(lead, 8.5, inner)]
    keys = {entry.label: entry for row in built for legend, _ in row for entry in legend.entries}
    foots = wrapped(foot, 7, inner, colour=SOFT)
    y = MARGIN + sum(piece.height for piece in head) + 2.0
    bands = []
    for row, row_title in zip(rows, row_titles, strict=True):
        over = wrapped(row_title, 9, inner, weight="bold", space=0.8)
        heads = [wrapped(panel.heading, 8, each, weight="bold", colour=WARN if panel.wrong else INK) for panel in row]
        notes = [wrapped(panel.note, 7.5, each) for panel in row]
        top = y + sum(piece.height for piece in over) + max(sum(p.height for p in h) for h in heads) + 0.8
        bands.append((y, over, heads, top, notes))
        y = top + tall + 1.2 + max((sum(p.height for p in n) for n in notes), default=0) + 3.0
    lines = _key_lines(list(keys.values()), inner)
    key_top = y
    y += 5.6 * len(lines) + 1.0
    height = y + sum(piece.height for piece in foots) + MARGIN
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    FigureCanvasAgg(figure)
    page = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    page.set_xlim(0, width)
    page.set_ylim(height, 0)
    page.axis("off")
    stack(page, MARGIN, MARGIN, head)
    for row, of_row, (start, over, heads, top, notes) in zip(rows, built, bands, strict=True):
        stack(page, MARGIN, start, over)
        after = start + sum(piece.height for piece in over)
        for i, (panel, (legend, shapes)) in enumerate(zip(row, of_row, strict=True)):
            x = MARGIN + i * (each + GAP)
            stack(page, x, after, heads[i])
            chart = figure.add_axes((x / width, 1 - (top + tall) / height, each / width, tall / height))
            draw_map(chart, legend, shapes, each, tall, language, border=0.35)
            _codes(chart, legend, shapes, each, tall)
            if panel.wrong:
                _mark(chart, TEXTS["wrong"][language], each, tall)
            stack(page, x, top + tall + 1.2, notes[i])
    for n, line in enumerate(lines):
        for x, entry in line:
            _key(page, MARGIN + x, key_top + 5.6 * n, entry)
    stack(page, MARGIN, y, foots)
    return figure


def _slope(shapes: Shapes) -> float:
    west, south, east, north = shapes.extent
    return min(max((north - south) / (east - west), 0.6), 1.3)


def _codes(chart: Axes, legend: legends.Legend, shapes: Shapes, width: float, height: float) -> None:
    """Write the codes of areas too small to hold them beside them: in grey print two hatches look much alike."""
    west, south, east, north = shapes.extent
    scale = max((east - west) / width, (north - south) / height)  # metres per millimetre
    codes = {entry.index: entry.letters for entry in legend.entries if entry.letters and entry.marked}
    classes = [index for index in legend.classes if index >= 0]
    for x, y, radius, index in letter_spots(shapes.polygons, classes, list(codes)):
        code = codes[int(index)]
        if 0.4 <= radius / scale < letter_room(code):
            place = (x + radius + 0.4 * scale, y + radius * 0.7)
            put(chart, *place, code, 4.8, colour="#111111", weight="bold", va="center", halo=True, zorder=6)


def _mark(chart: Axes, text: str, width: float, height: float) -> None:
    """Write the mark over the whole map, line by line, so that every piece of it carries one."""
    from matplotlib import patheffects

    line = f"{text}   ·   " * 12
    rim = [patheffects.withStroke(linewidth=1.8, foreground="white")]
    steps = int((width + height) / MARK_STEP) + 2
    for n in range(-1, steps):
        chart.text(
            0.5,
            1.0 - (n * MARK_STEP - width * 0.25) / height,
            line,
            transform=chart.transAxes,
            rotation=MARK_TURN,
            fontsize=MARK_SIZE,
            fontweight="bold",
            color=INK,
            ha="center",
            va="center",
            clip_on=True,
            zorder=8,
            path_effects=rim,
            parse_math=False,
        )
    for spine in chart.spines.values():
        spine.set(color=WARN, linewidth=1.6)


def _key_lines(entries: Sequence[legends.Entry], inner: float) -> list[list[tuple[float, legends.Entry]]]:
    """Set the rows of the legend one beside another, in the order of their classes."""
    lines: list[list[tuple[float, legends.Entry]]] = [[]]
    x = 0.0
    for entry in sorted(entries, key=lambda entry: entry.index):
        needs = 10.0 + 7.5 * 0.21 * len(entry.label) + 4.0
        if lines[-1] and x + needs > inner:
            lines.append([])
            x = 0.0
        lines[-1].append((x, entry))
        x += needs
    return lines


def _key(page: Axes, x: float, y: float, entry: legends.Entry) -> None:
    from matplotlib.patches import Rectangle

    look: Any = {"linewidth": 0.5, "edgecolor": "#6e7781"}
    page.add_patch(Rectangle((x, y), 8, 4.2, facecolor=entry.colour, **look))
    if entry.hatch:
        look = {"linewidth": 0, "edgecolor": entry.ink, "hatch": HATCH[entry.hatch]}
        page.add_patch(Rectangle((x, y), 8, 4.2, facecolor="none", **look))
    if entry.letters:
        put(page, x + 4, y + 2.1, entry.letters, 6.5, weight="bold", ha="center", va="center", halo=True)
    put(page, x + 9.5, y + (4.2 - 7.5 * LINE) / 2 + 0.3, entry.label, 7.5)
