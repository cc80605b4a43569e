"""An index of any table or layer, without a county: indicators in, one row an area with score, class and parts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from geodata.errors import UsageError
from geodata.flat import Flat, read_flat, require_format, write_flat
from geodata.zones import require_writable
from service.workflows import exclusion
from service.workflows.index_scores import Part, Rules, compute_part, left_out, own_weights, status_rules
from service.workflows.index_task import PICTURES, IndexTask, require_new, require_other

if TYPE_CHECKING:
    from spatial.index.presets import Preset
    from spatial.index.sensitivity import SensitivityResult
    from spatial.index.variants import Scale

#: A table is one year of a panel; which one, nothing hangs on.
_PERIOD = 0


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """What was computed.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an area, as it is written.
    excluded : dict of str to str
        Area → why it has no score.
    classes, dynamics : dict of str to int
        Areas by class, from the least to the most disadvantage and from the best change to the worst.
    groups : pandas.DataFrame or None
        Areas by class of status and dynamics.
    sensitivity : SensitivityResult or None
    notes : tuple of str
        What must be said beside it.
    document : dict
        How it was made: what the file keeps.
    """

    table: pd.DataFrame
    excluded: dict[str, str]
    classes: dict[str, int]
    dynamics: dict[str, int] = field(default_factory=dict)
    groups: pd.DataFrame | None = None
    sensitivity: SensitivityResult | None = None
    notes: tuple[str, ...] = ()
    document: dict[str, Any] = field(default_factory=dict)


def compute_index(
    task: IndexTask,
    out: Path,
    *,
    figure: Path | None = None,
    language: str = "de",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> IndexAnswer:
    """Read a table or layer, compute the index, and write one row an area.

    Parameters
    ----------
    task : IndexTask
        What is to be computed.
    out : pathlib.Path
        Where to; the ending chooses the format.
    figure : pathlib.Path, optional
        A picture of rank intervals and class probabilities is drawn here; needs variants.
    language : {"de", "en"}
        Of the picture.
    overwrite : bool
        Replace files of these names.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    IndexAnswer

    Raises
    ------
    SozialmonitorError
        The input, the task or the output is not what is expected; nothing is written then.
    """
    require_writable(out, overwrite=overwrite)
    require_other(out, task.source)
    task.require_sense()
    condition = exclusion.parse(task.exclude) if task.exclude else None
    if figure is not None:
        if not task.variants:
            raise UsageError(
                "expected --variants with --figure, found none",
                where="--figure",
                hint="it shows how sure ranks and classes are: add for example --variants 10000",
            )
        require_new(figure, PICTURES, "--figure", overwrite=overwrite)
    flat = read_flat(task.source, task.id_field)
    require_format(out, flat)
    wanted = [*task.columns, *([task.population] if task.population else [])]
    numbers = flat.numbers(wanted, missing=task.missing)
    exclude = condition.reasons(flat) if condition else {}
    if condition and not exclude:
        flat.notes.append(f"no area fulfils {condition.text}: --exclude leaves none out")
    say(f"{task.source}: {len(flat.ids)} areas, preset {task.preset}, indicators {', '.join(task.columns)}")
    if task.preset in ("gisd", "iod"):
        answer = _by_dimensions(task, flat, numbers, exclude)
    else:
        answer = _by_status(task, flat, numbers, exclude, say)
    table = _with_names(answer.table, task, flat)
    notes = (*flat.notes, *answer.notes)
    document = {**task.as_dict(), **answer.document, "notes": list(notes), "excluded": answer.excluded}
    write_flat(out, table, flat, metadata=document)
    if figure is not None and answer.sensitivity is not None:
        from service.cartography.index_figures import draw_sensitivity

        draw_sensitivity(figure, answer.sensitivity, table.get("name"), title=Path(task.source).name, language=language)
    return IndexAnswer(
        table,
        answer.excluded,
        answer.classes,
        answer.dynamics,
        answer.groups,
        answer.sensitivity,
        notes,
        document,
    )


def _with_names(table: pd.DataFrame, task: IndexTask, flat: Flat) -> pd.DataFrame:
    """Put the names first."""
    if task.name_field is None:
        return table
    names = flat.column(task.name_field)
    return pd.concat([names.astype("str").rename("name"), table], axis=1)


def _by_status(
    task: IndexTask, flat: Flat, numbers: pd.DataFrame, exclude: Mapping[str, str], say: Callable[[str], None]
) -> IndexAnswer:
    """Compute status, dynamics, their groups and the variants."""
    from spatial.index.presets import PRESETS

    preset = PRESETS[task.preset]
    rules = status_rules(task, preset)
    people = numbers[task.population] if task.population else None
    floor = float(task.floor if task.floor is not None else preset.floor)
    given: dict[str, Any] = {"exclude": exclude, "population": people, "floor": floor}
    notes = [f"assumed in preset {preset.id}: {text}" for text in preset.assumed]
    if task.exploratory:
        notes.append(f"exploratory, not the preset: {', '.join(task.exploratory)}")
    status = compute_part(
        numbers[list(task.status)], task, preset, rules, weights=own_weights(task, task.status), **given
    )
    head = status.table[["score", "rank", "class"]].rename(columns={"class": "status_class"})
    moving, grouped, counts, sure = None, None, None, None
    if task.dynamics:
        own = Rules("sd", preset.dynamics_cuts, preset.dynamics_labels)
        moving = compute_part(
            numbers[list(task.dynamics)], task, preset, own, weights=own_weights(task, task.dynamics), **given
        )
        grouped, counts = _groups(status, moving, preset)
        if grouped is None:
            notes.append(f"no groups of status and dynamics: they need the classes {', '.join(preset.labels)}")
        notes.append(
            f"the dynamics compare areas with each other over {preset.dynamics_years} years: "
            f"{preset.dynamics_labels[0]!r} means a better change than elsewhere, not that things got better"
        )
    if task.variants:
        say(f"{task.variants} variants of weights, scales and means")
        valid = status.table.index[status.table["score"].notna()]
        sure = _variants(task, numbers.loc[valid, list(task.status)], rules)
    columns = [head]
    if moving is not None:
        columns.append(moving.table[["score", "rank", "class"]].add_prefix("dynamics_"))
    if grouped is not None:
        columns.append(grouped)
    columns.append(status.table[["excluded"]])
    if moving is not None:
        columns.append(moving.table[["excluded"]].add_prefix("dynamics_"))
    if sure is not None:
        columns.append(sure.table.drop(columns=["rank", "status_class"]).reindex(head.index))
    columns.append(numbers)
    columns.append(status.table.drop(columns=["score", "rank", "class", "excluded"]))
    if moving is not None:
        columns.append(moving.table.drop(columns=["score", "rank", "class", "excluded"]).add_prefix("dynamics_"))
    document: dict[str, Any] = {
        "source_of_method": preset.source,
        "status_index": {**status.document, "cuts": list(status.cuts), "labels": list(status.labels)},
    }
    if moving is not None:
        document["dynamics_index"] = {**moving.document, "cuts": list(moving.cuts), "labels": list(moving.labels)}
    if sure is not None:
        document["varied"] = list(sure.factors)
        notes.append(
            "shares of variants are as complete as the choices that were varied "
            f"({', '.join(sure.factors)}); the values themselves were taken as they are"
        )
    return IndexAnswer(
        table=pd.concat(columns, axis=1),
        excluded=_excluded(status.table["excluded"], moving),
        classes=_counts(status),
        dynamics=_counts(moving) if moving is not None else {},
        groups=counts,
        sensitivity=sure,
        notes=tuple(notes),
        document=document,
    )


def _excluded(reason: pd.Series, moving: Part | None) -> dict[str, str]:
    told = {str(area): why for area, why in reason.items() if why}
    if moving is not None:
        for area, why in moving.table["excluded"].items():
            if why and str(area) not in told:
                told[str(area)] = f"dynamics only: {why}"
    return told


def _counts(part: Part) -> dict[str, int]:
    found = part.table["class"].value_counts()
    return {label: int(found.get(label, 0)) for label in part.labels}


def _groups(status: Part, moving: Part, preset: Preset) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Cross status and dynamics where both have the preset's classes."""
    from spatial.index.dynamics import cross_classes, cross_table

    if status.labels != preset.labels:
        return None, None
    grouped = cross_classes(status.table["class"], moving.table["class"], preset=preset)
    return grouped[["group", "attention"]], cross_table(grouped, preset=preset)


