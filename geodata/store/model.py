"""What a publication is made of: collections of rows, their fields, and the style they are drawn in.

A *collection* is one level × one topic (or the index, or the hotspots of one indicator): one row per area and period.
These types are what a workflow hands to a store and what a store hands to the service; they know neither files nor
HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from geodata.models import Text

if TYPE_CHECKING:
    import pandas as pd

Edition = Literal["public", "internal"]
FieldType = Literal["string", "integer", "number", "boolean"]
CollectionKind = Literal["indicators", "index", "hotspots"]

#: Statuses of a value that is not there because there is nothing to be said, not because it is not shown.
EMPTY = ("missing", "not_applicable")

#: Every collection starts with these; then come its own fields, in a stable order.
KEY_FIELDS = ("area_id", "name", "period")


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a collection.

    Attributes
    ----------
    name : str
        Machine name: lower case, digits and underscores; stable from year to year.
    title, description : Text
        Alias and explanation for people.
    unit : str
        For example ``"%"``; empty where there is none.
    values : mapping of str to Text
        The enumeration of a categorical field: value → what it is called.
    """

    name: str
    type: FieldType
    title: Text
    description: Text = Text("", "")
    unit: str = ""
    values: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class StyleClass:
    r"""One class of a legend.

    Attributes
    ----------
    lower, upper : float or None
        Bounds of a graduated class, lower < x <= upper (the first class includes its lower bound). They are rounded
        cut points, never the exact minimum or maximum of the data; None is open.
    value : str or None
        The value of a categorical class; None for graduated ones.
    colour : str
        ``#rrggbb``.
    hatch : str
        Pattern for grey print: ``""``, ``"/"``, ``"\"``, ``"x"``, ``"."`` (matplotlib's letters).
    letters : str
        Short code drawn into the area, for example ``"HH"``.
    count : int
        Number of areas of the latest period in this class.
    """

    label: Text
    colour: str
    lower: float | None = None
    upper: float | None = None
    value: str | None = None
    hatch: str = ""
    letters: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Style:
    """How a collection is drawn by default.

    Attributes
    ----------
    field : str
        The column that is drawn.
    kind : {"graduated", "categorical"}
        Graduated classes carry bounds, categorical ones a value.
    method : Text
        How the classes were made, for the legend: "5 Klassen, Quantile".
    missing : StyleClass
        The class "no data / suppressed".
    modelled : bool
        The values are modelled, not counted: drawn with a dashed outline, said in the legend.
    decimals : int or None
        Digits in which a value of the drawn field is written; None is as many as it has, up to three.
    reading : Text
        What a high value means, for the legend.
    empty : StyleClass or None
        Where there is one, areas without a value whose ``<field>_status`` is in :data:`EMPTY` are drawn in it, apart
        from those that are not shown: a grid has many cells in which nobody lives.
    """

    field: str
    kind: Literal["graduated", "categorical"]
    classes: tuple[StyleClass, ...]
    missing: StyleClass
    method: Text = Text("", "")
    modelled: bool = False
    decimals: int | None = None
    reading: Text = Text("", "")
    empty: StyleClass | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Rows of one level × one topic, index or hotspot analysis.

    Attributes
    ----------
    id : str
        ``{level}_{topic}``, ``{level}_index`` or ``{level}_hotspots_{indicator}``.
    level : str
        Id of the level whose geometry the rows refer to.
    fields : tuple of Field
        Without ``area_id``, ``name`` and ``period``, which every collection has.
    table : pandas.DataFrame
        ``area_id`` (str), ``name`` (str), ``period`` (int64) and one column per field; sorted by ``area_id``, then
        ``period``; ``(area_id, period)`` unique. Missing is NaN/None.
    styles : tuple of Style
        The first is the default.
    metadata : mapping
        What a map must say, JSON-serialisable: ``attribution``, ``licence``, ``sources`` (list), ``boundary_date``,
        ``method`` (Text as {"de","en"}), ``caveat`` ({"de","en"}: what the map must not be used for), ``draft`` (bool),
        ``totals`` and whatever the topic adds.
    """

    id: str
    title: Text
    description: Text
    kind: CollectionKind
    level: str
    topic: str
    fields: tuple[Field, ...]
    table: pd.DataFrame
    styles: tuple[Style, ...]
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def periods(self) -> tuple[int, ...]:
        """The years, ascending."""
        return tuple(sorted(int(p) for p in self.table["period"].unique()))
