"""How results would change: classes of the index and labels of the hotspots, computed as a run does, not published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import StoreError
from geodata.models import Text
from service.workflows.compare import Row

if TYPE_CHECKING:
    from geodata.store.model import Collection, Edition
    from geodata.store.publication import Publication
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

#: Kind of collection → the field that readers take away.
FIELDS = {"index": "status_class", "hotspots": "label"}
#: What an area without a class or label has.
NONE = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """An area whose class or label is another; empty where it has none."""

    area: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Outcome(Row):
    """One map: the index or the hotspots of one indicator, in one year.

    Attributes
    ----------
    kind : {"index", "hotspots"}
        Classes or labels.
    published, year : int or None
        The published year and the one it is held against: the same, or for ``latest`` the newest of either; None where
        there is none on one side.
    latest : bool
        The map that a reader sees first.
    compared : int
        Areas of the county on both sides.
    moved : tuple of Moved
        In the order of area ids.
    words : mapping of str to Text
        Class or label → what it is called.
    """

    id: str
    title: Text
    kind: str
    published: int | None
    year: int | None
    latest: bool
    compared: int
    moved: tuple[Moved, ...]
    words: Mapping[str, Text] = field(default_factory=dict)


def compute(
    inputs: Inputs, figures: Figures, edition: Edition, tell: Callable[[str], None] = lambda _line: None
) -> list[Collection]:
    """Compute index and hotspots of one edition with the functions of the run.

    Parameters
    ----------
    inputs : Inputs
        What the edition may be computed from.
    figures : Figures
        What it may know.
    edition : {"public", "internal"}
        Which levels are shown.
    tell : callable
        Receives one line for each finding.

    Returns
    -------
    list of Collection
        Those that were tested themselves; labels that are only painted on smaller areas repeat them.
    """
    from service.workflows.composite import compute_index, index_collection
    from service.workflows.hotspots import hotspot_collections

    index = compute_index(inputs, figures, tell)
    out = []
    section = inputs.county.index
    if index and section is not None and edition in inputs.county.levels[section.level].editions:
        out.append(index_collection(inputs, index))
    # Labels that are painted on smaller areas repeat those of the areas that were tested: no matrix is needed.
    own = {name: replace(i, handed_down=()) for name, i in inputs.county.indicators.items()}
    tested = replace(inputs, county=replace(inputs.county, indicators=MappingProxyType(own)))
    return out + hotspot_collections(tested, figures, {}, index, public=edition == "public", labels_only=True)


def outcomes(publication: Publication, edition: Edition, now: list[Collection]) -> list[Outcome]:
    """Hold what was computed against what an edition shows.

    Parameters
    ----------
    publication : Publication
        The current one.
    edition : {"public", "internal"}
        One of its editions.
    now : list of Collection
        Of :func:`compute`.

    Returns
    -------
    list of Outcome
        Maps in which an area changes, or which come or go; the newest maps first, then by the number of areas.

    Raises
    ------
    StoreError
        The layers of the publication cannot be read.
    """
    from geodata.store.sqlite import SqliteStore

    folder = publication.edition_dir(edition)
    store = SqliteStore(folder / "serve.sqlite")
    try:
        shown = {
            c.id: c
            for c in store.collections()
            if c.kind in FIELDS
            and not c.latest
            and "handed_down" not in c.metadata
            and any(f.name == FIELDS[c.kind] for f in c.fields)
        }
    finally:
        store.close()
    found: list[Outcome] = []
    for collection in now:
        meta = shown.pop(collection.id, None)
        before = {} if meta is None else published(folder / "layers.gpkg", collection.id, FIELDS[collection.kind])
        found += _held(collection, before, _by_year(collection.table, FIELDS[collection.kind]))
    for meta in shown.values():
        found.append(Outcome(meta.id, meta.title, meta.kind, max(meta.periods), None, True, 0, ()))
    return sorted(found, key=lambda o: (not o.latest, o.kind != "index", -len(o.moved), o.id, -(o.year or 0)))


def published(path: Path, collection: str, field: str) -> dict[int, pd.DataFrame]:
    """Read the classes or labels of one collection from a GeoPackage, as they were published.

    Parameters
    ----------
    path : pathlib.Path
        ``layers.gpkg`` of an edition.
    collection, field : str
        Layer and column.

    Returns
    -------
    dict of int to pandas.DataFrame
        Year → ``name`` and ``said`` by area id, the county's own areas only.

    Raises
    ------
    StoreError
        It cannot be read.
    """
    import pyogrio

    columns = ["area_id", "name", "period", "context", field]
    try:
        table = pyogrio.read_dataframe(path, layer=collection, columns=columns, read_geometry=False)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise StoreError(f"the published layer {collection} cannot be read: {error}", where=str(path)) from error
    return _by_year(table, field)


def _by_year(table: pd.DataFrame, field: str) -> dict[int, pd.DataFrame]:
    own = table[~table["context"].astype(bool)]
    said = own[field].astype(object).where(own[field].notna(), NONE).astype(str)
    rows = pd.DataFrame({"area_id": own["area_id"].astype(str), "name": own["name"].astype(str), "said": said})
    return {int(str(year)): part.set_index("area_id") for year, part in rows.groupby(own["period"], sort=True)}


def _held(collection: Collection, before: dict[int, pd.DataFrame], after: dict[int, pd.DataFrame]) -> Iterator[Outcome]:
    """Yield one outcome for the newest map, and one for each other year in which something moves."""
    newest = max(after)
    words = next(dict(f.values) for f in collection.fields if f.name == FIELDS[collection.kind])
    if not before:
        yield Outcome(collection.id, collection.title, collection.kind, None, newest, True, 0, ())
        return
    pairs = [(max(before), newest, True)]
    pairs += [(y, y, False) for y in sorted(before.keys() & after.keys(), reverse=True) if (y, y, True) not in pairs]
    for was, year, latest in pairs:
        old, new = before[was], after[year]
        both = new.index.intersection(old.index)
        differs = both[(old.loc[both, "said"] != new.loc[both, "said"]).to_numpy()]
        moved = tuple(
            Moved(str(a), str(new.loc[a, "name"]), str(old.loc[a, "said"]), str(new.loc[a, "said"]))
            for a in sorted(differs)
        )
        if moved or was != year:
            yield Outcome(collection.id, collection.title, collection.kind, was, year, latest, len(both), moved, words)
    for year in sorted(before.keys() - after.keys()):
        yield Outcome(collection.id, collection.title, collection.kind, year, None, False, 0, ())
