"""Totals through a transfer matrix: brought back to the sources, audited, and carried on by a second matrix."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disaggregation.checks import require_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spatial.disaggregation.transfer import AllocationWeights

#: By what a source was shared, from best to worst; each falls back to the next.
CASCADE = ("ancillary", "mask", "area", "outside")


def require_totals(weights: AllocationWeights, what: str) -> None:
    """Refuse overlapping targets where their sum would be taken for a total.

    Raises
    ------
    SpatialError
        The targets overlap, so that their counts add up to more than those of the sources.
    """
    if weights.overlapping:
        raise SpatialError(
            f"expected targets that do not overlap, found overlapping ones: {what} would count people twice",
            where=weights.method,
            hint="use these weights for each target by itself (apply, rates), and a layer without overlaps for totals",
        )


def in_order_of_ids(matrix: Any, columns: pd.Index) -> Any:
    """Store the entries of every row in the order of the ids of their columns.

    Sparse products add up a row in the order in which it is stored; this one does not depend on the order in which
    zones were delivered, so that neither do results, to the last bit.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        Without duplicate entries, shape (T, S).
    columns : pandas.Index
        Ids of the columns, shape (S,).

    Returns
    -------
    scipy.sparse.csr_array
        The same matrix; its indices need not ascend.
    """
    from scipy import sparse

    rank = id_ranks(columns)
    if rank is None:
        return matrix
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((rank[matrix.indices], rows))
    return sparse.csr_array((matrix.data[order], matrix.indices[order], matrix.indptr), shape=matrix.shape)


def id_ranks(ids: pd.Index) -> NDArray[np.int64] | None:
    """Return the rank of every id, shape (n,), or None where they ascend already; unlike kinds compare as text."""
    if ids.is_monotonic_increasing:
        return None
    try:
        order = np.argsort(ids.to_numpy(), kind="stable")
    except TypeError:
        order = np.argsort(ids.astype(str).to_numpy(), kind="stable")
    rank = np.empty(len(ids), dtype=np.int64)
    rank[order] = np.arange(len(ids))
    return rank


def aggregate(weights: AllocationWeights, values: pd.Series, by: pd.Series | None) -> pd.Series:
    """Bring values of the targets back to the sources, see :meth:`.AllocationWeights.aggregate`."""
    require_totals(weights, "sums over them")
    require_ids(values.index, "values of the targets")
    unknown = values.index.difference(weights.target_ids)
    if len(unknown):
        raise AreaKeyError(
            f"expected ids of the {len(weights.target_ids)} targets, found {len(unknown)} others: {some(unknown)}",
            where="values of the targets",
            hint=f"targets are {some(weights.target_ids)}",
        )
    x = values.reindex(weights.target_ids).to_numpy(dtype=np.float64, na_value=np.nan)
    entries = weights.matrix.tocoo()
    several = np.bincount(entries.row[entries.data > 0], minlength=len(x)) > 1
    if by is None and several.any():
        raise SpatialError(
            f"expected every target in one source, found {int(several.sum())} in several: "
            f"{some(weights.target_ids[several])}",
            where="values of the targets",
            hint="name by which counts of the sources their targets are to be shared among them (by=...)",
        )
    # Nothing of a target is lost: where its sources have no counts it is shared by W alone, and where it has part in
    # them with weight 0 only, evenly.
    known = entries.data if by is None else entries.data * np.nan_to_num(weights.align(by, "by"))[entries.col]
    share = np.zeros(len(entries.data))
    for basis in (np.where(several[entries.row], known, entries.data), entries.data, np.ones(len(entries.data))):
        base = np.bincount(entries.row, share, len(x)) > 0
        whole = np.bincount(entries.row, basis, len(x))[entries.row]
        open_ = ~base[entries.row] & (whole > 0)
        share[open_] = basis[open_] / whole[open_]
    n = len(weights.source_ids)
    back = np.bincount(entries.col, share * np.nan_to_num(x)[entries.row], n).astype(np.float64)
    back[np.bincount(entries.col, minlength=n) == 0] = np.nan
    back[entries.col[np.isnan(x)[entries.row]]] = np.nan
    return pd.Series(back, index=weights.source_ids, name=values.name)


def audit(weights: AllocationWeights, values: pd.Series) -> pd.DataFrame:
    """Prove that every source's total arrived, see :meth:`.AllocationWeights.audit`."""
    require_totals(weights, "an audit")
    y = weights.align(values)
    columns = weights.matrix.tocsc()
    bounds = columns.indptr
    out = np.array([math.fsum(columns.data[bounds[s] : bounds[s + 1]] * y[s]) for s in range(len(y))])
    out[np.isnan(y)] = np.nan
    outside = weights.outside * y
    table = pd.DataFrame(
        {
            "total_in": y,
            "total_out": out,
            "outside": outside,
            "difference": y - out - outside,
            "missing": np.isnan(y),
            "empty": weights.empty,
            "targets": np.diff(bounds),
        },
        index=weights.source_ids,
    )
    return table.assign(provenance=weights.provenance).join(weights.details)


