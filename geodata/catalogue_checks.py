"""What is wrong with the sources of a county, or out of date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from geodata.catalogue import named_files, receipt_of
from geodata.licences import objections

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.models import Source

Severity = Literal["error", "warning", "note"]
#: Figures that lag so many years behind the county's newest ones are out of date.
LAG = 3
#: A source that was fixed so many years ago is worth a look.
OLD = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said about an entry.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        An error stops a run or keeps figures from the public that were meant for it; a warning keeps them inside as
        ``county.toml`` asks or needs a look; a note is for knowing.
    """

    severity: Severity
    place: str
    text: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the same for JSON."""
        return {"severity": self.severity, "place": self.place, "text": self.text, "hint": self.hint}


def check(
    county: County,
    published: Mapping[str, Any] | None = None,
    *,
    today: dt.date | None = None,
) -> tuple[Finding, ...]:
    """Say what is wrong or out of date.

    Parameters
    ----------
    county : County
        Its description; the files need not exist.
    published : mapping, optional
        The internal manifest of the last publication, to compare with.
    today : datetime.date, optional
        Default: the clock.

    Returns
    -------
    tuple of Finding
        Errors first.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    found = _files(county, (published or {}).get("inputs"))
    for source in county.sources.values():
        found += _source(source, today)
    if published is not None:
        found += _dates(county, published)
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda f: rank[f.severity]))


def _files(county: County, before: Mapping[str, str] | None) -> list[Finding]:
    found = []
    for file, places in named_files(county).items():
        place = ", ".join(places)
        if not county.path(file).is_file():
            found.append(Finding("error", place, f"{file} is missing", f"put it under {county.data}"))
        elif before is not None and file not in before:
            found.append(
                Finding("note", place, f"{file} is new since the last publication", "sozialmonitor update shows it")
            )
        elif before is not None and receipt_of(county.path(file)).sha256 != before[file]:
            hint = "sozialmonitor update shows what that changes"
            found.append(Finding("warning", place, f"{file} is not what the last publication was made of", hint))
    return found


def _source(source: Source, today: dt.date) -> list[Finding]:
    place = f"sources.{source.id}"
    hints = {
        "no_licence": "ask the publisher, and add licence, for example dl-de/by-2-0; until then it stays inside",
        "no_legal_basis": "say by what right the figures are held and shown; until then they stay inside",
        "internal_licence": "results appear in the internal edition only",
        "unknown_licence": "use an id of GovData or SPDX that docs/catalogue.md lists; until then it stays inside",
        "no_attribution": "add the words that the publisher asks for",
    }
    severity: dict[str, Severity] = {"unknown_licence": "error", "internal_licence": "note"}
    found = [
        Finding(severity.get(o.why, "warning"), place, f"{o.text.en}: not publishable", hints[o.why])
        for o in objections(source)
    ]
    if source.reference_date is None:
        found.append(Finding("note", place, "no reference date", "add reference_date"))
    else:
        years = (today - source.reference_date).days / 365.25
        if years >= OLD:
            text = f"its reference date {source.reference_date} lies {int(years)} years back"
            found.append(Finding("note", place, text, "ask for a newer delivery, or leave it if there is none"))
        elif years < 0:
            found.append(
                Finding("warning", place, f"its reference date {source.reference_date} is to come", "mend the date")
            )
    return found


def _dates(county: County, published: Mapping[str, Any]) -> list[Finding]:
    """Compare years with years: figures that lag behind, dates that nobody kept up, old boundaries."""
    last: dict[str, int] = {}
    for entry in published.get("catalogue", ()):
        periods = (entry.get("verdict") or {}).get("periods")
        if entry["kind"] == "table" and periods and entry["id"] in county.tables:
            last[entry["id"]] = max(periods)
    newest = max(last.values(), default=0)
    found = []
    for name, year in last.items():
        table = county.tables[name]
        place, source = f"tables.{name}", county.sources[table.source]
        # Cells come once in a census; what lags are tables that somebody delivers every year.
        cells = all(county.levels[level].cells for level in table.levels)
        if newest - year >= LAG and not cells:
            found.append(
                Finding("warning", place, f"ends in {year}, others in {newest}", f"ask {source.publisher} for the rest")
            )
        if source.reference_date is not None and source.reference_date.year < year:
            found.append(
                Finding(
                    "warning",
                    f"sources.{source.id}",
                    f"reference date {source.reference_date}, but {name} holds figures of {year}",
                    "move reference_date with the delivery",
                )
            )
        for level in table.levels:
            date = county.levels[level].boundary_date
            if date is not None and year - date.year >= OLD:
                text = f"figures of {year} on boundaries of {date}"
                found.append(Finding("note", f"levels.{level}", text, "check for mergers in between"))
    return list(dict.fromkeys(found))
