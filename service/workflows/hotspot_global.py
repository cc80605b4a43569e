"""Whether a figure clusters at all: Moran's I where it was observed, and against permuted sources where it was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import UntestableError

if TYPE_CHECKING:
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.handdown import Allocation
    from service.workflows.tester import Tester
    from spatial.results import GlobalResult


def is_proportion(cases: pd.Series, people: pd.Series) -> bool:
    """Say whether empirical Bayes for proportions applies: no rate above 1, and not all rates equal."""
    rates = (cases / people)[people > 0]
    return bool((rates.dropna() <= 1).all()) and bool(rates.max() > rates.min())


def observed(tester: Tester, name: str, level: str, period: int, values: pd.Series) -> dict[str, Any] | None:
    """Return Moran's I of observed values, None where there are too few to say anything."""
    from spatial.autocorrelation.global_ import moran

    tests = tester.inputs.county.tests
    if values.notna().sum() < tests.min_areas:
        return None
    replicates = tests.global_replicates
    try:
        found = moran(values, tester.graph(level), permutations=replicates, rng=tester.rng(f"global {name}", period))
    except UntestableError:
        return None
    return _as_dict(found)


def handed_down(
    tester: Tester, figures: Figures, indicator: Indicator, allocation: Allocation, period: int
) -> dict[str, Any] | None:
    """Test handed-down values against permuted sources; None for counts and where there are too few sources.

    Parameters
    ----------
    tester : Tester
        Graphs and random numbers.
    figures : Figures
        What the edition may know.
    indicator : Indicator
        A rate that is a proportion is standardised by empirical Bayes. Any other quotient (income per tax case) and a
        plain value is a mean: one value a source, weighted by its denominator where it has one.
    allocation : Allocation
        How it came down.
    period : int
        Year.

    Returns
    -------
    dict or None
        The statistic, its p and the effective number of observations.
    """
    from spatial.autocorrelation.support import global_support_test

    if indicator.kind == "count":
        return None
    sources = pd.Index(allocation.weights.source_ids)
    top = figures.values(indicator.numerator, period, sources)
    size = None if indicator.denominator is None else figures.values(indicator.denominator, period, sources)
    graph = tester.graph(allocation.target).subgraph(list(allocation.weights.target_ids))
    replicates = tester.inputs.county.tests.global_replicates
    rng = tester.rng(f"{allocation.target}_{indicator.id}", period)
    try:
        if size is not None and is_proportion(top, size):
            found = global_support_test(top, size, allocation.weights, graph, permutations=replicates, rng=rng)
        else:
            # A source without anybody to take the mean of has no mean, and whatever its size were it weighs nothing.
            means = top if size is None else top / size.where(size > 0)
            found = global_support_test(
                means,
                None,
                allocation.weights,
                graph,
                kind="mean",
                size=None if size is None else size.where(size > 0).fillna(1.0),
                permutations=replicates,
                rng=rng,
            )
    except UntestableError:
        return None
    return _as_dict(found)


def _as_dict(found: GlobalResult) -> dict[str, Any] | None:
    if not np.isfinite(found.value):
        return None  # equal values everywhere have no autocorrelation
    return {
        "statistic": found.statistic,
        "value": found.value,
        "expected": found.expected,
        "z": found.z if np.isfinite(found.z) else None,
        "p": found.p,
        "permutations": found.permutations,
        "null": found.null,
        "n": found.n,
        "n_effective": found.n_effective,
    }
