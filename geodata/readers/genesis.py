"""Flat files of the GENESIS databases (Destatis, Regionaldatenbank, Zensusdatenbank).

UTF-8 with BOM, ``;``, one value a row, the dimensions numbered: ``1_variable_code … 1_variable_attribute_label``,
``2_…``. A total has an *empty* attribute code. One dimension is the region, and its variable code may change from row
to row (``KREISE``, ``REGBEZ``, ``DLAND`` in one file). Files from before version 5 are brought to the same columns
first (:mod:`geodata.readers.genesis_old`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, FormatError, NoDataError, some
from geodata.keys import convert_keys
from geodata.models import Observations, Source, Status
from geodata.readers import genesis_old, genesis_signs, long, signs, text

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Variable codes that stand for regions.
_REGION = re.compile(r"DINSG|DLAND\w*|REGBEZ\w*|KREISE?\w*|[A-Z]?GEMEIN\w*|GEMVER\w*|SAMTG\w*|GEO[A-Z]{2}\d+")
#: What the codes of regions look like: Germany, Land, Bezirk, Kreis, Verband, Gemeinde.
_KEY = re.compile(r"DG|[01]\d(\d|\d{3}|\d{6}|\d{7}|\d{10})?")
_LEAD = ("statistics_code", "time_code", "time", "value", "value_unit", "value_variable_code")


@dataclass(frozen=True, slots=True)
class Flat:
    """A flat file taken apart.

    Attributes
    ----------
    rows : pandas.DataFrame
        str; the columns of the file under their own names.
    region : int
        Number of the dimension that is the region.
    others : tuple of int
        Numbers of the other dimensions.
    cells : Parsed
        The value column, quality flags included.
    period : pandas.Series
        The year of each row.
    lines : int
        Data rows of the file; one may hold several values before version 5.
    """

    rows: pd.DataFrame
    region: int
    others: tuple[int, ...]
    cells: signs.Parsed
    period: pd.Series
    notes: tuple[str, ...]
    lines: int = 0


def is_flat(header: Sequence[str]) -> bool:
    """Tell whether header cells are those of a flat file of version 5."""
    return header[0] == "statistics_code" and "value" in header


def legend_of(head_row: str) -> str:
    """Guess the legend from the first data row: statistics of the Zensusdatenbank are numbered like ``1000A``."""
    return "zensus" if re.match(r"\d{4}[A-Z];", head_row) else "classic"


def read_genesis(
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    area: str | None = None,
    period: int | None = None,
    key: str = "text",
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read a flat file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    columns : mapping of str to ColumnSpec, optional
        Variable → ``column`` (its ``value_variable_code``) and ``select`` (variable code of a dimension → attribute
        code; ``""`` is the total, which is also taken for a dimension that is not named). By default every variable and
        every combination of attributes becomes one: ``BEVSTD``, ``BEVSTD.GES=GESW``.
    area : str, optional
        Variable code of the region (``KREISE``): only its rows are taken. By default all regions.
    period : int, optional
        The year; by default that of the time column.
    key : {"text", "ags", "ars-to-ags", "ars-to-gvb"}
        See :func:`geodata.keys.convert_keys`.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``zensus`` for the Zensusdatenbank, else ``classic``.

    Returns
    -------
    Observations
        A region whose every cell of a year is ``-`` is ``not_delivered``, or ``area_does_not_exist`` where its key is
        known to have been dissolved by then; a region of which the file holds one cell in all keeps its zero.

    Raises
    ------
    NoDataError
        A JSON answer was saved in place of the table, or there are no rows.
    FormatError
        It is no flat file, or truncated.
    ColumnError
        A variable, dimension or attribute does not exist, or a dimension has no total and nothing was selected.
    SignError
        A value or quality mark is unknown.
    AreaKeyError
        Keys are malformed or repeated.

    Examples
    --------
    >>> obs = read_genesis(Path("12411-01-01-4_flat.csv"))  # doctest: +SKIP
    """
    flat = open_flat(path, area=area, legend=legend or (source.legend if source else None))
    return from_flat(flat, path, columns=columns, period=period, key=key, source=source)


