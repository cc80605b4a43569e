"""What every route is handed: the pinned publication, the language, the addresses, the checked parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response

from geodata.store.protocol import CollectionMeta
from service.api.addresses import Addresses
from service.api.errors import BadRequestError, UnknownResourceError, current_address
from service.api.negotiation import MediaType, language_of, wants
from service.api.ogc.parameters import only
from service.api.pages import Pages
from service.api.publications import Publications, Served
from service.jobs.pool import WorkerPool
from service.locale import LANGUAGES, Language, say
from service.settings import Settings

try:
    VERSION = version("sozialmonitor")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0"


@dataclass(frozen=True, slots=True)
class Shared:
    """What one application has once."""

    settings: Settings
    pages: Pages
    publications: Publications
    pool: WorkerPool


def shared_of(request: Request) -> Shared:
    """Return what the application has once."""
    shared: Shared = request.app.state.shared
    return shared


class NotModifiedError(Exception):
    """The client has what it would get; carries the headers of the 304."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        super().__init__("not modified")


@dataclass(frozen=True, slots=True)
class Context:
    """One request.

    Attributes
    ----------
    served : Served
        The publication that the request started with.
    pinned : bool
        The visitor named the publication: the answer never changes.
    """

    request: Request
    shared: Shared
    served: Served
    language: Language
    addresses: Addresses
    pinned: bool

    def parameters(self, *allowed: str) -> dict[str, str]:
        """Return the query parameters; unknown and repeated ones are refused."""
        found = only(self.request.query_params.multi_items(), allowed)
        if (asked := found.get("lang")) is not None and asked not in LANGUAGES:
            raise BadRequestError("choice", parameter="lang", allowed=LANGUAGES, name="lang", found=asked)
        return found

    def format(self, *offered: MediaType) -> MediaType:
        """Choose the representation; an ``f`` that is not offered is refused."""
        asked = self.request.query_params.get("f")
        if asked is not None and asked not in offered:
            raise BadRequestError("choice", parameter="f", allowed=offered, name="f", found=asked)
        return wants(self.request, offered)

    def collection(self, collection_id: str) -> CollectionMeta:
        """Return a collection, or say which ones there are."""
        meta = self.served.collections.get(collection_id)
        if meta is None:
            raise UnknownResourceError("collection", allowed=list(self.served.collections), id=collection_id)
        return meta

    def say(self, key: str, **values: object) -> str:
        """Return a text in the language of the request."""
        return say(self.language, key, **values)

    @property
    def newer(self) -> str | None:
        """Id of the current publication where this one is older."""
        current = self.shared.publications.current() if self.pinned else None
        return current if current != self.served.id else None

    @property
    def newer_address(self) -> str:
        """The same address in the current publication."""
        return current_address(self.request)

    @property
    def title(self) -> str:
        """Name of the county's monitor, as the manifest has it."""
        return county_title(self.served.manifest, self.language) or self.shared.settings.county

    @property
    def draft(self) -> bool:
        """Whether the publication is not for release."""
        return bool(self.served.manifest.get("draft"))

    def headers(self, representation: str) -> dict[str, str]:
        """Return ``ETag``, ``Cache-Control`` and ``Vary`` of an answer made of this publication.

        The tag is weak, because the same answer may be compressed; the address is part of what is cached and need not
        be in it, the representation is, because ``Accept`` chooses it.
        """
        served = self.served
        # A page of an older publication says that there is a newer one.
        newer = f"-{self.newer}" if representation == "html" and self.newer else ""
        tag = f'W/"{served.id}-{served.edition}-{representation}-{self.language}-{VERSION}{newer}"'
        if served.edition == "internal":
            cache = "private, no-cache"
        elif self.pinned and representation != "html":
            # Not longer than a day: a publication can be withdrawn.
            cache = "public, max-age=86400"
        else:
            cache = "public, no-cache"
        return {"ETag": tag, "Cache-Control": cache, "Vary": "Accept"}

    def revalidate(self, representation: str) -> dict[str, str]:
        """Return the headers of an answer, or stop here with 304 where the client already has it.

        Raises
        ------
        NotModifiedError
            ``If-None-Match`` names this answer.
        """
        headers = self.headers(representation)
        asked = self.request.headers.get("if-none-match", "")
        weak = headers["ETag"].removeprefix("W/")
        if any(tag.strip().removeprefix("W/") in {weak, "*"} for tag in asked.split(",")):
            raise NotModifiedError(headers)
        return headers

    def json(self, document: Any, media_type: str = "application/json", **headers: str) -> Response:
        """Answer with a document: a text that is JSON already, or something to be written as JSON."""
        sent = self.revalidate("json") | {"Content-Language": self.language} | headers
        return Response(
            document if isinstance(document, str) else to_json(document), headers=sent, media_type=media_type
        )

    def page(self, template: str, **values: Any) -> Response:
        """Answer with a page."""
        headers = self.revalidate("html")
        return self.shared.pages.page(
            self.request, template, self.language, headers=headers, context=self, monitor=self.title, draft=self.draft,
            publication=self.served.id, **values,
        )  # fmt: skip


def to_json(document: Any) -> str:
    """Write JSON readable for people: umlauts stay umlauts."""
    import json

    return json.dumps(document, ensure_ascii=False)


def county_title(manifest: Mapping[str, Any], language: Language) -> str:
    """Find the county's name in a manifest, where it may stand as a text or in both languages."""
    county = manifest.get("county")
    title = county.get("title") or county.get("name") if isinstance(county, Mapping) else manifest.get("title", county)
    if isinstance(title, Mapping):
        return str(title.get(language) or title.get("de") or "")
    return str(title or "")


async def context_of(request: Request) -> AsyncIterator[Context]:
    """Pin the publication for the time of a request."""
    shared = shared_of(request)
    language = language_of(request, shared.settings.language)
    wanted = request.query_params.get("publication")
    with shared.publications.pin(wanted) as served:
        addresses = Addresses.of(request, shared.settings, language)
        yield Context(request, shared, served, language, addresses, pinned=wanted is not None)


Ctx = Annotated[Context, Depends(context_of)]


def pick(name: str, asked: str | None, allowed: Sequence[Any], default: Any) -> Any:
    """Return what a parameter asks for among what there is.

    Parameters
    ----------
    name : str
        The parameter.
    asked : str or None
        As given.
    allowed : sequence
        What there is; compared as text.
    default
        Where nothing was asked.

    Returns
    -------
    Any
        One of ``allowed``, or the default.

    Raises
    ------
    BadRequestError
        Something else was asked; the error lists what there is.
    """
    if asked is None:
        return default
    for value in allowed:
        if str(value) == asked:
            return value
    raise BadRequestError("choice", parameter=name, allowed=[str(value) for value in allowed], name=name, found=asked)


def latest_first(metas: Iterable[CollectionMeta]) -> list[CollectionMeta]:
    """Return one entry per collection, the latest one where there is one, in the store's order."""
    chosen: dict[str, CollectionMeta] = {}
    for meta in metas:
        if meta.latest or meta.base not in chosen:
            chosen[meta.base] = meta
    return list(chosen.values())
