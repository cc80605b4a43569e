"""An indicator before and after a measure, in its area, in similar areas and in the county. No cause is claimed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from geodata.errors import AreaKeyError, SpatialError, some

_WHERE = "effects of a measure"


class Caution(StrEnum):
    """Why a difference may say nothing about the measure."""

    REGRESSION_TO_THE_MEAN = "regression to the mean"
    TREND_BEFORE = "trend before"
    FEW_SIMILAR = "few similar areas"
    ONE_PERIOD = "one period only"
    OTHER_LEVEL = "other level before"


class Finding(StrEnum):
    """What a difference is compared with chance; never what brought it about."""

    AS_EXPECTED = "beyond chance, in the expected direction"
    WITHIN_CHANCE = "within chance"
    AGAINST = "beyond chance, against the expected direction"
    UNKNOWN = "cannot be said"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure, as somebody wrote it down before anybody looked at its figures.

    Attributes
    ----------
    areas : tuple of str
        Where it took place.
    start : int
        First period in which it could have shown.
    direction : {-1, 1}
        Whether the target indicator was expected to fall or to rise.
    size : float or None
        Expected change, above 0, in the unit of the indicator.
    source : str
        Where measure and expectation are written down.
    """

    areas: tuple[str, ...]
    start: int
    direction: Literal[-1, 1]
    size: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class EffectResult:
    """Before and after.

    Attributes
    ----------
    groups : pandas.DataFrame
        Rows ``area``, ``similar``, ``county``: ``before``, ``after`` (means over areas and periods), ``change``,
        ``areas``. The county is all areas but those of the measure.
    differences : pandas.DataFrame
        What the change of the area was beyond that of others: rows ``similar``, ``county`` (difference in differences),
        ``same level`` (beyond what areas that began where this one began did: takes regression to the mean out).
        ``difference``, ``low``, ``high`` (interval at ``level``), ``finding`` (a :class:`Finding`), ``size_within``
        (boolean: the expected size lies in the interval; NA where none was given).
    expected_return : float
        Change that the other areas' figures let expect of an area that began at this level, less the county's: what
        regression to the mean alone would bring. NaN with fewer than five others.
    before_z : float
        Level of the area before, in standard deviations of the others.
    trend_before : float
        Yearly change before the start, beyond that of the similar areas (the county's without any); NaN for one period.
    cautions : tuple of Caution
    level : float
    before, after : tuple of int
        Periods that were averaged.
    """

    groups: pd.DataFrame
    differences: pd.DataFrame
    expected_return: float
    before_z: float
    trend_before: float
    cautions: tuple[Caution, ...]
    level: float
    before: tuple[int, ...]
    after: tuple[int, ...]


def before_after(
    panel: pd.DataFrame,
    measure: Measure,
    similar: Collection[str],
    *,
    exclude: Collection[str] = (),
    level: float = 0.95,
    window: int | None = None,
) -> EffectResult:
    """Show an indicator before and after a measure, beside areas without it.

    Parameters
    ----------
    panel : pandas.DataFrame, shape (areas, periods)
        The target indicator, indexed by ``area_id``, one column (int) a period. Areas other than those of the measure
        with a missing value in a period that is used are left out.
    measure : Measure
    similar : collection of str
        Areas alike *before* the start (:func:`spatial.index.similar.similar_areas` on earlier figures); chosen by later
        figures they would hide or invent a difference.
    exclude : collection of str, optional
        Areas that are compared with nothing, for example because they had a measure of their own at that time.
    level : float, default 0.95
        Of the intervals.
    window : int, optional
        Take at most so many periods on either side of the start.

    Returns
    -------
    EffectResult

    Raises
    ------
    AreaKeyError, SpatialError
        Unknown areas, similar areas with the measure, no period on one side of the start, or missing figures of the
        measure's areas.

    Notes
    -----
    The interval of a difference in differences with g areas and k others is d ± t(k − 1) · s · √(1/g + 1/k), s being
    the standard deviation of the others' changes: it says how far areas without the measure move apart on their own
    (Donald and Lang 2007, *Review of Economics and Statistics* 89, 221–233; Conley and Taber 2011, ibid. 93, 113–125).
    It holds where these changes are alike and independent. ``same level`` is the residual of the area from the others'
    regression of change on level before, with its prediction interval (Barnett, van der Pols and Dobson 2005,
    *International Journal of Epidemiology* 34, 215–220, on regression to the mean). Whether something else happened in
    the area at that time, no figure here can tell.
    """
    _check(panel, measure, similar, exclude, level)
    periods = sorted(int(p) for p in panel.columns)
    before = [p for p in periods if p < measure.start]
    after = [p for p in periods if p >= measure.start]
    if window is not None:
        before, after = before[-window:], after[:window]
    if not before or not after:
        raise SpatialError(
            f"expected periods before and from {measure.start}, found {some(periods)}",
            where=_WHERE,
            hint="a measure can be looked at from its first period with figures on, with at least one period before",
        )
    table = panel[[*before, *after]].astype(np.float64)
    treated = list(measure.areas)
    if table.loc[treated].isna().any(axis=None):
        raise SpatialError(
            f"expected figures of the measure's areas in all periods, found none in some of {some(treated)}",
            where=_WHERE,
        )
    others = table[~table.index.isin([*treated, *exclude])].dropna()
    alike = others.loc[others.index.isin(list(similar))]
    parts = {"area": table.loc[treated], "similar": alike, "county": others}
    groups = pd.DataFrame(
        [(_mean(part[before]), _mean(part[after]), len(part)) for part in parts.values()],
        index=list(parts),
        columns=["before", "after", "areas"],
    )
    groups.insert(2, "change", groups["after"] - groups["before"])

    start, change = others[before].mean(axis=1), others[after].mean(axis=1) - others[before].mean(axis=1)
    own = _mean(table.loc[treated, before])
    moved, g = _mean(table.loc[treated, after]) - own, len(treated)
    rows = {
        "similar": _difference(moved, change[alike.index], g, level),
        "county": _difference(moved, change, g, level),
        "same level": (np.nan,) * 3,
    }
    back, spread = np.nan, float(start.std(ddof=1)) if len(start) > 1 else np.nan
    if len(others) >= 5 and spread > 0:
        line = linregress(start, change)
        predicted = line.intercept + line.slope * own
        back = float(predicted - change.mean())
        k = len(others)
        noise = np.sqrt(((change - line.intercept - line.slope * start) ** 2).sum() / (k - 2))
        leverage = 1 / g + 1 / k + (own - start.mean()) ** 2 / ((start - start.mean()) ** 2).sum()
        half = t.ppf((1 + level) / 2, k - 2) * noise * np.sqrt(leverage)
        rows["same level"] = (moved - predicted, moved - predicted - half, moved - predicted + half)
    differences = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "low", "high"])
    differences["finding"] = [_finding(low, high, measure.direction) for low, high in _ends(differences)]
    expected = None if measure.size is None else measure.direction * measure.size
    differences["size_within"] = pd.array(
        [None if expected is None or np.isnan(a) else bool(a <= expected <= b) for a, b in _ends(differences)],
        dtype="boolean",
    )
    before_z = (own - float(start.mean())) / spread if spread > 0 else float("nan")
    trend, half = _trend(table.loc[treated, before], (alike if len(alike) else others)[before], level)
    cautions = []
    # The area began on the side from which chance alone brings it back in the expected direction.
    if -measure.direction * before_z > 1:
        cautions.append(Caution.REGRESSION_TO_THE_MEAN)
    if abs(trend) > half:
        cautions.append(Caution.TREND_BEFORE)
    if len(alike) < 3:
        cautions.append(Caution.FEW_SIMILAR)
    if len(before) == 1 or len(after) == 1:
        cautions.append(Caution.ONE_PERIOD)
    if abs(own - _mean(alike[before])) > spread / 2:
        cautions.append(Caution.OTHER_LEVEL)
    return EffectResult(
        groups=groups,
        differences=differences,
        expected_return=back,
        before_z=before_z,
        trend_before=trend,
        cautions=tuple(cautions),
        level=level,
        before=tuple(before),
        after=tuple(after),
    )


