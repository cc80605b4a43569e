"""Areas, rasters and grid cells: what becomes of good files, and what is said of bad ones."""

from __future__ import annotations

import json
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import LineString, MultiPolygon, Polygon, box

from geodata.errors import (
    AreaKeyError,
    ColumnError,
    CrsError,
    FormatError,
    GeodataError,
    GeometryError,
    MissingFileError,
    NoDataError,
)
from geodata.keys import grid_id
from geodata.models import AreaLayer, Text
from geodata.readers.grid import cells_layer
from geodata.readers.raster import read_raster
from geodata.readers.vector import read_areas, read_features

X, Y = 600_000, 5_790_000  # near Peine, EPSG:25832
TITLE = Text("Gemeinden", "Municipalities")


def square(i, size=1000.0):
    return box(X + i * size, Y, X + (i + 1) * size, Y + size)


def frame(crs="EPSG:25832", **changes):
    columns = {
        "ARS": ["031570001001", "031570002002", "031510003003"],
        "GEN": ["Edemissen", "Hohenhameln", "Gifhorn"],
        "GF": [4, 4, 4],
        "geometry": [square(0), square(1), square(2)],
    }
    return gpd.GeoDataFrame({**columns, **changes}, crs=crs)


def saved(path, table, layer=None):
    table.to_file(path, engine="pyogrio", **({"layer": layer} if layer else {}))
    return path


def read(path, **options):
    asked = {"id_field": "ARS", "crs": "EPSG:25832", "level": "gemeinde", "title": TITLE, "key": "ars-to-ags"}
    return read_areas(path, **{**asked, **options})


def test_a_geopackage_becomes_a_layer(tmp_path):
    layer = read(saved(tmp_path / "a.gpkg", frame()), name_field="GEN", prefix="03157", context=True)
    assert layer.areas.index.tolist() == ["03151003", "03157001", "03157002"]
    assert layer.areas.index.name == "area_id"
    assert layer.areas["context"].tolist() == [True, False, False]
    assert layer.areas["name"].tolist() == ["Gifhorn", "Edemissen", "Hohenhameln"]
    assert list(layer.areas.columns) == ["name", "context", "geometry"]
    assert layer.areas.area.tolist() == pytest.approx([1e6] * 3)
    inside = read(tmp_path / "a.gpkg", prefix="03157")
    assert inside.areas.index.tolist() == ["03157001", "03157002"]
    assert inside.areas["name"].tolist() == ["03157001", "03157002"]
    with pytest.raises(AreaKeyError, match="99999"):
        read(tmp_path / "a.gpkg", prefix="99999")


def test_the_old_field_name_and_geojson_in_degrees(tmp_path):
    old = frame().rename(columns={"ARS": "RS"}).to_crs("EPSG:4326")
    layer = read(saved(tmp_path / "a.geojson", old))
    assert str(layer.areas.crs) == "EPSG:25832"
    assert layer.areas.area.tolist() == pytest.approx([1e6] * 3, rel=1e-5)


def test_parents_and_numeric_keys(tmp_path):
    table = frame(ARS=[31570001001, 31570002002, 31510003003]).assign(AGS=[3157001, 3157002, 3151003], krs="03157")
    path = saved(tmp_path / "a.gpkg", table)
    assert read(path).areas.index.tolist() == ["03151003", "03157001", "03157002"]
    layer = read(path, id_field="AGS", key="ags", parent_field="krs")
    assert layer.areas.index.tolist() == ["03151003", "03157001", "03157002"]
    assert layer.areas["parent_id"].tolist() == ["03157"] * 3


def test_water_parts_repeat_keys_until_filtered_or_united(tmp_path):
    table = frame(ARS=["031570001001", "031570002002", "031570001001"], GF=[4, 4, 2])
    path = saved(tmp_path / "a.gpkg", table)
    with pytest.raises(AreaKeyError, match="1 repeated: 03157001") as caught:
        read(path)
    assert "GF = 4" in caught.value.hint
    kept = read(path, keep={"GF": 4})
    assert kept.areas.area.sum() == pytest.approx(2e6)
    united = read(path, dissolve=True)
    assert united.areas.index.is_unique
    assert united.areas.area.to_dict() == pytest.approx({"03157001": 2e6, "03157002": 1e6})
    assert isinstance(united.areas.geometry["03157001"], MultiPolygon)
    assert len(read(path, keep={"GF": [2, 4], "GEN": "Gifhorn"}).areas) == 1
    with pytest.raises(NoDataError, match="GF = 9"):
        read(path, keep={"GF": 9})
    with pytest.raises(ColumnError, match="'XX'"):
        read(path, keep={"XX": 9})


BOWTIE = Polygon([(X, Y), (X + 10, Y + 10), (X + 10, Y), (X, Y + 10)])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "no geometry: 03157002"),
        (Polygon(), "empty geometry: 03157002|no geometry: 03157002"),
        (BOWTIE, r"invalid geometry: 03157002 \(Self-intersection"),
        (LineString([(X, Y), (X + 1, Y)]), "LineString: 03157002"),
    ],
)
def test_a_bad_geometry_names_its_area_and_the_remedy(tmp_path, bad, words):
    path = saved(tmp_path / "a.gpkg", frame(geometry=[square(0), bad, square(2)]))
    with pytest.raises(GeometryError, match=words) as caught:
        read(path)
    assert str(path) in caught.value.where
    assert caught.value.hint


