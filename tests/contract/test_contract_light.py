"""The serving process stays light: a fresh interpreter serves items and looks at what it has imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEAVY = (
    "libpysal", "esda", "mapclassify", "rasterio", "matplotlib", "geopandas", "pandas", "folium", "branca", "numpy",
    "scipy", "pyogrio", "shapely", "spatial", "service.workflows",
)  # fmt: skip

PROGRAM = """
import json, sys
from pathlib import Path
from starlette.testclient import TestClient
from service.api.app import create_app
from service.settings import Settings

state, county = sys.argv[1:3]
with TestClient(create_app(Settings(state_dir=Path(state), county=county))) as client:
    ids = [entry["id"] for entry in client.get("/collections").json()["collections"]]
    sizes = []
    for path in ("/", "/?f=html", "/api", "/api.html", "/conformance", "/healthz", "/static/site.css",
                 *(f"/collections/{i}/items?limit=5&bbox=5,47,16,56" for i in ids),
                 *(f"/collections/{i}?f=html" for i in ids), *(f"/collections/{i}/queryables" for i in ids)):
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        sizes.append(len(answer.content))
print(json.dumps({"modules": sorted({name for name in sys.modules}), "collections": len(ids), "sizes": sizes}))
"""


def test_serving_imports_no_heavy_library(state: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(state), "muster"], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["collections"] == 6
    loaded = set(told["modules"])
    assert not loaded & set(HEAVY), sorted(loaded & set(HEAVY))
