"""A fine mass that keeps known totals of coarser cells: weights and covariates refined on a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geodata.errors import ConfigError, SpatialError
from service.workflows.ground import read_existing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geodata.models import Raster

#: Share of a cell by which the borders of two grids may miss each other.
NOISE = 1e-6


def refine(
    weights: Raster, name: str, covariates: Mapping[str, NDArray[np.float64]], benchmark: str
) -> tuple[NDArray[np.float64], str]:
    """Learn how much of the benchmark belongs to a unit of each layer, on all its cells, and keep its totals.

    Parameters
    ----------
    weights : Raster
        Fine grid.
    name : str
        Its file.
    covariates : mapping of str to numpy.ndarray
        Further layers on the same grid, shape (rows, columns).
    benchmark : str
        Raster of coarser cells, each of whole fine ones.

    Returns
    -------
    mass : numpy.ndarray
        Shape (rows, columns). Beyond the benchmark, and where it has no value, nothing is known: 0.
    told : str
        What must be said of the base.

    Raises
    ------
    ConfigError
        The grids do not nest.
    SpatialError
        The benchmark is negative, infinite or has no total on the grid of the weights.

    Notes
    -----
    :func:`spatial.disaggregation.refined.refine_mass`.
    """
    from spatial.disaggregation.refined import refine_mass

    coarse = read_existing(benchmark)
    totals = np.asarray(coarse.values, dtype=np.float64)
    if (totals < 0).any() or np.isinf(totals).any():
        i, j = (int(k[0]) for k in np.nonzero((totals < 0) | np.isinf(totals)))
        raise SpatialError(
            f"expected totals of at least 0, found {totals[i, j]:g} in row {i} column {j}",
            where=benchmark,
            hint="negative values are often signs for 'no value': set the nodata value of the raster",
        )
    values = np.asarray(weights.values, dtype=np.float64)
    row, column = _nested(weights, coarse, values.shape, name, benchmark)
    rows_inside = (row >= 0) & (row < totals.shape[0])
    columns_inside = (column >= 0) & (column < totals.shape[1])
    inside = rows_inside[:, None] & columns_inside[None, :]
    flat = (row[:, None] * totals.shape[1] + column[None, :])[inside]
    known = np.nan_to_num(totals.ravel()[flat]) > 0
    if not known.any():
        raise SpatialError(
            "expected totals above 0 on the grid of the weights, found none",
            where=benchmark,
            hint="check that both rasters show the same place",
        )
    # Only cells that have a total: the others must stay empty, or were not counted.
    used = np.flatnonzero(inside.ravel())[known]
    codes, position = np.unique(flat[known], return_inverse=True)
    layers = np.column_stack([values.ravel()[used], *(layer.ravel()[used] for layer in covariates.values())])
    mass, _ = refine_mass(layers, position, totals.ravel()[codes])
    grid = np.zeros(values.size)
    grid[used] = mass
    told = f"base: {name}{_and(list(covariates))}, refined to the totals of {len(codes)} cells of {benchmark}"
    return grid.reshape(values.shape), told


def _and(names: list[str]) -> str:
    return f" with {', '.join(names)}" if names else ""


def _nested(
    fine: Raster, coarse: Raster, shape: tuple[int, ...], name: str, benchmark: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the coarse row of every fine row and the coarse column of every fine column."""
    a, b = fine.transform, coarse.transform
    ratio = (b[0] / a[0], b[4] / a[4])
    offset = ((a[2] - b[2]) / a[0], (a[5] - b[5]) / a[4])  # in fine cells, from the corner of the coarse grid
    whole = all(abs(x - round(x)) <= NOISE * max(1.0, abs(x)) for x in (*ratio, *offset))
    if fine.crs != coarse.crs or not whole or min(ratio) < 1.5:
        raise ConfigError(
            f"expected coarser cells, each of whole cells of {name} ({a[0]:g} × {abs(a[4]):g} from {a[2]:.10g}, "
            f"{a[5]:.10g} in {fine.crs}), found {b[0]:g} × {abs(b[4]):g} from {b[2]:.10g}, {b[5]:.10g} in {coarse.crs}",
            where=benchmark,
            hint="take the coarse and the fine grid of one census, such as 1 km and 100 m in EPSG:3035",
        )
    row = (np.arange(shape[0]) + round(offset[1])) // round(ratio[1])
    column = (np.arange(shape[1]) + round(offset[0])) // round(ratio[0])
    return row.astype(np.int64), column.astype(np.int64)
