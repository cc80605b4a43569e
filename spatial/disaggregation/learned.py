"""Masses learned from the sources' own totals: non-negative least squares on covariates, averaged over models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.disaggregation.checks import require_mass

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Strengths of the ridge toward the base, in units of the information that the sources have on a coefficient: from
#: "practically none" to "ten times as much as the data". A grid of decades, finer in the middle; fitted to nothing.
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)
#: Sources are left out one by one up to this number, beyond it in as many groups of like size.
MAX_FOLDS = 30
#: So many covariates, the best ones alone, are also tried in pairs: 190 pairs at most.
SHORTLIST = 20
#: Below this share of what the base alone expects, a prediction for a source left out counts as this share: the Poisson
#: deviance of an expectation of exactly 0 is infinite.
FLOOR = 1e-3
#: The complement of a covariate is 0 where its ratio to the base is above this quantile: a few cells with odd ratios
#: must not make all others alike.
COMPLEMENT_QUANTILE = 0.99
#: Fewer sources teach nothing: one is left out, and two coefficients need two.
MIN_SOURCES = 3


@dataclass(frozen=True, slots=True, eq=False)
class LearnedModel:
    """A fitted model of mass, frozen: applied to any atoms that have the same covariates.

    Attributes
    ----------
    link : {"identity", "log"}
        How covariates act, see :func:`fit_nnls` and :func:`.fit_poisson`.
    names : tuple of str
        Covariates, p of them.
    rate : float
        Counts per unit of base.
    coefficients : numpy.ndarray
        Shape (p,). Identity: counts per unit of the covariate, at least 0. Log: change of the logarithm per unit.
    complements : numpy.ndarray
        Identity only: counts per unit of the complement of each covariate, shape (p,); zeros for the log link.
    ratios : numpy.ndarray
        Ratio of each covariate to the base at which its complement becomes 0, shape (p,).
    penalty : float
        The strength of the ridge that predicts sources left out best.
    deviance, null_deviance : float
        Poisson deviance of the sources under this model and under the base alone.
    held_out, null_held_out : float
        The same for sources left out, of the best candidate and of the base alone.
    n_sources : int
        Sources with a value and mass.
    converged : bool
    iterations : int
        Steps of the solver in the final fits.
    candidates : pandas.DataFrame
        What was averaged: ``covariates``, ``penalty``, ``held_out`` and ``weight``.
    """

    link: Literal["identity", "log"]
    names: tuple[str, ...]
    rate: float
    coefficients: NDArray[np.float64]
    complements: NDArray[np.float64]
    ratios: NDArray[np.float64]
    penalty: float
    deviance: float
    null_deviance: float
    held_out: float
    null_held_out: float
    n_sources: int
    converged: bool
    iterations: int
    candidates: pd.DataFrame = field(repr=False)

    def mass(self, base: NDArray[Any], covariates: NDArray[Any]) -> NDArray[np.float64]:
        """Return the expected count of every atom.

        Parameters
        ----------
        base : numpy.ndarray
            Base mass, shape (K,).
        covariates : numpy.ndarray
            Shape (K, p), in the units of the fit.

        Returns
        -------
        numpy.ndarray
            At least 0, shape (K,). Sources are not restored to their totals here: that is what
            :meth:`.Atoms.weights` does with it.

        Raises
        ------
        SpatialError
            Shapes do not fit, or a value cannot be used.
        """
        m, x = checked_covariates(base, covariates, signed=self.link == "log")
        if x.shape[1] != len(self.names):
            raise SpatialError(
                f"expected the {len(self.names)} covariates of the fit ({', '.join(self.names)}), found {x.shape[1]}",
                where="covariates",
                hint="give the same columns in the same order",
            )
        if self.link == "log":
            # Where the base is 0 nobody is expected, however far the covariates are from those of the fit.
            exponent = np.where(m > 0, x @ self.coefficients, 0.0)
            return self.rate * m * np.exp(np.clip(exponent, -50.0, 50.0))
        return self.rate * m + x @ self.coefficients + complement(m, x, self.ratios) @ self.complements


def checked_covariates(
    base: NDArray[Any], covariates: NDArray[Any], *, signed: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check a base mass (K,) and covariates (K, p) and return them as float64, NaN as 0."""
    x = np.asarray(covariates, dtype=np.float64)
    m = np.asarray(base, dtype=np.float64)
    if x.ndim != 2 or m.shape != x.shape[:1]:
        raise SpatialError(
            f"expected a base of shape (K,) and covariates of shape (K, p), found {m.shape} and {x.shape}",
            where="covariates",
            hint="stack the covariates as columns, one row for each atom",
        )
    m = require_mass(m, lambda i: f"atom {i}", "base mass")
    x = np.where(np.isnan(x), 0.0, x)
    bad = ~np.isfinite(x) | ((x < 0) & (not signed))
    if bad.any():
        k, j = (int(i[0]) for i in np.nonzero(bad))
        raise SpatialError(
            f"expected {'finite' if signed else 'finite, non-negative'} covariates, found {x[k, j]:g} in column {j} of "
            f"atom {k}",
            where="covariates",
            hint="negative values are often signs for 'no value' (such as -1 or -9999): read them as missing",
        )
    return m, x


