"""The hidden truth: rates everywhere, clusters planted on purpose, and the counts that registers draw from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geodata.sample.geography import Floats, Ints, Land, Plan
from geodata.sample.settlement import AGES, Settlement

#: Register → share in the middle of the county, strength of the planted clusters on the logit scale, trend a year.
RATES: dict[str, tuple[float, float, float]] = {
    "arbeitslose_w": (0.038, 1.10, 0.010),
    "arbeitslose_m": (0.046, 1.10, 0.014),
    "sgb2_erwachsene": (0.050, 1.20, 0.006),
    "sgb2_kinder": (0.085, 1.40, 0.010),
    "grundsicherung_65": (0.034, 1.20, 0.045),
    "vorsorge_luecke": (0.125, 1.10, -0.015),
    "lernmittel": (0.125, 1.10, 0.012),
    "nichtdeutsch": (0.080, 0.60, 0.050),
    "beschaeftigte_w": (0.610, -0.35, 0.010),
    "beschaeftigte_m": (0.670, -0.35, 0.004),
    "teilzeit_w": (0.500, 0.05, 0.015),
    "teilzeit_m": (0.125, 0.10, 0.030),
    "pflege": (0.205, 0.30, 0.055),
    "steuerpflichtige": (0.640, -0.10, 0.000),
}
#: Which of the hot clusters a register shows; all of them where it is not named. No tested one shows all: where a fifth
#: of the areas is high, half a ring of high neighbours is what chance gives, and no test can tell it from chance.
SHOWN = {
    "arbeitslose_w": (0, 1),
    "arbeitslose_m": (0, 1),
    "sgb2_erwachsene": (0, 2),
    "sgb2_kinder": (0, 2),
    "grundsicherung_65": (0,),
    "vorsorge_luecke": (2,),
    "lernmittel": (1,),
}
#: Indicator of ``county.toml`` → the register counts behind it; each was drawn with rates of the same name.
REGISTERS = {
    "arbeitslosenquote": ("arbeitslose_w", "arbeitslose_m"),
    "sgb2_quote": ("sgb2_erwachsene", "sgb2_kinder"),
    "kinderarmut": ("sgb2_kinder",),
    "grundsicherung_alter": ("grundsicherung_65",),
    "vorsorgeluecke": ("vorsorge_luecke",),
    "lernmittelbefreiung": ("lernmittel",),
}
#: Strength of each hot cluster in the first and in the last year: stable, growing, shrinking.
COURSE = ((1.0, 1.0), (0.45, 1.05), (1.5, 1.1))
COLD = -0.75
#: Inhabitants of an Ortsteil in which a cluster may lie: with fewer, rules of disclosure hide most of its figures.
LARGE = 800
EDGE = 0.15  # of the county's radius, over which a cluster fades out
SHORT_OF_COVID = {2020: 0.16, 2021: 0.10}  # unemployment of those years, logit


@dataclass(frozen=True, slots=True)
class Truth:
    """What nobody but tests may read.

    Attributes
    ----------
    hot, cold : tuple of tuple of int
        Ortsteile of each planted cluster.
    counts : dict of str to ndarray of int, shape (n_ortsteile, n_years)
        What the registers hold.
    rates : dict of str to ndarray, shape (n_ortsteile, n_years)
        The probabilities they were drawn with.
    cell_rates : dict of str to ndarray, shape (n_cells,)
        The same per cell in the last year.
    income : ndarray of int, shape (n_ortsteile, n_years)
        Total income of the taxpayers, 1 000 EUR.
    level : ndarray, shape (n_cells,)
        Disadvantage of each cell in the last year, clusters and background.
    """

    hot: tuple[tuple[int, ...], ...]
    cold: tuple[tuple[int, ...], ...]
    counts: dict[str, Ints]
    rates: dict[str, Floats]
    cell_rates: dict[str, Floats]
    income: Ints
    level: Floats

    def members(self, register: str) -> dict[str, list[tuple[int, ...]]]:
        """Return the planted clusters that a register shows."""
        return {"hot": [self.hot[i] for i in _shown(register, len(self.hot))], "cold": list(self.cold)}


def _shown(register: str, clusters: int) -> list[int]:
    """Return which of the hot clusters a register shows; a county with fewer than named shows those that there are."""
    return sorted({i % clusters for i in SHOWN.get(register, range(clusters))}) if clusters else []


def populations(settlement: Settlement) -> dict[str, Ints]:
    """Return the groups that rates refer to, each of shape (n_ortsteile, n_years)."""
    people = settlement.people
    either = people.sum(axis=2)
    young, pupil, old = AGES.index(15), AGES.index(6), AGES.index(65)
    return {
        "einwohner": either.sum(axis=2),
        "unter_15": either[..., :young].sum(axis=2),
        "von_6_bis_17": either[..., pupil : AGES.index(18)].sum(axis=2),
        "von_15_bis_64_w": people[:, :, 0, young:old].sum(axis=2),
        "von_15_bis_64_m": people[:, :, 1, young:old].sum(axis=2),
        "von_15_bis_64": either[..., young:old].sum(axis=2),
        "unter_65": either[..., :old].sum(axis=2),
        "ab_65": either[..., old],
        "erwachsene": either[..., AGES.index(18) :].sum(axis=2),
    }


def invent(land: Land, settlement: Settlement, plan: Plan, rng: np.random.Generator) -> Truth:
    """Plant clusters, spread rates over the cells, and draw the counts.

    Parameters
    ----------
    land, settlement, plan : Land, Settlement, Plan
        The county so far.
    rng : numpy.random.Generator
        Decides where clusters lie, and draws.

    Returns
    -------
    Truth
        Counts are Binomial draws; parts never exceed their whole.
    """
    hot, cold = _plant(land, settlement, plan, rng)
    background = _background(settlement.point, plan.radius, rng)
    hot_fields = [_membership(land, settlement, cluster, EDGE * plan.radius) for cluster in hot]
    cold_field: Floats = np.sum([_membership(land, settlement, c, EDGE * plan.radius) for c in cold], axis=0)
    group = populations(settlement)
    n, years = group["einwohner"].shape
    weight = settlement.cell_people.astype(float)
    total = np.bincount(settlement.ortsteil_of, weight, minlength=n)

    rates: dict[str, Floats] = {}
    cell_rates: dict[str, Floats] = {}
    level = np.zeros(len(weight))
    for name, (base, strength, trend) in RATES.items():
        shown = _shown(name, len(hot))
        own = rng.normal(0.0, 0.03, (n,))[settlement.ortsteil_of]
        by_year = np.empty((n, years))
        for t, year in enumerate(plan.years):
            late = (year - 2019) / 5
            burden: Floats = plan.background * background + COLD * cold_field
            for i in shown:
                start, end = COURSE[i]
                burden = burden + (start + (end - start) * late) * hot_fields[i]
            shock = SHORT_OF_COVID.get(year, 0.0) if name.startswith("arbeitslose") else 0.0
            logit = np.log(base / (1 - base)) + strength * burden + trend * (year - 2019) + shock + own
            cell = 1 / (1 + np.exp(-logit))
            by_year[:, t] = np.bincount(settlement.ortsteil_of, cell * weight, minlength=n) / total
            if name == "sgb2_kinder":
                level = burden
        rates[name], cell_rates[name] = by_year, cell

    counts = _draw(group, rates, rng)
    burden_of = np.bincount(settlement.ortsteil_of, level * weight, minlength=n) / total
    mean = 44.0 * np.exp(-0.22 * burden_of)[:, None] * 1.024 ** np.array(plan.years)[None, :] / 1.024**2019
    income = np.rint(counts["steuerpflichtige"] * mean * rng.normal(1.0, 0.01, (n, years))).astype(np.int64)
    return Truth(hot, cold, counts, rates, cell_rates, income, level)


def _draw(group: dict[str, Ints], rates: dict[str, Floats], rng: np.random.Generator) -> dict[str, Ints]:
    """Draw Binomial counts, each from those it is a part of."""
    c: dict[str, Ints] = {}
    for s in ("w", "m"):
        able = group[f"von_15_bis_64_{s}"]
        c[f"arbeitslose_{s}"] = rng.binomial(able, rates[f"arbeitslose_{s}"])
        c[f"beschaeftigte_{s}"] = rng.binomial(able - c[f"arbeitslose_{s}"], rates[f"beschaeftigte_{s}"])
        c[f"teilzeit_{s}"] = rng.binomial(c[f"beschaeftigte_{s}"], rates[f"teilzeit_{s}"])
    c["sgb2_kinder"] = rng.binomial(group["unter_15"], rates["sgb2_kinder"])
    c["sgb2_erwachsene"] = rng.binomial(group["von_15_bis_64"], rates["sgb2_erwachsene"])
    c["grundsicherung_65"] = rng.binomial(group["ab_65"], rates["grundsicherung_65"])
    c["vorsorge_luecke"] = rng.binomial(group["unter_15"], rates["vorsorge_luecke"])
    c["lernmittel"] = rng.binomial(group["von_6_bis_17"], rates["lernmittel"])
    c["nichtdeutsch"] = rng.binomial(group["einwohner"], rates["nichtdeutsch"])
    c["pflege"] = rng.binomial(group["ab_65"], rates["pflege"])
    c["steuerpflichtige"] = rng.binomial(group["erwachsene"], rates["steuerpflichtige"])
    for name in ("arbeitslose", "beschaeftigte", "teilzeit"):
        c[name] = c[f"{name}_w"] + c[f"{name}_m"]
    c["sgb2"] = c["sgb2_kinder"] + c["sgb2_erwachsene"]
    return c


def _plant(
    land: Land, settlement: Settlement, plan: Plan, rng: np.random.Generator
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Choose compact clusters of neighbouring Ortsteile, none touching another, the first one in the town."""
    number = len(land.ortsteile)
    tree = shapely.STRtree(land.ortsteile)
    near: dict[int, set[int]] = {o: set() for o in range(number)}
    for a, b in zip(*tree.query(land.ortsteile, predicate="touches"), strict=True):
        near[int(a)].add(int(b))
    large = settlement.people[:, 0].sum(axis=(1, 2)) >= LARGE
    free = {o for o in range(number) if large[o]}
    clusters: list[tuple[int, ...]] = []
    for size in (*plan.hot, *plan.cold):
        starts = [o for o in rng.permutation(number).tolist() if o in free]
        if not clusters:
            starts = [o for o in starts if land.gemeinde_of[o] == 0]
        grown = [cluster for cluster in (_grow(o, size, near, free, land.seeds) for o in starts) if cluster]
        # Compactness decides: how many of the members' neighbours are members.
        best = max(grown, key=lambda c: sum(len(near[o] & set(c)) for o in c) / sum(len(near[o]) for o in c))
        clusters.append(tuple(sorted(best)))
        free -= set(best) | {other for o in best for other in near[o]}
    hot = len(plan.hot)
    return tuple(clusters[:hot]), tuple(clusters[hot:])


