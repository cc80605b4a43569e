"""The order of the rows changes not one bit of a result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.rates import empirical_bayes
from spatial.index.composite import status_index

SIDE = 14
IDS = pd.Index([f"a{i:03d}" for i in range(SIDE * SIDE)], name="area_id")


def figures() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    people = rng.integers(90, 9_000, len(IDS)).astype(float)
    cases = rng.binomial(people.astype(int), 0.1).astype(float)
    return pd.DataFrame({"people": people, "cases": cases, "other": rng.lognormal(size=len(IDS))}, index=IDS)


def results(order: np.ndarray) -> list[pd.DataFrame]:
    table, position = figures().iloc[order], np.arange(len(IDS))[order]
    graph = grid_contiguity(position // SIDE, position % SIDE, table.index)
    rates = empirical_bayes(table["cases"], table["people"])
    tested = local_tests(rates, graph, permutations=199, rng=np.random.default_rng(1))
    index = status_index(pd.DataFrame({"rate": table["cases"] / table["people"], "other": table["other"]}))
    return [rates.to_frame(), tested.table, index.table]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_rows_changes_no_bit(seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(IDS))
    assert list(shuffled) != sorted(shuffled)
    for one, other in zip(results(np.arange(len(IDS))), results(shuffled), strict=True):
        pd.testing.assert_frame_equal(one.sort_index(), other.sort_index(), check_exact=True)
