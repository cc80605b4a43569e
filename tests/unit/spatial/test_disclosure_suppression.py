"""Suppression in families: what goes with what, by hand, and an attack by subtraction."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from geodata.errors import AreaKeyError, SpatialError
from spatial.disclosure import DisclosureRules, suppress_counts

RULES = DisclosureRules()


def family(
    numbers: list[float | None], denominators: list[float | None] | float = 1000.0, **more: object
) -> pd.DataFrame:
    """Suppress among the children a, b, c … of one parent."""
    index = pd.Index(list("abcdefgh")[: len(numbers)])
    n = pd.Series(numbers, index=index, dtype=float)
    d = pd.Series(denominators, index=index, dtype=float)
    return suppress_counts(n, d, RULES, parent=pd.Series("P", index=index), **more)  # type: ignore[arg-type]


def hidden(table: pd.DataFrame) -> str:
    return "".join(table.index[table["numerator_suppressed"]])


def test_nothing_to_hide() -> None:
    table = family([10, 20, 30])
    assert not table.drop(columns="rule").to_numpy().any()
    assert (table["rule"] == "").all()


def test_smallest_shown_sibling_goes_with_a_lone_one() -> None:
    table = family([1, 40, 20, 30])
    assert hidden(table) == "ac"
    assert table["rule"].to_list() == ["numerator", "", "sibling", ""]
    assert not table["parent_suppressed"].any()


def test_two_suppressed_with_a_small_sum_take_a_third() -> None:
    assert hidden(family([1, 2, 40, 50])) == "abc", "1 + 2 = 3 is no cover: each lies in 0..3"
    assert hidden(family([0, 0, 40, 50])) == "abc", "a remainder of 0 says both are 0"
    assert hidden(family([2, 5, 40, 50])) == "ab", "a sum of 7 covers"


def test_zero_and_full_cells_are_suppressed_and_covered() -> None:
    assert hidden(family([0, 20, 30])) == "ab"
    assert hidden(family([1000, 20, 30])) == "ab"
    full = family([1000, 999, 980, 990, 600], 1000)
    assert full["rule"].to_list() == ["complement", "complement", "", "", "sibling"], "a rest of 1 covers nobody"


def test_small_denominator_hides_the_rate_and_not_itself() -> None:
    table = family([10, 20, 30], [99, 100, 500])
    assert table["rule"].to_list() == ["denominator", "sibling", ""]
    assert not table["denominator_suppressed"].any()


def test_denominators_are_counts_too() -> None:
    table = family([0, 20, 30, 40], [2, 150, 120, 400])
    assert table["denominator_suppressed"].to_list() == [True, False, True, False]
    assert hidden(table) == "ac", "what hides a denominator hides its numerator; that covers both"
    assert table["rule"].to_list() == ["denominator", "", "sibling", ""]


def test_publishers_suppression_counts_as_sibling() -> None:
    assert hidden(family([None, 7, 30])) == "ab"
    assert family([None, 7, 30])["rule"].to_list() == ["source", "sibling", ""]
    assert hidden(family([None, None, 30, 40])) == "ab", "the publisher covered his own"
    assert hidden(family([None, 1, 30, 40])) == "abc", "what the publisher hid may be 0: it covers nothing of ours"


def test_what_does_not_exist_protects_nobody() -> None:
    table = family([None, 1, 30, 40], hidden_at_source=pd.Series({"a": False, "b": False, "c": False, "d": False}))
    assert hidden(table) == "bc"
    assert table.loc["a", "rule"] == ""
    told = family([None, None, 30, 40], hidden_at_source=pd.Series({"a": True, "b": False, "c": False, "d": False}))
    assert hidden(told) == "ac"
    alone = family([None, 1], hidden_at_source=pd.Series({"a": False, "b": False}))
    assert hidden(alone) == "b", "an area that does not exist is no sibling"
    assert alone["parent_suppressed"].all()


def test_only_child_takes_its_parent_along() -> None:
    table = family([1])
    assert table.loc["a", ["numerator_suppressed", "parent_suppressed"]].all()
    assert family([1, 2])["parent_suppressed"].all(), "all children together do not cover either"
    assert not family([1, 9])["parent_suppressed"].any()


def test_hidden_parent_gives_nothing_to_subtract_from() -> None:
    table = family([1, 40, 20], parent_shown=pd.Series({"P": False}))
    assert hidden(table) == "a"
    assert not table["parent_suppressed"].any()


def test_families_do_not_mix() -> None:
    index = pd.Index(list("abcdef"))
    n = pd.Series([1, 50, 60, 2, 70, 30], index=index, dtype=float)
    parent = pd.Series(["P", "P", "P", "Q", "Q", None], index=index)
    table = suppress_counts(n, n * 0 + 500, RULES, parent=parent)
    assert hidden(table) == "abde"


def test_without_parents_only_primary_rules() -> None:
    n = pd.Series({"a": 1.0, "b": 50.0})
    table = suppress_counts(n, pd.Series({"b": 500.0, "a": 500.0}), RULES)
    assert table["rule"].to_list() == ["numerator", ""]


def test_ties_are_broken_by_id_whatever_the_order() -> None:
    n = pd.Series({"b": 20.0, "x": 1.0, "a": 20.0, "c": 20.0})
    d = pd.Series(500.0, index=n.index)
    parent = pd.Series("P", index=n.index)
    for order in itertools.permutations(n.index):
        table = suppress_counts(n[list(order)], d, RULES, parent=parent)
        assert sorted(table.index[table["numerator_suppressed"]]) == ["a", "x"]
        assert table.index.to_list() == list(order)


def test_subtraction_never_gives_a_value_back() -> None:
    """An attacker knows the parent's total, all shown counts and all denominators: no hidden count is pinned down."""
    rng = np.random.default_rng(11)
    for _ in range(300):
        k = int(rng.integers(2, 8))
        d = rng.integers(90, 400, k).astype(float)
        n = np.minimum(rng.poisson(rng.choice([1, 8, 60], k)), d).astype(float)
        table = family(n.tolist(), d.tolist())
        gone = table["numerator_suppressed"].to_numpy()
        if table["parent_suppressed"].any() or not gone.any():
            continue
        remainder, room = n[gone].sum(), d[gone]
        lower = np.maximum(0, remainder - (room.sum() - room))
        upper = np.minimum(room, remainder)
        assert (upper - lower >= 2 * RULES.min_numerator).all()


@pytest.mark.parametrize(
    ("n", "d", "parent", "error", "word"),
    [
        ([-1.0, 2.0], [5.0, 5.0], None, SpatialError, "signs for 'no value'"),
        ([1.0, 2.0], [5.0, -9.0], None, SpatialError, "denominator"),
        ([1.0, np.inf], [5.0, 5.0], None, SpatialError, "inf"),
        ([1.0, 2.0], [5.0], None, AreaKeyError, "denominator"),
        ([1.0, 2.0], [5.0, 5.0], ["P"], AreaKeyError, "parent"),
    ],
)
def test_refusals(n: list[float], d: list[float], parent: list[str] | None, error: type[Exception], word: str) -> None:
    index = list("ab")
    with pytest.raises(error, match=word) as caught:
        suppress_counts(
            pd.Series(n, index=index),
            pd.Series(d, index=index[: len(d)]),
            RULES,
            parent=None if parent is None else pd.Series(parent, index=index[: len(parent)]),
        )
    assert "->" in str(caught.value)


def test_repeated_areas_are_refused() -> None:
    twice = pd.Series([1.0, 2.0], index=["a", "a"])
    with pytest.raises(AreaKeyError, match="one variable and period"):
        suppress_counts(twice, twice, RULES)
