"""Normalisation that is learned on a reference and applied to others: the scale of an indicator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from geodata.errors import ColumnError, SpatialError, some

_WHERE = "normalisation of the index"

#: How an indicator is brought to a common scale.
Method = Literal["z", "min-max", "rank", "percentile", "goalposts"]


class Normaliser:
    """Bring indicators to one scale on which high means more disadvantage.

    Learned from the areas of a reference (``fit``) and applied to the same or to others (``transform``), so that a
    reference can be frozen. With u the value turned by its polarity and k the reference:

    - ``z``: (u − mean_k) / sd_k
    - ``min-max``: (u − min_k) / (max_k − min_k); beyond 0 and 1 where a later year leaves the range of the reference
    - ``rank``: #{u_k < u} + (#{u_k = u} + 1) / 2: for an area of the reference its mean rank, 1 the least disadvantaged
    - ``percentile``: (#{u_k < u} + #{u_k = u} / 2) / n, the mid-distribution function (Parzen 1979)
    - ``goalposts``: (u − low) / (high − low), cut off at 0 and 1 (UNDP, *Human Development Report*, technical notes)

    The scales are those of OECD & JRC (2008), *Handbook on Constructing Composite Indicators*, chapter 5.

    Parameters
    ----------
    method : {"z", "min-max", "rank", "percentile", "goalposts"}
    ddof : {0, 1}, default 0
        Of ``z``: 0 is the population, 1 the sample standard deviation.
    polarity : mapping of str to {1, -1}, optional
        1: a high value means more disadvantage (all by default); −1: less.
    goalposts : mapping of str to (low, high), optional
        For ``goalposts``: fixed ends of each indicator in its own unit, low < high.
    scale : (offset, factor), default (0, 1)
        The result is offset + factor × the above. (1, 99) brings ``min-max`` to 1 … 100 and keeps geometric means
        from zero; (100, 10) is the scale of Mazziotta and Pareto (2016) for z.

    Attributes
    ----------
    location_, spread_ : pandas.Series
        What is subtracted and divided by, of the turned values (``z``, ``min-max``, ``goalposts``).
    sorted_ : mapping of str to numpy.ndarray
        Turned values of the reference, ascending (``rank``, ``percentile``).
    indicators_ : tuple of str

    Raises
    ------
    SpatialError
        Unknown method, ddof or scale.

    Examples
    --------
    >>> year = pd.DataFrame({"unemployed": [2.0, 4.0, 6.0]}, index=["a", "b", "c"])
    >>> list(Normaliser("min-max").fit(year).transform(year)["unemployed"])
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self,
        method: Method = "z",
        *,
        ddof: int = 0,
        polarity: Mapping[str, int] = MappingProxyType({}),
        goalposts: Mapping[str, tuple[float, float]] = MappingProxyType({}),
        scale: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.method = method
        self.ddof = ddof
        self.polarity = polarity
        self.goalposts = goalposts
        self.scale = scale

    def fit(self, reference: pd.DataFrame) -> Self:
        """Learn the scale of each indicator.

        Parameters
        ----------
        reference : pandas.DataFrame, shape (n, m)
            Areas that define the scale; missing values are left out indicator by indicator.

        Returns
        -------
        Normaliser
            Itself.

        Raises
        ------
        ColumnError
            Repeated indicators, polarity or goalposts of an indicator that is not there, or absent goalposts.
        SpatialError
            Infinite values, fewer than two values, an indicator that is the same everywhere, or parameters that do
            not fit.
        """
        self._check(reference.columns)
        self.indicators_ = tuple(str(name) for name in reference.columns)
        turned = self._turn(reference)
        count = turned.notna().sum()
        if (count < 2).any():
            raise SpatialError(
                f"expected at least two values of each indicator, found fewer in {some(count.index[count < 2])}",
                where=_WHERE,
                hint="leave these indicators out, or take a reference with more areas",
            )
        self.sorted_: Mapping[str, np.ndarray] = MappingProxyType({})
        if self.method == "z":
            ordered = in_order(turned)
            self.location_, self.spread_ = ordered.mean(), ordered.std(ddof=self.ddof)
        elif self.method == "goalposts":
            ends = pd.DataFrame(
                {name: sorted(self._sign(name) * e for e in self.goalposts[name]) for name in self.indicators_}
            )
            self.location_, self.spread_ = ends.iloc[0], ends.iloc[1] - ends.iloc[0]
            return self
        else:
            self.location_, self.spread_ = turned.min(), turned.max() - turned.min()
            if self.method != "min-max":
                self.sorted_ = MappingProxyType(
                    {name: np.sort(turned[name].dropna().to_numpy()) for name in self.indicators_}
                )
        flat = self.spread_ <= 1e-12 * turned.abs().max()
        if flat.any():
            raise SpatialError(
                f"expected values that differ between areas, found one everywhere in {some(flat.index[flat])}",
                where=_WHERE,
                hint="leave this indicator out of the index",
            )
        return self

    def transform(self, values: pd.DataFrame) -> pd.DataFrame:
        """Apply the scale.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
            At least the indicators of the reference; missing values stay missing.

        Returns
        -------
        pandas.DataFrame, shape (n, m)
            High = more disadvantage, in the reference's order of indicators.

        Raises
        ------
        ColumnError
            An indicator of the reference is absent.
        SpatialError
            Infinite values.
        """
        absent = [name for name in self.indicators_ if name not in values.columns]
        if absent:
            raise ColumnError(f"expected the indicators of the reference, without: {some(absent)}", where=_WHERE)
        turned = self._turn(values[list(self.indicators_)])
        if self.method in ("rank", "percentile"):
            unit = turned.apply(lambda column: _position(column, self.sorted_[str(column.name)], self.method))
        else:
            unit = (turned - self.location_) / self.spread_
            if self.method == "goalposts":
                unit = unit.clip(0.0, 1.0)
        offset, factor = self.scale
        return offset + factor * unit

    def _sign(self, name: str) -> int:
        return self.polarity.get(name, 1)

    def _turn(self, values: pd.DataFrame) -> pd.DataFrame:
        """Return values on which high means more disadvantage."""
        table = values.astype(np.float64)
        infinite = np.isinf(table.to_numpy()).any(axis=1)
        if infinite.any():
            raise SpatialError(f"expected finite values, found infinity in {some(table.index[infinite])}", where=_WHERE)
        return table * np.array([float(self._sign(name)) for name in table.columns])

    def _check(self, columns: pd.Index) -> None:
        if self.method not in get_args(Method):
            raise SpatialError(f"expected one of {', '.join(get_args(Method))}, found {self.method!r}", where=_WHERE)
        if self.ddof not in (0, 1):
            raise SpatialError(f"expected ddof 0 or 1, found {self.ddof!r}", where=_WHERE)
        if not self.scale[1] > 0 or not np.isfinite(self.scale).all():
            raise SpatialError(f"expected a finite offset and a factor above 0, found {self.scale}", where=_WHERE)
        if not columns.is_unique or not len(columns) or not all(isinstance(name, str) for name in columns):
            raise ColumnError("expected at least one indicator, each once and named by a string", where=_WHERE)
        if unknown := [name for name in (*self.polarity, *self.goalposts) if name not in columns]:
            raise ColumnError(f"polarity or goalposts of indicators that are not there: {some(unknown)}", where=_WHERE)
        if any(sign not in (1, -1) for sign in self.polarity.values()):
            raise SpatialError(f"expected polarity 1 or -1, found {dict(self.polarity)}", where=_WHERE)
        if self.method == "goalposts":
            if absent := [name for name in columns if name not in self.goalposts]:
                raise ColumnError(f"expected goalposts of every indicator, found none of {some(absent)}", where=_WHERE)
            if wrong := [n for n, (a, b) in self.goalposts.items() if not (np.isfinite([a, b]).all() and a < b)]:
                raise SpatialError(
                    f"expected finite goalposts low < high, found others for {some(wrong)}", where=_WHERE
                )


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort each column by itself: sums of it have the same bits whatever the order of the areas was."""
    return table.apply(lambda column: column.sort_values(ignore_index=True))


def _position(column: pd.Series, ordered: np.ndarray, method: str) -> pd.Series:
    """Place values among the ordered ones of the reference."""
    x = column.to_numpy()
    below = np.searchsorted(ordered, x, side="left")
    equal = np.searchsorted(ordered, x, side="right") - below
    place = below + (equal + 1) / 2 if method == "rank" else (below + equal / 2) / len(ordered)
    return pd.Series(np.where(np.isnan(x), np.nan, place), index=column.index)


class ShrunkLogit:
    """Shrink the rate of a small area toward that of its district, on the logit scale.

    After the English Indices of Deprivation (McLennan et al. 2019, technical report). With r cases among n persons:
    m = ln((r + ½)/(n − r + ½)), s² = (n + 1)(n + 2)/(n (r + 1)(n − r + 1)), w = (1/s²)/(1/s² + 1/t²),
    m* = w m + (1 − w) M. M is the same logit of the district, t² the variance of m between its areas (k − 1) less the
    mean s², not below 0. Where t² is 0, an area has the logit of its district. A logit is high where the rate is; its
    polarity is the :class:`Normaliser`'s matter. Counting those who are not cases turns its sign and nothing else.

    Attributes
    ----------
    groups_ : pandas.DataFrame
        Per district: ``logit`` (M), ``variance`` (t²), ``areas`` (k).

    Examples
    --------
    >>> cases, people = pd.Series([1.0, 30.0, 9.0]), pd.Series([10.0, 100.0, 90.0])
    >>> shrunk = ShrunkLogit().fit(cases, people).transform(cases, people)
    >>> [round(100 * rate, 1) for rate in ShrunkLogit.rate(shrunk)]
    [18.5, 28.1, 13.4]
    """

    def fit(self, cases: pd.Series, people: pd.Series, district: pd.Series | None = None) -> Self:
        """Learn rate and spread of each district.

        Parameters
        ----------
        cases, people : pandas.Series, shape (n,)
            Counts, 0 ≤ cases ≤ people. An area with a missing figure or without people teaches nothing.
        district : pandas.Series, optional
            The district of each area; all areas are one by default.

        Returns
        -------
        ShrunkLogit
            Itself.

        Raises
        ------
        SpatialError
            Indices differ, or cases are negative or more than people.
        """
        r, n, group = _counts(cases, people, district)
        logit, sampling = _logit(r, n)
        known = logit.notna()
        by = group[known]
        total = _logit(r[known].groupby(by).sum(), n[known].groupby(by).sum())[0]
        between = logit[known].groupby(by).var(ddof=1).fillna(0.0)
        mean = sampling[known].groupby(by).mean()
        self.groups_ = pd.DataFrame(
            {"logit": total, "variance": (between - mean).clip(lower=0.0), "areas": by.value_counts()}
        )
        return self

    def transform(self, cases: pd.Series, people: pd.Series, district: pd.Series | None = None) -> pd.Series:
        """Return the shrunk logit m* of each area; missing without people or without a figure.

        Raises
        ------
        SpatialError
            As :meth:`fit`, or a district that the reference does not have.
        """
        r, n, group = _counts(cases, people, district)
        logit, sampling = _logit(r, n)
        if unknown := sorted({str(g) for g in group[logit.notna()].unique() if g not in self.groups_.index}):
            raise SpatialError(f"districts without a reference: {some(unknown)}", where=_WHERE)
        frame = self.groups_.reindex(group).set_axis(logit.index)
        weight = frame["variance"] / (frame["variance"] + sampling)  # = (1/s²)/(1/s² + 1/t²), defined also at t² = 0
        return (weight * logit + (1.0 - weight) * frame["logit"]).rename("shrunk_logit")

    @staticmethod
    def rate(logit: pd.Series) -> pd.Series:
        """Turn a logit back into a rate between 0 and 1."""
        return pd.Series(expit(logit.to_numpy(dtype=np.float64)), index=logit.index, name="shrunk_rate")


def _logit(r: pd.Series, n: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the logit of a rate and its sampling variance."""
    n = n.where(n > 0)
    odds = (r + 0.5) / (n - r + 0.5)
    return odds.transform(np.log), (n + 1) * (n + 2) / (n * (r + 1) * (n - r + 1))


def _counts(cases: pd.Series, people: pd.Series, district: pd.Series | None) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Check counts and return them as floats beside the district of each area."""
    group = pd.Series("all", index=cases.index) if district is None else district
    if not (cases.index.is_unique and cases.index.equals(people.index) and cases.index.equals(group.index)):
        raise SpatialError("expected cases, people and districts of the same areas, each once", where=_WHERE)
    if group.isna().any():
        raise SpatialError(f"areas without a district: {some(group.index[group.isna()])}", where=_WHERE)
    r, n = cases.astype(np.float64), people.astype(np.float64)
    wrong = (r < 0) | (r > n) | np.isinf(n)
    if wrong.any():
        raise SpatialError(
            f"expected 0 ≤ cases ≤ people, found otherwise in {some(r.index[wrong])}",
            where=_WHERE,
            hint="count cases and people at the same date and in the same areas",
        )
    return r, n, group
