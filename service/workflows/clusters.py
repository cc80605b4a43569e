"""Tests of any vector file, without a county: values in, statistics and labels out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import UsageError
from geodata.zones import require_writable, write_zones
from service.workflows.cluster_map import draw_picture, require_picture, require_polygons, style_of
from service.workflows.layer_checks import named
from service.workflows.question import LOCAL, Answer, Layer, Question, read_layer, require_columns, sources_of

if TYPE_CHECKING:
    from spatial.autocorrelation.significance import Correction
    from spatial.results import LocalResult


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
        Of the map, and of the style in a GeoPackage.
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
        raise UsageError(f"expected one of {', '.join(LOCAL)}, found {question.statistic!r}", where="--statistic")
    require_columns(question, several=question.statistic == "local-geary")
    if picture is not None:
        require_picture(picture, overwrite=overwrite)
    layer = read_layer(question.source, question.id_field, question, say)
    notes = layer.notes
    if picture is not None:
        require_polygons(layer.zones, question.source)
    if question.support is None:
        with named(question):
            result = _local(layer, question)
    else:
        result, more = _painted(layer, question, say)
        notes += more
    if question.statistic in ("gi", "gi-star") and result.table["statistic"].isna().all() and result.n_effective:
        notes += (
            "values of both signs: the column “statistic”, a share of their sum, is left empty; z, p and labels hold",
        )
    if question.exploratory:
        notes += (f"exploratory, not the preset: {', '.join(question.exploratory)}",)
    notes += result.warnings
    frame = layer.zones[["geometry"]].join(_columns(result.table))
    frame.index.name = layer.zones.index.name
    write_zones(
        out,
        frame,
        metadata={**question.as_dict(), "graph": result.graph, "n_effective": result.n_effective, "notes": list(notes)},
        style=style_of(layer.zones, frame, result, question, language),
    )
    if picture is not None:
        draw_picture(picture, layer.zones, result, question, language)
    return Answer(local=result, notes=notes, dropped=layer.dropped)


def _columns(table: pd.DataFrame) -> pd.DataFrame:
    """Bring labels and states to plain texts, which every format can hold."""
    out = table.copy()
    for name in ("label", "state", "support"):
        out[name] = out[name].astype("str")
    return out


def _options(question: Question) -> dict[str, Any]:
    options: dict[str, Any] = {
        "permutations": question.permutations,
        "alpha": question.alpha,
        "correction": cast("Correction", question.correction),
        "graph_name": question.weights,
    }
    return options if question.transform is None else {**options, "transform": question.transform}


def _local(layer: Layer, question: Question) -> LocalResult:
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
    tests: dict[str, Callable[..., LocalResult]] = {
        "local-moran": local.local_moran,
        "gi": local.local_gi,
        "gi-star": local.local_gi_star,
        "local-geary": local_geary.local_geary,
    }
    if question.by is not None:
        options |= {"population": layer.zones[question.by], "form": "poisson" if question.rare else "proportion"}
    return tests[question.statistic](first, layer.graph, rng=rng, **options)


def _painted(layer: Layer, question: Question, say: Callable[[str], None]) -> tuple[LocalResult, tuple[str, ...]]:
    """Test the sources and paint their labels down: inside a source nothing is known."""
    from spatial.autocorrelation.support import paint_down

    sources, source_of = sources_of(layer, question, say)
    with named(question):
        found = _local(sources, question)
    note = (
        f"values were handed down from {len(sources.zones)} source zones: these were tested, a label means that "
        "its source zone is one; nothing is said about differences inside a source zone"
    )
    return paint_down(found, source_of), (*sources.notes, note)
