"""Global join counts of a binary state: how many neighbours are both, neither, or of two kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.errors import SpatialError, some
from spatial.autocorrelation.global_ import Statistic, Transform, permutation_test, prepare
from spatial.autocorrelation.moments import Moments, like_joins_moments, unlike_joins_moments

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from spatial.results import GlobalResult


def join_counts(
    values: pd.Series,
    graph: Any,
    *,
    permutations: int = 9999,
    rng: np.random.Generator,
    transform: Transform = "b",
    graph_name: str = "",
) -> dict[str, GlobalResult]:
    """Count joins of areas that have a property (1, "black") and of those that have it not (0, "white").

    BB = ½ Σ w_ij x_i x_j, WW = ½ Σ w_ij (1 − x_i)(1 − x_j), BW = ½ Σ w_ij (x_i − x_j)².

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        0 or 1 (or bool) indexed by ``area_id``, missing where nothing is known.
    graph, permutations, rng, graph_name
        As in :func:`spatial.autocorrelation.global_.moran`.
    transform : {"b", "r", "o"}
        Binary by default, so that joins are counted.

    Returns
    -------
    dict of str to GlobalResult
        ``"BB"``, ``"WW"`` and ``"BW"``, named ``join_count_bb`` … in the results. Moments are those of non-free
        sampling (Cliff & Ord 1981), the permutations the same for all three. ``p`` is the chance of at least as many
        like joins, for BW of at most as many unlike ones. When all areas are alike, ``value`` is NaN and ``p`` None.

    Raises
    ------
    SpatialError
        A value is neither 0 nor 1.
    UntestableError, AreaKeyError
        As in :func:`spatial.autocorrelation.global_.moran`.
    """
    numbers = values.astype("float64")
    wrong = numbers.notna() & ~numbers.isin([0.0, 1.0])
    if wrong.any():
        raise SpatialError(
            f"expected 0 or 1 for every area, found {some(values[wrong])} in {some(values.index[wrong])}",
            where="join counts",
            hint="say first which values have the property, for example value > threshold",
        )
    (x,), weights = prepare([numbers], graph, transform)
    seed = int(rng.integers(2**63))
    out = {}
    for name, statistic in _STATISTICS.items():
        draws = np.random.default_rng(seed)  # the same permutations for all three
        out[name] = permutation_test(statistic, x, weights, permutations, draws, transform, graph_name)
    return out


def _black(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    result: NDArray[np.float64] = (x * (weights @ x)).sum(axis=0) / 2
    return result


def _white(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    return _black(1.0 - x, weights)


def _unlike(x: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    # (x_i − x_j)² = x_i + x_j − 2 x_i x_j for 0 and 1
    ends = np.asarray(weights.sum(axis=1)).ravel() + np.asarray(weights.sum(axis=0)).ravel()
    result: NDArray[np.float64] = (ends @ x) / 2 - (x * (weights @ x)).sum(axis=0)
    return result


def _white_moments(x: NDArray[np.float64], weights: Any) -> Moments:
    return like_joins_moments(1.0 - x, weights)


_STATISTICS = {
    "BB": Statistic("join_count_bb", _black, like_joins_moments),
    "WW": Statistic("join_count_ww", _white, _white_moments),
    "BW": Statistic("join_count_bw", _unlike, unlike_joins_moments, low_is_like=True),
}
