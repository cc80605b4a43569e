"""What is asked for from a department: tables, columns, areas, periods. Written into the template, read by check."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from geodata.county import County
from geodata.county_schema import DepartmentSection, TableSpec
from geodata.errors import ConfigError, FormatError, some
from geodata.readers import long, signs
from geodata.supply.sheets import COVER, DEFINITIONS, GUIDE, KNOWN, MACHINE

#: Version of the form itself; raised when older checks can no longer read newer templates.
FORM = 1
#: How long before its day a delivery within the reported year may be prepared.
_NEAR = dt.timedelta(days=120)
#: Sheet of a table for which county.toml names none.
DATA = "Daten"


@dataclass(frozen=True, slots=True)
class Column:
    """One column to fill.

    Attributes
    ----------
    whole : bool
        Counts: whole numbers only.
    percent : bool
        A share: 0 to 100.
    """

    variable: str
    heading: str
    unit: str = ""
    whole: bool = True
    percent: bool = False
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One sheet to fill: areas × periods down, columns across.

    Attributes
    ----------
    flag : str
        Heading of the column for remarks on quality; empty where the county reads none.
    legend : str
        Legend of signs that cells may hold.
    areas : tuple of (str, str)
        Key and name.
    """

    table: str
    sheet: str
    area: str
    name: str
    period: str
    columns: tuple[Column, ...]
    areas: tuple[tuple[str, str], ...]
    legend: str = "none"
    flag: str = ""
    source: str = ""
    legal_basis: str = ""
    purpose: str = ""

    @property
    def headings(self) -> tuple[str, ...]:
        """All headings, in order."""
        last = (self.flag,) if self.flag else ()
        return (self.area, self.name, self.period, *(c.heading for c in self.columns), *last)


@dataclass(frozen=True, slots=True)
class Request:
    """What one department is to deliver, for some periods.

    Attributes
    ----------
    due : tuple of (int, str)
        Period and day (ISO) by which it is expected.
    """

    county: str
    county_title: str
    department: str
    department_name: str
    contact: str
    periods: tuple[int, ...]
    due: tuple[tuple[int, str], ...]
    forms: tuple[Form, ...]
    form: int = FORM

    @property
    def version(self) -> str:
        """Fingerprint of sheets, columns, definitions, areas and periods; equal requests have equal versions."""
        raw = asdict(self)
        # Who answers questions, and until when, may change while a template is out.
        for name in ("county_title", "department_name", "contact", "due"):
            del raw[name]
        for form in raw["forms"]:
            for name in ("source", "legal_basis", "purpose"):
                del form[name]
        return _digest(raw)[:12]

    @property
    def template(self) -> str:
        """Id of the template."""
        return f"{self.county}/{self.department}/{'-'.join(map(str, self.periods))}/{self.version}"

    @property
    def is_whole(self) -> bool:
        """Something is asked for, of years that are years, in legends that exist."""
        return (
            bool(self.periods and self.forms)
            and all(1000 <= period <= 9999 for period in self.periods)
            and all(form.columns and form.areas and form.legend in signs.LEGENDS for form in self.forms)
        )

    def to_json(self) -> str:
        """Return the request with its id, for the machine's sheet."""
        request = asdict(self)
        return _canonical({"template": self.template, "sha256": _digest(request), "request": request})

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Request:
        """Read a request back, and trust nothing in it.

        Raises
        ------
        FormatError
            It is no request, of another form, or was changed.
        """
        hint = "die Vorlage neu anfordern und die Werte dort eintragen"
        try:
            document = json.loads(text)
            raw = document["request"]
            if raw["form"] != FORM:
                raise FormatError(
                    f"erwartet wird die Formularfassung {FORM}, gefunden {raw['form']!r}", where=where, hint=hint
                )
            request = _ADAPTER.validate_json(json.dumps(raw), strict=True)
            for _, day in request.due:
                dt.date.fromisoformat(day)
            if not request.is_whole:
                raise ValueError
            intact = _digest(asdict(request)) == document["sha256"]
        except FormatError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise FormatError(
                f"das verborgene Blatt {MACHINE!r} ist unlesbar: die Datei ist keine Vorlage oder wurde verändert",
                where=where,
                hint=hint,
            ) from None
        if not intact:
            raise FormatError(f"das verborgene Blatt {MACHINE!r} wurde verändert", where=where, hint=hint)
        return request


