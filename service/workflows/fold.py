"""What many columns say, folded into one line for each indicator and year: the unit in which a county is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from geodata.models import Flag, Indicator, Text
from service.reports.indicator_sheet import label
from service.workflows.compare import Change, Frames, Row
from service.workflows.figures import HIDDEN, Figures
from service.workflows.frames import rated
from service.workflows.waiting import years_of

if TYPE_CHECKING:
    from geodata.county import County
    from service.workflows.read import Inputs


@dataclass(frozen=True, slots=True)
class Line:
    """An indicator, or a column that no indicator shows.

    Attributes
    ----------
    parts : tuple of str
        All its columns.
    scale : float
        100 for percent.
    """

    id: str
    title: Text
    level: str
    numerator: str
    denominator: str | None
    parts: tuple[str, ...]
    scale: float
    unit: str
    summed: bool


@dataclass(frozen=True, slots=True)
class Touched(Row):
    """What changed in an indicator and year that were published before.

    Attributes
    ----------
    areas : int
        Areas in which a figure of the indicator is another, came or went.
    lost : int
        Of these, areas whose figure went.
    marks : int
        Areas whose figures stay, with another sign or other flags.
    total_before, total_after : float or None
        Sums of the numerator over the county's areas that have it before and now; None for means.
    base_before, base_after : float or None
        The same of the denominator.
    largest : Change or None
        Of the indicator's own value, by absolute change.
    """

    id: str
    title: Text
    unit: str
    year: int
    areas: int
    lost: int
    marks: int
    total_before: float | None
    total_after: float | None
    base_before: float | None
    base_after: float | None
    largest: Change | None


@dataclass(frozen=True, slots=True)
class Fresh(Row):
    """Years of an indicator that the publication does not have; the numbers are those of the last one.

    Attributes
    ----------
    first : bool
        The publication has no year of it.
    areas : int
        Areas with a value.
    lacking : tuple of str
        Names of the areas without one; what is hidden is not lacking.
    empty : int
        The same for cells, which have no names, and of which many have nobody to tell of.
    suppressed : int
        Of the values, how many the public edition would not show.
    waits_for : tuple of str
        Columns without any figure in that year, so that there is no value.
    """

    id: str
    title: Text
    unit: str
    years: tuple[int, int]
    first: bool
    areas: int
    lacking: tuple[str, ...]
    empty: int
    suppressed: int
    waits_for: tuple[str, ...]
    total: float | None
    previous_year: int | None
    previous_total: float | None


def lines(county: County) -> list[Line]:
    """Return the indicators in the order of ``county.toml``, then the columns that none of them shows."""
    columns = {name: (table, spec) for table in county.tables.values() for name, spec in table.columns.items()}
    out = []
    for i in county.indicators.values():
        pairs = [(i.numerator, i.denominator), *i.breakdown.values()]
        parts = tuple(dict.fromkeys(v for pair in pairs for v in pair if v is not None))
        out.append(_line_of(i, parts))
    used = {v for line in out for v in line.parts}
    for name, (table, spec) in columns.items():
        if name not in used:
            title = label(name, spec.column, spec.definition)
            summed = spec.unit not in ("%", "Prozent")
            out.append(Line("", Text(title, title), table.levels[0], name, None, (name,), 1.0, spec.unit, summed))
    return out


def _line_of(i: Indicator, parts: tuple[str, ...]) -> Line:
    return Line(i.id, i.title, i.level, i.numerator, i.denominator, parts, i.scale, i.unit, i.kind != "mean")


def touched(
    every: Iterable[Line],
    before: Frames,
    after: Frames,
    *,
    areas: Mapping[str, pd.Index],
    inside: Mapping[str, pd.Index],
    names: Mapping[str, str],
) -> list[Touched]:
    """Return what changed in the years that both know, most important first.

    Parameters
    ----------
    every : iterable of Line
        Of :func:`lines`.
    before, after : mapping of (str, int) to pandas.DataFrame
        Figures.
    areas, inside : mapping of str to pandas.Index
        Level → the areas that were there before and are there now; those of them that are the county's own.
    names : mapping of str to str
        Area id → name.

    Returns
    -------
    list of Touched
        Figures that went come before others, then by the number of areas.
    """
    old, new = Figures(before, {}), Figures(after, {})
    out = []
    for line in every:
        here = areas[line.level]
        for year in sorted({y for v, y in before.keys() & after.keys() if v in line.parts}):
            values = lost = marks = brought = pd.Series(False, index=here)
            for part in line.parts:
                if (part, year) in before and (part, year) in after:
                    o, n = old.get(part, year, here), new.get(part, year, here)
                    had, has = o["value"].notna(), n["value"].notna()
                    values = values | (had != has) | (had & has & (o["value"] != n["value"]))
                    lost = lost | (had & ~has)
                    brought = brought | _brought(o, n)
                    marks = marks | (o["status"] != n["status"]) | (o["flags"] != n["flags"])
            # Its extent changed, and with it the figure: that stands where areas are told, and is no revision.
            values, lost, marks = values & ~brought, lost & ~brought, marks & ~brought
            if not (values | marks).any():
                continue
            own = inside[line.level].intersection(here[~brought.to_numpy()])
            total = _sums(old, new, line.numerator, year, own) if line.summed else (None, None)
            base = _sums(old, new, line.denominator, year, own) if line.denominator else (None, None)
            out.append(
                Touched(
                    id=line.id,
                    title=line.title,
                    unit=line.unit,
                    year=year,
                    areas=int(values.sum()),
                    lost=int(lost.sum()),
                    marks=int((marks & ~values).sum()),
                    total_before=total[0],
                    total_after=total[1],
                    base_before=base[0],
                    base_after=base[1],
                    largest=_largest(old, new, line, year, here[values.to_numpy()], names),
                )
            )
    return sorted(out, key=lambda t: (-t.lost, -t.areas, -_relative(t), t.title.de, -t.year))


def _brought(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Tell which figures were brought to another Gebietsstand now, and were not before."""
    return ((after["flags"] & Flag.CONVERTED.value) > 0) & ((before["flags"] & Flag.CONVERTED.value) == 0)


