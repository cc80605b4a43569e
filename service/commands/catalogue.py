"""``sozialmonitor catalogue``: what a county is made of, where it comes from, and what may be done with it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geodata.errors import GeodataError, NotFoundError, some
from service.commands.text import say

if TYPE_CHECKING:
    from geodata.county import County

#: Exit code of a county that cannot be run or published as it asks to be.
REJECTED = 3


@click.group()
def catalogue() -> None:
    """List what a county is made of: sources, licences, legal bases, dates, checksums, verdicts."""


def _county(function: Any) -> Any:
    """Add the argument and options that all three commands share."""
    path: Any = click.Path(path_type=Path)
    function = click.argument("county", type=path, default=Path())(function)
    function = click.option("--data", type=path, help="Where relative file names start from; default: COUNTY.")(
        function
    )
    function = click.option(
        "--state",
        type=path,
        default=Path("state"),
        show_default=True,
        help="Folder that keeps the publications; the last one says what was read, and when.",
    )(function)
    return click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")(function)


def _load(folder: Path, data: Path | None, state: Path) -> tuple[County, Mapping[str, Any] | None]:
    from geodata.county import load_county
    from geodata.store.publication import PublicationStore

    county = load_county(folder, data=data, require_files=False)
    try:
        publication = PublicationStore(state, county.id).current()
        if "internal" in publication.editions:
            return county, publication.manifest("internal")
    except NotFoundError:
        pass
    return county, None


def _nothing(county: County, state: Path) -> str:
    """Say where no publication was found."""
    return f"no internal edition of {county.id} in the state folder {state.absolute()}"


def _entries(county: County, published: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Join what ``county.toml`` says now with what the last publication was made of."""
    from geodata.catalogue import entries

    # A table of several files has an entry for each; a file that only changed its name keeps what was known of it.
    kept = (published or {}).get("catalogue", ())
    before = {(e["kind"], e["id"], e["file"]): e for e in kept}
    lone = Counter((e["kind"], e["id"]) for e in kept)
    before |= {(e["kind"], e["id"], ""): e for e in kept if lone[e["kind"], e["id"]] == 1}
    found = []
    listed = entries(county)
    now = Counter((entry.kind, entry.id) for entry in listed)
    for entry in listed:
        said = entry.as_dict()
        last = before.get((entry.kind, entry.id, entry.file), {})
        if not last and now[entry.kind, entry.id] == 1:
            last = before.get((entry.kind, entry.id, ""), {})
        for key in ("sha256", "bytes", "read", "rules", "verdict"):
            said[key] = last.get(key)
        said["publication"] = (published or {}).get("publication") if last else None
        found.append(said)
    return found


@catalogue.command("list")
@_county
def list_(county: Path, data: Path | None, state: Path, as_json: bool) -> None:
    """List every table, layer and raster of COUNTY with its source and licence."""
    from service.commands.text import columns

    loaded, published = _load(county, data, state)
    found = _entries(loaded, published)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    rows = [
        (
            e["id"],
            e["kind"],
            e["source"],
            e["licence"],
            "yes" if e["publishable"] else "no: " + ", ".join(o["why"].replace("_", " ") for o in e["objections"]),
            e["reference_date"],
            (e["read"] or "").replace("T", " ").removesuffix("+00:00"),
            e["file"],
        )
        for e in found
    ]
    click.echo(
        columns(("id", "kind", "source", "licence", "publishable", "reference", "last read (UTC)", "file"), rows)
    )
    if published is None:
        say(f"{_nothing(loaded, state)}: nothing is known of when a file was last read. Name the folder with --state.")


@catalogue.command()
@click.argument("id_", metavar="ID")
@_county
def show(id_: str, county: Path, data: Path | None, state: Path, as_json: bool) -> None:
    """Show all that is known of ID, a table, level, raster or source of COUNTY, and what its file is now."""
    from geodata.catalogue import receipt_of
    from geodata.readers.sniff import describe

    loaded, published = _load(county, data, state)
    everything = _entries(loaded, published)
    chosen = [e for e in everything if e["id"] == id_] or [e for e in everything if e["source"] == id_]
    if not chosen:
        raise GeodataError(
            f"expected the id of a table, level, raster or source, found {id_!r}",
            where=str(loaded.folder / "county.toml"),
            hint=f"known are {some(sorted({*(e['id'] for e in everything), *loaded.sources}), 40)}",
        )
    for entry in chosen:
        path = loaded.path(entry["file"])
        if entry["file"] and path.is_file():
            try:
                entry["now"] = {"sha256": receipt_of(path).sha256, "verdict": describe(path).as_dict()}
            except GeodataError as error:
                entry["now"] = {"error": str(error)}
        elif entry["file"]:
            entry["now"] = {"error": f"{path} is missing"}
    if as_json:
        click.echo(json.dumps(chosen, ensure_ascii=False, indent=2))
        return
    click.echo("\n\n".join(_card(entry) for entry in chosen))
    if published is None:
        say(f"{_nothing(loaded, state)}: nothing is known of when a file was last read. Name the folder with --state.")


