"""Describe a table of no known format: which columns look like keys, years, numbers and signs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from geodata.errors import NoDataError, some
from geodata.readers import decimals, long, plain, signs
from geodata.readers.findings import ended_keys
from geodata.readers.sheet import Sheet
from geodata.readers.verdict import Verdict, is_note
from geodata.supply import casedata
from geodata.supply.names import GIVEN, SURNAMES
from geodata.supply.patterns import folded
from geodata.supply.persons import is_birth_year

#: What columns with area keys are called.
_KEY_NAME = re.compile(r"schlüssel|kennziffer|gebiet|\b(AGS|ARS|RS|LOR|key|id)\b|_id\b", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{2}|[0-9]{4,12}")
_GRID = re.compile(r"(CRS3035RES[0-9]+m|[0-9]+k?m)N[0-9]+E[0-9]+")
_YEAR_NAME = re.compile(r"jahr|\byear|zeit|period|stichtag|datum|\bdate", re.IGNORECASE)
_YEAR = re.compile(r"(\w*jahr|\w*year|zeitraum|periode?)", re.IGNORECASE)
#: A year at the end of a heading, or in brackets there.
_LAST_YEAR = re.compile(r"(?<![\d.,])((?:19|20)\d{2})\)?$")
#: Digits and letters without a blank, comma or per cent sign: codes, no figures.
_CODES = re.compile(r"[\w./-]*")
_UNSIGNED = re.compile(r"[-+−]?\d[\d.,\s]*")
#: What may be a sign or a formula; longer texts among figures may speak of a person.
_SHORT = re.compile(r".{1,6}|=.*")
#: Numbers that are rarely meant as numbers.
_SENTINELS = (-9999.0, -999.0, -99.0, -9.0, -1.0)


def describe_table(sheet: Sheet, path: Path, encoding: str) -> Verdict:
    """Describe a table of no known format: which columns look like keys, years, numbers, signs.

    Parameters
    ----------
    sheet : Sheet
        Its cells.
    path : pathlib.Path
        For messages.
    encoding : str
        Of a text file.

    Returns
    -------
    Verdict
        Guesses are worded as guesses.

    Raises
    ------
    NoDataError
        There are no rows below the header.
    """
    where = str(path)
    head = plain.read_head(sheet.cells, plain.header_row(sheet.cells))
    names = head.names
    casedata.require_figures(sheet, names, head.last, where=where)
    everything = _without_notes(sheet.cells.iloc[head.last + 1 :])
    if everything.empty:
        raise NoDataError("expected rows below the header, found none", where=where, hint="export the table again")
    beside = list(range(head.start or 0))
    total = plain.totals(everything, beside)
    rows = everything[~total]
    decimal, note = decimals.detect((rows[c] for c in rows), sheet.delimiter, where)
    findings = [f'no known official format: read with format = "table" ({sheet.note})', note]
    twice = [name for name, number in Counter(names).items() if number > 1 and name]
    if twice:
        findings.append(f"column names that occur more than once: {some(twice)}")
    if head.several:
        lines = sheet.cells.index[[head.first, head.last]] + 1
        findings.append(
            f"the header has {head.last - head.first + 1} rows ({lines[0]} to {lines[1]} of the file); columns are "
            "called by what stands above each other, as listed"
        )
    if head.first:
        above = f"{head.first} rows stand" if head.first > 1 else "1 row stands"
        findings.append(f"{above} above the header")

    columns = {position: rows[position].str.strip() for position, name in enumerate(names) if name}
    filled = {position: column[(column != "").to_numpy()] for position, column in columns.items()}
    # Cells of a column with their numbers, counted once: a file may have 16 thousand columns.
    counts = {position: Counter(column.tolist()) for position, column in filled.items()}
    sure = [at for at, cells in counts.items() if cells and _keylike(cells, names[at], sure=True)]
    guesses = (at for at, cells in counts.items() if cells and _keylike(cells, names[at]))
    # Of several, the key is the one that tells most areas apart; the others name the levels above.
    key = max(sure, key=lambda at: len(counts[at])) if sure else next(guesses, None)
    keys = 0
    if key is not None:
        keys = len(counts[key])
        findings += _key_findings(names[key], filled[key], sheet)
        findings += ended_keys(filled[key].unique())
        findings += [f"{names[at]!r} looks like the key of another level" for at in sure if at != key]
    years: set[int] = set()
    groups: list[int] = [] if key is None else [key]
    values: list[int] = []
    words: list[str] = []
    empty: list[str] = []
    signed: dict[int, tuple[Counter[str], Counter[str]]] = {}
    sentinels: dict[float, list[str]] = {}
    for position, column in filled.items():
        name = names[position]
        if column.empty:
            empty.append(repr(name))
            continue
        if position == key or position in sure:
            continue
        found, short = _years(counts[position], name)
        if short:
            at = rows.index[(rows[position].str.strip() == short[0]).to_numpy()][0] + 1
            findings.append(
                f"{name!r} holds years of two digits, first {short[0]!r} in row {at}: write four; a run refuses these"
            )
        if found or short:
            years |= found
            groups.append(position)
            continue
        number, marks, other = _numbers(counts[position], decimal)
        if not number:
            words.append(name)
            groups.append(position)
            if sum(any(sign.isdigit() for sign in cell) for cell in counts[position]) > len(counts[position]) / 2:
                findings += _beside_words(name, counts[position])
            continue
        values.append(position)
        signed[position] = (marks, other)
        for sentinel in _sentinels(counts[position], decimal):
            sentinels.setdefault(sentinel, []).append(name)
    if key is not None:
        findings += _contradictions(rows, key, groups, [at for at in values if not _few_whole(counts[at])])
    legend = _legend([marks for marks, _ in signed.values()], sentinels, decimal)
    findings.append(f"signs: read with legend {legend.id}")
    statuses: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    for position in values:
        marks, other = signed[position]
        blank = len(columns[position]) - len(filled[position])
        for cell, count in (counts[position] | Counter({"": blank} if blank else {})).items():
            read = signs.read_cell(cell, legend, decimal)
            if read is None:
                continue
            statuses[read[1].value] += count
            flags.update({(flag.name or "").lower(): count for flag in read[2]})
        findings += _signs(names[position], marks, other, decimal)
    for sentinel, where_found in sentinels.items():
        known = [version for version, other_legend in signs.LEGENDS.items() if sentinel in other_legend.numbers]
        hint = f' (legend = "{known[0]}")' if known else ""
        findings.append(f"{sentinel:g} may be a sign, not a number{hint}: in {some(where_found)}")
    if empty:
        findings.append(f"{empty[0]} is empty" if len(empty) == 1 else f"{len(empty)} columns are empty: {some(empty)}")
    if not keys:
        findings.append("no column looks like an area key: name it with area")
    titles = [names[at] for at in values]
    figures = (
        {
            names[at]: everything[at]
            .str.strip()
            .map(lambda cell: number if (number := signs.number(cell, decimal)) is not None else np.nan)
            for at in values
        }
        if total.any()
        else {}
    )
    units = {names[at]: head.units[at] for at in values}
    dims = [at for at in groups if at in beside and at != key]
    findings += plain.total_findings(everything, total, beside, dims, figures, units)
    told = {names[at]: year for at in values if (year := head.years[at]) is not None}
    if told:
        years |= set(told.values())
        findings.append(
            f"years stand above the columns ({some(map(repr, told), 3)}): without period a run takes them from there, "
            "and a name without its year means all of them"
        )
    dated = _dated(titles) if not told else {}
    if dated and not years:
        years = set(dated.values())
        shown = some([repr(name) for name in dated], 3)
        findings.append(
            f"years stand in the columns ({shown}): each is a column of its own in county.toml, and period is its year"
        )
    if words:
        findings.append(f"columns of words: {some([repr(name) for name in words], 8)}")
    return Verdict(
        format="table",
        encoding=encoding,
        decimal=note.split(" (")[0],
        legend=legend.id if values else "",
        rows=len(rows),
        values=sum(statuses.values()),
        areas=keys,
        periods=tuple(sorted(years)),
        variables=tuple(titles),
        statuses=+statuses,
        flags=+flags,
        findings=(*(f for f in findings if not is_note(f)), *(f for f in findings if is_note(f))),
    )


def _few_whole(cells: Counter[str]) -> bool:
    """Tell whole numbers that come again and again: they may be classes, not figures."""
    return len(cells) < 0.5 * cells.total() and all(cell.isdigit() for cell in cells)


def _contradictions(rows: pd.DataFrame, key: int, groups: list[int], values: list[int]) -> list[str]:
    """Name areas that have two rows of the same year and groups with different figures: a run refuses them."""
    if not values:
        return []
    table = rows[[*groups, *values]].drop_duplicates()
    again = table.duplicated(groups, keep=False)
    keys = pd.unique(table[key][again & (table[key] != "")])
    if not len(keys) or len(keys) > 0.5 * table[key].nunique() > 1:
        return []  # another column tells the rows apart
    return [f"two rows of the same area and year contradict each other: {some(keys)}; a run refuses them"]


def _dated(names: list[str]) -> dict[str, int]:
    """Return the year of each column of a wide table: "2022", "31.12.2022" or "Einwohner 2022"; empty for any other.

    One year in one heading may be part of a name; in two or more they are the years of the figures.
    """
    found: dict[str, int] = {}
    for name in names:
        year = long.year_of(name)
        if year is None:
            last = _LAST_YEAR.search(name)
            year = int(last[1]) if last else None
        if year is not None and 1900 <= year <= 2100:
            found[name] = year
    return found if len(set(found.values())) > 1 else {}


def _beside_words(name: str, cells: Counter[str]) -> list[str]:
    """Say which figures are not counted because words or units stand in most of their cells.

    A unit that stands in nearly all cells is shown, never a cell: words beside figures may be an address.
    """
    if _CODES.fullmatch("".join(cells)):
        return []
    beside = Counter(_UNSIGNED.sub("", cell).strip() for cell in cells)
    (unit, count), *_ = beside.most_common()
    shown = f" ({unit!r})" if count > 0.9 * len(cells) and len(unit) <= 12 and len(cells) > 1 else ""
    return [f"{name!r} is read as words: figures stand beside units or words in it{shown}; write numbers alone"]


def _legend(marks: list[Counter[str]], sentinels: dict[float, list[str]], decimal: str) -> signs.Legend:
    """Choose the legend to count by: that of −9999, else the first that knows every sign; plain numbers have none."""
    if -9999.0 in sentinels:
        return signs.LEGENDS["mss"]
    seen = {mark for column in marks for mark in column}
    for legend in signs.LEGENDS.values():
        if all(signs.read_cell(mark, legend, decimal) is not None for mark in seen):
            return legend
    return signs.LEGENDS["classic"]


def _without_notes(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out notes below the table: last rows with one cell, where the table has three columns or more."""
    filled = (rows != "").sum(axis=1).to_numpy()
    full = np.flatnonzero(filled > 1)
    return rows.iloc[: int(full[-1]) + 1] if rows.shape[1] > 2 and len(full) else rows


