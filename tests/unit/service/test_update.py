"""A year later: a changed year, a new year, a removed area, a changed definition, seen before anything is published."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from service.workflows.run import RunReport
    from service.workflows.update import UpdateReport

REGISTER = "data/fachdienste/arbeitslose.xlsx"
OLD_DEFINITION = 'de = "Arbeitslose (SGB II und III) je 100 Einwohner von 15 bis unter 65 Jahren, 31. Dezember"'


def rows_of(path: Path) -> list[list[Any]]:
    import openpyxl

    return [list(row) for row in openpyxl.load_workbook(path)["Bestand Dezember"].iter_rows(values_only=True)]


def edit_register(folder: Path, edit: Callable[[list[list[Any]]], list[list[Any]]]) -> None:
    """Rewrite the register of unemployed the way a department would deliver it again."""
    import openpyxl

    rows = edit(rows_of(folder / REGISTER))
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Bestand Dezember"
    for row in rows:
        sheet.append(row)
    book.save(folder / REGISTER)


def header(rows: list[list[Any]]) -> tuple[int, dict[str, int]]:
    start = next(i for i, row in enumerate(rows) if "Ortsteilschlüssel" in row)
    return start, {str(name): i for i, name in enumerate(rows[start]) if name}


@pytest.fixture(scope="module")
def later(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The county a year later, and what was done to it."""
    import geopandas as gpd

    folder = tmp_path_factory.mktemp("later") / "county"
    shutil.copytree(tiny_county, folder)
    told: dict[str, Any] = {}

    def edit(rows: list[list[Any]]) -> list[list[Any]]:
        start, at = header(rows)
        key, year, count = at["Ortsteilschlüssel"], at["Jahr"], at["Arbeitslose"]
        body = rows[start + 1 :]
        years = sorted({int(row[year]) for row in body if row[year]})
        old, last = years[0], years[-1]
        numbers = [r for r in body if r[year] == old and isinstance(r[count], int) and r[count] > 20]
        first, second = numbers[:2]
        told["largest"] = (str(first[key]), first[count], first[count] + 40)
        told["second"] = (str(second[key]), second[count], second[count] + 1)
        told["old"], told["new"] = old, last + 1
        first[count] += 40
        second[count] += 1
        # A total by sex that no longer adds up would be another story: the women carry the revision.
        first[at["weiblich"]] += 40
        second[at["weiblich"]] += 1
        fresh = [list(r) for r in body if r[year] == last]
        for row in fresh:
            row[year] = last + 1
        told["areas"] = len(fresh)
        told["total"] = sum(r[count] for r in fresh if isinstance(r[count], int | float))
        return [*rows, *fresh]

    edit_register(folder, edit)
    areas_file = folder / "data" / "grenzen" / "ortsteile.gpkg"
    areas = gpd.read_file(areas_file)
    own = areas[areas["schluessel"].astype(str).str.startswith("99901")]
    gone = own.iloc[-1]
    told["removed"] = str(gone["schluessel"])
    moved = own.iloc[0]
    told["moved"] = str(moved["schluessel"])
    areas.loc[moved.name, "geometry"] = moved.geometry.buffer(-50.0)
    areas_file.unlink()
    areas.drop(index=gone.name).to_file(areas_file, driver="GPKG", layer="ortsteile")
    toml = folder / "county.toml"
    text = toml.read_text(encoding="utf-8")
    assert OLD_DEFINITION in text
    text = text.replace(OLD_DEFINITION, 'de = "Arbeitslose je 100 Einwohner"')
    text = text.replace('numerator = "pflegebeduerftige"\n', 'numerator = "pflegebeduerftige"\nscale = 1000\n', 1)
    toml.write_text(text, encoding="utf-8")
    return folder, told


@pytest.fixture(scope="module")
def report(later: tuple[Path, dict[str, Any]], tiny_run: tuple[Path, RunReport]) -> UpdateReport:
    from service.workflows.update import compare_with_current

    return compare_with_current(later[0], state=tiny_run[0])


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()
    }


