"""``sozialmonitor supply`` from outside, and what it leaves behind: counts, and nothing of anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from service.cli import main

#: Planted into every row: should one of these turn up anywhere, something leaked.
SECRETS = ("Zwackelmann", "Kunigunde", "Geheimgasse", "14.02.1961", "1961-02-14", "21402BG0012345")
STREETS = "Straße;von;bis;Seite;Schlüssel\nGeheimgasse;1;99;ungerade;9990100101\nGeheimgasse;2;98;gerade;9990100102\n"


def people(path: Path, rows: int = 40) -> Path:
    """Write a register; one in ten lives nowhere known."""
    lines = ["Nachname;Vorname;Geburtsdatum;BG-Nummer;Straße;Hausnummer;Geschlecht"]
    for n in range(rows):
        street = "Geheimgasse" if n % 10 else "Zwackelmannweg"
        lines.append(f"Zwackelmann;Kunigunde;14.02.1961;21402BG0012345;{street};{n % 60 + 1};{'wm'[n % 2]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def leaks(folder: Path) -> list[str]:
    """Name every file under a folder that holds a secret, packed or not, in any usual encoding."""
    needles = [secret.encode(code) for secret in SECRETS for code in ("utf-8", "utf-16-le", "latin-1")]
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        parts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        if any(needle in part for part in parts for needle in needles) or any(s in path.name for s in SECRETS):
            found.append(str(path.relative_to(folder)))
    return found


def run(*arguments: object, cwd: Path | None = None) -> Result:
    before = Path.cwd()
    os.chdir(cwd or before)
    try:
        return CliRunner().invoke(main, ["supply", *map(str, arguments)])
    finally:
        os.chdir(before)


COUNT = ("--by", "year=2025", "--by", "sex=Geschlecht", "--by", "age=Geburtsdatum", "--ages", "15,65")


@pytest.fixture
def home(tiny_county: Path, tmp_path: Path) -> Path:
    """A county's folder of its own, so that receipts of one test are not another's."""
    folder = tmp_path / "kreis"
    folder.mkdir()
    (folder / "county.toml").write_bytes((tiny_county / "county.toml").read_bytes())
    (folder / "data").symlink_to(tiny_county / "data")
    return folder


def fill(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for row in book["Leistungen"].iter_rows(min_row=6, min_col=4, max_col=6):
        for cell in row:
            cell.value = 19 - cell.column
    for row, answer in ((4, "Controlling"), (5, "ja"), (6, "nein")):
        book["Begleitangaben"][f"B{row}"] = answer
    book.save(path)


def test_from_the_template_to_the_calendar(home: Path) -> None:
    done = run("template", "jobcenter", "--period", 2025, cwd=home)
    assert (done.exit_code, done.stdout) == (0, "jobcenter_2025.xlsx\n")
    late = json.loads(run("calendar", "--today", "2026-04-15", "--json", cwd=home).stdout)["deliveries"]
    assert ("jobcenter", 2025, "überfällig", -15) in {
        (d["department"], d["period"], d["state"], d["days"]) for d in late
    }

    empty = run("check", "jobcenter_2025.xlsx", cwd=home)
    assert empty.exit_code == 3
    assert "Blatt 'Begleitangaben', Zelle B4" in empty.stdout
    fill(home / "jobcenter_2025.xlsx")
    checked = run("check", "jobcenter_2025.xlsx", "--json", cwd=home)
    assert checked.exit_code == 0, checked.output
    receipt = json.loads(checked.stdout)
    assert receipt["verdict"] == "angenommen mit Hinweisen"  # invented figures jump against those of 2024
    assert all("mal so hoch" in r["message"] or "dieser Art (Sprung" in r["message"] for r in receipt["remarks"])
    assert receipt["counts"] == {"mindestsicherung": {"observed": 36 * 3}}
    assert len(list((home / "lieferungen").glob("*.quittung.txt"))) == 2

    assert line_of(home, 2025).startswith("geprüft")
    assert "noch nicht übernommen" in line_of(home, 2025)
    taken = run("accept", "jobcenter_2025.xlsx", cwd=home)
    assert taken.exit_code == 0, taken.output
    assert len(list((home / "lieferungen").glob("*.quittung.txt"))) == 2  # one receipt a content
    line = line_of(home, 2025)
    assert line.startswith("erledigt")
    assert "eingegangen am" in line


def line_of(home: Path, year: int) -> str:
    said = run("calendar", "--today", "2099-12-31", cwd=home).stdout
    return next(line for line in said.splitlines() if "Jobcenter" in line and f" {year} " in line)


def test_a_template_of_another_state_of_the_county_is_sent_back(home: Path) -> None:
    run("template", "jobcenter", "--period", 2025, cwd=home)
    fill(home / "jobcenter_2025.xlsx")
    toml = (home / "county.toml").read_text(encoding="utf-8")
    (home / "county.toml").write_text(
        toml.replace('column = "darunter unter 15 Jahre"', 'column = "unter 15"'), "utf-8"
    )
    done = run("check", "jobcenter_2025.xlsx", cwd=home)
    assert done.exit_code == 3
    assert "Spalten von 'Leistungen' geändert" in done.stdout
    alone = run("check", home / "jobcenter_2025.xlsx", cwd=home.parent)  # without county.toml: against itself
    assert alone.exit_code == 0, alone.output
    assert "nur gegen die Vorlage selbst" in alone.stderr


def test_usage_and_refusals_have_their_codes(home: Path, tmp_path: Path) -> None:
    assert run("template", "bauamt", cwd=home).exit_code == 3
    assert run("template", "jobcenter", cwd=tmp_path).exit_code == 3  # no county here
    assert run("check", tmp_path / "none.xlsx", cwd=home).exit_code == 3
    register = people(tmp_path / "r.csv")
    assert run("aggregate", register, "--by", "sex=Geschlecht", "--out", tmp_path / "o.csv").exit_code == 2
    assert run("aggregate", register, "--by", "year", "--out", tmp_path / "o.csv").exit_code == 2
    assert run("aggregate", register, *COUNT, "--ages", "x", "--out", tmp_path / "o.csv").exit_code == 2
    assert run("aggregate", register, *COUNT, "--out", tmp_path / "o.csv").exit_code == 3  # no list of areas
    assert run("aggregate", register, *COUNT, "--out", register).exit_code == 3  # never overwritten
    assert leaks(tmp_path) == ["r.csv"]


def test_counts_leave_and_nothing_else(home: Path, tmp_path: Path) -> None:
    run("template", "jobcenter", "--period", 2025, "--out", tmp_path / "v.xlsx", cwd=home)
    (tmp_path / "s.csv").write_text(STREETS, encoding="utf-8")
    register = people(tmp_path / "r.csv")
    out = tmp_path / "o.csv"
    done = run(
        "aggregate",
        register,
        *COUNT,
        "--addresses",
        tmp_path / "s.csv",
        "--template",
        tmp_path / "v.xlsx",
        "--out",
        out,
    )
    assert done.exit_code == 0, done.output
    assert "40 Zeilen gelesen, 36 gezählt, 4 nicht zugeordnet" in done.stdout
    assert not [secret for secret in SECRETS if secret in done.output]
    assert leaks(tmp_path) == ["r.csv", "s.csv"]
    assert out.stat().st_mode & 0o077 == 0
    lines = out.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith(
        "Ortsteilschlüssel;Gebiet;Jahr;Anzahl;weiblich;männlich;divers;ohne Angabe;unter 15 Jahre"
    )
    assert len(lines) == 37
    # n % 10 == 0 lives nowhere; house numbers n + 1: odd numbers are even n, women, area 1.
    assert lines[1].split(";")[3:8] == ["16", "16", "0", "0", "0"]
    assert lines[2].split(";")[3:8] == ["20", "0", "20", "0", "0"]


def test_small_counts_stay_behind_if_asked(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(STREETS, encoding="utf-8")
    register = people(tmp_path / "r.csv", rows=4)  # one in area 1, two in area 2
    out = tmp_path / "o.csv"
    done = run("aggregate", register, *COUNT, "--addresses", tmp_path / "s.csv", "--suppress", "--out", out)
    assert done.exit_code == 0, done.output
    rows = [line.split(";")[3:] for line in out.read_text(encoding="utf-8-sig").splitlines()[1:]]
    assert all(set(row) == {"."} for row in rows)


def test_an_error_of_a_library_says_its_kind_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import geodata.supply.aggregate

    def break_down(*_: object, **__: object) -> None:
        raise ValueError("could not convert string to float: 'Zwackelmann'")

    monkeypatch.setattr(geodata.supply.aggregate, "aggregate", break_down)
    (tmp_path / "s.csv").write_text(STREETS, encoding="utf-8")
    out = tmp_path / "o.csv"
    done = run("aggregate", people(tmp_path / "r.csv"), *COUNT, "--addresses", tmp_path / "s.csv", "--out", out)
    assert done.exit_code == 1
    assert "ValueError" in done.output
    assert "Zwackelmann" not in done.output
    assert not out.exists()


def sandboxed(box: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """Start the command with its home, cache, temporary and working folder inside ``box``."""
    for name in ("home", "tmp", "cache", "work"):
        (box / name).mkdir(parents=True, exist_ok=True)
    inside = {"HOME": box / "home", "TMPDIR": box / "tmp", "XDG_CACHE_HOME": box / "cache"}
    environment = os.environ | {name: str(path) for name, path in inside.items()} | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", "supply", *map(str, arguments)],
        cwd=box / "work",
        env=environment | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_nothing_is_left_when_it_ends_badly_or_is_killed(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "s.csv").write_text(STREETS, encoding="utf-8")
    register = people(given / "r.csv", rows=60_000)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Auszug")
    for line in register.read_text(encoding="utf-8").splitlines()[:4000]:
        sheet.append(line.split(";"))
    book.save(given / "r.xlsx")
    (given / "broken.csv").write_text(
        register.read_text(encoding="utf-8")[:5000] + "\nZwackelmann;x\n", encoding="utf-8"
    )

    def arguments(name: str, out: Path) -> tuple[object, ...]:
        return ("aggregate", given / name, *COUNT, "--addresses", given / "s.csv", "--out", out)

    for name, code in (("r.xlsx", 0), ("broken.csv", 3)):
        box = tmp_path / name
        process = sandboxed(box, *arguments(name, box / "work" / "o.csv"))
        said = process.communicate(timeout=60)[0].decode()
        assert process.returncode == code, said
        assert not [secret for secret in SECRETS if secret in said]
        assert leaks(box) == []
        left = [p.name for p in box.rglob("*") if p.is_file()]
        assert left == (["o.csv"] if code == 0 else [])

    box = tmp_path / "whole"
    start = time.monotonic()
    process = sandboxed(box, *arguments("r.csv", box / "work" / "o.csv"))
    process.communicate(timeout=60)
    whole = time.monotonic() - start
    assert process.returncode == 0
    expected = (box / "work" / "o.csv").read_bytes()
    killed = 0
    for share in (0.1, 0.25, 0.4, 0.6, 0.85):  # early ones too: the next run may be faster than the one measured
        box = tmp_path / f"kill{share}"
        process = sandboxed(box, *arguments("r.csv", box / "work" / "o.csv"))
        time.sleep(whole * share)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        assert leaks(box) == []
        assert not list((box / "tmp").iterdir())
        left = list((box / "work").iterdir())
        assert [p.name for p in left] in ([], ["o.csv"])
        assert all(p.read_bytes() in (b"", expected) for p in left)
    assert killed >= 2
