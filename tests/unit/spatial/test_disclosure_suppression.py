"""Suppression in families: what goes with what, by hand (the attacks are in ``test_prop_suppression``)."""

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
    assert hidden(family([1000, 20, 30], [1000, 1100, 900])) == "ab", "b has room for all 1000"
    assert hidden(family([1000, 20, 30])) == "abc", "b has room for 980, so at least 20 would be of a"
    full = family([1000, 999, 980, 400, 300], 1000)
    assert full["rule"].to_list() == ["complement", "complement", "", "sibling", "sibling"]
    assert not full["parent_suppressed"].any()
    assert family([1000, 999, 980, 990, 600], 1000)["parent_suppressed"].all(), "all together have room for 431 only"


def test_nearly_full_cells_may_be_full_or_not() -> None:
    """Of 998 out of 1000 the two are as telling as two out of 1000: the bounds of the rest contain 0 as well."""
    table = family([998, 0, 1, 40, 60], [1000, 5000, 5000, 5000, 5000])
    assert hidden(table) == "abcd", "998 + 0 + 1 are fewer than 1000: not all of a can be counted"
    assert hidden(family([998, 0, 2, 40, 60], [1000, 5000, 5000, 5000, 5000])) == "abc"


def test_small_partners_leave_no_room() -> None:
    """The total leaves 110 for a and b: what b cannot take must be of a."""
    assert hidden(family([90, 20, 50], [95, 120, 300])) == "ab", "b has room for 100 more"
    assert hidden(family([90, 20, 50], [95, 100, 300])) == "abc", "b has room for 80 more: a would be in 10..95"
    assert family([90, 30], [95, 100])["parent_suppressed"].all()


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
    table = family([None, 7, 30], [500, 600, 700])
    assert table["rule"].to_list() == ["source", "sibling", ""]
    assert hidden(family([None, 7, 30])) == "abc", "the publisher's may be 1000, for which b has no room"
    assert hidden(family([None, 1, 30, 40])) == "abc", "what the publisher hid may be 0: it covers nothing of ours"


def test_what_the_publisher_hid_is_protected_too() -> None:
    """Two hidden by the publisher, 0 and 2: the total of the parent less the shown ones puts both into 0..2."""
    assert hidden(family([None, None, 30, 40], [500, 400, 1000, 1000])) == "abc"
    table = family([None, None], [500, 400])
    assert table["parent_suppressed"].all(), "nothing is known of them, so nothing covers them"


def test_hidden_for_another_reason_is_a_sibling_that_is_protected() -> None:
    flags = pd.Series({"a": True, "b": False, "c": False, "d": False})
    table = family([50, 20, 30, 40], already_hidden=flags)
    assert table["rule"].to_list() == ["elsewhere", "sibling", "", ""], "alone it would be the rest of the total"
    assert hidden(family([50, 1, 30, 40], already_hidden=flags)) == "ab", "it covers what a rule hides"
    assert family([1, 20, 30, 40], already_hidden=flags)["rule"].to_list() == ["numerator", "sibling", "", ""]
    nothing = pd.Series({"a": False, "b": False, "c": False, "d": False})
    absent = family([None, 20, 30, 40], already_hidden=flags, hidden_at_source=nothing)
    assert hidden(absent) == "", "where there is no value nothing is hidden, and nothing covered"
    assert family([50], already_hidden=pd.Series({"a": True}))["parent_suppressed"].all()
    pd.testing.assert_frame_equal(family([1, 40, 20, 30], already_hidden=nothing), family([1, 40, 20, 30]))


def test_denominator_hidden_for_another_reason() -> None:
    flags = pd.Series({"a": True, "b": False, "c": False})
    table = family([50, 20, 30], [900, 800, 700], denominator_already_hidden=flags)
    assert table["denominator_suppressed"].to_list() == [True, False, True]
    assert hidden(table) == "ac", "rate and count would give the denominator back"
    assert not table["parent_denominator_suppressed"].any()


def test_what_children_cannot_protect_is_protected_at_their_parent() -> None:
    """Level by level: one child of 1 in G, so G goes, and with it the smallest other Gemeinde of the county."""
    child = family([1])
    gone = pd.Series({"a": bool(child["parent_suppressed"].iloc[0]), "b": False, "c": False})
    assert hidden(family([1, 12, 30])) == hidden(family([40, 12, 30], already_hidden=gone)) == "ab"


def test_counts_without_denominator() -> None:
    """Counts of their own: no rate, no full cell, no upper bound but the rest of the total."""
    nothing: list[float | None] = [None] * 4
    table = family([1, 40, 20, 30], nothing)
    assert table["rule"].to_list() == ["numerator", "", "sibling", ""]
    assert not table["denominator_suppressed"].any()
    assert not table["parent_suppressed"].any()
    assert hidden(family([0, 2, 3, 30], nothing)) == "abcd", "0 + 2 + 3 is less than twice the minimum"
    assert hidden(family([None, 8, 20, 30], nothing)) == "ab"
    assert family([None, 2], nothing[:2])["parent_suppressed"].all()


def test_what_does_not_exist_protects_nobody() -> None:
    table = family([None, 1, 30, 40], hidden_at_source=pd.Series({"a": False, "b": False, "c": False, "d": False}))
    assert hidden(table) == "bc"
    assert table.loc["a", "rule"] == ""
    told = family(
        [None, None, 30, 40],
        [900, 1000, 1000, 1000],
        hidden_at_source=pd.Series({"a": True, "b": False, "c": False, "d": False}),
    )
    assert hidden(told) == "ac"
    alone = family([None, 1], hidden_at_source=pd.Series({"a": False, "b": False}))
    assert hidden(alone) == "b", "an area that does not exist is no sibling"
    assert alone["parent_suppressed"].all()


def test_only_child_takes_its_parent_along() -> None:
    table = family([1])
    assert table.loc["a", ["numerator_suppressed", "parent_suppressed"]].all()
    assert family([1, 2])["parent_suppressed"].all(), "all children together do not cover either"
    assert not family([1, 9])["parent_suppressed"].any()


def test_a_lone_one_takes_a_sibling_even_where_small_counts_may_be_shown() -> None:
    index = pd.Index(["a", "b"])
    n, d = pd.Series([0.0, 40.0], index), pd.Series([50.0, 500.0], index)
    table = suppress_counts(n, d, DisclosureRules(min_numerator=0), parent=pd.Series("P", index=index))
    assert table["rule"].to_list() == ["denominator", "sibling"]


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
