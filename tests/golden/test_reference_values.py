"""Published reference values that any implementation must hit.

columbus, stl and sids2 are package data of libpysal, the last two with their own neighbour files: Anselin (1988), the
GeoDa centre, and Cressie (1993). The figures are those that PySAL, GeoDa and spdep agree on.
"""

from __future__ import annotations

import numpy as np
import pytest

from spatial.autocorrelation.global_ import geary, getis_ord, moran


def example(name: str, shapefile: str):
    """Attributes and outlines of an example that ships with libpysal; fetches nothing."""
    import geopandas as gpd
    from libpysal import examples

    return gpd.read_file(examples.load_example(name).get_path(shapefile))


def no_p(statistic, values, graph):
    return statistic(values, graph, permutations=0, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def columbus():
    from libpysal.graph import Graph

    areas = example("columbus", "columbus.shp")
    return areas["CRIME"], Graph.build_contiguity(areas, rook=False)


def test_columbus_crime(columbus):
    crime, graph = columbus
    result = no_p(moran, crime, graph)
    assert result.value == pytest.approx(0.50018855718, abs=1e-10)
    assert result.z == pytest.approx(5.58938267504, abs=1e-9)
    assert result.n == 49
    assert no_p(geary, crime, graph).value == pytest.approx(0.54052820270, abs=1e-10)
    assert no_p(getis_ord, crime, graph).value == pytest.approx(0.12780745738, abs=1e-10)


def test_columbus_is_a_clear_case_for_the_permutation_test(columbus):
    result = moran(*columbus, permutations=9999, rng=np.random.default_rng(12345))
    assert result.p == pytest.approx(1e-4)
    assert result.expected == -1 / 48


@pytest.mark.parametrize(
    ("name", "shapefile", "key", "column", "moran_i"),
    [
        ("stl", "stl_hom.shp", "POLY_ID_OG", "HR8893", 0.24365582621772),
        ("sids2", "sids2.shp", "FIPSNO", "SIDR79", 0.16655745085),
        ("sids2", "sids2.shp", "FIPSNO", "SIDR74", 0.24772519320),
    ],
)
def test_rates_with_the_neighbours_that_were_published_with_them(name, shapefile, key, column, moran_i):
    from libpysal import examples
    from libpysal.graph import read_gal

    values = example(name, shapefile).set_index(key)[column]
    graph = read_gal(examples.load_example(name).get_path(f"{name}.gal"))
    assert no_p(moran, values, graph).value == pytest.approx(moran_i, abs=6e-12)
