"""What hotspot layers say beyond their labels: which hold, how areas developed, what changed, what levels show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.errors import DisclosureError
from geodata.models import Text
from geodata.store.model import Collection
from service.cartography import describe_variants, describe_years
from service.cartography.describe import Areas
from service.workflows import hotspot_global, hotspot_layer
from service.workflows import tester as workflow_tester
from service.workflows.composite import compute_index
from service.workflows.figures import Figures
from service.workflows.frames import Rated
from service.workflows.handdown import build_allocations
from service.workflows.hotspot_layer import SAID, STATISTICS
from service.workflows.hotspot_levels import agree
from service.workflows.hotspot_robust import UNSURE_HIGH, UNSURE_LOW, draws_of_rates
from service.workflows.hotspots import hotspot_collections
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.verify import verify

MARKS = ["High-High", "Low-Low", "High-Low", "Low-High"]
THRESHOLD = 0.9
ORTSTEILE = Areas(Text("Ortsteile", "districts"))


def only(inputs: Inputs, *names: str) -> Inputs:
    """Test these indicators only, to save time."""
    known = inputs.county.indicators.items()
    chosen = {name: replace(i, tested=i.tested and name in names) for name, i in known}
    return replace(inputs, county=replace(inputs.county, indicators=chosen))


def layers(inputs: Inputs, *, public: bool = True) -> dict[str, Collection]:
    figures = suppressed_for_public(inputs) if public else inputs.figures
    index = compute_index(inputs, figures)
    made = hotspot_collections(inputs, figures, build_allocations(inputs), index, public=public)
    return {c.id: c for c in made}


def latest(collection: Collection) -> pd.DataFrame:
    table = collection.table
    return table[(table["period"] == collection.periods[-1]) & ~table["context"].astype(bool)].set_index("area_id")


def read(folder: Path, *edits: tuple[str, str]) -> Inputs:
    from geodata.sample import write_county

    write_county(folder)
    path = folder / "county.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in ((r"permutations = \d+", "permutations = 1999"), (r"replicates = \d+", "replicates = 99"), *edits):
        text, changed = re.subn(old, new, text)
        assert changed
    path.write_text(text, encoding="utf-8")
    return read_inputs(load_county(folder))


@pytest.fixture(scope="module")
def tested_inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The embedded county with few permutations."""
    return read(tmp_path_factory.mktemp("hotspots") / "county")


