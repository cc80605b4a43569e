"""What a register holds per person becomes counts per area and year, on the department's own machine.

Nothing else is left: everything happens in memory, the result is written at once, and what may be written is a closed
vocabulary: keys of a list of areas, years, and names of classes. A value of the register that is on no list is counted
as "not assigned" and never repeated, in no message either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from geodata.errors import ConfigError, FormatError, NoDataError
from geodata.supply.addresses import AddressTable
from geodata.supply.patterns import HOUSE, STREET, by_heading, words_of
from geodata.supply.quiet import open_quietly
from geodata.supply.register import (
    WHERE,
    Columns,
    age_classes,
    coded_addresses,
    header_row,
    position,
    sexes_of,
    years_of,
)

SEXES = ("weiblich", "männlich", "divers", "ohne Angabe")
NO_AREA, OTHER_AREA, OTHER_YEAR, NO_YEAR = (
    "Gebiet fehlt",
    "Gebiet steht nicht auf der Liste",
    "Jahr gehört nicht zur Lieferung",
    "Jahr fehlt oder unlesbar",
)
TWICE = "Person mehrfach im selben Gebiet und Jahr"
#: What stands in place of a count that is too small to be handed on.
SECRET = "."


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Counts, and how many rows they rest on.

    Attributes
    ----------
    table : pandas.DataFrame
        Key, name, year, then counts (int64; Int64 where areas were not counted; object where some are secret).
    report : Counter of str
        Reason → rows that were not counted.
    unassigned : int
        Rows that belong to the delivery but have no known area or year: neither another year nor a person met twice.
    uncovered : tuple of str
        Areas that the address table never names, so that nothing is known of them.
    """

    table: pd.DataFrame
    rows: int
    counted: int
    report: Counter[str] = field(default_factory=Counter)
    unassigned: int = 0
    uncovered: tuple[str, ...] = ()

    @property
    def unassigned_share(self) -> float:
        """Share of the rows that should have been counted and were not, 0 to 1."""
        due = self.counted + self.unassigned
        return self.unassigned / due if due else 0.0

    def to_csv(self) -> bytes:
        """Return the table as CSV that Excel and Sozialmonitor read: UTF-8 with BOM, semicolons."""
        text: str = self.table.to_csv(index=False, sep=";", lineterminator="\n")
        return text.encode("utf-8-sig")


