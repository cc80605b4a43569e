"""3.1 million cells of the Zensus 2022 at 100 m, read and keyed, beside a plain read with pandas.

Each method runs in a fresh process; memory is the peak of its resident set (``ru_maxrss``). What is compared: ours
checks encoding, width of every row, keys, midpoints and uniqueness, and gives every value its status, origin and flags;
``pandas.read_csv`` returns numbers and NaN.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CELLS = 3_100_000
HEADER = "GITTER_ID_100m;x_mp_100m;y_mp_100m;Einwohner"
LIMIT_SECONDS, LIMIT_BYTES = 15.0, 2 << 30


def write(path: Path, cells: int) -> None:
    """Write the file as published: cells of populated rows, some values as a dash."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rng = np.random.default_rng(20260101)
    # Germany spans 6 400 by 8 700 cells; about one in eighteen is populated.
    place = np.sort(rng.choice(6_400 * 8_700, size=cells, replace=False))
    north, east = 2_684_000 + place // 6_400 * 100, 4_031_300 + place % 6_400 * 100
    people = rng.negative_binomial(0.9, 0.03, cells) + 1
    words = pc.cast(pa.array(people), pa.string())
    words = pc.if_else(pa.array(rng.random(cells) < 0.1), "–", words)
    texts = {name: pc.cast(pa.array(axis), pa.string()) for name, axis in (("n", north), ("e", east))}
    ids = pc.binary_join_element_wise("CRS3035RES100mN", texts["n"], "E", texts["e"], "")
    middle = [pc.cast(pa.array(axis + 50), pa.string()) for axis in (east, north)]
    lines = pc.binary_join_element_wise(ids, *middle, words, ";")
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(HEADER + "\n")
        for start in range(0, cells, 100_000):
            out.write("\n".join(lines[start : start + 100_000].to_pylist()) + "\n")


def ours(path: Path) -> str:
    from geodata.readers.zensus_grid import read_grid_2022

    found = read_grid_2022(path)
    status = found.table["status"].value_counts()
    return f"{len(found.table)} values keyed, {', '.join(f'{n} {s}' for s, n in status.items())}"


def plain(path: Path) -> str:
    import pandas as pd

    frame = pd.read_csv(path, sep=";", decimal=",", na_values=["–"])
    return f"{len(frame)} rows, {int(frame['Einwohner'].isna().sum())} NaN"


METHODS = {"sozialmonitor": ours, "pandas.read_csv": plain}


def one(method: str, path: Path) -> None:
    started, worked = time.perf_counter(), time.process_time()
    said = METHODS[method](path)
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    print(f"{seconds}\t{worked}\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\t{said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "FILE"), help="used by the script itself")
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one[0], Path(arguments.one[1]))
        return
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Zensus2022_Bevoelkerungszahl_100m-Gitter.csv"
        write(path, arguments.cells)
        versions = f"Python {sys.version.split()[0]}, numpy {np.__version__}, pandas {pd.__version__}"
        print(
            f"Zensus 2022 grid, {arguments.cells} cells, {path.stat().st_size / 1e6:.0f} MB; {versions}, "
            f"pyarrow {pa.__version__}"
        )
        print(f"{'method':<20}{'seconds':>9}{'CPU s':>8}{'peak GiB':>10}  result")
        for method in METHODS:
            command = [sys.executable, str(Path(__file__).resolve()), "--one", method, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, worked, size, said = done.stdout.strip().split("\t")
            print(f"{method:<20}{float(seconds):>9.1f}{float(worked):>8.1f}{int(size) / (1 << 30):>10.2f}  {said}")
            if method == "sozialmonitor" and arguments.cells == CELLS:
                assert float(seconds) < LIMIT_SECONDS, f"over {LIMIT_SECONDS} s"
                assert int(size) < LIMIT_BYTES, "over 2 GiB"


if __name__ == "__main__":
    main()
