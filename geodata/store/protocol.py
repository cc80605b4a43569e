"""What the service may ask of a store, whatever keeps the rows.

Nothing here imports a geometry or table library: the serving process reads ready texts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from geodata.crs import CRS84
from geodata.models import Text
from geodata.store.model import CollectionKind, Edition, Field, Style
from geodata.store.query import BBox, ItemQuery, Page

#: The fields that every collection starts with, in this order (see :data:`geodata.store.model.KEY_FIELDS`).
KEYS = (
    Field("area_id", "string", Text("Gebietsschlüssel", "Area id")),
    Field("name", "string", Text("Name", "Name")),
    Field("period", "integer", Text("Jahr", "Year")),
)

#: A collection is served twice: all periods under its id, the latest period under the id with this ending.
LATEST = "_latest"


@dataclass(frozen=True, slots=True)
class LevelMeta:
    """One level of areas.

    Attributes
    ----------
    geometry_type : {"Polygon", "MultiPolygon"}
        The same for all areas of the level, so that a client that looks at the first feature knows it.
    extent : mapping of str to tuple of four float
        CRS → minx, miny, maxx, maxy of all areas, context included.
    """

    id: str
    title: Text
    boundary_date: dt.date | None
    is_grid: bool
    geometry_type: str
    areas: int
    extent: Mapping[str, BBox]


@dataclass(frozen=True, slots=True)
class CollectionMeta:
    """What is known of a served collection without reading its rows.

    Attributes
    ----------
    id : str
        As it stands in addresses; ends with ``_latest`` when ``latest``.
    base : str
        The id of the collection with all periods (equal to ``id`` there).
    latest : bool
        Only the rows of the last period; the feature id is then the area id, else ``<area_id>.<period>``.
    fields : tuple of Field
        Without the :data:`KEYS`; ``properties`` has both.
    periods : tuple of int
        The years that this collection holds, ascending.
    count : int
        Number of features.
    extent : mapping of str to tuple of four float
        CRS → minx, miny, maxx, maxy of all features.
    crs : tuple of str
        The CRSs in which geometries are ready; the first is the default, CRS84.
    storage_crs : str
        The county's own, for example ``EPSG:25832``.
    content_hash : str
        SHA-256 of rows, fields and geometry of all periods, in hex.
    """

    id: str
    base: str
    latest: bool
    title: Text
    description: Text
    kind: CollectionKind
    level: str
    level_title: Text
    is_grid: bool
    topic: str
    geometry_type: str
    fields: tuple[Field, ...]
    styles: tuple[Style, ...]
    metadata: Mapping[str, Any]
    periods: tuple[int, ...]
    count: int
    extent: Mapping[str, BBox]
    crs: tuple[str, ...]
    storage_crs: str
    content_hash: str

    @property
    def properties(self) -> tuple[Field, ...]:
        """All fields of a feature's ``properties``, in the order in which they are written."""
        return (*KEYS, *self.fields)


class LayerStore(Protocol):
    """Read-only rows of one edition of one publication; safe to use from several threads."""

    @property
    def publication(self) -> str:
        """Id of the publication."""

    @property
    def edition(self) -> Edition:
        """Which edition this is."""

    @property
    def crs(self) -> tuple[str, ...]:
        """CRSs in which geometries are ready, CRS84 first, then the storage CRS."""

    @property
    def storage_crs(self) -> str:
        """The county's own CRS."""

    def levels(self) -> tuple[LevelMeta, ...]:
        """Return the levels, coarse before fine as they were written."""

    def collections(self) -> tuple[CollectionMeta, ...]:
        """Return every served collection: each with all periods, followed by its latest one."""

    def collection(self, collection_id: str) -> CollectionMeta:
        """Return one collection.

        Raises
        ------
        NotFoundError
            There is none with this id.
        """

    def items(self, collection_id: str, query: ItemQuery) -> Page:
        """Return one page of features.

        Raises
        ------
        NotFoundError
            There is no such collection.
        QueryError
            The query names an unknown field or CRS, a value of the wrong type, or a cursor of another publication or
            collection.
        StoreError
            The answer would take longer than the store allows.
        """

    def item(self, collection_id: str, feature_id: str, *, crs: str = CRS84) -> str | None:
        """Return one feature as text, None where the collection has none with this id.

        Raises
        ------
        NotFoundError
            There is no such collection.
        QueryError
            The CRS is not one of the collection's.
        """

    def count(self, collection_id: str, query: ItemQuery) -> int:
        """Return how many features match; ``limit`` and ``after`` do not matter.

        Raises
        ------
        NotFoundError, QueryError
            As for :meth:`items`.
        """

    def close(self) -> None:
        """Let go of the file; asking afterwards raises StoreError."""
