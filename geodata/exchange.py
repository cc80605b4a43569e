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

import contextlib
import csv
import datetime as dt
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.models import OBSERVATION_COLUMNS, AreaLayer, Flag, Observations, Origin, Source, Status, Text
from geodata.readers import limits, text

if TYPE_CHECKING:
    import geopandas as gpd

KEY = "sozialmonitor"
VERSION = 1
_MARK = f"# {KEY} "
_OBSERVATIONS, _AREAS = "observations", "areas"
_COLUMNS = (*OBSERVATION_COLUMNS, "unit")
_FACTS = ("value", "status", "origin", "flags")
_AGAIN = "write it again; figures that were edited by hand are a plain table"


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
    head = {**_head(_OBSERVATIONS), **_about(observations)}
    table = observations.table[list(OBSERVATION_COLUMNS)].reset_index(drop=True)
    table = table.assign(unit=table["variable"].map(dict(observations.units)).fillna("").astype("str"))
    with _replacing(path, (".csv", ".parquet", ".gpkg")) as out:
        if path.suffix == ".csv":
            _write_csv(out, table, head)
        elif path.suffix == ".parquet":
            _write_parquet(out, table, head)
        else:
            _write_layer(out, table, head, _OBSERVATIONS, append=False)


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
    head = _metadata(path)
    if head is None:
        raise _other(where)
    kind = _kind(path)
    if kind == "csv":
        table = _read_csv(path)
    elif kind == "gpkg":
        table = _read_layer(path, _OBSERVATIONS)
    elif head["content"] == _AREAS:
        if "observations" not in head:
            raise NoDataError("the file holds areas without figures", where=where, hint="read it as a layer")
        table = _long(_read_geoparquet(path), head, where)
    else:
        table = _read_parquet(path)
    return _checked(table, head["observations"] if head["content"] == _AREAS else head, where)


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
    head: dict[str, Any] = {**_head(_AREAS), **_about_layer(layer)}
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
    with _replacing(path, (".gpkg", ".parquet")) as out:
        if path.suffix == ".parquet":
            if observations is not None:
                areas = _wide(areas, observations, head["observations"])
            _write_geoparquet(out, areas, head)
            return
        _write_layer(out, areas, head, layer.level, append=False)
        if observations is not None:
            table = observations.table[list(OBSERVATION_COLUMNS)].reset_index(drop=True)
            table = table.assign(unit=table["variable"].map(dict(observations.units)).fillna("").astype("str"))
            own = {**_head(_OBSERVATIONS), **head["observations"]}
            _write_layer(out, table, own, _OBSERVATIONS, append=True)


def read_layer(path: Path) -> tuple[AreaLayer, Observations | None]:
    """Read areas that :func:`write_layer` wrote, and their figures, if it holds any.

    Raises
    ------
    GeodataError
        The file is none of these, or damaged.
    """
    where = str(path)
    kind = _kind(path)
    head = _metadata(path, _AREAS)
    if head is None:
        raise _other(where)
    frame = _read_geoparquet(path) if kind == "parquet" else _read_layer(path, str(head["level"]))
    about = head.get("observations")
    observations = None
    if about is not None:
        table = _long(frame, head, where) if kind == "parquet" else _read_layer(path, _OBSERVATIONS)
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
        raise _contradiction(where, error) from error
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
        head = _metadata(path)
    except FormatError:
        return False
    return head is not None and (head["content"] == _OBSERVATIONS or "observations" in head)


def defuse(cell: str) -> str:
    """Keep a spreadsheet from computing a cell: an apostrophe before ``= + - @``, tab, line break or apostrophe.

    Examples
    --------
    >>> defuse("=1+1"), restore(defuse("=1+1")), defuse("Ilsede")
    ("'=1+1", '=1+1', 'Ilsede')
    """
    return f"'{cell}" if cell.startswith(_ACTIVE) else cell


