"""Draw the maps of an edition into its folder: one HTML file that opens from disk, one picture for print."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

#: Layers with more areas than this get their map from the service: a file would weigh many megabytes.
MOST_AREAS = 20_000
#: Below this many maps a second process costs more than it saves.
FEW = 4


def draw_maps(
    edition: Path, tell: Callable[[str], None] = lambda _line: None, *, workers: int | None = None
) -> list[Path]:
    """Draw the latest year of every collection.

    Parameters
    ----------
    edition : pathlib.Path
        Folder of an edition that holds ``serve.sqlite``.
    tell : callable
        Receives one line for each layer that is left out.
    workers : int, optional
        Processes; default: one for each core.

    Returns
    -------
    list of pathlib.Path
        What was written, under ``maps/``.
    """
    from geodata.store.sqlite import SqliteStore

    folder = edition / "maps"
    folder.mkdir(exist_ok=True)
    store = SqliteStore(edition / "serve.sqlite")
    try:
        latest = [meta for meta in store.collections() if meta.latest]
    finally:
        store.close()
    for meta in latest:
        if meta.count > MOST_AREAS:
            tell(f"{meta.base}: {meta.count} areas, map on request only")
    # The largest first, so that no core waits for the last one.
    chosen = [m.base for m in sorted(latest, key=lambda m: -m.count) if m.count <= MOST_AREAS]
    processes = min(workers or os.cpu_count() or 1, len(chosen))
    if processes <= 1 or len(chosen) < FEW:
        return [path for name in chosen for path in _draw(edition, name)]
    # spawn: the parent may hold threads of NumPy and of the command line, which a fork would copy half-way.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        return [path for paths in pool.map(_draw, [edition] * len(chosen), chosen) for path in paths]


def _draw(edition: Path, collection: str) -> tuple[Path, Path]:
    from geodata.store.sqlite import SqliteStore
    from service.cartography.compose import map_content
    from service.cartography.content import file_stem
    from service.cartography.interactive import render_map
    from service.cartography.static import render_png

    store = SqliteStore(edition / "serve.sqlite")
    try:
        content = map_content(store, collection, projected=True)
        stem = file_stem(collection, store.edition)
    finally:
        store.close()
    page, picture = (edition / "maps" / f"{stem}{ending}" for ending in (".html", ".png"))
    page.write_text(render_map(content, assets="inline"), encoding="utf-8")
    picture.write_bytes(render_png(content))
    return page, picture
