"""Means and variances of the global statistics when values are put on areas at random (randomisation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Mean and variance.
Moments = tuple[float, float]


@dataclass(frozen=True, slots=True)
class WeightSums:
    """What the moments need to know of a weights matrix.

    Attributes
    ----------
    s0, s1, s2 : float
        S₀ = Σ w_ij, S₁ = ½ Σ (w_ij + w_ji)², S₂ = Σ_i (Σ_j w_ij + Σ_j w_ji)² (Cliff & Ord 1981).
    """

    s0: float
    s1: float
    s2: float

    @classmethod
    def of(cls, weights: Any) -> WeightSums:
        """Compute them from a sparse matrix of shape (n, n) without diagonal."""
        both = weights + weights.T
        ends = np.asarray(weights.sum(axis=1)).ravel() + np.asarray(weights.sum(axis=0)).ravel()
        return cls(float(weights.sum()), float(both.multiply(both).sum()) / 2, float((ends**2).sum()))


def _kurtosis(x: NDArray[np.float64]) -> float:
    """Return b₂ = m₄ / m₂²."""
    z = x - x.mean()
    return len(x) * float((z**4).sum()) / float((z**2).sum()) ** 2


def moran_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    """Return mean and variance of Moran's I under randomisation (Cliff & Ord 1981, eq. 1.44)."""
    n, w, b2 = float(len(x)), WeightSums.of(weights), _kurtosis(x)
    expected = -1.0 / (n - 1)
    first = n * ((n**2 - 3 * n + 3) * w.s1 - n * w.s2 + 3 * w.s0**2)
    second = b2 * ((n**2 - n) * w.s1 - 2 * n * w.s2 + 6 * w.s0**2)
    return expected, (first - second) / ((n - 1) * (n - 2) * (n - 3) * w.s0**2) - expected**2


def geary_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    """Return mean and variance of Geary's C under randomisation (Cliff & Ord 1981, eq. 1.48)."""
    n, w, b2 = float(len(x)), WeightSums.of(weights), _kurtosis(x)
    first = (n - 1) * w.s1 * (n**2 - 3 * n + 3 - (n - 1) * b2)
    second = (n - 1) * w.s2 * (n**2 + 3 * n - 6 - (n**2 - n + 2) * b2) / 4
    third = w.s0**2 * (n**2 - 3 - (n - 1) ** 2 * b2)
    return 1.0, (first - second + third) / (n * (n - 2) * (n - 3) * w.s0**2)


def general_g_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    """Return mean and variance of the general G under randomisation (Getis & Ord 1992, eqs. 5 to 7)."""
    n, w = float(len(x)), WeightSums.of(weights)
    unit = x / x.mean()  # G does not depend on the unit; sums of fourth powers do
    m1, m2, m3, m4 = (float((unit**j).sum()) for j in (1, 2, 3, 4))
    square = w.s0**2
    b0 = (n**2 - 3 * n + 3) * w.s1 - n * w.s2 + 3 * square
    b1 = -((n**2 - n) * w.s1 - 2 * n * w.s2 + 6 * square)
    b2 = -(2 * n * w.s1 - (n + 3) * w.s2 + 6 * square)
    b3 = 4 * (n - 1) * w.s1 - 2 * (n + 1) * w.s2 + 8 * square
    b4 = w.s1 - w.s2 + square
    sum_ = b0 * m2**2 + b1 * m4 + b2 * m1**2 * m2 + b3 * m1 * m3 + b4 * m1**4
    expected = w.s0 / (n * (n - 1))
    return expected, sum_ / ((m1**2 - m2) ** 2 * n * (n - 1) * (n - 2) * (n - 3)) - expected**2


def like_joins_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    """Return mean and variance of BB = ½ Σ w_ij x_i x_j of a 0/1 vector, non-free sampling (Cliff & Ord 1981)."""
    n, ones, w = len(x), int(x.sum()), WeightSums.of(weights)
    two, three, four = (_falling(ones, k) / _falling(n, k) for k in (2, 3, 4))
    expected = w.s0 * two / 2
    spread = w.s1 * two + (w.s2 - 2 * w.s1) * three + (w.s0**2 + w.s1 - w.s2) * four
    return expected, spread / 4 - expected**2


def unlike_joins_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    """Return mean and variance of BW = ½ Σ w_ij (x_i − x_j)² of a 0/1 vector, non-free sampling (the same)."""
    n, ones, w = len(x), int(x.sum()), WeightSums.of(weights)
    zeros = n - ones
    pairs = ones * zeros / _falling(n, 2)
    expected = w.s0 * pairs
    spread = (
        2 * w.s1 * pairs
        + (w.s2 - 2 * w.s1) * ones * zeros * (n - 2) / _falling(n, 3)
        + 4 * (w.s0**2 + w.s1 - w.s2) * _falling(ones, 2) * _falling(zeros, 2) / _falling(n, 4)
    )
    return expected, spread / 4 - expected**2


def _falling(n: int, k: int) -> float:
    """Return n (n − 1) … (n − k + 1)."""
    return float(np.prod([float(n - i) for i in range(k)]))
