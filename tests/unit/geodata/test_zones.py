"""Layers of any origin: ids and numbers as delivered, what is refused, and writing in every format."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely import box

from geodata.errors import AreaKeyError, ColumnError, CrsError, FormatError, GeometryError, UsageError
from geodata.zones import ENDINGS, read_zones, require_writable, split_layer, write_zones


def layer(**columns: list) -> gpd.GeoDataFrame:
    shapes = [box(600000 + i, 5790000, 600001 + i, 5790001) for i in range(len(next(iter(columns.values()))))]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=25832)


def test_ids_and_numbers_are_as_delivered(tmp_path: Path):
    path = tmp_path / "zones.gpkg"
    layer(key=["007", "08"], whole=[7, 8], value=[1.5, np.nan], text=["3", " "]).to_file(path, layer="a")
    layer(key=["x"], value=[2.0]).to_file(path, layer="b")
    with pytest.raises(ColumnError, match="2 layers"):
        read_zones(str(path), id_field="key")
    zones = read_zones(f"{path}|layername=a", id_field="key", numbers=["value", "text"])
    assert zones.index.to_list() == ["007", "08"]
    assert zones["value"].to_list()[0] == 1.5
    np.testing.assert_array_equal(zones["text"].isna(), [False, True])
    assert read_zones(f"{path}|layername=a", id_field="whole").index.to_list() == [7, 8]
    assert read_zones(f"{path}|layername=a").index.to_list() == [1, 2]
    assert split_layer("x.shp") == (Path("x.shp"), None)


@pytest.mark.parametrize(
    ("columns", "numbers", "error", "words"),
    [
        ({"key": ["a", "a"]}, [], AreaKeyError, "repeated a"),
        ({"key": ["a", None]}, [], AreaKeyError, "found none in features 2"),
        ({"key": ["a", "b"], "v": ["1", "1,5"]}, ["v"], ColumnError, "1,5"),
        ({"key": ["a", "b"]}, ["v"], ColumnError, "'v'"),
    ],
)
def test_what_is_refused(tmp_path: Path, columns, numbers, error, words):
    path = tmp_path / "zones.gpkg"
    layer(**columns).to_file(path)
    with pytest.raises(error, match=words):
        read_zones(str(path), id_field="key", numbers=numbers)


def test_geometry_and_crs_are_checked_where_they_matter(tmp_path: Path):
    path = tmp_path / "zones.gpkg"
    points = layer(key=["a", "b"])
    points["geometry"] = points.centroid
    points.to_file(path)
    with pytest.raises(GeometryError, match="expected polygons"):
        read_zones(str(path), id_field="key")
    assert read_zones(str(path), id_field="key", polygons=False).geom_type.tolist() == ["Point", "Point"]
    bare = tmp_path / "bare.parquet"
    gpd.GeoDataFrame(points.drop(columns="geometry"), geometry=points.geometry.to_numpy(), crs=None).to_parquet(bare)
    with pytest.raises(CrsError, match="no coordinate reference system"):
        read_zones(str(bare), id_field="key", polygons=False)


def test_degrees_are_brought_to_metres_on_request(tmp_path: Path):
    path = tmp_path / "zones.geojson"
    layer(key=["a"]).to_crs(4326).to_file(path)
    assert read_zones(str(path), id_field="key").crs.is_geographic
    zones = read_zones(str(path), id_field="key", project=True)
    assert zones.crs.to_epsg() == 25832
    assert zones.area.iloc[0] == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_is_read_again(tmp_path: Path, ending: str):
    zones = layer(key=["ä", "=1+1"], value=[1.25, np.nan], n=[1, 2], label=["High-High", None]).set_index("key")
    path = tmp_path / f"out{ending}"
    write_zones(path, zones, metadata={"seed": 1, "method": "Fläche"})
    if ending == ".csv":
        table = pd.read_csv(path)
        assert table["key"].to_list() == ["ä", "'=1+1"]
        assert "geometry" not in table
    else:
        again = read_zones(str(path), id_field="key", numbers=["value", "n"])
        again = again.reindex(["ä", "=1+1"])  # FlatGeobuf sorts by place
        np.testing.assert_array_equal(again["value"], zones["value"])
        assert again.to_crs(25832).area.to_list() == pytest.approx([1.0, 1.0], rel=1e-2)
    if ending == ".gpkg":
        assert json.loads(pyogrio.read_info(path)["layer_metadata"]["sozialmonitor"]) == {"seed": 1, "method": "Fläche"}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_output_is_checked_before_anything_is_computed(tmp_path: Path):
    there = tmp_path / "there.gpkg"
    there.write_text("published")
    for path, words, kind in (
        (tmp_path / "x.shp", "ends in", UsageError),
        (tmp_path / "no" / "x.gpkg", "expected the folder", FormatError),
        (there, "--overwrite", FormatError),
    ):
        with pytest.raises(kind) as caught:
            require_writable(path, overwrite=False)
        assert words in str(caught.value.message) + str(caught.value.hint)
    require_writable(there, overwrite=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_named_like_the_ids_is_refused(tmp_path: Path, ending: str):
    zones = layer(id=[1.0, 2.0]).set_index(pd.Index(["a", "b"], name="id"))
    with pytest.raises(ColumnError, match="both named 'id'"):
        write_zones(tmp_path / f"out{ending}", zones, metadata={})
    assert list(tmp_path.iterdir()) == []
