"""Helpers that several suites share."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def serving(state: Path, county: str, *, edition: str = "public") -> Iterator[str]:
    """Serve a state folder in a process of its own, through the command a user types; yields the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "service.cli", "serve", "--state", str(state), "--county", county]
    command += ["--edition", edition, "--port", str(port)]
    log = tempfile.TemporaryFile()  # noqa: SIM115  # closed in the finally below
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            process.terminate()
        if process.poll() is not None:
            log.seek(0)
            pytest.fail(f"the service did not start: {log.read().decode()[-2000:]}")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()
