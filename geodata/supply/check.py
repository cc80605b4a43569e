"""Is a returned template what was asked for? Every remark names sheet and cell, and what to do, in German."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geodata.errors import GeodataError
from geodata.models import Status
from geodata.readers import signs, text
from geodata.supply.casedata import letter
from geodata.supply.cells import key_of, listed, number_of, read_cell, year_in
from geodata.supply.plausible import Known, Row, hints
from geodata.supply.request import Form, Request
from geodata.supply.sheets import COVER, DEFINITIONS, GUIDE, KNOWN, MACHINE
from geodata.supply.template import ANSWER_COLUMN, FIRST, FIRST_QUESTION, HEADER, QUALITY, QUESTIONS
from geodata.supply.versions import difference
from geodata.supply.workbook import Remark, case_data, grid_of, open_workbook, request_of

#: Remarks of one kind on one sheet that are written out.
_SHOWN = 20
#: Cells of one column that are wrong in the same way: so many have a remark each, more have one together.
_EACH = 3
_AS_TEXT = "Die Zahl ist als Text gespeichert; sie wird gelesen"


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in a returned file.

    Attributes
    ----------
    counts : Counter of str
        Table → status → how often, as ``"table/status"``.
    answers : mapping of str to str
        Of the cover sheet.
    cells : mapping of (str, int) to (int, int)
        Table and year → how many cells were asked for, and which are filled: bit n is the cell of area n // columns,
        column n % columns.
    """

    file: str
    sha256: str
    size: int
    request: Request | None
    remarks: tuple[Remark, ...]
    counts: Counter[str] = field(default_factory=Counter)
    answers: dict[str, str] = field(default_factory=dict)
    cells: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the figures can be used."""
        return not any(remark.error for remark in self.remarks)

    @property
    def verdict(self) -> str:
        """The judgement in words."""
        if not self.accepted:
            return "zurückgewiesen"
        return "angenommen mit Hinweisen" if self.remarks else "angenommen"


def check_return(
    path: Path,
    *,
    expected: Callable[[Request], Request] | None = None,
    known: Callable[[Request], Known] | None = None,
    today: dt.date | None = None,
) -> Result:
    """Check a returned template.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    expected : callable, optional
        Given what the file says was asked, returns what the county asks for; without it the file is held against
        itself.
    known : callable, optional
        Given the same, returns earlier figures to compare with (:func:`geodata.supply.plausible.known_of`); without it
        years are compared inside the file only.
    today : datetime.date, optional
        A year that is not over by then is named; without it nothing is said of it.

    Returns
    -------
    Result
        Remarks, counts and verdict; a file that is no template at all is a rejected result, too.

    Raises
    ------
    MissingFileError, NoDataError
        There is no file, or nothing in it.
    """
    text.peek(path)
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()

    def rejected(*remarks: Remark, request: Request | None = None) -> Result:
        return Result(path.name, digest, len(raw), request, remarks)

    if not raw.startswith(b"PK\x03\x04"):
        return rejected(
            Remark(
                "Datei", "ist keine XLSX-Datei", "Die Vorlage in Excel öffnen und als „Excel-Arbeitsmappe“ speichern"
            )
        )
    try:
        book = open_workbook(path)
    except GeodataError as error:
        return rejected(Remark("Datei", error.message, error.hint or ""))
    persons = tuple(case_data(book))
    if persons:
        return rejected(*persons)
    try:
        request = request_of(book)
    except GeodataError as error:
        return rejected(Remark(error.where or "Datei", error.message, error.hint or ""))
    checker = _Checker(book, request)
    checker.book_as_asked(expected)
    checker.cover()
    earlier = known(request) if known is not None and checker.fits else Known()
    for problem in earlier.problems:
        checker.say("Datei", f"Frühere Werte ließen sich nicht vergleichen: {problem}", "", error=False)
    for form in request.forms:
        if form.sheet in book.sheetnames:
            checker.figures(form, earlier)
    checker.said_to_be_whole()
    if today is not None:
        checker.unfinished(today)
    return Result(
        path.name, digest, len(raw), request, tuple(checker.remarks), checker.counts, checker.answers, checker.cells
    )


class _Checker:
    """Collects remarks on one workbook."""

    def __init__(self, book: Any, request: Request) -> None:
        self.book = book
        self.request = request
        self.remarks: list[Remark] = []
        self.counts: Counter[str] = Counter()
        self.answers: dict[str, str] = {}
        self.cells: dict[tuple[str, int], tuple[int, int]] = {}
        self.fits = True
        self._alike: dict[tuple[str, str, str], list[str]] = {}
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], Remark] = {}

    def say(self, place: str, message: str, remedy: str, *, error: bool = True, kind: str = "") -> None:
        """Note something; of many alike on one sheet the first are written out, the rest counted."""
        if kind:
            sheet = place.split(",")[0]
            self._kinds[sheet, kind] += 1
            self._first.setdefault((sheet, kind), Remark(place, message, remedy, error))
            if self._kinds[sheet, kind] > _SHOWN:
                return
        self.remarks.append(Remark(place, message, remedy, error))

    def book_as_asked(self, ask: Callable[[Request], Request] | None) -> None:
        """Compare version and sheets."""
        expected = None
        if ask is not None:
            try:
                expected = ask(self.request)
            except GeodataError as error:
                self.fits = False
                self.say("Datei", f"Die Vorlage passt nicht zur county.toml: {error.message}", error.hint or "")
        if expected is not None and expected.version != self.request.version:
            self.say(
                "Datei",
                f"Die Vorlage hat die Fassung {self.request.version}, erwartet wird {expected.version}: "
                f"{difference(self.request, expected)}",
                "Eine neue Vorlage anfordern und die Werte übertragen",
            )
        known = {form.sheet for form in self.request.forms}
        for sheet in sorted(known - set(self.book.sheetnames)):
            self.say(f"Blatt {sheet!r}", "fehlt", "Das Blatt aus der Vorlage wiederherstellen")
        for sheet in self.book.sheetnames:
            if sheet not in known | {GUIDE, DEFINITIONS, COVER, KNOWN, MACHINE}:
                self.say(f"Blatt {sheet!r}", "gehört nicht zur Vorlage", "Das Blatt entfernen")
        for sheet in known & set(self.book.sheetnames):
            if self.book[sheet].sheet_state != "visible":
                self.say(f"Blatt {sheet!r}", "ist ausgeblendet", "Das Blatt einblenden und die Werte ansehen")

    def cover(self) -> None:
        """Read the answers of the cover sheet."""
        if COVER not in self.book.sheetnames:
            self.say(f"Blatt {COVER!r}", "fehlt", "Das Blatt aus der Vorlage wiederherstellen")
            return
        page = self.book[COVER]
        for row, (question, answers) in enumerate(QUESTIONS, start=FIRST_QUESTION):
            given = page[f"{ANSWER_COLUMN}{row}"].value
            place = f"Blatt {COVER!r}, Zelle {ANSWER_COLUMN}{row}"
            if given in answers:
                self.answers[question] = str(given)
            elif given in (None, ""):
                self.say(place, f"Die Frage „{question}“ ist nicht beantwortet", "Einen Eintrag der Liste wählen")
            else:
                self.say(place, "Die Antwort steht nicht in der Liste", f"Einen von {', '.join(answers)} wählen")
        if len(QUESTIONS) > 2 and self.answers.get(QUESTIONS[2][0], "nein") != "nein":
            self.say(
                f"Blatt {COVER!r}, Zelle {ANSWER_COLUMN}{FIRST_QUESTION + 2}",
                "Die Abgrenzung hat sich geändert: die Reihe bricht",
                "Vor der Übernahme klären und als Bruch kennzeichnen",
                error=False,
            )

    def said_to_be_whole(self) -> None:
        """Hold the answer that everything is filled against the cells."""
        asked, filled = sum(n for n, _ in self.cells.values()), sum(bits.bit_count() for _, bits in self.cells.values())
        if self.answers.get(QUESTIONS[1][0]) == "ja" and 2 * filled < asked:
            self.say(
                f"Blatt {COVER!r}, Zelle {ANSWER_COLUMN}{FIRST_QUESTION + 1}",
                f"„{QUESTIONS[1][0]}“ ist mit ja beantwortet, aber {asked - filled} von {asked} Zellen sind leer",
                "Die Zellen füllen oder die Antwort ändern",
                error=False,
            )

    def unfinished(self, today: dt.date) -> None:
        """Name years that are not over yet, unless they are asked for within themselves."""
        for year, day in self.request.due:
            if today <= min(dt.date.fromisoformat(day), dt.date(year, 12, 31)):
                self.say(
                    "Datei",
                    f"Das Berichtsjahr {year} ist noch nicht zu Ende",
                    "Sind die Zahlen die des ganzen Jahres, oder ist ein anderes Jahr gemeint?",
                    error=False,
                )

    def figures(self, form: Form, known: Known) -> None:
        """Check one sheet of figures."""
        page = self.book[form.sheet]
        sheet = f"Blatt {form.sheet!r}"
        self._structure(page, form, sheet)
        if not self._headings(page, form, sheet):
            return  # what stands below a wrong heading means nothing
        wanted = {(key, period): name for period in self.request.periods for key, name in form.areas}
        seen: dict[tuple[str, int], int] = {}
        order: list[tuple[str, int]] = []
        figures: list[Row] = []
        legend = signs.legend(form.legend)
        grid = grid_of(page)
        for row in sorted(row for row in grid if row >= FIRST):
            if min(grid[row]) > len(form.headings):
                continue  # beyond the template, said already
            cells = [page.cell(row, column) for column in range(1, len(form.headings) + 1)]
            where = self._row(cells, form, sheet, wanted, seen)
            if where is not None:
                order.append(where)
                if self._values(cells, form, sheet, legend):
                    given = cells[3 : 3 + len(form.columns)]
                    filled = any(cell.value not in (None, "") for cell in given)
                    self._tick(form, *where, given)
                    numbers = tuple(number_of(cell, legend) for cell in given)
                    blank = frozenset(n for n, cell in enumerate(given) if cell.value in (None, ""))
                    figures.append(Row(row, *where, numbers, filled, blank))
        self._columns(sheet)
        for place, message, remedy, kind in hints(form, figures, known):
            self.say(f"{sheet}, {place}" if place else sheet, message, remedy, error=False, kind=kind)
        self._complete(form, sheet, wanted, seen, order, known)

    def _tick(self, form: Form, area: str, period: int, given: Sequence[Any]) -> None:
        """Remember which cells of a row are filled."""
        width = len(form.columns)
        first = width * next(n for n, (key, _) in enumerate(form.areas) if key == area)
        bits = sum(1 << (first + n) for n, cell in enumerate(given) if cell.value not in (None, ""))
        asked, before = self.cells.get((form.table, period), (width * len(form.areas), 0))
        self.cells[form.table, period] = (asked, before | bits)

    def _columns(self, sheet: str) -> None:
        """Say what is wrong with cells: each cell of a few, one line for a column of many."""
        for (column, message, remedy), cells in self._alike.items():
            error = message != _AS_TEXT
            if len(cells) > _EACH:
                said = (
                    f"{message} ({len(cells)} Zellen: {listed(cells)})"
                    if error
                    else f"{len(cells)} Zahlen sind als Text gespeichert; sie werden gelesen"
                )
                self.say(f"{sheet}, Spalte {column}", said, remedy, error=error, kind=message)
                continue
            for cell in cells:
                self.say(f"{sheet}, Zelle {cell}", message, remedy, error=error, kind=message)
        self._alike.clear()

    def _structure(self, page: Any, form: Form, sheet: str) -> None:
        width = len(form.headings)
        for area in page.merged_cells.ranges:
            if area.max_row >= HEADER:
                self.say(
                    f"{sheet}, Zellen {area.coord}",
                    "sind verbunden",
                    "Die Verbindung aufheben",
                    kind="verbundene Zellen",
                )
        rows = len(form.areas) * len(self.request.periods)
        for number, dimension in page.row_dimensions.items():
            if dimension.hidden and HEADER <= number < FIRST + rows:
                self.say(
                    f"{sheet}, Zeile {number}",
                    "ist ausgeblendet",
                    "Filter aufheben, Zeile einblenden",
                    kind="Ausgeblendetes",
                )
        for name, dimension in page.column_dimensions.items():
            if dimension.hidden and (dimension.min or 0) <= width:
                self.say(f"{sheet}, Spalte {name}", "ist ausgeblendet", "Spalte einblenden", kind="Ausgeblendetes")
        for (_, column), cell in sorted(page._cells.items()):
            place = f"{sheet}, Zelle {cell.coordinate}"
            if column > width and cell.value not in (None, ""):
                self.say(
                    place, "liegt rechts der Vorlage und ist nicht leer", "Die Zelle leeren", kind="rechts der Vorlage"
                )
            if cell.comment is not None:
                remedy = "Den Kommentar entfernen; Fragen bitte außerhalb der Datei klären"
                self.say(place, "trägt einen Kommentar", remedy, kind="Kommentar")

    def _headings(self, page: Any, form: Form, sheet: str) -> bool:
        fine = True
        found = {" ".join(str(cell.value).split()) for cell in grid_of(page).get(HEADER, {}).values()}
        for number, heading in enumerate(form.headings, start=1):
            if page.cell(HEADER, number).value == heading:
                continue
            fine = False
            if heading in found:
                message = f"Hier gehört die Überschrift „{heading}“ hin; sie steht in einer anderen Spalte"
                remedy = "Die Spalten in die Reihenfolge der Vorlage bringen"
            else:
                message = f"Die Überschrift „{heading}“ fehlt oder ist geändert"
                remedy = "Die Spalte wiederherstellen, am besten die Werte in eine neue Vorlage kopieren"
            self.say(f"{sheet}, Zelle {letter(number - 1)}{HEADER}", message, remedy)
        return fine

    def _row(
        self,
        cells: Sequence[Any],
        form: Form,
        sheet: str,
        wanted: dict[tuple[str, int], str],
        seen: dict[tuple[str, int], int],
    ) -> tuple[str, int] | None:
        """Say which area and period a row is about; None, and a remark, where that is unclear."""
        row = cells[0].row
        key, period = key_of(cells[0].value), year_in(cells[2].value)
        if key not in {each for each, _ in form.areas}:
            self.say(
                f"{sheet}, Zelle A{row}",
                "Der Schlüssel steht nicht in der Vorlage" if key else "Der Schlüssel fehlt",
                "Schlüssel und Zeilen wie in der Vorlage lassen; Summen und Notizen unter der Tabelle entfernen",
                kind="Schlüssel",
            )
            return None
        if period is None or (key, period) not in wanted:
            self.say(
                f"{sheet}, Zelle C{row}",
                "Das Jahr ist zweistellig geschrieben"
                if period is not None and 0 <= period < 100
                else "Der Zeitraum gehört nicht zur Vorlage",
                f"Erlaubt: {', '.join(map(str, self.request.periods))}",
                kind="Zeitraum",
            )
            return None
        if cells[1].value != wanted[key, period]:
            self.say(
                f"{sheet}, Zelle B{row}",
                f"Zum Schlüssel {key} gehört „{wanted[key, period]}“; Schlüssel und Name passen nicht zusammen",
                "Zeilen nur vollständig verschieben; am sichersten die Werte in eine neue Vorlage kopieren",
                kind="Schlüssel und Name",
            )
            return None
        if (key, period) in seen:
            self.say(
                f"{sheet}, Zelle A{row}",
                f"Das Gebiet {key} steht für {period} schon in Zeile {seen[key, period]}",
                "Eine der beiden Zeilen entfernen",
                kind="Gebiet doppelt",
            )
            return None
        seen[key, period] = row
        return key, period

    def _values(self, cells: Sequence[Any], form: Form, sheet: str, legend: signs.Legend) -> bool:
        """Judge the cells of a row; tell whether all of them can be read."""
        fine = True
        for cell, column in zip(cells[3:], form.columns, strict=False):
            read = read_cell(cell, column, legend)
            if isinstance(read, Status):
                self.counts[f"{form.table}/{read.value}"] += 1
                if cell.data_type == "s" and cell.value and signs.number(str(cell.value).strip(), ",") is not None:
                    remedy = "Nichts nötig; in Excel hilft „In eine Zahl konvertieren“"
                    self._alike.setdefault((cell.column_letter, _AS_TEXT, remedy), []).append(cell.coordinate)
            else:
                fine = False
                self._alike.setdefault((cell.column_letter, *read), []).append(cell.coordinate)
        if form.flag and cells[-1].value not in (None, "", *QUALITY):
            self.say(
                f"{sheet}, Zelle {cells[-1].coordinate}",
                "Der Eintrag steht nicht in der Liste",
                f"Einen von {', '.join(QUALITY)} wählen oder leeren",
                kind="Eintrag nicht in der Liste",
            )
        return fine

    def _complete(
        self,
        form: Form,
        sheet: str,
        wanted: dict[tuple[str, int], str],
        seen: dict[tuple[str, int], int],
        order: list[tuple[str, int]],
        known: Known,
    ) -> None:
        for key, period in wanted:
            if (key, period) not in seen:
                self.say(
                    sheet,
                    f"Die Zeile für {key} ({wanted[key, period]}), {period} fehlt",
                    "Die Zeile aus der Vorlage wiederherstellen",
                    kind="fehlende Zeile",
                )
        if order and order != [each for each in wanted if each in seen]:
            self.say(sheet, "Die Zeilen sind umgestellt; gelesen wird nach Schlüssel und Jahr", "", error=False)
        blank = self.counts[f"{form.table}/{Status.MISSING.value}"]
        filled = sum(n for name, n in self.counts.items() if name.startswith(f"{form.table}/")) - blank
        if seen and blank == len(seen) * len(form.columns):
            self.say(sheet, "Es ist keine einzige Zelle gefüllt", "Die gelben Zellen füllen")
        elif blank:
            of = f"{blank} von {blank + filled} Zellen {'ist' if blank == 1 else 'sind'} leer"
            correction = {(form.table, period) for period in self.request.periods} <= known.delivered
            self.say(
                sheet,
                f"{of}; {'sie behalten' if blank > 1 else 'sie behält'} den früher gelieferten Wert"
                if correction
                else f"{of}; {'sie gelten' if blank > 1 else 'sie gilt'} als nicht geliefert, nicht als null",
                "" if correction else "Wo kein Fall ist, eine 0 eintragen",
                error=False,
            )
        for (place, kind), number in list(self._kinds.items()):
            if place == sheet and number > _SHOWN:
                more = number - _SHOWN
                first = self._first[place, kind]  # many hints are still no error
                message = f"{more} weitere Zelle{'n oder Zeilen' if more > 1 else ' oder Zeile'} dieser Art ({kind})"
                self.remarks.append(Remark(sheet, message, first.remedy, first.error))
                self._kinds[place, kind] = 0
