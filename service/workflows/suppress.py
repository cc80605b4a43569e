"""Second station: what the public edition may know.

Rules judge counted values at the level at which they were delivered. What they suppress is missing for everything
computed afterwards, because any statistic of it can be solved for it (``docs/methods.md``, disclosure control).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from geodata.models import Indicator, Status
from service.workflows.figures import Figures

if TYPE_CHECKING:
    from service.workflows.read import Inputs
    from spatial.disclosure.rules import DisclosureRules

#: Statuses by which a publisher says that he hides something: siblings must not give it away.
HIDDEN_AT_SOURCE = frozenset({Status.SUPPRESSED, Status.SUPPRESSED_OR_UNKNOWN, Status.ZERO_OR_SUPPRESSED})


def rules_of(inputs: Inputs) -> DisclosureRules:
    """Return the county's rules of disclosure control."""
    from spatial.disclosure.rules import DisclosureRules

    publication = inputs.county.publication
    return DisclosureRules(
        min_denominator=publication.min_denominator,
        min_numerator=publication.min_numerator,
        population_floor=publication.population_floor,
    )


def pairs_of(indicator: Indicator) -> Iterator[tuple[str, str]]:
    """Yield the (numerator, denominator) pairs of an indicator, its breakdown by sex included."""
    if indicator.denominator is not None:
        yield indicator.numerator, indicator.denominator
    yield from indicator.breakdown.values()


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
    from spatial.disclosure.suppression import suppress_counts

    rules = rules_of(inputs)
    hidden: dict[tuple[str, int], set[str]] = defaultdict(set)
    for indicator in inputs.county.indicators.values():
        areas = inputs.levels[indicator.level].areas
        # The total of the county is known from elsewhere, so areas without a parent are children of the county.
        parent = areas["parent_id"] if "parent_id" in areas else pd.Series(inputs.county.key, index=areas.index)
        parent = parent.mask(areas["context"])
        for period in inputs.figures.periods(indicator.numerator, areas.index):
            by_pair: dict[str, set[str]] = {}
            for numerator, denominator in pairs_of(indicator):
                if inputs.figures.sources[numerator].released:
                    continue
                top = inputs.figures.get(numerator, period, areas.index)
                bottom = inputs.figures.get(denominator, period, areas.index)
                found = suppress_counts(
                    top["value"],
                    bottom["value"],
                    rules,
                    parent=parent,
                    hidden_at_source=top["status"].isin(HIDDEN_AT_SOURCE),
                )
                by_pair[numerator] = set(found.index[found["numerator_suppressed"]])
                # Where the children cannot protect a value, the total of their parent goes too.
                hidden[numerator, period] |= set(parent[found["parent_suppressed"]].dropna())
                if not inputs.figures.sources[denominator].released:
                    hidden[denominator, period] |= set(found.index[found["denominator_suppressed"]])
                    hidden[denominator, period] |= set(parent[found["parent_denominator_suppressed"]].dropna())
            # One sex beside the total gives the other away: both go together.
            sexes = [n for n, _ in indicator.breakdown.values() if n in by_pair]
            together: set[str] = set().union(*(by_pair[n] for n in sexes)) if sexes else set()
            for numerator, ids in by_pair.items():
                hidden[numerator, period] |= ids | (together if numerator in sexes else set())
    return inputs.figures.suppress({key: sorted(ids) for key, ids in hidden.items()})


def count_suppressed(figures: Figures, variable: str, period: int, areas: pd.Index) -> int:
    """Count the areas in which a value is not shown."""
    return int(figures.get(variable, period, areas)["status"].isin(HIDDEN_AT_SOURCE).sum())
