"""Sentences about values and the index: every number is counted from the rows, in both languages."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from geodata.models import Text
from service.cartography import describe
from service.cartography.classification import graduated
from service.cartography.describe import Areas

ORTSTEILE = Areas(Text("Ortsteile", "districts"))
GEMEINDEN = Areas(Text("Gemeinden", "municipalities"))


def test_handed_down_counts_distinct_values() -> None:
    table = [{"r": 0.1 * (1 + i % 7) + 1e-16 * i} for i in range(600)]
    table += [{"r": None}, {"r": float("nan")}, {"r": 99.0, "context": True}]
    (sentence,) = describe.handed_down(table, field="r", support=GEMEINDEN, n_effective=6)
    assert sentence.startswith("7 verschiedene Werte, nur 6 unabhängige Beobachtungen")
    assert "innerhalb der Gemeinden" in sentence
    (sentence,) = describe.handed_down(table, field="r", support=GEMEINDEN, language="en")
    assert "7 distinct values, only 7 independent" in sentence


def test_index_counts_add_up() -> None:
    classes = ["hoch"] * 5 + ["mittel"] * 60 + ["niedrig"] * 9 + ["sehr niedrig"] * 2 + [None] * 6
    table = [{"name": f"N{i}", "status_class": c} for i, c in enumerate(classes)]
    first, others, *_ = describe.index_status(table, areas=ORTSTEILE)
    assert first == "2 von 82 Ortsteilen haben den Status sehr niedrig (N74, N75)."
    assert others == "Die übrigen: niedrig 9, mittel 60, hoch 5; nicht eingestuft 6."
    assert sum(int(n) for n in re.findall(r"\d+", others)) + 2 == 82


def test_values_tell_the_highest_class_but_no_extreme() -> None:
    series = pd.Series([1.11, 2.22, 3.33, 4.44, 5.55, 9.99, None])
    style = graduated(series, field="v", n=3, unit="%")
    table = [{"v": None if pd.isna(v) else v} for v in series]
    text = " ".join(describe.values(table, style, areas=ORTSTEILE))
    assert "In 2 von 7 Ortsteilen liegt der Wert über 5,0" in text
    assert "Für 1 von 7 Ortsteilen gibt es keine Angabe" in text
    assert "9,99" not in text
    assert "1,11" not in text


@pytest.mark.parametrize("kind", ["indicators", "index", "hotspots"])
def test_each_kind_has_a_caveat(kind: str) -> None:
    assert "einzelne Menschen" in describe.caveat(kind).de
    assert "single people" in describe.caveat(kind).en


@pytest.mark.parametrize(
    ("plural", "wanted"),
    [
        ("Ortsteile", "Ortsteilen"),
        ("Gemeinden", "Gemeinden"),
        ("Kreise", "Kreisen"),
        ("Quartiers", "Quartiers"),
        ("Orte (2022)", "Orten (2022)"),
        ("Ortsteile der Region", "Ortsteilen der Region"),
        ("Gitterzellen 100 m", "Gitterzellen 100 m"),
    ],
)
def test_dative(plural: str, wanted: str) -> None:
    assert describe.dative(plural) == wanted


def test_areas_of_a_wider_level_are_called_by_their_noun() -> None:
    region = Areas(Text("Gemeinden der Region", "Municipalities of the region")).of_county()
    assert region.of(1, 7, "de") == "1 von 7 Gemeinden des Landkreises"
    assert region.of(1, 7, "en") == "1 of 7 Municipalities of the county"
    assert ORTSTEILE.of_county().of(2, 80, "de") == "2 von 80 Ortsteilen des Landkreises"


@pytest.mark.parametrize("language", ["de", "en"])
def test_suppressed_areas_are_counted_and_not_missing_at_random(language: str) -> None:
    assert describe.suppressed(0, 80, areas=ORTSTEILE, clusters=True, language=language) == ()
    (plain,) = describe.suppressed(4, 80, areas=ORTSTEILE, language=language)
    (tested,) = describe.suppressed(4, 80, areas=ORTSTEILE, clusters=True, language=language)
    assert set(re.findall(r"\d+", tested)) == {"4", "80"}
    assert "luster" in tested
    assert "luster" not in plain


def test_values_tell_what_is_suppressed_unless_they_are_modelled() -> None:
    series = pd.Series([1.0, 2.0, 3.0, 9.0])
    table = [{"v": v, "v_status": "observed"} for v in series]
    table += [{"v": None, "v_status": status} for status in ("suppressed", "suppressed", "missing")]
    table += [{"v": None, "v_status": "suppressed", "context": True}]
    text = " ".join(describe.values(table, graduated(series, field="v", n=2), areas=ORTSTEILE))
    assert "In 2 von 7 Ortsteilen ist der Wert unterdrückt" in text
    modelled = graduated(series, field="v", n=2, modelled=True)
    assert "nicht zufällig" not in " ".join(describe.values(table, modelled, areas=ORTSTEILE))
