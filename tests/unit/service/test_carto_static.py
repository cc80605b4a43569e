"""Pictures: right colours in the right places, equal bytes, print size, holes open."""

from __future__ import annotations

import io
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.errors import ConfigError
from service.cartography import classification, palettes
from service.cartography.shapes import clumps, outline, room, shapes_of
from service.cartography.static import render_png
from service.cartography.static_map import bar_length
from service.cartography.texts import number

from .conftest import HOSTILE, collection, squares


def pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(io.BytesIO(png), format="png"))[:, :, :3]


def has(picture: np.ndarray, colour: str) -> int:
    wanted = np.array(palettes.rgb(colour)) / 255
    return int((np.abs(picture - wanted).max(axis=2) < 0.006).sum())


def test_size_in_print(carto_content) -> None:
    png = render_png(carto_content(), width_mm=170, dpi=150)
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width == pytest.approx(170 / 25.4 * 150, abs=1)
    assert 0.5 < height / width < 2
    dots = next(png[i + 4 : i + 12] for i in range(len(png)) if png[i : i + 4] == b"pHYs")
    assert struct.unpack(">II", dots)[0] == pytest.approx(150 / 0.0254, abs=1)


def test_classes_are_drawn_in_their_colours(carto_content) -> None:
    style = classification.graduated(pd.Series(range(18), dtype=float), field="value", n=3, unit="%")
    picture = pixels(render_png(carto_content(style=style), dpi=100))
    areas = [has(picture, c.colour) for c in style.classes]
    assert min(areas) > 1000
    # Six squares each, one of the lowest class cut to a third, one of the middle with a hole of a quarter.
    assert areas[0] < areas[2]
    assert has(picture, palettes.LISA["High-High"].colour) == 0


def test_draft_banner(carto_content) -> None:
    assert has(pixels(render_png(carto_content(draft=True), dpi=60)), "#8a1f11") > 2000
    assert has(pixels(render_png(carto_content(caveat=""), dpi=60)), "#8a1f11") == 0


def test_neighbours_are_not_coloured(carto_content) -> None:
    """Both neighbours carry High-High in their data; the colour appears as often as without them."""
    inner = collection(squares()[:20])
    with_neighbours = has(pixels(render_png(carto_content(), dpi=60)), palettes.LISA["High-High"].colour)
    without = has(pixels(render_png(carto_content(features=inner), dpi=60)), palettes.LISA["High-High"].colour)
    assert with_neighbours == pytest.approx(without, rel=0.05)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_equal_content_gives_equal_bytes_in_any_thread(carto_content, kind) -> None:
    content = carto_content(draft=True)
    alone = render_png(content, format=kind, dpi=60)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: render_png(content, format=kind, dpi=60), range(3)))
    assert together == [alone] * 3


def test_settings_of_the_machine_do_not_matter(carto_content) -> None:
    from matplotlib import rc_context

    alone = render_png(carto_content(), dpi=60)
    with rc_context({"font.family": ["serif"], "hatch.linewidth": 9, "svg.hashsalt": None}):
        assert render_png(carto_content(), dpi=60) == alone


def test_files_carry_no_date_and_no_program(carto_content) -> None:
    svg = render_png(carto_content(), format="svg")
    assert b"<dc:date>" not in svg
    assert b"Matplotlib" not in svg
    pdf = render_png(carto_content(), format="pdf")
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf


def test_hostile_text_is_drawn_as_text(carto_content) -> None:
    hostile = HOSTILE.replace("\u2028", " ")
    svg = render_png(carto_content(title=hostile, describe=(hostile,)), format="svg").decode()
    assert "<script" not in svg
    assert "<img" not in svg


def test_modelled_is_dashed(carto_content) -> None:
    def dashes(**changes) -> int:
        return render_png(carto_content(caveat="", **changes), format="svg").count(b"stroke-dasharray")

    assert dashes() == 0
    assert dashes(style=classification.hotspot_style(modelled=True)) >= 6
    assert dashes(modelled=True) >= 6


def test_projected_features_give_the_same_map(carto_content) -> None:
    from pyproj import Transformer

    to = Transformer.from_crs("OGC:CRS84", "EPSG:25832", always_xy=True)
    features = squares()
    for feature in features:
        moved = shapely.transform(
            shapely.from_geojson(json.dumps(feature["geometry"])), lambda xy: np.column_stack(to.transform(*xy.T))
        )
        feature["geometry"] = json.loads(shapely.to_geojson(moved))
    ready = carto_content(features_projected=collection(features))
    a, b = shapes_of(ready), shapes_of(carto_content())
    np.testing.assert_allclose(a.extent, b.extent, atol=1e-3)
    assert 550_000 < a.extent[0] < 600_000  # UTM 32
    with pytest.raises(ConfigError, match="projected"):
        shapes_of(carto_content(features_projected=collection(features[:5])))


