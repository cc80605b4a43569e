"""Normalisation of indicators.

Covered: each scale against loops in plain Python; frozen references; polarity with turned signs, units and row order
change nothing; goalposts, ties and missing values; the shrunk logit of the Indices of Deprivation; refusals.
"""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import ColumnError, SpatialError
from spatial.index.normalise import Normaliser, ShrunkLogit

METHODS = ("z", "min-max", "rank", "percentile", "goalposts")
POSTS = {"a": (0.0, 10.0), "b": (-5.0, 5.0)}


def table(seed: int = 1, n: int = 17) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.gamma(3, size=n), "b": rng.normal(size=n)}, index=[f"o{i:02d}" for i in range(n)])
    frame.loc["o03", "a"] = frame.loc["o05", "a"]  # a tie
    return frame


def transcribed(x: float, reference: list[float], method: str, posts: tuple[float, float], ddof: int) -> float:
    """Return the published formula, one value at a time, without numpy."""
    if method == "z":
        mean = math.fsum(reference) / len(reference)
        return (x - mean) / math.sqrt(math.fsum((r - mean) ** 2 for r in reference) / (len(reference) - ddof))
    if method == "min-max":
        return (x - min(reference)) / (max(reference) - min(reference))
    if method == "goalposts":
        return min(1.0, max(0.0, (x - posts[0]) / (posts[1] - posts[0])))
    less, same = sum(r < x for r in reference), sum(r == x for r in reference)
    return less + (same + 1) / 2 if method == "rank" else (less + same / 2) / len(reference)


def normaliser(method: str, **kwargs) -> Normaliser:
    return Normaliser(method, goalposts=POSTS if method == "goalposts" else {}, **kwargs)


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_each_scale_is_its_formula_on_the_reference_and_on_another_year(method, ddof):
    base, later = table(1), table(2) * 1.3
    fitted = normaliser(method, ddof=ddof).fit(base)
    for year in (base, later):
        found = fitted.transform(year)
        for name in base:
            expected = [transcribed(x, list(base[name]), method, POSTS[name], ddof) for x in year[name]]
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-12)


def test_the_standard_deviation_is_the_one_that_was_asked_for():
    base = table()
    z0, z1 = (Normaliser("z", ddof=d).fit(base).transform(base)["a"] for d in (0, 1))
    assert statistics.pstdev(z0) == pytest.approx(1, abs=1e-12)
    assert statistics.stdev(z1) == pytest.approx(1, abs=1e-12)
    assert abs(z0 - z1).max() > 1e-2


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3), shift=st.floats(-50, 50))
@settings(max_examples=25, deadline=None)
def test_units_signs_and_row_order_change_nothing(method, seed, factor, shift):
    base = table(seed)
    plain = normaliser(method).fit(base).transform(base)
    # Turned sign with turned polarity: the same numbers to the last bit.
    posts = {n: (-h, -low) for n, (low, h) in POSTS.items()} if method == "goalposts" else {}
    turned = Normaliser(method, polarity={"a": -1, "b": -1}, goalposts=posts)
    pd.testing.assert_frame_equal(turned.fit(-base).transform(-base), plain, check_exact=True)
    # Other units, with a tie that rounding may not break.
    grid = (base * 64).round()
    unit = normaliser(method).fit(grid).transform(grid)
    posts = {n: (low * factor + shift, h * factor + shift) for n, (low, h) in POSTS.items()}
    other = Normaliser(method, goalposts=posts if method == "goalposts" else {})
    scaled = grid * factor + shift
    np.testing.assert_allclose(other.fit(scaled).transform(scaled), unit, atol=1e-7)
    # Row order.
    mixed = base.sample(frac=1, random_state=seed % 1000)
    found = normaliser(method).fit(mixed).transform(mixed).loc[base.index]
    np.testing.assert_allclose(found, plain, atol=1e-12)


