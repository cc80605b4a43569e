"""Pictures of layers that lie in memory: from a frame of areas and a table of labels to the content of a map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from service.cartography.content import MapContent

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from geodata.store.model import Style

#: Digits of longitude and latitude (1 cm) and of metres (1 cm).
DEGREES, METRES = 7, 2


def content_of(
    zones: gpd.GeoDataFrame,
    rows: pd.DataFrame,
    style: Style,
    *,
    title: str,
    subtitle: str = "",
    outlines: gpd.GeoDataFrame | None = None,
    **said: Any,
) -> MapContent:
    """Gather what a map of areas and their labels shows.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        Polygons in any CRS, indexed by area id; a column ``name`` names them.
    rows : pandas.DataFrame
        Properties that are drawn, same index: at least the field of the style, and ``state`` for a test.
    style : Style
        Classes and colours.
    title, subtitle : str
        Over the map.
    outlines : geopandas.GeoDataFrame, optional
        Borders drawn thin over the areas.
    **said
        Further texts of :class:`service.cartography.content.MapContent`.

    Returns
    -------
    MapContent
        For :func:`service.cartography.static.render_png` and :mod:`service.cartography.panels`.
    """
    metres = zones if not zones.crs.is_geographic else zones.to_crs(zones.estimate_utm_crs())
    names = zones["name"] if "name" in zones.columns else zones.index.astype(str)
    properties = rows.assign(area_id=zones.index.astype(str), name=list(names))
    return MapContent(
        title=title,
        subtitle=subtitle,
        style=style,
        features=_features(zones.to_crs(4326), properties, DEGREES),
        features_projected=_features(metres, properties, METRES),
        outline_features=None if outlines is None else _features(outlines.to_crs(4326), None, DEGREES),
        projected_crs=metres.crs.to_string(),
        **said,
    )


def _features(zones: gpd.GeoDataFrame, rows: pd.DataFrame | None, digits: int) -> str:
    import shapely

    shapes = shapely.to_geojson(shapely.set_precision(zones.geometry.to_numpy(), 10.0**-digits))
    # Through pandas' JSON: it writes NaN and missing as null and knows NumPy's numbers.
    records = [{}] * len(zones) if rows is None else json.loads(rows.to_json(orient="records"))
    features = [
        {"type": "Feature", "geometry": json.loads(shape), "properties": record}
        for shape, record in zip(shapes, records, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
