"""Intervals of counts handed down to Berlin's 447 Planungsräume, against the truth of 2015.

The truth serves scoring alone. What the intervals are learned from is the Zensus 2011 on the 100 m grid, the 1 km
population of the same year, and totals of 2015 at the sources.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.disaggregation import AllocationWeights, benchmark_mass, raster_weights
from spatial.disaggregation.alpha_law import Law, learn_law, predict_alpha
from spatial.disaggregation.concentration import Alpha, Parts
from spatial.disaggregation.coverage import zonal_sums
from spatial.disaggregation.scores import coverage, interval_score
from spatial.disaggregation.uncertainty import draws, intervals, known_parts

pytestmark = pytest.mark.real

VARIABLES = ["inhabitants", "inhabitants_foreigners", "inhabitants_age_below_6", "inhabitants_age_above_65"]
SOURCES = ["bezirke", "prognoseraeume"]


@pytest.fixture(scope="module")
def levels(real_data: Path) -> dict[str, gpd.GeoDataFrame]:
    """Zones of three levels with the counts of 2015."""
    result = {}
    for level in (*SOURCES, "planungsraeume"):
        zones = gpd.read_file(real_data / "berlin" / "berlin_lor_until_2020.gpkg", layer=level).set_index("id")
        table = pd.read_csv(real_data / "berlin" / f"berlin_lor_population_2015_{level}.csv", dtype={"id": str})
        result[level] = zones[["geometry"]].join(table.set_index("id").astype(float), how="inner")
    return result


class Grid:
    """The census of 2011 on the 100 m grid."""

    def __init__(self, folder: Path) -> None:
        self.cells = pd.read_parquet(folder / "berlin" / "zensus2011_100m_berlin_bbox.parquet")
        west, south = (int(self.cells[a].min() // 1000 * 1000) for a in "xy")
        east, north = (int((self.cells[a].max() // 1000 + 1) * 1000) for a in "xy")
        self.shape = ((north - south) // 100, (east - west) // 100)
        self.transform = (100, 0, west, 0, -100, north)
        row, column = ((north - self.cells["y"]) // 100).to_numpy(int), ((self.cells["x"] - west) // 100).to_numpy(int)
        self.flat = row * self.shape[1] + column
        self.dwellings = self.raster(self.cells.filter(regex="^dwellings_GEBTYPGROESSE").sum(axis=1))
        coarse = pd.read_parquet(folder / "germany_zensus2011_1km_einwohner.parquet")
        inside = coarse["x"].between(west, east) & coarse["y"].between(south, north) & (coarse["Einwohner"] > 0)
        coarse = coarse[inside].set_index(["x", "y"])["Einwohner"].astype(float)
        coarse.index = coarse.index.to_flat_index()
        rows, columns = np.mgrid[0 : self.shape[0], 0 : self.shape[1]]
        x = (west + columns.ravel() * 100) // 1000 * 1000 + 500
        y = (north - 50 - rows.ravel() * 100) // 1000 * 1000 + 500
        of = pd.Series(list(zip(x.tolist(), y.tolist(), strict=True)))
        people, _ = benchmark_mass(pd.Series(self.dwellings.ravel()), of.where(of.isin(coarse.index)), coarse)
        self.people = people.fillna(0.0).to_numpy().reshape(self.shape)
        foreigners = self.raster(self.cells["demography_STAATSANGE_KURZ_2"])
        #: The weights that methods name for foreigners: those of 2011 and 2 % of the population.
        self.foreigners = foreigners + 0.02 * self.people

    def raster(self, values: pd.Series) -> np.ndarray:
        """Put values of the cells on the grid, 0 elsewhere."""
        result = np.zeros(self.shape[0] * self.shape[1])
        result[self.flat] = values.fillna(0).to_numpy(dtype=float)
        return result.reshape(self.shape)

    def weights(self, source: gpd.GeoDataFrame, target: gpd.GeoDataFrame, values: np.ndarray) -> AllocationWeights:
        """Return raster weights of 2011."""
        return raster_weights(
            source, target, values, self.transform, "EPSG:3035", ancillary_year=2011, sliver=0.002, overlap_tolerance=1
        )


@pytest.fixture(scope="module")
def grid(real_data: Path) -> Grid:
    return Grid(real_data)


@pytest.fixture(scope="module")
def attributes(grid: Grid, levels: dict[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """Census counts of persons, families and households per Planungsraum: every one of them, none chosen by hand."""
    names = grid.cells.filter(regex="^(demography|families|households)_").columns
    common = [name for name in names if grid.cells[name].sum() >= 20_000]
    target = levels["planungsraeume"]
    sums = {n: zonal_sums(target, grid.raster(grid.cells[n]), grid.transform, "EPSG:3035") for n in common}
    return pd.DataFrame(sums)


class Case:
    """One source level and one set of weights, and the law learned for them."""

    def __init__(
        self,
        level: str,
        raster: np.ndarray,
        grid: Grid,
        levels: dict[str, gpd.GeoDataFrame],
        attributes: pd.DataFrame,
    ) -> None:
        source, self.target = levels[level], levels["planungsraeume"]
        self.source = source
        self.weights = grid.weights(source, self.target, raster)
        parent = None if level == "bezirke" else pd.Series(source.index.str[:2], index=source.index)
        self.parts, counts = known_parts(self.weights, attributes, parent=parent)
        self.law: Law = learn_law(self.parts, counts)
        people = zonal_sums(source, grid.people, grid.transform, "EPSG:3035")
        self.before, self.now = self.weights.align(people), self.weights.align(source["inhabitants"])

    def alphas(self, variable: str) -> dict[str, Alpha]:
        """Return the α learned, the true one (fitted to what nothing else may see), and the one a level coarser."""
        y = self.weights.align(self.source[variable])
        # Each target lies in one source here, so that its count is that of its part.
        position = self.weights.target_ids.get_indexer(self.target.index)
        truth = np.empty(len(position))
        truth[position] = self.target[variable]
        assert len(self.parts.lower) == len(truth)
        return {
            "learned": predict_alpha(self.law, y, before=self.before, now=self.now),
            "true": Alpha(self.parts.fine(self.parts.mass, truth[self.parts.lower]).log_mean),
            "reused": Alpha(self.parts.coarse(self.parts.at_sources(self.parts.mass), y).log_mean),
        }

    def scores(self, variable: str) -> pd.DataFrame:
        """Return coverage and interval score for each α."""
        rows = {}
        truth = self.target[variable].to_numpy()
        for name, alpha in self.alphas(variable).items():
            table = intervals(self.weights, self.source[variable], alpha).table.reindex(self.target.index)
            lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
            rows[name] = {
                "alpha": np.exp(alpha.log_mean),
                "coverage": coverage(lower, upper, truth),
                "score": interval_score(lower, upper, truth),
            }
        return pd.DataFrame(rows).T


def spread(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one score with a row per variable and a column per α."""
    return pd.DataFrame({name: table[column].xs(name, level=-1) for name in ("learned", "true", "reused")})


