"""The shape of ``county.toml``: what may be said there, of what type, and with what default.

Unknown keys are refused everywhere. ``geodata.county`` reads the file, turns what pydantic finds into readable messages
and checks what no single section can know (references between sections, files).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from geodata.models import Kind, Origin, Polarity, Text, Topic

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Characteristic = Literal["nationality", "migration", "religion", "sex"]
#: Keys of :data:`geodata.readers.recognise.FORMATS`.
Format = Literal[
    "table",
    "genesis-flat",
    "genesis-flat-old",
    "genesis-classic",
    "inkar",
    "regionaltabelle",
    "zensus-grid",
    "zensus2011-grid",
    "zensus2011-classes",
    "zensus2011-long",
    "vg250",
    "ba",
    "lsn",
]
Legend = Literal["none", "classic", "lsn-new", "lsn-old", "zensus", "zensus2011", "ba", "mss"]
EditionName = Literal["public", "internal"]

#: Words that betray a protected characteristic in an id or a title. A burden must never be written onto people, so
#: an indicator that counts one of these takes no polarity even where its author forgot to declare it.
PROTECTED_WORDS = re.compile(
    r"ausl[aä]e?nd|foreign|migra|nationalit|staatsang|staatsbürg|citizen|asyl|asylum|refugee|flüchtl|fluechtl|herkunft"
    r"|ethni|religi|konfess|muslim|islam|kathol|evangel|jüdi|juedi|geschlecht|gender|\bsex\b"
    r"|(?:^|[\W_])(?:frauen|weiblich|women|female|männer|maenner|männlich|maennlich|men|male)(?:$|[\W_])",
    re.IGNORECASE,
)


def _text(value: Any) -> Any:
    """Accept one string for both languages, or ``{de = …, en = …}``."""
    if isinstance(value, str):
        return Text(value, value)
    if isinstance(value, dict) and set(value) == {"de", "en"} and all(isinstance(v, str) for v in value.values()):
        return Text(value["de"], value["en"])
    if isinstance(value, Text):
        return value
    raise ValueError('expected a text or {de = "…", en = "…"}')


LocalText = Annotated[Text, BeforeValidator(_text)]


class Section(BaseModel):
    """A table of the file: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, arbitrary_types_allowed=True)


class CountySection(Section):
    """Who this is about."""

    id: Identifier
    title: LocalText
    key: str = Field(pattern=r"^\d{5}$", description="Kreis key, five digits")
    crs: str = "EPSG:25832"


class SourceSection(Section):
    """Where figures come from, and what may be done with them."""

    id: Identifier
    title: str
    publisher: str
    licence: str = Field(default="", description="SPDX or GovData id; without one, nothing of it is published")
    attribution: str
    legal_basis: str = Field(default="", description="without one, nothing of it is published")
    purpose: str
    reference_date: dt.date | None = None
    legend: Legend = "none"
    origin: Origin = Origin.COUNTED
    released: bool = False


class LevelSection(Section):
    """The areas of one level: polygons from a file, or the cells that a table names."""

    id: Identifier
    title: LocalText
    source: Identifier
    file: str | None = None
    layer: str | None = None
    id_field: str | None = None
    name_field: str | None = None
    parent: Identifier | None = None
    parent_field: str | None = None
    keep: dict[str, str | int | list[str | int]] = Field(default_factory=dict)
    dissolve: bool = False
    key: Literal["text", "ags", "ars-to-ags"] = "text"
    prefix: str | None = Field(default=None, description="ids that begin so are the county; default: its key")
    context: bool = Field(default=False, description="keep areas outside the county as neighbours")
    cells: Identifier | None = Field(default=None, description="table whose area ids are the cells")
    cell_size: int | None = Field(default=None, gt=0)
    fill: Identifier | None = Field(default=None, description="level of coarser cells whose empty ones are divided")
    boundary_date: dt.date | None = None
    editions: tuple[EditionName, ...] = ("public", "internal")

    @model_validator(mode="after")
    def _one_kind(self) -> LevelSection:
        if (self.file is None) == (self.cells is None):
            raise ValueError("expected either file (polygons) or cells (a table of grid cells)")
        if self.file is not None and self.id_field is None:
            raise ValueError("expected id_field beside file: the column that holds the area key")
        if self.cells is not None and (self.cell_size is None or self.parent is None):
            raise ValueError("expected cell_size and parent beside cells")
        return self


