"""Which method to trust: every candidate predicts sources it was not shown, and the error decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Sources in one block; a block's total is known, how its sources share it is not.
BLOCK = 5
#: So many times a method is fitted; in each, every fifth block is hidden.
FOLDS = 5
#: Methods whose errors differ by less than this are equally good; the simpler one is taken.
TIE = 0.01
#: Two blocks of two sources are the least that can be hidden and compared.
MIN_SOURCES = 4

_WHERE = "choice of method"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A method that can be asked for masses without being shown all sources.

    Attributes
    ----------
    name : str
        As it stands in the table.
    fit : callable
        (source of each atom, shape (K,); counts of the sources, shape (S,), NaN where missing) → mass of every atom,
        shape (K,), at least 0. A method that does not look at the counts returns the same mass every time. To hide how
        the sources of a block share its total, they are shown as one source.
    """

    name: str
    fit: Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What became of the candidates.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by method, in the order given: ``rtae`` (Σ|e − t| / Σt), ``rmse`` (counts), ``largest`` (largest error
        of one source, counts), ``note`` (why a method has no figures, or "").
    chosen : str
        The first whose ``rtae`` is at most :data:`TIE` above the best.
    blocks : int
        Blocks that were hidden one after the other.
    hidden : int
        Sources with a value in blocks of at least two.
    between : float
        Share of the variance of the counts per unit of the first candidate's mass that lies between the blocks; what is
        left can be told by ancillary data only, or not at all. NaN where nothing varies.
    """

    table: pd.DataFrame
    chosen: str
    blocks: int
    hidden: int
    between: float


def cross_validate(
    candidates: Sequence[Candidate],
    source: NDArray[np.int64],
    counts: NDArray[np.float64],
    blocks: NDArray[np.int64],
) -> CrossValidation:
    """Hide the sources of one block after the other and let every candidate share the block's total among them.

    Parameters
    ----------
    candidates : sequence of Candidate
        From the simplest to the most demanding.
    source : numpy.ndarray of int64
        Position of the source of each atom, shape (K,).
    counts : numpy.ndarray
        Counts of the sources, shape (S,), NaN where missing.
    blocks : numpy.ndarray of int64
        Block of each source, shape (S,): the coarser zone it lies in, or one of :func:`make_blocks`.

    Returns
    -------
    CrossValidation

    Raises
    ------
    SpatialError
        There are no candidates, fewer than four sources have a value, no block holds two of them, or no candidate could
        be fitted.

    Notes
    -----
    Blocked cross-validation (Roberts et al. 2017): neighbours are hidden together, or a learned method would be praised
    for what it read off next door. The step from blocks to sources is coarser than the one from sources to targets; the
    order of methods carries over, the size of the errors does not.
    """
    if not candidates:
        raise SpatialError("expected at least one candidate, found none", where=_WHERE)
    known = ~np.isnan(counts)
    sizes = np.bincount(blocks[known], minlength=int(blocks.max(initial=0)) + 1)
    tested = known & (sizes[blocks] >= 2)
    if known.sum() < MIN_SOURCES or not tested.any():
        raise SpatialError(
            f"expected at least {MIN_SOURCES} sources with a value, two of them in one block, found {int(known.sum())} "
            f"sources in {len(np.unique(blocks[known]))} blocks",
            where=_WHERE,
            hint="name the method instead of 'auto', or the column of a coarser zone",
        )
    rows, masses = [], []
    for candidate in candidates:
        try:
            guess, mass = _predict(candidate, source, counts, blocks, tested)
        except SpatialError as error:
            rows.append({"rtae": np.nan, "rmse": np.nan, "largest": np.nan, "note": error.message})
            continue
        masses.append(mass)
        wrong = guess[tested] - counts[tested]
        rows.append(
            {
                "rtae": float(np.abs(wrong).sum() / max(np.abs(counts[tested]).sum(), np.finfo(float).tiny)),
                "rmse": float(np.sqrt((wrong**2).mean())),
                "largest": float(np.abs(wrong).max()),
                "note": "",
            }
        )
    table = pd.DataFrame(rows, index=pd.Index([c.name for c in candidates], name="method"))
    if table["rtae"].isna().all():
        raise SpatialError(
            f"expected a method that can be fitted, found none: {table['note'].iloc[0]}",
            where=_WHERE,
            hint="name the method instead of 'auto'",
        )
    chosen = str(table.index[(table["rtae"] <= table["rtae"].min() * (1 + TIE)).to_numpy().argmax()])
    return CrossValidation(
        table,
        chosen,
        blocks=len(np.unique(blocks[tested])),
        hidden=int(tested.sum()),
        between=_between(counts, masses[0], blocks, tested),
    )


def _predict(
    candidate: Candidate,
    source: NDArray[np.int64],
    counts: NDArray[np.float64],
    blocks: NDArray[np.int64],
    tested: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the candidate expects for every tested source, and its mass in every source."""
    n = len(counts)
    guess, held = np.full(n, np.nan), np.zeros(n)
    names = np.unique(blocks[tested])
    for fold in range(min(FOLDS, len(names))):
        hidden = names[fold::FOLDS]
        shown, merged = counts.copy(), np.arange(n)
        for block in hidden:
            mine = np.flatnonzero(tested & (blocks == block))
            merged[mine] = mine[0]
            shown[mine] = np.nan
            shown[mine[0]] = counts[mine].sum()
        mass = np.bincount(source, candidate.fit(merged[source], shown), n)
        for block in hidden:
            mine = np.flatnonzero(tested & (blocks == block))
            if not mass[mine].sum() > 0:
                raise SpatialError("no mass in any source of a block", where=f"{_WHERE}, {candidate.name}")
            guess[mine] = mass[mine] / mass[mine].sum() * counts[mine].sum()
            held[mine] = mass[mine]
    return guess, held


