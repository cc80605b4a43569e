"""The shape of ``territory.toml``: events and validity of keys, each with its date and source.

::

    title = "…"
    [[mergers]]     # sums
    date = 2015-01-01                      # first day of the new state
    from = ["03157003", "03157004"]        # a surviving key stands in from and is to
    to = "03157009"
    source = "…"
    [[splits]]      # needs shares: given here, or a transfer matrix
    date = 2030-01-01
    from = "99901001"
    to = ["99901008", "99901009"]
    existing = []                          # those of to that existed before
    shares = { "99901008" = 0.4, "99901009" = 0.6 }
    source = "…"
    [[renames]]     # the same area under another key
    date = 2030-01-01
    from = "99901002"
    to = "99901010"
    source = "…"
    [[validity]]    # what is known without an event
    keys = ["…"]
    valid_from = 2011-11-01                # first day
    valid_until = 2019-12-31               # last day, or:
    gone_by = 2022-12-31                   # no longer there on that day; when it ended is not known
    source = "…"
    [names]         # for messages
    03157009 = "Ilsede"
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodata.errors import ConfigError, MissingFileError
from geodata.misfits import readable

#: A key has digits: names are refused here, so that nobody joins by them.
_KEY = r"^[^\s]*\d[^\s]*$"
Key = Annotated[str, Field(pattern=_KEY)]


@dataclass(frozen=True, slots=True)
class Event:
    """One change: the areas before it, the areas after it.

    Attributes
    ----------
    date : datetime.date
        First day of the new state.
    before, after : tuple of str
        Keys. A key in both survives with another extent.
    created : tuple of str
        Keys of `after` that did not exist before.
    shares : mapping of str to float
        Of a split: target → share, sum 1; empty where only a transfer matrix can tell.
    """

    kind: Literal["merger", "split", "rename"]
    date: dt.date
    before: tuple[str, ...]
    after: tuple[str, ...]
    created: tuple[str, ...]
    source: str
    shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ended(self) -> tuple[str, ...]:
        """Keys that do not exist afterwards."""
        return tuple(key for key in self.before if key not in self.after)

    def share(self, target: str) -> float:
        """Return the share of each area before that goes to a target; NaN where it is not known."""
        if len(self.after) == 1:
            return 1.0
        return self.shares.get(target, float("nan"))


@dataclass(frozen=True, slots=True)
class Validity:
    """What is known of the lives of keys without an event."""

    keys: tuple[str, ...]
    valid_from: dt.date | None
    valid_until: dt.date | None
    gone_by: dt.date | None
    source: str

    def without(self, keys: set[str]) -> Validity:
        """Return the same for fewer keys."""
        return replace(self, keys=tuple(k for k in self.keys if k not in keys))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _Dated(_Section):
    date: dt.date
    source: str = Field(min_length=3)


class _Merger(_Dated):
    before: tuple[Key, ...] = Field(alias="from", min_length=2)
    to: Key

    def event(self) -> Event:
        made = () if self.to in self.before else (self.to,)
        return Event("merger", self.date, self.before, (self.to,), made, self.source)


class _Split(_Dated):
    before: Key = Field(alias="from")
    to: tuple[Key, ...] = Field(min_length=2)
    existing: tuple[Key, ...] = ()
    shares: dict[Key, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> _Split:
        if not set(self.existing) <= set(self.to):
            raise ValueError("expected existing among to")
        if self.shares:
            if set(self.shares) != set(self.to) or min(self.shares.values()) < 0:
                raise ValueError("expected one share, not negative, for each key of to")
            if abs(sum(self.shares.values()) - 1) > 1e-9:
                raise ValueError(f"expected shares that add up to 1, found {sum(self.shares.values()):g}")
        return self

    def event(self) -> Event:
        made = tuple(k for k in self.to if k != self.before and k not in self.existing)
        shares = MappingProxyType(dict(self.shares))
        return Event("split", self.date, (self.before,), self.to, made, self.source, shares)


class _Rename(_Dated):
    before: Key = Field(alias="from")
    to: Key

    @model_validator(mode="after")
    def _differs(self) -> _Rename:
        if self.before == self.to:
            raise ValueError("expected another key in to; a new name under the old key goes into [names]")
        return self

    def event(self) -> Event:
        return Event("rename", self.date, (self.before,), (self.to,), (self.to,), self.source)


class _Validity(_Section):
    keys: tuple[Key, ...] = Field(min_length=1)
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    gone_by: dt.date | None = None
    source: str = Field(min_length=3)

    @model_validator(mode="after")
    def _says_something(self) -> _Validity:
        if not (self.valid_from or self.valid_until or self.gone_by):
            raise ValueError("expected valid_from, valid_until or gone_by")
        if self.valid_until and self.gone_by:
            raise ValueError("expected either valid_until (the last day) or gone_by (not there on that day)")
        return self


class TerritoryFile(_Section):
    """The whole of a ``territory.toml``."""

    title: str = ""
    mergers: tuple[_Merger, ...] = ()
    splits: tuple[_Split, ...] = ()
    renames: tuple[_Rename, ...] = ()
    validity: tuple[_Validity, ...] = ()
    names: dict[Key, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _distinct(self) -> TerritoryFile:
        for event in self.events():
            for keys in (event.before, event.after):
                if len(set(keys)) < len(keys):
                    raise ValueError(f"expected each key once, found {', '.join(keys)}")
        return self

    def events(self) -> tuple[Event, ...]:
        """Return mergers, splits and renames as events."""
        return (
            *(merger.event() for merger in self.mergers),
            *(split.event() for split in self.splits),
            *(rename.event() for rename in self.renames),
        )

    def lives(self) -> tuple[Validity, ...]:
        """Return what is known of single keys."""
        return tuple(Validity(v.keys, v.valid_from, v.valid_until, v.gone_by, v.source) for v in self.validity)


_KEYS = {
    field.alias or name
    for section in (_Merger, _Split, _Rename, _Validity, TerritoryFile)
    for name, field in section.model_fields.items()
}


def read_file(path: Path) -> TerritoryFile:
    """Read and check one file.

    Raises
    ------
    MissingFileError
        There is no such file.
    ConfigError
        It is no TOML in UTF-8, or says something that cannot be meant.
    """
    if not path.is_file():
        raise MissingFileError("expected a territory.toml, found none", where=str(path), hint="check territory.file")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number of 5 000 digits, a thousand brackets
        raise ConfigError(f"expected TOML in UTF-8: {error}", where=str(path), hint="mend that line") from error
    try:
        return TerritoryFile.model_validate(raw)
    except ValidationError as error:
        said = readable(error, raw, keys=_KEYS, patterns={_KEY: "expected a key, which has digits and no blanks"})
        raise ConfigError(said, where=str(path), hint="docs/territory.md lists every key") from None
