"""Deliveries that were taken over: which files of the county's delivery folder count, in which order, read how.

The receipt of a file says whether it counts. One receipt belongs to one content: whoever checks, takes over or
withdraws the same file again changes that receipt, and its history keeps what was before.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.errors import FormatError

#: Folder of a county that keeps deliveries and receipts, beside ``county.toml``.
FOLDER = "lieferungen"
#: Folder inside it for what was withdrawn.
WITHDRAWN = "zurueckgezogen"
SUFFIX = ".quittung.json"
KIND, FORMAT = "sozialmonitor-receipt", 1


@dataclass(frozen=True, slots=True)
class AcceptedForm:
    """One sheet of a delivery: what the reader must know of it, as it was when it was taken over.

    Attributes
    ----------
    columns : tuple of (str, str, str)
        Variable, heading, unit.
    """

    table: str
    sheet: str
    area: str
    period: str
    flag: str
    legend: str
    columns: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A delivery that counts.

    Attributes
    ----------
    file : str
        From the county's folder, for example ``lieferungen/jobcenter-2025-0f3a….xlsx``.
    number : int
        Running number: of two deliveries with the same cell, the higher one counts.
    """

    file: str
    department: str
    periods: tuple[int, ...]
    number: int
    when: dt.datetime
    sha256: str
    forms: tuple[AcceptedForm, ...]

    @property
    def label(self) -> str:
        """How findings call it: without the name of the file, which holds a part of its checksum."""
        return f"delivery {self.number} of {self.department} for {', '.join(map(str, self.periods))}"


def read_documents(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Read the receipts of a folder as they are.

    Parameters
    ----------
    folder : pathlib.Path
        Need not exist.

    Yields
    ------
    pathlib.Path, dict
        By name of the file.

    Raises
    ------
    FormatError
        A file called a receipt is none.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["kind"] != KIND or raw["format"] != FORMAT:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise broken(path) from None
        yield path, raw


def broken(path: Path) -> FormatError:
    """Return the error for a receipt that is none."""
    return FormatError(
        "die Datei ist keine Quittung",
        where=str(path),
        hint="aus der Sicherung zurückholen; zu einer bloßen Prüfung `sozialmonitor supply check` wiederholen",
    )


def accepted_deliveries(folder: Path, county: str) -> tuple[Accepted, ...]:
    """Return the deliveries of a county that were taken over and not withdrawn.

    Parameters
    ----------
    folder : pathlib.Path
        The county's folder of deliveries; need not exist.
    county : str
        Id; receipts of others are passed over.

    Returns
    -------
    tuple of Accepted
        Oldest first.

    Raises
    ------
    FormatError
        A receipt is broken: whether its delivery counts cannot be told.
    """
    found = []
    for path, raw in read_documents(folder):
        try:
            taken = raw.get("delivery")
            if raw["who"] is None or raw["who"]["county"] != county or not taken or taken["withdrawn"]:
                continue
            name = taken["file"]
            if not isinstance(name, str) or Path(name).name != name:
                raise ValueError
            found.append(
                Accepted(
                    file=f"{FOLDER}/{name}",
                    department=str(raw["who"]["department"]),
                    periods=tuple(map(int, raw["periods"])),
                    number=int(taken["number"]),
                    when=dt.datetime.fromisoformat(taken["accepted"]),
                    sha256=str(raw["file"]["sha256"]),
                    forms=tuple(_form(form) for form in taken["forms"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            raise broken(path) from None
    return tuple(sorted(found, key=lambda each: (each.number, each.when, each.sha256)))


def _form(raw: dict[str, Any]) -> AcceptedForm:
    columns = tuple((str(v), str(h), str(u)) for v, h, u in raw["columns"])
    return AcceptedForm(columns=columns, **{k: str(v) for k, v in raw.items() if k != "columns"})
