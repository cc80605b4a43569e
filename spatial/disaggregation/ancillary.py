"""Masses that do not depend on the values: classes of land, buildings, addresses, products and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geodata.crs import require_projected, require_same
from geodata.errors import GeometryError, SpatialError
from spatial.disaggregation.assembly import OVERLAP_TOLERANCE, with_rest
from spatial.disaggregation.atoms import Atoms
from spatial.disaggregation.checks import POLYGONAL, refuse_overlaps, require_mass, zone_geometry
from spatial.disaggregation.pieces import intersect

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

#: Geometry that carries a mass: points and polygons.
POINT = 0


@dataclass(frozen=True, slots=True, eq=False)
class Ancillary:
    """A mass per atom, with its name and year.

    Attributes
    ----------
    mass : numpy.ndarray
        At least 0, shape (K,).
    method : str
        For example ``"class densities"``; goes into :attr:`.AllocationWeights.method`.
    year : int or None
        Reference year of the ancillary data; the oldest where several were combined.
    """

    mass: NDArray[np.float64]
    method: str
    year: int | None = None

    def __mul__(self, other: Ancillary) -> Ancillary:
        """Return the product of two masses of the same atoms: inhabitants × share of settled land.

        Raises
        ------
        SpatialError
            They have different atoms, or nothing is left where both have mass.
        """
        if self.mass.shape != other.mass.shape:
            raise SpatialError(
                f"expected masses of the same atoms, found {self.mass.shape} and {other.mass.shape}",
                where=f"{self.method} x {other.method}",
                hint="make both from one Atoms object",
            )
        name = f"{self.method} x {other.method}"
        product = require_mass(self.mass * other.mass, lambda i: f"atom {i}", name)
        years = [year for year in (self.year, other.year) if year is not None]
        return Ancillary(product, name, min(years, default=None))


def binary_mask(atoms_area: NDArray[Any], settled: NDArray[Any], *, year: int | None = None) -> Ancillary:
    """Spread evenly over settled area.

    Parameters
    ----------
    atoms_area : numpy.ndarray
        Area of the atoms, shape (K,).
    settled : numpy.ndarray
        Above 0 where the atom is settled; bool or any mass, NaN is not settled, shape (K,).
    year : int, optional

    Returns
    -------
    Ancillary

    Raises
    ------
    SpatialError
        Shapes differ, an area is negative, or nothing is settled.
    """
    area, inside = np.asarray(atoms_area, dtype=np.float64), np.nan_to_num(np.asarray(settled, dtype=np.float64)) > 0
    if area.shape != inside.shape:
        raise SpatialError(f"expected a mask of shape {area.shape}, found {inside.shape}", where="settlement mask")
    return Ancillary(require_mass(area * inside, lambda i: f"atom {i}", "settlement mask"), "binary mask", year)


def class_densities(
    areas: NDArray[Any], densities: NDArray[Any] | Sequence[float], *, year: int | None = None
) -> Ancillary:
    """Weigh the area of each class of land by its density.

    Parameters
    ----------
    areas : numpy.ndarray
        Area of each of C classes in each atom, at least 0, shape (K, C).
    densities : array-like
        Counts per unit of area, at least 0, shape (C,). Only their ratios matter.
    year : int, optional

    Returns
    -------
    Ancillary

    Raises
    ------
    SpatialError
        Shapes do not fit, a value is negative or infinite, or no mass is left.

    Notes
    -----
    Eicher & Brewer (2001), "Dasymetric mapping and areal interpolation", the polygon method with given shares.
    """
    a, d = np.asarray(areas, dtype=np.float64), np.asarray(densities, dtype=np.float64)
    if a.ndim != 2 or d.shape != a.shape[1:]:
        raise SpatialError(
            f"expected areas (K, C) and one density for each class, found {a.shape} and {d.shape}",
            where="class densities",
            hint="give the classes in the order of the columns",
        )
    require_mass(a.ravel(), lambda i: f"atom {i // a.shape[1]} class {i % a.shape[1]}", "areas of the classes")
    require_mass(d, lambda i: f"class {i}", "class densities")
    mass = np.nan_to_num(a) @ np.nan_to_num(d)
    return Ancillary(require_mass(mass, lambda i: f"atom {i}", "class densities"), "class densities", year)


def estimate_class_densities(areas: NDArray[Any], source: NDArray[np.int64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Estimate the density of each class of land from the totals of the sources.

    Parameters
    ----------
    areas : numpy.ndarray
        Area of each class in each atom, at least 0, shape (K, C).
    source : numpy.ndarray of int64
        Position of the source of each atom, shape (K,).
    y : numpy.ndarray
        Counts of the sources, at least 0, shape (S,); NaN is missing.

    Returns
    -------
    numpy.ndarray
        Counts per unit of area, at least 0, shape (C,).

    Raises
    ------
    SpatialError
        Shapes do not fit, a value is negative or infinite, there are fewer sources with values than classes, one
        class is nowhere, or no source with a class has a count above 0.

    Notes
    -----
    Langford, Maguire & Unwin (1991) regress counts on class areas without intercept. Negative densities, their known
    trouble, are excluded here by non-negative least squares; sources count by 1/√y, as counts vary by their size. Use
    :func:`.fit_nnls` where there are many classes for few sources: it shrinks.

    Examples
    --------
    >>> import numpy as np
    >>> areas = np.array([[2.0, 1], [1, 4], [3, 3]])
    >>> estimate_class_densities(areas, np.arange(3), np.array([20.0, 45, 45])).round(6).tolist()
    [5.0, 10.0]
    """
    from scipy.optimize import nnls

    a, s, total = np.asarray(areas, dtype=np.float64), np.asarray(source), np.asarray(y, dtype=np.float64)
    if a.ndim != 2 or s.shape != a.shape[:1] or (len(s) and (s.min() < 0 or s.max() >= len(total))):
        raise SpatialError(
            f"expected areas (K, C) and a source below {len(total)} for each atom, found {a.shape} and {s.shape}",
            where="class densities",
            hint="leave out atoms that lie in no source",
        )
    require_mass(a.ravel(), lambda i: f"atom {i // a.shape[1]} class {i % a.shape[1]}", "areas of the classes")
    require_mass(total, lambda i: f"source {i}", "values of the sources")
    n = len(total)
    sums = np.column_stack([np.bincount(s, column, n) for column in np.nan_to_num(a).T])
    used = ~np.isnan(total) & sums.any(axis=1)
    absent = np.flatnonzero(~sums[used].any(axis=0))
    if used.sum() < a.shape[1] or len(absent):
        raise SpatialError(
            f"expected each of {a.shape[1]} classes in at least as many sources with values, found {int(used.sum())} "
            f"sources" + (f" and classes that are nowhere: {absent.tolist()}" if len(absent) else ""),
            where="class densities",
            hint="merge classes, or give their densities",
        )
    if not total[used].any():
        raise SpatialError(
            "expected a count above 0 in a source with land of a class, found none",
            where="class densities",
            hint="check that values and classes are of the same sources",
        )
    # A source of 0 says as much as one of the smallest count that there is: its own variance would be 0.
    smallest = total[used][total[used] > 0].min()
    w = 1.0 / np.sqrt(np.maximum(total[used], smallest))
    size = np.sqrt(((sums[used] * w[:, None]) ** 2).sum(axis=0))
    densities, _ = nnls(sums[used] * w[:, None] / size, total[used] * w)
    return np.asarray(densities / size, dtype=np.float64)


