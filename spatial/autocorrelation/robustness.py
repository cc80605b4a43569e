"""Labels that hold: how often an area keeps its label when its value, the weights or the level could have been others.

The label probability is the share of repeats, over draws of the values and over weights graphs, in which an area gets
the label that it has. It is no p-value and no probability that the area *is* a hotspot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.neighbours import prepare
from spatial.results import Label, LocalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.autocorrelation.local_case import Options

#: A label is published where at least this share of the repeats keeps it.
THRESHOLD = 0.9

#: No discovery: nothing to keep.
_NOTHING = (str(Label.NOT_SIGNIFICANT), str(Label.NO_LABEL))

_WHERE = "robustness of labels"


@dataclass(frozen=True, slots=True)
class Robustness:
    """How labels held.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``label`` (of the result that was asked about), ``label_probability`` (share of repeats
        with that label; NaN where the area has no test in any), ``published`` (bool: a discovery whose share reaches
        the threshold), and a column ``share <label>`` for every label that occurred.
    by_graph : pandas.DataFrame
        The same share within each graph, one column a graph.
    repeats : int
        Draws × graphs.
    threshold : float
        From which on a label is published.
    """

    table: pd.DataFrame
    by_graph: pd.DataFrame
    repeats: int
    threshold: float


def draw_rates(
    cases: pd.Series, people: pd.Series, draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw what the cases might have been: Beta-Binomial from the empirical-Bayes posterior of each rate.

    Parameters
    ----------
    cases, people : pandas.Series, shape (n,)
        Of the same areas, NaN where missing; cases are part of the people.
    draws : int
        R.
    rng : numpy.random.Generator
        Same seed, same bytes.

    Returns
    -------
    rates, cases : numpy.ndarray, shape (n, R)
        Posterior rates p ~ Beta(m·b + e, m·(1 − b) + x − e), and cases drawn with them, Binomial(x, p).

    Raises
    ------
    AreaKeyError
        The two have other areas.
    SpatialError
        A rate is above 1, or `draws` below 1.

    Notes
    -----
    The prior is Beta(m·b, m·(1 − b)) with b = Σe/Σx and m = b(1 − b)/a − 1, a being the variance of rates beyond
    binomial noise (Assunção & Reis 1999), so that rates of small places are drawn towards the mean. Where a is 0, all
    rates are b.
    """
    from spatial.autocorrelation.rates import rate_moments

    if not cases.index.is_unique or not cases.index.equals(people.index):
        raise AreaKeyError("expected cases and people of the same areas, in one order", where=_WHERE)
    e, x = (each.to_numpy(dtype=np.float64, na_value=np.nan) for each in (cases, people))
    known = ~np.isnan(e) & (x > 0)
    if draws < 1 or (e[known] > x[known]).any() or (e[known] < 0).any():
        raise SpatialError("expected at least 1 draw, and cases between 0 and the people", where=_WHERE)
    rates, counts = np.full((2, len(e), draws), np.nan)
    if not known.any():
        return rates, counts
    b, variance = rate_moments(e[known], x[known], "proportion")
    spread = float((variance - b * (1 - b) / x[known]).mean())
    if spread <= 1e-12 * b * (1 - b):
        drawn = np.full((int(known.sum()), draws), b)
    else:
        m = max(b * (1 - b) / spread - 1, 1e-9)
        drawn = rng.beta(
            (m * b + e[known])[:, None], (m * (1 - b) + x[known] - e[known])[:, None], (len(x[known]), draws)
        )
    rates[known] = drawn
    counts[known] = rng.binomial(np.rint(x[known]).astype(np.int64)[:, None], drawn)
    return rates, counts


