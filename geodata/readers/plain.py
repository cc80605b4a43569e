"""What a plain table says besides its figures: header rows above each other, and rows that are totals, no areas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.errors import some
from geodata.readers import headers, long, signs
from geodata.readers.findings import is_count, sum_findings

#: Rows that are searched for the header, and rows below it that tell which columns hold figures.
_HEADER_ROWS, _SAMPLE = 40, 60
#: Header rows of one table.
_MOST = 3
_FIGURE = re.compile(r"[-−]?[\d.,]+")
_WORDY = re.compile(r"[^\W\d_]|[%€‰]")
_TOTAL = re.compile(
    r"\b(?:ins\.?\s?gesamt|gesamt(?:summe|ergebnis|zahl|wert)?|(?:kreis|end|zwischen)?summen?|zusammen|total)\b",
    re.IGNORECASE,
)
#: Beside the word for a total stands its name; a longer text is a sentence.
_LONGEST = 60
#: Keys that stand for no area: 0, 00, 999, a dash.
_NO_KEY = re.compile(r"0+|9+|[-–—]")
#: Total rows that are compared with their parts.
_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a table.

    Attributes
    ----------
    first, last : int
        Its rows, by position.
    start : int or None
        First column of figures; None where there is none.
    names : list of str
        One for each column; labels above each other are joined by ``|``, dates last.
    labels : list of tuple of str
        What stands above each column, merged groups filled, and the same without dates and units.
    years : list of (int or None)
        Of columns with a date above them; always None in a header of one row.
    units : list of str
        Where the lowest label is one.
    """

    first: int
    last: int
    start: int | None
    names: list[str]
    labels: list[tuple[str, ...]]
    years: list[int | None]
    units: list[str]

    @property
    def several(self) -> bool:
        """Whether the header has more rows than one."""
        return self.last > self.first

    def find(self, name: str, *, where: str) -> list[int]:
        """Return the columns of a name: one, or one for each year above them.

        Raises
        ------
        ColumnError
            There is none, or the name leaves open which.
        """
        if self.several and name not in self.names:
            found = [at for at, labels in enumerate(self.labels) if name in labels]
            years = {self.years[at] for at in found}
            if len(found) == 1 or (found and None not in years and len(years) == len(found)):
                return found
        return [long.pick(name, self.names, where=where)]


def header_row(cells: pd.DataFrame) -> int:
    """Take the first row that is as full as the fullest of the first rows; of a row of numbers, the words above it."""
    head = cells.head(_HEADER_ROWS)
    filled = (head != "").sum(axis=1).to_numpy()
    numbers = np.array([sum(map(bool, map(_FIGURE.fullmatch, row[1:]))) for row in head.to_numpy().tolist()])
    full = int(np.flatnonzero(filled >= filled.max() * 0.8)[0])
    figures = numbers > filled / 2
    above = [row for row in range(full) if filled[row] > 1 and not figures[row]]
    return above[-1] if figures[full] and above else full


def read_head(cells: pd.DataFrame, row: int) -> Head:
    """Read the header around one of its rows.

    Parameters
    ----------
    cells : pandas.DataFrame
        Cells of a sheet; the index is the row of the file.
    row : int
        Position of a row that belongs to the header.

    Returns
    -------
    Head
        A row belongs to it as well if it touches it, has words or years above all figures it says anything about, and
        nothing beside them that contradicts: a row with an area is no header.
    """
    texts = [[" ".join(str(cell).split()) for cell in cells.iloc[at]] for at in range(min(len(cells), row + _MOST))]
    body = cells.iloc[row + 1 : row + 1 + _SAMPLE]
    start = _start(body)
    first = last = row
    if start is not None:
        while last - row < _MOST - 1 and last + 2 < len(cells) and _touch(cells, last) and last + 1 < len(texts):
            if not _is_below(texts[last], texts[last + 1], start, body.iloc[last + 1 - row :]):
                break
            last += 1
        while last - first < _MOST - 1 and first and _touch(cells, first - 1):
            if not _is_above(texts[first - 1], texts[first], start):
                break
            first -= 1
    if start is None or first == last:
        width = len(texts[row])
        return Head(row, row, start, texts[row], [(name,) for name in texts[row]], [None] * width, [""] * width)
    return _joined(cells, texts[first : last + 1], first, last, start)


