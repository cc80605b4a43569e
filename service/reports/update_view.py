"""``sozialmonitor update`` in the words of one language: the sections of the page, of the table and of the CSV file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.locale import Language, say, texts
from service.reports.page import number, percent

#: Definitions in the order in which they matter.
VERDICTS = ("break", "text", "check", "new", "shown", "day")
#: Key of a definition → the kind of thing whose id stands there.
REFERS = {
    "numerator": "columns",
    "denominator": "columns",
    "population": "columns",
    "share_of": "columns",
    "source": "legends",
    "level": "levels",
    "parent": "levels",
    "handed_down": "levels",
}
#: How urgent a row is: to be settled before a run, to be looked at, or neither.
TONES = {"break": "bad", "text": "warn", "check": "warn"}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a section.

    Attributes
    ----------
    cells : tuple of str
        As many as the section has headings.
    tone : {"", "warn", "bad"}
        How urgent it is.
    """

    cells: tuple[str, ...]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One table with its heading.

    Attributes
    ----------
    text : str
        What it is about and what to do.
    right : frozenset of int
        Columns of numbers.
    """

    id: str
    title: str
    text: str
    headings: tuple[str, ...]
    right: frozenset[int]
    lines: tuple[Line, ...]


def sections(report: Any, language: Language, *, names: int = 12) -> list[Section]:
    """Return what is to be said, most important first; what has nothing to say is left out.

    Parameters
    ----------
    report : UpdateReport
        Of ``service.workflows.update.compare_with_current``.
    language : {"de", "en"}
        Of every word; names and texts of the county stay what they are.
    names : int, default 12
        Names that are written out in one cell.

    Returns
    -------
    list of Section
        Tables.
    """
    view = _View(report, language, names)
    every = (
        view.refused(),
        view.delivered(),
        view.area_changes(),
        view.definitions(),
        view.results(),
        view.revised(),
        view.gone(),
        view.new(),
        view.suppression(),
        view.withheld(),
        view.files(),
    )
    return [section for section in every if section.lines]


def lead(report: Any, language: Language) -> list[str]:
    """Return the sentences at the top: what is compared with what, and what cannot be told.

    Parameters
    ----------
    report : UpdateReport
        As for :func:`sections`.
    language : {"de", "en"}
        Of the sentences.

    Returns
    -------
    list of str
        The first is the heading.
    """
    out = [f"{say(language, 'update.title')}: {report.title[language]} ({report.county})"]
    if report.publication:
        out.append(say(language, "update.intro", id=report.publication, date=report.created[:10]))
    out += [note[language] for note in report.notes]
    if report.unchanged:
        out.append(say(language, "update.nothing"))
    elif report.publication and report.results is None:
        out.append(say(language, "update.no_results_refused" if report.refused else "update.no_results"))
    elif report.publication and not report.results:
        out.append(say(language, "update.same_results"))
    return out


class _View:
    """A report in one language."""

    def __init__(self, report: Any, language: Language, names: int) -> None:
        self.report = report
        self.language = language
        self.names = names

    # ------------------------------------------------------------------------------------------------------- words

    def say(self, key: str, **values: object) -> str:
        return say(self.language, f"update.{key}", **values)

    def section(self, key: str, headings: Sequence[str], lines: Iterable[Line], right: Iterable[int] = ()) -> Section:
        return Section(
            key,
            self.say(key),
            self.say(f"text_{key}"),
            tuple(self.say(h) if h else "" for h in headings),
            frozenset(right),
            tuple(lines),
        )

    def number(self, value: float | None, *, signed: bool = False) -> str:
        return number(value, self.language, signed=signed)

    def title(self, kind: str, name: str) -> str:
        found = self.report.titles.get(kind, {}).get(name)
        return str(found[self.language]) if found else name

    def some(self, items: Sequence[str]) -> str:
        shown = ", ".join(items[: self.names])
        left = len(items) - self.names
        return f"{shown} {self.say('more', n=self.number(left))}" if left > 0 else shown

    def years(self, first: int, last: int) -> str:
        return str(first) if first == last else f"{first}–{last}"

    def said(self, value: Any, kind: str = "") -> str:
        """Write a value of ``county.toml`` the way a person would."""
        if isinstance(value, bool):
            return self.say("yes" if value else "no")
        if value is None or value in ("", [], {}):
            return "–"
        if isinstance(value, dict) and set(value) == {"de", "en"}:
            return str(value[self.language])
        if isinstance(value, str):
            return self.title(kind, value)
        if isinstance(value, int | float):
            return self.number(value)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return ", ".join(self.title(kind, item) for item in value)
        return json.dumps(value, ensure_ascii=False)

    # ---------------------------------------------------------------------------------------------------- sections

    def refused(self) -> Section:
        found = self.report.refused
        rows = [] if found is None else [("where", found.where), ("reason", found.message), ("to_do", found.hint)]
        return self.section("refused", ("", ""), [Line((self.say(k), v), "bad") for k, v in rows if v])

    def delivered(self) -> Section:
        areas: dict[tuple[str, str], list[Any]] = {}
        for d in self.report.delivered:
            areas.setdefault((d.level, d.area), []).append(d)
        rows = [
            Line(
                (
                    _named(area, {area: found[0].name}),
                    self.title("levels", level),
                    self.years(min(d.first for d in found), max(d.last for d in found)),
                    self.number(sum(d.figures for d in found)),
                    ", ".join(d.file for d in found),
                ),
                "bad",
            )
            for (level, area), found in areas.items()
        ]
        return self.section("delivered", ("area", "level", "years", "figures", "file"), rows, (3,))

    def area_changes(self) -> Section:
        return self.section("area_changes", ("level", "what", "count", "which"), self._areas(), (2,))

    def _areas(self) -> Iterator[Line]:
        for a in self.report.areas:
            level = f"{self.title('levels', a.level)} ({self.number(a.before)} → {self.number(a.after)})"
            told = (
                ("removed", [_named(key, a.names) for key in a.removed], "bad" if a.names else ""),
                ("added", [_named(key, a.names) for key in a.added], "warn" if a.names else ""),
                ("moved", [f"{n} {number(100 * s, self.language, 1)} %" for n, s in _shares(a.moved)], "warn"),
                ("renamed", [x.replace(" -> ", " → ") for x in a.renamed], ""),
                ("reassigned", self._reassigned(a), "warn"),
            )
            for what, items, tone in told:
                if items:
                    # Ids of cells tell nobody anything; they stand in the JSON.
                    which = self.some(items) if a.names or what not in ("added", "removed") else "–"
                    count = len(a.reassigned) if what == "reassigned" else len(items)
                    yield Line((level, self.say(what), self.number(count), which), tone)
            if a.retouched:
                yield Line((level, self.say("retouched"), self.number(a.retouched), self.say("retouched_text")))
        for m in self.report.made:
            parts = ", ".join(
                name if share == 1 else f"{name} × {number(share, self.language, 3)}" for name, share in m.parts
            )
            how = "made_of" if all(share == 1 for _, share in m.parts) else "shared_out_of"
            text = f"{m.name or m.area} ({m.area}): {parts}; {self.years(m.first, m.last)}"
            yield Line((self.title("levels", m.level), self.say(how), self.number(len(m.parts)), text))

    def _reassigned(self, redrawn: Any) -> list[str]:
        """Say from where to where, and how many: the ids of a hundred cells tell nobody anything."""
        names = {key: name for a in self.report.areas for key, name in a.names.items()}
        ways: dict[tuple[str, str], int] = {}
        for said in redrawn.reassigned:
            before, after = said.split(": ", 1)[1].split(" -> ")
            ways[before, after] = ways.get((before, after), 0) + 1
        ordered = sorted(ways.items(), key=lambda item: -item[1])
        return [f"{_named(b, names) or '–'} → {_named(a, names) or '–'}: {self.number(n)}" for (b, a), n in ordered]

    def definitions(self) -> Section:
        folded: dict[tuple[str, str, str, str, str], list[str]] = {}
        for d in self.report.definitions:
            within = "indicators" if d.kind == "index" and d.key == "indicators" else REFERS.get(d.key, "")
            if d.key:
                was, now = self.said(d.before, within), self.said(d.after, within)
            else:
                was = "–" if d.before is None else self.say("was_there")
                now = "–" if d.after is None else self.say("is_there")
            same = (d.verdict, d.kind, d.key, was, now)
            folded.setdefault(same, []).append(self.title(d.kind, d.id) if d.kind not in ("index", "rules") else "")
        rows = []
        for (verdict, kind, key, before, after), ids in sorted(
            folded.items(), key=lambda item: (VERDICTS.index(item[0][0]), -len(item[1]))
        ):
            what = f"{self.say(f'kind_{kind}')} {self.some([i for i in ids if i])}".strip()
            rows.append(
                Line((self.say(f"verdict_{verdict}"), what, self._key(key), before, after), TONES.get(verdict, ""))
            )
        return self.section("definitions", ("verdict", "where", "what", "before", "after"), rows)

    def _key(self, key: str) -> str:
        known = f"update.key_{key}"
        return texts(self.language).get(known, key) if key else "–"

    def results(self) -> Section:
        rows = []
        for o in self.report.results or ():
            words = {name: str(text[self.language]) for name, text in o.words.items()} | {"": self.say("no_class")}
            if o.year is None or o.published is None:
                when, count = str(o.year or o.published), "–"
                ways = {(self.say("map_new" if o.published is None else "map_gone"), ""): [""]}
            else:
                when = str(o.year) if o.published == o.year else f"{o.published} → {o.year}"
                count = self.say("of", n=self.number(len(o.moved)), all=self.number(o.compared))
                ways = {} if o.moved else {("–", "–"): [""]}
                for m in o.moved:
                    way = words.get(m.before, m.before), words.get(m.after, m.after)
                    ways.setdefault(way, []).append(m.name or m.area)
            newest = f" ({self.say('newest')})" if o.latest else ""
            rows += [
                Line(
                    (o.title[self.language], when + newest, count, was, now, self._counted([n for n in names if n])),
                    "warn" if o.moved else "",
                )
                for (was, now), names in sorted(ways.items(), key=lambda item: -len(item[1]))
            ]
        found = self.section("results", ("map", "page_year", "moves", "before", "after", "which"), rows)
        edition = self.say(f"edition_{self.report.edition}") if found.lines else ""
        return replace(found, text=f"{found.text} {self.say('results_of', edition=edition)}")

    def revised(self) -> Section:
        rows = []
        for t in self.report.changed:
            largest = "–"
            if t.largest is not None:
                unit = "\u00a0%" if t.unit == "%" else ""
                before, after = (self._value(v) for v in (t.largest.before, t.largest.after))
                largest = f"{t.largest.name or t.largest.area}: {before} → {after}{unit}"
            areas = self.number(t.areas) if t.areas else self.say("only_marks", n=self.number(t.marks))
            rows.append(
                Line(
                    (
                        t.title[self.language],
                        str(t.year),
                        areas,
                        self.number(t.lost) if t.lost else "–",
                        self._difference(t.total_before, t.total_after),
                        self._difference(t.base_before, t.base_after),
                        largest,
                    ),
                    "bad" if t.lost else "warn" if t.areas else "",
                )
            )
        headings = ("indicator", "page_year", "areas", "lost", "cases_change", "base_change", "largest")
        return self.section("revised", headings, rows, (2, 3, 4, 5))

    def _value(self, value: float | None) -> str:
        return number(None if value is None else round(value, 1), self.language)

    def _sum(self, value: float | None) -> str:
        """Write a sum; shares of persons add up to fractions, which nobody reads beside thousands."""
        return number(value, self.language, 0 if value is not None and abs(value) >= 1000 else None)

    def _difference(self, before: float | None, after: float | None) -> str:
        if before is None or after is None:
            return "–"
        change = after - before
        share = percent(before, after, self.language).replace(" ", "\u00a0")
        return "0" if change == 0 else f"{self.number(change, signed=True)} ({share})"

    def gone(self) -> Section:
        years: dict[str, list[int]] = {}
        for g in self.report.gone:
            years.setdefault(g.variable, []).append(g.year)
        rows = [Line((self.title("columns", v), ", ".join(map(str, y))), "bad") for v, y in years.items()]
        return self.section("gone", ("variable", "years"), rows)

    def new(self) -> Section:
        rows = []
        for f in self.report.fresh:
            without = self._counted(f.lacking) if f.lacking else self.number(f.empty) if f.empty else "–"
            if f.waits_for:
                without = self.say("waits_for", what=", ".join(self.title("columns", v) for v in f.waits_for))
            before = "–" if f.previous_year is None else f"{self._sum(f.previous_total)} ({f.previous_year})"
            rows.append(
                Line(
                    (
                        f.title[self.language]
                        + (f" ({self.say('first')})" if f.first and self.report.publication else ""),
                        self.years(*f.years),
                        self.number(f.areas),
                        without,
                        self.number(f.suppressed) if f.suppressed else "–",
                        self._sum(f.total),
                        before if f.total is not None else "–",
                        percent(f.previous_total, f.total, self.language),
                    ),
                    "warn" if f.waits_for or f.lacking else "",
                )
            )
        headings = ("indicator", "years", "areas", "without", "would_hide", "total", "previous", "change")
        return self.section("new", headings, rows, (2, 4, 5, 6, 7))

    def suppression(self) -> Section:
        folded: dict[tuple[str, int], tuple[dict[str, None], dict[str, None]]] = {}
        for h in self.report.suppression:
            shown = [self.title("indicators", i) for i in h.indicators] or [self.title("columns", h.variable)]
            for title in shown:
                newly, lifted = folded.setdefault((title, h.year), ({}, {}))
                newly |= dict.fromkeys(h.newly)
                lifted |= dict.fromkeys(h.lifted)
        rows = [
            Line((title, str(year), self._counted(list(newly)), self._counted(list(lifted))), "warn" if newly else "")
            for (title, year), (newly, lifted) in sorted(
                folded.items(), key=lambda item: (-len(item[1][0]), -len(item[1][1]), item[0][0], -item[0][1])
            )
        ]
        return self.section("suppression", ("indicator", "page_year", "newly", "lifted"), rows)

    def _counted(self, items: Sequence[str]) -> str:
        return f"{self.number(len(items))}: {self.some(items)}" if items else "–"

    def withheld(self) -> Section:
        new = self.report.newly_withheld
        rows = [
            Line((self.say("newly_withheld") if w in new else "", w.line(self.language)), "bad" if w in new else "")
            for w in sorted(self.report.withheld, key=lambda w: w not in new)
        ]
        return self.section("withheld", ("", "what"), rows)

    def files(self) -> Section:
        rows = []
        for state in ("gone", "new", "changed"):
            rows += [
                Line((self.say(f"file_{state}"), f.file), "warn" if state == "gone" else "")
                for f in self.report.files
                if f.state == state
            ]
        same = sum(f.state == "same" for f in self.report.files)
        if same:
            rows.append(Line((self.say("file_same"), self.number(same))))
        return self.section("files", ("state", "file"), rows)


def _named(key: str, names: Mapping[str, str]) -> str:
    return f"{names[key]} ({key})" if names.get(key) else key


def _shares(moved: Iterable[tuple[str, str, float]]) -> Iterator[tuple[str, float]]:
    return ((f"{name} ({key})", share) for key, name, share in moved)
