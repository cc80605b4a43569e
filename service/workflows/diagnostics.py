"""Maps of handed-down columns for planners: values, what was counted, width of intervals, κ and provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geodata.errors import ConfigError
from service.cartography import palettes
from service.cartography.classification import graduated
from service.cartography.content import MapContent
from service.cartography.static import render_png
from service.cartography.texts import number
from service.workflows.diagnostics_texts import BY, KNOWN, METHODS, SAID

if TYPE_CHECKING:
    import geopandas as gpd

    from geodata.models import Text
    from geodata.store.model import Style
    from service.workflows.disaggregate import Outcome, Task

#: Square metres in a square kilometre.
KM2 = 1e6
#: Looks of the provenance, in the order of the cascade: the more is guessed, the more it stands out; with hatches and
#: letters, so that it is read in grey print.
LOOKS = {
    "ancillary": palettes.Look("#e9e5db"),
    "mask": palettes.Look("#92c5de", ".", "S"),
    "area": palettes.Look("#f4a582", "x", "F"),
    "outside": palettes.Look("#b0b0b0", "\\", "A"),
}
#: Looks of κ: complete, more than half, less.
KAPPA = {
    "complete": palettes.Look("#e9e5db"),
    "partly": palettes.Look("#92c5de", ".", "T"),
    "poor": palettes.Look("#f4a582", "x", "L"),
}
HALF = 0.5
NOISE = 1e-9


def write_maps(
    folder: Path, task: Task, outcome: Outcome, sources: gpd.GeoDataFrame, targets: gpd.GeoDataFrame, language: str
) -> list[Path]:
    """Write PNG maps of every column.

    Parameters
    ----------
    folder : pathlib.Path
        Where to; made if it is not there. Maps of the same name are replaced.
    task : Task
    outcome : Outcome
    sources, targets : geopandas.GeoDataFrame
        In one projected CRS; the sources with their columns.
    language : {"de", "en"}

    Returns
    -------
    list of pathlib.Path
        For each column ``<column>-modelliert.png`` and ``<column>-kappa.png``, for counts ``<column>-gezaehlt.png`` at
        the sources, with intervals ``<column>-intervall.png``; and ``provenienz.png`` for all.

    Raises
    ------
    ConfigError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"expected a folder that can be made, found {error.strerror}", where=str(folder)) from error
    table, draw = outcome.table, _Drawer(task, outcome.methods, len(sources), language)
    pictures: dict[str, bytes] = {}
    for name in dict.fromkeys(task.extensive):
        size = targets.geometry.area / KM2
        pictures[f"{name}-gezaehlt"] = draw.density(name, sources[name] / (sources.geometry.area / KM2), sources, False)
        pictures[f"{name}-modelliert"] = draw.density(name, table[name] / size, targets, True)
        if f"{name}_lower" in table:
            width = (table[f"{name}_upper"] - table[f"{name}_lower"]) / table[name].where(table[name] > 0) * 100
            pictures[f"{name}-intervall"] = draw.width(name, width, targets, name in outcome.indicative)
    for name in (*(f"{top}_per_{bottom}" for top, bottom in task.rates), *task.means):
        pictures[f"{name}-modelliert"] = draw.value(name, table[name], targets)
    for name in (column.removesuffix("_kappa") for column in map(str, table) if column.endswith("_kappa")):
        pictures[f"{name}-kappa"] = draw.kappa(name, table[f"{name}_kappa"], targets)
    if "provenance" in table:
        pictures["provenienz"] = draw.provenance(table["provenance"], targets)
    paths = []
    for stem, picture in pictures.items():
        path = folder / f"{_safe(stem)}.png"
        path.write_bytes(picture)
        paths.append(path)
    return paths