def label_probability(
    draws: NDArray[np.float64],
    ids: pd.Index,
    graphs: Mapping[str, Any],
    labels: pd.Series,
    *,
    rng: np.random.Generator,
    column: str = "label",
    threshold: float = THRESHOLD,
    **options: Unpack[Options],
) -> Robustness:
    """Repeat the local tests over draws of the values and over graphs, and count which labels hold.

    Parameters
    ----------
    draws : numpy.ndarray, shape (n, R)
        Draws of what is tested, one a column; NaN where there is no value.
    ids : pandas.Index
        Areas of the rows.
    graphs : mapping of str to libpysal.graph.Graph or Neighbours
        Name → neighbours of the same areas; each is as good as the other.
    labels : pandas.Series
        The label that each area has, indexed by `ids`.
    rng : numpy.random.Generator
        Same seed, same bytes.
    column : {"label", "gi_star_label"}
        Which labels of the tests are meant.
    threshold : float, default 0.9
        From which share on a label is published.
    **options : Options
        See :class:`spatial.autocorrelation.local_case.Options`.

    Returns
    -------
    Robustness
        Shares over R × number of graphs repeats.

    Raises
    ------
    AreaKeyError
        `labels` lacks areas.
    SpatialError
        No graph, shapes do not fit, the threshold is not in (0, 1], or as
        :func:`spatial.autocorrelation.local.local_tests`.
    """
    if draws.ndim != 2 or draws.shape[0] != len(ids) or draws.shape[1] < 1 or not graphs:
        raise SpatialError(
            f"expected draws of shape ({len(ids)}, R) and at least one graph, found {draws.shape} and {len(graphs)}",
            where=_WHERE,
        )
    if not 0 < threshold <= 1 or column not in ("label", "gi_star_label"):
        raise SpatialError(
            f"expected a threshold in (0, 1] and column label or gi_star_label, found {threshold} and {column!r}",
            where=_WHERE,
        )
    if not ids.is_unique or not ids.isin(labels.index).all():
        raise AreaKeyError(
            f"expected a label for each area; without: {some(ids.difference(labels.index))}", where=_WHERE
        )
    mine = labels.reindex(ids).to_numpy(dtype=object)
    seen: dict[str, NDArray[np.int64]] = {}
    tested, kept = np.zeros(len(ids), dtype=np.int64), {}
    for name, graph in graphs.items():
        ready = prepare(graph, name)
        same = np.zeros(len(ids), dtype=np.int64)
        for r in range(draws.shape[1]):
            table = local_tests(pd.Series(draws[:, r], ids), ready, rng=rng, **options).table
            found = table[column].to_numpy(dtype=object)
            same += found == mine
            tested += (table["state"] == "tested").to_numpy()
            for label in np.unique(found.astype(str)):
                seen[label] = seen.get(label, np.zeros(len(ids), dtype=np.int64)) + (found == label)
        kept[name] = same
    repeats = draws.shape[1] * len(graphs)
    total = np.sum(list(kept.values()), axis=0)
    share = np.where(tested > 0, total / repeats, np.nan)
    discovery = ~np.isin(mine.astype(str), _NOTHING)
    table = pd.DataFrame(
        {
            "label": mine,
            "label_probability": share,
            "published": discovery & (np.nan_to_num(share) >= threshold * (1 - 1e-12)),
            **{f"share {label}": seen[label] / repeats for label in sorted(seen)},
        },
        index=ids.rename("area_id"),
    )
    by_graph = pd.DataFrame({name: same / draws.shape[1] for name, same in kept.items()}, index=table.index)
    return Robustness(table, by_graph, repeats, threshold)


def compare_levels(
    fine: LocalResult, coarse: LocalResult, parent: pd.Series, *, names: Sequence[str] = ("fine", "coarse")
) -> pd.DataFrame:
    """Cross the labels of areas with those of the larger areas they lie in: what the choice of level makes (MAUP).

    Parameters
    ----------
    fine, coarse : LocalResult
        Tests of the same figure at two levels, with a column ``label``.
    parent : pandas.Series
        Larger area of each smaller one.
    names : sequence of two str
        What the levels are called.

    Returns
    -------
    pandas.DataFrame
        Numbers of small areas: a row for each label at the fine level, a column for each at the coarse one. A small
        area outside of every larger one counts as ``no label`` there.

    Raises
    ------
    AreaKeyError
        A small area has no entry in `parent`, or a larger one no test.
    """
    index = fine.table.index
    if not parent.index.is_unique or not index.isin(parent.index).all():
        raise AreaKeyError(
            f"expected a larger area for each smaller one; without: {some(index.difference(parent.index))}",
            where=_WHERE,
        )
    above = parent.reindex(index)
    unknown = pd.Index(above.dropna().unique()).difference(coarse.table.index)
    if len(unknown):
        raise AreaKeyError(f"no test of the larger areas {some(unknown)}", where=_WHERE)
    up = coarse.table["label"].reindex(above).astype(object).fillna(str(Label.NO_LABEL)).to_numpy(dtype=object)
    order = [str(label) for label in Label]
    small = fine.table["label"].to_numpy(dtype=object)
    table = pd.crosstab(pd.Series(small, name=names[0]), pd.Series(up, name=names[1]))
    return table.reindex(
        index=[each for each in order if each in table.index], columns=[each for each in order if each in table.columns]
    )
