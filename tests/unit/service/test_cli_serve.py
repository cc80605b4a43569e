"""``serve``: what cannot work is said in one message, before anything says that it started."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of the server, which is not started."""
    import uvicorn

    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: calls.append({"app": app, **given}))
    return calls


@pytest.fixture
def state(tmp_path: Path) -> Path:
    for county in ("ahlen", "berg"):
        (tmp_path / county).mkdir()
        (tmp_path / county / "current").write_text("0001\n", encoding="ascii")
    return tmp_path


def serve(*options: object, **environment: str) -> Any:
    return CliRunner().invoke(main, ["serve", *map(str, options)], env=environment)


def test_a_port_that_is_taken_is_one_message(started: list[dict[str, Any]], state: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = serve("--state", state, "--county", "berg", "--port", port)
    assert found.exit_code == 1
    assert f"127.0.0.1 port {port}" in found.output
    assert "--port" in found.output
    assert "Traceback" not in found.output
    assert not started


def test_an_unknown_county_is_told_which_there_are(started: list[dict[str, Any]], state: Path) -> None:
    found = serve("--state", state, "--county", "nix")
    assert found.exit_code == 3
    assert "ahlen, berg" in found.output
    assert "'nix'" in found.output
    assert not started


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--edition", "internal", "--host", "0.0.0.0"], "loopback"),
        (["--base-url", "monitor.example.org"], "https://monitor.example.org"),
        (["--port", "70000"], "70000"),
    ],
)
def test_settings_that_cannot_be_meant_are_a_usage_error(
    started: list[dict[str, Any]], state: Path, options: list[str], words: str
) -> None:
    found = serve("--state", state, "--county", "berg", *options)
    assert found.exit_code == 2
    assert words in found.output
    assert "Usage:" in found.output
    assert not started


def test_options_come_before_the_environment(started: list[dict[str, Any]], state: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]
    around = {"SOZIALMONITOR_STATE": str(state), "SOZIALMONITOR_COUNTY": "ahlen", "SOZIALMONITOR_PORT": "1"}
    found = serve("--port", free, **around)
    assert found.exit_code == 0, found.output
    (call,) = started
    assert (call["host"], call["port"]) == ("127.0.0.1", free)
    settings = call["app"].state.shared.settings
    assert (settings.county, settings.state_dir) == ("ahlen", state)
