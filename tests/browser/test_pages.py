"""Debian's Chromium opens maps, served and from disk; nothing outside the application is asked for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from service.workflows.run import RunReport

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_page(viewport={"width": 1200, "height": 800})
        browser.close()


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Record every request and every complaint of the page's console."""
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return asked, complaints


def hotspot_map(report: RunReport) -> str:
    return next(str(row["collection"]) for row in report.rows if "ortsteil_hotspots" in str(row["collection"]))


def assert_map_is_drawn(page: Any) -> None:
    page.wait_for_selector("path.leaflet-interactive, .leaflet-overlay-pane canvas", state="attached", timeout=20_000)
    assert page.title()
    assert page.evaluate("document.documentElement.lang") in ("de", "en")


def test_served_map_asks_only_the_application(page: Page, served: str, tiny_run: tuple[Path, RunReport]) -> None:
    asked, complaints = watch(page)
    page.goto(f"{served}/maps/{hotspot_map(tiny_run[1])}")
    assert_map_is_drawn(page)
    assert "Entwurf" in page.inner_text("body")
    assert asked
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
    assert complaints == []


def test_embedded_map_and_hotspot_page_ask_only_the_application(
    page: Page, served: str, tiny_run: tuple[Path, RunReport]
) -> None:
    name = hotspot_map(tiny_run[1])
    indicator = name.split("_hotspots_")[1]
    asked, complaints = watch(page)
    for path in (f"/embed/{name}", f"/hotspots?indicator={indicator}&level=ortsteil&statistic=gi-star&f=html"):
        page.goto(served + path)
        assert_map_is_drawn(page)
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
    assert complaints == []


def test_every_map_file_opens_from_disk_without_any_request(page: Page, tiny_run: tuple[Path, RunReport]) -> None:
    files = sorted((tiny_run[1].folder / "public" / "maps").glob("*.html"))
    assert len(files) > 5
    asked, complaints = watch(page)
    for file in files:
        page.goto(file.as_uri())
        assert_map_is_drawn(page)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert {url for url in asked if url.startswith("file:")} == {file.as_uri() for file in files}
    assert complaints == []


def test_pages_for_people_open_without_complaint(page: Page, served: str, tiny_run: tuple[Path, RunReport]) -> None:
    asked, complaints = watch(page)
    name = hotspot_map(tiny_run[1])
    for path in ("/", "/?lang=en", "/collections", f"/collections/{name}", f"/collections/{name}/items", "/api.html"):
        answer = page.goto(served + path)
        assert answer is not None
        assert answer.status == 200, path
    assert [url for url in asked if not url.startswith((served, "data:"))] == []
    assert complaints == []
