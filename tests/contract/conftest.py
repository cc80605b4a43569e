"""A small invented publication, written by the real writer, and clients of an application that serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

YEARS = (2019, 2020, 2021)
SIDE = 6
CORNER = (600_000.0, 5_790_000.0)  # near Peine, EPSG:25832
CELL = 1_000.0


def square(column: int, row: int, size: float = CELL) -> Any:
    from shapely.geometry import box

    x, y = CORNER[0] + column * CELL, CORNER[1] + row * CELL
    return box(x, y, x + size, y + size)


def levels() -> list[Any]:
    """Four large areas and 36 small ones; the small ones' last column lies outside the county."""
    import geopandas as gpd

    from geodata.models import AreaLayer, Text

    half = SIDE // 2
    coarse = gpd.GeoDataFrame(
        {
            "area_id": [f"G{i}" for i in range(4)],
            "name": ["Aue", "Berg", "Cölbe & <b>Söhne</b>", "Dorf"],
            "context": False,
        },
        geometry=[square(c * half, r * half, half * CELL) for r in range(2) for c in range(2)],
        crs="EPSG:25832",
    ).set_index("area_id")
    fine = gpd.GeoDataFrame(
        {
            "area_id": [f"O{r}{c}" for r in range(SIDE) for c in range(SIDE)],
            "name": [f"Ort {r}{c}" for r in range(SIDE) for c in range(SIDE)],
            "context": [c == SIDE - 1 for r in range(SIDE) for c in range(SIDE)],
        },
        geometry=[square(c, r) for r in range(SIDE) for c in range(SIDE)],
        crs="EPSG:25832",
    ).set_index("area_id")
    return [
        AreaLayer("gemeinde", coarse, Text("Gemeinden", "municipalities")),
        AreaLayer("ortsteil", fine, Text("Ortsteile", "districts")),
    ]


