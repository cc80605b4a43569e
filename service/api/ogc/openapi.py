"""The API definition in OpenAPI 3.0, built from the collections that are served.

FastAPI writes OpenAPI 3.1 with path templates; clients of OGC API – Features want 3.0 with one literal path for each
collection, because only then can each have its own property filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geodata.store.model import Field
from geodata.store.protocol import CollectionMeta
from service.api.ogc.crs import announced, to_uri
from service.api.ogc.documents import GEOJSON, GEOPACKAGE, HTML, JSON, OPENAPI_30, SCHEMA_JSON, title_of
from service.api.ogc.parameters import DEFAULT_LIMIT, MAX_LIMIT
from service.locale import LANGUAGES, Language, say

Schema = dict[str, Any]

#: Millimetres and dots per inch that may be asked for: lowest, highest, default. 170 mm at 200 fill the width of a
#: portrait A4 page.
WIDTH = (120, 420, 170)
DPI = (50, 300, 200)
#: Ending → media type of pictures.
PICTURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}

_PROBLEM = "application/problem+json"


def _ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name, "in": "query", "required": False, "description": description,
        "schema": schema, "style": "form", "explode": False,
    }  # fmt: skip


def _parameters(language: Language) -> Schema:
    def said(key: str) -> str:
        return say(language, f"parameter.{key}", maximum=MAX_LIMIT, default=DEFAULT_LIMIT)

    box = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return {
        "limit": _query("limit", said("limit"), limit),
        "next": _query("next", said("next"), {"type": "string"}),
        "bbox": _query("bbox", said("bbox"), box),
        "datetime": _query("datetime", said("datetime"), {"type": "string"}),
        "f": _query("f", said("f"), {"type": "string", "enum": ["json", "html"]}),
        "lang": _query("lang", said("lang"), {"type": "string", "enum": list(LANGUAGES)}),
        "publication": _query("publication", said("publication"), {"type": "string"}),
    }


def _schemas() -> Schema:
    text = {"type": "string"}
    a_link = {
        "type": "object",
        "required": ["href", "rel"],
        "properties": {"href": {"type": "string", "format": "uri"}, "rel": text, "type": text, "title": text},
    }
    links = {"type": "array", "items": _ref("schemas", "link")}
    return {
        "link": a_link,
        "landing": {
            "type": "object", "required": ["links"],
            "properties": {"title": text, "description": text, "links": links},
        },
        "conformance": {
            "type": "object", "required": ["conformsTo"],
            "properties": {"conformsTo": {"type": "array", "items": text}, "links": links},
        },
        "collection": {
            "type": "object", "required": ["id", "links"],
            "properties": {
                "id": text, "title": text, "description": text, "attribution": text, "itemType": text,
                "extent": {"type": "object"}, "crs": {"type": "array", "items": text}, "storageCrs": text,
                "fields": {"type": "array", "items": _ref("schemas", "field")},
                "links": links,
            },
        },
        "field": {
            "type": "object", "required": ["name", "title", "type"],
            "properties": {
                "name": text, "title": text, "description": text, "unit": text,
                "type": {"type": "string", "enum": ["string", "integer", "number", "boolean"]},
                "values": {"type": "object", "additionalProperties": text},
            },
        },
        "collections": {
            "type": "object", "required": ["links", "collections"],
            "properties": {
                "links": links, "collections": {"type": "array", "items": _ref("schemas", "collection")},
            },
        },
        "feature": {
            "type": "object", "required": ["type", "id", "geometry", "properties"],
            "properties": {
                "type": {"type": "string", "enum": ["Feature"]}, "id": text,
                "geometry": {"type": "object", "nullable": True}, "properties": {"type": "object"}, "links": links,
            },
        },
        "features": {
            "type": "object", "required": ["type", "features"],
            "properties": {
                "type": {"type": "string", "enum": ["FeatureCollection"]},
                "timeStamp": {"type": "string", "format": "date-time"},
                "numberMatched": {"type": "integer", "minimum": 0},
                "numberReturned": {"type": "integer", "minimum": 0},
                "links": links,
                "features": {"type": "array", "items": _ref("schemas", "feature")},
            },
        },
        "problem": {
            "type": "object", "required": ["title", "status"],
            "properties": {
                "type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text,
                "parameter": text, "allowed": {"type": "array", "items": text},
            },
        },
    }  # fmt: skip


def _responses(language: Language) -> Schema:
    def refused(status: int) -> Schema:
        return {
            "description": say(language, f"status.{status}"),
            "content": {_PROBLEM: {"schema": _ref("schemas", "problem")}},
        }

    return {
        "NotModified": {"description": say(language, "status.304")},
        "BadRequest": refused(400),
        "NotFound": refused(404),
        "Gone": refused(410),
        "Unavailable": refused(503),
        "ServerError": refused(500),
    }


#: Answers that every operation can give beside its own.
_REFUSALS = {
    "304": "NotModified", "400": "BadRequest", "404": "NotFound", "410": "Gone", "500": "ServerError",
    "503": "Unavailable",
}  # fmt: skip


def _get(
    operation: str,
    tag: str,
    summary: str,
    content: dict[str, Schema],
    parameters: Sequence[Schema] = (),
    headers: Schema | None = None,
    formats: Schema | None = None,
) -> Schema:
    success: Schema = {
        "description": summary,
        "content": {media: {"schema": schema} for media, schema in content.items()},
    }
    if headers:
        success["headers"] = headers
    common = [_ref("parameters", name) for name in ("lang", "publication")]
    # Where there is more than a page and JSON to choose from, the choice is listed.
    common.insert(0, formats or _ref("parameters", "f"))
    return {
        "get": {
            "operationId": operation,
            "tags": [tag],
            "summary": summary,
            "parameters": [*parameters, *common],
            "responses": {"200": success} | {code: _ref("responses", name) for code, name in _REFUSALS.items()},
        }
    }


def _sizes(language: Language) -> list[Schema]:
    return [
        _query(
            name,
            say(language, f"parameter.{name}", lowest=lowest, highest=highest),
            {"type": "integer", "minimum": lowest, "maximum": highest, "default": default},
        )
        for name, (lowest, highest, default) in (("width", WIDTH), ("dpi", DPI))
    ]


def _choice(kind: str, allowed: Sequence[object]) -> Schema:
    """Return a schema with its values listed; a list of none would allow nothing and be invalid."""
    return {"type": kind} | ({"enum": list(allowed)} if allowed else {})


def _filter(field: Field, language: Language) -> Schema:
    """Return the filter of one queryable: ``style: form, explode: false``, so that QGIS offers it."""
    schema: Schema = {"type": field.type}
    if field.values:
        schema["enum"] = list(field.values)
    title = field.title[language] + (f" ({field.unit})" if field.unit else "")
    return _query(field.name, title, schema)


def _collection_paths(meta: CollectionMeta, language: Language) -> Schema:
    def said(key: str) -> str:
        return say(language, f"operation.{key}", title=title_of(meta, language))

    html = {HTML: {"type": "string"}}
    crs = {"type": "string", "format": "uri", "enum": [to_uri(name) for name in announced(meta.crs)]}
    crs_parameters = [
        _query(name, say(language, f"parameter.{name}"), crs | {"default": crs["enum"][0]})
        for name in ("crs", "bbox-crs")
    ]
    content_crs = {"Content-Crs": {"description": say(language, "parameter.content_crs"), "schema": {"type": "string"}}}
    periods = {"type": "integer", "enum": list(meta.periods)} if meta.periods else {"type": "integer"}
    fields = (
        {"type": "string", "enum": sorted({style.field for style in meta.styles})}
        if meta.styles
        else {"type": "string"}
    )
    drawn = [
        _query("period", say(language, "parameter.period"), periods),
        _query("field", say(language, "parameter.field"), fields),
    ]
    feature_id = {
        "name": "featureId", "in": "path", "required": True, "schema": {"type": "string"},
        "description": say(language, "parameter.feature_id"),
    }  # fmt: skip
    where = f"/collections/{meta.id}"
    items = [_ref("parameters", name) for name in ("limit", "next", "bbox", "datetime")]
    filters = [_filter(field, language) for field in meta.properties]
    picture = {"type": "string", "format": "binary"}
    return {
        where: _get(
            f"{meta.id}.describe", meta.level, said("collection"), {JSON: _ref("schemas", "collection")} | html
        ),
        f"{where}/queryables": _get(
            f"{meta.id}.queryables", meta.level, said("queryables"), {SCHEMA_JSON: {"type": "object"}} | html
        ),
        f"{where}/items": _get(
            f"{meta.id}.items", meta.level, said("items"), {GEOJSON: _ref("schemas", "features")} | html,
            [*items, *crs_parameters, *filters], content_crs,
        ),
        f"{where}/items/{{featureId}}": _get(
            f"{meta.id}.item", meta.level, said("item"), {GEOJSON: _ref("schemas", "feature")} | html,
            [feature_id, crs_parameters[0]], content_crs,
        ),
        f"/maps/{meta.id}": _get(f"{meta.id}.map", meta.level, said("map"), html, drawn),
        **{
            f"/maps/{meta.id}.{ending}": _get(
                f"{meta.id}.{ending}", meta.level, f"{said('picture')} ({ending.upper()})",
                {media: picture}, [*drawn, *_sizes(language)],
            )
            for ending, media in PICTURES.items()
        },
        f"/embed/{meta.id}": _get(f"{meta.id}.embed", meta.level, said("embed"), html, drawn),
    }  # fmt: skip


def document(
    title: str,
    version: str,
    server: str,
    metas: Sequence[CollectionMeta],
    language: Language,
    indicators: Sequence[str] = (),
    areas: bool = False,
) -> dict[str, Any]:
    """Return the API definition.

    Parameters
    ----------
    title, version : str
        Of the service.
    server : str
        Address under which it is reached.
    metas : sequence of CollectionMeta
        Every collection that is served.
    language : {"de", "en"}
        Of the descriptions.
    indicators : sequence of str
        Those that have a sheet.
    areas : bool
        Whether areas have profiles.

    Returns
    -------
    dict
        A valid OpenAPI 3.0 document. Nothing needs authentication, so it has no security scheme.
    """

    def said(key: str) -> str:
        return say(language, f"operation.{key}", title="")

    html = {HTML: {"type": "string"}}
    base = {
        "/": _get("landing", "service", said("landing"), {JSON: _ref("schemas", "landing")} | html),
        "/conformance": _get(
            "conformance", "service", said("conformance"), {JSON: _ref("schemas", "conformance")} | html
        ),
        "/api": _get("api", "service", said("api"), {OPENAPI_30: {"type": "object"}}),
        "/collections": _get(
            "collections", "service", said("collections"), {JSON: _ref("schemas", "collections")} | html
        ),
        "/hotspots": _get(
            "hotspots", "service", said("hotspots"),
            {GEOJSON: _ref("schemas", "features")}
            | {media: {"type": "string", "format": "binary"} for media in PICTURES.values()}
            | html,
            [*_hotspot_parameters(metas, language), *_sizes(language)],
            formats=_query(
                "f", say(language, "parameter.f"), _choice("string", ["html", "geojson", "json", *PICTURES])
            ),
        ),
        "/honest": _get("honest", "service", said("honest"), {JSON: {"type": "object"}} | html),
        "/download/layers.gpkg": _get(
            "geopackage", "service", said("geopackage"), {GEOPACKAGE: {"type": "string", "format": "binary"}}
        ),
        "/download/manifest.json": _get("manifest", "service", said("manifest"), {JSON: {"type": "object"}}),
    }  # fmt: skip
    levels = {meta.level: meta.level_title[language] for meta in metas}
    paths = dict(base)
    paths["/indicators"] = _get("indicators", "service", said("indicators"), {JSON: {"type": "object"}} | html)
    for name in indicators:
        summary = say(language, "operation.indicator", title=name)
        paths[f"/indicators/{name}"] = _get(f"indicator.{name}", "service", summary, {JSON: {"type": "object"}} | html)
    paths["/indices"] = _get("indices", "service", said("indices"), {JSON: {"type": "object"}} | html)
    if areas:
        area_id = {
            "name": "areaId", "in": "path", "required": True, "schema": {"type": "string"},
            "description": say(language, "parameter.area_id"),
        }  # fmt: skip
        paths["/areas/{areaId}/profile"] = _get(
            "profile", "service", said("profile"), {JSON: {"type": "object"}} | html, [area_id]
        )
    for meta in metas:
        paths.update(_collection_paths(meta, language))
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": version, "description": say(language, "page.api_intro")},
        "servers": [{"url": server}],
        "tags": [
            {"name": "service", "description": say(language, "operation.tag")},
            *({"name": level, "description": name} for level, name in levels.items()),
        ],
        "paths": paths,
        "components": {
            "parameters": _parameters(language), "schemas": _schemas(), "responses": _responses(language),
        },
    }  # fmt: skip


def _hotspot_parameters(metas: Sequence[CollectionMeta], language: Language) -> list[Schema]:
    found = [meta for meta in metas if meta.kind == "hotspots" and not meta.latest]
    indicators = sorted({indicator for meta in found if (indicator := hotspot_indicator(meta))})
    values = {
        "indicator": indicators,
        "level": sorted({meta.level for meta in found}),
        "statistic": ["local-moran", "gi-star"],
    }
    periods = sorted({period for meta in found for period in meta.periods})
    named = [
        _query(name, say(language, f"parameter.{name}"), _choice("string", allowed)) for name, allowed in values.items()
    ]
    named[0]["required"] = True
    return [
        *named,
        _query(
            "period", say(language, "parameter.period"), {"type": "integer"} | ({"enum": periods} if periods else {})
        ),
    ]


def hotspot_indicator(meta: CollectionMeta) -> str | None:
    """Return the indicator of a hotspot collection, whose id is ``{level}_hotspots_{indicator}``."""
    head = f"{meta.level}_hotspots_"
    return meta.base.removeprefix(head) if meta.kind == "hotspots" and meta.base.startswith(head) else None
