"""How sure a rank and a class are, and which choice moves them most."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.index.presets import MSS
from spatial.index.variants import Variants

_WHERE = "sensitivity of the index"


@dataclass(frozen=True, slots=True)
class SensitivityResult:
    """Ranks and classes over many variants of an index.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by ``area_id``: ``rank`` (of the index itself; 1 = most disadvantaged), ``rank_low``, ``rank_median``,
        ``rank_high`` (quantiles over the variants), ``status_class`` (of the index itself), ``class_probability`` (of
        that class), ``likeliest_class``, ``worst`` (share of the variants in which the area is in the worst class),
        ``probability_<class>``, ``scored`` (share of the variants in which the area has a score). Probabilities are
        among the variants that score the area; NaN or None where none does.
    variants : int
    level : float
        Of the rank interval.
    labels : tuple of str
        Classes from the least to the most disadvantage.
    factors : tuple of str
        What was varied.
    """

    table: pd.DataFrame
    variants: int
    level: float
    labels: tuple[str, ...]
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SobolResult:
    """Which source of uncertainty moves ranks most.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by (``output``, ``factor``): ``first`` (share of the variance that the factor explains alone),
        ``first_interval``, ``total`` (with all its interactions), ``total_interval`` (half widths, 95 %).
        ``output`` is ``"mean rank shift"`` or an ``area_id``, whose output is its rank. NaN for an area whose rank
        never changes.
    variants : int
    """

    table: pd.DataFrame
    variants: int


def sensitivity(
    variants: Variants,
    n: int = 10_000,
    *,
    rng: np.random.Generator,
    rule: Literal["sd", "quantile"] = "sd",
    at: Sequence[float] = MSS.cuts,
    labels: Sequence[str] = MSS.labels,
    level: float = 0.9,
    threads: int | None = None,
) -> SensitivityResult:
    """Repeat an index over draws of its values and over the choices that an analyst might have made.

    Each variant takes one draw of all values and one option of every choice, all independent and equally likely. The
    probabilities are therefore shares of variants: they are as good as the draws and as complete as the choices.

    Parameters
    ----------
    variants : Variants
        Draws and choices; draws of rates: :func:`spatial.autocorrelation.robustness.draw_rates`.
    n : int, default 10 000
        Number of variants.
    rng : numpy.random.Generator
        Same seed, same numbers, whatever the order of areas and indicators or the number of threads.
    rule : {"sd", "quantile"}
        Classes among the areas of each variant: cuts at mean + `at` × population standard deviation, or as many classes
        of equal numbers as there are labels.
    at : sequence of float
        Of rule ``sd``, one fewer than labels.
    labels : sequence of str
        From the least to the most disadvantage.
    level : float, default 0.9
        Of the rank intervals.
    threads : int, optional

    Returns
    -------
    SensitivityResult

    Raises
    ------
    SpatialError
        Parameters that do not fit, or a variant that scores fewer than two areas.

    Notes
    -----
    After Saisana, Saltelli and Tarantola (2005), *Journal of the Royal Statistical Society A* 168, 307–323.
    """
    names = tuple(labels)
    if n < 1 or not 0 < level < 1 or rule not in ("sd", "quantile") or not 2 <= len(names) == len(set(names)):
        raise SpatialError(
            f"expected variants, a level between 0 and 1, rule sd or quantile and at least two labels, each once, "
            f"found {n}, {level}, {rule!r}, {names}",
            where=_WHERE,
        )
    if rule == "sd" and (len(at) != len(names) - 1 or not (np.diff(at) > 0).all()):
        raise SpatialError(f"expected {len(names) - 1} ascending cuts, found {tuple(at)}", where=_WHERE)
    factors = variants.factors()
    scores = variants.scores(rng.random((n, sum(factors.values()))), threads=threads)
    itself = variants.index_itself()[None, :]
    for what, found in (("of the index itself", itself), ("of every variant", scores)):
        least = int((~np.isnan(found)).sum(axis=1).min())
        if least < 2:
            raise SpatialError(
                f"expected at least two areas with a score {what}, found {least}",
                where=_WHERE,
                hint="leave out the indicator that is missing most often, or allow a partial index with min_shares",
            )
    rank = _ranks(scores, threads)
    areas = len(variants.areas)
    counts = _counts(rank, areas)
    scored = counts.sum(axis=1)
    some_score = scored > 0
    share = np.divide(np.cumsum(counts, axis=1), scored[:, None], where=some_score[:, None], out=np.zeros(counts.shape))
    table = pd.DataFrame(index=variants.areas.rename("area_id"))
    table["rank"] = _whole(ranks(itself)[0]).array
    for column, q in (("rank_low", (1 - level) / 2), ("rank_median", 0.5), ("rank_high", (1 + level) / 2)):
        # The smallest rank that at least the share q of the variants does not exceed (inverted CDF).
        table[column] = _whole(np.where(some_score, (share < q - 1e-12).sum(axis=1) + 1.0, np.nan)).array
    member = classes_of(scores, rule, at, len(names))
    total = np.array([(member == k).sum(axis=0) for k in range(len(names))]).T
    probability = np.divide(total, scored[:, None], out=np.full(total.shape, np.nan), where=some_score[:, None])
    own = classes_of(itself, rule, at, len(names))[0]
    named = np.array([*names, None], dtype=object)  # an object column keeps None apart from any string
    table["status_class"] = pd.Series(named[own], table.index, dtype=object)
    table["class_probability"] = np.where(own >= 0, probability[np.arange(areas), own], np.nan)
    likeliest = np.where(some_score, total.argmax(axis=1), -1)
    table["likeliest_class"] = pd.Series(named[likeliest], table.index, dtype=object)
    table["worst"] = probability[:, -1]
    for k, name in enumerate(names):
        table[f"probability_{name}"] = probability[:, k]
    table["scored"] = scored / n
    return SensitivityResult(table, n, level, names, tuple(factors))


def sobol_indices(
    variants: Variants,
    n: int = 512,
    *,
    rng: np.random.Generator,
    areas: Sequence[str] = (),
    threads: int | None = None,
) -> SobolResult:
    """Estimate first-order and total Sobol indices of the ranks.

    Parameters
    ----------
    variants : Variants
        With at least two factors that vary; all weights together are one of them.
    n : int, default 512
        Base sample, a power of two; n × (factors + 2) variants are computed.
    rng : numpy.random.Generator
    areas : sequence of str, optional
        Areas whose own rank is analysed beside the mean rank shift of all: mean |rank − rank of the index itself|.
    threads : int, optional

    Returns
    -------
    SobolResult

    Raises
    ------
    SpatialError
        SALib is not installed, `n` is no power of two, fewer than two factors vary, or ranks are missing in a variant.
    AreaKeyError
        Unknown areas.

    Notes
    -----
    Sampling and estimators (Saltelli et al. 2010, *Computer Physics Communications* 181, 259–270) are SALib's:
    ``pip install sozialmonitor[sensitivity]``. The mean rank shift is that of Saisana, Saltelli and Tarantola (2005).
    """
    try:
        from SALib.analyze import sobol as estimate
        from SALib.sample import sobol as sample
    except ImportError as error:
        raise SpatialError(
            "Sobol indices need SALib, which is not installed",
            where=_WHERE,
            hint="pip install 'sozialmonitor[sensitivity]'",
        ) from error
    factors = variants.factors()
    if n < 2 or n & (n - 1):
        raise SpatialError(f"expected a power of two, found {n}", where=_WHERE)
    if len(factors) < 2:
        raise SpatialError(
            f"expected at least two sources of uncertainty, found {some(factors) or 'none'}",
            where=_WHERE,
            hint="give draws of the values, a spread of the weights, or several options of a choice",
        )
    if unknown := [str(area) for area in areas if area not in variants.areas]:
        raise AreaKeyError(f"areas that do not exist: {some(unknown)}", where=_WHERE)
    numbers = [(name, k) for name, count in factors.items() for k in range(count)]
    problem = {
        "num_vars": len(numbers),
        "names": [f"{name}{k}" for name, k in numbers],
        "groups": [name for name, _ in numbers],
        "bounds": [[0.0, 1.0]] * len(numbers),
    }
    seed, again = (int(s) for s in rng.integers(1, 2**31, size=2))
    unit = sample.sample(problem, n, calc_second_order=False, seed=seed)
    rank = _ranks(variants.scores(unit, threads=threads), threads)
    wanted = variants.areas.get_indexer(pd.Index(areas))
    shift = np.abs(rank - ranks(variants.index_itself()[None, :]))
    known = ~np.isnan(shift)
    count = known.sum(axis=1)
    mean = np.divide(shift.sum(axis=1, where=known), count, out=np.full(len(unit), np.nan), where=count > 0)
    outputs = {"mean rank shift": mean}
    outputs.update({str(area): rank[:, k] for area, k in zip(areas, wanted, strict=True)})
    rows: dict[tuple[str, str], tuple[float, ...]] = {}
    for output, y in outputs.items():
        if np.isnan(y).any():
            raise SpatialError(
                f"expected a rank in every variant, found variants without one for {output}",
                where=_WHERE,
                hint="leave this area out, or allow a partial index in all missing-value rules",
            )
        if np.ptp(y) == 0:
            rows.update({(output, name): (np.nan,) * 4 for name in factors})
            continue
        found = estimate.analyze(problem, y, calc_second_order=False, seed=again)
        for k, name in enumerate(factors):
            rows[output, name] = tuple(float(found[key][k]) for key in ("S1", "S1_conf", "ST", "ST_conf"))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["first", "first_interval", "total", "total_interval"])
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["output", "factor"])
    return SobolResult(table, len(unit))


def ranks(scores: np.ndarray) -> np.ndarray:
    """Rank the areas of each variant, 1 the highest score; equal scores share the smallest of their ranks.

    Parameters
    ----------
    scores : numpy.ndarray, shape (V, n)

    Returns
    -------
    numpy.ndarray of float, shape (V, n)
        NaN without a score.
    """
    negative = -scores
    order = np.argsort(negative, axis=1)  # NaN comes last
    ordered = np.take_along_axis(negative, order, axis=1)
    result = np.empty(scores.shape)
    np.put_along_axis(result, order, np.broadcast_to(np.arange(1.0, scores.shape[1] + 1), scores.shape), axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if tied.any():
        result[tied] = rankdata(negative[tied], method="min", axis=1, nan_policy="omit")
    return np.where(np.isnan(scores), np.nan, result)


def _ranks(scores: np.ndarray, threads: int | None) -> np.ndarray:
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return np.concatenate(list(pool.map(ranks, np.array_split(scores, max(1, len(scores) // 500)))))


def classes_of(scores: np.ndarray, rule: str, at: Sequence[float], classes: int) -> np.ndarray:
    """Class every area of every variant, 0 the lowest scores, −1 without a score, shape (V, n).

    A score that equals a cut belongs to the class below.
    """
    missing = np.isnan(scores)
    holes = bool(missing.any())
    if rule == "sd":
        known = ~missing if holes else np.True_
        mean = scores.mean(axis=1, keepdims=True, where=known)
        sd = scores.std(axis=1, keepdims=True, where=known)
        cuts = mean + sd * np.asarray(at, dtype=np.float64)
    else:
        shares = np.arange(1, classes) / classes
        cuts = (np.nanquantile if holes else np.quantile)(scores, shares, axis=1).T
    member = np.zeros(scores.shape, dtype=np.int8)
    for k in range(classes - 1):
        member += scores > cuts[:, [k]]
    member[missing] = -1
    return member


def _counts(rank: np.ndarray, areas: int) -> np.ndarray:
    """Count how often each area has each rank, areas × ranks."""
    known = ~np.isnan(rank)
    place = np.broadcast_to(np.arange(areas) * areas, rank.shape)[known] + rank[known].astype(np.intp) - 1
    return np.bincount(place, minlength=areas * areas).reshape(areas, areas)


def _whole(values: np.ndarray) -> pd.Series:
    return pd.Series(values).astype("Int64")
