"""Dynamics on the figures of Berlin's Monitoring Soziale Stadtentwicklung 2021, by the code of the status."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spatial.index.composite import status_index
from spatial.index.dynamics import cross_table, groups, relative_dynamics
from spatial.index.presets import MSS

pytestmark = pytest.mark.real

STATUS, DYNAMICS = ["S1", "S3", "S4"], ["D1", "D3", "D4"]


@pytest.fixture(scope="module")
def table(real_data):
    path = real_data / "berlin" / "berlin_mss_2021_index_indikatoren.csv"
    return pd.read_csv(path, dtype={"PLR_ID": str}).set_index("PLR_ID")


@pytest.fixture(scope="module")
def values(table):
    return table[[*STATUS, *DYNAMICS]].replace(-9999, np.nan)


@pytest.fixture(scope="module")
def exclude(table):
    return table.loc[table["KOM"] != "gültig", "KOM"].to_dict()


@pytest.fixture(scope="module")
def dynamics(values, exclude):
    return relative_dynamics(values[DYNAMICS], exclude=exclude)


def transcription(values: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return z and score as the report describes them, column by column in plain Python."""
    rows = values.to_numpy().tolist()
    n = len(rows)
    z = []
    for column in zip(*rows, strict=True):
        mean = sum(column) / n
        sd = (sum((x - mean) ** 2 for x in column) / n) ** 0.5
        z.append([(x - mean) / sd for x in column])
    total = [sum(part) for part in zip(*z, strict=True)]
    mean = sum(total) / n
    sd = (sum((t - mean) ** 2 for t in total) / n) ** 0.5
    return np.array(z).T, np.array([(t - mean) / sd for t in total])


def deviation(result, values, exclude, names) -> float:
    z, score = transcription(values[names].drop(index=list(exclude)))
    ours = result.table[result.table["excluded"] == ""]
    return max(np.abs(ours[[f"z_{n}" for n in names]] - z).max(axis=None), np.abs(ours["score"] - score).max())


def test_536_dynamics_classes_are_those_of_the_published_rule(dynamics, values, exclude):
    _, score = transcription(values[DYNAMICS].drop(index=list(exclude)))
    expected = ["positiv" if s <= -1 else "negativ" if s > 1 else "stabil" for s in score]
    ours = dynamics.table.loc[dynamics.table["excluded"] == "", "status_class"]
    assert len(ours) == 536
    assert list(ours) == expected
    assert ours.value_counts().to_dict() == {"stabil": 436, "negativ": 52, "positiv": 48}
    assert dynamics.table.loc[list(exclude), "status_class"].isna().all()


@pytest.mark.parametrize("names", [STATUS, DYNAMICS])
def test_z_deviates_by_less_than_1e_9_with_the_population_sd_only(values, exclude, names):
    make = status_index if names is STATUS else relative_dynamics
    assert deviation(make(values[names], exclude=exclude), values, exclude, names) < 1e-9
    assert deviation(make(values[names], exclude=exclude, ddof=1), values, exclude, names) > 1e-3


def test_z_agrees_with_the_published_groups_of_single_indicators(dynamics, table):
    """The publication cuts each indicator at one SD; two of 1 608 values lie within .005 of a cut on the other side."""
    valid = table["KOM"] == "gültig"
    differ = []
    for name in DYNAMICS:
        z = dynamics.table.loc[valid, f"z_{name}"]
        ours = np.where(z <= -1, 1, np.where(z > 1, 3, 2))
        differ += list(z[ours != table.loc[valid, f"{name}_SD_GR"]])
    assert len(differ) == 2
    assert np.abs(np.abs(differ) - 1).max() < 0.005


def test_relative_dynamics_call_areas_positive_where_unemployment_rose(dynamics, values):
    better = dynamics.table.index[dynamics.table["status_class"] == "positiv"]
    assert (values.loc[better, "D1"] > 0).sum() == 36
    assert len(better) == 48


def test_twelve_groups_hold_all_valid_areas(dynamics, values, exclude):
    grouped = groups(status_index(values[STATUS], exclude=exclude), dynamics)
    counts = cross_table(grouped)
    assert counts.to_numpy().sum() == 536
    assert counts.sum(axis=1).to_dict() == {"hoch": 75, "mittel": 366, "niedrig": 46, "sehr niedrig": 49}
    assert grouped["attention"].sum() == counts.loc["sehr niedrig"].sum() + counts.loc["niedrig", "negativ"]
    assert grouped["attention"].isna().sum() == 6
    assert set(MSS.labels) == set(counts.index)
