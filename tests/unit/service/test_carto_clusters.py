"""Sentences about tests: what was compared, how sure a mark is, and what no mark does not mean."""

from __future__ import annotations

import re
from typing import Any

import pytest

from geodata.errors import ConfigError
from geodata.models import Text
from service.cartography import describe, describe_clusters, describe_tests
from service.cartography.describe import Areas

ORTSTEILE = Areas(Text("Ortsteile", "districts"))
GEMEINDEN = Areas(Text("Gemeinden", "municipalities"))
REGION = Areas(Text("Gemeinden der Region", "municipalities of the region"))
TEST: dict[str, Any] = {"alpha": 0.05, "correction": "fdr", "permutations": 99999}


def rows(high: int = 6, low: int = 1, total: int = 82, around: int = 0, **states: int) -> list[dict[str, object]]:
    """Areas of the county, then a neighbour without test and `around` with one."""
    labels = ["High-High"] * high + ["Low-Low"] * low
    table: list[dict[str, object]] = [
        {"name": f"Ort {i:02d}", "label": x, "state": "tested"} for i, x in enumerate(labels)
    ]
    for state, n in states.items():
        table += [{"name": "x", "label": "no label", "state": state}] * n
    rest = total - len(table)
    table += [{"name": "y", "label": "not significant", "state": "tested"}] * rest
    table += [{"name": "Nachbar", "label": "High-High", "state": "tested", "context": True}] * around
    return [*table, {"name": "Nachbar", "label": "High-High", "state": "undefined", "context": True}]


def numbers(text: str) -> set[int]:
    return {int(n) for n in re.findall(r"(?<![\d,.])\d+(?![\d,.\u202f])", text)}


def test_the_finding_says_how_many_marks_are_unsure() -> None:
    table = rows()
    for row in table[:6]:
        row["label_robust"] = "unsure high" if row["name"] in ("Ort 01", "Ort 02") else "High-High"
    table[6]["label_robust"] = "unsure low"
    high, low, *_ = describe_clusters.hotspots(table, areas=ORTSTEILE, **TEST)
    assert high.startswith("6 von 82 Ortsteilen liegen in einem High-High-Cluster, 2 davon unsicher (hohe Werte")
    assert high.endswith("99\u202f999 Permutationen).")
    assert "liegt in einem Low-Low-Cluster, aber unsicher (niedrige Werte, umgeben von niedrigen: Ort 06)" in low
    english, *_ = describe_clusters.hotspots(table, areas=ORTSTEILE, language="en", **TEST)
    assert "are in a High-High cluster, 2 of them unsure (high values" in english
    for row in table[:6]:
        row["label_robust"] = "unsure high"
    assert "High-High-Cluster, alle unsicher (" in describe_clusters.hotspots(table, areas=ORTSTEILE, **TEST)[0]
    spots = describe_clusters.hotspots(
        [{**row, "gi_star_label": "hot"} for row in table], areas=ORTSTEILE, statistic="gi_star", **TEST
    )
    assert not any("unsicher" in sentence for sentence in spots)


def test_hotspots_in_german() -> None:
    first, second, third, alone, fourth, *rest = describe_clusters.hotspots(
        rows(suppressed=2, isolated=1), areas=ORTSTEILE, **TEST
    )
    assert first == (
        "6 von 82 Ortsteilen liegen in einem High-High-Cluster (hohe Werte, umgeben von hohen: Ort 00, Ort 01, Ort 02, "
        "Ort 03, Ort 04, Ort 05; p\u00a0≤\u00a00,05 nach FDR-Korrektur, 99\u202f999 Permutationen)."
    )
    assert second == (
        "1 von 82 Ortsteilen liegt in einem Low-Low-Cluster (niedrige Werte, umgeben von niedrigen: Ort 06)."
    )
    assert third == "3 von 82 Ortsteilen wurden nicht getestet: 1 ohne Nachbarn, 2 unterdrückt."
    assert alone == "Ohne Nachbarn: x."
    assert fourth == (
        "In 2 von 82 Ortsteilen ist der Wert unterdrückt, und das nicht zufällig: Es fehlen vor allem Gebiete mit "
        "wenigen Fällen. Mittelwerte sind deshalb eher zu hoch, und Cluster niedriger Werte können angeschnitten sein."
    )
    assert "ein und denselben zweiseitigen p-Wert" in rest[0]
    assert "Frühwarnung, kein Urteil" in rest[1]
    assert "Ortskenntnis" in rest[1]


def test_hotspots_in_english() -> None:
    first, *more, last = describe_clusters.hotspots(
        rows(high=1, low=0, suppressed=3), areas=ORTSTEILE, language="en", **TEST
    )
    assert first.startswith(
        "1 of 82 districts is in a High-High cluster (high values among high: Ort 00; p\u00a0≤\u00a00.05"
    )
    assert any("In 3 of 82 districts the value is suppressed, and not at random" in text for text in more)
    assert "not a verdict" in last


