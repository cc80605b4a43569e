"""Reading ``serve.sqlite``: standard library only, ready texts, keyset pages.

The file is immutable, so connections are opened as such and take no locks. A pool hands each request a connection of
its own; the module imports neither pandas nor a geometry library.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from geodata.crs import CRS84
from geodata.errors import NotFoundError, QueryError, StoreError, some
from geodata.store.box import meets
from geodata.store.codec import field_from_json, style_from_json, text_from_json
from geodata.store.model import Edition, Field
from geodata.store.protocol import LATEST, CollectionMeta, LevelMeta
from geodata.store.query import BBox, ItemQuery, Page, Scalar

#: The format that is read here and written by :mod:`geodata.store.serve`; raised whenever the two would misunderstand.
FORMAT = "1"

_LARGEST = 2**63 - 1
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_encode = json.JSONEncoder(ensure_ascii=False).encode


class SqliteStore:
    """The rows of one edition; implements :class:`geodata.store.protocol.LayerStore`.

    Parameters
    ----------
    path : Path
        A complete ``serve.sqlite``.
    timeout : float, default 10
        Seconds after which an answer is given up.

    Raises
    ------
    NotFoundError
        There is no such file.
    StoreError
        The file is no store, damaged, or of another format.
    """

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        if not path.is_file():
            raise NotFoundError("there is no store", where=str(path), hint="run `sozialmonitor run` first")
        self._path = path
        self._timeout = timeout
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = threading.Event()
        self._areas_in = lru_cache(maxsize=32)(self._find_areas)
        with self._connection() as db:
            self._read_metadata(db)

    def _read_metadata(self, db: sqlite3.Connection) -> None:
        try:
            meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
            if meta.get("format") != FORMAT:
                raise StoreError(
                    f"expected format {FORMAT}, found {meta.get('format')}",
                    where=str(self._path),
                    hint="run `sozialmonitor run` again with this version",
                )
            self._publication: str = meta["publication"]
            self._edition = cast("Edition", meta["edition"])
            self._crs: tuple[str, ...] = tuple(json.loads(meta["crs"]))
            self._levels: dict[int, LevelMeta] = {
                ordinal: _level(level, json.loads(text))
                for ordinal, level, text in db.execute("SELECT ordinal, id, meta FROM levels ORDER BY ordinal")
            }
            self._collections: dict[str, CollectionMeta] = {}
            self._place: dict[str, tuple[int, int]] = {}
            for ordinal, base, level, text in db.execute(
                "SELECT ordinal, id, level, meta FROM collections ORDER BY ordinal"
            ):
                for latest in (False, True):
                    collection = self._collection(base, latest, self._levels[level], json.loads(text))
                    self._collections[collection.id] = collection
                    self._place[collection.id] = (ordinal, level)
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"the store is damaged: {error!r}", where=str(self._path)) from error

    def _collection(self, base: str, latest: bool, level: LevelMeta, meta: dict[str, Any]) -> CollectionMeta:
        part = meta["latest" if latest else "all"]
        return CollectionMeta(
            id=base + LATEST if latest else base,
            base=base,
            latest=latest,
            title=text_from_json(meta["title"]),
            description=text_from_json(meta["description"]),
            kind=meta["kind"],
            level=level.id,
            level_title=level.title,
            is_grid=level.is_grid,
            topic=meta["topic"],
            geometry_type=level.geometry_type,
            fields=tuple(field_from_json(field) for field in meta["fields"]),
            styles=tuple(style_from_json(style) for style in meta["styles"]),
            metadata=meta["metadata"],
            periods=tuple(part["periods"]),
            count=part["count"],
            extent=_extent(part["extent"]),
            crs=self._crs,
            storage_crs=self._crs[-1],
            content_hash=meta["content_hash"],
        )

    @property
    def publication(self) -> str:
        """Id of the publication."""
        return self._publication

    @property
    def edition(self) -> Edition:
        """Which edition this is."""
        return self._edition

    @property
    def crs(self) -> tuple[str, ...]:
        """CRSs in which geometries are ready, CRS84 first, then the storage CRS."""
        return self._crs

    @property
    def storage_crs(self) -> str:
        """The county's own CRS."""
        return self._crs[-1]

    def levels(self) -> tuple[LevelMeta, ...]:
        """Return the levels in the order in which they were written."""
        return tuple(self._levels.values())

    def collections(self) -> tuple[CollectionMeta, ...]:
        """Return every served collection: each with all periods, followed by its latest one."""
        return tuple(self._collections.values())

    def collection(self, collection_id: str) -> CollectionMeta:
        """Return one collection, or raise NotFoundError."""
        try:
            return self._collections[collection_id]
        except KeyError:
            raise NotFoundError(
                f"there is no collection {collection_id[:80]!r}",
                where=f"publication {self._publication}",
                hint=f"there are {some(self._collections)}",
            ) from None

    def items(self, collection_id: str, query: ItemQuery) -> Page:
        """Return one page of features; see :meth:`geodata.store.protocol.LayerStore.items`."""
        collection = self.collection(collection_id)
        number = self._crs_number(query.crs)
        table, level = self._place[collection_id]
        last = self._last_key(collection_id, query.after)
        source, condition, values = self._where(collection, query)
        # The keys are found first, so that no geometry passes through a sorter.
        statement = f"""
            SELECT r._fid, r.area_id, r.period, r._properties, s.geometry
            FROM (SELECT r._fid FROM {source} WHERE r._fid > ? AND {condition} ORDER BY r._fid LIMIT ?) k
            CROSS JOIN rows_{table} r ON r._fid = k._fid
            CROSS JOIN shape_{level}_{number} s ON s.fid = r._area
            ORDER BY k._fid
        """
        with self._connection() as db:
            found = db.execute(statement, (last, *values, query.limit + 1)).fetchall()
            matched = self._count(db, collection, source, condition, values)
        shown = found[: query.limit]
        more = len(found) > query.limit
        return Page(
            features=[_feature(collection, *row[1:]) for row in shown],
            next=self._cursor(collection_id, shown[-1][0]) if more else None,
            matched=matched,
        )

    def item(self, collection_id: str, feature_id: str, *, crs: str = CRS84) -> str | None:
        """Return one feature as text, None where the collection has none with this id."""
        collection = self.collection(collection_id)
        number = self._crs_number(crs)
        table, level = self._place[collection_id]
        area, period = feature_id, str(collection.periods[-1])
        if not collection.latest:
            area, _, period = feature_id.rpartition(".")
        # Only the one spelling of a year is an id: neither "02021" nor "２０２１".
        if period not in {str(year) for year in collection.periods} or not _bindable(area):
            return None
        statement = f"""
            SELECT r.area_id, r.period, r._properties, s.geometry
            FROM area_{level} a
            CROSS JOIN rows_{table} r ON r._area = a.fid
            CROSS JOIN shape_{level}_{number} s ON s.fid = a.fid
            WHERE a.area_id = ? AND r.period = ?
        """
        with self._connection() as db:
            row = db.execute(statement, (area, int(period))).fetchone()
        return _feature(collection, *row) if row else None

    def count(self, collection_id: str, query: ItemQuery) -> int:
        """Return how many features match; ``limit`` and ``after`` do not matter."""
        collection = self.collection(collection_id)
        source, condition, values = self._where(collection, query)
        with self._connection() as db:
            return self._count(db, collection, source, condition, values)

    def close(self) -> None:
        """Let go of the file; asking afterwards raises StoreError."""
        self._closed.set()
        while self._idle:
            self._idle.pop().close()

    def _count(
        self, db: sqlite3.Connection, collection: CollectionMeta, source: str, condition: str, values: list[Any]
    ) -> int:
        if condition == _condition(collection)[0]:  # nothing restricts
            return collection.count
        return int(db.execute(f"SELECT count(*) FROM {source} WHERE {condition}", values).fetchone()[0])

    def _where(self, collection: CollectionMeta, query: ItemQuery) -> tuple[str, str, list[Any]]:
        """Compile a query into a source ``r`` and a condition on it; every value is bound."""
        table, level = self._place[collection.id]
        source = f"rows_{table} r"
        condition, values = _condition(collection)
        terms = [condition]
        for year, sign in ((query.first_period, ">="), (query.last_period, "<=")):
            if year is not None:
                terms.append(f"r.period {sign} ?")
                values.append(max(-_LARGEST, min(year, _LARGEST)))
        fields = {field.name: field for field in collection.properties}
        for name, value in query.equals.items():
            if name not in fields:
                raise QueryError(
                    f"there is no property {name[:80]!r}", where=collection.id, hint=f"there are {some(fields, 30)}"
                )
            if value is None:
                terms.append(f'r."{name}" IS NULL')
            else:
                terms.append(f'r."{name}" = ?')
                values.append(_value(fields[name], value))
        if query.bbox is not None:
            areas = self._areas_in(level, self._crs_number(query.bbox_crs), query.bbox)
            if areas is not None:
                # Without statistics SQLite would rather walk through all rows of a period.
                source += f" INDEXED BY rows_{table}_area"
                terms.append("r._area IN (SELECT value FROM json_each(?))")
                values.append(areas)
        return source, " AND ".join(terms), values

    def _find_areas(self, level: int, number: int, bbox: BBox) -> str | None:
        """Return the areas that meet a box as a JSON list, None where all do.

        The R-tree answers for box against box, rounded outwards. An area whose rounded box lies inside the query box
        meets it for certain; the others, along its border, are compared edge by edge.
        """
        minx, miny, maxx, maxy = bbox
        crossing = minx > maxx
        boxes: list[BBox] = [(minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy)] if crossing else [bbox]
        found: set[int] = set()
        deadline = time.monotonic() + self._timeout
        with self._connection() as db:
            for box in boxes:
                west, south, east, north = box
                candidates = db.execute(
                    f"SELECT fid, minx >= ? AND maxx <= ? AND miny >= ? AND maxy <= ? FROM box_{level}_{number}"
                    " WHERE maxx >= ? AND minx <= ? AND maxy >= ? AND miny <= ?",
                    (west, east, south, north, west, east, south, north),
                ).fetchall()
                for fid, inside in candidates:
                    if inside or fid in found:
                        found.add(fid)
                        continue
                    shape = f"SELECT geometry FROM shape_{level}_{number} WHERE fid = ?"
                    if meets(db.execute(shape, (fid,)).fetchone()[0], box):
                        found.add(fid)
                    if time.monotonic() > deadline:
                        raise self._too_slow()
        return None if len(found) == self._levels[level].areas else json.dumps(sorted(found))

    def _crs_number(self, crs: str) -> int:
        try:
            return self._crs.index(crs)
        except ValueError:
            raise QueryError(f"expected one of {', '.join(self._crs)}, found {crs[:80]!r}", where="crs") from None

    def _cursor(self, collection_id: str, key: int) -> str:
        text = json.dumps([self._publication, collection_id, key], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _last_key(self, collection_id: str, cursor: str | None) -> int:
        if cursor is None:
            return 0
        try:
            text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            publication, collection, key = json.loads(text)
        except (binascii.Error, ValueError, TypeError, RecursionError) as error:
            raise QueryError("this is no cursor of a page", where="after", hint="start with the first page") from error
        if (publication, collection) != (self._publication, collection_id):
            raise QueryError(
                f"expected a cursor of {collection_id} in publication {self._publication}, found one of another",
                where="after",
                hint="start with the first page",
            )
        if type(key) is not int or not 0 <= key <= _LARGEST:
            raise QueryError("this is no cursor of a page", where="after", hint="start with the first page")
        return key

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one answer, with a deadline, and turn what SQLite raises into StoreError."""
        if self._closed.is_set():
            raise StoreError("the store is closed", where=str(self._path))
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._connect()
        deadline = time.monotonic() + self._timeout
        db.set_progress_handler(lambda: time.monotonic() > deadline, 20_000)
        try:
            yield db
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise self._too_slow() from error
            raise StoreError(f"the store cannot be read: {error}", where=str(self._path)) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"the store is damaged: {error}", where=str(self._path)) from error
        finally:
            if self._closed.is_set():
                db.close()
            else:
                self._idle.append(db)

    def _connect(self) -> sqlite3.Connection:
        uri = self._path.absolute().as_uri() + "?mode=ro&immutable=1"
        try:
            db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
            db.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be opened: {error}", where=str(self._path)) from error
        return db

    def _too_slow(self) -> StoreError:
        return StoreError(
            f"the answer took longer than {self._timeout:g} seconds",
            where=f"publication {self._publication}",
            hint="ask for less: a smaller box or fewer features",
        )


def _condition(collection: CollectionMeta) -> tuple[str, list[Any]]:
    """Return what every query of a collection is restricted by."""
    return ("r.period = ?", [collection.periods[-1]]) if collection.latest else ("1", [])


def _feature(collection: CollectionMeta, area: str, period: int, properties: str, geometry: str) -> str:
    name = _encode(area if collection.latest else f"{area}.{period}")
    return f'{{"type":"Feature","id":{name},"properties":{properties},"geometry":{geometry}}}'


def _value(field: Field, value: Scalar) -> Scalar:
    """Read a value as the type of a field; a text may stand for any type, as it does in an address."""
    where = f"property {field.name}"
    if field.type == "string" and isinstance(value, str) and _bindable(value):
        return value
    if field.type == "boolean":
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
    if field.type in ("number", "integer") and not isinstance(value, bool):
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if field.type == "number" or not _WHOLE.fullmatch(value) else int(value)
        if field.type == "number" and isinstance(value, int | float) and abs(value) <= sys.float_info.max:
            return float(value)
        if (
            field.type == "integer"
            and isinstance(value, int | float)
            and abs(value) <= _LARGEST
            and value == int(value)
        ):
            return int(value)
    raise QueryError(f"expected a value of type {field.type}, found {str(value)[:80]!r}", where=where)


def _bindable(text: str) -> bool:
    """SQLite takes texts that are valid UTF-8; lone surrogates are not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _extent(value: dict[str, list[float]]) -> dict[str, BBox]:
    return {crs: (box[0], box[1], box[2], box[3]) for crs, box in value.items()}


def _level(level: str, meta: dict[str, Any]) -> LevelMeta:
    return LevelMeta(
        id=level,
        title=text_from_json(meta["title"]),
        boundary_date=dt.date.fromisoformat(meta["boundary_date"]) if meta["boundary_date"] else None,
        is_grid=meta["is_grid"],
        geometry_type=meta["geometry_type"],
        areas=meta["areas"],
        extent=_extent(meta["extent"]),
    )
