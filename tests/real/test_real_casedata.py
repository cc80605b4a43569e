"""Not one column of the real files is taken for case data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyogrio
import pytest
import python_calamine

from geodata.errors import NoDataError
from geodata.readers.sheet import open_sheet
from geodata.supply.casedata import Finding, find, inspect

pytestmark = pytest.mark.real


def found_in(path: Path) -> list[Finding]:
    if path.suffix == ".csv":
        return list(inspect(open_sheet(path)))
    if path.suffix in (".xls", ".xlsx"):
        found: list[Finding] = []
        for name in python_calamine.CalamineWorkbook.from_path(path).sheet_names:
            try:
                found += inspect(open_sheet(path, sheet=name))
            except NoDataError:
                continue
        return found
    if path.suffix == ".parquet":
        frames = [pd.read_parquet(path)]
    else:
        layers = [name for name, _ in pyogrio.list_layers(path)]
        frames = [pyogrio.read_dataframe(path, layer=layer, read_geometry=False) for layer in layers]
    return [f for frame in frames for f in find(list(frame.columns), [frame[c].astype("str") for c in frame.columns])]


def test_no_real_file_is_taken_for_case_data(real_data: Path) -> None:
    kinds = (".csv", ".xls", ".xlsx", ".parquet", ".gpkg", ".geojson")
    files = sorted(path for path in real_data.rglob("*") if path.suffix in kinds)
    assert len(files) > 25
    assert {path.name: found for path in files if (found := found_in(path))} == {}
