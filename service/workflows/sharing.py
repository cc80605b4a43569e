"""Shares of an area that was split: the column of a transfer matrix from its old extent to the new areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geodata.errors import TerritoryError, some

if TYPE_CHECKING:
    import geopandas as gpd

    from geodata.crosswalk import Crosswalk
    from service.workflows.read import Inputs


def shares_of(inputs: Inputs, level: str, walk: Crosswalk) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return how the figures of split areas are shared among those they became.

    Parameters
    ----------
    inputs : Inputs
        Levels, rasters and figures of the county.
    level : str
        The level that holds the new areas.
    walk : Crosswalk
        With open shares.

    Returns
    -------
    shares : dict of str to dict of str to float
        Source → target → share, sum 1.
    notes : list of str
        By what the areas were shared, one sentence each.

    Raises
    ------
    TerritoryError
        The old extent is not known: no level holds it, and the new areas hold others too.
    """
    weights = inputs.county.territory.weights
    shares, notes = {}, []
    for source in walk.open:
        zone, targets = _extent(inputs, level, walk, source)
        shares[source], how = _column(inputs, zone, targets, weights)
        parts = ", ".join(f"{key} {share:.1%}" for key, share in shares[source].items())
        notes.append(f"{source} was split; its figures are shared by {how}: {parts}")
    return shares, notes


def _extent(inputs: Inputs, level: str, walk: Crosswalk, source: str) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Find the old area: in a level of older boundaries, else as the union of areas that came from it alone."""
    import geopandas as gpd

    areas = inputs.levels[level].areas
    wanted = list(walk.targets(source))
    lacking = [key for key in wanted if key not in areas.index]
    if lacking:
        raise TerritoryError(
            f"expected all parts of {source} among the areas, found none called {some(lacking)}",
            where=f"levels.{level}",
            hint="give the shares of the split in territory.toml",
        )
    targets = areas.loc[wanted, ["geometry"]]
    for other in inputs.levels.values():
        if other.level != level and not other.is_grid and source in other.areas.index:
            return other.areas.loc[[source], ["geometry"]], targets
    mixed = [key for key in wanted if walk.sources(key) != (source,)]
    if mixed:
        raise TerritoryError(
            f"expected the old boundary of {source}, found none; {some(mixed)} hold other areas too",
            where=f"levels.{level}",
            hint="give the shares of the split in territory.toml, or add a level with the older boundaries",
        )
    union = gpd.GeoDataFrame(geometry=[targets.geometry.union_all()], index=[source], crs=targets.crs)
    return union, targets


def _column(
    inputs: Inputs, zone: gpd.GeoDataFrame, targets: gpd.GeoDataFrame, weights: str
) -> tuple[dict[str, float], str]:
    from service.workflows.handdown import SLIVER
    from spatial.disaggregation.weights import area_weights, raster_weights

    names = ("the old area", "the new areas")
    if weights == "area":
        matrix = area_weights(zone, targets, names=names, sliver=SLIVER)
        return _normal(matrix.matrix.toarray()[:, 0], targets), "area"
    ancillary = inputs.county.ancillary[weights]
    how = f"{ancillary.title.de} ({ancillary.year})"
    raster = inputs.rasters.get(weights)
    if raster is not None:
        matrix = raster_weights(
            zone,
            targets,
            np.asarray(raster.values),
            raster.transform,
            raster.crs,
            ancillary_year=ancillary.year,
            names=(*names, weights),
            sliver=SLIVER,
        )
        fallback = matrix.provenance.iloc[0]
        return _normal(matrix.matrix.toarray()[:, 0], targets), how if fallback == "ancillary" else str(fallback)
    mass = _cell_sums(inputs, zone, targets, weights)
    if mass.sum() == 0:
        column, _ = _column(inputs, zone, targets, "area")
        return column, f"area, for {how} says nothing there"
    return _normal(mass, targets), how


def _cell_sums(inputs: Inputs, zone: gpd.GeoDataFrame, targets: gpd.GeoDataFrame, weights: str) -> np.ndarray:
    """Add up the mass of the cells whose centres lie in the old area and in each of the new ones."""
    from service.workflows.handdown import cell_mass

    mass = cell_mass(inputs, weights).mass
    cells = inputs.levels[str(inputs.county.ancillary[weights].level)].areas
    centres = cells.geometry.centroid
    inside = centres.within(zone.geometry.iloc[0])
    known = mass.reindex(cells.index).fillna(0.0)
    return np.array([float(known[inside & centres.within(area)].sum()) for area in targets.geometry])


def _normal(column: np.ndarray, targets: gpd.GeoDataFrame) -> dict[str, float]:
    return {str(key): float(share) for key, share in zip(targets.index, column / column.sum(), strict=True)}
