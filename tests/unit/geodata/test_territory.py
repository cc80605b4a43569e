"""territory.toml and crosswalks, on small cases whose answer can be counted on fingers."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest

from geodata.crosswalk import Crosswalk
from geodata.errors import AreaKeyError, ConfigError, MissingFileError, TerritoryError
from geodata.territory import Territory, dissolved, load_territory, packaged

HEAD = '[[mergers]]\ndate = 2015-01-01\nfrom = ["A1", "A2"]\nto = "A3"\nsource = "law"\n'
D14, D15, D16, D20 = (dt.date(y, 12, 31) for y in (2014, 2015, 2016, 2020))


def read(tmp_path, text: str) -> Territory:
    path = tmp_path / "territory.toml"
    path.write_text(text, encoding="utf-8")
    return load_territory(path)


def split(shares: str = "", existing: str = "") -> str:
    return (
        f'[[splits]]\ndate = 2016-07-01\nfrom = "B1"\nto = ["B2", "B3"]\nsource = "law"\n{shares}\n{existing}\n'
        '[[renames]]\ndate = 2018-01-01\nfrom = "B3"\nto = "B4"\nsource = "law"\n'
    )


def test_lives_of_keys_follow_from_events(tmp_path):
    known = read(tmp_path, HEAD + split() + '[[validity]]\nkeys = ["C1"]\nvalid_until = 2019-06-30\nsource = "list"\n')
    assert known.alive("A1", D14)
    assert not known.alive("A1", dt.date(2015, 1, 1))
    assert not known.alive("A3", D14)
    assert known.alive("C1", dt.date(2019, 6, 30))
    assert not known.alive("C1", dt.date(2019, 7, 1))
    assert known.alive("never heard of 7", D14)
    end = known.dissolved("B1", D20)
    assert end is not None
    assert (end.successors, end.successor, end.exact) == (("B2", "B3"), "", True)
    assert known.window(["A3", "B1"]) == (dt.date(2015, 1, 1), dt.date(2016, 6, 30))
    first, last = known.window(["A1", "A3"])
    assert first > last  # no common Gebietsstand
    assert known.family(["A3", "Z9"]) == {"A1", "A2", "A3"}


def test_merged_areas_are_summed_and_a_lacking_part_leaves_no_sum(tmp_path):
    known = read(tmp_path, HEAD)
    walk = known.crosswalk(D14, D15, ["A1", "A2", "A9"])
    assert walk.sources("A3") == ("A1", "A2")
    whole = walk.apply(pd.Series({"A1": 3.0, "A2": 4.0, "A9": 5.0}))
    assert whole.to_dict() == {"A3": 7.0, "A9": 5.0}
    # A part that nobody asked for is still a part: 3 is no figure of A3.
    assert known.crosswalk(D14, D15, ["A1"]).apply(pd.Series({"A1": 3.0})).isna().all()
    assert math.isnan(walk.apply(pd.Series({"A1": 3.0, "A2": math.nan, "A9": 5.0}))["A3"])


def test_a_key_that_survives_a_merger_takes_the_other_in(tmp_path):
    known = read(tmp_path, HEAD.replace('to = "A3"', 'to = "A1"'))
    walk = known.crosswalk(D14, D15, ["A1", "A2"])
    assert walk.apply(pd.Series({"A1": 3.0, "A2": 4.0})).to_dict() == {"A1": 7.0}
    assert known.alive("A1", D14)
    assert known.alive("A1", D15)
    with pytest.raises(TerritoryError, match=r"cannot be restored: A1 holds A1, A2 since 2015-01-01"):
        known.crosswalk(D15, D14, ["A1"])


def test_a_split_needs_shares_and_keeps_the_total(tmp_path):
    known = read(tmp_path, split())
    walk = known.crosswalk(D15, D20, ["B1"])
    assert walk.open == ("B1",)
    assert walk.targets("B1") == ("B2", "B4")  # B3 was renamed later
    with pytest.raises(TerritoryError, match="shares of B1"):
        walk.apply(pd.Series({"B1": 10.0}))
    done = walk.filled({"B1": {"B2": 0.25, "B4": 0.75}})
    assert done.apply(pd.Series({"B1": 10.0})).to_dict() == {"B2": 2.5, "B4": 7.5}
    for wrong in ({"B2": 0.5, "B4": 0.6}, {"B2": 1.0, "B3": 0.0}, {"B2": -0.5, "B4": 1.5}, {}):
        with pytest.raises(TerritoryError, match="add up to 1"):
            walk.filled({"B1": wrong})
    given = read(tmp_path, split('shares = { "B2" = 0.1, "B3" = 0.9 }')).crosswalk(D15, D20, ["B1"])
    assert given.open == ()
    assert given.apply(pd.Series({"B1": 10.0})).to_dict() == {"B2": 1.0, "B4": 9.0}


def test_an_area_split_and_united_again_needs_no_shares(tmp_path):
    text = split() + '[[mergers]]\ndate = 2019-01-01\nfrom = ["B2", "B4"]\nto = "B5"\nsource = "law"\n'
    walk = read(tmp_path, text).crosswalk(D15, D20, ["B1"])
    assert walk.open == ()
    assert walk.apply(pd.Series({"B1": 10.0})).to_dict() == {"B5": 10.0}


def test_the_past_is_restored_only_where_its_parts_are_in_the_data(tmp_path):
    known = read(tmp_path, HEAD + split())
    with pytest.raises(
        TerritoryError, match=r"A3 holds A1, A2 since 2015-01-01, and the data have no figures of the p"
    ):
        known.crosswalk(D15, D14, ["A3"])
    # A split is undone by a sum, a rename by the old key.
    walk = known.crosswalk(D20, D15, ["B2", "B4"])
    assert walk.apply(pd.Series({"B2": 1.0, "B4": 2.0})).to_dict() == {"B1": 3.0}
    with pytest.raises(TerritoryError, match="the data lack B3"):
        known.crosswalk(D20, D15, ["B2"])
    grown = read(tmp_path, split(existing='existing = ["B2"]'))
    with pytest.raises(TerritoryError, match="cannot be restored"):
        grown.crosswalk(D20, D15, ["B2", "B4"])


def test_keys_must_belong_to_the_gebietsstand_they_are_said_to_be_of(tmp_path):
    known = read(tmp_path, HEAD)
    with pytest.raises(TerritoryError, match="A1, which did not exist on that day"):
        known.crosswalk(D15, D20, ["A1"])
    with pytest.raises(TerritoryError, match="A3, which did not exist"):
        known.crosswalk(D14, D20, ["A3"])


def test_joining_by_name_alone_is_refused(tmp_path):
    with pytest.raises(AreaKeyError, match="found names: Ilsede, Lahstedt"):
        packaged().crosswalk(D14, D15, ["Ilsede", "Lahstedt"])
    with pytest.raises(
        ConfigError, match=r"mergers\[1\]\.to: expected a key, which has digits and no blanks, found 'Ilsede'"
    ):
        read(tmp_path, HEAD.replace('"A3"', '"Ilsede"'))


def test_a_key_whose_successor_nobody_names_is_unresolved(tmp_path):
    known = read(tmp_path, '[[validity]]\nkeys = ["C1"]\ngone_by = 2016-11-01\nsource = "list"\n')
    walk = known.crosswalk(D14, D20, ["C1", "C2"])
    assert walk.unresolved == ("C1",)
    assert walk.apply(pd.Series({"C1": 1.0, "C2": 2.0})).to_dict() == {"C2": 2.0}


def test_crosswalks_chain_only_without_a_gap(tmp_path):
    known = read(tmp_path, HEAD + split('shares = { "B2" = 0.1, "B3" = 0.9 }'))
    first = known.crosswalk(D14, D15, ["A1", "A2", "B1"])
    chained = first.then(known.crosswalk(D15, D20, ["A3", "B1"]))
    pd.testing.assert_frame_equal(chained.links, known.crosswalk(D14, D20, ["A1", "A2", "B1"]).links)
    with pytest.raises(TerritoryError, match="starts at 2015-12-31"):
        first.then(known.crosswalk(D16, D20, ["A3"]))
    lonely = Crosswalk.build(D14, D15, [("A9", "A9", 1.0)], ())
    with pytest.raises(TerritoryError, match="found none to B1"):
        lonely.then(known.crosswalk(D15, D20, ["A9", "B1"]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[mergers]]\nfrom = ['A1', 'A2']\nto = 'A3'\nsource = 'law'", r"mergers\[1\]\.date: expected, but missing"),
        (
            "[[mergers]]\ndate = 2015-01-01\nfrom = ['A1', 'A2']\nto = 'A3'",
            r"mergers\[1\]\.source: expected, but missing",
        ),
        ("[[mergers]]\ndate = 2015-01-01\nfrom = ['A1']\nto = 'A3'\nsource = 'law'", "at least 2"),
        ("[[mergers]]\ndate = 2015-01-01\nfrom = ['A1', 'A1']\nto = 'A3'\nsource = 'law'", "each key once"),
        (HEAD + HEAD.replace("A3", "A4"), "two events of 2015-01-01 take it"),
        (HEAD + HEAD.replace("2015", "2016").replace('"A3"', '"A4"'), "ended on 2015-01-01, and again on 2016-01-01"),
        (HEAD + HEAD.replace("2015", "2014").replace("A1", "A3").replace('to = "A3"', 'to = "A5"'), "A3: made on 2015"),
        (HEAD + "[[renames]]\ndate = 2015-01-01\nfrom = 'A3'\nto = 'A4'\nsource = 'law'", "made and ended on"),
        (split('shares = { "B2" = 0.4, "B3" = 0.4 }'), "add up to 1, found 0.8"),
        (split('shares = { "B2" = 1.0 }'), "one share"),
        (split(existing='existing = ["B9"]'), "existing among to"),
        ("[[renames]]\ndate = 2015-01-01\nfrom = 'A1'\nto = 'A1'\nsource = 'law'", "another key"),
        ("[[validity]]\nkeys = ['A1']\nsource = 'law'", "expected valid_from"),
        ("[[validity]]\nkeys = ['A1']\nvalid_until = 2015-01-01\ngone_by = 2015-01-01\nsource = 'law'", "either"),
        (
            HEAD.replace('source = "law"', "source = 5"),
            r"mergers\[1\]\.source: expected a text in quotes, found the number 5",
        ),
        (
            split().replace('from = "B1"', 'from = ["B1"]'),
            r"splits\[1\]\.from: expected a text in quotes, found a list of 1",
        ),
        (
            split().replace('from = "B1"', "from = 3157003"),
            r"\.from: expected a text in quotes, found the number 3157003",
        ),
        (split().replace('from = "B1"', 'form = "B1"'), r"\.form: unknown key \(perhaps 'from'\?\)"),
        (split('shares = { "B2" = "a", "B3" = 1 }'), r"shares\.B2: expected a number, found 'a'"),
        (split().replace("2016-07-01", '"2016"'), r"splits\[1\]\.date: expected a date, 2015-01-01, found '2016'"),
        ("[mergers]\ndate = 2015-01-01", r"mergers: expected a list of sections, each under \[\[mergers\]\]"),
        ("[[wishes]]\nkey = 1", "wishes: unknown key"),
        ("[[mergers]", "expected TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as refused:
        read(tmp_path, text)
    assert "territory.toml" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        load_territory(tmp_path / "none.toml")


def test_the_county_has_the_last_word_about_a_key(tmp_path):
    text = (
        HEAD.replace('["A1", "A2"]', '["03154003", "03154010"]').replace('"A3"', '"03154028"').replace("2015", "2017")
    )
    known = read(tmp_path, text)
    end = known.dissolved("03154003", D20)
    assert end is not None
    assert (end.date, end.successors) == (dt.date(2017, 1, 1), ("03154028",))
    # What it does not speak of stays as packaged, the other keys of the same list included.
    other = known.dissolved("03154011", dt.date(2023, 1, 1))
    assert other is not None
    assert not other.exact
    assert known.dissolved("03157003", D20) == packaged().dissolved("03157003", D20)


def test_the_old_question_is_still_answered():
    end = dissolved("03157003", 2015)
    assert end is not None
    assert (end.year, end.successor) == (2015, "03157009")
    assert dissolved("03157003", 2014) is None


def test_an_event_counts_from_its_first_day_on(tmp_path):
    known = read(tmp_path, HEAD)
    day = dt.date(2015, 1, 1)
    assert known.crosswalk(D14, day, ["A1", "A2"]).targets("A1") == ("A3",)
    assert known.crosswalk(dt.date(2013, 1, 1), D14, ["A1", "A2"]).targets("A1") == ("A1",)
    assert known.crosswalk(day, D15, ["A3"]).sources("A3") == ("A3",)
    assert known.crosswalk(D15, day, ["A3"]).sources("A3") == ("A3",)
    with pytest.raises(TerritoryError):
        known.crosswalk(day, D14, ["A3"])
