"""Second half of the first station: bring figures to the Gebietsstand of the level whose areas they describe.

Areas that merged are summed, renamed ones get their new key, split ones are shared by the transfer matrix. Each value
that was moved carries the flag ``converted``, a shared one also the origin ``modelled`` and the flag ``estimated``;
what it was made of is kept in ``Inputs.moves``. An earlier Gebietsstand is refused where its parts are not in the data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import TerritoryError, some
from geodata.models import OBSERVATION_COLUMNS, Observations
from geodata.readers.findings import is_count
from geodata.territory import Territory
from service.workflows.moved import SILENT, Frame, Row, moved_rows
from service.workflows.sharing import shares_of

if TYPE_CHECKING:
    from geodata.county_schema import TableSpec
    from geodata.crosswalk import Crosswalk
    from service.workflows.read import Inputs

MOVE_COLUMNS = ["table", "level", "variable", "period", "source", "target", "share", "value", "status", "from", "to"]


def harmonise(inputs: Inputs, territory: Territory) -> Inputs:
    """Bring every table to the Gebietsstand of its levels.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    territory : Territory
        What is known about keys.

    Returns
    -------
    Inputs
        The same, with converted tables and figures, and :attr:`Inputs.moves`. Tables of grids, and levels without
        ``boundary_date``, stay as they are.

    Raises
    ------
    TerritoryError
        A level needs an earlier Gebietsstand than its figures have; a file mixes two Gebietsstände in one year; shares
        of a split area cannot be told; a level holds keys that did not exist on its boundary date.
    """
    from service.workflows.figures import Figures

    tables = dict(inputs.tables)
    moves: list[pd.DataFrame] = []
    means = {i.numerator for i in inputs.county.indicators.values() if i.kind == "mean"}
    for spec in inputs.county.tables.values():
        found = tables[spec.id]
        states = {
            level: inputs.levels[level].boundary_date
            for level in spec.levels
            if not inputs.levels[level].is_grid and inputs.levels[level].boundary_date is not None
        }
        for level, date in states.items():
            assert date is not None
            _require_boundaries(inputs, level, date, territory)
        if states:
            tables[spec.id], moved = _convert(inputs, spec, found, states, territory, means)
            moves += moved
    table = pd.concat(moves, ignore_index=True) if moves else pd.DataFrame(columns=MOVE_COLUMNS)
    return replace(inputs, tables=tables, figures=Figures.collect(tables.values()), moves=table)


def _require_boundaries(inputs: Inputs, level: str, date: dt.date, territory: Territory) -> None:
    """Refuse a boundary date on which the level's own areas did not exist."""
    wrong = [key for key in inputs.inside(level) if not territory.alive(key, date)]
    if wrong:
        spans = []
        for key in wrong:
            first, last = territory.window([key])
            spans.append(f"{territory.named([key])} (since {first})" if first > date else f"{key} (until {last})")
        raise TerritoryError(
            f"expected areas of the Gebietsstand {date}, found {some(spans)}",
            where=f"levels.{level}.boundary_date",
            hint="set boundary_date to the Gebietsstand of the file, or take the file of that day",
        )