def collections(*, add: float = 0.0) -> list[Any]:
    """Rates and hotspots of the small areas, counts of the large ones.

    Parameters
    ----------
    add : float
        Added to every rate, so that two publications differ.
    """
    import numpy as np
    import pandas as pd

    from geodata.models import Text
    from geodata.store.model import Collection, Field
    from service.cartography.classification import gi_star_style, graduated, hotspot_style

    said = {
        "attribution": "Musterkreis, erfunden",
        "licence": "CC0-1.0",
        "sources": [{"id": "m", "title": "Muster", "attribution": "Musterkreis, erfunden", "licence": "CC0-1.0"}],
        "boundary_date": "2021-12-31",
        "caveat": {"de": "Nur zum Prüfen.", "en": "For testing only."},
        "method": {"de": "Erfunden.", "en": "Invented."},
        "draft": True,
    }
    context = Field("context", "boolean", Text("Umgebung", "Context area"))
    rows = [
        {"area_id": f"O{r}{c}", "name": f"Ort {r}{c}", "period": year, "context": c == SIDE - 1, "r": r, "c": c}
        for r in range(SIDE)
        for c in range(SIDE)
        for year in YEARS
    ]
    table = pd.DataFrame(rows)
    rate = (table["r"] + table["c"] * 0.5 + (table["period"] - 2019) * 0.25 + add).round(2)
    table["rate"] = rate.where(~((table["r"] == 0) & (table["c"] == 0)))
    table["status"] = np.where(table["rate"].isna(), "suppressed", "observed")
    table["people"] = (table["r"] * 100 + table["c"] + 200).astype("int64")
    ends = {"suppressed": Text("nicht gezeigt", "suppressed"), "observed": Text("liegt vor", "present")}
    fields = (
        context,
        Field("rate", "number", Text("Arbeitslosenquote", "Unemployment rate"), Text("Je 100", "Per 100"), "%"),
        Field("status", "string", Text("Status", "Status"), values=ends),
        Field("people", "integer", Text("Einwohner", "Inhabitants")),
    )
    rates = Collection(
        id="ortsteil_employment",
        title=Text("Arbeit – Ortsteile", "Employment – districts"),
        description=Text("Quote der Arbeitslosen.", "Rate of unemployed."),
        kind="indicators",
        level="ortsteil",
        topic="employment",
        fields=fields,
        table=table[["area_id", "name", "period", *(f.name for f in fields)]],
        styles=(
            graduated(table["rate"].dropna(), field="rate", unit="%"),
            graduated(table["people"], field="people", decimals=0),
        ),
        metadata=said,
    )
    tested = table[["area_id", "name", "period", "context"]].copy()
    hot = (table["r"] >= 4) & ~table["context"]
    tested["label"] = np.where(hot, "High-High", "not significant")
    tested["gi_star_label"] = np.where(hot, "hot", "not significant")
    tested["state"] = np.where(table["rate"].isna(), "suppressed", "tested")
    tested["value"] = table["rate"]
    tested["p"] = 0.01
    hotspot_fields = (
        context,
        Field("label", "string", Text("Cluster", "Cluster")),
        Field("gi_star_label", "string", Text("Hot Spot", "Hot spot")),
        Field("state", "string", Text("Teststatus", "State")),
        Field("value", "number", Text("Arbeitslosenquote", "Unemployment rate"), unit="%"),
        Field("p", "number", Text("p", "p")),
    )
    hotspots = Collection(
        id="ortsteil_hotspots_unemployment",
        title=Text("Cluster: Arbeitslose – Ortsteile", "Clusters: unemployed – districts"),
        description=Text("Local Moran.", "Local Moran."),
        kind="hotspots",
        level="ortsteil",
        topic="employment",
        fields=hotspot_fields,
        table=tested,
        styles=(hotspot_style(), gi_star_style()),
        metadata={**said, "alpha": 0.05, "correction": "fdr", "permutations": 9999, "per_period": {}},
    )
    counts = pd.DataFrame(
        [
            {"area_id": f"G{i}", "name": name, "period": year, "births": 10 * i + year - 2019}
            for i, name in enumerate(["Aue", "Berg", "Cölbe & <b>Söhne</b>", "Dorf"])
            for year in YEARS
        ]
    )
    births = Collection(
        id="gemeinde_population",
        title=Text("Bevölkerung – Gemeinden", "Population – municipalities"),
        description=Text("Geburten.", "Births."),
        kind="indicators",
        level="gemeinde",
        topic="population",
        fields=(Field("births", "integer", Text("Geburten", "Births")),),
        table=counts,
        styles=(graduated(counts["births"], field="births", n=3, decimals=0),),
        metadata=said,
    )
    return [rates, hotspots, births]


Publish = Callable[..., str]


def publisher(state: Path, county: str = "muster") -> Publish:
    """Return a function that writes the next publication and answers its id."""
    from geodata.store.publication import PublicationStore
    from geodata.store.writer import write_edition

    def publish(*, add: float = 0.0, editions: Sequence[str] = ("public", "internal")) -> str:
        with PublicationStore(state, county).begin() as draft:
            for edition in editions:
                manifest = {
                    "publication": draft.id,
                    "edition": edition,
                    "created": "2026-01-02T03:04:05+00:00",
                    "draft": True,
                    "county": {"id": county, "title": {"de": "Musterkreis", "en": "Sample county"}},
                }
                shift = add + (0.5 if edition == "internal" else 0.0)
                write_edition(draft.edition_dir(edition), collections(add=shift), levels(), manifest)
            return draft.commit().id

    return publish


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One publication that no test changes."""
    folder = tmp_path_factory.mktemp("state")
    publisher(folder)()
    return folder


def local_client(app: Any, host: str = "127.0.0.1:8000") -> TestClient:
    """A client on the loopback, as the internal edition wants."""
    return TestClient(
        app,
        base_url=f"http://{host}",
        client=("127.0.0.1", 50000),
        raise_server_exceptions=False,
        headers={"accept": "application/json"},
    )


@pytest.fixture(scope="session")
def client(state: Path) -> Iterator[TestClient]:
    """The public edition, served."""
    from service.api.app import create_app
    from service.settings import Settings

    with local_client(create_app(Settings(state_dir=state, county="muster"))) as found:
        yield found
