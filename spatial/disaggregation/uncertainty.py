"""How far handed-down counts may be off: intervals per target, and draws that keep every source's total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disaggregation.concentration import Alpha, Parts
from spatial.disaggregation.totals import require_totals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.transfer import AllocationWeights

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

#: With fewer sources there are too few totals behind an interval to call it more than indicative.
INDICATIVE = 30
#: Up to this expected count the distribution is summed number by number; above, a matched beta is as good.
EXACT_MEAN = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Handed-down counts with what is known about their error.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by target id: ``value`` (x = W y), ``lower``, ``upper`` and ``sd``; missing where ``value`` is.
    level : float
        Probability that an interval is meant to have, such as .9.
    alpha : Alpha
    indicative : bool
        They rest on fewer than 30 sources.
    """

    table: pd.DataFrame
    level: float
    alpha: Alpha
    indicative: bool


def known_parts(
    weights: AllocationWeights, attributes: pd.DataFrame, *, parent: pd.Series | None = None
) -> tuple[Parts, Floats]:
    """Cut attributes whose counts at the targets are known into the parts that the sources share.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S).
    attributes : pandas.DataFrame
        Counts by target id, one column per attribute; cells without a value are 0.
    parent : pandas.Series, optional
        A coarser zone of every source, where α is fitted for the sources as well; default: one for all.

    Returns
    -------
    parts : Parts
        One part per stored share of W, by target, then source.
    counts : numpy.ndarray
        Shape (K, J). A target in several sources is cut in proportion to the mass it has in them.

    Raises
    ------
    AreaKeyError
        A target or a source has no row.
    SpatialError
        Targets overlap.
    """
    absent = weights.target_ids.difference(attributes.index)
    if len(absent):
        raise AreaKeyError(
            f"expected a row for every target, found none for {some(absent)}",
            where="attributes with known parts",
            hint="sum the attribute to the targets; a target without cases has the count 0",
        )
    require_totals(weights, "parts that make up the sources")
    target, source, share = _pieces(weights)
    details = weights.details
    whole = details["mass"].to_numpy(dtype=np.float64) if "mass" in details else np.ones(len(weights.source_ids))
    mass = share * np.nan_to_num(whole)[source]
    across = np.bincount(target, mass, len(weights.target_ids))[target]
    count = np.bincount(target, minlength=len(weights.target_ids))[target]
    portion = np.where(across > 0, mass / np.where(across > 0, across, 1.0), 1.0 / count)
    known = attributes.reindex(weights.target_ids).fillna(0.0).to_numpy(dtype=np.float64)
    codes = None
    if parent is not None:
        named = parent.reindex(weights.source_ids)
        if named.isna().any():
            raise AreaKeyError(
                f"expected a parent for every source, found none for {some(named.index[named.isna()])}",
                where="parents of the sources",
                hint="leave them out altogether where no coarser zones are known",
            )
        codes = np.unique(named.to_numpy().astype(str), return_inverse=True)[1].astype(np.int64)
    if codes is None:
        codes = np.zeros(len(weights.source_ids), dtype=np.int64)
    return Parts.of(source, mass, parent=codes, lower=target), known[target] * portion[:, None]


