"""From one Gebietsstand to another: which area's figures go where, and with what share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from geodata.errors import TerritoryError, some

#: How far shares of one area may miss 1.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Links between the areas of two Gebietsstände.

    Attributes
    ----------
    start, end : datetime.date
        Gebietsstand of the figures, and the one they are brought to.
    links : pandas.DataFrame
        ``source``, ``target`` (str), ``share`` (float64, of the source's figure; NaN where a split's shares are not
        known). Shares of a source add up to 1.
    unresolved : tuple of str
        Keys asked for that ended in between, and of which no source says into what.
    """

    start: dt.date
    end: dt.date
    links: pd.DataFrame
    unresolved: tuple[str, ...] = ()

    @classmethod
    def build(
        cls, start: dt.date, end: dt.date, rows: Iterable[tuple[str, str, float]], unresolved: tuple[str, ...]
    ) -> Crosswalk:
        """Make a crosswalk of (source, target, share)."""
        links = pd.DataFrame(list(rows), columns=["source", "target", "share"])
        links = links.astype({"source": "str", "target": "str", "share": "float64"})
        return cls(start, end, links.sort_values(["target", "source"], ignore_index=True), unresolved)

    @property
    def changed(self) -> pd.DataFrame:
        """The links that do more than keep an area as it is."""
        into = self.links["target"].map(self.links["target"].value_counts())
        return self.links[(self.links["source"] != self.links["target"]) | (into > 1)]

    @property
    def open(self) -> tuple[str, ...]:
        """Areas that were split and whose shares are still needed."""
        return tuple(dict.fromkeys(self.links.loc[self.links["share"].isna(), "source"]))

    def targets(self, source: str) -> tuple[str, ...]:
        """Return where an area goes."""
        return tuple(self.links.loc[self.links["source"] == source, "target"])

    def sources(self, target: str) -> tuple[str, ...]:
        """Return what an area is made of."""
        return tuple(self.links.loc[self.links["target"] == target, "source"])

    def filled(self, shares: Mapping[str, Mapping[str, float]]) -> Crosswalk:
        """Return the crosswalk with the shares of split areas.

        Parameters
        ----------
        shares : mapping of str to mapping of str to float
            Source → target → share: columns of a transfer matrix. Targets that are not named get 0.

        Returns
        -------
        Crosswalk

        Raises
        ------
        TerritoryError
            Shares are negative, do not add up to 1, or name a target that the area was not split into.
        """
        links = self.links.copy()
        for source, column in shares.items():
            rows = links["source"] == source
            strange = sorted(set(column) - set(links.loc[rows, "target"]))
            total = float(np.sum(list(column.values()))) if column else 0.0
            if strange or min(column.values(), default=0.0) < 0 or abs(total - 1) > TOLERANCE:
                raise TerritoryError(
                    f"expected shares of {source} that add up to 1 over {some(self.targets(source))}, found "
                    f"{total:g} over {some(column)}",
                    where="crosswalk",
                    hint="compare the targets of the split in territory.toml with the areas of the level",
                )
            links.loc[rows, "share"] = links.loc[rows, "target"].map(column).fillna(0.0)
        return replace(self, links=links)

    def then(self, after: Crosswalk) -> Crosswalk:
        """Return the crosswalk that does this one and then another.

        Parameters
        ----------
        after : Crosswalk
            It starts where this one ends.

        Returns
        -------
        Crosswalk
            An area that the second does not know stays what it is.

        Raises
        ------
        TerritoryError
            The second starts at another Gebietsstand, or needs parts that this one does not reach.
        """
        if after.start != self.end:
            raise TerritoryError(
                f"expected a crosswalk that starts at {self.end}, found one of {after.start}",
                where="crosswalk",
                hint="chain crosswalks without a gap",
            )
        known = after.links.rename(columns={"source": "target", "target": "further", "share": "factor"})
        both = self.links.merge(known, on="target", how="left")
        both["further"] = both["further"].fillna(both["target"])
        both["factor"] = both["factor"].where(both["factor"].notna() | both["target"].isin(known["target"]), 1.0)
        lost = [k for k in after.unresolved if k in set(self.links["target"])]
        gone = tuple(dict.fromkeys(both.loc[both["target"].isin(lost), "source"]))
        both = both[~both["source"].isin(gone)].assign(share=both["share"] * both["factor"])
        sums = both["share"].groupby([both["source"], both["further"]]).agg(lambda part: part.sum(skipna=False))
        ways = sums.groupby(level=0).transform("size")
        shares = sums.where(ways > 1, 1.0)
        extra = set(after.links["source"]) - set(self.links["target"])
        if extra:
            raise TerritoryError(
                f"expected a first crosswalk that reaches all the second needs, found none to {some(sorted(extra))}",
                where="crosswalk",
                hint="ask for the first crosswalk with all keys of the Gebietsstand",
            )
        ends = [shares.index.get_level_values(level) for level in (0, 1)]
        rows = zip(*ends, shares, strict=True)
        return Crosswalk.build(self.start, after.end, rows, (*self.unresolved, *gone))

    def apply(self, values: pd.Series) -> pd.Series:
        """Bring counts to the other Gebietsstand.

        Parameters
        ----------
        values : pandas.Series
            Counts by key at `start`, float64; NaN or absent where there is no number.

        Returns
        -------
        pandas.Series
            By key at `end`. Missing where any part is missing: a sum of some parts is no figure of the whole.

        Raises
        ------
        TerritoryError
            Shares of a split are not known.

        Notes
        -----
        x_t = Σ_s share_ts · y_s; shares of a source add up to 1, so Σx = Σy.
        """
        if self.open:
            raise TerritoryError(
                f"expected the shares of {some(self.open)}, which was split, found none",
                where="crosswalk",
                hint="give shares in territory.toml, or fill the crosswalk with a transfer matrix",
            )
        links = self.links
        share = links["share"].to_numpy()
        figures = values.reindex(pd.Index(links["source"])).to_numpy(dtype=np.float64)
        parts = np.where(share > 0, figures * share, 0.0)  # no share of a missing figure is nothing, not missing
        codes, targets = pd.factorize(links["target"])
        summed = np.bincount(codes, parts, minlength=len(targets))
        return pd.Series(summed, index=pd.Index(targets, name=values.index.name), name=values.name)
