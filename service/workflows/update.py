"""Add a year: what the files say now against what is published, before anything is published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata import catalogue
from geodata.errors import GeodataError, NotFoundError
from geodata.models import Status, Text
from service.progress import Steps
from service.reports.indicator_sheet import label
from service.workflows import compare, fold
from service.workflows.before import Before
from service.workflows.figures import Figures
from service.workflows.kept import areas_table, definitions
from service.workflows.licensed import publishable
from service.workflows.plausible import require_plausible
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.update_report import Delivered, FileChange, Gone, Hidden, Made, NewYear, Refused, UpdateReport

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.store.model import Edition
    from geodata.store.publication import Publication
    from service.workflows.outcomes import Outcome


def compare_with_current(
    folder: Path,
    *,
    state: Path,
    data: Path | None = None,
    results: bool = True,
    say: Callable[[str], None] = lambda _line: None,
) -> UpdateReport:
    """Read a county's files and compare them with its current publication; nothing is written.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``county.toml`` lies.
    state : pathlib.Path
        Where publications are kept.
    data : pathlib.Path, optional
        What relative file names start from.
    results : bool, default True
        Compute the classes of the index and the labels of the hotspots as a run would; most of the time goes there.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    UpdateReport
        What a run would change.

    Raises
    ------
    GeodataError
        A file cannot be used.
    StoreError
        The current publication cannot be read.
    """
    from geodata.county import load_county
    from geodata.store.publication import PublicationStore

    steps = Steps(3 if results else 2, say)
    with steps.step("Read the county's files") as tell:
        county = load_county(folder, data=data)
        taken = catalogue.receipts(county)
        inputs = read_inputs(county, progress=tell)
        catalogue.require_unchanged(county, taken)
        refused = _refused(inputs, tell)
    with steps.step("Compare them with the publication"):
        view, withheld = publishable(inputs)
        public = suppressed_for_public(view)
        try:
            publication: Publication | None = PublicationStore(state, county.id).current()
        except NotFoundError:
            publication = None
        before = Before.read(publication, inputs)
        report = _compared(inputs, public, before, {file: receipt.sha256 for file, receipt in taken.items()})
        report = replace(
            report,
            publication=publication.id if publication else None,
            withheld=withheld,
            refused=refused,
            edition="public" if publication is None or "public" in publication.editions else "internal",
        )
    if not results:
        return report
    with steps.step("Classes and labels, as a run would compute them") as tell:
        if refused is not None:
            tell("left out: a run would refuse the files")
        elif publication is not None:
            inside = report.edition == "internal"
            editions: Edition = "internal" if inside else "public"
            found = _results(
                publication, inputs if inside else view, inputs.figures if inside else public, editions, tell
            )
            report = replace(report, results=found)
    return report


def _refused(inputs: Inputs, tell: Callable[[str], None]) -> Refused | None:
    """Return why a run would publish nothing, so that everything else can still be told."""
    try:
        require_plausible(inputs, tell)
    except GeodataError as error:
        return Refused(error.message, error.where or "", error.hint or "")
    return None


def _results(
    publication: Publication, inputs: Inputs, figures: Figures, edition: Edition, tell: Callable[[str], None]
) -> tuple[Outcome, ...]:
    from service.workflows.outcomes import compute, outcomes

    return tuple(outcomes(publication, edition, compute(inputs, figures, edition, tell)))


def _compared(inputs: Inputs, public: Figures, before: Before, files: Mapping[str, str]) -> UpdateReport:
    """Hold everything but the results against what was published."""
    county = inputs.county
    now_areas = areas_table(inputs)
    # An area that came or went is told as such; its figures came or went with it and are no revision.
    common = _common(before.areas, now_areas)
    ids = pd.Index(pd.unique(pd.concat([now_areas["area_id"], before.areas["area_id"]])))
    both = ids[ids.isin(now_areas["area_id"]) & ids.isin(before.areas["area_id"])] if len(before.areas) else ids
    names = _names(before.areas) | _names(now_areas)
    old, new = _within(before.figures, ids), _within(inputs.figures.frames, ids)
    summed = _summed(county)
    every = fold.lines(county)
    inside = {level: areas.intersection(inputs.inside(level)) for level, areas in common.items()}
    areas = tuple(compare.redrawn(before.areas, now_areas)) if len(before.areas) else ()
    return UpdateReport(
        county=county.id,
        title=county.title,
        publication=None,
        created=before.created,
        files=tuple(_files(before.inputs, files)),
        new=tuple(_new(inputs, public, old, new, summed)),
        gone=tuple(Gone(v, y, len(old[v, y])) for v, y in sorted(old.keys() - new.keys())),
        revised=tuple(compare.revisions(_within(old, both), _within(new, both), names=names, summed=summed)),
        definitions=tuple(compare.broken(before.definitions, _as_json(definitions(county)))),
        areas=areas,
        suppression=tuple(_hidden(county, _within(before.public, both), _within(public.frames, both), names)),
        withheld_before=before.withheld,
        notes=tuple(before.notes),
        delivered=tuple(_delivered(inputs, areas)),
        made=tuple(_made(inputs, areas, names)),
        changed=tuple(fold.touched(every, old, new, areas=common, inside=inside, names=names)),
        fresh=tuple(fold.fresh(every, inputs, public, old, names)),
        titles=_titles(county, before.definitions),
    )


def _common(before: pd.DataFrame, now: pd.DataFrame) -> dict[str, pd.Index]:
    """Return the areas of each level that were there and are there; all of it where nobody kept what was."""
    out = {}
    for level, rows in now.groupby("level", sort=False):
        areas = pd.Index(rows["area_id"])
        was = before.loc[before["level"] == level, "area_id"]
        out[str(level)] = areas[areas.isin(was)] if len(before) else areas
    return out


def _delivered(inputs: Inputs, areas: Iterable[compare.Redrawn]) -> Iterable[Delivered]:
    """Yield removed areas of which a file still delivers figures."""
    for redrawn in areas:
        if inputs.county.levels[redrawn.level].cells is not None:
            continue  # files of cells cover more than the county, and a cell without a place is none of its areas
        for spec in inputs.county.tables.values():
            if redrawn.level not in spec.levels:
                continue
            table = inputs.tables[spec.id].table
            rows = table[table["area_id"].isin(redrawn.removed) & table["value"].notna()]
            for area, figures in rows.groupby("area_id", sort=True):
                yield Delivered(
                    area=str(area),
                    name=redrawn.names.get(str(area), ""),
                    level=redrawn.level,
                    file=", ".join(inputs.county.files(spec.id)),
                    first=int(figures["period"].min()),
                    last=int(figures["period"].max()),
                    figures=len(figures),
                )


def _made(inputs: Inputs, areas: Iterable[compare.Redrawn], names: Mapping[str, str]) -> Iterable[Made]:
    """Yield new areas, and areas with another extent, whose figures are brought from areas before."""
    if inputs.moves.empty:
        return
    added = {(a.level, area) for a in areas for area in (*a.added, *(key for key, _, _ in a.moved))}
    for (level, target), parts in inputs.moves.groupby(["level", "target"], sort=True):
        if (level, target) in added:
            shares = parts.drop_duplicates(["source", "share"]).sort_values(["source"])
            yield Made(
                area=str(target),
                name=names.get(str(target), ""),
                level=str(level),
                parts=tuple(
                    (" ".join(filter(None, [names.get(str(s)), f"({s})"])), float(share))
                    for s, share in zip(shares["source"], shares["share"], strict=True)
                ),
                first=int(parts["period"].min()),
                last=int(parts["period"].max()),
            )


def _titles(county: County, before: Mapping[str, Any]) -> dict[str, dict[str, Text]]:
    """Return what people call the things that definitions are about; ids of what is gone come from the publication."""

    def both(text: str) -> Text:
        return Text(text, text)

    gone: dict[str, Text] = {}
    for name, said in before.get("indicators", {}).items():
        title = said.get("title", name)
        gone[name] = Text(title["de"], title["en"]) if isinstance(title, dict) else both(str(title))
    levels = {lv.id: lv.title for lv in county.levels.values()}
    columns = {
        name: both(label(name, spec.column, spec.definition))
        for table in county.tables.values()
        for name, spec in table.columns.items()
    }
    old_columns = {
        name: both(label(name, said.get("column", name), said.get("definition", "")))
        for name, said in before.get("columns", {}).items()
    }
    return {
        "indicators": gone | {i.id: i.title for i in county.indicators.values()},
        "columns": old_columns | columns,
        "legends": {s.id: both(s.title) for s in county.sources.values()},
        "levels": levels,
        "ways": {
            f"{a.source} -> {a.target}": Text(
                f"{levels[a.source].de} → {levels[a.target].de}", f"{levels[a.source].en} → {levels[a.target].en}"
            )
            for a in county.allocations.values()
        },
    }


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _names(areas: pd.DataFrame) -> dict[str, str]:
    return dict(zip(areas["area_id"].astype(str), areas["name"].astype(str), strict=True))


def _within(frames: Mapping[tuple[str, int], pd.DataFrame], ids: pd.Index) -> dict[tuple[str, int], pd.DataFrame]:
    """Keep the areas that the county draws: a file of a whole Land changes in places that nobody looks at."""
    out = {}
    wanted = pd.Index(ids.astype(object))  # hashed once: isin would build its table of all cells for every frame
    for key, frame in frames.items():
        here = frame[wanted.get_indexer(pd.Index(frame.index.astype(object))) >= 0]
        if len(here):
            out[key] = here
    return out


def _files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[FileChange]:
    for file in [*now, *(f for f in before if f not in now)]:
        if file not in now:
            yield FileChange(file, "gone")
        elif file not in before:
            yield FileChange(file, "new")
        else:
            yield FileChange(file, "same" if now[file] == before[file] else "changed")


def _summed(county: County) -> dict[str, bool]:
    """Tell for each variable whether a sum over areas means anything."""
    means = {i.numerator for i in county.indicators.values() if i.kind == "mean"}
    columns = {name: spec for table in county.tables.values() for name, spec in table.columns.items()}
    return {name: name not in means and spec.unit not in ("%", "Prozent") for name, spec in columns.items()}


def _new(
    inputs: Inputs,
    public: Figures,
    old: Mapping[tuple[str, int], pd.DataFrame],
    new: Mapping[tuple[str, int], pd.DataFrame],
    summed: Mapping[str, bool],
) -> Iterable[NewYear]:
    known = {variable for variable, _ in old}
    tables = inputs.county.variables()
    for variable, year in sorted(new.keys() - old.keys()):
        areas = _own(inputs, tables[variable].levels, new[variable, year].index)
        values = inputs.figures.values(variable, year, areas)
        hidden = public.get(variable, year, areas)["status"] == Status.SUPPRESSED.value
        earlier = [y for v, y in new if v == variable and y < year]
        previous = max(earlier, default=None)
        total = previous_total = None
        if summed.get(variable):
            past = inputs.figures.values(variable, previous, areas) if previous is not None else values
            both = values.notna() & past.notna()
            total = float(values[both].sum())
            previous_total = float(past[both].sum()) if previous is not None else None
        yield NewYear(
            variable=variable,
            year=year,
            first=variable not in known,
            areas=int(values.notna().sum()),
            missing=int(values.isna().sum()),
            suppressed=int((hidden & values.notna()).sum()),
            total=total,
            previous_year=previous,
            previous_total=previous_total,
        )


def _own(inputs: Inputs, levels: Iterable[str], delivered: pd.Index) -> pd.Index:
    """Return the county's own areas of the first level that a file describes, so that nobody is counted twice."""
    for level in levels:
        if delivered.isin(inputs.inside(level)).any():
            return inputs.inside(level)
    return delivered


def _hidden(
    county: County,
    before: Mapping[tuple[str, int], pd.DataFrame],
    after: Mapping[tuple[str, int], pd.DataFrame],
    names: Mapping[str, str],
) -> Iterable[Hidden]:
    used: dict[str, list[str]] = {}
    for i in county.indicators.values():
        for name in [i.numerator, i.denominator, *(v for pair in i.breakdown.values() for v in pair)]:
            if name is not None:
                used.setdefault(name, []).append(i.id)
    for variable, year, newly, lifted in compare.newly_suppressed(before, after):
        yield Hidden(
            variable,
            year,
            tuple(dict.fromkeys(used.get(variable, []))),
            tuple(names.get(a, a) for a in newly),
            tuple(names.get(a, a) for a in lifted),
        )
