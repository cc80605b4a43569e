"""Targets that overlap, such as catchments: cut into parts that do not, and put together again afterwards."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geodata.errors import AreaKeyError, some
from spatial.disaggregation.checks import zone_geometry
from spatial.disaggregation.totals import product

if TYPE_CHECKING:
    import geopandas as gpd

    from spatial.disaggregation.transfer import AllocationWeights


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """What overlapping zones consist of.

    Attributes
    ----------
    zones : geopandas.GeoDataFrame
        F polygons without overlaps that cover what the zones cover, indexed by number.
    member : scipy.sparse.csr_array
        1 where a fragment lies in a zone, shape (T, F).
    target_ids : pandas.Index
        Ids of the T zones.
    """

    zones: gpd.GeoDataFrame
    member: Any
    target_ids: pd.Index

    def gather(self, weights: AllocationWeights) -> AllocationWeights:
        """Turn weights onto the fragments into weights onto the zones.

        Parameters
        ----------
        weights : AllocationWeights
            Of any method, with :attr:`zones` as targets.

        Returns
        -------
        AllocationWeights
            Marked ``overlapping``: columns may add up to more than 1, and whatever sums over targets is refused.

        Raises
        ------
        AreaKeyError
            The targets of the weights are not these fragments.
        """
        if not weights.target_ids.equals(self.zones.index):
            raise AreaKeyError(
                f"expected weights onto {len(self.zones)} fragments, found the targets {some(weights.target_ids)}",
                where=weights.method,
                hint="build them with the zones of these fragments as targets",
            )
        return dataclasses.replace(
            weights,
            matrix=product(self.member, weights.matrix, weights.source_ids),
            target_ids=self.target_ids,
            method=f"{weights.method}, overlapping targets",
            overlapping=True,
        )


def fragments(zones: gpd.GeoDataFrame, name: str = "target zones") -> Fragments:
    """Cut zones that overlap along all their borders.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        Zones indexed by area id, in a projected CRS in metres; they may overlap and even be equal.
    name : str
        What to call the layer in messages.

    Returns
    -------
    Fragments

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        See :func:`.zone_geometry`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> schools = gpd.GeoDataFrame(index=["A", "B"], geometry=[box(0, 0, 3, 1), box(2, 0, 4, 1)], crs=25832)
    >>> sorted(fragments(schools).zones.area.tolist())
    [1.0, 1.0, 2.0]
    """
    import geopandas as gpd
    from scipy import sparse

    geometry = zone_geometry(zones, name, tolerance=0.0)
    lines = shapely.get_parts(shapely.union_all(shapely.boundary(geometry)))
    faces = shapely.get_parts(shapely.polygonize(lines))
    face, zone = shapely.STRtree(geometry).query(shapely.point_on_surface(faces), predicate="intersects")
    kept, column = np.unique(face, return_inverse=True)  # a face in no zone is a hole between them
    member = sparse.coo_array((np.ones(len(zone)), (zone, column)), shape=(len(zones), len(kept))).tocsr()
    frame = gpd.GeoDataFrame(index=pd.RangeIndex(len(kept), name="fragment"), geometry=faces[kept], crs=zones.crs)
    return Fragments(frame, member, pd.Index(zones.index))
