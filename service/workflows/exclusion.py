"""Conditions that name areas to leave out: columns against values, joined by and, or, not. Nothing is executed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata.errors import UsageError
from geodata.readers import decimals, signs

if TYPE_CHECKING:
    from geodata.flat import Flat

HINT = "write for example \"KOM != 'gültig'\", \"people < 300 or kind == 'industry'\", \"id in ('01', '02')\""
#: Longer or deeper conditions are a list of areas: it belongs into a column.
_LONGEST, _DEEPEST = 4000, 40
_TOKEN = re.compile(
    r"""\s*(?:(?P<op>==|!=|<>|<=|>=|=|<|>)|(?P<sign>[(),])|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+))(?![\w.])"""
    r"""|'(?P<text>[^']*)'|(?P<quote>["`])(?P<quoted>.+?)(?P=quote)|(?P<word>[^\W\d]\w*))"""
)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = ("and", "or", "not", "in")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read.

    Attributes
    ----------
    text : str
        As it was written.
    columns : tuple of str
        Which columns it looks at, in order.
    """

    text: str
    columns: tuple[str, ...]
    _test: Callable[[Flat], np.ndarray]

    def reasons(self, flat: Flat) -> dict[str, str]:
        """Return the areas that fulfil the condition, each with what stands in the columns that it looks at.

        Raises
        ------
        ColumnError
            A column is not there.
        """
        met = pd.Series(self._test(flat), index=flat.ids)
        cells = {name: _texts(_column(flat, name)) for name in self.columns}
        return {
            str(area): ", ".join(f"{name}: {cells[name][area] or 'no value'}" for name in self.columns)
            for area in met.index[met]
        }


def parse(text: str) -> Condition:
    """Read a condition.

    ``COLUMN op VALUE`` with ``== != < <= > >=``, or ``COLUMN in (VALUE, …)``, joined by ``and``, ``or``, ``not`` and
    brackets. Texts stand in single quotes; a column whose name is no word stands in double quotes or backticks. A text
    is compared with the cell, a number with the number in it; a cell without a number differs from every number and is
    neither less nor more.

    Parameters
    ----------
    text : str

    Returns
    -------
    Condition

    Raises
    ------
    UsageError
        It is none; says at which letter.

    Examples
    --------
    >>> parse("KOM != 'gültig' and EW < 300").columns
    ('KOM', 'EW')
    """
    if len(text) > _LONGEST:
        raise UsageError(
            f"expected a condition of at most {_LONGEST} letters, found {len(text)}",
            where="--exclude",
            hint="write the list of areas into a column of the table, and name that",
        )
    return _Parser(text).condition()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.columns: list[str] = []

    def condition(self) -> Condition:
        test = self._either(0)
        if self._kind() != "end":
            raise self._wrong("the end, and or or")
        return Condition(self.text, tuple(dict.fromkeys(self.columns)), test)

    def _either(self, depth: int) -> Callable[[Flat], np.ndarray]:
        parts = [self._both(depth)]
        while self._take("and/or", "or"):
            parts.append(self._both(depth))
        return lambda flat: np.logical_or.reduce([part(flat) for part in parts])

    def _both(self, depth: int) -> Callable[[Flat], np.ndarray]:
        parts = [self._one(depth)]
        while self._take("and/or", "and"):
            parts.append(self._one(depth))
        return lambda flat: np.logical_and.reduce([part(flat) for part in parts])

    def _one(self, depth: int) -> Callable[[Flat], np.ndarray]:
        if depth > _DEEPEST:
            raise self._wrong(f"at most {_DEEPEST} brackets inside each other")
        if self._take("and/or", "not"):
            inner = self._one(depth + 1)
            return lambda flat: ~inner(flat)
        if self._take("sign", "("):
            inside = self._either(depth + 1)
            if not self._take("sign", ")"):
                raise self._wrong("a closing bracket")
            return inside
        if self._kind() != "column":
            raise self._wrong("the name of a column")
        column = str(self._next())
        self.columns.append(column)
        if self._take("and/or", "in"):
            return self._membership(column)
        if self._kind() != "op":
            raise self._wrong("==, !=, <, <=, >, >= or in")
        compare, value = _OPERATORS[str(self._next())], self._value()
        return lambda flat: _compare(flat, column, compare, value)

    def _membership(self, column: str) -> Callable[[Flat], np.ndarray]:
        if not self._take("sign", "("):
            raise self._wrong("a bracket with values")
        values = [self._value()]
        while self._take("sign", ","):
            values.append(self._value())
        if not self._take("sign", ")"):
            raise self._wrong("a comma or a closing bracket")
        return lambda flat: np.logical_or.reduce([_compare(flat, column, operator.eq, value) for value in values])

    def _value(self) -> str | float:
        if self._kind() not in ("text", "number"):
            raise self._wrong("a number, or a text in single quotes")
        return self._next()

    def _kind(self) -> str:
        return self.tokens[self.at][0]

    def _next(self) -> str | float:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _take(self, kind: str, value: str) -> bool:
        found = self.tokens[self.at][:2] == (kind, value)
        self.at += found
        return found

    def _wrong(self, expected: str) -> UsageError:
        kind, value, place = self.tokens[self.at]
        found = "the end" if kind == "end" else f"{value!r} at letter {place + 1}"
        return UsageError(f"expected {expected}, found {found} in {self.text!r}", where="--exclude", hint=HINT)


def _tokens(text: str) -> Iterator[tuple[str, str | float, int]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise UsageError(
                f"expected a condition, found {text[place]!r} at letter {place + 1} of {text!r}",
                where="--exclude",
                hint=HINT,
            )
        start, at = at, found.end()
        if found["op"]:
            yield "op", found["op"], start
        elif found["sign"]:
            yield "sign", found["sign"], start
        elif found["number"]:
            yield "number", float(found["number"]), start
        elif found["text"] is not None:
            yield "text", found["text"], start
        elif found["quoted"]:
            yield "column", found["quoted"], start
        elif found["word"].lower() in _WORDS:
            yield "and/or", found["word"].lower(), start
        else:
            yield "column", found["word"], start
    yield "end", "", end


def _column(flat: Flat, name: str) -> pd.Series:
    if name == flat.ids.name:
        return pd.Series(flat.ids.astype("str"), index=flat.ids)
    return flat.column(name)


def _texts(column: pd.Series) -> pd.Series:
    """Write a column of numbers as a person would: whole ones without a point."""
    if not pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(lambda v: "" if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)))


def _compare(flat: Flat, name: str, compare: Callable[[Any, Any], Any], value: str | float) -> np.ndarray:
    column = _column(flat, name)
    if isinstance(value, str):
        return np.array([bool(compare(cell, value)) for cell in _texts(column)], dtype=bool)
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=np.float64)
    else:
        decimal, _ = decimals.detect([column], flat.delimiter, flat.name)
        found = (signs.number(cell.strip(), decimal) for cell in column)
        numbers = np.array([np.nan if number is None else number for number in found], dtype=np.float64)
    return np.asarray(compare(numbers, value), dtype=bool)