#: Types are taken at their word: a file that somebody sent can be no crash later on.
_ADAPTER = TypeAdapter(Request)


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document).encode()).hexdigest()


def latest_period(department: DepartmentSection, today: dt.date) -> int:
    """Return the youngest period that can be filled: a year that has ended, or whose day of delivery is near.

    Raises
    ------
    ConfigError
        The first expected period lies in the future.
    """
    last = today.year - 1
    if department.lag == 0 and department.due_date(today.year) - today <= _NEAR:
        last = today.year
    found = list(periods_until(department, last))
    if not found:
        raise ConfigError(
            f"der erste Berichtszeitraum ist {department.since}",
            where=f"departments.{department.id}.since",
            hint="den Zeitraum mit --period nennen",
        )
    return found[-1]


def periods_until(department: DepartmentSection, last: int) -> range:
    """Return the periods a department delivers, from the first to the last."""
    return range(department.since, last + 1, 2 if department.cycle == "two-yearly" else 1)


def find_department(county: County, department: str) -> DepartmentSection:
    """Return a department by id or name.

    Raises
    ------
    ConfigError
        There is none of that name.
    """
    for each in county.departments.values():
        if department in (each.id, each.name):
            return each
    known = some(county.departments, 20) or "keine"
    raise ConfigError(
        f"unbekannter Fachdienst {department!r}; bekannt sind: {known}",
        where=str(county.folder / "county.toml"),
        hint="einen davon nennen, oder [[departments]] ergänzen",
    )


def build_request(county: County, department: str, periods: Sequence[int] = (), *, today: dt.date) -> Request:
    """Say what a department is to deliver.

    Parameters
    ----------
    county : County
        Its description; areas are read from the files of its levels.
    department : str
        Id or name.
    periods : sequence of int, optional
        Years; default: the youngest that can be filled.
    today : datetime.date
        Decides the default.

    Returns
    -------
    Request
        Tables, columns, areas, periods.

    Raises
    ------
    GeodataError
        There is no such department, or one of its tables cannot be filled in a sheet.
    """
    section = find_department(county, department)
    years = tuple(sorted(set(periods))) or (latest_period(section, today),)
    wanted: dict[str, set[str]] = {}
    home = county.variables()
    for name in section.delivers:
        table = county.tables.get(name) or home[name]
        wanted.setdefault(table.id, set()).update(table.columns if name in county.tables else {name})
    tables = [county.tables[name] for name in county.tables if name in wanted]
    unnamed = sum(table.sheet is None for table in tables)
    cache: dict[str, tuple[tuple[str, str], ...]] = {}
    forms = tuple(
        _form(county, table, wanted[table.id], years, f"{DATA} {table.id}"[:31] if unnamed > 1 else DATA, cache)
        for table in tables
    )
    sheets = [form.sheet.casefold() for form in forms]
    if len(set(sheets)) < len(sheets) or {GUIDE, DEFINITIONS, COVER, KNOWN, MACHINE} & {form.sheet for form in forms}:
        raise ConfigError(
            f"expected different sheets for the tables of {section.id!r}, found {some(f.sheet for f in forms)}",
            where=f"departments.{section.id}.delivers",
            hint=f"name others with sheet; {GUIDE}, {DEFINITIONS}, {COVER} and {KNOWN} are taken",
        )
    return Request(
        county=county.id,
        county_title=county.title.de,
        department=section.id,
        department_name=section.name,
        contact=section.contact,
        periods=years,
        due=tuple((year, section.due_date(year).isoformat()) for year in years),
        forms=forms,
    )


