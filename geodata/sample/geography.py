"""The land of the invented county: Gemeinden, Ortsteile and neighbours with exactly shared borders.

The county lies in the open German Bight, where nobody lives: its coordinates are real, so that a GIS places it, and no
value can be mistaken for a finding about a place that exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi

from geodata.sample.names import QUARTERS, TOWN, compounds

CRS = "EPSG:25832"
COUNTY_KEY = "99901"  # Land 99 does not exist
NEIGHBOUR_KEY = "99902"
CENTRE = (360_000.0, 6_010_000.0)  # in the German Bight, EPSG:25832

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the county is.

    Attributes
    ----------
    ortsteile : tuple of int
        Number of Ortsteile per Gemeinde; the first is the town.
    population : tuple of int
        Inhabitants per Gemeinde in the first year.
    radius : float
        Of the county, metres.
    neighbours : int
        Gemeinden outside the county.
    people_per_cell : tuple of float
        In a village, and at most in the town.
    small : tuple of int
        Inhabitants of Ortsteile made small on purpose, so that rules of disclosure act.
    years : tuple of int
        Years of the figures.
    hot, cold : tuple of int
        Ortsteile of each planted cluster.
    background : float
        Standard deviation of a smooth gradient over the county, as a share of the strength of a cluster.
    """

    ortsteile: tuple[int, ...]
    population: tuple[int, ...]
    radius: float
    neighbours: int
    people_per_cell: tuple[float, float]
    small: tuple[int, ...]
    years: tuple[int, ...]
    hot: tuple[int, ...]
    cold: tuple[int, ...]
    background: float = 0.06


PLANS = {
    "full": Plan(
        ortsteile=(18, 13, 12, 11, 9, 8, 6, 3),
        population=(45_000, 19_000, 17_000, 15_500, 12_500, 10_000, 7_500, 3_500),
        radius=12_600.0,
        neighbours=8,
        people_per_cell=(15.8, 50.0),
        small=(62, 88, 190, 240, 275),
        years=(2019, 2020, 2021, 2022, 2023, 2024),
        hot=(6, 5, 5),
        cold=(7, 5),
    ),
    "tiny": Plan(
        ortsteile=(18, 12, 6),
        population=(38_000, 21_000, 9_500),
        radius=3_600.0,
        neighbours=3,
        people_per_cell=(165.0, 240.0),
        small=(70, 260),
        years=(2023, 2024),
        hot=(5,),
        cold=(4,),
    ),
}


@dataclass(frozen=True, slots=True)
class Land:
    """The polygons, all on one set of shared border lines.

    Attributes
    ----------
    ortsteile : ndarray of shapely.Polygon, shape (n,)
        In EPSG:25832.
    seeds : ndarray, shape (n, 2)
        A point inside each Ortsteil: its village green.
    gemeinde_of : ndarray of int, shape (n,)
        Index of the Gemeinde of each Ortsteil.
    gemeinden, neighbours, waters : ndarray of shapely geometry
        Gemeinden of the county, Gemeinden outside, and the lakes on the county's border.
    water_of : tuple of int
        Index of the Gemeinde that each lake belongs to.
    """

    ortsteile: NDArray[np.object_]
    seeds: Floats
    gemeinde_of: Ints
    gemeinden: NDArray[np.object_]
    neighbours: NDArray[np.object_]
    waters: NDArray[np.object_]
    water_of: tuple[int, ...]
    ortsteil_names: tuple[str, ...]
    gemeinde_names: tuple[str, ...]
    neighbour_names: tuple[str, ...]

    @property
    def gemeinde_keys(self) -> list[str]:
        """AGS, eight digits."""
        return [f"{COUNTY_KEY}{i + 1:03d}" for i in range(len(self.gemeinden))]

    @property
    def neighbour_keys(self) -> list[str]:
        """AGS of the Gemeinden outside."""
        return [f"{NEIGHBOUR_KEY}{i + 1:03d}" for i in range(len(self.neighbours))]

    @property
    def ortsteil_keys(self) -> list[str]:
        """AGS and a running number of two digits."""
        counter: dict[int, int] = {}
        keys = []
        for g in self.gemeinde_of:
            counter[int(g)] = counter.get(int(g), 0) + 1
            keys.append(f"{self.gemeinde_keys[int(g)]}{counter[int(g)]:02d}")
        return keys


