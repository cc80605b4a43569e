"""Styles: which classes a map has. Made once, when a publication is written, and stored with it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from geodata.errors import ConfigError
from geodata.models import Polarity, Text
from geodata.store.model import Style, StyleClass
from service.cartography import labels, palettes
from service.cartography.texts import TEXTS, number

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

Method = Literal["quantiles", "fisher_jenks", "equal_interval"]

_METHODS: dict[str, Text] = {
    "quantiles": Text("Quantile", "quantiles"),
    "fisher_jenks": Text("natürliche Klassen nach Fisher-Jenks", "natural breaks (Fisher-Jenks)"),
    "equal_interval": Text("gleiche Breite", "equal intervals"),
}
_READINGS: dict[str, Text] = {
    "disadvantage": Text("dunkel = hoher Wert = stärkere Benachteiligung", "dark = high value = more disadvantage"),
    "advantage": Text("dunkel = hoher Wert = geringere Benachteiligung", "dark = high value = less disadvantage"),
    "neutral": Text("dunkel = hoher Wert; Kontext, keine Wertung", "dark = high value; context, no judgement"),
}


def graduated(
    values: pd.Series,
    *,
    field: str,
    n: int = 5,
    method: Method = "quantiles",
    unit: str = "",
    decimals: int = 1,
    modelled: bool = False,
    polarity: Polarity | str = Polarity.DISADVANTAGE,
    palette: str | None = None,
    grid: bool = False,
) -> Style:
    """Class the values of a column by rounded cut points.

    Parameters
    ----------
    values : pandas.Series
        Shape (areas,), numbers; NaN is the missing class. What is suppressed must be NaN already.
    field : str
        The column that is drawn.
    n : int, default 5
        Classes wanted, 1 to 9. There are fewer where few values differ, or where rounding makes cut points equal.
    method : {"quantiles", "fisher_jenks", "equal_interval"}
        Rule of ``mapclassify`` for the cut points. Where at most 2 ``n`` values differ, as after handing rates of few
        Gemeinden down to many cells, cut points lie halfway between neighbouring values, as even in number as can be.
    unit : str
        Said in the label of a class.
    decimals : int, default 1
        Digits of the cut points.
    modelled : bool
        The values are modelled: dashed outline, said in the legend.
    polarity : {"disadvantage", "advantage", "neutral"}
        What a high value means: said in the legend, and chooses the palette.
    palette : str, optional
        See :func:`service.cartography.palettes.sequential`; by default that of the polarity.
    grid : bool, default False
        The areas are cells: those in which nobody lives get a class of their own, apart from those not shown.

    Returns
    -------
    Style
        The outer bounds are open and no cut point equals the minimum or maximum: a legend must not give away the
        value of a single area.

    Raises
    ------
    ConfigError
        ``n``, ``method``, ``polarity`` or ``palette`` is unknown, or a value is infinite.

    Examples
    --------
    >>> import pandas as pd
    >>> style = graduated(pd.Series([1.0, 2.0, 8.0, 9.0]), field="rate", n=2)
    >>> [c.label.de for c in style.classes]
    ['bis 5,0', 'über 5,0']
    """
    import numpy as np

    if method not in _METHODS:
        raise ConfigError(f"expected one of {', '.join(_METHODS)}, found {method!r}", where=f"style of {field}")
    if not 1 <= n <= 9:
        raise ConfigError(f"expected 1 to 9 classes, found {n}", where=f"style of {field}")
    if polarity not in palettes.BY_POLARITY:
        known = ", ".join(palettes.BY_POLARITY)
        raise ConfigError(f"expected one of {known}, found {polarity!r}", where=f"style of {field}")
    palette = palettes.BY_POLARITY[polarity] if palette is None else palette
    numbers: npt.NDArray[np.float64] = values.to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(numbers).any():
        raise ConfigError("expected finite values, found infinite ones", where=f"style of {field}")
    present = numbers[~np.isnan(numbers)]
    distinct = np.unique(present)
    few = distinct.size <= 2 * n
    cuts = _between(distinct, n) if few else _library_cuts(present, n, method)
    cuts = _rounded(cuts, distinct, decimals)
    classes = _classes(cuts, present, decimals, unit, palette) if present.size else ()
    how = Text("wenige verschiedene Werte", "few distinct values") if few else _METHODS[method]
    k = len(classes)
    return Style(
        field=field,
        kind="graduated",
        classes=classes,
        missing=_missing(
            palettes.NO_VALUE,
            count=int(np.isnan(numbers).sum()),
            label=TEXTS["hidden"] if grid else TEXTS["missing"],
        ),
        method=Text(
            f"{k} {'Klasse' if k == 1 else 'Klassen'}, {how.de}, Grenzen gerundet",
            f"{k} {'class' if k == 1 else 'classes'}, {how.en}, rounded bounds",
        ),
        modelled=modelled,
        decimals=decimals,
        reading=_READINGS[polarity],
        empty=_missing(palettes.EMPTY, label=TEXTS["empty"]) if grid else None,
    )


def _between(distinct: npt.NDArray[np.float64], n: int) -> list[float]:
    """Cut halfway between neighbouring distinct values, into at most ``n`` classes of even numbers of them."""
    k = min(n, distinct.size)
    ends = [round(i * distinct.size / k) for i in range(1, k)] if k else []
    return [float(distinct[i - 1] + distinct[i]) / 2 for i in ends]


def _library_cuts(present: npt.NDArray[np.float64], n: int, method: Method) -> list[float]:
    """Upper bounds of the inner classes, as mapclassify finds them."""
    if n == 1:
        return []
    import mapclassify
    import numpy as np

    if method == "fisher_jenks" and present.size > 400:
        # Its cost grows with the square of the values: 400 order statistics at equal steps stand for all.
        present = np.sort(present)[np.linspace(0, present.size - 1, 400).round().astype(int)]
    rule = {
        "quantiles": mapclassify.Quantiles,
        "fisher_jenks": mapclassify.FisherJenks,
        "equal_interval": mapclassify.EqualInterval,
    }[method]
    with warnings.catch_warnings():
        # Ties make fewer classes, the legend says how many there are; Fisher-Jenks without a compiler is fast enough
        # for what it is given.
        warnings.filterwarnings("ignore", "Not enough unique values", UserWarning)
        warnings.filterwarnings("ignore", "Numba not installed", UserWarning)
        bins = rule(present, k=n).bins
    return [float(bound) for bound in bins[:-1]]


def _rounded(cuts: Sequence[float], distinct: npt.NDArray[np.float64], decimals: int) -> list[float]:
    """Round cut points; drop those that part nothing, or that would print the minimum or maximum."""
    kept: list[float] = []
    for cut in sorted({round(cut, decimals) for cut in cuts}):
        lower = kept[-1] if kept else -math.inf
        # At the minimum itself the lowest class would be "up to <the minimum>".
        if not distinct[0] < cut < distinct[-1]:
            continue
        if ((distinct > lower) & (distinct <= cut)).any():
            kept.append(cut)
    return kept


def _classes(
    cuts: Sequence[float], present: npt.NDArray[np.float64], decimals: int, unit: str, palette: str
) -> tuple[StyleClass, ...]:
    import numpy as np

    bounds: list[float | None] = [None, *cuts, None]
    colours = palettes.sequential(palette, len(bounds) - 1)
    # Class i holds cuts[i-1] < x <= cuts[i].
    counts = np.bincount(np.searchsorted(cuts, present, side="left"), minlength=len(colours))
    return tuple(
        StyleClass(
            label=_label(lower, upper, decimals, unit),
            colour=colour,
            lower=lower,
            upper=upper,
            count=int(count),
        )
        for lower, upper, colour, count in zip(bounds[:-1], bounds[1:], colours, counts, strict=True)
    )


def _label(lower: float | None, upper: float | None, decimals: int, unit: str) -> Text:
    end = f"\u00a0{unit}" if unit else ""

    def say(de: str, en: str) -> Text:
        def bound(x: float | None, language: str) -> str:
            return "" if x is None else number(x, language, decimals)

        return Text(
            de.format(low=bound(lower, "de"), up=bound(upper, "de")) + end,
            en.format(low=bound(lower, "en"), up=bound(upper, "en")) + end,
        )

    if lower is None and upper is None:
        return Text("alle Werte gleich oder fast gleich", "all values equal or nearly so")
    if lower is None:
        return say("bis {up}", "up to {up}")
    if upper is None:
        return say("über {low}", "over {low}")
    return say("über {low} bis {up}", "over {low} to {up}")


def _missing(look: palettes.Look = palettes.MISSING, *, count: int = 0, label: Text = TEXTS["missing"]) -> StyleClass:
    return StyleClass(label=label, colour=look.colour, hatch=look.hatch, letters=look.letters, count=count)


def _states(*, untestable: Text = labels.STATES["untestable"]) -> tuple[StyleClass, ...]:
    words = dict(labels.STATES) | {"untestable": untestable}
    return tuple(
        StyleClass(words[state], look.colour, value=state, letters=look.letters)
        for state, look in palettes.STATES.items()
    )


def statistic_style(
    statistic: str,
    *,
    field: str = "label",
    modelled: bool = False,
    decimals: int | None = None,
    correction: str = "fdr",
) -> Style:
    """Style the labels of a local statistic.

    Parameters
    ----------
    statistic : str
        As :attr:`spatial.results.LocalResult.statistic` names it.
    field : str, default "label"
        Holds a :class:`spatial.results.Label`; areas without label are shown by the column ``state`` where there is
        one, else in the missing class.
    modelled : bool
        The values tested are modelled.
    decimals : int, optional
        Digits of the tested value in popups.
    correction : {"fdr", "by", "none"}
        Said in the legend.

    Returns
    -------
    Style
        Every class with hatch and letters, so that it is read in grey print.

    Raises
    ------
    ConfigError
        Statistic or correction is unknown.

    Examples
    --------
    >>> [c.label.en for c in statistic_style("gi").classes][:2]
    ['hot spot: high surroundings', 'cold spot: low surroundings']
    """
    if statistic not in labels.TESTS or correction not in labels.CORRECTED:
        raise ConfigError(
            f"expected a statistic of {', '.join(labels.TESTS)} and a correction of {', '.join(labels.CORRECTED)}, "
            f"found {statistic!r} and {correction!r}",
            where=f"style of {field}",
        )
    looks, names, title = labels.TESTS[statistic]
    said = {**names, "not significant": labels.NOT_SIGNIFICANT}
    tested = tuple(
        StyleClass(said[value], look.colour, value=value, hatch=look.hatch, letters=look.letters)
        for value, look in looks.items()
        if value in said
    )
    sure = labels.CORRECTED[correction]
    return Style(
        field=field,
        kind="categorical",
        classes=(*tested, *(_states(untestable=labels.WITHOUT_ATTRIBUTE) if statistic == "join-count" else _states())),
        missing=_missing(),
        method=Text(f"{title.de}, {sure.de}", f"{title.en}, {sure.en}"),
        modelled=modelled,
        decimals=decimals,
    )


def hotspot_style(
    *, field: str = "label", modelled: bool = False, decimals: int | None = None, correction: str = "fdr"
) -> Style:
    """Style the labels of local Moran; see :func:`statistic_style`."""
    return statistic_style("local-moran", field=field, modelled=modelled, decimals=decimals, correction=correction)


def gi_star_style(
    *, field: str = "gi_star_label", modelled: bool = False, decimals: int | None = None, correction: str = "fdr"
) -> Style:
    """Style the labels of Gi*; see :func:`statistic_style`."""
    return statistic_style("gi-star", field=field, modelled=modelled, decimals=decimals, correction=correction)


def status_style(
    *,
    field: str = "status_class",
    labels: Sequence[str] = ("hoch", "mittel", "niedrig", "sehr niedrig"),
    modelled: bool = False,
) -> Style:
    """Style the status classes of the index.

    Parameters
    ----------
    field : str, default "status_class"
        Holds one of ``labels``, or nothing where an area was not classed.
    labels : sequence of str
        From the least to the most disadvantage; exactly four.
    modelled : bool
        The index rests on modelled values.

    Returns
    -------
    Style
        Darker is more disadvantaged; the two classes that ask for attention are hatched.

    Raises
    ------
    ConfigError
        There are not four labels.
    """
    if len(labels) != len(palettes.STATUS):
        raise ConfigError(f"expected {len(palettes.STATUS)} labels, found {len(labels)}", where=f"style of {field}")
    english = {"hoch": "high", "mittel": "medium", "niedrig": "low", "sehr niedrig": "very low"}
    return Style(
        field=field,
        kind="categorical",
        classes=tuple(
            StyleClass(
                Text(f"Status {label}", f"status {english.get(label, label)}"),
                look.colour,
                value=label,
                hatch=look.hatch,
                letters=look.letters,
            )
            for label, look in zip(labels, palettes.STATUS, strict=True)
        ),
        missing=_missing(
            label=Text("nicht eingestuft (unterdrückt oder zu klein)", "not classed (suppressed or too small)")
        ),
        method=Text("Statusklassen nach der standardisierten Summe", "status classes by the standardised sum"),
        modelled=modelled,
    )
