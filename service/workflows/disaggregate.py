"""Bring columns of any layer to any other, without a county: values, intervals, coverage and provenance per target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, ConfigError, SpatialError, some
from geodata.zones import read_zones, require_writable, write_zones
from service.workflows.ground import METHODS, Ground, lay_out, require_grid

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from spatial.disaggregation.choice import CrossValidation
    from spatial.disaggregation.concentration import Alpha
    from spatial.disaggregation.transfer import AllocationWeights


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be brought where; names as on the command line.

    Attributes
    ----------
    sources, targets : str
        Vector files, or ``FILE|layername=LAYER``.
    id_field, target_id : str or None
        Columns with the ids.
    extensive : tuple of str
        Columns of counts.
    rates : tuple of (str, str)
        Numerator and denominator.
    means : tuple of str
        Columns of means, to be weighted by area.
    weights, covariates, benchmark, method, cell_size : see :func:`service.workflows.ground.lay_out`
    weights_year, year : int or None
        Reference years of the ancillary data and of the counts.
    population : str or None
        Column of the sources that counts in ``year`` what the weights count in ``weights_year``; what changed between
        the two widens the intervals.
    groups : str or None
        Column of the sources with a coarser zone, whose sources are hidden together when methods are compared.
    intervals : float or None
        Percent.
    integers : bool
        Whole numbers whose sums per source are kept.
    seed : int
        Reserved for what is drawn; results without draws do not depend on it.
    min_coverage : float
        Share of a target's denominator that must be known for a rate.
    """

    sources: str
    targets: str
    id_field: str | None = None
    target_id: str | None = None
    extensive: tuple[str, ...] = ()
    rates: tuple[tuple[str, str], ...] = ()
    means: tuple[str, ...] = ()
    weights: str | None = None
    covariates: tuple[str, ...] = ()
    benchmark: str | None = None
    method: str = "auto"
    weights_year: int | None = None
    year: int | None = None
    population: str | None = None
    groups: str | None = None
    intervals: float | None = None
    integers: bool = False
    seed: int = 1
    min_coverage: float = 0.5
    cell_size: float | None = None
    sliver: float = 0.0

    @property
    def counts(self) -> tuple[str, ...]:
        """All columns that are counts, each once, in the order given."""
        parts = [column for pair in self.rates for column in pair]
        return tuple(dict.fromkeys([*self.extensive, *parts]))

    def as_dict(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {
            **{name: value for name, value in said.items() if value not in (None, (), False)},
            "sozialmonitor": version("sozialmonitor"),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was computed.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by target id: what is written beside the geometry.
    audits : dict of str to pandas.DataFrame
        Per counted column: totals in and out of every source.
    choices : dict of str to CrossValidation
        Per column: what the method was chosen from.
    methods : dict of str to str
    notes : tuple of str
    indicative : frozenset of str
        Columns whose intervals rest on too little to be called more than indicative.
    """

    table: pd.DataFrame
    audits: dict[str, pd.DataFrame]
    methods: dict[str, str]
    choices: dict[str, CrossValidation] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    indicative: frozenset[str] = frozenset()


def disaggregate(
    task: Task,
    out: Path,
    *,
    overwrite: bool = False,
    maps: Path | None = None,
    language: str = "de",
    say: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Read, share out, and write.

    Parameters
    ----------
    task : Task
        What is to be brought where.
    out : pathlib.Path
        Where to; the ending chooses the format.
    overwrite : bool
        Replace a file of this name.
    maps : pathlib.Path, optional
        Folder for maps, see :func:`service.workflows.diagnostics.write_maps`.
    language : {"de", "en"}
        Of the maps.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    Outcome

    Raises
    ------
    SozialmonitorError
        An input or the output is not what is expected; nothing is written then.
    """
    require_writable(out, overwrite=overwrite)
    if task.method not in METHODS:
        raise ConfigError(f"expected one of {', '.join(METHODS)}, found {task.method!r}", where="--method")
    if not (task.counts or task.means):
        raise ConfigError(
            "expected columns to bring down, found none",
            where="disaggregate",
            hint="name --extensive, --rate or --mean",
        )
    if task.population is not None and (task.weights is None or task.year is None or task.weights_year is None):
        raise ConfigError(
            "expected --weights, --year and --weights-year with --population, found fewer",
            where="--population",
            hint="it tells how much changed between the year of the weights and that of the columns",
        )
    require_grid(task.weights, task.covariates, task.benchmark)
    extra = [task.population] if task.population is not None else []
    numbers = list(dict.fromkeys([*task.counts, *task.means, *extra]))
    sources = read_zones(task.sources, id_field=task.id_field, numbers=numbers)
    targets = read_zones(task.targets, id_field=task.target_id)
    say(f"{len(sources)} sources ({task.sources}), {len(targets)} targets ({task.targets})")
    outcome = _Job(task, sources, targets, say).run()
    frame = targets[["geometry"]].join(outcome.table)
    frame.index.name = targets.index.name
    metadata = {
        **task.as_dict(),
        "methods": outcome.methods,
        "choices": {name: choice.table.to_dict("index") for name, choice in outcome.choices.items()},
        "origin": "modelled",
        "indicative": sorted(outcome.indicative),
        "notes": list(outcome.notes),
    }
    write_zones(out, frame, metadata=metadata)
    if maps is not None:
        from service.workflows.diagnostics import write_maps

        for path in write_maps(maps, task, outcome, sources, targets, language):
            say(f"map: {path}")
    return outcome


def _blocks(task: Task, sources: gpd.GeoDataFrame, comparable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the block of each source: the coarser zone it lies in, or one of those that lie together.

    Sources that methods can be judged by are in blocks of their own.
    """
    from geodata.readers.vector import read_features
    from geodata.zones import split_layer
    from spatial.disaggregation.choice import make_blocks

    if task.groups is None:
        centres = sources.geometry.centroid
        points = np.column_stack([centres.x, centres.y])
        made = np.zeros(len(sources), dtype=np.int64)
        made[comparable] = make_blocks(points[comparable])
        made[~comparable] = len(sources) + make_blocks(points[~comparable])
        return np.unique(made, return_inverse=True)[1].astype(np.int64)
    path, layer = split_layer(task.sources)
    frame = read_features(path, layer=layer, where=task.sources)
    if task.groups not in frame:
        raise ColumnError(
            f"expected a column {task.groups!r}, found {some([c for c in frame.columns if c != 'geometry'], 12)}",
            where=task.sources,
            hint="--groups names the coarser zone of each source",
        )
    blocks = pd.factorize(frame[task.groups].astype("str"))[0].astype(np.int64)
    if np.bincount(blocks).max() < 2:
        raise ConfigError(
            f"expected a coarser zone with several sources, found another value of {task.groups!r} in each of them",
            where="--groups",
            hint="leave it out: then sources that lie together form blocks",
        )
    return blocks


class _Job:
    """One call: atoms once, a matrix for each method and variable that needs its own."""

    def __init__(
        self,
        task: Task,
        sources: gpd.GeoDataFrame,
        targets: gpd.GeoDataFrame,
        say: Callable[[str], None],
    ) -> None:
        self.task, self.sources, self.targets, self.say = task, sources, targets, say
        self.notes: list[str] = []
        self.indicative: set[str] = set()
        self.choices: dict[str, CrossValidation] = {}
        self.methods: dict[str, str] = {}
        self.matrices: dict[str, AllocationWeights] = {}
        self.shared: AllocationWeights | None = None
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
        self.blocks = _blocks(task, sources, self.comparable)

    def run(self) -> Outcome:
        """Bring every column down."""
        task = self.task
        out: dict[str, pd.Series] = {}
        audits: dict[str, pd.DataFrame] = {}
        for name in task.extensive:
            weights = self.weights(name)
            out[name] = self._count(weights, name)
            out[f"{name}_kappa"] = self._kappa(weights, name)
            audits[name] = weights.audit(self.sources[name])
            if task.intervals is not None:
                out |= self._intervals(weights, name)
        for numerator, denominator in task.rates:
            out |= self._rate(numerator, denominator, audits)
        for name in task.means:
            out |= self._mean(name)
        main = next(iter(self.matrices.values()))
        out |= self._origin(main)
        gaps = [gap for m in self.matrices.values() if (gap := m.years_apart(task.year)) is not None]
        apart = max(gaps, key=lambda gap: gap[1], default=None)
        if apart is not None:
            self.notes.append(
                f"the ancillary data are of {apart[0]}, the values of {task.year}: {apart[1]} years apart"
            )
        table = pd.DataFrame(out, index=self.targets.index)
        notes, indicative = tuple(self.notes), frozenset(self.indicative)
        return Outcome(table, audits, self.methods, self.choices, notes, indicative)

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
                found = area_weights(self.sources, self.targets, names=(task.sources, task.targets), sliver=task.sliver)
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
        self.matrices[name] = ground.atoms.weights(
            mass, method=chosen.name, ancillary_year=None if chosen.name == "area" else ground.year, mask=mask
        )
        return self.matrices[name]

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

    def _kappa(self, weights: AllocationWeights, name: str) -> pd.Series:
        """Return the share of each target's mass that lies in sources with a value; NaN where it has no mass."""
        mass = np.nan_to_num(weights.details["mass"].to_numpy(dtype=np.float64))
        known = mass * ~np.isnan(weights.align(self.sources[name]))
        whole, there = weights.matrix @ mass, weights.matrix @ known
        return pd.Series(np.divide(there, whole, out=np.full_like(whole, np.nan), where=whole > 0), weights.target_ids)

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
            top = own.apply(self.sources[numerator])
            bottom = weights.apply(self.sources[denominator])
            rate = (top / bottom.where(bottom > 0)).where(table["rate"].notna())
            self.methods[label] = "own weights of the numerator (learned)"
            audits.setdefault(numerator, own.audit(self.sources[numerator]))
        audits[denominator] = weights.audit(self.sources[denominator])
        distinct = distinct_values(rate.to_numpy(dtype=np.float64))
        self.notes.append(f"{label}: {distinct} distinct values from {len(self.sources)} sources")
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
        return ground.atoms.weights(
            learned.fit(ground.atoms.source, counts), method="learned", ancillary_year=ground.year
        )

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

    def _intervals(self, weights: AllocationWeights, name: str) -> dict[str, pd.Series]:
        from spatial.disaggregation.uncertainty import intervals

        alpha, basis = self._alpha(weights, name)
        found = intervals(weights, self.sources[name], alpha, level=self.level or 0.9)
        if found.indicative or basis:
            self.indicative.add(name)
        indicative = "indicative, " if name in self.indicative else ""
        self.notes.append(
            f"{name}: {self.task.intervals:g} % intervals, {indicative}alpha {np.exp(alpha.log_mean):.4g} "
            f"({basis or f'learned from {alpha.attributes} covariates at the targets'})"
        )
        return {f"{name}_lower": found.table["lower"], f"{name}_upper": found.table["upper"]}

    def _alpha(self, weights: AllocationWeights, name: str) -> tuple[Alpha, str]:
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
        spread = Spread(weights, self.ground, self.blocks, now, years)
        alpha, basis = spread.alpha(self.sources[name], held)
        self.notes += spread.notes
        return alpha, basis

    def _origin(self, weights: AllocationWeights) -> dict[str, pd.Series]:
        """Say of every target where its values come from: sources, worst fallback, share of its area in sources."""
        from spatial.disaggregation.transfer import CASCADE

        matrix = weights.matrix.tocsr()
        fed = np.diff(matrix.indptr)
        rank = weights.provenance.map(CASCADE.index).to_numpy()
        rows = np.repeat(np.arange(matrix.shape[0]), fed)
        worst = np.full(matrix.shape[0], -1)
        used = matrix.data > 0
        np.maximum.at(worst, rows[used], rank[matrix.indices[used]])
        names = np.array([*CASCADE, "none"], dtype=object)
        index = weights.target_ids
        return {
            "sources": pd.Series(fed, index=index),
            "provenance": pd.Series(names[worst], index=index),
            "origin": pd.Series("modelled", index=index),
        }
