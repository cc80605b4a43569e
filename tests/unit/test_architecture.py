"""The wings load only what the plan of the house allows, looked at in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
