"""Features: pages of ready texts, filtered in the store."""

from __future__ import annotations

import json

from fastapi import APIRouter
from fastapi.responses import Response

from geodata.store.model import Field
from geodata.store.protocol import KEYS, CollectionMeta
from service.api.dependencies import Context, Ctx
from service.api.errors import UnknownResourceError
from service.api.negotiation import MediaType
from service.api.ogc import documents
from service.api.ogc.crs import to_uri
from service.api.ogc.parameters import ITEMS, item_query, read_crs
from service.locale import Language, say

router = APIRouter()
READ = ["GET", "HEAD"]

#: Rows of a page for people, unless ``limit`` says otherwise.
ROWS = "50"


def content_crs(crs: str) -> dict[str, str]:
    """Return the header that names the CRS of the coordinates; Part 2 wants the URI in angle brackets."""
    return {"Content-Crs": f"<{to_uri(crs)}>"}


@router.api_route("/collections/{collection_id}/items", methods=READ)
def items(context: Ctx, collection_id: str) -> Response:
    """One page of features."""
    meta = context.collection(collection_id)
    given = context.parameters(*ITEMS, *(field.name for field in meta.properties))
    as_page = context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML
    query = item_query({"limit": ROWS, **given} if as_page else given, meta)
    context.revalidate("html" if as_page else "json")
    page = context.served.store.items(meta.id, query)
    links = documents.items_links(meta, given, page, context.served.id, context.addresses, context.language)
    if as_page:
        rows = [json.loads(feature) for feature in page.features]
        following = _next_page(context, meta, given, page.next)
        columns = column_groups(meta, context.language)
        return context.page("items.html", meta=meta, rows=rows, page=page, following=following, groups=columns)
    body = documents.feature_collection(page, links)
    return context.json(body, documents.GEOJSON, **content_crs(query.crs))


def column_groups(meta: CollectionMeta, language: Language) -> list[tuple[str, list[tuple[Field, str]]]]:
    """Put the columns of one indicator under one heading, so that each says only what it adds.

    Parameters
    ----------
    meta : CollectionMeta
        The collection.
    language : {"de", "en"}
        Of the headings.

    Returns
    -------
    list of (str, list of (Field, str))
        Heading and columns; the heading of a column that stands alone is empty. The name comes first, the area's id
        and the year after it.
    """
    groups: list[tuple[str, list[tuple[Field, str]]]] = []
    keys = {field.name: field for field in KEYS}
    groups += [("", [(keys[name], keys[name].title[language])]) for name in ("name", "area_id", "period")]
    for field in meta.fields:
        title = field.title[language]
        stem, _, rest = title.partition(": ")
        if rest and groups[-1][1][0][0].title[language] == stem:
            groups[-1][1].append((field, rest[:1].upper() + rest[1:]))
        else:
            groups.append(("", [(field, title)]))
    return [
        (columns[0][1], [(columns[0][0], say(language, "page.value")), *columns[1:]])
        if len(columns) > 1
        else ("", columns)
        for _, columns in groups
    ]


def _next_page(context: Context, meta: CollectionMeta, given: dict[str, str], cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = {**given, "next": cursor, "publication": context.served.id, "f": "html"}
    return context.addresses.to("collections", meta.id, "items", **query)


@router.api_route("/collections/{collection_id}/items/{feature_id}", methods=READ)
def item(context: Ctx, collection_id: str, feature_id: str) -> Response:
    """One feature."""
    meta = context.collection(collection_id)
    given = context.parameters("crs")
    as_page = context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML
    crs = read_crs(given.get("crs"), meta, "crs")
    text = context.served.store.item(meta.id, feature_id, crs=crs)
    if text is None:
        raise UnknownResourceError("feature", id=feature_id, collection=meta.id)
    if as_page:
        return context.page("item.html", meta=meta, feature=json.loads(text), feature_id=feature_id)
    links = documents.feature_links(meta, feature_id, crs, context.addresses, context.language)
    return context.json(documents.feature(text, links), documents.GEOJSON, **content_crs(crs))
