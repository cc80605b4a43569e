"""Exact conditional permutation with shared draws.

Under conditional permutation an area keeps its value and its k neighbours get the values of a uniformly drawn k-subset
of all other areas. Instead of drawing for every area anew, P ordered tuples of K + 1 areas are drawn once from *all* n
areas (K: largest number of neighbours). An area with k neighbours reads the first k of every tuple; where the area
itself is among them, element k + 1 takes its place. By exchangeability that is a uniform k-subset of the others, and
the sums of the first k elements are the same for all areas with k neighbours, except for the few draws that held the
area itself. Each such list of sums is sorted once and searched once for every area.

Cost O(P·K + D·P·log P + n·log P) with D distinct numbers of neighbours, instead of O(n·P·k). The counts are those of
brute force over the same draws. Monte-Carlo errors of different areas are correlated, so P should be large.

Equal sums must count as equal. Floating-point sums of the same numbers in another order differ in the last digits, and
.1 + .2 is not .3, so comparing floats would break ties by accident. Values are therefore mapped to integers
(:func:`to_fixed_point`): sums of integers are exact in any order, and sums that differ by no more than the rounding of
their parts count as ties, in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from geodata.errors import SpatialError
from spatial.autocorrelation.linear import LinearScores, equal_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Numbers drawn at a time; a constant, because the draws (not their distribution) depend on it.
_BLOCK = 1 << 23

#: The range of the values is cut into this many steps: differences below 1e-12 of the range are rounding.
_STEPS = 2.0**40

#: Cells of the table of ranks for each sum.
_CELLS = 16

#: Larger than every sum.
_BEYOND = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Counts:
    """How many draws were at least and at most as large as what was observed.

    Attributes
    ----------
    at_least, at_most : numpy.ndarray of int64, shape (n,)
        Draws in which the neighbour sum was >= and <= the observed one; ties are in both. 0 without neighbours.
    permutations : int
        Number of draws P.
    """

    at_least: NDArray[np.int64]
    at_most: NDArray[np.int64]
    permutations: int


def to_fixed_point(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Map values to integers, so that their sums are exact and do not depend on the order of summation.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Finite values.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        (value − minimum) / unit, rounded; the unit is the range / 2⁴⁰, or 2⁻⁵⁰ of the largest absolute value where the
        values sit on so high a base that a double resolves no more. All 0 when the values are constant.

    Notes
    -----
    Rounding moves a value by at most half a unit, the double that stands for a decimal number by at most an eighth
    more. Two sums of k values that are equal in decimals thus differ by at most 1.25 k units; :func:`tie_width` takes
    2 k, which is 2e-12 k of the range.
    """
    low, high = float(values.min()), float(values.max())
    unit = fixed_point_unit(values)
    if unit == 0.0 or not np.isfinite(high - low) or (high - low) / unit < 2.0:
        return np.zeros(len(values), dtype=np.int64)
    return np.rint((values - low) / unit).astype(np.int64)


def fixed_point_unit(values: NDArray[np.float64]) -> float:
    """Return the step of :func:`to_fixed_point`: values closer than that differ by rounding only."""
    low, high = float(values.min()), float(values.max())
    return max((high - low) / _STEPS, max(abs(low), abs(high)) * 2.0**-50)


def tie_width(k: Any) -> Any:
    """Return by how many integer units two sums of k values may differ and still count as equal."""
    return 2 * k


