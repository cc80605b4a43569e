"""Map pages: no third party, strict policy, hostile names stay text, everything a map must say is there."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import folium
import pytest

from geodata.errors import ConfigError, FormatError, SozialmonitorError
from service.cartography import classification
from service.cartography.interactive import ASSETS, content_security_policy, render_map

from .conftest import HOSTILE, collection, squares


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = (tag, dict(attrs))
            self.blocks.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, attrs, before = self.blocks[-1]
            self.blocks[-1] = (tag, attrs, before + data)
        else:
            self.text += data

    def data(self) -> dict:
        return json.loads(next(text for _, attrs, text in self.blocks if attrs.get("id") == "sm-data"))

    def words(self) -> str:
        return " ".join(self.text.split())


def test_served_page_asks_only_the_application(carto_content) -> None:
    page = Page(render_map(carto_content(), assets="/assets", nonce="abc"))
    addresses = [a for _, attrs in page.tags for key in ("src", "href") if (a := attrs.get(key))]
    assert sorted(re.sub(r"\?v=\w+", "", a) for a in addresses if a not in ("data:,",)) == [
        "/assets/leaflet/leaflet.css",
        "/assets/leaflet/leaflet.js",
        "/assets/map.css",
        "/assets/map.js",
        "https://musterkreis.example/maps/x?a=1&b=2",  # the permalink: a link to follow, not a request
    ]
    for address in addresses:
        if address.startswith("/assets/"):
            assert (ASSETS / re.sub(r"\?.*", "", address.removeprefix("/assets/"))).is_file()


def test_page_from_disk_carries_all_and_asks_nobody(carto_content) -> None:
    page = Page(render_map(carto_content()))
    assert not [attrs for _, attrs in page.tags if attrs.get("src")]
    assert not [attrs for tag, attrs in page.tags if tag == "link" and attrs["href"] != "data:,"]
    styles = "".join(text for tag, _, text in page.blocks if tag == "style")
    assert not re.findall(r"url\((?!data:|#)[^)]*\)", styles)
    assert "sourceMappingURL" not in "".join(text for _, _, text in page.blocks)


def test_policy_of_a_page_from_disk_allows_exactly_its_blocks(carto_content) -> None:
    page = Page(render_map(carto_content()))
    policy = next(
        a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    wanted = set()
    for _, attrs, text in page.blocks:
        if attrs.get("type") != "application/json":
            wanted.add("sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
    assert set(re.findall(r"'(sha256-[^']+)'", policy)) == wanted


def test_nonce_on_every_script_and_style_and_no_inline_handler(carto_content) -> None:
    for assets in ("inline", "/assets/"):
        page = Page(render_map(carto_content(), assets=assets, nonce='n"1'))
        loaders = [a for t, a in page.tags if t in ("script", "style") or (t == "link" and a["rel"] == "stylesheet")]
        assert len(loaders) == 6
        assert all(attrs["nonce"] == 'n"1' for attrs in loaders)
        for _, attrs in page.tags:
            assert "style" not in attrs
            assert not [key for key in attrs if key.startswith("on")]
    policy = content_security_policy("n1")
    assert "script-src 'nonce-n1'" in policy
    assert "style-src 'nonce-n1'" in policy
    assert "unsafe" not in policy


def test_hostile_names_stay_text(carto_content) -> None:
    text = render_map(carto_content(title=HOSTILE, attribution=HOSTILE, describe=(HOSTILE, HOSTILE)))
    page = Page(text)
    assert not [tag for tag, attrs in page.tags if tag == "img" or "onerror" in attrs]
    assert sum(tag == "script" for tag, _ in page.tags) == 4
    assert page.data()["areas"][0]["name"] == HOSTILE
    assert next(a for t, a in page.tags if t == "button" and a.get("data-area") == "0")
    assert page.text.count("alert(1)") >= 5


def test_page_says_what_a_map_must_say(carto_content) -> None:
    text = render_map(carto_content(draft=True, method="Mit Sorgfalt."))
    page = Page(text)
    assert ("html", {"lang": "de"}) in page.tags
    assert "<title>Grundsicherung &lt;b&gt; – Ortsteile, 2023</title>" in text
    viewport = next(a["content"] for t, a in page.tags if a.get("name") == "viewport")
    assert "user-scalable" not in viewport
    words = page.words()
    for said in (
        "Entwurf – nicht zur Veröffentlichung",
        "3 von 20 Ortsteilen liegen hoch.",
        "Angabe in %",
        "Local Moran, korrigiert für mehrfaches Testen",
        "Keine Rangfolge.",
        "Quelle: Musterkreis",
        "dl-de/by-2-0",
        "Gebietsstand: 31.12.2023",
        "Nachbargebiete (nicht bewertet)",
        "Mit Sorgfalt.",
    ):
        assert said in words, said
    assert "modelliert" not in words


def test_draft_and_modelled_only_where_they_are(carto_content) -> None:
    plain = Page(render_map(carto_content())).words()
    assert "Entwurf" not in plain
    modelled = Page(render_map(carto_content(style=classification.hotspot_style(modelled=True))))
    assert "modelliert, nicht gezählt" in modelled.words()
    assert modelled.data()["modelled"] is True


def test_legend_counts_what_is_drawn(carto_content) -> None:
    text = render_map(carto_content())
    page = Page(text)
    data = page.data()
    shown = re.findall(r'data-class="(\d+)".*?class="sm-n">(\d+)', text, re.DOTALL)
    assert len(shown) == len(data["classes"]) == 7  # five labels, suppressed, isolated
    for index, count in shown:
        assert sum(area["c"] == int(index) for area in data["areas"]) == int(count)
    assert sum(int(count) for _, count in shown) == len(data["areas"]) == 20
    patterns = {a["id"] for t, a in page.tags if t == "pattern"}
    assert patterns == {f"sm-hatch-{c['index']}" for c in data["classes"] if c["hatch"]}


def test_neighbours_have_no_name_and_no_class(carto_content) -> None:
    data = Page(render_map(carto_content())).data()
    assert len(data["context"]["features"]) == 2
    assert all(feature["properties"] == {} for feature in data["context"]["features"])
    assert "Nachbar" not in json.dumps([data["areas"], data["codes"]])
    assert [area["c"] for area in data["areas"]].count(0) == 3


def test_popup_rows_are_written_for_people(carto_content) -> None:
    areas = Page(render_map(carto_content())).data()["areas"]
    assert areas[5]["rows"] == ["5\u00a0%"]
    assert areas[18]["rows"] == ["keine Angabe / unterdrückt"]
    english = Page(render_map(carto_content(language="en"))).data()
    assert english["areas"][18]["rows"] == ["no data / suppressed"]
    assert english["fields"] == ["rate"]


def test_letters_stand_inside_their_areas(carto_content) -> None:
    import shapely

    data = Page(render_map(carto_content())).data()
    shapes = {f["properties"]["i"]: shapely.from_geojson(json.dumps(f["geometry"])) for f in data["shapes"]["features"]}
    lettered = {c["index"] for c in data["classes"] if c["letters"]}
    assert len(data["codes"]) == sum(area["c"] in lettered for area in data["areas"]) == 7
    for spot in data["codes"]:
        point = shapely.Point(spot["at"][1], spot["at"][0])
        (inside,) = [i for i, shape in shapes.items() if shape.contains(point)]
        assert data["areas"][inside]["c"] == spot["c"]
        room = shapes[inside].boundary.distance(point)
        assert 0 < room <= spot["at"][2] <= 1.7 * room + 1e-9  # a degree of longitude is .61 of one of latitude here


def test_equal_content_gives_equal_bytes(carto_content) -> None:
    assert render_map(carto_content()) == render_map(carto_content())


def test_thousands_of_cells_go_to_a_canvas_once(carto_content) -> None:
    cells = []
    for i in range(1600):
        x, y = 10 + 0.002 * (i % 40), 52 + 0.001 * (i // 40)
        ring = [[x, y], [x + 0.002, y], [x + 0.002, y + 0.001], [x, y + 0.001], [x, y]]
        label = "High-High" if i % 40 < 8 else "not significant"
        properties = {"name": f"c{i}", "label": label, "state": "tested"}
        cells.append(
            {
                "type": "Feature",
                "id": i,
                "properties": properties,
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    text = render_map(carto_content(features=collection(cells)))
    data = Page(text).data()
    assert data["canvas"] is True
    assert '"preferCanvas": true' in text
    assert len(data["codes"]) == 1  # one code for the whole cluster
    assert text.count('"name":"c1599"') == 1
    assert "Markierte Gebiete" not in text
    small = render_map(carto_content())
    assert '"preferCanvas": false' in small


def test_a_new_link_of_folium_is_refused(carto_content, monkeypatch) -> None:
    monkeypatch.setattr(folium.Map, "default_js", [*folium.Map.default_js, ("d3", "https://cdn.example/d3.js")])
    with pytest.raises(SozialmonitorError, match="not vendored"):
        render_map(carto_content())


def test_base_map_is_off_unless_chosen(carto_content) -> None:
    assert "tileLayer" not in render_map(carto_content(), assets="/a", nonce="n")
    tiles = {"url": "https://{s}.tiles.example/{z}/{x}/{y}.png", "attribution": "© <b>Amt</b>", "max_zoom": 16}
    text = render_map(carto_content(), assets="/a", nonce="n", basemap=tiles)
    assert "L.tileLayer(" in text
    assert "© &lt;b&gt;Amt&lt;/b&gt;" in text
    assert "<b>Amt" not in text
    assert "https://*.tiles.example" in content_security_policy("n", basemap=tiles)
    assert "https://*.tiles.example" in render_map(carto_content(), basemap=tiles)


@pytest.mark.parametrize(
    "basemap",
    [
        {"url": "https://x.example/{z}"},
        {"url": "http://x.example/{z}", "attribution": "x"},
        {"url": "//x.example/{z}", "attribution": "x"},
        {"url": "https://x.example/{z}; script-src *", "attribution": "x"},
    ],
)
def test_odd_base_maps_are_refused(carto_content, basemap) -> None:
    with pytest.raises(ConfigError):
        render_map(carto_content(), basemap=basemap)
    with pytest.raises(ConfigError):
        content_security_policy("n", basemap=basemap)


@pytest.mark.parametrize(
    "features",
    [
        "{",
        "[]",
        '{"type":"Feature"}',
        collection([{**squares()[0], "geometry": None}]),
        collection([{**squares()[0], "geometry": {"type": "Point", "coordinates": [1, 2]}}]),
    ],
)
def test_odd_features_are_refused(carto_content, features) -> None:
    with pytest.raises(FormatError, match="expected"):
        render_map(carto_content(features=features))


def test_a_map_without_areas_is_still_a_page(carto_content) -> None:
    assert Page(render_map(carto_content(features=collection([])))).data()["areas"] == []


def test_outlines_bring_names_of_places(carto_content) -> None:
    outline = collection([{**squares()[0], "properties": {"name": "Gemeinde A"}}, {**squares()[4], "properties": {}}])
    data = Page(render_map(carto_content(outline_features=outline, context_features=outline))).data()
    assert [place["name"] for place in data["places"]] == ["Gemeinde A"]
    assert len(data["outlines"]["features"]) == 2
    assert len(data["context"]["features"]) == 4


def test_where_nothing_was_tested_the_legend_says_only_that(carto_content) -> None:
    features = squares()[:20]
    for feature in features:
        feature["properties"] |= {"label": "no label", "state": "untestable"}
    data = Page(render_map(carto_content(features=collection(features)))).data()
    assert [c["label"] for c in data["classes"]] == ["zu wenige Gebiete für einen Test"]
    assert data["codes"] == []


def test_given_counts_win(carto_content) -> None:
    content = carto_content()
    counts = [0] * (len(content.style.classes) + 1)
    counts[0] = 77
    assert "77 Ortsteile" in Page(render_map(replace(content, counts=counts))).words()


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("leaflet/leaflet.js", "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a"),
        ("leaflet/leaflet.css", "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6"),
    ],
)
def test_vendored_files_are_what_npm_delivered(path: str, digest: str) -> None:
    assert hashlib.sha256((ASSETS / path).read_bytes()).hexdigest() == digest


def test_vendored_files_have_their_licence() -> None:
    assert "Redistribution and use" in (ASSETS / "leaflet/LICENSE").read_text(encoding="utf-8")
    assert "1.9.4" in (ASSETS / "README.md").read_text(encoding="utf-8")


def test_serving_loads_no_heavy_library() -> None:
    code = (
        "import sys, service.cartography.interactive, service.cartography.static, service.cartography.describe, "
        "service.cartography.legend, folium, matplotlib.figure\n"
        "heavy = {'libpysal', 'esda', 'mapclassify', 'rasterio', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
