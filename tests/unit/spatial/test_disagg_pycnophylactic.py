"""Smooth totals: against a direct solution, on cut cells, and at the edges of what is possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geodata.errors import SpatialError
from spatial.disaggregation.pycnophylactic import pycnophylactic


def direct(source: NDArray[np.int64], y: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Solve the fixed point on whole cells as one linear system: z − mean of neighbours = a constant per zone."""
    n, s = source.size, len(y)
    rows, columns = np.divmod(np.arange(n), shape[1])
    near = np.abs(rows[:, None] - rows) + np.abs(columns[:, None] - columns) == 1
    laplacian = np.eye(n) - near / near.sum(axis=1, keepdims=True)
    member = (source[:, None] == np.arange(s)).astype(float)
    system = np.block([[laplacian, -member], [member.T, np.zeros((s, s))]])
    return np.linalg.solve(system, np.concatenate([np.zeros(n), y]))[:n]


def test_equals_the_direct_solution() -> None:
    shape = (6, 8)
    row, column = np.divmod(np.arange(48), 8)
    source = (row // 3 * 2 + column // 4).astype(np.int64)
    y = np.array([60.0, 80.0, 90.0, 100.0])
    got = pycnophylactic(np.arange(48), np.ones(48), source, y, shape, max_iterations=20000, tolerance=1e-13)
    assert got.converged
    expected = direct(source, y, shape)
    assert expected.min() > 0, "the oracle knows no bound"
    np.testing.assert_allclose(got.mass, expected, rtol=1e-8)


def test_by_hand() -> None:
    # Two zones of two cells in a row, totals 4 and 8. With c the constant of a zone, a − b = c1, b − (a + d)/2 = c1,
    # d − (b + e)/2 = c2, e − d = c2, a + b = 4, d + e = 8: a = 7/4, b = 9/4, d = 15/4, e = 17/4.
    got = pycnophylactic(
        np.arange(4), np.ones(4), np.array([0, 0, 1, 1]), np.array([4.0, 8.0]), (1, 4), tolerance=1e-13
    )
    np.testing.assert_allclose(got.mass, [7 / 4, 9 / 4, 15 / 4, 17 / 4], rtol=1e-9)


def test_size_is_what_is_smooth() -> None:
    # The same density everywhere: any sizes get their share, whatever the cells are cut into.
    size = np.array([1.0, 0.3, 0.7, 2.0, 5.0])
    cell, source = np.array([0, 1, 1, 2, -1]), np.array([0, 0, 1, 1, 1])
    got = pycnophylactic(cell, size, source, np.array([2.6, 15.4]), (1, 3))
    np.testing.assert_allclose(got.mass, 2 * size, rtol=1e-12)
    assert got.converged


def test_zone_of_zero_stays_zero_and_a_missing_one_missing() -> None:
    source = np.repeat([0, 1, 2, 3], 4)
    y = np.array([50.0, 0.0, np.nan, 7.0])
    got = pycnophylactic(np.arange(16), np.ones(16), source, y, (4, 4))
    assert (got.mass[source == 1] == 0).all()
    assert np.isnan(got.mass[source == 2]).all()
    assert got.mass[source == 0].sum() == pytest.approx(50, rel=1e-12)


def test_zone_smaller_than_a_cell_keeps_its_mass() -> None:
    # A hundredth of cell 4 is a zone of its own with a million, among zones of nothing and of little.
    cell = np.append(np.arange(9), 4)
    size = np.ones(10)
    size[4], size[9] = 0.99, 0.01
    source = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
    got = pycnophylactic(cell, size, source, np.array([0.0, 3.0, 1e6]), (3, 3))
    assert got.mass[9] == pytest.approx(1e6, rel=1e-12)
    assert (got.mass[:5] == 0).all()
    assert got.mass[5:9].sum() == pytest.approx(3, rel=1e-12)


def test_the_cap_is_told() -> None:
    row, column = np.divmod(np.arange(400), 20)
    source = column // 10 + 0 * row
    y = np.array([1.0, 1000.0])
    short = pycnophylactic(np.arange(400), np.ones(400), source, y, (20, 20), max_iterations=3)
    assert (short.converged, short.iterations) == (False, 3)
    assert short.change > 1e-3
    np.testing.assert_allclose(np.bincount(source, short.mass), y, rtol=1e-12)
    assert pycnophylactic(np.arange(400), np.ones(400), source, y, (20, 20)).converged


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), sources=st.integers(1, 9))
def test_totals_hold_nothing_is_negative_and_order_is_free(seed: int, sources: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(sources, 200))
    shape = (int(rng.integers(1, 12)), int(rng.integers(1, 12)))
    cell = rng.integers(-1, shape[0] * shape[1], n)
    source = np.concatenate([np.arange(sources), rng.integers(0, sources, n - sources)])
    size = rng.choice([1e-9, 1.0, 1e4], n) * rng.random(n) + 1e-12
    y = rng.choice([0.0, 1e-3, 1.0, 1e9], sources) * rng.random(sources)
    got = pycnophylactic(cell, size, source, y, shape, max_iterations=50)
    assert (got.mass >= 0).all()
    np.testing.assert_allclose(np.bincount(source, got.mass, sources), y, rtol=1e-12)
    order = rng.permutation(n)
    again = pycnophylactic(cell[order], size[order], source[order], y, shape, max_iterations=50)
    np.testing.assert_allclose(again.mass, got.mass[order], rtol=1e-6, atol=1e-9 * max(y.max(), 1e-9))


def test_what_makes_no_sense_is_refused() -> None:
    cell, size, source, y = np.arange(4), np.ones(4), np.array([0, 0, 1, 1]), np.array([1.0, 2.0])
    with pytest.raises(SpatialError, match="size in every source"):
        pycnophylactic(cell, np.array([1.0, 1, 0, 0]), source, y, (2, 2))
    with pytest.raises(SpatialError, match="cells below 2"):
        pycnophylactic(cell, size, source, y, (1, 2))
    with pytest.raises(SpatialError, match="sources between"):
        pycnophylactic(cell, size, source - 1, y, (2, 2))
    with pytest.raises(SpatialError, match="finite counts"):
        pycnophylactic(cell, size, source, np.array([1.0, -9999.0]), (2, 2))
    with pytest.raises(SpatialError, match="negative"):
        pycnophylactic(cell, size - 2, source, y, (2, 2))
    with pytest.raises(SpatialError, match="every atom"):
        pycnophylactic(cell, size[:3], source, y, (2, 2))
