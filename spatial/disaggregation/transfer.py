"""The transfer matrix: how the total of every source zone is shared among target zones, nothing lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, FormatError, SpatialError, some
from spatial.disaggregation import totals
from spatial.disaggregation.alignment import aligned
from spatial.disaggregation.packed import as_arrays, from_arrays, pack, unpack
from spatial.disaggregation.rates import rate_columns, rate_matrix, touched_by
from spatial.disaggregation.totals import CASCADE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CASCADE", "YEARS_APART", "AllocationWeights"]

#: Ancillary data further away in time than this are named in every result.
YEARS_APART = 5


@dataclass(frozen=True, slots=True, eq=False)
class AllocationWeights:
    """A transfer matrix W with what must be known about it.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        W, float64, shape (T, S). Column sums plus ``outside`` are 1. A stored entry, even a zero, says that the target
        has part in the source; a target without entries lies in no source.
    source_ids, target_ids : pandas.Index
        Ids of columns and rows.
    outside : numpy.ndarray
        Share of every source that goes to no target, shape (S,).
    provenance : pandas.Series
        Indexed by source: ``ancillary``, ``mask``, ``area`` (the fallbacks) or ``outside`` (no target has part in it).
    method : str
        For example ``"area"`` or ``"raster"``.
    ancillary_years : tuple of int
        Reference years of all ancillary data that the shares rest on, ascending; empty where there is none.
    details : pandas.DataFrame
        Indexed by source: ``mass`` (what the column was divided by, in the unit of its provenance), ``covered`` (share
        of the source's area in the targets) and ``extent`` (share of that inside the raster); NaN where not applicable.
    overlapping : bool
        The targets overlap, which was asked for: columns may add up to more than 1. Each target by itself is right;
        whatever adds targets up is refused.

    Examples
    --------
    >>> import pandas as pd
    >>> from spatial.disaggregation import cell_weights
    >>> source_of = pd.Series({"a": "X", "b": "X", "c": "Y"})
    >>> weights = cell_weights(source_of, pd.Series({"a": 30.0, "b": 10.0, "c": 5.0}))
    >>> weights.apply(pd.Series({"X": 8.0, "Y": 2.0})).to_dict()
    {'a': 6.0, 'b': 2.0, 'c': 2.0}
    """

    matrix: Any
    source_ids: pd.Index
    target_ids: pd.Index
    outside: NDArray[np.float64]
    provenance: pd.Series
    method: str
    ancillary_years: tuple[int, ...] = ()
    details: pd.DataFrame = field(default_factory=pd.DataFrame)
    overlapping: bool = False

    def __post_init__(self) -> None:
        shape = (len(self.target_ids), len(self.source_ids))
        if self.matrix.shape != shape or self.outside.shape != shape[1:]:
            raise SpatialError(f"expected a matrix of shape {shape}, found {self.matrix.shape}", where=self.method)
        total = np.asarray(self.matrix.sum(axis=0)).ravel() + self.outside
        wrong = ~(total >= 1 - 1e-9) if self.overlapping else ~(np.abs(total - 1) <= 1e-9)
        if wrong.any() or (self.matrix.data < 0).any() or (self.outside < 0).any():
            raise SpatialError(
                f"expected non-negative shares that add up to 1, found others for {some(self.source_ids[wrong])}",
                where=self.method,
                hint="build weights with area_weights, raster_weights or cell_weights",
            )

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {kind}" for kind, n in self.provenance.value_counts(sort=False).items())
        t, s = self.matrix.shape
        return f"<AllocationWeights {self.method!r}: {s} sources -> {t} targets, {self.matrix.nnz} shares; {counts}>"

    def align(self, values: pd.Series, what: str = "values") -> NDArray[np.float64]:
        """Bring values of sources into the order of the columns.

        Parameters
        ----------
        values : pandas.Series
            Indexed by source id. A source without a row counts as missing.
        what : str
            What to call them in the message.

        Returns
        -------
        numpy.ndarray
            float64, shape (S,), NaN where missing.

        Raises
        ------
        AreaKeyError
            An id is repeated or belongs to no source: its value would be dropped.
        SpatialError
            A value is infinite or no number.
        """
        return aligned(values, self.source_ids, what)

    def apply(self, values: pd.Series) -> pd.Series:
        """Share counts among the targets: x = W y.

        Parameters
        ----------
        values : pandas.Series
            Counts of the sources, indexed by source id; NaN is missing.

        Returns
        -------
        pandas.Series
            Indexed by target id. Missing where the target has part in a missing source, even one of weight 0, and where
            it lies in no source: a missing value never becomes 0.

        Raises
        ------
        AreaKeyError, SpatialError
            See :meth:`align`.
        """
        y = self.align(values)
        missing = np.isnan(y)
        x = self.matrix @ np.where(missing, 0.0, y)
        x[np.diff(self.matrix.indptr) == 0] = np.nan
        x[touched_by(self.matrix, missing)] = np.nan
        return pd.Series(x, index=self.target_ids, name=values.name)

    def apply_all(self, values: pd.DataFrame) -> pd.DataFrame:
        """Share many counts at once: X = W Y, with the rules of :meth:`apply` for each column.

        Parameters
        ----------
        values : pandas.DataFrame
            Counts of the sources, indexed by source id, a column for each variable; NaN is missing.

        Returns
        -------
        pandas.DataFrame
            Indexed by target id, with the same columns.

        Raises
        ------
        AreaKeyError, SpatialError
            See :meth:`align`.
        """
        if not values.columns.is_unique:
            raise AreaKeyError("expected every column once, found repeated ones", where="values", hint="rename them")
        y = aligned(values, self.source_ids, "values")
        missing = np.isnan(y)
        x = self.matrix @ (np.where(missing, 0.0, y) if missing.any() else y)
        x[np.diff(self.matrix.indptr) == 0] = np.nan
        for column in np.flatnonzero(missing.any(axis=0)):
            x[touched_by(self.matrix, missing[:, column]), column] = np.nan
        return pd.DataFrame(x, index=self.target_ids, columns=values.columns, copy=False)

    def aggregate(self, values: pd.Series, by: pd.Series | None = None) -> pd.Series:
        """Bring values of the targets back to the sources: the check that a total survived.

        Parameters
        ----------
        values : pandas.Series
            Counts of the targets, indexed by target id; NaN is missing.
        by : pandas.Series, optional
            Counts of the sources; a target in several sources is shared among them by W_ts · by_s. With the counts that
            were handed down this undoes :meth:`apply`. Needed only where targets have part in several sources.

        Returns
        -------
        pandas.Series
            Indexed by source id: sums over the targets, without what went outside. Missing where a target of the source
            is missing, and where it has none.

        Raises
        ------
        AreaKeyError
            Ids are repeated or belong to no target.
        SpatialError
            A target has part in several sources and ``by`` is not given, or targets overlap.
        """
        return totals.aggregate(self, values, by)

    def years_apart(self, data_year: int | None) -> tuple[int, int] | None:
        """Name the ancillary data furthest away in time, if that is more than five years.

        Parameters
        ----------
        data_year : int or None
            Reference year of the counts.

        Returns
        -------
        tuple of (int, int) or None
            Year of the ancillary data that are furthest from the counts (of two at one distance the older), and how
            many years that is. None where no ancillary data are more than five years away, or years are unknown.
        """
        if data_year is None or not self.ancillary_years:
            return None
        year = max(sorted(self.ancillary_years), key=lambda y: abs(data_year - y))
        gap = abs(data_year - year)
        return (year, gap) if gap > YEARS_APART else None

    def rates(self, numerator: pd.Series, denominator: pd.Series, *, min_coverage: float = 0.5) -> pd.DataFrame:
        """Hand rates down with one matrix for numerator and denominator, see :func:`.rate_columns`.

        Parameters
        ----------
        numerator, denominator : pandas.Series
            Counts of the sources, indexed by source id; NaN is missing.
        min_coverage : float, default 0.5
            Targets of which less than this share of the denominator is known are missing.

        Returns
        -------
        pandas.DataFrame
            Indexed by target id: ``numerator`` and ``denominator`` (of the covered part), ``rate`` (numerator /
            denominator) and ``coverage``.

        Raises
        ------
        SpatialError
            A denominator is negative.
        AreaKeyError
            See :meth:`align`.
        """
        n, d = self.align(numerator, "numerator"), self.align(denominator, "denominator")
        self._require_denominator(d)
        mass = self.details["mass"].to_numpy(dtype=np.float64) if "mass" in self.details else None
        rank = self.provenance.map(CASCADE.index).to_numpy(dtype=np.int64)
        return pd.DataFrame(rate_columns(self.matrix, n, d, min_coverage, mass=mass, rank=rank), index=self.target_ids)

    def rate_operator(self, denominator: pd.Series) -> Any:
        """Return the sparse operator B, shape (T, S), that turns rates of sources into rates of targets.

        Rows of targets that hold no denominator are empty; all others add up to 1. A missing denominator counts as 0.
        """
        d = self.align(denominator, "denominator")
        self._require_denominator(d)
        return rate_matrix(self.matrix, d)

    def _require_denominator(self, d: NDArray[np.float64]) -> None:
        if (d < 0).any():
            raise SpatialError(
                f"expected denominators of at least 0, found negative ones for {some(self.source_ids[d < 0])}",
                where="denominator",
                hint="negative values are often signs for 'no value': read them as missing",
            )

    def audit(self, values: pd.Series) -> pd.DataFrame:
        """Prove that every source's total arrived.

        Parameters
        ----------
        values : pandas.Series
            Counts of the sources, indexed by source id.

        Returns
        -------
        pandas.DataFrame
            Indexed by source id: ``total_in``, ``total_out`` (sum of its parts in the targets), ``outside``,
            ``difference`` (in less out less outside; rounding only), ``missing`` (no value in), ``empty`` (no mass of
            the method's own kind, so that a fallback or nothing took its place), ``targets`` (number that have part in
            it), ``provenance``, and the columns of ``details``.

        Raises
        ------
        AreaKeyError, SpatialError
            See :meth:`align`.
        """
        return totals.audit(self, values)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Sources without mass of the method's own kind, shape (S,)."""
        own = "area" if set(self.method.split(">")) == {"area"} else "ancillary"
        return (self.provenance != own).to_numpy(dtype=bool)

    def summary(self, values: pd.Series) -> dict[str, Any]:
        """Say in a few numbers what :meth:`audit` says for each source.

        Parameters
        ----------
        values : pandas.Series
            Counts of the sources, indexed by source id.

        Returns
        -------
        dict
            ``total_in``, ``total_out`` and ``outside`` (of the known values), ``largest_difference`` (relative to the
            source's total), numbers of ``sources``, ``targets``, ``missing_sources``, ``empty_sources`` and
            ``uncovered_targets`` (in no source), ``provenance`` (number of sources by kind), ``method`` and
            ``ancillary_years``.
        """
        return totals.summary(self, values)

    def compose(self, other: AllocationWeights) -> AllocationWeights:
        """Chain two allocations: first these weights, then ``other`` from their targets onward.

        Parameters
        ----------
        other : AllocationWeights
            Its sources are the targets of these weights, in any order.

        Returns
        -------
        AllocationWeights
            From the first sources to the last targets. The provenance of a source is the worst on its way, the
            ancillary years are those of both steps.

        Raises
        ------
        AreaKeyError
            The zones in between differ.
        SpatialError
            They overlap: what is carried on from them would count twice.
        """
        return totals.chain(self, other)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as plain arrays (no pickled objects), ready for ``numpy.savez``."""
        return as_arrays(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> AllocationWeights:
        """Make weights from what :meth:`to_arrays` returned."""
        return cls(**from_arrays(arrays))

    def to_bytes(self) -> bytes:
        """Return one file's content: an npz archive with format version and checksum, see :mod:`.packed`."""
        return pack(self.to_arrays())

    @classmethod
    def from_bytes(cls, data: bytes, where: str = "saved transfer matrix") -> AllocationWeights:
        """Read what :meth:`to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            Content of the file.
        where : str
            What to call it in the message.

        Returns
        -------
        AllocationWeights

        Raises
        ------
        FormatError
            It is of another format or version, damaged, or holds no weights.
        """
        arrays = unpack(data, where)
        try:
            return cls.from_arrays(arrays)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise FormatError(
                f"expected the arrays of a transfer matrix, found others ({error})",
                where=where,
                hint="delete the file; it is built again from the zones and the ancillary data",
            ) from error
