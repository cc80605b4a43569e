"""Fields, styles and texts as JSON, and back: what ``serve.sqlite`` keeps about a collection."""

from __future__ import annotations

import json
from typing import Any

from geodata.errors import StoreError
from geodata.models import Text
from geodata.store.model import Field, Style, StyleClass


def dumps(value: Any, where: str, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Write JSON that every reader accepts: UTF-8 text, no NaN, no infinity.

    Raises
    ------
    StoreError
        Something in it is no JSON: a NaN, a date, a set.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, sort_keys=sort_keys)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"expected texts, finite numbers, true, false, null, lists and mappings, found something else: {error}",
            where=where,
            hint="write dates as text and missing numbers as None",
        ) from error


def text_to_json(text: Text) -> dict[str, str]:
    """Return ``{"de": …, "en": …}``."""
    return {"de": text.de, "en": text.en}


def text_from_json(value: dict[str, str]) -> Text:
    """Invert :func:`text_to_json`."""
    return Text(value["de"], value["en"])


def field_to_json(field: Field) -> dict[str, Any]:
    """Return a field as a JSON object."""
    return {
        "name": field.name,
        "type": field.type,
        "title": text_to_json(field.title),
        "description": text_to_json(field.description),
        "unit": field.unit,
        "values": {value: text_to_json(text) for value, text in field.values.items()},
    }


def field_from_json(value: dict[str, Any]) -> Field:
    """Invert :func:`field_to_json`."""
    return Field(
        name=value["name"],
        type=value["type"],
        title=text_from_json(value["title"]),
        description=text_from_json(value["description"]),
        unit=value["unit"],
        values={key: text_from_json(text) for key, text in value["values"].items()},
    )


def _class_to_json(style_class: StyleClass) -> dict[str, Any]:
    return {
        "label": text_to_json(style_class.label),
        "colour": style_class.colour,
        "lower": style_class.lower,
        "upper": style_class.upper,
        "value": style_class.value,
        "hatch": style_class.hatch,
        "letters": style_class.letters,
        "count": style_class.count,
    }


def _class_from_json(value: dict[str, Any]) -> StyleClass:
    return StyleClass(**{**value, "label": text_from_json(value["label"])})


def style_to_json(style: Style) -> dict[str, Any]:
    """Return a style as a JSON object."""
    return {
        "field": style.field,
        "kind": style.kind,
        "classes": [_class_to_json(style_class) for style_class in style.classes],
        "missing": _class_to_json(style.missing),
        "method": text_to_json(style.method),
        "modelled": style.modelled,
        "decimals": style.decimals,
        "reading": text_to_json(style.reading),
        "empty": None if style.empty is None else _class_to_json(style.empty),
    }


def style_from_json(value: dict[str, Any]) -> Style:
    """Invert :func:`style_to_json`; publications written before these had no ``decimals``, ``reading``, ``empty``."""
    empty, reading = value.get("empty"), value.get("reading")
    return Style(
        field=value["field"],
        kind=value["kind"],
        classes=tuple(_class_from_json(item) for item in value["classes"]),
        missing=_class_from_json(value["missing"]),
        method=text_from_json(value["method"]),
        modelled=value["modelled"],
        decimals=value.get("decimals"),
        reading=text_from_json(reading) if reading else Text("", ""),
        empty=_class_from_json(empty) if empty else None,
    )
