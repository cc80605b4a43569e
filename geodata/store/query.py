"""What can be asked of a collection, and what comes back: one page of ready GeoJSON texts.

The types know neither HTTP nor SQL; ``service.api`` fills an :class:`ItemQuery` from a request and a store answers it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from geodata.crs import CRS84
from geodata.errors import QueryError

Scalar = str | int | float | bool | None
#: minx, miny, maxx, maxy; longitude before latitude, easting before northing, whatever the CRS says of its axes.
BBox = tuple[float, float, float, float]

#: A page never holds more features than this; the service caps ``limit`` lower or equal.
MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """A question to one collection. Everything that is not given does not restrict.

    Attributes
    ----------
    limit : int
        Features per page, 1 to :data:`MAX_LIMIT`.
    after : str or None
        ``next`` of the page before; opaque, good for one collection of one publication.
    bbox : tuple of four float or None
        minx, miny, maxx, maxy in ``bbox_crs``. Exactly the features whose geometry meets the closed box, its border
        included, are matched. In CRS84 a box with minx > maxx crosses the antimeridian.
    bbox_crs : str
        One of the CRSs of the collection, for example ``OGC:CRS84`` or ``EPSG:25832``.
    equals : mapping of str to scalar
        Property → value; all must hold. None asks for rows without a value. A text is read as the type of the field,
        so ``{"period": "2021"}`` is the same as ``{"period": 2021}``.
    first_period, last_period : int or None
        Years, both included.
    crs : str
        The CRS of the geometries that come back.

    Raises
    ------
    QueryError
        ``limit`` is out of range, or ``bbox`` is not four finite numbers with minimum ≤ maximum.
    """

    limit: int = 100
    after: str | None = None
    bbox: BBox | None = None
    bbox_crs: str = CRS84
    equals: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    first_period: int | None = None
    last_period: int | None = None
    crs: str = CRS84

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise QueryError(f"expected a limit between 1 and {MAX_LIMIT}, found {self.limit}", where="limit")
        if self.bbox is not None:
            _check_bbox(self.bbox, self.bbox_crs)


def _check_bbox(bbox: BBox, crs: str) -> None:
    if len(bbox) != 4 or not all(math.isfinite(value) for value in bbox):
        raise QueryError(f"expected four finite numbers minx, miny, maxx, maxy, found {bbox}", where="bbox")
    minx, miny, maxx, maxy = bbox
    if miny > maxy:
        raise QueryError(f"expected miny ≤ maxy, found {miny} and {maxy}", where="bbox")
    if minx > maxx and crs != CRS84:
        raise QueryError(f"expected minx ≤ maxx in {crs}, found {minx} and {maxx}", where="bbox")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the features that match, in the stable order of a collection: by area id, then by period.

    Attributes
    ----------
    features : list of str
        GeoJSON features, each the text of one JSON object.
    next : str or None
        Give it as ``after`` to get the following page; None on the last page.
    matched : int
        Features that match on all pages together.
    """

    features: list[str]
    next: str | None
    matched: int

    @property
    def returned(self) -> int:
        """Features on this page."""
        return len(self.features)
