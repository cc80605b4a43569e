"""What the index of a county is made of: its values year by year, the frame they are placed in, and its yardstick."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from geodata.models import Polarity, Text
from service.workflows.frames import of_indicator
from spatial.index.presets import PRESETS

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.county_schema import IndexSection
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.index.dynamics import Break
    from spatial.index.normalise import Method
    from spatial.index.presets import Preset
    from spatial.index.yardstick import Recipe, Yardstick

#: Keys of whole Kreise, Regierungsbezirke and Länder; a file that lists them too is no reason to count areas twice.
_COARSE = 5
_FRAMES: deque[tuple[County, Figures, pd.Index]] = deque(maxlen=4)


def section_of(county: County) -> IndexSection:
    """Return the county's ``[index]``, which the caller knows to be there."""
    if county.index is None:
        raise AssertionError("the county has no index")
    return county.index


def preset_of(county: County) -> Preset:
    """Return the preset with the county's own classes, where it names some."""
    section = section_of(county)
    preset = PRESETS[section.preset]
    if section.classes is None:
        return preset
    labels = section.classes.labels
    return replace(
        preset,
        cuts=section.classes.at,
        labels=tuple(label.de for label in labels),
        labels_en=MappingProxyType({label.de: label.en for label in labels}),
        attention=(),
    )


def recipe_of(county: County) -> Recipe:
    """Translate ``[index]`` into what the yardstick is made by."""
    from spatial.index.yardstick import Recipe

    section, preset = section_of(county), preset_of(county)
    sample = section.normalisation == "z-sample"
    posts = {}
    for name, (low, high) in section.goalposts.items():
        turned = county.indicators[name].polarity is Polarity.ADVANTAGE
        posts[name] = (-high, -low) if turned else (low, high)
    return Recipe(
        weights=dict(section.weights) or None,
        normalisation=cast("Method", "z" if sample else section.normalisation),
        ddof=1 if sample else preset.ddof,
        goalposts=posts,
        aggregation=section.aggregation,
        min_share=section.min_share,
        rule=section.classes.rule if section.classes is not None else "fixed",
        at=preset.cuts,
        classes=len(preset.labels),
        quantile_type=section.classes.quantile_type if section.classes is not None else 7,
        labels=preset.labels,
        preset=preset.id,
    )


def frame_title(county: County) -> Text:
    """Name the reference frame, as every map of the index does."""
    section = section_of(county)
    if section.reference is None:
        return Text(f"Gebiete des Kreises ({county.title.de})", f"areas of the county ({county.title.en})")
    return section.reference.title


def frame_areas(inputs: Inputs, figures: Figures) -> pd.Index:
    """Return the areas that the index is standardised on: the county's own, or those of the wider frame.

    Parameters
    ----------
    inputs : Inputs
        ``county.index`` is not None.
    figures : Figures
        What the edition may know.

    Returns
    -------
    pandas.Index
        Ids; the county's own first.
    """
    section = section_of(inputs.county)
    own = inputs.inside(section.level)
    if section.reference is None:
        return own
    if section.reference.prefix is None:
        return own.union(inputs.levels[section.level].areas.index, sort=False)
    # Asked for in every year and by every layer: the last ones are remembered, by identity, as figures never change.
    for county, of, areas in _FRAMES:
        if county is inputs.county and of is figures:
            return areas
    variables = {name for i in section.used for name in _parts(inputs.county.indicators[i])}
    keys: set[str] = set()
    for (variable, _), frame in figures.frames.items():
        if variable in variables:
            keys.update(frame.index)
    prefix = section.reference.prefix
    others = sorted(key for key in keys - set(own) if key.startswith(prefix) and len(key) > _COARSE)
    found = own.append(pd.Index(others, dtype=own.dtype))
    _FRAMES.append((inputs.county, figures, found))
    return found


def _parts(indicator: Indicator) -> list[str]:
    return [name for name in (indicator.numerator, indicator.denominator) if name is not None]


def source_of(county: County, name: str, period: int) -> Indicator:
    """Return the indicator that delivers one of the index's figures in a year: itself, or what replaced it."""
    link = section_of(county).chain.get(name)
    return county.indicators[link.by if link is not None and period > link.overlap else name]


def years_of_indicator(inputs: Inputs, figures: Figures, name: str) -> list[int]:
    """Return the years in which an indicator of the index is known in the county, chained ones included."""
    areas = inputs.inside(section_of(inputs.county).level)
    link = section_of(inputs.county).chain.get(name)

    def years(indicator: Indicator) -> set[int]:
        found = set(figures.periods(indicator.numerator, areas))
        if indicator.denominator is not None:
            found &= set(figures.periods(indicator.denominator, areas))
        return found

    known = years(inputs.county.indicators[name])
    if link is not None:
        later = {year for year in years(inputs.county.indicators[link.by]) if year > link.overlap}
        known = {year for year in known if year <= link.overlap} | later
    return sorted(known)


def index_years(inputs: Inputs, figures: Figures) -> list[int]:
    """Return the years in which all indicators of the index are known."""
    names = section_of(inputs.county).indicators
    return sorted(set.intersection(*(set(years_of_indicator(inputs, figures, name)) for name in names)))


