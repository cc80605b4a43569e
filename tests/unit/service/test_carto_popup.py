"""Popups and banners: what is not there is left out, numbers as in the legend, the internal edition says so."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from geodata.models import Text
from geodata.store.model import Field
from service.cartography import palettes
from service.cartography.classification import graduated
from service.cartography.content import MapContent
from service.cartography.interactive import render_map
from service.cartography.popup import popup_rows
from service.cartography.static import render_png
from service.cartography.thumbnail import render_thumbnail
from service.workflows.handdown_texts import PROVENANCE

STATUS = {
    "observed": Text("Wert liegt vor", "value present"),
    "suppressed": Text("nicht gezeigt (Datenschutz)", "not shown"),
}
FIELDS = (
    Field("x", "number", Text("Quote", "Rate"), unit="%"),
    Field("x_n", "number", Text("Zähler", "Numerator")),
    Field("x_d", "number", Text("Nenner", "Denominator")),
    Field("x_status", "string", Text("Status", "Status"), values=STATUS),
    Field("x_origin", "string", Text("Herkunft", "Origin"), values={"modelled": Text("modelliert", "modelled")}),
    Field("x_flags", "string", Text("Hinweise", "Flags")),
    Field("x_support", "string", Text("gemessen in", "measured in")),
)


def content(**changes: Any) -> MapContent:
    style = graduated(pd.Series([1.0, 2.5, 9.0]), field="x", n=2, decimals=1)
    given = {"title": "t", "subtitle": "s", "style": style, "features": "", "fields": FIELDS, "names": {"07": "Ahlen"}}
    return MapContent(**{**given, **changes})


def test_a_counted_value_is_written_as_in_the_legend_and_people_are_whole() -> None:
    row = {"x": 12.3456, "x_n": 37.0, "x_d": 300.0, "x_status": "observed", "x_origin": "counted", "x_flags": None}
    assert popup_rows(row, content()) == ["12,3\u00a0%", "37", "300", "Wert liegt vor", "counted", None, None]


def test_a_modelled_value_says_so_and_names_where_it_was_measured() -> None:
    row = {
        "x": 12.0, "x_n": 36.97, "x_d": 300.04, "x_status": "observed", "x_origin": "modelled",
        "x_flags": "provisional break", "x_support": "07",
    }  # fmt: skip
    said = popup_rows(row, content())
    assert said == [
        "12,0\u00a0%", "37,0", "300,0", "modelliert", "modelliert", "vorläufig, Bruch in der Reihe", "Ahlen",
    ]  # fmt: skip
    assert popup_rows({**row, "x_support": "99"}, content())[-1] == "99"


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_fallback_is_said_in_words_and_what_is_usual_is_not(language: str) -> None:
    fields = (
        Field("x", "number", Text("Quote", "Rate"), unit="%"),
        Field("x_coverage", "number", Text("bekannt", "known")),
        Field("x_provenance", "string", Text("verteilt nach", "shared by"), values=PROVENANCE),
    )
    shown = content(fields=fields, language=language, modelled=True)
    usual = {"x": 12.0, "x_coverage": 1.0, "x_provenance": "ancillary", "x_origin": "modelled"}
    assert popup_rows(usual, shown)[1:] == [None, None]
    for by in ("even", "mask", "area"):
        share, said = popup_rows({**usual, "x_coverage": 0.754, "x_provenance": by}, shown)[1:]
        assert share == {"de": "0,75", "en": "0.75"}[language]
        assert said is not None
        assert {"de": "Ersatzweise", "en": "fallback"}[language] in said
    hidden = {"x": None, "x_coverage": None, "x_provenance": None, "x_origin": "modelled"}
    assert popup_rows(hidden, shown)[1:] == [None, None]


def test_what_is_drawn_is_never_left_out() -> None:
    row = {"x": None, "x_n": None, "x_status": "suppressed"}
    expected = ["keine Angabe / unterdrückt", None, None, "nicht gezeigt (Datenschutz)", None, None, None]
    assert popup_rows(row, content()) == expected


def test_p_values_do_not_read_zero() -> None:
    fields = (Field("p", "number", Text("p", "p")), Field("p_adjusted", "number", Text("q", "q")))
    assert popup_rows({"p": 0.00002, "p_adjusted": 0.0123}, content(fields=fields)) == ["< 0,0001", "0,0123"]


def test_every_form_of_an_internal_map_says_so(carto_content: Callable[..., MapContent]) -> None:
    internal = carto_content(edition="internal")
    words = "Interne Ausgabe – darf diesen Rechner nicht verlassen"
    assert words in render_map(internal)
    assert words not in render_map(carto_content())
    purple = tuple(palettes.rgb(palettes.INTERNAL))
    picture = np.asarray(Image.open(io.BytesIO(render_png(internal, dpi=60))).convert("RGB"))
    plain = np.asarray(Image.open(io.BytesIO(render_png(carto_content(), dpi=60))).convert("RGB"))
    assert (picture[4] == purple).all(axis=-1).mean() > 0.5
    assert not (plain == purple).all(axis=-1).any()
    assert palettes.INTERNAL in render_thumbnail(internal)
    assert palettes.INTERNAL not in render_thumbnail(carto_content())


@pytest.mark.parametrize("language", ["de", "en"])
def test_both_banners_stand_below_each_other(carto_content: Callable[..., MapContent], language: str) -> None:
    svg = render_png(carto_content(edition="internal", draft=True, language=language), format="svg").decode()
    fills = [m for m in re.findall(r"#[0-9a-f]{6}", svg) if m in (palettes.INTERNAL, "#8a1f11")]
    assert fills[:2] == [palettes.INTERNAL, "#8a1f11"]


def test_cells_without_people_have_a_row_of_their_own(carto_content: Callable[..., MapContent]) -> None:
    shown = json.loads(carto_content().features)
    for i, feature in enumerate(shown["features"]):
        feature["properties"]["value_status"] = "suppressed" if i == 18 else "observed"
        if i in (3, 4, 5):
            feature["properties"] |= {"value": None, "value_status": "missing"}
    values = pd.Series([float(i) for i in range(20)])
    grid = carto_content(style=graduated(values, field="value", grid=True), features=json.dumps(shown))
    page = render_map(grid)
    labels = re.findall(r'<span class="sm-label">(.*?)</span>\s*<span class="sm-n">(\d+)', page)
    assert labels[-2:] == [("nicht gezeigt (Datenschutz)", "1"), ("unbewohnt oder ohne Angabe", "3")]
    inhabited = render_map(replace(grid, features=carto_content().features.replace('"value": null', '"value": 1.0')))
    assert "unbewohnt" not in inhabited
    assert "dunkel = hoher Wert = stärkere Benachteiligung" in page


def test_the_definition_stands_beside_the_map(carto_content: Callable[..., MapContent]) -> None:
    page = render_map(carto_content(definition="Menschen je 100 <Einwohner>."))
    assert "Was wird gezeigt" in page
    assert "Menschen je 100 &lt;Einwohner&gt;." in page
    assert "Was wird gezeigt" not in render_map(carto_content())
