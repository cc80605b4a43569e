"""The JSON documents of OGC API – Features: landing page, collections, features, queryables."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from geodata.crs import CRS84
from geodata.store.protocol import CollectionMeta
from geodata.store.query import Page
from service.api.addresses import Addresses
from service.api.ogc.crs import CRS84_URI, announced, to_uri
from service.locale import Language, say

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA_JSON = "application/schema+json"
OPENAPI_30 = "application/vnd.oai.openapi+json;version=3.0"
GEOPACKAGE = "application/geopackage+sqlite3"

_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

Link = dict[str, str]


def link(rel: str, href: str, media_type: str, title: str = "") -> Link:
    """Return one link; ``rel`` and ``type`` stand on every one of them."""
    return {"rel": rel, "type": media_type, "href": href} | ({"title": title} if title else {})


def landing(title: str, description: str, addresses: Addresses, language: Language) -> dict[str, Any]:
    """Return the landing page as JSON: where everything else is."""

    def named(key: str) -> str:
        return say(language, f"link.{key}")

    to = addresses.to
    return {
        "title": title,
        "description": description,
        "links": [
            link("self", to("", f="json"), JSON, named("this")),
            link("alternate", to("", f="html"), HTML, named("html")),
            link("service-desc", to("api"), OPENAPI_30, named("api")),
            link("service-doc", to("api.html"), HTML, named("api_html")),
            link("conformance", to("conformance"), JSON, named("conformance")),
            link("data", to("collections"), JSON, named("collections")),
            link("enclosure", to("download", "layers.gpkg"), GEOPACKAGE, named("geopackage")),
            link("describedby", to("download", "manifest.json"), JSON, named("manifest")),
        ],
    }


def conformance(classes: Sequence[str], addresses: Addresses, language: Language) -> dict[str, Any]:
    """Return what is announced."""
    return {
        "conformsTo": list(classes),
        "links": [
            link("self", addresses.to("conformance", f="json"), JSON, say(language, "link.this")),
            link("alternate", addresses.to("conformance", f="html"), HTML, say(language, "link.html")),
        ],
    }


def years(meta: CollectionMeta) -> tuple[str, str] | None:
    """Return the time a collection covers: its periods are whole years."""
    if not meta.periods:
        return None
    return f"{meta.periods[0]:04d}-01-01T00:00:00Z", f"{meta.periods[-1]:04d}-12-31T23:59:59Z"


def title_of(meta: CollectionMeta, language: Language) -> str:
    """Return a collection's title; the one with the latest year only says so, or lists would hold it twice."""
    return f"{meta.title[language]} ({say(language, 'page.latest')})" if meta.latest else meta.title[language]


def collection(meta: CollectionMeta, addresses: Addresses, language: Language) -> dict[str, Any]:
    """Return one collection, the same whether it stands alone or in the list."""

    def named(key: str) -> str:
        return say(language, f"link.{key}")

    to = addresses.to
    crs = [to_uri(name) for name in announced(meta.crs)]
    # Coordinates are rounded outwards so that the stated extent covers every feature.
    spatial = {"bbox": [list(meta.extent[CRS84])], "crs": CRS84_URI} if CRS84 in meta.extent else None
    interval = years(meta)
    temporal = {"interval": [list(interval)], "trs": _GREGORIAN} if interval else None
    extent = {name: part for name, part in (("spatial", spatial), ("temporal", temporal)) if part}
    document: dict[str, Any] = {
        "id": meta.id,
        "title": title_of(meta, language),
        "description": meta.description[language],
        "attribution": str(meta.metadata.get("attribution", "")),
        "itemType": "feature",
        "extent": extent,
        "crs": crs,
        "storageCrs": to_uri(meta.storage_crs) if meta.storage_crs in announced(meta.crs) else CRS84_URI,
        "links": [
            link("self", to("collections", meta.id, f="json"), JSON, named("this")),
            link("alternate", to("collections", meta.id, f="html"), HTML, named("html")),
            link("items", to("collections", meta.id, "items"), GEOJSON, named("items")),
            link("items", to("collections", meta.id, "items", f="html"), HTML, named("items_html")),
            link(_QUERYABLES, to("collections", meta.id, "queryables"), SCHEMA_JSON, named("queryables")),
            link("preview", to("maps", f"{meta.id}.png"), "image/png", named("picture")),
            link("related", to("maps", meta.id), HTML, named("map")),
            link("enclosure", to("download", "layers.gpkg"), GEOPACKAGE, named("geopackage")),
        ],
    }
    return document


