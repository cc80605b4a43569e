"""Keys of administrative areas: checked, and converted only where that is exact."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.errors import AreaKeyError
from geodata.keys import Ags, Ars, Kreis, Lor, Lsn, Verband, convert_keys, require_keys


@pytest.mark.parametrize("kind", [Ags, Ars, Kreis, Verband, Lsn, Lor])
@pytest.mark.parametrize(
    "wrong", ["", "7", "0315700x", " 03157006", "03157006 ", "3157", "٠٣١٥٧", "0315700600", "Ilsede"]
)
def test_what_is_no_key_is_refused(kind, wrong):
    if kind is Lsn and wrong == "7":
        return  # a statistical region
    with pytest.raises(AreaKeyError, match=r"expected"):
        kind(wrong)


def test_larger_areas_are_told_from_smaller_ones():
    ars = Ars("033575408021")
    assert (ars.ags, ars.verband, ars.kreis, ars.kreis.land) == ("03357021", "033575408", "03357", "03")
    assert (type(ars.ags), type(ars.verband), type(ars.kreis)) == (Ags, Verband, Kreis)
    assert Ags("03357021").kreis == ars.verband.kreis == ars.kreis
    # Not the first eight digits.
    assert ars.ags != ars[:8]


@given(st.integers(0, 999_999))
def test_lsn_keys_go_there_and_back(number):
    ags = Ags(f"03{number:06}")
    assert Lsn(ags.lsn).full == ags
    assert convert_keys(pd.Series([ags.lsn, ags]), "lsn").tolist() == [ags, ags]


def test_lsn_keys_are_of_lower_saxony():
    with pytest.raises(AreaKeyError, match="Lower Saxony"):
        _ = Ags("09162000").lsn
    assert [Lsn(k).full for k in ("1", "157", "157006")] == ["031", "03157", "03157006"]


def test_lor_keys_nest():
    lor = Lor("01100205")
    assert (lor.bezirk, lor.prognoseraum, lor.bezirksregion, lor.level) == ("01", "0110", "011002", "planungsraum")
    assert [Lor(k).level for k in ("12", "0110", "011002")] == ["bezirk", "prognoseraum", "bezirksregion"]
    with pytest.raises(AreaKeyError, match="6 digits or more"):
        _ = Lor("0110").bezirksregion
    with pytest.raises(AreaKeyError, match="01 to 12"):
        Lor("13100205")


def test_whole_columns_are_converted_and_keep_their_index():
    keys = pd.Series(["157", "157006", "03157006", "Summe"], index=[5, 3, 2, 9])
    found = convert_keys(keys, "lsn")
    assert found.tolist() == ["03157", "03157006", "03157006", "Summe"]
    assert found.index.tolist() == [5, 3, 2, 9]
    assert convert_keys(pd.Series(["1100205", "12100205", "01"]), "lor").tolist() == ["01100205", "12100205", "01"]
    with pytest.raises(AreaKeyError, match=r"t\.xlsx: expected an LSN key"):
        convert_keys(pd.Series(["15"]), "lsn", where="t.xlsx")
    with pytest.raises(AreaKeyError, match="lsn, lor, found 'nuts'"):
        convert_keys(pd.Series(["1"]), "nuts")


def test_names_are_no_keys():
    require_keys(["DG", "03157", "OT 1"])
    require_keys([])
    with pytest.raises(
        AreaKeyError, match=r"table: expected area keys, found names: Ilsede, Peine -> .* by name alone"
    ):
        require_keys(["Ilsede", "Peine", "Ilsede", "03157006"], where="table")
