"""Power of the local tests: which planted clusters are found, by their size and their effect, on 60 source zones.

python benchmarks/bench_power.py [--runs 200]

60 zones (6 × 10, queen), populations from 2 000 to 60 000, 8 % of the people are cases, a standard deviation of .8
points beside chance, and a compact cluster with more. Empirical-Bayes rates, 9 999 permutations, Benjamini-Hochberg at
.05. Each cell of the table: share of the runs in which an area of the cluster is labelled, and recall, the mean share
of its areas that are. The last column holds what no effect gives.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from spatial.autocorrelation.graphs import grid_contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.neighbours import prepare
from spatial.autocorrelation.rates import empirical_bayes

ROWS, COLUMNS = 6, 10
SIZES = (3, 4, 6, 9, 12, 16)
EFFECTS = (0.06, 0.04, 0.03, 0.02, 0.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    n = ROWS * COLUMNS
    row, col = np.divmod(np.arange(n), COLUMNS)
    ids = pd.Index([f"z{i:02d}" for i in range(n)])
    graph = prepare(grid_contiguity(row, col, ids))
    print(f"found / recall over {runs} runs")
    print("cluster of" + "".join(f"{f'8 % + {100 * e:g}':>16}" for e in EFFECTS))
    for size in SIZES:
        line = f"{size:>6} of {n}"
        for effect in EFFECTS:
            rng = np.random.default_rng([size, round(1000 * effect)])
            found, recall = 0, 0.0
            for _ in range(runs):
                start = rng.integers(n)
                distance = np.hypot(row - row[start], col - col[start]) + rng.random(n) * 1e-6
                planted = ids[np.argsort(distance)[:size]]
                people = pd.Series(np.rint(rng.lognormal(9.5, 0.7, size=n)).clip(2_000, 60_000), ids)
                risk = pd.Series(rng.normal(0.08, 0.008, size=n).clip(0.005), ids)
                risk[planted] += effect
                cases = pd.Series(rng.binomial(people.astype(int), risk).astype(float), ids)
                table = local_tests(empirical_bayes(cases, people), graph, rng=rng, permutations=9_999).table
                hot = (table["label"] == "High-High") | (table["gi_star_label"] == "hot")
                found += bool(hot[planted].any())
                recall += float(hot[planted].mean())
            line += f"{found / runs:>9.2f} /{recall / runs:>5.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