class ColumnSpec(Section):
    """One variable of a table: where it stands, and what it counts.

    ``share_of`` names a variable of the same table of which the column is a percentage; the count is computed.
    """

    column: str
    unit: str = ""
    select: dict[str, str] = Field(default_factory=dict)
    share_of: str | None = None
    characteristic: Characteristic | None = None
    definition: str = Field(default="", description="what is counted, for those who deliver it")


class TableSpec(Section):
    """Figures of one kind: a file, or several that are read one after the other and joined.

    ``file`` is a name, a pattern with ``*`` or ``?``, or a list of these. A table that a department delivers may go
    without: what ``sozialmonitor supply accept`` took over joins it by itself.
    """

    id: Identifier
    source: Identifier
    levels: tuple[Identifier, ...]
    file: str | tuple[str, ...] = Field(default=(), description="name, pattern, or a list of these")
    format: Format | None = Field(default=None, description="told by content where it is left out")
    columns: dict[Identifier, ColumnSpec]
    sheet: str | None = None
    area: str | None = None
    period: str | int | None = None
    key: Literal["text", "ags", "ars-to-ags", "ars-to-gvb", "gvb-to-ags", "lsn", "lor"] = "text"
    cell_size: int | None = Field(default=None, gt=0)
    flag: str | None = Field(default=None, description="column with a word on the quality of its row")
    gebietsstand: dt.date | Literal["period"] | None = Field(
        default=None, description='one day for all years, or "period": each year its own; default: what the keys say'
    )

    @field_validator("period")
    @classmethod
    def _a_year(cls, period: str | int | None) -> str | int | None:
        if isinstance(period, int) and not 1800 <= period <= 2200:
            raise ValueError("expected a year of four digits, or the name of the column that holds it")
        return period

    @property
    def named(self) -> tuple[str, ...]:
        """Names and patterns as ``county.toml`` lists them."""
        return (self.file,) if isinstance(self.file, str) else self.file


class DepartmentSection(Section):
    """A Fachdienst, what it delivers and when.

    ``due`` is a day (``MM-DD``) in the year that lies ``lag`` years after the reported one.
    """

    id: Identifier
    name: str = Field(min_length=1)
    contact: str = Field(min_length=1, description="a role or a functional mailbox, never a person")
    delivers: tuple[Identifier, ...] = Field(min_length=1, description="tables, or variables of tables")
    cycle: Literal["yearly", "two-yearly"] = "yearly"
    due: str = Field(pattern=r"^\d{2}-\d{2}$", description="MM-DD")
    lag: int = Field(default=1, ge=0, le=3)
    since: int = Field(ge=1990, le=2200, description="first reported year that is expected")

    @model_validator(mode="after")
    def _sense(self) -> DepartmentSection:
        try:
            dt.date(2023, int(self.due[:2]), int(self.due[3:]))
        except ValueError:
            raise ValueError('expected due as "MM-DD", a day that every year has') from None
        if re.search(r"\b(Herrn?|Frau|Dr\.|Mrs?\.?|Ms\.?)\s+\w", self.contact):
            raise ValueError("expected contact as a role or a functional mailbox, found the name of a person")
        return self

    def due_date(self, period: int) -> dt.date:
        """Return the day by which the figures of a year are expected."""
        return dt.date(period + self.lag, int(self.due[:2]), int(self.due[3:]))


class SupplySection(Section):
    """When ``supply check`` asks whether a figure can be right."""

    jump: float = Field(default=2.0, gt=1, le=1000, description="times as much, or as little, as last known")
    smallest: float = Field(default=30, ge=0, description="of two figures the larger one must reach this")


