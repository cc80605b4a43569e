"""The catalogue, and an edition that contains nothing of a source that may not be published."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from service.cli import main

if TYPE_CHECKING:
    from service.workflows.run import RunReport

#: What only the job centre's figures make: its indicators and whatever needs them.
OF_THE_JOB_CENTRE = ("sgb2_quote", "grundsicherung_alter", "kinderarmut")
VARIABLES = ("sgb2", "sgb2_kinder", "grundsicherung_65")


def change_source(folder: Path, source: str, **said: str) -> None:
    """Set keys of one source; an empty text removes the key."""
    path = folder / "county.toml"
    text = path.read_text(encoding="utf-8")
    head, rest = text.split(f'[[sources]]\nid = "{source}"\n', 1)
    end = rest.index("[[")
    section = rest[:end]
    for key, value in said.items():
        section, n = re.subn(rf"^{key} = .*\n", f'{key} = "{value}"\n' if value else "", section, flags=re.MULTILINE)
        assert n == 1, key
    path.write_text(f'{head}[[sources]]\nid = "{source}"\n{section}{rest[end:]}', encoding="utf-8")


@pytest.fixture(scope="module")
def held_back(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """A run in which the job centre's figures have no licence and the raster no legal basis."""
    from service.workflows.run import run

    folder = tmp_path_factory.mktemp("unlicensed") / "county"
    shutil.copytree(tiny_county, folder)
    change_source(folder, "jobcenter", licence="")
    change_source(folder, "raster", legal_basis="")
    return run(folder, state=folder.parent / "state", maps=())


def texts(folder: Path) -> dict[str, str]:
    """Everything an edition holds, as text: databases row by row, tables cell by cell."""
    import sqlite3

    import pandas as pd

    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".html"):
            found[path.name] = path.read_text(encoding="utf-8")
        elif path.suffix in (".gpkg", ".sqlite"):
            with sqlite3.connect(path) as base:
                found[path.name] = "\n".join(base.iterdump())
            base.close()
        elif path.suffix == ".parquet":
            found[path.name] = pd.read_parquet(path).to_csv()
        elif path.suffix == ".npz":
            found[path.name] = path.name
    return found


def test_the_public_edition_holds_nothing_of_a_source_without_licence(held_back: RunReport) -> None:
    public = texts(held_back.folder / "public")
    assert {"manifest.json", "serve.sqlite", "layers.gpkg", "sheets.json"} <= public.keys()
    for name, text in public.items():
        for word in (*OF_THE_JOB_CENTRE, *VARIABLES, "jobcenter", "Jobcenter", "ortsteil_index", "hotspots_index"):
            assert not re.search(rf"\b{word}\b", text), (name, word)
    assert not list((held_back.folder / "public" / "indicators").glob("sgb2*"))


def test_without_a_legal_basis_no_value_is_handed_down_by_it(held_back: RunReport) -> None:
    """The raster brings municipalities to Ortsteile: in the public edition nothing arrives there."""
    public = texts(held_back.folder / "public")
    assert "weights-gemeinde-ortsteil.npz" not in public
    for name, text in public.items():
        assert "Bevölkerungsraster" not in text, name
    sheets = json.loads(public["sheets.json"])
    assert {c["level"] for c in sheets["beschaeftigungsquote"]["coverage"]} == {"gemeinde"}
    assert not sheets["beschaeftigungsquote"]["handed_down"]