@pytest.mark.parametrize("clockwise", [True, False])
def test_holes_stay_open_however_rings_turn(clockwise: bool) -> None:
    ring = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)]
    hole = [(1, 1), (3, 1), (3, 3), (1, 3), (1, 1)]
    path = outline(shapely.Polygon(ring[::-1] if clockwise else ring, [hole]))
    codes, xy = path.codes, path.vertices
    parts = np.split(xy, np.flatnonzero(codes == path.MOVETO)[1:])
    signed = [np.sum(p[:-1, 0] * p[1:, 1] - p[1:, 0] * p[:-1, 1]) / 2 for p in parts]
    assert signed[0] * signed[1] < 0
    assert sum(signed) == pytest.approx(16 - 4) or sum(signed) == pytest.approx(4 - 16)


def test_hole_is_open_in_the_picture(carto_content) -> None:
    """A ring of High-High around a hole: the middle of the picture's map keeps the ground."""
    ring = [[10.0, 52.0], [10.4, 52.0], [10.4, 52.3], [10.0, 52.3], [10.0, 52.0]]
    hole = [[10.1, 52.1], [10.3, 52.1], [10.3, 52.2], [10.1, 52.2], [10.1, 52.1]]
    properties = {"name": "Ring", "label": "High-High", "state": "tested"}
    feature = {
        "type": "Feature",
        "id": 1,
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring, hole]},
    }
    picture = pixels(render_png(carto_content(features=collection([feature])), dpi=60))
    assert has(picture, palettes.GROUND) > 1500
    assert has(picture, palettes.LISA["High-High"].colour) > 1500


def test_room_is_the_largest_circle() -> None:
    shapes = np.array([shapely.box(0, 0, 10, 4), shapely.Point(3, 3).buffer(2, quad_segs=64)])
    points, radii = room(shapes)
    np.testing.assert_allclose(radii, [2, 2], rtol=0.03)
    assert all(s.contains(shapely.Point(p)) for s, p in zip(shapes, points, strict=True))


def test_clumps_join_what_is_near_and_part_what_is_far() -> None:
    cells = [shapely.box(x, y, x + 1, y + 1) for x in range(6) for y in range(6) if (x, y) not in {(2, 2), (3, 4)}]
    cells += [shapely.box(50, 50, 51, 51)]
    found = sorted(shapely.area(clumps(np.array(cells))))
    assert found == pytest.approx([1, 36], rel=1e-6)


@pytest.mark.parametrize(("longest", "bar"), [(9999, 5000), (5000, 5000), (4999, 2000), (1999, 1000), (0.3, 0.2)])
def test_scale_bar_is_a_round_number(longest: float, bar: float) -> None:
    assert bar_length(longest) == pytest.approx(bar)


@pytest.mark.parametrize("wrong", [{"width_mm": 50}, {"dpi": 5000}, {"format": "gif"}])
def test_refuses_odd_sizes(carto_content, wrong) -> None:
    with pytest.raises(ConfigError, match="expected"):
        render_png(carto_content(), **wrong)


def test_refuses_a_map_without_areas(carto_content) -> None:
    with pytest.raises(ConfigError, match="at least one area"):
        render_png(carto_content(features=collection([])))


def test_long_texts_and_addresses_are_broken(carto_content) -> None:
    long = "https://musterkreis.example/" + "a" * 300
    text = ("Wort " * 200).strip()
    small = pixels(render_png(carto_content(), dpi=60)).shape[0]
    tall = pixels(render_png(carto_content(permalink=long, describe=(text, text)), dpi=60))
    assert tall.shape[0] > small
    assert (tall[:, -4:] > 0.99).all()  # nothing runs over the edge


@pytest.mark.parametrize(
    ("value", "language", "decimals", "text"),
    [
        (1234.5, "de", 1, "1234,5"),
        (12345.678, "de", 2, "12\u202f345,68"),
        (12345.678, "en", 0, "12\u202f346"),
        (-0.04, "en", 1, "0.0"),
        (-3.0, "de", None, "−3"),
        (0.05, "de", None, "0,05"),
        (float("nan"), "de", None, "–"),
    ],
)
def test_numbers(value: float, language: str, decimals: int | None, text: str) -> None:
    assert number(value, language, decimals) == text


def test_png_is_whole(carto_content) -> None:
    png = render_png(carto_content(), dpi=60)
    assert png.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))
