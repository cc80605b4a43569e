"""Small files that ask for much: refused fast, in little memory, with the limit and how to raise it."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from geodata.errors import ConfigError, FormatError, GeodataError
from geodata.readers import archives, limits, text
from geodata.readers.limits import Limits
from geodata.readers.sheet import open_sheet
from geodata.readers.sniff import describe

TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"


def workbook(path: Path) -> Path:
    """A workbook as openpyxl writes it."""
    book = openpyxl.Workbook()
    for row in (["Schlüssel", "Wert"], ["03157001", 5], ["03157002", 7], ["03157005", 9]):
        book.active.append(row)
    book.save(path)
    return path


def repacked(path: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> Path:
    """The same workbook with parts changed or added."""
    out = path.with_name(f"new-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return out


def same(name: str, content: bytes) -> bytes:
    return content


def zeros(path: Path, megabytes: int = 700) -> Path:
    out = path.with_name("bomb.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        with new.open("xl/media/image1.png", "w") as stream:
            for _ in range(megabytes):
                stream.write(bytes(1 << 20))
    return out


def lying(path: Path) -> Path:
    """The bomb again, with a directory that says it unpacks to 100 bytes."""
    raw = bytearray(zeros(path, 64).read_bytes())
    for signature, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = raw.find(signature)
        while start >= 0:
            if b"image1" in raw[start : start + 80]:
                raw[start + at : start + at + 4] = struct.pack("<I", 100)
            start = raw.find(signature, start + 4)
    out = path.with_name("lying.xlsx")
    out.write_bytes(raw)
    return out


def corner(path: Path) -> Path:
    """One cell in the last row and column: more than eight thousand million cells."""
    last = b'<row r="1048576"><c r="LCB1048576"><v>1</v></c></row></sheetData>'
    return repacked(path, lambda n, c: c.replace(b"</sheetData>", last) if n == SHEET else c)


def entities(path: Path) -> Path:
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    return repacked(path, lambda n, c: laughs + c if n == SHEET else c)


def ods(path: Path, body: str) -> Path:
    out = path.with_suffix(".ods")
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="A">{body}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        new.writestr("META-INF/manifest.xml", "<manifest/>")
        new.writestr("content.xml", content)
    return out


def repeated(path: Path) -> Path:
    cell = '<table:table-cell table:number-columns-repeated="8192" office:value-type="float" office:value="1"/>'
    return ods(path, f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>')


def xlsb(path: Path) -> Path:
    """The last row and column again, in a binary sheet."""
    row = bytes([0, 25]) + struct.pack("<I", 1_048_575) + bytes(21)
    cell = bytes([5, 16]) + struct.pack("<II", 8_191, 0) + struct.pack("<d", 1.0)
    first = bytes([0, 25]) + bytes(25) + bytes([5, 16]) + struct.pack("<II", 0, 0) + struct.pack("<d", 1.0)
    content = b"\x91\x01\x00" + first + row + cell + b"\x92\x01\x00"
    out = path.with_suffix(".xlsb")
    with zipfile.ZipFile(out, "w") as new:
        new.writestr("[Content_Types].xml", TYPES)
        new.writestr("xl/worksheets/sheet1.bin", content)
    return out


def billion_laughs(path: Path) -> Path:
    lines = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))]
    out = path.with_name("laughs.xml")
    out.write_text(
        f'<?xml version="1.0"?><!DOCTYPE w [{"".join(lines)}]>'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">&a9;</Workbook>'
    )
    return out


def external(path: Path) -> Path:
    out = path.with_name("external.gml")
    out.write_text(
        '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml">&x;</gml:FeatureCollection>'
    )
    return out


def pixels(path: Path) -> Path:
    """A TIFF of a few hundred bytes that announces 60 000 x 60 000 pixels."""
    import rasterio
    from affine import Affine

    out = path.with_suffix(".tif")
    profile = {"driver": "GTiff", "width": 60_000, "height": 60_000, "count": 1, "dtype": "float64"}
    tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "SPARSE_OK": True}
    with rasterio.open(out, "w", crs="EPSG:3035", transform=Affine(100, 0, 4e6, 0, -100, 3e6), **profile, **tiles):
        pass
    return out


def virtual(path: Path) -> Path:
    out = path.with_suffix(".vrt")
    out.write_text('<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc</SrcDataSource></OGRVRTLayer>')
    return out


def long_line(path: Path) -> Path:
    out = path.with_suffix(".csv")
    out.write_bytes(b"a;b\n1;2\n" + b"x" * 5_000_000 + b";1\n")
    return out


def unclosed(path: Path) -> Path:
    """A quote that is never closed swallows the rest of the file into one cell."""
    out = path.with_suffix(".csv")
    out.write_bytes(b'a;b\n1;2\n1;"x' + b"\n1;2" * 500_000 + b'"\n')
    return out


def wide(path: Path) -> Path:
    out = path.with_suffix(".csv")
    out.write_bytes(b";".join(b"%d" % i for i in range(20_000)) + b"\n" + b";" * 19_999 + b"\n")
    return out


def parquet(path: Path) -> Path:
    """One number a hundred million times: a few kilobytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = path.with_suffix(".parquet")
    piece = pa.table({"a": np.zeros(5_000_000)})
    with pq.ParquetWriter(out, piece.schema) as writer:
        for _ in range(5):
            writer.write_table(piece)
    return out


