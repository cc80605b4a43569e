"""From tests to a layer: columns, styles, and what every map of them must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import some
from geodata.models import Indicator, Text
from geodata.store.model import Collection, Field, Style
from service.cartography.presets import differences
from service.workflows import texts
from service.workflows.frames import stack
from service.workflows.handdown_texts import handed_down_note
from service.workflows.hotspot_fields import fields_of

if TYPE_CHECKING:
    from geodata.models import AreaLayer
    from service.workflows.handdown import Allocation
    from service.workflows.read import Inputs
    from spatial.results import LocalResult

#: What is taken from an area that is not shown, or that lies outside the county.
STATISTICS = [
    "local_moran",
    "local_moran_z",
    "gi_star_z",
    "p",
    "p_adjusted",
    "label_probability",
    "emerging_hot",
    "emerging_cold",
    "emerging_years",
    "emerging_p",
    "change",
    "change_p_adjusted",
]
#: Words that are taken with them.
SAID = ["emerging", "change_label", "coarser_label", "agreement"]
_LABELS = ["label", "gi_star_label", "label_robust"]


def blanked(table: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """Take value, label and every statistic from rows that are not shown."""
    out = table.copy()
    here = hidden.to_numpy(dtype=bool)
    out.loc[here, ["value", *_there(out, STATISTICS)]] = np.nan
    out.loc[here, _there(out, SAID)] = None
    out.loc[here, "quadrant"] = 0
    out.loc[here, _there(out, _LABELS)] = "no label"
    out.loc[here, "state"] = "suppressed"
    return out


def _shown(table: pd.DataFrame, layer: AreaLayer) -> pd.DataFrame:
    """Take the statistics from context areas: a label could be rebuilt from them. Their value and neighbours stay."""
    out = table.copy()
    outside = layer.areas["context"].reindex(table.index).to_numpy(dtype=bool)
    out.loc[outside, _there(out, STATISTICS)] = np.nan
    out.loc[outside, _there(out, SAID)] = None
    out.loc[outside, "quadrant"] = 0
    return out


def _there(table: pd.DataFrame, names: list[str]) -> list[str]:
    return [name for name in names if name in table]


def _isolated(inputs: Inputs, level: str, table: pd.DataFrame) -> list[str]:
    """Name the areas of the county that have no neighbour with a value, so that nothing could be tested there."""
    areas = inputs.levels[level].areas
    ids = pd.unique(table.loc[(table["state"] == "isolated").to_numpy(), "support"])
    own = areas.loc[areas.index.isin(ids) & ~areas["context"].to_numpy(dtype=bool), "name"]
    return [str(name) for name in own]


def _overlapping(inputs: Inputs, level: str) -> list[str]:
    """Name the pairs of areas that overlap by more than a trifle: somebody should mend them."""
    from spatial.autocorrelation.borders import overlaps

    layer = inputs.levels[level]
    if layer.is_grid:
        return []
    found, names = overlaps(layer.areas), layer.areas["name"]
    return [f"{names[a]} / {names[b]}" for a, b in found[["first", "second"]].to_numpy()]


def hotspot_collection(
    inputs: Inputs,
    name: str,
    indicator: Indicator | None,
    level: str,
    results: Mapping[int, LocalResult],
    notes: Mapping[int, Mapping[str, Any]],
    *,
    allocation: Allocation | None = None,
) -> Collection:
    """Make the layer of one tested figure at one level.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    name : str
        Id of the indicator, or ``index``.
    indicator : Indicator or None
        None for the index.
    level : str
        Whose areas are drawn.
    results : mapping of int to LocalResult
        Year → tests, labels painted down already where values were handed down.
    notes : mapping of int to mapping
        Year → what else is to be said of it.
    allocation : Allocation, optional
        How the figure came down; without it, it was observed at the level.

    Returns
    -------
    Collection
        ``{level}_hotspots_{name}``.
    """
    layer = inputs.levels[level]
    title = indicator.title if indicator is not None else texts.TOPICS["index"]
    unit = indicator.unit if indicator is not None else "SD"
    fields = tuple(
        Field(f.name, f.type, title, f.description, unit, f.values) if f.name == "value" else f
        for f in fields_of(results[max(results)].table, indicator)
    )
    tests = inputs.county.tests
    last = results[max(results)]
    kind = tests.graph.get(allocation.source if allocation is not None else level, "queen")
    tested_as = inputs.levels[allocation.source].title if allocation is not None else layer.title
    indicators = (
        [indicator]
        if indicator is not None
        else [inputs.county.indicators[i] for i in (inputs.county.index.indicators if inputs.county.index else ())]
    )
    eb = bool(notes[max(results)].get("adjusted"))
    method = {
        "de": f"Local Moran und Gi* auf der Ebene {tested_as.de}{', Empirical-Bayes-Raten' if eb else ''}; "
        f"{texts.GRAPHS[kind].de}; {tests.permutations} bedingte Permutationen, Seed {tests.seed}; "
        f"α = {str(tests.alpha).replace('.', ',')}, Korrektur {texts.CORRECTIONS[tests.correction].de}. "
        "Der zweiseitige p-Wert beider Verfahren ist ein und dieselbe Zahl.",
        "en": f"Local Moran and Gi* at level {tested_as.en}{', empirical Bayes rates' if eb else ''}; "
        f"{texts.GRAPHS[kind].en}; {tests.permutations} conditional permutations, seed {tests.seed}; "
        f"α = {tests.alpha}, correction {texts.CORRECTIONS[tests.correction].en}. "
        "The two-sided p of both is one and the same number.",
    }
    tested_level = allocation.source if allocation is not None else level
    overlapping = _overlapping(inputs, tested_level)
    if overlapping:
        named = some(overlapping)
        method["de"] += f" Gebiete, die einander um mehr als 1 % überlappen, gelten als Nachbarn: {named}."
        method["en"] += f" Areas that overlap by more than 1 % are taken as neighbours: {named}."
    chosen = differences(
        weights=kind,
        alpha=tests.alpha,
        correction=tests.correction,
        min_areas=tests.min_areas,
        kind="grid" if inputs.levels[tested_level].is_grid else "areas",
    )
    exploratory = [{"de": text.de, "en": text.en} for text in chosen]
    extra: dict[str, Any] = {
        "method": method,
        "indicator": name,
        "tested_level": tested_level,
        "alpha": tests.alpha,
        "correction": tests.correction,
        "permutations": tests.permutations,
        "seed": tests.seed,
        "graph": last.graph,
        "min_areas": tests.min_areas,
        "exploratory": exploratory,
        "per_period": {
            str(period): {
                "n_effective": result.n_effective,
                "components": result.components,
                "warnings": list(result.warnings),
                "isolated": _isolated(inputs, tested_level, result.table),
                **notes[period],
            }
            for period, result in results.items()
        },
    }
    if allocation is not None and indicator is not None:
        extra["handed_down"] = {indicator.id: handed_down_note(inputs, indicator, allocation)}
        where = tested_as
        extra["same_label"] = {
            "de": f"Die Markierungen sind die der Ebene {where.de}: Dass beide Ebenen übereinstimmen, ist keine "
            "Bestätigung, sondern liegt an der Verteilung.",
            "en": f"The marks are those of level {where.en}: that both levels agree confirms nothing, it is how the "
            "figures were shared out.",
        }
    modelled = allocation is not None
    decimals = indicator.decimals if indicator is not None else 2
    return Collection(
        id=f"{level}_hotspots_{name}",
        title=Text(f"Cluster: {title.de} – {layer.title.de}", f"Clusters: {title.en} – {layer.title.en}"),
        description=Text(method["de"], method["en"]),
        kind="hotspots",
        level=level,
        topic=indicator.topic.value if indicator is not None else "index",
        fields=(texts.CONTEXT_FIELD, *fields),
        table=stack(layer, {p: _shown(r.table, layer) for p, r in results.items()}, (texts.CONTEXT_FIELD, *fields)),
        styles=_styles(inputs, last.table, notes[max(results)], modelled=modelled, decimals=decimals),
        metadata=texts.metadata(inputs, level, indicators, **extra),
    )


def _styles(
    inputs: Inputs, table: pd.DataFrame, note: Mapping[str, Any], *, modelled: bool, decimals: int
) -> tuple[Style, ...]:
    """Draw first what holds; then the labels as tested, and what else was found."""
    from service.cartography.classification import gi_star_style, hotspot_style
    from service.cartography.hotspot_styles import agreement_style, change_style, emerging_style, robust_style

    tests = inputs.county.tests
    correction = tests.correction
    styles = [
        hotspot_style(modelled=modelled, decimals=decimals, correction=correction),
        gi_star_style(modelled=modelled, decimals=decimals, correction=correction),
    ]
    if note.get("robust"):
        threshold = tests.robust_threshold
        styles.insert(0, robust_style(threshold, modelled=modelled, decimals=decimals, correction=correction))
    if "emerging" in table:
        styles.append(emerging_style(set(table["emerging"].dropna()), modelled=modelled))
    if "change_label" in table:
        years = note["change"]
        styles.append(change_style(years["from"], years["to"], modelled=modelled, correction=correction))
    if "agreement" in table:
        styles.append(agreement_style(note["levels"]["title"], modelled=modelled))
    return tuple(styles)
