"""Small pieces that all collections are made of: a rate with its status, and years stacked into one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import pandas as pd

from geodata.models import VALUED, Flag, Indicator, Status
from service.workflows.figures import HIDDEN

if TYPE_CHECKING:
    from geodata.models import AreaLayer
    from geodata.store.model import Field
    from service.workflows.figures import Figures

FLAG_NAMES = {flag.value: flag.name.lower() for flag in Flag if flag.name}


@dataclass(frozen=True, slots=True)
class Rated:
    """One indicator and year.

    Attributes
    ----------
    value : pandas.Series
        scale · numerator / denominator, or the figure itself; 0/0 and x/0 are no rate.
    top, bottom : pandas.DataFrame
        Figures of numerator and denominator; ``bottom`` is None without one.
    status : pandas.Series of str
        The first part without a number says why; else the numerator's.
    flags : pandas.Series of int
        What publishers say about either part.
    """

    value: pd.Series
    top: pd.DataFrame
    bottom: pd.DataFrame | None
    status: pd.Series
    flags: pd.Series


def rated(figures: Figures, pair: tuple[str, str | None], scale: float, period: int, areas: pd.Index) -> Rated:
    """Compute one rate, or take one figure, with everything that is said about it.

    Parameters
    ----------
    figures : Figures
        What the edition may know.
    pair : tuple of str and (str or None)
        Numerator and denominator.
    scale : float
        100 for percent.
    period : int
        Year.
    areas : pandas.Index
        Area ids, shape (n,).

    Returns
    -------
    Rated
        Series indexed like `areas`.
    """
    numerator, denominator = pair
    top = figures.get(numerator, period, areas)
    status = top["status"].astype(object)
    if denominator is None:
        return Rated(top["value"], top, None, status, top["flags"])
    bottom = figures.get(denominator, period, areas)
    value = scale * top["value"] / bottom["value"].where(bottom["value"] > 0)
    fine, below = status.isin(VALUED), bottom["status"].isin(VALUED)
    status = status.where(~fine | below, bottom["status"].astype(object))
    status = status.where(~(fine & below & ~(bottom["value"] > 0)), Status.NOT_APPLICABLE.value)
    return Rated(value, top, bottom, status, top["flags"] | bottom["flags"])


def of_indicator(figures: Figures, indicator: Indicator, period: int, areas: pd.Index) -> Rated:
    """Compute an indicator where it was observed; see :func:`rated`."""
    scale = indicator.scale if indicator.denominator is not None else 1.0
    return rated(figures, (indicator.numerator, indicator.denominator), scale, period, areas)


def answered(found: Rated) -> pd.Series:
    """Tell where a value stands, or one that somebody hides; a numerator alone, shown or hidden, is neither."""
    hidden = found.status.isin(HIDDEN)
    if found.bottom is not None:
        hidden &= found.bottom["value"].notna() | found.bottom["status"].isin(HIDDEN)
    return found.value.notna() | hidden


def flag_text(flags: Iterable[pd.Series]) -> pd.Series:
    """Unite flags and write them as words, None where there is none."""
    united = reduce(or_, (series.astype(int) for series in flags))
    named = {
        int(code): " ".join(name for bit, name in FLAG_NAMES.items() if int(code) & bit) or None
        for code in united.unique()
    }
    return united.map(named).astype(object)


def stack(layer: AreaLayer, frames: Mapping[int, pd.DataFrame], fields: Sequence[Field]) -> pd.DataFrame:
    """Put years below each other, with the keys that every collection starts with.

    Parameters
    ----------
    layer : AreaLayer
        Knows names, and which areas are context.
    frames : mapping of int to pandas.DataFrame
        Year → columns of the fields, indexed by area id; a field that a year lacks is empty there.
    fields : sequence of Field
        Columns after ``area_id``, ``name`` and ``period``, in order; ``context`` is filled in.

    Returns
    -------
    pandas.DataFrame
        Sorted by area and year.
    """
    rows = []
    for period, frame in frames.items():
        keyed = frame.assign(
            period=period,
            name=layer.areas["name"].reindex(frame.index),
            context=layer.areas["context"].reindex(frame.index),
        )
        rows.append(keyed.rename_axis("area_id").reset_index())
    table = pd.concat(rows, ignore_index=True).sort_values(["area_id", "period"], ignore_index=True)
    for field in fields:
        if field.name not in table:
            table[field.name] = None
        if field.name.endswith("_status"):
            table[field.name] = table[field.name].fillna(Status.MISSING.value)
    return table[["area_id", "name", "period", *(field.name for field in fields)]]