def draw_tuples(n: int, width: int, permutations: int, rng: np.random.Generator) -> Iterator[NDArray[np.integer[Any]]]:
    """Draw ordered tuples without replacement from 0 … n − 1, every ordered tuple with the same probability.

    Parameters
    ----------
    n : int
        Number of areas.
    width : int
        Length of a tuple, at most `n`.
    permutations : int
        Number of tuples.
    rng : numpy.random.Generator
        Source of randomness.

    Yields
    ------
    numpy.ndarray of int, shape (width, b)
        Blocks of tuples, one a column; the block sizes b add up to `permutations`.

    Raises
    ------
    SpatialError
        A tuple would be longer than there are areas, or fewer than one is asked for.

    Notes
    -----
    Short tuples are drawn with replacement and those with a repeat drawn again, which leaves the uniform distribution
    over tuples without repeats. Where more than about two in three would be rejected, the first `width` steps of a
    Fisher–Yates shuffle are made on one array per column instead. The array is not reset between blocks: a shuffle is
    uniform, and independent of all earlier ones, whatever order it starts from.
    """
    if permutations < 1:
        raise SpatialError(f"expected at least 1 permutation, found {permutations}", where="permutation test")
    if width > n:
        raise SpatialError(
            f"cannot draw {width} of {n} areas without replacement",
            where="permutation test",
            hint="an area has more neighbours than there are other areas: drop self-neighbours",
        )
    kind: Any = np.int32 if n <= np.iinfo(np.int32).max else np.int64
    if width * (width - 1) <= 2 * n:
        size = max(1, _BLOCK // width)
        for start in range(0, permutations, size):
            block = rng.integers(n, size=(min(size, permutations - start), width), dtype=kind)
            again = _with_repeats(block)
            while len(again):
                block[again] = rng.integers(n, size=(len(again), width), dtype=kind)
                again = again[_with_repeats(block[again])]
            yield np.ascontiguousarray(block.T)
        return
    size = min(permutations, max(1, _BLOCK // n))
    decks = np.repeat(np.arange(n, dtype=kind)[:, None], size, axis=1)
    column = np.arange(size)
    for start in range(0, permutations, size):
        for position in range(width):
            other = rng.integers(position, n, size=size)
            drawn = decks[other, column]
            decks[other, column] = decks[position]
            decks[position] = drawn
        yield decks[:width, : permutations - start].copy()


def _with_repeats(tuples: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Return the rows in which a number occurs twice."""
    if tuples.shape[1] < 2:
        return np.empty(0, dtype=np.intp)
    ordered = np.sort(tuples, axis=1)
    return np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))


def conditional_counts(
    values: NDArray[np.float64],
    neighbours: Any,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Counts:
    """Count, for every area, the draws whose neighbour sum is at least and at most as large as the observed one.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Finite values, in canonical order of the areas.
    neighbours : scipy.sparse.csr_array, shape (n, n)
        Positive weights without diagonal. Areas whose neighbours all weigh the same share the sorted sums; the others
        take a matrix product over the same draws (:mod:`spatial.autocorrelation.linear`).
    permutations : int
        Number of draws P.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Counts
        Local Moran, bivariate Moran, Gi, Gi*, EB Moran and local join counts are all monotone in the neighbour sum, so
        that their pseudo p-values all follow from these counts.

    Raises
    ------
    SpatialError
        See :func:`draw_tuples`.
    """
    return count_extremes(values, neighbours, draws_for(neighbours, permutations, rng), permutations=permutations)


def draws_for(neighbours: Any, permutations: int, rng: np.random.Generator) -> Iterator[NDArray[np.integer[Any]]]:
    """Draw tuples that are long enough for the largest neighbourhood and one replacement; see :func:`draw_tuples`."""
    width = int(np.diff(neighbours.indptr).max(initial=0)) + 1
    return draw_tuples(neighbours.shape[0], width, permutations, rng)


def count_extremes(
    values: NDArray[np.float64],
    neighbours: Any,
    draws: Iterable[NDArray[np.integer[Any]]],
    *,
    permutations: int,
) -> Counts:
    """Count extremes over draws that are handed in; see :func:`conditional_counts`.

    Parameters
    ----------
    values, neighbours
        As in :func:`conditional_counts`.
    draws : iterable of numpy.ndarray of int, shape (K + 1, b)
        Blocks of tuples without repeats.
    permutations : int
        Number of tuples in all blocks.

    Returns
    -------
    Counts
        The counts.
    """
    whole = to_fixed_point(values)
    degree = np.diff(neighbours.indptr)
    equal = equal_rows(neighbours)
    shared = _SharedSums(whole, neighbours, equal & (degree > 0))
    unequal = np.flatnonzero(~equal)
    plain = None
    if len(unequal):
        numbers = whole.astype(np.float64)[:, None]
        plain = LinearScores(numbers, None, neighbours, unequal, tie_width(degree).astype(np.float64))
    for tuples in draws:
        shared.add(tuples)
        if plain is not None:
            plain.add(tuples)
    at_least, at_most = shared.at_least, shared.at_most
    if plain is not None:
        at_least[unequal], at_most[unequal] = plain.at_least[unequal], plain.at_most[unequal]
    return Counts(at_least, at_most, permutations)


class _SharedSums:
    """Counts of areas whose neighbours all weigh the same: sort the sums once, search them once for each area."""

    def __init__(self, whole: NDArray[np.int64], neighbours: Any, sites: NDArray[np.bool_]) -> None:
        self.whole = whole
        self.degree = np.diff(neighbours.indptr)
        self.chosen = sites
        ones = sparse.csr_array(
            (np.ones(len(neighbours.data), dtype=np.int64), neighbours.indices, neighbours.indptr),
            shape=neighbours.shape,
        )
        observed: NDArray[np.int64] = ones @ whole
        self.low, self.high = observed - tie_width(self.degree), observed + tie_width(self.degree)
        self.groups = {
            int(k): np.flatnonzero(sites & (self.degree == k)) for k in np.flatnonzero(np.bincount(self.degree[sites]))
        }
        self.at_least = np.zeros(len(whole), dtype=np.int64)
        self.at_most = np.zeros(len(whole), dtype=np.int64)

    def add(self, tuples: NDArray[np.integer[Any]]) -> None:
        """Count over one block of draws."""
        if not self.groups:
            return
        sums = np.cumsum(self.whole[tuples], axis=0)  # sums[k - 1]: the first k of every tuple
        for k, sites in self.groups.items():
            below, up_to = _ranks(np.sort(sums[k - 1]), self.low[sites], self.high[sites])
            self.at_least[sites] += sums.shape[1] - below
            self.at_most[sites] += up_to
        for position in range(min(len(tuples) - 1, max(self.groups))):
            # Draws that held the site itself among its first k: take its value out, element k + 1 in.
            site = tuples[position]
            draw = np.flatnonzero((self.degree[site] > position) & self.chosen[site])
            site = site[draw]
            k = self.degree[site]
            before = sums[k - 1, draw]
            after = before - self.whole[site] + self.whole[tuples[k, draw]]
            low, high = self.low[site], self.high[site]
            np.add.at(self.at_least, site, (after >= low).astype(np.int64) - (before >= low))
            np.add.at(self.at_most, site, (after <= high).astype(np.int64) - (before <= high))


def _ranks(
    ordered: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return how many of the sorted sums are below `low`, and how many are up to `high`, for each pair of bounds."""
    below = _left(ordered, low)
    # Ties are rare: only where the next sum is not above the upper bound is there more to count.
    up_to = below.copy()
    tied = np.flatnonzero(np.append(ordered, _BEYOND)[below] <= high)
    up_to[tied] = np.searchsorted(ordered, high[tied], side="right")
    return below, up_to


def _left(ordered: NDArray[np.int64], needles: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return ``np.searchsorted(ordered, needles)``, for many needles by way of a table.

    The range of the sums is cut into cells, many more than there are sums. A needle in a cell without a sum has its
    rank in the table; only the few others are searched.
    """
    if len(needles) < len(ordered) // 4:
        return np.searchsorted(ordered, needles, side="left")
    first, span = ordered[0], int(ordered[-1] - ordered[0])
    shift = max(0, span.bit_length() - (_CELLS * len(ordered)).bit_length())
    last = (span >> shift) + 2
    held = np.bincount((ordered - first >> shift) + 1, minlength=last + 1)
    start = np.cumsum(held) - held
    start[held > 0] = -1
    cell = needles - first
    cell >>= shift
    cell += 1
    np.clip(cell, 0, last, out=cell)
    rank = start[cell]
    search = np.flatnonzero(rank < 0)
    rank[search] = np.searchsorted(ordered, needles[search], side="left")
    return rank
