"""Classes: bounds that give nothing away, every value in exactly one, counts that add up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import ConfigError
from geodata.models import Polarity, Text
from geodata.store.codec import style_from_json, style_to_json
from geodata.store.model import Style
from service.cartography import palettes
from service.cartography.classification import gi_star_style, graduated, hotspot_style, status_style
from service.cartography.legend import class_index, count_classes, with_counts
from spatial.results import Label, State


def bounds(style: Style) -> list[float]:
    return [c.upper for c in style.classes if c.upper is not None]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.just(math.nan), st.floats(-1e5, 1e5), st.integers(0, 4).map(float)), max_size=40),
    st.integers(1, 7),
    st.sampled_from(["quantiles", "equal_interval"]),
    st.integers(0, 2),
)
def test_every_value_is_in_one_class_and_no_bound_is_an_extreme(values, n, method, decimals) -> None:
    series = pd.Series(values, dtype="float64")
    style = graduated(series, field="x", n=n, method=method, decimals=decimals)
    assert len(style.classes) <= n
    present = [v for v in values if not math.isnan(v)]
    assert bool(style.classes) == bool(present)
    if present:
        assert style.classes[0].lower is None
        assert style.classes[-1].upper is None
    assert [c.upper for c in style.classes[:-1]] == [c.lower for c in style.classes[1:]]
    for bound in bounds(style):
        assert min(present) < bound < max(present)
        assert round(bound, decimals) == bound
    rows = [{"x": None if math.isnan(v) else v} for v in values]
    assert count_classes(style, rows) == (*(c.count for c in style.classes), style.missing.count)
    assert style.missing.count == len(values) - len(present)
    assert all(c.count > 0 for c in style.classes)


def test_quantiles_hold_equal_numbers() -> None:
    values = pd.Series(np.random.default_rng(1).normal(20, 5, 500))
    style = graduated(values, field="x", decimals=3)
    assert [c.count for c in style.classes] == [100] * 5
    np.testing.assert_allclose(bounds(style), np.quantile(values, [0.2, 0.4, 0.6, 0.8]), atol=0.001)


def test_natural_breaks_find_the_groups() -> None:
    for size in (12, 700):
        groups = np.concatenate([np.linspace(c, c + 1, size) for c in (0, 10, 30)])
        style = graduated(pd.Series(groups), field="x", n=3, method="fisher_jenks", decimals=1)
        assert [c.count for c in style.classes] == [size] * 3


def test_handed_down_rates_become_classes_between_them() -> None:
    """Seven rates over many cells: cells must not weigh, and no rate stands in the legend."""
    rates = [2.13, 3.31, 3.47, 4.02, 4.9, 5.55, 7.77]
    values = pd.Series(np.repeat(rates, [300, 3, 3, 3, 3, 3, 3]))
    style = graduated(values, field="x", n=5, decimals=2, modelled=True)
    assert style.modelled
    assert 3 <= len(style.classes) <= 5
    assert not set(bounds(style)) & set(rates)
    assert "wenige verschiedene Werte" in style.method.de


def test_equal_values_are_one_class_without_bounds() -> None:
    style = graduated(pd.Series([3.0, 3.0, math.nan]), field="x")
    (only,) = style.classes
    assert (only.lower, only.upper, only.count, style.missing.count) == (None, None, 2, 1)
    assert "3" not in only.label.de


def test_nothing_but_missing_has_no_class() -> None:
    style = graduated(pd.Series([math.nan, math.nan]), field="x")
    assert style.classes == ()
    assert style.missing.count == 2


def test_zero_cells_do_not_stand_in_the_legend() -> None:
    style = graduated(pd.Series([0.0] * 60 + list(np.linspace(1, 9, 40))), field="x")
    assert all(c.upper != 0 for c in style.classes)
    assert style.classes[0].label.de != "bis 0,0"


def test_labels_in_both_languages() -> None:
    style = graduated(pd.Series([1.0, 2.0, 8.0, 9.0, 15.0, 16.0]), field="x", n=3, unit="%")
    assert [c.label.de for c in style.classes] == ["bis 5,0\u00a0%", "über 5,0 bis 12,0\u00a0%", "über 12,0\u00a0%"]
    assert style.classes[0].label.en == "up to 5.0\u00a0%"


@pytest.mark.parametrize(
    ("keywords", "match"),
    [({"n": 0}, "1 to 9"), ({"n": 12}, "1 to 9"), ({"method": "guess"}, "quantiles"), ({"palette": "jet"}, "YlOrRd")],
)
def test_refuses(keywords, match) -> None:
    with pytest.raises(ConfigError, match=match):
        graduated(pd.Series(range(30), dtype=float), field="x", **keywords)


def test_refuses_infinite_values() -> None:
    with pytest.raises(ConfigError, match="finite"):
        graduated(pd.Series([1.0, math.inf]), field="x")


def test_hotspot_style_knows_every_label_and_state() -> None:
    style = hotspot_style()
    values = {c.value for c in style.classes}
    moran = {Label.HIGH_HIGH, Label.LOW_LOW, Label.HIGH_LOW, Label.LOW_HIGH, Label.NOT_SIGNIFICANT}
    assert values == {str(v) for v in moran} | ({str(v) for v in State} - {"tested"})
    for label in (Label.HIGH_HIGH, Label.LOW_LOW, Label.HIGH_LOW, Label.LOW_HIGH):
        look = next(c for c in style.classes if c.value == label)
        assert look.hatch
        assert look.letters == "".join(part[0] for part in label.split("-"))


def test_an_area_without_label_is_shown_with_the_reason() -> None:
    style = hotspot_style()

    def value(**row):
        index = class_index(style, row)
        return style.classes[index].value if index < len(style.classes) else None

    assert value(label="High-High", state="tested") == "High-High"
    assert value(label="no label", state="suppressed") == "suppressed"
    assert value(label=None, state="isolated") == "isolated"
    assert value(label="no label") is None
    assert value(label="no label", state="tested") is None
    assert value(label="invented") is None


def test_gi_star_and_status_styles() -> None:
    assert {c.value for c in gi_star_style().classes} >= {"hot", "cold", "not significant"}
    status = status_style()
    assert [c.value for c in status.classes] == ["hoch", "mittel", "niedrig", "sehr niedrig"]
    assert [bool(c.hatch) for c in status.classes] == [False, False, True, True]
    with pytest.raises(ConfigError, match="4 labels"):
        status_style(labels=("a", "b"))


def test_counts_leave_neighbours_out() -> None:
    style = with_counts(hotspot_style(), [{"label": "High-High"}, {"label": "High-High", "context": True}, {}])
    assert style.classes[0].count == 1
    assert style.missing.count == 1


@pytest.mark.parametrize("odd", [True, "5", math.nan, None, [1]])
def test_what_is_no_number_is_missing(odd) -> None:
    style = graduated(pd.Series([1.0, 2.0, 3.0, 4.0]), field="x", n=2)
    assert class_index(style, {"x": odd}) == len(style.classes)


@pytest.mark.parametrize("polarity", list(Polarity))
def test_what_a_high_value_means_chooses_the_colours_and_is_said(polarity: Polarity) -> None:
    style = graduated(pd.Series([1.0, 2.0, 3.0, 4.0, 9.0, 12.0]), field="x", n=3, polarity=polarity)
    colours = palettes.sequential(palettes.BY_POLARITY[polarity], len(style.classes))
    assert tuple(c.colour for c in style.classes) == colours
    meaning = {"disadvantage": "stärkere Benachteiligung", "advantage": "geringere Benachteiligung"}
    assert meaning.get(polarity, "keine Wertung") in style.reading.de
    assert style_from_json(style_to_json(style)) == style


def test_an_unknown_polarity_is_refused() -> None:
    with pytest.raises(ConfigError, match="advantage"):
        graduated(pd.Series([1.0, 2.0]), field="x", polarity="good")


def test_a_style_of_an_older_publication_is_still_read() -> None:
    style = graduated(pd.Series([1.0, 2.0, 9.0]), field="x")
    older = {k: v for k, v in style_to_json(style).items() if k not in ("decimals", "reading", "empty")}
    assert style_from_json(older) == replace(style, decimals=None, reading=Text("", ""))


def test_cells_without_people_are_apart_from_those_not_shown() -> None:
    style = graduated(pd.Series([1.0, 2.0, 9.0, float("nan")]), field="x", grid=True)
    assert style.empty is not None
    places = {
        status: class_index(style, {"x": None, "x_status": status})
        for status in ("missing", "not_applicable", "suppressed", "suppressed_or_unknown", "unreliable")
    }
    k = len(style.classes)
    assert places == {
        "missing": k + 1, "not_applicable": k + 1, "suppressed": k, "suppressed_or_unknown": k, "unreliable": k,
    }  # fmt: skip
    # Without the grid's class there is one for all, and sentences count both as without a value.
    assert class_index(replace(style, empty=None), {"x": None, "x_status": "missing"}) == k
    assert count_classes(style, [{"x": None, "x_status": s} for s in places])[-1] == 5
