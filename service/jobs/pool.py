"""Worker processes, one computation for equal requests, and results kept within bounds.

The serving process stays small and quick because matplotlib, pandas and folium are only ever imported by the workers.
They are *spawned*, not forked: a fork of a process with threads and open databases is undefined.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_any
from typing import Any

from geodata.errors import SozialmonitorError

log = logging.getLogger(__name__)

#: What a result may be: a picture or a page.
Result = bytes | str


class JobError(SozialmonitorError):
    """A picture or page could not be made; asking again later can help."""


class WorkerDiedError(JobError):
    """The process that was drawing ended before it was done."""


class WorkerBusyError(JobError):
    """Too many different pictures are waiting to be drawn."""


class WorkerTimeoutError(JobError):
    """Drawing took longer than it may."""


class ResultCache:
    """Results by key, the least recently used given up first when they outgrow a number of bytes.

    Parameters
    ----------
    limit : int
        Bytes that all results together may take; a result larger than a quarter of it is not kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._results: OrderedDict[Hashable, Result] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that are kept (characters, for text)."""
        return self._size

    def get(self, key: Hashable) -> Result | None:
        """Return a result that was kept, or None."""
        if (result := self._results.get(key)) is not None:
            self._results.move_to_end(key)
        return result

    def put(self, key: Hashable, result: Result) -> None:
        """Keep a result, and give up old ones where there is no room."""
        if len(result) > self._limit // 4:
            return
        self._size += len(result) - len(self._results.pop(key, b""))
        self._results[key] = result
        while self._size > self._limit:
            _, oldest = self._results.popitem(last=False)
            self._size -= len(oldest)


class WorkerPool:
    """Run functions in worker processes.

    Parameters
    ----------
    workers : int, default 2
        Processes at most; they start with the first jobs. Two, so that one large picture does not hold up the others.
    waiting : int, default 64
        Different jobs that may be under way at once; more are refused, so that a flood of odd requests cannot pile up.
    seconds : float, default 60
        How long one job may take in its worker.
    cache_bytes : int, default 64 MiB
        How much of the results is kept.
    """

    def __init__(
        self, *, workers: int = 2, waiting: int = 64, seconds: float = 60.0, cache_bytes: int = 64 * 2**20
    ) -> None:
        self._workers = workers
        self._waiting = waiting
        self._seconds = seconds
        self._cache = ResultCache(cache_bytes)
        self._under_way: dict[Hashable, Future[Result]] = {}
        self._executor: ProcessPoolExecutor | None = None
        self._lock = threading.RLock()

    async def run(self, key: Hashable, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return ``function(*arguments)``, from what is kept, from an equal job under way, or from a worker.

        Parameters
        ----------
        key : hashable
            What the result depends on; it starts with publication and edition, so that a new publication never gets
            the pictures of an old one.
        function : callable
            A function of a module (it is named to the worker, not sent), with arguments that can be pickled.

        Returns
        -------
        bytes or str
            The result.

        Raises
        ------
        WorkerDiedError, WorkerBusyError, WorkerTimeoutError
            See each; all answer 503.
        """
        with self._lock:
            if (kept := self._cache.get(key)) is not None:
                return kept
            job = self._under_way.get(key) or self._start(key, function, arguments)
        try:
            # A visitor who leaves must not cancel the job that others wait for.
            return await asyncio.shield(asyncio.wrap_future(job))
        except BrokenProcessPool as error:
            raise WorkerDiedError(
                "the process that draws pictures ended unexpectedly",
                hint="try again; if it keeps happening the machine has too little memory",
            ) from error
        except TimeoutError as error:
            raise WorkerTimeoutError(
                f"drawing took longer than {self._seconds:g} seconds",
                hint="ask for a level with fewer areas, or load the GeoPackage",
            ) from error

    def _start(self, key: Hashable, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Future[Result]:
        if len(self._under_way) >= self._waiting:
            raise WorkerBusyError(
                f"{len(self._under_way)} pictures are already waiting to be drawn", hint="try again in a few seconds"
            )
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
            )
        executor = self._executor
        try:
            job = executor.submit(_bounded, self._seconds, function, arguments)
        except BrokenProcessPool:
            # The worker died while nobody was waiting: a new pool serves this request at once.
            self._forget(executor)
            return self._start(key, function, arguments)
        self._under_way[key] = job
        job.add_done_callback(lambda done: self._finished(key, done, executor))
        return job

    def _finished(self, key: Hashable, job: Future[Result], executor: ProcessPoolExecutor) -> None:
        with self._lock:
            self._under_way.pop(key, None)
            if job.cancelled():
                return
            error = job.exception()
            if error is None:
                self._cache.put(key, job.result())
            elif isinstance(error, BrokenProcessPool):
                self._forget(executor)
                log.error("a worker process died while drawing %s", key)

    def _forget(self, executor: ProcessPoolExecutor) -> None:
        if self._executor is executor:
            self._executor = None
        executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the workers; jobs that have not begun are dropped."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)


def _bounded(seconds: float, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    """Run a job in the worker, stopped by the clock (where the system has one that can interrupt)."""
    if not hasattr(signal, "setitimer"):
        return function(*arguments)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the server, stop at the time limit, and never outlive the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _time_is_up)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _time_is_up(signum: int, frame: object) -> None:
    raise TimeoutError("the time for this job is up")


def _end_with(sentinel: int) -> None:
    wait_for_any([sentinel])
    os._exit(1)
