"""The gate: nothing is published that breaks its own promises. It verifies only; suppression happened before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import DisclosureError, StoreError, some
from geodata.models import VALUED, Indicator
from geodata.store.model import Collection
from service.workflows.figures import HIDDEN
from service.workflows.frames import of_indicator
from service.workflows.hotspot_layer import SAID as HOTSPOT_WORDS
from service.workflows.index_frame import source_of
from service.workflows.suppress import pair_values, pairs_of, rules_of

if TYPE_CHECKING:
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs

#: Relative rounding that a sum of float64 over some ten thousand cells may carry.
TOTAL_TOLERANCE = 1e-9
_STOPPED = "report this: the run was stopped before anything was published"


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
        A value that the rules hide is about to be shown.
    """
    for collection in collections:
        twice = collection.table.duplicated(["area_id", "period"])
        if twice.any():
            raise StoreError(
                f"expected one row per area and period, found repeated {some(collection.table.loc[twice, 'area_id'])}",
                where=collection.id,
            )
    done = [f"{len(collections)} collections: keys unique", _totals(collections)]
    if public:
        done.append(_rules_hold(inputs, known))
        done.append(_nothing_hidden_is_shown(inputs, known, collections))
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


def _rules_hold(inputs: Inputs, known: Figures) -> str:
    """Judge again, by the bare rules, every figure of an unreleased source that the public edition may know."""
    from spatial.disclosure.rules import Rule

    rules = rules_of(inputs.county)
    checked = 0
    for indicator in inputs.county.indicators.values():
        areas = inputs.levels[indicator.level].areas.index
        for numerator, denominator in pairs_of(indicator):
            if known.sources[numerator].released:
                continue
            for period in known.periods(numerator, areas):
                top, bottom = pair_values(known, numerator, denominator, period, areas)
                verdict = rules.primary(top["value"].to_numpy(), bottom.to_numpy())
                shown = top["value"].notna().to_numpy()
                bad = areas[shown & (verdict != Rule.SHOWN.value)]
                if len(bad):
                    raise DisclosureError(
                        f"expected {numerator} to be hidden in {some(bad)}", where=f"{period}", hint=_STOPPED
                    )
                checked += int(shown.sum())
    return f"{checked} counts judged again by the rules: every one may be shown"


