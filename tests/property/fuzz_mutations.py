"""How hostile files are made: edits of bytes, lines, numbers and markup, outside and inside of their containers.

Edits are tuples of a word and two values. Places are shares of the length, so that they survive shrinking and fit
every seed. Containers are opened and packed again: checksums of ZIP members, pages of SQLite and footers of Parquet are
right, and what is inside is wrong.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

from hypothesis import strategies as st

Edit = tuple[str, Any, Any]

SEPARATORS = [b";", b",", b"\t", b"|", b'"', b"\n", b"\r\n", b"\r", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b" "]
#: What is too long to be printed with a case.
LONG = {"A": b"A" * 40_000, "[[": b"[" * 60_000, '{"a":': b'{"a":' * 20_000, "<a>": b"<a>" * 20_000, "9": b"9" * 400}
LONG["99"] = b"9" * 5000
#: Strings that mean something to some reader.
TOKENS = [
    *(*SEPARATORS, b"\xe4", b"\xc3", b"-", b".", b"...", b"/", b"x", b"()", b"p", b"r", b"\xe2\x80\x93", b"*", b"g"),
    *(b"-9", b"-1", b"1.234,5", b"1,234.5", b"31.12.2022", b"2022", b"99999", b"03157009", b"DG", b"=1+1", b"<"),
    *(b"<!DOCTYPE a>", b"&a;", b"&#0;", b"&#x10ffff;", b"{", b"}", b"[", b"null", b"\xff" * 8, b"\x7f\xff\xff\xff"),
    *(*LONG, b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\ud800"),
    *(
        b"\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff",
        b"\x00" * 8,
        b"\x00\x00\x00\x00\x00\x00\xf8\x7f",
        b"../../a",
        b"a\x1ab",
    ),
]
#: What numbers become, in texts and in attributes.
NUMBERS = [
    *(
        b"nan",
        b"NaN",
        b"inf",
        b"-inf",
        b"Infinity",
        b"1e309",
        b"-1e309",
        b"1e-400",
        b"-0",
        b"0",
        b"-1",
        b"1e15",
        b"0x1F",
    ),
    *("9", "99", b"4294967296", b"9223372036854775808", b"-9223372036854775809", b"1048577", b"16385", b"99999999999"),
    *(b"1.2.3", b"1,2,3", b"12e", b"1_000", b"0003157", b"\xd9\xa3\xd9\xa1", b"\xc2\xb2", b"1899-12-31", b"9999-12-31"),
    *(b"XFD1048576", b"A1:XFD1048576", b"", b"&a;", b"../../../etc/passwd", "A"),
]
CODECS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp437", "utf-8-sig", "utf-7"]

_NUMBER = re.compile(rb"\d[\d.,]*")
_ATTRIBUTE = re.compile(rb'(?<==")[^"<>]*(?=")')
_WORD = re.compile(rb"[A-Za-z_]{2,40}")

share = st.floats(0, 1)
_bytes = st.binary(min_size=1, max_size=8)
edits: st.SearchStrategy[list[Edit]] = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), share, share),
        st.tuples(st.just("end"), share, st.just(0.0)),
        st.tuples(st.sampled_from(["set", "head", "start", "tail"]), share, _bytes),
        st.tuples(st.sampled_from(["put", "over", "word", "start", "tail"]), share, st.sampled_from(TOKENS)),
        st.tuples(st.sampled_from(["number", "attribute"]), share, st.sampled_from(NUMBERS)),
        st.tuples(st.sampled_from(["copy", "repeat", "move", "drop"]), share, share),
        st.tuples(st.just("swap"), st.sampled_from(SEPARATORS), st.sampled_from(TOKENS)),
        st.tuples(st.just("all"), st.sampled_from(SEPARATORS), st.sampled_from(SEPARATORS)),
        st.tuples(st.just("recode"), st.sampled_from(CODECS), st.just(0.0)),
    ),
    min_size=1,
    max_size=5,
)

#: Bytes that "start", "head" and "tail" reach: counts of WKB, headers, directories and footers.
_REACH = {"start": 64, "head": 512, "tail": 512}


def mutate(payload: bytes, changes: list[Edit]) -> bytes:
    """Apply edits one after the other."""
    for what, first, value in changes:
        second = LONG[value] if isinstance(value, str) else value
        size = len(payload)
        at = int(first * max(size - 1, 0)) if isinstance(first, float) else 0
        match what:
            case "end":
                payload = payload[:at]
            case "cut":
                payload = payload[:at] + payload[at + int(second**8 * size) + 1 :]
            case "set" | "over":
                payload = payload[:at] + second + payload[at + len(second) :]
            case "start" | "head" | "tail":
                reach = min(size, _REACH[what])
                at = int(first * max(reach - 1, 0)) + (size - reach if what == "tail" else 0)
                payload = payload[:at] + second + payload[at + len(second) :]
            case "put":
                payload = payload[:at] + second + payload[at:]
            case "number" | "attribute" | "word":
                pattern = {"number": _NUMBER, "attribute": _ATTRIBUTE, "word": _WORD}[what]
                found = pattern.search(payload, at) or pattern.search(payload)
                if found:
                    payload = payload[: found.start()] + second + payload[found.end() :]
            case "copy":
                block = payload[at : at + 1 + int(second**4 * 2000)]
                payload = payload[:at] + block * 3 + payload[at:]
            case "repeat" | "move" | "drop":
                payload = _lines(payload, what, first, second)
            case "swap":
                payload = payload.replace(first, second, 5)
            case "all":
                payload = payload.replace(first, second) if payload.count(first) < 20_000 else payload
            case "recode":
                payload = payload.decode("utf-8", "replace").encode(first, "replace")
    return payload


def _lines(payload: bytes, what: str, first: float, second: float) -> bytes:
    lines = payload.splitlines(keepends=True)
    if not lines:
        return payload
    at, to = int(first * (len(lines) - 1)), int(second * (len(lines) - 1))
    if what == "repeat":
        lines[to:to] = [lines[at]]
    elif what == "move":
        lines.insert(to, lines.pop(at))
    else:
        del lines[at]
    return b"".join(lines)


# --- ZIP ----------------------------------------------------------------------------------------------------------

_NAMES = ["../../etc/passwd", "/etc/passwd", "C:\\a", "a\\..\\..\\b", "a\x00b", "A" * 60_000, "", "xl/", ".", "ü\udcff"]


@lru_cache(maxsize=8)
def _members(payload: bytes) -> tuple[tuple[str, bytes], ...]:
    with zipfile.ZipFile(BytesIO(payload)) as old:
        return tuple((name, old.read(name)) for name in old.namelist())


def _packed(members: list[tuple[str, bytes]]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in members:
            with contextlib.suppress(UserWarning, UnicodeEncodeError, struct.error):
                info = zipfile.ZipInfo("a")
                info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
                new.writestr(info, content)
    return out.getvalue()


def zip_inside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Mutate one member."""
    members = list(_members(payload))
    at = int(part * (len(members) - 1))
    members[at] = (members[at][0], mutate(members[at][1], changes))
    return _packed(members)


