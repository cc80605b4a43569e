"""Plain tables, CSV or workbook, as a Fachdienst delivers them: columns are named in ``county.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, NoDataError, some
from geodata.keys import convert_keys
from geodata.models import Observations, Source
from geodata.readers import decimals, long, plain, signs, wide
from geodata.readers.sheet import Sheet, open_sheet
from geodata.supply import casedata

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Rows above the header that are searched for it: titles, dates, blank lines.
_HEADER_ROWS = 40
_KEY_LENGTH = {"ags": 8, "ars-to-ags": 12, "ars-to-gvb": 12}


def read_plain(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec],
    area: str,
    period: str | int | None = None,
    key: str = "text",
    sheet: str | None = None,
    source: Source | None = None,
    legend: str | None = None,
    flag: str | None = None,
) -> Observations:
    """Read named columns of a table.

    Parameters
    ----------
    path : pathlib.Path
        CSV, XLSX, XLS or ODS. Title rows above the header and notes below the last value are skipped in a workbook.
        The header may have several rows; rows that are totals are no areas (:mod:`geodata.readers.plain`).
    columns : mapping of str to ColumnSpec
        Variable → column, and rows of it (``select``: other column → value) where the table is long. In a header of
        several rows, a name that differs from others by its year alone means all its years.
    area : str
        Column with the area key.
    period : str or int, optional
        Column with the year or date, or the year itself; by default the year of the source's reference date.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`. Keys that a workbook holds as numbers get their leading zero back.
    sheet : str, optional
        Sheet of a workbook.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``none``.
    flag : str, optional
        Column whose words say what its row is worth: see :data:`geodata.readers.signs.WORDS`.

    Returns
    -------
    Observations
        A blank is ``missing``.

    Raises
    ------
    GeodataError
        See :func:`geodata.readers.sheet.open_sheet`; also a missing column, unknown signs, repeated or missing keys.
    """
    opened = open_sheet(path, sheet=sheet)
    where = f"{path} [{sheet}]" if sheet else str(path)
    wanted = [area, *(spec.column for spec in columns.values()), *(c for s in columns.values() for c in s.select)]
    if isinstance(period, str) and long.year_of(period) is None:
        wanted.append(period)
    if flag is not None:
        wanted.append(flag)
    head = plain.read_head(opened.cells, _header(opened, wanted))
    names = head.names
    # Before any cell is read, for messages of what follows may quote cells.
    casedata.require_figures(opened, names, head.last, key=area, read=sheet, where=where)
    figures = {spec.column: _dated(head, spec.column, period, where) for spec in columns.values()}
    position = {name: figures[name][0] for name in figures}
    position |= {name: _one(head, name, where) for name in dict.fromkeys(wanted) if name not in figures}
    used = [at for positions in figures.values() for at in positions]
    everything = _body(opened, head.last, position[area], used, where)
    # Rows that sum up others are no areas; they are held against their parts.
    chosen = [position[column] for spec in columns.values() for column in spec.select]
    beside = [at for at in range(head.start or 0) if at not in (position[area], *chosen, *used)]
    order = [position[area], *beside]
    total = plain.totals(everything, order)
    rows = everything[~total]

    notes = [opened.note]
    if head.several:
        notes.append(f"the header has {head.last - head.first + 1} rows")
    ids = _keys(rows[position[area]], opened, key, where, notes)
    undated = [at for at in used if head.years[at] is None or _asked(period) is not None]
    years = _years(rows, period, names, position, source, where) if undated else 0
    known = signs.legend(legend or (source.legend if source else "none"))
    decimal, note = decimals.detect((rows[p] for p in dict.fromkeys(used)), opened.delimiter, where)
    notes += [note, f"signs: legend {known.id}"]
    flags = np.zeros(len(rows), dtype=np.int64)
    if flag is not None:
        flags = signs.flags_of_words(rows[position[flag]], where=where, column=flag)

    blocks: dict[str, long.Block] = {}
    shapes = set()
    summed: dict[str, pd.Series] = {}
    units: dict[str, str] = {}
    for name, spec in columns.items():
        everywhere = np.ones(len(everything), dtype=bool)
        for column, value in spec.select.items():
            everywhere &= (everything[position[column]].str.strip() == value).to_numpy()
        mask = everywhere[~total]
        if not mask.any():
            raise ColumnError(
                f"no row of {name!r} fits select = {dict(spec.select)}",
                where=where,
                hint="check the spelling of values",
            )
        picked, pieces, areas, whens = mask.all(), [], [], []
        for at in figures[spec.column]:
            parsed = signs.parse(rows[at][mask], known, decimal=decimal, where=where, column=names[at], first_row=1)
            pieces.append(parsed.with_flags(flags[mask]))
            areas.append(ids if picked else ids[mask])
            said = head.years[at] if _asked(period) is None else None
            whens.append(said or (years if picked or isinstance(years, int) else years[mask]))
            if total.any():
                label = name if len(figures[spec.column]) == 1 else f"{name} {said}"
                summed[label] = _numbers(everything[at][everywhere], known, decimal)
                units[label] = spec.unit or head.units[at]
        unit = spec.unit or head.units[figures[spec.column][0]]
        if len(pieces) == 1:
            blocks[name] = long.Block(name, areas[0], whens[0], pieces[0], unit)
        else:
            when = pd.Series(np.repeat(np.array(whens, dtype=np.int64), len(areas[0])))
            blocks[name] = long.Block(name, pd.concat(areas, ignore_index=True), when, wide.stack(pieces), unit)
        shapes.add((picked, tuple(head.years[at] for at in figures[spec.column])))
    of = {name: spec.share_of for name, spec in columns.items() if spec.share_of}
    if of and (len(shapes) > 1 or not next(iter(shapes))[0]):
        raise ColumnError(
            "share_of needs figures of the same rows and years: no select beside it in one table",
            where=where,
            hint="use two tables",
        )
    dims = [*chosen, *(position[p] for p in (period,) if isinstance(p, str) and p in position)]
    notes += plain.total_findings(everything, total, order, dims, summed, units)
    return long.assemble(long.shares(blocks, of, where), source=source, notes=notes, where=where, rows=len(rows))


def _asked(period: str | int | None) -> int | None:
    """Return the year that a section asks for; None where it names a column, or nothing."""
    return long.year_of(period) if isinstance(period, str) else period


def _dated(head: plain.Head, column: str, period: str | int | None, where: str) -> list[int]:
    """Return the columns of a name: one, or one for each year above them, or that of the year that is asked for."""
    found = head.find(column, where=where)
    year = _asked(period)
    if len(found) == 1 or year is None:
        return found
    own = [at for at in found if head.years[at] == year]
    if not own:
        raise ColumnError(
            f"expected {column!r} of {year}, found {some(sorted(head.years[at] or 0 for at in found))}",
            where=where,
            hint="set period to one of these years, or leave it out for all",
        )
    return own


def _one(head: plain.Head, name: str, where: str) -> int:
    """Return the column of a name that stands for one alone."""
    found = head.find(name, where=where)
    return found[0] if len(found) == 1 else long.pick(name, head.names, where=where)


def _numbers(cells: pd.Series, legend: signs.Legend, decimal: str) -> pd.Series:
    """Return numbers to compare totals with; NaN for a sign, a blank or a text."""
    read = [signs.read_cell(str(cell).strip(), legend, decimal) for cell in cells]
    return pd.Series([float("nan") if each is None else float(each[0]) for each in read], index=cells.index)


def _header(opened: Sheet, wanted: list[str]) -> int:
    """Find the row that holds most of the wanted names; where none does, the one that looks like a header."""
    best, most = -1, 0
    for row in range(min(_HEADER_ROWS, len(opened.cells))):
        names = {" ".join(str(name).split()) for name in opened.cells.iloc[row]}
        hits = len(names & set(wanted))
        if hits > most:
            best, most = row, hits
    return best if most else plain.header_row(opened.cells)


def _body(opened: Sheet, header: int, area: int, used: list[int], where: str) -> pd.DataFrame:
    """Return the rows below the header, without notes below the last row that holds a value."""
    rows = opened.cells.iloc[header + 1 :]
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="export the table again")
    filled = (rows[used].apply(lambda column: column.str.strip()) != "").any(axis=1).to_numpy()
    if not filled.any():
        raise NoDataError("expected values below the header, found only blanks", where=where, hint="check the columns")
    last = int(np.flatnonzero(filled)[-1])
    keyed = (rows[area].str.strip() != "").to_numpy()
    # Below the last value, a row with a key of the same form as those above is an area without figures; anything else
    # is a note ("Quelle: …").
    shapes = {len(k) for k in rows[area].iloc[: last + 1].str.strip()}
    tail = rows[area].iloc[last + 1 :].str.strip()
    areas = tail.str.len().isin(shapes) & (tail != "") & ~tail.str.contains(r"\s", regex=True)
    keep = np.concatenate([(filled | keyed)[: last + 1], areas.to_numpy(dtype=bool)])
    return rows[keep]


def _keys(column: pd.Series, opened: Sheet, key: str, where: str, notes: list[str]) -> pd.Series:
    keys = column.str.strip()
    width = _KEY_LENGTH.get(key)
    if width and opened.numeric:
        lost = keys.isin(opened.numeric) & (keys.str.len() == width - 1)
        if lost.any():
            notes.append(f"{int(lost.sum())} keys stood as numbers: leading zero put back")
            keys = keys.where(~lost, keys.str.zfill(width))
    return convert_keys(keys, key, where=where)


def _years(
    rows: pd.DataFrame,
    period: str | int | None,
    names: list[str],
    position: dict[str, int],
    source: Source | None,
    where: str,
) -> pd.Series | int:
    if isinstance(period, int):
        return period
    if period is not None:
        if period in position:
            return long.years(rows[position[period]], where=where, name=period, first_row=1)
        if period in names:
            column = rows[long.pick(period, names, where=where)]
            return long.years(column, where=where, name=period, first_row=1)
        year = long.year_of(period)
        if year is not None:
            return year
    if source is not None and source.reference_date is not None:
        return source.reference_date.year
    raise ColumnError(
        "expected a year: neither period nor the source's reference_date says one",
        where=where,
        hint="set period to a column or to the year itself",
    )
