"""``sozialmonitor disaggregate``: bring columns of any layer to any other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geodata.errors import UsageError
from service.commands.text import columns, number, say, to_json, wrapped

if TYPE_CHECKING:
    from service.workflows.disaggregate import Outcome

METHODS = ["area", "dasymetric", "pycnophylactic", "refined", "learned", "auto"]
#: Sources whose audit is printed; those with a fallback or without a value come first, all are in the JSON.
ROWS = 15


@click.command()
@click.argument("sources", metavar="SOURCES")
@click.argument("targets", metavar="TARGETS")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--id", "id_field", help="Id column of SOURCES; default: features are numbered.")
@click.option("--target-id", help="Id column of TARGETS; default: features are numbered.")
@click.option("--extensive", default="", metavar="A,B", help="Columns of counts; sums are kept.")
@click.option("--rate", "rates", multiple=True, metavar="NUM/DEN", help="A rate of two columns; may be repeated.")
@click.option("--mean", "means", multiple=True, metavar="COL", help="A mean, weighted by area; may be repeated.")
@click.option(
    "--weights",
    metavar="FILE",
    help="Ancillary data: RASTER; LAYER (footprints, or one for each point); LAYER:COLUMN (a count of each feature); "
    "LAYER:COLUMN*area (per square metre, such as floors).",
)
@click.option("--covariates", default="", metavar="R1,R2", help="Rasters on the grid of --weights, to learn from.")
@click.option(
    "--benchmark",
    metavar="RASTER",
    help="Known totals on coarser cells, such as people on 1 km: --weights and --covariates are refined to them.",
)
@click.option("--method", type=click.Choice(METHODS), help="Default: auto with several methods at hand, else area.")
@click.option("--groups", metavar="COL", help="Column of SOURCES with a coarser zone, for comparing methods.")
@click.option("--year", type=int, help="Reference year of the columns.")
@click.option("--weights-year", type=int, help="Reference year of --weights.")
@click.option("--benchmark-year", type=int, help="Reference year of --benchmark.")
@click.option(
    "--population",
    metavar="COL",
    help="Column of SOURCES that counts in --year what the weights count in --weights-year; for --intervals.",
)
@click.option(
    "--intervals",
    type=click.FloatRange(50, 99.9),
    help="Percent: adds COL_lower, COL_upper and COL_indicative to each count, for example 90.",
)
@click.option(
    "--error",
    "errors",
    multiple=True,
    metavar="COL=SE",
    help="Column of SOURCES with the standard errors of a count from a sample, added to --intervals; may be repeated.",
)
@click.option(
    "--sums",
    metavar="COL",
    help="Column of TARGETS with a larger zone: writes sums with intervals of their own to OUT_COL. Those of targets "
    "cannot be added.",
)
@click.option(
    "--outside",
    type=click.Choice(["keep", "hand-over"]),
    default="keep",
    show_default=True,
    help="What of a source lies in no target (more than a sliver of 1 % of its mass) stays outside, or its targets get "
    "the whole of it.",
)
@click.option("--integers", is_flag=True, help="Whole numbers; sums are kept.")
@click.option("--cell-size", type=click.FloatRange(min=0, min_open=True), help="Metres, of the pycnophylactic grid.")
@click.option(
    "--sliver",
    type=click.FloatRange(0, 0.1),
    default=0.0,
    show_default=True,
    help="Pieces below this share of both zones are noise of borders drawn twice.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of what is drawn.")
@click.option(
    "--maps",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Writes PNG maps: values, what was counted, width of intervals, share known, what was shared by.",
)
@click.option(
    "--lang", "language", type=click.Choice(["de", "en"]), default="de", show_default=True, help="Language of --maps."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print methods, choices and audits as JSON.")
def disaggregate(
    sources: str,
    targets: str,
    out: Path,
    extensive: str,
    rates: tuple[str, ...],
    means: tuple[str, ...],
    errors: tuple[str, ...],
    covariates: str,
    method: str | None,
    maps: Path | None,
    language: str,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring columns of SOURCES to TARGETS, and write values, intervals, coverage and provenance to OUT.

    SOURCES and TARGETS are any vector files, or FILE|layername=LAYER as in QGIS, in one projected CRS. OUT ends in
    .gpkg, .geojson, .fgb, .parquet or .csv. The audit of every source's total goes to stderr.
    """
    from service.workflows.disaggregate import Task
    from service.workflows.disaggregate import disaggregate as run

    task = Task(
        sources,
        targets,
        extensive=_names(extensive),
        rates=tuple(_pair(rate) for rate in rates),
        errors=tuple(_error(text) for text in errors),
        means=tuple(name for group in means for name in _names(group)),
        covariates=_names(covariates),
        method=method or ("auto" if options["weights"] else "area"),
        **options,
    )
    outcome = run(task, out, overwrite=overwrite, maps=maps, language=language, say=say)
    if as_json:
        click.echo(to_json(_document(outcome, out)))
    _print_audits(outcome)
    _print_choices(outcome)
    for note in outcome.notes:
        for line in wrapped(note, "note: "):
            say(line)
    if not as_json:
        _print_methods(outcome)
        click.echo(out)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pair(text: str) -> tuple[str, str]:
    top, slash, bottom = text.partition("/")
    if not (top.strip() and slash and bottom.strip()):
        raise UsageError(
            f"expected NUMERATOR/DENOMINATOR, found {text!r}",
            where="--rate",
            hint="for example --rate unemployed/people",
        )
    return top.strip(), bottom.strip()


