"""Weights by area, by raster and by cells: what an allocation starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disaggregation.assembly import (
    OVERLAP_TOLERANCE,
    Allocate,
    Measure,
    Overlay,
    assemble,
    exact_sums,
    overlay,
)
from spatial.disaggregation.atoms import raster_atoms
from spatial.disaggregation.checks import require_ids, require_mass
from spatial.disaggregation.coverage import checked_raster
from spatial.disaggregation.overlaps import fragments
from spatial.disaggregation.transfer import AllocationWeights

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

__all__ = ["AllocationWeights", "area_weights", "cell_weights", "raster_weights"]


def area_weights(
    source: gpd.GeoDataFrame,
    target: gpd.GeoDataFrame,
    *,
    allocate: Allocate = "covered",
    names: tuple[str, str] = ("source zones", "target zones"),
    overlap_tolerance: float = OVERLAP_TOLERANCE,
    sliver: float = 0.0,
    overlapping: bool = False,
) -> AllocationWeights:
    """Share every source among the targets by area.

    Parameters
    ----------
    source, target : geopandas.GeoDataFrame
        Zones indexed by area id, in one projected CRS in metres; zones of a layer do not overlap each other.
    allocate : {"covered", "area", "inside"}
        ``"covered"`` hands the whole total of a source to the targets that cover part of it; ``"area"`` leaves the
        share of its area that no target covers outside; ``"inside"`` does so too unless that share is a sliver of
        boundaries drawn twice, at most a hundredth of the source (:data:`.ENOUGH`).
    names : tuple of str
        What to call the two layers in messages.
    overlap_tolerance : float
        Largest share of a zone that may lie in others of its layer.
    sliver : float, default 0
        Pieces that take less than this share both of their source and of their target are noise of borders drawn
        twice: they are dropped, and what they would get goes to the other targets of the source. Without it a missing
        source makes targets missing that it merely scratches. Berlin's nested areas need .002.
    overlapping : bool
        Targets may overlap: each gets what lies in it, and the result is marked, see :func:`.fragments`.

    Returns
    -------
    AllocationWeights
        Provenance is ``area``, or ``outside`` for sources that no target touches.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        A layer is not what is expected; the message names it, the place and a remedy.

    Notes
    -----
    Areal weighting, Goodchild & Lam (1980), "Areal interpolation: a variant of the traditional spatial problem";
    ``"covered"`` and ``"area"`` are the weights "sum" and "total" of the R package areal (Prener & Revord 2019).

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from shapely import box
    >>> town = gpd.GeoDataFrame(index=["town"], geometry=[box(0, 0, 4, 1)], crs=25832)
    >>> parts = gpd.GeoDataFrame(index=["west", "east"], geometry=[box(0, 0, 1, 1), box(1, 0, 4, 1)], crs=25832)
    >>> area_weights(town, parts).apply(pd.Series({"town": 100.0})).to_dict()
    {'west': 25.0, 'east': 75.0}
    """
    if overlapping:
        parts = fragments(target, names[1])
        return parts.gather(
            area_weights(
                source, parts.zones, allocate=allocate, names=names, overlap_tolerance=overlap_tolerance, sliver=sliver
            )
        )
    both = overlay(source, target, names=names, overlap_tolerance=overlap_tolerance, sliver=sliver)
    return assemble(
        pd.Index(source.index),
        pd.Index(target.index),
        both.pieces.source,
        both.pieces.target,
        [Measure("area", both.pieces.area, _whole(both) if sliver > 0 else both.area)],
        allocate=allocate,
        complete=both.complete,
        details={"covered": both.covered},
        method="area",
        ancillary_year=None,
    )


def _whole(both: Overlay) -> NDArray[np.float64]:
    """Return the area of every source without the noise that was dropped."""
    kept = exact_sums(both.pieces.source, both.pieces.area, len(both.area))
    return np.asarray(kept + both.area * (1.0 - both.covered), dtype=np.float64)


def raster_weights(
    source: gpd.GeoDataFrame,
    target: gpd.GeoDataFrame,
    values: NDArray[Any],
    transform: Sequence[float],
    crs: Any,
    *,
    ancillary_year: int | None = None,
    allocate: Allocate = "covered",
    mask: NDArray[Any] | None = None,
    names: tuple[str, str, str] = ("source zones", "target zones", "ancillary raster"),
    overlap_tolerance: float = OVERLAP_TOLERANCE,
    sliver: float = 0.0,
    overlapping: bool = False,
) -> AllocationWeights:
    """Share every source among the targets by the raster mass that lies in their intersection.

    Parameters
    ----------
    source, target : geopandas.GeoDataFrame
        Zones indexed by area id, in one projected CRS in metres; zones of a layer do not overlap each other.
    values : numpy.ndarray
        Ancillary mass per cell (inhabitants, dwellings), shape (rows, columns), at least 0; NaN is no mass.
    transform : sequence of float
        Affine coefficients (a, b, c, d, e, f) as rasterio gives them, of an upright grid.
    crs : str or pyproj.CRS
        The raster's; where the zones have another, they are brought to it.
    ancillary_year : int, optional
        Reference year of the raster.
    allocate : {"covered", "area", "inside"}
        ``"covered"`` hands the whole total of a source to the targets; ``"area"`` leaves the share of its mass that
        lies in no target outside; ``"inside"`` does so too unless that share is at most a hundredth.
    mask : numpy.ndarray, optional
        Settlement mask on the same grid: cells above 0 are settled. First fallback.
    names : tuple of str
        What to call the layers and the raster in messages.
    overlap_tolerance : float
        Largest share of a zone that may lie in others of its layer.
    sliver : float, default 0
        Pieces that take less than this share both of their source and of their target are noise of borders drawn
        twice: they are dropped, and what they would get goes to the other targets of the source. Without it a missing
        source makes targets missing that it merely scratches. Berlin's nested areas need .002.
    overlapping : bool
        Targets may overlap: each gets what lies in it, and the result is marked, see :func:`.fragments`.

    Returns
    -------
    AllocationWeights
        A source without mass in the raster is shared by the mask, and by area where that is empty too; the provenance
        says which. ``details["extent"]`` is the share of its pieces inside the raster's bounds.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError
        A layer is not what is expected.
    SpatialError
        The raster is negative, infinite, empty, rotated, or has no mass in any source.

    Notes
    -----
    Dasymetric mapping by exact coverage fractions: a piece is source ∩ target, its mass Σ value × covered fraction.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, pandas as pd
    >>> from shapely import box
    >>> town = gpd.GeoDataFrame(index=["town"], geometry=[box(0, 0, 4, 1)], crs=25832)
    >>> parts = gpd.GeoDataFrame(index=["west", "east"], geometry=[box(0, 0, 1, 1), box(1, 0, 4, 1)], crs=25832)
    >>> people = np.array([[30.0, 10.0, 0.0, 0.0]])
    >>> weights = raster_weights(town, parts, people, (1, 0, 0, 0, -1, 1), "EPSG:25832", ancillary_year=2022)
    >>> weights.apply(pd.Series({"town": 100.0})).to_dict()
    {'west': 75.0, 'east': 25.0}
    """
    if overlapping:
        parts = fragments(target, names[1])
        return parts.gather(
            raster_weights(
                source,
                parts.zones,
                values,
                transform,
                crs,
                ancillary_year=ancillary_year,
                allocate=allocate,
                mask=mask,
                names=names,
                overlap_tolerance=overlap_tolerance,
                sliver=sliver,
            )
        )
    masses, grid = checked_raster(values, transform, crs, names[2])
    if mask is not None and np.shape(mask) != masses.shape:
        raise SpatialError(
            f"expected a mask of shape {masses.shape} like the raster's, found {np.shape(mask)}",
            where=names[2],
            hint="bring the mask to the raster's grid first",
        )
    atoms = raster_atoms(
        source,
        target,
        masses.shape,
        transform,
        crs,
        names=names,
        overlap_tolerance=overlap_tolerance,
        sliver=sliver,
    )
    mass = atoms.mass(masses, where=names[2])
    if not mass.any():
        raise SpatialError(
            f"expected mass in the zones, found none: the raster covers "
            f"{(grid.west, grid.south, grid.east, grid.north)} in {grid.crs.to_string()}, "
            f"the zones {tuple(source.total_bounds.round().tolist())} in {source.crs.to_string()}",
            where=f"{names[2]} over {names[0]}",
            hint="check the raster's CRS and that it shows the same region",
        )
    settled = None
    if mask is not None and (np.asarray(mask) > 0).any():
        settled = atoms.mass(np.asarray(mask) > 0, where=f"{names[2]}, mask")
    return atoms.weights(
        mass, method="raster", ancillary_year=ancillary_year, mask=settled, allocate=allocate, where=names[2]
    )


def cell_weights(
    source_of: pd.Series,
    mass: pd.Series,
    *,
    ancillary_year: int | Sequence[int] | None = None,
    mask: pd.Series | None = None,
    areas: pd.Series | None = None,
    sources: Sequence[Any] | pd.Index | None = None,
    where: str = "ancillary mass of the cells",
) -> AllocationWeights:
    """Share every source among whole cells, each belonging to the one source that holds its centre.

    Parameters
    ----------
    source_of : pandas.Series
        Indexed by target id: the id of the source, missing where the cell lies in none.
    mass : pandas.Series
        Ancillary mass of the same cells, at least 0; NaN is no mass.
    ancillary_year : int or sequence of int, optional
        Reference year of the mass; all of them where it was made of several data.
    mask : pandas.Series of bool, optional
        Settled cells, of the same index; first fallback for a source without mass.
    areas : pandas.Series, optional
        Areas of the cells; the last fallback. Cells of equal size need none.
    sources : sequence, optional
        All sources, in the order of the columns. One without cells goes ``outside`` and shows in the audit; without
        this list such a source is unknown here. Default: the ids in ``source_of``, sorted.
    where : str
        What to call the mass in messages.

    Returns
    -------
    AllocationWeights

    Raises
    ------
    AreaKeyError
        Cells are repeated, or the Series have different cells; a cell names a source that is not in ``sources``.
    SpatialError
        A mass is negative or infinite, or there is none anywhere.
    """
    require_ids(source_of.index, "source of the cells")
    column = _aligned(mass, source_of.index, where)
    m = require_mass(column, source_of.index.__getitem__, where)
    known = source_of.notna().to_numpy()
    source_ids = pd.Index(sorted(source_of[known].unique()) if sources is None else sources, name=source_of.name)
    require_ids(source_ids, "sources")
    codes = source_ids.get_indexer(pd.Index(source_of[known]))
    if (codes < 0).any():
        raise AreaKeyError(
            f"expected one of the {len(source_ids)} sources for every cell, found "
            f"{some(source_of[known][codes < 0].unique())}",
            where="source of the cells",
            hint=f"sources are {some(source_ids)}",
        )
    if not m[known].any():
        raise SpatialError(
            "expected mass in the sources, found none in any of their cells",
            where=where,
            hint="check that cell ids and sources belong to the same region",
        )
    size = (
        np.ones(len(m))
        if areas is None
        else require_mass(_aligned(areas, source_of.index, "areas"), source_of.index.__getitem__, "areas of the cells")
    )
    steps = {"ancillary": m, "area": size}
    if mask is not None:
        steps = {"ancillary": m, "mask": (_aligned(mask, source_of.index, "mask") > 0) * size, "area": size}
    n = len(source_ids)
    return assemble(
        source_ids,
        pd.Index(source_of.index),
        codes.astype(np.int64),
        np.flatnonzero(known),
        [Measure(name, step[known], np.zeros(n)) for name, step in steps.items()],
        allocate="covered",
        complete=np.ones(n, dtype=bool),
        details={},
        method="cells",
        ancillary_year=ancillary_year,
    )


def _aligned(values: pd.Series, cells: pd.Index, where: str) -> NDArray[np.float64]:
    require_ids(values.index, where)
    strangers = cells.symmetric_difference(values.index)
    if len(strangers):
        raise AreaKeyError(
            f"expected one value for each of the {len(cells)} cells, found {len(strangers)} ids on one side only: "
            f"{some(strangers)}",
            where=where,
            hint="reindex it to the cells; NaN is no mass",
        )
    return values.reindex(cells).to_numpy(dtype=np.float64, na_value=np.nan)
