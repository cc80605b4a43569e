"""LISA transitions: the moves counted by hand, where giddy is installed; a clear error where it is not."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, SpatialError
from spatial.autocorrelation.graphs import grid_contiguity, neighbour_matrix, row_standardised
from spatial.autocorrelation.transitions import QUADRANTS, lisa_transitions

IDS = pd.Index([f"c{i:02d}" for i in range(49)])
GRAPH = grid_contiguity(np.arange(49) // 7, np.arange(49) % 7, IDS)
HERE = importlib.util.find_spec("giddy") is not None


def series(periods: int = 4) -> dict[int, pd.Series]:
    rng = np.random.default_rng(1)
    return {2019 + t: pd.Series(rng.normal(size=49) + t * 0.1, IDS) for t in range(periods)}


@pytest.mark.skipif(HERE, reason="giddy is installed")
def test_without_giddy_the_error_says_what_to_install():
    with pytest.raises(SpatialError, match="giddy") as caught:
        lisa_transitions(series(), GRAPH)
    assert "sozialmonitor[giddy]" in str(caught.value.hint)


@pytest.mark.skipif(not HERE, reason="giddy, an extra, is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_moves_are_those_between_quadrants():
    values = series()
    got = lisa_transitions({t: x[::-1] for t, x in values.items()}, GRAPH)
    w = row_standardised(neighbour_matrix(GRAPH, IDS))
    states = []
    for x in values.values():
        z = (x - x.mean()).to_numpy()
        high, around = z > 0, w @ z > 0
        states.append(np.select([high & around, ~high & around, ~high & ~around], [0, 1, 2], 3))
    expected = np.zeros((4, 4))
    for before, after in pairwise(states):
        np.add.at(expected, (before, after), 1)
    np.testing.assert_array_equal(got.counts.to_numpy(), expected)
    assert tuple(got.counts.index) == QUADRANTS
    np.testing.assert_allclose(got.shares.sum(axis=1), 1)
    assert 0 <= got.p <= 1
    with pytest.raises(SpatialError, match="2 periods"):
        lisa_transitions(series(1), GRAPH)
    with pytest.raises(AreaKeyError, match="2019"):
        lisa_transitions({2019: values[2019][1:], 2020: values[2020]}, GRAPH)
    with pytest.raises(SpatialError, match="c05"):
        lisa_transitions({**values, 2019: values[2019].where(IDS != "c05")}, GRAPH)
