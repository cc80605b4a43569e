"""Concentration, intervals and draws against scipy's distributions, enumeration and simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from geodata.errors import AreaKeyError, SpatialError
from spatial.disaggregation import AllocationWeights, cell_weights
from spatial.disaggregation.alpha_law import learn_law, predict_alpha
from spatial.disaggregation.concentration import Alpha, Parts, fit_alpha, log_likelihood
from spatial.disaggregation.uncertainty import draws, intervals, known_parts


def one_source(shares: Sequence[float]) -> AllocationWeights:
    ids = [f"t{i:03}" for i in range(len(shares))]
    return cell_weights(pd.Series("S", index=ids), pd.Series(shares, index=ids))


def test_likelihood_is_that_of_scipy() -> None:
    share, counts = np.array([0.2, 0.5, 0.3]), np.array([3.0, 9.0, 2.0])
    zero = np.zeros(3, dtype=np.int64)
    ratio = [log_likelihood(a, zero, share, counts) for a in (0.7, 40.0)]
    oracle = [stats.dirichlet_multinomial.logpmf(counts.astype(int), a * share, 14) for a in (0.7, 40.0)]
    assert ratio[1] - ratio[0] == pytest.approx(oracle[1] - oracle[0], rel=1e-10)


@pytest.mark.parametrize("alpha", [3.0, 80.0, 2000.0])
def test_alpha_is_found_again(alpha: float) -> None:
    rng = np.random.default_rng(3)
    share = rng.dirichlet(np.full(12, 3.0), 40)
    count = np.array([rng.multinomial(50_000, rng.dirichlet(alpha * p)) for p in share]).astype(float)
    group = np.repeat(np.arange(40), 12)
    fitted = fit_alpha(group, share.ravel(), count.ravel())
    assert abs(fitted.log_mean - np.log(alpha)) < 4 * fitted.log_sd < 0.8
    assert fitted.sources == 40
    # A source with a single part, and parts of share 0, say nothing about alpha.
    more = fit_alpha(np.append(group, [40, 0]), np.append(share.ravel(), [1.0, 0.0]), np.append(count.ravel(), [9, 5]))
    assert more.log_mean == pytest.approx(fitted.log_mean, abs=1e-3)
    with pytest.raises(SpatialError, match="at least two parts"):
        fit_alpha(np.arange(3), np.ones(3), np.ones(3))


@pytest.mark.parametrize("total", [12, 400, 60_000])
@pytest.mark.parametrize("alpha", [5.0, 300.0])
def test_intervals_are_beta_binomial(total: int, alpha: float) -> None:
    shares = np.array([0.002, 0.05, 0.3, 0.648])
    weights = one_source(shares.tolist())
    result = intervals(weights, pd.Series({"S": total}), Alpha(np.log(alpha)))
    oracle = stats.betabinom(total, alpha * shares, alpha * (1 - shares))
    np.testing.assert_allclose(result.table["sd"], oracle.std(), rtol=1e-9)
    for column, q in (("lower", 0.05), ("upper", 0.95)):
        got = result.table[column].to_numpy()
        exact = total * shares <= 60
        np.testing.assert_array_equal(got[exact], oracle.ppf(q)[exact])
        np.testing.assert_allclose(got[~exact], oracle.ppf(q)[~exact], atol=1.0, rtol=0.004)
    assert result.indicative


def test_an_uncertain_alpha_is_averaged_over() -> None:
    weights, alpha = one_source([0.02, 0.98]), Alpha(np.log(50), 0.5)
    bounds = intervals(weights, pd.Series({"S": 1000}), alpha).table.loc["t000"]
    a = np.exp(alpha.log_mean + alpha.log_sd * stats.norm.ppf((np.arange(200) + 0.5) / 200))
    cdf = stats.betabinom.cdf(np.arange(201)[:, None], 1000, a * 0.02, a * 0.98).mean(axis=1)
    expected = np.searchsorted(cdf, [0.05, 0.95])
    np.testing.assert_allclose(bounds[["lower", "upper"]].to_numpy(dtype=float), expected, atol=1.0)


def test_draws_agree_with_intervals_and_keep_totals() -> None:
    rng = np.random.default_rng(8)
    cells = pd.Index([f"c{i}" for i in range(30)])
    matrix = rng.dirichlet(np.ones(30), 4).T * (rng.random((30, 4)) < 0.6)
    matrix /= matrix.sum(axis=0)
    ids = pd.Index(["P", "Q", "R", "S"])
    weights = AllocationWeights(
        sparse.csr_array(matrix), ids, cells, np.zeros(4), pd.Series("ancillary", index=ids), "test"
    )
    y = pd.Series([2000.0, 350.0, 0.0, 10_000.0], index=ids)
    alpha = Alpha(np.log(60), 0.3)
    sample = draws(weights, y, alpha, np.random.default_rng(1), n=4000)
    np.testing.assert_allclose(sample.sum(), y.sum())
    table = intervals(weights, y, alpha).table
    inside = (sample.ge(table["lower"], axis=0) & sample.le(table["upper"], axis=0)).mean(axis=1)
    # Targets in several sources take a matched distribution; small counts cannot be cut at 5 % and cover more.
    inside = inside[table["value"].notna()]
    single = np.diff(weights.matrix.indptr)[table["value"].notna()] == 1
    assert (inside[single] >= 0.86).all()
    assert (inside >= 0.80).all(), "two sources, one of them nearly always 0: the matched beta is at its worst"
    large = inside[table["value"].reindex(inside.index) > 150]
    assert len(large) > 10
    assert large.max() < 0.96
    assert large.mean() == pytest.approx(0.9, abs=0.02)
    np.testing.assert_allclose(
        sample.mean(axis=1), table["value"], equal_nan=True, atol=table["sd"].max() * 5 / np.sqrt(4000)
    )
    rows, columns = rng.permutation(30), rng.permutation(4)
    other = AllocationWeights(
        sparse.csr_array(matrix[rows][:, columns]),
        ids[columns],
        cells[rows],
        np.zeros(4),
        pd.Series("ancillary", index=ids[columns]),
        "test",
    )
    again = draws(other, y, alpha, np.random.default_rng(1), n=4000).reindex(cells)
    pd.testing.assert_frame_equal(again, sample)
    pd.testing.assert_frame_equal(intervals(other, y, alpha).table.reindex(cells), table, rtol=1e-9)


def test_nested_draws_have_the_variance_of_every_step() -> None:
    weights = one_source([0.1, 0.3, 0.2, 0.4])
    zone = pd.Series(["A", "A", "B", "B"], index=weights.target_ids)
    first, second, n = 40.0, 15.0, 500
    steps = [Alpha(np.log(first)), Alpha(np.log(second))]
    sample = draws(weights, pd.Series({"S": n}), steps, np.random.default_rng(4), n=40_000, levels=[zone])
    assert (sample.sum() == n).all()
    upper = sample.loc[zone == "A"].sum()
    assert upper.var() == pytest.approx(stats.betabinom(n, first * 0.4, first * 0.6).var(), rel=0.03)
    # Law of total variance for the first target, with the number in A itself random.
    m, v = n * 0.4, float(upper.var())
    p = 0.25
    within = p * (1 - p) * ((v + m**2) + second * m) / (1 + second)
    assert sample.loc["t000"].var() == pytest.approx(within + p**2 * v, rel=0.03)
    with pytest.raises(SpatialError, match="one alpha for each of 2 steps"):
        draws(weights, pd.Series({"S": n}), steps[0], np.random.default_rng(4), levels=[zone])
    with pytest.raises(AreaKeyError, match="t003"):
        draws(weights, pd.Series({"S": n}), steps, np.random.default_rng(4), levels=[zone.iloc[:3]])


def test_sampling_error_of_a_source_widens_everything() -> None:
    weights, y, se = one_source([0.4, 0.6]), pd.Series({"S": 10_000.0}), pd.Series({"S": 600.0})
    alpha = Alpha(np.log(1e5))
    exact, sampled = (intervals(weights, y, alpha, standard_errors=e).table for e in (None, se))
    np.testing.assert_allclose(sampled["sd"] ** 2, exact["sd"] ** 2 + (np.array([0.4, 0.6]) * 600) ** 2)
    assert sampled.loc["t000", "upper"] - sampled.loc["t000", "lower"] == pytest.approx(2 * 1.645 * 245, rel=0.03)
    sample = draws(weights, y, alpha, np.random.default_rng(2), n=4000, standard_errors=se)
    assert sample.sum().std() == pytest.approx(600, rel=0.05)
    np.testing.assert_allclose(sample.quantile(0.05, axis=1), sampled["lower"], rtol=0.01)


def test_missing_zero_and_hostile_values() -> None:
    of = pd.Series({"a": "P", "b": "P", "c": "Q", "d": "R", "e": "R"})
    weights = cell_weights(of, pd.Series({"a": 1.0, "b": 0.0, "c": 2.0, "d": 1.0, "e": 1.0}))
    y = pd.Series({"P": 10.0, "Q": np.nan, "R": 0.0})
    table = intervals(weights, y, Alpha(3.0)).table
    assert table.loc["c"].isna().all()
    assert table.loc["a", ["lower", "upper"]].tolist() == [10, 10], "the only part of its source is its total"
    assert (table.loc[["b", "d", "e"]] == 0).all(axis=None)
    sample = draws(weights, y, Alpha(3.0), np.random.default_rng(0), n=5)
    assert sample.loc["c"].isna().all()
    assert (sample.loc["a"] == 10).all()
    assert (sample.loc[["b", "d"]] == 0).all(axis=None)
    with pytest.raises(SpatialError, match="found negative ones for P"):
        intervals(weights, pd.Series({"P": -1.0}), Alpha(3.0))
    with pytest.raises(SpatialError, match="level between 0 and 1"):
        intervals(weights, y, Alpha(3.0), level=90)
    many = cell_weights(pd.Series({f"c{i}": f"s{i}" for i in range(30)}), pd.Series({f"c{i}": 1.0 for i in range(30)}))
    values = pd.Series({f"s{i}": 5.0 for i in range(30)})
    assert not intervals(many, values, Alpha(3.0)).indicative
    assert intervals(many, values.iloc[1:], Alpha(3.0)).indicative


def invented(seed: int, ratio: float, n: int = 24) -> tuple[AllocationWeights, pd.DataFrame, pd.DataFrame]:
    """Attributes and truth of one world in which relative variance inside a source is ``ratio`` times that between."""
    rng = np.random.default_rng(seed)
    targets = pd.Index([f"{s:02}{t:02}" for s in range(20) for t in range(15)])
    mass = pd.Series(rng.gamma(4.0, 500.0, 300), index=targets)
    weights = cell_weights(pd.Series(targets.str[:2], index=targets), mass)
    columns = {}
    for j in range(n):
        between = np.exp(rng.uniform(np.log(0.05), np.log(0.4)))
        field = np.repeat(rng.normal(0, between, 20), 15) + rng.normal(0, between * np.sqrt(ratio), 300)
        columns[f"v{j}"] = rng.poisson(0.2 * mass * np.exp(field)).astype(float)
    table = pd.DataFrame(columns, index=targets)
    return weights, table.iloc[:, : n - 6], table.iloc[:, n - 6 :]


@pytest.mark.parametrize("ratio", [0.25, 4.0])
def test_the_law_learns_what_a_step_does(ratio: float) -> None:
    weights, attributes, truth = invented(11, ratio)
    parts, counts = known_parts(weights, attributes)
    law = learn_law(parts, counts)
    of = pd.Series(truth.index.str[:2], index=truth.index)
    error = []
    for name in truth:
        y = weights.align(truth[name].groupby(of).sum())
        true = parts.fine(parts.mass, truth[name].to_numpy()[parts.lower])
        learned = predict_alpha(law, y)
        error.append((true.log_mean - learned.log_mean) / learned.log_sd)
        assert (learned.attributes, learned.sources) == (18, 20)
    assert abs(np.mean(error)) < 1.5, error
    assert np.abs(error).max() < 3.5, error
    shuffled = attributes.iloc[np.random.default_rng(0).permutation(300), ::-1]
    again = learn_law(*known_parts(weights, shuffled))
    y = weights.align(truth["v18"].groupby(of).sum())
    assert again.predict(y).log_mean == pytest.approx(law.predict(y).log_mean, rel=1e-6)


def test_a_change_since_the_ancillary_year_widens() -> None:
    weights, attributes, truth = invented(5, 1.0)
    parts, counts = known_parts(weights, attributes)
    law = learn_law(parts, counts)
    of = pd.Series(truth.index.str[:2], index=truth.index)
    y = weights.align(truth["v20"].groupby(of).sum())
    before = parts.at_sources(parts.mass)
    moved = before * np.exp(np.random.default_rng(1).normal(0, 0.3, 20))
    calm = before * np.exp(np.random.default_rng(1).normal(0, 0.001, 20))
    none = predict_alpha(law, y)
    little = predict_alpha(law, y, before=before, now=calm)
    much = predict_alpha(law, y, before=before, now=moved)
    assert much.log_mean < little.log_mean
    assert little.log_mean == pytest.approx(none.log_mean, abs=0.3)


def test_too_little_to_learn_from() -> None:
    weights, attributes, _ = invented(5, 1.0)
    parts, counts = known_parts(weights, attributes)
    with pytest.raises(SpatialError, match="at least 4 attributes with 50 cases per part, found 3 of 18"):
        learn_law(parts, np.where(np.arange(18) < 3, counts, 0.0))
    with pytest.raises(SpatialError, match="negative, infinite or missing"):
        learn_law(parts, -counts)
    with pytest.raises(AreaKeyError, match="1914"):
        known_parts(weights, attributes.iloc[:-1])
    with pytest.raises(AreaKeyError, match="parent for every source"):
        known_parts(weights, attributes, parent=pd.Series({"00": "x"}))
    one = Parts.of(np.zeros(300, dtype=np.int64), parts.mass)
    y = counts.sum(axis=0)[:1]
    assert learn_law(one, counts).predict(y).log_sd > 0, "with one source the mean over the attributes is what is known"
