"""The naive map beside the honest one: marked all over, and no number that no table holds."""

from __future__ import annotations

import io
import json
import os
import string
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shapely.geometry import box

from geodata.errors import ConfigError
from service.api.pages import WEB
from service.cartography.classification import hotspot_style
from service.cartography.honest import CAPTIONS, caption, heading
from service.cartography.panels import Panel, render_panels
from service.workflows.pictures import content_of

ROOT = Path(__file__).resolve().parents[3]
NUMBERS = json.loads((WEB / "honest_map.json").read_text(encoding="utf-8"))


def panel(*, wrong: bool = False, language: str = "de") -> Panel:
    corners = [(x, y) for y in range(4) for x in range(4)]
    zones = gpd.GeoDataFrame(
        geometry=[box(500 * x, 500 * y, 500 * x + 500, 500 * y + 500) for x, y in corners], crs=25832
    )
    zones.index = pd.Index([f"a{i}" for i in range(16)])
    rows = pd.DataFrame({"label": ["High-High"] * 4 + ["not significant"] * 12, "state": "tested"}, index=zones.index)
    return Panel(content_of(zones, rows, hotspot_style(), title="", language=language), "Karte", "Text", wrong=wrong)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)


def test_no_piece_of_a_wrong_map_is_without_the_mark() -> None:
    right = pixels(render_panels([[panel()]], title="", width_mm=120, dpi=100))
    wrong = pixels(render_panels([[panel(wrong=True)]], title="", width_mm=120, dpi=100))
    assert right.shape == wrong.shape
    marked = np.abs(right - wrong) > 60
    rows, columns = np.nonzero(marked)
    part = marked[rows.min() : rows.max(), columns.min() : columns.max()]
    pieces = [piece for band in np.array_split(part, 4) for piece in np.array_split(band, 4, axis=1)]
    assert len(pieces) == 16
    assert min(piece.mean() for piece in pieces) > 0.02


def test_the_mark_is_in_the_language_of_the_map() -> None:
    german, english = (
        render_panels([[panel(wrong=True, language=x)]], title="", language=x, width_mm=120, dpi=60)
        for x in ("de", "en")
    )
    assert german != english


def test_equal_maps_give_equal_bytes_and_unequal_rows_are_refused() -> None:
    first, second = (render_panels([[panel(), panel()]], title="T", width_mm=120, dpi=60) for _ in range(2))
    assert first == second
    with pytest.raises(ConfigError, match="equally many"):
        render_panels([[panel()], [panel(), panel()]], title="T")


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_text_takes_its_numbers_from_the_table(language: str) -> None:
    used = set()
    for key, text in CAPTIONS.items():
        used |= {name for _, name, _, _ in string.Formatter().parse(text[language]) if name}
        assert "{" not in caption(key, NUMBERS, language)
    assert used <= set(NUMBERS)
    for name in used - {"year", "noise_naive_share"}:
        changed = {**NUMBERS, name: 7777}
        assert any("7777" in caption(key, changed, language) for key in CAPTIONS), name
    assert str(NUMBERS["honest_tested"]) in heading("honest", NUMBERS, language)


def test_a_missing_number_is_no_blank() -> None:
    with pytest.raises(ConfigError, match="rates"):
        caption("why", {}, "de")
    with pytest.raises(ConfigError, match="naive, honest"):
        heading("other", NUMBERS, "de")


def test_what_is_told_holds() -> None:
    assert NUMBERS["naive_tested"] > 10 * NUMBERS["honest_tested"]
    assert NUMBERS["noise_naive_maps"] == NUMBERS["rounds"]
    # 5 in 100 and three standard errors.
    assert NUMBERS["noise_honest_maps"] <= 0.05 * NUMBERS["rounds"] + 3 * (0.0475 * NUMBERS["rounds"]) ** 0.5
    assert NUMBERS["honest_false_places"] < NUMBERS["naive_false_places"]


@pytest.mark.slow
def test_page_and_picture_are_those_of_the_notebook(tmp_path: Path) -> None:
    for folder in ("service/web/static", "docs/images"):
        (tmp_path / folder).mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HONEST_MAP_ROOT": str(tmp_path), "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, str(ROOT / "notebooks/honest_map.py")], check=True, env=environment, timeout=900)
    assert json.loads((tmp_path / "service/web/honest_map.json").read_text()) == NUMBERS
    for name in ("service/web/static/honest_map.de.png", "service/web/static/honest_map.en.png"):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name
