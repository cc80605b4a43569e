"""Reading what was written: round trips, order, pages, filters, hostile questions, damaged files, light imports."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from shapely.geometry import shape

from geodata.crs import CRS84
from geodata.errors import NotFoundError, QueryError, StoreError
from geodata.store.protocol import LayerStore
from geodata.store.query import ItemQuery
from geodata.store.sqlite import SqliteStore

UTM = "EPSG:25832"
ALL, LATEST = "ortsteil_employment", "ortsteil_employment_latest"


@pytest.fixture
def store(edition: SimpleNamespace) -> Iterator[SqliteStore]:
    opened = SqliteStore(edition.path / "serve.sqlite")
    yield opened
    opened.close()


def features(store: LayerStore, collection: str, **query: object) -> list[dict]:
    return [json.loads(text) for text in store.items(collection, ItemQuery(**{"limit": 1000, **query})).features]


def expected_rows(table: pd.DataFrame) -> list[dict]:
    rows = table.sort_values(["area_id", "period"]).astype(object)
    names = ["area_id", "name", "period", "rate", "people", "label", "modelled"]
    return [{n: None if pd.isna(row[n]) else row[n] for n in names} for row in rows.to_dict("records")]


def test_all_periods_come_back_as_handed_in(store: SqliteStore, edition: SimpleNamespace) -> None:
    found = features(store, ALL)
    expected = expected_rows(edition.collections[0].table)
    assert [f["properties"] for f in found] == expected
    assert [list(f["properties"]) for f in found] == [list(expected[0])] * len(expected)  # the order, too
    assert [f["id"] for f in found] == [f"{r['area_id']}.{r['period']}" for r in expected]
    assert all(type(f["properties"]["period"]) is int for f in found)
    assert {type(f["properties"]["people"]) for f in found} == {int, type(None)}
    assert {type(f["properties"]["modelled"]) for f in found} == {bool, type(None)}


def test_latest_holds_the_last_period_under_the_area_id(store: SqliteStore, edition: SimpleNamespace) -> None:
    found = features(store, LATEST)
    expected = [row for row in expected_rows(edition.collections[0].table) if row["period"] == 2022]
    assert [f["properties"] for f in found] == expected
    assert [f["id"] for f in found] == [row["area_id"] for row in expected]


@pytest.mark.parametrize(("crs", "tolerance"), [(CRS84, 0.6e-7), (UTM, 0.6e-3)])
def test_geometry_is_the_areas_own_in_each_crs(
    store: SqliteStore, edition: SimpleNamespace, crs: str, tolerance: float
) -> None:
    areas = edition.layers[0].areas
    to = pyproj.Transformer.from_crs(UTM, crs, always_xy=True)
    for feature in features(store, LATEST, crs=crs):
        found = shape(feature["geometry"])
        expected = shapely.transform(areas.geometry[feature["id"]], to.transform, interleaved=False)
        assert feature["geometry"]["type"] == "MultiPolygon"  # one type for the whole level
        assert shapely.hausdorff_distance(found, expected) <= tolerance * np.sqrt(2)
        assert found.is_valid
        assert all(part.exterior.is_ccw and not any(h.is_ccw for h in part.interiors) for part in found.geoms)


def test_grid_stays_polygon_and_texts_are_short(store: SqliteStore) -> None:
    found = store.items("gitter_100_employment_latest", ItemQuery(limit=1)).features[0]
    geometry = json.loads(found)["geometry"]
    assert geometry["type"] == "Polygon"
    assert all(len(str(value).partition(".")[2]) <= 7 for point in geometry["coordinates"][0] for value in point)


def test_metadata_come_back_as_the_types_they_were(store: SqliteStore, edition: SimpleNamespace) -> None:
    ids = [meta.id for meta in store.collections()]
    assert ids == [ALL, LATEST, "gitter_100_employment", "gitter_100_employment_latest"]
    given, meta, latest = edition.collections[0], store.collection(ALL), store.collection(LATEST)
    assert (meta.fields, meta.styles, meta.title, meta.kind) == (given.fields, given.styles, given.title, given.kind)
    assert meta.metadata == given.metadata
    assert (meta.count, meta.periods, meta.latest, meta.base) == (15, (2020, 2021, 2022), False, ALL)
    assert (latest.count, latest.periods, latest.latest, latest.base) == (5, (2022,), True, ALL)
    assert meta.content_hash == edition.content["collections"][ALL]
    assert [f.name for f in meta.properties][:4] == ["area_id", "name", "period", "rate"]
    assert (store.crs, store.storage_crs, store.publication, store.edition) == ((CRS84, UTM), UTM, "0001", "public")
    assert [(level.id, level.areas, level.is_grid) for level in store.levels()] == [
        ("ortsteil", 5, False),
        ("gitter_100", 40, True),
    ]


@pytest.mark.parametrize("crs", [CRS84, UTM])
def test_extent_covers_exactly_the_features(store: SqliteStore, crs: str) -> None:
    for meta in store.collections():
        found = shapely.total_bounds([shape(f["geometry"]) for f in features(store, meta.id, crs=crs)])
        assert meta.extent[crs] == tuple(found)


@pytest.mark.parametrize("limit", [1, 2, 7, 39, 40, 41, 79, 80, 81])
def test_pages_hold_each_id_once_in_one_order(store: SqliteStore, limit: int) -> None:
    name = "gitter_100_employment"
    whole = [f["id"] for f in features(store, name)]
    seen, after, pages = [], None, 0
    while pages <= 80:
        page = store.items(name, ItemQuery(limit=limit, after=after))
        assert page.matched == 80
        assert 0 < page.returned <= limit
        seen += [json.loads(text)["id"] for text in page.features]
        after, pages = page.next, pages + 1
        if after is None:
            break
    assert seen == whole
    assert len(set(seen)) == 80
    assert pages == -(-80 // limit)


def test_pages_go_on_under_filters(store: SqliteStore) -> None:
    query = {"bbox": (600_050, 5_790_050, 600_450, 5_790_250), "bbox_crs": UTM, "equals": {"period": 2022}}
    whole = store.items("gitter_100_employment", ItemQuery(limit=100, **query))
    assert whole.matched == whole.returned == 15
    after, seen = None, []
    for _ in range(5):
        page = store.items("gitter_100_employment", ItemQuery(limit=3, after=after, **query))
        seen, after = seen + page.features, page.next
        assert page.matched == 15
    assert after is None
    assert seen == whole.features


@pytest.mark.parametrize(
    ("equals", "keep"),
    [
        ({"period": 2021}, lambda t: t.period == 2021),
        ({"period": "2021"}, lambda t: t.period == 2021),
        ({"period": "2021.0"}, lambda t: t.period == 2021),
        ({"period": 2021.0}, lambda t: t.period == 2021),
        ({"label": "High-High"}, lambda t: t.label == "High-High"),
        ({"label": None}, lambda t: t.label.isna()),
        ({"rate": None}, lambda t: t.rate.isna()),
        ({"modelled": True}, lambda t: t.modelled.fillna(False)),
        ({"modelled": "false"}, lambda t: ~t.modelled.fillna(True)),
        ({"area_id": "ä'\"%_"}, lambda t: t.area_id == "ä'\"%_"),
        ({"name": "=HYPERLINK()", "period": 2020}, lambda t: (t.name_ == "=HYPERLINK()") & (t.period == 2020)),
        ({"label": "high-high"}, lambda t: t.label == "no such"),
        ({"period": 10**18}, lambda t: t.period == 0),
    ],
)
def test_equality(store: SqliteStore, edition: SimpleNamespace, equals: dict, keep: object) -> None:
    table = edition.collections[0].table
    kept = table[keep(table.rename(columns={"name": "name_"})).to_numpy(dtype=bool)]
    expected = sorted(f"{row.area_id}.{row.period}" for row in kept.itertuples())
    assert sorted(f["id"] for f in features(store, ALL, equals=equals)) == expected
    assert store.count(ALL, ItemQuery(equals=equals)) == len(expected)


def test_equality_of_a_number_is_exact(store: SqliteStore, edition: SimpleNamespace) -> None:
    rate = float(edition.collections[0].table["rate"].max())
    assert len(features(store, ALL, equals={"rate": rate})) == 1
    assert len(features(store, ALL, equals={"rate": repr(rate)})) == 1
    assert features(store, ALL, equals={"rate": float(np.nextafter(rate, 100))}) == []


def test_periods_as_intervals(store: SqliteStore) -> None:
    def years(collection: str, **query: int) -> list[int]:
        return sorted({f["properties"]["period"] for f in features(store, collection, **query)})

    assert years(ALL, first_period=2021) == [2021, 2022]
    assert years(ALL, last_period=2020) == [2020]
    assert years(ALL, first_period=-(10**30), last_period=10**30) == [2020, 2021, 2022]
    assert years(LATEST, last_period=2021) == []
    assert years(LATEST, first_period=2022, last_period=2022) == [2022]


@pytest.mark.parametrize("collection", [ALL, LATEST, "gitter_100_employment", "gitter_100_employment_latest"])
@pytest.mark.parametrize("crs", [CRS84, UTM])
def test_every_item_answers_under_its_own_id(store: SqliteStore, collection: str, crs: str) -> None:
    for text in store.items(collection, ItemQuery(limit=100, crs=crs)).features:
        assert store.item(collection, json.loads(text)["id"], crs=crs) == text


@pytest.mark.parametrize(
    "feature_id",
    ["", ".", "03157.001.02022", "03157.001.2019", "03157.001.²", "03157.001.", "x.2022", "\ud800.2022", "0" * 9999,
     "03157.001.٢٠٢٢", "03157.001", "'; DROP TABLE meta; --.2022", "\x00.2022"],
)  # fmt: skip
def test_unknown_items_are_none(store: SqliteStore, feature_id: str) -> None:
    assert store.item(ALL, feature_id) is None


def test_box_meets_exactly(store: SqliteStore) -> None:
    """The hole, its border, the gap between two islands, the empty half of a triangle's box, single points."""

    def ids(*bbox: float) -> list[str]:
        return [f["id"] for f in features(store, LATEST, bbox=bbox, bbox_crs=UTM)]

    e, n = 600_000.0, 5_790_000.0
    assert ids(e + 1200, n + 1200, e + 1800, n + 1800) == ["03157-003"]
    assert ids(e + 1000, n + 1200, e + 1800, n + 1800) == ["03157-003", "03157.001"]
    assert ids(e + 4100, n + 1100, e + 4900, n + 1900) == []
    assert ids(e + 4100, n + 1000, e + 4900, n + 1900) == ["03157.002"]
    assert ids(e + 8000, n + 2000, e + 9000, n + 3000) == []
    assert ids(e + 7500, n + 1500, e + 9000, n + 3000) == ["03157.010"]
    assert ids(e + 7500.001, n + 1500, e + 9000, n + 3000) == []
    assert ids(e, n, e, n) == ["03157.001"]
    assert ids(e - 1, n, e - 0.001, n) == []
    assert len(ids(-1e300, -1e300, 1e300, 1e300)) == 5


