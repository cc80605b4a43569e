"""What GENESIS says about values beside the values: the quality column, and regions that hold nothing but dashes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from geodata.errors import SignError, some
from geodata.models import Flag, Status
from geodata.readers import signs
from geodata.territory import dissolved


def quality_flags(column: pd.Series, where: str) -> np.ndarray:
    """Read the quality column.

    Parameters
    ----------
    column : pandas.Series
        ``e``, ``p``, ``()``, …; a combination says both.
    where : str
        File, for the message.

    Returns
    -------
    numpy.ndarray
        int64, values of :class:`geodata.models.Flag`.

    Raises
    ------
    SignError
        A mark is unknown.
    """
    codes, unique = pd.factorize(column)
    # An attribute may be combined: "p()" is provisional and limited.
    flags, unknown = [], []
    for mark in unique:
        whole = signs.QUALITY.get(str(mark).strip())
        if whole is None:
            parts = re.findall(r"\( ?\)|.", str(mark).replace(" ", ""))
            if not parts or any(part not in signs.QUALITY for part in parts):
                # In place of a number the quality column may repeat the sign that stands in the value column.
                if mark == "0" or mark in signs.LEGENDS["classic"].signs:
                    parts = []
                else:
                    unknown.append(repr(str(mark)))
            whole = Flag.NONE
            for part in parts:
                whole |= signs.QUALITY.get(part, Flag.NONE)
        flags.append(whole.value)
    if unknown:
        raise SignError(
            f"column 'value_q': expected one of {' '.join(k for k in signs.QUALITY if k)}, found {some(unknown)}",
            where=where,
            hint="look the mark up in the database's legend and report it",
        )
    return np.array(flags, dtype=np.int64)[codes]


def silent_regions(
    keys: pd.Series, period: pd.Series, dash: np.ndarray, cells: signs.Parsed, notes: list[str]
) -> signs.Parsed:
    """Tell regions of which nothing was delivered, and areas that do not exist any more, from zeros.

    Parameters
    ----------
    keys, period : pandas.Series
        Region and year of each cell.
    dash : numpy.ndarray
        bool; the cell holds ``-``.
    cells : Parsed
        In the same order.
    notes : list of str
        What is found is added.

    Returns
    -------
    Parsed
        With ``not_delivered`` and ``area_does_not_exist`` where they apply.
    """
    frame = pd.DataFrame({"key": keys.to_numpy(), "year": period.to_numpy(), "dash": dash})
    by_year = frame.groupby(["key", "year"])["dash"]
    by_key = frame.groupby("key")["dash"]
    # One dash alone may well be a zero; two cells or two years that are all dashes are not.
    whole = by_year.transform("all") & (
        (by_year.transform("size") >= 2) | (by_key.transform("all") & (by_key.transform("size") >= 2))
    )
    judged = frame[frame["dash"] & by_year.transform("all")].drop_duplicates(["key", "year"])
    dead_pairs = {(k, y) for k, y in zip(judged["key"], judged["year"], strict=True) if y and dissolved(str(k), int(y))}
    dead = np.zeros(len(frame), dtype=bool)
    if dead_pairs:
        dead = pd.MultiIndex.from_frame(frame[["key", "year"]]).isin(list(dead_pairs))
    silent = whole.to_numpy() & ~dead
    if silent.any():
        gone = pd.unique(frame["key"][silent])
        notes.append(
            f"{len(gone)} of {frame['key'].nunique()} regions have '-' in every cell of a year: "
            f"not delivered, not zero ({some(gone)})"
        )
    return cells.with_status(silent, Status.NOT_DELIVERED).with_status(dead, Status.AREA_DOES_NOT_EXIST)