def _safe(stem: str) -> str:
    """Return a name that every file system takes: a column may be called anything."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)


class _Drawer:
    """What all maps of one call have in common."""

    def __init__(self, task: Task, methods: Mapping[str, str], n_sources: int, language: str) -> None:
        self.task, self.methods, self.n, self.language = task, methods, n_sources, language

    def say(self, key: str, **values: object) -> str:
        return SAID[key][self.language].format(**values)

    def figure(self, value: float, decimals: int = 0) -> str:
        return number(value, self.language, decimals)

    def density(self, name: str, values: pd.Series, zones: gpd.GeoDataFrame, modelled: bool) -> bytes:
        style = graduated(
            values, field="value", decimals=decimals_of(values), modelled=modelled, polarity="neutral", unit=""
        )
        key = "modelled" if modelled else "counted"
        return self.draw(f"{key}_title", key, name, values, zones, style, self.say("per_km2"), modelled)

    def value(self, name: str, values: pd.Series, zones: gpd.GeoDataFrame) -> bytes:
        style = graduated(values, field="value", decimals=decimals_of(values), modelled=True, polarity="neutral")
        distinct = int(values.dropna().round(12).nunique())
        parts = next(((top, bottom) for top, bottom in self.task.rates if f"{top}_per_{bottom}" == name), None)
        unit = "" if parts is None else self.say("per", top=parts[0], bottom=parts[1])
        return self.draw(
            "value_title", "value", name, values, zones, style, unit, True, distinct=distinct, n=len(zones)
        )

    def width(self, name: str, values: pd.Series, zones: gpd.GeoDataFrame, indicative: bool) -> bytes:
        style = graduated(
            values, field="value", decimals=0, modelled=True, polarity="neutral", palette="lapaz", unit="%"
        )
        style = replace(style, reading=SAID["width_reading"])
        level = self.figure(self.task.intervals or 0, 0 if (self.task.intervals or 0) % 1 == 0 else 1)
        middle = self.figure(float(values.median())) if values.notna().any() else "–"
        return self.draw(
            "width_title",
            "width_indicative" if indicative else "width",
            name,
            values,
            zones,
            style,
            "%",
            True,
            level=level,
            middle=middle,
        )

    def kappa(self, name: str, values: pd.Series, zones: gpd.GeoDataFrame) -> bytes:
        labels = pd.Series(None, index=values.index, dtype=object)
        labels[values >= 0] = "poor"
        labels[values >= HALF] = "partly"
        labels[values >= 1 - NOISE] = "complete"
        style = self.categorical(labels, KAPPA, KNOWN, SAID["kappa_reading"], SAID["no_mass"])
        partly = int((values < 1 - NOISE).sum())
        headline = "kappa" if partly else "kappa_all"
        return self.draw("kappa_title", headline, name, labels, zones, style, "", True, partly=partly, n=len(zones))

    def provenance(self, values: pd.Series, zones: gpd.GeoDataFrame) -> bytes:
        # Without ancillary data area is the method itself, and no fallback that has to stand out.
        looks = dict(LOOKS)
        by_area = self.task.weights is None
        if by_area:
            looks["area"] = LOOKS["ancillary"]
        style = self.categorical(values, looks, BY, SAID["provenance_method"], SAID["nothing"])
        fallback = int(values.isin(["mask"] if by_area else ["mask", "area"]).sum())
        without = "provenance_smooth" if "pycnophylactic" in self.methods.values() else "provenance_area"
        headline = "provenance" if fallback else without if by_area else "provenance_all"
        said: dict[str, object] = {"fallback": fallback, "n": len(zones)}
        return self.draw("provenance_title", headline, "", values, zones, style, "", True, **said)

    @staticmethod
    def categorical(
        values: pd.Series, looks: Mapping[str, palettes.Look], names: Mapping[str, Text], method: Text, missing: Text
    ) -> Style:
        """Return a style with a row for every value there is."""
        from geodata.store.model import Style, StyleClass

        classes = tuple(
            StyleClass(names[value], look.colour, value=value, hatch=look.hatch, letters=look.letters)
            for value, look in looks.items()
            if (values == value).any()
        )
        empty = StyleClass(missing, palettes.NO_VALUE.colour, hatch=palettes.NO_VALUE.hatch)
        return Style("value", "categorical", classes, empty, method, modelled=True)

    def inside(self, name: str) -> str:
        """Return the name of the sentence on where differences inside a source come from; "" is all columns."""
        task, used = self.task, self.methods.get(name, "")
        rate = next((bottom for top, bottom in task.rates if f"{top}_per_{bottom}" == name), None)
        if used.startswith("constant"):
            used = self.methods.get(rate or "", used)
        if not name and task.weights is None:
            used = "pycnophylactic" if "pycnophylactic" in self.methods.values() else "area"
        if name in task.means or used == "area":
            return "sources_area"
        return "sources_smooth" if used == "pycnophylactic" else "sources"

    def how(self, name: str) -> str:
        """Say by which method a column was brought down, "" for all columns together."""
        used = self.methods.get(name, "")
        if used in METHODS:
            return METHODS[used][self.language]
        for top, bottom in self.task.rates:
            if f"{top}_per_{bottom}" == name:
                base = METHODS.get(self.methods.get(bottom, ""))
                own = not used.startswith("constant") or base is None
                return self.say("own") if own or base is None else self.say("constant", how=base[self.language])
        return self.say("mean") if name in self.task.means else ""

    def draw(
        self,
        title: str,
        headline: str,
        name: str,
        values: pd.Series,
        zones: gpd.GeoDataFrame,
        style: Style,
        unit: str,
        modelled: bool,
        **said: object,
    ) -> bytes:
        import geopandas as gpd

        # What is missing is null in GeoJSON, not NaN.
        plain = values.astype(object).where(values.notna(), None)
        frame = gpd.GeoDataFrame({"value": plain}, geometry=zones.geometry, crs=zones.crs)
        task = self.task
        subtitle = self.say("subtitle_modelled" if modelled else "subtitle_counted", n=len(zones), sources=self.n)
        year = f", {task.year}" if task.year is not None else ""
        describe = [self.say(self.inside(name), sources=self.n)] if modelled else [self.say("counted_note")]
        if modelled and task.weights is not None and self.inside(name) == "sources":
            of = f" ({task.weights_year})" if task.weights_year is not None else ""
            to = f" × {Path(task.benchmark).name}" if task.benchmark is not None else ""
            describe.append(self.say("by", weights=Path(task.weights).name + to + of))
        content = MapContent(
            title=self.say(title, name=name),
            subtitle=subtitle + year,
            style=style,
            features=frame.to_crs(4326).to_json(),
            projected_crs=zones.crs.to_string(),
            unit=unit,
            method=self.how(name) if modelled else "",
            headline=self.say(headline, name=name, **said),
            describe=describe,
            caveat=self.say("caveat" if modelled else "counted_caveat"),
            draft=True,
            modelled=modelled,
            language=self.language,
        )
        return render_png(content, dpi=150)


def decimals_of(values: pd.Series) -> int:
    """Digits that leave two to three that mean something."""
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.empty:
        return 0
    return int(np.clip(1 - math.floor(math.log10(float(positive.median()))), 0, 6))
