"""``county.toml`` → :class:`County`: read, checked as a whole, with messages a person can act on."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from geodata import crs as _crs
from geodata.county_schema import (
    AllocationSection,
    AncillarySection,
    ColumnSpec,
    CountyFile,
    DepartmentSection,
    IndexSection,
    LevelSection,
    PublicationSection,
    TableSpec,
    TerritorySection,
    TestsSection,
)
from geodata.errors import ConfigError, MissingFileError, some
from geodata.models import Indicator, Polarity, Source, Text

__all__ = ["ColumnSpec", "County", "TableSpec", "load_county"]


@dataclass(frozen=True, slots=True)
class County:
    """A county as its ``county.toml`` describes it; the files it names exist.

    Attributes
    ----------
    folder : pathlib.Path
        Where ``county.toml`` lies.
    data : pathlib.Path
        What relative paths of files start from.
    key : str
        Kreis key, five digits.
    characteristics : mapping of str to str
        Variable → nationality, migration, religion or sex, where the file declares one.
    """

    id: str
    title: Text
    key: str
    crs: str
    folder: Path
    data: Path
    sources: Mapping[str, Source]
    levels: Mapping[str, LevelSection]
    tables: Mapping[str, TableSpec]
    ancillary: Mapping[str, AncillarySection]
    allocations: Mapping[tuple[str, str], AllocationSection]
    indicators: Mapping[str, Indicator]
    index: IndexSection | None
    tests: TestsSection
    publication: PublicationSection
    characteristics: Mapping[str, str]
    territory: TerritorySection = field(default_factory=TerritorySection)
    departments: Mapping[str, DepartmentSection] = field(default_factory=lambda: MappingProxyType({}))

    def path(self, file: str) -> Path:
        """Return the place of a file that ``county.toml`` names."""
        return self.data / file

    @property
    def territory_file(self) -> Path | None:
        """The county's own ``territory.toml``; None where it has none."""
        if self.territory.file is not None:
            return self.folder / self.territory.file
        beside = self.folder / "territory.toml"
        return beside if beside.is_file() else None

    def variables(self) -> dict[str, TableSpec]:
        """Return each variable with the table that delivers it."""
        return {name: table for table in self.tables.values() for name in table.columns}


def load_county(folder: Path, *, data: Path | None = None, require_files: bool = True) -> County:
    """Read and check a county's description.

    Parameters
    ----------
    folder : pathlib.Path
        The county's folder, or its ``county.toml`` itself.
    data : pathlib.Path, optional
        What relative file names start from; default: the folder.
    require_files : bool, default True
        Refuse a county whose files are missing. False for work that comes before the first delivery.

    Returns
    -------
    County
        Everything that the file says, frozen.

    Raises
    ------
    MissingFileError
        ``county.toml`` or a file that it names does not exist.
    ConfigError
        The file is no TOML, has an unknown key, a wrong type, or a reference that leads nowhere.
    """
    path = folder if folder.suffix == ".toml" else folder / "county.toml"
    if not path.is_file():
        raise MissingFileError(
            "expected a county.toml, found none",
            where=str(path),
            hint="name the county's folder; `sozialmonitor init DIR` writes one to start from",
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected TOML in UTF-8: {error}", where=str(path), hint="mend that line") from error
    try:
        parsed = CountyFile.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_readable(error), where=str(path), hint="docs/county-toml.md lists every key") from None
    problems = list(_cross_checks(parsed))
    if problems:
        raise ConfigError("; ".join(problems), where=str(path), hint="docs/county-toml.md lists every key")
    _crs.require_projected_name(parsed.county.crs, f"{path}: county.crs")

    county = _assemble(parsed, path.parent, data or path.parent)
    if require_files:
        _require_files(county, str(path))
    return county