def _convert(
    inputs: Inputs,
    spec: TableSpec,
    found: Observations,
    states: Mapping[str, dt.date | None],
    territory: Territory,
    means: set[str],
) -> tuple[Observations, list[pd.DataFrame]]:
    """Bring one table to all its levels; a key of two levels must get one value."""
    everywhere = {key for level in spec.levels for key in inputs.levels[level].areas.index}
    families = {level: territory.family(inputs.levels[level].areas.index) for level in states}
    concerned = found.table["area_id"].isin(set().union(*families.values()))
    if not concerned.any():
        return found, []
    notes: list[str] = list(found.notes)
    moves: list[pd.DataFrame] = []
    made: dict[tuple[str, int, str], Row] = {}
    dropped: set[tuple[str, int, str]] = set()
    walks = _Walks(inputs, territory)
    for level, date in states.items():
        assert date is not None
        where = f"{inputs.county.place(spec.id)} (tables.{spec.id}), level {level!r}"
        said: dict[str, list[int]] = {}
        family = found.table["area_id"].isin(families[level])
        for group, part in found.table[family].groupby(["variable", "period"], sort=True):
            variable, period = str(group[0]), int(str(group[1]))
            rows = part.set_index("area_id")
            start = _start(spec, rows, period, territory, where, said, inputs.county.key)
            asked = [k for k in rows.index[~rows["status"].isin(SILENT)] if territory.alive(k, start)]
            walk = walks.between(level, start, date, tuple(sorted(asked)), where)
            if walk.changed.empty:
                continue
            counted = spec.columns[variable].share_of is not None or is_count(found.units.get(variable, ""), variable)
            extensive = variable not in means and counted
            frame = Frame(rows, period, extensive)
            new, move, broken = moved_rows(walk, frame, ambiguous=spec.gebietsstand is None)
            for target in broken:
                said.setdefault(
                    f"{territory.named([target])}: whether the figures before a change of its extent are worked back "
                    "cannot be told; they are flagged as a break (set gebietsstand)",
                    [],
                ).append(period)
            for target, row in zip(map(str, new.index), new.itertuples(index=False, name=None), strict=True):
                place = (variable, period, target)
                if place in made and not _same(made[place], row):
                    raise TerritoryError(
                        f"{target} would get two values of {variable!r} in {period}: its levels have different "
                        "boundary dates",
                        where=where,
                        hint="give each level a table of its own",
                    )
                made[place] = row
            for source in walk.changed["source"]:
                if source not in everywhere:
                    dropped.add((variable, period, source))
            united = new.index.difference(list(broken))
            for sentence in _sentences(walk, united, move, territory, extensive):
                said.setdefault(sentence, []).append(period)
            moves.append(
                move.assign(
                    table=spec.id, level=level, variable=variable, period=period, **{"from": start, "to": date}
                )[MOVE_COLUMNS]
            )
        notes += [f"{sentence}: {_span(years)}" for sentence, years in said.items()]
        notes += walks.notes
    if not made:
        return replace(found, notes=tuple(dict.fromkeys(notes))), []
    return replace(_rewritten(found, made, dropped), notes=tuple(dict.fromkeys(notes))), moves


def _start(
    spec: TableSpec,
    rows: pd.DataFrame,
    period: int,
    territory: Territory,
    where: str,
    said: dict[str, list[int]],
    county: str,
) -> dt.date:
    """Tell the Gebietsstand of one year: what ``county.toml`` says, else what the keys that carry figures allow."""
    present = rows.index[~rows["status"].isin(SILENT)]
    if isinstance(spec.gebietsstand, dt.date):
        day = spec.gebietsstand
        # A figure of an area that was yet to come proves the stated day wrong; dropping it would lose the county's own.
        # Files of a whole Land hold other counties too, whose keys are no reason to refuse.
        young = [k for k in present if k.startswith(county) and territory.begins.get(k, dt.date.min) > day]
        if young:
            raise _contradiction(young, day, period, territory, where)
        strange = [k for k in present if not territory.alive(k, day)]
        if strange:
            said.setdefault(f"keys that did not exist on {day} are left out: {territory.named(strange)}", []).append(
                period
            )
        return day
    first, last = territory.window(present)
    if first > last:
        young = [k for k in present if territory.begins.get(k, dt.date.min) > last]
        old = [k for k in present if k in territory.ends and territory.ends[k].date <= first]
        raise TerritoryError(
            f"expected keys of one Gebietsstand in {period}, found {territory.named(old)} (until {last}) beside "
            f"{territory.named(young)} (since {first})",
            where=where,
            hint="set gebietsstand of the table to the later day, or remove the rows of the one that does not count",
        )
    day = min(max(dt.date(period, 12, 31), first), last)
    if day > dt.date(period, 12, 31):
        since = [k for k in present if territory.begins.get(k) == first]
        said.setdefault(
            f"figures are older than their Gebietsstand: {territory.named(since)} exists since {first}; they were "
            "worked back by their publisher",
            [],
        ).append(period)
    return day


