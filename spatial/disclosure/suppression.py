"""Suppression of counts: primary rules, and siblings that go along so that no subtraction brings a value back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disclosure.rules import DisclosureRules, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray


def suppress_counts(
    numerator: pd.Series,
    denominator: pd.Series,
    rules: DisclosureRules,
    *,
    parent: pd.Series | None = None,
    hidden_at_source: pd.Series | None = None,
    parent_shown: pd.Series | None = None,
) -> pd.DataFrame:
    """Say which counts of one variable, period and level may not be shown.

    Parameters
    ----------
    numerator, denominator : pandas.Series
        Counts of the areas, indexed by area id; NaN where there is none. Where a denominator is missing the numerator
        is judged as a count of its own.
    rules : DisclosureRules
        Thresholds.
    parent : pandas.Series, optional
        Area id → id of the parent whose total is the sum of its children. Without it only the primary rules apply.
    hidden_at_source : pandas.Series of bool, optional
        True where the publisher suppressed the numerator: it counts as a suppressed sibling. Other missing numerators
        (not delivered, area does not exist) then protect nobody. Default: every missing numerator was suppressed.
    parent_shown : pandas.Series of bool, optional
        Parent id → whether its own total is shown. Default: all are.

    Returns
    -------
    pandas.DataFrame
        On the index of ``numerator``:

        - ``numerator_suppressed`` (bool), with ``rule`` (str, a :class:`Rule`; the first that applies);
        - ``denominator_suppressed`` (bool): below ``min_count``, or sibling of such a one. Its numerator goes with it,
          because rate and count would give it back;
        - ``parent_suppressed``, ``parent_denominator_suppressed`` (bool): the children alone cannot protect the value
          (an only child, or too small a remainder), so the total of this area's parent must not be shown either.

    Raises
    ------
    AreaKeyError
        Ids are repeated, or the Series have different areas.
    SpatialError
        A count is negative or infinite.

    Notes
    -----
    Within a parent whose total is shown, the suppressed children can be had by subtraction as a sum. That sum must
    belong to at least two of them and be at least twice the minimum (so that the bounds of each contain 0 and twice the
    minimum), and the same holds for what is left of their denominators (full cells). Until it does, the smallest shown
    sibling goes along; ties are broken by id. This is not yet complementary suppression over a whole hierarchy.

    Examples
    --------
    >>> unemployed = pd.Series({"a": 1.0, "b": 30.0, "c": 12.0})
    >>> people = pd.Series({"a": 400.0, "b": 700.0, "c": 500.0})
    >>> parent = pd.Series("G", index=people.index)
    >>> suppress_counts(unemployed, people, DisclosureRules(), parent=parent)["rule"].to_dict()
    {'a': 'numerator', 'b': '', 'c': 'sibling'}
    """
    areas = numerator.index
    if not areas.is_unique:
        raise AreaKeyError(
            f"expected every area once, found repeated: {some(areas[areas.duplicated()].unique())}",
            where="numerator",
            hint="judge one variable and period at a time",
        )
    n, d = _counts(numerator, areas, "numerator"), _counts(denominator, areas, "denominator")
    absent = np.isnan(n)
    if hidden_at_source is None:
        at_source = absent.copy()
    else:
        at_source = absent & _flags(hidden_at_source, areas, "hidden_at_source")
    names = np.array([str(i) for i in areas], dtype=np.str_)
    families = _families(parent, parent_shown, areas)

    rule = np.where(np.isnan(n), Rule.SHOWN.value, rules.primary(n, d)).astype(object)
    rule[at_source] = Rule.SOURCE.value

    small = d < rules.min_count
    order = np.lexsort((names, d))
    d_hidden, d_exposed = _protect(small, np.isnan(d), families, order, [d], 2 * rules.min_count)
    primary = rule != Rule.SHOWN.value
    n_hidden = primary | (d_hidden & ~absent)

    rest = np.where(np.isnan(d), np.inf, d - n)
    order = np.lexsort((names, d, n))
    n_hidden, n_exposed = _protect(n_hidden, absent & ~at_source, families, order, [n, rest], 2 * rules.min_numerator)
    rule[n_hidden & ~primary] = Rule.SIBLING.value
    rule[d_hidden & ~n_hidden] = np.where(small, Rule.DENOMINATOR.value, Rule.SIBLING.value)[d_hidden & ~n_hidden]
    return pd.DataFrame(
        {
            "numerator_suppressed": n_hidden,
            "denominator_suppressed": d_hidden,
            "rule": rule.astype(str),
            "parent_suppressed": n_exposed,
            "parent_denominator_suppressed": d_exposed,
        },
        index=areas,
    )


def _protect(
    hidden: NDArray[np.bool_],
    absent: NDArray[np.bool_],
    families: Sequence[NDArray[np.int64]],
    order: NDArray[np.int64],
    measures: Sequence[NDArray[np.float64]],
    need: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Add the smallest shown siblings until what is hidden in a family protects its members.

    Parameters
    ----------
    hidden, absent : numpy.ndarray of bool
        What is hidden already; what has no value and so protects nobody. Shape (n,).
    families : sequence of numpy.ndarray
        Positions of the children of every parent whose total is shown.
    order : numpy.ndarray
        All positions, the smallest first.
    measures : sequence of numpy.ndarray
        Sums over the hidden children of each must reach ``need``; NaN (hidden at source) counts as 0.
    need : float
        Twice the minimum.

    Returns
    -------
    hidden, exposed : numpy.ndarray of bool
        What is hidden now; children whose parent must be hidden as well. Shape (n,).
    """
    hidden, exposed = hidden.copy(), np.zeros(len(hidden), dtype=bool)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))

    def safe(inside: NDArray[np.int64]) -> bool:
        if len(inside) < 2:
            return False
        if np.isnan(measures[0][inside]).all():
            return True  # all hidden by the publisher, whose remainder only the publisher knows
        return all(float(np.nansum(measure[inside])) >= need for measure in measures)

    for family in families:
        present = family[~absent[family]]
        shown = present[~hidden[present]]
        waiting = list(shown[np.argsort(rank[shown])])
        inside = present[hidden[present]]
        if not len(inside):
            continue
        while not safe(inside) and waiting:
            inside = np.append(inside, waiting.pop(0))
        hidden[inside] = True
        exposed[family] = not safe(inside)
    return hidden, exposed


