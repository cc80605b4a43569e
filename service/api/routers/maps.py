"""Maps of collections: pages, pictures, and pages for frames on other sites."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from service.api.dependencies import Ctx
from service.api.drawing import PICTURES, page, picture, thumbnail, view_of
from service.api.negotiation import MediaType

router = APIRouter()
READ = ["GET", "HEAD"]


@router.api_route("/maps/{name}", methods=READ)
async def a_map(context: Ctx, name: str) -> Response:
    """Answer with a collection's map as page, or with an ending (or ``f``) as picture."""
    stem, _, ending = name.rpartition(".")
    kind = next((kind for kind in PICTURES if kind.value == ending), None) if stem else None
    if kind is not None:
        given = context.parameters("period", "field", "width", "dpi")
        context.format(kind)
        return await picture(context, view_of(context, context.collection(stem), given), kind, given)
    meta = context.collection(name)
    wanted = context.format(MediaType.HTML, *PICTURES)
    if wanted == MediaType.HTML or "f" not in context.request.query_params:
        given = context.parameters("period", "field")
        return await page(context, view_of(context, meta, given), embedded=False)
    given = context.parameters("period", "field", "width", "dpi")
    return await picture(context, view_of(context, meta, given), wanted, given)


@router.api_route("/thumbnails/{collection_id}.svg", methods=READ)
async def preview(context: Ctx, collection_id: str) -> Response:
    """Answer with a collection's map without words, for overviews."""
    given = context.parameters("period", "field")
    context.format(MediaType.SVG)
    return await thumbnail(context, view_of(context, context.collection(collection_id), given))


@router.api_route("/embed/{collection_id}", methods=READ)
async def embed(context: Ctx, collection_id: str) -> Response:
    """Answer with a collection's map for a frame."""
    given = context.parameters("period", "field")
    context.format(MediaType.HTML)
    return await page(context, view_of(context, context.collection(collection_id), given), embedded=True)