def fullest(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest of several incomplete counts of one and the same thing.

    Parameters
    ----------
    counts : numpy.ndarray
        Counts of, say, dwellings, each added up over the published classes of another attribute (size, rooms, type),
        NaN is none; shape (K, m).

    Returns
    -------
    numpy.ndarray
        Shape (K,).

    Notes
    -----
    A census suppresses small classes, and whole classes can be missing from an extract; so every such sum falls short,
    and the largest falls short least.
    """
    values = np.asarray(counts, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise SpatialError(f"expected counts of shape (K, m), found {values.shape}", where="counts")
    return np.asarray(np.where(np.isnan(values), 0.0, values).max(axis=1), dtype=np.float64)


def feature_atoms(
    source: gpd.GeoDataFrame,
    target: gpd.GeoDataFrame,
    features: gpd.GeoDataFrame,
    *,
    weight: str | None = None,
    centroids: bool = False,
    year: int | None = None,
    names: tuple[str, str, str] = ("source zones", "target zones", "ancillary features"),
    overlap_tolerance: float = OVERLAP_TOLERANCE,
) -> tuple[Atoms, Ancillary]:
    """Make atoms of buildings or addresses: each belongs to the source and the target that it lies in.

    Parameters
    ----------
    source, target : geopandas.GeoDataFrame
        Zones indexed by area id, in one projected CRS in metres.
    features : geopandas.GeoDataFrame
        Points (addresses) or polygons (buildings); where they have another CRS, they are brought to that of the zones.
    weight : str, optional
        Column of a factor, at least 0: floors of buildings, households of addresses. Default: 1 for each.
    centroids : bool
        A building counts wholly where its centroid is. By default it is cut by borders, and its parts count by their
        share of the footprint.
    year : int, optional
        Reference year of the features.
    names : tuple of str
        What to call the layers in messages.
    overlap_tolerance : float
        Largest share of a zone that may lie in others of its layer.

    Returns
    -------
    atoms : Atoms
        The features, and after the features of a pair of zones one atom of no mass with the rest of the pair's area:
        the last fallback, for a source without features, is area. Target -1 is what of a source lies in no target.
    ancillary : Ancillary
        Footprint × factor in square metres, or factor for points.

    Raises
    ------
    CrsError, AreaKeyError, GeometryError, SpatialError
        A layer is not what is expected; or no feature with mass lies in both a source and a target.

    Notes
    -----
    A point on a border belongs to the zone that comes first: nothing is counted twice. Footprint × floors as a proxy of
    dwellings: Ural, Hussain & Shan (2011).
    """
    s = zone_geometry(source, names[0], tolerance=overlap_tolerance)
    t = zone_geometry(target, names[1], tolerance=overlap_tolerance)
    require_same(source, target, f"{names[0]} and {names[1]}")
    refuse_overlaps(s, source.index, names[0], tolerance=overlap_tolerance)
    refuse_overlaps(t, target.index, names[1], tolerance=overlap_tolerance)
    shapes, factor = _features(features, source.crs, weight, names[2])
    pieces = with_rest(s, intersect(s, t), 0.0)
    whole = shapely.area(shapes)
    if (shapely.get_type_id(shapes) == POINT).all() or centroids:
        points = shapely.centroid(shapes) if centroids else shapes
        amount = factor * (whole if whole.any() else 1.0)
        piece, feature = shapely.STRtree(points).query(pieces.geometry, predicate="intersects")
        order = np.lexsort((piece, pieces.target[piece] < 0, feature))  # on the border of a target is in the target
        piece, feature = piece[order], feature[order]
        first = np.concatenate(([True], np.diff(feature) > 0)) if len(feature) else np.zeros(0, dtype=bool)
        piece, mass = piece[first], amount[feature[first]]
        area = np.zeros(len(piece))
    else:
        piece, feature = shapely.STRtree(shapes).query(pieces.geometry, predicate="intersects")
        area = shapely.area(shapely.intersection(pieces.geometry[piece], shapes[feature]))
        # Where zones overlap by slivers a building would count twice; its parts add up to the building at most.
        total = np.bincount(feature, area, len(shapes))
        scale = np.where(total > whole, whole / np.where(total > 0, total, 1.0), 1.0)
        mass = area * scale[feature] * factor[feature]
    n = len(pieces.area)
    rest = np.maximum(pieces.area - np.bincount(piece, area, n), 0.0)
    piece = np.concatenate([piece, np.arange(n)])
    mass = np.concatenate([mass, np.zeros(n)])
    area = np.concatenate([area, rest])
    order = np.lexsort((pieces.target[piece], pieces.source[piece]))
    piece, mass, area = piece[order], mass[order], area[order]
    atoms = Atoms(
        pieces.source[piece],
        pieces.target[piece],
        np.full(len(piece), -1, dtype=np.int64),
        area,
        pd.Index(source.index),
        pd.Index(target.index),
        area,
    )
    method = "points" if not whole.any() else "buildings"
    require_mass(mass[atoms.target >= 0], lambda i: f"feature {i}", f"{names[2]} in {names[1]}")
    return atoms, Ancillary(require_mass(mass, lambda i: f"feature {i}", names[2]), method, year)


def _features(
    features: gpd.GeoDataFrame, crs: Any, weight: str | None, where: str
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Check features and return geometry in the zones' CRS and factors."""
    if features.crs is None:
        require_projected(features, where)
    brought = features if features.crs.equals(crs, ignore_axis_order=True) else features.to_crs(crs)
    geometry = np.array(brought.geometry.array, dtype=object)
    kind = shapely.get_type_id(geometry)
    absent = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    if not len(geometry) or absent.any():
        raise GeometryError(
            f"expected features with a geometry, found {len(geometry)} of which {int(absent.sum())} have none",
            where=where,
            hint="drop rows without a geometry",
        )
    if not ((kind == POINT).all() or np.isin(kind, POLYGONAL).all()):
        raise GeometryError(
            f"expected points or polygons, found {', '.join(sorted({g.geom_type for g in geometry}))}",
            where=where,
            hint="deliver addresses and buildings as separate layers",
        )
    invalid = ~shapely.is_valid(geometry)
    if invalid.any():
        first = int(np.argmax(invalid))
        raise GeometryError(
            f"invalid geometry of {features.index[first]}: {shapely.is_valid_reason(geometry[first])}",
            where=where,
            hint="repair it where it was made, or with shapely.make_valid",
        )
    if weight is None:
        return geometry, np.ones(len(geometry))
    if weight not in features:
        raise SpatialError(
            f"expected a column {weight!r}, found {', '.join(map(str, features.columns))}",
            where=where,
            hint="name the column with floors or counts",
        )
    factor = pd.to_numeric(features[weight], errors="coerce").to_numpy(dtype=np.float64)
    return geometry, require_mass(factor, lambda i: str(features.index[i]), f"{where}, column {weight}")
