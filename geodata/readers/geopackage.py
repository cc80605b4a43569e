"""What a GeoPackage computes while it is read: views, generated columns and virtual tables, tried before GDAL does.

SQLite evaluates them at every read, so a file of a few kilobytes can yield rows without an end or gigabytes in a cell.
They are run once here, with a bound on steps and bytes, and by an SQLite that knows none of GDAL's functions (some of
which open files): what does not come to an end here is refused.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from geodata.errors import FormatError
from geodata.readers import limits

#: Indices that SQLite itself brings; other modules open what they like.
_MODULES = frozenset({"rtree", "rtree_i32", "geopoly", "fts3", "fts4", "fts5"})
_MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)
#: Instructions of SQLite's machine, one or two seconds; a view of a million rows needs a third.
_STEPS = 50_000_000
#: The same for all views of a file together: many short ones are as long as one without an end.
_ALL_STEPS = 2 * _STEPS
_TURN = 1_000_000
#: Bytes in one computed cell, and in all of them, whatever the size of the file.
_CELL = 64 << 20
_SMALL = 64 << 20


def vet(path: Path) -> None:
    """Refuse a GeoPackage that computes more than it holds.

    Parameters
    ----------
    path : pathlib.Path
        An SQLite file. What is damaged is left alone: the reader says so.

    Raises
    ------
    FormatError
        A view or a generated column comes to no end, yields far more bytes than the file has, or calls what SQLite does
        not know; a virtual table is no index.
    """
    state = path.stat()
    _vetted(path, state.st_size, state.st_mtime_ns, limits.current())


@lru_cache(maxsize=32)
def _vetted(path: Path, size: int, changed: int, allowed: limits.Limits) -> None:
    # A message about a damaged schema quotes it, and is itself no UTF-8 then.
    with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError), _opened(path) as database:
        rows = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        spent = 0
        for kind, name, sql in rows:
            if not isinstance(name, str) or not isinstance(sql, str):
                continue
            virtual = re.match(r"\s*CREATE\s+VIRTUAL", sql, re.IGNORECASE)
            module = _MODULE.search(sql) if virtual else None
            if virtual and (module is None or module[1].lower() not in _MODULES):
                raise _refused(path, name, f"a virtual table ({module[1] if module else '?'})")
            if kind == "view" or (kind == "table" and not virtual and _generated(database, name)):
                spent += _try(database, path, name, size, _ALL_STEPS - spent)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    try:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _CELL)
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield database
    finally:
        database.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _generated(database: sqlite3.Connection, table: str) -> bool:
    """Tell whether a table has computed columns: 2 and 3 in the last field of ``table_xinfo``."""
    return any(row[-1] in (2, 3) for row in database.execute(f"PRAGMA table_xinfo({_quoted(table)})"))


def _try(database: sqlite3.Connection, path: Path, name: str, size: int, left: int) -> int:
    """Run through all rows of a view or table, and return the steps that it took."""
    turns = 0

    def stop() -> bool:
        nonlocal turns
        turns += 1
        return turns * _TURN > min(_STEPS, left)

    database.set_progress_handler(stop, _TURN)
    held = count = 0
    try:
        for row in database.execute(f"SELECT * FROM {_quoted(name)}"):
            count += 1
            held += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
            limits.require("rows", count, "rows", f"{path} [{name}]", more=True)
            if held > _SMALL:
                limits.require("ratio", held // max(size, 1), "bytes computed for each in the file", f"{path} [{name}]")
    except FormatError:
        raise
    except (sqlite3.Error, UnicodeDecodeError, MemoryError, OverflowError) as error:
        raise _refused(path, name, f"what is computed when it is read and does not come to an end: {error}") from error
    finally:
        database.set_progress_handler(None, 0)
    return turns * _TURN


def _refused(path: Path, name: str, what: str) -> FormatError:
    return FormatError(
        f"expected tables, found {what}",
        where=f"{path} [{name[:80]}]",
        hint="export the layer as a table into a new GeoPackage",
    )
