"""Hot spots over the years: how each area developed, and a test on the change between two years itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.models import Flag
from service.workflows.figures import HIDDEN
from service.workflows.frames import of_indicator
from service.workflows.hotspot_global import is_proportion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.tester import Tester
    from spatial.results import LocalResult


def with_development(
    tester: Tester, results: Mapping[int, LocalResult]
) -> tuple[dict[int, LocalResult], dict[str, Any] | None]:
    """Sort areas by how they became, stayed or ceased to be hot or cold, in the last year's table.

    Parameters
    ----------
    tester : Tester
        Knows the level of the test.
    results : mapping of int to LocalResult
        Year → tests of the same areas.

    Returns
    -------
    dict of int to LocalResult
        The last one with ``emerging`` (side and category), ``emerging_hot``, ``emerging_cold`` and ``emerging_years``
        (numbers of years) and ``emerging_p`` (of the trend of Gi*'s z); empty for areas that are not tested in the
        last year.
    dict or None
        Years and warnings; None where so few years can give no trend at this level (fewer than five at .05), or where
        nothing is tested.
    """
    from spatial.autocorrelation.spacetime import Emerging, emerging_hotspots, mann_kendall

    alpha = tester.inputs.county.tests.alpha
    said = {year: found for year, found in results.items() if (found.table["state"] == "tested").any()}
    last = max(results)
    if last not in said or mann_kendall(np.arange(len(said), dtype=np.float64)).smallest > alpha:
        return dict(results), None
    found = emerging_hotspots(said, alpha=alpha)
    table = found.table
    category = table["side"].where(table["side"] == "", table["side"] + " ") + table["category"]
    known = (table["category"] != str(Emerging.UNKNOWN)) & (results[last].table["label"] != "no label")
    columns = {
        "emerging": category.where(known),
        "emerging_hot": table["hot"].astype(float).where(known),
        "emerging_cold": table["cold"].astype(float).where(known),
        "emerging_years": table["periods"].astype(float).where(known),
        "emerging_p": table["p"].where(known),
    }
    developed = replace(results[last], table=results[last].table.assign(**columns))
    return {**results, last: developed}, {"years": list(found.periods), "alpha": alpha, "descriptive": True}


def first_comparable(figures: Figures, indicator: Indicator, areas: pd.Index, years: list[int]) -> int:
    """Return the first year from which on the publisher names no break in the series."""
    broken = [
        year
        for year in years
        if (of_indicator(figures, indicator, year, areas).flags.to_numpy(dtype=np.int64) & Flag.BREAK.value).any()
    ]
    return max([years[0], *broken])


def with_change(
    tester: Tester, figures: Figures, indicator: Indicator, results: Mapping[int, LocalResult]
) -> tuple[dict[int, LocalResult], dict[str, Any] | None]:
    """Test where values rose or fell together, from the first comparable year to the last, in the last year's table.

    Parameters
    ----------
    tester : Tester
        Graphs and random numbers.
    figures : Figures
        What the edition may know: where either year is hidden there is no change.
    indicator : Indicator
        Observed at its level.
    results : mapping of int to LocalResult
        Year → tests.

    Returns
    -------
    dict of int to LocalResult
        The last one with ``change`` (in the unit of the figure), ``change_label`` and ``change_p_adjusted``.
    dict or None
        The two years, how many areas were tested, and whether rates were standardised; None where nothing was tested.
    """
    from spatial.autocorrelation.change import change_test

    last = max(results)
    level = tester.inputs.levels[indicator.level]
    first = first_comparable(figures, indicator, tester.inputs.inside(indicator.level), sorted(results))
    if first == last:
        return dict(results), None
    areas = level.areas.index
    one, two = (of_indicator(figures, indicator, year, areas) for year in (first, last))
    both = one.value.notna() & two.value.notna()
    hidden = ~both & (one.status.isin(HIDDEN) | two.status.isin(HIDDEN))
    options = tester.options(indicator.level, areas, hidden)
    rng = tester.rng(f"change {indicator.level}_{indicator.id}", last)
    graph, rates = tester.graph(indicator.level), False
    if one.bottom is not None and two.bottom is not None:
        counts = [(found.top["value"].where(both), found.bottom["value"].where(both)) for found in (one, two)]  # type: ignore[index]
        rates = all(is_proportion(cases, people) for cases, people in counts)
    if rates:
        (before, there), (after, now) = counts
        found = change_test(before, after, graph, rng=rng, population_before=there, population_after=now, **options)
    else:
        found = change_test(one.value.where(both), two.value.where(both), graph, rng=rng, **options)
    if not found.n_effective:
        return dict(results), None
    table = found.table
    tested = (table["state"] == "tested") & (table["label"] != "no label")
    columns = {
        "change": (two.value - one.value).where(tested),
        "change_label": table["label"].where(tested),
        "change_p_adjusted": table["p_adjusted"].where(tested),
    }
    changed = replace(results[last], table=results[last].table.assign(**columns))
    note = {"from": first, "to": last, "n_effective": found.n_effective, "adjusted": rates}
    return {**results, last: changed}, note
