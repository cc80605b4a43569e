"""Parquet files as Arrow tables, for readers that ask for single columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geodata.errors import FormatError
from geodata.readers import limits, text

if TYPE_CHECKING:
    import pyarrow as pa


def is_parquet(path: Path) -> bool:
    """Tell whether a file begins as Parquet does."""
    return text.peek(path)[:4] == b"PAR1"


def read_table(path: Path) -> pa.Table:
    """Read a Parquet file.

    Raises
    ------
    FormatError
        It is none, or truncated.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not is_parquet(path):
        raise FormatError("expected a Parquet file, found another format", where=str(path), hint="check the file")
    limits.require_parquet(path)
    try:
        table = pq.read_table(path)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(
            f"the Parquet file cannot be read, it may be truncated: {error}", where=str(path), hint="download it again"
        ) from error
    return table


def numbers(table: pa.Table, at: int, where: str) -> np.ndarray:
    """Return a column as float64, nulls as NaN."""
    import pyarrow as pa

    column = table.column(at)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise FormatError(
            f"column {table.column_names[at]!r}: expected numbers, found {column.type}",
            where=where,
            hint="choose another column, or write it as numbers",
        )
    # Whole numbers above 2⁵³ are rounded, as in every text.
    return np.asarray(column.cast(pa.float64(), safe=False).to_pandas(), dtype=np.float64)
