"""Attacks on suppressed families: what linear programming, and trying every possibility, find out about hidden counts.

The attacker knows what is published: the totals of the parents that are shown, every shown count and all denominators.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from spatial.disclosure import DisclosureRules, suppress_counts

PROFILE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Thresholds so small that every possibility can be tried.
SMALL = DisclosureRules(min_denominator=4, min_numerator=2, population_floor=0, min_count=0)

Bounds = dict[str, tuple[float, float]]


def by_programming(limits: Mapping[str, float], sums: list[tuple[list[str], float]]) -> Bounds:
    """Bound each unknown count: 0 ≤ n ≤ its limit, and every sum of some of them is known."""
    names = list(limits)
    if not names:
        return {}
    left = np.array([[float(name in members) for name in names] for members, _ in sums])
    right = [total for _, total in sums]
    bounds: Bounds = {}
    for i, name in enumerate(names):
        ends = []
        for sign in (1.0, -1.0):
            aim = np.zeros(len(names))
            aim[i] = sign
            found = linprog(aim, A_eq=left, b_eq=right, bounds=[(0, limits[k]) for k in names], method="highs")
            assert found.status in (0, 3), found.message  # solved, or without end
            ends.append(sign * found.fun if found.status == 0 else np.inf)
        bounds[name] = ends[0], ends[1]
    return bounds


def by_trying(limits: Mapping[str, float], sums: list[tuple[list[str], float]]) -> Bounds:
    """Bound each unknown whole count by trying all of them."""
    names = list(limits)
    place = {name: i for i, name in enumerate(names)}
    possible = [
        guess
        for guess in itertools.product(*(range(int(limits[name]) + 1) for name in names))
        if all(sum(guess[place[m]] for m in members) == total for members, total in sums)
    ]
    assert possible, "the truth itself is possible"
    return {name: (min(g[i] for g in possible), max(g[i] for g in possible)) for name, i in place.items()}


def check(table: pd.DataFrame, n: pd.Series, d: pd.Series, bounds: Bounds, minimum: float) -> int:
    """Every count that is hidden for its own sake may be 0 and twice the minimum; so may the rest of a full cell."""
    checked = 0
    for area in table.index[~table["rule"].isin(["", "sibling"])]:
        lower, upper = (round(end, 6) for end in bounds[area])
        limit = d[area] if d.notna()[area] else np.inf
        assert lower <= 0, f"{area} is at least {lower}"
        assert upper >= min(2 * minimum, limit), f"{area} is at most {upper}"
        if limit - n[area] < minimum:
            assert upper >= limit, f"of {area} at least {limit - upper} are not counted"
            assert lower <= max(0, limit - 2 * minimum)
        checked += 1
    return checked


@st.composite
def families(draw: st.DrawFn, most: int, size: int) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Counts and denominators of up to `size` children, and which of them the publisher hides."""
    k = draw(st.integers(1, size))
    index = pd.Index([f"a{i}" for i in range(k)])
    d = draw(st.lists(st.integers(0, most), min_size=k, max_size=k))
    n = []
    for limit in d:
        few, all_but_few = st.integers(0, min(limit, 3)), st.integers(max(0, limit - 3), limit)
        n.append(draw(st.one_of(few, all_but_few, st.integers(0, limit))))
    source = draw(st.lists(st.booleans() if draw(st.booleans()) else st.just(False), min_size=k, max_size=k))
    return pd.Series(n, index, dtype=float), pd.Series(d, index, dtype=float), pd.Series(source, index, dtype=bool)


def attacked(
    n: pd.Series, d: pd.Series, source: pd.Series, rules: DisclosureRules, elsewhere: pd.Series | None = None
) -> tuple[pd.DataFrame, dict[str, float], list[tuple[list[str], float]]]:
    """Suppress a family of which the publisher keeps some counts to himself; return what an attacker has to solve."""
    parent = pd.Series("P", index=n.index)
    table = suppress_counts(n.mask(source), d, rules, parent=parent, hidden_at_source=source, already_hidden=elsewhere)
    gone = table.index[table["numerator_suppressed"]]
    return table, d[gone].fillna(np.inf).to_dict(), [(list(gone), float(n[gone].sum()))]


def nearly_full() -> tuple[pd.Series, pd.Series, pd.Series]:
    index = pd.Index(["a0", "a1", "a2", "a3"])
    n, d = pd.Series([998.0, 0, 1, 40], index), pd.Series([1000.0, 5000, 5000, 5000], index)
    return n, d, pd.Series(False, index)


@PROFILE
@given(families(400, 7))
@example(nearly_full())
def test_linear_programs_find_nothing(family: tuple[pd.Series, pd.Series, pd.Series]) -> None:
    n, d, source = family
    table, limits, sums = attacked(n, d, source, DisclosureRules())
    if not table["parent_suppressed"].any():
        check(table, n, d, by_programming(limits, sums), 3)


