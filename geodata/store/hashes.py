"""Content hashes: equal rows, fields and geometry give equal hashes, whatever the clock, the file or the row order.

A hash covers what its edition shows and nothing else, so the public ones confirm no guess about what is not shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from geodata.store.codec import field_to_json
from geodata.store.protocol import KEYS

if TYPE_CHECKING:
    from geodata.store.model import Collection
    from geodata.store.rows import Rows
    from geodata.store.shapes import Shapes


def area_digests(shapes: Shapes) -> dict[str, bytes]:
    """Return a digest of every area of a level: its id and its polygon, whatever ring or vertex it starts with.

    Parameters
    ----------
    shapes : Shapes
        The level as it is published.

    Returns
    -------
    dict of str to bytes
        Area id → SHA-256 of CRS, id and the normalised polygon as little-endian WKB.
    """
    import shapely

    blobs = shapely.to_wkb(shapely.normalize(shapes.polygons), byte_order=1)
    head = shapes.storage_crs.encode() + b"\0"
    return {
        area: hashlib.sha256(head + area.encode() + b"\0" + blob).digest()
        for area, blob in zip(shapes.ids, blobs, strict=True)
    }


def level_hash(shapes: Shapes, digests: Mapping[str, bytes]) -> str:
    """Return the hash of a level: names, context and geometry of all its areas."""
    names = {a: [name, context] for a, name, context in zip(shapes.ids, shapes.names, shapes.context, strict=True)}
    return _hash([_line(shapes.level), _line(names), *(digests[area] for area in shapes.ids)])


def collection_hash(collection: Collection, rows: Rows, digests: Mapping[str, bytes]) -> str:
    """Return the hash of a collection.

    Parameters
    ----------
    collection : Collection
        Its id, level and fields are covered; titles of the collection, styles and metadata are not.
    rows : Rows
        Covered row by row.
    digests : mapping of str to bytes
        Of :func:`area_digests`; those of the areas that have a row are covered.

    Returns
    -------
    str
        SHA-256 in hex.
    """
    fields = [field_to_json(field) for field in (*KEYS, *collection.fields)]
    head = _line({"id": collection.id, "level": collection.level, "fields": fields})
    areas = dict.fromkeys(rows.columns["area_id"])
    texts = (text.encode() + b"\n" for text in rows.properties)
    return _hash([head, *texts, *(digests[area] for area in areas)])


def overall_hash(parts: Mapping[str, Mapping[str, str]]) -> str:
    """Return one hash for an edition from those of its collections and levels."""
    return _hash([_line({kind: dict(hashes) for kind, hashes in parts.items()})])


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
