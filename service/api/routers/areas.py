"""The social index at a glance, and the profile of each area; both were computed when the edition was published."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from service.api.dependencies import Context, Ctx
from service.api.errors import UnknownResourceError
from service.api.negotiation import MediaType
from service.reports.area_profile import indexed, read_profiles

router = APIRouter()
READ = ["GET", "HEAD"]


def profiles_of(context: Context) -> dict[str, dict[str, Any]]:
    """Return the profiles of the served edition, read once for each publication; empty where it has none."""
    served = context.served
    key = ("profiles",)
    if key not in served.years:
        served.years[key] = {} if served.directory is None else read_profiles(served.directory)
    found: dict[str, dict[str, Any]] = served.years[key]
    return found


def _link(context: Context, kind: str, name: str) -> str:
    if kind == "areas":
        return context.addresses.to("areas", name, "profile", f="html")
    return context.addresses.to("collections", name, f="html")


@router.api_route("/indices", methods=READ)
def indices(context: Ctx) -> Response:
    """List the layers of the index, and the areas with their class, rank and change."""
    context.parameters()
    layers = [meta for meta in context.served.collections.values() if meta.kind == "index" and not meta.latest]
    areas = indexed(profiles_of(context))
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page(
            "indices.html", areas=areas, layers=layers, link=lambda kind, name: _link(context, kind, name)
        )
    return context.json(
        {
            "layers": [
                {
                    "id": meta.id,
                    "title": meta.title[context.language],
                    "level": meta.level,
                    "periods": list(meta.periods),
                    "frame": (meta.metadata.get("reference_title") or {}).get(context.language),
                    "base_year": meta.metadata.get("base_year"),
                    "href": context.addresses.to("collections", meta.id),
                }
                for meta in layers
            ],
            "areas": [
                {
                    "id": area["id"],
                    "name": area["name"],
                    "index": area["index"],
                    "href": context.addresses.to("areas", area["id"], "profile"),
                }
                for area in areas
            ],
        }
    )


@router.api_route("/areas/{area_id}/profile", methods=READ)
def profile(context: Ctx, area_id: str) -> Response:
    """Show everything that the edition says of one area."""
    context.parameters()
    profiles = profiles_of(context)
    if area_id not in profiles:
        raise UnknownResourceError("area", allowed=list(profiles), id=area_id)
    found = profiles[area_id]
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        return context.page("area_profile.html", profile=found, link=lambda kind, name: _link(context, kind, name))
    return context.json(found)
