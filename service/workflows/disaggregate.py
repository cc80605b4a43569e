"""Bring columns of any layer to any other, without a county: values, intervals, coverage and provenance per target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodata.crs import require_same
from geodata.errors import UsageError, some
from geodata.zones import read_zones, require_writable, write_zones
from service.workflows.ground import METHODS, require_grid

if TYPE_CHECKING:
    import pandas as pd

    from spatial.disaggregation.assembly import Allocate
    from spatial.disaggregation.choice import CrossValidation


#: How ``--outside`` reads the total of a source that lies in the targets in part, and what the matrices call it.
OUTSIDE: dict[str, Allocate] = {"keep": "inside", "hand-over": "covered"}


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
    weights_year, benchmark_year, year : int or None
        Reference years of the ancillary data, of the totals they are refined to, and of the counts.
    population : str or None
        Column of the sources that counts in ``year`` what the weights count in ``weights_year``; what changed between
        the two widens the intervals.
    groups : str or None
        Column of the sources with a coarser zone, whose sources are hidden together when methods are compared.
    intervals : float or None
        Percent.
    errors : tuple of (str, str)
        Column of counts and column of its standard errors, where the sources are estimates of a sample.
    sums : str or None
        Column of the targets with a larger zone, whose sums get intervals of their own.
    integers : bool
        Whole numbers whose sums per source are kept.
    outside : {"keep", "hand-over"}
        What lies in no target stays outside unless it is a sliver, or the targets get whole sources.
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
    benchmark_year: int | None = None
    year: int | None = None
    population: str | None = None
    groups: str | None = None
    intervals: float | None = None
    errors: tuple[tuple[str, str], ...] = ()
    sums: str | None = None
    integers: bool = False
    seed: int = 1
    min_coverage: float = 0.5
    cell_size: float | None = None
    sliver: float = 0.0
    outside: str = "keep"

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
    sums : pandas.DataFrame or None
        Indexed by larger zone: sums of the counts with intervals of their own.
    """

    table: pd.DataFrame
    audits: dict[str, pd.DataFrame]
    methods: dict[str, str]
    choices: dict[str, CrossValidation] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    indicative: frozenset[str] = frozenset()
    sums: pd.DataFrame | None = None


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
        Of the maps and of the style in a GeoPackage.
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
    files = [out] if task.sums is None else [out, sums_path(out, task.sums)]
    for path in files:
        require_writable(path, overwrite=overwrite)
    _require_sense(task)
    require_grid(task.weights, task.covariates, task.benchmark)
    extra = [*([task.population] if task.population is not None else []), *(error for _, error in task.errors)]
    numbers = list(dict.fromkeys([*task.counts, *task.means, *extra]))
    sources = read_zones(task.sources, id_field=task.id_field, numbers=numbers)
    targets = read_zones(task.targets, id_field=task.target_id)
    require_same(sources, targets, f"{task.sources} and {task.targets}")
    say(f"{len(sources)} sources ({task.sources}), {len(targets)} targets ({task.targets})")
    from service.workflows.disaggregate_job import Job
    from service.workflows.disaggregate_notes import require_counts

    job = Job(task, sources, targets, say, notes=require_counts(task, sources))
    outcome = job.run()
    frame = targets[["geometry"]].join(_whole(outcome.table, task))
    frame.index.name = targets.index.name
    metadata = {
        **task.as_dict(),
        "methods": outcome.methods,
        "choices": {name: choice.table.to_dict("index") for name, choice in outcome.choices.items()},
        "chosen": {name: choice.chosen for name, choice in outcome.choices.items()},
        "origin": "modelled",
        "indicative": sorted(outcome.indicative),
        "notes": list(outcome.notes),
    }
    from service.workflows.disaggregate_style import style_of

    style = style_of(frame, task, language) if out.suffix.lower() == ".gpkg" else None
    write_zones(out, frame, metadata=metadata, style=style)
    if outcome.sums is not None:
        shapes = targets[["geometry"]].dissolve(by=job.zone_of.reindex(targets.index).to_numpy())
        write_zones(files[1], shapes.rename_axis(task.sums).join(outcome.sums), metadata=metadata)
        say(f"sums: {files[1]}")
    if maps is not None:
        from service.workflows.diagnostics import write_maps

        for path in write_maps(maps, task, outcome, sources, targets, language):
            say(f"map: {path}")
    return outcome


def _whole(table: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return counts and their bounds as whole numbers, missing ones included, where that was asked for."""
    if not task.integers:
        return table
    names = [f"{name}{end}" for name in task.extensive for end in ("", "_lower", "_upper")]
    return table.astype({name: "Int64" for name in names if name in table})


def sums_path(out: Path, column: str) -> Path:
    """Return where sums by a larger zone are written: beside OUT, with the name of the column.

    Examples
    --------
    >>> sums_path(Path("cells.gpkg"), "ortsteil").name
    'cells_ortsteil.gpkg'
    """
    return out.with_name(f"{out.stem}_{column}{out.suffix}")


def _require_sense(task: Task) -> None:
    """Refuse what contradicts itself before any file is read.

    Raises
    ------
    UsageError
        An option needs another one, or there is nothing to bring down.
    """
    if task.outside not in OUTSIDE:
        raise UsageError(f"expected one of {', '.join(OUTSIDE)}, found {task.outside!r}", where="--outside")
    if task.method not in METHODS:
        raise UsageError(f"expected one of {', '.join(METHODS)}, found {task.method!r}", where="--method")
    if not (task.counts or task.means):
        raise UsageError(
            "expected columns to bring down, found none",
            where="disaggregate",
            hint="name --extensive, --rate or --mean",
        )
    named = [*task.extensive, *task.means]
    if len(set(named)) < len(named):
        raise UsageError(
            f"expected every column once, found {some(sorted({n for n in named if named.count(n) > 1}))} twice in "
            "--extensive and --mean",
            where="--extensive, --mean",
            hint="a count is shared out and a mean is averaged: a column is one of the two",
        )
    if task.population is not None and (task.weights is None or task.year is None or task.weights_year is None):
        raise UsageError(
            "expected --weights, --year and --weights-year with --population, found fewer",
            where="--population",
            hint="it tells how much changed between the year of the weights and that of the columns",
        )
    if task.benchmark_year is not None and task.benchmark is None:
        raise UsageError(
            "expected --benchmark with --benchmark-year, found none",
            where="--benchmark-year",
            hint="it is the year of the totals that --weights are refined to",
        )
    for option, given in (("--error", bool(task.errors)), ("--sums", task.sums is not None)):
        if given and (task.intervals is None or not task.extensive):
            raise UsageError(
                f"expected --intervals and --extensive with {option}, found fewer",
                where=option,
                hint="sampling errors and sums widen or add intervals of counts, for example --intervals 90",
            )
    counts = [count for count, _ in task.errors]
    wrong = [count for count in counts if count not in task.extensive or counts.count(count) > 1]
    if wrong:
        raise UsageError(
            f"expected columns of --extensive, each once, found {wrong[0]!r}",
            where="--error",
            hint="write COL=COLUMN_WITH_ITS_STANDARD_ERROR",
        )
