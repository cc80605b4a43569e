"""Standardisation that is learned once and can be used again: the frozen reference of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, SpatialError, some
from spatial.index.normalise import in_order

if TYPE_CHECKING:
    from spatial.results import IndexResult

_WHERE = "index"


class Standardiser:
    """z-scores per indicator and the standardised, weighted sum of them.

    Learned from the areas of one year (``fit``), it can be applied to another year or to other areas (``transform``,
    ``score``), so that a change over time is a change of the areas and not of the yardstick.

    Parameters
    ----------
    weights : mapping of str to float, optional
        Weight of each indicator in the sum; 1 for all by default.
    ddof : int, default 0
        0: population standard deviation, as the Berlin Monitoring Soziale Stadtentwicklung takes it.

    Attributes
    ----------
    means_, sds_ : pandas.Series
        Mean and standard deviation of each indicator.
    weights_ : pandas.Series
        Weight of each indicator.
    sum_mean_, sum_sd_ : float
        Mean and standard deviation of the weighted sum of z-scores.

    Examples
    --------
    >>> year = pd.DataFrame({"unemployed": [2.0, 4.0, 6.0]}, index=["a", "b", "c"])
    >>> [round(z, 3) for z in Standardiser().fit(year).transform(year)["unemployed"]]
    [-1.225, 0.0, 1.225]
    """

    def __init__(self, weights: Mapping[str, float] | None = None, *, ddof: int = 0) -> None:
        self.weights = weights
        self.ddof = ddof

    def fit(self, values: pd.DataFrame) -> Standardiser:
        """Learn means, standard deviations and the distribution of the sum.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
            Complete values of the areas that define the reference, high = more disadvantage.

        Returns
        -------
        Standardiser
            Itself.

        Raises
        ------
        SpatialError
            Values are missing, an indicator is constant, or weights do not belong to the indicators.
        """
        if not len(values.columns) or len(values) < 2:
            raise SpatialError(
                f"expected at least two areas and one indicator, found {len(values)} and {len(values.columns)}",
                where=_WHERE,
            )
        table = values.astype(np.float64)
        incomplete = ~np.isfinite(table.to_numpy()).all(axis=1)
        if incomplete.any():
            raise SpatialError(
                f"expected complete values, found missing or infinite ones in {some(table.index[incomplete])}",
                where=_WHERE,
                hint="leave areas without a value out before the reference is learned",
            )
        self.weights_ = checked_weights(self.weights, table.columns)
        ordered = in_order(table)
        self.means_ = ordered.mean()
        self.sds_ = ordered.std(ddof=self.ddof)
        flat = self.sds_ <= 1e-12 * table.abs().max()
        if flat.any():
            raise SpatialError(
                f"expected values that differ between areas, found one everywhere in {some(self.sds_.index[flat])}",
                where=_WHERE,
                hint="leave this indicator out of the index",
            )
        total = (self.transform(table) @ self.weights_).sort_values()
        self.sum_mean_ = float(total.mean())
        self.sum_sd_ = float(total.std(ddof=self.ddof))
        if self.sum_sd_ <= 1e-12 * float(self.weights_.abs().sum()):
            raise SpatialError(
                "the weighted z-scores cancel out: their sum is the same everywhere",
                where=_WHERE,
                hint="check the polarity of the indicators: high must mean more disadvantage",
            )
        return self

    @classmethod
    def from_result(cls, result: IndexResult) -> Standardiser:
        """Take over the reference that an earlier index was computed with."""
        weights = result.parameters.get("weights")
        known = dict(weights) if isinstance(weights, Mapping) else None
        return cls.from_parameters(result.means, result.sds, result.sum_mean, result.sum_sd, weights=known)

    @classmethod
    def from_parameters(
        cls,
        means: Mapping[str, float],
        sds: Mapping[str, float],
        sum_mean: float,
        sum_sd: float,
        *,
        weights: Mapping[str, float] | None = None,
    ) -> Standardiser:
        """Build a fitted standardiser from numbers that were kept.

        Parameters
        ----------
        means, sds : mapping of str to float
            Of each indicator; standard deviations positive.
        sum_mean, sum_sd : float
            Of the weighted sum of z-scores.
        weights : mapping of str to float, optional
            1 for all by default.

        Returns
        -------
        Standardiser
            Fitted.

        Raises
        ------
        SpatialError
            Means and standard deviations name other indicators, or one of the latter is not positive.
        """
        if set(means) != set(sds):
            raise SpatialError("expected means and standard deviations of the same indicators", where=_WHERE)
        if not all(sd > 0 for sd in (*sds.values(), sum_sd)):
            raise SpatialError("expected standard deviations larger than 0", where=_WHERE)
        fitted = cls(weights)
        fitted.means_ = pd.Series(dict(means), dtype=np.float64)
        fitted.sds_ = pd.Series(dict(sds), dtype=np.float64)[fitted.means_.index]
        fitted.weights_ = checked_weights(weights, fitted.means_.index)
        fitted.sum_mean_, fitted.sum_sd_ = float(sum_mean), float(sum_sd)
        return fitted

    def transform(self, values: pd.DataFrame) -> pd.DataFrame:
        """Return z = (x − mean) / sd of each indicator.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
            At least the indicators of the reference; missing values stay missing.

        Returns
        -------
        pandas.DataFrame
            The indicators of the reference, in its order.

        Raises
        ------
        ColumnError
            An indicator of the reference is missing.
        """
        absent = self.means_.index.difference(values.columns)
        if len(absent):
            raise ColumnError(f"expected the indicators of the reference, without: {some(absent)}", where=_WHERE)
        return (values[list(self.means_.index)].astype(np.float64) - self.means_) / self.sds_

    def contributions(self, z: pd.DataFrame) -> pd.DataFrame:
        """Split each score into one part for each indicator; the parts add up to it.

        Parameters
        ----------
        z : pandas.DataFrame, shape (n, m)
            From :meth:`transform`.

        Returns
        -------
        pandas.DataFrame
            (w z − mean of the sum / m) / sd of the sum.
        """
        return (z * self.weights_ - self.sum_mean_ / len(self.weights_)) / self.sum_sd_

    def score(self, z: pd.DataFrame) -> pd.Series:
        """Return the standardised sum (Σ w z − mean of the sum) / sd of the sum; missing where a z is missing."""
        return ((z * self.weights_).sum(axis=1, skipna=False) - self.sum_mean_) / self.sum_sd_


def checked_weights(weights: Mapping[str, float] | None, indicators: Sequence[str] | pd.Index) -> pd.Series:
    """Return one positive weight for each indicator.

    Parameters
    ----------
    weights : mapping of str to float or None
        None: 1 for all.
    indicators : sequence of str
        In the order of the result.

    Returns
    -------
    pandas.Series
        As they were given, not scaled.

    Raises
    ------
    ColumnError, SpatialError
        Repeated indicators; weights of others, or not above 0.
    """
    names = pd.Index(indicators)
    if not names.is_unique:
        raise ColumnError(f"repeated indicators {some(names[names.duplicated()])}", where=_WHERE)
    if weights is None:
        return pd.Series(1.0, index=names)
    if set(weights) != set(names):
        raise SpatialError(
            f"expected one weight for each indicator ({some(names)}), found weights for {some(weights)}", where=_WHERE
        )
    result = pd.Series(dict(weights), dtype=np.float64)[list(names)]
    if not (np.isfinite(result) & (result > 0)).all():
        raise SpatialError(
            f"expected weights larger than 0, found {some(result[~(result > 0)])}",
            where=_WHERE,
            hint="an indicator whose high values mean advantage is turned round before, not weighted negatively",
        )
    return result
