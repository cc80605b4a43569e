"""The vocabulary of the house: areas, observations, indicators and where they come from.

Everything here is frozen and slotted. A value never travels alone: beside the number (or NaN) stand a *status* (why it
is what it is), an *origin* (how it came to be) and *flags* (what its publisher says about it).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Flag as EnumFlag
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


class Status(StrEnum):
    """Why a cell holds what it holds; a number stands only beside those in :data:`VALUED`.

    ``ZERO_OR_SUPPRESSED`` carries NaN: nobody can tell the two apart, and a suppressed value never becomes 0.
    """

    OBSERVED = "observed"
    ZERO = "zero"
    ZERO_OR_SUPPRESSED = "zero_or_suppressed"
    ROUNDED_TO_ZERO = "rounded_to_zero"
    SUPPRESSED = "suppressed"
    SUPPRESSED_OR_UNKNOWN = "suppressed_or_unknown"
    UNRELIABLE = "unreliable"
    NOT_APPLICABLE = "not_applicable"
    NOT_DELIVERED = "not_delivered"
    NOT_YET_AVAILABLE = "not_yet_available"
    AREA_DOES_NOT_EXIST = "area_does_not_exist"
    MISSING = "missing"


#: Statuses beside which a number may stand.
VALUED = frozenset({Status.OBSERVED, Status.ZERO, Status.ROUNDED_TO_ZERO, Status.UNRELIABLE})


class Origin(StrEnum):
    """How a value came to be."""

    COUNTED = "counted"
    REGISTER = "register"
    SAMPLE = "sample"
    MODELLED = "modelled"


class Flag(EnumFlag):
    """What is said about a value; any number of them, stored as one small integer.

    All but the last are its publisher's words. ``CONVERTED``: the value was brought to another Gebietsstand here.
    """

    NONE = 0
    PROVISIONAL = 1
    REVISED = 2
    ESTIMATED = 4
    UNCERTAIN = 8
    BREAK = 16
    CONVERTED = 32


class Topic(StrEnum):
    """The topics of the county's report. Migration is context and breakdown, never a burden."""

    EMPLOYMENT = "employment"
    MINIMUM_INCOME = "minimum_income"
    EDUCATION = "education"
    HEALTH = "health"
    GENDER = "gender"
    MIGRATION = "migration"
    POPULATION = "population"


class Polarity(StrEnum):
    """What a high value means for the people who live there."""

    DISADVANTAGE = "disadvantage"
    ADVANTAGE = "advantage"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Text:
    """One text in German and English; German is what people read first."""

    de: str
    en: str

    def __getitem__(self, language: str) -> str:
        return self.en if language == "en" else self.de


@dataclass(frozen=True, slots=True)
class Source:
    """Where figures come from, and what may be done with them.

    Attributes
    ----------
    legend : str
        The version of the legend of signs: ``classic``, ``lsn-new``, ``lsn-old``, ``zensus``, ``zensus2011``, ``ba``,
        ``mss`` or ``none`` (numbers and blanks only).
    released : bool
        The publisher released the small-area figures as they are: they are shown so, without our own suppression.
    """

    id: str
    title: str
    publisher: str
    licence: str
    attribution: str
    reference_date: dt.date | None = None
    legal_basis: str = ""
    purpose: str = ""
    legend: str = "none"
    origin: Origin = Origin.COUNTED
    released: bool = False


#: Columns of :attr:`Observations.table`, in this order.
OBSERVATION_COLUMNS = ("area_id", "period", "variable", "value", "status", "origin", "flags")


@dataclass(frozen=True, slots=True)
class Observations:
    """Values of one or more variables for areas and years, long: one value a row.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``area_id`` (str), ``period`` (int64, the year), ``variable`` (str), ``value`` (float64, NaN where there
        is no number), ``status`` (str, a :class:`Status`), ``origin`` (str, an :class:`Origin`) and ``flags`` (int64,
        the value of a :class:`Flag`). ``(area_id, period, variable)`` is unique.
    units : mapping of str to str
        The unit of each variable as delivered, for example ``"Anzahl"`` or ``"Prozent"``.
    source : Source or None
        None where a file was read outside a county (``sozialmonitor check FILE``).
    notes : tuple of str
        What the reader recognised and decided: encoding, decimal sign, totals, legend.
    rows : int
        Data rows of the file that was read; 0 where the observations come from elsewhere.
    """

    table: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    source: Source | None = None
    notes: tuple[str, ...] = ()
    rows: int = 0

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables, in order of first appearance."""
        return tuple(dict.fromkeys(self.table["variable"]))

    def with_table(self, table: pd.DataFrame) -> Observations:
        """Return the same observations with another table."""
        return replace(self, table=table)


@dataclass(frozen=True, slots=True)
class AreaLayer:
    """The areas of one level.

    Attributes
    ----------
    level : str
        Id of the level, for example ``gemeinde``.
    areas : geopandas.GeoDataFrame
        Indexed by ``area_id`` (str, unique, name ``area_id``), columns ``name`` (str), ``context`` (bool: outside the
        county, drawn and counted as neighbour, never labelled), optionally ``parent_id`` (str), and ``geometry``
        (Polygon or MultiPolygon, valid, not empty) in a projected CRS.
    title : Text
        What the level is called.
    boundary_date : datetime.date or None
        The state of the boundaries (Gebietsstand).
    source : Source or None
        Where the boundaries come from.
    is_grid : bool
        The areas are cells of a regular grid.
    """

    level: str
    areas: gpd.GeoDataFrame
    title: Text
    boundary_date: dt.date | None = None
    source: Source | None = None
    is_grid: bool = False


@dataclass(frozen=True, slots=True)
class Raster:
    """One band of a raster with its place on the ground.

    Attributes
    ----------
    values : numpy.ndarray
        Shape (rows, columns), float64, NaN where the file says nodata.
    transform : tuple of float
        Affine coefficients (a, b, c, d, e, f) as rasterio gives them: x = a·col + b·row + c, y = d·col + e·row + f.
    crs : str
        For example ``"EPSG:3035"``.
    unit : str
        What one cell counts, for example ``"Einwohner"``.
    year : int or None
        Reference year.
    """

    values: object
    transform: tuple[float, float, float, float, float, float]
    crs: str
    unit: str = ""
    year: int | None = None


Kind = Literal["count", "rate", "mean"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure that is shown.

    Attributes
    ----------
    kind : {"count", "rate", "mean"}
        A rate is ``scale`` × numerator / denominator; a count is the numerator; a mean is delivered as it is.
    level : str
        The level at which it was observed.
    handed_down : tuple of str
        Levels to which it is brought by disaggregation.
    tested : bool
        Whether hotspots are computed; never for polarity ``neutral`` of topic migration.
    breakdown : mapping of str to tuple of (str, str)
        Sex → (numerator, denominator) for indicators that are shown by sex.
    """

    id: str
    title: Text
    topic: Topic
    numerator: str
    denominator: str | None
    unit: str
    polarity: Polarity
    level: str
    kind: Kind = "rate"
    scale: float = 100.0
    handed_down: tuple[str, ...] = ()
    tested: bool = False
    decimals: int = 1
    definition: Text = Text("", "")
    breakdown: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
