"""Index methods as official bodies use them, as parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Preset:
    """The parameters of an index method.

    Attributes
    ----------
    id : str
        As in ``county.toml``.
    source : str
        Where the method is described.
    ddof : int
        Of the standard deviations.
    floor : int
        Areas with fewer inhabitants are left out before mean and standard deviation are taken.
    min_areas : int
        With fewer areas a standardisation on themselves says nothing, and the index is refused.
    cuts, labels : tuple
        Classes of the score, which is high where disadvantage is high; labels from the lowest score to the highest.
    labels_en : mapping of str to str
        English for each label.
    dynamics_cuts, dynamics_labels, dynamics_labels_en
        The same for the change; a rise is a change for the worse.
    """

    id: str
    source: str
    ddof: int
    floor: int
    min_areas: int
    cuts: tuple[float, ...]
    labels: tuple[str, ...]
    labels_en: Mapping[str, str]
    dynamics_cuts: tuple[float, ...]
    dynamics_labels: tuple[str, ...]
    dynamics_labels_en: Mapping[str, str]


#: Berlin's Monitoring Soziale Stadtentwicklung. "hoch" is a high status, that is little disadvantage.
MSS = Preset(
    id="mss",
    source="Monitoring Soziale Stadtentwicklung Berlin 2021, Senatsverwaltung für Stadtentwicklung",
    ddof=0,
    floor=300,
    min_areas=10,
    cuts=(-1.0, 1.0, 1.5),
    labels=("hoch", "mittel", "niedrig", "sehr niedrig"),
    labels_en=MappingProxyType({"hoch": "high", "mittel": "medium", "niedrig": "low", "sehr niedrig": "very low"}),
    dynamics_cuts=(-1.0, 1.0),
    dynamics_labels=("positiv", "stabil", "negativ"),
    dynamics_labels_en=MappingProxyType({"positiv": "positive", "stabil": "stable", "negativ": "negative"}),
)

#: All presets by id.
PRESETS: Mapping[str, Preset] = MappingProxyType({MSS.id: MSS})
