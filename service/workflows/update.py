"""Add a year: what the files say now against what is published, before anything is published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata import catalogue
from geodata.errors import NotFoundError
from geodata.models import Status, Text
from service.workflows import compare
from service.workflows.compare import Broken, Redrawn, Revision, Row, split
from service.workflows.figures import Figures
from service.workflows.kept import AREAS, FIGURES, HIDDEN, areas_table, definitions, public_of
from service.workflows.licensed import Withheld, publishable
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public

if TYPE_CHECKING:
    from geodata.county import County
    from geodata.store.publication import Publication


@dataclass(frozen=True, slots=True)
class NewYear(Row):
    """A year of a variable that the current publication does not have.

    Attributes
    ----------
    areas, missing : int
        Areas of the county with a number, and without one.
    suppressed : int
        Of the numbers, how many the public edition would not show.
    total, previous_total : float or None
        Sums over the areas that have a number in this year and in ``previous_year``; None for means.
    """

    variable: str
    year: int
    first: bool
    areas: int
    missing: int
    suppressed: int
    total: float | None
    previous_year: int | None
    previous_total: float | None


@dataclass(frozen=True, slots=True)
class Gone(Row):
    """A year of a variable that the files do not have any more."""

    variable: str
    year: int
    areas: int


@dataclass(frozen=True, slots=True)
class FileChange(Row):
    """A file: ``new``, ``changed``, ``same`` or ``gone``."""

    file: str
    state: str


@dataclass(frozen=True, slots=True)
class Hidden(Row):
    """Numbers that were shown and would be suppressed, and the other way round.

    Attributes
    ----------
    newly, lifted : tuple of str
        Names of the areas.
    indicators : tuple of str
        Indicators that show the variable.
    """

    variable: str
    year: int
    indicators: tuple[str, ...]
    newly: tuple[str, ...]
    lifted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What the files say now against the current publication; for inside, since it holds unsuppressed values.

    Attributes
    ----------
    publication : str or None
        The one that was compared with, None where there is none: then everything is new.
    withheld_before : tuple of str
        What the public edition lacked then, as ``kind id``.
    notes : tuple of Text
        What could not be compared, and why.
    """

    county: str
    title: Text
    publication: str | None
    created: str
    files: tuple[FileChange, ...]
    new: tuple[NewYear, ...]
    gone: tuple[Gone, ...]
    revised: tuple[Revision, ...]
    definitions: tuple[Broken, ...]
    areas: tuple[Redrawn, ...]
    suppression: tuple[Hidden, ...]
    withheld: tuple[Withheld, ...] = ()
    withheld_before: tuple[str, ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def unchanged(self) -> bool:
        """The files say what was published, and mean it."""
        return (
            not (self.new or self.gone or self.revised or self.definitions or self.areas or self.suppression)
            and not self.newly_withheld
            and all(f.state == "same" for f in self.files)
        )

    @property
    def newly_withheld(self) -> tuple[Withheld, ...]:
        """What the public edition has now and would lack."""
        return tuple(w for w in self.withheld if f"{w.kind} {w.id}" not in self.withheld_before)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "county": self.county,
            "publication": self.publication,
            "created": self.created,
            "unchanged": self.unchanged,
            "files": [r.as_dict() for r in self.files],
            "new": [r.as_dict() for r in self.new],
            "gone": [r.as_dict() for r in self.gone],
            "revised": [r.as_dict() for r in self.revised],
            "definitions": [r.as_dict() for r in self.definitions],
            "areas": [r.as_dict() for r in self.areas],
            "suppression": [r.as_dict() for r in self.suppression],
            "withheld": [w.as_dict() for w in self.withheld],
            "notes": [asdict(n) for n in self.notes],
        }


