"""Whole numbers from handed-down counts, so that the parts of every source still add up to its total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError, some
from spatial.disaggregation.totals import require_totals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.transfer import AllocationWeights

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

#: A total this close to a whole number is one.
WHOLE = 1e-9
#: Remainders that differ by less are equal: what rounding errors of the sums may do to a tie.
TIE = 1e-9


def round_parts(
    group: Codes, parts: Floats, totals: Codes, order: Codes, *, rng: np.random.Generator | None = None
) -> Codes:
    """Round parts to whole numbers that add up to the totals of their groups; each moves by less than 1.

    Parameters
    ----------
    group : numpy.ndarray of int
        Group of each part, shape (K,), values 0 … S − 1.
    parts : numpy.ndarray
        At least 0, adding up to the totals within rounding, shape (K,).
    totals : numpy.ndarray of int
        Shape (S,).
    order : numpy.ndarray of int
        Rank of each part, shape (K,), all different within a group: of equal remainders the lower rank is rounded up.
    rng : numpy.random.Generator, optional
        With it, systematic sampling rounds up with probability equal to the remainder, so that the expectation is the
        part itself; without it, the largest remainders are rounded up.

    Returns
    -------
    numpy.ndarray of int64
        Shape (K,).

    Notes
    -----
    Largest remainder: Hamilton's method of apportionment, which minimises Σ (rounded − part)². Systematic sampling:
    Madow (1949); one uniform start per group selects where the running sum of remainders passes it.

    Examples
    --------
    >>> import numpy as np
    >>> zero, rank = np.zeros(3, dtype=int), np.arange(3)
    >>> round_parts(zero, np.array([1.5, 1.5, 2.0]), np.array([5]), rank).tolist()
    [2, 1, 2]
    """
    down = np.floor(parts + WHOLE)
    remainder = np.maximum(parts - down, 0.0)
    result = down.astype(np.int64)
    open_ = totals - np.bincount(group, down, len(totals)).astype(np.int64)
    by_group = np.lexsort((order, group))
    bounds = np.searchsorted(group[by_group], np.arange(len(totals) + 1))
    for s in np.flatnonzero(open_ > 0):
        mine = by_group[bounds[s] : bounds[s + 1]]
        left = remainder[mine]
        if rng is None:
            # Compared in steps of TIE, so that 0.5 and 0.5000000000000001 are a tie and the rank decides.
            chosen = mine[np.argsort(-np.rint(left / TIE), kind="stable")[: open_[s]]]
        else:
            passed = np.cumsum(left) * (open_[s] / left.sum())
            passed[-1] = open_[s]
            chosen = mine[np.searchsorted(passed, rng.random() + np.arange(open_[s]), side="right")]
        result[chosen] += 1
    return result


def integer_counts(
    weights: AllocationWeights, values: pd.Series, *, rng: np.random.Generator | None = None
) -> pd.Series:
    """Hand counts down as whole numbers, every source's total kept exactly.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S). What goes outside the targets is a part like any other.
    values : pandas.Series
        Whole numbers of at least 0 by source id; NaN is missing.
    rng : numpy.random.Generator, optional
        See :func:`round_parts`: with it E[x] = W y.

    Returns
    -------
    pandas.Series
        Indexed by target id, float64 with whole values because missing targets are NaN. A target in several sources
        is the sum of its parts, each of which is rounded within its source.

    Raises
    ------
    SpatialError
        A count is negative or no whole number, or targets overlap.
    """
    require_totals(weights, "whole numbers that add up")
    y = weights.align(values)
    wrong = ~np.isnan(y) & ((y < 0) | (np.abs(y - np.rint(y)) > WHOLE))
    if wrong.any():
        raise SpatialError(
            f"expected whole numbers of at least 0, found others for {some(weights.source_ids[wrong])}",
            where=str(values.name or "values"),
            hint="hand the value down without rounding, or correct it at its source",
        )
    count = np.rint(np.nan_to_num(y)).astype(np.int64)
    entries = weights.matrix.tocoo()
    target, source = entries.row.astype(np.int64), entries.col.astype(np.int64)
    n_targets, n_sources = weights.matrix.shape
    group = np.concatenate([source, np.arange(n_sources)])
    parts = np.concatenate([entries.data * count[source], weights.outside * count])
    # Ranks by id, not by position: the order of the rows decides no tie. Sources draw in the order of their ids.
    rank = np.argsort(np.argsort(weights.target_ids.astype(str), kind="stable"), kind="stable")
    names = np.argsort(np.argsort(weights.source_ids.astype(str), kind="stable"), kind="stable")
    by_name = np.empty(n_sources, dtype=np.int64)
    by_name[names] = count
    order = np.concatenate([rank[target], np.full(n_sources, n_targets)])
    rounded = round_parts(names[group], parts, by_name, order, rng=rng)[: len(target)]
    result = np.bincount(target, rounded, n_targets).astype(np.float64)
    result[weights.apply(values).isna().to_numpy()] = np.nan
    return pd.Series(result, index=weights.target_ids, name=values.name)
