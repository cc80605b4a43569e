"""One call of ``disaggregate``: atoms once, a matrix for each method and column that needs its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import ConfigError, SpatialError, some
from service.workflows.blocks import blocks_of, column_of
from service.workflows.disaggregate import OUTSIDE, Outcome
from service.workflows.disaggregate_notes import inside, outside_notes, rate_note, require_names
from service.workflows.ground import Ground, lay_out
from service.workflows.spread import ENOUGH_ATTRIBUTES
from spatial.disaggregation.limits import is_part, limited

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from service.workflows.disaggregate import Task
    from spatial.disaggregation.choice import CrossValidation
    from spatial.disaggregation.concentration import Alpha
    from spatial.disaggregation.transfer import AllocationWeights


class Job:
    """One call: atoms once, a matrix for each method and variable that needs its own."""

    def __init__(
        self,
        task: Task,
        sources: gpd.GeoDataFrame,
        targets: gpd.GeoDataFrame,
        say: Callable[[str], None],
        notes: Sequence[str] = (),
    ) -> None:
        self.task, self.sources, self.targets, self.say = task, sources, targets, say
        self.notes: list[str] = list(notes)
        self.allocate = OUTSIDE[task.outside]
        self.indicative: set[str] = set()
        self.choices: dict[str, CrossValidation] = {}
        self.methods: dict[str, str] = {}
        self.matrices: dict[str, AllocationWeights] = {}
        #: Of numerators that got weights of their own.
        self.own: dict[str, AllocationWeights] = {}
        self.shared: AllocationWeights | None = None
        self.zone_of = pd.Series(dtype=object)
        if task.sums is not None:
            zones = column_of(task.targets, task.sums, "--sums names the larger zone of each target")
            self.zone_of = pd.Series(zones.to_numpy(dtype=object), index=targets.index)
            self.zone_of = self.zone_of.map(str, na_action="ignore")
        self.ground: Ground | None = None
        if task.method != "area":
            self.ground = lay_out(
                sources,
                targets,
                names=(task.sources, task.targets),
                weights=task.weights,
                covariates=task.covariates,
                benchmark=task.benchmark,
                year=task.weights_year,
                method=task.method,
                cell_size=task.cell_size,
                sliver=task.sliver,
            )
            self.notes += self.ground.notes
            say(f"{len(self.ground.atoms)} atoms")
        self.comparable = np.ones(len(sources), dtype=bool) if self.ground is None else self.ground.comparable()
        self.blocks = blocks_of(task, sources, self.comparable)

    def run(self) -> Outcome:
        """Bring every column down."""
        from spatial.disaggregation.lineage import known_share

        task = self.task
        out: dict[str, pd.Series] = {}
        sums: dict[str, pd.Series] = {}
        audits: dict[str, pd.DataFrame] = {}

        def add(found: dict[str, pd.Series]) -> None:
            require_names(out, found)
            out.update(found)

        for name in task.extensive:
            weights = self.weights(name)
            value = self._count(weights, name)
            add({name: value, f"{name}_kappa": known_share(weights, self.sources[name])})
            audits[name] = weights.audit(self.sources[name])
            if task.intervals is not None:
                add(self._intervals(weights, name, value))
                sums |= self._sums(weights, name)
            self._say_between(weights, name)
        for numerator, denominator in task.rates:
            add(self._rate(numerator, denominator, audits))
        if task.rates and task.intervals is not None:
            self.notes.append("intervals are those of counts: rates have none")
        for name in task.means:
            add(self._mean(name))
        add(self._origin())
        kept = self.allocate == "inside"
        self.notes[:0] = [note for name in audits for note in outside_notes(name, audits[name], kept=kept)]
        gaps = [
            gap for m in (*self.matrices.values(), *self.own.values()) if (gap := m.years_apart(task.year)) is not None
        ]
        apart = max(gaps, key=lambda gap: gap[1], default=None)
        if apart is not None:
            self.notes.append(
                f"the ancillary data are of {apart[0]}, the values of {task.year}: {apart[1]} years apart"
            )
        table = pd.DataFrame(out, index=self.targets.index)
        notes, indicative = tuple(self.notes), frozenset(self.indicative)
        zones = pd.DataFrame(sums) if sums else None
        return Outcome(table, audits, self.methods, self.choices, notes, indicative, zones)

    def weights(self, name: str) -> AllocationWeights:
        """Return the matrix for a column of counts: the method's, or that of the one with the least error."""
        if name in self.matrices:
            return self.matrices[name]
        task = self.task
        if self.ground is None:
            from spatial.disaggregation import area_weights

            self.methods[name] = "area"
            found = next(iter(self.matrices.values()), None)
            if found is None:
                found = area_weights(
                    self.sources,
                    self.targets,
                    allocate=self.allocate,
                    names=(task.sources, task.targets),
                    sliver=task.sliver,
                )
            self.matrices[name] = found
            return found
        ground, counts = self.ground, self.sources[name].to_numpy(dtype=np.float64)
        candidates = ground.candidates(task.method)
        chosen = candidates[0]
        if len(candidates) > 1:
            chosen = self._choose(name, candidates, counts)
        self.methods[name] = chosen.name
        mass = chosen.fit(ground.atoms.source, counts)
        mask = None if ground.base is None or chosen.name == "area" else (ground.base > 0) * ground.atoms.area
        found = ground.atoms.weights(
            mass, method=chosen.name, ancillary_year=self._years(chosen.name), mask=mask, allocate=self.allocate
        )
        self.matrices[name] = self._limited(found, name)
        return self.matrices[name]

    def _limited(self, weights: AllocationWeights, name: str) -> AllocationWeights:
        """Hold a numerator below the denominators of which it is a part, or a rate would be above 1."""
        for denominator in [d for n, d in self.task.rates if n == name]:
            if not is_part(self.sources[name], self.sources[denominator]):
                continue
            whole = self.weights(denominator)
            weights, targets = limited(weights, self.sources[name], whole, self.sources[denominator])
            note = (
                f"{name}: would have been more than {denominator} in {targets} targets, as in no source; held there at "
                f"{denominator}, the rest went to the other targets of the source"
            )
            if targets and note not in self.notes:
                self.notes.append(note)
        return weights

    def _years(self, method: str) -> tuple[int, ...]:
        """Return the years of all ancillary data that a method rests on."""
        task = self.task
        if method in ("area", "pycnophylactic"):
            return ()
        refined = task.benchmark is not None and method in ("refined", "learned")
        return tuple(y for y in (task.weights_year, task.benchmark_year if refined else None) if y is not None)

    def _choose(self, name: str, candidates: Sequence[Any], counts: NDArray[np.float64]) -> Any:
        from spatial.disaggregation.choice import cross_validate

        if self.ground is None:
            raise SpatialError("expected atoms to compare methods on, found none", where=name)
        try:
            shown = np.where(self.comparable, counts, np.nan)
            found = cross_validate(candidates, self.ground.atoms.source, shown, self.blocks, level=self.level)
        except SpatialError as error:
            # With so few sources nothing can be hidden: the method with the most knowledge but without learning.
            usual = next(c for best in ("refined", "dasymetric", "area") for c in candidates if c.name == best)
            self.notes.append(f"{name}: methods could not be compared ({error.message}); {usual.name} was taken")
            return usual
        self.choices[name] = found
        left = int((~self.comparable).sum())
        note = f"{left} sources beyond the targets or the ancillary data took no part in comparing methods"
        if left and note not in self.notes:
            self.notes.append(note)
        return next(c for c in candidates if c.name == found.chosen)

    @property
    def level(self) -> float | None:
        """Probability of the intervals, None where none are asked for."""
        return None if self.task.intervals is None else self.task.intervals / 100

    def _count(self, weights: AllocationWeights, name: str) -> pd.Series:
        if not self.task.integers:
            return weights.apply(self.sources[name])
        from spatial.disaggregation.integers import integer_counts

        return integer_counts(weights, self.sources[name])

    def _rate(self, numerator: str, denominator: str, audits: dict[str, pd.DataFrame]) -> dict[str, pd.Series]:
        """Hand a rate down with one matrix; the numerator gets its own only where that was shown to be better."""
        from spatial.disaggregation.rates import distinct_values

        weights = self.weights(denominator)
        table = weights.rates(self.sources[numerator], self.sources[denominator], min_coverage=self.task.min_coverage)
        label = f"{numerator}_per_{denominator}"
        rate = table["rate"]
        self.methods[label] = f"constant in each source ({self.methods[denominator]})"
        own = self._own_numerator(numerator, denominator)
        if own is not None:
            self.own[label] = own
            top = own.apply(self.sources[numerator])
            bottom = weights.apply(self.sources[denominator])
            rate = (top / bottom.where(bottom > 0)).where(table["rate"].notna())
            self.methods[label] = "own weights of the numerator (learned)"
            audits.setdefault(numerator, own.audit(self.sources[numerator]))
        audits[denominator] = weights.audit(self.sources[denominator])
        distinct = distinct_values(rate.to_numpy(dtype=np.float64))
        self.notes.append(f"{label}: {distinct} distinct values from {len(self.sources)} sources")
        above = rate_note(label, rate, is_part(self.sources[numerator], self.sources[denominator]))
        self.notes += [] if above is None else [above]
        return {label: rate, f"{label}_kappa": table["coverage"]}

    def _own_numerator(self, numerator: str, denominator: str) -> AllocationWeights | None:
        """Return weights of the numerator's own if hidden sources were predicted better than by a constant rate."""
        ground = self.ground
        if ground is None or not len(ground.names) or self.task.method not in ("auto", "learned"):
            return None
        from spatial.disaggregation.choice import Candidate, cross_validate, fixed

        counts = self.sources[numerator].to_numpy(dtype=np.float64)
        base = next(c for c in ground.candidates("auto") if c.name == self.methods[denominator])
        people = base.fit(ground.atoms.source, self.sources[denominator].to_numpy(dtype=np.float64))
        scale = np.bincount(ground.atoms.source, people, len(counts))
        known = self.sources[denominator].to_numpy(dtype=np.float64)
        factor = np.divide(known, scale, out=np.zeros_like(known), where=scale > 0)
        constant = Candidate("constant rate", fixed(np.nan_to_num(people * factor[ground.atoms.source])))
        try:
            methods, shown = [constant, *ground.candidates("learned")], np.where(self.comparable, counts, np.nan)
            found = cross_validate(methods, ground.atoms.source, shown, self.blocks)
        except (SpatialError, ConfigError):
            return None
        self.choices[f"{numerator} per {denominator}"] = found
        if found.chosen == "constant rate":
            return None
        (learned,) = ground.candidates("learned")
        own = ground.atoms.weights(
            learned.fit(ground.atoms.source, counts),
            method="learned",
            ancillary_year=self._years("learned"),
            allocate=self.allocate,
        )
        return self._limited(own, numerator)

    def _mean(self, name: str) -> dict[str, pd.Series]:
        from scipy import sparse

        from spatial.disaggregation import area_weights
        from spatial.disaggregation.rates import mean_columns

        task = self.task
        if self.shared is None:
            self.shared = area_weights(
                self.sources, self.targets, allocate="area", names=(task.sources, task.targets), sliver=task.sliver
            )
        shared = self.shared
        size = sparse.csr_array(shared.matrix @ sparse.diags_array(np.nan_to_num(shared.details["mass"].to_numpy())))
        found = mean_columns(size, self.sources[name].to_numpy(dtype=np.float64), min_coverage=task.min_coverage)
        self.matrices.setdefault("", shared)
        self.methods[name] = "mean weighted by area"
        index = shared.target_ids
        return {name: pd.Series(found["mean"], index), f"{name}_kappa": pd.Series(found["coverage"], index)}

    def _intervals(self, weights: AllocationWeights, name: str, value: pd.Series) -> dict[str, pd.Series]:
        from spatial.disaggregation.uncertainty import intervals

        alpha, basis = self._alpha(weights, name)
        error = self._sampling_error(name)
        found = intervals(weights, self.sources[name], alpha, level=self.level or 0.9, standard_errors=error)
        if found.indicative or basis or self._few(alpha):
            self.indicative.add(name)
        indicative = "indicative, " if name in self.indicative else ""
        sampling = "" if error is None else f"; sampling errors of the sources added ({dict(self.task.errors)[name]})"
        self.notes.append(
            f"{name}: {self.task.intervals:g} % intervals, {indicative}alpha {np.exp(alpha.log_mean):.4g} "
            f"({basis or f'learned from {alpha.attributes} covariates at the targets'}){sampling}"
        )
        if not basis and self._few(alpha):
            note = (
                f"with fewer than {ENOUGH_ATTRIBUTES} covariates to learn from how far values stray intervals can hold "
                "less than they say; what those of hidden sources hold is told of larger areas, and does not carry over"
            )
            self.notes += [] if note in self.notes else [note]
        lower, upper = inside(value, found.table["lower"], found.table["upper"], whole=self.task.integers)
        return {
            f"{name}_lower": lower,
            f"{name}_upper": upper,
            f"{name}_indicative": pd.Series(name in self.indicative, index=found.table.index),
        }

    @staticmethod
    def _few(alpha: Alpha) -> bool:
        """Whether α was learned from too few covariates to be sure of it."""
        return alpha.attributes < ENOUGH_ATTRIBUTES

    def _sampling_error(self, name: str) -> pd.Series | None:
        """Return the standard errors of a column, None where it is a full count."""
        column = dict(self.task.errors).get(name)
        if column is None:
            return None
        error = self.sources[column]
        silent = self.sources[name].notna() & error.isna()
        if silent.any():
            raise SpatialError(
                f"expected a standard error for every value of {name!r}, found none for "
                f"{some(self.sources.index[silent])}",
                where=f"{self.task.sources}, {column}",
                hint="write 0 where a value is a full count",
            )
        return error

    def _sums(self, weights: AllocationWeights, name: str) -> dict[str, pd.Series]:
        """Sum targets to larger zones, with intervals by an alpha of that level: those of targets must not be added."""
        from spatial.disaggregation.lineage import gathered
        from spatial.disaggregation.uncertainty import intervals

        if self.task.sums is None:
            return {}
        zones = gathered(weights, self.zone_of)
        alpha, basis = self._alpha(zones, name, self.zone_of)
        found = intervals(
            zones, self.sources[name], alpha, level=self.level or 0.9, standard_errors=self._sampling_error(name)
        )
        self.notes.append(
            f"{name}, sums by {self.task.sums}: alpha {np.exp(alpha.log_mean):.4g} "
            f"({basis or f'learned from {alpha.attributes} covariates at these zones'})"
        )
        lower, upper = inside(found.table["value"], found.table["lower"], found.table["upper"], whole=False)
        return {
            name: found.table["value"],
            f"{name}_lower": lower,
            f"{name}_upper": upper,
            f"{name}_indicative": pd.Series(
                bool(found.indicative or basis or self._few(alpha)), index=found.table.index
            ),
        }

    def _say_between(self, weights: AllocationWeights, name: str) -> None:
        """Note what share of the variance lies between the sources: no more than that is known of it from them."""
        from spatial.disaggregation.choice import variance_between
        from spatial.disaggregation.uncertainty import known_parts

        ground = self.ground
        if ground is not None and len(ground.names):
            parts, attributes = known_parts(weights, ground.at_targets())
            shares = [variance_between(column, parts.mass, parts.source) for column in attributes.T]
            known = [share for share in shares if np.isfinite(share)]
            if known:
                self.notes.append(
                    f"{name}: of {len(known)} covariates, whose counts at the targets are known, {min(known):.0%} to "
                    f"{max(known):.0%} of the variance between targets (median {float(np.median(known)):.0%}) lies "
                    "between the sources; of the rest nothing is known but what the ancillary data tell"
                )
                return
        if name in self.choices:
            return  # printed below the table
        mass = np.nan_to_num(weights.details["mass"].to_numpy(dtype=np.float64))
        counts = self.sources[name].to_numpy(dtype=np.float64)
        share = variance_between(np.where(self.comparable, counts, np.nan), mass, self.blocks)
        if np.isfinite(share):
            self.notes.append(
                f"{name}: {share:.0%} of the variance between sources lies between the blocks of sources; below the "
                "sources nobody counted, and differences inside one of them are what the weights make them"
            )

    def _alpha(self, weights: AllocationWeights, name: str, zone_of: pd.Series | None = None) -> tuple[Alpha, str]:
        """Return alpha at the targets, or at the larger zones that ``zone_of`` puts them in."""
        from service.workflows.spread import Spread

        held = None
        if self.methods[name] in ("learned", "pycnophylactic") and self.ground is not None:
            if name not in self.choices:
                self._choose(name, self.ground.candidates(self.methods[name]), self.sources[name].to_numpy(np.float64))
            if name in self.choices:
                held = self.choices[name].masses[self.methods[name]].to_numpy(dtype=np.float64)
        task = self.task
        now = None if task.population is None else self.sources[task.population].to_numpy(dtype=np.float64)
        years = None if task.year == task.weights_year else (task.weights_year, task.year)
        spread = Spread(weights, self.ground, self.blocks, now, years, zone_of)
        alpha, basis = spread.alpha(self.sources[name], held)
        self.notes += [note for note in spread.notes if note not in self.notes]
        return alpha, basis

    def _origin(self) -> dict[str, pd.Series]:
        """Say of every target where its values come from: sources, and what they were shared by.

        The weakest of all columns counts; where columns differ each also has its own.
        """
        from spatial.disaggregation.lineage import target_provenance
        from spatial.disaggregation.totals import CASCADE

        # The matrix of means, by area, counts where there is no other.
        named = {name: m for name, m in {**self.matrices, **self.own}.items() if name} or self.matrices
        found = pd.DataFrame({name: target_provenance(m) for name, m in named.items()})
        rank = found.apply(lambda column: column.map([*CASCADE, "none"].index))
        out = {
            "sources": pd.Series(np.diff(next(iter(named.values())).matrix.tocsr().indptr), index=found.index),
            "provenance": rank.max(axis=1).map(dict(enumerate([*CASCADE, "none"]))),
        }
        if found.ne(found.iloc[:, 0], axis=0).any(axis=None):
            out |= {f"{name}_provenance": found[name] for name in found}
        return out | {"origin": pd.Series("modelled", index=found.index)}
