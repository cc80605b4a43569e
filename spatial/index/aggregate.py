"""From several indicators on one scale to one number, and back to what each of them contributed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, SpatialError, some
from spatial.index.standardise import checked_weights

_WHERE = "aggregation of the index"

#: How indicators on one scale become one number.
Aggregation = Literal["arithmetic", "geometric", "harmonic", "minimum"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregated index with its parts.

    Attributes
    ----------
    score : pandas.Series, shape (n,)
        NaN where too little is known.
    base : pandas.Series, shape (n,)
        What the contributions are counted from: the aggregate of ``base_values`` over the indicators an area has.
    contributions : pandas.DataFrame, shape (n, m)
        ``base + contributions.sum(axis=1) == score`` to 1e-12; 0 for an indicator that is missing in a partial index.
    topics : pandas.DataFrame, shape (n, t)
        The contributions added up by topic.
    share : pandas.Series, shape (n,)
        Share of the weight whose indicators have a value.
    partial : pandas.Series of bool, shape (n,)
        The score stands on some of the indicators only; to be said wherever it is shown.
    method : str
    weights, base_values : pandas.Series, shape (m,)
        Weights that add up to 1, and the value of each indicator in the base.
    """

    score: pd.Series
    base: pd.Series
    contributions: pd.DataFrame
    topics: pd.DataFrame
    share: pd.Series
    partial: pd.Series
    method: Aggregation
    weights: pd.Series
    base_values: pd.Series


def aggregate(
    values: pd.DataFrame,
    method: Aggregation = "arithmetic",
    *,
    weights: Mapping[str, float] | None = None,
    topics: Mapping[str, str] | None = None,
    min_share: float = 1.0,
    base: Mapping[str, float] | None = None,
) -> Aggregate:
    """Aggregate normalised indicators and split the result into contributions that add up to it.

    Weighted means M = g⁻¹(Σ w g(x)) with g(x) = x, ln x, 1/x, and the smallest value, the limit of the power means.
    The weights do not move the minimum. How much indicators may compensate falls in this order.

    Notes
    -----
    *Contributions.* A mean of this kind is split against a base b as

        M(x) − M(b) = Σ L · w (g(x) − g(b)),   L = (M(x) − M(b)) / (g(M(x)) − g(M(b)))

    which is exact by construction: for the arithmetic mean L = 1, for the geometric one L is the logarithmic mean
    of M(x) and M(b) (the additive log-mean Divisia index: Ang 2005, *Energy Policy* 33, 867–871, without residual), for
    the harmonic one −M(x) M(b). The minimum is the limit of the power means: below the base the difference belongs to
    the indicator that binds in the area, above it to the one that binds in the base; ties share by weight.
    The base is 0 for the arithmetic mean, so that contributions are weight × value, and for the others the mean of
    each indicator over the complete areas unless it is given; give it to compare years.

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Normalised indicators, indexed by ``area_id``, high = more disadvantage; NaN where missing or suppressed. Above
        0 for the geometric and the harmonic mean.
    method : {"arithmetic", "geometric", "harmonic", "minimum"}
    weights : mapping of str to float, optional
        Weight above 0 of each indicator, equal by default; only their proportions count.
    topics : mapping of str to str, optional
        Topic of each indicator; all indicators are one topic each by default.
    min_share : float, default 1
        A score needs indicators with at least this share of the weight. 1: a missing value makes the score missing.
        Less gives a partial index, with the weights of what is there scaled up, and says so in ``partial``.
    base : mapping of str to float, optional
        Value of each indicator from which contributions are counted.

    Returns
    -------
    Aggregate

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Repeated ids or indicators; weights, topics or base that do not fit; infinite values, or values that are not
        above 0 where they have to be.

    Examples
    --------
    >>> values = pd.DataFrame({"poor": [10.0, 40.0], "unemployed": [40.0, 40.0]}, index=["a", "b"])
    >>> result = aggregate(values, "geometric")
    >>> list(result.score.round(9))
    [20.0, 40.0]
    >>> list((result.base + result.contributions.sum(axis=1)).round(9))
    [20.0, 40.0]
    """
    table = _checked(values, method, min_share)
    weight = checked_weights(weights, table.columns)
    weight = weight / weight.sum()
    topic = _topics(topics, table.columns)
    x, w = table.to_numpy(), weight.to_numpy()
    known = ~np.isnan(x)
    if base is not None:
        if set(base) != set(table.columns):
            raise ColumnError(f"expected a base of each indicator ({some(table.columns)})", where=_WHERE)
        b = np.array([float(base[name]) for name in table.columns])
    elif method == "arithmetic":
        b = np.zeros(len(w))
    else:
        complete = known.all(axis=1)
        if not complete.any():
            raise SpatialError(
                "expected an area with all indicators to count contributions from, found none",
                where=_WHERE,
                hint="give base=, or leave out the indicator that is missing most often",
            )
        b = x[complete].mean(axis=0)
    if not np.isfinite(b).all() or (method in ("geometric", "harmonic") and not (b > 0).all()):
        raise SpatialError(
            f"expected a finite base, above 0 for means of logs and reciprocals, found {b}", where=_WHERE
        )

    share = known @ w
    scored = (share >= min_share - 1e-12) & known.any(axis=1)
    # An area without a score is computed with all weights, of the base, and masked at the end.
    local = np.where(known & scored[:, None], w, 0.0) / np.where(scored, share, 1.0)[:, None]
    local[~scored] = w
    b_all = np.broadcast_to(b, x.shape)
    score = combine(np.where(known, x, b_all), local, method)
    start = combine(b_all, local, method)
    parts = _parts(np.where(known, x, b_all), b_all, local, score, start, method)
    ids = table.index
    contributions = pd.DataFrame(np.where(scored[:, None], parts, np.nan), ids, table.columns)
    return Aggregate(
        score=pd.Series(np.where(scored, score, np.nan), ids, name="score"),
        base=pd.Series(np.where(scored, start, np.nan), ids, name="base"),
        contributions=contributions,
        topics=contributions.T.groupby(topic, sort=False).sum(min_count=1).T,
        share=pd.Series(share, ids, name="share"),
        partial=pd.Series(scored & ~known.all(axis=1), ids, name="partial"),
        method=method,
        weights=weight,
        base_values=pd.Series(b, table.columns),
    )