@pytest.mark.parametrize(
    "mass",
    [
        "people",
        pytest.param("dwellings", marks=pytest.mark.slow),
        pytest.param("foreigners", marks=pytest.mark.slow),
    ],
)
def test_intervals_are_calibrated(
    mass: str, grid: Grid, levels: dict[str, gpd.GeoDataFrame], attributes: pd.DataFrame
) -> None:
    results = {}
    for level in SOURCES:
        case = Case(level, getattr(grid, mass), grid, levels, attributes)
        results.update({(level, variable): case.scores(variable) for variable in VARIABLES})
    table = pd.concat(results).round(3)
    by = {column: spread(table, column) for column in ("coverage", "score")}
    covered = by["coverage"]["learned"]
    assert len(covered) == 8
    assert 0.85 <= covered.mean() <= 0.95, covered
    assert covered.between(0.80, 0.98).all(), covered
    relative = by["score"].div(by["score"]["true"], axis=0)
    assert (relative["learned"] <= 1.25).all(), relative
    assert relative["learned"].mean() < relative["reused"].mean(), relative


@pytest.mark.slow
def test_other_variables_of_the_same_table(
    grid: Grid, levels: dict[str, gpd.GeoDataFrame], attributes: pd.DataFrame
) -> None:
    others = [
        "inhabitants_germans",
        "inhabitants_with_migration_background",
        "inhabitants_age_6_15",
        "inhabitants_age_18_27",
        "inhabitants_age_27_45",
        "inhabitants_age_45_55",
        "inhabitants_age_55_65",
        "inhabitants_female",
    ]
    results = {}
    for level in SOURCES:
        case = Case(level, grid.people, grid, levels, attributes)
        results.update({(level, variable): case.scores(variable) for variable in others})
    table = pd.concat(results).round(3)
    covered, scores = spread(table, "coverage")["learned"], spread(table, "score")
    assert len(covered) == 16
    assert 0.85 <= covered.mean() <= 0.95, covered
    assert covered.min() >= 0.80, covered
    assert (scores["learned"] / scores["true"]).mean() < (scores["reused"] / scores["true"]).mean() <= 1.25, scores


@pytest.mark.slow
def test_nested_draws_hold_where_they_are_summed(
    grid: Grid, levels: dict[str, gpd.GeoDataFrame], attributes: pd.DataFrame
) -> None:
    case = Case("bezirke", grid.people, grid, levels, attributes)
    variable = "inhabitants_age_above_65"
    target, middle = levels["planungsraeume"], levels["prognoseraeume"]
    zone = pd.Series(target.index.str[:4], index=target.index)
    y = case.weights.align(case.source[variable])
    codes = np.unique(zone.to_numpy(), return_inverse=True)[1]
    upper = codes[target.index.get_indexer(case.weights.target_ids[case.parts.lower])]
    counts = known_parts(case.weights, attributes)[1]
    alphas = []
    for step in (
        Parts.of(case.parts.source, case.parts.mass, lower=upper),
        Parts.of(case.parts.source, case.parts.mass, upper=upper, lower=case.parts.lower),
    ):
        alphas.append(predict_alpha(learn_law(step, counts), y, before=case.before, now=case.now))
    sample = draws(case.weights, case.source[variable], alphas, np.random.default_rng(15), n=400, levels=[zone])
    flat = draws(
        case.weights, case.source[variable], case.alphas(variable)["learned"], np.random.default_rng(15), n=400
    )
    totals = case.source[variable].sort_index().to_numpy()
    np.testing.assert_array_equal(sample.groupby(sample.index.str[:2]).sum(), np.tile(totals[:, None], 400))

    def covered(table: pd.DataFrame, truth: pd.Series) -> float:
        lower, upper = table.quantile(0.05, axis=1), table.quantile(0.95, axis=1)
        return coverage(lower.to_numpy(), upper.to_numpy(), truth.reindex(table.index).to_numpy())

    sums = covered(sample.groupby(zone).sum(), middle[variable]), covered(flat.groupby(zone).sum(), middle[variable])
    leaves = covered(sample, target[variable])
    assert 0.85 <= sums[0] <= 0.98, sums
    assert sums[1] < 0.85, sums
    assert 0.80 <= leaves <= 0.98
