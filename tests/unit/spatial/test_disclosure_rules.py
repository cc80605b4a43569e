"""Primary rules, the population floor, and totals of what is shown and what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.errors import DisclosureError, SpatialError
from spatial.disclosure import DisclosureRules, Rule, hide_small_places, shown_and_hidden_totals


@pytest.mark.parametrize(
    ("numerator", "denominator", "rule"),
    [
        (10, 100, Rule.SHOWN),
        (3, 100, Rule.SHOWN),
        (97, 100, Rule.SHOWN),
        (10, 99, Rule.DENOMINATOR),
        (2, 100, Rule.NUMERATOR),
        (0, 5000, Rule.NUMERATOR),
        (98, 100, Rule.COMPLEMENT),
        (5000, 5000, Rule.COMPLEMENT),
        (0, 0, Rule.DENOMINATOR),
        (12, np.nan, Rule.SHOWN),
        (2, np.nan, Rule.NUMERATOR),
    ],
)
def test_primary_rules_at_their_edges(numerator: float, denominator: float, rule: Rule) -> None:
    found = DisclosureRules().primary(np.array([float(numerator)]), np.array([float(denominator)]))
    assert found.tolist() == [rule.value]


def test_county_sets_its_own_thresholds() -> None:
    rules = DisclosureRules(min_denominator=30, min_numerator=5)
    assert rules.primary(np.array([4.0, 5.0]), np.array([30.0, 30.0])).tolist() == ["numerator", ""]


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_thresholds_must_be_numbers(bad: float) -> None:
    with pytest.raises(DisclosureError, match="min_numerator"):
        DisclosureRules(min_numerator=bad)


def test_small_places_are_hidden_and_unknown_ones_too() -> None:
    people = pd.Series({"a": 299.999, "b": 300.0, "c": np.nan, "d": 0.0}, name="people")
    assert hide_small_places(people, 300).to_dict() == {"a": True, "b": False, "c": True, "d": True}
    assert hide_small_places(people, 0).to_dict() == {"a": False, "b": False, "c": True, "d": False}


def test_totals_by_hand() -> None:
    values = pd.Series({"a": 1.5, "b": 2.0, "c": np.nan, "d": 10.0})
    hidden = pd.Series({"d": True, "c": True, "b": False, "a": True})
    table = shown_and_hidden_totals(values, hidden)
    assert table.to_dict("index") == {"total": {"shown": 2.0, "not_shown": 11.5, "total": 13.5, "missing": 1}}
    groups = shown_and_hidden_totals(values, hidden, pd.Series({"a": "X", "b": "X", "c": "Y", "d": "Y"}))
    assert groups.loc["X"].to_list() == [2, 1.5, 3.5, 0]
    assert groups.loc["Y"].to_list() == [0, 10, 10, 1]


def test_totals_do_not_drift() -> None:
    values = pd.Series(np.full(1_000_000, 0.1))
    table = shown_and_hidden_totals(values, pd.Series(np.arange(1_000_000) % 2 == 0))
    assert table.loc["total", "total"] == 100_000


@pytest.mark.parametrize(
    "hidden",
    [pd.Series({"a": True}), pd.Series({"a": True, "b": None}), pd.Series([True, True, False], index=["a", "b", "b"])],
)
def test_totals_refuse_places_without_verdict(hidden: pd.Series) -> None:
    with pytest.raises(SpatialError, match="hidden"):
        shown_and_hidden_totals(pd.Series({"a": 1.0, "b": 2.0}), hidden)
