"""Keys of administrative areas as value types: what is one has been checked, and converts only where that is exact.

ARS (Amtlicher Regionalschlüssel), 12 digits = Land 2 · Regierungsbezirk 1 · Kreis 2 · Verband 4 · Gemeinde 3.
AGS (Amtlicher Gemeindeschlüssel), 8 digits = ARS without the Verband: ``ARS[:5] + ARS[9:]``, which is not ``ARS[:8]``.
Gemeindeverband, 9 digits = ``ARS[:9]``, as INKAR writes it. LSN-Online drops the leading 03 of Lower Saxony. LOR are
Berlin's: Bezirk 2, Prognoseraum 4, Bezirksregion 6, Planungsraum 8 digits, each within the one before.
Keys are text; leading zeros belong to them. An AGS does not tell its Verband, so there is no way from AGS to ARS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from geodata.errors import AreaKeyError, some

#: Lower Saxony, the Land whose statistical office leaves it out of its keys.
NIEDERSACHSEN = "03"


class _Key(str):
    """A key of digits whose length says what it is."""

    __slots__ = ()
    _lengths: tuple[int, ...] = ()
    _name = "key"

    def __new__(cls, key: str) -> Self:
        """Check and take the key."""
        if not re.fullmatch(r"[0-9]+", key) or len(key) not in cls._lengths:
            lengths = " or ".join(map(str, cls._lengths))
            raise AreaKeyError(
                f"expected {cls._name} of {lengths} digits, found {key!r}", hint="keys are text with leading zeros"
            )
        return super().__new__(cls, key)


class Kreis(_Key):
    """Key of a Kreis or kreisfreie Stadt: 5 digits.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> Kreis("03157").land
    '03'
    """

    __slots__ = ()
    _lengths = (5,)
    _name = "a Kreis key"

    @property
    def land(self) -> str:
        """The Land: the first 2 digits."""
        return str(self[:2])


class Verband(_Key):
    """Key of a Gemeindeverband (Samtgemeinde, Verwaltungsgemeinschaft): 9 digits.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> Verband("033575408").kreis
    '03357'
    """

    __slots__ = ()
    _lengths = (9,)
    _name = "the key of a Gemeindeverband"

    @property
    def kreis(self) -> Kreis:
        """The Kreis: the first 5 digits."""
        return Kreis(self[:5])


class Ags(_Key):
    """Amtlicher Gemeindeschlüssel: 8 digits.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> Ags("03157006").kreis, Ags("03157006").lsn
    ('03157', '157006')
    """

    __slots__ = ()
    _lengths = (8,)
    _name = "an AGS"

    @property
    def kreis(self) -> Kreis:
        """The Kreis: the first 5 digits."""
        return Kreis(self[:5])

    @property
    def lsn(self) -> Lsn:
        """The key as LSN-Online writes it; AreaKeyError outside Lower Saxony."""
        if not self.startswith(NIEDERSACHSEN):
            raise AreaKeyError(
                f"expected an AGS of Lower Saxony (03…), found {str(self)!r}", hint="LSN keys are of Lower Saxony"
            )
        return Lsn(self[2:])


class Ars(_Key):
    """Amtlicher Regionalschlüssel: 12 digits.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> ars = Ars("033575408021")
    >>> ars.ags, ars.kreis, ars.verband
    ('03357021', '03357', '033575408')
    """

    __slots__ = ()
    _lengths = (12,)
    _name = "an ARS"

    @property
    def ags(self) -> Ags:
        """The AGS of the same Gemeinde."""
        return Ags(self[:5] + self[9:])

    @property
    def kreis(self) -> Kreis:
        """The Kreis: the first 5 digits."""
        return Kreis(self[:5])

    @property
    def verband(self) -> Verband:
        """The Gemeindeverband: the first 9 digits."""
        return Verband(self[:9])


class Lsn(_Key):
    """Key of LSN-Online: statistical region 1, Kreis 3, Gemeinde 6 digits, all without the leading 03.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> Lsn("157").full, Lsn("157006").full
    ('03157', '03157006')
    """

    __slots__ = ()
    _lengths = (1, 3, 6)
    _name = "an LSN key"

    @property
    def full(self) -> str:
        """The official key: region (3 digits), :class:`Kreis` or :class:`Ags`."""
        return NIEDERSACHSEN + str(self)


class Lor(_Key):
    """Key of Berlin's lebensweltlich orientierte Räume.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> Lor("01100101").bezirksregion, Lor("01100101").level
    ('011001', 'planungsraum')
    >>> Lor.of("1100101")
    '01100101'
    """

    __slots__ = ()
    _lengths = (2, 4, 6, 8)
    _name = "an LOR key"

    def __new__(cls, key: str) -> Self:
        """Check length and Bezirk (01 to 12)."""
        made = super().__new__(cls, key)
        if not 1 <= int(key[:2]) <= 12:
            raise AreaKeyError(
                f"expected an LOR key that begins with a Bezirk (01 to 12), found {key!r}", hint="see LOR"
            )
        return made

    @classmethod
    def of(cls, key: str) -> Self:
        """Take a key that may have lost its leading zero to a spreadsheet: an odd number of digits tells."""
        return cls(key.zfill(len(key) + len(key) % 2))

    @property
    def level(self) -> str:
        """What it names."""
        return {2: "bezirk", 4: "prognoseraum", 6: "bezirksregion", 8: "planungsraum"}[len(self)]

    @property
    def bezirk(self) -> str:
        """The Bezirk: the first 2 digits."""
        return str(self[:2])

    @property
    def prognoseraum(self) -> str:
        """The Prognoseraum: the first 4 digits; AreaKeyError for a Bezirk."""
        return self._within(4)

    @property
    def bezirksregion(self) -> str:
        """The Bezirksregion: the first 6 digits; AreaKeyError for anything larger."""
        return self._within(6)

    def _within(self, digits: int) -> str:
        if len(self) < digits:
            raise AreaKeyError(
                f"expected an LOR key of {digits} digits or more, found {str(self)!r}", hint="use its parts"
            )
        return str(self[:digits])


def lsn_to_ags(key: str) -> str:
    """Turn a key of LSN-Online into the official one; a key that has its 03 already stays what it is.

    Parameters
    ----------
    key : str
        1, 3 or 6 digits; or 5 or 8 digits beginning with 03.

    Returns
    -------
    str
        3, 5 or 8 digits.

    Raises
    ------
    AreaKeyError
        It is anything else.

    Examples
    --------
    >>> [lsn_to_ags(key) for key in ("1", "157", "157006", "03157006")]
    ['031', '03157', '03157006', '03157006']
    """
    return key if key.startswith(NIEDERSACHSEN) and len(key) in (5, 8) else Lsn(key).full


def require_keys(ids: Iterable[str], *, where: str | None = None) -> None:
    """Refuse to match areas by their names: two areas of one name are common, and one of them may be dead.

    Parameters
    ----------
    ids : iterable of str
        What areas are matched by.
    where : str, optional
        Table, level or file, for the message.

    Raises
    ------
    AreaKeyError
        Most of the ids hold no digit.

    Examples
    --------
    >>> require_keys(["DG", "03157", "03157009"])
    """
    everything = list(dict.fromkeys(ids))
    names = [key for key in everything if not any(character.isdigit() for character in key)]
    if 2 * len(names) > len(everything):
        raise AreaKeyError(
            f"expected area keys, found names: {some(names)}",
            where=where,
            hint="areas are never matched by name alone: name the column with the key (AGS, ARS, the office's number)",
        )
