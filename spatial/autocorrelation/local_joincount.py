"""Local join counts of binary states: whether areas with an attribute lie beside others that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from geodata.errors import SpatialError, some
from spatial.autocorrelation.local_case import CODE, WHERE, Options, Settings, conclude, examine
from spatial.autocorrelation.local_moments import neighbour_sum_z
from spatial.autocorrelation.permutation import conditional_counts
from spatial.results import Label, LocalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray


def local_join_counts(
    states: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[Options],
) -> LocalResult:
    """Compute local join counts BB_i = x_i Σ_j w_ij x_j of a binary state x (Anselin & Li 2019).

    Parameters
    ----------
    states : pandas.Series, shape (n,)
        True or 1 where an area has the attribute, False or 0 where it has not, missing where that is unknown.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows and the type of the ids.
    **options : Options
        See :class:`spatial.autocorrelation.local_case.Options`; `transform` is ``b`` unless another is given, so that
        joins are counted.

    Returns
    -------
    LocalResult
        ``p_upper`` is the chance of at least as many neighbours with the attribute, ``p_lower`` of at most as many.
        Labels: ``High-High`` (more joins than chance allows), ``High-Low`` (fewer). An area without the attribute has a
        join count of 0 whatever its neighbours are: it is ``untestable`` and no hypothesis of the correction.

    Raises
    ------
    AreaKeyError
        As :func:`spatial.autocorrelation.local.local_tests`.
    SpatialError
        The same, or a state is neither true nor false.
    """
    numbers = states.astype("Float64") if states.dtype == "boolean" else states
    x = pd.Series(pd.to_numeric(numbers).to_numpy(dtype=np.float64, na_value=np.nan), index=states.index)
    wrong = x.notna() & ~x.isin([0.0, 1.0])
    if wrong.any():
        raise SpatialError(
            f"expected states that are true or false, found {some(states[wrong].unique())} in "
            f"{some(states.index[wrong])}",
            where=WHERE,
            hint="compare the values with a threshold first",
        )
    chosen: Options = {"transform": "b", **options}
    case = examine([x], graph, Settings(**chosen))
    columns: dict[str, NDArray[Any]] = {"statistic": np.empty(0), "z": np.empty(0)}
    counts = None
    if len(case.sites):
        has = case.x[0] == 1.0
        case.narrow(has)
        counts = conditional_counts(case.x[0], case.raw, permutations=case.settings.permutations, rng=rng)
        score = neighbour_sum_z(case.x[0] - case.x[0].mean(), case.weights)
        columns = {
            "statistic": case.x[0] * (case.weights @ case.x[0]),
            "z": np.where(has, score, np.nan),
            "quadrant": np.where(has & (score > 0), 1, np.where(has & (score < 0), 4, 0)),
        }

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        codes = np.full(len(found), CODE[Label.NOT_SIGNIFICANT], dtype=np.int8)
        codes[found & high] = CODE[Label.HIGH_HIGH]
        codes[found & ~high] = CODE[Label.HIGH_LOW]
        return {"label": codes}

    return conclude(case, "join-count", x, counts, columns, label)
