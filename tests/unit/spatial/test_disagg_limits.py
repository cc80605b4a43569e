"""A part below its whole: against SciPy's optimiser, totals, and what must not change."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from shapely import box

from geodata.errors import SpatialError
from spatial.disaggregation import area_weights, cell_weights
from spatial.disaggregation.limits import is_part, limited


def cells(mass: list[float], sources: str) -> pd.Series:
    return pd.Series(mass, index=[f"t{i}" for i in range(len(sources))])


SOURCES = "AAAABBBB"
OF = pd.Series(list(SOURCES), index=[f"t{i}" for i in range(8)])
PEOPLE = cells([10, 20, 30, 40, 5, 5, 5, 0], SOURCES)
FOREIGN = cells([90, 1, 1, 1, 1, 1, 1, 1], SOURCES)


def test_what_exceeds_goes_to_the_other_targets_of_the_source() -> None:
    whole, part = pd.Series({"A": 100.0, "B": 15.0}), pd.Series({"A": 40.0, "B": 9.0})
    ceiling = cell_weights(OF, PEOPLE)
    held, targets = limited(cell_weights(OF, FOREIGN), part, ceiling, whole)
    top, bottom = held.apply(part), ceiling.apply(whole)
    assert (top <= bottom + 1e-12).all()
    assert targets == 2  # t0 and t7, where nobody lives
    np.testing.assert_allclose(top.groupby(OF).sum(), part, rtol=1e-14)
    np.testing.assert_allclose(top[["t0", "t1", "t2", "t3"]], [10, 10, 10, 10])
    np.testing.assert_allclose(top[["t4", "t5", "t6", "t7"]], [3, 3, 3, 0])


def test_where_nothing_exceeds_the_weights_are_the_same_object() -> None:
    own = cell_weights(OF, PEOPLE)
    counts = pd.Series({"A": 40.0, "B": 9.0})
    assert limited(own, counts, own, counts * 2) == (own, 0)


@pytest.mark.parametrize("seed", range(30))
def test_feasible_proportional_and_complete(seed: int) -> None:
    """Where the ceiling does not bind all shares keep their proportions, and no bound one is scaled by more."""
    rng = np.random.default_rng(seed)
    own = cell_weights(
        OF, cells((rng.gamma(0.3, 1, 8) * (rng.random(8) < 0.8) + 1e-3 * np.eye(8)[0]).tolist(), SOURCES)
    )
    above = cell_weights(OF, cells(rng.gamma(0.5, 1, 8).tolist(), SOURCES))
    whole = pd.Series({"A": 100.0, "B": 80.0})
    part = whole * rng.uniform(0.2, 1, 2)
    held, _ = limited(own, part, above, whole)
    x, a, c = held.apply(part), own.apply(part), above.apply(whole)
    assert (x <= c * (1 + 1e-9) + 1e-9).all()
    np.testing.assert_allclose(x.groupby(OF).sum(), part, rtol=1e-12)
    for source in "AB":
        mine = (source == OF).to_numpy()
        free = mine & (x < c - 1e-7).to_numpy() & (a > 0).to_numpy()
        factors = (x / a)[free]
        if len(factors):
            assert factors.max() == pytest.approx(factors.min(), rel=1e-6)
            bound = mine & ~free & (a > 0).to_numpy()
            assert ((x / a)[bound] <= factors.min() * (1 + 1e-6)).all()
    # The shares exist at all: a linear programme finds some, too.
    found = linprog(np.zeros(8), A_eq=[s == OF for s in "AB"], b_eq=part, bounds=[(0, u) for u in c])
    assert found.success


def test_outside_is_a_part_like_any_other() -> None:
    source = gpd.GeoDataFrame(index=["s"], geometry=[box(0, 0, 10, 1)], crs=25832)
    target = gpd.GeoDataFrame(index=["t", "u"], geometry=[box(0, 0, 4, 1), box(4, 0, 5, 1)], crs=25832)
    even = area_weights(source, target, allocate="inside")
    part, whole = pd.Series({"s": 30.0}), pd.Series({"s": 100.0})
    assert limited(even, part, even, whole)[1] == 0
    assert even.outside.tolist() == [0.5]


def test_a_part_is_nowhere_more_and_somewhere_less() -> None:
    people = pd.Series([10.0, 20.0, np.nan])
    assert is_part(pd.Series([10.0, 5.0, 99.0]), people)
    assert not is_part(pd.Series([11.0, 5.0, 1.0]), people)
    assert not is_part(people, people)


def test_other_pieces_are_refused() -> None:
    own = cell_weights(OF, FOREIGN)
    other = cell_weights(OF.replace({"B": "A"}).where(OF.index != "t7", "B"), PEOPLE)
    with pytest.raises(SpatialError, match="same pieces"):
        limited(own, pd.Series({"A": 1.0}), other, pd.Series({"A": 2.0}))