def test_a_wrong_or_missing_crs_is_refused(tmp_path):
    for name in ("none.shp", "undefined.gpkg"):
        with pytest.warns(UserWarning, match="crs"):
            path = saved(tmp_path / name, frame(crs=None)[["ARS", "geometry"]])
        with pytest.raises(CrsError, match=r"no coordinate reference system|expected a projected"):
            read(path)
    metres_as_degrees = frame().set_crs("EPSG:4326", allow_override=True)
    with pytest.raises(CrsError, match="no degrees"):
        read(saved(tmp_path / "m.gpkg", metres_as_degrees))
    degrees_as_metres = frame().to_crs("EPSG:4326").set_crs("EPSG:25832", allow_override=True)
    with pytest.raises(CrsError, match="outside the area of EPSG:25832"):
        read(saved(tmp_path / "d.gpkg", degrees_as_metres))
    gauss_krueger = frame().set_crs("EPSG:31467", allow_override=True)  # zone 3 numbers begin with 3
    with pytest.raises(CrsError, match="outside"):
        read(saved(tmp_path / "g.gpkg", gauss_krueger))
    with pytest.raises(CrsError, match="projected"):
        read(saved(tmp_path / "ok.gpkg", frame()), crs="EPSG:4326")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ARS": ["031570001001", None, "1"]}, "key in every feature"),
        ({"ARS": ["031570001001", "", "03157"]}, "blank key"),
        ({"ARS": ["031570001001", "0315", "03157"]}, "0315"),
    ],
)
def test_a_missing_or_malformed_key_is_refused(tmp_path, change, words):
    with pytest.raises(AreaKeyError, match=words):
        read(saved(tmp_path / "a.gpkg", frame(**change)))


def test_missing_fields_layers_and_files_are_named(tmp_path):
    path = saved(tmp_path / "a.gpkg", frame(), layer="vg250_gem")
    with pytest.raises(ColumnError, match="'AGS'"):
        read(path, id_field="AGS")
    with pytest.raises(ColumnError, match="'vg250_krs'"):
        read(path, layer="vg250_krs")
    saved(path, frame(), layer="second")
    with pytest.raises(ColumnError, match="2 layers"):
        read(path)
    assert len(read(path, layer="second").areas) == 3
    with pytest.raises(MissingFileError):
        read(tmp_path / "no.gpkg")
    with pytest.raises(NoDataError, match="no features"):
        read(saved(tmp_path / "e.gpkg", frame().iloc[:0]))


