"""From pieces of zones to a transfer matrix: overlay, fallback cascade, normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
import shapely

from geodata.crs import require_same
from geodata.errors import SpatialError
from spatial.disaggregation.checks import refuse_overlaps, zone_geometry
from spatial.disaggregation.pieces import Pieces, intersect, polygonal
from spatial.disaggregation.totals import id_ranks, in_order_of_ids
from spatial.disaggregation.transfer import AllocationWeights

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: How the total of a source that the targets cover in part is shared, see :func:`assemble`.
Allocate = Literal["covered", "area", "inside"]
#: With ``allocate="inside"`` a source of whose mass at least this share lies in the targets is theirs: what is left are
#: slivers of boundaries that two offices drew. A convention; Berlin's nested levels miss 1.4e-4 of a source at most.
ENOUGH = 0.99

#: Largest share of a zone that may overlap its neighbours: slivers of digitising and generalisation.
OVERLAP_TOLERANCE = 0.01
#: A source is covered completely if less than this share of its area is left over.
GAP = 1e-9


@dataclass(frozen=True, slots=True)
class Measure:
    """One step of the fallback cascade.

    Attributes
    ----------
    provenance : str
        Its name in :data:`CASCADE`.
    pieces : numpy.ndarray
        Mass of every piece, shape (K,).
    totals : numpy.ndarray
        Mass of every whole source, shape (S,); not used by ``allocate="covered"``.
    """

    provenance: str
    pieces: NDArray[np.float64]
    totals: NDArray[np.float64]


def assemble(
    source_ids: pd.Index,
    target_ids: pd.Index,
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    cascade: Sequence[Measure],
    *,
    allocate: Allocate,
    complete: NDArray[np.bool_],
    details: Mapping[str, NDArray[np.float64]],
    method: str,
    ancillary_year: int | Sequence[int] | None,
) -> AllocationWeights:
    """Build W = G · diag(m) · R · diag(1 / (Rᵀ m)) from pieces, source by source with the first measure that has mass.

    Parameters
    ----------
    source, target : numpy.ndarray
        Positions of the zones of each piece, shape (K,); every pair at most once.
    cascade : sequence of Measure
        From best to worst.
    allocate : {"covered", "area", "inside"}
        Divide by the mass in the targets, or by that of the whole source, whose rest goes outside. ``"inside"`` does
        the second, but for sources of whose mass the targets hold all but a sliver, :data:`ENOUGH`.
    complete : numpy.ndarray of bool
        Sources that the targets cover completely: nothing of them is outside, whatever the rounding. Shape (S,).
    details : mapping of str to numpy.ndarray
        Further columns of ``details``, shape (S,).
    method : str
    ancillary_year : int or sequence of int or None
        Reference year of the ancillary data, or years where they were made of several.

    Returns
    -------
    AllocationWeights

    Notes
    -----
    Sums run in the order of the ids of the targets, so that the order of the rows changes no bit of the result.
    """
    from scipy import sparse

    if allocate not in get_args(Allocate):
        raise SpatialError(
            f"expected allocate='covered', 'area' or 'inside', found {allocate!r}", where="allocation weights"
        )
    n = len(source_ids)
    rank = id_ranks(target_ids)
    if rank is not None:
        order = np.argsort(rank[target], kind="stable")
        source, target = source[order], target[order]
        cascade = [Measure(m.provenance, m.pieces[order], m.totals) for m in cascade]
    weight, mass = np.zeros(len(source)), np.full(n, np.nan)
    provenance = np.full(n, "outside", dtype=object)
    open_ = np.bincount(source, minlength=n) > 0
    handed = np.ones(n, dtype=bool)  # to the targets, whole
    for measure in cascade:
        base = exact_sums(source, measure.pieces, n)
        all_of_it = np.ones(n, dtype=bool)
        if allocate != "covered":
            # Slivers of overlap can make the parts exceed the whole; the larger of the two keeps shares below 1.
            everything = np.maximum(base, measure.totals)
            all_of_it = complete | ((allocate == "inside") & (base >= ENOUGH * everything))
            base = np.where(all_of_it, base, everything)
        taken = open_ & (base > 0)
        handed[taken] = all_of_it[taken]
        mine = taken[source]
        weight[mine] = measure.pieces[mine] / base[source[mine]]
        mass[taken], provenance[taken] = base[taken], measure.provenance
        open_ &= ~taken
    rest = np.clip(1.0 - exact_sums(source, weight, n), 0.0, 1.0)
    outside = np.where(provenance == "outside", 1.0, np.where(handed, 0.0, rest))
    years = () if ancillary_year is None else np.atleast_1d(np.asarray(ancillary_year, dtype=np.int64)).tolist()
    matrix = sparse.coo_array((weight, (target, source)), shape=(len(target_ids), n)).tocsr()
    return AllocationWeights(
        in_order_of_ids(matrix, source_ids),
        source_ids,
        target_ids,
        outside,
        pd.Series(provenance.astype(str), index=source_ids, name="provenance"),
        method,
        tuple(sorted(set(years))),
        pd.DataFrame({"mass": mass, **details}, index=source_ids),
    )


def exact_sums(of: NDArray[np.int64], values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Sum non-negative values by group as if with twice the digits.

    A plain running sum of a million equal masses is off by 1e-11, and so would be the total of their source. Here every
    value is split at the last digit that the sum of its group has: the upper parts add up without rounding, the lower
    ones are too small for theirs to matter.

    Parameters
    ----------
    of : numpy.ndarray of int64
        Group of each value, shape (K,).
    values : numpy.ndarray
        At least 0, shape (K,).
    n : int
        Number of groups.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    rough = np.bincount(of, values, n)
    digit = np.ldexp(1.0, np.maximum(np.frexp(rough)[1] - 51, -1000))[of]
    upper = np.rint(values / digit) * digit
    return np.asarray(np.bincount(of, upper, n) + np.bincount(of, values - upper, n), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Overlay:
    """Checked zones and their pieces; what area and raster weights have in common.

    Attributes
    ----------
    source, target : numpy.ndarray of shapely geometries
        Shapes (S,) and (T,).
    pieces : Pieces
    area : numpy.ndarray
        Area of every source in m², shape (S,).
    covered : numpy.ndarray
        Share of every source in the targets, at most 1, shape (S,).
    """

    source: NDArray[np.object_]
    target: NDArray[np.object_]
    pieces: Pieces
    area: NDArray[np.float64]
    covered: NDArray[np.float64]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Sources that the targets cover completely."""
        return self.covered >= 1.0 - GAP


