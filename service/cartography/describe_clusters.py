"""Sentences about tests: where a figure clusters, how sure that is, what was compared and what could not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from geodata.errors import ConfigError
from geodata.models import Text
from service.cartography.describe import CELLS, NAMES, Areas, Row, dative, names_of, reminder, suppressed
from service.cartography.texts import number


def same_p(language: str) -> str:
    """Say that the two-sided p of local Moran and of Gi* is one number, not two witnesses."""
    if language == "en":
        return (
            "Local Moran and Gi* share one and the same two-sided p under conditional permutation: "
            "that both mark an area is no second confirmation."
        )
    return (
        "Local Moran und Gi* haben bei bedingter Permutation ein und denselben zweiseitigen p-Wert: "
        "Dass beide ein Gebiet markieren, ist keine zweite Bestätigung."
    )


_CORRECTION = {
    "fdr": Text("nach FDR-Korrektur", "after FDR correction"),
    "by": Text("nach Korrektur von Benjamini und Yekutieli", "after Benjamini-Yekutieli correction"),
    "none": Text("ohne Korrektur für mehrfaches Testen", "not corrected for multiple testing"),
}

_LIE = Text("liegt|liegen", "is|are")
_HAVE = Text("hat|haben", "has|have")

#: Label → verb in singular and plural, and what is said of the areas; the bracket is closed by names and certainty.
_LABELS: dict[str, dict[str, tuple[Text, str, str]]] = {
    "local_moran": {
        "High-High": (
            _LIE,
            "in einem High-High-Cluster (hohe Werte, umgeben von hohen",
            "in a High-High cluster (high values among high",
        ),
        "Low-Low": (
            _LIE,
            "in einem Low-Low-Cluster (niedrige Werte, umgeben von niedrigen",
            "in a Low-Low cluster (low values among low",
        ),
        "High-Low": (
            _HAVE,
            "einen hohen Wert zwischen niedrigen (High-Low",
            "a high value among low (High-Low",
        ),
        "Low-High": (
            _HAVE,
            "einen niedrigen Wert zwischen hohen (Low-High",
            "a low value among high (Low-High",
        ),
    },
    "gi_star": {
        "hot": (_LIE, "in einem Hot Spot (auffällig hohe Umgebung", "in a hot spot (notably high surroundings"),
        "cold": (
            _LIE,
            "in einem Cold Spot (auffällig niedrige Umgebung",
            "in a cold spot (notably low surroundings",
        ),
    },
}

_STATES = {
    "suppressed": Text("unterdrückt", "suppressed"),
    "isolated": Text("ohne Nachbarn", "without neighbours"),
    "undefined": Text("ohne Wert", "without value"),
    "untestable": Text("zu wenige Gebiete", "too few areas"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a test compared.

    Attributes
    ----------
    areas : Areas
        What the tested areas are called: those of the map, or the source zones of handed-down values.
    tested : int
        How many were tested.
    own : int
        How many of these lie in the county.
    """

    areas: Areas
    tested: int
    own: int

    @property
    def wide(self) -> bool:
        """Whether areas around the county took part."""
        return self.tested > self.own


def frame_of(
    rows: Sequence[Row], areas: Areas, *, support: Areas | None = None, n_effective: int | None = None
) -> Frame:
    """Tell what was compared from the rows of a map.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period, neighbours (``context``) included.
    areas : Areas
        What the rows are called.
    support : Areas, optional
        What the source zones of handed-down values are called.
    n_effective : int, optional
        How many were tested; without it they are counted.

    Returns
    -------
    Frame
        Wide only where neighbours among the rows were tested too.
    """
    tested = [row for row in rows if row.get("state") in (None, "tested")]
    units = tested if support is None else list({row["support"]: row for row in tested if row.get("support")}.values())
    n = len(units) if n_effective is None else n_effective
    around = support is None and any(row.get("context") for row in units)
    return Frame(support or areas, n, sum(not row.get("context") for row in units) if around else n)