class AncillarySection(Section):
    """What is known at the small level and says where people live."""

    id: Identifier
    title: LocalText
    source: Identifier
    year: int
    file: str | None = Field(default=None, description="a raster")
    band: int = 1
    unit: str = ""
    people: bool = Field(default=True, description="the mass counts people: the population floor is judged by it")
    level: Identifier | None = Field(default=None, description="the level whose cells carry the variables")
    variables: tuple[Identifier, ...] = ()
    benchmark: Identifier | None = Field(default=None, description="coarser ancillary data whose totals are kept")

    @model_validator(mode="after")
    def _one_kind(self) -> AncillarySection:
        if (self.file is None) == (self.level is None):
            raise ValueError("expected either file (a raster) or level and variables (cells)")
        if self.level is not None and not self.variables:
            raise ValueError("expected variables beside level")
        return self


class AllocationSection(Section):
    """How figures of one level are brought to a smaller one."""

    source: Identifier
    target: Identifier
    weights: Identifier = Field(description="id of ancillary data, or area")
    periods: Literal["all", "latest"] = "all"
    editions: tuple[EditionName, ...] = ("public", "internal")


class IndicatorSection(Section):
    """One figure that is shown."""

    id: Identifier
    title: LocalText
    topic: Topic
    numerator: Identifier
    denominator: Identifier | None = None
    kind: Kind = "rate"
    unit: str = "%"
    scale: float = Field(default=100.0, gt=0)
    polarity: Polarity
    level: Identifier
    handed_down: tuple[Identifier, ...] = ()
    tested: bool = False
    decimals: int = Field(default=1, ge=0, le=4)
    definition: LocalText = Text("", "")
    breakdown: dict[str, tuple[Identifier, Identifier]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _meaning(self) -> IndicatorSection:
        if self.kind == "rate" and self.denominator is None:
            raise ValueError("expected a denominator: kind is rate")
        if self.kind != "rate" and self.denominator is not None:
            raise ValueError(f"expected no denominator: kind is {self.kind}")
        if self.breakdown and set(self.breakdown) != {"female", "male"}:
            raise ValueError("expected both female and male in breakdown, or neither")
        if self.breakdown and self.kind != "rate":
            raise ValueError("expected kind rate: a breakdown by sex shows rates and their gap")
        if self.polarity is not Polarity.NEUTRAL:
            if self.topic in (Topic.MIGRATION, Topic.GENDER):
                raise ValueError(
                    f'expected polarity = "neutral": topic {self.topic} is context and breakdown, never a burden'
                )
            for said in (self.id, self.numerator, self.title.de, self.title.en):
                found = PROTECTED_WORDS.search(said)
                if found:
                    raise ValueError(
                        f'expected polarity = "neutral": {said!r} speaks of nationality, migration, religion or sex '
                        f"({found.group(0)!r}), which is never a burden"
                    )
        if self.kind == "mean" and self.handed_down:
            raise ValueError("expected handed_down = []: a mean is no total that could be shared out")
        if self.kind == "count" and self.tested:
            raise ValueError("expected tested = false: clusters of a count are where many people live; test a rate")
        if self.tested and self.topic is Topic.MIGRATION:
            raise ValueError("expected tested = false: migration is drawn as context, never tested for hotspots")
        return self


class ReferenceSection(Section):
    """The wider frame in which an index places the county's areas."""

    title: LocalText = Field(description="named on every map: Niedersachsen")
    prefix: str | None = Field(
        default=None,
        pattern=r"^\d{1,8}$",
        description="areas of the tables whose key begins so; default: all areas of the level, neighbours included",
    )


class ClassesSection(Section):
    """How scores become classes, where it is not the preset's way."""

    rule: Literal["sd", "quantile", "equal", "jenks", "fixed"]
    at: tuple[float, ...] = Field(default=(), description="cuts in SD (sd, fixed)")
    quantile_type: int = Field(default=7, ge=1, le=9, description="Hyndman and Fan")
    labels: tuple[LocalText, ...] = Field(min_length=2, max_length=9, description="from the least disadvantage on")

    @model_validator(mode="after")
    def _fit(self) -> ClassesSection:
        if self.rule in ("sd", "fixed") and len(self.at) != len(self.labels) - 1:
            raise ValueError(f"expected {len(self.labels) - 1} cuts in at for {len(self.labels)} labels")
        if self.rule not in ("sd", "fixed") and self.at:
            raise ValueError(f"expected no cuts in at: rule {self.rule} finds them")
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("expected ascending cuts in at")
        if len({label.de for label in self.labels}) < len(self.labels):
            raise ValueError("expected labels once each")
        return self


class BreakSection(Section):
    """Something that makes figures before and after a year incomparable."""

    kind: Literal["indicator", "area", "method"]
    name: str = Field(min_length=1, description="the indicator, the area key, or what was changed")
    period: int = Field(ge=1900, le=2200, description="first year after the break")
    reason: LocalText = Text("", "")
    bridged: bool = Field(default=False, description="the figures were made comparable")


class ChainSection(Section):
    """What replaced an indicator of the index."""

    by: Identifier = Field(description="the indicator that replaced it")
    overlap: int = Field(ge=1900, le=2200, description="a year in which both are known")
    how: Literal["sd", "difference", "ratio"] = "sd"


class IndexSection(Section):
    """The Sozialindex."""

    preset: Literal["mss", "rise"] = "mss"
    level: Identifier
    indicators: tuple[Identifier, ...] = Field(min_length=2)
    population: Identifier
    floor: float = Field(default=300, ge=0)
    exclude: dict[str, str] = Field(default_factory=dict, description="area key -> reason")
    weights: dict[Identifier, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    normalisation: Literal["z", "z-sample", "min-max", "rank", "percentile", "goalposts"] = "z"
    goalposts: dict[Identifier, tuple[float, float]] = Field(default_factory=dict)
    aggregation: Literal["arithmetic", "geometric", "harmonic", "minimum"] = "arithmetic"
    min_share: float = Field(default=1.0, gt=0, le=1, description="share of the weight an index needs")
    classes: ClassesSection | None = None
    reference: ReferenceSection | None = None
    base_year: int | None = Field(default=None, ge=1900, le=2200, description="whose yardstick measures change")
    breaks: tuple[BreakSection, ...] = ()
    chain: dict[Identifier, ChainSection] = Field(default_factory=dict)
    variants: int = Field(default=1000, ge=0, le=100_000, description="of the latest year; 0: no uncertainty")

    @property
    def used(self) -> tuple[str, ...]:
        """Every indicator that the index needs, those that continue another included."""
        return tuple(dict.fromkeys((*self.indicators, *(link.by for link in self.chain.values()))))


class TestsSection(Section):
    """Presets of the hotspot tests; the same for every map of a level."""

    permutations: int = Field(default=99_999, ge=99, le=10_000_000)
    global_replicates: int = Field(default=999, ge=99, le=1_000_000)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    correction: Literal["fdr", "by", "none"] = "fdr"
    min_areas: int = Field(default=30, ge=5)
    seed: int = Field(default=1, ge=0)
    robust_draws: int = Field(default=33, ge=0, le=9_999, description="draws of the counts; 0: labels are not repeated")
    robust_permutations: int = Field(default=999, ge=99, le=10_000_000)
    robust_threshold: float = Field(default=0.9, gt=0, le=1, description="share of variants in which a label holds")
    graph: dict[Identifier, Literal["queen", "rook", "fuzzy"]] = Field(default_factory=dict)


class PublicationSection(Section):
    """Rules of disclosure control."""

    min_denominator: float = Field(default=100, ge=1)
    min_numerator: float = Field(default=3, ge=1)
    population_floor: float = Field(default=100, ge=0, description="people a modelled place needs to be shown")
    keep: int = Field(default=5, ge=1, description="publications kept")


class TerritorySection(Section):
    """How figures of another Gebietsstand are brought to the boundaries of their level."""

    file: str | None = Field(default=None, description="beside county.toml; default: territory.toml if it is there")
    weights: Identifier = Field(default="area", description="shares areas that were split: ancillary data, or area")


class CountyFile(Section):
    """The whole of ``county.toml``."""

    county: CountySection
    sources: tuple[SourceSection, ...]
    levels: tuple[LevelSection, ...]
    tables: tuple[TableSpec, ...]
    ancillary: tuple[AncillarySection, ...] = ()
    allocations: tuple[AllocationSection, ...] = ()
    indicators: tuple[IndicatorSection, ...]
    index: IndexSection | None = None
    tests: TestsSection = TestsSection()
    publication: PublicationSection = PublicationSection()
    territory: TerritorySection = TerritorySection()
    departments: tuple[DepartmentSection, ...] = ()
    supply: SupplySection = SupplySection()
