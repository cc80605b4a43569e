"""What a target's figure rests on: how much of it is known, and by what its sources were shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.disaggregation.totals import CASCADE

if TYPE_CHECKING:
    from spatial.disaggregation.transfer import AllocationWeights


def known_share(weights: AllocationWeights, values: pd.Series) -> pd.Series:
    """Return the coverage κ of counts: the share of each target's mass that lies in sources with a value.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S).
    values : pandas.Series
        Counts of the sources, NaN where missing.

    Returns
    -------
    pandas.Series
        Indexed by target id, 0 … 1. NaN where the target lies in no source, has no mass although only some of its
        sources have a value, or has mass of unlike units (persons here, square metres there) in such sources.

    Notes
    -----
    With W = G · diag(m) · R · diag(1 / Rᵀm) the mass of a target in a source is W_ts (Rᵀm)_s. Rates have a κ of their
    own, by the denominator, see :func:`.rate_columns`.
    """
    mass = np.nan_to_num(weights.details["mass"].to_numpy(dtype=np.float64))
    known = ~np.isnan(weights.align(values))
    matrix = weights.matrix.tocsr()
    n = matrix.shape[0]
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    fed, there = np.bincount(rows, minlength=n), np.bincount(rows, known[matrix.indices], n)
    whole, covered = matrix @ mass, matrix @ (mass * known)
    share = np.divide(covered, whole, out=np.full(n, np.nan), where=whole > 0)
    rank = _ranks(weights)[matrix.indices]
    low, high = np.full(n, len(CASCADE)), np.full(n, -1)
    np.minimum.at(low, rows, rank)
    np.maximum.at(high, rows, rank)
    share[low < high] = np.nan
    share[(fed > 0) & (there == fed)] = 1.0
    share[(fed > 0) & (there == 0)] = 0.0
    return pd.Series(share, index=weights.target_ids, name="coverage")


def target_provenance(weights: AllocationWeights) -> pd.Series:
    """Return by what each target got its share: the worst of :data:`.CASCADE` among the sources that give it any.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S).

    Returns
    -------
    pandas.Series of str
        Indexed by target id: ``ancillary``, ``mask`` or ``area``. A target that its sources give nothing has the worst
        provenance among those; ``none`` where it lies in no source.
    """
    matrix = weights.matrix.tocsr()
    n = matrix.shape[0]
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    gives = np.bincount(rows, matrix.data > 0, n) > 0
    counts = (matrix.data > 0) | ~gives[rows]
    worst = np.full(n, -1)
    np.maximum.at(worst, rows[counts], _ranks(weights)[matrix.indices[counts]])
    names = np.array([*CASCADE, "none"], dtype=object)
    return pd.Series(names[worst], index=weights.target_ids, name="provenance")


def gathered(weights: AllocationWeights, zone_of: pd.Series) -> AllocationWeights:
    """Add targets up to larger zones.

    Parameters
    ----------
    weights : AllocationWeights
        W, shape (T, S), of targets that do not overlap.
    zone_of : pandas.Series
        Target id → zone; what a target without one gets goes outside.

    Returns
    -------
    AllocationWeights
        From the same sources to the zones, in the order of their names.

    Raises
    ------
    SpatialError
        The targets overlap, or none has a zone.
    """
    from scipy import sparse

    from spatial.disaggregation.transfer import AllocationWeights

    named = zone_of.reindex(weights.target_ids)
    zones = pd.Index(sorted(named.dropna().unique()), name=zone_of.name)
    if not len(zones):
        raise SpatialError("expected a zone for some of the targets, found none", where="zones of the targets")
    inside = np.flatnonzero(named.notna().to_numpy())
    code = zones.get_indexer(pd.Index(named.iloc[inside]))
    n = len(weights.target_ids)
    whole = sparse.csr_array((np.ones(len(inside)), (code, inside)), shape=(len(zones), n))
    outside = np.ones(n)
    outside[inside] = 0.0
    same = pd.Series(CASCADE[0], index=weights.target_ids, name="provenance")
    step = AllocationWeights(whole, weights.target_ids, zones, outside, same, "sums")
    return weights.compose(step)


def _ranks(weights: AllocationWeights) -> np.ndarray:
    return weights.provenance.map(CASCADE.index).to_numpy(dtype=np.int64)
