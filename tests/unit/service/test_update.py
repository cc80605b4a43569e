"""A year later: a changed year, a new year, a removed area, a changed definition, seen before anything is published."""

from __future__ import annotations

import csv
import html
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.store.publication import PublicationStore

if TYPE_CHECKING:
    from service.workflows.run import RunReport
    from service.workflows.update import UpdateReport

ROOT = Path(__file__).resolve().parents[3]
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
    text = found["indicators", "arbeitslosenquote", "definition"]
    assert text.verdict == "text"
    assert text.after["de"] == "Arbeitslose je 100 Einwohner"
    scale = found["indicators", "pflegequote", "scale"]
    assert scale.breaks
    assert (scale.before, scale.after) == (100, 1000)
    assert len(found) == 2


@pytest.mark.parametrize("key", ["numerator", "denominator", "scale", "unit", "kind", "polarity", "breakdown", "level"])
def test_what_a_figure_is_made_of_is_a_break(key: str) -> None:
    from service.workflows.compare import broken

    before = {"indicators": {"quote": {key: "a", "title": "Quote"}}}
    after = {"indicators": {"quote": {key: "b", "title": "Quote"}}}
    (found,) = broken(before, after)
    assert (found.key, found.verdict) == (key, "break")


@pytest.mark.parametrize(
    ("kind", "key", "before", "after", "verdict"),
    [
        ("indicators", "definition", "am 31. Dezember", "am 30. Juni", "text"),
        ("columns", "definition", "Personen", "Haushalte", "text"),
        ("indicators", "title", "Quote", "Anteil", "text"),
        ("legends", "reference_date", "2024-12-31", "2025-06-30", "check"),
        ("legends", "reference_date", "2024-12-31", None, "check"),
        ("legends", "reference_date", "2024-12-31", "2025-12-31", "day"),
        ("levels", "boundary_date", "2024-12-31", "2025-12-31", "check"),
        ("columns", "column", "Arbeitslose", "weiblich", "break"),
        ("legends", "legend", "classic", "lsn-new", "break"),
        ("indicators", "topic", "health", "education", "shown"),
        ("rules", "floor", 100, 200, "shown"),
        ("anything", "unheard of", 1, 2, "break"),
    ],
)
def test_a_changed_text_or_day_is_never_called_harmless(
    kind: str, key: str, before: Any, after: Any, verdict: str
) -> None:
    from service.workflows import compare

    assert compare.verdict(kind, key, before, after) == verdict


def test_a_publication_that_kept_german_texts_only_is_compared_with_the_german_text() -> None:
    from service.workflows.compare import broken

    now = {"indicators": {"quote": {"title": {"de": "Quote", "en": "Rate"}}}}
    assert not list(broken({"indicators": {"quote": {"title": "Quote"}}}, now))
    (found,) = broken({"indicators": {"quote": {"title": "Anteil"}}}, now)
    assert (found.before, found.after) == ("Anteil", "Quote")


def test_a_removed_area_that_is_still_delivered_is_said(report: UpdateReport, later: tuple[Path, Any]) -> None:
    folder, told = later
    assert report.refused is not None
    assert told["removed"] in report.refused.message
    assert report.results is None
    found = {d.file: d for d in report.delivered}
    assert {d.area for d in report.delivered} == {told["removed"]}
    assert {d.level for d in report.delivered} == {"ortsteil"}
    start, at = header(rows_of(folder / REGISTER))
    rows = [r for r in rows_of(folder / REGISTER)[start + 1 :] if str(r[at["Ortsteilschlüssel"]]) == told["removed"]]
    years = [int(r[at["Jahr"]]) for r in rows]
    cells = [r[at[name]] for r in rows for name in ("Arbeitslose", "weiblich", "männlich")]
    register = found[REGISTER]
    assert (register.first, register.last) == (min(years), max(years))
    assert register.figures == sum(isinstance(cell, int | float) for cell in cells)
    assert len(found) >= 4, "every file that still holds it is named"


def test_columns_are_folded_into_one_line_an_indicator_and_year(report: UpdateReport, later: tuple[Path, Any]) -> None:
    told = later[1]
    (found,) = report.changed
    assert (found.id, found.year, found.areas, found.lost) == ("arbeitslosenquote", told["old"], 2, 0)
    assert found.total_before is not None
    assert found.total_after is not None
    assert found.total_after - found.total_before == 41
    assert found.base_after == found.base_before
    assert found.largest is not None
    assert found.largest.area in (told["largest"][0], told["second"][0])
    (new,) = report.fresh
    assert (new.id, new.years) == ("arbeitslosenquote", (told["new"], told["new"]))
    assert new.waits_for == ("von_15_bis_64",), "the register of inhabitants has no such year yet"
    assert new.areas == 0


