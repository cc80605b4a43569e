"""Landing page, conformance, API definition: where a client begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from geodata.errors import SozialmonitorError
from geodata.store.protocol import CollectionMeta
from geodata.store.query import ItemQuery
from service.api.dependencies import VERSION, Context, Ctx, latest_first, shared_of
from service.api.errors import status_of
from service.api.negotiation import MediaType
from service.api.ogc import documents, openapi
from service.api.ogc.conformance import CONFORMANCE
from service.api.pages import WEB
from service.api.routers.areas import profiles_of
from service.api.routers.hotspots import choices
from service.api.routers.indicators import sheets_of
from service.cartography.honest import CAPTIONS, caption

router = APIRouter()
READ = ["GET", "HEAD"]


def definition(context: Context) -> dict[str, object]:
    """Return the API definition, built once per publication, address and language."""
    key = ("openapi", context.addresses.base, context.language)
    kept = context.served.kept
    if key not in kept:
        # Addresses come from the Host header where none is set: what is kept for them must not grow without end.
        if len(kept) > 16:
            kept.clear()
        title = context.say("page.monitor_of", county=context.title)
        metas = list(context.served.collections.values())
        names = list(sheets_of(context))
        kept[key] = openapi.document(
            title,
            VERSION,
            context.addresses.base,
            metas,
            context.language,
            names,
            areas=bool(profiles_of(context)),
        )
    document: dict[str, object] = kept[key]
    return document


@router.api_route("/", methods=READ)
def landing(context: Ctx) -> Response:
    """Say where everything is: for a browser the home page, else links."""
    context.parameters()
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return _home(context)
    title = context.say("page.monitor_of", county=context.title)
    description = context.say("page.intro")
    return context.json(documents.landing(title, description, context.addresses, context.language))


#: Order of the kinds within a level.
_KINDS = ("index", "indicators", "hotspots")


def _home(context: Context) -> Response:
    """Show the levels, those with the index first: it is what most people come for."""
    shown = latest_first(context.served.collections.values())
    levels: list[dict[str, Any]] = []
    for level in context.served.store.levels():
        metas = sorted((meta for meta in shown if meta.level == level.id), key=lambda meta: _KINDS.index(meta.kind))
        if metas:
            levels.append({"meta": level, "collections": metas, "own": _own_areas(context, metas)})
    levels.sort(key=lambda entry: entry["collections"][0].kind != "index")
    offered = choices(context)
    # Without a script every level and year can be chosen, and a wrong pair is told with what there is.
    all_levels = {level["id"]: level["title"] for entry in offered for level in entry["levels"]}
    return context.page(
        "home.html",
        levels=levels,
        hotspots=offered,
        tested_levels=all_levels,
        tested_years=sorted(
            {year for entry in offered for level in entry["levels"] for year in level["years"]}, reverse=True
        ),
        keep=context.addresses.keep,
    )


def _own_areas(context: Context, metas: Sequence[CollectionMeta]) -> int | None:
    """Count the areas of a level that lie in the county; None where no collection tells them from their neighbours."""
    for meta in metas:
        if any(field.name == "context" for field in meta.fields):
            key = ("own", meta.id)
            if key not in context.served.years:
                last = meta.periods[-1]
                query = ItemQuery(equals={"context": False}, first_period=last, last_period=last)
                context.served.years[key] = context.served.store.count(meta.id, query)
            own: int = context.served.years[key]
            return own
    return None


@router.api_route("/conformance", methods=READ)
def conformance(context: Ctx) -> Response:
    """Say what is announced."""
    context.parameters()
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page("conformance.html", classes=CONFORMANCE)
    return context.json(documents.conformance(CONFORMANCE, context.addresses, context.language))


@router.api_route("/api", methods=READ)
def api(context: Ctx) -> Response:
    """Define the API in OpenAPI 3.0; a browser gets a page."""
    context.parameters()
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return _api_page(context)
    return context.json(definition(context), documents.OPENAPI_30)


@router.api_route("/api.html", methods=READ)
def api_page(context: Ctx) -> Response:
    """Describe the API for people."""
    context.parameters()
    return _api_page(context)


def _api_page(context: Context) -> Response:
    # The latest year of a collection has the same addresses once more; people need not read them twice.
    metas = context.served.collections.values()
    hidden = [
        f"{meta.id}{ending}" for meta in metas if meta.latest for ending in ("", *(f".{e}" for e in openapi.PICTURES))
    ]
    return context.page("api.html", document=definition(context), hidden=hidden)


@router.api_route("/honest", methods=READ)
def honest(context: Ctx) -> Response:
    """Show what handed-down values do to a test: the naive map beside the honest one, on the invented county."""
    context.parameters()
    numbers = honest_numbers()
    said = {key: caption(key, numbers, context.language) for key in CAPTIONS}
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page("honest.html", said=said)
    return context.json({"title": said["title"], "numbers": numbers, "texts": said})


@cache
def honest_numbers() -> dict[str, float]:
    """Return what was counted when the picture was made."""
    found: dict[str, float] = json.loads((WEB / "honest_map.json").read_text(encoding="utf-8"))
    return found


@router.api_route("/healthz", methods=READ)
def health(request: Request) -> Response:
    """Tell whether the service runs, and what it serves; 200 also before the first publication."""
    shared = shared_of(request)
    try:
        current, state = shared.publications.current(), 200
        status = "ok" if current else "no publication"
    except SozialmonitorError as error:
        current, state, status = None, status_of(error), "unreadable"
        # A withdrawn publication is no fault of the service.
        if state == 410:
            state, status = 200, "withdrawn"
    body = {"status": status, "publication": current, "edition": shared.settings.edition, "version": VERSION}
    return JSONResponse(body, state, {"Cache-Control": "no-store"})