def _counts(values: pd.Series, areas: pd.Index, where: str) -> NDArray[np.float64]:
    _same_areas(values, areas, where)
    counts = values.reindex(areas).to_numpy(dtype=np.float64, na_value=np.nan)
    bad = (counts < 0) | np.isinf(counts)
    if bad.any():
        raise SpatialError(
            f"expected counts of at least 0, found {counts[bad][0]:g} for {some(areas[bad])}",
            where=where,
            hint="negative values are often signs for 'no value' (such as -1 or -9999): read them as missing",
        )
    return counts


def _flags(values: pd.Series, areas: pd.Index, where: str) -> NDArray[np.bool_]:
    _same_areas(values, areas, where)
    return values.reindex(areas).to_numpy(dtype=bool)


def _same_areas(values: pd.Series, areas: pd.Index, where: str) -> None:
    strangers = areas.symmetric_difference(values.index)
    if len(strangers) or not values.index.is_unique:
        raise AreaKeyError(
            f"expected the areas of the numerator once each, found others or repeated ones: {some(strangers)}",
            where=where,
            hint="reindex it to the areas of the numerator",
        )


def _families(parent: pd.Series | None, parent_shown: pd.Series | None, areas: pd.Index) -> list[NDArray[np.int64]]:
    """Return the positions of the children of every parent whose total is shown."""
    if parent is None:
        return []
    unknown = areas.difference(parent.index)
    if len(unknown):
        raise AreaKeyError(
            f"expected a parent for every area (missing is 'none'), found no row for {some(unknown)}",
            where="parent",
            hint="reindex it to the areas of the numerator",
        )
    codes, parents = pd.factorize(parent.reindex(areas))
    families = [np.flatnonzero(codes == code) for code in range(len(parents))]
    if parent_shown is None:
        return families
    shown = parent_shown.reindex(parents)
    return [family for family, is_shown in zip(families, shown, strict=True) if pd.isna(is_shown) or is_shown]
