"""Publications on disk: written aside, made current by one replaced pointer, never changed afterwards.

    <state>/<county>/publications/<id>/{public,internal}/{layers.gpkg,serve.sqlite,maps/,inputs/,manifest.json}
    <state>/<county>/current          the id, one line

A run writes into ``publications/.draft-<pid>-<id>`` and everything is synced to disk before that directory gets its
name and ``current`` is replaced; whenever a run dies, ``current`` names a complete publication. What a dead run left is
removed by the next one, which holds the lock and so knows that nobody is writing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, get_args

from geodata.errors import NotFoundError, StoreError, WithdrawnError
from geodata.store.model import Edition

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from geodata.store.sqlite import SqliteStore

LAYERS, SERVE, MANIFEST = "layers.gpkg", "serve.sqlite", "manifest.json"
#: What every edition has.
FILES = (LAYERS, SERVE, MANIFEST)
FOLDERS = ("maps", "inputs")

EDITIONS: tuple[Edition, ...] = get_args(Edition)
_WITHDRAWN = "withdrawn.json"
_ID = re.compile(r"[0-9]{4,9}")
_COUNTY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Publication:
    """One complete publication.

    Attributes
    ----------
    id : str
        Running number, at least four digits.
    path : Path
        Its directory.
    """

    id: str
    path: Path

    def edition_dir(self, edition: Edition) -> Path:
        """Return the directory of an edition.

        Raises
        ------
        NotFoundError
            The publication has no such edition.
        """
        path = self.path / edition
        if edition not in EDITIONS or not path.is_dir():
            raise NotFoundError(f"there is no edition {edition!r}", where=f"publication {self.id}")
        return path

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The editions that it has."""
        return tuple(edition for edition in EDITIONS if (self.path / edition).is_dir())

    def manifest(self, edition: Edition) -> dict[str, Any]:
        """Read the manifest of an edition."""
        path = self.edition_dir(edition) / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"the manifest cannot be read: {error}", where=str(path)) from error
        return manifest


