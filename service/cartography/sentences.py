"""Which sentences a map gets: from what a collection tells of itself, and from the rows that the map draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from geodata.models import Text
from geodata.store.model import Style
from geodata.store.protocol import CollectionMeta, LayerStore
from service.cartography import (
    describe,
    describe_clusters,
    describe_index,
    describe_tests,
    describe_variants,
    describe_years,
)


def sentences(
    store: LayerStore,
    meta: CollectionMeta,
    style: Style,
    rows: Sequence[Mapping[str, Any]],
    period: str,
    language: str,
) -> tuple[str, ...]:
    """Say what a map shows; every number comes from its rows.

    Parameters
    ----------
    store : LayerStore
        For the names of levels.
    meta : CollectionMeta
        The collection, whose metadata tell how it was tested.
    style : Style
        What is drawn.
    rows : sequence of mapping
        Properties of the features of one period.
    period : str
        The year.
    language : {"de", "en"}
        Language.

    Returns
    -------
    tuple of str
        The finding first.
    """
    areas = describe.Areas(meta.level_title)
    titles = {level.id: level.title for level in store.levels()}
    tests = meta.metadata
    if _is_test(meta):
        return (*_tested(meta, style, rows, period, language, titles), *_remarks(tests, language))
    if any(row.get("context") for row in rows):
        areas = areas.of_county()  # the others are drawn, not counted
    if meta.kind == "index" and (told := _of_index(meta, style, rows, areas, language)):
        return told
    found: tuple[str, ...] = ()
    handed = (tests.get("handed_down") or {}).get(style.field)
    if style.modelled and isinstance(handed, Mapping):
        source = str(handed.get("source_level", ""))
        support = describe.Areas(titles.get(source, Text(source, source)))
        found = describe.handed_down(
            rows, field=style.field, support=support, n_effective=handed.get("n_effective"), language=language
        )
    if style.kind == "graduated":
        found = (*found, *describe.values(rows, style, areas=areas, language=language))
    if style.modelled:
        found = (*found, *_remarks(tests, language, style.field))
    return found


def _of_index(
    meta: CollectionMeta, style: Style, rows: Sequence[Mapping[str, Any]], areas: describe.Areas, language: str
) -> tuple[str, ...]:
    """Describe the maps of an index; what is drawn of it otherwise is described as any value."""
    if style.field == "change" and "base_year" in meta.metadata:
        caution = said(meta.metadata.get("caution"), language)
        base = int(meta.metadata["base_year"])
        return describe_index.change(rows, base=base, areas=areas, language=language, caution=caution)
    if style.field == "dynamics_class":
        return describe_index.classes(rows, style, areas=areas, language=language, last=describe_index.DYNAMICS)
    if style.field == "strongest":
        return describe_index.classes(rows, style, areas=areas, language=language, last=describe_index.STRONGEST)
    if style.field != "status_class":
        return ()
    title = meta.metadata.get("reference_title")
    compared = None
    if isinstance(title, Mapping):  # editions from before the frame had a name compare with the county
        wider = meta.metadata.get("reference_frame") == "wider"
        compared = describe_index.frame(title, wider=wider, language=language)
    labels = tuple(c.value for c in style.classes if c.value is not None)
    if labels != ("hoch", "mittel", "niedrig", "sehr niedrig"):  # the county's own classes
        last = Text(compared or "", compared or "")
        return describe_index.classes(rows, style, areas=areas, language=language, last=last)
    return describe.index_status(
        rows, areas=areas, language=language, field=style.field, labels=labels, compared=compared
    )


def method_of(
    store: LayerStore, meta: CollectionMeta, style: Style, rows: Sequence[Mapping[str, Any]], language: str
) -> tuple[str, Style]:
    """Return how a map was made, and its style; where nothing was tested neither names a test.

    Parameters
    ----------
    store, meta, style, rows, language
        As in :func:`sentences`.

    Returns
    -------
    str
        The method of the metadata, or why there was no test.
    Style
        The same, without method where there was no test.
    """
    if not _is_test(meta) or _any_tested(rows):
        return said(meta.metadata.get("method"), language), style
    areas, support = _tested_areas(meta, {level.id: level.title for level in store.levels()})
    least = int(meta.metadata.get("min_areas", 30))
    why = describe_tests.no_test(_too_few(rows), areas=support or areas, min_areas=least, language=language)
    return why, replace(style, method=Text("", ""))


def said(value: Any, language: str) -> str:
    """Return a text of the metadata, which stands there as ``{"de": …, "en": …}``; German where there is no other."""
    if isinstance(value, Mapping):
        return str(value.get(language) or value.get("de") or "")
    return str(value or "")


def _is_test(meta: CollectionMeta) -> bool:
    return meta.kind == "hotspots" and {"alpha", "correction", "permutations"} <= set(meta.metadata)


def _tested_areas(meta: CollectionMeta, titles: Mapping[str, Text]) -> tuple[describe.Areas, describe.Areas | None]:
    """Return what the areas of a test are called, and its source zones where labels were painted down from them."""
    tested = str(meta.metadata.get("tested_level") or meta.level)
    support = describe.Areas(titles.get(tested, Text(tested, tested))) if tested != meta.level else None
    return describe.Areas(meta.level_title), support


def _any_tested(rows: Sequence[Mapping[str, Any]]) -> bool:
    return any(row.get("state") in (None, "tested") for row in rows)


def _too_few(rows: Sequence[Mapping[str, Any]]) -> int:
    """Count the areas, or source zones, of which each might have been tested if there were more of them."""
    return len({row.get("support") or row.get("area_id") for row in rows if row.get("state") == "untestable"})


def _tested(
    meta: CollectionMeta,
    style: Style,
    rows: Sequence[Mapping[str, Any]],
    period: str,
    language: str,
    titles: Mapping[str, Text],
) -> tuple[str, ...]:
    """Say what a test found, or why there was none, and what the global test says."""
    tests = meta.metadata
    areas, support = _tested_areas(meta, titles)
    note = (tests.get("per_period") or {}).get(period, {})
    missing = describe_clusters.missing(rows, areas=areas, support=support, language=language)
    # Of an index whose inputs are suppressed not at random, a p-value over the areas that are left says nothing.
    withheld = bool(missing) and tests.get("indicator") == "index"
    frame = describe_clusters.frame_of(rows, areas, support=support, n_effective=note.get("n_effective"))
    whole, clustered = _global(note.get("global"), frame, float(tests["alpha"]), withheld, language)
    few = _too_few(rows)
    if few and not _any_tested(rows):
        least = int(tests.get("min_areas", 30))
        why = describe_tests.untestable(few, areas=support or areas, min_areas=least, language=language)
        return (*why, *missing, *whole)
    other = _beyond(meta, style, rows, note, language)
    if other is not None:
        return (*other, *missing)
    found = describe_clusters.hotspots(
        rows,
        areas=areas,
        alpha=float(tests["alpha"]),
        correction=str(tests["correction"]),
        permutations=int(tests["permutations"]),
        language=language,
        statistic="gi_star" if style.field == "gi_star_label" else "local_moran",
        support=support,
        n_effective=note.get("n_effective"),
        clustered=clustered,
    )
    more: tuple[str, ...] = ()
    if style.field in ("label", "label_robust"):
        more = (
            *describe_variants.robust(rows, note.get("robust"), areas=areas, language=language),
            *describe_variants.levels(rows, note.get("levels"), areas=areas, language=language),
        )
    # What holds comes after what was found, and before the two sentences that every map ends with.
    return (*found[:-2], *more, *found[-2:], *whole)


def _beyond(
    meta: CollectionMeta, style: Style, rows: Sequence[Mapping[str, Any]], note: Mapping[str, Any], language: str
) -> tuple[str, ...] | None:
    """Describe maps of development, change and agreement; None for the labels of one year."""
    tests, areas = meta.metadata, describe.Areas(meta.level_title)
    areas = areas.of_county() if any(row.get("context") for row in rows) else areas
    if style.field == "emerging" and note.get("emerging"):
        return describe_years.emerging(rows, note["emerging"], areas=areas, language=language)
    if style.field == "change_label" and note.get("change"):
        return describe_years.change(
            rows,
            note["change"],
            areas=areas,
            alpha=float(tests["alpha"]),
            correction=str(tests["correction"]),
            permutations=int(tests["permutations"]),
            language=language,
        )
    if style.field == "agreement" and note.get("levels"):
        return describe_variants.agreement(rows, note["levels"], areas=areas, language=language)
    return None


def _global(
    found: Any, frame: describe_clusters.Frame, alpha: float, withheld: bool, language: str
) -> tuple[tuple[str, ...], bool | None]:
    """Say what the global test found, where there was one, and whether that is clustering."""
    if not isinstance(found, Mapping) or found.get("value") is None:
        return (), None
    p = None if withheld else found.get("p")
    whole = describe_tests.global_test(
        float(found["value"]),
        p=p,
        n_effective=int(found["n_effective"]),
        support=frame.areas,
        own=frame.own if frame.wide else None,
        expected=found.get("expected"),
        withheld=withheld,
        language=language,
    )
    return whole, None if p is None else float(p) <= alpha


def _remarks(metadata: Mapping[str, Any], language: str, field: str | None = None) -> tuple[str, ...]:
    """Return what was remarked on bringing figures down: old ancillary data, and areas of which they say nothing."""
    notes = metadata.get("handed_down") or {}
    chosen = [notes[field]] if field in notes else list(notes.values()) if field is None else []
    return tuple(text for note in chosen for text in (note.get("remarks") or {}).get(language, ()))
