"""Neighbours of Berlin's official areas, whose borders overlap by fractions of a square metre."""

from __future__ import annotations

import geopandas as gpd
import pytest
from libpysal.graph import Graph

from spatial.autocorrelation.borders import overlaps
from spatial.autocorrelation.graphs import contiguity

pytestmark = pytest.mark.real


def edges(graph) -> set[tuple]:
    return {pair for pair, weight in graph.adjacency.items() if weight > 0}


@pytest.mark.parametrize("layer", ["bezirke", "prognoseraeume", "bezirksregionen", "planungsraeume"])
def test_no_neighbour_is_lost_to_an_overlap(real_data, layer):
    areas = gpd.read_file(real_data / "berlin" / "berlin_lor_until_2020.gpkg", layer=layer).set_index("id")
    fuzzy = edges(Graph.build_fuzzy_contiguity(areas, buffer=1.0))
    for rook in (False, True):
        mine = edges(contiguity(areas, "rook" if rook else "queen"))
        assert edges(Graph.build_contiguity(areas, rook=rook, strict=False)) <= mine  # by vertices
        assert edges(Graph.build_contiguity(areas, rook=rook, strict=True)) <= mine  # by topology
        assert mine <= fuzzy  # that metres apart are no neighbours holds as before
    assert overlaps(areas).empty


def test_two_forecast_areas_with_a_long_border_are_neighbours(real_data):
    areas = gpd.read_file(real_data / "berlin" / "berlin_lor_until_2020.gpkg", layer="prognoseraeume").set_index("id")
    assert areas.geometry["0402"].overlaps(areas.geometry["0406"])
    for kind in ("queen", "rook"):
        assert ("0402", "0406") in edges(contiguity(areas, kind))
