"""Change of an index: absolute against a frozen base year, relative among the areas, with breaks and chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, SpatialError, some
from spatial.index.composite import status_index
from spatial.index.presets import MSS, Preset
from spatial.index.standardise import Standardiser
from spatial.results import IndexResult

_WHERE = "change of the index"


@dataclass(frozen=True, slots=True)
class Break:
    """Something that makes figures before and after a date incomparable.

    Attributes
    ----------
    kind : {"indicator", "area", "method"}
        An indicator was redefined, an area's border moved, or the method of the index was changed.
    name : str
        The indicator, the ``area_id``, or what was changed.
    period : int
        First period after the break.
    reason : str
        For people.
    bridged : bool
        The figures were made comparable (:func:`chain`, a crosswalk): the change is shown, and the break is named.
    """

    kind: Literal["indicator", "area", "method"]
    name: str
    period: int
    reason: str = ""
    bridged: bool = False

    def __str__(self) -> str:
        told = f": {self.reason}" if self.reason else ""
        return f"{self.kind} {self.name}, from {self.period}{told}{' (bridged)' if self.bridged else ''}"


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """The change of an index against a frozen base year.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``score_base``, ``score`` (both on the scale of the base year), ``change`` (SD of the
        base year's index, above 0 = worse), ``change_<indicator>`` (in its own unit), ``contribution_<indicator>`` (add
        up to ``change``), ``breaks`` (str: what forbids or qualifies the comparison, "" where nothing does).
        NaN where a value is missing or a break is not bridged.
    base_period, period : int
    breaks : tuple of Break
        Those between the two periods.
    """

    table: pd.DataFrame
    base_period: int
    period: int
    breaks: tuple[Break, ...]


def absolute_change(
    base: pd.DataFrame,
    later: pd.DataFrame,
    reference: Standardiser | IndexResult,
    *,
    base_period: int,
    period: int,
    breaks: Sequence[Break] = (),
) -> ChangeResult:
    """Measure two years with the frozen yardstick of one.

    Mean and standard deviation of the base year are kept, so a change of the score is a change of the area. This is the
    default view; relative dynamics call an area improved when it worsened less than the others.

    Parameters
    ----------
    base, later : pandas.DataFrame, shape (n, m)
        Indicators of the two years, indexed by ``area_id``, turned so that high means more disadvantage. Areas of one
        year only have no change.
    reference : Standardiser or IndexResult
        Of the base year.
    base_period, period : int
        The two years, base first.
    breaks : sequence of Break, optional
        Those that fall between the years withhold what they touch (an indicator's break every area's change of the
        index, as the index needs all its indicators) unless they were bridged.

    Returns
    -------
    ChangeResult

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Repeated areas, absent indicators, periods in the wrong order, or breaks of indicators or areas that are not
        there.

    Examples
    --------
    >>> base = pd.DataFrame({"poor": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    >>> frozen = Standardiser().fit(base)
    >>> found = absolute_change(base, base + 1, frozen, base_period=2019, period=2021)
    >>> list(found.table["change"].round(3))
    [1.225, 1.225, 1.225]
    """
    fitted = Standardiser.from_result(reference) if isinstance(reference, IndexResult) else reference
    if not base_period < period:
        raise SpatialError(f"expected the base before the later year, found {base_period} and {period}", where=_WHERE)
    for table in (base, later):
        if not table.index.is_unique:
            raise AreaKeyError("expected each area once in each year", where=_WHERE)
    areas = base.index.union(later.index, sort=False)
    indicators = [str(name) for name in fitted.means_.index]
    z_base, z_later = (fitted.transform(table).reindex(areas) for table in (base, later))
    change = (later.reindex(areas)[indicators] - base.reindex(areas)[indicators]).astype(np.float64)
    between = tuple(sorted((b for b in breaks if base_period < b.period <= period), key=str))
    withheld = pd.DataFrame(False, index=areas, columns=indicators)
    told: dict[object, list[str]] = {area: [] for area in areas}
    for item in between:
        touched = _touched(item, areas, indicators)
        for area in touched[0]:
            told[area].append(str(item))
        if not item.bridged:
            withheld.loc[touched[0], touched[1]] = True
    change = change.mask(withheld)
    # Σ w (z' − z) / sd of the sum: the means cancel, so the parts add up to the change without a base.
    parts = ((z_later - z_base) * fitted.weights_ / fitted.sum_sd_).mask(withheld)
    table = pd.DataFrame(
        {
            "score_base": fitted.score(z_base),
            "score": fitted.score(z_later),
            "change": parts.sum(axis=1, skipna=False),
        },
        index=areas,
    )
    table = pd.concat([table, change.add_prefix("change_"), parts.add_prefix("contribution_")], axis=1)
    table["breaks"] = ["; ".join(told[area]) for area in areas]
    return ChangeResult(table.rename_axis(index="area_id"), base_period, period, between)


def _touched(item: Break, areas: pd.Index, indicators: list[str]) -> tuple[pd.Index, list[str]]:
    if item.kind == "area":
        if item.name not in areas:
            raise AreaKeyError(f"a break names the area {item.name}, which is in neither year", where=_WHERE)
        return pd.Index([item.name]), indicators
    if item.kind == "indicator":
        if item.name not in indicators:
            raise ColumnError(f"a break names the indicator {item.name}, not of the index", where=_WHERE)
        return areas, [item.name]
    return areas, indicators


def relative_dynamics(
    change: pd.DataFrame,
    *,
    preset: Preset = MSS,
    weights: Mapping[str, float] | None = None,
    ddof: int | None = None,
    population: pd.Series | None = None,
    floor: float | None = None,
    exclude: Mapping[str, str] = MappingProxyType({}),
    reference: Standardiser | None = None,
) -> IndexResult:
    """Compute a dynamics index: the status index of the changes.

    An area is "positiv" where it changed for the better *compared with the others*: in Berlin 2021 unemployment had
    risen in 36 of the 48 areas so called. Show it beside :func:`absolute_change`, not instead of it.

    Parameters
    ----------
    change : pandas.DataFrame, shape (n, m)
        Change of each indicator in percentage points over ``preset.dynamics_years``, turned so that a rise is a change
        for the worse.
    preset : Preset
        Gives standard deviation, floor and classes.
    weights, ddof, population, floor, exclude, reference : as for :func:`spatial.index.composite.status_index`

    Returns
    -------
    IndexResult
        ``status_class`` holds the dynamics class.

    Raises
    ------
    SozialmonitorError
        As :func:`spatial.index.composite.status_index`.
    """
    return status_index(
        change,
        weights=weights,
        ddof=preset.ddof if ddof is None else ddof,
        population=population,
        floor=preset.floor if floor is None else floor,
        exclude=exclude,
        cuts=preset.dynamics_cuts,
        labels=preset.dynamics_labels,
        reference=reference,
        min_areas=preset.min_areas,
        preset=f"{preset.id} dynamics",
    )


def groups(status: IndexResult, dynamics: IndexResult, *, preset: Preset = MSS) -> pd.DataFrame:
    """Cross the classes of status and dynamics.

    Parameters
    ----------
    status, dynamics : IndexResult
        Of the same areas.
    preset : Preset
        Names the classes and says which groups ask for special attention.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``area_id``: ``status_class``, ``dynamics_class``, ``group`` ("1+" … "4−": status from little to much
        disadvantage; +, ±, − for positive, stable, negative) and ``attention`` (boolean, NA without a group).

    Raises
    ------
    AreaKeyError
        The areas differ.
    """
    return cross_classes(status.table["status_class"], dynamics.table["status_class"], preset=preset)


def cross_classes(state: pd.Series, moving: pd.Series, *, preset: Preset = MSS) -> pd.DataFrame:
    """Cross classes of status and dynamics that were found in another way; see :func:`groups`.

    Parameters
    ----------
    state, moving : pandas.Series, shape (n,)
        Labels of the preset, indexed by ``area_id``; None without a class.
    preset : Preset

    Returns
    -------
    pandas.DataFrame
        As :func:`groups`.

    Raises
    ------
    AreaKeyError
        The areas differ.
    """
    if not state.index.sort_values().equals(moving.index.sort_values()):
        raise AreaKeyError(
            "expected status and dynamics of the same areas, found only one of "
            f"{some(state.index.symmetric_difference(moving.index))}",
            where=_WHERE,
        )
    table = pd.DataFrame({"status_class": state, "dynamics_class": moving.reindex(state.index)})
    known = table.notna().all(axis=1)
    number = {label: str(k) for k, label in enumerate(preset.labels, start=1)}
    sign = dict(zip(preset.dynamics_labels, ("+", "±", "−"), strict=True))
    table["group"] = pd.Series(
        [number[s] + sign[d] for s, d in table.loc[known, ["status_class", "dynamics_class"]].itertuples(index=False)],
        index=table.index[known],
        dtype=object,
    ).reindex(table.index)
    table["group"] = table["group"].where(known, None)
    asked = pd.Series(False, index=table.index)
    for state_label, moving_label in preset.attention:
        asked |= (table["status_class"] == state_label) & (
            True if moving_label is None else table["dynamics_class"] == moving_label
        )
    table["attention"] = asked.astype("boolean").mask(~known)
    return table


def cross_table(grouped: pd.DataFrame, *, preset: Preset = MSS) -> pd.DataFrame:
    """Count the areas of each of the 4 × 3 groups.

    Parameters
    ----------
    grouped : pandas.DataFrame
        From :func:`groups`.
    preset : Preset
        Orders rows and columns.

    Returns
    -------
    pandas.DataFrame of int
        Status classes × dynamics classes; groups without an area have 0.
    """
    counts = pd.crosstab(grouped["status_class"], grouped["dynamics_class"])
    return counts.reindex(index=list(preset.labels), columns=list(preset.dynamics_labels), fill_value=0)


def chain(
    old: pd.DataFrame, new: pd.DataFrame, overlap: int, *, how: Literal["sd", "difference", "ratio"] = "sd"
) -> pd.DataFrame:
    """Continue an indicator with the one that replaced it.

    In the period of the overlap both are known. From there on the linked value moves as the new indicator does:

    - ``sd``: old₀ + (new − new₀) · sd(old₀)/sd(new₀), so that a change counts as many standard deviations of the
      overlap as in the new indicator; for an index of z-scores
    - ``difference``: old₀ + (new − new₀); for indicators of one unit
    - ``ratio``: old₀ · new/new₀; for levels without a natural zero change, as in price statistics

    Parameters
    ----------
    old, new : pandas.DataFrame, shape (areas, periods)
        Indexed by ``area_id``, one column (int) a period.
    overlap : int
        A period of both.
    how : {"sd", "difference", "ratio"}, default "sd"

    Returns
    -------
    pandas.DataFrame, shape (areas, periods)
        ``old`` up to the overlap, linked values after it. An area without both values in the overlap is missing after
        it. Name the place with a bridged :class:`Break`.

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Areas differ, the overlap is not in both, it has no spread or a zero to divide by, or `how` is unknown.

    Examples
    --------
    >>> old = pd.DataFrame({2019: [10.0, 20.0], 2020: [12.0, 22.0]}, index=["a", "b"])
    >>> new = pd.DataFrame({2020: [6.0, 11.0], 2021: [7.0, 11.0]}, index=["a", "b"])
    >>> chain(old, new, 2020)[2021].tolist()
    [14.0, 22.0]
    """
    if how not in ("sd", "difference", "ratio"):
        raise SpatialError(f"expected sd, difference or ratio, found {how!r}", where=_WHERE)
    if overlap not in old.columns or overlap not in new.columns:
        raise ColumnError(
            f"expected both indicators in {overlap}, found {some(old.columns)} and {some(new.columns)}",
            where=_WHERE,
            hint="indicators without a common period cannot be linked: begin a new series and name the break",
        )
    if not (old.index.is_unique and old.index.sort_values().equals(new.index.sort_values())):
        raise AreaKeyError("expected both indicators of the same areas, each once", where=_WHERE)
    new = new.reindex(old.index).astype(np.float64)
    start, anchor = old[overlap].astype(np.float64), new[overlap]
    after = new[sorted(column for column in new.columns if int(column) > overlap)]
    if how == "ratio":
        if (anchor == 0).any():
            zero = anchor.index[anchor == 0]
            raise SpatialError(f"expected values other than 0 in {overlap}, found 0 in {some(zero)}", where=_WHERE)
        linked = after.div(anchor, axis=0).mul(start, axis=0)
    else:
        factor = 1.0
        if how == "sd":
            both = start.notna() & anchor.notna()
            spread = float(anchor[both].std(ddof=0))
            factor = float(start[both].std(ddof=0)) / spread if spread > 0 else np.nan
            if not factor > 0:
                raise SpatialError(f"expected areas that differ in {overlap}, found no spread", where=_WHERE)
        linked = after.sub(anchor, axis=0).mul(factor).add(start, axis=0)
    return pd.concat([old[sorted(column for column in old.columns if int(column) <= overlap)], linked], axis=1)
