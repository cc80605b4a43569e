"""The status index and its autocorrelation on the figures of Berlin's Monitoring Soziale Stadtentwicklung 2021."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.autocorrelation.global_ import moran
from spatial.autocorrelation.graphs import contiguity, describe
from spatial.autocorrelation.local import local_tests
from spatial.index.composite import status_index
from spatial.index.presets import MSS
from spatial.index.standardise import Standardiser
from spatial.results import Label, State

pytestmark = pytest.mark.real

INDICATORS = ["S1", "S3", "S4"]
OFFICIAL = {1: "hoch", 2: "mittel", 3: "niedrig", 4: "sehr niedrig"}


@pytest.fixture(scope="module")
def table(real_data):
    path = real_data / "berlin" / "berlin_mss_2021_index_indikatoren.csv"
    return pd.read_csv(path, dtype={"PLR_ID": str}).set_index("PLR_ID")


@pytest.fixture(scope="module")
def values(table):
    return table[INDICATORS].replace(-9999, np.nan)  # the sign for "no value"


@pytest.fixture(scope="module")
def exclude(table):
    return table.loc[table["KOM"] != "gültig", "KOM"].to_dict()


@pytest.fixture(scope="module")
def index(values, exclude):
    return status_index(values, exclude=exclude)


@pytest.fixture(scope="module")
def official(real_data):
    status = pd.read_csv(real_data / "berlin" / "berlin_mss_2021_status.csv", dtype={"PLR_ID": str})
    return status[status["KOM"] == "gültig"].set_index("PLR_ID")


@pytest.fixture(scope="module")
def graph(real_data, index):
    areas = gpd.read_file(real_data / "berlin" / "berlin_lor_plr_2021_simplified10m_epsg25833.gpkg")
    valid = index.table.index[index.table["excluded"] == ""]
    return contiguity(areas.set_index("PLR_ID").loc[valid], "fuzzy", buffer=1.0)


def test_536_of_536_status_classes_are_the_official_ones(index, official):
    ours = index.table.loc[official.index, "status_class"]
    assert len(official) == 536
    assert (ours == official["SI_N"].map(OFFICIAL)).sum() == 536
    assert (ours == official["SI_V"]).sum() == 536
    assert set(ours) == set(MSS.labels)


def test_the_six_excluded_areas_say_why(index, exclude):
    left_out = index.table[index.table["excluded"] != ""]
    assert left_out["excluded"].to_dict() == exclude
    assert len(left_out) == 6
    assert left_out[["score", "rank"]].isna().all(axis=None)
    assert left_out["status_class"].isna().all()


def test_z_scores_are_those_of_a_direct_transcription(index, values, exclude):
    valid = values.drop(index=list(exclude)).to_numpy()
    z = (valid - valid.mean(axis=0)) / np.sqrt(((valid - valid.mean(axis=0)) ** 2).mean(axis=0))
    total = z.sum(axis=1)
    score = (total - total.mean()) / np.sqrt(((total - total.mean()) ** 2).mean())
    ours = index.table[index.table["excluded"] == ""]
    np.testing.assert_allclose(ours[[f"z_{name}" for name in INDICATORS]], z, atol=1e-9, rtol=0)
    np.testing.assert_allclose(ours["score"], score, atol=1e-9, rtol=0)
    parts = ours[[f"contribution_{name}" for name in INDICATORS]].sum(axis=1)
    np.testing.assert_allclose(parts, ours["score"], atol=1e-12, rtol=0)


def test_minus_9999_read_as_a_number_would_wreck_it(table, official):
    wrecked = status_index(table[INDICATORS].astype(float)).table.loc[official.index, "status_class"]
    assert (wrecked == official["SI_N"].map(OFFICIAL)).sum() < 450


def test_the_population_floor_finds_the_small_areas_itself(table, values, exclude):
    outlier = {area: why for area, why in exclude.items() if "Ausreißer" in why}
    found = status_index(values, population=table["EW"], exclude=outlier)
    assert set(found.table.index[found.table["excluded"] != ""]) == set(exclude)
    # Berlin counts one area of unknown population as small; here it says so.
    assert sorted(found.table["excluded"].unique()) == sorted(
        ["", "fewer than 300 inhabitants", "no population figure", "ungültig (Ausreißer)"]
    )


def test_a_frozen_reference_reproduces_its_own_year_and_measures_another(index, values, exclude):
    again = status_index(values, exclude=exclude, reference=Standardiser.from_result(index))
    pd.testing.assert_frame_equal(again.table, index.table, rtol=1e-12)
    risen = status_index(values * 1.1, exclude=exclude, reference=Standardiser.from_result(index))
    assert (risen.table["score"].dropna() > index.table["score"].dropna()).mean() == 1.0
    relative = status_index(values * 1.1, exclude=exclude)
    assert relative.table["score"].mean() == pytest.approx(0, abs=1e-12)


def test_global_autocorrelation_of_the_status_sum(index, graph):
    facts = describe(graph)
    assert (facts["n"], facts["isolates"]) == (536, 0)
    score = index.table["score"].dropna()
    result = moran(score, graph, permutations=999, rng=np.random.default_rng(1))
    assert result.value == pytest.approx(0.498, abs=0.0005)
    assert result.p == 0.001


def test_hotspots_of_the_status_lie_where_the_status_is_low(index, graph):
    score = index.table["score"].dropna()
    result = local_tests(score, graph, rng=np.random.default_rng(1))
    table = result.table
    assert (table["state"] == State.TESTED).all()
    assert result.n_effective == 536
    hot = table["label"] == Label.HIGH_HIGH
    cold = table["label"] == Label.LOW_LOW
    assert 20 <= hot.sum() <= 60
    assert (score[hot] > 0).all()
    assert (score[cold] < 0).all()
    # Wedding (district 01) and Neukölln (08) are the known concentrations, Steglitz-Zehlendorf (06) their opposite.
    districts = table.index.str[:2]
    assert set(districts[hot]) >= {"01", "08"}
    assert "06" not in set(districts[hot])
    assert "06" in set(districts[cold])


def test_p_values_are_those_of_esda_up_to_the_draws(index, graph):
    import esda

    score = index.table["score"].dropna()
    ours = local_tests(score, graph, rng=np.random.default_rng(1)).table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer
        peer = esda.Moran_Local(score, graph.transform("r"), permutations=9999, n_jobs=1, seed=7)
    one_sided = ours[["p_upper", "p_lower"]].min(axis=1)
    assert np.abs(one_sided - peer.p_sim).max() < 0.025
    np.testing.assert_allclose(ours["local_moran"], peer.Is, rtol=1e-10)
