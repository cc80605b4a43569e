"""From a score to a class with a name: the rules that find cuts, and the sorting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from geodata.errors import SpatialError

_WHERE = "classes of the index"

#: How cuts are found.
Rule = Literal["sd", "quantile", "equal", "jenks", "fixed"]

#: The nine sample quantiles of Hyndman and Fan (1996) by their numbers there, as NumPy calls them.
QUANTILE_TYPES = (
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
)


def class_cuts(
    score: pd.Series,
    rule: Rule,
    *,
    classes: int = 5,
    at: Sequence[float] = (),
    ddof: int = 0,
    quantile_type: int = 7,
) -> tuple[float, ...]:
    """Find the cuts between classes.

    Parameters
    ----------
    score : pandas.Series, shape (n,)
        Scores; missing ones take no part.
    rule : {"sd", "quantile", "equal", "jenks", "fixed"}
        ``sd``: mean + each of `at` × standard deviation. ``quantile``: classes of equal numbers. ``equal``: classes of
        equal width. ``jenks``: the least sum of squares within classes (Fisher 1958, *JASA* 53, 789–798; exact, equal
        scores are never parted). ``fixed``: `at`.
    classes : int, default 5
        Number of classes of ``quantile``, ``equal`` and ``jenks``.
    at : sequence of float, optional
        Multiples of the standard deviation (``sd``) or the cuts themselves (``fixed``), ascending.
    ddof : {0, 1}, default 0
        Of the standard deviation.
    quantile_type : int from 1 to 9, default 7
        After Hyndman and Fan (1996), *The American Statistician* 50, 361–365; 7 is the default of most software, 9 that
        of the GISD.

    Returns
    -------
    tuple of float, length classes − 1
        Ascending; for :func:`classify`, where a score that equals a cut belongs to the class below.

    Raises
    ------
    SpatialError
        Parameters that do not fit, or fewer differing scores than classes need.

    Examples
    --------
    >>> class_cuts(pd.Series([1.0, 2.0, 3.0, 10.0, 11.0]), "jenks", classes=2)
    (6.5,)
    """
    if rule not in get_args(Rule):
        raise SpatialError(f"expected one of {', '.join(get_args(Rule))}, found {rule!r}", where=_WHERE)
    if rule in ("sd", "fixed") and not at:
        raise SpatialError(f"expected at= with the cuts of rule {rule!r}, found none", where=_WHERE)
    if ddof not in (0, 1):
        raise SpatialError(f"expected ddof 0 or 1, found {ddof!r}", where=_WHERE)
    if classes < 2:
        raise SpatialError(f"expected at least two classes, found {classes}", where=_WHERE)
    if quantile_type not in range(1, 10):
        raise SpatialError(f"expected a quantile type from 1 to 9, found {quantile_type!r}", where=_WHERE)
    x = score.dropna().to_numpy(dtype=np.float64)
    if rule == "fixed":
        return _ascending(tuple(float(cut) for cut in at))
    if not np.isfinite(x).all() or len(np.unique(x)) < (2 if rule == "sd" else classes):
        raise SpatialError(
            f"expected finite scores with at least {2 if rule == 'sd' else classes} different values, "
            f"found {len(np.unique(x))}",
            where=_WHERE,
            hint="ask for fewer classes",
        )
    if rule == "sd":
        mean, sd = x.mean(), x.std(ddof=ddof)
        cuts = tuple(float(mean + multiple * sd) for multiple in at)
    elif rule == "quantile":
        method: str = QUANTILE_TYPES[quantile_type - 1]
        shares = np.arange(1, classes) / classes
        cuts = tuple(np.quantile(x, shares, method=method).tolist())  # type: ignore[call-overload]
    elif rule == "equal":
        cuts = tuple(np.linspace(x.min(), x.max(), classes + 1)[1:-1].tolist())
    else:
        cuts = _jenks(x, classes)
    return _ascending(cuts)


def _ascending(cuts: tuple[float, ...]) -> tuple[float, ...]:
    if not (np.diff(cuts) > 0).all() or not np.isfinite(cuts).all():
        raise SpatialError(
            f"expected finite, ascending cuts, found {cuts}",
            where=_WHERE,
            hint="many equal scores leave classes empty: ask for fewer classes",
        )
    return cuts


def _jenks(x: np.ndarray, classes: int) -> tuple[float, ...]:
    """Part sorted scores with the least sum of squares, by dynamic programming over their distinct values.

    Own, because ``mapclassify`` computes in float32 and may cut between equal values. A cut lies halfway between the
    values it parts.
    """
    value, count = np.unique(x, return_counts=True)
    u = len(value)
    # About the mean, or the differences of sums of squares would lose digits.
    centred = value - x.mean()
    n, s1, s2 = (np.concatenate([[0.0], np.cumsum(count * centred**power)]) for power in (0, 1, 2))

    def within(first: np.ndarray, last: int) -> np.ndarray:
        """Sum of squares of the values first … last − 1."""
        return s2[last] - s2[first] - (s1[last] - s1[first]) ** 2 / (n[last] - n[first])

    best = np.array([np.inf, *(within(np.array([0]), last)[0] for last in range(1, u + 1))])
    came = np.zeros((classes, u + 1), dtype=np.intp)
    for k in range(1, classes):
        ahead = np.full(u + 1, np.inf)
        for last in range(k + 1, u + 1):
            first = np.arange(k, last)
            cost = best[first] + within(first, last)
            came[k, last] = first[cost.argmin()]
            ahead[last] = cost.min()
        best = ahead
    cuts: list[float] = []
    last = u
    for k in range(classes - 1, 0, -1):
        last = int(came[k, last])
        cuts.append(float((value[last - 1] + value[last]) / 2))
    return tuple(reversed(cuts))


def classify(score: pd.Series, cuts: Sequence[float], labels: Sequence[str]) -> pd.Series:
    """Sort scores into classes; a score that equals a cut belongs to the class below it.

    Parameters
    ----------
    score : pandas.Series, shape (n,)
        Scores, NaN where there is none.
    cuts : sequence of float, length c − 1
        Ascending.
    labels : sequence of str, length c
        From the lowest scores to the highest.

    Returns
    -------
    pandas.Series of object
        Labels, None without a score.

    Raises
    ------
    SpatialError
        Cuts are not ascending, or labels are not one more than cuts.

    Examples
    --------
    >>> list(classify(pd.Series([-1.0, 0.0, 1.2, 2.0]), (-1, 1, 1.5), ("hoch", "mittel", "niedrig", "sehr niedrig")))
    ['hoch', 'mittel', 'niedrig', 'sehr niedrig']
    """
    if len(labels) != len(cuts) + 1:
        raise SpatialError(f"expected one label more than cuts, found {len(labels)} and {len(cuts)}", where=_WHERE)
    edges = np.asarray(cuts, dtype=np.float64)
    if not (np.diff(edges) > 0).all():
        raise SpatialError(f"expected ascending cuts, found {tuple(cuts)}", where=_WHERE)
    numbers = score.to_numpy(dtype=np.float64, na_value=np.nan)
    names = np.array([*labels, None], dtype=object)
    position = np.where(np.isnan(numbers), len(labels), np.searchsorted(edges, numbers, side="left"))
    return pd.Series(names[position], index=score.index, dtype=object, name="status_class")
