"""Global statistics and their moments against full enumeration, esda and literal transcriptions.

Covered: Moran, Geary, G, join counts and bivariate Moran on weights that are neither symmetric nor equal; both tails;
transforms; missing values, isolates, constants; order of rows; what is refused.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from geodata.errors import AreaKeyError, SpatialError, UntestableError
from spatial.autocorrelation.global_ import bivariate_moran, geary, getis_ord, moran
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.joins import join_counts

N = 7


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    """Directed, unequal weights in which everybody has a neighbour."""
    rng = np.random.default_rng(1)
    w = rng.gamma(1.0, size=(N, N)) * (rng.random((N, N)) < 0.5)
    np.fill_diagonal(w, 0)
    w[0, 1] = w[1, 2] = w[6, 0] = 0.7
    return w


@pytest.fixture(scope="module")
def graph(weights: np.ndarray) -> Graph:
    focal, neighbour = np.nonzero(weights)
    ids = np.array(list("abcdefg"))
    return Graph.from_arrays(ids[focal], ids[neighbour], weights[focal, neighbour])


@pytest.fixture(scope="module")
def orders() -> np.ndarray:
    return np.array(list(itertools.permutations(range(N))))


VALUES = pd.Series([0.4, 3.1, 1.7, 0.2, 0.9, 5.5, 2.2], index=list("abcdefg"))
OTHERS = pd.Series([1.4, 2.0, 1.1, 0.3, 2.9, 3.5, 0.2], index=list("abcdefg"))
STATE = pd.Series([1, 0, 1, 1, 0, 0, 0], index=list("abcdefg"))


def literal(name: str, w: np.ndarray, x: np.ndarray) -> float:
    z = x - x.mean()
    return {
        "moran": lambda: len(x) / w.sum() * sum(w[i, j] * z[i] * z[j] for i in range(N) for j in range(N)) / (z @ z),
        "geary": lambda: (
            (N - 1) / (2 * w.sum()) * sum(w[i, j] * (x[i] - x[j]) ** 2 for i in range(N) for j in range(N)) / (z @ z)
        ),
        "getis_ord": lambda: (x @ w @ x) / (x.sum() ** 2 - x @ x),
        "BB": lambda: sum(w[i, j] * x[i] * x[j] for i in range(N) for j in range(N)) / 2,
        "WW": lambda: sum(w[i, j] * (1 - x[i]) * (1 - x[j]) for i in range(N) for j in range(N)) / 2,
        "BW": lambda: sum(w[i, j] * (x[i] - x[j]) ** 2 for i in range(N) for j in range(N)) / 2,
    }[name]()


@pytest.mark.parametrize("name", ["moran", "geary", "getis_ord", "BB", "WW", "BW"])
def test_value_mean_and_variance_are_those_of_all_orders(name, weights, graph, orders):
    rng = np.random.default_rng(3)
    if name in ("BB", "WW", "BW"):
        x = STATE
        found = join_counts(x, graph, permutations=0, rng=rng, transform="o")[name]
    else:
        x = VALUES
        found = {"moran": moran, "geary": geary, "getis_ord": getis_ord}[name](
            x, graph, permutations=0, rng=rng, transform="o"
        )
    everything = np.array([literal(name, weights, x.to_numpy(float)[order]) for order in orders])
    assert found.value == pytest.approx(literal(name, weights, x.to_numpy(float)), rel=1e-12)
    assert found.expected == pytest.approx(everything.mean(), rel=1e-10)
    assert found.z == pytest.approx((found.value - everything.mean()) / everything.std(), rel=1e-9)
    assert found.p is None
    assert found.p_two_sided is None


@pytest.mark.parametrize("name", ["moran", "geary", "getis_ord"])
def test_permutations_come_close_to_all_orders(name, weights, graph, orders):
    everything = np.array([literal(name, weights, VALUES.to_numpy()[order]) for order in orders])
    found = {"moran": moran, "geary": geary, "getis_ord": getis_ord}[name](
        VALUES, graph, permutations=20_000, rng=np.random.default_rng(2), transform="o"
    )
    assert found.p_upper == pytest.approx((everything >= found.value - 1e-12).mean(), abs=0.015)
    assert found.p_lower == pytest.approx((everything <= found.value + 1e-12).mean(), abs=0.015)
    assert found.p == (found.p_lower if name == "geary" else found.p_upper)
    assert found.p_two_sided == pytest.approx(min(1.0, 2 * min(found.p_upper, found.p_lower)))


def lattice(side: int = 10) -> Graph:
    ids = [f"c{i:03d}" for i in range(side**2)]
    return grid_contiguity(np.repeat(range(side), side), np.tile(range(side), side), ids)


def gradient(side: int = 10) -> pd.Series:
    rng = np.random.default_rng(0)
    return pd.Series(
        np.repeat(np.arange(side), side) + rng.normal(0, 0.5, side**2), index=[f"c{i:03d}" for i in range(side**2)]
    )


def test_likeness_gives_a_small_p_whatever_the_direction_of_the_statistic():
    x, rng = gradient(), np.random.default_rng(1)
    for statistic in (moran, geary):
        assert statistic(x, lattice(), permutations=999, rng=rng).p == pytest.approx(0.001)
    assert geary(x, lattice(), permutations=0, rng=rng).z < -5
    joins = join_counts(x > x.median(), lattice(), permutations=999, rng=rng)
    assert {name: found.p for name, found in joins.items()} == {"BB": 0.001, "WW": 0.001, "BW": 0.001}
    board = pd.Series([(i // 10 + i % 10) % 2 for i in range(100)], index=x.index)
    rook = grid_contiguity(np.repeat(range(10), 10), np.tile(range(10), 10), x.index, kind="rook")
    assert join_counts(board, rook, permutations=999, rng=rng)["BW"].p == 1.0
    assert join_counts(board, rook, permutations=999, rng=rng)["BB"].value == 0


def test_bivariate_moran_equals_esda_and_the_mean_of_all_orders(weights, graph, orders):
    import esda

    found = bivariate_moran(VALUES, OTHERS, graph, permutations=20_000, rng=np.random.default_rng(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = esda.Moran_BV(VALUES.to_numpy(), OTHERS.to_numpy(), graph.to_W(), permutations=0)
    assert found.value == pytest.approx(peer.I, rel=1e-12)
    w = weights / weights.sum(axis=1, keepdims=True)
    z, y = VALUES.to_numpy() - VALUES.mean(), OTHERS.to_numpy() - OTHERS.mean()
    everything = np.array([N / w.sum() * z @ w @ y[order] / np.sqrt((z @ z) * (y @ y)) for order in orders])
    assert found.p_upper == pytest.approx((everything >= found.value - 1e-12).mean(), abs=0.015)
    # The mean of all orders is 0 for centred y but for the diagonal, which no one draws: the same for every order.
    assert everything.mean() == pytest.approx(0.0, abs=1e-12)
    assert bivariate_moran(VALUES, VALUES * 2 + 1, graph, permutations=0, rng=np.random.default_rng(0)).value == (
        pytest.approx(moran(VALUES, graph, permutations=0, rng=np.random.default_rng(0)).value)
    )


def test_moran_geary_and_g_equal_esda_under_either_transform():
    import esda

    x, graph = gradient() + 1.0, lattice()
    peer = graph.to_W()
    for transform in ("r", "b"):
        rng = np.random.default_rng(0)
        ours = moran(x, graph, permutations=0, rng=rng, transform=transform)
        theirs = esda.Moran(x.to_numpy(), peer, transformation=transform, permutations=0)
        assert (ours.value, ours.z) == pytest.approx((theirs.I, theirs.z_rand), rel=1e-10)
        ours = geary(x, graph, permutations=0, rng=rng, transform=transform)
        theirs = esda.Geary(x.to_numpy(), peer, transformation=transform, permutations=0)
        assert (ours.value, ours.z) == pytest.approx((theirs.C, theirs.z_rand), rel=1e-10)
    positive = x - x.min() + 0.1
    theirs = esda.G(positive.to_numpy(), graph.to_W(), permutations=0)
    ours = getis_ord(positive, graph, permutations=0, rng=np.random.default_rng(0))
    assert (ours.value, ours.z) == pytest.approx((theirs.G, theirs.z_norm), rel=1e-9)


def test_join_counts_equal_esda():
    import esda

    state = (gradient() > gradient().quantile(0.7)).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = esda.Join_Counts(state.to_numpy(), lattice().to_W(), permutations=0)
    ours = join_counts(state, lattice(), permutations=0, rng=np.random.default_rng(0))
    assert (ours["BB"].value, ours["WW"].value, ours["BW"].value) == (peer.bb, peer.ww, peer.bw)


def test_missing_values_isolates_and_order_of_rows_change_nothing():
    x = gradient()
    x.iloc[[4, 50]] = np.nan
    ids = [*x.index, "z"]
    alone = grid_contiguity([*np.repeat(range(10), 10), 90], [*np.tile(range(10), 10), 90], ids)
    with_isolate = pd.concat([x, pd.Series({"z": 1e6})])
    shuffled = with_isolate.sample(frac=1, random_state=3)
    for statistic in (moran, geary):
        plain = statistic(x, lattice(), permutations=99, rng=np.random.default_rng(5))
        for values in (with_isolate, shuffled):
            again = statistic(values, alone, permutations=99, rng=np.random.default_rng(5))
            assert (again.value, again.z, again.p, again.n) == (plain.value, plain.z, plain.p, 98)
    other = x.iloc[::-1] ** 2
    assert bivariate_moran(x, other, lattice(), permutations=99, rng=np.random.default_rng(5)) == bivariate_moran(
        x.sample(frac=1, random_state=1), other, lattice(), permutations=99, rng=np.random.default_rng(5)
    )


def test_constants_have_no_autocorrelation():
    flat = pd.Series(0.1, index=gradient().index)
    rng = np.random.default_rng(0)
    for found in (
        moran(flat, lattice(), permutations=9, rng=rng),
        bivariate_moran(gradient(), flat, lattice(), permutations=9, rng=rng),
        bivariate_moran(flat, gradient(), lattice(), permutations=9, rng=rng),
        join_counts(flat * 0, lattice(), permutations=9, rng=rng)["BB"],
    ):
        assert np.isnan(found.value)
        assert found.p is None


def test_what_is_refused_says_what_was_expected():
    x, rng = gradient(), np.random.default_rng(0)
    with pytest.raises(SpatialError, match=r"0 or 1.*0\.7"):
        join_counts(pd.Series(0.7, index=x.index), lattice(), rng=rng)
    with pytest.raises(SpatialError, match="transform r, b or o, found 'v'"):
        moran(x, lattice(), rng=rng, transform="v")
    with pytest.raises(SpatialError, match="at least 0, found -1"):
        moran(x, lattice(), rng=rng, permutations=-1)
    with pytest.raises(AreaKeyError, match="same areas in both"):
        bivariate_moran(x, x.iloc[1:], lattice(), rng=rng)
    with pytest.raises(SpatialError, match="not negative"):
        getis_ord(x - 5, lattice(), rng=rng)
    with pytest.raises(UntestableError, match="at least 4 areas"):
        moran(x.where(x.index < "c003"), lattice(), rng=rng)
