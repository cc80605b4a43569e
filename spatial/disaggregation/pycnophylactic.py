"""Smooth densities that keep every zone's total (Tobler 1979), on atoms, so that cells may be cut by borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.errors import SpatialError
from spatial.disaggregation.checks import require_mass

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Cap of iterations, and the change of the density, relative to its largest value, below which it has converged.
MAX_ITERATIONS = 1000
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Smooth:
    """Result of the pycnophylactic interpolation.

    Attributes
    ----------
    mass : numpy.ndarray
        Counts of the atoms, shape (K,). Those of a source add up to its total; NaN in a source without a value.
    iterations : int
    change : float
        Largest change of a density in the last iteration, relative to the largest density.
    converged : bool
        ``change`` fell below the tolerance before the cap.
    """

    mass: NDArray[np.float64]
    iterations: int
    change: float
    converged: bool


def pycnophylactic(
    cell: NDArray[np.int64],
    size: NDArray[Any],
    source: NDArray[np.int64],
    y: NDArray[Any],
    shape: tuple[int, int],
    *,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Smooth:
    """Spread totals so that the density is smooth across cells and borders, and every total is kept.

    Parameters
    ----------
    cell : numpy.ndarray of int64
        Flat cell number (row × columns + column) of each atom, -1 for an atom that is no cell, shape (K,).
    size : numpy.ndarray
        What the density refers to, shape (K,): area in square metres (Tobler's method), or any mass, such as settled
        area or dwellings; then what is smooth is the count per unit of it.
    source : numpy.ndarray of int64
        Position of the source of each atom, shape (K,).
    y : numpy.ndarray
        Counts of the sources, at least 0, shape (S,); NaN is missing and takes no part.
    shape : tuple of int
        Rows and columns of the raster.
    max_iterations : int
    tolerance : float
        See :data:`TOLERANCE`.

    Returns
    -------
    Smooth

    Raises
    ------
    SpatialError
        Shapes do not fit, a size or count is negative or infinite, or a source with a positive count has no size.

    Notes
    -----
    Tobler, W. (1979), "Smooth pycnophylactic interpolation for geographical regions", JASA 74. In turn: the density of
    a cell moves half-way to the mean of its (up to four) neighbours that have size, no density flowing over the border
    of the region; each source is corrected by one constant per unit of size; what is negative becomes 0; each source is
    scaled to its total, so that totals hold at every iteration. An atom takes part with its own part of a cell: the
    density of a cut cell is the size-weighted mean of its parts, and a source smaller than a cell is an atom like
    others and keeps its mass. A source of 0 has density 0 from the start to the end and acts on its neighbours as what
    it is: empty.

    Examples
    --------
    >>> import numpy as np
    >>> source = np.repeat([0, 1], 3)
    >>> got = pycnophylactic(np.arange(6), np.ones(6), source, np.array([3.0, 9.0]), (1, 6))
    >>> got.converged, got.mass[:3].sum().round(9), got.mass[3:].sum().round(9)
    (True, np.float64(3.0), np.float64(9.0))
    >>> bool((np.diff(got.mass) > 0).all())
    True
    """
    a, s, total = _checked(cell, size, source, y, shape)
    n = len(total)
    known = ~np.isnan(total)
    counted = known & (total > 0)
    whole = np.bincount(s, a, n)
    empty = counted & (whole <= 0)
    if empty.any():
        raise SpatialError(
            f"expected size in every source with a count, found none in {int(empty.sum())} of them, the first at "
            f"position {int(np.argmax(empty))}",
            where="sizes of the atoms",
            hint="use the area of the atoms, which every source has",
        )
    result = np.where(known[s], 0.0, np.nan)
    # Atoms of sources with a value, whole density first: the mean of the source.
    active = np.flatnonzero(known[s] & (a > 0))
    a, s, c = a[active], s[active], cell[active]
    mean = np.divide(total, whole, out=np.zeros(n), where=counted)
    density = mean[s]
    open_ = counted[s]
    on_grid = c >= 0
    grid = _Neighbours(c[on_grid], a[on_grid], shape)
    change, iterations = np.inf, 0
    while change > tolerance and iterations < max_iterations:
        iterations += 1
        smooth = density.copy()
        smooth[on_grid] = grid.smooth(density[on_grid])
        smooth[~open_] = 0.0
        kept = np.bincount(s, smooth * a, n)
        gap = np.divide(np.where(counted, total, 0.0) - kept, whole, out=np.zeros(n), where=whole > 0)
        smooth = np.where(open_, np.maximum(smooth + gap[s], 0.0), 0.0)
        smooth = _scaled(smooth, a, s, np.where(counted, total, 0.0), mean)
        change = float(np.abs(smooth - density).max(initial=0.0) / max(density.max(initial=0.0), np.finfo(float).tiny))
        density = smooth
    result[active] = density * a
    return Smooth(result, iterations, change, change <= tolerance)


def _scaled(
    density: NDArray[np.float64],
    size: NDArray[np.float64],
    source: NDArray[np.int64],
    total: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Scale the density of every source to its total; one that was smoothed to nothing starts again from its mean."""
    kept = np.bincount(source, density * size, len(total))
    lost = (total > 0) & (kept <= 0)
    factor = np.divide(total, kept, out=np.zeros(len(total)), where=kept > 0)
    return np.where(lost[source], mean[source], density * factor[source])


class _Neighbours:
    """Cells that have size, and the mean density of each one's neighbours."""

    def __init__(self, cell: NDArray[np.int64], size: NDArray[np.float64], shape: tuple[int, int]) -> None:
        self.shape = shape
        self.cell, self.size = cell, size
        self.n = shape[0] * shape[1]
        self.whole = np.bincount(cell, size, self.n).astype(np.float64)
        self.count = self._around((self.whole > 0).reshape(shape).astype(np.float64))

    def _around(self, grid: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.zeros(self.shape)
        result[1:] += grid[:-1]
        result[:-1] += grid[1:]
        result[:, 1:] += grid[:, :-1]
        result[:, :-1] += grid[:, 1:]
        return result

    def smooth(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the new density of every atom: the mean of its cell and of the neighbours with size.

        The cell itself takes part with half the weight: without it, even and odd cells would swing against each other.
        """
        sums = np.bincount(self.cell, density * self.size, self.n)
        grid = np.divide(sums, self.whole, out=np.zeros(self.n), where=self.whole > 0).reshape(self.shape)
        around = np.divide(self._around(grid), self.count, out=grid.copy(), where=self.count > 0)
        return np.asarray((0.5 * (grid + around)).ravel()[self.cell], dtype=np.float64)


def _checked(
    cell: NDArray[np.int64], size: NDArray[Any], source: NDArray[np.int64], y: NDArray[Any], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    c, s = np.asarray(cell), np.asarray(source)
    total = np.asarray(y, dtype=np.float64)
    values = np.asarray(size, dtype=np.float64)
    if not (c.shape == s.shape == values.shape) or c.ndim != 1 or not len(c):
        raise SpatialError(
            f"expected cell, size and source of every atom, found shapes {c.shape}, {values.shape} and {s.shape}",
            where="atoms",
            hint="take them from one Atoms object",
        )
    if c.max() >= shape[0] * shape[1] or c.min() < -1:
        raise SpatialError(
            f"expected cells below {shape[0] * shape[1]}, found {c.min()} to {c.max()}",
            where="atoms",
            hint="a flat number is row x columns + column of this raster",
        )
    if s.min() < 0 or s.max() >= len(total):
        raise SpatialError(
            f"expected sources between 0 and {len(total) - 1}, found {s.min()} to {s.max()}",
            where="atoms",
            hint="leave out atoms that lie in no source",
        )
    if (total < 0).any() or np.isinf(total).any():
        raise SpatialError(
            f"expected finite counts of at least 0, found {total[(total < 0) | np.isinf(total)][0]:g}",
            where="values of the sources",
            hint="a value that is not known is missing (NaN)",
        )
    return require_mass(values, lambda i: f"atom {i}", "sizes of the atoms"), s, total
