"""Pages for people: templates, texts, and the headers under which they may do nothing they need not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.api.addresses import Addresses
from service.locale import LANGUAGES, Language, say
from service.reports.page import number
from service.settings import Settings

WEB = Path(__file__).resolve().parent.parent / "web"
#: Folders that are served under ``/static``.
STATIC = (WEB / "static", WEB / "assets")

#: Policy of every page that runs no script of its own: only what this application serves, and no script inside.
PLAIN_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "frame-src 'self'",
        "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    )
)  # fmt: skip


@cache
def _version(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]


def thousands(value: object, language: Language) -> str:
    """Write a number the way the language does; what is no number stays as it is, and nothing becomes a dash."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return say(language, "page.yes" if value else "page.no")
    if isinstance(value, int) and abs(value) >= 10_000:
        text = f"{value:,}"
    elif isinstance(value, float):
        # Shares need two places, p-values four.
        text = f"{value:,.{2 if abs(value) >= 1 else 4}f}".rstrip("0").rstrip(".")
    else:
        return str(value)
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


class Pages:
    """Renders templates of ``service/web/templates``.

    Parameters
    ----------
    settings : Settings
        Base address, default language and edition.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.language: Language = settings.language
        self._environment = Environment(
            loader=FileSystemLoader(WEB / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["figure"] = thousands
        self._environment.globals["number"] = number

    def static(self, base: str, path: str) -> str:
        """Return the address of a static file; its content's hash makes it safe to cache for good."""
        return f"{base}/static/{path}?v={_version(WEB / 'static' / path)}"

    def render(self, request: Request, template: str, language: Language, **values: Any) -> str:
        """Return a rendered template.

        Parameters
        ----------
        request : Request
            For absolute addresses and the language switch.
        template : str
            File name.
        language : {"de", "en"}
            Of the page.
        **values
            What the template shows; everything is escaped.

        Returns
        -------
        str
            HTML.
        """
        addresses = Addresses.of(request, self.settings, language)
        if values.get("newest") is not None:
            addresses.keep.pop("publication", None)
        return self._environment.get_template(template).render(
            language=language,
            t=lambda key, **named: say(language, key, **named),
            to=addresses.to,
            base=addresses.base,
            static=lambda path: self.static(addresses.base, path),
            switch=[(other, self._switched(request, addresses, other)) for other in LANGUAGES],
            internal=self.settings.edition == "internal",
            **values,
        )

    def page(
        self,
        request: Request,
        template: str,
        language: Language,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render a template into an answer."""
        sent = {
            "Content-Security-Policy": PLAIN_POLICY,
            "Content-Language": language,
            "Vary": "Accept",
            **(headers or {}),
        }
        return HTMLResponse(self.render(request, template, language, **values), status, sent)

    def _switched(self, request: Request, addresses: Addresses, language: Language) -> str:
        """Return the address of the same page in another language."""
        query = {name: value for name, value in request.query_params.items() if name != "lang"}
        path = request.scope["path"].removeprefix(request.scope.get("root_path", "")).strip("/").split("/")
        return Addresses(addresses.base, {}).to(
            *path, **query, lang=None if language == self.settings.language else language
        )
