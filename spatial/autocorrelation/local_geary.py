"""Local Geary, of one variable or of several: whether the neighbours are like the area itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.autocorrelation.graphs import row_standardised
from spatial.autocorrelation.linear import LinearScores
from spatial.autocorrelation.local_case import CODE, WHERE, Case, Options, RateOptions, Settings, conclude, examine
from spatial.autocorrelation.local_case import split as split_rates
from spatial.autocorrelation.local_moments import distance_z, quadrants
from spatial.autocorrelation.permutation import Counts, draws_for, fixed_point_unit
from spatial.results import Label, LocalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray


def local_geary(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[RateOptions],
) -> LocalResult:
    """Compute local Geary c_i = Σ_j w_ij (z_i − z_j)² (Anselin 1995, 2019), of values or of rates.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Values observed at this level, or counts when the option `population` is given; NaN where there is none. z is
        standardised with the population standard deviation.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows and the type of the ids.
    **options : RateOptions
        See :class:`spatial.autocorrelation.local_case.RateOptions`.

    Returns
    -------
    LocalResult
        ``p_lower`` is the chance of a c_i at least as *small*, neighbours at least as alike: positive autocorrelation;
        ``p_upper`` that of neighbours at least as unlike. Labels: ``High-High`` or ``Low-Low`` where alike neighbours
        lie on one side of the mean, else ``other positive``; ``negative`` where they are unlike.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`spatial.autocorrelation.local.local_tests`.
    """
    tested, shown, settings = split_rates(values, options)
    return _geary("local-geary", [tested], shown, graph, rng, settings)


def local_geary_multivariate(
    values: pd.DataFrame,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[Options],
) -> LocalResult:
    """Compute the multivariate local Geary c_i = m⁻¹ Σ_v Σ_j w_ij (z_vi − z_vj)² (Anselin 2019).

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Variables as columns, areas as rows; NaN in one leaves the area out of all. A draw moves all variables of an
        area together, so that their correlation is kept.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    rng : numpy.random.Generator
        Same seed, same bytes.
    **options : Options
        See :class:`spatial.autocorrelation.local_case.Options`.

    Returns
    -------
    LocalResult
        As :func:`local_geary`, labelled ``positive`` or ``negative``; ``value`` is NaN and ``quadrant`` 0.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`spatial.autocorrelation.local.local_tests`; also when there is no variable.
    """
    if values.shape[1] == 0:
        raise SpatialError("expected at least one variable, found none", where=WHERE)
    variables = [values.iloc[:, v] for v in range(values.shape[1])]
    return _geary("multivariate-geary", variables, None, graph, rng, Settings(**options))


def geary_scores(x: list[NDArray[np.float64]], weights: Any) -> tuple[NDArray[np.float64], LinearScores]:
    """Lay local Geary out as a score that is linear in the areas drawn.

    Parameters
    ----------
    x : list of numpy.ndarray, shape (n,)
        Variables, finite and not constant.
    weights : scipy.sparse.csr_array, shape (n, n)
        Any weights.

    Returns
    -------
    z : numpy.ndarray, shape (n, m)
        Standardised variables.
    scores : LinearScores
        Of Σ_j w_ij (−2 z_i·z_j + q_j), q = |z|²: c_i less what is the same in every draw. Two sums over k neighbours of
        numbers that are equal in decimals differ by at most 5 k range·unit of each variable, by the argument of
        :func:`spatial.autocorrelation.permutation.to_fixed_point`; so far apart they still tie.
    """
    z, width = np.empty((len(x[0]), len(x))), 0.0
    for v, values in enumerate(x):
        centred = values - values.mean()
        deviation = float(np.sqrt(np.mean(centred * centred)))
        z[:, v] = centred / deviation
        width += 5.0 * float(np.ptp(values)) * fixed_point_unit(values) / deviation**2
    features = np.column_stack([z, (z * z).sum(axis=1)])
    coefficients = np.column_stack([-2.0 * z, np.ones(len(z))])
    degree = np.diff(weights.indptr)
    return z, LinearScores(features, coefficients, weights, np.arange(len(z)), width * degree)


def count_scores(scores: LinearScores, draws: Iterable[NDArray[np.integer[Any]]], permutations: int) -> Counts:
    """Count over all blocks of draws."""
    for tuples in draws:
        scores.add(tuples)
    return Counts(scores.at_least, scores.at_most, permutations)


def _geary(
    name: str,
    variables: list[pd.Series],
    shown: pd.Series | None,
    graph: Any,
    rng: np.random.Generator,
    settings: Settings,
) -> LocalResult:
    case = examine(variables, graph, settings)
    columns: dict[str, NDArray[Any]] = {"statistic": np.empty(0), "z": np.empty(0)}
    counts = None
    if len(case.sites):
        permutations = settings.permutations
        z, scores = geary_scores(case.x, case.raw)
        counts = count_scores(scores, draws_for(case.weights, permutations, rng), permutations)
        total = _distances(z, case)
        columns = {"statistic": total / len(variables), "z": distance_z(z, case.weights, total)}
        if shown is not None:
            columns["quadrant"] = quadrants(z[:, 0], row_standardised(case.weights) @ z[:, 0])

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        codes = np.full(len(found), CODE[Label.NOT_SIGNIFICANT], dtype=np.int8)
        codes[found & high] = CODE[Label.NEGATIVE]
        codes[found & ~high] = CODE[Label.POSITIVE if shown is None else Label.OTHER_POSITIVE]
        if counts is not None and shown is not None:
            quadrant = columns["quadrant"][case.testable]
            codes[found & ~high & (quadrant == 1)] = CODE[Label.HIGH_HIGH]
            codes[found & ~high & (quadrant == 3)] = CODE[Label.LOW_LOW]
        return {"label": codes}

    return conclude(case, name, shown, counts, columns, label)


def _distances(z: NDArray[np.float64], case: Case) -> NDArray[np.float64]:
    """Return Σ_j w_ij |z_i − z_j|², summed edge by edge so that equal values give exactly 0."""
    edges = case.weights.copy()
    focal = np.repeat(np.arange(len(z)), np.diff(edges.indptr))
    apart = np.zeros(len(edges.data))
    for v in range(z.shape[1]):
        apart += (z[focal, v] - z[edges.indices, v]) ** 2
    edges.data = edges.data * apart
    result: NDArray[np.float64] = np.asarray(edges.sum(axis=1), dtype=np.float64).ravel()
    return result
