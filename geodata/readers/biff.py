"""Old workbooks (XLS) before they are opened: what their records announce, a reader would reserve memory for.

A workbook is a stream of records inside a small file system, the Compound File Binary Format (MS-CFB); the records are
those of MS-XLS. Only numbers that say how much is to come are looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from geodata.errors import FormatError
from geodata.readers import limits

_END = 0xFFFFFFFA  # this and larger numbers of sectors are marks
#: Columns of a sheet in this format: A to IV.
_WIDEST = 256
_BOF, _DIMENSIONS, _STRINGS, _FORMULA = 0x0809, 0x0200, 0x00FC, 0x0006
#: Records that begin with row and column: numbers, texts, errors, formulas, blanks, and runs of them.
_CELLS = frozenset({_FORMULA, 0x0201, 0x0203, 0x0204, 0x0205, 0x00D6, 0x027E, 0x00FD, 0x00BD, 0x00BE})


def vet(path: Path) -> int:
    """Look through the records of an XLS file, and return the number of its formulas.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    int
        Cells with a formula; their values are saved beside them.

    Raises
    ------
    FormatError
        It is no compound file with a workbook, or announces more cells or texts than the limits or its size allow.
    """
    where = str(path)
    limits.require_file(path, "unpacked_bytes")
    try:
        stream = _workbook(path.read_bytes())
    except (struct.error, IndexError, ValueError) as error:
        raise FormatError(
            f"expected a workbook (XLS), its directory cannot be read: {error}",
            where=where,
            hint="it is damaged, or protected by a password: download it again, or save it without one",
        ) from error
    rows = columns = formulas = 0
    for kind, data in _records(stream):
        if kind == _BOF:
            rows = columns = 0
        elif kind == _DIMENSIONS and len(data) >= 10:
            wide = len(data) >= 14
            last_row = int.from_bytes(data[4:8] if wide else data[2:4], "little")
            last_column = int.from_bytes(data[10:12] if wide else data[6:8], "little")
            limits.require("sheet_cells", last_row * last_column, "cells, as a sheet announces", where)
        elif kind in _CELLS and len(data) >= 4:
            row, column = struct.unpack_from("<HH", data)
            if kind in (0x00BD, 0x00BE):  # a run: its last column stands at the end
                column = max(column, int.from_bytes(data[-2:], "little"))
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            formulas += kind == _FORMULA
            if columns > _WIDEST:
                raise FormatError(
                    f"the workbook is damaged: a cell in column {columns}, where XLS has {_WIDEST}",
                    where=where,
                    hint="copy or download it again",
                )
            limits.require("sheet_cells", rows * columns, "cells between the first and the last of a sheet", where)
        elif kind == _STRINGS and len(data) >= 8:
            announced = int.from_bytes(data[4:8], "little")
            if announced > len(stream):  # each takes three bytes at least
                raise FormatError(
                    f"the workbook is damaged: {announced:,} texts announced in {len(stream):,} bytes",
                    where=where,
                    hint="copy or download it again",
                )
    return formulas


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _workbook(raw: bytes) -> bytes:
    """Return the stream ``Workbook`` (``Book`` before 1997); sector numbers follow the header of 512 bytes."""
    size = 1 << struct.unpack_from("<H", raw, 30)[0]
    if size not in (512, 4096):
        raise ValueError(f"sectors of {size} bytes")
    directory_at, cutoff, mini_at, more_at = (struct.unpack_from("<I", raw, at)[0] for at in (48, 56, 60, 68))
    places = list(struct.unpack_from("<109I", raw, 76))
    seen: set[int] = set()
    while more_at < _END and more_at not in seen:
        seen.add(more_at)
        numbers = _numbers(_sector(raw, more_at, size))
        places += numbers[:-1]
        more_at = numbers[-1]
    table = [number for place in places if place < _END for number in _numbers(_sector(raw, place, size))]
    directory = _chain(raw, table, directory_at, size)
    root_at = found = None
    for at in range(0, len(directory) - 127, 128):
        entry = directory[at : at + 128]
        name = entry[: max(int.from_bytes(entry[64:66], "little") - 2, 0)].decode("utf-16-le", "replace").lower()
        start, length = struct.unpack_from("<II", entry, 116)
        if entry[66] == 5:
            root_at = start
        elif entry[66] == 2 and name in ("workbook", "book") and (found is None or name == "workbook"):
            found = (start, length)
    if found is None:
        raise ValueError("no stream named Workbook")
    start, length = found
    if length >= cutoff or root_at is None:
        return _chain(raw, table, start, size)[:length]
    small = _chain(raw, table, root_at, size)
    return _chain(small, _numbers(_chain(raw, table, mini_at, size)), start, 64, first=0)[:length]


def _numbers(piece: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(piece) // 4}I", piece[: len(piece) // 4 * 4]))


def _sector(raw: bytes, number: int, size: int) -> bytes:
    piece = raw[(number + 1) * size : (number + 2) * size]
    if not piece:
        raise ValueError(f"sector {number} lies behind the end")
    return piece


def _chain(raw: bytes, table: list[int], at: int, size: int, *, first: int = 1) -> bytes:
    pieces = []
    seen: set[int] = set()
    while at < _END:
        if at in seen or at >= len(table):
            raise ValueError(f"the chain of sectors breaks at {at}")
        seen.add(at)
        pieces.append(raw[(at + first) * size : (at + first + 1) * size])
        at = table[at]
    return b"".join(pieces)
