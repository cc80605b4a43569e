"""QGIS styles, written by hand from a :class:`~geodata.store.model.Style`: a downloaded layer opens as the map looks.

Only what QGIS 3.22 and later read alike is used: a rule-based renderer for graduated values (so that "no data" can be a
class of its own), a categorised one for classes, hatches for grey print, German aliases, short letters as labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from geodata.errors import StoreError
from geodata.store.model import Field, FieldType, Style, StyleClass

#: matplotlib's hatch letters → the angles of line patterns.
_LINES = {"/": (45,), "\\": (135,), "x": (45, 135), "-": (0,), "|": (90,), "+": (0, 90)}
_OUTLINE, _INK = "80,80,80,255", "40,40,40,255"
#: QGIS names of the types of category values.
_VALUE_TYPES: dict[FieldType, str] = {"string": "string", "integer": "long", "number": "double", "boolean": "bool"}


def qml(style: Style, fields: Sequence[Field], language: str = "de") -> str:
    """Write the QML document of a style.

    Parameters
    ----------
    style : Style
        Graduated or categorical.
    fields : sequence of Field
        All fields of the layer, keys included, for aliases and the type of the drawn field.
    language : {"de", "en"}
        Of labels and aliases.

    Returns
    -------
    str
        XML; the same text for the same style.

    Raises
    ------
    StoreError
        A hatch is unknown, or the drawn field is not among the fields.
    """
    drawn = {field.name: field for field in fields}.get(style.field)
    if drawn is None:
        raise StoreError(f"a style draws the field {style.field!r}, which does not exist", where="style")
    letters = [c for c in style.classes if c.letters and c.value is not None]
    root = Element(
        "qgis",
        version="3.22.0",
        styleCategories="Symbology|Labeling|Fields",
        labelsEnabled="1" if letters else "0",
    )
    if style.kind == "graduated":
        root.append(_rules(style, language))
    else:
        root.append(_categories(style, drawn, language))
    if letters:
        root.append(_labels(style, letters))
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


def _rules(style: Style, language: str) -> Element:
    renderer = _renderer("RuleRenderer")
    rules = SubElement(renderer, "rules", key="{sozialmonitor-root}")
    symbols = SubElement(renderer, "symbols")
    column = _quoted(style.field, '"')
    everything = [*((c, _range(column, c, first=i == 0)) for i, c in enumerate(style.classes))]
    everything.append((style.missing, f"{column} IS NULL"))
    for index, (style_class, condition) in enumerate(everything):
        SubElement(
            rules,
            "rule",
            key=f"{{sozialmonitor-{index}}}",
            symbol=str(index),
            filter=condition,
            label=style_class.label[language],
        )
        symbols.append(_symbol(str(index), style_class, style.modelled))
    return renderer


def _range(column: str, style_class: StyleClass, *, first: bool) -> str:
    terms = [f"{column} IS NOT NULL"]
    if style_class.lower is not None:
        terms.append(f"{column} {'>=' if first else '>'} {style_class.lower!r}")
    if style_class.upper is not None:
        terms.append(f"{column} <= {style_class.upper!r}")
    return " AND ".join(terms)


def _categories(style: Style, field: Field, language: str) -> Element:
    renderer = _renderer("categorizedSymbol")
    renderer.set("attr", field.name)
    categories = SubElement(renderer, "categories")
    symbols = SubElement(renderer, "symbols")
    # A category without a value stands for all other values, NULL among them.
    for index, style_class in enumerate((*style.classes, style.missing)):
        catch_all = index == len(style.classes)
        SubElement(
            categories,
            "category",
            render="true",
            symbol=str(index),
            value="" if catch_all else style_class.value or "",
            type="string" if catch_all else _VALUE_TYPES[field.type],
            label=style_class.label[language],
        )
        symbols.append(_symbol(str(index), style_class, style.modelled))
    return renderer


def _renderer(kind: str) -> Element:
    return Element("renderer-v2", type=kind, symbollevels="0", forceraster="0", enableorderby="0")


def _symbol(name: str, style_class: StyleClass, modelled: bool) -> Element:
    symbol = Element("symbol", name=name, type="fill", alpha="1", clip_to_extent="1", force_rhr="0")
    fill = {
        "color": _rgba(style_class.colour),
        "style": "solid",
        "outline_color": _OUTLINE,
        "outline_style": "dash" if modelled else "solid",
        "outline_width": "0.2",
        "outline_width_unit": "MM",
        "joinstyle": "miter",
    }
    symbol.append(_layer("SimpleFill", fill))
    for hatch in style_class.hatch:
        _hatch(symbol, name, hatch)
    return symbol


def _hatch(symbol: Element, name: str, hatch: str) -> None:
    """Draw a pattern above the fill; vector lines and points, because Qt's own brushes shrink in print."""
    if hatch == ".":
        spacing = {"distance_x": "2", "distance_x_unit": "MM", "distance_y": "2", "distance_y_unit": "MM"}
        dot = {"name": "circle", "color": _INK, "outline_style": "no", "size": "0.6", "size_unit": "MM"}
        _pattern(symbol, name, _layer("PointPatternFill", spacing), "marker", _layer("SimpleMarker", dot))
        return
    if hatch not in _LINES:
        raise StoreError(f"expected one of {' '.join(_LINES)} or '.', found {hatch!r}", where="style, hatch")
    for angle in _LINES[hatch]:
        lines = {"angle": str(angle), "distance": "1.6", "distance_unit": "MM", "line_width": "0.2"}
        stroke = {"line_color": _INK, "line_style": "solid", "line_width": "0.2", "line_width_unit": "MM"}
        _pattern(symbol, name, _layer("LinePatternFill", lines), "line", _layer("SimpleLine", stroke))


def _pattern(symbol: Element, name: str, pattern: Element, kind: str, inner: Element) -> None:
    place = sum(child.tag == "layer" for child in symbol)
    part = SubElement(pattern, "symbol", name=f"@{name}@{place}", type=kind, alpha="1", clip_to_extent="1")
    part.append(inner)
    symbol.append(pattern)


def _layer(kind: str, properties: dict[str, str]) -> Element:
    """Write a symbol layer in both spellings: ``Option`` since QGIS 3.18, ``prop`` for those before."""
    layer = Element("layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    options = SubElement(layer, "Option", type="Map")
    for key, value in properties.items():
        SubElement(options, "Option", name=key, value=value, type="QString")
    for key, value in properties.items():
        SubElement(layer, "prop", k=key, v=value)
    return layer


def _labels(style: Style, letters: list[StyleClass]) -> Element:
    column = _quoted(style.field, '"')
    value = _quoted
    cases = " ".join(
        f"WHEN {column} = {value(c.value or '', chr(39))} THEN {value(c.letters, chr(39))}" for c in letters
    )
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