def _guarded(indicator: Indicator, names: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each status field with the number fields that it speaks for."""
    if f"{indicator.id}_status" in names:
        yield f"{indicator.id}_status", (indicator.id,)
    if f"{indicator.id}_gap_status" in names:
        yield f"{indicator.id}_gap_status", tuple(f"{indicator.id}_{part}" for part in ("gap", "female", "male"))


def _nothing_hidden_is_shown(inputs: Inputs, known: Figures, collections: Sequence[Collection]) -> str:
    """No number stands beside a status that hides it, none where the figures have none, none in a test of it."""
    checked = 0
    hidden_at: dict[tuple[str, str], pd.Series] = {}
    for collection in (c for c in collections if c.kind == "indicators"):
        table = collection.table
        keys = pd.MultiIndex.from_frame(table[["area_id", "period"]])
        for indicator in inputs.county.indicators.values():
            names = {f.name for f in collection.fields}
            for status, numbers in _guarded(indicator, names):
                hidden = ~table[status].isin([s.value for s in VALUED])
                if status == f"{indicator.id}_status":
                    hidden_at[collection.level, indicator.id] = pd.Series(hidden.to_numpy(), index=keys)
                bad = table.loc[hidden, list(numbers)].notna().any(axis=1)
                if bad.any():
                    raise DisclosureError(
                        f"expected no number beside a status that hides it, found {int(bad.sum())}",
                        where=f"{collection.id}, {indicator.id}",
                        hint=_STOPPED,
                    )
                checked += int(hidden.sum())
            if f"{indicator.id}_provenance" in names:
                _nothing_said_of_hidden(collection, indicator)
            if indicator.level == collection.level and f"{indicator.id}_n" in names:
                _absent_where_unknown(collection, indicator, known)
    for collection in (c for c in collections if c.kind == "hotspots"):
        hidden_there = hidden_at.get((collection.level, str(collection.metadata["indicator"])))
        if hidden_there is not None:
            keys = pd.MultiIndex.from_frame(collection.table[["area_id", "period"]])
            here = hidden_there.reindex(keys, fill_value=False).to_numpy(dtype=bool)
            if np.isfinite(collection.table.loc[here, "value"].to_numpy(dtype=float)).any():
                raise DisclosureError("expected no value of a hidden place", where=collection.id, hint=_STOPPED)
        _no_test_of_hidden(collection)
    for collection in (c for c in collections if c.kind == "index"):
        _no_index_of_hidden(inputs, known, collection)
    return f"{checked} hidden values: no number beside any of them"


#: Fields of an index that say nothing of a figure: why there is none, and whether years can be compared.
_INDEX_WORDS = frozenset({"context", "excluded", "comparable"})
_DYNAMICS = frozenset({"dynamics", "dynamics_class", "group", "attention"})


def _no_index_of_hidden(inputs: Inputs, known: Figures, collection: Collection) -> None:
    """Judge an index: an area whose figure is hidden has none of it, nor of what that figure alone would make.

    A partial index (``min_share`` below 1) may stand on the figures that are left; what belongs to the hidden one alone
    must still be missing, or 0 where it contributes nothing.
    """
    section = inputs.county.index
    if section is None:
        raise DisclosureError("expected an index in county.toml beside its layers", where=collection.id, hint=_STOPPED)
    base = collection.metadata.get("base_year")
    numbers = {f.name for f in collection.fields} - _INDEX_WORDS
    for period, rows in collection.table.groupby("period"):
        areas = pd.Index(rows["area_id"])
        years = [int(str(period)), *([] if base is None else [int(base)])]
        any_hidden = pd.Series(False, index=areas)
        for name in section.indicators:
            hidden = pd.Series(False, index=areas)
            for year in years:
                found = of_indicator(known, source_of(inputs.county, name, year), year, areas)
                hidden |= found.status.isin(HIDDEN) & found.value.isna()
            any_hidden |= hidden
            own = [n for n in (name, f"affected_{name}", f"z_{name}", f"change_{name}") if n in numbers]
            said = rows.loc[hidden.to_numpy(), own].notna().any(axis=None)
            part = f"contribution_{name}"
            if said or (part in numbers and (rows.loc[hidden.to_numpy(), part].fillna(0.0) != 0).any()):
                raise DisclosureError(
                    f"expected nothing of {name} where it is hidden", where=f"{collection.id}, {period}", hint=_STOPPED
                )
        if section.min_share < 1:
            continue
        # What each indicator is by itself may be shown where it is not hidden; all that joins them may not.
        single = {f"{head}{name}" for name in section.indicators for head in ("", "affected_", "z_", "change_")}
        joint = sorted(numbers - single - _DYNAMICS)
        bad = rows.loc[any_hidden.to_numpy(), joint].notna().any(axis=None)
        if relative := sorted(numbers & _DYNAMICS):  # made of other years than the change against the base year
            gone = pd.Series(False, index=areas)
            for year in (int(str(period)), int(str(period)) - int(collection.metadata["dynamics_years"])):
                for name in section.indicators:
                    found = of_indicator(known, source_of(inputs.county, name, year), year, areas)
                    gone |= found.status.isin(HIDDEN) & found.value.isna()
            bad |= rows.loc[gone.to_numpy(), relative].notna().any(axis=None)
        if bad:
            raise DisclosureError(
                "expected no index where one of its figures is hidden",
                where=f"{collection.id}, {period}",
                hint=_STOPPED,
            )


def _nothing_said_of_hidden(collection: Collection, indicator: Indicator) -> None:
    """Neither count nor coverage nor provenance of a place that is not shown for the sake of those who live there."""
    table = collection.table
    hidden = table[f"{indicator.id}_status"].isin([s.value for s in HIDDEN])
    parts = [f"{indicator.id}_{end}" for end in ("n", "d", "coverage", "provenance")]
    bad = table.loc[hidden, [part for part in parts if part in table]].notna().any(axis=1)
    if bad.any():
        raise DisclosureError(
            f"expected neither count nor coverage nor provenance of a hidden place, found them {int(bad.sum())} times",
            where=f"{collection.id}, {indicator.id}",
            hint=_STOPPED,
        )


def _no_test_of_hidden(collection: Collection) -> None:
    """Nothing that was tested, repeated or counted over the years stands beside a suppressed value."""
    table = collection.table
    hidden = (table["state"] == "suppressed").to_numpy(dtype=bool)
    silent = {"label", "gi_star_label", "label_robust"}
    for field in collection.fields:
        values = table.loc[hidden, field.name]
        if field.name in silent:
            said = values.notna() & (values != "no label")
        elif field.name in HOTSPOT_WORDS or (
            field.type in ("number", "integer") and field.name not in ("quadrant", "neighbours")
        ):
            said = values.notna()
        else:
            continue
        if said.any():
            raise DisclosureError(
                f"expected no {field.name} of a hidden place, found {int(said.sum())}",
                where=collection.id,
                hint=_STOPPED,
            )


def _absent_where_unknown(collection: Collection, indicator: Indicator, known: Figures) -> None:
    for period, rows in collection.table.groupby("period"):
        values = known.values(indicator.numerator, int(str(period)), pd.Index(rows["area_id"]))
        if (rows[f"{indicator.id}_n"].notna().to_numpy() & values.isna().to_numpy()).any():
            raise DisclosureError(
                "expected suppressed counts to be missing, found numbers",
                where=f"{collection.id}, {indicator.id}, {period}",
                hint=_STOPPED,
            )
