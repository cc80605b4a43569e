"""Progress for people: one line a step on stderr, with its time; nothing of it on stdout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Steps:
    """Tell the steps of a long job as they happen, and remember how long each took.

    Parameters
    ----------
    total : int
        Number of steps.
    say : callable
        Writes one line; the command line passes a function that writes to stderr.
    """

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self.total = total
        self._say = say
        self.times: list[tuple[str, float]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Run one step; the yielded function tells details within it.

        Parameters
        ----------
        title : str
            What is being done.

        Yields
        ------
        callable
            Writes an indented line.
        """
        number = len(self.times) + 1
        self._say(f"[{number}/{self.total}] {title} …")
        begun = time.perf_counter()
        yield lambda detail: self._say(f"        {detail}")
        took = time.perf_counter() - begun
        self.times.append((title, took))
        self._say(f"[{number}/{self.total}] {title}: {took:.1f} s")
