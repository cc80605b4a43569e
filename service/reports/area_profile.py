"""The Sozialprofil of an area: everything that an edition says of it in one place, as types and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geodata.models import Text
from service.locale import LANGUAGES
from service.reports.page import render

FOLDER, DATA = "profiles", "profiles.json"


@dataclass(frozen=True, slots=True)
class BySex:
    """One indicator for women and men; a gap is no judgement.

    Attributes
    ----------
    female, male, gap : float or None
        gap = female − male.
    """

    period: int
    female: float | None
    male: float | None
    gap: float | None


@dataclass(frozen=True, slots=True)
class ProfileFigure:
    """One indicator in one area.

    Attributes
    ----------
    period : int
        The latest year in which anything is said of it anywhere.
    value, status, origin
        As in the layer; ``value`` is None where ``status`` says why.
    low, high : float or None
        95 % interval of a rate of counted people (Wilson): how far chance alone may have moved it. None for modelled
        values and means.
    cases, people : float or None
        Numerator and denominator.
    county : float or None
        Of all areas of the county whose figures are shown, together.
    frame : float or None
        Of the reference frame of the index, where it is wider than the county.
    since, change : int and float, or None
        First year with a value, and the difference since.
    series : tuple of (int, float or None)
        Year by year.
    z, contribution : float or None
        Place in the reference frame and contribution to the index, for indicators of the index.
    by_sex : BySex or None
    """

    id: str
    title: Text
    topic: str
    level: str
    unit: str
    decimals: int
    polarity: str
    period: int
    value: float | None
    status: str
    origin: str | None
    low: float | None
    high: float | None
    cases: float | None
    people: float | None
    county: float | None
    frame: float | None
    since: int | None
    change: float | None
    series: tuple[tuple[int, float | None], ...]
    z: float | None
    contribution: float | None
    by_sex: BySex | None
    in_index: bool
    people_counted: bool


@dataclass(frozen=True, slots=True)
class ProfileIndex:
    """The index of one area in its latest year.

    Attributes
    ----------
    rank, rank_low, rank_high, areas : int or None
        Rank, its 90 % interval over the variants, and the number of areas ranked.
    class_probability, worst_share : float or None
        Shares of the variants.
    change, base_year, comparable : float, int and str, or None
        Absolute change against the base year, in its standard deviations.
    dynamics_class, group : str or None
        Compared with the other areas.
    excluded : str or None
        Why there is no index.
    frame, method, change_method, change_caution : Text
        Reference frame, how index and change are made, and what forbids to take the change at its word.
    topics : mapping of str to float
        Contributions by topic, which add up to the score.
    """

    collection: str
    period: int
    status_class: str | None
    status_title: Text | None
    score: float | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    areas: int
    class_probability: float | None
    worst_share: float | None
    excluded: str | None
    change: float | None
    base_year: int | None
    comparable: str | None
    dynamics_class: str | None
    group: str | None
    topics: Mapping[str, float]
    frame: Text
    method: Text
    change_method: Text | None
    change_caution: Text | None


@dataclass(frozen=True, slots=True)
class SimilarArea:
    """An area that is like this one in the figures of the index."""

    id: str
    name: str
    distance: float


@dataclass(frozen=True, slots=True)
class HotspotLabel:
    """What a test of clusters says of the area, in the latest year."""

    collection: str
    title: Text
    period: int
    label: str | None
    state: str


@dataclass(frozen=True, slots=True)
class AreaProfile:
    """Everything that an edition says of an area.

    Attributes
    ----------
    measures : tuple of mapping
        Entries of ``measures.json`` that name the area, with their sentences (``said``: {"de": […], "en": […]}).
    sources : tuple of mapping
        As in the layers that were used.
    """

    id: str
    name: str
    levels: tuple[str, ...]
    level_title: Text
    county: Text
    index: ProfileIndex | None
    figures: tuple[ProfileFigure, ...]
    similar: tuple[SimilarArea, ...]
    hotspots: tuple[HotspotLabel, ...]
    measures: tuple[Mapping[str, Any], ...]
    sources: tuple[Mapping[str, Any], ...]
    caveat: Text
    edition: str
    publication: str

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON: texts as ``{"de": …, "en": …}``."""
        return asdict(self)


def write_profiles(folder: Path, profiles: Mapping[str, AreaProfile]) -> None:
    """Write the profiles of an edition.

    Parameters
    ----------
    folder : pathlib.Path
        Of the edition; gets ``profiles/profiles.json`` and, where there is an index, a page that opens from disk with
        all its areas: ``profiles/index.html`` (German) and ``profiles/index.en.html``.
    profiles : mapping of str to AreaProfile
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    text = json.dumps({k: p.as_dict() for k, p in profiles.items()}, ensure_ascii=False, separators=(",", ":"))
    (place / DATA).write_text(text + "\n", encoding="utf-8")
    areas = indexed(json.loads(text))
    for language in LANGUAGES if areas else ():
        name = "index.html" if language == "de" else f"index.{language}.html"
        (place / name).write_text(render("indices_file.html", language, areas=areas), encoding="utf-8")


def indexed(profiles: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the areas for which there is an index, the most disadvantaged first, those that were left out last.

    Parameters
    ----------
    profiles : mapping of str to dict
        Of :func:`read_profiles`.

    Returns
    -------
    list of dict
    """
    found = [p for p in profiles.values() if p["index"] is not None]
    return sorted(found, key=lambda p: (p["index"]["rank"] is None, p["index"]["rank"] or 0, p["name"]))


def read_profiles(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the profiles of an edition; none where it was published before there were any."""
    path = folder / FOLDER / DATA
    if not path.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
