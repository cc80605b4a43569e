"""Choice of a method: what is hidden stays hidden, totals of blocks are shown, the order of sources changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import SpatialError
from spatial.disaggregation.choice import FOLDS, Candidate, cross_validate, fixed, make_blocks


def example(n: int = 24, seed: int = 1):
    """Sources of three atoms each; the truth follows the people, not the area."""
    rng = np.random.default_rng(seed)
    source = np.repeat(np.arange(n), 3)
    people = rng.gamma(2, 100, 3 * n)
    area = rng.gamma(2, 50, 3 * n)
    counts = np.round(0.2 * np.bincount(source, people) * rng.normal(1, 0.02, n))
    points = rng.random((n, 2)) * 1000
    return source, people, area, counts, make_blocks(points), points


def test_the_better_ancillary_wins_and_its_error_is_that_of_a_literal_transcription():
    source, people, area, counts, blocks, _ = example()
    found = cross_validate(
        [Candidate("area", fixed(area)), Candidate("dasymetric", fixed(people))], source, counts, blocks
    )
    assert found.chosen == "dasymetric"
    for name, mass in (("area", area), ("dasymetric", people)):
        at = np.bincount(source, mass)
        guess = np.array([at[i] / at[blocks == blocks[i]].sum() * counts[blocks == blocks[i]].sum() for i in range(24)])
        assert found.table.loc[name, "rtae"] == pytest.approx(np.abs(guess - counts).sum() / counts.sum())
        assert found.table.loc[name, "rmse"] == pytest.approx(np.sqrt(((guess - counts) ** 2).mean()))
    assert found.hidden == 24
    assert 0 <= found.between <= 1


def test_a_candidate_sees_the_total_of_a_block_and_not_how_it_is_shared():
    source, people, _, counts, blocks, _ = example()
    seen = []

    def spy(codes: np.ndarray, shown: np.ndarray) -> np.ndarray:
        seen.append((codes.copy(), shown.copy()))
        return people

    cross_validate([Candidate("spy", spy)], source, counts, blocks)
    assert len(seen) == min(FOLDS, len(np.unique(blocks)))
    hidden = set()
    for codes, shown in seen:
        assert np.nansum(shown) == counts.sum()
        merged = {i for i in range(24) if np.isnan(shown[i])}
        hidden |= merged
        for i in merged:
            keeper = np.unique(codes[source == i]).item()
            assert shown[keeper] == counts[blocks == blocks[i]].sum()
    assert len(hidden) == 24 - len(np.unique(blocks)), "all but one of each block"


def test_a_method_that_fails_is_left_out_with_its_reason_and_a_missing_source_takes_no_part():
    source, _, area, counts, blocks, _ = example()
    counts[5] = np.nan

    def fails(_codes, _counts):
        raise SpatialError("fewer than three sources")

    found = cross_validate([Candidate("area", fixed(area)), Candidate("learned", fails)], source, counts, blocks)
    assert found.chosen == "area"
    assert found.table.loc["learned", "note"] == "fewer than three sources"
    assert found.hidden == 23
    for wrong in ([], [Candidate("learned", fails)]):
        with pytest.raises(SpatialError, match="expected"):
            cross_validate(wrong, source, counts, blocks)
    with pytest.raises(SpatialError, match="at least 4 sources"):
        cross_validate([Candidate("area", fixed(area))], source, np.where(np.arange(24) < 3, counts, np.nan), blocks)


def test_equally_good_methods_are_the_simpler_one():
    source, people, _, counts, blocks, _ = example()
    both = [Candidate("simple", fixed(people)), Candidate("demanding", fixed(people * 1.000001))]
    assert cross_validate(both, source, counts, blocks).chosen == "simple"


def test_a_lead_that_is_luck_does_not_decide():
    """Both methods are equally bad; which one is ahead is chance, and the simpler one is taken nearly always."""
    taken = []
    for seed in range(40):
        source, people, _, counts, blocks, _ = example(seed=seed)
        rng = np.random.default_rng(1000 + seed)
        noisy = [people * np.repeat(rng.gamma(50, 0.02, 24), 3) for _ in range(2)]
        both = [Candidate("simple", fixed(noisy[0])), Candidate("demanding", fixed(noisy[1]))]
        found = cross_validate(both, source, counts, blocks)
        taken.append(found.chosen == "simple")
        best = found.table["rtae"].idxmin()
        assert found.table.loc[best, ["behind", "se"]].tolist() == [0, 0]
        assert found.chosen == "simple" or found.table.loc["simple", "behind"] > found.table.loc["simple", "se"]
    assert np.mean(taken) > 0.7, "half of them where the smaller error decides"


def test_the_standard_error_of_the_difference_is_that_of_sums_over_blocks():
    source, people, area, counts, blocks, _ = example()
    found = cross_validate([Candidate("area", fixed(area)), Candidate("people", fixed(people))], source, counts, blocks)
    wrong = {}
    for name, mass in (("area", area), ("people", people)):
        at = np.bincount(source, mass)
        total, held = np.bincount(blocks, counts), np.bincount(blocks, at)
        wrong[name] = np.abs(at / held[blocks] * total[blocks] - counts)
        np.testing.assert_allclose(found.masses[name], at)
    sums = np.bincount(blocks, wrong["area"] - wrong["people"])
    assert found.table.loc["area", "behind"] == pytest.approx(sums.sum() / counts.sum())
    assert found.table.loc["area", "se"] == pytest.approx(np.sqrt(len(sums)) * sums.std(ddof=1) / counts.sum())


def test_hidden_sources_get_intervals_whose_alpha_they_did_not_see():
    rng = np.random.default_rng(5)
    n = 400
    blocks = np.arange(n) // 5
    mass = rng.gamma(3, 100, n)
    share = mass / np.bincount(blocks, mass)[blocks]
    gamma = rng.gamma(60 * share)
    counts = np.round(5000 * gamma / np.bincount(blocks, gamma)[blocks])
    candidates = [Candidate("area", fixed(np.ones(n))), Candidate("right", fixed(mass))]
    found = cross_validate(candidates, np.arange(n), counts, blocks, level=0.9)
    assert 0.87 <= found.table.loc["right", "coverage"] <= 0.93
    assert found.table.loc["right", "interval_score"] < found.table.loc["area", "interval_score"]
    assert "coverage" not in cross_validate(candidates, np.arange(n), counts, blocks).table


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(2, 8), st.integers(0, 5))
def test_blocks_are_of_even_size_and_do_not_depend_on_the_order(n, size, seed):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    blocks = make_blocks(points, size=size)
    counted = np.bincount(blocks)
    assert counted.max() <= max(size, 3)
    assert n < 4 or counted.min() >= 2 or size == 2
    order = rng.permutation(n)
    again = np.empty(n, dtype=int)
    again[order] = make_blocks(points[order], size=size)
    together = blocks[:, None] == blocks[None, :]
    np.testing.assert_array_equal(together, again[:, None] == again[None, :])
