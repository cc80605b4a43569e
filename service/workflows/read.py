"""First station: read what ``county.toml`` names, with the real readers, and refuse what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import ConfigError, NoDataError, some
from geodata.keys import require_keys
from geodata.models import AreaLayer, Observations, Raster
from service.workflows.figures import Figures

if TYPE_CHECKING:
    from geodata.county import County


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read.

    Attributes
    ----------
    levels : dict of str to AreaLayer
        Level id → its areas in the county's CRS.
    figures : Figures
        Every value of every table.
    tables : dict of str to Observations
        Table id → what its reader returned, with its notes.
    rasters : dict of str to Raster
        Ancillary id → raster.
    moves : pandas.DataFrame
        What was brought to another Gebietsstand, one row a part (:data:`service.workflows.territory.MOVE_COLUMNS`).
    """

    county: County
    levels: dict[str, AreaLayer]
    figures: Figures
    tables: dict[str, Observations]
    rasters: dict[str, Raster]
    moves: pd.DataFrame = field(default_factory=pd.DataFrame)

    def inside(self, level: str) -> pd.Index:
        """Return the ids of a level's areas that belong to the county."""
        areas = self.levels[level].areas
        return areas.index[~areas["context"]]


def read_inputs(county: County, *, progress: Callable[[str], None] | None = None) -> Inputs:
    """Read all tables, rasters and areas of a county.

    Parameters
    ----------
    county : County
        Its description.
    progress : callable, optional
        Called with the name of each file.

    Returns
    -------
    Inputs
        Everything, in memory.

    Raises
    ------
    GeodataError
        A file cannot be used; the message names file, place and remedy.
    """
    from geodata.readers.findings import with_findings
    from geodata.readers.raster import read_raster
    from geodata.supply.reading import read_joined
    from geodata.territory import load_territory
    from service.workflows.territory import harmonise

    def say(what: str) -> None:
        if progress is not None:
            progress(what)

    territory = load_territory(county.territory_file)
    tables: dict[str, Observations] = {}
    for spec in county.tables.values():
        tables[spec.id] = with_findings(read_joined(county, spec.id, progress=say), territory=territory)
    levels: dict[str, AreaLayer] = {}
    for level_id in _parents_first(county):
        say(county.levels[level_id].file or f"{level_id} (cells)")
        levels[level_id] = _read_level(county, level_id, tables, levels)
    rasters: dict[str, Raster] = {}
    for ancillary in county.ancillary.values():
        if ancillary.file is not None:
            say(ancillary.file)
            rasters[ancillary.id] = read_raster(
                county.path(ancillary.file), band=ancillary.band, unit=ancillary.unit, year=ancillary.year
            )
    _require_keys(county, tables, levels)
    read = Inputs(county, levels, Figures.collect(tables.values()), tables, rasters)
    inputs = harmonise(read, territory)
    _require_overlap(county, inputs.tables, levels)
    return inputs


def _parents_first(county: County) -> list[str]:
    """Order the levels so that a level follows the one it is built on."""
    order: list[str] = []

    def visit(level: str, trail: tuple[str, ...]) -> None:
        if level in trail:
            raise ConfigError(
                f"levels refer to each other in a circle: {' -> '.join((*trail, level))}",
                where=str(county.folder / "county.toml"),
                hint="a level's parent and fill must be coarser levels",
            )
        if level not in order:
            for before in (county.levels[level].parent, county.levels[level].fill):
                if before is not None:
                    visit(before, (*trail, level))
            order.append(level)

    for level in county.levels:
        visit(level, ())
    return order


def _read_level(
    county: County, level_id: str, tables: dict[str, Observations], levels: dict[str, AreaLayer]
) -> AreaLayer:
    from geodata.cells import divide_cells
    from geodata.readers.grid import cells_layer
    from geodata.readers.vector import read_areas

    spec = county.levels[level_id]
    source = county.sources[spec.source]
    if spec.file is not None:
        return read_areas(
            county.path(spec.file),
            layer=spec.layer,
            id_field=str(spec.id_field),
            name_field=spec.name_field,
            parent_field=spec.parent_field,
            keep=spec.keep,
            dissolve=spec.dissolve,
            crs=county.crs,
            level=spec.id,
            title=spec.title,
            where=f"levels.{spec.id}",
            prefix=county.key if spec.prefix is None else spec.prefix,
            context=spec.context,
            key=spec.key,
            boundary_date=spec.boundary_date,
            source=source,
        )

    def layer(ids: pd.Index) -> AreaLayer:
        return cells_layer(
            ids,
            cell_size=int(spec.cell_size or 0),
            crs=county.crs,
            level=spec.id,
            title=spec.title,
            parents=levels[str(spec.parent)],
            context=spec.context,
            where=f"levels.{spec.id}",
            boundary_date=spec.boundary_date,
            source=source,
        )

    cells = layer(pd.Index(tables[str(spec.cells)].table["area_id"].unique()))
    if spec.fill is None:
        return cells
    # A populated coarse cell without any fine one would lose its people: all its fine cells stand in for it.
    coarse = _populated(county, spec.fill, tables, levels)
    made = divide_cells(coarse, cells.areas.index, cell_size=int(spec.cell_size or 0))
    return layer(cells.areas.index.union(made, sort=False))


def _populated(county: County, level: str, tables: dict[str, Observations], levels: dict[str, AreaLayer]) -> pd.Index:
    """Return the cells of a level about which its table says anything but "nobody lives here"."""
    table = tables[str(county.levels[level].cells)].table
    ids = pd.Index(table.loc[table["value"] > 0, "area_id"].unique())
    return levels[level].areas.index.intersection(ids)


def _require_keys(county: County, tables: dict[str, Observations], levels: dict[str, AreaLayer]) -> None:
    """Refuse tables and levels that could be matched by name alone."""
    for level in levels.values():
        require_keys(map(str, level.areas.index), where=f"levels.{level.level}.id_field")
    for spec in county.tables.values():
        ids = tables[spec.id].table["area_id"].unique()
        require_keys(map(str, ids), where=f"{county.place(spec.id)} (tables.{spec.id}.area)")


def _require_overlap(county: County, tables: dict[str, Observations], levels: dict[str, AreaLayer]) -> None:
    """Refuse a table whose keys meet none of the areas it is said to describe."""
    for spec in county.tables.values():
        delivered = pd.Index(tables[spec.id].table["area_id"].unique())
        for level in spec.levels:
            if not delivered.isin(levels[level].areas.index).any():
                raise NoDataError(
                    f"expected keys of level {level!r} such as {some(levels[level].areas.index, 3)}, "
                    f"found {some(delivered, 3)}",
                    where=f"{county.place(spec.id)} (tables.{spec.id})",
                    hint="compare tables.key and tables.area with the file, and levels.id_field with the boundaries",
                )