def _contradiction(young: list[str], day: dt.date, period: int, territory: Territory, where: str) -> TerritoryError:
    """Say why figures of areas that were yet to come cannot be of the stated Gebietsstand."""
    since = [f"{territory.named([k])} (since {territory.begins[k]})" for k in young]
    mergers = [e for e in territory.events if len(e.before) > 1 and set(e.created).intersection(young)]
    undone = "".join(
        f"; {territory.named(e.after)} holds {territory.named(e.before)}, and a merger cannot be undone"
        for e in mergers
    )
    first = max(territory.begins[k] for k in young)
    return TerritoryError(
        f"expected figures of the Gebietsstand {day}, found figures in {period} of {some(since)}: the stated "
        f"gebietsstand cannot be right{undone}",
        where=where,
        hint=f"set gebietsstand of the table to {first} or later, or leave it out; if the file holds the former areas "
        "too, remove the rows of those that do not count",
    )


class _Walks:
    """Crosswalks, each built once, with the shares of split areas."""

    def __init__(self, inputs: Inputs, territory: Territory) -> None:
        self.inputs, self.territory = inputs, territory
        self.notes: list[str] = []
        self._known: dict[tuple[str, dt.date, dt.date, tuple[str, ...]], Crosswalk] = {}

    def between(self, level: str, start: dt.date, end: dt.date, keys: tuple[str, ...], where: str) -> Crosswalk:
        """Return the crosswalk of some keys to a level's Gebietsstand."""
        place = (level, start, end, keys)
        if place not in self._known:
            try:
                walk = self.territory.crosswalk(start, end, keys)
            except TerritoryError as error:
                raise TerritoryError(error.message, where=where, hint=error.hint) from None
            if walk.open:
                shares, notes = shares_of(self.inputs, level, walk)
                walk = walk.filled(shares)
                self.notes += notes
            if walk.unresolved:
                self.notes.append(
                    f"no source says into what these areas went until {end}; their figures stay where they are: "
                    f"{self.territory.named(walk.unresolved)}"
                )
            self._known[place] = walk
        return self._known[place]


def _rewritten(
    found: Observations, made: Mapping[tuple[str, int, str], Row], dropped: set[tuple[str, int, str]]
) -> Observations:
    """Put converted rows in place of what they were made of."""
    table = found.table
    gone = pd.MultiIndex.from_tuples([*made, *(dropped - set(made))])
    places = pd.MultiIndex.from_frame(table[["variable", "period", "area_id"]])
    kept = table[~places.isin(gone)]
    rows = [(key, period, variable, *row) for (variable, period, key), row in made.items()]
    fresh = pd.DataFrame(rows, columns=list(OBSERVATION_COLUMNS)).astype(table.dtypes.to_dict())
    return found.with_table(pd.concat([kept, fresh], ignore_index=True))


def _same(one: Row, other: Row) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or bool(np.isnan(one[0]) and np.isnan(other[0])))


def _sentences(
    walk: Crosswalk, targets: Iterable[str], moves: pd.DataFrame, territory: Territory, extensive: bool
) -> list[str]:
    """Say what was done, or why nothing could be, one sentence an area."""
    lacking = moves[moves["value"].isna() & (moves["share"] > 0)]
    out = []
    for target in map(str, targets):
        sources = walk.sources(target)
        shares = walk.links.loc[walk.links["target"] == target, "share"]
        parts = territory.named(sources)
        name = territory.named([target])
        reasons = [
            f"{territory.named(part['source'])} {str(status).replace('_', ' ')}"
            for status, part in lacking[lacking["target"] == target].groupby("status", sort=True)
        ]
        if reasons and (extensive or (shares < 1).any()) and len(sources) > 1:
            out.append(f"{name}: no sum: {', '.join(reasons)} (Gebietsstand {walk.end})")
        elif (shares < 1).any():
            out.append(f"{name}: shared out of {parts} (Gebietsstand {walk.end}), modelled")
        elif len(sources) == 1:
            out.append(f"{name}: the figures of {parts} (Gebietsstand {walk.end})")
        elif extensive:
            out.append(f"{name}: sum of {parts} (Gebietsstand {walk.end})")
        else:
            out.append(f"{name}: no figure, for shares and means of {parts} cannot be added up")
    return out


def _span(years: list[int]) -> str:
    """Write years as ranges.

    Examples
    --------
    >>> _span([2001, 2002, 2003, 2007])
    '2001–2003, 2007'
    """
    ordered = sorted(set(years))
    runs: list[list[int]] = []
    for year in ordered:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
