"""Pictures of maps for print: PNG, SVG and PDF by Matplotlib, in a projected CRS, equal bytes for equal content.

Page geometry is in millimetres. Matplotlib's object interface is used without pyplot; because its parameters and font
cache are shared by the whole process, one picture is drawn at a time.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from geodata.errors import ConfigError
from service.cartography import legend as legends
from service.cartography import palettes
from service.cartography.content import MapContent
from service.cartography.shapes import shapes_of
from service.cartography.static_map import DASHES, HATCH, INK, draw_map, put
from service.cartography.texts import TEXTS, date

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["png", "svg", "pdf"]

MARGIN = 5.0  # mm, around everything
GAP = 4.0  # mm, between map and legend
LEGEND = 56.0  # mm, width of the legend column
LINE = 0.3528 * 1.32  # mm of line height per point of font size
BANNER = 6.0  # mm, height of one
WARN = "#8a1f11"
INTERNAL = palettes.INTERNAL
SOFT = "#57606a"
LOCK = threading.Lock()

#: Everything that would otherwise come from the matplotlibrc of a machine.
SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "svg.hashsalt": "sozialmonitor",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "hatch.linewidth": 0.55,
    "path.simplify": False,
    "text.usetex": False,
    # Hinted letters get wider at low resolution and would run over the width that was measured.
    "text.hinting": "none",
}


@dataclass(frozen=True, slots=True)
class _Text:
    """A wrapped piece of text and the room it takes, in millimetres."""

    lines: tuple[str, ...]
    size: float
    colour: str = INK
    weight: str = "normal"
    space: float = 0.0

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * LINE + self.space

    def paint(self, page: Axes, x: float, y: float) -> None:
        for i, line in enumerate(self.lines):
            put(page, x, y + i * self.size * LINE, line, self.size, colour=self.colour, weight=self.weight)


@dataclass(frozen=True, slots=True)
class _Block:
    """Anything else in a column: its height in millimetres, and what paints it at x, y."""

    height: float
    paint: Callable[[Axes, float, float], None]


def render_png(
    content: MapContent,
    *,
    width_mm: float = 170,
    dpi: int = 200,
    format: Format = "png",
) -> bytes:
    """Draw a map as picture.

    Parameters
    ----------
    content : MapContent
        What is shown.
    width_mm : float, default 170
        Width of the picture, 120 to 420 (170 fills a portrait A4 page); the height follows from the shape of the area.
    dpi : int, default 200
        Dots per inch of PNG, 50 to 600.
    format : {"png", "svg", "pdf"}
        Of the bytes.

    Returns
    -------
    bytes
        The file; equal content gives equal bytes.

    Raises
    ------
    ConfigError
        Width, resolution or format is out of range, or there is no area to draw.
    """
    if format not in ("png", "svg", "pdf"):
        raise ConfigError(f"expected png, svg or pdf, found {format!r}", where="format")
    if not 120 <= width_mm <= 420:
        raise ConfigError(f"expected 120 to 420 mm, found {width_mm}", where="width")
    if not 50 <= dpi <= 600:
        raise ConfigError(f"expected 50 to 600 dots per inch, found {dpi}", where="dpi")
    from matplotlib import rc_context

    # Without the dates and names of programs that Matplotlib writes into files.
    metadata: dict[Format, dict[str, str | None]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None, "Title": content.title},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None, "Title": content.title},
    }
    buffer = io.BytesIO()
    with LOCK, rc_context(SETTINGS):
        figure = _draw(content, width_mm)
        figure.savefig(buffer, format=format, dpi=dpi, metadata=metadata[format], facecolor="white")
    return buffer.getvalue()


def _draw(content: MapContent, width: float) -> Figure:
    """Lay the page out from the top: banners, title, finding; map and legend; more findings; source line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    legend = legends.build(content)
    shapes = shapes_of(content)
    inner = width - 2 * MARGIN
    sentences = list(content.describe)
    about = f"{TEXTS['about'][content.language]}: {content.definition}" if content.definition else ""
    headline = content.headline or (sentences.pop(0) if sentences else "")
    head = [
        *wrapped(content.title, 13, inner, weight="bold"),
        *wrapped(content.subtitle, 9.5, inner, colour=SOFT, space=0.8),
        *wrapped(headline, 9, inner),
    ]
    column = _legend(content, legend)
    map_width = inner - LEGEND - GAP
    west, south, east, north = shapes.extent
    # Very long or very wide areas keep a page that is pleasant to look at.
    map_height = min(max(map_width * (north - south) / (east - west), 0.75 * map_width), 1.5 * map_width)
    map_height = max(map_height, _height(column))
    if about:
        sentences.insert(0, about)
    # Sentences fill the column beside the map; what does not fit goes below, over the whole width.
    while sentences:
        piece = wrapped(sentences[0], 7, LEGEND, space=1.0)
        if _height(column) + _height(piece) > map_height + 1.0:
            break
        column += piece
        sentences.pop(0)
    below = [
        *(piece for s in sentences for piece in wrapped(s, 7, inner, space=0.7)),
    ]
    source = wrapped(_source_line(content), 6.5, inner, colour=SOFT)
    banners = [
        *([(INTERNAL, TEXTS["internal"][content.language])] if content.edition == "internal" else []),
        *([(WARN, TEXTS["draft"][content.language])] if content.draft else []),
        *([(palettes.EXPLORATORY, TEXTS["exploratory"][content.language])] if content.exploratory else []),
    ]
    banner = BANNER * len(banners)
    top = banner + MARGIN + _height(head) + 2.5
    foot = top + map_height + 2.0 + _height(below) + (1.0 if below else 0.0)
    height = foot + _height(source) + MARGIN
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    FigureCanvasAgg(figure)
    page = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    page.set_xlim(0, width)
    page.set_ylim(height, 0)  # millimetres from the top
    page.axis("off")
    for place, (colour, text) in enumerate(banners):
        page.fill_between([0, width], place * BANNER, (place + 1) * BANNER, color=colour, linewidth=0)
        middle = (place + 0.5) * BANNER
        put(page, width / 2, middle, text, 9, colour="white", weight="bold", ha="center", va="center")
    chart = figure.add_axes((MARGIN / width, 1 - (top + map_height) / height, map_width / width, map_height / height))
    draw_map(chart, legend, shapes, map_width, map_height, content.language)
    stack(page, MARGIN, banner + MARGIN, head)
    stack(page, MARGIN + map_width + GAP, top, column)
    stack(page, MARGIN, top + map_height + 2.0, below)
    stack(page, MARGIN, foot, source)
    return figure