def test_unchanged_files_change_nothing(tiny_county: Path, tiny_run: tuple[Path, RunReport]) -> None:
    from service.workflows.update import compare_with_current

    before = snapshot(tiny_run[0])
    found = compare_with_current(tiny_county, state=tiny_run[0])
    assert found.unchanged
    assert found.publication == tiny_run[1].publication
    assert (found.new, found.revised, found.gone, found.definitions, found.areas, found.suppression) == ((),) * 6
    assert snapshot(tiny_run[0]) == before, "a comparison writes nothing into the state folder"


def test_a_changed_year_is_told_with_the_largest_change(report: UpdateReport, later: tuple[Path, Any]) -> None:
    told = later[1]
    (found,) = [r for r in report.revised if r.variable == "arbeitslose"]
    assert (found.year, found.changed, found.filled, found.lost) == (told["old"], 2, 0, 0)
    area, before, after = told["largest"]
    assert found.largest is not None
    assert (found.largest.area, found.largest.before, found.largest.after) == (area, before, after)
    biggest = max([told["largest"], told["second"]], key=lambda t: (t[2] - t[1]) / t[1])
    assert found.relative is not None
    assert found.relative.area == biggest[0]
    assert found.total_before is not None
    assert found.total_after is not None
    assert found.total_after - found.total_before == 41


def test_a_new_year_is_told_with_its_sum_and_the_year_before(report: UpdateReport, later: tuple[Path, Any]) -> None:
    told = later[1]
    (found,) = [r for r in report.new if r.variable == "arbeitslose"]
    assert (found.year, found.first) == (told["new"], False)
    assert found.previous_year == told["new"] - 1
    assert found.total == found.previous_total, "the new year repeats the last one"
    # The removed area still stands in the register, yet no longer among the county's areas.
    assert found.areas + found.missing == told["areas"] - 1
    assert {r.variable for r in report.new} == {"arbeitslose", "arbeitslose_w", "arbeitslose_m"}


def test_a_removed_area_and_a_moved_boundary_are_told(report: UpdateReport, later: tuple[Path, Any]) -> None:
    told = later[1]
    (found,) = [a for a in report.areas if a.level == "ortsteil"]
    assert found.removed == (told["removed"],)
    assert (found.added, found.renamed) == ((), ())
    assert [key for key, _, _ in found.moved] == [told["moved"]]
    assert 0.01 < found.moved[0][2] < 1


def test_a_changed_definition_is_told_and_weighed(report: UpdateReport) -> None:
    found = {(d.kind, d.id, d.key): d for d in report.definitions}
    wording = found["indicators", "arbeitslosenquote", "definition"]
    assert not wording.breaks
    assert wording.after == "Arbeitslose je 100 Einwohner"
    scale = found["indicators", "pflegequote", "scale"]
    assert scale.breaks
    assert (scale.before, scale.after) == (100, 1000)
    assert len(found) == 2


def test_files_say_what_changed(report: UpdateReport) -> None:
    states = {f.file: f.state for f in report.files}
    assert states[REGISTER] == "changed"
    assert states["data/fachdienste/einwohner.xlsx"] == "same"


