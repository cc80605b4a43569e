"""Index methods as official bodies use them, as parameters: what they are, where that is written, what is assumed."""

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
    dynamics_years : int
        Years over which the change is taken, in percentage points.
    attention : tuple of (str, str or None)
        Status and dynamics classes that ask for special attention; None: whatever the dynamics.
    assumed : tuple of str
        What the source does not say and this software takes; to be said beside the index.
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
    dynamics_years: int = 2
    attention: tuple[tuple[str, str | None], ...] = (("sehr niedrig", None), ("niedrig", "negativ"))
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GisdPreset:
    """The parameters of :func:`spatial.index.gisd.gisd_index`.

    Attributes
    ----------
    id, source, assumed : as in :class:`Preset`
    dimensions : mapping of str to tuple of str
        The original's indicators by dimension; a county names its own.
    marker : str
        The indicator that fixes the sign of each dimension.
    classes, quantile_type : int
        Classes of each year, by quantiles of a type of Hyndman and Fan.
    """

    id: str
    source: str
    assumed: tuple[str, ...]
    dimensions: Mapping[str, tuple[str, ...]]
    marker: str
    classes: int
    quantile_type: int


@dataclass(frozen=True, slots=True)
class IodPreset:
    """The parameters of :func:`spatial.index.iod.iod_index`.

    Attributes
    ----------
    id, source, assumed : as in :class:`Preset`
    domain_weights : mapping of str to float
        As printed; they add up to 99.9 and are scaled to 1.
    scale : float
        Of the exponential transformation: with 23 the most deprived tenth has the scores from 50 to 100.
    classes : int
        Classes of equal numbers of areas, 1 the most deprived.
    """

    id: str
    source: str
    assumed: tuple[str, ...]
    domain_weights: Mapping[str, float]
    scale: float
    classes: int


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

#: Hamburg's Sozialmonitoring: the same arithmetic on seven indicators, with dynamics over three years.
RISE = Preset(
    id="rise",
    source="Sozialmonitoring Integrierte Stadtteilentwicklung (RISE), Freie und Hansestadt Hamburg; "
    "Pohlan, Selk and Pohl (2010), Pilotbericht RISE Sozialmonitoring",
    ddof=0,
    floor=300,
    min_areas=10,
    cuts=MSS.cuts,
    labels=MSS.labels,
    labels_en=MSS.labels_en,
    dynamics_cuts=MSS.dynamics_cuts,
    dynamics_labels=MSS.dynamics_labels,
    dynamics_labels_en=MSS.dynamics_labels_en,
    dynamics_years=3,
    assumed=(
        "cuts of status and dynamics: those of Berlin's Monitoring, as Hamburg's were not to be found in print",
        "population standard deviation",
        "areas of special attention: Berlin's rule",
    ),
)

#: The Robert Koch Institute's German Index of Socioeconomic Deprivation.
GISD = GisdPreset(
    id="gisd",
    source="Michalski, Reis, Tetzlaff, Nowossadeck and Hoebel (2024), German Index of Socioeconomic Deprivation, "
    "Robert Koch-Institut, doi:10.5281/zenodo.10454408",
    assumed=(
        "a county's indicators stand in for the original's; values missing in the panel are left out, not imputed",
        "standard deviations of the components: sample (ddof 1), as in R's prcomp",
    ),
    dimensions=MappingProxyType(
        {
            "Arbeitswelt": ("Beschäftigtenquote", "Arbeitslosigkeit", "Bruttoverdienst"),
            "Einkommen": ("Einkommensteuer", "Haushaltseinkommen", "Schuldnerquote"),
            "Bildung": (
                "Beschäftigte mit akademischem Abschluss",
                "Beschäftigte ohne Abschluss",
                "Schulabgänger ohne Abschluss",
            ),
        }
    ),
    marker="Arbeitslosigkeit",
    classes=5,
    quantile_type=9,
)

#: The English Indices of Deprivation.
IOD = IodPreset(
    id="iod",
    source="McLennan, Noble, Noble, Plunkett, Wright and Gutacker (2019), The English Indices of Deprivation 2019: "
    "Technical report, Ministry of Housing, Communities and Local Government",
    assumed=(
        "domains that a county has no figures for are left out, the weights of the others scaled up",
        "several indicators of one domain: mean of their normal scores (the original weights some by factor analysis)",
        "variance between the areas of a district: with k − 1 about their mean; a district's logit with + ½",
        "equal values share the mean of their ranks",
    ),
    domain_weights=MappingProxyType(
        {
            "income": 22.5,
            "employment": 22.5,
            "education": 13.5,
            "health": 13.5,
            "crime": 9.3,
            "housing and services": 9.3,
            "living environment": 9.3,
        }
    ),
    scale=23.0,
    classes=10,
)

#: Presets that :func:`spatial.index.composite.status_index` computes, by id.
PRESETS: Mapping[str, Preset] = MappingProxyType({MSS.id: MSS, RISE.id: RISE})

#: All presets by id.
METHODS: Mapping[str, Preset | GisdPreset | IodPreset] = MappingProxyType({**PRESETS, GISD.id: GISD, IOD.id: IOD})
