"""The files behind :mod:`geodata.exchange`: tables, layers and metadata to CSV, Parquet and GeoPackage and back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, FormatError, some
from geodata.models import OBSERVATION_COLUMNS
from geodata.readers import limits, text

if TYPE_CHECKING:
    import geopandas as gpd

KEY = "sozialmonitor"
VERSION = 1
_MARK = f"# {KEY} "
OBSERVATIONS, AREAS = "observations", "areas"
COLUMNS = (*OBSERVATION_COLUMNS, "unit")
AGAIN = "write it again; figures that were edited by hand are a plain table"


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


def contradiction(where: str, reason: object) -> FormatError:
    """Return the error for a file whose parts contradict each other."""
    return FormatError(f"the file was changed since it was written: {reason}", where=where, hint=AGAIN)


@contextlib.contextmanager
def replacing(path: Path, endings: tuple[str, ...]) -> Iterator[Path]:
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


def kind(path: Path) -> str:
    """Tell the container by its first bytes: ``csv``, ``parquet`` or ``gpkg``."""
    head = text.peek(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    return "gpkg" if head.startswith(b"SQLite format 3\x00") else "csv"


def metadata(path: Path, content: str | None = None) -> dict[str, Any] | None:
    """Return what the file says of itself; None where it is not ours."""
    container = kind(path)
    if container == "csv":
        said = _csv_head(path)
    elif container == "parquet":
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
        if head["version"] != VERSION or head["content"] not in (OBSERVATIONS, AREAS):
            raise ValueError(f"version {head['version']}, content {head['content']}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"its metadata cannot be read: {error}", where=str(path), hint=AGAIN) from error
    return head if content in (None, head["content"]) else None


def _json(head: Mapping[str, Any]) -> str:
    return json.dumps(head, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def write_csv(path: Path, table: pd.DataFrame, head: Mapping[str, Any]) -> None:
    """Write a table below one line of metadata."""
    columns: dict[str, Any] = {}
    for name in COLUMNS:
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
        rows.writerow(COLUMNS)
        rows.writerows(zip(*(columns[name] for name in COLUMNS), strict=True))


def _csv_head(path: Path) -> str | None:
    begin = text.peek(path, 64).removeprefix(b"\xef\xbb\xbf")
    if not begin.startswith(f'"{_MARK}'.encode()):
        return None
    limits.require_file(path, "text_bytes")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            line = stream.readline(limits.current().line_bytes)
        except UnicodeDecodeError as error:
            raise FormatError(f"expected UTF-8: {error.reason}", where=str(path), hint=AGAIN) from error
    return line.rstrip("\r\n").removeprefix(f'"{_MARK}').removesuffix('"').replace('""', '"')


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table that :func:`write_csv` wrote."""
    where = str(path)
    file = text.decode(path)
    text.require_complete(file)
    body = io.StringIO(file.payload.decode("utf-8"), newline="")
    body.readline()
    try:
        reader = csv.reader(body, delimiter=";", strict=True)
        if tuple(next(reader, ())) != COLUMNS:
            raise contradiction(where, f"expected the columns {', '.join(COLUMNS)}")
        rows = list(reader)
    except csv.Error as error:
        raise contradiction(where, error) from error
    wrong = [number for number, row in enumerate(rows, start=3) if len(row) != len(COLUMNS)]
    if wrong:
        raise contradiction(where, f"row {some(wrong)} has not {len(COLUMNS)} cells")
    cells = dict(zip(COLUMNS, zip(*rows, strict=True) if rows else [()] * len(COLUMNS), strict=True))
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
        raise contradiction(where, error) from error


def write_parquet(path: Path, table: pd.DataFrame, head: Mapping[str, Any]) -> None:
    """Write a table with metadata in its schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), KEY: _json(head)}), path)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file as a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    limits.require_parquet(path)
    try:
        # What pandas noted of its own types is not needed, and may have been edited.
        frame = pq.read_table(path).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise FormatError(f"the Parquet file is damaged: {error}", where=str(path), hint="copy it again") from error
    text.require_utf8(frame, path)
    return frame


def write_geoparquet(path: Path, areas: gpd.GeoDataFrame, head: Mapping[str, Any]) -> None:
    """Write areas with metadata in the schema."""
    import pyarrow.parquet as pq

    areas.to_parquet(path, index=False)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: _json(head)}), path)


def read_geoparquet(path: Path) -> gpd.GeoDataFrame:
    """Read a GeoParquet file as areas."""
    import geopandas as gpd

    limits.require_parquet(path)
    try:
        frame = gpd.read_parquet(path)
    except Exception as error:  # Arrow's errors, and those of damaged WKB and metadata
        raise FormatError(f"the GeoParquet file is damaged: {error}", where=str(path), hint="copy it again") from error
    text.require_utf8(frame, path)
    return frame


def write_layer(path: Path, frame: pd.DataFrame, head: Mapping[str, Any], layer: str, *, append: bool) -> None:
    """Write a table or areas as a layer with its metadata."""
    import pyogrio

    shape: dict[str, Any] = {}
    if "geometry" in frame and len(set(frame["geometry"].geom_type)) > 1:
        shape = {"geometry_type": "Unknown", "promote_to_multi": False}  # polygons stay polygons beside others
    pyogrio.write_dataframe(
        frame, path, layer=layer, driver="GPKG", append=append, layer_metadata={KEY: _json(head)}, **shape
    )


def read_layer(path: Path, layer: str) -> Any:
    """Read one layer of a GeoPackage as it is."""
    import pyogrio

    from geodata.readers import features

    if layer not in features.list_layers(path):
        raise ColumnError(f"expected the layer {layer!r}", where=str(path), hint=AGAIN)
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
        except Exception as error:  # see read_layer
            raise FormatError(f"the GeoPackage is damaged: {error}", where=str(path), hint="copy it again") from error
        if said is None:
            continue
        is_table = f'"content":"{OBSERVATIONS}"' in said
        if is_table == (content != AREAS):
            return str(said)
        found = str(said)
    return found