BOMBS: list[tuple[Callable[[Path], Path], str]] = [
    (zeros, "RATIO|UNPACKED_BYTES"),
    (lying, "RATIO|cannot be read"),
    (corner, "SHEET_CELLS"),
    (entities, "declares a document type"),
    (repeated, "SHEET_CELLS"),
    (xlsb, "SHEET_CELLS"),
    (billion_laughs, "declares a document type"),
    (external, "declares a document type"),
    (pixels, "PIXELS"),
    (virtual, "describes other files"),
    (long_line, "LINE_BYTES"),
    (unclosed, "CELL_BYTES"),
    (wide, "COLUMNS"),
    (parquet, "ROWS"),
]


@pytest.mark.parametrize(("make", "said"), BOMBS, ids=lambda value: getattr(value, "__name__", ""))
def test_bombs_are_refused_in_little_memory(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    bomb = make(workbook(tmp_path / "a.xlsx"))
    assert bomb.stat().st_size < 6_000_000
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import pandas, pyarrow, pyogrio, rasterio, geopandas\n"
        "from geodata.errors import GeodataError\n"
        "from geodata.readers.sniff import describe\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    print('read', describe(Path(sys.argv[1])))\n"
        "except GeodataError as error:\n"
        "    print('refused', error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bomb)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-600:]
    *answer, kilobytes = done.stdout.strip().splitlines()
    assert answer[0].startswith("refused"), answer
    assert pd.Series([answer[0]]).str.contains(said).all(), answer[0]
    assert int(kilobytes) < 200_000


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\x", "xl\\..\\..\\x", "a/../b"])
def test_names_that_lead_out_of_an_archive_are_refused(name: str, tmp_path: Path) -> None:
    path = repacked(workbook(tmp_path / "a.xlsx"), same, {name: b"x"})
    with pytest.raises(FormatError, match="outside itself"):
        describe(path)


def test_links_and_repeated_names_in_an_archive_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    link = zipfile.ZipInfo("xl/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(FormatError, match="holds a link"):
        open_sheet(path)
    path = repacked(workbook(tmp_path / "b.xlsx"), same, {SHEET.upper(): b"x"})
    with pytest.raises(FormatError, match="twice"):
        open_sheet(path)


def test_formulas_are_read_as_saved_and_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    formulas = b'<row r="5"><c r="A5"><f>A2</f><v>12</v></c><c r="B5"><f>SUM(B2:B4)</f><v></v></c></row></sheetData>'
    path = repacked(path, lambda n, c: c.replace(b"</sheetData>", formulas) if n == SHEET else c)
    found = open_sheet(path)
    assert found.cells.iloc[4].tolist() == ["12", ""]
    assert "2 cells are formulas" in found.note
    assert "1 of them have no saved value" in found.note
    assert any("formulas" in finding for finding in describe(path).findings)


def test_blank_cells_that_an_ods_repeats_to_its_end_cost_nothing(tmp_path: Path) -> None:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{word}</text:p></table:table-cell>' for word in "ab"
    )
    blank = '<table:table-cell table:number-columns-repeated="16382"/>'
    rows = f"<table:table-row>{cells}{blank}</table:table-row>" * 2
    rows += f'<table:table-row table:number-rows-repeated="1048574">{blank}</table:table-row>'
    assert open_sheet(ods(tmp_path / "a.xlsx", rows)).cells.shape == (2, 2)


@pytest.mark.parametrize("word", ["Straße", "Übergänge", "5 – 10", "„Ilsede“", "12 €"])
def test_islands_of_another_encoding_are_refused(word: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"Ort;Wert\n{word};1\n".encode() + "Größe;2\n".encode("cp1252"))
    with pytest.raises(FormatError, match="line 2 is in UTF-8, line 3 in another"):
        text.decode(path)
    path.write_bytes(f"Ort;Wert\n{word};1\nGröße;2\n".encode("cp1252"))
    assert text.decode(path).encoding == "cp1252"


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + "1;2\n" * 50)
    assert len(open_sheet(path).cells) == 51
    monkeypatch.setenv("SOZIALMONITOR_LIMIT_ROWS", "50")
    with pytest.raises(FormatError, match=r"at most 50 lines, found 51 -> .* set SOZIALMONITOR_LIMIT_ROWS \(now 50\)"):
        open_sheet(path)
    with limits.using(Limits(rows=51)):
        open_sheet(path)
    monkeypatch.setenv("SOZIALMONITOR_LIMIT_ROWS", "1_000")
    open_sheet(path)
    for wrong in ("", "0", "-5", "many", "5 XB"):
        monkeypatch.setenv("SOZIALMONITOR_LIMIT_ROWS", wrong)
        with pytest.raises(ConfigError, match="expected a number above 0"):
            open_sheet(path)
    monkeypatch.delenv("SOZIALMONITOR_LIMIT_ROWS")
    monkeypatch.setenv("SOZIALMONITOR_LIMIT_ROW", "5")
    with pytest.raises(ConfigError, match="no such limit"):
        open_sheet(path)
    assert Limits.from_environment({"SOZIALMONITOR_LIMIT_TEXT_BYTES": "500M"}).text_bytes == 500_000_000