def zip_outside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Change names, members and what the directory says of them."""
    members = list(_members(payload))
    number = int(part * 1000)
    at = number % len(members)
    name, content = members[at]
    match number % 7:
        case 0:
            members[at] = (_NAMES[number % len(_NAMES)], content)
        case 1:
            members.append((name, mutate(content, changes)))
        case 2:
            members.append(("xl/media/a.png", bytes(40 << 20)))
        case 3:
            members[at] = (name, b'<!DOCTYPE a [<!ENTITY a "b">]>' + content)
        case 4:
            del members[at]
        case 5:
            other = number % (len(members) - 1)
            members[at], members[other] = (name, members[other][1]), (members[other][0], content)
        case _:
            raw = bytearray(_packed(members))  # flags, methods and sizes of the directory and of members
            spots = [m.start() for m in re.finditer(rb"PK\x01\x02|PK\x03\x04", bytes(raw))]
            spot = spots[number % len(spots)] + 4 + int(part * 40)
            raw[spot : spot + 4] = changes[0][2][:4] if isinstance(changes[0][2], bytes) else b"\xff\xff\xff\xff"
            return bytes(raw)
    return _packed(members)


# --- SQLite -------------------------------------------------------------------------------------------------------

#: What a GeoPackage can say of itself that is not so; ``{t}`` is a layer, ``{g}`` its geometry, ``{k}`` its key.
STATEMENTS = [
    "UPDATE gpkg_contents SET srs_id = 999999",
    "UPDATE gpkg_contents SET min_x = 1e308, max_x = -1e308",
    "UPDATE gpkg_contents SET table_name = 'sqlite_master'",
    "UPDATE gpkg_contents SET data_type = 'tiles'",
    "DELETE FROM gpkg_contents",
    "DELETE FROM gpkg_geometry_columns",
    "DROP TABLE gpkg_contents",
    "DROP TABLE gpkg_spatial_ref_sys",
    "UPDATE gpkg_geometry_columns SET geometry_type_name = 'POINT'",
    "UPDATE gpkg_geometry_columns SET geometry_type_name = 'NONSENSE', z = 7, m = 7",
    "UPDATE gpkg_geometry_columns SET column_name = '{k}'",
    "UPDATE gpkg_spatial_ref_sys SET definition = 'PROJCS[' WHERE srs_id > 0",
    "UPDATE gpkg_spatial_ref_sys SET organization = 'NONE', organization_coordsys_id = -5",
    "UPDATE gpkg_ogr_contents SET feature_count = 99999999999",
    "UPDATE gpkg_ogr_contents SET feature_count = -7",
    'UPDATE "{t}" SET "{g}" = NULL',
    'UPDATE "{t}" SET "{g}" = \'text\'',
    'UPDATE "{t}" SET "{g}" = 1e308',
    'UPDATE "{t}" SET "{g}" = zeroblob(5)',
    'UPDATE "{t}" SET "{g}" = zeroblob(3000000)',
    'DELETE FROM "{t}"',
    'ALTER TABLE "{t}" ADD COLUMN a TEXT DEFAULT 9e999',
    'ALTER TABLE "{t}" RENAME TO hidden; CREATE VIEW "{t}" AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 '
    'FROM c) SELECT n AS "{k}", "{g}" FROM c, hidden',
    'ALTER TABLE "{t}" RENAME TO hidden; CREATE VIEW "{t}" AS SELECT "{k}", zeroblob(900000000) AS "{g}" FROM hidden',
    'ALTER TABLE "{t}" ADD COLUMN bomb BLOB GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL',
    'CREATE TABLE other AS SELECT * FROM "{t}"; DROP TABLE "{t}"',
]


def _database(payload: bytes) -> sqlite3.Connection:
    found = sqlite3.connect(":memory:")
    found.deserialize(payload)
    for name, number in (("ST_IsEmpty", 1), ("ST_MinX", 1), ("ST_MaxX", 1), ("ST_MinY", 1), ("ST_MaxY", 1)):
        found.create_function(name, number, lambda *_: 0)
    for trigger in found.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        found.execute(f'DROP TRIGGER "{trigger[0]}"')
    return found


def sql_outside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Let the database say something of itself that is not so."""
    return tampered(payload, STATEMENTS[int(part * (len(STATEMENTS) - 1))])


