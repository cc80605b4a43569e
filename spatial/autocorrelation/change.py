"""Maps of change: the change of each area between two periods, and a test on the change itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.rates import rate_moments

if TYPE_CHECKING:
    from spatial.autocorrelation.local_case import Options
    from spatial.autocorrelation.rates import Form
    from spatial.results import LocalResult

_WHERE = "change between two periods"


def change(
    before: pd.Series,
    after: pd.Series,
    *,
    population_before: pd.Series | None = None,
    population_after: pd.Series | None = None,
    form: Form = "proportion",
) -> pd.Series:
    """Return the change of each area between two periods, made comparable where rates have unequal populations.

    Parameters
    ----------
    before, after : pandas.Series, shape (n,)
        Values of the two periods, or cases where populations are given; indexed by ``area_id``, NaN where missing.
    population_before, population_after : pandas.Series, optional
        Both or none.
    form : {"proportion", "poisson"}
        See :func:`spatial.autocorrelation.rates.empirical_bayes`.

    Returns
    -------
    pandas.Series
        after − before; for rates (d_i − d̄)/√v_i on the index of `before`, d_i = r_i,after − r_i,before, with
        v_i = a + u_before/x_i,before + u_after/x_i,after: the binomial (Poisson) variance of both rates at the mean
        rate of their period, and a ≥ 0 what the changes vary beyond it, weighted by 2/(1/x_before + 1/x_after) as
        empirical Bayes does for one period. d̄ is the weighted mean. Zero where the change of all is the same.

    Raises
    ------
    AreaKeyError
        The series have other areas, or only one population is given.
    SpatialError
        All rates of a period are 0, or all are 1.

    Notes
    -----
    A difference of two standardised rates would move with the spread of each year; a map of two tests, hot then and
    not now, tests no change at all.
    """
    parts = [before, after, *(p for p in (population_before, population_after) if p is not None)]
    index = before.index
    if len(parts) == 3 or any(
        not part.index.is_unique or len(part) != len(index) or not part.index.isin(index).all() for part in parts
    ):
        raise AreaKeyError("expected both periods (and both populations or none) for the same areas", where=_WHERE)
    one, two = (part.reindex(index).to_numpy(dtype=np.float64, na_value=np.nan) for part in (before, after))
    if len(parts) == 2:
        return pd.Series(two - one, index=index)
    x1, x2 = (part.reindex(index).to_numpy(dtype=np.float64, na_value=np.nan) for part in parts[2:])
    known = ~np.isnan(one) & ~np.isnan(two) & (x1 > 0) & (x2 > 0)
    out = pd.Series(np.nan, index=index, dtype=np.float64)
    if not known.any():
        return out
    one, two, x1, x2 = one[known], two[known], x1[known], x2[known]
    noise = np.zeros(len(one))
    for cases, people in ((one, x1), (two, x2)):
        b, _ = rate_moments(cases, people, form)
        noise += (b * (1 - b) if form == "proportion" else b) / people
    d = two / x2 - one / x1
    weight = 2 / (1 / x1 + 1 / x2)
    mean = float((weight * d).sum() / weight.sum())
    centred = d - mean
    centred[np.abs(centred) <= 1e-13] = 0.0
    spread = float((weight * centred**2).sum() / weight.sum())
    excess = max(0.0, spread - float((weight * noise).sum() / weight.sum()))
    out[known] = centred / np.sqrt(excess + noise)
    return out


def change_test(
    before: pd.Series,
    after: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    population_before: pd.Series | None = None,
    population_after: pd.Series | None = None,
    form: Form = "proportion",
    **options: Unpack[Options],
) -> LocalResult:
    """Test where values rose or fell together: local Moran and Gi* of the change itself.

    Parameters
    ----------
    before, after, population_before, population_after, form
        See :func:`change`.
    graph, rng, **options
        See :func:`spatial.autocorrelation.local.local_tests`.

    Returns
    -------
    LocalResult
        ``value`` is the plain change (of values or of rates); ``High-High`` are areas that rose more than the mean
        among others that did.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`change` and :func:`.local_tests`.
    """
    tested = change(before, after, population_before=population_before, population_after=population_after, form=form)
    result = local_tests(tested, graph, rng=rng, **options)
    if population_before is None or population_after is None:
        return result
    index = before.index
    shown = after.reindex(index) / population_after.reindex(index) - before / population_before.reindex(index)
    return replace(result, table=result.table.assign(value=shown.where(tested.notna())))
