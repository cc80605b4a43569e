"""Returned workbooks: opened without running anything, looked through for case data, asked what they were made for."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geodata.errors import FormatError, GeodataError
from geodata.readers import limits, text
from geodata.supply.casedata import KINDS, find_rows, letter
from geodata.supply.request import Request
from geodata.supply.sheets import MACHINE

_PIECE = 1 << 20
#: Smaller files may repeat themselves as much as they like.
_SMALL = 16 << 20
#: Rows and columns of a sheet; openpyxl reads cells beyond and refuses to name them afterwards.
_LAST = (1_048_576, 16_384)
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing about a returned file.

    Attributes
    ----------
    place : str
        For example ``Blatt 'Daten', Zelle D17``.
    error : bool
        The file is sent back because of it; otherwise it is only said.
    """

    place: str
    message: str
    remedy: str
    error: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.message}. {self.remedy}".rstrip()


def open_workbook(path: Path) -> Any:
    """Open a workbook with its formulas as written; nothing in it is computed, no link is followed."""
    import openpyxl

    hint = "Die Datei in Excel öffnen und neu als XLSX speichern"
    try:
        _vet(path, hint)
        book = openpyxl.load_workbook(path, data_only=False, keep_links=False)
        if any(page.max_row > _LAST[0] or page.max_column > _LAST[1] for page in book.worksheets):
            raise FormatError("enthält Zellen, die es in einer Tabelle nicht gibt", hint=hint)
        return book
    except GeodataError:
        raise
    except Exception:  # openpyxl raises whatever a broken part makes its parser raise; the message may quote cells
        raise FormatError("lässt sich nicht lesen; sie ist beschädigt oder keine XLSX-Datei", hint=hint) from None


def _vet(path: Path, hint: str) -> None:
    """Unpack everything to nowhere and count: what the archive says of its own sizes is not believed."""
    allowed = limits.current()
    packed = path.stat().st_size
    _require(packed, allowed.file_bytes, "file_bytes", "ist größer als {} Bytes")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        _require(len(infos), allowed.members, "members", "enthält mehr als {} Teile")
        if any("vbaProject" in info.filename for info in infos):
            raise FormatError("enthält Makros", hint="Ohne Makros als XLSX speichern")
        if any(info.flag_bits & 1 for info in infos):
            raise FormatError("ist mit einem Kennwort verschlüsselt", hint="Ohne Kennwort als XLSX speichern")
        unpacked = 0
        for info in infos:
            # Reading stops at the size that the archive states; stating less is the oldest trick.
            info.file_size = allowed.form_bytes + 1
            with archive.open(info) as stream:
                tail = b""
                while piece := stream.read(_PIECE):
                    unpacked += len(piece)
                    _require(unpacked, allowed.form_bytes, "form_bytes", "ist entpackt größer als {} Bytes")
                    if unpacked > _SMALL:
                        text_ = "ist auf weniger als ein {}-tel seiner Größe gepackt"
                        _require(unpacked // packed, allowed.ratio, "ratio", text_)
                    if _DTD.search((tail + piece).replace(b"\x00", b"")):
                        raise FormatError("enthält eine XML-Dokumenttypdefinition", hint=hint)
                    tail = piece[-32:]


def _require(found: int, allowed: int, limit: str, message: str) -> None:
    if found > allowed:
        raise FormatError(
            message.format(f"{allowed:,}".replace(",", ".")),
            hint=f"Ist die Datei, was sie sein soll: {limits.PREFIX}{limit.upper()} höher setzen (jetzt {allowed})",
        )


def case_data(book: Any) -> Iterator[Remark]:
    """Look for case data on every sheet, whether asked for or not, and say nothing else about a file that has some."""
    for page in book.worksheets:
        if page.title == MACHINE:
            continue
        grid = grid_of(page)
        columns = sorted({column for row in grid.values() for column in row})
        rows = [[_text(grid[row][c].value) if c in grid[row] else "" for c in columns] for row in sorted(grid)]
        if not rows:
            continue
        frame = pd.DataFrame(rows, dtype="str")
        filled = (frame.head(40) != "").sum(axis=1).to_numpy()
        header = int((filled >= max(filled.max() * 0.8, 1)).argmax())
        names = [" ".join(cell.split()) for cell in frame.iloc[header]]
        below = frame.iloc[header + 1 :]
        for found in find_rows(names, [below[column] for column in frame.columns]):
            said = f" ({found.heading!r})" if found.heading else ""
            yield Remark(
                f"Blatt {page.title!r}, Spalte {letter(columns[found.position] - 1)}",
                f"{said} sieht nach Einzelfällen aus: {KINDS[found.kind].de}".strip(),
                "Die Datei bitte löschen, nicht weiterleiten; gebraucht werden Anzahlen je Gebiet "
                "(„sozialmonitor supply aggregate“ zählt auf Ihrem Rechner)",
            )


def grid_of(page: Any) -> dict[int, dict[int, Any]]:
    """Return the cells that hold something, row → column → cell.

    Walking over rows and columns would visit 17 thousand million cells where somebody filled the last one.
    """
    grid: dict[int, dict[int, Any]] = {}
    for (row, column), cell in page._cells.items():
        if cell.value not in (None, ""):
            grid.setdefault(row, {})[column] = cell
    return grid


def _text(value: Any) -> str:
    return value.isoformat()[:10] if isinstance(value, dt.date) else str(value).strip()


def request_of(book: Any) -> Request:
    """Read the hidden sheet of a workbook.

    Raises
    ------
    FormatError
        There is none, or it was changed.
    """
    hint = "Die Werte in eine neue Vorlage eintragen; das verborgene Blatt gehört dazu"
    if MACHINE not in book.sheetnames:
        raise FormatError("ist keine Vorlage: das verborgene Blatt fehlt", where="Datei", hint=hint)
    page = book[MACHINE]
    if page["A1"].value != "sozialmonitor-supply":
        raise FormatError("ist verändert", where=f"Blatt {MACHINE!r}", hint=hint)
    pieces = [page.cell(row, 2).value for row in range(3, page.max_row + 1) if page.cell(row, 1).value == "json"]
    return Request.from_json("".join(str(piece) for piece in pieces), where=f"Blatt {MACHINE!r}")


def read_request(path: Path) -> Request:
    """Read what a template asks for.

    Parameters
    ----------
    path : pathlib.Path
        The template, filled or not.

    Raises
    ------
    GeodataError
        There is no such file, or it is no template.
    """
    text.peek(path)
    return request_of(open_workbook(path))
