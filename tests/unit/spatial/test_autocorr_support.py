"""Tests of handed-down values.

Covered: the statistic against dense matrices; B1 = 1; the formula for E[I]; noise is rejected at the level (and by the
usual test always); a planted cluster is found; missing sources and uncovered targets; row order; painting down; plain
values without a denominator; counts refused; weights learned anew in each permutation.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from geodata.errors import AreaKeyError, SpatialError, UntestableError
from spatial.autocorrelation.global_ import moran
from spatial.autocorrelation.graphs import grid_contiguity, neighbour_matrix, row_standardised
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.neighbours import prepare
from spatial.autocorrelation.rates import empirical_bayes, rate_moments
from spatial.autocorrelation.support import expected_moran, global_support_test, paint_down
from spatial.disaggregation.rates import rate_matrix
from spatial.results import Label, State

SIDE, BLOCK = 24, 4
TARGETS = [f"t{i:03d}" for i in range(SIDE * SIDE)]
SOURCES = [f"s{i:02d}" for i in range((SIDE // BLOCK) ** 2)]


def source_numbers() -> np.ndarray:
    row, col = np.divmod(np.arange(SIDE * SIDE), SIDE)
    return (row // BLOCK) * (SIDE // BLOCK) + col // BLOCK


@pytest.fixture(scope="module")
def world():
    """36 sources of 16 targets each, shares of unequal people, every third target split between two sources."""
    rng = np.random.default_rng(1)
    row, col = np.divmod(np.arange(SIDE * SIDE), SIDE)
    graph = grid_contiguity(row, col, TARGETS)
    mine = source_numbers()
    mass = rng.gamma(2, size=len(TARGETS))
    shares = np.zeros((len(TARGETS), len(SOURCES)))
    shares[np.arange(len(TARGETS)), mine] = mass
    for t in range(0, len(TARGETS), 3):
        other = (mine[t] + 1) % len(SOURCES)
        shares[t, other] = 0.3 * mass[t]
    shares /= shares.sum(axis=0)
    weights = SimpleNamespace(
        matrix=sparse.csr_array(shares), source_ids=pd.Index(SOURCES), target_ids=pd.Index(TARGETS)
    )
    people = pd.Series(rng.integers(300, 9000, size=len(SOURCES)).astype(float), index=SOURCES)
    return weights, graph, people


def cases(people: pd.Series, rng: np.random.Generator, risk=0.06) -> pd.Series:
    return pd.Series(rng.binomial(people.astype(int), risk).astype(float), index=people.index)


def test_the_statistic_is_morans_i_of_the_handed_down_scores(world):
    weights, graph, people = world
    e = cases(people, np.random.default_rng(2))
    got = global_support_test(e, people, weights, graph, permutations=19, rng=np.random.default_rng(0))
    z = empirical_bayes(e, people).to_numpy()
    w = weights.matrix.toarray()
    d = people.to_numpy()
    y = (w @ (d * z)) / (w @ d)
    adjacency = neighbour_matrix(graph, pd.Index(TARGETS)).toarray()
    adjacency /= adjacency.sum(axis=1, keepdims=True)
    c = y - y.mean()
    assert got.value == pytest.approx(len(y) / adjacency.sum() * (c @ adjacency @ c) / (c @ c), rel=1e-10)
    assert (got.n, got.n_effective) == (len(TARGETS), len(SOURCES))
    assert got.null == "random labels at the sources, handed down"
    # The usual statistic of the same values is the same number; only its null differs.
    assert got.value == pytest.approx(moran(pd.Series(y, TARGETS), graph, permutations=0, rng=None).value, rel=1e-10)


def test_a_rate_that_is_everywhere_stays_itself(world):
    weights, _, people = world
    operator = rate_matrix(weights.matrix, people.to_numpy())
    np.testing.assert_allclose(operator @ np.ones(len(SOURCES)), 1.0, rtol=1e-14)


def test_the_mean_under_the_null_is_that_of_the_formula(world):
    weights, graph, people = world
    operator = rate_matrix(weights.matrix, people.to_numpy())
    adjacency = row_standardised(neighbour_matrix(graph, pd.Index(TARGETS)))
    n = len(TARGETS)
    b, w, m0 = operator.toarray(), adjacency.toarray(), np.eye(n) - 1 / n
    dense = n / w.sum() * np.trace(b.T @ m0 @ w @ m0 @ b) / np.trace(b.T @ m0 @ b)
    assert expected_moran(operator, adjacency) == pytest.approx(dense, rel=1e-10)
    assert dense > 0.6  # far above −1/(n − 1): the map itself makes autocorrelation
    e = cases(people, np.random.default_rng(3))
    got = global_support_test(e, people, weights, graph, permutations=4000, rng=np.random.default_rng(0))
    assert got.expected == pytest.approx(dense, abs=0.01)
    # Without splits every source is a block, and the formula holds for sources of unequal size, too.
    identity = rate_matrix(sparse.eye_array(n, format="csr"), np.ones(n))
    assert expected_moran(identity, adjacency) == pytest.approx(-1 / (n - 1), rel=1e-6)


def test_noise_is_rejected_at_the_level_and_by_the_usual_test_always(world):
    weights, graph, people = world
    rng = np.random.default_rng(2026)
    operator = rate_matrix(weights.matrix, people.to_numpy())
    honest, usual = [], []
    for i in range(300):
        e = cases(people, rng)
        honest.append(global_support_test(e, people, weights, graph, permutations=199, rng=rng).p)
        if i < 10:
            y = pd.Series(operator @ (e / people).to_numpy(), index=TARGETS)
            usual.append(moran(y, graph, permutations=199, rng=rng).p)
    assert 0.02 <= np.mean(np.array(honest) <= 0.05) <= 0.085
    assert max(usual) <= 0.01


def test_a_planted_cluster_of_sources_is_found(world):
    weights, graph, people = world
    risk = np.where([i % 6 < 3 and i // 6 < 3 for i in range(36)], 0.14, 0.06)
    e = cases(people, np.random.default_rng(4), risk)
    got = global_support_test(e, people, weights, graph, permutations=999, rng=np.random.default_rng(0))
    assert got.p <= 0.005
    assert got.z > 3


def test_missing_sources_take_their_targets_along(world):
    weights, graph, people = world
    e = cases(people, np.random.default_rng(5))
    e["s07"] = np.nan
    got = global_support_test(e, people, weights, graph, permutations=99, rng=np.random.default_rng(0))
    z = empirical_bayes(e, people)
    known = z.notna().to_numpy()
    w, d = weights.matrix.toarray(), people.to_numpy()
    coverage = (w[:, known] @ d[known]) / (w @ d)
    y = np.full(len(TARGETS), np.nan)
    enough = coverage >= 0.5
    w = w[enough][:, known]
    y[enough] = (w @ (d * z)[known]) / (w @ d[known])
    assert got.n_effective == 35
    assert got.n == np.count_nonzero(coverage >= 0.5) < len(TARGETS)
    assert got.value == pytest.approx(moran(pd.Series(y, TARGETS), graph, permutations=0, rng=None).value, rel=1e-10)


def test_row_order_changes_nothing(world):
    weights, graph, people = world
    e = cases(people, np.random.default_rng(6))
    base = global_support_test(e, people, weights, graph, permutations=99, rng=np.random.default_rng(1))
    rng = np.random.default_rng(0)
    t, s = rng.permutation(len(TARGETS)), rng.permutation(len(SOURCES))
    mixed = SimpleNamespace(
        matrix=weights.matrix[t][:, s], source_ids=weights.source_ids[s], target_ids=weights.target_ids[t]
    )
    again = global_support_test(e.iloc[::-1], people, mixed, graph, permutations=99, rng=np.random.default_rng(1))
    assert again == base


def test_equal_rates_have_no_p_and_few_sources_are_refused(world):
    weights, graph, people = world
    flat = global_support_test(people / 10, people, weights, graph, permutations=9, rng=np.random.default_rng(0))
    assert np.isnan(flat.value)
    assert flat.p is None
    few = people.where(np.arange(36) < 3)
    with pytest.raises(UntestableError, match="at least 4 source"):
        global_support_test(few / 10, few, weights, graph, rng=np.random.default_rng(0))
    with pytest.raises(AreaKeyError, match="s00"):
        global_support_test(people[1:], people, weights, graph, rng=np.random.default_rng(0))


def test_labels_are_painted_down_and_stay_those_of_the_sources(world):
    _, _, people = world
    source_graph = grid_contiguity(np.arange(36) // 6, np.arange(36) % 6, SOURCES)
    risk = np.where([i % 6 < 3 and i // 6 < 3 for i in range(36)], 0.2, 0.05)
    z = empirical_bayes(cases(people, np.random.default_rng(7), risk), people)
    source = local_tests(z, source_graph, rng=np.random.default_rng(0), permutations=9999)
    source_of = pd.Series([SOURCES[i] for i in source_numbers()], index=TARGETS)
    source_of["t005"] = None
    painted = paint_down(source, source_of)
    assert painted.n_effective == 36
    assert painted.alpha == source.alpha
    table = painted.table
    assert list(table.index) == TARGETS
    assert list(table.columns) == list(source.table.columns)
    assert table.dtypes.to_dict() == source.table.dtypes.to_dict()
    assert (source.table["label"] == Label.HIGH_HIGH).any()
    for target in ("t000", "t100", "t575"):
        assert table.loc[target, "support"] == source_of[target]
        pd.testing.assert_series_equal(table.loc[target], source.table.loc[source_of[target]], check_names=False)
    lost = table.loc["t005"]
    assert (lost["state"], lost["label"], lost["gi_star_label"]) == (State.UNDEFINED, Label.NO_LABEL, Label.NO_LABEL)
    assert np.isnan(lost["p"])
    with pytest.raises(AreaKeyError, match="nowhere"):
        paint_down(source, pd.Series(["nowhere"], index=["t000"]))
    with pytest.raises(AreaKeyError, match="t000"):
        paint_down(source, pd.Series(["s00", "s01"], index=["t000", "t000"]))


def dense_moran(y: np.ndarray, graph) -> float:
    adjacency = neighbour_matrix(graph, pd.Index(TARGETS)).toarray()
    adjacency /= adjacency.sum(axis=1, keepdims=True)
    c = y - y.mean()
    return len(y) / adjacency.sum() * (c @ adjacency @ c) / (c @ c)


def test_every_permutation_has_the_statistic_of_its_map(world):
    """The two quadratic forms of the sources give what handing down and Moran's I at the targets give."""
    weights, graph, people = world
    e = cases(people, np.random.default_rng(8))
    got = global_support_test(e, people, weights, graph, permutations=40, rng=np.random.default_rng(3))
    z = empirical_bayes(e, people).to_numpy()
    operator = rate_matrix(weights.matrix, people.to_numpy())
    rng = np.random.default_rng(3)
    orders = rng.permuted(np.repeat(z[None, :], 40, axis=0), axis=1)
    simulated = np.array([dense_moran(operator @ each, graph) for each in orders])
    assert got.expected == pytest.approx(simulated.mean(), rel=1e-9)
    assert got.p_upper == pytest.approx((1 + np.count_nonzero(simulated >= got.value - 1e-12)) / 41, rel=1e-12)
    assert got.p_lower == pytest.approx((1 + np.count_nonzero(simulated <= got.value + 1e-12)) / 41, rel=1e-12)
    assert got.z == pytest.approx((got.value - simulated.mean()) / simulated.std(ddof=1), rel=1e-8)


