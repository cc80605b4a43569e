"""The receipt of a delivery: file, who, when, hash, counts, verdict; once for machines and once for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.errors import FormatError
from geodata.supply.check import Result
from geodata.supply.template import QUESTIONS, german

SUFFIX = ".quittung.json"
#: Folder of a county that keeps its receipts, beside ``county.toml``.
FOLDER = "lieferungen"
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
    when : datetime.datetime
        Moment of the check, with time zone.
    """

    county: str
    department: str
    periods: tuple[int, ...]
    tables: tuple[str, ...]
    accepted: bool
    when: dt.datetime
    sha256: str


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
        "kind": "sozialmonitor-receipt",
        "format": 1,
        "file": {"name": result.file, "sha256": result.sha256, "bytes": result.size},
        "when": now.isoformat(timespec="seconds"),
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
        "answers": result.answers,
        "verdict": result.verdict,
        "accepted": result.accepted,
        "remarks": [
            {"place": r.place, "message": r.message, "remedy": r.remedy, "error": r.error} for r in result.remarks
        ],
        "software": version,
    }


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
    if who is not None:
        lines += [
            f"Von        {who['name']} ({who['contact']})",
            f"Freigabe   {who['released_by'] or 'nicht angegeben'}",
            f"Zeitraum   {', '.join(map(str, document['periods']))}",
            f"Vorlage    {document['template']}",
        ]
    for table, counts in document["counts"].items():
        said = ", ".join(f"{number} {_STATUS.get(status, status)}" for status, number in counts.items())
        lines.append(f"Tabelle    {table}: {said}")
    for title, error in (("Zu beheben", True), ("Hinweise", False)):
        remarks = [r for r in document["remarks"] if r["error"] is error]
        if remarks:
            lines += ["", f"{title}:"]
            lines += [f"- {r['place']}: {r['message']}. {r['remedy']}".rstrip() for r in remarks]
    return "\n".join(lines) + "\n"


def write_receipt(document: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write a receipt twice, under a name that tells department, period, moment and file.

    Parameters
    ----------
    document : dict
        Of :func:`receipt_document`.
    folder : pathlib.Path
        Made if it does not exist.

    Returns
    -------
    pathlib.Path, pathlib.Path
        JSON and text.
    """
    who = document["who"]
    moment = dt.datetime.fromisoformat(document["when"]).astimezone(dt.UTC)
    periods = "-".join(map(str, document["periods"]))
    # Names come from a file that somebody sent: only the county's own words make a path.
    department = "".join(
        c for c in (who["department"] if who else "unbekannt") if c.isascii() and (c.isalnum() or c == "_")
    )
    stem = f"{department[:40]}_{periods[:40] or 'ohne'}_{moment:%Y%m%dT%H%M%SZ}_{document['file']['sha256'][:8]}"
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
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["kind"] != "sozialmonitor-receipt" or raw["format"] != 1:
                raise ValueError
            if raw["who"] is None:
                continue
            when = dt.datetime.fromisoformat(raw["when"])
            found.append(
                Receipt(
                    county=str(raw["who"]["county"]),
                    department=str(raw["who"]["department"]),
                    periods=tuple(map(int, raw["periods"])),
                    tables=tuple(map(str, raw["tables"])),
                    accepted=raw["accepted"] is True,
                    when=when if when.tzinfo else when.replace(tzinfo=dt.UTC),
                    sha256=str(raw["file"]["sha256"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            raise FormatError(
                "die Datei ist keine Quittung",
                where=str(path),
                hint="`sozialmonitor supply check` noch einmal laufen lassen",
            ) from None
    yield from sorted(found, key=lambda receipt: (receipt.when, receipt.sha256))