def _error(text: str) -> tuple[str, str]:
    count, equals, error = text.partition("=")
    if not (count.strip() and equals and error.strip()):
        raise UsageError(
            f"expected COL=COLUMN_WITH_ITS_STANDARD_ERROR, found {text!r}",
            where="--error",
            hint="for example --error unemployed=unemployed_se",
        )
    return count.strip(), error.strip()


def _print_audits(outcome: Outcome) -> None:
    for name, audit in outcome.audits.items():
        total, arrived, left = (float(audit[c].sum()) for c in ("total_in", "total_out", "outside"))
        line = f"audit of {name}: in {total:.10g}, out {arrived:.10g}, outside {left:.10g}"
        if left > 0:
            line = click.style(f"{line} ({left / total:.1%})", fg="red", bold=True)
        say(f"\n{line}")
        reached = audit.loc[audit["targets"] > 0, "provenance"]
        usual = reached.mode().iat[0] if len(reached) else "outside"
        # First those that lie in the targets in part, then other peculiar ones.
        partly = (audit["outside"] > 0) & (audit["total_out"] > 0)
        odd = (audit["provenance"] != usual) | audit["missing"] | audit["empty"] | (audit["outside"] > 0)
        told = audit.assign(odd=2 * partly + odd).sort_values("odd", ascending=False, kind="stable").head(ROWS)
        rows = [
            [source, *(number(row[c]) for c in ("total_in", "total_out", "outside", "difference")), row["provenance"]]
            for source, row in told.iterrows()
        ]
        headings = [str(audit.index.name or "source"), "total in", "total out", "outside", "difference", "by"]
        say(columns(headings, rows, right=frozenset(range(1, 5))))
        if len(audit) > ROWS:
            say(f"… and {len(audit) - ROWS} more, all in --json")


def _print_choices(outcome: Outcome) -> None:
    for name, choice in outcome.choices.items():
        say(f"\nmethods for {name}: {choice.hidden} sources hidden in {choice.blocks} blocks")
        figures = {"rtae": "RTAE", "rmse": "RMSE", "largest": "largest error", "behind": "behind", "se": "± SE"}
        if "coverage" in choice.table:
            figures |= {"coverage": "intervals hold", "interval_score": "interval score"}
        rows = [
            [method, *(number(row[column]) for column in figures), row["note"]]
            for method, row in choice.table.iterrows()
        ]
        say(columns(["method", *figures.values(), ""], rows, right=frozenset(range(1, len(figures) + 1))))
        if not math.isnan(choice.between):
            say(
                f"chosen: {choice.chosen}. {choice.between:.0%} of the variance of {name} between sources lies between "
                "the blocks; the rest is what ancillary data must explain"
            )


def _print_methods(outcome: Outcome) -> None:
    rows = [
        [name, method, int(outcome.table[name].notna().sum()), int(outcome.table[name].isna().sum())]
        for name, method in outcome.methods.items()
        if name in outcome.table
    ]
    click.echo(columns(["column", "method", "targets", "missing"], rows, right=frozenset([2, 3])))


def _document(outcome: Outcome, out: Path) -> dict[str, Any]:
    return {
        "out": str(out),
        "methods": outcome.methods,
        "choices": {
            name: {
                "chosen": choice.chosen,
                "blocks": choice.blocks,
                "hidden": choice.hidden,
                "between": choice.between,
                "table": choice.table.to_dict("index"),
            }
            for name, choice in outcome.choices.items()
        },
        "audits": {
            name: [{"source": source, **row} for source, row in audit.to_dict("index").items()]
            for name, audit in outcome.audits.items()
        },
        "indicative": sorted(outcome.indicative),
        "sums": None if outcome.sums is None else outcome.sums.to_dict("index"),
        "notes": list(outcome.notes),
    }
