"""Frozen results of the computations; their tables are indexed by ``area_id`` and travel on unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class State(StrEnum):
    """What a local test could say about an area at all; only ``TESTED`` has a p-value."""

    TESTED = "tested"
    ISOLATED = "isolated"
    UNDEFINED = "undefined"
    UNTESTABLE = "untestable"
    SUPPRESSED = "suppressed"


class Label(StrEnum):
    """Label of a local test after correction for multiplicity.

    Local Moran, bivariate Moran and join counts use the four quadrants, Gi and Gi* hot and cold; local Geary says
    ``other positive`` where alike neighbours lie on both sides of the mean, and ``negative`` where they are unlike; for
    several variables there is no high or low, only ``positive`` and ``negative``.
    """

    HIGH_HIGH = "High-High"
    LOW_LOW = "Low-Low"
    HIGH_LOW = "High-Low"
    LOW_HIGH = "Low-High"
    HOT = "hot"
    COLD = "cold"
    OTHER_POSITIVE = "other positive"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    NOT_SIGNIFICANT = "not significant"
    NO_LABEL = "no label"


@dataclass(frozen=True, slots=True)
class LocalResult:
    """A local statistic of every area with its conditional permutation test.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id`` in the caller's order: ``value`` (for counts with a population, the rate; NaN for several
        variables), ``statistic``, ``z`` (analytic, under conditional permutation; for Gi* after Ord & Getis),
        ``p_upper``, ``p_lower``, ``p`` (two-sided), ``p_adjusted``, ``quadrant`` (1 HH, 2 LH, 3 LL, 4 HL; 0 none),
        ``label`` (a :class:`Label`), ``state`` (a :class:`State`), ``neighbours`` (int), ``support`` (str: the area id
        whose test this is; the area itself unless the label was painted down from a source zone).

        The table of :func:`spatial.autocorrelation.local.local_tests` holds local Moran and Gi* side by side: instead
        of ``statistic`` and ``z`` it has ``local_moran`` (I_i), ``local_moran_z`` and ``gi_star_z``, and beside
        ``label`` (local Moran) ``gi_star_label``. Under conditional permutation their two-sided p is one number.
    permutations, alpha, correction : see the function that made it
    n_effective : int
        How many hypotheses were tested; at most the number of source zones for handed-down values.
    components : int
        Connected components of the graph among the areas with a value.
    graph : str
        What the graph is called.
    warnings : tuple of str
        For example that the permutations cannot reach the resolution that the correction needs.
    statistic : str
        ``local-moran``, ``gi``, ``gi-star``, ``local-geary``, ``multivariate-geary``, ``bivariate-moran``,
        ``join-count``, or ``local-moran and gi-star``.
    transform : str
        ``r`` (rows standardised), ``b`` (binary) or ``o`` (weights as they were given).
    mid_p : bool
        Ties were counted by half.
    """

    table: pd.DataFrame
    permutations: int
    alpha: float
    correction: str
    n_effective: int
    components: int
    graph: str
    warnings: tuple[str, ...] = ()
    statistic: str = "local-moran and gi-star"
    transform: str = "r"
    mid_p: bool = False


@dataclass(frozen=True, slots=True)
class GlobalResult:
    """A global statistic with its permutation test.

    Attributes
    ----------
    statistic : str
        For example ``"moran"``.
    value, expected, z : float
        The statistic, its mean and z under the null named by ``null``: analytic where moments are known, else of the
        permutations.
    p : float or None
        One-sided pseudo p-value in the direction of likeness: the chance of a statistic that shows at least as much
        clustering, (1 + #{T* >= T})/(R + 1), for Geary's C and BW joins (1 + #{T* <= T})/(R + 1). None where it must
        not be published or was not asked for.
    null : str
        ``"random labels"`` or ``"random labels at the sources, handed down"``.
    n, n_effective : int
        Areas, and the number of observations that they really are.
    p_upper, p_lower, p_two_sided : float or None
        Chances of a statistic at least as high and at least as low, and min(1, 2 · the smaller of the two).
    transform : {"r", "b", "o"}
        Weights standardised by row, binary, or as given.
    """

    statistic: str
    value: float
    expected: float
    z: float
    p: float | None
    permutations: int
    null: str
    n: int
    n_effective: int
    graph: str = ""
    p_upper: float | None = None
    p_lower: float | None = None
    p_two_sided: float | None = None
    transform: str = "r"


@dataclass(frozen=True, slots=True)
class IndexResult:
    """A composite index.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``score`` (standardised sum, high = more disadvantage), ``rank`` (1 = most
        disadvantaged, Int64), ``status_class`` (str or None), ``excluded`` (str: the reason, or ""),
        ``z_<indicator>`` and ``contribution_<indicator>`` (add up to ``score``).
    means, sds : mapping of str to float
        What each indicator was standardised with (the frozen reference).
    """

    table: pd.DataFrame
    preset: str
    indicators: tuple[str, ...]
    means: Mapping[str, float]
    sds: Mapping[str, float]
    sum_mean: float
    sum_sd: float
    reference: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
