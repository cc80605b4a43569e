"""The command ``sozialmonitor``: a thin door to the workflows. Results on stdout, progress and audits on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geodata.errors import ConfigError, GeodataError, SozialmonitorError, SpatialError, UsageError
from service.commands.text import complain, say

if TYPE_CHECKING:
    from geodata.store.model import Edition
    from service.workflows.run import RunReport

#: Exit codes: 0 done, 1 failed, 2 usage (click's own), 3 data rejected.
FAILED, USAGE, REJECTED = 1, 2, 3
MAPS: dict[str, tuple[Edition, ...]] = {"public": ("public",), "all": ("public", "internal"), "none": ()}
MAPS_HELP = "Editions whose maps are drawn into files."
STATE_HELP = "Folder that keeps the publications."


class Commands(click.Group):
    """Turns the house's errors into one message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; wrong usage ends with code 2, a rejected input with 3, any other failure with 1.

        Parameters
        ----------
        ctx : click.Context
            Of the group.

        Returns
        -------
        object
            What the command returned.
        """
        try:
            return super().invoke(ctx)
        except UsageError as error:
            complain(error)
            ctx.exit(USAGE)
        except (GeodataError, SpatialError) as error:  # a file that cannot be used, or data that cannot carry a test
            complain(error)
            ctx.exit(REJECTED)
        except SozialmonitorError as error:
            complain(error)
            ctx.exit(FAILED)
        except OSError as error:  # a folder that cannot be written, a disk that is full
            complain(SozialmonitorError(error.strerror or str(error), where=error.filename and str(error.filename)))
            ctx.exit(FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sozialmonitor")
def main() -> None:
    """Small-area social monitoring: files of a county in, layers and maps out.

    Start with `sozialmonitor demo`, then `sozialmonitor init DIR` for a county of your own.
    """


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Write the invented county into DIRECTORY, to start a new county from."""
    from geodata.sample import write_county

    if directory.exists() and any(directory.iterdir()):
        raise GeodataError(
            "expected a new or empty folder, found files in it", where=str(directory), hint="name another folder"
        )
    write_county(directory, with_truth=False)
    click.echo(directory / "county.toml")
    say(f"Set your own id and key in county.toml, replace the files in {directory / 'data'} step by step, and try")
    say(f"  sozialmonitor check {directory}\n  sozialmonitor run {directory}")


