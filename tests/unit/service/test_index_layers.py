"""Layers of the index: the numbers add up, the frame is named, what is hidden stays hidden, breaks withhold change."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import ConfigError, DisclosureError
from geodata.models import Status
from geodata.store.model import Collection
from service.workflows import tester
from service.workflows.composite import compute_index
from service.workflows.figures import Figures
from service.workflows.frames import of_indicator
from service.workflows.hotspot_robust import draws_of_index
from service.workflows.index_layers import index_collections
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.verify import verify
from spatial.index.composite import status_index
from spatial.index.dynamics import absolute_change
from spatial.index.presets import MSS
from spatial.index.standardise import Standardiser

NAMES = ("arbeitslosenquote", "sgb2_quote", "grundsicherung_alter", "kinderarmut", "vorsorgeluecke")


@pytest.fixture(scope="module")
def make(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Inputs]:
    """Read the tiny county with more lines in [index]."""

    def read(lines: str = "", tables: str = "") -> Inputs:
        folder = tmp_path_factory.mktemp("index") / "county"
        shutil.copytree(tiny_county, folder)
        path = folder / "county.toml"
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'(?m)^preset = "mss".*$', lambda _: f'preset = "mss"\nvariants = 200\n{lines}', text)
        path.write_text(text.replace("\n[tests]\n", f"\n{tables}\n[tests]\n"), encoding="utf-8")
        return read_inputs(load_county(folder))

    return read


@pytest.fixture(scope="module")
def plain(make: Callable[..., Inputs]) -> Inputs:
    return make()


def layers(inputs: Inputs, figures: Figures | None = None) -> dict[str, Collection]:
    figures = figures or suppressed_for_public(inputs)
    return {c.id: c for c in index_collections(inputs, figures, compute_index(inputs, figures))}


def year(collection: Collection, period: int) -> pd.DataFrame:
    table = collection.table
    return table[table["period"] == period].set_index("area_id")


def raw(inputs: Inputs, figures: Figures, period: int) -> pd.DataFrame:
    ids = inputs.inside("ortsteil")
    return pd.DataFrame(
        {n: of_indicator(figures, inputs.county.indicators[n], period, ids).value for n in NAMES}, index=ids
    )


@pytest.fixture(scope="module")
def found(plain: Inputs) -> dict[str, Collection]:
    return layers(plain)


def test_the_status_is_that_of_the_published_formula(plain: Inputs, found: dict[str, Collection]) -> None:
    figures = suppressed_for_public(plain)
    last = max(found["ortsteil_index"].periods)
    people = figures.values("einwohner", last, plain.inside("ortsteil"))
    oracle = status_index(raw(plain, figures, last), population=people).table
    table = year(found["ortsteil_index"], last)
    np.testing.assert_allclose(table["score"], oracle["score"].reindex(table.index), atol=1e-12)
    assert table["score"].isna().any()
    assert table["status_class"].where(table["score"].notna(), "").tolist() == (
        oracle["status_class"].reindex(table.index).fillna("").tolist()
    )


def test_change_is_measured_with_the_yardstick_of_the_base_year(plain: Inputs, found: dict[str, Collection]) -> None:
    figures, change = suppressed_for_public(plain), found["ortsteil_index_change"]
    base, last = change.metadata["base_year"], max(change.periods)
    people = figures.values("einwohner", base, plain.inside("ortsteil"))
    values = raw(plain, figures, base)
    reference = status_index(values, population=people)
    oracle = absolute_change(
        values, raw(plain, figures, last), Standardiser.from_result(reference), base_period=base, period=last
    ).table
    table = year(change, last)
    shown = table["change"].notna()
    assert shown.sum() > 10
    np.testing.assert_allclose(table["change"][shown], oracle["change"].reindex(table.index)[shown], atol=1e-9)
    for name in NAMES:
        np.testing.assert_allclose(
            table[f"change_{name}"][shown], oracle[f"change_{name}"].reindex(table.index)[shown], atol=1e-9
        )
    parts = table[[f"contribution_{n}" for n in NAMES]].sum(axis=1)
    np.testing.assert_allclose(parts[shown], table["change"][shown], atol=1e-12)
    # An area that one of the two years leaves out has no change.
    people_now = figures.values("einwohner", last, table.index)
    assert not (shown & ((people_now < 300) | (people.reindex(table.index) < 300))).any()


def test_dynamics_compare_the_areas_with_each_other(plain: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tiny county has two years; the preset's dynamics are over two, so that nothing is said about them.
    figures = suppressed_for_public(plain)
    assert layers(plain)["ortsteil_index_change"].table["dynamics_class"].isna().all()
    one = dataclasses.replace(MSS, dynamics_years=1)
    monkeypatch.setattr("service.workflows.index_change.preset_of", lambda _county: one)
    change = layers(plain)["ortsteil_index_change"]
    base, last = change.metadata["base_year"], max(change.periods)
    table = year(change, last)
    then, now = (raw(plain, figures, period) for period in (base, last))
    moved = (now - then).where(table["change"].notna().reindex(now.index), axis=0).dropna()
    z = (moved - moved.mean()) / moved.std(ddof=0)
    score = z.sum(axis=1) / z.sum(axis=1).std(ddof=0)
    np.testing.assert_allclose(table.loc[score.index, "dynamics"], score, atol=1e-9)
    expected = np.where(score > 1, "negativ", np.where(score <= -1, "positiv", "stabil"))
    assert table.loc[score.index, "dynamics_class"].tolist() == expected.tolist()
    assert table["group"].notna().sum() == len(score)
    assert set(table["group"].dropna()) <= set(change.fields[[f.name for f in change.fields].index("group")].values)


def test_contributions_add_up_by_indicator_and_by_topic(plain: Inputs, found: dict[str, Collection]) -> None:
    table = found["ortsteil_index_contributions"].table
    scored = table[table["score"].notna()]
    assert len(scored) > 20
    for head in ("contribution_", "topic_"):
        parts = scored[[c for c in scored if c.startswith(head)]].sum(axis=1)
        np.testing.assert_allclose(parts, scored["score"], atol=1e-12)
    last = year(found["ortsteil_index_contributions"], int(table["period"].max()))
    counted = plain.figures.values("sgb2", int(table["period"].max()), last.index)
    known = last["affected_sgb2_quote"].notna()
    assert known.any()
    assert (last["affected_sgb2_quote"][known] == counted[known]).all()


def test_every_map_names_its_frame(found: dict[str, Collection]) -> None:
    for collection in found.values():
        assert "Musterkreis" in collection.metadata["method"]["de"] or "Musterkreis" in str(
            collection.metadata["reference_title"]
        )
        assert collection.metadata["reference_title"]["en"] in collection.metadata["method"]["en"]


def test_doubt_is_of_the_latest_year_and_of_areas_with_a_class(found: dict[str, Collection]) -> None:
    index = found["ortsteil_index"]
    last = year(index, max(index.periods))
    classed = last["status_class"].notna()
    assert (last["rank_low"][classed] <= last["rank_high"][classed]).all()
    assert last.loc[classed, ["class_probability", "worst_share"]].min(axis=None) >= 0
    assert last.loc[~classed, ["rank_low", "rank_high", "class_probability", "worst_share"]].isna().all(axis=None)
    np.testing.assert_allclose(last.loc[classed, [f"probability_{k}" for k in (1, 2, 3, 4)]].sum(axis=1), 1)
    worst = last[last["status_class"] == "sehr niedrig"]
    np.testing.assert_allclose(worst["worst_share"], worst["class_probability"])
    before = index.table[index.table["period"] < max(index.periods)]
    assert before["rank_low"].isna().all()
    assert index.metadata["variants"]["factors"][0] == "values"


def test_the_gate_lets_these_pass_and_stops_what_a_hidden_figure_would_give_away(
    plain: Inputs, found: dict[str, Collection]
) -> None:
    known = suppressed_for_public(plain)
    verify(plain, known, list(found.values()), public=True)
    last = max(found["ortsteil_index"].periods)
    status = known.get("sgb2", last, plain.inside("ortsteil"))["status"]
    secret = status.index[status == Status.SUPPRESSED.value][0]
    for name, field in (
        ("ortsteil_index", "rank_low"),
        ("ortsteil_index", "z_arbeitslosenquote_or_score"),
        ("ortsteil_index_change", "dynamics"),
        ("ortsteil_index_change", "change_sgb2_quote"),
        ("ortsteil_index_contributions", "affected_sgb2_quote"),
        ("ortsteil_index_contributions", "topic_education"),
        ("ortsteil_index_contributions", "contribution_sgb2_quote"),
    ):
        column = "score" if field.endswith("_or_score") else field
        table = found[name].table.copy()
        table.loc[(table["area_id"] == secret) & (table["period"] == last), column] = 2
        with pytest.raises(DisclosureError, match="expected n"):
            verify(plain, known, [dataclasses.replace(found[name], table=table)], public=True)


def test_a_partial_index_says_so_and_gives_nothing_of_the_hidden_figure(make: Callable[..., Inputs]) -> None:
    inputs = make("min_share = 0.6")
    known = suppressed_for_public(inputs)
    parts = layers(inputs, known)
    verify(inputs, known, list(parts.values()), public=True)
    table = parts["ortsteil_index"].table
    partial = table[table["partial"].fillna(False).astype(bool)]
    assert len(partial)
    assert partial["score"].notna().all()
    assert "Teilindex ab 60 %" in parts["ortsteil_index"].metadata["method"]["de"]


def test_a_break_withholds_what_it_touches_and_is_named(make: Callable[..., Inputs], plain: Inputs) -> None:
    years = sorted(compute_index(plain, suppressed_for_public(plain)))
    last = years[-1]
    area = plain.inside("ortsteil")[0]
    for kind, name, bridged in (("area", area, False), ("indicator", "sgb2_quote", False), ("method", "SGB", True)):
        lines = (
            f'[[index.breaks]]\nkind = "{kind}"\nname = "{name}"\nperiod = {last}\nbridged = {str(bridged).lower()}\n'
        )
        change = layers(make("", lines))["ortsteil_index_change"]
        table = year(change, last)
        title = plain.county.indicators[name].title.de if kind == "indicator" else name
        word = {"indicator": "Indikator", "area": "Gebiet", "method": "Verfahren"}[kind]
        ending = "umgerechnet" if bridged else "nicht vergleichbar"
        assert f" Brüche: {word} {title} ab {last} ({ending})." in change.metadata["method"]["de"]
        if kind == "area":
            assert table.loc[area, "comparable"] == "no"
            assert np.isnan(table.loc[area, "change"])
            assert table["change"].notna().any()
        elif kind == "indicator":
            assert table["change"].isna().all()
            assert table["change_sgb2_quote"].isna().all()
            assert table["change_kinderarmut"].notna().any()
        else:
            assert set(table["comparable"]) == {"bridged"}
            assert table["change"].notna().any()


def test_a_break_of_an_area_that_is_not_there_is_refused(make: Callable[..., Inputs]) -> None:
    inputs = make("", '[[index.breaks]]\nkind = "area"\nname = "12345678"\nperiod = 2024\n')
    with pytest.raises(ConfigError, match="level 'ortsteil', found 12345678"):
        layers(inputs)


def test_an_indicator_chained_to_itself_changes_no_change(make: Callable[..., Inputs], plain: Inputs) -> None:
    years = sorted(compute_index(plain, suppressed_for_public(plain)))
    lines = f'[index.chain]\nsgb2_quote = {{ by = "sgb2_neu", overlap = {years[-2]} }}\n'
    again = (
        '[[indicators]]\nid = "sgb2_neu"\ntitle = "SGB II neu"\ntopic = "minimum_income"\nnumerator = "sgb2"\n'
        'denominator = "unter_65"\nscale = 1000\nunit = "je 1000"\npolarity = "disadvantage"\nlevel = "ortsteil"\n'
    )
    inputs = make("", lines + again)
    chained = layers(inputs)["ortsteil_index_change"]
    # A linked value has no counts to draw from; without a link there are draws.
    for given, drawn in ((inputs, False), (plain, True)):
        chosen = [given.county.indicators[name] for name in NAMES]
        figures = suppressed_for_public(given)
        found = draws_of_index(tester.Tester(given), figures, chosen, years[-1], given.inside("ortsteil"))
        assert (found is not None) == drawn
    whole = layers(plain)["ortsteil_index_change"]
    one, two = year(chained, years[-1])["change"], year(whole, years[-1])["change"]
    np.testing.assert_allclose(one, two, atol=1e-9)
    assert "fortgeführt durch SGB II neu (umgerechnet)" in chained.metadata["method"]["de"]


@pytest.mark.parametrize(
    ("lines", "tables", "match"),
    [
        ('reference = { title = "Land", prefix = "99" }', "", "released = true"),
        ('reference = { title = "Region" }', "", "context = true"),
        ("weights = { sgb2_quote = 2 }", "", "one for each indicator"),
        ('normalisation = "goalposts"', "", "index.goalposts"),
        ('normalisation = "min-max"\naggregation = "geometric"', "", "for the geometric mean"),
        ("", '[[index.breaks]]\nkind = "indicator"\nname = "miete"\nperiod = 2022\n', "an indicator of the index"),
        ("", '[index.chain]\nsgb2_quote = { by = "kinderarmut", overlap = 2022 }\n', "one that is not"),
        ("", '[index.classes]\nrule = "sd"\nat = [1]\nlabels = ["a", "b", "c"]\n', "2 cuts"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[..., Inputs], lines: str, tables: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make(lines, tables)


def test_own_classes_weights_and_means(make: Callable[..., Inputs]) -> None:
    weights = ", ".join(f"{n} = {k}" for k, n in enumerate(NAMES, start=1))
    inputs = make(
        f'weights = {{ {weights} }}\nnormalisation = "percentile"\naggregation = "geometric"',
        '[index.classes]\nrule = "quantile"\nlabels = ["gut", "mittel", "schlecht"]\n',
    )
    index = layers(inputs)["ortsteil_index"]
    last = year(index, max(index.periods))
    assert set(last["status_class"].dropna()) == {"gut", "mittel", "schlecht"}
    counts = last["status_class"].value_counts()
    assert counts.max() - counts.min() <= 1
    assert [c.value for c in index.styles[0].classes] == ["gut", "mittel", "schlecht"]
    assert last["class_probability"].notna().any()
