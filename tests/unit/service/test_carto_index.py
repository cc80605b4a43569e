"""Sentences and styles of the index's other maps: counted from the rows, with what must be known to read them."""

from __future__ import annotations

from typing import Any

import pytest

from geodata.models import Text
from service.cartography.describe import Areas
from service.cartography.describe_index import DYNAMICS, change, classes, frame
from service.cartography.index_styles import CHANGE_CUTS, change_style, classes_style, dynamics_style, strongest_style
from service.cartography.legend import count_classes

AREAS = Areas(Text("Ortsteile", "districts"))


def rows(*values: float | None, **more: Any) -> list[dict[str, Any]]:
    return [
        {"area_id": f"a{i}", "name": f"Ort {i}", "change": v, "comparable": "yes", **more} for i, v in enumerate(values)
    ]


def test_change_counts_worse_better_and_what_cannot_be_compared() -> None:
    found = rows(-2.0, -0.5, 0.0, 0.25, 0.3, None)
    found[5]["comparable"] = "no"
    found.append({"area_id": "n", "name": "Nachbar", "change": 9.0, "comparable": "yes", "context": True})
    german = " ".join(change(found, base=2019, areas=AREAS, language="de"))
    assert "in 1 von 5 Ortsteilen (Ort 4) gewachsen, in 2 geringer geworden und in 2 kaum verändert" in german
    assert "1 Gebiete sind nicht vergleichbar, davon 1 wegen eines Bruchs" in german
    assert "Nachbar" not in german
    warned = change(found, base=2019, areas=AREAS, language="de", caution="Nicht preisbereinigt.")
    assert warned[1] == "Nicht preisbereinigt."
    english = " ".join(change(found, base=2019, areas=AREAS, language="en"))
    assert "grown in 1 of 5 districts (Ort 4), lessened in 2 and hardly changed in 2" in english


def test_the_classes_of_change_are_the_same_in_every_year_and_named_in_both_languages() -> None:
    style = change_style(2019)
    counts = count_classes(style, rows(-2.0, -0.5, 0.0, 0.25, 0.3, 1.0, 1.1, None))
    assert list(counts) == [1, 1, 2, 2, 1, 1]
    assert [c.upper for c in style.classes[:-1]] == list(CHANGE_CUTS)
    assert "2019" in style.method.de
    assert style.classes[0].label.de == "deutlich weniger Benachteiligung (bis −1,00)"
    assert style.classes[-1].label.en == "much more disadvantage (over 1.00)"
    assert len({c.colour for c in style.classes}) == 5


@pytest.mark.parametrize("language", ["de", "en"])
def test_categories_are_counted_and_say_what_must_be_known(language: str) -> None:
    style = dynamics_style(
        ("positiv", "stabil", "negativ"), {"positiv": "positive", "stabil": "stable", "negativ": "n"}
    )
    found = [{"dynamics_class": v, "context": False} for v in ("positiv", "stabil", "stabil", None)]
    said = classes(found, style, areas=AREAS, language=language, last=DYNAMICS)
    assert ("3 von 4 Ortsteilen" if language == "de" else "3 of 4 districts") in said[0]
    assert ("Dynamik stabil: 2" if language == "de" else "dynamics stable: 2") in said[0]
    assert said[1] == DYNAMICS[language]


def test_a_wide_frame_is_named_and_the_own_one_is_no_yardstick() -> None:
    title = {"de": "Niedersachsen", "en": "Lower Saxony"}
    assert "Niedersachsen" in frame(title, wider=True, language="de")
    assert "no absolute yardstick" in frame(title, wider=False, language="en")


def test_own_classes_rise_in_darkness_and_four_keep_their_look() -> None:
    style = classes_style(("gut", "schlecht"), {"gut": "good", "schlecht": "bad"})
    assert [(c.value, c.label.en) for c in style.classes] == [("gut", "good"), ("schlecht", "bad")]
    known = classes_style(("hoch", "mittel", "niedrig", "sehr niedrig"), {})
    assert known.classes[-1].letters == "sn"
    topics = strongest_style({"health": Text("Gesundheit", "Health")})
    assert [c.value for c in topics.classes] == ["health", "none"]
