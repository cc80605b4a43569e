"""Shared fixtures: sockets stay on the loopback, real data are read only where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import serving

if TYPE_CHECKING:
    from service.workflows.run import RunReport

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _loopback_only(request: pytest.FixtureRequest) -> None:
    from pytest_socket import socket_allow_hosts

    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real reference data; tests skip, and say so, where it is absent."""
    folder = Path(os.environ.get("SOZIALMONITOR_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SOZIALMONITOR_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invented county small enough to be computed in a few seconds."""
    from geodata.sample import write_county

    folder = tmp_path_factory.mktemp("county") / "tiny"
    write_county(folder, size="tiny")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_county: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """The state folder and the report of a run on the tiny county."""
    from service.workflows.run import run

    state = tmp_path_factory.mktemp("state")
    return state, run(tiny_county, state=state)


@pytest.fixture(scope="session")
def served(tiny_run: tuple[Path, RunReport]) -> Iterator[str]:
    """Address of the service on the tiny county's public edition."""
    state, report = tiny_run
    with serving(state, report.county) as address:
        yield address
