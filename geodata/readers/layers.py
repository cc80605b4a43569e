"""Describe a vector file: what each layer holds, which fields can be keys, what stands in the way of using it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from geodata.errors import CaseDataError, GeodataError, some
from geodata.readers import features, vector, vg250
from geodata.readers.verdict import Verdict

if TYPE_CHECKING:
    import geopandas as gpd

_AREAS = {"Polygon", "MultiPolygon"}


def describe_vector(path: Path) -> Verdict:
    """Describe every layer of a vector file.

    Parameters
    ----------
    path : pathlib.Path
        GeoPackage, Shapefile, GeoJSON, FlatGeobuf, GeoParquet or whatever else GDAL reads.

    Returns
    -------
    Verdict
        ``rows`` are features, ``areas`` those that are polygons. A layer of lines or points is described as such; one
        of several layers that cannot be read is named among the findings.

    Raises
    ------
    GeodataError
        No layer can be read; or the only one has no CRS, a wrong one, or invalid geometries.
    """
    layers = features.list_layers(path)
    findings: list[str] = []
    rows = areas = 0
    refused: GeodataError | None = None
    for layer in layers:
        where = f"{path} [{layer}]"
        try:
            frame = features.read_features(path, layer=layer, where=where)
            said, polygons = _layer(frame, layer, where)
        except CaseDataError:
            raise  # one such layer is one too many
        except GeodataError as error:
            refused = error
            findings.append(f"layer {layer}: {error.message}")
            continue
        rows += len(frame)
        areas += polygons
        findings += said
    if refused is not None and not rows:
        raise refused
    return Verdict("vector", rows=rows, areas=areas, variables=tuple(layers), findings=tuple(findings))


def _layer(frame: gpd.GeoDataFrame, layer: str, where: str) -> tuple[list[str], int]:
    """Return what is to be said about a layer, and how many areas it has."""
    from geodata.crs import require_crs

    crs = require_crs(frame, where)
    fields = [str(c) for c in frame.columns if c != "geometry"]
    kinds = sorted({str(kind) for kind in frame.geometry.geom_type.dropna().unique()})
    what = "areas" if set(kinds) <= _AREAS else "features"
    said = [f"{len(frame)} {what}, {crs.to_string()}, fields {some(fields, 12)}"]
    polygons = 0
    if kinds and not _AREAS & set(kinds):
        said.append(f"{', '.join(kinds)}, no areas: it cannot be a level")
    else:
        vector.check_geometries(frame.geometry, _names(frame), where)
        polygons = len(frame)
    vector.require_plausible(frame, where)
    if not crs.is_projected:
        said.append("coordinates in degrees; they are reprojected to the county's CRS when read")
    unique = [f for f in fields if pd.api.types.is_string_dtype(frame[f]) and frame[f].is_unique]
    if unique:
        said.append(f"every value differs in {some(unique)}: these can be the key (id_field)")
    else:
        numbers = [f for f in fields if pd.api.types.is_integer_dtype(frame[f]) and frame[f].is_unique]
        more = f"; numbers that differ: {some(numbers)}" if numbers else ""
        said.append(f"no field of text is unique: filter with keep, or unite with dissolve{more}")
    if vg250.is_attributes(fields):
        said += vg250.attribute_findings(pd.DataFrame(frame.drop(columns="geometry")))
    else:
        for field in ("ARS", "RS", "AGS"):
            if field in fields and not frame[field].astype("str").is_unique:
                repeated = pd.unique(frame[field].astype("str")[frame[field].astype("str").duplicated()])
                said.append(f"{field} repeats ({some(repeated)}): filter GF = 4, or dissolve")
    return [f"layer {layer}: {sentence}" for sentence in said], polygons


def _names(frame: gpd.GeoDataFrame) -> list[str]:
    """Name features for messages: by the first field with a unique text, else by their number."""
    for column in frame.columns:
        if column != "geometry" and pd.api.types.is_string_dtype(frame[column]) and frame[column].is_unique:
            return [str(value) for value in frame[column]]
    return [f"feature {number}" for number in range(1, len(frame) + 1)]