def aggregate(
    path: Path,
    columns: Columns,
    *,
    areas: Mapping[str, str],
    addresses: AddressTable | None = None,
    years: Sequence[int] = (),
    ages: Sequence[int] = (),
    day: tuple[int, int] = (12, 31),
    sheet: str | None = None,
    headings: tuple[str, str, str] = ("Schlüssel", "Gebiet", "Jahr"),
) -> Aggregate:
    """Count the persons of a register.

    Parameters
    ----------
    path : pathlib.Path
        CSV or workbook, one row a person.
    columns : Columns
        Which headings matter.
    areas : mapping of str to str
        Key → name of every area that may appear; each gets a row, with zeros where nobody lives, but empty
        where the address table never names it: nobody can be found there.
    addresses : AddressTable, optional
        Codes addresses where the register has no key.
    years : sequence of int, optional
        The only years that count; default: those found.
    ages : sequence of int, optional
        Lower bounds of the classes after the first, for example ``(15, 65)``.
    day : (int, int)
        Month and day at which age is counted, in the year of the row.
    sheet : str, optional
        Of a workbook.
    headings : (str, str, str)
        Of key, name and year in the result.

    Returns
    -------
    Aggregate
        Exact counts. Parts by sex and age add up to ``Anzahl``.

    Raises
    ------
    GeodataError
        The table is unreadable, a column is missing, or nothing can be counted. No message holds a value.
    """
    if (columns.area is None) == (addresses is None):
        raise ConfigError(
            "erwartet wird entweder eine Spalte mit dem Gebietsschlüssel oder ein Adressverzeichnis",
            where=WHERE,
            hint="--by area=SPALTE oder --addresses DATEI",
        )
    if isinstance(columns.year, str) and by_heading(columns.year, []) is not None:
        raise ConfigError(
            "die Spalte für das Berichtsjahr sieht nach Angaben zur Person aus", where=WHERE, hint="--by year=2025"
        )
    if list(ages) != sorted({bound for bound in ages if 0 < bound <= 120}):
        raise ConfigError("Altersgrenzen steigen an und liegen zwischen 1 und 120", where=WHERE, hint="--ages 15,65")
    if ages and columns.age is None:
        raise ConfigError("Altersklassen ohne Spalte für das Alter", where=WHERE, hint="--by age=SPALTE ergänzen")
    for what, name in (("sex", columns.sex), ("age", columns.age)):
        if name is not None and any(HOUSE.fullmatch(word) or STREET.fullmatch(word) for word in words_of(name)):
            raise ConfigError(f"die Spalte für {what} ist Teil der Anschrift", where=WHERE, hint=_MEANT[what])
    cells = open_quietly(path, sheet, WHERE)
    wanted = [columns.area, columns.sex, columns.age, columns.person, columns.street, columns.number, columns.place]
    needed = [name for name in (*wanted, columns.year) if isinstance(name, str)]
    header = header_row(cells, needed)
    names = [" ".join(str(cell).split()) for cell in cells.iloc[header]]
    rows = cells.iloc[header + 1 :]
    rows = rows[(rows != "").any(axis=1)].reset_index(drop=True)
    if rows.empty:
        raise NoDataError("unter der Kopfzeile steht nichts", where=WHERE, hint="den Auszug prüfen")
    column = {name: rows[cells.columns[position(names, name)]] for name in needed}

    reason = pd.Series("", index=rows.index, dtype="object")
    if addresses is None:
        area = column[str(columns.area)].astype("object")
        reason[area == ""] = NO_AREA
    else:
        found, why = coded_addresses(addresses, columns, names, rows)
        area = pd.Series(found, index=rows.index, dtype="object")
        reason = pd.Series(why, index=rows.index, dtype="object")
    reason[(reason == "") & ~area.isin(list(areas))] = OTHER_AREA
    year = years_of(columns.year, column, rows)
    reason[(reason == "") & year.isna()] = NO_YEAR
    # A row of another year is not missed, whether its address is known or not.
    elsewhen = (year.notna() & ~year.isin(list(years))) if years else pd.Series(False, index=rows.index)
    if years:
        reason[(reason == "") & ~year.isin(list(years))] = OTHER_YEAR
    if columns.person is not None:
        person = column[columns.person]
        again = pd.DataFrame({"a": area, "y": year, "p": person})[reason == ""].duplicated()
        again = again & (person.reindex(again.index) != "")
        reason.loc[again.index[again]] = TWICE
    good = (reason == "").to_numpy()
    if not good.any():
        raise NoDataError(
            f"keine der {len(rows)} Zeilen lässt sich zuordnen ({_said(Counter(reason))})",
            where=WHERE,
            hint="Schlüssel, Jahr und Verzeichnis mit der Vorlage vergleichen",
        )
    kept_year = year[good].astype("int64")
    sex = sexes_of(column[columns.sex][good]) if columns.sex else None
    age = age_classes(column[columns.age][good], kept_year, ages, day) if columns.age else None
    if sex is not None:
        _require_recognised("sex", column[str(columns.sex)][good], sex == len(SEXES) - 1)
    if age is not None:
        _require_recognised("age", column[str(columns.age)][good], age == len(ages) + 1)
    table = _table(area[good], kept_year, sex, age, ages, areas, years, headings)
    uncovered = tuple(sorted(set(areas) - set(addresses.areas))) if addresses is not None else ()
    if uncovered:
        counts = list(table.columns[3:])
        table = table.astype(dict.fromkeys(counts, "Int64"))
        table.loc[table[headings[0]].isin(uncovered), counts] = pd.NA
    unassigned = int((~good & (reason != TWICE).to_numpy() & ~elsewhen.to_numpy(dtype=bool)).sum())
    return Aggregate(table, len(rows), int(good.sum()), Counter(reason[~good].tolist()), unassigned, uncovered)


_MEANT = {
    "sex": "erwartet wird eine Spalte mit w, m, d oder weiblich, männlich, divers: --by sex=SPALTE",
    "age": "erwartet wird eine Spalte mit Geburtsdatum, Geburtsjahr oder Alter: --by age=SPALTE",
}