def from_flat(
    flat: Flat,
    path: Path,
    *,
    columns: Mapping[str, ColumnSpec] | None = None,
    period: int | None = None,
    key: str = "text",
    source: Source | None = None,
) -> Observations:
    """Return the observations of a flat file that was taken apart; see :func:`read_genesis`."""
    notes = list(flat.notes)
    codes = flat.rows[f"{flat.region}_variable_attribute_code"]
    # A total over all regions has an empty code, like every total; its label ("Insgesamt") is then its id.
    codes = codes.where(codes != "", flat.rows[f"{flat.region}_variable_attribute_label"])
    ids = convert_keys(codes, key, where=str(path))
    wanted = _all_variables(flat) if columns is None else _selected(flat, columns, str(path), notes)
    blocks: dict[str, long.Block] = {}
    for name, (mask, unit) in wanted.items():
        years = flat.period[mask] if period is None else period
        blocks[name] = long.Block(name, ids[mask], years, flat.cells.take(mask), unit)
    of = {name: spec.share_of for name, spec in (columns or {}).items() if spec.share_of}
    if of:
        blocks = _aligned(blocks, str(path))
    whole = long.shares(blocks, of, where=str(path))
    return long.assemble(whole, source=source, notes=notes, where=str(path), rows=flat.lines)


def open_flat(path: Path, *, area: str | None = None, legend: str | None = None) -> Flat:
    """Take a flat file apart: rows, region, signs, years; see :func:`read_genesis`."""
    file = text.decode(path)
    text.refuse_answer(file)
    where = str(path)
    delimiter = text.detect_delimiter(file.head) or ";"
    raw = text.read_cells(file, delimiter)
    names = [str(name).strip() for name in raw.iloc[0]]
    kind = "GENESIS flat"
    if genesis_old.is_flat(names):
        kind = "GENESIS flat before version 5"
    elif not is_flat(names):
        raise FormatError(
            f"expected the header of a GENESIS flat file (statistics_code;…;value;…), found {file.head[:60]!r}",
            where=where,
            hint="request the table as flat file (format=ffcsv, language=de)",
        )
    rows = raw.iloc[1:].reset_index(drop=True)
    rows.columns = pd.Index(names)
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="widen years or regions")
    if not file.complete:
        _require_whole(rows, file)
    lines = len(rows)
    if genesis_old.is_flat(names):
        rows = genesis_old.to_rows(rows, where)
        names = list(rows.columns)
    for name in _LEAD:
        long.pick(name, names, where=where)
    _require_aligned(rows, where)
    numbers = tuple(sorted(int(n.split("_")[0]) for n in names if re.fullmatch(r"\d{1,3}_variable_code", n)))
    if not numbers:
        raise FormatError(
            "expected at least one numbered dimension (1_variable_code), found none",
            where=where,
            hint="download the table again",
        )
    for n in numbers:
        for part in ("code", "label"):
            long.pick(f"{n}_variable_attribute_{part}", names, where=where)
    decimal, said = _decimal(rows["value"], where)
    notes = [f"{kind}, {file.encoding}, {said}"]

    region = _region(rows, numbers, area, where)
    if not file.complete and len(set(rows.groupby(f"{region}_variable_attribute_code").size())) > 1:
        # Every region has the same rows in a whole file: the last ones are missing.
        text.require_complete(file)
    if area is not None:
        keep = (rows[f"{region}_variable_code"] == area).to_numpy()
        rows = rows[keep]
    version = legend or legend_of(f"{rows['statistics_code'].iloc[0]};")
    known = signs.legend(version)
    cells = signs.parse(rows["value"], known, decimal=decimal, where=where, column="value")
    period = long.years(rows["time"], where=where, name="time")
    if "value_q" in names:
        cells = cells.with_flags(genesis_signs.quality_flags(rows["value_q"], where))
        notes.append("quality column value_q read")
    notes.append(f"signs: legend {version}")
    if known.signs.get("-", (None,))[0] in (Status.ZERO, Status.ZERO_OR_SUPPRESSED):
        cells = _not_delivered(rows, region, period, cells, notes)
    return Flat(rows, region, tuple(n for n in numbers if n != region), cells, period, tuple(notes), lines)