def complement(
    base: NDArray[np.float64], covariates: NDArray[np.float64], ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return base × max(0, 1 − (x / base) / ratio) for every covariate, shape (K, p): who is *not* in the group."""
    scale = np.where(ratios > 0, ratios, np.inf)
    return np.maximum(base[:, None] - covariates / scale, 0.0)


def _ratios(base: NDArray[np.float64], covariates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantile of covariate / base, weighted by the base: independent of the order and of the units. Shape (p,)."""
    populated = base > 0
    ratios = np.zeros(covariates.shape[1])
    for j, column in enumerate(covariates.T):
        ratio = column[populated] / base[populated]
        order = np.argsort(ratio, kind="stable")
        cumulated = np.cumsum(base[populated][order])
        ratios[j] = ratio[order][np.searchsorted(cumulated, COMPLEMENT_QUANTILE * cumulated[-1])]
    return ratios


@dataclass(frozen=True, slots=True)
class Sums:
    """Sources that can teach: their values and masses.

    Attributes
    ----------
    y : numpy.ndarray
        Values, shape (S',), of the sources that have one and mass.
    base : numpy.ndarray
        Base mass, shape (S',).
    kept : numpy.ndarray of bool
        Which of the S sources these are.
    """

    y: NDArray[np.float64]
    base: NDArray[np.float64]
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, base: NDArray[np.float64], source: NDArray[np.int64], y: NDArray[Any]) -> Sums:
        """Make them from atoms; refuse too few."""
        values = np.asarray(y, dtype=np.float64)
        s = np.asarray(source)
        if s.shape != base.shape or (len(s) and (s.min() < 0 or s.max() >= len(values))):
            raise SpatialError(
                f"expected a source of 0 to {len(values) - 1} for each of {len(base)} atoms, found shape {s.shape}",
                where="sources of the atoms",
                hint="leave out atoms that lie in no source",
            )
        if (values < 0).any() or np.isinf(values).any():
            raise SpatialError(
                f"expected finite counts of at least 0, found {values[(values < 0) | np.isinf(values)][0]:g}",
                where="values of the sources",
                hint="a value that is not known is missing (NaN)",
            )
        mass = np.bincount(s, base, len(values)).astype(np.float64)
        kept = ~np.isnan(values) & (mass > 0)
        if kept.sum() < MIN_SOURCES or not values[kept].any():
            raise SpatialError(
                f"expected at least {MIN_SOURCES} sources with a value and mass, not all of them 0, found "
                f"{int(kept.sum())}",
                where="values of the sources",
                hint="use weights that need no learning, such as area or a population grid",
            )
        return cls(values[kept], mass[kept], kept)

    def folds(self) -> NDArray[np.int64]:
        """Return the number of the group in which each source is left out; whatever the order of the sources."""
        number = np.empty(len(self.y), dtype=np.int64)
        number[np.lexsort((self.base, self.y))] = np.arange(len(self.y)) % min(len(self.y), MAX_FOLDS)
        return number


