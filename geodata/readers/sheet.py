"""Cells of a CSV or Parquet file or of a sheet of a workbook, as text, with the row numbers that people see."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.readers import archives, biff, limits, parquet, spreadsheetml, text

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A rectangle of text.

    Attributes
    ----------
    cells : pandas.DataFrame
        str; columns 0 to n − 1; the index is the row of the file, from 0; blank rows are left out.
    numeric : frozenset of str
        Texts that stood in the workbook as numbers; empty for CSV. A key among them has lost its leading zero.
    delimiter : str or None
        None for a workbook.
    note : str
        How it was read.
    """

    path: Path
    cells: pd.DataFrame
    numeric: frozenset[str]
    delimiter: str | None
    note: str
    sheets: tuple[str, ...] = ()


def open_sheet(path: Path, *, sheet: str | None = None) -> Sheet:
    """Read a CSV file, or one sheet of a workbook.

    Parameters
    ----------
    path : pathlib.Path
        CSV (any delimiter, any usual encoding), XLSX, XLS, ODS, XML SpreadsheetML 2003 or Parquet, told by content.
    sheet : str, optional
        Name of the sheet; may be left out where there is one only.

    Returns
    -------
    Sheet
        Its cells.

    Raises
    ------
    MissingFileError, NoDataError, FormatError, ColumnError
        No file, nothing in it, no table, no such sheet.
    """
    if _is_book(path):
        return _workbook(path, sheet)
    if text.kind_of(text.peek(path)) == "a Parquet file":
        return _parquet(path)
    file = text.decode(path)
    text.refuse_answer(file)
    file, above, below = _without_titles(file)
    delimiter = text.detect_delimiter(file.head)
    if delimiter is None:
        raise FormatError(
            f"expected a table with at least two columns, found one: {file.head[:60]!r}",
            where=str(path),
            hint="cells are separated by ; , tab or |",
        )
    note = f"CSV, {file.encoding}, cells separated by {'tab' if delimiter == chr(9) else delimiter!r}"
    if not file.complete:
        note += "; the last line has no line break"
    if above or below:
        note += f"; {above} lines of titles above and {below} of notes below the table are left out"
    cells = text.read_cells(file, delimiter)
    cells.index += above
    return Sheet(path, cells, frozenset(), delimiter, note)


def _without_titles(file: text.TextFile) -> tuple[text.TextFile, int, int]:
    """Leave out lines above the first and below the last that have cells: titles and notes of an export.

    A last line without its line break is kept, whatever it holds: it may be what is left of a row.
    """
    tail = file.payload[-100_000:].rstrip().rsplit(b"\n", 1)[-1].decode("utf-8", "replace")
    if text.detect_delimiter(file.head) is not None and text.detect_delimiter(tail) is not None:
        return file, 0, 0
    lines = file.payload.splitlines(keepends=True)
    separated = [any(sign in line for sign in (b";", b"\t", b"|")) or line.count(b",") > 1 for line in lines]
    if not any(separated):
        return file, 0, 0
    first, last = separated.index(True), len(lines) - separated[::-1].index(True)
    # Notes are sentences; a row of one cell is none.
    below = [line for line in lines[last:] if line.strip()]
    if not file.complete or not all(b" " in line.strip() for line in below):
        last, below = len(lines), []
    return replace(file, payload=b"".join(lines[first:last])), first, len(below)


def sheet_names(path: Path) -> tuple[str, ...]:
    """Return the names of the sheets of a workbook; empty for a text.

    Raises
    ------
    GeodataError
        See :func:`open_sheet`.
    """
    if not _is_book(path):
        return ()
    if _is_xml(path):
        return tuple(spreadsheetml.read_sheets(path))
    return tuple(_book(path).sheet_names)


def _is_book(path: Path) -> bool:
    """Tell workbooks by their first bytes; a name alone makes none (``.xls`` is often a text)."""
    kind = text.kind_of(text.peek(path)) or ""
    return "XLS" in kind or _is_xml(path)


def _is_xml(path: Path) -> bool:
    head = text.decode_head(text.peek(path))
    return head.lstrip().startswith("<") and "urn:schemas-microsoft-com:office:spreadsheet" in head


def _book(path: Path) -> Any:
    import python_calamine

    # MS-CFB 2.2: the header fills one sector, and every sector is whole (its size is 2 to the power at byte 30).
    head, size = text.peek(path), path.stat().st_size
    if head.startswith(b"\xd0\xcf\x11\xe0") and len(head) > 31 and head[30] in (9, 12) and size % (1 << head[30]):
        raise FormatError(
            f"the workbook is truncated: {size} bytes are no whole number of sectors",
            where=str(path),
            hint="copy or download it again",
        )
    limits.require_file(path)
    if head.startswith(b"PK"):
        archives.vet(path)
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        biff.vet(path)
    with _calamine(path):
        return python_calamine.CalamineWorkbook.from_path(path)


