"""Transfer matrices kept between runs, under a name made of everything that they were built from."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import FormatError, SpatialError

if TYPE_CHECKING:
    from spatial.disaggregation.transfer import AllocationWeights

FOLDER = "cache"
#: So many matrices are kept; the least recently used go first.
KEPT = 64


def content_key(**parts: Any) -> str:
    """Return a name that changes whenever anything in the parts does.

    Parameters
    ----------
    **parts
        Layers of zones (ids, geometry and CRS count, other columns do not), Series with their index, arrays, and
        numbers, texts, None, and tuples of them.

    Returns
    -------
    str
        64 hexadecimal digits: SHA-256 of the parts by name and of the version of the format.

    Raises
    ------
    TypeError
        A part is of another kind: its ``repr`` may leave something out, and two matrices would have one name.
    """
    from spatial.disaggregation.packed import FORMAT_VERSION

    digest = hashlib.sha256(f"transfer matrix {FORMAT_VERSION}\n".encode())
    for name in sorted(parts):
        digest.update(f"{name} ".encode())
        _feed(digest, parts[name])
        digest.update(b"\n")
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    import geopandas as gpd
    import shapely

    name = getattr(part, "name", None) if isinstance(part, (pd.Series, pd.Index)) else None
    if isinstance(part, gpd.GeoDataFrame):
        crs = part.crs.to_wkt() if part.crs is not None else "no CRS"
        digest.update(f"zones {len(part)} {crs} ".encode())
        _feed(digest, part.index)
        for content in shapely.to_wkb(np.array(part.geometry.array, dtype=object)):
            digest.update(f"{0 if content is None else len(content)} ".encode())
            digest.update(content or b"")
    elif isinstance(part, pd.Series):
        digest.update(f"series {name!r} ".encode())
        _feed(digest, part.index)
        _feed(digest, part.to_numpy())
    elif isinstance(part, pd.Index):
        digest.update(f"index {len(part)} {name!r} ".encode())
        _texts(digest, part)
    elif isinstance(part, np.ndarray):
        digest.update(f"array {part.dtype.str} {part.shape} ".encode())
        if part.dtype.hasobject:  # their bytes are addresses in memory
            _texts(digest, part.ravel())
        else:
            digest.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, (tuple, list)):
        digest.update(f"{type(part).__name__} {len(part)} ".encode())
        for item in part:
            _feed(digest, item)
            digest.update(b",")
    elif part is None or isinstance(part, (str, int, float)):
        digest.update(f"{type(part).__name__} {part!r}".encode())
    else:
        raise TypeError(f"expected zones, Series, arrays, numbers or texts in a key, found {type(part).__name__}")


def _texts(digest: Any, items: Any) -> None:
    for item in items:
        text = repr(item).encode()
        digest.update(f"{len(text)} ".encode() + text)


class MatrixCache:
    """A folder of saved matrices; whatever is wrong with it costs time and a note, never a result.

    Parameters
    ----------
    folder : pathlib.Path or None
        Where they lie, made when the first is saved; None keeps nothing.
    tell : callable
        Receives one note at a time, in English.
    """

    def __init__(self, folder: Path | None, tell: Callable[[str], None] = lambda _line: None) -> None:
        self.folder = folder
        self.tell = tell

    def load_or_build(self, key: str, build: Callable[[], AllocationWeights]) -> AllocationWeights:
        """Return the matrix saved under a key, or build and save it.

        Parameters
        ----------
        key : str
            From :func:`content_key`.
        build : callable
            Builds the matrix.

        Returns
        -------
        AllocationWeights
            The same in both cases.
        """
        if self.folder is None:
            return build()
        path = self.folder / f"{key}.npz"
        found = self._load(path)
        if found is not None:
            return found
        weights = build()
        self._save(path, weights)
        return weights

    def _load(self, path: Path) -> AllocationWeights | None:
        from spatial.disaggregation.transfer import AllocationWeights

        try:
            weights = AllocationWeights.from_bytes(path.read_bytes(), where=str(path))
        except FileNotFoundError:
            return None
        except (FormatError, OSError) as error:
            self.tell(f"a kept matrix cannot be used and is built again: {error}")
            return None
        with contextlib.suppress(OSError):  # what is used stays, unless the folder is for reading only
            os.utime(path)
        return weights

    def _save(self, path: Path, weights: AllocationWeights) -> None:
        try:
            content = weights.to_bytes()
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".npz")
            aside = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
            self._prune(path.parent)
        except (SpatialError, OSError) as error:
            self.tell(f"the matrix cannot be kept for the next run: {error}")

    @staticmethod
    def _prune(folder: Path) -> None:
        kept = sorted(folder.glob("[0-9a-f]*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[KEPT:]:
            path.unlink(missing_ok=True)
