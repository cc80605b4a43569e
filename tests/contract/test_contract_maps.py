"""Maps, hotspots and embedding: what planners and report authors get."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

RATES = "ortsteil_employment"
HOT = "ortsteil_hotspots_unemployment"
BASE = "http://127.0.0.1:8000"


def policy_of(answer: object) -> dict[str, str]:
    header: str = answer.headers["content-security-policy"]  # type: ignore[attr-defined]
    return {part.split(" ", 1)[0]: part.split(" ", 1)[-1] for part in header.split("; ")}


def nonces(page: str) -> set[str]:
    return set(re.findall(r'nonce="([^"]+)"', page))


def test_a_map_is_a_leaflet_page_that_asks_only_this_application(client: TestClient) -> None:
    answer = client.get(f"/maps/{RATES}")
    assert answer.status_code == 200
    page = answer.text
    assert "Arbeitslosenquote" in page
    assert "Ortsteile, 2021" in page
    assert "leaflet" in page
    addresses = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page)
    assert addresses
    for address in addresses:
        assert address.startswith((f"{BASE}/static/", "data:")), address
        if address.startswith(BASE):
            found = client.get(address)
            assert found.status_code == 200
            assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ".invalid" not in page, "no placeholder is left"


def test_every_answer_has_a_nonce_of_its_own_and_every_script_bears_it(client: TestClient) -> None:
    first, second = client.get(f"/maps/{RATES}"), client.get(f"/maps/{RATES}")
    assert first.headers["cache-control"] == "no-cache"
    assert "etag" not in first.headers, "a page kept with its nonces must not be revalidated under others"
    for answer in (first, second):
        (nonce,) = nonces(answer.text)
        policy = policy_of(answer)
        assert policy["script-src"] == f"'nonce-{nonce}'"
        assert policy["default-src"] == "'none'"
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", answer.text):
            assert f'nonce="{nonce}"' in tag
        assert not re.search(r"<[^>]+\son\w+=", answer.text), "no inline handlers"
    assert nonces(first.text) != nonces(second.text)
    assert policy_of(first)["frame-ancestors"] == "'none'"


def test_a_kept_page_does_not_carry_the_name_of_its_first_visitor(client: TestClient) -> None:
    client.get(f"/maps/{RATES}", headers={"host": "first.example"})
    page = client.get(f"/maps/{RATES}", headers={"host": "second.example"}).text
    assert "first.example" not in page
    assert "http://second.example/static/" in page


def test_period_field_and_language_choose_the_map(client: TestClient) -> None:
    page = client.get(f"/maps/{RATES}?period=2019&field=people&lang=en").text
    assert '<html lang="en">' in page
    assert "Inhabitants" in page
    assert "districts, 2019" in page
    assert client.get(f"/maps/{RATES}_latest").text.count("Ortsteile, 2021") >= 1


@pytest.mark.parametrize(
    ("query", "parameter", "allowed"),
    [
        ("period=1999", "period", ["2019", "2020", "2021"]),
        ("field=status", "field", ["rate", "people"]),
        ("lang=fr", "lang", ["de", "en"]),
        ("f=gif", "f", ["html", "png", "svg", "pdf"]),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_can(
    client: TestClient, query: str, parameter: str, allowed: list[str]
) -> None:
    answer = client.get(f"/maps/{RATES}?{query}")
    assert answer.status_code == 400
    assert (answer.json()["parameter"], answer.json()["allowed"]) == (parameter, allowed)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_pictures(client: TestClient, ending: str) -> None:
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    types = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
    answer = client.get(f"/maps/{RATES}.{ending}?width=120&dpi=60")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == types[ending]
    assert answer.content.startswith(start)
    assert f"{RATES}-2021-" in answer.headers["content-disposition"]
    again = client.get(f"/maps/{RATES}?f={ending}&width=120&dpi=60")
    assert again.content == answer.content
    assert client.get(answer.request.url, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("query", ["width=1", "width=9999", "width=x", "dpi=10000", "dpi=-5", "size=3"])
def test_pictures_of_odd_size_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/maps/{RATES}.png?{query}").status_code == 400


def test_previews_are_small_and_show_each_class(client: TestClient) -> None:
    import xml.etree.ElementTree as ET

    answer = client.get(f"/thumbnails/{RATES}.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    root = ET.fromstring(answer.text)
    paths = root.findall("{http://www.w3.org/2000/svg}path")
    # 30 areas of the county in five classes and one missing; the six of context are not drawn.
    assert sum(path.attrib["d"].count("M") for path in paths) == 30
    assert len(paths) == 6
    for path in paths:
        for number in re.findall(r"[\d.]+", path.attrib["d"]):
            assert 0 <= float(number) <= 320
    assert len(answer.content) < 6000
    # Five columns of six rows fill the height between the rims, and the width that belongs to it.
    numbers = [float(n) for path in paths for n in re.findall(r"[\d.]+", path.attrib["d"])]
    xs, ys = numbers[0::2], numbers[1::2]
    assert (min(ys), max(ys)) == (8, 212)
    assert max(xs) - min(xs) == pytest.approx(204 * 5 / 6, abs=4)


def test_embed_page_may_be_framed_and_tells_its_height(client: TestClient) -> None:
    answer = client.get(f"/embed/{RATES}")
    policy = policy_of(answer)
    # Everybody, a report opened from disk too: "*" would stand for addresses of the network only.
    assert "frame-ancestors" not in policy
    assert "x-frame-options" not in answer.headers
    assert "postMessage" in answer.text
    assert "sz-bar" not in answer.text
    (nonce,) = nonces(answer.text)
    assert policy["script-src"] == f"'nonce-{nonce}'"


def test_lines_to_copy_lead_to_what_they_promise(client: TestClient) -> None:
    for address in (f"/maps/{RATES}", f"/collections/{RATES}?f=html"):
        page = client.get(address, headers={"accept": "text/html"}).text
        lines = [html.unescape(line) for line in re.findall(r"<code[^>]*>(&lt;.+?)</code>", page)]
        frames = [line for line in lines if line.startswith("<iframe")]
        assert len(lines) == 4
        assert len(frames) == 3
        for line in lines:
            for source in re.findall(r'src="([^"]+)"', line):
                target = html.unescape(source)
                assert target.startswith(f"{BASE}/"), "addresses are absolute"
                assert client.get(target).status_code == 200, target
        fixed, latest, script = (re.findall(r'src="([^"]+)"', line)[0] for line in frames)
        query = parse_qs(urlsplit(html.unescape(fixed)).query)
        assert (query["publication"], query["period"]) == (["0001"], ["2021"])
        assert urlsplit(latest).query == "", "the newest one names neither publication nor year"
        assert "embed-parent.js" in frames[2]
        assert script == fixed
        assert 'title="' in frames[0]
        (picture,) = [line for line in lines if "<img" in line]
        assert 'alt="Arbeit – Ortsteile, 2021"' in picture


def test_hotspots_need_nothing_but_the_indicator(client: TestClient) -> None:
    answer = client.get("/hotspots?indicator=unemployment", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "High-High" in answer.text
    assert "Ortsteile, 2021" in answer.text


def test_hotspots_as_geojson_are_the_rows_of_the_collection(client: TestClient) -> None:
    path = "/hotspots?indicator=unemployment&level=ortsteil&period=2020&statistic=gi-star&f=geojson"
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    expected = client.get(f"/collections/{HOT}/items?period=2020&limit=1000").json()
    assert found["features"] == expected["features"]
    assert found["numberReturned"] == 36
    hot = {f["id"] for f in found["features"] if f["properties"]["gi_star_label"] == "hot"}
    assert hot == {f"O{r}{c}.2020" for r in (4, 5) for c in range(5)}
    assert client.get(path.replace("geojson", "json")).json()["features"] == found["features"]


def test_hotspots_as_picture(client: TestClient) -> None:
    answer = client.get("/hotspots?indicator=unemployment&f=png&width=120&dpi=60&level=&period=")
    assert answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("query", "parameter", "allowed"),
    [
        ("", "indicator", ["unemployment"]),
        ("indicator=wealth", "indicator", ["unemployment"]),
        ("indicator=unemployment&level=kreis", "level", ["ortsteil"]),
        ("indicator=unemployment&period=1999", "period", ["2019", "2020", "2021"]),
        ("indicator=unemployment&statistic=getis", "statistic", ["local-moran", "gi-star"]),
    ],
)
def test_hotspots_that_do_not_exist_answer_with_those_that_do(
    client: TestClient, query: str, parameter: str, allowed: list[str]
) -> None:
    answer = client.get(f"/hotspots?{query}")
    assert answer.status_code == 400
    assert (answer.json()["parameter"], answer.json()["allowed"]) == (parameter, allowed)
    page = client.get(f"/hotspots?{query}", headers={"accept": "text/html"})
    assert page.status_code == 400
    for value in allowed:
        assert f"{parameter}={value}" in page.text, "the page offers each as a link"


def test_geopackage_and_manifest_are_those_of_the_edition(client: TestClient, tmp_path: object) -> None:
    import sqlite3
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    answer = client.get("/download/layers.gpkg")
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    assert 'filename="sozialmonitor-muster-0001.gpkg"' in answer.headers["content-disposition"]
    path = tmp_path / "layers.gpkg"
    path.write_bytes(answer.content)
    with sqlite3.connect(path) as db:
        names = {name for (name,) in db.execute("SELECT table_name FROM gpkg_contents")}
    db.close()
    assert RATES in names
    assert client.get("/download/manifest.json").json()["edition"] == "public"
    part = client.get("/download/layers.gpkg", headers={"range": "bytes=0-15"})
    assert (part.status_code, part.content) == (206, b"SQLite format 3\x00")


def test_the_form_offers_only_what_each_indicator_has(client: TestClient) -> None:
    page = client.get("/", headers={"accept": "text/html"}).text
    options = re.findall(r'<option value="([^"]+)"( selected)? data-best="([^"]+)" data-levels="([^"]+)">', page)
    assert options, "there is something to choose from"
    assert [chosen for _, chosen, _, _ in options].count(" selected") == 1
    for indicator, _, best, levels in options:
        offered = json.loads(html.unescape(levels))
        assert best in [level["id"] for level in offered]
        for level in offered:
            for year in level["years"]:
                address = f"/hotspots?indicator={indicator}&level={level['id']}&period={year}&f=geojson"
                assert client.get(address).status_code == 200, address


def test_a_level_or_year_that_an_indicator_lacks_is_told_with_what_there_is(client: TestClient) -> None:
    wrong = client.get("/hotspots?indicator=unemployment&level=gemeinde").json()
    assert wrong["status"] == 400
    assert "Für diesen Indikator gibt es: Ortsteile" in wrong["detail"]
    assert wrong["allowed"] == ["ortsteil"]
    wrong = client.get("/hotspots?indicator=unemployment&period=1999").json()
    assert "kein Jahr „1999“" in wrong["detail"]
    assert wrong["allowed"] == ["2019", "2020", "2021"]


def test_an_unknown_layer_is_answered_with_links_to_those_there_are(client: TestClient) -> None:
    for path in ("/collections/nothing", "/maps/nothing"):
        page = client.get(path, headers={"accept": "text/html"})
        assert page.status_code == 404
        links = re.findall(r'<li><a href="([^"]+)">([^<]+)</a>', page.text)
        assert RATES in [name for _, name in links]
        assert not [name for _, name in links if name.endswith("_latest")], "the same layer once more"
        for address, _ in links:
            assert client.get(html.unescape(address), headers={"accept": "text/html"}).status_code == 200, address


def test_a_table_names_its_areas_first_and_each_heading_once(client: TestClient) -> None:
    page = client.get(f"/collections/{RATES}/items?f=html").text
    head = page[page.index("<thead>") : page.index("</thead>")]
    titles = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<th[^>]*>(.*?)</th>", head)]
    assert titles[:3] == ["Name", "Gebietsschlüssel", "Jahr"]
    assert len(titles) == len(set(titles))
    first = page[page.index("<tbody>") : page.index("</tr>", page.index("<tbody>"))]
    assert len(re.findall(r"<t[dh]", first)) == len(titles)