def test_plain_values_need_no_denominator(world):
    weights, graph, people = world
    x = pd.Series(np.random.default_rng(9).normal(20, 3, size=36), index=SOURCES)
    args = {"permutations": 99, "kind": "mean"}
    got = global_support_test(x, None, weights, graph, rng=np.random.default_rng(1), **args)
    w = weights.matrix.toarray()
    y = (w @ x.to_numpy()) / w.sum(axis=1)
    assert got.value == pytest.approx(dense_moran(y, graph), rel=1e-9)
    assert (got.n, got.n_effective, got.null) == (576, 36, "random labels at the sources, handed down")
    # Units are nothing: the test is that of the standardised values.
    again = global_support_test(x * 7 - 90, None, weights, graph, rng=np.random.default_rng(1), **args)
    assert (again.p, again.value) == (got.p, pytest.approx(got.value, rel=1e-9))
    # A size weighs the sources in targets that they share, and takes the part of the people.
    sized = global_support_test(x, None, weights, graph, size=people, rng=np.random.default_rng(1), **args)
    y = rate_matrix(weights.matrix, people.to_numpy()) @ x.to_numpy()
    assert sized.value == pytest.approx(dense_moran(y, graph), rel=1e-9)
    x["s03"] = np.nan
    fewer = global_support_test(x, None, weights, graph, rng=np.random.default_rng(1), **args)
    assert (fewer.n_effective, fewer.n < 576) == (35, True)
    flat = global_support_test(x * 0 + 4, None, weights, graph, rng=np.random.default_rng(1), **args)
    assert (flat.p, np.isnan(flat.value)) == (None, True)


