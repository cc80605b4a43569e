"""Learned masses against brute force on the plain likelihood, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear, minimize

from geodata.errors import SpatialError
from spatial.disaggregation.learned import PENALTIES, LearnedModel, _Problem, fit_nnls, poisson_deviance
from spatial.disaggregation.learned import Sums as SourceSums
from spatial.disaggregation.poisson import fit_poisson
from spatial.disaggregation.refined import refine_mass


def invented(
    seed: int, atoms: int = 240, sources: int = 14
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Covariates, base, sources and counts of a region in which the covariates matter."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(2.0, 30.0, atoms) * (rng.random(atoms) > 0.1)
    share = np.clip(rng.beta(1, 4, (atoms, 3)) + 0.2 * rng.random(sources)[np.arange(atoms) % sources, None], 0, 1)
    source = (np.arange(atoms) % sources).astype(np.int64)
    mean = base * (0.3 + 0.6 * share[:, 0])
    y = rng.poisson(np.bincount(source, mean, sources)).astype(float)
    return share * base[:, None], base, source, y


# --- Non-negative least squares ---------------------------------------------------------------------------------------


def test_ridge_nnls_equals_a_bounded_solver() -> None:
    x, base, source, y = invented(1)
    sums = SourceSums.of(base, source, y)
    totals = np.column_stack([np.bincount(source, c, len(y)) for c in np.column_stack([base, x]).T])
    problem, everyone = _Problem(totals, sums), np.ones(len(y), dtype=bool)
    for penalty in (1e-5, 1e-2, 1.0):
        got = problem.solve(everyone, (0, 1, 2, 3), penalty)
        h = (totals**2 / y[:, None]).sum(axis=0)
        prior = np.array([y.sum() / totals[:, 0].sum(), 0, 0, 0])
        # The objective of the documentation, written out once more and given to another solver.
        a = np.vstack([totals / np.sqrt(y)[:, None], np.diag(np.sqrt(penalty * h))])
        b = np.concatenate([np.sqrt(y), np.sqrt(penalty * h) * prior])
        expected = lsq_linear(a, b, bounds=(0, np.inf), method="bvls", tol=1e-14).x
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


def test_nnls_finds_what_is_there() -> None:
    x, base, source, _ = invented(2)
    for truth in (base * 0.2 + 0.7 * x[:, 0], 0.9 * base - 0.8 * x[:, 0]):
        y = np.bincount(source, np.maximum(truth, 0), 14)
        model = fit_nnls(x, source, y, base=base)
        got = model.mass(base, x)
        assert np.abs(got - np.maximum(truth, 0)).sum() < 0.02 * truth.sum(), "also where a group avoids another"
        assert model.held_out < 0.01 * model.null_held_out
        assert model.deviance < 0.01 * model.null_deviance


def test_nnls_stays_with_the_base_where_covariates_are_noise() -> None:
    rng = np.random.default_rng(3)
    base, source = rng.gamma(2.0, 30.0, 300), np.arange(300) % 12
    noise = rng.random((300, 8)) * base[:, None]
    y = rng.poisson(0.5 * np.bincount(source, base, 12)).astype(float)
    got = fit_nnls(noise, source, y, base=base).mass(base, noise)
    sums = SourceSums.of(base, source, y)
    columns = np.column_stack([base, noise])
    totals = np.column_stack([np.bincount(source, c, 12) for c in columns.T])
    plain = columns @ _Problem(totals, sums).solve(np.ones(12, dtype=bool), range(9), 0.0)
    # Without shrinking, noise moves a good part of the mass.
    assert np.abs(plain - 0.5 * base).sum() > 3 * np.abs(got - 0.5 * base).sum()


def fits(x: NDArray[np.float64], base: NDArray[np.float64], source: NDArray[np.int64], y: NDArray[np.float64]) -> list:
    shares = np.divide(x, base[:, None], out=np.zeros_like(x), where=base[:, None] > 0)
    return [
        (fit_nnls(x, source, y, base=base), x),
        (fit_poisson(shares, source, y, base=base, penalties=(1e-3, 1e-1)), shares),
    ]


def test_order_of_atoms_and_sources_changes_nothing() -> None:
    x, base, source, y = invented(4, sources=40, atoms=800)
    rng = np.random.default_rng(0)
    atom, place = rng.permutation(len(base)), rng.permutation(len(y))
    for (one, a), (two, b) in zip(
        fits(x, base, source, y),
        fits(x[atom], base[atom], np.argsort(place)[source[atom]], y[place]),
        strict=True,
    ):
        np.testing.assert_allclose(two.mass(base[atom], b), one.mass(base, a)[atom], rtol=1e-6)
        assert two.penalty == one.penalty


def test_units_change_nothing() -> None:
    x, base, source, y = invented(5)
    units = np.array([1e-3, 7.0, 1e4])
    for scale_y, scale_base in ((1000.0, 1.0), (1e-3, 1e4)):
        one = fit_nnls(x, source, y, base=base).mass(base, x)
        two = fit_nnls(x * units, source, y * scale_y, base=base * scale_base).mass(base * scale_base, x * units)
        np.testing.assert_allclose(two, one * scale_y, rtol=1e-6)
        shares = np.divide(x, base[:, None], out=np.zeros_like(x), where=base[:, None] > 0)
        one = fit_poisson(shares, source, y, base=base, penalties=(1e-3, 1e-1)).mass(base, shares)
        fit = fit_poisson(shares * units, source, y * scale_y, base=base * scale_base, penalties=(1e-3, 1e-1))
        np.testing.assert_allclose(fit.mass(base * scale_base, shares * units), one * scale_y, rtol=1e-6)


def test_missing_and_empty_sources_take_no_part() -> None:
    x, base, source, y = invented(6)
    y[3] = np.nan
    base[source == 5], x[source == 5] = 0.0, 0.0
    known = ~np.isin(source, (3, 5))
    for (model, a), (fewer, b) in zip(
        fits(x, base, source, y), fits(x[known], base[known], source[known], y), strict=True
    ):
        assert model.n_sources == fewer.n_sources == 12
        # Their atoms still say how covariate and base are related, which sets the complements of the linear model.
        rtol = 0.01 if model.link == "identity" else 1e-6
        np.testing.assert_allclose(model.mass(base, a)[known], fewer.mass(base[known], b), rtol=rtol)


def test_a_source_of_zero_counts() -> None:
    x, base, source, y = invented(7)
    y[0] = 0.0
    for model, a in fits(x, base, source, y):
        mass = model.mass(base, a)
        assert np.isfinite(mass).all()
        assert (mass >= 0).all()
        assert np.isfinite(model.held_out)


@pytest.mark.parametrize("fit", [fit_nnls, fit_poisson])
def test_what_cannot_teach_is_refused(fit) -> None:  # type: ignore[no-untyped-def]
    x, base, source, y = invented(8)
    with pytest.raises(SpatialError, match="at least 3 sources"):
        fit(x, source, np.where(np.arange(14) < 2, y, np.nan), base=base)
    with pytest.raises(SpatialError, match="not all of them 0"):
        fit(x, source, y * 0, base=base)
    with pytest.raises(SpatialError, match="counts of at least 0"):
        fit(x, source, np.where(np.arange(14) < 2, y, -9999.0), base=base)
    with pytest.raises(SpatialError, match="shape"):
        fit(x[:-1], source, y, base=base)
    with pytest.raises(SpatialError, match="source of 0 to 13"):
        fit(x, source - 1, y, base=base)
    with pytest.raises(SpatialError, match="finite"):
        fit(np.where(np.arange(3) == 1, np.inf, x), source, y, base=base)
    with pytest.raises(SpatialError, match="at least 0"):
        fit(x, source, y, base=base - 1e3)
    with pytest.raises(SpatialError, match="names"):
        fit(x, source, y, base=base, names=["one"])
    model: LearnedModel = fit(x, source, y, base=base)
    with pytest.raises(SpatialError, match="same columns"):
        model.mass(base, x[:, :2])
    with pytest.raises(SpatialError, match="non-negative"):
        fit_nnls(x - 1e3, source, y, base=base)


def test_what_was_averaged_is_told() -> None:
    x, base, source, y = invented(9)
    model = fit_nnls(x, source, y, base=base, names=["a", "b", "c"])
    table = model.candidates
    # The base, six single columns, fifteen pairs; and the full model over the penalties.
    assert len(table) == 1 + 6 + 15 + len(PENALTIES)
    assert table["weight"].sum() == pytest.approx(1.0)
    assert table["weight"].iloc[: -len(PENALTIES)].sum() == pytest.approx(0.5)
    assert table["covariates"].iloc[0] == "base"
    assert "base + a" in set(table["covariates"])
    best = table.iloc[table["held_out"].argmin()]
    assert model.held_out == best["held_out"] < model.null_held_out


# --- Penalised aggregated Poisson -------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [1e-8, 1e-3, 0.1])
def test_poisson_equals_brute_force_on_the_plain_likelihood(penalty: float) -> None:
    x, base, source, y = invented(11)
    z = np.divide(x, base[:, None], out=np.zeros_like(x), where=base[:, None] > 0)
    mean = base @ z / base.sum()
    sd = np.sqrt(base @ (z - mean) ** 2 / base.sum())

    def objective(theta: NDArray[np.float64]) -> float:
        mu = np.bincount(source, base * np.exp(theta[0] + (z - mean) / sd @ theta[1:]), len(y))
        return float(np.sum(mu - y * np.log(mu)) + penalty / 2 * y.sum() * np.sum(theta[1:] ** 2)) / y.sum()

    start = np.array([np.log(y.sum() / base.sum()), 0, 0, 0])
    best = minimize(objective, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15, "maxiter": 20000})
    model = fit_poisson(z, source, y, base=base, penalties=[penalty])
    assert model.converged
    assert model.penalty == penalty
    np.testing.assert_allclose(model.coefficients * sd, best.x[1:], rtol=1e-4, atol=1e-6)
    # The level is free: expected and observed totals agree.
    assert model.mass(base, z).sum() == pytest.approx(y.sum(), rel=1e-9)


def test_poisson_is_fitted_to_aggregates_not_to_zone_means() -> None:
    rng = np.random.default_rng(12)
    base, source = rng.gamma(2.0, 40.0, 3000), np.arange(3000) % 30
    # Zones differ in how mixed they are, not in their means: only the aggregated likelihood can see the effect.
    spread = np.linspace(0.1, 2.0, 30)[source]
    x = (rng.choice([-1.0, 1.0], 3000) * spread)[:, None]
    y = np.bincount(source, base * np.exp(x[:, 0] - 1.0), 30)
    assert fit_poisson(x, source, y, base=base).coefficients[0] == pytest.approx(1.0, abs=0.02)


def test_poisson_chooses_its_penalty_by_sources_left_out() -> None:
    rng = np.random.default_rng(13)
    base, source = rng.gamma(2.0, 30.0, 400), np.arange(400) % 10
    y = rng.poisson(np.bincount(source, base, 10)).astype(float)
    noise = rng.normal(size=(400, 6))
    assert fit_poisson(noise, source, y, base=base).penalty >= 0.01
    y = np.bincount(source, base * np.exp(0.5 * noise[:, 0]), 10)
    assert fit_poisson(noise[:, :1], source, y, base=base).penalty <= 1e-3


def test_poisson_ignores_a_constant_covariate() -> None:
    x, base, source, y = invented(14)
    z = np.column_stack([np.divide(x[:, 0], base, out=np.zeros(len(base)), where=base > 0), np.full(len(base), 3.0)])
    model = fit_poisson(z, source, y, base=base)
    assert model.coefficients[1] == 0.0
    np.testing.assert_allclose(
        model.mass(base, z), fit_poisson(z[:, :1], source, y, base=base).mass(base, z[:, :1]), rtol=1e-9
    )


def test_deviance() -> None:
    y, mu = np.array([0.0, 2.0, 5.0]), np.array([1.0, 2.0, 4.0])
    assert poisson_deviance(y, mu) == pytest.approx(2 * (1 + 0 + 5 * np.log(5 / 4) - 1))


# --- Learning from coarse cells ---------------------------------------------------------------------------------------


def test_refined_mass_keeps_coarse_totals_and_finds_rates() -> None:
    rng = np.random.default_rng(15)
    coarse = np.arange(2000) // 10
    x = rng.poisson(5.0, (2000, 2)).astype(float)
    true = x @ np.array([1.8, 4.0])
    totals = np.bincount(coarse, true, 200)
    totals[7] = np.nan
    x[coarse == 9] = np.nan
    mass, rates = refine_mass(x, coarse, totals)
    got = np.bincount(coarse, mass, 200)
    known = ~np.isnan(totals)
    np.testing.assert_allclose(got[known], totals[known], rtol=1e-12)
    np.testing.assert_allclose(mass[coarse == 9], totals[9] / 10, rtol=1e-12)
    assert rates == pytest.approx([1.8, 4.0], rel=0.02)
    np.testing.assert_allclose(mass[coarse == 7], x[coarse == 7] @ rates, rtol=1e-12)
