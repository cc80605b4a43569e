"""One band of a raster, with its place on the ground."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geodata.errors import ColumnError, CrsError, FormatError, NoDataError
from geodata.models import Raster
from geodata.readers import archives, limits, text

#: Formats whose files hold their own pixels. Others (VRT, WMS, tile indices) name further files and addresses to open.
DRIVERS = ("GTiff", "AAIGrid", "GPKG", "HFA", "PNG", "JPEG", "JP2OpenJPEG", "SAGA", "ENVI", "EHdr", "RRASTER", "GRIB")
#: Smaller rasters may repeat themselves as much as they like.
_SMALL = 64 << 20
#: Bands, and bytes of one block, that a header may announce: where pixels of all bands lie together, GDAL unpacks the
#: blocks of all bands to read one.
BANDS = 1_000
BLOCK_BYTES = 256 << 20


def _require_driver(path: Path, driver: str) -> None:
    if driver not in DRIVERS:
        raise FormatError(
            f"expected a raster that holds its own pixels ({', '.join(DRIVERS)}), found {driver}",
            where=str(path),
            hint="convert it to GeoTIFF",
        )


def _require_size(path: Path, pixels: int, dtype: str) -> None:
    """Refuse a band that is too large, or that a small file only announces."""
    limits.require("pixels", pixels, "pixels in the band", path)
    unpacked = pixels * np.dtype(dtype).itemsize
    if unpacked > _SMALL:
        limits.require("ratio", unpacked // max(path.stat().st_size, 1), "bytes unpacked for each in the file", path)


def _require_bands(path: Path, source: Any) -> None:
    """Refuse more bands, or larger blocks, than anybody delivers, before one is read."""
    count = int(source.count)
    if count <= BANDS:
        rows, columns = source.block_shapes[0] if count else (0, 0)
        together = count if source.interleaving is not None and source.interleaving.value == "PIXEL" else 1
        if rows * columns * np.dtype(source.dtypes[0] if count else "u1").itemsize * together <= BLOCK_BYTES:
            return
    raise FormatError(
        f"expected at most {BANDS} bands in blocks of at most {BLOCK_BYTES >> 20} MiB, found {count} bands",
        where=str(path),
        hint="export the band that is needed as GeoTIFF",
    )


@dataclass(frozen=True, slots=True)
class About:
    """What a raster says of itself.

    Attributes
    ----------
    bands : tuple of str
        Descriptions, or their numbers.
    nodata : float or None
        Of band 1.
    unit : str
        Of band 1; empty where none is named.
    cloud_optimised : bool
        GDAL wrote it as COG.
    """

    bands: tuple[str, ...]
    nodata: float | None
    unit: str
    driver: str
    cloud_optimised: bool


def about(path: Path) -> About:
    """Read what a raster says of itself, without its values.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    About
        Bands, nodata, unit, kind of file.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, nothing in it, or no raster.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    text.peek(path)
    archives.require_self_contained(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                _require_driver(path, source.driver)
                _require_bands(path, source)
                structure = source.tags(ns="IMAGE_STRUCTURE")
                return About(
                    tuple(name or f"band {i}" for i, name in enumerate(source.descriptions, start=1)),
                    None if source.nodata is None else float(source.nodata),
                    next((unit for unit in source.units[:1] if unit), "") or source.tags(1).get("unit", ""),
                    str(source.driver),
                    structure.get("LAYOUT") == "COG",
                )
    except FormatError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> FormatError:
    return FormatError(
        f"expected a raster that GDAL reads: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        where=str(path),
        hint="it may be truncated, or another format under this name: export it again",
    )


def read_raster(path: Path, *, band: int = 1, unit: str = "", year: int | None = None) -> Raster:
    """Read one band.

    Parameters
    ----------
    path : pathlib.Path
        GeoTIFF or whatever else GDAL reads.
    band : int, default 1
        Counted from 1.
    unit : str
        What one cell counts; by default what the file names.
    year : int, optional
        Reference year.

    Returns
    -------
    Raster
        float64, NaN where the file says nodata or a mask hides the cell.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, no value in it, no raster, truncated, or rotated.
    ColumnError
        No such band.
    CrsError
        The raster has no CRS or no place.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    where = str(path)
    text.peek(path)
    archives.require_self_contained(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                _require_driver(path, source.driver)
                _require_bands(path, source)
                if not 1 <= band <= source.count:
                    raise ColumnError(f"expected band {band}, found {source.count}", where=where, hint="check band")
                if source.crs is None:
                    raise CrsError("the raster has no coordinate reference system", where=where, hint="assign one")
                _require_size(path, source.height * source.width, source.dtypes[band - 1])
                transform = source.transform
                if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
                    raise FormatError(
                        f"expected a raster with north up and rows from north to south, found {tuple(transform)[:6]}",
                        where=where,
                        hint="warp it, for example with gdalwarp",
                    )
                unit = unit or source.units[band - 1] or source.tags(band).get("unit", "")
                values = source.read(band, masked=True).astype(np.float64).filled(np.nan)
                crs = source.crs.to_string()
    except NotGeoreferencedWarning:
        raise CrsError("the raster has no place on the ground (no transform)", where=where, hint="assign one") from None
    except (RasterioError, OSError, ValueError) as error:
        if isinstance(error, CrsError | FormatError | ColumnError):
            raise
        raise _unreadable(path, error) from error
    if not np.isfinite(values).any():
        raise NoDataError(f"band {band} holds nothing but nodata", where=where, hint="check band and nodata value")
    if np.isinf(values).any():
        raise FormatError("expected finite values, found infinite ones", where=where, hint="declare them as nodata")
    a, b, c, d, e, f = (float(number) for number in transform[:6])
    return Raster(values, (a, b, c, d, e, f), crs, unit, year)
