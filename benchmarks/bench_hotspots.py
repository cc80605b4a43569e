"""Local statistics beside esda, pygeoda, libpysal and spdep: seconds, ratios, peak memory.

python benchmarks/bench_hotspots.py [--quick] [--section NAME ...]

Every figure comes from a process of its own: the shortest of several runs (CPU seconds: their mean), after one that
compiles and fills caches.
Linear algebra is held to one thread, and so are the peers, but for the rows that say otherwise. Ratios are of CPU
seconds, which other work on the machine disturbs little; of seconds where a peer uses all cores. A peer that is not
installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEED = 1

#: Section → what is timed, and its rows: name, task, side of the lattice, permutations, smallest ratio wanted.
SECTIONS: dict[str, tuple[str, list[tuple[str, str, int, int, float | None]]]] = {
    "kernel": (
        "Local Moran, kernel: from values and ready weights to the counts of draws (esda: crand without keeping "
        "simulations; pygeoda: local_moran; spdep: localmoran_perm). Goals: 150 and 600 x esda, 40 and 80 x pygeoda",
        [
            ("sozialmonitor", "kernel", 100, 999, None),
            ("esda, n_jobs=1", "esda_kernel", 100, 999, 150),
            ("esda, n_jobs=-1, all cores", "esda_kernel_all", 100, 999, None),
            ("pygeoda, lookup", "pygeoda", 100, 999, 40),
            ("spdep", "spdep", 100, 999, None),
            ("sozialmonitor", "kernel", 316, 999, None),
            ("esda, n_jobs=1", "esda_kernel", 316, 999, 600),
            ("esda, n_jobs=-1, all cores", "esda_kernel_all", 316, 999, None),
            ("pygeoda, lookup", "pygeoda", 316, 999, 80),
            ("sozialmonitor", "kernel", 100, 99_999, None),
            ("sozialmonitor", "kernel", 316, 99_999, None),
        ],
    ),
    "million": (
        "Local Moran, kernel, one million areas (goal: 99 999 permutations under 2 s and 2 GiB)",
        [("sozialmonitor", "kernel", 1000, 999, None), ("sozialmonitor", "kernel", 1000, 99_999, None)],
    ),
    "call": (
        "Local Moran, whole call with ready weights: statistics, z, p, quadrants; ours also BH, states, labels and "
        "the table. Goals: 80 and 300 x esda",
        [
            ("sozialmonitor", "call", 100, 999, None),
            ("esda, n_jobs=1", "esda_call", 100, 999, 80),
            ("sozialmonitor", "call", 316, 999, None),
            ("esda, n_jobs=1", "esda_call", 316, 999, 300),
        ],
    ),
    "geary": (
        "Multivariate local Geary, 5 variables, whole call. Goal: 50 x esda",
        [("sozialmonitor", "geary", 100, 999, None), ("esda", "esda_geary", 100, 999, 50)],
    ),
    "weights": (
        "Local Moran with unequal weights, kernel. Goal: 8 x esda",
        [("sozialmonitor", "weighted", 316, 999, None), ("esda, n_jobs=1", "esda_weighted", 316, 999, 8)],
    ),
    "grid": (
        "Queen weights of a regular grid, from row and column numbers (libpysal: Graph.build_contiguity of the cells' "
        "squares, and lat2W). Goal: 50 x libpysal",
        [
            ("sozialmonitor, matrix", "grid", 316, 0, None),
            ("sozialmonitor, ready for tests", "grid_ready", 316, 0, None),
            ("libpysal Graph", "libpysal_graph", 316, 0, 50),
            ("libpysal lat2W", "libpysal_lattice", 316, 0, None),
        ],
    ),
}

R_CODE = """
suppressMessages(library(spdep))
side <- {side}
lw <- nb2listw(cell2nb(side, side, type = "queen"), style = "W")
set.seed(1); x <- rnorm(side^2)
t <- system.time(localmoran_perm(x, lw, nsim = {permutations}))
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", grep("VmHWM", status, value = TRUE))) / 1024
cat(sprintf('{{"seconds": %f, "cpu": %f, "mib": %f}}', t[["elapsed"]], t[["user.self"]], peak))
"""


def lattice(side: int) -> Any:
    """Queen contiguity of a square of cells."""
    from spatial.autocorrelation.graphs import grid_contiguity

    ids = np.arange(side * side)
    return grid_contiguity(ids // side, ids % side, ids)


def any_weights(graph: Any) -> Any:
    """The same neighbours with weights that differ."""
    from libpysal.graph import Graph

    edges = graph.adjacency.reset_index()
    weight = np.random.default_rng(3).uniform(0.1, 1.0, size=len(edges))
    return Graph.from_arrays(edges["focal"].to_numpy(), edges["neighbor"].to_numpy(), weight)


def ours(task: str, side: int, permutations: int) -> Callable[[], object]:
    from spatial.autocorrelation.graphs import grid_matrix
    from spatial.autocorrelation.local import local_moran
    from spatial.autocorrelation.local_geary import local_geary_multivariate
    from spatial.autocorrelation.neighbours import grid_neighbours, prepare
    from spatial.autocorrelation.permutation import conditional_counts

    ids = np.arange(side * side)
    rows, columns = ids // side, ids % side
    if task == "grid":
        return lambda: grid_matrix(rows, columns, pd.Index(ids))
    if task == "grid_ready":
        return lambda: grid_neighbours(rows, columns, ids)
    graph = lattice(side)
    ready = prepare(any_weights(graph) if task == "weighted" else graph)
    rng = np.random.default_rng(SEED)
    if task == "geary":
        frame = pd.DataFrame(rng.normal(size=(side * side, 5)), index=ids)
        return lambda: local_geary_multivariate(
            frame, ready, permutations=permutations, rng=np.random.default_rng(SEED)
        )
    values = rng.normal(size=side * side)
    if task == "call":
        series = pd.Series(values, index=ids)
        return lambda: local_moran(series, ready, permutations=permutations, rng=np.random.default_rng(SEED))
    order = ready.ids.to_numpy()
    matrix, values = ready.matrix, values[order]
    return lambda: conditional_counts(values, matrix, permutations=permutations, rng=np.random.default_rng(SEED))


def esda_task(task: str, side: int, permutations: int) -> Callable[[], object]:
    import esda
    from esda.crand import crand
    from esda.moran import _moran_local_crand

    graph = lattice(side)
    rng = np.random.default_rng(SEED)
    if task == "esda_geary":
        columns = list(rng.normal(size=(5, side * side)))
        standardised = graph.transform("r")
        return lambda: esda.Geary_Local_MV(connectivity=standardised, permutations=permutations).fit(columns)
    weights = (any_weights(graph) if task == "esda_weighted" else graph).transform("r")
    values = rng.normal(size=side * side)
    if task == "esda_call":
        series = pd.Series(values, index=graph.unique_ids)
        return lambda: esda.Moran_Local(series, weights, permutations=permutations, n_jobs=1, seed=SEED)
    z = (values - values.mean()) / values.std()
    observed = (len(z) - 1) * z * (weights.sparse @ z) / (z @ z)
    jobs = -1 if task.endswith("_all") else 1
    return lambda: crand(
        z, weights, observed, permutations, False, n_jobs=jobs, stat_func=_moran_local_crand, seed=SEED
    )


def pygeoda_task(side: int, permutations: int) -> Callable[[], object]:
    import pygeoda

    weights = pygeoda.queen_weights(pygeoda.open(squares(side)))
    values = np.random.default_rng(SEED).normal(size=side * side).tolist()
    return lambda: pygeoda.local_moran(
        weights, values, permutations=permutations, permutation_method="lookup", cpu_threads=1
    )


def squares(side: int) -> Any:
    import geopandas as gpd
    import shapely

    row, col = np.divmod(np.arange(side * side), side)
    return gpd.GeoDataFrame({"id": row * side + col}, geometry=shapely.box(col, row, col + 1, row + 1))


def libpysal_task(task: str, side: int) -> Callable[[], object]:
    if task == "libpysal_lattice":
        from libpysal.weights import lat2W

        return lambda: lat2W(side, side, rook=False)
    from libpysal.graph import Graph

    cells = squares(side)
    return lambda: Graph.build_contiguity(cells, rook=False)


def prepared(task: str, side: int, permutations: int) -> Callable[[], object]:
    if task.startswith("esda"):
        return esda_task(task, side, permutations)
    if task == "pygeoda":
        return pygeoda_task(side, permutations)
    if task.startswith("libpysal"):
        return libpysal_task(task, side)
    return ours(task, side, permutations)


def measure(task: str, side: int, permutations: int) -> dict[str, float]:
    """Run a task in this process: shortest time, and the peak of the resident set at the end."""
    warnings.simplefilter("ignore")
    job = prepared(task, side, permutations)
    job()
    wall: list[float] = []
    cpu: list[float] = []
    while not wall or (sum(wall) < 4.0 and len(wall) < 50):
        started, used = time.perf_counter(), time.process_time()
        job()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": min(wall), "cpu": sum(cpu) / len(cpu), "mib": peak}  # CPU clocks are too coarse for one run


def apart(task: str, side: int, permutations: int) -> dict[str, float] | None:
    """Measure a task in a process of its own; None where the peer is not installed."""
    if task == "spdep":
        if not shutil.which("Rscript"):
            return None
        code = R_CODE.format(side=side, permutations=permutations)
        done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False)
    else:
        one = {} if task.endswith("_all") else dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        command = [sys.executable, str(Path(__file__)), "--task", task, str(side), str(permutations)]
        done = subprocess.run(command, env={**os.environ, **one}, capture_output=True, text=True, check=False)
    if done.returncode:
        missing = "No module named" in done.stderr or "there is no package" in done.stderr
        if not missing:
            raise SystemExit(f"{task}: {done.stderr[-2000:]}")
        return None
    result: dict[str, float] = json.loads(done.stdout[done.stdout.rindex("{") :])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", action="append", choices=[*SECTIONS], help="only this part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="lattices of up to 10 000 areas only")
    parser.add_argument("--task", nargs=3, metavar=("NAME", "SIDE", "PERMUTATIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        name, side, permutations = options.task
        print(json.dumps(measure(name, int(side), int(permutations))))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {', '.join(_versions())}; queen lattices")
    for section in options.section or SECTIONS:
        title, rows = SECTIONS[section]
        header = (
            f"{'method':<30}{'areas':>9}{'permutations':>14}{'seconds':>10}{'CPU s':>10}{'x ours':>9}{'peak MiB':>10}"
        )
        print(f"\n{title}\n{header}")
        own: dict[tuple[int, int], dict[str, float]] = {}
        for label, task, side, permutations, goal in rows:
            if options.quick and side > 100:
                continue
            found = apart(task, side, permutations)
            line = f"{label:<30}{side * side:>9}{permutations or '':>14}"
            if found is None:
                print(f"{line}  not installed")
                continue
            clock = "seconds" if task.endswith("_all") else "cpu"
            reference = own.setdefault((side, permutations), found)
            ratio = None if reference is found else found[clock] / reference[clock]
            note = "" if goal is None or ratio is None else f"  goal {goal:g}{'' if ratio >= goal else ' MISSED'}"
            times = f"{ratio:>9.1f}" if ratio is not None else f"{'':>9}"
            print(f"{line}{found['seconds']:>10.4f}{found['cpu']:>10.4f}{times}{found['mib']:>10.0f}{note}", flush=True)


def _versions() -> list[str]:
    found = []
    for name in ("numpy", "scipy", "pandas", "libpysal", "esda", "numba", "pygeoda"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


if __name__ == "__main__":
    main()
