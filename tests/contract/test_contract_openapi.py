"""The API definition: valid OpenAPI 3.0, complete, and in the shape from which QGIS takes limit and filters."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

RATES = "ortsteil_employment"


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("language", ["de", "en"])
def test_definition_is_valid_openapi_30(client: TestClient, language: str) -> None:
    from openapi_spec_validator import OpenAPIV30SpecValidator, validate

    document = client.get(f"/api?lang={language}").json()
    assert document["openapi"].startswith("3.0.")
    validate(document, cls=OpenAPIV30SpecValidator)


def test_every_collection_has_literal_paths(client: TestClient, document: dict[str, Any]) -> None:
    for entry in client.get("/collections").json()["collections"]:
        where = f"/collections/{entry['id']}"
        for path in (where, f"{where}/items", f"{where}/items/{{featureId}}", f"{where}/queryables"):
            assert path in document["paths"], path


def test_every_documented_address_answers_and_with_a_documented_type(
    client: TestClient, document: dict[str, Any]
) -> None:
    for path, entry in document["paths"].items():
        # Drawing every map takes long; one collection stands for all.
        if re.match(r"/(maps|embed)/", path) and not path.startswith(f"/maps/{RATES}_latest"):
            continue
        address = path.replace("{featureId}", "O11" if "_latest" in path else "O11.2020")
        if address.startswith("/collections/gemeinde"):
            address = address.replace("O11", "G1")
        if path == "/hotspots":
            address += "?indicator=unemployment"
        answer = client.get(address)
        assert answer.status_code == 200, address
        documented = entry["get"]["responses"]["200"]["content"]
        plain = {media.split(";")[0] for media in documented}
        assert answer.headers["content-type"].split(";")[0] in plain, address


def test_every_operation_documents_each_status_the_service_can_give(document: dict[str, Any]) -> None:
    names = set()
    for path, entry in document["paths"].items():
        operation = entry["get"]
        assert set(operation["responses"]) == {"200", "304", "400", "404", "410", "500", "503"}, path
        assert operation["operationId"] not in names
        names.add(operation["operationId"])
        assert all(parameter.get("in", "query") in {"query", "path"} for parameter in operation["parameters"])


def test_filters_stand_in_the_definition_as_qgis_reads_them(client: TestClient, document: dict[str, Any]) -> None:
    parameters = document["paths"][f"/collections/{RATES}/items"]["get"]["parameters"]
    named = {parameter["name"]: parameter for parameter in parameters if "name" in parameter}
    queryables = client.get(f"/collections/{RATES}/queryables").json()["properties"]
    for name, schema in queryables.items():
        if name != "geometry":
            assert (named[name]["style"], named[name]["explode"]) == ("form", False)
            assert named[name]["schema"]["type"] == schema["type"]
    references = {parameter["$ref"].rsplit("/", 1)[1] for parameter in parameters if "$ref" in parameter}
    assert {"limit", "bbox", "datetime"} <= references
    bbox = document["components"]["parameters"]["bbox"]
    assert (bbox["style"], bbox["explode"]) == ("form", False)
    assert (bbox["schema"]["type"], bbox["schema"]["minItems"], bbox["schema"]["maxItems"]) == ("array", 4, 6)


def test_answers_fit_the_schemas_of_the_definition(client: TestClient, document: dict[str, Any]) -> None:
    from jsonschema import Draft4Validator

    def resolved(node: Any) -> Any:
        """Replace references by what they name, and nullable by a second type: that is OpenAPI's dialect."""
        if isinstance(node, dict):
            if "$ref" in node:
                return resolved(document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]])
            out = {name: resolved(value) for name, value in node.items()}
            if out.pop("nullable", False):
                out["type"] = [out["type"], "null"]
            return out
        return [resolved(value) for value in node] if isinstance(node, list) else node

    schemas = {name: resolved(schema) for name, schema in document["components"]["schemas"].items()}
    for path, name in {
        "/": "landing",
        "/conformance": "conformance",
        "/collections": "collections",
        f"/collections/{RATES}": "collection",
        f"/collections/{RATES}/items?limit=2": "features",
        f"/collections/{RATES}/items/O11.2020": "feature",
        "/collections/nothing": "problem",
        "/hotspots?indicator=unemployment&f=geojson": "features",
    }.items():
        Draft4Validator(schemas[name]).validate(client.get(path).json())


def test_queryables_are_a_schema_that_the_features_meet(client: TestClient) -> None:
    from jsonschema import Draft202012Validator

    address = f"/collections/{RATES}/queryables"
    answer = client.get(address)
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"http://127.0.0.1:8000{address}"
    assert schema["additionalProperties"] is False
    geometry = schema["properties"].pop("geometry")
    feature = client.get(f"/collections/{RATES}/items?limit=1&period=2020&area_id=O11").json()["features"][0]
    assert geometry["$ref"] == f"https://geojson.org/schema/{feature['geometry']['type']}.json"
    assert geometry["format"] == f"geometry-{feature['geometry']['type'].lower()}"
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(feature["properties"])
    assert list(schema["properties"]) == list(feature["properties"])


def test_definition_names_the_address_under_which_it_was_asked(client: TestClient) -> None:
    assert client.get("/api").json()["servers"] == [{"url": "http://127.0.0.1:8000"}]
    other = client.get("/api", headers={"host": "other.example:81"}).json()
    assert other["servers"] == [{"url": "http://other.example:81"}]


def test_documentation_page_needs_nobody_else(client: TestClient) -> None:
    page = client.get("/api.html").text
    assert not re.search(r"<script|@import", page)
    # Addresses of the page's own files; namespaces are not fetched.
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith(("http://127.0.0.1:8000/", "#"))
    assert f"/collections/{RATES}/items" in page
    assert json.dumps(RATES + "_latest")[1:-1] not in page
