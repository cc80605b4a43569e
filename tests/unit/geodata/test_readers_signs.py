"""Signs: every character of every legend, and none that a legend does not know."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.errors import ConfigError, SignError
from geodata.models import VALUED, Flag, Status
from geodata.readers.signs import LEGENDS, STATUSES, from_numbers, legend, number, parse, read_cell

S = Status

# Written off the legends as published, not off the code.
PUBLISHED = [
    ("classic", "-", S.ZERO, 0.0),
    ("classic", "0", S.ROUNDED_TO_ZERO, 0.0),
    ("classic", "0,0", S.ROUNDED_TO_ZERO, 0.0),
    ("classic", "-0,0", S.ROUNDED_TO_ZERO, 0.0),
    ("classic", ".", S.SUPPRESSED_OR_UNKNOWN, None),
    ("classic", "...", S.NOT_YET_AVAILABLE, None),
    ("classic", "/", S.UNRELIABLE, None),
    ("classic", "x", S.NOT_APPLICABLE, None),
    ("classic", "X", S.NOT_APPLICABLE, None),
    ("classic", "", S.MISSING, None),
    ("classic", "-9999", S.OBSERVED, -9999.0),
    ("classic", "-1", S.OBSERVED, -1.0),
    ("lsn-new", "k", S.ROUNDED_TO_ZERO, 0.0),
    ("lsn-new", "0", S.ZERO_OR_SUPPRESSED, None),
    ("lsn-new", "0,0", S.ZERO_OR_SUPPRESSED, None),
    ("lsn-new", "t", S.NOT_YET_AVAILABLE, None),
    ("lsn-new", "u", S.UNRELIABLE, None),
    ("lsn-new", "g", S.SUPPRESSED, None),
    ("lsn-new", "x", S.NOT_APPLICABLE, None),
    ("lsn-old", "[n]", S.ZERO, 0.0),
    ("lsn-old", "[0]", S.ROUNDED_TO_ZERO, 0.0),
    ("lsn-old", "[g]", S.SUPPRESSED, None),
    ("lsn-old", "[x]", S.NOT_APPLICABLE, None),
    ("lsn-old", "[u]", S.UNRELIABLE, None),
    ("zensus", "–", S.ZERO_OR_SUPPRESSED, None),
    ("zensus", "-", S.ZERO_OR_SUPPRESSED, None),
    ("zensus2011", "-1", S.ZERO_OR_SUPPRESSED, None),
    ("zensus2011", "-9", S.SUPPRESSED, None),
    ("zensus2011", "-9,0", S.SUPPRESSED, None),
    ("zensus2011", "0", S.ZERO, 0.0),
    ("ba", "*", S.SUPPRESSED, None),
    ("mss", "-9999", S.NOT_DELIVERED, None),
    ("mss", "-9999,0", S.NOT_DELIVERED, None),
    ("mss", "-9", S.OBSERVED, -9.0),
    ("none", "0", S.ZERO, 0.0),
    ("none", "-9999", S.OBSERVED, -9999.0),
    ("none", " ", S.MISSING, None),
]


@pytest.mark.parametrize(("version", "cell", "status", "value"), PUBLISHED)
def test_a_sign_means_what_its_legend_says(version, cell, status, value):
    found, said, flag = read_cell(cell, LEGENDS[version])
    assert said is status
    assert flag is Flag.NONE
    assert (
        math.isnan(found) if value is None else (found == value and math.copysign(1, found) == math.copysign(1, value))
    )


@pytest.mark.parametrize(
    ("version", "cell"),
    [
        ("none", "-"), ("none", "."), ("none", "12p"), ("none", "(12)"), ("classic", "*"), ("classic", "–"),
        ("classic", "k"), ("lsn-new", "-"), ("lsn-new", "."), ("lsn-old", "-"), ("zensus2011", "-"), ("mss", "."),
        ("classic", "12,5,6"), ("classic", "1.23"), ("classic", "()"), ("classic", "k.A."), ("none", "NaN"),
        ("none", "inf"), ("none", "1_000"), ("none", "٣"), ("classic", "p"),
    ],
)  # fmt: skip
def test_a_sign_of_another_legend_is_no_number(version, cell):
    assert read_cell(cell, LEGENDS[version]) is None


@pytest.mark.parametrize(
    ("cell", "value", "flag"),
    [
        ("12,5p", 12.5, Flag.PROVISIONAL),
        ("12 r", 12.0, Flag.REVISED),
        ("1.234s", 1234.0, Flag.ESTIMATED),
        ("12|", 12.0, Flag.BREAK),
        ("(12,5)", 12.5, Flag.UNCERTAIN),
        ("( 3 )", 3.0, Flag.UNCERTAIN),
        ("12 pr", 12.0, Flag.PROVISIONAL | Flag.REVISED),
        ("(12)p", 12.0, Flag.UNCERTAIN | Flag.PROVISIONAL),
        ("-p", 0.0, Flag.PROVISIONAL),
    ],
)
def test_suffixes_and_brackets_become_flags(cell, value, flag):
    found, status, said = read_cell(cell, LEGENDS["classic"])
    assert (found, said) == (value, flag)
    assert status in VALUED


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        ("1.234.567,8", ",", 1234567.8), ("1234,5", ",", 1234.5), ("-0,3", ",", -0.3), ("−2,5", ",", -2.5),
        ("1 234", ",", 1234.0), ("1\u00a0234", ",", 1234.0), ("1\u202f234,5", ",", 1234.5), ("0123", ",", 123.0),
        ("1.23", ",", None), ("12.34", ",", None), ("1.2345", ",", None), ("0.123", ",", None), ("1,", ",", None),
        ("1.234", ".", 1.234), ("350.74", ".", 350.74), ("1e-3", ".", 0.001), (".5", ".", 0.5), ("1,5", ".", None),
        ("1.234.567", ".", None), ("1.234 567", ",", None),
    ],
)  # fmt: skip
def test_numbers_are_read_in_one_notation_only(cell, decimal, value):
    assert number(cell, decimal) == value


@given(st.floats(-1e9, 1e9).map(lambda x: round(x, 3)))
def test_a_number_written_the_german_way_is_read_back(value):
    written = f"{value:,.3f}".replace(",", "~").replace(".", ",").replace("~", ".")
    assert number(written, ",") == value


@given(st.sampled_from(sorted(LEGENDS)), st.text(max_size=6), st.sampled_from([",", "."]))
def test_no_text_breaks_the_parser_and_only_valued_statuses_carry_numbers(version, cell, decimal):
    read = read_cell(cell, LEGENDS[version], decimal)
    if read is not None:
        value, status, _ = read
        assert math.isnan(value) == (status not in {S.OBSERVED, S.ZERO, S.ROUNDED_TO_ZERO})


def test_an_unknown_sign_names_file_column_rows_and_remedy():
    cells = pd.Series(["1", "*", "2", "*", "?"])
    with pytest.raises(SignError) as caught:
        parse(cells.iloc[:4], LEGENDS["classic"], where="t.csv", column="SvB", first_row=2)
    message = str(caught.value)
    assert "t.csv" in message
    assert "'SvB'" in message
    assert "row 3, 5" in message
    assert 'legend = "ba"' in caught.value.hint
    with pytest.raises(SignError, match="row 6"):
        parse(cells.iloc[4:], LEGENDS["ba"], where="t.csv", column="SvB", first_row=2)
    with pytest.raises(ConfigError, match="classic"):
        legend("klassisch")


def test_columns_of_numbers_know_the_same_signs():
    found = from_numbers(np.array([-1.0, -9.0, 0.0, 3.0, np.nan]), LEGENDS["zensus2011"], S.NOT_DELIVERED)
    assert [STATUSES[c] for c in found.status] == [
        S.ZERO_OR_SUPPRESSED, S.SUPPRESSED, S.ZERO, S.OBSERVED, S.NOT_DELIVERED,
    ]  # fmt: skip
    assert np.array_equal(found.value, [np.nan, np.nan, 0.0, 3.0, np.nan], equal_nan=True)


def test_a_million_cells_are_read_exactly():
    draws = np.random.default_rng(1).integers(0, 500, 1_000_000)
    cells = pd.Series(pd.array([str(i) for i in range(499)] + ["–"], dtype="str").take(draws))
    found = parse(cells, LEGENDS["zensus"], where="t.csv", column="Einwohner")
    assert int(np.isnan(found.value).sum()) == int((draws == 499).sum())
    assert np.array_equal(found.value[draws != 499], draws[draws != 499])
