"""A part never exceeds its whole: shares of a numerator held below those of its denominator, source by source."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.disaggregation.totals import in_order_of_ids, require_totals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.transfer import AllocationWeights

    Floats = NDArray[np.float64]

#: Excess below this share of the whole is rounding.
NOISE = 1e-12


def is_part(part: pd.Series, whole: pd.Series) -> bool:
    """Tell whether a count can be a part of another: nowhere more, and somewhere less.

    Parameters
    ----------
    part, whole : pandas.Series
        Counts of the same sources; sources without both tell nothing.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_part(pd.Series([1.0, 5.0]), pd.Series([4.0, 5.0]))
    True
    """
    both = part.notna() & whole.notna()
    return bool((part[both] <= whole[both]).all() and (part[both] < whole[both]).any())


def limited(
    weights: AllocationWeights, part: pd.Series, ceiling: AllocationWeights, whole: pd.Series
) -> tuple[AllocationWeights, int]:
    """Hold what each target gets of a part below what it gets of the whole; the totals of the sources are kept.

    Parameters
    ----------
    weights, ceiling : AllocationWeights
        Of the part and of the whole, from the same pieces, shape (T, S).
    part, whole : pandas.Series
        Counts of the sources, where ``part`` is at most ``whole``; a source without both stays as it is.

    Returns
    -------
    weights : AllocationWeights
        The given ones where nothing exceeds.
    targets : int
        Number of targets that would have got more of the part than of the whole out of some source.

    Raises
    ------
    SpatialError
        The two were not made of the same pieces, or targets overlap.

    Notes
    -----
    Of all shares below the ceiling, those in proportion to the given ones wherever that does not bind,
    x_t = min(λ a_t, c_t) with λ such that the parts add up: the water-filling of information theory (Cover & Thomas
    2006, section 9.4). What the targets with a share cannot hold goes to the others, by the room they have.
    """
    from scipy import sparse

    require_totals(weights, "a part held below its whole")
    mine, above = weights.matrix.tocsc(), ceiling.matrix.tocsc()
    mine.sort_indices()
    above.sort_indices()
    if not (np.array_equal(mine.indptr, above.indptr) and np.array_equal(mine.indices, above.indices)):
        raise SpatialError(
            "expected weights of the same pieces, found others",
            where=f"{weights.method} and {ceiling.method}",
            hint="make both from one Atoms object",
        )
    y, d = weights.align(part, "part"), ceiling.align(whole, "whole")
    data, outside = mine.data.copy(), weights.outside.copy()
    hit: list[NDArray[np.int64]] = []
    for s in np.flatnonzero((y > 0) & (y <= d)):
        span = slice(mine.indptr[s], mine.indptr[s + 1])
        a = np.append(mine.data[span], weights.outside[s]) * y[s]
        c = np.append(above.data[span], ceiling.outside[s]) * d[s]
        over = a > c + NOISE * d[s]
        if not over.any():
            continue
        share = _filled(a, c, float(y[s]))
        share /= share.sum()
        data[span], outside[s] = share[:-1], share[-1]
        hit.append(mine.indices[span][over[:-1]])
    if not hit:
        return weights, 0
    matrix = sparse.csc_array((data, mine.indices, mine.indptr), shape=mine.shape).tocsr()
    held = dataclasses.replace(weights, matrix=in_order_of_ids(matrix, weights.source_ids), outside=outside)
    return held, len(np.unique(np.concatenate(hit)))


def _filled(amount: Floats, room: Floats, total: float) -> Floats:
    """Return min(λ amount, room) with the λ for which it adds up to the total, which the room can hold."""
    ratio = np.divide(room, amount, out=np.full(len(room), np.inf), where=amount > 0)
    order = np.argsort(ratio, kind="stable")
    a, c = amount[order], room[order]
    # With the first k at their ceilings the others share what is left in proportion.
    held = np.concatenate([[0.0], np.cumsum(c)])[:-1]
    rest = np.cumsum(a[::-1])[::-1]
    factor = np.divide(total - held, rest, out=np.full(len(a), np.inf), where=rest > 0)
    fits = np.flatnonzero(factor <= ratio[order])
    if len(fits) and np.isfinite(factor[fits[0]]):
        return np.asarray(np.minimum(np.maximum(factor[fits[0]], 0.0) * amount, room), dtype=np.float64)
    full = np.where(amount > 0, room, 0.0)
    spare = room - full
    left = max(total - float(full.sum()), 0.0)
    return np.asarray(full + spare * (left / spare.sum() if spare.sum() > 0 else 0.0), dtype=np.float64)