def test_numbers_that_would_be_suppressed_are_named(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    """A count of an old year falls to 1: it was shown and would not be any more."""
    from geodata.store.publication import PublicationStore
    from service.workflows.compare import split
    from service.workflows.figures import Figures
    from service.workflows.kept import public_of
    from service.workflows.update import compare_with_current

    pd = pytest.importorskip("pandas")
    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    current = PublicationStore(tiny_run[0], tiny_run[1].county).current()
    internal = current.edition_dir("internal")
    known = Figures(split(pd.read_parquet(internal / "inputs" / "figures.parquet")), {})
    shown = public_of(internal, known, current.manifest("internal")["public_variables"]).frames
    told: dict[str, Any] = {}

    def edit(rows: list[list[Any]]) -> list[list[Any]]:
        start, at = header(rows)
        for row in rows[start + 1 :]:
            key, year = str(row[at["Ortsteilschlüssel"]]), int(row[at["Jahr"]])
            if shown["arbeitslose", year].loc[key, "value"] > 20:
                told["area"], told["year"] = key, year
                row[at["Arbeitslose"]], row[at["weiblich"]], row[at["männlich"]] = 1, 1, 0
                break
        return rows

    edit_register(folder, edit)
    found = compare_with_current(folder, state=tiny_run[0])
    (hidden,) = [h for h in found.suppression if h.variable == "arbeitslose" and h.year == told["year"]]
    names = pd.read_parquet(current.edition_dir("internal") / "inputs" / "areas.parquet").set_index("area_id")["name"]
    assert names[told["area"]] in hidden.newly
    assert "arbeitslosenquote" in hidden.indicators


def test_a_first_year_has_nothing_to_be_compared_with(tiny_county: Path, tmp_path: Path) -> None:
    from service.workflows.update import compare_with_current

    found = compare_with_current(tiny_county, state=tmp_path / "empty")
    assert found.publication is None
    assert found.notes
    assert all(r.first for r in found.new)
    assert not (tmp_path / "empty").exists(), "a comparison makes no state folder"


def test_the_command_prints_a_table_writes_a_page_and_publishes_nothing(
    later: tuple[Path, dict[str, Any]], tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from service.cli import main

    before = snapshot(tiny_run[0])
    page = tmp_path / "update.html"
    command = ["update", str(later[0]), "--state", str(tiny_run[0])]
    done = CliRunner().invoke(main, [*command, "--html", str(page)])
    assert done.exit_code == 0, done.output
    for said in ("arbeitslose", "pflegequote", "BREAK", later[1]["removed"], REGISTER, str(later[1]["new"])):
        assert said in done.output, said
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in html.unescape(text)
    assert "://" not in text.split("<style>")[0] + text.split("</style>")[1], "the page asks nobody"
    assert later[1]["removed"] in text
    assert "ungesperrte Werte" in text
    assert page.stat().st_mode & 0o077 == 0, "unsuppressed values are for their owner's eyes"
    english = CliRunner().invoke(main, [*command, "--html", str(page), "--lang", "en"])
    assert english.exit_code == 0
    assert 'lang="en"' in page.read_text(encoding="utf-8")
    as_json = CliRunner().invoke(main, [*command, "--json"])
    document = json.loads(as_json.stdout)
    assert document["publication"] == tiny_run[1].publication
    assert document["unchanged"] is False
    assert snapshot(tiny_run[0]) == before


def test_what_was_public_is_told_from_what_is_kept_inside(tiny_county: Path, tiny_run: tuple[Path, RunReport]) -> None:
    import pandas as pd

    from geodata.county import load_county
    from geodata.store.publication import PublicationStore
    from service.workflows.compare import split
    from service.workflows.figures import Figures
    from service.workflows.kept import public_of
    from service.workflows.read import read_inputs
    from service.workflows.suppress import suppressed_for_public

    current = PublicationStore(tiny_run[0], tiny_run[1].county).current()
    internal = current.edition_dir("internal")
    known = Figures(split(pd.read_parquet(internal / "inputs" / "figures.parquet")), {})
    told = public_of(internal, known, current.manifest("internal")["public_variables"])
    computed = suppressed_for_public(read_inputs(load_county(tiny_county)))
    assert told.frames.keys() == computed.frames.keys()
    hidden = 0
    for key, frame in computed.frames.items():
        mine = told.frames[key].loc[frame.index]
        pd.testing.assert_series_equal(mine["value"], frame["value"], check_dtype=False)
        assert (mine["status"].astype(str) == frame["status"].astype(str)).all()
        hidden += int((frame["status"] == "suppressed").sum())
    assert hidden > 0
