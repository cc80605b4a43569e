"""How sure rank and class of the latest year are: draws of the figures, and what the analyst might have chosen."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from geodata.models import Polarity
from service.workflows.frames import of_indicator
from service.workflows.hotspot_robust import draws_of_rates
from service.workflows.index_frame import (
    frame_areas,
    indicator_values,
    preset_of,
    section_of,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.index.variants import Scale, Variants
    from spatial.results import IndexResult

#: Draws of the figures among which the variants choose, and the level of rank intervals.
DRAWS, LEVEL = 200, 0.9
#: Where an area that lacks a figure has no index, half of the variants score it from half of the weight on.
_PARTIAL = 0.5


@dataclass(frozen=True, slots=True)
class Doubt:
    """How sure the latest year is.

    Attributes
    ----------
    period : int
    table : pandas.DataFrame
        Of :func:`spatial.index.within.within_frame`, the county's own areas.
    note : dict
        What was varied, JSON-serialisable.
    """

    period: int
    table: pd.DataFrame
    note: dict[str, Any]


def index_variants(inputs: Inputs, figures: Figures, period: int, result: IndexResult) -> Variants:
    """Gather draws and choices of an index.

    Parameters
    ----------
    inputs, figures
        What was read, and what the edition may know: what is suppressed is missing in every draw.
    period : int
    result : IndexResult
        Of the county's own areas.

    Returns
    -------
    Variants
        Of all areas of the frame but those that the index leaves out.

    Raises
    ------
    SpatialError
        An indicator is the same everywhere in a draw.
    """
    from spatial.index.variants import Choices, Variants

    county, section = inputs.county, section_of(inputs.county)
    left = result.table.index[
        ~result.table["excluded"].str.startswith(("no value",)) & (result.table["excluded"] != "")
    ]
    areas = frame_areas(inputs, figures).difference(left, sort=False)
    parts = []
    for name in section.indicators:
        rng = np.random.default_rng([county.tests.seed, zlib.crc32(f"variants {name} {period}".encode())])
        indicator = source_of(county, name, period)
        drawn = None
        if indicator.id == name:  # what is linked to another indicator has no counts of its own
            drawn = draws_of_rates(of_indicator(figures, indicator, period, areas), DRAWS, rng)
        if drawn is None:
            values = indicator_values(inputs, figures, name, period, frame_areas(inputs, figures)).reindex(areas)
            part = np.repeat(values.to_numpy(dtype=np.float64)[:, None], DRAWS, axis=1)
        else:
            part = drawn * indicator.scale
        parts.append(-part if county.indicators[name].polarity is Polarity.ADVANTAGE else part)
    draws = np.stack(parts, axis=2).transpose(1, 0, 2)
    own = {"rank": "percentile", "z-sample": "z", "goalposts": "min-max"}.get(
        section.normalisation, section.normalisation
    )
    missing = bool(np.isnan(draws[0]).any()) and section.min_share == 1 and section.reference is None
    choices = Choices(
        weights=dict(section.weights) or None,
        normalisations=cast("tuple[Scale, ...]", tuple(dict.fromkeys((own, "z", "min-max", "percentile")))),
        aggregations=tuple(dict.fromkeys((section.aggregation, "arithmetic", "geometric"))),
        min_shares=(section.min_share, _PARTIAL) if missing else (section.min_share,),
        ddof=1 if section.normalisation == "z-sample" else 0,
    )
    return Variants(draws, areas, section.indicators, choices)


def doubt_of(
    inputs: Inputs,
    figures: Figures,
    results: dict[int, IndexResult],
    tell: Callable[[str], None] = lambda _line: None,
) -> Doubt | None:
    """Say how sure the latest year of the index is.

    Returns
    -------
    Doubt or None
        None where the county asks for no variants, or where its rule of classes is not one that variants repeat.
    """
    from spatial.index.within import within_frame

    section, preset = section_of(inputs.county), preset_of(inputs.county)
    rule = section.classes.rule if section.classes is not None else "sd"
    if not results or not section.variants or rule in ("equal", "jenks"):
        return None
    period = max(results)
    result = results[period]
    shown = result.table["status_class"]
    try:
        variants = index_variants(inputs, figures, period, result)
        table = within_frame(
            variants,
            shown.loc[shown.index.isin(variants.areas)],
            preset.labels,
            rng=np.random.default_rng([inputs.county.tests.seed, period]),
            n=section.variants,
            rule="quantile" if rule == "quantile" else "sd",
            at=preset.cuts,
            level=LEVEL,
        ).reindex(shown.index)
    except SpatialError as error:  # counting explains all differences of an indicator
        tell(f"no variants of the index for {period}: {error.message}")
        return None
    return Doubt(
        period,
        table,
        {
            "period": period,
            "variants": section.variants,
            "draws": DRAWS,
            "level": LEVEL,
            "factors": list(variants.factors()),
            "weight_spread": variants.choices.weight_spread,
            "normalisations": list(variants.choices.normalisations),
            "aggregations": list(variants.choices.aggregations),
            "min_shares": list(variants.choices.min_shares),
            "areas": len(variants.areas),
        },
    )