def _region(rows: pd.DataFrame, numbers: tuple[int, ...], area: str | None, where: str) -> int:
    """Find the dimension of the region: the one named, else the first that speaks of regions, else the first."""
    codes = {n: list(pd.unique(rows[f"{n}_variable_code"])) for n in numbers}
    if area is not None:
        for n, found in codes.items():
            if area in found:
                return n
        everything = [c for found in codes.values() for c in found]
        long.pick(area, everything, where=where, what="region (variable code)")
    for n, found in codes.items():
        if any(_REGION.fullmatch(c) for c in found):
            return n
    for n in numbers:
        attributes = pd.unique(rows[f"{n}_variable_attribute_code"])
        if all(_KEY.fullmatch(a) for a in attributes if a) and any(len(a) >= 5 or a == "DG" for a in attributes):
            return n
    return numbers[0]


def _require_whole(rows: pd.DataFrame, file: text.TextFile) -> None:
    """Refuse a file whose last line has no end, unless its last cell shows that it is whole.

    It is where the cell stands in quotes, is a mark of quality, or stands so in other rows.
    """
    last = rows.iloc[:, -1]
    quality = bool(last.iloc[-1]) and rows.columns[-1] == "value_q" and last.iloc[-1] in signs.QUALITY
    if not (file.payload.endswith(b'"') or quality or (last.iloc[:-1] == last.iloc[-1]).any()):
        text.require_complete(file)


def _require_aligned(rows: pd.DataFrame, where: str) -> None:
    """Refuse shifted columns: where a time or unit stands among the values, every column means something else."""
    time = next((str(t) for t in pd.unique(rows["time"]) if long.year_of(str(t)) is None), None)
    if time is not None and not re.search(r"\d{4}", time):
        raise FormatError(
            f"column 'time': expected years or dates, found {time!r}: the columns are shifted",
            where=where,
            hint="English downloads of some databases are: request the table with language=de",
        )


def _decimal(values: pd.Series, where: str) -> tuple[str, str]:
    """Tell the decimal sign: German downloads have a comma, English ones a point; neither groups thousands."""
    distinct = pd.Series(pd.unique(values))
    comma = distinct.str.contains(r"\d,\d", regex=True)
    point = distinct.str.contains(r"\d\.\d", regex=True)
    if comma.any() and point.any():
        raise FormatError(
            f"expected one decimal sign, found both: {distinct[comma].iloc[0]!r} and {distinct[point].iloc[0]!r}",
            where=where,
            hint="download the table again: it was edited",
        )
    return (".", "decimal point") if point.any() else (",", "decimal comma")


def _not_delivered(
    rows: pd.DataFrame, region: int, period: pd.Series, cells: signs.Parsed, notes: list[str]
) -> signs.Parsed:
    """Tell "the whole region is a dash" from zero: nothing was delivered, or the area does not exist any more."""
    keys = rows[f"{region}_variable_attribute_code"]
    dash = (rows["value"].str.strip() == "-").to_numpy()
    return genesis_signs.silent_regions(keys, period, dash, cells, notes)


def _all_variables(flat: Flat) -> dict[str, tuple[np.ndarray, str]]:
    """Name every combination of value variable and attributes that are no totals.

    Unit, date and kind of region are added where one name would stand for several: persons and per cent under one code,
    several dates in a year, one key at two levels.
    """
    rows = flat.rows
    codes, unique = pd.factorize(_names(flat))
    units = rows["value_unit"].to_numpy()
    return {
        str(name): ((codes == position), str(units[int(np.argmax(codes == position))]))
        for position, name in enumerate(unique)
    }


def titles(flat: Flat) -> dict[str, str]:
    """Say in the file's words what each variable of :func:`read_genesis` is.

    Returns
    -------
    dict of str to str
        Variable → label of the value and of each attribute that is no total; with unit, date or kind of region where
        the variable's name has them.
    """
    names = _names(flat)
    found = {}
    for at, name in zip(np.flatnonzero(~names.duplicated()), pd.unique(names), strict=True):
        row = flat.rows.iloc[int(at)]
        labels = [row["value_variable_label"] if "value_variable_label" in row else row["value_variable_code"]]
        for n in flat.others:
            if row[f"{n}_variable_attribute_code"]:
                labels.append(row[f"{n}_variable_attribute_label"])
        marks = re.search(r"\[[^\]]*\](@.*)?$|@.*$", str(name))
        found[str(name)] = " ".join([", ".join(map(str, labels)), *([marks[0]] if marks else [])])
    return found


