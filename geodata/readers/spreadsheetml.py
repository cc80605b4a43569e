"""XML SpreadsheetML 2003, as LSN-Online and old Excel write it: ``ss:Index`` skips cells and rows that are empty.

Python's own expat reads it. A document type is refused before parsing: it is where entities are declared, and no
spreadsheet needs one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from geodata.errors import FormatError, NoDataError
from geodata.readers import limits, text

Cell = str | float | None

_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
#: What a sheet of Excel can hold; ``ss:Index`` beyond it is no index.
_ROWS, _COLUMNS = 1_048_576, 16_384


def read_sheets(path: Path) -> dict[str, list[list[Cell]]]:
    """Read every sheet.

    Parameters
    ----------
    path : pathlib.Path
        The file, in any encoding that its XML declaration names.

    Returns
    -------
    dict of str to list of list
        Name → rows; texts, numbers and None, each row as long as its last cell.

    Raises
    ------
    GeodataError
        It is no SpreadsheetML, truncated, declares a document type, or an index lies outside a sheet.
    """
    text.peek(path)
    limits.require_file(path, "text_bytes")
    raw = path.read_bytes()
    where = str(path)
    if re.search(rb"<!(DOCTYPE|ENTITY)", raw.replace(b"\x00", b""), re.IGNORECASE):
        raise FormatError(
            "the XML declares a document type, which no spreadsheet needs: refused, entities are not expanded",
            where=where,
            hint="open the file in Excel or LibreOffice and save it as XLSX",
        )
    sheets: dict[str, list[list[Cell]]] = {}
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(raw)):
            if element.tag == f"{_SS}Worksheet":
                name = element.get(f"{_SS}Name") or f"Sheet{len(sheets) + 1}"
                sheets[name] = list(_rows(element, where))
                # One wide row makes every row wide, once they are cells of a table.
                _require_cells(max(map(len, sheets[name]), default=0) * len(sheets[name]), where)
                element.clear()
    except FormatError:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FormatError(
            f"expected XML SpreadsheetML, the XML is damaged or truncated: {error}",
            where=where,
            hint="download it again",
        ) from error
    if not sheets:
        raise NoDataError("the workbook holds no sheet", where=where, hint="download it again")
    return sheets


def _require_cells(cells: int, where: str) -> None:
    limits.require("sheet_cells", cells, "cells, blanks before an ss:Index included", where)


def _rows(sheet: ElementTree.Element, where: str) -> Iterator[list[Cell]]:
    at = cells = 0
    for row in sheet.iter(f"{_SS}Row"):
        index = _index(row, at + 1, _ROWS, where)
        for _ in range(index - at - 1):
            yield []
        found: list[Cell] = []
        for cell in row.iter(f"{_SS}Cell"):
            column = _index(cell, len(found) + 1, _COLUMNS, where)
            found.extend([None] * (column - len(found) - 1))
            found.append(_value(cell))
            # A merged cell covers those to its right; they are not written.
            found.extend([None] * _count(cell, "MergeAcross", _COLUMNS, where))
        cells += len(found) + index - at
        _require_cells(cells, where)
        yield found
        at = index


def _index(element: ElementTree.Element, at_least: int, limit: int, where: str) -> int:
    index = _count(element, "Index", limit, where) or at_least
    if index < at_least:
        raise FormatError(f"ss:Index {index} goes back behind {at_least}", where=where, hint="download the file again")
    return index


def _count(element: ElementTree.Element, name: str, limit: int, where: str) -> int:
    written = element.get(f"{_SS}{name}", "0")
    if not re.fullmatch(r"[0-9]{1,7}", written) or int(written) > limit:
        raise FormatError(f"ss:{name} {written!r} lies outside a sheet", where=where, hint="download the file again")
    return int(written)


def _value(cell: ElementTree.Element) -> Cell:
    data = cell.find(f"{_SS}Data")
    if data is None:
        return None
    written = "".join(data.itertext())
    if data.get(f"{_SS}Type") == "Number":
        try:
            return float(written)
        except ValueError:
            return written
    return written
