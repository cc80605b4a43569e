"""One department delivers before the other: a numerator without its denominator makes no year, and that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from geodata.county import load_county
from geodata.models import Status
from geodata.store.model import Collection
from geodata.store.publication import PublicationStore
from service.locale import LANGUAGES
from service.reports.indicator_sheet import build_sheets, render_sheet
from service.workflows import fold
from service.workflows.figures import Figures
from service.workflows.handdown import build_allocations
from service.workflows.outcomes import compute, outcomes
from service.workflows.read import Inputs, read_inputs
from service.workflows.run import build_edition, summarise
from service.workflows.suppress import suppressed_for_public
from service.workflows.waiting import waiting

if TYPE_CHECKING:
    from service.workflows.run import RunReport

CHILDREN = ("sgb2", "sgb2_kinder", "grundsicherung_65")
#: Indicators of the Jobcenter's table.
THEIRS = ("sgb2_quote", "grundsicherung_alter", "kinderarmut")


@pytest.fixture(scope="module")
def before(tiny_county: Path) -> Inputs:
    inputs = read_inputs(load_county(tiny_county))
    tests = inputs.county.tests.model_copy(update={"permutations": 99, "global_replicates": 99})
    return replace(inputs, county=replace(inputs.county, tests=tests))


def last_year(inputs: Inputs) -> int:
    return inputs.figures.periods("sgb2", inputs.inside("ortsteil"))[-1]


def with_years(inputs: Inputs, change: Callable[[dict[tuple[str, int], pd.DataFrame], int], None]) -> Inputs:
    frames = dict(inputs.figures.frames)
    change(frames, last_year(inputs))
    return replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units))


@pytest.fixture(scope="module")
def early(before: Inputs) -> Inputs:
    """The Jobcenter has delivered two years more than the registration office; two counts are hidden at the source."""

    def deliver(frames: dict[tuple[str, int], pd.DataFrame], last: int) -> None:
        for year in (last + 1, last + 2):
            for variable in CHILDREN:
                frame = frames[variable, last].copy()
                first = frame.index[frame.index.isin(before.inside("ortsteil"))][:2]
                frame.loc[first, "value"] = float("nan")
                frame.loc[first, "status"] = Status.SUPPRESSED.value
                frames[variable, year] = frame

    return with_years(before, deliver)


def build(inputs: Inputs, *, public: bool = True) -> dict[str, Collection]:
    figures = suppressed_for_public(inputs) if public else inputs.figures
    built = build_edition(inputs, "public" if public else "internal", figures, build_allocations(inputs))
    return {c.id: c for c in built.collections}


@pytest.fixture(scope="module")
def built(early: Inputs) -> dict[bool, dict[str, Collection]]:
    return {public: build(early, public=public) for public in (True, False)}


@pytest.fixture(scope="module")
def was(before: Inputs) -> dict[str, Collection]:
    return build(before)


@pytest.mark.parametrize("public", [True, False])
def test_the_latest_year_is_the_last_with_a_value(
    built: dict[bool, dict[str, Collection]], early: Inputs, public: bool
) -> None:
    collections = built[public]
    last = last_year(early) - 2
    for name in THEIRS:
        tests = collections[f"ortsteil_hotspots_{name}"]
        assert tests.periods[-1] == last
        assert (tests.table.loc[tests.table["period"] == last, "label"] != "no label").any()
    income = collections["ortsteil_minimum_income"]
    assert income.periods[-1] == last
    assert income.table.loc[income.table["period"] == last, "sgb2_quote"].notna().any()
    assert max(map(int, income.metadata["totals"]["einkuenfte_je_steuerfall"])) < last + 1


def test_the_table_of_the_run_shows_that_year(
    built: dict[bool, dict[str, Collection]], was: dict[str, Collection]
) -> None:
    now, then = ({r["collection"]: r for r in summarise(list(found.values()))} for found in (built[True], was))
    for name in ("ortsteil_minimum_income", *(f"ortsteil_hotspots_{i}" for i in THEIRS)):
        assert now[name]["shown"] > 0.5
        assert now[name] == then[name]


def test_a_year_in_which_everything_is_suppressed_stays(before: Inputs) -> None:
    def hide(frames: dict[tuple[str, int], pd.DataFrame], last: int) -> None:
        for variable in CHILDREN:
            frame = frames[variable, last].copy()
            frame["value"] = float("nan")
            frame["status"] = Status.SUPPRESSED.value
            frames[variable, last] = frame

    hidden = with_years(before, hide)
    last = last_year(before)
    assert not waiting(hidden)
    found = build(hidden)
    table = found["ortsteil_minimum_income"].table
    newest = table[(table["period"] == last) & ~table["context"].astype(bool)]
    assert len(newest)
    assert set(newest["sgb2_quote_status"]) == {Status.SUPPRESSED.value}
    tests = found["ortsteil_hotspots_sgb2_quote"].table
    assert set(tests.loc[(tests["period"] == last) & ~tests["context"].astype(bool), "state"]) == {"suppressed"}


def test_what_waits_is_said_by_name(early: Inputs, before: Inputs) -> None:
    last = last_year(before)
    assert not waiting(before)
    found = {w.indicator: w for w in waiting(early)}
    assert set(found) == set(THEIRS)
    assert found["sgb2_quote"].years == {("unter_65",): (last + 1, last + 2)}
    assert found["sgb2_quote"].lines() == [f"{last + 1}, {last + 2}: sgb2_quote has no value, unter_65 not delivered"]


def test_two_columns_that_share_no_area_are_told_apart_from_one_not_delivered(before: Inputs) -> None:
    own = before.inside("ortsteil")

    def split(frames: dict[tuple[str, int], pd.DataFrame], last: int) -> None:
        frames["sgb2", last] = frames["sgb2", last].loc[lambda f: f.index.isin(own[:2])]
        frames["unter_65", last] = frames["unter_65", last].loc[lambda f: ~f.index.isin(own[:2])]

    (found,) = (w for w in waiting(with_years(before, split)) if w.indicator == "sgb2_quote")
    assert found.lines() == [f"{last_year(before)}: sgb2_quote has no value, no area has both sgb2 and unter_65"]


def test_a_handed_down_latest_year_is_one_with_a_value(before: Inputs, was: dict[str, Collection]) -> None:
    def deliver(frames: dict[tuple[str, int], pd.DataFrame], _last: int) -> None:
        newest = max(year for variable, year in frames if variable == "svb")
        for variable in ("svb", "svb_teilzeit"):
            frames[variable, newest + 1] = frames[variable, newest]

    found = build(with_years(before, deliver))
    names = [n for n in was if n.endswith(("_employment", "hotspots_beschaeftigungsquote"))]
    assert len(names) > 2
    for name in names:
        assert found[name].periods == was[name].periods, name


def test_the_sheet_says_what_a_year_waits_for(early: Inputs, built: dict[bool, dict[str, Collection]]) -> None:
    last = last_year(early) - 2
    found = list(built[True].values())
    sheets = build_sheets(
        early.county,
        early.levels,
        found,
        tables=early.tables,
        edition="public",
        publication="1",
        waiting=[w.as_dict() for w in waiting(early)],
    )
    (cover,) = sheets["sgb2_quote"]["coverage"]
    assert cover["years"][-1]["year"] == last
    (said,) = sheets["sgb2_quote"]["waiting"]
    assert said["years"] == [last + 1, last + 2]
    assert [c["variable"] for c in said["columns"]] == ["unter_65"]
    for language in LANGUAGES:
        page = render_sheet(sheets["sgb2_quote"], language)
        assert f"{last + 1}, {last + 2}" in page
        assert f"{last + 1}, {last + 2}" not in render_sheet(sheets["arbeitslosenquote"], language)


def told(before: Inputs, now: Inputs) -> dict[str, list[tuple[tuple[int, int], tuple[str, ...], bool]]]:
    """What ``update`` says of new years: years, what they wait for, whether there is a value."""
    rows = fold.fresh(fold.lines(now.county), now, suppressed_for_public(now), before.figures.frames, {})
    found: dict[str, list[tuple[tuple[int, int], tuple[str, ...], bool]]] = {}
    for row in rows:
        found.setdefault(row.id, []).append((row.years, row.waits_for, row.areas > 0))
    return found


def test_an_update_says_what_waits_and_then_that_it_came(before: Inputs, early: Inputs) -> None:
    last = last_year(before)

    def people(*years: int) -> Inputs:
        frames = dict(early.figures.frames)
        frames |= {("unter_65", year): frames["unter_65", last] for year in years}
        return replace(early, figures=Figures(frames, early.figures.sources, early.figures.units))

    waits = [((last + 1, last + 2), ("unter_65",), False)]
    assert told(before, early)["sgb2_quote"] == waits
    assert told(early, early) == {}, "what waited when it was published is no news"
    both = told(before, people(last + 1))["sgb2_quote"]
    assert sorted(both) == [((last + 1, last + 1), (), True), ((last + 2, last + 2), ("unter_65",), False)]
    came = told(early, people(last + 1, last + 2))["sgb2_quote"]
    assert came == [((last + 1, last + 2), (), True)]


def test_an_update_lists_no_label_of_a_year_that_waits(
    tiny_county: Path, tiny_run: tuple[Path, RunReport], early: Inputs
) -> None:
    inputs = replace(early, county=load_county(tiny_county))
    public = suppressed_for_public(inputs)
    publication = PublicationStore(tiny_run[0], inputs.county.id).current()
    assert outcomes(publication, "public", compute(inputs, public, "public")) == []
