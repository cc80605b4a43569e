"""Flat files of the GENESIS databases from before version 5: one row per date and attributes, values side by side.

``Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;1_Auspraegung_Code;
1_Auspraegung_Label;…;BEV001__Bevoelkerung__Anzahl;…``; often ISO-8859-1, dates as 31.12.2022. A column
``…__Anzahl__q`` holds the quality of the one before it. The rows are brought to the columns of version 5, so that one
reader knows signs, regions and totals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from geodata.errors import FormatError, some

_AGAIN = "download the table again as flat file (format=ffcsv, language=de)"
_LEAD = {
    "Statistik_Code": "statistics_code",
    "Statistik_Label": "statistics_label",
    "Statistics_Code": "statistics_code",
    "Statistics_Label": "statistics_label",
    "Zeit_Code": "time_code",
    "Zeit_Label": "time_label",
    "Zeit": "time",
    "Time_Code": "time_code",
    "Time_Label": "time_label",
    "Time": "time",
}
_DIMENSION = re.compile(
    r"(?P<number>\d{1,3})_(?P<what>Merkmal|Auspraegung|Variable|Variable_Attribute)_(?P<part>Code|Label)"
)
_WHAT = {
    "Merkmal": "variable",
    "Variable": "variable",
    "Auspraegung": "variable_attribute",
    "Variable_Attribute": "variable_attribute",
}
_VALUE = re.compile(r"(?P<code>[^_\s]\w*?)__(?P<label>.*?)__(?P<unit>.*?)(?P<quality>__q)?")


def is_flat(header: Sequence[str]) -> bool:
    """Tell whether header cells are those of a flat file from before version 5."""
    return header[0] in ("Statistik_Code", "Statistics_Code")


def to_rows(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Bring the rows to the columns of version 5, one value a row.

    Parameters
    ----------
    rows : pandas.DataFrame
        str; the columns of the file under their own names.
    where : str
        File, for messages.

    Returns
    -------
    pandas.DataFrame
        str; row by row, values in the order of the columns.

    Raises
    ------
    FormatError
        There is no value column, or one whose name says nothing.
    """
    names = {name: _LEAD.get(name) or _dimension(name) for name in rows.columns}
    values = [name for name, known in names.items() if known is None]
    parts = {name: _VALUE.fullmatch(name.strip()) for name in values}
    unknown = [repr(name) for name, part in parts.items() if part is None]
    if unknown or not values:
        raise FormatError(
            f"expected value columns named CODE__label__unit, found {some(unknown) or 'none'}", where=where, hint=_AGAIN
        )
    qualities = {name.strip().removesuffix("__q"): name for name in values if name.strip().endswith("__q")}
    figures = [name for name in values if not name.strip().endswith("__q")]
    if not figures:
        raise FormatError("expected value columns, found only their quality", where=where, hint=_AGAIN)
    known = [name for name in rows.columns if names[name]]
    at = np.repeat(np.arange(len(rows)), len(figures))
    turned = rows[known].iloc[at].reset_index(drop=True)
    turned.columns = pd.Index([str(names[name]) for name in known])
    turned["value"] = _side_by_side(rows, figures)
    for part, column in (("unit", "value_unit"), ("code", "value_variable_code"), ("label", "value_variable_label")):
        said = [str(found[part]) if (found := parts[name]) else "" for name in figures]
        turned[column] = pd.Series(np.tile(np.array(said, dtype=object), len(rows)), dtype="str")
    if qualities:
        blank = pd.Series([""] * len(rows), dtype="str")
        marked = rows.assign(**{"": blank.to_numpy()})
        turned["value_q"] = _side_by_side(marked, [qualities.get(name.strip(), "") for name in figures])
    return turned


def _dimension(name: str) -> str | None:
    found = _DIMENSION.fullmatch(name)
    return f"{found['number']}_{_WHAT[found['what']]}_{found['part'].lower()}" if found else None


def _side_by_side(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Return the cells of some columns row by row."""
    return pd.Series(rows[columns].to_numpy(dtype=object).ravel(), dtype="str")
