"""Mutated files end in a result or in a ``GeodataError``; no case takes over 10 s or 1 GiB.

The seeds are the real files, where they are, and the files of the invented county and of the makers below, so that
every reader has some. Each case runs in a process of a pool whose address space is bounded: memory that a mutation
asks for, and crashes of a library, are seen as what they are. The draws are Hypothesis' own (``@given``), so a failure
is shrunk and printed as a seed file and a short list of edits.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import time
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10.0
GIB = 1 << 30
#: Cases a reader: here, and in the long suite.
FAST = 60
SLOW = int(os.environ.get("SOZIALMONITOR_FUZZ_CASES", "10000"))
#: What is cut from long text files: a mutation is found as well in the first rows, and faster.
TEXT = 24_000

#: Strings that mean something to some reader.
TOKENS = [
    *(b";", b",", b"\t", b"|", b'"', b"\n", b"\r\n", b"\r", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe4", b"\xc3"),
    *(
        b"-",
        b".",
        b"...",
        b"/",
        b"x",
        b"()",
        b"p",
        b"r",
        b"0",
        b"-9",
        b"-1",
        b"\xe2\x80\x93",
        b"*",
        b"g",
        b"nan",
        b"inf",
    ),
    *(b"1e309", b"9" * 400, b"-0", b"1.234,5", b"1,234.5", b"31.12.2022", b"2022", b"99999", b"03157009", b"DG"),
    *(b"=1+1", b"<", b"<!DOCTYPE a>", b"&a;", b"{", b"}", b"[", b"null", b"\xff" * 8, b"\x7f\xff\xff\xff", b"A" * 5000),
]


@dataclass(frozen=True)
class Seed:
    """A file to start from: its name, its parts (a ZIP is mutated inside as well as outside) and its companions."""

    name: str
    payload: bytes
    companions: tuple[tuple[str, bytes], ...] = ()


def _worker(pipe: Connection) -> None:
    """Read what is asked for, again and again; answer None or what went wrong, with seconds and bytes."""
    import warnings

    import geopandas  # noqa: F401
    import rasterio  # noqa: F401

    from geodata.errors import GeodataError
    from geodata.readers.sniff import describe

    warnings.simplefilter("ignore")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Shared libraries and the pools of Arrow reserve far more address space than they use.
    resource.setrlimit(resource.RLIMIT_AS, (6 * GIB, 6 * GIB))
    while True:
        try:
            path = pipe.recv()
        except EOFError:
            return
        wrong = None
        started = time.process_time()  # a busy machine is no slow reader
        try:
            describe(Path(path)).as_dict()
        except GeodataError as error:
            if not error.where or not error.hint:
                wrong = f"no place or no remedy: {error!r}"
        except BaseException:
            wrong = traceback.format_exc()
        pipe.send(
            (wrong, time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - base)
        )


class Reader:
    """One process that reads; started again after a crash, or when a case makes it large."""

    def __init__(self) -> None:
        self._start()
        self.cases = 0
        self.slowest = 0.0
        self.largest = 0

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_worker, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def read(self, path: Path) -> None:
        """Let the file be read; fail if that ends in anything but a result or an error of ours."""
        self.cases += 1
        self._pipe.send(str(path))
        try:
            if not self._pipe.poll(90 if self.cases == 1 else 3 * SECONDS):
                raise AssertionError(f"no answer after {3 * SECONDS} s")
            wrong, seconds, size = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            code = self._process.exitcode
            self._start()
            raise AssertionError(f"the process died (exit code {code})") from None
        except AssertionError:
            self._process.kill()
            self._process.join()
            self._start()
            raise
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, size)
        if size > GIB // 2:  # what earlier cases took is not charged to later ones
            self.close()
            self._start()
        assert wrong is None, wrong
        assert seconds < SECONDS, f"{seconds:.1f} s"
        assert size < GIB, f"{size / GIB:.2f} GiB"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    found = Reader()
    yield found
    found.close()


def _real() -> Path | None:
    folder = Path(os.environ.get("SOZIALMONITOR_REAL_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def _invented() -> dict[str, list[Seed]]:
    """One small file a reader, written here, for machines without the real ones and for formats without any."""
    import tempfile

    import geopandas as gpd
    import numpy as np
    import openpyxl
    import pandas as pd
    import rasterio
    import shapely
    from affine import Affine

    from geodata import exchange
    from geodata.models import OBSERVATION_COLUMNS, AreaLayer, Observations, Source, Text

    head = "GITTER_ID_1km;x_mp_1km;y_mp_1km;Einwohner;werterlaeuternde_Zeichen\n"
    rows = "".join(f"CRS3035RES1000mN2{i:03}000E4334000;4334500;2{i:03}500;{i * 7};\n" for i in range(40))
    grid = (head + rows + "CRS3035RES1000mN2684000E4434000;4434500;2684500;–;KLAMMERN\n").encode()
    old_grid = "x_mp_1km,y_mp_1km,Einwohner,Alter_D\n" + "".join(
        f"43{i:02}500,3250500,{i},4{i}.25\n" for i in range(40)
    )
    classic = "\n".join(
        [
            "Tabelle: 12411-01-01-4;;;",
            "Bevölkerung nach Geschlecht - Stichtag 31.12.;;;",
            "Fortschreibung des Bevölkerungsstandes;;;",
            ";;Bevölkerung;Bevölkerung",
            ";;Anzahl;Anzahl",
            ";;männlich;weiblich",
            *(f"0315700{i};  Peine {i};{i}12;{i}13" for i in range(1, 9)),
            "__________",
            "(C)opyright Statistische Ämter des Bundes und der Länder;;;",
        ]
    )
    flat_old = "\n".join(
        [
            "Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;"
            "1_Auspraegung_Code;1_Auspraegung_Label;BEV001__Bevoelkerung__Anzahl",
            *(f"12411;F;STAG;Stichtag;31.12.2022;GEM;Gem;0315700{i};Ort {i};{i}12" for i in range(1, 9)),
            "",
        ]
    )
    found: dict[str, list[Seed]] = {
        "zensus-grid": [Seed("grid.csv", grid)],
        "zensus2011-grid": [Seed("grid.csv", old_grid.encode())],
        "genesis-classic": [Seed("classic.csv", (classic + "\n").encode("latin-1"))],
        "genesis-flat-old": [Seed("flat.csv", flat_old.encode("latin-1"))],
        "csv": [
            Seed("plain.csv", "Schlüssel;Jahr;Wert\n03157001;2022;1,5\n03157002;2022;-\n03157005;2022;3,25\n".encode())
        ],
    }
    ss = "".join(
        f'<Row><Cell><Data ss:Type="String">15700{i} Ort</Data></Cell><Cell ss:Index="3"><Data ss:Type="Number">{i}'
        "</Data></Cell></Row>"
        for i in range(1, 9)
    )
    found["spreadsheetml"] = [
        Seed(
            "lsn.xml",
            (
                '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
                'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="A"><Table>'
                f"{ss}</Table></Worksheet></Workbook>"
            ).encode(),
        )
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book = openpyxl.Workbook()
        book.active.append(["Schlüssel", "Name", "Jahr", "Arbeitslose"])
        for i in range(1, 30):
            book.active.append([f"03157{i:03}", f"Ort {i}", 2020 + i % 3, i * 1.5])
        book.active["E2"] = "=SUM(D2:D9)"
        book.save(folder / "a.xlsx")
        areas = gpd.GeoDataFrame(
            {"AGS": [f"0315700{i}" for i in range(6)], "GF": 4, "GEN": "Ort"},
            geometry=[shapely.box(600_000 + i, 5_790_000, 600_001 + i, 5_790_001) for i in range(6)],
            crs="EPSG:25832",
        )
        areas.to_file(folder / "a.gpkg")
        areas.to_file(folder / "a.fgb", driver="FlatGeobuf")
        areas.to_file(folder / "a.shp")
        areas.to_crs(4326).to_file(folder / "a.geojson", driver="GeoJSON")
        areas.to_parquet(folder / "geo.parquet")
        pd.DataFrame({"x": [4334500.0, 4335500], "y": [3250500.0, 3250500], "INSGESAMT_0": [3.0, -1]}).to_parquet(
            folder / "grid.parquet"
        )
        profile = {"width": 40, "height": 30, "count": 1, "dtype": "float32", "nodata": -9999, "crs": "EPSG:3035"}
        with rasterio.open(
            folder / "a.tif",
            "w",
            driver="GTiff",
            transform=Affine(100, 0, 4.3e6, 0, -100, 3.2e6),
            compress="deflate",
            **profile,
        ) as out:
            out.write(np.arange(1200, dtype="float32").reshape(30, 40), 1)
        layer = AreaLayer("gemeinde", areas.assign(name="a", context=False).set_index("AGS"), Text("a", "b"))
        table = pd.DataFrame(
            [(key, 2022, "x", 1.5, "observed", "counted", 1) for key in layer.areas.index],
            columns=list(OBSERVATION_COLUMNS),
        )
        figures = Observations(table, {"x": "Anzahl"}, Source("a", "b", "c", "d", "e"))
        for ending in ("csv", "parquet", "gpkg"):
            exchange.write_observations(folder / f"figures.{ending}", figures)
        for ending in ("parquet", "gpkg"):
            exchange.write_layer(folder / f"areas.{ending}", layer, figures)
        read = {path.name: path.read_bytes() for path in folder.iterdir()}
    parts = tuple((part, read[part]) for part in ("a.dbf", "a.shx", "a.prj"))
    found |= {
        "xlsx": [Seed("a.xlsx", read["a.xlsx"])],
        "gpkg": [Seed("a.gpkg", read["a.gpkg"])],
        "flatgeobuf": [Seed("a.fgb", read["a.fgb"])],
        "shapefile": [Seed("a.shp", read["a.shp"], parts)],
        "geojson": [Seed("a.geojson", read["a.geojson"])],
        "geoparquet": [Seed("geo.parquet", read["geo.parquet"])],
        "parquet": [Seed("grid.parquet", read["grid.parquet"])],
        "raster": [Seed("a.tif", read["a.tif"])],
        "sozialmonitor": [Seed(name, read[name]) for name in sorted(read) if name.startswith(("figures", "areas"))],
    }
    return found


#: Reader → the real files it is tried with.
REAL = {
    "genesis-flat": ["official/genesis_v5_*_flat.csv", "peine/zensus2022_*.csv"],
    "genesis-answer": ["official/*.json"],
    "inkar-xls": ["official/*.xls"],
    "inkar-csv": ["official/inkar_iris_*.csv", "peine/inkar_*.csv"],
    "zensus2011-grid": ["peine/zensus2011_1km_*.csv"],
    "parquet": ["peine/*.parquet"],
    "vg250": ["peine/vg250-ew_*.csv"],
    "geojson": ["peine/*.geojson"],
    "gpkg": ["peine/*.gpkg", "areal/ar_stl_wards.gpkg"],
    "csv": ["berlin/*.csv"],
}


def _seeds() -> dict[str, list[Seed]]:
    found = _invented()
    folder = _real()
    for kind, patterns in REAL.items() if folder else ():
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)) if folder else ():
                payload = path.read_bytes()
                if path.suffix == ".csv" and len(payload) > TEXT:
                    payload = payload[: payload.index(b"\n", TEXT) + 1]
                found.setdefault(kind, []).append(Seed(path.name, payload))
    return found


SEEDS = _seeds()

edits = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1), st.floats(0, 1)),
        st.tuples(st.just("end"), st.floats(0, 1), st.just(0.0)),
        st.tuples(st.just("set"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("head"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("put"), st.floats(0, 1), st.sampled_from(TOKENS)),
        st.tuples(st.just("over"), st.floats(0, 1), st.sampled_from(TOKENS)),
        st.tuples(st.just("copy"), st.floats(0, 1), st.floats(0, 1)),
        st.tuples(st.just("swap"), st.sampled_from(TOKENS[:12]), st.sampled_from(TOKENS)),
    ),
    min_size=1,
    max_size=6,
)


def mutate(payload: bytes, changes: list[tuple[str, object, object]]) -> bytes:
    """Apply edits: places are shares of the length, so that they survive shrinking and fit every seed."""
    for what, first, second in changes:
        size = len(payload)
        at = int(first * max(size - 1, 0)) if isinstance(first, float) else 0
        match what:
            case "end":
                payload = payload[:at]
            case "cut":
                payload = payload[:at] + payload[at + int(float(second) ** 8 * size) + 1 :]  # type: ignore[arg-type]
            case "head" | "set" | "over":
                at = int(at / max(size, 1) * min(size, 512)) if what == "head" else at
                assert isinstance(second, bytes)
                payload = payload[:at] + second + payload[at + len(second) :]
            case "put":
                assert isinstance(second, bytes)
                payload = payload[:at] + second + payload[at:]
            case "copy":
                block = payload[at : at + 1 + int(float(second) ** 4 * 2000)]  # type: ignore[arg-type]
                payload = payload[:at] + block * 3 + payload[at:]
            case "swap":
                assert isinstance(first, bytes)
                assert isinstance(second, bytes)
                payload = payload.replace(first, second, 5)
    return payload


def inside(payload: bytes, part: float, changes: list[tuple[str, object, object]]) -> bytes:
    """Mutate one member of a ZIP and pack it again, checksums and all."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(payload)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = names[int(part * (len(names) - 1))]
        for name in names:
            content = old.read(name)
            new.writestr(name, mutate(content, changes) if name == chosen else content)
    return out.getvalue()


