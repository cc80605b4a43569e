"""Indicator sheets over the service: listed, in two languages, linked, refused, silent about what is for inside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from tests.contract.conftest import local_client

if TYPE_CHECKING:
    from service.workflows.run import RunReport

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def sheets(tiny_run: tuple[Path, RunReport]) -> Iterator[TestClient]:
    state, report = tiny_run
    with local_client(create_app(Settings(state_dir=state, county=report.county))) as found:
        yield found


@pytest.fixture(scope="module")
def inside(tiny_run: tuple[Path, RunReport]) -> Iterator[TestClient]:
    state, report = tiny_run
    with local_client(create_app(Settings(state_dir=state, county=report.county, edition="internal"))) as found:
        yield found


def listed(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/indicators").json()["indicators"]
    return found


def test_every_indicator_has_a_sheet_that_answers(sheets: TestClient) -> None:
    found = listed(sheets)
    assert {"arbeitslosenquote", "pflegequote", "wohnflaeche"} <= {entry["id"] for entry in found}
    for entry in found:
        answer = sheets.get(entry["href"], headers=HTML)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert entry["title"] in answer.text
    page = sheets.get("/indicators", headers=HTML)
    assert all(f"/indicators/{entry['id']}" in page.text for entry in found)


def test_a_sheet_writes_the_formula_out_and_names_table_column_source_and_licence(sheets: TestClient) -> None:
    sheet = sheets.get("/indicators/arbeitslosenquote").json()
    assert (sheet["scale"], sheet["unit"], sheet["polarity"]) == (100.0, "%", "disadvantage")
    assert (sheet["numerator"]["table"], sheet["numerator"]["column"]) == ("arbeitslose", "Arbeitslose")
    assert sheet["denominator"]["source"] == "melderegister"
    page = sheets.get("/indicators/arbeitslosenquote", headers=HTML).text
    plain = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Arbeitslosenanteil = 100 × Arbeitslose / 15 bis unter 65 Jahre" in plain
    for said in ("Melderegister (erfunden)", "CC0 1.0", "§ 34 BMG", "hoher Wert = stärkere Benachteiligung"):
        assert said in plain, said
    english = sheets.get("/indicators/arbeitslosenquote?lang=en", headers=HTML)
    assert english.headers["content-language"] == "en"
    assert "Unemployment share" in english.text
    assert "high value = more disadvantage" in english.text


def test_coverage_counts_what_the_layer_shows(sheets: TestClient) -> None:
    """Against the served rows themselves, counted independently."""
    cover = next(
        c
        for c in sheets.get("/indicators/arbeitslosenquote").json()["coverage"]
        if not c["by_sex"] and not c["modelled"]
    )
    rows = [
        f["properties"]
        for f in sheets.get(f"/collections/{cover['collection']}/items?limit=10000").json()["features"]
        if not f["properties"]["context"]
    ]
    for year in cover["years"]:
        mine = [r for r in rows if r["period"] == year["year"]]
        shown = [r for r in mine if r["arbeitslosenquote"] is not None]
        hidden = [r for r in mine if r["arbeitslosenquote_status"] in ("suppressed", "suppressed_or_unknown")]
        assert (year["areas"], year["shown"], year["suppressed"]) == (len(mine), len(shown), len(hidden))
        assert year["missing"] == len(mine) - len(shown) - len(hidden)
        assert hidden, "the tiny county suppresses something, or this says nothing"


def test_a_handed_down_indicator_says_so_and_names_what_says_where_people_live(sheets: TestClient) -> None:
    sheet = sheets.get("/indicators/pflegequote").json()
    assert sheet["handed_down"]
    assert any(cover["modelled"] for cover in sheet["coverage"])
    assert "raster" in {source["id"] for source in sheet["sources"]}
    assert "Modelliert aus" in sheets.get("/indicators/pflegequote", headers=HTML).text


def test_a_layer_of_counted_and_modelled_indicators_names_the_modelled_one(sheets: TestClient) -> None:
    page = sheets.get("/collections/ortsteil_health", headers=HTML).text
    assert re.search(r"<strong>Pflegebedürftige:</strong>\s*Modelliert aus", page)
    assert page.count(":</strong> Modelliert aus") == 1
    description = sheets.get("/collections/ortsteil_health").json()["description"]
    assert "15 Jahren. Pflegebedürftige: Pflegebedürftige (SGB XI)" in description, "one sentence each"


def test_layers_link_to_the_sheets_of_their_indicators(sheets: TestClient) -> None:
    for name in ("ortsteil_employment", "ortsteil_hotspots_arbeitslosenquote", "ortsteil_index"):
        page = sheets.get(f"/collections/{name}", headers=HTML)
        assert page.status_code == 200
        assert "/indicators/arbeitslosenquote" in page.text, name
    assert "/indicators" in sheets.get("/", headers=HTML).text


def test_sheets_stand_under_the_policy_of_all_pages(sheets: TestClient) -> None:
    policy = sheets.get("/collections", headers=HTML).headers["content-security-policy"]
    for path in ("/indicators", "/indicators/pflegequote"):
        answer = sheets.get(path, headers=HTML)
        assert answer.headers["content-security-policy"] == policy
        assert "style=" not in answer.text
        assert "<script" not in answer.text


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e%2fmanifest", "sheets.json", "arbeitslosenquote.html"])
def test_an_unknown_indicator_is_refused_with_what_there_is(sheets: TestClient, name: str) -> None:
    answer = sheets.get(f"/indicators/{name}")
    if name == "..":  # clients resolve it themselves
        return
    assert answer.status_code == 404
    if "%" not in name:
        assert "arbeitslosenquote" in answer.json()["allowed"]
    assert sheets.get("/indicators?colour=red").status_code == 400


def test_a_publication_without_sheets_answers_an_empty_list(client: TestClient) -> None:
    assert listed(client) == []
    assert client.get("/indicators/arbeitslosenquote").status_code == 404
    assert client.get("/indicators", headers=HTML).status_code == 200


def test_the_public_sheet_keeps_inside_what_is_for_inside(sheets: TestClient, inside: TestClient) -> None:
    public = sheets.get("/indicators/arbeitslosenquote").text
    internal = inside.get("/indicators/arbeitslosenquote").json()
    assert internal["numerator"]["file"].endswith("arbeitslose.xlsx")
    assert internal["notes"]
    assert ".xlsx" not in public
    assert json.loads(public)["notes"] == []
    shown = [sum(y["shown"] for y in c["years"]) for c in internal["coverage"]]
    fewer = [sum(y["shown"] for y in c["years"]) for c in json.loads(public)["coverage"]]
    assert sum(fewer) < sum(shown), "the internal edition knows what the public one hides"


def test_the_files_of_an_edition_open_without_asking_anybody(tiny_run: tuple[Path, RunReport]) -> None:
    folder = tiny_run[1].folder / "public" / "indicators"
    german, english = (folder / f"arbeitslosenquote{end}" for end in (".html", ".en.html"))
    assert 'lang="de"' in german.read_text(encoding="utf-8")
    assert 'lang="en"' in english.read_text(encoding="utf-8")
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<(script|img|iframe|object)|\bsrc=|@import|url\(", text), path
        assert re.findall(r'<link rel="([^"]+)" href="([^"]+)"', text) == [("icon", "data:,")]
        # A licence's text is named by its address; a link is followed by a person, never by the page.
        assert all('rel="license' in tag for tag in re.findall(r'<a href="http[^>]*>', text))
