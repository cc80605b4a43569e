"""A run that is killed at any moment leaves the previous publication complete and served."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from geodata.store.publication import PublicationStore
from service.workflows.run import run
from tests.support import ROOT, serving


@pytest.fixture
def quick(tiny_county: Path, tmp_path: Path) -> Path:
    """The tiny county with few permutations, so that a run takes at most three seconds."""
    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    path = folder / "county.toml"
    text = re.sub(r"permutations = \d+", "permutations = 999", path.read_text(encoding="utf-8"))
    assert "permutations = 999" in text
    path.write_text(text, encoding="utf-8")
    return folder


def assert_complete(state: Path, county: str) -> str:
    publication = PublicationStore(state, county).current()
    for edition in ("public", "internal"):
        folder = publication.path / edition
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["publication"] == publication.id
        for name in ("serve.sqlite", "layers.gpkg"):
            with sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True) as rows:
                assert rows.execute("pragma integrity_check").fetchone() == ("ok",)
    return publication.id


def kill_runs(county: Path, state: Path, times: int, seed: int) -> list[str]:
    """Start runs and kill each at a random moment; return the id that is current after each."""
    moments = random.Random(seed)
    begun = time.monotonic()
    command = [sys.executable, "-m", "service.cli", "run", str(county), "--state", str(state), "--maps", "none"]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    took = time.monotonic() - begun
    seen = [assert_complete(state, "musterkreis")]
    with serving(state, "musterkreis") as address:
        for _ in range(times):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
            time.sleep(moments.uniform(0, took * 1.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen.append(assert_complete(state, "musterkreis"))
            with urllib.request.urlopen(
                f"{address}/collections/ortsteil_index_latest/items?f=json", timeout=20
            ) as answer:
                assert json.load(answer)["numberReturned"] > 0
    return seen


@pytest.mark.slow
def test_killed_runs_leave_the_previous_publication_served(quick: Path, tmp_path: Path) -> None:
    seen = kill_runs(quick, tmp_path / "state", times=3, seed=7)
    assert seen == sorted(seen)
    run(quick, state=tmp_path / "state", maps=())
    left = [p.name for p in (tmp_path / "state" / "musterkreis" / "publications").iterdir() if p.name.startswith(".")]
    assert left == [], "the next run removes what a dead one left behind"


@pytest.mark.slow
def test_killed_at_100_random_moments(quick: Path, tmp_path: Path) -> None:
    seen = kill_runs(quick, tmp_path / "state", times=100, seed=11)
    assert len(seen) == 101
    assert seen == sorted(seen)


def test_equal_inputs_give_equal_content(quick: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        report = run(quick, state=tmp_path / name, maps=())
        contents.append(
            {
                edition: json.loads((report.folder / edition / "manifest.json").read_text(encoding="utf-8"))["content"]
                for edition in ("public", "internal")
            }
        )
    assert contents[0] == contents[1]
    assert contents[0]["public"] != contents[0]["internal"]
