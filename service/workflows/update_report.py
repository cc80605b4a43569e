"""What ``sozialmonitor update`` says: rows of plain values, for the table, the page, JSON and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from geodata.models import Text
from service.workflows.compare import Broken, Redrawn, Revision, Row
from service.workflows.fold import Fresh, Touched
from service.workflows.licensed import Withheld

if TYPE_CHECKING:
    from geodata.store.model import Edition
    from service.workflows.outcomes import Outcome


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
class Delivered(Row):
    """An area that the boundaries do not have any more while a file still delivers figures of it.

    Attributes
    ----------
    first, last : int
        Years of these figures.
    figures : int
        How many there are.
    """

    area: str
    name: str
    level: str
    file: str
    first: int
    last: int
    figures: int


@dataclass(frozen=True, slots=True)
class Made(Row):
    """An area whose figures are brought from another Gebietsstand, and what they are made of.

    Attributes
    ----------
    parts : tuple of (str, float)
        Name or key of each area before, and the share of its figures.
    first, last : int
        Years.
    """

    area: str
    name: str
    level: str
    parts: tuple[tuple[str, float], ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a run would not accept the files; in the words of the run."""

    message: str
    where: str
    hint: str


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
    refused : Refused or None
        A run would publish nothing: why.
    changed, fresh : tuple of Touched, tuple of Fresh
        ``revised`` and ``new``, one row for each indicator and year.
    results : tuple of Outcome or None
        Classes and labels that would change in ``edition``; None where they were not computed.
    titles : mapping of str to mapping of str to Text
        Kind of definition → id → what people call it.
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
    refused: Refused | None = None
    delivered: tuple[Delivered, ...] = ()
    made: tuple[Made, ...] = ()
    changed: tuple[Touched, ...] = ()
    fresh: tuple[Fresh, ...] = ()
    edition: Edition = "public"
    results: tuple[Outcome, ...] | None = None
    titles: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        """The files say what was published, and mean it."""
        return (
            not (self.new or self.gone or self.revised or self.definitions or self.areas or self.suppression)
            and not (self.refused or self.delivered or self.results)
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
            "refused": None if self.refused is None else asdict(self.refused),
            "delivered": [r.as_dict() for r in self.delivered],
            "made": [r.as_dict() for r in self.made],
            "changed": [r.as_dict() for r in self.changed],
            "fresh": [r.as_dict() for r in self.fresh],
            "edition": self.edition,
            "results": None if self.results is None else [r.as_dict() for r in self.results],
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