def build_land(plan: Plan, rng: np.random.Generator) -> Land:
    """Draw a county.

    Parameters
    ----------
    plan : Plan
        Its size.
    rng : numpy.random.Generator
        Decides where everything lies.

    Returns
    -------
    Land
        Connected Gemeinden of connected Ortsteile; neighbouring polygons share their border vertices exactly.

    Raises
    ------
    RuntimeError
        No such county was found in 50 attempts, which means that the plan is impossible.
    """
    for _attempt in range(50):
        land = _attempt_land(plan, rng)
        if land is not None:
            return land
    raise RuntimeError(f"expected a connected county within 50 attempts, found none for {plan}")


def _attempt_land(plan: Plan, rng: np.random.Generator) -> Land | None:
    r = plan.radius
    gemeinde_points, regions = _gemeinde_regions(plan, rng)
    seeds, gemeinde_of = [], []
    for g, number in enumerate(plan.ortsteile):
        inside = gemeinde_points[regions == g]
        if g == 0:  # the town's quarters are small in the middle and large outside
            distance = np.hypot(*(inside - inside.mean(axis=0)).T)
            inside = inside[rng.random(len(inside)) < np.exp(-distance / (0.16 * r)) + 0.04]
        if len(inside) < 5 * number:
            return None
        seeds.append(_spread(inside, number, rng))
        gemeinde_of += [g] * number
    own = np.vstack(seeds)

    outer = _disc(6000, 1.85 * r, rng)
    outer = outer[_wobble(outer) > 1.06 * r]
    ghosts = _spread(outer, 5 * plan.neighbours, rng)
    frame = 2.35 * r * np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 60, endpoint=False)])
    points = np.vstack([own, ghosts, frame])

    polygons = _polygons(Voronoi(points), len(own) + len(ghosts), rng)
    if polygons is None:
        return None
    ortsteile, outside = polygons[: len(own)], polygons[len(own) :]
    of = np.array(gemeinde_of, dtype=np.int64)
    gemeinden = np.array([shapely.union_all(ortsteile[of == g]) for g in range(len(plan.ortsteile))])
    if any(shapely.get_type_id(gemeinden) != 3) or shapely.union_all(gemeinden).geom_type != "Polygon":
        return None

    # Two cells outside become lakes that belong to the Gemeinde they touch most, the rest the neighbouring Gemeinden.
    shore = shapely.length(shapely.intersection(outside[:, None], gemeinden[None, :]))
    touching = np.argsort(-shore.max(axis=1), kind="stable")
    lakes = touching[[1, 4]] if len(plan.ortsteile) > 3 else touching[[1]]
    dry = np.setdiff1d(np.arange(len(outside)), lakes)
    angle = np.arctan2(ghosts[dry, 1], ghosts[dry, 0])
    sector = np.floor((angle + np.pi) / (2 * np.pi) * plan.neighbours).astype(int) % plan.neighbours
    neighbours = np.array([shapely.union_all(outside[dry[sector == s]]) for s in range(plan.neighbours)])

    total = len(of)
    names = compounds(total + len(plan.ortsteile) + plan.neighbours, rng)
    quarters = iter(QUARTERS)
    town_first = np.argsort(np.hypot(*(own[of == 0] - own[of == 0].mean(axis=0)).T), kind="stable")
    ortsteil_names = names[:total]
    for position in town_first[: len(QUARTERS)]:
        ortsteil_names[int(position)] = next(quarters)
    return Land(
        ortsteile=ortsteile,
        seeds=own + np.array(CENTRE),
        gemeinde_of=of,
        gemeinden=gemeinden,
        neighbours=neighbours,
        waters=outside[lakes],
        water_of=tuple(int(g) for g in shore[lakes].argmax(axis=1)),
        ortsteil_names=tuple(ortsteil_names),
        gemeinde_names=(TOWN, *names[total : total + len(plan.ortsteile) - 1]),
        neighbour_names=tuple(names[total + len(plan.ortsteile) : total + len(plan.ortsteile) + plan.neighbours]),
    )