def _between(
    counts: NDArray[np.float64], mass: NDArray[np.float64], blocks: NDArray[np.int64], tested: NDArray[np.bool_]
) -> float:
    """Return the share of the weighted variance of counts per mass between the blocks (η², analysis of variance)."""
    use = tested & (mass > 0)
    rate, weight, block = counts[use] / mass[use], mass[use], blocks[use]
    if not len(rate):
        return float("nan")
    _, code = np.unique(block, return_inverse=True)
    total = np.bincount(code, weight)
    means = np.bincount(code, weight * rate) / total
    grand = float((weight * rate).sum() / weight.sum())
    everything = float((weight * (rate - grand) ** 2).sum())
    return float((total * (means - grand) ** 2).sum() / everything) if everything > 0 else float("nan")


def make_blocks(points: NDArray[np.float64], *, size: int = BLOCK) -> NDArray[np.int64]:
    """Put sources that lie together into blocks of about equal size.

    Parameters
    ----------
    points : numpy.ndarray
        Centroids in metres, shape (S, 2).
    size : int, default 5
        Largest number of sources in a block, at least 2.

    Returns
    -------
    numpy.ndarray of int64
        Block of each source, shape (S,); the same whatever the order of the sources, but for the numbering.

    Notes
    -----
    A k-d tree: halve along the longer side until a part is small enough (Bentley 1975).
    """
    if size < 2:
        raise SpatialError(f"expected blocks of at least 2 sources, found {size}", where=_WHERE)
    out = np.zeros(len(points), dtype=np.int64)
    parts, number = [np.arange(len(points))], 0
    while parts:
        part = parts.pop()
        if len(part) <= max(size, 3):
            out[part] = number
            number += 1
            continue
        spot = points[part]
        axis = int(np.argmax(np.ptp(spot, axis=0)))
        order = np.lexsort((spot[:, 1 - axis], spot[:, axis]))
        half = len(part) // 2
        parts += [part[order[:half]], part[order[half:]]]
    return out


def fixed(mass: NDArray[np.float64]) -> Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]:
    """Return a fit that does not look at the counts: area, a raster, buildings."""
    return lambda _source, _counts: mass
