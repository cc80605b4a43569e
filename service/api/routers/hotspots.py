"""Hotspots for planners: indicator, level, year and statistic in, a map out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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

#: Statistic → the fields that hold its labels, the first that a layer draws counts: those that hold come first.
STATISTICS = {"local-moran": ("label_robust", "label"), "gi-star": ("gi_star_label",)}


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
    indicator = pick("indicator", given["indicator"], list(known), None)
    levels: dict[str, CollectionMeta] = known[indicator]
    named = titles(context)[indicator]
    if (asked := given.get("level")) is not None and asked not in levels:
        there = ", ".join(meta.level_title[context.language] for meta in levels.values())
        raise BadRequestError(
            "level_of", parameter="level", allowed=list(levels), indicator=named, found=asked, there=there
        )
    meta = levels[given.get("level") or best_level(levels)]
    drawn = {style.field for style in meta.styles}
    statistics = {
        name: next(field for field in fields if field in drawn)
        for name, fields in STATISTICS.items()
        if drawn.intersection(fields)
    }
    if not statistics:
        raise UnknownResourceError("no_map", id=meta.id)
    statistic = pick("statistic", given.get("statistic"), list(statistics), next(iter(statistics)))
    field = statistics[statistic]
    periods = [str(period) for period in meta.periods]
    if (year := given.get("period")) is not None and year not in periods:
        raise BadRequestError(
            "period_of", parameter="period", allowed=periods, indicator=named, found=year,
            level=meta.level_title[context.language], there=", ".join(periods),
        )  # fmt: skip
    return View(meta, int(year) if year is not None else latest_year(context, meta, field), field)


def best_level(levels: dict[str, CollectionMeta]) -> str:
    """Choose the level that is shown where none is asked for: observed before modelled, tested before not, then fine.

    Parameters
    ----------
    levels : dict of str to CollectionMeta
        Those of one indicator, coarse before fine.

    Returns
    -------
    str
        One of them.
    """
    places = {name: place for place, name in enumerate(levels)}

    def rank(name: str) -> tuple[bool, bool, int]:
        meta = levels[name]
        return (not meta.styles or not meta.styles[0].modelled, _testable(meta), places[name])

    return max(levels, key=rank)


def _testable(meta: CollectionMeta) -> bool:
    notes = meta.metadata.get("per_period") or {}
    return any(note.get("n_effective") for note in notes.values() if isinstance(note, dict))


#: Labels that a visitor comes for.
_CLUSTERS = ("High-High", "Low-Low", "High-Low", "Low-High")


def choices(context: Context) -> list[dict[str, Any]]:
    """Return what the form on the home page offers: per indicator its levels, their years, and what is chosen.

    Parameters
    ----------
    context : Context
        The request.

    Returns
    -------
    list of dict
        ``id``, ``title``, ``levels`` (``id``, ``title``, ``years`` newest first), ``best`` (a level) and ``selected``:
        the index where it has clusters, else the indicator with the most clustered areas.
    """
    kept = context.served.years
    named = titles(context)
    found: list[dict[str, Any]] = []
    most: dict[str, tuple[bool, int]] = {}
    for indicator, title in named.items():
        levels = tested(context)[indicator]
        best = best_level(levels)
        meta = levels[best]
        key = ("clusters", meta.id)
        if key not in kept:
            kept[key] = _clusters(context, meta)
        most[indicator] = (indicator == "index" and kept[key] > 0, kept[key])
        offered = [
            {"id": name, "title": m.level_title[context.language], "years": sorted(m.periods, reverse=True)}
            for name, m in levels.items()
        ]
        found.append({"id": indicator, "title": title, "levels": offered, "best": best})
    chosen = max(most, key=lambda name: most[name]) if most else None
    return [entry | {"selected": entry["id"] == chosen} for entry in found]


def _clusters(context: Context, meta: CollectionMeta) -> int:
    """Count the county's areas with a label in the latest year that has one."""
    if not meta.periods or not any(field.name == "label" for field in meta.fields):
        return 0
    year = latest_year(context, meta, "label")
    own = {"context": False} if any(field.name == "context" for field in meta.fields) else {}
    return sum(
        context.served.store.count(
            meta.id, ItemQuery(equals={"label": label, **own}, first_period=year, last_period=year)
        )
        for label in _CLUSTERS
    )


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
