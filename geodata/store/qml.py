"""QGIS styles, written by hand from a :class:`~geodata.store.model.Style`: a downloaded layer opens as the map looks.

Only what QGIS 3.22 and later read alike is used: a rule-based renderer (an area without a label is in the class of its
reason, neighbours are an outline, "no data" is a class of its own), hatches for grey print, German aliases, short
letters as labels. The expressions are written so that SQLite understands them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from geodata.errors import StoreError
from geodata.models import Text
from geodata.store.model import EMPTY, Field, Style, StyleClass

#: matplotlib's hatch letters → the angles of line patterns.
_LINES = {"/": (45,), "\\": (135,), "x": (45, 135), "-": (0,), "|": (90,), "+": (0, 90)}
_OUTLINE, _INK, _NEIGHBOUR = "80,80,80,255", "40,40,40,255", "150,150,150,255"
_CONTEXT = Text("Nachbargebiete (nicht bewertet)", "neighbouring areas (not assessed)")
#: Scale from which a cell is large enough for an outline and a hatch.
NEAR = 25_000
#: Where nothing tells the scale (a picture drawn by a script), cells are drawn as from afar.
_NEAR = f"COALESCE(@map_scale, {NEAR} + 1) <= {NEAR}"


def qml(style: Style, fields: Sequence[Field], language: str = "de", *, grid: bool = False) -> str:
    """Write the QML document of a style.

    Parameters
    ----------
    style : Style
        Graduated or categorical.
    fields : sequence of Field
        All fields of the layer, keys included, for aliases and for what the rules may ask: ``context``, ``state`` and
        ``<field>_status`` where they exist.
    language : {"de", "en"}
        Of labels and aliases.
    grid : bool, default False
        The areas are cells: outlines, hatches and letters would cover them at the scale of a county, so outlines and
        hatches start at 1 : 25 000 and there are no letters.

    Returns
    -------
    str
        XML; the same text for the same style.

    Raises
    ------
    StoreError
        A hatch is unknown, or the drawn field is not among the fields.
    """
    names = {field.name for field in fields}
    if style.field not in names:
        raise StoreError(f"a style draws the field {style.field!r}, which does not exist", where="style")
    rules = _rules(style, names)
    # Where too few areas were there to be tested it holds for all of them: a sign in each tells nothing more.
    lettered = [c for c in style.classes if c.letters and c.value not in (None, "untestable")]
    letters = [] if grid else lettered
    root = Element(
        "qgis",
        version="3.22.0",
        styleCategories="Symbology|Labeling|Fields",
        labelsEnabled="1" if letters else "0",
    )
    root.append(_renderer(style, rules, "context" in names, language, grid))
    if letters:
        root.append(_labels(style, letters, names))
    aliases = SubElement(root, "aliases")
    for index, field in enumerate(fields):
        SubElement(aliases, "alias", field=field.name, name=alias(field, language), index=str(index))
    SubElement(root, "layerGeometryType").text = "2"
    indent(root)
    body = tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{body}\n"


def alias(field: Field, language: str = "de") -> str:
    """Return what a column is called in tables and forms: the title, with the unit in brackets."""
    title = field.title[language] or field.name
    return f"{title} [{field.unit}]" if field.unit else title


def _rules(style: Style, names: AbstractSet[str]) -> list[tuple[StyleClass, str]]:
    """Return every class with the condition under which an area of the county is in it; exactly one holds."""
    column = _quoted(style.field, '"')
    if style.kind == "categorical":
        shown = _shown(style, names)
        values = [_quoted(c.value or "", "'") for c in style.classes]
        rules = [(c, f"{shown} = {value}") for c, value in zip(style.classes, values, strict=True)]
        if not values:
            return [(style.missing, "TRUE")]
        return [*rules, (style.missing, f"{shown} IS NULL OR {shown} NOT IN ({', '.join(values)})")]
    rules = [(c, _range(column, c, first=i == 0)) for i, c in enumerate(style.classes)]
    status = f"{style.field}_status"
    if style.empty is None or status not in names:
        return [*rules, (style.missing, f"{column} IS NULL")]
    bare = f"COALESCE({_quoted(status, chr(34))}, '{EMPTY[0]}') IN ({', '.join(_quoted(s, chr(39)) for s in EMPTY)})"
    return [*rules, (style.missing, f"{column} IS NULL AND NOT {bare}"), (style.empty, f"{column} IS NULL AND {bare}")]


def _shown(style: Style, names: AbstractSet[str]) -> str:
    """Return the expression of a category: the label, and where an area has none, the reason."""
    column = _quoted(style.field, '"')
    labels = [_quoted(c.value or "", "'") for c in style.classes]
    if "state" not in names or style.field == "state" or not labels:
        return column
    return f'(CASE WHEN {column} IN ({", ".join(labels)}) THEN {column} ELSE "state" END)'


def _range(column: str, style_class: StyleClass, *, first: bool) -> str:
    terms = [f"{column} IS NOT NULL"]
    if style_class.lower is not None:
        terms.append(f"{column} {'>=' if first else '>'} {style_class.lower!r}")
    if style_class.upper is not None:
        terms.append(f"{column} <= {style_class.upper!r}")
    return " AND ".join(terms)


def _renderer(
    style: Style, rules: Sequence[tuple[StyleClass, str]], context: bool, language: str, grid: bool
) -> Element:
    renderer = Element("renderer-v2", type="RuleRenderer", symbollevels="0", forceraster="0", enableorderby="0")
    tree = SubElement(renderer, "rules", key="{sozialmonitor-root}")
    symbols = SubElement(renderer, "symbols")

    def add(symbol: Element, condition: str, label: str) -> None:
        key = symbol.get("name", "")
        SubElement(tree, "rule", key=f"{{sozialmonitor-{key}}}", symbol=key, filter=condition, label=label)
        symbols.append(symbol)

    for index, (style_class, condition) in enumerate(rules):
        own = f'({condition}) AND NOT COALESCE("context", FALSE)' if context else condition
        add(_symbol(str(index), style_class, style.modelled, grid), own, style_class.label[language])
    if context:
        neighbour = Element("symbol", name=str(len(rules)), type="fill", alpha="1", clip_to_extent="1", force_rhr="0")
        neighbour.append(_layer("SimpleFill", _fill("255,255,255,0", _NEIGHBOUR, "no" if grid else "solid", "0.15")))
        add(neighbour, 'COALESCE("context", FALSE)', _CONTEXT[language])
    return renderer


def _fill(colour: str, outline: str, style: str, width: str) -> dict[str, str]:
    return {
        "color": colour,
        "style": "no" if colour.endswith(",0") else "solid",
        "outline_color": outline,
        "outline_style": style,
        "outline_width": width,
        "outline_width_unit": "MM",
        "joinstyle": "miter",
    }


def _symbol(name: str, style_class: StyleClass, modelled: bool, grid: bool) -> Element:
    symbol = Element("symbol", name=name, type="fill", alpha="1", clip_to_extent="1", force_rhr="0")
    colour, dash = _rgba(style_class.colour), "dash" if modelled else "solid"
    if grid:
        # From afar a cell is outlined in its own colour, which closes the hairlines between cells.
        far = f"NOT ({_NEAR})"
        symbol.append(
            _layer(
                "SimpleFill",
                _fill(colour, colour, "solid", "0.1"),
                {
                    "outlineColor": f"CASE WHEN {far} THEN '{colour}' ELSE '{_OUTLINE}' END",
                    "outlineStyle": f"CASE WHEN {far} THEN 'solid' ELSE '{dash}' END",
                },
            )
        )
    else:
        symbol.append(_layer("SimpleFill", _fill(colour, _OUTLINE, dash, "0.2")))
    for hatch in style_class.hatch:
        _hatch(symbol, name, hatch, {"enabled": _NEAR} if grid else {})
    return symbol


def _hatch(symbol: Element, name: str, hatch: str, defined: dict[str, str]) -> None:
    """Draw a pattern above the fill; vector lines and points, because Qt's own brushes shrink in print."""
    if hatch == ".":
        spacing = {"distance_x": "2", "distance_x_unit": "MM", "distance_y": "2", "distance_y_unit": "MM"}
        dot = {"name": "circle", "color": _INK, "outline_style": "no", "size": "0.6", "size_unit": "MM"}
        _pattern(symbol, name, _layer("PointPatternFill", spacing, defined), "marker", _layer("SimpleMarker", dot))
        return
    if hatch not in _LINES:
        raise StoreError(f"expected one of {' '.join(_LINES)} or '.', found {hatch!r}", where="style, hatch")
    for angle in _LINES[hatch]:
        lines = {"angle": str(angle), "distance": "1.6", "distance_unit": "MM", "line_width": "0.2"}
        stroke = {"line_color": _INK, "line_style": "solid", "line_width": "0.2", "line_width_unit": "MM"}
        _pattern(symbol, name, _layer("LinePatternFill", lines, defined), "line", _layer("SimpleLine", stroke))


