"""Writing ``serve.sqlite``: what the service reads, with everything serialised beforehand.

Geometry is stored once per area and CRS, as GeoJSON text; a row holds its ``properties`` as text beside the typed
columns that filters use. A feature is then put together by concatenation. Tables are numbered, so that no name from
outside becomes part of a statement; only checked field names do.

    meta(key, value)                                   format, publication, edition, CRSs
    levels(ordinal, id, meta)                          meta: JSON
    collections(ordinal, id, level, meta)              meta: JSON
    area_<level>(fid, area_id, name, context)          fid in the order of area_id
    shape_<level>_<crs>(fid, geometry)                 GeoJSON text
    box_<level>_<crs>                                  R-tree of the same fids
    rows_<collection>(_fid, _area, fields…, _properties)  _fid in the order of area_id, period
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from geodata.store.codec import dumps, field_to_json, style_to_json, text_to_json
from geodata.store.model import Collection, Edition, FieldType
from geodata.store.rows import Rows
from geodata.store.shapes import Shapes
from geodata.store.sqlite import FORMAT

_COLUMN: Mapping[FieldType, str] = {"string": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}


def write_serve(
    path: Path,
    publication: str,
    edition: Edition,
    shapes: Sequence[Shapes],
    collections: Sequence[tuple[Collection, Rows, str]],
) -> None:
    """Write the file that the service reads.

    Parameters
    ----------
    path : Path
        Must not exist.
    publication : str
        Id of the publication; cursors carry it.
    edition : {"public", "internal"}
        Which edition the rows are of.
    shapes : sequence of Shapes
        The levels, all in one storage CRS.
    collections : sequence of (Collection, Rows, str)
        With the content hash of each.

    Raises
    ------
    StoreError
        A collection's metadata is no JSON.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # Nobody reads the file before the publication is complete and synced as a whole.
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192;")
        db.executescript(
            """
            CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
            CREATE TABLE levels(ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, meta TEXT NOT NULL);
            CREATE TABLE collections(
              ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, level INTEGER NOT NULL, meta TEXT NOT NULL);
            BEGIN;
            """
        )
        crs = tuple(shapes[0].texts)
        described = {"format": FORMAT, "publication": publication, "edition": edition, "crs": dumps(crs, "crs")}
        db.executemany("INSERT INTO meta VALUES (?, ?)", described.items())
        for ordinal, level in enumerate(shapes):
            _write_level(db, ordinal, level)
        ordinals = {level.level: ordinal for ordinal, level in enumerate(shapes)}
        for ordinal, (collection, rows, content_hash) in enumerate(collections):
            place = ordinals[collection.level]
            _write_rows(db, ordinal, rows, shapes[place])
            meta = dumps(_meta(collection, rows, shapes[place], content_hash), f"collection {collection.id}, metadata")
            db.execute("INSERT INTO collections VALUES (?, ?, ?, ?)", (ordinal, collection.id, place, meta))
        db.execute("COMMIT")


def _write_level(db: sqlite3.Connection, ordinal: int, shapes: Shapes) -> None:
    layer = shapes.layer
    meta = {
        "title": text_to_json(layer.title),
        "boundary_date": layer.boundary_date.isoformat() if layer.boundary_date else None,
        "is_grid": layer.is_grid,
        "geometry_type": shapes.geometry_type,
        "areas": len(shapes.ids),
        "extent": {crs: shapes.extent(crs) for crs in shapes.texts},
    }
    db.execute("INSERT INTO levels VALUES (?, ?, ?)", (ordinal, shapes.level, dumps(meta, f"level {shapes.level}")))
    db.execute(
        f"CREATE TABLE area_{ordinal}"
        "(fid INTEGER PRIMARY KEY, area_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, context INTEGER NOT NULL)"
    )
    fids = range(1, len(shapes.ids) + 1)
    areas = zip(fids, shapes.ids, shapes.names, shapes.context, strict=True)
    db.executemany(f"INSERT INTO area_{ordinal} VALUES (?, ?, ?, ?)", areas)
    for number, crs in enumerate(shapes.texts):
        shape, box = f"shape_{ordinal}_{number}", f"box_{ordinal}_{number}"
        db.execute(f"CREATE TABLE {shape}(fid INTEGER PRIMARY KEY, geometry TEXT NOT NULL)")
        db.executemany(f"INSERT INTO {shape} VALUES (?, ?)", zip(fids, shapes.texts[crs], strict=True))
        # The R-tree keeps 32-bit floats and rounds every box outwards: it finds too much, never too little.
        db.execute(f"CREATE VIRTUAL TABLE {box} USING rtree(fid, minx, maxx, miny, maxy)")
        bounds = shapes.bounds[crs][:, [0, 2, 1, 3]].tolist()
        db.executemany(
            f"INSERT INTO {box} VALUES (?, ?, ?, ?, ?)", ((f, *b) for f, b in zip(fids, bounds, strict=True))
        )


def _write_rows(db: sqlite3.Connection, ordinal: int, rows: Rows, shapes: Shapes) -> None:
    table = f"rows_{ordinal}"
    columns = "".join(f', "{name}" {_COLUMN[kind]}' for name, kind in rows.types.items())
    db.execute(
        f"CREATE TABLE {table}(_fid INTEGER PRIMARY KEY, _area INTEGER NOT NULL{columns}, _properties TEXT NOT NULL)"
    )
    fid_of = {area: fid for fid, area in enumerate(shapes.ids, start=1)}
    areas = [fid_of[area] for area in rows.columns["area_id"]]
    numbers = range(1, len(rows) + 1)
    marks = ", ".join("?" * (len(rows.columns) + 3))
    values = zip(numbers, areas, *rows.columns.values(), rows.properties, strict=True)
    db.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    db.execute(f"CREATE UNIQUE INDEX {table}_area ON {table}(_area, period)")
    db.execute(f"CREATE INDEX {table}_period ON {table}(period)")


def _meta(collection: Collection, rows: Rows, shapes: Shapes, content_hash: str) -> dict[str, Any]:
    place_of = {area: place for place, area in enumerate(shapes.ids)}
    places = np.array([place_of[area] for area in rows.columns["area_id"]], dtype=np.intp)
    periods = sorted(set(rows.columns["period"]))
    return {
        "title": text_to_json(collection.title),
        "description": text_to_json(collection.description),
        "kind": collection.kind,
        "topic": collection.topic,
        "fields": [field_to_json(field) for field in collection.fields],
        "styles": [style_to_json(style) for style in collection.styles],
        "metadata": dict(collection.metadata),
        "content_hash": content_hash,
        "all": {
            "periods": periods,
            "count": len(rows),
            "extent": {crs: shapes.extent(crs, places) for crs in shapes.texts},
        },
        "latest": {
            "periods": [rows.latest],
            "count": len(rows.newest),
            "extent": {crs: shapes.extent(crs, places[rows.newest]) for crs in shapes.texts},
        },
    }
