"""Second station: what the public edition may know.

Rules judge counted values at the level at which they were delivered. What they suppress is missing for everything
computed afterwards, because any statistic of it can be solved for it (``docs/methods.md``, disclosure control).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.models import Indicator
from service.workflows.figures import HIDDEN, Figures

if TYPE_CHECKING:
    from geodata.county import County
    from service.workflows.read import Inputs
    from spatial.disclosure.rules import DisclosureRules

#: (variable, year) → ids of the areas whose value is hidden.
Hidden = dict[tuple[str, int], set[str]]


def rules_of(county: County) -> DisclosureRules:
    """Return the county's rules of disclosure control."""
    from spatial.disclosure.rules import DisclosureRules

    publication = county.publication
    return DisclosureRules(
        min_denominator=publication.min_denominator,
        min_numerator=publication.min_numerator,
        population_floor=publication.population_floor,
    )


def pairs_of(indicator: Indicator) -> Iterator[tuple[str, str | None]]:
    """Yield the (numerator, denominator) pairs of an indicator, its breakdown by sex included.

    A count has no denominator and is judged as a count; a mean counts nobody (``county.toml`` takes one from a released
    source only).
    """
    if indicator.kind != "mean":
        yield indicator.numerator, indicator.denominator
    yield from indicator.breakdown.values()


def pair_values(
    figures: Figures, numerator: str, denominator: str | None, period: int, areas: pd.Index
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the figures of a numerator and the values of its denominator, all NaN where it has none."""
    top = figures.get(numerator, period, areas)
    if denominator is None:
        return top, pd.Series(np.nan, index=areas)
    return top, figures.values(denominator, period, areas)


def suppressed_for_public(inputs: Inputs) -> Figures:
    """Apply the primary rules and the smallest-sibling rule to all counted values.

    Parameters
    ----------
    inputs : Inputs
        What was read.

    Returns
    -------
    Figures
        The same values, the suppressed ones missing. Values of a source marked ``released`` stay as published.
    """
    hidden: Hidden = defaultdict(set)
    exposed: Hidden = defaultdict(set)
    depth = {level: _depth(inputs.county, level) for level in inputs.county.levels}
    # The finest level first: what children cannot protect is hidden at their parent, which then needs siblings too.
    for indicator in sorted(inputs.county.indicators.values(), key=lambda i: -depth[i.level]):
        areas = inputs.levels[indicator.level].areas.index
        variables = [v for pair in pairs_of(indicator) for v in pair if v is not None]
        for period in sorted({p for v in variables for p in inputs.figures.periods(v, areas)}):
            _judge(inputs, indicator, period, hidden, exposed)
    for key, ids in exposed.items():
        hidden[key] |= ids
    return inputs.figures.suppress({key: sorted(ids) for key, ids in hidden.items()})


def _depth(county: County, level: str) -> int:
    parent = county.levels[level].parent
    return 0 if parent is None else 1 + _depth(county, parent)


def _elsewhere(exposed: Hidden, variable: str | None, period: int, areas: pd.Index) -> pd.Series:
    """Say which areas are hidden because their children cannot protect them."""
    ids = exposed[variable, period] if variable is not None else set()
    return pd.Series(areas.isin(list(ids)), index=areas)


def _judge(inputs: Inputs, indicator: Indicator, period: int, hidden: Hidden, exposed: Hidden) -> None:
    """Judge one indicator and year, and add to what is hidden, and to the parents that this exposes."""
    from spatial.disclosure.suppression import suppress_counts

    rules = rules_of(inputs.county)
    sources = inputs.figures.sources
    areas = inputs.levels[indicator.level].areas
    # The total of the county is known from elsewhere, so areas without a parent are children of the county.
    parent = areas["parent_id"] if "parent_id" in areas else pd.Series(inputs.county.key, index=areas.index)
    parent = parent.mask(areas["context"])
    found_in: dict[str, set[str]] = {}
    for numerator, denominator in pairs_of(indicator):
        secret_top = not sources[numerator].released
        secret_bottom = denominator is not None and not sources[denominator].released
        if not (secret_top or secret_bottom):
            continue
        top, bottom = pair_values(inputs.figures, numerator, denominator, period, areas.index)
        found = suppress_counts(
            top["value"],
            bottom,
            rules,
            parent=parent,
            hidden_at_source=top["status"].isin(HIDDEN),
            already_hidden=_elsewhere(exposed, numerator, period, areas.index),
            denominator_already_hidden=_elsewhere(exposed, denominator, period, areas.index),
        )
        if secret_top:
            found_in[numerator] = set(found.index[found["numerator_suppressed"]])
            # Where the children cannot protect a value, the total of their parent goes too.
            exposed[numerator, period] |= set(parent[found["parent_suppressed"]].dropna())
        if secret_bottom and denominator is not None:
            hidden[denominator, period] |= set(found.index[found["denominator_suppressed"]])
            exposed[denominator, period] |= set(parent[found["parent_denominator_suppressed"]].dropna())
    # Of total, women and men any two give the third: where one is hidden, neither sex is shown.
    together = set().union(*found_in.values()) if indicator.breakdown else set()
    sexes = {numerator for numerator, _ in indicator.breakdown.values()}
    for numerator, ids in found_in.items():
        hidden[numerator, period] |= ids | (together if numerator in sexes else set())
