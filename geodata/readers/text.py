"""Text files: bytes become text, text becomes cells, and a file that is cut off or no table is refused."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geodata.errors import FormatError, MissingFileError, NoDataError
from geodata.readers import limits

#: First bytes of what is often saved under a wrong name.
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an XLSX workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (XLS)"),
    (b"SQLite format 3\x00", "a SQLite database or GeoPackage"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"II+\x00", "a BigTIFF"),
    (b"MM\x00+", "a BigTIFF"),
    (b"fgb\x03fgb", "a FlatGeobuf file"),
    (b"\x00\x00\x27\x0a\x00\x00\x00\x00", "a Shapefile"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A decoded text file.

    Attributes
    ----------
    payload : bytes
        The text in UTF-8, without byte order mark.
    encoding : str
        What it was decoded from: ``utf-8``, ``utf-8 with BOM``, ``utf-16``, ``cp1252`` or ``latin-1``.
    complete : bool
        The last line ends with a line break.
    """

    path: Path
    payload: bytes
    encoding: str
    complete: bool

    @property
    def head(self) -> str:
        """The first line."""
        return re.split(rb"\r\n|\r|\n", self.payload[:1_000_000], maxsplit=1)[0].decode("utf-8", "replace")


def peek(path: Path, length: int = 4096) -> bytes:
    """Return the first bytes of a file that must exist and hold something.

    Raises
    ------
    MissingFileError
        It does not exist.
    NoDataError
        It is empty.
    FormatError
        It is a folder, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(length)
    except FileNotFoundError:
        raise MissingFileError("expected a file, found none", where=str(path), hint="check the name") from None
    except OSError as error:
        raise FormatError(f"the file cannot be read: {error.strerror}", where=str(path), hint="name a file") from error
    if not head:
        raise NoDataError("the file is empty (0 bytes)", where=str(path), hint="download or export it again")
    return head


def kind_of(raw: bytes) -> str | None:
    """Name a binary format by its first bytes; None where nothing is recognised."""
    return next((name for magic, name in _MAGIC if raw.startswith(magic)), None)


def decode(path: Path) -> TextFile:
    """Read a text file, whatever of the usual encodings it is in.

    UTF-8 is tried first: text in cp1252 or Latin-1 with umlauts is practically never valid UTF-8.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    TextFile
        Its text, always in UTF-8.

    Raises
    ------
    MissingFileError, NoDataError
        No file, or nothing in it.
    FormatError
        It is binary, or breaks off inside a character.
    """
    peek(path)
    limits.require_file(path, "text_bytes")
    raw = path.read_bytes()
    encoding = "utf-8"
    wide = _utf16(raw)
    if wide:
        try:
            raw, encoding = raw.decode(wide).encode(), "utf-16"
        except UnicodeDecodeError as error:
            raise _cut(path, str(error)) from error
    else:
        found = kind_of(raw)
        if found or b"\x00" in raw:
            raise FormatError(f"expected text, found {found or 'binary data'}", where=str(path), hint="check the file")
        if raw.startswith(b"\xef\xbb\xbf"):
            raw, encoding = raw[3:], "utf-8 with BOM"
        wrong = _not_utf8(raw)
        if wrong is not None:
            if wrong.reason == "unexpected end of data" and any(byte > 0x7F for byte in raw[: wrong.start]):
                raise _cut(path, "it ends inside a character") from wrong
            if encoding != "utf-8":
                raise FormatError(
                    f"expected UTF-8 after the byte order mark: {wrong.reason} at byte {wrong.start}",
                    where=str(path),
                    hint="download or export it again",
                ) from wrong
            _require_one_encoding(raw, wrong.start, path)
            raw, encoding = _western(raw)
    if not raw or raw.isspace():
        raise NoDataError("the file holds only blanks", where=str(path), hint="download or export it again")
    answer = raw[:64].lstrip().startswith((b"{", b"["))
    if answer:
        limits.require("answer_bytes", len(raw), "bytes of JSON", path)
        inside = wrapped_table(raw)
        if inside is not None:
            raw, encoding, answer = inside.encode(), f"{encoding}, inside a JSON answer", False
    if not answer:  # JSON is one line as often as not
        limits.require_lines(raw, path)
    return TextFile(path, raw, encoding, raw.endswith((b"\n", b"\r")))


def _utf16(raw: bytes) -> str | None:
    """Tell UTF-16 by its byte order mark, or by the zeros that stand in every second byte of Western text."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = raw[:2000]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) or max(even, odd) < 0.4 * len(head) or len(head) < 16:
        return None
    return "utf-16-le" if odd else "utf-16-be"


