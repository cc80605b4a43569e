"""One row for each person: told from the rows of a table as a whole, where headings and single columns say nothing.

Figures have one row for each area, period and group. Rows that repeat these many times and count one each, or that
carry what only a single person has (sex, age, year of birth, an id of their own, a point on the map), are cases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.supply.patterns import STREET, folded, numeric, words_of

#: Rows and columns that are looked at.
_ROWS, _COLUMNS = 20_000, 200
#: Fewer rows are no evidence.
_FEW = 20
#: Rows for each area, period and group: beside what only persons have, and where nothing else speaks.
_CROWD, _MASS = 3, 10
_MANY = 100
#: Share of rows that repeat the area, period and groups of another.
_AGAIN = 0.1
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.(\d{2}|\d{4})|\d{4}-\d{2}-\d{2}.*")

_SEXES = frozenset(
    ["w", "m", "d", "x", "f", "weiblich", "maennlich", "divers", "frau", "mann", "herr", "male", "female", "diverse"]
)
_OPEN = frozenset(["u", "k.a.", "ka", "o.a.", "unbekannt", "unknown", "ohne", "angabe", "k.", "a."])
_AGE = re.compile(r"(lebens)?alter|alterinjahren|age|ageinyears")
_BIRTH_YEAR = re.compile(r"geb(urts)?jahr(gang)?|jahrgang|birthyear|yearofbirth")
_POINT = re.compile(
    r"lat|lon|lng|long|latitude|longitude|breite|laenge|breitengrad|laengengrad|geo?lat|geo?lon|rechtswert|hochwert"
    r"|ostwert|nordwert|easting|northing|x|y|xkoordinate|ykoordinate|koordx|koordy|coordx|coordy"
)
_ID = re.compile(r"[A-Za-z]{1,6}[-_./ ]?\d{3,12}[A-Za-z]?|\d{1,6}[-_./]?[A-Za-z]{1,4}[-_./]?\d{3,10}|[0-9a-fA-F]{8,40}")
_GRID = re.compile(r"(CRS\w+?|\d+k?m)N\d+E\d+", re.IGNORECASE)
_NUTS = re.compile(r"DE[0-9A-G][0-9A-Z]{0,2}|DE[A-Z]{4,6}\w{8,10}")


@dataclass(frozen=True, slots=True)
class Row:
    """What each row of a table has that only a single case has.

    Attributes
    ----------
    position : int
        Column, from 0.
    kind : {"id", "trait", "point", "rows"}
        An id of its own, sex or age or year of birth, a point, or that the row counts one.
    """

    position: int
    kind: str


def is_birth_year(heading: str) -> bool:
    """Tell the heading of a year of birth from that of a reporting year.

    Examples
    --------
    >>> is_birth_year("Geb.-Jahr"), is_birth_year("Berichtsjahr"), is_birth_year("Geburtsjahr")
    (True, False, True)
    """
    return any(map(_BIRTH_YEAR.fullmatch, words_of(heading)))


def rows_of_persons(names: Sequence[str], columns: Sequence[pd.Series]) -> tuple[Row, ...]:
    """Look for one row a person.

    Parameters
    ----------
    names : sequence of str
        Headings.
    columns : sequence of pandas.Series
        The cells below each heading, as text.

    Returns
    -------
    tuple of Row
        What betrays the cases; empty for figures, lists of areas and address tables.
    """
    if not 1 < len(columns) <= _COLUMNS:
        return ()
    table = pd.concat([column.head(_ROWS).astype("str").reset_index(drop=True) for column in columns], axis=1)
    table = table.set_axis(range(len(columns)), axis=1)
    table = table[(table != "").sum(axis=1) > 1]
    if len(table) < _FEW or _is_address_table(names):
        return ()
    roles = {at: _role(str(name), table[at]) for at, name in enumerate(names)}
    of = {role: [at for at, each in roles.items() if each == role] for role in set(roles.values())}
    if of.get("unit"):
        # Numbers that differ in every row name areas, unless another column does and rows have traits of persons.
        keyed = any(_looks_keyed([*map(str, pd.unique(table[at][table[at] != ""]))]) for at in of.get("group", ()))
        role = "id" if keyed and of.get("trait") else "group"
        of[role] = sorted([*of.get(role, ()), *of["unit"]])
    context = of.get("group", [])
    places = len(table[context].drop_duplicates()) if context else 1
    crowd = len(table) / places
    own = [Row(at, kind) for kind in ("id", "trait") for at in of.get(kind, ())]
    points = [Row(at, "point") for at in of.get("point", ())]
    ones = [Row(at, "rows") for at in of.get("one", ())]
    if crowd < _CROWD:
        return ()
    if of.get("figure") or of.get("code") or of.get("empty"):
        known = bool(of.get("id")) and bool(of.get("trait"))
        return tuple(own) if len(own) > 1 and (known or _again(table, of) > _AGAIN) else ()
    if len(own) > 1 or (own and (ones or points)):
        return (*own, *points)
    if crowd < _MASS or len(table) < _MANY:
        return ()
    if context and (own or len(points) > 1):
        return (*own, *points)
    if context and not of.get("text"):
        return tuple(ones or [Row(at, "rows") for at in of.get("date", ())])
    return ()


def _again(table: pd.DataFrame, of: dict[str, list[int]]) -> float:
    """Return the share of rows whose groups stood before; a statistic has each group of ages and sexes once.

    Whole numbers may be groups (classes by number) or the counts themselves: the reading that repeats least counts.
    """
    codes = of.get("code", [])
    groups = [*of.get("group", ()), *of.get("trait", ()), *codes]
    if not groups:
        return 0.0
    if of.get("figure") or not codes:
        return float(table.duplicated(groups).mean())
    return min(float(table.duplicated([at for at in groups if at != count] or groups).mean()) for count in codes)


def _is_address_table(names: Sequence[str]) -> bool:
    words = [words_of(str(name)) for name in names]
    return any(any(map(STREET.fullmatch, each)) for each in words)


def _role(name: str, column: pd.Series) -> str:
    """Say what a column is to its rows: a group they share, a figure, or something that only one of them has."""
    filled = column[column != ""]
    cells = [str(cell) for cell in pd.unique(filled)]
    if not cells:
        return "empty"
    words = words_of(name)
    distinct = len(cells) / len(filled)
    if {folded(cell).strip(" .") for cell in cells} <= _SEXES | _OPEN and any(
        folded(cell).strip(" .") in _SEXES for cell in cells
    ):
        return "trait"
    numbers = [cell for cell in cells if numeric([cell])]
    if len(numbers) > 0.9 * len(cells):  # a second header row or a remark among them
        cells = numbers
        if all(map(_DATE.fullmatch, cells)):
            return "date" if distinct > 0.5 else "group"
        if _looks_keyed(cells):
            return "unit" if distinct == 1 else "group"
        if is_birth_year(name) and all(re.fullmatch(r"(19|20)\d\d", cell) for cell in cells):
            return "trait"
        if any(map(_AGE.fullmatch, words)) and _ages(cells):
            return "trait"
        if any(map(_POINT.fullmatch, words)) and distinct > 0.5:
            return "point"
        if cells == ["1"]:
            return "one"
        if all(re.fullmatch(r"(19|20)\d\d", cell) for cell in cells):
            return "group"
        if distinct == 1 and _counted(cells):
            return "number"
        whole = all(re.fullmatch(r"\d{1,4}", cell) for cell in cells)
        return "code" if whole and len(cells) <= 300 and distinct < 0.5 else "figure"
    if distinct > 0.9 and len(cells) >= _FEW and _ids(cells):
        return "id"
    if all(map(_DATE.fullmatch, cells)):
        return "date" if distinct > 0.5 else "group"
    return "group" if distinct <= 0.5 else "text"


def _counted(cells: Sequence[str]) -> bool:
    """Tell the running number of a row."""
    if not all(cell.isdigit() and len(cell) < 9 for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return max(numbers) - min(numbers) == len(numbers) - 1 and numbers == sorted(numbers)


def _looks_keyed(cells: Sequence[str]) -> bool:
    return len({*map(len, cells)}) == 1 and len(cells[0]) >= 5 and cells[0].isdigit() and len(cells) < 50_000


def _ages(cells: Sequence[str]) -> bool:
    if not all(re.fullmatch(r"\d{1,3}", cell) and int(cell) <= 120 for cell in cells):
        return False
    ages = np.array([int(cell) for cell in cells])
    return len(ages) == 1 or int(ages.max() - ages.min()) >= 20


def _ids(cells: Sequence[str]) -> bool:
    if any(map(_GRID.fullmatch, cells)) or all(map(_NUTS.fullmatch, cells)):
        return False
    if 2 * sum(cell.isdigit() for cell in cells) > len(cells):
        return False
    fit = sum(any(c.isdigit() for c in cell) and _ID.fullmatch(cell) is not None for cell in cells)
    return fit >= 0.95 * len(cells)