def fields(meta: CollectionMeta, language: Language) -> list[dict[str, Any]]:
    """Return what each property of a feature is; ``values`` are what the values of a category mean."""
    return [
        {
            "name": field.name,
            "type": field.type,
            "title": field.title[language],
            "description": field.description[language],
            "unit": field.unit,
            "values": {value: title[language] for value, title in field.values.items()},
        }
        for field in meta.properties
    ]


def collections(metas: Sequence[CollectionMeta], addresses: Addresses, language: Language) -> dict[str, Any]:
    """Return the list of all collections."""
    to = addresses.to
    return {
        "links": [
            link("self", to("collections", f="json"), JSON, say(language, "link.this")),
            link("alternate", to("collections", f="html"), HTML, say(language, "link.html")),
            link("enclosure", to("download", "layers.gpkg"), GEOPACKAGE, say(language, "link.geopackage")),
        ],
        "collections": [collection(meta, addresses, language) for meta in metas],
    }


def items_links(
    meta: CollectionMeta,
    given: Mapping[str, str],
    page: Page,
    publication: str,
    addresses: Addresses,
    language: Language,
) -> list[Link]:
    """Return the links of a page of features; the next page stays with the publication of the first."""
    to = addresses.to

    def here(**more: str) -> str:
        return to("collections", meta.id, "items", **{**given, **more})

    links = [
        link("self", here(f="json"), GEOJSON, say(language, "link.this")),
        link("alternate", here(f="html"), HTML, say(language, "link.html")),
        link("collection", to("collections", meta.id), JSON, title_of(meta, language)),
    ]
    if page.next is not None:
        following = here(next=page.next, publication=publication, f="json")
        links.append(link("next", following, GEOJSON, say(language, "link.next")))
    return links


def feature_collection(page: Page, links: Sequence[Link]) -> str:
    """Return a page of features as GeoJSON; the features are ready texts and are not parsed."""
    head = json.dumps(
        {
            "type": "FeatureCollection",
            "timeStamp": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "numberMatched": page.matched,
            "numberReturned": page.returned,
            "links": links,
        },
        ensure_ascii=False,
    )
    return f'{head[:-1]}, "features": [{",".join(page.features)}]}}'


def feature(text: str, links: Sequence[Link]) -> str:
    """Return one feature with its links, which are put behind the ready text's last member."""
    return f'{text.rstrip()[:-1]}, "links": {json.dumps(links, ensure_ascii=False)}}}'


def feature_links(
    meta: CollectionMeta, feature_id: str, crs: str, addresses: Addresses, language: Language
) -> list[Link]:
    """Return the links of one feature."""
    to = addresses.to
    where = ("collections", meta.id, "items", feature_id)
    query = {} if crs == CRS84 else {"crs": to_uri(crs)}
    return [
        link("self", to(*where, **query, f="json"), GEOJSON, say(language, "link.this")),
        link("alternate", to(*where, **query, f="html"), HTML, say(language, "link.html")),
        link("collection", to("collections", meta.id), JSON, title_of(meta, language)),
    ]


def property_schema(field: Any, language: Language) -> dict[str, Any]:
    """Return the JSON Schema of one property."""
    schema: dict[str, Any] = {"type": field.type, "title": field.title[language]}
    if field.description[language]:
        schema["description"] = field.description[language]
    if field.unit:
        schema["x-ogc-unit"] = field.unit
    if field.values:
        schema["enum"] = list(field.values)
        schema["x-enum-titles"] = {value: title[language] for value, title in field.values.items()}
    return schema


def queryables(meta: CollectionMeta, addresses: Addresses, language: Language) -> dict[str, Any]:
    """Return what ``items`` can be filtered by, as JSON Schema."""
    kind = meta.geometry_type
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": addresses.to("collections", meta.id, "queryables"),
        "type": "object",
        "title": title_of(meta, language),
        "properties": {
            "geometry": {
                "title": say(language, "page.geometry"),
                "$ref": f"https://geojson.org/schema/{kind}.json",
                "format": f"geometry-{kind.lower()}",
                "x-ogc-role": "primary-geometry",
            },
            **{field.name: property_schema(field, language) for field in meta.properties},
        },
        "additionalProperties": False,
    }
