"""A weights graph made ready for many tests: read once, then shared by every indicator and year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import SpatialError, some
from spatial.autocorrelation.graphs import canonical, components, neighbour_matrix, row_standardised, summary

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Neighbours:
    """The neighbours of every area as a matrix, in canonical order.

    Attributes
    ----------
    ids : pandas.Index
        All areas in canonical order, see :func:`spatial.autocorrelation.graphs.canonical`.
    matrix : scipy.sparse.csr_array, shape (n, n)
        Weights, not negative, without diagonal.
    texts : pandas.array of str
        The ids as text.
    name : str
        What the graph is called in legends.
    parts : int
        Connected components.
    """

    ids: pd.Index
    matrix: Any
    texts: Any
    name: str
    parts: int

    def rows_of(self, index: pd.Index) -> NDArray[np.intp]:
        """Return the position in `index` of each area.

        Raises
        ------
        SpatialError
            The index does not name the areas of the graph.
        """
        if index is self.ids:
            return np.arange(len(index))
        rows = index.get_indexer(self.ids) if index.is_unique else np.full(len(self.ids), -1)
        if len(index) != len(self.ids) or (rows < 0).any():
            raise SpatialError(
                f"expected the areas of the weights graph ({len(self.ids)}), found {len(index)}; not in the graph: "
                f"{some(index.difference(self.ids)) or 'none'}; only in the graph: "
                f"{some(self.ids.difference(index)) or 'none'}",
                where="spatial weights",
                hint="reindex the values to graph.unique_ids; areas without a value stay in, as NaN",
            )
        return rows


def prepare(graph: Any, name: str = "") -> Neighbours:
    """Read a graph once, so that tests of many indicators on it need not read it again.

    Parameters
    ----------
    graph : libpysal.graph.Graph or Neighbours
        Any graph; self-weights are dropped, weights of 0 are no edges. What is prepared already is returned.
    name : str, optional
        What the graph is called in legends; without it, the numbers of areas and neighbours.

    Returns
    -------
    Neighbours
        For the local tests, which take it in place of the graph and give the same result.

    Raises
    ------
    SpatialError
        A weight is negative or not a number.

    Examples
    --------
    >>> from spatial.autocorrelation.graphs import grid_contiguity
    >>> prepare(grid_contiguity([0, 0], [0, 1], ["a", "b"])).name
    '2 areas, 1.0 neighbours on average'
    """
    if isinstance(graph, Neighbours):
        return graph if name in ("", graph.name) else replace(graph, name=name)
    given = pd.Index(graph.unique_ids)
    ids = given[canonical(given)]
    matrix = neighbour_matrix(graph, ids)
    texts = pd.array([str(area) for area in ids], dtype="str")
    return Neighbours(ids, matrix, texts, name or summary(matrix), components(matrix))


def transformed(matrix: Any, transform: str) -> Any:
    """Return the weights after a transformation.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
        Weights as they were given.
    transform : {"r", "b", "o"}
        Rows standardised, binary, or as given.

    Returns
    -------
    scipy.sparse.csr_array
        The same pattern.

    Raises
    ------
    SpatialError
        Unknown transformation.
    """
    if transform == "r":
        return row_standardised(matrix)
    if transform == "b":
        binary = matrix.copy()
        binary.data = np.ones(len(matrix.data))
        return binary
    if transform == "o":
        return matrix
    raise SpatialError(
        f"expected transform r (rows standardised), b (binary) or o (as given), found {transform!r}",
        where="spatial weights",
    )
