"""``sozialmonitor hotspots`` and ``sozialmonitor autocorrelation``: tests of any vector file."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from geodata.errors import UsageError
from service.commands.text import columns, number, say, to_json, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from service.workflows.question import Answer, Question
    from spatial.results import LocalResult

LOCAL = ["local-moran", "gi", "gi-star", "local-geary", "join-count", "bivariate-moran"]
GLOBAL = ["moran", "geary", "getis-ord", "join-count", "bivariate-moran"]
#: Labels in the order in which they are told.
ORDER = [
    "High-High",
    "hot",
    "positive",
    "Low-Low",
    "cold",
    "other positive",
    "High-Low",
    "Low-High",
    "negative",
    "not significant",
    "no label",
]

EXAMPLES = {"--missing": "-9999,-1", "--correlogram": "0,500,1000,2000"}

F = TypeVar("F", bound=Callable[..., Any])


def _shared(command: F) -> F:
    """Add the options that both commands have."""
    options = [
        click.option("--id", "id_field", help="Column with a unique id; default: features are numbered."),
        click.option(
            "--value", required=True, metavar="COL[,COL]", help="Column to test; counts, where --by is given."
        ),
        click.option("--by", help="Column with the population: rates are tested, by empirical Bayes."),
        click.option("--rare", is_flag=True, help="With --by: rare events that are no part of the population."),
        click.option(
            "--weights",
            default="queen",
            show_default=True,
            metavar="NAME[:N]",
            help="queen, rook, fuzzy:METRES (1), knn:N (6), distance:METRES or kernel:METRES.",
        ),
        click.option("--transform", type=click.Choice(["r", "b"]), help="Weights by row, or binary."),
        click.option(
            "--islands",
            type=click.Choice(["leave", "nearest", "drop"]),
            default="leave",
            show_default=True,
            help="What becomes of areas without neighbours: not tested, joined with the nearest, or left out of OUT.",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the permutations."),
        click.option(
            "--support",
            metavar="SOURCES",
            help="Layer that the values were handed down from, with the same columns: the test is made there. Counts "
            "need --by; values without it are taken as means.",
        ),
        click.option(
            "--missing",
            metavar="N[,N]",
            help="Numbers that stand for no value, such as -9999; none: every number is a value.",
        ),
        click.option("--support-id", help="Id column of that layer; default: that of --id."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    epilog="Example: sozialmonitor hotspots areas.gpkg out.gpkg --id key --value cases --by people --map out.png"
)
@click.argument("source", metavar="INPUT")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--statistic", type=click.Choice(LOCAL), default="local-moran", show_default=True)
@click.option("--permutations", type=click.IntRange(1, 10_000_000), default=99_999, show_default=True)
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True)
@click.option("--correction", type=click.Choice(["fdr", "by", "none"]), default="fdr", show_default=True)
@click.option(
    "--map",
    "picture",
    metavar="FILE.png",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw a map for print (.png, .svg or .pdf): labels with counts, method, what is exploratory.",
)
@click.option(
    "--lang",
    "language",
    type=click.Choice(["de", "en"]),
    default="de",
    show_default=True,
    help="Of the map, and of the style with which QGIS opens a GeoPackage.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT, and the map, if they exist.")
@_shared
def hotspots(
    source: str,
    out: Path,
    value: str,
    overwrite: bool,
    as_json: bool,
    picture: Path | None,
    language: str,
    **options: Any,
) -> None:
    """Test every area of a vector file for clusters, and write statistics and labels with its geometry to OUT.

    INPUT is any vector file, or FILE|layername=LAYER as in QGIS; OUT ends in .gpkg, .geojson, .fgb, .parquet or .csv.
    The defaults of weights, alpha, correction and islands are the preset. Whatever differs from it is marked as
    exploratory: in what is printed, in OUT and on the map.
    """
    from service.workflows.clusters import find_hotspots

    question = _question(source, value, options)
    answer = find_hotspots(question, out, picture=picture, language=language, overwrite=overwrite, say=say)
    _notes(answer)
    drawn = {} if picture is None else {"map": str(picture)}
    if as_json:
        told = {**question.as_dict(), **_told(answer), "out": str(out), **drawn}
        click.echo(to_json(told))
        return
    _print_local(answer)
    click.echo(out)
    if picture is not None:
        click.echo(picture)


@click.command()
@click.argument("source", metavar="INPUT")
@click.option("--statistic", type=click.Choice(GLOBAL), default="moran", show_default=True)
@click.option("--permutations", type=click.IntRange(0, 1_000_000), default=9_999, show_default=True)
@click.option("--correlogram", metavar="M,M,…", help="Moran's I by classes of distance, for example 0,500,1000,2000.")
@_shared
def autocorrelation(source: str, value: str, correlogram: str | None, as_json: bool, **options: Any) -> None:
    """Test whether like values of a vector file lie together: one number for the whole map.

    INPUT is any vector file, or FILE|layername=LAYER as in QGIS.
    """
    from service.workflows.clusters_global import ask_globally

    question = _question(source, value, options)
    answer = ask_globally(question, bounds=_bounds(correlogram), say=say)
    _notes(answer)
    found = {name: dataclasses.asdict(result) for name, result in answer.global_.items()}
    table = answer.correlogram
    if as_json:
        rows = [] if table is None else table.to_dict("records")
        click.echo(to_json({**question.as_dict(), "results": found, "correlogram": rows}))
        return
    headings = ["statistic", "value", "expected", "z", "p two-sided", "p one-sided", "areas", "effective"]
    keys = ["value", "expected", "z", "p_two_sided", "p", "n", "n_effective"]
    click.echo(
        columns(
            headings,
            [[name, *(number(result[key], 5) for key in keys)] for name, result in found.items()],
            right=frozenset(range(1, 8)),
        )
    )
    if question.permutations:
        click.echo("p one-sided: chance of at least so much likeness of neighbours in a random arrangement")
    else:
        click.echo("no p: --permutations 0")
    if table is not None:
        cells = [[number(cell, 5) for cell in row] for row in table.to_numpy()]
        click.echo("")
        click.echo(columns([str(c) for c in table.columns], cells, right=frozenset(range(len(table.columns)))))


def _question(source: str, value: str, options: dict[str, Any]) -> Question:
    from service.workflows.question import Question, weights_named

    missing = (options.pop("missing") or "").strip()
    every = missing.lower() == "none"
    return Question(
        source,
        values=tuple(name.strip() for name in value.split(",") if name.strip()),
        missing=() if every else tuple(_numbers(missing, "--missing", "numbers")),
        every_value=every,
        **{**options, "weights": weights_named(options["weights"])},
    )


def _bounds(text: str | None) -> list[float]:
    bounds = _numbers(text or "", "--correlogram", "distances in metres")
    if bounds and (len(bounds) < 2 or bounds[0] < 0 or any(b <= a for a, b in itertools.pairwise(bounds))):
        raise UsageError(
            f"expected at least two ascending distances in metres from 0 on, found {text!r}",
            where="--correlogram",
            hint="for example 0,500,1000,2000",
        )
    return bounds


def _numbers(text: str, option: str, what: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UsageError(
            f"expected {what} separated by commas, found {text!r}", where=option, hint=f"for example {EXAMPLES[option]}"
        )
    return found


def _notes(answer: Answer) -> None:
    for note in answer.notes:
        for line in wrapped(note, "note: "):
            say(line)


def _told(answer: Answer) -> dict[str, Any]:
    result = _local(answer)
    labels = _counted(result.table["label"])
    states = result.table["state"].astype("str").value_counts()
    painted = _sources(result)
    return {
        "labels": labels,
        **({"labels_of_sources": _counted(painted["label"])} if painted is not None else {}),
        "states": {str(name): int(n) for name, n in states.items()},
        "dropped": answer.dropped,
        "n_effective": result.n_effective,
        "components": result.components,
        "warnings": list(result.warnings),
    }


def _local(answer: Answer) -> LocalResult:
    if answer.local is None:
        raise RuntimeError("a local test without a result")
    return answer.local


def _counted(labels: pd.Series) -> dict[str, int]:
    counts = labels.astype("str").value_counts()
    return {name: int(counts[name]) for name in ORDER if name in counts}


def _sources(result: LocalResult) -> pd.DataFrame | None:
    """Return one row a source zone, where labels were painted down from such."""
    support = result.table["support"].astype("str")
    if (support == result.table.index.astype("str")).all():
        return None
    return result.table[support != ""].drop_duplicates("support")


def _print_local(answer: Answer) -> None:
    result, told = _local(answer), _told(answer)
    zones = " source zones" if "labels_of_sources" in told else ""
    click.echo(
        f"{result.statistic}, {result.graph}: {result.n_effective}{zones} tested, {result.permutations} permutations, "
        f"alpha {result.alpha:g}, correction {result.correction}"
    )
    if zones:
        sources = told["labels_of_sources"]
        rows = [[name, sources.get(name, 0), n] for name, n in told["labels"].items()]
        click.echo(columns(["label", "source zones", "areas in them"], rows, right=frozenset([1, 2])))
    else:
        click.echo(columns(["label", "areas"], told["labels"].items(), right=frozenset([1])))
    untested = {name: n for name, n in told["states"].items() if name != "tested"}
    if answer.dropped:
        untested["dropped (without neighbours, not in OUT)"] = answer.dropped
    if untested:
        of = " (areas)" if zones else ""
        click.echo(f"not tested{of}: " + ", ".join(f"{n} {name}" for name, n in untested.items()))
    if "untestable" in untested and not result.n_effective:
        say("note: too few areas for local tests: show the values as they are, or use `sozialmonitor autocorrelation`")