def _grow(start: int, size: int, near: dict[int, set[int]], free: set[int], seeds: Floats) -> list[int]:
    """Return ``size`` neighbouring free Ortsteile around one, or none where there are too few."""
    cluster = [start]
    while len(cluster) < size:
        edge = {o for member in cluster for o in near[member]} & free - set(cluster)
        if not edge:
            return []
        centre = seeds[cluster].mean(axis=0)
        cluster.append(
            min(edge, key=lambda o: (-len(near[o] & set(cluster)), float(np.hypot(*(seeds[o] - centre))), o))
        )
    return cluster


def _membership(land: Land, settlement: Settlement, cluster: tuple[int, ...], edge: float) -> Floats:
    """Return 1 in the cells of a cluster, falling to 0 outside like a bell."""
    body: Any = shapely.union_all(land.ortsteile[list(cluster)])
    distance = shapely.distance(shapely.points(settlement.point), body)
    return np.asarray(np.exp(-((distance / edge) ** 2)))


def _background(point: Floats, radius: float, rng: np.random.Generator) -> Floats:
    """Return a smooth random field over the cells, mean 0 and standard deviation 1."""
    field = np.zeros(len(point))
    for _ in range(24):
        angle, wavelength = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.9) * radius
        across = point @ np.array([np.cos(angle), np.sin(angle)])
        field += np.cos(2 * np.pi * across / wavelength + rng.uniform(0, 2 * np.pi))
    return np.asarray((field - field.mean()) / field.std())
