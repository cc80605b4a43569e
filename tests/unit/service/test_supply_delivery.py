"""The whole way of a delivery: template, filled in, checked, taken over, read with earlier years, and back out."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import FormatError, MissingFileError
from geodata.supply.reading import read_joined
from tests.unit.service.test_supply_command import home, line_of, run

if TYPE_CHECKING:
    from service.workflows.run import RunReport

__all__ = ["home"]

Value = Callable[[int, int, int], object]


def steady(row: int, column: int, year: int) -> object:
    """Figures that nothing is to be said of."""
    return 4000 + year - 10 * column + row


def fill(path: Path, value: Value = steady) -> Path:
    book = openpyxl.load_workbook(path)
    page = book["Leistungen"]
    for row in range(6, page.max_row + 1):
        for column in range(4, 7):
            page.cell(row, column).value = value(row, column, page.cell(row, 3).value)
    for row, answer in ((4, "Controlling"), (5, "ja"), (6, "nein")):
        book["Begleitangaben"][f"B{row}"] = answer
    book.save(path)
    return path


def delivered(home: Path, years: str, name: str, value: Value = steady) -> Path:
    done = run("template", "jobcenter", "--periods", years, "--out", home / name, cwd=home)
    assert done.exit_code == 0, done.output
    return fill(home / name, value)


def accept(home: Path, path: Path) -> str:
    done = run("accept", path, cwd=home)
    assert done.exit_code == 0, done.output
    return done.stderr


def figures(home: Path) -> pd.DataFrame:
    table = read_joined(load_county(home), "mindestsicherung").table
    return table.pivot_table(index=["variable", "area_id"], columns="period", values="value", dropna=False)


def state_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.xlsx")}


def test_a_new_year_joins_the_old_ones_and_comes_out_again(
    home: Path, tiny_run: tuple[Path, RunReport], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from service.cli import main

    before = figures(home)
    years = list(before.columns)
    new = max(years) + 1
    path = delivered(home, str(new), "a.xlsx")
    assert accept(home, path).count("Lieferung 1 übernommen") == 1
    after = figures(home)
    assert list(after.columns) == [*years, new]
    pd.testing.assert_frame_equal(after[years], before)
    page = openpyxl.load_workbook(path)["Leistungen"]
    expected = {page.cell(r, 1).value: page.cell(r, 4).value for r in range(6, page.max_row + 1)}
    assert after.loc["sgb2", new].to_dict() == expected

    state = tmp_path / "state"
    shutil.copytree(tiny_run[0], state, symlinks=True)
    said = CliRunner().invoke(main, ["update", str(home), "--state", str(state), "--json"])
    assert said.exit_code == 0, said.output
    report = json.loads(said.stdout)
    assert {(r["variable"], r["year"]) for r in report["new"]} >= {("sgb2", new), ("sgb2_kinder", new)}
    assert report["gone"] == []
    assert report["revised"] == []
    (file,) = [f["file"] for f in report["files"] if f["state"] == "new"]
    assert file.startswith(f"lieferungen/jobcenter-{new}-")

    gone = run("withdraw", "1", cwd=home)
    assert gone.exit_code == 0, gone.output
    pd.testing.assert_frame_equal(figures(home), before)
    assert (home / "lieferungen" / "zurueckgezogen" / Path(file).name).read_bytes() == path.read_bytes()
    assert "eine Lieferung wurde am" in line_of(home, new)
    assert run("withdraw", "1", cwd=home).exit_code == 3
    accept(home, path)  # and in again, as the newest
    assert run("list", cwd=home).stdout.split()[0] == "2"
    pd.testing.assert_frame_equal(figures(home), after)


@pytest.mark.slow
def test_a_run_publishes_both_years(home: Path, tmp_path: Path) -> None:
    from service.workflows.run import run as run_county

    new = max(figures(home).columns) + 1
    accept(home, delivered(home, str(new), "a.xlsx"))
    report = run_county(home, state=tmp_path / "state", maps=())
    kept = pd.read_parquet(report.folder / "internal" / "inputs" / "figures.parquet")
    assert {new - 1, new} <= set(kept.loc[kept["variable"] == "sgb2", "period"])
    sheet = (report.folder / "public").rglob("*")
    names = [p for p in sheet if p.is_file() and b"lieferungen/jobcenter" in p.read_bytes()]
    assert names == []  # the name of a delivery holds a part of its checksum


def test_the_newer_delivery_counts_and_the_change_is_named(home: Path) -> None:
    year = int(max(figures(home).columns))
    old = figures(home)[year]
    accept(home, delivered(home, str(year), "a.xlsx"))
    first = state_of(home / "lieferungen")

    def corrected(row: int, column: int, year: int) -> object:
        return None if (row, column) == (6, 4) else 1 if (row, column) == (7, 4) else steady(row, column, year)

    path = delivered(home, f"{year}-{year + 1}", "b.xlsx", corrected)
    checked = run("check", path, cwd=home)
    assert f"Ein Wert für {year} ist ein anderer, als bisher bekannt: D7." in checked.stdout
    accept(home, path)
    assert first.items() < state_of(home / "lieferungen").items()  # nothing was overwritten
    county = load_county(home)
    found = read_joined(county, "mindestsicherung")
    page = openpyxl.load_workbook(path)["Leistungen"]
    one, two = page["A6"].value, page["A7"].value
    now = figures(home)[year]["sgb2"]
    assert now[two] == 1
    assert now[one] == steady(6, 4, year)  # a blank replaces nothing
    assert now[one] != old["sgb2"][one]
    notes = [note for note in found.notes if note.startswith("delivery 2")]
    assert notes == [
        f"delivery 2 of jobcenter for {year}, {year + 1} replaces 1 earlier value: sgb2 {year} in {two}",
        f"delivery 2 of jobcenter for {year}, {year + 1} leaves 1 cells blank; what was known of them stays",
    ]
    assert run("withdraw", "2", cwd=home).exit_code == 0
    assert figures(home)[year]["sgb2"][two] == steady(7, 4, year)


def test_the_same_file_twice_is_one_delivery_with_one_receipt(home: Path) -> None:
    path = delivered(home, "2026", "a.xlsx")
    for _ in range(3):
        assert run("check", path, cwd=home).exit_code == 0
    accept(home, path)
    again = shutil.copy(path, home / "unter anderem Namen.xlsx")
    assert "war schon übernommen" in accept(home, Path(again))
    folder = home / "lieferungen"
    (receipt,) = folder.glob("*.json")
    assert len(list(folder.glob("*.txt"))) == len(state_of(folder)) == 1
    history = json.loads(receipt.read_text(encoding="utf-8"))["history"]
    assert [(event["what"], event["times"]) for event in history] == [("geprüft", 4), ("übernommen", 1), ("geprüft", 1)]
    assert len(load_county(home).accepted) == 1


def test_a_later_rejected_try_reads_clearly(home: Path) -> None:
    accept(home, delivered(home, "2026", "a.xlsx"))
    bad = delivered(home, "2026", "b.xlsx", lambda row, column, _: -1 if (row, column) == (6, 4) else 5)
    assert run("accept", bad, cwd=home).exit_code == 3
    line = line_of(home, 2026)
    assert line.startswith("erledigt")
    assert "ein späterer Versuch am" in line
    assert line.endswith("wurde zurückgewiesen, die übernommene Lieferung gilt weiter")
    assert len(state_of(home / "lieferungen")) == 1  # what is rejected is not kept


def test_a_delivery_that_somebody_changed_or_removed_stops_the_county(home: Path) -> None:
    path = delivered(home, "2026", "a.xlsx")
    accept(home, path)
    (kept,) = (home / "lieferungen").glob("*.xlsx")
    fill(kept, lambda *_: 3)
    with pytest.raises(FormatError, match="somebody changed it"):
        read_joined(load_county(home), "mindestsicherung")
    foreign = run("withdraw", kept.name, cwd=home)
    assert foreign.exit_code == 0, foreign.output
    accept(home, path)
    kept.unlink()
    with pytest.raises(MissingFileError, match=kept.name):
        load_county(home)
    assert "die Datei fehlt" in run("list", cwd=home).stdout
    assert run("withdraw", kept.name, cwd=home).exit_code == 0
    load_county(home)


def test_another_file_in_its_place_is_not_overwritten(home: Path) -> None:
    path = delivered(home, "2026", "a.xlsx")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    there = home / "lieferungen" / f"jobcenter-2026-{digest}.xlsx"
    there.parent.mkdir()
    there.write_bytes(b"something else")
    done = run("accept", path, cwd=home)
    assert done.exit_code == 3
    assert "nie überschrieben" in done.output
    assert there.read_bytes() == b"something else"
    assert load_county(home).accepted == ()


def test_deliveries_lie_beside_the_county_wherever_its_data_are(home: Path, tmp_path: Path) -> None:
    accept(home, delivered(home, "2026", "a.xlsx"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "data").rename(elsewhere / "data")
    assert 2026 in set(read_joined(load_county(home, data=elsewhere), "mindestsicherung").table["period"])


def test_headings_may_change_after_a_delivery_was_taken_over(home: Path) -> None:
    accept(home, delivered(home, "2026", "a.xlsx"))
    before = figures(home)[2026]
    toml = (home / "county.toml").read_text(encoding="utf-8")
    path = home / "data" / "fachdienste" / "mindestsicherung.xlsx"
    new = toml.replace('file = "data/fachdienste/mindestsicherung.xlsx"', "").replace(
        'column = "darunter unter 15 Jahre"', 'column = "Kinder"'
    )
    (home / "county.toml").write_text(new, encoding="utf-8")
    assert path.is_file()
    pd.testing.assert_series_equal(figures(home)[2026], before)


def test_hints_name_the_cell_and_no_figure(home: Path) -> None:
    year = int(max(figures(home).columns)) + 1

    def odd(row: int, column: int, year: int) -> object:
        special: dict[tuple[int, int], Any] = {(8, 4): 77777, (9, 5): 9711, (10, 4): None, (10, 5): None, (10, 6): None}
        return 0 if column == 6 and row != 10 else special.get((row, column), steady(row, column, year))

    toml = (home / "county.toml").read_text(encoding="utf-8")
    path = delivered(home, f"{year}-{year + 1}", "a.xlsx", odd)
    said = run("check", path, cwd=home)
    assert said.exit_code == 0, said.output
    assert "Zelle E9: Der Wert ist größer als der in „Leistungsberechtigte SGB II“, von dem er ein" in said.stdout
    assert f"Zelle D8: Der Wert ist mehr als 2-mal so hoch wie der von {year - 1}" in said.stdout
    assert f"Spalte F: „Grundsicherung im Alter (SGB XII)“ ist {year} überall 0" in said.stdout
    assert "Zeile 10: Für das Gebiet" in said.stdout
    assert not [number for number in ("77777", "9711") if number in said.stdout]
    # The threshold is a setting; inside the file the years were compared, too.
    assert f"wie der von {year}" not in said.stdout
    (home / "county.toml").write_text(toml + "\n[supply]\njump = 1000\nsmallest = 1e6\n", encoding="utf-8")
    assert "Der Wert ist mehr als" not in run("check", path, cwd=home).stdout


def test_a_correction_is_recognised_and_the_calendar_counts_cells_of_all_deliveries(home: Path) -> None:
    one = delivered(home, "2025", "a.xlsx", lambda row, column, year: 900 if (row, column) == (6, 4) else None)
    assert "Für 2025 ist schon" not in run("check", one, cwd=home).stdout
    accept(home, one)
    assert line_of(home, 2025).startswith("unvollständig")
    assert line_of(home, 2025).endswith("unvollständig: 1 von 108 Zellen")
    assert "Für 2025 ist schon" not in run("check", one, cwd=home).stdout  # it does not correct itself
    two = delivered(home, "2025", "b.xlsx", lambda row, column, year: 40 if column == 5 else None)
    said = run("check", two, cwd=home).stdout
    assert "Für 2025 ist schon eine Lieferung übernommen; diese hier berichtigt sie" in said
    assert "72 von 108 Zellen sind leer; sie behalten den früher gelieferten Wert" in said
    assert "eine 0 eintragen" not in said
    accept(home, two)
    assert line_of(home, 2025).endswith("unvollständig: 37 von 108 Zellen")
    for number in ("1", "2"):
        assert run("withdraw", number, cwd=home).exit_code == 0
    three = delivered(home, "2025", "c.xlsx")
    assert run("check", three, cwd=home).exit_code == 0
    assert line_of(home, 2025).startswith("geprüft")
    assert "eine Lieferung wurde am" in line_of(home, 2025)
    accept(home, three)
    assert line_of(home, 2025).startswith("erledigt")


def test_the_template_shows_what_was_known(home: Path) -> None:
    known = figures(home)
    year = int(max(known.columns))
    done = run("template", "jobcenter", "--periods", f"{year + 1}-{year + 2}", "--compare", "--out", "v.xlsx", cwd=home)
    assert done.exit_code == 0, done.output
    page = openpyxl.load_workbook(home / "v.xlsx")["Letzte Werte"]
    shown = {(r[1], r[3]): (r[4], r[5]) for r in page.iter_rows(min_row=5, values_only=True)}
    area = str(known.loc["sgb2"].index[0])
    assert shown[area, "Leistungsberechtigte SGB II"] == (year, known.loc["sgb2"][year][area])
    assert len(shown) == len(known)
    accept(home, fill(home / "v.xlsx"))
    for wrong in ("2025-2023", "1889", "x", "2023-2300"):
        assert run("template", "jobcenter", "--periods", wrong, cwd=home).exit_code == 2


def test_a_crash_before_the_receipt_leaves_nothing_that_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import geodata.supply.accept

    path = delivered(home, "2026", "a.xlsx")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(geodata.supply.accept, "write_receipt", full)
        assert run("accept", path, cwd=home).exit_code == 1
    assert load_county(home).accepted == ()
    assert "nicht übernommen und nicht gelesen: lieferungen/jobcenter-2026-" in run("list", cwd=home).stdout
    accept(home, path)
    assert 2026 in figures(home).columns
    assert "nicht übernommen" not in run("list", cwd=home).stdout


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/passwd"}, {"number": "x"}, {"accepted": "gestern"}, {"forms": [{"table": "x"}]},
        {"forms": None}, {"file": None},
    ],
)  # fmt: skip
def test_a_broken_receipt_stops_the_county_instead_of_losing_a_year(home: Path, change: dict[str, object]) -> None:
    accept(home, delivered(home, "2026", "a.xlsx"))
    (receipt,) = (home / "lieferungen").glob("*.json")
    raw = json.loads(receipt.read_text(encoding="utf-8"))
    raw["delivery"] |= change
    receipt.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(FormatError, match="keine Quittung"):
        load_county(home)
    receipt.write_text(json.dumps(raw | {"delivery": None}), encoding="utf-8")
    assert load_county(home).accepted == ()


def test_a_department_may_deliver_some_columns_of_a_table(home: Path) -> None:
    toml = (home / "county.toml").read_text(encoding="utf-8")
    (home / "county.toml").write_text(
        toml.replace('delivers = ["mindestsicherung"]', 'delivers = ["sgb2", "grundsicherung_65"]'), encoding="utf-8"
    )
    run("template", "jobcenter", "--period", 2026, "--out", "v.xlsx", cwd=home)
    book = openpyxl.load_workbook(home / "v.xlsx")
    assert book["Leistungen"]["F5"].value is None
    for row in book["Leistungen"].iter_rows(min_row=6, min_col=4, max_col=5):
        row[0].value, row[1].value = 50, 20
    for at, answer in ((4, "Controlling"), (5, "ja"), (6, "nein")):
        book["Begleitangaben"][f"B{at}"] = answer
    book.save(home / "v.xlsx")
    accept(home, home / "v.xlsx")
    found = figures(home)[2026].groupby(level="variable").sum(min_count=1)
    assert (found["sgb2"], found["grundsicherung_65"]) == (36 * 50, 36 * 20)
    assert pd.isna(found["sgb2_kinder"])


def test_the_accepted_file_puts_a_lost_one_back_and_never_replaces_a_changed_one(home: Path) -> None:
    path = delivered(home, "2026", "a.xlsx")
    accept(home, path)
    before = figures(home)
    (kept,) = (home / "lieferungen").glob("*.xlsx")
    kept.unlink()
    assert "Lieferung 1 war schon übernommen, ihre Datei fehlte und liegt wieder da" in accept(home, path)
    pd.testing.assert_frame_equal(figures(home), before)
    fill(kept, lambda *_: 3)
    changed = kept.read_bytes()
    done = run("accept", path, cwd=home)
    assert done.exit_code == 3
    assert "nie überschrieben" in done.output
    assert kept.read_bytes() == changed


def test_deliveries_taken_over_at_once_all_count_and_have_numbers_of_their_own(home: Path) -> None:
    new = max(figures(home).columns) + 1
    paths = [delivered(home, str(new + n), f"{n}.xlsx") for n in range(3)]
    command = [sys.executable, "-m", "service.cli", "supply", "accept"]
    started = [subprocess.Popen([*command, str(path)], cwd=home, stderr=subprocess.PIPE) for path in paths]
    said = [one.communicate(timeout=120)[1] for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], said
    assert sorted(each.number for each in load_county(home).accepted) == [1, 2, 3]
    assert {new, new + 1, new + 2} <= set(figures(home).columns)


def test_a_folder_that_somebody_else_holds_is_waited_for_and_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geodata.supply import receipt

    path = delivered(home, str(max(figures(home).columns) + 1), "a.xlsx")
    monkeypatch.setattr(receipt, "PATIENCE", 0.2)
    with receipt.alone(home / "lieferungen"):
        done = run("accept", path, cwd=home)
    assert done.exit_code == 3
    assert "schreibt jemand anderes" in done.stderr
    assert "Lieferung 1 übernommen" in accept(home, path)
