"""From a score to a class with a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from geodata.errors import SpatialError


def classify(score: pd.Series, cuts: Sequence[float], labels: Sequence[str]) -> pd.Series:
    """Sort scores into classes; a score that equals a cut belongs to the class below it.

    Parameters
    ----------
    score : pandas.Series, shape (n,)
        Scores, NaN where there is none.
    cuts : sequence of float, length c − 1
        Ascending.
    labels : sequence of str, length c
        From the lowest scores to the highest.

    Returns
    -------
    pandas.Series of object
        Labels, None without a score.

    Raises
    ------
    SpatialError
        Cuts are not ascending, or labels are not one more than cuts.

    Examples
    --------
    >>> list(classify(pd.Series([-1.0, 0.0, 1.2, 2.0]), (-1, 1, 1.5), ("hoch", "mittel", "niedrig", "sehr niedrig")))
    ['hoch', 'mittel', 'niedrig', 'sehr niedrig']
    """
    if len(labels) != len(cuts) + 1:
        raise SpatialError(
            f"expected one label more than cuts, found {len(labels)} and {len(cuts)}", where="classes of the index"
        )
    edges = np.asarray(cuts, dtype=np.float64)
    if not (np.diff(edges) > 0).all():
        raise SpatialError(f"expected ascending cuts, found {tuple(cuts)}", where="classes of the index")
    numbers = score.to_numpy(dtype=np.float64, na_value=np.nan)
    names = np.array([*labels, None], dtype=object)
    position = np.where(np.isnan(numbers), len(labels), np.searchsorted(edges, numbers, side="left"))
    return pd.Series(names[position], index=score.index, dtype=object, name="status_class")
