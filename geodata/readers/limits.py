"""How much a file may ask for: every limit is a setting with a default, and every refusal says which one it was.

A limit is raised by an environment variable, ``SOZIALMONITOR_LIMIT_`` and its name in capitals, for example
``SOZIALMONITOR_LIMIT_TEXT_BYTES=2GiB``; or inside a program by :func:`using`. They are far above what official files
hold and far below what stops a machine.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path

from geodata.errors import ConfigError, FormatError

PREFIX = "SOZIALMONITOR_LIMIT_"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the readers accept at most.

    Attributes
    ----------
    file_bytes : int
        Any file, 4 GiB. The GeoPackage of VG250 for all of Germany has about 0.3 GiB.
    text_bytes : int
        A text that is read into memory (CSV, XML), 1 GiB. The largest grid CSV of the Zensus 2022 has about 0.5 GiB.
    answer_bytes : int
        A JSON answer of a GENESIS database, 128 MiB: parsed as a whole, it needs many times its size.
    unpacked_bytes : int
        All members of an archive (XLSX, ODS, zipped Shapefile) together once unpacked, 512 MiB.
    form_bytes : int
        A returned template of a department once unpacked, 64 MiB: each of its cells becomes an object. A sheet of 1 000
        areas, ten years and twenty columns unpacks to about 12 MB.
    ratio : int
        Unpacked bytes per packed byte, 200, for archives, and for rasters above 64 MiB. Workbooks reach 10 to 50.
    members : int
        Files in an archive, 5 000.
    rows : int
        Lines of a text, rows of a sheet or a Parquet file, features of a layer, 20 million.
    columns : int
        8 192, half of what Excel knows: the widest official tables have some hundred.
    cells : int
        Rows times columns of a table, 100 million. 3.1 million cells of the census with ten attributes are 40 million.
    sheet_cells : int
        The same for a sheet of a workbook, 10 million: its cells are Python objects on the way, about 60 bytes each.
    cell_bytes : int
        One cell of a text, 1 MB.
    line_bytes : int
        One line of a text, 4 MB.
    pixels : int
        One band of a raster, 100 million. Germany in cells of 100 m has 56 million.
    """

    file_bytes: int = 4 << 30
    text_bytes: int = 1 << 30
    answer_bytes: int = 128 << 20
    unpacked_bytes: int = 512 << 20
    form_bytes: int = 64 << 20
    ratio: int = 200
    members: int = 5_000
    rows: int = 20_000_000
    columns: int = 8_192
    cells: int = 100_000_000
    sheet_cells: int = 10_000_000
    cell_bytes: int = 1_000_000
    line_bytes: int = 4_000_000
    pixels: int = 100_000_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """Take the defaults, changed by the variables ``SOZIALMONITOR_LIMIT_…``.

        Parameters
        ----------
        environment : mapping of str to str, optional
            By default that of the process.

        Raises
        ------
        ConfigError
            A variable names no limit, or holds no size.

        Examples
        --------
        >>> Limits.from_environment({"SOZIALMONITOR_LIMIT_TEXT_BYTES": "2GiB"}).text_bytes
        2147483648
        """
        set_here = {
            name.removeprefix(PREFIX).lower(): (name, text)
            for name, text in (os.environ if environment is None else environment).items()
            if name.startswith(PREFIX)
        }
        known = {field.name for field in fields(cls)}
        for limit, (name, _) in set_here.items():
            if limit not in known:
                raise ConfigError(
                    "there is no such limit", where=name, hint=", ".join(sorted(PREFIX + k.upper() for k in known))
                )
        return cls(**{limit: _size(text, name) for limit, (name, text) in set_here.items()})


def _size(text: str, where: str) -> int:
    found = re.fullmatch(r"([0-9][0-9_]{0,18})\s*([KMG](?:iB)?|)B?", text.strip(), re.IGNORECASE | re.ASCII)
    size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if size < 1:
        raise ConfigError(
            f"expected a number above 0, found {text!r}", where=where, hint="for example 500000, 500M or 2GiB"
        )
    return size


_HERE: ContextVar[Limits | None] = ContextVar("limits", default=None)


def current() -> Limits:
    """Return the limits that hold now: those of :func:`using`, else of the environment."""
    return _HERE.get() or Limits.from_environment()


@contextlib.contextmanager
def using(limits: Limits) -> Iterator[Limits]:
    """Let other limits hold inside a ``with`` block.

    Examples
    --------
    >>> with using(Limits(rows=10)) as limits:
    ...     current().rows
    10
    """
    token = _HERE.set(limits)
    try:
        yield limits
    finally:
        _HERE.reset(token)


def require(limit: str, found: int, what: str, where: str | Path, *, more: bool = False) -> None:
    """Refuse what asks for more than a limit allows.

    Parameters
    ----------
    limit : str
        Name of a field of :class:`Limits`.
    found : int
        What the file asks for.
    what : str
        For the message: what was counted, as a plural.
    where : str or pathlib.Path
        File, and place in it.
    more : bool, default False
        Counting stopped at ``found``.

    Raises
    ------
    FormatError
        It is more; the message names the limit and how to raise it.
    """
    allowed = getattr(current(), limit)
    if found > allowed:
        raise FormatError(
            f"expected at most {allowed:,} {what}, found {'more than ' if more else ''}{found:,}",
            where=str(where),
            hint=f"if the file is what it should be, set {PREFIX}{limit.upper()} (now {allowed})",
        )


def require_file(path: Path, limit: str = "file_bytes") -> int:
    """Refuse a file that is too large, before anything of it is read, and return its size.

    Raises
    ------
    FormatError
        It is too large, or cannot be looked at.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FormatError(f"the file cannot be read: {error.strerror}", where=str(path), hint="name a file") from error
    require(limit, size, "bytes", path)
    return size


def require_lines(payload: bytes, where: str | Path) -> None:
    """Refuse a text with a line that is too long, or with too many lines.

    Raises
    ------
    FormatError
        The line is named.
    """
    limits = current()
    at, size, step = 0, len(payload), limits.line_bytes + 1
    while size - at > limits.line_bytes:
        # Every line that ends inside the window is short enough; the next one begins behind the last break in it.
        found = max(payload.rfind(b"\n", at, at + step), payload.rfind(b"\r", at, at + step))
        if found < 0:
            line = payload.count(b"\n", 0, at) + 1
            require("line_bytes", limits.line_bytes + 1, f"bytes in line {line}", where, more=True)
        at = found + 1
    require("rows", payload.count(b"\n"), "lines", where)


def require_parquet(path: Path) -> None:
    """Refuse a Parquet file that announces too many rows, columns or unpacked bytes; what cannot be read is left alone.

    Raises
    ------
    FormatError
        It announces more than the limits allow.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_file(path)
    try:
        about = pq.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError):
        return  # the reader says what is wrong with it
    require("rows", about.num_rows, "rows", path)
    require("columns", about.num_columns, "columns", path)
    require("cells", about.num_rows * about.num_columns, "cells", path)
    require("text_bytes", sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)), "bytes", path)
