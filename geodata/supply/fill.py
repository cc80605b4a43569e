"""Counts go straight into a template: the way from a register to a delivery, on the department's own machine."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geodata.errors import ColumnError, FormatError, some
from geodata.supply.aggregate import SECRET
from geodata.supply.patterns import folded
from geodata.supply.request import Form
from geodata.supply.template import FIRST, accepted_signs
from geodata.supply.workbook import open_workbook

#: The column of counts that says how many there are at all.
TOTAL = "Anzahl"
_WHERE = "Vorlage"


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with counts in it.

    Attributes
    ----------
    columns : mapping of str to str
        Heading of the template → column of counts.
    empty : tuple of str
        Headings that hold nothing in the years that were filled, neither from these counts nor from before.
    years : tuple of int
        Years that were filled.
    """

    payload: bytes
    columns: Mapping[str, str]
    empty: tuple[str, ...]
    years: tuple[int, ...]
    cells: int


def match_columns(form: Form, counted: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
    """Say which count belongs into which column of a template.

    Parameters
    ----------
    form : Form
        The sheet.
    counted : sequence of str
        Columns of the counts, as :func:`geodata.supply.aggregate.aggregate` names them.
    said : mapping of str to str
        Heading → column, as the user says it; nothing else is looked for then in these columns.

    Returns
    -------
    dict of str to str
        Heading → column. Beside what was said, columns whose name is the same but for "darunter", "davon", signs and
        spaces; a heading that ends with "insgesamt" is the total.

    Raises
    ------
    ColumnError
        A heading or a column does not exist, or nothing fits.
    """
    headings = [column.heading for column in form.columns]
    for heading, name in said.items():
        if heading not in headings:
            raise ColumnError(
                f"die Vorlage hat keine Spalte „{heading}“; sie hat {some(map(repr, headings), 20)}",
                where=_WHERE,
                hint="--fill ÜBERSCHRIFT=ANZAHL mit der Überschrift genau wie in der Vorlage",
            )
        if name not in counted:
            raise ColumnError(
                f"gezählt wurde „{name}“ nicht, sondern {some(map(repr, counted), 40)}",
                where=_WHERE,
                hint="--fill ÜBERSCHRIFT=ANZAHL mit einer dieser Anzahlen",
            )
    plain = {_plain(name): name for name in counted}
    found = dict(said)
    for heading in headings:
        own = _plain(heading)
        if heading not in found and (own in plain or own.endswith("insgesamt")):
            found[heading] = plain.get(own, TOTAL)
    if not found:
        raise ColumnError(
            f"keine Spalte der Vorlage heißt wie eine Anzahl; gezählt wurden {some(map(repr, counted), 40)}",
            where=_WHERE,
            hint=f'zuordnen, zum Beispiel --fill "{headings[0]}={TOTAL}"',
        )
    return {heading: found[heading] for heading in headings if heading in found}


def _plain(text: str) -> str:
    text = re.sub(r"^(?:darunter|davon|dar\.|dav\.)[\s:]+", "", text.strip(), flags=re.IGNORECASE)
    return " ".join(re.findall(r"\w+", folded(text)))


def fill_template(path: Path, form: Form, counts: pd.DataFrame, columns: Mapping[str, str]) -> Filled:
    """Write counts into the cells of a template, in memory.

    Parameters
    ----------
    path : pathlib.Path
        The template; it stays as it is. What others filled in stays, too.
    form : Form
        The sheet.
    counts : pandas.DataFrame
        Key, name, year, then counts, of :func:`geodata.supply.aggregate.aggregate`.
    columns : mapping of str to str
        Heading → column of counts.

    Returns
    -------
    Filled
        The workbook. Years of which the register has no person at all stay blank: that is no year without cases.

    Raises
    ------
    FormatError
        A cell holds another figure already, a row is gone, or the template takes no sign where a count is held back.
    """
    book = open_workbook(path)
    if form.sheet not in book.sheetnames:
        raise FormatError(f"das Blatt {form.sheet!r} fehlt", where=_WHERE, hint="die Vorlage neu anfordern")
    used = list(dict.fromkeys(columns.values()))
    if (counts[used] == SECRET).any(axis=None) and SECRET not in accepted_signs(form):
        raise FormatError(
            "die Vorlage nimmt kein Zeichen für zurückgehaltene Anzahlen",
            where=_WHERE,
            hint="--suppress weglassen: die Vorlage will die wahren Zahlen, die Geheimhaltung folgt nach der Lieferung",
        )
    key, year = counts.columns[0], counts.columns[2]
    numbers = counts[TOTAL].replace(SECRET, 1).fillna(0).astype("int64")
    there = numbers.groupby(counts[year]).sum()
    years = tuple(sorted(int(each) for each in there.index[there > 0]))
    places = enumerate(zip(counts[key].astype("str"), counts[year].astype("int64"), strict=True))
    rows = {place: n for n, place in places if place[1] in years}
    page = book[form.sheet]
    at = {column.heading: number for number, column in enumerate(form.columns, start=4)}
    written, other, met = 0, [], set()
    for line in range(FIRST, page.max_row + 1):
        place = (str(page.cell(line, 1).value), _year(page.cell(line, 3).value))
        if place not in rows:
            continue
        met.add(place)
        for heading, name in columns.items():
            value = counts[name].iloc[rows[place]]
            if pd.isna(value):
                continue  # not delivered stays blank
            cell = page.cell(line, at[heading])
            new = value if isinstance(value, str) else int(value)
            if cell.value not in (None, "", new):
                other.append(cell.coordinate)
            cell.value = new
            written += 1
    if rows.keys() - met:
        raise FormatError(
            f"{len(rows.keys() - met)} Zeilen der Vorlage fehlen; ihre Anzahlen gingen verloren",
            where=f"Blatt {form.sheet!r}",
            hint="eine neue Vorlage nehmen; Zeilen, Schlüssel und Jahre darin nicht ändern",
        )
    if other:
        raise FormatError(
            f"{len(other)} Zellen enthalten schon andere Werte: {some(other, 8)}",
            where=f"Blatt {form.sheet!r}",
            hint="die Zellen leeren oder eine neue Vorlage nehmen; nichts wird überschrieben",
        )
    lines = [n for n in range(FIRST, page.max_row + 1) if _year(page.cell(n, 3).value) in years]
    empty = tuple(head for head in at if all(page.cell(line, at[head]).value in (None, "") for line in lines))
    return Filled(_bytes(book), dict(columns), empty, years, written)


def _year(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else int(value) if str(value).isdigit() else 0


def _bytes(book: Any) -> bytes:
    """Save a workbook without temporary files: openpyxl makes one a sheet, and counts would outlive a crash in it."""
    from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
    from openpyxl.worksheet._writer import WorksheetWriter
    from openpyxl.writer.excel import ExcelWriter

    class InMemory(ExcelWriter):
        def write_worksheet(self, ws: Any) -> None:
            ws._drawing = SpreadsheetDrawing()
            ws._drawing.charts, ws._drawing.images = ws._charts, ws._images
            sheet = io.BytesIO()
            writer: Any = WorksheetWriter(ws, out=sheet)
            writer.write()
            ws._rels = writer._rels
            archive.writestr(ws.path[1:], sheet.getvalue())
            self.manifest.append(ws)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        InMemory(book, archive).save()
    return buffer.getvalue()
