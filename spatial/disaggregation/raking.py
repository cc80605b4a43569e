"""Several totals at once: masses of atoms raked to the totals of several systems of zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import AreaKeyError, SpatialError, some
from spatial.disaggregation.checks import require_ids, require_mass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Raked:
    """Raked masses, and how well they meet the totals.

    Attributes
    ----------
    mass : pandas.Series
        By atom.
    residuals : pandas.DataFrame
        A row per constrained zone: ``system``, ``zone``, ``total``, ``sum``, ``residual`` (total − sum) and
        ``reachable``: a total above 0 whose atoms are all 0 cannot be met.
    iterations : int
        Rounds over all systems.
    converged : bool
        Every residual is within the tolerance. If not, the totals contradict each other or the zeros of the atoms.
    largest : float
        Largest residual, relative to its total (absolute where that is 0).
    """

    mass: pd.Series
    residuals: pd.DataFrame
    iterations: int
    converged: bool
    largest: float


def rake(
    mass: pd.Series,
    systems: Mapping[str, tuple[pd.Series, pd.Series]],
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 1000,
) -> Raked:
    """Rescale masses until they add up to the totals of several systems of zones.

    Parameters
    ----------
    mass : pandas.Series
        Mass of the atoms, at least 0; 0 stays 0.
    systems : mapping of str to (pandas.Series, pandas.Series)
        By name: the zone of every atom (missing where it lies in none) and the total of every zone. A missing total
        and a zone without total constrain nothing. Where systems contradict each other the last one is met.
    tolerance : float
        Largest relative residual that counts as met.
    max_iterations : int

    Returns
    -------
    Raked

    Raises
    ------
    AreaKeyError
        Ids are repeated, or a system has not the atoms of ``mass``.
    SpatialError
        A mass or total is negative or infinite, or no total constrains anything.

    Notes
    -----
    Iterative proportional fitting (Deming & Stephan 1940): of all masses that meet the totals the one with the least
    Kullback-Leibler divergence from the start (Csiszár 1975).

    Examples
    --------
    >>> import pandas as pd
    >>> atoms = pd.Series({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0})
    >>> rows = pd.Series({"a": 1, "b": 1, "c": 2, "d": 2}), pd.Series({1: 30.0, 2: 70.0})
    >>> columns = pd.Series({"a": 1, "b": 2, "c": 1, "d": 2}), pd.Series({1: 40.0, 2: 60.0})
    >>> rake(atoms, {"rows": rows, "columns": columns}).mass.round(6).to_dict()
    {'a': 12.0, 'b': 18.0, 'c': 28.0, 'd': 42.0}
    """
    require_ids(mass.index, "atoms")
    start = require_mass(mass.to_numpy(dtype=np.float64, na_value=np.nan), mass.index.__getitem__, "mass of the atoms")
    constraints = [(name, *_constraint(name, mass.index, *system)) for name, system in systems.items()]
    if not any(len(total) for _, _, _, total in constraints):
        raise SpatialError(
            "expected at least one known total, found none",
            where="raking",
            hint="a system whose totals are all missing constrains nothing",
        )
    m = start.copy()
    iterations, largest = 0, np.inf
    while True:
        previous, largest = largest, _largest(m, constraints)
        # Contradicting totals end in a cycle: the residual stays what it is.
        if largest <= tolerance or iterations == max_iterations or (iterations > 20 and largest > previous * 0.9999999):
            break
        for _, inside, zone, total in constraints:
            sums = np.bincount(zone, m[inside], len(total))
            factor = np.divide(total, sums, out=np.ones(len(total)), where=sums > 0)
            m[inside] *= factor[zone]
        iterations += 1
    tables = []
    for (name, inside, zone, total), (_, totals) in zip(constraints, systems.values(), strict=True):
        sums = np.bincount(zone, m[inside], len(total))
        reachable = (total == 0) | (np.bincount(zone, start[inside], len(total)) > 0)
        tables.append(
            pd.DataFrame(
                {
                    "system": name,
                    "zone": totals.index[totals.notna()],
                    "total": total,
                    "sum": sums,
                    "residual": total - sums,
                    "reachable": reachable,
                }
            )
        )
    return Raked(
        pd.Series(m, index=mass.index, name=mass.name),
        pd.concat(tables, ignore_index=True),
        iterations,
        bool(largest <= tolerance),
        float(largest),
    )


def _constraint(
    name: str, atoms: pd.Index, zones: pd.Series, totals: pd.Series
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return positions of the atoms that are constrained, the position of their zone, and the known totals."""
    require_ids(zones.index, f"zones of the atoms in {name}")
    require_ids(totals.index, f"totals of {name}")
    strangers = atoms.symmetric_difference(zones.index)
    if len(strangers):
        raise AreaKeyError(
            f"expected the zone of each of the {len(atoms)} atoms, found ids on one side only: {some(strangers)}",
            where=name,
            hint="reindex it to the atoms; missing is 'in no zone'",
        )
    known = totals.dropna()
    total = known.to_numpy(dtype=np.float64)
    bad = (total < 0) | np.isinf(total)
    if bad.any():
        raise SpatialError(
            f"expected totals of at least 0, found negative or infinite ones for {some(known.index[bad])}",
            where=name,
            hint="negative values are often signs for 'no value': read them as missing",
        )
    of = zones.reindex(atoms)
    codes = np.where(of.notna(), known.index.get_indexer(pd.Index(of)), -1)
    inside = np.flatnonzero(codes >= 0)
    return inside, codes[inside].astype(np.int64), total


def _largest(m: Floats, constraints: list[tuple[str, NDArray[np.int64], NDArray[np.int64], Floats]]) -> float:
    worst = 0.0
    for _, inside, zone, total in constraints:
        if len(total):
            gap = np.abs(np.bincount(zone, m[inside], len(total)) - total)
            worst = max(worst, float((gap / np.where(total > 0, total, 1.0)).max()))
    return worst
