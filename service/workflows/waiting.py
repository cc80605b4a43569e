"""Years that wait: a figure was delivered, and what it is divided by was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from service.workflows.frames import answered, rated

if TYPE_CHECKING:
    import pandas as pd

    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

Pair = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An indicator with years in which no area of the county has a value, for want of one of its columns.

    Attributes
    ----------
    indicator : str
        Its id.
    by_sex : bool
        The total has a value, the gap between women and men has none.
    parts : tuple of str
        All columns that a value needs.
    years : mapping of tuple of str to tuple of int
        Columns that were not delivered → years; no column where all were, for areas that have nothing in common.
    """

    indicator: str
    by_sex: bool
    parts: tuple[str, ...]
    years: Mapping[tuple[str, ...], tuple[int, ...]]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        reasons = [{"years": list(years), "columns": list(columns)} for columns, years in self.years.items()]
        return {"indicator": self.indicator, "by_sex": self.by_sex, "parts": list(self.parts), "reasons": reasons}

    def lines(self) -> list[str]:
        """Return one line for each reason, for the report of a run."""
        what = f"{self.indicator} by sex" if self.by_sex else self.indicator
        out = []
        for columns, years in self.years.items():
            why = f"{', '.join(columns)} not delivered" if columns else f"no area has both {' and '.join(self.parts)}"
            out.append(f"{', '.join(map(str, years))}: {what} has no value, {why}")
        return out


def pairs_by_sex(indicator: Indicator) -> tuple[Pair, ...]:
    """Return (numerator, denominator) of women and of men, nothing where an indicator has no breakdown."""
    return tuple(indicator.breakdown[sex] for sex in ("female", "male")) if indicator.breakdown else ()


def years_of(figures: Figures, pairs: Iterable[Pair], areas: pd.Index) -> tuple[int, ...]:
    """Return the years in which at least one area has a value of all pairs, or one that is hidden.

    Parameters
    ----------
    figures : Figures
        What is known.
    pairs : iterable of (str, str or None)
        Numerators and denominators; the years are those of the first numerator.
    areas : pandas.Index
        The county's own areas.

    Returns
    -------
    tuple of int
        Ascending. A year of which only a part was delivered is none of them: nothing can be said about it yet.
    """
    every = list(pairs)
    return tuple(
        period
        for period in figures.periods(every[0][0], areas)
        if reduce(and_, (answered(rated(figures, pair, 1.0, period, areas)) for pair in every)).any()
    )


def waiting(inputs: Inputs) -> tuple[Waiting, ...]:
    """Find the years of each indicator that wait for a column.

    Parameters
    ----------
    inputs : Inputs
        What was read.

    Returns
    -------
    tuple of Waiting
        In the order of ``county.toml``; years by sex only where the total does not wait in them already.
    """
    out = []
    for indicator in inputs.county.indicators.values():
        areas = inputs.inside(indicator.level)
        said: set[int] = set()
        for pairs in (((indicator.numerator, indicator.denominator),), pairs_by_sex(indicator)):
            if not pairs:
                continue
            parts = tuple(dict.fromkeys(v for pair in pairs for v in pair if v is not None))
            known = set(years_of(inputs.figures, pairs, areas))
            delivered = {v: set(inputs.figures.periods(v, areas)) for v in parts}
            years: dict[tuple[str, ...], tuple[int, ...]] = {}
            for year in sorted(delivered[parts[0]] - known - said):
                lacking = tuple(v for v in parts if year not in delivered[v])
                years[lacking] = (*years.get(lacking, ()), year)
                said.add(year)
            if years:
                out.append(Waiting(indicator.id, len(pairs) > 1, parts, years))
    return tuple(out)