def _joined(cells: pd.DataFrame, rows: list[list[str]], first: int, last: int, start: int) -> Head:
    names, labels = [], []
    years: list[int | None] = []
    units = []
    columns = headers.columns(rows, start)
    for at in range(len(rows[0])):
        own = [row[at] for row in rows if row[at]]
        if at < start or not (own or (cells[at].iloc[last + 1 :] != "").any()):
            # Beside the figures, and columns of nothing: no group reaches so far.
            names.append(own[-1] if own else "")
            labels.append(tuple(own))
            years.append(None)
            units.append("")
            continue
        column = columns[at - start]
        names.append(" | ".join([*column.labels, *([column.date] if column.date else [])]) or column.unit)
        labels.append(tuple(dict.fromkeys((*own, *column.labels, column.name, column.date, column.unit))))
        years.append(column.year)
        units.append(column.unit)
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    names = [f"{name} [{unit}]" if name in twice and unit else name for name, unit in zip(names, units, strict=True)]
    return Head(first, last, start, names, labels, years, units)


def _touch(cells: pd.DataFrame, row: int) -> bool:
    return bool(cells.index[row + 1] - cells.index[row] == 1)


def _start(body: pd.DataFrame) -> int | None:
    """Return the first column of figures: numbers that are neither years nor keys with a zero in front."""
    for at in range(1, body.shape[1]):
        filled = [cell for cell in map(str.strip, body.iloc[:, at].tolist()) if cell]
        numbers = [cell for cell in filled if signs.number(cell, ",") is not None or _FIGURE.fullmatch(cell)]
        others = [cell for cell in numbers if not _year(cell) and not re.fullmatch(r"0\d+", cell)]
        if numbers and 2 * len(numbers) >= len(filled) and 2 * len(others) > len(numbers):
            return at
    return None


def _year(cell: str) -> bool:
    year = long.year_of(cell)
    return year is not None and 1900 <= year <= 2100


def _says(cell: str) -> bool:
    """Tell words and years, which may stand in a header, from numbers and signs, which are figures."""
    if _year(cell):
        return True
    known = any(signs.read_cell(cell, legend, ",") is not None for legend in signs.LEGENDS.values())
    return _WORDY.search(cell) is not None and not known


def _is_below(upper: list[str], lower: list[str], start: int, body: pd.DataFrame) -> bool:
    """Tell whether the row below a header row belongs to the header."""
    figures = [cell for cell in lower[start:] if cell]
    above = [cell for cell in upper[start:] if cell]
    if len(figures) < min(2, len(lower) - start) or not all(map(_says, figures)):
        return False
    for at in range(start):
        if not lower[at] or lower[at] == upper[at]:
            continue
        if _TOTAL.search(lower[at]):
            return False
        if not upper[at]:
            # Headings of areas below groups: nothing stands beside the groups, and they are fewer.
            if any(upper[:start]) or len(above) >= len(figures):
                return False
        else:
            below = [cell for cell in map(str.strip, body.iloc[1:, at].tolist()) if cell]
            coded = [cell for cell in below if any(map(str.isdigit, cell))]
            if (
                any(map(_year, figures))
                or not below
                or len(coded) < 0.9 * len(below)
                or any(map(str.isdigit, lower[at]))
            ):
                return False
    return True


def _is_above(upper: list[str], lower: list[str], start: int) -> bool:
    """Tell whether the row above a header row holds groups; a title stands alone, or above the areas."""
    figures = [cell for cell in upper[start:] if cell]
    if not figures or sum(map(bool, upper)) < 2 or not all(map(_says, figures)):
        return False
    return all(not upper[at] or not lower[at] or upper[at] == lower[at] for at in range(start))


