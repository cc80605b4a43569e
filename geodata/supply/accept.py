"""Take a checked delivery over into the county, and back out: files by content, never one in place of another."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geodata.county import County
from geodata.errors import FormatError, GeodataError, MissingFileError, some
from geodata.supply.check import Result
from geodata.supply.delivered import FOLDER, WITHDRAWN, Accepted, AcceptedForm, accepted_deliveries, read_documents
from geodata.supply.reading import read_delivery
from geodata.supply.receipt import alone, renewed, safe_name, with_event, write_receipt
from geodata.supply.request import Form, Request


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking over did.

    Attributes
    ----------
    again : bool
        The same content had been taken over before.
    back : bool
        It had got lost since, and lies in its place again.
    paths : (pathlib.Path, pathlib.Path)
        The receipt, JSON and text.
    """

    delivery: Accepted
    document: dict[str, Any]
    paths: tuple[Path, Path]
    again: bool = False
    back: bool = False


def accept_delivery(county: County, path: Path, result: Result, document: dict[str, Any], *, now: dt.datetime) -> Taken:
    """Put a file that was checked and found acceptable into the county's folder of deliveries.

    Parameters
    ----------
    county : County
        Into which.
    path : pathlib.Path
        The file; it stays where it is.
    result : Result
        Of its check against this county.
    document : dict
        Its receipt, of :func:`geodata.supply.receipt.receipt_document`.
    now : datetime.datetime
        With time zone.

    Returns
    -------
    Taken
        The delivery, and its receipt.

    Raises
    ------
    FormatError
        The check found errors, the file changed since, or another file lies in its place.
    GeodataError
        The normal reader of tables cannot read it.
    """
    request = result.request
    if request is None or not result.accepted:
        raise FormatError("zurückgewiesene Dateien werden nicht übernommen", where=path.name, hint="Meldungen beheben")
    folder = county.folder / FOLDER
    payload = path.read_bytes()
    if hashlib.sha256(payload).hexdigest() != result.sha256:
        raise FormatError("die Datei hat sich seit der Prüfung geändert", where=str(path), hint="noch einmal beginnen")
    with alone(folder):
        return _accept(county, request, payload, result.sha256, document, now)


def _accept(
    county: County, request: Request, payload: bytes, sha256: str, document: dict[str, Any], now: dt.datetime
) -> Taken:
    folder = county.folder / FOLDER
    document, current = renewed(document, folder), accepted_deliveries(folder, county.id)
    before = document["delivery"]
    if before and not before["withdrawn"]:
        known = next((each for each in current if each.sha256 == sha256), None)
        if known is not None:
            back = _place(payload, county.folder / known.file)
            return Taken(known, document, write_receipt(document, folder), again=True, back=back)
    delivery = Accepted(
        file=f"{FOLDER}/{_name(request, sha256)}",
        department=request.department,
        periods=request.periods,
        number=1 + max((_number(raw) for _, raw in read_documents(folder)), default=0),
        when=now,
        sha256=sha256,
        forms=tuple(_form(form) for form in request.forms),
    )
    target = county.folder / delivery.file
    made = _place(payload, target)
    try:
        # What the run could not read must not become part of the county.
        within = replace(county, accepted=(*current, delivery))
        for form in delivery.forms:
            read_delivery(within, delivery, form)
    except GeodataError:
        if made:
            target.unlink()
        raise
    document["delivery"] = {
        "file": target.name,
        "number": delivery.number,
        "accepted": now.isoformat(timespec="seconds"),
        "withdrawn": None,
        "forms": [_as_dict(form) for form in delivery.forms],
    }
    document = with_event(document, "übernommen", now)
    return Taken(delivery, document, write_receipt(document, folder))


def _name(request: Request, sha256: str) -> str:
    """Return the name of a delivery: department, years, the beginning of its checksum."""
    first, last = request.periods[0], request.periods[-1]
    whole = request.periods == tuple(range(first, last + 1))
    years = str(first) if first == last else f"{first}-{last}" if whole else "_".join(map(str, request.periods))[:40]
    return f"{safe_name(request.department)}-{years}-{sha256[:12]}.xlsx"


def _number(raw: dict[str, Any]) -> int:
    return int((raw.get("delivery") or {}).get("number", 0))


def _form(form: Form) -> AcceptedForm:
    columns = tuple((column.variable, column.heading, column.unit) for column in form.columns)
    return AcceptedForm(form.table, form.sheet, form.area, form.period, form.flag, form.legend, columns)


def _as_dict(form: AcceptedForm) -> dict[str, Any]:
    plain = ("table", "sheet", "area", "period", "flag", "legend")
    return {name: getattr(form, name) for name in plain} | {"columns": [list(column) for column in form.columns]}


def _place(payload: bytes, target: Path) -> bool:
    """Write a file that must not replace another one; tell whether it was new."""
    if target.exists():
        if target.read_bytes() == payload:
            return False
        raise FormatError(
            "an dieser Stelle liegt eine andere Datei; eine Lieferung wird nie überschrieben",
            where=str(target),
            hint="die fremde Datei weglegen und noch einmal übernehmen",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(payload)
    part.replace(target)
    return True


def withdraw_delivery(county: County, name: str, *, now: dt.datetime) -> tuple[Accepted, Path | None]:
    """Take a delivery out of the county: it no longer counts, and moves into a folder beside.

    Parameters
    ----------
    county : County
        Out of which.
    name : str
        Name of the file, a path to it, or its running number.
    now : datetime.datetime
        With time zone.

    Returns
    -------
    Accepted, pathlib.Path or None
        What was withdrawn, and where it lies now; None where the file was gone.

    Raises
    ------
    MissingFileError
        No delivery of this name counts.
    """
    with alone(county.folder / FOLDER):
        return _withdraw(county, name, now)


def _withdraw(county: County, name: str, now: dt.datetime) -> tuple[Accepted, Path | None]:
    folder = county.folder / FOLDER
    current = accepted_deliveries(folder, county.id)
    wanted = Path(name).name
    found = [each for each in current if wanted in (Path(each.file).name, str(each.number))]
    if len(found) != 1:
        listed = some((f"{each.number} ({Path(each.file).name})" for each in current), 20) or "keine"
        raise MissingFileError(
            f"keine übernommene Lieferung {name!r}; übernommen sind: {listed}",
            where=str(folder),
            hint="Nummer oder Dateinamen von `sozialmonitor supply list` nennen",
        )
    (delivery,) = found
    for _, raw in read_documents(folder):
        if raw["file"]["sha256"] == delivery.sha256 and raw.get("delivery"):
            raw["delivery"]["withdrawn"] = now.isoformat(timespec="seconds")
            # The receipt first: from here on nobody reads the file.
            write_receipt(with_event(raw, "zurückgezogen", now), folder)
    source, target = county.folder / delivery.file, folder / WITHDRAWN / Path(delivery.file).name
    if not source.is_file():
        return delivery, None
    target.parent.mkdir(exist_ok=True)
    if target.exists() and target.read_bytes() != source.read_bytes():
        # Accepted, changed by somebody, withdrawn: both stay.
        stamp = f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
        target = target.with_name(f"{target.stem}-{stamp}{target.suffix}")
    shutil.move(source, target)
    return delivery, target
