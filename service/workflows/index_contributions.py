"""What makes up the index: each indicator's place and contribution, each topic's, and how many people stand behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from geodata.models import VALUED, Text
from geodata.store.model import Collection, Field
from service.workflows import texts
from service.workflows.frames import of_indicator, stack
from service.workflows.index_frame import (
    frame_areas,
    frame_title,
    indicator_values,
    section_of,
    source_of,
    turned,
    years_of_indicator,
)
from service.workflows.index_texts import EXCLUDED_FIELD, contribution_field, reason_code, scale_of, z_field

if TYPE_CHECKING:
    from geodata.models import Indicator
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import IndexResult

NONE = "none"


def contributions_collection(inputs: Inputs, figures: Figures, results: dict[int, IndexResult]) -> Collection:
    """Split the index of every year.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    results : dict of int to IndexResult
        At least one year.

    Returns
    -------
    Collection
        ``{level}_index_contributions``. Years in which only some indicators are known have their place in the frame and
        the people behind them, without an index.
    """
    from service.cartography.index_styles import strongest_style

    county, section = inputs.county, section_of(inputs.county)
    indicators = [county.indicators[name] for name in section.indicators]
    known = {i.id: years_of_indicator(inputs, figures, i.id) for i in indicators}
    frames = {
        period: _year(inputs, figures, indicators, known, period, results.get(period))
        for period in sorted(set().union(*known.values()))
    }
    topics = {str(topic): texts.TOPICS[topic] for topic in dict.fromkeys(i.topic for i in indicators)}
    words = {**topics, NONE: Text("keines über dem Mittel", "none above the mean")}
    fields = _fields(inputs, indicators, topics, words)
    scale, frame = scale_of(county), frame_title(county)
    return Collection(
        id=f"{section.level}_index_contributions",
        title=texts.collection_title(inputs, section.level, "index_contributions"),
        description=Text(
            "Woraus sich der Sozialindex zusammensetzt, je Indikator und Thema, und wie viele Menschen dahinterstehen",
            "What makes up the social index, by indicator and topic, and how many people stand behind it",
        ),
        kind="index",
        level=section.level,
        topic="index",
        fields=tuple(fields),
        table=stack(inputs.levels[section.level], frames, fields),
        styles=(strongest_style(topics),),
        metadata=texts.metadata(
            inputs,
            section.level,
            [county.indicators[name] for name in section.used],
            method={
                "de": f"{scale.de}; Bezug: {frame.de}. Die Beiträge der Indikatoren ergeben zusammen den Indexwert, "
                "die der Themen ebenso. Ein hoher Anteil in einem kleinen Ort betrifft wenige Menschen, ein mittlerer "
                "in einem großen viele: Deshalb steht die Anzahl daneben.",
                "en": f"{scale.en}; frame: {frame.en}. The contributions of the indicators add up to the score, and so "
                "do those of the topics. A high rate in a small place concerns few people, a middling one in a large "
                "place many: therefore the number stands beside it.",
            },
            preset=section.preset,
            reference_frame="county" if section.reference is None else "wider",
            reference_title={"de": frame.de, "en": frame.en},
            frame_means=_means(inputs, figures, indicators, known),
        ),
    )


def counts_people(indicator: Indicator) -> bool:
    """Tell whether a numerator counts people (or cases) and not euros: a rate in percent does."""
    return indicator.kind == "count" or (indicator.kind == "rate" and indicator.unit == "%")


def _year(
    inputs: Inputs,
    figures: Figures,
    indicators: list[Indicator],
    known: dict[str, list[int]],
    period: int,
    result: IndexResult | None,
) -> pd.DataFrame:
    """Split one year."""
    county, section = inputs.county, section_of(inputs.county)
    inside = inputs.inside(section.level)
    out = pd.DataFrame(index=inside)
    for i in indicators:
        if period not in known[i.id]:
            continue
        out[i.id] = indicator_values(inputs, figures, i.id, period, frame_areas(inputs, figures)).reindex(inside)
        source = source_of(county, i.id, period)
        if counts_people(source):
            found = of_indicator(figures, source, period, inside)
            out[f"affected_{i.id}"] = found.top["value"].where(found.status.isin(VALUED) & found.value.notna())
        if result is None:
            out[f"z_{i.id}"] = _place(inputs, figures, i.id, period, inside)
    if result is None:
        return out
    table = result.table.reindex(inside)
    out = out.join(table[[f"z_{i.id}" for i in indicators]])
    parts = table[[f"contribution_{i.id}" for i in indicators]]
    by = parts.T.groupby([str(i.topic) for i in indicators], sort=False).sum(min_count=1).T
    out["score"], out["excluded"] = table["score"], table["excluded"].map(reason_code)
    strongest = by.fillna(float("-inf")).idxmax(axis=1).astype(object).where(by.max(axis=1) > 0, NONE)
    out["strongest"] = strongest.where(table["score"].notna(), None)
    return out.join(parts).join(by.add_prefix("topic_"))


def _means(
    inputs: Inputs, figures: Figures, indicators: list[Indicator], known: dict[str, list[int]]
) -> dict[str, dict[str, float]]:
    """Return each indicator's figure of the wider frame by year: all cases over all people, for means that of units."""
    county, section = inputs.county, section_of(inputs.county)
    out: dict[str, dict[str, float]] = {}
    if section.reference is None:
        return out
    frame = frame_areas(inputs, figures)
    for i in indicators:
        out[i.id] = {}
        for period in known[i.id]:
            source = source_of(county, i.id, period)
            found = of_indicator(figures, source, period, frame)
            shown = found.value.notna()
            if found.bottom is None:
                mean = float(found.value[shown].mean())
            else:
                mean = source.scale * float(found.top["value"][shown].sum() / found.bottom["value"][shown].sum())
            out[i.id][str(period)] = mean
    return out


