"""Local Moran's I and Gi* under exact conditional permutation, with states instead of invented p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.autocorrelation.graphs import canonical, components, neighbour_matrix, row_standardised, summary
from spatial.autocorrelation.permutation import conditional_counts, to_fixed_point
from spatial.autocorrelation.significance import (
    Correction,
    adjust,
    discoveries,
    pseudo_p,
    resolution_warning,
)
from spatial.results import Label, LocalResult, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: ``gi_star_label`` of a significant area.
HOT, COLD = "hot", "cold"

_QUADRANTS = {1: Label.HIGH_HIGH, 2: Label.LOW_HIGH, 3: Label.LOW_LOW, 4: Label.HIGH_LOW}

_TEXTS = ("label", "gi_star_label", "state", "support")

_WHERE = "local tests"


def local_tests(
    values: pd.Series,
    graph: Any,
    *,
    rng: np.random.Generator,
    permutations: int = 99_999,
    alpha: float = 0.05,
    correction: Correction = "fdr",
    context: pd.Series | None = None,
    suppressed: pd.Series | None = None,
    min_areas: int = 30,
    mid_p: bool = False,
    graph_name: str = "",
) -> LocalResult:
    """Test for every area whether its neighbours are higher or lower than chance allows.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Values observed at this level, indexed by ``area_id``, NaN where there is none. Values that were handed down
        from larger zones do not belong here: see :mod:`spatial.autocorrelation.support`.
    graph : libpysal.graph.Graph
        Neighbours of the same areas. Rows are standardised here, after areas without a value have been taken out.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows and the type of the ids.
    permutations : int, default 99 999
        Draws, shared by all areas (:mod:`spatial.autocorrelation.permutation`).
    alpha : float, default 0.05
        Level of the test, after correction.
    correction : {"fdr", "by", "none"}
        Benjamini-Hochberg, Benjamini-Yekutieli or none, over all tested areas.
    context : pandas.Series of bool, optional
        Areas outside the county: they count for n, mean, draws and correction, but get no label.
    suppressed : pandas.Series of bool, optional
        Areas whose value is withheld; it must be NaN already.
    min_areas : int, default 30
        With fewer testable areas nothing is tested; all get the state ``untestable``.
    mid_p : bool, default False
        Count ties by half.
    graph_name : str, optional
        What the graph is called in legends.

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
    - ``local_moran_z`` is analytic, under conditional permutation (Sokal, Oden & Thomson 1998): z_i is held, and the
      neighbour mean is that of a weighted sample without replacement from the n − 1 others, with mean −z_i / (n − 1)
      and variance S²(Σ_j w_ij² − 1/(n − 1)), S² the variance of the others;
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
    if not 0 < alpha < 1:
        raise SpatialError(f"expected a level alpha between 0 and 1, found {alpha!r}", where=_WHERE)
    if correction not in ("fdr", "by", "none"):
        raise SpatialError(f"expected correction fdr, by or none, found {correction!r}", where=_WHERE)
    if permutations < 1:
        raise SpatialError(f"expected at least 1 permutation, found {permutations}", where=_WHERE)
    if not values.index.is_unique:
        twice = values.index[values.index.duplicated()].unique()
        raise AreaKeyError(f"expected one value for each area, found more for {some(twice)}", where=_WHERE)
    order = canonical(values.index)
    ids = values.index[order]
    x = values.to_numpy(dtype=np.float64, na_value=np.nan)[order]
    withheld = _flags(suppressed, ids, "suppressed")
    outside = _flags(context, ids, "context")
    if np.isinf(x).any():
        raise SpatialError(f"expected finite values, found infinity in {some(ids[np.isinf(x)])}", where=_WHERE)
    if (leak := withheld & ~np.isnan(x)).any():
        raise SpatialError(
            f"expected no value where it is suppressed, found one in {some(ids[leak])}",
            where=_WHERE,
            hint="set suppressed values to NaN before anything is computed from them",
        )

    have = ~np.isnan(x)
    weights = neighbour_matrix(graph, ids)
    name = graph_name or summary(weights)
    degree = np.asarray((weights > 0).astype(np.int64) @ have.astype(np.int64))
    member = np.flatnonzero(have)
    weights = weights[member][:, member]
    connected = (np.diff(weights.indptr) > 0) | (np.bincount(weights.indices, minlength=len(member)) > 0)
    member, weights = member[connected], weights[connected][:, connected]
    testable = np.diff(weights.indptr) > 0

    state = np.full(len(ids), str(State.UNDEFINED), dtype=object)
    state[withheld] = State.SUPPRESSED
    state[have & (degree == 0)] = State.ISOLATED
    warnings: list[str] = []
    sites = member[testable]
    if not to_fixed_point(x[member]).any() if len(member) else True:
        if len(member):
            warnings.append("all values are equal: there is nothing to test")
        state[sites] = State.UNDEFINED
        sites = sites[:0]
    elif len(sites) < min_areas:
        warnings.append(
            f"{len(sites)} areas with a value and a neighbour are too few for local tests, at least {min_areas} are "
            "needed: show the values as they are, test at a smaller level where the figure is observed, or add the "
            "areas around the county as context"
        )
        state[sites] = State.UNTESTABLE
        sites = sites[:0]
    else:
        state[sites] = State.TESTED

    columns = _untested(ids, x, state, degree)
    parts = 0
    if len(sites):
        counts = conditional_counts(x[member], weights, permutations=permutations, rng=rng)
        upper, lower, p = (each[testable] for each in pseudo_p(counts, mid_p=mid_p))
        adjusted = adjust(p, correction)
        statistics = _statistics(x[member], weights, testable)
        moran, gi = _labels(
            discoveries(adjusted, alpha), upper < lower, statistics["quadrant"], statistics["gi_star_z"]
        )
        moran[outside[sites]] = str(Label.NO_LABEL)
        gi[outside[sites]] = str(Label.NO_LABEL)
        tested = {"p_upper": upper, "p_lower": lower, "p": p, "p_adjusted": adjusted, **statistics}
        for key, column in {**tested, "label": moran, "gi_star_label": gi}.items():
            columns[key][sites] = column
        parts = components(weights)
        if warning := resolution_warning(len(sites), permutations, alpha, correction):
            warnings.append(warning)
    table = pd.DataFrame(columns, index=ids).astype(dict.fromkeys(_TEXTS, "str"))
    return LocalResult(
        table=table.reindex(values.index).rename_axis(index="area_id"),
        permutations=permutations,
        alpha=alpha,
        correction=correction,
        n_effective=len(sites),
        components=parts,
        graph=name,
        warnings=tuple(warnings),
    )


