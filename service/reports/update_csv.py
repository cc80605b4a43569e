"""The comparison of ``sozialmonitor update`` as one tidy table: plain numbers, one row a statement."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from service.locale import Language

COLUMNS = ("section", "what", "id", "title", "level", "area", "name", "year", "before", "after", "count")


def render_csv(report: Any, language: Language) -> str:
    """Return the whole comparison, nothing left out.

    Parameters
    ----------
    report : UpdateReport
        Of ``service.workflows.update.compare_with_current``.
    language : {"de", "en"}
        Of titles; sections and headings are codes.

    Returns
    -------
    str
        Semicolons, decimal points, with a BOM, without which Excel takes the file for Windows-1252.
    """
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.DictWriter(out, COLUMNS, restval="", delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(report, language):
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Write nothing for nothing, and keep texts from being computed by a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _rows(report: Any, language: Language) -> Iterator[dict[str, Any]]:
    def title(kind: str, name: str) -> str:
        found = report.titles.get(kind, {}).get(name)
        return str(found[language]) if found else name

    if report.refused is not None:
        yield {"section": "refused", "what": report.refused.message, "title": report.refused.where}
    for d in report.delivered:
        years = f"{d.first}–{d.last}"
        yield {"section": "delivered", "title": d.file, "level": d.level, "area": d.area, "name": d.name,
               "year": years, "count": d.figures}  # fmt: skip
    for a in report.areas:
        for what in ("removed", "added"):
            for key in getattr(a, what):
                yield {"section": "areas", "what": what, "level": a.level, "area": key, "name": a.names.get(key)}
        for key, name, share in a.moved:
            yield {"section": "areas", "what": "moved", "level": a.level, "area": key, "name": name, "after": share}
        if a.retouched:
            yield {"section": "areas", "what": "retouched", "level": a.level, "count": a.retouched}
        for what in ("renamed", "reassigned"):
            for said in getattr(a, what):
                key, _, names = said.partition(": ")
                before, _, after = names.partition(" -> ")
                yield {"section": "areas", "what": what, "level": a.level, "area": key, "before": before,
                       "after": after}  # fmt: skip
    for m in report.made:
        for part, share in m.parts:
            yield {"section": "made", "level": m.level, "area": m.area, "name": m.name, "year": f"{m.first}–{m.last}",
                   "before": part, "after": share}  # fmt: skip
    for d in report.definitions:
        yield {"section": "definitions", "what": f"{d.verdict} {d.key}".strip(), "id": f"{d.kind}.{d.id}",
               "title": title(d.kind, d.id), "before": d.before, "after": d.after}  # fmt: skip
    for o in report.results or ():
        same = {"section": "results", "what": o.kind, "id": o.id, "title": o.title[language]}
        year = o.year if o.published in (None, o.year) else f"{o.published}→{o.year or ''}"
        yield {**same, "year": year, "count": len(o.moved)}
        for move in o.moved:
            yield {**same, "year": year, "area": move.area, "name": move.name, "before": move.before,
                   "after": move.after}  # fmt: skip
    for t in report.changed:
        same = {"section": "changed", "id": t.id, "title": t.title[language], "year": t.year}
        yield {**same, "what": "areas", "count": t.areas}
        yield {**same, "what": "lost", "count": t.lost}
        yield {**same, "what": "marks", "count": t.marks}
        yield {**same, "what": "numerator", "before": t.total_before, "after": t.total_after}
        yield {**same, "what": "denominator", "before": t.base_before, "after": t.base_after}
        if t.largest is not None:
            yield {**same, "what": "largest", "area": t.largest.area, "name": t.largest.name,
                   "before": t.largest.before, "after": t.largest.after}  # fmt: skip
    for g in report.gone:
        yield {"section": "gone", "id": g.variable, "title": title("columns", g.variable), "year": g.year,
               "count": g.areas}  # fmt: skip
    for f in report.fresh:
        years = f.years[0] if f.years[0] == f.years[1] else f"{f.years[0]}–{f.years[1]}"
        same = {"section": "new", "id": f.id, "title": f.title[language], "year": years}
        yield {**same, "what": "areas", "count": f.areas}
        yield {**same, "what": "suppressed", "count": f.suppressed}
        yield {**same, "what": "numerator", "before": f.previous_total, "after": f.total}
        if f.empty:
            yield {**same, "what": "lacking", "count": f.empty}
        for name in f.waits_for:
            yield {**same, "what": "waits_for", "name": title("columns", name)}
        for name in f.lacking:
            yield {**same, "what": "lacking", "name": name}
    for h in report.suppression:
        for what in ("newly", "lifted"):
            for name in getattr(h, what):
                yield {"section": "suppression", "what": what, "id": h.variable,
                       "title": title("columns", h.variable), "year": h.year, "name": name}  # fmt: skip
    for w in report.withheld:
        what = "new" if w in report.newly_withheld else ""
        yield {"section": "withheld", "what": what, "id": f"{w.kind}.{w.id}", "title": w.line(language)}
    for f in report.files:
        yield {"section": "files", "what": f.state, "title": f.file}
