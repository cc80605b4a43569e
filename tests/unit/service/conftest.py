"""An invented map of 5 × 4 square areas, one with a hole, one of two parts, and two neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from geodata.models import Text
from geodata.store.model import Field
from service.cartography import classification
from service.cartography.content import MapContent

HOSTILE = "</script><img src=x onerror=alert(1)> \"'&$\\frac{1}{0}$ --> <!-- \u2028 {{7*7}}"


def _square(x: float, y: float, size: float = 0.02) -> list[list[float]]:
    return [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]


def _feature(fid: str, geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": fid, "geometry": geometry, "properties": {"area_id": fid, **properties}}


def collection(features: list[dict[str, Any]]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def squares() -> list[dict[str, Any]]:
    """Areas 0 to 19 with a value, a label and a state; 18 is suppressed, 19 isolated; then two of context."""
    labels = {
        7: "High-High",
        8: "High-High",
        12: "High-High",
        13: "Low-Low",
        0: "High-Low",
        18: "no label",
        19: "no label",
    }
    features = []
    for i in range(20):
        x, y = 10.2 + 0.02 * (i % 5), 52.2 + 0.02 * (i // 5)
        geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [_square(x, y)]}
        if i == 12:
            geometry["coordinates"].append(_square(x + 0.005, y + 0.005, 0.01))
        if i == 3:
            geometry = {
                "type": "MultiPolygon",
                "coordinates": [[_square(x, y, 0.008)], [_square(x + 0.01, y + 0.01, 0.008)]],
            }
        state = {18: "suppressed", 19: "isolated"}.get(i, "tested")
        features.append(
            _feature(
                f"a{i:02d}",
                geometry,
                name=HOSTILE if i == 0 else f"Ort {i:02d}",
                value=None if state == "suppressed" else float(i),
                label=labels.get(i, "not significant"),
                status_class=None if i == 18 else ("hoch", "mittel", "niedrig", "sehr niedrig")[i // 5],
                state=state,
            )
        )
    for i in range(2):
        geometry = {"type": "Polygon", "coordinates": [_square(10.16, 52.2 + 0.04 * i, 0.04)]}
        features.append(_feature(f"n{i}", geometry, name="Nachbar", context=True, value=99.0, label="High-High"))
    return features


@pytest.fixture
def carto_content() -> Callable[..., MapContent]:
    """Make the content of a map; keywords replace what it has."""

    def make(**changes: Any) -> MapContent:
        given: dict[str, Any] = {
            "title": "Grundsicherung <b>",
            "subtitle": "Ortsteile, 2023",
            "style": classification.hotspot_style(),
            "features": collection(squares()),
            "fields": (Field("value", "number", Text("Quote", "rate"), unit="%"),),
            "areas": "Ortsteile",
            "unit": "%",
            "attribution": "Musterkreis",
            "licence": "dl-de/by-2-0",
            "boundary_date": "2023-12-31",
            "caveat": "Keine Rangfolge.",
            "permalink": "https://musterkreis.example/maps/x?a=1&b=2",
            "describe": ("3 von 20 Ortsteilen liegen hoch.", "Zweiter Satz."),
        }
        return MapContent(**{**given, **changes})

    return make
