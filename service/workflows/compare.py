"""Hold two states of a county's inputs side by side: values, definitions, areas, suppression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from geodata.models import VALUED, Status

#: A boundary that moved by a smaller share of the area is a redrawn line, not another area.
RETOUCHED = 0.001
#: Texts that say what a figure means: whether another wording is another meaning, only a person can tell.
TEXTS = frozenset({"title", "definition"})
#: Where figures stand and of which day they are: mostly the same figures, and nobody but a person knows.
PLACES = frozenset({"table", "format", "boundary_date", "reference_date"})
#: What decides where a figure is shown, not what it means.
SHOWN = frozenset({"topic", "tested", "handed_down", "contact", "editions", "variants"})
_VALUED = frozenset(str(status) for status in VALUED)


@dataclass(frozen=True, slots=True)
class Row:
    """Root of all rows of the report."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is another now; None where there was or is no number."""

    area: str
    name: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Revision(Row):
    """What changed in a year that was published before.

    Attributes
    ----------
    changed, filled, lost : int
        Areas whose number is another, whose number came, whose number went.
    signs : int
        Areas without a number before and now, for another reason now (for example delivered later, now suppressed).
    flags : int
        Areas whose number stays, with other flags (for example provisional, now final).
    added, removed : int
        Areas of which the file said nothing before, or says nothing now.
    largest : Change or None
        Largest absolute change.
    relative : Change or None
        Largest change relative to the old number.
    total_before, total_after : float or None
        Sums over the areas that have a number before and now, None for means.
    """

    variable: str
    year: int
    areas: int
    changed: int
    filled: int
    lost: int
    signs: int
    flags: int
    added: int
    removed: int
    largest: Change | None
    relative: Change | None
    total_before: float | None
    total_after: float | None


@dataclass(frozen=True, slots=True)
class Broken(Row):
    """A definition that is another now.

    Attributes
    ----------
    kind : str
        ``indicators``, ``columns``, ``legends``, ``levels``, ``ways``, ``index`` or ``rules``.
    key : str
        What changed; empty where the whole thing came or went.
    verdict : str
        ``break``: old and new figures do not mean the same; ``text`` and ``check``: a text or a day changed, and a
        person has to tell whether the meaning did; ``day``: the reference day is the same day of another year;
        ``shown``: the figures stay what they are; ``new``: nothing was there before.
    """

    kind: str
    id: str
    key: str
    before: Any
    after: Any
    verdict: str

    @property
    def breaks(self) -> bool:
        """Old and new figures do not mean the same."""
        return self.verdict == "break"


@dataclass(frozen=True, slots=True)
class Redrawn(Row):
    """What happened to the areas of a level.

    Attributes
    ----------
    added, removed : tuple of str
        Keys.
    names : mapping of str to str
        Their names; cells have none.
    renamed : tuple of str
        ``key: old -> new``.
    reassigned : tuple of str
        ``key: old parent -> new parent``.
    moved : tuple of (str, str, float)
        Key, name and the share of the old area that was won or lost, largest first.
    retouched : int
        Areas whose line was redrawn by less than a thousandth of the area.
    """

    level: str
    before: int
    after: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    names: Mapping[str, str]
    renamed: tuple[str, ...]
    reassigned: tuple[str, ...]
    moved: tuple[tuple[str, str, float], ...]
    retouched: int


Frames = Mapping[tuple[str, int], pd.DataFrame]


def split(table: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    """Return a long table of figures by variable and year, indexed by area.

    Parameters
    ----------
    table : pandas.DataFrame
        ``area_id``, ``variable``, ``period``, ``value``, ``status``, ``flags``.

    Returns
    -------
    dict of (str, int) to pandas.DataFrame
        As :class:`service.workflows.figures.Figures` holds them.
    """
    columns = ["value", "status", "origin", "flags"]
    return {
        (str(key[0]), int(str(key[1]))): part.set_index("area_id")[columns]
        for key, part in table.groupby(["variable", "period"], sort=True)
    }


def revisions(
    before: Frames, after: Frames, *, names: Mapping[str, str], summed: Mapping[str, bool]
) -> Iterator[Revision]:
    """Yield what changed in each variable and year that both know.

    Parameters
    ----------
    before, after : mapping of (str, int) to pandas.DataFrame
        Figures, restricted to areas that matter.
    names : mapping of str to str
        Area id → name.
    summed : mapping of str to bool
        Variable → whether a sum over areas means anything.

    Yields
    ------
    Revision
        Only where something changed.
    """
    for variable, year in sorted(before.keys() & after.keys()):
        old, new = before[variable, year], after[variable, year]
        both = old.index.intersection(new.index)
        o, n = old.loc[both], new.loc[both]
        had, has = o["value"].notna(), n["value"].notna()
        differs = had & has & (o["value"] != n["value"])
        signs = ~had & ~has & (o["status"].astype(str) != n["status"].astype(str))
        flags = had & has & ~differs & (o["flags"].to_numpy() != n["flags"].to_numpy())
        found = Revision(
            variable=variable,
            year=year,
            areas=len(both),
            changed=int(differs.sum()),
            filled=int((~had & has).sum()),
            lost=int((had & ~has).sum()),
            signs=int(signs.sum()),
            flags=int(flags.sum()),
            added=len(new.index.difference(old.index)),
            removed=len(old.index.difference(new.index)),
            largest=_largest(o["value"][differs], n["value"][differs], names, relative=False),
            relative=_largest(o["value"][differs], n["value"][differs], names, relative=True),
            total_before=float(o["value"][had & has].sum()) if summed.get(variable) else None,
            total_after=float(n["value"][had & has].sum()) if summed.get(variable) else None,
        )
        if found.changed or found.filled or found.lost or found.signs or found.flags or found.added or found.removed:
            yield found


def _largest(before: pd.Series, after: pd.Series, names: Mapping[str, str], *, relative: bool) -> Change | None:
    size = (after - before).abs()
    if relative:
        size = (size / before.abs().where(before != 0)).dropna()
    if size.empty:
        return None
    area = str(size.index[int(np.argmax(size.to_numpy()))])
    return Change(area, names.get(area, ""), float(before[area]), float(after[area]))


def broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Broken]:
    """Yield which definitions came, went or changed.

    Parameters
    ----------
    before, after : mapping
        Of :func:`service.workflows.kept.definitions`, both as JSON has them.

    Yields
    ------
    Broken
        A key that only one of the two software versions knows is no change.
    """
    for kind in after:
        old, new = before.get(kind), after[kind]
        if old is None:
            continue
        for name in [*old, *(n for n in new if n not in old)]:
            if name not in new:
                yield Broken(kind, name, "", old[name], None, "break")
            elif name not in old:
                yield Broken(kind, name, "", None, new[name], "new")
            else:
                for key in (key for key in new[name] if key in old[name]):
                    was, now = old[name][key], new[name][key]
                    if isinstance(was, str) and isinstance(now, dict):
                        now = now.get("de")  # an older version of the software kept the German text only
                    if was != now:
                        yield Broken(kind, name, key, was, now, verdict(kind, key, was, now))


