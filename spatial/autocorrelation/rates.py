"""Rates of unequal populations, made comparable before they are tested."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

Form = Literal["proportion", "poisson"]

_WHERE = "empirical Bayes standardisation"


def empirical_bayes(numerator: pd.Series, denominator: pd.Series, *, form: Form = "proportion") -> pd.Series:
    """Standardise rates by their own variance, which is large where few people live (Assunção & Reis 1999).

    z_i = (p_i − b) / √v_i with p_i = e_i / x_i, b = Σe / Σx, s² = Σ x_i (p_i − b)² / Σx, and

    - proportion: a = max(0, s² − b(1 − b)/x̄), v_i = a + b(1 − b)/x_i;
    - poisson: a = max(0, s² − b/x̄), v_i = a + b/x_i.

    The published rule for a negative a + b/x_i (use b/x_i) makes z explode where it is close to 0; bounding a from
    below by 0 agrees with it, and with esda and spdep, wherever a > 0.

    Parameters
    ----------
    numerator : pandas.Series, shape (n,)
        Cases e, indexed by ``area_id``.
    denominator : pandas.Series, shape (n,)
        Population x of the same areas.
    form : {"proportion", "poisson"}
        Cases are part of the population, or are rare events that need not be.

    Returns
    -------
    pandas.Series
        z on the index of `numerator`; NaN where a number is missing or nobody lives.

    Raises
    ------
    AreaKeyError
        The two are not indexed by the same areas.
    SpatialError
        A number is negative or infinite, a proportion is larger than 1, or all rates are equal to 0 or to 1.

    Examples
    --------
    >>> z = empirical_bayes(pd.Series([1.0, 30.0]), pd.Series([10.0, 100.0]))
    >>> [round(each, 2) for each in z]
    [-1.28, 0.4]
    """
    if not numerator.index.is_unique or not numerator.index.sort_values().equals(denominator.index.sort_values()):
        raise AreaKeyError("expected numerator and denominator of the same areas, once each", where=_WHERE)
    cases = numerator.to_numpy(dtype=np.float64, na_value=np.nan)
    people = denominator.reindex(numerator.index).to_numpy(dtype=np.float64, na_value=np.nan)
    for name, numbers in (("numerator", cases), ("denominator", people)):
        wrong = np.isinf(numbers) | (numbers < 0)
        if wrong.any():
            raise SpatialError(
                f"expected a {name} that is finite and not negative, found {some(numbers[wrong])} in "
                f"{some(numerator.index[wrong])}",
                where=_WHERE,
            )
    known = ~np.isnan(cases) & (people > 0)
    result = pd.Series(np.nan, index=numerator.index, dtype=np.float64)
    if not known.any():
        return result
    e, x = cases[known], people[known]
    if form == "proportion":
        if (e > x * (1 + 1e-9)).any():
            raise SpatialError(
                f"expected at most as many cases as people, found more in {some(numerator.index[known][e > x])}",
                where=_WHERE,
                hint="take both at one date, or form='poisson' where cases are not part of the population",
            )
    elif form != "poisson":
        raise SpatialError(f"expected form proportion or poisson, found {form!r}", where=_WHERE)
    b, variance = rate_moments(e, x, form)
    deviation = e / x - b
    deviation[np.abs(deviation) <= 1e-13 * b] = 0.0  # rounding of the division, which must not look like a pattern
    result[known] = deviation / np.sqrt(variance)
    return result


def rate_moments(
    cases: NDArray[np.float64], people: NDArray[np.float64], form: Form
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean rate b and the variance v of each rate about it; see :func:`empirical_bayes`.

    Parameters
    ----------
    cases, people : numpy.ndarray, shape (n,)
        Without NaN; people above 0.
    form : {"proportion", "poisson"}
        As there.

    Returns
    -------
    b : float
        Σe/Σx.
    variance : numpy.ndarray, shape (n,)
        Above 0.

    Raises
    ------
    SpatialError
        All rates are 0, or all are 1.
    """
    # Exactly rounded sums: the same bits whatever the order of the areas.
    persons = math.fsum(people)
    b = math.fsum(cases) / persons
    unit = b * (1 - b) if form == "proportion" else b
    if unit <= 0:
        raise SpatialError(
            f"expected rates that differ, found {b:g} everywhere", where=_WHERE, hint="leave this indicator untested"
        )
    s2 = math.fsum(people * (cases / people - b) ** 2) / persons
    return b, max(0.0, s2 - unit * len(people) / persons) + unit / people
