"""One legend for page and picture: which class an area is in, how many are in each, and how each looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from geodata.store.model import EMPTY, Style, StyleClass
from service.cartography import palettes
from service.cartography.content import MapContent, features_of, is_context
from service.cartography.texts import TEXTS, number


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a legend.

    Attributes
    ----------
    index : int
        Position among the classes of the style; the missing class comes after the last, then the class of cells in
        which nobody lives, where the style has one.
    ink : str
        Colour of hatch lines on this class.
    marked : bool
        A class that asks for attention (it carries a hatch): its areas are listed by name.
    """

    index: int
    label: str
    colour: str
    hatch: str
    letters: str
    count: int
    ink: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Legend:
    """What the legend says; both renderers draw exactly this.

    Attributes
    ----------
    title, unit, method, reading : str
        The indicator, its unit, how the classes were made, and what a high value means.
    entries : tuple of Entry
        From high to low, the missing class last. Classes that only explain a missing label stand here only where an
        area is in them; the others only where any area has a label at all.
    classes : tuple of int
        Class index of each feature, in order; -1 for context.
    notes : tuple of str
        For example that values are modelled.
    """

    title: str
    unit: str
    method: str
    reading: str
    entries: tuple[Entry, ...]
    classes: tuple[int, ...]
    areas: str
    notes: tuple[str, ...] = ()
    has_context: bool = False
    modelled: bool = False

    def entry(self, index: int) -> Entry:
        """Return the row of a class index."""
        return next(entry for entry in self.entries if entry.index == index)


def class_index(style: Style, properties: Mapping[str, Any]) -> int:
    """Tell which class an area is in.

    Parameters
    ----------
    style : Style
        Graduated: ``lower < x <= upper``, the lowest bound included. Categorical: the value, and where no class has
        it, the property ``state``, so that an area without label is shown with the reason.
    properties : mapping
        Of one feature or row.

    Returns
    -------
    int
        Position in ``style.classes``; ``len(style.classes)`` is the missing class, the one after it ``style.empty``.
    """
    value = properties.get(style.field)
    missing = len(style.classes)
    if style.kind == "categorical":
        named = {c.value: i for i, c in enumerate(style.classes)}
        if isinstance(value, str) and value in named:
            return named[value]
        state = properties.get("state")
        return named.get(state, missing) if isinstance(state, str) else missing
    if isinstance(value, bool) or not isinstance(value, Real):
        # Without a word on why, there is no reason to say that something is hidden.
        bare = style.empty is not None and (properties.get(f"{style.field}_status") or EMPTY[0]) in EMPTY
        return missing + 1 if bare else missing
    x = float(value)
    for index, c in enumerate(style.classes):
        above = c.lower is None or x > c.lower or (index == 0 and x == c.lower)
        if above and (c.upper is None or x <= c.upper):
            return index
    return missing


def count_classes(style: Style, rows: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Count the areas per class.

    Parameters
    ----------
    style : Style
        The classes.
    rows : sequence of mapping
        Properties of the features, or records of a table, of one period.

    Returns
    -------
    tuple of int
        One per class, all areas without a value last; neighbours (``context``) are not counted.
    """
    counts = [0] * (len(style.classes) + 1)
    for row in rows:
        if not row.get("context"):
            counts[min(class_index(style, row), len(style.classes))] += 1
    return tuple(counts)


def with_counts(style: Style, rows: Sequence[Mapping[str, Any]]) -> Style:
    """Return the style with the number of areas per class filled in."""
    *counts, missing = count_classes(style, rows)
    classes = tuple(replace(c, count=n) for c, n in zip(style.classes, counts, strict=True))
    return replace(style, classes=classes, missing=replace(style.missing, count=missing))


def build(content: MapContent) -> Legend:
    """Make the legend of a map.

    Parameters
    ----------
    content : MapContent
        The map.

    Returns
    -------
    Legend
        Graduated classes from high to low, categorical ones in the order of the style.
    """
    style, language = content.style, content.language
    features = features_of(content.features)
    classes = tuple(-1 if is_context(f) else class_index(style, f.get("properties") or {}) for f in features)
    missing = len(style.classes)
    looks = (*style.classes, style.missing, *([style.empty] if style.empty is not None else []))
    counts = content.counts or [sum(c == i for c in classes) for i in range(len(looks))]
    # Rows that only say why there is nothing; they stand in the legend where an area is in them.
    explains = [c.value in palettes.STATES for c in style.classes] + [style.kind == "categorical", True]
    nothing = not any(n for n, why in zip(counts, explains, strict=False) if not why)
    entries = []
    for index, (c, count) in enumerate(zip(looks, counts, strict=True)):
        if count or not (explains[index] or (nothing and style.kind == "categorical")):
            entry = _entry(index, c, count, language, missing)
            # Where no area at all was tested the sign of the reason, in each of them, tells nothing more.
            entries.append(replace(entry, letters="") if nothing else entry)
    if style.kind == "graduated":
        classed = [entry for entry in entries if entry.index < missing]
        entries = [*reversed(classed), *entries[len(classed) :]]
    notes = [TEXTS["modelled"][language]] if content.is_modelled else []
    field = next((f for f in content.fields if f.name == style.field), None)
    return Legend(
        title=field.title[language] if field else content.title,
        unit=content.unit or (field.unit if field else ""),
        method=style.method[language],
        reading=style.reading[language],
        entries=tuple(entries),
        classes=classes,
        areas=content.areas or TEXTS["areas"][language],
        notes=tuple(notes),
        has_context=content.context_features is not None or -1 in classes,
        modelled=content.is_modelled,
    )


def _entry(index: int, c: StyleClass, count: int, language: str, missing: int) -> Entry:
    return Entry(
        index=index,
        label=c.label[language] or (TEXTS["missing"][language] if index >= missing else ""),
        colour=c.colour,
        hatch=c.hatch,
        letters=c.letters,
        count=count,
        ink=palettes.QUIET_INK if index >= missing else palettes.ink_on(c.colour),
        marked=bool(c.hatch) and index < missing,
    )


def value_text(value: Any, field: Any, language: str, decimals: int | None = None) -> str:
    """Write one value for a popup.

    Parameters
    ----------
    value : object
        As it stands in the feature.
    field : Field
        Its unit and the names of its categories.
    language : {"de", "en"}
        Of the text.
    decimals : int, optional
        Digits of a number; without it as many as it has, up to three.

    Returns
    -------
    str
        Never empty: what is missing says so.
    """
    if value is None or value == "":
        return TEXTS["missing"][language]
    if isinstance(value, bool):
        return {"de": ("nein", "ja"), "en": ("no", "yes")}["en" if language == "en" else "de"][value]
    if isinstance(value, Real):
        if field.name in ("period", "year"):
            return f"{float(value):.0f}"
        text = number(float(value), language, decimals)
        return f"{text}\u00a0{field.unit}" if field.unit else text
    text = str(value)
    return field.values[text][language] if text in field.values else text
