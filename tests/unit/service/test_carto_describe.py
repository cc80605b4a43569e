"""Sentences: every number is counted from the rows, in both languages, and nobody is branded."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from geodata.errors import ConfigError
from geodata.models import Text
from service.cartography import describe
from service.cartography.classification import graduated
from service.cartography.describe import Areas

ORTSTEILE = Areas(Text("Ortsteile", "districts"))
GEMEINDEN = Areas(Text("Gemeinden", "municipalities"))
TEST = {"alpha": 0.05, "correction": "fdr", "permutations": 99999}


def rows(high: int = 6, low: int = 1, total: int = 82, **states: int) -> list[dict[str, object]]:
    labels = ["High-High"] * high + ["Low-Low"] * low
    table: list[dict[str, object]] = [
        {"name": f"Ort {i:02d}", "label": x, "state": "tested"} for i, x in enumerate(labels)
    ]
    for state, n in states.items():
        table += [{"name": "x", "label": "no label", "state": state}] * n
    rest = total - len(table)
    table += [{"name": "y", "label": "not significant", "state": "tested"}] * rest
    return [*table, {"name": "Nachbar", "label": "High-High", "state": "tested", "context": True}]


def test_hotspots_in_german() -> None:
    first, second, third, *rest = describe.hotspots(rows(suppressed=2, isolated=1), areas=ORTSTEILE, **TEST)
    assert first == (
        "6 von 82 Ortsteilen liegen in einem High-High-Cluster (hohe Werte, umgeben von hohen: Ort 00, Ort 01, Ort 02, "
        "Ort 03, Ort 04, Ort 05; p\u00a0≤\u00a00,05 nach FDR-Korrektur, 99\u202f999 Permutationen)."
    )
    assert second == (
        "1 von 82 Ortsteilen liegt in einem Low-Low-Cluster (niedrige Werte, umgeben von niedrigen: Ort 06)."
    )
    assert third == "3 von 82 Ortsteilen wurden nicht getestet: 1 ohne Nachbarn, 2 unterdrückt."
    assert "ein und denselben zweiseitigen p-Wert" in rest[0]
    assert "Frühwarnung, kein Urteil" in rest[1]
    assert "Ortskenntnis" in rest[1]


def test_hotspots_in_english() -> None:
    first, *_, last = describe.hotspots(rows(high=1, low=0), areas=ORTSTEILE, language="en", **TEST)
    assert first.startswith(
        "1 of 82 districts is in a High-High cluster (high values among high: Ort 00; p\u00a0≤\u00a00.05"
    )
    assert "not a verdict" in last


def test_outliers_are_told_with_a_verb_of_their_own() -> None:
    table = [
        {"name": "A", "label": "High-Low", "state": "tested"},
        {"name": "B", "label": "not significant", "state": "tested"},
    ]
    first, *_ = describe.hotspots(table, areas=ORTSTEILE, **TEST)
    assert first.startswith("1 von 2 Ortsteilen hat einen hohen Wert zwischen niedrigen (High-Low: A; p")


def test_no_cluster_is_no_proof_of_equality() -> None:
    first, *_ = describe.hotspots(rows(high=0, low=0), areas=ORTSTEILE, **TEST)
    assert first.startswith("Kein Cluster in 82 getesteten Ortsteilen")
    assert "Das heißt nicht" in first


def test_many_names_are_cut_and_very_many_left_out() -> None:
    first, *_ = describe.hotspots(rows(high=12, low=0), areas=ORTSTEILE, **TEST)
    assert "und 6 weitere" in first
    first, *_ = describe.hotspots(rows(high=40, low=0), areas=ORTSTEILE, **TEST)
    assert "Ort 00" not in first


def test_gi_star_reads_its_own_column() -> None:
    table = [{"name": "A", "gi_star_label": "hot", "label": "not significant", "state": "tested"}]
    first, *_ = describe.hotspots(table, areas=ORTSTEILE, statistic="gi_star", **TEST)
    assert first.startswith("1 von 1 Ortsteilen liegt in einem Hot Spot")


def test_painted_labels_say_whose_they_are() -> None:
    table = [{"name": f"c{i}", "label": "High-High", "state": "tested", "support": f"g{i % 7}"} for i in range(70)]
    text = " ".join(describe.hotspots(table, areas=Areas(Text("Zellen", "cells")), support=GEMEINDEN, **TEST))
    assert "Getestet wurden 7 Gemeinden" in text
    assert "c0" not in text
    assert "nichts über Unterschiede in seinem Inneren" in text


def test_a_map_where_nothing_was_tested() -> None:
    text = describe.hotspots(rows(high=0, low=0, total=7, untestable=7), areas=GEMEINDEN, **TEST)
    assert text[0] == "7 von 7 Gemeinden wurden nicht getestet: 7 zu wenige Gebiete."
    assert not any("Cluster" in sentence for sentence in text)


@pytest.mark.parametrize("wrong", [{"correction": "magic"}, {"statistic": "geary"}])
def test_unknown_words_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="found"):
        describe.hotspots(rows(), areas=ORTSTEILE, **{**TEST, **wrong})


def test_handed_down_counts_distinct_values() -> None:
    table = [{"r": 0.1 * (1 + i % 7) + 1e-16 * i} for i in range(600)]
    table += [{"r": None}, {"r": float("nan")}, {"r": 99.0, "context": True}]
    (sentence,) = describe.handed_down(table, field="r", support=GEMEINDEN, n_effective=6)
    assert sentence.startswith("7 verschiedene Werte, nur 6 unabhängige Beobachtungen")
    assert "innerhalb der Gemeinden" in sentence
    (sentence,) = describe.handed_down(table, field="r", support=GEMEINDEN, language="en")
    assert "7 distinct values, only 7 independent" in sentence


def test_untestable_says_what_to_do_instead() -> None:
    why, instead = describe.untestable(7, areas=GEMEINDEN)
    assert why.startswith("Es sind keine Hotspots markiert: 7 Gemeinden sind zu wenige")
    assert "mindestens 30" in why
    assert "größeren Rahmen" in instead


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


def test_global_sentence() -> None:
    (sentence,) = describe.global_test(0.4982, p=0.001, n_effective=536, support=Areas(Text("Planungsräume", "areas")))
    assert sentence == "Über das ganze Gebiet: Moran-I = 0,50, einseitiges p = 0,001, aus 536 Planungsräumen."
    (sentence,) = describe.global_test(0.4982, p=None, n_effective=7, support=GEMEINDEN)
    assert "p =" not in sentence
    (sentence,) = describe.global_test(0.756, p=0.168, n_effective=8, support=GEMEINDEN, expected=0.68)
    assert "Moran-I = 0,76 (ohne Häufung zu erwarten: 0,68), einseitiges p = 0,168" in sentence


@pytest.mark.parametrize("kind", ["indicators", "index", "hotspots"])
def test_each_kind_has_a_caveat(kind: str) -> None:
    assert "einzelne Menschen" in describe.caveat(kind).de
    assert "single people" in describe.caveat(kind).en


def test_wording_brands_nobody() -> None:
    """No word for an area that sticks to those who live there."""
    everything = " ".join(
        [
            *describe.hotspots(rows(suppressed=1), areas=ORTSTEILE, **TEST),
            *describe.index_status([{"name": "A", "status_class": "sehr niedrig"}], areas=ORTSTEILE),
            *(describe.caveat(kind).de for kind in ("indicators", "index", "hotspots")),
        ]
    ).lower()
    for word in ("brennpunkt", "problem", "sozial schwach", "ghetto", "asozial"):
        assert word not in everything


@pytest.mark.parametrize(
    ("plural", "wanted"),
    [("Ortsteile", "Ortsteilen"), ("Gemeinden", "Gemeinden"), ("Kreise", "Kreisen"), ("Quartiers", "Quartiers")],
)
def test_dative(plural: str, wanted: str) -> None:
    assert describe.dative(plural) == wanted
