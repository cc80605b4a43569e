"""What the popup of an area says: every value as the legend writes it, and nothing about what is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

from geodata.models import Text
from geodata.store.model import Field
from service.cartography.content import MapContent
from service.cartography.describe_variants import holds
from service.cartography.legend import value_text
from service.cartography.texts import TEXTS, number

#: Endings of the fields that break an indicator down by sex.
BY_SEX = re.compile(r"_(female|male|gap)$")

#: Words of the column ``<indicator>_flags``, as :func:`service.workflows.frames.flag_text` writes them.
FLAGS: Mapping[str, Text] = MappingProxyType(
    {
        "provisional": Text("vorläufig", "provisional"),
        "revised": Text("berichtigt", "revised"),
        "estimated": Text("geschätzt", "estimated"),
        "uncertain": Text("unsicher", "uncertain"),
        "break": Text("Bruch in der Reihe", "break in the series"),
        "converted": Text("auf den Gebietsstand umgerechnet", "converted to these boundaries"),
    }
)
_PS = ("p", "p_adjusted", "emerging_p", "change_p_adjusted")
#: Below this a p-value is written as smaller than it.
_LEAST_P = 0.0001


def popup_rows(properties: Mapping[str, Any], content: MapContent) -> list[str | None]:
    """Write the values of one area.

    Parameters
    ----------
    properties : mapping
        Of the feature.
    content : MapContent
        The map; its ``fields`` are the rows.

    Returns
    -------
    list of (str or None)
        One per field; None is left out. What is drawn is never left out: where it is missing, that is said.
    """
    stem = BY_SEX.sub("", content.style.field)
    modelled = content.is_modelled or properties.get(f"{stem}_origin") == "modelled"
    return [_row(properties.get(field.name), field, content, stem, modelled) for field in content.fields]


def _row(value: Any, field: Field, content: MapContent, stem: str, modelled: bool) -> str | None:
    language, name = content.language, field.name
    figure = name in {content.style.field, stem, "value", *(f"{stem}_{part}" for part in ("female", "male", "gap"))}
    if value is None or value == "":
        return TEXTS["missing"][language] if figure else None
    if name.endswith("_flags"):
        return ", ".join(FLAGS[word][language] if word in FLAGS else word for word in str(value).split())
    # Said where it is not what one expects: figures are lacking, or something stood in for the ancillary data.
    if name.endswith("_coverage") and isinstance(value, Real) and float(value) >= 1:
        return None
    if name.endswith("_provenance") and value == "ancillary":
        return None
    if name == "support" or name.endswith("_support"):
        return content.names.get(str(value), str(value))
    if name.endswith("_status") and value == "observed" and modelled:
        return TEXTS["modelled_status"][language]
    if field.type in ("number", "integer") and isinstance(value, Real):
        if name == "label_probability":
            return holds(float(value), language)
        if name in _PS and float(value) < _LEAST_P:
            return f"< {number(_LEAST_P, language, 4)}"
        return value_text(value, field, language, _decimals(field, float(value), figure, content, modelled))
    return value_text(value, field, language)


def _decimals(field: Field, value: float, figure: bool, content: MapContent, modelled: bool) -> int | None:
    """Return the digits of a number: rates as in the legend, counted people whole, modelled ones with one digit."""
    name, unit = field.name, field.unit
    if figure and (content.style.decimals is not None or unit != "SD"):
        return content.style.decimals
    if name.endswith(("_n", "_d")):
        # A count that was converted to other boundaries is none any more.
        return 1 if modelled or abs(value - round(value)) > 1e-9 else 0
    if name in _PS:
        return 4
    if name.endswith("_coverage"):
        return 2
    return 2 if name in ("local_moran", "local_moran_z", "gi_star_z", "change") or unit == "SD" else None