def combine(x: np.ndarray, w: np.ndarray, method: str) -> np.ndarray:
    """Return the weighted mean over the last axis, for any number of axes before it.

    Parameters
    ----------
    x : numpy.ndarray, shape (..., m)
        Values without NaN; what has weight 0 does not count.
    w : numpy.ndarray, shape (..., m) or (m,)
        Weights that add up to 1 over the last axis.
    method : {"arithmetic", "geometric", "harmonic", "minimum"}

    Returns
    -------
    numpy.ndarray, shape (...)
    """
    if method == "minimum":
        return np.where(w > 0, x, np.inf).min(axis=-1)
    if method == "geometric":
        return np.exp(_dot(np.log(x), w))
    if method == "harmonic":
        return 1.0 / _dot(1.0 / x, w)
    return _dot(x, w)


def _dot(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x @ w if w.ndim == 1 else np.einsum("...m,...m->...", x, w)


def _parts(
    x: np.ndarray, b: np.ndarray, w: np.ndarray, score: np.ndarray, start: np.ndarray, method: Aggregation
) -> np.ndarray:
    """Split score − start among the indicators; see the notes of :func:`aggregate`."""
    if method == "arithmetic":
        return w * (x - b)
    if method == "harmonic":
        return (score * start)[:, None] * w * (1.0 / b - 1.0 / x)
    if method == "geometric":
        steps = w * (np.log(x) - np.log(b))
        # M(b) (eᵈ − 1)/d is the logarithmic mean, and holds where both means are equal.
        d = steps.sum(axis=1)
        ratio = np.divide(np.expm1(d), d, out=np.ones_like(d), where=d != 0)
        return (start * ratio)[:, None] * steps
    lower = (score < start)[:, None]
    # Means of several z-scores are all 0 but for rounding, which must not choose the one that binds.
    near = 1e-9 * max(np.abs(x).max(), np.abs(b).max())
    binds = np.where(lower, x <= score[:, None] + near, b <= start[:, None] + near) * w
    total = binds.sum(axis=1, keepdims=True)
    return np.divide(binds, total, out=np.zeros_like(binds), where=total > 0) * (score - start)[:, None]


def _checked(values: pd.DataFrame, method: str, min_share: float) -> pd.DataFrame:
    if method not in get_args(Aggregation):
        raise SpatialError(f"expected one of {', '.join(get_args(Aggregation))}, found {method!r}", where=_WHERE)
    if not 0 < min_share <= 1:
        raise SpatialError(f"expected a share of the weight above 0 and at most 1, found {min_share}", where=_WHERE)
    if not values.index.is_unique:
        twice = values.index[values.index.duplicated()].unique()
        raise AreaKeyError(f"expected each area once, found more of {some(twice)}", where=_WHERE)
    if not values.columns.is_unique or not len(values.columns):
        raise ColumnError("expected at least one indicator, each once", where=_WHERE)
    table = values.astype(np.float64)
    wrong = np.isinf(table.to_numpy())
    said = "finite values"
    if method in ("geometric", "harmonic"):
        wrong, said = wrong | (table.to_numpy() <= 0), "finite values above 0"
    if wrong.any():
        raise SpatialError(
            f"expected {said} for the {method} mean, found others in {some(table.index[wrong.any(axis=1)])}",
            where=_WHERE,
            hint="normalise to a scale above 0, for example min-max with scale=(1, 99)",
        )
    return table


def _topics(topics: Mapping[str, str] | None, columns: pd.Index) -> list[str]:
    if topics is None:
        return [str(name) for name in columns]
    if absent := [str(name) for name in columns if name not in topics]:
        raise ColumnError(f"expected a topic of each indicator, found none of {some(absent)}", where=_WHERE)
    return [topics[name] for name in columns]
