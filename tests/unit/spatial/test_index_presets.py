"""Presets.

Covered: each one's worked example by an independent route in plain Python (sums, loops, power iteration instead of an
eigenvalue routine); contributions; what is assumed is said; signs, units and row order; refusals.
"""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, ColumnError, SpatialError
from spatial.index.composite import status_index
from spatial.index.gisd import gisd_index
from spatial.index.iod import domain_scores, exponential, iod_index
from spatial.index.presets import GISD, IOD, METHODS, MSS, PRESETS, RISE

DIMENSIONS = {"work": ("unemployed", "employed", "wage"), "income": ("tax", "debt", "household")}


def test_every_preset_says_its_source_and_what_is_assumed():
    assert set(METHODS) == {"mss", "rise", "gisd", "iod"}
    assert set(PRESETS) == {"mss", "rise"}
    for name, preset in METHODS.items():
        assert preset.id == name
        assert len(preset.source) > 40
        assert name == "mss" or preset.assumed
    assert "assumed" not in MSS.source
    assert any("cuts" in said for said in RISE.assumed)
    assert math.fsum(IOD.domain_weights.values()) == pytest.approx(99.9)


def test_rise_is_seven_equal_z_scores_over_the_areas_of_300_and_more():
    rng = np.random.default_rng(8)
    names = [f"s{k}" for k in range(7)]
    values = pd.DataFrame(rng.gamma(3, size=(30, 7)), [f"g{i:02d}" for i in range(30)], names)
    people = pd.Series([299 if i % 10 == 0 else 300 + i for i in range(30)], index=values.index)
    result = status_index(
        values, population=people, floor=RISE.floor, cuts=RISE.cuts, labels=RISE.labels, preset="rise"
    )
    valid = [area for area in values.index if people[area] >= 300]
    total = dict.fromkeys(valid, 0.0)
    for name in names:
        column = [values.loc[area, name] for area in valid]
        mean, sd = statistics.mean(column), statistics.pstdev(column)
        for area in valid:
            total[area] += (values.loc[area, name] - mean) / sd
    mean, sd = statistics.mean(total.values()), statistics.pstdev(total.values())
    assert result.table["score"].notna().sum() == 27
    for area in valid:
        score = (total[area] - mean) / sd
        assert result.table.loc[area, "score"] == pytest.approx(score, abs=1e-12)
        assert result.table.loc[area, "status_class"] == RISE.labels[sum(score > cut for cut in RISE.cuts)]
    assert RISE.dynamics_years == 3


