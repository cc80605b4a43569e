"""One score with classes and contributions from the columns of a table, by a preset or otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import UntestableError, UsageError
from spatial.index.aggregate import Aggregation, aggregate
from spatial.index.classes import Rule, class_cuts, classify
from spatial.index.composite import status_index
from spatial.index.normalise import Method, Normaliser

if TYPE_CHECKING:
    from service.workflows.index_task import IndexTask
    from spatial.index.presets import Preset

#: Offset and factor that keep means of logs and reciprocals from zero, as in :mod:`spatial.index.variants`.
_ABOVE_ZERO = {"z": (100.0, 10.0), "rank": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Part:
    """The status or the dynamics of all areas.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by area: ``score``, ``rank`` (1 = most disadvantaged), ``class``, ``excluded`` ("" or why), ``partial``
        where partial scores are allowed, ``base`` where contributions are not counted from 0, ``z_…`` or ``scaled_…``
        and ``contribution_…`` of each indicator.
    labels : tuple of str
        Classes from the least disadvantage to the most, or from the best change to the worst.
    cuts : tuple of float
        On the scale of the score.
    document : dict
        Means, standard deviations and the like, for the file that is written.
    """

    table: pd.DataFrame
    labels: tuple[str, ...]
    cuts: tuple[float, ...]
    document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """How scores become classes.

    Attributes
    ----------
    rule : {"sd", "quantile", "equal", "jenks", "fixed"}
    at : tuple of float
        Multiples of the standard deviation, or fixed cuts.
    labels : tuple of str
    quantile_type : int
    """

    rule: str
    at: tuple[float, ...]
    labels: tuple[str, ...]
    quantile_type: int = 7


def status_rules(task: IndexTask, preset: Preset) -> Rules:
    """Return the rule of the status classes: the preset's where nothing else was asked for.

    Raises
    ------
    UsageError
        Labels do not fit the classes.
    """
    at = task.cuts or (preset.cuts if task.class_rule == "sd" else ())
    count = len(at) + 1 if task.class_rule in ("sd", "fixed") else task.classes or len(task.labels) or 5
    labels = task.labels or (preset.labels if count == len(preset.labels) else tuple(map(str, range(1, count + 1))))
    if len(labels) != count or len(set(labels)) < count:
        raise UsageError(
            f"expected {count} labels, each once, from the least to the most disadvantage, found {', '.join(labels)}",
            where="--labels",
        )
    return Rules(task.class_rule, tuple(at), labels, task.quantile_type)


def compute_part(
    values: pd.DataFrame,
    task: IndexTask,
    preset: Preset,
    rules: Rules,
    *,
    weights: Mapping[str, float] | None,
    exclude: Mapping[str, str],
    population: pd.Series | None,
    floor: float,
) -> Part:
    """Score and class the areas.

    Standardised sums go through :func:`spatial.index.composite.status_index`, status and dynamics alike; every other
    scale, mean or missing rule through :class:`spatial.index.normalise.Normaliser` and
    :func:`spatial.index.aggregate.aggregate`.

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Indicators as delivered, NaN where there is no value.
    task : IndexTask
    preset : Preset
    rules : Rules
    weights : mapping of str to float, optional
    exclude : mapping of str to str
        Area → why.
    population : pandas.Series, optional
    floor : float

    Returns
    -------
    Part

    Raises
    ------
    SpatialError, UntestableError
        As the functions named.
    """
    ddof = {"population": 0, "sample": 1}[task.sd] if task.sd else preset.ddof
    sign = {name: -1 if name in task.invert else 1 for name in values.columns}
    if task.normalisation == "z" and task.aggregation == "arithmetic" and task.min_share == 1.0:
        return _standardised(values * pd.Series(sign), preset, rules, ddof, weights, exclude, population, floor)
    reason = left_out(values.index, exclude, population, floor)
    valid = values[reason == ""]
    method = cast("Method", task.normalisation)
    positive = task.aggregation in ("geometric", "harmonic")
    normaliser = Normaliser(
        method,
        ddof=ddof,
        polarity=sign,
        goalposts={name: (low, high) for name, low, high in task.goalposts if name in values.columns},
        scale=_ABOVE_ZERO.get(method, (1.0, 99.0)) if positive else (0.0, 1.0),
    )
    scaled = normaliser.fit(valid).transform(valid)
    found = aggregate(scaled, cast("Aggregation", task.aggregation), weights=weights, min_share=task.min_share)
    unknown = found.score.index[found.score.isna()]
    for area in unknown:
        absent = [str(name) for name in valid.columns[valid.loc[area].isna()]]
        reason[area] = f"no value: {', '.join(absent)}"
    if int(found.score.notna().sum()) < preset.min_areas:
        raise UntestableError(
            f"expected at least {preset.min_areas} areas with a score, found {int(found.score.notna().sum())} of "
            f"{len(values)}",
            where="index",
            hint="choose a level with more areas, or leave out the indicator that is missing most often",
        )
    cuts = _cuts(found.score, rules, ddof)
    table = pd.DataFrame({"score": found.score})
    table["rank"] = found.score.round(12).rank(ascending=False, method="min").astype("Int64")
    table["class"] = classify(found.score, cuts, rules.labels)
    if task.min_share < 1.0:
        table["partial"] = found.partial.where(found.score.notna())
    if task.aggregation != "arithmetic":
        table["base"] = found.base
    known = found.score.notna()
    table = table.join(scaled.where(known).add_prefix("scaled_")).join(found.contributions.add_prefix("contribution_"))
    table = table.reindex(values.index)
    table["class"] = table["class"].astype(object).where(table["class"].notna(), None)
    table.insert(3, "excluded", reason)
    document = {"scale": task.normalisation, "weights": found.weights.to_dict(), "areas": int(known.sum())}
    if task.aggregation != "arithmetic":
        document["base_values"] = found.base_values.to_dict()
    return Part(table, rules.labels, cuts, document)


def _standardised(
    turned: pd.DataFrame,
    preset: Preset,
    rules: Rules,
    ddof: int,
    weights: Mapping[str, float] | None,
    exclude: Mapping[str, str],
    population: pd.Series | None,
    floor: float,
) -> Part:
    sd = rules.rule == "sd"
    result = status_index(
        turned,
        weights=weights,
        ddof=ddof,
        population=population,
        floor=floor,
        exclude=exclude,
        cuts=rules.at if sd else preset.cuts,
        labels=rules.labels if sd else preset.labels,
        min_areas=preset.min_areas,
        preset=preset.id,
    )
    table = result.table.rename(columns={"status_class": "class"}).rename_axis(index=str(turned.index.name))
    cuts = rules.at
    if not sd:
        cuts = _cuts(table["score"], rules, ddof)
        table["class"] = classify(table["score"], cuts, rules.labels)
    document = {
        "means": dict(result.means),
        "sds": dict(result.sds),
        "sum_mean": result.sum_mean,
        "sum_sd": result.sum_sd,
        "weights": dict(cast("Mapping[str, float]", result.parameters["weights"])),
        "ddof": ddof,
        "areas": result.parameters["areas"],
    }
    return Part(table, rules.labels, tuple(cuts), document)


def _cuts(score: pd.Series, rules: Rules, ddof: int) -> tuple[float, ...]:
    return class_cuts(
        score,
        cast("Rule", rules.rule),
        classes=len(rules.labels),
        at=rules.at,
        ddof=ddof,
        quantile_type=rules.quantile_type,
    )


def left_out(areas: pd.Index, exclude: Mapping[str, str], population: pd.Series | None, floor: float) -> pd.Series:
    """Say which areas leave before anything is computed, and why.

    Parameters
    ----------
    areas : pandas.Index
    exclude : mapping of str to str
        Area → why; what was given wins over what was found.
    population : pandas.Series, optional
        Inhabitants of each area.
    floor : float
        Fewest of them.

    Returns
    -------
    pandas.Series of object
        "" where an area stays.
    """
    reason = pd.Series("", index=areas, dtype=object, name="excluded")
    if population is not None:
        reason[population < floor] = f"fewer than {floor:g} inhabitants"
        reason[population.isna()] = "no population figure"
    for area, why in exclude.items():
        reason[area] = why
    return reason


def own_weights(task: IndexTask, columns: Sequence[str]) -> dict[str, float] | None:
    """Return the weights of these columns; None where none of them has one.

    Raises
    ------
    UsageError
        Some have one and some have none.
    """
    given = {name: weight for name, weight in task.weights if name in columns}
    if not given:
        return None
    if absent := [name for name in columns if name not in given]:
        raise UsageError(
            f"expected a weight of every indicator, found none of {', '.join(absent)}",
            where="--weights",
            hint=f"for example --weights {','.join(f'{name}=1' for name in columns)}",
        )
    if wrong := [name for name, weight in given.items() if not (np.isfinite(weight) and weight > 0)]:
        raise UsageError(
            f"expected weights larger than 0, found others for {', '.join(wrong)}",
            where="--weights",
            hint="an indicator whose high values mean advantage is named with --invert",
        )
    return given
