"""Masses learned by penalised Poisson regression on the sources' totals: fitted to aggregates, never to zone means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.disaggregation.learned import (
    FLOOR,
    PENALTIES,
    LearnedModel,
    Sums,
    checked_covariates,
    model_weights,
    poisson_deviance,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Steps of Fisher scoring; it converges quadratically, ten are many.
MAX_STEPS = 50
#: Decrease of the objective, as a share of Σy, below which it has converged: below it is rounding.
TOLERANCE = 1e-12

#: Weight of a model in the average below which it takes no part worth mentioning.
NEGLIGIBLE = 1e-3


def fit_poisson(
    covariates: NDArray[Any],
    source: NDArray[np.int64],
    y: NDArray[Any],
    *,
    base: NDArray[Any],
    names: Sequence[str] | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> LearnedModel:
    """Learn by which factor each covariate raises or lowers the counts per unit of base.

    Parameters
    ----------
    covariates : numpy.ndarray
        Properties of the atoms (shares, densities, logarithms), of any sign, NaN is 0, shape (K, p). Units are free.
    source : numpy.ndarray of int64
        Position of the source of each atom, shape (K,).
    y : numpy.ndarray
        Counts of the sources, shape (S,); NaN is missing. At least three.
    base : numpy.ndarray
        Mass m_k of the atoms, the offset of the model, shape (K,).
    names : sequence of str, optional
        Names of the covariates.
    penalties : sequence of float
        Strengths of the ridge to choose from. A single one is taken as it is.

    Returns
    -------
    LearnedModel

    Raises
    ------
    SpatialError
        Shapes do not fit, a value cannot be used, or there are fewer than three sources.

    Notes
    -----
    y_s ~ Poisson(μ_s) with μ_s = Σ_{k∈s} m_k exp(a + z_k'β), z standardised with weights m. What is minimised is

        Σ_s (μ_s − y_s log μ_s) + λ/2 · Σ_s y_s · ‖β‖²,

    by Fisher scoring with halved steps: with z̄_s = Σ_{k∈s} μ_k z_k / μ_s the score is Σ_s (y_s/μ_s − 1) μ_s z̄_s and the
    expected information Σ_s μ_s z̄_s z̄_s'. Sums of exponentials are no exponential of a sum: a regression on zone means
    would be biased wherever a zone is not homogeneous. The penalty leaves the level a free and is relative to Σy, so
    that thousands instead of persons change nothing; models over λ are averaged by the deviance of sources left out, as
    in :func:`.fit_nnls`. Give shares as logarithms (log of a share that was shrunk to the mean): with plain shares a
    group that is concentrated in few cells makes the exponential run away.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0], [1], [0], [1], [0], [1]])
    >>> source, base = np.array([0, 0, 1, 1, 2, 2]), np.array([10.0, 10, 20, 10, 10, 40])
    >>> model = fit_poisson(x, source, np.array([40.0, 50, 130]), base=base, penalties=[1e-12])
    >>> model.mass(base, x).round(4).tolist()
    [10.0, 30.0, 20.0, 30.0, 10.0, 120.0]
    """
    m, x = checked_covariates(base, covariates, signed=True)
    sums = Sums.of(m, source, y)
    p = x.shape[1]
    named = tuple(names) if names is not None else tuple(f"x{j}" for j in range(p))
    if len(named) != p:
        raise SpatialError(f"expected {p} names, found {len(named)}", where="covariates")
    grid = [float(penalty) for penalty in penalties]
    if not grid or min(grid) < 0:
        raise SpatialError(f"expected penalties of at least 0, found {grid}", where="penalties")

    number = np.cumsum(sums.kept) - 1
    used = sums.kept[source] & (m > 0)
    weight, rows = m[used], x[used]
    mean = weight @ rows / weight.sum()
    spread = np.sqrt(weight @ (rows - mean) ** 2 / weight.sum())
    constant = spread <= 1e-12 * np.maximum(np.abs(mean), np.finfo(float).tiny)
    spread[constant] = np.inf
    # Sorted atoms let every sum over a source be one pass; ties in the order of the atoms change rounding only.
    order = np.argsort(number[source[used]], kind="stable")
    problem = _Aggregated(((rows - mean) / spread)[order], weight[order], number[source[used]][order], sums.y)

    everyone = np.ones(len(sums.y), dtype=bool)
    folds = sums.folds()
    scores = np.zeros(len(grid))
    if len(grid) > 1:
        for fold in range(folds.max() + 1):
            train, beta = folds != fold, np.zeros(p + 1)
            for i in np.argsort(grid)[::-1]:
                beta, _, _ = problem.solve(train, grid[i], beta)
                floor = FLOOR * problem.null(train)
                scores[i] += poisson_deviance(sums.y[~train], np.maximum(problem.mu(beta), floor)[~train])
    share = model_weights(scores, len(sums.y)) if len(grid) > 1 else np.ones(1)
    average, steps, converged, beta = np.zeros(p + 1), 0, True, np.zeros(p + 1)
    for i in np.argsort(grid)[::-1]:
        beta, taken, fine = problem.solve(everyone, grid[i], beta)
        average += share[i] * beta
        # A model that takes no part need not converge: without a ridge a coefficient may have no finite optimum.
        steps, converged = steps + taken, converged and (fine or share[i] < NEGLIGIBLE)

    null = problem.null(everyone)
    null_held_out = sum(
        poisson_deviance(sums.y[folds == f], problem.null(folds != f)[folds == f]) for f in range(folds.max() + 1)
    )
    coefficients = average[1:] / spread
    # The level: an average of logarithms need not meet the total, the atoms must.
    level = np.log(sums.y.sum()) - np.log(np.sum(weight * np.exp(rows @ coefficients)))
    mu = np.bincount(number[source[used]], weight * np.exp(level + rows @ coefficients), len(sums.y))
    return LearnedModel(
        "log",
        named,
        float(np.exp(level)),
        coefficients,
        np.zeros(p),
        np.zeros(p),
        grid[int(np.argmin(scores))],
        poisson_deviance(sums.y, np.maximum(mu, FLOOR * null)),
        poisson_deviance(sums.y, null),
        float(scores.min()) if len(grid) > 1 else float("nan"),
        float(null_held_out),
        len(sums.y),
        converged,
        steps,
        pd.DataFrame(
            {"covariates": " + ".join(("base", *named)), "penalty": grid, "held_out": scores, "weight": share}
        ),
    )


class _Aggregated:
    """The aggregated Poisson model on sorted atoms."""

    def __init__(
        self,
        z: NDArray[np.float64],
        weight: NDArray[np.float64],
        number: NDArray[np.int64],
        y: NDArray[np.float64],
    ) -> None:
        self.z = np.column_stack([np.ones(len(z)), z])
        self.weight, self.y = weight, y
        self.bounds = np.searchsorted(number, np.arange(len(y) + 1))
        self.base = np.add.reduceat(weight, self.bounds[:-1])
        self._atom = np.arange(len(weight))

    def _sums(self, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum atoms × z over the sources: one sparse product."""
        from scipy import sparse

        matrix = sparse.csr_array((atoms, self._atom, self.bounds), shape=(len(self.y), len(atoms)))
        return np.asarray(matrix @ self.z, dtype=np.float64)

    def null(self, train: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what the base alone, scaled on some sources, expects of all."""
        rate = max(self.y[train].sum() / self.base[train].sum(), np.finfo(float).tiny)
        return np.asarray(self.base * rate, dtype=np.float64)

    def mu(self, beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected counts of all sources."""
        return np.asarray(np.add.reduceat(self.weight * np.exp(self.z @ beta), self.bounds[:-1]), dtype=np.float64)

    def solve(
        self, train: NDArray[np.bool_], penalty: float, beta: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], int, bool]:
        """Fisher scoring from a start; return coefficients (level first), steps and whether it converged."""
        y = self.y[train]
        ridge = penalty * y.sum() * np.ones(len(beta))
        ridge[0] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            beta = beta.copy()
            beta[0] += np.log(max(y.sum(), np.finfo(float).tiny)) - np.log(self.mu(beta)[train].sum())
            value = self._objective(self.mu(beta)[train], y, ridge, beta)
            slack = TOLERANCE * max(y.sum(), np.finfo(float).tiny)
            for step in range(1, MAX_STEPS + 1):
                atoms = self.weight * np.exp(self.z @ beta)
                first = self._sums(atoms)[train]
                mu = first[:, 0]
                score = first.T @ (y / mu - 1.0) - ridge * beta
                information = (first / mu[:, None]).T @ first + np.diag(ridge)
                move = np.linalg.lstsq(information, score, rcond=1e-12)[0]
                for _ in range(40):
                    candidate = beta + move
                    attempt = self._objective(self.mu(candidate)[train], y, ridge, candidate)
                    if np.isfinite(attempt) and attempt <= value + slack:
                        break
                    move = move / 2.0
                else:
                    return beta, step, False
                gain, beta, value = value - attempt, candidate, attempt
                if gain <= slack:
                    return beta, step, True
        return beta, MAX_STEPS, False

    @staticmethod
    def _objective(
        mu: NDArray[np.float64], y: NDArray[np.float64], ridge: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> float:
        if (mu <= 0).any():
            return float("inf")
        # Written with y − μ + y log(μ/y) so that a gain of 1e-12 is not lost beside Σ y log y.
        log = np.where(y > 0, y * np.log(mu / np.where(y > 0, y, 1.0)), 0.0)
        return float(np.sum(mu - y - log) + 0.5 * np.sum(ridge * beta**2))