def test_counts_and_contradictions_are_refused(world):
    weights, graph, people = world
    rng = np.random.default_rng(0)
    e = cases(people, rng)
    with pytest.raises(UntestableError, match="not exchangeable") as caught:
        global_support_test(e, None, weights, graph, rng=rng, kind="count")
    assert "denominator" in str(caught.value.hint)
    for args in ({"denominator": None}, {"denominator": people, "kind": "mean"}, {"denominator": people, "size": e}):
        with pytest.raises(SpatialError, match="expected a denominator"):
            global_support_test(e, weights=weights, graph=graph, rng=rng, **args)
    with pytest.raises(SpatialError, match="expected kind"):
        global_support_test(e, people, weights, graph, rng=rng, kind="share")
    with pytest.raises(SpatialError, match="size above 0"):
        global_support_test(e, None, weights, graph, rng=rng, kind="mean", size=people * 0)
    with pytest.raises(SpatialError, match="infinity in s04"):
        global_support_test(e.where(e.index != "s04", np.inf), None, weights, graph, rng=rng, kind="mean")


def test_a_graph_read_once_serves_many_tests(world):
    weights, graph, people = world
    e = cases(people, np.random.default_rng(10))
    ready = prepare(graph)
    one, two = (
        global_support_test(e, people, weights, g, permutations=99, rng=np.random.default_rng(1))
        for g in (graph, ready)
    )
    assert one == two