def panel(areas: int = 24, years: int = 3, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([[f"a{i:02d}" for i in range(areas)], range(2018, 2018 + years)])
    need = np.repeat(rng.normal(size=areas), years)
    loads = {"unemployed": 3, "employed": -4, "wage": -200, "tax": -80, "debt": 2, "household": -150}
    frame = {name: 500 + s * need + abs(s) * rng.normal(size=len(index)) for name, s in loads.items()}
    return pd.DataFrame(frame, index.set_names(["area_id", "period"]))


def first_component(rows: list[list[float]]) -> list[float]:
    """Return the first principal component by power iteration."""
    m = len(rows[0])
    cov = [[sum(r[i] * r[j] for r in rows) / (len(rows) - 1) for j in range(m)] for i in range(m)]
    v = [1.0 + i / 10 for i in range(m)]
    for _ in range(3000):
        v = [sum(cov[i][j] * v[j] for j in range(m)) for i in range(m)]
        length = math.sqrt(sum(x * x for x in v))
        v = [x / length for x in v]
    return v


def unit_by_year(values: dict) -> dict:
    years = {year for _, year in values}
    ends = {y: [v for (_, year), v in values.items() if year == y] for y in years}
    return {(a, y): (v - min(ends[y])) / (max(ends[y]) - min(ends[y])) for (a, y), v in values.items()}


def test_gisd_is_the_published_recipe_step_by_step():
    data = panel()
    result = gisd_index(data, DIMENSIONS, marker="unemployed")
    keys = list(data.index)
    z = {}
    for name in data:
        column = list(data[name])
        mean, sd = statistics.mean(column), statistics.stdev(column)
        z[name] = [(x - mean) / sd for x in column]
    total = dict.fromkeys(keys, 0.0)
    for dimension, names in DIMENSIONS.items():
        rows = [[z[name][i] for name in names] for i in range(len(keys))]
        v = first_component(rows)
        raw = [sum(a * b for a, b in zip(row, v, strict=True)) for row in rows]
        if statistics.correlation(raw, z["unemployed"]) < 0:
            v, raw = [-x for x in v], [-x for x in raw]
        unit = unit_by_year(dict(zip(keys, raw, strict=True)))
        np.testing.assert_allclose(result.loadings[dimension], v, atol=1e-9)
        np.testing.assert_allclose(result.table[f"dimension_{dimension}"], [unit[k] for k in keys], atol=1e-9)
        total = {k: total[k] + unit[k] for k in keys}
    score = unit_by_year(total)
    np.testing.assert_allclose(result.table["score"], [score[k] for k in keys], atol=1e-9)
    for year in (2018, 2019, 2020):
        ordered = sorted(score[k] for k in keys if k[1] == year)
        n = len(ordered)
        cuts = []
        for share in (0.2, 0.4, 0.6, 0.8):  # type 9: (n + 1/4) p + 3/8
            j, g = divmod((n + 0.25) * share + 0.375, 1)
            cuts.append((1 - g) * ordered[int(j) - 1] + g * ordered[int(j)])
        for key in keys:
            if key[1] == year:
                assert result.table.loc[key, "status_class"] == f"Q{1 + sum(score[key] > cut for cut in cuts)}"
    parts = result.table.filter(like="contribution_").sum(axis=1) + result.table["base"]
    np.testing.assert_allclose(parts, result.table["score"], atol=1e-12, rtol=0)
    assert (GISD.quantile_type, GISD.classes) == (9, 5)
    assert not result.warnings


def test_gisd_does_not_care_for_signs_units_and_order_but_for_the_marker():
    data = panel()
    plain = gisd_index(data, DIMENSIONS, marker="unemployed")
    other = data.assign(wage=-3 * data["wage"] + 7, tax=data["tax"] / 1000)
    found = gisd_index(other.sample(frac=1, random_state=1), DIMENSIONS, marker="unemployed")
    np.testing.assert_allclose(found.table.loc[data.index, "score"], plain.table["score"], atol=1e-9)
    assert (found.table.loc[data.index, "status_class"] == plain.table["status_class"]).all()
    turned = gisd_index(data, DIMENSIONS, marker="employed")
    np.testing.assert_allclose(turned.table["score"], 1 - plain.table["score"], atol=1e-9)


def test_gisd_leaves_holes_missing_and_warns_of_a_weak_sign():
    data = panel()
    data.iloc[4, 0] = np.nan
    result = gisd_index(data, DIMENSIONS, marker="unemployed")
    assert result.table["score"].isna().sum() == 1
    assert result.table["status_class"].iloc[4] is None
    rng = np.random.default_rng(1)
    noise = data.assign(tax=rng.normal(size=len(data)), debt=rng.normal(size=len(data)))
    noise["household"] = rng.normal(size=len(data))
    assert any("income" in said for said in gisd_index(noise, DIMENSIONS, marker="unemployed").warnings)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda d: gisd_index(d.reset_index(), DIMENSIONS, marker="unemployed"), AreaKeyError, "area and period"),
        (lambda d: gisd_index(d, {"x": ("rent", "tax")}, marker="unemployed"), ColumnError, "called rent"),
        (lambda d: gisd_index(d, {"x": ("tax",)}, marker="unemployed"), SpatialError, "two indicators"),
        (lambda d: gisd_index(d, {"x": ("tax", "tax")}, marker="unemployed"), ColumnError, "one dimension"),
        (lambda d: gisd_index(d.assign(tax=1.0), DIMENSIONS, marker="unemployed"), SpatialError, "everywhere in tax"),
        (lambda d: gisd_index(d.assign(tax=np.inf), DIMENSIONS, marker="unemployed"), SpatialError, "infinity"),
        (lambda d: gisd_index(d.iloc[:4], DIMENSIONS, marker="unemployed"), SpatialError, "differ in every year"),
        (lambda d: gisd_index(d * np.nan, DIMENSIONS, marker="unemployed"), SpatialError, "three complete"),
    ],
)
def test_gisd_refuses(make, error, words):
    with pytest.raises(error, match=words):
        make(panel())


