"""Checks of coordinate reference systems: areas and distances are only ever taken in a projected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geodata.errors import CrsError

if TYPE_CHECKING:
    import geopandas as gpd

#: CRS84, what GeoJSON and OGC API – Features speak by default: longitude, latitude.
CRS84 = "OGC:CRS84"


def require_crs(areas: gpd.GeoDataFrame, where: str) -> Any:
    """Return the CRS of a layer, or refuse a layer without one.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Any layer.
    where : str
        File and layer, for the message.

    Returns
    -------
    pyproj.CRS
        The layer's CRS.

    Raises
    ------
    CrsError
        The layer has none.
    """
    if areas.crs is None:
        raise CrsError(
            "the layer has no coordinate reference system",
            where=where,
            hint="assign the one it was made in, for example EPSG:25832, and save it again",
        )
    return areas.crs


def require_projected(areas: gpd.GeoDataFrame, where: str) -> Any:
    """Return the CRS of a layer, or refuse one that is missing or geographic.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Any layer.
    where : str
        File and layer, for the message.

    Returns
    -------
    pyproj.CRS
        A projected CRS in metres.

    Raises
    ------
    CrsError
        The CRS is missing, geographic, or not in metres.
    """
    crs = require_crs(areas, where)
    if not crs.is_projected:
        raise CrsError(
            f"expected a projected CRS in metres, found {crs.to_string()} ({crs.name}), which is in degrees",
            where=where,
            hint="reproject it, for example to EPSG:25832 (ETRS89 / UTM 32N)",
        )
    units = {axis.unit_name for axis in crs.axis_info}
    if units != {"metre"}:
        raise CrsError(
            f"expected metres, found {', '.join(sorted(units))}", where=where, hint="reproject to EPSG:25832"
        )
    return crs


def require_same(left: gpd.GeoDataFrame, right: gpd.GeoDataFrame, where: str) -> None:
    """Refuse two layers of different CRS.

    Parameters
    ----------
    left, right : geopandas.GeoDataFrame
        The layers.
    where : str
        What is being done with them, for the message.

    Raises
    ------
    CrsError
        The two differ.
    """
    a, b = require_projected(left, where), require_projected(right, where)
    if not a.equals(b, ignore_axis_order=True):
        raise CrsError(
            f"expected one CRS, found {a.to_string()} and {b.to_string()}",
            where=where,
            hint="reproject one of them, for example to EPSG:25832 (in QGIS: Reproject layer)",
        )


def transformable(crs: str, where: str) -> Any:
    """Parse what a person wrote as CRS.

    Parameters
    ----------
    crs : str
        For example ``EPSG:25832``.
    where : str
        Place in the configuration.

    Returns
    -------
    pyproj.CRS
        The CRS meant.

    Raises
    ------
    CrsError
        PROJ does not know it.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError as ProjError

    try:
        return CRS.from_user_input(crs)
    except ProjError as error:
        raise CrsError(f"unknown CRS {crs!r}", where=where, hint="write it as EPSG:25832") from error


def require_projected_name(crs: str, where: str) -> None:
    """Refuse a name that is unknown or means a geographic CRS.

    Parameters
    ----------
    crs : str
        For example ``EPSG:25832``.
    where : str
        Place in the configuration.

    Raises
    ------
    CrsError
        PROJ does not know it, or it is in degrees.
    """
    parsed = transformable(crs, where)
    if not parsed.is_projected:
        raise CrsError(
            f"expected a projected CRS in metres, found {crs} ({parsed.name})",
            where=where,
            hint="use EPSG:25832",
        )
