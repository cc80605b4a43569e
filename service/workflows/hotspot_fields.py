"""Columns of the hotspot layers beyond the test itself: labels that hold, years, levels."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from geodata.models import Text
from geodata.store.model import Field
from service.cartography import hotspot_words as words
from service.workflows import texts

if TYPE_CHECKING:
    import pandas as pd

    from geodata.models import Indicator

_LABELS = texts.HOTSPOT_FIELDS[0].values

ROBUST = (
    Field(
        "label_robust",
        "string",
        Text("Cluster, die halten (Local Moran)", "Clusters that hold (local Moran)"),
        Text(
            "Das Cluster, wo es in genug Varianten hält (label_probability), sonst unsicher; nur letztes Jahr",
            "The cluster where it holds in enough variants (label_probability), else unsure; latest year only",
        ),
        values={
            **{value: text for value, text in _LABELS.items() if value not in ("not significant", "no label")},
            **words.UNSURE,
            "not significant": _LABELS["not significant"],
            "no label": _LABELS["no label"],
        },
    ),
    Field(
        "label_probability",
        "number",
        Text("Label hält in (Anteil der Varianten)", "Label holds in (share of variants)"),
        Text(
            "Anteil der Wiederholungen mit anderen möglichen Zählungen und anderen Nachbarschaften, in denen das "
            "Gebiet sein Label behält; kein p-Wert, nicht die Wahrscheinlichkeit eines Hotspots; nur letztes Jahr",
            "Share of repeats with other possible counts and other neighbourhoods in which the area keeps its label; "
            "no p-value, and not the probability of being a hotspot; latest year only",
        ),
    ),
)

_CATEGORIES = {
    f"{side} {name}": words.emerging(side, name) for side, name in product(("hot", "cold"), words.EMERGING)
} | {"no pattern": words.NO_PATTERN}

DEVELOPMENT = (
    Field(
        "emerging",
        "string",
        Text("Entwicklung der Hot und Cold Spots", "Development of hot and cold spots"),
        Text(
            "Beschreibend, kein Testergebnis: Jahre hängen voneinander ab; nur letztes Jahr",
            "Descriptive, no finding of a test: years depend on each other; latest year only",
        ),
        values=_CATEGORIES,
    ),
    Field("emerging_hot", "integer", Text("Jahre als Hot Spot", "Years as a hot spot")),
    Field("emerging_cold", "integer", Text("Jahre als Cold Spot", "Years as a cold spot")),
    Field("emerging_years", "integer", Text("Jahre mit Test", "Years with a test")),
    Field(
        "emerging_p",
        "number",
        Text("p des Trends (Mann-Kendall)", "p of the trend (Mann-Kendall)"),
        Text(
            "Zweiseitig, exakt, für z von Gi*; nimmt unabhängige Jahre an, die es nicht gibt",
            "Two-sided, exact, for the z of Gi*; takes years to be independent, which they are not",
        ),
    ),
)

LEVELS = (
    Field(
        "coarser_label",
        "string",
        Text("Cluster des größeren Gebiets", "Cluster of the larger area"),
        Text(
            "Dieselben Zahlen, auf größeren Gebieten getestet; nur letztes Jahr",
            "The same figures, tested on larger areas; latest year only",
        ),
        values=dict(_LABELS),
    ),
    Field(
        "agreement",
        "string",
        Text("Übereinstimmung mit größeren Gebieten", "Agreement with larger areas"),
        Text("Was die Wahl der Ebene ausmacht", "What the choice of level makes"),
        values=words.AGREEMENT,
    ),
)


def change_fields(indicator: Indicator | None) -> tuple[Field, ...]:
    """Return the columns of the test on the change itself, in the unit of the indicator."""
    unit = texts.gap_unit(indicator) if indicator is not None else ""
    return (
        Field("change", "number", Text("Veränderung", "Change"), Text("Nur letztes Jahr", "Latest year only"), unit),
        Field(
            "change_label",
            "string",
            Text("Cluster der Veränderung (Local Moran)", "Clusters of change (local Moran)"),
            Text(
                "Getestet ist die Veränderung selbst, nach Korrektur für mehrfaches Testen; nur letztes Jahr",
                "The change itself is tested, after correction for multiple testing; latest year only",
            ),
            values=words.CHANGE,
        ),
        Field("change_p_adjusted", "number", Text("p der Veränderung, korrigiert", "p of the change, adjusted")),
    )


def fields_of(table: pd.DataFrame, indicator: Indicator | None) -> tuple[Field, ...]:
    """Return the columns of a hotspot layer, in a stable order; those of tests that were not made are left out.

    Parameters
    ----------
    table : pandas.DataFrame
        Of the last year.
    indicator : Indicator or None
        None for the index.

    Returns
    -------
    tuple of Field
        Without ``context``.
    """
    head, rest = texts.HOTSPOT_FIELDS[:2], texts.HOTSPOT_FIELDS[2:]
    more = (*DEVELOPMENT, *change_fields(indicator), *LEVELS)
    return (*head, *ROBUST, *rest, *(field for field in more if field.name in table))