def test_files_say_what_changed(report: UpdateReport) -> None:
    states = {f.file: f.state for f in report.files}
    assert states[REGISTER] == "changed"
    assert states["data/fachdienste/einwohner.xlsx"] == "same"


def test_numbers_that_would_be_suppressed_are_named(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    """A count of an old year falls to 1: it was shown and would not be any more."""
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
    found = compare_with_current(folder, state=tiny_run[0], results=False)
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
    assert found.results is None
    assert all(f.first for f in found.fresh)
    shown = [bool(f.id) for f in found.fresh if not f.lacking and not f.waits_for]
    assert shown == sorted(shown, reverse=True), "columns that no indicator shows come last"
    (cells,) = [f for f in found.fresh if f.id == "wohnflaeche"]
    assert cells.lacking == (), "cells have no names"
    assert cells.areas > 0
    assert not (tmp_path / "empty").exists(), "a comparison makes no state folder"


def test_the_command_prints_a_table_writes_a_page_and_publishes_nothing(
    later: tuple[Path, dict[str, Any]],
    tiny_run: tuple[Path, RunReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from click.testing import CliRunner

    from service.cli import main

    monkeypatch.setenv("COLUMNS", "90")
    before = snapshot(tiny_run[0])
    page, table = tmp_path / "update.html", tmp_path / "update.csv"
    page.write_text("what stood here before", encoding="utf-8")
    page.chmod(0o644)
    command = ["update", str(later[0]), "--state", str(tiny_run[0])]
    done = CliRunner().invoke(main, [*command, "--html", str(page), "--csv", str(table)])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    flat = " ".join(done.stdout.split())
    for said in ("Arbeitslosenanteil", "Pflegebedürftige", later[1]["removed"], str(later[1]["new"])):
        assert said in flat, said
        assert said in text, said
    assert "Weggefallen, aber weiter geliefert" in flat
    for said in ("Bruch: alte und neue Zahlen bedeuten nicht dasselbe", "Text geändert – prüfen, ob es ein Bruch ist"):
        assert said in text, said
    assert "Wortlaut" not in done.stdout + text
    assert max(map(len, done.stdout.splitlines())) <= 90
    assert "default-src 'none'" in html.unescape(text)
    assert "://" not in text.split("<style>")[0] + text.split("</style>")[1], "the page asks nobody"
    assert "ungesperrte Werte" in text
    for file in (page, table):
        assert file.stat().st_mode & 0o077 == 0, "unsuppressed values are for their owner's eyes"
    english = CliRunner().invoke(main, [*command, "--html", str(page), "--lang", "en", "--no-results"])
    assert english.exit_code == 0
    assert 'lang="en"' in page.read_text(encoding="utf-8")
    words = " ".join(english.stdout.split())
    assert "Removed, yet still delivered" in words
    assert not {"Gebiete", "Indikator", "weggefallen", "Jahr", "Bruch", "geändert"} & set(words.split())
    as_json = CliRunner().invoke(main, [*command, "--json", "--no-results"])
    document = json.loads(as_json.stdout)
    assert document["publication"] == tiny_run[1].publication
    assert document["unchanged"] is False
    assert snapshot(tiny_run[0]) == before
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    (sums,) = [r for r in rows if (r["section"], r["what"]) == ("changed", "numerator")]
    assert float(sums["after"]) - float(sums["before"]) == 41
    told = {r["what"]: int(r["count"]) for r in rows if r["section"] == "changed" and r["count"]}
    (line,) = document["changed"]
    assert told == {what: line[what] for what in ("areas", "lost", "marks")}
    waits = [r["name"] for r in rows if (r["section"], r["what"]) == ("new", "waits_for")]
    assert len(waits) == sum(len(f["waits_for"]) for f in document["fresh"])
    assert {r["area"] for r in rows if r["section"] == "delivered"} == {later[1]["removed"]}


def test_every_word_of_a_report_is_there_in_both_languages(report: UpdateReport) -> None:
    from service.reports.update_view import lead, sections

    german, english = sections(report, "de"), sections(report, "en")
    assert [s.id for s in german] == [s.id for s in english]
    assert [s.id for s in german][:2] == ["refused", "delivered"], "what stops a run comes first"
    for one, other in zip(german, english, strict=True):
        assert len(one.lines) == len(other.lines)
        assert one.title != other.title
        assert all(len(line.cells) == len(one.headings) for line in one.lines)
    assert len(lead(report, "de")) == len(lead(report, "en"))


# ------------------------------------------------------------------------------------------------------- results


@pytest.fixture(scope="module")
def revised(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path_factory: pytest.TempPathFactory
) -> tuple[UpdateReport, Path, Path]:
    """A register in which areas changed places; the comparison, and what a run then really publishes."""
    from service.workflows.run import run
    from service.workflows.update import compare_with_current

    folder = tmp_path_factory.mktemp("revised") / "county"
    shutil.copytree(tiny_county, folder)

    def edit(rows: list[list[Any]]) -> list[list[Any]]:
        start, at = header(rows)
        for row in rows[start + 1 :]:
            count = row[at["Arbeitslose"]]
            if isinstance(count, int) and int(str(row[at["Ortsteilschlüssel"]])[-1]) % 3 == 0:
                row[at["Arbeitslose"]], row[at["weiblich"]], row[at["männlich"]] = count // 4, count // 4, 0
        return rows

    edit_register(folder, edit)
    found = compare_with_current(folder, state=tiny_run[0])
    state = tmp_path_factory.mktemp("revised-state")
    run(folder, state=state, maps=())
    return found, tiny_run[0], state


@pytest.mark.slow
def test_changed_classes_and_labels_are_those_that_a_run_then_publishes(
    revised: tuple[UpdateReport, Path, Path],
) -> None:
    """The oracle reads two GeoPackages, as a GIS would."""
    import geopandas as gpd
    import pyogrio

    found, before, after = revised
    assert found.refused is None
    assert found.results
    old, new = (state / found.county / "publications" / "0001" / "public" / "layers.gpkg" for state in (before, after))
    told = {
        (o.id, o.year): {m.area: (m.before, m.after) for m in o.moved} for o in found.results if o.published == o.year
    }
    seen = 0
    for layer in (name for name in pyogrio.list_layers(new)[:, 0] if "_hotspots_" in name or name.endswith("_index")):
        if layer.endswith("_latest"):
            continue
        field = "status_class" if layer.endswith("ortsteil_index") else "label"
        one, two = (
            gpd.read_file(file, layer=layer, ignore_geometry=True).set_index(["period", "area_id"])
            for file in (old, new)
        )
        if "support" in one and not set(one["support"].dropna()) <= set(one.index.get_level_values("area_id")):
            continue  # painted from larger areas
        for year in sorted(set(one.index.get_level_values("period"))):
            o, n = one.loc[year], two.loc[year]
            own = ~o["context"].astype(bool)
            was, now = o.loc[own, field].fillna(""), n.loc[own, field].fillna("")
            wanted = {a: (was[a], now[a]) for a in was.index if was[a] != now[a]}
            assert told.get((layer, year), {}) == wanted, (layer, year)
            seen += len(wanted)
    assert seen > 5
    assert any(o.kind == "index" and o.moved for o in found.results)
    assert not [key for key, moved in told.items() if not moved]


def test_without_results_nothing_is_computed_and_that_is_said(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], later: tuple[Path, Any]
) -> None:
    from service.reports.update_view import lead
    from service.workflows.update import compare_with_current

    said: list[str] = []
    found = compare_with_current(later[0], state=tiny_run[0], results=False, say=said.append)
    assert found.results is None
    assert not [line for line in said if "Classes" in line]
    assert any("nicht gerechnet" in sentence for sentence in lead(found, "de"))


# ------------------------------------------------------------------------------------------ areas that merge


def test_an_area_that_took_another_in_is_no_revision_and_its_parts_are_named(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    import geopandas as gpd

    from service.reports.update_view import sections
    from service.workflows.update import compare_with_current

    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    file = folder / "data" / "grenzen" / "ortsteile.gpkg"
    areas = gpd.read_file(file)
    own = areas[areas["schluessel"].astype(str).str.startswith("99901")]
    keeps = own.iloc[0]
    gone = own[own["gemeinde_ags"] == keeps["gemeinde_ags"]].iloc[1]
    areas.loc[keeps.name, "geometry"] = keeps.geometry.union(gone.geometry)
    file.unlink()
    areas.drop(index=gone.name).to_file(file, driver="GPKG", layer="ortsteile")
    stays, ended = str(keeps["schluessel"]), str(gone["schluessel"])
    toml = folder / "county.toml"
    before, level, after = toml.read_text(encoding="utf-8").partition('id = "ortsteil"\n')
    toml.write_text(
        before + level + after.replace("boundary_date = 2024-12-31", "boundary_date = 2025-12-31", 1), encoding="utf-8"
    )
    (folder / "territory.toml").write_text(
        f'[[mergers]]\ndate = 2025-07-01\nfrom = ["{stays}", "{ended}"]\nto = "{stays}"\nsource = "erfunden"\n',
        encoding="utf-8",
    )
    found = compare_with_current(folder, state=tiny_run[0], results=False)
    assert found.refused is None
    assert not found.delivered, "territory.toml says where its figures go"
    assert not [t for t in found.changed if t.areas], "a larger area has larger figures: that is no revision"
    made = {m.area: m for m in found.made if m.level == "ortsteil"}
    assert {name.rsplit("(", 1)[1].rstrip(")") for name, _ in made[stays].parts} == {stays, ended}
    assert all(share == 1 for _, share in made[stays].parts)
    (level_changes,) = [s for s in sections(found, "de") if s.id == "area_changes"]
    assert any("Werte aus Vorgängern" in line.cells for line in level_changes.lines)
    (definition,) = found.definitions
    assert (definition.key, definition.verdict) == ("boundary_date", "check")


# ------------------------------------------------------------------------------------- nothing published is lost


def test_input_that_cannot_be_read_ends_with_code_3_and_touches_nothing(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from service.cli import main

    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    whole = (folder / REGISTER).read_bytes()
    (folder / REGISTER).write_bytes(whole[: len(whole) // 2])
    before = snapshot(tiny_run[0])
    page = tmp_path / "update.html"
    page.write_text("the page of last time", encoding="utf-8")
    done = CliRunner().invoke(main, ["update", str(folder), "--state", str(tiny_run[0]), "--html", str(page)])
    assert done.exit_code == 3, done.output
    assert "arbeitslose.xlsx" in done.stderr
    assert "to do" in done.stderr
    assert page.read_text(encoding="utf-8") == "the page of last time"
    assert snapshot(tiny_run[0]) == before


def test_an_interrupted_comparison_leaves_everything_as_it_was(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    before = snapshot(tiny_run[0])
    page = tmp_path / "update.html"
    command = [sys.executable, "-m", "service.cli", "update", str(tiny_county), "--state", str(tiny_run[0])]
    process = subprocess.Popen(
        [*command, "--html", str(page)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[2/3]"):  # in the middle of it
            process.kill()
            break
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert not page.exists()
    assert snapshot(tiny_run[0]) == before
    assert PublicationStore(tiny_run[0], tiny_run[1].county).current().id == tiny_run[1].publication


def test_damaged_kept_inputs_are_said_and_not_taken_for_new(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    from geodata.errors import StoreError
    from service.workflows.update import compare_with_current

    state = tmp_path / "state"
    shutil.copytree(tiny_run[0], state)
    kept = PublicationStore(state, tiny_run[1].county).current().edition_dir("internal") / "inputs" / "figures.parquet"
    kept.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(StoreError, match=r"figures\.parquet"):
        compare_with_current(tiny_county, state=state)


# ----------------------------------------------------------------------------------------------------- the table


@settings(deadline=None)  # seconds belong into benchmarks
@given(
    rows=st.lists(st.lists(st.text("ab é–(", max_size=60), min_size=3, max_size=3), max_size=6),
    width=st.integers(60, 140),
)
def test_a_table_fits_the_terminal_and_loses_no_letter(rows: list[list[str]], width: int) -> None:
    from service.commands.table import table

    lines = table(["", "", ""], rows, width=width)
    assert all(len(line) <= width for line in lines)
    kept = sorted("".join("".join(lines).split()))
    assert kept == sorted("".join("".join(cell for row in rows for cell in row).split()))


def test_what_was_public_is_told_from_what_is_kept_inside(tiny_county: Path, tiny_run: tuple[Path, RunReport]) -> None:
    import pandas as pd

    from geodata.county import load_county
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
