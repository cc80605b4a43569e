"""The application, made by a factory: no module-level instance, no settings read on import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from service.api import errors
from service.api.dependencies import VERSION, NotModifiedError, Shared
from service.api.middleware import Guard, Methods, SecurityHeaders
from service.api.ogc.documents import GEOPACKAGE
from service.api.pages import STATIC, Pages
from service.api.publications import DiskShelf, Publications, Shelf
from service.api.routers import areas, collections, core, downloads, hotspots, indicators, items, maps
from service.api.staticfiles import VersionedFiles
from service.jobs.pool import WorkerPool
from service.settings import Settings


def create_app(settings: Settings, *, shelf: Shelf | None = None) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    settings : Settings
        What is served, and where.
    shelf : Shelf, optional
        Where publications come from; by default the state directory of the settings.

    Returns
    -------
    FastAPI
        Nothing is opened and no process is started before the first request.
    """
    pages = Pages(settings)
    source = shelf if shelf is not None else DiskShelf(settings.state_dir, settings.county, settings.edition)
    shared = Shared(settings, pages, Publications(source), WorkerPool())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        shared.pool.close()
        shared.publications.close()

    # OpenAPI 3.0 with literal paths is written in service.api.ogc.openapi; FastAPI's own pages load from elsewhere.
    app = FastAPI(
        title="Sozialmonitor", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.shared = shared
    for module in (core, collections, items, maps, hotspots, indicators, areas, downloads):
        app.include_router(module.router)
    app.mount("/static", VersionedFiles(STATIC), name="static")
    errors.install(app, pages)
    app.add_exception_handler(NotModifiedError, _not_modified)

    # The last one added is the outermost.
    compressed: Any = (*DEFAULT_EXCLUDED_CONTENT_TYPES, GEOPACKAGE, "application/pdf")
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5, exclude_content_types=compressed)
    app.add_middleware(Methods, router=app.router)
    app.add_middleware(Guard, pages=pages)
    app.add_middleware(SecurityHeaders)
    return app


async def _not_modified(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotModifiedError)
    return Response(status_code=304, headers=error.headers)
