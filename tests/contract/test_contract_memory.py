"""The application holds to the protocol of stores: over rows in memory it answers as over ``serve.sqlite``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import box, shape
from starlette.testclient import TestClient

from geodata.errors import NotFoundError, QueryError
from geodata.store.protocol import CollectionMeta, LayerStore, LevelMeta
from geodata.store.query import ItemQuery, Page
from geodata.store.sqlite import SqliteStore
from service.api.app import create_app
from service.api.publications import Served
from service.settings import Settings
from tests.contract.conftest import local_client

RATES = "ortsteil_employment"


class MemoryStore:
    """Features as dictionaries, every question answered by going through all of them."""

    def __init__(self, source: LayerStore) -> None:
        self.publication = source.publication
        self.edition = source.edition
        self.crs = source.crs
        self.storage_crs = source.storage_crs
        self._levels = source.levels()
        self._collections = source.collections()
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = {
            (meta.id, crs): [json.loads(f) for f in source.items(meta.id, ItemQuery(limit=1000, crs=crs)).features]
            for meta in self._collections
            for crs in source.crs
        }
        self.closed = False

    def levels(self) -> tuple[LevelMeta, ...]:
        return self._levels

    def collections(self) -> tuple[CollectionMeta, ...]:
        return self._collections

    def collection(self, collection_id: str) -> CollectionMeta:
        for meta in self._collections:
            if meta.id == collection_id:
                return meta
        raise NotFoundError(collection_id)

    def _matching(self, collection_id: str, query: ItemQuery) -> list[int]:
        meta = self.collection(collection_id)
        kinds = {field.name: field.type for field in meta.properties}
        wanted = {name: self._typed(value, kinds[name]) for name, value in query.equals.items()}
        asked = None if query.bbox is None else box(*query.bbox)
        places = self._rows[collection_id, query.bbox_crs]
        return [
            number
            for number, feature in enumerate(self._rows[collection_id, query.crs])
            if (query.first_period is None or feature["properties"]["period"] >= query.first_period)
            and (query.last_period is None or feature["properties"]["period"] <= query.last_period)
            and all(feature["properties"][name] == value for name, value in wanted.items())
            and (asked is None or shape(places[number]["geometry"]).intersects(asked))
        ]

    @staticmethod
    def _typed(value: Any, kind: str) -> Any:
        if not isinstance(value, str) or kind == "string":
            return value
        try:
            return {"integer": int, "number": float, "boolean": {"true": True, "false": False}.__getitem__}[kind](value)
        except (ValueError, KeyError):
            raise QueryError(f"{value!r} is no {kind}") from None

    def items(self, collection_id: str, query: ItemQuery) -> Page:
        numbers = self._matching(collection_id, query)
        if query.after is not None and not query.after.isdigit():
            raise QueryError("no cursor of this store")
        left = [n for n in numbers if query.after is None or n > int(query.after)]
        shown = left[: query.limit]
        rows = self._rows[collection_id, query.crs]
        following = str(shown[-1]) if len(left) > len(shown) else None
        return Page([json.dumps(rows[n]) for n in shown], following, len(numbers))

    def item(self, collection_id: str, feature_id: str, *, crs: str = "OGC:CRS84") -> str | None:
        self.collection(collection_id)
        rows = self._rows[collection_id, crs]
        return next((json.dumps(feature) for feature in rows if feature["id"] == feature_id), None)

    def count(self, collection_id: str, query: ItemQuery) -> int:
        return len(self._matching(collection_id, query))

    def close(self) -> None:
        self.closed = True


class MemoryShelf:
    """One publication without files."""

    def __init__(self, store: LayerStore) -> None:
        self.served = Served("0001", "public", None, {"draft": True, "county": {"title": "Musterkreis"}}, store)

    def current(self) -> str | None:
        return self.served.id

    def check(self, publication: str) -> None:
        if publication != self.served.id:
            raise NotFoundError(publication)

    def open(self, publication: str) -> Served:
        self.check(publication)
        return self.served


@pytest.fixture(scope="module")
def in_memory(state: Path) -> Iterator[TestClient]:
    source = SqliteStore(state / "muster" / "publications" / "0001" / "public" / "serve.sqlite")
    store: LayerStore = MemoryStore(source)
    source.close()
    with local_client(create_app(Settings(state_dir=state, county="muster"), shelf=MemoryShelf(store))) as client:
        yield client


def without_cursors(document: Any) -> Any:
    """Drop what may differ: the time, and how a store writes its cursors."""
    text = json.dumps({**document, "timeStamp": None} if isinstance(document, dict) else document)
    document = json.loads(text)
    if isinstance(document, dict):
        for link in document.get("links", []):
            if link["rel"] in {"next", "self", "alternate"}:
                link["href"] = link["href"].split("next=")[0]
    return document


@pytest.mark.parametrize(
    "path",
    [
        "/collections",
        f"/collections/{RATES}",
        f"/collections/{RATES}/queryables",
        f"/collections/{RATES}/items?limit=1000",
        f"/collections/{RATES}/items?limit=7",
        f"/collections/{RATES}/items?rate=2.5",
        f"/collections/{RATES}/items?context=true&period=2020",
        f"/collections/{RATES}/items?people=1.5",
        f"/collections/{RATES}/items?datetime=2020-01-01/..",
        f"/collections/{RATES}/items?bbox=10.47,52.25,10.5,52.27",
        f"/collections/{RATES}/items?bbox=603499,5792499,603501,5792501&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/25832",
        f"/collections/{RATES}/items?limit=2&crs=http://www.opengis.net/def/crs/EPSG/0/25832",
        f"/collections/{RATES}/items/O11.2020",
        f"/collections/{RATES}_latest/items/O11",
        f"/collections/{RATES}/items/nothing",
        "/hotspots?indicator=unemployment&f=geojson",
        "/api",
    ],
)
def test_answers_do_not_depend_on_the_store(client: TestClient, in_memory: TestClient, path: str) -> None:
    on_disk, memory = client.get(path), in_memory.get(path)
    assert memory.status_code == on_disk.status_code
    if memory.status_code == 200:
        assert without_cursors(memory.json()) == without_cursors(on_disk.json())


def test_paging_works_with_another_kind_of_cursor(in_memory: TestClient) -> None:
    found: list[str] = []
    address: str | None = f"/collections/{RATES}/items?limit=25"
    while address is not None:
        page = in_memory.get(address).json()
        found += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(found) == len(set(found)) == 108


def test_without_files_there_are_rows_but_no_downloads_and_no_pictures(in_memory: TestClient) -> None:
    assert in_memory.get("/?f=html").status_code == 200
    for path in ("/download/layers.gpkg", "/download/manifest.json", f"/maps/{RATES}.png", f"/maps/{RATES}"):
        assert in_memory.get(path).status_code == 404
