"""Index and profiles over the service: listed, in two languages, linked, refused, and of the edition that is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from tests.contract.conftest import local_client

if TYPE_CHECKING:
    from service.workflows.run import RunReport

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def service(tiny_run: tuple[Path, RunReport]) -> Iterator[TestClient]:
    state, report = tiny_run
    with local_client(create_app(Settings(state_dir=state, county=report.county))) as found:
        yield found


def test_the_index_is_listed_with_its_frame_and_areas(service: TestClient) -> None:
    found = service.get("/indices").json()
    by_id = {layer["id"]: layer for layer in found["layers"]}
    assert set(by_id) == {"ortsteil_index", "ortsteil_index_change", "ortsteil_index_contributions"}
    assert "Musterkreis" in by_id["ortsteil_index"]["frame"]
    assert by_id["ortsteil_index_change"]["base_year"] == min(by_id["ortsteil_index"]["periods"])
    ranks = [area["index"]["rank"] for area in found["areas"]]
    known = [rank for rank in ranks if rank is not None]
    assert known == sorted(known)
    assert ranks[len(known) :] == [None] * (len(ranks) - len(known))
    for language, word in (("de", "So ist die Tabelle zu lesen"), ("en", "How to read the table")):
        page = service.get(f"/indices?lang={language}", headers=HTML)
        assert page.status_code == 200
        assert word in page.text
        assert all(area["name"] in page.text for area in found["areas"])


def test_every_profile_answers_as_json_and_as_a_page(service: TestClient) -> None:
    for area in service.get("/indices").json()["areas"]:
        profile = service.get(area["href"]).json()
        assert (profile["id"], profile["name"]) == (area["id"], area["name"])
        assert profile["edition"] == "public"
        page = service.get(area["href"], headers=HTML)
        assert page.status_code == 200
        assert area["name"] in page.text
        assert "None" not in page.text


def test_an_area_that_is_not_there_is_refused(service: TestClient) -> None:
    answer = service.get("/areas/12345678/profile")
    assert answer.status_code == 404
    assert "12345678" in answer.text


def test_profiles_are_in_the_definition_and_linked_from_every_page(service: TestClient) -> None:
    assert {"/indices", "/areas/{areaId}/profile"} <= set(service.get("/api").json()["paths"])
    assert "/indices" in service.get("/", headers=HTML).text


def test_the_public_profiles_are_computed_from_the_public_edition(tiny_run: tuple[Path, RunReport]) -> None:
    folder = tiny_run[1].folder
    public, internal = (
        json.loads((folder / edition / "profiles" / "profiles.json").read_text(encoding="utf-8"))
        for edition in ("public", "internal")
    )
    hidden = {(area, f["id"]) for area, p in public.items() for f in p["figures"] if f["status"] == "suppressed"}
    assert hidden
    known = {(area, f["id"]): f["value"] for area, p in internal.items() for f in p["figures"]}
    assert any(known[key] is not None for key in hidden)
    page = (folder / "public" / "profiles" / "index.html").read_text(encoding="utf-8")
    assert "Sozialindex" in page
    assert "src=" not in page
    assert 'href="http' not in page