def _card(entry: Mapping[str, Any]) -> str:
    from geodata.readers.verdict import is_note
    from service.commands.text import wrapped

    now = entry.get("now", {})
    dates = ", ".join(f"{level} {date or 'unknown'}" for level, date in entry["boundary_dates"].items())
    known = {
        "title": entry["title"],
        "source": entry["source"],
        "publisher": entry["publisher"],
        "licence": " ".join(
            filter(None, [entry["licence"], f"({entry['licence_url']})" if entry["licence_url"] else ""])
        ),
        "attribution": entry["attribution"],
        "legal basis": entry["legal_basis"],
        "purpose": entry["purpose"],
        "publishable": "yes" if entry["publishable"] else "no: " + "; ".join(o["en"] for o in entry["objections"]),
        "reference date": entry["reference_date"],
        "Gebietsstand": dates,
        "legend of signs": entry["legend"],
        "origin": entry["origin"],
        "file": entry["file"],
        "reader": entry["reader"],
        "last read": f"{entry['read']} for publication {entry['publication']}" if entry["read"] else "",
        "by the rules": entry["rules"],
        "SHA-256 then": entry["sha256"],
        "SHA-256 now": now.get("sha256", ""),
    }
    lines = [click.style(f"{entry['kind']} {entry['id']}", bold=True)]
    lines += [f"  {name:<16} {value or '–'}" for name, value in known.items()]
    if entry["sha256"] and now.get("sha256"):
        same = entry["sha256"] == now["sha256"]
        lines.append(f"  {'':<16} {'unchanged' if same else 'changed since: sozialmonitor update shows what'}")
    # A publication takes some columns and years of a file; what the file is now is said of all of it.
    for title, verdict in (("taken then", entry["verdict"]), ("whole file now", now.get("verdict"))):
        if verdict:
            lines += wrapped(_summary(verdict), f"  {title:<16} ")
            for finding in verdict.get("findings", ()):
                lines += wrapped(finding, f"  {'':<16} {'·' if is_note(finding) else '!'} ")
    if "error" in now:
        lines.append(f"  {'whole file now':<16} {click.style(now['error'], fg='red')}")
    return "\n".join(lines)


def _summary(verdict: Mapping[str, Any]) -> str:
    if "values" in verdict:
        parts = [f"{verdict['rows']} rows"]
        parts += [f"{verdict['values']} values"] if verdict["values"] else []
    else:
        parts = [f"{verdict['rows']} {'values' if 'statuses' in verdict else 'features'}"]
    if verdict.get("areas"):
        parts.append(f"{verdict['areas']} areas")
    if periods := verdict.get("periods"):
        parts.append(f"years {periods[0]}–{periods[-1]}" if len(periods) > 1 else f"year {periods[0]}")
    parts += [f"{n} {status.replace('_', ' ')}" for status, n in (verdict.get("statuses") or {}).items()]
    return ", ".join(parts)


@catalogue.command()
@_county
def check(county: Path, data: Path | None, state: Path, as_json: bool) -> None:
    """Look for missing files, licences and legal bases, changed checksums and old dates in COUNTY.

    Exit code 0: nothing that stops a run, findings included; 3: a file is missing or a licence is unknown.
    """
    from geodata.catalogue_checks import check as look

    loaded, published = _load(county, data, state)
    found = look(loaded, published)
    if as_json:
        click.echo(json.dumps([f.as_dict() for f in found], ensure_ascii=False, indent=2))
    else:
        colours = {"error": "red", "warning": "yellow", "note": "cyan"}
        for finding in found:
            mark = click.style(f"{finding.severity:<8}", fg=colours[finding.severity])
            click.echo(f"{mark} {finding.place}: {finding.text}")
            if finding.hint:
                click.echo(f"         -> {finding.hint}")
        against = f"publication {published['publication']}" if published else _nothing(loaded, state)
        counts = ", ".join(f"{sum(f.severity == s for f in found)} {s}s" for s in colours)
        click.echo(f"{len(loaded.sources)} sources, {counts} ({against})")
    if any(f.severity == "error" for f in found):
        sys.exit(REJECTED)
