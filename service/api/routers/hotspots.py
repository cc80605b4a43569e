"""Hotspots for planners: indicator, level, year and statistic in, a map out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from geodata.store.protocol import CollectionMeta
from geodata.store.query import ItemQuery, Page
from service.api.dependencies import Context, Ctx, pick
from service.api.drawing import PICTURES, View, latest_year, page, picture
from service.api.errors import BadRequestError, UnknownResourceError
from service.api.negotiation import MediaType
from service.api.ogc import documents
from service.api.ogc.openapi import hotspot_indicator
from service.api.ogc.parameters import MAX_LIMIT
from service.api.routers.items import content_crs

router = APIRouter()
READ = ["GET", "HEAD"]

#: Statistic → the field that holds its labels.
STATISTICS = {"local-moran": "label", "gi-star": "gi_star_label"}


def tested(context: Context) -> dict[str, dict[str, CollectionMeta]]:
    """Return the hotspot collections: indicator → level → collection, levels in the store's order."""
    found: dict[str, dict[str, CollectionMeta]] = {}
    for meta in context.served.collections.values():
        if not meta.latest and (indicator := hotspot_indicator(meta)) is not None:
            found.setdefault(indicator, {})[meta.level] = meta
    order = [level.id for level in context.served.store.levels()]
    return {
        indicator: dict(sorted(levels.items(), key=lambda entry: order.index(entry[0])))
        for indicator, levels in sorted(found.items())
    }


def titles(context: Context) -> dict[str, str]:
    """Return what the tested indicators are called: as a field where one bears the name, else as their collection."""
    fields = {
        field.name: field.title[context.language]
        for meta in context.served.collections.values()
        if meta.kind == "indicators"
        for field in meta.fields
    }
    named = {
        name: fields.get(name) or next(iter(levels.values())).title[context.language]
        for name, levels in tested(context).items()
    }
    if "index" in named:
        named["index"] = context.say("page.kind_index")
    return dict(sorted(named.items(), key=lambda entry: entry[1].casefold()))


def hotspot_view(context: Context, given: dict[str, str]) -> View:
    """Choose the map that ``indicator``, ``level``, ``period`` and ``statistic`` ask for.

    Raises
    ------
    BadRequestError
        The indicator is not named, or there is nothing of what is named; the error lists what there is.
    UnknownResourceError
        The publication holds no hotspots.
    """
    known = tested(context)
    if not known:
        raise UnknownResourceError("no_hotspots")
    if "indicator" not in given:
        raise BadRequestError("indicator_missing", parameter="indicator", allowed=list(known))
    levels: dict[str, CollectionMeta] = known[pick("indicator", given["indicator"], list(known), None)]
    # Observed before modelled, then the finest level.
    observed = [name for name, meta in levels.items() if not meta.styles or not meta.styles[0].modelled]
    level = pick("level", given.get("level"), list(levels), (observed or list(levels))[-1])
    meta = levels[level]
    statistics = {name: field for name, field in STATISTICS.items() if any(s.field == field for s in meta.styles)}
    if not statistics:
        raise UnknownResourceError("no_map", id=meta.id)
    statistic = pick("statistic", given.get("statistic"), list(statistics), next(iter(statistics)))
    field = statistics[statistic]
    return View(meta, pick("period", given.get("period"), meta.periods, latest_year(context, meta, field)), field)


@router.api_route("/hotspots", methods=READ)
async def hotspots(context: Ctx) -> Response:
    """Answer with a hotspot map as page or picture, or with its areas as GeoJSON."""
    # A form sends what was left to the default as empty.
    asked_for = context.parameters("indicator", "level", "period", "statistic", "width", "dpi")
    given = {name: value for name, value in asked_for.items() if value}
    offered: Sequence[MediaType] = (MediaType.HTML, MediaType.GEOJSON, *PICTURES)
    # As everywhere else, f=json is GeoJSON.
    asked = context.request.query_params.get("f")
    kind = MediaType.GEOJSON if asked == MediaType.JSON else context.format(*offered)
    view = hotspot_view(context, given)
    if kind == MediaType.GEOJSON:
        return await run_in_threadpool(_geojson, context, view)
    if kind in PICTURES:
        return await picture(context, view, kind, given)
    return await page(context, view, embedded=False)


def _geojson(context: Context, view: View) -> Response:
    context.revalidate("geojson")
    query = ItemQuery(limit=MAX_LIMIT, first_period=view.period, last_period=view.period)
    features: list[str] = []
    cursor: str | None = None
    while True:
        part = context.served.store.items(view.meta.id, replace(query, after=cursor))
        features += part.features
        cursor = part.next
        if cursor is None:
            break
    to, named = context.addresses.to, view.meta.title[context.language]
    links = [
        documents.link("self", str(context.request.url), documents.GEOJSON, context.say("link.this")),
        documents.link("collection", to("collections", view.meta.id), documents.JSON, named),
        documents.link("related", to("maps", view.meta.base, **view.query), documents.HTML, context.say("link.map")),
    ]
    body = documents.feature_collection(Page(features, None, len(features)), links)
    return context.json(body, documents.GEOJSON, **content_crs(query.crs))
