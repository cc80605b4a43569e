"""Draw the maps of an edition into its folder: one HTML file that opens from disk, one picture for print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

#: Layers with more areas than this get their map from the service: a file would weigh many megabytes.
MOST_AREAS = 20_000


def draw_maps(edition: Path, tell: Callable[[str], None] = lambda _line: None) -> list[Path]:
    """Draw the latest year of every collection.

    Parameters
    ----------
    edition : pathlib.Path
        Folder of an edition that holds ``serve.sqlite``.
    tell : callable
        Receives one line for each layer that is left out.

    Returns
    -------
    list of pathlib.Path
        What was written, under ``maps/``.
    """
    from geodata.store.sqlite import SqliteStore
    from service.cartography.compose import map_content
    from service.cartography.interactive import render_map
    from service.cartography.static import render_png

    folder = edition / "maps"
    folder.mkdir(exist_ok=True)
    written = []
    store = SqliteStore(edition / "serve.sqlite")
    try:
        for meta in store.collections():
            if not meta.latest:
                continue
            if meta.count > MOST_AREAS:
                tell(f"{meta.base}: {meta.count} areas, map on request only")
                continue
            content = map_content(store, meta.base, projected=True)
            page, picture = folder / f"{meta.base}.html", folder / f"{meta.base}.png"
            page.write_text(render_map(content, assets="inline"), encoding="utf-8")
            picture.write_bytes(render_png(content))
            written += [page, picture]
    finally:
        store.close()
    return written
