"""Atoms: exact shares of cells, found once; every cell as a polygon is the oracle, and so are the raster weights."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import MultiPolygon, Polygon, box

from geodata.errors import CrsError, GeometryError, SpatialError
from spatial.disaggregation import area_weights, raster_weights
from spatial.disaggregation.atoms import Atoms, raster_atoms

CRS = "EPSG:25832"
#: Four rows, six columns of 10 m; the upper left corner is (1000, 2040).
TRANSFORM = (10.0, 0.0, 1000.0, 0.0, -10.0, 2040.0)
SHAPE = (4, 6)
VALUES = np.arange(24, dtype=float).reshape(SHAPE)


def zones(shapes: dict[str, shapely.Geometry], crs: object = CRS) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=pd.Index(shapes, name="area_id"), geometry=list(shapes.values()), crs=crs)


SOURCE = zones({"west": box(1001, 2002, 1027, 2038), "east": box(1027, 2002, 1058, 2038)})
TARGET = zones(
    {
        "triangle": Polygon([(1003, 2003), (1040, 2003), (1020, 2033)]),
        "two parts": MultiPolygon([box(1041, 2004, 1049, 2037), box(1003, 2034, 1030, 2037)]),
        "ring": Polygon(box(1050, 2005, 1062, 2030).exterior.coords, [box(1052, 2010, 1056, 2020).exterior.coords]),
    }
)


def table(atoms: Atoms) -> dict[tuple[str, str, int], float]:
    """Return (source, target, cell) -> fraction."""
    target = [atoms.target_ids[t] if t >= 0 else "outside" for t in atoms.target]
    rows = zip(atoms.source_ids[atoms.source], target, atoms.cell, atoms.fraction, strict=True)
    return {(s, t, int(c)): f for s, t, c, f in rows}


def brute_force(transform: tuple[float, ...] = TRANSFORM) -> dict[tuple[str, str, int], float]:
    a, _, c, _, e, f = transform
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    x, y = c + a * columns.ravel(), f + e * rows.ravel()
    boxes = shapely.box(x, np.minimum(y, y + e), x + a, np.maximum(y, y + e))
    parts = {(s, t): u.intersection(v) for s, u in SOURCE.geometry.items() for t, v in TARGET.geometry.items()}
    parts |= {(s, "outside"): u.difference(TARGET.union_all()) for s, u in SOURCE.geometry.items()}
    found = {}
    for (s, t), piece in parts.items():
        share = shapely.area(shapely.intersection(boxes, piece)) / 100.0
        found |= {(s, t, int(i)): float(share[i]) for i in np.flatnonzero(share > 1e-9)}
    return found


def test_every_fraction_equals_brute_force() -> None:
    atoms = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS)
    assert table(atoms) == pytest.approx(brute_force(), abs=1e-9)
    key = atoms.source * 10 + atoms.target
    assert (np.diff(key) >= 0).all(), "sorted by source, then target"
    np.testing.assert_allclose(np.bincount(atoms.source, atoms.area), SOURCE.area, rtol=1e-12)


def test_rows_from_south_to_north_number_the_cells_as_delivered() -> None:
    turned = (10.0, 0.0, 1000.0, 0.0, 10.0, 2000.0)
    assert table(raster_atoms(SOURCE, TARGET, SHAPE, turned, CRS)) == pytest.approx(brute_force(turned), abs=1e-9)


@pytest.mark.parametrize("target", [None, TARGET])
def test_cells_not_asked_for_become_one_atom_a_piece(target: gpd.GeoDataFrame | None) -> None:
    cells = np.array([0, 1, 7, 8, 9, 15, 16, 22])
    every = table(raster_atoms(SOURCE, target, SHAPE, TRANSFORM, CRS))
    atoms = raster_atoms(SOURCE, target, SHAPE, TRANSFORM, CRS, cells=cells)
    some = {key: f for key, f in table(atoms).items() if key[2] >= 0}
    assert some == {key: f for key, f in every.items() if key[2] in cells}
    np.testing.assert_allclose(np.bincount(atoms.source, atoms.area), SOURCE.area, rtol=1e-12)


def test_hole_beyond_the_border_of_the_raster_does_not_end_the_process() -> None:
    """The hole touches the raster's edge from outside: exactextract 0.3.0 answers with SIGSEGV."""
    ring = Polygon(
        [(1058, 2005), (1050, 2005), (1050, 2030), (1058, 2030)],
        [[(1056, 2020), (1052, 2020), (1052, 2010), (1056, 2010)]],
    )
    atoms = raster_atoms(zones({"ring": ring}), None, (2, 2), (10.0, 0.0, 1040.0, 0.0, -10.0, 2040.0), CRS)
    # 8 m of the column over rows 2020 to 2030; above 2030 nothing, below 2020 beyond the raster.
    assert dict(zip(atoms.cell.tolist(), atoms.fraction.tolist(), strict=True)) == pytest.approx({-1: 80.0, 3: 0.8})


