"""LISA transitions through giddy: between which quadrants areas move from one period to the next (an extra)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.autocorrelation.neighbours import prepare

#: Quadrants in the order of giddy's states.
QUADRANTS = ("High-High", "Low-High", "Low-Low", "High-Low")

_WHERE = "LISA transitions"


@dataclass(frozen=True, slots=True)
class Transitions:
    """Moves between quadrants of the Moran scatterplot, significant or not.

    Attributes
    ----------
    counts, shares : pandas.DataFrame, shape (4, 4)
        From (row) to (column): number of moves, and shares of each row (NaN where no area started).
    chi_square : float
        Of the moves of an area and of its neighbours being independent of each other (Rey 2001).
    p : float
        Of that statistic, by the chi-squared distribution; descriptive, as years are not independent.
    """

    counts: pd.DataFrame
    shares: pd.DataFrame
    chi_square: float
    p: float


def lisa_transitions(values: Mapping[int, pd.Series], graph: Any) -> Transitions:
    """Count the moves of areas between quadrants, period by period.

    Parameters
    ----------
    values : mapping of int to pandas.Series
        Period → values of all areas of the graph, without NaN; rates are standardised first.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours; rows are standardised.

    Returns
    -------
    Transitions
        Over all areas and all pairs of successive periods.

    Raises
    ------
    SpatialError
        giddy is not installed, fewer than two periods, a missing value, or an area without neighbours.
    AreaKeyError
        A period has other areas.
    """
    try:
        from giddy.markov import LISA_Markov
    except ImportError as error:
        raise SpatialError(
            "expected the package giddy, which LISA transitions need", where=_WHERE, hint="install sozialmonitor[giddy]"
        ) from error
    from libpysal.weights import WSP

    ready = prepare(graph)
    periods = sorted(values)
    if len(periods) < 2:
        raise SpatialError(f"expected at least 2 periods, found {len(periods)}", where=_WHERE)
    columns = []
    for period in periods:
        series = values[period]
        if not series.index.is_unique or len(series) != len(ready.ids) or not ready.ids.isin(series.index).all():
            raise AreaKeyError(f"expected the areas of the graph, once each, in {period}", where=_WHERE)
        columns.append(series.reindex(ready.ids).to_numpy(dtype=np.float64, na_value=np.nan))
    table = np.column_stack(columns)
    gaps = ~np.isfinite(table).all(axis=1) | (np.diff(ready.matrix.indptr) == 0)
    if gaps.any():
        raise SpatialError(
            f"expected a value in every period and a neighbour, found none for {some(ready.ids[gaps])}", where=_WHERE
        )
    weights = WSP(ready.standardised.tocsr()).to_W(silence_warnings=True)
    found = LISA_Markov(table, weights, permutations=0)
    counts = pd.DataFrame(np.asarray(found.transitions, dtype=float), index=QUADRANTS, columns=QUADRANTS)
    shares = counts.div(counts.sum(axis=1).where(counts.sum(axis=1) > 0), axis=0)
    statistic, p = float(found.chi_2[0]), float(found.chi_2[1])
    return Transitions(counts, shares, statistic, p)
