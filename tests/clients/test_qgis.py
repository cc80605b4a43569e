"""Debian's QGIS loads every served collection and the styled GeoPackage, with the system's own Python."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from service.workflows.run import RunReport

pytestmark = pytest.mark.clients
SYSTEM_PYTHON = "/usr/bin/python3"


def probe(job: dict[str, Any], home: Path) -> dict[str, dict[str, Any]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    environment |= {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(runtime), "HOME": str(home)}
    done = subprocess.run(
        [SYSTEM_PYTHON, str(Path(__file__).with_name("qgis_probe.py"))],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=400,
        env=environment,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        pytest.fail(f"QGIS said nothing (apt-get install python3-qgis qgis-providers): {done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("RESULT"))  # type: ignore[no-any-return]


def test_every_collection_loads_with_types_count_and_extent(served: str, tmp_path: Path) -> None:
    import urllib.request

    with urllib.request.urlopen(f"{served}/collections?f=json", timeout=30) as answer:
        listed = {c["id"]: c for c in json.load(answer)["collections"]}
    found = probe({"url": served, "oapif": list(listed)}, tmp_path)
    assert set(found) == set(listed)
    for name, seen in found.items():
        assert seen["valid"], name
        with urllib.request.urlopen(f"{served}/collections/{name}/items?limit=1&f=json", timeout=30) as answer:
            assert seen["count"] == json.load(answer)["numberMatched"], name
        assert seen["fields"]["period"].lower().startswith("int"), name
        assert seen["fields"]["area_id"].lower() == "string", name
        west, south, east, north = listed[name]["extent"]["spatial"]["bbox"][0]
        assert west <= seen["extent"][0] + 1e-6, name
        assert seen["extent"][2] <= east + 1e-6, name
        assert south <= seen["extent"][1] + 1e-6, name
        assert seen["extent"][3] <= north + 1e-6, name


def test_geopackage_opens_styled(tiny_run: tuple[Path, RunReport], tmp_path: Path) -> None:
    _, report = tiny_run
    file = report.folder / "public" / "layers.gpkg"
    names = [f"{row['collection']}_latest" for row in report.rows]
    found = probe({"file": str(file), "gpkg": names}, tmp_path)
    for name, seen in found.items():
        assert seen["valid"], name
        assert seen["crs"] == "EPSG:25832", name
        assert seen["renderer"] == "RuleRenderer", name
        # Every area is in exactly one class, and the reasons why one has no label are classes that are met.
        assert seen["astray"] == 0, name
        assert sum(seen["rules"].values()) == seen["count"], name
        if "_hotspots_" in name:
            assert seen["rules"]["keine Angabe / unterdrückt"] == 0, name
            with closing(sqlite3.connect(file)) as db:
                query = f'SELECT state, COUNT(*) FROM "{name}" WHERE NOT context GROUP BY state'
                states = dict(db.execute(query))
            reasons = {"suppressed": "unterdrückt", "untestable": "zu wenige Gebiete für einen Test"}
            for state, label in reasons.items():
                assert seen["rules"][label] == states.get(state, 0), (name, state)
        # Classes with a mark have it written on the map; the change of an index is a number.
        marked = "_hotspots_" in name or ("_index" in name and "_index_change" not in name)
        assert seen["labels"] == marked or "grid" in name, name
        assert any(seen["aliases"].values()), name
