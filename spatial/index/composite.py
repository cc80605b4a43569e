"""The status index: z-scores, summed, standardised again, cut into classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, SpatialError, UntestableError, some
from spatial.index.classes import classify
from spatial.index.presets import MSS
from spatial.index.standardise import Standardiser
from spatial.results import IndexResult

_WHERE = "index"


def status_index(
    values: pd.DataFrame,
    *,
    weights: Mapping[str, float] | None = None,
    ddof: int = MSS.ddof,
    population: pd.Series | None = None,
    floor: float = MSS.floor,
    exclude: Mapping[str, str] = MappingProxyType({}),
    cuts: Sequence[float] = MSS.cuts,
    labels: Sequence[str] = MSS.labels,
    reference: Standardiser | None = None,
    reference_name: str = "",
    min_areas: int = MSS.min_areas,
    preset: str = MSS.id,
) -> IndexResult:
    """Compute a status index after Berlin's Monitoring Soziale Stadtentwicklung.

    z per indicator over the valid areas, weighted sum, the sum standardised again, classes by cuts of the score.

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Indicators of the areas, indexed by ``area_id``, turned so that high means more disadvantage; NaN where a value
        is missing or suppressed. A sign such as −9999 must have become NaN in the reader.
    weights : mapping of str to float, optional
        Weight of each indicator, 1 by default.
    ddof : int, default 0
        0 for the population standard deviation.
    population : pandas.Series, optional
        Inhabitants of each area. Areas below `floor`, and areas without a figure, are left out first.
    floor : float, default 300
        Fewest inhabitants; used only with `population`.
    exclude : mapping of str to str, optional
        Areas that leave for a given reason before mean and standard deviation are taken, for example known outliers.
    cuts, labels : sequence
        Classes of the score, see :func:`spatial.index.classes.classify`.
    reference : Standardiser, optional
        A frozen reference (base year, wider frame). Without it the areas are standardised on themselves.
    reference_name : str, optional
        What the reference is called in legends.
    min_areas : int, default 10
        Fewest areas that may be standardised on themselves; with a `reference` any number may be scored.
    preset : str, default "mss"
        Name kept with the result.

    Returns
    -------
    IndexResult
        ``contribution_*`` add up to ``score``; areas that were left out have neither, and say why in ``excluded``.

    Raises
    ------
    UntestableError
        Fewer than `min_areas` areas are complete and there is no reference.
    AreaKeyError, ColumnError, SpatialError
        Repeated ids or indicators, unknown areas in `exclude`, areas absent from `population`, constant indicators,
        weights that do not fit.

    Examples
    --------
    >>> areas = [f"a{i}" for i in range(11)]
    >>> result = status_index(pd.DataFrame({"unemployed": range(11), "poor": range(11)}, index=areas))
    >>> result.table.loc["a10", "status_class"]
    'sehr niedrig'
    """
    if not values.index.is_unique:
        twice = values.index[values.index.duplicated()].unique()
        raise AreaKeyError(f"expected each area once, found more of {some(twice)}", where=_WHERE)
    if not values.columns.is_unique or not len(values.columns):
        raise ColumnError("expected at least one indicator, each once", where=_WHERE)
    table = values.astype(np.float64)
    reason = reasons(table, population, floor, exclude)
    valid = reason == ""
    if reference is None:
        if int(valid.sum()) < min_areas:
            raise UntestableError(
                f"expected at least {min_areas} areas with all indicators, found {int(valid.sum())} of {len(table)}",
                where=_WHERE,
                hint="standardise against a wider frame (the Land, or a base year) with reference=, choose a level "
                "with more areas, or leave out the indicator that is missing most often",
            )
        standardiser = Standardiser(weights, ddof=ddof).fit(table[valid])
    else:
        standardiser = reference
        if weights is not None and dict(weights) != standardiser.weights_.to_dict():
            raise SpatialError("the weights differ from those of the frozen reference", where=_WHERE)
        if extra := [str(name) for name in table.columns if name not in standardiser.means_.index]:
            raise ColumnError(f"the frozen reference does not know the indicators {some(extra)}", where=_WHERE)

    indicators = tuple(str(name) for name in standardiser.means_.index)
    z = standardiser.transform(table).where(valid)
    score = standardiser.score(z)
    result = pd.DataFrame({"score": score}, index=table.index)
    # Equal scores must share a rank although their sums may differ in the last digit.
    result["rank"] = score.round(12).rank(ascending=False, method="min").astype("Int64")
    result["status_class"] = classify(score, cuts, labels)
    result["excluded"] = reason
    parts = standardiser.contributions(z)
    result = pd.concat([result, z.add_prefix("z_"), parts.add_prefix("contribution_")], axis=1)
    return IndexResult(
        table=result.rename_axis(index="area_id"),
        preset=preset,
        indicators=indicators,
        means=MappingProxyType({str(k): float(v) for k, v in standardiser.means_.items()}),
        sds=MappingProxyType({str(k): float(v) for k, v in standardiser.sds_.items()}),
        sum_mean=standardiser.sum_mean_,
        sum_sd=standardiser.sum_sd_,
        reference=reference_name or ("frozen" if reference is not None else "self"),
        parameters=MappingProxyType(
            {
                "weights": MappingProxyType({str(k): float(v) for k, v in standardiser.weights_.items()}),
                "ddof": standardiser.ddof,
                "floor": floor if population is not None else None,
                "cuts": tuple(cuts),
                "labels": tuple(labels),
                "areas": int(valid.sum()),
            }
        ),
    )


def reasons(
    table: pd.DataFrame,
    population: pd.Series | None,
    floor: float,
    exclude: Mapping[str, str],
    enough: pd.Series | None = None,
) -> pd.Series:
    """Say for each area why it is left out; "" where it is not. What was given wins over what was found.

    Parameters
    ----------
    table : pandas.DataFrame, shape (n, m)
        Indicators.
    population, floor, exclude : as for :func:`status_index`
    enough : pandas.Series of bool, shape (n,), optional
        Which areas have values enough; by default those that have all.

    Returns
    -------
    pandas.Series of str, shape (n,)

    Raises
    ------
    AreaKeyError, SpatialError
        Unknown areas in `exclude`, areas absent from `population`, infinite values.
    """
    unknown = pd.Index(list(exclude)).difference(table.index)
    if len(unknown):
        raise AreaKeyError(f"areas to exclude that do not exist: {some(unknown)}", where=_WHERE)
    reason = pd.Series("", index=table.index, dtype=object)
    infinite = np.isinf(table.to_numpy()).any(axis=1)
    if infinite.any():
        raise SpatialError(f"expected finite values, found infinity in {some(table.index[infinite])}", where=_WHERE)
    for area in table.index[table.isna().any(axis=1) if enough is None else ~enough]:
        absent = [str(name) for name in table.columns[table.loc[area].isna()]]
        reason[area] = f"no value: {', '.join(absent)}"
    if population is not None:
        if not population.index.is_unique or not table.index.isin(population.index).all():
            raise AreaKeyError(
                f"expected one population for each area, found none for "
                f"{some(table.index.difference(population.index)) or 'none'}",
                where=_WHERE,
            )
        people = population.reindex(table.index).astype(np.float64)
        reason[people < floor] = f"fewer than {floor:g} inhabitants"
        reason[people.isna()] = "no population figure"
    for area, why in exclude.items():
        reason[area] = why or "excluded"
    return reason.rename("excluded")