def _place(inputs: Inputs, figures: Figures, name: str, period: int, inside: pd.Index) -> pd.Series:
    """Place an indicator in the frame of its year, whether or not the others are known; NaN among too few areas."""
    from geodata.errors import SpatialError
    from service.workflows.index_frame import preset_of, recipe_of
    from spatial.index.composite import reasons
    from spatial.index.normalise import Normaliser

    section, recipe = section_of(inputs.county), recipe_of(inputs.county)
    frame = frame_areas(inputs, figures)
    values = turned(inputs.county, indicator_values(inputs, figures, name, period, frame).to_frame(name))
    population = figures.values(section.population, period, inside)
    left = reasons(values.loc[inside], population, section.floor, section.exclude)
    values = values.drop(index=left.index[left != ""])
    posts = {name: recipe.goalposts[name]} if name in recipe.goalposts else {}
    none = pd.Series(float("nan"), index=inside)
    if int(values[name].notna().sum()) < preset_of(inputs.county).min_areas:
        return none
    try:
        scale = Normaliser(recipe.normalisation, ddof=recipe.ddof, goalposts=posts).fit(values)
    except SpatialError:  # the same everywhere: no place can be told
        return none
    return scale.transform(values)[name].reindex(inside)


def _fields(
    inputs: Inputs, indicators: list[Indicator], topics: dict[str, Text], words: dict[str, Text]
) -> list[Field]:
    whole = Text("Die Beiträge ergeben zusammen den Indexwert", "Contributions add up to the score")
    fields = [
        texts.CONTEXT_FIELD,
        Field("strongest", "string", Text("Größter Beitrag", "Largest contribution"), values=words),
        Field(
            "score",
            "number",
            Text("Indexwert", "Index score"),
            Text("hoch = stärkere Benachteiligung", "high = more disadvantage"),
            "SD",
        ),
        EXCLUDED_FIELD,
    ]
    fields += [
        Field(f"topic_{name}", "number", Text(f"Beitrag: {text.de}", f"Contribution: {text.en}"), whole, "SD")
        for name, text in topics.items()
    ]
    for i in indicators:
        fields += [Field(i.id, "number", i.title, i.definition, i.unit)]
        if counts_people(i):
            fields.append(
                Field(
                    f"affected_{i.id}",
                    "number",
                    Text(f"Betroffene: {i.title.de}", f"People concerned: {i.title.en}"),
                    Text("Anzahl neben der Quote", "Number beside the rate"),
                    "Anzahl",
                )
            )
        fields += [z_field(inputs.county, i), contribution_field(i, whole)]
    return fields
