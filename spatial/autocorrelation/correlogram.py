"""Correlogram: how alike areas are that lie so and so far apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError, UntestableError
from spatial.autocorrelation.distances import distance_classes
from spatial.autocorrelation.global_ import moran
from spatial.autocorrelation.significance import Correction, adjust

if TYPE_CHECKING:
    import geopandas as gpd


def correlogram(
    values: pd.Series,
    areas: gpd.GeoDataFrame,
    bounds: Sequence[float],
    *,
    permutations: int = 999,
    rng: np.random.Generator,
    correction: Correction = "by",
) -> pd.DataFrame:
    """Compute Moran's I for each class of distance between centroids.

    Parameters
    ----------
    values : pandas.Series, shape (n,)
        Observed values indexed by ``area_id``, NaN where there is none.
    areas : geopandas.GeoDataFrame
        The same areas, in a projected CRS.
    bounds : sequence of float
        Ascending bounds of the classes in metres; pairs with ``bounds[i] < d <= bounds[i + 1]`` make class i, centroids
        on the same spot belong to the first when it starts at 0.
    permutations : int, default 999
        For each class.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows.
    correction : {"by", "fdr", "none"}
        Over the classes, which are tests of the same values and depend on each other.

    Returns
    -------
    pandas.DataFrame
        One row for each class: ``from_m``, ``to_m``, ``pairs`` (each counted once), ``areas`` (with a pair), ``moran``,
        ``expected``, ``z``, ``p`` and ``p_adjusted`` (two-sided); NaN where a class has too few areas to test.

    Raises
    ------
    SpatialError
        The bounds do not ascend, or a class holds too many pairs.
    CrsError, AreaKeyError, GeometryError
        The layer is not what is expected.

    Notes
    -----
    Cliff & Ord (1981), chapter 5. Far classes rest on the areas at the county's edge.
    """
    edges = np.asarray(bounds, dtype=np.float64)
    if len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any() or edges[0] < 0:
        raise SpatialError(
            f"expected at least two ascending bounds in metres from 0 on, found {list(bounds)}",
            where="correlogram",
            hint="for example 0, 500, 1000, 2000",
        )
    rows = []
    for low, high, graph in distance_classes(areas.loc[values.index[values.notna()]], edges):
        known = values.dropna()
        row = {"from_m": low, "to_m": high, "pairs": int((graph.adjacency > 0).sum()) // 2}
        try:
            found = moran(known, graph, permutations=permutations, rng=rng)
        except UntestableError:
            found = None
        row["areas"] = 0 if found is None else found.n
        for name in ("value", "expected", "z", "p_two_sided"):
            got = None if found is None else getattr(found, name)
            row[{"value": "moran", "p_two_sided": "p"}.get(name, name)] = np.nan if got is None else got
        rows.append(row)
    table = pd.DataFrame(rows)
    tested = table["p"].notna().to_numpy()
    table["p_adjusted"] = np.nan
    table.loc[tested, "p_adjusted"] = adjust(table.loc[tested, "p"].to_numpy(dtype=np.float64), correction)
    return table
