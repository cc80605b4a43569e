"""The table that speaks for or against the weights of a county, and what its sources can know at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Some

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from geodata.county import load_county
from service.workflows.evidence import evidence, lines, shares_between
from service.workflows.figures import Figures
from service.workflows.handdown import build_allocations
from service.workflows.handdown_texts import handed_down_note
from service.workflows.read import Inputs, read_inputs


@pytest.fixture(scope="module")
def inputs(tiny_county: Path) -> Inputs:
    return read_inputs(load_county(tiny_county))


def changed(inputs: Inputs, change: Callable[[tuple[str, int], pd.DataFrame], pd.DataFrame]) -> Inputs:
    frames = {key: change(key, frame.copy()) for key, frame in inputs.figures.frames.items()}
    return replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units))


def eight_towns(people: list[float], counts: list[float]) -> tuple[object, object]:
    """Four towns in the west and four in the east, far apart, with a raster of their people."""
    west = [box(1000 * i, 0, 1000 * i + 500 + 100 * i, 1000) for i in range(4)]
    east = [box(91_000 + 1000 * i, 0, 91_900 + 1000 * i, 1000) for i in range(4)]
    towns = gpd.GeoDataFrame({"context": False}, index=list("abcdefgh"), geometry=west + east, crs=25832)
    cells = np.zeros((1, 95))
    cells[0, [0, 1, 2, 3, 91, 92, 93, 94]] = people
    raster = Some(values=cells, transform=(1000, 0, 0, 0, -1000, 1000), crs="EPSG:25832")
    way = Some(weights="people", editions=("public", "internal"))
    indicator = Some(level="town", handed_down=("grid",), numerator="cases", denominator=None)
    county = Some(
        allocations={("town", "grid"): way},
        indicators={"x": indicator},
        ancillary={"people": Some(level=None, source="grid", variables=(), benchmark=None)},
        sources={"grid": Some(released=True)},
        variables=dict,
    )
    inside = lambda _level: towns.index  # noqa: E731
    inputs = Some(county=county, levels={"town": Some(areas=towns)}, rasters={"people": raster}, inside=inside)
    values = pd.Series(counts, towns.index)
    figures = Some(periods=lambda *_: (2020, 2021), values=lambda _n, _p, areas: values.reindex(areas))
    return inputs, figures


def test_the_table_is_what_hiding_the_towns_by_hand_gives() -> None:
    people = np.array([10.0, 20, 30, 40, 400, 300, 200, 100])
    counts = np.array([2.0, 2, 6, 10, 50, 20, 20, 10])
    inputs, figures = eight_towns(people.tolist(), counts.tolist())
    (found,) = evidence(inputs, figures, "public").values()  # type: ignore[arg-type]
    said = found["counts"]["cases"]
    area = np.array([500, 600, 700, 800, 900, 900, 900, 900]) * 1000.0
    # exact coverage fractions: a town takes that part of its cell that it covers
    for method, mass in {"area": area, "people": people * area / 1e6}.items():
        guess = np.concatenate(
            [m / m.sum() * c.sum() for m, c in zip(np.split(mass, 2), np.split(counts, 2), strict=True)]
        )
        assert said["table"][method]["rtae"] == pytest.approx(np.abs(guess - counts).sum() / counts.sum(), rel=1e-9)
    assert (said["hidden"], said["blocks"], said["period"], found["weights"]) == (8, 2, 2021, "people")
    assert said["least_error"] == "people"
    (line,) = lines({"town -> grid": found})
    assert f"people {said['table']['people']['rtae']:.3f} over 8 areas hidden in 2 blocks; people is used" in line


def test_a_town_without_a_figure_takes_no_part() -> None:
    inputs, figures = eight_towns([1.0] * 8, [np.nan, 2, 3, 4, 5, 6, 7, 8])
    (found,) = evidence(inputs, figures, "internal").values()  # type: ignore[arg-type]
    assert found["counts"]["cases"]["hidden"] == 7


def test_too_few_areas_are_a_reason_and_no_failure(inputs: Inputs) -> None:
    found = evidence(inputs, inputs.figures, "internal")
    assert {way: said["weights"] for way, said in found.items()} == {
        "gemeinde -> ortsteil": "bevoelkerungsraster",
        "gemeinde -> grid100": "zensuszellen",
    }
    assert all(set(one) == {"why_not"} for said in found.values() for one in said["counts"].values()), "three Gemeinden"
    assert all("cannot be compared" in line for line in lines(found))


def test_the_public_table_is_made_of_what_the_public_edition_knows() -> None:
    """Inputs hold the unsuppressed figures too; a town that is hidden must not move the table."""
    tables = []
    for hidden in (3.0, 3000.0):
        inputs, _ = eight_towns([5.0, 1, 1, 1, 2, 1, 1, 1], [hidden, 2, 3, 4, 5, 6, 7, 8])
        inputs.figures = eight_towns([1.0] * 8, [hidden, 2, 3, 4, 5, 6, 7, 8])[1]  # type: ignore[attr-defined]
        known = eight_towns([1.0] * 8, [np.nan, 2, 3, 4, 5, 6, 7, 8])[1]
        tables.append(evidence(inputs, known, "public"))  # type: ignore[arg-type]
    assert tables[0] == tables[1]
    assert tables[0] != evidence(inputs, inputs.figures, "public")  # type: ignore[arg-type,attr-defined]


def test_what_is_not_released_is_judged_inside_only() -> None:
    """How well a confidential grid predicts says how many live where; the public table does without it."""
    inputs, figures = eight_towns([10.0, 20, 30, 40, 400, 300, 200, 100], [2.0, 2, 6, 10, 50, 20, 20, 10])
    inputs.county.sources["register"] = Some(released=False)  # type: ignore[attr-defined]
    inputs.county.ancillary["secret"] = Some(  # type: ignore[attr-defined]
        level=None, source="register", variables=(), benchmark=None
    )
    inputs.county.ancillary["scaled"] = Some(  # type: ignore[attr-defined]
        level=None, source="grid", variables=(), benchmark="secret"
    )
    inputs.rasters |= dict.fromkeys(("secret", "scaled"), inputs.rasters["people"])  # type: ignore[attr-defined]
    judged = {
        edition: set(found["counts"]["cases"]["table"])
        for edition in ("public", "internal")
        for found in evidence(inputs, figures, edition).values()  # type: ignore[arg-type]
    }
    assert judged == {"public": {"area", "people"}, "internal": {"area", "people", "secret", "scaled"}}


def test_the_share_between_sources_is_one_where_nothing_differs_inside_and_none_where_they_are_alike(
    inputs: Inputs,
) -> None:
    allocation = build_allocations(inputs)["gemeinde", "ortsteil"]
    observed = [i for i in inputs.county.indicators.values() if i.level == "ortsteil" and i.denominator]
    tops = {i.numerator for i in observed} - {i.denominator for i in observed}
    parent = allocation.source_of
    code = pd.Series(pd.factorize(parent)[0], parent.index, dtype=float)

    def with_rate(rate: pd.Series) -> Inputs:
        def change(key: tuple[str, int], frame: pd.DataFrame) -> pd.DataFrame:
            bottoms = {i.denominator for i in observed if i.numerator == key[0]}
            if key[0] not in tops or not bottoms:
                return frame
            below = inputs.figures.frames.get((next(iter(bottoms)), key[1]))
            if below is None:
                return frame
            return frame.assign(value=below["value"].reindex(frame.index) * rate.reindex(frame.index))

        return changed(inputs, change)

    of_source = with_rate(0.1 + 0.01 * code)
    shares = shares_between(of_source, of_source.figures, allocation)
    assert shares
    assert max(shares) == pytest.approx(1.0, abs=1e-9)
    noise = pd.Series(np.random.default_rng(1).uniform(0.1, 0.3, len(parent)), parent.index)
    mixed = with_rate(noise)
    assert min(shares_between(mixed, mixed.figures, allocation)) < 0.6


def test_the_note_beside_a_map_says_how_much_the_sources_know(inputs: Inputs) -> None:
    allocation = build_allocations(inputs)["gemeinde", "ortsteil"]
    indicator = inputs.county.indicators["beschaeftigungsquote"]
    shares = shares_between(inputs, inputs.figures, allocation)
    note = handed_down_note(inputs, indicator, allocation, inputs.figures)
    assert note["between"] == {"median": float(np.median(shares)), "indicators": len(shares)}
    (text,) = [remark for remark in note["remarks"]["de"] if "Streuung" in remark]
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    assert numbers[:3] == [len(shares), round(100 * min(shares)), round(100 * max(shares))]
    assert len(note["remarks"]["en"]) == len(note["remarks"]["de"])
    assert handed_down_note(inputs, indicator, allocation)["between"] is None
