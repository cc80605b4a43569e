"""Atoms: the parts of grid cells, buildings or polygons that lie in one source zone, found once per geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geodata.errors import SpatialError
from spatial.disaggregation.assembly import OVERLAP_TOLERANCE, Allocate, Measure, assemble, exact_sums, overlay, whole
from spatial.disaggregation.cell_coverage import NOISE, cell_coverage
from spatial.disaggregation.checks import require_mass
from spatial.disaggregation.coverage import checked_grid, on_grid
from spatial.disaggregation.transfer import AllocationWeights

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

__all__ = ["Atoms", "raster_atoms"]


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """What source zones consist of, and to which target each part goes.

    Attributes
    ----------
    source, target : numpy.ndarray
        Positions of the source and the target zone of each atom, int64, shape (K,); -1 is outside every target.
    cell : numpy.ndarray
        Flat number of the cell on the raster (row × columns + column), int64, shape (K,); -1 where the atom is no cell:
        what lies beyond the raster or in cells that were not asked for.
    fraction : numpy.ndarray
        Share of the cell that the atom covers, above 0 and at most 1; square metres where ``cell`` is -1. Shape (K,).
    source_ids, target_ids : pandas.Index
        Ids of the S source and T target zones. Where the cells themselves are the targets, their flat numbers.
    area : numpy.ndarray
        Square metres in the CRS of the zones, shape (K,). The atoms of a piece add up to the piece.
    shape : tuple of int or None
        Rows and columns of the raster.
    details : pandas.DataFrame
        Indexed by source: ``covered`` (share of its area in the targets) and ``extent`` (share of that inside the
        raster); empty where not applicable.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, pandas as pd
    >>> from shapely import box
    >>> town = gpd.GeoDataFrame(index=["town"], geometry=[box(0, 0, 4, 1)], crs=25832)
    >>> parts = gpd.GeoDataFrame(index=["west", "east"], geometry=[box(0, 0, 1.5, 1), box(1.5, 0, 4, 1)], crs=25832)
    >>> atoms = raster_atoms(town, parts, (1, 4), (1, 0, 0, 0, -1, 1), "EPSG:25832")
    >>> atoms.cell.tolist(), atoms.fraction.tolist()
    ([0, 1, 1, 2, 3], [1.0, 0.5, 0.5, 1.0, 1.0])
    >>> mass = atoms.mass(np.array([[30.0, 20.0, 0.0, 0.0]]))
    >>> atoms.weights(mass, method="raster").apply(pd.Series({"town": 100.0})).to_dict()
    {'west': 80.0, 'east': 20.0}
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    cell: NDArray[np.int64]
    fraction: NDArray[np.float64]
    source_ids: pd.Index
    target_ids: pd.Index
    area: NDArray[np.float64]
    shape: tuple[int, int] | None = None
    details: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        lengths = {len(a) for a in (self.source, self.target, self.cell, self.fraction, self.area)}
        if len(lengths) != 1:
            raise SpatialError(f"expected arrays of one length, found {sorted(lengths)}", where="atoms")

    def __len__(self) -> int:
        return len(self.source)

    def mass(
        self, layer: NDArray[Any], *, cells: NDArray[np.int64] | None = None, where: str = "ancillary raster"
    ) -> NDArray[np.float64]:
        """Return the mass of a layer in every atom: value × covered fraction.

        Parameters
        ----------
        layer : numpy.ndarray
            Mass per cell, at least 0, NaN is none: of :attr:`shape`, or of shape (n,) with ``cells``.
        cells : numpy.ndarray, optional
            Flat numbers of the cells that the values belong to, ascending, shape (n,); all others have no mass.
        where : str
            Name of the layer, for the message.

        Returns
        -------
        numpy.ndarray
            Shape (K,); 0 for atoms that are no cell.

        Raises
        ------
        SpatialError
            The layer is not on the grid of the atoms, negative, infinite, or has no mass.
        """
        values = np.asarray(layer, dtype=np.float64)
        expected = self.shape if cells is None else cells.shape
        if values.shape != expected:
            raise SpatialError(
                f"expected values of shape {expected}, found {values.shape}",
                where=where,
                hint="bring the layer to the grid the atoms were made on first",
            )
        columns = self.shape[1] if self.shape else 1

        def place(i: int) -> str:
            flat = int(i if cells is None else cells[i])
            return f"row {flat // columns} column {flat % columns}"

        flat = require_mass(values.ravel(), place, where)
        if cells is None:
            mass = flat[self.cell]  # -1 is the last cell, for now
        else:
            if (np.diff(cells) <= 0).any():
                raise SpatialError("expected ascending cell numbers, found others", where=where, hint="sort them")
            near = np.minimum(np.searchsorted(cells, self.cell), len(cells) - 1)
            mass = np.where(cells[near] == self.cell, flat[near], 0.0)
        mass *= self.fraction
        mass[self.cell < 0] = 0.0
        return mass

    def weights(
        self,
        mass: NDArray[np.float64],
        *,
        method: str,
        ancillary_year: int | Sequence[int] | None = None,
        mask: NDArray[np.float64] | None = None,
        allocate: Allocate = "covered",
        where: str = "ancillary mass of the atoms",
    ) -> AllocationWeights:
        """Share every source among the targets by the mass of its atoms.

        Parameters
        ----------
        mass : numpy.ndarray
            Mass of every atom, at least 0, NaN is none, shape (K,).
        method : str
            Name of the method, kept in the result.
        ancillary_year : int or sequence of int, optional
            Reference year of the mass; all of them where it was made of several data.
        mask : numpy.ndarray, optional
            Settled mass of every atom, shape (K,): the first fallback, for a source without mass. The last is area.
        allocate : {"covered", "area", "inside"}
            ``"covered"`` hands the whole total of a source to its targets; ``"area"`` leaves the share of its mass
            that lies in no target outside; ``"inside"`` does so too unless that share is at most a hundredth.
        where : str
            Name of the ancillary data, for the message.

        Returns
        -------
        AllocationWeights

        Raises
        ------
        SpatialError
            A mass is negative or infinite, or no atom has any.
        """
        cascade = {"ancillary": self._checked(mass, where)}
        if mask is not None:
            cascade["mask"] = self._checked(mask, f"{where}, mask", empty=True)
        cascade["area"] = self.area
        pair = self._pairs()
        first = np.flatnonzero(np.diff(pair, prepend=-1)) if pair is not None else np.arange(len(self))
        source, target = self.source[first], self.target[first]
        inside = target >= 0
        n = len(self.source_ids)
        steps = []
        for name, values in cascade.items():
            # The atoms of a pair follow each other, and reduceat adds pairwise: as exact as sums of a million need.
            sums = values if pair is None else np.add.reduceat(values, first)
            steps.append(Measure(name, sums[inside], exact_sums(source, sums, n)))
        complete = np.bincount(self.source[self.target < 0], minlength=n) == 0
        return assemble(
            self.source_ids,
            self.target_ids,
            source[inside],
            target[inside],
            steps,
            allocate=allocate,
            complete=complete,
            details={str(name): self.details[name].to_numpy() for name in self.details},
            method=method,
            ancillary_year=ancillary_year,
        )

    def _checked(self, mass: NDArray[np.float64], where: str, *, empty: bool = False) -> NDArray[np.float64]:
        values = np.asarray(mass, dtype=np.float64)
        if values.shape != self.source.shape:
            raise SpatialError(
                f"expected a mass for each of the {len(self)} atoms, found shape {values.shape}",
                where=where,
                hint="make it with Atoms.mass, or in the order of the atoms",
            )
        if empty and not values.any():
            return values
        return require_mass(values, lambda i: f"atom {i} in {self.source_ids[self.source[i]]}", where)

    def _pairs(self) -> NDArray[np.int64] | None:
        """Give each (source, target) pair of the sorted atoms a number; None where each atom is a pair of its own."""
        key = self.source * (len(self.target_ids) + 1) + self.target + 1
        step = np.diff(key)
        if (step < 0).any():
            raise SpatialError(
                "expected atoms sorted by source, then target, found others", where="atoms", hint="use numpy.lexsort"
            )
        if (step > 0).all():
            return None
        return np.cumsum(np.concatenate(([0], step > 0)))


