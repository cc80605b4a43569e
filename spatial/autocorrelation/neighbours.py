"""A weights graph made ready for many tests: read once, then shared by every indicator and year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from geodata.errors import SpatialError, some
from spatial.autocorrelation.graphs import (
    canonical,
    components,
    grid_matrix,
    neighbour_matrix,
    row_standardised,
    summary,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Neighbours:
    """The neighbours of every area as a matrix, in canonical order; made by :func:`prepare` or :func:`from_matrix`.

    Attributes
    ----------
    ids : pandas.Index
        All areas in canonical order, see :func:`spatial.autocorrelation.graphs.canonical`.
    matrix, standardised : scipy.sparse.csr_array, shape (n, n)
        Weights as given, not negative, without diagonal; and with rows standardised.
    name : str
        What the graph is called in legends.
    parts : int
        Connected components.
    given : pandas.Index
        The areas in the order of the graph.
    rows : numpy.ndarray of int
        Position of each area of `ids` in `given`.
    texts : pandas.array of str
        `given` as text.
    """

    ids: pd.Index
    matrix: Any
    standardised: Any
    name: str
    parts: int
    given: pd.Index
    rows: NDArray[np.intp]
    texts: Any

    def rows_of(self, index: pd.Index) -> NDArray[np.intp]:
        """Return the position in `index` of each area.

        Raises
        ------
        SpatialError
            The index does not name the areas of the graph.
        """
        if index is self.given or index.equals(self.given):
            return self.rows
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
    rows = canonical(given)
    return _ready(given, rows, neighbour_matrix(graph, given[rows]), name)


def from_matrix(ids: pd.Index, matrix: Any, name: str = "") -> Neighbours:
    """Make the same of a matrix of weights.

    Parameters
    ----------
    ids : pandas.Index
        Areas in the order of rows and columns, unique.
    matrix : scipy.sparse.csr_array, shape (n, n)
        Weights, positive where they are stored, without diagonal.
    name : str, optional
        As in :func:`prepare`.

    Returns
    -------
    Neighbours
        The same as that of a graph with these weights.

    Raises
    ------
    SpatialError
        Ids are repeated, the shape is another, a weight is not positive, or an area is its own neighbour.
    """
    data = matrix.data
    if not ids.is_unique or matrix.shape != (len(ids), len(ids)) or matrix.diagonal().any() or not (data > 0).all():
        raise SpatialError(
            f"expected positive weights of {len(ids)} different areas, none its own neighbour; found a matrix of shape "
            f"{matrix.shape} with {np.count_nonzero(~(data > 0))} other weights",
            where="spatial weights",
        )
    rows = canonical(ids)
    ordered = sparse.csr_array(matrix)[rows][:, rows]
    ordered.sort_indices()
    return _ready(ids, rows, ordered, name)


def grid_neighbours(
    rows: ArrayLike, cols: ArrayLike, ids: ArrayLike, kind: Literal["queen", "rook"] = "queen", name: str = ""
) -> Neighbours:
    """Make the same of the cells of a regular grid, from their row and column numbers alone.

    Parameters
    ----------
    rows, cols, ids, kind
        As in :func:`spatial.autocorrelation.graphs.grid_contiguity`.
    name : str, optional
        As in :func:`prepare`.

    Returns
    -------
    Neighbours
        The same as that of ``grid_contiguity``.

    Raises
    ------
    AreaKeyError, SpatialError
        As :func:`spatial.autocorrelation.graphs.grid_contiguity`.
    """
    index = pd.Index(np.asarray(ids))
    return from_matrix(index, grid_matrix(rows, cols, index, kind), name)


def _ready(given: pd.Index, rows: NDArray[np.intp], matrix: Any, name: str) -> Neighbours:
    texts = pd.array([str(area) for area in given], dtype="str")
    standardised = row_standardised(matrix)
    return Neighbours(
        given[rows], matrix, standardised, name or summary(matrix), components(matrix), given, rows, texts
    )


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
