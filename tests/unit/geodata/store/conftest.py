"""A small county of awkward areas: a hole, an island, umlauts, quotes, ids with dots and dashes, a grid."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.models import AreaLayer, Text
from geodata.store.model import Collection, Field, Style, StyleClass

E0, N0 = 600_000.0, 5_790_000.0


def square(col: int, row: int, size: float = 1000.0) -> shapely.Polygon:
    return shapely.box(E0 + col * size, N0 + row * size, E0 + (col + 1) * size, N0 + (row + 1) * size)


def ortsteile() -> AreaLayer:
    ring = square(0, 0, 3000).difference(square(1, 1))
    island = shapely.MultiPolygon([square(4, 0), square(4, 2)])
    areas = {
        "03157.001": ("Groß „Ilsede“ \\ 'Mitte'", ring),
        "03157.002": ("Übersee", island),
        "03157-003": ("Loch", square(1, 1)),
        "03157.010": ("Dreieck", shapely.Polygon([(E0 + 6000, N0), (E0 + 9000, N0), (E0 + 6000, N0 + 3000)])),
        "ä'\"%_": ("=HYPERLINK()", square(3, 3)),
    }
    frame = gpd.GeoDataFrame(
        {"name": [name for name, _ in areas.values()], "context": [False, False, False, False, True]},
        geometry=[polygon for _, polygon in areas.values()],
        index=pd.Index(list(areas), name="area_id"),
        crs="EPSG:25832",
    )
    return AreaLayer("ortsteil", frame.iloc[[3, 0, 4, 2, 1]], Text("Ortsteile", "Districts"))


def cells(count: int = 40) -> AreaLayer:
    ids = [f"CRS3035RES100mN{3_300_000 + 100 * i}E4300000" for i in range(count)]
    frame = gpd.GeoDataFrame(
        {"name": ids, "context": False},
        geometry=[square(i % 8, i // 8, 100.0) for i in range(count)],
        index=pd.Index(ids, name="area_id"),
        crs="EPSG:25832",
    )
    return AreaLayer("gitter_100", frame, Text("Gitter 100 m", "Grid 100 m"), is_grid=True)


MISSING = StyleClass(Text("keine Angabe", "no data"), "#d9d9d9", hatch="/")
GRADUATED = Style(
    "rate",
    "graduated",
    (
        StyleClass(Text("bis 5", "up to 5"), "#ffffcc", lower=None, upper=5.0),
        StyleClass(Text("über 5", "over 5"), "#800026", lower=5.0, upper=None),
    ),
    MISSING,
    method=Text("2 Klassen", "2 classes"),
    modelled=True,
)
CATEGORICAL = Style(
    "label",
    "categorical",
    (
        StyleClass(Text("Hoch-Hoch", "High-High"), "#ca0020", value="High-High", hatch="x", letters="HH"),
        StyleClass(Text("Niedrig-Niedrig", "Low-Low"), "#0571b0", value="Low-Low", hatch=".", letters="LL"),
    ),
    MISSING,
)
FIELDS = (
    Field("rate", "number", Text("Arbeitslosenquote", "Unemployment rate"), unit="%"),
    Field("people", "integer", Text("Menschen", "People")),
    Field("label", "string", Text("Klasse", "Class"), values={"High-High": Text("Hoch-Hoch", "High-High")}),
    Field("modelled", "boolean", Text("modelliert", "modelled")),
)


def collection(
    layer: AreaLayer, name: str, *, years: tuple[int, ...] = (2020, 2021, 2022), seed: int = 1
) -> Collection:
    rng = np.random.default_rng(seed)
    ids = list(layer.areas.index)
    keys = pd.MultiIndex.from_product([ids, years], names=["area_id", "period"]).to_frame(index=False)
    rows = len(keys)
    table = keys.assign(
        name=layer.areas["name"].reindex(keys["area_id"]).to_numpy(),
        rate=np.where(rng.random(rows) < 0.2, np.nan, rng.uniform(0, 10, rows)),
        people=pd.array(np.where(rng.random(rows) < 0.2, None, rng.integers(0, 500, rows)), dtype="Int64"),
        label=rng.choice(np.array(["High-High", "Low-Low", None], dtype=object), rows),
        modelled=pd.array(rng.choice(np.array([True, False, None], dtype=object), rows), dtype="boolean"),
    ).sample(frac=1, random_state=seed)
    return Collection(
        id=name,
        title=Text("Arbeit", "Work"),
        description=Text("Beschreibung", "Description"),
        kind="indicators",
        level=layer.level,
        topic="employment",
        fields=FIELDS,
        table=table,
        styles=(GRADUATED, CATEGORICAL),
        metadata={
            "attribution": "© Musterkreis, dl-de/by-2-0",
            "draft": True,
            "caveat": {"de": "Achtung", "en": "Mind"},
        },
    )


def manifest(publication: str = "0001", edition: str = "public") -> dict[str, Any]:
    return {"publication": publication, "edition": edition, "titel": "Übersicht"}


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The builders above, for tests that change something."""
    return SimpleNamespace(ortsteile=ortsteile, cells=cells, collection=collection, manifest=manifest, square=square)


@pytest.fixture(scope="session")
def edition(tmp_path_factory: pytest.TempPathFactory, make: SimpleNamespace) -> SimpleNamespace:
    """One edition that is written once and only read."""
    from geodata.store.writer import write_edition

    path: Path = tmp_path_factory.mktemp("edition")
    layers = [ortsteile(), cells()]
    collections = [
        collection(layers[0], "ortsteil_employment"),
        collection(layers[1], "gitter_100_employment", years=(2021, 2022), seed=2),
    ]
    content = write_edition(path, collections, layers, manifest())
    return SimpleNamespace(path=path, layers=layers, collections=collections, content=content)
