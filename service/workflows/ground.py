"""What sources are shared by: a raster or features read from files, laid out as atoms of sources and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ConfigError, FormatError, MissingFileError, SpatialError, UsageError, some
from geodata.zones import read_zones, split_layer

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from geodata.models import Raster
    from spatial.disaggregation.atoms import Atoms
    from spatial.disaggregation.choice import Candidate

RASTERS = (".tif", ".tiff", ".vrt", ".asc", ".img", ".nc")
#: Without ancillary data the pycnophylactic method makes a grid of its own: cells across a target of median size.
CELLS_ACROSS = 8
#: No grid of its own has more cells.
MOST_CELLS = 1_000_000

METHODS = ("area", "dasymetric", "pycnophylactic", "refined", "learned", "auto")
#: A source of which less than this share lies on the raster says nothing about the raster.
INSIDE = 0.98
#: Steps of the pycnophylactic method when it is only compared: most of its way is behind it then.
RANKING_STEPS = 40


@dataclass(frozen=True, slots=True)
class Ground:
    """Atoms and every mass that a method may use.

    Attributes
    ----------
    atoms : Atoms
    base : numpy.ndarray or None
        Mass of ``--weights``, shape (K,).
    refined : numpy.ndarray or None
        Mass learned from ``--weights`` and ``--covariates`` on the cells of ``--benchmark``, whose totals it keeps,
        shape (K,).
    covariates : numpy.ndarray
        Masses of ``--covariates``, shape (K, p); those of the weights among them where there is a refined base.
    names : tuple of str
        Their names, p.
    year : int or None
        Reference year of the weights.
    on_grid : bool
        The atoms are parts of cells.
    notes : tuple of str
        What must be said of how they came about.
    """

    atoms: Atoms
    base: NDArray[np.float64] | None = None
    refined: NDArray[np.float64] | None = None
    covariates: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    names: tuple[str, ...] = ()
    year: int | None = None
    on_grid: bool = True
    notes: tuple[str, ...] = ()

    def candidates(self, method: str) -> list[Candidate]:
        """Return the methods that a name stands for, from the simplest to the most demanding.

        Raises
        ------
        UsageError
            The method needs data that are not there.
        """
        from spatial.disaggregation.choice import Candidate, fixed

        there = {"area": Candidate("area", fixed(self.atoms.area))}
        if self.on_grid:
            there["pycnophylactic"] = Candidate("pycnophylactic", self._smooth, rank=self._roughly_smooth)
        if self.base is not None:
            there["dasymetric"] = Candidate("dasymetric", fixed(self.base))
        if self.refined is not None:
            there["refined"] = Candidate("refined", fixed(self.refined))
        if self.base is not None and len(self.names):
            there["learned"] = Candidate("learned", self._learn)
        if method == "auto":
            return list(there.values())
        if method not in there:
            needs = {
                "dasymetric": "--weights",
                "refined": "--weights, --covariates and --benchmark",
                "learned": "--weights and --covariates",
                "pycnophylactic": "a raster, or no weights at all",
            }
            raise UsageError(
                f"expected {needs.get(method, 'one of ' + ', '.join(METHODS))} for the method {method!r}",
                where="--method",
                hint=f"with what was given, these can be used: {', '.join(there)}",
            )
        return [there[method]]

    def _smooth(self, source: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        from spatial.disaggregation.pycnophylactic import MAX_ITERATIONS

        return self._pycnophylactic(source, counts, MAX_ITERATIONS)

    def _roughly_smooth(self, source: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._pycnophylactic(source, counts, RANKING_STEPS)

    def _pycnophylactic(
        self, source: NDArray[np.int64], counts: NDArray[np.float64], steps: int
    ) -> NDArray[np.float64]:
        from spatial.disaggregation.pycnophylactic import pycnophylactic

        if self.atoms.shape is None:
            raise SpatialError("expected atoms of a raster, found others", where="pycnophylactic")
        # A source that is counted but lies in no cell at all has its fallback in Atoms.weights.
        sized = np.bincount(source, self.atoms.area, len(counts)) > 0
        known = np.where(sized, counts, np.nan)
        found = pycnophylactic(self.atoms.cell, self.atoms.area, source, known, self.atoms.shape, max_iterations=steps)
        return np.nan_to_num(found.mass)

    def _learn(self, source: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        from spatial.disaggregation.learned import fit_nnls

        base = self.best_base
        if base is None:
            raise SpatialError("expected a base mass, found none", where="learned weights")
        model = fit_nnls(self.covariates, source, counts, base=base, names=self.names)
        return model.mass(base, self.covariates)

    @property
    def best_base(self) -> NDArray[np.float64] | None:
        """The refined mass where there is one, else that of the weights."""
        return self.base if self.refined is None else self.refined

    def at_sources(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum a mass of the atoms, shape (K,), over the sources: shape (S,)."""
        return np.bincount(self.atoms.source, mass, len(self.atoms.source_ids)).astype(np.float64)

    def comparable(self) -> NDArray[np.bool_]:
        """Say which sources, shape (S,), a method may be judged by: they reach targets and lie on the ancillary data.

        Beyond the raster there is no mass because nobody looked, not because nobody lives there.
        """
        atoms = self.atoms
        reach = np.bincount(atoms.source[atoms.target >= 0], minlength=len(atoms.source_ids)) > 0
        if "extent" not in atoms.details:
            return reach
        extent = atoms.details["extent"].to_numpy(dtype=np.float64)
        return np.asarray(reach & ~(extent < INSIDE))

    def at_targets(self) -> pd.DataFrame:
        """Sum the covariates to the targets, shape (T, p)."""
        inside = self.atoms.target >= 0
        n = len(self.atoms.target_ids)
        sums = [np.bincount(self.atoms.target[inside], column[inside], n) for column in self.covariates.T]
        return pd.DataFrame(dict(zip(self.names, sums, strict=True)), index=self.atoms.target_ids)


