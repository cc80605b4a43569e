"""Text files: encodings, delimiters, decimal signs, and everything that is cut off."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from geodata.errors import FormatError, MissingFileError, NoDataError
from geodata.readers import decimals, text

ROW = "key;name\n1;Gäßchen – süd\n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8 with BOM"), ("cp1252", "cp1252"), ("utf-16", "utf-16")],
)
def test_encodings_are_recognised(tmp_path, encoding, said):
    path = tmp_path / "t.csv"
    path.write_bytes(ROW.encode(encoding))
    file = text.decode(path)
    assert (file.encoding, file.payload.decode()) == (said, ROW)
    assert text.read_cells(file, ";").iloc[1].tolist() == ["1", "Gäßchen – süd"]


def test_latin_1_is_the_last_resort(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a;b\n1;\xe4\x81\n")
    assert text.decode(path).encoding == "latin-1"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", NoDataError, "empty"),
        (b" \n\n", NoDataError, "blanks"),
        (b"\xef\xbb\xbf", NoDataError, "blanks"),
        (b"PK\x03\x04rest", FormatError, "XLSX"),
        (b"SQLite format 3\x00", FormatError, "GeoPackage"),
        (b"a;b\n1;\x00\n", FormatError, "binary"),
        ("a;b\n1;Gä".encode()[:-1], FormatError, "expected|cp1252"),
        ("ä;b\n1;Gä".encode()[:-1], FormatError, "truncated"),
        (b"\xef\xbb\xbfa;b\n\xe4;1\n", FormatError, "byte order mark"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, error, words):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    if words == "expected|cp1252":  # a lone lead byte at the end may as well be cp1252: nothing else was UTF-8
        assert text.decode(path).encoding == "cp1252"
        return
    with pytest.raises(error, match=words) as caught:
        text.decode(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="found none"):
        text.decode(tmp_path / "no.csv")
    with pytest.raises(FormatError, match="cannot be read"):
        text.decode(tmp_path)


def test_a_broken_row_is_named_and_a_broken_end_is_called_truncated(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a;b;c\n1;2;3\n4;5\n6;7;8\n")
    with pytest.raises(FormatError, match="line 3 has 2 cells, the first has 3"):
        text.read_cells(text.decode(path), ";")
    path.write_bytes(b"a;b;c\n1;2;3\n4;5")
    with pytest.raises(FormatError, match="truncated"):
        text.read_cells(text.decode(path), ";")


def test_quotes_blank_lines_and_line_breaks_inside_cells(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'a;b\r\n"1;2";"x\ny"\r\n\r\n;\r\n"say ""so""";3\r\n')
    cells = text.read_cells(text.decode(path), ";")
    assert cells.to_numpy().tolist() == [["a", "b"], ["1;2", "x\ny"], ['say "so"', "3"]]


@pytest.mark.parametrize(
    ("cells", "delimiter", "sign"),
    [
        (["1,5", "2"], ";", ","), (["1.234,5", "2"], ";", ","), (["350.74", "1"], ";", "."), (["1.5"], ",", "."),
        (["1.234", "12.345"], ";", ","), (["0.123", "1.234"], ";", "."), (["1", "2"], ";", ","),
    ],
)  # fmt: skip
def test_the_decimal_sign_is_told_from_all_columns(cells, delimiter, sign):
    assert decimals.detect([pd.Series(cells)], delimiter, "t.csv")[0] == sign


def test_a_guess_about_thousands_is_said_and_two_notations_are_refused():
    assert "1234" in decimals.detect([pd.Series(["1.234"])], ";", "t.csv")[1]
    assert "1,234 is read as 1234" in decimals.detect([pd.Series(["1,234", "2.5"])], ";", "t.csv")[1]
    with pytest.raises(FormatError, match="both"):
        decimals.detect([pd.Series(["1,5"]), pd.Series(["350.74"])], ";", "t.csv")


@pytest.mark.parametrize(("code", "words"), [(98, "job=true"), (99, "resultfile"), (104, "regional key"), (0, "ffcsv")])
def test_answers_of_the_database_are_no_tables(tmp_path, code, words):
    path = tmp_path / "answer.csv"
    answer = {"Ident": {"Service": "data"}, "Status": {"Code": code, "Content": "…"}, "Parameter": {"name": "12411-01"}}
    path.write_text(json.dumps(answer), encoding="utf-8")
    with pytest.raises(NoDataError) as caught:
        text.refuse_answer(text.decode(path))
    assert words in caught.value.hint
    assert "12411-01" in caught.value.message
