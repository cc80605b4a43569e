"""Rules of disclosure control, and what they hide of modelled values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from geodata.errors import DisclosureError, SpatialError, some


class Rule(StrEnum):
    """Why a value is not shown. Reasons stay in the internal edition: a reason narrows the guess."""

    SHOWN = ""
    SOURCE = "source"
    DENOMINATOR = "denominator"
    NUMERATOR = "numerator"
    COMPLEMENT = "complement"
    ELSEWHERE = "elsewhere"
    SIBLING = "sibling"


@dataclass(frozen=True, slots=True)
class DisclosureRules:
    """Thresholds of a county.

    Attributes
    ----------
    min_denominator : float
        A rate is shown only where its denominator is at least this (100 in the SGB II grid of Destatis).
    min_numerator : float
        A count is shown only where it is at least this and at least this many of the denominator are not counted:
        0 and 1 of 500 are as telling as 499 and 500 of 500.
    population_floor : float
        People a modelled place needs to be shown as a place.
    min_count : float
        A denominator is shown as a count of its own where it is at least this.

    Raises
    ------
    DisclosureError
        A threshold is negative or not a number.
    """

    min_denominator: float = 100
    min_numerator: float = 3
    population_floor: float = 300
    min_count: float = 3

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise DisclosureError(
                    f"expected a threshold of at least 0, found {value!r}", where=name, hint="0 switches a rule off"
                )

    def primary(self, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        """Judge counts one by one.

        Parameters
        ----------
        numerator, denominator : numpy.ndarray
            Shape (n,). A missing denominator makes the numerator a count of its own; a missing numerator is not judged.

        Returns
        -------
        numpy.ndarray of str
            The first :class:`Rule` that hides the numerator, shape (n,).
        """
        rest = denominator - numerator
        return np.select(
            [denominator < self.min_denominator, numerator < self.min_numerator, rest < self.min_numerator],
            [Rule.DENOMINATOR.value, Rule.NUMERATOR.value, Rule.COMPLEMENT.value],
            Rule.SHOWN.value,
        )


def hide_small_places(population: pd.Series, floor: float) -> pd.Series:
    """Say which places hold too few people to be shown as places.

    Parameters
    ----------
    population : pandas.Series
        People per place, indexed by area id. Missing counts as too few.
    floor : float
        Fewest people of a place that is shown.

    Returns
    -------
    pandas.Series of bool
        True where a place is not shown.

    Examples
    --------
    >>> hide_small_places(pd.Series({"a": 12.0, "b": 300.0}), 300).to_dict()
    {'a': True, 'b': False}
    """
    people = population.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(~(people >= floor), index=population.index, name="hidden")


def shown_and_hidden_totals(values: pd.Series, hidden: pd.Series, by: pd.Series | None = None) -> pd.DataFrame:
    """Add up what is shown and what is not, so that hiding places loses nobody.

    Parameters
    ----------
    values : pandas.Series
        Counts of the places before hiding, indexed by area id; NaN is missing and adds nothing.
    hidden : pandas.Series of bool
        Of the same index: True where a place is not shown.
    by : pandas.Series, optional
        Of the same index: the group of every place, for example its source zone. Places without group count in none.

    Returns
    -------
    pandas.DataFrame
        One row per group, or one row ``total``: ``shown``, ``not_shown``, ``total`` (exactly the sum of the two) and
        ``missing`` (number of places without value).

    Raises
    ------
    SpatialError
        The Series have different places, or ``hidden`` is missing somewhere.
    """
    for name, other in {"values": values, "hidden": hidden, "by": by}.items():
        if other is None:
            continue
        strangers = values.index.symmetric_difference(other.index)
        if len(strangers) or not other.index.is_unique:
            raise SpatialError(
                f"expected the places of the values once each, found others or repeated ones: {some(strangers)}",
                where=name,
                hint="reindex it to the values",
            )
    flags = hidden.reindex(values.index)
    if flags.isna().any():
        raise SpatialError("expected True or False for every place, found missing", where="hidden", hint="fill it")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    table = pd.DataFrame({"value": numbers, "hidden": flags.to_numpy(dtype=bool)}, index=values.index)
    table["group"] = "total" if by is None else by.reindex(values.index)

    rows = {}
    for group, places in table.groupby("group", sort=True):
        known = places["value"].notna()
        shown = math.fsum(places.loc[known & ~places["hidden"], "value"])
        not_shown = math.fsum(places.loc[known & places["hidden"], "value"])
        rows[group] = (shown, not_shown, shown + not_shown, int((~known).sum()))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["shown", "not_shown", "total", "missing"])
