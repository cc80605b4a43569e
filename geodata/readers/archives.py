"""Archives before they are opened: workbooks (XLSX, ODS) and zipped layers are ZIP files written by anybody.

Everything is unpacked once, in pieces of 1 MiB that are thrown away: sizes that the archive states of itself prove
nothing. On the way XML parts are searched for what a reader must not see (document types, where entities are declared)
and for what it must not fall for: one cell in the last row and column of a sheet makes a table of 17 thousand million.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from geodata.errors import FormatError
from geodata.readers import limits

_PIECE = 1 << 20
#: Smaller archives may repeat themselves as much as they like.
_SMALL = 16 << 20
#: Longest tag that is looked for across two pieces.
_OVERLAP = 1 << 16
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_NULS = re.compile(rb"\x00")

_COLUMN = re.compile(rb"""\br\s*=\s*["']\$?([A-Za-z]{1,4})\$?\d""")
_ROW = re.compile(rb"""\br\s*=\s*["']\$?[A-Za-z]{0,4}\$?(\d{1,10})["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?=[\s/>])")
_EMPTY_FORMULA = re.compile(
    rb"<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v\s*></)"
)
_ODS_FORMULA = re.compile(rb"table:formula\s*=")
_ODS_TAG = re.compile(rb"<(/?)table:(table-cell|covered-table-cell|table-row|table)(?=[\s/>])([^<>]*)>")
_ODS_REPEAT = re.compile(rb"""number-(?:columns|rows)-repeated\s*=\s*["'](\d{1,12})["']""")


#: Marks of GDAL's formats that hold no data, but say which files, commands or addresses to open.
_ELSEWHERE = (
    b"OGRVRTDataSource",
    b"OGRWFSDataSource",
    b"OGRWFS3DataSource",
    b"OGRCSWDataSource",
    b"VRTDataset",
    b"GDAL_WMS",
    b"GDALTileIndexDataset",
    b"gdal_streamed_alg",
)


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds.

    Attributes
    ----------
    members : tuple of str
        Names.
    unpacked : int
        Bytes of all members, counted.
    formulas, unsaved : int
        Cells with a formula, and those of them without a saved value.
    """

    members: tuple[str, ...]
    unpacked: int = 0
    formulas: int = 0
    unsaved: int = 0

    @property
    def note(self) -> str:
        """What is to be said about formulas; empty where there are none."""
        if not self.formulas:
            return ""
        said = f"{self.formulas} cells are formulas, read as the values saved with them"
        if self.unsaved:
            said += (
                f"; {self.unsaved} of them have no saved value and are read as blank: open the workbook in Excel or "
                "LibreOffice and save it"
            )
        return said


def vet(path: Path) -> Archive:
    """Look through an archive without keeping anything of it.

    Parameters
    ----------
    path : pathlib.Path
        A ZIP file: XLSX, XLSM, XLSB, ODS, or a zipped layer.

    Returns
    -------
    Archive
        What it holds.

    Raises
    ------
    FormatError
        It is damaged or encrypted, unpacks to more than the limits allow, names paths outside itself, holds links or
        one name twice, declares a document type, or a sheet that spans more cells than the limits allow.
    """
    state = path.stat()
    return _vetted(path, state.st_size, state.st_mtime_ns, limits.current())


@lru_cache(maxsize=32)
def _vetted(path: Path, size: int, changed: int, allowed: limits.Limits) -> Archive:
    """Look through one state of a file once: its sheets are opened one by one."""
    where = str(path)
    limits.require("file_bytes", size, "bytes", path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            limits.require("members", len(infos), "files in the archive", where)
            names = tuple(info.filename for info in infos)
            _require_names(infos, where)
            found = Archive(names)
            ods = "content.xml" in names
            for info in infos:
                found = _member(archive, info, found, size, ods, where)
    except FormatError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise FormatError(
            f"expected a workbook or an archive, found a ZIP file that cannot be read: {error}",
            where=where,
            hint="it is truncated or damaged: download it again",
        ) from error
    except Exception as error:  # lzma.LZMAError has no public parent
        raise FormatError(f"the archive is damaged: {error}", where=where, hint="download it again") from error
    return found


def _require_names(infos: list[zipfile.ZipInfo], where: str) -> None:
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name) or "\x00" in name:
            _refuse(f"the archive names a path outside itself: {name[:80]!r}", where)
        if stat.S_ISLNK(info.external_attr >> 16):
            _refuse(f"the archive holds a link: {name[:80]!r}", where)
        if info.flag_bits & 1:
            raise FormatError(
                f"the archive is encrypted: {name[:80]!r}", where=where, hint="save it again without a password"
            )
        if name.lower() in seen:
            _refuse(f"the archive holds {name[:80]!r} twice: readers differ in which one they take", where)
        seen.add(name.lower())


def _refuse(message: str, where: str) -> NoReturn:
    raise FormatError(message, where=where, hint="no spreadsheet program writes such a file: ask where it comes from")


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, found: Archive, size: int, ods: bool, where: str
) -> Archive:
    """Unpack one member to nowhere, and count."""
    allowed = limits.current()
    sheet = _Sheet(where, info.filename) if _is_sheet(info.filename) else None
    content = _Content(where) if ods and info.filename == "content.xml" else None
    binary = _Binary(where, info.filename) if _is_sheet(info.filename, ".bin") else None
    xml = info.filename.lower().endswith((".xml", ".rels", ".vml", ".gml", ".kml"))
    # Reading stops at the size that the archive states; stating less is the oldest trick.
    # Two pieces more, so that the limit speaks before the checksum of a part would.
    info.file_size = allowed.unpacked_bytes + 2 * _PIECE
    unpacked = found.unpacked
    for piece, fresh in _pieces(archive, info):
        unpacked += fresh
        limits.require("unpacked_bytes", unpacked, "bytes once unpacked", where, more=True)
        if unpacked > _SMALL:
            limits.require("ratio", unpacked // size, "bytes unpacked for each packed", where, more=True)
        if xml and (_DTD.search(piece) or (b"\x00" in piece and _DTD.search(_NULS.sub(b"", piece)))):
            _refuse(f"{info.filename} declares a document type: refused, entities are not expanded", where)
        if sheet is not None:
            sheet.feed(piece)
        if content is not None:
            content.feed(piece)
        if binary is not None:
            binary.feed(piece)
    if binary is not None:
        binary.close()
    formulas = (sheet.formulas if sheet else 0) + (content.formulas if content else 0)
    unsaved = sheet.unsaved if sheet else 0
    return replace(found, unpacked=unpacked, formulas=found.formulas + formulas, unsaved=found.unsaved + unsaved)


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[tuple[bytes, int]]:
    """Yield a member in pieces that end where a tag ends, each with the number of fresh bytes."""
    rest = b""
    with archive.open(info) as stream:
        while raw := stream.read(_PIECE):
            piece = rest + raw
            # A formula and the value behind it stay together where pieces end with a cell.
            least = len(piece) - _OVERLAP
            cut = piece.rfind(b"</c>", least) + 4
            if cut < 4:
                cut = piece.rfind(b">", least) + 1 or len(piece)
            yield piece[:cut], len(raw)
            rest = piece[cut:]
    if rest:
        yield rest, 0


def _records(payload: bytes) -> Iterator[tuple[int, int]]:
    """Yield type and place of the records of a binary sheet (MS-XLSB 2.1.4: both numbers in groups of seven bits)."""
    at, size = 0, len(payload)
    while at < size:
        numbers = []
        for longest in (2, 4):
            number = shift = 0
            for _ in range(longest):
                if at >= size:
                    return
                byte = payload[at]
                at += 1
                number |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            numbers.append(number)
        yield numbers[0], at
        at += numbers[1]


def _is_sheet(name: str, ending: str = ".xml") -> bool:
    name = name.replace("\\", "/").lower()
    return name.startswith("xl/worksheets/") and name.endswith(ending)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


class _Sheet:
    """Follows the rectangle that the cells of an XLSX sheet span, and its formulas."""

    def __init__(self, where: str, name: str) -> None:
        self.where = f"{where} [{name}]"
        self.rows = self.columns = self.formulas = self.unsaved = 0
        self._seen: set[bytes] = set()

    def feed(self, piece: bytes) -> None:
        fresh = set(_COLUMN.findall(piece)) - self._seen
        self._seen |= fresh
        self.columns = max([self.columns, *map(_column, fresh)])
        self.rows = max([self.rows, *map(int, set(_ROW.findall(piece)))])
        self.formulas += len(_FORMULA.findall(piece))
        self.unsaved += len(_EMPTY_FORMULA.findall(piece))
        limits.require("columns", self.columns, "columns", self.where)
        limits.require("rows", self.rows, "rows", self.where)
        limits.require("sheet_cells", self.rows * self.columns, "cells between the first and the last", self.where)


class _Binary:
    """Follows the rectangle that the cells of an XLSB sheet span: records 0 are rows, 1 to 11 and 62 cells."""

    def __init__(self, where: str, name: str) -> None:
        self.where = f"{where} [{name}]"
        self._payload = bytearray()

    def feed(self, piece: bytes) -> None:
        self._payload += piece

    def close(self) -> None:
        rows = columns = 0
        payload = bytes(self._payload)
        for kind, at in _records(payload):
            if kind == 0:
                rows = max(rows, int.from_bytes(payload[at : at + 4], "little") + 1)
            elif kind <= 11 or kind == 62:
                columns = max(columns, int.from_bytes(payload[at : at + 4], "little") + 1)
        limits.require("columns", columns, "columns", self.where)
        limits.require("rows", rows, "rows", self.where)
        limits.require("sheet_cells", rows * columns, "cells between the first and the last", self.where)


class _Content:
    """Counts the cells that an ODS sheet repeats; blank ones at its end cost nothing and do not count."""

    def __init__(self, where: str) -> None:
        self.where = f"{where} [content.xml]"
        self.formulas = 0
        self._cells = self._width = self._blank = 0
        self._repeat = 1
        self._rows = self._blank_rows = self._widest = 0

    def feed(self, piece: bytes) -> None:
        self.formulas += len(_ODS_FORMULA.findall(piece))
        for closing, name, attributes in _ODS_TAG.findall(piece):
            if name == b"table-row":
                if closing or attributes.endswith(b"/"):
                    self._end_row()
                else:
                    self._repeat, self._width, self._blank = _repeated(attributes), 0, 0
            elif name == b"table":
                self._rows = self._blank_rows = self._widest = 0
            elif not closing:
                number = _repeated(attributes)
                if attributes.endswith(b"/") and b"office:value" not in attributes:
                    self._blank += number
                else:
                    self._width, self._blank = self._width + self._blank + number, 0
                    limits.require("columns", self._width, "columns", self.where)

    def _end_row(self) -> None:
        if not self._width:
            self._blank_rows += self._repeat
            return
        self._rows += self._blank_rows + self._repeat
        self._blank_rows = 0
        self._widest = max(self._widest, self._width)
        limits.require("rows", self._rows, "rows", self.where)
        limits.require("sheet_cells", self._rows * self._widest, "cells, those repeated included", self.where)


def _repeated(attributes: bytes) -> int:
    found = _ODS_REPEAT.search(attributes)
    return int(found[1]) if found else 1


def require_self_contained(path: Path) -> None:
    """Refuse what GDAL would not read alone: archives beyond the limits, XML with entities, lists of other sources.

    Raises
    ------
    FormatError
        The file is one of these, or larger than the limits allow.
    """
    limits.require_file(path)
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    if head.startswith(b"PK"):
        vet(path)
    elsewhere = next((sign for sign in _ELSEWHERE if sign in head), None)
    if elsewhere is not None:
        raise FormatError(
            f"the file describes other files or services to read ({elsewhere.decode()}): refused",
            where=str(path),
            hint="save what it shows as GeoPackage or GeoTIFF",
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        require_no_dtd(path)


def require_no_dtd(path: Path) -> None:
    """Refuse an XML file that declares a document type, wherever in it.

    Raises
    ------
    FormatError
        It does.
    """
    with path.open("rb") as stream:
        rest = b""
        while raw := stream.read(_PIECE):
            piece = _NULS.sub(b"", rest + raw)
            if _DTD.search(piece):
                _refuse("the XML declares a document type: refused, entities are not expanded", str(path))
            rest = piece[-16:]
