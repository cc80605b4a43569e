"""Crosswalks over invented histories: totals kept, order of chaining without effect, no way back through a merger.

The oracle follows persons: each lives in one area, and every event moves persons. It knows neither links nor shares.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import TerritoryError
from geodata.territory import Event, Territory

START = dt.date(2000, 1, 1)


@st.composite
def histories(draw, kinds=("merger", "rename", "absorb")):
    """Draw a territory of up to nine areas and up to six events, one a year; keys are never used twice."""
    alive = [f"K{i:03}" for i in range(draw(st.integers(2, 9)))]
    first = tuple(alive)
    fresh = len(alive)
    events = []
    for year in range(2001, 2001 + draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(kinds))
        date = dt.date(year, draw(st.integers(1, 12)), 1)
        if kind in ("merger", "absorb") and len(alive) >= 2:
            before = tuple(draw(st.permutations(alive))[: draw(st.integers(2, min(4, len(alive))))])
            new = before[0] if kind == "absorb" else f"K{fresh:03}"
            made = () if kind == "absorb" else (new,)
            events.append(Event("merger", date, before, (new,), made, "drawn"))
            alive = [k for k in alive if k not in before] + [new]
        elif kind == "split":
            before, parts = draw(st.sampled_from(alive)), (f"K{fresh:03}", f"K{fresh + 1:03}")
            share = draw(st.integers(0, 16)) / 16
            shares = dict(zip(parts, (share, 1 - share), strict=True))
            events.append(Event("split", date, (before,), parts, parts, "drawn", shares))
            alive = [k for k in alive if k != before] + list(parts)
        else:
            before, new = draw(st.sampled_from(alive)), f"K{fresh:03}"
            events.append(Event("rename", date, (before,), (new,), (new,), "drawn"))
            alive = [k for k in alive if k != before] + [new]
        fresh += 2
    return first, Territory(tuple(events)), tuple(alive)


def followed(events, values: dict[str, float]) -> dict[str, float]:
    """Move what each area holds, event by event."""
    held = dict(values)
    for event in events:
        moved = sum(held.pop(k) for k in event.before)
        for target in event.after:
            part = moved if len(event.after) == 1 else moved * event.shares[target]
            held[target] = held.get(target, 0.0) + part
    return held


def figures(keys, seed: int) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).integers(0, 1000, len(keys)).astype(float), index=pd.Index(keys))


@given(history=histories(("merger", "rename", "absorb", "split")), seed=st.integers(0, 999))
def test_figures_arrive_where_their_people_do(history, seed):
    first, known, last = history
    values = figures(first, seed)
    moved = known.crosswalk(START, dt.date(2010, 1, 1), first).apply(values)
    expected = followed(known.events, values.to_dict())
    assert set(moved.index) == set(last)
    assert moved.to_dict() == pytest.approx(expected)
    assert moved.sum() == pytest.approx(values.sum(), rel=1e-12)


@given(history=histories(("merger", "rename", "absorb", "split")), cuts=st.sets(st.integers(2000, 2008), max_size=4))
def test_chained_crosswalks_equal_one_and_do_not_depend_on_the_brackets(history, cuts):
    first, known, _ = history
    days = [START, *(dt.date(year, 12, 31) for year in sorted(cuts)), dt.date(2010, 1, 1)]
    steps, keys = [], list(first)
    for a, b in pairwise(days):
        steps.append(known.crosswalk(a, b, keys))
        keys = list(dict.fromkeys(steps[-1].links["target"]))
    left = steps[0]
    for step in steps[1:]:
        left = left.then(step)
    right = steps[-1]
    for step in reversed(steps[:-1]):
        right = step.then(right)
    direct = known.crosswalk(days[0], days[-1], first)
    pd.testing.assert_frame_equal(left.links, direct.links)
    pd.testing.assert_frame_equal(right.links, direct.links)


@given(history=histories(), seed=st.integers(0, 999))
def test_there_is_no_way_back_through_a_merger(history, seed):
    first, known, last = history
    there = known.crosswalk(START, dt.date(2010, 1, 1), first)
    merged = any(len(e.before) > 1 for e in known.events)
    if merged:
        with pytest.raises(TerritoryError, match=r"cannot be restored.*no figures of the parts"):
            known.crosswalk(dt.date(2010, 1, 1), START, last)
    else:
        values = figures(first, seed)
        back = known.crosswalk(dt.date(2010, 1, 1), START, last)
        assert back.apply(there.apply(values)).to_dict() == values.to_dict()
        assert set(there.then(back).links["source"]) == set(first)


@given(history=histories(("rename", "split")), seed=st.integers(0, 999))
def test_splits_are_undone_by_sums(history, seed):
    first, known, last = history
    values = figures(first, seed)
    there = known.crosswalk(START, dt.date(2010, 1, 1), first).apply(values)
    back = known.crosswalk(dt.date(2010, 1, 1), START, last).apply(there)
    assert back.to_dict() == pytest.approx(values.to_dict())


@given(history=histories(("merger", "rename", "absorb", "split")), gone=st.integers(0, 8), seed=st.integers(0, 999))
def test_what_lacks_a_part_is_missing_and_nothing_else_is(history, gone, seed):
    first, known, _ = history
    lost = first[gone % len(first)]
    walk = known.crosswalk(START, dt.date(2010, 1, 1), first)
    values = figures(first, seed)
    moved = walk.apply(values.drop(lost))
    reached = {
        target
        for source, target, share in walk.links.itertuples(index=False, name=None)
        if source == lost and share > 0
    }
    assert set(moved.index[moved.isna()]) == reached


@given(history=histories(("merger", "rename", "absorb", "split")), day=st.dates(START, dt.date(2010, 1, 1)))
@settings(max_examples=50)
def test_every_day_has_its_areas(history, day):
    first, known, _ = history
    everybody = set(first) | {k for e in known.events for k in e.after}
    there = set(followed([e for e in known.events if e.date <= day], dict.fromkeys(first, 1.0)))
    assert {k for k in everybody if known.alive(k, day)} == there
    lo, hi = known.window(there)
    assert lo <= day <= hi
