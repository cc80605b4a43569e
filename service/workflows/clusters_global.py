"""Whether the values of any vector file cluster at all: global statistics and correlograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import ConfigError
from geodata.zones import read_zones
from service.workflows.question import GLOBAL, Answer, Layer, Question, read_layer, require_columns, sources_of

if TYPE_CHECKING:
    from spatial.autocorrelation.global_ import Transform
    from spatial.results import GlobalResult


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
    require_columns(question, several=False)
    layer = read_layer(question.source, question.id_field, question, say)
    if question.support is not None:
        return _global_fromsources_of(layer, question, say)
    found = _global(layer, question)
    table = None
    if bounds:
        from spatial.autocorrelation.correlogram import correlogram

        values = _tested(layer, question)
        shapes = read_zones(question.source, id_field=question.id_field, polygons=False, project=True)
        rng = np.random.default_rng([question.seed, 1])
        table = correlogram(values, shapes, bounds, permutations=min(question.permutations, 9999), rng=rng)
    return Answer(global_=found, notes=layer.notes, correlogram=table)


def _tested(layer: Layer, question: Question) -> pd.Series:
    from spatial.autocorrelation.rates import empirical_bayes

    values = layer.zones[question.values[0]]
    if question.by is None:
        return values
    return empirical_bayes(values, layer.zones[question.by], form="poisson" if question.rare else "proportion")


def _global(layer: Layer, question: Question) -> dict[str, GlobalResult]:
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


def _global_fromsources_of(layer: Layer, question: Question, say: Callable[[str], None]) -> Answer:
    from spatial.autocorrelation.support import global_support_test
    from spatial.disaggregation import cell_weights

    if question.statistic != "moran" or question.by is None:
        raise ConfigError(
            "expected --statistic moran and --by POPULATION with --support, "
            f"found {question.statistic}{'' if question.by else ' without --by'}",
            where="--support",
            hint="the test permutes the rates of the source zones and hands each order down",
        )
    sources, source_of = sources_of(layer, question, say)
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
