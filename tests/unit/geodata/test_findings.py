"""Findings of a table: each is said where it is so, and not where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geodata.models import OBSERVATION_COLUMNS, Observations
from geodata.readers.findings import is_count, table_findings, with_findings
from geodata.readers.sniff import describe


def observed(rows, unit: str = "Anzahl") -> Observations:
    """Rows of (area, year, variable, value), NaN with a status as fifth."""
    full = [(a, y, v, x, s[0] if s else "observed", "counted", 0) for a, y, v, x, *s in rows]
    table = pd.DataFrame(full, columns=list(OBSERVATION_COLUMNS)).astype({"value": float})
    return Observations(table, dict.fromkeys(table["variable"], unit), notes=("read",))


def yearly(values, key: str = "03157001", first: int = 2010, variable: str = "n"):
    return [(key, first + i, variable, x) for i, x in enumerate(values) if x is not None]


def test_a_plain_table_says_nothing():
    rows = [(f"0325400{i}", y, "n", 100.0 + i + y % 7) for i in (2, 3, 5) for y in range(2010, 2020)]
    assert table_findings(observed(rows)) == ()


def test_dead_keys_are_named_with_and_without_figures():
    rows = [
        ("03157003", 2016, "n", np.nan, "area_does_not_exist"),
        ("03157004", 2016, "n", 12.0),
        ("03157003", 2014, "n", 7.0),
        ("03154003", 2023, "n", np.nan, "area_does_not_exist"),
        ("03154011", 2020, "n", 4.0),  # gone by 2022, nobody knows since when
    ]
    assert table_findings(observed(rows)) == (
        "key dissolved at 2015-01-01: 03157003 Ilsede, now 03157009 Ilsede",
        "key dissolved at 2015-01-01: 03157004 Lahstedt, now 03157009 Ilsede; figures after that day stand beside them",
        "1 key dissolved by 2022-12-31 (day and successor not recorded): 03154003 Büddenstedt",
    )


def test_years_before_a_key_existed_were_worked_back():
    rows = yearly([1.0] * 8, key="03157009")
    assert table_findings(observed(rows)) == (
        "period before the Gebietsstand: 03157009 Ilsede since 2015-01-01, figures from 2010 on were worked back",
    )
    assert table_findings(observed(yearly([1.0] * 3, key="03157009", first=2015))) == ()


def test_gaps_in_years_and_areas():
    assert table_findings(observed(yearly([1, 1, None, 1, 1]))) == (
        "gap in the years: 2012 lacking between 2010 and 2014",
    )
    # Every fifth year is a rhythm, not a gap.
    assert table_findings(observed([("03157001", y, "n", 1.0) for y in (2000, 2005, 2010, 2015)])) == ()
    rows = yearly([1] * 6, "03157001") + yearly([1] * 6, "03157002") + yearly([1, 1, None, 1, 1, 1], "03157005")
    assert table_findings(observed(rows)) == ("n: 1 areas lack years between their first and last figure: 03157005",)


def test_areas_without_any_figure():
    rows = [("03157001", 2010, "n", 1.0), ("03157002", 2010, "n", np.nan, "missing")]
    assert table_findings(observed(rows)) == ("1 of 2 areas have no figure at all: 03157002",)


def sexes(women: float, men: float, total: float, key: str = "03157001"):
    return [(key, 2020, "n", total), (key, 2020, "n.GES=GESW", women), (key, 2020, "n.GES=GESM", men)]


def test_parts_are_held_against_their_total():
    assert table_findings(observed(sexes(1900, 2100, 4000))) == ()
    off = sexes(1888, 2100, 4000) + sexes(51, 50, 100, "03157002")
    assert table_findings(observed(off)) == (
        "GES: parts differ from the total by 12 (0.3 %) at most, in n, 03157001, 2020; 2 of 2 totals are not met",
    )
    # A part without a number makes no sum, one part alone no comparison, percentages are not added.
    lacking = [*sexes(1, 1, 9)[:2], ("03157001", 2020, "n.GES=GESM", np.nan, "suppressed_or_unknown")]
    assert table_findings(observed(lacking)) == ()
    assert table_findings(observed(sexes(1, 1, 9)[:2])) == ()
    assert table_findings(observed(sexes(50, 40, 45), unit="Prozent")) == ()


def test_parts_that_overlap_or_lack_are_not_called_wrong():
    (finding,) = table_findings(observed(sexes(300, 400, 1000)))
    assert finding == "n, GES: the parts add up to 700 of 1000 (70.0 %): not all are in the table, or they overlap"


def test_gemeinden_are_held_against_their_kreis_and_kreise_against_their_land():
    gemeinden = [("03157001", 2020, "n", 40.0), ("03157002", 2020, "n", 57.0)]
    assert table_findings(observed([*gemeinden, ("03157", 2020, "n", 97.0)])) == ()
    assert table_findings(observed([*gemeinden, ("03157", 2020, "n", 100.0)])) == (
        "Gemeinden against Kreise: parts differ from the total by 3 (3.0 %) at most, in n, 03157, 2020; "
        "1 of 1 totals are not met",
    )
    # The capital stands among the Kreise: one Gemeinde is no list of all.
    assert table_findings(observed([("03241001", 2020, "n", 5.0), ("03241", 2020, "n", 11.0)])) == ()
    kreise = [("03157", 2020, "n", 5.0), ("03158", 2020, "n", 6.0), ("03", 2020, "n", 80.0)]
    (finding,) = table_findings(observed(kreise))
    assert finding.startswith("n, Kreise against Länder: the parts add up to 11 of 80 (13.8 %)")


def test_jumps_are_told_from_what_happened_everywhere():
    rng = np.random.default_rng(3)
    calm = {f"031580{i:02}": 1000 * np.exp(rng.normal(0, 0.02, 10).cumsum()) for i in range(50, 60)}
    for values in calm.values():
        values[5:] *= 0.4  # a new definition: everybody falls
    rows = [row for key, values in calm.items() for row in yearly(values, key)]
    assert not [f for f in table_findings(observed(rows)) if "jump" in f]
    calm["03158055"][7:] *= 3
    rows = [row for key, values in calm.items() for row in yearly(values, key)]
    assert "n: 1 jumps from one year to the next: 03158055 in 2017" in table_findings(observed(rows))


def test_cells_of_a_grid_have_no_territory():
    rows = [("CRS3035RES1000mN2689000E4337000", y, "n", float(y)) for y in (2010, 2011, 2015)]
    assert table_findings(observed(rows)) == ()


def test_findings_become_notes_once():
    found = with_findings(observed(yearly([1, 1, None, 1])))
    assert found.notes == ("read", "gap in the years: 2012 lacking between 2010 and 2013")
    assert with_findings(found).notes == found.notes


@pytest.mark.parametrize(
    ("unit", "variable", "adds_up"),
    [
        ("Anzahl", "Quote", True),
        ("1000", "", True),
        ("Prozent", "n", False),
        ("%", "n", False),
        ("Euro/Einwohner", "n", False),
        ("", "Anteil unter 18", False),
        ("", "Arbeitslose", True),
        ("Euro je Einwohner", "n", False),
    ],
)
def test_what_adds_up_is_told_by_its_unit_else_by_its_name(unit, variable, adds_up):
    assert is_count(unit, variable) == adds_up


def test_dead_keys_are_named_in_a_table_of_unknown_kind_too(tmp_path):
    path = tmp_path / "fachdienst.csv"
    path.write_text("AGS;Name;Faelle\n03157001;Edemissen;4\n03157004;Lahstedt;5\n", encoding="utf-8")
    assert "key dissolved at 2015-01-01: 03157004 Lahstedt, now 03157009 Ilsede" in describe(path).findings