def hotspots(
    rows: Sequence[Row],
    *,
    areas: Areas,
    alpha: float,
    correction: str,
    permutations: int,
    language: str = "de",
    statistic: str = "local_moran",
    support: Areas | None = None,
    n_effective: int | None = None,
    clustered: bool | None = None,
) -> tuple[str, ...]:
    """Say where local tests found clusters, how sure that is, and what was not tested.

    Parameters
    ----------
    rows : sequence of mapping
        One row per area of one period: ``name``, ``label`` (or ``gi_star_label``), ``state``; ``support`` (the id of
        the source zone) for handed-down values; neighbours carry ``context``.
    areas : Areas
        What the rows are called.
    alpha, correction, permutations
        As in :class:`spatial.results.LocalResult`.
    statistic : {"local_moran", "gi_star"}
        Whose labels are told.
    support : Areas, optional
        The source zones that were tested, where the labels were painted down from them.
    n_effective : int, optional
        How many hypotheses were tested, those of neighbours included; without it they are counted.
    clustered : bool, optional
        Whether the global test finds that values cluster; None where there is none, or its p must not be published.

    Returns
    -------
    tuple of str
        The finding first.

    Raises
    ------
    ConfigError
        Statistic or correction is unknown.
    """
    if statistic not in _LABELS or correction not in _CORRECTION:
        raise ConfigError(
            f"expected a statistic of {', '.join(_LABELS)} and a correction of {', '.join(_CORRECTION)}, "
            f"found {statistic!r} and {correction!r}",
            where="description of hotspots",
        )
    frame = frame_of(rows, areas, support=support, n_effective=n_effective)
    named = areas.of_county() if frame.wide else areas
    own = [row for row in rows if not row.get("context")]
    tested = [row for row in own if row.get("state") in (None, "tested")]
    gone = missing(rows, areas=areas, support=support, language=language)
    if not tested:
        return (*_untested(own, named, language), *gone, reminder(language))
    column = "label" if statistic == "local_moran" else "gi_star_label"
    sure = certainty(alpha, correction, permutations, language)
    sentences: list[str] = []
    for label, (verb, *words) in _LABELS[statistic].items():
        members = [row for row in tested if row.get(column) == label]
        if members:
            count = named.of(len(members), len(own), language)
            does = verb[language].split("|")[len(members) > 1]
            # A list of many names, or of numbers of cells, tells nobody where that is; the map does.
            told = not support and len(members) <= 3 * NAMES and len(own) < CELLS
            names = f": {names_of(members, language)}" if told else ""
            ending = f"; {sure}" if not sentences else ""
            weak = sum(row.get("label_robust") not in (None, label) for row in members) if column == "label" else 0
            where, meaning = words[language == "en"].split(" (")
            doubt = _doubt(weak, len(members), language)
            sentences.append(f"{count} {does} {where}{doubt} ({meaning}{names}{ending}).")
    if not sentences:
        sentences.append(_nothing(frame, sure, clustered, language))
    if frame.wide:
        sentences.append(
            f"Geprüft wurden {frame.tested} {areas.plural.de}; beschriftet werden nur die {frame.own} des Landkreises, "
            "die anderen zählen als Nachbarn, im Mittel und in der Korrektur mit."
            if language == "de"
            else f"Tested were {frame.tested} {areas.plural.en}; only the {frame.own} of the county are labelled, "
            "the others count as neighbours, in the mean and in the correction."
        )
    if support is not None:
        sentences.append(_painted(frame, language))
    sentences += _untested(own, named, language)
    return (*sentences, *gone, same_p(language), reminder(language))


def _doubt(weak: int, n: int, language: str) -> str:
    """Say how many of n areas carry a label that holds too seldom; nothing where none does."""
    if not weak:
        return ""
    unsure = "unsicher" if language == "de" else "unsure"
    if n == 1:
        return f", {'aber' if language == 'de' else 'but'} {unsure}"
    if weak == n:
        return f", {'alle' if language == 'de' else 'all of them'} {unsure}"
    return f", {weak} {'davon' if language == 'de' else 'of them'} {unsure}"


