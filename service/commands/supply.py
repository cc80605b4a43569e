"""``sozialmonitor supply``: templates for departments, their check, taking over, the calendar. In German."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geodata.errors import ConfigError
from service.commands.supply_aggregate import aggregate

if TYPE_CHECKING:
    from typing import Any

    from geodata.county import County
    from geodata.supply.calendar import Delivery
    from geodata.supply.check import Result
    from geodata.supply.request import Request

REJECTED = 3
_FOLDER = click.Path(path_type=Path)
_COUNTY = click.option(
    "--county", type=_FOLDER, default=None, help="Ordner mit county.toml; sonst der aktuelle Ordner."
)
_TODAY = click.option("--today", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Stichtag; sonst heute.")


@click.group()
def supply() -> None:
    """Lieferungen der Fachdienste: Vorlage, Auszählung, Prüfung, Übernahme, Kalender."""


supply.add_command(aggregate)


def _county(folder: Path | None) -> County:
    from geodata.county import load_county

    return load_county(folder or Path(), require_files=False)


def _day(today: dt.datetime | None) -> dt.date:
    return today.date() if today is not None else dt.date.today()


@supply.command()
@click.argument("fachdienst")
@_COUNTY
@click.option("--period", "single", type=click.IntRange(1990, 2200), multiple=True, help="Berichtsjahr, wiederholbar.")
@click.option("--periods", "spans", multiple=True, metavar="2023-2025", help="Berichtsjahre von bis, wiederholbar.")
@click.option("--compare", is_flag=True, help="Die zuletzt bekannten Werte auf ein eigenes Blatt schreiben.")
@click.option("--out", type=_FOLDER, default=None, help="Datei; sonst FACHDIENST_JAHR.xlsx.")
@_TODAY
def template(
    fachdienst: str,
    county: Path | None,
    single: tuple[int, ...],
    spans: tuple[str, ...],
    compare: bool,
    out: Path | None,
    today: dt.datetime | None,
) -> None:
    """Die Excel-Vorlage für FACHDIENST (id oder Name aus county.toml) schreiben."""
    from geodata.supply.request import build_request
    from geodata.supply.template import write_template

    home = _county(county)
    periods = (*single, *(year for span in spans for year in _span(span)))
    request = build_request(home, fachdienst, periods, today=_day(today))
    known = None
    if compare:
        from geodata.supply.plausible import known_of

        known = known_of(home, request)
        for problem in known.problems:
            click.echo(f"Frühere Werte fehlen: {problem}", err=True)
    path = out or Path(f"{request.department}_{'-'.join(map(str, request.periods))}.xlsx")
    write_template(request, path, known=None if known is None else known.values)
    click.echo(path)
    cells = sum(len(form.areas) * len(form.columns) for form in request.forms) * len(request.periods)
    click.echo(f"Vorlage {request.template}: {cells} {'Zelle' if cells == 1 else 'Zellen'} zu füllen", err=True)
    for year, due in request.due:
        if _day(today) <= min(dt.date.fromisoformat(due), dt.date(year, 12, 31)):
            click.echo(f"Hinweis: Das Berichtsjahr {year} ist noch nicht zu Ende", err=True)


def _span(span: str) -> range:
    """Read "2023-2025" or "2025"."""
    first, _, last = span.replace("–", "-").partition("-")
    years = (first.strip(), last.strip() or first.strip())
    if not all(year.isascii() and year.isdigit() and 1990 <= int(year) <= 2200 for year in years):
        raise click.BadParameter("--periods erwartet Jahre wie 2023-2025")
    if int(years[1]) < int(years[0]) or int(years[1]) - int(years[0]) > 50:
        raise click.BadParameter("--periods erwartet das frühere Jahr zuerst und höchstens 50 Jahre")
    return range(int(years[0]), int(years[1]) + 1)


@supply.command()
@click.argument("file", type=_FOLDER)
@_COUNTY
@click.option("--receipts", type=_FOLDER, default=None, help="Ordner der Quittungen; sonst COUNTY/lieferungen.")
@click.option("--json", "as_json", is_flag=True, help="Die Quittung als JSON ausgeben.")
@click.pass_context
def check(ctx: click.Context, file: Path, county: Path | None, receipts: Path | None, as_json: bool) -> None:
    """Eine ausgefüllte Vorlage prüfen und quittieren. Ende 0: angenommen; 3: zurückgewiesen."""
    from geodata.supply.delivered import FOLDER
    from geodata.supply.receipt import alone

    home = _county(county) if county is not None or Path("county.toml").is_file() else None
    result, document = _checked(file, home)
    folder = receipts or (home.folder / FOLDER if home is not None else file.parent)
    with nullcontext() if home is None else alone(folder):  # nothing is left beside a file that was only looked at
        _keep(document, folder, as_json)
    if home is None:
        click.echo("Ohne county.toml geprüft: nur gegen die Vorlage selbst (--county DIR).", err=True)
    if not result.accepted:
        ctx.exit(REJECTED)


def _checked(file: Path, home: County | None) -> tuple[Result, dict[str, Any]]:
    """Check a file, against a county where there is one, and return its fresh receipt."""
    from hashlib import sha256
    from importlib.metadata import version

    from geodata.supply.check import check_return
    from geodata.supply.plausible import Known, known_of
    from geodata.supply.receipt import receipt_document
    from geodata.supply.request import build_request

    def asked(request: Request) -> Request:
        if home is None or request.county != home.id:
            raise ConfigError(f"sie gehört zu {request.county_title}", hint="Die Vorlage des eigenen Kreises verwenden")
        return build_request(home, request.department, request.periods, today=dt.date.today())

    def known(request: Request) -> Known:
        return Known() if home is None else known_of(home, request, without=sha256(file.read_bytes()).hexdigest())

    result = check_return(file, expected=None if home is None else asked, known=known, today=dt.date.today())
    return result, receipt_document(result, now=_now(), version=version("sozialmonitor"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).astimezone()


def _keep(document: dict[str, Any], folder: Path, as_json: bool) -> None:
    from geodata.supply.receipt import renewed, write_receipt

    document = renewed(document, folder)
    _show(document, write_receipt(document, folder), as_json)


def _show(document: dict[str, Any], paths: tuple[Path, Path], as_json: bool) -> None:
    from geodata.supply.receipt import receipt_text

    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else receipt_text(document), nl=as_json)
    for path in paths:
        click.echo(f"Quittung: {path}", err=True)


@supply.command()
@click.argument("file", type=_FOLDER)
@_COUNTY
@click.option("--json", "as_json", is_flag=True, help="Die Quittung als JSON ausgeben.")
@click.pass_context
def accept(ctx: click.Context, file: Path, county: Path | None, as_json: bool) -> None:
    """Eine ausgefüllte Vorlage prüfen und in den Kreis übernehmen; frühere Lieferungen bleiben.

    Die Datei kommt in COUNTY/lieferungen. Von da an lesen run, update und check sie mit; wo sie dasselbe Gebiet und
    Jahr nennt wie eine frühere, gilt sie. Ende 0: übernommen; 3: zurückgewiesen. Zurück: supply withdraw.
    """
    from geodata.supply.accept import accept_delivery
    from geodata.supply.delivered import FOLDER
    from geodata.supply.receipt import alone

    home = _county(county)
    result, document = _checked(file, home)
    if not result.accepted:
        with alone(home.folder / FOLDER):
            _keep(document, home.folder / FOLDER, as_json)
        ctx.exit(REJECTED)
    taken = accept_delivery(home, file, result, document, now=_now())
    _show(taken.document, taken.paths, as_json)
    done = "war schon übernommen" if taken.again else "übernommen"
    done += ", ihre Datei fehlte und liegt wieder da" if taken.back else ""
    click.echo(f"Lieferung {taken.delivery.number} {done}: {home.folder / taken.delivery.file}", err=True)


@supply.command()
@click.argument("name", metavar="LIEFERUNG")
@_COUNTY
def withdraw(name: str, county: Path | None) -> None:
    """Eine übernommene LIEFERUNG (Nummer oder Dateiname) wieder herausnehmen.

    Die Datei bleibt, in COUNTY/lieferungen/zurueckgezogen.
    """
    from geodata.supply.accept import withdraw_delivery

    home = _county(county)
    delivery, place = withdraw_delivery(home, name, now=_now())
    click.echo(f"Lieferung {delivery.number} zurückgezogen; es gilt wieder, was vorher galt")
    click.echo(f"Die Datei liegt jetzt hier: {place}" if place else "Die Datei war nicht mehr da", err=True)


@supply.command("list")
@_COUNTY
def list_(county: Path | None) -> None:
    """Die übernommenen Lieferungen zeigen, in der Reihenfolge, in der sie gelten."""
    from geodata.supply.delivered import FOLDER
    from geodata.supply.template import german

    home = _county(county)
    if not home.accepted:
        click.echo("Keine Lieferung ist übernommen.")
    for each in home.accepted:
        tables = ", ".join(form.table for form in each.forms)
        years = ", ".join(map(str, each.periods))
        gone = "" if home.path(each.file).is_file() else "  – die Datei fehlt"
        said = (f"{each.number:>4}", german(each.when.date()), each.department, years, tables, each.file)
        click.echo("  ".join(said) + gone)
    known = {each.file for each in home.accepted}
    for path in sorted((home.folder / FOLDER).glob("*.xlsx")):
        if f"{FOLDER}/{path.name}" not in known and not path.name.startswith("~$"):
            click.echo(f"   –  nicht übernommen und nicht gelesen: {FOLDER}/{path.name} (sozialmonitor supply accept)")


@supply.command()
@_COUNTY
@_TODAY
@click.option("--receipts", type=_FOLDER, default=None, help="Ordner der Quittungen; sonst COUNTY/lieferungen.")
@click.option(
    "--ahead", type=click.IntRange(0, 1000), default=90, show_default=True, help="Tage vor der Frist: fällig."
)
@click.option("--json", "as_json", is_flag=True, help="Als JSON ausgeben.")
def calendar(county: Path | None, today: dt.datetime | None, receipts: Path | None, ahead: int, as_json: bool) -> None:
    """Sagen, was fällig und was überfällig ist."""
    from geodata.supply.calendar import deliveries
    from geodata.supply.delivered import FOLDER
    from geodata.supply.receipt import read_receipts

    home = _county(county)
    day = _day(today)
    found = deliveries(home, read_receipts(receipts or home.folder / FOLDER), today=day, ahead=dt.timedelta(days=ahead))
    if as_json:
        rows = [_as_dict(each) for each in found]
        click.echo(
            json.dumps({"county": home.id, "today": day.isoformat(), "deliveries": rows}, ensure_ascii=False, indent=2)
        )
        return
    from geodata.supply.template import german

    click.echo(f"{home.title.de}: Lieferungen am {german(day)}")
    if not found:
        click.echo("Keine: county.toml nennt keine [[departments]].")
        return
    width = max(len(each.name) for each in found)
    for each in found:
        colour = {"überfällig": "red", "fällig": "yellow", "geprüft": "cyan", "erledigt": "green"}.get(each.state)
        said = click.style(f"{each.state:<13}", fg=colour, bold=each.state == "überfällig")
        click.echo(f"{said}  {german(each.due)}  {each.name:<{width}}  {each.period}  {_detail(each)}".rstrip())


def _as_dict(each: Delivery) -> dict[str, object]:
    return {
        "department": each.department,
        "name": each.name,
        "contact": each.contact,
        "period": each.period,
        "due": each.due.isoformat(),
        "days": each.days,
        "state": str(each.state),
        "missing": list(each.missing),
        "received": each.received.isoformat() if each.received else None,
        "rejected": each.rejected.isoformat() if each.rejected else None,
        "withdrawn": each.withdrawn.isoformat() if each.withdrawn else None,
        "filled": each.filled,
        "asked": each.asked,
    }


def _detail(each: Delivery) -> str:
    from geodata.supply.template import german

    if each.received is not None:
        late = (each.received - each.due).days
        after = f", {'ein Tag' if late == 1 else f'{late} Tage'} nach der Frist" if late > 0 else ""
        said = f"eingegangen am {german(each.received)}{after}"
        if each.filled < each.asked:
            said += f"; unvollständig: {each.filled} von {each.asked} Zellen"
        if each.withdrawn:
            said += f"; eine Lieferung wurde am {german(each.withdrawn)} zurückgezogen"
        if each.missing:
            said += "; geprüft, noch nicht übernommen (sozialmonitor supply accept)"
        if each.rejected:
            still = "die geprüfte Datei" if each.missing else "die übernommene Lieferung"
            said += f"; ein späterer Versuch am {german(each.rejected)} wurde zurückgewiesen, {still} gilt weiter"
        return said
    days = f"{'seit' if each.days < 0 else 'in'} {'einem Tag' if abs(each.days) == 1 else f'{abs(each.days)} Tagen'}"
    said = f"{days}: {', '.join(each.missing)} ({each.contact})"
    if each.withdrawn:
        said += f"; eine Lieferung wurde am {german(each.withdrawn)} zurückgezogen"
    if each.rejected:
        said += f"; der letzte Versuch am {german(each.rejected)} wurde zurückgewiesen"
    return said
