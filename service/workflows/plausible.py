"""Refuse figures that cannot be meant: keys of nowhere, negative counts, more cases than people.

A typing error must not look like privacy: without this, 99 999 of 338 children would be "suppressed" in public.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import AreaKeyError, NoDataError, some
from geodata.models import Indicator
from service.workflows.suppress import pairs_of

if TYPE_CHECKING:
    from geodata.county_schema import TableSpec
    from service.workflows.read import Inputs


def require_plausible(inputs: Inputs, tell: Callable[[str], None]) -> None:
    """Check what was read against what it should describe.

    Parameters
    ----------
    inputs : Inputs
        In the Gebietsstand of the levels.
    tell : callable
        Receives one line for each table that leaves areas out.

    Raises
    ------
    AreaKeyError
        A table names areas of the county that do not exist.
    NoDataError
        A count is negative, or a share has more cases than people.
    """
    for spec in inputs.county.tables.values():
        _known_keys(inputs, spec)
        _complete(inputs, spec, tell)
    for indicator in inputs.county.indicators.values():
        _sound_counts(inputs, indicator)


def _place(inputs: Inputs, variable: str) -> str:
    spec = inputs.county.variables()[variable]
    return f"{inputs.county.place(spec.id)}, column {spec.columns[variable].column!r}"


def _known_keys(inputs: Inputs, spec: TableSpec) -> None:
    """Refuse keys that look like the county's own, or like no key at all, and belong to no area."""
    layers = [inputs.levels[level] for level in spec.levels]
    if any(layer.is_grid for layer in layers):
        return  # cells beyond the county are delivered as a matter of course
    known = pd.Index([]).append([layer.areas.index for layer in layers])
    table = inputs.tables[spec.id].table
    ids = pd.Index(table.loc[table["value"].notna(), "area_id"].unique())
    strange = pd.Series(ids[~ids.isin(known)], dtype="str")
    lengths = set(map(len, map(str, known)))
    own = strange.str.startswith(inputs.county.key) & strange.str.len().isin(lengths)
    no_key = ~strange.str.fullmatch(r"[0-9A-Za-z]+")
    wrong = list(strange[own | no_key])
    if wrong:
        raise AreaKeyError(
            f"expected keys of {some(spec.levels)} such as {some(known, 2)}, found {some(wrong)}, which no area has",
            where=f"{inputs.county.place(spec.id)} (tables.{spec.id})",
            hint="mend the key in the file, or describe the change of areas in territory.toml",
        )


def _complete(inputs: Inputs, spec: TableSpec, tell: Callable[[str], None]) -> None:
    """Say how many areas a table leaves out in the years that it covers."""
    table = inputs.tables[spec.id].table
    for level in spec.levels:
        if inputs.levels[level].is_grid:
            continue
        inside = inputs.inside(level)
        pairs = table.loc[table["area_id"].isin(inside), ["area_id", "period"]].drop_duplicates()
        absent = len(inside) * table["period"].nunique() - len(pairs)
        if absent:
            tell(f"tables.{spec.id}: {absent} of {len(inside) * table['period'].nunique()} areas and years are missing")


def _sound_counts(inputs: Inputs, indicator: Indicator) -> None:
    areas = inputs.levels[indicator.level].areas.index
    for numerator, denominator in pairs_of(indicator):
        for period in inputs.figures.periods(numerator, areas):
            top = inputs.figures.values(numerator, period, areas)
            bottom = None if denominator is None else inputs.figures.values(denominator, period, areas)
            for variable, values in ((numerator, top), (denominator, bottom)):
                if variable is not None and values is not None and (values < 0).any():
                    raise NoDataError(
                        f"expected counts of at least 0, found {values[values < 0].iloc[0]:g} "
                        f"for {some(values.index[values < 0])} in {period}",
                        where=_place(inputs, variable),
                        hint="mend the figure; if it is a sign for a missing value, name the legend of the source",
                    )
            # Released tables may carry noise on purpose (cell keys); a county's own register may not.
            if indicator.unit == "%" and bottom is not None and not inputs.figures.sources[numerator].released:
                more = areas[(top > bottom).to_numpy()]
                if len(more):
                    raise NoDataError(
                        f"expected at most as many cases as people, found {top[more[0]]:g} of {bottom[more[0]]:g} "
                        f"({denominator}) for {some(more)} in {period}",
                        where=_place(inputs, numerator),
                        hint="mend the figure in one of the two tables",
                    )
