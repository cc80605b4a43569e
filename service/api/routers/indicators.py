"""Indicator sheets: what a figure means, how it is computed, and for which areas and years there is one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from service.api.dependencies import Context, Ctx
from service.api.errors import UnknownResourceError
from service.api.negotiation import MediaType
from service.reports.indicator_sheet import read_sheets

router = APIRouter(prefix="/indicators")
READ = ["GET", "HEAD"]


def sheets_of(context: Context) -> dict[str, dict[str, Any]]:
    """Return the sheets of the served edition, read once for each publication; empty where it has none."""
    served = context.served
    key = ("sheets",)
    if key not in served.years:
        served.years[key] = {} if served.directory is None else read_sheets(served.directory)
    found: dict[str, dict[str, Any]] = served.years[key]
    return found


@router.api_route("", methods=READ)
def indicators(context: Ctx) -> Response:
    """List the indicators that have a sheet, by topic."""
    context.parameters()
    sheets = sheets_of(context)
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        topics: dict[str, list[dict[str, Any]]] = {}
        for sheet in sheets.values():
            topics.setdefault(sheet["topic"], []).append(sheet)
        return context.page("indicators.html", sheets=topics)
    listed = [
        {
            "id": name,
            "title": sheet["title"][context.language],
            "definition": sheet["definition"][context.language],
            "topic": sheet["topic"],
            "unit": sheet["unit"],
            "href": context.addresses.to("indicators", name),
        }
        for name, sheet in sheets.items()
    ]
    return context.json({"indicators": listed})


@router.api_route("/{indicator_id}", methods=READ)
def indicator(context: Ctx, indicator_id: str) -> Response:
    """Show the sheet of one indicator."""
    context.parameters()
    sheets = sheets_of(context)
    if indicator_id not in sheets:
        raise UnknownResourceError("sheet", allowed=list(sheets), id=indicator_id)
    sheet = sheets[indicator_id]
    if context.format(MediaType.JSON, MediaType.HTML) == MediaType.HTML:
        served = context.served.collections
        return context.page(
            "indicator.html",
            sheet=sheet,
            link=lambda name: context.addresses.to("collections", name, f="html") if name in served else None,
        )
    return context.json(sheet)
