"""German and English texts of the pages and of the service's own error messages, one TOML file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal, cast

Language = Literal["de", "en"]

#: German is what people read first.
LANGUAGES: tuple[Language, ...] = ("de", "en")


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Return the texts of a language by dotted key.

    Parameters
    ----------
    language : {"de", "en"}
        Which file is read.

    Returns
    -------
    mapping of str to str
        For example ``texts("de")["nav.home"]``.
    """
    raw = resources.files(__name__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return {
        f"{section}.{name}": cast(str, text)
        for section, entries in tomllib.loads(raw).items()
        for name, text in entries.items()
    }


def say(language: Language, key: str, **values: object) -> str:
    """Return one text with its placeholders filled.

    Parameters
    ----------
    language : {"de", "en"}
        Language.
    key : str
        Section and name, for example ``error.limit``.
    **values
        What the placeholders ``{name}`` stand for.

    Returns
    -------
    str
        The text.

    Raises
    ------
    KeyError
        There is no such text, or a placeholder has no value: a mistake in the program, not of a visitor.

    Examples
    --------
    >>> say("en", "nav.home")
    'Home'
    """
    return texts(language)[key].format(**values)