def restore(cell: str) -> str:
    """Undo :func:`defuse`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_ACTIVE) else cell


_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")


# --- what is said about figures and layers ------------------------------------------------------------------------


def _head(content: str) -> dict[str, Any]:
    return {"version": VERSION, "content": content}


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
        units = {str(name): str(unit) for name, unit in about["units"].items()}
        source = _source(about["source"])
        rows = int(about["rows"])
        notes = tuple(str(note) for note in about["notes"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _contradiction(where, error) from error
    for column, words in (("status", Status), ("origin", Origin)):
        strange = set(found[column]) - {word.value for word in words}
        if strange:
            raise _contradiction(where, f"column {column!r} holds {some(sorted(map(repr, strange)))}")
    allowed = sum(flag.value for flag in Flag)
    if (found["flags"] & ~allowed).any():
        raise _contradiction(where, "column 'flags' holds flags that do not exist")
    if "unit" in table:
        said = table["variable"].map(units).fillna("").astype("str").to_numpy()
        if (said != table["unit"].astype("str").to_numpy()).any():
            raise _contradiction(where, "column 'unit' differs from the units in the metadata")
    if found.duplicated(["area_id", "period", "variable"]).any():
        raise _contradiction(where, "an area has two values of one variable in one year")
    return Observations(found, MappingProxyType(units), source, notes, rows)


def _contradiction(where: str, reason: object) -> FormatError:
    return FormatError(f"the file was changed since it was written: {reason}", where=where, hint=_AGAIN)


def _other(where: str) -> FormatError:
    return FormatError(
        "expected a file that Sozialmonitor wrote, found another", where=where, hint="sozialmonitor check FILE"
    )


def _require_texts(observations: Observations, where: str) -> None:
    for column in ("area_id", "variable"):
        if observations.table[column].str.contains("\x00", regex=False).any():
            raise FormatError(f"column {column!r} holds a NUL character", where=where, hint="remove it")


@contextlib.contextmanager
def _replacing(path: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Write beside the file and put it in its place when it is whole."""
    if path.suffix not in endings:
        raise FormatError(
            f"expected a name that ends in {', '.join(endings)}, found {path.suffix!r}",
            where=str(path),
            hint="rename it",
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        out = Path(folder) / path.name
        yield out
        out.replace(path)


# --- containers -------------------------------------------------------------------------------------------------


def _kind(path: Path) -> str:
    head = text.peek(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    return "gpkg" if head.startswith(b"SQLite format 3\x00") else "csv"


def _metadata(path: Path, content: str | None = None) -> dict[str, Any] | None:
    """Return what the file says of itself; None where it is not ours."""
    kind = _kind(path)
    if kind == "csv":
        said = _csv_head(path)
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            said = (pq.read_schema(path).metadata or {}).get(KEY.encode())
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"the Parquet file is damaged: {error}", where=str(path), hint="copy it again") from error
    else:
        said = _layer_metadata(path, content)
    if said is None:
        return None
    try:
        head = json.loads(said)
        if head["version"] != VERSION or head["content"] not in (_OBSERVATIONS, _AREAS):
            raise ValueError(f"version {head['version']}, content {head['content']}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"its metadata cannot be read: {error}", where=str(path), hint=_AGAIN) from error
    return head if content in (None, head["content"]) else None


def _json(head: Mapping[str, Any]) -> str:
    return json.dumps(head, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _write_csv(path: Path, table: pd.DataFrame, head: Mapping[str, Any]) -> None:
    columns: dict[str, Any] = {}
    for name in _COLUMNS:
        if name == "value":
            columns[name] = ["" if np.isnan(v) else repr(float(v)).replace(".", ",") for v in table[name]]
        elif name in ("period", "flags"):
            columns[name] = table[name]
        else:
            codes, unique = pd.factorize(table[name])
            columns[name] = np.array([defuse(str(word)) for word in unique], dtype=object)[codes]
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        # One quoted cell, whatever a spreadsheet takes for the delimiter: nothing in it can be taken for a formula.
        csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL).writerow([_MARK + _json(head)])
        rows = csv.writer(out, delimiter=";")  # ends lines with CR LF, and so quotes a lone CR in a cell
        rows.writerow(_COLUMNS)
        rows.writerows(zip(*(columns[name] for name in _COLUMNS), strict=True))


def _csv_head(path: Path) -> str | None:
    begin = text.peek(path, 64).removeprefix(b"\xef\xbb\xbf")
    if not begin.startswith(f'"{_MARK}'.encode()):
        return None
    limits.require_file(path, "text_bytes")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            line = stream.readline(limits.current().line_bytes)
        except UnicodeDecodeError as error:
            raise FormatError(f"expected UTF-8: {error.reason}", where=str(path), hint=_AGAIN) from error
    return line.rstrip("\r\n").removeprefix(f'"{_MARK}').removesuffix('"').replace('""', '"')


def _read_csv(path: Path) -> pd.DataFrame:
    where = str(path)
    file = text.decode(path)
    text.require_complete(file)
    body = io.StringIO(file.payload.decode("utf-8"), newline="")
    body.readline()
    try:
        reader = csv.reader(body, delimiter=";", strict=True)
        if tuple(next(reader, ())) != _COLUMNS:
            raise _contradiction(where, f"expected the columns {', '.join(_COLUMNS)}")
        rows = list(reader)
    except csv.Error as error:
        raise _contradiction(where, error) from error
    wrong = [number for number, row in enumerate(rows, start=3) if len(row) != len(_COLUMNS)]
    if wrong:
        raise _contradiction(where, f"row {some(wrong)} has not {len(_COLUMNS)} cells")
    cells = dict(zip(_COLUMNS, zip(*rows, strict=True) if rows else [()] * len(_COLUMNS), strict=True))
    try:
        return pd.DataFrame(
            {
                "area_id": [restore(cell) for cell in cells["area_id"]],
                "period": np.array([int(cell) for cell in cells["period"]], dtype=np.int64),
                "variable": [restore(cell) for cell in cells["variable"]],
                "value": [float(cell.replace(",", ".")) if cell else np.nan for cell in cells["value"]],
                "status": list(cells["status"]),
                "origin": list(cells["origin"]),
                "flags": np.array([int(cell) for cell in cells["flags"]], dtype=np.int64),
                "unit": [restore(cell) for cell in cells["unit"]],
            }
        )
    except (ValueError, OverflowError) as error:
        raise _contradiction(where, error) from error


def _write_parquet(path: Path, table: pd.DataFrame, head: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), KEY: _json(head)}), path)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    limits.require_parquet(path)
    try:
        return pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(f"the Parquet file is damaged: {error}", where=str(path), hint="copy it again") from error