@contextlib.contextmanager
def _calamine(path: Path) -> Iterator[None]:
    """Turn what calamine raises into our error: one class per format without a common root, or a panic of Rust."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> FormatError:
    return FormatError(
        f"expected a workbook ({', '.join(WORKBOOKS)}): {error}",
        where=str(path),
        hint="open it and save it again as XLSX; it may be truncated, or another format under this name",
    )


def _parquet(path: Path) -> Sheet:
    """Read a Parquet file as cells of text, so that one rule reads every table."""
    import pyarrow as pa

    table = parquet.read_table(path)
    nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        raise FormatError(
            f"expected one value in each cell, found lists or records in {some(map(repr, nested))}",
            where=str(path),
            hint="write each part into a column of its own",
        )
    try:
        frame = table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, ValueError, KeyError, RecursionError) as error:
        raise FormatError(
            f"the Parquet file cannot be read, it may be damaged: {error}", where=str(path), hint="download it again"
        ) from error
    text.require_utf8(frame, path)
    numeric: set[str] = set()
    columns = {}
    for at, name in enumerate(frame.columns):
        codes, unique = pd.factorize(frame[name])
        written = pd.array([_cell(_plain(value), numeric) for value in unique] + [""], dtype="str")
        columns[at] = pd.concat(
            [pd.Series([str(name)], dtype="str"), pd.Series(written.take(codes))], ignore_index=True
        )
    return Sheet(path, pd.DataFrame(columns), frozenset(numeric), None, "Parquet")


def _plain(value: Any) -> Any:
    """Turn a scalar of NumPy or pandas into Python's own."""
    return value.item() if hasattr(value, "item") else value


def _workbook(path: Path, sheet: str | None) -> Sheet:
    where = str(path)
    xml = spreadsheetml.read_sheets(path) if _is_xml(path) else None
    book: Any = _book(path) if xml is None else None
    names = tuple(xml if xml is not None else book.sheet_names)
    if sheet is None and len(names) == 1:
        sheet = names[0]
    if sheet is None or sheet not in names:
        raise ColumnError(
            f"expected the sheet {sheet!r}" if sheet else "expected the name of a sheet (sheet = …)",
            where=where,
            hint=f"the workbook has {some(names, 10)}",
        )
    if xml is not None:
        rows, note = xml[sheet], ""
    else:
        with _calamine(path):
            found = book.get_sheet_by_name(sheet)
            limits.require("sheet_cells", found.total_height * found.total_width, "cells", f"{path} [{sheet}]")
            rows = found.to_python(skip_empty_area=False)
        note = archives.vet(path).note if text.peek(path).startswith(b"PK") else ""
    numeric: set[str] = set()
    width = max((len(row) for row in rows), default=0)
    # Blank rows go first, at the speed of counting: one stray cell far below makes millions of them.
    held = {at: row for at, row in enumerate(rows) if row.count("") + row.count(None) < len(row)}
    table = [
        ["" if cell == "" else _cell(cell, numeric) for cell in row] + [""] * (width - len(row))
        for row in held.values()
    ]
    cells = pd.DataFrame(table, index=pd.Index(list(held), dtype="int64"), dtype="str")
    cells = cells[(cells != "").any(axis=1)] if len(cells) else cells
    if cells.empty:
        raise NoDataError(f"the sheet {sheet!r} is empty", where=where, hint=f"the workbook has {some(names, 10)}")
    kind = "XML SpreadsheetML 2003" if xml is not None else "workbook"
    said = f"{kind}, sheet {sheet}" + (f"; {note}" if note else "")
    return Sheet(path, cells, frozenset(numeric), None, said, names)


def _cell(cell: Any, numeric: set[str]) -> str:
    """Write a cell as text: numbers with a decimal comma, as German text cells have it, so that one rule reads both."""
    if isinstance(cell, bool):
        return "WAHR" if cell else "FALSCH"
    if isinstance(cell, int | float):
        if not math.isfinite(cell):
            return "" if math.isnan(cell) else str(cell)
        whole = float(cell).is_integer() and abs(cell) < 1e15
        written = str(int(cell)) if whole else format(Decimal(repr(float(cell))), "f").replace(".", ",")
        numeric.add(written)
        return written
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell).strip() if cell is not None else ""