def test_box_across_the_antimeridian(store: SqliteStore) -> None:
    west, south, east, north = store.collection(ALL).extent[CRS84]
    assert len(features(store, LATEST, bbox=(170.0, -90.0, east, 90.0))) == 5
    assert len(features(store, LATEST, bbox=(170.0, -90.0, west - 1, 90.0))) == 0
    assert len(features(store, LATEST, bbox=(west, south, east, north))) == 5


@pytest.mark.parametrize(
    "query",
    [
        {"equals": {"nothing": 1}},
        {"equals": {'rate" OR 1=1 --': 1}},
        {"equals": {"_fid": 1}},
        {"equals": {"RATE": 1}},
        {"equals": {"period": "2021; DROP TABLE meta"}},
        {"equals": {"period": 2021.5}},
        {"equals": {"period": True}},
        {"equals": {"people": 10**30}},
        {"equals": {"people": "9" * 5000}},
        {"equals": {"rate": float("nan")}},
        {"equals": {"rate": "inf"}},
        {"equals": {"rate": "1e999"}},
        {"equals": {"rate": 10**400}},
        {"equals": {"rate": "1_0"}},
        {"equals": {"rate": ""}},
        {"equals": {"period": "2021.5"}},
        {"equals": {"period": float("nan")}},
        {"equals": {"period": "٢٠٢٢"}},
        {"equals": {"modelled": "yes"}},
        {"equals": {"modelled": 1}},
        {"equals": {"label": 1}},
        {"equals": {"label": "\ud800"}},
        {"crs": "EPSG:4326"},
        {"crs": ""},
        {"bbox": (0.0, 0.0, 1.0, 1.0), "bbox_crs": "EPSG:3857"},
        {"after": ""},
        {"after": "x"},
        {"after": "é"},
        {"after": "A" * 100_000},
        {"after": base64.urlsafe_b64encode(b"[" * 30_000).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps(["0001", ALL, -1]).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps(["0001", ALL, True]).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps(["0001", ALL, 10**40]).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps(["0002", ALL, 1]).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps(["0001", LATEST, 1]).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps({"0001": 1, ALL: 1, "x": 1}).encode()).decode()},
        {"after": base64.urlsafe_b64encode(json.dumps([["0001"], ALL, 1]).encode()).decode()},
    ],
)  # fmt: skip
def test_hostile_queries_are_refused(store: SqliteStore, query: dict) -> None:
    with pytest.raises(QueryError):
        store.items(ALL, ItemQuery(**query))
    assert len(features(store, ALL)) == 15


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10_001},
        {"bbox": (0.0, 0.0, 1.0)},
        {"bbox": (0.0, 0.0, float("nan"), 1.0)},
        {"bbox": (0.0, 0.0, float("inf"), 1.0)},
        {"bbox": (0.0, 2.0, 1.0, 1.0)},
        {"bbox": (2.0, 0.0, 1.0, 1.0), "bbox_crs": UTM},
    ],
)
def test_questions_that_mean_nothing_are_refused_when_asked(query: dict) -> None:
    with pytest.raises(QueryError):
        ItemQuery(**query)


