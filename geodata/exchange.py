"""Figures and areas to a file and back, with everything that is said about them.

One file each, readable by other programs; what these have no place for stands in the file's own metadata as JSON:

* CSV: the first line, one quoted cell that begins with ``# sozialmonitor``; then a row per value with its unit, status,
  origin and flags. Cells that a spreadsheet would compute are defused with an apostrophe, and restored when read.
* Parquet and GeoParquet: the metadata of the schema, key ``sozialmonitor``.
* GeoPackage: the layer's metadata (table ``gpkg_metadata``), item ``sozialmonitor``; figures are a table without
  geometry, areas a layer beside it.

In GeoParquet, which holds one table, figures stand beside their areas: four columns a variable and year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata import exchange_files as files
from geodata.errors import FormatError, NoDataError, some
from geodata.exchange_files import defuse, restore
from geodata.models import OBSERVATION_COLUMNS, AreaLayer, Flag, Observations, Origin, Source, Status, Text
from geodata.readers import text

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = [
    "defuse",
    "is_exchange",
    "read_layer",
    "read_observations",
    "restore",
    "write_layer",
    "write_observations",
]

#: What the readers of dates accept, see :func:`geodata.readers.long.year_of`.
_YEARS = (1800, 2200)
_FACTS = ("value", "status", "origin", "flags")


def write_observations(path: Path, observations: Observations) -> None:
    """Write figures with all that is known of them.

    Parameters
    ----------
    path : pathlib.Path
        Ends in ``.csv``, ``.parquet`` or ``.gpkg``; an existing file is replaced once the new one is whole.
    observations : Observations
        The figures.

    Raises
    ------
    FormatError
        Another ending, or a text with a NUL, which neither CSV nor GeoPackage can hold.
    """
    _require_texts(observations, str(path))
    head = {**_head(files.OBSERVATIONS), **_about(observations)}
    table = observations.table[list(OBSERVATION_COLUMNS)].reset_index(drop=True)
    table = table.assign(unit=table["variable"].map(dict(observations.units)).fillna("").astype("str"))
    with files.replacing(path, (".csv", ".parquet", ".gpkg")) as out:
        if path.suffix == ".csv":
            files.write_csv(out, table, head)
        elif path.suffix == ".parquet":
            files.write_parquet(out, table, head)
        else:
            files.write_layer(out, table, head, files.OBSERVATIONS, append=False)


def read_observations(path: Path) -> Observations:
    """Read figures that :func:`write_observations` or :func:`write_layer` wrote.

    Parameters
    ----------
    path : pathlib.Path
        Told by content, not by name.

    Returns
    -------
    Observations
        As they were written; of a GeoParquet file in the order of variable, year and area.

    Raises
    ------
    GeodataError
        The file is none of these, damaged, or was edited so that its parts contradict each other.
    """
    where = str(path)
    head = files.metadata(path)
    if head is None:
        raise _other(where)
    kind = files.kind(path)
    if kind == "csv":
        table = files.read_csv(path)
    elif kind == "gpkg":
        table = files.read_layer(path, files.OBSERVATIONS)
    elif head["content"] == files.AREAS:
        if "observations" not in head:
            raise NoDataError("the file holds areas without figures", where=where, hint="read it as a layer")
        table = _long(files.read_geoparquet(path), head, where)
    else:
        table = files.read_parquet(path)
    return _checked(table, head["observations"] if head["content"] == files.AREAS else head, where)


def write_layer(path: Path, layer: AreaLayer, observations: Observations | None = None) -> None:
    """Write areas, with or without their figures, into one file.

    Parameters
    ----------
    path : pathlib.Path
        Ends in ``.gpkg`` or ``.parquet`` (GeoParquet).
    layer : AreaLayer
        The areas.
    observations : Observations, optional
        Figures of these areas.

    Raises
    ------
    FormatError
        Another ending; a text with a NUL; figures of areas that the layer does not have.
    """
    where = str(path)
    areas = layer.areas.reset_index(names="area_id")
    areas = areas.rename_geometry("geometry") if areas.geometry.name != "geometry" else areas
    head: dict[str, Any] = {**_head(files.AREAS), **_about_layer(layer)}
    if observations is not None:
        _require_texts(observations, where)
        strange = set(observations.table["area_id"]) - set(areas["area_id"])
        if strange:
            raise FormatError(
                f"expected figures of the layer's areas, found {some(sorted(strange))}",
                where=where,
                hint="write them with the layer they belong to, or alone",
            )
        head["observations"] = _about(observations)
    with files.replacing(path, (".gpkg", ".parquet")) as out:
        if path.suffix == ".parquet":
            if observations is not None:
                areas = _wide(areas, observations, head["observations"])
            files.write_geoparquet(out, areas, head)
            return
        files.write_layer(out, areas, head, layer.level, append=False)
        if observations is not None:
            table = observations.table[list(OBSERVATION_COLUMNS)].reset_index(drop=True)
            table = table.assign(unit=table["variable"].map(dict(observations.units)).fillna("").astype("str"))
            own = {**_head(files.OBSERVATIONS), **head["observations"]}
            files.write_layer(out, table, own, files.OBSERVATIONS, append=True)


def read_layer(path: Path) -> tuple[AreaLayer, Observations | None]:
    """Read areas that :func:`write_layer` wrote, and their figures, if it holds any.

    Raises
    ------
    GeodataError
        The file is none of these, or damaged.
    """
    where = str(path)
    kind = files.kind(path)
    head = files.metadata(path, files.AREAS)
    if head is None:
        raise _other(where)
    frame = files.read_geoparquet(path) if kind == "parquet" else files.read_layer(path, str(head["level"]))
    about = head.get("observations")
    observations = None
    if about is not None:
        table = _long(frame, head, where) if kind == "parquet" else files.read_layer(path, files.OBSERVATIONS)
        observations = _checked(table, about, where)
    try:
        areas = frame[[*head["columns"], "geometry"]].set_index("area_id")
        for column in areas.columns.drop("geometry"):
            areas[column] = areas[column].astype(head["types"][column])
        areas.index = pd.Index(areas.index.astype("str"), name="area_id")
        date = head["boundary_date"]
        layer = AreaLayer(
            str(head["level"]),
            areas,
            Text(**head["title"]),
            dt.date.fromisoformat(date) if date else None,
            _source(head["source"]),
            bool(head["is_grid"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise files.contradiction(where, error) from error
    return layer, observations


def is_exchange(path: Path) -> bool:
    """Tell whether a file holds figures written by this module; a file that cannot be read holds none.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, or nothing in it.
    """
    text.peek(path)
    try:
        head = files.metadata(path)
    except FormatError:
        return False
    return head is not None and (head["content"] == files.OBSERVATIONS or "observations" in head)


# --- what is said about figures and layers ------------------------------------------------------------------------


def _head(content: str) -> dict[str, Any]:
    return {"version": files.VERSION, "content": content}


def _about(observations: Observations) -> dict[str, Any]:
    source = observations.source
    return {
        "units": dict(observations.units),
        "notes": list(observations.notes),
        "rows": observations.rows,
        "source": None if source is None else _plain(source),
    }


def _about_layer(layer: AreaLayer) -> dict[str, Any]:
    columns = [str(c) for c in layer.areas.columns if c != layer.areas.geometry.name]
    return {
        "level": layer.level,
        "title": asdict(layer.title),
        "boundary_date": layer.boundary_date.isoformat() if layer.boundary_date else None,
        "is_grid": layer.is_grid,
        "source": None if layer.source is None else _plain(layer.source),
        "columns": ["area_id", *columns],
        "types": {column: str(layer.areas[column].dtype) for column in columns},
    }


def _plain(source: Source) -> dict[str, Any]:
    date = source.reference_date
    return {**asdict(source), "reference_date": date.isoformat() if date else None, "origin": source.origin.value}


def _source(about: Mapping[str, Any] | None) -> Source | None:
    if about is None:
        return None
    date = about["reference_date"]
    return Source(
        **{**about, "reference_date": dt.date.fromisoformat(date) if date else None, "origin": Origin(about["origin"])}
    )


def _checked(table: pd.DataFrame, about: Mapping[str, Any], where: str) -> Observations:
    """Put figures together again, and refuse what no reader would have returned."""
    try:
        found = pd.DataFrame({name: table[name] for name in OBSERVATION_COLUMNS}).reset_index(drop=True)
        types = {"period": "int64", "value": "float64", "flags": "int64"}
        found = found.astype({name: types.get(name, "str") for name in OBSERVATION_COLUMNS})
        beside = table["unit"].astype("str").to_numpy() if "unit" in table else None
        units = {str(name): str(unit) for name, unit in about["units"].items()}
        source = _source(about["source"])
        rows = int(about["rows"])
        notes = tuple(str(note) for note in about["notes"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise files.contradiction(where, error) from error
    for column, words in (("status", Status), ("origin", Origin)):
        strange = set(found[column]) - {word.value for word in words}
        if strange:
            raise files.contradiction(where, f"column {column!r} holds {some(sorted(map(repr, strange)))}")
    if ((found["period"] < _YEARS[0]) | (found["period"] > _YEARS[1])).any():
        raise files.contradiction(where, "column 'period' holds numbers that are no years")
    allowed = sum(flag.value for flag in Flag)
    if (found["flags"] & ~allowed).any():
        raise files.contradiction(where, "column 'flags' holds flags that do not exist")
    if beside is not None and (found["variable"].map(units).fillna("").astype("str").to_numpy() != beside).any():
        raise files.contradiction(where, "column 'unit' differs from the units in the metadata")
    if found.duplicated(["area_id", "period", "variable"]).any():
        raise files.contradiction(where, "an area has two values of one variable in one year")
    return Observations(found, MappingProxyType(units), source, notes, rows)


def _other(where: str) -> FormatError:
    return FormatError(
        "expected a file that Sozialmonitor wrote, found another", where=where, hint="sozialmonitor check FILE"
    )


def _require_texts(observations: Observations, where: str) -> None:
    for column in ("area_id", "variable"):
        if observations.table[column].str.contains("\x00", regex=False).any():
            raise FormatError(f"column {column!r} holds a NUL character", where=where, hint="remove it")


# --- figures beside their areas -----------------------------------------------------------------------------------


def _wide(areas: gpd.GeoDataFrame, observations: Observations, about: dict[str, Any]) -> gpd.GeoDataFrame:
    """Put figures beside their areas, and note which columns hold what."""
    taken = {str(column) for column in areas.columns}
    series: list[dict[str, Any]] = []
    joined: dict[str, Any] = {}
    table = observations.table
    order = {name: at for at, name in enumerate(dict.fromkeys(table["variable"]))}
    pairs = sorted(
        {(str(v), int(p)) for v, p in zip(table["variable"], table["period"], strict=True)},
        key=lambda pair: (order[pair[0]], pair[1]),
    )
    for variable, period in pairs:
        rows = table[(table["variable"] == variable) & (table["period"] == period)]
        name = f"{variable}_{period}"
        while {name, *(f"{name}_{fact}" for fact in _FACTS)} & taken:
            name += "_"
        own = rows.set_index("area_id").reindex(areas["area_id"])
        for fact in _FACTS:
            column = name if fact == "value" else f"{name}_{fact}"
            taken.add(column)
            cells = own[fact].astype("Int64") if fact == "flags" else own[fact]
            joined[column] = cells.set_axis(areas.index)
        series.append({"variable": variable, "period": period, "column": name})
    about["series"] = series
    wide = pd.concat([areas, pd.DataFrame(joined, index=areas.index)], axis=1)
    return wide.set_geometry("geometry", crs=areas.crs)


def _long(frame: pd.DataFrame, head: Mapping[str, Any], where: str) -> pd.DataFrame:
    """Put figures under each other again."""
    pieces = []
    try:
        for series in head["observations"]["series"]:
            name = series["column"]
            piece = pd.DataFrame(
                {
                    "area_id": frame["area_id"],
                    "period": int(series["period"]),
                    "variable": str(series["variable"]),
                    **{fact: frame[name if fact == "value" else f"{name}_{fact}"] for fact in _FACTS},
                }
            )
            pieces.append(piece[piece["status"].notna()].astype({"flags": "int64", "value": "float64"}))
    except (KeyError, TypeError, ValueError) as error:
        raise files.contradiction(where, error) from error
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(OBSERVATION_COLUMNS))
