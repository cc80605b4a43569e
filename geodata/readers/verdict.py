"""What ``sozialmonitor check FILE`` answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a file.

    Attributes
    ----------
    format : str
        ``genesis-flat``, ``inkar``, ``zensus-grid``, ``zensus2011-grid``, ``zensus2011-long``, ``table``, ``vector`` or
        ``raster``: the word for ``format`` in ``county.toml``, where there is one.
    encoding : str
        Of a text file; empty otherwise.
    decimal : str
        Decimal sign, as words; empty where there is none.
    rows : int
        Data rows, features, or cells of a raster that hold a value.
    areas : int
        Distinct area keys; 0 where no key was recognised.
    periods : tuple of int
        Years, ascending.
    variables : tuple of str
        Variables, columns, layers or bands.
    statuses : Counter of str
        Status of every value → how often.
    findings : tuple of str
        What a person should know before using the file.
    provisional : bool
        Some values are flagged as provisional.
    """

    format: str
    encoding: str = ""
    decimal: str = ""
    rows: int = 0
    areas: int = 0
    periods: tuple[int, ...] = ()
    variables: tuple[str, ...] = ()
    statuses: Counter[str] = field(default_factory=Counter)
    findings: tuple[str, ...] = ()
    provisional: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, dicts and numbers, ready for JSON."""
        return {
            "format": self.format,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "rows": self.rows,
            "areas": self.areas,
            "periods": list(self.periods),
            "variables": list(self.variables),
            "statuses": dict(self.statuses.most_common()),
            "provisional": self.provisional,
            "findings": list(self.findings),
        }
