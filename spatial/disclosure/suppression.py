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
    already_hidden: pd.Series | None = None,
    denominator_already_hidden: pd.Series | None = None,
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
        True where the publisher suppressed the numerator: it is protected and counts as a suppressed sibling. Other
        missing numerators (not delivered, area does not exist) then protect nobody. Default: every missing numerator
        was suppressed.
    parent_shown : pandas.Series of bool, optional
        Parent id → whether its own total is shown. Default: all are.
    already_hidden, denominator_already_hidden : pandas.Series of bool, optional
        True where the numerator (the denominator) must not be shown for a reason that lies outside, for example because
        the children of the area could not protect theirs. It is protected like one that a primary rule hides. Areas
        without value are none. Default: nowhere.

    Returns
    -------
    pandas.DataFrame
        On the index of ``numerator``:

        - ``numerator_suppressed`` (bool), with ``rule`` (str, a :class:`Rule`; the first that applies);
        - ``denominator_suppressed`` (bool): below ``min_count``, or sibling of such a one. Its numerator goes with it,
          because rate and count would give it back;
        - ``parent_suppressed``, ``parent_denominator_suppressed`` (bool): the children alone cannot protect the value
          (an only child, too small a remainder, too little room), so the total of this area's parent must not be
          shown either.

    Raises
    ------
    AreaKeyError
        Ids are repeated, or the Series have different areas.
    SpatialError
        A count is negative or infinite.

    Notes
    -----
    The attacker knows the total N of the parent, every shown sibling and all denominators d. What is left of N for the
    hidden children H is R = Σ_H n, so he bounds each of them (exactly, as this is one equation with bounds) by

        max(0, R − Σ_{j∈H, j≠i} d_j)  ≤  n_i  ≤  min(d_i, R).

    The smallest shown siblings go along, one after the other, ties broken by id, until at least two are hidden and for
    each that a primary rule, the publisher or another reason hides

    - R is at least twice ``min_numerator``, so that n_i may be that (or d_i where it is smaller);
    - the others have room for it, Σ_{j≠i} (d_j − n_j) ≥ n_i, so that n_i may be 0;
    - where nearly all are counted (d_i − n_i below ``min_numerator``) R ≥ d_i, so that d_i − n_i may be 0 as well.

    Of a count that the publisher hid nothing is known: it is taken as 0 where cases are needed and as full where room
    is needed, so the bounds hold whatever it was. Where d is missing a count has no upper bound.

    Not covered: what follows from knowing that the *smallest* siblings went along, and complementary suppression over a
    whole hierarchy. A total that is hidden here is given back by its children if all of them are shown.

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
    at_source = absent & (True if hidden_at_source is None else _flags(hidden_at_source, areas, "hidden_at_source"))
    names = np.array([str(i) for i in areas], dtype=np.str_)
    families = _families(parent, parent_shown, areas)

    rule = np.where(absent, Rule.SHOWN.value, rules.primary(n, d)).astype(object)
    rule[at_source] = Rule.SOURCE.value
    if already_hidden is not None:
        elsewhere = _flags(already_hidden, areas, "already_hidden") & ~absent
        rule[elsewhere & (rule == Rule.SHOWN.value)] = Rule.ELSEWHERE.value
    primary = rule != Rule.SHOWN.value

    small = d < rules.min_count
    if denominator_already_hidden is not None:
        small |= _flags(denominator_already_hidden, areas, "denominator_already_hidden") & ~np.isnan(d)
    order = np.lexsort((names, d))
    unlimited = np.full(len(d), np.inf)
    d_hidden, d_exposed = _protect(small, small, np.isnan(d), families, order, d, unlimited, rules.min_count)

    n_hidden = primary | (d_hidden & ~absent)
    limit = np.where(np.isnan(d), np.inf, d)
    order = np.lexsort((names, d, n))
    n_hidden, n_exposed = _protect(
        n_hidden, primary, absent & ~at_source, families, order, n, limit, rules.min_numerator
    )
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
    primary: NDArray[np.bool_],
    absent: NDArray[np.bool_],
    families: Sequence[NDArray[np.int64]],
    order: NDArray[np.int64],
    values: NDArray[np.float64],
    limit: NDArray[np.float64],
    minimum: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Add the smallest shown siblings until what is hidden in a family protects its members.

    Parameters
    ----------
    hidden, primary, absent : numpy.ndarray of bool
        What is hidden already; what of it needs protection; what has no value and so protects nobody. Shape (n,).
    families : sequence of numpy.ndarray
        Positions of the children of every parent whose total is shown.
    order : numpy.ndarray
        All positions, the smallest first.
    values, limit : numpy.ndarray
        Counts, NaN where only the publisher knows them, and the most that each can be (infinite where nothing bounds
        it). Shape (n,).
    minimum : float
        Bounds must reach twice this.

    Returns
    -------
    hidden, exposed : numpy.ndarray of bool
        What is hidden now; children whose parent must be hidden as well. Shape (n,).
    """
    hidden, exposed = hidden.copy(), np.zeros(len(hidden), dtype=bool)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    unknown = np.isnan(values)
    cases = np.where(unknown, 0.0, values)
    room = np.where(unknown & np.isfinite(limit), 0.0, np.maximum(limit - cases, 0.0))
    most = np.where(unknown, limit, values)
    # Unlimited room is counted apart, as infinity less infinity is no number.
    endless, finite = np.isinf(room), np.where(np.isinf(room), 0.0, room)

    for family in families:
        present = family[~absent[family]]
        inside = present[hidden[present]]
        if not len(inside):
            continue
        shown = present[~hidden[present]]
        waiting = shown[np.argsort(rank[shown])]
        sensitive = inside[primary[inside]]
        full = sensitive[room[sensitive] < minimum]
        cases_needed = max(2 * minimum, limit[full[~unknown[full]]].max(initial=0.0))
        others = finite[inside].sum() - finite[sensitive]
        bounded = endless[inside].sum() == endless[sensitive]
        lacking = (most[sensitive] - others)[bounded]
        room_lacking = max(2 * minimum - room[inside].sum(), lacking.max(initial=0.0))

        # Entry k is the sum with the k smallest siblings added.
        count = len(inside) + np.arange(len(waiting) + 1)
        cases_there = cases[inside].sum() + np.concatenate([[0.0], np.cumsum(cases[waiting])])
        room_added = np.concatenate([[0.0], np.cumsum(room[waiting])])
        safe = (count >= 2) & (cases_there >= cases_needed) & (room_added >= room_lacking)
        added = int(safe.argmax()) if safe.any() else len(waiting)
        hidden[inside] = True
        hidden[waiting[:added]] = True
        exposed[family] = not safe.any()
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
