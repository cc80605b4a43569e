"""Peine's Gemeinden within Lower Saxony, through the county's own description and workflow."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geodata.county import load_county
from geodata.store.model import Collection
from service.reports.area_profile import write_profiles
from service.workflows.composite import compute_index
from service.workflows.index_frame import frame_areas, indicator_values
from service.workflows.index_layers import index_collections
from service.workflows.indicators import indicator_collections
from service.workflows.profiles import ProfileBook
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.verify import verify

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
PEINE = "03157006"


@pytest.fixture(scope="module")
def inputs(real_data: Path) -> Inputs:
    return read_inputs(load_county(ROOT / "counties" / "peine", data=real_data / "peine"))


@pytest.fixture(scope="module")
def layers(inputs: Inputs) -> dict[str, Collection]:
    figures = suppressed_for_public(inputs)
    found = index_collections(inputs, figures, compute_index(inputs, figures))
    verify(inputs, figures, found, public=True)
    return {c.id: c for c in found}


def year(collection: Collection, period: int) -> pd.DataFrame:
    table = collection.table
    return table[table["period"] == period].set_index("area_id")


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read an INKAR sheet without any of the project's readers."""
    table = pd.read_csv(folder / name, sep=";", header=1, dtype=str, encoding="utf-8-sig")
    table = table.set_index(table.columns[0])[[c for c in table.columns if c.isdigit()]]
    return table.apply(lambda column: pd.to_numeric(column.str.replace(",", "."), errors="coerce"))


def test_the_frame_is_lower_saxony(inputs: Inputs) -> None:
    areas = frame_areas(inputs, inputs.figures)
    assert list(areas[:7]) == list(inputs.inside("gemeinde"))
    rates = indicator_values(inputs, inputs.figures, "arbeitslosenquote", 2021, areas)
    taxes = indicator_values(inputs, inputs.figures, "einkommensteuer", 2019, areas)
    assert (int(rates.notna().sum()), int(taxes.notna().sum())) == (941, 405)


def test_peine_stadt_stands_at_1_76_in_the_unemployment_rate_of_2021(layers: dict[str, Collection]) -> None:
    table = year(layers["gemeinde_index_contributions"], 2021)
    z = table["z_arbeitslosenquote"]
    assert z[PEINE] == pytest.approx(1.76, abs=0.005)
    assert (round(z.drop(PEINE).min(), 2), round(z.drop(PEINE).max(), 2)) == (-0.68, 0.40)
    # Beside the rate the number of people: two thirds of them live in the city, the others in six rural Gemeinden.
    assert table["affected_arbeitslosenquote"].sum() == 3740
    assert table.loc[PEINE, "affected_arbeitslosenquote"] == 2025
    assert table["score"].isna().all()  # the tax ends in 2019, so there is no index of 2021


def test_the_index_of_2019_by_sums_over_the_files(layers: dict[str, Collection], real_data: Path) -> None:
    folder = real_data / "peine"
    cases = read(folder, "inkar_arbeitslose_gemeinden_niedersachsen.csv")["2019"]
    people = read(folder, "inkar_erwerbsfaehige_gemeinden_niedersachsen.csv")["2019"]
    tax = read(folder, "inkar_einkommensteuer_gvb_niedersachsen.csv")["2019"].dropna()
    rate = (100 * cases / people.where(people > 0)).dropna()
    # A Verband whose number begins with 0 is one Gemeinde: ARS[:9] of 031570006006.
    single = {key[:5] + key[6:]: value for key, value in tax.items() if key[5] == "0"}
    z_rate, z_tax = (rate - rate.mean()) / rate.std(ddof=0), -(pd.Series(single) - tax.mean()) / tax.std(ddof=0)
    both = pd.concat([z_rate, z_tax], axis=1).dropna().sum(axis=1)
    score = (both - both.mean()) / both.std(ddof=0)
    table = year(layers["gemeinde_index"], 2019)
    np.testing.assert_allclose(table["score"], score.reindex(table.index), atol=1e-9)
    assert table.loc[PEINE, "rank"] == 1
    assert layers["gemeinde_index"].metadata["method"]["de"].count(f"Niedersachsen ({len(both)} Gebiete)") == 1
    assert (table["rank_high"] <= 7).all()


def test_the_page_of_the_county_says_what_a_committee_needs(
    inputs: Inputs, layers: dict[str, Collection], tmp_path: Path
) -> None:
    plain = replace(
        inputs,
        county=replace(
            inputs.county, indicators={name: replace(i, handed_down=()) for name, i in inputs.county.indicators.items()}
        ),
    )
    found = indicator_collections(plain, suppressed_for_public(inputs), {}, public=True)
    book = ProfileBook(inputs, [*found, *layers.values()], publication="0001")
    write_profiles(tmp_path, book.profiles())
    page = (tmp_path / "profiles" / "index.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for said in (
        "Niedersachsen",
        "Peine 6,37 % +1,76 −1,99 seit 2001 2.025",
        "Kreis (gezeigte Gebiete zusammen) 4,33 %",
        "geringer geworden",
        "nicht preisbereinigt",
        "© BBSR Bonn",
        "kein Urteil",
    ):
        assert said in text, said
    (rate,) = (f for f in book.profile(PEINE).figures if f.id == "arbeitslosenquote")
    assert (rate.cases, rate.people, rate.period) == (2025, 31780, 2021)
    assert rate.county == pytest.approx(100 * 3740 / (8025 + 5868 + 8824 + 31780 + 11318 + 6821 + 13801))


def test_change_since_2001_is_absolute_and_says_that_money_is_not_adjusted(layers: dict[str, Collection]) -> None:
    change = layers["gemeinde_index_change"]
    table = year(change, 2019)
    assert (table["change_arbeitslosenquote"] < 0).all()
    parts = table["contribution_arbeitslosenquote"] + table["contribution_einkommensteuer"]
    np.testing.assert_allclose(parts, table["change"], atol=1e-12)
    assert "nicht preisbereinigt" in change.metadata["method"]["de"]
    assert "Niedersachsen" in change.metadata["method"]["de"]