@pytest.mark.parametrize("name", ["nothing", "", "meta", "rows_0", "ortsteil_employment' --", "\ud800"])
def test_unknown_collections_are_not_found(store: SqliteStore, name: str) -> None:
    for ask in (
        lambda: store.collection(name),
        lambda: store.items(name, ItemQuery()),
        lambda: store.item(name, "x"),
        lambda: store.count(name, ItemQuery()),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_a_slow_answer_is_given_up(edition: SimpleNamespace) -> None:
    store = SqliteStore(edition.path / "serve.sqlite", timeout=5)
    store._timeout = -1.0
    with pytest.raises(StoreError, match="longer than"):
        store.items("gitter_100_employment", ItemQuery(bbox=(600_050, 5_790_050, 600_450, 5_790_250), bbox_crs=UTM))
    with pytest.raises(StoreError, match="longer than"), store._connection() as db:
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n").fetchone()
    store._timeout = 5
    assert store.count(ALL, ItemQuery()) == 15
    store.close()


def test_the_file_cannot_be_written_through_the_store(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="readonly"), store._connection() as db:
        db.execute("DELETE FROM meta")


def test_threads_share_a_store(store: SqliteStore) -> None:
    expected = store.items(ALL, ItemQuery(limit=15)).features
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(50):
            found = store.items(ALL, ItemQuery(limit=15)).features
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store._idle) <= 8


