"""As many contiguous regions above a floor as can be found, and inside them areas as alike as possible (max-p)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from geodata.errors import SpatialError

_WHERE = "regions"

#: Partitions that are improved; the others have fewer regions or less alike areas.
_BEST = 4


class Partition:
    """Areas dealt out to regions, with sums that make a move cheap to judge.

    Parameters
    ----------
    near : sequence of sequence of int, length n
        Neighbours of each area.
    people : numpy.ndarray, shape (n,)
        What the floor is set on; at least 0.
    values : numpy.ndarray, shape (n, k)
        What areas of one region should be alike in, on comparable scales.
    floor : float

    Attributes
    ----------
    members : dict of int to set of int
        Areas of each region.
    label : numpy.ndarray of int, shape (n,)
        Region of each area, −1 for none.
    """

    def __init__(self, near: Sequence[Sequence[int]], people: np.ndarray, values: np.ndarray, floor: float) -> None:
        self.near, self.people, self.values, self.floor = near, people, values, floor
        self.label = np.full(len(people), -1, dtype=np.int64)
        self.members: dict[int, set[int]] = {}
        self.totals: dict[int, float] = {}
        self.sums: dict[int, np.ndarray] = {}

    def add(self, region: int, areas: Iterable[int]) -> None:
        """Put areas into a region, which may be new."""
        inside = self.members.setdefault(region, set())
        for area in areas:
            inside.add(area)
            self.label[area] = region
            self.totals[region] = self.totals.get(region, 0.0) + float(self.people[area])
            self.sums[region] = self.sums.get(region, np.zeros(self.values.shape[1])) + self.values[area]

    def remove(self, region: int, areas: Iterable[int]) -> None:
        """Take areas out of a region; an empty one is gone."""
        for area in areas:
            self.members[region].discard(area)
            self.label[area] = -1
            self.totals[region] -= float(self.people[area])
            self.sums[region] = self.sums[region] - self.values[area]
        if not self.members[region]:
            del self.members[region], self.totals[region], self.sums[region]

    def gain(self, region: int, areas: Sequence[int]) -> float:
        """Return by how much the sum of squares inside a region grows when areas join it."""
        own, new = len(self.members[region]), len(areas)
        apart = self.sums[region] / own - self.values[list(areas)].mean(axis=0)
        return float(own * new / (own + new) * (apart @ apart))

    def within(self) -> float:
        """Return the sum of squares of the values about the mean of their region."""
        total = 0.0
        for region, areas in self.members.items():
            x = self.values[sorted(areas)]
            total += float(((x - self.sums[region] / len(areas)) ** 2).sum())
        return total

    def connected(self, areas: set[int]) -> bool:
        """Tell whether areas hang together."""
        return len(parts(self.near, areas)) <= 1


def parts(near: Sequence[Sequence[int]], areas: set[int]) -> list[list[int]]:
    """Return the connected parts of a set of areas, each ascending, in the order of their first area."""
    left, found = set(areas), []
    while left:
        first = min(left)
        part, stack = {first}, [first]
        left.discard(first)
        while stack:
            for other in near[stack.pop()]:
                if other in left:
                    left.discard(other)
                    part.add(other)
                    stack.append(other)
        found.append(sorted(part))
    return found


def max_p(
    near: Sequence[Sequence[int]],
    people: np.ndarray,
    values: np.ndarray,
    floor: float,
    *,
    rng: np.random.Generator,
    tries: int = 100,
) -> np.ndarray:
    """Find as many contiguous regions of at least a floor as possible; among as many, those of areas most alike.

    Parameters
    ----------
    near : sequence of sequence of int, length n
        Neighbours of each area, symmetric; all areas hang together.
    people : numpy.ndarray, shape (n,)
        At least 0; the floor is set on the sum of them.
    values : numpy.ndarray, shape (n, k)
        On comparable scales, for example z-scores or coordinates.
    floor : float
        Above 0 and at most the sum of all people.
    rng : numpy.random.Generator
        Same seed and same order of areas, same regions.
    tries : int, default 100
        Constructions from which the best are improved.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        Region of each area, 0 … p − 1.

    Raises
    ------
    SpatialError
        The floor is above the sum, or the areas do not hang together.

    Notes
    -----
    A heuristic in the two phases of Duque, Anselin and Rey (2012), *Journal of Regional Science* 52, 397–419, and Wei,
    Rey and Knaap (2020), *International Journal of Geographical Information Science* 35, 1–24: regions grow from seeds,
    what is left over joins the likest neighbour, then single areas change region while that makes regions more alike.
    Besides, regions of twice the floor are grown anew inside to split them. The number of regions is no proven maximum.
    Own, because ``spopt.region.MaxPHeuristic`` (0.7, the newest for Python 3.11) does not end where no movable area
    borders another region, for example four areas in a row of which the outer two are small.

    Examples
    --------
    >>> row = [[1], [0, 2], [1, 3], [2]]
    >>> people, place = np.array([100.0, 900.0, 900.0, 100.0]), np.arange(4.0)[:, None]
    >>> [int(k) for k in max_p(row, people, place, 800, rng=np.random.default_rng(1))]
    [0, 0, 1, 1]
    """
    everything = set(range(len(people)))
    if not 0 < floor <= float(people.sum()):
        raise SpatialError(f"expected a floor above 0 and at most {people.sum():g}, found {floor:g}", where=_WHERE)
    if len(parts(near, everything)) > 1:
        raise SpatialError("expected areas that hang together, found several parts", where=_WHERE)
    pool: list[tuple[int, float, int, Partition]] = []
    for number in range(max(1, tries)):
        grown = Partition(near, people, values, floor)
        left = _grow(grown, everything, rng, shy=number % 2 == 1)
        if not grown.members or (pool and len(grown.members) < pool[-1][0] and len(pool) == _BEST):
            continue
        join_left(grown, [[area] for area in left])
        _split(grown, rng)
        pool.append((len(grown.members), grown.within(), number, grown))
        pool.sort(key=lambda one: (-one[0], one[1], one[2]))
        del pool[_BEST:]
    found = []
    for _, _, number, partition in pool:
        improve(partition)
        if _split(partition, rng):
            improve(partition)
        found.append((-len(partition.members), partition.within(), number, partition))
    best = min(found, key=lambda one: one[:3])[3]
    order = {region: k for k, region in enumerate(sorted(best.members, key=lambda name: min(best.members[name])))}
    return np.array([order[int(region)] for region in best.label], dtype=np.int64)


def _grow(partition: Partition, areas: set[int], rng: np.random.Generator, *, shy: bool, first: int = 0) -> list[int]:
    """Grow regions from seeds until no area is free; return those that reached no floor.

    Parameters
    ----------
    partition : Partition
        Receives the regions, numbered from `first`.
    areas : set of int
        Free areas.
    rng : numpy.random.Generator
    shy : bool
        Begin where the fewest free neighbours are, so that no corner is cut off, instead of anywhere.
    first : int
    """
    near, people, values = partition.near, partition.people, partition.values
    free = set(areas)
    open_ = {area: sum(other in free for other in near[area]) for area in free}
    left: list[int] = []

    def take(area: int) -> None:
        free.discard(area)
        for other in near[area]:
            if other in open_:
                open_[other] -= 1

    while free:
        choice = sorted(free)
        if shy:
            fewest = min(open_[area] for area in choice)
            choice = [area for area in choice if open_[area] == fewest]
        seed = choice[int(rng.integers(len(choice)))]
        region, total, sum_ = [seed], float(people[seed]), values[seed].copy()
        take(seed)
        border = {other for other in near[seed] if other in free}
        while total < partition.floor and border:
            candidates = sorted(border)
            apart = ((values[candidates] - sum_ / len(region)) ** 2).sum(axis=1)
            if shy:
                dead = np.array([open_[area] for area in candidates])
                candidates = [area for area, k in zip(candidates, dead, strict=True) if k <= dead.min() + 1]
                apart = ((values[candidates] - sum_ / len(region)) ** 2).sum(axis=1)
            likest = np.argsort(apart, kind="stable")[:2]
            area = candidates[int(likest[int(rng.integers(len(likest)))])]
            border.discard(area)
            take(area)
            region.append(area)
            total += float(people[area])
            sum_ = sum_ + values[area]
            border |= {other for other in near[area] if other in free}
        if total < partition.floor:
            left += region
        else:
            partition.add(first, region)
            first += 1
    return left


def join_left(partition: Partition, blocks: Sequence[Sequence[int]]) -> list[tuple[list[int], int]]:
    """Join blocks of areas to neighbouring regions, the likest pair first.

    Parameters
    ----------
    partition : Partition
        At least one region.
    blocks : sequence of sequence of int
        Areas without a region; each block stays together.

    Returns
    -------
    list of (list of int, int)
        Which block went into which region. Blocks that no region can be reached from are left out.
    """
    waiting = [sorted(block) for block in blocks]
    done = []
    while waiting:
        best: tuple[float, int, int] | None = None
        for position, block in enumerate(waiting):
            around = {int(partition.label[other]) for area in block for other in partition.near[area]} - {-1}
            for region in sorted(around):
                cost = (partition.gain(region, block), position, region)
                best = cost if best is None or cost < best else best
        if best is None:
            break
        block = waiting.pop(best[1])
        partition.add(best[2], block)
        done.append((block, best[2]))
    return done


def _split(partition: Partition, rng: np.random.Generator, tries: int = 12) -> bool:
    """Grow regions of twice the floor anew inside; keep what gives more regions."""
    changed = False
    queue = sorted(partition.members)
    while queue:
        region = queue.pop()
        areas = set(partition.members[region])
        if partition.totals[region] < 2 * partition.floor or len(areas) < 2:
            continue
        best: Partition | None = None
        for number in range(tries):
            inner = Partition(partition.near, partition.people, partition.values, partition.floor)
            left = _grow(inner, areas, rng, shy=number % 2 == 0)
            if len(inner.members) < 2:
                continue
            join_left(inner, [[area] for area in left])
            if best is None or (-len(inner.members), inner.within()) < (-len(best.members), best.within()):
                best = inner
        if best is None:
            continue
        changed = True
        first = max(partition.members) + 1
        partition.remove(region, sorted(areas))
        for k, inside in enumerate(best.members.values()):
            partition.add(first + k, sorted(inside))
    return changed


def improve(partition: Partition, fixed: frozenset[int] = frozenset(), passes: int = 100) -> None:
    """Let single areas change region while regions get more alike inside; floor and contiguity are kept.

    Parameters
    ----------
    partition : Partition
        Changed in place.
    fixed : frozenset of int
        Regions that neither give nor take.
    passes : int
        At most so many rounds over all areas.
    """
    near, people = partition.near, partition.people
    for _ in range(passes):
        moved = False
        for area in range(len(people)):
            donor = int(partition.label[area])
            if donor < 0 or donor in fixed or len(partition.members[donor]) < 2:
                continue
            if partition.totals[donor] - people[area] < partition.floor:
                continue
            takers = sorted({int(partition.label[other]) for other in near[area]} - {donor, -1} - fixed)
            if not takers:
                continue
            partition.remove(donor, [area])
            lost = partition.gain(donor, [area])
            grown, taker = min((partition.gain(taker, [area]), taker) for taker in takers)
            if grown < lost - 1e-9 and partition.connected(partition.members[donor]):
                partition.add(taker, [area])
                moved = True
            else:
                partition.add(donor, [area])
        if not moved:
            break
