"""What may be published: everything that does not come from a source without licence or legal basis.

The public edition is computed from a county in which such a source, and all that needs it, does not exist; so nothing
computed from it can appear anywhere, neither as a value nor through a rank, a class, a lag or a matrix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from geodata.licences import Objection, objections
from geodata.models import Indicator, Text
from service.workflows.figures import Figures
from service.workflows.read import Inputs

if TYPE_CHECKING:
    import pandas as pd

    from geodata.county import County

_WHAT = {
    "source": Text("Quelle", "source"),
    "level": Text("Ebene", "level"),
    "ancillary": Text("Hilfsdaten", "ancillary data"),
    "indicator": Text("Indikator", "indicator"),
    "breakdown": Text("nach Geschlecht", "by sex"),
    "handed_down": Text("auf kleinere Gebiete", "brought down"),
    "index": Text("Sozialindex", "index"),
}


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something that the public edition does not contain, and why.

    Attributes
    ----------
    kind : str
        ``source``, ``level``, ``ancillary``, ``indicator``, ``breakdown``, ``handed_down`` or ``index``.
    id : str
        Of the source, the level, the indicator …
    sources : tuple of str
        The sources it needs that may not be published; for a source itself its own id.
    reason : Text
        One sentence.
    """

    kind: str
    id: str
    sources: tuple[str, ...]
    reason: Text

    def as_dict(self) -> dict[str, object]:
        """Return the same for JSON."""
        reason = {"de": self.reason.de, "en": self.reason.en}
        return {"kind": self.kind, "id": self.id, "sources": list(self.sources), "reason": reason}

    def line(self, language: str = "en") -> str:
        """Return one line for the report of a run."""
        return f"{_WHAT[self.kind][language]} {self.id}: {self.reason[language]}"


def publishable(inputs: Inputs) -> tuple[Inputs, tuple[Withheld, ...]]:
    """Return what the public edition may be computed from.

    Parameters
    ----------
    inputs : Inputs
        What was read.

    Returns
    -------
    inputs : Inputs
        The same where every source has a licence and a legal basis; else without those that have none and without
        levels, ancillary data, indicators, breakdowns, handed-down values and the index that need them.
    withheld : tuple of Withheld
        What is missing, for the report of the run and the internal manifest.
    """
    county = inputs.county
    blocked = {s.id: found for s in county.sources.values() if (found := objections(s))}
    if not blocked:
        return inputs, ()
    look = _Look(county, blocked, inputs.moves)
    out = [_source(found) for found in blocked.values()]
    levels = {k: v for k, v in county.levels.items() if not look.level(k)}
    ancillary = {k: v for k, v in county.ancillary.items() if not look.ancillary(k)}
    out += [look.withheld("level", k, look.level(k)) for k in county.levels if k not in levels]
    out += [look.withheld("ancillary", k, look.ancillary(k)) for k in county.ancillary if k not in ancillary]
    indicators: dict[str, Indicator] = {}
    for indicator in county.indicators.values():
        needs = look.variables((indicator.numerator, indicator.denominator)) | look.level(indicator.level)
        if needs:
            out.append(look.withheld("indicator", indicator.id, needs))
            continue
        parts, kept = look.variables(v for pair in indicator.breakdown.values() for v in pair), indicator
        if parts:
            out.append(look.withheld("breakdown", indicator.id, parts))
            kept = replace(kept, breakdown=MappingProxyType({}))
        ways = {t: look.allocation(indicator.level, t) for t in indicator.handed_down}
        for target, missing in ways.items():
            if missing:
                out.append(look.withheld("handed_down", f"{indicator.id} -> {target}", missing))
        indicators[indicator.id] = replace(kept, handed_down=tuple(t for t, missing in ways.items() if not missing))
    index = county.index
    if index is not None:
        chosen = [county.indicators[name] for name in index.used]
        needs = look.level(index.level) | look.variables(
            [index.population, *(v for i in chosen for v in (i.numerator, i.denominator))]
        )
        if needs:
            out.append(look.withheld("index", index.level, needs))
            index = None
    tables = {k: v for k, v in county.tables.items() if v.source not in blocked}
    known = {name for table in tables.values() for name in table.columns if not look.variables((name,))}
    smaller = replace(
        county,
        sources=MappingProxyType({k: v for k, v in county.sources.items() if k not in blocked}),
        levels=MappingProxyType(levels),
        tables=MappingProxyType(tables),
        ancillary=MappingProxyType(ancillary),
        allocations=MappingProxyType({k: v for k, v in county.allocations.items() if not look.allocation(*k)}),
        indicators=MappingProxyType(indicators),
        index=index,
    )
    figures = inputs.figures
    public = replace(
        inputs,
        county=smaller,
        levels={k: v for k, v in inputs.levels.items() if k in levels},
        figures=Figures(
            {key: frame for key, frame in figures.frames.items() if key[0] in known},
            {name: source for name, source in figures.sources.items() if name in known},
            {name: unit for name, unit in figures.units.items() if name in known},
        ),
        tables={k: v for k, v in inputs.tables.items() if k in tables},
        rasters={k: v for k, v in inputs.rasters.items() if k in ancillary},
        moves=inputs.moves[inputs.moves["variable"].isin(known)] if len(inputs.moves) else inputs.moves,
    )
    return public, tuple(out)


