"""Local Moran on a queen lattice: shared draws beside esda, one thread each.

python benchmarks/bench_hotspots.py [--side 100] [--permutations 999] [--repeat 3]
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

from spatial.autocorrelation.graphs import grid_contiguity, neighbour_matrix
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.permutation import conditional_counts


def best_of(repeat: int, job: Callable[[], object]) -> float:
    """Return the shortest time in seconds; the first run, which compiles and fills caches, does not count."""
    job()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()

    side, n = options.side, options.side**2
    ids = np.array([f"c{i:07d}" for i in range(n)])
    graph = grid_contiguity(np.repeat(np.arange(side), side), np.tile(np.arange(side), side), ids)
    values = pd.Series(np.random.default_rng(1).normal(size=n), index=ids)
    matrix = neighbour_matrix(graph, values.index)
    standardised = graph.transform("r")

    def kernel(permutations: int) -> object:
        return conditional_counts(values.to_numpy(), matrix, permutations=permutations, rng=np.random.default_rng(1))

    def table(permutations: int) -> object:
        return local_tests(values, graph, permutations=permutations, rng=np.random.default_rng(1))

    def peer() -> object:
        import esda

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return esda.Moran_Local(values, standardised, permutations=options.permutations, n_jobs=1, seed=1)

    rows = [
        ("shared draws, kernel", options.permutations, best_of(options.repeat, lambda: kernel(options.permutations))),
        ("shared draws, kernel", 99_999, best_of(options.repeat, lambda: kernel(99_999))),
        ("shared draws, local_tests", 99_999, best_of(options.repeat, lambda: table(99_999))),
        ("esda Moran_Local, n_jobs=1", options.permutations, best_of(options.repeat, peer)),
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas", "libpysal", "esda"))
    print(f"local Moran, queen lattice, n = {n}; Python {platform.python_version()}, {packages}")
    print(f"{'method':<28}{'permutations':>14}{'seconds':>10}")
    for name, permutations, seconds in rows:
        print(f"{name:<28}{permutations:>14}{seconds:>10.4f}")


if __name__ == "__main__":
    main()
