"""Coarser zones of a layer: a column that names them, or zones that lie together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, ConfigError, some

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from service.workflows.disaggregate import Task


def column_of(file: str, column: str, hint: str) -> pd.Series:
    """Read a column of names, in the order of the features.

    Raises
    ------
    ColumnError
        There is none of this name.
    """
    from geodata.readers.vector import read_features
    from geodata.zones import split_layer

    path, layer = split_layer(file)
    frame = read_features(path, layer=layer, where=file)
    if column not in frame:
        raise ColumnError(
            f"expected a column {column!r}, found {some([c for c in frame.columns if c != 'geometry'], 12)}",
            where=file,
            hint=hint,
        )
    return frame[column]


def blocks_of(task: Task, sources: gpd.GeoDataFrame, comparable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the block of each source: the coarser zone it lies in, or one of those that lie together.

    Sources that methods can be judged by are in blocks of their own.
    """
    from spatial.disaggregation.choice import make_blocks

    if task.groups is None:
        centres = sources.geometry.centroid
        points = np.column_stack([centres.x, centres.y])
        made = np.zeros(len(sources), dtype=np.int64)
        made[comparable] = make_blocks(points[comparable])
        made[~comparable] = len(sources) + make_blocks(points[~comparable])
        return np.unique(made, return_inverse=True)[1].astype(np.int64)
    groups = column_of(task.sources, task.groups, "--groups names the coarser zone of each source")
    blocks = pd.factorize(groups.astype("str"))[0].astype(np.int64)
    if np.bincount(blocks).max() < 2:
        raise ConfigError(
            f"expected a coarser zone with several sources, found another value of {task.groups!r} in each of them",
            where="--groups",
            hint="leave it out: then sources that lie together form blocks",
        )
    return blocks
