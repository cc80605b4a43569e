"""Vector files as they are: layers and features, told by content; what is truncated or incomplete is refused."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from geodata.errors import ColumnError, FormatError, GeometryError, NoDataError, some
from geodata.readers import archives, geopackage, limits, long, text
from geodata.supply import casedata

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_SQLITE = b"SQLite format 3\x00"
#: Application ids of GeoPackage 1.2 and later, 1.0 and 1.1.
_APPLICATIONS = (b"GPKG", b"GP10", b"GP11")


def read_features(path: Path, *, layer: str | None = None, where: str | None = None) -> gpd.GeoDataFrame:
    """Read the features of one layer as they are.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    layer : str, optional
        Needed where there are several.
    where : str, optional
        For messages.

    Returns
    -------
    geopandas.GeoDataFrame
        At least one feature; polygons in two dimensions.

    Raises
    ------
    MissingFileError, NoDataError, FormatError, ColumnError, CaseDataError
        No file, no features, unreadable or truncated, no such layer; attributes look like data about single persons.
    """
    import pyogrio
    import shapely

    place = where or str(path)
    if is_geoparquet(path):
        return _without_cases(_geoparquet(path, layer, place), place)
    layers = list_layers(path)
    if layer is None and len(layers) > 1:
        raise ColumnError(
            f"expected the name of a layer, found {len(layers)} layers", where=place, hint=some(layers, 12)
        )
    layer = layers[0] if layer is None else layers[long.pick(layer, layers, where=place, what="layer")]
    try:
        with _quiet():
            expected = pyogrio.read_info(path, layer=layer)["features"]
            limits.require("rows", expected, "features", place)
            frame = pyogrio.read_dataframe(path, layer=layer)
    except FormatError:
        raise
    except Exception as error:  # GDAL's errors come as several classes; all mean the file
        raise _unreadable(path, error) from error
    if not frame.columns.is_unique:
        repeated = frame.columns[frame.columns.duplicated()].unique()
        raise ColumnError(
            f"expected every field once, found several {some(map(repr, repeated))}",
            where=place,
            hint="rename all but one of them",
        )
    if "geometry" not in frame.columns:
        raise GeometryError("expected areas, found a layer without geometry", where=place, hint="choose another layer")
    if frame.empty:
        raise NoDataError("the layer has no features", where=place, hint="export it again, without a filter")
    if expected >= 0 and len(frame) != expected:
        raise FormatError(
            f"the file is truncated: {expected} features announced, {len(frame)} read",
            where=place,
            hint="copy it again",
        )
    frame["geometry"] = shapely.force_2d(frame.geometry.values)
    return _without_cases(frame, place)


def _without_cases(frame: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Refuse features whose attributes are about single persons, such as owners of parcels."""
    fields = [str(column) for column in frame.columns if column != "geometry"]
    cells = [frame[field] for field in fields]
    casedata.refuse(casedata.find(fields, [_as_text(cell) for cell in cells]), where)
    return frame


def _as_text(cells: pd.Series) -> pd.Series:
    """Write every cell as text, blank where there is none; bytes, which Parquet may hold, as they are shown."""
    plain = cells.map(str) if cells.dtype == object else cells.astype("str")
    return plain.where(cells.notna(), "")


def list_layers(path: Path) -> list[str]:
    """Return the names of the layers of a vector file; the table of styles that QGIS keeps among them is none.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, nothing in it, or no vector format; a text file named ``.gpkg`` and a truncated GeoPackage among them.
    """
    import pyogrio

    head = text.peek(path)
    archives.require_self_contained(path)
    kind = text.kind_of(head) or ""
    if path.suffix.lower() == ".gpkg" or "SQLite" in kind:
        _require_geopackage(path, head)
    if is_geoparquet(path):
        return [path.stem]
    if "Shapefile" in kind:
        _require_parts(path, head)
    try:
        with _quiet():
            layers = [str(name) for name, _ in pyogrio.list_layers(path) if str(name) != "layer_styles"]
    except Exception as error:  # see read_features
        raise _unreadable(path, error) from error
    if not layers:
        raise NoDataError("the file holds no layer", where=str(path), hint="export it again")
    return layers


