"""Conditional permutation of scores that are linear in the areas drawn: unequal weights, and local Geary.

The score of an area i is Σ_j w_ij c_i·f_j over its neighbours j, with f_j the features of the area drawn and c_i the
coefficients of the area asked. For a weighted neighbour sum f_j = x_j and c_i = 1. For local Geary
|z_i − z_j|² = |z_i|² + c_i·f_j with f_j = (z_j, |z_j|²) and c_i = (−2 z_i, 1), and |z_i|² is the same in every draw.

All areas share the draws, so the scores of many areas in many draws are one matrix product: with equal weights over the
sums of the features of the first k areas drawn, else over the features of each of the k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Draws in one product: counts of so many fit into a byte, which is the fastest way to add truth values up.
_DRAWS = 255

#: Areas in one product: the scores of a product then stay in the cache.
_SITES = 1024

#: Draws whose features are laid out at a time.
_LAID_OUT = 255 * 16


def equal_rows(neighbours: Any) -> NDArray[np.bool_]:
    """Tell which rows of a matrix of weights have neighbours that all weigh the same; a row without neighbours does.

    Parameters
    ----------
    neighbours : scipy.sparse.csr_array, shape (n, n)
        Positive weights.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        Weights that differ by no more than 1e-12 of the largest are equal.
    """
    data, degree = neighbours.data, np.diff(neighbours.indptr)
    equal = np.ones(len(degree), dtype=np.bool_)
    if len(data) == 0 or data.min() == data.max():
        return equal
    some = degree > 0
    starts = neighbours.indptr[:-1][some]
    largest = np.maximum.reduceat(data, starts)
    equal[some] = largest - np.minimum.reduceat(data, starts) <= 1e-12 * largest
    return equal


@dataclass(frozen=True, slots=True)
class _Group:
    """Areas with k neighbours each; one row of `products` for each area."""

    k: int
    equal: bool
    sites: NDArray[np.intp]
    products: NDArray[np.float64]


class LinearScores:
    """Counts of draws whose score is at least, and at most, the observed one.

    Parameters
    ----------
    features : numpy.ndarray, shape (n, r)
        f_j of each area.
    coefficients : numpy.ndarray, shape (n, r), or None
        c_i of each area; None for 1, with r = 1.
    neighbours : scipy.sparse.csr_array, shape (n, n)
        Positive weights without diagonal, columns sorted.
    sites : numpy.ndarray of int
        Areas asked for.
    ties : numpy.ndarray, shape (n,)
        By how much two scores of an area may differ and still count as equal, when its largest weight is 1.

    Attributes
    ----------
    at_least, at_most : numpy.ndarray of int64, shape (n,)
        The counts so far; 0 for areas that were not asked for.
    """

    def __init__(
        self,
        features: NDArray[np.float64],
        coefficients: NDArray[np.float64] | None,
        neighbours: Any,
        sites: NDArray[np.intp],
        ties: NDArray[np.float64],
    ) -> None:
        n = len(features)
        self.features = features
        self.coefficients = np.ones((n, 1)) if coefficients is None else coefficients
        self.indptr = neighbours.indptr.astype(np.int64)
        self.degree = np.diff(self.indptr)
        equal = equal_rows(neighbours)
        self.shares = _shares(neighbours, equal)
        self.asked = np.zeros(n, dtype=np.bool_)
        self.asked[sites] = self.degree[sites] > 0
        self.groups: list[_Group] = []
        observed = np.zeros(n)
        for k in np.flatnonzero(np.bincount(self.degree[self.asked])):
            for alike in (True, False):
                members = np.flatnonzero(self.asked & (self.degree == k) & (equal == alike))
                if len(members):
                    self.groups.append(self._group(int(k), alike, members))
                    cells = self.indptr[members][:, None] + np.arange(k)
                    for j, cell in enumerate(cells.T):
                        observed[members] += self._part(members, neighbours.indices[cell], j)
        self.low, self.high = observed - ties, observed + ties
        self.at_least = np.zeros(n, dtype=np.int64)
        self.at_most = np.zeros(n, dtype=np.int64)

    def add(self, tuples: NDArray[np.integer[Any]]) -> None:
        """Count over one block of draws, shape (K + 1, b)."""
        for start in range(0, tuples.shape[1], _LAID_OUT):
            drawn = self.features[tuples[:-1, start : start + _LAID_OUT]]  # (K, b, r)
            sums = np.cumsum(drawn, axis=0) if any(group.equal for group in self.groups) else drawn
            for group in self.groups:
                if group.equal:
                    laid_out = sums[group.k - 1]
                else:
                    laid_out = drawn[: group.k].transpose(1, 0, 2).reshape(drawn.shape[1], -1)
                self._count(group, laid_out)
        self._replace(tuples)

    def _group(self, k: int, equal: bool, members: NDArray[np.intp]) -> _Group:
        products = self.coefficients[members]
        if not equal:
            weights = self.shares[self.indptr[members][:, None] + np.arange(k)]
            products = (weights[:, :, None] * products[:, None, :]).reshape(len(members), -1)
        return _Group(k, equal, members, products)

    def _part(
        self, sites: NDArray[np.integer[Any]], drawn: NDArray[np.integer[Any]], position: int
    ) -> NDArray[np.float64]:
        """Return w_ij c_i·f_j for each area and the one drawn into a position of its neighbourhood."""
        product: NDArray[np.float64] = (self.coefficients[sites] * self.features[drawn]).sum(axis=1)
        return product * self.shares[self.indptr[sites] + position]

    def _count(self, group: _Group, laid_out: NDArray[np.float64]) -> None:
        """Count over draws whose features are laid out as rows, shape (b, r) or (b, k r)."""
        scores = np.empty((_DRAWS, _SITES))
        passed = np.empty((_DRAWS, _SITES), dtype=np.bool_)
        for first in range(0, len(group.sites), _SITES):
            sites = group.sites[first : first + _SITES]
            products = np.ascontiguousarray(group.products[first : first + _SITES].T)
            low, high = self.low[sites], self.high[sites]
            for start in range(0, len(laid_out), _DRAWS):
                rows = laid_out[start : start + _DRAWS]
                here = np.s_[: len(rows), : len(sites)]
                score, hit = scores[here], passed[here]
                if len(sites) == _SITES:
                    np.matmul(rows, products, out=score)
                else:
                    score = rows @ products
                np.greater_equal(score, low, out=hit)
                self.at_least[sites] += hit.view(np.uint8).sum(axis=0, dtype=np.uint8)
                np.less_equal(score, high, out=hit)
                self.at_most[sites] += hit.view(np.uint8).sum(axis=0, dtype=np.uint8)

    def _replace(self, tuples: NDArray[np.integer[Any]]) -> None:
        """Mend the draws that held the area itself among its first k: element k + 1 takes its place."""
        for position in range(len(tuples) - 1):
            site = tuples[position]
            draw = np.flatnonzero(self.asked[site] & (self.degree[site] > position))
            if len(draw) == 0:
                continue
            site = site[draw].astype(np.intp)
            k = self.degree[site]
            before = np.zeros(len(site))
            for j in range(int(k.max())):
                inside = np.flatnonzero(k > j)
                before[inside] += self._part(site[inside], tuples[j, draw[inside]], j)
            after = before + self._part(site, tuples[k, draw], position) - self._part(site, site, position)
            low, high = self.low[site], self.high[site]
            np.add.at(self.at_least, site, (after >= low).astype(np.int64) - (before >= low))
            np.add.at(self.at_most, site, (after <= high).astype(np.int64) - (before <= high))


def _shares(neighbours: Any, equal: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Divide each row by its largest weight, exactly 1 where all are equal, so that one tie width fits every row."""
    degree = np.diff(neighbours.indptr)
    some = degree > 0
    shares = np.ones(len(neighbours.data))
    if len(shares):
        largest = np.ones(len(degree))
        largest[some] = np.maximum.reduceat(neighbours.data, neighbours.indptr[:-1][some])
        unlike = np.repeat(~equal, degree)
        shares[unlike] = neighbours.data[unlike] / np.repeat(largest, degree)[unlike]
    return shares
