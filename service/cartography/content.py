"""What a map shows, as plain data: the renderers know neither store nor web, and draw exactly this."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from geodata.errors import FormatError
from geodata.store.model import Field, Style


@dataclass(frozen=True, slots=True)
class MapContent:
    """One map, in one language, of one period.

    Attributes
    ----------
    title, subtitle : str
        The subtitle names the date and the level: ``"Ortsteile, 2023"``.
    style : Style
        Classes and colours; ``style.field`` is a property of every feature.
    features : str
        GeoJSON FeatureCollection in CRS84. A feature whose property ``context`` is true is drawn as neutral outline,
        without label or popup. A property ``state`` tells why a local test gave no label.
    features_projected : str or None
        The same features in a projected CRS in metres; where None, pictures transform ``features`` to
        ``projected_crs`` themselves.
    context_features, outline_features : str or None
        FeatureCollections in CRS84: neighbours drawn as grey outline, and borders of the level above, drawn thin over
        the map; their property ``name`` labels them.
    fields : sequence of Field
        Rows of the popup, in this order: alias, unit and names of categories.
    areas : str
        What the areas are called, plural: ``"Ortsteile"``.
    unit, method, attribution, licence, boundary_date, caveat, permalink : str
        Said in legend and source line; empty ones are left out.
    definition : str
        What the drawn figure is, for the legend.
    names : mapping of str to str
        What areas are called whose ids stand in the popup (``support``).
    edition : {"public", "internal"}
        The internal one carries a banner on every page and picture.
    headline : str
        One short sentence under the title: the finding; without it the first of ``describe``.
    describe : sequence of str
        Sentences of :mod:`service.cartography.describe`.
    counts : sequence of int or None
        Areas per row of the legend in the order of the style, missing and empty class last; without it they are
        counted.
    exploratory : str
        What was chosen otherwise than the preset says (:mod:`service.cartography.presets`); said in a banner and in the
        legend. Empty where all is as preset.
    draft, modelled : bool
        ``modelled`` is also true where the style says so.
    language : {"de", "en"}
        Of every text that the renderers add.
    """

    title: str
    subtitle: str
    style: Style
    features: str
    fields: Sequence[Field] = ()
    areas: str = ""
    unit: str = ""
    method: str = ""
    attribution: str = ""
    licence: str = ""
    boundary_date: str = ""
    caveat: str = ""
    permalink: str = ""
    definition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    edition: str = "public"
    headline: str = ""
    describe: Sequence[str] = ()
    counts: Sequence[int] | None = None
    exploratory: str = ""
    draft: bool = False
    modelled: bool = False
    language: str = "de"
    features_projected: str | None = None
    context_features: str | None = None
    outline_features: str | None = None
    projected_crs: str = "EPSG:25832"
    name_field: str = "name"

    @property
    def is_modelled(self) -> bool:
        """Whether the legend has to say that the values are modelled."""
        return self.modelled or self.style.modelled


def file_stem(collection: str, edition: str) -> str:
    """Return the name, without ending, of a collection's files in ``maps/``: an internal one says so.

    Examples
    --------
    >>> file_stem("ortsteil_index", "public"), file_stem("ortsteil_index", "internal")
    ('ortsteil_index', 'ortsteil_index-internal')
    """
    return collection if edition == "public" else f"{collection}-{edition}"


def features_of(text: str, where: str = "features") -> list[dict[str, Any]]:
    """Parse a FeatureCollection.

    Parameters
    ----------
    text : str
        GeoJSON.
    where : str
        For the message.

    Returns
    -------
    list of dict
        Its features; shared between calls, not to be changed.

    Raises
    ------
    FormatError
        The text is no FeatureCollection of polygons.
    """
    return _parse(text, where)


@lru_cache(maxsize=4)
def _parse(text: str, where: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FormatError(f"expected GeoJSON, found text that is no JSON ({error})", where=where) from error
    if not isinstance(document, Mapping) or document.get("type") != "FeatureCollection":
        raise FormatError("expected a GeoJSON FeatureCollection", where=where)
    features: list[dict[str, Any]] = list(document.get("features") or [])
    for feature in features:
        geometry = feature.get("geometry")
        if geometry is None or geometry.get("type") not in ("Polygon", "MultiPolygon"):
            found = "none" if geometry is None else geometry.get("type")
            raise FormatError(
                f"expected Polygon or MultiPolygon, found {found}", where=f"{where}, feature {feature.get('id')!r}"
            )
    return features


def is_context(feature: Mapping[str, Any]) -> bool:
    """Whether a feature is only a neighbour: drawn, never judged."""
    return bool((feature.get("properties") or {}).get("context"))