def test_the_exponential_transformation_is_the_printed_one():
    values = [5.0, 1.0, 3.0, 3.0, 9.0]
    rank = {5.0: 2, 1.0: 5, 3.0: 3.5, 9.0: 1}
    expected = []
    for value in values:
        r = (5 - rank[value] + 1) / 5
        expected.append(-23 * math.log(1 - r * (1 - math.exp(-100 / 23))))
    found = exponential(pd.Series([*values, np.nan]))
    np.testing.assert_allclose(found[:5], expected, atol=1e-12)
    assert found[4] == pytest.approx(100, abs=1e-12)
    assert np.isnan(found[5])
    # The most deprived tenth has the scores from 50 to 100.
    large = exponential(pd.Series(np.arange(1000.0)))
    assert (large > 50).sum() == pytest.approx(100, abs=3)


def test_iod_is_the_weighted_sum_of_transformed_domains():
    rng = np.random.default_rng(2)
    data = pd.DataFrame(rng.normal(size=(40, 3)), [f"l{i:02d}" for i in range(40)], ["income", "crime", "education"])
    result = iod_index(data)
    weights = {"income": 22.5, "crime": 9.3, "education": 13.5}
    score = {}
    for area in data.index:
        parts = []
        for name, weight in weights.items():
            rank = 1 + sum(data[name] > data.loc[area, name])
            r = (40 - rank + 1) / 40
            parts.append(weight / 45.3 * -23 * math.log(1 - r * (1 - math.exp(-100 / 23))))
        score[area] = sum(parts)
    np.testing.assert_allclose(result.table["score"], list(score.values()), atol=1e-11)
    ordered = sorted(score, key=score.get, reverse=True)
    for place, area in enumerate(ordered):
        assert result.table.loc[area, "rank"] == place + 1
        assert result.table.loc[area, "status_class"] == place // 4 + 1
    parts = result.table.filter(like="contribution_").sum(axis=1)
    np.testing.assert_allclose(parts, result.table["score"], atol=1e-12, rtol=0)
    # Any monotone scale of a domain gives the same index.
    again = iod_index(data.assign(income=np.exp(data["income"])).sample(frac=1, random_state=3))
    np.testing.assert_allclose(again.table.loc[data.index, "score"], result.table["score"], atol=1e-12)
    with pytest.raises(ColumnError, match="none for rent"):
        iod_index(data.rename(columns={"crime": "rent"}))
    hole = data.copy()
    hole.iloc[0, 1] = np.nan
    missing = iod_index(hole).table
    assert missing["score"].isna().sum() == 1
    assert missing.loc["l00", "status_class"] is pd.NA


def test_domains_are_means_of_normal_scores():
    rng = np.random.default_rng(2)
    data = pd.DataFrame(rng.normal(size=(9, 3)), columns=["a", "b", "c"])
    found = domain_scores(data, {"x": ("a", "b"), "y": ("c",)}, polarity={"b": -1})
    normal = statistics.NormalDist()
    for i in range(9):
        above = [1 + sum(data["a"] < data["a"][i]), 1 + sum(data["b"] > data["b"][i])]
        assert found["x"][i] == pytest.approx(sum(normal.inv_cdf(r / 10) for r in above) / 2, abs=1e-9)
    with pytest.raises(ColumnError, match="called d"):
        domain_scores(data, {"x": ("d",)})
