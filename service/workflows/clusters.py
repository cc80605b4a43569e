"""Tests of any vector file, without a county: values in, statistics and labels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import ConfigError, CrsError, some
from geodata.zones import read_zones, require_writable, write_zones
from service.cartography.presets import PRESETS, differences
from service.workflows.cluster_map import draw_picture, require_picture, require_polygons

if TYPE_CHECKING:
    import geopandas as gpd

    from geodata.models import Text
    from spatial.autocorrelation.distances import Islands
    from spatial.autocorrelation.global_ import Transform
    from spatial.autocorrelation.significance import Correction
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
        said = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) not in (None, False)}
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
    """

    local: LocalResult | None = None
    global_: dict[str, GlobalResult] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    correlogram: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer, its values, and who is a neighbour of whom."""

    zones: gpd.GeoDataFrame
    graph: Any
    notes: tuple[str, ...]

    def population(self, by: str | None) -> pd.Series | None:
        return None if by is None else self.zones[by]


def _read(name: str, id_field: str | None, question: Question, say: Callable[[str], None]) -> _Layer:
    from spatial.autocorrelation.distances import settle_islands
    from spatial.autocorrelation.weights import WeightsSpec, build_graph

    spec = WeightsSpec.parse(question.weights)
    columns = [*question.values, *([question.by] if question.by else [])]
    zones = read_zones(name, id_field=id_field, numbers=columns, polygons=spec.kind in ("queen", "rook", "fuzzy"))
    notes: list[str] = []
    shapes = zones
    if zones.crs.is_geographic and (spec.kind not in ("queen", "rook") or question.islands == "nearest"):
        shapes = read_zones(name, id_field=id_field, polygons=False, project=True)
        notes.append(f"{name} is in degrees: distances were taken in {shapes.crs.to_string()}")
    say(f"{name}: {len(zones)} features, {question.weights} neighbours")
    graph, islands = settle_islands(build_graph(shapes, spec), shapes, cast("Islands", question.islands))
    if islands:
        done = {"leave": "left isolated", "nearest": "joined with the nearest area", "drop": "dropped"}
        notes.append(f"{len(islands)} areas without neighbours ({done[question.islands]}): {some(islands)}")
    if question.islands == "drop":
        zones = zones.loc[zones.index.isin(graph.unique_ids)]
    return _Layer(zones, graph, tuple(notes))


def find_hotspots(
    question: Question,
    out: Path,
    *,
    picture: Path | None = None,
    language: str = "de",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Answer:
    """Test every area of a layer and write the result beside its geometry.

    Parameters
    ----------
    question : Question
        What is to be tested; the statistic is one of :data:`LOCAL`.
    out : pathlib.Path
        Where to; the ending chooses the format.
    picture : pathlib.Path, optional
        A map for print is drawn here; the ending chooses PNG, SVG or PDF.
    language : {"de", "en"}
        Of the map.
    overwrite : bool
        Replace files of these names.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    Answer
        With ``local``.

    Raises
    ------
    SozialmonitorError
        The input, the question or the output is not what is expected; nothing is written then.
    """
    require_writable(out, overwrite=overwrite)
    if question.statistic not in LOCAL:
        raise ConfigError(f"expected one of {', '.join(LOCAL)}, found {question.statistic!r}", where="--statistic")
    _require_columns(question, several=question.statistic == "local-geary")
    if picture is not None:
        require_picture(picture, overwrite=overwrite)
    layer = _read(question.source, question.id_field, question, say)
    notes = layer.notes
    if picture is not None:
        require_polygons(layer.zones, question.source)
    if question.support is None:
        result = _local(layer, question)
    else:
        result, more = _painted(layer, question, say)
        notes += more
    if question.exploratory:
        notes += (f"exploratory, not the preset: {', '.join(question.exploratory)}",)
    notes += result.warnings
    frame = layer.zones[["geometry"]].join(_columns(result.table))
    frame.index.name = layer.zones.index.name
    write_zones(
        out,
        frame,
        metadata={**question.as_dict(), "graph": result.graph, "n_effective": result.n_effective, "notes": list(notes)},
    )
    if picture is not None:
        draw_picture(picture, layer.zones, result, question, language)
    return Answer(local=result, notes=notes)


def _columns(table: pd.DataFrame) -> pd.DataFrame:
    """Bring labels and states to plain texts, which every format can hold."""
    out = table.copy()
    for name in ("label", "state", "support"):
        out[name] = out[name].astype("str")
    return out


def _require_columns(question: Question, *, several: bool) -> None:
    wanted = 2 if question.statistic == "bivariate-moran" else 1
    if len(question.values) != wanted and not (several and len(question.values) > 1):
        raise ConfigError(
            f"expected {wanted} column{'s' if wanted > 1 else ''} for {question.statistic}, "
            f"found {len(question.values)}: {', '.join(question.values)}",
            where="--value",
            hint="separate columns by a comma; several are taken by bivariate-moran (2) and local-geary",
        )
    rates = ("local-moran", "gi", "gi-star", "local-geary", "moran", "geary")
    if question.by is not None and (question.statistic not in rates or len(question.values) > 1):
        raise ConfigError(
            f"expected --by with one of {', '.join(rates)} and one column, found {question.statistic} of "
            f"{', '.join(question.values)}",
            where="--by",
            hint="compute the rates into a column first",
        )


def _options(question: Question) -> dict[str, Any]:
    options: dict[str, Any] = {
        "permutations": question.permutations,
        "alpha": question.alpha,
        "correction": cast("Correction", question.correction),
        "graph_name": question.weights,
    }
    return options if question.transform is None else {**options, "transform": question.transform}


def _local(layer: _Layer, question: Question) -> LocalResult:
    from spatial.autocorrelation import local, local_geary, local_joincount

    rng, options = np.random.default_rng(question.seed), _options(question)
    first = layer.zones[question.values[0]]
    if question.statistic == "join-count":
        return local_joincount.local_join_counts(first, layer.graph, rng=rng, **options)
    if question.statistic == "bivariate-moran":
        return local.local_moran_bivariate(first, layer.zones[question.values[1]], layer.graph, rng=rng, **options)
    if len(question.values) > 1:
        values = layer.zones[list(question.values)]
        return local_geary.local_geary_multivariate(pd.DataFrame(values), layer.graph, rng=rng, **options)
    tests = {
        "local-moran": local.local_moran,
        "gi": local.local_gi,
        "gi-star": local.local_gi_star,
        "local-geary": local_geary.local_geary,
    }
    if question.by is not None:
        options |= {"population": layer.zones[question.by], "form": "poisson" if question.rare else "proportion"}
    return tests[question.statistic](first, layer.graph, rng=rng, **options)


def _sources(layer: _Layer, question: Question, say: Callable[[str], None]) -> tuple[_Layer, pd.Series]:
    """Read the source zones, and tell in which of them most of each target lies."""
    from service.workflows.handdown import SLIVER, main_source
    from spatial.disaggregation import area_weights

    name = str(question.support)
    sources = _read(name, question.support_id or question.id_field, question, say)
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
    return sources, main_source(weights)


def _painted(layer: _Layer, question: Question, say: Callable[[str], None]) -> tuple[LocalResult, tuple[str, ...]]:
    """Test the sources and paint their labels down: inside a source nothing is known."""
    from spatial.autocorrelation.support import paint_down

    sources, source_of = _sources(layer, question, say)
    found = _local(sources, question)
    note = (
        f"values were handed down from {len(sources.zones)} source zones: these were tested, a label means that "
        "its source zone is one; nothing is said about differences inside a source zone"
    )
    return paint_down(found, source_of), (*sources.notes, note)


def ask_globally(
    question: Question, *, bounds: Sequence[float] = (), say: Callable[[str], None] = lambda _line: None
) -> Answer:
    """Compute a global statistic of a layer, and a correlogram where bounds are given.

    Parameters
    ----------
    question : Question
        The statistic is one of :data:`GLOBAL`.
    bounds : sequence of float
        Bounds of distance classes in metres.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    Answer
        With ``global_`` and perhaps ``correlogram``.

    Raises
    ------
    SozialmonitorError
        The input or the question is not what is expected.
    """
    if question.statistic not in GLOBAL:
        raise ConfigError(f"expected one of {', '.join(GLOBAL)}, found {question.statistic!r}", where="--statistic")
    _require_columns(question, several=False)
    layer = _read(question.source, question.id_field, question, say)
    if question.support is not None:
        return _global_from_sources(layer, question, say)
    found = _global(layer, question)
    table = None
    if bounds:
        from spatial.autocorrelation.correlogram import correlogram

        values = _tested(layer, question)
        shapes = read_zones(question.source, id_field=question.id_field, polygons=False, project=True)
        rng = np.random.default_rng([question.seed, 1])
        table = correlogram(values, shapes, bounds, permutations=min(question.permutations, 9999), rng=rng)
    return Answer(global_=found, notes=layer.notes, correlogram=table)


def _tested(layer: _Layer, question: Question) -> pd.Series:
    from spatial.autocorrelation.rates import empirical_bayes

    values = layer.zones[question.values[0]]
    if question.by is None:
        return values
    return empirical_bayes(values, layer.zones[question.by], form="poisson" if question.rare else "proportion")


def _global(layer: _Layer, question: Question) -> dict[str, GlobalResult]:
    from spatial.autocorrelation import global_
    from spatial.autocorrelation.joins import join_counts

    rng = np.random.default_rng(question.seed)
    values = _tested(layer, question)
    options: dict[str, Any] = {"permutations": question.permutations, "rng": rng, "graph_name": question.weights}
    if question.transform is not None:
        options["transform"] = cast("Transform", question.transform)
    if question.statistic == "join-count":
        return join_counts(values, layer.graph, **options)
    if question.statistic == "bivariate-moran":
        other = layer.zones[question.values[1]]
        return {"bivariate-moran": global_.bivariate_moran(values, other, layer.graph, **options)}
    tests = {"moran": global_.moran, "geary": global_.geary, "getis-ord": global_.getis_ord}
    return {question.statistic: tests[question.statistic](values, layer.graph, **options)}


def _global_from_sources(layer: _Layer, question: Question, say: Callable[[str], None]) -> Answer:
    from spatial.autocorrelation.support import global_support_test
    from spatial.disaggregation import cell_weights

    if question.statistic != "moran" or question.by is None:
        raise ConfigError(
            "expected --statistic moran and --by POPULATION with --support, "
            f"found {question.statistic}{'' if question.by else ' without --by'}",
            where="--support",
            hint="the test permutes the rates of the source zones and hands each order down",
        )
    sources, source_of = _sources(layer, question, say)
    people = layer.zones[question.by]
    weights = cell_weights(source_of, people, sources=sources.zones.index, where=f"column {question.by!r}")
    found = global_support_test(
        sources.zones[question.values[0]],
        sources.zones[question.by],
        weights,
        layer.graph,
        permutations=question.permutations,
        rng=np.random.default_rng(question.seed),
        form="poisson" if question.rare else "proportion",
        graph_name=question.weights,
    )
    note = f"values were handed down: the effective number of observations is {found.n_effective}, not {found.n}"
    return Answer(global_={"moran": found}, notes=(*layer.notes, *sources.notes, note))
