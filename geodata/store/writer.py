"""Writing one edition: the file people download, the file the service reads, and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geodata.errors import StoreError, some
from geodata.models import AreaLayer
from geodata.store.codec import dumps
from geodata.store.geopackage import write_geopackage
from geodata.store.hashes import area_digests, collection_hash, level_hash, overall_hash
from geodata.store.model import Collection
from geodata.store.publication import EDITIONS, LAYERS, MANIFEST, SERVE
from geodata.store.rows import canonical
from geodata.store.serve import write_serve
from geodata.store.shapes import prepare


def write_edition(
    directory: Path, collections: Sequence[Collection], levels: Sequence[AreaLayer], manifest: dict[str, Any]
) -> dict[str, Any]:
    """Write ``layers.gpkg``, ``serve.sqlite`` and ``manifest.json`` of one edition.

    Parameters
    ----------
    directory : Path
        Of :meth:`geodata.store.publication.Draft.edition_dir`.
    collections : sequence of Collection
        At least one; ids unique.
    levels : sequence of AreaLayer
        Those that the collections refer to, coarse before fine, all in one projected CRS. Grid cells without a row are
        not written.
    manifest : dict
        JSON-serialisable, with ``publication`` (:attr:`Draft.id`) and ``edition``. What it says is the caller's
        business, confidentiality included; ``content`` is added to it.

    Returns
    -------
    dict
        ``{"collections": {id: hash}, "levels": {id: hash}, "overall": hash}``, SHA-256 in hex, of what is written and
        of nothing else; the same as ``content`` in the manifest.

    Raises
    ------
    StoreError
        The manifest, a collection or a level is not as described; nothing is written then.
    GeometryError, CrsError
        An area has no valid polygon, or the levels differ in CRS.
    """
    _check(collections, levels, manifest)
    ids = {layer.level: frozenset(map(str, layer.areas.index)) for layer in levels}
    rows = [canonical(collection, ids[collection.level]) for collection in collections]
    shown: dict[str, set[str]] = {layer.level: set() for layer in levels}
    for collection, table in zip(collections, rows, strict=True):
        shown[collection.level].update(table.columns["area_id"])
    shapes = [prepare(layer, shown[layer.level]) for layer in levels if shown[layer.level] or not layer.is_grid]
    systems = sorted({level.storage_crs for level in shapes})
    if len(systems) > 1:
        raise StoreError(f"expected one CRS for all levels, found {', '.join(systems)}", where="levels")

    digests = {level.level: area_digests(level) for level in shapes}
    hashes = {
        "collections": {
            collection.id: collection_hash(collection, table, digests[collection.level])
            for collection, table in zip(collections, rows, strict=True)
        },
        "levels": {level.level: level_hash(level, digests[level.level]) for level in shapes},
    }
    content = {**hashes, "overall": overall_hash(hashes)}
    text = dumps({**manifest, "content": content}, "manifest", indent=2, sort_keys=True)

    with_rows = list(zip(collections, rows, strict=True))
    write_geopackage(directory / LAYERS, shapes, with_rows, edition=manifest["edition"])
    write_serve(
        directory / SERVE,
        manifest["publication"],
        manifest["edition"],
        shapes,
        [(collection, table, hashes["collections"][collection.id]) for collection, table in with_rows],
    )
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return content


def _check(collections: Sequence[Collection], levels: Sequence[AreaLayer], manifest: dict[str, Any]) -> None:
    if not isinstance(manifest.get("publication"), str) or not manifest["publication"]:
        raise StoreError("expected the id of the publication under 'publication'", where="manifest", hint="Draft.id")
    if manifest.get("edition") not in EDITIONS:
        raise StoreError(
            f"expected one of {', '.join(EDITIONS)} under 'edition', found {manifest.get('edition')!r}",
            where="manifest",
        )
    if "content" in manifest:
        raise StoreError("'content' is written here and must not be there before", where="manifest")
    if not collections:
        raise StoreError("there is no collection to publish", where="collections")
    for what, names in (("collections", [c.id for c in collections]), ("levels", [x.level for x in levels])):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise StoreError(f"expected unique ids, found more than one {some(repeated)}", where=what)
    unknown = sorted({c.level for c in collections}.difference(layer.level for layer in levels))
    if unknown:
        raise StoreError(f"levels that were not handed over: {some(unknown)}", where="collections")
