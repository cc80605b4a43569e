"""From query parameters to an :class:`~geodata.store.query.ItemQuery`; whatever is not understood is refused."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping

from geodata.crs import CRS84
from geodata.store.protocol import CollectionMeta
from geodata.store.query import BBox, ItemQuery, Scalar
from service.api.errors import BadRequestError
from service.api.ogc.crs import announced, to_uri

DEFAULT_LIMIT = 100
#: Above this ``limit`` is capped, not refused. 100 m cells of a county come in a handful of pages.
MAX_LIMIT = 5_000

#: Parameters that every resource takes.
COMMON = ("f", "lang", "publication")
#: Parameters of ``items`` beside those and the queryables.
ITEMS = ("limit", "next", "bbox", "bbox-crs", "crs", "datetime")

#: RFC 3339: a date, or a date with a time and its offset from UTC.
_DATE_TIME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"([Tt](?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?",
    re.ASCII,
)
_PARTS = ("year", "month", "day", "hour", "minute", "second")


def only(given: Iterable[tuple[str, str]], allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters, refusing unknown and repeated ones.

    Parameters
    ----------
    given : iterable of (str, str)
        Names and values as they stand in the address.
    allowed : iterable of str
        What this resource takes beside :data:`COMMON`.

    Returns
    -------
    dict of str to str
        Value by name.

    Raises
    ------
    BadRequestError
        One is unknown or given twice.
    """
    known = [*allowed, *COMMON]
    found: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            raise BadRequestError("unknown_parameter", parameter=name, allowed=sorted(known), name=name)
        if name in found:
            raise BadRequestError("repeated_parameter", parameter=name, name=name)
        found[name] = value
    return found


def read_limit(text: str | None) -> int:
    """Read ``limit``: a whole number from 1; above :data:`MAX_LIMIT` it is capped, as the standard asks."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) < 1:
        raise BadRequestError("limit", parameter="limit", found=text, maximum=MAX_LIMIT)
    return min(int(text), MAX_LIMIT)


def read_crs(text: str | None, meta: CollectionMeta, parameter: str) -> str:
    """Read ``crs`` or ``bbox-crs``: the URI of one of the collection's CRSs, CRS84 without one."""
    if text is None:
        return CRS84
    known = {to_uri(crs): crs for crs in announced(meta.crs)}
    if text not in known:
        raise BadRequestError("crs", parameter=parameter, allowed=list(known), name=parameter, found=text)
    return known[text]


def read_bbox(text: str | None, crs: str) -> BBox | None:
    """Read ``bbox``: four numbers, or six of which the heights are ignored.

    Parameters
    ----------
    text : str or None
        As given.
    crs : str
        CRS of the numbers, as the store names it.

    Returns
    -------
    tuple of four float or None
        minx, miny, maxx, maxy.

    Raises
    ------
    BadRequestError
        Not four or six finite numbers, or a minimum above its maximum.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in {4, 6} or not all(math.isfinite(number) for number in numbers):
        raise BadRequestError("bbox", parameter="bbox", found=text)
    if len(numbers) == 6:
        if numbers[2] > numbers[5]:
            raise BadRequestError("bbox_order", parameter="bbox", found=text)
        numbers = [*numbers[0:2], *numbers[3:5]]
    minx, miny, maxx, maxy = numbers
    if miny > maxy or (minx > maxx and crs != CRS84):
        raise BadRequestError("bbox_order", parameter="bbox", found=text)
    if crs == CRS84 and not (-180 <= minx <= 180 and -180 <= maxx <= 180 and miny >= -90 and maxy <= 90):
        raise BadRequestError("bbox_degrees", parameter="bbox", found=text)
    return minx, miny, maxx, maxy


def read_datetime(text: str | None) -> tuple[int | None, int | None]:
    """Read ``datetime``: an instant or an interval, open ends as ``..`` or nothing.

    A feature's time is its whole ``period``, so it is matched when the interval meets any part of that year.

    Parameters
    ----------
    text : str or None
        For example ``2021-05-01T00:00:00Z``, ``2019-01-01/..`` or ``/2020-12-31``.

    Returns
    -------
    first, last : int or None
        Years, both included; None is open.

    Raises
    ------
    BadRequestError
        Not an RFC 3339 instant or interval, or one that ends before it begins.
    """
    if text is None:
        return None, None
    ends = text.split("/")
    if len(ends) > 2:
        raise BadRequestError("datetime", parameter="datetime", found=text)
    read = [_instant(end, text, open_allowed=len(ends) == 2) for end in ends]
    first, last = read[0], read[-1]
    if len(ends) == 2 and first is None and last is None and text not in {"../..", "/", "../", "/.."}:
        raise BadRequestError("datetime", parameter="datetime", found=text)
    if first is not None and last is not None and first > last:
        raise BadRequestError("datetime_order", parameter="datetime", found=text)
    return (first[0] if first else None), (last[0] if last else None)


def _instant(end: str, text: str, *, open_allowed: bool) -> tuple[int, ...] | None:
    """Read one end as (year, month, day, hour, minute, second); None where it is open."""
    if open_allowed and end in {"", ".."}:
        return None
    found = _DATE_TIME.fullmatch(end)
    if found is None:
        raise BadRequestError("datetime", parameter="datetime", found=text)
    numbers = [int(found[name] or 0) for name in _PARTS]
    year, month, day, hour, minute, second = numbers
    try:
        # Clients write the year 0000 for "since ever", and RFC 3339 allows the leap second 60; datetime knows neither.
        dt.datetime(max(year, 1), month, day, hour, minute, 59 if second == 60 else second)
    except ValueError:
        raise BadRequestError("datetime", parameter="datetime", found=text) from None
    return tuple(numbers)


def item_query(given: Mapping[str, str], meta: CollectionMeta) -> ItemQuery:
    """Read the parameters of ``items``.

    Parameters
    ----------
    given : mapping of str to str
        Checked by :func:`only`.
    meta : CollectionMeta
        The collection that is asked.

    Returns
    -------
    ItemQuery
        What the store is asked.

    Raises
    ------
    BadRequestError
        A parameter is malformed.
    """
    bbox_crs = read_crs(given.get("bbox-crs"), meta, "bbox-crs")
    first, last = read_datetime(given.get("datetime"))
    equals: dict[str, Scalar] = {field.name: given[field.name] for field in meta.properties if field.name in given}
    return ItemQuery(
        limit=read_limit(given.get("limit")),
        after=given.get("next"),
        bbox=read_bbox(given.get("bbox"), bbox_crs),
        bbox_crs=bbox_crs,
        equals=equals,
        first_period=first,
        last_period=last,
        crs=read_crs(given.get("crs"), meta, "crs"),
    )
