"""The rows of a collection in the one form that everything is written from: typed, ordered, missing as None.

``serve.sqlite``, ``layers.gpkg`` and the content hashes all take :class:`Rows`, so they cannot disagree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection as Ids
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geodata.errors import StoreError, some
from geodata.store.model import Collection, FieldType
from geodata.store.protocol import KEYS, LATEST

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[a-z][a-z0-9_]{0,119}")
#: Beginnings of names that a GeoPackage needs for its other tables.
_TABLES = ("gpkg_", "rtree_", "sqlite_", "areas_", "values_", "layer_styles")
#: Names that a GeoPackage layer or a feature needs for itself.
_RESERVED = frozenset({"fid", "ogc_fid", "geom", "geometry", "rowid", "oid", "id"})


@dataclass(frozen=True, slots=True)
class Rows:
    """A collection's rows, sorted by area id (code points), then period.

    Attributes
    ----------
    types : mapping of str to FieldType
        Property → type, keys first, in the order of the properties.
    columns : mapping of str to list
        Property → values: str, int, float, bool or None.
    properties : list of str
        Per row, the GeoJSON ``properties`` as text; the same bytes for the same row.
    latest : int
        The last period.
    newest : list of int
        Places of the rows of the last period.
    """

    types: Mapping[str, FieldType]
    columns: Mapping[str, list[Any]]
    properties: list[str]
    latest: int
    newest: list[int]

    def __len__(self) -> int:
        return len(self.properties)


def check_name(name: str, where: str) -> None:
    """Refuse a name that could not be a table, a column and a piece of an address at once.

    Raises
    ------
    StoreError
        The name has other characters than lower-case letters, digits and underscores, or is longer than 120.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"expected a name of lower-case letters, digits and underscores (at most 120), found {name!r}", where=where
        )


def canonical(collection: Collection, areas: Ids[str]) -> Rows:
    """Check a collection's table and bring it to the one form that is stored.

    Parameters
    ----------
    collection : Collection
        What a workflow hands in.
    areas : collection of str
        Ids of the areas of its level.

    Returns
    -------
    Rows
        The rows, sorted.

    Raises
    ------
    StoreError
        A name is unusable, a column is missing, of the wrong type or infinite, a row is repeated, or an area is not one
        of the level's.
    """
    where = f"collection {collection.id}"
    check_name(collection.id, where)
    if collection.id.startswith(_TABLES):
        raise StoreError(f"an id must not start with {' or '.join(_TABLES)}", where=where)
    if collection.id.endswith(LATEST):
        raise StoreError(f"an id must not end with {LATEST}: the latest period is served under that name", where=where)
    fields = (*KEYS, *collection.fields)
    names = [field.name for field in fields]
    for name in names:
        check_name(name, f"{where}, field")
    if len(set(names)) < len(names) or _RESERVED.intersection(names):
        bad = sorted({n for n in names if names.count(n) > 1} | _RESERVED.intersection(names))
        raise StoreError(f"field names are repeated or reserved: {some(bad)}", where=where)
    missing = [name for name in names if name not in collection.table.columns]
    if missing:
        raise StoreError(f"the table has no column {some(missing)}", where=where, hint="add it, or drop the field")
    for style in collection.styles:
        if style.field not in names:
            raise StoreError(f"a style draws the field {style.field!r}, which does not exist", where=where)
    if collection.table.empty:
        raise StoreError("the table has no rows", where=where)

    table = collection.table.sort_values(["area_id", "period"], kind="stable")
    repeated = table.duplicated(["area_id", "period"])
    if repeated.any():
        pairs = table.loc[repeated, ["area_id", "period"]].itertuples(index=False)
        found = some(f"{area} in {period}" for area, period in pairs)
        raise StoreError(f"expected one row per area and period, found more than one for {found}", where=where)
    columns = {field.name: typed(table[field.name], field.type, f"{where}, field {field.name}") for field in fields}
    for key in KEYS:
        if None in columns[key.name]:
            raise StoreError(f"{key.name} must not be missing", where=where)
    strange = sorted(set(columns["area_id"]).difference(areas))
    if strange:
        raise StoreError(f"areas that level {collection.level} does not have: {some(strange)}", where=where)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    rows = zip(*columns.values(), strict=True)
    latest = max(columns["period"])
    return Rows(
        {field.name: field.type for field in fields},
        columns,
        [encode(dict(zip(names, row, strict=True))) for row in rows],
        latest,
        [place for place, period in enumerate(columns["period"]) if period == latest],
    )


def typed(values: pd.Series, kind: FieldType, where: str) -> list[Any]:
    """Turn a column into plain values of one type, missing into None.

    Parameters
    ----------
    values : pandas.Series
        Any dtype.
    kind : {"string", "integer", "number", "boolean"}
        The type of the field.
    where : str
        Collection and field, for the message.

    Returns
    -------
    list
        str, int, float or bool, or None. Minus zero becomes zero, so that equal numbers are equal texts.

    Raises
    ------
    StoreError
        A value is not of the type, or not finite.
    """
    missing = values.isna()
    present = values[~missing].tolist()
    converted: list[Any]
    if kind == "string":
        _require(present, str, where)
        converted = [str(value) for value in present]
        _check_text(converted, where)
    elif kind == "boolean":
        _require(present, bool, where)
        converted = present
    else:
        try:
            numbers = [float(value) for value in present if not isinstance(value, str | bool)]
        except (TypeError, ValueError) as error:
            raise StoreError(f"expected numbers: {error}", where=where) from error
        if len(numbers) < len(present):
            found = some(repr(value) for value in present if isinstance(value, str | bool))
            raise StoreError(f"expected numbers, found {found}", where=where)
        infinite = [value for value in numbers if value - value != 0]
        if infinite:
            raise StoreError(f"expected finite numbers, found {some(infinite)}", where=where)
        if kind == "integer":
            broken = [value for value in numbers if not value.is_integer()]
            if broken:
                raise StoreError(f"expected whole numbers, found {some(broken)}", where=where)
            converted = [int(value) for value in present]
            large = [value for value in converted if abs(value) >= 2**63]
            if large:
                raise StoreError(f"expected whole numbers of 64 bits, found {some(large)}", where=where)
        else:
            converted = [value + 0.0 for value in numbers]
    if len(converted) == len(values):
        return converted
    filled = iter(converted)
    return [None if gap else next(filled) for gap in missing]


def _require(values: list[Any], kind: type, where: str) -> None:
    wrong = [value for value in values if not isinstance(value, kind)]
    if wrong:
        raise StoreError(f"expected {kind.__name__}, found {some(repr(value) for value in wrong)}", where=where)


def _check_text(values: list[str], where: str) -> None:
    """Refuse what a file cannot hold: lone surrogates, and the NUL at which OGR would cut a text off."""
    wrong = [value for value in values if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)]
    if wrong:
        raise StoreError(f"expected text that is valid UTF-8 without NUL, found {some(map(ascii, wrong))}", where=where)
