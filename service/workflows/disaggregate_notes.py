"""What must be said of handed-down columns: what stayed outside, values that cannot be, rates above their limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodata.errors import ColumnError, ConfigError, some

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from service.workflows.disaggregate import Task

#: Numbers that files write where there is no value; of a mean they may be meant, of a count they are negative.
SIGNS = (-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, 999999.0)
#: A source of which the targets hold more than this share of the area is not worth a word where it hands all over.
ALL_BUT_A_SLIVER = 0.99


def require_counts(task: Task, sources: gpd.GeoDataFrame) -> list[str]:
    """Refuse counts below 0; say where a mean looks like a sign for "no value".

    Parameters
    ----------
    task : Task
    sources : geopandas.GeoDataFrame
        With the columns of the task.

    Returns
    -------
    list of str
        Notes on means.

    Raises
    ------
    ColumnError
        A count, a population or a standard error is negative.
    """
    counts = [*task.counts, *([task.population] if task.population else []), *(error for _, error in task.errors)]
    for name in dict.fromkeys(counts):
        wrong = sources[name] < 0
        if wrong.any():
            found = some(f"{area}: {value:g}" for area, value in sources.loc[wrong, name].items())
            raise ColumnError(
                f"column {name!r}: expected counts of at least 0, found {int(wrong.sum())} below: {found}",
                where=task.sources,
                hint="save a sign for 'no value' (such as -1 or -9999) as a blank; hand the two sides of a balance "
                "down one by one",
            )
    notes = []
    for name in task.means:
        odd = sources[name].isin(SIGNS)
        if odd.any():
            signs = some(f"{value:g}" for value in sorted(set(sources.loc[odd, name])))
            notes.append(
                f"{name}: {signs} in {int(odd.sum())} sources was taken for a value; save it as a blank if it means "
                "'no value'"
            )
    return notes


def require_names(table: dict[str, pd.Series], more: dict[str, pd.Series]) -> None:
    """Refuse two results of one name, one of which would be lost.

    Raises
    ------
    ConfigError
        A column of the sources is called like a result of another one.
    """
    twice = [name for name in more if name in table]
    if twice:
        raise ConfigError(
            f"expected results of different names, found {some(map(repr, twice))} twice",
            where="columns of the output",
            hint="rename the column in the file of the sources: COL_kappa and COL_lower are results of COL",
        )


def outside_notes(name: str, audit: pd.DataFrame, *, kept: bool) -> list[str]:
    """Say how much of a column's total lies in no target, or was handed over although it does.

    Parameters
    ----------
    name : str
        The column.
    audit : pandas.DataFrame
        See :meth:`spatial.disaggregation.transfer.AllocationWeights.audit`.
    kept : bool
        What lies outside stayed outside.

    Returns
    -------
    list of str
        Empty where there is nothing to say.
    """
    notes = []
    known = audit[~audit["missing"]]
    total = float(known["total_in"].sum())
    left = known[known["outside"] > 0]
    lost = float(left["outside"].sum())
    if lost > 0:
        partly = int((left["total_out"] > 0).sum())
        wholly = len(left) - partly
        which = " and ".join(
            [*([f"part of {partly} sources"] if partly else []), *([f"all of {wholly} sources"] if wholly else [])]
        )
        choice = (
            "; --outside hand-over gives sources that lie there in part to the targets whole" if kept and partly else ""
        )
        notes.append(
            f"{name}: {lost:.10g} of {total:.10g} ({lost / total:.1%}) lie outside the targets ({which}) and are in no "
            f"target{choice}"
        )
    if kept or "covered" not in known:
        return notes
    short = known[(known["covered"] < ALL_BUT_A_SLIVER) & (known["total_out"] > 0)]
    if not len(short):
        return notes
    least = int(short["covered"].to_numpy().argmin())
    notes.append(
        f"{name}: {len(short)} sources that lie in the targets in part only were handed over whole, together "
        f"{float(short['total_in'].sum()):.10g}; the least, {short.index[least]}, has "
        f"{float(short['covered'].iloc[least]):.2%} of its area there"
    )
    return notes


def rate_note(label: str, rate: pd.Series, part: bool) -> str | None:
    """Say how many rates lie above 1 although the numerator is a part of the denominator in every source.

    Parameters
    ----------
    label : str
    rate : pandas.Series
    part : bool
        The numerator is a part of the denominator.

    Returns
    -------
    str or None
    """
    above = rate[rate > 1 + 1e-9]
    if not part or not len(above):
        return None
    return (
        f"{label}: {len(above)} targets above 1, up to {float(above.max()):.3g} ({some(above.index)}), although no "
        "source is: their weights come from different data; do not use these rates"
    )


def inside(value: pd.Series, lower: pd.Series, upper: pd.Series, *, whole: bool) -> tuple[pd.Series, pd.Series]:
    """Return bounds with the value between them, whole numbers where it is one.

    Nearly all of the probability can lie on 0 while the expectation is .4, and rounding to a source's total moves a
    value by up to 1.

    Parameters
    ----------
    value, lower, upper : pandas.Series
        By target, NaN where missing.
    whole : bool

    Returns
    -------
    lower, upper : pandas.Series
    """
    low, high = lower.where(lower <= value, value.floordiv(1)), upper.where(upper >= value, -(-value).floordiv(1))
    if whole:
        low, high = low.add(1e-9).floordiv(1), -(-high.sub(1e-9)).floordiv(1)
    return low, high
