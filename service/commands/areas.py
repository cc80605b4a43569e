"""``sozialmonitor areas build``: merge areas that are too small into contiguous ones above a floor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.commands.text import columns, number, say, to_json, wrapped

if TYPE_CHECKING:
    from service.workflows.areas_file import AreasAnswer

#: Merged areas that are written out.
ROWS = 20


@click.group()
def areas() -> None:
    """Make areas that are large enough to be shown."""


@areas.command(
    epilog="Example: sozialmonitor areas build ortsteile.gpkg sozialraeume.gpkg --id key --population people "
    "--floor 2000 --value poor,idle. Next year: add --keep sozialraeume_assignment.csv."
)
@click.argument("source", metavar="INPUT")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--id", "id_field", required=True, metavar="COL", help="Column with a unique id.")
@click.option("--population", required=True, metavar="COL", help="Column with the inhabitants.")
@click.option(
    "--floor", required=True, type=click.FloatRange(min=0, min_open=True), help="Fewest inhabitants of a merged area."
)
@click.option(
    "--value", metavar="COL,COL", help="Merge areas alike in these; default: areas that lie close to each other."
)
@click.option(
    "--sum", "sums", metavar="COL,COL", help="Columns of counts to sum; a missing part leaves the sum missing."
)
@click.option("--name", "name_field", metavar="COL", help="Column with names, kept in the assignment.")
@click.option("--keep", metavar="EARLIER", help="Earlier assignment, perhaps edited: what still holds stays as it is.")
@click.option("--within", metavar="COL", help="Larger zone, such as the Gemeinde, that merged areas do not cross.")
@click.option(
    "--weights",
    default="rook",
    show_default=True,
    metavar="NAME[:N]",
    help="Neighbours: rook (a common border), queen (a common point) or fuzzy:METRES.",
)
@click.option(
    "--islands",
    type=click.Choice(["refuse", "nearest"]),
    default="refuse",
    show_default=True,
    help="Parts below the floor without a land connection.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--tries", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Of the search.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(
    source: str, out: Path, value: str | None, sums: str | None, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Merge the areas of a layer into as many contiguous ones as reach a floor (max-p), and write them to OUT.

    Beside OUT stands OUT_assignment.csv with the merged area (`region`) of every area. Edit it if local knowledge says
    otherwise, and give it back with --keep: regions that hang together and reach the floor stay as they are, also from
    year to year; only new areas and regions below the floor are dealt out.
    """
    from service.workflows.areas_file import AreasTask, build_areas

    task = AreasTask(source, values=_names(value), sums=_names(sums), **options)
    answer = build_areas(task, out, overwrite=overwrite, say=say)
    for note in answer.notes:
        for line in wrapped(note, "note: "):
            say(line)
    if as_json:
        click.echo(to_json(_told(answer, out)))
        return
    _print(answer)
    click.echo(out)
    click.echo(answer.assignment)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def _told(answer: AreasAnswer, out: Path) -> dict[str, Any]:
    result = answer.result
    return {
        "areas": len(result.assignment),
        "regions": len(result.regions),
        "smallest": float(result.regions["people"].min()),
        "within": result.within,
        "states": {str(k): int(n) for k, n in result.regions["state"].value_counts().items()},
        "table": {str(name): dict(row) for name, row in result.regions.astype(object).iterrows()},
        "notes": list(answer.notes),
        "out": str(out),
        "assignment": str(answer.assignment),
    }


def _print(answer: AreasAnswer) -> None:
    result = answer.result
    regions = result.regions
    click.echo(
        f"{len(result.assignment)} areas in {len(regions)} merged ones, the smallest with "
        f"{number(float(regions['people'].min()))} people; {result.within:.0%} of the differences lie inside them"
    )
    rows = [
        [name, int(row["areas"]), number(float(row["people"]), 9), row["state"]]
        for name, row in regions.sort_values("people").head(ROWS).iterrows()
    ]
    click.echo(columns(["region", "areas", "people", "state"], rows, right=frozenset([1, 2])))
    if len(regions) > ROWS:
        click.echo(f"… and {len(regions) - ROWS} larger ones")
