"""One row a person is refused under any heading; the same persons counted, and lists of areas, are not."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from geodata.readers.sniff import describe
from geodata.supply.casedata import find_rows
from geodata.supply.days import compact_birth_dates
from geodata.supply.patterns import by_content
from service.cli import main

KEYS = [f"99901001{n:02d}" for n in range(18)]
STREETS = ["Lindenstraße", "Am Kirchberg", "Feldweg", "Zum Sportplatz", "Breite Straße", "Hinter den Höfen", "Ostring"]
GIVEN = ["Petra", "Ayşe", "Karl-Heinz", "Oluwaseun", "Wiebke", "Şükran", "Jörn", "Chinonso", "Anna", "Tjark"]
FAMILY = ["Meier", "Kröger-Hahn", "Okonkwo", "Özdemir", "Brandes", "Wedekind", "Lüddecke", "Sievers", "Hagemann"]


def persons(size: int = 900, seed: int = 1) -> pd.DataFrame:
    """Invented persons with everything that a register has."""
    draw = random.Random(seed)
    born = [dt.date(1935, 1, 1) + dt.timedelta(days=draw.randrange(32_000)) for _ in range(size)]
    given, family = (draw.choices(names, k=size) for names in (GIVEN, FAMILY))
    return pd.DataFrame(
        {
            "Schlüssel": draw.choices(KEYS, k=size),
            "Jahr": "2025",
            "id": [f"BG{n:06d}" for n in draw.sample(range(900_000), size)],
            "file": [f"{draw.randrange(10**8):08x}" for _ in range(size)],
            "comma": [f"{b}, {a}" for a, b in zip(given, family, strict=True)],
            "plain": [f"{a} {b}" for a, b in zip(given, family, strict=True)],
            "ymd": [f"{day:%Y%m%d}" for day in born],
            "short": [f"{day:%y%m%d}" for day in born],
            "dmy": [f"{day:%d%m%Y}" for day in born],
            "Geb.-Jahr": [str(day.year) for day in born],
            "Alter": [str(2025 - day.year) for day in born],
            "Geschlecht": draw.choices("wmd", weights=(9, 9, 1), k=size),
            "lat": [f"{52 + draw.random():.5f}" for _ in range(size)],
            "lon": [f"{10 + draw.random():.5f}" for _ in range(size)],
            "Wo": [f"{draw.choice(STREETS)} {draw.randrange(1, 140)}{draw.choice(['', '', 'a'])}" for _ in range(size)],
            "Betrag": [f"{draw.uniform(100, 1500):.2f}".replace(".", ",") for _ in range(size)],
            "Wert": "1",
            "first": "Petra",
        }
    )


def found(table: pd.DataFrame, *columns: str) -> set[str]:
    return {f.kind for f in find_rows(list(columns), [table[column].astype("str") for column in columns])}


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (("id", "Wert"), "id"), (("file", "Geschlecht", "Betrag"), "id"), (("id",), "id"),
        (("comma", "Wert"), "name"), (("plain", "Betrag"), "name"), (("first", "Wert"), "rows"),
        (("ymd", "Wert"), "birth"), (("short", "Betrag"), "birth"), (("dmy", "Betrag"), "birth"),
        (("Geb.-Jahr", "Alter", "Geschlecht", "Wert"), "trait"), (("Alter", "Geschlecht"), "trait"),
        (("Geb.-Jahr", "Geschlecht", "Betrag"), "trait"), (("lat", "lon", "Wert"), "point"),
        (("Wo", "Betrag"), "address"), (("Wo", "Wert"), "address"),
    ],
)  # fmt: skip
def test_one_row_a_person_is_refused_by_command_and_no_value_is_printed(
    columns: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    table = persons()
    assert kind in found(table, "Schlüssel", "Jahr", *columns)
    path = tmp_path / "auszug.csv"
    neutral = {name: f"S{n}" for n, name in enumerate(("id", "file", "comma", "plain", "ymd", "short", "dmy", "first"))}
    table[["Schlüssel", "Jahr", *columns]].rename(columns=neutral).to_csv(path, sep=";", index=False)
    for options in ((), ("--json",)):
        result = CliRunner().invoke(main, ["check", *options, str(path)])
        assert result.exit_code == 3, result.output
        assert "supply aggregate" in " ".join(result.output.split())
        for column in columns:
            cells = {cell for cell in table[column] if len(cell) > 4}
            assert not [cell for cell in cells if cell in result.output]


@pytest.mark.parametrize("seed", range(6))
def test_the_same_persons_counted_are_figures(seed: int) -> None:
    table = persons(3000, seed)
    for groups in (["Geschlecht"], ["Alter"], ["Geb.-Jahr", "Geschlecht"], ["Alter", "Geschlecht"], []):
        counts = table.groupby(["Schlüssel", "Jahr", *groups]).size().rename("Anzahl").reset_index().astype("str")
        assert found(counts, *counts.columns) == set(), groups
        counts["Betrag"] = [f"{17.3 * n:.2f}".replace(".", ",") for n in range(len(counts))]
        assert found(counts, *counts.columns) == set(), groups


def test_lists_of_areas_points_and_streets_are_none() -> None:
    size = 540
    draw = random.Random(3)
    areas = pd.DataFrame(
        {
            "PLR_ID": [f"{n:08d}" for n in range(1_100_101, 1_100_101 + size)],
            "NUTS": [f"DE{n % 17:X}{n:02X}" for n in range(size)],
            "BEZ": [f"{n % 12 + 1:02d}" for n in range(size)],
            "Name": [f"{('Groß', 'Klein', 'Bad')[n % 3]} {chr(65 + n % 26)}dorf" for n in range(size)],
            "lat": [f"{52 + draw.random():.5f}" for _ in range(size)],
            "lon": [f"{10 + draw.random():.5f}" for _ in range(size)],
            "cell": [f"CRS3035RES1000mN{2_690_000 + 1000 * n}E4337000" for n in range(size)],
            "EW": [str(draw.randrange(20_000)) for _ in range(size)],
            "Straße": [f"{STREETS[n % 7]} {chr(65 + n % 26)}" for n in range(size)],
            "Schlüssel": draw.choices(KEYS, k=size),
            "von": "", "bis": "", "Alter": [str(38 + n % 9) for n in range(size)],
        }
    )  # fmt: skip
    for columns in (
        ("PLR_ID", "BEZ", "lat", "lon"), ("PLR_ID", "BEZ", "EW"), ("cell", "BEZ", "EW"), ("cell", "BEZ", "Alter"),
        ("Straße", "von", "bis", "Schlüssel"), ("Straße", "Schlüssel"), ("PLR_ID", "Schlüssel"),
        ("PLR_ID", "Alter", "EW"), ("NUTS", "lat", "lon", "EW"), ("PLR_ID", "Name", "EW"),
    ):  # fmt: skip
        assert found(areas, *columns) == set(), columns


def test_keys_and_counts_are_no_days() -> None:
    assert compact_birth_dates(sorted(set(persons()["dmy"])))
    assert not compact_birth_dates(
        [f"{b:02d}{p:02d}{n:02d}" for b in range(1, 13) for p in range(1, 6) for n in range(11, 46)]
    )
    assert not compact_birth_dates([f"0315{n:04d}" for n in range(1, 200)])
    assert not compact_birth_dates([str(n) for n in range(100_000, 990_000, 1711)])
    assert not compact_birth_dates(
        [f"{y}{m:02d}{d}" for y in range(1990, 2026) for m, d in ((3, 31), (6, 30), (9, 30), (12, 31))]
    )


@pytest.mark.parametrize(
    "cells",
    [
        [f"Bezirk {n}" for n in range(1, 60)], [f"{n} EUR" for n in range(40)],
        [f"Wahlbezirk {n:03d}" for n in range(90)],
        [f"{name} {n}" for n, name in enumerate(("Groß Ilsede", "Klein Lafferde", "Bad Rehburg", "Ober Ursel"), 1)],
        ["Lange Straße", "Breite Straße", "Am Markt", "Alte Dorfstraße"],
    ],
)  # fmt: skip
def test_numbered_areas_and_streets_are_no_addresses_or_names(cells: list[str]) -> None:
    assert by_content(cells) is None


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ([f"{n} EUR" for n in range(30)], "'EUR'"),
        ([f"Akte {n} bei {w}" for n, w in zip(range(30), FAMILY * 4, strict=False)], ""),
    ],
)
def test_words_beside_figures_are_named_by_their_unit_only(cells: list[str], shown: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"9990100{n:03d};{cell};{n * 7}" for n, cell in enumerate(cells)]
    path.write_text("Schlüssel;Bemerkung;n\n" + "\n".join(rows) + "\n", encoding="utf-8")
    said = [finding for finding in describe(path).findings if "read as words" in finding]
    assert len(said) == 1
    assert shown in said[0]
    assert not [cell for cell in cells if cell in said[0]]
    assert Counter(said[0])["("] == bool(shown)


def test_free_text_among_figures_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    cells = [str(n) for n in range(40)] + ["Frau Hagemann ist umgezogen", "k. A."]
    path.write_text("Schlüssel;n\n" + "".join(f"9990100{n:03d};{c}\n" for n, c in enumerate(cells)), encoding="utf-8")
    said = " ".join(describe(path).findings)
    assert "neither numbers nor signs: 'k. A.', 1 longer text" in said
    assert "Hagemann" not in said


def test_years_of_birth_are_no_reporting_years(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("Schlüssel;Geb.-Jahr;n\n9990100101;1961;3\n9990100102;1961;4\n", encoding="utf-8")
    assert describe(path).periods == ()