@pytest.mark.parametrize("limit", ["file_bytes", "text_bytes", "rows", "columns", "cells", "cell_bytes", "line_bytes"])
def test_every_limit_of_a_text_holds_exactly(limit: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("aa;bb\n" + "11;2\n" * 9 + "1234567;1\n")
    exact = {
        "file_bytes": 61,
        "text_bytes": 61,
        "rows": 11,
        "columns": 2,
        "cells": 22,
        "cell_bytes": 7,
        "line_bytes": 9,
    }
    with limits.using(Limits(**{limit: exact[limit]})):
        open_sheet(path)
        if limit == "file_bytes":
            return  # the text has its own limit
    with limits.using(Limits(**{limit: exact[limit] - 1})), pytest.raises(FormatError, match=limit.upper()):
        open_sheet(path)


def test_an_archive_is_looked_through_again_when_it_changes(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    first = archives.vet(path)
    assert first == archives.vet(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("docProps/extra.xml", "<!DOCTYPE a><a/>")
    with pytest.raises(FormatError, match="document type"):
        archives.vet(path)


def test_a_deflate_stream_that_breaks_off_is_an_error_of_ours(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    raw = bytearray(path.read_bytes())
    at = raw.find(b"PK\x03\x04") + 60
    raw[at : at + 40] = zlib.compress(b"nothing")[:1] * 40
    path.write_bytes(raw)
    with pytest.raises(GeodataError):
        describe(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


@pytest.mark.real
def test_an_old_workbook_that_announces_too_much_is_refused_before_it_is_opened(
    real_data: Path, tmp_path: Path
) -> None:
    raw = (real_data / "official" / "inkar_A_Arbeitslosigkeit_kreise.xls").read_bytes()
    assert describe(real_data / "official" / "inkar_A_Arbeitslosigkeit_kreise.xls").values > 10_000
    path = tmp_path / "a.xls"
    far = raw.find(struct.pack("<HH", 0x00FD, 10))  # a cell with a text: row, column, style, text
    for at, what, said in (
        (far + 4, struct.pack("<HH", 65_535, 255), "between the first and the last"),
        (raw.find(struct.pack("<HH", 0x0200, 14)) + 4, struct.pack("<IIHH", 0, 1 << 30, 0, 60_000), "announces"),
        (raw.find(struct.pack("<HH", 0x00FC, 8209)) + 8, b"\xff\xff\xff\x7f", "texts announced"),
    ):
        path.write_bytes(raw[:at] + what + raw[at + len(what) :])
        with pytest.raises(FormatError, match=said):
            describe(path)
