"""``sozialmonitor check``: what files are and hold, or whether a county's folder can be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geodata.errors import FormatError, GeodataError, SozialmonitorError
from service.commands.text import complain, say, wrapped

if TYPE_CHECKING:
    from geodata.readers.verdict import Verdict

#: Exit code of a file that cannot be read.
REJECTED = 3
#: What is no format of figures.
_TITLES = {
    "vector": "areas or other features",
    "raster": "a raster",
    "genesis-metadata": "description of a GENESIS table, without figures",
    "supply-template": "a delivery template of Sozialmonitor",
    "sozialmonitor": "figures that Sozialmonitor wrote",
}
#: Variables that a verdict names in text; ``--json`` has them all.
_NAMED = 6
#: Lines that a finding takes in text.
_LINES = 4


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="For a county: where its file names start from.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def check(paths: Sequence[Path], data: Path | None, as_json: bool) -> None:
    """Say what files are and hold, or check a county's folder without computing anything.

    PATHS are files, or one county folder. Exit code 0: readable, findings included; 3: rejected. With --json the
    document has one entry a file, in the order given; a rejected one has error, where and hint.
    """
    if len(paths) == 1 and _is_county(paths[0]):
        _check_county(paths[0], data, as_json)
        return
    entries: list[dict[str, Any]] = []
    rejected: list[str] = []
    for path in paths:
        try:
            verdict = _describe(path)
        except GeodataError as error:
            rejected.append(str(path))
            complain(error)
            entries.append(_refusal(path, error))
            continue
        entries.append({"file": str(path), **verdict.as_dict()})
        if not as_json:
            click.echo(verdict_text(str(path), verdict))
    if as_json:
        click.echo(json.dumps(entries, ensure_ascii=False, indent=2))
    elif len(paths) > 1:
        named = f": {', '.join(rejected)}" if rejected else ""
        counts = f"{len(paths)} files, {len(paths) - len(rejected)} readable, {len(rejected)} rejected{named}"
        click.echo("\n".join(wrapped(counts, "")))
    if rejected:
        sys.exit(REJECTED)


def _is_county(path: Path) -> bool:
    return path.suffix == ".toml" or (path / "county.toml").is_file()


def _describe(path: Path) -> Verdict:
    from geodata.readers.sniff import describe

    if path.is_dir():
        raise FormatError(
            "expected a file, or one county folder with county.toml in it; found a folder",
            where=str(path),
            hint=f"name the files: sozialmonitor check {path}/*",
        )
    try:
        return describe(path)
    except GeodataError:  # one of these is an OSError too
        raise
    except OSError as error:  # a disk or share that fails while it is read
        raise FormatError(
            f"the file cannot be read: {error.strerror or error}", where=str(path), hint="copy it to this machine"
        ) from error


def _refusal(path: Path, error: SozialmonitorError) -> dict[str, Any]:
    return {"file": str(path), "error": error.message, "where": error.where or str(path), "hint": error.hint}


def verdict_text(name: str, verdict: Verdict) -> str:
    """Write a verdict for people: what it is, how much, then findings, the most important first.

    Parameters
    ----------
    name : str
        The file.
    verdict : Verdict
        From :func:`geodata.readers.sniff.describe`.

    Returns
    -------
    str
        Lines of at most 100 columns, as far as blanks allow.
    """
    from geodata.readers.recognise import FORMATS

    title = FORMATS.get(verdict.format, _TITLES.get(verdict.format, ""))
    what = f"{title} ({verdict.format})" if title else verdict.format
    lines = [click.style(name, bold=True)]
    rows = {
        "format": f"{what}, provisional" if verdict.provisional else what,
        "holds": ", ".join(_amounts(verdict)),
        "periods": _years(verdict.periods),
        "values": ", ".join(_counts(verdict.statuses)),
        "flags": ", ".join(_counts(verdict.flags)),
        "variables": _variables(verdict),
        "read as": ", ".join(
            part
            for part in (verdict.encoding, verdict.decimal, f"legend {verdict.legend}" if verdict.legend else "")
            if part
        ),
    }
    for key, said in rows.items():
        if said:
            lines += wrapped(said, f"  {key:<10} ")
    for finding in verdict.findings:
        if finding not in (f"signs: legend {verdict.legend}", verdict.decimal):  # said above
            lines += _finding(finding)
    return "\n".join(lines)


def _finding(finding: str) -> list[str]:
    """Write a finding, or how the file was read; a list of hundreds of keys is cut off."""
    from geodata.readers.verdict import is_note

    lines = wrapped(finding, "  · " if is_note(finding) else "  ! ")
    return lines if len(lines) <= _LINES else [*lines[:_LINES], "    … (--json has the rest)"]


def _amounts(verdict: Verdict) -> list[str]:
    amounts = ((verdict.rows, "row"), (verdict.values, "value"), (verdict.areas, "area"))
    return [f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in amounts if number]


def _counts(counts: Any) -> Iterable[str]:
    return (f"{word.replace('_', ' ')} {number:,}" for word, number in counts.most_common())


def _years(years: Sequence[int]) -> str:
    if len(years) > 2 and years[-1] - years[0] == len(years) - 1:
        return f"{years[0]} to {years[-1]}, every year"
    return ", ".join(map(str, years))


def _variables(verdict: Verdict) -> str:
    """Name variables by their titles, with the name to ask for behind them."""
    named = [
        f"{verdict.titles[name]} ({name})" if verdict.titles.get(name, name) != name else name
        for name in verdict.variables[:_NAMED]
    ]
    left = len(verdict.variables) - len(named)
    return "; ".join(named) + (f"; and {left} more (--json names them)" if left else "")


def _check_county(folder: Path, data: Path | None, as_json: bool) -> None:
    try:
        found, title = _county(folder, data)
    except GeodataError as error:
        if as_json:
            click.echo(json.dumps(_refusal(folder, error), ensure_ascii=False, indent=2))
        raise
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(f"{title} ({found['county']}): {len(found['indicators'])} indicators")
    for name, n in found["levels"].items():
        click.echo(f"  level {name:<20} {n:>7} areas")
    for name, table in found["tables"].items():
        click.echo(f"  table {name:<20} {table['rows']:>7} values")
        for note in table["notes"]:
            click.echo("\n".join(wrapped(note, "      ")))


def _county(folder: Path, data: Path | None) -> tuple[dict[str, Any], str]:
    from geodata.county import load_county
    from service.workflows.measures import load_measures_of
    from service.workflows.plausible import require_plausible
    from service.workflows.read import read_inputs

    county = load_county(folder, data=data)
    inputs = read_inputs(county, progress=say)
    require_plausible(inputs, say)
    load_measures_of(inputs)
    found: dict[str, Any] = {
        "county": county.id,
        "levels": {name: len(layer.areas) for name, layer in inputs.levels.items()},
        "tables": {
            name: {"rows": len(table.table), "notes": list(table.notes)} for name, table in inputs.tables.items()
        },
        "indicators": list(county.indicators),
    }
    return found, county.title.de