def indicator_values(inputs: Inputs, figures: Figures, name: str, period: int, areas: pd.Index) -> pd.Series:
    """Return one figure of the index in its own direction; after a replacement, linked to what it replaced.

    Parameters
    ----------
    inputs, figures
        What was read, and what the edition may know.
    name : str
        An indicator of the index.
    period : int
    areas : pandas.Index
        The linking factor of ``how = "sd"`` is learned on these areas: the same ones must be asked for in every year.

    Returns
    -------
    pandas.Series of float, shape (n,)
    """
    from spatial.index.dynamics import chain

    county = inputs.county
    link = section_of(county).chain.get(name)
    value = of_indicator(figures, source_of(county, name, period), period, areas).value.astype(np.float64)
    if link is None or period <= link.overlap:
        return value
    old, new = (
        of_indicator(figures, county.indicators[i], link.overlap, areas).value.astype(np.float64)
        for i in (name, link.by)
    )
    linked = chain(
        pd.DataFrame({link.overlap: old}), pd.DataFrame({link.overlap: new, period: value}), link.overlap, how=link.how
    )
    return linked[period].astype(np.float64)


def index_values(inputs: Inputs, figures: Figures, period: int, areas: pd.Index) -> pd.DataFrame:
    """Return all figures of the index, in their own direction, areas × indicators; see :func:`indicator_values`."""
    names = section_of(inputs.county).indicators
    return pd.DataFrame({name: indicator_values(inputs, figures, name, period, areas) for name in names}, index=areas)


def turned(county: County, values: pd.DataFrame) -> pd.DataFrame:
    """Turn figures so that high means disadvantage."""
    away = [name for name in values.columns if county.indicators[str(name)].polarity is Polarity.ADVANTAGE]
    return values.assign(**{str(name): -values[name] for name in away})


def yardstick_of(
    inputs: Inputs, figures: Figures, period: int, own: pd.DataFrame | None = None, *, min_areas: int | None = None
) -> Yardstick:
    """Learn the scale of the index in one year.

    Parameters
    ----------
    inputs, figures
        What was read, and what the edition may know.
    period : int
    own : pandas.DataFrame, optional
        Turned values of the county's own areas instead of the observed ones, for draws.
    min_areas : int, optional
        The preset's by default.

    Returns
    -------
    Yardstick
        Learned on the wider frame where there is one; else on the county's own areas that are not left out.

    Raises
    ------
    SpatialError
        Too few areas are known, or an indicator is the same everywhere.
    """
    from spatial.index.composite import reasons
    from spatial.index.yardstick import Yardstick

    county, section = inputs.county, section_of(inputs.county)
    frame = frame_areas(inputs, figures)
    inside = inputs.inside(section.level)
    values = turned(county, index_values(inputs, figures, period, frame))
    if own is not None:
        values = values.copy()
        values.loc[inside] = own.loc[inside, values.columns]
    found = Yardstick(recipe_of(county), min_areas=min_areas or preset_of(county).min_areas)
    table = values.loc[inside]
    left = reasons(
        table,
        figures.values(section.population, period, inside),
        section.floor,
        section.exclude,
        found.enough(table),
    )
    return found.fit(values.drop(index=left.index[left != ""]))


def breaks_of(county: County) -> tuple[Break, ...]:
    """Return the breaks that the county names, and those that its chains bridge."""
    from spatial.index.dynamics import Break

    section = section_of(county)
    named = [Break(b.kind, b.name, b.period, b.reason.de, b.bridged) for b in section.breaks]
    linked = [
        Break("indicator", name, link.overlap + 1, f"{county.indicators[link.by].title.de} ersetzt ihn", bridged=True)
        for name, link in section.chain.items()
    ]
    return (*named, *linked)


def breaks_told(county: County) -> list[tuple[int, Text]]:
    """Name the breaks, those that a chain bridges included, each with the first year after it."""
    section = section_of(county)
    kinds = {
        "indicator": Text("Indikator", "indicator"),
        "area": Text("Gebiet", "area"),
        "method": Text("Verfahren", "method"),
    }

    def told(kind: str, name: Text, period: int, reason: Text, *, bridged: bool) -> tuple[int, Text]:
        why = [f": {reason[x]}" if reason[x] else "" for x in ("de", "en")]
        done = ("umgerechnet", "worked back") if bridged else ("nicht vergleichbar", "not comparable")
        german = f"{kinds[kind].de} {name.de} ab {period}{why[0]} ({done[0]})"
        return period, Text(german, f"{kinds[kind].en} {name.en} from {period}{why[1]} ({done[1]})")

    out = []
    for b in section.breaks:
        title = county.indicators[b.name].title if b.kind == "indicator" else Text(b.name, b.name)
        out.append(told(b.kind, title, b.period, b.reason, bridged=b.bridged))
    for name, link in section.chain.items():
        new = county.indicators[link.by].title
        reason = Text(f"fortgeführt durch {new.de}", f"continued by {new.en}")
        out.append(told("indicator", county.indicators[name].title, link.overlap + 1, reason, bridged=True))
    return out