class Draft:
    """A publication that is being written; private to the run that began it.

    Use it as a context manager: leaving the block without :meth:`commit` throws it away.

    Attributes
    ----------
    id : str
        The number that the publication will have, for manifests and ``serve.sqlite``.
    path : Path
        Where it is written.
    """

    def __init__(self, publication_id: str, path: Path, publish: Callable[[Draft], Publication], lock: BaseFileLock):
        self.id = publication_id
        self.path = path
        self._publish = publish
        self._lock = lock
        self._open = True

    def edition_dir(self, edition: Edition) -> Path:
        """Return the directory of an edition, made on first use; the internal one is for its owner's eyes only."""
        if edition not in EDITIONS:
            raise StoreError(f"expected one of {', '.join(EDITIONS)}, found {edition!r}", where="edition")
        if not self._open:
            raise StoreError("the draft is closed", where=f"publication {self.id}")
        path = self.path / edition
        path.mkdir(mode=0o700 if edition == "internal" else 0o755, exist_ok=True)
        for folder in FOLDERS:
            (path / folder).mkdir(exist_ok=True)
        return path

    def commit(self) -> Publication:
        """Make the draft the current publication.

        Returns
        -------
        Publication
            As it is now served.

        Raises
        ------
        StoreError
            The draft is closed, has no edition, or an edition lacks one of :data:`FILES`; nothing is published then.
        """
        if not self._open:
            raise StoreError("the draft is closed", where=f"publication {self.id}")
        try:
            return self._publish(self)
        finally:
            self.abort()

    def abort(self) -> None:
        """Throw away what was not committed and let the next run begin."""
        if self._open:
            self._open = False
            shutil.rmtree(self.path, ignore_errors=True)
            self._lock.release()

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class PublicationStore:
    """The publications of one county.

    Parameters
    ----------
    state_dir : Path
        Where all counties are kept; made when the first publication is begun.
    county : str
        Id of the county: lower-case letters, digits, ``-`` and ``_``.
    keep : int, default 5
        So many publications stay on disk, the current one among them; older ones are removed after a commit. Of a
        withdrawn publication the note that it was withdrawn stays for good.

    Raises
    ------
    StoreError
        The county's id could not be the name of a directory.
    """

    def __init__(self, state_dir: Path, county: str, *, keep: int = 5) -> None:
        if not _COUNTY.fullmatch(county):
            raise StoreError(f"expected lower-case letters, digits, - and _, found {county[:80]!r}", where="county")
        if keep < 1:
            raise StoreError(f"expected to keep at least 1 publication, found {keep}", where="keep")
        self.county = county
        self.keep = keep
        self.root = state_dir / county
        self.publications = self.root / "publications"
        self._pointer = self.root / "current"

    def begin(self) -> Draft:
        """Start to write the next publication.

        Returns
        -------
        Draft
            Holds the lock until it is committed or aborted.

        Raises
        ------
        StoreError
            Another run is writing this county.
        """
        self.publications.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            # The number is taken before anything is removed, so that none is given twice.
            numbers = [0, *(int(publication_id) for publication_id in self._ids())]
            self._remove_leftovers()
            publication_id = f"{max(numbers) + 1:04d}"
            path = self.publications / f".draft-{os.getpid()}-{publication_id}"
            path.mkdir(mode=0o700)
        except BaseException:
            lock.release()
            raise
        return Draft(publication_id, path, self._publish, lock)

    def current(self) -> Publication:
        """Return the publication that is served.

        Raises
        ------
        NotFoundError
            Nothing has been published yet, or everything was withdrawn.
        """
        named = self._named()
        candidates = [named, *(p for p in reversed(self._ids()) if named and int(p) < int(named))]
        for publication_id in candidates:
            if publication_id and self._complete(publication_id) and not self._withdrawal(publication_id):
                return Publication(publication_id, self.publications / publication_id)
        raise NotFoundError(
            "there is no publication", where=f"county {self.county}", hint="run `sozialmonitor run` for this county"
        )

    def open(self, publication_id: str) -> Publication:
        """Return a publication by its id.

        Raises
        ------
        NotFoundError
            There is none, it was removed, or it never became current.
        WithdrawnError
            It was withdrawn.
        """
        where = f"county {self.county}"
        named = self._named()
        if _ID.fullmatch(publication_id):
            reason = self._withdrawal(publication_id)
            if reason is not None:
                raise WithdrawnError(f"publication {publication_id} was withdrawn: {reason}", where=where)
            if named and int(publication_id) <= int(named) and self._complete(publication_id):
                return Publication(publication_id, self.publications / publication_id)
        raise NotFoundError(f"there is no publication {publication_id[:20]!r}", where=where)

    def history(self) -> tuple[Publication, ...]:
        """Return what can be opened, oldest first."""
        named = self._named()
        return tuple(
            Publication(publication_id, self.publications / publication_id)
            for publication_id in self._ids()
            if named
            and int(publication_id) <= int(named)
            and self._complete(publication_id)
            and self._withdrawal(publication_id) is None
        )

    def open_edition(self, publication: Publication | str, edition: Edition) -> SqliteStore:
        """Open what the service reads of one edition; the caller closes it.

        Raises
        ------
        NotFoundError, WithdrawnError
            As for :meth:`open`.
        StoreError
            The file is damaged or of another format.
        """
        from geodata.store.sqlite import SqliteStore

        wanted = publication if isinstance(publication, str) else publication.id
        return SqliteStore(self.open(wanted).edition_dir(edition) / SERVE)

    def withdraw(self, publication_id: str, reason: str) -> None:
        """Stop serving a publication at once, for good; the one before it takes its place.

        The note alone decides, so this works while a run is writing: readers skip a withdrawn publication even where
        ``current`` still names it.

        Parameters
        ----------
        publication_id : str
            Any publication, current or not.
        reason : str
            Shown to whoever asks for it.

        Raises
        ------
        NotFoundError, WithdrawnError
            As for :meth:`open`.
        """
        publication = self.open(publication_id)
        note = json.dumps({"reason": reason}, ensure_ascii=False)
        _replace(publication.path / _WITHDRAWN, note + "\n")
        try:
            lock = self._lock()
        except StoreError:
            return  # a run is writing; its commit replaces the pointer
        try:
            if self._named() == publication_id:
                try:
                    _replace(self._pointer, self.current().id + "\n")
                except NotFoundError:
                    return  # nothing is left to be served; the pointer keeps the count of numbers
        finally:
            lock.release()

    def _publish(self, draft: Draft) -> Publication:
        editions = [edition for edition in EDITIONS if (draft.path / edition).is_dir()]
        if not editions:
            raise StoreError("the draft has no edition", where=f"publication {draft.id}")
        absent = [
            f"{edition}/{name}" for edition in editions for name in FILES if not (draft.path / edition / name).is_file()
        ]
        if absent:
            raise StoreError(f"the draft lacks {', '.join(absent)}", where=f"publication {draft.id}")
        target = self.publications / draft.id
        _sync_tree(draft.path)
        draft.path.chmod(0o755)
        draft.path.rename(target)
        _sync(self.publications)
        _replace(self._pointer, draft.id + "\n")
        self._prune()
        return Publication(draft.id, target)

    def _lock(self) -> BaseFileLock:
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / ".lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            writers = [path.name.split("-")[1] for path in self.publications.glob(".draft-*-*")]
            process = f" (process {writers[0]})" if len(writers) == 1 else ""
            raise StoreError(
                f"another run is writing this county{process}",
                where=str(self.root),
                hint="wait until it has ended, or end it; what it leaves behind is removed by the next run",
            ) from error
        return lock

    def _ids(self) -> list[str]:
        if not self.publications.is_dir():
            return []
        return sorted((p.name for p in self.publications.iterdir() if _ID.fullmatch(p.name)), key=int)

    def _named(self) -> str | None:
        try:
            name = self._pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"the pointer cannot be read: {error}", where=str(self._pointer)) from error
        if not _ID.fullmatch(name):
            raise StoreError(
                f"expected the number of a publication, found {name[:20]!r}",
                where=str(self._pointer),
                hint=f"write the number of a directory in {self.publications} into it",
            )
        return name

    def _complete(self, publication_id: str) -> bool:
        path = self.publications / publication_id
        return any((path / edition / MANIFEST).is_file() for edition in EDITIONS)

    def _withdrawal(self, publication_id: str) -> str | None:
        try:
            return str(json.loads((self.publications / publication_id / _WITHDRAWN).read_text("utf-8"))["reason"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return "the note cannot be read"  # it is there, so the publication stays withdrawn

    def _remove_leftovers(self) -> None:
        """Remove what dead runs left: drafts, half-removed publications, and one that got its name but no pointer."""
        for path in self.publications.iterdir():
            if path.name.startswith((".draft-", ".trash-")):
                shutil.rmtree(path)
        named = self._named()
        # Without a pointer nothing is known to be left over: it may have been lost, and with it everything else.
        for publication_id in self._ids():
            if named and int(publication_id) > int(named) and self._withdrawal(publication_id) is None:
                self._remove(publication_id)

    def _prune(self) -> None:
        ids = self._ids()
        live = [publication_id for publication_id in ids if self._withdrawal(publication_id) is None]
        oldest = int(live[-self.keep :][0])
        for publication_id in ids:
            if int(publication_id) < oldest and publication_id in live:
                self._remove(publication_id)
            elif int(publication_id) < oldest:
                for edition in EDITIONS:
                    shutil.rmtree(self.publications / publication_id / edition, ignore_errors=True)

    def _remove(self, publication_id: str) -> None:
        # Renamed first: a publication is there whole, or not at all.
        trash = self.publications / f".trash-{os.getpid()}-{publication_id}"
        (self.publications / publication_id).rename(trash)
        shutil.rmtree(trash)


def _replace(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old text or the new one, whatever happens."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def _sync_tree(root: Path) -> None:
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            _sync(Path(folder) / name)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