def _nothing(frame: Frame, sure: str, clustered: bool | None, language: str) -> str:
    """Say that no area stands out, which is neither equality nor, where the global test finds one, lack of pattern."""
    if language == "en":
        found = (
            f"No single area of the county is conspicuous: no cluster ({sure})."
            if frame.wide
            else f"No single area is conspicuous: no cluster among {frame.tested} {frame.areas.plural.en} tested "
            f"({sure})."
        )
        if clustered:
            return (
                f"{found} Over all areas tested, similar values nevertheless lie side by side more often than in a "
                "random arrangement; where, the test does not say."
            )
        cannot = ": only that they cannot be shown to be spatially concentrated" if clustered is False else ""
        return f"{found} That does not mean that there are no differences{cannot}."
    found = (
        f"Kein einzelnes Gebiet des Landkreises ist auffällig: kein Cluster ({sure})."
        if frame.wide
        else f"Kein einzelnes Gebiet ist auffällig: kein Cluster in {frame.tested} geprüften "
        f"{dative(frame.areas.plural.de)} ({sure})."
    )
    if clustered:
        return (
            f"{found} Über alle geprüften Gebiete gesehen liegen ähnliche Werte dennoch häufiger beieinander als bei "
            "zufälliger Anordnung; wo, sagt der Test nicht."
        )
    cannot = ": Nur räumlich gehäuft sind sie nicht nachweisbar" if clustered is False else ""
    return f"{found} Das heißt nicht, dass es keine Unterschiede gibt{cannot}."


def certainty(alpha: float, correction: str, permutations: int, language: str) -> str:
    """Say how sure a label is: level, correction and number of permutations."""
    runs = number(permutations, language, 0)
    tail = "Permutationen" if language == "de" else "permutations"
    return f"p\u00a0≤\u00a0{number(alpha, language)} {_CORRECTION[correction][language]}, {runs} {tail}"


def _untested(own: Sequence[Row], areas: Areas, language: str) -> list[str]:
    reasons = Counter(str(row["state"]) for row in own if row.get("state") not in (None, "tested"))
    if not reasons:
        return []
    why = ", ".join(
        f"{n} {_STATES[state][language] if state in _STATES else state}" for state, n in sorted(reasons.items())
    )
    total = sum(reasons.values())
    if language == "en":
        told = f"{areas.of(total, len(own), 'en')} {'was' if total == 1 else 'were'} not tested: {why}."
    else:
        told = f"{areas.of(total, len(own), 'de')} {'wurde' if total == 1 else 'wurden'} nicht getestet: {why}."
    # Cells have numbers for names: there the map tells more.
    alone = [row for row in own if row.get("state") == "isolated"] if len(own) < CELLS else []
    if not alone:
        return [told]
    names = names_of(alone, language)
    return [told, f"Without neighbours: {names}." if language == "en" else f"Ohne Nachbarn: {names}."]


def missing(
    rows: Sequence[Row], *, areas: Areas, support: Areas | None = None, language: str = "de"
) -> tuple[str, ...]:
    """Tell how many areas, of neighbours too where they took part, or source zones a test lacks as suppressed.

    Parameters
    ----------
    rows, areas, support
        As in :func:`hotspots`.

    Returns
    -------
    tuple of str
        Empty where nothing is suppressed.
    """
    if support is None:
        around = any(row.get("context") and row.get("state") in (None, "tested") for row in rows)
        gone = [row.get("state") == "suppressed" for row in rows if around or not row.get("context")]
        return suppressed(sum(gone), len(gone), areas=areas, clusters=True, language=language)
    states: dict[object, set[object]] = {}
    for row in rows:
        if row.get("support") is not None:
            states.setdefault(row["support"], set()).add(row.get("state"))
    zones = [found == {"suppressed"} for found in states.values()]
    return suppressed(sum(zones), len(zones), areas=support, clusters=True, language=language)


def _painted(frame: Frame, language: str) -> str:
    if language == "en":
        return (
            f"Tested were {frame.tested} {frame.areas.plural.en}; a mark says that the whole zone is conspicuous and "
            "nothing about differences inside it."
        )
    return (
        f"Getestet wurden {frame.tested} {frame.areas.plural.de}; eine Markierung gilt für das ganze Gebiet dieser "
        "Ebene und sagt nichts über Unterschiede in seinem Inneren."
    )
