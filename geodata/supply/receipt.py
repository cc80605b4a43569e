"""The receipt of a delivery: file, who, when, hash, counts, verdict; once for machines and once for people.

One content has one receipt: another check of the same file changes it, and its history tells what was before.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geodata.errors import GeodataError
from geodata.supply.check import Result
from geodata.supply.delivered import FORMAT, KIND, SUFFIX, broken, read_documents
from geodata.supply.template import QUESTIONS, german

#: Events that a history keeps.
_HISTORY = 40
#: Seconds to wait for another who writes into the same folder.
PATIENCE = 30.0
_STATUS = {
    "observed": "Zahlen",
    "zero": "Nullen",
    "missing": "leer",
    "suppressed": "geheim",
    "suppressed_or_unknown": "unbekannt oder geheim",
    "not_yet_available": "folgt später",
    "not_applicable": "nicht sinnvoll",
    "unreliable": "nicht verlässlich",
    "rounded_to_zero": "auf null gerundet",
    "zero_or_suppressed": "null oder geheim",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the calendar needs to know of a delivery.

    Attributes
    ----------
    tables : tuple of str
        Tables that the file held.
    accepted : bool
        Verdict of the last check.
    when : datetime.datetime
        Moment of the last check, with time zone.
    arrived : datetime.datetime or None
        Moment of the first check that found the file acceptable.
    taken, withdrawn : datetime.datetime or None
        When it was taken over into the county, and when withdrawn from it.
    template : str
        Version of the template.
    cells : mapping of (str, int) to (int, int)
        Table and year → how many cells were asked for, and which are filled, as in
        :class:`geodata.supply.check.Result`; empty in receipts of older software.
    """

    county: str
    department: str
    periods: tuple[int, ...]
    tables: tuple[str, ...]
    accepted: bool
    when: dt.datetime
    sha256: str
    arrived: dt.datetime | None = None
    taken: dt.datetime | None = None
    withdrawn: dt.datetime | None = None
    template: str = ""
    cells: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def counts(self, today: dt.date) -> bool:
        """Tell whether the delivery was part of the county on a day."""
        return (
            self.taken is not None
            and self.taken.date() <= today
            and (self.withdrawn is None or self.withdrawn.date() > today)
        )


def receipt_document(result: Result, *, now: dt.datetime, version: str) -> dict[str, Any]:
    """Return the receipt as plain data; it repeats no figure and no text of the file.

    Parameters
    ----------
    result : Result
        Of the check.
    now : datetime.datetime
        With time zone.
    version : str
        Of the software.
    """
    request = result.request
    tables: dict[str, dict[str, int]] = {}
    for name, number in sorted(result.counts.items()):
        table, _, status = name.partition("/")
        tables.setdefault(table, {})[status] = number
    return {
        "kind": KIND,
        "format": FORMAT,
        "file": {"name": result.file, "sha256": result.sha256, "bytes": result.size},
        "when": now.isoformat(timespec="milliseconds"),  # the calendar asks which of two checks was the later
        "who": None
        if request is None
        else {
            "county": request.county,
            "department": request.department,
            "name": request.department_name,
            "contact": request.contact,
            "released_by": result.answers.get(QUESTIONS[0][0]),  # another answer is no release
        },
        "template": None if request is None else request.template,
        "periods": [] if request is None else list(request.periods),
        "tables": [] if request is None else [form.table for form in request.forms],
        "counts": tables,
        "cells": [[table, period, asked, f"{bits:x}"] for (table, period), (asked, bits) in result.cells.items()],
        "answers": result.answers,
        "verdict": result.verdict,
        "accepted": result.accepted,
        "arrived": now.isoformat(timespec="seconds") if result.accepted else None,
        "delivery": None,
        "history": [_event("geprüft", now, result.verdict)],
        "remarks": [
            {"place": r.place, "message": r.message, "remedy": r.remedy, "error": r.error} for r in result.remarks
        ],
        "software": version,
    }


def _event(what: str, now: dt.datetime, verdict: str = "") -> dict[str, Any]:
    moment = now.isoformat(timespec="seconds")
    return {"what": what, "verdict": verdict, "first": moment, "last": moment, "times": 1}


def with_event(document: dict[str, Any], what: str, now: dt.datetime) -> dict[str, Any]:
    """Return a receipt to whose history something was added.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document` or :func:`kept_receipt`.
    what : str
        For example ``übernommen``.
    now : datetime.datetime
        With time zone.
    """
    return {**document, "history": _folded([*document["history"], _event(what, now)])}