def _height(pieces: list[_Text | _Block] | list[_Text]) -> float:
    return sum(piece.height for piece in pieces)


def stack(page: Axes, x: float, y: float, pieces: list[_Text | _Block] | list[_Text]) -> None:
    """Paint pieces one under another, from x, y on, in millimetres."""
    for piece in pieces:
        piece.paint(page, x, y)
        y += piece.height


@lru_cache(maxsize=4096)
def _length(text: str, size: float, weight: str) -> float:
    """Width of a text in millimetres, measured in the font itself."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(size=size, weight=weight)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72 * 25.4


def wrapped(
    text: str, size: float, width: float, *, colour: str = INK, weight: str = "normal", space: float = 0.0
) -> list[_Text]:
    """Break text to a width in millimetres; no text, no piece."""

    def length(piece: str) -> float:
        return _length(piece, size, weight)

    gap = length("n n") - 2 * length("n")
    lines: list[str] = []
    line, used = "", 0.0
    for word in text.split(" "):  # not at spaces that must not break
        needs = length(word)
        if line and used + gap + needs <= width:
            line, used = f"{line} {word}", used + gap + needs
            continue
        if line:
            lines.append(line)
        line, used = word, needs
        # A word wider than the column (an address) is broken where it is full.
        while used > width:
            fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or length(line[:n]) <= width)
            lines.append(line[:fits])
            line = line[fits:]
            used = length(line)
    if line:
        lines.append(line)
    return [_Text(tuple(lines), size, colour, weight, space)] if lines else []


def _source_line(content: MapContent) -> str:
    language = content.language
    parts = [
        (TEXTS["source"], content.attribution),
        (TEXTS["licence"], content.licence),
        (TEXTS["boundaries"], date(content.boundary_date, language)),
        (TEXTS["method"], content.method),
        (TEXTS["permalink"], content.permalink),
    ]
    return " · ".join(f"{name[language]}: {value}" for name, value in parts if value)


def _legend(content: MapContent, legend: legends.Legend) -> list[_Text | _Block]:
    language = content.language
    unit = f"{TEXTS['unit'][language]} {legend.unit}" if legend.unit else ""

    def areas(page: Axes, x: float, y: float) -> None:
        put(page, x + LEGEND, y, legend.areas, 7, colour=SOFT, ha="right")

    column: list[_Text | _Block] = [
        *wrapped(legend.title, 8.5, LEGEND, weight="bold", space=0.6),
        *wrapped(unit, 7, LEGEND, colour=SOFT, space=0.6),
        *wrapped(legend.reading, 7, LEGEND, colour=SOFT, space=0.6),
        _Block(7 * LINE + 0.8, areas),
        *(_row(entry.label, entry=entry) for entry in legend.entries),
    ]
    if legend.modelled:
        column.append(_row(TEXTS["modelled"][language], line="#30363d", dashed=True))
    if legend.has_context:
        column.append(_row(TEXTS["context"][language], line=palettes.CONTEXT_LINE))
    column += wrapped(legend.method, 7, LEGEND, colour=SOFT, space=1.0 if content.exploratory else 2.5)
    if content.exploratory:
        said = f"{TEXTS['exploratory'][language]}: {content.exploratory}"
        column += wrapped(said, 7, LEGEND, colour=palettes.EXPLORATORY, weight="bold", space=2.5)
    if content.caveat:
        column.append(_caveat(content))
    return column


def _row(label: str, *, entry: legends.Entry | None = None, line: str = "#6e7781", dashed: bool = False) -> _Block:
    """One class: swatch with hatch and letters, label, number of areas."""
    indent, swatch, numbers = 10.5, 4.4, 7.0
    text = wrapped(label, 7.5, LEGEND - indent - numbers)[0]
    row = max(text.height, swatch)

    def paint(page: Axes, x: float, y: float) -> None:
        from matplotlib.patches import Rectangle

        corner = (x, y + (row - swatch) / 2)
        face = entry.colour if entry else "#f8f9fa"
        style: Any = DASHES if dashed else "solid"
        width = 0.8 if dashed else 0.5
        page.add_patch(Rectangle(corner, 8, swatch, facecolor=face, edgecolor=line, linewidth=width, linestyle=style))
        top = y + (row - text.height) / 2 + 0.25
        text.paint(page, x + indent, top)
        if entry is None:
            return
        if entry.hatch:
            hatch = HATCH[entry.hatch]
            page.add_patch(
                Rectangle(corner, 8, swatch, facecolor="none", edgecolor=entry.ink, linewidth=0, hatch=hatch)
            )
        middle = y + row / 2
        if entry.letters:
            put(page, x + 4, middle, entry.letters, 6.5, weight="bold", ha="center", va="center", halo=True)
        put(page, x + LEGEND, top, str(entry.count), 7.5, ha="right")

    return _Block(row + 1.1, paint)


def _caveat(content: MapContent) -> _Block:
    pieces = [
        *wrapped(TEXTS["not_for"][content.language], 7.5, LEGEND - 6, weight="bold"),
        *wrapped(content.caveat, 7, LEGEND - 6),
    ]
    height = _height(pieces) + 3.6

    def paint(page: Axes, x: float, y: float) -> None:
        from matplotlib.patches import Rectangle

        page.add_patch(Rectangle((x, y), LEGEND, height, facecolor="#fdf3f1", linewidth=0))
        page.add_patch(Rectangle((x, y), 1.1, height, facecolor=WARN, linewidth=0))
        stack(page, x + 3.2, y + 1.8, pieces)

    return _Block(height + 3.0, paint)