def overlay(
    source: gpd.GeoDataFrame,
    target: gpd.GeoDataFrame,
    *,
    names: tuple[str, str],
    overlap_tolerance: float,
    sliver: float,
    rest: bool = False,
) -> Overlay:
    """Check two layers of zones and cut them with each other.

    Parameters
    ----------
    source, target : geopandas.GeoDataFrame
        Zones indexed by area id, in one projected CRS in metres.
    names : tuple of str
        What to call the layers in messages.
    overlap_tolerance : float
        Largest share of a zone that may lie in others of its layer.
    sliver : float
        Pieces that take less than this share of their source and of their target are dropped; ``covered`` counts them.
    rest : bool
        Add what of a source lies in no target as a piece with target -1, and sort pieces by source, then target.

    Returns
    -------
    Overlay

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        See :func:`.zone_geometry` and :func:`.refuse_overlaps`; also where the layers share no area.
    """
    s = zone_geometry(source, names[0], tolerance=overlap_tolerance)
    t = zone_geometry(target, names[1], tolerance=overlap_tolerance)
    require_same(source, target, f"{names[0]} and {names[1]}")
    refuse_overlaps(s, source.index, names[0], tolerance=overlap_tolerance)
    refuse_overlaps(t, target.index, names[1], tolerance=overlap_tolerance)
    pieces = intersect(s, t)
    area = shapely.area(s)
    rank = id_ranks(target.index)
    if rank is not None:  # what is summed or united per source is so in the order of the ids, not of the rows
        pieces = pieces.take(np.argsort(rank[pieces.target], kind="stable"))
    covered = np.minimum(exact_sums(pieces.source, pieces.area, len(s)) / area, 1.0)
    if rest:
        pieces = with_rest(s, pieces, sliver)
    # What is noise lies in a target all the same: it is no part of the rest, and goes to the other targets.
    inside = pieces.target >= 0
    smaller = np.minimum(area[pieces.source], shapely.area(t)[pieces.target])
    real = inside & (pieces.area >= sliver * smaller)
    pieces = pieces.take(real | ~inside)
    if not real.any():
        raise SpatialError(
            f"expected zones that overlap, found none: bounds {source.total_bounds.round().tolist()} and "
            f"{target.total_bounds.round().tolist()}",
            where=f"{names[0]} and {names[1]}",
            hint="check that both layers show the same region and that their CRS are the ones they were made in",
        )
    return Overlay(s, t, pieces, area, covered)


def with_rest(source: NDArray[np.object_], pieces: Pieces, sliver: float) -> Pieces:
    """Add what the pieces leave of every source as a piece with target -1; sort by source, then target."""
    area = shapely.area(source)
    order = np.argsort(pieces.source, kind="stable")
    ends = np.searchsorted(pieces.source[order], np.arange(len(source) + 1))
    taken = exact_sums(pieces.source, pieces.area, len(source))
    # Slivers by which targets overlap can hide a gap of their size; nothing is lost by it, shares add up to 1 anyway.
    open_ = np.flatnonzero(taken < (1.0 - max(sliver, GAP)) * area)
    geometry: list[shapely.Geometry] = []
    # GEOS leaves the processor's flags raised at coordinates such as 1e-180; its result is right.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        for zone in open_:
            mine = pieces.geometry[order[ends[zone] : ends[zone + 1]]]
            geometry.append(shapely.difference(source[zone], shapely.union_all(mine)) if len(mine) else source[zone])
    left = polygonal(np.array(geometry, dtype=object))
    size = shapely.area(left)
    kept = size > max(sliver, GAP) * area[open_]
    s = np.concatenate([open_[kept], pieces.source])
    t = np.concatenate([np.full(int(kept.sum()), -1), pieces.target])
    parts, areas = np.concatenate([left[kept], pieces.geometry]), np.concatenate([size[kept], pieces.area])
    order = np.lexsort((t, s))
    return Pieces(s[order], t[order], parts[order], areas[order])


def whole(source: gpd.GeoDataFrame, *, name: str, overlap_tolerance: float) -> Overlay:
    """Check one layer of zones and return each zone as a piece of its own, with target -1.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        See :func:`.zone_geometry` and :func:`.refuse_overlaps`.
    """
    s = zone_geometry(source, name, tolerance=overlap_tolerance)
    refuse_overlaps(s, source.index, name, tolerance=overlap_tolerance)
    area, n = shapely.area(s), len(s)
    pieces = Pieces(np.arange(n), np.full(n, -1), s, area)
    return Overlay(s, np.empty(0, dtype=object), pieces, area, np.ones(n))
