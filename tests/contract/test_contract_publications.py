"""Which publication answers: noticed without restart, pinned, withdrawn, missing; and what clients may keep."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from tests.contract.conftest import local_client, publisher

RATES = "ortsteil_employment"


def rate(client: TestClient, query: str = "") -> float:
    found: float = client.get(f"/collections/{RATES}/items/O11.2021{query}").json()["properties"]["rate"]
    return found


@pytest.fixture
def changing(tmp_path: Path) -> Any:
    with local_client(create_app(Settings(state_dir=tmp_path, county="muster"))) as client:
        yield client, publisher(tmp_path)


def test_before_the_first_publication_everybody_learns_what_to_do(changing: Any) -> None:
    client, publish = changing
    for path in ("/", "/collections", f"/collections/{RATES}/items", f"/maps/{RATES}", "/download/layers.gpkg"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "sozialmonitor run" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        page = client.get(path, headers={"accept": "text/html"})
        assert page.status_code == 503
        assert "sozialmonitor run" in page.text
    health = client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "no publication")
    publish()
    assert rate(client) == 2.0
    assert client.get("/healthz").json()["publication"] == "0001"


def test_a_new_publication_is_noticed_and_the_old_one_can_be_pinned(changing: Any) -> None:
    client, publish = changing
    publish()
    assert rate(client) == 2.0
    publish(add=1.0)
    assert rate(client) == 3.0
    assert rate(client, "?publication=0001") == 2.0
    assert client.get("/?publication=0007").status_code == 404
    for hostile in ("..", "../internal", "1", "", "0001/../0002", "%2e%2e"):
        assert client.get("/", params={"publication": hostile}).status_code == 404


def test_paging_stays_with_the_publication_it_began_with(changing: Any) -> None:
    client, publish = changing
    publish()
    page = client.get(f"/collections/{RATES}/items?limit=60").json()
    publish(add=1.0)
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    second = client.get(following).json()
    assert second["numberReturned"] == 48
    by_id = {feature["id"]: feature["properties"]["rate"] for feature in second["features"]}
    assert by_id["O55.2021"] == 8.0, "5 + 2.5 + 0.5, not the 9 of the newer one"


def test_a_withdrawn_publication_is_gone(changing: Any, tmp_path: Path) -> None:
    from geodata.store.publication import PublicationStore

    client, publish = changing
    publish()
    publish(add=1.0)
    store = PublicationStore(tmp_path, "muster")
    assert rate(client) == 3.0
    store.withdraw("0002", "a mistake")
    for path in ("/", f"/collections/{RATES}/items", f"/maps/{RATES}.png", "/download/layers.gpkg"):
        answer = client.get(f"{path}?publication=0002")
        assert answer.status_code == 410
        assert answer.headers["content-type"] == "application/problem+json"
    assert rate(client) == 2.0, "the one before takes its place"
    store.withdraw("0001", "another mistake")
    assert client.get("/").status_code == 410
    assert (client.get("/healthz").status_code, client.get("/healthz").json()["status"]) == (200, "withdrawn")


def test_etag_names_publication_edition_and_representation(changing: Any) -> None:
    client, publish = changing
    publish()
    path = f"/collections/{RATES}/items?limit=3"
    first = client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = client.get(path, headers={"if-none-match": sent})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert "content-security-policy" not in answer.headers
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get(path + "&f=html", headers={"if-none-match": tag}).status_code == 200
    assert client.get(path + "&lang=en", headers={"if-none-match": tag}).status_code == 200
    wrong = client.get(path + "&bbox=1", headers={"if-none-match": tag})
    assert wrong.status_code == 400, "an invalid question is not answered from a cache"
    publish()
    assert client.get(path, headers={"if-none-match": tag}).status_code == 200


def test_what_may_be_kept_and_for_how_long(changing: Any) -> None:
    client, publish = changing
    publish()
    assert client.get("/collections").headers["cache-control"] == "public, no-cache"
    assert client.get("/collections?publication=0001").headers["cache-control"] == "public, max-age=86400"
    assert client.get("/collections/nothing").headers["cache-control"] == "no-store"
    assert client.get("/static/site.css").headers["cache-control"] == "public, max-age=3600"


def test_the_internal_edition_has_its_own_values_and_is_never_kept_by_others(tmp_path: Path) -> None:
    publisher(tmp_path)()
    settings = Settings(state_dir=tmp_path, county="muster", edition="internal")
    with local_client(create_app(settings)) as client:
        assert rate(client) == 2.5
        assert client.get("/collections").headers["cache-control"] == "private, no-cache"
        assert "-internal.gpkg" in client.get("/download/layers.gpkg").headers["content-disposition"]
        assert "Interne Ausgabe" in client.get("/?f=html").text
    with local_client(create_app(Settings(state_dir=tmp_path, county="muster"))) as client:
        assert rate(client) == 2.0


def test_a_publication_without_the_edition_says_so(tmp_path: Path) -> None:
    publisher(tmp_path)(editions=["public"])
    settings = Settings(state_dir=tmp_path, county="muster", edition="internal")
    with local_client(create_app(settings)) as client:
        answer = client.get("/")
        assert answer.status_code == 503
        assert "internal" in answer.json()["detail"]


def test_stores_are_closed_when_nobody_needs_them(tmp_path: Path) -> None:
    from service.api.publications import DiskShelf, Publications

    publish = publisher(tmp_path)
    numbers = [publish(editions=["public"]) for _ in range(4)]
    opened = Publications(DiskShelf(tmp_path, "muster", "public"), spare=1)
    with opened.pin(numbers[0]) as first:
        for number in numbers[1:]:
            with opened.pin(number):
                pass
        assert first.store.item(RATES, "O11.2021") is not None, "what is in use stays open"
        with opened.pin(numbers[3]) as last, opened.pin() as current:
            assert current is last
    from geodata.errors import StoreError

    with pytest.raises(StoreError):
        first.store.item(RATES, "O11.2021")
    opened.close()
    with pytest.raises(StoreError):
        last.store.item(RATES, "O11.2021")


def test_what_a_client_already_has_costs_no_query(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geodata.store.sqlite import SqliteStore

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the store was asked")

    with local_client(create_app(Settings(state_dir=state, county="muster"))) as client:
        path = f"/collections/{RATES}/items?limit=3"
        tag = client.get(path).headers["etag"]
        monkeypatch.setattr(SqliteStore, "items", asked)
        assert client.get(path, headers={"if-none-match": tag}).status_code == 304


def test_maps_of_the_internal_edition_are_framed_by_itself_only(state: Path) -> None:
    settings = Settings(state_dir=state, county="muster", edition="internal")
    with local_client(create_app(settings)) as client:
        assert "frame-ancestors 'self'" in client.get(f"/embed/{RATES}").headers["content-security-policy"]


def test_a_publication_that_is_not_kept_any_more_says_what_to_do(changing: Any) -> None:
    client, publish = changing
    for _ in range(7):
        newest = publish(editions=["public"])
    for path in (f"/maps/{RATES}?publication=0001&period=2021", f"/embed/{RATES}?publication=0001"):
        page = client.get(path, headers={"accept": "text/html"})
        assert page.status_code == 410
        assert '<html lang="de">' in page.text
        assert "wird nicht mehr vorgehalten" in page.text
        addresses = [html.unescape(a) for a in re.findall(r'href="([^"]+)"', page.text)]
        # Only the same answer in English does.
        back = [a for a in addresses if "publication=" in a and "lang=en" not in a]
        assert not back, "no link leads back to what is gone"
        (button,) = re.findall(r'class="button" href="([^"]+)"', page.text)
        assert client.get(html.unescape(button)).status_code == 200
    told = client.get(f"/collections/{RATES}?publication=0001&lang=en")
    assert told.headers["content-type"] == "application/problem+json"
    assert (told.status_code, told.json()["status"]) == (410, 410)
    assert "not kept any more" in told.json()["detail"]
    assert client.get(told.json()["current"]).status_code == 200
    # What never was is no loss.
    for never in ("9999", "1", "00001", "x"):
        answer = client.get(f"/collections?publication={never}")
        assert (answer.status_code, "gibt es nicht" in answer.json()["detail"]) == (404, True), never
    assert client.get(f"/collections?publication={newest}").status_code == 200


def test_pages_of_an_older_publication_lead_to_the_newer_one(changing: Any) -> None:
    client, publish = changing
    old = publish(editions=["public"])
    paths = [f"/maps/{RATES}?period=2021", "/?f=html", f"/collections/{RATES}?f=html"]
    pinned = [f"{path}{'&' if '?' in path else '?'}publication={old}" for path in paths]
    before = [client.get(path, headers={"accept": "text/html"}) for path in pinned]
    assert all("älterer Stand" not in page.text for page in before)
    assert all("no-cache" in page.headers["cache-control"] for page in before), "the page will have to say more"
    tag = before[1].headers["etag"]
    publish(editions=["public"])
    assert client.get(pinned[1], headers={"if-none-match": tag}).status_code == 200
    for path in pinned:
        page = client.get(path, headers={"accept": "text/html"}).text
        assert f"älterer Stand (Veröffentlichung {old})" in page
        (address,) = re.findall(r'älterer Stand.*?href="([^"]+)"', page)
        newer = client.get(html.unescape(address), headers={"accept": "text/html"})
        assert newer.status_code == 200
        assert "älterer Stand" not in newer.text
    for path in paths:
        assert "älterer Stand" not in client.get(path, headers={"accept": "text/html"}).text


def test_files_of_the_internal_edition_are_named_so(state: Path) -> None:
    for edition, ending in (("internal", "-internal.png"), ("public", "0001.png")):
        with local_client(create_app(Settings(state_dir=state, county="muster", edition=edition))) as client:
            answer = client.get(f"/maps/{RATES}.png?dpi=50")
            assert answer.headers["content-disposition"].endswith(f'{ending}"')
            page = client.get(f"/embed/{RATES}").text
            assert ("darf diesen Rechner nicht verlassen" in page) == (edition == "internal")
