"""The transfer matrix: missing values, rates with κ, audit, composition, and plain arrays there and back."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from geodata.errors import AreaKeyError, FormatError, SpatialError
from spatial.disaggregation import AllocationWeights, cell_weights, packed

#: Three targets, three sources; target "b" takes from X and Y, "c" has part in Z with weight 0.
W = np.array([[0.6, 0.0, 0.0], [0.4, 0.3, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 1.0]])


def weights(matrix: np.ndarray = W, touched: tuple[tuple[int, int], ...] = ((2, 2),)) -> AllocationWeights:
    t, s = np.nonzero(matrix)
    t, s = np.append(t, [p[0] for p in touched]).astype(int), np.append(s, [p[1] for p in touched]).astype(int)
    csr = sparse.coo_array((matrix[t, s], (t, s)), shape=matrix.shape).tocsr()
    sources = pd.Index(list("XYZ")[: matrix.shape[1]])
    return AllocationWeights(
        csr,
        sources,
        pd.Index(list("abcd")[: matrix.shape[0]]),
        1 - matrix.sum(axis=0),
        pd.Series("ancillary", index=sources),
        "made by hand",
        (2011,),
    )


def test_counts_by_hand() -> None:
    x = weights().apply(pd.Series({"Z": 5.0, "Y": 10.0, "X": 100.0}, name="unemployed"))
    assert x.to_dict() == pytest.approx({"a": 60, "b": 43, "c": 7, "d": 5})
    assert x.name == "unemployed"


def test_missing_source_makes_every_touched_target_missing_even_with_weight_zero() -> None:
    x = weights().apply(pd.Series({"X": 100.0, "Y": 10.0, "Z": np.nan}))
    assert x.isna().to_dict() == {"a": False, "b": False, "c": True, "d": True}
    x = weights().apply(pd.Series({"X": np.nan, "Y": 10.0, "Z": 1.0}))
    assert x.isna().to_dict() == {"a": True, "b": True, "c": False, "d": False}


def test_a_source_without_row_is_missing() -> None:
    x = weights().apply(pd.Series({"X": 100.0, "Y": 10.0}))
    assert x.isna().to_dict() == {"a": False, "b": False, "c": True, "d": True}


def test_nullable_integers_are_understood() -> None:
    x = weights().apply(pd.Series({"X": 100, "Y": 10, "Z": None}, dtype="Int64"))
    assert x["a"] == pytest.approx(60)
    assert np.isnan(x["d"])


@pytest.mark.parametrize(
    ("values", "error", "word"),
    [
        (pd.Series({"X": 1.0, "Q": 2.0}), AreaKeyError, "Q"),
        (pd.Series([1.0, 2.0], index=["X", "X"]), AreaKeyError, "repeated"),
        (pd.Series({"X": np.inf}), SpatialError, "infinite"),
        (pd.Series([1.0, 2.0, 3.0]), AreaKeyError, "sources are X, Y, Z"),
    ],
)
def test_values_that_would_be_dropped_are_refused(values: pd.Series, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        weights().apply(values)


def test_rates_by_hand() -> None:
    n = pd.Series({"X": 10.0, "Y": 30.0, "Z": 1.0})
    d = pd.Series({"X": 100.0, "Y": 100.0, "Z": 0.0})
    table = weights().rates(n, d)
    assert table.loc["a", "rate"] == 0.1
    assert table.loc["b", "rate"] == pytest.approx((4 + 9) / (40 + 30))
    assert table.loc["c", "rate"] == 0.3
    assert np.isnan(table.loc["d", "rate"]), "no denominator, no rate"
    assert table["coverage"].iloc[:3].to_list() == pytest.approx([1, 1, 1])
    assert table.columns.to_list() == ["numerator", "denominator", "rate", "coverage"]


def test_coverage_by_hand_and_threshold() -> None:
    n = pd.Series({"X": 10.0, "Y": np.nan, "Z": 1.0})
    d = pd.Series({"X": 100.0, "Y": 100.0, "Z": 10.0})
    table = weights().rates(n, d)
    assert table.loc["b", "coverage"] == pytest.approx(40 / 70)
    assert table.loc["b", "rate"] == pytest.approx(0.1), "the rate of the covered part"
    assert table.loc["b", "denominator"] == pytest.approx(40)
    assert table.loc["c", ["numerator", "denominator", "rate"]].isna().all()
    assert table.loc["c", "coverage"] == 0
    strict = weights().rates(n, d, min_coverage=0.6)
    assert strict.loc["b", ["numerator", "denominator", "rate"]].isna().all()
    assert strict.loc["b", "coverage"] == pytest.approx(40 / 70)


def test_missing_denominator_counts_in_coverage_with_the_mean_of_the_known() -> None:
    n = pd.Series({"X": 10.0, "Y": 30.0, "Z": 1.0})
    d = pd.Series({"X": 100.0, "Y": np.nan, "Z": 300.0})
    table = weights().rates(n, d)
    assert table.loc["b", "coverage"] == pytest.approx(40 / (40 + 0.3 * 200))
    assert np.isnan(table.loc["c", "rate"])


def test_rate_inside_one_source_is_that_sources_rate_bit_for_bit() -> None:
    rng = np.random.default_rng(7)
    cells = pd.Index([f"c{i}" for i in range(999)])
    source_of = pd.Series(rng.choice(list("ABC"), 999), index=cells)
    handed = cell_weights(source_of, pd.Series(rng.uniform(0.1, 9, 999), index=cells))
    n, d = pd.Series({"A": 234.0, "B": 204.0, "C": 263.0}), pd.Series({"A": 8025.0, "B": 5868.0, "C": 8824.0})
    rate = handed.rates(n, d)["rate"]
    assert rate.nunique() == 3
    assert (rate == source_of.map(n / d)).all()


def test_negative_denominator_is_refused() -> None:
    with pytest.raises(SpatialError, match="negative"):
        weights().rates(pd.Series({"X": 1.0}), pd.Series({"X": -1.0}))


def test_rate_operator_hands_rates_down() -> None:
    n = pd.Series({"X": 10.0, "Y": 30.0, "Z": 0.0})
    d = pd.Series({"X": 100.0, "Y": 50.0, "Z": 0.0})
    B = weights().rate_operator(d)
    np.testing.assert_allclose(np.asarray(B.sum(axis=1)).ravel(), [1, 1, 1, 0], rtol=1e-15)
    handed = B @ np.array([0.1, 0.6, 0.0])
    np.testing.assert_allclose(handed[:3], weights().rates(n, d)["rate"].to_numpy()[:3], rtol=1e-14)


def test_audit_reports_every_source() -> None:
    audit = weights().audit(pd.Series({"X": 1e9, "Y": 1 / 3, "Z": np.nan}))
    assert audit["total_in"].iloc[:2].to_list() == [1e9, 1 / 3]
    assert (audit["difference"].abs() <= 1e-12 * audit["total_in"]).iloc[:2].all()
    assert audit.loc["Z", ["total_in", "total_out", "difference"]].isna().all()
    assert audit["provenance"].to_list() == ["ancillary"] * 3


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(SpatialError, match="add up to 1"):
        AllocationWeights(
            sparse.csr_array(W * 0.9), pd.Index(list("XYZ")), pd.Index(list("abcd")), np.zeros(3), pd.Series(), "bad"
        )
    with pytest.raises(SpatialError, match="shape"):
        AllocationWeights(
            sparse.csr_array(W), pd.Index(list("XY")), pd.Index(list("abcd")), np.zeros(2), pd.Series(), ""
        )


def test_compose_is_the_product_and_keeps_zero_shares() -> None:
    second = cell_weights(
        pd.Series({"d2": "d", "a1": "a", "a2": "a", "b1": "b", "c1": "c"}),
        pd.Series({"d2": 0.0, "a1": 1.0, "a2": 3.0, "b1": 1.0, "c1": 2.0}),
        ancillary_year=2005,
    )
    both = weights().compose(second)
    y = pd.Series({"X": 100.0, "Y": 10.0, "Z": 6.0})
    pd.testing.assert_series_equal(both.apply(y), second.apply(weights().apply(y)), check_names=False, rtol=1e-14)
    assert both.apply(y).to_dict() == pytest.approx({"d2": 6, "a1": 15, "a2": 45, "b1": 43, "c1": 7})
    assert both.provenance.to_dict() == {"X": "ancillary", "Y": "ancillary", "Z": "area"}
    assert both.ancillary_years == (2005, 2011)
    assert [both.years_apart(year) for year in (2010, 2011, 2012, 2017)] == [None, (2005, 6), (2005, 7), (2005, 12)]
    assert (both.years_apart(2004), both.years_apart(2008)) == ((2011, 7), None)
    assert both.summary(y)["ancillary_years"] == (2005, 2011)
    assert AllocationWeights.from_bytes(both.to_bytes()).ancillary_years == (2005, 2011)
    missing = both.apply(pd.Series({"X": 100.0, "Y": 10.0}))
    assert missing.isna().to_dict() == {"d2": True, "a1": False, "a2": False, "b1": False, "c1": True}


def test_compose_carries_what_falls_outside() -> None:
    # The second step loses all of "a": of X six tenths.
    second = AllocationWeights(
        sparse.csr_array(np.array([[0.0, 1.0, 1.0, 1.0]])),
        pd.Index(list("abcd")),
        pd.Index(["all"]),
        np.array([1.0, 0, 0, 0]),
        pd.Series({"a": "outside", "b": "area", "c": "area", "d": "area"}),
        "second",
    )
    both = weights().compose(second)
    np.testing.assert_allclose(both.outside, [0.6, 0, 0])
    assert both.provenance.to_dict() == {"X": "area", "Y": "area", "Z": "area"}


def test_compose_needs_the_same_zones_in_between() -> None:
    with pytest.raises(AreaKeyError, match="in between"):
        weights().compose(cell_weights(pd.Series({"p": "a"}), pd.Series({"p": 1.0})))


def test_arrays_there_and_back_without_pickle() -> None:
    first = weights()
    buffer = io.BytesIO()
    np.savez(buffer, **first.to_arrays())
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as stored:
        again = AllocationWeights.from_arrays(stored)
    y = pd.Series({"X": 100.0, "Y": 10.0, "Z": np.nan})
    pd.testing.assert_series_equal(again.apply(y), first.apply(y))
    pd.testing.assert_frame_equal(again.audit(y), first.audit(y))
    assert (again.method, again.ancillary_years) == ("made by hand", (2011,))


def test_repr_tells_what_it_holds() -> None:
    assert repr(weights()) == "<AllocationWeights 'made by hand': 3 sources -> 4 targets, 6 shares; 3 ancillary>"


def three_zones() -> AllocationWeights:
    """X over a, b; Y over b, c; Z nowhere. d lies in no source."""
    matrix = sparse.csr_array(np.array([[0.25, 0, 0], [0.75, 0.5, 0], [0, 0.5, 0], [0, 0, 0]]))
    sources, targets = pd.Index(["X", "Y", "Z"]), pd.Index(["a", "b", "c", "d"])
    provenance = pd.Series(["ancillary", "area", "outside"], index=sources, name="provenance")
    return AllocationWeights(matrix, sources, targets, np.array([0.0, 0, 1]), provenance, "raster", (2011,))


def test_audit_tells_what_is_missing_empty_and_uncovered() -> None:
    weights = three_zones()
    audit = weights.audit(pd.Series({"X": 8.0, "Y": np.nan, "Z": 3.0}))
    assert audit["missing"].to_list() == [False, True, False]
    assert audit["empty"].to_list() == [False, True, True]
    assert audit["targets"].to_list() == [2, 2, 0]
    assert audit["outside"].fillna(-1).to_list() == [0, -1, 3]
    assert weights.summary(pd.Series({"X": 8.0, "Y": np.nan, "Z": 3.0})) == {
        "total_in": 11.0,
        "total_out": 8.0,
        "outside": 3.0,
        "largest_difference": 0.0,
        "sources": 3,
        "targets": 4,
        "missing_sources": 1,
        "empty_sources": 2,
        "uncovered_targets": 1,
        "provenance": {"ancillary": 1, "area": 1, "outside": 1},
        "method": "raster",
        "ancillary_years": (2011,),
    }


def test_many_variables_are_shared_as_each_alone() -> None:
    weights = three_zones()
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.random((3, 5)) * 1e9, index=["Z", "X", "Y"], columns=list("pqrst"))
    table.loc["Y", "q"] = table.loc["Z", "r"] = np.nan
    together = weights.apply_all(table)
    for name in table:
        pd.testing.assert_series_equal(together[name], weights.apply(table[name]), rtol=1e-15)
    with pytest.raises(AreaKeyError, match=r"expected ids .* others: W"):
        weights.apply_all(table.rename(index={"X": "W"}))
    with pytest.raises(AreaKeyError, match="every column once"):
        weights.apply_all(table[["p", "p"]])


def test_targets_brought_back_give_the_sources() -> None:
    weights = three_zones()
    y = pd.Series({"X": 8.0, "Y": 2.0, "Z": 3.0})
    moved = weights.apply(y)
    assert weights.aggregate(moved, by=y).fillna(-1).to_dict() == pytest.approx({"X": 8.0, "Y": 2.0, "Z": -1.0})
    assert weights.aggregate(moved.drop("c"), by=y).isna().to_list() == [False, True, True]
    with pytest.raises(SpatialError, match=r"1 in several: b.*by="):
        weights.aggregate(moved)
    with pytest.raises(AreaKeyError, match="others: e"):
        weights.aggregate(pd.Series({"e": 1.0}), by=y)
    nested = cell_weights(pd.Series({"a": "X", "b": "X", "c": "Y"}), pd.Series({"a": 1.0, "b": 3.0, "c": 1.0}))
    assert nested.aggregate(pd.Series({"a": 5.0, "b": 6.0, "c": 7.0})).to_dict() == {"X": 11.0, "Y": 7.0}


@pytest.mark.parametrize(
    ("year", "apart"), [(2016, None), (2017, (2011, 6)), (2005, (2011, 6)), (2006, None), (None, None)]
)
def test_more_than_five_years_between_ancillary_and_data(year: int | None, apart: tuple[int, int] | None) -> None:
    assert three_zones().years_apart(year) == apart
    assert dataclasses.replace(three_zones(), ancillary_years=()).years_apart(year) is None


def test_saved_as_one_file_and_loaded() -> None:
    weights = three_zones()
    data = weights.to_bytes()
    assert data == three_zones().to_bytes(), "the same weights give the same bytes"
    again = AllocationWeights.from_bytes(data)
    y = pd.Series({"X": 8.0, "Y": 2.0, "Z": 3.0})
    pd.testing.assert_frame_equal(again.audit(y), weights.audit(y))
    pd.testing.assert_series_equal(again.apply(y), weights.apply(y))
    assert (again.method, again.ancillary_years, repr(again)) == ("raster", (2011,), repr(weights))


def test_damaged_files_are_refused_whatever_the_damage() -> None:
    data = three_zones().to_bytes()
    rng = np.random.default_rng(6)
    damaged = [b"", b"PK", data[: len(data) // 2], data[:-30], b"x" * 500]
    for at in rng.integers(0, len(data), 200):
        damaged.append(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    said = []
    for content in damaged:
        try:
            again = AllocationWeights.from_bytes(content, where="cache/ab.npz")
        except FormatError as error:
            said.append(str(error))
        else:  # a byte of the archive that carries nothing, such as a date
            assert again.to_bytes() == data
    assert len(said) > 120
    assert all("cache/ab.npz" in text and "delete the file" in text for text in said)


def test_other_version_pickles_and_wrong_arrays_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = three_zones()
    arrays = weights.to_arrays()
    wrong = [
        {**arrays, "indices": arrays["indices"] + 9},
        {**arrays, "data": arrays["data"] * 2},
        {k: v for k, v in arrays.items() if k != "outside"},
    ]
    for content in wrong:
        with pytest.raises(FormatError, match="arrays of a transfer matrix"):
            AllocationWeights.from_bytes(packed.pack(content))
    out = io.BytesIO()
    np.savez(out, data=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="cannot be read"):
        AllocationWeights.from_bytes(out.getvalue())
    data = weights.to_bytes()
    monkeypatch.setattr(packed, "FORMAT_VERSION", 99)
    with pytest.raises(FormatError, match="version 99, found 3"):
        AllocationWeights.from_bytes(data)


def test_a_target_without_mass_is_brought_back_too() -> None:
    """Who lives in a target that the ancillary data call empty belongs to its source all the same."""
    nested = cell_weights(pd.Series({"a": "X", "b": "X", "c": "Y"}), pd.Series({"a": 0.0, "b": 3.0, "c": 1.0}))
    assert nested.aggregate(pd.Series({"a": 5.0, "b": 6.0, "c": 7.0})).to_dict() == {"X": 11.0, "Y": 7.0}


def test_targets_of_sources_without_counts_are_brought_back_by_shares() -> None:
    back = three_zones().aggregate(
        pd.Series({"a": 1.0, "b": 10.0, "c": 2.0, "d": 0.0}), by=pd.Series({"X": 0.0, "Y": 0.0, "Z": 1.0})
    )
    assert back.to_list()[:2] == pytest.approx([1 + 6, 2 + 4])


def test_texts_are_no_values() -> None:
    with pytest.raises(SpatialError, match="expected numbers"):
        three_zones().apply(pd.Series({"X": "8 T", "Y": "2", "Z": "3"}))


@pytest.mark.parametrize("ids", [[1.5, 2.5, 3.5], [1, "1", "b"], ["a", "b", "c\0"]])
def test_ids_that_would_not_come_back_are_not_saved(ids: list[object]) -> None:
    weights = cell_weights(pd.Series(["s", "s", "t"], index=ids), pd.Series([1.0, 2.0, 3.0], index=ids))
    with pytest.raises(SpatialError, match="texts or whole numbers"):
        weights.to_bytes()


def _archive(header: bytes, method: int = 8) -> bytes:
    """Make an npz whose only array has the given header, or whose entry claims another compression."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 90)
    data = out.getvalue()
    central = data.rindex(b"PK\x01\x02")
    return data[: central + 10] + bytes([method]) + data[central + 11 :]


@pytest.mark.parametrize(
    "data",
    [
        _archive(b"{'descr': ("),
        _archive(b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", method=14),
        _archive(b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", method=12),
        _archive(b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }\n"),
    ],
    ids=["torn header", "LZMA", "BZ2", "more than memory"],
)
def test_headers_that_lie_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        AllocationWeights.from_bytes(data)
