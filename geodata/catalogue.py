"""What is there: every file of a county with where it comes from, what may be done with it, and how it was read.

An entry joins what ``county.toml`` says (publisher, licence, legal basis, dates, legend of signs) with what a run found
(checksum, time, rules, verdict). Checksums and times stay inside: a public one would confirm a guess about the file.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from geodata.errors import GeodataError, MissingFileError
from geodata.licences import Objection, find_licence, objections

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.models import AreaLayer, Observations, Source

Kind = Literal["table", "areas", "raster", "source"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a file was when it was read.

    Attributes
    ----------
    sha256 : str
        Of its bytes, hex.
    bytes : int
        Its size.
    read : str
        UTC, ISO 8601.
    stamp : tuple of int
        Time stamp and size, by which :func:`require_unchanged` sees that somebody wrote the file meanwhile.
    """

    sha256: str
    bytes: int
    read: str
    stamp: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or a source that no file was named for.

    Attributes
    ----------
    id : str
        Of the table, level, ancillary data or source.
    boundary_dates : mapping of str to date
        Gebietsstand of each level that it describes.
    reader : str
        The rules by which it is read: the format of ``county.toml``, ``vector`` or ``raster``.
    objections : tuple of Objection
        Why nothing of it may be published; empty where it may.
    receipt, verdict : optional
        Of the last reading.
    """

    id: str
    kind: Kind
    source: Source
    file: str = ""
    title: str = ""
    boundary_dates: tuple[tuple[str, dt.date | None], ...] = ()
    reader: str = ""
    objections: tuple[Objection, ...] = ()
    receipt: Receipt | None = None
    verdict: Mapping[str, Any] | None = None
    rules: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        source = self.source
        licence = find_licence(source.licence)
        return {
            "id": self.id,
            "kind": self.kind,
            "title": self.title or source.title,
            "source": source.id,
            "publisher": source.publisher,
            "licence": source.licence,
            "licence_id": licence.id if licence else None,
            "licence_url": licence.url if licence else None,
            "attribution": source.attribution,
            "legal_basis": source.legal_basis,
            "purpose": source.purpose,
            "reference_date": _iso(source.reference_date),
            "boundary_dates": {level: _iso(date) for level, date in self.boundary_dates},
            "legend": source.legend,
            "origin": str(source.origin),
            "released": source.released,
            "publishable": not self.objections,
            "objections": [{"why": o.why, "de": o.text.de, "en": o.text.en} for o in self.objections],
            "file": self.file,
            "reader": self.reader,
            "rules": self.rules,
            "sha256": self.receipt.sha256 if self.receipt else None,
            "bytes": self.receipt.bytes if self.receipt else None,
            "read": self.receipt.read if self.receipt else None,
            "verdict": dict(self.verdict) if self.verdict is not None else None,
        }


def _iso(date: dt.date | None) -> str | None:
    return date.isoformat() if date is not None else None


@cache
def rules_version() -> str:
    """Return by which rules files are read: the software's version and a digest of the readers themselves.

    Two installations with the same digest read a file alike, whatever their version numbers say.
    """
    digest = hashlib.sha256()
    package = files("geodata.readers")
    for module in sorted((p for p in package.iterdir() if p.name.endswith(".py")), key=lambda p: p.name):
        digest.update(module.name.encode() + b"\0" + module.read_bytes())
    try:
        number = version("sozialmonitor")
    except PackageNotFoundError:  # run from a source tree that was never installed
        number = "0"
    return f"{number}+{digest.hexdigest()[:8]}"


def named_files(county: County) -> dict[str, list[str]]:
    """Return each file that ``county.toml`` names, and each accepted delivery, with the places that they belong to.

    Parameters
    ----------
    county : County
        Its description.

    Returns
    -------
    dict of str to list of str
        File as named → for example ``["tables.einwohner"]``.
    """
    places: dict[str, list[str]] = {}
    for level in county.levels.values():
        if level.file:
            places.setdefault(level.file, []).append(f"levels.{level.id}")
    for table in county.tables.values():
        for file in county.files(table.id):
            places.setdefault(file, []).append(f"tables.{table.id}")
    for ancillary in county.ancillary.values():
        if ancillary.file:
            places.setdefault(ancillary.file, []).append(f"ancillary.{ancillary.id}")
    return places


def receipt_of(path: Path, *, now: dt.datetime | None = None) -> Receipt:
    """Take the checksum of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    now : datetime.datetime, optional
        The time of reading; default: the clock, UTC.

    Returns
    -------
    Receipt
        Checksum, size and time.

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be opened.
    """
    try:
        found = path.stat()
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise MissingFileError(
            f"expected a file that can be read: {error.strerror}", where=str(path), hint="put it there"
        ) from error
    read = (now or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")
    return Receipt(digest, found.st_size, read, (found.st_mtime_ns, found.st_size))


def receipts(county: County) -> dict[str, Receipt]:
    """Take the checksums of all files of a county; call it just before they are read.

    Parameters
    ----------
    county : County
        Its description.

    Returns
    -------
    dict of str to Receipt
        File as named → receipt.
    """
    return {file: receipt_of(county.path(file)) for file in sorted(named_files(county))}


def require_unchanged(county: County, taken: Mapping[str, Receipt]) -> None:
    """Refuse what was read while somebody wrote it.

    Parameters
    ----------
    county : County
        Its description.
    taken : mapping of str to Receipt
        From before the reading.

    Raises
    ------
    GeodataError
        A file is another one now; the checksum would vouch for something that was not read.
    """
    for file, receipt in taken.items():
        found = county.path(file).stat()
        if (found.st_mtime_ns, found.st_size) != receipt.stamp:
            raise GeodataError(
                "expected the file to stay as it is while it is read, found it changed",
                where=str(county.path(file)),
                hint="wait until whoever writes it has finished, then start again",
            )


def entries(
    county: County,
    *,
    taken: Mapping[str, Receipt] | None = None,
    verdicts: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
) -> tuple[Entry, ...]:
    """List everything that a county is made of.

    Parameters
    ----------
    county : County
        Its description; the files need not exist.
    taken : mapping of str to Receipt, optional
        File → what it was when it was read.
    verdicts : mapping of (str, str) to mapping, optional
        (kind, id) → what the reading found.

    Returns
    -------
    tuple of Entry
        Tables, areas, rasters, then sources for which no file is named.
    """
    taken, verdicts = taken or {}, verdicts or {}

    def entry(
        kind: Kind, name: str, source: Source, file: str, title: str, reader: str, levels: Sequence[str]
    ) -> Entry:
        dates = tuple((level, county.levels[level].boundary_date) for level in levels)
        return Entry(
            id=name,
            kind=kind,
            source=source,
            file=file,
            title=title,
            boundary_dates=dates,
            reader=reader,
            objections=objections(source),
            receipt=taken.get(file),
            verdict=verdicts.get((kind, name)),
            rules=rules_version() if file in taken else "",
        )

    # A table of several files has an entry for each, with the verdict on them together.
    found = [
        entry("table", t.id, county.sources[t.source], file, "", _reader(t.format), t.levels)
        for t in county.tables.values()
        for file in county.files(t.id) or ("",)
    ]
    found += [
        entry("areas", lv.id, county.sources[lv.source], lv.file, lv.title.de, "vector", (lv.id,))
        for lv in county.levels.values()
        if lv.file
    ]
    found += [
        entry("raster", a.id, county.sources[a.source], a.file, a.title.de, "raster", ())
        for a in county.ancillary.values()
        if a.file
    ]
    used = {e.source.id for e in found}
    found += [entry("source", s.id, s, "", s.title, "", ()) for s in county.sources.values() if s.id not in used]
    return tuple(found)


def _reader(format_: str | None) -> str:
    return "by content" if format_ is None else format_


def observed(table: Observations) -> dict[str, Any]:
    """Return the verdict on a table that was read.

    Parameters
    ----------
    table : Observations
        What its reader returned.

    Returns
    -------
    dict
        Rows, areas, periods, statuses and the reader's notes.
    """
    rows = table.table
    return {
        "rows": len(rows),
        "areas": int(rows["area_id"].nunique()),
        "periods": sorted(int(year) for year in rows["period"].unique()),
        "variables": list(table.variables),
        "statuses": {str(k): int(n) for k, n in rows["status"].value_counts().items()},
        "findings": list(table.notes),
    }


def mapped(layer: AreaLayer) -> dict[str, Any]:
    """Return the verdict on areas that were read."""
    context = int(layer.areas["context"].sum())
    return {
        "rows": len(layer.areas),
        "areas": len(layer.areas) - context,
        "findings": [f"{context} areas outside the county, as neighbours"] if context else [],
    }
