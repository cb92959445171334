"""The `simulator` commands, as a user calls them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from main import run
from simulator.daemon import stop

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("run", "start", "stop", "status", "fault", "faults")


@pytest.fixture
def started(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, object]]:
    """A simulator of the test's own, started by the command."""
    assert run(["simulator", "start", "--seed", "5", "--json"]) == 0
    yield json.loads(capsys.readouterr().out)
    stop(home / "state")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["simulator", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.out + captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Example: python main.py simulator {command}" in said(capsys, command, "--help")


def test_start_status_and_stop_tell_what_is_served_where(
    started: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = started["hosts"]
    assert isinstance(hosts, dict)
    table = said(capsys, "status")
    assert "synthetic-5" in table
    assert all(host in table and url in table for host, url in hosts.items())
    record = json.loads(said(capsys, "status", "--json"))
    assert (record["running"], record["pid"], record["health"]["faults"]) == (True, started["pid"], 0)
    assert said(capsys, "stop") == "The simulator has stopped.\n"
    assert said(capsys, "stop") == "No simulator is running.\n"


def test_without_a_simulator_status_exits_6_and_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert "simulator start" in said(capsys, "status", code=6)
    assert "simulator start" in said(capsys, "faults", code=3)


def test_faults_are_set_listed_and_cleared(started: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "fault", "*", "delay", "--set", "ms=250", "--path", "/api/*", "--times", "3")
    said(capsys, "fault", "*", "empty_book", "--set", "side=bids")
    delay, empty = json.loads(said(capsys, "faults", "--json"))["faults"]
    assert (delay["kind"], delay["ms"], delay["path"], delay["times"]) == ("delay", 250, "/api/*", 3)
    assert empty["side"] == "bids"
    assert "side=bids" in said(capsys, "faults")
    assert said(capsys, "faults", "--clear") == "Faults removed: 2.\n"
    assert json.loads(said(capsys, "faults", "--json")) == {"faults": []}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("fault", "nowhere", "down"), 4, "No venue 'nowhere' is simulated"),
        (("fault", "*", "slow"), 4, "use one of delay, timeout"),
        (("fault", "*", "delay"), 4, "needs the argument 'ms'"),
        (("fault", "*", "delay", "--set", "ms"), 2, "KEY=VALUE"),
        (("start", "--seed", "6"), 3, "already running with --seed 5, not 6"),
        (("start", "--tls"), 3, "already running with --tls off, not on"),
        (("start", "--tape", "/nowhere"), 2, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    started: dict[str, object], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    text = said(capsys, *arguments, code=code)
    assert words in text
    assert len(text.strip().splitlines()) == 1


def test_run_shows_the_hosts_and_ends_with_ctrl_c(home: Path) -> None:
    command = [sys.executable, "main.py", "simulator", "run", "--seed", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)
    state = home / "state" / "simulator.json"
    until = time.monotonic() + 30
    while not state.exists() and time.monotonic() < until:
        time.sleep(0.02)
    hosts = json.loads(state.read_text())["hosts"]
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert all(host in out for host in hosts)
    assert err == "Press Ctrl-C to stop.\n"
    assert not state.exists()
