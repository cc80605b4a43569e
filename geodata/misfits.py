"""What pydantic finds wrong in a TOML file, in words a person can act on: place, what was expected, what was found."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

#: Kind of misfit → what was expected; ``{…}`` are the limits that pydantic names.
_EXPECTED = {
    "string_type": "expected a text in quotes",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "date_type": "expected a date, 2015-01-01",
    "date_parsing": "expected a date, 2015-01-01",
    "date_from_datetime_parsing": "expected a date, 2015-01-01",
    "date_from_datetime_inexact": "expected a date, 2015-01-01",
    "tuple_type": 'expected a list, ["…", "…"]',
    "list_type": 'expected a list, ["…", "…"]',
    "dict_type": "expected a section of keys, {{ key = … }}",
    "model_type": "expected a section of keys, {{ key = … }}",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} entries",
    "too_long": "expected at most {max_length} entries",
    "literal_error": "expected one of {expected}",
    "greater_than": "expected a number above {gt}",
    "greater_than_equal": "expected a number of {ge} or more",
    "less_than": "expected a number below {lt}",
    "less_than_equal": "expected a number of {le} or less",
    "finite_number": "expected a finite number",
}
#: Texts longer than this are cut off in a message.
_SHOWN = 60


def readable(
    error: ValidationError,
    raw: Mapping[str, Any],
    *,
    keys: Collection[str],
    patterns: Mapping[str, str] | None = None,
) -> str:
    """Write what is wrong with a file, one clause for each place.

    Parameters
    ----------
    error : pydantic.ValidationError
        What was found.
    raw : mapping
        The file as TOML reads it: list items are named by their id.
    keys : collection of str
        Every key that the file may have, to guess what an unknown one means.
    patterns : mapping of str to str, optional
        Regular expression of a type → what was expected, in words.

    Returns
    -------
    str
        Clauses separated by semicolons.

    Examples
    --------
    >>> from pydantic import BaseModel
    >>> class Section(BaseModel):
    ...     source: str
    >>> try:
    ...     Section.model_validate({"source": 5})
    ... except ValidationError as error:
    ...     readable(error, {"source": 5}, keys=["source"])
    'source: expected a text in quotes, found the number 5'
    """
    lines = (_line(item, raw, keys, patterns or {}) for item in error.errors(include_url=False))
    return "; ".join(dict.fromkeys(lines))


def _line(item: ErrorDetails, raw: Mapping[str, Any], keys: Collection[str], patterns: Mapping[str, str]) -> str:
    named = item["loc"] and item["loc"][-1] == "[key]"
    place, kind, context = _place(item["loc"][:-1] if named else item["loc"], raw), item["type"], item.get("ctx", {})
    place = f"{place}: " if place else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), sorted(keys), n=1)
        return f"{place}unknown key" + (f" (perhaps {near[0]!r}?)" if near else "")
    if kind == "missing":
        return f"{place}expected, but missing"
    said = patterns.get(str(context.get("pattern"))) if kind == "string_pattern_mismatch" else None
    if said is None and len(item["loc"]) == 1 and kind in ("tuple_type", "list_type"):
        said = f"expected a list of sections, each under [[{item['loc'][0]}]]"
    if said is None:
        said = _EXPECTED[kind].format(**context) if kind in _EXPECTED else item["msg"].removeprefix("Value error, ")
    # What a whole section says against itself is told by its own words.
    silent = kind == "value_error" and isinstance(item["input"], dict | list)
    return f"{place}{said}" + ("" if silent else f", found {_found(item['input'])}")


def _found(value: Any) -> str:
    """Write what stands in the file, as the file would say it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value!r}"
        case str():
            return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
        case dt.date() | dt.time():
            return f"the {'time' if isinstance(value, dt.time) else 'date'} {value.isoformat()}"
        case dict():
            return "a section of keys"
        case list() | tuple():
            return f"a list of {len(value)}"
    return repr(value)


def _place(location: tuple[int | str, ...], raw: Any) -> str:
    """Write a place as people find it: list items by their id, else counted from 1."""
    place = ""
    for part in location:
        known = isinstance(raw, dict | list) and (
            not isinstance(part, int) or (isinstance(raw, list) and part < len(raw))
        )
        raw = raw[part] if known and (isinstance(part, int) or part in raw) else None
        if isinstance(part, int):
            place += f".{raw['id']}" if isinstance(raw, dict) and isinstance(raw.get("id"), str) else f"[{part + 1}]"
        else:
            place += f".{part}" if place else part
    return place
