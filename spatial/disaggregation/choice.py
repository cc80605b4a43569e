"""Which method to trust: every candidate predicts sources it was not shown, and the error decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.disaggregation import scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Sources in one block; a block's total is known, how its sources share it is not.
BLOCK = 5
#: So many times a method is fitted; in each, every fifth block is hidden.
FOLDS = 5
#: Methods whose errors differ by less than this share are equally good; the simpler one is taken.
TIE = 0.01
#: So many standard errors of the difference a method may lie behind the best one and still be taken, if it is simpler:
#: the one-standard-error rule (Breiman et al. 1984, section 3.4.3).
STANDARD_ERRORS = 1.0
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
    rank : callable, optional
        The same, less exact and faster: for comparing only.
    """

    name: str
    fit: Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]
    rank: Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]] | None = None


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What became of the candidates.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by method, in the order given: ``rtae`` (Σ|e − t| / Σt), ``rmse`` (counts), ``largest`` (largest error
        of one source, counts), ``behind`` (``rtae`` less that of the best) and ``se`` (its standard error), with
        intervals also ``coverage`` and ``interval_score`` (counts), and ``note`` (why a method has no figures, or "").
    chosen : str
        The first whose ``behind`` is at most one ``se``, or at most :data:`TIE` of the best ``rtae``.
    blocks : int
        Blocks that were hidden one after the other.
    hidden : int
        Sources with a value in blocks of at least two.
    between : float
        Share of the variance of the counts per unit of the first candidate's mass that lies between the blocks; what is
        left can be told by ancillary data only, or not at all. NaN where nothing varies.
    masses : pandas.DataFrame
        Mass of each source, shape (S, methods), as each method saw it when the source was hidden; NaN for sources that
        never were. Of a learned method these are the masses that did not learn from the source itself.
    """

    table: pd.DataFrame
    chosen: str
    blocks: int
    hidden: int
    between: float
    masses: pd.DataFrame


def cross_validate(
    candidates: Sequence[Candidate],
    source: NDArray[np.int64],
    counts: NDArray[np.float64],
    blocks: NDArray[np.int64],
    *,
    level: float | None = None,
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
    level : float, optional
        Probability of intervals, such as .9; with it the hidden sources also get intervals, whose α is fitted to the
        blocks of the other folds, and these are scored.

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

    Two methods err on the same sources, so their difference is judged by its own standard error, from the sums of the
    blocks (errors inside a block share one total): a method that is ahead by less than that is not better, but lucky.
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
    truth, block = counts[tested], np.unique(blocks[tested], return_inverse=True)[1]
    # A truth of nothing but zeros has no relative error; any other unit does for comparing.
    unit = float(truth.sum()) if truth.sum() > 0 else 1.0
    rows: dict[str, dict[str, float | str]] = {}
    masses: dict[str, NDArray[np.float64]] = {}
    errors: dict[str, NDArray[np.float64]] = {}
    for candidate in candidates:
        name = candidate.name
        try:
            guess, masses[name] = _predict(candidate, source, counts, blocks, tested)
        except SpatialError as error:
            masses[name] = np.full(len(counts), np.nan)
            rows[name] = {"note": error.message}
            continue
        errors[name] = np.abs(guess[tested] - truth)
        rows[name] = {
            "rtae": float(errors[name].sum() / unit),
            "rmse": scores.rmse(guess[tested], truth),
            "largest": float(errors[name].max()),
            "note": "",
        }
        if level is not None:
            rows[name] |= _score_intervals(masses[name][tested], truth, block, level)
    if not errors:
        raise SpatialError(
            f"expected a method that can be fitted, found none: {next(iter(rows.values()))['note']}",
            where=_WHERE,
            hint="name the method instead of 'auto'",
        )
    best = min(errors, key=lambda name: float(errors[name].sum()))
    for name, wrong in errors.items():
        rows[name]["behind"], rows[name]["se"] = _behind(wrong - errors[best], block, unit)
    columns = ["rtae", "rmse", "largest", "behind", "se", *(["coverage", "interval_score"] if level else []), "note"]
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("method")
    allowed = np.maximum(table["se"] * STANDARD_ERRORS, table["rtae"].min() * TIE)
    chosen = str(table.index[(table["behind"] <= allowed).to_numpy().argmax()])
    first = next(iter(errors))
    return CrossValidation(
        table,
        chosen,
        blocks=int(block.max()) + 1,
        hidden=int(tested.sum()),
        between=variance_between(np.where(tested, counts, np.nan), np.nan_to_num(masses[first]), blocks),
        masses=pd.DataFrame(masses),
    )


def _behind(excess: NDArray[np.float64], block: NDArray[np.int64], unit: float) -> tuple[float, float]:
    """Return the sum of what a method errs more than the best one, and its standard error over the blocks."""
    sums = np.bincount(block, excess)
    n = len(sums)
    spread = float(np.sqrt(n / (n - 1) * ((sums - sums.mean()) ** 2).sum())) if n > 1 else 0.0
    return float(excess.sum() / unit), spread / unit


def _score_intervals(
    mass: NDArray[np.float64], truth: NDArray[np.float64], block: NDArray[np.int64], level: float
) -> dict[str, float | str]:
    """Score intervals of hidden sources; the α of a block is fitted to the blocks of the other folds."""
    from spatial.disaggregation.concentration import fit_alpha
    from spatial.disaggregation.uncertainty import intervals
    from spatial.disaggregation.weights import cell_weights

    whole = np.bincount(block, mass)
    share, total = mass / whole[block], np.bincount(block, truth)
    lower, upper = np.full(len(mass), np.nan), np.full(len(mass), np.nan)
    for fold in range(min(FOLDS, len(whole))):
        mine = block % FOLDS == fold
        try:
            alpha = fit_alpha(block[~mine], share[~mine], truth[~mine])
        except (SpatialError, ValueError):
            return {}
        ids = pd.Index(np.flatnonzero(mine))
        weights = cell_weights(
            pd.Series(block[mine], ids),
            pd.Series(mass[mine], ids),
            areas=pd.Series(1.0, ids),
            sources=pd.Index(np.unique(block[mine])),
        )
        found = intervals(weights, pd.Series(total)[np.unique(block[mine])], alpha, level=level).table.reindex(ids)
        lower[mine], upper[mine] = found["lower"], found["upper"]
    if np.isnan(lower).any():
        return {}
    return {
        "coverage": scores.coverage(lower, upper, truth),
        "interval_score": scores.interval_score(lower, upper, truth, level=level),
    }


def _predict(
    candidate: Candidate,
    source: NDArray[np.int64],
    counts: NDArray[np.float64],
    blocks: NDArray[np.int64],
    tested: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the candidate expects for every tested source, and its mass in every source."""
    n = len(counts)
    guess, held = np.full(n, np.nan), np.full(n, np.nan)
    names = np.unique(blocks[tested])
    for fold in range(min(FOLDS, len(names))):
        hidden = names[fold::FOLDS]
        shown, merged = counts.copy(), np.arange(n)
        for block in hidden:
            mine = np.flatnonzero(tested & (blocks == block))
            merged[mine] = mine[0]
            shown[mine] = np.nan
            shown[mine[0]] = counts[mine].sum()
        mass = np.bincount(source, (candidate.rank or candidate.fit)(merged[source], shown), n)
        for block in hidden:
            mine = np.flatnonzero(tested & (blocks == block))
            if not mass[mine].sum() > 0:
                raise SpatialError("no mass in any source of a block", where=f"{_WHERE}, {candidate.name}")
            guess[mine] = mass[mine] / mass[mine].sum() * counts[mine].sum()
            held[mine] = mass[mine]
    return guess, held


def variance_between(counts: NDArray[np.float64], mass: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Return the share of the variance of counts per mass that lies between groups, weighted by mass.

    Parameters
    ----------
    counts : numpy.ndarray
        Shape (n,), NaN where missing.
    mass : numpy.ndarray
        What the counts are related to, at least 0, shape (n,); without mass a count is left out.
    groups : numpy.ndarray of int64
        Shape (n,).

    Returns
    -------
    float
        η² of an analysis of variance, 0 … 1; NaN where nothing varies.

    Examples
    --------
    >>> import numpy as np
    >>> variance_between(np.array([1.0, 1.0, 5.0, 5.0]), np.ones(4), np.array([0, 0, 1, 1]))
    1.0
    """
    use = ~np.isnan(counts) & (mass > 0)
    rate, weight, block = counts[use] / mass[use], mass[use], groups[use]
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