def _variants(task: IndexTask, values: pd.DataFrame, rules: Rules) -> SensitivityResult:
    """Vary weights, scale, mean and missing rule; what was asked for comes first."""
    from spatial.index.sensitivity import sensitivity
    from spatial.index.variants import Choices, Variants

    own = "percentile" if task.normalisation == "rank" else task.normalisation
    scales = tuple(dict.fromkeys([own, "z", "min-max", "percentile"]))
    means = tuple(dict.fromkeys([task.aggregation, "arithmetic", "geometric"]))
    choices = Choices(
        weights=own_weights(task, task.status),
        weight_spread=task.spread,
        normalisations=cast("tuple[Scale, ...]", scales),
        aggregations=cast("Any", means),
        min_shares=(task.min_share,),
        ddof=1 if task.sd == "sample" else 0,
    )
    sign = np.array([-1.0 if name in task.invert else 1.0 for name in values.columns])
    draws = (values.to_numpy() * sign)[None, :, :]
    variants = Variants(draws, values.index, tuple(values.columns), choices)
    return sensitivity(
        variants,
        task.variants,
        rng=np.random.default_rng(task.seed),
        rule=cast("Any", rules.rule),
        at=rules.at,
        labels=rules.labels,
    )


def _by_dimensions(task: IndexTask, flat: Flat, numbers: pd.DataFrame, exclude: Mapping[str, str]) -> IndexAnswer:
    """Compute an index of components (gisd) or of ranks (iod) from dimensions of several columns."""
    from spatial.index.presets import METHODS

    people = numbers[task.population] if task.population else None
    reason = left_out(numbers.index, exclude, people, float(task.floor or 0))
    used = list(task.columns)
    for area in numbers.index[(reason == "") & numbers[used].isna().any(axis=1)]:
        absent = [name for name in used if np.isnan(numbers.loc[area, name])]
        reason[area] = f"no value: {', '.join(absent)}"
    valid = numbers.loc[reason == "", used]
    preset = METHODS[task.preset]
    notes = [f"assumed in preset {preset.id}: {text}" for text in preset.assumed]
    dimensions = {name: list(columns) for name, columns in task.dimensions}
    document: dict[str, Any] = {"source_of_method": preset.source}
    if task.preset == "gisd":
        from spatial.index.gisd import gisd_index

        panel = valid.set_index(pd.MultiIndex.from_product([valid.index, [_PERIOD]], names=["area_id", "period"]))
        found = gisd_index(panel, dimensions, marker=str(task.marker))
        table = found.table.droplevel("period")
        table.insert(1, "rank", table["score"].round(12).rank(ascending=False, method="min").astype("Int64"))
        labels = [f"Q{k}" for k in range(1, 6)]
        notes += [*found.warnings, "one year: the components were found in it, a panel of years would share them"]
        loadings = {": ".join(map(str, cast("tuple[str, str]", key))): value for key, value in found.loadings.items()}
        document |= {"loadings": loadings, "explained": found.explained.to_dict()}
    else:
        from spatial.index.iod import domain_scores, iod_index

        sign = {name: -1 if name in task.invert else 1 for name in used}
        domains = domain_scores(valid, dimensions, polarity=sign)
        ranked = iod_index(domains, weights=dict(task.weights) or None)
        table = ranked.table
        table["status_class"] = table["status_class"].astype("str")
        labels = [str(k) for k in range(10, 0, -1)]
        notes.append("rates are taken as they are: shrinking small areas needs cases and people, see docs/methods.md")
        document["weights"] = ranked.weights.to_dict()
    counts = table["status_class"].value_counts()
    table = table.reindex(numbers.index).rename_axis(index=str(flat.ids.name))
    table["status_class"] = table["status_class"].astype(object).where(table["status_class"].notna(), None)
    return IndexAnswer(
        table=pd.concat([table.iloc[:, :3], reason, numbers, table.iloc[:, 3:]], axis=1),
        excluded={str(area): why for area, why in reason.items() if why},
        classes={label: int(counts.get(label, 0)) for label in labels},
        notes=tuple(notes),
        document=document,
    )
