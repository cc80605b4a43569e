"""Worker processes: one computation for equal requests, bounded results, and what happens when a worker fails."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.jobs.pool import (
    ResultCache,
    WorkerBusyError,
    WorkerDiedError,
    WorkerPool,
    WorkerTimeoutError,
)

# What the workers run must be importable by name in a fresh process, so it comes from the standard library or from here
# by path; pytest's import mode keeps test modules out of sys.path.


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A module of jobs that a spawned process can import."""
    (tmp_path / "sample_jobs.py").write_text(
        "import os, time\n"
        "def note(path, text):\n"
        "    with open(path, 'a') as file:\n"
        "        file.write(text + '\\n')\n"
        "    time.sleep(0.3)\n"
        "    return f'{text} by {os.getpid()}'\n"
        "def die():\n"
        "    os._exit(9)\n"
        "def linger():\n"
        "    deadline = time.monotonic() + 30\n"
        "    while time.monotonic() < deadline:\n"
        "        time.sleep(0.01)\n"
        "    return 'late'\n"
        "def fail():\n"
        "    raise LookupError('no such area')\n"
        "def pid():\n"
        "    return str(os.getpid())\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    return importlib.import_module("sample_jobs")


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    found = WorkerPool(workers=1, waiting=3, seconds=20)
    yield found
    found.close()


def test_equal_requests_share_one_computation_and_its_result_is_kept(
    pool: WorkerPool, jobs: object, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    async def ask() -> list[str | bytes]:
        return await asyncio.gather(*(pool.run("same", jobs.note, str(log), "a") for _ in range(5)))  # type: ignore[attr-defined]

    first = asyncio.run(ask())
    again = asyncio.run(pool.run("same", jobs.note, str(log), "a"))  # type: ignore[attr-defined]
    assert len({*first, again}) == 1
    assert log.read_text() == "a\n"
    asyncio.run(pool.run("other", jobs.note, str(log), "b"))  # type: ignore[attr-defined]
    assert log.read_text() == "a\nb\n"


def test_a_visitor_who_leaves_does_not_take_the_job_along(pool: WorkerPool, jobs: object, tmp_path: Path) -> None:
    async def ask() -> str | bytes:
        # Two jobs ahead: what waits in the queue could still be cancelled, what runs could not.
        ahead = [
            asyncio.create_task(pool.run(i, jobs.note, str(tmp_path / "log"), "b"))  # type: ignore[attr-defined]
            for i in range(2)
        ]
        await asyncio.sleep(0)
        impatient = asyncio.create_task(pool.run("k", jobs.note, str(tmp_path / "log"), "a"))  # type: ignore[attr-defined]
        patient = asyncio.create_task(pool.run("k", jobs.note, str(tmp_path / "log"), "a"))  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)
        impatient.cancel()
        await asyncio.gather(*ahead)
        return await patient

    assert str(asyncio.run(ask())).startswith("a by")


def test_work_is_done_in_another_process(pool: WorkerPool, jobs: object) -> None:
    assert asyncio.run(pool.run("pid", jobs.pid)) != str(os.getpid())  # type: ignore[attr-defined]


def test_a_dead_worker_is_told_and_replaced(pool: WorkerPool, jobs: object) -> None:
    with pytest.raises(WorkerDiedError, match="unexpectedly"):
        asyncio.run(pool.run("dead", jobs.die))  # type: ignore[attr-defined]
    assert asyncio.run(pool.run("alive", jobs.pid))  # type: ignore[attr-defined]


def test_a_worker_killed_while_idle_is_replaced(pool: WorkerPool, jobs: object) -> None:
    import signal

    first = int(asyncio.run(pool.run("a", jobs.pid)))  # type: ignore[attr-defined]
    os.kill(first, signal.SIGKILL)
    time.sleep(0.5)
    second = int(asyncio.run(pool.run("b", jobs.pid)))  # type: ignore[attr-defined]
    assert second != first


def test_a_job_ends_when_its_time_is_up(jobs: object) -> None:
    pool = WorkerPool(workers=1, seconds=0.2)
    try:
        asyncio.run(pool.run("warm", jobs.pid))  # type: ignore[attr-defined]
        begin = time.monotonic()
        with pytest.raises(WorkerTimeoutError, match="longer than"):
            asyncio.run(pool.run("late", jobs.linger))  # type: ignore[attr-defined]
        assert time.monotonic() - begin < 10
        assert asyncio.run(pool.run("next", jobs.pid)), "the worker is free again"  # type: ignore[attr-defined]
    finally:
        pool.close()


def test_too_many_different_jobs_are_refused(pool: WorkerPool, jobs: object, tmp_path: Path) -> None:
    async def ask() -> list[object]:
        return await asyncio.gather(
            *(pool.run(i, jobs.note, str(tmp_path / "log"), str(i)) for i in range(5)),  # type: ignore[attr-defined]
            return_exceptions=True,
        )

    answers = asyncio.run(ask())
    assert sum(isinstance(answer, WorkerBusyError) for answer in answers) == 2
    assert sum(isinstance(answer, str) for answer in answers) == 3


def test_an_error_of_the_job_is_the_error_of_the_request_and_not_kept(pool: WorkerPool, jobs: object) -> None:
    for _ in range(2):
        with pytest.raises(LookupError, match="no such area"):
            asyncio.run(pool.run("fails", jobs.fail))  # type: ignore[attr-defined]


def test_results_stay_within_their_bound() -> None:
    cache = ResultCache(limit=100)
    for number in range(20):
        cache.put(number, b"x" * 20)
        assert cache.size <= 100
    assert cache.get(0) is None
    assert cache.get(19) is not None
    cache.put("large", b"x" * 26)
    assert cache.get("large") is None, "one that takes a quarter of all is not kept"
    cache.put(19, b"y" * 10)
    assert cache.size == 90
    for number in (16, 15):
        cache.get(number)
    cache.get(16)
    for number in range(30, 33):
        cache.put(number, b"z" * 25)
    assert cache.get(16) is not None, "what is used stays"
    assert cache.get(17) is None
