"""The gate: nothing is published that breaks its own promises. It verifies only; suppression happened before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import DisclosureError, StoreError, some
from geodata.models import VALUED
from geodata.store.model import Collection
from service.workflows.suppress import pairs_of

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

#: Relative rounding that a sum of float64 over some ten thousand cells may carry.
TOTAL_TOLERANCE = 1e-9


def verify(inputs: Inputs, known: Figures, collections: Sequence[Collection], *, public: bool) -> list[str]:
    """Check an edition before it is written.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    known : Figures
        What the edition may know.
    collections : sequence of Collection
        What it is about to show.
    public : bool
        Whether nothing suppressed may appear.

    Returns
    -------
    list of str
        One line for each check that held, for the report of the run.

    Raises
    ------
    StoreError
        Keys are repeated, or shown and not shown do not add up to the total.
    DisclosureError
        A suppressed value is about to be shown.
    """
    for collection in collections:
        twice = collection.table.duplicated(["area_id", "period"])
        if twice.any():
            raise StoreError(
                f"expected one row per area and period, found repeated {some(collection.table.loc[twice, 'area_id'])}",
                where=collection.id,
            )
    done = [f"{len(collections)} collections: keys unique"]
    done.append(_totals(collections))
    if public:
        done.append(_nothing_suppressed(inputs, known, collections))
    return [line for line in done if line]


def _totals(collections: Sequence[Collection]) -> str:
    checked = 0
    for collection in collections:
        for indicator, periods in collection.metadata.get("totals", {}).items():
            for period, sums in periods.items():
                found = sums["shown"] + sums["not_shown"]
                if abs(found - sums["total"]) > TOTAL_TOLERANCE * max(1.0, abs(sums["total"])):
                    raise StoreError(
                        f"expected shown + not shown = {sums['total']!r}, found {found!r}",
                        where=f"{collection.id}, {indicator}, {period}",
                        hint="the matrix lost mass: see its audit",
                    )
                checked += 1
    return f"{checked} handed-down totals: shown + not shown = total" if checked else ""


def _nothing_suppressed(inputs: Inputs, known: Figures, collections: Sequence[Collection]) -> str:
    """No number stands where the public figures have none, and none stands beside a status that hides it."""
    checked = 0
    for collection in collections:
        names = {f.name for f in collection.fields}
        table = collection.table
        for name in names:
            if not name.endswith("_status"):
                continue
            indicator = name.removesuffix("_status").removesuffix("_gap")
            hidden = ~table[name].isin([s.value for s in VALUED])
            shown = [c for c in (indicator, f"{indicator}_gap") if c in names]
            bad = table.loc[hidden, shown].notna().any(axis=1)
            if bad.any():
                raise DisclosureError(
                    f"expected no number beside a status that hides it, found {int(bad.sum())}",
                    where=f"{collection.id}, {indicator}",
                    hint="report this: the run was stopped before anything was published",
                )
            checked += int(hidden.sum())
        for indicator_ in inputs.county.indicators.values():
            if indicator_.level != collection.level or f"{indicator_.id}_n" not in names:
                continue
            for numerator, _ in list(pairs_of(indicator_))[:1]:
                for period, rows in table.groupby("period"):
                    values = known.values(numerator, int(str(period)), pd.Index(rows["area_id"]))
                    if (rows[f"{indicator_.id}_n"].notna().to_numpy() & values.isna().to_numpy()).any():
                        raise DisclosureError(
                            "expected suppressed counts to be missing, found numbers",
                            where=f"{collection.id}, {indicator_.id}, {period}",
                        )
    return f"{checked} hidden values: no number beside any of them"
