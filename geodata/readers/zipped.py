"""One data file inside a ZIP archive, as offices deliver downloads: taken out safely, and read like any other.

:func:`geodata.readers.archives.vet` looks through the archive first (sizes once unpacked, names, links, encryption).
What is taken out gets a name of its own in a folder of its own; nothing of the archive's paths is used, and an archive
inside the archive is refused. The folder is gone when the file has been read.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from geodata.errors import FormatError, GeodataError, NoDataError, some
from geodata.readers import archives, limits, text

_PIECE = 1 << 20
#: Parts of a Shapefile; the ending .shp.xml is a description, and is left out.
_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
#: What lies beside data and is none: descriptions, licences, pictures, indices that are rebuilt.
_BESIDE = frozenset(
    {".pdf", ".doc", ".docx", ".odt", ".rtf", ".md", ".html", ".htm", ".url", ".css", ".js", ".db", ".ini"}
    | {".png", ".jpg", ".jpeg", ".gif", ".svg", ".qml", ".sld", ".qpj", ".lyr", ".lyrx"}
    | {".sbn", ".sbx", ".fbn", ".fbx", ".ain", ".aih", ".ixs", ".mxs", ".qix", ".atx"}
    | {".prj", ".cpg", ".tfw", ".tfwx", ".ovr"}
)
_ABOUT = re.compile(r"lies_?mich|read_?me|licen[cs]e|lizenz|copyright|metadat|datensatzbeschreibung", re.IGNORECASE)
_WORKBOOK = frozenset({"[Content_Types].xml", "mimetype", "content.xml"})


def is_zip(path: Path) -> bool:
    """Tell whether a file is a ZIP archive and no workbook.

    Raises
    ------
    MissingFileError, NoDataError, FormatError
        No file, nothing in it; or an archive that :func:`geodata.readers.archives.vet` refuses.
    """
    return text.peek(path).startswith(b"PK\x03\x04") and not _WORKBOOK & set(archives.vet(path).members)


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Take the data file out of an archive; a file that is no archive is handed on as it is.

    Parameters
    ----------
    path : pathlib.Path
        A ZIP archive with one data file in it, documents beside it; or any other file.

    Yields
    ------
    pathlib.Path
        The data file (of a Shapefile the part ``.shp``), readable inside the ``with`` block only. Errors raised inside
        name the archive and the member.

    Raises
    ------
    NoDataError, FormatError
        No data file, several, an archive inside the archive, or one beyond the limits.
    """
    if not is_zip(path):
        yield path
        return
    main, parts = _members(path)
    stem = re.sub(r"[^\w-]", "_", PurePosixPath(main).stem)[:80] or "data"
    with tempfile.TemporaryDirectory(prefix="sozialmonitor-") as folder:
        inside = Path(folder) / f"{stem}{_ending(main)}"
        try:
            with zipfile.ZipFile(path) as archive:
                for part in parts:
                    _copy(archive, part, inside.with_suffix(_ending(part)), path)
        except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
            raise FormatError(
                f"the archive is damaged: {error}", where=f"{path} [{main}]", hint="download it again"
            ) from error
        if text.peek(inside).startswith(b"PK\x03\x04") and is_zip(inside):
            raise FormatError(
                "expected a data file in the archive, found another archive", where=f"{path} [{main}]", hint="unpack it"
            )
        try:
            yield inside
        except GeodataError as error:
            # The reader knows the copy only.
            error.where = (error.where or str(inside)).replace(str(inside), f"{path} [{main}]")
            error.message = error.message.replace(str(inside), main)
            error.args = (str(error),)
            raise


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix.lower()
    return ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else ""


def _members(path: Path) -> tuple[str, list[str]]:
    """Return the data file of an archive, and all parts it consists of."""
    files = [
        name
        for name in archives.vet(path).members
        if PurePosixPath(name).name
        and not name.endswith("/")
        and not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
    ]
    shapes = [name for name in files if _ending(name) == ".shp"]
    parts = {
        shape: [
            name
            for name in files
            if _ending(name) in _PARTS and PurePosixPath(name).with_suffix("") == PurePosixPath(shape).with_suffix("")
        ]
        for shape in shapes
    }
    taken = {part for found in parts.values() for part in found}
    data = [name for name in files if name not in taken and not _is_beside(name, bool(shapes))]
    found = [*shapes, *data]
    if len(found) > 1:
        # "Liesmich.txt" beside a table is about it; alone it may be the table.
        found = [name for name in found if not _ABOUT.search(PurePosixPath(name).stem)] or found
    if not found:
        raise NoDataError(
            f"expected a data file in the archive, found {some(files) or 'nothing'}",
            where=str(path),
            hint="download it again",
        )
    if len(found) > 1:
        raise FormatError(
            f"expected one data file in the archive, found a ZIP archive with {len(found)} files: {some(found, 8)}",
            where=str(path),
            hint="unpack it, and name the file that is meant",
        )
    main = found[0]
    return main, parts.get(main, [main])


def _is_beside(name: str, shapes: bool) -> bool:
    ending = _ending(name)
    return ending in _BESIDE or (shapes and ending in (".xml", ".txt"))


def _copy(archive: zipfile.ZipFile, member: str, to: Path, path: Path) -> None:
    """Copy one member, counting: sizes that an archive states of itself prove nothing."""
    held = 0
    with archive.open(member) as source, to.open("wb") as target:
        while piece := source.read(_PIECE):
            held += len(piece)
            limits.require("unpacked_bytes", held, "bytes once unpacked", path, more=True)
            target.write(piece)
