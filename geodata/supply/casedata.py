"""Case data are refused: columns that look like names, birth dates, addresses, case numbers, telephones or accounts.

Two witnesses are heard. A *heading* speaks in German or English; where its word also heads legitimate figures ("Straße"
in square kilometres, "Name" beside an area key), the content must agree. The *content* speaks by pattern and, where the
number carries one, by check digit. Where both are silent, rows speak that stand many times for each area
(:mod:`geodata.supply.persons`). Neither a finding nor its message ever repeats a value: a column is named by its
letter, and by its heading only where the heading itself is one of the known words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from geodata.errors import CaseDataError, NoDataError
from geodata.models import Text
from geodata.readers.sheet import Sheet, open_sheet
from geodata.supply.patterns import BARE_NAME, HOUSE, STREET, by_content, by_heading, folded, numeric, words_of
from geodata.supply.persons import rows_of_persons

#: What a column looks like, in words.
KINDS: MappingProxyType[str, Text] = MappingProxyType(
    {
        "name": Text("Namen von Personen", "names of persons"),
        "birth": Text("Geburtsdaten", "birth dates"),
        "address": Text("Anschriften", "addresses"),
        "case": Text("Akten-, Fall- oder Versicherungsnummern", "case or insurance numbers"),
        "phone": Text("Telefonnummern", "telephone numbers"),
        "email": Text("E-Mail-Adressen", "e-mail addresses"),
        "account": Text("Bankverbindungen", "bank accounts"),
        "id": Text("Kennungen, in jeder Zeile eine andere", "ids of single cases, another one in each row"),
        "trait": Text("Alter, Geschlecht oder Geburtsjahr je Zeile", "sex, age or year of birth of each row"),
        "point": Text("ein Ort je Zeile", "a point for each row"),
        "rows": Text("eine Zeile je Fall", "one row for each case"),
    }
)

#: Distinct values of a column that are looked at; enough to know what a column holds.
_SAMPLE = 5000
_HEADER_ROWS = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """A column that looks like case data.

    Attributes
    ----------
    position : int
        Column, from 0.
    kind : str
        A key of :data:`KINDS`.
    heading : str
        Only where the heading betrayed it; empty where the content did, for then the first row may be a case as well.
    """

    position: int
    kind: str
    heading: str = ""

    @property
    def column(self) -> str:
        """The column as people name it, for example ``D ('Geburtsdatum')``."""
        return letter(self.position) + (f" ({self.heading!r})" if self.heading else "")


def letter(position: int) -> str:
    """Return the letters of a column.

    Examples
    --------
    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def _distinct(column: pd.Series) -> list[str]:
    # One value more often than others says no more than itself; blanks say nothing.
    values = pd.unique(column)[: _SAMPLE * 4]
    return [text for value in values if (text := str(value).strip()) and text not in ("nan", "None", "<NA>")][:_SAMPLE]


def find(names: Sequence[str], columns: Sequence[pd.Series], *, key: int | None = None) -> tuple[Finding, ...]:
    """Look for case data in a table.

    Parameters
    ----------
    names : sequence of str
        Headings.
    columns : sequence of pandas.Series
        The cells below each heading, as text.
    key : int, optional
        Position of the area key, where it is known: a "Name" that differs within one area is no area's name.

    Returns
    -------
    tuple of Finding
        Empty for a table of figures.
    """
    values = [_distinct(column) for column in columns]
    found: dict[int, Finding] = {}
    for position, (name, distinct) in enumerate(zip(names, values, strict=True)):
        heading = str(name).strip()
        kind = by_heading(heading, distinct)
        if kind is not None:
            found[position] = Finding(position, kind, heading)
            continue
        kind = by_content(distinct)
        if kind is not None:
            found[position] = Finding(position, kind)
        elif key is not None and position != key and BARE_NAME.fullmatch(folded(heading)):
            pairs = pd.DataFrame({"key": columns[key].to_numpy(), "name": columns[position].to_numpy()})
            pairs = pairs[(pairs["key"] != "") & (pairs["name"] != "")].drop_duplicates()
            if pairs["key"].duplicated().sum() > 0.5 * pairs["key"].nunique():
                found[position] = Finding(position, "name", heading)
    found |= {f.position: f for f in _split_address(names, values) if f.position not in found}
    return tuple(found[position] for position in sorted(found))


