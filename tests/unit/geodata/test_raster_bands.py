"""Headers that announce more bands or larger blocks than anybody delivers are refused before a block is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from geodata.errors import FormatError
from geodata.readers import raster


def write(path: Path, bands: int, **options: object) -> Path:
    profile = {"driver": "GTiff", "height": 16, "width": 16, "dtype": "float32", "crs": "EPSG:25832", **options}
    with rasterio.open(path, "w", count=bands, transform=Affine(100, 0, 600_000, 0, -100, 5_800_000), **profile) as out:
        out.write(np.ones((bands, 16, 16), dtype=np.float32))
    return path


def test_many_bands_are_refused_by_both_doors(tmp_path: Path) -> None:
    path = write(tmp_path / "many.tif", 1_001)
    for door in (raster.about, raster.read_raster):
        with pytest.raises(FormatError, match=r"at most 1000 bands.*found 1001 bands"):
            door(path)


def test_blocks_in_which_all_bands_lie_together_count_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = write(tmp_path / "pixel.tif", 8, interleave="pixel")
    apart = write(tmp_path / "band.tif", 8, interleave="band")
    monkeypatch.setattr(raster, "BLOCK_BYTES", 16 * 16 * 4 * 4)
    assert raster.read_raster(apart, band=3).values.shape == (16, 16)
    with pytest.raises(FormatError, match="found 8 bands"):
        raster.read_raster(together, band=3)
