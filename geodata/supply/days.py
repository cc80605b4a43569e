"""Birth dates without signs between day, month and year, told from keys and counts of as many digits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence


def _compact(form: str, cells: Sequence[str]) -> list[dt.date]:
    """Read dates without signs between day, month and year; of two digits, the year is the past one."""
    found = []
    today = dt.date.today()
    for cell in cells:
        at = {part: cell[form.index(part[0]) : form.rindex(part[0]) + 1] for part in ("Y", "M", "D")}
        year = int(at["Y"])
        if len(at["Y"]) == 2:
            year += 2000 if year <= today.year % 100 else 1900
        try:
            day = dt.date(year, int(at["M"]), int(at["D"]))
        except ValueError:
            continue
        if dt.date(1900, 1, 1) <= day <= today:
            found.append(day)
    return found


def compact_birth_dates(values: Sequence[str]) -> bool:
    """Tell birth dates without points ("19610304", "04031961", "610304") from keys and counts of as many digits.

    Parameters
    ----------
    values : sequence of str
        Distinct cells.

    Returns
    -------
    bool
        Nearly all are days of one notation, in all months, on most days of the month, over twenty years or more. Keys
        may be days by chance, but use few months or days.
    """
    widths = {len(value) for value in values}
    if len(values) < 30 or not widths <= {5, 6, 7, 8} or not all(v.isascii() and v.isdigit() for v in values):
        return False
    width = 6 if max(widths) <= 6 else 8
    cells = [value.zfill(width) for value in values]  # programs drop the zero in front of a day
    for form in ("YYYYMMDD", "DDMMYYYY") if width == 8 else ("YYMMDD", "DDMMYY"):
        days = _compact(form, cells)
        if len(days) < 0.95 * len(cells):
            continue
        years = [day.year for day in days]
        spread = max(years) - min(years) >= 20
        if spread and len({day.month for day in days}) >= 10 and len({day.day for day in days}) >= 20:
            return True
    return False
