"""A figure of how sure the ranks of the index are, from the layer that is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from service.locale import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from geodata.store.model import Collection

STEM = "index_ranks"


def draw_ranks(folder: Path, collections: Sequence[Collection]) -> list[Path]:
    """Draw rank intervals and class probabilities of the latest year.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``index_ranks.png`` and ``index_ranks.en.png`` go; made if it does not exist.
    collections : sequence of Collection
        Of an edition; the one of the index tells what was varied.

    Returns
    -------
    list of pathlib.Path
        Empty where no index says how sure it is.
    """
    from service.cartography.index_figures import draw_sensitivity
    from spatial.index.sensitivity import SensitivityResult

    found = [c for c in collections if c.kind == "index" and "variants" in c.metadata]
    written = []
    for c in found:
        note = c.metadata["variants"]
        table = c.table[(c.table["period"] == note["period"]) & ~c.table["context"].astype(bool)]
        table = table.set_index("area_id")
        status = next(f for f in c.fields if f.name == "status_class")
        folder.mkdir(exist_ok=True)
        for language in LANGUAGES:
            labels = [text[language] for text in status.values.values()]
            renamed = {f"probability_{k}": f"probability_{label}" for k, label in enumerate(labels, start=1)}
            numbers = table[["rank", "rank_low", "rank_high", *renamed]].apply(pd.to_numeric)
            result = SensitivityResult(
                numbers.rename(columns=renamed), note["variants"], note["level"], tuple(labels), tuple(note["factors"])
            )
            path = folder / (f"{STEM}.png" if language == "de" else f"{STEM}.{language}.png")
            draw_sensitivity(
                path, result, table["name"], title=f"{c.title[language]}, {note['period']}", language=language
            )
            written.append(path)
    return written
