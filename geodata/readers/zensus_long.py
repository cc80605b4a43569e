"""Attributes of the Zensus 2011 per grid cell in long form: one attribute of one cell a row, Parquet or CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata import keys
from geodata.errors import FormatError, NoDataError
from geodata.models import Flag, Observations, Source
from geodata.readers import long, parquet, signs, text

if TYPE_CHECKING:
    from geodata.county_schema import ColumnSpec

#: Columns of the Parquet form.
COLUMNS = frozenset({"var", "x", "y", "value", "quality"})
_ID = re.compile(r"Gitter_ID_\d{1,6}k?m", re.IGNORECASE)


def is_long(header: Sequence[str]) -> bool:
    """Tell whether header cells are those of the published CSV."""
    return _ID.fullmatch(header[0].strip()) is not None and {"Merkmal", "Auspraegung_Code", "Anzahl"} <= set(header)


def read_long_2011(
    path: Path,
    *,
    variables: Mapping[str, str] | None = None,
    columns: Mapping[str, ColumnSpec] | None = None,
    cell_size: int = 100,
    period: int = 2011,
    source: Source | None = None,
    legend: str | None = None,
) -> Observations:
    """Read attributes of the Zensus 2011 per 100 m cell in long form.

    Parameters
    ----------
    path : pathlib.Path
        Parquet with ``var, x, y, value, quality``, x and y midpoints in EPSG:3035; or CSV as published, with
        ``Gitter_ID_100m, Merkmal, Auspraegung_Code, Auspraegung_Text, Anzahl, Anzahl_q``.
    variables : mapping of str to str, optional
        Variable → name in the column ``var``; by default all under their own names.
    columns : mapping of str to ColumnSpec, optional
        The same from ``county.toml``.
    cell_size : int, default 100
        Edge length in metres.
    period : int, default 2011
        The year.
    source : Source, optional
        Gives origin and legend.
    legend : str, optional
        Instead of the source's legend; without either, ``zensus2011``.

    Returns
    -------
    Observations
        Values are at least 3: what is not there is zero or was set to zero, and has no row. ``quality`` ≥ 1 (strongly
        changed by disclosure control) is flagged as uncertain.

    Raises
    ------
    GeodataError
        No such file or column, a variable that is not there, midpoints that are none, repeated cells.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    where = str(path)
    if not parquet.is_parquet(path):
        return _read_csv(path, columns, variables, period, source, legend)
    table = parquet.read_table(path)
    for name in ("var", "x", "y", "value", "quality"):
        long.pick(name, list(table.column_names), where=where)
    kind = table.schema.field("var").type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise FormatError(
            f"column 'var': expected names of variables, found {kind}", where=where, hint="export the file again"
        )
    if not table.num_rows:
        raise NoDataError("expected rows, found none", where=where, hint="export the file again")
    wanted = {n: s.column for n, s in columns.items()} if columns is not None else variables
    there = [str(v) for v in pc.unique(table["var"]).to_pylist()]
    if wanted is None:
        wanted = {name: name for name in there}
    for name in wanted.values():
        long.pick(name, there, where=where, what="variable")
    known = signs.legend(legend or (source.legend if source else "zensus2011"))
    blocks: dict[str, long.Block] = {}
    for variable, name in wanted.items():
        part = table.filter(pc.equal(table["var"], name))
        x, y, value, quality = (
            parquet.numbers(part, part.column_names.index(c), where) for c in ("x", "y", "value", "quality")
        )
        area = keys.grid_ids(pd.Series(x), pd.Series(y), cell_size, where=where)
        cells = signs.from_numbers(value, known).with_flags(
            np.where(quality >= 1, Flag.UNCERTAIN.value, 0).astype(np.int64)
        )
        unit = columns[variable].unit if columns else ""
        blocks[variable] = long.Block(variable, area, period, cells, unit)
    notes = [f"Zensus 2011, {cell_size} m, long, values of 3 and more", "quality 1 is flagged as uncertain"]
    notes.append(f"signs: legend {known.id}")
    return long.assemble(list(blocks.values()), source=source, notes=notes, where=where, rows=table.num_rows)


def _read_csv(
    path: Path,
    columns: Mapping[str, ColumnSpec] | None,
    variables: Mapping[str, str] | None,
    period: int,
    source: Source | None,
    legend: str | None,
) -> Observations:
    """Read the CSV as published; its variables are ``MERKMAL_code``."""
    file = text.decode(path)
    text.refuse_answer(file)
    text.require_complete(file)
    where = str(path)
    raw = text.read_cells(file, text.detect_delimiter(file.head) or ";")
    names = [str(name).strip() for name in raw.iloc[0]]
    rows = raw.iloc[1:].reset_index(drop=True)
    if rows.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="download the file again")
    ids = next((i for i, name in enumerate(names) if _ID.fullmatch(name)), None)
    if ids is None:
        raise FormatError("expected a column Gitter_ID_…, found none", where=where, hint="download the file again")
    at = {name: long.pick(name, names, where=where) for name in ("Merkmal", "Auspraegung_Code", "Anzahl")}
    cells = keys.parse_grid_ids(rows[ids].str.strip(), where=where)
    known = signs.legend(legend or (source.legend if source else "zensus2011"))
    parsed = signs.parse(rows[at["Anzahl"]].str.strip(), known, where=where, column="Anzahl")
    if "Anzahl_q" in names:
        changed = rows[names.index("Anzahl_q")].str.strip().isin(["1", "2"]).to_numpy()
        parsed = parsed.with_flags(np.where(changed, Flag.UNCERTAIN.value, 0).astype(np.int64))
    codes, there = pd.factorize(rows[at["Merkmal"]].str.strip() + "_" + rows[at["Auspraegung_Code"]].str.strip())
    wanted = {n: s.column for n, s in columns.items()} if columns is not None else variables
    if wanted is None:
        wanted = {str(name): str(name) for name in there}
    blocks = []
    for variable, name in wanted.items():
        mask = codes == long.pick(name, [str(n) for n in there], where=where, what="variable (Merkmal_code)")
        unit = columns[variable].unit if columns else ""
        blocks.append(long.Block(variable, cells["grid_id"][mask], period, parsed.take(mask), unit))
    notes = [
        f"Zensus 2011, {int(cells['size_m'].iloc[0])} m, one attribute a row, {file.encoding}",
        "values of 3 and more",
    ]
    notes.append(f"signs: legend {known.id}")
    return long.assemble(blocks, source=source, notes=notes, where=where, rows=len(rows))
