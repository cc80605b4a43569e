"""The wings load only what the plan of the house allows, looked at in a fresh interpreter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"libpysal", "esda", "mapclassify", "rasterio", "sklearn", "numba"}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import geodata, spatial, service", {"numpy", "pandas", "geopandas", "fastapi"}),
        ("import geodata.models, geodata.errors, geodata.crs", {"pandas", "geopandas", "libpysal"}),
        (
            "import spatial.autocorrelation.local, spatial.index.composite, spatial.disclosure.suppression",
            {"fastapi", "folium", "matplotlib", "rasterio", "requests"},
        ),
        ("import service.cli", {"pandas", "geopandas", "fastapi", "matplotlib", *HEAVY}),
        (
            "import geodata.store.sqlite, geodata.store.publication",
            {"pandas", "geopandas", "shapely", "pyogrio", *HEAVY},
        ),
        ("import service.api.app", {"pandas", "geopandas", "matplotlib", *HEAVY}),
    ],
)
def test_fresh_interpreter_stays_light(statement: str, absent: set[str]) -> None:
    loaded = modules_after(statement)
    assert not loaded & absent, f"{statement} loads {sorted(loaded & absent)}"


def test_package_inits_of_the_wings_are_empty() -> None:
    import geodata
    import service
    import spatial

    for wing in (geodata, spatial, service):
        with open(str(wing.__file__)) as stream:  # noqa: PTH123
            assert stream.read() == ""


def test_declared_dependencies_are_those_that_are_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    listed = (ROOT / "requirements" / "run.in").read_text(encoding="utf-8").splitlines()
    assert sorted(declared) == sorted(line for line in listed if line and not line.startswith("#"))


def test_locks_have_hashes_and_no_address() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index-url|--find-links|file:", text), lock.name
