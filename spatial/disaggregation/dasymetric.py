"""Masses for dasymetric weights: fine cells benchmarked to known totals of coarser ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, some
from spatial.disaggregation.checks import require_ids, require_mass


def benchmark_mass(fine: pd.Series, coarse_of: pd.Series, coarse: pd.Series) -> tuple[pd.Series, pd.DataFrame]:
    """Rescale masses of fine cells so that they add up to the known total of every coarse cell.

    Parameters
    ----------
    fine : pandas.Series
        Mass of the fine cells (dwellings per 100 m cell), at least 0; NaN is none.
    coarse_of : pandas.Series
        Of the same index: id of the coarse cell, missing where there is none.
    coarse : pandas.Series
        Totals of the coarse cells (inhabitants per 1 km cell), at least 0, NaN where unknown.

    Returns
    -------
    mass : pandas.Series
        On the index of ``fine``. A group without fine mass is spread evenly over its cells; where the total is unknown
        or the cell belongs to no group, NaN.
    groups : pandas.DataFrame
        Indexed by coarse id, in the order of ``coarse``: ``cells`` (number of fine cells), ``fine_mass``, ``total`` and
        ``provenance``: ``ancillary`` (rescaled), ``even`` (the fallback), ``empty`` (the total is 0), ``unknown`` (the
        total is missing) or ``outside`` (a total without fine cells: its mass arrives nowhere).

    Raises
    ------
    AreaKeyError
        Ids are repeated, differ between ``fine`` and ``coarse_of``, or name an unknown coarse cell.
    SpatialError
        A mass or total is negative or infinite, or there is none anywhere.

    Examples
    --------
    >>> dwellings = pd.Series({"a": 1.0, "b": 3.0, "c": 0.0, "d": 0.0})
    >>> cell = pd.Series({"a": "X", "b": "X", "c": "Y", "d": "Y"})
    >>> mass, groups = benchmark_mass(dwellings, cell, pd.Series({"X": 40.0, "Y": 10.0}))
    >>> mass.to_dict()
    {'a': 10.0, 'b': 30.0, 'c': 5.0, 'd': 5.0}
    >>> groups["provenance"].to_dict()
    {'X': 'ancillary', 'Y': 'even'}
    """
    require_ids(fine.index, "fine cells")
    require_ids(coarse.index, "coarse cells")
    m = require_mass(fine.to_numpy(dtype=np.float64, na_value=np.nan), fine.index.__getitem__, "mass of the fine cells")
    if len(fine.index.symmetric_difference(coarse_of.index)):
        raise AreaKeyError(
            f"expected the coarse cell of each of the {len(fine)} fine cells, found ids on one side only: "
            f"{some(fine.index.symmetric_difference(coarse_of.index))}",
            where="coarse cells of the fine cells",
            hint="reindex it to the fine cells; missing is 'in no coarse cell'",
        )
    total = coarse.to_numpy(dtype=np.float64, na_value=np.nan)
    require_mass(total, coarse.index.__getitem__, "totals of the coarse cells")
    of = coarse_of.reindex(fine.index)
    inside = of.notna().to_numpy()
    codes = coarse.index.get_indexer(pd.Index(of[inside]))
    if (codes < 0).any():
        raise AreaKeyError(
            f"expected ids of coarse cells, found others: {some(of[inside][codes < 0].unique())}",
            where="coarse cells of the fine cells",
            hint="give every coarse cell a row; its total may be missing",
        )
    n = len(coarse)
    cells = np.bincount(codes, minlength=n)
    sums = np.bincount(codes, m[inside], n)
    provenance = np.select(
        [np.isnan(total), total == 0, cells == 0, sums == 0], ["unknown", "empty", "outside", "even"], "ancillary"
    )
    even = (sums == 0)[codes]
    base = np.where(even, cells[codes], sums[codes])
    result = np.full(len(m), np.nan)
    result[inside] = np.where(even, 1.0, m[inside]) / base * total[codes]
    groups = pd.DataFrame(
        {"cells": cells, "fine_mass": sums, "total": total, "provenance": provenance}, index=coarse.index
    )
    return pd.Series(result, index=fine.index, name=fine.name), groups