def test_files_that_are_something_else_are_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    path.write_text("ARS;GEN\n1;2\n", encoding="utf-8")
    with pytest.raises(FormatError, match="expected a GeoPackage, found text"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(NoDataError, match="empty"):
        read(path)
    for name in ("a.geojson", "a.shp"):
        (tmp_path / name).write_text("no features here", encoding="utf-8")
        with pytest.raises(FormatError):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson"])
def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path, name):
    whole = saved(tmp_path / name, frame().to_crs("EPSG:4326") if "json" in name else frame()).read_bytes()
    path = tmp_path / f"cut_{name}"
    for share in (0.002, 0.05, 0.3, 0.5, 0.7, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(GeodataError) as caught:
            read(path)
        assert isinstance(caught.value, FormatError | NoDataError)


def test_heights_are_dropped_and_a_table_is_no_layer(tmp_path):
    high = Polygon([(x, y, 80.0) for x, y in square(1).exterior.coords])
    path = saved(tmp_path / "a.gpkg", frame(geometry=[square(0), high, square(2)]))
    assert not read_features(path).has_z.any()
    table = tmp_path / "t.geojson"
    feature = {"type": "Feature", "properties": {"ARS": "1"}, "geometry": None}
    table.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(GeometryError):
        read(table, key="text")


# ---------------------------------------------------------------------------------------------------------- raster


def raster_file(path, values, *, crs="EPSG:3035", nodata=-9999.0, transform=None):
    values = np.atleast_3d(np.asarray(values, dtype=np.float32)).transpose(2, 0, 1)
    where = {} if transform is False else {"transform": transform or Affine(100, 0, 4_330_000, 0, -100, 3_240_000)}
    profile = {"driver": "GTiff", "count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", dtype="float32", crs=crs, nodata=nodata, **profile, **where) as target:
        target.write(values)
    return path


def test_a_band_is_read_with_its_place_and_nodata_is_no_number(tmp_path):
    path = raster_file(tmp_path / "p.tif", [[1, -9999], [0, 2.5]])
    found = read_raster(path, unit="Einwohner", year=2022)
    assert np.array_equal(found.values, [[1.0, np.nan], [0.0, 2.5]], equal_nan=True)
    assert found.values.dtype == np.float64
    assert (found.crs, found.unit, found.year) == ("EPSG:3035", "Einwohner", 2022)
    assert found.transform == (100.0, 0.0, 4_330_000.0, 0.0, -100.0, 3_240_000.0)


def test_bad_rasters_are_refused(tmp_path):
    good = raster_file(tmp_path / "p.tif", np.random.default_rng(1).random((200, 200)))
    with pytest.raises(ColumnError, match="band 2"):
        read_raster(good, band=2)
    with pytest.raises(CrsError, match="no coordinate reference system"):
        read_raster(raster_file(tmp_path / "c.tif", [[1, 2]], crs=None))
    with pytest.raises(NoDataError, match="nodata"):
        read_raster(raster_file(tmp_path / "n.tif", [[-9999, -9999]]))
    with pytest.raises(FormatError, match="infinite"):
        read_raster(raster_file(tmp_path / "i.tif", [[np.inf, 1]]))
    turned = Affine(100, 10, 4_330_000, 10, -100, 3_240_000)
    with pytest.raises(FormatError, match="north up"):
        read_raster(raster_file(tmp_path / "r.tif", [[1, 2]], transform=turned))
    whole = good.read_bytes()
    for share in (0.0, 0.001, 0.1, 0.5, 0.9):
        good.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises((FormatError, NoDataError)):
            read_raster(good)
    good.write_text("x;y;value\n", encoding="utf-8")
    with pytest.raises(FormatError):
        read_raster(good)


def test_a_raster_without_a_place_is_refused(tmp_path):
    path = tmp_path / "p.png.tif"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        raster_file(path, [[1, 2]], transform=False)
    with pytest.raises(CrsError, match="place"):
        read_raster(path)


# ------------------------------------------------------------------------------------------------------------ grid


def county(*polygons, context=()):
    ids = [f"a{i}" for i in range(len(polygons))]
    areas = gpd.GeoDataFrame(
        {"name": ids, "context": [i in context for i in ids]},
        geometry=list(polygons),
        crs="EPSG:3035",
        index=pd.Index(ids, name="area_id", dtype="str"),
    )
    return AreaLayer("gemeinde", areas, TITLE)


E, N = 4_337_000, 3_237_000
CELLS = [grid_id(E + 50 + 100 * i, N + 50, 100) for i in range(6)]


def test_cells_are_squares_in_the_area_that_holds_their_centre():
    # a0 ends 60 m into the third cell (its centre lies inside), a1 follows, a2 is context; the sixth cell is outside.
    ends = [0, 260, 400, 500]
    boxes = [box(E + a, N, E + b, N + 100) for a, b in pairwise(ends)]
    parents = county(*boxes, context={"a2"})
    layer = cells_layer(CELLS, cell_size=100, crs="EPSG:3035", level="grid100m", title=TITLE, parents=parents)
    assert layer.is_grid
    assert layer.areas.index.tolist() == CELLS[:4]
    assert layer.areas["parent_id"].tolist() == ["a0", "a0", "a0", "a1"]
    assert layer.areas["name"].iloc[0] == "100mN32370E43370"
    assert layer.areas.total_bounds.tolist() == [E, N, E + 400, N + 100]
    assert layer.areas.area.tolist() == [10_000.0] * 4
    everything = cells_layer(
        CELLS[::-1], cell_size=100, crs="EPSG:3035", level="g", title=TITLE, parents=parents, context=True
    )
    assert everything.areas["context"].tolist() == [False] * 4 + [True] * 2
    assert everything.areas["parent_id"].tolist()[:5] == ["a0", "a0", "a0", "a1", "a2"]
    assert pd.isna(everything.areas["parent_id"].iloc[5])


def test_a_centre_on_a_common_boundary_has_one_parent_and_neighbours_keep_common_corners():
    parents = county(box(E + 50, N, E + 300, N + 100), box(E - 50, N, E + 50, N + 100))
    layer = cells_layer(CELLS[:2], cell_size=None, crs="EPSG:25832", level="g", title=TITLE, parents=parents)
    assert layer.areas["parent_id"].tolist() == ["a0", "a0"]
    left, right = ({tuple(p) for p in np.asarray(g.exterior.coords)} for g in layer.areas.geometry)
    assert len(left & right) == 2
    assert layer.areas.area.tolist() == pytest.approx([10_000] * 2, rel=2e-3)


def test_bad_grids_are_refused():
    options = {"crs": "EPSG:25832", "level": "g", "title": TITLE}
    with pytest.raises(AreaKeyError, match="1000 m"):
        cells_layer(CELLS, cell_size=1000, **options)
    with pytest.raises(AreaKeyError, match="one size"):
        cells_layer([CELLS[0], grid_id(E + 500, N + 500, 1000)], cell_size=None, **options)
    with pytest.raises(AreaKeyError, match="grid cells"):
        cells_layer(["03157001"], cell_size=100, **options)
    with pytest.raises(AreaKeyError, match="none"):
        cells_layer([], cell_size=100, **options)
    with pytest.raises(GeometryError, match="no cell"):
        cells_layer(CELLS, cell_size=100, parents=county(box(0, 0, 1, 1)), **options)
    with pytest.raises(CrsError):
        cells_layer(CELLS, cell_size=100, **{**options, "crs": "EPSG:4326"})
