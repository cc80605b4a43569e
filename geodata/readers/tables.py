"""The dispatcher: a table of ``county.toml`` is read by the reader of its format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geodata.errors import ConfigError
from geodata.models import Observations, Source
from geodata.readers import genesis, inkar, long, table, zensus_grid

if TYPE_CHECKING:
    from geodata.county_schema import TableSpec


def read_table(path: Path, spec: TableSpec, source: Source) -> Observations:
    """Read one table.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    spec : TableSpec
        Its section in ``county.toml``.
    source : Source
        Where it comes from: legend of signs, origin of the values.

    Returns
    -------
    Observations
        Variables under the names of ``spec.columns``, units as the section says, else as delivered.

    Raises
    ------
    GeodataError
        The file is not what the section says; the message names file, column and first keys or rows.
    """
    columns = spec.columns
    year = _year(spec)
    match spec.format:
        case "table":
            if spec.area is None:
                raise ConfigError(
                    "expected area: the column that holds the area key", where=f"tables.{spec.id}", hint="add it"
                )
            return table.read_plain(
                path,
                columns=columns,
                area=spec.area,
                period=spec.period,
                key=spec.key,
                sheet=spec.sheet,
                source=source,
            )
        case "genesis-flat":
            return genesis.read_genesis(path, columns=columns, area=spec.area, period=year, key=spec.key, source=source)
        case "inkar":
            return inkar.read_inkar(
                path,
                columns=columns,
                area=spec.area,
                period=year,
                key=spec.key,
                sheet=spec.sheet,
                source=source,
            )
        case "zensus-grid":
            return zensus_grid.read_grid_2022(
                path, columns=columns, cell_size=spec.cell_size, period=year or 2022, source=source
            )
        case "zensus2011-grid":
            return zensus_grid.read_grid_2011(
                path, columns=columns, cell_size=spec.cell_size, period=year or 2011, source=source
            )
        case "zensus2011-long":
            return zensus_grid.read_long_2011(
                path, columns=columns, cell_size=spec.cell_size or 100, period=year or 2011, source=source
            )


def _year(spec: TableSpec) -> int | None:
    """Return the year a section sets; formats that know their own dates take no column name."""
    if spec.period is None or isinstance(spec.period, int):
        return spec.period
    year = long.year_of(spec.period)
    if year is None and spec.format != "table":
        raise ConfigError(
            f"expected a year, found {spec.period!r}: files of format {spec.format} know their own dates",
            where=f"tables.{spec.id}.period",
            hint="leave period out, or set it to a year",
        )
    return year