def _hold(reader: Reader, kind: str, cases: int, folder: Path) -> None:
    seeds = SEEDS[kind]

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.sampled_from(range(len(seeds))), edits, st.floats(0, 1), st.integers(0, 3))
    def case(number: int, changes: list[tuple[str, object, object]], part: float, place: int) -> None:
        seed = seeds[number]
        payload, companions = seed.payload, dict(seed.companions)
        if place and payload.startswith(b"PK"):
            payload = inside(payload, part, changes)
        elif place == 3 and companions:
            other = sorted(companions)[int(part * (len(companions) - 1))]
            companions[other] = mutate(companions[other], changes)
        else:
            payload = mutate(payload, changes)
        path = folder / seed.name
        path.write_bytes(payload)
        for name, content in companions.items():
            (folder / name).write_bytes(content)
        try:
            reader.read(path)
        finally:
            for left in folder.iterdir():  # GDAL leaves .aux.xml, SQLite its journal
                with contextlib.suppress(OSError):
                    left.unlink()

    case()


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_mutated_files_end_in_a_result_or_an_error_of_ours(kind: str, reader: Reader, tmp_path: Path) -> None:
    _hold(reader, kind, FAST, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_ten_thousand_mutations_a_reader(kind: str, reader: Reader, tmp_path: Path) -> None:
    before, reader.slowest, reader.largest = reader.cases, 0.0, 0
    _hold(reader, kind, SLOW, tmp_path)
    print(  # noqa: T201
        f"{kind}: {reader.cases - before} cases, slowest {reader.slowest:.2f} s, most {reader.largest / GIB:.2f} GiB"
    )
