"""Keys live and die: which areas ended, when, into what, and how figures get from one Gebietsstand to another.

The knowledge stands in ``territory.toml`` files: one is packaged (what the test data show for Lower Saxony, no
more), a county adds its own. Every statement carries a date and a source. :meth:`Territory.crosswalk` answers with a
:class:`geodata.crosswalk.Crosswalk`; areas are matched by key, never by name.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from geodata.crosswalk import Crosswalk
from geodata.errors import ConfigError, TerritoryError, some
from geodata.keys import require_keys
from geodata.territory_schema import Event, Validity, read_file

__all__ = ["Dissolution", "Event", "Territory", "Validity", "dissolved", "load_territory", "packaged"]

_ONE_DAY = dt.timedelta(days=1)
#: A file's keys allow every Gebietsstand between these days where no event says otherwise.
EVER, NEVER = dt.date.min, dt.date.max


@dataclass(frozen=True, slots=True)
class Dissolution:
    """The end of an area key.

    Attributes
    ----------
    key : str
        AGS, or Kreis key.
    date : datetime.date
        The first day on which the key is known not to exist.
    successors : tuple of str
        What the area went into; empty where no source says.
    exact : bool
        The key ended on that very day; otherwise on that day or before.
    source : str
        Who says so.
    """

    key: str
    date: dt.date
    successors: tuple[str, ...]
    exact: bool
    source: str

    @property
    def year(self) -> int:
        """The year by whose end the key is dead."""
        return self.date.year

    @property
    def successor(self) -> str:
        """The one area it went into; empty where there is none or several."""
        return self.successors[0] if len(self.successors) == 1 else ""


@dataclass(frozen=True)
class Territory:
    """Everything that is known about how areas changed.

    Attributes
    ----------
    events : tuple of Event
        Mergers, splits and renames, by date.
    validity : tuple of Validity
        What is known of single keys without an event.
    names : mapping of str to str
        Key → name, for messages only: nothing is joined by it.

    Examples
    --------
    >>> import datetime as dt, pandas as pd
    >>> walk = packaged().crosswalk(dt.date(2014, 12, 31), dt.date(2015, 1, 1), ["03157003", "03157004"])
    >>> walk.apply(pd.Series({"03157003": 400.0, "03157004": 300.0})).to_dict()
    {'03157009': 700.0}
    """

    events: tuple[Event, ...] = ()
    validity: tuple[Validity, ...] = ()
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", tuple(sorted(self.events, key=lambda e: (e.date, e.before, e.after))))
        problems = list(self._contradictions())
        if problems:
            raise ConfigError(
                "; ".join(problems), where="territory.toml", hint="mend the dates or keys of these events"
            )

    # -------------------------------------------------------------------------------------------- lives of the keys

    @cached_property
    def begins(self) -> Mapping[str, dt.date]:
        """Key → first day, for keys that are known to have been made."""
        first: dict[str, dt.date] = {key: v.valid_from for v in self.validity if v.valid_from for key in v.keys}
        for event in self.events:
            first |= dict.fromkeys(event.created, event.date)
        return MappingProxyType(first)

    @cached_property
    def ends(self) -> Mapping[str, Dissolution]:
        """Key → its end, for keys that are known to be dead."""
        last: dict[str, Dissolution] = {}
        for v in self.validity:
            day = v.valid_until + _ONE_DAY if v.valid_until else v.gone_by
            if day is not None:
                last |= {k: Dissolution(k, day, (), v.valid_until is not None, v.source) for k in v.keys}
        for event in self.events:
            for key in event.ended:
                last[key] = Dissolution(key, event.date, event.after, True, event.source)
        return MappingProxyType(last)

    def dissolved(self, key: str, on: dt.date) -> Dissolution | None:
        """Return the end of a key if it had ended by a day; None where nothing is known against it."""
        end = self.ends.get(key)
        return end if end is not None and on >= end.date else None

    def alive(self, key: str, on: dt.date) -> bool:
        """Tell whether nothing speaks against a key on a day."""
        return self.begins.get(key, EVER) <= on and self.dissolved(key, on) is None

    def window(self, keys: Iterable[str]) -> tuple[dt.date, dt.date]:
        """Return the first and last day on which all keys can have existed together.

        Parameters
        ----------
        keys : iterable of str
            Keys that carry values in one file and year.

        Returns
        -------
        (datetime.date, datetime.date)
            Both inclusive; the first is after the last where the keys belong to no common Gebietsstand.
        """
        present = list(keys)
        first = max((self.begins[k] for k in present if k in self.begins), default=EVER)
        last = min((self.ends[k].date - _ONE_DAY for k in present if k in self.ends), default=NEVER)
        return first, last

    @cached_property
    def _links(self) -> Mapping[str, frozenset[str]]:
        """Key → all keys that events tie it to, itself included."""
        groups: dict[str, set[str]] = {}
        for event in self.events:
            joined = set(event.before) | set(event.after)
            for key in tuple(joined):
                joined |= groups.get(key, set())
            groups |= dict.fromkeys(joined, joined)
        return MappingProxyType({key: frozenset(group) for key, group in groups.items()})

    def family(self, keys: Iterable[str]) -> frozenset[str]:
        """Return the keys that some keys ever were or became, as far as there is more to them than themselves.

        Parameters
        ----------
        keys : iterable of str
            Areas of a level.

        Returns
        -------
        frozenset of str
            Keys that an event ties to any of them, and those among them of whose life anything is known.
        """
        asked = frozenset(keys)
        tied = frozenset().union(*(self._links[k] for k in asked if k in self._links))
        return tied | (asked & (self.ends.keys() | self.begins.keys()))

    def named(self, keys: Iterable[str]) -> str:
        """Write keys with the names that are known."""
        return some([f"{key} {self.names[key]}" if key in self.names else key for key in keys])

    def extended(self, other: Territory) -> Territory:
        """Return this knowledge with that of a county on top.

        What the other says about the end of a key replaces what is said here about it, the whole event with it.
        """
        said = {key for event in other.events for key in event.before} | {k for v in other.validity for k in v.keys}
        events = tuple(e for e in self.events if not said.intersection(e.before))
        validity = tuple(v.without(said) for v in self.validity)
        return Territory(
            (*events, *other.events),
            (*(v for v in validity if v.keys), *other.validity),
            MappingProxyType({**self.names, **other.names}),
        )

    # --------------------------------------------------------------------------------------------------- crosswalks

    def crosswalk(self, start: dt.date, end: dt.date, keys: Iterable[str]) -> Crosswalk:
        """Say how figures of one Gebietsstand are brought to another.

        Parameters
        ----------
        start : datetime.date
            The Gebietsstand of the figures.
        end : datetime.date
            The Gebietsstand that is wanted.
        keys : iterable of str
            Keys of the figures. Parts that they should have beside them are added, so that a lacking part shows.

        Returns
        -------
        Crosswalk
            Links from keys at `start` to keys at `end`: share 1 where areas merged or were renamed; where one was split
            the shares of the event, or unknown (NaN) until :meth:`geodata.crosswalk.Crosswalk.filled`.

        Raises
        ------
        TerritoryError
            `end` is before `start` and parts would be needed that the figures do not have; or keys are dead at `start`.
        AreaKeyError
            The keys are names.
        """
        asked = list(dict.fromkeys(keys))
        require_keys(asked, where="crosswalk")
        dead = [k for k in asked if not self.alive(k, start)]
        if dead:
            raise TerritoryError(
                f"expected keys of the Gebietsstand {start}, found {self.named(dead)}, which did not exist on that day",
                hint="say the Gebietsstand of the file: gebietsstand of the table in county.toml",
            )
        if end < start:
            return self._backward(start, end, asked)
        steps = [list(same) for _, same in groupby(self.between(start, end), key=lambda e: e.date)]
        mentioned = [k for step in steps for e in step for k in e.before if self.alive(k, start)]
        state: dict[str, dict[str, float]] = {key: {key: 1.0} for key in (*asked, *mentioned)}
        for step in steps:
            moves = {key: event for event in step for key in event.before}
            state = {key: _moved(held, moves) for key, held in state.items()}
        lost = {k: self.ends[k].date for held in state.values() for k in held if k in self.ends}
        gone = tuple(k for k, held in state.items() if any(lost.get(t, NEVER) <= end for t in held))
        # Only what the keys asked for flow into is of interest, with everything else that flows there.
        wanted = {t for k in asked for t in state[k]}
        rows = [
            (source, target, share)
            for source, held in state.items()
            if source not in gone and wanted.intersection(held)
            for target, share in held.items()
        ]
        return Crosswalk.build(start, end, rows, tuple(k for k in gone if k in asked))

    def between(self, start: dt.date, end: dt.date) -> Iterator[Event]:
        """Yield the events that took effect after one day and until another, by date."""
        return (event for event in self.events if start < event.date <= end)

    def _backward(self, start: dt.date, end: dt.date, asked: list[str]) -> Crosswalk:
        """Undo renames and splits; a merger cannot be undone, because its parts are nowhere."""
        state = {key: key for key in asked}
        for event in reversed(list(self.between(end, start))):
            held = set(state.values())
            touched = held.intersection(event.after)
            if not touched:
                continue
            if len(event.before) > 1 or not set(event.after) <= set(event.created) | set(event.before):
                parts = self.named(event.before)
                raise TerritoryError(
                    f"the Gebietsstand of {end} cannot be restored: {self.named(event.after)} holds {parts} since "
                    f"{event.date}, and the data have no figures of the parts",
                    hint=f"use boundaries of {event.date} or later, or figures that were published for the parts",
                )
            lacking = [k for k in event.after if k not in held]
            if lacking:
                raise TerritoryError(
                    f"the Gebietsstand of {end} cannot be restored: {self.named(event.before)} was split on "
                    f"{event.date} into {self.named(event.after)}, and the data lack {self.named(lacking)}",
                    hint="add the figures of all parts, or use boundaries of that date or later",
                )
            state = {k: event.before[0] if v in event.after else v for k, v in state.items()}
        young = [k for k in dict.fromkeys(state.values()) if not self.alive(k, end)]
        if young:
            raise TerritoryError(
                f"the Gebietsstand of {end} cannot be restored: {self.named(young)} did not exist, and no source says "
                "what stood in its place",
                hint="use later boundaries, or write the event with its source into territory.toml",
            )
        return Crosswalk.build(start, end, [(k, v, 1.0) for k, v in state.items()], ())

    # -------------------------------------------------------------------------------------------------- consistency

    def _contradictions(self) -> Iterator[str]:
        """Find events that cannot all be true."""
        by_key: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            for key in dict.fromkeys((*event.before, *event.after)):
                by_key[key].append(event)
        for key, events in by_key.items():
            dead: dt.date | None = None
            for position, event in enumerate(events):
                same = [e for e in events[:position] if e.date == event.date]
                if key in event.before and any(key in e.before for e in same):
                    yield f"{key}: two events of {event.date} take it; write one event"
                if any((key in e.created and key in event.before) or (key in event.created and key in e.before)
                       for e in same):  # fmt: skip
                    yield f"{key}: made and ended on {event.date}; write one event"
                if dead is not None and dead < event.date and key in event.before:
                    yield f"{key}: ended on {dead}, and again on {event.date}"
                if key in event.ended:
                    dead = event.date
                if key in event.created and position:
                    yield f"{key}: made on {event.date}, but it stands in an earlier event"


def _moved(held: dict[str, float], moves: Mapping[str, Event]) -> dict[str, float]:
    """Take one source a step further; a share of NaN is not known yet."""
    out: dict[str, float] = defaultdict(float)
    for key, share in held.items():
        event = moves.get(key)
        if event is None:
            out[key] += share
        else:
            for target in event.after:
                out[target] += share * event.share(target)
    # All of it in one area again: whatever the ways were, the share is 1.
    return dict.fromkeys(out, 1.0) if len(out) == 1 else dict(out)


@lru_cache(maxsize=1)
def packaged() -> Territory:
    """Return what is packaged: Lower Saxony, as far as the test data show it."""
    return _read(Path(__file__).parent / "data" / "territory_niedersachsen.toml")


def load_territory(path: Path | None = None) -> Territory:
    """Return what is packaged, extended by a county's own ``territory.toml``.

    Parameters
    ----------
    path : pathlib.Path, optional
        The county's file.

    Returns
    -------
    Territory
        What the county says about a key replaces what is packaged about it.

    Raises
    ------
    MissingFileError
        There is no such file.
    ConfigError
        It is no TOML, has an unknown key, lacks a date or source, or contradicts itself.
    """
    return packaged() if path is None else packaged().extended(_read(path))


def _read(path: Path) -> Territory:
    file = read_file(path)
    try:
        return Territory(file.events(), file.lives(), MappingProxyType(dict(file.names)))
    except ConfigError as error:
        raise ConfigError(error.message, where=str(path), hint=error.hint) from None


def dissolved(key: str, year: int) -> Dissolution | None:
    """Return the end of an area, if it had ended by the end of a year.

    Parameters
    ----------
    key : str
        AGS or Kreis key.
    year : int
        The year of the figure.

    Returns
    -------
    Dissolution or None
        None where nothing is known against the key.

    Examples
    --------
    >>> dissolved("03157003", 2023).successor
    '03157009'
    >>> dissolved("03157003", 2014) is None
    True
    """
    return packaged().dissolved(key, dt.date(year, 12, 31))