def _pattern(symbol: Element, name: str, pattern: Element, kind: str, inner: Element) -> None:
    place = sum(child.tag == "layer" for child in symbol)
    part = SubElement(pattern, "symbol", name=f"@{name}@{place}", type=kind, alpha="1", clip_to_extent="1")
    part.append(inner)
    symbol.append(pattern)


def _layer(kind: str, properties: dict[str, str], defined: dict[str, str] | None = None) -> Element:
    """Write a symbol layer in both spellings: ``Option`` since QGIS 3.18, ``prop`` for those before.

    ``defined`` are properties that an expression sets while QGIS draws.
    """
    layer = Element("layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    options = SubElement(layer, "Option", type="Map")
    for key, value in properties.items():
        SubElement(options, "Option", name=key, value=value, type="QString")
    for key, value in properties.items():
        SubElement(layer, "prop", k=key, v=value)
    if defined:
        whole = SubElement(SubElement(layer, "data_defined_properties"), "Option", type="Map")
        SubElement(whole, "Option", name="name", value="", type="QString")
        each = SubElement(whole, "Option", name="properties", type="Map")
        for key, expression in defined.items():
            entry = SubElement(each, "Option", name=key, type="Map")
            SubElement(entry, "Option", name="active", value="true", type="bool")
            SubElement(entry, "Option", name="expression", value=expression, type="QString")
            SubElement(entry, "Option", name="type", value="3", type="int")
        SubElement(whole, "Option", name="type", value="collection", type="QString")
    return layer


def _labels(style: Style, letters: list[StyleClass], names: AbstractSet[str]) -> Element:
    shown, value = _shown(style, names), _quoted
    cases = " ".join(
        f"WHEN {shown} = {value(c.value or '', chr(39))} THEN {value(c.letters, chr(39))}" for c in letters
    )
    if "context" in names:
        cases = f'WHEN COALESCE("context", FALSE) THEN NULL {cases}'
    labeling = Element("labeling", type="simple")
    settings = SubElement(labeling, "settings", calloutType="simple")
    text = SubElement(settings, "text-style", fieldName=f"CASE {cases} END", isExpression="1")
    for key, setting in {"fontSize": "8", "fontSizeUnit": "Point", "textColor": "0,0,0,255"}.items():
        text.set(key, setting)
    SubElement(
        text,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.7",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="1",
    )
    SubElement(settings, "placement", placement="1", centroidInside="1")
    SubElement(settings, "rendering", obstacle="0")
    return labeling


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark


def _rgba(colour: str) -> str:
    if len(colour) != 7 or not colour.startswith("#"):
        raise StoreError(f"expected a colour as #rrggbb, found {colour!r}", where="style")
    try:
        return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"
    except ValueError as error:
        raise StoreError(f"expected a colour as #rrggbb, found {colour!r}", where="style") from error