# ------------------------------------------------------------------------------------------------------------- totals


def totals(rows: pd.DataFrame, order: Sequence[int]) -> np.ndarray:
    """Find rows that sum up others: "Insgesamt", "Summe", "Landkreis … insgesamt" where an area should stand.

    Parameters
    ----------
    rows : pandas.DataFrame
        The rows below the header.
    order : sequence of int
        Columns that name the area, the key first. The first filled one decides, years and keys of nothing passed over:
        "insgesamt" behind a key is a characteristic of that area.

    Returns
    -------
    numpy.ndarray
        bool, one a row; none where more than half of the rows would be totals.
    """
    found = np.zeros(len(rows), dtype=bool)
    open_ = np.ones(len(rows), dtype=bool)
    for at in order:
        codes, unique = pd.factorize(rows[at])
        cells = [str(cell).strip() for cell in unique]
        passed = np.array([not cell or _year(cell) or bool(_NO_KEY.fullmatch(cell)) for cell in cells], dtype=bool)
        total = np.array([len(cell) <= _LONGEST and bool(_TOTAL.search(cell)) for cell in cells], dtype=bool)
        found |= open_ & total[codes]
        open_ &= passed[codes]
    return found if 2 * found.sum() <= len(rows) else np.zeros(len(rows), dtype=bool)


def total_findings(
    rows: pd.DataFrame,
    total: np.ndarray,
    order: Sequence[int],
    groups: Sequence[int],
    figures: Mapping[str, pd.Series],
    units: Mapping[str, str],
) -> Iterator[str]:
    """Say which rows are totals, and whether the others add up to them.

    Parameters
    ----------
    rows : pandas.DataFrame
        The rows below the header; the index is the row of the file, from 0.
    total : numpy.ndarray
        bool, see :func:`totals`.
    order : sequence of int
        See :func:`totals`.
    groups : sequence of int
        Columns of years and characteristics: a total sums up rows that say the same there.
    figures : mapping of str to pandas.Series
        Variable → numbers by row (a part of ``rows``), NaN where there is none.
    units : mapping of str to str
        Variable → unit, where it is known; shares and means are not added up.

    Yields
    ------
    str
        Findings.
    """
    if not total.any():
        return
    named = pd.Series("", index=rows.index)
    for at in reversed(order):
        cells = rows[at].str.strip()
        named = cells.where(cells.str.contains(_TOTAL.pattern, case=False, regex=True), named)
    texts = some((f"{text!r}" for text in dict.fromkeys(named[total])), 3)
    number = int(total.sum())
    yield (
        f"{number} row is a total, no area: {texts}" if number == 1 else f"{number} rows are totals, no areas: {texts}"
    )
    if number > _COMPARED:
        yield f"{number} totals are too many to be compared with their parts"
        return
    parts = rows[~total]
    held = {at: set(parts[at]) for at in groups}
    pairs: list[tuple[str, str, str, float, float]] = []
    seen: set[bytes] = set()
    several = False
    for row in rows.index[total]:
        match = np.ones(len(parts), dtype=bool)
        for at in groups:
            if rows.loc[row, at] != "" and rows.loc[row, at] in held[at]:
                match &= (parts[at] == rows.loc[row, at]).to_numpy()
        mark = match.tobytes()
        several |= mark in seen
        seen.add(mark)
        for name, values in figures.items():
            if row not in values.index or not is_count(units.get(name, ""), name):
                continue
            own = values[values.index.isin(parts.index[match])]
            if len(own):
                pairs.append((name, named[row], f"row {int(row) + 1}", values[row], own.sum(skipna=False)))
    if several:
        yield "several totals stand for the same rows, which parts belong to which is not told: they are not compared"
    else:
        yield from sum_findings(pairs, "rows against their total")