def find_rows(names: Sequence[str], columns: Sequence[pd.Series], *, key: int | None = None) -> tuple[Finding, ...]:
    """Look for case data in a table of areas, or what should be one: columns as :func:`find`, then rows as a whole.

    Parameters
    ----------
    names, columns, key
        See :func:`find`.

    Returns
    -------
    tuple of Finding
        Where no column gives persons away, those that only single persons have, if rows stand many times for each area.
    """
    found = find(names, columns, key=key)
    return found or tuple(Finding(row.position, row.kind) for row in rows_of_persons(names, columns))


def _split_address(names: Sequence[str], values: Sequence[Sequence[str]]) -> Iterable[Finding]:
    """Yield street and house number in two columns; ranges of numbers are an address table, not addresses."""
    words = [words_of(str(name)) for name in names]
    ranges = {bound for each in words for bound in ("von", "bis", "from", "to") if bound in each}
    if {"von", "bis"} <= ranges or {"from", "to"} <= ranges:
        return
    streets = [i for i, each in enumerate(words) if any(map(STREET.fullmatch, each)) and not numeric(values[i])]
    houses = [i for i, each in enumerate(words) if any(map(HOUSE.fullmatch, each))]
    if streets and not houses:
        houses = [i for i, name in enumerate(names) if folded(str(name)).strip(" .") in ("nr", "nummer", "hausnr")]
    if houses and (streets or any(map(HOUSE.fullmatch, words[houses[0]]))):
        for position in (*streets, *houses):
            yield Finding(position, "address", str(names[position]).strip())


def refuse(found: Sequence[Finding], where: str) -> None:
    """Stop where something was found.

    Raises
    ------
    CaseDataError
        Names columns and what they look like, never a value.
    """
    if found:
        said = "; ".join(f"column {f.column} looks like {KINDS[f.kind].en}" for f in found)
        raise CaseDataError(
            f"expected counts per area, found data about single persons: {said}",
            where=where,
            hint="remove this file from here; `sozialmonitor supply aggregate` counts it where it belongs, "
            "on the department's own machine",
        )


def require_figures(
    sheet: Sheet, names: Sequence[str], header: int, *, key: str | None = None, read: str | None = None, where: str
) -> None:
    """Stop where a sheet, or another sheet of the same workbook, holds case data.

    Parameters
    ----------
    sheet : Sheet
        What was opened.
    names : sequence of str
        Headings of its columns.
    header : int
        Row of ``sheet.cells`` (by position) in which they stand.
    key : str, optional
        Heading of the area key.
    read : str, optional
        Name of the sheet, where the workbook has several.

    Raises
    ------
    CaseDataError
        See :func:`refuse`.
    """
    below = sheet.cells.iloc[header + 1 :]
    position = names.index(key) if key in names else None
    refuse(find_rows(names, [below[column] for column in sheet.cells.columns], key=position), where)
    if len(sheet.sheets) > 1:
        refuse_other_sheets(sheet, read, where)


def inspect(sheet: Sheet) -> tuple[Finding, ...]:
    """Look for case data in a sheet whose header is not known.

    Parameters
    ----------
    sheet : Sheet
        Its cells.

    Returns
    -------
    tuple of Finding
        Empty for a table of figures.
    """
    cells = sheet.cells
    filled = (cells.head(_HEADER_ROWS) != "").sum(axis=1).to_numpy()
    if not len(filled):
        return ()
    header = int((filled >= max(filled.max() * 0.8, 1)).argmax())
    names = [" ".join(str(cell).split()) for cell in cells.iloc[header]]
    below = cells.iloc[header + 1 :]
    return find_rows(names, [below[column] for column in cells.columns])


def refuse_other_sheets(sheet: Sheet, read: str | None, where: str) -> None:
    """Stop where another sheet of the workbook holds case data: what is read is not all that was handed over.

    Parameters
    ----------
    sheet : Sheet
        One of them.
    read : str or None
        The sheet that was looked at already.

    Raises
    ------
    CaseDataError
        See :func:`refuse`.
    """
    for name in sheet.sheets:
        if name == read:
            continue
        try:
            other = open_sheet(sheet.path, sheet=name)
        except NoDataError:
            continue
        refuse(inspect(other), f"{where} [{name}]")
