"""Whatever the hidden values are, the public edition is the same: nothing in it is computed from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from geodata.county import load_county
from geodata.models import Status
from service.reports.indicator_sheet import build_sheets
from service.workflows.figures import Figures
from service.workflows.handdown import build_allocations
from service.workflows.licensed import publishable
from service.workflows.profiles import ProfileBook
from service.workflows.read import Inputs, read_inputs
from service.workflows.run import build_edition, manifest
from service.workflows.suppress import suppressed_for_public
from service.workflows.waiting import waiting


def published(inputs: Inputs, figures: Figures) -> dict[str, str]:
    """Return all that a public edition says, as text: tables, what stands beside them, manifest and sheets."""
    view, _ = publishable(inputs)
    allocations = build_allocations(inputs)
    built = build_edition(view, "public", figures, {pair: allocations[pair] for pair in view.county.allocations})
    said: dict[str, Any] = manifest("0001", view, built)
    del said["created"]
    waits = [one.as_dict() for one in waiting(view)]
    sheets = build_sheets(
        view.county,
        view.levels,
        built.collections,
        tables=view.tables,
        edition="public",
        publication="0001",
        waiting=waits,
    )
    out = {"manifest": json.dumps(said, sort_keys=True, default=str), "sheets": repr(sheets)}
    out["measures"] = repr(built.measures)
    out["profiles"] = repr(ProfileBook(view, built.collections, built.measures).profiles())
    for c in built.collections:
        beside = json.dumps(dict(c.metadata), sort_keys=True, default=str)
        out[c.id] = f"{c.table.to_csv()}\n{beside}\n{c.styles!r}\n{c.fields!r}"
    return out


def test_other_hidden_values_change_nothing_that_is_published(tiny_county: Path) -> None:
    county = load_county(tiny_county)
    quick = county.tests.model_copy(update={"permutations": 999, "robust_draws": 2})
    inputs = read_inputs(replace(county, tests=quick))
    public = suppressed_for_public(inputs)
    frames, hidden, moved = {}, {}, 0
    for key, frame in inputs.figures.frames.items():
        here = (public.frames[key]["status"] == Status.SUPPRESSED).to_numpy() & frame["value"].notna().to_numpy()
        hidden[key] = list(frame.index[here])
        other = frame["value"].mask(here, 3 * frame["value"] + 17)
        frames[key] = frame.assign(value=other)
        moved += int(here.sum())
    assert moved > 10, "the tiny county hides something, or this says nothing"
    changed = replace(inputs, figures=Figures(frames, inputs.figures.sources, inputs.figures.units))
    before, after = published(inputs, public), published(changed, changed.figures.suppress(hidden))
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []
    # The same comparison sees a single figure that the public edition does know.
    key = next(k for k in public.frames if k[0] == "sgb2" and public.frames[k]["value"].notna().any())
    first = public.frames[key]["value"].first_valid_index()
    bumped = public.frames[key].copy()
    bumped.loc[first, "value"] = bumped.loc[first, "value"] + 1
    seen = published(inputs, Figures({**public.frames, key: bumped}, public.sources, public.units))
    assert [name for name in before if before[name] != seen[name]]
