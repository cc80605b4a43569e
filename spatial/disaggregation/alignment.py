"""Values of sources in the order of the columns of a matrix: nothing dropped, nothing that is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disaggregation.checks import require_ids

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def aligned(values: Any, source_ids: pd.Index, what: str) -> NDArray[np.float64]:
    """Bring values of sources into the order of the columns.

    Parameters
    ----------
    values : pandas.Series or pandas.DataFrame
        Indexed by source id. A source without a row counts as missing.
    source_ids : pandas.Index
        Ids of the columns, shape (S,).
    what : str
        What to call the values in messages.

    Returns
    -------
    numpy.ndarray
        float64, shape (S,) or (S, columns), NaN where missing.

    Raises
    ------
    AreaKeyError
        An id is repeated or belongs to no source: its value would be dropped.
    SpatialError
        A value is infinite or no number.
    """
    require_ids(values.index, what)
    if values.index.equals(source_ids):
        found = _numbers(values, what)
    else:
        unknown = values.index.difference(source_ids)
        if len(unknown):
            raise AreaKeyError(
                f"expected ids of the {len(source_ids)} sources, found {len(unknown)} others: {some(unknown)}",
                where=what,
                hint=f"sources are {some(source_ids)}; select those before the values are allocated",
            )
        found = _numbers(values.reindex(source_ids), what)
    infinite = np.isinf(found)
    if infinite.any():
        rows = infinite if infinite.ndim == 1 else infinite.any(axis=1)
        names = "" if infinite.ndim == 1 else f" in {some(values.columns[infinite.any(axis=0)])}"
        raise SpatialError(
            f"expected finite values, found infinite ones for {some(source_ids[np.flatnonzero(rows)])}{names}",
            where=what,
            hint="a value that cannot be computed is missing (NaN)",
        )
    return found


def _numbers(values: Any, what: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise SpatialError(
            f"expected numbers, found others ({error})",
            where=what,
            hint="read texts as numbers first; a value that is missing is NaN",
        ) from error
