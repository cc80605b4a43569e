"""Cells of a CSV file or of a sheet of a workbook, as text, with the row numbers that people see."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.readers import text

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
        CSV (any delimiter, any usual encoding), XLSX, XLS or ODS.
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
    kind = text.kind_of(text.peek(path)) or ""
    if path.suffix.lower() in WORKBOOKS or "XLS" in kind:
        return _workbook(path, sheet)
    file = text.decode(path)
    text.refuse_answer(file)
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
    return Sheet(path, text.read_cells(file, delimiter), frozenset(), delimiter, note)


def _workbook(path: Path, sheet: str | None) -> Sheet:
    import python_calamine

    where = str(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = tuple(book.sheet_names)
        if sheet is None and len(names) == 1:
            sheet = names[0]
        if sheet is None or sheet not in names:
            raise ColumnError(
                f"expected the sheet {sheet!r}" if sheet else "expected the name of a sheet (sheet = …)",
                where=where,
                hint=f"the workbook has {some(names, 10)}",
            )
        rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except ColumnError:
        raise
    except Exception as error:  # calamine raises one class per format, without a common root but Exception
        raise FormatError(
            f"expected a workbook ({', '.join(WORKBOOKS)}): {error}",
            where=where,
            hint="open it and save it again as XLSX; it may be truncated, or another format under this name",
        ) from error
    numeric: set[str] = set()
    table = [[_cell(cell, numeric) for cell in row] for row in rows]
    cells = pd.DataFrame(table, dtype="str")
    cells = cells[(cells != "").any(axis=1)] if len(cells) else cells
    if cells.empty:
        raise NoDataError(f"the sheet {sheet!r} is empty", where=where, hint=f"the workbook has {some(names, 10)}")
    return Sheet(path, cells, frozenset(numeric), None, f"workbook, sheet {sheet}", names)


def _cell(cell: Any, numeric: set[str]) -> str:
    """Write a cell as text: numbers with a decimal comma, as German text cells have it, so that one rule reads both."""
    if isinstance(cell, bool):
        return "WAHR" if cell else "FALSCH"
    if isinstance(cell, int | float):
        whole = float(cell).is_integer() and abs(cell) < 1e15
        written = str(int(cell)) if whole else f"{cell:.15f}".rstrip("0").replace(".", ",")
        numeric.add(written)
        return written
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell).strip() if cell is not None else ""
