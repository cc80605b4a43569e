"""How far handed-down columns may stray: the concentration α of one column, from all that a command was given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import SpatialError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from service.workflows.ground import Ground
    from spatial.disaggregation.concentration import Alpha
    from spatial.disaggregation.transfer import AllocationWeights

#: The law of α is learned from at least so many covariates.
MIN_ATTRIBUTES = 4
#: With fewer the law is too unsure for intervals to be more than indicative: with five to seven, 90 % intervals of
#: foreigners in Berlin held .77 to .87, with the 171 of the census .85 and more.
ENOUGH_ATTRIBUTES = 10


@dataclass(slots=True)
class Spread:
    """What α is learned from.

    Attributes
    ----------
    weights : AllocationWeights
        The matrix of the column.
    ground : Ground or None
        Covariates, whose parts are known, and the base.
    blocks : numpy.ndarray
        Coarser zone of each source, shape (S,).
    now : numpy.ndarray or None
        What the base counts, in the year of the data, at the sources, shape (S,).
    years : tuple or None
        Of the base and of the data; None where they are the same.
    zone_of : pandas.Series or None
        Larger zone of each target, where these are the targets of ``weights``.
    notes : list of str
        What must be said.
    """

    weights: AllocationWeights
    ground: Ground | None
    blocks: NDArray[np.int64]
    now: NDArray[np.float64] | None = None
    years: tuple[int | None, int | None] | None = None
    zone_of: pd.Series | None = None
    notes: list[str] = field(default_factory=list)

    def alpha(self, values: pd.Series, held: NDArray[np.float64] | None = None) -> tuple[Alpha, str]:
        """Learn α from covariates known at the targets, else take that of the blocks of sources.

        Parameters
        ----------
        values : pandas.Series
            Counts of the sources.
        held : numpy.ndarray, optional
            Masses of the sources that did not learn from their own counts, shape (S,), NaN where none are known.
            Weights fitted to the sources hit them too well, and α would come out too high.

        Returns
        -------
        alpha : Alpha
        basis : str
            Why it is indicative only, else "".

        Raises
        ------
        SpatialError
            No block holds two sources with a count.
        """
        from spatial.disaggregation.alpha_law import learn_law, predict_alpha
        from spatial.disaggregation.concentration import fit_alpha
        from spatial.disaggregation.uncertainty import known_parts

        counts = np.nan_to_num(values.to_numpy(dtype=np.float64))
        mass = np.nan_to_num(self.weights.details["mass"].to_numpy(dtype=np.float64))
        if held is not None:
            mass = np.where(np.isnan(held), mass, held)
        known = (counts > 0) & (mass > 0)
        if np.bincount(self.blocks[known], minlength=1).max() < 2:
            raise SpatialError(
                f"expected at least two sources with a count to learn from how far values stray, found "
                f"{int(known.sum())} of {len(counts)}",
                where=f"--intervals, {values.name}",
                hint="leave --intervals out, or give finer sources",
            )
        why = f"fewer than {MIN_ATTRIBUTES} covariates whose parts are known"
        if self.ground is not None and len(self.ground.names) >= MIN_ATTRIBUTES:
            parent = pd.Series(self.blocks, index=self.weights.source_ids)
            known_counts = self.ground.at_targets()
            if self.zone_of is not None:
                known_counts = known_counts.groupby(self.zone_of.reindex(known_counts.index)).sum()
            parts, attributes = known_parts(self.weights, known_counts, parent=parent)
            before = self._before(str(values.name))
            now = None if before is None or self.now is None else np.nan_to_num(self.now)
            try:
                return predict_alpha(learn_law(parts, attributes), counts, mass=mass, before=before, now=now), ""
            except SpatialError as error:
                why = error.message
        total = np.bincount(self.blocks, mass)[self.blocks]
        share = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
        return fit_alpha(self.blocks, share, counts), f"fitted between sources and reused below them: {why}"

    def _before(self, name: str) -> NDArray[np.float64] | None:
        """Return what the base counts at the sources in its own year, None where no change can be told."""
        base = self.ground.best_base if self.ground is not None else None
        if self.ground is None or base is None or self.years is None or None in self.years:
            return None
        if self.now is None:
            self.notes.append(
                f"{name}: the intervals know nothing of changes from {self.years[0]} to {self.years[1]}; "
                "--population names the column that counts what the weights count"
            )
            return None
        return np.where(np.isnan(self.now), 0.0, self.ground.at_sources(base))
