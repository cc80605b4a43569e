"""Peine's Gemeinden within Lower Saxony: a wider reference frame, frozen, on real figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import UntestableError
from spatial.index.composite import status_index
from spatial.index.dynamics import absolute_change
from spatial.index.normalise import Normaliser, ShrunkLogit
from spatial.index.standardise import Standardiser

pytestmark = pytest.mark.real

PEINE = "03157006"


def read(folder, name: str) -> pd.DataFrame:
    table = pd.read_csv(folder / name, sep=";", header=1, dtype=str, encoding="utf-8-sig")
    table = table.rename(columns=dict(zip(table.columns[:3], ("id", "name", "level"), strict=True))).set_index("id")
    years = {column: int(column) for column in table.columns if column.isdigit()}
    values = table[list(years)].rename(columns=years)
    return values.apply(lambda column: pd.to_numeric(column.str.replace(",", "."), errors="coerce"))


@pytest.fixture(scope="module")
def counts(real_data):
    folder = real_data / "peine"
    cases = read(folder, "inkar_arbeitslose_gemeinden_niedersachsen.csv")
    people = read(folder, "inkar_erwerbsfaehige_gemeinden_niedersachsen.csv").reindex(cases.index)
    return cases, people


def rate(counts, year: int) -> pd.DataFrame:
    cases, people = counts
    values = 100 * cases[year] / people[year].where(people[year] > 0)
    return values.dropna().to_frame("unemployed")


def test_peine_stands_at_1_76_standard_deviations_in_lower_saxony(counts):
    values = rate(counts, 2021)
    assert len(values) == 941
    own = values[values.index.str.startswith("03157")]
    assert len(own) == 7
    frame = Standardiser().fit(values)
    table = status_index(own, reference=frame, reference_name="Lower Saxony, 941 units").table
    assert table.loc[PEINE, "z_unemployed"] == pytest.approx(1.76, abs=0.005)
    others = table["z_unemployed"].drop(PEINE)
    assert (round(others.min(), 2), round(others.max(), 2)) == (-0.68, 0.40)
    np.testing.assert_allclose(Normaliser("z").fit(values).transform(own)["unemployed"], table["z_unemployed"])
    # Seven areas standardised on themselves say nothing, and are refused.
    with pytest.raises(UntestableError, match="at least 10 areas"):
        status_index(own)


def test_twenty_years_are_measured_with_the_frame_of_2001(counts):
    base, later = rate(counts, 2001), rate(counts, 2021)
    frame = Standardiser().fit(base)
    found = absolute_change(base, later, frame, base_period=2001, period=2021).table
    own = found[found.index.str.startswith("03157")]
    # The rate fell everywhere in the county; an index standardised year by year would show no fall at all.
    assert (own["change_unemployed"] < 0).all()
    np.testing.assert_allclose(own["change"] * base["unemployed"].std(ddof=0), own["change_unemployed"], rtol=1e-9)
    relative = status_index(later).table["score"]
    assert abs(relative.mean()) < 1e-12
    assert found["change"].mean() < -1


def test_shrinking_moves_small_gemeinden_most_and_keeps_the_city(counts):
    cases, people = (table[2021].dropna() for table in counts)
    ids = cases.index.intersection(people[people > 0].index)
    cases, people = cases[ids], people[ids].where(people[ids] >= cases[ids])
    cases, people = cases[people.notna()], people.dropna()
    district = pd.Series(people.index.str[:5], people.index)
    shrunk = ShrunkLogit.rate(ShrunkLogit().fit(cases, people, district).transform(cases, people, district))
    raw = cases / people
    moved = (shrunk - raw).abs()
    assert moved[PEINE] < 0.0005
    small, large = moved[people < 500], moved[people > 20_000]
    assert small.mean() > 10 * large.mean()
    # The mean of each district lies between its least and its greatest shrunk rate.
    total = cases.groupby(district).sum() / people.groupby(district).sum()
    several = district.value_counts()[lambda n: n > 1].index
    assert (shrunk.groupby(district).min()[several] <= total[several] + 1e-3).all()
    assert (shrunk.groupby(district).max()[several] >= total[several] - 1e-3).all()
