"""The dispatcher: a table of ``county.toml`` is read by the reader of its format, told by content where none is set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodata.errors import ConfigError
from geodata.models import Observations, Source
from geodata.readers import (
    ba,
    genesis,
    genesis_classic,
    inkar,
    long,
    lsn,
    regionaltabelle,
    table,
    vg250,
    zensus_grid,
    zensus_long,
    zipped,
)
from geodata.readers.recognise import FORMATS, recognise

if TYPE_CHECKING:
    from geodata.county_schema import TableSpec


def read_table(path: Path, spec: TableSpec, source: Source) -> Observations:
    """Read one table.

    Parameters
    ----------
    path : pathlib.Path
        The file, or a ZIP archive with it alone.
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
    with zipped.unpacked(path) as inside:
        return _read(inside, spec, source)


def _read(path: Path, spec: TableSpec, source: Source) -> Observations:
    kind = spec.format or recognise(path, sheet=spec.sheet)
    if kind not in FORMATS:
        # An answer or a web page is refused by the reader of tables, with what to do; areas and rasters here.
        if kind in ("vector", "raster"):
            raise ConfigError(
                f"expected a table of figures, found a {kind} file",
                where=f"tables.{spec.id}.file",
                hint="areas belong to [[levels]], rasters to [[ancillary]]",
            )
        kind = "table"
    columns, period = spec.columns, _year(spec, kind)
    plain: dict[str, Any] = {"columns": columns, "key": spec.key, "sheet": spec.sheet, "source": source}
    cells: dict[str, Any] = {"columns": columns, "cell_size": spec.cell_size, "source": source}
    match kind:
        case "genesis-flat" | "genesis-flat-old":
            return genesis.read_genesis(
                path, columns=columns, area=spec.area, period=period, key=spec.key, source=source
            )
        case "genesis-classic":
            return genesis_classic.read_classic(path, period=period, **plain)
        case "inkar":
            return inkar.read_inkar(path, area=spec.area, period=period, **plain)
        case "regionaltabelle":
            return regionaltabelle.read_regionaltabelle(path, period=period, **plain)
        case "vg250":
            return vg250.read_vg250(path, area=spec.area, period=period, **plain)
        case "ba":
            return ba.read_ba(path, period=period, **plain)
        case "lsn":
            return lsn.read_lsn(path, period=period, **plain)
        case "zensus-grid":
            return zensus_grid.read_grid_2022(path, period=period or 2022, **cells)
        case "zensus2011-grid":
            return zensus_grid.read_grid_2011(path, period=period or 2011, **cells)
        case "zensus2011-classes":
            return zensus_grid.read_classes_2011(path, period=period or 2011, **cells)
        case "zensus2011-long":
            size = spec.cell_size or 100
            return zensus_long.read_long_2011(
                path, columns=columns, cell_size=size, period=period or 2011, source=source
            )
        case _:
            if spec.area is None:
                raise ConfigError(
                    "expected area: the column that holds the area key", where=f"tables.{spec.id}", hint="add it"
                )
            return table.read_plain(path, area=spec.area, period=spec.period, flag=spec.flag, **plain)


def _year(spec: TableSpec, kind: str) -> int | None:
    """Return the year a section sets; formats that know their own dates take no column name."""
    if spec.period is None or isinstance(spec.period, int):
        return spec.period
    year = long.year_of(spec.period)
    if year is None and kind != "table":
        raise ConfigError(
            f"expected a year, found {spec.period!r}: files of format {kind} know their own dates",
            where=f"tables.{spec.id}.period",
            hint="leave period out, or set it to a year",
        )
    return year