def test_the_internal_edition_has_it_all_and_says_why_the_public_one_has_not(
    held_back: RunReport, tiny_run: tuple[Path, RunReport]
) -> None:
    internal = texts(held_back.folder / "internal")
    for word in (*OF_THE_JOB_CENTRE, "ortsteil_index"):
        assert word in internal["serve.sqlite"]
    manifest = json.loads(internal["manifest.json"])
    before = json.loads((tiny_run[1].folder / "internal" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["content"] == before["content"], "inside nothing is different"
    why = {(w["kind"], w["id"]): w for w in manifest["withheld"]}
    assert "no licence" in why["source", "jobcenter"]["reason"]["en"]
    assert "no legal basis" in why["source", "raster"]["reason"]["en"]
    assert why["indicator", "sgb2_quote"]["sources"] == ["jobcenter"]
    assert why["index", "ortsteil"]["sources"] == ["jobcenter"]
    assert why["handed_down", "beschaeftigungsquote -> ortsteil"]["sources"] == ["raster"]
    assert {(w.kind, w.id) for w in held_back.withheld} == why.keys()
    assert "keine Lizenz" in why["source", "jobcenter"]["reason"]["de"]


def test_what_needs_no_such_source_is_published_as_before(
    held_back: RunReport, tiny_run: tuple[Path, RunReport]
) -> None:
    """Rows of an untouched collection are the same, so the other source's rules did not leak into them."""
    now = json.loads((held_back.folder / "public" / "manifest.json").read_text(encoding="utf-8"))["content"]
    before = json.loads((tiny_run[1].folder / "public" / "manifest.json").read_text(encoding="utf-8"))["content"]
    for name in ("gemeinde_employment", "ortsteil_migration", "ortsteil_hotspots_arbeitslosenquote"):
        assert now["collections"][name] == before["collections"][name]
    gone = before["collections"].keys() - now["collections"].keys()
    assert {"ortsteil_index", "ortsteil_hotspots_index", "ortsteil_hotspots_sgb2_quote"} <= gone
    assert "ortsteil_hotspots_pflegequote" in gone, "painted down with the raster's matrix"


def test_when_nothing_may_be_published_there_is_an_internal_edition_only(tiny_county: Path, tmp_path: Path) -> None:
    from geodata.county import load_county
    from service.workflows.run import run

    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    for source in load_county(tiny_county).sources:
        change_source(folder, source, licence="nur intern")
    report = run(folder, state=tmp_path / "state")
    assert [p.name for p in report.folder.iterdir() if p.is_dir()] == ["internal"]
    assert {w.id for w in report.withheld if w.kind == "source"} == set(load_county(tiny_county).sources)


def test_a_benchmark_and_a_table_of_cells_are_followed_to_their_sources(tiny_county: Path) -> None:
    """Cells come from a census table: without its licence neither the cells, nor what they carry, are public."""
    from geodata.county import load_county
    from service.workflows.licensed import publishable
    from service.workflows.read import read_inputs

    county = load_county(tiny_county)
    inputs = read_inputs(county)
    assert publishable(inputs) == (inputs, ())
    blocked = _without_licence(inputs, "zensus")
    public, withheld = publishable(blocked)
    told = {(w.kind, w.id) for w in withheld}
    assert {("level", "grid100"), ("indicator", "wohnflaeche"), ("ancillary", "zensuszellen")} <= told
    assert "grid100" not in public.levels
    assert not any(name.startswith("zellen_") for name, _ in public.figures.frames)
    assert ("gemeinde", "ortsteil") in public.county.allocations
    assert ("gemeinde", "grid100") not in public.county.allocations
    # Boundaries without a licence take every level of theirs along.
    public, _ = publishable(_without_licence(inputs, "vg250"))
    assert "gemeinde" not in public.county.levels
    assert not any(i.level == "gemeinde" for i in public.county.indicators.values())
    assert "ortsteil" in public.county.levels
    public, _ = publishable(_without_licence(inputs, "vermessung"))
    assert set(public.county.levels) == {"gemeinde"}, "the cells lie in polygons of the surveyors, and go with them"


def test_figures_shared_by_ancillary_data_go_with_them(tiny_county: Path) -> None:
    """An area was split, its figures shared by a raster that has no licence: then they are computed from it."""
    import pandas as pd

    from geodata.county import load_county
    from service.workflows.licensed import publishable
    from service.workflows.read import read_inputs
    from service.workflows.territory import MOVE_COLUMNS

    inputs = read_inputs(load_county(tiny_county))
    county = inputs.county
    moves = pd.DataFrame([dict.fromkeys(MOVE_COLUMNS, "") | {"variable": "svb", "share": 0.4}])
    for weights, kept in (("bevoelkerungsraster", False), ("area", True)):
        territory = county.territory.model_copy(update={"weights": weights})
        shared = replace(inputs, county=replace(county, territory=territory), moves=moves)
        public, _ = publishable(_without_licence(shared, "raster"))
        assert ("beschaeftigungsquote" in public.county.indicators) is kept
        assert any(name == "svb" for name, _ in public.figures.frames) is kept
        assert len(public.moves) == int(kept)


def _without_licence(inputs: Any, source: str) -> Any:
    county = inputs.county
    sources = dict(county.sources)
    sources[source] = replace(sources[source], licence="")
    return replace(inputs, county=replace(county, sources=MappingProxyType(sources)))


def test_checksums_and_times_of_reading_stay_inside(tiny_run: tuple[Path, RunReport], tiny_county: Path) -> None:
    internal = json.loads((tiny_run[1].folder / "internal" / "manifest.json").read_text(encoding="utf-8"))
    entry = next(e for e in internal["catalogue"] if e["id"] == "arbeitslose")
    file = tiny_county / entry["file"]
    assert entry["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() == internal["inputs"][entry["file"]]
    assert entry["bytes"] == file.stat().st_size
    assert dt.datetime.fromisoformat(entry["read"]).tzinfo is not None
    assert entry["legend"] == "ba"
    assert entry["boundary_dates"] == {"ortsteil": "2024-12-31"}
    assert re.fullmatch(r"[0-9.]+\+[0-9a-f]{8}", entry["rules"])
    assert entry["verdict"]["rows"] > 0
    assert entry["verdict"]["statuses"]["observed"] > 0
    public = (tiny_run[1].folder / "public" / "manifest.json").read_text(encoding="utf-8")
    document = json.loads(public)
    assert not {"inputs", "catalogue", "withheld", "definitions", "notes"} & document.keys()
    for digest in internal["inputs"].values():
        assert digest not in public
    assert document["sources"]["arbeitsagentur"]["legal_basis"].startswith("Beispiel: § 53")
    kept = {p.name for p in (tiny_run[1].folder / "public" / "inputs").iterdir()}
    assert not {"areas.parquet", "figures.parquet", "hidden.parquet"} & kept


def test_a_file_that_is_written_while_it_is_read_is_refused(tiny_county: Path, tmp_path: Path) -> None:
    from geodata import catalogue
    from geodata.county import load_county
    from geodata.errors import GeodataError

    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    county = load_county(folder)
    taken = catalogue.receipts(county)
    catalogue.require_unchanged(county, taken)
    with (folder / "data/fachdienste/lernmittel.csv").open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(GeodataError, match="stay as it is"):
        catalogue.require_unchanged(county, taken)


def call(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["catalogue", *arguments])


def test_list_and_show_tell_what_is_known(tiny_county: Path, tiny_run: tuple[Path, RunReport]) -> None:
    place = (str(tiny_county), "--state", str(tiny_run[0]))
    listed = json.loads(call("list", *place, "--json").stdout)
    assert {e["kind"] for e in listed} >= {"table", "areas", "raster"}
    assert all(e["sha256"] and e["read"] and e["publishable"] for e in listed)
    text = call("list", *place)
    assert text.exit_code == 0
    assert "melderegister" in text.stdout
    shown = call("show", "arbeitslose", *place)
    assert shown.exit_code == 0
    for said in ("SHA-256", "unchanged", "§ 53 SGB II", "CC0-1.0", "legend of signs  ba", "2024-12-31", "observed"):
        assert said in shown.stdout, said
    # What the publication took, and what the whole file holds, are two numbers.
    entry = json.loads(call("show", "arbeitslose", *place, "--json").stdout)[0]
    taken, now = entry["verdict"], entry["now"]["verdict"]
    assert f"taken then       {taken['rows']} values, " in shown.stdout
    assert f"whole file now   {now['rows']} rows, {now['values']} values, " in shown.stdout
    by_source = json.loads(call("show", "zensus", *place, "--json").stdout)
    assert len(by_source) >= 3, "all files of a source"
    unknown = call("show", "nothing", *place)
    assert unknown.exit_code == 3
    assert "arbeitslose" in unknown.stderr


def test_a_state_folder_without_a_publication_is_named(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    for command in (["list"], ["show", "arbeitslose"]):
        done = call(*command, str(tiny_county), "--state", str(tmp_path))
        assert done.exit_code == 0
        assert str(tmp_path) in done.stderr
        assert "--state" in done.stderr
        assert not call(*command, str(tiny_county), "--state", str(tiny_run[0])).stderr
        assert json.loads(call(*command, str(tiny_county), "--state", str(tmp_path), "--json").stdout)
    assert str(tmp_path) in call("check", str(tiny_county), "--state", str(tmp_path)).stdout


def test_check_finds_what_is_missing_changed_unknown_and_old(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    fine = call("check", str(folder), "--state", str(tiny_run[0]))
    assert fine.exit_code == 0, fine.output
    assert "0 errors, 0 warnings" in fine.stdout
    change_source(folder, "schulamt", licence="CC-BI-4.0")
    change_source(folder, "jobcenter", licence="")
    change_source(folder, "gesundheitsamt", legal_basis="")
    change_source(folder, "arbeitsagentur", licence="nur intern")
    (folder / "data/fachdienste/vorsorge.xlsx").unlink()
    with (folder / "data/fachdienste/lernmittel.csv").open("ab") as stream:
        stream.write(b"\n")
    done = call("check", str(folder), "--state", str(tiny_run[0]), "--json")
    assert done.exit_code == 3
    found = {(f["severity"], f["place"]): f for f in json.loads(done.stdout)}
    assert "CC-BY-4.0" in found["error", "sources.schulamt"]["text"], "the licence that is meant"
    assert "missing" in found["error", "tables.vorsorge"]["text"]
    assert "no licence" in found["warning", "sources.jobcenter"]["text"]
    assert "no legal basis" in found["warning", "sources.gesundheitsamt"]["text"]
    assert "not meant" in found["note", "sources.arbeitsagentur"]["text"]
    assert "update" in found["warning", "tables.lernmittel"]["hint"]
    assert all(f["hint"] for f in found.values())


def test_old_dates_are_found_by_the_calendar_and_by_the_figures(tiny_county: Path) -> None:
    from geodata.catalogue_checks import check
    from geodata.county import load_county

    county = load_county(tiny_county)
    sources = dict(county.sources)
    sources["melderegister"] = replace(sources["melderegister"], reference_date=dt.date(2020, 12, 31))
    sources["schulamt"] = replace(sources["schulamt"], reference_date=None)
    county = replace(county, sources=MappingProxyType(sources))
    files = {f: hashlib.sha256(county.path(f).read_bytes()).hexdigest() for f in _named(county)}
    verdicts = [
        {"kind": "table", "id": "einwohner", "verdict": {"periods": [2023, 2024]}},
        {"kind": "table", "id": "arbeitslose", "verdict": {"periods": [2019, 2020]}},
    ]
    found = {
        f.place: f.text for f in check(county, {"inputs": files, "catalogue": verdicts}, today=dt.date(2025, 6, 1))
    }
    assert found["tables.arbeitslose"] == "ends in 2020, others in 2024"
    assert "einwohner holds figures of 2024" in found["sources.melderegister"]
    assert found["sources.schulamt"] == "no reference date"
    late = {f.place: f.text for f in check(county, today=dt.date(2031, 1, 1))}
    assert "years back" in late["sources.jobcenter"]


def _named(county: Any) -> list[str]:
    from geodata.catalogue import named_files

    return list(named_files(county))
