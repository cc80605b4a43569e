"""Area keys: AGS, ARS and the ids of grid cells, one at a time and whole columns at once.

The keys of administrative areas as value types stand in :mod:`geodata.regions` and are handed on here.
Grid cells are named by their south-west corner in EPSG:3035, tables hold their midpoint: midpoint = corner + size / 2.
Keys are text; leading zeros belong to them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from geodata.errors import AreaKeyError, some
from geodata.regions import Ags, Ars, Kreis, Lor, Lsn, Verband, lsn_to_ags, require_keys

__all__ = [
    "Ags",
    "Ars",
    "Cell",
    "GridId",
    "Kreis",
    "Lor",
    "Lsn",
    "Verband",
    "ars_to_ags",
    "convert_keys",
    "grid_id",
    "grid_ids",
    "parse_grid_id",
    "parse_grid_ids",
    "require_keys",
]

#: ``CRS3035RES100mN2684000E4334100`` since 2022, ``100mN26840E43341`` and ``1kmN2684E4334`` before.
_LONG = re.compile(r"CRS3035RES(?P<size>\d{1,9})mN(?P<north>\d{1,9})E(?P<east>\d{1,9})", re.ASCII)
_SHORT = re.compile(r"(?P<number>\d{1,9})(?P<unit>m|km)N(?P<north>\d{1,9})E(?P<east>\d{1,9})", re.ASCII)


class Cell(NamedTuple):
    """Midpoint (metres, EPSG:3035) and edge length (metres) of a grid cell."""

    x_mp: float
    y_mp: float
    size_m: int


class GridId(str):
    """Id of a grid cell in the form of the Zensus 2022; older forms are accepted and rewritten.

    Raises
    ------
    AreaKeyError
        It is of none of the forms.

    Examples
    --------
    >>> GridId("100mN26840E43341")
    'CRS3035RES100mN2684000E4334100'
    >>> GridId("CRS3035RES1000mN2684000E4334000").cell
    Cell(x_mp=4334500.0, y_mp=2684500.0, size_m=1000)
    """

    __slots__ = ()

    def __new__(cls, key: str) -> GridId:
        """Check the id and bring it to the one form."""
        long = _LONG.fullmatch(key)
        if long:
            size, north, east = int(long["size"]), int(long["north"]), int(long["east"])
        else:
            short = _SHORT.fullmatch(key)
            if not short:
                raise AreaKeyError(
                    f"expected the id of a grid cell, found {key!r}",
                    hint="CRS3035RES100mN2684000E4334100 or 100mN26840E43341",
                )
            size = int(short["number"]) * (1000 if short["unit"] == "km" else 1)
            north, east = int(short["north"]) * size, int(short["east"]) * size
        if size <= 0 or north % size or east % size:
            raise AreaKeyError(
                f"expected a corner that is a multiple of {size} m, found {key!r}", hint="the id was edited"
            )
        return super().__new__(cls, f"CRS3035RES{size}mN{north}E{east}")

    @property
    def cell(self) -> Cell:
        """Midpoint and edge length."""
        return parse_grid_id(self)


def ars_to_ags(ars: str) -> str:
    """Turn a 12-digit ARS into the 8-digit AGS of the same Gemeinde.

    Parameters
    ----------
    ars : str
        12 digits.

    Returns
    -------
    str
        ``ars[:5] + ars[9:]``.

    Raises
    ------
    AreaKeyError
        It is not of 12 digits.

    Examples
    --------
    >>> ars_to_ags("031570009009")
    '03157009'
    """
    return str(Ars(ars).ags)


def grid_id(x_mp: float, y_mp: float, size_m: int) -> str:
    """Name the cell around a midpoint.

    Parameters
    ----------
    x_mp, y_mp : float
        Midpoint in metres, EPSG:3035 (x east, y north).
    size_m : int
        Edge length in metres.

    Returns
    -------
    str
        ``CRS3035RES{size}mN{corner y}E{corner x}``.

    Raises
    ------
    AreaKeyError
        The point is no midpoint of a cell of that size.

    Examples
    --------
    >>> grid_id(4334150, 2684050, 100)
    'CRS3035RES100mN2684000E4334100'
    """
    return str(grid_ids(pd.Series([x_mp]), pd.Series([y_mp]), size_m).iloc[0])


def parse_grid_id(key: str) -> Cell:
    """Return midpoint and edge length of the cell that an id names.

    Parameters
    ----------
    key : str
        Any of the accepted forms.

    Returns
    -------
    Cell
        ``x_mp``, ``y_mp``, ``size_m``, all in metres of EPSG:3035.

    Raises
    ------
    AreaKeyError
        It is the id of no cell.

    Examples
    --------
    >>> parse_grid_id("1kmN2684E4334")
    Cell(x_mp=4334500.0, y_mp=2684500.0, size_m=1000)
    """
    parts = _LONG.fullmatch(GridId(key))
    assert parts is not None  # GridId writes this form
    size = int(parts["size"])
    return Cell(int(parts["east"]) + size / 2, int(parts["north"]) + size / 2, size)


def grid_ids(x_mp: pd.Series, y_mp: pd.Series, size_m: int, *, where: str | None = None) -> pd.Series:
    """Name the cells around midpoints; the vectorised :func:`grid_id`.

    Parameters
    ----------
    x_mp, y_mp : pandas.Series
        Midpoints in metres, EPSG:3035, of equal length.
    size_m : int
        Edge length in metres.
    where : str, optional
        File, for the message.

    Returns
    -------
    pandas.Series
        Ids (str) on the index of ``x_mp``.

    Raises
    ------
    AreaKeyError
        Some points are no midpoints of cells of that size.
    """
    east = np.asarray(x_mp, dtype=np.float64) - size_m / 2
    north = np.asarray(y_mp, dtype=np.float64) - size_m / 2
    off = ~((east % size_m == 0) & (north % size_m == 0) & (east >= 0) & (north >= 0))
    if off.any():
        points = [f"({x:.10g}, {y:.10g})" for x, y in zip(x_mp[off].head(5), y_mp[off].head(5), strict=True)]
        raise AreaKeyError(
            f"expected midpoints of {size_m} m cells (corner + {size_m / 2:g}), found {int(off.sum())} others: "
            f"{some(points)}",
            where=where,
            hint="check cell_size, and that the columns hold midpoints in EPSG:3035, not corners",
        )
    text = [pc.cast(pa.array(axis.astype(np.int64)), pa.string()) for axis in (north, east)]
    ids = pc.binary_join_element_wise(f"CRS3035RES{size_m}mN", text[0], "E", text[1], "")
    return pd.Series(ids.to_numpy(zero_copy_only=False), index=x_mp.index, dtype="str")


def parse_grid_ids(ids: pd.Series | pd.Index, *, where: str | None = None) -> pd.DataFrame:
    """Return midpoints and edge lengths of cells; the vectorised :func:`parse_grid_id`.

    Parameters
    ----------
    ids : pandas.Series or pandas.Index
        Ids of any of the accepted forms.
    where : str, optional
        File, for the message.

    Returns
    -------
    pandas.DataFrame
        On the index of ``ids`` (or on the ids, for an Index): ``x_mp``, ``y_mp`` (float64, metres, EPSG:3035),
        ``size_m`` (int64) and ``grid_id`` (str, the id in the form of 2022).

    Raises
    ------
    AreaKeyError
        Some are ids of no cell.
    """
    index = ids if isinstance(ids, pd.Index) else ids.index
    array = pa.array(ids, type=pa.string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    # A piece at a time: what the pattern takes apart would need several times the ids' own memory.
    pieces = [_parse_piece(array.slice(at, _PIECE)) for at in range(0, max(len(array), 1), _PIECE)]
    bad = np.concatenate([piece[0] for piece in pieces])
    if bad.any():
        raise AreaKeyError(
            f"expected ids of grid cells, found {int(bad.sum())} others: {some(np.asarray(ids)[bad])}",
            where=where,
            hint="CRS3035RES100mN2684000E4334100 or 100mN26840E43341",
        )
    size, north, east = (np.concatenate([piece[1][i] for piece in pieces]) for i in range(3))
    names = pa.chunked_array([piece[2] for piece in pieces], type=pa.string())
    del pieces
    table = pd.DataFrame({"x_mp": east + size / 2, "y_mp": north + size / 2, "size_m": size}, index=index)
    return table.assign(grid_id=names.to_pandas().astype("str").set_axis(index))


_PIECE = 1 << 18
_CANONICAL = re.compile(r"(CRS3035RES)([1-9]\d*)(mN)([1-9]\d*)(E)([1-9]\d*)", re.ASCII)


def _parse_fixed(array: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Read ids of 2022 that are all written like the first, digit below digit; None where they are not."""
    first = _CANONICAL.fullmatch(array[0].as_py() or "") if len(array) else None
    if first is None or array.null_count or len(array[0].as_py()) > 40:
        return None
    width = len(first[0])
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    if (np.diff(offsets) != width).any():
        return None
    letters = np.frombuffer(array.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(-1, width)
    numbers = []
    for group in range(1, 7):
        start, end = first.span(group)
        part = letters[:, start:end]
        if group % 2:
            if (part != letters[0, start:end]).any():
                return None
            continue
        if ((part < 48) | (part > 57)).any() or (part[:, 0] == 48).any() or end - start > 15:
            return None
        numbers.append(_digits(part))
    size, north, east = numbers
    return (size, north, east) if not ((north % size) | (east % size)).any() else None


def _digits(part: np.ndarray) -> np.ndarray:
    number = np.zeros(len(part), dtype=np.int64)
    for i in range(part.shape[1]):
        number = number * 10 + (part[:, i].astype(np.int64) - 48)
    return number


def _parse_piece(array: pa.Array) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray], pa.Array]:
    """Return which ids are none, and size, north, east and the ids of 2022; of no use where any is none."""
    fixed = _parse_fixed(array)
    if fixed is not None:
        return np.zeros(len(array), dtype=bool), fixed, array
    parts = pc.extract_regex(
        array, r"^(?:CRS3035RES)?(?P<number>\d{1,9})(?P<unit>k?m)N(?P<north>\d{1,9})E(?P<east>\d{1,9})$"
    )
    bad = pc.is_null(parts).to_numpy(zero_copy_only=False)
    nothing = np.zeros(0, dtype=np.int64)
    if bad.any():
        return bad, (nothing, nothing, nothing), pa.array([], type=pa.string())
    try:
        number, north, east = (
            pc.cast(pc.struct_field(parts, name), pa.int64()).to_numpy() for name in ("number", "north", "east")
        )
    except pa.ArrowInvalid:  # more digits than a number can have
        long = pc.greater(pc.binary_length(array), 40).to_numpy(zero_copy_only=False)
        return (long if long.any() else ~bad), (nothing, nothing, nothing), pa.array([], type=pa.string())
    size = np.where(pc.equal(pc.struct_field(parts, "unit"), "km").to_numpy(zero_copy_only=False), 1000, 1) * number
    short = ~pc.starts_with(array, "CRS3035RES").to_numpy(zero_copy_only=False)
    north, east = np.where(short, north * size, north), np.where(short, east * size, east)
    bad = (size <= 0) | (north % np.maximum(size, 1) != 0) | (east % np.maximum(size, 1) != 0)
    names = [pc.cast(pa.array(column), pa.string()) for column in (size, north, east)]
    return (
        bad,
        (size, north, east),
        pc.binary_join_element_wise("CRS3035RES", names[0], "mN", names[1], "E", names[2], ""),
    )