@pytest.fixture(scope="module")
def wide_inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The same with eight Gemeinden that are enough for a local test."""
    return read(tmp_path_factory.mktemp("wide") / "county", (r"min_areas = \d+", "min_areas = 6"))


@pytest.fixture(scope="module")
def made(tested_inputs: Inputs) -> dict[str, Collection]:
    return layers(only(tested_inputs, "sgb2_quote", "kinderarmut", "wohnflaeche", "anteil_65", "beschaeftigungsquote"))


def rates(cases: list[float], people: list[float], names: list[str]) -> Rated:
    top = pd.DataFrame({"value": cases}, index=names)
    bottom = pd.DataFrame({"value": people}, index=names)
    value = 100 * top["value"] / bottom["value"]
    return Rated(value, top, bottom, pd.Series("observed", names), pd.Series(0, names))


def test_draws_follow_the_counts_and_not_the_order_of_rows() -> None:
    rng = np.random.default_rng(1)
    people = np.r_[np.full(20, 150.0), np.full(20, 1e7)]
    cases = np.round(people * rng.uniform(0.05, 0.2, 40))
    names = [f"a{i:02d}" for i in range(40)]
    drawn = draws_of_rates(rates(list(cases), list(people), names), 200, np.random.default_rng(2))
    assert drawn is not None
    spread = drawn.std(axis=1)
    assert spread[:20].min() > 0.005
    assert spread[20:].max() < 0.001
    np.testing.assert_allclose(drawn[20:].mean(axis=1), (cases / people)[20:], atol=1e-4)
    turned = draws_of_rates(rates(list(cases[::-1]), list(people[::-1]), names[::-1]), 200, np.random.default_rng(2))
    np.testing.assert_array_equal(turned, drawn[::-1])


def test_what_counts_no_part_of_people_is_not_drawn() -> None:
    names = ["a", "b", "c"]
    assert draws_of_rates(rates([30.0, 5.0, 9.0], [10.0, 10.0, 10.0], names), 5, np.random.default_rng(1)) is None
    plain = replace(rates([3.0, 5.0, 9.0], [10.0, 10.0, 10.0], names), bottom=None)
    assert draws_of_rates(plain, 5, np.random.default_rng(1)) is None


def test_a_label_stands_where_it_holds_and_is_unsure_elsewhere(made: dict[str, Collection]) -> None:
    weak = held = 0
    for collection in made.values():
        table = latest(collection)
        note = collection.metadata["per_period"][str(collection.periods[-1])].get("robust")
        marked = table["label"].isin(MARKS)
        assert (note is None) == (not marked.any())
        if note is None:
            assert table["label_probability"].isna().all()
            assert table["label_robust"].equals(table["label"].rename("label_robust"))
            continue
        share = table["label_probability"]
        np.testing.assert_allclose(share.dropna() * note["variants"], np.rint(share.dropna() * note["variants"]))
        assert share[table["state"] == "tested"].notna().all()
        assert share[table["state"] != "tested"].isna().all()
        sure = marked & (share >= THRESHOLD - 1e-9)
        assert (table.loc[sure, "label_robust"] == table.loc[sure, "label"]).all()
        high = table["label"].isin(["High-High", "High-Low"])
        assert (table.loc[marked & ~sure & high, "label_robust"] == UNSURE_HIGH).all()
        assert (table.loc[marked & ~sure & ~high, "label_robust"] == UNSURE_LOW).all()
        assert (table.loc[~marked, "label_robust"] == table.loc[~marked, "label"]).all()
        weak, held = weak + int((marked & ~sure).sum()), held + int(sure.sum())
    assert weak, "some labels of noisy registers cannot hold"
    assert held, "planted clusters hold"


def test_every_map_has_its_own_random_numbers(tested_inputs: Inputs, made: dict[str, Collection]) -> None:
    chosen = "sgb2_quote"
    one = replace(
        tested_inputs,
        county=replace(
            tested_inputs.county,
            index=None,
            indicators={chosen: tested_inputs.county.indicators[chosen]},
        ),
    )
    known = suppressed_for_public(tested_inputs)
    (alone,) = hotspot_collections(one, known, build_allocations(tested_inputs), {}, public=True)
    pd.testing.assert_frame_equal(alone.table, made[alone.id].table)


def test_suppressed_areas_carry_nothing_and_the_gate_sees_it(
    tested_inputs: Inputs, made: dict[str, Collection]
) -> None:
    known = suppressed_for_public(tested_inputs)
    verify(tested_inputs, known, list(made.values()), public=True)
    collection = made["ortsteil_hotspots_sgb2_quote"]
    hidden = collection.table.index[collection.table["state"] == "suppressed"]
    assert len(hidden)
    for name, value in (
        ("label_probability", 0.97),
        ("emerging_p", 0.5),
        ("change", 1.5),
        ("label_robust", UNSURE_HIGH),
        ("emerging", "hot new"),
    ):
        table = collection.table.copy()
        table.loc[hidden[-1], name] = value
        with pytest.raises(DisclosureError, match=f"expected no {name} of a hidden place"):
            verify(tested_inputs, known, [replace(collection, table=table)], public=True)


def test_a_painted_map_repeats_its_sources(wide_inputs: Inputs) -> None:
    found = layers(only(wide_inputs, "beschaeftigungsquote"))
    above, below = (found[f"{level}_hotspots_beschaeftigungsquote"] for level in ("gemeinde", "ortsteil"))
    source, target = latest(above), latest(below)
    assert source["emerging"].notna().any()
    shown = target[target["state"] == "tested"]
    assert len(shown)
    for name in ("label", "label_robust", "label_probability", "emerging", "change", "change_label"):
        expected = source[name].reindex(shown["support"]).set_axis(shown.index)
        pd.testing.assert_series_equal(shown[name], expected, check_names=False, check_dtype=False)
    rest = target[target["state"] != "tested"]
    there = [name for name in (*STATISTICS, *SAID) if name in target]
    assert rest[there].isna().all(axis=None)
    assert "agreement" not in target
    assert "keine Bestätigung" in below.metadata["same_label"]["de"].replace("keine \n", "keine ")


def test_quotients_that_are_means_are_tested_at_their_sources(tested_inputs: Inputs) -> None:
    indicator = replace(tested_inputs.county.indicators["einkuenfte_je_steuerfall"], handed_down=("ortsteil",))
    allocation = build_allocations(tested_inputs)["gemeinde", "ortsteil"]
    tester, figures = workflow_tester.Tester(tested_inputs), tested_inputs.figures
    period = max(p for v, p in figures.frames if v == indicator.numerator)
    period = max(
        p
        for v, p in figures.frames
        if v == indicator.numerator and figures.values(v, p, allocation.weights.source_ids).notna().any()
    )
    found = hotspot_global.handed_down(tester, figures, indicator, allocation, period)
    assert found is not None
    assert found["n_effective"] == len(allocation.weights.source_ids)
    assert found["null"] == "random labels at the sources, handed down"
    # The same means in any unit are the same test.
    frames = dict(figures.frames)
    frames[indicator.numerator, period] = frames[indicator.numerator, period].assign(value=lambda t: t["value"] * 1000)
    again = hotspot_global.handed_down(
        tester, Figures(frames, figures.sources, figures.units), indicator, allocation, period
    )
    assert again is not None
    assert again["p"] == found["p"]
    assert again["value"] == pytest.approx(found["value"])
    count = replace(indicator, kind="count", denominator=None)
    assert hotspot_global.handed_down(tester, figures, count, allocation, period) is None


def test_levels_are_compared_where_larger_areas_can_be_tested(made: dict[str, Collection]) -> None:
    collection = made["grid100_hotspots_wohnflaeche"]
    note = collection.metadata["per_period"][str(collection.periods[-1])]["levels"]
    table = latest(collection)
    said = table["agreement"].dropna()
    assert len(said) == note["compared"] == sum(n for row in note["table"].values() for n in row.values())
    both = [label for label in note["table"] if label in note["table"][label]]
    assert note["agree"] == sum(note["table"][label][label] for label in both)
    assert note["agree"] == int(said.isin(["same label", "neither"]).sum())
    expected = agree(table["label"], table["coarser_label"].astype(object))
    pd.testing.assert_series_equal(expected.dropna(), said, check_names=False, check_dtype=False)
    assert not any("agreement" in latest(c) for c in made.values() if c.level == "ortsteil")


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ("High-High", "High-High", "same label"),
        ("High-High", "Low-Low", "other label"),
        ("Low-Low", "not significant", "only here"),
        ("not significant", "Low-Low", "only there"),
        ("not significant", "not significant", "neither"),
        ("no label", "High-High", None),
        ("High-High", "no label", None),
        ("High-High", None, None),
    ],
)
def test_two_labels_go_together_in_one_of_five_ways(here: str, there: str | None, said: str | None) -> None:
    assert agree(pd.Series([here]), pd.Series([there], dtype=object)).tolist() == [said]


def test_years_are_described_only_where_there_are_enough(tested_inputs: Inputs, made: dict[str, Collection]) -> None:
    collection = made["ortsteil_hotspots_sgb2_quote"]
    table = collection.table[~collection.table["context"].astype(bool)]
    last = latest(collection)
    years = len(collection.periods)
    note = collection.metadata["per_period"][str(collection.periods[-1])]
    assert note["emerging"]["descriptive"] is True
    hot = table[table["gi_star_label"] == "hot"].groupby("area_id").size().reindex(last.index, fill_value=0)
    known = last["emerging"].notna()
    assert (last.loc[known, "emerging_hot"].astype(int) == hot[known]).all()
    assert (last.loc[known, "emerging_years"] <= years).all()
    assert (last.loc[last["emerging"] == "hot new", "emerging_hot"].astype(int) == 1).all()
    assert table.loc[table["period"] < collection.periods[-1], "emerging"].isna().all()
    first, end = note["change"]["from"], note["change"]["to"]
    wide = table.pivot_table(index="area_id", columns="period", values="value")
    moved = last["change"].dropna()
    np.testing.assert_allclose(moved, (wide[end] - wide[first]).reindex(moved.index), atol=1e-9)
    few = {k: f for k, f in tested_inputs.figures.frames.items() if k[1] > end - 4}
    shorter = replace(tested_inputs, figures=Figures(few, tested_inputs.figures.sources, tested_inputs.figures.units))
    four = layers(only(shorter, "sgb2_quote"))["ortsteil_hotspots_sgb2_quote"]
    assert "emerging" not in four.table, "four years can give no trend"
    assert four.metadata["per_period"][str(end)]["change"]["from"] == end - 3


def test_sentences_take_their_numbers_from_the_rows() -> None:
    rows = [
        {"name": f"N{i}", "label": "High-High", "label_robust": robust, "label_probability": share}
        for i, (robust, share) in enumerate([("High-High", 1.0), ("High-High", 0.93), ("unsure high", 0.896)])
    ]
    rows += [{"name": "X", "label": "not significant", "label_robust": "not significant", "label_probability": 0.2}]
    note = {"variants": 99, "draws": 33, "weights": ["queen", "knn:6", "distance:4500"], "threshold": 0.9}
    first, second = describe_variants.robust(rows, note, areas=ORTSTEILE)
    assert first.startswith(
        "2 von 3 Markierungen halten in mindestens 90\u00a0% von 99 Varianten (33 mögliche Zählungen"
    )
    assert second.endswith("N2 (89\u00a0%)."), "what misses 90 % is not shown as 90 %"
    alone, _ = describe_variants.robust(rows, {**note, "draws": 1, "variants": 3}, areas=ORTSTEILE, language="en")
    assert "only neighbourhoods were varied" in alone
    assert "hold in all 3 variants (3 neighbourhoods" in alone, "two of three are too few for 90 %"
    (unknown,) = describe_variants.robust(rows, None, areas=ORTSTEILE, language="en")
    assert "has not been checked" in unknown
    assert describe_variants.robust(rows[3:], note, areas=ORTSTEILE) == ()
    assert describe_variants.holds(0.999, "en") == "in 99\u00a0% of the variants"


def test_sentences_about_years_can_be_read_at_once() -> None:
    rows = [
        {"name": "Schothorst", "emerging": "hot new", "change_label": "High-High"},
        {"name": "Aue", "emerging": "cold persistent", "change_label": "not significant"},
        {"name": "Berg", "emerging": "hot new", "change_label": "Low-High", "context": True},
    ]
    first, second, *_ = describe_years.emerging(rows, {"years": [2020, 2021, 2022, 2023, 2024]}, areas=ORTSTEILE)
    assert first == (
        "Hot und Cold Spots in den 5 Jahren 2020–2024. Hot Spot, neu: erstmals im letzten Jahr – "
        "1 von 2 Ortsteilen (Schothorst)."
    )
    assert second == "Cold Spot, beständig: fast immer, ohne Trend – 1 von 2 Ortsteilen (Aue)."
    note = {"from": 2020, "to": 2024, "n_effective": 2}
    test = {"alpha": 0.05, "correction": "fdr", "permutations": 999}
    first, *_ = describe_years.change(rows, note, areas=ORTSTEILE, **test)
    assert first.endswith(
        "In 1 von 2 Ortsteilen ist der Wert mehr gestiegen oder weniger gesunken als im Mittel, ringsum auch: "
        "Schothorst."
    )


def test_a_rest_is_named_only_where_there_is_one() -> None:
    note = {"title": {"de": "Gemeinden", "en": "municipalities"}, "n_effective": 40}
    rows = [{"agreement": "neither"}, {"agreement": "same label"}]
    (all_alike,) = describe_variants.levels(rows, note, areas=ORTSTEILE)
    assert all_alike.endswith("darunter über 1 der 1 hier markierten.")
    (differ,) = describe_variants.levels([*rows, {"agreement": "only here"}], note, areas=ORTSTEILE)
    assert differ.endswith("darunter über 1 der 2 hier markierten. Der Rest liegt an der Wahl der Ebene.")


def test_remote_areas_do_not_make_everybody_a_neighbour(tested_inputs: Inputs) -> None:
    names = list(workflow_tester.Tester(tested_inputs).variants("ortsteil"))
    assert names[0] == "queen"
    assert names[1] == "knn:6"
    areas = tested_inputs.levels["ortsteil"].areas
    far = areas.copy()
    far["geometry"] = [g if i else g.buffer(1).centroid.buffer(50) for i, g in enumerate(far.geometry)]
    far.geometry = far.geometry.where(far.index != far.index[0], far.geometry.translate(xoff=80_000))
    moved = SimpleNamespace(
        county=tested_inputs.county,
        levels={"ortsteil": replace(tested_inputs.levels["ortsteil"], areas=far)},
    )
    assert list(workflow_tester.Tester(moved).variants("ortsteil"))[2] == "knn:8"  # type: ignore[arg-type]


def test_the_indicator_sheet_says_how_many_labels_hold(tested_inputs: Inputs, made: dict[str, Collection]) -> None:
    from service.reports.indicator_sheet import build_sheets, render_sheet
    from service.workflows.indicators import indicator_collections

    known = suppressed_for_public(tested_inputs)
    values = indicator_collections(tested_inputs, known, build_allocations(tested_inputs), public=True)
    sheets = build_sheets(
        tested_inputs.county,
        tested_inputs.levels,
        [*values, *made.values()],
        tables=tested_inputs.tables,
        edition="public",
        publication="0001",
    )
    (method,) = sheets["sgb2_quote"]["tested"]
    said = method["collections"][0]["robust"]
    last = latest(made["ortsteil_hotspots_sgb2_quote"])
    assert said["held"] == int(last["label_robust"].isin(MARKS).sum())
    assert said["held"] + said["unsure"] == int(last["label"].isin(MARKS).sum())
    assert all("robust" not in c for t in sheets["beschaeftigungsquote"]["tested"] for c in t["collections"])
    page = render_sheet(sheets["sgb2_quote"], "de")
    assert f"{said['held']} von {said['held'] + said['unsure']} Markierungen halten in mindestens 90 %" in page
    assert "Markierungen halten" not in render_sheet(sheets["beschaeftigungsquote"], "de")


def test_areas_that_overlap_are_named_where_the_method_is(
    tested_inputs: Inputs, made: dict[str, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    level = tested_inputs.levels["ortsteil"]
    areas = level.areas.copy()
    first = areas.index[0]
    second = next(i for i in areas.index[1:] if areas.geometry[i].touches(areas.geometry[first]))
    areas.loc[first, "geometry"] = areas.geometry[first].union(areas.geometry[second].buffer(-100))
    inputs = replace(tested_inputs, levels={**tested_inputs.levels, "ortsteil": replace(level, areas=areas)})
    pair = f"{areas.loc[first, 'name']} / {areas.loc[second, 'name']}"
    assert hotspot_layer._overlapping(inputs, "ortsteil") == [pair]
    assert hotspot_layer._overlapping(tested_inputs, "ortsteil") == []
    assert "overlap" not in made["ortsteil_hotspots_sgb2_quote"].metadata["method"]["en"]
    monkeypatch.setattr(hotspot_layer, "_overlapping", lambda *_: [pair])
    said = layers(only(tested_inputs, "sgb2_quote"))["ortsteil_hotspots_sgb2_quote"].metadata["method"]
    assert said["de"].endswith(f"gelten als Nachbarn: {pair}.")
    assert said["en"].endswith(f"are taken as neighbours: {pair}.")
