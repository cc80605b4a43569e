"""What must not be taken as data without a word: values handed down, signs for "no value", one area twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, GeometryError, SpatialError, UntestableError, UsageError, some
from geodata.models import Origin
from geodata.zones import kept_metadata

if TYPE_CHECKING:
    import geopandas as gpd

    from service.workflows.question import Question

#: Numbers that programs write where there is no value; nobody counts or measures them.
SIGNS = (-999.0, -9999.0, -99999.0, -999999.0, -9999999.0, -32768.0, -2147483648.0, 9999999.0, 99999999.0)
#: Numbers that may be a sign or a value: told, not refused, and only where nothing else is below 0.
DOUBTFUL = (-1.0, -9.0, -99.0)
#: A sign is farther from all other values than so many times their range.
FAR = 10.0
#: Values of source zones are counts, and not means, if the values of their areas add up to them: so nearly, in so many.
ADDS_UP, MOST = 0.05, 0.5


def mark_columns(values: Sequence[str]) -> tuple[str, ...]:
    """Name the columns that tell where values come from, of a layer with such values."""
    own = (f"{value}_{end}" for value in values for end in ("origin", "provenance", "kappa", "coverage"))
    return ("origin", "provenance", "sources", *own)


def refuse_handed_down(name: str, zones: gpd.GeoDataFrame, values: Sequence[str], *, support: bool) -> None:
    """Refuse values that were handed down to these areas: an ordinary test finds clusters in pure noise of such.

    Parameters
    ----------
    name : str
        The file, as on the command line.
    zones : geopandas.GeoDataFrame
        With the columns of :func:`mark_columns` that the file has.
    values : sequence of str
        The columns that are asked about.
    support : bool
        The layer is the one of the source zones.

    Raises
    ------
    ColumnError
        A column or the file's metadata say that the values are modelled.
    """
    found = ""
    for column in ("origin", *(f"{value}_origin" for value in values)):
        if column in zones.columns:
            n = int((zones[column].astype("str").str.lower() == Origin.MODELLED.value).sum())
            if n:
                found = found or f"column {column!r} says {Origin.MODELLED.value} in {n} of {len(zones)} features"
    shared = [f"{value}_provenance" for value in values] + (["provenance"] if "sources" in zones.columns else [])
    for column in shared:
        if column in zones.columns and zones[column].notna().any():
            found = found or f"column {column!r} says how they were shared among the areas"
    if not found and kept_metadata(name).get("origin") == Origin.MODELLED.value:
        found = f"the metadata of the file say {Origin.MODELLED.value}"
    if not found:
        return
    remedy = (
        "name the layer in which they were counted"
        if support
        else "add --support SOURCES, the layer they were handed down from: the test is made there"
    )
    raise ColumnError(
        f"expected values that were observed in these areas, found values handed down to them ({found}): inside a "
        "source zone they are alike by construction, and a test would find clusters in pure noise",
        where=name,
        hint=f"{remedy}; values that were counted here belong into a file without that mark",
    )


def without_signs(
    name: str, zones: gpd.GeoDataFrame, columns: Sequence[str], question: Question
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Empty the values that stand for none, and refuse those that look so without anybody having said it.

    Parameters
    ----------
    name : str
        The file.
    zones : geopandas.GeoDataFrame
        With these columns.
    columns : sequence of str
        Of numbers.
    question : Question
        ``missing``: what stands for no value; ``every_value``: nothing does.

    Returns
    -------
    geopandas.GeoDataFrame
        NaN where a value stood for none.
    list of str
        Notes: how many were emptied, which are doubtful, how many areas have no value.

    Raises
    ------
    ColumnError
        A number such as -9999 lies far from all others.
    """
    zones, notes = zones.copy(), []
    for column in columns:
        values = zones[column].to_numpy(dtype=np.float64).copy()
        signs = np.isin(values, question.missing)
        if signs.any():
            emptied = some(f"{value:g}" for value in np.unique(values[signs]))
            notes.append(f"{column}: {emptied} in {int(signs.sum())} areas taken as no value (--missing)")
            values[signs] = np.nan
            zones[column] = values
        if not question.every_value:
            notes += _told_signs(name, column, values)
        empty = int(np.isnan(values).sum())
        if empty:
            notes.append(f"{column}: no value in {empty} of {len(values)} areas of {name}; they take no part")
    return zones, notes


