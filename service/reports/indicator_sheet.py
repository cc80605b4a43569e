"""Indicator sheets: what a figure means, how it is computed, from what, for which areas and years, with which limits.

A sheet is plain data first (``indicators/sheets.json`` of an edition, which the service shows), then one page a
language that opens from disk. It is made of what its edition may know: counts come from the published collections.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodata.licences import find_licence
from geodata.models import Status
from service.locale import LANGUAGES, Language
from service.reports.page import render

if TYPE_CHECKING:
    import pandas as pd

    from geodata.county import County
    from geodata.models import AreaLayer, Indicator, Observations, Source, Text
    from geodata.store.model import Collection, Edition

FOLDER, DATA = "indicators", "sheets.json"
_HIDDEN = {str(s) for s in (Status.SUPPRESSED, Status.SUPPRESSED_OR_UNKNOWN, Status.ZERO_OR_SUPPRESSED)}
#: A definition longer than this is a sentence, not a name.
LABEL = 60
#: Flags in the order in which they are told; a break first, because it changes how a series may be read.
FLAGS = ("break", "provisional", "revised", "estimated", "uncertain", "converted")


def _both(text: Text) -> dict[str, str]:
    return {"de": text.de, "en": text.en}


def _date(source: Source) -> str | None:
    return source.reference_date.isoformat() if source.reference_date else None


def build_sheets(
    county: County,
    levels: Mapping[str, AreaLayer],
    collections: Sequence[Collection],
    *,
    tables: Mapping[str, Observations],
    edition: Edition,
    publication: str,
    waiting: Sequence[Mapping[str, Any]] = (),
) -> dict[str, dict[str, Any]]:
    """Describe every indicator that an edition shows.

    Parameters
    ----------
    county : County
        What the edition is computed from.
    levels : mapping of str to AreaLayer
        Level id → its areas.
    collections : sequence of Collection
        What the edition publishes.
    tables : mapping of str to Observations
        Table id → what was read, for the readers' notes (internal edition only).
    edition : {"public", "internal"}
        Whose sheets these are: file names and readers' notes are internal.
    publication : str
        Running number.
    waiting : sequence of mapping
        Years that are left out because a column of theirs was not delivered: ``indicator``, ``by_sex``, ``parts`` (its
        columns) and ``reasons``, each with ``years`` and ``columns``.

    Returns
    -------
    dict of str to dict
        Indicator id → sheet, JSON-serialisable, in the order of ``county.toml``.
    """
    sheets = {}
    for indicator in county.indicators.values():
        coverage = [c for c in (_coverage(indicator, collection) for collection in collections) if c]
        if not coverage:
            continue
        used = list(dict.fromkeys(v for v in (indicator.numerator, indicator.denominator) if v is not None))
        by_sex = [v for pair in indicator.breakdown.values() for v in pair if v not in used]
        where = county.variables()
        layer = levels[indicator.level]
        sources = {s.id: s for s in (county.sources[where[v].source] for v in (*used, *by_sex))}
        if layer.source is not None:
            sources[layer.source.id] = layer.source
        for target in indicator.handed_down:
            for source in _ancillary(county, levels, indicator.level, target, edition):
                sources.setdefault(source.id, source)
        handed = [
            {"collection": c.id, **c.metadata["handed_down"][indicator.id]}
            for c in collections
            if c.kind == "indicators" and indicator.id in (c.metadata.get("handed_down") or {})
        ]
        own = {c["collection"] for c in coverage}
        hotspots = [c for c in collections if c.kind == "hotspots" and c.metadata.get("indicator") == indicator.id]
        sheets[indicator.id] = {
            "id": indicator.id,
            "title": _both(indicator.title),
            "topic": str(indicator.topic),
            "definition": _both(indicator.definition),
            "kind": indicator.kind,
            "unit": indicator.unit,
            "scale": indicator.scale,
            "decimals": indicator.decimals,
            "polarity": str(indicator.polarity),
            "level": {"id": layer.level, "title": _both(layer.title), "boundary_date": _iso(layer)},
            "numerator": _part(county, indicator.numerator, edition),
            "denominator": _part(county, indicator.denominator, edition) if indicator.denominator else None,
            "breakdown": {sex: [_part(county, v, edition) for v in pair] for sex, pair in indicator.breakdown.items()},
            "coverage": coverage,
            "waiting": _waiting(county, [w for w in waiting if w["indicator"] == indicator.id], edition),
            "handed_down": handed,
            "tested": _tested(hotspots),
            "index": county.index is not None and indicator.id in county.index.indicators,
            "sources": [_source(s) for s in sources.values()],
            "collections": [{"id": c.id, "title": _both(c.title)} for c in collections if c.id in own or c in hotspots],
            "notes": _notes(tables, [where[v].id for v in (*used, *by_sex)]) if edition == "internal" else [],
            "edition": edition,
            "publication": publication,
            "county": _both(county.title),
        }
    return sheets


def _iso(layer: AreaLayer) -> str | None:
    return layer.boundary_date.isoformat() if layer.boundary_date else None


def _ancillary(
    county: County, levels: Mapping[str, AreaLayer], level: str, target: str, edition: Edition
) -> Iterable[Source]:
    """Yield what says where people live: it must be named wherever its result is shown."""
    way = county.allocations[level, target]
    if edition not in way.editions:
        return
    ancillary = county.ancillary.get(way.weights)
    while ancillary is not None:
        yield county.sources[ancillary.source]
        ancillary = county.ancillary.get(ancillary.benchmark or "")
    boundaries = levels[target].source
    if boundaries is not None:
        yield boundaries


def _tested(hotspots: Sequence[Collection]) -> list[dict[str, Any]]:
    """Say each method once, with the layers that show it and how many of their labels hold in the last year."""
    found: dict[str, dict[str, Any]] = {}
    for collection in hotspots:
        method = dict(collection.metadata.get("method") or {})
        said = found.setdefault(method.get("de", ""), {"collections": [], "method": method})
        entry = {"id": collection.id, "title": _both(collection.title)}
        year = str(collection.periods[-1])
        note = (collection.metadata.get("per_period") or {}).get(year) or {}
        if note.get("robust"):
            # Of the areas that were tested: labels that are painted on smaller ones are theirs.
            entry["robust"] = {
                "year": year,
                **{k: note["robust"][k] for k in ("held", "unsure", "variants", "threshold")},
            }
        said["collections"].append(entry)
    return list(found.values())


def label(name: str, column: str, definition: str) -> str:
    """Return what people read: the heading of the column, or for a code such as ``STEU01`` its definition.

    Parameters
    ----------
    name, column, definition : str
        Of a variable in ``county.toml``.

    Returns
    -------
    str
        One short text.
    """
    if any(c.islower() for c in column) and "_" not in column:
        return column
    return definition if 0 < len(definition) <= LABEL else name.replace("_", " ")


def _part(county: County, name: str, edition: Edition) -> dict[str, Any]:
    table = county.variables()[name]
    spec = table.columns[name]
    source = county.sources[table.source]
    return {
        "variable": name,
        "label": label(name, spec.column, spec.definition),
        "table": table.id,
        "column": spec.column,
        "select": dict(spec.select),
        "share_of": spec.share_of,
        "unit": spec.unit,
        "definition": spec.definition,
        "source": source.id,
        "source_title": source.title,
        "publisher": source.publisher,
        # The name of a file in the house is nobody's business outside.
        "file": ", ".join(county.files(table.id)) if edition == "internal" else None,
    }


def _waiting(county: County, every: Iterable[Mapping[str, Any]], edition: Edition) -> list[dict[str, Any]]:
    """Name the columns that years wait for; without any, those that no area has all of."""
    out = []
    for found in every:
        parts = [_part(county, name, edition) for name in found["parts"]]
        for reason in found["reasons"]:
            columns = [part for part in parts if part["variable"] in reason["columns"]]
            out.append({"years": reason["years"], "by_sex": found["by_sex"], "columns": columns, "parts": parts})
    return out


def _source(source: Source) -> dict[str, Any]:
    licence = find_licence(source.licence)
    return {
        "id": source.id,
        "title": source.title,
        "publisher": source.publisher,
        "licence": source.licence,
        "licence_title": licence.title if licence else source.licence,
        "licence_url": licence.url if licence else None,
        "attribution": source.attribution,
        "legal_basis": source.legal_basis,
        "purpose": source.purpose,
        "reference_date": _date(source),
        "legend": source.legend,
        "origin": str(source.origin),
    }


def _notes(tables: Mapping[str, Observations], names: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"table": name, "note": note} for name in dict.fromkeys(names) if name in tables for note in tables[name].notes
    ]


def _coverage(indicator: Indicator, collection: Collection) -> dict[str, Any] | None:
    """Count for each year in how many of the county's areas a collection shows the indicator, and why not."""
    if collection.kind != "indicators":
        return None
    fields = {f.name for f in collection.fields}
    plain = indicator.id in fields
    value = indicator.id if plain else f"{indicator.id}_gap"
    status = f"{value}_status" if plain else f"{indicator.id}_gap_status"
    if value not in fields or status not in fields:
        return None
    flag = f"{value}_flags" if plain else f"{indicator.id}_gap_flags"
    table = collection.table[~collection.table["context"].astype(bool)]
    years = []
    # A year of the collection's other indicators, in which this one was not observed at all, says nothing about it.
    for year, rows in table[table[status].notna()].groupby("period", sort=True):
        counted = _counted(rows, value, status, flag if flag in fields else None)
        if counted["why"] != {str(Status.MISSING): len(rows)}:
            years.append({"year": int(str(year)), **counted})
    return {
        "collection": collection.id,
        "title": _both(collection.title),
        "level": collection.level,
        "modelled": indicator.id in (collection.metadata.get("handed_down") or {}),
        "by_sex": not plain,
        "years": years,
    }


