"""Mutated files end in a result or in a ``GeodataError``; no case takes over 10 s or 1 GiB.

Every reader is entered as people enter it (:data:`tests.property.fuzz_process.ENTRIES`), in a process of its own whose
address space is bounded: memory that a mutation asks for, and crashes of a library, are seen as what they are. The
draws are Hypothesis' own (``@given``), so a failure is shrunk and printed as a seed file and a short list of edits.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from geodata.errors import FormatError
from geodata.supply.workbook import open_workbook
from tests.property.fuzz_mutations import STATEMENTS, Edit, edits, hostile, mutate, share, tampered
from tests.property.fuzz_process import GIB, Reader
from tests.property.fuzz_seeds import KINDS, made, seeds

#: Cases a reader: here, and in the long suite.
FAST = 25
SLOW = int(os.environ.get("SOZIALMONITOR_FUZZ_CASES", "10000"))
#: Where the bytes of a case that failed are kept; Hypothesis prints the edits.
KEEP = os.environ.get("SOZIALMONITOR_FUZZ_KEEP")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    found = Reader()
    yield found
    found.close()


def _hold(reader: Reader, kind: str, cases: int, folder: Path) -> None:
    entry, files = seeds(kind)

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.sampled_from(range(len(files))), edits, share, st.integers(0, 3))
    def case(number: int, changes: list[Edit], part: float, place: int) -> None:
        seed = files[number]
        payload, companions = seed.payload, dict(seed.companions)
        if place > 1 and companions:
            other = sorted(companions)[int(part * (len(companions) - 1))]
            companions[other] = mutate(companions[other], changes)
        else:
            payload = hostile(payload, part, place, changes)
        path = folder / seed.name
        path.write_bytes(payload)
        for name, content in companions.items():
            (folder / name).write_bytes(content)
        try:
            reader.read(entry, path)
        except AssertionError:
            if KEEP:
                (Path(KEEP) / f"{kind}-{reader.cases}-{seed.name}").write_bytes(payload)
            raise
        finally:
            for left in folder.iterdir():  # GDAL leaves .aux.xml, SQLite its journal
                with contextlib.suppress(OSError):
                    left.unlink()

    case()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_mutated_files_end_in_a_result_or_an_error_of_ours(kind: str, reader: Reader, tmp_path: Path) -> None:
    _hold(reader, kind, FAST, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_ten_thousand_mutations_a_reader(kind: str, reader: Reader, tmp_path: Path) -> None:
    before, reader.slowest, reader.largest = reader.cases, 0.0, 0
    _hold(reader, kind, SLOW, tmp_path)
    print(  # noqa: T201
        f"\n{kind}: {reader.cases - before} cases, slowest {reader.slowest:.2f} s, most {reader.largest / GIB:.2f} GiB",
        flush=True,
    )


@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_geopackages_that_say_of_themselves_what_is_not_so(number: int, reader: Reader, tmp_path: Path) -> None:
    """Views without an end, columns that compute gigabytes, layers that are not there."""
    path = tmp_path / "a.gpkg"
    path.write_bytes(tampered(made("a.gpkg").payload, STATEMENTS[number]))
    reader.read("check", path)


@pytest.mark.slow
def test_a_line_of_thousands_of_cells_is_a_table(reader: Reader, tmp_path: Path) -> None:
    """A JSON without its first bracket is one: every cell of the line became a column, at two milliseconds each."""
    path = tmp_path / "a.csv"
    rows = [";".join(["AGS", *(f"k{i}" for i in range(8_000))])]
    rows += [";".join([f"0315700{row}", *(str(i * row) for i in range(8_000))]) for row in range(1, 4)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    reader.read("check", path)


def _damaged(name: str, column: str, value: object) -> bytes:
    """A Parquet file with one column of another value."""
    frame = pd.read_parquet(BytesIO(made(name).payload))
    frame[column] = value
    out = BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def _noted(name: str, note: bytes) -> bytes:
    """A Parquet file whose note of pandas' types says something else."""
    table = pq.read_table(BytesIO(made(name).payload))
    out = BytesIO()
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"pandas": note}), out)
    return out.getvalue()


