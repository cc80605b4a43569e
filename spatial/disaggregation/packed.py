"""A transfer matrix as bytes: an npz archive without pickled objects, with a format version and a checksum."""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Raised whenever the same input gives other weights, or the archive other arrays: what was saved before is rebuilt.
FORMAT_VERSION = 2
#: What zipfile, zlib and NumPy answer to bytes that are damaged; RuntimeError is "encrypted" or "not implemented".
_DAMAGE = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    SyntaxError,
    OverflowError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
)
_OWN = ("format_version", "checksum")


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays into one npz archive; the same arrays give the same bytes.

    Parameters
    ----------
    arrays : mapping of str to numpy.ndarray
        Numbers and texts of fixed width, no objects.

    Returns
    -------
    bytes
    """
    out = io.BytesIO()
    own = {"format_version": np.array(FORMAT_VERSION), "checksum": np.array(_checksum(arrays))}
    np.savez_compressed(out, allow_pickle=False, **{**arrays, **own})
    return out.getvalue()


def unpack(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Read what :func:`pack` wrote.

    Parameters
    ----------
    data : bytes
        The archive.
    where : str
        What to call it in the message.

    Returns
    -------
    dict of str to numpy.ndarray

    Raises
    ------
    FormatError
        It is no such archive, of another format version, or damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        version, checksum = int(arrays["format_version"]), str(arrays["checksum"])
    except _DAMAGE as error:
        raise FormatError(
            f"expected a saved transfer matrix, found {len(data)} bytes that cannot be read ({error})",
            where=where,
            hint="delete the file; it is built again from the zones and the ancillary data",
        ) from error
    if version != FORMAT_VERSION:
        raise FormatError(
            f"expected format version {FORMAT_VERSION}, found {version}",
            where=where,
            hint="delete the file; it is built again from the zones and the ancillary data",
        )
    content = {name: array for name, array in arrays.items() if name not in _OWN}
    if _checksum(content) != checksum:
        raise FormatError(
            "expected the checksum that was saved with the matrix, found another: the content was changed",
            where=where,
            hint="delete the file; it is built again from the zones and the ancillary data",
        )
    return content


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