def _readable(error: ValidationError) -> str:
    """Turn pydantic's findings into one line each: place, what was expected, what was found."""
    lines = []
    for item in error.errors(include_url=False):
        place = ""
        for part in item["loc"]:
            place += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if place else str(part)
        if item["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key")
        elif item["type"] == "missing":
            lines.append(f"{place}: expected, but missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            found = "" if isinstance(item["input"], dict | list) else f", found {item['input']!r}"
            lines.append(f"{place}: {message}{found}")
    return "; ".join(lines)


def _repeated(what: str, ids: Iterable[str]) -> Iterator[str]:
    twice = [name for name, number in Counter(ids).items() if number > 1]
    if twice:
        yield f"{what}: expected ids once each, found twice: {some(twice)}"


def _cross_checks(file: CountyFile) -> Iterator[str]:
    """Yield what no single section can know: repeated ids and references that lead nowhere."""
    sources = {s.id for s in file.sources}
    levels = {lv.id: lv for lv in file.levels}
    tables = {t.id: t for t in file.tables}
    ancillary = {a.id for a in file.ancillary}
    indicators = {i.id: i for i in file.indicators}
    names = [name for t in file.tables for name in t.columns]
    variables = set(names)
    declared = {name: c.characteristic for t in file.tables for name, c in t.columns.items() if c.characteristic}

    yield from _repeated("sources", (s.id for s in file.sources))
    yield from _repeated("levels", (lv.id for lv in file.levels))
    yield from _repeated("tables", (t.id for t in file.tables))
    yield from _repeated("indicators", (i.id for i in file.indicators))
    yield from _repeated("ancillary", (a.id for a in file.ancillary))
    yield from _repeated("tables.columns (a variable is delivered by one table)", names)

    def known(place: str, what: str, name: str | None, among: Iterable[str]) -> Iterator[str]:
        if name is not None and name not in set(among):
            yield f"{place}: unknown {what} {name!r}; known are {some(sorted(among), 12)}"

    for lv in file.levels:
        yield from known(f"levels.{lv.id}.source", "source", lv.source, sources)
        yield from known(f"levels.{lv.id}.parent", "level", lv.parent, levels)
        yield from known(f"levels.{lv.id}.cells", "table", lv.cells, tables)
        yield from known(f"levels.{lv.id}.fill", "level", lv.fill, levels)
    for t in file.tables:
        yield from known(f"tables.{t.id}.source", "source", t.source, sources)
        for level in t.levels:
            yield from known(f"tables.{t.id}.levels", "level", level, levels)
        for name, column in t.columns.items():
            yield from known(
                f"tables.{t.id}.columns.{name}.share_of", "variable of this table", column.share_of, t.columns
            )
    for a in file.ancillary:
        yield from known(f"ancillary.{a.id}.source", "source", a.source, sources)
        yield from known(f"ancillary.{a.id}.level", "level", a.level, levels)
        yield from known(f"ancillary.{a.id}.benchmark", "ancillary", a.benchmark, ancillary)
        for name in a.variables:
            yield from known(f"ancillary.{a.id}.variables", "variable", name, variables)
    for al in file.allocations:
        place = f"allocations.{al.source}-{al.target}"
        yield from known(f"{place}.source", "level", al.source, levels)
        yield from known(f"{place}.target", "level", al.target, levels)
        yield from known(f"{place}.weights", "ancillary", al.weights, ancillary | {"area"})
    yield from known("territory.weights", "ancillary", file.territory.weights, ancillary | {"area"})
    pairs = {(al.source, al.target) for al in file.allocations}
    for i in file.indicators:
        place = f"indicators.{i.id}"
        yield from known(f"{place}.level", "level", i.level, levels)
        used = [i.numerator, i.denominator, *(n for pair in i.breakdown.values() for n in pair)]
        for variable in used:
            yield from known(place, "variable", variable, variables)
        if i.polarity is not Polarity.NEUTRAL and i.numerator in declared:
            yield (
                f'{place}.polarity: expected "neutral": {i.numerator} counts by {declared[i.numerator]}, '
                "which is never a burden"
            )
        for target in i.handed_down:
            yield from known(f"{place}.handed_down", "level", target, levels)
            if target in levels and (i.level, target) not in pairs:
                yield f"{place}.handed_down: expected [[allocations]] with source = {i.level!r}, target = {target!r}"
    if file.index is not None:
        yield from known("index.level", "level", file.index.level, levels)
        yield from known("index.population", "variable", file.index.population, variables)
        for name in file.index.indicators:
            yield from known("index.indicators", "indicator", name, indicators)
            found = indicators.get(name)
            if found is not None and found.polarity is Polarity.NEUTRAL:
                yield f"index.indicators: {name} has polarity neutral: it says nothing about disadvantage"
            if found is not None and found.level != file.index.level:
                yield f"index.indicators: {name} is observed at {found.level}, the index is built at {file.index.level}"
    yield from _departments(file, tables, variables)
    for level, kind in file.tests.graph.items():
        yield from known("tests.graph", "level", level, levels)
        if kind == "fuzzy" and level in levels and levels[level].cells:
            yield f"tests.graph.{level}: expected queen or rook for a grid, found fuzzy"


def _departments(file: CountyFile, tables: Mapping[str, TableSpec], variables: set[str]) -> Iterator[str]:
    """Yield what is wrong with who delivers what: each variable comes from one department, in a plain table."""
    yield from _repeated("departments", (d.id for d in file.departments))
    home = {name: t for t in file.tables for name in t.columns}
    delivered: list[str] = []
    for d in file.departments:
        place = f"departments.{d.id}.delivers"
        for name in d.delivers:
            table = tables.get(name) or home.get(name)
            if table is None:
                yield f"{place}: unknown table or variable {name!r}; known are {some(sorted({*tables, *variables}), 12)}"
                continue
            if table.format not in (None, "table"):
                yield f'{place}: expected a table of format "table", found {name!r} of format {table.format!r}'
            delivered += list(table.columns) if name in tables else [name]
    yield from _repeated("departments.delivers (a variable is delivered by one department)", delivered)


def _assemble(file: CountyFile, folder: Path, data: Path) -> County:
    return County(
        id=file.county.id,
        title=file.county.title,
        key=file.county.key,
        crs=file.county.crs,
        folder=folder,
        data=data,
        sources=MappingProxyType({s.id: Source(**s.model_dump()) for s in file.sources}),
        levels=MappingProxyType({lv.id: lv for lv in file.levels}),
        tables=MappingProxyType({t.id: t for t in file.tables}),
        ancillary=MappingProxyType({a.id: a for a in file.ancillary}),
        allocations=MappingProxyType({(a.source, a.target): a for a in file.allocations}),
        indicators=MappingProxyType(
            {
                i.id: Indicator(
                    id=i.id,
                    title=i.title,
                    topic=i.topic,
                    numerator=i.numerator,
                    denominator=i.denominator,
                    unit=i.unit,
                    polarity=i.polarity,
                    level=i.level,
                    kind=i.kind,
                    scale=i.scale,
                    handed_down=i.handed_down,
                    tested=i.tested,
                    decimals=i.decimals,
                    definition=i.definition,
                    breakdown=MappingProxyType(dict(i.breakdown)),
                )
                for i in file.indicators
            }
        ),
        index=file.index,
        tests=file.tests,
        publication=file.publication,
        territory=file.territory,
        characteristics=MappingProxyType(
            {n: c.characteristic for t in file.tables for n, c in t.columns.items() if c.characteristic}
        ),
        departments=MappingProxyType({d.id: d for d in file.departments}),
    )


def _require_files(county: County, where: str) -> None:
    """Refuse a county whose files are not there, naming all that are missing at once."""
    named = {f"levels.{lv.id}.file": lv.file for lv in county.levels.values() if lv.file}
    named |= {f"tables.{t.id}.file": t.file for t in county.tables.values()}
    named |= {f"ancillary.{a.id}.file": a.file for a in county.ancillary.values() if a.file}
    missing = [f"{place} = {file!r}" for place, file in named.items() if not county.path(file).is_file()]
    if missing:
        raise MissingFileError(
            f"expected these files under {county.data}, found none: {some(missing)}",
            where=where,
            hint="put them there, or say with --data where they are",
        )
