"""Lines that people copy into a report or a web page: a frame, a picture, a link."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from geodata.store.protocol import CollectionMeta
from service.api.dependencies import Context

#: Height of the frame before (or without) the script that fits it.
HEIGHT = 640


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line to copy.

    Attributes
    ----------
    key : str
        Which variant; its title and explanation stand in ``service/locale``.
    code : str
        HTML with absolute addresses.
    """

    key: str
    code: str


def snippets(
    context: Context, meta: CollectionMeta, *, period: int | None = None, field: str | None = None
) -> list[Snippet]:
    """Return the lines that embed a collection's map.

    Parameters
    ----------
    context : Context
        For addresses and language.
    meta : CollectionMeta
        What is embedded.
    period, field : optional
        The view; the latest year and the default field without them.

    Returns
    -------
    list of Snippet
        ``fixed`` shows this publication for as long as it exists, ``latest`` always the newest, ``picture`` is an
        image that links to the map, ``script`` is a frame that fits its height.
    """
    # What is pinned says its year; what follows the newest publication must not, or it would stay in this one.
    year = period if period is not None else (meta.periods[-1] if meta.periods else None)
    what = field if meta.styles and field != meta.styles[0].field else None
    named = f"{meta.title[context.language]}, {year}"
    fixed = {"period": year, "field": what, "publication": context.served.id}
    newest = {"field": what, "period": period if period != (meta.periods or (None,))[-1] else None, "publication": None}
    to = context.addresses.to
    base = meta.base

    def frame(source: str) -> str:
        return (
            f'<iframe src="{escape(source)}" title="{escape(meta.title[context.language])}" width="100%" '
            f'height="{HEIGHT}" loading="lazy" style="border:0"></iframe>'
        )

    picture = to("maps", f"{base}.png", **fixed)
    linked = to("maps", base, **fixed)
    script = f'<script src="{escape(context.addresses.base)}/static/embed-parent.js" async></script>'
    return [
        Snippet("fixed", frame(to("embed", base, **fixed))),
        Snippet("latest", frame(to("embed", base, **newest))),
        Snippet("script", frame(to("embed", base, **fixed)) + script),
        Snippet(
            "picture",
            f'<a href="{escape(linked)}"><img src="{escape(picture)}" alt="{escape(named)}" '
            'style="max-width:100%;height:auto"></a>',
        ),
    ]
