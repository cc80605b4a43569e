"""``sozialmonitor supply aggregate``: counting on the department's own machine. In German."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geodata.errors import ConfigError, FormatError, GeodataError, SozialmonitorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geodata.supply.aggregate import Aggregate
    from geodata.supply.fill import Filled
    from geodata.supply.register import Columns
    from geodata.supply.request import Form

REJECTED = 3
#: Shares of rows without area or year: above the first it is said, above the second nothing is written.
_MANY, _TOO_MANY = 0.05, 0.25
_FOLDER = click.Path(path_type=Path)
_COUNTY = click.option(
    "--county", type=_FOLDER, default=None, help="Ordner mit county.toml; sonst der aktuelle Ordner."
)


@click.command()
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
@click.option("--into", type=_FOLDER, default=None, help="Vorlage, in deren gelbe Zellen die Anzahlen kommen.")
@click.option(
    "--fill", "fills", multiple=True, metavar="ÜBERSCHRIFT=ANZAHL", help="Spalte der Vorlage und was in sie gehört."
)
@click.option("--out", type=_FOLDER, required=True, help="Neue Datei: CSV, mit --into die gefüllte Vorlage (XLSX).")
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
    into: Path | None,
    fills: tuple[str, ...],
    out: Path,
) -> None:
    """Personen eines Registers je Gebiet und Jahr zählen. Nur Anzahlen verlassen diesen Befehl.

    Beispiel: sozialmonitor supply aggregate auszug.csv --by year=2025 --by age=Geburtsdatum --ages 15,65
    --addresses strassen.csv --into jobcenter_2025.xlsx --fill "Leistungsberechtigte SGB II=Anzahl" --out gefuellt.xlsx

    Spalten der Vorlage, die wie eine Anzahl heißen (auch mit „darunter“ davor), füllen sich ohne --fill.
    """
    _no_core_dump()
    columns = _columns(by, street, number, place)
    bounds = _bounds(ages)
    when = _month_day(day)
    if into is not None and form is not None:
        raise click.BadParameter("--into nennt die Vorlage schon; --template weglassen")
    if fills and into is None:
        raise click.BadParameter("--fill gehört zu --into")
    said = _fills(fills)
    ending = ".csv" if into is None else ".xlsx"
    if out.exists() or out.suffix.lower() != ending:
        raise FormatError(
            f"erwartet wird eine neue {ending[1:].upper()}-Datei",
            where=str(out),
            hint="anderen Namen nennen; nichts wird überschrieben",
        )
    result = filled = None
    try:
        result = _aggregate(
            file, columns, bounds, when, addresses, area_column, into or form, table, sheet, small, county
        )
        filled = _filled(into, table, result, said) if into is not None else None
    except SozialmonitorError:
        raise  # our own words hold no value
    except Exception as error:  # an error of a library may quote a cell: only its kind is told
        kind, result = type(error).__name__, None
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
    _write(result.to_csv() if filled is None else filled.payload, out)
    click.echo(out)
    if filled is not None:
        for heading, name in filled.columns.items():
            click.echo(f"  „{heading}“ = {name}, {', '.join(map(str, filled.years))}")
        if filled.empty:
            click.echo(f"  noch leer: {', '.join(f'„{heading}“' for heading in filled.empty)}")
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
    from geodata.supply.register import Columns

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
    if isinstance(columns.year, int) and columns.year in years:
        years = (columns.year,)  # of the template's other years the register says nothing, and no zero either
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

    rules = PublicationSection()
    if county is not None:
        from geodata.county import load_county

        rules = load_county(county, require_files=False).publication
    return suppress(
        result, rules.min_numerator, sex=columns.sex is not None, ages=bounds if columns.age is not None else None
    )


def _fills(fills: Sequence[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for each in fills:
        heading, sign, name = each.rpartition("=")
        heading, name = " ".join(heading.split()), " ".join(name.split())
        if not sign or not heading or not name or heading in said:
            raise click.BadParameter("--fill erwartet ÜBERSCHRIFT=ANZAHL, jede Überschrift einmal")
        said[heading] = name
    return said


def _filled(path: Path, table: str | None, result: Aggregate, said: dict[str, str]) -> Filled:
    from geodata.supply.fill import fill_template, match_columns

    form, _ = _form(path, table)
    return fill_template(path, form, result.table, match_columns(form, list(result.table.columns[3:]), said))


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
