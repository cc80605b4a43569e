"""Areas that are alike in several indicators."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.index.normalise import Normaliser
from spatial.index.standardise import checked_weights

_WHERE = "similar areas"


def similar_areas(
    values: pd.DataFrame,
    k: int = 5,
    *,
    weights: Mapping[str, float] | None = None,
    reference: Normaliser | None = None,
    of: Collection[str] | None = None,
    among: Collection[str] | None = None,
) -> pd.DataFrame:
    """Find the areas nearest to each area in the space of standardised indicators.

    The distance is √(Σ w (z_i − z_j)² / Σ w): the root mean square of the differences, in standard deviations. Polarity
    does not matter to it. To compare an area's development, take the values *before* it.

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Indicators, indexed by ``area_id``. An area with a missing value resembles none and none resembles it: what it
        lacks may be what sets it apart.
    k : int, default 5
        Areas for each area, fewer where there are not so many.
    weights : mapping of str to float, optional
    reference : Normaliser, optional
        Fitted; by default z among `values` with the population standard deviation.
    of, among : collection of str, optional
        Areas to find others for, and areas to choose from; all by default.

    Returns
    -------
    pandas.DataFrame
        Indexed by (``area_id``, ``place``), place from 1: ``similar_id`` and ``distance``. Equal distances are ordered
        by id.

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Repeated or unknown areas, unknown indicators, weights that do not fit, or `k` below 1.

    Examples
    --------
    >>> values = pd.DataFrame({"poor": [1.0, 2.0, 9.0], "old": [5.0, 5.0, 1.0]}, index=["a", "b", "c"])
    >>> similar_areas(values, 1)["similar_id"].tolist()
    ['b', 'a', 'b']
    """
    if k < 1:
        raise SpatialError(f"expected at least one similar area, found {k}", where=_WHERE)
    if not values.index.is_unique:
        raise AreaKeyError("expected each area once", where=_WHERE)
    for chosen in (of, among):
        if unknown := [area for area in chosen or () if area not in values.index]:
            raise AreaKeyError(f"areas that do not exist: {some(unknown)}", where=_WHERE)
    z = (reference or Normaliser("z").fit(values)).transform(values).dropna()
    weight = checked_weights(weights, z.columns)
    ids = z.index.sort_values()
    rows = ids if of is None else ids[ids.isin(list(of))]
    columns = ids if among is None else ids[ids.isin(list(among))]
    distance = cdist(z.loc[rows], z.loc[columns], metric="minkowski", p=2, w=(weight / weight.sum()).to_numpy())
    distance[rows.to_numpy()[:, None] == columns.to_numpy()[None, :]] = np.inf
    order = np.argsort(np.round(distance, 12), axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(distance, order, axis=1)
    area, place = np.nonzero(np.isfinite(nearest))
    index = pd.MultiIndex.from_arrays([rows[area], place + 1], names=["area_id", "place"])
    found = pd.DataFrame({"similar_id": columns[order[area, place]], "distance": nearest[area, place]}, index=index)
    # In the caller's order of areas.
    position = values.index.get_indexer(found.index.get_level_values(0))
    return found.iloc[np.lexsort((place, position))]