def is_raster(name: str) -> bool:
    """Tell a raster by its ending."""
    return Path(name).suffix.lower() in RASTERS


def split_column(name: str) -> tuple[str, str | None, bool]:
    """Split ``LAYER:COLUMN`` and ``LAYER:COLUMN*area`` into layer, column, and whether the column counts per area.

    Examples
    --------
    >>> split_column("buildings.gpkg:floors*area")
    ('buildings.gpkg', 'floors', True)
    >>> split_column("C:/maps/points.gpkg")
    ('C:/maps/points.gpkg', None, False)
    """
    head, colon, tail = name.rpartition(":")
    if not colon or "/" in tail or "\\" in tail or len(head) < 2:
        return name, None, False
    per_area = tail.endswith("*area")
    return head, tail.removesuffix("*area"), per_area


def lay_out(
    sources: gpd.GeoDataFrame,
    targets: gpd.GeoDataFrame,
    *,
    names: tuple[str, str],
    weights: str | None,
    covariates: Sequence[str] = (),
    benchmark: str | None = None,
    year: int | None = None,
    method: str = "auto",
    cell_size: float | None = None,
    sliver: float = 0.0,
) -> Ground:
    """Read the ancillary data and cut them into atoms.

    Parameters
    ----------
    sources, targets : geopandas.GeoDataFrame
        Zones in one projected CRS.
    names : tuple of str
        What to call them in messages: their files.
    weights : str or None
        Raster, ``LAYER`` (footprints, or one for each point), ``LAYER:COLUMN`` (a count of each feature) or
        ``LAYER:COLUMN*area`` (per square metre: floors of buildings).
    covariates : sequence of str
        Rasters on the grid of the weights. Those without any mass are left out, and a note says so.
    benchmark : str, optional
        Raster of known totals on coarser cells in which those of the weights nest, such as inhabitants on 1 km beside
        dwellings on 100 m.
    year : int, optional
        Reference year of the weights.
    method : str
        Of :data:`METHODS`.
    cell_size : float, optional
        Metres, of the grid that the pycnophylactic method makes where there is no raster.
    sliver : float
        See :func:`spatial.disaggregation.area_weights`.

    Returns
    -------
    Ground

    Raises
    ------
    SozialmonitorError
        A file or layer is not what is expected; the message names it.
    """
    from spatial.disaggregation.atoms import raster_atoms

    require_grid(weights, covariates, benchmark)
    if weights is not None and is_raster(weights):
        raster = read_existing(weights)
        values = np.asarray(raster.values, dtype=np.float64)
        atoms = raster_atoms(
            sources,
            targets,
            (values.shape[0], values.shape[1]),
            raster.transform,
            raster.crs,
            names=(*names, weights),
            sliver=sliver,
        )
        base = atoms.mass(values, where=weights)
        layers, notes = _covariates(covariates, raster, atoms)
        if not sources.crs.equals(raster.crs, ignore_axis_order=True):
            notes.append(
                f"{weights} is in {raster.crs}, the zones in {sources.crs.to_string()}: they were brought to its cells"
            )
        refined = None
        if benchmark is not None:
            from service.workflows.benchmark import refine

            grid, told = refine(raster, weights, layers, benchmark)
            refined = atoms.mass(grid, where=benchmark)
            # The weights are no longer the base, but what they count may still tell something.
            layers, notes = {**layers, Path(weights).stem: values}, [*notes, told]
        columns = [atoms.mass(layer, where=name) for name, layer in layers.items()]
        stacked = np.column_stack(columns) if columns else np.empty((len(base), 0))
        return Ground(atoms, base, refined, stacked, tuple(layers), year, notes=tuple(notes))
    if weights is not None:
        return _features(sources, targets, names, weights, year)
    return _bare(sources, targets, names, method, cell_size, sliver)


