"""GDAL's command line and OWSLib read every collection that is served."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.clients


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def expected_counts(served: str) -> dict[str, int]:
    listed = get(f"{served}/collections?f=json")["collections"]
    ids = [c["id"] for c in listed]  # type: ignore[attr-defined]
    return {i: int(str(get(f"{served}/collections/{i}/items?limit=1&f=json")["numberMatched"])) for i in ids}


def test_ogr_reads_every_collection_with_its_count(served: str) -> None:
    if shutil.which("ogrinfo") is None:
        pytest.fail("ogrinfo is missing: apt-get install gdal-bin")
    counts = expected_counts(served)
    assert len(counts) > 10
    done = subprocess.run(
        ["ogrinfo", "-ro", "-so", "-al", f"OAPIF:{served}"], capture_output=True, text=True, timeout=300, check=True
    )
    found: dict[str, int] = {}
    name = ""
    for line in done.stdout.splitlines():
        if line.startswith("Layer name:"):
            name = line.split(":", 1)[1].strip()
        elif line.startswith("Feature Count:"):
            found[name] = int(line.split(":")[1])
    assert found == counts


def test_ogr2ogr_brings_all_features_home(served: str, tmp_path: Path) -> None:
    counts = expected_counts(served)
    name = next(n for n in counts if "hotspots" in n and n.endswith("_latest"))
    target = tmp_path / "home.geojson"
    subprocess.run(
        ["ogr2ogr", "-f", "GeoJSON", str(target), f"OAPIF:{served}", name],
        check=True,
        capture_output=True,
        timeout=120,
    )
    features = json.loads(target.read_text(encoding="utf-8"))["features"]
    assert len(features) == counts[name]
    assert {f["geometry"]["type"] for f in features} <= {"Polygon", "MultiPolygon"}
    assert isinstance(features[0]["properties"]["period"], int)


def test_owslib_reads_landing_conformance_collections_and_items(served: str) -> None:
    from owslib.ogcapi.features import Features

    client = Features(served)
    assert any("core" in uri for uri in client.conformance()["conformsTo"])
    names = client.feature_collections()
    assert set(names) == set(expected_counts(served))
    assert str(client.api()["openapi"]).startswith("3.0")
    for name in names:
        page = client.collection_items(name, limit=3)
        assert page["numberReturned"] == len(page["features"]) > 0
        one = client.collection_item(name, str(page["features"][0]["id"]))
        assert one["id"] == page["features"][0]["id"]
