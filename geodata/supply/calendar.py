"""What is due, what is late, what has come: departments of ``county.toml`` against the receipts found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from geodata.county import County
from geodata.supply.receipt import Receipt
from geodata.supply.request import periods_until


class State(StrEnum):
    """Where a delivery stands."""

    DONE = "erledigt"
    LATE = "überfällig"
    DUE = "fällig"
    LATER = "später"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One department, one period.

    Attributes
    ----------
    days : int
        Days until it is due; negative when late.
    missing : tuple of str
        Tables without an accepted receipt.
    received : datetime.date or None
        Day on which the last missing table was accepted; None before that.
    rejected : bool
        Something came after the last acceptance, or without any, and was sent back.
    """

    department: str
    name: str
    contact: str
    period: int
    due: dt.date
    days: int
    state: State
    missing: tuple[str, ...]
    received: dt.date | None
    rejected: bool


def deliveries(
    county: County, receipts: Iterable[Receipt], *, today: dt.date, ahead: dt.timedelta = dt.timedelta(days=90)
) -> tuple[Delivery, ...]:
    """Say where each expected delivery stands.

    Parameters
    ----------
    county : County
        Its departments.
    receipts : iterable of Receipt
        Of any county; others are passed over. A receipt counts up to ``today`` only.
    today : datetime.date
        The day asked about.
    ahead : datetime.timedelta
        A delivery is *due* within this time before its day, *later* before that.

    Returns
    -------
    tuple of Delivery
        By day, then department. For each department everything up to the next period that is not due yet.
    """
    own = [r for r in receipts if r.county == county.id and r.when.date() <= today]
    home = county.variables()
    found = []
    for section in county.departments.values():
        tables = list(dict.fromkeys((county.tables.get(n) or home[n]).id for n in section.delivers))
        for period in periods_until(section, today.year + 2):
            due = section.due_date(period)
            mine = [r for r in own if r.department == section.id and period in r.periods]
            accepted = {t: r.when for r in mine if r.accepted for t in r.tables}
            missing = tuple(table for table in tables if table not in accepted)
            last = max((r.when for r in mine if r.accepted), default=None)
            done = not missing
            found.append(
                Delivery(
                    department=section.id,
                    name=section.name,
                    contact=section.contact,
                    period=period,
                    due=due,
                    days=(due - today).days,
                    state=State.DONE
                    if done
                    else State.LATE
                    if due < today
                    else State.DUE
                    if due - today <= ahead
                    else State.LATER,
                    missing=missing,
                    received=max(accepted[t] for t in tables).date() if done else None,
                    rejected=any(not r.accepted and (last is None or r.when > last) for r in mine),
                )
            )
            if due >= today and not done:
                break  # the next one; those after it are nobody's concern yet
    return tuple(sorted(found, key=lambda d: (d.due, d.department)))