def require_grid(weights: str | None, covariates: Sequence[str], benchmark: str | None) -> None:
    """Refuse layers on a grid that is not there."""
    for option, given in (("--covariates", covariates), ("--benchmark", benchmark)):
        if given and (weights is None or not is_raster(weights)):
            raise UsageError(
                f"expected --weights RASTER with {option}, on whose grid they are",
                where=option,
                hint="give the population or the dwellings as raster",
            )


def read_existing(name: str) -> Raster:
    """Read a raster of one band; where there is none, or nobody said which band is meant, say so."""
    from geodata.readers.raster import about, read_raster

    path = Path(name)
    if not path.exists():
        raise MissingFileError("expected a raster, found no file", where=name, hint="check the path")
    bands = about(path).bands
    if len(bands) > 1:
        raise FormatError(
            f"expected a raster of one band, found {len(bands)}: {some(bands)}",
            where=name,
            hint="save the band that is meant as a file of its own, for example with gdal_translate -b 1",
        )
    return read_raster(path)


def _covariates(names: Sequence[str], base: Raster, atoms: Atoms) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Read rasters on the grid of the weights; those that are 0 in all sources are left out."""
    layers: dict[str, NDArray[np.float64]] = {}
    notes = []
    for name in names:
        found = read_existing(name)
        values, shape = np.asarray(found.values, dtype=np.float64), np.asarray(base.values).shape
        same = values.shape == shape and np.allclose(found.transform, base.transform)
        if not same or found.crs != base.crs:
            raise ConfigError(
                f"expected the grid of the weights, {shape} cells at {base.transform} in {base.crs}, found "
                f"{values.shape} cells at {found.transform} in {found.crs}",
                where=name,
                hint="bring it to that grid first, for example with gdalwarp -te -tr -r sum",
            )
        if not np.nan_to_num(values).any() or not atoms.mass(values, where=name).any():
            notes.append(f"{name}: all zero in the sources, so it was left out")
            continue
        if Path(name).stem in layers:
            raise ConfigError(f"expected covariates of different names, found {Path(name).stem!r} twice", where=name)
        layers[Path(name).stem] = values
    return layers, notes


def _features(
    sources: gpd.GeoDataFrame, targets: gpd.GeoDataFrame, names: tuple[str, str], weights: str, year: int | None
) -> Ground:
    from spatial.disaggregation.ancillary import feature_atoms

    layer, column, per_area = split_column(weights)
    path, _ = split_layer(layer)
    if not path.exists():
        raise MissingFileError("expected a raster or a layer of features, found no file", where=layer, hint="check it")
    features = read_zones(layer, numbers=[column] if column else [], polygons=False)
    if column is not None and not per_area and features.geom_type.isin(["Polygon", "MultiPolygon"]).all():
        # A count of each feature: the part of a footprint takes its share of it.
        features = features.assign(**{column: features[column] / features.geometry.area})
    blank = features[column].isna() if column else pd.Series(False, index=features.index)
    if blank.any():
        features = features[~blank]
    atoms, ancillary = feature_atoms(sources, targets, features, weight=column, year=year, names=(*names, weights))
    notes = (f"{weights}: {int(blank.sum())} features without a number were left out",) if blank.any() else ()
    return Ground(atoms, ancillary.mass, year=year, on_grid=False, notes=notes)


def _bare(
    sources: gpd.GeoDataFrame,
    targets: gpd.GeoDataFrame,
    names: tuple[str, str],
    method: str,
    cell_size: float | None,
    sliver: float,
) -> Ground:
    """Make a grid that nothing lies on, for the pycnophylactic method; without that, area needs none."""
    from spatial.disaggregation.atoms import raster_atoms

    if sources.crs is not None and sources.crs.is_projected:
        west, south, east, north = sources.total_bounds
    else:
        west, south, east, north = 0.0, 0.0, 1.0, 1.0  # refused below, with the name of the layer
    usual = float(np.sqrt(np.median(targets.geometry.area))) / CELLS_ACROSS if len(targets) else 1.0
    least = float(np.sqrt((east - west) * (north - south) / MOST_CELLS))
    size = cell_size if cell_size is not None else max(usual, least)
    if not (np.isfinite(size) and size > 0):
        raise ConfigError(f"expected a cell size in metres above 0, found {size}", where="--cell-size")
    shape = (int(np.ceil((north - south) / size)) + 2, int(np.ceil((east - west) / size)) + 2)
    if shape[0] * shape[1] > 100 * MOST_CELLS:
        raise ConfigError(
            f"expected at most {100 * MOST_CELLS:,} cells, found {shape[0] * shape[1]:,} of {size:g} m",
            where="--cell-size",
            hint="take larger cells",
        )
    transform = (size, 0.0, west - size, 0.0, -size, south - size + shape[0] * size)
    atoms = raster_atoms(
        sources, targets, shape, transform, sources.crs, names=(*names, "grid of the method"), sliver=sliver
    )
    note = f"no weights: a grid of {size:.4g} m cells carries the pycnophylactic method"
    return Ground(atoms, on_grid=True, notes=(note,) if method in ("pycnophylactic", "auto") else ())