@pytest.mark.parametrize("allocate", ["covered", "area"])
def test_weights_of_atoms_are_the_raster_weights(allocate: str) -> None:
    atoms = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS)
    ours = atoms.weights(atoms.mass(VALUES), method="raster", ancillary_year=2011, allocate=allocate)
    other = raster_weights(SOURCE, TARGET, VALUES, TRANSFORM, CRS, ancillary_year=2011, allocate=allocate)
    np.testing.assert_allclose(ours.matrix.toarray(), other.matrix.toarray(), atol=1e-12)
    np.testing.assert_allclose(ours.outside, other.outside, atol=1e-12)
    np.testing.assert_allclose(ours.details, other.details, rtol=1e-6)
    assert ours.provenance.equals(other.provenance)
    assert (ours.method, ours.ancillary_years) == ("raster", (2011,))


def test_area_of_atoms_gives_area_weights() -> None:
    atoms = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS)
    ours = atoms.weights(atoms.area, method="area")
    np.testing.assert_allclose(ours.matrix.toarray(), area_weights(SOURCE, TARGET).matrix.toarray(), rtol=1e-12)


def test_cells_as_targets() -> None:
    atoms = raster_atoms(SOURCE, None, SHAPE, TRANSFORM, CRS)
    weights = atoms.weights(atoms.mass(VALUES), method="cells")
    moved = weights.apply(pd.Series({"west": 10.0, "east": 20.0}))
    assert moved.sum() == pytest.approx(30.0, rel=1e-14)
    fraction = table(atoms)
    west = sum(VALUES.ravel()[c] * f for (s, _, c), f in fraction.items() if s == "west")
    assert moved[0] == 0.0, "cell 0 is covered, and its mass is 0"
    assert moved[1] == pytest.approx(10.0 * fraction["west", 1, 1] / west)
    assert len(moved) == 24


def test_zone_smaller_than_a_cell_and_a_zone_that_is_a_cell() -> None:
    source = zones({"tiny": box(1003, 2003, 1003.01, 2003.01), "one": box(1010, 2000, 1020, 2010)})
    atoms = raster_atoms(source, None, SHAPE, TRANSFORM, CRS)
    assert table(atoms) == pytest.approx({("tiny", 18, 18): 1e-6, ("one", 19, 19): 1.0}, rel=1e-5)
    weights = atoms.weights(atoms.mass(VALUES), method="cells")
    assert weights.apply(pd.Series({"tiny": 7.0, "one": 5.0})).to_dict() == {18: 7.0, 19: 5.0}


def test_layer_given_for_some_cells_equals_the_whole_raster() -> None:
    cells = np.array([2, 8, 9, 15, 16])
    layer = np.zeros(24)
    layer[cells] = [1.0, 4.0, np.nan, 2.0, 7.0]
    full = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS)
    some = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS, cells=cells)
    a = full.weights(full.mass(layer.reshape(SHAPE)), method="raster")
    b = some.weights(some.mass(layer[cells], cells=cells), method="raster")
    np.testing.assert_allclose(b.matrix.toarray(), a.matrix.toarray(), rtol=1e-12)
    np.testing.assert_array_equal(some.mass(layer.reshape(SHAPE)), some.mass(layer[cells], cells=cells))
    assert len(some) < len(full)