@main.command()
@click.argument("county", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Where relative file names start from; default: COUNTY.")
@click.option("--state", type=click.Path(path_type=Path), default=Path("state"), show_default=True, help=STATE_HELP)
@click.option(
    "--maps", type=click.Choice(["public", "all", "none"]), default="public", show_default=True, help=MAPS_HELP
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run(county: Path, data: Path | None, state: Path, maps: str, as_json: bool) -> None:
    """Compute the county in folder COUNTY and publish it; what was published before stays until this is complete."""
    from service.workflows.run import run as run_county

    _report(run_county(county, state=state, data=data, maps=MAPS[maps], say=say), as_json)


@main.command()
@click.option("--state", type=click.Path(path_type=Path), default=Path("state"), show_default=True, help=STATE_HELP)
@click.option("--seed", type=int, default=None, help="Another invented county.")
@click.option("--check", "compare", is_flag=True, help="Compare what was found with the hidden truth.")
@click.option("--null", is_flag=True, help="Test 100 counties without planted clusters; nothing is written.")
@click.option("--seeds", type=click.IntRange(1), help="With --check or --null: so many counties, calculation only.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def demo(state: Path, seed: int | None, compare: bool, null: bool, seeds: int | None, as_json: bool) -> None:
    """Write the invented county and run the main job on it."""
    if null or seeds is not None:
        _rehearse(seed, compare, null, seeds)
        return
    import shutil

    from geodata.sample import write_county
    from service.workflows.run import run as run_county

    folder = state / "musterkreis-input"
    if folder.exists():
        shutil.rmtree(folder)
    if seed is None:
        write_county(folder)
    else:
        write_county(folder, seed=seed)
    report = run_county(folder, state=state, say=say)
    _report(report, as_json)
    if compare:
        from service.workflows.truth import compare_with_truth

        # With --json the only thing on stdout is the document.
        click.echo("\nAgainst the hidden truth (latest year):", err=as_json)
        for line in compare_with_truth(folder, report.folder):
            click.echo(f"  {line}", err=as_json)
    if not as_json:
        say(f"\nNext: sozialmonitor serve --state {state} --county {report.county}")


def _rehearse(seed: int | None, compare: bool, null: bool, seeds: int | None) -> None:
    """Test many invented counties in memory; more than chance in a county without clusters is a failure."""
    from service.workflows.trials import null_table, power_table, rehearse

    if compare == null:
        raise click.UsageError("give --seeds with one of --check and --null, and not both")
    first = 1 if seed is None else seed
    trials = rehearse(range(first, first + (seeds or 100)), null=null, say=say)
    lines, kept = null_table(trials) if null else (power_table(trials), True)
    for line in lines:
        click.echo(line)
    if not kept:
        raise SozialmonitorError(
            "expected nothing beyond the level of the tests, found more", where="sozialmonitor demo --null"
        )


def _report(report: RunReport, as_json: bool) -> None:
    if as_json:
        document = {
            "county": report.county,
            "publication": report.publication,
            "folder": str(report.folder),
            "collections": report.rows,
            "seconds": dict(report.times),
            "checks": report.checks,
            "withheld": [item.as_dict() for item in report.withheld],
            "waiting": [item.as_dict() for item in report.waiting],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for title, audit in report.audits.items():
        say(f"\nAudit {title}")
        say(audit.to_string(float_format=lambda x: f"{x:.6g}"))
    width = max(len(row["collection"]) for row in report.rows)
    click.echo(f"\n{'collection':<{width}}  {'areas':>6}  {'years':<9}  {'shown':>5}  finding (latest year)")
    for row in report.rows:
        start = f"{row['collection']:<{width}}  {row['areas']:>6}  {row['periods']:<9}"
        click.echo(f"{start}  {row['shown']:>5.0%}  {row['finding']}")
    if report.withheld:
        click.echo("\nnot in the public edition (licence or legal basis):")
        for item in report.withheld:
            click.echo(f"  {item.line()}")
    if report.waiting:
        click.echo(click.style("\nleft out until the rest is delivered:", fg="yellow"))
        for line in (line for item in report.waiting for line in item.lines()):
            click.echo(f"  {line}")
    click.echo("\nseconds  step")
    for title, seconds in report.times:
        click.echo(f"{seconds:>7.1f}  {title}")
    click.echo(f"{sum(s for _, s in report.times):>7.1f}  total\n")
    click.echo(f"publication {report.publication} (draft, not for release)")
    for edition in ("public", "internal"):
        for name in ("layers.gpkg", "serve.sqlite", "maps", "manifest.json"):
            path = report.folder / edition / name
            if path.exists():
                click.echo(f"  {path}")


@main.command()
@click.option("--state", type=click.Path(path_type=Path), help=f"{STATE_HELP}  [default: state]")
@click.option("--county", help="Id of the county; default: the only one in the state folder.")
@click.option("--edition", type=click.Choice(["public", "internal"]), help="Which edition.  [default: public]")
@click.option("--host", help="Where the server listens.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="On which port.  [default: 8000]")
@click.option("--base-url", help="Public address behind a proxy, for the links.")
def serve(state: Path | None, **given: Any) -> None:
    """Serve the current publication: pages, maps and OGC API – Features.

    What no option says is taken from the environment variables SOZIALMONITOR_STATE, _COUNTY, _EDITION, _HOST, _PORT,
    _BASE_URL, _BASEMAP, _BASEMAP_ATTRIBUTION and _LANGUAGE.
    """
    import os

    from service.settings import Settings

    folder = state or Path(os.environ.get("SOZIALMONITOR_STATE") or "state")
    given["county"] = _county_in(folder, given["county"] or os.environ.get("SOZIALMONITOR_COUNTY"))
    try:
        settings = Settings.build(state_dir=folder, **given)
    except ConfigError as error:
        raise click.UsageError(" – ".join(text for text in (error.where, error.message, error.hint) if text)) from error
    _check_port(settings.host, settings.port)
    import uvicorn

    from service.api.app import create_app

    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, log_level="info", proxy_headers=False)


def _check_port(host: str, port: int) -> None:
    """Make sure that the server can listen, before it says that it has started."""
    import socket

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        hint = f"choose another with --port, for example --port {port + 1 if port < 65535 else 8000}"
        raise SozialmonitorError(
            f"cannot listen on {host} port {port}: {error.strerror or error}", where="serve", hint=hint
        ) from error


def _county_in(state: Path, asked: str | None) -> str:
    """Return the county that is served: the one that was asked for, or the only one there is."""
    found = sorted(path.parent.name for path in state.glob("*/current"))
    there = ", ".join(found) or "none"
    if asked is None and len(found) == 1:
        return found[0]
    if asked is not None and (asked in found or not found):
        return asked  # what is published while the service runs is served then
    if asked is not None:
        raise GeodataError(
            f"expected one of {there}, found {asked!r}", where=str(state), hint="name one of these with --county"
        )
    raise GeodataError(
        f"expected one county, found {there}",
        where=str(state),
        hint="name it with --county" if found else "run `sozialmonitor demo` or `sozialmonitor run COUNTY` first",
    )


# Groups of commands; their modules import nothing heavy until one of them is called.
from service.commands.areas import areas  # noqa: E402
from service.commands.catalogue import catalogue  # noqa: E402
from service.commands.check import check  # noqa: E402
from service.commands.disaggregate import disaggregate  # noqa: E402
from service.commands.hotspots import autocorrelation, hotspots  # noqa: E402
from service.commands.index import index  # noqa: E402
from service.commands.supply import supply  # noqa: E402
from service.commands.update import update  # noqa: E402

main.add_command(check)
main.add_command(disaggregate)
main.add_command(hotspots)
main.add_command(autocorrelation)
main.add_command(index)
main.add_command(areas)
main.add_command(catalogue)
main.add_command(update)
main.add_command(supply)


if __name__ == "__main__":
    main()
