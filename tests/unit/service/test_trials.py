"""Tests of the demo's trials: planted clusters are found, and in counties without any nothing is, beyond the level."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from service.cli import main
from service.workflows.trials import Trial, null_table, power_table, recall_by_indicator, rehearse
from service.workflows.truth import Found


def found(planted: str, flagged: str, ring: str = "") -> Found:
    return Found("x", frozenset(planted), frozenset(flagged), frozenset(ring))


def test_neighbours_of_planted_areas_are_neither_right_nor_false():
    one = found("abcd", "abcrz", "rs")
    assert (one.recall, one.false_share) == (0.75, 0.2)
    assert (found("ab", "").recall, found("ab", "").false_share) == (0.0, 0.0)
    assert np.isnan(found("", "a").recall)


def test_the_tables_count_what_stands_in_the_trials():
    trials = [Trial(s, found("abcd", "abcd"[: s + 1], "r"), 0, 0.01, 80) for s in range(4)]
    row = recall_by_indicator(trials).loc["x"]
    assert (row["recall"], row["lowest"], row["false"]) == (0.625, 0.25, 0.0)
    assert len(power_table(trials)) == 2
    # 9 of 100 are chance at .05 (P = .063), 10 are not (P = .028).
    nine = [Trial(s, found("", "a" if s < 9 else ""), 0, 0.5, 80) for s in range(100)]
    assert null_table(nine)[1]
    ten = [Trial(s, found("", "a" if s < 10 else ""), 0, 0.5, 80) for s in range(100)]
    assert not null_table(ten)[1]
    assert "MORE THAN CHANCE" in null_table(ten)[0][1]
    assert not null_table([Trial(s, found("", ""), 0, 0.05 if s < 10 else 0.2, 0) for s in range(100)])[1]
    assert not null_table([Trial(s, found("", ""), int(s < 10), 0.2, 80) for s in range(100)])[1]


def test_a_county_without_clusters_has_no_structure_left():
    """With the tiny county: nothing is planted, and the rates of the Ortsteile differ by chance alone."""
    from dataclasses import replace

    from geodata.sample.geography import PLANS
    from geodata.sample.write import imagine

    plan = replace(PLANS["tiny"], hot=(), cold=(), background=0.0)
    _, _, truth = imagine(plan, 5)
    assert truth.hot == truth.cold == ()
    assert truth.members("sgb2_kinder") == {"hot": [], "cold": []}
    rate = truth.rates["sgb2_kinder"][:, -1]
    assert np.log(rate / (1 - rate)).std() < 0.05  # what is each Ortsteil's own
    trials = rehearse([5], null=True, size="tiny")
    assert len(trials) == 6  # 3 Gemeinden are too few for a test of what is handed down
    assert not any(t.found.planted for t in trials)


def test_the_command_prints_a_table_and_refuses_what_contradicts():
    runner = CliRunner()
    for args in (["--check", "--null"], ["--seeds", "3"], ["--check", "--null", "--seeds", "2"]):
        assert runner.invoke(main, ["demo", *args]).exit_code == 2
    done = runner.invoke(main, ["demo", "--check", "--seeds", "1", "--seed", "7"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("indicator")
    named = "arbeitslosenquote grundsicherung_alter kinderarmut lernmittelbefreiung sgb2_quote vorsorgeluecke"
    assert sorted(line.split()[0] for line in lines[1:]) == named.split()


@pytest.mark.slow
def test_the_trials_are_those_of_a_run(tmp_path):
    """What is calculated in memory is what the whole way through files, suppression and publication marks."""
    from geodata.sample import write_county
    from service.workflows.run import run
    from service.workflows.truth import compare

    write_county(tmp_path / "county", seed=3, size="tiny")
    report = run(tmp_path / "county", state=tmp_path / "state", maps=())
    whole = {f.indicator: f for f in compare(tmp_path / "county", report.folder)}
    quick = {t.found.indicator: t.found for t in rehearse([3], size="tiny")}
    assert whole.keys() == quick.keys()
    for name, one in whole.items():
        assert one.planted == quick[name].planted
        assert one.ring == quick[name].ring
        # Draws differ, and an area on the edge of significance may fall on either side.
        assert len(one.flagged ^ quick[name].flagged) <= 1, name
    assert any(one.flagged for one in whole.values())


@pytest.mark.slow
def test_planted_clusters_are_found_in_twenty_counties():
    """The strength of the invented county's clusters was set with counties 1 to 20; these are others."""
    trials = rehearse(range(101, 121))
    table = recall_by_indicator(trials)
    assert len(table) == 6
    assert (table["recall"] >= 0.8).all()
    assert (table["false"] <= 0.1).all()


@pytest.mark.slow
def test_nothing_is_found_in_a_hundred_counties_without_clusters():
    lines, kept = null_table(rehearse(range(1, 101), null=True))
    assert kept
    assert len(lines) == 9
