"""Keys: both directions, whole columns, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.errors import AreaKeyError
from geodata.keys import (
    Ags,
    Ars,
    GridId,
    ars_to_ags,
    convert_keys,
    grid_id,
    grid_ids,
    parse_grid_id,
    parse_grid_ids,
)
from geodata.territory import dissolved


@pytest.mark.parametrize(
    ("ars", "ags"),
    [("031570006006", "03157006"), ("033575408021", "03357021"), ("091620000000", "09162000")],
)
def test_an_ars_without_its_verband_is_the_ags(ars, ags):
    assert ars_to_ags(ars) == ags == Ars(ars).ags
    assert Ars(ars).verband == ars[:9]
    assert Ags(ags).kreis == ars[:5]


@pytest.mark.parametrize("key", ["", "3157006", "031570006", "03157006006x", "0315700600666"])
def test_a_malformed_ars_is_refused(key):
    with pytest.raises(AreaKeyError, match="12 digits"):
        ars_to_ags(key)


def test_a_column_may_mix_levels_and_codes():
    keys = pd.Series(["DG", "03", "031", "03157", "031570006006", "03157006"], index=[9, 8, 7, 6, 5, 4])
    found = convert_keys(keys, "ars-to-ags")
    assert found.tolist() == ["DG", "03", "031", "03157", "03157006", "03157006"]
    assert found.index.tolist() == keys.index.tolist()
    assert convert_keys(pd.Series(["031570006006", "031525401"]), "ars-to-gvb").tolist() == ["031570006", "031525401"]


def test_a_verband_of_one_gemeinde_has_its_key() -> None:
    keys = pd.Series(["031570006", "031010000", "031525401", "03157", "DG"])
    assert convert_keys(keys, "gvb-to-ags").tolist() == ["03157006", "03101000", "031525401", "03157", "DG"]


@pytest.mark.parametrize("how", ["ags", "ars-to-ags", "ars-to-gvb", "gvb-to-ags"])
def test_a_lost_leading_zero_is_named(how):
    with pytest.raises(AreaKeyError, match="3157006") as caught:
        convert_keys(pd.Series(["03157", "3157006"]), how, where="x.csv")
    assert caught.value.where == "x.csv"
    assert "leading zero" in caught.value.hint


def test_grid_ids_name_the_south_west_corner():
    # GITTER_ID and midpoint of one row of the Zensus 2022 file, and the same cell in the notation of 2011.
    assert grid_id(4337050, 2689150, 100) == "CRS3035RES100mN2689100E4337000"
    assert GridId("100mN26891E43370") == "CRS3035RES100mN2689100E4337000"
    assert GridId("1kmN2689E4337") == "CRS3035RES1000mN2689000E4337000"
    assert parse_grid_id("CRS3035RES1000mN2689000E4337000") == (4337500.0, 2689500.0, 1000)


@given(
    st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 55_000)), min_size=1, max_size=30),
    st.sampled_from([100, 250, 1000, 10_000]),
)
def test_midpoints_survive_the_way_to_ids_and_back(corners, size):
    x = pd.Series([c[0] * size + size / 2 for c in corners])
    y = pd.Series([c[1] * size + size / 2 for c in corners])
    ids = grid_ids(x, y, size)
    table = parse_grid_ids(ids)
    assert table["x_mp"].tolist() == x.tolist()
    assert table["y_mp"].tolist() == y.tolist()
    assert set(table["size_m"]) == {size}
    assert table["grid_id"].tolist() == ids.tolist() == [str(GridId(i)) for i in ids]


def test_both_notations_of_a_cell_are_one_id():
    table = parse_grid_ids(pd.Series(["100mN26891E43370", "CRS3035RES100mN2689100E4337000", "10kmN268E433"]))
    assert table["grid_id"].tolist() == [
        "CRS3035RES100mN2689100E4337000",
        "CRS3035RES100mN2689100E4337000",
        "CRS3035RES10000mN2680000E4330000",
    ]
    assert table["x_mp"].tolist() == [4337050.0, 4337050.0, 4335000.0]


def test_corners_given_for_midpoints_are_refused():
    with pytest.raises(AreaKeyError, match="midpoints of 1000 m cells"):
        grid_ids(pd.Series([4337000]), pd.Series([2689500]), 1000)
    with pytest.raises(AreaKeyError, match="midpoints"):
        grid_ids(pd.Series([float("nan")]), pd.Series([2689500]), 1000)


@pytest.mark.parametrize("bad", ["", "N26891E43370", "CRS3035RES100mN2689150E4337000", "CRS3035RES0mN0E0", "Peine"])
def test_an_id_of_no_cell_is_refused(bad):
    with pytest.raises(AreaKeyError):
        parse_grid_ids(pd.Series(["CRS3035RES100mN2689100E4337000", bad]))
    with pytest.raises(AreaKeyError):
        GridId(bad)


def test_a_merger_ends_the_old_keys():
    assert dissolved("03157003", 2014) is None
    assert dissolved("03157004", 2015).successor == "03157009"
    assert dissolved("03157009", 2030) is None
