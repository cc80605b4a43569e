"""What a table says of itself when it is read closely: dead keys, worked-back years, sums that miss, gaps and jumps.

One sentence a finding, written for the person who will use the table; nothing here changes a value. The same sentences
stand in the answer of ``sozialmonitor check`` and in the notes of a run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from geodata.errors import some
from geodata.models import Observations, Status
from geodata.territory import Dissolution, Territory, packaged

#: Units of figures that are no counts: their parts do not add up to their total.
_NO_COUNT = re.compile(r"%|prozent|anteil|quote|durchschnitt|mittel|index|\bje\b|\bpro\b|/\s*\w|‰|\bq_", re.IGNORECASE)
#: Digits of a key → what has it.
_LEVELS = {8: "Gemeinden", 5: "Kreise", 3: "Regierungsbezirke", 2: "Länder"}
#: Statuses of rows that say nothing about an area.
_SILENT = (Status.AREA_DOES_NOT_EXIST.value, Status.NOT_DELIVERED.value, Status.MISSING.value)
#: A jump: this much more than the area's neighbours in the table (logarithm; 0.7 is half or double) …
_JUMP = 0.7
#: … and this many times the usual spread of changes, in figures of at least this size.
_SPREAD, _SIZE = 10.0, 50.0
#: Parts that add up to less than this of their total are not all there.
_ALL_THERE = 0.9
#: How many areas a finding names.
_NAMED = 5


def is_count(unit: str, variable: str = "") -> bool:
    """Tell whether figures of a unit are counts that add up; where the unit is silent, the variable's name may tell.

    Examples
    --------
    >>> is_count("Anzahl"), is_count("Prozent"), is_count("Euro je Einwohner"), is_count("", "Arbeitslosenquote")
    (True, False, False, False)
    """
    return _NO_COUNT.search(unit) is None and (bool(unit) or _NO_COUNT.search(variable) is None)


def table_findings(observations: Observations, *, territory: Territory | None = None) -> tuple[str, ...]:
    """Say what a person should know before using a table.

    Parameters
    ----------
    observations : Observations
        As a reader returned it. Variables written ``TOTAL.DIMENSION=ATTRIBUTE`` are taken for parts of ``TOTAL``.
    territory : Territory, optional
        What is known about keys; default: what is packaged.

    Returns
    -------
    tuple of str
        In this order: keys, years, sums, jumps. Empty where there is nothing to say.
    """
    table = observations.table
    if table.empty or _is_grid(table):
        return ()
    known = territory or packaged()
    return (
        *_dead_keys(table, known),
        *_before_the_state(table, known),
        *_silent_areas(table),
        *_gaps(table),
        *_dimensions(table, observations.units),
        *_levels(table, observations.units),
        *_jumps(table, observations.units),
    )


def with_findings(observations: Observations, *, territory: Territory | None = None) -> Observations:
    """Return the observations with what they say of themselves among their notes."""
    found = table_findings(observations, territory=territory)
    return replace(observations, notes=tuple(dict.fromkeys((*observations.notes, *found))))


def _is_grid(table: pd.DataFrame) -> bool:
    return str(table["area_id"].iloc[0]).startswith("CRS3035RES")


def ended_keys(keys: Iterable[str], *, territory: Territory | None = None) -> tuple[str, ...]:
    """Name those of some keys that ended, with day and successor, whatever the years of their figures.

    Parameters
    ----------
    keys : iterable of str
        The key column of a table whose years are not known.
    territory : Territory, optional
        What is known about keys; default: what is packaged.

    Returns
    -------
    tuple of str
        One sentence for each day and successor.

    Examples
    --------
    >>> ended_keys(["03157004", "03157006"])
    ('key dissolved at 2015-01-01: 03157004 Lahstedt, now 03157009 Ilsede',)
    """
    known = territory or packaged()
    return tuple(_sentences({(known.ends[k], False) for k in keys if k in known.ends}, known))


def _dead_keys(table: pd.DataFrame, territory: Territory) -> Iterator[str]:
    """Name keys that had ended by the year of their figures: with and without a figure."""
    pairs = table.loc[table["area_id"].isin(list(territory.ends)), ["area_id", "period", "status"]]
    silent = pairs["status"].isin(_SILENT)
    found = set()
    for says, rows in ((True, pairs[~silent]), (False, pairs[silent])):
        for key, period in rows[["area_id", "period"]].drop_duplicates().itertuples(index=False, name=None):
            end = territory.dissolved(str(key), dt.date(int(period), 12, 31))
            if end is not None:
                found.add((end, says))
    yield from _sentences(found, territory)


def _sentences(ends: set[tuple[Dissolution, bool]], territory: Territory) -> Iterator[str]:
    """Write one sentence for all keys that ended on one day in one way, with or without figures after it."""
    groups: dict[tuple[dt.date, bool, tuple[str, ...], bool], set[str]] = defaultdict(set)
    for end, says in ends:
        groups[end.date, end.exact, end.successors, says].add(end.key)
    for (date, exact, successors, says), keys in sorted(groups.items()):
        word = "key" if len(keys) == 1 else "keys"
        unknown = " and ".join(what for what, told in (("day", exact), ("successor", successors)) if not told)
        when = f"{word} dissolved at {date}" if exact else f"{len(keys)} {word} dissolved by {date}"
        open_ = f" ({unknown} not recorded)" if unknown else ""
        into = f", now {territory.named(successors)}" if successors else ""
        then = "; figures after that day stand beside them" if says else ""
        listed = ", ".join(f"{k} {territory.names[k]}" if k in territory.names else k for k in sorted(keys))
        yield f"{when}{open_}: {listed}{into}{then}"


def _before_the_state(table: pd.DataFrame, territory: Territory) -> Iterator[str]:
    """Tell years that lie before their keys existed: the publisher worked them back."""
    says = table[~table["status"].isin(_SILENT)]
    early: dict[dt.date, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    young = says.loc[says["area_id"].isin(list(territory.begins)), ["area_id", "period"]].drop_duplicates()
    for key, period in young.itertuples(index=False, name=None):
        begin = territory.begins[str(key)]
        if dt.date(int(period), 12, 31) < begin:
            early[begin][str(key)].add(int(period))
    for begin, keys in sorted(early.items()):
        years = sorted(set().union(*keys.values()))
        yield (
            f"period before the Gebietsstand: {territory.named(sorted(keys))} since {begin}, "
            f"figures from {years[0]} on were worked back"
        )


def _silent_areas(table: pd.DataFrame) -> Iterator[str]:
    """Name areas whose cells are all blank; regions of dashes are named by their reader."""
    blank = (table["status"] == Status.MISSING.value).groupby(table["area_id"]).all()
    ids = blank.index[blank]
    if 0 < len(ids) < len(blank):
        yield f"{len(ids)} of {len(blank)} areas have no figure at all: {some(ids, _NAMED)}"


def _gaps(table: pd.DataFrame) -> Iterator[str]:
    """Tell years that lack between the first and the last, in the whole table and in single areas."""
    years = sorted(int(y) for y in table["period"].unique())
    steps = np.diff(years)
    if len(years) < 3:
        return
    # A table of every fifth year has no gaps, one of years without any rhythm neither.
    usual = int(steps.min())
    rhythm = bool((steps % usual == 0).all() and (steps == usual).mean() >= 0.5)
    lacking = [year for year in range(years[0], years[-1], usual) if year not in set(years)]
    if lacking and rhythm:
        yield f"gap in the years: {some(lacking, 10)} lacking between {years[0]} and {years[-1]}"
    says = table[table["value"].notna()]
    for variable, rows in says.groupby("variable", sort=False):
        wide = rows.pivot_table(index="area_id", columns="period", values="value", aggfunc="size").notna()
        # Years in which nobody has a figure are no area's gap.
        held = wide.to_numpy()
        first, last = held.argmax(axis=1), held.shape[1] - 1 - held[:, ::-1].argmax(axis=1)
        holes = last - first + 1 - held.sum(axis=1)
        if (holes > 0).any() and (holes > 0).mean() < 0.5:
            ids = wide.index[holes > 0]
            yield f"{variable}: {len(ids)} areas lack years between their first and last figure: {some(ids, _NAMED)}"


def _dimensions(table: pd.DataFrame, units: Mapping[str, str]) -> Iterator[str]:
    """Compare the parts of each dimension with the total that was delivered beside them."""
    names = list(dict.fromkeys(map(str, table["variable"])))
    parts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        base, *attributes = re.split(r"\.(?=[^.=]+=)", name)
        for position, attribute in enumerate(attributes):
            total = ".".join([base, *attributes[:position], *attributes[position + 1 :]])
            if total in names and is_count(units.get(total, ""), total):
                parts[total, attribute.split("=")[0]].append(name)
    if not any(len(these) > 1 for these in parts.values()):
        return
    places = pd.MultiIndex.from_frame(table[["area_id", "period"]])
    columns = {
        name: pd.Series(rows["value"].to_numpy(), index=places[rows.index])
        for name, rows in table.reset_index(drop=True).groupby("variable", sort=False)
    }
    compared: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for (total, dimension), these in parts.items():
        if len(these) > 1:
            whole = columns[total]
            summed = sum((columns[name].reindex(whole.index) for name in these), pd.Series(0.0, index=whole.index))
            compared[f"{total.split('.')[0]}, {dimension}"].append(_pairs(whole, summed, total))
    met: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for what, found in compared.items():
        pairs = pd.concat(found, ignore_index=True)
        if _all_there(pairs):
            met[what.split(", ")[1]].append(pairs)
        else:
            yield _incomplete(pairs, what)
    for dimension, found in met.items():
        yield from _differ(pd.concat(found, ignore_index=True), dimension)


def _levels(table: pd.DataFrame, units: Mapping[str, str]) -> Iterator[str]:
    """Compare areas with those that hold them, where both stand in the table: Gemeinden and Kreis, Kreise and Land."""
    text = table["area_id"].astype("str")
    digits = text.str.len().where(text.str.isdigit(), 0)
    present = set(digits.unique())
    for fine, coarse in ((8, 5), (5, 3), (5, 2), (3, 2)):
        if not {fine, coarse} <= present or (fine == 5 and coarse == 2 and 3 in present):
            continue
        small = table[(digits == fine) & ~table["status"].isin(_SILENT)]
        large = table[(digits == coarse) & table["value"].notna()]
        for variable, rows in large.groupby("variable", sort=False):
            if not is_count(units.get(str(variable), ""), str(variable)):
                continue
            own = small[small["variable"] == variable]
            keys = [own["area_id"].str[:coarse], own["period"]]
            grouped = own["value"].groupby(keys)
            whole = rows.set_index(["area_id", "period"])["value"]
            summed = grouped.agg(lambda part: part.sum(skipna=False)).reindex(whole.index)
            # One town that stands among the Kreise is no list of its Kreis's parts.
            several = grouped.size().reindex(whole.index).fillna(0) > 1
            if several.any():
                pairs = _pairs(whole[several], summed[several], str(variable))
                what = f"{_LEVELS[fine]} against {_LEVELS[coarse]}"
                if pairs.empty or _all_there(pairs):
                    yield from _differ(pairs, what)
                else:
                    yield _incomplete(pairs, f"{variable}, {what}")


def sum_findings(pairs: Sequence[tuple[str, str, str, float, float]], what: str) -> Iterator[str]:
    """Compare totals with the sums of their parts, where both are numbers.

    Parameters
    ----------
    pairs : sequence of tuple
        Variable, total, place, figure of the total, sum of its parts.
    what : str
        What is compared with what.

    Yields
    ------
    str
        By how much they differ at most and where; a variable whose parts are far from their total on its own.
    """
    table = pd.DataFrame(list(pairs), columns=["variable", "area", "period", "whole", "parts"]).dropna()
    met = []
    for variable, rows in table.groupby("variable", sort=False):
        if _all_there(rows):
            met.append(rows)
        elif np.array_equal(rows["whole"], rows["whole"].round()):
            yield _incomplete(rows, f"{variable}, {what}")
    if met:
        yield from _differ(pd.concat(met, ignore_index=True), what)


def _pairs(whole: pd.Series, summed: pd.Series, variable: str) -> pd.DataFrame:
    """Put totals beside the sums of their parts; sums of which a part has no number are no sums."""
    areas, periods = (whole.index.get_level_values(level) for level in (0, 1))
    table = pd.DataFrame(
        {"variable": variable, "area": areas, "period": periods, "whole": whole.to_numpy(), "parts": summed.to_numpy()}
    )
    return table.dropna()


def _all_there(pairs: pd.DataFrame) -> bool:
    total = float(pairs["whole"].sum())
    return total <= 0 or _ALL_THERE <= float(pairs["parts"].sum()) / total <= 2 - _ALL_THERE


def _incomplete(pairs: pd.DataFrame, what: str) -> str:
    total, parts = float(pairs["whole"].sum()), float(pairs["parts"].sum())
    return (
        f"{what}: the parts add up to {parts:.10g} of {total:.10g} ({_percent(parts / total)}): "
        "not all are in the table, or they overlap"
    )


def _differ(pairs: pd.DataFrame, what: str) -> Iterator[str]:
    """Say by how much sums miss their totals, with the worst place."""
    off = (pairs["parts"] - pairs["whole"]).abs()
    wrong = off > 1e-6 * pairs["whole"].abs().clip(lower=1.0)
    if not wrong.any():
        return
    worst = pairs.iloc[int(off.to_numpy().argmax())]
    share = f" ({_percent(float(off.max()) / float(worst['whole']))})" if worst["whole"] else ""
    yield (
        f"{what}: parts differ from the total by {float(off.max()):.10g}{share} at most, in {worst['variable']}, "
        f"{worst['area']}, {worst['period']}; {int(wrong.sum())} of {len(pairs)} totals are not met"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def _jumps(table: pd.DataFrame, units: Mapping[str, str]) -> Iterator[str]:
    """Name figures that halve or double from one year to the next while those of other areas do not."""
    rows = table[(table["value"] >= _SIZE)]
    for variable, part in rows.groupby("variable", sort=False):
        if not is_count(units.get(str(variable), ""), str(variable)) or part["period"].nunique() < 3:
            continue
        wide = part.pivot_table(index="area_id", columns="period", values="value", aggfunc="first").sort_index(axis=1)
        change = np.diff(np.log(wide.to_numpy(dtype=np.float64)), axis=1)
        known = ~np.isnan(change)
        if known.sum() < 10:
            continue
        usual = np.array([np.median(c[k]) if k.any() else 0.0 for c, k in zip(change.T, known.T, strict=True)])
        apart = np.where(known, np.abs(change - usual), 0.0)
        rows_, years = np.nonzero(apart > max(_JUMP, _SPREAD * float(np.median(apart[known]))))
        places = [
            f"{wide.index[int(row)]} in {wide.columns[int(year) + 1]}" for row, year in zip(rows_, years, strict=True)
        ]
        if places:
            yield f"{variable}: {len(places)} jumps from one year to the next: {some(places, _NAMED)}"
