"""From the rows of a store to the content of a map: one place, for served maps and for those written with a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from geodata.errors import NotFoundError, QueryError
from geodata.store.model import Field, Style
from geodata.store.protocol import CollectionMeta, LayerStore, LevelMeta
from geodata.store.query import MAX_LIMIT, ItemQuery
from service.cartography import describe
from service.cartography.content import MapContent, features_of
from service.cartography.popup import BY_SEX
from service.cartography.sentences import method_of, said, sentences


def style_of(meta: CollectionMeta, field: str | None) -> Style:
    """Return the style that draws a field, the default one without a field.

    Parameters
    ----------
    meta : CollectionMeta
        The collection.
    field : str or None
        A column.

    Returns
    -------
    Style
        Its classes and colours.

    Raises
    ------
    NotFoundError
        The collection is not drawn at all.
    QueryError
        There is no style for this field.
    """
    if not meta.styles:
        raise NotFoundError("the collection has no style, so there is no map", where=meta.id)
    if field is None:
        return meta.styles[0]
    for style in meta.styles:
        if style.field == field:
            return style
    known = ", ".join(style.field for style in meta.styles)
    raise QueryError(f"expected one of {known}, found {field[:80]!r}", where=f"{meta.id}, field")


def feature_collection(store: LayerStore, collection: str, query: ItemQuery) -> str:
    """Gather all pages of a query.

    Parameters
    ----------
    store : LayerStore
        The edition's rows.
    collection : str
        Id.
    query : ItemQuery
        What is asked; its limit is the size of the pages.

    Returns
    -------
    str
        A GeoJSON FeatureCollection.
    """
    features: list[str] = []
    while True:
        page = store.items(collection, query)
        features += page.features
        if page.next is None:
            return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'
        query = replace(query, after=page.next)


def map_content(
    store: LayerStore,
    collection: str,
    *,
    period: int | None = None,
    field: str | None = None,
    language: str = "de",
    permalink: str = "",
    projected: bool = False,
) -> MapContent:
    """Gather what a map of a collection shows.

    Parameters
    ----------
    store : LayerStore
        The edition's rows.
    collection : str
        Id, with or without ``_latest``.
    period : int, optional
        The year; by default the latest in which the field has a value anywhere.
    field : str, optional
        The column that is drawn; by default that of the first style.
    language : {"de", "en"}
        Of every text.
    permalink : str, optional
        The map's lasting address, printed on it.
    projected : bool, default False
        Also gather the geometries in the storage CRS, which pictures draw.

    Returns
    -------
    MapContent
        For ``render_map`` and ``render_png``.

    Raises
    ------
    NotFoundError
        There is no such collection, or it has no style.
    QueryError
        It has no such period or no style for the field.
    """
    meta = store.collection(store.collection(collection).base)
    style = style_of(meta, field)
    year = latest_with_values(store, meta, style.field) if period is None else period
    if year not in meta.periods:
        known = ", ".join(map(str, meta.periods))
        raise QueryError(f"expected one of {known}, found {year}", where=f"{meta.id}, period")
    style = _as_checked(meta, style, year)
    query = ItemQuery(limit=MAX_LIMIT, first_period=year, last_period=year)
    features = feature_collection(store, meta.id, query)
    drawn = next((f for f in meta.fields if f.name == style.field), None)
    title = drawn.title[language] if meta.kind == "indicators" and drawn is not None else meta.title[language]
    figure, figure_style = _indicator(store, meta, style)
    if style.decimals is None:
        style = replace(style, decimals=figure_style.decimals)
    # The subtitle names the level.
    title = title.removesuffix(f" – {meta.level_title[language]}")
    rows = [feature["properties"] for feature in features_of(features)]
    text = meta.metadata.get
    method, shown = method_of(store, meta, style, rows, language)
    return MapContent(
        title=title,
        subtitle=f"{meta.level_title[language]}, {year}",
        style=shown,
        features=features,
        fields=popup_fields(meta, style.field),
        areas=meta.level_title[language],
        unit=drawn.unit if drawn is not None and style.kind == "graduated" else "",
        method=method,
        attribution=str(text("attribution") or ""),
        licence=str(text("licence") or ""),
        boundary_date=str(text("boundary_date") or ""),
        caveat=said(text("caveat"), language) or describe.caveat(meta.kind)[language],
        permalink=permalink,
        describe=sentences(store, meta, style, rows, str(year), language),
        exploratory=_exploratory(meta, language),
        definition=_definition(figure, figure_style, language),
        names=_support_names(store, meta, style, rows),
        edition=store.edition,
        draft=bool(text("draft")),
        modelled=style.modelled,
        language=language,
        features_projected=(
            feature_collection(store, meta.id, replace(query, crs=meta.storage_crs)) if projected else None
        ),
        outline_features=_outlines(store, meta),
        projected_crs=meta.storage_crs,
    )


def _as_checked(meta: CollectionMeta, style: Style, year: int) -> Style:
    """Draw the labels as tested in years in which nobody checked which of them hold."""
    if style.field != "label_robust":
        return style
    notes = (meta.metadata.get("per_period") or {}).get(str(year)) or {}
    return style if notes.get("robust") else next((s for s in meta.styles if s.field == "label"), style)


def latest_with_values(store: LayerStore, meta: CollectionMeta, field: str) -> int | None:
    """Return the latest year in which a field has a value anywhere; indicators of one topic end in different years.

    Parameters
    ----------
    store : LayerStore
        The edition's rows.
    meta : CollectionMeta
        The collection.
    field : str
        A column.

    Returns
    -------
    int or None
        The last year at all where no year has one; None where there are no years.
    """
    for year in reversed(meta.periods):
        all_rows = ItemQuery(first_period=year, last_period=year)
        if store.count(meta.id, replace(all_rows, equals={field: None})) < store.count(meta.id, all_rows):
            return year
    return meta.periods[-1] if meta.periods else None


def popup_fields(meta: CollectionMeta, drawn: str) -> tuple[Field, ...]:
    """Choose the rows of a popup: all of an index or a test, but of a topic only the indicator that is drawn."""
    shown = [field for field in meta.fields if field.name != "context"]
    if meta.kind != "indicators":
        return tuple(shown)
    stem = BY_SEX.sub("", drawn)
    return tuple(field for field in shown if field.name == stem or field.name.startswith(f"{stem}_"))


def _indicator(store: LayerStore, meta: CollectionMeta, style: Style) -> tuple[Field | None, Style]:
    """Return the field and the style of the indicator that a map shows or that was tested for it."""
    name = style.field if meta.kind == "indicators" else str(meta.metadata.get("indicator", ""))
    for other in (meta, *store.collections()):
        for field in other.fields if other.kind == "indicators" else ():
            if field.name == name:
                return field, next((found for found in other.styles if found.field == name), style)
    return None, style


def _definition(field: Field | None, style: Style, language: str) -> str:
    """Return what an indicator is, without what a high value means: that stands in the legend."""
    if field is None:
        return ""
    meaning = style.reading[language].removeprefix("dunkel = ").removeprefix("dark = ").split("; ")[-1]
    before, _, after = field.description[language].partition(f"{meaning}." if meaning else "\0")
    parts = [part.strip().rstrip(".") for part in (before, after)]
    return " ".join(f"{part}." for part in parts if part)


def _exploratory(meta: CollectionMeta, language: str) -> str:
    """Name what the county chose otherwise than the preset of this kind of level."""
    found = meta.metadata.get("exploratory") or ()
    return "; ".join(said(text, language) for text in found)


def _support_names(
    store: LayerStore, meta: CollectionMeta, style: Style, rows: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Name the areas whose values or tests the rows carry; those of levels that are not published keep their id."""
    stem = BY_SEX.sub("", style.field)
    used = {str(row[key]) for row in rows for key in ("support", f"{stem}_support") if row.get(key) is not None}
    names = {str(row["area_id"]): str(row["name"]) for row in rows if row["area_id"] in used}
    notes = [note for note in (meta.metadata.get("handed_down") or {}).values() if isinstance(note, Mapping)]
    for level in {str(note.get("source_level")) for note in notes}:
        other = next((c for c in store.collections() if c.level == level and c.latest), None)
        if other is not None and used - set(names):
            year = other.periods[-1]
            found = feature_collection(store, other.id, ItemQuery(limit=MAX_LIMIT, first_period=year, last_period=year))
            for feature in json.loads(found)["features"]:
                names[str(feature["properties"]["area_id"])] = str(feature["properties"]["name"])
    return {area: name for area, name in names.items() if area in used}


