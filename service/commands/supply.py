"""``sozialmonitor supply``: templates for departments, their check, the calendar, counting on the spot. In German."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geodata.errors import ConfigError, FormatError, GeodataError, SozialmonitorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geodata.county import County
    from geodata.supply.aggregate import Aggregate, Columns
    from geodata.supply.calendar import Delivery
    from geodata.supply.request import Form, Request

REJECTED = 3
#: Shares of rows without area or year: above the first it is said, above the second nothing is written.
_MANY, _TOO_MANY = 0.05, 0.25
_FOLDER = click.Path(path_type=Path)
_COUNTY = click.option(
    "--county", type=_FOLDER, default=None, help="Ordner mit county.toml; sonst der aktuelle Ordner."
)
_TODAY = click.option("--today", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Stichtag; sonst heute.")


@click.group()
def supply() -> None:
    """Lieferungen der Fachdienste: Vorlage, Prüfung, Kalender, Auszählung."""


def _county(folder: Path | None) -> County:
    from geodata.county import load_county

    return load_county(folder or Path(), require_files=False)


def _day(today: dt.datetime | None) -> dt.date:
    return today.date() if today is not None else dt.date.today()


@supply.command()
@click.argument("fachdienst")
@_COUNTY
@click.option("--period", "periods", type=click.IntRange(1990, 2200), multiple=True, help="Berichtsjahr, wiederholbar.")
@click.option("--out", type=_FOLDER, default=None, help="Datei; sonst FACHDIENST_JAHR.xlsx.")
@_TODAY
def template(
    fachdienst: str, county: Path | None, periods: tuple[int, ...], out: Path | None, today: dt.datetime | None
) -> None:
    """Die Excel-Vorlage für FACHDIENST (id oder Name aus county.toml) schreiben."""
    from geodata.supply.request import build_request
    from geodata.supply.template import write_template

    request = build_request(_county(county), fachdienst, periods, today=_day(today))
    path = out or Path(f"{request.department}_{'-'.join(map(str, request.periods))}.xlsx")
    write_template(request, path)
    click.echo(path)
    cells = sum(len(form.areas) * len(form.columns) for form in request.forms) * len(request.periods)
    click.echo(f"Vorlage {request.template}: {cells} Zellen zu füllen", err=True)


@supply.command()
@click.argument("file", type=_FOLDER)
@_COUNTY
@click.option("--receipts", type=_FOLDER, default=None, help="Ordner der Quittungen; sonst COUNTY/lieferungen.")
@click.option("--json", "as_json", is_flag=True, help="Die Quittung als JSON ausgeben.")
@click.pass_context
def check(ctx: click.Context, file: Path, county: Path | None, receipts: Path | None, as_json: bool) -> None:
    """Eine ausgefüllte Vorlage prüfen und quittieren. Ende 0: angenommen; 3: zurückgewiesen."""
    from importlib.metadata import version

    from geodata.supply.check import check_return
    from geodata.supply.receipt import FOLDER, receipt_document, receipt_text, write_receipt
    from geodata.supply.request import build_request

    home = _county(county) if county is not None or Path("county.toml").is_file() else None

    def asked(request: Request) -> Request:
        if home is None or request.county != home.id:
            raise ConfigError(f"sie gehört zu {request.county_title}", hint="Die Vorlage des eigenen Kreises verwenden")
        return build_request(home, request.department, request.periods, today=dt.date.today())

    result = check_return(file, expected=None if home is None else asked)
    document = receipt_document(result, now=dt.datetime.now(dt.UTC).astimezone(), version=version("sozialmonitor"))
    paths = write_receipt(document, receipts or (home.folder / FOLDER if home is not None else file.parent))
    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else receipt_text(document), nl=as_json)
    for path in paths:
        click.echo(f"Quittung: {path}", err=True)
    if home is None:
        click.echo("Ohne county.toml geprüft: nur gegen die Vorlage selbst (--county DIR).", err=True)
    if not result.accepted:
        ctx.exit(REJECTED)


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
    from geodata.supply.receipt import FOLDER, read_receipts

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
        colour = {"überfällig": "red", "fällig": "yellow", "erledigt": "green"}.get(each.state)
        said = click.style(f"{each.state:<10}", fg=colour, bold=each.state == "überfällig")
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
        "rejected": each.rejected,
    }


def _detail(each: Delivery) -> str:
    from geodata.supply.template import german

    if each.received is not None:
        late = (each.received - each.due).days
        said = f"angenommen am {german(each.received)}" + (f", {late} Tage nach der Frist" if late > 0 else "")
    else:
        days = f"seit {-each.days} Tagen" if each.days < 0 else f"in {each.days} Tagen"
        said = f"{days}: {', '.join(each.missing)} ({each.contact})"
    return said + ("; zuletzt zurückgewiesen" if each.rejected else "")


@supply.command()
@click.argument("file", type=_FOLDER)
@click.option("--by", "by", multiple=True, required=True, metavar="WAS=SPALTE", help="area, year, sex, age, person.")
@click.option("--addresses", type=_FOLDER, default=None, help="Verzeichnis: Straße, von, bis, Seite, Schlüssel.")
@click.option("--area-column", default=None, help="Spalte des Schlüssels im Verzeichnis, wenn nicht erkennbar.")
@click.option("--template", "form", type=_FOLDER, default=None, help="Vorlage: ihre Gebiete, Jahre und Überschriften.")
@click.option("--table", default=None, help="Tabelle der Vorlage, wenn sie mehrere hat.")
@click.option("--ages", default="", metavar="15,65", help="Altersgrenzen.")
@click.option("--day", default="12-31", show_default=True, metavar="MM-TT", help="Stichtag des Alters.")
@click.option("--street", default=None, help="Spalte der Straße, wenn nicht erkennbar.")
@click.option("--number", default=None, help="Spalte der Hausnummer, wenn nicht erkennbar.")
@click.option("--place", default=None, help="Spalte des Ortes, wenn nicht erkennbar.")
@click.option("--sheet", default=None, help="Blatt der Arbeitsmappe.")
@click.option("--suppress", "small", is_flag=True, help="Kleine Zahlen durch einen Punkt ersetzen.")
@click.option("--accept-unassigned", "accepted", is_flag=True, help="Auch schreiben, wenn über 25 % nicht zuzuordnen.")
@_COUNTY
@click.option("--out", type=_FOLDER, required=True, help="CSV mit den Anzahlen; darf nicht bestehen.")
@click.pass_context
def aggregate(
    ctx: click.Context,
    file: Path,
    by: tuple[str, ...],
    addresses: Path | None,
    area_column: str | None,
    form: Path | None,
    table: str | None,
    ages: str,
    day: str,
    street: str | None,
    number: str | None,
    place: str | None,
    sheet: str | None,
    small: bool,
    accepted: bool,
    county: Path | None,
    out: Path,
) -> None:
    """Personen eines Registers je Gebiet und Jahr zählen. Nur Anzahlen verlassen diesen Befehl.

    Beispiel: sozialmonitor supply aggregate auszug.csv --by year=2025 --by sex=Geschlecht --by age=Geburtsdatum
    --ages 15,65 --addresses strassen.csv --template jobcenter_2025.xlsx --out anzahlen.csv
    """
    _no_core_dump()
    columns = _columns(by, street, number, place)
    bounds = _bounds(ages)
    when = _month_day(day)
    if out.exists() or out.suffix.lower() != ".csv":
        raise FormatError(
            "erwartet wird eine neue CSV-Datei", where=str(out), hint="anderen Namen nennen; nichts wird überschrieben"
        )
    result = None
    try:
        result = _aggregate(file, columns, bounds, when, addresses, area_column, form, table, sheet, small, county)
    except SozialmonitorError:
        raise  # our own words hold no value
    except Exception as error:  # an error of a library may quote a cell: only its kind is told
        kind = type(error).__name__
    if result is None:
        raise SozialmonitorError(
            f"unerwarteter Fehler ({kind}); geschrieben wurde nichts",
            where="supply aggregate",
            hint="den Auszug als CSV mit Semikolon ausgeben und noch einmal versuchen",
        )
    share = result.unassigned_share
    if share > _MANY:
        due = result.counted + result.unassigned
        percent = f"{100 * share:.1f}".replace(".", ",")
        click.echo(
            f"Warnung: {result.unassigned} von {due} Zeilen ({percent} %) ließen sich nicht zuordnen; die Anzahlen "
            "sind um sie zu klein.",
            err=True,
        )
    if share > _TOO_MANY and not accepted:
        for reason, count in result.report.most_common():
            click.echo(f"  {count} × {reason}", err=True)
        click.echo(
            "Geschrieben wurde nichts. Das Adressverzeichnis ergänzen oder mit --accept-unassigned bestätigen.",
            err=True,
        )
        ctx.exit(REJECTED)
    if result.uncovered:
        click.echo(
            f"{len(result.uncovered)} Gebiete nennt das Adressverzeichnis nie; sie bleiben leer (nicht geliefert).",
            err=True,
        )
    _write(result.to_csv(), out)
    click.echo(out)
    click.echo(
        f"{result.rows} Zeilen gelesen, {result.counted} gezählt, {result.rows - result.counted} nicht zugeordnet"
    )
    for reason, count in result.report.most_common():
        click.echo(f"  {count} × {reason}")


def _no_core_dump() -> None:
    """Keep the system from writing the memory to disk should the process crash."""
    try:
        import resource
    except ImportError:  # Windows writes none by default
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _columns(by: Sequence[str], street: str | None, number: str | None, place: str | None) -> Columns:
    from geodata.supply.aggregate import Columns

    said: dict[str, str] = {}
    for each in by:
        what, sign, column = each.partition("=")
        if not sign or not column or what not in ("area", "year", "sex", "age", "person") or what in said:
            raise click.BadParameter("erwartet area=, year=, sex=, age= oder person= und eine Spalte, je einmal")
        said[what] = " ".join(column.split())
    if "year" not in said:
        raise click.BadParameter("es fehlt year=SPALTE oder year=2025")
    year = said.pop("year")
    return Columns(
        year=int(year) if year.isascii() and year.isdigit() and len(year) == 4 else year,
        **said,
        street=street,
        number=number,
        place=place,
    )


def _bounds(ages: str) -> tuple[int, ...]:
    try:
        return tuple(int(bound) for bound in ages.split(",") if bound.strip())
    except ValueError:
        raise click.BadParameter("--ages erwartet ganze Zahlen wie 15,65") from None


def _month_day(day: str) -> tuple[int, int]:
    try:
        found = dt.date.fromisoformat(f"2024-{day}")
    except ValueError:
        raise click.BadParameter("--day erwartet MM-TT wie 12-31") from None
    return found.month, found.day


def _aggregate(
    file: Path,
    columns: Columns,
    bounds: tuple[int, ...],
    when: tuple[int, int],
    addresses: Path | None,
    area_column: str | None,
    form: Path | None,
    table: str | None,
    sheet: str | None,
    small: bool,
    county: Path | None,
) -> Aggregate:
    from geodata.supply.addresses import read_addresses
    from geodata.supply.aggregate import aggregate as count
    from geodata.supply.aggregate import suppress

    book = read_addresses(addresses, area=area_column) if addresses is not None else None
    asked, years = _form(form, table) if form is not None else (None, ())
    if asked is None and book is None:
        raise ConfigError(
            "es fehlt die Liste der Gebiete: nur deren Schlüssel dürfen in das Ergebnis",
            where="supply aggregate",
            hint="--template mit der Vorlage oder --addresses mit dem Straßenverzeichnis nennen",
        )
    areas = dict(asked.areas) if asked is not None else dict.fromkeys(book.areas, "") if book is not None else {}
    strange = sorted(set(book.areas) - set(areas)) if book is not None else []
    if strange:
        raise GeodataError(
            f"{len(strange)} Schlüssel des Verzeichnisses stehen nicht in der Vorlage",
            where="Adressverzeichnis",
            hint="Verzeichnis und Vorlage müssen dieselben Gebietsschlüssel verwenden",
        )
    headings = (asked.area, asked.name, asked.period) if asked is not None else ("Schlüssel", "Gebiet", "Jahr")
    result = count(
        file,
        columns,
        areas=areas,
        addresses=book,
        years=years,
        ages=bounds,
        day=when,
        sheet=sheet,
        headings=headings,
    )
    if not small:
        return result
    from geodata.county_schema import PublicationSection

    rules = _county(county).publication if county is not None else PublicationSection()
    return suppress(
        result, rules.min_numerator, sex=columns.sex is not None, ages=bounds if columns.age is not None else None
    )


def _form(path: Path, table: str | None) -> tuple[Form, tuple[int, ...]]:
    from geodata.supply.workbook import read_request

    request = read_request(path)
    forms = [form for form in request.forms if table in (None, form.table)]
    if len(forms) != 1:
        raise ConfigError(
            f"die Vorlage hat die Tabellen {', '.join(form.table for form in request.forms)}",
            where=path.name,
            hint="eine davon mit --table nennen",
        )
    return forms[0], request.periods


def _write(payload: bytes, path: Path) -> None:
    """Write a small file with one call and no temporary one, readable by its owner only."""
    import os

    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb", buffering=0) as stream:
            if stream.write(payload) != len(payload):
                raise OSError("short write")
    except OSError:
        path.unlink(missing_ok=True)
        raise SozialmonitorError(
            "das Ergebnis konnte nicht geschrieben werden", where=str(path), hint="ist der Datenträger voll?"
        ) from None
