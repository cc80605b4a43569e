"""Emerging hotspots: how the label of an area developed over the years, with an exact Mann-Kendall trend test.

The categories are descriptive. Mann-Kendall takes years to be independent, and those of a county are not: at an
autocorrelation of .8 it rejects .12 of series without trend at T = 6 and .33 at T = 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.results import Label, LocalResult, State

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Periods up to which the distribution of S is exact; beyond, the normal approximation is good to the third digit.
EXACT = 40

#: Share of the periods that makes an area always hot.
ALWAYS = 0.9

_WHERE = "space-time"


class Emerging(StrEnum):
    """Category of an area, for hot and for cold spots alike (the side stands in a column of its own)."""

    NEW = "new"
    CONSECUTIVE = "consecutive"
    INTENSIFYING = "intensifying"
    PERSISTENT = "persistent"
    DIMINISHING = "diminishing"
    SPORADIC = "sporadic"
    OSCILLATING = "oscillating"
    HISTORICAL = "historical"
    NONE = "no pattern"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trend:
    """Mann-Kendall test of one series.

    Attributes
    ----------
    s : int
        S = Σ_{k<l} sgn(x_l − x_k).
    variance : float
        [T(T − 1)(2T + 5) − Σ t(t − 1)(2t + 5)] / 18 over groups of t equal values.
    p_upper, p_lower, p : float
        Chances of an S at least as high, at least as low, and min(1, 2 · the smaller of the two).
    smallest : float
        The smallest two-sided p that these T periods, with these ties, can give at all.
    periods : int
        T, without missing ones.
    exact : bool
        Enumerated, not approximated.
    """

    s: int
    variance: float
    p_upper: float
    p_lower: float
    p: float
    smallest: float
    periods: int
    exact: bool


@dataclass(frozen=True, slots=True)
class EmergingResult:
    """How every area developed.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``category`` (an :class:`Emerging`), ``side`` (``hot``, ``cold`` or empty), ``hot`` and
        ``cold`` (number of periods with that label), ``periods`` (with a test), ``s``, ``p`` (two-sided, of the trend
        of Gi*'s z), ``trend`` (``up``, ``down`` or empty).
    periods : tuple of int
        In order.
    alpha : float
        Level of the trend test.
    descriptive : bool
        Always True: years are not independent, so a category is no finding of a test.
    warnings : tuple of str
        For example that so few periods can give no significant trend.
    """

    table: pd.DataFrame
    periods: tuple[int, ...]
    alpha: float
    descriptive: bool = True
    warnings: tuple[str, ...] = ()


def mann_kendall(series: ArrayLike) -> Trend:
    """Test a series for a monotone trend, against all orders of its values being equally likely.

    Parameters
    ----------
    series : array-like of float, shape (T,)
        In the order of time; NaN is left out.

    Returns
    -------
    Trend
        Exact for up to :data:`EXACT` periods, with or without ties; beyond, by the normal distribution with a
        continuity correction.

    Raises
    ------
    SpatialError
        A value is infinite.

    Notes
    -----
    Mann (1945), Kendall (1975). Values in random order are built up group by group of equal values: putting the t
    equal values of a group among the m smaller ones makes as many pairs in order as the generating function of the
    Gaussian binomial [m + t over t] says. The number of pairs in order over all groups is the sum of independent such
    numbers, so its distribution is a product of polynomials. Without ties these are the Mahonian numbers.

    With T = 4 the smallest two-sided p is 2/24 = .083: four years can never reach .05, five (2/120 = .017) can.

    Examples
    --------
    >>> mann_kendall([1.0, 2.0, 3.0, 4.0]).p
    0.08333333333333333
    """
    x = np.asarray(series, dtype=np.float64)
    x = x[~np.isnan(x)]
    if np.isinf(x).any():
        raise SpatialError("expected finite values", where=_WHERE)
    t = len(x)
    s = int(np.sign(np.subtract.outer(x, x))[np.tril_indices(t, -1)].sum())
    groups = tuple(sorted(np.unique(x, return_counts=True)[1].tolist()))
    variance = (t * (t - 1) * (2 * t + 5) - sum(g * (g - 1) * (2 * g + 5) for g in groups)) / 18
    if t < 2 or len(groups) < 2:
        return Trend(s, variance, 1.0, 1.0, 1.0, 1.0, t, True)
    if t <= EXACT:
        chances = _distribution(groups)
        half = (s + len(chances) - 1) // 2  # pairs in order; S = 2 · pairs − all pairs of unequal values
        upper, lower = min(1.0, float(sum(chances[half:]))), min(1.0, float(sum(chances[: half + 1])))
        smallest = min(1.0, 2 * chances[0])
        return Trend(s, variance, upper, lower, min(1.0, 2 * min(upper, lower)), smallest, t, True)
    from scipy.special import ndtr

    deviation = sqrt(variance)
    upper, lower = float(ndtr(-(s - 1) / deviation)), float(ndtr((s + 1) / deviation))
    most = (t * (t - 1) - sum(g * (g - 1) for g in groups)) // 2
    smallest = 2 * float(ndtr(-(most - 1) / deviation))
    return Trend(s, variance, upper, lower, min(1.0, 2 * min(upper, lower)), smallest, t, False)


@lru_cache(maxsize=4096)
def _distribution(groups: tuple[int, ...]) -> tuple[float, ...]:
    """Return the chance of each number of pairs in order, 0 to all, for groups of equal values in random order."""
    ways = [1]
    below = 0
    for size in groups:
        ways = _times(ways, _gaussian_binomial(below + size, size))
        below += size
    total = sum(ways)
    return tuple(way / total for way in ways)


def _gaussian_binomial(n: int, k: int) -> list[int]:
    """Return the coefficients of the Gaussian binomial: arrangements of k among n − k by their pairs in order.

    [n over k] = Π (1 − q^(n − k + i)) / (1 − q^i), i = 1 … k; in whole numbers, so that nothing is rounded.
    """
    out = [1]
    for i in range(1, k + 1):
        high = n - k + i
        out = out + [0] * high
        for j in range(len(out) - 1, high - 1, -1):
            out[j] -= out[j - high]
        for j in range(i, len(out)):
            out[j] += out[j - i]
        out = out[: i * (n - k) + 1]
    return out


def _times(one: list[int], other: list[int]) -> list[int]:
    out = [0] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            out[i + j] += a * b
    return out


def emerging_hotspots(results: Mapping[int, LocalResult], *, alpha: float = 0.05) -> EmergingResult:
    """Sort areas by how they became, stayed or ceased to be hot (or cold) over the periods.

    Parameters
    ----------
    results : mapping of int to LocalResult
        Period → local tests of the same areas, with columns ``gi_star_label`` and ``gi_star_z``
        (:func:`spatial.autocorrelation.local.local_tests`), or those of :func:`.local_gi_star` (``label``, ``z``).
    alpha : float, default 0.05
        Level of the trend test.

    Returns
    -------
    EmergingResult
        Categories, the last period being "now" (after the emerging hot spot analysis of common desktop systems):

        - new: hot only in the last period;
        - consecutive: hot in a final run of at least two periods, never before, in less than 90 % of all;
        - intensifying, diminishing, persistent: hot in at least 90 % including the last, with a significant trend up,
          down, or none;
        - oscillating: hot now, and cold at least once before;
        - sporadic: hot now, and off and on before;
        - historical: not hot now, but in at least 90 % of the periods before it;
        - no pattern: all others.

        An area that is not tested in the last period is ``unknown``. For cold spots the same holds with the sides
        exchanged; a trend of z downwards is then intensifying.

    Raises
    ------
    AreaKeyError
        The periods do not have the same areas.
    SpatialError
        Fewer than two periods, or columns that a test of Gi* has are missing.
    """
    if len(results) < 2:
        raise SpatialError(f"expected at least 2 periods, found {len(results)}", where=_WHERE)
    periods = tuple(sorted(results))
    index = results[periods[0]].table.index
    labels, scores, tested = [], [], []
    for period in periods:
        table = results[period].table
        if len(table) != len(index) or not index.isin(table.index).all():
            raise AreaKeyError(
                f"expected the areas of {periods[0]} in {period}, found on one side only "
                f"{some(index.symmetric_difference(table.index))}",
                where=_WHERE,
            )
        both = "gi_star_label" in table
        names = ("gi_star_label", "gi_star_z") if both else ("label", "z")
        if not both and results[period].statistic != "gi-star":
            raise SpatialError(f"expected tests of Gi*, found {results[period].statistic} in {period}", where=_WHERE)
        table = table.reindex(index)
        labels.append(table[names[0]].to_numpy(dtype=object))
        scores.append(table[names[1]].to_numpy(dtype=np.float64))
        tested.append((table["state"] == str(State.TESTED)).to_numpy(dtype=bool))
    label, score, known = np.array(labels), np.array(scores), np.array(tested)
    rows = [_develop(label[:, i], score[:, i], known[:, i], alpha) for i in range(len(index))]
    warnings = [
        "the categories describe; they are no finding of a test: years are not independent of each other, and the "
        "trend test takes them to be"
    ]
    least = mann_kendall(np.arange(len(periods), dtype=np.float64)).smallest
    if least > alpha:
        warnings.append(
            f"{len(periods)} periods can give no trend with p below {least:.2g}: at level {alpha:g} no area can be "
            "intensifying or diminishing"
        )
    return EmergingResult(pd.DataFrame(rows, index=index), periods, alpha, warnings=tuple(warnings))


def _develop(label: NDArray[Any], score: NDArray[np.float64], known: NDArray[np.bool_], alpha: float) -> dict[str, Any]:
    """Return the row of one area."""
    hot, cold = (label == str(Label.HOT)) & known, (label == str(Label.COLD)) & known
    trend = mann_kendall(score[known])
    moves = "" if trend.p > alpha * (1 + 1e-12) else ("up" if trend.s > 0 else "down")
    row: dict[str, Any] = {
        "category": str(Emerging.UNKNOWN),
        "side": "",
        "hot": int(hot.sum()),
        "cold": int(cold.sum()),
        "periods": int(known.sum()),
        "s": trend.s,
        "p": trend.p if known.sum() > 1 else float("nan"),
        "trend": moves,
    }
    if not known[-1]:
        return row
    for side, here, other in (("hot", hot, cold), ("cold", cold, hot)):
        category = _category(here[known], other[known], moves if side == "hot" else _OTHER[moves])
        if category is not Emerging.NONE:
            return {**row, "category": str(category), "side": side}
    return {**row, "category": str(Emerging.NONE)}


_OTHER = {"up": "down", "down": "up", "": ""}


def _category(here: NDArray[np.bool_], other: NDArray[np.bool_], moves: str) -> Emerging:
    """Return the category of one side; the first that fits."""
    if not here[-1]:
        before = here[:-1]
        return Emerging.HISTORICAL if len(before) and before.mean() >= ALWAYS else Emerging.NONE
    if not here[:-1].any():
        return Emerging.NEW
    if here.mean() >= ALWAYS:
        return {"up": Emerging.INTENSIFYING, "down": Emerging.DIMINISHING, "": Emerging.PERSISTENT}[moves]
    if other.any():
        return Emerging.OSCILLATING
    first = int(np.argmax(here))
    return Emerging.CONSECUTIVE if here[first:].all() else Emerging.SPORADIC
