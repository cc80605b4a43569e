"""A table of a county from all its files: those that ``county.toml`` names, and the deliveries taken over since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from geodata.catalogue import receipt_of
from geodata.county import County
from geodata.county_schema import TableSpec
from geodata.errors import ConfigError, FormatError, NoDataError
from geodata.models import Observations
from geodata.readers.joined import Part, join
from geodata.readers.tables import read_table
from geodata.supply.delivered import Accepted, AcceptedForm

#: Units that mean "a number of things".
_COUNTS = ("", "Anzahl")


def read_joined(county: County, table: str, *, progress: Callable[[str], None] = lambda _file: None) -> Observations:
    """Read all files of a table and join them.

    Parameters
    ----------
    county : County
        Its description.
    table : str
        Id of the table.
    progress : callable, optional
        Called with the name of each file.

    Returns
    -------
    Observations
        Each cell once; of two deliveries the later one counts, and of a delivery and a file the delivery
        (:func:`geodata.readers.joined.join`).

    Raises
    ------
    GeodataError
        A file cannot be read or contradicts another one, a delivery is not what was taken over, or there is none.
    """
    spec, source = county.tables[table], county.sources[county.tables[table].source]
    delivered = {each.file: each for each in county.accepted}
    parts = []
    for file in county.files(table):
        progress(file)
        path = county.path(file)
        if file not in delivered:
            parts.append(Part(read_table(path, spec, source), f"{path} (tables.{table})"))
            continue
        for form in delivered[file].forms:
            if form.table == table:
                found = read_delivery(county, delivered[file], form)
                if found is not None:
                    parts.append(Part(found, str(path), delivered[file].label, newer=True))
    if not parts:
        raise NoDataError(
            "expected a file or an accepted delivery, found neither",
            where=f"tables.{table}",
            hint="name a file, or take a delivery over with `sozialmonitor supply accept FILE`",
        )
    return join(parts)


def read_delivery(county: County, delivery: Accepted, form: AcceptedForm) -> Observations | None:
    """Read one sheet of a delivery by the headings it had when it was taken over.

    Parameters
    ----------
    county : County
        Its tables say what variables mean today.
    delivery : Accepted
        Which file, and what it must be.
    form : AcceptedForm
        Which sheet.

    Returns
    -------
    Observations or None
        None where the county knows none of its variables any more.

    Raises
    ------
    FormatError
        The file is another one than was taken over.
    GeodataError
        It cannot be read.
    """
    spec, path = county.tables[form.table], county.path(delivery.file)
    if receipt_of(path).sha256 != delivery.sha256:
        raise FormatError(
            "the delivery is not the file that was accepted: somebody changed it",
            where=str(path),
            hint="put the accepted file back, or `sozialmonitor supply withdraw` it and accept the changed one",
        )
    known = [(variable, heading, unit) for variable, heading, unit in form.columns if variable in spec.columns]
    if not known:
        return None
    for variable, _, unit in known:
        now = spec.columns[variable].unit
        if unit != now and not {unit, now} <= set(_COUNTS):
            raise ConfigError(
                f"expected {variable!r} in {unit!r} as it was delivered, found {now!r}",
                where=f"tables.{form.table}.columns.{variable}.unit",
                hint="give figures in another unit another variable, or withdraw the delivery",
            )
    own = _as_delivered(spec, form, {variable: heading for variable, heading, _ in known})
    source = county.sources[spec.source]
    found = read_table(path, own, replace(source, legend=form.legend))
    return replace(found, source=source)


def _as_delivered(spec: TableSpec, form: AcceptedForm, headings: dict[str, str]) -> TableSpec:
    """Return the table's section as it would describe this one sheet."""
    columns = {name: spec.columns[name].model_copy(update={"column": heading}) for name, heading in headings.items()}
    return spec.model_copy(
        update={
            "columns": columns,
            "sheet": form.sheet,
            "area": form.area,
            "period": form.period,
            "flag": form.flag or None,
            "format": "table",
        }
    )
