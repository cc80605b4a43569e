"""Cell weights and benchmarked masses: by hand, fallbacks with provenance, nothing dropped."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from geodata.errors import AreaKeyError, SpatialError
from spatial.disaggregation import AllocationWeights, benchmark_mass, cell_weights

SOURCE_OF = pd.Series({"c1": "X", "c2": "X", "c3": "Y", "c4": "Y", "c5": None, "c6": "Z"}, name="source")
MASS = pd.Series({"c6": 5.0, "c5": 9.0, "c4": 0.0, "c3": np.nan, "c2": 1.0, "c1": 3.0})


def test_shares_by_hand_with_area_fallback() -> None:
    weights = cell_weights(SOURCE_OF, MASS, ancillary_year=2011)
    assert weights.provenance.to_dict() == {"X": "ancillary", "Y": "area", "Z": "ancillary"}
    x = weights.apply(pd.Series({"X": 8.0, "Y": 6.0, "Z": 1.0}))
    assert x.drop("c5").to_dict() == {"c1": 6, "c2": 2, "c3": 3, "c4": 3, "c6": 1}
    assert np.isnan(x["c5"]), "a cell in no source is missing"
    assert (weights.method, weights.ancillary_years) == ("cells", (2011,))
    assert weights.target_ids.to_list() == SOURCE_OF.index.to_list()


def test_mask_comes_before_area_and_areas_weigh() -> None:
    mask = pd.Series({"c1": False, "c2": False, "c3": False, "c4": True, "c5": True, "c6": False})
    areas = pd.Series({"c1": 1.0, "c2": 1.0, "c3": 3.0, "c4": 1.0, "c5": 1.0, "c6": 1.0})
    y = pd.Series({"X": 8.0, "Y": 6.0, "Z": 1.0})
    masked = cell_weights(SOURCE_OF, MASS, mask=mask, areas=areas)
    assert masked.provenance["Y"] == "mask"
    assert masked.apply(y)[["c3", "c4"]].to_list() == [0, 6]
    unmasked = cell_weights(SOURCE_OF, MASS, areas=areas)
    assert unmasked.apply(y)[["c3", "c4"]].to_list() == [4.5, 1.5]
    empty = cell_weights(SOURCE_OF, MASS, mask=mask & (mask.index == "c5"), areas=areas)
    assert empty.provenance["Y"] == "area"


def test_an_empty_cell_of_a_missing_source_is_missing_too() -> None:
    weights = cell_weights(SOURCE_OF, MASS.replace({3.0: 0.0}))
    assert weights.apply(pd.Series({"X": 8.0, "Y": 6.0, "Z": 1.0}))["c1"] == 0
    assert np.isnan(weights.apply(pd.Series({"X": np.nan, "Y": 6.0, "Z": 1.0}))["c1"])


def test_a_source_without_cells_goes_outside_when_sources_are_named() -> None:
    weights = cell_weights(SOURCE_OF, MASS, sources=["Z", "small", "X", "Y"])
    assert weights.source_ids.to_list() == ["Z", "small", "X", "Y"]
    assert weights.provenance["small"] == "outside"
    assert weights.outside.tolist() == [0, 1, 0, 0]
    assert weights.audit(pd.Series({"small": 4.0}))["outside"]["small"] == 4


@pytest.mark.parametrize(
    ("mass", "error", "word"),
    [
        (MASS.replace({1.0: -1.0}), SpatialError, "c2"),
        (MASS.replace({1.0: np.inf}), SpatialError, "infinite"),
        (MASS * 0, SpatialError, "all zero"),
        (MASS.where(MASS.index == "c5", 0.0), SpatialError, "none in any"),
        (MASS.drop("c1"), AreaKeyError, "c1"),
        (pd.concat([MASS, pd.Series({"c9": 1.0})]), AreaKeyError, "c9"),
        (pd.concat([MASS, MASS.loc[["c1"]]]), AreaKeyError, "repeated"),
    ],
)
def test_refusals(mass: pd.Series, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word) as caught:
        cell_weights(SOURCE_OF, mass, where="Einwohner 2011")
    assert "Einwohner 2011" in str(caught.value)


def test_unknown_source_is_refused() -> None:
    with pytest.raises(AreaKeyError, match="Z"):
        cell_weights(SOURCE_OF, MASS, sources=["X", "Y"])


def test_benchmark_by_hand() -> None:
    fine = pd.Series({"a1": 1.0, "a2": 3.0, "b1": 0.0, "b2": np.nan, "c1": 5.0, "d1": 5.0, "e1": 2.0})
    coarse_of = pd.Series({"a1": "A", "a2": "A", "b1": "B", "b2": "B", "c1": "C", "d1": "D", "e1": None})
    coarse = pd.Series({"A": 100.0, "B": 7.0, "C": 0.0, "D": np.nan, "F": 11.0})
    mass, groups = benchmark_mass(fine, coarse_of.iloc[::-1], coarse)
    assert mass[["a1", "a2", "b1", "b2", "c1"]].to_list() == [25, 75, 3.5, 3.5, 0]
    assert mass[["d1", "e1"]].isna().all()
    assert groups["provenance"].to_list() == ["ancillary", "even", "empty", "unknown", "outside"]
    assert groups["cells"].to_list() == [2, 2, 1, 1, 0]
    assert groups["fine_mass"].to_list() == [4, 0, 5, 5, 0]
    assert groups.index.to_list() == list("ABCDF")


def test_benchmark_keeps_totals() -> None:
    rng = np.random.default_rng(5)
    fine = pd.Series(rng.poisson(0.2, 5000).astype(float))
    coarse_of = pd.Series(rng.integers(0, 900, 5000))
    coarse = pd.Series(rng.integers(0, 10**6, 900).astype(float))
    mass, groups = benchmark_mass(fine, coarse_of, coarse)
    sums = mass.groupby(coarse_of).sum()
    pd.testing.assert_series_equal(sums, coarse.loc[sums.index], rtol=1e-13, check_names=False)
    assert (groups["provenance"] == "even").any()


@pytest.mark.parametrize(
    ("fine", "of", "coarse", "error", "word"),
    [
        ({"a": -1.0}, {"a": "A"}, {"A": 1.0}, SpatialError, "fine"),
        ({"a": 1.0}, {"a": "A"}, {"A": -9.0}, SpatialError, "coarse"),
        ({"a": 1.0}, {"a": "Q"}, {"A": 1.0}, AreaKeyError, "Q"),
        ({"a": 1.0}, {"b": "A"}, {"A": 1.0}, AreaKeyError, "one side"),
    ],
)
def test_benchmark_refusals(fine: dict, of: dict, coarse: dict, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        benchmark_mass(pd.Series(fine), pd.Series(of), pd.Series(coarse))


def test_a_million_equal_cells_keep_their_total() -> None:
    """A running sum of 0.1 a million times is off by 1e-11, and shares divided by it would be too."""
    cells = pd.RangeIndex(1_000_000)
    weights = cell_weights(pd.Series("s", index=cells), pd.Series(0.1, index=cells))
    assert abs(math.fsum(weights.matrix.data) - 1) <= 1e-15
    assert weights.summary(pd.Series({"s": 1e9}))["largest_difference"] <= 1e-15


def test_order_of_cells_and_sources_changes_no_bit() -> None:
    rng = np.random.default_rng(3)
    cells = pd.Index([f"c{i:04}" for i in range(3000)])
    of, mass = pd.Series(rng.choice(list("XYZ"), 3000), index=cells), pd.Series(rng.gamma(0.3, 7.0, 3000), index=cells)
    y = pd.Series({"X": 1 / 3, "Y": 1e9, "Z": 7.1})
    # Two groups of cells that both take from all three sources.
    member = sparse.csr_array((rng.integers(0, 2, 3000)[None, :] == np.array([[0], [1]])).astype(float))
    provenance = pd.Series("area", index=cells)
    groups = AllocationWeights(member, cells, pd.Index(["p", "q"]), np.zeros(3000), provenance, "groups")

    def parts(order: np.ndarray, sources: list[str]) -> tuple[pd.Series, pd.Series]:
        weights = cell_weights(of.iloc[order], mass.iloc[order], sources=sources)
        return weights.apply(y).reindex(cells), weights.compose(groups).apply(y)

    for a, b in zip(parts(np.arange(3000), list("XYZ")), parts(rng.permutation(3000), list("ZXY")), strict=True):
        pd.testing.assert_series_equal(a, b, check_exact=True)
