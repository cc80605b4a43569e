"""``sozialmonitor update``: what a run would change, before anything is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.workflows.compare import Change
    from service.workflows.update import UpdateReport

#: Names listed in a line of the table; the page and the JSON have more.
FEW = 6


@click.command()
@click.argument("county", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Where relative file names start from; default: COUNTY.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("state"),
    show_default=True,
    help="Folder that keeps the publications; nothing is written into it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the comparison as a page into this file."
)
@click.option("--lang", type=click.Choice(["de", "en"]), default="de", show_default=True, help="Language of the page.")
def update(county: Path, data: Path | None, state: Path, as_json: bool, html: Path | None, lang: str) -> None:
    """Compare the files of COUNTY with its current publication: new years, revisions, broken definitions or areas.

    Nothing is published: `sozialmonitor run` does that. The answer holds unsuppressed values: keep it inside.
    """
    from service.workflows.update import compare_with_current

    report = compare_with_current(
        county, state=state, data=data, say=lambda line: click.echo(f"reading {line}", err=True)
    )
    if html is not None:
        from geodata.county import load_county
        from service.reports.update_page import render_update

        levels = load_county(county, data=data, require_files=False).levels
        page = render_update(
            report, "en" if lang == "en" else "de", levels={k: v.title[lang] for k, v in levels.items()}
        )
        # Unsuppressed values: for the owner of the file only.
        html.touch(mode=0o600)
        html.write_text(page, encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in _lines(report):
            click.echo(line)
    if html is not None:
        click.echo(f"page: {html}", err=True)


def _lines(report: UpdateReport) -> Iterator[str]:
    against = f"publication {report.publication}" if report.publication else "no publication"
    yield click.style(f"{report.title.de} ({report.county}) against {against}; nothing is published", bold=True)
    for note in report.notes:
        yield f"! {note.en}"
    if report.unchanged:
        yield "nothing changed: the files say what is published"
        return
    yield from _files(report)
    yield from _definitions(report)
    yield from _areas(report)
    yield from _figures(report)
    yield from _suppression(report)


def _files(report: UpdateReport) -> Iterator[str]:
    other = [f for f in report.files if f.state != "same"]
    yield f"\nfiles: {len(report.files) - len(other)} as published"
    for file in other:
        yield f"  {file.state:<8} {file.file}"


def _definitions(report: UpdateReport) -> Iterator[str]:
    if report.definitions:
        yield "\ndefinitions"
    for d in report.definitions:
        mark = click.style("BREAK  ", fg="red") if d.breaks else "       "
        said = f"{d.key}: {_plain(d.before)} -> {_plain(d.after)}" if d.key else ("gone" if d.after is None else "new")
        yield f"  {mark} {d.kind}.{d.id} {said}"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _areas(report: UpdateReport) -> Iterator[str]:
    from geodata.errors import some

    if report.areas:
        yield "\nareas"
    for a in report.areas:
        yield f"  {a.level}: {a.before} -> {a.after}"
        told = {
            "removed": [" ".join(filter(None, [a.names.get(key), f"({key})"])) for key in a.removed],
            "added": [" ".join(filter(None, [a.names.get(key), f"({key})"])) for key in a.added],
            "renamed": a.renamed,
            "reassigned": a.reassigned,
            "moved": [f"{name} ({key}) {share:.1%}" for key, name, share in a.moved],
        }
        for what, items in told.items():
            if items:
                yield f"    {what:<10} {len(items):>5}  {some(items, FEW)}"
        if a.retouched:
            yield f"    {'redrawn':<10} {a.retouched:>5}  by less than a thousandth of the area"


def _figures(report: UpdateReport) -> Iterator[str]:
    from service.commands.text import columns

    if report.new:
        yield "\nnew years and quantities"
        rows = [
            (
                r.variable + (" (new)" if r.first else ""),
                r.year,
                r.areas,
                r.missing or None,
                r.suppressed or None,
                _number(r.total),
                _number(r.previous_total),
                _percent(r.previous_total, r.total),
            )
            for r in report.new
        ]
        headings = ("variable", "year", "areas", "no value", "to suppress", "sum", "year before", "change")
        yield columns(headings, rows, right=frozenset(range(1, 8)))
    if report.gone:
        yield "\ngone from the files"
        yield columns(("variable", "year", "areas"), [(r.variable, r.year, r.areas) for r in report.gone])
    if report.revised:
        yield "\nchanged in old years"
        changed = [
            (
                r.variable,
                r.year,
                r.changed or None,
                r.filled or None,
                r.lost or None,
                (r.signs + r.flags) or None,
                f"+{r.added} -{r.removed}" if r.added or r.removed else None,
                _change(r.largest),
                _percent(r.relative.before, r.relative.after) + f" {r.relative.name}" if r.relative else None,
            )
            for r in report.revised
        ]
        titles = ("variable", "year", "changed", "filled", "lost", "signs", "keys", "largest", "largest relative")
        yield columns(titles, changed, right=frozenset(range(1, 7)))


def _suppression(report: UpdateReport) -> Iterator[str]:
    from geodata.errors import some

    if report.suppression:
        yield "\nsuppression in years that are published"
    for h in report.suppression:
        if h.newly:
            yield f"  {h.variable} {h.year}: {len(h.newly)} would be suppressed: {some(h.newly, FEW)}"
        if h.lifted:
            yield f"  {h.variable} {h.year}: {len(h.lifted)} would be shown: {some(h.lifted, FEW)}"
    if report.withheld:
        yield "\nnot publishable (licence or legal basis)"
    new = {id(w) for w in report.newly_withheld}
    for w in report.withheld:
        yield f"  {'new  ' if id(w) in new else '     '}{w.line()}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _percent(before: float | None, after: float | None) -> str:
    return "–" if before is None or after is None or before == 0 else f"{(after - before) / abs(before):+.1%}"


def _change(change: Change | None) -> str | None:
    return None if change is None else f"{_number(change.before)} -> {_number(change.after)} {change.name}"
