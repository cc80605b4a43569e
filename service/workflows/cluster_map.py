"""The map for print of ``sozialmonitor hotspots --map``: labels, counts, method, and what was chosen otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from geodata.errors import FormatError, UsageError
from geodata.exchange_files import replacing
from geodata.models import Text
from service.cartography import describe, presets
from service.cartography.classification import statistic_style
from service.cartography.content import MapContent
from service.cartography.describe_labels import SOURCES, labels, of_sources
from service.cartography.labels import TESTS
from service.cartography.legend import count_classes, with_counts
from service.cartography.texts import number
from service.workflows.pictures import content_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from geodata.store.model import FieldType, Style
    from service.workflows.question import Question
    from spatial.results import LocalResult

PICTURES = (".png", ".svg", ".pdf")
AREAS = describe.Areas(Text("Gebiete", "areas"))


def require_picture(path: Path, *, overwrite: bool) -> None:
    """Refuse a picture that cannot be written, before anything is computed.

    Raises
    ------
    UsageError
        Its ending is unknown.
    FormatError
        Its folder does not exist, or it does and is not to be replaced.
    """
    if path.suffix.lower() not in PICTURES:
        raise UsageError(
            f"expected a name ending in {', '.join(PICTURES)}, found {path.name!r}",
            where="--map",
            hint="the ending chooses the format, for example map.png",
        )
    if not path.parent.is_dir():
        raise FormatError(
            f"expected the folder {str(path.parent)!r}, found none", where=str(path), hint="make it, or name another"
        )
    if path.exists() and not overwrite:
        raise FormatError("expected a new file, found one of this name", where=str(path), hint="add --overwrite")


def require_polygons(zones: gpd.GeoDataFrame, where: str) -> None:
    """Refuse layers of points or lines: a map needs areas.

    Raises
    ------
    FormatError
        A geometry is no polygon.
    """
    other = sorted(set(zones.geom_type.dropna()) - {"Polygon", "MultiPolygon"})
    if other or zones.geometry.isna().any():
        found = ", ".join(other) or "features without geometry"
        raise FormatError(
            f"expected polygons, found {found}", where=where, hint="without --map, points are tested as well"
        )


def draw_picture(
    path: Path, zones: gpd.GeoDataFrame, result: LocalResult, question: Question, language: str = "de"
) -> None:
    """Draw the labels of a test.

    Parameters
    ----------
    path : pathlib.Path
        Ends in .png, .svg or .pdf.
    zones : geopandas.GeoDataFrame
        Polygons, indexed like the result.
    result : LocalResult
        What was found.
    question : Question
        What was asked; names title and method.
    language : {"de", "en"}
        Of the map.
    """
    from service.cartography.static import render_png

    content = map_of(zones, result, question, language)
    kind = cast("Literal['png', 'svg', 'pdf']", path.suffix.lower()[1:])
    data = render_png(content, format=kind)
    with replacing(path, (path.suffix,)) as part:
        part.write_bytes(data)


def style_of(
    zones: gpd.GeoDataFrame, frame: gpd.GeoDataFrame, result: LocalResult, question: Question, language: str = "de"
) -> tuple[str, str] | None:
    """Return name and QML of the style with which QGIS draws the labels of a written layer; None for points.

    Parameters
    ----------
    zones, frame : geopandas.GeoDataFrame
        As it was tested, and as it is written.
    result, question, language
        As for :func:`draw_picture`.
    """
    from geodata.store.model import Field
    from geodata.store.qml import qml

    if set(frame.geom_type) - {"Polygon", "MultiPolygon"}:
        return None
    style, _ = _style(zones, result, question)
    kinds: dict[str, FieldType] = {"f": "number", "i": "integer"}
    columns = frame.drop(columns=frame.geometry.name)
    names = [str(frame.index.name), *map(str, columns.columns)]
    types = [kinds.get(dtype.kind, "string") for dtype in [frame.index.dtype, *columns.dtypes]]
    fields = [Field(name, kind, Text(name, name)) for name, kind in zip(names, types, strict=True)]
    return style.field, qml(style, fields, language, grid=len(frame) >= describe.CELLS)


def map_of(zones: gpd.GeoDataFrame, result: LocalResult, question: Question, language: str) -> MapContent:
    """Gather what the map shows; see :func:`draw_picture`."""
    table = result.table.loc[zones.index, ["label", "state", "support"]].astype(str)
    style, alike = _style(zones, result, question)
    rows: list[dict[str, Any]] = [
        {"name": str(name), "label": label, "state": state, "support": support}
        for name, label, state, support in zip(
            zones.index, table["label"], table["state"], table["support"], strict=True
        )
    ]
    handed_down = question.support is not None
    told = [{**row, "state": "constant"} if same else row for row, same in zip(rows, alike, strict=True)]
    # A mark holds for a source zone: the legend counts those as the finding does.
    counted = [*of_sources(rows), *(row for row in rows if not row["support"])] if handed_down else rows
    what = " × ".join(question.values)
    if question.by is not None:
        what += f" je {question.by}" if language == "de" else f" per {question.by}"
    source = Path(question.source.partition("|layername=")[0]).name
    content = content_of(
        zones,
        table[["label", "state"]],
        with_counts(style, counted),
        title=f"{TESTS[result.statistic][2][language]}: {what}",
        subtitle=source,
        areas=(SOURCES if handed_down else AREAS).plural[language],
        counts=count_classes(style, counted) if handed_down else None,
        method=_method(result, question, language),
        attribution=source,
        caveat=describe.caveat("hotspots")[language],
        describe=labels(
            told,
            style,
            areas=AREAS,
            statistic=result.statistic,
            alpha=result.alpha,
            correction=result.correction,
            permutations=result.permutations,
            sources=result.n_effective if handed_down else None,
            language=language,
        ),
        exploratory=presets.told(question.differences, language),
        modelled=handed_down,
        draft=True,
        language=language,
    )
    return content


def _style(zones: gpd.GeoDataFrame, result: LocalResult, question: Question) -> tuple[Style, pd.Series]:
    """Style the labels, and tell which areas have a value and yet no test, because all values are equal."""
    style = statistic_style(result.statistic, correction=result.correction, modelled=question.support is not None)
    known = zones[list(question.values)].notna().all(axis=1)
    if question.by is not None:
        known &= result.table["value"].reindex(zones.index).notna()
    undefined = result.table["state"].reindex(zones.index).astype("str") == "undefined"
    alike = known & undefined & (result.n_effective == 0)
    if not alike.any():
        return style, alike
    # Not that there is no value, but that there is only one.
    label = (
        Text("alle Werte gleich, nicht getestet", "all values equal, not tested")
        if alike[undefined].all()
        else Text("alle Werte gleich oder kein Wert, nicht getestet", "all values equal or no value, not tested")
    )
    classes = tuple(replace(c, label=label) if c.value == "undefined" else c for c in style.classes)
    return replace(style, classes=classes), alike


def _method(result: LocalResult, question: Question, language: str) -> str:
    """Name statistic, weights, draws, level and correction: what the map rests on."""
    rates = Text(", Empirical-Bayes-Raten", ", empirical Bayes rates") if question.by is not None else Text("", "")
    draws = Text("bedingte Permutationen, Seed", "conditional permutations, seed")
    correction = presets.CORRECTIONS[result.correction]
    parts = (
        f"{TESTS[result.statistic][2][language]}{rates[language]}",
        presets.weights_text(question.weights)[language],
        f"{number(result.permutations, language, 0)} {draws[language]} {question.seed}",
        f"{presets.alpha_text(result.alpha)[language]}, {correction[language]}",
    )
    return "; ".join(parts)
