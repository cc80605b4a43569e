"""All values of a county in one place, addressed by variable and year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.models import Observations, Source, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Statuses behind which a value stands that somebody hides.
HIDDEN = frozenset({Status.SUPPRESSED, Status.SUPPRESSED_OR_UNKNOWN, Status.ZERO_OR_SUPPRESSED})

VALUE_COLUMNS = ["value", "status", "origin", "flags"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Values with status, origin and flags.

    Attributes
    ----------
    frames : mapping of (str, int) to pandas.DataFrame
        (variable, year) → ``value``, ``status``, ``origin``, ``flags``, indexed by ``area_id``.
    sources : mapping of str to Source
        Variable → where it comes from.
    """

    frames: Mapping[tuple[str, int], pd.DataFrame]
    sources: Mapping[str, Source]
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def collect(cls, tables: Iterable[Observations]) -> Figures:
        """Gather what the readers returned.

        Parameters
        ----------
        tables : iterable of Observations
            One each file; each names its source.

        Returns
        -------
        Figures
            The same values by variable and year.
        """
        frames: dict[tuple[str, int], pd.DataFrame] = {}
        sources: dict[str, Source] = {}
        units: dict[str, str] = {}
        for observations in tables:
            for key, part in observations.table.groupby(["variable", "period"], sort=True):
                variable, period = str(key[0]), int(str(key[1]))
                frames[variable, period] = part.set_index("area_id")[VALUE_COLUMNS]
                if observations.source is not None:
                    sources[variable] = observations.source
            units.update(observations.units)
        return cls(frames, sources, units)

    def periods(self, variable: str, areas: pd.Index) -> tuple[int, ...]:
        """Return the years in which at least one of the areas has a value, or one that is hidden.

        A year that is only announced ("follows later") or was not delivered is no year of the layer.
        """
        out = []
        for (name, period), frame in self.frames.items():
            if name == variable:
                here = frame[frame.index.isin(areas)]
                if (here["value"].notna() | here["status"].isin(HIDDEN)).any():
                    out.append(period)
        return tuple(sorted(out))

    def get(self, variable: str, period: int, areas: pd.Index) -> pd.DataFrame:
        """Return the values of one variable and year for given areas.

        Parameters
        ----------
        variable : str
            Name in ``county.toml``.
        period : int
            Year.
        areas : pandas.Index
            Area ids, shape (n,).

        Returns
        -------
        pandas.DataFrame
            ``value``, ``status``, ``origin``, ``flags``, indexed like `areas`; an area that the file does not name has
            status ``missing``.
        """
        frame = self.frames.get((variable, period))
        if frame is None:
            frame = pd.DataFrame({c: [] for c in VALUE_COLUMNS}, index=pd.Index([], dtype=str))
        out = frame.reindex(areas)
        absent = out["status"].isna()
        out["value"] = out["value"].astype(float)
        out["status"] = out["status"].astype(object).where(~absent, Status.MISSING.value)
        out["origin"] = out["origin"].astype(object).where(~absent, "")
        out["flags"] = out["flags"].fillna(0).astype(np.int64)
        return out

    def values(self, variable: str, period: int, areas: pd.Index) -> pd.Series:
        """Return only the numbers of :meth:`get`, NaN where there is none."""
        return self.get(variable, period, areas)["value"].rename(variable)

    def suppress(self, hidden: Mapping[tuple[str, int], Sequence[str]]) -> Figures:
        """Return figures in which some values are missing, with status ``suppressed``.

        Parameters
        ----------
        hidden : mapping of (str, int) to sequence of str
            (variable, year) → area ids.

        Returns
        -------
        Figures
            New figures; these stay as they are.
        """
        frames = dict(self.frames)
        for key, ids in hidden.items():
            if not len(ids) or key not in frames:
                continue
            frame = frames[key].copy()
            here = frame.index.isin(list(ids))
            frame.loc[here, "value"] = np.nan
            frame["status"] = frame["status"].astype(object).where(~here, Status.SUPPRESSED.value)
            frame.loc[here, "flags"] = 0
            frames[key] = frame
        return Figures(frames, self.sources, self.units)
