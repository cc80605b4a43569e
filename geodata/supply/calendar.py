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
    """Where a delivery stands.

    *Checked* is what came, can be accepted, and is not part of the county yet; *partial* what is part of it with cells
    that nobody filled.
    """

    DONE = "erledigt"
    PARTIAL = "unvollständig"
    CHECKED = "geprüft"
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
        Tables of which no delivery was taken over.
    received : datetime.date or None
        Day on which the last table arrived in a form that can be accepted; None while one has not come.
    rejected : datetime.date or None
        Day of the last attempt, if it was sent back and nothing acceptable came after it.
    withdrawn : datetime.date or None
        Day on which a delivery was taken out again, while tables are missing.
    filled, asked : int
        Cells of the tables that were taken over: filled in any of the deliveries that count, and asked for.
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
    rejected: dt.date | None
    withdrawn: dt.date | None = None
    filled: int = 0
    asked: int = 0


def deliveries(
    county: County, receipts: Iterable[Receipt], *, today: dt.date, ahead: dt.timedelta = dt.timedelta(days=90)
) -> tuple[Delivery, ...]:
    """Say where each expected delivery stands.

    Parameters
    ----------
    county : County
        Its departments.
    receipts : iterable of Receipt
        Of any county; others are passed over. What happened after ``today`` is not known yet.
    today : datetime.date
        The day asked about.
    ahead : datetime.timedelta
        A delivery is *due* within this time before its day, *later* before that.

    Returns
    -------
    tuple of Delivery
        By day, then department. For each department everything up to the next period that is not due yet.
    """
    own = [r for r in receipts if r.county == county.id]
    home = county.variables()
    found = []
    for section in county.departments.values():
        tables = list(dict.fromkeys((county.tables.get(n) or home[n]).id for n in section.delivers))
        for period in periods_until(section, today.year + 2):
            due = section.due_date(period)
            mine = [r for r in own if r.department == section.id and period in r.periods]
            taken = [r for r in mine if r.counts(today)]
            fit = [r for r in mine if r.accepted and r.taken is None and _by(_arrival(r), today)]
            arrived = _first(taken)
            missing = tuple(table for table in tables if table not in arrived)
            filled, asked = _filled(taken, period)
            done, there = not missing, arrived | _first(fit)
            whole = all(table in there for table in tables)
            last = max((r.when for r in (*taken, *fit) if r.accepted), default=None)
            sent_back = [r.when for r in mine if not r.accepted and _by(r.when, today)]
            tried = max(sent_back, default=None)
            gone = [r.withdrawn for r in mine if r.withdrawn is not None and _by(r.withdrawn, today)]
            found.append(
                Delivery(
                    department=section.id,
                    name=section.name,
                    contact=section.contact,
                    period=period,
                    due=due,
                    days=(due - today).days,
                    state=State.PARTIAL if done and filled < asked else _state(done, whole, due, today, ahead),
                    missing=missing,
                    received=max(there[t] for t in tables).date() if whole else None,
                    rejected=tried.date() if tried and (last is None or tried > last) else None,
                    withdrawn=max(gone).date() if gone and missing else None,
                    filled=filled,
                    asked=asked,
                )
            )
            if due >= today and not done:
                break  # the next one; those after it are nobody's concern yet
    return tuple(sorted(found, key=lambda d: (d.due, d.department)))


def _filled(taken: Iterable[Receipt], period: int) -> tuple[int, int]:
    """Count cells that are filled in any delivery, and those asked for; templates that differ are not joined."""
    bits: dict[tuple[str, str], tuple[int, int]] = {}
    for receipt in taken:
        for (table, year), (asked, mask) in receipt.cells.items():
            if year == period:
                _, before = bits.get((table, receipt.template), (asked, 0))
                bits[table, receipt.template] = (asked, before | mask)
    best: dict[str, tuple[int, int]] = {}
    for (table, _), (asked, mask) in bits.items():
        now, size = best.get(table, (0, asked))
        if table not in best or mask.bit_count() * size > now * asked:
            best[table] = (mask.bit_count(), asked)
    return sum(n for n, _ in best.values()), sum(n for _, n in best.values())


def _state(done: bool, whole: bool, due: dt.date, today: dt.date, ahead: dt.timedelta) -> State:
    if done or whole:
        return State.DONE if done else State.CHECKED
    if due < today:
        return State.LATE
    return State.DUE if due - today <= ahead else State.LATER


def _by(moment: dt.datetime, today: dt.date) -> bool:
    return moment.date() <= today


def _arrival(receipt: Receipt) -> dt.datetime:
    return receipt.arrived or receipt.when


def _first(receipts: Iterable[Receipt]) -> dict[str, dt.datetime]:
    """Return when each table first arrived: a correction does not make a delivery late."""
    out: dict[str, dt.datetime] = {}
    for receipt in sorted(receipts, key=_arrival):
        for table in receipt.tables:
            out.setdefault(table, _arrival(receipt))
    return out
