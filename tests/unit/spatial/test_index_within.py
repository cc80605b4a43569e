"""Ranks within a frame: the same as the sensitivity analysis where all areas are shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError
from spatial.index.presets import MSS
from spatial.index.sensitivity import sensitivity
from spatial.index.variants import Choices, Variants
from spatial.index.within import within_frame

AREAS = pd.Index([f"a{i}" for i in range(30)])


@pytest.fixture
def variants() -> Variants:
    rng = np.random.default_rng(3)
    draws = rng.gamma(4, 2, (1, 30, 3)) + rng.normal(0, 0.6, (50, 30, 3))
    return Variants(draws, AREAS, ("a", "b", "c"), Choices())


def test_with_all_areas_it_is_the_sensitivity_analysis(variants):
    oracle = sensitivity(variants, 400, rng=np.random.default_rng(1)).table
    found = within_frame(variants, oracle["status_class"], MSS.labels, rng=np.random.default_rng(1), n=400, at=MSS.cuts)
    pd.testing.assert_series_equal(found["rank_low"], oracle["rank_low"])
    pd.testing.assert_series_equal(found["rank_high"], oracle["rank_high"])
    np.testing.assert_allclose(found["worst_share"], oracle["worst"])
    np.testing.assert_allclose(found["class_probability"], oracle["class_probability"])
    for k, label in enumerate(MSS.labels, start=1):
        np.testing.assert_allclose(found[f"probability_{k}"], oracle[f"probability_{label}"])


def test_some_areas_are_ranked_among_themselves_and_classed_on_the_frame(variants):
    oracle = sensitivity(variants, 400, rng=np.random.default_rng(1)).table
    shown = oracle["status_class"].iloc[[4, 9, 20]].where([True, True, False], None)
    found = within_frame(variants, shown, MSS.labels, rng=np.random.default_rng(1), n=400, at=MSS.cuts)
    assert found["rank_high"].dropna().max() <= 3
    np.testing.assert_allclose(found["worst_share"].iloc[:2], oracle["worst"].iloc[[4, 9]])
    assert found.iloc[2].isna().all()
    with pytest.raises(AreaKeyError, match="outside the frame: b1"):
        within_frame(variants, pd.Series(["hoch"], ["b1"]), MSS.labels, rng=np.random.default_rng(1), at=MSS.cuts)