def test_polarity_turns_an_indicator_of_advantage_round():
    base = table()
    up = Normaliser("rank").fit(base).transform(base)
    down = Normaliser("rank", polarity={"b": -1}).fit(base).transform(base)
    pd.testing.assert_series_equal(down["a"], up["a"])
    np.testing.assert_allclose(down["b"], len(base) + 1 - up["b"])


def test_a_range_that_is_left_later_is_seen_and_goalposts_cut():
    base = pd.DataFrame({"a": [2.0, 4.0, 6.0]})
    later = pd.DataFrame({"a": [8.0, np.nan, 1.0]})
    assert list(Normaliser("min-max").fit(base).transform(later)["a"])[0::2] == [1.5, -0.25]
    posts = Normaliser("goalposts", goalposts={"a": (2, 6)}, scale=(1, 99)).fit(base).transform(later)["a"]
    assert (posts.iloc[0], posts.iloc[2]) == (100.0, 1.0)
    for method in ("z", "min-max", "rank", "percentile"):
        assert Normaliser(method).fit(base).transform(later)["a"].isna().tolist() == [False, True, False]


def test_a_hole_in_the_reference_is_left_out_of_it():
    base = pd.DataFrame({"a": [2.0, np.nan, 6.0, 4.0]})
    pd.testing.assert_series_equal(
        Normaliser("z").fit(base).transform(base)["a"].dropna(),
        Normaliser("z").fit(base.dropna()).transform(base.dropna())["a"],
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda b: Normaliser("median").fit(b), "expected one of z, min-max"),
        (lambda b: Normaliser("z", ddof=2).fit(b), "ddof 0 or 1"),
        (lambda b: Normaliser("z", scale=(0, 0)).fit(b), "factor above 0"),
        (lambda b: Normaliser("z", polarity={"a": 0}).fit(b), "polarity 1 or -1"),
        (lambda b: Normaliser("z", polarity={"c": 1}).fit(b), "not there: c"),
        (lambda b: Normaliser("goalposts", goalposts={"a": (0, 1)}).fit(b), "goalposts of every indicator"),
        (lambda b: Normaliser("goalposts", goalposts={"a": (0, 1), "b": (2, 2)}).fit(b), "low < high"),
        (lambda b: Normaliser("z").fit(b.assign(a=0.1)), "one everywhere in a"),
        (lambda b: Normaliser("z").fit(b.assign(a=np.inf)), "infinity"),
        (lambda b: Normaliser("z").fit(b.iloc[:1]), "at least two values"),
        (lambda b: Normaliser("z").fit(b.set_axis([0, 1], axis=1)), "named by a string"),
        (lambda b: Normaliser("z").fit(b).transform(b[["a"]]), "without: b"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, words):
    with pytest.raises((SpatialError, ColumnError), match=words):
        make(table())


def shrunk_by_hand(r, n, group):
    """Transcribe the formulas of the technical report, area by area."""
    result = []
    for i in range(len(r)):
        mates = [j for j in range(len(r)) if group[j] == group[i] and n[j] > 0]
        m = {j: math.log((r[j] + 0.5) / (n[j] - r[j] + 0.5)) for j in mates}
        s2 = {j: (n[j] + 1) * (n[j] + 2) / (n[j] * (r[j] + 1) * (n[j] - r[j] + 1)) for j in mates}
        big_r, big_n = sum(r[j] for j in mates), sum(n[j] for j in mates)
        big_m = math.log((big_r + 0.5) / (big_n - big_r + 0.5))
        t2 = max(0.0, statistics.variance(m.values()) - statistics.mean(s2.values())) if len(mates) > 1 else 0.0
        if n[i] == 0:
            result.append(math.nan)
        elif t2 == 0:
            result.append(big_m)
        else:
            w = (1 / s2[i]) / (1 / s2[i] + 1 / t2)
            result.append(w * m[i] + (1 - w) * big_m)
    return result