def poisson_deviance(y: NDArray[np.float64], mu: NDArray[np.float64]) -> float:
    """Return 2 Σ [y log(y/μ) − (y − μ)]; 0 log 0 is 0."""
    log = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mu), 0.0)
    return float(2.0 * np.sum(log - (y - mu)))


def model_weights(held_out: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return weights of models, exp(−n/2 · log D) normalised: a likelihood whose dispersion is unknown."""
    log = np.log(np.maximum(held_out, np.finfo(float).tiny))
    weight = np.exp(-n / 2 * (log - log.min()))
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def fit_nnls(
    covariates: NDArray[Any],
    source: NDArray[np.int64],
    y: NDArray[Any],
    *,
    base: NDArray[Any],
    names: Sequence[str] | None = None,
) -> LearnedModel:
    """Learn how many counts belong to a unit of each covariate, from the totals of the sources alone.

    Parameters
    ----------
    covariates : numpy.ndarray
        Masses of the atoms (foreigners, dwellings, children), at least 0, NaN is none, shape (K, p). Units are free.
    source : numpy.ndarray of int64
        Position of the source of each atom, shape (K,).
    y : numpy.ndarray
        Counts of the sources, shape (S,); NaN is missing. At least three.
    base : numpy.ndarray
        The mass that is right as long as the covariates say nothing: population, dwellings or area. Shape (K,).
    names : sequence of str, optional
        Names of the covariates.

    Returns
    -------
    LearnedModel

    Raises
    ------
    SpatialError
        Shapes do not fit, a value is negative or infinite, or there are fewer than three sources.

    Notes
    -----
    The mean is linear, μ_k = ρ m_k + Σ_j (b_j x_kj + c_j x̄_kj) with non-negative coefficients, where the *complement*
    x̄ = max(0, m − x/q) are those of the base that are not in x (q: the 99 % quantile of x/m). Without complements a
    group that avoids another one could not be told apart, as negative masses are none. Coefficients minimise

        Σ_s (y_s − μ_s)² / y_s + λ Σ_j h_j (b_j − b⁰_j)²,    h_j = Σ_s x_sj² / y_s,

    least squares with 1/√y scaling (Lawson & Hanson 1974 for the solver) and a ridge toward the base alone
    (b⁰: ρ = Σy/Σm, others 0). λ is the prior's information as a multiple of the data's.

    Sources are often fewer than 20, and no single model can be trusted. Two families get equal weight, as combined
    forecasts do (Bates & Granger 1969; equal weights are hard to beat): the small models, base with at most two further
    columns; and the full model over :data:`PENALTIES`. Inside a family models are weighted by the Poisson deviance D of
    sources left out, w ∝ D^(−S/2), as in Bayesian model averaging with unknown dispersion (Hoeting et al. 1999).
    Averages of linear models are one linear model, which is what is kept.

    Examples
    --------
    >>> import numpy as np
    >>> people = np.array([10.0, 10, 10, 10, 10, 10, 10, 10])
    >>> young = np.array([1.0, 3, 2, 8, 5, 0, 4, 9])
    >>> source = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> model = fit_nnls(young[:, None], source, np.array([8.0, 20, 10, 26]), base=people, names=["young"])
    >>> model.mass(people, young[:, None]).round(2).tolist()
    [2.0, 6.0, 4.0, 16.0, 10.0, 0.0, 8.0, 18.0]
    """
    m, x = checked_covariates(base, covariates, signed=False)
    sums = Sums.of(m, source, y)
    p = x.shape[1]
    named = tuple(names) if names is not None else tuple(f"x{j}" for j in range(p))
    if len(named) != p:
        raise SpatialError(f"expected {p} names, found {len(named)}", where="covariates")
    ratios = _ratios(m, x)
    columns = np.column_stack([m, x, complement(m, x, ratios)])
    n = len(sums.kept)
    totals = np.column_stack([np.bincount(source, c, n) for c in columns.T])[sums.kept].astype(np.float64)
    # A complement of what is nowhere is the base itself.
    useful = [0, *(j for j in range(1, 2 * p + 1) if totals[:, j].any() and ratios[(j - 1) % p] > 0)]
    problem = _Problem(totals, sums)

    singles = [(0,), *((0, j) for j in useful[1:])]
    scores = [problem.held_out(c, PENALTIES[0]) for c in singles]
    best = sorted(range(1, len(singles)), key=lambda i: (scores[i], i))[:SHORTLIST]
    pairs = [(0, *sorted((singles[a][1], singles[b][1]))) for a, b in combinations(best, 2)]
    small = [(c, PENALTIES[0]) for c in singles + pairs]
    small_scores = scores + [problem.held_out(c, PENALTIES[0]) for c in pairs]
    full = [(tuple(useful), penalty) for penalty in PENALTIES]
    full_scores = [problem.held_out(c, penalty) for c, penalty in full]

    held_out = np.array(small_scores + full_scores)
    weight = np.concatenate([model_weights(np.array(d), len(sums.y)) for d in (small_scores, full_scores)]) / 2
    mean = np.zeros(2 * p + 1)
    models = small + full
    for (chosen, penalty), w in zip(models, weight, strict=True):
        if w > 0:
            mean += w * problem.solve(np.ones(len(sums.y), dtype=bool), chosen, penalty)
    labels = ("base", *named, *(f"not {name}" for name in named))
    null = problem.expected(np.ones(len(sums.y), dtype=bool))
    return LearnedModel(
        "identity",
        named,
        float(mean[0]),
        mean[1 : p + 1],
        mean[p + 1 :],
        ratios,
        full[int(np.argmin(full_scores))][1],
        poisson_deviance(sums.y, np.maximum(totals @ mean, FLOOR * null)),
        poisson_deviance(sums.y, null),
        float(held_out.min()),
        scores[0],
        len(sums.y),
        True,
        len(models),
        pd.DataFrame(
            {
                "covariates": [" + ".join(labels[j] for j in chosen) for chosen, _ in models],
                "penalty": [penalty for _, penalty in models],
                "held_out": held_out,
                "weight": weight,
            }
        ),
    )


class _Problem:
    """Ridge NNLS on the sums of the sources, for any choice of columns and sources."""

    def __init__(self, totals: NDArray[np.float64], sums: Sums) -> None:
        self.totals, self.y, self.folds = totals, sums.y, sums.folds()
        # A count of 0 has no variance of its own; the one expected from the base stands in.
        self.variance = np.where(sums.y > 0, sums.y, self.expected(np.ones(len(sums.y), dtype=bool)))

    def expected(self, train: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what the base alone, scaled on some sources, expects of all."""
        rate = self.y[train].sum() / self.totals[train, 0].sum()
        return np.asarray(self.totals[:, 0] * max(rate, np.finfo(float).tiny), dtype=np.float64)

    def solve(self, train: NDArray[np.bool_], chosen: Sequence[int], penalty: float) -> NDArray[np.float64]:
        """Return coefficients of all columns, 0 for those not chosen."""
        from scipy.optimize import nnls

        cols = list(chosen)
        w = 1.0 / np.sqrt(self.variance[train])
        a = self.totals[train][:, cols] * w[:, None]
        size = np.sqrt((a**2).sum(axis=0))
        size[size == 0] = 1.0
        prior = np.zeros(len(cols))
        prior[0] = self.y[train].sum() / self.totals[train, 0].sum() * size[0]
        root = np.sqrt(penalty)
        solution, _ = nnls(
            np.vstack([a / size, root * np.eye(len(cols))]), np.concatenate([self.y[train] * w, root * prior])
        )
        result = np.zeros(self.totals.shape[1])
        result[cols] = solution / size
        return result

    def held_out(self, chosen: Sequence[int], penalty: float) -> float:
        """Return the Poisson deviance of sources that the fit did not see."""
        total = 0.0
        for fold in range(self.folds.max() + 1):
            train = self.folds != fold
            mu = np.maximum(self.totals @ self.solve(train, chosen, penalty), FLOOR * self.expected(train))
            total += poisson_deviance(self.y[~train], mu[~train])
        return total
