"""What is asked of any vector file, its layers, and who is a neighbour of whom in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from geodata.errors import CrsError, SpatialError, UsageError, some
from geodata.zones import read_zones
from service.cartography.presets import PRESETS, differences
from service.workflows import layer_checks

if TYPE_CHECKING:
    import geopandas as gpd

    from geodata.models import Text
    from spatial.autocorrelation.distances import Islands
    from spatial.results import GlobalResult, LocalResult

LOCAL = ("local-moran", "gi", "gi-star", "local-geary", "join-count", "bivariate-moran")
GLOBAL = ("moran", "geary", "getis-ord", "join-count", "bivariate-moran")
#: What is not named on the command line; any other choice is marked as exploratory.
PRESET = {name: getattr(PRESETS["areas"], name) for name in ("weights", "alpha", "correction", "islands")}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be tested.

    Attributes
    ----------
    source : str
        Vector file, or ``FILE|layername=LAYER``.
    id_field : str or None
        Column with the ids.
    values : tuple of str
        Columns to test; one, or two for ``bivariate-moran``, or several for ``local-geary``.
    by : str or None
        Column with the population: values are counts then, and rates are tested.
    statistic, weights, transform, permutations, seed, alpha, correction, islands
        As on the command line.
    support : str or None
        Layer of the source zones from which the values were handed down; it has the same columns.
    missing : tuple of float
        Numbers that stand for no value.
    every_value : bool
        No number does, whatever it looks like.
    """

    source: str
    id_field: str | None
    values: tuple[str, ...]
    by: str | None = None
    statistic: str = "local-moran"
    weights: str = "queen"
    transform: str | None = None
    permutations: int = 99_999
    seed: int = 1
    alpha: float = 0.05
    correction: str = "fdr"
    islands: str = "leave"
    support: str | None = None
    support_id: str | None = None
    rare: bool = False
    missing: tuple[float, ...] = ()
    every_value: bool = False

    @property
    def exploratory(self) -> tuple[str, ...]:
        """What was chosen otherwise than the preset says."""
        other = [f"{name} = {getattr(self, name)}" for name, usual in PRESET.items() if getattr(self, name) != usual]
        return (*other, *([f"transform = {self.transform}"] if self.transform not in (None, self._usual) else []))

    @property
    def _usual(self) -> str:
        """Standardisation where none is asked for: joins are counted, everything else is weighed by row."""
        return "b" if self.statistic == "join-count" else "r"

    @property
    def differences(self) -> tuple[Text, ...]:
        """The same in words for maps."""
        return differences(
            weights=self.weights,
            alpha=self.alpha,
            correction=self.correction,
            islands=self.islands,
            transform=None if self.transform in (None, self._usual) else self.transform,
            usual=replace(PRESETS["areas"], transform=self._usual),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it by name, for the file that is written."""
        every = {name: getattr(self, name) for name in self.__slots__}
        said = {
            name: value for name, value in every.items() if value is not None and value is not False and value != ()
        }
        return {**said, "exploratory": list(self.exploratory), "sozialmonitor": version("sozialmonitor")}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes
    ----------
    local : LocalResult or None
    global_ : dict of str to GlobalResult
        By name of the statistic.
    notes : tuple of str
        What must be said beside it: islands, warnings, what was chosen otherwise.
    correlogram : pandas.DataFrame or None
    dropped : int
        Areas without neighbours that were left out altogether.
    """

    local: LocalResult | None = None
    global_: dict[str, GlobalResult] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    correlogram: pd.DataFrame | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, its values, and who is a neighbour of whom.

    Attributes
    ----------
    zones : geopandas.GeoDataFrame
        Indexed by id, with the columns that are asked about.
    graph : libpysal.graph.Graph
        Neighbours of the same zones.
    notes : tuple of str
        What must be said of it.
    dropped : int
        Areas without neighbours that were left out.
    """

    zones: gpd.GeoDataFrame
    graph: Any
    notes: tuple[str, ...]
    dropped: int = 0


def weights_named(text: str) -> str:
    """Write the name of weights in full: ``knn`` → ``knn:6``.

    Raises
    ------
    UsageError
        There are no such weights.
    """
    from spatial.autocorrelation.weights import WeightsSpec

    try:
        return str(WeightsSpec.parse(text))
    except SpatialError as error:
        raise UsageError(error.message, where="--weights", hint=error.hint or "leave the number out") from error


def read_layer(
    name: str, id_field: str | None, question: Question, say: Callable[[str], None], *, support: bool = False
) -> Layer:
    """Read a layer and join each zone with its neighbours.

    Parameters
    ----------
    name : str
        Vector file, or ``FILE|layername=LAYER``.
    id_field : str or None
        Column with the ids.
    question : Question
        Names columns, weights and what becomes of islands.
    say : callable
        Receives one line of progress.
    support : bool
        It is the layer of the source zones.

    Returns
    -------
    Layer
        Islands, areas without value and overlaps named in its notes.

    Raises
    ------
    SozialmonitorError
        The file, its columns or its shapes are not what is expected; its values were handed down, or hold signs for
        "no value".
    """
    from spatial.autocorrelation.distances import settle_islands
    from spatial.autocorrelation.weights import WeightsSpec, build_graph

    spec = WeightsSpec.parse(question.weights)
    columns = [*question.values, *([question.by] if question.by else [])]
    zones = read_zones(
        name,
        id_field=id_field,
        numbers=columns,
        marks=layer_checks.mark_columns(columns),
        polygons=spec.kind in ("queen", "rook", "fuzzy"),
    )
    if support or question.support is None:
        layer_checks.refuse_handed_down(name, zones, columns, support=support)
    zones, notes = layer_checks.without_signs(name, zones[[*dict.fromkeys(columns), "geometry"]], columns, question)
    notes += layer_checks.met_twice(name, zones)
    shapes = zones
    if zones.crs.is_geographic and (spec.kind not in ("queen", "rook") or question.islands == "nearest"):
        shapes = read_zones(name, id_field=id_field, polygons=False, project=True)
        notes.append(f"{name} is in degrees: distances were taken in {shapes.crs.to_string()}")
    say(f"{name}: {len(zones)} features, {question.weights} neighbours")
    with layer_checks.named(replace(question, source=name)):
        graph, islands = settle_islands(build_graph(shapes, spec), shapes, cast("Islands", question.islands))
    if islands:
        done = {"leave": "left isolated", "nearest": "joined with the nearest area", "drop": "dropped"}
        notes.append(f"{len(islands)} areas without neighbours ({done[question.islands]}): {some(islands)}")
    dropped = 0
    if question.islands == "drop":
        kept = zones.index.isin(graph.unique_ids)
        zones, dropped = zones.loc[kept], int((~kept).sum())
    return Layer(zones, graph, tuple(notes), dropped)


def require_columns(question: Question, *, several: bool) -> None:
    """Refuse columns that do not go with the statistic.

    Parameters
    ----------
    question : Question
        What is asked.
    several : bool
        The statistic takes any number of columns.

    Raises
    ------
    UsageError
        Too few or too many columns, or a population where none is taken.
    """
    wanted = 2 if question.statistic == "bivariate-moran" else 1
    if len(question.values) != wanted and not (several and len(question.values) > 1):
        raise UsageError(
            f"expected {wanted} column{'s' if wanted > 1 else ''} for {question.statistic}, "
            f"found {len(question.values)}: {', '.join(question.values)}",
            where="--value",
            hint="separate columns by a comma; several are taken by bivariate-moran (2) and local-geary",
        )
    rates = ("local-moran", "gi", "gi-star", "local-geary", "moran", "geary")
    if question.by is not None and (question.statistic not in rates or len(question.values) > 1):
        raise UsageError(
            f"expected --by with one of {', '.join(rates)} and one column, found {question.statistic} of "
            f"{', '.join(question.values)}",
            where="--by",
            hint="compute the rates into a column first",
        )


def sources_of(layer: Layer, question: Question, say: Callable[[str], None]) -> tuple[Layer, pd.Series]:
    """Read the source zones, and tell in which of them most of each target lies."""
    from service.workflows.handdown import SLIVER, main_source
    from spatial.disaggregation import area_weights

    name = str(question.support)
    sources = read_layer(name, question.support_id or question.id_field, question, say, support=True)
    zones, targets = sources.zones, layer.zones
    if zones.crs.is_geographic:
        raise CrsError(
            f"expected a projected CRS in metres, found {zones.crs.to_string()}",
            where=name,
            hint="reproject both layers, for example to EPSG:25832",
        )
    if not zones.crs.equals(targets.crs, ignore_axis_order=True):
        targets = targets.to_crs(zones.crs)
    weights = area_weights(zones, targets, names=("support zones", "areas"), sliver=SLIVER)
    source_of = main_source(weights)
    if question.by is None:
        for value in question.values:
            layer_checks.refuse_counts(layer.zones, zones, source_of, value)
    return sources, source_of
