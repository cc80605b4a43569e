"""From a collection and its rows to sentences and method: what was tested, and what must not be claimed of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from geodata.models import Text
from geodata.store.model import Field
from service.cartography.classification import graduated, hotspot_style, status_style
from service.cartography.compose import map_content
from service.cartography.hotspot_styles import robust_style
from service.cartography.interactive import render_map

METHOD = {"de": "Local Moran, 99999 bedingte Permutationen", "en": "Local Moran, 99999 conditional permutations"}
SQUARE = {"type": "Polygon", "coordinates": [[[10, 52], [10.1, 52], [10.1, 52.1], [10, 52.1], [10, 52]]]}


@dataclass
class Store:
    """A store of one collection of one year; only what composing a map asks for."""

    meta: Any
    rows: list[dict[str, Any]]
    edition: str = "public"
    titles: dict[str, Text] = field(default_factory=dict)

    def collection(self, _name: str) -> Any:
        return self.meta

    def collections(self) -> tuple[Any, ...]:
        return (self.meta,)

    def levels(self) -> tuple[Any, ...]:
        titles = {self.meta.level: self.meta.level_title, **self.titles}
        level = partial(SimpleNamespace, areas=1, boundary_date=None, is_grid=False)
        return tuple(level(id=k, title=t) for k, t in titles.items())

    def count(self, _name: str, _query: Any) -> int:
        return len(self.rows)

    def items(self, _name: str, _query: Any) -> Any:
        features = [
            json.dumps({"type": "Feature", "id": str(i), "geometry": SQUARE, "properties": row})
            for i, row in enumerate(self.rows)
        ]
        return SimpleNamespace(features=features, next=None)


def store(rows: list[dict[str, Any]], *, kind: str = "hotspots", style: Any = None, **changes: Any) -> Store:
    """Make a store of Ortsteile; keywords replace metadata."""
    level, title = changes.pop("level", "ortsteil"), changes.pop("title", Text("Ortsteile", "districts"))
    note = {"n_effective": changes.pop("n_effective", None), "global": changes.pop("found", None)}
    metadata = {
        "method": METHOD, "alpha": 0.05, "correction": "fdr", "permutations": 99999, "min_areas": 30,
        "indicator": "quote", "tested_level": level, "per_period": {"2024": note},
    }  # fmt: skip
    meta = SimpleNamespace(
        id="x", base="x", latest=True, kind=kind, level=level, level_title=title, title=Text("Cluster", "Clusters"),
        styles=(style or hotspot_style(),), periods=(2024,), fields=(Field("label", "string", Text("l", "l")),),
        metadata={**metadata, **changes}, storage_crs="EPSG:25832", boundary_date=None, is_grid=False,
    )  # fmt: skip
    rows = [{"area_id": f"a{i}", "name": f"N{i}", "period": 2024, **row} for i, row in enumerate(rows)]
    return Store(meta, rows, titles={"gemeinde": Text("Gemeinden", "municipalities")})


def moran(p: float | None = 0.001, n: int = 76) -> dict[str, Any]:
    return {"value": 0.3, "expected": -0.01, "p": p, "n": n, "n_effective": n}


def plain(n: int, label: str = "not significant", **more: Any) -> list[dict[str, Any]]:
    return [{"label": label, "gi_star_label": label, "state": "tested", **more} for _ in range(n)]


def untested(n: int, state: str, **more: Any) -> list[dict[str, Any]]:
    return [{"label": "no label", "gi_star_label": "no label", "state": state, **more} for _ in range(n)]


def said(where: Store, language: str = "de") -> tuple[str, ...]:
    return tuple(map_content(where, "x", language=language).describe)  # type: ignore[arg-type]


@pytest.mark.parametrize(("p", "clustered"), [(0.05, True), (0.051, False)])
def test_the_global_p_decides_what_no_mark_means(p: float, clustered: bool) -> None:
    first, *rest = said(store(plain(76), n_effective=76, found=moran(p)))
    assert ("Über alle geprüften Gebiete gesehen liegen ähnliche Werte dennoch" in first) is clustered
    assert ("Nur räumlich gehäuft sind sie nicht nachweisbar" in first) is not clustered
    assert rest[-1].startswith("Im Landkreis: Moran-I = 0,30")


def test_without_global_test_nothing_is_said_of_clustering() -> None:
    first, *rest = said(store(plain(76), n_effective=76))
    assert "gehäuft" not in first
    assert "Über alle" not in first
    assert not any("Moran-I" in text for text in rest)


def test_neighbours_widen_the_frame_of_both_tests() -> None:
    rows = plain(7) + plain(143, context=True) + untested(5, "undefined", context=True)
    region = {"level": "region", "title": Text("Gemeinden der Region", "municipalities of the region")}
    text = said(store(rows, n_effective=150, found=moran(n=150), **region))
    assert any("Geprüft wurden 150 Gemeinden der Region; beschriftet werden nur die 7 des" in one for one in text)
    assert text[-1].startswith("Über alle 150 geprüften Gemeinden der Region (7 davon im Landkreis): Moran-I = 0,30")
    assert not any("82" in sentence or "155" in sentence for sentence in text)


@pytest.mark.parametrize(("language", "why"), [("de", "7 Gemeinden sind zu wenige"), ("en", "7 Municipalities are")])
def test_an_untestable_map_names_no_test(language: str, why: str) -> None:
    title = Text("Gemeinden", "Municipalities")
    where = store(untested(7, "untestable"), n_effective=0, level="gemeinde", title=title)
    content = map_content(where, "x", language=language)  # type: ignore[arg-type]
    page = render_map(content)
    assert why in content.method
    assert "99999" not in page
    assert "Moran" not in page
    assert why in content.describe[0]


def test_an_untestable_map_with_hidden_cells_still_says_why() -> None:
    rows = untested(60, "untestable", support="g1") + untested(9, "suppressed", support="g1")
    rows += untested(20, "untestable", support="g2") + untested(5, "suppressed", support="g3")
    where = store(rows, n_effective=0, tested_level="gemeinde", found=moran(0.168, 3))
    content = map_content(where, "x")  # type: ignore[arg-type]
    assert content.method == "kein lokaler Test: 2 Gemeinden sind zu wenige (mindestens 30)"
    assert content.describe[0].startswith("Es sind keine Hotspots markiert: 2 Gemeinden sind zu wenige")
    assert any("In 1 von 3 Gemeinden ist der Wert unterdrückt" in text for text in content.describe)
    assert any(text.startswith("Im Landkreis: Moran-I") and "0,168" in text for text in content.describe)


def test_equal_values_were_not_tested_either() -> None:
    content = map_content(store(untested(40, "undefined"), n_effective=0), "x")  # type: ignore[arg-type]
    assert content.method == "kein lokaler Test: die Werte sind gleich oder fehlen"
    assert not content.style.method.de


def test_a_tested_map_keeps_its_method() -> None:
    where = store(plain(40) + untested(2, "suppressed"), n_effective=40)
    content = map_content(where, "x")  # type: ignore[arg-type]
    assert content.method == METHOD["de"]
    assert content.style == hotspot_style()


@pytest.mark.parametrize(("language", "words"), [("de", "wird nicht genannt"), ("en", "No p-value is given")])
def test_the_p_of_an_index_with_suppressed_areas_is_withheld(language: str, words: str) -> None:
    rows = plain(64) + untested(16, "suppressed")
    text = said(store(rows, n_effective=64, found=moran(n=64), indicator="index"), language)
    whole = " ".join(text)
    assert "0,001" not in whole
    assert "0.001" not in whole
    assert words in text[-1]
    assert "Moran" in text[-2]
    assert "16" in next(sentence for sentence in text if "random" in sentence or "zufällig" in sentence)
    assert "Über alle" not in text[0], "what the p says is not said either"
    assert "Over all" not in text[0]


def test_the_p_of_others_and_of_a_whole_index_is_printed() -> None:
    hidden = plain(64) + untested(16, "suppressed")
    assert "p = 0,001" in said(store(hidden, n_effective=64, found=moran(n=64)))[-1]
    whole = plain(75) + untested(5, "undefined")
    assert "p = 0,001" in said(store(whole, n_effective=75, found=moran(n=75), indicator="index"))[-1]


def test_values_of_a_wider_level_are_counted_in_the_county() -> None:
    style = graduated(pd.Series([1.0, 2.0, 3.0, 9.0]), field="v", n=2)
    rows = [{"v": 1.0}, {"v": 9.0}, {"v": None, "v_status": "suppressed"}, {"v": 9.0, "context": True}]
    title = Text("Gemeinden der Region", "municipalities of the region")
    text = said(store(rows, kind="indicators", style=style, level="region", title=title))
    assert text[0].startswith("In 1 von 3 Gemeinden des Landkreises liegt der Wert über")
    assert any("In 1 von 3 Gemeinden des Landkreises ist der Wert unterdrückt" in sentence for sentence in text)
    assert not any("Cluster" in sentence for sentence in text)


def test_an_index_says_where_it_is_missing_for_want_of_values() -> None:
    rows: list[dict[str, Any]] = [{"status_class": "hoch"}] * 5 + [{"status_class": "sehr niedrig"}]
    rows += [{"status_class": None, "excluded": why} for why in ("value", "value", "floor", "listed")]
    text = said(store(rows, kind="index", style=status_style()))
    assert any(sentence.startswith("In 2 von 10 Ortsteilen gibt es keinen Index, weil") for sentence in text)
    english = said(store(rows, kind="index", style=status_style()), "en")
    assert any(sentence.startswith("In 2 of 10 districts there is no index because") for sentence in english)
    assert not any("keinen Index" in s for s in said(store(rows[:6], kind="index", style=status_style())))


@pytest.mark.parametrize(("checked", "field"), [(True, "label_robust"), (False, "label")])
def test_a_year_that_was_not_checked_draws_labels_as_tested(checked: bool, field: str) -> None:
    note = {"variants": 99, "draws": 33, "weights": ["queen", "knn:6"], "threshold": 0.9} if checked else None
    rows = plain(40, "High-High", label_robust="High-High" if checked else None, label_probability=0.95)
    where = store(rows, style=robust_style(0.9), n_effective=40)
    where.meta.styles = (*where.meta.styles, hotspot_style())
    where.meta.metadata["per_period"]["2024"]["robust"] = note
    content = map_content(where, "x", language="de")  # type: ignore[arg-type]
    assert content.style.field == field
    text = " ".join(content.describe)
    assert ("40 von 40 Markierungen halten in mindestens 90" in text) is checked
    assert ("ist für dieses Jahr nicht geprüft" in text) is not checked
    legend = render_map(content)
    assert ("unsicher, hoch" in legend) is checked
