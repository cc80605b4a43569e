"""``sozialmonitor update``: what a run would change, before anything is published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.locale import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.locale import Language
    from service.workflows.update_report import UpdateReport

#: Names in a cell and rows of a section on the terminal; the page, the CSV file and the JSON have more, or all.
FEW, ROWS = 4, 15
COLOURS = {"bad": "red", "warn": "yellow"}


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
@click.option(
    "--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Write everything as one tidy table."
)
@click.option(
    "--results/--no-results",
    default=True,
    show_default=True,
    help="Compute which classes and hotspot labels would change; takes about a third of a run.",
)
@click.option(
    "--lang", type=click.Choice(["de", "en"]), default="de", show_default=True, help="Language of what is said."
)
def update(
    county: Path,
    data: Path | None,
    state: Path,
    as_json: bool,
    html: Path | None,
    table: Path | None,
    results: bool,
    lang: str,
) -> None:
    """Compare the files of COUNTY with its current publication: new years, revisions, broken definitions or areas.

    Nothing is published: `sozialmonitor run` does that. The answer holds unsuppressed values: keep it inside.
    """
    from service.workflows.update import compare_with_current

    language: Language = "en" if lang == "en" else "de"
    report = compare_with_current(
        county, state=state, data=data, results=results, say=lambda line: click.echo(line, err=True)
    )
    if html is not None:
        from service.reports.update_page import render_update

        _write(html, render_update(report, language))
    if table is not None:
        from service.reports.update_csv import render_csv

        _write(table, render_csv(report, language))
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in _lines(report, language):
            click.echo(line)
    for key, path in (("page_written", html), ("csv_written", table)):
        if path is not None:
            click.echo(say(language, f"update.{key}", file=path), err=True)


def _write(path: Path, text: str) -> None:
    """Write unsuppressed values for the eyes of the file's owner only, also where others could read the file before."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        path.chmod(0o600)
        stream.write(text)


def _lines(report: UpdateReport, language: Language) -> Iterator[str]:
    import textwrap

    from service.commands.table import table, terminal_width
    from service.reports.update_view import lead, sections

    width = terminal_width()
    first, *others = lead(report, language)
    yield click.style(first, bold=True)
    for sentence in others:
        yield from textwrap.wrap(sentence, width)
    for section in sections(report, language, names=FEW):
        yield ""
        yield click.style(section.title, bold=True, underline=True)
        yield from textwrap.wrap(section.text, width)
        shown = section.lines[:ROWS]
        yield from table(
            section.headings,
            [line.cells for line in shown],
            width=width,
            right=section.right,
            colours=[COLOURS.get(line.tone) for line in shown],
        )
        left = len(section.lines) - len(shown)
        if left:
            yield say(language, "update.more_lines", n=left)
