"""What the worker processes do: read the rows of a publication and draw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from geodata.store.sqlite import SqliteStore
    from service.cartography.content import MapContent

PictureFormat = Literal["png", "svg", "pdf"]


@dataclass(frozen=True, slots=True)
class Order:
    """Which map is wanted.

    Attributes
    ----------
    serve : str
        Path of the publication's ``serve.sqlite``.
    permalink : str
        The map's lasting address, printed on it; empty where it is not known.
    """

    serve: str
    collection: str
    period: int
    field: str
    language: str
    permalink: str = ""


@lru_cache(maxsize=2)
def _store(path: str) -> SqliteStore:
    from geodata.store.sqlite import SqliteStore

    return SqliteStore(Path(path))


def _content(order: Order, *, projected: bool = False) -> MapContent:
    from service.cartography.compose import map_content

    return map_content(
        _store(order.serve),
        order.collection,
        period=order.period,
        field=order.field,
        language=order.language,
        permalink=order.permalink,
        projected=projected,
    )


def page(order: Order, assets: str, nonce: str, basemap: Mapping[str, Any] | None) -> str:
    """Render a map page.

    Parameters
    ----------
    order : Order
        Which map.
    assets : str
        Prefix under which the application serves the vendored files.
    nonce : str
        Stands where each answer puts its own.
    basemap : mapping or None
        ``url`` and ``attribution`` of the operator's tiles.

    Returns
    -------
    str
        HTML.
    """
    from service.cartography.interactive import render_map

    return render_map(_content(order), assets=assets, nonce=nonce, basemap=basemap)


def thumbnail(order: Order) -> str:
    """Draw a map's preview as SVG.

    Parameters
    ----------
    order : Order
        Which map.

    Returns
    -------
    str
        SVG.
    """
    from service.cartography.thumbnail import render_thumbnail

    return render_thumbnail(_content(order))


def picture(order: Order, width_mm: float, dpi: int, kind: PictureFormat) -> bytes:
    """Draw a map as PNG, SVG or PDF.

    Parameters
    ----------
    order : Order
        Which map.
    width_mm : float
        Width on paper.
    dpi : int
        Resolution of a PNG.
    kind : {"png", "svg", "pdf"}
        Format.

    Returns
    -------
    bytes
        The file.
    """
    from service.cartography.static import render_png

    return render_png(_content(order, projected=True), width_mm=width_mm, dpi=dpi, format=kind)
