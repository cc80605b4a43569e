"""A local address-to-area table: street, range of house numbers, even or odd side → Ortsteil.

It holds no persons and never leaves the machine either. Messages name rows of the table, never their text, because
somebody may hand in the wrong file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from geodata.errors import ColumnError, FormatError, some
from geodata.supply.patterns import STREET, folded, words_of
from geodata.supply.quiet import open_quietly

#: A house number: digits and the letter that follows; Excel's dates are none.
_NUMBER = re.compile(r"0*(\d{1,4})\s*([a-zA-Z]?)(?:[^\w].*)?")
_WITH_STREET = re.compile(r"(.*?\D)\s*(\d{1,4}\s*[a-zA-Z]?(?:\s*[-/+,]\s*\d+\s*[a-zA-Z]?)*)")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACES = {"ort", "gemeinde", "stadt", "plz", "postleitzahl", "wohnort", "place", "town", "postcode"}
_SIDES = {
    **dict.fromkeys(("", "alle", "beide", "all", "both", "a", "b"), None),
    **dict.fromkeys(("gerade", "g", "even", "e"), 0),
    **dict.fromkeys(("ungerade", "u", "odd", "o"), 1),
}
#: Behind every letter: the upper end of a range without a letter takes all letters of its number.
_LAST = "~"

Number = tuple[int, str]

#: Why an address got no area; only how often is ever said.
NO_STREET, UNKNOWN_STREET = "Straße fehlt", "Straße nicht im Verzeichnis"
NO_NUMBER, NO_RANGE, SEVERAL = "Hausnummer fehlt oder unlesbar", "Hausnummer in keinem Bereich", "mehrdeutig"


def street_key(text: str) -> str:
    """Return a street as it is compared: case, umlauts, hyphens, blanks and "Str." make no difference.

    Examples
    --------
    >>> street_key("Karl-Marx-Str.") == street_key("KARL MARX STRASSE") == street_key("Karl-Marx-Straße")
    True
    """
    bare = re.sub(r"str(?:\.|\b)", "strasse", folded(text))
    return re.sub(r"[^a-z0-9]", "", bare)


def house_number(text: str) -> Number | None:
    """Read a house number; of "12-14" the first counts.

    Examples
    --------
    >>> house_number("12 A"), house_number("12-14"), house_number("o. Nr.")
    ((12, 'a'), (12, ''), None)
    """
    text = text.strip()
    found = None if _ISO.fullmatch(text) else _NUMBER.fullmatch(text)
    return (int(found[1]), found[2].lower()) if found and int(found[1]) else None


def split_street(text: str) -> tuple[str, str]:
    """Divide "Hauptstr. 12 a" into street and number.

    Examples
    --------
    >>> split_street("Straße des 17. Juni 135"), split_street("Am Markt")
    (('Straße des 17. Juni', '135'), ('Am Markt', ''))
    """
    found = _WITH_STREET.fullmatch(text.strip())
    return (found[1].strip(" ,"), found[2]) if found else (text.strip(), "")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a street that lies in one area."""

    low: Number
    high: Number
    side: int | None
    area: str
    row: int

    def holds(self, number: Number) -> bool:
        """Whether a house lies in it."""
        return self.low <= number <= self.high and self.side in (None, number[0] % 2)

    def meets(self, other: Stretch) -> bool:
        """Whether a house could lie in both."""
        sides = self.side is None or other.side is None or self.side == other.side
        return sides and self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class AddressTable:
    """Streets by place and name.

    Attributes
    ----------
    places : bool
        Streets are told apart by place (Ort, Gemeinde or postcode).
    """

    streets: Mapping[tuple[str, str], tuple[Stretch, ...]]
    by_name: Mapping[str, tuple[Stretch, ...]]
    places: bool

    @property
    def areas(self) -> tuple[str, ...]:
        """All areas, sorted."""
        return tuple(sorted({stretch.area for each in self.streets.values() for stretch in each}))

    def code(self, street: str, number: str, place: str = "") -> tuple[str | None, str]:
        """Return the area of an address, or None with the reason.

        Parameters
        ----------
        street, number, place : str
            As written; a number may carry a letter.

        Returns
        -------
        (str or None, str)
            Area and "", or None and the reason.
        """
        name = street_key(street)
        if not name:
            return None, NO_STREET
        if self.places and place.strip():
            stretches = self.streets.get((street_key(place), name), ())
        else:
            stretches = self.by_name.get(name, ())
        if not stretches:
            return None, UNKNOWN_STREET
        house = house_number(number)
        if house is None:
            # Where the whole street lies in one area the number is not needed.
            areas = {stretch.area for stretch in stretches}
            whole = all(stretch.low == (0, "") and stretch.high[0] >= 9999 for stretch in stretches)
            return (areas.pop(), "") if len(areas) == 1 and whole else (None, NO_NUMBER)
        areas = {stretch.area for stretch in stretches if stretch.holds(house)}
        if len(areas) == 1:
            return areas.pop(), ""
        return None, SEVERAL if areas else NO_RANGE


