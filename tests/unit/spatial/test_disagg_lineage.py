"""Coverage and provenance of targets, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from geodata.errors import SpatialError
from spatial.disaggregation import AllocationWeights
from spatial.disaggregation.lineage import gathered, known_share, target_provenance


def weights(provenance: tuple[str, ...] = ("ancillary", "ancillary", "area")) -> AllocationWeights:
    """X (100 persons) over a and b, Y (50) over b, c and e, Z (30) over d and e; f has nothing of Y, g lies nowhere."""
    shares = np.array(
        [[0.4, 0, 0], [0.6, 0.2, 0], [0, 0.4, 0], [0, 0, 0.5], [0, 0.4, 0.5], [0, 0.0, 0], [0, 0, 0]], dtype=float
    )
    t, s = np.nonzero(shares)
    t, s = np.append(t, 5), np.append(s, 1)  # a stored zero: f has part in Y
    matrix = sparse.coo_array((shares[t, s], (t, s)), shape=shares.shape).tocsr()
    sources = pd.Index(list("XYZ"))
    return AllocationWeights(
        matrix,
        sources,
        pd.Index(list("abcdefg")),
        np.zeros(3),
        pd.Series(provenance, index=sources),
        "by hand",
        (2011,),
        pd.DataFrame({"mass": [100.0, 50.0, 30.0]}, index=sources),
    )


def test_coverage_is_the_share_of_the_mass_with_a_value() -> None:
    same = weights(("ancillary",) * 3)
    everything = known_share(same, pd.Series({"X": 1.0, "Y": 0.0, "Z": 3.0}))
    assert everything.drop("g").to_list() == [1.0] * 6
    assert np.isnan(everything["g"])
    found = known_share(same, pd.Series({"X": 1.0, "Y": np.nan, "Z": 3.0}))
    assert found.drop("g").to_dict() == pytest.approx({"a": 1, "b": 60 / 70, "c": 0, "d": 1, "e": 15 / 35, "f": 0})


def test_persons_and_square_metres_do_not_add_up_to_a_coverage() -> None:
    found = known_share(weights(), pd.Series({"X": 1.0, "Y": np.nan, "Z": 3.0}))
    assert np.isnan(found["e"])
    assert found["b"] == pytest.approx(60 / 70)
    assert known_share(weights(), pd.Series({"X": 1.0, "Y": 2.0, "Z": 3.0}))["e"] == 1.0
    assert known_share(weights(), pd.Series({"X": 1.0, "Y": np.nan, "Z": np.nan}))["e"] == 0.0


def test_provenance_is_the_worst_on_the_way_to_a_target() -> None:
    said = target_provenance(weights()).to_dict()
    assert said == {
        "a": "ancillary", "b": "ancillary", "c": "ancillary", "d": "area", "e": "area", "f": "ancillary", "g": "none"
    }  # fmt: skip
    assert target_provenance(weights(("mask", "ancillary", "ancillary")))["b"] == "mask"


def test_targets_are_added_up_to_larger_zones_and_nothing_is_lost() -> None:
    zone_of = pd.Series(
        {"a": "west", "b": "west", "c": "east", "d": "east", "e": None, "f": "far", "g": "far"}, name="z"
    )
    y = pd.Series({"X": 10.0, "Y": 20.0, "Z": 30.0})
    zones = gathered(weights(), zone_of)
    assert zones.apply(y).to_dict() == pytest.approx({"east": 8 + 15, "far": 0, "west": 4 + 6 + 4})
    audit = zones.audit(y)
    assert audit["outside"].to_list() == pytest.approx([0, 8, 15])
    assert audit["difference"].abs().max() <= 1e-14
    assert zones.provenance.to_dict() == {"X": "ancillary", "Y": "ancillary", "Z": "area"}
    with pytest.raises(SpatialError, match="found none"):
        gathered(weights(), zone_of.mask(zone_of.notna()))
