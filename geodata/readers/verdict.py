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
        The word for ``format`` in ``county.toml``, where there is one (:data:`geodata.readers.recognise.FORMATS`);
        ``vector``, ``raster`` or ``genesis-metadata`` otherwise.
    provisional : bool
        The *format* is read from its description alone: no real file of it was seen. Values that their publisher calls
        provisional are counted in ``flags``.
    encoding : str
        Of a text file; empty otherwise.
    decimal : str
        Decimal sign, as words; empty where there is none.
    legend : str
        Version of the legend by which signs were read; empty where there are no values.
    rows : int
        Data rows of the file, features, or cells of a raster that hold a value.
    values : int
        Cells that were judged: the sum of ``statuses``.
    areas : int
        Distinct area keys; 0 where no key was recognised.
    periods : tuple of int
        Years, ascending; empty where the file does not say.
    variables : tuple of str
        Variables, columns, layers or bands.
    statuses : Counter of str
        Status of every value → how often.
    flags : Counter of str
        Flag of the publisher (``provisional``, ``uncertain``, …) → how often.
    findings : tuple of str
        What a person should know before using the file.
    """

    format: str
    provisional: bool = False
    encoding: str = ""
    decimal: str = ""
    legend: str = ""
    rows: int = 0
    values: int = 0
    areas: int = 0
    periods: tuple[int, ...] = ()
    variables: tuple[str, ...] = ()
    statuses: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    findings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain lists, dicts and numbers, ready for JSON."""
        return {
            "format": self.format,
            "provisional": self.provisional,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "legend": self.legend,
            "rows": self.rows,
            "values": self.values,
            "areas": self.areas,
            "periods": list(self.periods),
            "variables": list(self.variables),
            "statuses": dict(self.statuses.most_common()),
            "flags": dict(self.flags.most_common()),
            "findings": list(self.findings),
        }
