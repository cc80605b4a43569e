"""Decimal comma or decimal point: told from all figures of a table together, and said."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from geodata.errors import FormatError

_POINT = re.compile(r"[-+−]?\d*\.\d+(?:[eE][-+]?\d+)?")
_GROUPED = re.compile(r"[-+−]?[1-9]\d{0,2}(?:\.\d{3})+")
_COMMA = re.compile(r"[-+−]?\d[\d.]*,\d+")
_ENGLISH = re.compile(r"[-+−]?[1-9]\d{0,2}(?:,\d{3})+(?P<rest>\.\d+)?")


def detect(columns: Iterable[pd.Series], delimiter: str | None, where: str) -> tuple[str, str]:
    """Tell decimal comma from decimal point over all value columns together.

    Parameters
    ----------
    columns : iterable of pandas.Series
        Cells as text.
    delimiter : str or None
        Of the file; a comma leaves only the point, unless cells in quotes hold decimal commas.
    where : str
        File, for the message.

    Returns
    -------
    decimal : {",", "."}
        With a decimal comma, points may group thousands.
    note : str
        What was found, for :attr:`geodata.models.Observations.notes`.

    Raises
    ------
    FormatError
        Both are used as decimal sign.
    """
    comma = point = grouped = english = None
    for column in columns:
        if delimiter == "," and not column.str.contains(",", regex=False).any():
            continue
        for text in pd.unique(column.astype("str")):
            cell = text.strip()
            found = _ENGLISH.fullmatch(cell) if "," in cell else None
            if found and (found["rest"] or cell.count(",") > 1):
                point = point or cell
            elif found:
                english = english or cell
            elif _COMMA.fullmatch(cell):
                comma = comma or cell
            elif _GROUPED.fullmatch(cell):
                grouped = grouped or cell
            elif _POINT.fullmatch(cell):
                point = point or cell
    if english and not point:
        # 1,234 alone is a decimal in German notation; where commas separate cells, programs write English notation.
        if delimiter == "," and not comma:
            return ".", f"decimal point, thousands comma ({english} is read as {english.replace(',', '')})"
        comma = comma or english
    if comma and point:
        raise FormatError(
            f"expected one decimal sign, found both: {comma!r} and {point!r}",
            where=where,
            hint="export the numbers again in one notation",
        )
    if delimiter == "," and not comma:
        return ".", "decimal point (cells are separated by commas)"
    if comma and grouped:
        return ",", f"decimal comma, thousands point ({grouped} is read as {grouped.replace('.', '')})"
    if comma:
        return ",", "decimal comma"
    if point and english:
        return ".", f"decimal point, thousands comma ({english} is read as {english.replace(',', '')})"
    if point:
        return ".", "decimal point"
    if grouped:
        return ",", f"thousands point ({grouped} is read as {grouped.replace('.', '')})"
    return ",", "no decimals"
