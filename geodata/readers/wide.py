"""Wide tables as offices print them: an area a row, and header rows that say what each column is.

Shared by the readers of classic GENESIS tables, of the Gemeindedaten and of LSN-Online: they find header and rows, this
module names the variables and puts the figures under each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, NoDataError
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import genesis_signs, long, signs
from geodata.readers.headers import Column

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Period of figures whose file does not say the year; only ``sozialmonitor check`` sees it.
UNDATED = 0


#: Variable → areas, years, cells, and which of them are dashes.
_Read = dict[str, tuple[pd.Series, pd.Series, signs.Parsed, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Wide:
    """A table taken apart.

    Attributes
    ----------
    area : pandas.Series
        Key of each row (str).
    period : pandas.Series
        Year of each row (int64), :data:`UNDATED` where only the header or nobody says it.
    part : pandas.Series
        What the row is about besides the area ("weiblich"); empty for totals.
    cells : pandas.DataFrame
        str; one column for each of ``columns``, the index is the row of the file.
    columns : sequence of Column
        What the header says.
    title : str
        Name of a column above which nothing stands.
    unit : str
        Unit of columns that name none.
    """

    area: pd.Series
    period: pd.Series
    part: pd.Series
    cells: pd.DataFrame
    columns: Sequence[Column]
    title: str
    unit: str
    decimal: str
    notes: tuple[str, ...]


def observations(
    wide: Wide,
    *,
    columns: Mapping[str, ColumnSpec] | None,
    period: int | None,
    key: str,
    source: Source | None,
    legend: str,
    where: str,
    undated: bool = False,
    silent: bool = False,
) -> Observations:
    """Name the variables of a wide table and put its figures under each other.

    Parameters
    ----------
    wide : Wide
        The table.
    columns : mapping of str to ColumnSpec, optional
        Variable → name as ``sozialmonitor check`` prints it, or a part of it that occurs once. By default all.
    period : int, optional
        The year, where the file does not say it; only this year, where it does.
    key : str
        See :func:`geodata.keys.convert_keys`.
    source : Source, optional
        Gives the origin, and its reference date the year.
    legend : str
        Version of the legend.
    where : str
        File and sheet, for messages.
    undated : bool, default False
        Take :data:`UNDATED` for a year that nobody says, instead of refusing.
    silent : bool, default False
        A region of dashes was not delivered (classic legend).

    Returns
    -------
    Observations
        One variable for each column and part of rows.

    Raises
    ------
    GeodataError
        Unknown signs, no year, repeated or malformed keys, no such column.
    """
    known = signs.legend(legend)
    notes = [*wide.notes, f"signs: legend {legend}"]
    ids = convert_keys(wide.area, key, where=where)
    fallback = period or (source.reference_date.year if source and source.reference_date else None)
    pieces = _pieces(wide)
    if not pieces:
        raise NoDataError("expected columns of figures, found none", where=where, hint="download or export it again")
    if columns is None:
        wanted = {name: (name, "") for name in pieces}
    else:
        wanted = {variable: (_pick(spec.column, list(pieces), where), spec.unit) for variable, spec in columns.items()}
    parsed = {
        at: signs.parse(wide.cells.iloc[:, at], known, decimal=wide.decimal, where=where, column=c.name, first_row=1)
        for at, c in enumerate(wide.columns)
        if any(at == a for name, _ in wanted.values() for a, _ in pieces[name])
    }
    ids = ids.reset_index(drop=True)
    read: _Read = {}
    for variable, (name, _) in wanted.items():
        areas, years, cells, dashes = [], [], [], []
        for at, rows in pieces[name]:
            year = wide.columns[at].year
            own = pd.Series(np.full(len(ids), year)) if year else wide.period.reset_index(drop=True)
            own = own.where(own != UNDATED, fallback or UNDATED)[rows]
            if not undated and (own == UNDATED).any():
                raise ColumnError(
                    "expected a year: neither the table nor period nor the source's reference_date says one",
                    where=where,
                    hint="set period to the year",
                )
            areas.append(ids[rows])
            years.append(own)
            cells.append(parsed[at].take(rows))
            dashes.append((wide.cells.iloc[:, at].str.strip() == "-").to_numpy()[rows])
        when = pd.concat(years, ignore_index=True).astype("int64")
        read[variable] = (pd.concat(areas, ignore_index=True), when, stack(cells), np.concatenate(dashes))
    if silent:
        read = _without_silence(read, notes)
    dated = period is not None and (any(c.year for c in wide.columns) or bool((wide.period != UNDATED).any()))
    blocks: dict[str, long.Block] = {}
    for variable, (name, unit) in wanted.items():
        area, when, both, _ = read[variable]
        keep = (when == period).to_numpy() if dated else np.ones(len(area), dtype=bool)
        said = unit or wide.columns[pieces[name][0][0]].unit or wide.unit
        blocks[variable] = long.Block(variable, area[keep], when[keep], both.take(keep), said)
    of = {name: spec.share_of for name, spec in (columns or {}).items() if spec.share_of}
    whole = long.shares(blocks, of, where)
    return long.assemble(whole, source=source, notes=notes, where=where, rows=len(wide.area))


def _without_silence(read: _Read, notes: list[str]) -> _Read:
    """Judge regions of dashes over all variables together."""
    area = pd.concat([part[0] for part in read.values()], ignore_index=True)
    when = pd.concat([part[1] for part in read.values()], ignore_index=True)
    dash = np.concatenate([part[3] for part in read.values()])
    whole = genesis_signs.silent_regions(area, when, dash, stack([part[2] for part in read.values()]), notes)
    start, found = 0, {}
    for variable, (own, years, cells, dashes) in read.items():
        found[variable] = (own, years, whole.take(np.arange(start, start + len(own))), dashes)
        start += len(cells.value)
    return found


def _pieces(wide: Wide) -> dict[str, list[tuple[int, np.ndarray]]]:
    """Return name → the columns and rows (mask) of each variable; years stand in columns or rows."""
    codes, parts = pd.factorize(wide.part)
    masks = [(str(part), codes == position) for position, part in enumerate(parts)]
    names = [column.name or wide.title for column in wide.columns]
    taken: dict[tuple[str, int | None], int] = {}
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    for at, column in enumerate(wide.columns):
        name = names[at]
        first = taken.setdefault((name, column.year), at)
        if first != at:
            # Two columns of one name and year: dates in one year, or units.
            other = wide.columns[first]
            mark = f" [{column.unit}]" if column.unit != other.unit else f" @{column.date}" if column.date else ""
            name = f"{name}{mark}" if mark else f"{name} ({at + 1})"
        for part, mask in masks:
            found.setdefault(f"{name} · {part}" if part else name, []).append((at, mask))
    return found


def _pick(name: str, names: list[str], where: str) -> str:
    if name not in names:
        close = [other for other in names if name.lower() in other.lower()]
        if len(close) == 1:
            return close[0]
    return names[long.pick(name, names, where=where)]


def stack(parsed: Sequence[signs.Parsed]) -> signs.Parsed:
    """Put parsed columns under each other."""
    return signs.Parsed(
        np.concatenate([p.value for p in parsed]),
        np.concatenate([p.status for p in parsed]),
        np.concatenate([p.flags for p in parsed]),
    )
