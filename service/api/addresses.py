"""Absolute addresses: behind a proxy from the settings, else from the request."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from fastapi import Request

from service.locale import Language
from service.settings import Settings


class Addresses:
    """Builds the addresses of one answer.

    Parameters
    ----------
    base : str
        Scheme, host and path under which the service is reached, without a slash at the end.
    keep : mapping of str to str
        What every address within the pages carries on: the language if it is not the default, the publication if the
        visitor pinned one.
    """

    def __init__(self, base: str, keep: Mapping[str, str]) -> None:
        self.base = base
        self.keep = dict(keep)

    @classmethod
    def of(cls, request: Request, settings: Settings, language: Language) -> Addresses:
        """Build them for a request."""
        keep: dict[str, str] = {}
        if language != settings.language:
            keep["lang"] = language
        if pinned := request.query_params.get("publication"):
            keep["publication"] = pinned
        return cls(settings.base_url or str(request.base_url).rstrip("/"), keep)

    def to(self, *path: str, **query: object) -> str:
        """Return the address of a resource.

        Parameters
        ----------
        *path : str
            Segments; each is escaped, so that an id never becomes a path.
        **query
            Parameters; None and empty ones are left out, one that :attr:`keep` has is replaced.

        Returns
        -------
        str
            Absolute.

        Examples
        --------
        >>> Addresses("https://a.example", {}).to("collections", "x", "items", bbox_crs=None, limit=2)
        'https://a.example/collections/x/items?limit=2'
        """
        merged = {**self.keep, **query}
        parameters = {name: str(value) for name, value in merged.items() if value not in (None, "")}
        where = "/".join(quote(segment, safe="") for segment in path)
        asked = urlencode(parameters, safe=":,/", quote_via=quote)
        return f"{self.base}/{where}" + (f"?{asked}" if asked else "")