def test_weights_that_were_learned_are_learned_anew_in_each_permutation(world):
    """Weights that follow the cases draw the pattern that they are tested for; fitting them again shows it."""
    weights, graph, people = world
    seen = []

    def learn(numerator: pd.Series) -> SimpleNamespace:
        """Give shared targets to the neighbour with more cases: learned from what is tested."""
        seen.append(numerator)
        rate = (numerator / people).to_numpy()
        matrix = weights.matrix.multiply(np.exp(6 * (rate - rate.mean()) / rate.std())[None, :]).tocsr()
        return SimpleNamespace(
            matrix=sparse.csr_array(matrix), source_ids=weights.source_ids, target_ids=weights.target_ids
        )

    e = cases(people, np.random.default_rng(11))
    fitted = learn(e)
    got = global_support_test(e, people, fitted, graph, permutations=60, rng=np.random.default_rng(2), refit=learn)
    held = global_support_test(e, people, fitted, graph, permutations=60, rng=np.random.default_rng(2))
    assert got.value == held.value
    assert len(seen) == 61
    assert got.expected != held.expected
    # Where learning gives the same weights whatever it reads, nothing changes.
    fixed = global_support_test(
        e, people, weights, graph, permutations=60, rng=np.random.default_rng(2), refit=lambda _: weights
    )
    rng = np.random.default_rng(2)
    z = empirical_bayes(e, people).to_numpy()
    operator = rate_matrix(weights.matrix, people.to_numpy())
    simulated = [dense_moran(operator @ z[rng.permutation(36)], graph) for _ in range(60)]
    assert fixed.expected == pytest.approx(np.mean(simulated), rel=1e-9)
    # The figures that are learned from are those of the permuted scores where they now stand, x (b + z √v).
    b, variance = rate_moments(e.to_numpy(), people.to_numpy(), "proportion")
    rng = np.random.default_rng(2)
    order = [rng.permutation(36) for _ in range(60)][-1]
    expected = np.clip(people.to_numpy() * (b + z[order] * np.sqrt(variance)), 0, None)
    np.testing.assert_allclose(seen[-1].to_numpy(), expected, rtol=1e-12)
