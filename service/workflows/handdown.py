"""Third station: bring figures of a coarse level to a smaller one with one audited matrix per pair of levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import SpatialError, some
from geodata.models import Text
from service.workflows.matrices import MatrixCache, content_key

if TYPE_CHECKING:
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.disaggregation.assembly import Allocate
    from spatial.disaggregation.weights import AllocationWeights

#: Nested levels that two offices drew scratch each other's neighbours; below this share of both that is noise.
SLIVER = 0.005
#: How the total of a source is read that the targets cover in part, see :func:`spatial.disaggregation.area_weights`.
NESTED: Allocate = "covered"
OPEN: Allocate = "inside"


@dataclass(frozen=True, slots=True)
class Allocation:
    """How one level is brought to another.

    Attributes
    ----------
    weights : AllocationWeights
        T × S, built once and applied to every indicator and year.
    source_of : pandas.Series
        Target id → the source zone that most of it lies in.
    people : pandas.Series or None
        Target id → ancillary persons, None where the weights are areas; the population floor is judged by it.
    fallbacks : tuple of str
        Source zones, or coarse cells, whose ancillary data said nothing, each with what was done instead.
    even : frozenset of str
        Target cells that got an even part of a coarser cell, for want of any fine mass.
    nested : bool
        Every target has its part of one source only, so that its rate is that source's rate.
    """

    source: str
    target: str
    weights: AllocationWeights
    source_of: pd.Series
    people: pd.Series | None
    ancillary: Text
    fallbacks: tuple[str, ...] = ()
    even: frozenset[str] = frozenset()

    @property
    def nested(self) -> bool:
        """Whether every target lies in one source."""
        return bool((np.diff(self.weights.matrix.tocsr().indptr) <= 1).all())

    @property
    def provenance(self) -> pd.Series:
        """By what each target got its share: ``ancillary``, ``even``, ``mask``, ``area``, or ``none`` outside all."""
        from spatial.disaggregation.lineage import target_provenance

        by = target_provenance(self.weights)
        return by.mask((by == "ancillary") & by.index.isin(list(self.even)), "even")


@dataclass(frozen=True, slots=True)
class CellMass:
    """Ancillary mass of cells.

    Attributes
    ----------
    mass : pandas.Series
        Cell id → mass, shape (n,), not negative.
    years : tuple of int
        Of the cells and of the totals they were scaled to.
    even : frozenset of str
        Cells with an even part of a coarser cell, for want of any fine mass.
    fallbacks : tuple of str
        The coarser cells of those, each with what was done.
    """

    mass: pd.Series
    years: tuple[int, ...]
    even: frozenset[str] = frozenset()
    fallbacks: tuple[str, ...] = ()


def build_allocations(inputs: Inputs, cache: MatrixCache | None = None) -> dict[tuple[str, str], Allocation]:
    """Build every matrix that ``county.toml`` asks for, or take it from an earlier run.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    cache : MatrixCache, optional
        Matrices of earlier runs, found by what they were built from; default none.

    Returns
    -------
    dict of (str, str) to Allocation
        (source level, target level) → matrix and what is to be said about it.
    """
    kept = cache or MatrixCache(None)
    return {pair: _build(inputs, *pair, kept) for pair in inputs.county.allocations}


def _build(inputs: Inputs, source: str, target: str, cache: MatrixCache) -> Allocation:
    from spatial.disaggregation.weights import area_weights, cell_weights, raster_weights

    spec = inputs.county.allocations[source, target]
    zones = inputs.levels[source].areas.loc[inputs.inside(source)]
    small = inputs.levels[target].areas.loc[inputs.inside(target)]
    # A level that is said to lie in another holds all of it, however it was drawn; of any other what no target covers
    # stays outside.
    nested = inputs.county.levels[target].parent == source
    sliver, allocate = (SLIVER, NESTED) if nested else (0.0, OPEN)
    if spec.weights == "area":
        key = content_key(method="area", zones=zones, small=small, sliver=sliver, allocate=allocate)
        weights = cache.load_or_build(key, lambda: area_weights(zones, small, sliver=sliver, allocate=allocate))
        return Allocation(
            source, target, weights, main_source(weights), None, Text("Fläche", "area"), _zone_fallbacks(weights)
        )
    ancillary = inputs.county.ancillary[spec.weights]
    raster = inputs.rasters.get(ancillary.id)
    if raster is not None:
        from spatial.disaggregation.coverage import zonal_sums

        values = np.asarray(raster.values)
        place, year = (tuple(raster.transform)[:6], raster.crs), ancillary.year
        how: dict[str, Any] = {"sliver": sliver, "allocate": allocate}
        key = content_key(method="raster", zones=zones, small=small, values=values, place=str(place), year=year, **how)
        weights = cache.load_or_build(
            key, lambda: raster_weights(zones, small, values, *place, ancillary_year=year, **how)
        )
        people = zonal_sums(small, values, raster.transform, raster.crs) if ancillary.people else None
        title = _dated(ancillary.title, ancillary.year)
        return Allocation(source, target, weights, main_source(weights), people, title, _zone_fallbacks(weights))
    cells = cell_mass(inputs, ancillary.id)
    within = source_of_cells(inputs, source, target)
    areas = inputs.levels[target].areas.geometry.area.reindex(small.index)
    of, amount, years = within.reindex(small.index), cells.mass.reindex(small.index).fillna(0.0), cells.years
    key = content_key(method="cells", of=of, mass=amount, areas=areas, sources=zones.index, years=years)
    weights = cache.load_or_build(
        key, lambda: cell_weights(of, amount, areas=areas, sources=zones.index, ancillary_year=years)
    )
    people = amount if ancillary.people else None
    title = _dated(ancillary.title, *years)
    fallbacks = (*cells.fallbacks, *_zone_fallbacks(weights))
    return Allocation(source, target, weights, within, people, title, fallbacks, cells.even)


def cell_mass(inputs: Inputs, ancillary_id: str) -> CellMass:
    """Return the ancillary mass of every cell, scaled to coarser totals where ``benchmark`` says so.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    ancillary_id : str
        Ancillary data of kind cells.

    Returns
    -------
    CellMass
    """
    from geodata.cells import coarser_cells
    from spatial.disaggregation.dasymetric import benchmark_mass

    spec = inputs.county.ancillary[ancillary_id]
    level = str(spec.level)
    ids = inputs.levels[level].areas.index
    parts = []
    for variable in spec.variables:
        periods = inputs.figures.periods(variable, ids)
        if not periods:
            raise SpatialError(
                f"expected values of {variable!r} for cells of level {level!r}, found none",
                where=f"ancillary.{ancillary_id}",
                hint="compare the ids of the table with those of the level",
            )
        if spec.year not in periods:
            raise SpatialError(
                f"expected values of {variable!r} for {spec.year}, found the years {some(periods)}",
                where=f"ancillary.{ancillary_id}.year",
                hint="name the year that the ancillary data are of",
            )
        parts.append(inputs.figures.values(variable, spec.year, ids))
    mass = pd.concat(parts, axis=1).sum(axis=1, min_count=1).fillna(0.0)
    if spec.benchmark is None:
        return CellMass(mass, (spec.year,))
    coarse_level = str(inputs.county.ancillary[spec.benchmark].level)
    coarse = cell_mass(inputs, spec.benchmark)
    size = inputs.county.levels[coarse_level].cell_size
    groups = coarser_cells(ids, int(size or 0))
    # Both levels hold the county's own cells, so the people of both layers are the same people: a coarse cell on the
    # border is spread over its own fine cells, and a fine one whose coarse cell is beyond the border gets nobody.
    groups = groups.where(groups.isin(coarse.mass.index))
    scaled, provenance = benchmark_mass(mass, groups, coarse.mass)
    empty = provenance.index[provenance["provenance"] == "even"]
    even = groups.index[groups.isin(empty.union(list(coarse.even)))]
    return CellMass(
        scaled,
        tuple(sorted({spec.year, *coarse.years})),
        frozenset(str(cell) for cell in even),
        (*coarse.fallbacks, *(f"{cell}: {spec.title.de} fehlt, gleichmäßig verteilt" for cell in empty)),
    )


def _dated(title: Text, *years: int) -> Text:
    said = ", ".join(map(str, years))
    return Text(f"{title.de} ({said})", f"{title.en} ({said})")


def source_of_cells(inputs: Inputs, source: str, target: str) -> pd.Series:
    """Return the source zone of each cell of a level: its parent, or the parent of that.

    Raises
    ------
    SpatialError
        The level does not lie in the source level through its parents.
    """
    cells = inputs.levels[target].areas.loc[inputs.inside(target)]
    if inputs.county.levels[target].parent == source:
        return cells["parent_id"].rename("source")
    parent = inputs.county.levels[target].parent
    chain = inputs.levels[str(parent)].areas
    if "parent_id" in chain and inputs.county.levels[str(parent)].parent == source:
        return cells["parent_id"].map(chain["parent_id"]).rename("source")
    raise SpatialError(
        f"expected level {target!r} to lie in {source!r} through its parents, found parent {parent!r}",
        where=f"allocations {source} -> {target}",
        hint=f"set parent = {source!r} for the level of cells",
    )


def main_source(weights: AllocationWeights) -> pd.Series:
    """Return for each target the source that most of it lies in, NaN where it lies in none.

    Most by the mass that was shared by, people or area: a share of a source says nothing about the size of that part.
    A part that was shared by ancillary mass comes before one that had none; of equal parts the first id counts.
    """
    from spatial.disaggregation.transfer import CASCADE

    entries = weights.matrix.tocoo()
    rank = weights.provenance.map(CASCADE.index).to_numpy()[entries.col]
    mass = entries.data * weights.details["mass"].to_numpy(dtype=np.float64)[entries.col]
    name = np.argsort(np.argsort(weights.source_ids.astype(str), kind="stable"))[entries.col]
    order = np.lexsort((name, -mass, rank, mass <= 0, entries.row))
    first = order[np.flatnonzero(np.diff(entries.row[order], prepend=-1))]
    ids = pd.Series(np.nan, index=weights.target_ids, dtype=object, name="source")
    ids.iloc[entries.row[first]] = weights.source_ids.to_numpy(dtype=object)[entries.col[first]]
    return ids


def _zone_fallbacks(weights: AllocationWeights) -> tuple[str, ...]:
    other = weights.provenance[~weights.provenance.isin(["ancillary"])]
    if weights.method == "area":
        other = other[other != "area"]
    return tuple(f"{zone}: {how}" for zone, how in other.items())


def handed_down_in(inputs: Inputs, indicator: Indicator, edition: str) -> tuple[str, ...]:
    """Return the levels to which an edition shows an indicator brought down."""
    allocations = inputs.county.allocations
    return tuple(t for t in indicator.handed_down if edition in allocations[indicator.level, t].editions)


def hand_down(
    allocation: Allocation, indicator: Indicator, figures: Figures, period: int, *, floor: float | None
) -> pd.DataFrame:
    """Bring one indicator and year to the small level.

    Parameters
    ----------
    allocation : Allocation
        Matrix and ancillary persons.
    indicator : Indicator
        Kind count or rate.
    figures : Figures
        What the edition may know.
    period : int
        Year.
    floor : float or None
        Persons a place needs to be shown; None shows everything (internal edition).

    Returns
    -------
    pandas.DataFrame
        Indexed by target id: ``value`` (rate × scale, or the count), ``numerator`` and ``denominator`` of the part
        whose figures are known, so that the value is numerator / denominator × scale, ``coverage`` (κ, how large that
        part is), ``support`` (source id), ``provenance`` (:attr:`Allocation.provenance`) and ``hidden`` (bool: too few
        people to be shown as a place; nothing but the support is said of it).
    """
    from spatial.disaggregation.lineage import known_share

    sources = pd.Index(allocation.weights.source_ids)
    top = figures.values(indicator.numerator, period, sources)
    if indicator.denominator is None:
        moved = allocation.weights.apply(top)
        out = pd.DataFrame({"value": moved, "numerator": moved, "denominator": np.nan})
        out["coverage"] = known_share(allocation.weights, top)
    else:
        bottom = figures.values(indicator.denominator, period, sources)
        rates = allocation.weights.rates(top, bottom)
        out = rates[["numerator", "denominator", "coverage"]].assign(value=rates["rate"] * indicator.scale)
    out["support"] = allocation.source_of.reindex(out.index)
    out["provenance"] = allocation.provenance
    out["hidden"] = False if floor is None else _too_small(allocation, out["denominator"], floor)
    out.loc[out["hidden"], ["value", "numerator", "denominator", "coverage", "provenance"]] = np.nan
    return out


def _too_small(allocation: Allocation, denominator: pd.Series, floor: float) -> pd.Series:
    """Say which targets hold too few people to be shown as a place.

    Without ancillary data that count people the modelled denominator stands in; without either nobody knows how many
    live there, and nothing is shown.
    """
    from spatial.disclosure.rules import hide_small_places

    people = allocation.people.reindex(denominator.index) if allocation.people is not None else denominator
    return hide_small_places(people.fillna(0.0), floor)
