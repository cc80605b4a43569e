"""Scores of handed-down values against a truth that was hidden from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geodata.errors import SpatialError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def _same_shape(truth: Floats, *others: Floats) -> None:
    for other in others:
        if other.shape != truth.shape or not np.isfinite(other).all() or not np.isfinite(truth).all() or not truth.size:
            raise SpatialError(
                f"expected finite values of one shape, found {other.shape} beside a truth of {truth.shape}",
                where="scores",
                hint="score only areas of which both the truth and the estimate are known",
            )


def rtae(estimate: Floats, truth: Floats) -> float:
    """Relative total absolute error, Σ|e − t| / Σ t; NaN where the truth adds up to 0. Arrays of shape (T,)."""
    _same_shape(truth, estimate)
    total = float(truth.sum())
    return float(np.abs(estimate - truth).sum() / total) if total > 0 else float("nan")


def rmse(estimate: Floats, truth: Floats) -> float:
    """Root mean squared error, in the unit of the values. Arrays of shape (T,)."""
    _same_shape(truth, estimate)
    return float(np.sqrt(np.mean((estimate - truth) ** 2)))


def coverage(lower: Floats, upper: Floats, truth: Floats) -> float:
    """Share of the intervals, both ends included, that hold the truth. Arrays of shape (T,)."""
    _same_shape(truth, lower, upper)
    return float(np.mean((truth >= lower) & (truth <= upper)))


def interval_score(lower: Floats, upper: Floats, truth: Floats, *, level: float = 0.9) -> float:
    """Mean interval score: width, and for a miss 2/(1 − level) times the distance; smaller is better.

    Parameters
    ----------
    lower, upper, truth : numpy.ndarray
        Shape (T,).
    level : float
        Probability that the intervals are meant to have.

    Returns
    -------
    float
        In the unit of the values.

    Notes
    -----
    Gneiting & Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", equation 43.
    """
    _same_shape(truth, lower, upper)
    miss = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    return float(np.mean(upper - lower + 2 / (1 - level) * miss))


def crps(draws: Floats, truth: Floats) -> float:
    """Mean continuous ranked probability score of draws, E|X − t| − ½ E|X − X′|; smaller is better.

    Parameters
    ----------
    draws : numpy.ndarray
        Shape (T, n).
    truth : numpy.ndarray
        Shape (T,).

    Returns
    -------
    float
        In the unit of the values; for a single draw the mean absolute error.

    Notes
    -----
    Gneiting & Raftery (2007), equation 21, for the empirical distribution of the draws.

    Examples
    --------
    >>> import numpy as np
    >>> crps(np.array([[1.0, 3.0]]), np.array([2.0]))
    0.5
    """
    _same_shape(truth, draws.mean(axis=1))
    ordered = np.sort(draws, axis=1)
    n = ordered.shape[1]
    spread = ordered @ (2 * np.arange(1, n + 1) - n - 1) / n**2
    return float(np.mean(np.abs(ordered - truth[:, None]).mean(axis=1) - spread))
