"""Regions above a floor: contiguous, as many as an exhaustive search finds, stable from year to year."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import Delaunay

from geodata.errors import AreaKeyError, SpatialError
from spatial.regions.keep import build_regions
from spatial.regions.maxp import max_p, parts


def planar(n: int, seed: int, share: float = 0.75):
    """Neighbours and places of n points: some edges of a triangulation, hanging together."""
    rng = np.random.default_rng(seed)
    while True:
        points = rng.random((n, 2))
        edges = {tuple(sorted(pair)) for s in Delaunay(points).simplices for pair in itertools.combinations(s, 2)}
        near: list[list[int]] = [[] for _ in range(n)]
        for a, b in sorted(edges):
            if rng.random() < share:
                near[a].append(int(b))
                near[b].append(int(a))
        if len(parts(near, set(range(n)))) == 1:
            return near, points, rng


def most_regions(near, people, floor) -> int:
    """Try all partitions."""

    @lru_cache(None)
    def best(rest: tuple[int, ...]) -> int:
        if not rest:
            return 0
        found = -1000
        for size in range(len(rest)):
            for others in itertools.combinations(rest[1:], size):
                region = {rest[0], *others}
                if people[list(region)].sum() >= floor and len(parts(near, region)) == 1:
                    found = max(found, 1 + best(tuple(k for k in rest if k not in region)))
        return found

    return best(tuple(range(len(people))))


def require_valid(near, people, label, floor):
    for region in set(label):
        inside = {k for k, own in enumerate(label) if own == region}
        assert len(parts(near, inside)) == 1
        assert people[sorted(inside)].sum() >= floor


@pytest.mark.parametrize("seed", range(25))
def test_as_many_regions_as_an_exhaustive_search_finds(seed: int):
    near, points, rng = planar(9, seed)
    people = rng.integers(0, 500, 9).astype(float)
    floor = min(float(rng.integers(200, 700)), people.sum())
    label = max_p(near, people, points, floor, rng=np.random.default_rng(1))
    require_valid(near, people, label, floor)
    assert set(label) == set(range(max(label) + 1))
    assert max(label) + 1 == most_regions(near, people, floor)


def test_areas_that_no_move_can_improve_come_to_an_end():
    """Here MaxPHeuristic of spopt 0.7 searches for ever: its movable areas border no other region (0.8 ends)."""
    row = [[1], [0, 2], [1, 3], [2]]
    people, place = np.array([100.0, 900.0, 900.0, 100.0]), np.arange(4.0)[:, None]
    assert max_p(row, people, place, 800, rng=np.random.default_rng(1)).tolist() == [0, 0, 1, 1]
    star = [[1, 2, 3, 4], [0], [0], [0], [0]]
    assert set(max_p(star, np.array([100.0] * 5), np.zeros((5, 1)), 200, rng=np.random.default_rng(1))) == {0}


def test_merged_areas_are_alike_where_there_is_a_choice():
    """A strip of two kinds of areas: regions of one kind exist, and are found."""
    n = 24
    near = [[k for k in (i - 1, i + 1) if 0 <= k < n] for i in range(n)]
    kind = np.repeat([0.0, 5.0], n // 2)[:, None]
    label = max_p(near, np.full(n, 10.0), kind, 30.0, rng=np.random.default_rng(1))
    assert label.max() + 1 == 8
    assert all(len(set(kind[label == region, 0])) == 1 for region in range(8))


def town(n: int = 60, seed: int = 4):
    near, points, rng = planar(n, seed)
    ids = pd.Index([f"{k:03d}" for k in range(n)])
    people = pd.Series(rng.integers(50, 900, n).astype(float), index=ids)
    return near, people, pd.DataFrame(points, index=ids)


def build(near, people, values, floor=1500.0, **options):
    return build_regions(near, people, values, floor, rng=np.random.default_rng(1), **options)


def test_row_order_changes_nothing():
    near, people, values = town()
    first = build(near, people, values)
    order = np.random.default_rng(9).permutation(len(people))
    place = np.argsort(order)
    turned = build([[int(place[j]) for j in near[k]] for k in order], people.iloc[order], values.iloc[order])
    pd.testing.assert_frame_equal(turned.assignment.sort_index(), first.assignment)
    pd.testing.assert_frame_equal(turned.regions, first.regions)


def test_what_still_holds_is_kept_and_only_the_rest_is_dealt_out():
    near, people, values = town()
    first = build(near, people, values)
    earlier = first.assignment["region"].to_dict()
    again = build(near, people, values, earlier=earlier)
    assert again.assignment["region"].to_dict() == earlier
    assert set(again.regions["state"]) == {"kept"}
    assert again.notes == ()
    # Next year one region loses most of its people.
    poor = first.regions.index[0]
    later = people.where(first.assignment["region"] != poor, people / 4)
    found = build(near, later, values, earlier=earlier)
    require_valid(near, later.to_numpy(), found.assignment["region"].tolist(), 1500)
    moved = found.assignment.index[found.assignment["region"] != first.assignment["region"]]
    assert set(moved) <= set(first.assignment.index[first.assignment["region"] == poor])
    assert any(note.startswith(f"{poor} has") for note in found.notes)
    # Scratch would have moved far more.
    assert (found.regions["state"] == "kept").mean() > 0.7


def test_small_changes_move_nothing_that_need_not_move():
    near, people, values = town()
    earlier = build(near, people, values).assignment["region"]
    rng = np.random.default_rng(2)
    for _ in range(5):
        people = (people * rng.normal(1.0, 0.03, len(people))).round().clip(lower=0)
        found = build(near, people, values, earlier=earlier.to_dict())
        require_valid(near, people.to_numpy(), found.assignment["region"].tolist(), 1500)
        before = people.groupby(earlier).sum()
        low = set(before.index[before < 1500])
        moved = earlier[found.assignment["region"] != earlier]
        assert set(moved) <= low
        earlier = found.assignment["region"]


def test_new_gone_and_torn_areas_are_named():
    near, people, values = town()
    earlier = build(near, people, values).assignment["region"].to_dict()
    largest = pd.Series(earlier).value_counts().index[0]
    members = [area for area, region in earlier.items() if region == largest]
    earlier["999"] = largest  # an area that is gone
    del earlier[members[0]]  # one that is new
    other = next(area for area, region in earlier.items() if region != largest and area != "999")
    earlier[other] = largest  # edited by hand, perhaps far away
    found = build(near, people, values, earlier=earlier)
    told = " ".join(found.notes)
    assert "1 areas of the earlier assignment are gone: 999" in told
    assert f"1 areas are not in the earlier assignment: {members[0]}" in told
    assert found.assignment.loc[members[0], "state"] == "new"
    require_valid(near, people.to_numpy(), found.assignment["region"].tolist(), 1500)


def test_a_hand_made_region_stays_although_a_better_one_exists():
    row = [[k for k in (i - 1, i + 1) if 0 <= k < 6] for i in range(6)]
    ids = pd.Index(list("abcdef"))
    people, values = pd.Series(100.0, index=ids), pd.DataFrame({"x": [0.0, 0, 5, 5, 9, 9]}, index=ids)
    free = build(row, people, values, 200.0)
    assert len(free.regions) == 3
    by_hand = dict(zip(ids, ["Nord"] * 3 + ["Süd"] * 3, strict=True))
    found = build(row, people, values, 200.0, earlier=by_hand)
    assert found.assignment["region"].to_dict() == by_hand


@pytest.mark.parametrize(
    ("change", "floor", "said"),
    [
        (lambda people: people, 1e9, "at most the"),
        (lambda people: people, 0.0, "a floor above 0"),
        (lambda people: people.where(people.index != "005"), 100.0, "found none or less than 0 in 005"),
        (lambda people: people.where(people.index != "005", -1), 100.0, "found none or less than 0 in 005"),
    ],
)
def test_what_cannot_be_is_refused(change, floor: float, said: str):
    near, people, values = town()
    with pytest.raises(SpatialError, match=said):
        build(near, change(people), values, floor)


def test_parts_that_reach_no_floor_are_named():
    near, people, values = town()
    alone = [[j for j in around if j != 7] if k != 7 else [] for k, around in enumerate(near)]
    with pytest.raises(SpatialError, match=r"found 1 with fewer: 007 \(\d+ people\)"):
        build(alone, people, values)
    with pytest.raises(AreaKeyError, match="each once"):
        build(near, people.set_axis(["x"] * 60), values.set_axis(["x"] * 60))