def verdict(kind: str, key: str, before: Any, after: Any) -> str:
    """Say what a changed key of a definition does to a series.

    Parameters
    ----------
    kind, key : str
        As in :class:`Broken`.
    before, after : object
        What was said, and is.

    Returns
    -------
    str
        One of :attr:`Broken.verdict`. What is not known to be harmless is a break.

    Examples
    --------
    >>> verdict("indicators", "definition", "am 31. Dezember", "am 30. Juni")
    'text'
    >>> verdict("legends", "reference_date", "2023-12-31", "2024-12-31")
    'day'
    """
    if kind == "rules" or key in SHOWN:
        return "shown"  # rules hide figures, they do not change what they mean
    if key in TEXTS:
        return "text"
    if key == "reference_date" and before and after and str(before)[4:] == str(after)[4:]:
        return "day"
    return "check" if key in PLACES else "break"


def redrawn(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Redrawn]:
    """Yield what happened to the areas of each level.

    Parameters
    ----------
    before, after : pandas.DataFrame
        Of :func:`service.workflows.kept.areas_table`.

    Yields
    ------
    Redrawn
        Only for levels in which something changed.
    """
    old_levels = {str(k): v.set_index("area_id") for k, v in before.groupby("level", sort=False)}
    new_levels = {str(k): v.set_index("area_id") for k, v in after.groupby("level", sort=False)}
    for level in [*old_levels, *(k for k in new_levels if k not in old_levels)]:
        empty = before.iloc[:0].set_index("area_id")
        old, new = old_levels.get(level, empty), new_levels.get(level, empty)
        both = old.index.intersection(new.index)
        o, n = old.loc[both], new.loc[both]
        moved, retouched = _moved(o, n)
        came, went = new.index.difference(old.index), old.index.difference(new.index)
        named = pd.concat([new.loc[came], old.loc[went]])
        named = named[named["shape"].notna()]
        found = Redrawn(
            level=level,
            before=len(old),
            after=len(new),
            added=tuple(map(str, came)),
            removed=tuple(map(str, went)),
            names={str(area): str(name) for area, name in named["name"].items()},
            renamed=tuple(_told(o["name"], n["name"])),
            reassigned=tuple(_told(o["parent_id"], n["parent_id"])),
            moved=moved,
            retouched=retouched,
        )
        if found.added or found.removed or found.renamed or found.reassigned or found.moved or found.retouched:
            yield found


def _told(before: pd.Series, after: pd.Series) -> Iterator[str]:
    old, new = before.fillna("").astype(str), after.fillna("").astype(str)
    for area in old.index[old != new]:
        yield f"{area}: {old[area]} -> {new[area]}"


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> tuple[tuple[tuple[str, str, float], ...], int]:
    import shapely

    drawn = before["shape"].notna() & after["shape"].notna()
    pairs = zip(before.index[drawn], after["name"][drawn], before["shape"][drawn], after["shape"][drawn], strict=True)
    moved, retouched = [], 0
    for area, name, was, now in pairs:
        if was == now:
            continue
        old, new = shapely.from_wkb(was), shapely.from_wkb(now)
        share = shapely.symmetric_difference(old, new).area / old.area
        if share >= RETOUCHED:
            moved.append((str(area), str(name), float(share)))
        else:
            retouched += 1
    return tuple(sorted(moved, key=lambda m: (-m[2], m[0]))), retouched


def newly_suppressed(before: Frames, after: Frames) -> Iterator[tuple[str, int, tuple[str, ...], tuple[str, ...]]]:
    """Yield in which areas a number that was shown would be suppressed, and one that was suppressed shown.

    Parameters
    ----------
    before, after : mapping of (str, int) to pandas.DataFrame
        What the public edition knew, and would know.

    Yields
    ------
    variable, year, newly, lifted
        Area ids; only where there is one.
    """
    for variable, year in sorted(before.keys() & after.keys()):
        old, new = before[variable, year], after[variable, year]
        both = old.index.intersection(new.index)
        was, now = old.loc[both, "status"].astype(str), new.loc[both, "status"].astype(str)
        hidden = Status.SUPPRESSED.value
        newly = both[(was.isin(_VALUED) & (now == hidden)).to_numpy()]
        lifted = both[((was == hidden) & now.isin(_VALUED)).to_numpy()]
        if len(newly) or len(lifted):
            yield variable, year, tuple(map(str, newly)), tuple(map(str, lifted))
