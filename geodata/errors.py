"""Errors with one root, so that a caller can catch everything Sozialmonitor rejects.

Every message says what was expected, what was found, where, and what to do. The classes know neither HTTP nor exit
codes: ``service.cli`` and ``service.api.errors`` each hold one table that maps a class to a code.
"""

from __future__ import annotations

from collections.abc import Iterable


class SozialmonitorError(Exception):
    """Root of all errors that the software raises on purpose.

    Parameters
    ----------
    message : str
        What was expected and what was found.
    where : str, optional
        File, layer, sheet, column, row: as exact as is known.
    hint : str, optional
        What the reader of the message can do.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" -> {self.hint}" if self.hint else ""
        return f"{place}{self.message}{remedy}"


class GeodataError(SozialmonitorError):
    """Something is wrong with what was handed in: a file, a key, a configuration."""


class ConfigError(GeodataError, ValueError):
    """``county.toml`` says something that cannot be meant."""


class UsageError(ConfigError):
    """An option of a command says something that cannot be meant, whatever is in the files."""


class MissingFileError(GeodataError, FileNotFoundError):
    """A file that was named does not exist."""


class FormatError(GeodataError, ValueError):
    """A file is not of the format it was taken for, or is truncated or undecodable."""


class NoDataError(GeodataError, ValueError):
    """A file was read and holds no data: an error answer, a job answer, a header without rows."""


class ColumnError(GeodataError, KeyError):
    """A column that was asked for does not exist."""

    __str__ = SozialmonitorError.__str__  # KeyError would print the repr of the message


class SignError(GeodataError, ValueError):
    """A value is neither a number nor a sign of the legend of its source."""


class CaseDataError(GeodataError, ValueError):
    """A table holds data about single persons where counts per area are expected."""


class CrsError(GeodataError, ValueError):
    """A coordinate reference system is missing, geographic, or differs from the one expected."""


class GeometryError(GeodataError, ValueError):
    """A geometry is missing, empty, invalid or of the wrong type."""


class AreaKeyError(GeodataError, ValueError):
    """An area key is malformed, repeated or unknown."""


class TerritoryError(AreaKeyError):
    """Figures cannot be brought to the Gebietsstand that is asked for."""


class SpatialError(SozialmonitorError, ValueError):
    """A computation was asked for that the data cannot carry."""


class UntestableError(SpatialError):
    """Too few areas for the statistic that was asked for."""


class StoreError(SozialmonitorError):
    """A publication cannot be written, found or read."""


class QueryError(StoreError, ValueError):
    """A query asks for a field, a bounding box, a page or a CRS that the collection does not have."""


class NotFoundError(StoreError, LookupError):
    """There is no such publication, edition or collection."""


class WithdrawnError(StoreError):
    """The publication was there and has been withdrawn."""


class DisclosureError(SozialmonitorError):
    """A publication would show what the rules of disclosure control forbid."""


def some(items: Iterable[object], limit: int = 5) -> str:
    """List the first few items of a long list, the way error messages show them.

    Parameters
    ----------
    items : iterable of object
        Ids, columns or values.
    limit : int, default 5
        How many are written out.

    Returns
    -------
    str
        The items separated by commas, with the number of those left out.

    Examples
    --------
    >>> some(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    everything = [str(item) for item in items]
    shown = ", ".join(everything[:limit])
    left = len(everything) - limit
    return f"{shown} and {left} more" if left > 0 else shown
