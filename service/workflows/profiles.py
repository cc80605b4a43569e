"""Profiles of areas, made of nothing but the collections that passed the gate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata.models import Status, Text
from service.reports.area_profile import (
    AreaProfile,
    BySex,
    HotspotLabel,
    ProfileFigure,
    ProfileIndex,
    SimilarArea,
)
from service.reports.measures_text import measure_sentences
from service.workflows import texts
from service.workflows.index_contributions import counts_people

if TYPE_CHECKING:
    from geodata.models import Indicator
    from geodata.store.model import Collection
    from service.workflows.read import Inputs

SIMILAR = 5
#: Confidence of the intervals of rates.
CONFIDENCE = 0.95


class ProfileBook:
    """What an edition says, ordered by area.

    Parameters
    ----------
    inputs : Inputs
        Of the edition.
    collections : sequence of Collection
        That passed the gate: what is not in them is in no profile.
    measures : sequence of mapping
        Of :func:`service.workflows.measures.effects_of`.
    edition, publication : str
    """

    def __init__(
        self,
        inputs: Inputs,
        collections: Sequence[Collection],
        measures: Sequence[Mapping[str, Any]] = (),
        *,
        edition: str = "public",
        publication: str = "",
    ) -> None:
        self.inputs, self.measures = inputs, measures
        self.edition, self.publication = edition, publication
        fine = {level.id for level in inputs.county.levels.values() if not inputs.levels[level.id].is_grid}
        self.collections = [c for c in collections if c.level in fine]
        self._own = {c.id: _by_area(c) for c in self.collections}
        self._latest = {c.id: _latest(c, inputs.county.indicators) for c in self.collections}
        self._similar = self._all_similar()
        self._county = {c.id: self._of_county(c) for c in self.collections if c.kind == "indicators"}

    def areas(self) -> list[str]:
        """Return the county's own areas of which anything is said, cells left out."""
        return sorted({area for found in self._own.values() for area in found})

    def profile(self, area: str) -> AreaProfile:
        """Gather what is said of one area.

        Parameters
        ----------
        area : str
            One of :meth:`areas`.

        Returns
        -------
        AreaProfile

        Raises
        ------
        KeyError
            Nothing is said of this area.
        """
        here = [c for c in self.collections if area in self._own[c.id]]
        if not here:
            raise KeyError(area)
        levels = tuple(dict.fromkeys(c.level for c in here))
        layer = self.inputs.levels[levels[0]]
        used: dict[str, Mapping[str, Any]] = {}
        for c in here:
            used |= {source["id"]: source for source in c.metadata.get("sources", ())}
        return AreaProfile(
            id=area,
            name=str(layer.areas["name"].get(area, area)),
            levels=levels,
            level_title=layer.title,
            county=self.inputs.county.title,
            index=self._index(area),
            figures=tuple(f for c in here if c.kind == "indicators" for f in self._figures(c, area)),
            similar=self._similar.get(area, ()),
            hotspots=tuple(h for c in here if c.kind == "hotspots" for h in self._hotspot(c, area)),
            measures=tuple(
                {**m, "said": {"de": measure_sentences(m, "de"), "en": measure_sentences(m, "en")}}
                for m in self.measures
                if area in [a["id"] for a in m["areas"]]
            ),
            sources=tuple(used.values()),
            caveat=texts.CAVEAT,
            edition=self.edition,
            publication=self.publication,
        )

    def profiles(self) -> dict[str, AreaProfile]:
        """Return every profile by area."""
        return {area: self.profile(area) for area in self.areas()}

    def _collection(self, end: str) -> Collection | None:
        section = self.inputs.county.index
        name = None if section is None else f"{section.level}_index{end}"
        return next((c for c in self.collections if c.id == name), None)

    def _index(self, area: str) -> ProfileIndex | None:
        c = self._collection("")
        if c is None or area not in self._own[c.id]:
            return None
        period = max(c.periods)
        row = self._own[c.id][area].get(period)
        if row is None:
            return None
        latest = c.table[(c.table["period"] == period) & ~c.table["context"].astype(bool)]
        status = next(f for f in c.fields if f.name == "status_class")
        change, parts = self._collection("_change"), self._collection("_contributions")
        moved = None if change is None else self._own[change.id].get(area, {}).get(period)
        made = None if parts is None else self._own[parts.id].get(area, {}).get(period)
        frame, method = c.metadata["reference_title"], c.metadata["method"]
        said = _text(row.get("status_class"))
        return ProfileIndex(
            collection=c.id,
            period=period,
            status_class=said,
            status_title=None if said is None else status.values[said],
            score=_number(row.get("score")),
            rank=_whole(row.get("rank")),
            rank_low=_whole(row.get("rank_low")),
            rank_high=_whole(row.get("rank_high")),
            areas=int(latest["score"].notna().sum()),
            class_probability=_number(row.get("class_probability")),
            worst_share=_number(row.get("worst_share")),
            excluded=_text(row.get("excluded")),
            change=None if moved is None else _number(moved.get("change")),
            base_year=None if change is None else int(change.metadata["base_year"]),
            comparable=None if moved is None else _text(moved.get("comparable")),
            dynamics_class=None if moved is None else _text(moved.get("dynamics_class")),
            group=None if moved is None else _text(moved.get("group")),
            topics={
                str(k).removeprefix("topic_"): float(v)
                for k, v in ({} if made is None else made).items()
                if str(k).startswith("topic_") and _number(v) is not None
            },
            frame=Text(frame["de"], frame["en"]),
            method=Text(method["de"], method["en"]),
            change_method=None if change is None else Text(**change.metadata["method"]),
            change_caution=None
            if change is None or not change.metadata["caution"]["de"]
            else Text(**change.metadata["caution"]),
        )

    def _figures(self, c: Collection, area: str) -> Iterable[ProfileFigure]:
        names = {f.name for f in c.fields}
        for indicator in self.inputs.county.indicators.values():
            status = f"{indicator.id}_status"
            if status not in names:
                continue
            period = self._latest[c.id].get(indicator.id)
            if period is None:
                continue
            yield self._figure(c, indicator, area, period)

    def _figure(self, c: Collection, i: Indicator, area: str, period: int) -> ProfileFigure:
        rows, section = self._own[c.id][area], self.inputs.county.index
        row = rows.get(period, {})
        series = tuple((year, _number(told.get(i.id))) for year, told in rows.items())
        known = [(p, v) for p, v in series if v is not None and p <= period]
        value, cases, people = (_number(row.get(n)) for n in (i.id, f"{i.id}_n", f"{i.id}_d"))
        origin = _text(row.get(f"{i.id}_origin"))
        low, high = (None, None) if origin == "modelled" else _interval(i, value, cases, people)
        parts = self._collection("_contributions") if i.level == c.level else None
        made = None if parts is None else self._own[parts.id].get(area, {}).get(period)
        means = {} if parts is None else parts.metadata.get("frame_means", {})
        return ProfileFigure(
            id=i.id,
            title=i.title,
            topic=str(i.topic),
            level=i.level,
            unit=i.unit,
            decimals=i.decimals,
            polarity=str(i.polarity),
            period=period,
            value=value,
            status=str(row.get(f"{i.id}_status", Status.MISSING.value)),
            origin=origin,
            low=low,
            high=high,
            cases=cases,
            people=people,
            county=self._county[c.id].get((i.id, period)),
            frame=_number(means.get(i.id, {}).get(str(period))),
            since=known[0][0] if len(known) > 1 else None,
            change=None if value is None or len(known) < 2 else value - known[0][1],
            series=series,
            z=None if made is None else _number(made.get(f"z_{i.id}")),
            contribution=None if made is None else _number(made.get(f"contribution_{i.id}")),
            by_sex=self._by_sex(i, c.level, area),
            in_index=section is not None and i.id in section.indicators and i.level == c.level,
            people_counted=counts_people(i),
        )

    def _by_sex(self, i: Indicator, level: str, area: str) -> BySex | None:
        gap = f"{i.id}_gap"
        for c in self.collections:
            if c.level == level and c.kind == "indicators" and gap in c.table and area in self._own[c.id]:
                shown = [(y, row) for y, row in self._own[c.id][area].items() if _number(row.get(gap)) is not None]
                if shown:
                    year, last = shown[-1]
                    return BySex(year, *(_number(last.get(f"{i.id}_{part}")) for part in ("female", "male", "gap")))
        return None

    def _of_county(self, c: Collection) -> dict[tuple[str, int], float]:
        """Compute the county's own rate of every year from the areas that are shown."""
        own = c.table[~c.table["context"].astype(bool)]
        out: dict[tuple[str, int], float] = {}
        for i in self.inputs.county.indicators.values():
            top, bottom = f"{i.id}_n", f"{i.id}_d"
            if i.level != c.level or i.id not in own or top not in own or bottom not in own:
                continue
            both = own[own[i.id].notna() & own[top].notna() & own[bottom].notna()]
            sums = both.groupby("period")[[top, bottom]].sum()
            out |= {(i.id, int(str(p))): i.scale * n / d for p, n, d in sums.itertuples() if d > 0}
        return out

    def _all_similar(self) -> dict[str, tuple[SimilarArea, ...]]:
        """Find the areas most alike in the figures of the index, in its latest year."""
        from spatial.index.similar import similar_areas

        parts, section = self._collection("_contributions"), self.inputs.county.index
        if parts is None or section is None:
            return {}
        scored = parts.table[parts.table["score"].notna() & ~parts.table["context"].astype(bool)]
        latest = scored[scored["period"] == scored["period"].max()].set_index("area_id")
        values = latest[list(section.indicators)].astype(float).dropna()
        if len(values) < 3 or (values.max() <= values.min()).any():
            return {}
        found = similar_areas(values, SIMILAR)
        out: dict[str, list[SimilarArea]] = {}
        flat = found.reset_index()
        for area, other, distance in zip(flat["area_id"], flat["similar_id"], flat["distance"], strict=True):
            name = str(latest["name"].get(other, other))
            out.setdefault(str(area), []).append(SimilarArea(str(other), name, float(distance)))
        return {area: tuple(alike) for area, alike in out.items()}

    def _hotspot(self, c: Collection, area: str) -> Iterable[HotspotLabel]:
        row = self._own[c.id][area].get(max(c.periods))
        if row is not None:
            label = _text(row.get("label_robust")) or _text(row.get("label"))
            yield HotspotLabel(c.id, c.title, max(c.periods), label, str(row.get("state")))


