"""What ``sozialmonitor check FILE`` answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: Notes that say how a file was read.
_HOW = re.compile(
    r"signs: |quality (column|1)|decimal |no decimals|thousands point|CSV, |workbook, |XML SpreadsheetML|Parquet|"
    r"GENESIS |INKAR |Zensus 20|VG250|LSN-Online|Gemeindedaten of|Regionaltabelle of|cell_size|names are indented|"
    r"date of the titles|values of 3|no known official format|read from the archive|"
    r"title: |columns of words"
)


def is_note(finding: str) -> bool:
    """Tell what says how a file was read from what a person should know before using it.

    Examples
    --------
    >>> is_note("signs: legend classic"), is_note("gap in the years: 2020 lacking between 2018 and 2022")
    (True, False)
    """
    return _HOW.match(finding) is not None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a file.

    Attributes
    ----------
    format : str
        The word for ``format`` in ``county.toml``, where there is one (:data:`geodata.readers.recognise.FORMATS`);
        ``vector``, ``raster``, ``genesis-metadata`` or ``supply-template`` otherwise.
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
    titles : mapping of str to str
        Variable → what the file calls it in words, where its name is a code.
    findings : tuple of str
        What a person should know before using the file, the most important first; how it was read comes last.
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
    titles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

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
            "titles": dict(self.titles),
            "statuses": dict(self.statuses.most_common()),
            "flags": dict(self.flags.most_common()),
            "findings": list(self.findings),
        }
