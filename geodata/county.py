"""``county.toml`` → :class:`County`: read, checked as a whole, with messages a person can act on."""

from __future__ import annotations

import glob
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from geodata import crs as _crs
from geodata.county_checks import cross_checks
from geodata.county_schema import (
    AllocationSection,
    AncillarySection,
    ColumnSpec,
    CountyFile,
    DepartmentSection,
    IndexSection,
    LevelSection,
    PublicationSection,
    Section,
    SupplySection,
    TableSpec,
    TerritorySection,
    TestsSection,
)
from geodata.errors import ConfigError, MissingFileError, some
from geodata.misfits import readable
from geodata.models import Indicator, Source, Text

if TYPE_CHECKING:
    from geodata.supply.delivered import Accepted

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
    named : mapping of str to tuple of str
        Table → its files, patterns resolved when the county was loaded.
    accepted : tuple of Accepted
        Deliveries that were taken over, oldest first.
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
    supply: SupplySection = field(default_factory=SupplySection)
    named: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    accepted: tuple[Accepted, ...] = ()

    def path(self, file: str) -> Path:
        """Return the place of a file of the county: beside ``county.toml`` for deliveries, else where the data lie."""
        return (self.folder if any(file == each.file for each in self.accepted) else self.data) / file

    def files(self, table: str) -> tuple[str, ...]:
        """Return the files that a table is read from: those of ``county.toml``, then its deliveries, oldest first."""
        delivered = [each.file for each in self.accepted if any(form.table == table for form in each.forms)]
        return (*(name for name in self.named.get(table, ()) if name not in delivered), *delivered)

    def place(self, table: str) -> str:
        """Say in a message where a table lies: its file, or the first and how many others."""
        files = self.files(table)
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"{self.path(files[0])}{more}" if files else f"{self.folder / 'county.toml'}"

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
    FormatError
        The receipt of a delivery is broken.
    """
    from geodata.supply.delivered import FOLDER, accepted_deliveries

    path = folder if folder.suffix == ".toml" else folder / "county.toml"
    if not path.is_file():
        raise MissingFileError(
            "expected a county.toml, found none",
            where=str(path),
            hint="name the county's folder; `sozialmonitor init DIR` writes one to start from",
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected TOML in UTF-8: {error}", where=str(path), hint="mend that line") from error
    try:
        parsed = CountyFile.model_validate(raw)
    except ValidationError as error:
        keys = {name for section in Section.__subclasses__() for name in section.model_fields}
        said = readable(error, raw, keys=keys)
        raise ConfigError(said, where=str(path), hint="docs/county-toml.md lists every key") from None
    problems = cross_checks(parsed)
    if problems:
        raise ConfigError("; ".join(problems), where=str(path), hint="docs/county-toml.md lists every key")
    _crs.require_projected_name(parsed.county.crs, f"{path}: county.crs")

    county = _assemble(parsed, path.parent, data or path.parent)
    # What was taken over is part of the county from here on: one state for checksums, reading and messages.
    county = replace(county, accepted=accepted_deliveries(path.parent / FOLDER, county.id))
    if require_files:
        _require_files(county, str(path))
    return county


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
        supply=file.supply,
        named=MappingProxyType({t.id: _resolved(t.named, data) for t in file.tables}),
    )


def _resolved(names: tuple[str, ...], data: Path) -> tuple[str, ...]:
    """Replace each pattern by the files it finds, by name; what Excel and hidden files leave behind is passed over."""
    found: list[str] = []
    for name in names:
        if not re.search(r"[*?]", name) or (data / name).exists():
            found.append(name)
            continue
        # Not Path.glob: a name may be absolute here, as everywhere in county.toml.
        hits = sorted(glob.glob(name.replace("[", "[[]"), root_dir=data, recursive=True))  # noqa: PTH207
        files = [hit for hit in hits if (data / hit).is_file() and not Path(hit).name.startswith("~$")]
        found += [Path(hit).as_posix() for hit in files]
    return tuple(dict.fromkeys(found))


def _require_files(county: County, where: str) -> None:
    """Refuse a county whose files are not there, naming all that are missing at once."""
    named = {f"levels.{lv.id}.file": lv.file for lv in county.levels.values() if lv.file}
    named |= {f"ancillary.{a.id}.file": a.file for a in county.ancillary.values() if a.file}
    pairs = list(named.items())
    for table in county.tables.values():
        # A pattern that finds nothing is missing like a file.
        lone = [name for name in table.named if not _resolved((name,), county.data)]
        pairs += [(f"tables.{table.id}.file", name) for name in (*lone, *county.files(table.id))]
    missing = [f"{place} = {file!r}" for place, file in pairs if not county.path(file).is_file()]
    missing += [
        f"tables.{table.id}: neither a file nor an accepted delivery"
        for table in county.tables.values()
        if not table.named and not county.files(table.id)
    ]
    if missing:
        raise MissingFileError(
            f"expected these files under {county.data}, found none: {some(missing)}",
            where=where,
            hint="put them there, say with --data where they are, or accept a delivery: `sozialmonitor supply accept`",
        )