def _source(found: tuple[Objection, ...]) -> Withheld:
    name = found[0].source
    return Withheld(
        "source", name, (name,), Text("; ".join(o.text.de for o in found), "; ".join(o.text.en for o in found))
    )


class _Look:
    """Follow what a thing is computed from to the sources that may not be published."""

    def __init__(self, county: County, blocked: dict[str, tuple[Objection, ...]], moves: pd.DataFrame) -> None:
        self.county = county
        self.blocked = blocked
        self.tables = county.variables()
        # Figures of areas that were split are shared by ancillary data: then they are computed from those, too.
        self.shared: set[str] = set()
        self.sharing: set[str] = set()
        if len(moves) and county.territory.weights in county.ancillary:
            self.shared = set(moves.loc[moves["share"] < 1, "variable"])
            self.sharing = self.ancillary(county.territory.weights)

    def _source(self, source: str) -> set[str]:
        return {source} & self.blocked.keys()

    def variables(self, names: Iterable[str | None]) -> set[str]:
        """Return the blocked sources of variables."""
        found = set()
        for name in names:
            if name is not None:
                found |= self._source(self.tables[name].source)
                if name in self.shared:
                    found |= self.sharing
        return found

    def level(self, level: str) -> set[str]:
        """Return the blocked sources of a level: its boundaries, and for cells their table and their parents."""
        spec = self.county.levels[level]
        found = self._source(spec.source)
        if spec.cells is not None:
            found |= self._source(self.county.tables[spec.cells].source)
            # Cells get their parent from its polygons, and the empty ones of a coarser level stand in for it.
            for coarser in (spec.parent, spec.fill):
                if coarser is not None:
                    found |= self.level(coarser)
        return found

    def ancillary(self, ancillary: str) -> set[str]:
        """Return the blocked sources of ancillary data, of the cells that carry them and of their benchmark."""
        spec = self.county.ancillary[ancillary]
        found = self._source(spec.source) | self.variables(spec.variables)
        if spec.level is not None:
            found |= self.level(spec.level)
        if spec.benchmark is not None:
            found |= self.ancillary(spec.benchmark)
        return found

    def allocation(self, source: str, target: str) -> set[str]:
        """Return the blocked sources of a way from one level to another."""
        weights = self.county.allocations[source, target].weights
        return self.level(source) | self.level(target) | (set() if weights == "area" else self.ancillary(weights))

    def withheld(self, kind: str, name: str, needs: set[str]) -> Withheld:
        """Return the note that something is not published."""
        sources = tuple(s for s in self.county.sources if s in needs)
        said = {x: "; ".join(f"{s} – {self.blocked[s][0].text[x]}" for s in sources) for x in ("de", "en")}
        return Withheld(kind, name, sources, Text(f"beruht auf {said['de']}", f"needs {said['en']}"))
