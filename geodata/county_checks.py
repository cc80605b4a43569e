"""What no single section of ``county.toml`` can know: repeated ids, references that lead nowhere, contradictions."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from geodata.county_schema import AncillarySection, CountyFile, IndicatorSection, TableSpec
from geodata.errors import some
from geodata.models import Polarity

#: Columns that every layer has, or that are made from indicator ids: no indicator may be called so.
RESERVED = frozenset({"area_id", "name", "period", "context", "geometry", "geom", "fid", "ogc_fid"})
SUFFIXES = (
    "_n",
    "_d",
    "_status",
    "_origin",
    "_flags",
    "_support",
    "_coverage",
    "_provenance",
    "_female",
    "_male",
    "_gap",
)


def cross_checks(file: CountyFile) -> list[str]:
    """Find what no single section can know.

    Parameters
    ----------
    file : CountyFile
        Every section is sound by itself.

    Returns
    -------
    list of str
        One line for each problem: place, what was expected, what was found. Contradictions are looked for only where
        every reference leads somewhere.
    """
    return [*_unique(file), *_references(file)] or [
        *_levels(file),
        *_indicators(file),
        *_ancillary(file),
        *_index(file),
        *_tests(file),
        *_departments(file, {t.id: t for t in file.tables}, {name for t in file.tables for name in t.columns}),
    ]


def _repeated(what: str, ids: Iterable[str]) -> Iterator[str]:
    twice = [name for name, number in Counter(ids).items() if number > 1]
    if twice:
        yield f"{what}: expected ids once each, found twice: {some(twice)}"


def _unique(file: CountyFile) -> Iterator[str]:
    yield from _repeated("sources", (s.id for s in file.sources))
    yield from _repeated("levels", (lv.id for lv in file.levels))
    yield from _repeated("tables", (t.id for t in file.tables))
    yield from _repeated("indicators", (i.id for i in file.indicators))
    yield from _repeated("ancillary", (a.id for a in file.ancillary))
    yield from _repeated("allocations", (f"{al.source} -> {al.target}" for al in file.allocations))
    names = (name for t in file.tables for name in t.columns)
    yield from _repeated("tables.columns (a variable is delivered by one table)", names)
    for i in file.indicators:
        yield from _repeated(f"indicators.{i.id}.handed_down", i.handed_down)


def _known(place: str, what: str, name: str | None, among: Iterable[str]) -> Iterator[str]:
    choices = sorted(set(among))
    if name is not None and name not in choices:
        near = difflib.get_close_matches(name, choices, n=1)
        meant = f" (perhaps {near[0]!r}?)" if near else ""
        yield f"{place}: unknown {what} {name!r}{meant}; known are {some(choices, 12)}"


def _references(file: CountyFile) -> Iterator[str]:
    sources = {s.id for s in file.sources}
    levels = {lv.id for lv in file.levels}
    tables = {t.id for t in file.tables}
    ancillary = {a.id for a in file.ancillary}
    variables = {name for t in file.tables for name in t.columns}
    for lv in file.levels:
        yield from _known(f"levels.{lv.id}.source", "source", lv.source, sources)
        yield from _known(f"levels.{lv.id}.parent", "level", lv.parent, levels)
        yield from _known(f"levels.{lv.id}.cells", "table", lv.cells, tables)
        yield from _known(f"levels.{lv.id}.fill", "level", lv.fill, levels)
    for t in file.tables:
        yield from _known(f"tables.{t.id}.source", "source", t.source, sources)
        for level in t.levels:
            yield from _known(f"tables.{t.id}.levels", "level", level, levels)
        for name, column in t.columns.items():
            place = f"tables.{t.id}.columns.{name}.share_of"
            yield from _known(place, "variable of this table", column.share_of, t.columns)
    for a in file.ancillary:
        yield from _known(f"ancillary.{a.id}.source", "source", a.source, sources)
        yield from _known(f"ancillary.{a.id}.level", "level", a.level, levels)
        yield from _known(f"ancillary.{a.id}.benchmark", "ancillary", a.benchmark, ancillary)
        for name in a.variables:
            yield from _known(f"ancillary.{a.id}.variables", "variable", name, variables)
    for al in file.allocations:
        place = f"allocations.{al.source}-{al.target}"
        yield from _known(f"{place}.source", "level", al.source, levels)
        yield from _known(f"{place}.target", "level", al.target, levels)
        yield from _known(f"{place}.weights", "ancillary", al.weights, ancillary | {"area"})
    yield from _known("territory.weights", "ancillary", file.territory.weights, ancillary | {"area"})
    for i in file.indicators:
        place = f"indicators.{i.id}"
        yield from _known(f"{place}.level", "level", i.level, levels)
        for variable in _used(i):
            yield from _known(place, "variable", variable, variables)
        for target in i.handed_down:
            yield from _known(f"{place}.handed_down", "level", target, levels)
    if file.index is not None:
        yield from _known("index.level", "level", file.index.level, levels)
        yield from _known("index.population", "variable", file.index.population, variables)
        for name in file.index.used:
            yield from _known("index.indicators", "indicator", name, (i.id for i in file.indicators))
    for level in file.tests.graph:
        yield from _known("tests.graph", "level", level, levels)


def _used(indicator: IndicatorSection) -> list[str]:
    parts = [indicator.numerator, indicator.denominator, *(n for p in indicator.breakdown.values() for n in p)]
    return [name for name in parts if name is not None]


def _home(file: CountyFile) -> dict[str, TableSpec]:
    """Return each variable with the table that delivers it."""
    return {name: t for t in file.tables for name in t.columns}


def _levels(file: CountyFile) -> Iterator[str]:
    for lv in file.levels:
        if lv.file is not None and lv.parent is not None and lv.parent_field is None:
            yield f"levels.{lv.id}.parent_field: expected beside parent: the column that holds the parent's key"
    if not any("public" in lv.editions for lv in file.levels):
        yield 'levels: expected at least one level with "public" in editions'


def _indicators(file: CountyFile) -> Iterator[str]:
    if not file.indicators:
        yield "indicators: expected at least one"
    home, released = _home(file), {s.id for s in file.sources if s.released}
    declared = {name: c.characteristic for t in file.tables for name, c in t.columns.items() if c.characteristic}
    pairs = {(al.source, al.target) for al in file.allocations}
    ids = {i.id for i in file.indicators}
    for i in file.indicators:
        place = f"indicators.{i.id}"
        stem = next((i.id.removesuffix(end) for end in SUFFIXES if i.id.endswith(end)), None)
        if i.id in RESERVED or stem in ids or (i.id == "index" and file.index is not None):
            yield f"{place}.id: expected another id, this one is a column or layer of its own"
        if i.polarity is not Polarity.NEUTRAL and i.numerator in declared:
            yield (
                f'{place}.polarity: expected "neutral": {i.numerator} counts by {declared[i.numerator]}, '
                "which is never a burden"
            )
        for variable in _used(i):
            if i.level not in home[variable].levels:
                yield (
                    f"{place}.level: expected one of the levels of table {home[variable].id!r}, which delivers "
                    f"{variable!r} ({some(home[variable].levels)}), found {i.level!r}"
                )
        if i.kind == "mean" and home[i.numerator].source not in released:
            yield (
                f"{place}.kind: expected a rate or a count: a mean says nothing of how few it rests on, so it is taken "
                "only from a source with released = true"
            )
        for target in i.handed_down:
            if target == i.level:
                yield f"{place}.handed_down: expected other levels than its own, {target!r}"
            elif (i.level, target) not in pairs:
                yield f"{place}.handed_down: expected [[allocations]] with source = {i.level!r}, target = {target!r}"


def _ancillary(file: CountyFile) -> Iterator[str]:
    home, released = _home(file), {s.id for s in file.sources if s.released}
    by_id = {a.id: a for a in file.ancillary}
    for a in file.ancillary:
        place = f"ancillary.{a.id}"
        for variable in a.variables:
            if a.level is not None and a.level not in home[variable].levels:
                yield (
                    f"{place}.level: expected one of the levels of table {home[variable].id!r} "
                    f"({some(home[variable].levels)}), found {a.level!r}"
                )
        if a.benchmark is not None:
            coarse = by_id[a.benchmark]
            if a.benchmark == a.id or coarse.level is None or a.level is None or coarse.level == a.level:
                yield f"{place}.benchmark: expected ancillary data of coarser cells, found {a.benchmark!r}"
    moved_by = by_id.get(file.territory.weights)
    if moved_by is not None and any("public" in level.editions for level in file.levels):
        secret = [source for source in _counted_by(moved_by, by_id, home) if source not in released]
        if secret:
            yield (
                f"territory.weights: expected released ancillary data, or area: the source {some(secret)} is not "
                "released = true, and figures of areas that were split would give its shares away"
            )
    for al in file.allocations:
        way = by_id.get(al.weights)
        place = f"allocations.{al.source}-{al.target}"
        if way is None:
            continue
        if way.level is not None and way.level != al.target:
            yield f"{place}.weights: expected cells of the target level {al.target!r}, found {way.level!r}"
        secret = [source for source in _counted_by(way, by_id, home) if source not in released]
        if secret and "public" in al.editions:
            yield (
                f'{place}.editions: expected ["internal"]: the source {some(secret)} is not released = true, and a '
                "public matrix would give its figures away"
            )


def _counted_by(
    way: AncillarySection, by_id: Mapping[str, AncillarySection], home: Mapping[str, TableSpec]
) -> list[str]:
    """Return the sources of the masses that a matrix shares by, those of the totals they are scaled to included."""
    found, seen = [], set()
    step: AncillarySection | None = way
    while step is not None and step.id not in seen:
        seen.add(step.id)
        found += [home[v].source for v in step.variables] if step.level is not None else [step.source]
        step = by_id[step.benchmark] if step.benchmark is not None else None
    return list(dict.fromkeys(found))


def _index(file: CountyFile) -> Iterator[str]:
    if file.index is None:
        return
    index, home, indicators = file.index, _home(file), {i.id: i for i in file.indicators}
    if index.level not in home[index.population].levels:
        yield (
            f"index.population: expected a variable delivered for level {index.level!r}, "
            f"found {index.population!r} of {some(home[index.population].levels)}"
        )
    for name in index.used:
        found = indicators[name]
        if found.polarity is Polarity.NEUTRAL:
            yield f"index.indicators: {name} has polarity neutral: it says nothing about disadvantage"
        if found.level != index.level:
            yield f"index.indicators: {name} is observed at {found.level}, the index is built at {index.level}"
    chosen = set(index.indicators)
    for place, given in (("weights", index.weights), ("goalposts", index.goalposts)):
        if given and set(given) != chosen:
            yield f"index.{place}: expected one for each indicator ({some(index.indicators)}), found {some(given)}"
    if index.normalisation == "min-max" and index.aggregation in ("geometric", "harmonic"):
        yield (
            f"index.normalisation: expected z, rank, percentile or goalposts for the {index.aggregation} mean: a later "
            "year may leave the range of min-max, and there is no such mean of values below 0"
        )
    if (index.normalisation == "goalposts") != bool(index.goalposts):
        yield 'index.goalposts: expected beside normalisation = "goalposts", and only there'
    if wrong := [name for name, (low, high) in index.goalposts.items() if not low < high]:
        yield f"index.goalposts: expected low < high, found otherwise for {some(wrong)}"
    for name, link in index.chain.items():
        if name not in chosen or link.by in chosen:
            yield (
                f"index.chain.{name}: expected an indicator of the index, continued by one that is not, found {link.by}"
            )
        elif indicators[name].polarity != indicators[link.by].polarity:
            yield f"index.chain.{name}: expected the polarity of {name} for {link.by}, which continues it"
    for k, item in enumerate(index.breaks):
        if item.kind == "indicator" and item.name not in chosen:
            yield f"index.breaks[{k}].name: expected an indicator of the index, found {item.name!r}"
    yield from _reference(file)


def _reference(file: CountyFile) -> Iterator[str]:
    """Yield what is wrong with the wider frame: areas that no rule judged must not be known through a mean."""
    index = file.index
    if index is None or index.reference is None:
        return
    home, released = _home(file), {s.id for s in file.sources if s.released}
    indicators = {i.id: i for i in file.indicators}
    if index.reference.prefix is None:
        if not next(lv for lv in file.levels if lv.id == index.level).context:
            yield (
                f"index.reference: expected prefix, or context = true at level {index.level!r}: it has no areas "
                "outside the county"
            )
        return
    used = {v for name in index.used for v in (indicators[name].numerator, indicators[name].denominator) if v}
    secret = sorted(v for v in used if home[v].source not in released)
    if secret:
        yield (
            f"index.reference.prefix: expected figures of sources with released = true, found {some(secret)}: outside "
            "the levels no rule of disclosure judges them"
        )


def _tests(file: CountyFile) -> Iterator[str]:
    cells = {lv.id for lv in file.levels if lv.cells is not None}
    for level, kind in file.tests.graph.items():
        if kind == "fuzzy" and level in cells:
            yield f"tests.graph.{level}: expected queen or rook for a grid, found fuzzy"


def _departments(file: CountyFile, tables: dict[str, TableSpec], variables: set[str]) -> Iterator[str]:
    """Yield what is wrong with who delivers what: each variable comes from one department, in a plain table."""
    yield from _repeated("departments", (d.id for d in file.departments))
    home = {name: t for t in file.tables for name in t.columns}
    delivered: list[str] = []
    for d in file.departments:
        place = f"departments.{d.id}.delivers"
        for name in d.delivers:
            table = tables.get(name) or home.get(name)
            if table is None:
                yield from _known(place, "table or variable", name, {*tables, *variables})
                continue
            if table.format not in (None, "table"):
                yield f'{place}: expected a table of format "table", found {name!r} of format {table.format!r}'
            delivered += list(table.columns) if name in tables else [name]
    named = {name for d in file.departments for name in d.delivers}
    comes = {t.id for t in file.tables if t.id in named or named & set(t.columns)}
    for t in file.tables:
        if not t.named and t.id not in comes:
            yield f"tables.{t.id}.file: expected, for no department delivers this table"
    yield from _repeated("departments.delivers (a variable is delivered by one department)", delivered)