def tampered(payload: bytes, statement: str) -> bytes:
    """Run a statement on a GeoPackage."""
    database = _database(payload)
    try:
        layer = database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchone()
        if layer is None:
            layer = (database.execute("SELECT table_name FROM gpkg_contents").fetchone()[0], "fid")
        key = database.execute(f'PRAGMA table_info("{layer[0]}")').fetchone()[1]
        with contextlib.suppress(sqlite3.Error):
            database.executescript(statement.format(t=layer[0], g=layer[1], k=key))
        return database.serialize()
    finally:
        database.close()


def sql_inside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Mutate one cell of one table: geometries, definitions of systems, names of tables, extents, metadata."""
    database = _database(payload)
    try:
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'rtree%' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        number = int(part * 99_991)
        table = tables[number % len(tables)][0]
        columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
        column = columns[number // 7 % len(columns)]
        rows = database.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
        if not rows:
            return mutate(payload, changes)
        rowid, old = rows[number // 49 % len(rows)]
        new: Any = mutate(old if isinstance(old, bytes) else str(old).encode(), changes)
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            new = new if isinstance(old, bytes) else new.decode()
            database.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, rowid))
            database.commit()
        return database.serialize()
    finally:
        database.close()


# --- Parquet ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _table(payload: bytes) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(BytesIO(payload))


def _parquet(table: Any) -> bytes:
    import pyarrow.parquet as pq

    out = BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def parquet_outside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Mutate a metadatum of the schema: ``geo``, ``pandas``, ``sozialmonitor``."""
    table = _table(payload)
    about = dict(table.schema.metadata or {b"geo": b"{}"})
    key = sorted(about)[int(part * (len(about) - 1))]
    about[key] = mutate(about[key], changes)
    return _parquet(table.replace_schema_metadata(about))


def parquet_inside(payload: bytes, part: float, changes: list[Edit]) -> bytes:
    """Mutate a cell of a column of bytes or text; of numbers, the type."""
    import pyarrow as pa

    table = _table(payload)
    number = int(part * 9973)
    at = number % table.num_columns
    column, name = table.column(at), table.column_names[at]
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        cells = column.to_pylist()
        spot = number // 7 % len(cells)
        cells[spot] = mutate(cells[spot] or b"", changes)
        return _parquet(table.set_column(at, name, pa.array(cells, pa.binary())))
    cells = column.to_pylist()[:5000]
    types: list[Callable[[], Any]] = [
        lambda: pa.array([str(cell) for cell in cells]),
        lambda: pa.array(
            [mutate(str(cell).encode(), changes) for cell in cells[:50]] * (len(cells) // 50 + 1), pa.binary()
        )[: len(cells)],
        lambda: pa.array([[cell] for cell in cells]),
        lambda: pa.array([{"a": cell} for cell in cells]),
        lambda: pa.array([float("nan")] * len(cells)),
        lambda: pa.array([1 << 62] * len(cells)),
        lambda: pa.nulls(len(cells)),
        lambda: pa.array([0] * len(cells), pa.timestamp("ns")),
        lambda: pa.array([1e300] * len(cells)),
        lambda: pa.array([True] * len(cells)),
        lambda: pa.array(["a"] * len(cells)).dictionary_encode(),
    ]
    return _parquet(table.slice(0, len(cells)).set_column(at, name, types[number // 7 % len(types)]()))


# --- any ----------------------------------------------------------------------------------------------------------


def hostile(payload: bytes, part: float, place: int, changes: list[Edit]) -> bytes:
    """Mutate a file: the bytes as they are (0), inside its container (1, 2), or the container itself (3)."""
    kinds = {
        b"PK\x03\x04": (zip_inside, zip_outside),
        b"SQLite f": (sql_inside, sql_outside),
        b"PAR1": (parquet_inside, parquet_outside),
    }
    for begin, (inside, outside) in kinds.items() if place else ():
        if payload.startswith(begin):
            return (outside if place == 3 else inside)(payload, part, changes)
    return mutate(payload, changes)
