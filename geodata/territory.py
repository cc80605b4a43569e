"""Keys live and die: areas that were dissolved, when, and into what.

For now the table holds what the readers need to tell "does not exist any more" from "zero".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dissolution:
    """The end of an area key.

    Attributes
    ----------
    key, successor : str
        AGS.
    year : int
        From the first day of this year on the key is dead.
    """

    key: str
    year: int
    successor: str


#: Niedersächsisches Gesetz über die Vereinigung der Gemeinden Ilsede und Lahstedt: in force on 2015-01-01.
DISSOLUTIONS = (
    Dissolution("03157003", 2015, "03157009"),
    Dissolution("03157004", 2015, "03157009"),
)
_BY_KEY = {item.key: item for item in DISSOLUTIONS}


def dissolved(key: str, year: int) -> Dissolution | None:
    """Return the end of an area, if it had ended by a year.

    Parameters
    ----------
    key : str
        AGS.
    year : int
        The year of the figure.

    Returns
    -------
    Dissolution or None
        None where nothing is known against the key.

    Examples
    --------
    >>> dissolved("03157003", 2023).successor
    '03157009'
    >>> dissolved("03157003", 2014) is None
    True
    """
    end = _BY_KEY.get(key)
    return end if end is not None and year >= end.year else None
