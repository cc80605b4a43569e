"""Collections and what they can be filtered by."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from service.api.dependencies import Ctx, latest_first
from service.api.embedding import snippets
from service.api.negotiation import MediaType
from service.api.ogc import documents
from service.api.routers.indicators import sheets_of

router = APIRouter()
READ = ["GET", "HEAD"]


@router.api_route("/collections", methods=READ)
def collections(context: Ctx) -> Response:
    """List everything that is served."""
    context.parameters()
    metas = list(context.served.collections.values())
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page("collections.html", metas=latest_first(metas))
    return context.json(documents.collections(metas, context.addresses, context.language))


@router.api_route("/collections/{collection_id}", methods=READ)
def collection(context: Ctx, collection_id: str) -> Response:
    """Describe one collection: what it holds, how to load it, how to embed its map."""
    context.parameters()
    meta = context.collection(collection_id)
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        known = sheets_of(context)
        sheets = [known[i["id"]] for i in meta.metadata.get("indicators", ()) if i["id"] in known]
        return context.page("collection.html", meta=meta, snippets=snippets(context, meta), sheets=sheets)
    described = documents.collection(meta, context.addresses, context.language)
    # Not in the list of all layers, which would be ten times as long.
    return context.json(described | {"fields": documents.fields(meta, context.language)})


@router.api_route("/collections/{collection_id}/queryables", methods=READ)
def queryables(context: Ctx, collection_id: str) -> Response:
    """Say what ``items`` can be filtered by."""
    context.parameters()
    meta = context.collection(collection_id)
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page("queryables.html", meta=meta)
    return context.json(documents.queryables(meta, context.addresses, context.language), documents.SCHEMA_JSON)
