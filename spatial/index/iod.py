"""Ranks, an exponential transformation and domain weights, after the English Indices of Deprivation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from geodata.errors import ColumnError, SpatialError, some
from spatial.index.aggregate import aggregate
from spatial.index.normalise import Normaliser
from spatial.index.presets import IOD

_WHERE = "index iod"


@dataclass(frozen=True, slots=True)
class IodResult:
    """An index of the kind of the English Indices of Deprivation.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``score`` (0 … 100, high = more disadvantage), ``rank`` (1 = most disadvantaged, Int64),
        ``status_class`` (Int64, 1 … 10, 1 = the most disadvantaged tenth), ``domain_<name>`` (transformed, 0 … 100) and
        ``contribution_<name>``, which add up to ``score``. NaN where a domain is missing.
    weights : pandas.Series
        Of the domains, adding up to 1.
    """

    table: pd.DataFrame
    weights: pd.Series


def exponential(values: pd.Series, *, scale: float = IOD.scale) -> pd.Series:
    """Turn scores into ranks and ranks into an exponential distribution on 0 … 100.

    R = (N − rank + 1)/N with rank 1 for the highest value, X = −s ln(1 − R (1 − e^(−100/s))). The most disadvantaged
    tenth takes half the scale for s = 23, so that an area which is bad in one domain is not made good by another.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        High = more disadvantage; NaN stays NaN and does not count for N. Equal values share their mean rank.
    scale : float, default 23

    Returns
    -------
    pandas.Series, shape (n,)

    Raises
    ------
    SpatialError
        The scale is not above 0.

    Examples
    --------
    >>> list(exponential(pd.Series([3.0, 1.0, 2.0, 4.0])).round(1))
    [31.0, 6.5, 15.6, 100.0]
    """
    if not scale > 0:
        raise SpatialError(f"expected a scale above 0, found {scale}", where=_WHERE)
    share = values.rank(method="average") / values.count()
    return -scale * (1.0 - share * (1.0 - np.exp(-100.0 / scale))).transform(np.log)


def domain_scores(
    indicators: pd.DataFrame, domains: Mapping[str, Sequence[str]], *, polarity: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Bring the indicators of each domain to one score.

    Each indicator is turned into normal scores Φ⁻¹(rank/(n + 1)), the domain is their mean. Assumed: the original
    weights some of its domains by factor analysis.

    Parameters
    ----------
    indicators : pandas.DataFrame, shape (n, m)
        Rates, best shrunk (:class:`spatial.index.normalise.ShrunkLogit`).
    domains : mapping of str to sequence of str
        Columns of each domain.
    polarity : mapping of str to {1, -1}, optional
        −1 where a high value means less disadvantage.

    Returns
    -------
    pandas.DataFrame, shape (n, d)
        NaN where an indicator of the domain is missing.

    Raises
    ------
    ColumnError
        Columns that are not there.
    """
    columns = list(dict.fromkeys(name for names in domains.values() for name in names))
    if absent := [name for name in columns if name not in indicators.columns]:
        raise ColumnError(f"expected columns of the indicators, found none called {some(absent)}", where=_WHERE)
    ranks = Normaliser("rank", polarity=polarity or {}).fit(indicators[columns]).transform(indicators[columns])
    normal = pd.DataFrame(norm.ppf(ranks / (ranks.count() + 1)), ranks.index, ranks.columns)
    return pd.DataFrame({name: normal[list(names)].mean(axis=1, skipna=False) for name, names in domains.items()})


def iod_index(
    domains: pd.DataFrame, *, weights: Mapping[str, float] | None = None, classes: int = IOD.classes
) -> IodResult:
    """Compute an index of the kind of the English Indices of Deprivation from its domains.

    Parameters
    ----------
    domains : pandas.DataFrame, shape (n, d)
        Score of each domain (:func:`domain_scores`, or one shrunk rate), high = more disadvantage.
    weights : mapping of str to float, optional
        Of each domain; by default those of the original for the domains that are there, scaled to 1.
    classes : int, default 10
        Classes of equal numbers.

    Returns
    -------
    IodResult

    Raises
    ------
    ColumnError, SpatialError
        Domains without a weight, or values that cannot be aggregated.
    """
    known = dict(weights) if weights is not None else dict(IOD.domain_weights)
    if absent := [str(name) for name in domains.columns if name not in known]:
        raise ColumnError(
            f"expected domains with a weight, found none for {some(absent)}",
            where=_WHERE,
            hint=f"name the domains {', '.join(IOD.domain_weights)}, or give weights=",
        )
    transformed = domains.apply(exponential)
    result = aggregate(transformed, weights={str(name): known[str(name)] for name in domains.columns})
    table = pd.DataFrame({"score": result.score})
    rank = table["score"].round(12).rank(ascending=False, method="min")
    table["rank"] = rank.astype("Int64")
    table["status_class"] = np.ceil(rank * classes / rank.count()).astype("Int64")
    table = table.join(transformed.add_prefix("domain_")).join(result.contributions.add_prefix("contribution_"))
    return IodResult(table=table.rename_axis(index="area_id"), weights=result.weights)
