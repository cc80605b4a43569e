"""Grids of the census: 2022 as published (CSV), 2011 exact values and classes (CSV or Parquet).

Cells are named ``CRS3035RES{size}mN{y}E{x}`` by their south-west corner, for both censuses; empty cells are absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata import keys
from geodata.errors import AreaKeyError, FormatError, NoDataError, some
from geodata.models import Flag, Observations, Source, Status
from geodata.readers import decimals, long, parquet, signs, text

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

_ID = re.compile(r"GITTER_ID_(\d{1,6})(k?m)")
_OLD_ID = re.compile(r"Gitter_ID_(\d{1,6})(k?m)(_neu)?", re.IGNORECASE)
_MIDPOINT = re.compile(r"([xy])_mp_(\d{1,6})(k?m)")
#: What a classed grid may hold; columns that are averages or rates in the exact edition.
_CLASSES = frozenset({"-9", "-1", *map(str, range(1, 10))})
_AVERAGE = re.compile(r"_[AD]$|quote", re.IGNORECASE)
#: Columns of 2022 that are averages or rates, whatever their values look like.
_RATE = re.compile(r"durchschn|quote|anteil", re.IGNORECASE)
_CLASS_UNIT = "Klasse (Ordnungszahl)"
_REMARKS = "werterlaeuternde_Zeichen"
_AGAIN = "the file was edited, or is another one: download it again"


def is_grid_2022(header: Sequence[str]) -> bool:
    """Tell whether header cells are those of a grid CSV of the Zensus 2022."""
    return _ID.fullmatch(header[0].strip()) is not None


def is_grid_2011(header: Sequence[str]) -> bool:
    """Tell whether header cells are those of a grid CSV of the Zensus 2011: midpoints, perhaps behind an older id."""
    first = header[1] if len(header) > 1 and _OLD_ID.fullmatch(header[0].strip()) else header[0]
    return _MIDPOINT.fullmatch(first.strip()) is not None


def is_classed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell the classed edition ("klassiert"), which has the header of the exact one.

    Parameters
    ----------
    header : sequence of str
        Header cells.
    rows : sequence of sequence of str
        Some hundred rows.

    Returns
    -------
    bool
        Every value is a small whole number, −1 or −9; and there are averages or rates, which exact values would give
        with decimals, or persons below 3, which exact values never are.
    """
    at = [i for i, name in enumerate(header) if not _MIDPOINT.fullmatch(name) and not _OLD_ID.fullmatch(name)]
    cells = {i: {row[i].strip() for row in rows if len(row) == len(header)} - {""} for i in at}
    if not any(cells.values()) or any(not found <= _CLASSES for found in cells.values()):
        return False
    fine = [i for i in at if _AVERAGE.search(header[i])]
    return bool(fine) or any({"1", "2"} & found for found in cells.values())


def _metres(number: str, unit: str) -> int:
    return int(number) * (1000 if unit == "km" else 1)


