"""Several files of one table become one: what agrees is joined, what contradicts is refused, or the newer counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from geodata.errors import FormatError, some
from geodata.models import Observations, Status

_KEY = ["area_id", "period", "variable"]
_SAID = ["value", "status", "flags"]
#: How many places a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Part:
    """What one file says.

    Attributes
    ----------
    where : str
        The file, for errors.
    label : str
        What findings call it; they may be published, so no name of a file.
    newer : bool
        A later delivery: it replaces what earlier parts say of the same cell.
    """

    observations: Observations
    where: str
    label: str = ""
    newer: bool = False


def join(parts: Sequence[Part]) -> Observations:
    """Join the files of a table.

    Parameters
    ----------
    parts : sequence of Part
        In the order in which they count, at least one.

    Returns
    -------
    Observations
        Every cell once. A blank never replaces a statement, and any statement fills a blank. What newer parts replaced
        stands among the notes, by area, year and variable, without a figure.

    Raises
    ------
    FormatError
        Two files say different things of one cell, and none is the newer; or their units differ.

    Examples
    --------
    >>> a = Observations(pd.DataFrame({"area_id": ["1"], "period": [2024], "variable": ["n"], "value": [5.0],
    ...     "status": ["observed"], "origin": ["counted"], "flags": [0]}))
    >>> b = a.with_table(a.table.assign(value=6.0))
    >>> join([Part(a, "a.csv"), Part(b, "b.xlsx", "delivery 1", newer=True)]).table["value"].tolist()
    [6.0]
    """
    first, *others = parts
    whole = first.observations.table.set_index(_KEY)
    origin = pd.Series(0, index=whole.index)
    notes = list(first.observations.notes)
    units, rows = dict(first.observations.units), first.observations.rows
    for position, part in enumerate(others, start=1):
        found = part.observations
        for variable, unit in found.units.items():
            if units.setdefault(variable, unit) != unit:
                raise FormatError(
                    f"expected {variable!r} in {units[variable]!r} as in the other files, found {unit!r}",
                    where=part.where,
                    hint="files of one table count in one unit",
                )
        table = found.table.set_index(_KEY)
        both = table.index.intersection(whole.index, sort=False)
        old, new = whole.loc[both, _SAID], table.loc[both, _SAID]
        silent = {"old": old["status"] == Status.MISSING.value, "new": new["status"] == Status.MISSING.value}
        differ = ~((old == new) | (old.isna() & new.isna())).all(axis=1) & ~silent["old"] & ~silent["new"]
        if differ.any() and not part.newer:
            other = parts[int(origin[both[differ.to_numpy()][0]])].where
            raise FormatError(
                f"two files of one table contradict each other in {int(differ.sum())} cells, first "
                f"{_places(both[differ.to_numpy()])}",
                where=f"{other} and {part.where}",
                hint="take the wrong figures out of one of them; what corrects earlier years comes as a delivery",
            )
        takes = (differ | (silent["old"] & ~silent["new"])).to_numpy()
        whole.loc[both[takes]] = table.loc[both[takes]]
        origin.loc[both[takes]] = position
        fresh = table.index.difference(whole.index, sort=False)
        whole = pd.concat([whole, table.loc[fresh]])
        origin = pd.concat([origin, pd.Series(position, index=fresh)])
        notes += found.notes
        rows += found.rows
        if differ.any():
            number = int(differ.sum())
            notes.append(
                f"{part.label or 'a newer file'} replaces {number} earlier {'value' if number == 1 else 'values'}: "
                f"{_places(both[differ.to_numpy()])}"
            )
        kept = int((silent["new"] & ~silent["old"]).sum())
        if kept:
            notes.append(f"{part.label or 'a newer file'} leaves {kept} cells blank; what was known of them stays")
    columns = first.observations.table.columns
    return replace(
        first.observations,
        table=whole.reset_index()[list(columns)],
        units=units,
        notes=tuple(dict.fromkeys(notes)),
        rows=rows,
    )


def _places(index: pd.Index) -> str:
    return some((f"{variable} {period} in {area}" for area, period, variable in index), _NAMED)
