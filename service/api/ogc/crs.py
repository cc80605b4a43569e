"""CRS URIs of OGC API – Features, Part 2, and the names the store uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from geodata.crs import CRS84

CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

_EPSG = re.compile(r"EPSG:(\d+)")


def to_uri(crs: str) -> str:
    """Return the URI of a CRS.

    Parameters
    ----------
    crs : str
        ``OGC:CRS84`` or ``EPSG:<code>``, as the store names it.

    Returns
    -------
    str
        For example ``http://www.opengis.net/def/crs/EPSG/0/25832``.

    Raises
    ------
    ValueError
        The store names a CRS otherwise.

    Examples
    --------
    >>> to_uri("EPSG:25832")
    'http://www.opengis.net/def/crs/EPSG/0/25832'
    """
    if crs == CRS84:
        return CRS84_URI
    if found := _EPSG.fullmatch(crs):
        return f"http://www.opengis.net/def/crs/EPSG/0/{found[1]}"
    raise ValueError(f"expected OGC:CRS84 or EPSG:<code>, found {crs!r}")


@cache
def _easting_first(crs: str) -> bool:
    if crs == CRS84:
        return True
    from pyproj import CRS

    return CRS.from_user_input(crs).axis_info[0].direction in {"east", "west"}


def announced(crs: Iterable[str]) -> tuple[str, ...]:
    """Return the CRSs that are offered: those whose authority lists the easting first.

    Part 2 wants coordinates in the authority's order, the store keeps easting first. The two agree for CRS84 and for
    Germany's UTM zones (EPSG:25831 to 25833), not for Gauss-Krüger (EPSG:31466 to 31469): a layer stored in one of
    those is offered in CRS84 only, rather than with its axes mixed up.

    Parameters
    ----------
    crs : iterable of str
        As the store names them.

    Returns
    -------
    tuple of str
        In the same order.
    """
    return tuple(name for name in crs if _easting_first(name))
