"""Matrices kept between runs: found by content only, and a bad file costs a note, never a result."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from service.workflows import matrices
from service.workflows.matrices import MatrixCache, content_key
from spatial.disaggregation import AllocationWeights, area_weights, packed

ZONES = gpd.GeoDataFrame(index=pd.Index(["s"], name="area_id"), geometry=[box(0, 0, 4, 1)], crs=25832)
SMALL = gpd.GeoDataFrame(
    {"title": ["w", "e"]}, index=pd.Index(["a", "b"]), geometry=[box(0, 0, 1, 1), box(1, 0, 4, 1)], crs=25832
)
PARTS = {
    "zones": ZONES,
    "values": np.arange(6.0).reshape(2, 3),
    "mass": pd.Series([1.0, 2.0], index=["a", "b"]),
    "of": pd.Series(["s", None], index=["a", "b"]),
    "sources": pd.Index(["s"]),
    "year": 2022,
    "sliver": 0.005,
}


def build() -> AllocationWeights:
    return area_weights(ZONES, SMALL)


def same(left: AllocationWeights, right: AllocationWeights) -> bool:
    return left.to_bytes() == right.to_bytes()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("zones", ZONES.set_geometry([box(0, 0, 4, 1.0000001)])),
        ("zones", ZONES.rename(index={"s": "t"})),
        ("zones", ZONES.set_crs(25833, allow_override=True)),
        ("zones", pd.concat([ZONES, SMALL])),
        ("values", np.arange(6.0).reshape(3, 2)),
        ("values", np.arange(6, dtype=np.float32).reshape(2, 3)),
        ("values", np.array([[0, 1, 2], [3, 4, 5.0000001]])),
        ("mass", pd.Series([1.0, 2.0], index=["b", "a"])),
        ("mass", pd.Series([1.0, 2.5], index=["a", "b"])),
        ("of", pd.Series([None, "s"], index=["a", "b"])),
        ("sources", pd.Index(["s", "t"])),
        ("year", 2011),
        ("year", None),
        ("sliver", 0.0),
    ],
)
def test_any_change_of_content_is_another_key(name: str, other: object) -> None:
    assert content_key(**PARTS) == content_key(**dict(reversed(PARTS.items())))
    assert content_key(**{**PARTS, name: other}) != content_key(**PARTS)


def test_columns_that_play_no_part_keep_the_key_and_another_format_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert content_key(z=SMALL) == content_key(z=SMALL[["geometry"]])
    before = content_key(z=SMALL)
    monkeypatch.setattr(packed, "FORMAT_VERSION", 99)
    assert content_key(z=SMALL) != before


def test_built_once_then_loaded(tmp_path: Path) -> None:
    said: list[str] = []
    cache = MatrixCache(tmp_path / "state" / "cache", said.append)
    built: list[int] = []

    def counted() -> AllocationWeights:
        built.append(1)
        return build()

    first = cache.load_or_build("ab" * 32, counted)
    again = cache.load_or_build("ab" * 32, counted)
    cache.load_or_build("cd" * 32, counted)
    assert (len(built), said) == (2, [])
    assert same(first, again)
    assert sorted(p.name for p in cache.folder.iterdir()) == ["ab" * 32 + ".npz", "cd" * 32 + ".npz"]


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_bad_file_is_built_again_with_a_note(tmp_path: Path, content: bytes | None) -> None:
    said: list[str] = []
    cache = MatrixCache(tmp_path, said.append)
    path = tmp_path / f"{'ab' * 32}.npz"
    path.write_bytes(build().to_bytes()[:-40] if content is None else content)
    assert same(cache.load_or_build("ab" * 32, build), build())
    assert len(said) == 1
    assert str(path) in said[0]
    assert "built again" in said[0]
    assert AllocationWeights.from_bytes(path.read_bytes()).method == "area"


def test_folder_that_cannot_be_written_costs_a_note(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    said: list[str] = []
    assert same(MatrixCache(tmp_path / "cache", said.append).load_or_build("ab" * 32, build), build())
    assert "cannot be kept" in said[-1]


def test_write_that_fails_halfway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matrices.os, "fsync", full)
    said: list[str] = []
    assert same(MatrixCache(tmp_path, said.append).load_or_build("ab" * 32, build), build())
    assert list(tmp_path.iterdir()) == []
    assert "No space left" in said[0]


def test_only_the_matrices_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(matrices, "KEPT", 2)
    cache = MatrixCache(tmp_path)
    for at, key in enumerate(("aa", "bb")):
        cache.load_or_build(key, build)
        os.utime(tmp_path / f"{key}.npz", (at + 1, at + 1))
    cache.load_or_build("aa", build)  # used, so that bb is the oldest now
    cache.load_or_build("cc", build)
    assert sorted(p.stem for p in tmp_path.iterdir()) == ["aa", "cc"]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("zones", ZONES.rename_axis("ags")),
        ("mass", pd.Series([1.0, 2.0], index=["a", "b"], name="people")),
        ("mass", pd.Series([1.0, None], index=["a", "b"], dtype="Float64")),
        ("sources", pd.Index(["s"], name="ags")),
        ("values", np.array([[0, 1, 2], [3, 4, 5]], dtype=object)),
        ("sliver", (0.005, "EPSG:3035")),
    ],
)
def test_names_and_kinds_are_content_too(name: str, other: object) -> None:
    """Names of ids stand in the matrix, and bytes of objects are addresses that differ from run to run."""
    assert content_key(**{**PARTS, name: other}) != content_key(**PARTS)
    again = other.copy(deep=True) if isinstance(other, pd.Series) else other
    assert content_key(**{**PARTS, name: again}) == content_key(**{**PARTS, name: other})


@pytest.mark.parametrize("part", [pd.DataFrame({"a": range(1000)}), {"a": 1}, object()])
def test_what_a_key_could_not_tell_apart_is_refused(part: object) -> None:
    with pytest.raises(TypeError, match="in a key, found"):
        content_key(part=part)


def test_a_folder_for_reading_only_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    cache = MatrixCache(tmp_path, said.append)
    cache.load_or_build("ab", build)

    def refused(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    def never() -> AllocationWeights:
        raise AssertionError("built although it was kept")

    monkeypatch.setattr(matrices.os, "utime", refused)
    assert same(cache.load_or_build("ab", never), build())
    assert said == []


def test_ids_that_cannot_be_saved_cost_a_note(tmp_path: Path) -> None:
    said: list[str] = []
    small = SMALL.set_index(pd.Index([0.5, 1.5]))
    found = MatrixCache(tmp_path, said.append).load_or_build("ab", lambda: area_weights(ZONES, small))
    assert found.target_ids.tolist() == [0.5, 1.5]
    assert "cannot be kept" in said[0]
    assert "texts or whole numbers" in said[0]