def _keylike(cells: Counter[str], name: str, *, sure: bool = False) -> bool:
    """Tell whether texts look like area keys: digits of one of the usual lengths, or grid ids.

    A leading zero, a grid id or the column's name speak for keys (``sure``); else values that all differ may be keys.
    """
    if not all(_DIGITS.fullmatch(cell) or _GRID.fullmatch(cell) for cell in cells) or len({*map(len, cells)}) > 3:
        return False
    named = _KEY_NAME.search(name) is not None
    leading = any(cell.startswith("0") and len(cell) > 1 for cell in cells)
    grid = all(map(_GRID.fullmatch, cells))
    return bool(named or grid or leading or (not sure and len(cells) > 0.9 * cells.total() > 20))


def _numbers(cells: Counter[str], decimal: str) -> tuple[int, Counter[str], Counter[str]]:
    """Return how many cells are numbers, which carry marks or are signs of some legend, and which are neither."""
    marks: Counter[str] = Counter()
    other: Counter[str] = Counter()
    values = 0
    for cell, count in cells.most_common():
        if signs.number(cell, decimal) is not None:
            values += count
        elif any(signs.read_cell(cell, legend, decimal) for legend in signs.LEGENDS.values()):
            marks[cell] += count
        else:
            other[cell] += count
    few = other.total() <= 0.5 * cells.total()
    return (values, marks, other) if values and few else (0, Counter(), Counter())