def area_profile(
    inputs: Inputs, collections: Sequence[Collection], area_id: str, measures: Sequence[Mapping[str, Any]] = ()
) -> AreaProfile:
    """Return the profile of one area.

    Parameters
    ----------
    inputs : Inputs
        Of the edition.
    collections : sequence of Collection
        Of :func:`service.workflows.run.build_edition`.
    area_id : str
    measures : sequence of mapping
        Of :func:`service.workflows.measures.effects_of`.

    Returns
    -------
    AreaProfile
        Also as JSON: :meth:`AreaProfile.as_dict`.

    Raises
    ------
    KeyError
        Nothing is said of this area.
    """
    return ProfileBook(inputs, collections, measures).profile(area_id)


def _by_area(c: Collection) -> dict[str, dict[int, dict[str, Any]]]:
    """Return area → year → row, the years ascending: looked up a thousand times, so no frame is filtered for it."""
    own = c.table[~c.table["context"].astype(bool)].sort_values(["area_id", "period"])
    out: dict[str, dict[int, dict[str, Any]]] = {}
    for row in own.to_dict("records"):
        out.setdefault(str(row["area_id"]), {})[int(row["period"])] = {str(k): v for k, v in row.items()}
    return out


def _latest(c: Collection, indicators: Iterable[str]) -> dict[str, int]:
    """Return the last year in which anything is said of each indicator."""
    out = {}
    for name in indicators:
        if f"{name}_status" in c.table:
            told = c.table.loc[c.table[f"{name}_status"] != Status.MISSING.value, "period"]
            if len(told):
                out[name] = int(told.max())
    return out


def _interval(
    i: Indicator, value: float | None, cases: float | None, people: float | None
) -> tuple[float | None, float | None]:
    """Return the Wilson interval of a share of counted people."""
    from scipy.stats import binomtest

    if i.kind != "rate" or i.unit != "%" or value is None or cases is None or people is None:
        return None, None
    whole = cases == int(cases) and people == int(people) and 0 <= cases <= people and people > 0
    if not whole:
        return None, None
    ends = binomtest(int(cases), int(people)).proportion_ci(CONFIDENCE, method="wilson")
    return i.scale * float(ends.low), i.scale * float(ends.high)


def _number(value: Any) -> float | None:
    if value is None or pd.isna(value):
        return None
    return float(value) if math.isfinite(float(value)) else None


def _whole(value: Any) -> int | None:
    found = _number(value)
    return None if found is None else int(found)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
