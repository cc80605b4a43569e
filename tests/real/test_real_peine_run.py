"""Landkreis Peine through the command's own workflow: the figures of the official sources come out again."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from geodata.store.query import MAX_LIMIT, ItemQuery
from geodata.store.sqlite import SqliteStore
from service.workflows.run import run

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
UNEMPLOYED_2021 = 3740


@pytest.fixture(scope="module")
def publication(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state")
    return run(ROOT / "counties" / "peine", data=real_data / "peine", state=state, maps=()).folder


def rows(publication: Path, edition: str, collection: str, period: int | None = None) -> list[dict[str, Any]]:
    store = SqliteStore(publication / edition / "serve.sqlite")
    try:
        out: list[dict[str, Any]] = []
        after = None
        while True:
            query = ItemQuery(limit=MAX_LIMIT, after=after, first_period=period, last_period=period)
            page = store.items(collection, query)
            out += [json.loads(text)["properties"] for text in page.features]
            after = page.next
            if after is None:
                return out
    finally:
        store.close()


def coarse(cell: str) -> str:
    """Return the 1 km cell that a 100 m cell lies in."""
    found = re.fullmatch(r"(CRS3035)RES100m(N)(\d+)(E)(\d+)", cell)
    assert found, cell
    crs, n, north, e, east = found.groups()
    return f"{crs}RES1000m{n}{int(north) // 1000 * 1000}{e}{int(east) // 1000 * 1000}"


def manifest(publication: Path, edition: str) -> dict[str, Any]:
    return json.loads((publication / edition / "manifest.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("level", ["grid1km", "grid100m"])
def test_internal_layers_sum_to_the_unemployed_of_2021(publication: Path, level: str) -> None:
    found = rows(publication, "internal", f"{level}_employment", 2021)
    total = fsum(r["arbeitslosenquote_n"] for r in found)
    assert abs(total - UNEMPLOYED_2021) <= 1e-9 * UNEMPLOYED_2021


def test_shown_and_not_shown_make_the_total_in_the_public_edition(publication: Path) -> None:
    found = rows(publication, "public", "grid1km_employment", 2021)
    shown = fsum(r["arbeitslosenquote_n"] for r in found if r["arbeitslosenquote_n"] is not None)
    printed = manifest(publication, "public")["totals"]["grid1km_employment"]["arbeitslosenquote"]["2021"]
    assert shown == pytest.approx(printed["shown"], rel=1e-12)
    assert 0 < printed["not_shown"] < shown
    assert abs(shown + printed["not_shown"] - UNEMPLOYED_2021) <= 1e-9 * UNEMPLOYED_2021


def test_cells_too_small_to_be_a_place_are_not_shown(publication: Path, real_data: Path) -> None:
    path = real_data / "peine" / "zensus2011_1km_spitz_peine_bbox.csv"
    with path.open(encoding="utf-8") as stream:
        people = {
            f"CRS3035RES1000mN{int(r['y_mp_1km']) - 500}E{int(r['x_mp_1km']) - 500}": int(r["Einwohner"])
            for r in csv.DictReader(stream)
        }
    found = rows(publication, "public", "grid1km_employment", 2021)
    assert len(found) == 536
    assert sum(people[r["area_id"]] for r in found if people[r["area_id"]] > 0) == 130195
    for r in found:
        assert (r["arbeitslosenquote"] is not None) == (people[r["area_id"]] >= 100), r["area_id"]
        if r["arbeitslosenquote"] is None:
            assert r["arbeitslosenquote_n"] is None
            assert r["arbeitslosenquote_status"] != "observed"
        assert r["arbeitslosenquote_origin"] == "modelled"


def test_every_year_keeps_its_total(publication: Path, real_data: Path) -> None:
    path = real_data / "peine" / "inkar_arbeitslose_gemeinden_niedersachsen.csv"
    lines = [line.split(";") for line in path.read_text(encoding="utf-8-sig").splitlines()]
    # The unemployed are known since 1998, the population they are divided by since 2001: before there is no rate.
    years = [year for year in lines[1][3:] if year >= "2001"]
    own = [line for line in lines if line[0].startswith("03157")]
    assert len(own) == 7
    sums = manifest(publication, "internal")["totals"]["grid1km_employment"]["arbeitslosenquote"]
    assert list(sums) == years == [str(y) for y in range(2001, 2022)]
    for year in years:
        column = lines[1].index(year)
        expected = sum(float(line[column]) for line in own)
        assert sums[year]["shown"] == pytest.approx(expected, rel=1e-12)


def test_rates_are_seven_distinct_values_and_untestable_locally(publication: Path) -> None:
    cells = rows(publication, "internal", "grid1km_employment", 2021)
    inhabited = {f"{r['arbeitslosenquote']:.9f}" for r in cells if r["arbeitslosenquote"] is not None}
    gemeinden = rows(publication, "internal", "gemeinde_employment", 2021)
    assert inhabited == {f"{r['arbeitslosenquote']:.9f}" for r in gemeinden}
    assert len(inhabited) == 7
    by_id = {r["area_id"]: r["arbeitslosenquote"] for r in gemeinden}
    assert by_id["03157006"] == pytest.approx(100 * 2025 / 31780)
    assert by_id["03157009"] == pytest.approx(100 * 574 / 13801)
    for collection in ("gemeinde_hotspots_arbeitslosenquote", "grid1km_hotspots_arbeitslosenquote"):
        tested = rows(publication, "internal", collection, 2021)
        assert {r["state"] for r in tested} == {"untestable"}
        assert {r["label"] for r in tested} == {"no label"}
        assert {r["p"] for r in tested} == {None}


def test_rates_start_with_their_denominator(publication: Path) -> None:
    assert rows(publication, "internal", "gemeinde_employment", 2000) == []
    first = rows(publication, "internal", "gemeinde_employment", 2001)
    assert all(r["arbeitslosenquote"] > 0 for r in first)


def test_29_cells_without_dwellings_are_named(publication: Path) -> None:
    store = SqliteStore(publication / "internal" / "serve.sqlite")
    try:
        meta = store.collection("grid100m_employment").metadata
    finally:
        store.close()
    said = meta["handed_down"]["arbeitslosenquote"]["fallbacks"]
    assert len(said) == len(set(said)) == 29
    assert all(text.startswith("CRS3035RES1000m") for text in said)


def test_cells_of_those_say_that_they_were_shared_evenly(publication: Path) -> None:
    found = rows(publication, "internal", "grid100m_employment", 2021)
    by = [r["arbeitslosenquote_provenance"] for r in found]
    even = {r["area_id"] for r, how in zip(found, by, strict=True) if how == "even"}
    shown = [r for r in found if r["arbeitslosenquote"] is not None]
    assert {how for r, how in zip(found, by, strict=True) if r["arbeitslosenquote"] is None} == {None}
    assert all(r["arbeitslosenquote_coverage"] == 1 for r in shown)
    store = SqliteStore(publication / "internal" / "serve.sqlite")
    try:
        meta = store.collection("grid100m_employment").metadata
    finally:
        store.close()
    named = {text.split(":")[0] for text in meta["handed_down"]["arbeitslosenquote"]["fallbacks"]}
    assert {coarse(cell) for cell in even} == named
    # the share of each cell is the same inside a coarse cell and source, and only there
    for cell in sorted(named)[:5]:
        parts = [r for r in shown if coarse(r["area_id"]) == cell]
        per_source = {(r["arbeitslosenquote_support"], round(r["arbeitslosenquote_d"], 9)) for r in parts}
        assert len(per_source) == len({support for support, _ in per_source})


def test_the_age_of_the_ancillary_data_is_said_wherever_they_are_used(publication: Path) -> None:
    for edition in ("public", "internal"):
        store = SqliteStore(publication / edition / "serve.sqlite")
        try:
            notes = [n for c in store.collections() for n in (c.metadata.get("handed_down") or {}).values()]
        finally:
            store.close()
        assert notes
        assert all(note["ancillary_years"] == [2011] and note["years_apart"]["years"] == 10 for note in notes)
        assert all("liegen 10 Jahre" in " ".join(note["remarks"]["de"]) for note in notes)
        with sqlite3.connect(publication / edition / "layers.gpkg") as db:
            (about,) = db.execute(
                "SELECT description FROM gpkg_contents WHERE table_name = 'grid1km_employment'"
            ).fetchone()
        assert "Zwischen Hilfsdaten (2011) und Zahlen (2021) liegen 10 Jahre." in about


def test_dwellings_predict_hidden_municipalities_and_area_does_not(publication: Path) -> None:
    found = manifest(publication, "public")["weights"]["gemeinde -> grid1km"]
    table = found["counts"]["bevoelkerung_15_64"]["table"]
    assert found["weights"] == "einwohner_1km"
    assert table["einwohner_1km"]["rtae"] < 0.05 < 0.3 < table["area"]["rtae"]
    assert set(manifest(publication, "public")["weights"]) == {"gemeinde -> grid1km"}


def test_100_m_cells_are_in_the_internal_edition_only(publication: Path) -> None:
    def ids(edition: str) -> set[str]:
        store = SqliteStore(publication / edition / "serve.sqlite")
        try:
            return {meta.id for meta in store.collections()}
        finally:
            store.close()

    assert {i for i in ids("internal") if i.startswith("grid100m")}
    assert not {i for i in ids("public") if i.startswith("grid100m")}


def test_observed_cells_are_shown_as_released_and_tested(publication: Path) -> None:
    found = rows(publication, "public", "grid1km_population", 2011)
    assert sum(r["anteil_unter18"] is not None for r in found) == 302
    assert sum(r["anteil_ab65"] is not None for r in found) == 302
    tested = rows(publication, "public", "grid1km_hotspots_anteil_ab65", 2011)
    states = {state: sum(r["state"] == state for r in tested) for state in {r["state"] for r in tested}}
    assert states["tested"] + states.get("isolated", 0) == 302
    assert all(r["p"] is not None for r in tested if r["state"] == "tested")


def test_foreigners_are_context_and_never_tested(publication: Path) -> None:
    found = rows(publication, "public", "grid1km_migration", 2011)
    assert sum(r["anteil_auslaender"] is not None for r in found) == 305
    store = SqliteStore(publication / "public" / "serve.sqlite")
    try:
        assert not [m.id for m in store.collections() if "hotspots" in m.id and "ausl" in m.id]
    finally:
        store.close()


def test_region_is_tested_among_itself_and_only_the_own_seven_are_labelled(publication: Path) -> None:
    found = rows(publication, "public", "gemeinde_region_hotspots_arbeitslosenquote_region", 2021)
    assert len(found) == 157
    own = [r for r in found if not r["context"]]
    assert {r["area_id"][:5] for r in own} == {"03157"}
    assert len(own) == 7
    assert all(r["state"] == "tested" for r in own)
    assert {r["label"] for r in found if r["context"]} == {"no label"}
    with_figures = [r for r in found if r["state"] != "undefined"]
    assert len(with_figures) == 152
    assert {r["area_id"] for r in found if r["state"] == "isolated"} == {"03153016", "03153018"}
    meta = manifest(publication, "public")
    assert meta["draft"] is True


def test_every_row_has_its_year_in_period(publication: Path) -> None:
    store = SqliteStore(publication / "internal" / "serve.sqlite")
    try:
        for meta in store.collections():
            page = store.items(meta.id, ItemQuery(limit=5))
            for text in page.features:
                assert json.loads(text)["properties"]["period"] in meta.periods
    finally:
        store.close()