def _told_signs(name: str, column: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[str]:
    known = values[~np.isnan(values)]
    for sign in SIGNS:
        here = known == sign
        others = known[~here & ~np.isin(known, SIGNS)]
        if here.any() and len(others) and _apart(sign, others):
            raise ColumnError(
                f"column {column!r}: found {sign:g} in {int(here.sum())} of {len(values)} features, all other values "
                f"lie from {others.min():g} to {others.max():g}: that looks like a sign for “no value”",
                where=name,
                hint=f"add --missing {sign:g}; where every number is a value, --missing none",
            )
    told = []
    for sign in DOUBTFUL:
        here = known == sign
        others = known[~np.isin(known, DOUBTFUL)]
        if here.any() and len(others) and others.min() >= 0:
            told.append(
                f"{column}: {sign:g} in {int(here.sum())} areas, all other values are at least 0; it is taken as a "
                f"value – if it stands for none, add --missing {sign:g}"
            )
    return told


def _apart(sign: float, others: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    low, high = float(others.min()), float(others.max())
    if sign < 0 <= low:
        return True
    return max(low - sign, sign - high) > FAR * max(high - low, abs(low), abs(high))


def met_twice(name: str, zones: gpd.GeoDataFrame) -> list[str]:
    """Name the areas that overlap by more than a trifle, and refuse one area twice.

    Raises
    ------
    GeometryError
        Two areas have the same shape: one place would be its own neighbour and count twice.
    """
    from spatial.autocorrelation.borders import TRIFLE, overlaps

    found = overlaps(zones)
    pairs = [f"{a} and {b} ({share:.1%})" for a, b, share in found[["first", "second", "share"]].to_numpy()]
    same = found["same"].to_numpy(dtype=bool)
    if same.any():
        raise GeometryError(
            f"expected every area once, found {int(same.sum())} pairs of one shape: "
            f"{some(pair for pair, equal in zip(pairs, same, strict=True) if equal)}",
            where=name,
            hint="delete the one that is too much, for example a superseded area",
        )
    if not pairs:
        return []
    return [
        f"{len(pairs)} pairs of areas share more than {TRIFLE:.0%} of the smaller one and are taken as neighbours: "
        f"{some(pairs)}"
    ]


def refuse_counts(layer: gpd.GeoDataFrame, sources: gpd.GeoDataFrame, source_of: pd.Series, value: str) -> None:
    """Refuse to test counts at source zones without their population: see methods, handed-down values.

    Raises
    ------
    UsageError
        The values of most source zones are the sums of those of their areas, so they are no means.
    """
    parts = layer[value].groupby(source_of.reindex(layer.index)).agg(["sum", "size"])
    whole = sources[value].reindex(parts.index)
    judged = (parts["size"] > 1) & whole.notna() & (whole != 0)
    adds_up = (parts["sum"] - whole).abs() <= ADDS_UP * whole.abs()
    if judged.any() and float(adds_up[judged].mean()) > MOST:
        raise UsageError(
            f"expected --by POPULATION with --support, found counts without it: in {int((adds_up & judged).sum())} of "
            f"{int(judged.sum())} source zones the values of {value!r} in their areas add up to that of the zone",
            where="--by",
            hint="rates of source zones can be compared, counts say where many people live; a mean needs no --by",
        )


@contextmanager
def named(question: Question) -> Iterator[None]:
    """Name file and option where a computation refuses data: it knows neither."""
    try:
        yield
    except SpatialError as error:
        place = {
            "empirical Bayes standardisation": f"{question.source}, --value {question.values[0]} --by {question.by}",
            "nearest neighbours": f"{question.source}, --weights {question.weights}",
            "spatial weights": f"{question.source}, --weights {question.weights}",
            "islands": f"{question.source}, --islands {question.islands}",
            "support-aware test": f"{question.source}, --support {question.support}",
        }.get(str(error.where), f"{question.source}, --value {','.join(question.values)}")
        hint = error.hint
        if hint and "form='poisson'" in hint:
            hint = "take both at one date, or add --rare where cases are no part of the population"
        elif hint and "graph.unique_ids" in hint:
            hint = None
        elif hint is None and "not negative, which G" in error.message:
            hint = "test them by --statistic moran or geary, which take any values"
        kind = UntestableError if isinstance(error, UntestableError) else SpatialError
        raise kind(error.message, where=place, hint=hint) from error
