"""Maps of ``sozialmonitor disaggregate --maps``: modelled is told from counted, gaps and fallbacks stand out."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from shapely import box

from service.cartography import legend, palettes
from service.workflows import diagnostics
from service.workflows.disaggregate import Outcome, Task


def zones(columns: int, rows: int, size: float) -> gpd.GeoDataFrame:
    cells = [
        box(600_000 + i * size, 5_700_000 + j * size, 600_000 + (i + 1) * size, 5_700_000 + (j + 1) * size)
        for i in range(columns)
        for j in range(rows)
    ]
    return gpd.GeoDataFrame(geometry=cells, crs=25832)


@pytest.fixture
def case() -> tuple[Task, Outcome, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    sources, targets = zones(3, 2, 2000.0), zones(6, 4, 1000.0)
    sources["a/b"] = [100.0, 200, 300, 400, 500, np.nan]
    value = pd.Series(np.arange(24) * 10.0)
    value[20:] = np.nan
    table = pd.DataFrame(
        {
            "a/b": value,
            "a/b_lower": value * 0.8,
            "a/b_upper": value * 1.3,
            "a/b_kappa": [1.0] * 20 + [0.7, 0.7, 0.2, np.nan],
            "a/b_per_n": np.repeat([0.1, 0.2, 0.3], 8),
            "a/b_per_n_kappa": 1.0,
            "provenance": ["ancillary"] * 18 + ["mask"] * 2 + ["area"] * 3 + ["none"],
        }
    )
    task = Task(
        "s.gpkg",
        "t.gpkg",
        extensive=("a/b",),
        rates=(("a/b", "n"),),
        weights="x/people.tif",
        weights_year=2011,
        year=2015,
        intervals=90,
    )
    return task, Outcome(table, {}, {"a/b": "dasymetric"}), sources, targets


@pytest.fixture
def contents(case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the maps show, by file, drawn as blanks."""
    seen = []
    monkeypatch.setattr(diagnostics, "render_png", lambda content, dpi: seen.append(content) or b"")
    task, outcome, sources, targets = case
    paths = diagnostics.write_maps(tmp_path, task, outcome, sources, targets, "de")
    return dict(zip([path.stem for path in paths], seen, strict=True))


def test_every_column_gets_its_maps_and_only_one_is_counted(contents):
    assert list(contents) == [
        "a_b-gezaehlt",
        "a_b-modelliert",
        "a_b-intervall",
        "a_b_per_n-modelliert",
        "a_b-kappa",
        "a_b_per_n-kappa",
        "provenienz",
    ]
    assert [name for name, c in contents.items() if not c.is_modelled] == ["a_b-gezaehlt"]
    for name, content in contents.items():
        assert content.draft
        assert content.caveat
        assert legend.build(content).modelled == (name != "a_b-gezaehlt")
        assert ("gezählt" in content.title) == (name == "a_b-gezaehlt")
    assert "3 verschiedene" in contents["a_b_per_n-modelliert"].headline
    assert "people.tif (2011)" in " ".join(contents["a_b-modelliert"].describe)
    assert contents["a_b-modelliert"].method == "nach den Hilfsdaten"


def test_width_is_relative_and_gaps_and_fallbacks_are_counted(contents):
    assert "90-%-Intervall" in contents["a_b-intervall"].headline
    assert "50 %" in contents["a_b-intervall"].headline

    def rows(name: str) -> dict[str, tuple[int, str]]:
        return {entry.label: (entry.count, entry.hatch) for entry in legend.build(contents[name]).entries}

    known = rows("a_b-kappa")
    assert [count for count, _ in known.values()] == [20, 2, 1, 1]
    assert known["weniger als zur Hälfte"] == (1, "x")
    assert "3 von 24" in contents["a_b-kappa"].headline
    assert contents["a_b_per_n-kappa"].headline == "In allen 24 Gebieten liegen alle Ausgangszahlen vor."
    by = rows("provenienz")
    assert by["gleichmäßig über die Fläche"] == (3, "x")
    assert by["kein Quellgebiet"] == (1, "/")
    assert "5 von 24" in contents["provenienz"].headline


def test_intervals_that_rest_on_little_say_so(case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    task, outcome, sources, targets = case
    seen = []
    monkeypatch.setattr(diagnostics, "render_png", lambda content, dpi: seen.append(content.headline) or b"")
    diagnostics.write_maps(tmp_path, task, replace(outcome, indicative=frozenset(["a/b"])), sources, targets, "de")
    assert [headline.startswith("Nur ein Anhaltspunkt") for headline in seen].count(True) == 1


def test_density_is_per_square_kilometre(contents):
    features = [f["properties"]["value"] for f in json.loads(contents["a_b-gezaehlt"].features)["features"]]
    assert features == [25.0, 50.0, 75.0, 100.0, 125.0, None]


def test_pictures_are_drawn_and_fallbacks_are_seen(case, tmp_path: Path):
    task, outcome, sources, targets = case
    paths = diagnostics.write_maps(tmp_path / "new", task, outcome, sources, targets, "en")
    pictures = {path.stem: imread(io.BytesIO(path.read_bytes()), format="png")[:, :, :3] for path in paths}

    def share(name: str, colour: str) -> float:
        wanted = np.array(palettes.rgb(colour)) / 255
        return float((np.abs(pictures[name] - wanted).max(axis=2) < 0.01).mean())

    assert share("provenienz", diagnostics.LOOKS["area"].colour) > 0.005
    assert share("a_b_per_n-kappa", diagnostics.KAPPA["poor"].colour) == 0
    assert share("a_b_per_n-kappa", diagnostics.KAPPA["complete"].colour) > 0.1


def test_a_folder_that_cannot_be_made_is_named(case, tmp_path: Path):
    from geodata.errors import ConfigError

    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="folder"):
        diagnostics.write_maps(tmp_path / "file", *case, "de")