def test_neighbours_that_were_compared_count_among_the_suppressed_too() -> None:
    table = [*rows(around=20, suppressed=2), {"state": "suppressed", "context": True}]
    assert any("In 3 von 104 Ortsteilen" in text for text in describe_clusters.missing(table, areas=ORTSTEILE))


def test_nothing_suppressed_nothing_said_of_it() -> None:
    assert "nterdrückt" not in " ".join(describe_clusters.hotspots(rows(), areas=ORTSTEILE, **TEST))


def test_outliers_are_told_with_a_verb_of_their_own() -> None:
    table = [
        {"name": "A", "label": "High-Low", "state": "tested"},
        {"name": "B", "label": "not significant", "state": "tested"},
    ]
    first, *_ = describe_clusters.hotspots(table, areas=ORTSTEILE, **TEST)
    assert first.startswith("1 von 2 Ortsteilen hat einen hohen Wert zwischen niedrigen (High-Low: A; p")


@pytest.mark.parametrize(
    ("clustered", "says", "says_not"),
    [
        (None, "Das heißt nicht, dass es keine Unterschiede gibt.", "gehäuft"),
        (False, "Nur räumlich gehäuft sind sie nicht nachweisbar.", "Über alle"),
        (True, "Über alle geprüften Gebiete gesehen liegen ähnliche Werte dennoch häufiger beieinander", "nachweisbar"),
    ],
)
def test_no_mark_is_no_proof_of_equality_and_none_against_clustering(
    clustered: bool | None, says: str, says_not: str
) -> None:
    first, *_ = describe_clusters.hotspots(rows(high=0, low=0), areas=ORTSTEILE, clustered=clustered, **TEST)
    assert first.startswith("Kein einzelnes Gebiet ist auffällig: kein Cluster in 82 geprüften Ortsteilen (p")
    assert says in first
    assert says_not not in first


@pytest.mark.parametrize(
    ("clustered", "says"),
    [
        (None, "there are no differences."),
        (False, "only that they cannot be shown to be spatially concentrated."),
        (True, "Over all areas tested, similar values nevertheless lie side by side"),
    ],
)
def test_no_mark_in_english(clustered: bool | None, says: str) -> None:
    first, *_ = describe_clusters.hotspots(
        rows(high=0, low=0), areas=ORTSTEILE, clustered=clustered, language="en", **TEST
    )
    assert first.startswith("No single area is conspicuous: no cluster among 82 districts tested (p")
    assert says in first


def test_neighbours_that_were_tested_are_counted_and_the_county_is_named() -> None:
    table = rows(high=0, low=0, total=7, around=143)
    first, second, *_ = describe_clusters.hotspots(table, areas=REGION, n_effective=150, **TEST)
    assert first.startswith("Kein einzelnes Gebiet des Landkreises ist auffällig: kein Cluster (p")
    assert second == (
        "Geprüft wurden 150 Gemeinden der Region; beschriftet werden nur die 7 des Landkreises, die anderen zählen als "
        "Nachbarn, im Mittel und in der Korrektur mit."
    )
    assert describe_clusters.hotspots(table, areas=REGION, **TEST)[1] == second, "counted where nothing is told"
    english = describe_clusters.hotspots(table, areas=REGION, n_effective=150, language="en", **TEST)
    assert english[0].startswith("No single area of the county is conspicuous: no cluster (p")
    assert english[1] == (
        "Tested were 150 municipalities of the region; only the 7 of the county are labelled, the others count as "
        "neighbours, in the mean and in the correction."
    )


def test_marks_are_counted_among_the_areas_of_the_county() -> None:
    table = rows(high=2, low=0, total=7, around=143, isolated=1)
    first, second, third, *_ = describe_clusters.hotspots(table, areas=REGION, n_effective=149, **TEST)
    assert first.startswith("2 von 7 Gemeinden des Landkreises liegen in einem High-High-Cluster")
    assert numbers(second) == {149, 6}
    assert third == "1 von 7 Gemeinden des Landkreises wurde nicht getestet: 1 ohne Nachbarn."


def test_many_names_are_cut_and_very_many_left_out() -> None:
    first, *_ = describe_clusters.hotspots(rows(high=12, low=0), areas=ORTSTEILE, **TEST)
    assert "und 6 weitere" in first
    first, *_ = describe_clusters.hotspots(rows(high=40, low=0), areas=ORTSTEILE, **TEST)
    assert "Ort 00" not in first


def test_gi_star_reads_its_own_column() -> None:
    table = [{"name": "A", "gi_star_label": "hot", "label": "not significant", "state": "tested"}]
    first, *_ = describe_clusters.hotspots(table, areas=ORTSTEILE, statistic="gi_star", **TEST)
    assert first.startswith("1 von 1 Ortsteilen liegt in einem Hot Spot")


def painted(label: str = "High-High", suppressed: int = 0) -> list[dict[str, object]]:
    """70 cells of seven zones; of the first zones all cells are suppressed, of each other one is too small."""
    table: list[dict[str, object]] = []
    for i in range(70):
        gone = i % 7 < suppressed or i < 7
        table.append({"name": f"c{i}", "label": label, "state": "suppressed" if gone else "tested", "support": i % 7})
    return table