def test_source_without_mass_falls_back_to_mask_then_area() -> None:
    west_empty = np.where(np.arange(6) < 3, 0.0, VALUES)
    settled = np.zeros(SHAPE)
    settled[3] = 1.0
    target = zones({"low": box(1001, 2002, 1027, 2010), "high": box(1001, 2010, 1027, 2038)})
    source = zones({"west": SOURCE.geometry["west"], "rim": box(1020, 2038, 1060, 2070)})
    target.loc["rim"] = source.geometry["rim"]
    atoms = raster_atoms(source, target, SHAPE, TRANSFORM, CRS)
    mass = atoms.mass(west_empty)
    by_area = atoms.weights(mass, method="raster")
    assert by_area.provenance.to_dict() == {"west": "area", "rim": "ancillary"}
    np.testing.assert_allclose(by_area.matrix.toarray()[:2, 0], [8 / 36, 28 / 36], rtol=1e-12)
    by_mask = atoms.weights(mass, method="raster", mask=atoms.mass(settled))
    assert by_mask.provenance.to_dict() == {"west": "mask", "rim": "ancillary"}
    assert by_mask.matrix.toarray()[:2, 0].tolist() == [1.0, 0.0]
    assert by_area.details["extent"].to_dict() == pytest.approx({"west": 1.0, "rim": 2 / 32})


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"crs": None}, CrsError, ["Einwohner 2022", "no CRS", "EPSG:3035"]),
        ({"crs": "EPSG:99999"}, CrsError, ["Einwohner 2022", "EPSG:99999"]),
        ({"transform": (10, 1, 1000, 0, -10, 2040)}, SpatialError, ["Einwohner 2022", "rotation", "gdalwarp"]),
        ({"shape": (0, 6)}, SpatialError, ["Einwohner 2022", "(0, 6)"]),
        ({"source": SOURCE.to_crs(4326)}, CrsError, ["Gemeinden", "degrees", "reproject"]),
        ({"target": TARGET.to_crs(25833)}, CrsError, ["Gemeinden and Ortsteile", "25833"]),
        ({"target": TARGET.set_crs(4326, allow_override=True)}, CrsError, ["Ortsteile", "degrees"]),
        (
            {"source": zones({"bow": Polygon([(1000, 2000), (1050, 2040), (1050, 2000), (1000, 2040)])})},
            GeometryError,
            ["Gemeinden", "bow", "Self-intersection", "make_valid"],
        ),
        ({"cells": np.array([5, 3])}, SpatialError, ["Einwohner 2022", "ascending"]),
        ({"cells": np.array([3, 24])}, SpatialError, ["Einwohner 2022", "below 24", "24"]),
    ],
)
def test_input_that_cannot_be_meant_is_refused(
    change: dict[str, object], error: type[Exception], words: list[str]
) -> None:
    given = {"source": SOURCE, "target": TARGET, "shape": SHAPE, "transform": TRANSFORM, "crs": CRS} | change
    with pytest.raises(error) as caught:
        raster_atoms(**given, names=("Gemeinden", "Ortsteile", "Einwohner 2022"))
    assert all(word in str(caught.value) for word in [*words, "->"]), str(caught.value)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (VALUES - 1, ["negative", "row 0 column 0: -1", "signs for 'no value'"]),
        (np.where(VALUES == 13, np.inf, VALUES), ["infinite", "row 2 column 1"]),
        (VALUES * 0, ["all zero or missing", "same region"]),
        (VALUES[:2], ["(4, 6)", "(2, 6)", "grid"]),
    ],
)
def test_layer_that_cannot_be_meant_is_refused(layer: np.ndarray, words: list[str]) -> None:
    atoms = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS)
    with pytest.raises(SpatialError) as caught:
        atoms.mass(layer, where="Einwohner 2022")
    assert all(word in str(caught.value) for word in [*words, "Einwohner 2022", "->"]), str(caught.value)


def test_mass_that_is_nowhere_in_the_zones_is_refused() -> None:
    atoms = raster_atoms(SOURCE, TARGET, SHAPE, TRANSFORM, CRS, cells=np.array([9]))
    with pytest.raises(SpatialError, match="Einwohner 2022: expected ancillary mass"):
        atoms.weights(atoms.mass(VALUES) * 0, method="raster", where="Einwohner 2022")
    with pytest.raises(SpatialError, match="each of the"):
        atoms.weights(np.ones(3), method="raster")
