"""Where the invented people live: inhabitants per Ortsteil and year, and the populated 100 m cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from geodata.sample.geography import CRS, Floats, Ints, Land, Plan, locate

CELL = 100
GRID_CRS = "EPSG:3035"
CENSUS_YEAR = 2022
SEXES = ("w", "m")
#: Lower ends of the age groups; the last is open.
AGES = (0, 6, 15, 18, 65)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The people.

    Attributes
    ----------
    people : ndarray of int, shape (n_ortsteile, n_years, 2, 5)
        Inhabitants at the end of each year by sex (w, m) and age group (:data:`AGES`).
    corner : ndarray of int, shape (n_cells, 2)
        South-west corners of the populated cells (x, y), EPSG:3035.
    point : ndarray, shape (n_cells, 2)
        Their centres in the CRS of the county.
    ortsteil_of : ndarray of int, shape (n_cells,)
        The Ortsteil that holds the centre.
    cell_people : ndarray of int, shape (n_cells,)
        Inhabitants of each cell at the census.
    """

    people: Ints
    corner: Ints
    point: Floats
    ortsteil_of: Ints
    cell_people: Ints


def settle(land: Land, plan: Plan, rng: np.random.Generator) -> Settlement:
    """Place people: so many per Gemeinde, dense in the middle of each Ortsteil, thin at its edge.

    Parameters
    ----------
    land : Land
        The polygons.
    plan : Plan
        Inhabitants per Gemeinde, years, density.
    rng : numpy.random.Generator
        Decides the rest.

    Returns
    -------
    Settlement
        People and cells; each Ortsteil has at least one cell.
    """
    first = _first_year(land, plan, rng)
    people = _age_and_sex(first, plan, rng)
    census = people.sum(axis=(2, 3))[:, plan.years.index(CENSUS_YEAR) if CENSUS_YEAR in plan.years else 0]
    corner, point = _candidates(land)
    of = locate(point, land.ortsteile)
    corner, point, of = corner[of >= 0], point[of >= 0], of[of >= 0]

    chosen, counts = [], []
    for o, inhabitants in enumerate(census):
        here = np.flatnonzero(of == o)
        village, town = plan.people_per_cell
        density = village + (town - village) * min(1.0, inhabitants / 2600) * (land.gemeinde_of[o] == 0)
        number = int(np.clip(np.ceil(inhabitants / density), 1, min(len(here), inhabitants)))
        offset = point[here] - land.seeds[o]
        distance = np.hypot(offset[:, 0], offset[:, 1])
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        street = 1 + 0.35 * np.cos(2 * angle + rng.uniform(0, 2 * np.pi))  # villages stretch along their road
        order = np.argsort(distance * street + rng.exponential(90.0, len(here)), kind="stable")
        farms = max(0, round(0.06 * number)) if land.gemeinde_of[o] else 0
        core, rest = order[: number - farms], order[number - farms :]
        cells = here[np.concatenate([core, rng.choice(rest, min(farms, len(rest)), replace=False)]).astype(np.int64)]
        weight = np.exp(-1.3 * np.arange(len(cells)) / len(cells)) * rng.gamma(3.0, size=len(cells))
        weight[len(core) :] *= 0.1
        chosen.append(cells)
        counts.append(1 + rng.multinomial(inhabitants - len(cells), weight / weight.sum()))
    cells = np.concatenate(chosen)
    order = np.lexsort((corner[cells, 0], corner[cells, 1]))
    cells = cells[order]
    return Settlement(people, corner[cells], point[cells], of[cells], np.concatenate(counts)[order])


def _first_year(land: Land, plan: Plan, rng: np.random.Generator) -> Ints:
    """Return inhabitants per Ortsteil; each Gemeinde's add up to what the plan says."""
    share = np.empty(len(land.ortsteile))
    for g in range(len(land.gemeinden)):
        here = np.flatnonzero(land.gemeinde_of == g)
        size = rng.lognormal(0.0, 0.28 if g == 0 else 0.30, len(here))
        size[size.argmax()] *= 1.4 if g == 0 else 1.8  # the seat of the Gemeinde
        share[here] = size
    small = rng.permutation(np.flatnonzero(np.isin(land.gemeinde_of, np.arange(1, len(land.gemeinden)))))
    inhabitants = np.zeros(len(share), dtype=np.int64)
    planned = dict(zip([int(o) for o in small[: len(plan.small)]], plan.small, strict=True))
    for o, number in planned.items():
        inhabitants[o] = number
    for g, total in enumerate(plan.population):
        here = np.flatnonzero((land.gemeinde_of == g) & (inhabitants == 0))
        left = total - int(inhabitants[land.gemeinde_of == g].sum())
        inhabitants[here] = largest_remainder(share[here] / share[here].sum() * left, left)
    return inhabitants


def _age_and_sex(first: Ints, plan: Plan, rng: np.random.Generator) -> Ints:
    """Return inhabitants by year, sex and age; shares drift slowly, so that years resemble each other."""
    n, years = len(first), len(plan.years)
    growth = rng.normal(0.002, 0.006, n)
    shares = np.array([[0.056, 0.083, 0.028, 0.598, 0.235], [0.060, 0.088, 0.031, 0.620, 0.201]]) / 2
    local = shares * rng.lognormal(0.0, 0.07, (n, 2, len(AGES)))
    people = np.empty((n, years, 2, len(AGES)), dtype=np.int64)
    for t in range(years):
        aged = local.copy()
        aged[:, :, -1] *= 1.008**t
        aged /= aged.sum(axis=(1, 2), keepdims=True)
        for o in range(n):
            total = round(float(first[o] * (1 + growth[o]) ** t))
            people[o, t] = largest_remainder(aged[o].ravel() * total, total).reshape(2, len(AGES))
    return people


def largest_remainder(values: Floats, total: int) -> Ints:
    """Round non-negative values to integers that add up to their total.

    Parameters
    ----------
    values : ndarray
        They add up to ``total``.
    total : int
        What the integers add up to.

    Returns
    -------
    ndarray of int
        Each is its value rounded down or up.
    """
    whole = np.floor(values).astype(np.int64)
    left = total - int(whole.sum())
    whole[np.argsort(-(values - whole), kind="stable")[:left]] += 1
    return whole


def _candidates(land: Land) -> tuple[Ints, Floats]:
    """Return the corners of all grid cells around the county, and their centres in its CRS."""
    from pyproj import Transformer

    west, south, east, north = shapely.total_bounds(land.ortsteile)
    to_grid = Transformer.from_crs(CRS, GRID_CRS, always_xy=True)
    left, bottom, right, top = to_grid.transform_bounds(west, south, east, north)
    x = np.arange(left // CELL, right // CELL + 1, dtype=np.int64) * CELL
    y = np.arange(bottom // CELL, top // CELL + 1, dtype=np.int64) * CELL
    corner = np.column_stack([grid.ravel() for grid in np.meshgrid(x, y)])
    to_county = Transformer.from_crs(GRID_CRS, CRS, always_xy=True)
    px, py = to_county.transform(*(corner + CELL / 2).T)
    return corner, np.column_stack([px, py])
