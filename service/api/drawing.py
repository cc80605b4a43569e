"""Answers that are maps: ordered from a worker, completed here with this answer's nonce and addresses."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, cast

from fastapi.responses import FileResponse, HTMLResponse, Response

from geodata.store.protocol import CollectionMeta
from service.api.dependencies import Context, pick
from service.api.embedding import snippets
from service.api.errors import BadRequestError, UnknownResourceError
from service.api.negotiation import MediaType
from service.api.ogc import openapi
from service.cartography.compose import latest_with_values
from service.cartography.content import file_stem
from service.cartography.interactive import content_security_policy
from service.jobs import render
from service.jobs.pool import Result

PICTURES = {MediaType(ending): media for ending, media in openapi.PICTURES.items()}


@dataclass(frozen=True, slots=True)
class Placeholders:
    """What stands in a kept page where every answer puts its own; unguessable, so that no area's name can hold it.

    Attributes
    ----------
    nonce, host : str
        Of the Content Security Policy, and of addresses: a page that is kept must not carry the name under which its
        first visitor reached the service.
    """

    nonce: str = field(default_factory=lambda: f"nonce{secrets.token_hex(16)}")
    host: str = field(default_factory=lambda: f"https://{secrets.token_hex(16)}.invalid")


_PLACEHOLDERS = Placeholders()


@dataclass(frozen=True, slots=True)
class View:
    """One map of a collection."""

    meta: CollectionMeta
    period: int
    field: str

    @property
    def query(self) -> dict[str, Any]:
        """The parameters that lead back to this view, whatever is published later."""
        return {"period": self.period, "field": None if self.is_default_field else self.field}

    @property
    def is_default_field(self) -> bool:
        """Whether this is what is drawn where no field is named."""
        return self.field == self.meta.styles[0].field


def view_of(context: Context, meta: CollectionMeta, given: dict[str, str]) -> View:
    """Read ``period`` and ``field``; the default is the first style, and the latest year that has a value to draw.

    Raises
    ------
    UnknownResourceError
        The collection is not drawn.
    BadRequestError
        There is no such year or no map of the field; the error lists what there is.
    """
    if not meta.styles or not meta.periods:
        raise UnknownResourceError("no_map", id=meta.id)
    fields = list(dict.fromkeys(style.field for style in meta.styles))
    field = pick("field", given.get("field"), fields, fields[0])
    return View(meta, pick("period", given.get("period"), meta.periods, latest_year(context, meta, field)), field)


def latest_year(context: Context, meta: CollectionMeta, field: str) -> int:
    """Return the latest year in which a field has a value; counted once per publication."""
    key = ("latest", meta.id, field)
    kept = context.served.years
    if key not in kept:
        kept[key] = latest_with_values(context.served.store, meta, field)
    year: int = kept[key]
    return year


def _number(given: dict[str, str], name: str, bounds: tuple[int, int, int]) -> int:
    lowest, highest, default = bounds
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 6) or not lowest <= int(text) <= highest:
        raise BadRequestError("range", parameter=name, name=name, lowest=lowest, highest=highest, found=text)
    return int(text)


def _order(context: Context, view: View, permalink: str) -> render.Order:
    directory = context.served.directory
    if directory is None:
        raise UnknownResourceError("no_map", id=view.meta.id)
    serve = str(directory / "serve.sqlite")
    return render.Order(serve, view.meta.base, view.period, view.field, context.language, permalink)


async def _run(context: Context, kind: str, function: Any, *arguments: Any) -> Result:
    key = (context.served.id, context.served.edition, kind, *arguments[:1], *map(repr, arguments[1:]))
    return await context.shared.pool.run(key, function, *arguments)


async def picture(context: Context, view: View, kind: MediaType, given: dict[str, str]) -> Response:
    """Answer with a picture.

    Parameters
    ----------
    context : Context
        The request.
    view : View
        What is drawn.
    kind : MediaType
        PNG, SVG or PDF.
    given : dict
        ``width`` in millimetres and ``dpi``.

    Returns
    -------
    Response
        The file.
    """
    width, dpi = _number(given, "width", openapi.WIDTH), _number(given, "dpi", openapi.DPI)
    headers = context.revalidate(kind.value)
    edition = "" if context.served.edition == "public" else f"-{context.served.edition}"
    name = f"{view.meta.base}-{view.period}-{context.served.id}{edition}.{kind.value}"
    headers["Content-Disposition"] = f'inline; filename="{name}"'
    settings = context.shared.settings
    ready = _ready(context, view, given) if kind == MediaType.PNG else None
    if ready is not None:
        return FileResponse(ready, headers=headers, media_type=PICTURES[kind])
    permalink = _permalink(context, view, settings.base_url) if settings.base_url else ""
    order = _order(context, view, permalink)
    drawn = await _run(context, "picture", render.picture, order, width, dpi, kind.value)
    return Response(cast(bytes, drawn), headers=headers, media_type=PICTURES[kind])


def _ready(context: Context, view: View, given: dict[str, str]) -> Path | None:
    """Return the picture that the run drew, where it is the one that is wanted: German, latest year, no address."""
    directory, settings = context.served.directory, context.shared.settings
    if directory is None or context.language != "de" or settings.base_url or {"width", "dpi"} & set(given):
        return None
    if not view.is_default_field or view.period != latest_year(context, view.meta, view.field):
        return None
    path = directory / "maps" / f"{file_stem(view.meta.base, context.served.edition)}.png"
    return path if path.is_file() else None


async def thumbnail(context: Context, view: View) -> Response:
    """Answer with the bare map as a small SVG."""
    headers = context.revalidate("thumbnail")
    drawn = await _run(context, "thumbnail", render.thumbnail, _order(context, view, ""))
    return Response(cast(str, drawn), headers=headers, media_type=PICTURES[MediaType.SVG])


def _permalink(context: Context, view: View, base: str) -> str:
    from service.api.addresses import Addresses

    return Addresses(base, {}).to("maps", view.meta.base, **view.query, publication=context.served.id)


async def page(context: Context, view: View, *, embedded: bool) -> Response:
    """Answer with a map page.

    Parameters
    ----------
    context : Context
        The request.
    view : View
        What is drawn.
    embedded : bool
        For a frame on another site: without the bar, telling its height to the page around it.

    Returns
    -------
    Response
        HTML that must not be kept by the browser's cache as it is: its policy holds for one answer.
    """
    shared, mark = context.shared, _PLACEHOLDERS
    settings = shared.settings
    basemap = (
        {"url": settings.basemap, "attribution": settings.basemap_attribution} if settings.basemap is not None else None
    )
    order = _order(context, view, _permalink(context, view, mark.host))
    text = cast(
        str,
        await _run(context, "page", render.page, order, f"{mark.host}/static", mark.nonce, basemap),
    )
    nonce = secrets.token_urlsafe(18)
    text = text.replace(mark.host, escape(context.addresses.base)).replace(mark.nonce, nonce)
    # Everybody may frame a public map: also a report opened from disk, which no word of frame-ancestors would let in.
    ancestors = (None if settings.edition == "public" else "'self'") if embedded else "'none'"
    if embedded:
        added = shared.pages.render(context.request, "embed_tail.html", context.language, nonce=nonce)
        text = text.replace("</body>", f"{added}</body>", 1)
    else:
        bar = shared.pages.render(
            context.request, "map_bar.html", context.language, nonce=nonce, view=view, monitor=context.title,
            snippets=snippets(context, view.meta, period=view.period, field=view.field),
            publication=context.served.id, newer=context.newer, newer_address=context.newer_address,
        )  # fmt: skip
        text = text.replace("<body>", f"<body>{bar}", 1)
    policy = content_security_policy(nonce, basemap=basemap, frame_ancestors=ancestors)
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "Content-Language": context.language}
    return HTMLResponse(text, headers=headers)
