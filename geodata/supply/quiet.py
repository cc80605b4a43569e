"""Open a table of persons without a word about what stands in it: no message of a library gets out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from geodata.errors import ColumnError, FormatError, MissingFileError
from geodata.readers.sheet import open_sheet


def open_quietly(path: Path, sheet: str | None, where: str) -> pd.DataFrame:
    """Read the cells of a table in memory.

    Readers quote cells in their messages, which helps with figures and is forbidden here. The new error is raised
    outside the handler, so that not even its context holds the old one.

    Parameters
    ----------
    path : pathlib.Path
        CSV or workbook.
    sheet : str or None
        Of a workbook with several.
    where : str
        For the message; no path, for paths may hold names.

    Returns
    -------
    pandas.DataFrame
        Text, the header included; the index is the row of the file, from 0.

    Raises
    ------
    MissingFileError, FormatError, ColumnError
        Nothing but which of three things is wrong.
    """
    if not path.is_file():
        raise MissingFileError("die Datei gibt es nicht", where=where, hint="den Namen prüfen")
    try:
        cells = open_sheet(path, sheet=sheet).cells
    except ColumnError:
        problem = "sheet"
    except Exception:  # whatever it is, it may quote a cell
        problem = "unreadable"
    else:
        if len(cells) > 1:
            return cells.apply(lambda column: column.astype("str").str.strip())
        problem = "empty"
    if problem == "sheet":
        raise ColumnError("das Blatt ist nicht genannt oder nicht in der Datei", where=where, hint="mit --sheet nennen")
    if problem == "empty":
        raise FormatError("die Tabelle hat keine Zeilen unter der Kopfzeile", where=where, hint="noch einmal ausgeben")
    raise FormatError(
        "die Tabelle lässt sich nicht lesen: beschädigt, Zeilen verschieden lang oder kein bekanntes Format",
        where=where,
        hint="als CSV mit Semikolon oder als XLSX ausgeben; einzelne Zellen werden hier nie genannt",
    )
