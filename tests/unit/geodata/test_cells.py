"""Cell arithmetic, checked by hand and by counting."""

from __future__ import annotations

import pandas as pd
import pytest

from geodata.cells import coarser_cells, divide_cells, rows_and_columns
from geodata.errors import AreaKeyError


def test_coarser_cell_by_hand() -> None:
    ids = pd.Index(
        ["CRS3035RES100mN2684900E4334100", "CRS3035RES100mN2684000E4334900", "CRS3035RES100mN2685000E4334900"]
    )
    found = coarser_cells(ids, 1000)
    assert list(found.index) == list(ids)
    assert list(found) == [
        "CRS3035RES1000mN2684000E4334000",
        "CRS3035RES1000mN2684000E4334000",
        "CRS3035RES1000mN2685000E4334000",
    ]


def test_division_fills_exactly_the_empty_cells() -> None:
    coarse = pd.Index(["CRS3035RES1000mN2684000E4334000", "CRS3035RES1000mN2685000E4334000"])
    fine = pd.Index(["CRS3035RES100mN2684900E4334100"])
    made = divide_cells(coarse, fine, cell_size=100)
    assert len(made) == made.nunique() == 100
    assert set(coarser_cells(made, 1000)) == {coarse[1]}


def test_sizes_must_nest() -> None:
    with pytest.raises(AreaKeyError, match="divides 150 m"):
        coarser_cells(pd.Index(["CRS3035RES100mN2684900E4334100"]), 150)


def test_rows_run_north_and_columns_east() -> None:
    rows, columns = rows_and_columns(
        pd.Index(["CRS3035RES100mN2684900E4334100", "CRS3035RES100mN2685000E4334000"]), 100
    )
    assert rows[1] - rows[0] == 1
    assert columns[1] - columns[0] == -1
