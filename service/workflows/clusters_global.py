"""Whether the values of any vector file cluster at all: global statistics and correlograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import UsageError
from geodata.zones import read_zones
from service.workflows.layer_checks import named
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
        raise UsageError(f"expected one of {', '.join(GLOBAL)}, found {question.statistic!r}", where="--statistic")
    require_columns(question, several=False)
    layer = read_layer(question.source, question.id_field, question, say)
    if question.support is not None:
        if bounds:
            raise UsageError(
                "expected no --correlogram with --support, found both",
                where="--correlogram",
                hint="compute it from the layer of the source zones",
            )
        return _from_sources(layer, question, say)
    with named(question):
        found = _global(layer, question)
    table = None
    if bounds:
        from spatial.autocorrelation.correlogram import correlogram

        values = _tested(layer, question)
        shapes = read_zones(question.source, id_field=question.id_field, polygons=False, project=True)
        rng = np.random.default_rng([question.seed, 1])
        with named(question):
            table = correlogram(values, shapes, bounds, permutations=min(question.permutations, 9999), rng=rng)
    notes = layer.notes
    if all(np.isnan(result.value) for result in found.values()):
        notes += ("no statistic: all values that take part are equal, so that nothing differs",)
    return Answer(global_=found, notes=notes, correlogram=table, dropped=layer.dropped)


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


def _from_sources(layer: Layer, question: Question, say: Callable[[str], None]) -> Answer:
    """Test rates, or means without a population, against their source zones in random order."""
    from spatial.autocorrelation.support import global_support_test
    from spatial.disaggregation import cell_weights

    if question.statistic != "moran" or not question.permutations:
        raise UsageError(
            f"expected --statistic moran and permutations with --support, found {question.statistic} and "
            f"{question.permutations} permutations",
            where="--support",
            hint="the test permutes the values of the source zones and hands each order down",
        )
    sources, source_of = sources_of(layer, question, say)
    # Of a mean every area has the value of the zone that most of it lies in, as hotspots paints it.
    people = pd.Series(1.0, layer.zones.index) if question.by is None else layer.zones[question.by]
    where = "areas" if question.by is None else f"column {question.by!r}"
    with named(question):
        weights = cell_weights(source_of, people, sources=sources.zones.index, where=where)
        found = global_support_test(
            sources.zones[question.values[0]],
            None if question.by is None else sources.zones[question.by],
            weights,
            layer.graph,
            kind="mean" if question.by is None else "rate",
            permutations=question.permutations,
            rng=np.random.default_rng(question.seed),
            form="poisson" if question.rare else "proportion",
            graph_name=question.weights,
        )
    note = f"values were handed down: the effective number of observations is {found.n_effective}, not {found.n}"
    return Answer(global_={"moran": found}, notes=(*layer.notes, *sources.notes, note), dropped=layer.dropped)
