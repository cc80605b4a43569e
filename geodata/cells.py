"""Arithmetic of grid cells by their ids: which coarser cell, which finer ones, which row and column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from geodata.errors import AreaKeyError
from geodata.keys import grid_ids, parse_grid_ids


def coarser_cells(ids: pd.Index, size_m: int) -> pd.Series:
    """Return the coarser cell that each cell lies in.

    Parameters
    ----------
    ids : pandas.Index
        Cell ids, shape (n,).
    size_m : int
        Edge of the coarser cells in metres, a multiple of the edge of the cells.

    Returns
    -------
    pandas.Series
        Id of the coarser cell, indexed by `ids`.

    Raises
    ------
    AreaKeyError
        An id is malformed, or the sizes do not nest.

    Examples
    --------
    >>> coarser_cells(pd.Index(["CRS3035RES100mN2684900E4334100"]), 1000).iloc[0]
    'CRS3035RES1000mN2684000E4334000'
    """
    cells = parse_grid_ids(ids)
    if (size_m % cells["size_m"]).any():
        raise AreaKeyError(
            f"expected cells whose edge divides {size_m} m, found {sorted(cells['size_m'].unique())}",
            hint="name a coarser grid of the same origin",
        )
    x, y = (cells[axis] // size_m * size_m + size_m / 2 for axis in ("x_mp", "y_mp"))
    return grid_ids(x, y, size_m).set_axis(ids)


def divide_cells(coarse: pd.Index, fine: pd.Index, *, cell_size: int) -> pd.Index:
    """Return all fine cells of those coarse cells in which no fine one lies.

    Parameters
    ----------
    coarse : pandas.Index
        Ids of coarse cells of one size.
    fine : pandas.Index
        Ids of fine cells.
    cell_size : int
        Edge of the fine cells in metres.

    Returns
    -------
    pandas.Index
        Ids of cells of `cell_size`, none of which is in `fine`.
    """
    big = parse_grid_ids(coarse)
    size = int(big["size_m"].iloc[0])
    empty = big[~big["grid_id"].isin(coarser_cells(fine, size))]
    steps = np.arange(cell_size / 2, size, cell_size) - size / 2
    dx, dy = (a.ravel() for a in np.meshgrid(steps, steps))
    x = (empty["x_mp"].to_numpy()[:, None] + dx).ravel()
    y = (empty["y_mp"].to_numpy()[:, None] + dy).ravel()
    return pd.Index(grid_ids(pd.Series(x), pd.Series(y), cell_size), dtype=object)


def rows_and_columns(ids: pd.Index, size_m: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return row (northward) and column (eastward) of each cell in the grid of its size.

    Parameters
    ----------
    ids : pandas.Index
        Cell ids, shape (n,).
    size_m : int
        Edge in metres.

    Returns
    -------
    rows, columns : numpy.ndarray
        int64, shape (n,).
    """
    cells = parse_grid_ids(ids)
    return tuple((cells[axis] // size_m).to_numpy(dtype=np.int64) for axis in ("y_mp", "x_mp"))  # type: ignore[return-value]