def _write_geoparquet(path: Path, areas: gpd.GeoDataFrame, head: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq

    areas.to_parquet(path, index=False)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: _json(head)}), path)


def _read_geoparquet(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd

    limits.require_parquet(path)
    try:
        return gpd.read_parquet(path)
    except Exception as error:  # Arrow's errors, and those of damaged WKB and metadata
        raise FormatError(f"the GeoParquet file is damaged: {error}", where=str(path), hint="copy it again") from error


def _write_layer(path: Path, frame: pd.DataFrame, head: Mapping[str, Any], layer: str, *, append: bool) -> None:
    import pyogrio

    shape: dict[str, Any] = {}
    if "geometry" in frame and len(set(frame["geometry"].geom_type)) > 1:
        shape = {"geometry_type": "Unknown", "promote_to_multi": False}  # polygons stay polygons beside others
    pyogrio.write_dataframe(
        frame, path, layer=layer, driver="GPKG", append=append, layer_metadata={KEY: _json(head)}, **shape
    )


def _read_layer(path: Path, layer: str) -> Any:
    import pyogrio

    from geodata.readers import features

    if layer not in features.list_layers(path):
        raise ColumnError(f"expected the layer {layer!r}", where=str(path), hint=_AGAIN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            limits.require("rows", pyogrio.read_info(path, layer=layer)["features"], "features", path)
            return pyogrio.read_dataframe(path, layer=layer)
    except FormatError:
        raise
    except Exception as error:  # GDAL's errors come as several classes; all mean the file
        raise FormatError(f"the GeoPackage is damaged: {error}", where=str(path), hint="copy it again") from error


def _layer_metadata(path: Path, content: str | None) -> str | None:
    import pyogrio

    from geodata.readers import features

    found: str | None = None
    for layer in features.list_layers(path):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                said = (pyogrio.read_info(path, layer=layer).get("layer_metadata") or {}).get(KEY)
        except Exception as error:  # see _read_layer
            raise FormatError(f"the GeoPackage is damaged: {error}", where=str(path), hint="copy it again") from error
        if said is None:
            continue
        is_table = f'"content":"{_OBSERVATIONS}"' in said
        if is_table == (content != _AREAS):
            return str(said)
        found = str(said)
    return found


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
        raise _contradiction(where, error) from error
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(OBSERVATION_COLUMNS))
