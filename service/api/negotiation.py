"""What a client wants: JSON or a page, German or English."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from fastapi import Request

from service.locale import LANGUAGES, Language


class MediaType(StrEnum):
    """Representations, by what is written into ``f``."""

    JSON = "json"
    HTML = "html"
    GEOJSON = "geojson"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


#: Media ranges of ``Accept`` → representation.
_RANGES = {
    "text/html": MediaType.HTML,
    "application/xhtml+xml": MediaType.HTML,
    "application/json": MediaType.JSON,
    "application/geo+json": MediaType.GEOJSON,
    "application/schema+json": MediaType.JSON,
    "image/png": MediaType.PNG,
    "image/svg+xml": MediaType.SVG,
    "application/pdf": MediaType.PDF,
}


def _accepted(header: str) -> list[tuple[float, str]]:
    """Read ``Accept`` as (quality, media range), best first; parts that cannot be read are left out."""
    ranges: list[tuple[float, str]] = []
    for part in header.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if media and quality > 0:
            ranges.append((quality, media.lower()))
    return sorted(ranges, key=lambda entry: -entry[0])


def wants(request: Request, offered: Sequence[MediaType] = (MediaType.JSON, MediaType.HTML)) -> MediaType:
    """Choose the representation by ``f``, then by ``Accept``, then the first that is offered.

    Parameters
    ----------
    request : Request
        What was asked; an ``f`` that is not offered counts as none here (routes refuse it, error answers must not).
    offered : sequence of MediaType
        What there is, the default first.

    Returns
    -------
    MediaType
        One of those offered.
    """
    asked = request.query_params.get("f")
    if asked is not None and asked in offered:
        return MediaType(asked)
    for _, media in _accepted(request.headers.get("accept", "")):
        if media == "*/*":
            return offered[0]
        found = _RANGES.get(media)
        if found is not None and found in offered:
            return found
        # A client that takes any GeoJSON takes what is offered as JSON, and the other way round.
        if found in {MediaType.JSON, MediaType.GEOJSON}:
            for other in (MediaType.GEOJSON, MediaType.JSON):
                if other in offered:
                    return other
    return offered[0]


def language_of(request: Request, default: Language) -> Language:
    """Return the language that ``lang`` asks for, else the default; a wrong one is refused by routes, not here."""
    asked = request.query_params.get("lang")
    return next((language for language in LANGUAGES if language == asked), default)
