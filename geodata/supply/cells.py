"""One cell of a returned template: what it says, or what is wrong with it and what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from geodata.models import Status
from geodata.readers import signs
from geodata.supply.request import Column

#: From here on a number is a slip of the hand: more than the sum of all incomes of a Land, in euros.
_MOST = 1e12


def read_cell(cell: Any, column: Column, legend: signs.Legend) -> Status | tuple[str, str]:
    """Judge one cell: its status, or what is wrong with it and what to do. The value itself is not repeated."""
    value, kind = cell.value, cell.data_type
    expected = (
        "eine ganze Zahl ab 0" if column.whole else "eine Zahl von 0 bis 100" if column.percent else "eine Zahl ab 0"
    )
    if value is None or (isinstance(value, str) and not value.strip()):
        return Status.MISSING
    if kind == "f":
        return "Die Zelle enthält eine Formel", "Kopieren und als Wert einfügen (Inhalte einfügen, Werte)"
    if kind == "e":
        return "Die Zelle enthält einen Excel-Fehler", f"Erwartet wird {expected}"
    if isinstance(value, bool):
        return "Die Zelle enthält WAHR oder FALSCH", f"Erwartet wird {expected}"
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return (
            "Excel hat aus der Eingabe ein Datum oder eine Uhrzeit gemacht",
            f"Erwartet wird {expected}, neu eintippen",
        )
    if isinstance(value, str):
        read = signs.read_cell(value, legend, ",")
        if read is None:
            known = " ".join(legend.signs)
            return "Hier steht Text", f"Erwartet wird {expected}" + (
                f" oder eines der Zeichen {known}" if known else ""
            )
        number, status, _ = read
        if number != number:  # a sign without a number
            return status
    else:
        number = value if isinstance(value, int) else float(value)  # a whole number may be larger than any float
        if number != number or number in (float("inf"), float("-inf")):
            return "Die Zelle enthält keine endliche Zahl", f"Erwartet wird {expected}"
        status = Status.ZERO if number == 0 else Status.OBSERVED
    if number < 0:
        return "Die Zahl ist negativ", f"Erwartet wird {expected}"
    if number >= _MOST:
        return "Die Zahl ist unglaubhaft groß", f"Erwartet wird {expected}"
    if column.whole and number != int(number):
        return "Die Zahl hat Nachkommastellen", f"Erwartet wird {expected}"
    if column.percent and number > 100:
        return "Der Anteil liegt über 100", f"Erwartet wird {expected}"
    return status


def listed(places: Sequence[str], limit: int = 5) -> str:
    """List the first few places of many.

    Examples
    --------
    >>> listed(["D6", "D7", "D8"], limit=2)
    'D6, D7 und 1 weitere'
    """
    left = len(places) - limit
    return ", ".join(places[:limit]) + (f" und {left} weitere" if left > 0 else "")


def key_of(value: Any) -> str:
    """Return a key as text; a key that became a number has lost its leading zero and is not guessed at."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or isinstance(value, bool) else str(value).strip()


def year_in(value: Any) -> int | None:
    """Return a year that stands as number or text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(str(value).removesuffix(".0"))
    except ValueError:
        return None


def number_of(cell: Any, legend: signs.Legend) -> float | None:
    """Return the number of a cell that :func:`read_cell` found in order; None for a blank or a sign."""
    value = cell.value
    if isinstance(value, str):
        read = signs.read_cell(value, legend, ",") if value.strip() else None
        return None if read is None or read[0] != read[0] else float(read[0])
    return None if value is None else float(value)
