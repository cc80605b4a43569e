"""OGC API – Features, Part 1: each announced class against what it requires (core, GeoJSON, HTML)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

RATES = "ortsteil_employment"
ALL = [
    "ortsteil_employment",
    "ortsteil_employment_latest",
    "ortsteil_hotspots_unemployment",
    "ortsteil_hotspots_unemployment_latest",
    "gemeinde_population",
    "gemeinde_population_latest",
]
RESOURCES = [
    "/",
    "/conformance",
    "/collections",
    f"/collections/{RATES}",
    f"/collections/{RATES}/items",
    f"/collections/{RATES}/items/O11.2020",
    f"/collections/{RATES}/queryables",
]


def links(client: TestClient, path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get(path, headers={"accept": "application/json"}).json()["links"]
    return found


def ids(client: TestClient, path: str) -> list[str]:
    """All ids of a query, page by page."""
    found: list[str] = []
    address: str | None = path
    while address is not None:
        page = client.get(address).json()
        found += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return found


@pytest.mark.parametrize(
    ("rel", "media_type"),
    [
        ("self", "application/json"),
        ("alternate", "text/html"),
        ("service-desc", "application/vnd.oai.openapi+json;version=3.0"),
        ("service-doc", "text/html"),
        ("conformance", "application/json"),
        ("data", "application/json"),
    ],
)
def test_landing_page_leads_everywhere(client: TestClient, rel: str, media_type: str) -> None:
    (link,) = [link for link in links(client, "/") if link["rel"] == rel]
    assert link["type"] == media_type
    answer = client.get(link["href"], headers={"accept": "*/*"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type.split(";")[0]


def test_every_link_of_every_document_answers_with_the_type_it_names(client: TestClient) -> None:
    seen: set[str] = set()
    waiting = list(RESOURCES[:4]) + RESOURCES[4:6]
    while waiting:
        path = waiting.pop()
        document = client.get(path, headers={"accept": "application/json"}).json()
        entries = [*document["links"], *(link for c in document.get("collections", []) for link in c["links"])]
        for link in entries:
            assert set(link) <= {"rel", "type", "href", "title"}, link
            assert link["rel"], link
            assert link["type"], link
            if link["href"] in seen:
                continue
            seen.add(link["href"])
            # A picture costs seconds; that maps are drawn is tested elsewhere.
            if "/maps/" in link["href"] and RATES + "_latest" not in link["href"]:
                continue
            answer = client.get(link["href"], headers={"accept": "*/*"})
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0], link
    assert len(seen) > 30


def test_conformance_announces_what_is_tested_here(client: TestClient) -> None:
    told = client.get("/conformance").json()["conformsTo"]
    assert [name.split("/spec/")[1] for name in told] == [
        "ogcapi-features-1/1.0/conf/core",
        "ogcapi-features-1/1.0/conf/oas30",
        "ogcapi-features-1/1.0/conf/html",
        "ogcapi-features-1/1.0/conf/geojson",
        "ogcapi-features-2/1.0/conf/crs",
        "ogcapi-features-3/1.0/conf/queryables",
        "ogcapi-features-3/1.0/conf/queryables-query-parameters",
    ]


def test_collections_are_listed_and_each_equals_its_entry(client: TestClient) -> None:
    document = client.get("/collections").json()
    assert [entry["id"] for entry in document["collections"]] == ALL
    assert {"self", "alternate"} <= {link["rel"] for link in document["links"]}
    for entry in document["collections"]:
        alone = client.get(f"/collections/{entry['id']}").json()
        fields = alone.pop("fields")
        assert alone == entry
        (feature,) = client.get(f"/collections/{entry['id']}/items?limit=1").json()["features"]
        assert [field["name"] for field in fields] == list(feature["properties"]), "every property is described"
        described = {field["name"]: field for field in fields}
        if "rate" in described:
            assert described["rate"]["unit"] == "%"
            assert described["status"]["values"]["suppressed"] == "nicht gezeigt"
        assert {"self", "items"} <= {link["rel"] for link in entry["links"]}
        assert entry["itemType"] == "feature"
        assert entry["title"]
    titles = [entry["title"] for entry in document["collections"]]
    assert len(set(titles)) == len(titles), "a list of layers must not hold two of one name"


@pytest.mark.parametrize("collection", ALL)
def test_extent_covers_every_feature_in_space_and_time(client: TestClient, collection: str) -> None:
    extent = client.get(f"/collections/{collection}").json()["extent"]
    ((west, south, east, north),) = extent["spatial"]["bbox"]
    ((first, last),) = extent["temporal"]["interval"]
    page = client.get(f"/collections/{collection}/items?limit=1000").json()
    assert page["numberMatched"] == page["numberReturned"] == len(page["features"])
    for feature in page["features"]:
        for x, y in coordinates(feature["geometry"]):
            assert west <= x <= east
            assert south <= y <= north
        assert first[:4] <= str(feature["properties"]["period"]) <= last[:4]


def coordinates(geometry: dict[str, Any]) -> Iterator[tuple[float, float]]:
    def walk(part: Any) -> Iterator[tuple[float, float]]:
        if isinstance(part[0], (int, float)):
            yield part[0], part[1]
        else:
            for inner in part:
                yield from walk(inner)

    yield from walk(geometry["coordinates"])


def test_features_are_geojson_in_longitude_and_latitude_with_stable_properties(client: TestClient) -> None:
    answer = client.get(f"/collections/{RATES}/items?limit=50")
    assert answer.headers["content-type"] == "application/geo+json"
    page = answer.json()
    assert page["type"] == "FeatureCollection"
    moment = dt.datetime.strptime(page["timeStamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert abs(dt.datetime.now(dt.UTC) - moment) < dt.timedelta(minutes=1)
    names = {tuple(feature["properties"]) for feature in page["features"]}
    assert names == {("area_id", "name", "period", "context", "rate", "status", "people")}
    first = page["features"][0]
    assert first["properties"]["rate"] is None, "a missing value stays, as null"
    assert (first["id"], first["type"]) == ("O00.2019", "Feature")
    x, y = next(coordinates(first["geometry"]))
    # UTM 32 with easting 600 km and northing 5790 km lies at 10.47° E, 52.25° N.
    assert (round(x, 1), round(y, 1)) == (10.5, 52.3)


def test_paging_gives_each_feature_once_and_ends(client: TestClient) -> None:
    whole = ids(client, f"/collections/{RATES}/items?limit=1000")
    assert len(whole) == len(set(whole)) == 108
    for limit in (1, 7, 54, 108):
        assert ids(client, f"/collections/{RATES}/items?limit={limit}") == whole
    last = client.get(f"/collections/{RATES}/items?limit=108").json()
    assert "next" not in {link["rel"] for link in last["links"]}


def test_next_link_keeps_the_question(client: TestClient) -> None:
    path = f"/collections/{RATES}/items?limit=5&period=2020&bbox=10,52,11,53&crs="
    crs = "http://www.opengis.net/def/crs/EPSG/0/25832"
    page = client.get(path + crs).json()
    (following,) = [link for link in page["links"] if link["rel"] == "next"]
    assert following["type"] == "application/geo+json"
    second = client.get(following["href"])
    assert second.headers["content-crs"] == f"<{crs}>"
    assert {f["properties"]["period"] for f in second.json()["features"]} == {2020}
    assert second.json()["numberMatched"] == page["numberMatched"] == 36


def test_limit_has_a_default_and_is_capped(client: TestClient) -> None:
    definition = client.get("/api").json()["components"]["parameters"]["limit"]["schema"]
    assert definition == {"type": "integer", "minimum": 1, "maximum": 5000, "default": 100}
    assert client.get(f"/collections/{RATES}/items?limit=999999").status_code == 200
    assert client.get(f"/collections/{RATES}/items").json()["numberReturned"] == 100


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("2020-06-01T00:00:00Z", {2020}),
        ("2020-01-01", {2020}),
        ("2019-12-31T23:59:59Z/2020-01-01T00:00:00Z", {2019, 2020}),
        ("2020-01-01/..", {2020, 2021}),
        ("2020-01-01/", {2020, 2021}),
        ("../2019-05-05", {2019}),
        ("/2019-05-05", {2019}),
        ("0000-01-01T00:00:00Z/2019-01-01T00:00:00Z", {2019}),
        ("2021-01-01T00:00:00Z/9999-12-31T23:59:59Z", {2021}),
        ("../..", {2019, 2020, 2021}),
        ("1999-01-01", set()),
    ],
)
def test_datetime_selects_the_years_it_meets(client: TestClient, query: str, expected: set[int]) -> None:
    page = client.get(f"/collections/{RATES}/items", params={"datetime": query, "limit": 1000}).json()
    assert {feature["properties"]["period"] for feature in page["features"]} == expected


@pytest.mark.parametrize("seed", range(4))
def test_bbox_gives_exactly_the_features_that_meet_it(client: TestClient, seed: int) -> None:
    import numpy as np
    from shapely.geometry import box, shape

    rng = np.random.default_rng(seed)
    page = client.get(f"/collections/{RATES}_latest/items?limit=1000").json()
    ((west, south, east, north),) = client.get(f"/collections/{RATES}").json()["extent"]["spatial"]["bbox"]
    x = np.sort(rng.uniform(west - 0.01, east + 0.01, 2)).round(6)
    y = np.sort(rng.uniform(south - 0.01, north + 0.01, 2)).round(6)
    asked = box(x[0], y[0], x[1], y[1])
    expected = {f["id"] for f in page["features"] if shape(f["geometry"]).intersects(asked)}
    given = f"{x[0]},{y[0]},{x[1]},{y[1]}"
    assert set(ids(client, f"/collections/{RATES}_latest/items?limit=1000&bbox={given}")) == expected
    heights = f"{x[0]},{y[0]},0,{x[1]},{y[1]},100"
    assert set(ids(client, f"/collections/{RATES}_latest/items?limit=1000&bbox={heights}")) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"period": "2021"}, 36),
        ({"name": "Ort 23"}, 3),
        ({"name": "Ort 23", "period": "2019"}, 1),
        ({"status": "suppressed"}, 3),
        ({"context": "true"}, 18),
        ({"rate": "2.5", "period": "2019"}, 3),  # r + c/2 = 2.5: (2, 1), (1, 3), (0, 5)
        ({"people": "305"}, 3),
        ({"name": "ort 23"}, 0),
    ],
)
def test_properties_filter_by_equality(client: TestClient, filters: dict[str, str], expected: int) -> None:
    assert client.get(f"/collections/{RATES}/items", params=filters).json()["numberMatched"] == expected


@pytest.mark.parametrize(
    "query",
    [
        "foo=1",
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=1.5",
        "limit=",
        "limit=1&limit=2",
        "bbox=1,2,3",
        "bbox=1,2,3,4,5",
        "bbox=a,b,c,d",
        "bbox=1,2,nan,4",
        "bbox=1,2,inf,4",
        "bbox=10,53,11,52",
        "bbox=600000,5790000,601000,5791000",
        "datetime=gestern",
        "datetime=2020",
        "datetime=2020-13-01",
        "datetime=2020-02-30T00:00:00Z",
        "datetime=2020-01-01T25:00:00Z",
        "datetime=2021-01-01/2020-01-01",
        "datetime=2019-01-01/2020-01-01/2021-01-01",
        "datetime=..",
        "datetime=",
        "crs=EPSG:4326",
        "crs=http://www.opengis.net/def/crs/EPSG/0/4326",
        "bbox-crs=nonsense",
        "rate=much",
        "people=1.5",
        "context=maybe",
        "next=nonsense",
        "f=xml",
        "lang=fr",
        "geometry=x",
    ],
)
def test_unknown_and_invalid_parameters_are_refused_with_a_reason(client: TestClient, query: str) -> None:
    answer = client.get(f"/collections/{RATES}/items?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 400
    assert problem["title"] == "Bad Request"
    assert len(problem["detail"]) > 20
    if query != "next=nonsense":
        name = query.split("=")[0]
        assert name in problem["detail"] or problem.get("parameter") == name


@pytest.mark.parametrize("path", [p for p in RESOURCES if "/items" not in p] + ["/api", "/api.html", "/hotspots"])
def test_unknown_parameters_are_refused_everywhere(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?indicator=unemployment&x=1" if path == "/hotspots" else f"{path}?x=1")
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "x"
    assert "f" in answer.json()["allowed"]


def test_a_cursor_of_another_collection_is_refused(client: TestClient) -> None:
    page = client.get(f"/collections/{RATES}/items?limit=5").json()
    address = next(link["href"] for link in page["links"] if link["rel"] == "next")
    assert client.get(address.replace(RATES, f"{RATES}_latest")).status_code == 400


def test_a_feature_stands_alone_with_its_links(client: TestClient) -> None:
    answer = client.get(f"/collections/{RATES}/items/O11.2020")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert feature["id"] == "O11.2020"
    rels = {link["rel"]: link["href"] for link in feature["links"]}
    assert rels["collection"].endswith(f"/collections/{RATES}")
    assert client.get(rels["self"]).json() == feature
    listed = client.get(f"/collections/{RATES}/items?area_id=O11&period=2020").json()["features"][0]
    assert {**feature, "links": None} == {**listed, "links": None}
    assert client.get(f"/collections/{RATES}_latest/items/O11").json()["properties"]["period"] == 2021


@pytest.mark.parametrize(
    "path",
    [
        "/collections/nothing",
        "/collections/nothing/items",
        f"/collections/{RATES}/items/O11.1999",
        f"/collections/{RATES}/items/O11",
        f"/collections/{RATES}/items/..%2F..%2Fetc",
        "/nothing",
        "/collections/",
        "/maps/nothing",
        "/maps/nothing.png",
        "/maps/.png",
        "/embed/nothing",
        "/static/../settings.py",
        "/static/nothing.css",
        "/openapi.json",
        "/docs",
    ],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_collection_answers_with_those_there_are(client: TestClient) -> None:
    assert client.get("/collections/nothing").json()["allowed"] == ALL


@pytest.mark.parametrize("path", RESOURCES)
def test_every_resource_is_a_page_too(client: TestClient, path: str) -> None:
    for address, accept in ((path, "text/html,application/xhtml+xml,*/*;q=.8"), (f"{path}?f=html", "application/json")):
        answer = client.get(address, headers={"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    json_again = client.get(f"{path}?f=json", headers={"accept": "text/html"})
    assert "json" in json_again.headers["content-type"]


def test_items_page_shows_the_values(client: TestClient) -> None:
    page = client.get(f"/collections/{RATES}_latest/items?f=html&area_id=O11").text
    assert "Ort 11" in page
    assert ">2<" in page.replace(" ", ""), "1 + 0.5 + 0.5 in 2021"


@pytest.mark.parametrize("path", [*RESOURCES, "/api", "/download/layers.gpkg", "/download/manifest.json", "/healthz"])
def test_head_answers_as_get_without_a_body(client: TestClient, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert head.status_code == whole.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers.get("etag") == whole.headers.get("etag")


@pytest.mark.parametrize("path", RESOURCES)
def test_options_tell_that_nothing_can_be_written(client: TestClient, path: str) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    for method in ("post", "put", "patch", "delete"):
        refused = getattr(client, method)(path)
        assert refused.status_code == 405
        assert refused.headers["content-type"] == "application/problem+json"
    assert client.options("/nothing").status_code == 404


def test_answers_are_compressed_and_say_on_what_they_depend(client: TestClient) -> None:
    answer = client.get(f"/collections/{RATES}/items", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert {"Accept", "Accept-Encoding"} <= {part.strip() for part in answer.headers["vary"].split(",")}
    assert json.loads(answer.text)["numberReturned"] == 100
    package = client.get("/download/layers.gpkg", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in package.headers