def raster_atoms(
    source: gpd.GeoDataFrame,
    target: gpd.GeoDataFrame | None,
    shape: tuple[int, int],
    transform: Sequence[float],
    crs: Any,
    *,
    cells: NDArray[np.int64] | None = None,
    names: tuple[str, str, str] = ("source zones", "target zones", "ancillary raster"),
    overlap_tolerance: float = OVERLAP_TOLERANCE,
    sliver: float = 0.0,
) -> Atoms:
    """Find the exact share of every cell in every piece of a source zone, once for any number of layers.

    Parameters
    ----------
    source : geopandas.GeoDataFrame
        Zones indexed by area id, in a projected CRS in metres, that do not overlap each other.
    target : geopandas.GeoDataFrame or None
        The same for the targets, in the CRS of the sources; None makes every cell that a source touches a target.
    shape : tuple of int
        Rows and columns of the raster.
    transform : sequence of float
        Its affine coefficients (a, b, c, d, e, f), upright.
    crs : str or pyproj.CRS
        Its CRS; where the zones have another, they are brought to it.
    cells : numpy.ndarray of int64, optional
        Flat numbers of the cells that can have mass, ascending. All others are left out, so that a raster of a hundred
        million cells of which few are populated costs no more than those; their area goes to the atom with cell -1.
    names : tuple of str
        What to call the layers and the raster in messages.
    overlap_tolerance : float
        Largest share of a zone that may lie in others of its layer.
    sliver : float, default 0
        Pieces below this share of their source and of their target are dropped, see :func:`.area_weights`.

    Returns
    -------
    Atoms
        Sorted by source, then target.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        A layer or the raster is not what is expected; the message names it, the place and a remedy.

    Notes
    -----
    Coverage fractions by :func:`.cell_coverage`; areas are scaled so that the atoms of a piece add up to its area.
    """
    grid = checked_grid(shape, transform, crs, names[2])
    if cells is not None:
        _require_cells(cells, shape, names[2])
    if target is None:
        both = whole(source, name=names[0], overlap_tolerance=overlap_tolerance)
    else:
        both = overlay(source, target, names=names[:2], overlap_tolerance=overlap_tolerance, sliver=sliver, rest=True)
    pieces = both.pieces
    polygons = on_grid(pieces.geometry, source.crs, grid, names[2])
    piece, cell, fraction, inside = cell_coverage(polygons, shape, grid, cells)

    size = shapely.area(polygons)
    one = (grid.east - grid.west) * (grid.north - grid.south) / (shape[0] * shape[1])
    if target is None and sliver > NOISE:
        kept = (fraction >= sliver) | (fraction * one >= sliver * size[piece])
        piece, cell, fraction = piece[kept], cell[kept], fraction[kept]
    # Areas are those of the zones' CRS. What is rounding is spread over the atoms, what is more is an atom of its own:
    # the part in no cell.
    share = np.bincount(piece, fraction, len(size)) * one / size
    full = np.abs(share - 1.0) <= NOISE
    area = fraction * (one / size * pieces.area / np.where(full, share, np.maximum(share, 1.0)))[piece]
    left = np.flatnonzero(share < 1.0 - NOISE)
    goal = pieces.target
    if target is None:
        touched, position = _numbered(cell, shape)
        goal_of_atom, target_ids = position, pd.Index(touched, name="cell")
    else:
        goal_of_atom, target_ids = goal[piece], pd.Index(target.index)
    s, t = pieces.source[piece], goal_of_atom
    if len(left):
        beyond = pieces.area[left] * (1.0 - share[left])
        s, t = np.concatenate([s, pieces.source[left]]), np.concatenate([t, goal[left]])
        cell = np.concatenate([cell, np.full(len(left), -1)])
        fraction, area = np.concatenate([fraction, beyond]), np.concatenate([area, beyond])
        order = np.lexsort((t, s))
        s, t, cell, fraction, area = s[order], t[order], cell[order], fraction[order], area[order]

    n = len(source)
    reach = exact_sums(pieces.source, np.minimum(inside * one / size, 1.0) * pieces.area, n)
    cut = exact_sums(pieces.source, pieces.area, n)
    extent = np.divide(reach, cut, out=np.full(n, np.nan), where=cut > 0)
    details = pd.DataFrame({"covered": both.covered if target is not None else extent, "extent": extent}, source.index)
    return Atoms(s, t, cell, fraction, pd.Index(source.index), target_ids, area, shape, details)


def _numbered(cell: NDArray[np.int64], shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct cells, ascending, and the position of each atom's cell among them."""
    if shape[0] * shape[1] > 8 * len(cell):
        found, position = np.unique(cell, return_inverse=True)
        return found, position
    seen = np.zeros(shape[0] * shape[1], dtype=bool)
    seen[cell] = True
    found = np.flatnonzero(seen)
    number = np.empty(len(seen), dtype=np.int64)
    number[found] = np.arange(len(found))
    return found, number[cell]


def _require_cells(cells: NDArray[np.int64], shape: tuple[int, int], where: str) -> None:
    if cells.ndim != 1 or not len(cells) or (np.diff(cells) <= 0).any() or cells[0] < 0:
        raise SpatialError("expected ascending flat numbers of cells, found others", where=where, hint="sort them")
    if cells[-1] >= shape[0] * shape[1]:
        raise SpatialError(
            f"expected cells below {shape[0] * shape[1]}, found {cells[-1]}",
            where=where,
            hint="a flat number is row x columns + column of this raster",
        )
