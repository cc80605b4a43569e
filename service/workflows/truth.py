"""Hold what was found on the invented county against what was planted there (``sozialmonitor demo --check``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.county import load_county
from geodata.store.query import MAX_LIMIT, ItemQuery

#: Clusters are planted in Ortsteile.
LEVEL = "ortsteil"


@dataclass(frozen=True, slots=True)
class Found:
    """Planted and found areas of one indicator.

    Attributes
    ----------
    recall : float
        Share of planted areas that are marked.
    false_share : float
        Share of marked areas that were neither planted nor border on a planted one; 0 where none is marked.
    """

    indicator: str
    planted: frozenset[str]
    flagged: frozenset[str]
    ring: frozenset[str]

    @property
    def recall(self) -> float:
        """Share of planted areas that are marked; none where nothing was planted."""
        return len(self.planted & self.flagged) / len(self.planted) if self.planted else float("nan")

    @property
    def false_share(self) -> float:
        """Share of marked areas that are neither planted nor next to a planted one."""
        return len(self.flagged - self.planted - self.ring) / len(self.flagged) if self.flagged else 0.0


def planted_areas(folder: Path) -> dict[str, frozenset[str]]:
    """Return for each tested indicator of the invented county the areas planted hot.

    Parameters
    ----------
    folder : pathlib.Path
        What ``write_county`` wrote.

    Returns
    -------
    dict of str to frozenset of str
        Indicator id → area ids, for indicators that are tested where they were observed.
    """
    truth: dict[str, Any] = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
    county = load_county(folder)
    return {
        name: frozenset(area for cluster in found["hot"] for area in cluster)
        for name, found in truth["clusters"].items()
        if name in county.indicators and county.indicators[name].tested and county.indicators[name].level == LEVEL
    }


def compare(folder: Path, publication: Path) -> list[Found]:
    """Compare what is marked High-High or hot in the latest year with the planted clusters.

    Parameters
    ----------
    folder : pathlib.Path
        The invented county.
    publication : pathlib.Path
        A publication of it.

    Returns
    -------
    list of Found
        One for each indicator with planted clusters.
    """
    import geopandas as gpd

    from geodata.store.sqlite import SqliteStore

    boundaries = gpd.read_file(folder / "data" / "grenzen" / "ortsteile.gpkg")
    key = next(c for c in boundaries.columns if boundaries[c].nunique() == len(boundaries) and c != "geometry")
    boundaries = boundaries.set_index(boundaries[key].astype(str))
    store = SqliteStore(publication / "public" / "serve.sqlite")
    out = []
    try:
        for indicator, planted in planted_areas(folder).items():
            page = store.items(f"{LEVEL}_hotspots_{indicator}_latest", ItemQuery(limit=MAX_LIMIT))
            rows = [json.loads(text)["properties"] for text in page.features]
            flagged = frozenset(r["area_id"] for r in rows if r["label"] == "High-High" or r["gi_star_label"] == "hot")
            around = boundaries.loc[list(planted)].union_all().buffer(1.0)
            ring = frozenset(boundaries.index[boundaries.intersects(around)]) - planted
            out.append(Found(indicator, planted, flagged, ring))
    finally:
        store.close()
    return out


def compare_with_truth(folder: Path, publication: Path) -> list[str]:
    """Write :func:`compare` as lines of text."""
    return [
        f"{f.indicator:<28} planted {len(f.planted):>2}, marked {len(f.flagged):>2}: "
        f"recall {f.recall:.0%}, false {f.false_share:.0%} (neighbours of planted areas not counted)"
        for f in compare(folder, publication)
    ]
