"""Local Moran, Gi and Gi* under exact conditional permutation, with states instead of invented p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from spatial.autocorrelation.graphs import row_standardised
from spatial.autocorrelation.local_case import CODE, Case, Options, RateOptions, Settings, conclude, examine, split
from spatial.autocorrelation.local_moments import neighbour_sum_z, quadrants, row_sums, square_sums
from spatial.autocorrelation.permutation import Counts, conditional_counts
from spatial.results import Label, LocalResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: ``gi_star_label`` of a significant area.
HOT, COLD = str(Label.HOT), str(Label.COLD)

#: Code of the label of each quadrant.
_OF_QUADRANT = np.array(
    [CODE[label] for label in (Label.NOT_SIGNIFICANT, Label.HIGH_HIGH, Label.LOW_HIGH, Label.LOW_LOW, Label.HIGH_LOW)],
    dtype=np.int8,
)


def local_tests(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[Options],
) -> LocalResult:
    """Test for every area whether its neighbours are higher or lower than chance allows: local Moran and Gi* at once.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Values observed at this level, indexed by ``area_id``, NaN where there is none. Values that were handed down
        from larger zones do not belong here: see :mod:`spatial.autocorrelation.support`.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas; prepare it once (:func:`spatial.autocorrelation.neighbours.prepare`) for many
        tests.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows and the type of the ids.
    **options : Options
        See :class:`spatial.autocorrelation.local_case.Options`.

    Returns
    -------
    LocalResult
        In the caller's order. ``p_upper`` and ``p_lower`` are the chances of neighbours at least as high, and at least
        as low, as observed; ``p`` is two-sided and serves local Moran and Gi* alike.

    Raises
    ------
    AreaKeyError
        Ids are repeated, or `context` or `suppressed` lack areas.
    SpatialError
        The areas are not those of the graph, a value is infinite, a withheld value is not NaN, or a parameter makes no
        sense.

    Notes
    -----
    With z the deviations from the mean of all areas that have a value and a connection:

    - ``local_moran`` I_i = (n − 1) z_i Σ_j w_ij z_j / Σ z² (Anselin 1995, scaled with n − 1 as in esda and GeoDa);
    - ``local_moran_z`` is analytic, under conditional permutation
      (:func:`spatial.autocorrelation.local_moments.neighbour_sum_z`);
    - ``gi_star_z`` after Ord & Getis (1995), the self-weight put in *before* rows are standardised. It includes the
      area's own value, its p-value does not: the label ``hot`` (``cold``) asks for neighbours that are significantly
      high (low) and for a z of the same sign.

    States: ``suppressed`` (withheld), ``undefined`` (no value, or all values equal), ``isolated`` (no neighbour with a
    value), ``untestable`` (too few areas), ``tested``. Only ``tested`` areas have p-values. An area that neither has
    nor is a neighbour takes no part in mean and draws.

    Examples
    --------
    >>> from spatial.autocorrelation.graphs import grid_contiguity
    >>> cells = [f"c{i:02d}" for i in range(100)]
    >>> graph = grid_contiguity([i // 10 for i in range(100)], [i % 10 for i in range(100)], cells)
    >>> values = pd.Series([float(i < 50) for i in range(100)], index=cells)
    >>> result = local_tests(values, graph, rng=np.random.default_rng(1), permutations=9999)
    >>> str(result.table.loc["c22", "label"])
    'High-High'
    """
    case = examine([values], graph, Settings(**options))
    columns: dict[str, NDArray[Any]] = dict.fromkeys(("local_moran", "local_moran_z", "gi_star_z"), _NONE)
    counts = None
    if len(case.sites):
        counts = _count(case, case.x[0], rng)
        columns = _moran(case, "local_moran", "local_moran_z")
        columns = {**columns, "gi_star_z": _gi_star_z(case)[1]}

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        if counts is None:
            return {"label": _NO_CODE, "gi_star_label": _NO_CODE}
        star = _hot_or_cold(found, high, columns["gi_star_z"][case.testable])
        return {"label": _quadrant_labels(found, columns["quadrant"][case.testable]), "gi_star_label": star}

    return conclude(case, "local-moran and gi-star", values, counts, columns, label)


def local_moran(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[RateOptions],
) -> LocalResult:
    """Compute local Moran I_i = (n − 1) z_i Σ_j w_ij z_j / Σ z² (Anselin 1995), of values or of rates.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Values observed at this level, or counts when the option `population` is given; NaN where there is none.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows and the type of the ids.
    **options : RateOptions
        See :class:`spatial.autocorrelation.local_case.RateOptions`.

    Returns
    -------
    LocalResult
        ``p_upper`` and ``p_lower`` are the chances of *neighbours* at least as high, and at least as low; ``z`` is that
        of I_i, so negative for an outlier. Labels are quadrants.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`local_tests`; for rates also as :func:`spatial.autocorrelation.rates.empirical_bayes`.
    """
    tested, shown, settings = split(values, options)
    case = examine([tested], graph, settings)
    columns: dict[str, NDArray[Any]] = {"statistic": _NONE, "z": _NONE}
    counts = None
    if len(case.sites):
        counts = _count(case, case.x[0], rng)
        columns = _moran(case, "statistic", "z")

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        if counts is None:
            return {"label": _NO_CODE}
        return {"label": _quadrant_labels(found, columns["quadrant"][case.testable])}

    return conclude(case, "local-moran", shown, counts, columns, label)


def local_gi(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[RateOptions],
) -> LocalResult:
    """Compute Gi = Σ_{j≠i} w_ij x_j / Σ_{j≠i} x_j (Getis & Ord 1992), the area itself left out everywhere.

    Parameters, errors and the meaning of p are those of :func:`local_moran`. ``statistic`` is NaN where a value is
    negative, as with standardised rates: there the share has no meaning. ``z`` (Ord & Getis 1995) always has:
    mean and variance are those of the n − 1 other areas. Labels are ``hot`` and ``cold``.
    """
    tested, shown, settings = split(values, options)
    return _getis_ord("gi", tested, shown, graph, rng, settings)


def local_gi_star(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[RateOptions],
) -> LocalResult:
    """Compute Gi* = Σ_j w_ij x_j / Σ_j x_j, the area itself being one of its neighbours (Ord & Getis 1995).

    Parameters, errors and the meaning of p are those of :func:`local_moran`; ``statistic`` is NaN where a value is
    negative. The self-weight is the largest weight of the row, put in *before* rows are standardised, so that ``z`` is
    the same under binary and row-standardised weights. ``p`` is that of Gi and of local Moran: it ignores the area's
    own value, which ``z`` includes. Labels are ``hot`` and ``cold``, and ask for a ``z`` of the same sign.
    """
    tested, shown, settings = split(values, options)
    return _getis_ord("gi-star", tested, shown, graph, rng, settings)


def local_moran_bivariate(
    x: pd.Series,
    y: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    **options: Unpack[Options],
) -> LocalResult:
    """Compute the bivariate local Moran I_i = z_x,i Σ_j w_ij z_y,j: the y around areas where x is high or low.

    Parameters
    ----------
    x, y : pandas.Series, shape (n,)
        Two variables of the same areas; NaN in either leaves an area out. Both are standardised with their population
        standard deviation. Values of y in the area itself play no part.
    graph : libpysal.graph.Graph or Neighbours
        Neighbours of the same areas.
    rng : numpy.random.Generator
        Same seed, same bytes.
    **options : Options
        See :class:`spatial.autocorrelation.local_case.Options`.

    Returns
    -------
    LocalResult
        ``p_upper`` and ``p_lower`` are the chances of a y among the neighbours at least as high, and as low. x is held:
        neither a correlation of x and y inside areas nor autocorrelation of y alone is taken out.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`local_tests`.
    """
    case = examine([x, y], graph, Settings(**options))
    columns: dict[str, NDArray[Any]] = {"statistic": _NONE, "z": _NONE}
    counts = None
    if len(case.sites):
        counts = _count(case, case.x[1], rng)
        zx, zy = (each - each.mean() for each in case.x)
        scale = np.sqrt(np.mean(zx * zx) * np.mean(zy * zy))
        columns = {
            "statistic": zx * (case.weights @ zy) / scale,
            "z": _signed(zx, neighbour_sum_z(zy, case.weights)),
            "quadrant": quadrants(zx, row_standardised(case.weights) @ zy),
        }

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        if counts is None:
            return {"label": _NO_CODE}
        return {"label": _quadrant_labels(found, columns["quadrant"][case.testable])}

    return conclude(case, "bivariate-moran", x, counts, columns, label)


_NONE: NDArray[np.float64] = np.empty(0)
_NO_CODE: NDArray[np.int8] = np.empty(0, dtype=np.int8)


def _count(case: Case, values: NDArray[np.float64], rng: np.random.Generator) -> Counts:
    return conditional_counts(values, case.raw, permutations=case.settings.permutations, rng=rng)


def _moran(case: Case, statistic: str, score: str) -> dict[str, NDArray[Any]]:
    """Return local Moran, its z and its quadrant."""
    z = case.x[0] - case.x[0].mean()
    lag = case.weights @ z
    return {
        statistic: (len(z) - 1) * z * lag / float(np.sum(z * z)),
        score: _signed(z, neighbour_sum_z(z, case.weights, lag)),
        "quadrant": quadrants(z, lag if case.settings.transform == "r" else row_standardised(case.weights) @ z),
    }


def _signed(z: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a score of the neighbours the sign of the area; none where the area is on the mean."""
    tiny = 1e-6 * np.sqrt(np.mean(z * z))
    result: NDArray[np.float64] = np.where(np.abs(z) > tiny, np.sign(z) * score, np.nan)
    return result


def _getis_ord(
    name: str, tested: pd.Series, shown: pd.Series, graph: Any, rng: np.random.Generator, settings: Settings
) -> LocalResult:
    case = examine([tested], graph, settings)
    columns: dict[str, NDArray[Any]] = {"statistic": _NONE, "z": _NONE}
    counts = None
    if len(case.sites):
        counts = _count(case, case.x[0], rng)
        x = case.x[0]
        if name == "gi":
            z = x - x.mean()
            share, score = case.weights @ x, neighbour_sum_z(z, case.weights)
            whole = x.sum() - x
        else:
            share, score = _gi_star_z(case)
            whole = np.full(len(x), x.sum())
        meaningful = (x >= 0).all() & (whole > 0)
        statistic = np.divide(share, whole, out=np.full(len(x), np.nan), where=meaningful)
        columns = {
            "statistic": statistic,
            "z": score,
            "quadrant": quadrants(x - x.mean(), row_standardised(case.weights) @ (x - x.mean())),
        }

    def label(found: NDArray[np.bool_], high: NDArray[np.bool_]) -> dict[str, NDArray[np.int8]]:
        if counts is None:
            return {"label": _NO_CODE}
        return {"label": _hot_or_cold(found, high, columns["z"][case.testable])}

    return conclude(case, name, shown, counts, columns, label)


def _gi_star_z(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Σ_j w_ij x_j with the area itself among the neighbours, and Gi*'s z-score.

    z = (Σ_j w_ij x_j − W_i x̄) / (s √[(n S1_i − W_i²)/(n − 1)]), s² = Σx²/n − x̄², S1_i = Σ_j w_ij².
    """
    x, raw = case.x[0], case.raw
    n = len(x)
    z = x - x.mean()
    own = np.zeros(n)
    some = np.diff(raw.indptr) > 0
    own[some] = np.maximum.reduceat(raw.data, raw.indptr[:-1][some])
    total = row_sums(raw) + own
    scatter = n * (square_sums(raw) + own**2) - total**2
    scatter = np.where(scatter > 1e-9 * total**2, scatter, np.nan)  # everybody is a neighbour: no variance
    score = (raw @ z + own * z) / np.sqrt(np.mean(z * z) * scatter / (n - 1))
    share = raw @ x + own * x
    if case.settings.transform == "r":
        share = np.divide(share, total, out=np.zeros(n), where=total > 0)
    return share, score


def _quadrant_labels(found: NDArray[np.bool_], quadrant: NDArray[np.int64]) -> NDArray[np.int8]:
    """Name what was found; without a discovery, or on an axis, there is no name."""
    return _OF_QUADRANT[np.where(found, quadrant, 0)]


def _hot_or_cold(found: NDArray[np.bool_], high: NDArray[np.bool_], z: NDArray[np.float64]) -> NDArray[np.int8]:
    codes = np.full(len(found), CODE[Label.NOT_SIGNIFICANT], dtype=np.int8)
    codes[found & high & (z > 0)] = CODE[Label.HOT]
    codes[found & ~high & (z < 0)] = CODE[Label.COLD]
    return codes
