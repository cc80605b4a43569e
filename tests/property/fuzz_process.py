"""One process that reads hostile files, so that crashes, hangs and memory of a case are seen as what they are."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

SECONDS = 10.0
GIB = 1 << 30


def _check(path: Path) -> None:
    from geodata.readers.sniff import describe

    describe(path).as_dict()


def _layer(path: Path) -> None:
    from geodata import exchange

    exchange.read_layer(path)


def _areas(path: Path) -> None:
    from geodata.models import Text
    from geodata.readers import features, vector

    vector.read_areas(
        path,
        layer=features.list_layers(path)[0],
        id_field="AGS",
        crs="EPSG:25832",
        level="gemeinde",
        title=Text("a", "b"),
        dissolve=True,
    )


def _addresses(path: Path) -> None:
    from geodata.supply.addresses import read_addresses

    read_addresses(path).code("Lange Straße", "12a")


def _supply(path: Path) -> None:
    from geodata.supply.check import check_return

    result = check_return(path)
    assert result.verdict
    assert all(remark.place and remark.message for remark in result.remarks)


def _territory(path: Path) -> None:
    from geodata.territory import load_territory

    load_territory(path)


def _county(path: Path) -> None:
    from geodata.county import load_county

    load_county(path, require_files=False)


#: What a person does with a file: `check`, a run that reads areas, an exchange file, `supply check`, …
ENTRIES: dict[str, Callable[[Path], None]] = {
    "check": _check,
    "layer": _layer,
    "areas": _areas,
    "addresses": _addresses,
    "supply": _supply,
    "territory": _territory,
    "county": _county,
}


def _held(what: str) -> int:
    """Bytes of this process: ``VmRSS`` now, ``VmHWM`` at most since the mark was set back (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(what)


def _worker(pipe: Connection) -> None:
    """Read what is asked for, again and again; answer None or what went wrong, with seconds and bytes."""
    import warnings

    import geopandas  # noqa: F401
    import openpyxl  # noqa: F401
    import rasterio  # noqa: F401

    from geodata.errors import GeodataError

    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    base = _held("VmRSS")
    # Shared libraries and the pools of Arrow reserve far more address space than they use.
    resource.setrlimit(resource.RLIMIT_AS, (6 * GIB, 6 * GIB))
    while True:
        try:
            entry, path = pipe.recv()
        except EOFError:
            return
        Path("/proc/self/clear_refs").write_text("5")
        wrong = None
        started = time.process_time()  # a busy machine is no slow reader
        try:
            ENTRIES[entry](Path(path))
        except GeodataError as error:
            if not error.where or not error.hint:
                wrong = f"no place or no remedy: {error!r}"
        except BaseException:
            wrong = traceback.format_exc()
        pipe.send((wrong, time.process_time() - started, _held("VmHWM") - base))


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
        self._fresh = True

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._start()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def read(self, entry: str, path: Path) -> None:
        """Let the file be read; fail if that ends in anything but a result or an error of ours."""
        self.cases += 1
        self._pipe.send((entry, str(path)))
        patience = 90.0 if self._fresh else 6 * SECONDS  # a hang; a slow case is told by its seconds
        try:
            if not self._pipe.poll(patience):
                self._kill()
                raise AssertionError(f"no answer after {patience} s")
            wrong, seconds, size = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            code = self._process.exitcode
            self._start()
            raise AssertionError(f"the process died (exit code {code})") from None
        self._fresh = False
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, size)
        if size > GIB // 2:  # what one case left behind is not charged to later ones
            self._kill()
        assert wrong is None, wrong
        assert seconds < SECONDS, f"{seconds:.1f} s"
        assert size < GIB, f"{size / GIB:.2f} GiB"
