"""Tests of label probability: certain values keep their labels, uncertain ones do not; draws; levels crossed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, SpatialError
from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.robustness import compare_levels, draw_rates, label_probability
from spatial.results import Label

SIDE = 10
IDS = pd.Index([f"c{i:02d}" for i in range(SIDE * SIDE)])
ROW, COL = np.divmod(np.arange(SIDE * SIDE), SIDE)
BLOCK = (ROW < 4) & (COL < 4)
OPTIONS = {"permutations": 4999}


@pytest.fixture(scope="module")
def graphs():
    return {"queen": grid_contiguity(ROW, COL, IDS), "rook": grid_contiguity(ROW, COL, IDS, kind="rook")}


def test_values_without_doubt_keep_every_label(graphs):
    values = pd.Series(np.random.default_rng(1).normal(size=100) + 6 * BLOCK, IDS)
    one = {"queen": graphs["queen"]}
    labels = local_tests(values, one["queen"], rng=np.random.default_rng(2), **OPTIONS).table["label"]
    draws = np.repeat(values.to_numpy()[:, None], 6, axis=1)
    got = label_probability(draws, IDS, one, labels, rng=np.random.default_rng(3), **OPTIONS)
    assert got.repeats == 6
    assert (got.table["label_probability"] == 1).mean() > 0.95  # others are on the edge of their p-value
    assert got.table.loc["c11", ["label", "label_probability", "published"]].tolist() == ["High-High", 1.0, True]
    assert not got.table.loc[got.table["label"] == Label.NOT_SIGNIFICANT, "published"].any()


def test_the_share_is_that_of_the_repeats(graphs):
    rng = np.random.default_rng(4)
    values = pd.Series(rng.normal(size=100) + 2 * BLOCK, IDS)
    draws = values.to_numpy()[:, None] + rng.normal(scale=0.8, size=(100, 5))
    draws[7] = np.nan
    labels = local_tests(values, graphs["queen"], rng=rng, **OPTIONS).table["label"]
    got = label_probability(draws, IDS, graphs, labels, rng=np.random.default_rng(5), **OPTIONS)
    rng = np.random.default_rng(5)
    each = [
        local_tests(pd.Series(draws[:, r], IDS), graph, rng=rng, **OPTIONS).table["label"]
        for graph in graphs.values()
        for r in range(5)
    ]
    kept = np.mean([(one == labels).to_numpy() for one in each], axis=0)
    tested = np.arange(100) != 7
    np.testing.assert_allclose(got.table["label_probability"][tested], kept[tested])
    assert np.isnan(got.table["label_probability"].iloc[7])
    np.testing.assert_allclose(got.by_graph.mean(axis=1)[tested], kept[tested])
    np.testing.assert_allclose(got.table.filter(like="share ").sum(axis=1), 1.0)
    published = got.table["published"]
    assert (published == ((labels != Label.NOT_SIGNIFICANT) & (kept >= 0.9) & tested)).all()
    lower = label_probability(draws, IDS, graphs, labels, rng=np.random.default_rng(5), threshold=0.3, **OPTIONS)
    assert lower.table["published"].sum() > published.sum()


def test_small_populations_have_less_certain_labels(graphs):
    """The same rates; of a tenth of the people, labels hold less often."""
    shares = {}
    for size in (4000, 150):
        rng = np.random.default_rng(6)
        people = pd.Series(float(size), IDS)
        cases = pd.Series(np.rint(size * (0.08 + 0.06 * BLOCK + rng.normal(0, 0.004, 100))), IDS)
        z = empirical_bayes(cases, people)
        labels = local_tests(z, graphs["queen"], rng=rng, **OPTIONS).table["label"]
        _, drawn = draw_rates(cases, people, 12, rng)
        again = np.column_stack([empirical_bayes(pd.Series(c, IDS), people) for c in drawn.T])
        got = label_probability(again, IDS, {"queen": graphs["queen"]}, labels, rng=rng, **OPTIONS)
        hot = got.table["label"] == Label.HIGH_HIGH
        assert hot.any()
        shares[size] = got.table.loc[hot, "label_probability"].mean()
    assert shares[150] < shares[4000]


def test_draws_have_the_moments_of_the_posterior():
    rng = np.random.default_rng(7)
    people = pd.Series(rng.integers(50, 5000, size=100).astype(float), IDS)
    cases = pd.Series(rng.binomial(people.astype(int), rng.beta(8, 92, size=100)).astype(float), IDS)
    cases.iloc[3] = np.nan
    rates, counts = draw_rates(cases, people, 4000, rng)
    assert np.isnan(rates[3]).all()
    there = np.arange(100) != 3
    raw = (cases / people).to_numpy()
    b = cases.sum() / people[there].sum()
    mean = rates.mean(axis=1)
    # Towards the mean, more where fewer people live.
    assert (np.abs(mean - b)[there] <= np.abs(raw - b)[there] + 0.003).all()
    pull = 1 - (mean - b)[there] / (raw - b)[there]
    far = np.abs(raw - b)[there] > 0.01
    assert np.corrcoef(pull[far], 1 / people[there][far])[0, 1] > 0.5
    np.testing.assert_allclose(counts[there].mean(axis=1), people[there] * mean[there], rtol=0.02)
    flat, _ = draw_rates(pd.Series(10.0, IDS), pd.Series(100.0, IDS), 3, rng)
    assert (flat == 0.1).all()


def test_nonsense_is_refused(graphs):
    labels = pd.Series("not significant", IDS)
    args = {"rng": np.random.default_rng(0), **OPTIONS}
    with pytest.raises(SpatialError, match="shape"):
        label_probability(np.zeros((5, 2)), IDS, graphs, labels, **args)
    with pytest.raises(SpatialError, match="graph"):
        label_probability(np.zeros((100, 2)), IDS, {}, labels, **args)
    with pytest.raises(SpatialError, match="threshold"):
        label_probability(np.zeros((100, 2)), IDS, graphs, labels, threshold=0, **args)
    with pytest.raises(AreaKeyError, match="c00"):
        label_probability(np.zeros((100, 2)), IDS, graphs, labels[1:], **args)
    with pytest.raises(SpatialError, match="between 0"):
        draw_rates(pd.Series([5.0]), pd.Series([4.0]), 3, np.random.default_rng(0))
    with pytest.raises(AreaKeyError):
        draw_rates(pd.Series([5.0]), pd.Series([4.0], ["a"]), 3, np.random.default_rng(0))


def test_levels_are_crossed_by_their_labels(graphs):
    values = pd.Series(np.random.default_rng(8).normal(size=100) + 6 * BLOCK, IDS)
    fine = local_tests(values, graphs["queen"], rng=np.random.default_rng(1), **OPTIONS)
    parent = pd.Series([f"p{r // 2}{c // 2}" for r, c in zip(ROW, COL, strict=True)], IDS)
    mean = values.groupby(parent).mean()
    coarse = local_tests(
        mean,
        grid_contiguity([int(p[1]) for p in mean.index], [int(p[2]) for p in mean.index], mean.index),
        rng=np.random.default_rng(2),
        min_areas=20,
        **OPTIONS,
    )
    table = compare_levels(fine, coarse, parent, names=("cells", "blocks"))
    assert table.to_numpy().sum() == 100
    assert (table.index.name, table.columns.name) == ("cells", "blocks")
    up = coarse.table["label"].reindex(parent).to_numpy()
    both = (fine.table["label"] == "High-High").to_numpy() & (up == "High-High")
    counted = table.loc["High-High", "High-High"] if "High-High" in table.columns else 0
    assert counted == both.sum()
    lost = parent.copy()
    lost["c99"] = None
    assert compare_levels(fine, coarse, lost)["no label"].sum() == 1
    with pytest.raises(AreaKeyError, match="c00"):
        compare_levels(fine, coarse, parent[1:])
    with pytest.raises(AreaKeyError, match="nowhere"):
        compare_levels(fine, coarse, parent.replace("p00", "nowhere"))
