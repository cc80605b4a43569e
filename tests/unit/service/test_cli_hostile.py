"""Bad input through the command line: a clear error, exit code 3, and no publication; the old one stays."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
from click.testing import CliRunner, Result
from shapely.geometry import Polygon

from service.cli import main

Change = Callable[[Path], None]
ORTSTEILE = "data/grenzen/ortsteile.gpkg"
POPULATION = "data/zensus/Zensus2022_Bevoelkerungszahl_100m-Gitter.csv"
REGISTER = "data/fachdienste/lernmittel.csv"
GENESIS = "data/genesis/13111-02-03-5_beschaeftigte_wohnort_flat.csv"


def edit(file: str, change: Callable[[str], str]) -> Change:
    def apply(folder: Path) -> None:
        path = folder / file
        raw = path.read_bytes()
        encoding = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"
        path.write_bytes(change(raw.decode(encoding)).encode(encoding))

    return apply


def write(file: str, content: bytes) -> Change:
    return lambda folder: (folder / file).write_bytes(content) and None


def reshape(change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> Change:
    def apply(folder: Path) -> None:
        path = folder / ORTSTEILE
        areas = gpd.read_file(path)
        path.unlink()
        with warnings.catch_warnings():  # pyogrio warns of the missing CRS that this is about
            warnings.simplefilter("ignore", UserWarning)
            change(areas).to_file(path, driver="GPKG", layer="ortsteile")

    return apply


def rename_first_column(text: str) -> str:
    head, rest = text.split("\n", 1)
    first, others = head.split(";", 1)
    return f"X{first}X;{others}\n{rest}"


def put_sign(text: str) -> str:
    lines = text.splitlines()
    cells = lines[1].split(";")
    cells[4] = "§"  # the number of cases
    return "\n".join([lines[0], ";".join(cells), *lines[2:]]) + "\n"


def repeat_row(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([*lines, lines[1]]) + "\n"


def no_crs(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return areas.set_crs(None, allow_override=True)


def degrees_as_metres(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return areas.set_crs("EPSG:3857", allow_override=True)


def same_key(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    for column in areas.columns.drop("geometry"):
        if areas[column].is_unique:
            areas.loc[1, column] = areas.loc[0, column]
    return areas


def bow_tie(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    x, y = areas.geometry.iloc[0].centroid.coords[0]
    areas.loc[0, "geometry"] = Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100)])
    return areas


def nothing_there(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    areas.loc[0, "geometry"] = Polygon()
    return areas


CASES: dict[str, tuple[Change, str]] = {
    "missing column": (edit(REGISTER, rename_first_column), "lernmittel.csv"),
    "unknown sign": (edit(REGISTER, put_sign), "lernmittel.csv"),
    "duplicate rows": (edit(REGISTER, repeat_row), "lernmittel.csv"),
    "empty file": (write(POPULATION, b""), "Bevoelkerungszahl"),
    "header without rows": (edit(POPULATION, lambda text: text.splitlines()[0] + "\n"), "Bevoelkerungszahl"),
    "truncated text": (edit(GENESIS, lambda text: text[: int(len(text) * 0.6)].rsplit(";", 2)[0]), "13111"),
    "binary rubbish": (write(GENESIS, bytes(range(256)) * 40), "13111"),
    "text named gpkg": (write(ORTSTEILE, b"name;key\nnord;1\n"), "ortsteile.gpkg"),
    "truncated gpkg": (
        lambda folder: (folder / ORTSTEILE).write_bytes((folder / ORTSTEILE).read_bytes()[:20_000]) and None,
        "ortsteile.gpkg",
    ),
    "missing CRS": (reshape(no_crs), "ortsteile.gpkg"),
    "duplicate keys": (reshape(same_key), "ortsteile.gpkg"),
    "invalid geometry": (reshape(bow_tie), "ortsteile.gpkg"),
    "empty geometry": (reshape(nothing_there), "ortsteile.gpkg"),
    "truncated raster": (
        lambda folder: next((folder / "data/raster").glob("*.tif")).write_bytes(b"II*\0" + b"\0" * 60) and None,
        ".tif",
    ),
    "unknown key in county.toml": (
        edit("county.toml", lambda text: text.replace("[county]", "[county]\ncolour = 1", 1)),
        "colour",
    ),
    "missing file": (lambda folder: (folder / REGISTER).unlink(), "lernmittel.csv"),
}


def invoke(folder: Path, state: Path) -> Result:
    return CliRunner().invoke(main, ["run", str(folder), "--state", str(state), "--maps", "none"])


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_before_anything_is_published(case: str, tiny_county: Path, tmp_path: Path) -> None:
    folder, state = tmp_path / "county", tmp_path / "state"
    shutil.copytree(tiny_county, folder)
    change, said = CASES[case]
    change(folder)
    result = invoke(folder, state)
    assert result.exit_code == 3, result.output
    assert said in result.output
    assert "error:" in result.output
    assert "Traceback" not in result.output
    assert not list(state.glob("*/current"))
    assert not list(state.glob("*/publications/[0-9]*"))


def test_wrong_crs_that_moves_the_county_away_is_refused(tiny_county: Path, tmp_path: Path) -> None:
    """Coordinates that lie about their CRS put the Ortsteile beside their Gemeinden: no share of any reaches them."""
    folder = tmp_path / "county"
    shutil.copytree(tiny_county, folder)
    reshape(degrees_as_metres)(folder)
    result = invoke(folder, tmp_path / "state")
    assert result.exit_code == 3, result.output
    assert "Traceback" not in result.output
    assert not list((tmp_path / "state").glob("*/current"))


def test_a_refused_run_leaves_the_published_one_served(tiny_county: Path, tmp_path: Path) -> None:
    folder, state = tmp_path / "county", tmp_path / "state"
    shutil.copytree(tiny_county, folder)
    assert invoke(folder, state).exit_code == 0
    CASES["unknown sign"][0](folder)
    assert invoke(folder, state).exit_code == 3
    (pointer,) = state.glob("*/current")
    publication = pointer.parent / "publications" / pointer.read_text().strip()
    with sqlite3.connect(publication / "public" / "serve.sqlite") as rows:
        assert rows.execute("pragma integrity_check").fetchone() == ("ok",)


def test_usage_errors_exit_with_2() -> None:
    assert CliRunner().invoke(main, ["run"]).exit_code == 2
    assert CliRunner().invoke(main, ["run", "x", "--maps", "many"]).exit_code == 2


def test_a_folder_with_files_is_not_overwritten_by_init(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]