def _form(
    county: County,
    table: TableSpec,
    variables: set[str],
    years: Sequence[int],
    sheet: str,
    cache: dict[str, tuple[tuple[str, str], ...]],
) -> Form:
    place = f"tables.{table.id}"
    if any(spec.select for spec in table.columns.values()):
        raise ConfigError(
            "expected one column a variable, found select", where=place, hint="deliver wide tables: one column each"
        )
    if table.area is None or table.key not in ("text", "ags"):
        raise ConfigError(
            "expected area, and key text or ags, for a table that is filled by hand", where=place, hint="set them"
        )
    fixed = isinstance(table.period, int) or (isinstance(table.period, str) and long.year_of(table.period) is not None)
    if (fixed or table.period is None) and len(years) > 1:
        raise ConfigError(
            f"expected one period, found {len(years)}: the table names no column for the year",
            where=f"{place}.period",
            hint="set period to a heading",
        )
    level = table.levels[0]
    if level not in cache:
        cache[level] = read_area_names(county, level)
    source = county.sources[table.source]
    return Form(
        table=table.id,
        sheet=table.sheet or sheet,
        area=table.area,
        name=_name_heading(county.levels[level].title.de, table),
        period=table.period if isinstance(table.period, str) and not fixed else "Jahr",
        columns=tuple(
            Column(
                variable=name,
                heading=spec.column,
                unit=spec.unit,
                whole=spec.unit in ("", "Anzahl") and not spec.share_of,
                percent=spec.share_of is not None or spec.unit == "%",
                definition=spec.definition or _definition(county, name),
            )
            for name, spec in table.columns.items()
            if name in variables
        ),
        areas=cache[level],
        legend=source.legend,
        flag=table.flag or "",
        source=source.title,
        legal_basis=source.legal_basis,
        purpose=source.purpose,
    )


def _name_heading(title: str, table: TableSpec) -> str:
    taken = {table.area, table.period, *(spec.column for spec in table.columns.values())}
    return next(name for name in ("Gebiet", f"Name ({title})", "Gebietsname") if name not in taken)


def _definition(county: County, variable: str) -> str:
    """Say in which indicators a variable is used, where nobody wrote what it counts."""
    used = []
    for indicator in county.indicators.values():
        pairs = {
            indicator.numerator,
            indicator.denominator,
            *(v for pair in indicator.breakdown.values() for v in pair),
        }
        if variable in pairs:
            role = "Nenner" if variable == indicator.denominator else "Zähler"
            used.append(f"{role} von „{indicator.title.de}“: {indicator.definition.de}".rstrip(": "))
    return "; ".join(used[:3])


def read_area_names(county: County, level: str) -> tuple[tuple[str, str], ...]:
    """Read keys and names of a county's own areas.

    Raises
    ------
    GeodataError
        The file cannot be read, or the level consists of cells, which nobody fills by hand.
    """
    from geodata.readers.vector import read_areas

    spec = county.levels[level]
    if spec.file is None:
        raise ConfigError(
            f"expected a level of areas with names, found the cells {level!r}", where=f"levels.{level}", hint="choose"
        )
    layer = read_areas(
        county.path(spec.file),
        layer=spec.layer,
        id_field=str(spec.id_field),
        name_field=spec.name_field,
        parent_field=spec.parent_field,
        keep=spec.keep,
        dissolve=spec.dissolve,
        crs=county.crs,
        level=spec.id,
        title=spec.title,
        where=f"levels.{spec.id}",
        prefix=spec.prefix or county.key,
        context=False,
        key=spec.key,
        boundary_date=spec.boundary_date,
        source=county.sources[spec.source],
    )
    names: Mapping[Any, Any] = layer.areas["name"].to_dict()
    return tuple(sorted((str(key), str(name)) for key, name in names.items()))
