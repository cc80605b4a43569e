"""From counts of draws to p-values, and from many p-values to few discoveries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from geodata.errors import SpatialError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.autocorrelation.permutation import Counts

Correction = Literal["fdr", "by", "none"]

#: A p-value that equals its threshold but for rounding has reached it.
_ROUNDING = 1.0 + 1e-12


def pseudo_p(
    counts: Counts, *, mid_p: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Turn counts of draws into pseudo p-values.

    Parameters
    ----------
    counts : Counts
        Draws at least and at most as large as observed; ties are in both.
    mid_p : bool, default False
        Count ties (and the observation itself, which ties with itself) by half: less conservative for discrete data.

    Returns
    -------
    p_upper, p_lower, p : numpy.ndarray, shape (n,)
        One-sided p₊ = (1 + #{≥}) / (P + 1), p₋ likewise, and two-sided min(1, 2·min(p₊, p₋)).
    """
    at_least, at_most = counts.at_least.astype(np.float64), counts.at_most.astype(np.float64)
    total = counts.permutations
    own = 1.0
    if mid_p:
        ties = at_least + at_most - total
        at_least, at_most, own = at_least - ties / 2, at_most - ties / 2, 0.5
    upper, lower = (own + at_least) / (total + 1), (own + at_most) / (total + 1)
    return upper, lower, np.minimum(1.0, 2.0 * np.minimum(upper, lower))


def adjust(p: NDArray[np.float64], correction: Correction) -> NDArray[np.float64]:
    """Adjust p-values for multiplicity: an adjusted p at most α is a discovery at level α.

    Parameters
    ----------
    p : numpy.ndarray, shape (n,)
        Two-sided p-values of all hypotheses that were tested.
    correction : {"fdr", "by", "none"}
        Benjamini-Hochberg (1995): the largest k with p₍ₖ₎ ≤ kα/n; Benjamini-Yekutieli (2001), valid under any
        dependence; or none.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Adjusted p-values in the same order.

    Raises
    ------
    SpatialError
        Unknown correction.
    """
    if correction == "none" or len(p) == 0:
        return p.copy()
    if correction not in ("fdr", "by"):
        raise SpatialError(f"expected correction fdr, by or none, found {correction!r}", where="local tests")
    n = len(p)
    factor = n * float(np.sum(1.0 / np.arange(1, n + 1))) if correction == "by" else float(n)
    order = np.argsort(p)
    # Of equal p-values the last has the highest rank and the smallest quotient; the minimum gives it to all.
    steps = np.minimum.accumulate((p[order] * factor / np.arange(1, n + 1))[::-1])[::-1]
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def discoveries(adjusted: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    """Tell which adjusted p-values reach α; a p-value that is NaN does not."""
    result: NDArray[np.bool_] = adjusted <= alpha * _ROUNDING
    return result


def fewest_discoveries(tests: int, permutations: int, alpha: float, correction: Correction) -> int:
    """Return how many areas must be extreme together before the correction lets one of them pass.

    The smallest two-sided pseudo p-value is 2/(P + 1), so m discoveries need P ≥ 2n/(mα) − 1.

    Parameters
    ----------
    tests : int
        Number of hypotheses n.
    permutations : int
        Number of draws P.
    alpha : float
        Level.
    correction : {"fdr", "by", "none"}
        As in :func:`adjust`; ``by`` divides α by 1 + 1/2 + … + 1/n.

    Returns
    -------
    int
        The smallest m that P can resolve.
    """
    return max(1, math.ceil(_floor(tests, permutations, alpha, correction) * (1 - 1e-12)))


def resolution_warning(tests: int, permutations: int, alpha: float, correction: Correction) -> str | None:
    """Return a warning if P is too small for a single discovery, else None."""
    needed = _floor(tests, permutations, alpha, correction)
    if tests == 0 or needed * (1 - 1e-12) <= 1:
        return None
    fewest = fewest_discoveries(tests, permutations, alpha, correction)
    wanted = math.ceil(needed * (permutations + 1)) - 1
    return (
        f"{permutations} permutations resolve no p-value below {2 / (permutations + 1):.2g}: with {tests} tests at "
        f"level {alpha:g} at least {fewest} areas must be extreme together before one can be found; "
        f"use at least {wanted} permutations"
    )


def _floor(tests: int, permutations: int, alpha: float, correction: Correction) -> float:
    """Return 2n/((P + 1)α), the m of the resolution limit before rounding up."""
    factor = 1.0 if correction == "none" else float(tests)
    if correction == "by":
        factor *= float(np.sum(1.0 / np.arange(1, tests + 1)))
    return 2.0 * factor / ((permutations + 1) * alpha)


def upper_p(observed: float, simulated: NDArray[Any]) -> float:
    """Return the one-sided pseudo p-value (1 + #{T* ≥ T}) / (R + 1) of a global statistic.

    Parameters
    ----------
    observed : float
        The statistic T.
    simulated : numpy.ndarray, shape (R,)
        The statistic under each permutation.

    Returns
    -------
    float
        The p-value; values of T* within 1e-12 of T, relative to the spread of all, count as equal.
    """
    scale = max(abs(observed), float(np.abs(simulated).max(initial=0.0)))
    return float((1 + np.count_nonzero(simulated >= observed - 1e-12 * scale)) / (len(simulated) + 1))
