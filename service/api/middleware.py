"""What holds for every answer: methods, headers, and who may ask the internal edition at all."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import BadRequestError, ForbiddenHostError, problem
from service.api.pages import Pages
from service.settings import is_loopback

METHODS = "GET, HEAD, OPTIONS"

#: For answers that are no pages: they run nothing and are framed by nobody.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

_HOST = re.compile(r"[A-Za-z0-9._~-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class SecurityHeaders:
    """Put on every answer the headers that narrow what a browser may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete the headers of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
                # A stored page keeps the policy it came with: on 304 a new one would not fit its nonces.
                if message["status"] != 304:
                    headers.setdefault("Content-Security-Policy", _DATA_POLICY)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Methods:
    """Leave the body out of answers to HEAD, and answer OPTIONS with what is allowed.

    QGIS asks OPTIONS of ``items`` to learn whether it may write.
    """

    def __init__(self, app: ASGIApp, router: Any) -> None:
        self.app = app
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] not in {"HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            if any(route.matches({**scope, "method": "GET"})[0] == Match.FULL for route in self.router.routes):
                await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", METHODS.encode())]})
                await send({"type": "http.response.body", "body": b""})
                return
            await self.app({**scope, "method": "GET"}, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b""})

        await self.app(scope, receive, send_head)


class Guard:
    """Refuse a malformed ``Host``, and for the internal edition everything that does not come from this machine.

    The name is checked too, not only the address: a page elsewhere can point its own name at 127.0.0.1 and let a
    browser here ask for it (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self.pages = pages
        self.internal = pages.settings.edition == "internal"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            request = Request({**scope, "headers": [(b"host", b"localhost"), *_without_host(scope)]})
            answer = problem(request, self.pages, error.status, error.told(self.pages.language))
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> BadRequestError | ForbiddenHostError | None:
        host = Headers(scope=scope).get("host", "")
        if not _HOST.fullmatch(host):
            return BadRequestError("host")
        if not self.internal:
            return None
        client = scope.get("client")
        if client is not None and not is_loopback(client[0]):
            return ForbiddenHostError("loopback")
        if not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return ForbiddenHostError("loopback")
        return None


def _without_host(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if name != b"host"]