def summary(weights: AllocationWeights, values: pd.Series) -> dict[str, Any]:
    """Say in a few numbers what the audit says for each source, see :meth:`.AllocationWeights.summary`."""
    table = audit(weights, values)
    known = table[~table["missing"]]
    base = known["total_in"].abs().where(known["total_in"] != 0, 1.0)
    return {
        "total_in": math.fsum(known["total_in"]),
        "total_out": math.fsum(known["total_out"]),
        "outside": math.fsum(known["outside"]),
        "largest_difference": float((known["difference"].abs() / base).max()) if len(known) else 0.0,
        "sources": len(weights.source_ids),
        "targets": len(weights.target_ids),
        "missing_sources": int(table["missing"].sum()),
        "empty_sources": int(table["empty"].sum()),
        "uncovered_targets": int((np.diff(weights.matrix.indptr) == 0).sum()),
        "provenance": {str(kind): int(n) for kind, n in weights.provenance.value_counts(sort=False).items()},
        "method": weights.method,
        "ancillary_years": weights.ancillary_years,
    }


def chain(first: AllocationWeights, second: AllocationWeights) -> AllocationWeights:
    """Chain two allocations, see :meth:`.AllocationWeights.compose`."""
    require_totals(first, "what is carried on from them")
    strangers = first.target_ids.symmetric_difference(second.source_ids)
    if len(strangers):
        raise AreaKeyError(
            f"expected the same zones in between, found {len(strangers)} on one side only: {some(strangers)}",
            where=f"{first.method} then {second.method}",
            hint="build both from the same layer of intermediate zones",
        )
    left = first.matrix[first.target_ids.get_indexer(second.source_ids)]
    matrix = product(second.matrix, left, first.source_ids)

    ranks = second.provenance.map(CASCADE.index).to_numpy()
    carried = left.tocoo()
    used = (carried.data > 0) & (ranks[carried.row] < len(CASCADE) - 1)
    worst = first.provenance.map(CASCADE.index).to_numpy().copy()
    np.maximum.at(worst, carried.col[used], ranks[carried.row[used]])
    worst[np.bincount(matrix.indices, minlength=len(first.source_ids)) == 0] = len(CASCADE) - 1
    return dataclasses.replace(
        second,
        matrix=matrix,
        source_ids=first.source_ids,
        outside=first.outside + second.outside @ left,
        provenance=pd.Series([CASCADE[rank] for rank in worst], index=first.source_ids, name="provenance"),
        method=f"{first.method}>{second.method}",
        ancillary_years=tuple(sorted({*first.ancillary_years, *second.ancillary_years})),
        details=first.details,
    )


def product(second: Any, first: Any, columns: pd.Index) -> Any:
    """Multiply two transfer matrices; the stored zeros, which say that a target has part in a source, are kept."""
    from scipy import sparse

    counts = sparse.coo_array(second @ first)
    pattern = sparse.coo_array(_ones(second) @ _ones(first))
    entries = np.concatenate([counts.data, np.zeros(pattern.nnz)])
    places = [np.concatenate(pair) for pair in zip(counts.coords, pattern.coords, strict=True)]
    matrix = sparse.coo_array((entries, tuple(places)), shape=counts.shape).tocsr()
    return in_order_of_ids(matrix, columns)


def _ones(matrix: Any) -> Any:
    ones = matrix.copy()
    ones.data = np.ones(len(ones.data))
    return ones
