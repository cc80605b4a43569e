"""Change of the index: absolute against a frozen base year, and the relative dynamics beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import ConfigError, SpatialError, some
from geodata.models import Text
from geodata.store.model import Collection, Field
from service.workflows import texts
from service.workflows.frames import stack
from service.workflows.index_frame import (
    breaks_of,
    breaks_told,
    frame_areas,
    frame_title,
    index_values,
    preset_of,
    section_of,
    turned,
    yardstick_of,
)
from service.workflows.index_texts import EXCLUDED_FIELD, contribution_field, reason_code, scale_of

if TYPE_CHECKING:
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.index.dynamics import Break
    from spatial.index.presets import Preset
    from spatial.index.yardstick import Yardstick
    from spatial.results import IndexResult

COMPARABLE = {
    "yes": Text("ja", "yes"),
    "bridged": Text("ja, über einen Bruch hinweg umgerechnet", "yes, worked back across a break"),
    "no": Text("nein, ein Bruch liegt dazwischen", "no, there is a break between"),
}


def change_collection(
    inputs: Inputs,
    figures: Figures,
    results: dict[int, IndexResult],
    tell: Callable[[str], None] = lambda _line: None,
) -> Collection | None:
    """Measure every later year with the yardstick of the base year.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know: an area that lacks a figure in either year has no change.
    results : dict of int to IndexResult
        The status of each year.
    tell : callable
        Receives one line where the base year or a year of the dynamics is not known.

    Returns
    -------
    Collection or None
        ``{level}_index_change``; None where there is no year after the base year.

    Raises
    ------
    ConfigError
        A break names an area that the county does not have.
    """
    from service.cartography.index_styles import change_style, dynamics_style

    county, section, preset = inputs.county, section_of(inputs.county), preset_of(inputs.county)
    inside = set(inputs.inside(section.level))
    if unknown := [b.name for b in section.breaks if b.kind == "area" and b.name not in inside]:
        raise ConfigError(
            f"index.breaks: expected areas of the county at level {section.level!r}, found {some(unknown)}",
            where=str(county.folder / "county.toml"),
            hint="name the area by its key as the level has it",
        )
    base = min(results) if section.base_year is None else section.base_year
    later = [period for period in sorted(results) if period > base]
    if base not in results or not later:
        tell(f"no change of the index: there is {'no index of' if base not in results else 'no year after'} {base}")
        return None
    yardstick = yardstick_of(inputs, figures, base)
    frames = {}
    for period in later:
        frame = _absolute(inputs, figures, yardstick, base, period, results)
        frames[period] = frame.join(_relative(inputs, figures, period, results, tell))
    indicators = [county.indicators[name] for name in section.indicators]
    fields = _fields(inputs, indicators, base)
    scale, title, breaks = scale_of(county), frame_title(county), breaks_of(county)
    caution = _money(indicators)
    told = [text for year, text in breaks_told(county) if base < year <= later[-1]]
    said = Text(
        "".join(
            f" {part}" for part in (f"Brüche: {'; '.join(t.de for t in told)}." if told else "", caution.de) if part
        ),
        "".join(
            f" {part}" for part in (f"Breaks: {'; '.join(t.en for t in told)}." if told else "", caution.en) if part
        ),
    )
    return Collection(
        id=f"{section.level}_index_change",
        title=texts.collection_title(inputs, section.level, "index_change"),
        description=Text(
            f"Veränderung des Sozialindex gegen {base}, mit dem Maßstab von {base}; daneben die Dynamik der Gebiete "
            "im Vergleich untereinander",
            f"Change of the social index against {base}, with the yardstick of {base}; beside it the dynamics of the "
            "areas compared with each other",
        ),
        kind="index",
        level=section.level,
        topic="index",
        fields=tuple(fields),
        table=stack(inputs.levels[section.level], frames, fields),
        styles=(change_style(base), dynamics_style(preset.dynamics_labels, preset.dynamics_labels_en)),
        metadata=texts.metadata(
            inputs,
            section.level,
            [county.indicators[name] for name in section.used],
            method={
                "de": f"{scale.de}; Mittelwert und Streuung von {base} bleiben fest (Bezug: {title.de}): Eine "
                "Veränderung des Indexwerts ist eine Veränderung des Gebiets. Die Dynamik dagegen vergleicht die "
                f"Veränderung über {preset.dynamics_years} Jahre mit der der anderen Gebiete.{said.de}",
                "en": f"{scale.en}; mean and spread of {base} are kept (frame: {title.en}): a change of the score is "
                f"a change of the area. The dynamics compare the change over {preset.dynamics_years} years with that "
                f"of the other areas.{said.en}",
            },
            caution={"de": caution.de, "en": caution.en},
            preset=section.preset,
            reference_frame="county" if section.reference is None else "wider",
            reference_title={"de": title.de, "en": title.en},
            base_year=base,
            dynamics_years=preset.dynamics_years,
            breaks=[
                {"kind": b.kind, "name": b.name, "period": b.period, "reason": b.reason, "bridged": b.bridged}
                for b in breaks
            ],
        ),
    )


def _money(indicators: list[Indicator]) -> Text:
    """Warn of amounts of money: they grow with prices, and so does what they say of an area."""
    money = [i for i in indicators if i.unit.upper() in ("EUR", "€")]
    if not money:
        return Text("", "")
    return Text(
        f"Beträge ({', '.join(i.title.de for i in money)}) sind nicht preisbereinigt: Ein Teil der Veränderung ist "
        "Geldentwertung.",
        f"Amounts ({', '.join(i.title.en for i in money)}) are not adjusted for prices: part of the change is "
        "inflation.",
    )


def _absolute(
    inputs: Inputs, figures: Figures, yardstick: Yardstick, base: int, period: int, results: dict[int, IndexResult]
) -> pd.DataFrame:
    """Measure two years with one yardstick; an area that either year leaves out has no change."""
    county, section = inputs.county, section_of(inputs.county)
    inside, frame = inputs.inside(section.level), frame_areas(inputs, figures)
    raw = {year: index_values(inputs, figures, year, frame).loc[inside] for year in (base, period)}
    left = {year: results[year].table["excluded"].reindex(inside) for year in (base, period)}
    valid = (left[base] == "") & (left[period] == "")
    scored, parts = {}, {}
    for year, values in raw.items():
        scored[year], parts[year], _ = yardstick.parts(turned(county, values).where(valid, axis=0))
    # A partial index of other indicators than in the base year would be a change of the recipe.
    same = (raw[base].notna() == raw[period].notna()).all(axis=1)
    withheld, comparable = _comparable(breaks_of(county), base, period, inside)
    shown = valid & same & ~withheld
    out = pd.DataFrame(index=inside)
    out["change"] = (scored[period] - scored[base]).where(shown)
    out["score_base"], out["score"] = scored[base], scored[period]
    out["comparable"] = comparable
    out["excluded"] = left[period].where(left[period] != "", left[base]).map(reason_code)
    contributions = (parts[period] - parts[base]).where(shown, axis=0)
    gone = {b.name for b in breaks_of(county) if b.kind == "indicator" and base < b.period <= period and not b.bridged}
    moved = (raw[period] - raw[base]).where(valid & ~_areas_withheld(breaks_of(county), base, period, inside), axis=0)
    for name in section.indicators:
        out[f"change_{name}"] = moved[name] if name not in gone else float("nan")
        out[f"contribution_{name}"] = contributions[name]
    return out


def _areas_withheld(breaks: tuple[Break, ...], base: int, period: int, areas: pd.Index) -> pd.Series:
    between = [b for b in breaks if base < b.period <= period and not b.bridged]
    if any(b.kind == "method" for b in between):
        return pd.Series(True, index=areas)
    return pd.Series(areas.isin([b.name for b in between if b.kind == "area"]), index=areas)


def _comparable(breaks: tuple[Break, ...], base: int, period: int, areas: pd.Index) -> tuple[pd.Series, pd.Series]:
    """Say where a break withholds the change of the index, and what stands between the two years."""
    between = [b for b in breaks if base < b.period <= period]
    withheld = _areas_withheld(breaks, base, period, areas)
    if any(b.kind == "indicator" and not b.bridged for b in between):  # the index needs all its indicators
        withheld = pd.Series(True, index=areas)
    bridged = pd.Series(areas.isin([b.name for b in between if b.kind == "area" and b.bridged]), index=areas)
    bridged |= any(b.bridged and b.kind != "area" for b in between)
    said = pd.Series("yes", index=areas, dtype=object).mask(bridged, "bridged").mask(withheld, "no")
    return withheld, said


def _relative(
    inputs: Inputs, figures: Figures, period: int, results: dict[int, IndexResult], tell: Callable[[str], None]
) -> pd.DataFrame:
    """Compare the areas' changes over the preset's years with each other; empty where an earlier year is missing."""
    from spatial.index.dynamics import groups, relative_dynamics
    from spatial.index.standardise import Standardiser

    county, section, preset = inputs.county, section_of(inputs.county), preset_of(inputs.county)
    inside, empty = inputs.inside(section.level), pd.DataFrame(index=inputs.inside(section.level))
    before = period - preset.dynamics_years
    withheld, _ = _comparable(breaks_of(county), before, period, inside)
    if before not in results or withheld.all():
        return empty
    frame = frame_areas(inputs, figures)
    then, now = (turned(county, index_values(inputs, figures, year, frame)) for year in (before, period))
    moved = now - then
    left = results[before].table["excluded"].reindex(inside)
    own = moved.loc[inside].where((left == "") & ~withheld, axis=0)
    weights = dict(section.weights) or None
    try:
        wide = Standardiser(weights, ddof=preset.ddof).fit(moved.dropna()) if section.reference is not None else None
        found = relative_dynamics(
            own,
            preset=preset,
            weights=weights,
            population=figures.values(section.population, period, inside),
            floor=section.floor,
            exclude=section.exclude,
            reference=wide,
        )
    except SpatialError as error:
        tell(f"no dynamics of the index for {period}: {error.message}")
        return empty
    crossed = groups(results[period], found, preset=preset)
    return pd.DataFrame(
        {
            "dynamics_class": crossed["dynamics_class"],
            "dynamics": found.table["score"],
            "group": crossed["group"],
            "attention": crossed["attention"],
        }
    )


def _fields(inputs: Inputs, indicators: list[Indicator], base: int) -> list[Field]:
    preset: Preset = preset_of(inputs.county)
    frame = frame_title(inputs.county)
    whole = Text("Die Beiträge ergeben zusammen die Veränderung", "Contributions add up to the change")
    years = preset.dynamics_years
    signs = (("+", 0), ("±", 1), ("−", 2))
    named = {
        f"{k}{sign}": Text(
            f"Status {label}, Dynamik {preset.dynamics_labels[n]}",
            f"status {preset.labels_en[label]}, dynamics {preset.dynamics_labels_en[preset.dynamics_labels[n]]}",
        )
        for k, label in enumerate(preset.labels, start=1)
        for sign, n in signs
    }
    return [
        texts.CONTEXT_FIELD,
        Field(
            "change",
            "number",
            Text(f"Veränderung gegen {base}", f"Change against {base}"),
            Text(
                f"In Standardabweichungen des Index von {base} (Bezug: {frame.de}); über 0 = mehr Benachteiligung",
                f"In standard deviations of the index of {base} (frame: {frame.en}); above 0 = more disadvantage",
            ),
            "SD",
        ),
        Field("score_base", "number", Text(f"Indexwert {base}", f"Index score of {base}"), unit="SD"),
        Field(
            "score",
            "number",
            Text(f"Indexwert mit dem Maßstab von {base}", f"Index score with the yardstick of {base}"),
            Text("hoch = stärkere Benachteiligung", "high = more disadvantage"),
            "SD",
        ),
        Field("comparable", "string", Text("Vergleichbar", "Comparable"), values=COMPARABLE),
        EXCLUDED_FIELD,
        *(
            Field(
                f"change_{i.id}",
                "number",
                Text(f"Veränderung: {i.title.de}", f"Change: {i.title.en}"),
                Text(f"Gegen {base}, in der Einheit des Indikators", f"Against {base}, in the indicator's own unit"),
                texts.gap_unit(i),
            )
            for i in indicators
        ),
        *(contribution_field(i, whole) for i in indicators),
        Field(
            "dynamics_class",
            "string",
            Text("Dynamik im Vergleich der Gebiete", "Dynamics compared with other areas"),
            Text(
                f"Veränderung über {years} Jahre, verglichen mit der der anderen Gebiete: „positiv“ kann heißen, dass "
                "es langsamer schlechter wurde",
                f'Change over {years} years, compared with that of the other areas: "positive" may mean that it got '
                "worse more slowly",
            ),
            values={label: Text(label, preset.dynamics_labels_en[label]) for label in preset.dynamics_labels},
        ),
        Field("dynamics", "number", Text("Dynamikwert", "Dynamics score"), unit="SD"),
        Field("group", "string", Text("Gruppe aus Status und Dynamik", "Group of status and dynamics"), values=named),
        Field(
            "attention",
            "boolean",
            Text("Besondere Aufmerksamkeit", "Special attention"),
            Text(f"Nach der Regel der Voreinstellung {preset.id}", f"By the rule of the preset {preset.id}"),
        ),
    ]