@PROFILE
@given(families(9, 4))
def test_trying_everything_finds_nothing(family: tuple[pd.Series, pd.Series, pd.Series]) -> None:
    n, d, source = family
    table, limits, sums = attacked(n, d, source, SMALL)
    if table["parent_suppressed"].any():
        assert table["parent_suppressed"].all()
        assert table["numerator_suppressed"].all(), "the parent goes only when all children went"
        return
    tried = by_trying(limits, sums)
    check(table, n, d, tried, SMALL.min_numerator)
    for area, found in by_programming(limits, sums).items():
        assert np.allclose(found, tried[area]), "one sum of whole numbers: both attackers find the same"


@PROFILE
@given(families(400, 6), st.data())
def test_hidden_for_other_reasons_is_protected_too(
    family: tuple[pd.Series, pd.Series, pd.Series], data: st.DataObject
) -> None:
    n, d, source = family
    chosen = data.draw(st.lists(st.booleans(), min_size=len(n), max_size=len(n)))
    elsewhere = pd.Series(chosen, index=n.index)
    table, limits, sums = attacked(n, d, source, DisclosureRules(), elsewhere)
    assert table.loc[elsewhere, "numerator_suppressed"].all()
    if not table["parent_suppressed"].any():
        check(table, n, d, by_programming(limits, sums), 3)


@PROFILE
@given(families(60, 6))
def test_counts_without_denominator(family: tuple[pd.Series, pd.Series, pd.Series]) -> None:
    n, d, source = family
    d[:] = np.nan
    table, limits, sums = attacked(n, d, source, DisclosureRules())
    if not table["parent_suppressed"].any():
        check(table, n, d, by_programming(limits, sums), 3)


@PROFILE
@given(families(60, 4), families(2000, 4))
def test_two_levels_together(
    children: tuple[pd.Series, pd.Series, pd.Series], others: tuple[pd.Series, pd.Series, pd.Series]
) -> None:
    """Children that cannot protect themselves hide their parent, which takes others of its level along.

    The total of the county stays known. What is asked of a full child beyond its bounds of 0 and twice the minimum is
    not promised across levels.
    """
    n, d, source = children
    table, limits, _ = attacked(n, d, source, DisclosureRules())
    gone = bool(table["parent_suppressed"].any())
    upper_n = pd.concat([pd.Series({"P": n.sum()}), others[0].rename(lambda a: f"other {a}")])
    upper_d = pd.concat([pd.Series({"P": d.sum()}), others[1].rename(lambda a: f"other {a}")])
    elsewhere = pd.Series(upper_n.index == "P", index=upper_n.index) & gone
    above, more, county = attacked(upper_n, upper_d, elsewhere & False, DisclosureRules(), elsewhere)
    if above["parent_suppressed"].any() or not gone:
        return
    members, total = county[0]
    # The parent is the sum of its children, so these stand for it in the sum of the county.
    joint = {**limits, **{a: limit for a, limit in more.items() if a != "P"}}
    together = [([*(m for m in members if m != "P"), *limits], total)]
    bounds = by_programming(joint, together)
    for area in table.index[~table["rule"].isin(["", "sibling"])]:
        lower, upper = bounds[area]
        assert round(lower, 6) <= 0
        assert round(upper, 6) >= min(6, d[area])


def test_the_attack_succeeds_on_what_is_not_protected() -> None:
    """The attacks can fail a rule: hiding only what primary rules hide, or too little, is found out."""
    n, d = pd.Series({"a": 90.0, "b": 20.0}), pd.Series({"a": 95.0, "b": 100.0})
    assert by_programming(d.to_dict(), [(["a", "b"], 110.0)])["a"] == (10.0, 95.0), "b has room for 100 only"
    assert by_programming({"a": 500.0, "b": 400.0}, [(["a", "b"], 2.0)]) == {"a": (0.0, 2.0), "b": (0.0, 2.0)}
    alone = by_programming({"a": float(d["a"])}, [(["a"], float(n["a"]))])
    assert alone["a"] == (90.0, 90.0)


def test_random_families_are_mostly_protected_without_their_parent() -> None:
    """The attack is not passed by hiding everything: most families keep a shown sibling and their total."""
    rng = np.random.default_rng(11)
    kept = shown = checked = 0
    for _ in range(150):
        k = int(rng.integers(4, 9))
        index = pd.Index([f"a{i}" for i in range(k)])
        d = pd.Series(rng.integers(90, 900, k), index, dtype=float)
        n = np.minimum(pd.Series(rng.poisson(rng.choice([2, 30, 60], k)), index, dtype=float), d)
        table, limits, sums = attacked(n, d, pd.Series(rng.random(k) < 0.1, index), DisclosureRules())
        if table["parent_suppressed"].any():
            continue
        kept += 1
        shown += int((~table["numerator_suppressed"]).any())
        checked += check(table, n, d, by_programming(limits, sums), 3)
    assert kept > 140
    assert shown > 120
    assert checked > 150