def _flags(flags: pd.Series | None, ids: pd.Index, name: str) -> NDArray[np.bool_]:
    """Align flags with the areas; an area without a flag is an error, not False."""
    if flags is None:
        return np.zeros(len(ids), dtype=np.bool_)
    if not flags.index.is_unique or not ids.isin(flags.index).all() or flags.isna().any():
        raise AreaKeyError(
            f"expected one True or False for each area in {name}; without: "
            f"{some(ids.difference(flags.index)) or 'none'}",
            where=_WHERE,
        )
    return flags.reindex(ids).to_numpy(dtype=np.bool_)


def _untested(
    ids: pd.Index, x: NDArray[np.float64], state: NDArray[Any], degree: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Lay out the columns of the result, in order, with nothing tested."""
    n = len(ids)
    numbers = ("local_moran", "local_moran_z", "gi_star_z", "p_upper", "p_lower", "p", "p_adjusted")
    return {
        "value": x,
        **{name: np.full(n, np.nan) for name in numbers},
        "quadrant": np.zeros(n, dtype=np.int64),
        "label": np.full(n, str(Label.NO_LABEL), dtype=object),
        "gi_star_label": np.full(n, str(Label.NO_LABEL), dtype=object),
        "state": np.array([str(each) for each in state], dtype=object),
        "neighbours": degree,
        "support": np.array([str(each) for each in ids], dtype=object),
    }


def _statistics(x: NDArray[np.float64], weights: Any, testable: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Compute the statistics of all areas, and return those of the testable ones."""
    n = len(x)
    z = x - x.mean()
    squares = float(z @ z)
    lag = row_standardised(weights) @ z
    moran = (n - 1) * z * lag / squares

    # Conditional permutation: the lag is a weighted sample without replacement from the n − 1 others.
    spread = _square_sums(row_standardised(weights))
    others = n - 1
    mean = -z / others
    variance = (squares - z**2 - others * mean**2) / max(others - 1, 1) * (spread - 1.0 / others)
    tiny = 1e-12 * squares / n
    safe = np.where((variance > tiny) & (np.abs(z) > np.sqrt(tiny)), variance, np.nan)
    moran_z = np.sign(z) * (lag - mean) / np.sqrt(safe)

    # Gi*: the self-weight is that of the nearest neighbour, put in before anything is standardised.
    own = np.zeros(n)
    own[testable] = np.maximum.reduceat(weights.data, weights.indptr[:-1][testable])
    total = np.asarray(weights.sum(axis=1)).ravel() + own
    scatter = n * (_square_sums(weights) + own**2) - total**2
    scatter = np.where(scatter > 1e-9 * total**2, scatter, np.nan)  # everybody is a neighbour: no variance
    with np.errstate(invalid="ignore", divide="ignore"):
        gi = (weights @ z + own * z) / (np.sqrt(squares / n) * np.sqrt(scatter / (n - 1)))

    zero = 1e-12 * np.abs(z).max()
    quadrant = np.select(
        [
            (z > zero) & (lag > zero),
            (z < -zero) & (lag > zero),
            (z < -zero) & (lag < -zero),
            (z > zero) & (lag < -zero),
        ],
        [1, 2, 3, 4],
        default=0,
    )
    result = {"local_moran": moran, "local_moran_z": moran_z, "gi_star_z": gi, "quadrant": quadrant}
    return {name: column[testable] for name, column in result.items()}


def _square_sums(weights: Any) -> NDArray[np.float64]:
    """Return Σ_j w_ij² of each row."""
    return np.asarray(weights.multiply(weights).sum(axis=1), dtype=np.float64).ravel()


def _labels(
    found: NDArray[np.bool_],
    high: NDArray[np.bool_],
    quadrant: NDArray[np.int64],
    gi: NDArray[np.float64],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Name what was found; without a discovery, or without a sign, there is no name."""
    moran = np.full(len(found), str(Label.NOT_SIGNIFICANT), dtype=object)
    for number, label in _QUADRANTS.items():
        moran[found & (quadrant == number)] = str(label)
    star = np.full(len(found), str(Label.NOT_SIGNIFICANT), dtype=object)
    star[found & high & (gi > 0)] = HOT
    star[found & ~high & (gi < 0)] = COLD
    return moran, star
