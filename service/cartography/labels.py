"""What the labels of the local tests are called in legends, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.models import Text
from service.cartography import palettes

#: Why there is no label.
STATES: Mapping[str, Text] = MappingProxyType(
    {
        "isolated": Text("ohne Nachbarn, nicht getestet", "no neighbours, not tested"),
        "undefined": Text("kein Wert, nicht getestet", "no value, not tested"),
        "untestable": Text("zu wenige Gebiete für einen Test", "too few areas for a test"),
        "suppressed": Text("unterdrückt", "suppressed"),
    }
)
#: Why a local join count says nothing of most areas: it is 0 there, whatever the neighbours are.
WITHOUT_ATTRIBUTE = Text("ohne das Merkmal, nicht getestet", "without the attribute, not tested")

NOT_SIGNIFICANT = Text("nicht auffällig", "not significant")
_HOT = {
    "hot": Text("Hot Spot: Umgebung auffällig hoch", "hot spot: high surroundings"),
    "cold": Text("Cold Spot: Umgebung auffällig niedrig", "cold spot: low surroundings"),
}

#: Statistic → its looks, what its labels say, and its name.
TESTS: dict[str, tuple[Mapping[str, palettes.Look], dict[str, Text], Text]] = {
    "local-moran": (
        palettes.LISA,
        {
            "High-High": Text("High-High: hoch, Nachbarn auch hoch", "High-High: high among high"),
            "Low-Low": Text("Low-Low: niedrig, Nachbarn auch niedrig", "Low-Low: low among low"),
            "High-Low": Text("High-Low: hoch, Nachbarn niedrig", "High-Low: high among low"),
            "Low-High": Text("Low-High: niedrig, Nachbarn hoch", "Low-High: low among high"),
        },
        Text("Local Moran", "local Moran"),
    ),
    "gi": (palettes.GI_STAR, _HOT, Text("Getis-Ord Gi", "Getis-Ord Gi")),
    "gi-star": (palettes.GI_STAR, _HOT, Text("Getis-Ord Gi*", "Getis-Ord Gi*")),
    "local-geary": (
        palettes.GEARY,
        {
            "High-High": Text("ähnlich: hoch wie die Nachbarn", "alike: high as the neighbours"),
            "Low-Low": Text("ähnlich: niedrig wie die Nachbarn", "alike: low as the neighbours"),
            "other positive": Text("ähnlich, beiderseits des Mittels", "alike, on both sides of the mean"),
            "negative": Text("auffällig anders als die Nachbarn", "notably unlike the neighbours"),
        },
        Text("Local Geary", "local Geary"),
    ),
    "multivariate-geary": (
        palettes.GEARY,
        {
            "positive": Text("den Nachbarn in allen Merkmalen ähnlich", "like the neighbours in all variables"),
            "negative": Text("auffällig anders als die Nachbarn", "notably unlike the neighbours"),
        },
        Text("Local Geary mehrerer Merkmale", "local Geary of several variables"),
    ),
    "bivariate-moran": (
        palettes.LISA,
        {
            "High-High": Text("erstes Merkmal hoch, zweites ringsum hoch", "first high, second high around"),
            "Low-Low": Text("erstes niedrig, zweites ringsum niedrig", "first low, second low around"),
            "High-Low": Text("erstes hoch, zweites ringsum niedrig", "first high, second low around"),
            "Low-High": Text("erstes niedrig, zweites ringsum hoch", "first low, second high around"),
        },
        Text("bivariater Local Moran", "bivariate local Moran"),
    ),
    "join-count": (
        palettes.LISA,
        {
            "High-High": Text("Merkmal, auch bei auffällig vielen Nachbarn", "attribute, as notably many neighbours"),
            "High-Low": Text("Merkmal, bei auffällig wenigen Nachbarn", "attribute, as notably few neighbours"),
        },
        Text("lokale Join Counts", "local join counts"),
    ),
}
CORRECTED = {
    "fdr": Text("korrigiert für mehrfaches Testen", "corrected for multiple tests"),
    "by": Text(
        "korrigiert für mehrfaches Testen (Benjamini-Yekutieli)", "corrected for multiple tests (Benjamini-Yekutieli)"
    ),
    "none": Text("ohne Korrektur für mehrfaches Testen", "not corrected for multiple tests"),
}
