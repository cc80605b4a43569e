"""An index of principal components on a pooled panel, after the RKI's German Index of Socioeconomic Deprivation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, ColumnError, SpatialError, some
from spatial.index.classes import class_cuts, classify
from spatial.index.presets import GISD

_WHERE = "index gisd"


@dataclass(frozen=True, slots=True)
class GisdResult:
    """An index of the GISD's kind.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by (``area_id``, ``period``) as the panel: ``score`` (0 … 1 in each year, high = more disadvantage),
        ``status_class`` ("Q1" … "Q5", "Q5" the most disadvantaged), ``dimension_<name>`` (0 … 1 in each year),
        ``base`` and ``contribution_<indicator>``, which add up to ``score``. NaN where a value is missing.
    loadings : pandas.Series
        Indexed by (dimension, indicator): first principal component, sign fixed, of length 1 in each dimension.
    explained : pandas.Series
        Share of the variance of each dimension that its component explains.
    marker_correlation : pandas.Series
        Correlation of each dimension with the marker, after its sign was fixed.
    warnings : tuple of str
    """

    table: pd.DataFrame
    loadings: pd.Series
    explained: pd.Series
    marker_correlation: pd.Series
    warnings: tuple[str, ...] = ()


def gisd_index(
    panel: pd.DataFrame,
    dimensions: Mapping[str, Sequence[str]],
    *,
    marker: str,
    classes: int = GISD.classes,
    quantile_type: int = GISD.quantile_type,
) -> GisdResult:
    """Compute an index of the GISD's kind.

    One component per dimension, learned on all years together so that its weights do not change from year to year;
    each dimension is brought to 0 … 1 within the year, the dimensions are added up and brought to 0 … 1 again. A score
    is therefore a place among the areas of its year: it says nothing about change.

    Parameters
    ----------
    panel : pandas.DataFrame, shape (areas × years, m)
        Indexed by (``area_id``, ``period``); NaN where missing or suppressed. Signs of the indicators are as they are:
        the marker turns each dimension.
    dimensions : mapping of str to sequence of str
        Columns of each dimension, at least two.
    marker : str
        Column on which high means disadvantage (the original takes unemployment); each dimension is turned until it
        correlates with it.
    classes, quantile_type : int
        Classes by quantiles within the year.

    Returns
    -------
    GisdResult

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Repeated rows, unknown columns, a column in two dimensions, constant indicators, or too few complete areas.

    Notes
    -----
    Source: :data:`spatial.index.presets.GISD`. A dimension that hardly correlates with the marker may be turned the
    wrong way (it happened to education in the original's revision of 2019): such a result carries a warning.
    """
    columns = [name for names in dimensions.values() for name in names]
    _check(panel, dimensions, columns, marker)
    used = panel[list(dict.fromkeys([*columns, marker]))].astype(np.float64)
    complete = used.notna().all(axis=1)
    if not np.isfinite(used[complete].to_numpy()).all():
        raise SpatialError("expected finite values, found infinity", where=_WHERE)
    known = used[complete]
    if len(known) < 3:
        raise SpatialError(f"expected at least three complete rows, found {len(known)}", where=_WHERE)
    mean, sd = known.mean(), known.std(ddof=1)
    flat = sd <= 1e-12 * known.abs().max()
    if flat.any():
        raise SpatialError(f"expected values that differ, found one everywhere in {some(sd.index[flat])}", where=_WHERE)
    z = (known - mean) / sd

    loadings, explained, correlation = {}, {}, {}
    notes: list[str] = []
    for dimension, names in dimensions.items():
        part = z[list(names)].to_numpy()
        values, vectors = np.linalg.eigh(part.T @ part / (len(part) - 1))
        direction = vectors[:, -1]
        r = float(np.corrcoef(part @ direction, z[marker].to_numpy())[0, 1])
        direction = direction * (-1.0 if r < 0 else 1.0)
        if abs(r) < 0.3:
            notes.append(f"the sign of {dimension} hangs on a correlation of {abs(r):.2f} with {marker}")
        loadings.update({(dimension, name): float(v) for name, v in zip(names, direction, strict=True)})
        explained[dimension] = float(values[-1] / values.sum())
        correlation[dimension] = abs(r)

    weight = pd.Series(loadings)
    # Everything after the component is linear within a year, so the score splits into indicators without remainder.
    pieces = {}
    for dimension, names in dimensions.items():
        terms = z[list(names)] * [loadings[dimension, name] for name in names]
        low, span = _range(terms.sum(axis=1))
        pieces[dimension] = (terms.div(span, axis=0), -low / span)
    parts = pd.concat([terms for terms, _ in pieces.values()], axis=1)
    start = sum((base for _, base in pieces.values()), start=pd.Series(0.0, index=z.index))
    low, span = _range(parts.sum(axis=1) + start)
    table = pd.DataFrame({"score": (parts.sum(axis=1) + start - low) / span})
    table["status_class"] = (
        table["score"]
        .groupby(level=1)
        .transform(
            lambda score: classify(
                score,
                class_cuts(score, "quantile", classes=classes, quantile_type=quantile_type),
                [f"Q{k}" for k in range(1, classes + 1)],
            )
        )
    )
    for dimension, (terms, base) in pieces.items():
        table[f"dimension_{dimension}"] = terms.sum(axis=1) + base
    table["base"] = (start - low) / span
    table = table.join(parts.div(span, axis=0).add_prefix("contribution_")).reindex(panel.index)
    table["status_class"] = table["status_class"].astype(object).where(table["status_class"].notna(), None)
    return GisdResult(
        table=table,
        loadings=weight.rename_axis(index=["dimension", "indicator"]),
        explained=pd.Series(explained),
        marker_correlation=pd.Series(correlation),
        warnings=tuple(notes),
    )


def _range(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the smallest value and the range of each year, for each row."""
    years = values.groupby(level=1)
    low = years.transform("min")
    span = years.transform("max") - low
    if not (span > 0).all():
        short = values.index.get_level_values(1)[~(span > 0)].unique()
        raise SpatialError(
            f"expected areas that differ in every year, found one value in {some(short)}",
            where=_WHERE,
            hint="leave out years with fewer than two complete areas",
        )
    return low, span


def _check(panel: pd.DataFrame, dimensions: Mapping[str, Sequence[str]], columns: list[str], marker: str) -> None:
    if panel.index.nlevels != 2 or not panel.index.is_unique:
        raise AreaKeyError("expected a panel indexed by area and period, each pair once", where=_WHERE)
    if absent := [name for name in (*columns, marker) if name not in panel.columns]:
        raise ColumnError(f"expected columns of the panel, found none called {some(absent)}", where=_WHERE)
    if len(set(columns)) < len(columns):
        raise ColumnError("expected each indicator in one dimension", where=_WHERE)
    if not dimensions or (few := [name for name, names in dimensions.items() if len(names) < 2]):
        raise SpatialError(f"expected at least two indicators in a dimension, found fewer in {some(few)}", where=_WHERE)
