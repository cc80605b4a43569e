"""Areas merged above a floor beside PySAL's max-p: how many, and how long it takes.

python benchmarks/bench_areas.py [FOLDER WITH THE REAL DATA]

447 areas of Berlin with their people of 2015, alike in where they lie. Each search runs in a process of its own, which
is ended after LIMIT seconds; spopt's default of 99 constructions and ours of 100 tries. A row of six areas, the outer
ones small, shows which search comes to an end: spopt 0.7 (Python 3.11) does not, 0.8 (from Python 3.12) does.
"""

from __future__ import annotations

import multiprocessing
import platform
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import box

FLOORS, LIMIT = (5_000, 10_000, 20_000, 100_000), 120.0


def berlin(folder: Path) -> gpd.GeoDataFrame:
    areas = gpd.read_file(folder / "berlin" / "berlin_lor_until_2020.gpkg", layer="planungsraeume").set_index("id")
    table = pd.read_csv(folder / "berlin" / "berlin_lor_population_2015_planungsraeume.csv", dtype={"id": str})
    areas = areas.join(table.set_index("id")["inhabitants"].astype(float), how="inner").sort_index()
    middle = areas.geometry.centroid
    return areas.assign(x=middle.x / 10_000, y=middle.y / 10_000)


def ours(areas: gpd.GeoDataFrame, floor: float) -> int:
    from spatial.autocorrelation.graphs import contiguity, neighbour_matrix
    from spatial.regions.keep import build_regions

    matrix = neighbour_matrix(contiguity(areas, "rook"), areas.index)
    near = [matrix.indices[matrix.indptr[k] : matrix.indptr[k + 1]].tolist() for k in range(len(areas))]
    people, place = areas["inhabitants"], pd.DataFrame(areas[["x", "y"]])
    return len(build_regions(near, people, place, floor, rng=np.random.default_rng(1)).regions)


def peer(areas: gpd.GeoDataFrame, floor: float) -> int:
    from libpysal.weights import Rook
    from spopt.region import MaxPHeuristic

    frame = areas.reset_index(drop=True)
    np.random.seed(1)  # noqa: NPY002 - the peer draws from it
    model = MaxPHeuristic(frame, Rook.from_dataframe(frame, use_index=False), ["x", "y"], "inhabitants", floor)
    model.solve()
    return int(model.p)


def _run(search, areas: gpd.GeoDataFrame, floor: float, queue) -> None:
    warnings.simplefilter("ignore")  # of the peer
    if search is peer:
        import spopt.region  # noqa: F401
    else:
        import spatial.regions.keep  # noqa: F401
    start = time.perf_counter()
    queue.put((search(areas, floor), time.perf_counter() - start))


def timed(search, areas: gpd.GeoDataFrame, floor: float) -> tuple[str, str]:
    """Return regions and seconds, or that it did not end."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_run, args=(search, areas, floor, queue))
    process.start()
    try:
        regions, seconds = queue.get(timeout=LIMIT)
    except Exception:  # queue.Empty
        return "–", f"> {LIMIT:.0f}"
    finally:
        process.terminate()
        process.join()
    return str(regions), f"{seconds:.1f}"


def main() -> None:
    areas = berlin(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
    names = ("numpy", "scipy", "libpysal", "spopt")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names))
    print(f"{len(areas)} areas, {areas['inhabitants'].sum():.0f} people")
    print(f"{'floor':>8}  {'regions':>7}  {'seconds':>7}  {'spopt':>7}  {'seconds':>7}")
    for floor in FLOORS:
        cells = [*timed(ours, areas, floor), *timed(peer, areas, floor)]
        print(f"{floor:>8}  " + "  ".join(f"{cell:>7}" for cell in cells))
    boxes = [box(600_000 + k, 5_700_000, 600_001 + k, 5_700_001) for k in range(6)]
    frame = {"inhabitants": [100.0, 100, 900, 900, 100, 100], "x": range(6), "y": [0.0] * 6}
    row = gpd.GeoDataFrame(frame, geometry=boxes, crs=25832, index=pd.Index(list("abcdef")))
    cells = [*timed(ours, row, 800), *timed(peer, row, 800)]
    print(f"{'a row':>8}  " + "  ".join(f"{cell:>7}" for cell in cells))


if __name__ == "__main__":
    main()