def read_addresses(path: Path, *, area: str | None = None, sheet: str | None = None) -> AddressTable:
    """Read an address-to-area table.

    Parameters
    ----------
    path : pathlib.Path
        CSV or workbook with the columns ``Straße``, ``von``, ``bis``, and the area key; optionally ``Seite``
        (gerade, ungerade, alle) and ``Ort`` (or Gemeinde, PLZ). Bounds belong to the range, may carry a letter, and may
        be blank.
    area : str, optional
        Heading of the area key; default: the only other column, or the only other one that speaks of a key.
    sheet : str, optional
        Of a workbook.

    Returns
    -------
    AddressTable
        Ready to code.

    Raises
    ------
    GeodataError
        A column is missing, a bound is no house number, or ranges with different areas overlap.
    """
    where = f"Adressverzeichnis {path.name}"
    cells = open_quietly(path, sheet, where)
    names = [" ".join(str(cell).split()) for cell in cells.iloc[0]]
    rows = cells.iloc[1:]
    at = _columns(names, area, where)
    streets: dict[tuple[str, str], list[Stretch]] = {}
    wrong: list[int] = []
    for index, values in zip(rows.index, rows.itertuples(index=False, name=None), strict=True):
        row = int(index) + 1
        name, key = street_key(values[at["street"]]), values[at["area"]].strip()
        low = _bound(values, at, "from", (0, ""))
        high = _bound(values, at, "to", (9999, _LAST))
        side = folded(values[at["side"]]).strip() if "side" in at else ""
        if not name or not key or low is None or high is None or side not in _SIDES or low > high:
            wrong.append(row)
            continue
        place = street_key(values[at["place"]]) if "place" in at else ""
        streets.setdefault((place, name), []).append(Stretch(low, high, _SIDES[side], key, row))
    if wrong:
        raise FormatError(
            f"in {len(wrong)} Zeilen fehlt Straße oder Schlüssel, oder von, bis, Seite sind unlesbar: "
            f"Zeilen {some(wrong)}",
            where=where,
            hint="von und bis sind Hausnummern wie 12 oder 12a, Seite ist gerade, ungerade oder alle",
        )
    _require_no_overlap(streets, where)
    by_name: dict[str, list[Stretch]] = {}
    for (_, name), stretches in streets.items():
        by_name.setdefault(name, []).extend(stretches)
    return AddressTable(
        MappingProxyType({k: tuple(v) for k, v in streets.items()}),
        MappingProxyType({k: tuple(v) for k, v in by_name.items()}),
        "place" in at,
    )


def _columns(names: Sequence[str], area: str | None, where: str) -> dict[str, int]:
    at: dict[str, int] = {}
    others = []
    for position, name in enumerate(names):
        words, plain = words_of(name), folded(name).strip(" .")
        bound = "from" if words & {"von", "from"} else "to" if words & {"bis", "to"} else ""
        if area is not None and name == area:
            at["area"] = position
        elif any(map(STREET.fullmatch, words)):
            at.setdefault("street", position)
        elif bound:
            at.setdefault(bound + ("_letter" if "zusatz" in plain else ""), position)
        elif plain in ("seite", "side", "gerade/ungerade", "hausnummernseite"):
            at["side"] = position
        elif words & _PLACES and plain in _PLACES:
            at["place"] = position
        elif name:
            others.append(position)
    if area is None:
        keyed = [p for p in others if re.search(r"schluessel|kennziffer|key|\bid\b", folded(names[p]))]
        choice = others if len(others) == 1 else keyed
        if len(choice) == 1:
            at["area"] = choice[0]
    missing = [
        said
        for what, said in (("street", "Straße"), ("from", "von"), ("to", "bis"), ("area", "Schlüssel"))
        if what not in at
    ]
    if missing:
        raise ColumnError(
            f"erwartet werden die Spalten Straße, von, bis und ein Schlüssel des Gebiets; "
            f"es fehlt: {', '.join(missing)}",
            where=where,
            hint="die Überschriften so nennen; die Spalte des Schlüssels kann --area-column nennen",
        )
    return at


def _bound(values: Sequence[str], at: Mapping[str, int], which: str, empty: Number) -> Number | None:
    text = values[at[which]].strip() + (values[at[f"{which}_letter"]].strip() if f"{which}_letter" in at else "")
    if not text:
        return empty
    number = house_number(text)
    return (number[0], _LAST) if number and which == "to" and not number[1] else number


def _require_no_overlap(streets: Mapping[tuple[str, str], Sequence[Stretch]], where: str) -> None:
    clash = [
        f"{one.row} und {other.row}"
        for stretches in streets.values()
        for i, one in enumerate(stretches)
        for other in stretches[i + 1 :]
        if one.area != other.area and one.meets(other)
    ]
    if clash:
        raise FormatError(
            f"Bereiche derselben Straße überschneiden sich mit verschiedenen Gebieten: Zeilen {some(clash)}",
            where=where,
            hint="von und bis gehören beide zum Bereich; gleiche Straßennamen brauchen eine Spalte Ort",
        )


def code_addresses(
    table: AddressTable, streets: pd.Series, numbers: pd.Series | None, places: pd.Series | None
) -> tuple[list[str | None], list[str]]:
    """Code many addresses; equal ones are looked up once.

    Parameters
    ----------
    table : AddressTable
        Where streets lie.
    streets, numbers, places : pandas.Series
        Text. Without ``numbers`` the street column holds both.

    Returns
    -------
    list of (str or None), list of str
        Area and reason for each row.
    """
    known: dict[tuple[str, str, str], tuple[str | None, str]] = {}
    areas: list[str | None] = []
    reasons: list[str] = []
    blank = [""] * len(streets)
    for street, number, place in zip(
        streets, blank if numbers is None else numbers, blank if places is None else places, strict=True
    ):
        address = (street, number, place)
        if address not in known:
            name, house = split_street(street) if numbers is None else (street, number)
            known[address] = table.code(name, house, place)
            if known[address][1] == UNKNOWN_STREET and not house.strip():
                # Somebody wrote the number behind the street although it has a column of its own.
                name, house = split_street(street)
                known[address] = table.code(name, house, place) if house else known[address]
        area, reason = known[address]
        areas.append(area)
        reasons.append(reason)
    return areas, reasons