def _folded(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count what happened several times in a row once."""
    out: list[dict[str, Any]] = []
    for event in history:
        if out and (out[-1]["what"], out[-1]["verdict"]) == (event["what"], event["verdict"]):
            out[-1] = {**out[-1], "last": event["last"], "times": out[-1]["times"] + event["times"]}
        else:
            out.append(event)
    return out[-_HISTORY:]


def receipt_text(document: dict[str, Any]) -> str:
    """Return the receipt as people read it.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document`.
    """
    who, when = document["who"], dt.datetime.fromisoformat(document["when"])
    lines = [
        f"Quittung: {document['verdict']}",
        "",
        f"Datei      {document['file']['name']} ({document['file']['bytes']} Bytes)",
        f"SHA-256    {document['file']['sha256']}",
        f"Geprüft    {german(when.date())} {when:%H:%M %Z}".rstrip(),
    ]
    times = sum(event["times"] for event in document["history"] if event["what"] == "geprüft")
    if times > 1:
        lines[-1] += f" (zum {times}. Mal; diese Quittung ersetzt die früheren)"
    if who is not None:
        lines += [
            f"Von        {who['name']} ({who['contact']})",
            f"Freigabe   {who['released_by'] or 'nicht angegeben'}",
            f"Zeitraum   {', '.join(map(str, document['periods']))}",
            f"Vorlage    {document['template']}",
        ]
    taken = document["delivery"]
    if taken:
        lines.append(f"Übernommen {_moment(taken['accepted'])} als {taken['file']} (Lieferung {taken['number']})")
        if taken["withdrawn"]:
            lines.append(f"Zurückgezogen {_moment(taken['withdrawn'])}: Die Lieferung zählt nicht mehr")
    elif document["accepted"]:
        lines.append("Übernommen noch nicht: „sozialmonitor supply accept“")
    for table, counts in document["counts"].items():
        said = ", ".join(f"{number} {_STATUS.get(status, status)}" for status, number in counts.items())
        lines.append(f"Tabelle    {table}: {said}")
    for title, error in (("Zu beheben", True), ("Hinweise", False)):
        remarks = [r for r in document["remarks"] if r["error"] is error]
        if remarks:
            lines += ["", f"{title}:"]
            lines += [f"- {r['place']}: {r['message']}. {r['remedy']}".rstrip() for r in remarks]
    return "\n".join(lines) + "\n"


def _moment(moment: str) -> str:
    when = dt.datetime.fromisoformat(moment)
    return f"{german(when.date())} {when:%H:%M}"


def stem_of(document: dict[str, Any]) -> str:
    """Return the name of a receipt without its ending: department, periods, content.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document`.
    """
    who = document["who"]
    periods = "-".join(map(str, document["periods"]))
    # Names come from a file that somebody sent: only the county's own words make a path.
    department = safe_name(who["department"] if who else "unbekannt")
    return f"{department}_{periods[:40] or 'ohne'}_{document['file']['sha256'][:12]}"


def safe_name(text: str) -> str:
    """Return what of a text may stand in the name of a file.

    Examples
    --------
    >>> safe_name("../amt_2")
    'amt_2'
    """
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c == "_"))[:40]


def kept_receipt(document: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """Return the receipt that a folder has for the same content; None where there is none.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document`.
    folder : pathlib.Path
        Of the receipts.

    Raises
    ------
    FormatError
        The file called so is no receipt.
    """
    path = folder / f"{stem_of(document)}{SUFFIX}"
    found = next((raw for place, raw in read_documents(folder) if place == path), None)
    if found is None:
        return None
    try:
        same = found["file"]["sha256"] == document["file"]["sha256"]
        whole = isinstance(found["history"], list) and (found["delivery"] is None or bool(found["delivery"]["file"]))
    except (KeyError, TypeError):
        raise broken(path) from None
    if not (same and whole):
        raise broken(path)
    return found


def renewed(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a new receipt joined with the one that a folder has for the same content.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document`, just made.
    folder : pathlib.Path
        Of the receipts.

    Returns
    -------
    dict
        The new verdict; history, first arrival and whether it was taken over as before.
    """
    before = kept_receipt(document, folder)
    if before is None:
        return document
    return {
        **document,
        "arrived": before.get("arrived") or document["arrived"],
        "delivery": before["delivery"],
        "history": _folded([*before["history"], *document["history"]]),
    }


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a county's folder of deliveries: who reads a receipt to write it again must not meet another doing so.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it does not exist.

    Raises
    ------
    GeodataError
        Somebody else holds it for longer than a check takes.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=PATIENCE):
            yield
    except Timeout as error:
        raise GeodataError(
            "gerade schreibt jemand anderes in diesen Ordner",
            where=str(folder),
            hint="warten, bis der andere Aufruf zu Ende ist, und noch einmal beginnen",
        ) from error


def write_receipt(document: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write a receipt twice, under a name that tells department, period and content; it replaces its predecessor.

    Parameters
    ----------
    document : dict
        Of :func:`renewed`.
    folder : pathlib.Path
        Made if it does not exist.

    Returns
    -------
    pathlib.Path, pathlib.Path
        JSON and text.
    """
    stem = stem_of(document)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{stem}{SUFFIX}", folder / f"{stem}{SUFFIX.removesuffix('json')}txt"
    for path, text in zip(
        paths, (json.dumps(document, ensure_ascii=False, indent=2) + "\n", receipt_text(document)), strict=True
    ):
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    return paths


def read_receipts(folder: Path) -> Iterator[Receipt]:
    """Read all receipts of a folder, oldest first.

    Raises
    ------
    FormatError
        A file called a receipt is none.
    """
    found = []
    for path, raw in read_documents(folder):
        try:
            if raw["who"] is None:
                continue
            delivery = raw.get("delivery") or {}
            found.append(
                Receipt(
                    county=str(raw["who"]["county"]),
                    department=str(raw["who"]["department"]),
                    periods=tuple(map(int, raw["periods"])),
                    tables=tuple(map(str, raw["tables"])),
                    accepted=raw["accepted"] is True,
                    when=_aware(raw["when"]),
                    sha256=str(raw["file"]["sha256"]),
                    arrived=_aware(raw["arrived"]) if raw.get("arrived") else None,
                    taken=_aware(delivery["accepted"]) if delivery else None,
                    withdrawn=_aware(delivery["withdrawn"]) if delivery.get("withdrawn") else None,
                    template=str(raw["template"]),
                    cells={
                        (str(table), int(period)): (int(asked), int(bits, 16))
                        for table, period, asked, bits in raw.get("cells", ())
                    },
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise broken(path) from None
    yield from sorted(found, key=lambda receipt: (receipt.when, receipt.sha256))


def _aware(moment: str) -> dt.datetime:
    when = dt.datetime.fromisoformat(moment)
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