def decode_head(raw: bytes) -> str:
    """Decode the first bytes of a text well enough to tell what it is; a character that is cut off is dropped.

    Parameters
    ----------
    raw : bytes
        From :func:`peek`.

    Returns
    -------
    str
        Without byte order mark.
    """
    wide = _utf16(raw)
    if wide:
        return raw[: len(raw) // 2 * 2].decode(wide, "ignore")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    for cut in range(4):
        try:
            return raw[: len(raw) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return raw.decode("cp1252", "replace")


def wrapped_table(raw: bytes) -> str | None:
    """Return the table that stands as one text inside a JSON answer of a GENESIS database; None where there is none."""
    if not raw[:64].lstrip().startswith(b"{") or b'"Object"' not in raw:
        return None
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    inside = answer.get("Object") if isinstance(answer, dict) else None
    content = inside.get("Content") if isinstance(inside, dict) else None
    return content if isinstance(content, str) and content.count("\n") > 1 and ";" in content else None


#: German letters, dashes, quotes and € in UTF-8; in cp1252 these would be Ã or â€ before another sign, as in no word.
_UTF8_LETTERS = re.compile(rb"\xc3[\x80-\xbf]|\xe2\x80[\x90-\xbf]|\xe2\x82\xac")


def _require_one_encoding(raw: bytes, at: int, path: Path) -> None:
    """Refuse UTF-8 with islands of another encoding: read as either, some letters are wrong, in keys and names too."""
    letters = _UTF8_LETTERS.search(raw)
    if letters is None:
        return
    foreign, known = (raw.count(b"\n", 0, place) + 1 for place in (at, letters.start()))
    raise FormatError(
        f"the file mixes encodings: line {known} is in UTF-8, line {foreign} in another (byte 0x{raw[at]:02x})",
        where=str(path),
        hint="export every part of it in UTF-8 before putting them together",
    )


def _not_utf8(raw: bytes, step: int = 1 << 24) -> UnicodeDecodeError | None:
    """Return what is wrong with bytes as UTF-8, decoding a piece at a time: a long text would double in memory."""
    at = 0
    while at < len(raw):
        end = min(at + step, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80 and end > at + step - 4:
            end -= 1  # not inside a character
        try:
            raw[at:end].decode("utf-8")
        except UnicodeDecodeError as error:
            reason = error.reason if end == len(raw) else "invalid byte"
            return UnicodeDecodeError("utf-8", b"", error.start + at, error.end + at, reason)
        at = end
    return None


def _western(raw: bytes) -> tuple[bytes, str]:
    try:
        return raw.decode("cp1252").encode(), "cp1252"
    except UnicodeDecodeError:
        return raw.decode("latin-1").encode(), "latin-1"


def _cut(path: Path, detail: str) -> FormatError:
    return FormatError(f"the file is truncated: {detail}", where=str(path), hint="download or export it again")


def require_utf8(frame: pd.DataFrame, where: str | Path) -> None:
    """Refuse columns of text that Arrow took over as they were and that are no UTF-8: a Parquet file is damaged.

    Raises
    ------
    FormatError
        The column is named.
    """
    import pyarrow as pa

    for at, name in enumerate(frame.columns):
        column = frame.iloc[:, at]
        if not pd.api.types.is_string_dtype(column.dtype):
            continue
        try:
            pa.array(column).validate(full=True)
        except (pa.ArrowException, ValueError) as error:
            raise FormatError(
                f"the file is damaged: column {str(name)!r} holds text that is no UTF-8",
                where=str(where),
                hint="copy or download it again",
            ) from error


#: ä ö ü Ä Ö Ü ß and dashes in UTF-8, read as cp1252 or Latin-1 and saved as UTF-8 again.
_TWICE = re.compile(
    r"\w*(?:Ã[\u0080-\u00bf\u0178\u0152\u0153\u2013\u201e]|â€[\u0080-\u00bf\u0153\u201c\u201d\u2122])[\wÃ\u0080-\u00bf]*"
)


def twice_encoded(text: str) -> tuple[str, str] | None:
    """Find a word in UTF-8 that was taken for another encoding, and what it was; None where there is none.

    Examples
    --------
    >>> twice_encoded("Am MÃ¼hlenweg"), twice_encoded("São Paulo")
    (('MÃ¼hlenweg', 'Mühlenweg'), None)
    """
    for found in _TWICE.finditer(text):
        for encoding in ("cp1252", "latin-1"):
            try:
                return found[0], found[0].encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
    return None


def require_complete(file: TextFile) -> None:
    """Refuse a machine-written file whose last line has no end: ``12`` may be what is left of ``125``.

    Raises
    ------
    FormatError
        The last line does not end with a line break.
    """
    if not file.complete:
        raise FormatError(
            "the file is truncated: its last line does not end with a line break",
            where=str(file.path),
            hint="download it again; if the last line is whole, add a line break after it",
        )


def refuse_answer(file: TextFile) -> None:
    """Refuse a JSON answer of a GENESIS database that was saved in place of a table.

    Raises
    ------
    NoDataError
        It is one: an error, the acknowledgement of a job, or metadata.
    """
    from geodata.readers import genesis_answer

    answer = genesis_answer.parse_answer(file.payload)
    if answer is not None:
        raise genesis_answer.no_table(answer, file.path)


def detect_delimiter(head: str) -> str | None:
    """Return the delimiter of a header line; None where it has one column only.

    Examples
    --------
    >>> detect_delimiter('a;"b,c";d')
    ';'
    """
    bare = re.sub(r'"[^"]*"', "", head)
    counts = {sign: bare.count(sign) for sign in (";", "\t", ",", "|")}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else None


def read_cells(file: TextFile, delimiter: str) -> pd.DataFrame:
    """Split a text file into cells, every row as wide as the first.

    Parameters
    ----------
    file : TextFile
        From :func:`decode`.
    delimiter : str
        One character.

    Returns
    -------
    pandas.DataFrame
        Columns 0 to n − 1, all str, header rows included; rows without anything in them are left out.

    Raises
    ------
    FormatError
        A row has more or fewer cells than the first: broken off, or no table.
    NoDataError
        There is nothing in any cell.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    names = [str(i) for i in range(_width(file, delimiter))]
    limits.require("columns", len(names), "columns", file.path)
    limits.require("cells", file.payload.count(b"\n") * len(names), "cells", file.path)
    broken: list[tuple[int | None, int, str]] = []

    def note(row: csv.InvalidRow) -> str:
        broken.append((row.number, row.actual_columns, row.text))
        return "error"

    try:
        table = csv.read_csv(
            pa.BufferReader(file.payload),
            # One thread keeps row numbers in messages; one block may be as large as a long header needs.
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 24),
            parse_options=csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=b'"' in file.payload, invalid_row_handler=note
            ),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if not broken:
            raise FormatError(
                f"expected a table of text: {error}", where=str(file.path), hint="download or export it again"
            ) from error
        number, found, text = broken[0]
        last = file.payload.rstrip().endswith(text.rstrip().encode()) and not file.complete
        what = "the file is truncated: its last line" if last else f"line {number or '?'}"
        raise FormatError(
            f"{what} has {found} cells, the first has {len(names)}: {text[:80]!r}",
            where=str(file.path),
            hint=_unlike(found, len(names), last),
        ) from error
    allowed = limits.current().cell_bytes
    for name in names if len(file.payload) > allowed else ():
        longest = pc.max(pc.binary_length(table.column(name))).as_py() or 0
        if longest > allowed:
            limits.require("cell_bytes", longest, f"bytes in a cell of column {int(name) + 1}", file.path)
    cells = table.to_pandas().astype("str")
    cells.columns = pd.RangeIndex(len(names))
    filled = pd.Series(False, index=cells.index)
    for column in cells:
        filled |= cells[column] != ""
        if filled.all():
            break
    if not filled.any():
        raise NoDataError("the table holds only blank cells", where=str(file.path), hint="download or export it again")
    return cells if filled.all() else cells[filled]


def _unlike(found: int, first: int, last: bool) -> str:
    """Say what to do about a row that has another number of cells than the first."""
    if last:
        return "download or export it again"
    if 1 < found < first:
        return "cells at the end of this line are missing: export the table again, and do not shorten its lines"
    return "leave titles, notes and merged cells out of the export"


def _width(file: TextFile, delimiter: str) -> int:
    """Count the cells of the first line that holds anything."""
    import csv

    lines = io.StringIO(file.payload[:2_000_000].decode("utf-8", "replace"), newline="")
    try:
        return next((len(row) for row in csv.reader(lines, delimiter=delimiter) if row), 1)
    except csv.Error as error:
        raise FormatError(
            f"expected a table of text: {error}", where=str(file.path), hint="download or export it again"
        ) from error
