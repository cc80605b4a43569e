"""From a store's rows to a map: title, sentences, sources and features of one collection, year and language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geodata.errors import NotFoundError
from geodata.models import Text
from geodata.store.query import MAX_LIMIT, ItemQuery
from service.cartography import describe
from service.cartography.content import MapContent

if TYPE_CHECKING:
    from geodata.store.model import Style
    from geodata.store.protocol import CollectionMeta, LayerStore

#: ``statistic`` of the hotspot address → the field that is drawn, and the name that ``describe`` uses.
STATISTICS = {"local-moran": ("label", "local_moran"), "gi-star": ("gi_star_label", "gi_star")}

def map_content(
    store: LayerStore,
    collection_id: str,
    *,
    period: int | None = None,
    field: str | None = None,
    language: str = "de",
    permalink: str = "",
    projected: bool = False,
) -> MapContent:
    """Gather what one map shows.

    Parameters
    ----------
    store : LayerStore
        An edition of a publication.
    collection_id : str
        With or without ``_latest``.
    period : int, optional
        Year; default: the latest of the collection in which the drawn field has a value anywhere.
    field : str, optional
        Which of the collection's styles; default: its first.
    language : {"de", "en"}
        Of all texts.
    permalink : str
        Address of this map, printed on it.
    projected : bool
        Also gather the geometries in the storage CRS, which pictures draw.

    Returns
    -------
    MapContent
        Ready to be rendered.

    Raises
    ------
    NotFoundError
        There is no such collection, period or style.
    """
    meta = store.collection(collection_id)
    meta = store.collection(meta.base)
    style = _style(meta, field)
    year = period if period is not None else meta.periods[-1]
    if year not in meta.periods:
        raise NotFoundError(
            f"expected one of the years {', '.join(map(str, meta.periods))}, found {year}",
            where=meta.base,
            hint="leave period out for the latest year",
        )
    features = _features(store, meta, year, "OGC:CRS84")
    rows = [feature["properties"] for feature in features]
    said = meta.metadata
    sentences = sentences_of(store, meta, style, rows, year, language)
    shown = next((f for f in meta.fields if f.name == style.field), None)
    is_hotspot = meta.kind == "hotspots"
    title = meta.title[language]
    if shown is not None and not is_hotspot and meta.kind != "index":
        title = shown.title[language]
    return MapContent(
        title=title,
        subtitle=f"{meta.level_title[language]}, {year}",
        style=style,
        features=_collection_text(features),
        features_projected=_collection_text(_features(store, meta, year, store.storage_crs)) if projected else None,
        projected_crs=store.storage_crs,
        fields=[f for f in meta.fields if f.name != "context"],
        areas=meta.level_title[language],
        unit=shown.unit if shown is not None and style.kind == "graduated" else "",
        method=_text(said.get("method"), language),
        attribution=str(said.get("attribution", "")),
        licence=str(said.get("licence", "")),
        boundary_date=str(said.get("boundary_date") or ""),
        caveat=_text(said.get("caveat"), language),
        permalink=permalink,
        describe=sentences,
        draft=bool(said.get("draft", False)),
        modelled=style.modelled,
        language=language,
    )


def sentences_of(
    store: LayerStore,
    meta: CollectionMeta,
    style: Style,
    rows: Sequence[Mapping[str, Any]],
    year: int,
    language: str,
) -> tuple[str, ...]:
    """Return the sentences that stand beside a map; every number in them comes from its rows.

    Parameters
    ----------
    store : LayerStore
        Knows what the levels are called.
    meta : CollectionMeta
        Of the collection.
    style : Style
        What is drawn.
    rows : sequence of mapping
        Properties of the features of one year.
    year : int
        That year.
    language : {"de", "en"}
        Of the sentences.

    Returns
    -------
    tuple of str
        The finding first, then how sure it is, then what it must not be used for.
    """
    areas = describe.Areas(meta.level_title)
    handed = next(iter(meta.metadata.get("handed_down", {}).values()), None) if style.modelled else None
    support = areas
    if handed is not None:
        titles = {level.id: level.title for level in store.levels()}
        code = str(handed["source_level"])
        support = describe.Areas(titles.get(code, Text(code, code)))
    if meta.kind == "index":
        return describe.index_status(rows, areas=areas, language=language)
    if meta.kind == "hotspots":
        note = meta.metadata["per_period"][str(year)]
        n = int(note["n_effective"])
        own = [row for row in rows if not row.get("context")]
        said: list[str] = []
        if own and all(row.get("state") == "untestable" for row in own):
            tested = int(handed["n_effective"]) if handed is not None else len(own)
            minimum = int(meta.metadata["min_areas"])
            said += describe.untestable(tested, areas=support, min_areas=minimum, language=language)
        else:
            name = next((s for f, s in STATISTICS.values() if f == style.field), "local_moran")
            said += describe.hotspots(
                rows,
                areas=areas,
                alpha=float(meta.metadata["alpha"]),
                correction=str(meta.metadata["correction"]),
                permutations=int(meta.metadata["permutations"]),
                language=language,
                statistic=name,
                support=support if handed is not None else None,
                n_effective=n,
            )
        found = note.get("global")
        if found is not None and found["value"] is not None:
            said += describe.global_test(
                float(found["value"]),
                p=found["p"],
                n_effective=int(found["n_effective"]),
                support=support,
                language=language,
            )
        return tuple(said)
    if handed is not None:
        return describe.handed_down(
            rows, field=style.field, support=support, n_effective=int(handed["n_effective"]), language=language
        )
    return ()


def _style(meta: CollectionMeta, field: str | None) -> Style:
    if field is None:
        return meta.styles[0]
    for style in meta.styles:
        if style.field == field:
            return style
    raise NotFoundError(
        f"expected one of the drawn fields {', '.join(s.field for s in meta.styles)}, found {field!r}", where=meta.base
    )


def _features(store: LayerStore, meta: CollectionMeta, year: int, crs: str) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = ItemQuery(limit=MAX_LIMIT, after=after, first_period=year, last_period=year, crs=crs)
        page = store.items(meta.base, query)
        features += [json.loads(text) for text in page.features]
        after = page.next
        if after is None:
            return features


def _collection_text(features: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}, ensure_ascii=False)


def _text(value: Any, language: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get(language, ""))
    return str(value or "")
