"""Global support-aware test: seconds for a whole call on 54 000 cells and 60 sources, 999 replicates.

python benchmarks/bench_support.py

The goal is under 5 s. The timed region is the whole call: reading the graph, standardising, building the operator, the
permutations. The shortest of several runs counts, in CPU seconds and in seconds.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import pandas as pd

from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.neighbours import prepare
from spatial.autocorrelation.support import global_support_test
from spatial.disaggregation import cell_weights

ROWS, COLUMNS, SOURCES, REPLICATES, GOAL = 225, 240, 60, 999, 5.0


def main() -> None:
    """Print one line for a graph that is read in the call, and one for a graph that was prepared."""
    cells = ROWS * COLUMNS
    ids = pd.Index([f"CRS3035RES100mN{i // COLUMNS:07d}E{i % COLUMNS:07d}" for i in range(cells)])
    row, column = np.divmod(np.arange(cells), COLUMNS)
    graph = grid_contiguity(row, column, ids)
    rng = np.random.default_rng(1)
    seeds = rng.uniform((0, 0), (ROWS, COLUMNS), size=(SOURCES, 2))
    place = np.column_stack([row, column])
    nearest = ((place[:, None, :] - seeds[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
    source_of = pd.Series([f"z{s:02d}" for s in nearest], index=ids)
    people = pd.Series(rng.integers(3, 60, size=cells).astype(float), index=ids)
    weights = cell_weights(source_of, people)
    size = people.groupby(source_of).sum()
    cases = pd.Series(rng.binomial(size.astype(int), 0.08).astype(float), index=size.index)
    ready = prepare(graph)
    print(f"{cells} cells, {SOURCES} sources, {REPLICATES} replicates; goal under {GOAL:g} s")
    for name, neighbours in (("graph read in the call", graph), ("graph prepared", ready)):
        best, cpu = np.inf, np.inf
        for _ in range(5):
            start, used = time.perf_counter(), time.process_time()
            found = global_support_test(
                cases, size, weights, neighbours, permutations=REPLICATES, rng=np.random.default_rng(1)
            )
            best, cpu = min(best, time.perf_counter() - start), min(cpu, time.process_time() - used)
        verdict = "reached" if best < GOAL else "MISSED"
        print(f"{name:<24}{best:>8.3f} s {cpu:>8.3f} CPU s   I {found.value:.3f}, p {found.p:.3f}   {verdict}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
