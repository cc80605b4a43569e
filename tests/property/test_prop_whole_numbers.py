"""Whole numbers, raked masses, means and scores: properties and tiny cases by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from geodata.errors import AreaKeyError, SpatialError
from spatial.disaggregation import AllocationWeights, cell_weights
from spatial.disaggregation.integers import integer_counts, round_parts
from spatial.disaggregation.raking import rake
from spatial.disaggregation.rates import distinct_values, mean_columns
from spatial.disaggregation.scores import coverage, crps, interval_score, rmse, rtae

FEW = settings(max_examples=60, deadline=None)


def crossing(seed: int, targets: int, sources: int, *, outside: bool = False) -> AllocationWeights:
    """Targets that take part in several sources, with shares of 0 and, on demand, a share outside."""
    rng = np.random.default_rng(seed)
    matrix = rng.gamma(0.5, 1.0, (targets + 1, sources)) * (rng.random((targets + 1, sources)) < 0.6)
    matrix[0] += 0.01
    matrix[-1] *= outside
    matrix /= matrix.sum(axis=0)
    ids = pd.Index([f"s{i}" for i in range(sources)])
    rest = np.maximum(1 - matrix[:-1].sum(axis=0), 0) if outside else np.zeros(sources)
    kind = pd.Series("ancillary", index=ids)
    return AllocationWeights(
        sparse.csr_array(matrix[:-1]), ids, pd.Index([f"t{i}" for i in range(targets)]), rest, kind, "test"
    )


@FEW
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 5), st.booleans(), st.booleans(), st.data())
def test_whole_numbers_keep_totals(
    seed: int, targets: int, sources: int, outside: bool, random: bool, data: st.DataObject
) -> None:
    weights = crossing(seed, targets, sources, outside=outside)
    y = pd.Series([data.draw(st.sampled_from([0, 1, 7, 1000, 10**9])) for _ in range(sources)], weights.source_ids)
    rng = np.random.default_rng(seed) if random else None
    got = integer_counts(weights, y.astype(float), rng=rng)
    expected = weights.apply(y.astype(float))
    known = expected.notna()
    assert got.isna().equals(expected.isna())
    assert (got[known] == np.rint(got[known])).all()
    assert (got[known] >= 0).all()
    feeds = np.diff(weights.matrix.indptr)
    assert ((got - expected).abs()[known] <= feeds[known.to_numpy()] + 1e-6).all()
    if not outside:
        assert got[known].sum() == y.sum()
    order, columns = np.random.default_rng(seed).permutation(targets), np.random.default_rng(seed).permutation(sources)
    other = AllocationWeights(
        weights.matrix[order][:, columns],
        weights.source_ids[columns],
        weights.target_ids[order],
        weights.outside[columns],
        weights.provenance.iloc[columns],
        "test",
    )
    again = integer_counts(other, y.astype(float), rng=np.random.default_rng(seed) if random else None)
    pd.testing.assert_series_equal(again.reindex(got.index), got, check_names=False)


def test_largest_remainder_is_the_nearest_of_all_roundings() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        parts = rng.dirichlet(np.ones(4)) * 7
        got = round_parts(np.zeros(4, dtype=np.int64), parts, np.array([7]), np.arange(4))
        every = [c for c in itertools.product(range(8), repeat=4) if sum(c) == 7]
        best = min(every, key=lambda c: float(((np.array(c) - parts) ** 2).sum()))
        assert got.tolist() == list(best)


def test_systematic_sampling_expects_the_part_itself() -> None:
    parts = np.array([0.2, 0.7, 1.5, 0.6, 3.0])
    rng = np.random.default_rng(5)
    zero = np.zeros(5, dtype=np.int64)
    sample = np.array([round_parts(zero, parts, np.array([6]), np.arange(5), rng=rng) for _ in range(6000)])
    assert (sample.sum(axis=1) == 6).all()
    assert (np.abs(sample - parts) < 1).all()
    np.testing.assert_allclose(sample.mean(axis=0), parts, atol=0.03)


def test_ties_go_by_id_and_bad_counts_are_refused() -> None:
    weights = cell_weights(pd.Series({"b": "S", "a": "S"}), pd.Series({"b": 1.0, "a": 1.0}))
    assert integer_counts(weights, pd.Series({"S": 3.0})).to_dict() == {"b": 1.0, "a": 2.0}
    for bad in (-1.0, 2.5):
        with pytest.raises(SpatialError, match="whole numbers of at least 0, found others for S"):
            integer_counts(weights, pd.Series({"S": bad}))
    assert integer_counts(weights, pd.Series({"S": np.nan})).isna().all()


@FEW
@given(st.integers(0, 10**6), st.integers(3, 30))
def test_raking_meets_totals_that_agree(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = pd.Index([f"a{i}" for i in range(n)])
    start = pd.Series(rng.gamma(1.0, 1.0, n) * (rng.random(n) < 0.8) + 0.0, index=atoms)
    start.iloc[0] = 1.0
    goal = start * np.exp(rng.normal(0, 1, n))
    systems = {}
    for name, k in (("rows", 3), ("columns", 4)):
        zone = pd.Series(rng.integers(0, k, n), index=atoms)
        systems[name] = zone, goal.groupby(zone).sum()
    raked = rake(start, systems, tolerance=1e-8, max_iterations=5000)
    assert (raked.mass[start == 0] == 0).all()
    assert (raked.mass >= 0).all()
    gaps = (raked.residuals["residual"].abs() / raked.residuals["total"].where(raked.residuals["total"] > 0, 1.0)).max()
    assert gaps == pytest.approx(raked.largest, abs=1e-12)
    assert raked.largest < 1e-3
    assert raked.converged == (raked.largest <= 1e-8)
    # Cross-product form: log(m / start) is a sum of an effect of the row and one of the column.
    positive = (start > 0).to_numpy()
    dummies = pd.concat([pd.get_dummies(z, prefix=s) for s, (z, _) in systems.items()], axis=1).to_numpy(float)[
        positive
    ]
    effect = np.log(raked.mass[positive] / start[positive]).to_numpy()
    fitted = dummies @ np.linalg.lstsq(dummies, effect, rcond=None)[0]
    np.testing.assert_allclose(fitted, effect, atol=1e-6)


def test_contradictions_are_reported_and_missing_totals_constrain_nothing() -> None:
    atoms = pd.Series({"a": 1.0, "b": 3.0, "c": 0.0, "d": 2.0})
    first = pd.Series({"a": "X", "b": "X", "c": "Z", "d": None}), pd.Series({"X": 40.0, "Z": 5.0, "W": np.nan})
    raked = rake(atoms, {"Gemeinden": first})
    assert raked.mass.to_dict() == {"a": 10.0, "b": 30.0, "c": 0.0, "d": 2.0}
    assert not raked.converged
    assert raked.residuals.set_index("zone")["reachable"].to_dict() == {"X": True, "Z": False}
    assert raked.residuals.set_index("zone").loc["Z", "residual"] == 5
    second = pd.Series("all", index=atoms.index), pd.Series({"all": 90.0})
    both = rake(atoms, {"Gemeinden": (first[0], first[1].drop("Z")), "Kreis": second})
    assert both.converged, "40 in X and 90 in all leave 50 to d"
    np.testing.assert_allclose(both.mass, [10, 30, 0, 50], rtol=1e-7)
    torn = rake(atoms, {"one": second, "other": (second[0], pd.Series({"all": 60.0}))})
    assert not torn.converged
    assert torn.iterations < 100
    assert torn.residuals["residual"].tolist() == pytest.approx([30.0, 0.0])
    with pytest.raises(SpatialError, match="known total, found none"):
        rake(atoms, {"Kreis": (second[0], pd.Series({"all": np.nan}))})
    with pytest.raises(SpatialError, match="negative or infinite ones for all"):
        rake(atoms, {"Kreis": (second[0], pd.Series({"all": -1.0}))})
    with pytest.raises(AreaKeyError, match="each of the 4 atoms"):
        rake(atoms, {"Kreis": (second[0].iloc[:2], second[1])})


def test_means_over_what_is_covered() -> None:
    size = sparse.csr_array(np.array([[2.0, 0, 0], [1, 3, 0], [0, 1, 3], [0, 0, 0], [0, 0, 4]]))
    table = mean_columns(size, np.array([0.1, 0.5, np.nan]))
    np.testing.assert_allclose(table["mean"], [0.1, 0.4, 0.5, np.nan, np.nan])
    np.testing.assert_allclose(table["coverage"], [1, 1, 0.25, np.nan, 0])
    assert np.isnan(mean_columns(size, np.array([0.1, 0.5, np.nan]), min_coverage=0.5)["mean"][2])
    assert distinct_values(np.array([0.1, 0.1 + 1e-16, 0.3, np.nan])) == 2
    assert distinct_values(np.array([np.nan])) == 0


def test_scores_by_hand() -> None:
    truth = np.array([10.0, 20.0, 30.0])
    low, high = np.array([8.0, 21.0, 30.0]), np.array([12.0, 25.0, 31.0])
    assert rtae(np.array([11.0, 18.0, 30.0]), truth) == pytest.approx(3 / 60)
    assert rmse(np.array([11.0, 18.0, 30.0]), truth) == pytest.approx(np.sqrt(5 / 3))
    assert coverage(low, high, truth) == pytest.approx(2 / 3)
    assert interval_score(low, high, truth, level=0.9) == pytest.approx((4 + 4 + 20 + 1) / 3)
    draws = np.random.default_rng(0).normal(size=(3, 50))
    brute = [
        np.abs(d - t).mean() - np.abs(d[:, None] - d[None, :]).mean() / 2 for d, t in zip(draws, truth, strict=True)
    ]
    assert crps(draws, truth) == pytest.approx(np.mean(brute))
    for wrong in (truth[:2], np.array([1.0, np.nan, 2.0])):
        with pytest.raises(SpatialError, match="finite values of one shape"):
            rtae(wrong, truth)
