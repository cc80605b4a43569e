"""Debian's Chromium uses maps as people do: mouse, keyboard, hostile names, thousands of cells."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from geodata.models import Text
from geodata.store.model import Field
from service.cartography.classification import hotspot_style
from service.cartography.content import MapContent
from service.cartography.interactive import render_map

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"><b>Ort</b>"


@pytest.fixture
def page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*flags, "--disable-component-update", "--disable-sync"]
        )
        yield browser.new_page(viewport={"width": 1000, "height": 700})
        browser.close()


def write(folder: Path, columns: int, rows: int) -> str:
    """Write a map of columns × rows squares, the first a hostile High-High, and return its address."""
    features = []
    for i in range(columns * rows):
        x, y = 10 + 0.01 * (i % columns), 52 + 0.006 * (i // columns)
        ring = [[x, y], [x + 0.01, y], [x + 0.01, y + 0.006], [x, y + 0.006], [x, y]]
        properties: dict[str, Any] = {
            "name": HOSTILE if i == 0 else f"Ort {i}",
            "label": "High-High" if i < 3 else "not significant",
            "state": "tested",
            "value": 1.5 * i,
        }
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "id": i, "properties": properties, "geometry": geometry})
    content = MapContent(
        title="Karte",
        subtitle="2023",
        style=hotspot_style(),
        features=json.dumps({"type": "FeatureCollection", "features": features}),
        fields=(Field("value", "number", Text("Quote <i>", "rate"), unit="%"),),
        areas="Ortsteile",
    )
    file = folder / "map.html"
    file.write_text(render_map(content), encoding="utf-8")
    return file.as_uri()


def watch(page: Page) -> list[str]:
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def test_hostile_name_is_text_in_list_and_popup(page: Page, tmp_path: Path) -> None:
    complaints = watch(page)
    page.goto(write(tmp_path, 5, 4))
    page.locator(".sm-area", has_text="onerror").click()
    assert page.locator(".sm-popup h3").inner_text() == HOSTILE
    assert page.locator(".sm-popup dt").inner_text() == "Quote <i>"
    assert page.locator(".sm-popup dd").inner_text() == "0\u00a0%"
    assert page.locator("img").count() == 0
    assert page.title() == "Karte – 2023"
    assert complaints == []


def test_keyboard_reaches_legend_and_areas(page: Page, tmp_path: Path) -> None:
    page.goto(write(tmp_path, 5, 4))
    button = page.locator(".sm-class").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    fills = page.eval_on_selector_all("path.leaflet-interactive", "paths => paths.map(p => p.getAttribute('fill'))")
    assert sorted(set(fills)) == ["#f6f8fa", "url(#sm-hatch-0)"]
    assert fills.count("url(#sm-hatch-0)") == 3
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    area = page.locator("path.leaflet-interactive").nth(5)
    area.focus()
    page.keyboard.press("Enter")
    assert page.locator(".sm-popup h3").inner_text() == "Ort 5"
    assert area.get_attribute("aria-label") == "Ort 5: nicht auffällig"


def test_thousands_of_cells_answer_on_the_canvas(page: Page, tmp_path: Path) -> None:
    complaints = watch(page)
    page.goto(write(tmp_path, 50, 40))
    assert page.locator("path.leaflet-interactive").count() == 0
    x, y = page.evaluate(
        """() => {
            const area = JSON.parse(document.getElementById('sm-data').textContent).areas[1234];
            const point = map_sozialmonitor.latLngToContainerPoint([area.at[0], area.at[1]]);
            const box = document.querySelector('.folium-map').getBoundingClientRect();
            return [point.x + box.x, point.y + box.y];
        }"""
    )
    page.mouse.click(x, y)
    assert page.locator(".sm-popup h3").inner_text() == "Ort 1234"
    assert complaints == []


def test_policy_of_a_file_blocks_what_was_not_written_by_us(page: Page, tmp_path: Path) -> None:
    address = write(tmp_path, 5, 4)
    file = tmp_path / "map.html"
    text = file.read_text(encoding="utf-8")
    injected = "<script>document.title='broken'</script><img src='https://tracker.example/x.png'></body>"
    file.write_text(text.replace("</body>", injected), encoding="utf-8")
    complaints = watch(page)
    page.goto(address)
    assert page.title() == "Karte – 2023"
    assert sum("Content Security Policy" in text for text in complaints) == 2


def test_an_embedding_frame_that_grows_late_shows_the_whole_area(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 760, "height": 300})
    page.goto(write(tmp_path, 5, 4))
    before = page.evaluate("map_sozialmonitor.getZoom()")
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.wait_for_function(f"map_sozialmonitor.getZoom() > {before}", timeout=5000)