def intervals(
    weights: AllocationWeights,
    values: pd.Series,
    alpha: Alpha,
    *,
    level: float = 0.9,
    standard_errors: pd.Series | None = None,
) -> Intervals:
    """Return an interval for every target, by quantiles of the Beta-binomial distribution.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S).
    values : pandas.Series
        Counts of the sources, at least 0; NaN is missing.
    alpha : Alpha
        Concentration at the targets, averaged over if it is uncertain.
    level : float
        Probability of an interval, between 0 and 1.
    standard_errors : pandas.Series
        Sampling errors of the counts, where they come from a sample.

    Returns
    -------
    Intervals

    Raises
    ------
    SpatialError
        A count or standard error is negative, or ``level`` is no probability.

    Notes
    -----
    In one source a part is Beta-binomial, BB(N, αp, α(1 − p)), Var = N p (1 − p)(N + α)/(1 + α). A target in several
    sources, and one with a sampling error, takes the distribution with their summed mean and variance. Expected counts
    up to 60 of a single source are summed exactly; above, a beta with the same two moments stands in. Two moments are
    too few for a target in several sources of which one gives it nearly always nothing (αp far below 1): there a 90 %
    interval may cover as little as 81 %, and :func:`draws` are exact.
    """
    if not 0 < level < 1:
        raise SpatialError(f"expected a level between 0 and 1, found {level}", where="intervals", hint="take 0.9")
    value = weights.apply(values)
    y = _counts(weights, values)
    error = np.zeros(len(y)) if standard_errors is None else np.nan_to_num(weights.align(standard_errors))
    if (error < 0).any():
        raise SpatialError("expected standard errors of at least 0, found negative ones", where="standard errors")
    target, source, p = _pieces(weights)
    n_targets = len(weights.target_ids)
    mean = np.bincount(target, p * y[source], n_targets).astype(np.float64)
    reach = np.where(p > 0, y[source] + 4 * error[source], 0.0)
    top = np.bincount(target, reach, n_targets).astype(np.float64)
    sampling = np.bincount(target, (p * error[source]) ** 2, n_targets)
    alphas, probability = alpha.nodes()
    between = np.array([np.bincount(target, _variance(p, y[source], a), n_targets) for a in alphas])
    variance = (between + sampling).astype(np.float64)
    counted = value.notna().to_numpy() & (mean > 0) & (mean < top)
    fed = np.bincount(target[(p > 0) & (y[source] > 0)], minlength=n_targets)
    exact = counted & (fed == 1) & (sampling == 0) & (mean <= EXACT_MEAN)
    smooth = counted & ~exact
    bounds = np.tile(mean, (2, 1))
    tails = ((1 - level) / 2, (1 + level) / 2)
    for row, q in zip(bounds, tails, strict=True):
        row[smooth] = _beta_quantile(q, mean[smooth], variance[:, smooth], top[smooth], probability)
        for t in np.flatnonzero(exact):
            row[t] = _exact_quantile(q, round(top[t]), mean[t] / top[t], alphas, probability)
    missing = value.isna().to_numpy()
    table = pd.DataFrame(
        {"value": value, "lower": bounds[0], "upper": bounds[1], "sd": np.sqrt(probability @ variance)},
        index=weights.target_ids,
    )
    table.loc[missing, ["lower", "upper", "sd"]] = np.nan
    known = int(np.isfinite(weights.align(values)).sum())
    return Intervals(table, level, alpha, known < INDICATIVE)


def draws(
    weights: AllocationWeights,
    values: pd.Series,
    alpha: Alpha | Sequence[Alpha],
    rng: np.random.Generator,
    *,
    n: int = 1000,
    levels: Sequence[pd.Series] = (),
    standard_errors: pd.Series | None = None,
) -> pd.DataFrame:
    """Draw possible counts of the targets; in every draw each source's total is kept.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S).
    values : pandas.Series
        Counts of the sources; they are drawn as whole numbers, the fraction of a count is put back afterwards.
    alpha : Alpha or sequence of Alpha
        One per step: from the sources to the first of ``levels``, between levels, and from the last one to the targets.
    rng : numpy.random.Generator
    n : int
        Number of draws.
    levels : sequence of pandas.Series
        Zones between sources and targets, from coarse to fine, by target id, each inside one zone of the one before.
        Draws for small areas alone are too narrow when they are summed upward; nested draws are right at every level.
    standard_errors : pandas.Series, optional
        Sampling errors of the counts: the totals themselves are then drawn, normal, not below 0.

    Returns
    -------
    pandas.DataFrame
        Indexed by target id, shape (T, n); NaN where a target has part in a missing source.

    Raises
    ------
    AreaKeyError
        A level does not name every target.
    SpatialError
        There is not one α per step, a count is negative, or targets overlap.
    """
    require_totals(weights, "draws that add up")
    steps = [alpha] if isinstance(alpha, Alpha) else list(alpha)
    if len(steps) != len(levels) + 1:
        raise SpatialError(
            f"expected one alpha for each of {len(levels) + 1} steps, found {len(steps)}",
            where="draws",
            hint="give the levels from coarse to fine and one alpha before, between and after them",
        )
    y = _counts(weights, values)
    error = np.zeros(len(y)) if standard_errors is None else np.nan_to_num(weights.align(standard_errors))
    target, source, p = _pieces(weights)
    source_names, target_names = weights.source_ids.astype(str), weights.target_ids.astype(str)
    order = np.lexsort((np.asarray(target_names)[target], np.asarray(source_names)[source]))
    target, source, p = target[order], source[order], p[order]
    zones = []
    for level in levels:
        named = level.reindex(weights.target_ids)
        if named.isna().any():
            raise AreaKeyError(
                f"expected a zone for every target, found none for {some(named.index[named.isna()])}",
                where="levels of nested draws",
            )
        zones.append(named.to_numpy().astype(str)[target])
    # One value of each alpha per draw: what is uncertain about it is common to all areas.
    spread = [np.exp(a.log_mean + a.log_sd * rng.standard_normal(n)) for a in steps]
    result = np.zeros((len(weights.target_ids), n))
    for s in sorted(range(len(y)), key=lambda i: source_names[i]):
        mine = np.flatnonzero((source == s) & (p > 0))
        noise = rng.standard_normal(n) if error[s] > 0 else np.zeros(n)
        total = np.maximum(y[s] + error[s] * noise, 0.0)
        if not len(mine) or not total.any():
            continue
        inside = p[mine].sum()
        share, paths = p[mine], [zone[mine] for zone in zones]
        whole = np.rint(total).astype(np.int64)
        if inside < 1 - 1e-9:  # what goes outside is a part like any other
            share, paths = np.append(share, 1 - inside), [np.append(path, "\0outside") for path in paths]
        counts = _nested(whole, share, paths, spread, rng)[: len(mine)]
        # A count that is no whole number keeps its total; below one half it is shared as expected.
        scale = np.divide(total, whole, out=np.zeros(n), where=whole > 0)
        parts = np.where(whole > 0, counts * scale, p[mine][:, None] * total)
        np.add.at(result, target[mine], parts)
    result[weights.apply(values).isna().to_numpy()] = np.nan
    return pd.DataFrame(result, index=weights.target_ids)


