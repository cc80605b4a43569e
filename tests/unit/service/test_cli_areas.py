"""``sozialmonitor areas build`` on files: merged areas, the table that is edited and given back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely import box

from geodata.readers.vector import check_geometries
from service.cli import main


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, ["areas", "build", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A town of 8 × 6 squares, west and east different, and two squares beyond a river."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "key": f"0{x}{y}",
            "name": f"Ort {x}{y}",
            "people": int(rng.integers(100, 600)),
            "poor": (20.0 if x > 3 else 5.0) + rng.normal(),
            "cases": int(rng.integers(0, 50)),
            "geometry": box(600_000 + 500 * x, 5_700_000 + 500 * y, 600_500 + 500 * x, 5_700_500 + 500 * y),
        }
        for x in range(8)
        for y in range(6)
    ]
    path = tmp_path / "areas.gpkg"
    gpd.GeoDataFrame(rows, crs=25832).to_file(path)
    return path


ASKED = ["--id", "key", "--population", "people", "--floor", 1000]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"key": str, "region": str}, keep_default_na=False).set_index("key")


def test_merged_areas_reach_the_floor_hang_together_and_keep_all_counts(layer: Path, tmp_path: Path):
    out = tmp_path / "merged.gpkg"
    said = json.loads(call(layer, out, *ASKED, "--value", "poor", "--sum", "cases", "--name", "name", "--json").stdout)
    merged = gpd.read_file(out).set_index("region")
    areas = gpd.read_file(layer).set_index("key")
    table = read(tmp_path / "merged_assignment.csv")
    assert said["regions"] == len(merged) == table["region"].nunique() > 8
    assert merged["people"].min() == said["smallest"] >= 1000
    assert merged.geom_type.isin(["Polygon", "MultiPolygon"]).all()
    assert (merged.geometry.count_geometries() == 1).all()
    check_geometries(merged.geometry, merged.index, "merged")
    assert merged.area.sum() == pytest.approx(areas.area.sum())
    assert merged["cases"].sum() == areas["cases"].sum()
    pd.testing.assert_series_equal(
        merged["people"], areas["people"].groupby(table["region"]).sum().astype(float), check_names=False
    )
    # Alike in poverty: no merged area has both kinds of squares, apart from what the floor forces.
    mixed = (areas.index.str[1].astype(int) > 3).astype(int)
    kinds = pd.Series(mixed, index=areas.index).groupby(table["region"]).nunique()
    assert (kinds > 1).sum() <= 1
    assert list(table["name"]) == list(areas["name"])


def test_the_table_is_edited_and_given_back(layer: Path, tmp_path: Path):
    call(layer, tmp_path / "one.gpkg", *ASKED)
    table = read(tmp_path / "one_assignment.csv")
    merged = gpd.read_file(tmp_path / "one.gpkg").set_index("region")
    first, second = next(
        (a, b)
        for a in merged.index
        for b in merged.index
        if a < b and merged.geometry[a].buffer(1).overlaps(merged.geometry[b])
    )
    table["region"] = table["region"].replace({first: "+Nordstadt", second: "+Nordstadt"})
    edited = tmp_path / "edited.xlsx"
    table.reset_index().to_excel(edited, index=False)
    call(layer, tmp_path / "two.gpkg", *ASKED, "--keep", edited)
    again = read(tmp_path / "two_assignment.csv")
    kept = again["region"].str.removeprefix("'")
    pd.testing.assert_series_equal(kept, table["region"], check_dtype=False)
    assert set(again["state"]) == {"kept"}
    call(layer, tmp_path / "three.gpkg", *ASKED, "--keep", tmp_path / "two_assignment.csv")
    assert (tmp_path / "three_assignment.csv").read_bytes() == (tmp_path / "two_assignment.csv").read_bytes()


def test_islands_are_refused_by_name_or_joined_over_water(layer: Path, tmp_path: Path):
    areas = gpd.read_file(layer)
    areas.loc[[46, 47], "geometry"] = areas.loc[[46, 47], "geometry"].translate(2000, 0)
    areas.loc[[46, 47], "people"] = 120
    path, out = tmp_path / "river.gpkg", tmp_path / "out.gpkg"
    areas.to_file(path)
    told = words(call(path, out, *ASKED, code=3).stderr)
    assert "found 1 with fewer: 074, 075 (240 people)" in told
    assert "--islands nearest" in told
    assert not out.exists()
    told = words(call(path, out, *ASKED, "--islands", "nearest").stderr)
    assert "do not touch and count as neighbours (1500 m apart)" in told
    assert gpd.read_file(out)["people"].min() >= 1000


def test_merged_areas_do_not_cross_a_larger_zone(layer: Path, tmp_path: Path):
    areas = gpd.read_file(layer)
    areas["town"] = ["West" if key[1] in "0123" else "Ost" for key in areas["key"]]
    areas.loc[areas["key"].isin(["000", "075"]), "town"] = ["Ost", "West"]  # exclaves
    path = tmp_path / "towns.gpkg"
    areas.to_file(path)
    told = words(call(path, tmp_path / "a.gpkg", *ASKED, "--within", "town", code=3).stderr)
    assert "found 2 with fewer: 000" in told
    out = tmp_path / "b.gpkg"
    told = words(call(path, out, *ASKED, "--within", "town", "--islands", "nearest").stderr)
    assert "do not touch and count as neighbours" in told
    table = read(tmp_path / "b_assignment.csv")
    assert areas.set_index("key")["town"].groupby(table["region"]).nunique().max() == 1
    assert gpd.read_file(out)["people"].min() >= 1000
    areas.assign(town=areas["key"]).to_file(path)
    assert "leave out --within" in words(call(path, out, *ASKED, "--within", "town", "--islands", "nearest",
                                             "--overwrite", code=3).stderr)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--floor", 10_000_000], 3, "expected a floor of at most the"),
        (["--floor", -5], 2, "--floor"),
        (["--population", "name"], 3, "expected a number or a sign"),
        (["--population", "inhabitants"], 3, "expected a column 'inhabitants'"),
        (["--weights", "knn:4"], 2, "expected rook, queen, fuzzy"),
        (["--sum", "people"], 3, "expected other columns than those of the results"),
        (["--value", "same"], 3, "values that differ between areas"),
        (["--keep", "none.csv"], 3, "none.csv"),
    ],
)
def test_what_makes_no_sense_writes_nothing(layer: Path, tmp_path: Path, options: list, code: int, said: str):
    areas = gpd.read_file(layer)
    areas.assign(same=1.0).to_file(layer)
    out = tmp_path / "out.gpkg"
    assert said in words(call(layer, out, *ASKED, *options, code=code).stderr)
    assert not out.exists()
    assert not (tmp_path / "out_assignment.csv").exists()


def test_tables_without_shapes_and_assignments_of_other_areas_are_refused(layer: Path, tmp_path: Path):
    table = tmp_path / "areas.csv"
    pd.DataFrame(gpd.read_file(layer).drop(columns="geometry")).to_csv(table, index=False)
    out = tmp_path / "out.gpkg"
    assert "table without shapes" in words(call(table, out, *ASKED, code=2).stderr)
    call(layer, out, *ASKED)
    lost = tmp_path / "lost.csv"
    read(tmp_path / "out_assignment.csv").rename(index=lambda key: key.lstrip("0") + "9").to_csv(lost)
    told = words(call(layer, tmp_path / "b.gpkg", *ASKED, "--keep", lost, code=3).stderr)
    assert "leading zeros" in told
    assert "--overwrite" in call(layer, out, *ASKED, code=3).stderr
