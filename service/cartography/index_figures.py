"""Figures of an index: how sure ranks and classes are, and whether its indicators belong together.

Drawn by Matplotlib's object interface with the settings of the maps, so that equal content gives equal bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.exchange_files import replacing
from service.cartography import palettes
from service.cartography.static import LOCK, SETTINGS, SOFT, WARN
from service.cartography.texts import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spatial.index.checks import CheckResult
    from spatial.index.sensitivity import SensitivityResult

#: Areas on one figure: more cannot be read.
MOST = 40

_TEXTS = {
    "de": {
        "sure": "Wie sicher sind Rang und Klasse?",
        "sure_sub": "{n} Varianten (verändert: {factors}); Rangintervall {level} %. Gezeigt: {shown} von {areas} "
        "Gebieten, die am stärksten belasteten zuerst.",
        "rank": "Rang (1 = am stärksten belastet)",
        "share": "Anteil der Varianten in der Klasse, %",
        "itself": "Rang des Index",
        "interval": "Rangintervall",
        "check": "Passen die Indikatoren zueinander?",
        "check_sub": "{areas} Gebiete; Cronbachs Alpha {alpha}; {components}",
        "r": "Korrelation (Pearson)",
        "loadings": "Ladungen der Hauptkomponenten",
        "rest": "Korrelation mit den übrigen",
        "out": "Gebiete in anderer Klasse, wenn der Indikator fehlt",
        "against": "läuft den übrigen entgegen",
        "values": "Werte",
        "weights": "Gewichte",
        "normalisation": "Normierung",
        "aggregation": "Zusammenfassung",
        "missing": "fehlende Werte",
        "component": "{name}: {share} % der Varianz",
    },
    "en": {
        "sure": "How sure are rank and class?",
        "sure_sub": "{n} variants (varied: {factors}); rank interval {level} %. Shown: {shown} of {areas} areas, "
        "the most disadvantaged first.",
        "rank": "rank (1 = most disadvantaged)",
        "share": "share of the variants in the class, %",
        "itself": "rank of the index",
        "interval": "rank interval",
        "check": "Do the indicators belong together?",
        "check_sub": "{areas} areas; Cronbach's alpha {alpha}; {components}",
        "r": "correlation (Pearson)",
        "loadings": "loadings of the principal components",
        "rest": "correlation with the others",
        "out": "areas in another class if the indicator is left out",
        "against": "pulls against the rest",
        "values": "values",
        "weights": "weights",
        "normalisation": "normalisation",
        "aggregation": "aggregation",
        "missing": "missing values",
        "component": "{name}: {share} % of the variance",
    },
}


def draw_sensitivity(
    path: Path, result: SensitivityResult, names: pd.Series | None, *, title: str, language: str = "de"
) -> None:
    """Draw rank intervals and class probabilities of the most disadvantaged areas.

    Parameters
    ----------
    path : pathlib.Path
        Ends in .png, .svg or .pdf.
    result : SensitivityResult
    names : pandas.Series, optional
        Name of each area.
    title : str
        What the index is of.
    language : {"de", "en"}
    """
    words = _TEXTS[language]
    table = result.table.dropna(subset=["rank", "rank_low"]).sort_values("rank", kind="stable")
    shown = table.head(MOST)

    def draw() -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10.5, 1.9 + 0.2 * len(shown)))
        ranks, classes = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        y = np.arange(len(shown))
        low, high = (shown[column].to_numpy(dtype=float) for column in ("rank_low", "rank_high"))
        ranks.hlines(y, low, high, color="#4a6a8a", linewidth=3, alpha=0.55, label=words["interval"])
        own = shown["rank"].to_numpy(dtype=float)
        ranks.plot(own, y, "o", color=palettes.INK, markersize=4, label=words["itself"])
        ranks.set_yticks(y, _labels(shown.index, names), fontsize=7)
        ranks.set_xlabel(words["rank"], fontsize=8)
        ranks.set_xlim(0, max(high.max(), own.max()) * 1.03 + 1)
        ranks.set_ylim(len(shown) - 0.4, -0.6)
        ranks.grid(axis="x", color="#dddddd", linewidth=0.6)
        ranks.legend(fontsize=7, loc="upper right", frameon=False)
        left = np.zeros(len(shown))
        for colour, label in zip(palettes.sequential("YlOrRd", len(result.labels)), result.labels, strict=True):
            width = 100 * shown[f"probability_{label}"].to_numpy(dtype=float)
            classes.barh(y, width, left=left, color=colour, edgecolor="white", linewidth=0.4, label=label)
            left = left + width
        classes.set_xlim(0, 100)
        classes.set_xlabel(words["share"], fontsize=8)
        classes.legend(
            fontsize=7, ncols=len(result.labels), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False
        )
        _finish(ranks, classes)
        factors = ", ".join(words[factor] for factor in result.factors)
        below = words["sure_sub"].format(
            n=result.variants, factors=factors, level=round(100 * result.level), shown=len(shown), areas=len(table)
        )
        _headline(figure, f"{words['sure']} – {title}", below)
        return figure

    _write(path, draw)


def draw_checks(path: Path, result: CheckResult, *, title: str, language: str = "de") -> None:
    """Draw correlations, loadings, and what each indicator does to the index.

    Parameters
    ----------
    path : pathlib.Path
        Ends in .png, .svg or .pdf.
    result : CheckResult
    title : str
        What the index is of.
    language : {"de", "en"}
    """
    words = _TEXTS[language]
    names = [str(name) for name in result.correlations.index]
    found = result.indicators

    def draw() -> Figure:
        from matplotlib.figure import Figure

        size = max(3.4, 0.42 * len(names) + 1.6)
        figure = Figure(figsize=(2 * size + 3.2, 2 * size + 0.9))
        (r, loadings), (rest, out) = figure.subplots(2, 2)
        _matrix(r, result.correlations.to_numpy(), names, names, words["r"], language)
        components = list(result.loadings.columns[: min(4, len(names))])
        _matrix(loadings, result.loadings[components].to_numpy(), names, components, words["loadings"], language)
        y = np.arange(len(names))
        against = found["pulls_against"].to_numpy(dtype=bool)
        colours = [WARN if pulls else "#4a6a8a" for pulls in against]
        rest.barh(y, np.nan_to_num(found["with_rest"].to_numpy(dtype=float)), color=colours)
        rest.axvline(0, color=palettes.INK, linewidth=0.8)
        rest.set_xlim(-1, 1)
        rest.set_title(words["rest"], fontsize=9)
        for at in np.flatnonzero(against):
            rest.text(0.03, at, words["against"], color=WARN, fontsize=7, va="center")
        changed = found["classes_changed"].astype("float64").fillna(0).to_numpy()
        out.barh(y, changed, color="#4a6a8a")
        out.set_title(words["out"], fontsize=9)
        for axes in (rest, out):
            axes.set_yticks(y, names, fontsize=7)
            axes.set_ylim(len(names) - 0.4, -0.6)
            axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        _finish(rest, out)
        told = [
            words["component"].format(name=name, share=round(100 * float(result.explained[name])))
            for name in components[:2]
        ]
        alpha = "–" if np.isnan(result.alpha) else number(result.alpha, language, 2)
        below = words["check_sub"].format(areas=result.areas, alpha=alpha, components=", ".join(told))
        _headline(figure, f"{words['check']} – {title}", below)
        return figure

    _write(path, draw)


def _matrix(axes: Axes, values: np.ndarray, rows: list[str], columns: list[str], title: str, language: str) -> None:
    """Draw numbers between −1 and 1 as coloured cells that also say them, for grey print."""
    axes.imshow(values, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto")
    axes.set_xticks(np.arange(len(columns)), columns, fontsize=7, rotation=30, ha="right")
    axes.set_yticks(np.arange(len(rows)), rows, fontsize=7)
    axes.set_title(title, fontsize=9)
    for i, j in np.ndindex(*values.shape):
        ink = "white" if abs(values[i, j]) > 0.65 else palettes.INK
        axes.text(j, i, number(float(values[i, j]), language, 2), ha="center", va="center", fontsize=7, color=ink)
    axes.tick_params(length=0)


def _labels(areas: pd.Index, names: pd.Series | None) -> list[str]:
    if names is None:
        return [str(area) for area in areas]
    return [f"{str(name)[:28]} ({area})" for area, name in zip(areas, names.reindex(areas), strict=True)]


def _finish(*every: Axes) -> None:
    for axes in every:
        axes.tick_params(labelsize=7, length=2)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)


def _headline(figure: Figure, title: str, below: str) -> None:
    height = figure.get_figheight()
    figure.suptitle(title, x=0.01, y=1 - 0.12 / height, ha="left", va="top", fontsize=11, weight="bold")
    figure.text(0.01, 1 - 0.42 / height, below, ha="left", va="top", fontsize=8, color=SOFT)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.6 / height))


def _write(path: Path, draw: Callable[[], Figure]) -> None:
    from matplotlib import rc_context

    kind = path.suffix.lower()[1:]
    # Without the dates and names of programs that Matplotlib writes into files.
    metadata: dict[str, dict[str, None]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    buffer = io.BytesIO()
    with LOCK, rc_context(SETTINGS):
        draw().savefig(buffer, format=kind, dpi=160, metadata=metadata[kind])
    with replacing(path, (path.suffix,)) as part:
        part.write_bytes(buffer.getvalue())