def test_painted_labels_say_whose_they_are() -> None:
    cells = Areas(Text("Zellen", "cells"))
    table = [row | {"support": f"g{row['support']}"} for row in painted()]
    text = " ".join(describe_clusters.hotspots(table, areas=cells, support=GEMEINDEN, **TEST))
    assert "Getestet wurden 7 Gemeinden" in text
    assert "c8" not in text
    assert "nichts über Unterschiede in seinem Inneren" in text
    assert "nicht zufällig" not in text, "cells that are too small do not make a zone suppressed"
    nothing = describe_clusters.hotspots(
        painted("not significant", 2), areas=cells, support=GEMEINDEN, n_effective=5, **TEST
    )
    assert "kein Cluster in 5 geprüften Gemeinden" in nothing[0]
    assert any("In 2 von 7 Gemeinden ist der Wert unterdrückt" in text for text in nothing)


def test_a_map_where_nothing_was_tested() -> None:
    text = describe_clusters.hotspots(rows(high=0, low=0, total=7, untestable=7), areas=GEMEINDEN, **TEST)
    assert text[0] == "7 von 7 Gemeinden wurden nicht getestet: 7 zu wenige Gebiete."
    assert not any("Cluster" in sentence for sentence in text)


@pytest.mark.parametrize("wrong", [{"correction": "magic"}, {"statistic": "geary"}])
def test_unknown_words_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="found"):
        describe_clusters.hotspots(rows(), areas=ORTSTEILE, **{**TEST, **wrong})


def test_untestable_says_what_to_do_instead() -> None:
    why, instead = describe_tests.untestable(7, areas=GEMEINDEN)
    assert why.startswith("Es sind keine Hotspots markiert: 7 Gemeinden sind zu wenige")
    assert "mindestens 30" in why
    assert "größeren Rahmen" in instead
    assert describe_tests.no_test(7, areas=GEMEINDEN) == (
        "kein lokaler Test: 7 Gemeinden sind zu wenige (mindestens 30)"
    )
    assert "7 municipalities are too few" in describe_tests.no_test(7, areas=GEMEINDEN, language="en")
    assert describe_tests.no_test(0, areas=GEMEINDEN).endswith("die Werte sind gleich oder fehlen")
    assert "0" not in describe_tests.no_test(0, areas=GEMEINDEN, language="en").replace("30", "")


def test_global_sentence_names_its_frame() -> None:
    test = describe_tests.global_test
    (sentence,) = test(0.4982, p=0.001, n_effective=536, support=Areas(Text("Planungsräume", "areas")))
    assert sentence == "Im Landkreis: Moran-I = 0,50, einseitiges p = 0,001, aus 536 Planungsräumen."
    (sentence,) = test(0.4982, p=None, n_effective=7, support=GEMEINDEN)
    assert "p =" not in sentence
    (sentence,) = test(0.756, p=0.168, n_effective=8, support=GEMEINDEN, expected=0.68)
    assert "Moran-I = 0,76 (ohne Häufung zu erwarten: 0,68), einseitiges p = 0,168" in sentence
    (sentence,) = test(0.2589, p=0.001, n_effective=150, support=REGION, own=7)
    assert sentence == (
        "Über alle 150 geprüften Gemeinden der Region (7 davon im Landkreis): Moran-I = 0,26, einseitiges p = 0,001."
    )
    (sentence,) = test(0.2589, p=0.001, n_effective=150, support=REGION, own=7, language="en")
    assert sentence.startswith("Over all 150 municipalities of the region tested (7 of them in the county): Moran's I")
    (sentence,) = test(0.2589, p=0.001, n_effective=76, support=ORTSTEILE, language="en")
    assert sentence == "In the county: Moran's I = 0.26, one-sided p = 0.001, from 76 districts."


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_withheld_p_is_not_printed_and_the_reason_is(language: str) -> None:
    value, remark = describe_tests.global_test(
        0.767, p=0.001, n_effective=63, support=ORTSTEILE, withheld=True, language=language
    )
    assert "p =" not in value
    assert "001" not in value + remark
    assert {"de": "wird nicht genannt", "en": "No p-value is given"}[language] in remark


def test_wording_brands_nobody() -> None:
    """No word for an area that sticks to those who live there."""
    everything = " ".join(
        [
            *describe_clusters.hotspots(rows(suppressed=1), areas=ORTSTEILE, **TEST),
            *describe_clusters.hotspots(rows(0, 0, around=5), areas=REGION, clustered=True, **TEST),
            *describe.index_status([{"name": "A", "status_class": "sehr niedrig"}], areas=ORTSTEILE),
            *(describe.caveat(kind).de for kind in ("indicators", "index", "hotspots")),
        ]
    ).lower()
    for word in ("brennpunkt", "problem", "sozial schwach", "ghetto", "asozial"):
        assert word not in everything
