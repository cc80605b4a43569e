"""Do the indicators of a table belong together? Correlations, reliability, loadings and leaving one out, as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.exchange_files import defuse, replacing
from geodata.flat import read_flat
from service.workflows import exclusion
from service.workflows.index_scores import left_out, own_weights
from service.workflows.index_task import PICTURES, IndexTask, require_new, require_other

if TYPE_CHECKING:
    from spatial.index.checks import CheckResult

TABLE = ".csv"


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What the checks found.

    Attributes
    ----------
    result : CheckResult
    excluded : dict of str to str
        Area → why it takes no part.
    findings : tuple of str
        What a person should look at.
    notes : tuple of str
    """

    result: CheckResult
    excluded: dict[str, str]
    findings: tuple[str, ...]
    notes: tuple[str, ...]


def check_file(
    task: IndexTask,
    *,
    out: Path | None = None,
    figure: Path | None = None,
    language: str = "de",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> CheckAnswer:
    """Check the indicators of a table or layer.

    Parameters
    ----------
    task : IndexTask
        Source, indicators, weights, polarity and who is left out.
    out : pathlib.Path, optional
        CSV with one row an indicator: its checks, its loadings and its correlations.
    figure : pathlib.Path, optional
        The same as a picture.
    language : {"de", "en"}
        Of the picture.
    overwrite : bool
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    CheckAnswer

    Raises
    ------
    SozialmonitorError
        Input, task or outputs are not what is expected; nothing is written then.
    """
    task.require_sense()
    if out is not None:
        require_new(out, (TABLE,), "--out", overwrite=overwrite)
        require_other(out, task.source)
    if figure is not None:
        require_new(figure, PICTURES, "--figure", overwrite=overwrite)
    condition = exclusion.parse(task.exclude) if task.exclude else None
    flat = read_flat(task.source, task.id_field)
    names = list(task.status)
    numbers = flat.numbers([*names, *([task.population] if task.population else [])], missing=task.missing)
    from spatial.index.checks import check_index
    from spatial.index.presets import PRESETS

    preset = PRESETS[task.preset]
    people = numbers[task.population] if task.population else None
    floor = float(task.floor if task.floor is not None else preset.floor)
    reason = left_out(numbers.index, condition.reasons(flat) if condition else {}, people, floor)
    values = numbers[names]
    for area in values.index[(reason == "") & values.isna().any(axis=1)]:
        absent = [name for name in names if np.isnan(values.loc[area, name])]
        reason[area] = f"no value: {', '.join(absent)}"
    say(f"{task.source}: {len(values)} areas, {int((reason == '').sum())} of them complete, {len(names)} indicators")
    sign = pd.Series({name: -1.0 if name in task.invert else 1.0 for name in names})
    ddof = {"population": 0, "sample": 1}[task.sd] if task.sd else preset.ddof
    result = check_index(
        values[reason == ""] * sign, weights=own_weights(task, names), ddof=ddof, at=preset.cuts, labels=preset.labels
    )
    if out is not None:
        _write(out, result)
    if figure is not None:
        from service.cartography.index_figures import draw_checks

        draw_checks(figure, result, title=Path(task.source).name, language=language)
    excluded = {str(area): why for area, why in reason.items() if why}
    return CheckAnswer(result, excluded, tuple(_findings(result)), tuple(flat.notes))


def table_of(result: CheckResult) -> pd.DataFrame:
    """Return one row an indicator: checks, loadings (``PC1`` …), Pearson's (``r_…``) and Spearman's (``rho_…``)."""
    parts: list[Any] = [
        result.indicators,
        result.loadings,
        result.correlations.add_prefix("r_"),
        result.rank_correlations.add_prefix("rho_"),
    ]
    return pd.concat(parts, axis=1).rename_axis(index="indicator")


def _findings(result: CheckResult) -> list[str]:
    """Say what a person should look at; none of it is a verdict."""
    found = []
    table = result.indicators
    for name in table.index[table["pulls_against"]]:
        found.append(
            f"{name} pulls against the rest (r = {table.loc[name, 'with_rest']:.2f}): where it is high the others are "
            "low; if high means advantage, name it with --invert, else ask whether it belongs into this index"
        )
    if not np.isnan(result.alpha) and len(table) > 1:
        better = table["alpha_without"] > result.alpha + 0.05
        for name in table.index[better.fillna(False) & ~table["pulls_against"]]:
            found.append(
                f"without {name} Cronbach's alpha is {table.loc[name, 'alpha_without']:.2f} instead of "
                f"{result.alpha:.2f}: it says something else than the others, which may be why it is there"
            )
    names = list(result.correlations.index)
    r = result.correlations.to_numpy()
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if r[i, j] > 0.9:
            found.append(f"{names[i]} and {names[j]} say nearly the same (r = {r[i, j]:.2f}): it is counted twice")
    strong = (result.loadings["PC2"].abs() > result.loadings["PC1"].abs()) if len(table) > 1 else pd.Series(dtype=bool)
    if strong.any() and result.explained["PC2"] * len(table) > 1:
        others = ", ".join(map(str, strong.index[strong]))
        found.append(f"a second component has more than one indicator's variance ({others}): more than one dimension")
    return found


def _write(out: Path, result: CheckResult) -> None:
    table = table_of(result)
    table.index = pd.Index([defuse(str(name)) for name in table.index], name="indicator")
    table.columns = pd.Index([defuse(str(name)) for name in table.columns])
    with replacing(out, (out.suffix,)) as part:
        table.to_csv(part, encoding="utf-8")