def _require_recognised(what: str, cells: pd.Series, unknown: np.ndarray) -> None:
    """Stop where (nearly) nothing that stands in a column is what it was named for: it is another column."""
    filled = (cells != "").to_numpy()
    if filled.any() and float(unknown[filled].mean()) > 0.9:
        said = "Geschlecht" if what == "sex" else "Alter"
        raise ConfigError(
            f"in der Spalte für {what} ist in {int(unknown[filled].sum())} von {int(filled.sum())} Zeilen kein {said} "
            "zu erkennen",
            where=WHERE,
            hint=_MEANT[what],
        )


def _said(report: Mapping[str, int]) -> str:
    return ", ".join(f"{number} × {reason}" for reason, number in report.items())


def age_labels(bounds: Sequence[int]) -> tuple[str, ...]:
    """Name the classes between bounds, and the one of unknown age.

    Examples
    --------
    >>> age_labels((15, 65))
    ('unter 15 Jahre', '15 bis unter 65 Jahre', '65 Jahre und älter', 'Alter unbekannt')
    """
    if not bounds:
        return ("Alter bekannt", "Alter unbekannt")
    middle = [f"{low} bis unter {high} Jahre" for low, high in pairwise(bounds)]
    return (f"unter {bounds[0]} Jahre", *middle, f"{bounds[-1]} Jahre und älter", "Alter unbekannt")


def _table(
    area: pd.Series,
    year: pd.Series,
    sex: np.ndarray | None,
    age: np.ndarray | None,
    bounds: Sequence[int],
    areas: Mapping[str, str],
    years: Sequence[int],
    headings: tuple[str, str, str],
) -> pd.DataFrame:
    keys = sorted(areas)
    when = sorted(set(years) or set(year.tolist()))
    place = pd.Index(keys).get_indexer(pd.Index(area)) + len(keys) * pd.Index(when).get_indexer(pd.Index(year))
    size = len(keys) * len(when)

    def count(mask: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(place if mask is None else place[mask], minlength=size).astype(np.int64)

    table: dict[str, object] = {
        headings[0]: keys * len(when),
        headings[1]: [areas[key] for key in keys] * len(when),
        headings[2]: [y for y in when for _ in keys],
        "Anzahl": count(),
    }
    labels = age_labels(bounds)
    if sex is not None:
        table |= {name: count(sex == code) for code, name in enumerate(SEXES)}
    if age is not None:
        table |= {name: count(age == code) for code, name in enumerate(labels)}
    if sex is not None and age is not None:
        table |= {
            f"{label}, {name}": count((age == a) & (sex == s))
            for a, label in enumerate(labels)
            for s, name in enumerate(SEXES)
        }
    return pd.DataFrame(table)


def suppress(result: Aggregate, least: float, *, sex: bool, ages: Sequence[int] | None) -> Aggregate:
    """Replace small counts by a sign, and with them the whole breakdown that would give them away.

    A total below ``least`` takes its row along; a part below ``least`` takes all parts of the same breakdown in its row
    (sex, age, age by sex), because the total minus the rest would tell it. Zero is shown.

    Parameters
    ----------
    result : Aggregate
        Exact counts.
    least : float
        Smallest count but zero that is handed on.
    sex : bool
        There is a breakdown by sex.
    ages : sequence of int or None
        Bounds of the breakdown by age; None without one.

    Returns
    -------
    Aggregate
        ``.`` stands where a count is not handed on.

    Raises
    ------
    FormatError
        The table has none of the columns that these breakdowns make.
    """
    labels = age_labels(ages) if ages is not None else ()
    groups = [["Anzahl"], list(SEXES) if sex else [], list(labels)]
    groups.append([f"{label}, {name}" for label in labels for name in SEXES] if sex else [])
    table = result.table.copy()
    everything = [name for group in groups for name in group]
    if set(everything) - set(table.columns):
        raise FormatError("die Tabelle hat diese Gliederung nicht", where="suppress", hint="sex und ages prüfen")
    exact = table[everything].fillna(0).to_numpy(dtype=np.int64)  # what is not delivered stays empty below
    table[everything] = table[everything].astype("object")
    total = exact[:, 0]
    small_total = (total > 0) & (total < least)
    start = 0
    for group in groups:
        values = exact[:, start : start + len(group)]
        start += len(group)
        if not group:
            continue
        small = ((values > 0) & (values < least)).any(axis=1) | small_total
        table.loc[small, group] = SECRET
    return replace(result, table=table)