def _nested(
    total: Codes, share: Floats, paths: list[NDArray[np.str_]], alphas: list[Floats], rng: np.random.Generator
) -> Codes:
    """Divide totals, shape (n,), among parts step by step: shape (K, n)."""
    if not paths:
        return _dirichlet_multinomial(total, share, alphas[0], rng)
    names, codes = np.unique(paths[0], return_inverse=True)
    sums = np.bincount(codes, share).astype(np.float64)
    middle = _dirichlet_multinomial(total, sums, alphas[0], rng)
    result = np.zeros((len(share), len(total)), dtype=np.int64)
    for zone in range(len(names)):
        mine = np.flatnonzero(codes == zone)
        inner = share[mine] / share[mine].sum()
        result[mine] = _nested(middle[zone], inner, [path[mine] for path in paths[1:]], alphas[1:], rng)
    return result


def _dirichlet_multinomial(total: Codes, share: Floats, alpha: Floats, rng: np.random.Generator) -> Codes:
    """Draw counts of the parts, shape (K, n), for totals and concentrations of shape (n,)."""
    if len(share) == 1:
        return total[None, :].copy()
    gamma = rng.standard_gamma(alpha[:, None] * share[None, :])
    gamma[gamma.sum(axis=1) == 0] = share  # underflow of every part at once, possible only for the tiniest alpha
    p = gamma / gamma.sum(axis=1, keepdims=True)
    return np.asarray(rng.multinomial(total, p).T, dtype=np.int64)


def _pieces(weights: AllocationWeights) -> tuple[Codes, Codes, Floats]:
    """Return target, source and share of every stored entry of W, by target, then source."""
    entries = weights.matrix.tocoo()
    order = np.lexsort((entries.col, entries.row))
    return entries.row[order].astype(np.int64), entries.col[order].astype(np.int64), entries.data[order]


def _counts(weights: AllocationWeights, values: pd.Series) -> Floats:
    y = weights.align(values)
    if (y < 0).any():
        raise SpatialError(
            f"expected counts of at least 0, found negative ones for {some(weights.source_ids[y < 0])}",
            where=str(values.name or "values"),
            hint="intervals are for counts; hand down the parts of a balance one by one",
        )
    return np.nan_to_num(y)


def _variance(p: Floats, n: Floats, alpha: float) -> Floats:
    return np.asarray(n * p * np.maximum(1 - p, 0.0) * (n + alpha) / (1 + alpha))


def _beta_quantile(q: float, mean: Floats, variance: Floats, top: Floats, probability: Floats) -> Floats:
    """Quantiles of mixtures of betas on [0, top], shape (T,), for variances of shape (nodes, T), with continuity."""
    from scipy.special import betainc

    p = mean / top
    size = np.maximum(p * (1 - p) * top**2 / np.maximum(variance, 1e-12) - 1, 1e-6)
    low, high = np.zeros(len(p)), np.ones(len(p))
    for _ in range(45):
        middle = (low + high) / 2
        below = probability @ betainc(size * p, size * (1 - p), np.minimum(middle + 0.5 / top, 1.0))
        low, high = np.where(below < q, middle, low), np.where(below < q, high, middle)
    return high * top


def _exact_quantile(q: float, n: int, p: float, alphas: Floats, probability: Floats) -> float:
    """Return the smallest count with a mixed Beta-binomial distribution function of at least q."""
    from scipy.special import betaln, gammaln

    limit = min(n, 256)
    while True:
        k = np.arange(limit + 1)[:, None]
        a, b = alphas[None, :] * p, alphas[None, :] * (1 - p)
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        cumulative = np.cumsum(np.exp(choose + betaln(k + a, n - k + b) - betaln(a, b)) @ probability)
        if cumulative[-1] >= q or limit == n:
            return float(min(int(np.searchsorted(cumulative, q - 1e-12)), n))
        limit = min(n, limit * 4)
