"""``sozialmonitor index`` and ``sozialmonitor index check``: an index of any table or layer, and what speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from geodata.errors import UsageError
from service.commands.text import columns, number, say, to_json, wrapped

if TYPE_CHECKING:
    from service.workflows.index_check import CheckAnswer
    from service.workflows.index_file import IndexAnswer
    from service.workflows.index_task import IndexTask

PRESETS = ["mss", "rise", "gisd", "iod"]
NORMALISATIONS = ["z", "min-max", "rank", "percentile", "goalposts"]
AGGREGATIONS = ["arithmetic", "geometric", "harmonic", "minimum"]
RULES = ["sd", "quantile", "equal", "jenks", "fixed"]
#: Excluded areas that are written out.
ROWS = 20

F = TypeVar("F", bound=Callable[..., Any])


class WithSubcommand(click.Command):
    """A command that hands its arguments to another one where the first of them is that one's name."""

    subcommands: dict[str, click.Command] = {}  # noqa: RUF012 - filled where the commands are defined

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        """Return the context of this command, or of the one that is named first.

        Parameters
        ----------
        info_name : str or None
        args : list of str
        parent : click.Context, optional
        **extra
            As of :class:`click.Command`.

        Returns
        -------
        click.Context
        """
        if args and args[0] in self.subcommands:
            name = args[0]
            return self.subcommands[name].make_context(f"{info_name} {name}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _indicators(command: F) -> F:
    """Add the options that say what an index is made of."""
    return _added(
        command,
        click.option("--id", "id_field", required=True, metavar="COL", help="Column with a unique id."),
        click.option("--status", metavar="COL,COL", help="Indicators; high means more disadvantage, see --invert."),
        click.option("--population", metavar="COL", help="Column with the inhabitants."),
        click.option("--floor", type=click.FloatRange(min=0), help="Fewest inhabitants; mss and rise: 300."),
        click.option(
            "--exclude", metavar="CONDITION", help="Areas that leave before anything is computed: \"KOM != 'gültig'\"."
        ),
        click.option(
            "--missing",
            metavar="N,N|none",
            help="Numbers that stand for no value.  [default: -9999; -999, -99 beside no other negative number]",
        ),
        click.option("--invert", metavar="COL,COL", help="Indicators on which high means less disadvantage."),
        click.option("--weights", metavar="COL=W,COL=W", help="Weight of each indicator (iod: of each domain)."),
        click.option(
            "--sd", type=click.Choice(["population", "sample"]), help="Standard deviation; default: preset's."
        ),
    )


def _outputs(command: F) -> F:
    """Add the options that both commands end with."""
    return _added(
        command,
        click.option("--lang", "language", type=click.Choice(["de", "en"]), default="de", help="Of the figure."),
        click.option("--overwrite", is_flag=True, help="Replace files that exist."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    )


def _added(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    cls=WithSubcommand,
    epilog="Example: sozialmonitor index areas.csv index.csv --id key --status S1,S3,S4 --dynamics D1,D3,D4 "
    "--exclude \"KOM != 'gültig'\". `sozialmonitor index check --help`: do the indicators belong together?",
)
@click.argument("source", metavar="INPUT")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@_indicators
@click.option("--preset", type=click.Choice(PRESETS), default="mss", show_default=True)
@click.option("--dynamics", metavar="COL,COL", help="Columns with the change of each indicator in percentage points.")
@click.option(
    "--dimension", "dimensions", multiple=True, metavar="NAME=COL,COL", help="gisd: a dimension; iod: a domain."
)
@click.option("--marker", metavar="COL", help="gisd: column that fixes the sign of each dimension.")
@click.option("--name", "name_field", metavar="COL", help="Column with names, kept beside the id.")
@click.option("--normalisation", type=click.Choice(NORMALISATIONS), default="z", show_default=True)
@click.option("--goalposts", metavar="COL=LOW:HIGH,…", help="Fixed ends of each indicator, for that normalisation.")
@click.option("--aggregation", type=click.Choice(AGGREGATIONS), default="arithmetic", show_default=True)
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the weight that must be known; below 1 gives partial scores, marked so.",
)
@click.option("--class-rule", type=click.Choice(RULES), default="sd", show_default=True)
@click.option("--cuts", metavar="N,N,…", help="For sd (multiples) and fixed; default: the preset's.")
@click.option("--classes", type=click.IntRange(2, 20), help="For quantile, equal and jenks.  [default: 5]")
@click.option("--labels", metavar="TEXT,TEXT", help="Of the classes, from the least to the most disadvantage.")
@click.option("--quantile-type", type=click.IntRange(1, 9), default=7, show_default=True)
@click.option(
    "--variants", type=click.IntRange(0, 1_000_000), default=0, help="How sure are ranks and classes: so many."
)
@click.option(
    "--spread",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.25,
    show_default=True,
    help="With --variants: weights from 1 − spread to 1 + spread.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the variants.")
@click.option(
    "--figure",
    metavar="FILE.png",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --variants: also draw rank intervals and class probabilities (.png, .svg or .pdf).",
)
@_outputs
def index(
    source: str, out: Path, figure: Path | None, language: str, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Compute an index of a table or layer, and write one row an area with score, rank, class and contributions to OUT.

    INPUT is a CSV file, a workbook, a Parquet file or any vector file, or FILE|layername=LAYER; OUT ends in .gpkg,
    .geojson, .fgb, .parquet or .csv. Signs that stand for a value become missing, and are told. Areas that are left out
    keep their row, with the reason.
    """
    from service.workflows.index_file import compute_index

    task = _task(source, options)
    answer = compute_index(task, out, figure=figure, language=language, overwrite=overwrite, say=say)
    _notes(answer.notes)
    if as_json:
        drawn = {} if figure is None else {"figure": str(figure)}
        click.echo(to_json({**_told(answer), "out": str(out), **drawn}))
        return
    _print(answer)
    click.echo(out)
    if figure is not None:
        click.echo(figure)


@click.command(
    epilog="Example: sozialmonitor index check areas.csv --id key --status poor,idle,employed --invert employed "
    "--figure check.png"
)
@click.argument("source", metavar="INPUT")
@_indicators
@click.option(
    "--out",
    metavar="FILE.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write one row an indicator: checks, loadings, correlations.",
)
@click.option(
    "--figure",
    metavar="FILE.png",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw correlations, loadings and leaving one out (.png, .svg or .pdf).",
)
@_outputs
def check(
    source: str,
    out: Path | None,
    figure: Path | None,
    language: str,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Check whether the indicators of an index belong together.

    Correlations, Cronbach's alpha with and without each indicator, loadings on principal components, indicators that
    pull against the rest, what each really weighs, and what leaving it out does to ranks and classes (of preset mss).
    Everything stands on the areas that have all indicators. None of it is a verdict.
    """
    from service.workflows.index_check import check_file

    task = _task(source, options)
    answer = check_file(task, out=out, figure=figure, language=language, overwrite=overwrite, say=say)
    _notes(answer.notes)
    if as_json:
        click.echo(to_json(_checked(answer, out, figure)))
        return
    _print_check(answer)
    for path in (out, figure):
        if path is not None:
            click.echo(path)


WithSubcommand.subcommands["check"] = check


def _checked(answer: CheckAnswer, out: Path | None, figure: Path | None) -> dict[str, Any]:
    result = answer.result
    return {
        "areas": result.areas,
        "alpha": result.alpha,
        "indicators": {name: dict(row) for name, row in result.indicators.astype(object).iterrows()},
        "correlations": result.correlations.to_dict(),
        "rank_correlations": result.rank_correlations.to_dict(),
        "loadings": result.loadings.to_dict(),
        "explained": result.explained.to_dict(),
        "findings": list(answer.findings),
        "excluded": answer.excluded,
        "notes": list(answer.notes),
        **({} if out is None else {"out": str(out)}),
        **({} if figure is None else {"figure": str(figure)}),
    }


def _print_check(answer: CheckAnswer) -> None:
    result = answer.result
    alpha = number(result.alpha, 3) or "–"
    click.echo(f"{result.areas} areas with all indicators, {len(answer.excluded)} left out; Cronbach's alpha {alpha}\n")
    headings = ["indicator", "r with rest", "share", "alpha without", "rank r without", "largest shift", "other class"]
    keys = ["with_rest", "share", "alpha_without", "rank_correlation", "largest_shift", "classes_changed"]
    table = result.indicators
    rows = [
        [name, *(None if table.isna().loc[name, key] else number(float(table.loc[name, key]), 3) for key in keys)]
        for name in table.index
    ]
    click.echo(columns(headings, rows, right=frozenset(range(1, 7))))
    click.echo("share: of the variance of the score; the last three: what leaving the indicator out does to the index")
    names = [str(name) for name in table.index]
    for title, matrix in (("correlations", result.correlations), ("loadings", result.loadings.iloc[:, :4])):
        cells = [[name, *(f"{value:.2f}" for value in matrix.loc[name])] for name in names]
        click.echo("")
        click.echo(columns([title, *map(str, matrix.columns)], cells, right=frozenset(range(1, len(names) + 1))))
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result.explained.head(4).items())
    click.echo(f"variance explained: {shares}")
    for finding in answer.findings:
        click.echo("")
        for line in wrapped(finding, "look at: "):
            click.echo(line)


def _task(source: str, options: dict[str, Any]) -> IndexTask:
    from service.workflows.index_task import IndexTask

    given = dict(options)
    for name in ("status", "dynamics", "invert", "labels"):
        if name in given:
            given[name] = _names(given[name])
    given["weights"] = tuple(
        (name, _float(value, "--weights")) for name, value in _pairs(given["weights"], "--weights")
    )
    missing = (given["missing"] or "").strip()
    given["missing"] = None if not missing else ()
    if missing and missing.lower() != "none":
        given["missing"] = tuple(_float(part, "--missing") for part in _names(missing))
    if "cuts" in given:
        given["cuts"] = tuple(_float(part, "--cuts") for part in _names(given["cuts"]))
    if "goalposts" in given:
        given["goalposts"] = tuple(_ends(name, ends) for name, ends in _pairs(given["goalposts"], "--goalposts"))
    if "dimensions" in given:
        given["dimensions"] = tuple(_dimension(text) for text in given["dimensions"])
    return IndexTask(source, **given)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _pairs(text: str | None, option: str) -> list[tuple[str, str]]:
    found = []
    for part in _names(text):
        name, equals, value = part.rpartition("=")
        if not (name.strip() and equals and value.strip()):
            raise UsageError(
                f"expected COL=VALUE, found {part!r}", where=option, hint=f"for example {option} S1=2,S3=1"
            )
        found.append((name.strip(), value.strip()))
    return found


def _float(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"expected a number with a decimal point, found {text!r}", where=option) from error


def _ends(name: str, text: str) -> tuple[str, float, float]:
    low, colon, high = text.partition(":")
    if not colon:
        raise UsageError(
            f"expected COL=LOW:HIGH, found {name}={text}", where="--goalposts", hint="for example --goalposts S1=0:20"
        )
    return name, _float(low, "--goalposts"), _float(high, "--goalposts")


def _dimension(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, parts = text.partition("=")
    if not (name.strip() and equals and _names(parts)):
        raise UsageError(
            f"expected NAME=COL,COL, found {text!r}",
            where="--dimension",
            hint="for example --dimension income=poor,debtors",
        )
    return name.strip(), _names(parts)


def _notes(notes: Sequence[str]) -> None:
    for note in notes:
        for line in wrapped(note, "note: "):
            say(line)


def _told(answer: IndexAnswer) -> dict[str, Any]:
    groups = answer.groups
    return {
        **answer.document,
        "areas": len(answer.table),
        "scored": int(answer.table["score"].notna().sum()),
        "classes": answer.classes,
        "dynamics_classes": answer.dynamics,
        "groups": None
        if groups is None
        else {s: {str(d): int(n) for d, n in row.items()} for s, row in groups.iterrows()},
        "excluded": answer.excluded,
        "notes": list(answer.notes),
    }


def _print(answer: IndexAnswer) -> None:
    scored = int(answer.table["score"].notna().sum())
    click.echo(f"{scored} of {len(answer.table)} areas have a score, high = more disadvantage")
    click.echo(columns(["class", "areas"], answer.classes.items(), right=frozenset([1])))
    if answer.groups is not None:
        groups = answer.groups
        rows = [[state, *(int(n) for n in row)] for state, row in zip(groups.index, groups.to_numpy(), strict=True)]
        click.echo("")
        click.echo(columns(["status × dynamics", *groups.columns], rows, right=frozenset(range(1, 4))))
    elif answer.dynamics:
        click.echo(columns(["dynamics", "areas"], answer.dynamics.items(), right=frozenset([1])))
    if answer.sensitivity is not None:
        _print_variants(answer)
    if answer.excluded:
        click.echo("\nleft out:")
        for area, why in list(answer.excluded.items())[:ROWS]:
            click.echo(f"  {area}  {why}")
        if len(answer.excluded) > ROWS:
            click.echo(f"  … and {len(answer.excluded) - ROWS} more, all in --json and in the column excluded")


def _print_variants(answer: IndexAnswer) -> None:
    if answer.sensitivity is None:
        raise RuntimeError("variants without a result")
    found = answer.sensitivity
    worst = found.labels[-1]
    table = found.table
    own = table[table["status_class"] == worst].sort_values("rank")
    click.echo(f"\n{found.variants} variants, rank intervals of {found.level:.0%}; areas of the class {worst!r}:")
    rows = [
        [area, row["rank"], f"{row['rank_low']}–{row['rank_high']}", f"{row['worst']:.0%}"]
        for area, row in own.head(ROWS).iterrows()
    ]
    click.echo(columns(["area", "rank", "from–to", f"in {worst!r}"], rows, right=frozenset([1, 2, 3])))
    if len(own) > ROWS:
        click.echo(f"… and {len(own) - ROWS} more, all in the output")
    sure = float((table["class_probability"] >= 0.9).mean())
    click.echo(f"{number(100 * sure, 3)} % of the areas keep their class in at least 90 % of the variants")
