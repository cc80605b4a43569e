"""What the internal edition keeps of its inputs, so that the next year can be compared with it beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geodata import catalogue
from geodata.models import Status

if TYPE_CHECKING:
    from geodata.catalogue import Receipt
    from geodata.county import County
    from service.workflows.figures import Figures
    from service.workflows.licensed import Withheld
    from service.workflows.read import Inputs

FIGURES, AREAS, HIDDEN = "figures.parquet", "areas.parquet", "hidden.parquet"
#: Polygons are kept to a tenth of a metre: enough to see that a boundary moved.
_GRID_SIZE = 0.1


def remembered(
    inputs: Inputs, taken: Mapping[str, Receipt], withheld: Sequence[Withheld], public: Figures
) -> dict[str, Any]:
    """Return what only the internal manifest says: checksums, reading times, verdicts, definitions, what is withheld.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    taken : mapping of str to Receipt
        File → what it was then.
    withheld : sequence of Withheld
        What the public edition lacks, and why.
    public : Figures
        What the public edition may know.

    Returns
    -------
    dict
        JSON-serialisable.
    """
    verdicts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for name, table in inputs.tables.items():
        verdicts["table", name] = catalogue.observed(table)
    for name, layer in inputs.levels.items():
        verdicts["areas", name] = catalogue.mapped(layer)
    for name, raster in inputs.rasters.items():
        shape: tuple[int, ...] = getattr(raster.values, "shape", ())
        verdicts["raster", name] = {"rows": shape[0] * shape[1] if len(shape) == 2 else 0, "findings": [raster.crs]}
    return {
        "inputs": {file: receipt.sha256 for file, receipt in taken.items()},
        "notes": {name: list(table.notes) for name, table in inputs.tables.items()},
        "catalogue": [e.as_dict() for e in catalogue.entries(inputs.county, taken=taken, verdicts=verdicts)],
        "withheld": [item.as_dict() for item in withheld],
        "definitions": definitions(inputs.county),
        "public_variables": sorted({variable for variable, _ in public.frames}),
    }


def definitions(county: County) -> dict[str, dict[str, Any]]:
    """Return everything in ``county.toml`` that decides what a figure means.

    Parameters
    ----------
    county : County
        Its description.

    Returns
    -------
    dict of str to dict
        ``indicators``, ``columns``, ``legends``, ``levels``, ``ways``, ``index``, ``rules`` → id → what it says.
    """
    indicators = {
        i.id: {
            "title": asdict(i.title),
            "definition": asdict(i.definition),
            "topic": str(i.topic),
            "numerator": i.numerator,
            "denominator": i.denominator,
            "kind": i.kind,
            "unit": i.unit,
            "scale": i.scale,
            "polarity": str(i.polarity),
            "level": i.level,
            "handed_down": list(i.handed_down),
            "tested": i.tested,
            "breakdown": {sex: list(pair) for sex, pair in i.breakdown.items()},
        }
        for i in county.indicators.values()
    }
    columns = {
        name: {"table": t.id, "source": t.source, "format": t.format, "key": t.key, **spec.model_dump(mode="json")}
        for t in county.tables.values()
        for name, spec in t.columns.items()
    }
    return {
        "indicators": indicators,
        "columns": columns,
        "legends": {
            s.id: {
                "legend": s.legend,
                "origin": str(s.origin),
                "released": s.released,
                "reference_date": s.reference_date.isoformat() if s.reference_date else None,
            }
            for s in county.sources.values()
        },
        "levels": {
            lv.id: lv.model_dump(mode="json", exclude={"title", "editions", "file"}) for lv in county.levels.values()
        },
        "ways": {f"{a.source} -> {a.target}": {"weights": a.weights} for a in county.allocations.values()},
        "index": {"index": county.index.model_dump(mode="json")} if county.index else {},
        "rules": {"publication": county.publication.model_dump(mode="json", exclude={"keep"})},
    }


def areas_table(inputs: Inputs) -> pd.DataFrame:
    """Return the areas of all levels in one table.

    Parameters
    ----------
    inputs : Inputs
        What was read.

    Returns
    -------
    pandas.DataFrame
        ``level``, ``area_id``, ``name``, ``parent_id``, ``context`` and ``shape`` (WKB; None for cells, whose id says
        where they are).
    """
    import shapely

    parts = []
    for level, layer in inputs.levels.items():
        areas = layer.areas
        shapes: Any = None
        if not layer.is_grid:
            polygons = shapely.set_precision(areas.geometry.to_numpy(), _GRID_SIZE)
            shapes = shapely.to_wkb(shapely.normalize(polygons), byte_order=1)
        parts.append(
            pd.DataFrame(
                {
                    "level": level,
                    "area_id": areas.index.astype(str),
                    "name": areas["name"].astype(str).to_numpy(),
                    "parent_id": areas["parent_id"].to_numpy() if "parent_id" in areas else None,
                    "context": areas["context"].astype(bool).to_numpy(),
                    "shape": shapes,
                }
            ).astype({"parent_id": object, "shape": object})
        )
    return pd.concat(parts, ignore_index=True)


def keep_areas(folder: Path, inputs: Inputs) -> None:
    """Write the areas into the internal edition's ``inputs``.

    Parameters
    ----------
    folder : pathlib.Path
        Of the internal edition.
    inputs : Inputs
        What was read.
    """
    areas_table(inputs).to_parquet(folder / "inputs" / AREAS, index=False)


def keep_hidden(folder: Path, known: Figures, public: Figures) -> None:
    """Write into the internal edition's ``inputs`` which values the public one does not know.

    Parameters
    ----------
    folder : pathlib.Path
        Of the internal edition.
    known, public : Figures
        What the internal and the public edition may know.
    """
    parts = []
    for (variable, period), frame in public.frames.items():
        before = known.frames[variable, period]["status"].reindex(frame.index)
        ours = frame.index[(frame["status"] == Status.SUPPRESSED) & (before != Status.SUPPRESSED)]
        parts.append(pd.DataFrame({"variable": variable, "period": period, "area_id": ours.astype(str)}))
    empty = pd.DataFrame({"variable": [], "period": [], "area_id": []})
    pd.concat([empty, *parts], ignore_index=True).astype({"period": "int64"}).to_parquet(
        folder / "inputs" / HIDDEN, index=False
    )


def public_of(folder: Path, known: Figures, variables: Sequence[str]) -> Figures:
    """Return what the public edition knew, from what the internal one keeps.

    Parameters
    ----------
    folder : pathlib.Path
        Of the internal edition.
    known : Figures
        What it keeps of all values.
    variables : sequence of str
        ``public_variables`` of its manifest.

    Returns
    -------
    Figures
        Without the variables that were withheld, and with what was suppressed missing.
    """
    from service.workflows.figures import Figures

    shown = set(variables)
    frames = {key: frame for key, frame in known.frames.items() if key[0] in shown}
    hidden = pd.read_parquet(folder / "inputs" / HIDDEN)
    return Figures(frames, {}).suppress(
        {
            (str(key[0]), int(str(key[1]))): list(part["area_id"])
            for key, part in hidden.groupby(["variable", "period"], sort=False)
        }
    )