def _signs(name: str, marks: Counter[str], other: Counter[str], decimal: str) -> list[str]:
    findings = []
    if marks:
        known = [
            version
            for version, legend in signs.LEGENDS.items()
            if all(signs.read_cell(mark, legend, decimal) for mark in marks)
        ]
        shown = some(f"{mark!r} {count}×" for mark, count in marks.most_common())
        findings.append(f"{name!r} holds signs: {shown}; legends that know them: {', '.join(known) or 'none'}")
    if other:
        short = [cell for cell in other if _SHORT.fullmatch(cell) and folded(cell) not in GIVEN | SURNAMES]
        hidden = len(other) - len(short)
        told = [some(map(repr, short))] if short else []
        told += [f"{hidden} longer text{'' if hidden == 1 else 's'}"] if hidden else []
        findings.append(f"{name!r} holds neither numbers nor signs: {', '.join(told)}")
    return findings


def _sentinels(cells: Counter[str], decimal: str) -> dict[float, int]:
    """Return numbers that are probably signs, with how often they occur."""
    numbers = Counter({signs.number(cell, decimal): count for cell, count in cells.items()})
    signed = any(v is not None and v < 0 and v not in _SENTINELS for v in numbers)
    return {s: numbers[s] for s in _SENTINELS if numbers[s] and (s < -90 or not signed)}


