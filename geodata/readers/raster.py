"""One band of a raster, with its place on the ground."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from geodata.errors import ColumnError, CrsError, FormatError, NoDataError
from geodata.models import Raster
from geodata.readers import text


def read_raster(path: Path, *, band: int = 1, unit: str = "", year: int | None = None) -> Raster:
    """Read one band.

    Parameters
    ----------
    path : pathlib.Path
        GeoTIFF or whatever else GDAL reads.
    band : int, default 1
        Counted from 1.
    unit : str
        What one cell counts.
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                if not 1 <= band <= source.count:
                    raise ColumnError(f"expected band {band}, found {source.count}", where=where, hint="check band")
                if source.crs is None:
                    raise CrsError("the raster has no coordinate reference system", where=where, hint="assign one")
                transform = source.transform
                if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
                    raise FormatError(
                        f"expected a raster with north up and rows from north to south, found {tuple(transform)[:6]}",
                        where=where,
                        hint="warp it, for example with gdalwarp",
                    )
                values = source.read(band, masked=True).astype(np.float64).filled(np.nan)
                crs = source.crs.to_string()
    except NotGeoreferencedWarning:
        raise CrsError("the raster has no place on the ground (no transform)", where=where, hint="assign one") from None
    except (RasterioError, OSError, ValueError) as error:
        if isinstance(error, CrsError | FormatError | ColumnError):
            raise
        raise FormatError(
            f"expected a raster that GDAL reads: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            where=where,
            hint="it may be truncated, or another format under this name: export it again",
        ) from error
    if not np.isfinite(values).any():
        raise NoDataError(f"band {band} holds nothing but nodata", where=where, hint="check band and nodata value")
    if np.isinf(values).any():
        raise FormatError("expected finite values, found infinite ones", where=where, hint="declare them as nodata")
    a, b, c, d, e, f = (float(number) for number in transform[:6])
    return Raster(values, (a, b, c, d, e, f), crs, unit, year)
