"""Returned workbooks: opened without running anything, looked through for case data, asked what they were made for."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geodata.errors import FormatError, GeodataError
from geodata.readers import text
from geodata.supply.casedata import KINDS, find, letter
from geodata.supply.request import Request
from geodata.supply.sheets import MACHINE


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
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            size = sum(item.file_size for item in archive.infolist())
            if any("vbaProject" in name for name in names):
                raise FormatError("enthält Makros", hint="Ohne Makros als XLSX speichern")
            if size > 200_000_000:
                raise FormatError("ist entpackt größer als 200 MB", hint=hint)
            for name in names:
                if name.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(name)[:4096]:
                    raise FormatError("enthält eine XML-Dokumenttypdefinition", hint=hint)
        return openpyxl.load_workbook(path, data_only=False, keep_links=False)
    except GeodataError:
        raise
    except Exception:  # openpyxl raises whatever a broken part makes its parser raise; the message may quote cells
        raise FormatError("lässt sich nicht lesen; sie ist beschädigt oder keine XLSX-Datei", hint=hint) from None


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
        for found in find(names, [below[column] for column in frame.columns]):
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
