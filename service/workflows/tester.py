"""Who is a neighbour of whom at each level, and the random numbers of each map."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import geopandas as gpd

    from service.workflows.read import Inputs
    from spatial.autocorrelation.local_case import Options
    from spatial.results import LocalResult

#: More neighbours than this on average are no neighbourhood any more.
CROWD = 12


class Tester:
    """Graphs of the levels, built once, and the seeds of the draws.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self._graphs: dict[str, Any] = {}
        self._variants: dict[str, dict[str, Any]] = {}

    def graph(self, level: str) -> Any:
        """Return the contiguity graph of a level, areas outside the county included."""
        if level not in self._graphs:
            from spatial.autocorrelation.graphs import contiguity

            layer = self.inputs.levels[level]
            kind = self.inputs.county.tests.graph.get(level, "queen")
            if layer.is_grid:
                self._graphs[level] = self._cells(level, "rook" if kind == "rook" else "queen")  # fuzzy is refused
            else:
                self._graphs[level] = contiguity(layer.areas, kind)
        return self._graphs[level]

    def rng(self, name: str, period: int) -> np.random.Generator:
        """Return the generator of one map: its own stream, whatever else is computed before it."""
        return np.random.default_rng([self.inputs.county.tests.seed, zlib.crc32(name.encode()), period])

    def local(self, name: str, level: str, period: int, values: pd.Series, suppressed: pd.Series) -> LocalResult:
        """Test every area of a level with the county's preset.

        Parameters
        ----------
        name : str
            Names the stream of random numbers.
        level : str
            Level whose graph is used.
        period : int
            Year.
        values : pandas.Series
            Indexed by area id; NaN where there is none.
        suppressed : pandas.Series
            Of bool: the NaN is a suppressed value.

        Returns
        -------
        LocalResult
            In the order of `values`.
        """
        from spatial.autocorrelation.local import local_tests

        options = self.options(level, values.index, suppressed)
        return local_tests(values, self.graph(level), rng=self.rng(name, period), **options)

    def options(self, level: str, areas: pd.Index, suppressed: pd.Series) -> Options:
        """Return the county's preset for tests of a level, in the order of `areas`."""
        tests = self.inputs.county.tests
        return {
            "permutations": tests.permutations,
            "alpha": tests.alpha,
            "correction": tests.correction,
            "context": self.inputs.levels[level].areas["context"].reindex(areas),
            "suppressed": suppressed,
            "min_areas": tests.min_areas,
        }

    def variants(self, level: str) -> dict[str, Any]:
        """Return the graphs under which a label has to hold: the preset's, and others that are as good.

        Cells: the other of queen and rook, and all cells within two edges. Other areas: the six nearest, and a
        distance band in which every area has a neighbour; where that band joins more than :data:`CROWD` areas to the
        average one, because a single area lies far off, the eight nearest instead.

        Returns
        -------
        dict of str to Neighbours
            Name (:func:`spatial.autocorrelation.weights.build_graph`) → graph, the preset's first.
        """
        if level not in self._variants:
            from spatial.autocorrelation.neighbours import prepare
            from spatial.autocorrelation.weights import build_graph

            layer = self.inputs.levels[level]
            preset = self.inputs.county.tests.graph.get(level, "queen")
            graphs: dict[str, Any] = {preset: self.graph(level)}
            if layer.is_grid:
                other: Literal["queen", "rook"] = "queen" if preset == "rook" else "rook"
                graphs[other] = self._cells(level, other)
                band = f"distance:{2 * int(self.inputs.county.levels[level].cell_size or 0)}"
                graphs[band] = build_graph(layer.areas, band)
            elif len(layer.areas) > 8:
                graphs["knn:6"] = build_graph(layer.areas, "knn:6")
                band = f"distance:{_band(layer.areas):g}"
                near = build_graph(layer.areas, band)
                crowded = float(near.cardinalities.mean()) > CROWD
                graphs["knn:8" if crowded else band] = build_graph(layer.areas, "knn:8") if crowded else near
            self._variants[level] = {name: prepare(graph, name) for name, graph in graphs.items()}
        return self._variants[level]

    def _cells(self, level: str, edge: Literal["queen", "rook"]) -> Any:
        from geodata.cells import rows_and_columns
        from spatial.autocorrelation.graphs import grid_contiguity

        cells = self.inputs.levels[level].areas.index
        rows, columns = rows_and_columns(cells, int(self.inputs.county.levels[level].cell_size or 0))
        return grid_contiguity(rows, columns, cells, kind=edge)


def _band(areas: gpd.GeoDataFrame) -> float:
    """Return the distance in metres, rounded up to 100, within which every centroid has another."""
    from scipy.spatial import cKDTree

    centres = areas.geometry.centroid
    points = np.column_stack([centres.x, centres.y])
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    return float(np.ceil(nearest.max() / 100 + 1e-9) * 100)
