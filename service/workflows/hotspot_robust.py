"""Labels that hold: how often an area keeps its label when its counts or the weights could have been others."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from service.workflows.composite import score_of
from service.workflows.frames import of_indicator
from service.workflows.hotspot_global import is_proportion
from service.workflows.index_frame import source_of
from spatial.results import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.frames import Rated
    from service.workflows.tester import Tester
    from spatial.results import LocalResult

HIGH = (str(Label.HIGH_HIGH), str(Label.HIGH_LOW))
LOW = (str(Label.LOW_LOW), str(Label.LOW_HIGH))
#: What a label is called that holds too seldom; the side is told, the kind of cluster is not.
UNSURE_HIGH, UNSURE_LOW = "unsure high", "unsure low"
#: Discoveries that the repeats can make at least: so many times fewer than the map has.
_RESERVE = 4


def draws_of_rates(found: Rated, draws: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Draw what the rates of an indicator may be, from the empirical-Bayes posterior of each.

    Parameters
    ----------
    found : Rated
        One indicator and year.
    draws : int
        R.
    rng : numpy.random.Generator
        Same seed, same bytes, whatever the order of rows.

    Returns
    -------
    numpy.ndarray of shape (n, R) or None
        In the order of the areas; None where there are no counts of parts of people to draw from.

    Notes
    -----
    The posterior rates themselves are tested, no counts drawn with them: a draw from the posterior has, over all data,
    the distribution of the prior, which is the same for each area whatever its population; counts drawn again would
    carry the noise of counting twice.
    """
    from spatial.autocorrelation.robustness import draw_rates

    if found.bottom is None:
        return None
    known = found.value.notna()
    cases, people = found.top["value"].where(known), found.bottom["value"].where(known)
    if not is_proportion(cases, people):
        return None
    order = cases.index.sort_values()
    rates, _ = draw_rates(cases.reindex(order), people.reindex(order), draws, rng)
    drawn: NDArray[np.float64] = rates[order.get_indexer(cases.index)]
    return drawn


def draws_of_index(
    tester: Tester, figures: Figures, chosen: Sequence[Indicator], period: int, areas: pd.Index
) -> NDArray[np.float64] | None:
    """Draw the index: its indicators drawn, each from its counts, and scored as the index is.

    Returns
    -------
    numpy.ndarray of shape (n, R) or None
        In the order of `areas`; None where draws cannot be scored, because counting explains all differences of an
        indicator, or because an indicator is linked to the one that it replaced and has no counts of its own.
    """
    inputs = tester.inputs
    if any(source_of(inputs.county, indicator.id, period).id != indicator.id for indicator in chosen):
        return None
    count = inputs.county.tests.robust_draws
    rng = tester.rng("robust values of the index", period)
    inside = inputs.inside(inputs.county.index.level) if inputs.county.index is not None else areas
    parts: dict[str, NDArray[np.float64]] = {}
    for indicator in chosen:
        found = of_indicator(figures, indicator, period, inside)
        drawn = draws_of_rates(found, count, rng)
        values = found.value.to_numpy(dtype=np.float64)
        parts[indicator.id] = np.repeat(values[:, None], count, axis=1) if drawn is None else drawn * indicator.scale
    out = np.full((len(areas), count), np.nan)
    for r in range(count):
        values_r = pd.DataFrame({name: drawn[:, r] for name, drawn in parts.items()}, index=inside)
        try:
            out[:, r] = score_of(inputs, figures, values_r, period).table["score"].reindex(areas).to_numpy()
        except SpatialError:
            return None
    return out


def repeated(
    tester: Tester,
    name: str,
    level: str,
    period: int,
    result: LocalResult,
    draws: NDArray[np.float64],
) -> tuple[LocalResult, dict[str, Any] | None]:
    """Repeat a map's tests over draws and weights.

    Parameters
    ----------
    tester : Tester
        Graphs and random numbers.
    name, level, period
        Of the map.
    result : LocalResult
        The map.
    draws : numpy.ndarray, shape (n, R)
        In the order of the result; one column of the values themselves where there is nothing to draw from.

    Returns
    -------
    LocalResult
        With ``label_probability`` and ``label_robust``: the label where it holds, ``unsure high`` or ``unsure low``
        where it does not. Years that are not repeated have neither: what holds there is not known.
    dict or None
        What was done; None for a map without any label, where nothing has to hold.
    """
    from spatial.autocorrelation.robustness import label_probability

    tests = tester.inputs.county.tests
    table = result.table
    found = table["label"].isin([*HIGH, *LOW])
    if not found.any():
        return replace(result, table=table.assign(label_robust=table["label"])), None
    graphs = tester.variants(level)
    options = tester.options(level, table.index, pd.Series(False, index=table.index))
    # Whether a missing value is suppressed makes no difference to a repeat; told apart it costs time.
    del options["suppressed"]
    if not tester.inputs.levels[level].areas["context"].any():
        del options["context"]
    if draws.shape[1] > 1:
        options["permutations"] = _permutations(tester, int((table["state"] == "tested").sum()), int(found.sum()))
    held = label_probability(
        draws,
        table.index,
        graphs,
        table["label"],
        rng=tester.rng(f"robust {name}", period),
        threshold=tests.robust_threshold,
        **options,
    )
    # A label that no repeat could even test, because all drawn values were equal, held in none of them.
    share = held.table["label_probability"].where(~(found & held.table["label_probability"].isna()), 0.0)
    unsure = found & ~held.table["published"]
    label = table["label"].mask(unsure & table["label"].isin(HIGH), UNSURE_HIGH)
    label = label.mask(unsure & table["label"].isin(LOW), UNSURE_LOW)
    own = (table["state"] == "tested") & (table["label"] != str(Label.NO_LABEL))
    note = {
        "variants": held.repeats,
        "draws": draws.shape[1],
        "weights": list(graphs),
        "permutations": options["permutations"],
        "threshold": tests.robust_threshold,
        "held": int((found & ~unsure).sum()),
        "unsure": int(unsure.sum()),
    }
    return replace(result, table=table.assign(label_probability=share.where(own), label_robust=label)), note


def _permutations(tester: Tester, n: int, discoveries: int) -> int:
    """Return how many permutations a repeat needs: BH finds m of n areas only from 2n/(mα) − 1 permutations on."""
    tests = tester.inputs.county.tests
    return min(tests.permutations, max(tests.robust_permutations, ceil(_RESERVE * 2 * n / (discoveries * tests.alpha))))
