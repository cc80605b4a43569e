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
    """Label of a local test after correction for multiplicity."""

    HIGH_HIGH = "High-High"
    LOW_LOW = "Low-Low"
    HIGH_LOW = "High-Low"
    LOW_HIGH = "Low-High"
    NOT_SIGNIFICANT = "not significant"
    NO_LABEL = "no label"


@dataclass(frozen=True, slots=True)
class LocalResult:
    """Local Moran and Gi* side by side: under conditional permutation their two-sided p is one number.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id`` in the caller's order: ``value``, ``local_moran`` (I_i), ``local_moran_z``,
        ``gi_star_z``,
        ``p_upper``, ``p_lower``, ``p`` (two-sided), ``p_adjusted``, ``quadrant`` (1 HH, 2 LH, 3 LL, 4 HL; 0 none),
        ``label`` (a :class:`Label`, local Moran), ``gi_star_label`` (``hot``, ``cold``, ``not significant``,
        ``no label``), ``state`` (a :class:`State`), ``neighbours`` (int), ``support`` (str: the area id whose test this
        is; the area itself unless the label was painted down from a source zone).
    permutations, alpha, correction, seed : see the function that made it
    n_effective : int
        How many hypotheses were tested; at most the number of source zones for handed-down values.
    components : int
        Connected components of the graph among the tested areas.
    warnings : tuple of str
        For example that the permutations cannot reach the resolution that the correction needs.
    """

    table: pd.DataFrame
    permutations: int
    alpha: float
    correction: str
    n_effective: int
    components: int
    graph: str
    warnings: tuple[str, ...] = ()


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
