"""What the choice of level makes of a map (MAUP): the same figure tested once more on the larger areas around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.models import Text
from service.workflows.frames import of_indicator
from service.workflows.hotspot_global import is_proportion

if TYPE_CHECKING:
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.tester import Tester
    from spatial.results import LocalResult

#: How the labels of an area and of the larger one around it go together.
SAME, HERE, THERE, OTHER, NEITHER = "same label", "only here", "only there", "other label", "neither"
_NOTHING = "not significant"


@dataclass(frozen=True, slots=True)
class Coarser:
    """Larger areas on which a figure can be tested too.

    Attributes
    ----------
    id : str
        Of the level, or ``{level}_{metres}`` for cells that are no level of the county.
    title : Text
        What they are called.
    ids : pandas.Index
        Of the larger areas, those around the county included.
    parent : pandas.Series
        Larger area of each of the county's own smaller ones.
    graph : object
        Their neighbours.
    context : pandas.Series
        Of bool: the larger area lies outside the county.
    """

    id: str
    title: Text
    ids: pd.Index
    parent: pd.Series
    graph: Any
    context: pd.Series


def coarser_than(tester: Tester, level: str) -> Coarser | None:
    """Find the next larger areas that are enough for a local test: the level above, or cells of twice the edge."""
    inputs = tester.inputs
    least, layer = inputs.county.tests.min_areas, inputs.levels[level]
    own = layer.areas.loc[inputs.inside(level)]
    above = inputs.county.levels[level].parent
    if above is not None and "parent_id" in own:
        zones = inputs.levels[above].areas
        parent = own["parent_id"].where(own["parent_id"].isin(zones.index))
        if parent.nunique() >= least:
            return Coarser(
                above, inputs.levels[above].title, zones.index, parent, tester.graph(above), zones["context"]
            )
    if not layer.is_grid:
        return None
    from geodata.cells import coarser_cells, rows_and_columns
    from spatial.autocorrelation.graphs import grid_contiguity

    size = 2 * int(inputs.county.levels[level].cell_size or 0)
    parent = coarser_cells(own.index, size)
    ids = pd.Index(sorted(parent.unique()))
    if len(ids) < least:
        return None
    edge = "rook" if inputs.county.tests.graph.get(level) == "rook" else "queen"
    graph = grid_contiguity(*rows_and_columns(ids, size), ids, kind=edge)  # type: ignore[arg-type]
    shown = f"{size // 1000} km" if size % 1000 == 0 else f"{size} m"
    title = Text(f"Zellen von {shown} Kantenlänge", f"cells of {shown}")
    return Coarser(f"{level}_{size}", title, ids, parent, graph, pd.Series(False, index=ids))


def with_levels(
    tester: Tester, figures: Figures, indicator: Indicator, period: int, result: LocalResult
) -> tuple[LocalResult, dict[str, Any] | None]:
    """Test a figure on the larger areas too, and say where both maps agree.

    Parameters
    ----------
    tester : Tester
        Graphs and random numbers.
    figures : Figures
        What the edition may know: only the known smaller areas make the value of a larger one.
    indicator : Indicator
        Counts of the smaller areas are added up; without a denominator the mean of their values is taken, each area
        counting once.
    period : int
        Year.
    result : LocalResult
        Tests of the smaller areas.

    Returns
    -------
    LocalResult
        With ``coarser_label`` and ``agreement``.
    dict or None
        The larger areas, how many of both were compared, the crossed labels; None where nothing larger is tested.
    """
    from spatial.autocorrelation.local import local_tests
    from spatial.autocorrelation.rates import empirical_bayes
    from spatial.autocorrelation.robustness import compare_levels

    if not (result.table["state"] == "tested").any():
        return result, None
    coarser = coarser_than(tester, indicator.level)
    if coarser is None:
        return result, None
    own = coarser.parent.index
    found = of_indicator(figures, indicator, period, own)
    known = found.value.notna()
    if found.bottom is not None:
        cases, people = (
            part["value"].where(known).groupby(coarser.parent).sum(min_count=1).reindex(coarser.ids)
            for part in (found.top, found.bottom)
        )
        values = empirical_bayes(cases, people) if is_proportion(cases, people) else cases / people
    else:
        values = found.value.groupby(coarser.parent).mean().reindex(coarser.ids)
    options = tester.options(indicator.level, own, pd.Series(False, index=own))
    above = local_tests(
        values.rename_axis("area_id"),
        coarser.graph,
        rng=tester.rng(f"{coarser.id} of {indicator.level}_{indicator.id}", period),
        permutations=options["permutations"],
        alpha=options["alpha"],
        correction=options["correction"],
        min_areas=options["min_areas"],
        context=coarser.context,
    )
    if not above.n_effective:
        return result, None
    fine = replace(result, table=result.table.loc[own])
    crossed = compare_levels(fine, above, coarser.parent)
    large = above.table["label"].reindex(coarser.parent).set_axis(own)
    agreement = agree(fine.table["label"], large)
    table = result.table.assign(
        coarser_label=large.where(agreement.notna()).reindex(result.table.index),
        agreement=agreement.reindex(result.table.index),
    )
    counts = agreement.value_counts()
    note = {
        "level": coarser.id,
        "title": {"de": coarser.title.de, "en": coarser.title.en},
        "n_effective": above.n_effective,
        "compared": int(agreement.notna().sum()),
        "agree": int(counts.get(SAME, 0) + counts.get(NEITHER, 0)),
        "table": {
            str(row): {str(name): int(n) for name, n in crossed.loc[row].items()}
            for row in crossed.index
            if row != "no label"
        },
    }
    return replace(result, table=table), note


def agree(here: pd.Series, there: pd.Series) -> pd.Series:
    """Say how two labels go together, nothing where either area has none.

    Examples
    --------
    >>> there = pd.Series(["High-High", "Low-Low", "Low-Low"])
    >>> agree(pd.Series(["High-High", "High-High", "no label"]), there).tolist()
    ['same label', 'other label', None]
    """
    marked, around = here != _NOTHING, there != _NOTHING
    said = np.select(
        [marked & around & (here == there), marked & around, marked, around], [SAME, OTHER, HERE, THERE], NEITHER
    )
    missing = here.isna() | there.isna() | (here == "no label") | (there == "no label")
    return pd.Series(said, index=here.index, dtype=object).where(~missing, None)