def compare_with_current(
    folder: Path, *, state: Path, data: Path | None = None, say: Callable[[str], None] = lambda _line: None
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

    county = load_county(folder, data=data)
    taken = catalogue.receipts(county)
    inputs = read_inputs(county, progress=say)
    catalogue.require_unchanged(county, taken)
    view, withheld = publishable(inputs)
    public = suppressed_for_public(view)
    try:
        publication: Publication | None = PublicationStore(state, county.id).current()
    except NotFoundError:
        publication = None
    before = _Before.read(publication, inputs)
    now_areas = areas_table(inputs)
    ids = pd.Index(pd.unique(pd.concat([now_areas["area_id"], before.areas["area_id"]])))
    names = _names(before.areas) | _names(now_areas)
    old, new = _within(before.figures, ids), _within(inputs.figures.frames, ids)
    summed = _summed(county)
    return UpdateReport(
        county=county.id,
        title=county.title,
        publication=publication.id if publication else None,
        created=before.created,
        files=tuple(_files(before.inputs, {file: receipt.sha256 for file, receipt in taken.items()})),
        new=tuple(_new(inputs, public, old, new, summed)),
        gone=tuple(Gone(v, y, len(old[v, y])) for v, y in sorted(old.keys() - new.keys())),
        revised=tuple(compare.revisions(old, new, names=names, summed=summed)),
        definitions=tuple(compare.broken(before.definitions, _as_json(definitions(county)))),
        areas=tuple(compare.redrawn(before.areas, now_areas)) if len(before.areas) else (),
        suppression=tuple(_hidden(county, _within(before.public, ids), _within(public.frames, ids), names)),
        withheld=withheld,
        withheld_before=before.withheld,
        notes=tuple(before.notes),
    )


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


@dataclass(frozen=True, slots=True)
class _Before:
    """What the current publication keeps."""

    figures: Mapping[tuple[str, int], pd.DataFrame]
    public: Mapping[tuple[str, int], pd.DataFrame]
    areas: pd.DataFrame
    inputs: Mapping[str, str]
    definitions: Mapping[str, Any]
    withheld: tuple[str, ...]
    created: str
    notes: tuple[Text, ...]

    @classmethod
    def read(cls, publication: Publication | None, inputs: Inputs) -> _Before:
        """Read it; what an older version of the software did not keep is said, not guessed."""
        empty = areas_table(inputs).iloc[:0]
        if publication is None:
            note = Text(
                "Es gibt noch keine Veröffentlichung: Alles ist neu.",
                "There is no publication yet: everything is new.",
            )
            return cls({}, {}, empty, {}, {}, (), "", (note,))
        notes = []
        manifest = publication.manifest("internal")
        kept = publication.edition_dir("internal") / "inputs"
        areas = empty
        if (kept / AREAS).is_file():
            areas = pd.read_parquet(kept / AREAS)
        if not len(areas) or "definitions" not in manifest:
            notes.append(
                Text(
                    "Diese Veröffentlichung hat Gebiete und Definitionen noch nicht aufbewahrt: Nur die Werte werden "
                    "verglichen. Nach dem nächsten Lauf ist das anders.",
                    "This publication did not keep areas and definitions yet: only values are compared. After the next "
                    "run it is different.",
                )
            )
        figures = Figures(split(pd.read_parquet(kept / FIGURES)), {})
        public: Mapping[tuple[str, int], pd.DataFrame] = {}
        if "public" in publication.editions and (kept / HIDDEN).is_file():
            public = public_of(kept.parent, figures, manifest["public_variables"]).frames
        return cls(
            figures=figures.frames,
            public=public,
            areas=areas,
            inputs=manifest.get("inputs", {}),
            definitions=manifest.get("definitions", {}),
            withheld=tuple(f"{w['kind']} {w['id']}" for w in manifest.get("withheld", ())),
            created=str(manifest.get("created", "")),
            notes=tuple(notes),
        )


def _names(areas: pd.DataFrame) -> dict[str, str]:
    return dict(zip(areas["area_id"].astype(str), areas["name"].astype(str), strict=True))


def _within(frames: Mapping[tuple[str, int], pd.DataFrame], ids: pd.Index) -> dict[tuple[str, int], pd.DataFrame]:
    """Keep the areas that the county draws: a file of a whole Land changes in places that nobody looks at."""
    out = {}
    for key, frame in frames.items():
        here = frame[frame.index.isin(ids)]
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