def convert_keys(keys: pd.Series, how: str, *, where: str | None = None, hint: str | None = None) -> pd.Series:
    """Turn the keys that a file delivers into area ids.

    Files mix levels in one column, so keys of whole Kreise, Regierungsbezirke and Länder (5, 3, 2 digits) and codes
    that are no numbers (``DG``, Germany) stay what they are.

    Parameters
    ----------
    keys : pandas.Series
        Keys as text.
    how : {"text", "ags", "ars-to-ags", "ars-to-gvb", "gvb-to-ags", "lsn", "lor"}
        ``text``: as they are. ``ags``: 8 digits expected. ``ars-to-ags``: 12 digits become 8. ``ars-to-gvb``: 12 digits
        become the first 9. ``gvb-to-ags``: 9 digits; a Verband that is one Gemeinde (its sixth digit is 0) gets that
        AGS (``031570006`` → ``03157006``), one of several stays as it is. ``lsn``: the leading 03 of Lower Saxony is
        put back (``157006`` → ``03157006``). ``lor``: 2, 4, 6 or 8 digits; a lost leading zero is put back.
    where, hint : str, optional
        For the message.

    Returns
    -------
    pandas.Series
        Area ids (str) on the same index.

    Raises
    ------
    AreaKeyError
        Keys of digits have a length that the rule does not know.

    Examples
    --------
    >>> convert_keys(pd.Series(["DG", "03157", "031570009009"]), "ars-to-ags").tolist()
    ['DG', '03157', '03157009']
    """
    text = keys.astype("str")
    if how == "text":
        return text
    codes, unique = pd.factorize(text)
    if how in ("lsn", "lor"):
        one = lsn_to_ags if how == "lsn" else Lor.of
        try:
            ids = [str(one(key)) if key.isdigit() else key for key in unique]
        except AreaKeyError as error:
            raise AreaKeyError(error.message, where=where, hint=hint or error.hint) from None
        return pd.Series(pd.array(ids, dtype="str").take(codes), index=keys.index)
    known = {"ags": {8}, "ars-to-ags": {8, 12}, "ars-to-gvb": {9, 12}, "gvb-to-ags": {9}}
    if how not in known:
        raise AreaKeyError(
            f"expected a rule among text, {', '.join(known)}, lsn, lor, found {how!r}", where=where, hint="set key"
        )
    lengths = known[how] | {2, 3, 5}
    wrong = [key for key in unique if key.isdigit() and len(key) not in lengths]
    if wrong:
        expected = ", ".join(map(str, sorted(lengths)))
        raise AreaKeyError(
            f"expected keys of {expected} digits (rule {how!r}), found {some(wrong)}",
            where=where,
            hint=hint or "keys are text; a spreadsheet that takes them for numbers drops the leading zero",
        )
    if how == "ars-to-ags":
        ids = [key[:5] + key[9:] if key.isdigit() and len(key) == 12 else key for key in unique]
    elif how == "ars-to-gvb":
        ids = [key[:9] if key.isdigit() else key for key in unique]
    elif how == "gvb-to-ags":
        ids = [key[:5] + key[6:] if key.isdigit() and len(key) == 9 and key[5] == "0" else key for key in unique]
    else:
        ids = list(unique)
    return pd.Series(pd.array(ids, dtype="str").take(codes), index=keys.index)
