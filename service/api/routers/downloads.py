"""Whole files: the GeoPackage that opens styled, and what the publication says about itself."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from service.api.dependencies import Context, Ctx
from service.api.errors import UnknownResourceError
from service.api.ogc.documents import GEOPACKAGE, JSON

router = APIRouter(prefix="/download")
READ = ["GET", "HEAD"]


def _file(context: Context, name: str) -> Path:
    directory = context.served.directory
    path = None if directory is None else directory / name
    if path is None or not path.is_file():
        raise UnknownResourceError("file", name=name)
    return path


@router.api_route("/layers.gpkg", methods=READ)
def geopackage(context: Ctx) -> Response:
    """All layers of the edition in one file."""
    context.parameters()
    served = context.served
    edition = "" if served.edition == "public" else f"-{served.edition}"
    return FileResponse(
        _file(context, "layers.gpkg"),
        media_type=GEOPACKAGE,
        filename=f"sozialmonitor-{context.shared.settings.county}-{served.id}{edition}.gpkg",
        headers=context.revalidate("geopackage"),
    )


@router.api_route("/manifest.json", methods=READ)
def manifest(context: Ctx) -> Response:
    """Parameters, versions, sources, what is shown and what is not."""
    context.parameters()
    return FileResponse(_file(context, "manifest.json"), media_type=JSON, headers=context.revalidate("json"))
