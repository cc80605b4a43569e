"""How sure rank and class of some areas are, among areas of which the others are only the frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.index.sensitivity import classes_of, ranks
from spatial.index.variants import Variants

_WHERE = "sensitivity of the index"


def within_frame(
    variants: Variants,
    shown: pd.Series,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
    n: int = 1000,
    rule: Literal["sd", "quantile"] = "sd",
    at: Sequence[float] = (),
    level: float = 0.9,
) -> pd.DataFrame:
    """Repeat an index and rank some of its areas among themselves, each variant being scaled and classed on all.

    With all areas it is :func:`spatial.index.sensitivity.sensitivity`. A county within its Land is ranked among its own
    areas, as on its map, and classed on the Land.

    Parameters
    ----------
    variants : Variants
        Of all areas of the frame.
    shown : pandas.Series of str, shape (k,)
        Class that the map shows, None without one, indexed by the areas to be ranked.
    labels : sequence of str
        From the least to the most disadvantage.
    rng : numpy.random.Generator
    n : int, default 1000
        Variants.
    rule, at : as for :func:`spatial.index.sensitivity.sensitivity`
    level : float, default 0.9
        Of the rank interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``area_id``, NaN for areas whose map shows no class: ``rank_low``, ``rank_high`` (quantiles over the
        variants, inverted CDF), ``class_probability`` (share of the variants in which the area is in the class that the
        map shows), ``worst_share`` (… in the worst class) and ``probability_1`` … (… in each class, in order).

    Raises
    ------
    AreaKeyError
        An area is not in the frame.
    SpatialError
        `n` or `level` do not fit.
    """
    if n < 1 or not 0 < level < 1:
        raise SpatialError(f"expected variants and a level between 0 and 1, found {n} and {level}", where=_WHERE)
    place = variants.areas.get_indexer(shown.index)
    if (place < 0).any():
        raise AreaKeyError(f"areas outside the frame: {some(shown.index[place < 0])}", where=_WHERE)
    scores = variants.scores(rng.random((n, sum(variants.factors().values()))))
    member = classes_of(scores, rule, at, len(labels))[:, place]
    ordered = np.sort(ranks(scores[:, place]), axis=0)  # NaN last
    scored = (~np.isnan(ordered)).sum(axis=0)
    known = shown.notna().to_numpy() & (scored > 0)
    table = pd.DataFrame(index=shown.index.rename("area_id"))
    for column, q in (("rank_low", (1 - level) / 2), ("rank_high", (1 + level) / 2)):
        nth = np.clip(np.ceil(q * scored - 1e-9).astype(np.intp) - 1, 0, n - 1)
        found = ordered[nth, np.arange(len(shown))]
        table[column] = pd.Series(np.where(known, found, np.nan), table.index).astype("Int64")
    number = {label: k for k, label in enumerate(labels)}
    own = shown.map(lambda label: number.get(label, -2)).to_numpy(dtype=np.int64)
    share = np.divide(
        [(member == own).sum(axis=0), (member == len(labels) - 1).sum(axis=0)],
        scored,
        out=np.full((2, len(shown)), np.nan),
        where=known,
    )
    table["class_probability"], table["worst_share"] = share
    for k in range(len(labels)):
        part = np.divide((member == k).sum(axis=0), scored, out=np.full(len(shown), np.nan), where=known)
        table[f"probability_{k + 1}"] = part
    return table
