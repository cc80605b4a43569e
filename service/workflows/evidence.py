"""What speaks for the weights that ``county.toml`` names, and how much of what is handed down the sources can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from service.workflows.handdown import cell_mass, handed_down_in, source_of_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.handdown import Allocation
    from service.workflows.read import Inputs


def evidence(inputs: Inputs, figures: Figures, edition: str) -> dict[str, dict[str, Any]]:
    """Hide how the areas of a level share the total of their neighbourhood, and let every ancillary data predict it.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    edition : {"public", "internal"}
        Whose levels count. The public one leaves out ancillary data that count what is not released: their errors say
        how much of it lies where.

    Returns
    -------
    dict of str to dict
        ``source -> target`` → ``weights`` (what ``county.toml`` names) and ``counts``: for each count that is handed
        down, of its latest year, either ``why_not`` or ``period``, ``least_error`` (a method), ``chosen`` (what
        ``--method auto`` would take: the simplest within one standard error of it), ``hidden`` and ``blocks`` (how many
        areas, in how many neighbourhoods), ``between`` (share of the variance between the neighbourhoods, None where
        nothing varies) and ``table`` (of :func:`spatial.disaggregation.choice.cross_validate`, by method).
    """
    out = {}
    for (source, target), way in inputs.county.allocations.items():
        if edition not in way.editions:
            continue
        found = [
            i
            for i in inputs.county.indicators.values()
            if i.level == source and target in handed_down_in(inputs, i, edition)
        ]
        if found:
            masses = _masses(inputs, source, released=edition == "public")
            out[f"{source} -> {target}"] = {
                "weights": way.weights,
                "counts": {name: _judged(inputs, figures, source, name, masses) for name in _counts(found)},
            }
    return out


def lines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say in one line for each way and count what the table says.

    Parameters
    ----------
    found : mapping
        Of :func:`evidence`.
    """
    for way, said in found.items():
        for name, one in said["counts"].items():
            if "why_not" in one:
                yield f"{way}, {name}: weights cannot be compared ({one['why_not']})"
                continue
            errors = [f"{method} {row['rtae']:.3f}" for method, row in one["table"].items() if row["rtae"] is not None]
            yield (
                f"{way}, {name} {one['period']}: RTAE {', '.join(errors)} over {one['hidden']} areas hidden in "
                f"{one['blocks']} blocks; {said['weights']} is used"
            )


def shares_between(inputs: Inputs, figures: Figures, allocation: Allocation) -> list[float]:
    """Return what share of the variance of each rate that is counted at the small level lies between the sources.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    allocation : Allocation
        Which levels.

    Returns
    -------
    list of float
        η² of the latest year, 0 … 1, of every indicator with a denominator that is observed at the target level; it
        says how much a map can show that is handed down from these sources.
    """
    from spatial.disaggregation.choice import variance_between

    areas = allocation.source_of.dropna().index
    groups = pd.factorize(allocation.source_of.loc[areas])[0].astype(np.int64)
    out = []
    for indicator in inputs.county.indicators.values():
        if indicator.level != allocation.target or indicator.denominator is None:
            continue
        periods = sorted(
            set(figures.periods(indicator.numerator, areas)) & set(figures.periods(indicator.denominator, areas))
        )
        if periods:
            top = figures.values(indicator.numerator, periods[-1], areas).to_numpy(dtype=np.float64)
            bottom = figures.values(indicator.denominator, periods[-1], areas).to_numpy(dtype=np.float64)
            share = variance_between(top, np.nan_to_num(bottom), groups)
            out += [share] if np.isfinite(share) else []
    return out


def _counts(indicators: list[Indicator]) -> list[str]:
    names = (name for i in indicators for name in (i.denominator, i.numerator) if name is not None)
    return list(dict.fromkeys(names))


def _masses(inputs: Inputs, source: str, *, released: bool) -> dict[str, NDArray[np.float64]]:
    """Return what each way of sharing expects of the areas of a level, shape (S,): area and all ancillary data."""
    from spatial.disaggregation.coverage import zonal_sums

    zones = inputs.levels[source].areas.loc[inputs.inside(source)]
    out = {"area": zones.geometry.area.to_numpy(dtype=np.float64)}
    for name, spec in inputs.county.ancillary.items():
        if released and not _is_released(inputs, name):
            continue
        raster = inputs.rasters.get(name)
        try:
            if raster is not None:
                sums = zonal_sums(zones, np.asarray(raster.values), raster.transform, raster.crs)
            else:
                within = source_of_cells(inputs, source, str(spec.level))
                sums = cell_mass(inputs, name).mass.groupby(within).sum()
        except SpatialError:
            continue  # cells of a level that does not lie in the source level: they say nothing about its areas
        out[name] = sums.reindex(zones.index).fillna(0.0).to_numpy(dtype=np.float64)
    return out


def _is_released(inputs: Inputs, name: str) -> bool:
    county, spec = inputs.county, inputs.county.ancillary[name]
    tables = county.variables()
    counted_by = [tables[v].source for v in spec.variables] if spec.level is not None else [spec.source]
    own = all(county.sources[source].released for source in counted_by)
    return own and (spec.benchmark is None or _is_released(inputs, spec.benchmark))


def _judged(
    inputs: Inputs, figures: Figures, source: str, name: str, masses: Mapping[str, NDArray[np.float64]]
) -> dict[str, Any]:
    from spatial.disaggregation.choice import Candidate, cross_validate, fixed, make_blocks

    zones = inputs.levels[source].areas.loc[inputs.inside(source)]
    periods = figures.periods(name, zones.index)
    if not periods:
        return {"why_not": "no year of it is there"}
    counts = figures.values(name, periods[-1], zones.index).to_numpy(dtype=np.float64)
    centres = zones.geometry.centroid
    blocks = make_blocks(np.column_stack([centres.x, centres.y]))
    candidates = [Candidate(method, fixed(mass)) for method, mass in masses.items()]
    try:
        found = cross_validate(candidates, np.arange(len(zones)), counts, blocks)
    except SpatialError as error:
        return {"why_not": error.message}
    table = found.table.astype(object).where(found.table.notna(), None)
    return {
        "period": int(periods[-1]),
        "least_error": str(found.table["rtae"].idxmin()),
        "chosen": found.chosen,
        "hidden": found.hidden,
        "blocks": found.blocks,
        "between": found.between if np.isfinite(found.between) else None,
        "table": table.to_dict("index"),
    }
