"""OGC API – Features, Part 2: coordinates in the county's own CRS."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import shape
from starlette.testclient import TestClient

RATES = "ortsteil_employment_latest"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
UTM = "http://www.opengis.net/def/crs/EPSG/0/25832"


def test_collections_name_their_crs(client: TestClient) -> None:
    for entry in client.get("/collections").json()["collections"]:
        assert entry["crs"] == [CRS84, UTM]
        assert entry["storageCrs"] == UTM
        assert entry["extent"]["spatial"]["crs"] == CRS84


@pytest.mark.parametrize(("query", "expected"), [({}, CRS84), ({"crs": CRS84}, CRS84), ({"crs": UTM}, UTM)])
def test_content_crs_is_always_told(client: TestClient, query: dict[str, str], expected: str) -> None:
    for path in (f"/collections/{RATES}/items", f"/collections/{RATES}/items/O11"):
        assert client.get(path, params=query).headers["content-crs"] == f"<{expected}>"


def test_coordinates_are_those_of_pyproj(client: TestClient) -> None:
    from pyproj import Transformer

    degrees = client.get(f"/collections/{RATES}/items?limit=1000").json()["features"]
    metres = client.get(f"/collections/{RATES}/items?limit=1000", params={"crs": UTM}).json()["features"]
    to_utm = Transformer.from_crs("OGC:CRS84", "EPSG:25832", always_xy=True)
    assert [f["id"] for f in degrees] == [f["id"] for f in metres]
    for plain, own in zip(degrees, metres, strict=True):
        # EPSG:25832 lists the easting first, so what is served is x, y as it stands.
        expected = np.array(shape(own["geometry"]).envelope.bounds)
        west, south, east, north = shape(plain["geometry"]).bounds
        xs, ys = to_utm.transform([west, east, west, east], [south, south, north, north])
        assert min(xs) == pytest.approx(expected[0], abs=60)
        assert max(ys) == pytest.approx(expected[3], abs=60)
        x, y = shape(plain["geometry"]).exterior.coords[0]
        assert min(
            np.hypot(px - to_utm.transform(x, y)[0], py - to_utm.transform(x, y)[1])
            for px, py in shape(own["geometry"]).exterior.coords
        ) == pytest.approx(0, abs=0.02)
    corner = shape(metres[0]["geometry"]).bounds
    assert corner == pytest.approx((600_000, 5_790_000, 601_000, 5_791_000), abs=0.01)


def test_box_in_metres_finds_what_the_same_box_in_degrees_finds(client: TestClient) -> None:
    def found(box: str, **more: str) -> set[str]:
        answer = client.get(f"/collections/{RATES}/items", params={"bbox": box, "limit": 1000, **more})
        assert answer.status_code == 200
        return {feature["id"] for feature in answer.json()["features"]}

    # A point-like box in the middle of area O23 (row 2, column 3), and one over four areas.
    in_metres = found("603499,5792499,603501,5792501", **{"bbox-crs": UTM})
    assert in_metres == {"O23"}
    from pyproj import Transformer

    to_degrees = Transformer.from_crs("EPSG:25832", "OGC:CRS84", always_xy=True)
    x, y = to_degrees.transform(603_500, 5_792_500)
    assert found(f"{x},{y},{x},{y}") == {"O23"}
    assert found(f"{x},{y},{x},{y}", **{"bbox-crs": CRS84}) == {"O23"}
    assert found("602500,5791500,603500,5792500", **{"bbox-crs": UTM}) == {"O12", "O13", "O22", "O23"}
    # The closed box touches its neighbours at the corner.
    assert found("602000,5792000,602000,5792000", **{"bbox-crs": UTM}) == {"O11", "O12", "O21", "O22"}


def test_crs_and_bbox_crs_are_independent(client: TestClient) -> None:
    answer = client.get(
        f"/collections/{RATES}/items", params={"bbox": "603499,5792499,603501,5792501", "bbox-crs": UTM}
    )
    (feature,) = answer.json()["features"]
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    assert 10 < feature["geometry"]["coordinates"][0][0][0] < 11


def test_layers_whose_authority_puts_the_northing_first_are_offered_in_crs84_only() -> None:
    from service.api.ogc.crs import announced, to_uri

    assert announced(("OGC:CRS84", "EPSG:25833")) == ("OGC:CRS84", "EPSG:25833")
    assert announced(("OGC:CRS84", "EPSG:31467")) == ("OGC:CRS84",)
    with pytest.raises(ValueError, match="EPSG"):
        to_uri("WGS 84")
