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
import pandas as pd

from geodata.errors import FormatError, SpatialError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.transfer import AllocationWeights

#: Raised whenever the same input gives other weights, or the archive other arrays: what was saved before is rebuilt.
FORMAT_VERSION = 3
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


def as_arrays(weights: AllocationWeights) -> dict[str, NDArray[Any]]:
    """Return a transfer matrix as plain arrays, see :meth:`.AllocationWeights.to_arrays`.

    Raises
    ------
    SpatialError
        An id is neither a text nor a whole number.
    """
    details = {f"details_{name}": weights.details[name].to_numpy(dtype=np.float64) for name in weights.details}
    return {
        "data": weights.matrix.data,
        "indices": weights.matrix.indices,
        "indptr": weights.matrix.indptr,
        "source_ids": _plain(weights.source_ids),
        "target_ids": _plain(weights.target_ids),
        "names": np.array([weights.source_ids.name or "", weights.target_ids.name or ""], dtype=np.str_),
        "outside": weights.outside,
        "provenance": np.array(weights.provenance.to_list(), dtype=np.str_),
        "method": np.array(weights.method),
        "overlapping": np.array(weights.overlapping),
        "ancillary_years": np.array(weights.ancillary_years, dtype=np.int64),
        **details,
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the fields of a transfer matrix from what :func:`as_arrays` returned."""
    from scipy import sparse

    names = [str(name) or None for name in arrays["names"]]
    source_ids = pd.Index(arrays["source_ids"], name=names[0])
    target_ids = pd.Index(arrays["target_ids"], name=names[1])
    matrix = sparse.csr_array(
        (arrays["data"], arrays["indices"], arrays["indptr"]), shape=(len(target_ids), len(source_ids))
    )
    matrix.check_format(full_check=True)  # SciPy computes with whatever place an index names, also outside
    details = {k.removeprefix("details_"): v for k, v in arrays.items() if k.startswith("details_")}
    return {
        "matrix": matrix,
        "source_ids": source_ids,
        "target_ids": target_ids,
        "outside": np.asarray(arrays["outside"]),
        "provenance": pd.Series(arrays["provenance"], index=source_ids, name="provenance"),
        "method": str(arrays["method"]),
        "ancillary_years": tuple(int(year) for year in arrays["ancillary_years"]),
        "details": pd.DataFrame(details, index=source_ids),
        "overlapping": bool(arrays["overlapping"]),
    }


def _plain(ids: pd.Index) -> NDArray[Any]:
    plain = ids.to_numpy()
    if plain.dtype.kind in "iu":
        return plain
    texts = np.array([str(i) for i in ids], dtype=np.str_)
    if texts.tolist() != ids.tolist():  # also a text that ends in a NUL, which NumPy drops
        raise SpatialError(
            f"expected ids that are texts or whole numbers, found {some(i for i in ids if not isinstance(i, str))}",
            where="matrix to be saved",
            hint="make them texts first, such as zones.index.astype(str)",
        )
    return texts


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
