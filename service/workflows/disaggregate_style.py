"""How QGIS draws the layer that ``disaggregate`` wrote: the first rate, else mean, else count, as modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodata.models import Text
from service.cartography.classification import graduated
from service.workflows.diagnostics import decimals_of
from service.workflows.diagnostics_texts import SAID

if TYPE_CHECKING:
    import geopandas as gpd

    from geodata.store.model import FieldType
    from service.workflows.disaggregate import Task


def style_of(frame: gpd.GeoDataFrame, task: Task, language: str) -> tuple[str, str] | None:
    """Return name and QML of the style of a written layer.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        As it is written, the index named like the column of ids.
    task : Task
    language : {"de", "en"}
        Of labels and titles.

    Returns
    -------
    tuple of (str, str) or None
        None where no column has a value, or targets are no polygons.
    """
    from geodata.store.model import Field
    from geodata.store.qml import qml

    rates = {f"{top}_per_{bottom}": (top, bottom) for top, bottom in task.rates}
    drawn = next((name for name in [*rates, *task.means, *task.extensive] if frame[name].notna().any()), None)
    if drawn is None or set(frame.geom_type) - {"Polygon", "MultiPolygon"}:
        return None
    values = frame[drawn].astype("float64")
    style = graduated(values, field=drawn, decimals=decimals_of(values), modelled=True, polarity="neutral")
    kinds: dict[str, FieldType] = {"f": "number", "i": "integer"}
    columns = frame.drop(columns=frame.geometry.name)
    fields = [
        Field(name, kinds.get(dtype.kind, "string"), _title(name, drawn, rates.get(name)))
        for name, dtype in zip(
            [str(frame.index.name), *map(str, columns.columns)], [frame.index.dtype, *columns.dtypes], strict=True
        )
    ]
    return drawn, qml(style, fields, language)


def _title(name: str, drawn: str, parts: tuple[str, str] | None) -> Text:
    if parts is not None:
        top, bottom = parts
        return Text(*(SAID["per"][language].format(top=top, bottom=bottom) for language in ("de", "en")))
    if name == drawn:
        return Text(*(SAID["value_title"][language].format(name=name) for language in ("de", "en")))
    return Text(name, name)
