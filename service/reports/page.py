"""Pages that are files: everything they need stands inside, and they ask nobody for anything."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.locale import Language, say

WEB = Path(__file__).resolve().parent.parent / "web"
#: What a page that is opened from disk may do: show its own styles and pictures, nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def number(value: float | int | None, language: Language, decimals: int | None = None, *, signed: bool = False) -> str:
    """Write a number the way a language does.

    Parameters
    ----------
    value : float, int or None
        None becomes a dash.
    language : {"de", "en"}
        Decimal comma or point.
    decimals : int, optional
        Default: none for whole numbers, else up to four that matter.
    signed : bool, default False
        Write a plus before what is greater than zero.

    Returns
    -------
    str
        With thousands apart and a real minus sign.

    Examples
    --------
    >>> number(1234.5, "de"), number(-1234.5, "en", 0), number(None, "de")
    ('1.234,5', '−1,234', '–')
    """
    if value is None:
        return "–"
    if decimals is None:
        text = f"{value:,.4f}".rstrip("0").rstrip(".") if value != int(value) else f"{value:,.0f}"
    else:
        text = f"{value:,.{decimals}f}"
    if signed and value > 0:
        text = f"+{text}"
    text = text.replace("-", "−")
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def percent(before: float | None, after: float | None, language: Language) -> str:
    """Write by how much something changed, relative to what it was; a dash where that means nothing."""
    if before is None or after is None or before == 0:
        return "–"
    return number(100 * (after - before) / abs(before), language, 1, signed=True) + " %"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["number"] = number
    environment.globals["percent"] = percent
    return environment


def render(template: str, language: Language, **values: Any) -> str:
    """Return a page with its styles inside.

    Parameters
    ----------
    template : str
        File name in ``service/web/templates``.
    language : {"de", "en"}
        Of the page.
    **values
        What the template shows; everything is escaped.

    Returns
    -------
    str
        HTML.
    """
    styles = (WEB / "static" / "site.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template(template)
        .render(
            language=language,
            t=lambda key, **named: say(language, key, **named),
            styles=Markup(styles),  # our own file, and in a style element nothing is escaped
            policy=POLICY,
            **values,
        )
    )