def read_grid_2022(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    cell_size: int | None = None,
    period: int = 2022,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read a grid CSV of the Zensus 2022.

    Parameters
    ----------
    path : pathlib.Path
        ``Zensus2022_<Theme>_<size>-Gitter.csv``: ``GITTER_ID_100m;x_mp_100m;y_mp_100m;<values>``, decimal comma.
    columns : mapping of str to ColumnSpec, optional
        Variable → column; by default every value column under its own name.
    cell_size : int, optional
        Edge length in metres that is expected.
    period : int, default 2022
        The year.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``zensus``.

    Returns
    -------
    Observations
        ``–`` is ``zero_or_suppressed`` in counts and ``suppressed_or_unknown`` in averages and rates (told by the
        column's name, or by decimals in it); ``KLAMMERN`` in ``werterlaeuternde_Zeichen`` flags every value of the row
        as uncertain.

    Raises
    ------
    GeodataError
        No such file, truncated, other cells than expected, unknown signs or remarks, repeated cells.
    """
    file = text.decode(path)
    text.refuse_answer(file)
    where = str(path)
    delimiter = text.detect_delimiter(file.head) or ";"
    if not is_grid_2022([cell.strip('"') for cell in file.head.split(delimiter)]):
        raise FormatError(
            f"expected the header GITTER_ID_…;x_mp_…;y_mp_…;…, found {file.head[:60]!r}",
            where=where,
            hint='a grid of 2011 has format = "zensus2011-grid"',
        )
    text.require_complete(file)
    raw = text.read_cells(file, delimiter)
    names = [str(name).strip() for name in raw.iloc[0]]
    rows = raw.iloc[1:].reset_index(drop=True)
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="download the file again")
    found = _ID.fullmatch(names[0])
    if found is None:
        raise FormatError(f"expected GITTER_ID_<size> as first column, found {names[0]!r}", where=where, hint=_AGAIN)
    size = _metres(found[1], found[2])
    _require_size(size, cell_size, where)
    cells = keys.parse_grid_ids(rows[0], where=where)
    if (cells["size_m"] != size).any():
        raise AreaKeyError(f"expected ids of {size} m cells, found others", where=where, hint=_AGAIN)
    special = {0} | {i for i, name in enumerate(names) if _MIDPOINT.fullmatch(name)}
    for i in sorted(special - {0}):
        _require_midpoints(rows[i], cells["x_mp" if names[i].startswith("x") else "y_mp"], names[i], where)

    flags = np.zeros(len(rows), dtype=np.int64)
    if _REMARKS in names:
        at = names.index(_REMARKS)
        special.add(at)
        flags = _remarks(rows[at], where)
    known = signs.legend(legend or (source.legend if source else "zensus"))
    area = cells["grid_id"]
    blocks: dict[str, long.Block] = {}
    for name, (at, unit) in _columns(names, special, columns, where).items():
        parsed = signs.parse(rows[at], known, decimal=",", where=where, column=names[at])
        if _RATE.search(names[at]) or rows[at].str.contains(",", regex=False).any():
            # In averages and rates the dash says "no value": the publisher cannot mean zero.
            dash = parsed.status == signs.code(Status.ZERO_OR_SUPPRESSED)
            parsed = parsed.with_status(dash, Status.SUPPRESSED_OR_UNKNOWN)
        blocks[name] = long.Block(name, area, period, parsed.with_flags(flags), unit)
    notes = [f"Zensus 2022 grid, {size} m, {file.encoding}, decimal comma", f"signs: legend {known.id}"]
    return _finish(blocks, columns, source, notes, where, len(area))


def _remarks(column: pd.Series, where: str) -> np.ndarray:
    remark = column.str.strip()
    unknown = remark[~remark.isin(["", "-", "–", "KLAMMERN"])]
    if len(unknown):
        raise FormatError(
            f"column {_REMARKS!r}: expected KLAMMERN or nothing, found {some(map(repr, pd.unique(unknown)))}",
            where=where,
            hint=_AGAIN,
        )
    return np.where(remark == "KLAMMERN", Flag.UNCERTAIN.value, 0).astype(np.int64)


def _require_size(size: int, expected: int | None, where: str) -> None:
    if expected is not None and size != expected:
        raise FormatError(
            f"expected cells of {expected} m, found {size} m", where=where, hint="check cell_size and file"
        )


def _require_midpoints(column: pd.Series, expected: pd.Series, name: str, where: str) -> None:
    import pyarrow as pa

    try:
        given = pd.Series(pa.array(column, type=pa.string()).cast(pa.float64()).to_numpy(), index=column.index)
    except (pa.ArrowInvalid, TypeError):  # a blank, a decimal comma, or no number
        given = pd.to_numeric(column.str.replace(",", ".", regex=False), errors="coerce")
    off = (given != expected).to_numpy()
    if off.any():
        raise AreaKeyError(
            f"column {name!r}: expected the midpoint of the cell that the id names (corner + half a cell), "
            f"{int(off.sum())} rows differ, the first in row {int(np.flatnonzero(off)[0]) + 2}",
            where=where,
            hint="the file was edited, or its columns shifted: download it again",
        )


def read_grid_2011(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    cell_size: int | None = None,
    period: int = 2011,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read exact ("spitze") values of the Zensus 2011 on a grid: midpoints and one column per variable.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``x_mp_1km,y_mp_1km,…`` or Parquet with ``x, y, …``.
    columns : mapping of str to ColumnSpec, optional
        Variable → column; a percentage with ``share_of`` becomes a count. By default every column.
    cell_size : int, optional
        Edge length in metres; needed for Parquet without it in the column names (then 1000 by default).
    period : int, default 2011
        The year.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``zensus2011``: −1 uninhabited or secret, −9 secret ratio.

    Returns
    -------
    Observations
        One value per cell and variable; nulls of a wide Parquet file are combinations that were not published: they
        are left out, or ``not_delivered`` where a variable is a share of another.

    Raises
    ------
    GeodataError
        Also for a *classed* grid ("klassiert"), whose numbers are classes and no values:
        see :func:`read_classes_2011`.
    """
    return _read_2011(path, columns, cell_size, period, source, legend, classes=False)


def read_classes_2011(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    cell_size: int | None = None,
    period: int = 2011,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read the classed edition ("klassiert"): each number is the ordinal code of a class, not a number of persons.

    Parameters
    ----------
    path, columns, cell_size, period, source, legend
        As :func:`read_grid_2011`; a class cannot be a share (``share_of``).

    Returns
    -------
    Observations
        Codes as values, with a unit that says so. They may be ordered and mapped; sums and rates of them mean nothing.

    Raises
    ------
    GeodataError
        Also for the exact edition.
    """
    if any(spec.share_of for spec in (columns or {}).values()):
        raise FormatError(
            "share_of needs percentages, found classes", where=str(path), hint='take the edition "spitze Werte"'
        )
    return _read_2011(path, columns, cell_size, period, source, legend, classes=True)


def _read_2011(
    path: Path,
    columns: Mapping[str, ColumnSpec] | None,
    cell_size: int | None,
    period: int,
    source: Source | None,
    legend: str | None,
    *,
    classes: bool,
) -> Observations:
    where = str(path)
    known = signs.legend(legend or (source.legend if source else "zensus2011"))
    if parquet.is_parquet(path):
        table = parquet.read_table(path)
        names = list(table.column_names)
        x, y = long.pick("x", names, where=where), long.pick("y", names, where=where)
        size, special = cell_size or 1000, {x, y}
        frame = {x: parquet.numbers(table, x, where), y: parquet.numbers(table, y, where)}
        kind = "Parquet"
        wanted = _columns(names, special, columns, where)
        parsed = {
            name: signs.from_numbers(parquet.numbers(table, at, where), known, Status.NOT_DELIVERED)
            for name, (at, _) in wanted.items()
        }
        sparse = True
    else:
        file = text.decode(path)
        text.refuse_answer(file)
        delimiter = text.detect_delimiter(file.head) or ","
        if not is_grid_2011([cell.strip('"') for cell in file.head.split(delimiter)]):
            raise FormatError(
                f"expected the header x_mp_1km,y_mp_1km,…, found {file.head[:60]!r}",
                where=where,
                hint='a grid of 2022 has format = "zensus-grid"',
            )
        text.require_complete(file)
        raw = text.read_cells(file, delimiter)
        names = [str(name).strip() for name in raw.iloc[0]]
        rows = raw.iloc[1:].reset_index(drop=True)
        if rows.empty:
            raise NoDataError("expected rows below the header, found none", where=where, hint="download the file again")
        axes = {m[1]: (i, _metres(m[2], m[3])) for i, n in enumerate(names) if (m := _MIDPOINT.fullmatch(n))}
        if set(axes) != {"x", "y"}:
            raise FormatError("expected both x_mp_… and y_mp_…", where=where, hint=_AGAIN)
        (x, size), (y, _) = axes["x"], axes["y"]
        special = {x, y} | {i for i, name in enumerate(names) if _OLD_ID.fullmatch(name)}
        decimal, said = decimals.detect((rows[i] for i in range(len(names)) if i not in special), delimiter, where)
        frame = {i: _axis(rows[i], names[i], where) for i in (x, y)}
        wanted = _columns(names, special, columns, where)
        _require_edition(names, rows, classes, where)
        parsed = {
            name: signs.parse(rows[at], known, decimal=decimal, where=where, column=names[at])
            for name, (at, _) in wanted.items()
        }
        kind, sparse = f"CSV, {file.encoding}, {said}", False
    _require_size(size, cell_size, where)
    area = keys.grid_ids(pd.Series(frame[x]), pd.Series(frame[y]), size, where=where)
    units = {name: _CLASS_UNIT if classes else unit for name, (_, unit) in wanted.items()}
    blocks = {name: long.Block(name, area, period, parsed[name], units[name]) for name in wanted}
    what = "classes" if classes else "exact values"
    notes = [f"Zensus 2011 grid, {size} m, {what}, {kind}", f"signs: legend {known.id}"]
    if classes:
        notes.append(
            "the numbers are classes (edition 'klassiert'): ordinal codes, not numbers of persons, shares or averages; "
            "they may be ordered and mapped, not summed"
        )
    if sparse and not any(spec.share_of for spec in (columns or {}).values()):
        blocks = {name: _delivered(block) for name, block in blocks.items()}
    return _finish(blocks, columns, source, notes, where, len(area))


def _delivered(block: long.Block) -> long.Block:
    """Leave out the nulls of a wide file: combinations that were not published."""
    held = block.cells.status != signs.code(Status.NOT_DELIVERED)
    if held.all():
        return block
    return long.Block(block.variable, block.area_id[held], block.period, block.cells.take(held), block.unit)


def _axis(column: pd.Series, name: str, where: str) -> np.ndarray:
    numbers = pd.to_numeric(column.str.strip().str.replace(",", ".", regex=False), errors="coerce")
    if numbers.isna().any():
        row = int(np.flatnonzero(numbers.isna())[0])
        raise FormatError(
            f"column {name!r}: expected metres, found {column.iloc[row]!r} in row {row + 2}", where=where, hint=_AGAIN
        )
    return numbers.to_numpy(dtype=np.float64)


def _require_edition(names: list[str], rows: pd.DataFrame, classes: bool, where: str) -> None:
    """Refuse the classed edition where exact values are expected, and the other way round: both have one header."""
    found = is_classed(names, rows.head(400).to_numpy().tolist())
    if found and not classes:
        raise FormatError(
            'expected exact values, found classes (the "klassiert" edition): a class is no value',
            where=where,
            hint='take the edition "spitze Werte", or set format = "zensus2011-classes" to map the classes',
        )
    if classes and not found:
        raise FormatError(
            'expected classes (the "klassiert" edition), found exact values',
            where=where,
            hint='set format = "zensus2011-grid"',
        )


def _columns(
    names: list[str], special: set[int], columns: Mapping[str, ColumnSpec] | None, where: str
) -> dict[str, tuple[int, str]]:
    """Return variable → (position, unit)."""
    if columns is None:
        return {name: (i, "") for i, name in enumerate(names) if i not in special}
    return {name: (long.pick(spec.column, names, where=where), spec.unit) for name, spec in columns.items()}


def _finish(
    blocks: dict[str, long.Block],
    columns: Mapping[str, ColumnSpec] | None,
    source: Source | None,
    notes: list[str],
    where: str,
    rows: int,
) -> Observations:
    of = {name: spec.share_of for name, spec in (columns or {}).items() if spec.share_of}
    return long.assemble(long.shares(blocks, of, where), source=source, notes=notes, where=where, rows=rows)