def _names(flat: Flat) -> pd.Series:
    """Return the name of each row's variable; see :func:`_all_variables`."""
    rows = flat.rows
    names = rows["value_variable_code"].astype("str")
    for n in flat.others:
        attribute = rows[f"{n}_variable_attribute_code"]
        part = "." + rows[f"{n}_variable_code"] + "=" + attribute
        names = names + part.where(attribute != "", "")
    keys = rows[f"{flat.region}_variable_attribute_code"]
    for mark, more in (
        ("[", rows["value_unit"] + "]"),
        ("@", rows["time"]),
        (" in ", rows[f"{flat.region}_variable_code"]),
    ):
        twice = pd.DataFrame({"name": names, "key": keys, "year": flat.period}).duplicated(keep=False)
        if not twice.any():
            break
        # All rows of a name are marked, or none: otherwise one variable would fall apart.
        several = names.isin(pd.unique(names[twice]))
        differ = more.groupby(names).transform("nunique") > 1
        names = names.where(~(several & differ), names + mark + more)
    return names


def _selected(
    flat: Flat, columns: Mapping[str, ColumnSpec], where: str, notes: list[str]
) -> dict[str, tuple[np.ndarray, str]]:
    """Find the rows of each variable that was asked for."""
    found: dict[str, tuple[np.ndarray, str]] = {}
    variables = flat.rows["value_variable_code"]
    for name, spec in columns.items():
        long.pick(spec.column, list(pd.unique(variables)), where=where, what="value variable (value_variable_code)")
        mask = (variables == spec.column).to_numpy()
        times = flat.rows["time_code"]
        codes = {c for n in flat.others for c in pd.unique(flat.rows[f"{n}_variable_code"][mask])} | set(times[mask])
        for dimension in spec.select:
            long.pick(dimension, sorted(codes), where=where, what="dimension (variable code)")
            if (times == dimension).any():
                long.pick(
                    spec.select[dimension],
                    list(pd.unique(flat.rows["time"][mask])),
                    where=where,
                    what=f"{dimension} (date)",
                )
                mask = mask & (flat.rows["time"] == spec.select[dimension]).to_numpy()
        for n in flat.others:
            dimensions = flat.rows[f"{n}_variable_code"]
            attributes = flat.rows[f"{n}_variable_attribute_code"]
            for dimension in pd.unique(dimensions[mask]):
                here = mask & (dimensions == dimension).to_numpy()
                asked = spec.select.get(str(dimension), "")
                fits = (attributes == asked).to_numpy()
                if not (here & fits).any():
                    there = [repr(a) for a in pd.unique(attributes[here])]
                    raise ColumnError(
                        f"{spec.column}: expected the attribute {asked!r} of dimension {dimension!r}, "
                        f"found {some(there)}",
                        where=where,
                        hint=f'write select = {{ {dimension} = "…" }} for {name!r}; "" is the total',
                    )
                mask = mask & (~here | fits)
                if dimension not in spec.select:
                    notes.append(f"{dimension}: the total is taken")
        units = pd.unique(flat.rows["value_unit"][mask])
        if len(units) > 1 and spec.unit in units:
            mask = mask & (flat.rows["value_unit"] == spec.unit).to_numpy()
        elif len(units) > 1:
            raise ColumnError(
                f"{spec.column}: expected one unit, found {some(units)}",
                where=where,
                hint=f'write unit = "{units[0]}" for {name!r}',
            )
        found[name] = (mask, spec.unit or str(units[0]))
    return found


def _aligned(blocks: dict[str, long.Block], where: str) -> dict[str, long.Block]:
    """Bring all variables to the same rows, so that one can be a share of another."""
    keys = {
        name: pd.MultiIndex.from_arrays(
            [
                block.area_id,
                block.period if isinstance(block.period, pd.Series) else np.full(len(block.area_id), block.period),
            ]
        )
        for name, block in blocks.items()
    }
    first = next(iter(keys.values()))
    for name, index in keys.items():
        if index.has_duplicates or first.has_duplicates or len(index) != len(first) or not index.isin(first).all():
            raise ColumnError(
                f"share_of needs the same areas and years in every variable; {name!r} has others than "
                f"{next(iter(keys))!r}",
                where=where,
                hint="put them into two tables",
            )
    base = next(iter(blocks.values()))
    return {
        name: long.Block(name, base.area_id, base.period, block.cells.take(keys[name].get_indexer(first)), block.unit)
        for name, block in blocks.items()
    }
