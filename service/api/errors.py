"""What can go wrong with a request, one table from error to status, and problem details (RFC 9457) for every answer.

Domain errors know no HTTP: :data:`STATUS` alone maps them. What is the visitor's mistake is told in full; what is the
machine's is written to the log, and the visitor learns only that it happened.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from geodata.errors import NotFoundError, QueryError, SozialmonitorError, StoreError, WithdrawnError
from geodata.store.protocol import LATEST
from service.api.negotiation import MediaType, language_of, wants
from service.api.pages import Pages
from service.jobs.pool import JobError
from service.locale import Language, say

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"


class ApiError(SozialmonitorError):
    """A request that cannot be answered as asked.

    Parameters
    ----------
    key : str
        Name of the text in ``service/locale`` without its section ``error``.
    parameter : str, optional
        The query parameter at fault.
    allowed : sequence of str, optional
        What could have been asked instead.
    **values
        Placeholders of the text.
    """

    status: ClassVar[int] = 400

    def __init__(
        self, key: str, *, parameter: str | None = None, allowed: Sequence[str] | None = None, **values: object
    ) -> None:
        self.key = key
        self.parameter = parameter
        self.allowed = None if allowed is None else list(allowed)
        self.values = values
        super().__init__(self.told("en"))

    def told(self, language: Language) -> str:
        """Return what happened in a language."""
        return say(language, f"error.{self.key}", **self.values)


class BadRequestError(ApiError):
    """A parameter is unknown, malformed or contradicts another."""


class UnknownResourceError(ApiError):
    """The collection, feature, publication or file does not exist."""

    status = 404


class PrunedError(ApiError):
    """The publication existed and is not kept any more."""

    status = 410


class NoPublicationError(ApiError):
    """Nothing was published yet."""

    status = 503


class ForbiddenHostError(ApiError):
    """The internal edition was asked for under another name than the loopback's."""

    status = 403


#: Domain error → status; the first class that fits counts. Everything else is 500.
STATUS: tuple[tuple[type[SozialmonitorError], int], ...] = (
    (QueryError, 400),
    (NotFoundError, 404),
    (WithdrawnError, 410),
    (StoreError, 503),
    (JobError, 503),
)

#: Status of a domain error → text; what is missing here is told by the error itself.
_TEXTS = {410: "withdrawn", 503: "store", 500: "internal"}

#: Parameters of paths whose wrong value is told with what there is.
_IN_PATH = ("collection_id", "indicator_id", "name")

#: Seconds after which a client may ask again.
RETRY_AFTER = "10"


def status_of(error: SozialmonitorError) -> int:
    """Return the status an error answers with."""
    if isinstance(error, ApiError):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem(
    request: Request,
    pages: Pages,
    status: int,
    detail: str,
    *,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer an error: a page for a browser, problem details for everything else.

    Parameters
    ----------
    request : Request
        What was asked.
    pages : Pages
        The templates.
    status : int
        HTTP status.
    detail : str
        What was wrong and what is allowed, in the visitor's language.
    extra : mapping, optional
        Further members: ``parameter``, ``allowed``.
    headers : mapping, optional
        Further headers.

    Returns
    -------
    Response
        Never cached.
    """
    language = language_of(request, pages.language)
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    members = dict(extra or {})
    # An answer to a fault in the program is sent outside the middleware that adds this to all others.
    sent = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    if status == 503:
        sent.setdefault("Retry-After", RETRY_AFTER)
    if request.method in {"GET", "HEAD"} and wants(request) == MediaType.HTML:
        return pages.page(
            request, "error.html", language, status=status, headers=sent, title=say(language, "error.title"),
            code=status, detail=detail, members=members, grouped=_grouped(request, members),
            newest=current_address(request) if status == 410 else None,
        )  # fmt: skip
    if status == 410:
        members["current"] = current_address(request)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(
        {**body, "instance": request.url.path}, status_code=status, headers=sent, media_type=PROBLEM_JSON
    )


def current_address(request: Request) -> str:
    """Return the address of a request without the publication that it names."""
    return str(request.url.remove_query_params("publication"))


def _choices(request: Request, members: Mapping[str, object]) -> list[str]:
    """Return the same address with each of the allowed values, where a parameter's value was at fault.

    What stands in the path (a layer, an indicator's sheet) is replaced there.
    """
    name, allowed = members.get("parameter"), members.get("allowed")
    if not isinstance(allowed, list):
        return []
    if name is None:
        parts = request.url.path.split("/")
        wrong = next((request.path_params[key] for key in _IN_PATH if key in request.path_params), None)
        # The last one: a folder of the service may bear the same name.
        place = max((i for i, part in enumerate(parts) if part == wrong), default=None)
        if place is None:
            return []
        return [
            str(request.url.replace(path="/".join([*parts[:place], str(value), *parts[place + 1 :]])))
            for value in allowed
        ]
    # Unknown parameters list names, not values.
    if not isinstance(name, str) or name in allowed:
        return []
    if request.query_params.get(name) is None and name != "indicator":
        return []
    return [str(request.url.include_query_params(**{name: value})) for value in allowed]


#: A longer list is shown in groups of what stands before the first underscore (a level).
_LONG = 12


def _grouped(request: Request, members: Mapping[str, object]) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Return what could have been asked, each with its address where it has one; long lists by level."""
    allowed = members.get("allowed")
    if not isinstance(allowed, list):
        return []
    values = [str(value) for value in allowed]
    addresses: list[str | None] = [*_choices(request, members)] or [None] * len(values)
    # The latest year of a layer is the same layer to people.
    pairs = [
        (value, address)
        for value, address in zip(values, addresses, strict=True)
        if value.removesuffix(LATEST) == value or value.removesuffix(LATEST) not in values
    ]
    if len(pairs) <= _LONG:
        return [("", pairs)]
    groups: dict[str, list[tuple[str, str | None]]] = {}
    for value, address in pairs:
        groups.setdefault(value.partition("_")[0], []).append((value, address))
    return list(groups.items())


def install(app: FastAPI, pages: Pages) -> None:
    """Give an application its answers to errors.

    Parameters
    ----------
    app : FastAPI
        The application.
    pages : Pages
        The templates of the error page.
    """

    async def on_domain_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, SozialmonitorError)
        status = status_of(error)
        language = language_of(request, pages.language)
        if isinstance(error, ApiError):
            extra: dict[str, object] = {}
            if error.parameter is not None:
                extra["parameter"] = error.parameter
            if error.allowed is not None:
                extra["allowed"] = error.allowed
            return problem(request, pages, status, error.told(language), extra=extra)
        if status >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
        key = "worker" if isinstance(error, JobError) else _TEXTS.get(status)
        return problem(request, pages, status, say(language, f"error.{key}") if key else str(error))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        language = language_of(request, pages.language)
        key = {404: "path", 405: "method"}.get(error.status_code)
        detail = say(language, f"error.{key}", path=request.url.path, method=request.method) if key else error.detail
        return problem(request, pages, error.status_code, detail, headers=error.headers)

    async def on_any_error(request: Request, error: Exception) -> Response:
        # The traceback is logged by the server; what it says is not for visitors.
        return problem(request, pages, 500, say(language_of(request, pages.language), "error.internal"))

    app.add_exception_handler(SozialmonitorError, on_domain_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_any_error)
