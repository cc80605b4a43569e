"""Sentences about a test as a whole: why there is none, and whether a figure clusters at all."""

from __future__ import annotations

from geodata.models import Text
from service.cartography.describe import Areas, dative
from service.cartography.texts import number


def no_test(n: int, *, areas: Areas, min_areas: int = 30, language: str = "de") -> str:
    """Say, where the method would stand, why there was no test: too few areas, or none with a value to compare."""
    if language == "en":
        why = f"{n} {areas.plural.en} are too few (at least {min_areas})" if n else "values are equal or missing"
        return f"no local test: {why}"
    why = f"{n} {areas.plural.de} sind zu wenige (mindestens {min_areas})" if n else "die Werte sind gleich oder fehlen"
    return f"kein lokaler Test: {why}"


def untestable(n: int, *, areas: Areas, min_areas: int = 30, language: str = "de") -> tuple[str, ...]:
    """Say why there is no local test, and what to do instead.

    Parameters
    ----------
    n : int
        Areas, or source zones of handed-down values.
    areas : Areas
        What they are called.
    min_areas : int, default 30
        How many a local test needs.

    Returns
    -------
    tuple of str
        The reason, then the alternatives.
    """
    if language == "en":
        return (
            f"No hotspots are marked: {n} {areas.plural.en} are too few for a local test (at least {min_areas}).",
            "Instead: compare the values themselves and their course over the years, place them in a wider frame "
            "(the neighbouring municipalities or the whole Land), or collect the figure for smaller areas.",
        )
    return (
        f"Es sind keine Hotspots markiert: {n} {areas.plural.de} sind zu wenige für einen lokalen Test "
        f"(mindestens {min_areas}).",
        "Stattdessen: die Werte selbst und ihren Verlauf über die Jahre vergleichen, sie in einen größeren Rahmen "
        "stellen (Nachbargemeinden oder das ganze Land) oder die Zahl kleinräumiger erheben.",
    )


def global_test(
    value: float,
    *,
    p: float | None,
    n_effective: int,
    support: Areas,
    own: int | None = None,
    expected: float | None = None,
    withheld: bool = False,
    language: str = "de",
) -> tuple[str, ...]:
    """Say whether a figure clusters at all.

    Parameters
    ----------
    value : float
        Moran's I.
    p : float or None
        Its one-sided pseudo p-value; None where it must not be published.
    n_effective : int
        Independent observations.
    support : Areas
        What these are.
    own : int, optional
        How many of them lie in the county, where others around it took part; by default all.
    expected : float, optional
        Its mean without clustering; far above 0 where values were handed down, so that the value alone misleads.
    withheld : bool, default False
        Say why `p`, which is then not printed, is not given: areas are missing from an index because figures are
        suppressed, and they are not missing at random.

    Returns
    -------
    tuple of str
        One sentence, and the remark.
    """
    if own is not None and own < n_effective:
        whole = Text(
            f"Über alle {n_effective} geprüften {support.plural.de} ({own} davon im Landkreis)",
            f"Over all {n_effective} {support.plural.en} tested ({own} of them in the county)",
        )
        source = Text("", "")
    else:
        whole = Text("Im Landkreis", "In the county")
        source = Text(f", aus {n_effective} {dative(support.plural.de)}", f", from {n_effective} {support.plural.en}")
    p = None if withheld else p
    shown = number(value, language, 2)
    if language == "en":
        without = f" ({number(expected, 'en', 2)} expected without clustering)" if expected is not None else ""
        sure = f", one-sided p = {number(p, 'en', 3)}" if p is not None else ""
        remark = (
            "No p-value is given: areas with suppressed figures are missing from the index, and not at random, as a "
            "test of the others would assume."
        )
        said = f"{whole.en}: Moran's I = {shown}{without}{sure}{source.en}."
    else:
        without = f" (ohne Häufung zu erwarten: {number(expected, 'de', 2)})" if expected is not None else ""
        sure = f", einseitiges p = {number(p, 'de', 3)}" if p is not None else ""
        remark = (
            "Ein p-Wert wird nicht genannt: Gebiete mit unterdrückten Angaben fehlen im Index, und zwar nicht "
            "zufällig, wie es ein Test der übrigen voraussetzt."
        )
        said = f"{whole.de}: Moran-I = {shown}{without}{sure}{source.de}."
    return (said, remark) if withheld else (said,)
