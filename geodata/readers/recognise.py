"""What format a file is of: told from its first bytes, header cells and sheets, never from its name."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from geodata import exchange
from geodata.errors import FormatError, GeodataError
from geodata.readers import (
    archives,
    ba,
    genesis,
    genesis_answer,
    genesis_classic,
    genesis_old,
    inkar,
    lsn,
    regionaltabelle,
    text,
    vg250,
    zensus_grid,
    zensus_long,
)
from geodata.readers.sheet import Sheet, open_sheet, sheet_names

#: Formats of figures: the words for ``format`` in ``county.toml``, each with what it is.
FORMATS = {
    "table": "a plain table: CSV, XLSX, XLS, ODS, Parquet or XML SpreadsheetML",
    "genesis-flat": "GENESIS flat file, version 5",
    "genesis-flat-old": "GENESIS flat file before version 5",
    "genesis-classic": "GENESIS table with title rows, header rows and footer",
    "inkar": "INKAR sheet or IRIS export",
    "regionaltabelle": "Regionaltabelle of the Zensus 2022",
    "zensus-grid": "grid of the Zensus 2022",
    "zensus2011-grid": "grid of the Zensus 2011, exact values",
    "zensus2011-classes": "grid of the Zensus 2011, classes",
    "zensus2011-long": "grid of the Zensus 2011, one attribute a row",
    "vg250": "attributes of VG250 or VG250-EW without geometry",
    "ba": "Gemeindedaten of the Bundesagentur für Arbeit",
    "lsn": "LSN-Online",
}
#: Formats that were written from their description: no real file was at hand.
PROVISIONAL = frozenset({"genesis-flat-old", "genesis-classic", "regionaltabelle", "ba", "lsn"})
#: Areas, rasters, answers without figures, and figures that Sozialmonitor itself wrote.
OTHERS = ("vector", "raster", "genesis-answer", "sozialmonitor")

_HEAD = 1 << 18
_RASTERS = ("a TIFF", "a BigTIFF")
_GEOJSON = re.compile(r'"type"\s*:\s*"(FeatureCollection|Feature|Topology|GeometryCollection|MultiPolygon|Polygon)"')


def recognise(path: Path, *, sheet: str | None = None) -> str:
    """Tell the format of a file by its content.

    Parameters
    ----------
    path : pathlib.Path
        The file; its name plays no part.
    sheet : str, optional
        Sheet of a workbook that is meant.

    Returns
    -------
    str
        A key of :data:`FORMATS`, or one of :data:`OTHERS`. A well-formed table of no known format is ``table``.

    Raises
    ------
    GeodataError
        The file is missing, empty, or of no kind that can be read.
    """
    head = text.peek(path, _HEAD)
    kind = text.kind_of(head) or ""
    if exchange.is_exchange(path):
        return "sozialmonitor"
    if kind in _RASTERS:
        return "raster"
    if kind == "a Parquet file":
        return _parquet(path)
    if "SQLite" in kind or "FlatGeobuf" in kind or "Shapefile" in kind:
        return "vector"
    if "Excel" in kind or "XLSX" in kind:
        if "XLSX" in kind:
            _require_workbook(path)
        return _workbook(path, sheet)
    if kind:
        raise FormatError(
            f"expected a table, areas or a raster, found {kind}", where=str(path), hint="unpack or export it"
        )
    if path.suffix.lower() == ".gpkg":
        # The name chooses nothing, but a text under this name is a failed download: the vector reader says so.
        return "vector"
    if path.suffix.lower() in (".dbf", ".shx") and path.with_suffix(".shp").exists():
        return "vector"
    return _text(path, head, sheet)


def _text(path: Path, raw: bytes, sheet: str | None) -> str:
    head = text.decode_head(raw)
    start = head.lstrip()
    if start.startswith(("{", "[")):
        if _GEOJSON.search(head):
            return "vector"
        file = text.decode(path)
        if file.payload.lstrip().startswith((b"{", b"[")):
            _require_json(file)
            return "genesis-answer" if genesis_answer.parse_answer(file.payload) is not None else "vector"
        # A table that stands inside an answer.
        return _by_header(_first_rows(text.decode_head(file.payload[:_HEAD]))) or _by_sheet(open_sheet(path))
    if start.startswith("<"):
        if "urn:schemas-microsoft-com:office:spreadsheet" in head:
            return _workbook(path, sheet)
        if re.match(r"<(!doctype\s+html|html)", start, re.IGNORECASE):
            raise FormatError(
                "expected data, found a web page", where=str(path), hint="download the file itself, not its page"
            )
        return "vector"
    if re.match(r"ncols\s+\d", start, re.IGNORECASE):
        return "raster"
    found = _by_header(_first_rows(head))
    if found is not None:
        return found
    # A long first line, or lines before the header, need the whole file.
    return _by_sheet(open_sheet(path))


def _require_json(file: text.TextFile) -> None:
    """Refuse JSON that breaks off."""
    try:
        json.loads(file.payload)
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"the JSON is damaged or truncated: {error}", where=str(file.path), hint="download it again"
        ) from error


def _first_rows(head: str, number: int = 400) -> list[list[str]]:
    """Split the first lines into cells, at the delimiter of the first."""
    lines = [line for line in re.split(r"\r\n|\r|\n", head) if line.strip()][:number]
    if not lines:
        return []
    delimiter = text.detect_delimiter(lines[0]) or text.detect_delimiter(lines[-1]) or ";"
    try:
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
        return [[cell.strip() for cell in row] for row in rows if row]
    except csv.Error:
        return []


def _by_header(rows: list[list[str]]) -> str | None:
    """Tell the format by the first rows of a text; None where they do not say it."""
    if not rows:
        return None
    first = rows[0]
    if genesis.is_flat(first):
        return "genesis-flat"
    if genesis_old.is_flat(first):
        return "genesis-flat-old"
    if genesis_classic.is_classic(first[0]):
        return "genesis-classic"
    if zensus_long.is_long(first):
        return "zensus2011-long"
    if zensus_grid.is_grid_2022(first):
        return "zensus-grid"
    if zensus_grid.is_grid_2011(first):
        return "zensus2011-classes" if zensus_grid.is_classed(first, rows[1:]) else "zensus2011-grid"
    if vg250.is_attributes(first):
        return "vg250"
    if len(rows) > 1 and inkar.is_inkar(first, rows[1]):
        return "inkar"
    return None


def _by_sheet(sheet: Sheet) -> str:
    rows = [[str(cell).strip() for cell in sheet.cells.iloc[row]] for row in range(min(12, len(sheet.cells)))]
    found = _by_header(rows)
    if found is None and sheet.delimiter is None:
        if regionaltabelle.is_regional(rows):
            found = "regionaltabelle"
        elif ba.is_gemeindedaten(sheet.cells):
            found = "ba"
    if found is None and lsn.is_lsn(sheet.cells):
        found = "lsn"
    return found or "table"


def _workbook(path: Path, sheet: str | None) -> str:
    names = sheet_names(path)
    if sheet is not None:
        return _by_sheet(open_sheet(path, sheet=sheet))
    if len(names) > 1 and any(regionaltabelle.is_sheet(name) for name in names):
        return "regionaltabelle"
    for name in names:
        try:
            found = _by_sheet(open_sheet(path, sheet=name))
        except GeodataError:
            continue
        if found != "table":
            return found
    return "table"


def _parquet(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        names = set(schema.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(
            f"the Parquet file cannot be read, it may be truncated: {error}", where=str(path), hint="download it again"
        ) from error
    if b"geo" in (schema.metadata or {}):
        return "vector"
    if names >= zensus_long.COLUMNS:
        return "zensus2011-long"
    return "zensus2011-grid" if {"x", "y"} <= names else "table"


def _require_workbook(path: Path) -> None:
    """Refuse ZIP archives that are no workbook."""
    members = archives.vet(path).members
    if not {"[Content_Types].xml", "mimetype", "content.xml"} & set(members):
        raise FormatError(
            f"expected a table, areas or a raster, found a ZIP archive with {len(members)} files",
            where=str(path),
            hint="unpack it and check what is inside",
        )
