"""The Excel template of a department: what to fill, what it means, until when; a hidden sheet is for ``check``."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geodata.errors import FormatError
from geodata.readers import signs
from geodata.supply.request import Form, Request
from geodata.supply.sheets import COVER, DEFINITIONS, GUIDE, KNOWN, MACHINE

#: Row of the headings on a sheet of figures; figures begin below.
HEADER = 5
FIRST = HEADER + 1
#: JSON is cut into pieces: a cell of Excel holds 32 767 characters.
_PIECE = 30_000
#: Questions on the cover sheet: row → (question, answers).
QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Wer gibt die Lieferung frei (Funktion)?",
        ("Fachdienstleitung", "Sachgebietsleitung", "Controlling", "Statistikstelle"),
    ),
    (
        "Sind alle Zellen gefüllt, die gefüllt werden können?",
        ("ja", "nein – Nachlieferung folgt", "nein – dauerhaft nicht"),
    ),
    ("Hat sich die Abgrenzung gegenüber der letzten Lieferung geändert?", ("nein", "ja – bitte Rücksprache")),
)
ANSWER_COLUMN, FIRST_QUESTION = "B", 4
#: Words of the column for quality; the reader of tables turns them into flags.
QUALITY = tuple(signs.WORDS)

_MEANING = {
    "zero": "genau null",
    "zero_or_suppressed": "null oder aus Gründen der Geheimhaltung auf null gesetzt",
    "rounded_to_zero": "weniger als die Hälfte der letzten Stelle",
    "suppressed": "geheim zu halten",
    "suppressed_or_unknown": "unbekannt oder geheim zu halten",
    "unreliable": "nicht verlässlich",
    "not_applicable": "Aussage nicht sinnvoll",
    "not_delivered": "nicht geliefert",
    "not_yet_available": "Angabe fällt später an",
    "missing": "keine Angabe",
}
_GUIDE_WIDTH = 78
_INK, _INPUT, _HEAD, _LINE = "FF1F2A44", "FFFFF8DC", "FFDCE4F2", "FFB8C0CC"


def accepted_signs(form: Form) -> dict[str, str]:
    """Return the signs that may stand in place of a number, with their meaning in German."""
    return {
        sign: _MEANING.get(status.value, status.value) for sign, (status, _) in signs.legend(form.legend).signs.items()
    }


Values = Mapping[tuple[str, str], Mapping[int, float]]


def write_template(request: Request, path: Path, *, known: Values | None = None) -> None:
    """Write the workbook.

    Parameters
    ----------
    request : Request
        What is asked for.
    path : pathlib.Path
        The file, ``.xlsx``; must not exist.
    known : mapping of (str, str) to mapping of int to float, optional
        Variable and area → year → figure: the last ones are shown on a sheet of their own.

    Raises
    ------
    FormatError
        The file exists already, or is not to be called ``.xlsx``.
    """
    if path.suffix.lower() != ".xlsx":
        raise FormatError("erwartet wird ein Name auf .xlsx", where=str(path), hint="mit --out nennen")
    payload = template_bytes(request, known=known)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as stream:
            stream.write(payload)
    except FileExistsError:
        raise FormatError(
            "die Datei gibt es schon; eine ausgefüllte Vorlage wird nicht überschrieben",
            where=str(path),
            hint="anderen Namen mit --out nennen oder die alte Datei weglegen",
        ) from None


def template_bytes(request: Request, *, known: Values | None = None) -> bytes:
    """Return the workbook as bytes.

    Parameters
    ----------
    request : Request
        What is asked for.
    known : mapping, optional
        As for :func:`write_template`.

    Returns
    -------
    bytes
        An XLSX file.
    """
    import openpyxl
    from openpyxl.workbook.protection import WorkbookProtection

    from geodata.supply.known import write_known

    book: Any = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.creator = "Sozialmonitor"
    book.properties.title = f"Lieferung {request.department_name}"
    book.security = WorkbookProtection(lockStructure=True)
    _guide(book.create_sheet(GUIDE), request)
    for form in request.forms:
        _figures(book.create_sheet(form.sheet), request, form)
    _cover(book.create_sheet(COVER), request)
    _definitions(book.create_sheet(DEFINITIONS), request)
    if known is not None:
        write_known(book.create_sheet(KNOWN), request, known)
    _machine(book.create_sheet(MACHINE), request)
    book.active = 0
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def german(day: dt.date | str) -> str:
    """Write a day as Germans do.

    Examples
    --------
    >>> german("2026-03-31")
    '31.03.2026'
    """
    day = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return day.strftime("%d.%m.%Y")


def styles() -> dict[str, Any]:
    """Return the fonts, fills and borders of all sheets."""
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side

    side = Side(style="thin", color=_LINE)
    return {
        "title": Font(name="Calibri", bold=True, size=14, color=_INK),
        "bold": Font(name="Calibri", bold=True, color=_INK),
        "small": Font(name="Calibri", size=9, color="FF5A6475"),
        "head": PatternFill("solid", start_color=_HEAD),
        "input": PatternFill("solid", start_color=_INPUT),
        "box": Border(left=side, right=side, top=side, bottom=side),
        "wrap": Alignment(wrap_text=True, vertical="top"),
        "centre": Alignment(wrap_text=True, vertical="center", horizontal="center"),
        "open": Protection(locked=False),
    }


def paper(page: Any, request: Request, *, landscape: bool = False) -> None:
    """Set up a sheet for print, and protect it."""
    page.page_setup.orientation = "landscape" if landscape else "portrait"
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.page_setup.fitToWidth = 1
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.oddFooter.left.text = f"{request.department_name}, Fassung {request.version}"
    page.oddFooter.right.text = "Seite &P von &N"
    page.protection.sheet = True
    page.protection.formatColumns = False  # widths may be changed: False means allowed
    page.sheet_view.showGridLines = False


def _guide(page: Any, request: Request) -> None:
    style = styles()
    page.column_dimensions["A"].width = 24
    page.column_dimensions["B"].width = _GUIDE_WIDTH
    page["A1"] = f"{request.county_title}: Lieferung für das Sozialmonitoring"
    page["A1"].font = style["title"]
    sheets = ", ".join(f"„{form.sheet}“" for form in request.forms)
    years = ", ".join(map(str, request.periods))
    rows: list[tuple[str, str]] = [
        ("Fachdienst", f"{request.department_name} ({request.contact})"),
        ("Berichtszeitraum", years),
        *(("Frist", f"{german(day)} für {period}") for period, day in request.due),
        ("", ""),
        (
            "Was einzutragen ist",
            f"Nur die gelben Zellen der Blätter {sheets} und die Antworten auf dem Blatt „{COVER}“.",
        ),
        ("Zahlen", "Ganze Zahlen ohne Text und ohne Formel, zum Beispiel 1234. Formeln bitte als Werte einfügen."),
        ("Null", "Gibt es keinen Fall, eine 0 eintragen."),
        ("Leer", "Eine leere Zelle heißt: nicht geliefert. Sie ist keine Null."),
        ("Kleine Zahlen", "Die wahren Zahlen eintragen, auch 1 und 2. Die Geheimhaltung geschieht nach der Lieferung."),
        (
            "Nie eintragen",
            "Einzelfälle und alles, was auf einen Menschen zeigt. Solche Dateien werden ohne Übernahme zurückgewiesen. "
            "Aus einer Fallliste zählt „sozialmonitor supply aggregate“ auf Ihrem eigenen Rechner.",
        ),
        ("Aufbau", "Überschriften, Schlüssel, Zeilen, Spalten und Blätter bleiben, wie sie sind; sie sind geschützt."),
        ("Rückgabe", "Als XLSX speichern. Die Datei nennt beim Öffnen Fassung und Herkunft selbst; der Name ist frei."),
        ("", ""),
    ]
    for form in request.forms:
        known = accepted_signs(form)
        if known:
            rows.append((f"Zeichen in „{form.sheet}“", "statt einer Zahl erlaubt:"))
            by_meaning: dict[str, list[str]] = {}
            for sign, meaning in known.items():
                by_meaning.setdefault(meaning, []).append(sign)
            rows += [("    ".join(each), meaning) for meaning, each in by_meaning.items()]
        else:
            rows.append((f"Zeichen in „{form.sheet}“", "keine: nur Zahlen oder leere Zellen"))
        if form.flag:
            rows.append((form.flag, f"gilt für die ganze Zeile; Auswahl: {', '.join(QUALITY)}"))
        rows += [("Quelle", form.source), ("Rechtsgrundlage", form.legal_basis), ("Zweck", form.purpose), ("", "")]
    for number, (left, right) in enumerate(rows, start=3):
        for column, text in (("A", left), ("B", right)):
            cell = page[f"{column}{number}"]
            cell.value = text or None
            cell.data_type = "s" if text else "n"
            cell.alignment = style["wrap"]
        page[f"A{number}"].font = style["bold"]
        # Viewers do not grow rows of wrapped text that somebody else wrote.
        page.row_dimensions[number].height = 15.5 * max(1, math.ceil(1.1 * len(right) / _GUIDE_WIDTH))
    paper(page, request)


def _figures(page: Any, request: Request, form: Form) -> None:
    from openpyxl.utils import get_column_letter

    style = styles()
    page["A1"] = f"{form.source}"
    page["A1"].font = style["title"]
    page["A2"] = f"{request.department_name}, {request.county_title}"
    page["A3"] = f"Nur gelbe Zellen füllen; leer heißt nicht geliefert, 0 heißt null. Mehr auf dem Blatt „{GUIDE}“."
    page["A2"].font = page["A3"].font = style["small"]
    for number, heading in enumerate(form.headings, start=1):
        cell = page.cell(HEADER, number, heading)
        cell.data_type = "s"
        cell.font, cell.fill, cell.border, cell.alignment = style["bold"], style["head"], style["box"], style["centre"]
        longest = max(map(len, heading.split()), default=0)
        wide = max({1: 20, 2: 28, 3: 9}.get(number, 16), 1.3 * longest + 2)
        page.column_dimensions[get_column_letter(number)].width = wide
    page.row_dimensions[HEADER].height = 48
    row = FIRST
    for period in request.periods:
        for key, name in form.areas:
            for number, value in ((1, key), (2, name), (3, period)):
                cell = page.cell(row, number, value)
                cell.border = style["box"]
                if number < 3:
                    cell.data_type, cell.number_format = "s", "@"
            for number in range(4, len(form.headings) + 1):
                cell = page.cell(row, number)
                cell.fill, cell.border, cell.protection = style["input"], style["box"], style["open"]
                column = form.columns[number - 4] if number - 4 < len(form.columns) else None
                cell.number_format = "@" if column is None else "#,##0" if column.whole else "#,##0.0##"
            row += 1
    last = row - 1
    for number, column in enumerate(form.columns, start=4):
        at = get_column_letter(number)
        page.add_data_validation(_rule(form, column, f"{at}{FIRST}", f"{at}{FIRST}:{at}{last}"))
    if form.flag:
        at = get_column_letter(len(form.headings))
        page.add_data_validation(_choice(QUALITY, f"{at}{FIRST}:{at}{last}", form.flag))
    page.freeze_panes = f"D{FIRST}"
    page.print_title_rows = f"{HEADER}:{HEADER}"
    page.print_area = f"A1:{get_column_letter(len(form.headings))}{last}"
    paper(page, request, landscape=True)


def _rule(form: Form, column: Any, first: str, cells: str) -> Any:
    """Return what Excel lets into a column: numbers of the right kind, and signs of the legend."""
    from openpyxl.worksheet.datavalidation import DataValidation

    kind = "ganze Zahl ab 0" if column.whole else "Zahl von 0 bis 100" if column.percent else "Zahl ab 0"
    known = list(accepted_signs(form))
    if known:
        tests = [f"{first}>=0"] + [f"{first}=INT({first})"] * column.whole + [f"{first}<=100"] * column.percent
        # EXACT takes signs as they are; = and COUNTIF would read * and ? as wildcards.
        listed = ",".join(f'EXACT({first},"{sign}")' for sign in known)
        rule = DataValidation(type="custom", formula1=f"IF(ISNUMBER({first}),AND({','.join(tests)}),OR({listed}))")
        kind += f" oder eines der Zeichen {' '.join(known)}"
    elif column.whole:
        rule = DataValidation(type="whole", operator="greaterThanOrEqual", formula1="0")
    elif column.percent:
        rule = DataValidation(type="decimal", operator="between", formula1="0", formula2="100")
    else:
        rule = DataValidation(type="decimal", operator="greaterThanOrEqual", formula1="0")
    rule.allow_blank = True
    rule.showErrorMessage = rule.showInputMessage = True
    rule.errorTitle, rule.error = "Wert passt nicht", f"Erwartet: {kind}. Leer heißt: nicht geliefert."
    rule.promptTitle, rule.prompt = column.heading[:32], f"{kind}. Leer heißt: nicht geliefert."[:250]
    rule.sqref = _cells(cells)
    return rule


def _choice(answers: tuple[str, ...], cells: str, title: str) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(type="list", formula1=f'"{",".join(answers)}"')  # no answer holds a comma
    rule.allow_blank = True
    rule.showErrorMessage = rule.showInputMessage = True
    rule.errorTitle, rule.error = "Bitte auswählen", "Einen Eintrag der Liste wählen."
    rule.promptTitle, rule.prompt = title[:32], "Einen Eintrag der Liste wählen."
    rule.sqref = _cells(cells)
    return rule


def _cells(cells: str) -> Any:
    from openpyxl.worksheet.cell_range import MultiCellRange

    return MultiCellRange(cells)


def _cover(page: Any, request: Request) -> None:
    style = styles()
    page.column_dimensions["A"].width = 64
    page.column_dimensions["B"].width = 40
    page["A1"] = "Begleitangaben"
    page["A1"].font = style["title"]
    page["A2"] = "Bitte je Frage eine Antwort aus der Liste wählen. Funktionen, keine Namen."
    page["A2"].font = style["small"]
    for row, (question, answers) in enumerate(QUESTIONS, start=FIRST_QUESTION):
        page[f"A{row}"] = question
        page[f"A{row}"].alignment = style["wrap"]
        answer = page[f"{ANSWER_COLUMN}{row}"]
        answer.fill, answer.border, answer.protection = style["input"], style["box"], style["open"]
        page.add_data_validation(_choice(answers, f"{ANSWER_COLUMN}{row}", "Antwort"))
    paper(page, request)


def _definitions(page: Any, request: Request) -> None:
    style = styles()
    for column, wide in zip("ABCD", (24, 38, 12, 80), strict=True):
        page.column_dimensions[column].width = wide
    page["A1"] = "Was die Spalten meinen"
    page["A1"].font = style["title"]
    for column, heading in zip("ABCD", ("Blatt", "Spalte", "Einheit", "Definition"), strict=True):
        cell = page[f"{column}3"]
        cell.value, cell.font, cell.fill, cell.border = heading, style["bold"], style["head"], style["box"]
    row = 4
    for form in request.forms:
        for each in form.columns:
            values = (form.sheet, each.heading, each.unit, each.definition or "wie in der Überschrift")
            for column, value in zip("ABCD", values, strict=True):
                cell = page[f"{column}{row}"]
                cell.value, cell.alignment, cell.border = value or None, style["wrap"], style["box"]
                cell.data_type = "s" if value else "n"
            row += 1
    page.freeze_panes = "A4"
    paper(page, request, landscape=True)


def _machine(page: Any, request: Request) -> None:
    text = request.to_json()
    page["A1"], page["B1"] = "sozialmonitor-supply", request.form
    page["A2"], page["B2"] = "template", request.template
    for number, start in enumerate(range(0, len(text), _PIECE), start=3):
        page[f"A{number}"] = "json"
        page[f"B{number}"] = text[start : start + _PIECE]
        page[f"B{number}"].data_type = "s"
    page.protection.sheet = True
    page.sheet_state = "veryHidden"