def _disc(number: int, radius: float, rng: np.random.Generator) -> Floats:
    angle, distance = rng.random(number) * 2 * np.pi, radius * np.sqrt(rng.random(number))
    return np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])


def _wobble(points: Floats) -> Floats:
    """Return the distance from the centre, stretched by direction, so that the county is no circle."""
    angle = np.arctan2(points[:, 1], points[:, 0])
    return np.hypot(points[:, 0], points[:, 1]) / (1 + 0.12 * np.cos(2 * angle + 0.6) + 0.07 * np.cos(3 * angle - 1.0))


def _spread(points: Floats, number: int, rng: np.random.Generator, rounds: int = 6) -> Floats:
    """Return centres spread evenly over a cloud of points (a few rounds of Lloyd's algorithm)."""
    centres = points[rng.choice(len(points), number, replace=False)]
    for _ in range(rounds):
        nearest = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
        held = np.bincount(nearest, minlength=number)
        sums = np.column_stack([np.bincount(nearest, points[:, k], minlength=number) for k in (0, 1)])
        centres = np.where(held[:, None] > 0, sums / np.maximum(held, 1)[:, None], centres)
    return centres


def _gemeinde_regions(plan: Plan, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Share the county's ground among its Gemeinden; the most central is the town, then the largest come first."""
    ground = _disc(9000, 1.3 * plan.radius, rng)
    ground = ground[_wobble(ground) < plan.radius]
    centres = _spread(ground, len(plan.ortsteile), rng, rounds=3)
    region = ((ground[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
    size = np.bincount(region, minlength=len(centres)).astype(float)
    size[np.hypot(*centres.T).argmin()] = np.inf
    rank = np.empty(len(centres), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(centres))
    return ground, rank[region]


def _polygons(voronoi: Voronoi, wanted: int, rng: np.random.Generator) -> NDArray[np.object_] | None:
    """Turn Voronoi cells into polygons with crooked borders; None where a border crossed another.

    Every ridge is bent once (midpoint displacement), so both its neighbours get the very same vertices.
    """
    lines = []
    for ends in voronoi.ridge_vertices:
        if -1 in ends:
            continue
        line = voronoi.vertices[ends]
        length = float(np.hypot(*(line[1] - line[0])))
        for _level in range(int(np.clip(np.log2(length / 120 + 1e-9), 0, 5))):
            step = np.diff(line, axis=0)
            across = np.column_stack([-step[:, 1], step[:, 0]])
            middle = (line[:-1] + line[1:]) / 2 + across * rng.uniform(-0.16, 0.16, (len(step), 1))
            bent = np.empty((2 * len(line) - 1, 2))
            bent[0::2], bent[1::2] = line, middle
            line = bent
        lines.append(shapely.linestrings(np.round(line + np.array(CENTRE), 2)))
    faces = shapely.get_parts(shapely.polygonize(lines))
    if not shapely.is_valid(faces).all():
        return None
    centres = shapely.points(voronoi.points[:wanted] + np.array(CENTRE))
    of_face, of_centre = np.empty(0, dtype=int), np.empty(0, dtype=int)
    of_centre, of_face = shapely.STRtree(faces).query(centres, predicate="within")
    if len(of_centre) != wanted or len(set(of_face.tolist())) != wanted:
        return None
    found = faces[of_face[np.argsort(of_centre)]]
    whole = shapely.union_all(found)
    if abs(shapely.area(found).sum() - whole.area) > 1.0:
        return None
    return np.asarray(shapely.normalize(found), dtype=object)


def locate(points: Floats, polygons: NDArray[Any]) -> Ints:
    """Return for each point the polygon that holds it, or -1.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Coordinates in the polygons' CRS.
    polygons : ndarray of shapely geometry, shape (m,)
        Not overlapping.

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in ``polygons``.
    """
    found = np.full(len(points), -1, dtype=np.int64)
    which, polygon = shapely.STRtree(polygons).query(shapely.points(points), predicate="intersects")
    found[which[::-1]] = polygon[::-1]  # a point on a border goes to the first polygon
    return found