def is_geoparquet(path: Path) -> bool:
    """Tell whether a file is Parquet with geometry, by the metadata of its schema.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, nothing in it, or a Parquet file that is truncated.
    """
    if not text.peek(path).startswith(b"PAR1"):
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"geo" in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _geoparquet(path: Path, layer: str | None, where: str) -> gpd.GeoDataFrame:
    """Read GeoParquet; it holds one layer, named like the file."""
    import geopandas as gpd
    import shapely

    if layer is not None:
        long.pick(layer, [path.stem], where=where, what="layer")
    limits.require_parquet(path)
    try:
        frame = gpd.read_parquet(path)
    except Exception as error:  # Arrow's errors, and those of damaged WKB and metadata
        raise _unreadable(path, error) from error
    if frame.empty:
        raise NoDataError("the layer has no features", where=where, hint="export it again, without a filter")
    text.require_utf8(frame, path)
    frame = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    frame["geometry"] = shapely.force_2d(frame.geometry.values)
    return frame.reset_index(drop=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep GDAL from warning that a GeoPackage is not called .gpkg: content decides here, not names."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non conformant file extension.*", category=RuntimeWarning)
        yield


def _require_parts(path: Path, head: bytes) -> None:
    """Refuse a Shapefile without its other parts, or shorter than its header says."""
    parts = [s for s in (".dbf", ".shx") if not (path.with_suffix(s).exists() or path.with_suffix(s.upper()).exists())]
    if path.suffix.lower() not in (".shp", ".shx") or parts:
        raise FormatError(
            f"expected a Shapefile with all its parts, without {', '.join(parts) or 'the ending .shp'} it is none",
            where=str(path),
            hint="keep .shp, .shx, .dbf and .prj together under one name, or save the layer as GeoPackage",
        )
    # ESRI Shapefile Technical Description (1998): file length in 16-bit words, big endian, at byte 24.
    announced, size = 2 * int.from_bytes(head[24:28], "big"), path.stat().st_size
    if len(head) < 100 or size < announced:
        raise FormatError(
            f"the Shapefile is truncated: {announced} bytes announced, {size} found",
            where=str(path),
            hint="copy or download it again",
        )


def _require_geopackage(path: Path, head: bytes) -> None:
    """Refuse what is no SQLite file, or shorter than its header says."""
    if not head.startswith(_SQLITE):
        kind = text.kind_of(head) or ("text" if b"\x00" not in head[:4096] else "something else")
        raise FormatError(f"expected a GeoPackage, found {kind}", where=str(path), hint="check the file's name")
    if len(head) >= 100 and head[68:72] not in _APPLICATIONS:
        raise FormatError(
            "expected a GeoPackage, found another SQLite database",
            where=str(path),
            hint="export the layer as GeoPackage",
        )
    # SQLite's file format, section 1.3: page size at byte 16 (1 means 65536), number of pages at 28, valid where the
    # counters at 24 and 92 agree.
    size = path.stat().st_size
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    announced = (65536 if page == 1 else page) * pages
    if len(head) < 100 or (head[24:28] == head[92:96] and size < announced):
        raise FormatError(
            f"the GeoPackage is truncated: {announced} bytes announced, {size} found",
            where=str(path),
            hint="copy or download it again",
        )
    geopackage.vet(path)


def _unreadable(path: Path, error: Exception) -> FormatError:
    reason = str(error).strip().splitlines()
    return FormatError(
        f"expected a vector file that GDAL reads: {reason[0] if reason else type(error).__name__}",
        where=str(path),
        hint="GeoPackage, GeoJSON or Shapefile with all its parts; it may be truncated or have a wrong name",
    )