def test_closed_store_says_so(edition: SimpleNamespace) -> None:
    store = SqliteStore(edition.path / "serve.sqlite")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.items(ALL, ItemQuery())


def test_damaged_and_foreign_files(edition: SimpleNamespace, tmp_path: Path) -> None:
    good = (edition.path / "serve.sqlite").read_bytes()
    path = tmp_path / "serve #1?.sqlite"  # a name that would mean something in a URI
    for content in (b"", b"no database at all" * 100, good[:3000], good[:100]):
        path.write_bytes(content)
        with pytest.raises(StoreError):
            SqliteStore(path)
    with pytest.raises(NotFoundError):
        SqliteStore(tmp_path / "absent.sqlite")
    path.write_bytes(good)
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    db.close()
    with pytest.raises(StoreError, match="expected format 1, found 99"):
        SqliteStore(path)


def test_reading_imports_no_table_or_geometry_library(edition: SimpleNamespace) -> None:
    """In a fresh interpreter that opens a store, asks and closes."""
    script = f"""
import sys
from pathlib import Path
import geodata.store.publication
from geodata.store.sqlite import SqliteStore
from geodata.store.query import ItemQuery
store = SqliteStore(Path({str(edition.path)!r}) / "serve.sqlite")
assert store.items({ALL!r}, ItemQuery(bbox=(10.0, 50.0, 10.47, 52.26))).features
heavy = {{"numpy", "pandas", "geopandas", "shapely", "pyogrio", "pyproj", "libpysal", "fastapi", "filelock"}}
print(sorted(heavy.intersection(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