#: What was found once.
FOUND = {
    "coordinates beyond 2^53": lambda: _damaged("grid.parquet", "y", 1 << 62),
    "coordinates beyond 2^53, long": lambda: _damaged("long.parquet", "y", 1 << 62),
    "values beyond 2^53": lambda: _damaged("long.parquet", "value", 1 << 62),
    "a note of pandas without columns": lambda: _noted("figures.parquet", b"{}"),
    "a note of pandas nested without end": lambda: _noted("figures.parquet", b"[" * 100_000),
    "a note of pandas nested in a plain table": lambda: _noted("table.parquet", b"[" * 100_000),
    "a note of pandas that is no JSON": lambda: _noted("figures.parquet", b"["),
    "a note of pandas in a plain table": lambda: _noted("table.parquet", b'{"index_columns": [{"kind": "range"}]}'),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_once(case: str, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(FOUND[case]())
    reader.read("check", path)


@pytest.mark.parametrize("name", ["figures.parquet", "long.parquet"])
def test_names_of_variables_that_are_no_texts(name: str, reader: Reader, tmp_path: Path) -> None:
    table = pq.read_table(BytesIO(made(name).payload))
    column = "variable" if name == "figures.parquet" else "var"
    at = table.column_names.index(column)
    for kind, cells in (("struct", [{"a": "x"}] * len(table)), ("numbers", [1.5] * len(table))):
        path = tmp_path / f"{kind}.parquet"
        changed = table.set_column(at, column, pa.array(cells)).replace_schema_metadata(table.schema.metadata)
        pq.write_table(changed, path)
        reader.read("check", path)


@pytest.mark.parametrize("column", ["unit", "area_id", "status"])
def test_figures_whose_texts_are_bytes(column: str, reader: Reader, tmp_path: Path) -> None:
    table = pq.read_table(BytesIO(made("figures.parquet").payload))
    path = tmp_path / "bytes.parquet"
    changed = table.set_column(table.column_names.index(column), column, pa.array([b"\x80"] * len(table)))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    reader.read("check", path)


def _rewritten(payload: bytes, pattern: bytes, by: bytes) -> bytes:
    """A workbook with other XML in its sheets."""
    out = BytesIO()
    with ZipFile(BytesIO(payload)) as given, ZipFile(out, "w") as changed:
        for name in given.namelist():
            part = given.read(name)
            changed.writestr(name, re.sub(pattern, by, part) if "/worksheets/" in name else part)
    return out.getvalue()


def test_a_returned_workbook_with_a_row_beyond_the_last(reader: Reader, tmp_path: Path) -> None:
    entry, files = seeds("supply")
    path = tmp_path / "rows.xlsx"
    path.write_bytes(_rewritten(files[0].payload, rb'(<row r=|<c r="[A-Z]+)("?)7"', rb'\g<1>\g<2>1048577"'))
    with pytest.raises(FormatError, match="nicht gibt"):
        open_workbook(path)
    reader.read(entry, path)


def test_a_returned_workbook_with_a_number_beyond_every_float(reader: Reader, tmp_path: Path) -> None:
    entry, files = seeds("supply")
    path = tmp_path / "number.xlsx"
    path.write_bytes(_rewritten(files[0].payload, rb"<v>\d+</v>", b"<v>" + b"9" * 400 + b"</v>"))
    assert any(cell.value == 10**400 - 1 for row in open_workbook(path).worksheets[1] for cell in row)
    reader.read(entry, path)


def test_bytes_among_the_attributes_of_areas(reader: Reader, tmp_path: Path) -> None:
    shapes = [box(600_000, 5_700_000, 600_100, 5_700_100)]
    path = tmp_path / "areas.parquet"
    gpd.GeoDataFrame({"id": ["a"], "raw": [b"\xff\xfe"]}, geometry=shapes, crs=25832).to_parquet(path)
    reader.read("check", path)


def test_a_heading_with_a_number_of_5000_digits(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "flat5.csv"
    text = next(seed for seed in seeds("genesis-flat")[1] if seed.name == "flat5.csv").payload.decode("utf-8-sig")
    path.write_text(text.replace("1_variable_code", "9" * 5_000 + "_variable_code"), encoding="utf-8")
    reader.read("check", path)


def test_a_geopackage_whose_schema_is_no_text(reader: Reader, tmp_path: Path) -> None:
    entry, files = seeds("gpkg")
    path = tmp_path / "schema.gpkg"
    path.write_bytes(files[0].payload.replace(b";", b"\xe4"))
    reader.read(entry, path)


@pytest.mark.parametrize("value", ["[" * 5_000, "9" * 5_000], ids=["brackets", "digits"])
@pytest.mark.parametrize("kind", ["county", "territory"])
def test_what_was_found_once_in_descriptions(kind: str, value: str, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.toml"
    path.write_text(f"a = {value}\n", encoding="utf-8")
    reader.read(kind, path)