def _relative(found: Touched) -> float:
    if not found.total_before or found.total_after is None:
        return 0.0
    return abs(found.total_after - found.total_before) / abs(found.total_before)


def _sums(old: Figures, new: Figures, name: str, year: int, areas: pd.Index) -> tuple[float, float]:
    o, n = old.values(name, year, areas), new.values(name, year, areas)
    both = o.notna() & n.notna()
    return float(o[both].sum()), float(n[both].sum())


def _largest(
    old: Figures, new: Figures, line: Line, year: int, areas: pd.Index, names: Mapping[str, str]
) -> Change | None:
    pair = (line.numerator, line.denominator)
    o, n = (rated(figures, pair, line.scale, year, areas).value for figures in (old, new))
    size = (n - o).abs().dropna()
    if size.empty or size.max() == 0:
        return None
    area = str(size.idxmax())
    return Change(area, names.get(area, ""), float(o[area]), float(n[area]))


def fresh(
    every: Iterable[Line],
    inputs: Inputs,
    public: Figures,
    before: Frames,
    names: Mapping[str, str],
) -> list[Fresh]:
    """Return the years that the publication does not have, one row an indicator.

    Parameters
    ----------
    every : iterable of Line
        Of :func:`lines`.
    inputs : Inputs
        What was read.
    public : Figures
        What the public edition may know.
    before : mapping of (str, int) to pandas.DataFrame
        Published figures.
    names : mapping of str to str
        Area id → name.

    Returns
    -------
    list of Fresh
        What waits for a column or lacks areas first, then indicators in their order, then columns that none shows.
    """
    known = Figures(before, {})
    out = []
    for line in every:
        own = inputs.inside(line.level)
        cells = inputs.levels[line.level].is_grid
        had, now = known.periods(line.numerator, own), inputs.figures.periods(line.numerator, own)
        ready = _ready(inputs.figures, line, own, now)
        # A year that waited and still does is no news; one that waited and is complete now is.
        complete = sorted(ready - _ready(known, line, own, had))
        waits = [y for y in now if y not in ready and y not in had]
        for added in filter(None, (complete, waits)):
            out.append(_fresh(line, inputs.figures, public, own, names, added, first=not had, cells=cells))
    return sorted(out, key=lambda f: (not f.waits_for, not f.lacking, not f.id))


def _ready(figures: Figures, line: Line, areas: pd.Index, delivered: Sequence[int]) -> set[int]:
    """Return the years in which the line has a value, of those of which its numerator says anything."""
    if line.denominator is None:
        return set(delivered)
    return set(years_of(figures, [(line.numerator, line.denominator)], areas))


def _fresh(
    line: Line,
    figures: Figures,
    public: Figures,
    own: pd.Index,
    names: Mapping[str, str],
    added: Sequence[int],
    *,
    first: bool,
    cells: bool,
) -> Fresh:
    year = max(added)
    now = rated(figures, (line.numerator, line.denominator), line.scale, year, own)
    shown = rated(public, (line.numerator, line.denominator), line.scale, year, own)
    hidden = now.status.isin(HIDDEN)
    lacking = own[(now.value.isna() & ~hidden).to_numpy()]
    previous = max((y for y in figures.periods(line.numerator, own) if y < year), default=None)
    total = previous_total = None
    if line.summed:
        values = figures.values(line.numerator, year, own)
        past = values if previous is None else figures.values(line.numerator, previous, own)
        both = values.notna() & past.notna()
        total = float(values[both].sum())
        previous_total = None if previous is None else float(past[both].sum())
    waits = [v for v in (line.denominator,) if v is not None and year not in figures.periods(v, own)]
    return Fresh(
        id=line.id,
        title=line.title,
        unit=line.unit,
        years=(min(added), year),
        first=first,
        areas=int(now.value.notna().sum()),
        lacking=() if cells else tuple(names.get(str(a), str(a)) for a in lacking),
        empty=len(lacking) if cells else 0,
        suppressed=int((now.value.notna() & shown.value.isna()).sum()),
        waits_for=tuple(waits),
        total=total,
        previous_year=previous,
        previous_total=previous_total,
    )