def _key_findings(name: str, column: pd.Series, sheet: Sheet) -> list[str]:
    unique = column.drop_duplicates()
    findings = [f"{name!r} looks like the area key ({unique.iloc[0]}), {len(unique)} different in {len(column)} rows"]
    lengths = sorted({len(key) for key in unique})
    if len(lengths) > 1:
        findings.append(
            f"{name!r} mixes keys of {', '.join(map(str, lengths))} characters: several levels in one column"
        )
    if unique.isin(sheet.numeric).any():
        findings.append(f"{name!r} holds keys as numbers: leading zeros are lost")
    repeated = len(column) - len(unique)
    if 0 < repeated < 0.5 * len(column):
        twice = column[column.duplicated()].drop_duplicates()
        findings.append(f"{name!r} repeats {len(twice)} keys: {some(twice)}")
    return findings


def _years(cells: Counter[str], name: str) -> tuple[set[int], list[str]]:
    """Return the years of a column of years or dates, and cells of it that are none; nothing for any other column."""
    if is_birth_year(name):
        return set(), []
    found = {cell: long.year_of(cell) for cell in cells}
    repeats = len(cells) < cells.total() or len(cells) == 1 or _YEAR_NAME.search(name) is not None
    # Distinct four-digit numbers in every row are counts rather than years, unless the column's name says otherwise.
    plain_ = all(map(str.isdigit, cells))
    if None not in found.values():
        return (set() if plain_ and not repeats else {year for year in found.values() if year}), []
    # A column called a year holds years, also where somebody typed 22.
    short = [cell for cell, year in found.items() if year is None]
    if _YEAR.fullmatch(name) and all(re.fullmatch(r"'?\d{2}", cell) for cell in short):
        return {year for year in found.values() if year}, short
    return set(), []