def _ends(differences: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the ends of the intervals, row by row."""
    return list(zip(differences["low"], differences["high"], strict=True))


def _difference(moved: float, change: pd.Series, g: int, level: float) -> tuple[float, float, float]:
    k = len(change)
    if not k:
        return (float("nan"),) * 3
    d = moved - float(change.mean())
    if k < 2:
        return d, float("nan"), float("nan")
    half = float(t.ppf((1 + level) / 2, k - 1) * change.std(ddof=1) * np.sqrt(1 / g + 1 / k))
    return d, d - half, d + half


def _finding(low: float, high: float, direction: int) -> Finding:
    if np.isnan(low):
        return Finding.UNKNOWN
    if low <= 0 <= high:
        return Finding.WITHIN_CHANCE
    return Finding.AS_EXPECTED if (low > 0) == (direction > 0) else Finding.AGAINST


def _mean(part: pd.DataFrame) -> float:
    return float(part.to_numpy().mean()) if len(part) else float("nan")


def _trend(own: pd.DataFrame, others: pd.DataFrame, level: float) -> tuple[float, float]:
    """Return how much faster the area rose a period than others did, and what chance makes of that among them."""
    if own.shape[1] < 2 or not len(others):
        return float("nan"), float("nan")
    x = np.array([float(p) for p in own.columns])
    slope, slopes = (np.polyfit(x, part.to_numpy().T, 1)[0] for part in (own, others))
    k = len(slopes)
    half = float("nan")
    if k > 1:
        half = float(t.ppf((1 + level) / 2, k - 1) * slopes.std(ddof=1) * np.sqrt(1 / len(own) + 1 / k))
    return float(slope.mean() - slopes.mean()), half


def _check(
    panel: pd.DataFrame, measure: Measure, similar: Collection[str], exclude: Collection[str], level: float
) -> None:
    if not panel.index.is_unique:
        raise AreaKeyError("expected each area once", where=_WHERE)
    if not measure.areas or (unknown := [a for a in (*measure.areas, *similar, *exclude) if a not in panel.index]):
        raise AreaKeyError(f"areas that do not exist: {some(unknown) if measure.areas else 'none given'}", where=_WHERE)
    if both := [area for area in similar if area in measure.areas or area in exclude]:
        raise SpatialError(
            f"expected similar areas without the measure and not excluded, found {some(both)}",
            where=_WHERE,
            hint="leave out areas of this and of like measures when similar areas are looked for",
        )
    if measure.direction not in (-1, 1) or (measure.size is not None and not measure.size > 0):
        raise SpatialError(
            f"expected a direction of -1 or 1 and a size above 0, found {measure.direction} and {measure.size}",
            where=_WHERE,
        )
    if not 0 < level < 1:
        raise SpatialError(f"expected a level between 0 and 1, found {level}", where=_WHERE)
