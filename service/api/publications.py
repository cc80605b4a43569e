"""Which publication is served: the current one, noticed without a restart, and older ones by their id.

Every request pins what it started with. A publication's store stays open while somebody uses it, and
a few of those used last stay open on top.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from geodata.errors import NotFoundError
from geodata.store.model import Edition
from geodata.store.protocol import CollectionMeta, LayerStore
from geodata.store.publication import Publication, PublicationStore
from service.api.errors import NoPublicationError, PrunedError, UnknownResourceError

#: What the number of a publication looks like.
_ID = re.compile(r"[0-9]{4,9}")


@dataclass(slots=True)
class Served:
    """One edition of one publication, open.

    Attributes
    ----------
    id : str
        Running number of the publication.
    directory : Path or None
        Where its files lie; None where a store has none (then there are no downloads and no pictures).
    manifest : mapping
        Parameters, sources, what is shown and what is not.
    store : LayerStore
        Its rows.
    collections : mapping of str to CollectionMeta
        By id, in the store's order.
    kept : dict
        Documents built once for this publication, such as the API definition; given up now and then.
    years : dict
        What was counted once for this publication; bounded by its collections.
    """

    id: str
    edition: Edition
    directory: Path | None
    manifest: Mapping[str, Any]
    store: LayerStore
    collections: Mapping[str, CollectionMeta] = field(init=False)
    kept: dict[tuple[str, ...], Any] = field(default_factory=dict)
    years: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.collections = {meta.id: meta for meta in self.store.collections()}


class Shelf(Protocol):
    """Where publications come from."""

    def current(self) -> str | None:
        """Return the id of the current publication, None where nothing was published yet; cheap enough per request."""

    def check(self, publication: str) -> None:
        """Make sure that a publication may still be shown.

        Raises
        ------
        UnknownResourceError, PrunedError, WithdrawnError
            There never was one with this id, it is not kept any more, or it was withdrawn.
        """

    def open(self, publication: str) -> Served:
        """Open the served edition of a publication; raises as :meth:`check` does."""


class DiskShelf:
    """The publications of a state directory.

    Parameters
    ----------
    state_dir : Path
        Where all counties are kept.
    county : str
        Id of the county.
    edition : {"public", "internal"}
        Which edition is served.
    """

    def __init__(self, state_dir: Path, county: str, edition: Edition) -> None:
        self._store = PublicationStore(state_dir, county)
        self._edition: Edition = edition
        self._pointer = self._store.root / "current"
        self._seen: tuple[tuple[int, ...], str | None] | None = None

    def current(self) -> str | None:
        """Return the current id; the directory is read again only when a time stamp in it changed."""
        seen = self._seen
        if seen is not None and seen[0] == self._stamp(seen[1]):
            return seen[1]
        try:
            found: str | None = self._store.current().id
        except NotFoundError:
            found = None
            if self._pointer.is_file():
                # Something was published, and all of it was withdrawn: that is said (410), not hidden.
                self._store.open(self._pointer.read_text(encoding="ascii").strip())
        self._seen = (self._stamp(found), found)
        return found

    def _stamp(self, publication: str | None) -> tuple[int, ...]:
        """Return what changes when ``current`` is replaced, and when its publication is withdrawn."""
        paths = [self._pointer] if publication is None else [self._pointer, self._store.publications / publication]
        stamp: list[int] = []
        for path in paths:
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            stamp += (found.st_mtime_ns, found.st_ino, found.st_size)
        return tuple(stamp)

    def check(self, publication: str) -> None:
        """See :meth:`Shelf.check`."""
        self._kept(publication)

    def _kept(self, publication: str) -> Publication:
        """Find a publication; one that existed and was removed is told from one that never was."""
        try:
            return self._store.open(publication)
        except NotFoundError as error:
            if not _ID.fullmatch(publication) or publication != f"{int(publication):04d}":
                raise UnknownResourceError("publication", id=publication[:20]) from error
            try:
                newest = int(self._pointer.read_text(encoding="ascii"))
            except (OSError, ValueError):
                newest = 0
            # Numbers are given once and in order.
            if 0 < int(publication) <= newest:
                raise PrunedError("pruned", id=publication) from error
            raise UnknownResourceError("publication", id=publication) from error

    def open(self, publication: str) -> Served:
        """See :meth:`Shelf.open`."""
        found = self._kept(publication)
        if self._edition not in found.editions:
            raise NoPublicationError("no_edition", edition=self._edition, publication=publication)
        return Served(
            found.id,
            self._edition,
            found.edition_dir(self._edition),
            found.manifest(self._edition),
            self._store.open_edition(found, self._edition),
        )


@dataclass(slots=True)
class _Open:
    served: Served
    users: int = 0


class Publications:
    """Open publications, counted by who uses them.

    Parameters
    ----------
    shelf : Shelf
        Where they come from.
    spare : int, default 3
        How many stay open although nobody uses them at the moment, the most recently used ones.
    """

    def __init__(self, shelf: Shelf, *, spare: int = 3) -> None:
        self._shelf = shelf
        self._spare = spare
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()

    def current(self) -> str | None:
        """Return the id of the current publication."""
        return self._shelf.current()

    @contextmanager
    def pin(self, publication: str | None = None) -> Iterator[Served]:
        """Hold a publication open.

        Parameters
        ----------
        publication : str, optional
            Its id; by default the current one.

        Yields
        ------
        Served
            Usable until the block ends, whatever is published meanwhile.

        Raises
        ------
        NoPublicationError
            Nothing was published yet.
        UnknownResourceError, PrunedError, WithdrawnError
            There never was a publication with this id, it is not kept any more, or it was withdrawn.
        """
        if publication is not None:
            self._shelf.check(publication)
        wanted = publication if publication is not None else self._shelf.current()
        if wanted is None:
            raise NoPublicationError("no_publication")
        held = self._take(wanted)
        try:
            yield held.served
        finally:
            self._give_back(held)

    def _take(self, publication: str) -> _Open:
        with self._lock:
            held = self._open.get(publication)
            if held is None:
                held = self._open[publication] = _Open(self._shelf.open(publication))
            held.users += 1
            # Most recently used last.
            self._open[publication] = self._open.pop(publication)
            return held

    def _give_back(self, held: _Open) -> None:
        with self._lock:
            held.users -= 1
            idle = [key for key, entry in self._open.items() if entry.users == 0]
            closing = [self._open.pop(key) for key in idle[: max(0, len(idle) - self._spare)]]
        for entry in closing:
            entry.served.store.close()

    def close(self) -> None:
        """Close everything; requests under way fail."""
        with self._lock:
            closing, self._open = list(self._open.values()), {}
        for entry in closing:
            entry.served.store.close()
