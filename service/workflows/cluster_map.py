"""The map for print of ``sozialmonitor hotspots --map``: labels, counts, method, and what was chosen otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from geodata.errors import FormatError, UsageError
from geodata.exchange_files import replacing
from geodata.models import Text
from service.cartography import describe, presets
from service.cartography.classification import statistic_style
from service.cartography.content import MapContent
from service.cartography.describe_labels import labels
from service.cartography.labels import TESTS
from service.cartography.legend import with_counts
from service.cartography.texts import number
from service.workflows.pictures import content_of

if TYPE_CHECKING:
    import geopandas as gpd

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


def map_of(zones: gpd.GeoDataFrame, result: LocalResult, question: Question, language: str) -> MapContent:
    """Gather what the map shows; see :func:`draw_picture`."""
    table = result.table.loc[zones.index, ["label", "state"]].astype(str)
    style = statistic_style(result.statistic, correction=result.correction, modelled=question.support is not None)
    rows: list[dict[str, Any]] = [
        {"name": str(name), "label": label, "state": state}
        for name, label, state in zip(zones.index, table["label"], table["state"], strict=True)
    ]
    what = " × ".join(question.values)
    if question.by is not None:
        what += f" je {question.by}" if language == "de" else f" per {question.by}"
    source = Path(question.source.partition("|layername=")[0]).name
    content = content_of(
        zones,
        table,
        with_counts(style, rows),
        title=f"{TESTS[result.statistic][2][language]}: {what}",
        subtitle=source,
        areas=AREAS.plural[language],
        method=_method(result, question, language),
        attribution=source,
        caveat=describe.caveat("hotspots")[language],
        describe=labels(
            rows,
            style,
            areas=AREAS,
            statistic=result.statistic,
            alpha=result.alpha,
            correction=result.correction,
            permutations=result.permutations,
            sources=result.n_effective if question.support is not None else None,
            language=language,
        ),
        exploratory=presets.told(question.differences, language),
        modelled=question.support is not None,
        language=language,
    )
    return content


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