def _outlines(store: LayerStore, meta: CollectionMeta) -> str | None:
    """Return the borders of the coarsest level above, where one of its collections has them."""
    levels = {level.id: level for level in store.levels()}
    own = levels[meta.level]
    for level in sorted((lv for lv in levels.values() if _encloses(lv, own)), key=lambda lv: lv.areas):
        for other in store.collections():
            if other.level == level.id and other.latest:
                year = other.periods[-1]
                text = feature_collection(
                    store, other.id, ItemQuery(limit=MAX_LIMIT, first_period=year, last_period=year)
                )
                document = json.loads(text)
                kept = [
                    {"type": "Feature", "geometry": f["geometry"], "properties": {"name": f["properties"]["name"]}}
                    for f in document["features"]
                    if not f["properties"].get("context")
                ]
                # The store keeps neighbours of the county too; with one area left there is nothing to tell apart.
                if 1 < len(kept) < own.areas:
                    return json.dumps({**document, "features": kept}, ensure_ascii=False)
    return None


def _encloses(level: LevelMeta, own: LevelMeta) -> bool:
    # Borders of another state beside the own ones would be drawn double.
    same_state = own.is_grid or level.boundary_date == own.boundary_date
    return level.id != own.id and not level.is_grid and level.areas < own.areas and same_state
