"""Allocation on real data: published figures for St. Louis, known totals for Peine, known truth for Berlin."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from spatial.disaggregation import area_weights, benchmark_mass, cell_weights, raster_weights
from spatial.disclosure import hide_small_places, shown_and_hidden_totals

pytestmark = pytest.mark.real


# --- St. Louis: 106 tracts to 28 wards, expected values of the R package areal ------------------------------------


@pytest.fixture(scope="module")
def tracts(real_data: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(real_data / "areal" / "ar_stl_race.gpkg").set_index("GEOID")


@pytest.fixture(scope="module")
def wards(real_data: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(real_data / "areal" / "ar_stl_wards.gpkg").set_index("WARD")


def test_st_louis_equals_areal(real_data: Path, tracts: gpd.GeoDataFrame, wards: gpd.GeoDataFrame) -> None:
    expected = pd.read_csv(real_data / "areal" / "totalCompare1.csv").set_index("WARD")["TOTAL_E"]
    weights = area_weights(tracts, wards)
    got = weights.apply(tracts["TOTAL_E"])
    np.testing.assert_allclose(got.reindex(expected.index), expected, atol=1e-6, rtol=0)
    audit = weights.audit(tracts["TOTAL_E"])
    assert (audit["difference"].abs() <= 1e-12 * audit["total_in"]).all()
    assert got.sum() == pytest.approx(tracts["TOTAL_E"].sum(), rel=1e-12)


def test_st_louis_by_whole_area_loses_what_lies_outside(tracts: gpd.GeoDataFrame, wards: gpd.GeoDataFrame) -> None:
    weights = area_weights(tracts, wards, allocate="area")
    uncovered = 1 - tracts.intersection(wards.union_all()).area / tracts.area
    # Wards overlap by slivers; where they do, parts of a tract add up to a little more than their union.
    np.testing.assert_allclose(weights.outside, uncovered, atol=2e-5)
    audit = weights.audit(tracts["TOTAL_E"])
    assert audit["outside"].sum() > 100
    assert (audit["difference"].abs() <= 1e-12 * audit["total_in"]).all()


# --- Peine: 7 Gemeinden to cells ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gemeinden(real_data: Path) -> gpd.GeoDataFrame:
    areas = gpd.read_file(real_data / "peine" / "peine_gemeinden_vg250_2016_wgs84.geojson").to_crs(25832)
    return areas.set_index("AGS")


def inkar(path: Path, ids: pd.Index) -> pd.Series:
    table = pd.read_csv(path, sep=";", header=1, dtype={0: str}).set_index("Unnamed: 0")
    return table["2021"].loc[ids].astype(float)


@pytest.fixture(scope="module")
def unemployed(real_data: Path, gemeinden: gpd.GeoDataFrame) -> pd.Series:
    return inkar(real_data / "peine" / "inkar_arbeitslose_gemeinden_niedersachsen.csv", gemeinden.index)


@pytest.fixture(scope="module")
def working_age(real_data: Path, gemeinden: gpd.GeoDataFrame) -> pd.Series:
    return inkar(real_data / "peine" / "inkar_erwerbsfaehige_gemeinden_niedersachsen.csv", gemeinden.index)


def gemeinde_of(x: pd.Series, y: pd.Series, gemeinden: gpd.GeoDataFrame) -> pd.Series:
    """Return the Gemeinde that holds each cell centre, NaN outside the county."""
    centres = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=3035, index=x.index).to_crs(25832)
    return gpd.sjoin(centres, gemeinden[["geometry"]], how="left", predicate="within")["AGS"]


@pytest.fixture(scope="module")
def cells_1km(real_data: Path, gemeinden: gpd.GeoDataFrame) -> pd.DataFrame:
    cells = pd.read_csv(real_data / "peine" / "zensus2011_1km_spitz_peine_bbox.csv")
    cells.index = pd.Index(
        [f"1kmN{y // 1000}E{x // 1000}" for x, y in zip(cells.x_mp_1km, cells.y_mp_1km, strict=True)]
    )
    cells["gemeinde"] = gemeinde_of(cells.x_mp_1km, cells.y_mp_1km, gemeinden)
    cells["people"] = cells["Einwohner"].where(cells["Einwohner"] >= 0)
    return cells.dropna(subset="gemeinde")


def test_cells_of_the_county(cells_1km: pd.DataFrame, gemeinden: gpd.GeoDataFrame) -> None:
    assert len(cells_1km) == 536
    assert cells_1km["people"].notna().sum() == 316
    assert cells_1km["people"].sum() == 130_195
    assert gemeinden.area.sum() / 1e6 == pytest.approx(536.00, abs=0.005)


def test_unemployed_on_1km_cells(cells_1km: pd.DataFrame, unemployed: pd.Series, working_age: pd.Series) -> None:
    weights = cell_weights(cells_1km["gemeinde"], cells_1km["people"], ancillary_year=2011)
    count = weights.apply(unemployed)
    assert abs(count.sum() - 3740) < 1e-9
    assert set(weights.provenance) == {"ancillary"}
    audit = weights.audit(unemployed)
    assert (audit["difference"].abs() <= 1e-12 * audit["total_in"]).all()

    table = weights.rates(unemployed, working_age)
    assert table["rate"].notna().sum() == 316
    assert table["rate"].nunique() == 7, "a handed-down rate knows its Gemeinde and nothing more"
    assert (
        table["rate"].dropna().eq(cells_1km["gemeinde"].map(unemployed / working_age).loc[table["rate"].notna()]).all()
    )
    assert table.loc[cells_1km["gemeinde"] == "03157006", "rate"].dropna().unique().tolist() == [2025 / 31780]

    hidden = hide_small_places(cells_1km["people"], 300)
    totals = shown_and_hidden_totals(count, hidden, cells_1km["gemeinde"])
    np.testing.assert_allclose(totals["total"], unemployed.sort_index(), rtol=1e-12)
    assert (totals["shown"] + totals["not_shown"] == totals["total"]).all()
    assert totals["not_shown"].sum() > 0


def test_unemployed_on_100m_cells(
    real_data: Path, cells_1km: pd.DataFrame, gemeinden: gpd.GeoDataFrame, unemployed: pd.Series
) -> None:
    long = pd.read_parquet(real_data / "peine" / "zensus2011_100m_peine_bbox_long.parquet")
    dwellings = long[long["var"].str.startswith("dwellings_GEBTYPGROESSE")].groupby(["x", "y"])["value"].sum()

    steps = np.arange(-450, 500, 100)
    dx, dy = (a.ravel() for a in np.meshgrid(steps, steps))
    fine = pd.DataFrame(
        {
            "x": (cells_1km["x_mp_1km"].to_numpy()[:, None] + dx).ravel(),
            "y": (cells_1km["y_mp_1km"].to_numpy()[:, None] + dy).ravel(),
            "coarse": np.repeat(cells_1km.index.to_numpy(), len(dx)),
        }
    )
    fine["gemeinde"] = gemeinde_of(fine["x"], fine["y"], gemeinden)
    fine = fine.dropna(subset="gemeinde").reset_index(drop=True)
    mass = pd.Series(
        dwellings.reindex(pd.MultiIndex.from_frame(fine[["x", "y"]])).to_numpy(dtype=float), index=fine.index
    )
    people, groups = benchmark_mass(mass, fine["coarse"], cells_1km["people"])

    spread = groups[groups["provenance"] == "even"]
    assert (len(spread), spread["total"].sum()) == (29, 431)
    assert (groups["provenance"] == "unknown").sum() == 536 - 316
    assert people.sum() == pytest.approx(130_195, rel=1e-12)
    weights = cell_weights(fine["gemeinde"], people, ancillary_year=2011)
    assert abs(weights.apply(unemployed).sum() - 3740) < 1e-9
    assert weights.rates(unemployed, unemployed * 10 + 7)["rate"].nunique() == 7


# --- Berlin: Bezirke and their parts to 447 Planungsräume, where the truth is known ---------------------------------

#: Relative total absolute error, measured with other software (methods, section 1.4).
PUBLISHED = {
    "area": {"bezirke": 0.789, "prognoseraeume": 0.534, "bezirksregionen": 0.382},
    "dwellings": {"bezirke": 0.148, "prognoseraeume": 0.101, "bezirksregionen": 0.082},
    "people": {"bezirke": 0.071, "prognoseraeume": 0.063, "bezirksregionen": 0.056},
}


@pytest.fixture(scope="module")
def berlin(real_data: Path) -> dict[str, gpd.GeoDataFrame]:
    levels = {}
    for level in ("bezirke", "prognoseraeume", "bezirksregionen", "planungsraeume"):
        path = real_data / "berlin"
        areas = gpd.read_file(path / "berlin_lor_until_2020.gpkg", layer=level).set_index("id")
        table = pd.read_csv(path / f"berlin_lor_population_2015_{level}.csv", dtype={"id": str}).set_index("id")
        areas["people"] = table["inhabitants"].astype(float)
        levels[level] = areas.dropna(subset="people")
    return levels


@pytest.fixture(scope="module")
def rasters(real_data: Path) -> tuple[dict[str, np.ndarray], tuple[float, ...]]:
    cells = pd.read_parquet(real_data / "berlin" / "zensus2011_100m_berlin_bbox.parquet")
    west, south = (int(cells[a].min() // 1000 * 1000) for a in "xy")
    east, north = (int((cells[a].max() // 1000 + 1) * 1000) for a in "xy")
    shape = ((north - south) // 100, (east - west) // 100)
    dwellings = np.full(shape, np.nan)
    row, column = ((north - cells["y"]) // 100).to_numpy(int), ((cells["x"] - west) // 100).to_numpy(int)
    dwellings[row, column] = cells.filter(regex="^dwellings_GEBTYPGROESSE").sum(axis=1).to_numpy(float)

    coarse = pd.read_parquet(real_data / "germany_zensus2011_1km_einwohner.parquet")
    inside = coarse["x"].between(west, east) & coarse["y"].between(south, north) & (coarse["Einwohner"] > 0)
    coarse = coarse[inside].set_index(["x", "y"])["Einwohner"].astype(float)
    coarse.index = coarse.index.to_flat_index()
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    x = (west + columns.ravel() * 100) // 1000 * 1000 + 500
    y = (north - 50 - rows.ravel() * 100) // 1000 * 1000 + 500
    of = pd.Series(list(zip(x.tolist(), y.tolist(), strict=True)))
    people, groups = benchmark_mass(pd.Series(dwellings.ravel()), of.where(of.isin(coarse.index)), coarse)
    assert people.sum() == pytest.approx(coarse.sum(), rel=1e-12)
    assert not (groups["provenance"] == "outside").any()
    return {"dwellings": dwellings, "people": people.to_numpy().reshape(shape)}, (100, 0, west, 0, -100, north)


@pytest.mark.parametrize("method", PUBLISHED)
def test_berlin_errors_are_those_published(
    method: str, berlin: dict[str, gpd.GeoDataFrame], rasters: tuple[dict[str, np.ndarray], tuple[float, ...]]
) -> None:
    target = berlin["planungsraeume"]
    assert len(target) == 447
    truth = target["people"]
    for level, published in PUBLISHED[method].items():
        source = berlin[level]
        if method == "area":
            weights = area_weights(source, target)
        else:
            weights = raster_weights(source, target, rasters[0][method], rasters[1], "EPSG:3035", ancillary_year=2011)
        guess = weights.apply(source["people"])
        audit = weights.audit(source["people"])
        assert (audit["difference"].abs() <= 1e-12 * audit["total_in"]).all()
        error = (guess - truth).abs().sum() / truth.sum()
        assert error == pytest.approx(published, abs=0.0016), (method, level)


def test_berlin_borders_drawn_twice_need_the_sliver_option(berlin: dict[str, gpd.GeoDataFrame]) -> None:
    source, target = berlin["bezirke"], berlin["planungsraeume"]
    own = pd.Series(target.index.str[:2], index=target.index)
    people = source["people"].where(source.index != "01")
    exact = area_weights(source, target).apply(people)
    assert exact.isna().sum() > (own == "01").sum(), "neighbours of the missing Bezirk are scratched by it"
    clean = area_weights(source, target, sliver=0.002)
    assert clean.matrix.nnz == 447
    assert clean.apply(people).isna().equals(own == "01")
    arrived = clean.apply(source["people"]).groupby(own).sum()
    assert arrived.to_dict() == pytest.approx(source["people"].to_dict(), rel=1e-12)