def test_the_shrunk_logit_is_that_of_the_technical_report():
    rng = np.random.default_rng(4)
    n = [*rng.integers(20, 900, size=30), 0, 12, 40]
    group = [*("north" if i % 3 else "south" for i in range(31)), "alone", "south"]
    rate = [0.08 if g == "north" else 0.2 for g in group]
    r = [int(rng.binomial(k, p * rng.uniform(0.3, 2))) for k, p in zip(n, rate, strict=True)]
    cases, people, district = (pd.Series(x) for x in (r, n, group))
    found = ShrunkLogit().fit(cases, people, district).transform(cases, people, district)
    np.testing.assert_allclose(found, shrunk_by_hand(r, n, group), rtol=1e-12)
    assert found.isna().sum() == 1


def test_small_areas_move_further_and_never_past_their_district():
    people = pd.Series([50.0, 5000.0] * 10)
    cases = pd.Series([15.0, 1500.0, 2.0, 200.0] * 5)
    fitted = ShrunkLogit().fit(cases, people)
    assert fitted.groups_.loc["all", "variance"] > 0
    shrunk = ShrunkLogit.rate(fitted.transform(cases, people))
    mean = cases.sum() / people.sum()
    raw = cases / people
    assert ((shrunk - mean).abs() < (raw - mean).abs() + 1e-3).all()
    assert (shrunk[0] - raw[0]) < 10 * (shrunk[1] - raw[1]) < 0
    # Frozen: a later year is shrunk toward the reference's rate, not toward its own.
    later = fitted.transform(cases * 0, people)
    assert (
        ShrunkLogit.rate(later)[0]
        > ShrunkLogit().fit(cases * 0, people).groups_["logit"].pipe(ShrunkLogit.rate).iloc[0]
    )


def test_counting_the_others_turns_the_sign_of_the_logit_and_nothing_else():
    rng = np.random.default_rng(3)
    people = pd.Series(rng.integers(5, 400, size=25).astype(float))
    cases = pd.Series(rng.binomial(people.astype(int), rng.uniform(0.05, 0.3, size=25)).astype(float))
    one, other = (ShrunkLogit().fit(c, people).transform(c, people) for c in (cases, people - cases))
    np.testing.assert_allclose(other, -one, atol=1e-12)
    order = rng.permutation(25)
    mixed = ShrunkLogit().fit(cases[order], people[order]).transform(cases[order], people[order])
    np.testing.assert_allclose(mixed[cases.index], one, atol=1e-12)
    frame = [s.to_frame("x") for s in (one, other)]
    turned = Normaliser("z", polarity={"x": -1}).fit(frame[1]).transform(frame[1])
    np.testing.assert_allclose(turned, Normaliser("z").fit(frame[0]).transform(frame[0]), atol=1e-12)


def test_a_district_without_people_has_no_logit():
    cases, people = pd.Series([0.0, 3.0, 5.0]), pd.Series([0.0, 30.0, 40.0])
    district = pd.Series(["empty", "full", "full"])
    found = ShrunkLogit().fit(cases, people, district).transform(cases, people, district)
    assert found.isna().tolist() == [True, False, False]


def test_counts_that_cannot_be_are_refused():
    people = pd.Series([5.0, 6.0])
    for cases in (pd.Series([6.0, 1.0]), pd.Series([-1.0, 1.0])):
        with pytest.raises(SpatialError, match="0 ≤ cases ≤ people"):
            ShrunkLogit().fit(cases, people)
    with pytest.raises(SpatialError, match="same areas"):
        ShrunkLogit().fit(pd.Series([1.0], index=[7]), people)
    fitted = ShrunkLogit().fit(people - 1, people, pd.Series(["x", "y"]))
    with pytest.raises(SpatialError, match="without a reference: z"):
        fitted.transform(people - 1, people, pd.Series(["x", "z"]))
    with pytest.raises(SpatialError, match="without a district"):
        ShrunkLogit().fit(people - 1, people, pd.Series(["x", None]))
