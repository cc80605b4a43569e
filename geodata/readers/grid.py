"""Grid cells as areas: squares built from their ids in EPSG:3035, each in the area that holds its centre."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from geodata import crs as _crs
from geodata import keys
from geodata.errors import AreaKeyError, GeometryError, some
from geodata.models import AreaLayer, Observations, Source, Text

GRID_CRS = "EPSG:3035"


def cells_layer(
    cells: Observations | Iterable[str],
    *,
    cell_size: int | None,
    crs: str,
    level: str,
    title: Text,
    parents: AreaLayer | None = None,
    context: bool = False,
    where: str | None = None,
    boundary_date: dt.date | None = None,
    source: Source | None = None,
) -> AreaLayer:
    """Build the layer of the cells that are named.

    Parameters
    ----------
    cells : Observations or iterable of str
        Grid ids, or observations whose ``area_id`` they are; repeated ids are taken once.
    cell_size : int or None
        Edge length in metres that is expected; None takes that of the ids, which must have one.
    crs : str
        Projected CRS of the result. Corners are reprojected one by one: neighbours keep their common corners exactly.
    level : str
        Id of the level.
    title : Text
        What it is called.
    parents : AreaLayer, optional
        Areas of the level above, in any projected CRS. A cell belongs to the area that holds its centre; on a common
        boundary, to the one whose id comes first. Without, every cell is taken.
    context : bool, default False
        Keep cells outside the county (in a context area, or in none), marked; otherwise they are dropped.
    where : str, optional
        For messages.
    boundary_date : datetime.date, optional
        State of the grid's data.
    source : Source, optional
        Where the cells come from.

    Returns
    -------
    AreaLayer
        Indexed by ``area_id`` and sorted by it: ``name`` (short id, ``1kmN2684E4334``), ``context``, ``parent_id``
        (where there are parents; None outside all), ``geometry``.

    Raises
    ------
    AreaKeyError
        Ids of no cells, or of cells of another size.
    GeometryError
        No cell has its centre in the county.
    CrsError
        ``crs`` is not projected.
    """
    import geopandas as gpd
    import shapely

    place = where or f"level {level}"
    _crs.require_projected_name(crs, place)
    ids = cells.table["area_id"] if isinstance(cells, Observations) else pd.Series(list(cells), dtype="str")
    parsed = keys.parse_grid_ids(pd.Series(pd.unique(ids), dtype="str"), where=place)
    parsed = parsed.drop_duplicates("grid_id").sort_values("grid_id", ignore_index=True)
    sizes = sorted(pd.unique(parsed["size_m"]))
    if len(sizes) != 1 or (cell_size is not None and sizes != [cell_size]):
        raise AreaKeyError(
            f"expected cells of {f'{cell_size} m' if cell_size else 'one size'}, found {some(sizes) or 'none'}",
            where=place,
            hint="check cell_size and the table that names the cells",
        )
    size = int(sizes[0])
    centres = gpd.GeoSeries(shapely.points(parsed["x_mp"], parsed["y_mp"]), crs=GRID_CRS)
    inside = np.ones(len(parsed), dtype=bool)
    parent: np.ndarray | None = None
    if parents is not None:
        parent, inside = _parents(centres, parents)
        if not inside.any():
            raise GeometryError(
                f"no cell has its centre in the county ({some(parsed['grid_id'])})",
                where=place,
                hint="check the CRS of the areas and that grid and county are the same region",
            )
    kept = np.ones(len(parsed), dtype=bool) if context else inside
    x, y, half = parsed["x_mp"].to_numpy()[kept], parsed["y_mp"].to_numpy()[kept], size / 2
    squares = gpd.GeoSeries(shapely.box(x - half, y - half, x + half, y + half), crs=GRID_CRS)
    areas = gpd.GeoDataFrame(
        {"name": _short(x - half, y - half, size), "context": ~inside[kept]},
        geometry=squares.to_crs(crs).values,
        crs=crs,
        index=pd.Index(parsed["grid_id"][kept], name="area_id", dtype="str"),
    )
    if parent is not None:
        areas.insert(2, "parent_id", pd.array(parent[kept], dtype="str"))
    return AreaLayer(level, areas, title, boundary_date, source, is_grid=True)


def _parents(centres: object, parents: AreaLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return the id of the area that holds each centre (None where none does), and whether it lies in the county."""
    import geopandas as gpd

    areas = parents.areas.sort_index()
    points = gpd.GeoSeries(centres).to_crs(areas.crs)
    point, area = areas.sindex.query(points.values, predicate="intersects")
    # County areas before context areas, then by id: a centre on a boundary has one parent, always the same.
    outside = areas["context"].to_numpy(dtype=bool)
    order = np.lexsort((area, outside[area], point))
    first = np.unique(point[order], return_index=True)[1]
    point, area = point[order][first], area[order][first]
    parent = np.full(len(points), None, dtype=object)
    parent[point] = areas.index.to_numpy(dtype=object)[area]
    inside = np.zeros(len(points), dtype=bool)
    inside[point] = ~outside[area]
    return parent, inside


def _short(east: np.ndarray, north: np.ndarray, size: int) -> list[str]:
    """Name cells as the INSPIRE grid does: corner in units of the cell."""
    unit = f"{size // 1000}km" if size % 1000 == 0 else f"{size}m"
    return [f"{unit}N{int(n // size)}E{int(e // size)}" for e, n in zip(east, north, strict=True)]
