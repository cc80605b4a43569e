"""Headers, hosts, hostile texts, faults: what must not happen whatever is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from geodata.errors import ConfigError
from service.api.app import create_app
from service.api.dependencies import Context
from service.settings import Settings
from tests.contract.conftest import local_client

RATES = "ortsteil_employment"
PAGES = [
    "/?f=html",
    "/collections?f=html",
    f"/collections/{RATES}?f=html",
    f"/collections/{RATES}/items?f=html",
    f"/collections/{RATES}/items/O11.2020?f=html",
    f"/collections/{RATES}/queryables?f=html",
    "/conformance?f=html",
    "/api.html",
    "/nothing?f=html",
]


@pytest.mark.parametrize("path", [*PAGES, f"/collections/{RATES}/items", "/static/site.css", "/collections/nothing"])
def test_every_answer_carries_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_run_no_inline_code_and_load_nothing_foreign(client: TestClient, path: str, language: str) -> None:
    page = client.get(f"{path}{'&' if '?' in path else '?'}lang={language}").text
    assert f'<html lang="{language}">' in page
    assert "<title>" in page
    assert 'name="viewport"' in page
    assert not re.search(r"<script(?![^>]*src=)", page)
    markup = re.sub(r"<code.*?</code>", "", page)  # the lines to copy hold markup as text
    assert not re.search(r"<style|\sstyle=|\son\w+=", markup)
    for address in re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', page):
        assert address.startswith("http://127.0.0.1:8000/"), address


def test_draft_is_said_on_every_page(client: TestClient) -> None:
    for path in PAGES[:-1]:
        assert "Entwurf – nicht zur Veröffentlichung" in client.get(path).text, path
    assert "Entwurf – nicht zur Veröffentlichung" in client.get(f"/maps/{RATES}").text


def test_pages_have_one_main_heading_and_alternatives_for_pictures(client: TestClient) -> None:
    for path in PAGES:
        page = client.get(path).text
        assert len(re.findall(r"<h1\b", page)) == 1, path
        assert len(re.findall(r"<main\b", page)) == 1
        assert all("alt=" in tag for tag in re.findall(r"<img[^>]*>", page))
        for tag in re.findall(r"<table.*?</table>", page, re.DOTALL):
            assert 'scope="col"' in tag


def test_names_of_areas_are_text_not_markup(client: TestClient) -> None:
    page = client.get("/collections/gemeinde_population_latest/items?f=html").text
    assert "<b>Söhne" not in page
    assert "Cölbe &amp; &lt;b&gt;Söhne&lt;/b&gt;" in page
    drawn = client.get("/maps/gemeinde_population").text
    assert "<b>Söhne" not in drawn


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "x" * 5000])
def test_what_is_asked_comes_back_as_text(client: TestClient, text: str) -> None:
    for path, query in (
        (f"/collections/{RATES}/items", {"rate": text}),
        ("/hotspots", {"indicator": text}),
        (f"/maps/{RATES}", {"period": text}),
        ("/", {text: "1"}),
        ("/", {"lang": text}),
    ):
        answer = client.get(path, params=query, headers={"accept": "text/html"})
        assert answer.status_code == 400
        assert text[:40] not in answer.text or "<" not in text
        assert "49" not in re.sub(r"%49", "", answer.text) or "{{" not in text


@pytest.mark.parametrize("host", ["evil.example/path", "a b", "x<y", 'a"b', "evil.example:port", ""])
def test_a_host_that_is_none_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert host == "" or host not in answer.text


def test_links_follow_the_address_that_the_operator_set(state: Path) -> None:
    settings = Settings(state_dir=state, county="muster", base_url="https://monitor.example.org/sozial/")
    with local_client(create_app(settings)) as client:
        found = client.get("/", headers={"host": "evil.example"}).json()
        assert all(link["href"].startswith("https://monitor.example.org/sozial/") for link in found["links"])
        assert "evil.example" not in client.get("/?f=html", headers={"host": "evil.example"}).text
        page = client.get(f"/maps/{RATES}", headers={"host": "evil.example"}).text
        assert "https://monitor.example.org/sozial/static/" in page
        assert "evil.example" not in page


def test_the_internal_edition_answers_the_loopback_only(state: Path) -> None:
    app = create_app(Settings(state_dir=state, county="muster", edition="internal"))
    for host, status in {"127.0.0.1:8000": 200, "localhost": 200, "[::1]:8000": 200, "evil.example": 403}.items():
        assert local_client(app).get("/", headers={"host": host}).status_code == status, host
    outside = TestClient(app, base_url="http://127.0.0.1", client=("192.0.2.7", 1234))
    assert outside.get("/").status_code == 403
    assert "rate" not in outside.get(f"/collections/{RATES}/items").text


@pytest.mark.parametrize(
    "given", [{"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"base_url": "https://monitor.example.org"}]
)
def test_the_internal_edition_refuses_to_be_reachable(state: Path, given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        Settings.build({}, state_dir=state, county="muster", edition="internal", **given)


def test_a_fault_in_the_program_tells_the_visitor_nothing_of_it(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geodata.store.sqlite import SqliteStore

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(SqliteStore, "items", broken)
    with local_client(create_app(Settings(state_dir=state, county="muster"))) as client:
        for accept in ("application/json", "text/html"):
            answer = client.get(f"/collections/{RATES}/items", headers={"accept": accept})
            assert answer.status_code == 500
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_store_that_cannot_be_read_is_a_503(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geodata.errors import StoreError
    from geodata.store.sqlite import SqliteStore

    def broken(*_: object, **__: object) -> None:
        raise StoreError("the disk is gone", where="/secret/path")

    monkeypatch.setattr(SqliteStore, "items", broken)
    with local_client(create_app(Settings(state_dir=state, county="muster"))) as client:
        answer = client.get(f"/collections/{RATES}/items")
        assert answer.status_code == 503
        assert "secret" not in answer.text


def test_a_worker_that_dies_is_a_503_and_the_next_request_is_served(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from service.api import drawing

    async def crash(context: Context, *_: object) -> object:
        # Ends the worker at once, as a fault in a native library or the system's memory guard would.
        return await context.shared.pool.run("crash", os._exit, 1)

    with local_client(create_app(Settings(state_dir=state, county="muster"))) as client:
        with monkeypatch.context() as broken:
            broken.setattr(drawing, "_run", crash)
            answer = client.get(f"/thumbnails/{RATES}.svg")
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert "retry-after" in answer.headers
        assert client.get(f"/collections/{RATES}").status_code == 200
        assert client.get(f"/thumbnails/{RATES}.svg").status_code == 200
