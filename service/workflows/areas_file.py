"""Areas of any layer merged into contiguous ones above a floor, with a table that people edit and give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, UsageError, some
from geodata.exchange_files import restore
from geodata.flat import Flat, read_flat, require_names, write_flat
from geodata.readers.vector import check_geometries
from geodata.zones import require_writable, write_zones
from service.workflows.index_task import require_new, require_other

if TYPE_CHECKING:
    import geopandas as gpd

    from spatial.regions.keep import RegionsResult

REGION = "region"
WEIGHTS = ("rook", "queen", "fuzzy")


@dataclass(frozen=True, slots=True)
class AreasTask:
    """What is to be merged; names as on the command line.

    Attributes
    ----------
    source : str
        Layer, or ``FILE|layername=LAYER``.
    id_field, population : str
        Columns with ids and inhabitants.
    floor : float
        Fewest inhabitants of a merged area.
    values : tuple of str
        Columns in which areas that are merged should be alike; without them they should lie close together.
    sums : tuple of str
        Columns of counts that are summed.
    name_field : str or None
    keep : str or None
        Earlier assignment, perhaps edited.
    within : str or None
        Column with a larger zone that merged areas do not cross.
    weights : str
        ``rook``: share a border; ``queen``: touch; ``fuzzy:M``: less than 2 M metres apart.
    islands : {"refuse", "nearest"}
    seed, tries : int
    """

    source: str
    id_field: str
    population: str
    floor: float
    values: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    name_field: str | None = None
    keep: str | None = None
    within: str | None = None
    weights: str = "rook"
    islands: str = "refuse"
    seed: int = 1
    tries: int = 100

    def as_dict(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {
            **{name: value for name, value in said.items() if value not in (None, ())},
            "sozialmonitor": version("sozialmonitor"),
        }


@dataclass(frozen=True, slots=True)
class AreasAnswer:
    """What was merged.

    Attributes
    ----------
    result : RegionsResult
    assignment : pathlib.Path
        The table that can be edited and given back.
    notes : tuple of str
    """

    result: RegionsResult
    assignment: Path
    notes: tuple[str, ...]


def assignment_path(out: Path) -> Path:
    """Return where the table of areas and regions is written: beside OUT.

    Examples
    --------
    >>> assignment_path(Path("areas.gpkg")).name
    'areas_assignment.csv'
    """
    return out.with_name(f"{out.stem}_assignment.csv")


def build_areas(
    task: AreasTask, out: Path, *, overwrite: bool = False, say: Callable[[str], None] = lambda _line: None
) -> AreasAnswer:
    """Read a layer, merge its areas, and write the merged ones and the assignment.

    Parameters
    ----------
    task : AreasTask
        What is to be merged.
    out : pathlib.Path
        Merged areas; the ending chooses the format. The assignment goes beside it (:func:`assignment_path`).
    overwrite : bool
        Replace files of these names.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    AreasAnswer

    Raises
    ------
    SozialmonitorError
        The layer, the task, the earlier assignment or the output is not what is expected; nothing is written then.
    """
    table_path = assignment_path(out)
    require_writable(out, overwrite=overwrite)
    require_other(out, task.source)
    require_new(table_path, (".csv",), "OUT", overwrite=overwrite)
    flat = read_flat(task.source, task.id_field)
    if flat.geometry is None:
        raise UsageError(
            "expected a layer, because only areas that lie side by side are merged, found a table without shapes",
            where=task.source,
            hint="join the table to its areas first, for example in QGIS",
        )
    check_geometries(flat.geometry, flat.ids, task.source)
    require_names(out, [REGION, "areas", "people", "state", "members", *task.sums], task.source)
    numbers = flat.numbers([task.population, *task.values, *task.sums])
    earlier = _earlier(task, flat) if task.keep else None
    shapes = _projected(flat)
    zone = None if task.within is None else pd.factorize(flat.column(task.within), use_na_sentinel=False)[0]
    near, joined = _neighbours(task, shapes, numbers[task.population], zone)
    say(f"{task.source}: {len(flat.ids)} areas, floor {task.floor:g}, {task.weights} neighbours")
    from spatial.regions.keep import UnreachableError, build_regions

    values, told = _values(task, numbers, shapes)
    people = numbers[task.population]
    rng = np.random.default_rng(task.seed)
    try:
        result = build_regions(near, people, values, task.floor, rng=rng, earlier=earlier, tries=task.tries)
    except UnreachableError as error:
        remedies = {
            "add --islands nearest, which joins them to the nearest area": task.islands == "refuse",
            "leave out --within, or name a larger zone": task.within is not None,
            "lower the floor": True,
            "leave these areas out of the layer": True,
        }
        hint = "; ".join(text for text, possible in remedies.items() if possible)
        raise UnreachableError(error.message, where=task.source, hint=hint) from error
    notes = (*flat.notes, *joined, *told, *result.notes)
    table = result.assignment.copy()
    table.insert(0, "people", numbers[task.population])
    if task.name_field is not None:
        table.insert(0, "name", flat.column(task.name_field).astype("str"))
    write_flat(table_path, table, Flat(task.source, flat.ids, {}), metadata={})
    write_zones(out, _merged(task, flat, numbers, result), metadata={**task.as_dict(), "notes": list(notes)})
    return AreasAnswer(result, table_path, notes)


def _earlier(task: AreasTask, flat: Flat) -> dict[str, str]:
    """Read the earlier assignment: id → region, blanks left out."""
    kept = read_flat(str(task.keep), task.id_field)
    column = kept.column(REGION)
    if pd.api.types.is_numeric_dtype(column):
        column = column.map(lambda v: "" if np.isnan(v) else f"{v:.15g}")
    found = {restore(str(area)): restore(str(name).strip()) for area, name in column.items() if str(name).strip()}
    known = [area for area in found if area in flat.ids]
    if not known:
        raise AreaKeyError(
            f"expected the ids of {task.source} ({some(flat.ids, 3)}), found {some(found, 3) or 'no region'}",
            where=str(task.keep),
            hint="a spreadsheet may have taken leading zeros away: open the table with that column as text",
        )
    return found


def _projected(flat: Flat) -> gpd.GeoDataFrame:
    """Return the shapes in metres."""
    import geopandas as gpd

    geometry = flat.geometry
    if geometry is None:
        raise RuntimeError("a layer without shapes")
    shapes = gpd.GeoDataFrame(geometry=geometry.to_numpy(), index=flat.ids, crs=geometry.crs)
    return shapes.to_crs(shapes.estimate_utm_crs()) if shapes.crs.is_geographic else shapes


def _neighbours(
    task: AreasTask, shapes: gpd.GeoDataFrame, people: pd.Series, zone: np.ndarray | None
) -> tuple[list[list[int]], tuple[str, ...]]:
    """Return the neighbours of each area by position; islands are joined over water where that is asked for."""
    import shapely

    from spatial.autocorrelation.graphs import neighbour_matrix
    from spatial.autocorrelation.weights import WeightsSpec, build_graph
    from spatial.regions.maxp import parts

    spec = WeightsSpec.parse(task.weights)
    if spec.kind not in WEIGHTS:
        raise UsageError(
            f"expected {', '.join(WEIGHTS)}, found {task.weights!r}",
            where="--weights",
            hint="merged areas hang together on the ground: neighbours at a distance do not",
        )
    matrix = neighbour_matrix(build_graph(shapes, spec), shapes.index)
    near = [matrix.indices[matrix.indptr[k] : matrix.indptr[k + 1]].tolist() for k in range(len(shapes))]
    zone = np.zeros(len(near), dtype=np.int64) if zone is None else zone
    near = [[other for other in around if zone[other] == zone[k]] for k, around in enumerate(near)]
    if task.islands == "refuse":
        return near, ()
    geometry = shapes.geometry.to_numpy()
    count = people.to_numpy(dtype=np.float64, na_value=np.nan)
    ids = [str(area) for area in shapes.index]
    notes: list[str] = []
    while True:
        found = parts(near, set(range(len(near))))
        # A zone that is one part has nothing to be joined to.
        open_ = [part for part in found if len(part) < int((zone == zone[part[0]]).sum())]
        small = [part for part in open_ if not np.nansum(count[part]) >= task.floor]
        if not small:
            return near, tuple(notes)
        part = min(small, key=lambda one: ids[one[0]])
        others = np.array(sorted(set(np.flatnonzero(zone == zone[part[0]]).tolist()) - set(part)))
        away = shapely.distance(geometry[others], shapely.union_all(geometry[part]))
        to = int(others[int(np.argmin(away))])
        start = part[int(np.argmin(shapely.distance(geometry[part], geometry[to])))]
        near[start].append(to)
        near[to].append(start)
        notes.append(f"{ids[start]} and {ids[to]} do not touch and count as neighbours ({away.min():.0f} m apart)")


def _values(task: AreasTask, numbers: pd.DataFrame, shapes: gpd.GeoDataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return what merged areas should be alike in: z-scores of the columns, or where they lie."""
    if not task.values:
        points = shapes.geometry.centroid
        place = pd.DataFrame({"x": points.x, "y": points.y}, index=numbers.index)
        return (place - place.mean()) / max(float(place.std(ddof=0).max()), 1.0), ()
    chosen = numbers[list(task.values)]
    spread = chosen.std(ddof=0)
    same = spread.to_numpy() <= 1e-12 * chosen.abs().max().to_numpy()
    if (same | spread.isna().to_numpy()).any():
        flat = chosen.columns[same | spread.isna().to_numpy()]
        raise SpatialError(
            f"expected values that differ between areas, found one everywhere in {some(flat)}",
            where="--value",
            hint="leave this column out",
        )
    missing = chosen.isna().any(axis=1)
    notes: tuple[str, ...] = ()
    if missing.any():
        notes = (
            f"{int(missing.sum())} areas without a value of {', '.join(task.values)} count as average: "
            f"{some(chosen.index[missing])}",
        )
    return ((chosen - chosen.mean()) / spread).fillna(0.0), notes


def _merged(task: AreasTask, flat: Flat, numbers: pd.DataFrame, result: RegionsResult) -> gpd.GeoDataFrame:
    """Unite the shapes, and sum what is counted."""
    import geopandas as gpd

    if flat.geometry is None:
        raise RuntimeError("a layer without shapes")
    region = result.assignment["region"]
    shapes = gpd.GeoDataFrame(geometry=flat.geometry.to_numpy(), crs=flat.geometry.crs)
    united = shapes.dissolve(by=region.to_numpy())
    united.index.name = REGION
    table = result.regions.reindex(united.index)
    members: Mapping[str, str] = {
        str(name): ", ".join(map(str, areas)) for name, areas in region.groupby(region).groups.items()
    }
    table["members"] = [members[str(name)] for name in united.index]
    if task.sums:
        sums = numbers[list(task.sums)].groupby(region).sum(min_count=1)
        holes = numbers[list(task.sums)].isna().groupby(region).any()
        table = table.join(sums.mask(holes))
    return united[["geometry"]].join(table)
