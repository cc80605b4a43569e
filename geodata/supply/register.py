"""The columns of a register: header, area, year, sex and age of each person, in memory only."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.errors import ColumnError
from geodata.readers import long
from geodata.supply.addresses import AddressTable, code_addresses
from geodata.supply.patterns import HOUSE, STREET, folded, words_of

#: What messages call the file; no path, for paths may hold names.
WHERE = "Registerauszug"
_SEX = {
    **dict.fromkeys(("w", "weiblich", "f", "female", "frau", "2"), 0),
    **dict.fromkeys(("m", "maennlich", "male", "mann", "1"), 1),
    **dict.fromkeys(("d", "divers", "x", "diverse", "3"), 2),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Headings of a register, or what stands in their place.

    Attributes
    ----------
    area, sex, age, person : str or None
        Headings. An age may be a birth date, a year of birth or a number of years.
    year : str or int
        A heading, or the year itself.
    street, number, place : str or None
        Headings of the address; by default recognised.
    """

    year: str | int
    area: str | None = None
    sex: str | None = None
    age: str | None = None
    person: str | None = None
    street: str | None = None
    number: str | None = None
    place: str | None = None


def header_row(cells: pd.DataFrame, needed: Sequence[str]) -> int:
    """Find the row that holds every heading; without headings to look for, the first."""
    for row in range(min(40, len(cells))):
        if set(needed) <= {" ".join(str(cell).split()) for cell in cells.iloc[row]}:
            return row
    # What stands in the first row is not told: without a header it is a person.
    raise ColumnError(
        f"die Kopfzeile mit {' und '.join(repr(name) for name in needed)} ist nicht zu finden",
        where=WHERE,
        hint="die Überschriften genau so schreiben, wie sie in der Datei stehen",
    )


def position(names: Sequence[str], name: str) -> int:
    """Return where a heading stands; one that stands twice is refused."""
    if names.count(name) > 1:
        raise ColumnError(f"die Überschrift {name!r} steht mehrfach da", where=WHERE, hint="eine umbenennen")
    return names.index(name)


def coded_addresses(
    table: AddressTable, columns: Columns, names: Sequence[str], rows: pd.DataFrame
) -> tuple[list[str | None], list[str]]:
    """Code the addresses of a register: the area of each row, and why there is none (empty where there is one)."""
    words = [words_of(name) for name in names]

    def pick(said: str | None, test: Sequence[int]) -> pd.Series | None:
        at = position(names, said) if said else test[0] if len(test) == 1 else None
        return None if at is None else rows[rows.columns[at]]

    streets = [i for i, each in enumerate(words) if any(map(STREET.fullmatch, each))]
    plain = [folded(name).strip(" .") for name in names]
    houses = [
        i
        for i, each in enumerate(words)
        if i not in streets
        and "zusatz" not in plain[i]
        and (any(map(HOUSE.fullmatch, each)) or plain[i] in ("nr", "nummer"))
    ]
    letters = [
        i for i, name in enumerate(plain) if re.search(r"zusatz|hnrzus", name) and re.search(r"^h|haus|^zusatz", name)
    ]
    places = [
        i for i, name in enumerate(plain) if name in ("ort", "wohnort", "gemeinde", "stadt", "plz", "postleitzahl")
    ]
    street = pick(columns.street, streets)
    if street is None:
        raise ColumnError(
            "die Spalte mit der Straße ist nicht eindeutig zu erkennen", where=WHERE, hint="mit --street nennen"
        )
    number = pick(columns.number, houses)
    letter = pick(None, letters)
    if number is not None and letter is not None:
        number = number + letter
    return code_addresses(table, street, number, pick(columns.place, places) if table.places else None)


def years_of(year: str | int, column: Mapping[str, pd.Series], rows: pd.DataFrame) -> pd.Series:
    """Return the year of each row (Int64), NA where it cannot be read."""
    if isinstance(year, int):
        return pd.Series(year, index=rows.index, dtype="Int64")
    codes, unique = pd.factorize(column[year])
    found = pd.array([long.year_of(str(text)) for text in unique], dtype="Int64")
    return pd.Series(found.take(codes), index=rows.index)


def sexes_of(cells: pd.Series) -> np.ndarray:
    """Return for each row a position in :data:`geodata.supply.aggregate.SEXES`; what is not known is the last."""
    codes, unique = pd.factorize(cells)
    return np.array([_SEX.get(folded(text).strip(" ."), 3) for text in unique], dtype=np.int64)[codes]


_DATES = (
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?: .*)?"),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ].*)?"),
    re.compile(r"(?P<y>(?:18|19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})"),
)


def _birth(text: str) -> tuple[int, int, int] | int | None:
    """Read a birth date, a year of birth (month 1, day 1) or an age."""
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found:
            try:
                born = dt.date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                return None
            return born.year, born.month, born.day
    if re.fullmatch(r"\d{1,3}", text):
        return int(text)
    return (int(text), 1, 1) if re.fullmatch(r"(18|19|20)\d{2}", text) else None


def age_classes(cells: pd.Series, year: pd.Series, bounds: Sequence[int], day: tuple[int, int]) -> np.ndarray:
    """Return the class of each person; the last one says that the age is unknown."""
    codes, unique = pd.factorize(cells)
    born = [_birth(text) for text in unique]
    unknown = len(bounds) + 1
    limits = np.asarray(bounds, dtype=np.int64)
    result = np.full(len(cells), unknown, dtype=np.int64)
    for row, (code, when) in enumerate(zip(codes, year.to_numpy(), strict=True)):
        each = born[code]
        age = each if isinstance(each, int) else None
        if isinstance(each, tuple):
            age = int(when) - each[0] - (each[1:] > day)
        if age is not None and 0 <= age <= 120:
            result[row] = int(np.searchsorted(limits, age, side="right"))
    return result
