"""Files of the pages: styles, scripts and the vendored map library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs

from fastapi.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class VersionedFiles(StaticFiles):
    """Serve several folders as one; what is asked with its version may be kept for good.

    Parameters
    ----------
    folders : sequence of Path
        Searched in this order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(directory=folders[0])
        self.all_directories = [str(folder) for folder in folders]

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with how long it may be kept.

        Scripts and styles carry no publication's data, so other sites may load them (``embed-parent.js`` is meant to).
        """
        response = await super().get_response(path, scope)
        versioned = "v" in parse_qs(scope.get("query_string", b"").decode("latin-1"))
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if versioned else "public, max-age=3600"
        )
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
