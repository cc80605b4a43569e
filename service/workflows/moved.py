"""What becomes of figures when their areas change: sums, shares, and how each of them is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.models import Flag, Origin, Status

if TYPE_CHECKING:
    from geodata.crosswalk import Crosswalk

#: Statuses by which a row says that its key is none of this Gebietsstand, or says nothing.
SILENT = (Status.AREA_DOES_NOT_EXIST.value, Status.NOT_DELIVERED.value, Status.MISSING.value)
#: Why a sum has no number: the first of these that a part has.
REASONS = (
    Status.SUPPRESSED,
    Status.SUPPRESSED_OR_UNKNOWN,
    Status.ZERO_OR_SUPPRESSED,
    Status.UNRELIABLE,
    Status.NOT_YET_AVAILABLE,
    Status.NOT_APPLICABLE,
    Status.MISSING,
    Status.AREA_DOES_NOT_EXIST,
    Status.NOT_DELIVERED,
)
#: Of several origins the sum has the least certain.
ORIGINS = (Origin.COUNTED, Origin.REGISTER, Origin.SAMPLE, Origin.MODELLED)
#: Value, status, origin, flags.
Row = tuple[float, str, str, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """One variable and year on its way."""

    rows: pd.DataFrame
    period: int
    extensive: bool


def moved_rows(
    walk: Crosswalk, frame: Frame, *, ambiguous: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Apply a crosswalk to one variable and year.

    Parameters
    ----------
    walk : Crosswalk
        With all shares known.
    frame : Frame
        Rows by key: ``value``, ``status``, ``origin``, ``flags``.
    ambiguous : bool
        Nobody says whether an area that kept its key and grew was worked back: where none of the other parts has a row
        its figure stays as it is, flagged as a break.

    Returns
    -------
    new : pandas.DataFrame
        One row for each area that changed, by key at the end.
    moves : pandas.DataFrame
        ``source``, ``target``, ``share``, ``value``, ``status`` of every part.
    broken : tuple of str
        Areas whose figure stays with a break.
    """
    changed = walk.changed
    rows = frame.rows
    new: dict[str, Row] = {}
    parts_of: list[pd.DataFrame] = []
    broken = []
    for target, links in changed.groupby("target", sort=True):
        parts = rows.reindex(links["source"])
        parts = parts.assign(
            share=links["share"].to_numpy(),
            status=parts["status"].astype(object).where(parts["status"].notna(), Status.NOT_DELIVERED.value),
        )
        silent = parts["status"].isin(SILENT)
        own = parts.index == target
        if silent.all():
            continue
        if ambiguous and own.any() and silent[~own].all() and not silent[own].any():
            row = parts[own].iloc[0]
            flags = int(row["flags"]) | Flag.BREAK.value
            new[str(target)] = (float(row["value"]), str(row["status"]), str(row["origin"]), flags)
            broken.append(str(target))
            continue
        new[str(target)] = _united(parts, frame.extensive)
        parts_of.append(
            parts.assign(target=str(target)).reset_index(names="source")[
                ["source", "target", "share", "value", "status"]
            ]
        )
    columns = ["value", "status", "origin", "flags"]
    table = pd.DataFrame.from_dict(new, orient="index", columns=columns) if new else pd.DataFrame(columns=columns)
    moves = pd.concat(parts_of) if parts_of else pd.DataFrame(columns=["source", "target", "share", "value", "status"])
    return table, moves, tuple(broken)


def _united(parts: pd.DataFrame, extensive: bool) -> Row:
    """Make one figure of its parts: value, status, origin, flags."""
    used = parts[parts["share"] > 0] if (parts["share"] > 0).any() else parts
    shared = bool((used["share"] < 1).any())
    flags = Flag.CONVERTED.value | (Flag.ESTIMATED.value if shared else 0)
    for more in used["flags"].dropna():
        flags |= int(more)
    origins = [Origin(o) for o in used["origin"].dropna() if o]
    origin = Origin.MODELLED if shared else max(origins, key=ORIGINS.index, default=Origin.COUNTED)
    statuses = [Status(s) for s in used["status"]]
    value = float((used["value"] * used["share"]).sum(skipna=False))
    if not extensive:
        # A mean or share is the same in every part of its area; those of several areas need a denominator.
        value = float(used["value"].iloc[0]) if len(used) == 1 else np.nan
        if len(used) > 1 and used["value"].notna().all():
            return np.nan, Status.NOT_APPLICABLE.value, origin.value, flags
    if np.isnan(value):
        status = next((s for s in REASONS if s in statuses), Status.MISSING)
    elif Status.UNRELIABLE in statuses:
        status = Status.UNRELIABLE
    elif value == 0:
        status = Status.ROUNDED_TO_ZERO if Status.ROUNDED_TO_ZERO in statuses else Status.ZERO
    else:
        status = Status.OBSERVED
    return value, status.value, origin.value, flags