def _counted(rows: pd.DataFrame, value: str, status: str, flag: str | None) -> dict[str, Any]:
    shown = rows[value].notna()
    hidden = ~shown & rows[status].isin(_HIDDEN)
    why = Counter(str(s) for s in rows.loc[~shown & ~hidden, status])
    flags: Counter[str] = Counter()
    if flag is not None:
        for said in rows.loc[shown, flag].dropna():
            flags.update(str(said).split())
    return {
        "areas": len(rows),
        "shown": int(shown.sum()),
        "suppressed": int(hidden.sum()),
        "missing": int((~shown & ~hidden).sum()),
        "why": dict(why.most_common()),
        "flags": {name: flags[name] for name in FLAGS if flags[name]},
    }


def write_sheets(folder: Path, sheets: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Write the sheets of an edition.

    Parameters
    ----------
    folder : pathlib.Path
        Of the edition.
    sheets : mapping of str to mapping
        Of :func:`build_sheets`.

    Returns
    -------
    list of pathlib.Path
        ``indicators/<id>.html`` (German) and ``indicators/<id>.en.html``; beside them ``sheets.json``.
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    (place / DATA).write_text(json.dumps(sheets, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    written = []
    for name, sheet in sheets.items():
        for language in LANGUAGES:
            path = place / (f"{name}.html" if language == "de" else f"{name}.{language}.html")
            path.write_text(render_sheet(sheet, language), encoding="utf-8")
            written.append(path)
    return written


def render_sheet(sheet: Mapping[str, Any], language: Language) -> str:
    """Return a sheet as a page that opens from disk.

    Parameters
    ----------
    sheet : mapping
        One of :func:`build_sheets`.
    language : {"de", "en"}
        Of the page.

    Returns
    -------
    str
        HTML without any request.
    """
    others = [(x, f"{sheet['id']}.html" if x == "de" else f"{sheet['id']}.{x}.html") for x in LANGUAGES]
    return render("indicator_file.html", language, sheet=sheet, others=others)


def read_sheets(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the sheets of an edition; none where it was published before there were any."""
    path = folder / FOLDER / DATA
    if not path.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
