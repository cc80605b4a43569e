"""Every local statistic: its p against brute force on the same draws and full enumeration, its z against simulation.

Covered: ties, isolates, NaN, constants, hubs, unequal weights and asymmetric graphs; rates and binary states; labels;
invariance to row order, id type, transform and the number of BLAS threads; refusals.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy import sparse
from scipy.stats import false_discovery_control

from geodata.errors import AreaKeyError, SpatialError
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_gi, local_gi_star, local_moran, local_moran_bivariate, local_tests
from spatial.autocorrelation.local_geary import count_scores, geary_scores, local_geary, local_geary_multivariate
from spatial.autocorrelation.local_joincount import local_join_counts
from spatial.autocorrelation.neighbours import from_matrix, prepare
from spatial.autocorrelation.permutation import count_extremes, draw_tuples
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.significance import adjust
from spatial.results import Label, LocalResult, State

SINGLE = {"moran": local_moran, "gi": local_gi, "gi*": local_gi_star, "geary": local_geary}


def meant(value: float) -> Fraction:
    """.1 means 1/10."""
    simple = Fraction(float(value)).limit_denominator(1000)
    return simple if float(simple) == float(value) else Fraction(float(value))


def random_edges(n: int, rng: np.random.Generator, *, weighted: bool, hub: bool) -> dict[tuple[int, int], float]:
    """Directed edges; the last area is an isolate, the first may be a hub."""
    links = rng.random((n, n)) < 3 / n
    links[0, 1 : n - 1] |= hub
    links[:, n - 1] = links[n - 1, :] = False
    np.fill_diagonal(links, False)
    pairs = list(zip(*np.nonzero(links), strict=True))
    weights = rng.integers(1, 5, size=len(pairs)) / 4 if weighted else np.ones(len(pairs))
    return {(int(i), int(j)): float(w) for (i, j), w in zip(pairs, weights, strict=True)}


def as_graph(ids: list[str], edges: dict[tuple[int, int], float]) -> Graph:
    alone = [i for i in range(len(ids)) if not any(focal == i for focal, _ in edges)]
    rows = [*((i, j, w) for (i, j), w in edges.items()), *((i, i, 0.0) for i in alone)]
    return Graph.from_arrays([ids[i] for i, _, _ in rows], [ids[j] for _, j, _ in rows], [w for _, _, w in rows])


def score_of(name: str, i: int, weights: list[Fraction], drawn: list[int], x: list[list[Fraction]]) -> Fraction:
    """The statistic of area i, as its textbook has it, but for factors that are positive and the same in every draw."""
    if name == "geary":
        return sum(w * sum((v[i] - v[j]) ** 2 for v in x) for w, j in zip(weights, drawn, strict=True))
    mean = sum(x[-1]) / len(x[-1])
    lag = sum(w * (x[-1][j] - mean) for w, j in zip(weights, drawn, strict=True))
    if name in ("moran", "bivariate"):
        own = x[0][i] - sum(x[0]) / len(x[0])
        return (own or 1) * lag  # on the mean itself I is 0 in every draw: the p is that of the neighbours, as of Gi
    if name == "joins":
        return x[0][i] * lag
    return lag if name == "gi" else lag + max(weights) * x[0][i]


def brute_force_p(name: str, edges, x: list[list[float]], tuples) -> dict[int, float]:
    """Two-sided p of each area with neighbours: the statistic itself, anew for every area and draw."""
    exact = [[meant(v) for v in column] for column in x]
    result = {}
    for i in range(len(x[0])):
        others = sorted(j for focal, j in edges if focal == i)
        if not others:
            continue
        weights = [Fraction(edges[i, j]) for j in others]
        k = len(others)
        observed = score_of(name, i, weights, others, exact)
        draws = [[int(d[k]) if j == i else int(j) for j in d[:k]] for d in np.asarray(tuples).T]
        scores = [score_of(name, i, weights, draw, exact) for draw in draws]
        up, down = sum(s >= observed for s in scores), sum(s <= observed for s in scores)
        result[i] = min(1.0, 2 * (1 + min(up, down)) / (len(scores) + 1))
    return result


VALUES = {
    "continuous": lambda n, rng: rng.normal(size=n),
    "ties": lambda n, rng: rng.integers(0, 3, size=n).astype(float),
    "decimals": lambda n, rng: rng.integers(0, 8, size=n) / 10,
    "high base": lambda n, rng: 1000 + rng.integers(0, 8, size=n) / 10,
}


def one_of(name, columns, graph, **options) -> LocalResult:
    """Run a statistic by name on one or two columns."""
    options = {"rng": np.random.default_rng(5), "permutations": 60, "min_areas": 3, "transform": "o", **options}
    if name == "bivariate":
        return local_moran_bivariate(columns[0], columns[1], graph, **options)
    if name == "geary2":
        return local_geary_multivariate(pd.concat(columns, axis=1), graph, **options)
    return SINGLE[name](columns[0], graph, **options)


@pytest.mark.parametrize("name", [*SINGLE, "bivariate", "geary2"])
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("weighted", [False, True])
def test_p_equals_brute_force_on_the_same_draws(name, kind, weighted):
    rng = np.random.default_rng(11)
    n = 15
    ids = [f"a{i:02d}" for i in range(n + 1)]  # the last has no value, the one before no neighbour
    edges = random_edges(n, rng, weighted=weighted, hub=kind == "ties")
    columns = [VALUES[kind](n, rng) for _ in range(2)]
    connected = [i for i in range(n) if any(i in edge for edge in edges)]
    if name == "geary2":  # two variables of one standard deviation, which cancels: it is irrational
        columns[1][connected] = rng.permutation(columns[0][connected])
    graph = as_graph(ids, {**edges, (0, n): 1.0, (n, 2): 1.0})
    series = [pd.Series([*column, np.nan], index=ids, name=str(v)) for v, column in enumerate(columns)]
    table = one_of(name, series, graph).table

    assert len(connected) < n
    place = {i: at for at, i in enumerate(connected)}
    inside = {(place[i], place[j]): w for (i, j), w in edges.items()}
    used = columns if name in ("bivariate", "geary2") else columns[:1]
    width = max(sum(focal == i for focal, _ in inside) for i in range(len(connected))) + 1
    tuples = next(draw_tuples(len(connected), width, 60, np.random.default_rng(5)))
    literal = "geary" if name == "geary2" else name
    expected = brute_force_p(literal, inside, [[column[i] for i in connected] for column in used], tuples)
    tested = table[table["state"] == State.TESTED]
    assert sorted(place[ids.index(area)] for area in tested.index) == sorted(expected)
    for area, p in tested["p"].items():
        assert p == pytest.approx(expected[place[ids.index(area)]], abs=1e-12)
    assert table["state"].iloc[-1] == State.UNDEFINED
    assert (table["state"] == State.ISOLATED).any()


@pytest.mark.parametrize("weighted", [False, True])
def test_join_counts_equal_brute_force_on_the_same_draws(weighted):
    rng = np.random.default_rng(12)
    n = 16
    ids = [f"a{i:02d}" for i in range(n)]
    edges = {edge: w for edge, w in random_edges(n + 1, rng, weighted=weighted, hub=True).items() if n not in edge}
    states = rng.random(n) < 0.4
    result = local_join_counts(
        pd.Series(states, index=ids),
        as_graph(ids, edges),
        rng=np.random.default_rng(5),
        permutations=80,
        min_areas=3,
        transform="o",
    )
    width = max(sum(focal == i for focal, _ in edges) for i in range(n)) + 1
    tuples = next(draw_tuples(n, width, 80, np.random.default_rng(5)))
    expected = brute_force_p("joins", edges, [states.astype(float).tolist()], tuples)
    tested = result.table[result.table["state"] == State.TESTED]
    assert set(tested.index) == {ids[i] for i in expected if states[i]}
    assert result.n_effective == len(tested)
    for area, row in tested.iterrows():
        i = ids.index(area)
        assert row["p"] == pytest.approx(expected[i], abs=1e-12)
        assert row["statistic"] == pytest.approx(sum(w for (a, j), w in edges.items() if a == i and states[j]))
    without = result.table[~states & (result.table["neighbours"] > 0)]
    assert (result.table["state"] == State.ISOLATED).any()
    assert (without["state"] == State.UNTESTABLE).all()
    assert without["p"].isna().all()


@pytest.mark.parametrize("variables", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [6, 7])
def test_all_ordered_tuples_give_full_enumeration_of_geary(n, weighted, variables):
    rng = np.random.default_rng(n)
    edges = random_edges(n, rng, weighted=weighted, hub=False)
    matrix = prepare(as_graph([str(i) for i in range(n)], edges)).matrix
    x = [rng.integers(0, 4, size=n) / 10 for _ in range(variables)]
    exact = [[meant(v) for v in column] for column in x]
    scale = [sum((v - sum(c) / n) ** 2 for v in c) / n for c in exact]
    exact = [[v / Fraction(s).limit_denominator(10**6) ** 1 for v in c] for c, s in zip(exact, scale, strict=True)]
    if variables == 2:  # squares of standard deviations are rational, the deviations are not: take equal ones
        x[1] = np.roll(x[0], 2)
        exact = [[meant(v) for v in column] for column in x]
    width = int(np.diff(matrix.indptr).max()) + 1
    tuples = np.array(list(itertools.permutations(range(n), width))).T
    counts = count_scores(geary_scores(x, matrix)[1], [tuples], tuples.shape[1])
    for i in range(n):
        others = sorted(j for focal, j in edges if focal == i)
        if not others:
            continue
        weights = [Fraction(edges[i, j]) for j in others]
        observed = score_of("geary", i, weights, others, exact)
        rest = [j for j in range(n) if j != i]
        every = [score_of("geary", i, weights, list(d), exact) for d in itertools.permutations(rest, len(others))]
        up, down = (sum(s >= observed for s in every), sum(s <= observed for s in every))
        assert Fraction(int(counts.at_least[i]), tuples.shape[1]) == Fraction(up, len(every))
        assert Fraction(int(counts.at_most[i]), tuples.shape[1]) == Fraction(down, len(every))


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 9])
def test_all_ordered_tuples_give_full_enumeration_up_to_nine_areas(n):
    rng = np.random.default_rng(n)
    edges = random_edges(n, rng, weighted=False, hub=False)
    matrix = prepare(as_graph([str(i) for i in range(n)], edges)).matrix
    values = rng.integers(0, 4, size=n) / 10
    exact = [meant(v) for v in values]
    width = int(np.diff(matrix.indptr).max()) + 1
    tuples = np.array(list(itertools.permutations(range(n), width))).T
    sums = count_extremes(values, matrix, [tuples], permutations=tuples.shape[1])
    unlike = count_scores(geary_scores([values], matrix)[1], [tuples], tuples.shape[1])
    for name, counts in (("gi", sums), ("geary", unlike)):
        for i in range(n):
            others = sorted(j for focal, j in edges if focal == i)
            ones = [Fraction(1)] * len(others)
            if not others:
                continue
            observed = score_of(name, i, ones, others, [exact])
            rest = [j for j in range(n) if j != i]
            every = [score_of(name, i, ones, list(d), [exact]) for d in itertools.combinations(rest, len(others))]
            up, down = (sum(s >= observed for s in every), sum(s <= observed for s in every))
            assert Fraction(int(counts.at_least[i]), tuples.shape[1]) == Fraction(up, len(every))
            assert Fraction(int(counts.at_most[i]), tuples.shape[1]) == Fraction(down, len(every))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(-3, 3), min_size=8, max_size=8),
    st.lists(st.sampled_from([0.25, 0.5, 1.0, 3.0]), min_size=56, max_size=56),
    st.lists(st.booleans(), min_size=56, max_size=56),
    st.integers(0, 10**6),
)
def test_geary_and_weighted_sums_count_as_brute_force_does(values, weights, links, seed):
    if len(set(values)) < 2 or not any(links):
        return
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    edges = {pair: w for pair, w, link in zip(pairs, weights, links, strict=True) if link}
    matrix = prepare(as_graph([str(i) for i in range(8)], edges)).matrix
    width = int(np.diff(matrix.indptr).max()) + 1
    tuples = next(draw_tuples(8, width, 40, np.random.default_rng(seed)))
    x = np.array(values, dtype=float)
    sums = count_extremes(x, matrix, [tuples], permutations=40)
    unlike = count_scores(geary_scores([x], matrix)[1], [tuples], 40)
    for name, counts in (("gi", sums), ("geary", unlike)):
        expected = brute_force_p(name, edges, [list(map(float, values))], tuples)
        for i, p in expected.items():
            assert min(1.0, 2 * (1 + min(counts.at_least[i], counts.at_most[i])) / 41) == pytest.approx(p)


@pytest.fixture(scope="module")
def field():
    ids = [f"c{i:04d}" for i in range(100)]
    graph = grid_contiguity(np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10), ids)
    rng = np.random.default_rng(21)
    edges = graph.adjacency.reset_index()
    weights = rng.uniform(0.1, 2.0, size=len(edges))
    weighted = Graph.from_arrays(edges["focal"].to_numpy(), edges["neighbor"].to_numpy(), weights)
    row, col = np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10)
    lifted = 4.0 * ((row < 4) & (col < 4)) - 4.0 * ((row > 6) & (col > 6))
    values = pd.DataFrame({"x": rng.normal(size=100) + lifted, "y": rng.gamma(2.0, size=100) + lifted}, index=ids)
    return values, prepare(graph), prepare(weighted)


@pytest.mark.parametrize("name", [*SINGLE, "bivariate", "geary2", "joins"])
@pytest.mark.parametrize("transform", ["r", "b", "o"])
@pytest.mark.parametrize("weights", ["equal", "any"])
def test_z_is_that_of_the_conditional_distribution(field, name, transform, weights):
    if name == "gi*":
        pytest.skip("Gi*'s z is under the randomisation of all areas, tested against Ord and Getis below")
    values, graph = field[0], field[1] if weights == "equal" else field[2]
    matrix = graph.matrix.toarray()
    if transform == "b":
        matrix = (matrix > 0).astype(float)
    elif transform == "r":
        matrix = matrix / matrix.sum(axis=1, keepdims=True)
    options = {"permutations": 99, "transform": transform, "rng": np.random.default_rng(0)}
    if name == "joins":
        states = values["x"] > 1
        table = local_join_counts(states, graph, **options).table
        own, drawn = states.to_numpy(dtype=float), states.to_numpy(dtype=float)[:, None]
    else:
        table = one_of(name, [values["x"], values["y"]], graph, **options).table
        standard = ((values - values.mean()) / values.std(ddof=0)).to_numpy()
        own = standard[:, 0]
        drawn = standard[:, 1:] if name == "bivariate" else standard if name == "geary2" else standard[:, :1]
    rng = np.random.default_rng(3)
    for i in (0, 5, 44, 99):
        if not np.isfinite(table["z"].iloc[i]):
            assert name == "joins"
            continue
        others = np.flatnonzero(matrix[i])
        rest = np.delete(np.arange(100), i)
        draws = rng.permuted(np.tile(rest, (20_000, 1)), axis=1)[:, : len(others)]

        def statistic(j, i=i):
            if "geary" in name:
                apart = ((drawn[i] - drawn[j]) ** 2).mean(axis=-1)
            else:
                apart = drawn[j][..., 0] * (1.0 if name in ("gi", "joins") else own[i])
            return apart @ matrix[i, np.flatnonzero(matrix[i])]

        simulated, observed = statistic(draws), statistic(others)
        z = (observed - simulated.mean()) / simulated.std()
        assert table["z"].iloc[i] == pytest.approx(z, abs=0.05 + 0.03 * abs(z))
        if name in ("geary", "geary2", "bivariate", "joins"):
            assert table["statistic"].iloc[i] == pytest.approx(observed)
        if name == "moran":
            assert table["statistic"].iloc[i] == pytest.approx(observed * 99 / 100)


@pytest.mark.parametrize("weights", ["equal", "any"])
def test_gi_star_is_a_literal_transcription(field, weights):
    values, graph = field[0]["y"] + 10, field[1] if weights == "equal" else field[2]
    matrix, x, n = graph.matrix.toarray(), values.to_numpy(), 100
    matrix = matrix + np.diag(matrix.max(axis=1))
    for transform in ("r", "o"):
        table = one_of("gi*", [values], graph, transform=transform).table
        w = matrix / matrix.sum(axis=1, keepdims=True) if transform == "r" else matrix
        s = np.sqrt((x**2).mean() - x.mean() ** 2)
        total, squares = w.sum(axis=1), (w**2).sum(axis=1)
        z = (w @ x - total * x.mean()) / (s * np.sqrt((n * squares - total**2) / (n - 1)))
        np.testing.assert_allclose(table["z"], z, rtol=1e-9)
        np.testing.assert_allclose(table["statistic"], w @ x / x.sum())


def test_moran_gi_and_gi_star_have_one_two_sided_p(field):
    values, graph, _ = field
    runs = [one_of(name, [values["x"]], graph, permutations=999).table for name in ("moran", "gi", "gi*")]
    both = local_tests(values["x"], graph, rng=np.random.default_rng(5), permutations=999).table
    for table in runs:
        pd.testing.assert_frame_equal(table[["p_upper", "p_lower", "p"]], both[["p_upper", "p_lower", "p"]])
    pd.testing.assert_series_equal(runs[0]["label"], both["label"])
    pd.testing.assert_series_equal(runs[2]["label"], both["gi_star_label"], check_names=False)
    np.testing.assert_allclose(runs[0]["z"].abs(), runs[1]["z"].abs())
    assert runs[1]["statistic"].isna().all()  # a share of a sum means nothing where values are negative


def test_labels_say_what_was_found(field):
    values, graph, _ = field
    options = {"permutations": 9999, "transform": "r"}
    moran = one_of("moran", [values["x"]], graph, **options).table["label"]
    gi = one_of("gi", [values["x"]], graph, **options).table["label"]
    geary = one_of("geary", [values["x"]], graph, correction="none", **options).table
    both = one_of("geary2", [values["x"], values["y"]], graph, **options).table
    two = one_of("bivariate", [values["x"], values["y"]], graph, **options).table["label"]
    assert (moran["c0011"], moran["c0088"]) == (Label.HIGH_HIGH, Label.LOW_LOW)
    assert (gi["c0011"], gi["c0088"]) == (Label.HOT, Label.COLD)
    assert (two["c0011"], two["c0088"]) == (Label.HIGH_HIGH, Label.LOW_LOW)
    assert set(both["label"]) <= {Label.POSITIVE, Label.NEGATIVE, Label.NOT_SIGNIFICANT}
    assert both["value"].isna().all()
    assert not both["quadrant"].any()
    spiked = values["x"].where(values.index != "c0088", 15.0)
    spike = one_of("geary", [spiked], graph, correction="none", **options).table.loc["c0088"]
    assert spike["label"] == Label.NEGATIVE
    assert spike["p_upper"] < spike["p_lower"]
    assert spike["z"] > 2
    alike = geary[geary["label"].isin([Label.HIGH_HIGH, Label.LOW_LOW, Label.OTHER_POSITIVE])]
    assert len(alike)
    assert (alike["z"] < 0).all()
    states = values["x"] > 2
    joins = local_join_counts(states, graph, rng=np.random.default_rng(1), permutations=9999).table
    assert joins.loc["c0011", "label"] == Label.HIGH_HIGH
    assert joins.loc["c0011", "statistic"] >= 6
    some_missing = states.astype("boolean")
    some_missing["c0099"] = pd.NA
    holed = local_join_counts(some_missing, graph, rng=np.random.default_rng(1), permutations=99).table
    assert holed.loc["c0099", "state"] == State.UNDEFINED


def test_counts_with_a_population_are_tested_as_rates(field):
    _, graph, _ = field
    rng = np.random.default_rng(2)
    people = pd.Series(rng.integers(50, 5000, size=100).astype(float), index=graph.ids)
    cases = pd.Series(rng.binomial(people.astype(int), 0.1).astype(float), index=graph.ids)
    cases["c0007"] = np.nan
    people["c0008"] = 0.0
    cases["c0008"] = 0.0
    for name, statistic in SINGLE.items():
        options = {"permutations": 99, "transform": "r"}
        given_rates = one_of(name, [empirical_bayes(cases, people)], graph, **options).table
        table = statistic(cases, graph, population=people, rng=np.random.default_rng(5), min_areas=3, **options).table
        pd.testing.assert_frame_equal(table.drop(columns="value"), given_rates.drop(columns="value"))
        assert table.loc["c0001", "value"] == cases["c0001"] / people["c0001"]
        assert (table.loc[["c0007", "c0008"], "state"] == State.UNDEFINED).all()
    poisson = local_moran(cases, graph, population=people, form="poisson", rng=np.random.default_rng(5)).table
    assert poisson["statistic"].notna().sum() == 98


@pytest.mark.parametrize("name", [*SINGLE, "bivariate", "geary2"])
def test_row_order_and_id_type_change_nothing(field, name):
    values, _, weighted = field
    columns = [values["x"].where(values.index != "c0042"), values["y"]]
    edges = [
        (f, t, w)
        for f, row in zip(weighted.ids, weighted.matrix, strict=True)
        for t, w in zip(weighted.ids[row.indices], row.data, strict=True)
    ]
    turned = Graph.from_arrays(
        *zip(*[(int(f[1:]) + 1000, int(t[1:]) + 1000, w) for f, t, w in edges[::-1]], strict=True)
    )
    base = one_of(name, columns, weighted).table
    mixed = np.random.default_rng(0).permutation(100)
    shuffled = one_of(name, [column.iloc[mixed] for column in columns], weighted).table
    pd.testing.assert_frame_equal(shuffled.loc[base.index], base)
    numbers = one_of(name, [c.rename(index=lambda area: int(area[1:]) + 1000) for c in columns], turned).table
    for column in base.columns.drop("support"):
        np.testing.assert_array_equal(numbers[column].to_numpy(), base[column].to_numpy())


THREADS = """
import hashlib, numpy as np, pandas as pd
from scipy import sparse
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.local_geary import local_geary_multivariate
from spatial.autocorrelation.neighbours import from_matrix
n = 12_000
rng = np.random.default_rng(3)
steps = (1, 2, 110)
matrix = sparse.diags_array([rng.uniform(0.5, 1.5, size=n - d) for d in steps], offsets=steps, shape=(n, n)).tocsr()
graph = from_matrix(pd.RangeIndex(n), matrix)
values = pd.DataFrame(rng.normal(size=(n, 3)))
one = local_tests(values[0], graph, rng=np.random.default_rng(1), permutations=300)
two = local_geary_multivariate(values, graph, rng=np.random.default_rng(1), permutations=300)
print(*(hashlib.sha256(pd.util.hash_pandas_object(r.table).to_numpy().tobytes()).hexdigest() for r in (one, two)))
"""


def test_the_number_of_threads_changes_no_byte():
    found = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        done = subprocess.run(
            [sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop().split()) == 2


def test_corrections_equal_those_of_scipy():
    rng = np.random.default_rng(0)
    for p in (rng.random(300), np.round(rng.random(50), 1), np.ones(4), np.array([0.03])):
        np.testing.assert_allclose(adjust(p, "fdr"), false_discovery_control(p, method="bh"))
        np.testing.assert_allclose(adjust(p, "by"), false_discovery_control(p, method="by"))
        np.testing.assert_array_equal(adjust(p, "none"), p)


@pytest.mark.parametrize("name", [*SINGLE, "bivariate", "geary2"])
def test_states_stand_instead_of_p_values(field, name):
    values, graph, _ = field
    columns = [values["x"], values["y"]]
    few = one_of(name, columns, graph, min_areas=101)
    assert (few.table["state"] == State.UNTESTABLE).all()
    assert "context" in few.warnings[0]
    assert few.n_effective == 0
    flat = one_of(name, [pd.Series(0.1, index=values.index), pd.Series(0.1, index=values.index)], graph)
    assert (flat.table["state"] == State.UNDEFINED).all()
    for result in (few, flat):
        assert result.table[["statistic", "z", "p_upper", "p_lower", "p", "p_adjusted"]].isna().all(axis=None)
        assert (result.table["label"] == Label.NO_LABEL).all()
    hidden = pd.Series(values.index == "c0005", index=values.index)
    with pytest.raises(SpatialError, match="c0005"):
        one_of(name, columns, graph, suppressed=hidden)
    holed = one_of(name, [column.mask(hidden) for column in columns], graph, suppressed=hidden, context=hidden).table
    assert holed.loc["c0005", "state"] == State.SUPPRESSED
    assert list(holed.columns) == [
        "value",
        "statistic",
        "z",
        "p_upper",
        "p_lower",
        "p",
        "p_adjusted",
        "quadrant",
        "label",
        "state",
        "neighbours",
        "support",
    ]


def test_a_matrix_of_weights_is_as_good_as_a_graph(field):
    values, _, weighted = field
    mixed = np.random.default_rng(4).permutation(100)
    again = from_matrix(weighted.ids[mixed], weighted.matrix[mixed][:, mixed])
    for name in SINGLE:
        pd.testing.assert_frame_equal(
            one_of(name, [values["x"]], again).table, one_of(name, [values["x"]], weighted).table
        )
    with pytest.raises(SpatialError, match="none its own neighbour"):
        from_matrix(weighted.ids, sparse.csr_array(weighted.matrix + np.eye(100)))
    with pytest.raises(SpatialError, match=r"shape \(100, 100\)"):
        from_matrix(weighted.ids[:50], weighted.matrix)


def test_what_cannot_be_meant_is_refused(field):
    values, graph, _ = field
    rng = np.random.default_rng(0)
    with pytest.raises(SpatialError, match=r"true or false.*2\.0.*c0003"):
        local_join_counts(pd.Series(np.where(graph.ids == "c0003", 2.0, 1.0), index=graph.ids), graph, rng=rng)
    with pytest.raises(SpatialError, match="at least one variable"):
        local_geary_multivariate(values[[]], graph, rng=rng)
    with pytest.raises(AreaKeyError, match="same areas"):
        local_moran_bivariate(values["x"], values["y"][1:], graph, rng=rng)
    with pytest.raises(SpatialError, match="transform r"):
        local_moran(values["x"], graph, rng=rng, transform="v")
    with pytest.raises(AreaKeyError, match="c0000"):
        local_geary(pd.concat([values["x"], values["x"][:1]]), graph, rng=rng)
    with pytest.raises(SpatialError, match="reindex"):
        local_gi(values["x"][1:], graph, rng=rng)
    with pytest.raises(AreaKeyError, match="same areas"):
        local_gi(values["y"].abs(), graph, rng=rng, population=values["y"].abs()[1:])
