"""Regions from year to year: an earlier assignment is kept where it still holds, and only the rest is dealt out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.regions.maxp import Partition, improve, join_left, max_p, parts

_WHERE = "regions"


class UnreachableError(SpatialError):
    """Areas that hang together with no others have fewer people than the floor."""


@dataclass(frozen=True, slots=True)
class RegionsResult:
    """Areas merged into regions.

    Attributes
    ----------
    assignment : pandas.DataFrame
        Indexed by ``area_id``: ``region`` (str), ``state`` ("kept": as in the earlier assignment, "moved": in another
        region than before, "new": not in it), ``before`` (region of the earlier assignment, "" where there is none).
    regions : pandas.DataFrame
        Indexed by ``region``: ``areas``, ``people``, ``state`` ("kept": the same areas as before, "changed", "new").
    within : float
        Sum of squares of the values about the mean of their region, as a share of that about the mean of all.
    notes : tuple of str
        What was not kept and why, which areas are gone, what joined what.
    """

    assignment: pd.DataFrame
    regions: pd.DataFrame
    within: float
    notes: tuple[str, ...]


def build_regions(
    near: Sequence[Sequence[int]],
    people: pd.Series,
    values: pd.DataFrame,
    floor: float,
    *,
    rng: np.random.Generator,
    earlier: Mapping[str, str] | None = None,
    tries: int = 100,
) -> RegionsResult:
    """Merge areas into contiguous regions of at least a floor, keeping what an earlier assignment still says.

    An earlier region is kept whole where its areas still hang together and reach the floor, also where max-p would now
    find more regions: what is compared from year to year must not move without need. Of a region that fell apart the
    parts that reach the floor are kept. The rest – new areas, and regions below the floor – becomes regions of its own
    where that is possible (:func:`spatial.regions.maxp.max_p`), else it joins the likest neighbour, areas that were
    together staying so.

    Parameters
    ----------
    near : sequence of sequence of int, length n
        Neighbours of each area, symmetric, by position.
    people : pandas.Series, shape (n,)
        Indexed by unique ``area_id``; at least 0 and known everywhere.
    values : pandas.DataFrame, shape (n, k)
        What areas of one region should be alike in, on comparable scales, same index.
    floor : float
        Above 0.
    rng : numpy.random.Generator
        Same seed, same regions, whatever the order of rows.
    earlier : mapping of str to str, optional
        Area → region. Areas that are gone are named.
    tries : int
        See :func:`spatial.regions.maxp.max_p`.

    Returns
    -------
    RegionsResult
        A region that was kept or changed has its earlier name; a new one is called like its most populous area.

    Raises
    ------
    AreaKeyError, SpatialError
        Repeated ids; people unknown or negative; a floor above the sum of all people.
    UnreachableError
        A part without a way to the others has fewer people than the floor.
    """
    order = np.argsort(np.asarray([str(area) for area in people.index], dtype=object), kind="stable")
    place = np.argsort(order)
    ids = [str(people.index[k]) for k in order]
    if len(set(ids)) < len(ids) or not values.index.equals(people.index):
        raise AreaKeyError("expected people and values of the same areas, each once", where=_WHERE)
    count, x = people.to_numpy(dtype=np.float64)[order], values.to_numpy(dtype=np.float64)[order]
    wrong = ~(np.isfinite(count) & (count >= 0))
    if wrong.any():
        raise SpatialError(
            f"expected the people of every area, found none or less than 0 in {some(np.array(ids)[wrong])}",
            where=_WHERE,
            hint="write 0 where nobody lives",
        )
    around = [sorted(int(place[other]) for other in near[k]) for k in order]
    _require_reach(around, count, ids, floor)

    state = _State(Partition(around, count, x, floor), ids, dict(earlier or {}))
    blocks = state.keep()
    state.deal(blocks, rng, tries)
    return state.result(people.index)


def _require_reach(near: Sequence[Sequence[int]], people: np.ndarray, ids: Sequence[str], floor: float) -> None:
    """Refuse a floor that no region can reach, and parts that are too small for one."""
    if not floor > 0 or not np.isfinite(floor):
        raise SpatialError(f"expected a floor above 0, found {floor:g}", where=_WHERE)
    if people.sum() < floor:
        raise SpatialError(
            f"expected a floor of at most the {people.sum():g} people of all {len(ids)} areas, found {floor:g}",
            where=_WHERE,
            hint="lower the floor, or check that the column holds people and no shares",
        )
    found = parts(near, set(range(len(ids))))
    small = [part for part in found if people[part].sum() < floor]
    if small:
        told = "; ".join(f"{some([ids[k] for k in part])} ({people[part].sum():g} people)" for part in small[:5])
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        raise UnreachableError(
            f"expected parts of at least {floor:g} people that hang together, found {len(small)} with fewer: "
            f"{told}{more}",
            where=_WHERE,
            hint="join them to an area by hand, lower the floor, or leave them out",
        )


class _State:
    """The partition while it is made, and what is told about it."""

    def __init__(self, partition: Partition, ids: list[str], earlier: dict[str, str]) -> None:
        self.partition, self.ids, self.earlier = partition, ids, earlier
        self.names: dict[int, str] = {}
        self.notes: list[str] = []
        self.old = [earlier.get(area, "") for area in ids]

    def keep(self) -> list[list[int]]:
        """Take over earlier regions that still hold; return the other areas as blocks that were together."""
        near, people, floor = self.partition.near, self.partition.people, self.partition.floor
        if gone := sorted(set(self.earlier) - set(self.ids)):
            self.notes.append(f"{len(gone)} areas of the earlier assignment are gone: {some(gone)}")
        if self.earlier and (fresh := [area for area in self.ids if not self.earlier.get(area)]):
            self.notes.append(f"{len(fresh)} areas are not in the earlier assignment: {some(fresh)}")
        groups: dict[str, set[int]] = {}
        for position, name in enumerate(self.old):
            if name:
                groups.setdefault(name, set()).add(position)
        blocks = [[position] for position, name in enumerate(self.old) if not name]
        for name in sorted(groups):
            pieces = sorted(parts(near, groups[name]), key=lambda piece: (-people[piece].sum(), piece))
            whole = len(pieces) == 1
            for rank, piece in enumerate(pieces):
                total = float(people[piece].sum())
                if total < floor:
                    blocks.append(piece)
                    self.notes.append(
                        f"{name} has {total:g} people, fewer than {floor:g}: its areas are dealt out anew"
                        if whole
                        else f"{name} fell apart: {some([self.ids[k] for k in piece])} with {total:g} people leave it"
                    )
                    continue
                region = len(self.names)
                self.partition.add(region, piece)
                self.names[region] = name if rank == 0 else ""
                if rank:
                    self.notes.append(
                        f"{name} fell apart: {some([self.ids[k] for k in piece])} are a region of their own"
                    )
        return blocks

    def deal(self, blocks: list[list[int]], rng: np.random.Generator, tries: int) -> None:
        """Make regions of the areas that are left where they suffice, and join the others to their neighbours."""
        partition = self.partition
        kept = frozenset(self.names)
        left = {area for block in blocks for area in block}
        for part in parts(partition.near, left):
            if partition.people[part].sum() < partition.floor:
                continue
            position = {area: k for k, area in enumerate(part)}
            inside = [[position[other] for other in partition.near[area] if other in position] for area in part]
            label = max_p(inside, partition.people[part], partition.values[part], partition.floor, rng=rng, tries=tries)
            for k in range(int(label.max()) + 1):
                region = len(self.names)
                self.names[region] = ""
                partition.add(region, [part[i] for i in np.flatnonzero(label == k)])
            left -= set(part)
        waiting = [[area for area in block if area in left] for block in blocks]
        for block, region in join_left(partition, [block for block in waiting if block]):
            if self.earlier and region in kept:
                self.notes.append(f"{some([self.ids[k] for k in block])} joined {self.names[region]}")
        improve(partition, fixed=kept)
        self._name()

    def _name(self) -> None:
        """Give new regions the name of an earlier one most of whose people they have, else of their largest area."""
        people = self.partition.people
        taken = {name for name in self.names.values() if name}
        free = sorted({name for name in self.old if name} - taken)
        for name in free:
            before = {k for k, old in enumerate(self.old) if old == name}
            shares = {
                region: float(people[sorted(before & self.partition.members[region])].sum())
                for region in sorted(self.names)
                if not self.names[region]
            }
            region = max(shares, key=lambda one: (shares[one], -one), default=None)
            if region is not None and 2 * shares[region] > float(people[sorted(before)].sum()):
                self.names[region] = name
                taken.add(name)
        for region in sorted(self.names):
            if self.names[region]:
                continue
            areas = sorted(self.partition.members[region])
            largest = self.ids[max(areas, key=lambda k: (people[k], -k))]
            name, number = largest, 1
            while name in taken:
                number += 1
                name = f"{largest}-{number}"
            self.names[region] = name
            taken.add(name)

    def result(self, index: pd.Index) -> RegionsResult:
        """Write it all down in the order of rows in which it was given."""
        partition = self.partition
        region = [self.names[int(label)] for label in partition.label]
        state = [
            "new" if not old else "kept" if old == now else "moved" for old, now in zip(self.old, region, strict=True)
        ]
        table = pd.DataFrame({"region": region, "state": state, "before": self.old}, index=pd.Index(self.ids))
        rows = {}
        for label, name in self.names.items():
            areas = partition.members[label]
            before = {k for k, old in enumerate(self.old) if old == name}
            rows[name] = {
                "areas": len(areas),
                "people": partition.totals[label],
                "state": "kept" if areas == before else "changed" if before else "new",
            }
        about = float(((partition.values - partition.values.mean(axis=0)) ** 2).sum())
        return RegionsResult(
            assignment=table.loc[[str(area) for area in index]].set_axis(index),
            regions=pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="region").sort_index(),
            within=partition.within() / about if about > 0 else 0.0,
            notes=tuple(self.notes),
        )
