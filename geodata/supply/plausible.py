"""Can these figures be right? Hints on a returned template, never a reason to send it back, and never a figure in them.

A part is no larger than its whole; a figure seldom doubles or halves from one year to the next; a column of nothing but
zeros and an area without any figure are often a slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geodata.errors import GeodataError
from geodata.supply.casedata import letter
from geodata.supply.cells import listed
from geodata.supply.request import Form, Request

if TYPE_CHECKING:
    from geodata.county import County

_PART = re.compile(r"(?:darunter|davon|dar\.|dav\.)[\s:]", re.IGNORECASE)
#: Areas that a column of zeros must have to be worth a word.
_SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet.

    Attributes
    ----------
    number : int
        Of the row in the sheet.
    values : tuple of float or None
        One for each column of the form; None for a blank or a sign.
    filled : bool
        Something stands in it, be it a sign.
    blank : frozenset of int
        Columns in which nothing stands, not even a sign.
    """

    number: int
    area: str
    period: int
    values: tuple[float | None, ...]
    filled: bool
    blank: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to compare with.

    Attributes
    ----------
    values : mapping of (str, str) to mapping of int to float
        Variable and area → year → figure as the county holds it now.
    delivered : frozenset of (str, int)
        Tables and years of which a delivery was taken over already: what comes now corrects it.
    parts : mapping of str to str
        Variable → variable of which it is a part.
    jump, smallest : float
        Of the section ``[supply]`` in ``county.toml``.
    problems : tuple of str
        Why tables could not be read.
    """

    values: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)
    delivered: frozenset[tuple[str, int]] = frozenset()
    parts: Mapping[str, str] = field(default_factory=dict)
    jump: float = 2.0
    smallest: float = 30.0
    problems: tuple[str, ...] = ()


def known_of(county: County, request: Request, *, without: str = "") -> Known:
    """Collect what a county knows already of the figures that a template asks for.

    Parameters
    ----------
    county : County
        Its files and accepted deliveries; those that are not there are not compared with.
    request : Request
        What was asked for.
    without : str
        Checksum of a delivery that is no earlier one: the file itself.

    Returns
    -------
    Known
        A file that cannot be read is named among the problems: the check of a delivery does not end with it.
    """
    from geodata.supply.reading import read_joined

    values: dict[tuple[str, str], dict[int, float]] = {}
    problems = []
    asked = {column.variable for form in request.forms for column in form.columns}
    for form in request.forms:
        files = county.files(form.table) if form.table in county.tables else ()
        if not files or not all(county.path(file).is_file() for file in files):
            continue
        try:
            table = read_joined(county, form.table).table
        except GeodataError as error:
            problems.append(f"{error.message} ({error.where})")
            continue
        rows = table[table["variable"].isin(asked) & table["value"].notna()]
        for area, period, variable, value in rows[["area_id", "period", "variable", "value"]].itertuples(index=False):
            values.setdefault((str(variable), str(area)), {})[int(period)] = float(value)
    shares = [i for i in county.indicators.values() if i.kind == "rate" and i.unit == "%" and i.scale == 100]
    parts = {i.numerator: i.denominator for i in shares if i.denominator in asked and i.numerator in asked}
    delivered = {
        (form.table, period)
        for each in county.accepted
        if each.sha256 != without
        for form in each.forms
        for period in each.periods
    }
    return Known(
        values=values,
        delivered=frozenset(delivered),
        parts={part: str(whole) for part, whole in parts.items()},
        jump=county.supply.jump,
        smallest=county.supply.smallest,
        problems=tuple(problems),
    )


Hint = tuple[str, str, str, str]


def hints(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    """Yield what a person should look at again.

    Parameters
    ----------
    form : Form
        The sheet.
    rows : sequence of Row
        Those that can be read.
    known : Known
        Earlier figures, parts, and from when on a change is a jump.

    Yields
    ------
    (str, str, str, str)
        Place on the sheet, message, remedy and kind, in German; no figure.
    """
    yield from _parts(form, rows, known)
    yield from _lone(form, rows, known)
    yield from _jumps(form, rows, known)
    yield from _replaced(form, rows, known)
    yield from _zeros(form, rows)
    yield from _empty(form, rows, known)


def _cell(column: int, row: Row) -> str:
    return f"Zelle {letter(column + 3)}{row.number}"


def _wholes(form: Form, known: Known) -> Iterator[tuple[int, int]]:
    """Yield positions of part and whole: as indicators divide them, else as the headings say."""
    at = {column.variable: n for n, column in enumerate(form.columns)}
    whole = None
    for n, column in enumerate(form.columns):
        told = known.parts.get(column.variable)
        if not _PART.match(column.heading):
            whole = n
        elif whole is not None and form.columns[whole].unit == column.unit:
            yield n, whole
            continue
        if told in at:
            yield n, at[told]


def _parts(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    for part, whole in _wholes(form, known):
        heading = form.columns[whole].heading
        for row in rows:
            some_, all_ = row.values[part], row.values[whole]
            if some_ is not None and all_ is not None and some_ > all_:
                yield (
                    _cell(part, row),
                    f"Der Wert ist größer als der in „{heading}“, von dem er ein Teil ist",
                    "Beide Werte prüfen",
                    "Teil größer als das Ganze",
                )


def _lone(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    """Name parts that stand without their whole, and wholes without a part: one line for a column and year."""
    for part, whole in _wholes(form, known):
        one, other = form.columns[part].heading, form.columns[whole].heading
        for period in sorted({row.period for row in rows}):
            if (form.table, period) in known.delivered:
                continue  # a correction fills only what changes
            here = [row for row in rows if row.period == period]
            for given, lacks, message in (
                (part, whole, f"„{one}“ ist eingetragen, „{other}“, wovon es ein Teil ist, aber nicht"),
                (whole, part, f"„{other}“ ist eingetragen, der Teil „{one}“ aber nicht"),
            ):
                # Of nothing the part is nothing, too: nobody needs to say so.
                alone = [_cell(lacks, row) for row in here if lacks in row.blank and row.values[given]]
                if alone:
                    cells = [cell.removeprefix("Zelle ") for cell in alone]
                    yield (
                        alone[0] if len(alone) == 1 else f"Spalte {letter(lacks + 3)}",
                        message if len(alone) == 1 else f"{period}: {message} ({len(alone)} Zellen: {listed(cells)})",
                        "Ergänzen, wenn der Wert bekannt ist; leer heißt nicht geliefert",
                        "Teil ohne Ganzes" if lacks == whole else "Ganzes ohne Teil",
                    )


def _jumps(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    inside = {(row.area, row.period): row for row in rows}
    years = sorted({row.period for row in rows})
    for row in rows:
        for n, column in enumerate(form.columns):
            now = row.values[n]
            series = {y: v for y, v in known.values.get((column.variable, row.area), {}).items() if y < row.period}
            for year in years:
                other = inside.get((row.area, year))
                value = other.values[n] if other is not None and year < row.period else None
                if value is not None:
                    series[year] = value
            if now is None or not series:
                continue
            year = max(series)
            low, high = sorted((series[year], now))
            if high >= known.smallest and high > known.jump * low:
                factor = f"{known.jump:g}".replace(".", ",")
                message = (
                    f"Der Wert ist mehr als {factor}-mal so hoch wie der von {year}"
                    if now == high
                    else f"Der Wert von {year} war mehr als {factor}-mal so hoch"
                )
                yield _cell(n, row), message, "Prüfen; stimmt er, ist nichts zu tun", "Sprung gegen das Vorjahr"


def _replaced(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    for period in sorted({row.period for row in rows}):
        changed = [
            _cell(n, row)
            for row in rows
            if row.period == period
            for n, column in enumerate(form.columns)
            if row.values[n] is not None
            and known.values.get((column.variable, row.area), {}).get(period, row.values[n]) != row.values[n]
        ]
        if changed:
            places = listed([place.removeprefix("Zelle ") for place in changed], 8)
            yield (
                "",
                f"{len(changed)} Werte für {period} sind andere, als bisher bekannt: {places}"
                if len(changed) > 1
                else f"Ein Wert für {period} ist ein anderer, als bisher bekannt: {places}",
                "Mit der Übernahme gelten die neuen",
                "",
            )


def _zeros(form: Form, rows: Sequence[Row]) -> Iterator[Hint]:
    for n, column in enumerate(form.columns):
        for period in sorted({row.period for row in rows}):
            values = [v for row in rows if row.period == period and (v := row.values[n]) is not None]
            if len(values) >= _SEVERAL and not any(values):
                yield (
                    f"Spalte {letter(n + 3)}",
                    f"„{column.heading}“ ist {period} überall 0",
                    "Null heißt: kein Fall. Was nicht geliefert wird, bleibt leer",
                    "",
                )


def _empty(form: Form, rows: Sequence[Row], known: Known) -> Iterator[Hint]:
    if not any(row.filled for row in rows):
        return  # said as an error
    for period in sorted({row.period for row in rows}):
        here = [row for row in rows if row.period == period]
        if not any(row.filled for row in here):
            yield "", f"Für {period} ist keine einzige Zelle gefüllt", "Ist das Jahr noch nicht lieferbar?", ""
            continue
        if (form.table, period) in known.delivered:
            yield (
                "",
                f"Für {period} ist schon eine Lieferung übernommen; diese hier berichtigt sie: leere Zellen behalten "
                "den früheren Wert",
                "Nur eintragen, was sich ändert",
                "",
            )
            continue
        for row in here:
            if not row.filled:
                remedy = "Wo kein Fall ist, eine 0 eintragen"
                yield (
                    f"Zeile {row.number}",
                    f"Für das Gebiet {row.area} ist {period} nichts eingetragen",
                    remedy,
                    "Gebiet leer",
                )
