"""What the current publication keeps of its inputs, read back for the comparison of the next year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata.errors import StoreError
from geodata.models import Text
from service.workflows.compare import split
from service.workflows.figures import Figures
from service.workflows.kept import AREAS, FIGURES, HIDDEN, areas_table, public_of

if TYPE_CHECKING:
    from geodata.store.publication import Publication
    from service.workflows.read import Inputs


@dataclass(frozen=True, slots=True)
class Before:
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
    def read(cls, publication: Publication | None, inputs: Inputs) -> Before:
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
            areas = _table(kept / AREAS)
        if not len(areas) or "definitions" not in manifest:
            notes.append(
                Text(
                    "Diese Veröffentlichung hat Gebiete und Definitionen noch nicht aufbewahrt: Nur die Werte werden "
                    "verglichen. Nach dem nächsten Lauf ist das anders.",
                    "This publication did not keep areas and definitions yet: only values are compared. After the next "
                    "run it is different.",
                )
            )
        figures = Figures(split(_table(kept / FIGURES)), {})
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


def _table(path: Path) -> pd.DataFrame:
    """Read what a run kept; what cannot be read must not look like a first year."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        raise StoreError(
            f"what the publication keeps of its inputs cannot be read: {error}",
            where=str(path),
            hint="restore the file from a backup, or run the county again from the old files",
        ) from error
