"""Transfer matrices beside tobler, exactextract and rasterstats, in one run.

Each job runs in a fresh process, ours and the peers' in turn, several times; shown is the least CPU time, the peak of
the resident set (``ru_maxrss``, libraries and input included) and the error: the largest of a covered share, or of a
sum (relative), against shapely's intersections of a sample of zones with every cell; of variables, what a total lost.
Zones are Voronoi cells of random points with a fixed seed. What is prepared outside the clock is what a user has on
disk: zones, cells as polygons for tobler, pieces for the zonal sums, the cached matrix.

python benchmarks/bench_disaggregation.py [--repeat 3] [--task NAME ...]
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

SIZE = 100.0
CRS = "EPSG:25832"
#: task -> (what it is, {method: bar as a multiple of that method's CPU time, None without one})
TASKS: dict[str, tuple[str, dict[str, float | None]]] = {
    "matrix146": ("matrix, 146 zones x 654 481 cells", {"ours": None, "tobler": 40, "exactextract": None}),
    "matrix1000": ("matrix, 1 000 zones x 399 424 cells", {"ours": None, "tobler": 30, "exactextract": None}),
    "matrix10000": ("coverage, 10 000 zones x 1 000 000 cells", {"ours": None, "exactextract": None}),
    "layer": (
        "one more weight layer, 1 000 -> 3 000 zones, 399 424 cells",
        {"ours": None, "exactextract": 30, "rasterstats": None},
    ),
    "zonal": ("one more layer of zonal sums, 1 000 zones", {"ours": None, "exactextract": 30, "rasterstats": None}),
    "variables": (
        "100 variables, cached matrix, 1 000 -> 3 000 zones",
        {"ours": None, "ours, from its file": None, "tobler": 50, "tobler, table given": None},
    ),
    "cells100": (
        "100 variables, cached matrix, 146 zones -> 654 481 cells",
        {"ours": None, "ours, from its file": None, "tobler": 50, "tobler, table given": None},
    ),
    "large": ("matrix, 10 000 zones, 3.1 of 100 million cells", {"ours": None}),
}
LIMIT_BYTES = 4 << 30


def zones(n: int, rows: int, seed: int) -> gpd.GeoDataFrame:
    frame = shapely.box(0, 0, rows * SIZE, rows * SIZE)
    points = shapely.MultiPoint(np.random.default_rng(seed).random((n, 2)) * rows * SIZE)
    parts = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    return gpd.GeoDataFrame(geometry=shapely.intersection(parts, frame), crs=CRS)


def transform(rows: int) -> tuple[float, ...]:
    return (SIZE, 0.0, 0.0, 0.0, -SIZE, rows * SIZE)


def boxes(rows: int, cell: np.ndarray | None = None) -> np.ndarray:
    row, column = np.divmod(np.arange(rows * rows) if cell is None else cell, rows)
    return shapely.box(column * SIZE, (rows - row - 1) * SIZE, (column + 1) * SIZE, (rows - row) * SIZE)


def exact(polygon: shapely.Geometry, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cells and covered shares by shapely."""
    x0, y0, x1, y1 = (int(v // SIZE) for v in polygon.bounds)
    y, x = np.mgrid[y0 : min(y1 + 1, rows), x0 : min(x1 + 1, rows)]
    cell = (rows - 1 - y.ravel()) * rows + x.ravel()
    return cell, shapely.area(shapely.intersection(polygon, boxes(rows, cell))) / SIZE**2


def fraction_error(
    polygons: gpd.GeoSeries, rows: int, polygon: np.ndarray, cell: np.ndarray, share: np.ndarray
) -> float:
    """Return the largest error of a covered share over a sample of zones."""
    worst = 0.0
    for zone in range(0, len(polygons), max(len(polygons) // 20, 1)):
        number, truth = exact(polygons.iloc[zone], rows)
        found = np.zeros(rows * rows)
        mine = polygon == zone
        found[cell[mine]] = share[mine]
        worst = max(worst, float(np.abs(found[number] - truth).max()))
    return worst


def sum_error(polygons: np.ndarray, rows: int, layer: np.ndarray, sums: np.ndarray) -> float:
    """Return the largest relative error of a sum over a sample of polygons."""
    worst = 0.0
    for i in range(0, len(polygons), max(len(polygons) // 50, 1)):
        cell, share = exact(polygons[i], rows)
        truth = float((layer.ravel()[cell] * share).sum())
        worst = max(worst, abs(sums[i] - truth) / truth)
    return worst


def raster(rows: int, layer: np.ndarray | None = None) -> Any:
    from exactextract.raster import NumPyRasterSource

    values = np.zeros((rows, rows), dtype=np.uint8) if layer is None else layer
    return NumPyRasterSource(
        values, 0, 0, rows * SIZE, rows * SIZE, name="r", srs_wkt=gpd.GeoSeries(crs=CRS).crs.to_wkt()
    )


def layer_of(rows: int) -> np.ndarray:
    return np.random.default_rng(7).gamma(0.4, 30.0, (rows, rows))


Job = tuple[Callable[[], Any], Callable[[Any], float]]


def matrix(method: str, n: int, rows: int) -> Job:
    """Zones to the cells of a grid, by area."""
    z = zones(n, rows, 1)
    if method == "ours":
        from spatial.disaggregation.atoms import raster_atoms

        def ours() -> Any:
            atoms = raster_atoms(z, None, (rows, rows), transform(rows), CRS)
            return atoms, atoms.weights(atoms.area, method="area")

        return ours, lambda r: fraction_error(z.geometry, rows, r[0].source, r[0].cell, r[0].fraction)
    if method == "tobler":
        from tobler.area_weighted.area_interpolate import _area_tables_binning

        cells = gpd.GeoDataFrame(geometry=boxes(rows), crs=CRS)

        def error(table: Any) -> float:
            t = table.tocoo()
            return fraction_error(z.geometry, rows, t.row, t.col, t.data / SIZE**2)

        return (lambda: _area_tables_binning(z, cells, spatial_index="auto")), error
    from exactextract import exact_extract
    from scipy import sparse

    def peer() -> Any:
        table = exact_extract(raster(rows), z, ["cell_id", "coverage"], output="pandas")
        zone = np.repeat(np.arange(n), [len(c) for c in table["cell_id"]])
        cell = np.concatenate(table["cell_id"].to_list())
        share = np.concatenate(table["coverage"].to_list())
        return sparse.coo_array((share, (cell, zone)), shape=(rows * rows, n)).tocsr()

    def peer_error(table: Any) -> float:
        t = table.tocoo()
        return fraction_error(z.geometry, rows, t.col, t.row, t.data)

    return peer, peer_error


def coverage(method: str, n: int, rows: int) -> Job:
    """Covered shares alone, of many zones."""
    if method != "ours":
        return matrix(method, n, rows)
    from spatial.disaggregation.cell_coverage import cell_coverage
    from spatial.disaggregation.coverage import checked_grid

    z = zones(n, rows, 1)
    polygons = np.array(z.geometry.array, dtype=object)
    grid = checked_grid((rows, rows), transform(rows), CRS, "grid")

    def error(found: Any) -> float:
        return fraction_error(z.geometry, rows, found.polygon, found.cell, found.fraction)

    return (lambda: cell_coverage(polygons, (rows, rows), grid)), error


def layer(method: str, n: int, targets: int | None, rows: int) -> Job:
    """Mass of one more layer in every zone, or in every piece of source and target, and the matrix made of it."""
    from spatial.disaggregation.atoms import raster_atoms
    from spatial.disaggregation.pieces import intersect

    z, values = zones(n, rows, 1), layer_of(rows)
    t = None if targets is None else zones(targets, rows, 2)
    polygons = np.array(z.geometry.array, dtype=object)
    if t is not None:
        pieces = intersect(polygons, np.array(t.geometry.array, dtype=object))
        order = np.lexsort((pieces.target, pieces.source))
        polygons = pieces.geometry[order]
    if method == "ours":
        atoms = raster_atoms(z, t, (rows, rows), transform(rows), CRS)
        if t is None:
            return (lambda: np.bincount(atoms.source, atoms.mass(values))), (
                lambda sums: sum_error(polygons, rows, values, sums)
            )

        def sums_of(weights: Any) -> float:
            columns = weights.matrix.tocsc()
            mass = columns.data * weights.details["mass"].to_numpy()[np.repeat(np.arange(n), np.diff(columns.indptr))]
            return sum_error(polygons, rows, values, mass)

        return (lambda: atoms.weights(atoms.mass(values), method="raster")), sums_of
    frame = gpd.GeoDataFrame(geometry=polygons, crs=CRS)
    if method == "exactextract":
        from exactextract import exact_extract

        return (lambda: exact_extract(raster(rows, values), frame, ["sum"], output="pandas")["sum"].to_numpy()), (
            lambda sums: sum_error(polygons, rows, values, sums)
        )
    from affine import Affine
    from rasterstats import zonal_stats

    def stats() -> np.ndarray:
        found = zonal_stats(frame, values, affine=Affine(*transform(rows)), stats=["sum"], nodata=-1)
        return np.array([row["sum"] or 0.0 for row in found])

    return stats, lambda sums: sum_error(polygons, rows, values, sums)


def variables(method: str, n: int, targets: int | None, rows: int) -> Job:
    """A hundred counts through a matrix that is there already."""
    z = zones(n, rows, 1)
    y = pd.DataFrame(np.random.default_rng(3).random((n, 100)), columns=[f"v{i}" for i in range(100)])

    def lost(table: pd.DataFrame) -> float:
        sums = np.ascontiguousarray(table[y.columns].to_numpy().T).sum(axis=1)  # row by row: pairwise, so exact enough
        return float(np.abs(sums / y.to_numpy().sum(axis=0) - 1).max())

    if method.startswith("ours"):
        from spatial.disaggregation import AllocationWeights, area_weights
        from spatial.disaggregation.atoms import raster_atoms

        if targets is None:
            atoms = raster_atoms(z, None, (rows, rows), transform(rows), CRS)
            saved = atoms.weights(atoms.area, method="area").to_bytes()
        else:
            saved = area_weights(z, zones(targets, rows, 2)).to_bytes()
        weights = AllocationWeights.from_bytes(saved)
        if method.endswith("its file"):
            return (lambda: AllocationWeights.from_bytes(saved).apply_all(y)), lost
        return (lambda: weights.apply_all(y)), lost
    from tobler.area_weighted import area_interpolate
    from tobler.area_weighted.area_interpolate import _area_tables_binning

    t = gpd.GeoDataFrame(geometry=boxes(rows), crs=CRS) if targets is None else zones(targets, rows, 2)
    frame = z.join(y)
    table = _area_tables_binning(z, t, spatial_index="auto") if method.endswith("given") else None
    return (
        lambda: area_interpolate(frame, t, extensive_variables=list(y.columns), allocate_total=True, table=table)
    ), lost


def large(method: str) -> Job:
    """Ten thousand zones and the populated cells of a raster of a hundred million."""
    from spatial.disaggregation.atoms import raster_atoms

    rows, populated = 10_000, 3_100_000
    rng = np.random.default_rng(4)
    z = zones(10_000, rows, 1)
    cells = np.sort(rng.choice(rows * rows, populated, replace=False))
    people = rng.gamma(0.4, 30.0, populated)

    def ours() -> Any:
        atoms = raster_atoms(z, None, (rows, rows), transform(rows), CRS, cells=cells)
        return atoms, atoms.weights(atoms.mass(people, cells=cells), method="raster")

    def error(result: Any) -> float:
        atoms, weights = result
        assert weights.matrix.shape == (populated, 10_000)
        worst = 0.0
        for zone in range(0, 10_000, 1000):
            number, truth = exact(z.geometry.iloc[zone], rows)
            mine = (atoms.source == zone) & (atoms.cell >= 0)
            of = pd.Series(atoms.fraction[mine], index=atoms.cell[mine])
            asked = np.isin(number, cells)
            worst = max(worst, float(np.abs(of.reindex(number[asked], fill_value=0.0) - truth[asked]).max()))
        return worst

    return ours, error


def job_of(task: str, method: str) -> Job:
    match task:
        case "matrix146":
            return matrix(method, 146, 809)
        case "matrix1000":
            return matrix(method, 1000, 632)
        case "matrix10000":
            return coverage(method, 10_000, 1000)
        case "layer":
            return layer(method, 1000, 3000, 632)
        case "zonal":
            return layer(method, 1000, None, 632)
        case "variables":
            return variables(method, 1000, 3000, 632)
        case "cells100":
            return variables(method, 146, None, 809)
        case _:
            return large(method)


def one(task: str, method: str, runs: int) -> None:
    """Run a job in this process and print its CPU time, the peak of memory and the error."""
    warnings.simplefilter("ignore")
    job, error = job_of(task, method)
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        result = job()
        seconds.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": min(seconds), "peak": peak, "error": error(result)}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="processes for each method, in turn")
    parser.add_argument("--task", action="append", choices=TASKS, help="only these")
    parser.add_argument("--one", nargs=2, metavar=("TASK", "METHOD"), help="used by the script itself")
    options = parser.parse_args()
    if options.one:
        # The first run in a process compiles and fills caches; quick jobs get several, slow peers one.
        one(*options.one, runs=5 if options.one[1].startswith(("ours", "exact")) else 1)
        return 0
    names = ("numpy", "scipy", "shapely", "geopandas", "tobler", "exactextract", "rasterstats")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names))
    print(f"{'':<22}{'CPU s':>10}{'peak GiB':>10}{'error':>10}{'ours is':>10}{'at least':>10}")
    missed = []
    for task in options.task or TASKS:
        title, methods = TASKS[task]
        found: dict[str, dict[str, float]] = {}
        for _ in range(options.repeat):
            for method in methods:
                command = [sys.executable, str(Path(__file__).resolve()), "--one", task, method]
                said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
                best = found.setdefault(method, said)
                best["seconds"] = min(best["seconds"], said["seconds"])
        print(title)
        for method, got in found.items():
            ratio, bar = got["seconds"] / found["ours"]["seconds"], methods[method]
            line = f"  {method:<20}{got['seconds']:>10.4f}{got['peak'] / (1 << 30):>10.2f}{got['error']:>10.0e}"
            line += "" if method == "ours" else f"{ratio:>9.1f}x"
            print(line + (f"{bar:>9.0f}x" if bar else ""), flush=True)
            if bar and ratio < bar:
                missed.append(f"{title}: {ratio:.1f} times as fast as {method}, not {bar:.0f}")
        if task == "large" and found["ours"]["peak"] >= LIMIT_BYTES:
            missed.append(f"{title}: {found['ours']['peak'] / (1 << 30):.2f} GiB, not under 4")
    for line in missed:
        print("MISSED", line)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
