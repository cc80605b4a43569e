"""Counties that differ from the invented one: what legitimate input gives, and what careless input is told."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import ConfigError, DisclosureError, GeodataError, StoreError
from geodata.models import Status
from geodata.store.model import Collection
from service.workflows.figures import Figures
from service.workflows.handdown import build_allocations
from service.workflows.plausible import require_plausible
from service.workflows.read import Inputs, read_inputs
from service.workflows.run import build_edition
from service.workflows.suppress import suppressed_for_public
from service.workflows.verify import verify

Edit = Callable[[str], str]
TWICE = """[[allocations]]
source = "gemeinde"
target = "ortsteil"
weights = "area"

[[allocations]]"""
REGISTER = "data/fachdienste/lernmittel.csv"


@pytest.fixture
def make(tiny_county: Path, tmp_path: Path) -> Callable[..., Inputs]:
    """Read the tiny county after changing its description or a file."""

    def read(toml: Edit = lambda t: t, file: str | None = None, change: Edit = lambda t: t) -> Inputs:
        folder = tmp_path / "county"
        shutil.copytree(tiny_county, folder)
        path = folder / "county.toml"
        text = re.sub(r"permutations = \d+", "permutations = 99", path.read_text(encoding="utf-8"))
        text = re.sub(r"global_replicates = \d+", "global_replicates = 99", text)
        path.write_text(toml(text), encoding="utf-8")
        if file is not None:
            target = folder / file
            target.write_text(change(target.read_text(encoding="utf-8")), encoding="utf-8")
        inputs = read_inputs(load_county(folder))
        require_plausible(inputs, lambda _line: None)
        return inputs

    return read


def build(inputs: Inputs, *, public: bool = True) -> dict[str, Collection]:
    figures = suppressed_for_public(inputs) if public else inputs.figures
    built = build_edition(inputs, "public" if public else "internal", figures, build_allocations(inputs))
    return {c.id: c for c in built.collections}


def section(text: str, kind: str, name: str) -> str:
    """Return the text of one [[kind]] table with this id."""
    parts = re.split(rf"(?m)^(?=\[\[{kind}\]\]|\[[a-z])", text)
    return next(p for p in parts if p.startswith(f"[[{kind}]]") and f'id = "{name}"' in p)


def without(kind: str, *names: str) -> Edit:
    def edit(text: str) -> str:
        for name in names:
            text = text.replace(section(text, kind, name), "")
        return text

    return edit


def in_section(kind: str, name: str, old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        found = section(text, kind, name)
        changed = re.sub(old, new, found)
        assert changed != found
        return text.replace(found, changed)

    return edit


def drop_index(text: str) -> str:
    return re.sub(r"(?ms)^\[index\].*?(?=^\[)", "", text)


def test_a_county_without_index_has_no_index_layer(make: Callable[..., Inputs]) -> None:
    found = build(make(drop_index))
    assert not [name for name in found if "index" in name]
    assert "ortsteil_hotspots_sgb2_quote" in found


def test_counts_are_judged_like_rates(make: Callable[..., Inputs]) -> None:
    as_count = in_section("indicators", "lernmittelbefreiung", r"(?m)^denominator = .*\n|^tested = .*\n", "")
    inputs = make(
        lambda t: in_section("indicators", "lernmittelbefreiung", r"(?m)^numerator", 'kind = "count"\nnumerator')(
            as_count(t)
        )
    )
    table = build(inputs)["ortsteil_education"].table
    shown = table["lernmittelbefreiung"].dropna()
    assert len(shown)
    assert shown.min() >= 3
    inside = build(inputs, public=False)["ortsteil_education"].table
    assert inside["lernmittelbefreiung"].notna().sum() > len(shown)


def test_sexes_are_hidden_in_years_that_the_total_lacks(make: Callable[..., Inputs]) -> None:
    inputs = make()
    total = inputs.county.indicators["arbeitslosenquote"].numerator
    years = inputs.figures.periods(total, inputs.inside("ortsteil"))
    frames = {k: f for k, f in inputs.figures.frames.items() if k != (total, years[0])}
    fewer = replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units))
    table = build(fewer)["ortsteil_gender"].table
    first = table[table["period"] == years[0]]
    known = suppressed_for_public(fewer)
    female = inputs.county.indicators["arbeitslosenquote"].breakdown["female"]
    counts = known.values(female[0], years[0], pd.Index(first["area_id"]))
    assert counts.isna().any()
    assert first.loc[counts.isna().to_numpy(), "arbeitslosenquote_female"].isna().all()


def test_where_one_of_total_women_men_is_hidden_no_sex_is_shown(make: Callable[..., Inputs]) -> None:
    inputs = make()
    known = suppressed_for_public(inputs)
    indicator = inputs.county.indicators["arbeitslosenquote"]
    areas = inputs.inside("ortsteil")
    checked = 0
    for period in known.periods(indicator.numerator, areas):
        total, women, men = (
            known.values(v, period, areas)
            for v in (indicator.numerator, indicator.breakdown["female"][0], indicator.breakdown["male"][0])
        )
        assert (women.isna() == men.isna()).all()
        assert women[total.isna()].isna().all()
        checked += int(total.isna().sum())
    assert checked


def test_the_gate_finds_what_suppression_left_out(make: Callable[..., Inputs]) -> None:
    inputs = make()
    with pytest.raises(DisclosureError, match=r"expected .* to be hidden"):
        verify(inputs, inputs.figures, [], public=True)
    known = suppressed_for_public(inputs)
    assert any("judged again" in line for line in verify(inputs, known, [], public=True))


def test_the_gate_refuses_a_number_beside_a_status_that_hides_it(make: Callable[..., Inputs]) -> None:
    inputs = make()
    known = suppressed_for_public(inputs)
    collection = build(inputs)["ortsteil_minimum_income"]
    table = collection.table.copy()
    hidden = table.index[table["sgb2_quote_status"] == Status.SUPPRESSED.value][0]
    table.loc[hidden, "sgb2_quote"] = 12.5
    with pytest.raises(DisclosureError, match="beside a status that hides it"):
        verify(inputs, known, [replace(collection, table=table)], public=True)


@pytest.mark.parametrize("column", ["n", "d", "coverage", "provenance"])
def test_the_gate_refuses_what_is_said_of_a_hidden_place(make: Callable[..., Inputs], column: str) -> None:
    inputs = make(lambda t: re.sub(r"population_floor = \d+", "population_floor = 1500", t))
    collection = build(inputs)["ortsteil_employment"]
    known = suppressed_for_public(inputs)
    verify(inputs, known, [collection], public=True)
    table = collection.table.copy()
    hidden = table.index[table["beschaeftigungsquote_status"] == Status.SUPPRESSED.value][0]
    table.loc[hidden, f"beschaeftigungsquote_{column}"] = "area" if column == "provenance" else 1.0
    with pytest.raises(DisclosureError, match="neither count nor coverage nor provenance"):
        verify(inputs, known, [replace(collection, table=table)], public=True)


def test_the_gate_refuses_totals_that_lost_mass(make: Callable[..., Inputs]) -> None:
    inputs = make()
    collection = build(inputs)["ortsteil_health"]
    wrong = {"totals": {"pflegequote": {"2023": {"shown": 1.0, "not_shown": 0.0, "total": 2.0}}}}
    with pytest.raises(StoreError, match="lost mass"):
        verify(inputs, inputs.figures, [replace(collection, metadata=wrong)], public=False)


def test_a_year_of_equal_rates_is_no_reason_to_die(make: Callable[..., Inputs]) -> None:
    inputs = make()
    indicator = inputs.county.indicators["sgb2_quote"]
    year = inputs.figures.periods(indicator.numerator, inputs.inside("ortsteil"))[-1]
    frames = dict(inputs.figures.frames)
    top = frames[indicator.numerator, year].copy()
    bottom = frames[str(indicator.denominator), year]["value"].reindex(top.index)
    top["value"] = bottom / 10
    top["status"] = Status.OBSERVED.value
    frames[indicator.numerator, year] = top
    equal = replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units))
    found = build(equal, public=False)
    table = found["ortsteil_hotspots_sgb2_quote"].table
    assert set(table.loc[table["period"] == year, "label"]) == {"no label"}
    assert found["ortsteil_hotspots_sgb2_quote"].metadata["per_period"][str(year)]["global"] is None
    assert year not in set(found["ortsteil_index"].table["period"]), "an index of equal values would be no index"


def test_everything_suppressed_is_still_a_layer(make: Callable[..., Inputs]) -> None:
    found = build(make(lambda t: re.sub(r"min_denominator = \d+", "min_denominator = 10_000_000", t)))
    table = found["ortsteil_hotspots_sgb2_quote"].table
    assert set(table["state"]) == {"suppressed", "undefined"}  # undefined: never delivered, so nothing was hidden
    assert table["value"].isna().all()
    assert found["ortsteil_minimum_income"].table["sgb2_quote"].isna().all()


def test_places_below_the_floor_carry_no_value_and_no_label_in_tests(make: Callable[..., Inputs]) -> None:
    found = build(make(lambda t: re.sub(r"population_floor = \d+", "population_floor = 1500", t)))
    layer = found["ortsteil_employment"].table.set_index(["area_id", "period"])
    tests = found["ortsteil_hotspots_beschaeftigungsquote"].table.set_index(["area_id", "period"])
    hidden = layer.index[layer["beschaeftigungsquote_status"] == Status.SUPPRESSED.value]
    assert len(hidden)
    assert tests.loc[hidden, "value"].isna().all()
    assert set(tests.loc[hidden, "state"]) == {"suppressed"}
    silent = [f"beschaeftigungsquote{end}" for end in ("", "_n", "_d", "_coverage", "_provenance")]
    assert layer.loc[hidden, silent].isna().all(axis=None)
    shown = layer.drop(hidden)
    assert (shown["beschaeftigungsquote_coverage"] == 1).all()
    assert set(shown["beschaeftigungsquote_provenance"]) == {"ancillary"}
    for sums in found["ortsteil_employment"].metadata["totals"]["beschaeftigungsquote"].values():
        assert sums["not_shown"] > 0
        assert sums["shown"] + sums["not_shown"] == pytest.approx(sums["total"], rel=1e-12)


def test_a_missing_source_leaves_its_parts_missing_and_the_totals_whole(make: Callable[..., Inputs]) -> None:
    inputs = make()
    indicator = inputs.county.indicators["beschaeftigungsquote"]
    gone = inputs.inside("gemeinde")[0]
    frames = {}
    for key, frame in inputs.figures.frames.items():
        changed = frame.copy()
        if key[0] == indicator.numerator:
            changed.loc[gone, "value"] = np.nan
            changed.loc[gone, "status"] = Status.NOT_YET_AVAILABLE.value
        frames[key] = changed
    found = build(replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units)), public=False)
    table = found["ortsteil_employment"].table
    parts = table[table["beschaeftigungsquote_support"] == gone]
    assert parts["beschaeftigungsquote"].isna().all()
    assert set(parts["beschaeftigungsquote_status"]) == {Status.NOT_YET_AVAILABLE.value}
    others = table[table["beschaeftigungsquote_support"] != gone]
    assert others["beschaeftigungsquote"].notna().all()


def test_announced_years_are_no_years_and_absent_ones_have_a_status(make: Callable[..., Inputs]) -> None:
    found = build(make(), public=False)
    for collection in found.values():
        for field in collection.fields:
            if field.name.endswith("_status"):
                assert collection.table[field.name].notna().all(), (collection.id, field.name)
    income = found["gemeinde_minimum_income"]
    last = income.table[income.table["period"] == income.periods[-1]]
    assert last[income.styles[0].field].notna().any()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (in_section("indicators", "sgb2_quote", r'level = "ortsteil"', 'level = "gemeinde"'), "levels of table"),
        (lambda t: t.replace("[[allocations]]", TWICE, 1), "found twice: gemeinde -> ortsteil"),
        (in_section("indicators", "pflegequote", r'id = "pflegequote"', 'id = "period"'), "expected another id"),
    ],
)
def test_contradictions_in_the_description_are_refused(make: Callable[..., Inputs], toml: Edit, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make(toml)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("9990100101;", "9990199999;"), "9990199999, which no area has"),
        (lambda t: t.replace("9990100101;", "9,99E+09;", 1), "9,99E|expected"),
        (
            lambda t: re.sub(r"(?m)^(9990100102;[^;]*;2023;\d+;)\d+", r"\g<1>99999", t),
            "at most as many cases as people",
        ),
        (lambda t: re.sub(r"(?m)^(9990100102;[^;]*;2023;\d+;)\d+", r"\g<1>-5", t), "counts of at least 0, found -5"),
    ],
)
def test_figures_that_cannot_be_meant_are_refused(make: Callable[..., Inputs], change: Edit, said: str) -> None:
    with pytest.raises(GeodataError, match=said) as caught:
        make(file=REGISTER, change=change)
    assert "lernmittel.csv" in str(caught.value)


def test_own_numbers_load_with_an_empty_prefix(make: Callable[..., Inputs]) -> None:
    inputs = make(in_section("levels", "ortsteil", r"(?m)^id = ", 'prefix = ""\nid = '))
    assert not inputs.levels["ortsteil"].areas["context"].any()
